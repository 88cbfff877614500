package cards

import client "github.com/ringside-server/ringside/clients/go"

// choose is how a bot plays a hand: the dearest card that fits, an eight only when nothing else does, and then for the suit
// it has most of. Without a card that fits, ok is false: draw, or pass.
func choose(hand []Card, fits func(Card) bool) (best Card, suit int, ok bool) {
	var held [4]int
	for _, c := range hand {
		if c.Rank() != eight {
			held[c.Suit()]++
		}
	}
	value := 0
	for _, c := range hand {
		if v := worth(c, held); v > value && fits(c) {
			best, value, ok = c, v, true
		}
	}
	for s := range held {
		if held[s] > held[suit] {
			suit = s
		}
	}
	return best, suit, ok
}

// worth is how gladly a bot plays a card: points first, then the suit it can go on with.
func worth(c Card, held [4]int) int {
	if c.Rank() == eight {
		return 1
	}
	return 1 + 16*c.Points() + held[c.Suit()]
}

// A Bot plays over the network, by what its client sees.
type Bot struct {
	next    uint32 // the tick before which it asks for nothing: it waits for the answer
	drew    bool   // it has asked for a card in this turn
	hand    []Card
	payload []byte
}

// The places in the Definition of what a Bot reads and asks for.
const (
	tableKind = 0
	handKind  = 2

	playMessage = 0
	drawMessage = 1
	passMessage = 2
)

// moveTicks is how long a Bot leaves between two requests.
const moveTicks = 10

// Input makes the bot's move, if it is its turn. The game has no inputs: there is nothing to fill in.
func (b *Bot) Input(core *client.Core, _ []int32) {
	f := core.Cur()
	if f == nil {
		return
	}
	switch message, card, suit := b.move(f, int32(core.Slot())); message {
	case playMessage:
		b.payload = client.AppendPayload(b.payload[:0], int(card), suit)
		core.Message(playMessage, b.payload)
	case drawMessage, passMessage:
		b.payload = client.AppendPayload(b.payload[:0])
		core.Message(uint32(message), b.payload)
	}
}

// move is the message to send now, -1 for none.
func (b *Bot) move(f *client.Frame, slot int32) (message int, card Card, suit int) {
	table := f.Find(tableKind, 0) // the fields of tableView, in their order
	if table == nil || Phase(table[0]) != Playing || table[4] != slot {
		b.drew = false
		return -1, 0, 0
	}
	if f.Tick < b.next {
		return -1, 0, 0
	}
	b.next = f.Tick + moveTicks

	private := f.Sections()/2 + handKind // a client's frame has everybody's kinds, then its own
	b.hand = b.hand[:0]
	for i := range f.Len(private) {
		if id, _ := f.At(private, i); id < deckSize {
			b.hand = append(b.hand, Card(id))
		}
	}
	fits := func(c Card) bool { return f.Find(private, uint32(c))[1] != 0 }
	card, suit, ok := choose(b.hand, fits)
	switch {
	case ok:
		return playMessage, card, suit
	case b.drew:
		return passMessage, 0, 0
	}
	b.drew = true
	return drawMessage, 0, 0
}
