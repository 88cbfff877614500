package host

import "testing"

const indexStack = `goroutine 1 [running]:
runtime/debug.Stack()
	/usr/local/go/src/runtime/debug/stack.go:26 +0x5e
github.com/ringside-server/ringside/internal/engine.(*Room).catch(0xc000)
	/home/ada/ringside/internal/engine/fault.go:21 +0x18
panic({0x4bb840?, 0x1c4a80c86090?})
	/usr/local/go/src/runtime/panic.go:860 +0x13a
slices.Insert[...]({0x0, 0x0, 0x0}, 0x5, {0xc, 0x1, 0x1})
	/usr/local/go/src/slices/slices.go:134 +0x12
github.com/ringside-server/ringside/room.(*Table[...]).Put(0xc0001)
	/home/ada/go/pkg/mod/github.com/ringside-server/ringside@v1.0.0/room/table.go:41
example.com/duel/rules.(*Duel).hit(...)
	/home/ada/duel/rules/hit.go:57
example.com/duel/rules.(*Duel).Step(0xc0002, 0xc0003)
	/home/ada/duel/rules/duel.go:12 +0x30
github.com/ringside-server/ringside/room.(*Driver).Step(0xc0004)
	/home/ada/go/pkg/mod/github.com/ringside-server/ringside@v1.0.0/room/driver.go:131 +0x44
created by github.com/ringside-server/ringside/internal/host.(*Host).Start in goroutine 1
	/home/ada/ringside/internal/host/host.go:100 +0x5
`

func TestGameStack(t *testing.T) {
	for _, tt := range []struct {
		name, stack string
		want        []string
	}{
		{"index out of range below a library", indexStack, []string{"rules.(*Duel).hit at hit.go:57", "rules.(*Duel).Step at duel.go:12"}},
		{"main package", "panic({0x1, 0x2})\n\t/usr/local/go/src/runtime/panic.go:860 +0x1\nmain.(*G).Step(...)\n\t/home/ada/g/main.go:4\n", []string{"main.(*G).Step at main.go:4"}},
		{"nothing of a game", "panic({0x1, 0x2})\n\t/usr/local/go/src/runtime/panic.go:860 +0x1\nruntime.main()\n\t/usr/local/go/src/runtime/proc.go:4\n", []string{"runtime.main at proc.go:4"}},
		{"no stack", "", nil},
	} {
		got := GameStack([]byte(tt.stack))
		if len(got) != len(tt.want) {
			t.Errorf("%s: got %v, want %v", tt.name, got, tt.want)
			continue
		}
		for i := range got {
			if got[i].String() != tt.want[i] {
				t.Errorf("%s: frame %d is %q, want %q", tt.name, i, got[i], tt.want[i])
			}
		}
	}
}
