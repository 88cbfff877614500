package admin

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"net/http"
	"path"
	"time"
)

//go:embed web
var web embed.FS

// policy lets the page load what is served beside it and nothing else, and no other page show it in a frame.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// pageTypes are fixed here: what the system's tables say differs.
var pageTypes = map[string]string{
	".html": "text/html; charset=utf-8", ".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8",
}

// registerPage serves the page's files. They hold nothing of the node and need no leave.
func registerPage(mux *http.ServeMux) {
	for path, file := range map[string]http.Handler{
		"/admin":     http.RedirectHandler("/admin/", http.StatusMovedPermanently),
		"/admin/{$}": pageFile("admin.html"), "/admin/admin.css": pageFile("admin.css"),
		"/admin/admin.js": pageFile("admin.js"), "/admin/charts.js": pageFile("charts.js"),
	} {
		mux.Handle("GET "+path, file)
		mux.HandleFunc(path, wrongMethod)
	}
}

func wrongMethod(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Allow", "GET, HEAD")
	http.Error(w, "405: pages are read with GET", http.StatusMethodNotAllowed)
}

func pageFile(name string) http.Handler {
	body, err := web.ReadFile("web/" + name)
	if err != nil {
		panic("admin: " + err.Error()) // embedded: the build is broken
	}
	sum := sha256.Sum256(body)
	etag := `"` + hex.EncodeToString(sum[:12]) + `"`
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Content-Type", pageTypes[path.Ext(name)])
		h.Set("Cache-Control", "no-cache")
		h.Set("ETag", etag)
		if r.Header.Get("Range") != "" { // a list of a thousand ranges would be as many parts to send
			r = r.Clone(r.Context())
			r.Header.Del("Range")
		}
		http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(body))
	})
}
