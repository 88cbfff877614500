package hostile_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/ringside-server/ringside/test/rig"
)

// posts makes acts of bodies for POST /v1/rooms.
func posts(list [][4]string) (acts []act) {
	for _, p := range list {
		acts = append(acts, act{p[0], request("POST", rooms, p[1]), p[2], p[3]})
	}
	return acts
}

func TestHTTPBodies(t *testing.T) {
	t.Parallel()
	node, others := neighbourhood(t)
	nested := func(open, shut string, n int) string { return strings.Repeat(open, n) + "1" + strings.Repeat(shut, n) }
	var fields, pairs strings.Builder
	for i := range 4000 {
		fmt.Fprintf(&fields, `"x%d":1,`, i)
		fmt.Fprintf(&pairs, `"x%d":"y",`, i)
	}
	httpCase(t, node, others, "what is no JSON: cut off, NaN, two values, BOM, no UTF-8", func(t *testing.T) string {
		return meet(t, node, posts([][4]string{
			{"cut off", `{"game":`, "400 malformed", "byte 8"},
			{"two values", `{"game":"arena"}{"game":"arena"}`, "400 malformed", "after top-level value"},
			{"behind it", `{"game":"arena"} x`, "400 malformed", "after top-level value"},
			{"NaN", `{"game":"arena","bots":NaN}`, "400 malformed", "invalid character 'N'"},
			{"Infinity", `{"game":"arena","bots":-Infinity}`, "400 malformed", "invalid character 'I'"},
			{"single quotes", `{'game':'arena'}`, "400 malformed", `invalid character '\''`},
			{"comment", `{/**/"game":"arena"}`, "400 malformed", "invalid character '/'"},
			{"trailing comma", `{"game":"arena",}`, "400 malformed", "invalid character '}'"},
			{"leading zero", `{"game":"arena","bots":01}`, "400 malformed", "invalid character '1'"},
			{"control character", "{\"game\":\"are\nna\"}", "400 malformed", "invalid character '\\n'"},
			{"BOM", "\xef\xbb\xbf{\"game\":\"arena\"}", "400 malformed", "byte order mark"},
			{"UTF-16", "\xff\xfe{\x00", "400 malformed", "UTF-8"},
			{"no UTF-8 in a name", "{\"game\":\"ar\xffena\"}", "400 malformed", "UTF-8"},
			{"overlong UTF-8 in metadata", "{\"game\":\"arena\",\"metadata\":{\"k\":\"\xc0\xae\"}}", "400 malformed", "UTF-8"},
			{"no UTF-8 in options", "{\"game\":\"rogue\",\"options\":{\"harm\":\"\xff\"}}", "400 malformed", "UTF-8"},
			{"white space only", strings.Repeat(" ", 1000), "400 malformed", "end of JSON"},
			{"NUL", "\x00", "400 malformed", "invalid character"},
		}))
	})
	httpCase(t, node, others, "JSON of which two readers make two things: names twice, in other case", func(t *testing.T) string {
		return meet(t, node, posts([][4]string{
			{"twice", `{"game":"arena","game":"rogue"}`, "400 malformed", `"game" twice`},
			{"twice, encoded", `{"game":"arena","g\u0061me":"rogue"}`, "400 malformed", `"game" twice`},
			{"twice in metadata", `{"game":"arena","metadata":{"k":"1","k":"2"}}`, "400 malformed", `"k" twice`},
			{"twice in options", `{"game":"rogue","options":{"n":1,"n":2}}`, "400 malformed", `"n" twice`},
			{"other case", `{"Game":"arena"}`, "422 invalid_request", `"Game": unexpected`},
			{"other case past the check", `{"game":"arena","visibility":"public","VISIBILITY":"x"}`, "422 invalid_request", `"VISIBILITY": unexpected`},
		}))
	})
	httpCase(t, node, others, "unknown fields, wrong types, null, lists, 4,000 wrong fields, a name of 60 KB", func(t *testing.T) string {
		return meet(t, node, posts([][4]string{
			{"unknown", `{"game":"arena","colour":1}`, "422 invalid_request", "body.colour: unexpected property"},
			{"prototype", `{"game":"arena","__proto__":{"admin":true}}`, "422 invalid_request", "body.__proto__"},
			{"4,000 unknown", "{" + fields.String() + `"game":"arena"}`, "422 invalid_request", "unexpected property"},
			{"a long name", `{"game":"arena","` + strings.Repeat("x", 60_000) + `":1}`, "422 invalid_request", "body.xxx"},
			{"number for text", `{"game":5}`, "422 invalid_request", "body.game: expected string"},
			{"text for number", `{"game":"arena","bots":"2"}`, "422 invalid_request", "body.bots: expected"},
			{"object for text", `{"game":{"a":1}}`, "422 invalid_request", "body.game: expected string"},
			{"null", "null", "422 invalid_request", "expected object"},
			{"list", "[]", "422 invalid_request", "expected object"},
			{"text", `"arena"`, "422 invalid_request", "expected object"},
			{"nothing", "{}", "422 invalid_request", "game"},
			{"enumeration", `{"game":"arena","visibility":"secret"}`, "422 invalid_request", "public, private"},
			{"number in metadata", `{"game":"arena","metadata":{"k":5}}`, "422 invalid_request", "body.metadata.k"},
			{"options the game does not know", `{"game":"rogue","options":{"zzz":1}}`, "400 refused", `there is no "zzz"`},
			{"options of another type", `{"game":"rogue","options":{"n":"x"}}`, "400 refused", "n is text, want a whole number"},
			{"options that are a list", `{"game":"rogue","options":[1]}`, "400 refused", "options"},
		}))
	})
	httpCase(t, node, others, "numbers: 1e999, -0, 1.0, 2^63, 30 digits, 10,000 digits", func(t *testing.T) string {
		return meet(t, node, posts([][4]string{
			{"1e999", `{"game":"arena","bots":1e999}`, "400 malformed", "1e999 is not accepted"},
			{"1e999 in options", `{"game":"rogue","options":{"n":1e999}}`, "400 malformed", "1e999 is not accepted"},
			{"1e308 in options", `{"game":"rogue","options":{"n":1e308}}`, "400 refused", "n"},
			{"30 digits", `{"game":"arena","bots":123456789012345678901234567890}`, "422 invalid_request", "want a whole number"},
			{"10,000 digits", `{"game":"arena","bots":` + strings.Repeat("9", 10_000) + `}`, "400 malformed", "is not accepted"},
			{"10,000 digits behind the point", `{"game":"arena","bots":1.` + strings.Repeat("9", 10_000) + `}`, "422 invalid_request", ""},
			{"2^63-1", `{"game":"arena","bots":9223372036854775807}`, "422 invalid_request", "0 to"},
			{"2^63", `{"game":"arena","bots":9223372036854775808}`, "422 invalid_request", "want a whole number"},
			{"1.0", `{"game":"arena","bots":1.0}`, "422 invalid_request", "without point and exponent"},
			{"0.5", `{"game":"arena","bots":0.5}`, "422 invalid_request", "expected integer"},
			{"-1", `{"game":"arena","bots":-1}`, "422 invalid_request", "body.bots"},
			{"-0", `{"game":"arena","bots":-0}`, "201", ""},
			{"too many players", `{"game":"arena","max_players":100000}`, "422 invalid_request", "max_players"},
		}))
	})
	httpCase(t, node, others, "deep JSON: 10,000 levels in the body, in options, not closed", func(t *testing.T) string {
		return meet(t, node, posts([][4]string{
			{"lists", nested("[", "]", 10_000), "400 malformed", "more than 64 deep"},
			{"objects", nested(`{"a":`, "}", 10_000), "400 malformed", "more than 64 deep"},
			{"not closed", strings.Repeat("[", 60_000), "400 malformed", "more than 64 deep"},
			{"options", `{"game":"rogue","options":` + nested("[", "]", 10_000) + `}`, "400 malformed", "more than 64 deep"},
			{"options, objects", `{"game":"rogue","options":` + nested(`{"n":`, "}", 10_000) + `}`, "400 malformed", "more than 64 deep"},
			{"options, a little", `{"game":"rogue","options":` + nested("[", "]", 20) + `}`, "422 invalid_request", "20 deep, at most 16"},
		}))
	})
	httpCase(t, node, others, "over-long text, lists, metadata, options", func(t *testing.T) string {
		room, err := rig.CreateRoom(t.Context(), node, "arena", nil)
		if err != nil {
			t.Fatal(err)
		}
		seats := func(name, body, want, says string) act {
			return act{name, request("POST", rooms+"/"+room+"/seats", body), want, says}
		}
		acts := posts([][4]string{
			{"game", `{"game":"` + strings.Repeat("x", 65) + `"}`, "422 invalid_request", "length <= 64"},
			{"metadata of 4,000 keys", `{"game":"arena","metadata":{` + pairs.String() + `"k":"v"}}`, "422 invalid_request", "at most 16"},
			{"metadata key", `{"game":"arena","metadata":{"` + strings.Repeat("k", 65) + `":"v"}}`, "422 invalid_request", "metadata key"},
			{"metadata value", `{"game":"arena","metadata":{"k":"` + strings.Repeat("v", 257) + `"}}`, "422 invalid_request", "at most 256"},
			{"options", `{"game":"rogue","options":"` + strings.Repeat("x", 4096) + `"}`, "422 invalid_request", "at most 4096"},
		})
		return meet(t, node, append(acts,
			seats("17 players", `{"players":[`+strings.Repeat("{},", 16)+`{}]}`, "422 invalid_request", "length <= 16"),
			seats("no player", `{"players":[]}`, "422 invalid_request", "body.players"),
			seats("player id", `{"players":[{"id":"`+strings.Repeat("x", 65)+`"}]}`, "422 invalid_request", "length <= 64"),
			seats("player id with a bell", `{"players":[{"id":"a\u0007"}]}`, "422 invalid_request", "printable"),
			seats("name", `{"players":[{"name":"`+strings.Repeat("x", 300)+`"}]}`, "422 invalid_request", "length <= 256"),
			seats("team", `{"players":[{"team":256}]}`, "422 invalid_request", "<= 255"),
			seats("role", `{"players":[{"role":"admin"}]}`, "422 invalid_request", "player, spectator"),
			seats("the same player twice", `{"players":[{"id":"a"},{"id":"a"}]}`, "422 invalid_request", ""),
		))
	})
	httpCase(t, node, others, "content types and codings: wrong, missing, upper case, UTF-16, gzip", func(t *testing.T) string {
		with := func(name, want string, headers ...string) act {
			const body = `{"game":"nothing"}`
			head := strings.Join(append(headers, fmt.Sprintf("Content-Length: %d", len(body))), "\r\n")
			return act{name, "POST /v1/rooms HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n" + head + "\r\n\r\n" + body, want, ""}
		}
		return meet(t, node, []act{
			with("form", "415 media_type", "Content-Type: application/x-www-form-urlencoded"),
			with("text", "415 media_type", "Content-Type: text/plain"),
			with("CBOR", "415 media_type", "Content-Type: application/cbor"),
			with("UTF-16", "415 media_type", "Content-Type: application/json; charset=utf-16"),
			with("broken", "415 media_type", "Content-Type: application/json;;;"),
			with("9 KB", "415 media_type", "Content-Type: "+strings.Repeat("a", 9000)),
			with("two", "400 malformed", "Content-Type: application/json", "Content-Type: text/plain"),
			with("gzip", "415 media_type", "Content-Type: application/json", "Content-Encoding: gzip"),
			with("two codings", "415 media_type", "Content-Type: application/json", "Content-Encoding: identity, br"),
			with("missing", "404 game_unknown"),
			with("upper case", "404 game_unknown", "Content-Type: APPLICATION/JSON"),
			with("UTF-8", "404 game_unknown", `Content-Type: application/json; charset="utf-8"`),
		})
	})
	httpCase(t, node, others, "200 bodies of 10 MB, announced, in chunks and with Expect: memory", func(t *testing.T) string {
		const head = "POST /v1/rooms HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
		megabyte := strings.Repeat(" ", 1<<20)
		chunked := head + "Transfer-Encoding: chunked\r\n\r\n" + strings.Repeat("100000\r\n"+megabyte+"\r\n", 2)
		acts := []act{
			{"announced", head + "Content-Length: 10485760\r\n\r\n" + megabyte, "413 too_large", "at most 65536 bytes"},
			{"expected", head + "Expect: 100-continue\r\nContent-Length: 10485760\r\n\r\n", "413 too_large", "at most 65536 bytes"},
			{"chunked", chunked, "413 too_large", "at most 65536 bytes"},
		}
		var all []act
		for range 67 {
			all = append(all, acts...)
		}
		got := meet(t, node, all)
		grown := 0
		for range 5 { // once is enough: what a body leaves behind, it leaves each time
			before := node.RSS(t)
			meet(t, node, all[:60])
			if grown = node.RSS(t) - before; grown < 2<<20 {
				return got + ", no more memory"
			}
		}
		t.Errorf("the process grew by %d KiB with each 200 MB", grown>>10)
		return got
	})
}
