package matchmaker

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var testGames = []Game{
	{Name: "arena", Version: 1, MaxPlayers: 8, TickHz: 20, SendHz: 20},
	{Name: "cards", Version: 2, MaxPlayers: 4, TickHz: 10, SendHz: 10},
}

// memoryLog is a Log without disk or network.
type memoryLog struct {
	mu    sync.Mutex
	dir   *Directory
	index uint64
	err   error // if set, every call fails with it
}

func (l *memoryLog) Apply(ctx context.Context, cmd []byte) (any, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err != nil {
		return nil, l.err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	l.index++
	return l.dir.Apply(l.index, cmd), nil
}

func (l *memoryLog) Read(context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.err
}

// fixture is a Matchmaker with one node, whose owner loop starts every room
// it is assigned, or refuses those whose options say so.
type fixture struct {
	*Matchmaker
	log     *memoryLog
	handler http.Handler
}

func newFixture(t testing.TB, cfg Config) *fixture {
	t.Helper()
	dir := NewDirectory()
	log := &memoryLog{dir: dir}
	m, err := New(cfg, dir, log)
	if err != nil {
		t.Fatalf("new: %v", err)
	}
	t.Cleanup(m.Close)
	f := &fixture{m, log, m.Handler()}
	f.register(t, 1)
	return f
}

func (f *fixture) register(t testing.TB, incarnation uint64) {
	t.Helper()
	if err := f.RegisterNode(context.Background(), Node{Name: "a", Incarnation: incarnation, Games: testGames}); err != nil {
		t.Fatalf("register node: %v", err)
	}
}

// own runs the owner loop until the test ends.
func (f *fixture) own(t testing.TB) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		var seen uint64
		for {
			changed := f.dir.Changed()
			version, fresh, _, _ := f.dir.AssignmentChanges("a", seen)
			seen = version
			for _, a := range fresh {
				var err error
				switch {
				case bytes.Contains(a.Options, []byte("refuse me")):
					err = f.RoomRefused(ctx, a.Room, a.Epoch, "no such map")
				case bytes.Contains(a.Options, []byte("fail")):
					err = f.RoomEnded(ctx, a.Room, a.Epoch, Ending{Reason: "fault", Text: "index out of range", Code: codeFault})
				default:
					err = f.RoomStarted(ctx, a.Room, a.Epoch)
				}
				if err != nil && ctx.Err() == nil && !errors.Is(err, ErrRoomEnded) {
					t.Errorf("report %q: %v", a.Room, err)
				}
			}
			select {
			case <-changed:
			case <-ctx.Done():
				return
			}
		}
	}()
	t.Cleanup(func() {
		cancel()
		<-done
	})
}

// mustCreate creates a running room.
func (f *fixture) mustCreate(t testing.TB, c Creation) *Room {
	t.Helper()
	r, err := f.CreateRoom(testContext(t), c)
	if err != nil {
		t.Fatalf("create room: %v", err)
	}
	return r
}

func testContext(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// machine applies commands to a directory directly.
type machine struct {
	dir   *Directory
	index uint64
	now   int64
}

func newMachine() *machine {
	m := &machine{dir: NewDirectory(), now: 1_000_000}
	m.do(&nodeUp{Node: Node{Name: "a", Incarnation: 1, Games: testGames}})
	return m
}

func (m *machine) do(cmd command) result {
	m.index++
	cmd.meta().Time = m.now
	return m.dir.Apply(m.index, encodeCommand(cmd)).(result)
}

// room creates a room that is running.
func (m *machine) room(t testing.TB, c creation) *Room {
	t.Helper()
	c.Random, c.MaxLive = random(randomBytes), 1<<20
	if c.Game == "" {
		c.Game = "arena"
	}
	res := m.do(&createRoom{creation: c})
	if res.err != nil {
		t.Fatalf("create: %v", res.err)
	}
	if res = m.do(&roomStarted{fenced: fenced{res.room.ID, 1}}); res.err != nil {
		t.Fatalf("start: %v", res.err)
	}
	return res.room
}

func (m *machine) reserve(room string, ids ...string) result {
	var players []Player
	for _, id := range ids {
		players = append(players, Player{ID: id, Name: id})
	}
	return m.do(&reserve{Room: room, Players: players, Expires: m.now + 30_000})
}
