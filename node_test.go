package ringside_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/ringside-server/ringside"
	client "github.com/ringside-server/ringside/clients/go"
	"github.com/ringside-server/ringside/room"
)

func TestMain(m *testing.M) {
	if os.Getenv(rogueEnv) != "" {
		ringside.Main(rogueGame())
	}
	goleak.VerifyTestMain(m,
		goleak.IgnoreAnyFunction("net/http.(*persistConn).readLoop"), goleak.IgnoreAnyFunction("net/http.(*persistConn).writeLoop"))
}

func dotsGame() ringside.Option {
	return ringside.WithGame(room.Definition{
		Name: "dots", MaxPlayers: 4, Kinds: []room.AnyKind{dots}, Input: keys,
		New: func(_ *room.Room, raw json.RawMessage) (room.Game, error) {
			return &Dots{}, room.Options(raw, &struct{}{})
		},
	})
}

func start(t *testing.T, cfg ringside.Config) (*ringside.Node, string) {
	t.Helper()
	if cfg.Data == "" {
		cfg.Data = t.TempDir()
	}
	n := startAt(t, "127.0.0.1:0", cfg)
	return n, "http://" + n.Addr()
}

func startAt(t *testing.T, addr string, cfg ringside.Config) *ringside.Node {
	t.Helper()
	cfg.Listen = addr
	dotsGame()(&cfg)
	n, err := ringside.Start(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(t, n) })
	return n
}

func stop(t *testing.T, n *ringside.Node) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := n.Close(ctx); err != nil {
		t.Errorf("close: %v", err)
	}
}

// A player joins over HTTP and plays over WebSocket.
type player struct {
	*client.Client
	seat client.Seat
}

func join(t *testing.T, base, name string) player {
	t.Helper()
	seat, err := client.Join(t.Context(), base, client.JoinRequest{Game: "dots", Player: client.JoinPlayer{Name: name}})
	if err != nil {
		t.Fatal(err)
	}
	return sit(t, seat)
}

func sit(t *testing.T, seat client.Seat) player {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	c, err := client.Dial(ctx, client.Config{URL: seat.URL, Token: seat.Token})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return player{c, seat}
}

// x is where p sees the dot of a slot, in eighths; −1 if it does not.
func (p player) x(slot uint32) (x int32) {
	x = -1
	p.Do(func(core *client.Core, _ time.Duration) {
		if core.Cur() == nil {
			return
		}
		if vals := core.Cur().Find(0, slot); vals != nil {
			x = vals[0]
		}
	})
	return x
}

func (p player) stats() (s client.Stats) {
	p.Do(func(core *client.Core, _ time.Duration) { s = core.Stats() })
	return s
}

func wait(t *testing.T, what string, holds func() bool) {
	t.Helper()
	deadline := time.After(15 * time.Second)
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for !holds() {
		select {
		case <-deadline:
			t.Fatalf("gave up waiting until %s", what)
		case <-tick.C:
		}
	}
}

// get returns the status and body of a GET.
func get(t *testing.T, url string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(body)
}

func TestTwoPlayersSeeEachOther(t *testing.T) {
	for name, cfg := range map[string]ringside.Config{"epoll": {Backend: "epoll"}, "goroutine": {Backend: "goroutine"}, "uring": {Sends: "uring"}, "plain": {Sends: "plain"}} {
		t.Run(name, func(t *testing.T) {
			_, base := start(t, cfg)
			ada, bob := join(t, base, "Ada"), join(t, base, "Bob")
			if ada.seat.Room != bob.seat.Room || ada.seat.Slot == bob.seat.Slot {
				t.Fatalf("seats %+v and %+v, want two slots of one room", ada.seat, bob.seat)
			}
			wait(t, "bob sees ada", func() bool { return bob.x(ada.seat.Slot) == 400 })
			for range 5 {
				ada.Input(0, 1, 0)
			}
			wait(t, "bob sees ada move", func() bool { return bob.x(ada.seat.Slot) > 400 })
			wait(t, "hashes were checked", func() bool { return bob.stats().HashChecks >= 2 })
			if s := bob.stats(); s.HashMismatches != 0 || s.DecodeErrors != 0 {
				t.Errorf("bob's stats %+v", s)
			}
			if err := ada.Leave(t.Context()); err != nil {
				t.Errorf("leave: %v", err)
			}
			wait(t, "ada is gone for bob", func() bool { return bob.x(ada.seat.Slot) == -1 })
			wait(t, "the seat is free", func() bool {
				_, body := get(t, base+"/v1/rooms/"+ada.seat.Room)
				return strings.Contains(body, `"free":3`)
			})
			if cleo := join(t, base, "Cleo"); cleo.seat.Room != ada.seat.Room || cleo.seat.Slot != ada.seat.Slot {
				t.Errorf("cleo got %+v, want the seat that ada left", cleo.seat)
			}
		})
	}
}

func TestSpentTokenAndFullRoom(t *testing.T) {
	_, base := start(t, ringside.Config{})
	seats := make([]client.Seat, 4)
	for i := range seats {
		p := join(t, base, fmt.Sprint("P", i))
		seats[i] = p.seat
		wait(t, "the player is in", func() bool { return p.stats().States > 0 })
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	wait(t, "the token is spent", func() bool {
		c, err := client.Dial(ctx, client.Config{URL: seats[0].URL, Token: seats[0].Token})
		if err == nil {
			c.Close()
		}
		return err != nil && strings.Contains(err.Error(), "4001")
	})
	var answer any
	err := client.CallAPI(ctx, http.MethodPost, base+"/v1/rooms/"+seats[0].Room+"/seats", nil, map[string]any{"players": []any{map[string]any{}}}, &answer)
	if err == nil || !strings.Contains(err.Error(), "409") {
		t.Errorf("a fifth seat of four: %v, %v", answer, err)
	}
	if p := join(t, base, "P4"); p.seat.Room == seats[0].Room {
		t.Error("join put a fifth player into a room of four")
	}
}

// A node that is ended, or killed, and started again has its rooms, and the players their seats. They do nothing for it.
func TestRestartKeepsRooms(t *testing.T) {
	for _, killed := range []bool{false, true} {
		t.Run(fmt.Sprint("killed ", killed), func(t *testing.T) {
			data := t.TempDir()
			first, base := start(t, ringside.Config{Data: data})
			ada, bob := join(t, base, "Ada"), join(t, base, "Bob")
			wait(t, "bob sees ada", func() bool { return bob.x(ada.seat.Slot) == 400 })
			for range 30 {
				ada.Input(0, 1, 0)
				moved := bob.x(ada.seat.Slot)
				wait(t, "bob sees ada move", func() bool { return bob.x(ada.seat.Slot) > moved })
			}
			if killed { // what a kill leaves is what is on disk
				data = copyOf(t, data)
			}
			x := bob.x(ada.seat.Slot)
			addr := first.Addr()
			stop(t, first)
			second := startAt(t, addr, ringside.Config{Data: data})
			for _, p := range []player{ada, bob} {
				wait(t, "the player is back", func() bool { return p.stats().Resumes == 1 })
			}
			wait(t, "bob sees ada where she was", func() bool { return bob.x(ada.seat.Slot) >= x-24 })
			wait(t, "bob sees ada move on", func() bool { // a kill may have cost an input or two
				ada.Input(0, 1, 0)
				return bob.x(ada.seat.Slot) > x
			})
			if s := bob.stats(); s.HashMismatches != 0 || s.DecodeErrors != 0 {
				t.Errorf("bob's stats %+v", s)
			}
			if cleo := join(t, "http://"+second.Addr(), "Cleo"); cleo.seat.Room != ada.seat.Room || cleo.seat.Slot != 2 {
				t.Errorf("cleo got %+v, want the third seat of the room that outlived its node", cleo.seat)
			}
		})
	}
}

func copyOf(t *testing.T, dir string) string {
	t.Helper()
	to := t.TempDir()
	if err := os.CopyFS(to, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	return to
}

func TestRefusedOptionsReachTheCreator(t *testing.T) {
	_, base := start(t, ringside.Config{})
	err := client.CallAPI(t.Context(), http.MethodPost, base+"/v1/rooms", nil,
		map[string]any{"game": "dots", "options": map[string]any{"speed": 9}}, nil)
	if err == nil || !strings.Contains(err.Error(), "400") || !strings.Contains(err.Error(), `there is no "speed"`) {
		t.Errorf("a creator with a wrong option reads %v", err)
	}
}

func TestPlainPages(t *testing.T) {
	_, base := start(t, ringside.Config{})
	for path, want := range map[string]string{
		"/healthz": "ok", "/readyz": "ready", "/metrics": "ringside_tick_late_seconds_bucket", "/openapi.json": "/v1/join",
		"/v1/games": `"dots"`, "/": "<html",
	} {
		if status, body := get(t, base+path); status != http.StatusOK || !strings.Contains(body, want) {
			t.Errorf("GET %s: %d %.200s, want %q in it", path, status, body, want)
		}
	}
	if status, body := get(t, base+"/v1/rooms/nonsense0/ws"); status != http.StatusNotFound {
		t.Errorf("the socket of no room: %d %s", status, body)
	}
	if status, _ := get(t, base+"/v1/nonsense"); status != http.StatusNotFound {
		t.Errorf("no such call: %d", status)
	}
}

// Somebody who sends half a call does not take the time in which rooms are written down.
func TestSlowCallDoesNotHoldUpTheEnd(t *testing.T) {
	n, base := start(t, ringside.Config{})
	ada := join(t, base, "Ada")
	wait(t, "ada is in", func() bool { return ada.stats().States > 0 })
	conn, err := net.Dial("tcp", n.Addr())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	fmt.Fprintf(conn, "POST /v1/join HTTP/1.1\r\nHost: %s\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n{", n.Addr())
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	if err := n.Close(ctx); err != nil || ctx.Err() != nil {
		t.Errorf("close: %v, with %v left of its time", err, ctx.Err())
	}
}
