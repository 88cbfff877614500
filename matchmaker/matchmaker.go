package matchmaker

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/ringside-server/ringside/internal/stream"
)

// Log orders commands and applies them to the Directory on every replica.
// Its methods are called from many goroutines and may block.
type Log interface {
	// Apply proposes cmd and returns what Directory.Apply returned for it. An
	// error does not say that cmd was not or will not be applied; proposing
	// the same bytes again is safe. cmd belongs to the log from then on.
	Apply(ctx context.Context, cmd []byte) (any, error)

	// Read returns when the local Directory holds everything that was
	// acknowledged anywhere before the call. It may be repeated.
	Read(ctx context.Context) error
}

// Matchmaker proposes commands and answers questions. Its methods may be
// called from any goroutine.
type Matchmaker struct {
	// Immutable after New.
	cfg Config
	dir *Directory
	log Log

	ownHub    bool
	stop      context.CancelFunc
	running   sync.WaitGroup
	closeOnce sync.Once

	misses  misses        // of join codes
	holders ticketHolders // of callers nobody knows

	// Held while a key is proposed, so that one process proposes one.
	keyMu sync.Mutex

	matching matching // the queues
}

// tick is how often the background work looks for something to do. Seats live
// for 40 s; a second later does not matter.
const tick = time.Second

// New returns a Matchmaker over a directory that log applies commands to. It
// starts the background work (expiry of seats, rotation of keys, the
// webhook): Close ends it.
func New(cfg Config, dir *Directory, log Log) (*Matchmaker, error) {
	cfg.setDefaults()
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(context.Background())
	m := &Matchmaker{cfg: cfg, dir: dir, log: log, stop: stop}
	m.misses.allowed = cfg.LimitCodes
	m.holders.init(&cfg)
	if m.cfg.Hub == nil {
		m.cfg.Hub, m.ownHub = stream.New(stream.Config{Log: cfg.Logger}), true
	}
	dir.observe(m.publish)
	m.startMatching(ctx)
	m.running.Go(func() { m.run(ctx) })
	if cfg.Webhook.URL != "" {
		m.running.Go(func() { newCourier(m).run(ctx) })
	}
	return m, nil
}

// hubCloseTimeout is how long clients that wait for an answer may take to hear that there is none.
const hubCloseTimeout = time.Second

// Close ends the background work and waits for it. Calls in progress go on, but for those that wait in a Hub of its own.
func (m *Matchmaker) Close() {
	m.closeOnce.Do(func() {
		m.stop()
		m.running.Wait()
		m.dir.observe(nil)
		m.dir.listenTickets(nil)
		if m.ownHub {
			ctx, cancel := context.WithTimeout(context.Background(), hubCloseTimeout)
			defer cancel()
			if err := m.cfg.Hub.Close(ctx); err != nil {
				m.cfg.Logger.Debug().Err(err).Msg("waiting answers were cut off")
			}
		}
	})
}

// Directory returns the directory: assignments, rooms, counts.
func (m *Matchmaker) Directory() *Directory { return m.dir }

// Stats returns the directory's counts.
func (m *Matchmaker) Stats() Stats { return m.dir.Stats() }

// run proposes what time alone makes necessary, and only then: an idle server
// writes nothing.
func (m *Matchmaker) run(ctx context.Context) {
	t := time.NewTicker(tick)
	defer t.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
		m.announceWebhook(ctx)
		if m.dir.due(m.now()) {
			if _, err := m.propose(ctx, &expire{}); err != nil && ctx.Err() == nil {
				m.cfg.Logger.Debug().Err(err).Msg("expiry not proposed")
			}
		}
		if _, ok := m.dir.key(0); ok {
			if _, err := m.signingKey(ctx); err != nil && ctx.Err() == nil {
				m.cfg.Logger.Debug().Err(err).Msg("key rotation not proposed")
			}
		}
	}
}

// announceWebhook has the directory fill the outbox if, and only if, there is a webhook.
func (m *Matchmaker) announceWebhook(ctx context.Context) {
	on := m.cfg.Webhook.URL != ""
	if m.dir.webhookOn() == on {
		return
	}
	if _, err := m.propose(ctx, &setWebhook{On: on}); err != nil && ctx.Err() == nil {
		m.cfg.Logger.Debug().Err(err).Msg("webhook not announced")
	}
}

func (m *Matchmaker) now() int64 { return m.cfg.Now().UnixMilli() }

// propose stamps cmd, sends it through the log and returns its result; a
// refusal is returned as the error. A field out of bounds is ErrInvalid.
func (m *Matchmaker) propose(ctx context.Context, cmd command) (result, error) {
	cmd.meta().Time = m.now()
	b := encodeCommand(cmd)
	// The bounds stand once, in the fields: what no replica could decode must
	// not get into the log.
	if _, err := decodeCommand(b); err != nil {
		return result{}, invalid("%w", err)
	}
	answer, err := m.log.Apply(ctx, b)
	if err != nil {
		return result{}, &logError{err}
	}
	res, ok := answer.(result)
	if !ok {
		panic(fmt.Sprintf("matchmaker: the log answered %T: it does not drive this directory", answer))
	}
	return res, res.err
}

// logError is an error of the Log: whether the command was applied is not
// known.
type logError struct{ err error }

func (e *logError) Error() string { return "propose: " + e.err.Error() }
func (e *logError) Unwrap() error { return e.err }

// signingKey returns the key that signs, after adding a new one if there is
// none or the newest is due.
func (m *Matchmaker) signingKey(ctx context.Context) (signingKey, error) {
	if k, ok := m.freshKey(); ok {
		return k, nil
	}
	m.keyMu.Lock()
	defer m.keyMu.Unlock()
	if k, ok := m.freshKey(); ok {
		return k, nil
	}
	newest, _ := m.dir.key(0)
	next := signingKey{ID: newest.ID + 1, Secret: random(32), Created: m.now()}
	if _, err := m.propose(ctx, &addKey{signingKey: next, After: newest.ID}); err != nil {
		return signingKey{}, fmt.Errorf("add signing key: %w", err)
	}
	k, ok := m.dir.key(0)
	if !ok {
		return signingKey{}, &logError{errors.New("signing key is not here yet")}
	}
	return k, nil
}

func (m *Matchmaker) freshKey() (signingKey, bool) {
	k, ok := m.dir.key(0)
	return k, ok && m.now()-k.Created < m.cfg.KeyRotation.Milliseconds()
}

// VerifyToken returns what a token of any valid key says, as of now. Errors:
// ErrToken, and ErrTokenExpired which is one too. It does not look whether
// the seat still exists: Confirm does.
func (m *Matchmaker) VerifyToken(token string, now time.Time) (Claims, error) {
	return openToken(token, func(id uint64) (signingKey, bool) {
		if id == 0 {
			return signingKey{}, false
		}
		return m.dir.key(id)
	}, now)
}

// random returns n random bytes; crypto/rand never fails.
func random(n int) []byte {
	b := make([]byte, n)
	rand.Read(b)
	return b
}

// anonymousID is the id of a player who did not say who they are.
func anonymousID() string {
	bits := binary.BigEndian.Uint64(random(8))
	id := []byte("anon-00000000")
	for i := len("anon-"); i < len(id); i++ {
		id[i] = crockford[bits&31]
		bits >>= 5
	}
	return string(id)
}
