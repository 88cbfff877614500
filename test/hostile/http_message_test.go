package hostile_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"
)

func TestHTTPMessages(t *testing.T) {
	t.Parallel()
	node, others := neighbourhood(t)
	const (
		host  = "Host: localhost\r\nConnection: close\r\n"
		alive = "GET /healthz HTTP/1.1\r\n"
		post  = "POST /v1/rooms HTTP/1.1\r\n" + host + "Content-Type: application/json\r\n"
		body  = `{"game":"no-one"}` // 17 bytes, 0x11
	)
	get := func(name, target, want, says string) act { return act{name, request("GET", target, ""), want, says} }

	httpCase(t, node, others, "bodies that end early, are longer than said, or badly chunked", func(t *testing.T) string {
		chunked := func(name, text, want string) act {
			return act{name, post + "Transfer-Encoding: chunked\r\n\r\n" + text, want, ""}
		}
		got := meet(t, node, []act{
			{"longer than Content-Length", post + "Content-Length: 5\r\n\r\n" + body, "400 malformed", "end of JSON"},
			chunked("size", "zz\r\n"+body, "400 malformed"),
			chunked("negative size", "-11\r\n"+body, "400 malformed"),
			chunked("0x", "0x11\r\n"+body, "400 malformed"),
			chunked("size of 17 digits", "fffffffffffffffff\r\n"+body, "400 malformed"),
			chunked("bare LF", "11\n"+body+"\r\n0\r\n\r\n", "400 malformed"),
			chunked("extension of 5 KB", "11;"+strings.Repeat("x", 5000)+"\r\n"+body+"\r\n0\r\n\r\n", "400 malformed"),
			chunked("one byte a chunk, each with an extension", strings.Repeat("1;"+strings.Repeat("x", 100)+"\r\n \r\n", 500)+"0\r\n\r\n", "400 malformed"),
			chunked("10,000 trailers", "11\r\n"+body+"\r\n0\r\n"+strings.Repeat("X: y\r\n", 10_000)+"\r\n", "400 malformed"),
			chunked("extension", "11;a=b\r\n"+body+"\r\n0\r\n\r\n", "404 game_unknown"),
		})
		early := map[string]int{}
		for _, text := range []string{
			post + "Content-Length: 100\r\n\r\n" + body, post + "Transfer-Encoding: chunked\r\n\r\nff\r\n" + body,
			post + "Transfer-Encoding: chunked\r\n\r\n", post + "Content-Length: 100\r\n\r\n",
		} {
			c := reach(t, node, 5*time.Second)
			_, _ = io.WriteString(c, text)
			_ = c.(*net.TCPConn).CloseWrite()
			a, err := next(bufio.NewReader(c), "POST")
			c.Close()
			if err != nil || a.code != "malformed" || !a.closes {
				t.Errorf("%.200q and the end: %s %s %v", text, &a, a.detail, err)
			}
			early[a.String()+" (cut off)"]++
		}
		return got + ", " + tally(early)
	})

	httpCase(t, node, others, "smuggling: two lengths, length and chunks, obscured codings, spaces, CR and NUL", func(t *testing.T) string {
		length := func(v string) act {
			return act{"Content-Length: " + v, post + "Content-Length: " + v + "\r\n\r\n" + body, "400", ""}
		}
		coding := func(v, want string) act {
			return act{"Transfer-Encoding: " + v, post + "Transfer-Encoding: " + v + "\r\n\r\n11\r\n" + body + "\r\n0\r\n\r\n", want, ""}
		}
		got := meet(t, node, []act{
			{"two lengths", post + "Content-Length: 17\r\nContent-Length: 5\r\n\r\n" + body, "400", ""},
			length("+17"), length("-1"), length("0x11"), length("1e1"), length("17,17"), length("99999999999999999999"), length(""), length("17 0"),
			coding("xchunked", "501"), coding("chunked, identity", "501"), coding("identity", "501"), coding("gzip, chunked", "501"),
			coding("chunked\r\nTransfer-Encoding: chunked", "501"), coding("\x0bchunked", "400"), coding("\"chunked\"", "501"),
			{"space before the colon", post + "Transfer-Encoding : chunked\r\n\r\n11\r\n" + body + "\r\n0\r\n\r\n", "400", ""},
			{"CR in a header", alive + host + "X-A: a\rb\r\n\r\n", "400", ""},
			{"NUL in a header", alive + host + "X-A: a\x00b\r\n\r\n", "400", ""},
			{"header without a name", alive + host + ": x\r\n\r\n", "400", ""},
			{"header without a colon", alive + host + "nothing\r\n\r\n", "400", ""},
			{"first header folded", alive + " X: a\r\n" + host + "\r\n", "400", ""},
			{"folded header is one line", alive + host + "X-A: a\r\n b\r\n\r\n", "200", ""},
		})
		// Of a length and chunks the chunks count (RFC 9112, 6.3), and what follows them is the next request and nothing else.
		both := strings.Replace(post, "Connection: close\r\n", "", 1) + "Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n11\r\n" + body + "\r\n0\r\n\r\n" +
			alive + host + "\r\n"
		c := reach(t, node, 5*time.Second)
		defer c.Close()
		_, _ = io.WriteString(c, both)
		r := bufio.NewReader(c)
		first, _ := next(r, "POST")
		second, _ := next(r, "GET")
		third, err := next(r, "GET")
		if first.code != "game_unknown" || second.status != 200 || third.status != 0 || err != nil {
			t.Errorf("length and chunks: %s, %s, %s, %v", &first, &second, &third, err)
		}
		return got + "; of a length and chunks the chunks count"
	})

	httpCase(t, node, others, "versions and protocols: 0.9, 1.0, 2.0, h2c, TLS, garbage, TRACE, CONNECT, absolute and odd targets", func(t *testing.T) string {
		return meet(t, node, []act{
			{"0.9", "GET /healthz\r\n", "400", ""},
			{"1.0", "GET /healthz HTTP/1.0\r\n\r\n", "200", ""},
			{"1.0 socket", "GET /v1/rooms/none/ws HTTP/1.0\r\n\r\n", "404 room_unknown", ""},
			{"2.0", "GET /healthz HTTP/2.0\r\n" + host + "\r\n", "505", ""},
			{"HTTP/1.1 in lower case", "GET /healthz http/1.1\r\n" + host + "\r\n", "400", ""},
			{"h2c preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00", "400", ""},
			{"Upgrade: h2c", alive + "Host: localhost\r\nConnection: Upgrade, HTTP2-Settings, close\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n\r\n", "200", ""},
			{"garbage", "\xff\xfe\x00garbage\r\n\r\n", "400", ""},
			{"TRACE", request("TRACE", rooms, "", "Cookie: secret=1"), "405 method_not_allowed", "is called with GET, HEAD, POST"},
			{"CONNECT a path", request("CONNECT", rooms, ""), "405 method_not_allowed", ""},
			{"CONNECT a host", "CONNECT localhost:22 HTTP/1.1\r\n" + host + "\r\n", "404", ""},
			{"method of 5 KB", request(strings.Repeat("X", 5000), rooms, ""), "405 method_not_allowed", ""},
			{"method in lower case", request("get", rooms, ""), "405 method_not_allowed", ""},
			{"no method", request("", rooms, ""), "400", ""},
			{"*", request("GET", "*", ""), "400", ""},
			{"OPTIONS *", request("OPTIONS", "*", ""), "200", ""},
			{"no slash", request("GET", "healthz", ""), "400", ""},
			{"absolute", request("GET", "http://localhost/healthz", ""), "200", ""},
			{"absolute, of another", request("GET", "http://evil.example/healthz", ""), "403 host_forbidden", "evil.example"},
			{"Expect", post + "Expect: 200-maybe\r\nContent-Length: 17\r\n\r\n" + body, "417", ""},
		})
	})

	httpCase(t, node, others, "Host: missing, two, of others (DNS rebinding), not one", func(t *testing.T) string {
		of := func(v, want string) act {
			return act{"Host: " + v, alive + "Host: " + v + "\r\nConnection: close\r\n\r\n", want, ""}
		}
		return meet(t, node, []act{
			{"missing", alive + "Connection: close\r\n\r\n", "400", ""},
			{"two", alive + host + "Host: evil.example\r\n\r\n", "400", ""},
			of("evil.example", "403 host_forbidden"), of("localhost.evil.example", "403 host_forbidden"), of("127.0.0.1.evil.example:80", "403 host_forbidden"),
			of("localhost.", "403 host_forbidden"), of(strings.Repeat("a", 9000), "403 host_forbidden"), of("a b", "400"), of("localhost/x", "400"), of("u@localhost", "400"),
			of("LOCALHOST:1", "200"), of("[::1]", "200"), of("192.0.2.7", "200"),
		})
	})

	httpCase(t, node, others, "header floods: 2,500 headers, 64 KiB, 1 MiB, line of 64 KiB", func(t *testing.T) string {
		lines := func(n int) string {
			var b strings.Builder
			for i := range n {
				fmt.Fprintf(&b, "X-%d: y\r\n", i)
			}
			return b.String()
		}
		return meet(t, node, []act{
			{"100", alive + host + lines(100) + "\r\n", "200", ""},
			{"2,500", alive + host + lines(2500) + "\r\n", "431", ""},
			{"64 KiB", alive + host + "X: " + strings.Repeat("y", 64<<10) + "\r\n\r\n", "431", ""},
			{"1 MiB", alive + host + "X: " + strings.Repeat("y", 1<<20) + "\r\n\r\n", "431", ""},
			{"line without an end", "GET /" + strings.Repeat("y", 64<<10), "431", ""},
			{"Cookie of 10 KB", alive + host + "Cookie: " + strings.Repeat("a=b;", 2500) + "\r\n\r\n", "200", ""},
			get("path of 8 KiB", "/v1/rooms/"+strings.Repeat("a", 8<<10), "414 uri_too_long", "1024 bytes"),
			get("path of 8 KiB to a page", "/"+strings.Repeat("a", 8<<10), "414 uri_too_long", ""),
			get("path of 64 KiB", "/"+strings.Repeat("a", 64<<10), "431", ""),
		})
	})

	httpCase(t, node, others, "1,000 requests in one segment; 10 MB behind a GET; ranges", func(t *testing.T) string {
		c := reach(t, node, 10*time.Second)
		defer c.Close()
		go func() { // ends with the connection
			_, _ = io.WriteString(c, strings.Repeat(alive+"Host: localhost\r\n\r\n", 999)+alive+host+"\r\n")
		}()
		r := bufio.NewReader(c)
		for i := range 1000 {
			if a, err := next(r, "GET"); a.status != 200 || err != nil {
				t.Fatalf("answer %d of 1,000: %s %v", i+1, &a, err)
			}
		}
		if a, err := next(r, "GET"); a.status != 0 || err != nil {
			t.Errorf("behind 1,000 answers: %s %v", &a, err)
		}
		ranges := "Range: bytes=" + strings.Repeat("0-0,", 2000) + "2-2"
		return "1,000 answers in order; " + meet(t, node, []act{
			{"GET with a body", alive + host + "Content-Length: 10485760\r\n\r\n" + strings.Repeat(" ", 1<<20), "200", ""},
			{"ranges of a page", request("GET", "/static/style.css", "", ranges), "200", ""},
			{"ranges of an answer", request("GET", "/v1/games", "", ranges), "200", ""},
			{"ranges of the operators' page", request("GET", "/admin/admin.js", "", ranges), "200", ""},
		})
	})
}
