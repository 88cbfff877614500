package matchmaker

import (
	"encoding/json"
	"fmt"
	"time"
)

// Bounds of a queue.
const (
	maxQueues     = 256
	maxTeams      = 100
	maxQueueWait  = time.Hour
	minQueueWait  = time.Second
	maxWindow     = 2 * maxRating / ratingPoint
	defaultWait   = 2 * time.Minute
	defaultTeams  = 2
	defaultStart  = 100
	defaultPerSec = 20
	defaultMax    = 1000
)

// Queue says who is matched with whom, and what room they get. Name, Game and
// TeamSize must be set.
type Queue struct {
	Name     string
	Game     string // one that no node offers yet lets its tickets wait
	Teams    int    // default 2
	TeamSize int    // players in a team

	// Window is how far ratings may lie apart in a match. A party counts with
	// the mean of its players.
	Window RatingWindow
	// MaxWait is how long a ticket waits before it expires. Default 2 min.
	MaxWait time.Duration
	// FillWithBotsAfter is how long a ticket waits for a full match; then it
	// gets one with bots in the empty places. Default 0: it never does.
	FillWithBotsAfter time.Duration

	// Of the room.
	Options  json.RawMessage
	Metadata map[string]string
	Public   bool // strangers may join what places get free; default no
	Bots     *int // players that a full match is kept at when some leave; default 0: nobody takes their place
}

// RatingWindow is the allowed difference within a match, in points. It grows
// with how long the longest waiting has waited. The zero value is 100 points,
// 20 more each second, at most 1,000.
type RatingWindow struct{ Start, PerSecond, Max float64 }

// at returns the window after a time in milliseconds.
func (w RatingWindow) at(waited int64) Rating {
	points := min(w.Start+w.PerSecond*float64(max(0, waited))/1000, w.Max)
	return Rating(points * ratingPoint)
}

// Players returns how many a full match has.
func (q *Queue) Players() int { return q.Teams * q.TeamSize }

func (q *Queue) setDefaults() {
	if q.Teams == 0 {
		q.Teams = defaultTeams
	}
	if q.Window == (RatingWindow{}) {
		q.Window = RatingWindow{Start: defaultStart, PerSecond: defaultPerSec, Max: defaultMax}
	}
	if q.MaxWait == 0 {
		q.MaxWait = defaultWait
	}
	if q.Bots == nil {
		q.Bots = new(int)
	}
}

// A queueError is about one key of a queue.
type queueError struct{ key, text string }

func (e *queueError) Error() string { return e.key + " " + e.text }

// validate names the key and what is allowed. Call setDefaults before.
func (q *Queue) validate() error {
	fail := func(key, format string, args ...any) error { return &queueError{key, fmt.Sprintf(format, args...)} }
	switch {
	case !queueName(q.Name):
		return fail("name", "is %.80q, must be 1 to %d of a-z, 0-9, '-', '_' and '.', beginning with a letter or digit", q.Name, maxQueueName)
	case q.Game == "" || len(q.Game) > maxGameBytes || cleanText(q.Game, maxGameBytes) != q.Game:
		return fail("game", "must be 1 to %d bytes: the name of a game", maxGameBytes)
	case q.Teams < 1 || q.Teams > maxTeams:
		return fail("teams", "is %d, must be 1 to %d", q.Teams, maxTeams)
	case q.TeamSize < 1 || q.TeamSize > maxMatch:
		return fail("team_size", "is %d, must be 1 to %d", q.TeamSize, maxMatch)
	case q.Players() > maxMatch:
		return fail("team_size", "is %d for %d teams: that is %d players, at most %d", q.TeamSize, q.Teams, q.Players(), maxMatch)
	case q.MaxWait < minQueueWait || q.MaxWait > maxQueueWait:
		return fail("max_wait", "is %v, must be %v to %v", q.MaxWait, minQueueWait, maxQueueWait)
	case q.FillWithBotsAfter < 0 || q.FillWithBotsAfter >= q.MaxWait:
		return fail("fill_with_bots_after", "is %v, must be less than max_wait (%v)", q.FillWithBotsAfter, q.MaxWait)
	case *q.Bots < 0 || *q.Bots > q.Players():
		return fail("room.bots", "is %d, must be 0 to %d, the players of a match", *q.Bots, q.Players())
	}
	if err := q.Window.validate(); err != nil {
		return err
	}
	if err := checkMetadata(q.Metadata); err != nil {
		return fail("metadata", "is not usable: %s", detail(err))
	}
	options, err := compactOptions(q.Options)
	if err != nil {
		return fail("options", "are not usable: %s", detail(err))
	}
	q.Options = options
	return nil
}

func (w *RatingWindow) validate() error {
	fail := func(key, format string, args ...any) error {
		return &queueError{"rating_window." + key, fmt.Sprintf(format, args...)}
	}
	// Written so that not-a-number fails, too.
	switch {
	case !(w.Start >= 0 && w.Start <= maxWindow):
		return fail("start", "is %v, must be 0 to %d points", w.Start, maxWindow)
	case !(w.PerSecond >= 0 && w.PerSecond <= maxWindow):
		return fail("per_second", "is %v, must be 0 to %d points", w.PerSecond, maxWindow)
	case !(w.Max > 0 && w.Max >= w.Start && w.Max <= maxWindow):
		return fail("max", "is %v, must be above 0, and start (%v) to %d points", w.Max, w.Start, maxWindow)
	}
	return nil
}

func queueName(s string) bool {
	for i := range len(s) {
		c := s[i]
		letter := c >= 'a' && c <= 'z' || c >= '0' && c <= '9'
		if !letter && (i == 0 || c != '-' && c != '_' && c != '.') {
			return false
		}
	}
	return s != "" && len(s) <= maxQueueName
}

// setQueues gives the queues of a Config their defaults and checks them.
func (c *Config) setQueues() error {
	if len(c.Queues) > maxQueues {
		return fmt.Errorf("matchmaker config: %d queues, at most %d", len(c.Queues), maxQueues)
	}
	seen := map[string]bool{}
	queues := make([]Queue, len(c.Queues)) // the caller's stay as they are
	for i, q := range c.Queues {
		q.setDefaults()
		if err := q.validate(); err != nil {
			return fmt.Errorf("matchmaker config: queue %q: %w", q.Name, err)
		}
		if seen[q.Name] {
			return fmt.Errorf("matchmaker config: queue %q is there twice", q.Name)
		}
		seen[q.Name], queues[i] = true, q
	}
	c.Queues = queues
	return nil
}

// creation is what the room of a match is made of.
func (q *Queue) creation(bots *int) Creation {
	return Creation{
		Game: q.Game, Options: q.Options, Metadata: q.Metadata, Private: !q.Public, Bots: bots, MaxPlayers: q.Players(),
	}
}
