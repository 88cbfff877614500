package ringside

import (
	"flag"
	"fmt"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
)

// Limits are bounds that an operator may have to move, beside MaxRooms, MaxConnections, MaxStreams, LimitIP and LimitPlayer.
// docs/LIMITS.md has all bounds there are, and what happens at each.
type Limits struct {
	// MaxHandshakes is how many sockets may be between upgrade and HELLO, and how many requests for one may wait for a room
	// that is being restored. Default 1,024; beyond it 503.
	MaxHandshakes int
	// MaxTickets is how many tickets may wait for a match; callers without account and key may have seven eighths of them.
	// Default 50,000; beyond it 503.
	MaxTickets int
	// MaxFaults is how many files of failed rooms are kept. Default 50; beyond it the oldest goes.
	MaxFaults int

	// Of one address (or /64 of IPv6) each, this machine and trusted proxies excepted.

	// LimitConnections is how many connections it may have that are no players' sockets. Default 1,024; beyond it one is closed.
	LimitConnections int
	// LimitHandshakes is how many of its sockets may be between upgrade and HELLO. Default 128; beyond it 429.
	LimitHandshakes int
	// LimitStreams is how many event streams and long polls it may hold. Default 256: a household, not a botnet; beyond it 429.
	LimitStreams int
	// LimitTickets is how many tickets it may have waiting, of callers without account and key. Default 256; beyond it 429.
	LimitTickets int
	// LimitCodes is how many unknown join codes a caller may try in a minute; an address that has accounts ten times as many.
	// Default 10: who mistypes never notices, who guesses hits one of 10,000 private rooms in a week; beyond it 429.
	LimitCodes int

	// HelloTimeout is how long a socket may take from its upgrade to the end of its HELLO. Default 5 s; then it is closed.
	HelloTimeout time.Duration
	// SlowTimeout is for how long a player's socket may take nothing of what it is sent. Default 5 s; then it is closed with 4100.
	SlowTimeout time.Duration
	// IdleTimeout is for how long a room may be without players. Default 60 s; then it ends. Less than the 40 s for which a seat
	// is held ends rooms before their players come.
	IdleTimeout time.Duration
}

// A bound is a limit as flags, validation, metrics and the manual see it.
type bound struct {
	flag string
	text string // of -help
	n    *int   // either
	d    *time.Duration
	def  int64 // of n, or nanoseconds of d
	least,
	most int64
	own bool // has a flag and a validation elsewhere: is only shown
}

// bounds are all limits with a flag, in the order of the manual.
func (c *Config) bounds() []bound {
	const million = 1_000_000
	count := func(name string, n *int, def, most int64, text string) bound {
		return bound{flag: name, n: n, def: def, least: 1, most: most, text: text}
	}
	span := func(name string, d *time.Duration, def, least, most time.Duration, text string) bound {
		return bound{flag: name, d: d, def: int64(def), least: int64(least), most: int64(most), text: text}
	}
	elsewhere := func(name string, n *int, def int64) bound { return bound{flag: name, n: n, def: def, own: true} }
	l := &c.Limits
	return []bound{
		elsewhere("max-rooms", &c.MaxRooms, 10_000),
		elsewhere("max-connections", &c.MaxConnections, 16_384),
		elsewhere("max-streams", &c.MaxStreams, 50_000),
		elsewhere("workers", &c.Workers, 1),
		elsewhere("limit-ip", &c.LimitIP, 50),
		elsewhere("limit-player", &c.LimitPlayer, 20),
		count("max-handshakes", &l.MaxHandshakes, 1024, 1<<16, "`sockets` that have not said who they are, at most"),
		count("max-tickets", &l.MaxTickets, 50_000, million, "`tickets` that wait for a match, at most"),
		count("max-faults", &l.MaxFaults, 50, 10_000, "`files` of failed rooms that are kept"),
		count("limit-connections", &l.LimitConnections, 1024, million, "`connections` of one address that are no players' sockets"),
		count("limit-handshakes", &l.LimitHandshakes, 128, 1<<16, "`sockets` of one address that have not said who they are"),
		count("limit-streams", &l.LimitStreams, 256, million, "event `streams` and long polls of one address"),
		count("limit-tickets", &l.LimitTickets, 256, million, "`tickets` of one address that wait, of callers without an account"),
		count("limit-codes", &l.LimitCodes, 10, million, "unknown join `codes` that a caller may try in a minute"),
		span("hello-timeout", &l.HelloTimeout, 5*time.Second, 100*time.Millisecond, time.Minute, "`time` from a socket's upgrade to the end of its HELLO"),
		span("slow-timeout", &l.SlowTimeout, 5*time.Second, 100*time.Millisecond, time.Minute, "`time` for which a player's socket may take nothing"),
		span("idle-timeout", &l.IdleTimeout, time.Minute, time.Second, 24*time.Hour, "`time` for which a room may be without players"),
	}
}

// fillLimitDefaults is part of fillDefaults.
func (c *Config) fillLimitDefaults() {
	for _, b := range c.bounds() {
		switch {
		case b.n != nil && *b.n == 0:
			*b.n = int(b.def)
		case b.d != nil && *b.d == 0:
			*b.d = time.Duration(b.def)
		}
	}
}

// limitFlags are the flags of bounds that no other file has.
func limitFlags(fs *flag.FlagSet, cfg *Config) {
	for _, b := range cfg.bounds() {
		switch {
		case b.own:
		case b.n != nil:
			fs.Var(countValue{b.n}, b.flag, b.text)
		default:
			fs.DurationVar(b.d, b.flag, *b.d, b.text)
		}
	}
}

// A countValue is a flag of a number from 1: in a Config 0 is the default, and must not be what somebody who says 0 gets.
type countValue struct{ n *int }

// String implements flag.Value.
func (v countValue) String() string {
	if v.n == nil {
		return ""
	}
	return strconv.Itoa(*v.n)
}

// Set implements flag.Value.
func (v countValue) Set(s string) error {
	n, err := strconv.Atoi(s)
	if err != nil || n < 1 {
		return fmt.Errorf("want a number from 1")
	}
	*v.n = n
	return nil
}

// validateLimits is part of validate.
func (c *Config) validateLimits() error {
	for _, b := range c.bounds() {
		switch {
		case b.own:
		case b.n != nil && (int64(*b.n) < b.least || int64(*b.n) > b.most):
			return configError("-"+b.flag, fmt.Errorf("%d: want %d to %d", *b.n, b.least, b.most))
		case b.d != nil && (int64(*b.d) < b.least || int64(*b.d) > b.most):
			return configError("-"+b.flag, fmt.Errorf("%v: want %v to %v", *b.d, time.Duration(b.least), time.Duration(b.most)))
		}
	}
	return nil
}

// Limits without a flag whose refusals are counted, too.
const (
	limitCalls       = "calls"       // connections that are no players' sockets, in sum
	limitSockets     = "sockets"     // how often an address may open a socket
	limitCredentials = "credentials" // refused ones of an address
)

// newRefusals counts what was refused at which limit; each is there from the start.
func newRefusals() *prometheus.CounterVec {
	refused := prometheus.NewCounterVec(prometheus.CounterOpts{
		Name: "ringside_refused_total", Help: "What was refused at a limit, by the limit's flag or name.",
	}, []string{"limit"})
	for _, b := range new(Config).bounds() {
		switch b.flag {
		case "workers", "max-faults", "hello-timeout", "slow-timeout", "idle-timeout": // nobody is refused: ringside_closes_total counts
		default:
			refused.WithLabelValues(b.flag)
		}
	}
	for _, name := range []string{limitCalls, limitSockets, limitCredentials} {
		refused.WithLabelValues(name)
	}
	return refused
}

// refusal counts one refusal at a limit.
func (g *gate) refusal(limit string) { g.limits.WithLabelValues(limit).Inc() }

// limitGauges are the limits as they are configured, so that alerts need not know them; times in seconds, none is 0.
func (c *Config) limitGauges() *prometheus.GaugeVec {
	gauges := prometheus.NewGaugeVec(prometheus.GaugeOpts{
		Name: "ringside_limit", Help: "Limits as they are configured, by flag; times in seconds, 0 for none.",
	}, []string{"limit"})
	for _, b := range c.bounds() {
		value := 0.0
		if b.n != nil {
			value = float64(max(*b.n, 0))
		} else {
			value = b.d.Seconds()
		}
		gauges.WithLabelValues(b.flag).Set(value)
	}
	gauges.WithLabelValues(limitCalls).Set(float64(c.maxCalls()))
	return gauges
}
