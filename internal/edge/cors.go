package edge

import (
	"fmt"
	"net/http"
	"strings"
)

// What pages of other origins may send and read. No cookies, no credentials mode: tokens go in Authorization.
const (
	allowMethods  = "GET, HEAD, POST, PUT, PATCH, DELETE"
	allowHeaders  = "Authorization, Content-Type, If-Match, If-None-Match, Idempotency-Key"
	exposeHeaders = "ETag, Location, Retry-After, Link"
	maxAge        = "7200" // what Chromium keeps at most
)

// guardOrigin lets pages of allowed origins read the API's answers (CORS), and keeps the others from changing anything: a
// browser sends some of their requests without asking first, and hides the answer only.
func (e *Edge) guardOrigin(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		from := r.Header.Get("Origin")
		api := strings.HasPrefix(r.URL.Path, "/v1/") || r.URL.Path == "/openapi.json"
		h := w.Header()
		if api && !e.cfg.Origins.any {
			h.Add("Vary", "Origin")
		}
		if from == "" {
			next.ServeHTTP(w, r)
			return
		}
		preflight := api && r.Method == http.MethodOptions && r.Header.Get("Access-Control-Request-Method") != ""
		if preflight {
			h.Add("Vary", "Access-Control-Request-Method")
			h.Add("Vary", "Access-Control-Request-Headers")
		}
		allowed := e.originAllowed(r, from)
		switch {
		case !allowed && (preflight || changes(r.Method)):
			e.refuse(w, ReasonOrigin, http.StatusForbidden, "origin_forbidden",
				fmt.Sprintf("pages of %.100q may not call this node: start it with -allow-origin", from))
			return
		case allowed && api:
			e.share(h, from)
		}
		if preflight {
			h.Set("Access-Control-Allow-Methods", allowMethods)
			h.Set("Access-Control-Allow-Headers", allowHeaders)
			h.Set("Access-Control-Max-Age", maxAge)
			w.WriteHeader(http.StatusNoContent)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// share lets a page read the answer.
func (e *Edge) share(h http.Header, from string) {
	if e.cfg.Origins.any {
		from = "*"
	}
	h.Set("Access-Control-Allow-Origin", from)
	h.Set("Access-Control-Expose-Headers", exposeHeaders)
}

func changes(method string) bool {
	return method != http.MethodGet && method != http.MethodHead && method != http.MethodOptions
}
