package matchmaker

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// The document is made when it is first asked for: by several at the same time (-race looks at this).
func TestDocumentAtOnce(t *testing.T) {
	f := newFixture(t, Config{})
	server := httptest.NewServer(f.handler)
	defer server.Close()
	paths := []string{"/openapi.json", "/openapi.yaml", "/openapi-3.0.json", "/openapi-3.0.yaml"}
	got := make(chan string)
	for i := range 4 * len(paths) {
		go func() { // ends with its answer, which is read below
			res, err := http.Get(server.URL + paths[i%len(paths)])
			if err != nil {
				got <- err.Error()
				return
			}
			defer res.Body.Close()
			n, err := io.Copy(io.Discard, res.Body)
			if res.StatusCode != http.StatusOK || n < 1000 || err != nil {
				got <- fmt.Sprintf("%s: %d, %d bytes, %v", paths[i%len(paths)], res.StatusCode, n, err)
				return
			}
			got <- ""
		}()
	}
	for range 4 * len(paths) {
		if problem := <-got; problem != "" {
			t.Error(problem)
		}
	}
	http.DefaultClient.CloseIdleConnections()
	for _, path := range append(paths, "/v1/rooms/x/ws") {
		if res, out := f.mustCall(t, 405, "POST", path, ""); out["code"] != "method_not_allowed" || !strings.HasPrefix(res.Header.Get("Allow"), "GET") {
			t.Errorf("POST %s: %v, Allow %q", path, out, res.Header.Get("Allow"))
		}
	}
}
