package client

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/ringside-server/ringside/internal/wire"
)

func TestWhatFollowsAClose(t *testing.T) {
	for _, c := range []struct {
		code   CloseCode
		reason string
		want   DialKind
		url    string
	}{
		{0, "", DialOpen, "ws://home/ws"},
		{1006, "", DialOpen, "ws://home/ws"},
		{1011, "", DialOpen, "ws://home/ws"},
		{1002, "", DialStop, ""},
		{wire.CloseLeft, "", DialStop, ""},
		{wire.CloseToken, "", DialStop, ""},
		{wire.CloseMalformed, "", DialStop, ""},
		{wire.CloseReplaced, "", DialStop, ""},
		{wire.CloseFault, "", DialStop, ""},
		{wire.CloseSlow, "", DialOpen, "ws://home/ws"},
		{wire.CloseDraining, "", DialOpen, "ws://other/ws"},
		{wire.ClosePingTimeout, "", DialOpen, "ws://home/ws"},
		{wire.CloseRestored, "", DialOpen, "ws://home/ws"},
		{wire.CloseLost, "", DialMatchmaker, ""},
		{wire.CloseResumeUnknown, "", DialMatchmaker, ""},
		{wire.CloseMoved, "ws://there/ws", DialOpen, "ws://there/ws"},
	} {
		core := join(t, Config{}, newFake(t, testSchema()))
		core.Lost(5*time.Second, c.code, c.reason)
		n := core.NextDial(5 * time.Second)
		if n.Kind != c.want || n.URL != c.url || n.At > 5*time.Second {
			t.Errorf("after %d: %+v, want kind %d, url %q, at once", c.code, n, c.want, c.url)
		}
	}
}

func TestBackoffUntilTheGraceIsOver(t *testing.T) {
	for _, jitter := range []float64{0, 0.5, 0.999} {
		core := join(t, Config{Rand: func() float64 { return jitter }}, newFake(t, testSchema()))
		now, lost := 10*time.Second, 10*time.Second
		short := []time.Duration{0, 250 * ms, 350 * ms, 490 * ms, 686 * ms, 800 * ms}
		long := []time.Duration{1600 * ms, 3200 * ms, 5 * time.Second}
		grown := 0
		urls := map[string]int{}
		lookups := 0
		for i := 0; ; i++ {
			core.Lost(now, 0, "")
			n := core.NextDial(now)
			if n.Kind == DialMatchmaker {
				if now-lost < 20*time.Second {
					t.Errorf("jitter %v: gave up after %v", jitter, now-lost)
				}
				break
			}
			d, w := n.At-now, short[min(i, len(short)-1)]
			if now-lost >= 10*time.Second {
				w = long[min(grown, len(long)-1)]
				grown++
			}
			if d < w*3/4 || d > w*5/4 {
				t.Errorf("jitter %v: attempt %d at %v after %v, want %v ± 25 %%", jitter, i, n.At-lost, d, w)
			}
			urls[n.URL]++
			if n.Lookup {
				lookups++
			}
			if n.At > lost+30*time.Second {
				t.Fatalf("attempt at %v, after the grace of 30 s", n.At-lost)
			}
			now = n.At
		}
		if urls["ws://home/ws"] < 3 || urls["ws://other/ws"] < 3 || lookups < 2 {
			t.Errorf("places %v, %d lookups", urls, lookups)
		}
	}
}

// A node that restarts is away for seconds. Whenever it is back, the first attempt after that comes within a second.
func TestBackWithinASecondOfARestart(t *testing.T) {
	for _, code := range []CloseCode{0, 1006, wire.CloseDraining, wire.ClosePingTimeout, wire.CloseRestored} {
		for seed := range uint64(3) {
			rng := rand.New(rand.NewPCG(seed, 0))
			for outage := 100 * ms; outage <= 9*time.Second; outage += 50 * ms {
				core := join(t, Config{Rand: rng.Float64}, newFake(t, testSchema()))
				lost := 10 * time.Second
				core.Lost(lost, code, "")
				n := core.NextDial(lost)
				for n.At < lost+outage { // nobody listens: refused at once
					core.Lost(n.At, 0, "connection refused")
					n = core.NextDial(n.At)
				}
				if late := n.At - lost - outage; n.Kind != DialOpen || late > time.Second {
					t.Fatalf("close %d, seed %d: an outage of %v, next attempt (kind %d) %v after it, want 1s at most", code, seed, outage, n.Kind, late)
				}
			}
		}
	}
}

func TestASlowClientIsNotInAHurry(t *testing.T) {
	core := join(t, Config{}, newFake(t, testSchema()))
	now := 10 * time.Second
	for i, want := range []time.Duration{0, 250 * ms, 500 * ms, time.Second, 2 * time.Second, 4 * time.Second, 5 * time.Second} {
		core.Lost(now, wire.CloseSlow, "")
		n := core.NextDial(now)
		if n.At-now != want {
			t.Errorf("after 4100 number %d: %v, want %v", i+1, n.At-now, want)
		}
		now = n.At
	}
}

func TestAFlappingSocketIsNotRetriedInATightLoop(t *testing.T) {
	f := newFake(t, testSchema())
	core := join(t, Config{}, f)
	now, dials := 2*time.Second, 0
	f.welc.Resumed, f.welc.Schema = wire.ResumedSnapshot, nil
	for now < 60*time.Second {
		core.Lost(now, wire.CloseSlow, "")
		n := core.NextDial(now)
		if n.Kind != DialOpen {
			t.Fatalf("gave up at %v, though the server let it in %d times and holds the seat for 30 s each time", now, dials)
		}
		dials++
		now = n.At + ms
		core.Start(now)
		receive(t, core, now, f.welcome())
	}
	if dials > 28 { // the backoff ends at 5 s, half of that at the least
		t.Errorf("%d dials in a minute of a server that closes at once", dials)
	}
}

func TestErrDelaysTheRetry(t *testing.T) {
	core := join(t, Config{}, newFake(t, testSchema()))
	receive(t, core, 2*time.Second, wire.AppendErr(nil, wire.Err{Code: uint32(wire.CloseDraining), RetryMS: 700}))
	core.Lost(2*time.Second, wire.CloseDraining, "")
	if n := core.NextDial(2 * time.Second); n.At != 2700*ms {
		t.Errorf("retry at %v, want 2.7s", n.At)
	}
}

func TestMovedIsFollowedThreeTimes(t *testing.T) {
	core := New(Config{URL: "ws://a/ws", Token: "seat"})
	for i := range 4 {
		core.Start(0)
		core.Lost(0, wire.CloseMoved, "ws://b/ws")
		n := core.NextDial(0)
		if want := i < 3; (n.Kind == DialOpen) != want {
			t.Errorf("4300 number %d: %+v", i+1, n)
		}
	}
}

func TestLostWelcomeShowsTheSameToken(t *testing.T) {
	core := New(Config{URL: "ws://a/ws", Token: "seat"})
	core.Start(0)
	outgoing(core)
	core.Lost(ms, 0, "")
	core.Start(ms)
	if h, _ := wire.ParseHello(outgoing(core)[0]); h.Token != "seat" || h.Resuming {
		t.Errorf("HELLO %+v", h)
	}
}

func TestLeaveStops(t *testing.T) {
	core := join(t, Config{}, newFake(t, testSchema()))
	core.Leave()
	if len(only(t, outgoing(core), wire.TypeLeave)) != 1 {
		t.Error("no LEAVE")
	}
	core.Lost(0, 0, "")
	if n := core.NextDial(0); n.Kind != DialStop {
		t.Errorf("after LEAVE: %+v", n)
	}
}

func TestPlannedMove(t *testing.T) {
	f := newFake(t, testSchema())
	var moved int
	core := join(t, Config{On: Handlers{Moved: func(*Core, time.Duration, Moved) { moved++ }}}, f)
	receive(t, core, 0, wire.AppendMoved(nil, wire.Moved{URL: "ws://new/ws", Key: "move-key", FromTick: 10}))
	if core.Moving() != "ws://new/ws" || moved != 1 {
		t.Fatalf("Moving = %q", core.Moving())
	}
	core.StartMove(0)
	h, err := wire.ParseHello(core.OutgoingMove())
	if err != nil || h.Token != "move-key" || !h.Resuming || h.Resume.Tick != f.tick || core.OutgoingMove() != nil {
		t.Fatalf("HELLO %+v, %v", h, err)
	}
	// The old socket goes on; the new node stands on the state the HELLO named.
	named := f.layout.NewFrame()
	named.CopyFrom(f.base)
	namedTick := f.tick
	for range 8 {
		state(t, core, f, 0)
	}
	receive(t, core, 0, f.hash())
	core.Lost(ms, wire.CloseMoved, "ws://new/ws")
	if n := core.NextDial(ms); n.Kind != DialNothing {
		t.Fatalf("with a parked socket: %+v", n)
	}
	f.welc.Resumed, f.welc.Key, f.welc.Schema = wire.ResumedDelta, "key-2", nil
	f.epoch = 2
	if switched, err := core.ReceiveMove(2*ms, f.welcome()); !switched || err != nil {
		t.Fatalf("ReceiveMove = %v, %v", switched, err)
	}
	f.base, f.sentT = named, namedTick
	f.step(1)
	put(f.cur, 4, 4)
	addNames(f)
	receive(t, core, 2*ms, f.deltaB(1))
	receive(t, core, 2*ms, f.hash())
	state(t, core, f, 0)
	receive(t, core, 3*ms, f.hash())
	if s := core.Stats(); s.HashChecks != 3 || s.HashMismatches != 0 || s.DecodeErrors != 0 || !core.Playing() {
		t.Errorf("stats %+v", s)
	}
	if saved, _ := core.Save(); saved.URL != "ws://new/ws" || saved.Key != "key-2" {
		t.Errorf("saved %+v", saved)
	}
}

func TestAMoveThatFails(t *testing.T) {
	f := newFake(t, testSchema())
	core := join(t, Config{}, f)
	receive(t, core, 0, wire.AppendMoved(nil, wire.Moved{URL: "ws://new/ws", Key: "move-key", FromTick: 10}))
	core.StartMove(0)
	core.Lost(2*time.Second, wire.CloseMoved, "ws://new/ws")
	core.LostMove(2 * time.Second)
	if n := core.NextDial(2 * time.Second); n.Kind != DialOpen || n.URL != "ws://new/ws" {
		t.Errorf("after both sockets went: %+v", n)
	}
	core.Start(2 * time.Second)
	if h, _ := wire.ParseHello(outgoing(core)[0]); h.Token != "key-1" {
		t.Errorf("resumes with %q, want its own key", h.Token)
	}
}

func TestAMoveDoesNotWakeASessionThatIsOver(t *testing.T) {
	f := newFake(t, testSchema())
	core := join(t, Config{}, f)
	receive(t, core, 0, wire.AppendMoved(nil, wire.Moved{URL: "ws://new/ws", Key: "move-key", FromTick: 10}))
	core.StartMove(0)
	core.Lost(ms, wire.CloseKicked, "")
	f.welc.Resumed, f.welc.Schema = wire.ResumedSnapshot, nil
	if switched, err := core.ReceiveMove(2*ms, f.welcome()); switched || err != nil || core.Playing() {
		t.Errorf("ReceiveMove after 4007: %v, %v, playing %v", switched, err, core.Playing())
	}
}

func TestReloadedProgramComesBack(t *testing.T) {
	f := newFake(t, testSchema())
	saved, _ := join(t, Config{}, f).Save()
	core := New(Config{Saved: &saved})
	if n := core.NextDial(0); n.URL != "ws://home/ws" || n.Kind != DialOpen {
		t.Fatalf("NextDial = %+v", n)
	}
	core.Start(0)
	h, _ := wire.ParseHello(outgoing(core)[0])
	if h.Token != "key-1" || h.Resume.Session != 9 || h.Resume.Tick != 0 {
		t.Errorf("HELLO %+v", h)
	}
}
