package host

import (
	"path"
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
// their import path below src.
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
	return pkg == "panic" || dir == pkg || strings.HasSuffix(dir, "/src/"+pkg)
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
