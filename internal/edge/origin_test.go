package edge

import (
	"net/http"
	"slices"
	"strings"
	"testing"
)

func TestOriginPatterns(t *testing.T) {
	tests := []struct {
		list    string
		allowed []string
		refused []string
	}{
		{"https://game.example.com", []string{"https://game.example.com", "https://game.example.com:443", "HTTPS://Game.Example.com"},
			[]string{"http://game.example.com", "https://game.example.com:8443", "https://x.game.example.com", "https://game.example.com.evil.example", "null", ""}},
		{"http://localhost:5173", []string{"http://localhost:5173"}, []string{"http://localhost", "https://localhost:5173"}},
		{"https://*.example.com", []string{"https://a.example.com", "https://a.b.example.com"},
			[]string{"https://example.com", "https://evilexample.com", "http://a.example.com", "https://a.example.com:8443", "https://a.example.com.evil.example", "https://.example.com", "https://evil.example/a.example.com", "https://evil.example#.example.com", "https://evil@a.example.com"}},
		{"https://*.example.com:8443,capacitor://localhost", []string{"https://a.example.com:8443", "capacitor://localhost"}, []string{"https://a.example.com"}},
		{"http://[::1]:80", []string{"http://[::1]", "http://[0:0::1]"}, []string{"http://[::2]"}},
		{"*", []string{"https://any.example", "null"}, nil},
	}
	for _, tt := range tests {
		e := newRig(t, Config{Origins: origins(t, strings.Split(tt.list, ",")...)})
		r := request(t, "GET", "/", "203.0.113.9:1")
		for _, o := range tt.allowed {
			if !e.OriginAllowed(r, o) {
				t.Errorf("%s refuses %s", tt.list, o)
			}
		}
		for _, o := range tt.refused {
			if e.OriginAllowed(r, o) {
				t.Errorf("%s allows %s", tt.list, o)
			}
		}
		if e.refused[ReasonOrigin] != len(tt.refused) {
			t.Errorf("%s: counted %v, want %d", tt.list, e.refused, len(tt.refused))
		}
	}
	for _, bad := range []string{"", "game.example.com", "https://", "https://a/b", "https://a/", "null", "https://*", "https://*.com", "https://a.*.com", "https://*.[::1]", "https://a:0", "https://a:65536", "https://a:+80", "://a", "1a://b", "https://[::1", "https://[1.2.3.4]", "https://a b"} {
		if _, err := ParseOrigins([]string{bad}); err == nil {
			t.Errorf("%q is taken for an origin", bad)
		}
	}
	if _, err := ParseOrigins(make([]string, 257)); err == nil {
		t.Error("257 origins are accepted")
	}
}

// Pages of the node itself may always call, whatever name it has.
func TestOwnOrigin(t *testing.T) {
	proxies, err := ParseProxies([]string{"10.0.0.1"})
	if err != nil {
		t.Fatal(err)
	}
	tests := []struct {
		name    string
		cfg     Config
		peer    string
		headers []string
		origin  string
		want    bool
	}{
		{"same", Config{}, "203.0.113.9:1", nil, "https://game.example.com", true},
		{"same with a port", Config{}, "203.0.113.9:1", []string{"Host: game.example.com:7777"}, "http://game.example.com:7777", true},
		{"the scheme's port", Config{}, "203.0.113.9:1", []string{"Host: game.example.com:443"}, "https://game.example.com", true},
		{"other port", Config{}, "203.0.113.9:1", []string{"Host: game.example.com:7777"}, "http://game.example.com:5173", false},
		{"IPv6", Config{}, "203.0.113.9:1", []string{"Host: [2001:db8::1]:7777"}, "http://[2001:db8::1]:7777", true},
		{"other", Config{}, "203.0.113.9:1", nil, "https://evil.example", false},
		{"localhost of a closed node", Config{}, "127.0.0.1:1", nil, "http://localhost:5173", false},
		{"localhost of an open node", Config{Open: true}, "127.0.0.1:1", []string{"Host: localhost:7777"}, "http://localhost:5173", true},
		{"loopback of an open node", Config{Open: true}, "127.0.0.1:1", []string{"Host: localhost:7777"}, "http://127.0.0.1:5173", true},
		{"other of an open node", Config{Open: true}, "127.0.0.1:1", []string{"Host: localhost:7777"}, "https://evil.example", false},
		{"address of elsewhere, open node", Config{Open: true}, "127.0.0.1:1", []string{"Host: localhost:7777"}, "http://203.0.113.7", false},
		{"null of an open node", Config{Open: true}, "127.0.0.1:1", []string{"Host: localhost:7777"}, "null", false},
		{"advertised", Config{Advertise: "play.example.com"}, "203.0.113.9:1", []string{"Host: node1.internal"}, "https://play.example.com", true},
		{"behind a proxy", Config{Proxies: proxies}, "10.0.0.1:1", []string{"Host: 127.0.0.1:7777", "X-Forwarded-Host: play.example.com"}, "https://play.example.com", true},
		{"behind a proxy that is not ours", Config{}, "10.0.0.1:1", []string{"Host: 127.0.0.1:7777", "X-Forwarded-Host: evil.example"}, "https://evil.example", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := newRig(t, tt.cfg)
			var got bool
			send(e.Wrap(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = e.OriginAllowed(r, tt.origin) })),
				request(t, "GET", "/v1/rooms/x/ws", tt.peer, tt.headers...))
			if got != tt.want {
				t.Errorf("got %v, want %v", got, tt.want)
			}
		})
	}
}

func TestCORS(t *testing.T) {
	const page, evil = "https://page.example", "https://evil.example"
	ask := []string{"Access-Control-Request-Method: POST", "Access-Control-Request-Headers: authorization", "Access-Control-Request-Private-Network: true"}
	tests := []struct {
		name         string
		list         string
		method, path string
		origin       string
		headers      []string
		status       int
		allow        string
		vary         []string
	}{
		{name: "preflight", list: page, method: "OPTIONS", path: "/v1/join", origin: page, headers: ask, status: 204, allow: page, vary: []string{"Origin", "Access-Control-Request-Method", "Access-Control-Request-Headers"}},
		{name: "preflight of another", list: page, method: "OPTIONS", path: "/v1/join", origin: evil, headers: ask, status: 403, vary: []string{"Origin", "Access-Control-Request-Method", "Access-Control-Request-Headers"}},
		{name: "preflight for all", list: "*", method: "OPTIONS", path: "/v1/join", origin: evil, headers: ask, status: 204, allow: "*", vary: []string{"Access-Control-Request-Method", "Access-Control-Request-Headers"}},
		{name: "call", list: page, method: "POST", path: "/v1/join", origin: page, status: 299, allow: page, vary: []string{"Origin"}},
		{name: "call of another", list: page, method: "POST", path: "/v1/join", origin: evil, status: 403, vary: []string{"Origin"}},
		{name: "call of nobody", list: page, method: "POST", path: "/v1/join", origin: "null", status: 403, vary: []string{"Origin"}},
		{name: "call for all", list: "*", method: "DELETE", path: "/v1/rooms/x", origin: "null", status: 299, allow: "*"},
		{name: "two origins", list: page, method: "POST", path: "/v1/join", origin: page, headers: []string{"Origin: " + evil}, status: 403, vary: []string{"Origin"}},
		{name: "two origins, the other way round", list: page, method: "POST", path: "/v1/join", origin: evil, headers: []string{"Origin: " + page}, status: 403, vary: []string{"Origin"}},
		{name: "read", list: page, method: "GET", path: "/v1/rooms", origin: page, status: 299, allow: page, vary: []string{"Origin"}},
		{name: "another cannot read", list: page, method: "GET", path: "/v1/rooms", origin: evil, status: 299, vary: []string{"Origin"}},
		{name: "no page", list: page, method: "POST", path: "/v1/join", status: 299, vary: []string{"Origin"}},
		{name: "own page", list: page, method: "POST", path: "/v1/join", origin: "https://game.example.com", status: 299, allow: "https://game.example.com", vary: []string{"Origin"}},
		{name: "description", list: page, method: "GET", path: "/openapi.json", origin: page, status: 299, allow: page, vary: []string{"Origin"}},
		{name: "metrics are not shared", list: page, method: "GET", path: "/metrics", origin: page, status: 299},
		{name: "OPTIONS that is no preflight", list: page, method: "OPTIONS", path: "/v1/join", origin: page, status: 299, allow: page, vary: []string{"Origin"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			e := newRig(t, Config{Origins: origins(t, tt.list)})
			headers := tt.headers
			if tt.origin != "" {
				headers = append(slices.Clone(headers), "Origin: "+tt.origin)
			}
			w := send(e.Wrap(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(299) })), request(t, tt.method, tt.path, "203.0.113.9:1", headers...))
			h := w.Header()
			if w.Code != tt.status || h.Get("Access-Control-Allow-Origin") != tt.allow || !slices.Equal(h.Values("Vary"), tt.vary) {
				t.Errorf("%d %v, want %d for %q, Vary %q", w.Code, h, tt.status, tt.allow, tt.vary)
			}
			if tt.status == 403 && (code(t, w) != "origin_forbidden" || e.refused[ReasonOrigin] != 1) {
				t.Errorf("%s, counted %v", w.Body, e.refused)
			}
			if (h.Get("Access-Control-Expose-Headers") != "") != (tt.allow != "") {
				t.Errorf("exposed %q", h.Get("Access-Control-Expose-Headers"))
			}
			if granted := h.Get("Access-Control-Allow-Headers"); (tt.status == 204) != strings.Contains(granted, "Authorization") || (tt.status == 204) != (h.Get("Access-Control-Max-Age") != "") {
				t.Errorf("granted %q", granted)
			}
			for _, never := range []string{"Access-Control-Allow-Credentials", "Access-Control-Allow-Private-Network"} {
				if h.Get(never) != "" {
					t.Errorf("%s is granted", never)
				}
			}
			if h.Get("X-Content-Type-Options") != "nosniff" || !strings.Contains(h.Get("Content-Security-Policy"), "frame-ancestors 'none'") || h.Get("Referrer-Policy") == "" {
				t.Errorf("headers %v", h)
			}
		})
	}
}

func FuzzOrigin(f *testing.F) {
	for _, s := range []string{"https://a.example.com", "https://a.example.com:8443", "null", "http://[::1]:80", "https://evil.example/.example.com", "https://x@a.example.com"} {
		f.Add(s)
	}
	o, err := ParseOrigins([]string{"https://*.example.com"})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, s string) {
		from, ok := parseOrigin(s)
		if !ok {
			return
		}
		text := from.scheme + "://" + from.host
		if from.port != "" {
			text += ":" + from.port
		}
		if again, ok := parseOrigin(text); !ok || again != from {
			t.Errorf("%q is %+v, which is written %q and read as %+v", s, from, text, again)
		}
		if o.allow(from) && (!strings.HasSuffix(strings.ToLower(s), ".example.com") && !strings.HasSuffix(strings.ToLower(s), ".example.com:443") || strings.ContainsAny(s, "/?#@\\ ") && !strings.HasPrefix(strings.ToLower(s), "https://")) {
			t.Errorf("%q is allowed", s)
		}
	})
}
