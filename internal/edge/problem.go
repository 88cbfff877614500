package edge

import (
	"encoding/json"
	"math"
	"net/http"
	"strconv"
	"time"
)

// refuse answers a request with a problem (RFC 9457) and counts it.
func (e *Edge) refuse(w http.ResponseWriter, reason string, status int, code, detail string) {
	e.cfg.Refused(reason)
	h := w.Header()
	h.Set("Content-Type", "application/problem+json")
	h.Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(struct { // the client may be gone
		Type   string `json:"type"`
		Title  string `json:"title"`
		Status int    `json:"status"`
		Detail string `json:"detail"`
		Code   string `json:"code"`
	}{"about:blank", http.StatusText(status), status, detail, code})
}

// tooMany answers a request that comes too early by wait, at a limit.
func (e *Edge) tooMany(w http.ResponseWriter, wait time.Duration, limit, detail string) {
	e.cfg.Limited(limit)
	w.Header().Set("Retry-After", strconv.Itoa(max(int(math.Ceil(wait.Seconds())), 1)))
	e.refuse(w, ReasonLimit, http.StatusTooManyRequests, "too_many_requests", detail)
}
