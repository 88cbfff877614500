// Package identity says who calls: a server with an API key, a player with a token of the game's accounts, or nobody in
// particular. It reads the Authorization header of HTTP requests and nothing else; what a caller may do is asked with Refusal.
// Seat tokens, which open sockets, are none of its business.
//
// A credential that is wrong, expired or not understood is answered 401 and never taken for none: a backend whose key was
// mistyped must not find out by its rooms being refused.
//
//	a, err := identity.New(identity.Config{Keys: keys, Tokens: tokens})
//	mux.Handle("/v1/", a.Wrap(api))
//	// in a handler
//	if p := a.Refusal(identity.From(ctx), identity.Manage); p != nil {
//		p.Write(w)
//	}
package identity
