package identity

import (
	"encoding/json"
	"net/http"
	"strconv"
)

// A Problem is an answer that refuses (RFC 9457). Code is stable: programs branch on it, people read Detail.
type Problem struct {
	Status     int // 401, 403, 429, 500 or 503
	Code       string
	Detail     string
	RetryAfter int  // seconds; 0: it does not help to repeat the request
	Invalid    bool // a credential was shown, and is refused
}

// Error implements error.
func (p *Problem) Error() string { return p.Code + ": " + p.Detail }

// Header adds what belongs to the answer beside its body: how to say who one is, and when to come again.
func (p *Problem) Header(h http.Header) {
	if p.Status == http.StatusUnauthorized {
		challenge := `Bearer realm="ringside"`
		if p.Invalid {
			challenge += `, error="invalid_token"`
		}
		h.Set("WWW-Authenticate", challenge)
	}
	if p.RetryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(p.RetryAfter))
	}
}

// Write answers a request with p.
func (p *Problem) Write(w http.ResponseWriter) {
	h := w.Header()
	p.Header(h)
	h.Set("Content-Type", "application/problem+json")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(struct { // the client may be gone
		Type   string `json:"type"`
		Title  string `json:"title"`
		Status int    `json:"status"`
		Detail string `json:"detail"`
		Code   string `json:"code"`
	}{"about:blank", http.StatusText(p.Status), p.Status, p.Detail, p.Code})
}
