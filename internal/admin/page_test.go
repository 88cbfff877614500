package admin

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// The page loads nothing from anywhere else, and needs nothing that its policy forbids.
func TestPageIsWhole(t *testing.T) {
	mux := http.NewServeMux()
	registerPage(mux)
	for _, path := range []string{"/admin/", "/admin/admin.css", "/admin/admin.js", "/admin/charts.js"} {
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, httptest.NewRequest(http.MethodGet, path, nil))
		body := strings.ReplaceAll(w.Body.String(), "http://www.w3.org/2000/svg", "")
		if w.Code != http.StatusOK || w.Header().Get("Content-Security-Policy") != policy || w.Header().Get("Content-Type") == "" {
			t.Errorf("%s: %d, %v", path, w.Code, w.Header())
		}
		for _, bad := range []string{"http://", "https://", "innerHTML", "style=\"", "onclick=\"", "eval("} {
			if strings.Contains(body, bad) {
				t.Errorf("%s has %q in it", path, bad)
			}
		}
		again := httptest.NewRequest(http.MethodGet, path, nil)
		again.Header.Set("If-None-Match", w.Header().Get("ETag"))
		w = httptest.NewRecorder()
		mux.ServeHTTP(w, again)
		if w.Code != http.StatusNotModified {
			t.Errorf("%s again: %d", path, w.Code)
		}
		parts := httptest.NewRequest(http.MethodGet, path, nil)
		parts.Header.Set("Range", "bytes=0-0,"+strings.Repeat("2-2,", 100)+"4-4")
		w = httptest.NewRecorder()
		if mux.ServeHTTP(w, parts); w.Code != http.StatusOK {
			t.Errorf("%s in parts: %d", path, w.Code)
		}
		w = httptest.NewRecorder()
		if mux.ServeHTTP(w, httptest.NewRequest(http.MethodPost, path, nil)); w.Code != http.StatusMethodNotAllowed || w.Header().Get("Allow") != "GET, HEAD" {
			t.Errorf("POST %s: %d, Allow %q", path, w.Code, w.Header().Get("Allow"))
		}
	}
}
