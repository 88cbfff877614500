package swarm

import (
	"context"
	"encoding/json"
	"errors"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// run plays a short load test against a fake server.
func run(t *testing.T, s *fakeServer, change func(*Config)) (*Report, []string) {
	t.Helper()
	var mu sync.Mutex
	var lines []string
	cfg := Config{
		URL: s.URL, Game: "fake", Rooms: 2, Players: 3, Duration: 1500 * time.Millisecond, Seed: 1, warmUp: 300 * time.Millisecond,
		Log: func(line string) { mu.Lock(); lines = append(lines, line); mu.Unlock() },
	}
	if change != nil {
		change(&cfg)
	}
	r, err := Run(context.Background(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	return r, lines
}

func TestACleanRun(t *testing.T) {
	r, _ := run(t, newFakeServer(t, true), nil)
	if len(r.Errors) != 0 || r.Joins != 6 || r.JoinErrors != 0 || r.Disconnects != 0 || r.HashMismatches != 0 {
		t.Errorf("report %+v", r)
	}
	if r.Frames < 6*28 || r.Frames > 6*32 || r.InputsSent < 6*10 || r.InputsSent > 6*32 || r.HashChecks < 6*8 {
		t.Errorf("%d frames, %d inputs, %d hash checks", r.Frames, r.InputsSent, r.HashChecks)
	}
	if r.InputToStateMS.P50 < 5 || r.InputToStateMS.P50 > 200 || r.FrameGapMS.P50 < 30 || r.FrameGapMS.P50 > 70 || r.PayloadBytesPerFrame < 5 {
		t.Errorf("latency %+v, gaps %+v, %v B", r.InputToStateMS, r.FrameGapMS, r.PayloadBytesPerFrame)
	}
	v := r.Server
	if v == nil || v.CPUUSPerFrame < 9 || v.CPUUSPerFrame > 11 || v.StepUSPerFrame < 1.9 || v.StepUSPerFrame > 2.1 || v.TickLateMS.P50 != 0.05 || v.AllocsPerSIdle != 0 {
		t.Errorf("server %+v", v)
	}
	text, err := json.Marshal(r)
	for _, key := range []string{
		`"rooms":2`, `"players":3`, `"duration_s"`, `"joins"`, `"join_errors"`, `"inputs_sent"`, `"frames"`, `"payload_bytes_per_frame"`,
		`"input_to_state_ms":{"p50"`, `"p90"`, `"frame_gap_ms":{"p50"`, `"hash_checks"`, `"hash_mismatches"`, `"disconnects"`, `"errors":[]`,
		`"client_cpu_us_per_frame"`, `"server":{"cpu_s"`, `"cpu_us_per_frame"`, `"step_us_per_frame"`, `"rss_bytes"`,
		`"rss_bytes_per_connection"`, `"tick_late_ms":{"p50"`, `"allocs_per_s"`, `"allocs_per_s_idle"`,
	} {
		if err != nil || !strings.Contains(string(text), key) {
			t.Errorf("JSON has no %s: %s", key, text)
		}
	}
	var table strings.Builder
	r.WriteTable(&table)
	if !strings.Contains(table.String(), "all checks passed") {
		t.Errorf("table:\n%s", table.String())
	}
}

func TestFaultsAreFound(t *testing.T) {
	for _, c := range []struct {
		name  string
		plant func(*fakeServer)
		want  string // in an error of the report
		loud  bool   // and told at once
	}{
		{"a flipped bit", func(s *fakeServer) { s.flip = map[uint32]bool{2: true} }, "tick 28: state hashes to", true},
		{"a dead socket", func(s *fakeServer) { s.cut = map[uint32]bool{3: true} }, "slot 3: disconnected", true},
		{"missing states", func(s *fakeServer) { s.slow = map[uint32]bool{4: true} }, `states are missing at 1 of 6 bots; worst: room r\d slot 4 with (1[5-9]|2[0-2]) of 30`, false},
		{"a refused seat", func(s *fakeServer) { s.deny = map[uint32]bool{5: true} }, "slot 5: disconnected: 4001", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := newFakeServer(t, true)
			s.quiet = true
			c.plant(s)
			r, lines := run(t, s, func(cfg *Config) {
				if s.deny != nil {
					cfg.joinWithin = time.Second
				}
			})
			if !regexp.MustCompile(c.want).MatchString(strings.Join(r.Errors, "\n")) {
				t.Errorf("errors %q, want %q", r.Errors, c.want)
			}
			if told := strings.Contains(strings.Join(lines, "\n"), c.want); told != c.loud {
				t.Errorf("told at once: %v, want %v: %q", told, c.loud, lines)
			}
			if r.Server != nil {
				t.Error("a server without metrics has figures")
			}
		})
	}
}

func TestBotsComeBack(t *testing.T) {
	s := newFakeServer(t, true)
	s.quiet, s.cut = true, map[uint32]bool{1: true}
	r, _ := run(t, s, func(c *Config) { c.Rooms, c.Players, c.Duration = 1, 1, 3*time.Second })
	if r.Disconnects != 1 || r.Frames < 45 || r.HashMismatches != 0 || r.DecodeErrors != 0 {
		t.Errorf("report %+v", r)
	}
}

func TestAGoroutineForEachBot(t *testing.T) {
	s := newFakeServer(t, true)
	s.quiet, s.cut = true, map[uint32]bool{2: true}
	r, _ := run(t, s, func(c *Config) { c.goroutines = true })
	if len(r.Errors) != 1 || r.Disconnects != 1 || r.Frames < 6*20 || r.InputsSent == 0 || r.HashChecks == 0 || r.HashMismatches != 0 || r.InputToStateMS.P50 == 0 {
		t.Errorf("report %+v", r)
	}
}

func TestAGameWithoutInputs(t *testing.T) {
	s := newFakeServer(t, false)
	s.quiet = true
	r, _ := run(t, s, nil)
	var table strings.Builder
	r.WriteTable(&table)
	text, err := json.Marshal(r)
	if len(r.Errors) != 0 || r.InputsSent != 0 || r.Frames == 0 || err != nil ||
		!strings.Contains(string(text), `"input_to_state_ms":null`) || !regexp.MustCompile(`input → state +-\n`).MatchString(table.String()) {
		t.Errorf("report %s\n%s", text, table.String())
	}
}

func TestInterruptedRunReports(t *testing.T) {
	s := newFakeServer(t, true)
	s.quiet = true
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	r, err := Run(ctx, Config{URL: s.URL, Game: "fake", Rooms: 1, Players: 2, Duration: time.Hour, warmUp: time.Millisecond, Progress: func(p Progress) {
		if p.Phase == "measuring" && p.Elapsed > 500*time.Millisecond {
			cancel()
		}
	}})
	if err != nil || !r.Interrupted || r.Frames == 0 || r.DurationS < 0.4 || r.DurationS > 5 || r.Joins != 2 {
		t.Errorf("report %+v, %v", r, err)
	}
}

func TestNobodyGetsIn(t *testing.T) {
	s := newFakeServer(t, true)
	s.quiet, s.deny = true, map[uint32]bool{1: true, 2: true}
	start := time.Now()
	r, err := Run(context.Background(), Config{URL: s.URL, Game: "fake", Rooms: 1, Players: 2})
	if !errors.Is(err, ErrNobody) || !strings.Contains(err.Error(), "2 × disconnected: 4001 token") || time.Since(start) > 5*time.Second {
		t.Errorf("report %+v, %v after %v", r, err, time.Since(start))
	}
}

func TestRunsThatCannotBe(t *testing.T) {
	s := newFakeServer(t, true)
	s.quiet = true
	for _, c := range []struct {
		name   string
		cfg    Config
		config bool
	}{
		{"no game", Config{URL: s.URL}, true},
		{"no URL", Config{Game: "fake"}, true},
		{"a socket's URL", Config{URL: "ws://x", Game: "fake"}, true},
		{"too many bots", Config{URL: s.URL, Game: "fake", Rooms: 10_000, Players: 16}, true},
		{"too many players", Config{URL: s.URL, Game: "fake", Rooms: 1, Players: 9}, true},
		{"no JSON", Config{URL: s.URL, Game: "fake", Options: json.RawMessage("{")}, true},
		{"unknown game", Config{URL: s.URL, Game: "other"}, true},
		{"nobody there", Config{URL: "http://127.0.0.1:1", Game: "fake"}, false},
	} {
		if r, err := Run(context.Background(), c.cfg); err == nil || errors.Is(err, ErrConfig) != c.config {
			t.Errorf("%s: %v, %v", c.name, r, err)
		}
	}
}
