package edge

import (
	"bytes"
	"crypto/tls"
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"github.com/rs/zerolog"
)

func TestWhereRequestsComeFrom(t *testing.T) {
	proxies, err := ParseProxies([]string{"10.0.0.0/8", "2001:db8::1", "127.0.0.1/32"})
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name    string
		peer    string
		headers []string
		ip      string
		scheme  string
		host    string
	}{
		{name: "direct", peer: "203.0.113.9:4000", ip: "203.0.113.9"},
		{name: "spoofed by a client", peer: "203.0.113.9:4000", headers: []string{"X-Forwarded-For: 198.51.100.7", "X-Forwarded-Proto: https", "X-Forwarded-Host: evil.example"}, ip: "203.0.113.9"},
		{name: "a proxy", peer: "10.1.2.3:4000", headers: []string{"X-Forwarded-For: 203.0.113.9"}, ip: "203.0.113.9"},
		{name: "spoofed through a proxy", peer: "10.1.2.3:4000", headers: []string{"X-Forwarded-For: 198.51.100.7, 203.0.113.9"}, ip: "203.0.113.9"},
		{name: "spoofed as a proxy of ours", peer: "10.1.2.3:4000", headers: []string{"X-Forwarded-For: 198.51.100.7, 10.9.9.9, 203.0.113.9"}, ip: "203.0.113.9"},
		{name: "two proxies", peer: "10.1.2.3:4000", headers: []string{"X-Forwarded-For: 203.0.113.9, 10.4.5.6"}, ip: "203.0.113.9"},
		{name: "two lines", peer: "10.1.2.3:4000", headers: []string{"X-Forwarded-For: 198.51.100.7", "X-Forwarded-For: 203.0.113.9, 10.4.5.6"}, ip: "203.0.113.9"},
		{name: "an empty line between", peer: "10.1.2.3:4000", headers: []string{"X-Forwarded-For: 203.0.113.9", "X-Forwarded-For: "}, ip: "10.1.2.3"},
		{name: "all are proxies", peer: "10.1.2.3:4000", headers: []string{"X-Forwarded-For: 10.4.5.6, 10.7.8.9"}, ip: "10.4.5.6"},
		{name: "a proxy that says nothing", peer: "10.1.2.3:4000", ip: "10.1.2.3"},
		{name: "nonsense", peer: "10.1.2.3:4000", headers: []string{"X-Forwarded-For: 203.0.113.9, unknown"}, ip: "10.1.2.3"},
		{name: "nonsense behind a proxy", peer: "10.1.2.3:4000", headers: []string{"X-Forwarded-For: evil, 10.4.5.6"}, ip: "10.4.5.6"},
		{name: "too many hops", peer: "10.1.2.3:4000", headers: []string{"X-Forwarded-For: 203.0.113.9" + strings.Repeat(", 10.0.0.1", 40)}, ip: "10.0.0.1"},
		{name: "with ports", peer: "10.1.2.3:4000", headers: []string{"X-Forwarded-For: 203.0.113.9:1234"}, ip: "203.0.113.9"},
		{name: "IPv6", peer: "[2001:db8::1]:4000", headers: []string{"X-Forwarded-For: 2001:db8::2"}, ip: "2001:db8::2"},
		{name: "IPv6 with a port", peer: "[2001:db8::1]:4000", headers: []string{"X-Forwarded-For: [2001:db8::2]:80"}, ip: "2001:db8::2"},
		{name: "IPv6 in brackets", peer: "[2001:db8::1]:4000", headers: []string{"X-Forwarded-For: [2001:db8::2]"}, ip: "2001:db8::2"},
		{name: "IPv4 in IPv6", peer: "[::ffff:10.1.2.3]:4000", headers: []string{"X-Forwarded-For: ::ffff:203.0.113.9"}, ip: "203.0.113.9"},
		{name: "zone", peer: "[fe80::1%eth0]:4000", ip: "fe80::1"},
		{name: "no address", peer: "@", ip: "invalid IP"},
		{name: "scheme and host", peer: "127.0.0.1:4000", headers: []string{"X-Forwarded-For: 203.0.113.9", "X-Forwarded-Proto: http, HTTPS", "X-Forwarded-Host: play.example.com:8443"}, ip: "203.0.113.9", scheme: "https", host: "play.example.com:8443"},
		{name: "another scheme", peer: "127.0.0.1:4000", headers: []string{"X-Forwarded-Proto: gopher"}, ip: "127.0.0.1"},
		{name: "another host", peer: "127.0.0.1:4000", headers: []string{"X-Forwarded-Host: a/b"}, ip: "127.0.0.1"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if tt.scheme == "" {
				tt.scheme = "http"
			}
			if tt.host == "" {
				tt.host = "game.example.com"
			}
			e := newRig(t, Config{Proxies: proxies})
			seen := false
			send(e.Wrap(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				seen = true
				if ip, scheme, host := ClientIP(r.Context()), Scheme(r.Context()), Host(r.Context()); ip.String() != tt.ip || scheme != tt.scheme || host != tt.host {
					t.Errorf("got %s %s %s, want %s %s %s", ip, scheme, host, tt.ip, tt.scheme, tt.host)
				}
			})), request(t, "GET", "/", tt.peer, tt.headers...))
			if !seen {
				t.Error("the request did not arrive")
			}
		})
	}
}

func TestSchemeOfOwnTLS(t *testing.T) {
	r := request(t, "GET", "/", "203.0.113.9:4000")
	r.TLS = &tls.ConnectionState{}
	if c := newRig(t, Config{}).resolve(r); c.scheme != "https" {
		t.Errorf("got %s", c.scheme)
	}
}

// A page that has its own name rebound to 127.0.0.1 is of the same origin as this node, and must get nothing.
func TestOpenMode(t *testing.T) {
	tests := []struct {
		name    string
		headers []string
		open    bool
		refused bool
	}{
		{name: "localhost", headers: []string{"Host: localhost:7777"}, open: true},
		{name: "address", headers: []string{"Host: 127.0.0.1:7777"}, open: true},
		{name: "IPv6", headers: []string{"Host: [::1]:7777"}, open: true},
		{name: "below localhost", headers: []string{"Host: Arena.LocalHost:7777"}, open: true},
		{name: "none", headers: []string{"Host: "}, open: true},
		{name: "rebound", headers: []string{"Host: evil.example:7777"}, refused: true},
		{name: "rebound, like localhost", headers: []string{"Host: localhost.evil.example"}, refused: true},
		{name: "rebound, like an address", headers: []string{"Host: 127.0.0.1.evil.example"}, refused: true},
		{name: "rebound, with a forged header", headers: []string{"Host: evil.example", "X-Forwarded-For: 127.0.0.1"}},
		{name: "through a tunnel", headers: []string{"Host: abc.tunnel.example", "X-Forwarded-For: 203.0.113.9"}},
		{name: "Forwarded", headers: []string{"Host: localhost", "Forwarded: for=203.0.113.9"}},
		{name: "X-Forwarded-Host", headers: []string{"Host: localhost", "X-Forwarded-Host: x"}},
		{name: "X-Real-IP", headers: []string{"Host: localhost", "X-Real-IP: 203.0.113.9"}},
		{name: "Via", headers: []string{"Host: localhost", "Via: 1.1 x"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := newRig(t, Config{Open: true})
			open := false
			w := send(e.Wrap(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				open = Open(r.Context())
				w.WriteHeader(http.StatusNoContent)
			})), request(t, "POST", "/v1/rooms", "127.0.0.1:4000", tt.headers...))
			if open != tt.open || (code(t, w) == "host_forbidden") != tt.refused || (e.refused[ReasonHost] == 1) != tt.refused {
				t.Errorf("open %v, status %d, counted %v; want %v, refused %v", open, w.Code, e.refused, tt.open, tt.refused)
			}
		})
	}
	closed := newRig(t, Config{})
	if w := send(closed.Wrap(arrived), request(t, "POST", "/v1/rooms", "127.0.0.1:4000", "Host: any.example")); w.Code != http.StatusNoContent {
		t.Errorf("a node that trusts nobody looks at names: %d", w.Code)
	}
}

func TestProxiesThatAreNotNamedAreReportedOnce(t *testing.T) {
	var log bytes.Buffer
	e := newRig(t, Config{Log: zerolog.New(&log)})
	for range 3 {
		e.resolve(request(t, "GET", "/", "203.0.113.9:1", "X-Forwarded-For: 1.2.3.4"))
	}
	if log.Len() != 0 {
		t.Errorf("a client on the internet wrote a log line: %s", &log)
	}
	for range 3 {
		e.resolve(request(t, "GET", "/", "192.168.1.2:1", "X-Forwarded-For: 1.2.3.4"))
	}
	if got := strings.Count(log.String(), "-trusted-proxies"); got != 1 {
		t.Errorf("reported %d times: %s", got, &log)
	}
}

func TestProxyLists(t *testing.T) {
	if _, err := ParseProxies([]string{"10.0.0.0/33"}); err == nil {
		t.Error("10.0.0.0/33 is accepted")
	}
	if _, err := ParseProxies([]string{"proxy.example"}); err == nil {
		t.Error("a name is accepted")
	}
}

func FuzzForwardedFor(f *testing.F) {
	for _, s := range []string{"203.0.113.9, 10.0.0.1", "[::1]:80", "10.0.0.1,,10.0.0.2", "unknown", ",", "::ffff:10.0.0.1, fe80::1%eth0"} {
		f.Add(s, s)
	}
	trusted := netip.MustParsePrefix("10.0.0.0/8")
	e := newRig(f, Config{Proxies: []netip.Prefix{trusted}})
	peer := netip.MustParseAddr("10.0.0.1")
	f.Fuzz(func(t *testing.T, first, second string) {
		ip := e.rightmost(peer, []string{first, second})
		if !ip.IsValid() || ip.Zone() != "" || ip.Is4In6() {
			t.Fatalf("%q, %q: %v", first, second, ip)
		}
		// Nobody in front of an address that is not ours is believed.
		if got := e.rightmost(peer, []string{first, second, "203.0.113.9"}); got.String() != "203.0.113.9" {
			t.Errorf("%q, %q in front of an honest entry: %v", first, second, got)
		}
	})
}
