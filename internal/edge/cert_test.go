package edge

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"math/big"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"
)

// writeCert makes a certificate for name, and returns the text of its files.
func writeCert(t testing.TB, name string) (cert, key []byte) {
	t.Helper()
	k, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(time.Now().UnixNano()), DNSNames: []string{name}, NotBefore: start.AddDate(-30, 0, 0), NotAfter: start.AddDate(10, 0, 0)}
	der, err := x509.CreateCertificate(rand.Reader, tmpl, tmpl, k.Public(), k)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: keyDER})
}

func write(t testing.TB, name string, text []byte, modified time.Time) {
	t.Helper()
	if err := os.WriteFile(name, text, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chtimes(name, modified, modified); err != nil {
		t.Fatal(err)
	}
}

func TestCertificateIsReloaded(t *testing.T) {
	cert1, key1 := writeCert(t, "one.example")
	cert2, key2 := writeCert(t, "two.example")
	dir := t.TempDir()
	certFile, keyFile := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		write(t, certFile, cert1, start)
		write(t, keyFile, key1, start)
		f, err := NewCertFile(certFile, keyFile, zerolog.New(&log))
		if err != nil {
			t.Fatal(err)
		}
		ctx, stop := context.WithCancel(t.Context())
		go f.Run(ctx)
		expect := func(what, name string) {
			t.Helper()
			time.Sleep(pollEvery)
			synctest.Wait()
			c, err := f.Certificate(nil)
			if err != nil || c.Leaf.DNSNames[0] != name {
				t.Errorf("%s: the certificate is for %v, %v; want %s", what, c.Leaf.DNSNames, err, name)
			}
		}
		expect("unchanged", "one.example")
		write(t, certFile, cert2, start.Add(time.Second))
		expect("half of a pair", "one.example")
		if n := strings.Count(log.String(), "the old one stays"); n != 1 {
			t.Errorf("a broken pair was reported %d times: %s", n, &log)
		}
		expect("still half", "one.example")
		if n := strings.Count(log.String(), "the old one stays"); n != 1 {
			t.Errorf("a broken pair was reported %d times: %s", n, &log)
		}
		write(t, keyFile, key2, start.Add(2*time.Second))
		expect("the pair", "two.example")
		if err := os.Remove(keyFile); err != nil {
			t.Fatal(err)
		}
		expect("no key", "two.example")
		write(t, certFile, cert1, start.Add(3*time.Second))
		write(t, keyFile, key1, start.Add(3*time.Second))
		expect("back again", "one.example")
		stop()
		synctest.Wait()
	})
}

func TestCertificateThatCannotBe(t *testing.T) {
	cert, _ := writeCert(t, "one.example")
	_, key := writeCert(t, "two.example")
	dir := t.TempDir()
	certFile, keyFile := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	write(t, certFile, cert, start)
	if _, err := NewCertFile(certFile, keyFile, zerolog.Nop()); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("no key: %v", err)
	}
	write(t, keyFile, key, start)
	if _, err := NewCertFile(certFile, keyFile, zerolog.Nop()); err == nil || !strings.Contains(err.Error(), "does not match") {
		t.Errorf("key of another certificate: %v", err)
	}
}

func TestHandshakes(t *testing.T) {
	cert, key := writeCert(t, "one.example")
	dir := t.TempDir()
	certFile, keyFile := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	write(t, certFile, cert, start)
	write(t, keyFile, key, start)
	f, err := NewCertFile(certFile, keyFile, zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	srv := httptest.NewUnstartedServer(arrived)
	srv.TLS = TLSConfig(f.Certificate)
	srv.Config.ErrorLog = nil
	srv.StartTLS()
	defer srv.Close()
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(cert)
	for _, tt := range []struct {
		name    string
		max     uint16
		protos  []string
		refused bool
		proto   string
	}{
		{name: "1.3, calls", protos: []string{"h2", "http/1.1"}, proto: "h2"},
		{name: "1.3, sockets", protos: []string{"http/1.1"}, proto: "http/1.1"},
		{name: "1.2", max: tls.VersionTLS12, protos: []string{"http/1.1"}, proto: "http/1.1"},
		{name: "1.1", max: tls.VersionTLS11, refused: true},
	} {
		d := tls.Dialer{Config: &tls.Config{
			RootCAs: pool, ServerName: "one.example", MinVersion: tls.VersionTLS10, MaxVersion: tt.max, NextProtos: tt.protos,
			Time: func() time.Time { return start },
		}}
		conn, err := d.DialContext(t.Context(), "tcp", srv.Listener.Addr().String())
		if (err != nil) != tt.refused {
			t.Errorf("%s: %v", tt.name, err)
		}
		if err == nil {
			if got := conn.(*tls.Conn).ConnectionState().NegotiatedProtocol; got != tt.proto {
				t.Errorf("%s: %s, want %s", tt.name, got, tt.proto)
			}
			conn.Close()
		}
	}
}

func TestACMEConfig(t *testing.T) {
	dir := t.TempDir()
	empty := filepath.Join(dir, "empty.pem")
	write(t, empty, []byte("x"), start)
	for _, tt := range []struct {
		cfg ACMEConfig
		err string
	}{
		{ACMEConfig{}, "0 host names"},
		{ACMEConfig{Hosts: []string{"localhost"}}, `"localhost" is no public host name`},
		{ACMEConfig{Hosts: []string{"*.example.com"}}, "no public host name"},
		{ACMEConfig{Hosts: []string{"https://a.example"}}, "no public host name"},
		{ACMEConfig{Hosts: []string{"a.example"}, Directory: "http://ca.example"}, "want an https URL"},
		{ACMEConfig{Hosts: []string{"a.example"}, CAFile: filepath.Join(dir, "none")}, "no such file"},
		{ACMEConfig{Hosts: []string{"a.example"}, CAFile: empty}, "no certificate in it"},
	} {
		if _, err := NewACME(tt.cfg); err == nil || !strings.Contains(err.Error(), tt.err) {
			t.Errorf("%+v: %v, want %q", tt.cfg, err, tt.err)
		}
	}
}

// Handshakes of strangers never ask the authority for anything; Run does, and less often each time it fails.
func TestCertificatesAreNotFetchedByHandshakes(t *testing.T) {
	asked := make(chan struct{}, 100)
	authority := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked <- struct{}{}
		http.Error(w, "down", http.StatusNotFound)
	}))
	defer authority.Close()
	ca := filepath.Join(t.TempDir(), "ca.pem")
	write(t, ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: authority.Certificate().Raw}), start)
	log := newLockedBuffer()
	a, err := NewACME(ACMEConfig{Hosts: []string{"Game.example"}, Directory: authority.URL, CAFile: ca, Cache: filepath.Join(t.TempDir(), "acme"), Log: zerolog.New(log)})
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"game.example": errNotYet.Error(), "GAME.example.": errNotYet.Error(), "other.example": "no certificate is fetched", "": "no certificate is fetched"} {
		if _, err := a.Certificate(&tls.ClientHelloInfo{ServerName: name, SupportedProtos: []string{"h2"}}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", name, err, want)
		}
	}
	if _, err := a.Certificate(&tls.ClientHelloInfo{ServerName: "game.example", SupportedProtos: []string{"acme-tls/1"}}); err == nil {
		t.Error("a proof that nobody asked for is answered")
	}
	if len(asked) != 0 {
		t.Fatalf("the authority was asked %d times", len(asked))
	}
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		a.Run(ctx)
		close(done)
	}()
	<-log.wrote
	stop()
	<-done
	if !strings.Contains(log.String(), `"host":"game.example"`) || !strings.Contains(log.String(), `"again_in":120000`) {
		t.Errorf("log %s", log.String())
	}
	if _, err := a.manager.Client.HTTPClient.Get(authority.URL); err == nil {
		t.Error("the authority is still called after the end")
	}
}
