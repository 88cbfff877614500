package ringside

import (
	"errors"
	"flag"
	"fmt"
	"net"
	"net/url"
	"path/filepath"
	"slices"

	"github.com/ringside-server/ringside/internal/edge"
)

// Bounds of -limit-ip and -limit-player, calls a second.
const maxLimit = 1_000_000

// edgeFlags are the flags about what stands around the node.
func edgeFlags(fs *flag.FlagSet, cfg *Config) {
	fs.Var(listValue{&cfg.TrustedProxies}, "trusted-proxies", "`addresses` (CIDR) of the proxies whose X-Forwarded-For, -Proto and -Host are believed, with commas between them")
	fs.Var(listValue{&cfg.AllowOrigin}, "allow-origin", "`origins` of pages that may call and connect beside the node's own: https://game.example.com, https://*.example.com, or *")
	fs.Var(limitValue{&cfg.LimitIP}, "limit-ip", "`calls` a second that one address may make, twice as many at once; 0: no limit")
	fs.Var(limitValue{&cfg.LimitPlayer}, "limit-player", "`calls` a second that one player with an account may make; 0: no limit")
	fs.StringVar(&cfg.TLSCert, "tls-cert", cfg.TLSCert, "`file` with the certificate chain (PEM); it is read again when it changes")
	fs.StringVar(&cfg.TLSKey, "tls-key", cfg.TLSKey, "`file` with the certificate's key (PEM)")
	fs.Var(listValue{&cfg.ACME}, "acme", "host `names` to fetch certificates for, with commas between them; accepts the authority's terms, and needs port 443 of each name to lead here")
	fs.StringVar(&cfg.ACMEEmail, "acme-email", cfg.ACMEEmail, "`address` the authority may write to")
	fs.StringVar(&cfg.ACMEDirectory, "acme-directory", cfg.ACMEDirectory, "`URL` of the authority (default: Let's Encrypt)")
	fs.StringVar(&cfg.ACMECA, "acme-ca", cfg.ACMECA, "`file` with the root certificate of the authority's own server, for tests")
	fs.StringVar(&cfg.ACMEHTTP, "acme-http", cfg.ACMEHTTP, "`address`, e.g. :80, that answers the authority over HTTP, and sends everybody else to https")
}

// fillEdgeDefaults is part of fillDefaults.
func (c *Config) fillEdgeDefaults() {
	if len(c.Public) == 0 {
		c.Public = []string{"join", "list"}
	}
}

// validateEdge is part of validate.
func (c *Config) validateEdge() error {
	if c.Advertise != "" {
		u, err := url.Parse(c.Advertise)
		if err != nil || u.Host == "" || (u.Scheme != "ws" && u.Scheme != "wss") {
			return configError("-advertise", fmt.Errorf("%q: want ws://host[:port] or wss://host[:port]", c.Advertise))
		}
	}
	for name, n := range map[string]int{"-limit-ip": c.LimitIP, "-limit-player": c.LimitPlayer} {
		if n < -1 || n > maxLimit {
			return configError(name, fmt.Errorf("%d: want 1 to %d, or 0 for none", n, maxLimit))
		}
	}
	switch {
	case (c.TLSCert == "") != (c.TLSKey == ""):
		return configError("-tls-cert", errors.New("a certificate and its key go together: set -tls-cert and -tls-key"))
	case c.TLSCert != "" && len(c.ACME) > 0:
		return configError("-acme", errors.New("there is a certificate already: set -acme or -tls-cert"))
	case len(c.ACME) == 0 && (c.ACMEEmail != "" || c.ACMEDirectory != "" || c.ACMECA != "" || c.ACMEHTTP != ""):
		return configError("-acme", errors.New("no host name to fetch a certificate for: set -acme, too"))
	}
	if c.ACMEHTTP != "" {
		if _, _, err := net.SplitHostPort(c.ACMEHTTP); err != nil {
			return configError("-acme-http", fmt.Errorf("%q is not host:port", c.ACMEHTTP))
		}
	}
	return nil
}

// trustsThisMachine reports whether the node is for development: nothing says that anybody but programs on this machine
// reaches it. With an API key it is never.
func (c *Config) trustsThisMachine() bool {
	host, _, err := net.SplitHostPort(c.Listen)
	if err != nil || c.Advertise != "" || len(c.TrustedProxies) > 0 || len(c.ACME) > 0 {
		return false
	}
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// edgeConfig reads what stands around the node.
func (c *Config) edgeConfig(open bool) (cfg edge.Config, err error) {
	cfg = edge.Config{
		Open: open, LimitIP: max(c.LimitIP, 0), LimitPlayer: max(c.LimitPlayer, 0), MaxConnections: c.maxCalls(), Log: c.Log,
		MaxPerAddress: c.Limits.LimitConnections, MaxOpening: c.Limits.LimitHandshakes,
	}
	if cfg.Proxies, err = edge.ParseProxies(c.TrustedProxies); err != nil {
		return cfg, configError("-trusted-proxies", err)
	}
	if cfg.Origins, err = edge.ParseOrigins(c.AllowOrigin); err != nil {
		return cfg, configError("-allow-origin", err)
	}
	if u, err := url.Parse(c.Advertise); err == nil {
		cfg.Advertise = u.Host
	}
	return cfg, nil
}

// maxCalls is how many connections may be open beside players' sockets. A player needs one for a moment to get a seat, and a
// browser keeps it for the idleTimeout: 2,048 of them let a hundred players a second in. Both together stay below the 20,000
// files that some systems allow.
func (c *Config) maxCalls() int {
	if c.calls > 0 {
		return c.calls
	}
	return max(c.MaxConnections/8, 2048)
}

// acme says which certificates are fetched.
func (c *Config) acme() edge.ACMEConfig {
	return edge.ACMEConfig{
		Hosts: slices.Clone(c.ACME), Email: c.ACMEEmail, Directory: c.ACMEDirectory, CAFile: c.ACMECA,
		Cache: filepath.Join(c.Data, "acme"), Log: c.Log.With().Str("part", "acme").Logger(),
	}
}
