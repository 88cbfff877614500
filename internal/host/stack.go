package host

import (
	"bytes"
	"fmt"
	"path"
	"runtime/pprof"
	"strings"
)

// A StackFrame is one call of a goroutine's stack.
type StackFrame struct {
	Func string // with its package's path
	File string // with its path
	Line string
}

// String is the frame in a line: (*Game).Step at game.go:57.
func (f StackFrame) String() string {
	name := f.Func
	if i := strings.LastIndexByte(name, '/'); i >= 0 {
		name = name[i+1:]
	}
	return name + " at " + path.Base(f.File) + ":" + f.Line
}

// GameStack takes apart what debug.Stack wrote while a panic was recovered: the frames from the one that panicked outwards, the
// game's own only. What is the server's, the runtime's or the standard library's is left out, unless nothing else is there.
func GameStack(stack []byte) []StackFrame {
	frames := parseStack(string(stack))
	for i := len(frames) - 1; i >= 0; i-- {
		if f := frames[i].Func; f == "panic" || strings.HasPrefix(f, "runtime.goPanic") {
			frames = frames[i+1:] // above it: how it was recovered
			break
		}
	}
	var game []StackFrame
	for _, f := range frames {
		if !f.foreign() {
			game = append(game, f)
		}
	}
	if len(game) == 0 {
		return frames
	}
	return game
}

const ourModule = "github.com/ringside-server/ringside"

// gameAt is where in its game a panic happened, "" if the stack does not say.
func gameAt(stack []byte) string {
	if frames := GameStack(stack); len(frames) > 0 {
		return frames[0].String()
	}
	return ""
}

// foreign reports whether a call is the server's, the runtime's or the standard library's, whose files lie in the directory of
// their import path below src, or, of what other packages call by another name, in the runtime's.
func (f StackFrame) foreign() bool {
	pkg := f.Func
	slash := strings.LastIndexByte(pkg, '/') + 1
	if dot := strings.IndexByte(pkg[slash:], '.'); dot >= 0 {
		pkg = pkg[:slash+dot]
	}
	inside, ours := strings.CutPrefix(pkg, ourModule)
	if ours && (inside == "" || inside == "/room" || strings.HasPrefix(inside, "/internal/")) {
		return true
	}
	dir := path.Dir(f.File)
	return pkg == "panic" || dir == pkg || strings.HasSuffix(dir, "/src/runtime") || strings.HasSuffix(dir, "/src/"+pkg)
}

// parseStack reads pairs of lines: a call, and a tab with its place.
func parseStack(text string) (frames []StackFrame) {
	lines := strings.Split(text, "\n")
	for i := 0; i+1 < len(lines); i++ {
		place, ok := strings.CutPrefix(lines[i+1], "\t")
		if !ok || strings.HasPrefix(lines[i], "\t") || strings.HasPrefix(lines[i], "created by ") {
			continue
		}
		name := lines[i]
		if at := strings.LastIndexByte(name, '('); at > 0 {
			name = name[:at]
		}
		place, _, _ = strings.Cut(place, " ")
		file, line := place, ""
		if at := strings.LastIndexByte(place, ':'); at >= 0 {
			file, line = place[:at], place[at+1:]
		}
		frames = append(frames, StackFrame{Func: name, File: file, Line: line})
		i++
	}
	return frames
}

// maxStack is how many bytes are kept of a stack.
const maxStack = 64 << 10

// stackOf is where the pilot of a tag is, as debug.Stack would have written it; empty if it is in no room's tick. The profile of all
// goroutines stops the world for an instant only, however many there are; runtime.Stack would for as long as it writes.
func stackOf(tag string) []byte {
	var all bytes.Buffer
	if err := pprof.Lookup("goroutine").WriteTo(&all, 1); err != nil {
		return nil // a bytes.Buffer takes everything
	}
	return pickStack(all.String(), fmt.Sprintf("%q:%q", pilotLabel, tag))
}

// pickStack takes the stack of the goroutine that has a label and is in the engine out of a goroutine profile: what it has started
// inherits its labels.
func pickStack(profile, label string) []byte {
	for record := range strings.SplitSeq(profile, "\n\n") {
		if !strings.Contains(record, label) || !strings.Contains(record, ourModule+"/internal/engine.") {
			continue
		}
		var stack []byte
		for line := range strings.Lines(record) {
			// #	0x4d1c21	example.com/game.(*Game).Step+0x41	/src/game/game.go:57
			parts := strings.Split(strings.TrimRight(line, "\n"), "\t")
			if len(parts) < 4 || parts[0] != "#" {
				continue
			}
			name, offset := strings.TrimRight(parts[2], " "), ""
			if at := strings.LastIndexByte(name, '+'); at >= 0 {
				name, offset = name[:at], name[at:]
			}
			stack = fmt.Appendf(stack, "%s(...)\n\t%s %s\n", name, parts[len(parts)-1], offset)
		}
		return stack[:min(len(stack), maxStack)]
	}
	return nil
}
