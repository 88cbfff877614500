package swarm

import (
	"math/rand/v2"

	client "github.com/ringside-server/ringside/clients/go"
	"github.com/ringside-server/ringside/internal/view"
)

// holdOdds: a field keeps its value for that many inputs on average, for players hold keys.
const holdOdds = 8

// unboundedSpan is what a number without a range is drawn from: −span to span.
const unboundedSpan = 1

// A randomPlayer plays any game from its schema alone: it holds keys for a while and turns about.
type randomPlayer struct {
	rng    *rand.Rand
	fields []client.Field
	moved  bool
}

func newRandomPlayer(game *client.Game, rng *rand.Rand) Player {
	p := &randomPlayer{rng: rng}
	if in := game.Schema.Input; in != nil {
		p.fields = in.Fields
	}
	return p
}

// Input changes some of the fields.
func (p *randomPlayer) Input(_ *client.Core, in []int32) {
	for i := range in {
		f := &p.fields[i]
		if f.Type == view.Angle { // a wrist turns by a twentieth at most
			in[i] = (in[i] + f.Turn + p.rng.Int32N(f.Turn/10+1) - f.Turn/20) % f.Turn
			continue
		}
		if !p.moved || p.rng.IntN(holdOdds) == 0 {
			in[i] = randomValue(p.rng, f)
		}
	}
	p.moved = true
}

// randomValue is any value a number field may have.
func randomValue(rng *rand.Rand, f *client.Field) int32 {
	switch {
	case f.Type == view.Bool:
		return rng.Int32N(2)
	case f.Type == view.Angle:
		return rng.Int32N(f.Turn)
	}
	low, high := int64(-unboundedSpan), int64(unboundedSpan)
	if f.Min != nil {
		low, high = int64(*f.Min), int64(*f.Min)+2*unboundedSpan
	}
	if f.Max != nil {
		high = int64(*f.Max)
		low = min(low, high)
	}
	return int32(low + rng.Int64N(high-low+1))
}

// sendable lists the messages of a schema that have only numbers in them: what a bot that knows no game can say.
func sendable(s *client.Schema) (ids []uint32) {
	for i, m := range s.Messages {
		ok := true
		for _, f := range m.Fields {
			ok = ok && f.Type != view.Text && f.Type != view.Bytes
		}
		if ok {
			ids = append(ids, uint32(i))
		}
	}
	return ids
}
