package matchmaker

import (
	"bytes"
	"encoding/base64"
	"errors"
	"strings"
	"testing"
	"time"
)

var (
	testKey    = signingKey{ID: 7, Secret: bytes.Repeat([]byte{1}, 32)}
	testClaims = Claims{Room: "abcdefghjk", Seat: 3, Slot: 2, Epoch: 1, Role: RoleSpectator,
		Player: strings.Repeat("i", maxIDBytes), Name: strings.Repeat("名", maxNameRunes), Team: maxTeam,
		Expires: time.UnixMilli(1_000_000)}
)

func testKeys(id uint64) (signingKey, bool) { return testKey, id == testKey.ID }

func TestToken(t *testing.T) {
	token := sealToken(testKey, testClaims)
	if len(token) > maxTokenBytes/2 {
		t.Errorf("the longest token is %d bytes long", len(token))
	}
	got, err := openToken(token, testKeys, time.UnixMilli(999_999))
	if err != nil || got != testClaims {
		t.Errorf("got %+v (%v), want %+v", got, err, testClaims)
	}
	if _, err := openToken(token, testKeys, testClaims.Expires); !errors.Is(err, ErrTokenExpired) || !errors.Is(err, ErrToken) {
		t.Errorf("expired: %v, want ErrTokenExpired", err)
	}
	none := func(uint64) (signingKey, bool) { return signingKey{}, false }
	other := func(uint64) (signingKey, bool) { return signingKey{ID: 7, Secret: make([]byte, 32)}, true }
	for name, keys := range map[string]func(uint64) (signingKey, bool){"unknown key": none, "other secret": other} {
		if _, err := openToken(token, keys, time.UnixMilli(1)); !errors.Is(err, ErrToken) {
			t.Errorf("%s: %v, want ErrToken", name, err)
		}
	}
	raw, _ := base64.RawURLEncoding.DecodeString(token)
	for i := range raw {
		bad := bytes.Clone(raw)
		bad[i] ^= 1
		if _, err := openToken(base64.RawURLEncoding.EncodeToString(bad), testKeys, time.UnixMilli(1)); !errors.Is(err, ErrToken) {
			t.Fatalf("byte %d flipped: %v, want ErrToken", i, err)
		}
	}
	if _, err := openToken(strings.Repeat("A", maxTokenBytes+1), testKeys, time.UnixMilli(1)); !errors.Is(err, ErrToken) {
		t.Errorf("too long: %v, want ErrToken", err)
	}
}

func FuzzToken(f *testing.F) {
	f.Add(sealToken(testKey, testClaims))
	f.Add(sealToken(testKey, Claims{}))
	f.Add("")
	f.Fuzz(func(t *testing.T, token string) {
		got, err := openToken(token, testKeys, time.UnixMilli(0))
		if err != nil {
			if !errors.Is(err, ErrToken) {
				t.Fatalf("error %v is not ErrToken", err)
			}
			return
		}
		if sealToken(testKey, got) != token {
			t.Fatalf("accepted %q, which is not how %+v is sealed", token, got)
		}
	})
}
