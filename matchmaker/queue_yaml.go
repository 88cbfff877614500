package matchmaker

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// maxQueueFile is room for 256 queues with as many options as a room takes.
const maxQueueFile = 2 << 20

// ParseQueues reads a file of queues (docs/TICKETS.md). name stands in front
// of errors, which say the line, the queue, the key, and what is allowed. It
// takes only what it knows: a mistyped key is an error, as are anchors and
// aliases.
func ParseQueues(name string, data []byte) ([]Queue, error) {
	if len(data) > maxQueueFile {
		return nil, fmt.Errorf("%s: %d bytes, at most %d", name, len(data), maxQueueFile)
	}
	dec := yaml.NewDecoder(bytes.NewReader(data))
	var doc, more yaml.Node
	if err := dec.Decode(&doc); err != nil {
		if errors.Is(err, io.EOF) {
			return nil, fmt.Errorf("%s: empty, want queues: […]", name)
		}
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if err := dec.Decode(&more); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%s: more than one YAML document", name)
	}
	queues, err := readQueues(doc.Content[0])
	if err != nil {
		return nil, fmt.Errorf("%s:%w", name, err)
	}
	return queues, nil
}

// lineError is an error about a place in the file: "7: text".
func lineError(n *yaml.Node, format string, args ...any) error {
	return fmt.Errorf("%d: "+format, append([]any{n.Line}, args...)...)
}

func readQueues(root *yaml.Node) ([]Queue, error) {
	var list *yaml.Node
	err := readMap(root, "the file", map[string]func(*yaml.Node) error{
		"queues": func(n *yaml.Node) error {
			list = n
			return nil
		},
	})
	if err != nil {
		return nil, err
	}
	switch {
	case list == nil:
		return nil, lineError(root, "no key queues")
	case list.Kind != yaml.SequenceNode:
		return nil, lineError(list, "queues must be a list")
	case len(list.Content) > maxQueues:
		return nil, lineError(list, "%d queues, at most %d", len(list.Content), maxQueues)
	}
	queues := make([]Queue, len(list.Content))
	lines := map[string]int{}
	for i, n := range list.Content {
		q := &queues[i]
		if err := readQueue(n, q); err != nil {
			return nil, err
		}
		if first := lines[q.Name]; first != 0 {
			return nil, lineError(n, "queue %q is there already, at line %d", q.Name, first)
		}
		lines[q.Name] = n.Line
	}
	return queues, nil
}

// readQueue reads one queue.
func readQueue(n *yaml.Node, q *Queue) error {
	what := "a queue"
	if name := mapValue(n, "name"); name != nil {
		what = fmt.Sprintf("queue %.80q", name.Value)
	}
	q.setDefaults()               // before the keys: what is written as 0 is not left out
	at := map[string]*yaml.Node{} // where each key stands
	set := func(key string, read func(*yaml.Node) error) func(*yaml.Node) error {
		return func(v *yaml.Node) error {
			at[key] = v
			if err := read(v); err != nil {
				return lineError(v, "%s: %s %w", what, key, err)
			}
			return nil
		}
	}
	nested := func(key string, fields map[string]func(*yaml.Node) error) func(*yaml.Node) error {
		return func(v *yaml.Node) error {
			for name, read := range fields {
				fields[name] = set(key+"."+name, read)
			}
			return readMap(v, what+": "+key, fields)
		}
	}
	err := readMap(n, what, map[string]func(*yaml.Node) error{
		"name":      set("name", text(&q.Name)),
		"game":      set("game", text(&q.Game)),
		"teams":     set("teams", whole(&q.Teams)),
		"team_size": set("team_size", whole(&q.TeamSize)),
		"rating_window": nested("rating_window", map[string]func(*yaml.Node) error{
			"start":      points(&q.Window.Start),
			"per_second": points(&q.Window.PerSecond),
			"max":        points(&q.Window.Max),
		}),
		"max_wait":             set("max_wait", duration(&q.MaxWait)),
		"fill_with_bots_after": set("fill_with_bots_after", duration(&q.FillWithBotsAfter)),
		"options":              set("options", options(&q.Options)),
		"metadata":             set("metadata", metadata(&q.Metadata)),
		"room": nested("room", map[string]func(*yaml.Node) error{
			"private": private(&q.Public),
			"bots":    whole(q.Bots),
		}),
	})
	if err != nil {
		return err
	}
	return finishQueue(n, q, what, at)
}

// finishQueue checks the whole.
func finishQueue(n *yaml.Node, q *Queue, what string, at map[string]*yaml.Node) error {
	if at["rating_window.max"] == nil {
		q.Window.Max = max(q.Window.Max, q.Window.Start)
	}
	err := q.validate()
	var wrong *queueError
	if errors.As(err, &wrong) {
		place := n
		if v := at[wrong.key]; v != nil {
			place = v
		}
		return lineError(place, "%s: %w", what, err)
	}
	return err
}

// readMap reads a mapping whose keys are those of fields, each at most once.
func readMap(n *yaml.Node, what string, fields map[string]func(*yaml.Node) error) error {
	if n.Kind != yaml.MappingNode || n.Anchor != "" {
		return lineError(n, "%s must be a mapping, without an anchor", what)
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		read := fields[key.Value]
		switch {
		case key.Kind != yaml.ScalarNode || read == nil:
			return lineError(key, "%s: unknown key %.80q, want %s", what, key.Value, keyList(fields))
		case seen[key.Value]:
			return lineError(key, "%s: key %q is there twice", what, key.Value)
		case value.Kind == yaml.AliasNode || value.Anchor != "":
			return lineError(value, "%s: %s: anchors and aliases are not taken", what, key.Value)
		}
		seen[key.Value] = true
		if err := read(value); err != nil {
			return err
		}
	}
	return nil
}

// mapValue returns the value of a key, nil if n is no mapping that has it.
func mapValue(n *yaml.Node, key string) *yaml.Node {
	if n.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return n.Content[i+1]
		}
	}
	return nil
}

func keyList[V any](m map[string]V) string {
	keys := make([]string, 0, len(m))
	for _, p := range sortPairs(mapKeys(m)) {
		keys = append(keys, p.Key)
	}
	return "one of " + strings.Join(keys, ", ")
}

func mapKeys[V any](m map[string]V) map[string]string {
	out := make(map[string]string, len(m))
	for k := range m {
		out[k] = ""
	}
	return out
}

// scalar returns the text of a plain value.
func scalar(n *yaml.Node) (string, bool) {
	return n.Value, n.Kind == yaml.ScalarNode && n.ShortTag() != "!!null"
}

func text(to *string) func(*yaml.Node) error {
	return func(n *yaml.Node) error {
		var ok bool
		if *to, ok = scalar(n); !ok {
			return errors.New("must be text")
		}
		return nil
	}
}

func whole(to *int) func(*yaml.Node) error {
	return func(n *yaml.Node) (err error) {
		v, ok := scalar(n)
		if *to, err = strconv.Atoi(v); err != nil || !ok {
			return fmt.Errorf("is %.80q, must be a whole number", v)
		}
		return nil
	}
}

func points(to *float64) func(*yaml.Node) error {
	return func(n *yaml.Node) (err error) {
		v, ok := scalar(n)
		if *to, err = strconv.ParseFloat(v, 64); err != nil || !ok {
			return fmt.Errorf("is %.80q, must be a number of points", v)
		}
		return nil
	}
}

func duration(to *time.Duration) func(*yaml.Node) error {
	return func(n *yaml.Node) (err error) {
		v, ok := scalar(n)
		if *to, err = time.ParseDuration(v); err != nil || !ok {
			return fmt.Errorf("is %.80q, must be a duration such as 90s or 2m", v)
		}
		return nil
	}
}

func private(public *bool) func(*yaml.Node) error {
	return func(n *yaml.Node) error {
		v, ok := scalar(n)
		if !ok || v != "true" && v != "false" {
			return fmt.Errorf("is %.80q, must be true or false", v)
		}
		*public = v == "false"
		return nil
	}
}

func metadata(to *map[string]string) func(*yaml.Node) error {
	return func(n *yaml.Node) error {
		if n.Kind != yaml.MappingNode {
			return errors.New("must be a mapping of texts")
		}
		out := map[string]string{}
		for i := 0; i+1 < len(n.Content); i += 2 {
			key, keyOK := scalar(n.Content[i])
			value, ok := scalar(n.Content[i+1])
			if _, twice := out[key]; !ok || !keyOK || twice {
				return fmt.Errorf("of %.80q must be one text", key)
			}
			out[key] = value
		}
		*to = out
		return nil
	}
}

// options turns YAML into the JSON that a game reads.
func options(to *json.RawMessage) func(*yaml.Node) error {
	return func(n *yaml.Node) error {
		v, err := plain(n, maxOptionsDepth)
		if err != nil {
			return err
		}
		*to, err = json.Marshal(v)
		return err
	}
}

// plain is what JSON has a form for. It does not follow aliases, so nothing
// grows.
func plain(n *yaml.Node, depth int) (v any, err error) {
	if depth < 0 || n.Kind == yaml.AliasNode || n.Anchor != "" {
		return nil, errors.New("must be nested at most 16 deep, without anchors and aliases")
	}
	switch n.Kind {
	case yaml.SequenceNode:
		list := make([]any, len(n.Content))
		for i, e := range n.Content {
			if list[i], err = plain(e, depth-1); err != nil {
				return nil, err
			}
		}
		return list, nil
	case yaml.MappingNode:
		fields := make(map[string]any, len(n.Content)/2)
		for i := 0; i+1 < len(n.Content); i += 2 {
			key := n.Content[i]
			if _, twice := fields[key.Value]; twice || key.Kind != yaml.ScalarNode {
				return nil, fmt.Errorf("have key %.80q twice, or it is no text", key.Value)
			}
			if fields[key.Value], err = plain(n.Content[i+1], depth-1); err != nil {
				return nil, err
			}
		}
		return fields, nil
	}
	switch n.ShortTag() {
	case "!!null", "!!bool", "!!int", "!!float":
		err = n.Decode(&v)
		return v, err
	case "!!str":
		return n.Value, nil
	}
	return nil, fmt.Errorf("have %.80q, which JSON has no form for", n.Value)
}
