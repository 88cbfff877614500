package hostile_test

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"time"
)

// readAll reads until the connection ends or gives up.
func readAll(c net.Conn) string {
	text, _ := io.ReadAll(c) // how it ends is not what counts
	return string(text)
}

// A drip sends its beginning at once, then a byte each quarter of a second.
type drip struct {
	name, begin, then string
	want              string        // the answer, "" for none
	within            time.Duration // of the end of the connection
}

func TestHTTPSlowly(t *testing.T) {
	t.Parallel()
	node, others := neighbourhood(t)
	const (
		slack = 3 * time.Second
		head  = "POST /v1/rooms HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
	)
	forever := strings.Repeat("a", 1000)
	httpCase(t, node, others, "slowloris: nothing, request line, headers, body, chunks, trailers byte by byte, 20 of each; idle connections", func(t *testing.T) string {
		drips := []drip{
			{"nothing", "", "", "", 5 * time.Second},
			{"request line", "", "GET /" + forever, "", 5 * time.Second},
			{"header", "GET / HTTP/1.1\r\n", "X-" + forever, "", 5 * time.Second},
			{"header lines", "GET / HTTP/1.1\r\nHost: localhost\r\n", strings.Repeat("a:\r\n", 200), "", 5 * time.Second},
			{"TLS hello", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", forever, "", 5 * time.Second},
			{"body", head + "Content-Length: 1000\r\n\r\n", forever, "408 request_timeout", 5 * time.Second},
			{"no body", head + "Content-Length: 1000\r\n\r\n", "", "408 request_timeout", 5 * time.Second},
			{"chunks", head + "Transfer-Encoding: chunked\r\n\r\n", strings.Repeat("1\r\n \r\n", 100), "408 request_timeout", 5 * time.Second},
			{"chunk size", head + "Transfer-Encoding: chunked\r\n\r\n", strings.Repeat("0", 500), "408 request_timeout", 5 * time.Second},
			{"trailers", head + "Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n", forever, "400 malformed", 5 * time.Second},
			{"second request", "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n", "GET /" + forever, "200", 20 * time.Second},
			{"idle", "GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n", "", "200", 20 * time.Second},
		}
		var mu sync.Mutex
		counts := map[string]int{}
		var all sync.WaitGroup
		for _, d := range drips {
			for range 20 {
				c := reach(t, node, d.within+slack)
				all.Go(func() {
					defer c.Close()
					answer, took := d.run(t, c)
					switch {
					case d.want == "" && answer.status != 0 && answer.status != 400 && answer.status != 408, d.want != "" && answer.String() != d.want:
						t.Errorf("%s: got %s, want %q", d.name, &answer, d.want)
					case took > d.within+slack-100*time.Millisecond:
						t.Errorf("%s: the connection stands after %v", d.name, took)
					}
					mu.Lock()
					defer mu.Unlock()
					counts[answer.String()]++
				})
			}
		}
		all.Wait()
		return tally(counts) + "; cut after 5 s, idle ones after 20 s"
	})
}

// run sends the drip and returns the first answer and when the connection ended.
func (d *drip) run(t *testing.T, c net.Conn) (a answer, took time.Duration) {
	began := time.Now()
	if _, err := io.WriteString(c, d.begin); err != nil {
		t.Errorf("%s: %v", d.name, err)
	}
	ended := make(chan struct{})
	var sending sync.WaitGroup
	sending.Go(func() {
		each := time.NewTicker(250 * time.Millisecond)
		defer each.Stop()
		for _, b := range []byte(d.then) {
			select {
			case <-ended:
				return
			case <-each.C:
			}
			if _, err := c.Write([]byte{b}); err != nil {
				return
			}
		}
	})
	r := bufio.NewReader(c)
	a, err := next(r, "GET")
	if err != nil {
		t.Errorf("%s: %v", d.name, err)
	}
	_, _ = io.Copy(io.Discard, r)
	took = time.Since(began)
	close(ended)
	sending.Wait()
	return a, took
}

// Answers that nobody reads wait in the sockets, and in nothing of the node's.
func TestHTTPSlowReaders(t *testing.T) {
	t.Parallel()
	node, others := neighbourhood(t)
	httpCase(t, node, others, "20 connections that ask for 8 MB each and read nothing, then a byte at a time", func(t *testing.T) string {
		ask := strings.Repeat("GET /openapi.json HTTP/1.1\r\nHost: localhost\r\n\r\n", 100)
		exchange(t, node, request("GET", "/openapi.json", ""))
		before := node.RSS(t)
		var conns []net.Conn
		for range 20 {
			c := reach(t, node, 30*time.Second)
			defer c.Close()
			_ = c.(*net.TCPConn).SetReadBuffer(4 << 10)
			_, _ = io.WriteString(c, ask)
			conns = append(conns, c)
		}
		one := make([]byte, 1)
		for range 20 {
			for _, c := range conns {
				if _, err := c.Read(one); err != nil {
					t.Fatal(err)
				}
			}
			if a := exchange(t, node, request("GET", "/v1/games", "")); a.status != 200 {
				t.Fatalf("meanwhile: %s", &a)
			}
		}
		grown := (node.RSS(t) - before) >> 10
		if grown > 8<<10 {
			t.Errorf("the process grew by %d KiB", grown)
		}
		return fmt.Sprintf("200, as slowly as they read; below %d MiB for all", grown>>10+1)
	})
}
