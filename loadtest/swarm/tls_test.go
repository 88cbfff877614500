package swarm

import (
	"encoding/pem"
	"net/http/httptest"
	"os"
	"path/filepath"
	"testing"
)

// Bots play over TLS from the same loops.
func TestOverTLS(t *testing.T) {
	s := newFakeServer(t, true)
	secure := httptest.NewTLSServer(s.Config.Handler)
	t.Cleanup(secure.Close)
	s.URL = secure.URL
	roots := filepath.Join(t.TempDir(), "roots.pem")
	if err := os.WriteFile(roots, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: secure.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("SSL_CERT_FILE", roots) // as -tls-ca does; it is read at the first handshake of the process
	r, _ := run(t, s, nil)
	if len(r.Errors) != 0 || r.Joins != 6 || r.Disconnects != 0 || r.HashMismatches != 0 || r.Frames < 6*25 || r.InputsSent < 6*10 || r.HashChecks < 6*7 {
		t.Errorf("report %+v", r)
	}
}
