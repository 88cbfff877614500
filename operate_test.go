package ringside

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	client "github.com/ringside-server/ringside/clients/go"
	"github.com/ringside-server/ringside/internal/admin"
	"github.com/ringside-server/ringside/internal/host"
	"github.com/ringside-server/ringside/room"
)

// walk is a game in which players step to the right and may stumble.
type walk struct{ S walkState }

type walkState struct {
	Steps int
	At    room.Table[spot]
}

type spot struct{ X int }

type stride struct{ By int8 }

var (
	strides = room.Input[stride](room.OnePerTick)
	spots   = room.Kind[spot]("spot")
)

func (g *walk) Join(_ *room.Room, p *room.Player) error {
	g.S.At.Put(p.Slot, spot{})
	return nil
}
func (g *walk) Leave(_ *room.Room, p *room.Player, _ room.Reason) { g.S.At.Delete(p.Slot) }
func (g *walk) State() any                                        { return &g.S }
func (g *walk) Step(r *room.Room) {
	g.S.Steps++
	for p := range r.Players() {
		if in, ok := strides.Next(p); ok {
			if in.By < 0 {
				panic("stumbled")
			}
			g.S.At.Get(p.Slot).X += int(in.By)
		}
	}
}
func (g *walk) View(_ *room.Room, v *room.View) {
	for slot, s := range g.S.At.All() {
		spots.Put(v, slot, *s)
	}
}

func walkGame(version uint32) room.Definition {
	return room.Definition{
		Name: "walk", Version: version, MaxPlayers: 4, Kinds: []room.AnyKind{spots}, Input: strides,
		New: func(*room.Room, json.RawMessage) (room.Game, error) { return &walk{}, nil },
	}
}

func startWalk(t *testing.T, cfg Config) *Node {
	t.Helper()
	if cfg.Data == "" {
		cfg.Data = t.TempDir()
	}
	cfg.Listen = "127.0.0.1:0"
	cfg.Games = []room.Definition{walkGame(1)}
	n, err := Start(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { closeNode(t, n) })
	return n
}

func closeNode(t *testing.T, n *Node) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := n.Close(ctx); err != nil {
		t.Errorf("close: %v", err)
	}
}

// enter brings a player into a room of the node.
func enter(t *testing.T, n *Node, name string) (*client.Client, client.Seat) {
	t.Helper()
	seat, err := client.Join(t.Context(), "http://"+n.Addr(), client.JoinRequest{Game: "walk", Player: client.JoinPlayer{Name: name}})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	c, err := client.Dial(ctx, client.Config{URL: seat.URL, Token: seat.Token})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	waitFor(t, "the first state", func() (in bool) {
		c.Do(func(core *client.Core, _ time.Duration) { in = core.Stats().States > 0 })
		return in
	})
	return c, seat
}

// ringside runs a command line as the binary would, and returns what it printed.
func ringsideCommand(t *testing.T, games []room.Definition, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	code = run(ctx, args, &out, &errs, func(c *Config) { c.Games = games })
	return code, out.String(), errs.String()
}

// command is ringsideCommand for one that must succeed.
func mustCommand(t *testing.T, args ...string) string {
	t.Helper()
	code, out, errs := ringsideCommand(t, []room.Definition{walkGame(1)}, args...)
	if code != 0 {
		t.Fatalf("ringside %q: exit %d, %s%s", args, code, out, errs)
	}
	return out
}

func TestOperatorsCommands(t *testing.T) {
	n := startWalk(t, Config{})
	t.Setenv("RINGSIDE_URL", "http://"+n.Addr())
	ada, seat := enter(t, n, "Ada\x1b[31m")
	bob, _ := enter(t, n, "Bob")
	for range 3 {
		ada.Input(0, 2)
	}
	if out := mustCommand(t, "status"); !strings.Contains(out, "players") || !strings.Contains(out, "listen       "+n.Addr()) {
		t.Errorf("status: %s", out)
	}
	var status admin.Status
	if err := json.Unmarshal([]byte(mustCommand(t, "status", "-json")), &status); err != nil || !status.Ready || status.Now.Players != 2 || status.Now.Rooms != 1 || len(status.Workers) != 1 {
		t.Errorf("status %+v, %v", status, err)
	}
	for _, order := range []string{"step", "late", "players", "bytes", "id"} {
		if out := mustCommand(t, "rooms", "-sort", order); !strings.Contains(out, seat.Room) || !strings.Contains(out, "STEP P50") {
			t.Errorf("rooms: %s", out)
		}
	}
	out := mustCommand(t, "room", seat.Room)
	if !strings.Contains(out, "Bob") || strings.Contains(out, "\x1b") {
		t.Errorf("room: %q", out)
	}
	var detail host.RoomDetail
	if err := json.Unmarshal([]byte(mustCommand(t, "room", seat.Room, "-json")), &detail); err != nil || len(detail.Players) != 2 || detail.Players[0].Slot != int(seat.Slot) {
		t.Errorf("room: %+v, %v", detail, err)
	}
	mustCommand(t, "room", seat.Room, "kick", fmt.Sprint(seat.Slot), "-text", "enough")
	waitFor(t, "ada is out", func() bool { return ada.Err() != nil })
	if err := ada.Err(); !strings.Contains(err.Error(), "4007") || !strings.Contains(err.Error(), "enough") {
		t.Errorf("ada was told %v", err)
	}
	mustCommand(t, "room", seat.Room, "close")
	waitFor(t, "bob is out", func() bool { return bob.Err() != nil })
	if err := bob.Err(); !strings.Contains(err.Error(), "4009") {
		t.Errorf("bob was told %v", err)
	}
}

// What is wrong is said in a line or two, and with the right exit code.
func TestOperatorsMistakes(t *testing.T) {
	n := startWalk(t, Config{})
	url := "http://" + n.Addr()
	odd := filepath.Join(t.TempDir(), "odd.conf")
	if err := os.WriteFile(odd, []byte("# mine\nlisten 127.0.0.1:0\n\nmax-romms 7\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	bad := filepath.Join(t.TempDir(), "bad.conf")
	if err := os.WriteFile(bad, []byte("workers many\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		args []string
		code int
		want string
	}{
		{[]string{"sttus"}, 2, `unknown command "sttus": did you mean status?`},
		{[]string{"rooms", "-srot", "id"}, 2, "did you mean -sort?"},
		{[]string{"rooms", "-url", url, "-sort", "age"}, 1, "want step, late, players, bytes or id"},
		{[]string{"status", "now"}, 2, `unexpected argument "now"`},
		{[]string{"status", "-url", "http://127.0.0.1:1"}, 1, "no ringside answers at http://127.0.0.1:1"},
		{[]string{"status", "-url", "ftp://x"}, 1, "want http://host:port"},
		{[]string{"room", "-url", url}, 2, "which room?"},
		{[]string{"room", "nosuch", "-url", url}, 1, "there is no such room on this node"},
		{[]string{"room", "nosuch", "kick", "-url", url}, 2, "whom?"},
		{[]string{"room", "nosuch", "kick", "x", "-url", url}, 2, "not a slot's number"},
		{[]string{"room", "nosuch", "close", "-url", url}, 1, "there is no such room"},
		{[]string{"replay"}, 2, "want one fault file"},
		{[]string{"replay", odd}, 1, "read fault file"},
		{[]string{"restore", odd}, 2, "give a folder with -data"},
		{[]string{"restore", odd, "-data", t.TempDir()}, 1, "not a whole backup"},
		{[]string{"restore", odd, "-data", "."}, 1, "is not empty"},
		{[]string{"-lisen", "x"}, 2, "did you mean -listen?"},
		{[]string{"-config", odd}, 2, odd + `:4: there is no flag "max-romms": did you mean max-rooms?`},
		{[]string{"-config", bad}, 2, bad + ":1: workers: "},
		{[]string{"-config", odd + ".not"}, 2, "no such file"},
		{[]string{"-workers", "0"}, 2, "-workers: 0: want 1 or more"},
		{[]string{"-check-config", "-admin-listen", "0.0.0.0:0"}, 2, "set -api-key"},
		{[]string{"-check-config", "-data", odd + "/x"}, 2, "-data"},
		{[]string{"-check-config", "-tls-cert", odd, "-tls-key", odd}, 2, "-tls-cert"},
		{[]string{"-listen", "127.0.0.1:0", "-data", n.cfg.Data}, 2, fmt.Sprintf("is in use by ringside pid %d (listening on %s, since ", os.Getpid(), n.Addr())},
	} {
		code, out, errs := ringsideCommand(t, []room.Definition{walkGame(1)}, tt.args...)
		if code != tt.code || !strings.Contains(errs, tt.want) || strings.Count(errs, "\n") > 2 && tt.code == 2 {
			t.Errorf("ringside %q: exit %d, stdout %q, stderr %q; want %d, %q", tt.args, code, out, errs, tt.code, tt.want)
		}
	}
}

func TestHelpAndCheck(t *testing.T) {
	for _, cmd := range commands() {
		if out := mustCommand(t, cmd.name, "-help"); !strings.Contains(out, "ringside "+cmd.name) {
			t.Errorf("%s -help: %s", cmd.name, out)
		}
		if out := mustCommand(t, "help"); !strings.Contains(out, "ringside "+cmd.name) {
			t.Errorf("help does not name %s: %s", cmd.name, out)
		}
	}
	t.Setenv("RINGSIDE_MAX_ROOMS", "77")
	out := mustCommand(t, "-check-config", "-data", filepath.Join(t.TempDir(), "new", "folder"))
	if !strings.Contains(out, "games: walk") || !strings.Contains(out, "77") || !strings.Contains(out, "set") {
		t.Errorf("check: %s", out)
	}
	for name, want := range map[string]string{"api-key": "***", "jwt-secret": "***", "jwt-secret-file": "v", "tls-key": "v", "listen": "v"} {
		if got := masked(name, "v"); got != want {
			t.Errorf("-%s is shown as %q", name, got)
		}
	}
}

// A dump and a fault file are played again on a desk.
func TestReplay(t *testing.T) {
	data := t.TempDir()
	n := startWalk(t, Config{Data: data})
	t.Setenv("RINGSIDE_URL", n.Addr())
	ada, seat := enter(t, n, "Ada")
	for range 5 {
		ada.Input(0, 2)
	}
	where := func() (x int32) {
		ada.Do(func(core *client.Core, _ time.Duration) {
			if vals := core.Cur().Find(0, seat.Slot); vals != nil {
				x = vals[0]
			}
		})
		return x
	}
	waitFor(t, "ada has moved", func() bool { return where() >= 10 })
	file := filepath.Join(t.TempDir(), "room.dump")
	mustCommand(t, "room", seat.Room, "dump", "-o", file)
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	dump, err := host.ParseFault(raw)
	if err != nil {
		t.Fatal(err)
	}
	out := mustCommand(t, "replay", file, "-until", fmt.Sprint(dump.Tick))
	if !strings.Contains(out, fmt.Sprintf("at tick %d\n", dump.Tick)) || !strings.Contains(out, `"X": 10`) {
		t.Errorf("replay -until: %s", out)
	}
	if out = mustCommand(t, "replay", file, "-v"); len(dump.Records) > 0 && !strings.Contains(out, fmt.Sprintf("tick %d  view ", dump.Tick)) {
		t.Errorf("replay -v: %s", out)
	}
	if code, _, errs := ringsideCommand(t, []room.Definition{walkGame(2)}, "replay", file); code != 1 || !strings.Contains(errs, "version 1 of game \"walk\", this binary has version 2") {
		t.Errorf("another version: exit %d, %s", code, errs)
	}
	if code, _, errs := ringsideCommand(t, nil, "replay", file); code != 1 || !strings.Contains(errs, `of game "walk", which this binary does not have`) {
		t.Errorf("another game: exit %d, %s", code, errs)
	}
	ada.Input(0, -1)
	waitFor(t, "ada has stumbled", func() bool { return ada.Err() != nil })
	var faults []string
	waitFor(t, "a fault file", func() bool {
		faults, err = filepath.Glob(filepath.Join(data, "faults", "*.fault"))
		return err == nil && len(faults) == 1
	})
	out = mustCommand(t, "replay", faults[0], "-v")
	at, stack := strings.Index(out, "the game panics at tick"), strings.Index(out, "(*walk).Step at operate_test.go:")
	if at < 0 || stack < at || !strings.Contains(out, ": input up to seq") || !strings.Contains(out, "stumbled") {
		t.Errorf("replay of a fault: %s", out)
	}
}

// A backup of a running node is that node, with its rooms, on another machine.
func TestBackupAndRestore(t *testing.T) {
	n := startWalk(t, Config{Node: "eu1"})
	t.Setenv("RINGSIDE_URL", n.Addr())
	ada, seat := enter(t, n, "Ada")
	for range 5 {
		ada.Input(0, 2)
	}
	var tick uint32
	waitFor(t, "a second of play", func() bool { // a checkpoint and records behind it
		ada.Do(func(core *client.Core, _ time.Duration) { tick = core.Cur().Tick })
		return tick > 30
	})
	file := filepath.Join(t.TempDir(), "b.tar.gz")
	if out := mustCommand(t, "backup", "-o", file); !strings.Contains(out, file) {
		t.Errorf("backup: %s", out)
	}
	data := filepath.Join(t.TempDir(), "there")
	if out := mustCommand(t, "restore", file, "-data", data); !strings.Contains(out, "-node eu1") || !strings.Contains(out, "1 rooms") {
		t.Errorf("restore: %s", out)
	}
	closeNode(t, n)

	again := startWalk(t, Config{Node: "eu1", Data: data})
	status, err := (operated{again}).Host().Room(t.Context(), seat.Room)
	if err != nil || status.State != "running" || status.Tick < 30 || status.Epoch < 2 || len(status.Players) != 1 || status.Players[0].Name != "Ada" {
		t.Fatalf("the room is %+v, %v", status, err)
	}
	dump, err := again.host.Dump(t.Context(), seat.Room)
	if err != nil || len(dump.Checkpoint) == 0 {
		t.Fatalf("%+v, %v", dump, err)
	}
	left, err := filepath.Glob(filepath.Join(filepath.Dir(data), "*", "*restore*"))
	if err != nil || len(left) > 0 {
		t.Errorf("the restore left %q, %v", left, err)
	}
}

// request asks a node and returns status, body and header.
func request(t *testing.T, method, url string, change func(*http.Request)) (int, string, http.Header) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader("{}"))
	if err != nil {
		t.Fatal(err)
	}
	if change != nil {
		change(req)
	}
	transport := &http.Transport{DisableKeepAlives: true}
	res, err := transport.RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(body), res.Header
}

// Operators have a listener of their own, and then nothing of theirs is anywhere else.
func TestAdminListener(t *testing.T) {
	n := startWalk(t, Config{AdminListen: "127.0.0.1:0"})
	public, private := "http://"+n.Addr(), "http://"+n.AdminAddr()
	for _, path := range []string{"/admin/", "/admin/admin.js", "/admin/api/status", "/admin/api/history", "/admin/api/rooms", "/metrics", "/debug/pprof/", "/debug/pprof/heap"} {
		if status, body, _ := request(t, "GET", private+path, nil); status != http.StatusOK || body == "" {
			t.Errorf("GET %s of the admin listener: %d", path, status)
		}
		if status, _, _ := request(t, "GET", public+path, nil); status != http.StatusNotFound {
			t.Errorf("GET %s of the public listener: %d", path, status)
		}
	}
	for _, base := range []string{public, private} {
		for _, path := range []string{"/healthz", "/readyz"} {
			if status, _, _ := request(t, "GET", base+path, nil); status != http.StatusOK {
				t.Errorf("GET %s%s: %d", base, path, status)
			}
		}
	}
	if status, _, h := request(t, "GET", private+"/admin/", nil); status != 200 || !strings.Contains(h.Get("Content-Security-Policy"), "default-src 'none'") {
		t.Errorf("the page's policy is %q", h.Get("Content-Security-Policy"))
	}
	t.Setenv("RINGSIDE_URL", n.AdminAddr())
	mustCommand(t, "status")
	if code, _, errs := ringsideCommand(t, nil, "status", "-url", public); code != 1 || !strings.Contains(errs, "-admin-listen") {
		t.Errorf("asked at the wrong address: %d, %s", code, errs)
	}
}

// Nobody operates a node through a browser's back or a proxy.
func TestAdminIsForThisMachine(t *testing.T) {
	n := startWalk(t, Config{})
	base := "http://" + n.Addr()
	for name, tt := range map[string]struct {
		method, path string
		change       func(*http.Request)
		status       int
		code         string
	}{
		"proxied":         {"GET", "/admin/api/status", func(r *http.Request) { r.Header.Set("X-Forwarded-For", "203.0.113.7") }, 403, "forbidden"},
		"metrics proxied": {"GET", "/metrics", func(r *http.Request) { r.Header.Set("Forwarded", "for=203.0.113.7") }, 403, "forbidden"},
		"rebound":         {"GET", "/admin/api/rooms", func(r *http.Request) { r.Host = "evil.example" }, 403, "host_forbidden"},
		"another site":    {"GET", "/debug/pprof/profile?seconds=0.05", func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "cross-site") }, 403, "forbidden"},
		"another port":    {"GET", "/admin/api/backup", func(r *http.Request) { r.Header.Set("Sec-Fetch-Site", "same-site") }, 403, "forbidden"},
		"a form":          {"POST", "/admin/api/rooms/a/close", nil, 403, "header_missing"},
		"no body":         {"POST", "/admin/api/rooms/a/kick", func(r *http.Request) { r.Header.Set("X-Ringside-Admin", "1") }, 422, "invalid_request"},
		"no room":         {"POST", "/admin/api/rooms/a/close", func(r *http.Request) { r.Header.Set("X-Ringside-Admin", "1") }, 404, "room_unknown"},
		"limit":           {"GET", "/admin/api/rooms?limit=0", nil, 422, "invalid_request"},
		"profile":         {"GET", "/debug/pprof/profile?seconds=9999", nil, 422, "invalid_request"},
		"wrong method":    {"PUT", "/admin/api/status", nil, 405, "method_not_allowed"},
		"no such path":    {"GET", "/admin/api/nothing", nil, 404, "not_found"},
		"profile of NaN":  {"GET", "/debug/pprof/profile?seconds=NaN", nil, 422, "invalid_request"},
		"no profile":      {"GET", "/debug/pprof/nonsense", nil, 404, "profile_unknown"},
	} {
		status, body, h := request(t, tt.method, base+tt.path, tt.change)
		var p admin.Problem
		if err := json.Unmarshal([]byte(body), &p); err != nil || status != tt.status || p.Code != tt.code || h.Get("Content-Type") != "application/problem+json" {
			t.Errorf("%s: %d %s, want %d %s", name, status, body, tt.status, tt.code)
		}
	}
	for path, allow := range map[string]string{
		"/admin/api/rooms": "GET, HEAD", "/admin/api/rooms/a/close": "POST", "/admin/api/rooms/a/kick": "POST", "/debug/pprof/heap": "GET, HEAD",
	} {
		if status, _, h := request(t, "DELETE", base+path, nil); status != 405 || h.Get("Allow") != allow {
			t.Errorf("DELETE %s: %d, Allow %q, want 405, %q", path, status, h.Get("Allow"), allow)
		}
	}
	if status, body, _ := request(t, "GET", base+"/debug/pprof/profile?seconds=0.05", nil); status != 200 || len(body) < 20 {
		t.Errorf("a profile: %d, %d bytes", status, len(body))
	}
}

func TestFromThisMachine(t *testing.T) {
	for _, tt := range []struct {
		peer, host string
		ok         bool
	}{
		{"127.0.0.1:5", "127.0.0.1:7777", true}, {"[::1]:5", "[::1]:7777", true}, {"127.0.0.1:5", "localhost:7777", true}, {"127.0.0.1:5", "[::1]", true},
		{"192.0.2.1:5", "127.0.0.1:7777", false}, {"127.0.0.1:5", "evil.example:7777", false}, {"127.0.0.1:5", "localhost.evil.example", false}, {"", "localhost", false},
	} {
		r := &http.Request{RemoteAddr: tt.peer, Host: tt.host, Header: http.Header{}}
		if err := fromThisMachine(r); (err == nil) != tt.ok {
			t.Errorf("%s for %s: %v", tt.peer, tt.host, err)
		}
	}
}

func TestDistance(t *testing.T) {
	for _, tt := range []struct {
		a, b string
		want int
	}{{"", "abc", 3}, {"abc", "abc", 0}, {"sttus", "status", 1}, {"lisen", "listen", 1}, {"kitten", "sitting", 3}} {
		if got := distance(tt.a, tt.b); got != tt.want {
			t.Errorf("%q to %q is %d, want %d", tt.a, tt.b, got, tt.want)
		}
	}
}

func TestStackBelowItsLine(t *testing.T) {
	var b bytes.Buffer
	if err := writeStack(map[string]any{"stack": "goroutine 1\nmain.f()\n\tf.go:1\n"}, &b); err != nil || strings.Count(b.String(), "\n") != 3 || !strings.Contains(b.String(), "\n      main.f()") {
		t.Errorf("%q, %v", &b, err)
	}
}
