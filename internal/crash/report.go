package crash

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// A Kind is what ended a process, as far as its traces tell. The runtime's own words do not reach the file: it prints them before
// it takes itself for dying (as of Go 1.26), so a kind is recognised by the functions that were running.
type Kind string

// The kinds. Of the first four whoever ran on the goroutine is to blame; Memory and Fatal hit whoever happens to run.
const (
	Panic    Kind = "panic" // that nobody recovered
	Overflow Kind = "stack overflow"
	Map      Kind = "concurrent map access"
	Lock     Kind = "misuse of a lock"
	Memory   Kind = "out of memory"
	Fatal    Kind = "unknown"
)

// The labels of goroutines that run code of a game.
const (
	LabelRoom  = "room"
	LabelEpoch = "epoch"
	LabelGame  = "game"
)

// Bounds of what is kept of a trace. A stack of 100 calls, which is what the runtime prints of deep ones, takes some 15 KiB.
const (
	maxText  = 4 << 10
	maxStack = 64 << 10
	maxLine  = 16 << 10
	maxScan  = 64 << 20 // how far a trace is looked for behind the text of a panic
	maxName  = 128      // bytes of a room's or a game's name
)

// A Report is how a process ended.
type Report struct {
	Kind  Kind
	Text  string // the panic's, with its value, or "fatal error: " and the kind; at most 4 KiB
	Stack []byte // of the goroutine that ended the process, from its "goroutine" line on; at most 64 KiB, empty: none was found

	// What ran on that goroutine, "" and 0 if it was no game.
	Room, Game string
	Epoch      uint32 // of the room
}

// Certain reports whether the room alone is to blame. Memory that has run out is noticed by whoever wants some next.
func (r *Report) Certain() bool {
	return r.Room != "" && r.Kind != Memory && r.Kind != Fatal
}

// Parse reads what the runtime wrote when a process ended, as debug.SetCrashOutput keeps it. ok is false if it wrote nothing. What
// a game may have put into it is bounded and cannot pass for a trace: in the text of a panic each line but the first is indented.
func Parse(in io.Reader) (r Report, ok bool, err error) {
	p := parser{in: bufio.NewReaderSize(io.LimitReader(in, maxScan), maxLine)}
	for {
		line, err := p.line()
		if line != "" {
			ok = true
		}
		if err != nil || p.take(line) {
			if errors.Is(err, io.EOF) {
				err = nil
			}
			return p.report(), ok, err
		}
	}
}

// A parser goes through a trace: the text, for fatal errors the runtime's own stack, and the goroutine that was running.
type parser struct {
	in *bufio.Reader

	text   strings.Builder // until a line is empty
	closed bool            // it was
	system bool            // in the runtime's own stack, below "runtime stack:"
	calls  []string        // that tell kinds apart
	header string
	stack  strings.Builder
}

// line is the next one without its end. Of a line that is too long the first bytes are returned.
func (p *parser) line() (string, error) {
	b, err := p.in.ReadSlice('\n')
	line := strings.TrimSuffix(string(b), "\n")
	for errors.Is(err, bufio.ErrBufferFull) {
		_, err = p.in.ReadSlice('\n')
	}
	return line, err
}

// maxCalls is how many calls from the innermost on say what the kind is.
const maxCalls = 16

// take looks at a line; done says that what follows is about others.
func (p *parser) take(line string) (done bool) {
	switch {
	case p.header != "":
		if line == "" || p.stack.Len()+len(line) >= maxStack {
			return true
		}
		p.stack.WriteString(line + "\n")
	case strings.HasPrefix(line, "goroutine "):
		p.header, p.system = line, false
		p.stack.WriteString(line + "\n")
		return false
	case line == "runtime stack:":
		p.system, p.closed = true, true
	case line == "":
		p.closed = p.closed || p.text.Len() > 0
	case !p.closed && p.text.Len()+len(line) < maxText:
		p.text.WriteString(line + "\n")
	}
	if (p.header != "" || p.system) && len(p.calls) < maxCalls && !strings.HasPrefix(line, "\t") {
		name, _, _ := strings.Cut(line, "({") // arguments, but not a receiver: runtime.throw({0x4dfade?, …})
		p.calls = append(p.calls, name)
	}
	return false
}

// report is what was found.
func (p *parser) report() (r Report) {
	r.Text, r.Stack = strings.ToValidUTF8(strings.TrimSpace(p.text.String()), "?"), []byte(p.stack.String())
	r.Kind = p.kind(r.Text)
	if r.Text == "" {
		r.Text = "fatal error: " + string(r.Kind)
	}
	status, labels := parseHeader(p.header)
	if status != "running" { // a trace that begins with somebody who waits is not of who did it
		return r
	}
	epoch, err := strconv.ParseUint(labels[LabelEpoch], 10, 32)
	if room, game := labels[LabelRoom], labels[LabelGame]; err == nil && epoch > 0 && room != "" && len(room) <= maxName && len(game) <= maxName {
		r.Room, r.Game, r.Epoch = room, game, uint32(epoch)
	}
	return r
}

func (p *parser) kind(text string) Kind {
	if strings.HasPrefix(text, "panic: ") {
		return Panic
	}
	for _, c := range p.calls {
		switch {
		case strings.HasPrefix(c, "runtime.newstack"):
			return Overflow
		case strings.HasPrefix(c, "internal/runtime/maps.fatal"):
			return Map
		case strings.HasPrefix(c, "sync.fatal"), strings.HasPrefix(c, "internal/sync.fatal"):
			return Lock
		case strings.HasPrefix(c, "runtime.sysMap"), strings.HasPrefix(c, "runtime.(*mheap).grow"), strings.HasPrefix(c, "runtime.(*mcache).allocLarge"):
			return Memory
		}
	}
	return Fatal
}

// parseHeader takes apart the first line of a goroutine's trace:
//
//	goroutine 7 gp=0xc0 m=3 mp=0xc8 [running, locked to thread labels:{"epoch": "3", "room": "r1"}]:
//
// Of a line that is something else the status is "".
func parseHeader(line string) (status string, labels map[string]string) {
	_, inside, _ := strings.Cut(line, " [")
	inside, ok := strings.CutSuffix(inside, "]:")
	if !ok {
		return "", nil
	}
	inside, list, labelled := strings.Cut(inside, " labels:{")
	status, _, _ = strings.Cut(inside, ",")
	if list, ok = strings.CutSuffix(list, "}"); !labelled || !ok {
		return status, nil
	}
	labels, err := parseLabels(list)
	if err != nil {
		return status, nil
	}
	return status, labels
}

// parseLabels reads "key": "value", "key": "value". What a key stands for is its first value.
func parseLabels(list string) (map[string]string, error) {
	labels := make(map[string]string)
	for list != "" {
		key, rest, err := cutQuoted(list)
		if err != nil {
			return nil, err
		}
		rest, ok := strings.CutPrefix(rest, ": ")
		if !ok {
			return nil, errLabels
		}
		value, rest, err := cutQuoted(rest)
		if err != nil {
			return nil, err
		}
		if list, ok = strings.CutPrefix(rest, ", "); !ok && rest != "" {
			return nil, errLabels
		}
		if _, twice := labels[key]; !twice {
			labels[key] = value
		}
	}
	return labels, nil
}

var errLabels = errors.New("labels of a goroutine")

func cutQuoted(s string) (value, rest string, err error) {
	quoted, err := strconv.QuotedPrefix(s)
	if err == nil {
		value, err = strconv.Unquote(quoted)
	}
	if err != nil {
		return "", "", fmt.Errorf("%w: %w", errLabels, err)
	}
	return value, s[len(quoted):], nil
}
