package ringside_test

import (
	"crypto/tls"
	"encoding/json"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/ringside-server/ringside"
	client "github.com/ringside-server/ringside/clients/go"
)

// A certificate that is replaced on disk is what the next connection sees; who plays over the old one plays on.
func TestCertificateIsReplacedWhilePlaying(t *testing.T) {
	t.Parallel()
	cert, key, web := selfSigned(t)
	n, _ := start(t, ringside.Config{TLSCert: cert, TLSKey: key})
	status, text, _ := call(t, web, "POST", n.URL()+"/v1/join", joinDots)
	var seat client.Seat
	if err := json.Unmarshal([]byte(text), &seat); status != 201 || err != nil {
		t.Fatalf("%d %s: %v", status, text, err)
	}
	seat.URL = strings.Replace(seat.URL, "wss://"+n.Addr(), "ws://"+tunnelAs(t, n.Addr(), "localhost", web), 1)
	ada := sit(t, seat)
	wait(t, "ada sees herself", func() bool { return ada.x(ada.seat.Slot) == 400 })

	newCert, newKey, fresh := selfSigned(t)
	for from, to := range map[string]string{newCert: cert, newKey: key} {
		text, err := os.ReadFile(from)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(to, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	trusts := func(c *http.Client) bool {
		cfg := c.Transport.(*http.Transport).TLSClientConfig.Clone()
		cfg.ServerName = "localhost"
		conn, err := tls.Dial("tcp", n.Addr(), cfg)
		if err != nil {
			return false
		}
		conn.Close()
		return true
	}
	wait(t, "new connections see the new certificate", func() bool { return trusts(fresh) })
	if trusts(web) {
		t.Error("the old certificate is still in use")
	}
	ada.Input(0, 1, 0)
	wait(t, "ada plays on", func() bool { return ada.x(ada.seat.Slot) > 400 })
}
