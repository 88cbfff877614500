package view

import (
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"reflect"
	"strings"
	"testing"
)

// The schema printed in docs/PROTOCOL.md §5.5 is one that ParseSchema takes, and means what it says there.
func TestSchemaOfTheProtocolParses(t *testing.T) {
	s, err := ParseSchema([]byte(documentedSchema(t)))
	if err != nil {
		t.Fatal(err)
	}
	ship := s.Kinds[0].Fields
	want := []Field{{Name: "x", Type: Fixed, Scale: 32, Pos: "x"}, {Name: "aim", Type: Angle, Turn: 1024}, {Name: "owner", Type: Int, Owner: true}}
	if !reflect.DeepEqual(ship, want) {
		t.Errorf("kind ship has fields %+v, want %+v", ship, want)
	}
	dx := s.Input.Fields[0]
	if s.Input.Mode != "one" || *dx.Min != -1 || *dx.Max != 1 || s.Input.Fields[1].Type != Bool {
		t.Errorf("input %+v", s.Input)
	}
	if len(s.Messages) != 1 || s.Messages[0].Rate != 5 || len(s.Events) != 1 || s.Events[0].Name != "hit" {
		t.Errorf("messages %+v, events %+v", s.Messages, s.Events)
	}
	again, err := ParseSchema(s.JSON())
	if err != nil || !reflect.DeepEqual(again, s) {
		t.Errorf("written and read again: %+v, %v", again, err)
	}
}

func documentedSchema(t testing.TB) string {
	t.Helper()
	text, err := os.ReadFile("../../docs/PROTOCOL.md")
	if err != nil {
		t.Fatal(err)
	}
	_, text5, ok := strings.Cut(string(text), "### 5.5 Schema")
	_, block, ok2 := strings.Cut(text5, "```json\n")
	block, _, ok3 := strings.Cut(block, "```")
	if !ok || !ok2 || !ok3 {
		t.Fatal("docs/PROTOCOL.md §5.5 shows no JSON block")
	}
	return strings.ReplaceAll(block, "[…]", "[]")
}

// Every key of the schema's JSON is in the protocol, so that an SDK written from the page knows all of them.
func TestSchemaKeysAreDocumented(t *testing.T) {
	text, err := os.ReadFile("../../docs/PROTOCOL.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, typ := range []reflect.Type{reflect.TypeFor[Schema](), reflect.TypeFor[Kind](), reflect.TypeFor[Input](),
		reflect.TypeFor[Message](), reflect.TypeFor[Event](), reflect.TypeFor[Field]()} {
		for i := range typ.NumField() {
			key, _, _ := strings.Cut(typ.Field(i).Tag.Get("json"), ",")
			if !strings.Contains(string(text), `"`+key+`"`) && !strings.Contains(string(text), "`"+key+"`") {
				t.Errorf("%s.%s is %q in JSON, which docs/PROTOCOL.md does not name", typ.Name(), typ.Field(i).Name, key)
			}
		}
	}
}

func TestValidate(t *testing.T) {
	n := func(v int32) *int32 { return &v }
	field := func(f Field) func(*Schema) {
		return func(s *Schema) { s.Kinds = []Kind{{Name: "k", Fields: []Field{f}}} }
	}
	for _, c := range []struct {
		name   string
		change func(*Schema)
		want   string // "" is acceptable
	}{
		{"as it is", func(*Schema) {}, ""},
		{"no name", func(s *Schema) { s.Game = "" }, "game name"},
		{"long name", func(s *Schema) { s.Game = strings.Repeat("x", 65) }, "game name"},
		{"name not UTF-8", func(s *Schema) { s.Game = "\xff" }, "UTF-8"},
		{"kinds at the limit", func(s *Schema) { s.Kinds = manyKinds(MaxKinds) }, ""},
		{"too many kinds", func(s *Schema) { s.Kinds = manyKinds(MaxKinds + 1) }, fmt.Sprint(MaxKinds+1, " kinds")},
		{"too many messages", func(s *Schema) { s.Messages = make([]Message, MaxMessages+1) }, fmt.Sprint(MaxMessages+1, " messages")},
		{"too many events", func(s *Schema) { s.Events = make([]Event, MaxEvents+1) }, fmt.Sprint(MaxEvents+1, " events")},
		{"no rate", func(s *Schema) { s.TickHz = 0 }, "tick_hz"},
		{"sends faster than it ticks", func(s *Schema) { s.SendHz = 21 }, "send_hz"},
		{"two kinds of a name", func(s *Schema) { s.Kinds = []Kind{{Name: "k"}, {Name: "k"}} }, `"k"`},
		{"kind without a name", func(s *Schema) { s.Kinds = []Kind{{}} }, "kind name"},
		{"fields at the limit", func(s *Schema) { s.Kinds = []Kind{{Name: "k", Fields: numbers(MaxFields)}} }, ""},
		{"too many fields", func(s *Schema) { s.Kinds = []Kind{{Name: "k", Fields: numbers(MaxFields + 1)}} }, fmt.Sprint(MaxFields+1, " fields")},
		{"field without a name", field(Field{Type: Int}), "field name"},
		{"field of no type", field(Field{Name: "f"}), `type ""`},
		{"fixed without a scale", field(Field{Name: "f", Type: Fixed}), "scale 0"},
		{"angle without a turn", field(Field{Name: "f", Type: Angle}), "turn 0"},
		{"angle of one unit", field(Field{Name: "f", Type: Angle, Turn: 1}), "turn 1"},
		{"angle at the limit", field(Field{Name: "f", Type: Angle, Turn: 1 << 24}), ""},
		{"angle too fine", field(Field{Name: "f", Type: Angle, Turn: 1<<24 + 1}), "turn"},
		{"text without a maximum", field(Field{Name: "f", Type: Text}), "maximum"},
		{"text of none", field(Field{Name: "f", Type: Text, Max: n(0)}), "maximum"},
		{"text at the limit", field(Field{Name: "f", Type: Text, Max: n(MaxText)}), ""},
		{"bytes too long", field(Field{Name: "f", Type: Bytes, Max: n(MaxText + 1)}), "maximum"},
		{"empty range", field(Field{Name: "f", Type: Int, Min: n(2), Max: n(1)}), "2..1 is empty"},
		{"input mode", func(s *Schema) { s.Input = &Input{Mode: "all", Fields: numbers(1)} }, `"all"`},
		{"input without fields", func(s *Schema) { s.Input = &Input{Mode: "one"} }, "without fields"},
		{"input with a text", func(s *Schema) {
			s.Input = &Input{Mode: "one", Fields: []Field{{Name: "f", Type: Text, Max: n(5)}}}
		}, "inputs are numbers"},
		{"message with a bad field", func(s *Schema) { s.Messages = []Message{{Name: "m", Fields: []Field{{Name: "f"}}}} }, `message "m", field "f"`},
		{"event with a bad field", func(s *Schema) { s.Events = []Event{{Name: "e", Fields: []Field{{Name: "f"}}}} }, `event "e", field "f"`},
	} {
		s := schemaOf()
		c.change(s)
		err := s.Validate()
		switch {
		case c.want == "" && err != nil:
			t.Errorf("%s: %v", c.name, err)
		case c.want != "" && (!errors.Is(err, ErrSchema) || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%s: got %v, want an ErrSchema with %q", c.name, err, c.want)
		}
		if _, got := Compile(s); (got == nil) != (err == nil) {
			t.Errorf("%s: Compile says %v, Validate %v", c.name, got, err)
		}
	}
}

func manyKinds(n int) (kinds []Kind) {
	for i := range n {
		kinds = append(kinds, Kind{Name: string(rune('a' + i))})
	}
	return kinds
}

func TestParseSchemaRefuses(t *testing.T) {
	for name, text := range map[string]string{
		"nothing":       "",
		"not JSON":      "{",
		"another type":  `{"game":5}`,
		"not a number":  `{"game":"x","tick_hz":20,"send_hz":20,"kinds":[{"name":"k","fields":[{"name":"f","type":"fixed","scale":1e99}]}]}`,
		"64 KiB":        `{"game":"x","tick_hz":20,"send_hz":20}` + strings.Repeat(" ", MaxSchemaBytes),
		"deeply nested": strings.Repeat("[", 60000),
	} {
		if _, err := ParseSchema([]byte(text)); !errors.Is(err, ErrSchema) {
			t.Errorf("%s: %v, want ErrSchema", name, err)
		}
	}
}

// FuzzParseSchema: what is accepted compiles, and comes back the same.
func FuzzParseSchema(f *testing.F) {
	f.Add([]byte(documentedSchema(f)))
	rng := rand.New(rand.NewPCG(1, 2))
	for range 10 {
		f.Add(randomSchema(rng).JSON())
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		s, err := ParseSchema(text)
		if err != nil {
			if !errors.Is(err, ErrSchema) {
				t.Fatalf("error %v, want ErrSchema", err)
			}
			return
		}
		l, err := Compile(s)
		if err != nil {
			t.Fatalf("ParseSchema took what Compile refuses: %v", err)
		}
		l.NewClientFrame().Hash()
		one := s.JSON()
		again, err := ParseSchema(one)
		if err != nil && len(one) <= MaxSchemaBytes {
			t.Fatalf("written again: %v", err)
		}
		if err == nil {
			if two := again.JSON(); string(one) != string(two) || !json.Valid(two) {
				t.Fatalf("%s comes back as %s", one, two)
			}
		}
	})
}
