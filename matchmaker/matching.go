package matchmaker

import (
	"cmp"
	"context"
	"errors"
	"slices"
	"sync"
	"time"
)

const (
	// passInterval is how often the queues are looked at while tickets wait.
	passInterval = 250 * time.Millisecond
	// passRest is how many times longer than a pass the rest after it is at
	// least, so that a very long queue does not take a processor for itself.
	passRest = 3
	// proposing bounds how many matches of a pass are in the log at a time;
	// the log makes few writes of many.
	proposing = 64
)

// matching is the part of a Matchmaker that empties the queues.
type matching struct {
	wake chan struct{} // a ticket waits; capacity 1, one token says it all

	// Owned by the loop.
	missing map[string]bool // queues whose game no node offers, and that were logged

	counts ticketCounts
	seen   listeners
}

// startMatching starts the loop if there are queues. It ends with ctx.
func (m *Matchmaker) startMatching(ctx context.Context) {
	m.matching.wake = make(chan struct{}, 1)
	m.matching.missing = map[string]bool{}
	m.matching.counts.init(m.cfg.Queues)
	m.dir.listenTickets(m.ticketsChanged)
	if len(m.cfg.Queues) == 0 {
		return
	}
	m.wakeMatching() // tickets may wait since before the start
	m.running.Go(func() { m.matchLoop(ctx) })
}

func (m *Matchmaker) wakeMatching() {
	select {
	case m.matching.wake <- struct{}{}:
	default:
	}
}

// matchLoop makes passes while tickets wait. Nothing runs while none does. The
// first pass comes an interval after the first ticket: others may come with it,
// and a ticket whose match fell through can be cancelled before the next.
func (m *Matchmaker) matchLoop(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-m.matching.wake:
		}
		rest := time.NewTimer(passInterval)
		for waits := true; waits; waits = m.dir.anyWaiting() {
			select {
			case <-ctx.Done():
				rest.Stop()
				return
			case <-rest.C:
			}
			start := time.Now()
			m.matchPass(ctx)
			took := time.Since(start)
			m.matching.counts.pass(took)
			rest.Reset(max(passInterval, passRest*took))
		}
		rest.Stop()
	}
}

// matchPass looks at each queue once and proposes the matches it finds. It
// reads a state that may be old when the proposals are applied: Apply refuses
// those that do not fit any more, and the next pass sees what is.
func (m *Matchmaker) matchPass(ctx context.Context) {
	if m.short() != "" {
		return // a match is a room; the tickets wait
	}
	games := map[string]Game{}
	for _, g := range m.dir.Games() {
		games[g.Name] = g
	}
	var found []proposal
	for i := range m.cfg.Queues {
		q := &m.cfg.Queues[i]
		waiting := m.dir.Waiting(q.Name)
		if len(waiting) == 0 {
			continue
		}
		game, offered := games[q.Game]
		m.logMissing(q, offered)
		switch {
		case !offered: // nodes come and go; the tickets wait
		case q.Players() > game.MaxPlayers:
			m.fail(ctx, waiting, invalid("the queue needs %d players in a room, game %q has at most %d", q.Players(), q.Game, game.MaxPlayers))
		default:
			found = append(found, match(m.now(), q, waiting)...)
		}
	}
	if found = m.affordable(found); len(found) == 0 {
		return
	}
	// Seats are of no use without tokens, and tokens are signed where no key
	// can be added.
	if _, err := m.signingKey(ctx); err != nil {
		m.cfg.Logger.Debug().Err(err).Msg("no signing key for matches")
		return
	}
	m.proposeMatches(ctx, found)
}

// affordable returns as many of the matches as there may be rooms for, those
// who wait longest first, whatever their queue. The others wait for a room to
// end.
func (m *Matchmaker) affordable(found []proposal) []proposal {
	st := m.dir.Stats()
	free := max(0, m.cfg.MaxRooms-st.Starting-st.Running)
	if len(found) <= free {
		return found
	}
	slices.SortStableFunc(found, func(a, b proposal) int {
		return cmp.Compare(a.parties[0].ticket.Order, b.parties[0].ticket.Order)
	})
	return found[:free]
}

func (m *Matchmaker) logMissing(q *Queue, offered bool) {
	if !offered && !m.matching.missing[q.Name] {
		m.cfg.Logger.Warn().Str("queue", q.Name).Str("game", q.Game).Msg("tickets wait for a game that no node offers")
	}
	m.matching.missing[q.Name] = !offered
}

// proposeMatches proposes all of the matches and waits for their answers.
// They have no ticket in common, so their order does not matter.
func (m *Matchmaker) proposeMatches(ctx context.Context, found []proposal) {
	next := make(chan proposal)
	var workers sync.WaitGroup
	for range min(proposing, len(found)) {
		workers.Go(func() {
			for p := range next {
				m.proposeMatch(ctx, p)
			}
		})
	}
	for _, p := range found {
		next <- p
	}
	close(next)
	workers.Wait()
}

func (m *Matchmaker) proposeMatch(ctx context.Context, p proposal) {
	if ctx.Err() != nil {
		return
	}
	cmd, err := m.matchCommand(p)
	if err == nil {
		_, err = m.proposeNew(ctx, cmd, func() { cmd.Random = random(randomBytes) })
	}
	switch {
	case err == nil, errors.Is(err, ErrTicketChanged):
	case errors.Is(err, ErrInvalid): // no later pass would do better
		list := make([]*Ticket, len(p.parties))
		for i := range p.parties {
			list[i] = p.parties[i].ticket
		}
		m.fail(ctx, list, err)
	case ctx.Err() == nil:
		m.cfg.Logger.Debug().Err(err).Str("queue", p.queue.Name).Msg("match not made")
	}
}

func (m *Matchmaker) matchCommand(p proposal) (*matchTickets, error) {
	bots := p.queue.Bots
	if p.bots {
		all := p.queue.Players()
		bots = &all
	}
	room, err := m.creation(p.queue.creation(bots))
	if err != nil {
		return nil, err
	}
	cmd := &matchTickets{creation: room, Queue: p.queue.Name, Expires: m.expiry(), Parties: make([]matchParty, len(p.parties))}
	for i, party := range p.parties {
		cmd.Parties[i] = matchParty{Ticket: party.ticket.ID, Version: party.ticket.Version, Team: party.team}
	}
	return cmd, nil
}

// fail ends the wait of tickets that cannot be matched, and says why.
func (m *Matchmaker) fail(ctx context.Context, list []*Ticket, why error) {
	list = list[:min(len(list), expireBatch)]
	cmd := &failTickets{Text: cleanText(detail(why), maxTextBytes), Tickets: make([]matchParty, len(list))}
	for i, t := range list {
		cmd.Tickets[i] = matchParty{Ticket: t.ID, Version: t.Version}
	}
	if _, err := m.propose(ctx, cmd); err != nil && ctx.Err() == nil {
		m.cfg.Logger.Debug().Err(err).Msg("tickets not failed")
	}
}
