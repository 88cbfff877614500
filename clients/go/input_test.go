package client

import (
	"testing"
	"time"

	"github.com/ringside-server/ringside/internal/wire"
)

// state sends a delta that says that inputs up to seq are included.
func state(tb testing.TB, c *Core, f *fakeServer, seq uint32) {
	f.inSeq = seq
	f.step(1)
	put(f.cur, 1, int32(f.tick))
	addNames(f)
	receive(tb, c, 0, f.delta())
}

func TestInputIsNumberedAndAcknowledges(t *testing.T) {
	f := newFake(t, testSchema())
	c := join(t, Config{}, f)
	for want := range uint32(3) {
		if seq := c.Input(0, 100*ms, -1, 1); seq != want+1 {
			t.Fatalf("Input = %d, want %d", seq, want+1)
		}
	}
	msgs := outgoing(c)
	in, err := wire.ParseInput(msgs[2])
	if err != nil || in.Seq != 3 || in.Ack != f.tick || in.DelayMS != 100 || in.N != 2 || in.Values.Int32() != -1 || in.Values.Int32() != 1 {
		t.Errorf("INPUT %+v, %v", in, err)
	}
}

func TestInputsAreSentAgainAfterAResume(t *testing.T) {
	for _, c := range []struct {
		name      string
		made      uint32 // inputs before the loss
		inState   uint32 // included in a state before the loss
		inSeq     uint32 // WELCOME's
		wantFirst uint32
		wantLast  uint32
		wantNext  uint32
	}{
		{"none lost", 5, 5, 5, 0, 0, 6},
		{"two lost", 5, 3, 3, 4, 5, 6},
		{"three frames", 20, 1, 1, 2, 20, 21},
		{"restored below an acknowledged one", 20, 18, 10, 11, 20, 21},
		{"the server is ahead of a reloaded client", 0, 0, 40, 0, 0, 41},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := newFake(t, testSchema())
			core := join(t, Config{}, f)
			for i := range c.made {
				core.Input(0, 0, int32(i+1), 0)
			}
			state(t, core, f, c.inState)
			outgoing(core)
			core.Lost(time.Second, 0, "")
			core.Start(time.Second)
			f.welc.Resumed, f.welc.InSeq, f.welc.Schema = wire.ResumedSnapshot, c.inSeq, nil
			outgoing(core)
			receive(t, core, time.Second, f.welcome())
			next := c.wantFirst
			for _, m := range only(t, outgoing(core), wire.TypeInput) {
				in, err := wire.ParseInput(m)
				if err != nil || in.N > 2*wire.MaxInputsPerFrame || in.N%2 != 0 {
					t.Fatalf("INPUT %+v, %v", in, err)
				}
				for s := in.Seq - uint32(in.N/2) + 1; s <= in.Seq; s++ {
					if v := in.Values.Int32(); s != next || v != int32(s) {
						t.Fatalf("input %d with value %d, want %d", s, v, next)
					}
					in.Values.Int32()
					next++
				}
			}
			if c.wantLast != 0 && next != c.wantLast+1 {
				t.Errorf("sent again up to %d, want %d", next-1, c.wantLast)
			}
			if seq := core.Input(time.Second, 0, 1, 1); seq != c.wantNext {
				t.Errorf("next input is %d, want %d", seq, c.wantNext)
			}
		})
	}
}

func TestInputsAreDropped64TicksAfterTheirState(t *testing.T) {
	f := newFake(t, testSchema())
	c := join(t, Config{}, f)
	c.Input(0, 0, 1, 1)
	c.Input(0, 0, 2, 1)
	state(t, c, f, 1)
	for range keepTicks - 1 {
		state(t, c, f, 1)
	}
	if c.inputs.low != 1 {
		t.Fatalf("input 1 went after %d ticks", keepTicks-1)
	}
	state(t, c, f, 2)
	if c.inputs.low != 2 {
		t.Errorf("oldest kept is %d after %d ticks, want 2", c.inputs.low, keepTicks)
	}
	for range 3 * inputSlots {
		c.Input(0, 0, 1, 1)
		outgoing(c)
	}
	if n := c.inputs.seq - c.inputs.low + 1; n != inputSlots {
		t.Errorf("%d inputs kept, want %d", n, inputSlots)
	}
}

func TestMessagesAreSentAgainUntilReplied(t *testing.T) {
	f := newFake(t, testSchema())
	c := join(t, Config{}, f)
	for i := range 4 {
		if ref := c.Message(0, AppendPayload(nil, i)); ref != uint32(i+1) {
			t.Fatalf("Message = %d, want %d", ref, i+1)
		}
	}
	receive(t, c, 0, wire.AppendReply(nil, wire.Reply{Seq: 1, Ref: 1}))
	outgoing(c)
	c.Lost(time.Second, 0, "")
	if c.Message(0, nil) != 0 || c.Input(0, 0, 1, 1) != 0 {
		t.Error("a request or an input without a session")
	}
	c.Start(time.Second)
	f.welc.Resumed, f.welc.MsgRef, f.welc.Schema = wire.ResumedSnapshot, 2, nil
	receive(t, c, time.Second, f.welcome())
	var refs []uint32
	for _, m := range only(t, outgoing(c), wire.TypeMsg) {
		x, err := wire.ParseMsg(m)
		if err != nil || len(x.Payload) != 2 || uint32(x.Payload[1]) != x.Ref-1 {
			t.Fatalf("MSG %+v, %v", x, err)
		}
		refs = append(refs, x.Ref)
	}
	if !equal(refs, []uint32{3, 4}) {
		t.Errorf("sent again %v, want 3 and 4", refs)
	}
	for c.Message(0, nil) != 0 {
	}
	if c.msgs.n != msgSlots {
		t.Errorf("%d requests wait, want %d", c.msgs.n, msgSlots)
	}
	if c.Message(0, make([]byte, 5000)) != 0 {
		t.Error("a message over the server's limit was sent")
	}
}

func TestAppendPayload(t *testing.T) {
	p := AppendPayload(nil, 300, int32(-1), true, "hi", []byte{7})
	r := NewReader(p)
	if n := r.ArrayLen(); n != 5 || r.Int32() != 300 || r.Int32() != -1 || r.Int32() != 1 || string(r.String(10)) != "hi" || r.Bytes(10)[0] != 7 || r.Err() != nil {
		t.Errorf("payload % x: %v", p, r.Err())
	}
}

func TestInputsThatCannotBeSentAgainAreCounted(t *testing.T) {
	f := newFake(t, testSchema())
	core := join(t, Config{}, f)
	for range 100 {
		core.Input(0, 0, 1, 0)
	}
	outgoing(core)
	core.Lost(ms, 0, "")
	core.Start(ms)
	f.welc.Resumed, f.welc.Schema, f.welc.InSeq = wire.ResumedSnapshot, nil, 20
	receive(t, core, ms, f.welcome())
	if got := core.Stats().InputsLost; got != 80-maxResend {
		t.Errorf("%d inputs lost of 80 that are wanted again, want %d", got, 80-maxResend)
	}
	core.Lost(2*ms, 0, "")
	core.Start(2 * ms)
	f.welc.InSeq = 90
	receive(t, core, 2*ms, f.welcome())
	if got := core.Stats().InputsLost; got != 80-maxResend {
		t.Errorf("%d inputs lost after a resume that wants 10, want no more than before", got)
	}
}
