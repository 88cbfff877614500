package host

import (
	"bytes"
	"strings"
	"testing"
)

// A fault file from elsewhere brings its stack along. Whatever that says, its frames are parts of it, one of two lines, and what is
// shown of it is one line a frame.
func FuzzGameStack(f *testing.F) {
	f.Add([]byte("goroutine 7 [running]:\npanic({0x1, 0x2})\n\t/go/src/runtime/panic.go:783 +0x1\nmain.(*game).Step(0x1)\n\t/game/game.go:57 +0x9\ncreated by main.main\n\t/x.go:1\n"))
	f.Add([]byte("goroutine 1 [running]:\nruntime/debug.Stack()\n\t/go/src/runtime/debug/stack.go:26 +0x5\n" + ourModule + "/internal/engine.(*Room).catch(0x1)\n\t/src/engine/fault.go:9 +0x2\nruntime.goPanicIndex(0x1, 0x2)\n\t/go/src/runtime/panic.go:115 +0x1\nexample.com/a/b.f(...)\n\t/b/f.go:1\n"))
	f.Add([]byte("a\n\tb\nc\n\td:e:f g\n(\n\t:\n"))
	f.Fuzz(func(t *testing.T, stack []byte) {
		all := parseStack(string(stack))
		if len(all) > bytes.Count(stack, []byte("\n")) {
			t.Fatalf("%d frames of %d bytes", len(all), len(stack))
		}
		frames := GameStack(stack)
		if len(frames) > len(all) || (len(frames) == 0) != (len(all) == 0) && all[len(all)-1].Func != "panic" && !strings.HasPrefix(all[len(all)-1].Func, "runtime.goPanic") {
			t.Fatalf("%d frames of the game's, %d in all", len(frames), len(all))
		}
		for _, frame := range frames {
			if strings.Contains(frame.String(), "\n") {
				t.Errorf("%q is more than a line", frame.String())
			}
			for _, part := range []string{frame.Func, frame.File, frame.Line} {
				if !bytes.Contains(stack, []byte(part)) {
					t.Errorf("%q is not in the stack", part)
				}
			}
		}
		if again := pickStack("#\t0x1\t"+strings.ReplaceAll(string(stack), "\n", " ")+"\t/x.go:1\nlabel"+ourModule+"/internal/engine.", "label"); len(again) > maxStack {
			t.Errorf("%d bytes of a stack", len(again))
		}
	})
}
