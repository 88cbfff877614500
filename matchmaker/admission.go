package matchmaker

import (
	"net/http"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
)

// overloadedRetry is how many seconds a client waits before it asks again: what a node is short of takes at least two to come back.
const overloadedRetry = "5"

// short names what the node is short of, "" if nothing.
func (m *Matchmaker) short() string {
	if m.cfg.Short == nil {
		return ""
	}
	return m.cfg.Short()
}

// admit refuses calls that would take something more, before their body is read, while the node is short of something. What was
// sold stays sold: reading, changing and ending go on, and so do the sockets of seats.
func (m *Matchmaker) admit(ctx huma.Context, next func(huma.Context)) {
	short := m.short()
	if short == "" {
		next(ctx)
		return
	}
	r, w := humago.Unwrap(ctx)
	p := newProblem(http.StatusServiceUnavailable, "overloaded", "this node takes nothing new at the moment: it is short of "+short)
	p.header.Set("Retry-After", overloadedRetry)
	writeProblem(w, r, p)
}

// admitted makes an operation pass admit.
func (m *Matchmaker) admitted(op huma.Operation) huma.Operation {
	op.Middlewares = append(op.Middlewares, m.admit)
	return op
}
