package rig

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	client "github.com/ringside-server/ringside/clients/go"
)

// inputEvery is how often a neighbour sends: once a tick of the arena.
const inputEvery = 50 * time.Millisecond

// Neighbours are people in rooms of their own who play, compare every HASH and notice what they lose. Every other room is one of
// the arena, for states worth comparing; the rest are of the rogue game without a harm, which uses up all inputs that arrive
// within a tick, so that one that is lost is lost by the server and not by a client that was late.
type Neighbours struct {
	node  *Node
	rooms []string
	exact []string // of rooms: those that use up all inputs
	each  int      // of them in a room: slots from 0 on

	stop context.CancelFunc
	done sync.WaitGroup

	mu sync.Mutex
	// Guarded by mu.
	players []*neighbour
	gaps    []time.Duration // of the present window, between states
	wrong   []string        // everything that must not happen, since they moved in
}

// A neighbour is one of them. Fields below mu of Neighbours.
type neighbour struct {
	where  string
	arena  bool
	client *client.Client
	last   time.Time // state
	states int
	inSeq  uint32 // newest input in a state
	sent   uint32
}

// MoveIn fills rooms with players. They leave at the end of the test.
func MoveIn(t testing.TB, node *Node, rooms, players int) *Neighbours {
	t.Helper()
	b := &Neighbours{node: node, each: players}
	var schemas client.Schemas
	for i := range rooms {
		game := [...]string{"arena", "rogue"}[i%2]
		id, seats := Seats(t, node, game, nil, players)
		b.rooms = append(b.rooms, id)
		if game == "rogue" {
			b.exact = append(b.exact, id)
		}
		for p, seat := range seats {
			n := b.dial(t, fmt.Sprintf("neighbour %d of room %d", p+1, i+1), seat, &schemas)
			n.arena = game == "arena"
			b.players = append(b.players, n)
		}
	}
	ctx, stop := context.WithCancel(context.Background())
	b.stop = stop
	for i, p := range b.players {
		b.done.Go(func() { b.play(ctx, p, i) })
	}
	t.Cleanup(b.MoveOut)
	return b
}

// Seats creates a room with options (nil: none) and reserves seats in it.
func Seats(t testing.TB, node *Node, game string, options any, players int) (room string, seats []client.Seat) {
	t.Helper()
	room, err := CreateRoom(t.Context(), node, game, options)
	if err != nil {
		t.Fatal(err)
	}
	req := struct {
		Players []client.JoinPlayer `json:"players"`
	}{make([]client.JoinPlayer, players)}
	var got struct {
		Seats []client.Seat `json:"seats"`
	}
	if err := client.CallAPI(t.Context(), http.MethodPost, node.URL+"/v1/rooms/"+room+"/seats", node.Credential(), req, &got); err != nil {
		t.Fatalf("reserve seats: %v", err)
	}
	return room, got.Seats
}

// CreateRoom makes a room and returns its id.
func CreateRoom(ctx context.Context, node *Node, game string, options any) (string, error) {
	raw, err := json.Marshal(options)
	if err != nil {
		return "", err
	}
	none := 0
	req := struct {
		Game    string          `json:"game"`
		Options json.RawMessage `json:"options,omitempty"`
		Bots    *int            `json:"bots"`
	}{game, raw, &none}
	if options == nil {
		req.Options = nil
	}
	var made struct {
		ID string `json:"id"`
	}
	if err := client.CallAPI(ctx, http.MethodPost, node.URL+"/v1/rooms", node.Credential(), req, &made); err != nil {
		return "", fmt.Errorf("create a room of %q: %w", game, err)
	}
	return made.ID, nil
}

func (b *Neighbours) dial(t testing.TB, where string, seat client.Seat, schemas *client.Schemas) *neighbour {
	t.Helper()
	n := &neighbour{where: where}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	c, err := client.Dial(ctx, client.Config{URL: seat.URL, Token: seat.Token, SDK: "neighbour", Schemas: schemas, On: client.Handlers{
		State: func(_ *client.Core, _ time.Duration, s client.State) { b.state(n, &s) },
		Mismatch: func(_ *client.Core, _ time.Duration, m client.Mismatch) {
			b.note(n, "tick %d differs from its HASH", m.Tick)
		},
		Err: func(_ *client.Core, _ time.Duration, e client.Err) { b.note(n, "is told %d %s", e.Code, e.Text) },
		End: func(_ *client.Core, _ time.Duration, e client.End) {
			b.note(n, "the room ended: %d %s", e.Code, e.Reason)
		},
	}})
	if err != nil {
		t.Fatalf("%s: %v", where, err)
	}
	n.client = c
	return n
}

func (b *Neighbours) note(n *neighbour, format string, args ...any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.wrong = append(b.wrong, n.where+" "+fmt.Sprintf(format, args...))
}

func (b *Neighbours) state(n *neighbour, s *client.State) {
	now := time.Now()
	b.mu.Lock()
	defer b.mu.Unlock()
	if !n.last.IsZero() {
		b.gaps = append(b.gaps, now.Sub(n.last))
	}
	n.last, n.inSeq = now, s.InSeq
	n.states++
}

// play sends an input each tick, at a phase of the player's own.
func (b *Neighbours) play(ctx context.Context, n *neighbour, i int) {
	select {
	case <-time.After(inputEvery * time.Duration(i%10) / 10):
	case <-ctx.Done():
		return
	}
	tick := time.NewTicker(inputEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		in := []int32{int32(rand.IntN(201) - 100), int32(rand.IntN(2))}
		if n.arena {
			in = []int32{int32(rand.IntN(3) - 1), int32(rand.IntN(3) - 1), int32(rand.IntN(1 << 16)), int32(rand.IntN(2))}
		}
		seq := n.client.Input(0, in...)
		if seq != 0 {
			b.mu.Lock()
			n.sent = seq
			b.mu.Unlock()
		}
	}
}

// Rooms are their rooms' ids.
func (b *Neighbours) Rooms() []string { return b.rooms }

// MoveOut ends the neighbours; it may be called again.
func (b *Neighbours) MoveOut() {
	b.stop()
	b.done.Wait()
	for _, n := range b.players {
		n.client.Close()
	}
}

// A Window is what the neighbours saw while something happened.
type Window struct {
	Took           time.Duration
	States         int
	P50, P99, Max  time.Duration // between two states of a player
	InputsDropped  uint32        // by rooms that use up all
	InputsWaiting  int           // of the last ones sent, those that no state has shown within a second of the window's end
	Wrong          []string      // hashes that differ, sockets and rooms that ended
	Silent         []string      // players who had no state
	HashMismatches uint64
	Resumes        uint64
}

// Watch runs act and returns what the neighbours saw meanwhile and just after.
func (b *Neighbours) Watch(t testing.TB, act func()) Window {
	t.Helper()
	dropped, before := b.dropped(t), b.count()
	b.mu.Lock()
	b.gaps, b.wrong = b.gaps[:0], nil
	states := make([]int, len(b.players))
	for i, n := range b.players {
		states[i] = n.states
	}
	b.mu.Unlock()
	began := time.Now()
	act()
	w := Window{Took: time.Since(began)}

	b.mu.Lock()
	for i, n := range b.players {
		got := n.states - states[i]
		w.States += got
		if got == 0 && w.Took > 200*time.Millisecond {
			w.Silent = append(w.Silent, n.where)
		}
	}
	slices.Sort(b.gaps)
	w.P50, w.P99, w.Max = quantile(b.gaps, 0.5), quantile(b.gaps, 0.99), quantile(b.gaps, 1)
	last := make([]uint32, len(b.players))
	for i, n := range b.players {
		last[i] = n.sent
	}
	b.mu.Unlock()

	w.InputsWaiting = b.unseen(last)
	w.InputsDropped = b.dropped(t) - dropped
	after := b.count()
	w.HashMismatches, w.Resumes = after.HashMismatches-before.HashMismatches, after.Welcomes-before.Welcomes
	b.mu.Lock()
	w.Wrong = slices.Clone(b.wrong)
	b.mu.Unlock()
	return w
}

// unseen waits a second for states that show the inputs sent last.
func (b *Neighbours) unseen(last []uint32) (missing int) {
	for end := time.Now().Add(time.Second); ; time.Sleep(5 * time.Millisecond) {
		missing = 0
		b.mu.Lock()
		for i, n := range b.players {
			missing += int(max(last[i], n.inSeq) - n.inSeq)
		}
		b.mu.Unlock()
		if missing == 0 || time.Now().After(end) {
			return missing
		}
	}
}

// count sums up their counters.
func (b *Neighbours) count() (sum client.Stats) {
	for _, n := range b.players {
		n.client.Do(func(core *client.Core, _ time.Duration) {
			s := core.Stats()
			sum.HashMismatches += s.HashMismatches
			sum.HashChecks += s.HashChecks
			sum.Welcomes += s.Welcomes
		})
	}
	return sum
}

// HashChecks is how many states were compared with the server's hash since they moved in.
func (b *Neighbours) HashChecks() uint64 { return b.count().HashChecks }

// dropped is how many inputs the rooms that use up all threw away so far.
func (b *Neighbours) dropped(t testing.TB) (n uint32) {
	t.Helper()
	for _, id := range b.exact {
		for _, p := range b.node.Room(t, id).Players {
			if p.Slot < b.each { // the others are whoever a test has sat among them
				n += p.Dropped
			}
		}
	}
	return n
}

// A RoomDetail is what an operator sees of a room.
type RoomDetail struct {
	State   string         `json:"state"`
	Text    string         `json:"text"`
	Tick    uint32         `json:"tick"`
	Epoch   uint32         `json:"epoch"`
	Players []PlayerDetail `json:"players"`
}

// A PlayerDetail is what an operator sees of a player.
type PlayerDetail struct {
	Slot    int    `json:"slot"`
	Away    bool   `json:"away"`
	Dropped uint32 `json:"inputs_dropped"`
}

// Room asks for a room as an operator.
func (n *Node) Room(t testing.TB, id string) (d RoomDetail) {
	t.Helper()
	status, body := n.Get("/admin/api/rooms/" + id)
	if status != http.StatusOK {
		t.Fatalf("GET /admin/api/rooms/%s: %d %s", id, status, body)
	}
	if err := json.Unmarshal([]byte(body), &d); err != nil {
		t.Fatalf("GET /admin/api/rooms/%s: %v", id, err)
	}
	return d
}

// Unharmed fails the test if the neighbours lost anything.
func (w *Window) Unharmed(t testing.TB) {
	t.Helper()
	for _, s := range w.Wrong {
		t.Errorf("a neighbour was harmed: %s", s)
	}
	for _, s := range w.Silent {
		t.Errorf("a neighbour was harmed: %s had no state for %v", s, w.Took)
	}
	if w.HashMismatches > 0 || w.Resumes > 0 || w.InputsDropped > 0 || w.InputsWaiting > 0 {
		t.Errorf("neighbours were harmed: %d hashes differ, %d had to come back, %d inputs dropped, %d inputs in no state", w.HashMismatches, w.Resumes, w.InputsDropped, w.InputsWaiting)
	}
}

func quantile(sorted []time.Duration, q float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[min(int(q*float64(len(sorted))), len(sorted)-1)]
}
