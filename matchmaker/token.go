package matchmaker

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"time"
)

// A token is base64url, without padding, of
//
//	+--------------------------------------------------------------+------------+
//	| [1, key, room, seat, slot, epoch, role, player, name, team,  | HMAC-SHA256 |
//	|  expires]                                      msgpack array | 16 bytes    |
//	+--------------------------------------------------------------+------------+
//
// The MAC covers everything before it. Half of a SHA-256 is plenty for
// something that is worth 30 seconds.
const (
	tokenVersion  = 1
	tokenMACBytes = 16
	maxTokenBytes = 1024
)

// Claims is what a token says about its bearer. Epoch is a hint: the room may
// have moved since, and the seat is still theirs.
type Claims struct {
	Room    string
	Seat    uint64
	Slot    int
	Epoch   uint64
	Role    Role
	Player  string
	Name    string
	Team    int
	Expires time.Time
}

// fields is the order of the bytes.
func (m *Claims) fields(c *codec, key *uint64) {
	version, expires := uint64(tokenVersion), m.Expires.UnixMilli()
	c.uint(&version)
	c.uint(key)
	c.str(&m.Room, maxIDBytes)
	c.uint(&m.Seat)
	c.num(&m.Slot, 0, maxPlayersPerRoom+maxSpectatorLimit)
	c.uint(&m.Epoch)
	small(c, &m.Role, RoleSpectator)
	c.str(&m.Player, maxIDBytes)
	c.str(&m.Name, maxNameBytes)
	c.num(&m.Team, 0, maxTeam)
	c.int(&expires)
	if c.dec != nil {
		m.Expires = time.UnixMilli(expires)
		if c.err == nil && version != tokenVersion {
			c.err = fmt.Errorf("version %d", version)
		}
	}
}

// sealToken makes the token that says m.
func sealToken(key signingKey, m Claims) string {
	b := encodeFields(nil, func(c *codec) { m.fields(c, &key.ID) })
	return base64.RawURLEncoding.EncodeToString(append(b, tokenMAC(key.Secret, b)...))
}

// openToken returns what a token says. keys finds a signing key by id.
func openToken(token string, keys func(id uint64) (signingKey, bool), now time.Time) (Claims, error) {
	if len(token) > maxTokenBytes {
		return Claims{}, fmt.Errorf("open token: %w: too long", ErrToken)
	}
	b, err := base64.RawURLEncoding.Strict().DecodeString(token)
	if err != nil || len(b) <= tokenMACBytes {
		return Claims{}, fmt.Errorf("open token: %w: not base64url or too short", ErrToken)
	}
	b, mac := b[:len(b)-tokenMACBytes], b[len(b)-tokenMACBytes:]
	// The key id has to be read before the MAC can be checked; the decoder is
	// bounded, and nothing it found is used before the check.
	var m Claims
	var kid uint64
	if err := decodeFields(b, func(c *codec) { m.fields(c, &kid) }); err != nil {
		return Claims{}, fmt.Errorf("open token: %w: malformed", ErrToken)
	}
	key, ok := keys(kid)
	if !ok || kid == 0 || !hmac.Equal(mac, tokenMAC(key.Secret, b)) {
		return Claims{}, fmt.Errorf("open token: %w: signature", ErrToken)
	}
	if !now.Before(m.Expires) {
		return Claims{}, fmt.Errorf("open token: %w", ErrTokenExpired)
	}
	return m, nil
}

func tokenMAC(secret, b []byte) []byte {
	h := hmac.New(sha256.New, secret)
	h.Write(b)
	return h.Sum(nil)[:tokenMACBytes]
}
