package matchmaker

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

// Problem is what a client gets instead of an answer (RFC 9457). Code is
// stable: programs branch on it, people read Detail.
type Problem struct {
	Type     string         `json:"type" format:"uri" doc:"urn:ringside:problem: and the code" example:"urn:ringside:problem:room_unknown"`
	Title    string         `json:"title" doc:"The status in words" example:"Not Found"`
	Status   int            `json:"status" doc:"HTTP status" example:"404"`
	Detail   string         `json:"detail,omitempty" doc:"What is wrong with this request" example:"no such room"`
	Instance string         `json:"instance,omitempty" doc:"Path of the request" example:"/v1/rooms/b1q8zkw2mf"`
	Code     string         `json:"code" doc:"Stable name of the problem" example:"room_unknown"`
	Errors   []ProblemField `json:"errors,omitempty" nullable:"false" doc:"The fields that are wrong"`
	Match    *matchBody     `json:"match,omitempty" doc:"Of code matched: the match that was first"`

	header http.Header
}

// ProblemField is one thing that is wrong with a request.
type ProblemField struct {
	Location string `json:"location,omitempty" doc:"Where, e.g. body.players[0].name"`
	Message  string `json:"message"`
}

var (
	_ huma.StatusError       = (*Problem)(nil)
	_ huma.HeadersError      = (*Problem)(nil)
	_ huma.ContentTypeFilter = (*Problem)(nil)
)

// Error implements error.
func (p *Problem) Error() string { return p.Code + ": " + p.Detail }

// GetStatus implements huma.StatusError.
func (p *Problem) GetStatus() int { return p.Status }

// ContentType implements huma.ContentTypeFilter.
func (p *Problem) ContentType(string) string { return "application/problem+json" }

// GetHeaders implements huma.HeadersError.
func (p *Problem) GetHeaders() http.Header {
	return p.header
}

// problems is what each refusal looks like to a client. Whether to retry:
// 4xx not without changing the request, 503 after Retry-After, 504 only after
// looking whether it happened.
var problems = []struct {
	err        error
	status     int
	code       string
	retryAfter string
}{
	{err: ErrInvalid, status: http.StatusUnprocessableEntity, code: "invalid_request"},
	{err: ErrRoomUnknown, status: http.StatusNotFound, code: "room_unknown"},
	{err: ErrGameUnknown, status: http.StatusNotFound, code: "game_unknown"},
	{err: ErrRoomEnded, status: http.StatusGone, code: "ended"},
	{err: ErrGameFailed, status: http.StatusInternalServerError, code: "game_failed"},
	{err: ErrRoomFull, status: http.StatusConflict, code: "full"},
	{err: ErrRoomLocked, status: http.StatusConflict, code: "locked"},
	{err: ErrAlreadySeated, status: http.StatusConflict, code: "already_seated"},
	{err: ErrSeatUnknown, status: http.StatusNotFound, code: "seat_unknown"},
	{err: ErrSeatExpired, status: http.StatusGone, code: "seat_gone"},
	{err: ErrKeyReused, status: http.StatusUnprocessableEntity, code: "idempotency_key_reused"},
	{err: ErrTooManyRooms, status: http.StatusServiceUnavailable, code: "too_many_rooms", retryAfter: "5"},
	{err: errNotHere, status: http.StatusNotImplemented, code: "not_supported"},
	{err: ErrQueueUnknown, status: http.StatusNotFound, code: "queue_unknown"},
	{err: ErrTicketUnknown, status: http.StatusNotFound, code: "ticket_unknown"},
	{err: ErrTicketExists, status: http.StatusConflict, code: "ticket_exists"},
	{err: ErrTicketMatched, status: http.StatusConflict, code: "matched"},
	{err: ErrTooManyTickets, status: http.StatusServiceUnavailable, code: "too_many_tickets", retryAfter: "5"},
	{err: errStartUnknown, status: http.StatusGatewayTimeout, code: "unknown_outcome"},
	{err: errEndUnknown, status: http.StatusGatewayTimeout, code: "unknown_outcome"},
	{err: context.DeadlineExceeded, status: http.StatusGatewayTimeout, code: "unknown_outcome"},
	{err: context.Canceled, status: http.StatusServiceUnavailable, code: "unavailable", retryAfter: "1"},
}

// problem turns an error of a Matchmaker method into what the client sees.
// Errors of the log say nothing about the request, and what they say is for
// the operator.
func (m *Matchmaker) problem(err error) error {
	if err == nil {
		return nil
	}
	m.countLimit(err)
	var refused *RefusedError
	if errors.As(err, &refused) {
		return newProblem(http.StatusBadRequest, "refused", refused.Text)
	}
	for _, p := range problems {
		if errors.Is(err, p.err) {
			out := newProblem(p.status, p.code, detail(err))
			if p.retryAfter != "" {
				out.header.Set("Retry-After", p.retryAfter)
			}
			return out
		}
	}
	m.cfg.Logger.Warn().Err(err).Msg("request not served")
	out := newProblem(http.StatusServiceUnavailable, "unavailable", "the directory did not answer; the outcome is unknown")
	out.header.Set("Retry-After", "1")
	return out
}

// detail is the end of an error's chain without the operation in front.
func detail(err error) string {
	text := err.Error()
	if inner := errors.Unwrap(err); inner != nil {
		if short := inner.Error(); strings.HasSuffix(text, short) {
			text = short
		}
	}
	return strings.TrimPrefix(text, ErrInvalid.Error()+": ")
}

func newProblem(status int, code, detail string) *Problem {
	return &Problem{
		Type: "urn:ringside:problem:" + code, Title: http.StatusText(status), Status: status, Code: code, Detail: detail,
		header: http.Header{},
	}
}

// Bounds of what a problem says: a stranger's request with ten thousand wrong fields, or one with a name of 60 KiB, is not to be
// answered with as much.
const (
	maxProblemFields = 16
	maxProblemText   = 200
)

func shortened(s string) string {
	if len(s) <= maxProblemText {
		return s
	}
	return strings.ToValidUTF8(s[:maxProblemText], "") + "…"
}

// asProblem is a huma transformer: what huma itself finds wrong with a
// request becomes a Problem whose detail names the first field. The value it
// would echo is left out.
func asProblem(ctx huma.Context, _ string, v any) (any, error) {
	if p, ok := v.(*Problem); ok {
		u := ctx.URL()
		p.Instance = u.Path
		return p, nil
	}
	e, ok := v.(*huma.ErrorModel)
	if !ok {
		return v, nil
	}
	p := newProblem(e.Status, problemCode(e.Status), e.Detail)
	u := ctx.URL()
	if p.Instance = u.Path; e.Status == http.StatusUnsupportedMediaType {
		p.Detail = "send application/json"
		return p, nil
	}
	for _, d := range e.Errors[:min(len(e.Errors), maxProblemFields)] {
		p.Errors = append(p.Errors, ProblemField{Location: shortened(d.Location), Message: shortened(d.Message)})
	}
	if len(p.Errors) > 0 {
		first := p.Errors[0]
		p.Detail = first.Message
		if first.Location != "" {
			p.Detail = fmt.Sprintf("%s: %s", first.Location, first.Message)
		}
	}
	return p, nil
}

// problemCode is the code of what is wrong before a handler runs.
func problemCode(status int) string {
	switch status {
	case http.StatusBadRequest:
		return "malformed"
	case http.StatusRequestTimeout:
		return "request_timeout"
	case http.StatusUnprocessableEntity:
		return "invalid_request"
	case http.StatusRequestEntityTooLarge:
		return "too_large"
	case http.StatusUnsupportedMediaType:
		return "media_type"
	default:
		return "internal"
	}
}
