package playground

import (
	"io/fs"
	"net/http"
	"net/http/httptest"
	"path"
	"regexp"
	"strings"
	"testing"
)

func get(t *testing.T, target string, header ...string) *http.Response {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, target, nil)
	for i := 0; i+1 < len(header); i += 2 {
		r.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	Handler().ServeHTTP(w, r)
	return w.Result()
}

func body(t *testing.T, target string) string {
	t.Helper()
	w := httptest.NewRecorder()
	Handler().ServeHTTP(w, httptest.NewRequest(http.MethodGet, target, nil))
	return w.Body.String()
}

func TestHandler(t *testing.T) {
	for _, c := range []struct {
		target      string
		status      int
		contentType string
		holds       string
	}{
		{"/", 200, "text/html; charset=utf-8", `id="games"`},
		{"/play/arena", 200, "text/html; charset=utf-8", `id="invite"`},
		{"/play/a%20game?room=r1", 200, "text/html; charset=utf-8", `id="roster"`},
		{"/static/style.css", 200, "text/css; charset=utf-8", ":root"},
		{"/static/icon.svg", 200, "image/svg+xml", "<svg"},
		{"/static/js/wire.js", 200, "text/javascript; charset=utf-8", "ringside.v1.msgpack"},
		{"/play/", 404, "text/plain; charset=utf-8", "no such page"},
		{"/play/arena/x", 404, "text/plain; charset=utf-8", "no such page"},
		{"/static/", 404, "text/plain; charset=utf-8", "no such page"},
		{"/static/index.html", 404, "text/plain; charset=utf-8", "no such page"},
		{"/static/package.json", 404, "text/plain; charset=utf-8", "no such page"},
		{"/static/test/vectors.test.mjs", 404, "text/plain; charset=utf-8", "no such page"},
		{"/favicon.ico", 404, "text/plain; charset=utf-8", "no such page"},
	} {
		got := get(t, c.target)
		if got.StatusCode != c.status || got.Header.Get("Content-Type") != c.contentType {
			t.Errorf("GET %s: %d %q, want %d %q", c.target, got.StatusCode, got.Header.Get("Content-Type"), c.status, c.contentType)
		}
		if text := body(t, c.target); !strings.Contains(text, c.holds) {
			t.Errorf("GET %s: %.60q… does not hold %q", c.target, text, c.holds)
		}
		if got.Header.Get("Content-Security-Policy") != policy || got.Header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("GET %s: headers %v", c.target, got.Header)
		}
	}
}

func TestHandlerRevalidates(t *testing.T) {
	first := get(t, "/static/js/play.js")
	etag := first.Header.Get("ETag")
	if etag == "" || first.Header.Get("Cache-Control") != "no-cache" {
		t.Fatalf("ETag %q, Cache-Control %q, want one and no-cache", etag, first.Header.Get("Cache-Control"))
	}
	if got := get(t, "/static/js/play.js", "If-None-Match", etag); got.StatusCode != http.StatusNotModified {
		t.Errorf("with its ETag: %d, want 304", got.StatusCode)
	}
	if got := get(t, "/static/js/play.js", "If-None-Match", `"other"`); got.StatusCode != http.StatusOK {
		t.Errorf("with another ETag: %d, want 200", got.StatusCode)
	}
}

func TestHandlerTakesGetAndHead(t *testing.T) {
	for method, want := range map[string]int{http.MethodHead: 200, http.MethodPost: 405, "TRACE": 405} {
		w := httptest.NewRecorder()
		Handler().ServeHTTP(w, httptest.NewRequest(method, "/static/style.css", nil))
		if w.Code != want {
			t.Errorf("%s: %d, want %d", method, w.Code, want)
		}
		if allow := w.Header().Get("Allow"); want == 405 && allow != "GET, HEAD" {
			t.Errorf("%s: Allow %q", method, allow)
		}
	}
}

// A list of a thousand ranges would be answered with as many parts, each with a head of its own.
func TestHandlerSendsNoParts(t *testing.T) {
	whole := body(t, "/play/arena")
	for _, ranges := range []string{"bytes=0-3", "bytes=" + strings.Repeat("0-0,", 1000) + "1-1", "bytes=1000000-", "lines=1"} {
		w := httptest.NewRecorder()
		r := httptest.NewRequest(http.MethodGet, "/play/arena", nil)
		r.Header.Set("Range", ranges)
		if Handler().ServeHTTP(w, r); w.Code != http.StatusOK || w.Body.String() != whole {
			t.Errorf("%.40s: %d, %d bytes, want the %d of the page", ranges, w.Code, w.Body.Len(), len(whole))
		}
	}
}

var references = regexp.MustCompile(`(?:src|href)="(/static/[^"]+)"|from "\./([^"]+)"`)

// TestEveryReferenceIsServed follows each script, style and import of the pages.
func TestEveryReferenceIsServed(t *testing.T) {
	names, err := fs.Glob(files, "web/js/*.js")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range append(names, "web/index.html", "web/play.html") {
		text, err := files.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range references.FindAllStringSubmatch(string(text), -1) {
			target := m[1]
			if target == "" {
				target = path.Join("/static/js", m[2])
			}
			if got := get(t, target); got.StatusCode != http.StatusOK {
				t.Errorf("%s refers to %s: %d", name, target, got.StatusCode)
			}
		}
		if path.Ext(name) == ".html" && regexp.MustCompile(`<script>|<style|style="|\son\w+="`).Match(text) {
			t.Errorf("%s has inline script or style, which the policy forbids", name)
		}
		if lines := strings.Count(string(text), "\n"); lines > 400 {
			t.Errorf("%s has %d lines: it holds two concepts", name, lines)
		}
	}
}
