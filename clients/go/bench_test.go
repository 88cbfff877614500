package client

import (
	"testing"
	"time"

	"github.com/ringside-server/ringside/internal/view"
	"github.com/ringside-server/ringside/internal/wire"
)

// moving is a joined client and two deltas that undo each other: 8 entities of 7 fields, four of which change.
func moving(tb testing.TB) (c *Core, there, back []byte) {
	f := newFake(tb, plainSchema())
	c = join(tb, Config{}, f)
	for _, d := range []int32{1, 0} {
		v := f.step(1)
		for id := range uint32(8) {
			put(v, id, int32(id)*100+3*d, 5-2*d, 6, 7+40*d, 8+d)
		}
		m := f.delta()
		if d == 1 {
			receive(tb, c, 0, m)
			continue
		}
		back = m
		receive(tb, c, 0, m)
	}
	v := f.step(1)
	for id := range uint32(8) {
		put(v, id, int32(id)*100+3, 3, 6, 47, 9)
	}
	return c, f.delta(), back
}

func TestNoAllocationsWhilePlaying(t *testing.T) {
	c, there, back := moving(t)
	c.Input(0, 0, 1, 1)
	outgoing(c)
	now := time.Duration(0)
	if n := testing.AllocsPerRun(500, func() {
		now += 50 * ms
		c.Receive(now, there)
		c.Receive(now, back)
		c.Input(now, 100*ms, 1, 0)
		c.Tick(now)
		for m := c.Outgoing(); m != nil; m = c.Outgoing() {
		}
	}); n != 0 {
		t.Errorf("%v allocations for two states and an input, want 0", n)
	}
	if s := c.Stats(); s.DecodeErrors != 0 || s.Resyncs != 0 || s.States < 1000 {
		t.Errorf("stats %+v", s)
	}
}

func BenchmarkReceiveDelta(b *testing.B) {
	c, there, back := moving(b)
	b.ReportAllocs()
	b.SetBytes(int64(len(there)))
	for i := 0; b.Loop(); i++ {
		if i%2 == 0 {
			c.Receive(0, there)
		} else {
			c.Receive(0, back)
		}
	}
	if c.Stats().DecodeErrors != 0 {
		b.Fatal("deltas did not apply")
	}
}

func BenchmarkViewDecode(b *testing.B) {
	c, there, _ := moving(b)
	st, err := wire.ParseState(there)
	if err != nil {
		b.Fatal(err)
	}
	dst := c.state.layout.NewClientFrame()
	b.ReportAllocs()
	var body wire.Reader
	for b.Loop() {
		body = st.Body
		if err := view.Decode(dst, c.Cur(), &body, st.Elements, false); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkHash(b *testing.B) {
	c, _, _ := moving(b)
	b.ReportAllocs()
	for b.Loop() {
		c.Cur().Hash()
	}
}

func BenchmarkInput(b *testing.B) {
	c, _, _ := moving(b)
	b.ReportAllocs()
	for b.Loop() {
		c.Input(0, 0, 1, 0)
		c.Outgoing()
	}
}
