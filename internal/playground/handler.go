package playground

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io/fs"
	"net/http"
	"path"
	"time"
)

//go:embed web/*.html web/*.css web/*.svg web/js
var files embed.FS

// policy lets the pages load what this handler serves and talk to any node of the cluster, and nothing else.
const policy = "default-src 'self'; connect-src 'self' ws: wss:; style-src 'self'; img-src 'self' data:; base-uri 'none'; frame-ancestors 'none'"

// contentTypes are fixed here: what mime.TypeByExtension says depends on the machine, and browsers refuse modules of
// another type.
var contentTypes = map[string]string{
	".html": "text/html; charset=utf-8",
	".css":  "text/css; charset=utf-8",
	".js":   "text/javascript; charset=utf-8",
	".svg":  "image/svg+xml",
}

// Handler serves / (the games and rooms), /play/{game} (the page of one game) and /static/… Every other path is a 404 for
// people to read. The handler is safe for concurrent use.
func Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/", notFound)
	handle := func(path, name string) {
		mux.Handle("GET "+path, newPage(name))
		mux.HandleFunc(path, wrongMethod)
	}
	handle("/{$}", "index.html")
	handle("/play/{game}", "play.html")
	for _, name := range static() {
		handle("/static/"+name, name)
	}
	return mux
}

// static lists the files below web that have an address of their own.
func static() (names []string) {
	for _, pattern := range []string{"web/*.css", "web/*.svg", "web/js/*.js"} {
		found, err := fs.Glob(files, pattern)
		if err != nil {
			panic("playground: " + err.Error())
		}
		for _, name := range found {
			names = append(names, name[len("web/"):])
		}
	}
	return names
}

// A page is one embedded file.
type page struct {
	name, contentType, etag string
	body                    []byte
}

func newPage(name string) page {
	body, err := files.ReadFile("web/" + name)
	if err != nil {
		panic("playground: " + err.Error())
	}
	sum := sha256.Sum256(body)
	return page{name: name, contentType: contentTypes[path.Ext(name)], etag: `"` + hex.EncodeToString(sum[:12]) + `"`, body: body}
}

// ServeHTTP answers a conditional request with 304. no-cache lets browsers keep a file but ask each time, so that the pages
// never mix two versions of the server for longer than one load.
func (p page) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	secure(h)
	h.Set("Content-Type", p.contentType)
	h.Set("Cache-Control", "no-cache")
	h.Set("ETag", p.etag)
	if r.Header.Get("Range") != "" { // parts of a file this small are no use, and a list of a thousand is as many parts to send
		r = r.Clone(r.Context())
		r.Header.Del("Range")
	}
	http.ServeContent(w, r, p.name, time.Time{}, bytes.NewReader(p.body))
}

func notFound(w http.ResponseWriter, _ *http.Request) {
	secure(w.Header())
	http.Error(w, "404: there is no such page on this node. The games are at /", http.StatusNotFound)
}

func wrongMethod(w http.ResponseWriter, _ *http.Request) {
	secure(w.Header())
	w.Header().Set("Allow", "GET, HEAD")
	http.Error(w, "405: pages are read with GET", http.StatusMethodNotAllowed)
}

func secure(h http.Header) {
	h.Set("Content-Security-Policy", policy)
	h.Set("X-Content-Type-Options", "nosniff")
}
