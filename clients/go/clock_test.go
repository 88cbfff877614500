package client

import (
	"testing"
	"time"

	"github.com/ringside-server/ringside/internal/wire"
)

func TestClockUsesTheLeastRoundTrip(t *testing.T) {
	var k Clock
	k.restart(0, &Welcome{ClockUS: 5_000_000, Tick: 100, TickHz: 20})
	const truth = 5*time.Second + 10*ms // WELCOME took 10 ms
	now := time.Duration(0)
	for i := range 40 {
		sent := now
		late := time.Duration(i%8) * 6 * ms // the server answers at its tick
		now += 20*ms + late
		server := sent + 10*ms + late + truth
		k.pong(now, wire.Pong{ClientUS: uint64(sent / time.Microsecond), ClockUS: uint64(server / time.Microsecond), Tick: 100 + uint32((server-5*time.Second)/(50*ms))})
		now += 200 * ms
	}
	if k.RTT() != 20*ms {
		t.Errorf("RTT %v, want 20ms", k.RTT())
	}
	if d := k.Server(now) - (now + truth); d < -ms || d > ms {
		t.Errorf("clock is off by %v", d)
	}
	want := 100 + (now+truth-5*time.Second).Seconds()*20
	if d := k.Tick(now) - want; d < -1 || d > 1 {
		t.Errorf("tick %v, want %v", k.Tick(now), want)
	}
	if age := k.Age(now, uint32(k.Tick(now))-2); age < 95*ms || age > 155*ms {
		t.Errorf("a state two ticks old has age %v", age)
	}
}

func TestClockNeverStepsWhilePlaying(t *testing.T) {
	var k Clock
	k.restart(0, &Welcome{ClockUS: 1_000_000, Tick: 1, TickHz: 20})
	now, last := time.Duration(0), k.Server(0)
	for i := range 2000 {
		now += 10 * ms
		if i%25 == 0 { // the truth is 300 ms off what WELCOME said
			k.pong(now, wire.Pong{ClientUS: uint64((now - 10*ms) / time.Microsecond), ClockUS: uint64((now - 5*ms + 1300*ms) / time.Microsecond), Tick: 1})
		}
		s := k.Server(now)
		if d := s - last; d < 9500*time.Microsecond || d > 10500*time.Microsecond {
			t.Fatalf("at %v the clock went %v in 10ms", now, d)
		}
		last = s
	}
	if d := last - (now + 1300*ms); d < -ms || d > ms {
		t.Errorf("after 20 s the clock is off by %v", d)
	}
	k.restart(now, &Welcome{ClockUS: 77, Tick: 1, TickHz: 20})
	if s := k.Server(now); s != 77*time.Microsecond {
		t.Errorf("another node's clock: %v", s)
	}
}

func TestClockAgainstHostileNumbers(t *testing.T) {
	var k Clock
	k.restart(0, &Welcome{ClockUS: 1<<63 - 1, TickHz: 1})
	k.pong(time.Second, wire.Pong{ClientUS: 1<<63 - 1})
	k.pong(time.Second, wire.Pong{ClientUS: 0, ClockUS: 1<<63 - 1})
	if k.RTT() < 0 || k.Age(time.Second, 0) < 0 {
		t.Errorf("RTT %v, age %v", k.RTT(), k.Age(time.Second, 0))
	}
}
