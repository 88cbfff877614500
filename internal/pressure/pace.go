package pressure

import (
	"fmt"
	"os"
	"runtime/debug"
	"time"
)

// How far the heap may grow beyond what lives before it is collected, in percent, and what moves it. A node whose games do not
// allocate is lean: what a wave of joins left is given back, and nothing is collected for minutes. One whose games do pays with memory
// instead of processors.
const (
	leanGOGC  = 25
	wideGOGC  = 400
	paceEvery = 2 * time.Second
	manyTurns = 4   // collections in paceEvery: the heap may grow further
	quietFor  = 3   // times paceEvery without more than one collection: less far again
	slackOf   = 4   // what is held beyond what lives, as a part of it, …
	slackMost = 4e6 // … and in bytes, that is not worth a collection
)

// A Pace chooses the collector's GOGC while the process runs. [GuideCollector] bounds what comes of it: near the limit of memory the
// runtime collects as often as it must, whatever the pace.
type Pace struct {
	// Set tells the runtime. GiveBack collects and returns what is free to the system; it does not wait.
	Set      func(percent int)
	GiveBack func()

	// Owned by who calls Look.
	percent int
	at      time.Time // of the last decision
	cycles  uint64    // as of then
	quiet   int       // decisions in a row that saw nothing to do
	gave    bool      // GiveBack was called since the last rest
	left    uint64    // what it cannot give back: holes between what lives
}

// NewPace begins lean, unless the environment has chosen (GOGC): then it returns nil, which paces nothing.
func NewPace(giveBack func()) *Pace {
	if os.Getenv("GOGC") != "" {
		return nil
	}
	p := &Pace{Set: func(percent int) { debug.SetGCPercent(percent) }, GiveBack: giveBack}
	p.Set(leanGOGC)
	return p
}

// Close gives the runtime its default back.
func (p *Pace) Close() {
	if p != nil {
		p.Set(100)
	}
}

// Span says for a log what is chosen from.
func (p *Pace) Span() string {
	if p == nil {
		return os.Getenv("GOGC")
	}
	return fmt.Sprintf("%d-%d", leanGOGC, wideGOGC)
}

// Look is called after each reading of memory.
func (p *Pace) Look(u Usage, now time.Time) {
	if p == nil || now.Sub(p.at) < paceEvery {
		return
	}
	first := p.at.IsZero()
	turns := u.Cycles - p.cycles
	p.at, p.cycles = now, u.Cycles
	if p.percent == 0 {
		p.percent = leanGOGC
	}
	switch {
	case first:
	case turns > manyTurns:
		p.quiet = 0
		p.choose(min(2*p.percent, wideGOGC))
	case turns > 1:
		p.quiet = 0
	default:
		if p.quiet++; p.quiet >= quietFor {
			p.quiet = 0
			p.rest(u)
		}
	}
}

// rest is for a process in which nothing much is allocated.
func (p *Pace) rest(u Usage) {
	p.choose(max(p.percent/2, leanGOGC))
	slack := u.Held - min(u.Live, u.Held)
	if p.gave || slack < p.left {
		p.gave, p.left = false, slack
	}
	if slack > p.left+max(u.Live/slackOf, slackMost) {
		p.gave = true
		p.GiveBack()
	}
}

func (p *Pace) choose(percent int) {
	if percent != p.percent {
		p.percent = percent
		p.Set(percent)
	}
}
