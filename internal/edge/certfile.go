package edge

import (
	"context"
	"crypto/tls"
	"fmt"
	"os"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"
)

// pollEvery is how often the files of a certificate are looked at. Whoever renews certificates does so weeks before it has to be.
const pollEvery = 10 * time.Second

// A CertFile is a certificate that somebody else renews on disk.
type CertFile struct {
	// Immutable.
	cert, key string
	log       zerolog.Logger

	current atomic.Pointer[tls.Certificate]
	seen    [2]stamp // Owned by Run: the files as they were when they were last read
}

// A stamp tells a file from the one that replaced it.
type stamp struct {
	modified time.Time
	size     int64
}

// NewCertFile loads a certificate chain and its key, both PEM.
func NewCertFile(cert, key string, log zerolog.Logger) (*CertFile, error) {
	f := &CertFile{cert: cert, key: key, log: log}
	f.seen = f.stamps()
	if err := f.load(); err != nil {
		return nil, err
	}
	return f, nil
}

// Certificate is for tls.Config.GetCertificate.
func (f *CertFile) Certificate(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	return f.current.Load(), nil
}

// Run looks at the files until ctx ends. New ones that do not fit each other, as while they are being copied, leave the old
// certificate in use.
func (f *CertFile) Run(ctx context.Context) {
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			f.check()
		}
	}
}

func (f *CertFile) check() {
	now := f.stamps()
	if now == f.seen {
		return
	}
	f.seen = now
	if err := f.load(); err != nil {
		f.log.Error().Err(err).Msg("changed certificate not loaded; the old one stays")
	}
}

func (f *CertFile) stamps() (s [2]stamp) {
	for i, name := range []string{f.cert, f.key} {
		if st, err := os.Stat(name); err == nil {
			s[i] = stamp{st.ModTime(), st.Size()}
		}
	}
	return s
}

func (f *CertFile) load() error {
	pair, err := tls.LoadX509KeyPair(f.cert, f.key)
	if err != nil {
		return fmt.Errorf("certificate %s with key %s: %w", f.cert, f.key, err)
	}
	f.current.Store(&pair)
	event := f.log.Info()
	if time.Now().After(pair.Leaf.NotAfter) {
		event = f.log.Warn()
	}
	event.Strs("names", pair.Leaf.DNSNames).Time("expires", pair.Leaf.NotAfter).Msg("certificate loaded")
	return nil
}

// TLSConfig is how a node speaks TLS: 1.2 and newer, HTTP/2 for calls, HTTP/1.1 for sockets.
func TLSConfig(certificate func(*tls.ClientHelloInfo) (*tls.Certificate, error)) *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{"h2", "http/1.1"}, GetCertificate: certificate}
}
