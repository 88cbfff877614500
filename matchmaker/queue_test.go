package matchmaker

import (
	"math"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"
)

const wholeQueue = `
queues:
  - name: arena-2v2
    game: arena
    teams: 2
    team_size: 2
    rating_window: {start: 100, per_second: 20.5, max: 900}
    max_wait: 90s
    fill_with_bots_after: 30s
    options: {map: dust, rounds: 3, list: [1, 2.5, true, null, "5"]}
    room: {private: false, bots: 4}
    metadata: {mode: ranked, season: 7}
  - {name: duel, game: chess, team_size: 1}
`

func TestParseQueues(t *testing.T) {
	got, err := ParseQueues("queues.yaml", []byte(wholeQueue))
	if err != nil {
		t.Fatal(err)
	}
	four, none := 4, 0
	want := []Queue{
		{
			Name: "arena-2v2", Game: "arena", Teams: 2, TeamSize: 2, Window: RatingWindow{Start: 100, PerSecond: 20.5, Max: 900},
			MaxWait: 90 * time.Second, FillWithBotsAfter: 30 * time.Second, Public: true, Bots: &four,
			Options:  []byte(`{"list":[1,2.5,true,null,"5"],"map":"dust","rounds":3}`),
			Metadata: map[string]string{"mode": "ranked", "season": "7"},
		},
		{
			Name: "duel", Game: "chess", Teams: 2, TeamSize: 1, Window: RatingWindow{Start: 100, PerSecond: 20, Max: 1000},
			MaxWait: 2 * time.Minute, Bots: &none,
		},
	}
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
	cfg := Config{Queues: got}
	if err := cfg.setQueues(); err != nil || !reflect.DeepEqual(cfg.Queues, want) {
		t.Errorf("as a Config: %+v (%v), want %+v", cfg.Queues, err, want)
	}
	if got, err := ParseQueues("", []byte("queues: []")); err != nil || len(got) != 0 {
		t.Errorf("no queues: %v, %v", got, err)
	}
	got, err = ParseQueues("", []byte("queues: [{name: q, game: g, team_size: 1, rating_window: {start: 3000}}]"))
	if err != nil || got[0].Window != (RatingWindow{Start: 3000, PerSecond: 20, Max: 3000}) {
		t.Errorf("a window that is given in part: %+v, %v", got, err)
	}
}

func TestParseQueuesRefuses(t *testing.T) {
	queue := func(more string) string { return "queues:\n- name: q1\n  game: arena\n  team_size: 2\n" + more }
	for _, tc := range []struct {
		name, in, want string
	}{
		{"nothing", "", "q.yaml: empty, want queues"},
		{"no YAML", "queues: [", "q.yaml: yaml: line 1"},
		{"no mapping", "- a", "q.yaml:1: the file must be a mapping"},
		{"no queues", "{}", "q.yaml:1: no key queues"},
		{"unknown key of the file", "queues: []\nqueue: []", `q.yaml:2: the file: unknown key "queue", want one of queues`},
		{"no list", "queues: {a: b}", "q.yaml:1: queues must be a list"},
		{"a queue that is none", "queues: [7]", "q.yaml:1: a queue must be a mapping"},
		{"two documents", "queues: []\n---\nqueues: []", "more than one YAML document"},
		{"unknown key", queue("  teamsize: 2"), `q.yaml:5: queue "q1": unknown key "teamsize", want one of fill_with_bots_after, game, max_wait`},
		{"key twice", queue("  game: chess"), `q.yaml:5: queue "q1": key "game" is there twice`},
		{"unknown key inside", queue("  rating_window:\n    begin: 2"), `q.yaml:6: queue "q1": rating_window: unknown key "begin", want one of max, per_second, start`},
		{"queue twice", queue("- {name: q1, game: x, team_size: 1}"), `q.yaml:5: queue "q1" is there already, at line 2`},
		{"no name", "queues: [{game: x, team_size: 1}]", `q.yaml:1: a queue: name is "", must be 1 to 64 of a-z`},
		{"bad name", "queues: [{name: Q 1, game: x, team_size: 1}]", `name is "Q 1", must be`},
		{"no game", "queues: [{name: q1, team_size: 1}]", `q.yaml:1: queue "q1": game must be 1 to 64 bytes`},
		{"no team size", "queues: [{name: q1, game: x}]", `queue "q1": team_size is 0, must be 1 to 128`},
		{"no teams", queue("  teams: 0"), `q.yaml:5: queue "q1": teams is 0, must be 1 to 100`},
		{"many teams", queue("  teams: 101"), "teams is 101, must be 1 to 100"},
		{"many players", queue("  teams: 65"), `q.yaml:4: queue "q1": team_size is 2 for 65 teams: that is 130 players, at most 128`},
		{"no number", queue("  teams: two"), `q.yaml:5: queue "q1": teams is "two", must be a whole number`},
		{"window", queue("  rating_window: {start: 10, max: 5}"), `q.yaml:5: queue "q1": rating_window.max is 5, must be above 0, and start (10)`},
		{"window no number", queue("  rating_window: {start: .nan}"), "rating_window.start is"},
		{"window not a number", queue("  rating_window: {start: NaN}"), "rating_window.start is NaN"},
		{"negative window", queue("  rating_window: {per_second: -1}"), "rating_window.per_second is -1"},
		{"window no mapping", queue("  rating_window: 100"), "rating_window must be a mapping"},
		{"no unit", queue("  max_wait: 90"), `q.yaml:5: queue "q1": max_wait is "90", must be a duration such as 90s`},
		{"no wait", queue("  max_wait: 0s"), "max_wait is 0s, must be 1s to 1h0m0s"},
		{"long wait", queue("  max_wait: 2h"), "max_wait is 2h0m0s"},
		{"late bots", queue("  fill_with_bots_after: 120s"), "fill_with_bots_after is 2m0s, must be less than max_wait (2m0s)"},
		{"private", queue("  room: {private: maybe}"), `room.private is "maybe", must be true or false`},
		{"bots", queue("  room: {bots: 5}"), "room.bots is 5, must be 0 to 4"},
		{"metadata no mapping", queue("  metadata: ranked"), "metadata must be a mapping of texts"},
		{"metadata nested", queue("  metadata: {a: {b: c}}"), `metadata of "a" must be one text`},
		{"metadata twice", queue("  metadata: {a: b, a: c}"), `metadata of "a" must be one text`},
		{"long metadata", queue("  metadata: {a: " + strings.Repeat("x", 257) + "}"), `q.yaml:5: queue "q1": metadata is not usable: metadata value of "a" is 257`},
		{"long options", queue("  options: " + strings.Repeat("x", 4096)), "options are not usable: options are 4098 bytes long"},
		{"deep options", queue("  options: " + strings.Repeat("[", 20) + strings.Repeat("]", 20)), "nested at most 16"},
		{"option twice", queue("  options: {a: 1, a: 2}"), `options have key "a" twice`},
		{"no JSON", queue("  options: {a: !!binary aGk=}"), "which JSON has no form for"},
		{"not a JSON number", queue("  options: {a: .inf}"), "options json: unsupported value"},
		{"alias", "queues: [&a {name: q1, game: x, team_size: 1}, *a]", `queue "q1" must be a mapping, without an anchor`},
		{"alias of a value", queue("  options: &o {a: 1}"), "anchors and aliases are not taken"},
		{"alias in options", queue("  options: {a: &o [1], b: *o}"), "without anchors and aliases"},
		{"too long", strings.Repeat("#", maxQueueFile+1), "at most 2097152"},
		{"too many", "queues: [" + strings.Repeat("{},", maxQueues) + "{}]", "257 queues, at most 256"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if q, err := ParseQueues("q.yaml", []byte(tc.in)); err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("%.200s\ngot %v, %v, want %q", tc.in, q, err, tc.want)
			}
		})
	}
}

// What a program sets is checked like a file, and its values stay its own.
func TestQueueConfig(t *testing.T) {
	ok := Queue{Name: "q", Game: "arena", TeamSize: 2, Options: []byte(` { "a" : 1 } `)}
	cfg := Config{Queues: []Queue{ok}}
	if err := cfg.setQueues(); err != nil || string(cfg.Queues[0].Options) != `{"a":1}` || string(ok.Options) != ` { "a" : 1 } ` {
		t.Errorf("%+v, %v", cfg.Queues, err)
	}
	nan := ok
	nan.Window = RatingWindow{Start: math.NaN(), Max: 1}
	for name, queues := range map[string][]Queue{
		"twice": {ok, ok}, "unnamed": {{Game: "arena", TeamSize: 1}}, "not a number": {nan}, "many": make([]Queue, maxQueues+1),
	} {
		cfg := Config{Queues: queues}
		if m, err := New(cfg, NewDirectory(), &memoryLog{}); err == nil {
			m.Close()
			t.Errorf("%s: accepted", name)
		}
	}
}

func TestWindowWidens(t *testing.T) {
	w := RatingWindow{Start: 100, PerSecond: 20, Max: 150.5}
	for ms, want := range map[int64]Rating{-5: 100_000, 0: 100_000, 50: 101_000, 2500: 150_000, 2600: 150_500, math.MaxInt64: 150_500} {
		if got := w.at(ms); got != want {
			t.Errorf("after %d ms: %v, want %v", ms, got, want)
		}
	}
}

// The manual shows a file that works.
func TestManualQueues(t *testing.T) {
	text, err := os.ReadFile("../docs/TICKETS.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, ok := strings.Cut(string(text), "```yaml\n")
	file, _, end := strings.Cut(rest, "```")
	if !ok || !end {
		t.Fatal("docs/TICKETS.md shows no YAML")
	}
	queues, err := ParseQueues("docs/TICKETS.md", []byte(file))
	if err != nil || len(queues) == 0 {
		t.Errorf("%v, %v", queues, err)
	}
}

func FuzzParseQueues(f *testing.F) {
	f.Add([]byte(wholeQueue))
	f.Add([]byte("queues: [{name: q, game: g, team_size: 1, options: {a: [*x, .inf, 0x1F, 2020-01-01]}}]"))
	f.Add([]byte("a: &a [*a]\nqueues: *a"))
	f.Fuzz(func(t *testing.T, b []byte) {
		queues, err := ParseQueues("f", b)
		if err != nil {
			return
		}
		cfg := Config{Queues: queues}
		if err := cfg.setQueues(); err != nil {
			t.Fatalf("a file that was taken is no Config: %v", err)
		}
		if len(queues) > 0 && !reflect.DeepEqual(cfg.Queues, queues) {
			t.Fatalf("%+v became %+v", queues, cfg.Queues)
		}
	})
}
