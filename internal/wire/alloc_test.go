package wire

import (
	"errors"
	"testing"
)

// sink keeps results from being optimised away.
var sink struct {
	input Input
	state State
	event Event
	ping  Ping
	pong  Pong
	typ   Type
	n     uint32
	err   error
}

func TestHotFramesDoNotAllocate(t *testing.T) {
	buf := make([]byte, 0, 4096)
	values := []int32{1, -1, 1000}
	input := AppendInput(nil, 1, 2, 3, values)
	state := AppendInt(AppendDeltaBHead(nil, 1, 1, 2, 1, 1, 9, 0), -5)
	event := AppendEvent(nil, Event{1, 2, 3, []byte("payload")})
	ping, pong := AppendPing(nil, Ping{1}), AppendPong(nil, Pong{1, 2, 3})
	for _, c := range []struct {
		name string
		f    func()
	}{
		{"PeekType", func() { sink.typ, sink.err = PeekType(input) }},
		{"ParseInput", func() { sink.input, sink.err = ParseInput(input) }},
		{"reading Values", func() { v := sink.input.Values; sink.n = uint32(v.Int32()) }},
		{"ParseState", func() { sink.state, sink.err = ParseState(state) }},
		{"ParseEvent", func() { sink.event, sink.err = ParseEvent(event) }},
		{"ParsePing", func() { sink.ping, sink.err = ParsePing(ping) }},
		{"ParsePong", func() { sink.pong, sink.err = ParsePong(pong) }},
		{"AppendInput", func() { buf = AppendInput(buf[:0], 1, 2, 3, values) }},
		{"AppendSnapshotHead", func() { buf = AppendSnapshotHead(buf[:0], 9, 1, 2, 3) }},
		{"AppendDeltaHead", func() { buf = AppendDeltaHead(buf[:0], 9, 1, 2) }},
		{"AppendDeltaBHead", func() { buf = AppendDeltaBHead(buf[:0], 9, 1, 2, 1, 1, 3, 0) }},
		{"AppendEvent", func() { buf = AppendEvent(buf[:0], Event{1, 2, 3, event}) }},
		{"AppendPing", func() { buf = AppendPing(buf[:0], Ping{1}) }},
		{"AppendPong", func() { buf = AppendPong(buf[:0], Pong{1, 2, 3}) }},
		{"Murmur32", func() { sink.n = Murmur32(event) }},
		{"WordHash", func() { var w WordHash; w.Word(1); sink.n = w.Sum() }},
	} {
		if got := testing.AllocsPerRun(100, c.f); got != 0 {
			t.Errorf("%s: %v allocations, want 0", c.name, got)
		}
		if sink.err != nil {
			t.Errorf("%s: %v", c.name, sink.err)
		}
	}
	// A refused frame costs as little: a flood of them must not become work for the collector.
	for typ, parse := range map[Type]func([]byte) error{
		TypeHello: func(b []byte) error { _, err := ParseHello(b); return err },
		TypeInput: func(b []byte) error { _, err := ParseInput(b); return err },
	} {
		bad := []byte{0xdd, 0xff, 0xff, 0xff, 0xff, byte(typ)}
		if got := testing.AllocsPerRun(100, func() { sink.err = parse(bad) }); got != 0 || !errors.Is(sink.err, ErrMalformed) {
			t.Errorf("refusing %s: %v allocations, %v", typ, got, sink.err)
		}
	}
}
