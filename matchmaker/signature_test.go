package matchmaker

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"testing"
	"time"
)

// verify is what docs/HTTP.md tells receivers to do, letter by letter.
func verify(secret []byte, header string, body []byte, now time.Time) bool {
	var t int64
	var hexMAC string
	if _, err := fmt.Sscanf(header, "t=%d,v1=%64s", &t, &hexMAC); err != nil {
		return false
	}
	if age := now.Sub(time.Unix(t, 0)); age > 5*time.Minute || age < -5*time.Minute {
		return false
	}
	got, err := hex.DecodeString(hexMAC)
	mac := hmac.New(sha256.New, secret)
	fmt.Fprintf(mac, "%d.%s", t, body)
	return err == nil && hmac.Equal(got, mac.Sum(nil))
}

func TestSignature(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	body := []byte(`{"id":"b1q8zkw2mf.1"}`)
	good := sign(webhookSecret, now, body)
	for _, tc := range []struct {
		name, header string
		secret, body []byte
		at           time.Time
		want         bool
	}{
		{"as sent", good, webhookSecret, body, now.Add(time.Minute), true},
		{"another secret", good, []byte("fedcba9876543210"), body, now, false},
		{"another body", good, webhookSecret, []byte(`{}`), now, false},
		{"too old", good, webhookSecret, body, now.Add(time.Hour), false},
		{"another time", "t=1800000001" + good[len("t=1800000000"):], webhookSecret, body, now, false},
		{"nothing", "", webhookSecret, body, now, false},
		{"cut", good[:len(good)-2], webhookSecret, body, now, false},
	} {
		if got := verify(tc.secret, tc.header, tc.body, tc.at); got != tc.want {
			t.Errorf("%s: %v, want %v", tc.name, got, tc.want)
		}
	}
}
