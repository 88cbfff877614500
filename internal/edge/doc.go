// Package edge stands between the internet and the node's HTTP handlers: it finds out where a request comes from although
// proxies stand in between, keeps pages of other origins out, answers whoever asks too much with 429, and terminates TLS.
// It does not know who calls (package identity does) nor what the calls mean.
//
//	e, err := edge.New(edge.Config{LimitIP: 50})
//	mux.Handle("/v1/", auth.Wrap(e.LimitCalls(who, api)))
//	server := http.Server{Handler: e.Wrap(mux), ConnState: e.ConnState}
//
// See DESIGN.md for what is believed of whom.
package edge
