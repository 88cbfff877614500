package client

import (
	"time"

	"github.com/ringside-server/ringside/internal/wire"
)

// clockSamples is how many pings the filter looks back: one answer is late by up to a tick, the least of eight rarely is.
const clockSamples = 8

// A jump of the server's clock beyond clockJump at a WELCOME means another node's clock: it is taken over at once. Below it
// the estimate slews by at most 1/slewPart of the time that passes, so that what a game derives from it never steps.
const (
	clockJump = 500 * time.Millisecond
	slewPart  = 20
)

// A Clock estimates the server's clock and the room's tick from PONGs. The zero value knows nothing yet.
type Clock struct {
	samples [clockSamples]clockSample
	n       int // taken

	set    bool
	offset time.Duration // server's clock minus ours, as reported
	target time.Duration // what offset slews to
	at     time.Duration // when offset was last moved

	// A tick and the server's time of it.
	hz       uint32
	tick     uint32
	tickTime time.Duration
}

type clockSample struct{ rtt, offset time.Duration }

// restart begins on a new socket, perhaps to another node.
func (k *Clock) restart(now time.Duration, w *Welcome) {
	offset := microseconds(w.ClockUS) - now
	k.n, k.hz, k.tick, k.tickTime = 0, w.TickHz, w.Tick, microseconds(w.ClockUS)
	d := offset - k.Server(now) + now
	if !k.set || d > clockJump || d < -clockJump {
		k.set, k.offset, k.target, k.at = true, offset, offset, now
	}
}

func (k *Clock) pong(now time.Duration, p wire.Pong) {
	sent := microseconds(p.ClientUS)
	rtt := now - sent
	if rtt < 0 {
		return // not an answer to a ping of ours
	}
	server := microseconds(p.ClockUS)
	k.offset, k.at = k.slewed(now), now
	k.samples[k.n%clockSamples] = clockSample{rtt: rtt, offset: server + rtt/2 - now}
	k.n++
	best := k.best()
	k.target = best.offset
	if k.n == 1 && !k.set {
		k.set, k.offset = true, k.target
	}
	if server >= k.tickTime {
		k.tick, k.tickTime = p.Tick, server
	}
}

func (k *Clock) best() clockSample {
	best := k.samples[0]
	for _, s := range k.samples[1:min(k.n, clockSamples)] {
		if s.rtt < best.rtt {
			best = s
		}
	}
	return best
}

// slewed is the offset at now: on its way to target by at most 1/slewPart of the time since it was last moved.
func (k *Clock) slewed(now time.Duration) time.Duration {
	step := max(0, now-k.at) / slewPart
	return k.offset + min(max(k.target-k.offset, -step), step)
}

// RTT is the least round trip of the last eight pings, 0 before the first answer.
func (k *Clock) RTT() time.Duration {
	if k.n == 0 {
		return 0
	}
	return k.best().rtt
}

// Server is the server's clock at now, as far as known.
func (k *Clock) Server(now time.Duration) time.Duration { return now + k.slewed(now) }

// Tick is the room's tick at now, with its fraction: 1234.5 is half a tick after 1234.
func (k *Clock) Tick(now time.Duration) float64 {
	return float64(k.tick) + (k.Server(now)-k.tickTime).Seconds()*float64(k.hz)
}

// Age is how old a state of that tick is at now, at least 0: what a player sees of it is stale by that much.
func (k *Clock) Age(now time.Duration, tick uint32) time.Duration {
	if k.hz == 0 {
		return 0
	}
	return max(0, time.Duration((k.Tick(now)-float64(tick))/float64(k.hz)*float64(time.Second)))
}

func microseconds(us uint64) time.Duration {
	const most = uint64(1<<63-1) / uint64(time.Microsecond) / 4 // beyond 70,000 years: a hostile clock must not overflow
	return time.Duration(min(us, most)) * time.Microsecond
}
