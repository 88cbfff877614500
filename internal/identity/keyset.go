package identity

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/rs/zerolog"
)

// How a set is kept fresh. An unknown key id asks for the set at once, but not more often than every refreshAtMost: key ids
// come from strangers.
const (
	refreshAtMost = 10 * time.Second
	refreshEvery  = 10 * time.Minute
	fetchTimeout  = 5 * time.Second
	maxSetBytes   = 1 << 20
	maxRedirects  = 3
)

// KeySetConfig says where public keys come from.
type KeySetConfig struct {
	// Source is an https URL or a file. An http URL is accepted for this machine only.
	Source string
	// Transport makes the calls. nil: http.DefaultTransport.
	Transport http.RoundTripper
	// Now is the clock. nil: time.Now.
	Now func() time.Time
	// Log takes what happens to the set. Default: silent.
	Log zerolog.Logger
}

// A KeySet is a set of public keys (JWKS) that somebody else changes. When it cannot be read, or what is read has no key, the
// keys of before stay: whoever runs the accounts withdraws a key by publishing a set without it.
type KeySet struct {
	// Immutable after NewKeySet.
	cfg    KeySetConfig
	client *http.Client // nil: Source is a file

	mu sync.Mutex
	// Guarded by mu.
	keys    []publicKey
	tried   time.Time     // when the last load began
	failing bool          // the last load failed
	loading chan struct{} // closed when the load that is under way ends; nil: none is
}

// NewKeySet loads the set once. A file has to be there; a URL may come up later, until when tokens are answered 503.
func NewKeySet(ctx context.Context, cfg KeySetConfig) (*KeySet, error) {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	s := &KeySet{cfg: cfg}
	if strings.Contains(cfg.Source, "://") {
		u, err := url.Parse(cfg.Source)
		if err != nil || u.Host == "" || !safe(u) {
			return nil, fmt.Errorf("%q: want a file or an https URL (http for this machine only)", cfg.Source)
		}
		s.client = &http.Client{Transport: cfg.Transport, Timeout: fetchTimeout, CheckRedirect: redirect}
	}
	if s.client != nil {
		_ = s.refresh(ctx) // it is logged, and tried again
		return s, nil
	}
	s.tried = cfg.Now()
	var err error
	s.keys, err = s.load(ctx)
	return s, err
}

// safe reports whether what comes from u comes from there.
func safe(u *url.URL) bool {
	ip := net.ParseIP(u.Hostname())
	return u.Scheme == "https" || u.Scheme == "http" && (u.Hostname() == "localhost" || ip != nil && ip.IsLoopback())
}

func redirect(r *http.Request, via []*http.Request) error {
	if !safe(r.URL) || len(via) > maxRedirects {
		return errors.New("redirected too often, or to what is not https")
	}
	return nil
}

// Run refreshes the set in the background until ctx ends.
func (s *KeySet) Run(ctx context.Context) {
	tick := time.NewTicker(refreshEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			_ = s.refresh(ctx) // it is logged, and tried again
		}
	}
}

// find returns the key that a token names. A token that names none is of the only key of its alg.
func (s *KeySet) find(ctx context.Context, kid, alg string) (any, error) {
	key, err := s.look(kid, alg)
	if !errors.Is(err, errNoKey) {
		return key, err
	}
	if err := s.refresh(ctx); err != nil {
		return nil, err
	}
	return s.look(kid, alg)
}

func (s *KeySet) look(kid, alg string) (found any, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, k := range s.keys {
		switch {
		case k.alg != alg || kid != "" && k.kid != kid:
		case kid != "":
			return k.key, nil
		case found != nil:
			return nil, errNoKeyID
		default:
			found = k.key
		}
	}
	if found == nil {
		return nil, errNoKey
	}
	return found, nil
}

// refresh loads the set unless that was tried a moment ago; callers at the same time share one load. Its error, that of the
// last load, wraps errUnavailable.
func (s *KeySet) refresh(ctx context.Context) error {
	s.mu.Lock()
	switch done := s.loading; {
	case done != nil:
		s.mu.Unlock()
		select {
		case <-done:
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", errUnavailable, ctx.Err())
		}
		return s.lastError()
	case !s.tried.IsZero() && s.cfg.Now().Sub(s.tried) < refreshAtMost:
		s.mu.Unlock()
		return s.lastError()
	}
	done := make(chan struct{})
	s.loading, s.tried = done, s.cfg.Now()
	s.mu.Unlock()

	// Others wait for this load: it does not end with the caller that began it.
	keys, err := s.load(context.WithoutCancel(ctx))
	s.mu.Lock()
	if err == nil {
		s.keys = keys
	}
	again := s.failing
	s.failing, s.loading = err != nil, nil
	s.mu.Unlock()
	close(done)
	switch {
	case err != nil:
		s.cfg.Log.Warn().Err(err).Str("jwks", s.cfg.Source).Msg("keys of the accounts not loaded; the ones of before stay")
		return fmt.Errorf("%w: %w", errUnavailable, err)
	case again:
		s.cfg.Log.Info().Str("jwks", s.cfg.Source).Int("keys", len(keys)).Msg("keys of the accounts loaded again")
	}
	return nil
}

func (s *KeySet) lastError() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.failing {
		return errUnavailable
	}
	return nil
}

func (s *KeySet) load(ctx context.Context) ([]publicKey, error) {
	read := s.readFile
	if s.client != nil {
		read = s.fetch
	}
	text, err := read(ctx)
	if err != nil {
		return nil, err
	}
	return parseSet(text)
}

func (s *KeySet) readFile(context.Context) ([]byte, error) {
	f, err := os.Open(s.cfg.Source)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return readBounded(f)
}

func (s *KeySet) fetch(ctx context.Context) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, s.cfg.Source, nil)
	if err != nil {
		return nil, err
	}
	req.Header.Set("Accept", "application/jwk-set+json, application/json")
	res, err := s.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("status %s", res.Status)
	}
	return readBounded(res.Body)
}

func readBounded(r io.Reader) ([]byte, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxSetBytes+1))
	if err == nil && len(text) > maxSetBytes {
		err = fmt.Errorf("more than %d bytes", maxSetBytes)
	}
	return text, err
}
