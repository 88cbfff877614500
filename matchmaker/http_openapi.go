package matchmaker

import (
	"encoding/json"
	"net/http"
	"sync"

	"github.com/danielgtaylor/huma/v2"
)

// serveDocument adds the document of all calls to mux. huma would make it in the handler, and two who ask first at the same
// time would write it over each other.
func serveDocument(mux *http.ServeMux, doc *huma.OpenAPI) {
	const asJSON, asYAML = "application/openapi+json", "application/openapi+yaml"
	var making sync.Mutex // doc is read by one at a time: what it does inside is huma's
	for path, form := range map[string]struct {
		media string
		make  func() ([]byte, error)
	}{
		"/openapi.json":     {asJSON, func() ([]byte, error) { return json.Marshal(doc) }},
		"/openapi.yaml":     {asYAML, doc.YAML},
		"/openapi-3.0.json": {asJSON, doc.Downgrade},
		"/openapi-3.0.yaml": {asYAML, doc.DowngradeYAML},
	} {
		made := sync.OnceValues(func() ([]byte, error) {
			making.Lock()
			defer making.Unlock()
			return form.make()
		})
		mux.HandleFunc("GET "+path, func(w http.ResponseWriter, r *http.Request) {
			text, err := made()
			if err != nil {
				writeProblem(w, r, newProblem(http.StatusInternalServerError, "internal", "the document cannot be made: "+err.Error()))
				return
			}
			w.Header().Set("Content-Type", form.media)
			_, _ = w.Write(text) // the client may be gone
		})
		mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) { writeProblem(w, r, wrongMethod(r, "GET, HEAD")) })
	}
}
