package matchmaker

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
)

// bodyTimeout is how long a body may take to arrive. 64 KiB take a second over the slowest line that a game is played on.
const bodyTimeout = 5 * time.Second

// onceHeaders say what a request means. Of two the one would be as good as the other.
var onceHeaders = []string{"Content-Type", "Idempotency-Key", "If-Match"}

// receive refuses requests that can be read in two ways, and reads the body of the others before huma does, which would ask for
// a body that it refuses then, and call one that breaks off a fault of the server.
func receive(ctx huma.Context, next func(huma.Context)) {
	r, w := humago.Unwrap(ctx)
	p := checkOnce(r)
	if p == nil {
		p = checkQuery(ctx.Operation(), r.URL.RawQuery)
	}
	if p == nil && ctx.Operation().RequestBody != nil {
		p = receiveBody(w, r)
	}
	if p != nil {
		writeProblem(w, r, p)
		return
	}
	next(ctx)
}

func checkOnce(r *http.Request) *Problem {
	for _, name := range onceHeaders {
		if len(r.Header[name]) > 1 {
			return newProblem(http.StatusBadRequest, "malformed", "there is more than one "+name+" header")
		}
	}
	return nil
}

// checkQuery finds what url.Values hide: what cannot be read, and what is said twice.
func checkQuery(op *huma.Operation, raw string) *Problem {
	if raw == "" {
		return nil
	}
	values, err := url.ParseQuery(raw)
	if err != nil {
		return newProblem(http.StatusBadRequest, "malformed", fmt.Sprintf("query: %.100v", err))
	}
	for _, p := range op.Parameters {
		if p.In == "query" && p.Schema.Type != huma.TypeArray && len(values[p.Name]) > 1 {
			return newProblem(http.StatusUnprocessableEntity, "invalid_request", "query."+p.Name+": is there more than once")
		}
	}
	return nil
}

// receiveBody replaces a request's body by the bytes of it.
func receiveBody(w http.ResponseWriter, r *http.Request) *Problem {
	if p := checkMedia(r.Header); p != nil {
		return p
	}
	if r.ContentLength > maxBodyBytes {
		return cut(bodyTooLarge()) // before a byte of it was asked for
	}
	rc := http.NewResponseController(w)
	_ = rc.SetReadDeadline(time.Now().Add(bodyTimeout)) // what has none is a test
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBodyBytes+1))
	if len(body) > maxBodyBytes {
		return cut(bodyTooLarge())
	}
	if err != nil {
		return cut(bodyProblem(r, err))
	}
	_ = rc.SetReadDeadline(time.Time{}) // or the call would end with it
	r.Body = io.NopCloser(bytes.NewReader(body))
	return nil
}

func bodyTooLarge() *Problem {
	return newProblem(http.StatusRequestEntityTooLarge, "too_large", fmt.Sprintf("the body is too large: at most %d bytes", maxBodyBytes))
}

// bodyProblem says why a body did not arrive.
func bodyProblem(r *http.Request, err error) *Problem {
	if timeout := net.Error(nil); errors.As(err, &timeout) && timeout.Timeout() {
		return newProblem(http.StatusRequestTimeout, "request_timeout", fmt.Sprintf("the body did not arrive within %v", bodyTimeout))
	}
	if r.ContentLength >= 0 {
		return newProblem(http.StatusBadRequest, "malformed", fmt.Sprintf("the body ended before the %d bytes that Content-Length says", r.ContentLength))
	}
	return newProblem(http.StatusBadRequest, "malformed", "the body's chunks cannot be read, or end too early")
}

// cut ends the connection with the answer: where the next request would begin is not known.
func cut(p *Problem) *Problem {
	p.header.Set("Connection", "close")
	return p
}

// checkMedia refuses bodies that are not JSON in plain UTF-8, and tells huma of the others in the one way that it knows. A
// missing Content-Type is taken for JSON: pages of other sites, which could leave it out, are refused by their Origin.
func checkMedia(h http.Header) *Problem {
	if coding := h.Get("Content-Encoding"); coding != "" && !strings.EqualFold(coding, "identity") {
		p := newProblem(http.StatusUnsupportedMediaType, "media_type", "send the body as it is, without a Content-Encoding")
		p.header.Set("Accept-Encoding", "identity")
		return p
	}
	text := h.Get("Content-Type")
	if text == "" {
		return nil
	}
	media, params, err := mime.ParseMediaType(text)
	charset, said := params["charset"]
	json := media == "application/json" || strings.HasPrefix(media, "application/") && strings.HasSuffix(media, "+json")
	if err != nil || !json || said && !strings.EqualFold(charset, "utf-8") {
		return newProblem(http.StatusUnsupportedMediaType, "media_type", "send application/json, in UTF-8")
	}
	h.Set("Content-Type", "application/json")
	return nil
}
