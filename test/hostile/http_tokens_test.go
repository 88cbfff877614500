package hostile_test

import (
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strings"
	"testing"
	"time"

	client "github.com/ringside-server/ringside/clients/go"
	"github.com/ringside-server/ringside/test/rig"
)

const (
	bearer    = "Authorization: Bearer "
	jwtSecret = "0123456789abcdef0123456789abcdef"
)

// signed makes a JWT of what it says; nil sign: one without a signature.
func signed(header, claims string, sign func(text []byte) []byte) string {
	enc := base64.RawURLEncoding
	text := enc.EncodeToString([]byte(header)) + "." + enc.EncodeToString([]byte(claims))
	if sign == nil {
		return text + "."
	}
	return text + "." + enc.EncodeToString(sign([]byte(text)))
}

func hs256(secret string) func([]byte) []byte {
	return func(text []byte) []byte {
		mac := hmac.New(sha256.New, []byte(secret))
		mac.Write(text)
		return mac.Sum(nil)
	}
}

func TestHTTPTokens(t *testing.T) {
	t.Parallel()
	node, others := withKey(t, "-jwt-secret", jwtSecret, "-jwt-issuer", "us", "-jwt-audience", "here", "-limit-ip", "100000")
	const hs = `{"alg":"HS256","typ":"JWT"}`
	now := time.Now().Unix()
	claims := func(sub string, more string) string {
		return fmt.Sprintf(`{"sub":%q,"iss":"us","aud":"here","exp":%d%s}`, sub, now+3600, more)
	}
	address := 0
	join := func(name, token, want, says string) act {
		address++ // an address may show 20 wrong ones at once
		return act{name, request("POST", "/v1/join", `{"game":"arena"}`, from(fmt.Sprintf("198.51.100.%d", address)), bearer+token), want, says}
	}
	good := signed(hs, claims("ann", ""), hs256(jwtSecret))

	httpCase(t, node, others, "players' tokens: forged, alg none, another alg or key, expired, of others, critical headers", func(t *testing.T) string {
		if a := exchange(t, node, join("ann", good, "", "").text); a.status != 200 && a.status != 201 {
			t.Fatalf("a good token: %s %s", &a, a.body)
		}
		parts := strings.Split(good, ".")
		public, private, err := ed25519.GenerateKey(rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		return meet(t, node, []act{
			join("alg none", signed(`{"alg":"none"}`, claims("ann", ""), nil), "401 unauthorized", ""),
			join("alg nOnE", signed(`{"alg":"nOnE"}`, claims("ann", ""), hs256(jwtSecret)), "401 unauthorized", ""),
			join("no alg", signed(`{}`, claims("ann", ""), hs256(jwtSecret)), "401 unauthorized", ""),
			join("another key", signed(hs, claims("ann", ""), hs256(strings.Repeat("x", 32))), "401 unauthorized", "signature"),
			join("no key", signed(hs, claims("ann", ""), hs256("")), "401 unauthorized", "signature"),
			join("a key of their own", signed(`{"alg":"EdDSA","jwk":{"kty":"OKP"}}`, claims("ann", ""), func(b []byte) []byte {
				sum, _ := private.Sign(rand.Reader, b, crypto.Hash(0)) // such keys do not fail
				return sum
			}), "401 unauthorized", ""),
			join("HS256 with a public key", signed(hs, claims("ann", ""), hs256(string(public))), "401 unauthorized", "signature"),
			join("HS512", signed(`{"alg":"HS512"}`, claims("ann", ""), hs256(jwtSecret)), "401 unauthorized", ""),
			join("kid of a file", signed(`{"alg":"HS256","kid":"../../dev/null"}`, claims("ann", ""), hs256("")), "401 unauthorized", "signature"),
			join("critical", signed(`{"alg":"HS256","crit":["x"]}`, claims("ann", ""), hs256(jwtSecret)), "401 unauthorized", "critical"),
			join("other claims", parts[0]+"."+strings.Split(signed(hs, claims("bob", ""), nil), ".")[1]+"."+parts[2], "401 unauthorized", "signature"),
			join("no signature", parts[0]+"."+parts[1]+".", "401 unauthorized", ""),
			join("two parts", parts[0]+"."+parts[1], "401 unauthorized", "can be read"),
			join("four parts", good+".x", "401 unauthorized", "can be read"),
			join("expired", signed(hs, fmt.Sprintf(`{"sub":"ann","iss":"us","aud":"here","exp":%d}`, now-60), hs256(jwtSecret)), "401 token_expired", "fetch a new one"),
			join("without an end", signed(hs, `{"sub":"ann","iss":"us","aud":"here"}`, hs256(jwtSecret)), "401 unauthorized", "exp is required"),
			join("not yet", signed(hs, claims("ann", fmt.Sprintf(`,"nbf":%d`, now+600)), hs256(jwtSecret)), "401 unauthorized", "not valid yet"),
			join("end that is no number", signed(hs, `{"sub":"ann","iss":"us","aud":"here","exp":"never"}`, hs256(jwtSecret)), "401 unauthorized", "can be read"),
			join("end beyond all numbers", signed(hs, `{"sub":"ann","iss":"us","aud":"here","exp":1e999}`, hs256(jwtSecret)), "401 unauthorized", "can be read"),
			join("of another issuer", signed(hs, fmt.Sprintf(`{"sub":"ann","iss":"them","aud":"here","exp":%d}`, now+60), hs256(jwtSecret)), "401 unauthorized", "issuer"),
			join("for another audience", signed(hs, fmt.Sprintf(`{"sub":"ann","iss":"us","aud":"there","exp":%d}`, now+60), hs256(jwtSecret)), "401 unauthorized", "audience"),
			join("of nobody", signed(hs, claims("", ""), hs256(jwtSecret)), "401 unauthorized", "sub"),
			join("of a long name", signed(hs, claims(strings.Repeat("x", 65), ""), hs256(jwtSecret)), "401 unauthorized", "sub"),
			join("of a bell", signed(hs, claims("a\u0007", ""), hs256(jwtSecret)), "401 unauthorized", ""),
			join("nobody at all", "", "401 unauthorized", "empty behind Bearer"),
			{"no token", request("POST", "/v1/join", `{"game":"arena"}`, from("192.0.2.1")), "401 unauthorized", "players with an account"},
		})
	})

	httpCase(t, node, others, "token bombs: 1 MiB, 10,000 claims, 2,000 deep, 10,000 dots, signed ones too", func(t *testing.T) string {
		deep := `,"x":` + strings.Repeat("[", 2000) + strings.Repeat("]", 2000)
		many := strings.Repeat(`,"a":1`, 700)
		return meet(t, node, []act{
			join("1 MiB", strings.Repeat("x", 1<<20), "431", ""),
			join("12 KB", strings.Repeat("x", 12_000), "401 unauthorized", "at most 8192"),
			join("10,000 claims", signed(hs, claims("ann", strings.Repeat(`,"a":1`, 10_000)), hs256(jwtSecret)), "431", ""),
			join("10,000 dots", strings.Repeat(".", 8000), "401 unauthorized", "can be read"),
			join("2,000 deep, forged", signed(hs, claims("ann", deep), hs256("")), "401 unauthorized", ""),
			join("700 claims, forged", signed(hs, claims("ann", many), hs256("")), "401 unauthorized", ""),
			join("header 2,000 deep", signed(`{"alg":"HS256"`+deep+`}`, claims("ann", ""), hs256("")), "401 unauthorized", ""),
			join("compressed", signed(`{"alg":"HS256","zip":"DEF"}`, "x\x9c", hs256(jwtSecret)), "401 unauthorized", "can be read"),
		})
	})

	httpCase(t, node, others, "the wrong role: what only servers may, as another player, several seats, a team", func(t *testing.T) string {
		room, err := rig.CreateRoom(t.Context(), node, "arena", nil)
		if err != nil {
			t.Fatal(err)
		}
		as := func(method, path, body, want string, headers ...string) act {
			return act{method + " " + path + " " + body, request(method, path, body, append(headers, from("192.0.2.2"), bearer+good)...), want, ""}
		}
		path := rooms + "/" + room
		return meet(t, node, []act{
			as("POST", rooms, `{"game":"arena"}`, "403 forbidden"), as("DELETE", path, "", "403 forbidden"), as("PATCH", path, `{"locked":true}`, "403 forbidden", "If-Match: *"),
			as("DELETE", path+"/seats/1", "", "403 forbidden"), as("GET", rooms+"?visibility=private", "", "403 forbidden"),
			as("POST", path+"/seats", `{"players":[{"id":"bob"}]}`, "403 player_mismatch"), as("POST", path+"/seats", `{"players":[{},{}]}`, "403 forbidden"),
			as("POST", path+"/seats", `{"players":[{"team":1}]}`, "403 forbidden"), as("POST", "/v1/join", `{"game":"arena","player":{"id":"bob"}}`, "403 player_mismatch"),
			as("POST", "/v1/join", `{"game":"arena","options":{}}`, "403 forbidden"), as("POST", "/v1/join", `{"game":"arena","bots":1}`, "403 forbidden"),
			as("GET", "/metrics", "", "401 unauthorized"), as("GET", "/admin/api/status", "", "401 unauthorized"),
		})
	})

	httpCase(t, node, others, "seat tokens: garbage, changed, of another room, used, of somebody kicked, in a header", func(t *testing.T) string {
		room, seats := rig.Seats(t, node, "arena", nil, 3)
		_, elsewhere := rig.Seats(t, node, "arena", nil, 1)
		counts := map[string]int{}
		refused := func(name, token string) {
			t.Helper()
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			defer cancel()
			c, err := client.Dial(ctx, client.Config{URL: seats[0].URL, Token: token})
			if err == nil {
				c.Close()
				t.Errorf("%s: the socket is let in", name)
				return
			}
			if !strings.Contains(err.Error(), "4001") {
				t.Errorf("%s: %v, want 4001", name, err)
			}
			counts["4001 token"]++
		}
		refused("garbage", "garbage")
		refused("a player's token", good)
		refused("an API key", apiKey)
		refused("cut", seats[0].Token[:len(seats[0].Token)-1])
		flipped := []byte(seats[0].Token)
		flipped[20] ^= 1
		refused("changed", string(flipped))
		refused("padded", seats[0].Token+"==")
		refused("of another room", elsewhere[0].Token)

		used := dialSeat(t, seats[1])
		used.Close()
		refused("used", seats[1].Token)

		gone := dialSeat(t, seats[2])
		kick := request("DELETE", fmt.Sprintf("%s/%s/seats/%d", rooms, room, seats[2].Seat), "", bearer+apiKey)
		if a := exchange(t, node, kick); a.status != 204 {
			t.Errorf("kick: %s", &a)
		}
		select {
		case <-gone.Done():
		case <-time.After(5 * time.Second):
			t.Error("who is kicked stays")
		}
		refused("of somebody kicked", seats[2].Token)

		// A token in a header says nothing: HELLO has to.
		upgrade := "GET /v1/rooms/" + room + "/ws HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n" +
			"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Protocol: ringside.v1.msgpack\r\n" + bearer + seats[0].Token + "\r\n\r\n"
		started := time.Now()
		c := reach(t, node, 10*time.Second)
		defer c.Close()
		if _, err := c.Write([]byte(upgrade)); err != nil {
			t.Fatal(err)
		}
		text := readAll(c)
		if !strings.Contains(text, "101 Switching") || !strings.Contains(text, "\x0f\xab") || time.Since(started) > 8*time.Second {
			t.Errorf("a token in a header: after %v %q, want a socket that is closed with 4011", time.Since(started), text)
		}
		return tally(counts) + "; in a header instead of HELLO: 4011 after 5 s"
	})
}

// dialSeat takes a seat and plays until the server has shown an input of it: its token is spent then.
func dialSeat(t *testing.T, s client.Seat) *client.Client {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
	defer cancel()
	seen := make(chan struct{}, 1)
	c, err := client.Dial(ctx, client.Config{URL: s.URL, Token: s.Token, On: client.Handlers{
		State: func(_ *client.Core, _ time.Duration, state client.State) {
			if state.InSeq > 0 {
				select {
				case seen <- struct{}{}:
				default:
				}
			}
		},
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	each := time.NewTicker(50 * time.Millisecond)
	defer each.Stop()
	for {
		select {
		case <-seen:
			return c
		case <-ctx.Done():
			t.Fatal("no input is shown")
		case <-each.C:
			c.Input(0, 0, 0, 0, 0)
		}
	}
}
