package stream

import (
	"bytes"
	"encoding/json"
	"maps"
	"net/http"
	"strconv"
	"time"
)

// A Response is the answer of a long poll. The Hub reads it until it is sent: do not change it, but it may be given to any
// number of polls.
type Response struct {
	Status int         // 0: 200
	Header http.Header // in place of those set on the ResponseWriter; Content-Type is application/json unless set
	Body   []byte
}

// headers are those of an answer: what was set on the ResponseWriter, then the response's own.
func (r *Response) headers(set http.Header) http.Header {
	all := make(http.Header, len(set)+len(r.Header)+4)
	maps.Copy(all, set)
	maps.Copy(all, r.Header)
	if len(r.Body) > 0 && all.Get("Content-Type") == "" {
		all.Set("Content-Type", "application/json")
	}
	return all
}

func (r *Response) status() int {
	if r.Status == 0 {
		return http.StatusOK
	}
	return r.Status
}

// hasBody is false for the statuses that must not have one.
func (r *Response) hasBody() bool {
	return r.status() != http.StatusNoContent && r.status() != http.StatusNotModified
}

// send answers through net/http, whose connection goes on.
func (r *Response) send(w http.ResponseWriter) {
	set := w.Header()
	maps.Copy(set, r.headers(set))
	if r.hasBody() {
		set.Set("Content-Length", strconv.Itoa(len(r.Body)))
	}
	w.WriteHeader(r.status())
	if r.hasBody() {
		_, _ = w.Write(r.Body) // fails when the client has gone: nobody is left to tell
	}
}

// raw is the whole answer for a connection that was taken from net/http and, unless it is to be used again, ends with it.
func (r *Response) raw(minor int, set http.Header, again bool) []byte {
	length := -1
	if r.hasBody() {
		length = len(r.Body)
	}
	out := appendHead(make([]byte, 0, 512+len(r.Body)), minor, r.status(), r.headers(set), length, again)
	if r.hasBody() {
		out = append(out, r.Body...)
	}
	return out
}

// framing are the headers that say where a message ends: they are ours, whatever a handler set.
var framing = map[string]bool{
	"Connection": true, "Content-Length": true, "Date": true, "Keep-Alive": true,
	"Trailer": true, "Transfer-Encoding": true, "Upgrade": true,
}

// appendHead appends a status line and headers of HTTP/1.minor, with the end of the connection as the message's end unless it
// is to be used again. A length below 0 is not said.
func appendHead(dst []byte, minor, status int, header http.Header, length int, again bool) []byte {
	b := bytes.NewBuffer(dst)
	b.WriteString("HTTP/1." + strconv.Itoa(minor) + " " + strconv.Itoa(status) + " " + http.StatusText(status) + "\r\n")
	_ = header.WriteSubset(b, framing) // replaces line ends in values and leaves out what is no name; a Buffer does not fail
	b.WriteString("Date: " + time.Now().UTC().Format(http.TimeFormat) + "\r\n")
	if length >= 0 {
		b.WriteString("Content-Length: " + strconv.Itoa(length) + "\r\n")
	}
	if !again {
		b.WriteString("Connection: close\r\n")
	}
	b.WriteString("\r\n")
	return b.Bytes()
}

// A problem is how a request is refused, as the HTTP API writes problems (RFC 9457).
type problem struct {
	Title      string `json:"title"`
	Status     int    `json:"status"`
	Detail     string `json:"detail"`
	Code       string `json:"code"`
	retryAfter string
}

var (
	problemClosing = problem{
		Status: http.StatusServiceUnavailable, Code: "unavailable", Detail: "this node is closing; ask again", retryAfter: "1",
	}
	problemFull = problem{
		Status: http.StatusServiceUnavailable, Code: "too_many_held", Detail: "this node holds as many open answers as it may; ask again later", retryAfter: "5",
	}
	problemClient = problem{
		Status: http.StatusTooManyRequests, Code: "too_many_held", Detail: "this client has as many open answers as it may; end one first", retryAfter: "5",
	}
	problemFault = problem{Status: http.StatusInternalServerError, Code: "internal", Detail: "the answer could not be made"}
)

func (p problem) response() *Response {
	p.Title = http.StatusText(p.Status)
	body, err := json.Marshal(p)
	if err != nil {
		panic(err) // strings and a number
	}
	header := http.Header{"Content-Type": {"application/problem+json"}, "Cache-Control": {"no-store"}}
	if p.retryAfter != "" {
		header.Set("Retry-After", p.retryAfter)
	}
	return &Response{Status: p.Status, Header: header, Body: body}
}
