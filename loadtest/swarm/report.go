package swarm

import (
	"fmt"
	"io"
	"math"
	"text/tabwriter"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// A Report is what a run found. Its JSON is part of the command's interface.
type Report struct {
	Game                 string   `json:"game"`
	Rooms                int      `json:"rooms"`
	Players              int      `json:"players"` // in each room
	DurationS            float64  `json:"duration_s"`
	Joins                int      `json:"joins"`
	JoinErrors           int      `json:"join_errors"`
	InputsSent           uint64   `json:"inputs_sent"`
	Frames               uint64   `json:"frames"` // states received in the window
	PayloadBytesPerFrame float64  `json:"payload_bytes_per_frame"`
	BytesPerInput        float64  `json:"bytes_per_input"`   // on the wire, with all else that bots say
	InputToStateMS       *Latency `json:"input_to_state_ms"` // nil: no input was answered, as in a game without inputs
	FrameGapMS           Gap      `json:"frame_gap_ms"`
	HashChecks           uint64   `json:"hash_checks"`
	HashMismatches       uint64   `json:"hash_mismatches"`
	DecodeErrors         uint64   `json:"decode_errors"`
	Disconnects          int      `json:"disconnects"`
	Errors               []string `json:"errors"`
	ClientCPUUSPerFrame  float64  `json:"client_cpu_us_per_frame"`
	Server               *Server  `json:"server,omitempty"` // nil: the server showed no metrics
	Interrupted          bool     `json:"interrupted,omitempty"`

	Chaos *ChaosReport `json:"chaos,omitempty"`
	Floor *Floor       `json:"floor,omitempty"` // nil: not measured

	detail detail // for WriteHTML
}

// Latency is a distribution in milliseconds.
type Latency struct {
	P50 float64 `json:"p50"`
	P90 float64 `json:"p90"`
	P99 float64 `json:"p99"`
	Max float64 `json:"max"`
}

// Gap is a distribution in milliseconds.
type Gap struct {
	P50 float64 `json:"p50"`
	P99 float64 `json:"p99"`
	Max float64 `json:"max"`
}

// Server is what the server says of itself over the same window.
type Server struct {
	CPUS                  float64  `json:"cpu_s"`
	CPUUSPerFrame         float64  `json:"cpu_us_per_frame"`
	StepUSPerFrame        float64  `json:"step_us_per_frame"`
	RSSBytes              float64  `json:"rss_bytes"`
	RSSBytesPerConnection *float64 `json:"rss_bytes_per_connection"` // nil: less than when idle, so not known
	TickLateMS            Late     `json:"tick_late_ms"`
	AllocsPerS            float64  `json:"allocs_per_s"`
	AllocsPerSIdle        float64  `json:"allocs_per_s_idle"`

	took  time.Duration // between the looks at its metrics
	stepS float64       // of CPUS
}

// Late is a distribution in milliseconds.
type Late struct {
	P50 float64 `json:"p50"`
	P99 float64 `json:"p99"`
}

// report sums the lanes up, once they have stopped, and checks.
func (s *swarm) report(w window, idle *idleServer) *Report {
	r := &Report{
		Game: s.cfg.Game, Rooms: s.cfg.Rooms, Players: s.cfg.Players, DurationS: round(w.took.Seconds()),
		Joins: s.joined(), Disconnects: s.disconnects(),
	}
	latency := hdrhistogram.New(1, histMax, histDigits)
	gaps := hdrhistogram.New(1, histMax, histDigits)
	var bytes, sent uint64
	for _, l := range s.lanes {
		latency.Merge(l.latency)
		gaps.Merge(l.gaps)
		bytes += l.bytes
		r.InputsSent += l.inputs
		sent += l.sentBytes
		for _, b := range l.bots {
			st := b.core.Stats()
			r.Frames += b.frames
			r.HashChecks += st.HashChecks
			r.HashMismatches += st.HashMismatches
			r.DecodeErrors += st.DecodeErrors
		}
	}
	if latency.TotalCount() > 0 {
		r.InputToStateMS = &Latency{P50: ms(latency, 50), P90: ms(latency, 90), P99: ms(latency, 99), Max: ms(latency, 100)}
	}
	r.FrameGapMS = Gap{P50: ms(gaps, 50), P99: ms(gaps, 99), Max: ms(gaps, 100)}
	if r.Frames > 0 {
		r.PayloadBytesPerFrame = round(float64(bytes) / float64(r.Frames))
		r.ClientCPUUSPerFrame = round(float64(w.cpu.Microseconds()) / float64(r.Frames))
	}
	if r.InputsSent > 0 {
		r.BytesPerInput = round(float64(sent) / float64(r.InputsSent))
	}
	r.Server = serverReport(w, idle)
	r.Chaos = w.chaos
	r.detail = s.detail(w, latency, gaps)
	s.faults.hush()
	s.check(r, w.took)
	r.Errors = s.faults.all()
	return r
}

func serverReport(w window, idle *idleServer) *Server {
	if w.before == nil || w.after == nil || idle == nil {
		return nil
	}
	a, b := w.before, w.after
	v := &Server{
		CPUS:           grown(a, b, metricCPU),
		RSSBytes:       b.values[metricRSS],
		TickLateMS:     Late{P50: round(lateQuantile(a, b, 0.5)), P99: round(lateQuantile(a, b, 0.99))},
		AllocsPerS:     round(grown(a, b, metricMallocs) / b.at.Sub(a.at).Seconds()),
		AllocsPerSIdle: round(idle.allocs),
		took:           b.at.Sub(a.at),
		stepS:          grown(a, b, metricStep),
	}
	if frames := grown(a, b, metricFrames); frames > 0 {
		v.CPUUSPerFrame = round(v.CPUS * 1e6 / frames)
		v.StepUSPerFrame = round(grown(a, b, metricStep) * 1e6 / frames)
	}
	if n := b.values[metricConnections]; n > 0 && v.RSSBytes >= idle.rss {
		each := round((v.RSSBytes - idle.rss) / n)
		v.RSSBytesPerConnection = &each
	}
	v.CPUS = round(v.CPUS)
	return v
}

func ms(h *hdrhistogram.Histogram, q float64) float64 {
	return float64(h.ValueAtQuantile(q)) / 1000
}

// round keeps three digits behind the point: more would be noise in a file people read.
func round(v float64) float64 { return math.Round(v*1000) / 1000 }

// WriteTable writes the report for a person.
func (r *Report) WriteTable(w io.Writer) {
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	line := func(name, format string, args ...any) { fmt.Fprintf(t, "%s\t%s\n", name, fmt.Sprintf(format, args...)) }
	line("run", "%s, %d rooms × %d players, %.1f s", r.Game, r.Rooms, r.Players, r.DurationS)
	line("joins", "%d of %d", r.Joins, r.Rooms*r.Players)
	line("frames", "%d states of %.1f B, %d inputs", r.Frames, r.PayloadBytesPerFrame, r.InputsSent)
	line("input → state", "%s", r.latencyText())
	line("state → state", "p50 %.1f  p99 %.1f  max %.1f ms", r.FrameGapMS.P50, r.FrameGapMS.P99, r.FrameGapMS.Max)
	line("hashes", "%d compared, %d different", r.HashChecks, r.HashMismatches)
	line("disconnects", "%d", r.Disconnects)
	line("client CPU", "%.1f µs per frame", r.ClientCPUUSPerFrame)
	if v := r.Server; v != nil {
		line("server CPU", "%.2f s, %.1f µs per frame, of it the game's code %.2f", v.CPUS, v.CPUUSPerFrame, v.StepUSPerFrame)
		line("server memory", "%.1f MiB, %s KiB per connection", v.RSSBytes/(1<<20), v.perConnection())
		line("ticks late", "p50 %.2f  p99 %.2f ms", v.TickLateMS.P50, v.TickLateMS.P99)
		line("allocations", "%.0f per s, idle %.0f", v.AllocsPerS, v.AllocsPerSIdle)
	}
	if f := r.Floor; f != nil {
		line("floor", "%s", f.costText())
		line("", "%s", f.ratioText())
		line("an empty loop late", "p50 %.2f  p99 %.2f ms", f.LoopLateMS.P50, f.LoopLateMS.P99)
	}
	if c := r.Chaos; c != nil {
		line(c.Kind, "%d trials, %d seats and %d rooms lost, %d ticks (%.2f s) and %d inputs lost", c.Trials, c.SeatsLost, c.RoomsLost, c.TicksLostMax, c.PlayLostSMax, c.InputsLost)
		line("back", "p50 %.0f  p99 %.0f  max %.0f ms after the new process listened", c.BackMS.P50, c.BackMS.P99, c.BackMS.Max)
		line("gap", "p50 %.0f  p99 %.0f  max %.0f ms between two states", c.GapMS.P50, c.GapMS.P99, c.GapMS.Max)
	}
	t.Flush()
	switch {
	case r.Interrupted:
		fmt.Fprintln(w, "\ninterrupted: this is what there was until then")
	case len(r.Errors) == 0:
		fmt.Fprintln(w, "\nall checks passed")
	}
	if len(r.Errors) == 0 {
		return
	}
	fmt.Fprintln(w, "\nFAILED:")
	for _, e := range r.Errors {
		fmt.Fprintln(w, "  "+e)
	}
}

func (r *Report) latencyText() string {
	l := r.InputToStateMS
	if l == nil {
		return "-"
	}
	return fmt.Sprintf("p50 %.1f  p90 %.1f  p99 %.1f  max %.1f ms", l.P50, l.P90, l.P99, l.Max)
}

// perConnection is the server's memory per connection in KiB.
func (v *Server) perConnection() string {
	if v.RSSBytesPerConnection == nil {
		return "-"
	}
	return fmt.Sprintf("%.1f", *v.RSSBytesPerConnection/(1<<10))
}

// hashEvery is how often a server lets its clients compare.
const hashEvery = 2 * time.Second

// longestQuiet is how long a client may be without a state in a game that sends only what changed: one a second is promised.
const longestQuiet = 1500 * time.Millisecond

// check adds a fault for everything that must not be.
func (s *swarm) check(r *Report, took time.Duration) {
	if n := s.size() - r.Joins - int(s.joinErrors.Load()); n > 0 {
		s.joinErrors.Add(int64(n))
		s.faults.add("%d bots were not welcomed within %v", n, s.cfg.joinWithin)
	}
	r.JoinErrors = int(s.joinErrors.Load())
	if r.HashChecks == 0 && s.cfg.warmUp+took >= hashEvery {
		s.faults.add("no state was compared with a HASH")
	}
	if r.DecodeErrors > 0 {
		s.faults.add("%d states did not decode", r.DecodeErrors)
	}
	if s.cfg.Chaos == nil { // that harms states by design, and has its own checks
		s.checkStates(took)
	}
}

// checkStates compares what each bot received with what it was owed, in one fault that names the worst. Bots without their
// join, or whose socket died, have a fault of their own.
func (s *swarm) checkStates(took time.Duration) {
	var short, quiet int
	var fewest, longest *bot
	owed := 0.0
	for _, l := range s.lanes {
		for _, b := range l.bots {
			game := b.core.Game()
			if game == nil || b.core.Stats().Welcomes != 1 {
				continue
			}
			if game.Schema.Input == nil {
				if b.longest > longestQuiet || took > 2*longestQuiet && b.frames == 0 {
					quiet++
					longest = worse(longest, b, func(x, y *bot) bool { return x.longest > y.longest })
				}
				continue
			}
			owed = float64(game.Schema.SendHz) * took.Seconds()
			if float64(b.frames) < s.cfg.Delivered*owed-1 { // the window cuts one in half
				short++
				fewest = worse(fewest, b, func(x, y *bot) bool { return x.frames < y.frames })
			}
		}
	}
	if short > 0 {
		s.faults.add("states are missing at %d of %d bots; worst: room %s slot %d with %d of %.0f",
			short, s.size(), fewest.seat.Room, fewest.seat.Slot, fewest.frames, owed)
	}
	if quiet > 0 {
		s.faults.add("one state a second is owed, %d of %d bots waited longer; worst: room %s slot %d with %d states, %v apart",
			quiet, s.size(), longest.seat.Room, longest.seat.Slot, longest.frames, longest.longest.Round(time.Millisecond))
	}
}

func worse(a, b *bot, less func(x, y *bot) bool) *bot {
	if a == nil || less(b, a) {
		return b
	}
	return a
}
