package stream

import (
	"fmt"
	"hash/maphash"
	"testing"
)

// Rings have a bound in sum, and what nobody listens to any more costs nothing.
func TestRingsAreBoundedInSum(t *testing.T) {
	const most = 10_000
	d := topics{limit: 2_000, seed: maphash.MakeSeed()}
	d.sum.limit = most
	w := &writer{}
	event := frame{bytes: make([]byte, 136)} // 200 with its overhead
	var held []*topic
	var groups []*group
	for i := range 40 {
		tp := d.hold(fmt.Sprint("topic", i))
		g, _, _ := tp.join(w, true, "")
		held, groups = append(held, tp), append(groups, g)
		for range 20 {
			tp.push(event)
		}
		if tp.size > tp.limit || len(tp.frames) < 1 {
			t.Fatalf("topic %d keeps %d bytes, %d frames", i, tp.size, len(tp.frames))
		}
	}
	if got := d.sum.bytes.Load(); got > most+40*200 { // each keeps its newest event
		t.Errorf("%d bytes are kept, want %d and an event of each", got, most)
	}
	if len(held[0].frames) != 10 || len(held[39].frames) != 1 {
		t.Errorf("the first keeps %d events, the last %d: want a ring, and the newest alone", len(held[0].frames), len(held[39].frames))
	}
	for i, tp := range held {
		tp.leave(groups[i], true)
		d.release(tp)
	}
	if got := d.sum.bytes.Load(); got != 0 {
		t.Errorf("%d bytes are kept for nobody", got)
	}
}
