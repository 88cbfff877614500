package ringside_test

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/ringside-server/ringside"
	client "github.com/ringside-server/ringside/clients/go"
)

const (
	apiKey    = "backend-secret-0123456789"
	jwtSecret = "0123456789abcdef0123456789abcdef"
)

// call makes a request with headers "Name: value"; Host sets the host.
func call(t *testing.T, c *http.Client, method, url, body string, headers ...string) (status int, text string, h http.Header) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	for _, line := range headers {
		k, v, _ := strings.Cut(line, ": ")
		if req.Header.Set(k, v); k == "Host" {
			req.Host = v
		}
	}
	res, err := c.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	out, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(out), res.Header
}

func playerToken(t *testing.T, exp time.Time) string {
	t.Helper()
	token, err := jwt.NewWithClaims(jwt.SigningMethodHS256, jwt.MapClaims{"sub": "ada", "exp": exp.Unix()}).SignedString([]byte(jwtSecret))
	if err != nil {
		t.Fatal(err)
	}
	return "Authorization: Bearer " + token
}

const joinDots = `{"game":"dots","player":{"name":"Ada"}}`

// Every request passes the gate, whatever its path, and the refusals are counted.
func TestGate(t *testing.T) {
	_, base := start(t, ringside.Config{APIKeys: []string{"game=" + apiKey}, JWTSecret: jwtSecret, AllowOrigin: []string{"https://page.example"}})
	c := http.DefaultClient
	key := "Authorization: Bearer " + apiKey
	tests := []struct {
		name, method, path, body string
		headers                  []string
		status                   int
		text                     string
	}{
		{name: "key", method: "POST", path: "/v1/join", body: joinDots, headers: []string{key}, status: 201, text: `"token"`},
		{name: "token", method: "POST", path: "/v1/join", body: joinDots, headers: []string{playerToken(t, time.Now().Add(time.Hour))}, status: 200, text: `"token"`},
		{name: "wrong key", method: "POST", path: "/v1/join", body: joinDots, headers: []string{key + "x"}, status: 401, text: `"unauthorized"`},
		{name: "old token", method: "GET", path: "/v1/rooms", headers: []string{playerToken(t, time.Now().Add(-time.Hour))}, status: 401, text: `"token_expired"`},
		{name: "other page", method: "POST", path: "/v1/join", body: joinDots, headers: []string{key, "Origin: https://evil.example"}, status: 403, text: `"origin_forbidden"`},
		{name: "allowed page", method: "POST", path: "/v1/join", body: joinDots, headers: []string{key, "Origin: https://page.example"}, status: 200, text: `"token"`},
		{name: "preflight needs no key", method: "OPTIONS", path: "/v1/join", headers: []string{"Origin: https://page.example", "Access-Control-Request-Method: POST"}, status: 204},
		{name: "path that is cleaned", method: "GET", path: "//v1/rooms", headers: []string{key + "x"}, status: 401, text: "unauthorized"},
		{name: "path in another spelling", method: "GET", path: "/%761/rooms", headers: []string{key + "x"}, status: 401, text: "unauthorized"},
		{name: "metrics are for operators", method: "GET", path: "/metrics", status: 401, text: "needs an API key"},
		{name: "so is the admin page's data", method: "GET", path: "/admin/api/status", headers: []string{playerToken(t, time.Now().Add(time.Hour))}, status: 401, text: "none of the node's API keys"},
		{name: "metrics", method: "GET", path: "/metrics", headers: []string{key}, status: 200, text: `ringside_http_refused_total{reason="origin"} 1`},
		{name: "page", method: "GET", path: "/", status: 200, text: "<html"},
		{name: "socket of no room", method: "GET", path: "/v1/rooms/nonsense0/ws", headers: []string{key + "x"}, status: 404, text: "no room"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			status, text, h := call(t, c, tt.method, base+tt.path, tt.body, tt.headers...)
			if status != tt.status || !strings.Contains(text, tt.text) {
				t.Errorf("%d %.300s, want %d with %s", status, text, tt.status, tt.text)
			}
			if h.Get("X-Content-Type-Options") != "nosniff" || !strings.Contains(h.Get("Content-Security-Policy"), "frame-ancestors 'none'") {
				t.Errorf("headers %v", h)
			}
		})
	}
	if _, text, _ := call(t, c, "GET", base+"/metrics", "", key); !strings.Contains(text, `ringside_http_refused_total{reason="auth"} 5`) {
		_, text, _ = strings.Cut(text, "ringside_http_refused")
		t.Errorf("refusals are not counted: %.300s", text)
	}
}

// On a developer's machine nothing is configured and everything works; but not for a page on the internet that had its name
// point to 127.0.0.1.
func TestOpenNode(t *testing.T) {
	_, base := start(t, ringside.Config{})
	if status, text, _ := call(t, http.DefaultClient, "POST", base+"/v1/rooms", `{"game":"dots"}`); status != 201 {
		t.Errorf("a program on this machine: %d %s", status, text)
	}
	if status, text, _ := call(t, http.DefaultClient, "POST", base+"/v1/rooms", `{"game":"dots"}`, "Host: evil.example"); status != 403 || !strings.Contains(text, "host_forbidden") {
		t.Errorf("a rebound name: %d %s", status, text)
	}
	if status, text, _ := call(t, http.DefaultClient, "POST", base+"/v1/rooms", `{"game":"dots"}`, "Origin: https://evil.example"); status != 403 || !strings.Contains(text, "origin_forbidden") {
		t.Errorf("a page of elsewhere: %d %s", status, text)
	}
	if status, text, _ := call(t, http.DefaultClient, "GET", base+"/v1/rooms", "", "Authorization: Bearer "+apiKey); status != 401 {
		t.Errorf("a key that the node does not know: %d %s", status, text)
	}
}

func TestWithAuth(t *testing.T) {
	cfg := ringside.Config{}
	ringside.WithAuth(func(_ context.Context, r *http.Request) (ringside.Player, error) {
		if r.Header.Get("X-Ticket") == "good" {
			return ringside.Player{ID: "7", Name: "Ada"}, nil
		}
		return ringside.Player{}, errors.New("buy a ticket")
	})(&cfg)
	_, base := start(t, cfg)
	if status, text, _ := call(t, http.DefaultClient, "POST", base+"/v1/join", joinDots, "X-Ticket: bad"); status != 401 || !strings.Contains(text, "buy a ticket") {
		t.Errorf("without a ticket: %d %s", status, text)
	}
	if status, text, _ := call(t, http.DefaultClient, "POST", base+"/v1/join", joinDots, "X-Ticket: good"); status != 201 {
		t.Errorf("with a ticket: %d %s", status, text)
	}
}

// A proxy that is trusted says who the client is, what it asked, and how.
func TestBehindProxy(t *testing.T) {
	_, base := start(t, ringside.Config{TrustedProxies: []string{"127.0.0.0/8"}, LimitIP: 5})
	headers := []string{"X-Forwarded-For: 198.51.100.1, 203.0.113.9", "X-Forwarded-Proto: https", "X-Forwarded-Host: play.example.com"}
	status, text, _ := call(t, http.DefaultClient, "POST", base+"/v1/join", joinDots, headers...)
	if status != 201 || !strings.Contains(text, `"wss://play.example.com/v1/rooms/`) {
		t.Errorf("%d %s, want a socket at the proxy", status, text)
	}
	limited := false
	for range 30 {
		status, _, h := call(t, http.DefaultClient, "GET", base+"/v1/rooms", "", headers...)
		limited = limited || status == http.StatusTooManyRequests && h.Get("Retry-After") != ""
	}
	if status, _, _ := call(t, http.DefaultClient, "GET", base+"/v1/rooms", "", "X-Forwarded-For: 203.0.113.10"); !limited || status != 200 {
		t.Errorf("limited %v; another client gets %d", limited, status)
	}
}

// selfSigned writes a certificate for 127.0.0.1 and returns a client that trusts it.
func selfSigned(t *testing.T) (cert, key string, web *http.Client) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{
		SerialNumber: big.NewInt(1), DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, k.Public(), k)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	cert, key = filepath.Join(t.TempDir(), "cert.pem"), filepath.Join(t.TempDir(), "key.pem")
	for name, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "PRIVATE KEY", Bytes: keyDER}} {
		if err := os.WriteFile(name, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}, ForceAttemptHTTP2: true}
	t.Cleanup(transport.CloseIdleConnections)
	return cert, key, &http.Client{Transport: transport}
}

// A node with a certificate answers calls over HTTP/2 and plays over wss.
func TestTLS(t *testing.T) {
	cert, key, web := selfSigned(t)
	var seat client.Seat
	n, _ := start(t, ringside.Config{TLSCert: cert, TLSKey: key})
	base := n.URL()
	if base != "https://"+n.Addr() {
		t.Fatalf("the node is at %s", base)
	}
	status, text, _ := call(t, web, "POST", base+"/v1/join", joinDots)
	if status != 201 || !strings.Contains(text, fmt.Sprintf(`"wss://%s/v1/rooms/`, n.Addr())) {
		t.Fatalf("%d %s, want a seat at wss", status, text)
	}
	if err := json.Unmarshal([]byte(text), &seat); err != nil {
		t.Fatal(err)
	}
	// The SDK trusts the system's roots only: what it says goes through a tunnel that trusts this certificate.
	seat.URL = strings.Replace(seat.URL, "wss://"+n.Addr(), "ws://"+tunnelAs(t, n.Addr(), "localhost", web), 1)
	ada := sit(t, seat)
	wait(t, "ada sees herself", func() bool { return ada.x(ada.seat.Slot) == 400 })
	ada.Input(0, 1, 0)
	wait(t, "ada moves", func() bool { return ada.x(ada.seat.Slot) > 400 })
	if _, err := http.DefaultClient.Get("https://" + n.Addr()); err == nil { //nolint:noctx // it fails at once
		t.Error("a client that does not know the certificate trusts it")
	}
}

// tunnelAs forwards plain connections to addr over TLS, where it asks for name.
func tunnelAs(t *testing.T, addr, name string, web *http.Client) string {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	cfg := web.Transport.(*http.Transport).TLSClientConfig.Clone()
	cfg.ServerName, cfg.NextProtos = name, []string{"http/1.1"}
	dialer := tls.Dialer{Config: cfg}
	var copies sync.WaitGroup
	copies.Go(func() {
		for {
			near, err := listener.Accept()
			if err != nil {
				return
			}
			far, err := dialer.DialContext(context.Background(), "tcp", addr)
			if err != nil {
				near.Close() // the client sees it
				continue
			}
			for _, ends := range [][2]net.Conn{{near, far}, {far, near}} {
				copies.Go(func() {
					_, _ = io.Copy(ends[0], ends[1])
					ends[0].Close()
				})
			}
		}
	})
	t.Cleanup(func() {
		listener.Close()
		copies.Wait()
	})
	return listener.Addr().String()
}
