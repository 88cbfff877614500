package edge

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/crypto/acme"
	"golang.org/x/crypto/acme/autocert"
)

// After a refusal the next try comes after retryFirst, then after twice as long each time up to retryLast: authorities count
// failures, Let's Encrypt five an hour and name. autocert itself remembers a failure for one minute.
const (
	retryFirst = 2 * time.Minute
	retryLast  = time.Hour
	maxHosts   = 32
)

// errNotYet is what a handshake fails with until there is a certificate.
var errNotYet = errors.New("there is no certificate for this name yet")

// ACMEConfig says which certificates are fetched from whom.
type ACMEConfig struct {
	// Hosts are the names that certificates are for, 1 to 32; each has a dot.
	Hosts []string
	// Email is where the authority writes to when something is wrong. May be empty.
	Email string
	// Directory is the authority's URL. Default: Let's Encrypt.
	Directory string
	// CAFile has the root certificates (PEM) by which the authority's own server is verified, besides the system's. Default:
	// none.
	CAFile string
	// Cache is the folder for the account's key and the certificates; only this user may read it.
	Cache string
	// Log takes what happens. Default: silent.
	Log zerolog.Logger
}

// ACME fetches certificates from an authority and renews them a month before they end. The authority asks for a proof on
// port 443 of each host (TLS-ALPN-01) or port 80 (HTTP-01), which this node has to answer.
//
// Certificates are asked for by Run, ever more slowly if that fails, and not by handshakes:
// those come from strangers, who could spend the failures that the authority allows.
type ACME struct {
	// Immutable after NewACME.
	cfg     ACMEConfig
	manager *autocert.Manager
	ready   map[string]*atomic.Bool // by host: there is a certificate
	life    context.Context         //nolint:containedctx // calls to the authority end with it, and autocert makes them
	end     context.CancelFunc
}

// NewACME checks the config. Nothing is fetched before Run.
func NewACME(cfg ACMEConfig) (*ACME, error) {
	if len(cfg.Hosts) == 0 || len(cfg.Hosts) > maxHosts {
		return nil, fmt.Errorf("%d host names: want 1 to %d", len(cfg.Hosts), maxHosts)
	}
	a := &ACME{cfg: cfg, ready: make(map[string]*atomic.Bool)}
	for i, host := range cfg.Hosts {
		host = strings.ToLower(host)
		if !hostName(host) || !strings.Contains(host, ".") || strings.HasSuffix(host, ".") || strings.Contains(host, "_") {
			return nil, fmt.Errorf("%q is no public host name", host)
		}
		a.cfg.Hosts = slices.Clone(a.cfg.Hosts)
		a.cfg.Hosts[i] = host
		a.ready[host] = new(atomic.Bool)
	}
	transport, err := newTransport(cfg.CAFile)
	if err != nil {
		return nil, err
	}
	if cfg.Directory == "" {
		cfg.Directory = autocert.DefaultACMEDirectory
	}
	if u, err := url.Parse(cfg.Directory); err != nil || u.Scheme != "https" || u.Host == "" {
		return nil, fmt.Errorf("directory %q: want an https URL", cfg.Directory)
	}
	a.life, a.end = context.WithCancel(context.Background())
	a.manager = &autocert.Manager{
		Prompt: autocert.AcceptTOS, Cache: autocert.DirCache(cfg.Cache), HostPolicy: autocert.HostWhitelist(a.cfg.Hosts...), Email: cfg.Email,
		Client: &acme.Client{DirectoryURL: cfg.Directory, UserAgent: "ringside", HTTPClient: &http.Client{Transport: mortal{transport, a.life}}},
	}
	return a, nil
}

// newTransport verifies the authority with the system's roots and those of the file.
func newTransport(caFile string) (*http.Transport, error) {
	t := &http.Transport{
		Proxy: http.ProxyFromEnvironment, TLSHandshakeTimeout: 10 * time.Second, ResponseHeaderTimeout: 30 * time.Second,
		IdleConnTimeout: 30 * time.Second, ForceAttemptHTTP2: true,
	}
	if caFile == "" {
		return t, nil
	}
	text, err := os.ReadFile(caFile)
	if err != nil {
		return nil, err
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool() // a system without roots has these
	}
	if !pool.AppendCertsFromPEM(text) {
		return nil, fmt.Errorf("%s: no certificate in it", caFile)
	}
	t.TLSClientConfig = &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}
	return t, nil
}

// A mortal transport's calls end with life, whoever makes them.
type mortal struct {
	*http.Transport
	life context.Context //nolint:containedctx // it is the transport's own
}

// RoundTrip implements http.RoundTripper.
func (m mortal) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := m.life.Err(); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithCancel(r.Context())
	stop := context.AfterFunc(m.life, cancel)
	res, err := m.Transport.RoundTrip(r.WithContext(ctx))
	if err != nil {
		stop()
		cancel()
		return nil, err
	}
	res.Body = &mortalBody{res.Body, func() { stop(); cancel() }}
	return res, nil
}

// Certificate is for tls.Config.GetCertificate.
func (a *ACME) Certificate(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	if slices.Equal(hello.SupportedProtos, []string{acme.ALPNProto}) {
		return a.manager.GetCertificate(hello) // the authority looks for its proof
	}
	name := strings.ToLower(strings.TrimSuffix(hello.ServerName, "."))
	ready, ours := a.ready[name]
	switch {
	case !ours:
		return nil, fmt.Errorf("no certificate is fetched for the name %.100q", hello.ServerName)
	case !ready.Load():
		return nil, errNotYet
	}
	return a.manager.GetCertificate(helloOf(name))
}

// helloOf asks for the certificate of a host with an ECDSA key. The hello of a stranger could ask for a second one, with an
// RSA key, which nobody has needed for years.
func helloOf(host string) *tls.ClientHelloInfo {
	return &tls.ClientHelloInfo{
		ServerName: host, CipherSuites: []uint16{tls.TLS_AES_128_GCM_SHA256, tls.TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256},
		SupportedVersions: []uint16{tls.VersionTLS13},
	}
}

// TLSConfig is TLSConfig with what the authority's proof needs.
func (a *ACME) TLSConfig() *tls.Config {
	cfg := TLSConfig(a.Certificate)
	cfg.NextProtos = append(cfg.NextProtos, acme.ALPNProto)
	return cfg
}

// HTTPHandler answers the proof on port 80, and sends everybody else to https.
func (a *ACME) HTTPHandler() http.Handler { return a.manager.HTTPHandler(nil) }

// Run fetches the certificates until it has them all, and ends with ctx; renewals end with it, too.
func (a *ACME) Run(ctx context.Context) {
	defer a.end()
	var hosts sync.WaitGroup
	stop := context.AfterFunc(ctx, a.end)
	defer stop()
	for _, host := range a.cfg.Hosts {
		hosts.Go(func() { a.fetch(ctx, host) })
	}
	hosts.Wait()
	<-ctx.Done()
}

func (a *ACME) fetch(ctx context.Context, host string) {
	for wait := retryFirst; ; wait = min(2*wait, retryLast) {
		cert, err := a.manager.GetCertificate(helloOf(host))
		if err == nil {
			a.ready[host].Store(true)
			a.cfg.Log.Info().Str("host", host).Time("expires", cert.Leaf.NotAfter).Msg("certificate is there")
			return
		}
		if ctx.Err() != nil {
			return
		}
		a.cfg.Log.Error().Err(err).Str("host", host).Dur("again_in", wait).Msg("no certificate; the name must lead to this node, on port 443 or with -acme-http on port 80")
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
	}
}

// A mortalBody frees what its call held.
type mortalBody struct {
	io.ReadCloser
	free func()
}

// Close implements io.Closer.
func (b *mortalBody) Close() error {
	defer b.free()
	return b.ReadCloser.Close()
}
