package ringside_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ringside-server/ringside"
	client "github.com/ringside-server/ringside/clients/go"
)

// A node fetches a certificate from Pebble, the test server of Let's Encrypt, which asks for its proof on the node's own port,
// and plays over wss with it; the next process finds the certificate on disk. RINGSIDE_PEBBLE is the folder with the programs
// pebble and pebble-challtestsrv; .ci/acme builds them.
func TestACME(t *testing.T) {
	bin := os.Getenv("RINGSIDE_PEBBLE")
	if bin == "" {
		t.Skip("RINGSIDE_PEBBLE is not set; .ci/acme runs this test")
	}
	const host = "play.ringside.test"
	port, data := freePort(t), t.TempDir()
	directory, admin, ca := startPebble(t, bin, port)
	cfg := ringside.Config{ACME: []string{host}, ACMEDirectory: directory + "/dir", ACMECA: ca, Data: data, APIKeys: []string{apiKey}}
	dotsGame()(&cfg)
	cfg.Listen = fmt.Sprintf("127.0.0.1:%d", port)
	n, err := ringside.Start(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(t, n) })
	if want := fmt.Sprintf("https://%s:%d", host, port); n.URL() != want {
		t.Errorf("the node is at %s, want %s", n.URL(), want)
	}

	roots := x509.NewCertPool()
	handshake := func() (*x509.Certificate, error) {
		d := tls.Dialer{Config: &tls.Config{ServerName: host, RootCAs: roots, NextProtos: []string{"http/1.1"}, MinVersion: tls.VersionTLS12}}
		conn, err := d.DialContext(t.Context(), "tcp", n.Addr())
		if err != nil {
			return nil, err
		}
		defer conn.Close()
		return conn.(*tls.Conn).ConnectionState().PeerCertificates[0], nil
	}
	roots.AppendCertsFromPEM(issuer(t, admin, ca))
	var first *x509.Certificate
	wait60(t, "the node has a certificate", func() bool {
		first, err = handshake()
		return err == nil
	})
	info, err := os.Stat(filepath.Join(data, "acme"))
	if err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("the folder of certificates: %v, %v", info, err)
	}

	web := &http.Client{Transport: &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, network, n.Addr())
		},
	}}
	t.Cleanup(web.CloseIdleConnections)
	status, text, _ := call(t, web, "POST", n.URL()+"/v1/join", joinDots)
	var seat client.Seat
	if err := json.Unmarshal([]byte(text), &seat); err != nil || status != 201 || !strings.HasPrefix(seat.URL, fmt.Sprintf("wss://%s:%d/v1/rooms/", host, port)) {
		t.Fatalf("%d %s, want a seat at wss", status, text)
	}
	seat.URL = "ws://" + tunnelAs(t, n.Addr(), host, web) + seat.URL[strings.Index(seat.URL, "/v1/"):]
	ada := sit(t, seat)
	wait(t, "ada sees herself", func() bool { return ada.x(ada.seat.Slot) == 400 })
	ada.Close()
	stop(t, n)
	if n, err = ringside.Start(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(t, n) })
	wait(t, "the next process has the same certificate", func() bool {
		again, err := handshake()
		return err == nil && again.Equal(first)
	})
}

func wait60(t *testing.T, what string, holds func() bool) {
	t.Helper()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for range 600 {
		if holds() {
			return
		}
		<-tick.C
	}
	t.Fatalf("gave up waiting until %s", what)
}

func freePort(t *testing.T) int {
	t.Helper()
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().(*net.TCPAddr).Port
}

// startPebble runs an authority that resolves every name to 127.0.0.1 and looks for its proof on tlsPort. admin is where
// it says what it does, ca the file with the root certificate of its own server.
func startPebble(t *testing.T, bin string, tlsPort int) (url, admin, ca string) {
	t.Helper()
	dir := t.TempDir()
	cert, key, web := selfSigned(t)
	api, management, dns, dnsAdmin := freePort(t), freePort(t), freePort(t), freePort(t)
	config := map[string]any{"pebble": map[string]any{
		"listenAddress": fmt.Sprintf("127.0.0.1:%d", api), "managementListenAddress": fmt.Sprintf("127.0.0.1:%d", management),
		"certificate": cert, "privateKey": key, "tlsPort": tlsPort, "httpPort": freePort(t),
	}}
	text, err := json.Marshal(config)
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "pebble.json")
	if err := os.WriteFile(file, text, 0o600); err != nil {
		t.Fatal(err)
	}
	resolver := fmt.Sprintf("127.0.0.1:%d", dns)
	background(t, nil, filepath.Join(bin, "pebble-challtestsrv"), "-defaultIPv4", "127.0.0.1", "-defaultIPv6", "", "-dnsserver", resolver,
		"-management", fmt.Sprintf("127.0.0.1:%d", dnsAdmin), "-http01", "", "-https01", "", "-tlsalpn01", "", "-doh", "")
	background(t, []string{"PEBBLE_VA_NOSLEEP=1", "PEBBLE_VA_ALWAYS_VALID=0"}, filepath.Join(bin, "pebble"), "-config", file, "-dnsserver", resolver)
	url = fmt.Sprintf("https://127.0.0.1:%d", api)
	wait60(t, "pebble answers", func() bool {
		res, err := web.Get(url + "/dir")
		if err != nil {
			return false
		}
		res.Body.Close()
		return res.StatusCode == http.StatusOK
	})
	return url, fmt.Sprintf("https://127.0.0.1:%d", management), cert
}

// issuer is the root of the certificates that pebble gives out; it makes a new one each time it starts.
func issuer(t *testing.T, admin, ca string) []byte {
	t.Helper()
	pool := x509.NewCertPool()
	text, err := os.ReadFile(ca)
	if err != nil {
		t.Fatal(err)
	}
	pool.AppendCertsFromPEM(text)
	web := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}}}
	defer web.CloseIdleConnections()
	status, root, _ := call(t, web, "GET", admin+"/roots/0", "")
	if block, _ := pem.Decode([]byte(root)); status != http.StatusOK || block == nil {
		t.Fatalf("the root of pebble's certificates: %d %s", status, root)
	}
	return []byte(root)
}

// background runs a program until the test ends.
func background(t *testing.T, env []string, name string, args ...string) {
	t.Helper()
	cmd := exec.CommandContext(context.Background(), name, args...)
	cmd.Env = append(os.Environ(), env...)
	out, err := os.Create(filepath.Join(t.TempDir(), "out"))
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		out.Close()
		if text, err := os.ReadFile(out.Name()); err == nil && t.Failed() {
			t.Logf("%s:\n%s", filepath.Base(name), text)
		}
	})
}
