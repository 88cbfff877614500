package client

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	neturl "net/url"
	"strings"
	"time"
)

// httpTimeout bounds one call of the HTTP API.
const httpTimeout = 10 * time.Second

// lookupTimeout bounds the question where a room is now: a node that does not answer must not hold the next attempt up.
const lookupTimeout = time.Second

// maxAnswer bounds an HTTP answer: a seat is some 500 bytes.
const maxAnswer = 64 << 10

// A JoinRequest asks for a seat in any fitting room of a game; one is made if there is none.
type JoinRequest struct {
	Game    string            `json:"game"`
	Filters map[string]string `json:"filters,omitempty"` // what the room's metadata must say
	Options any               `json:"options,omitempty"` // for a room that is made
	Bots    *int              `json:"bots,omitempty"`    // in a room that is made
	Player  JoinPlayer        `json:"player"`
}

// A JoinPlayer says who wants the seat.
type JoinPlayer struct {
	ID   string `json:"id,omitempty"`
	Name string `json:"name,omitempty"`
}

// A Seat is a reserved place in a room: Dial takes its URL and Token within 30 s.
type Seat struct {
	Room      string    `json:"room"`
	URL       string    `json:"url"`
	Token     string    `json:"token"`
	ExpiresAt time.Time `json:"expires_at"`
	Seat      uint64    `json:"seat"`
	Slot      uint32    `json:"slot"`
}

// An APIError is the server's refusal (RFC 9457).
type APIError struct {
	Status int    `json:"status"`
	Title  string `json:"title"`
	Detail string `json:"detail"`
}

// Error is the server's own words.
func (e *APIError) Error() string {
	return strings.TrimSuffix(fmt.Sprintf("%d %s: %s", e.Status, e.Title, e.Detail), ": ")
}

// Join asks the server at baseURL (http(s)://HOST) for a seat.
func Join(ctx context.Context, baseURL string, req JoinRequest) (Seat, error) {
	var seat Seat
	err := CallAPI(ctx, http.MethodPost, strings.TrimSuffix(baseURL, "/")+"/v1/join", nil, req, &seat)
	if err != nil {
		return Seat{}, fmt.Errorf("join %q: %w", req.Game, err)
	}
	return seat, nil
}

// CallAPI makes one call of the HTTP API with a JSON body (nil: none) and reads the JSON answer into answer (nil: ignored).
// A refusal is an *APIError.
func CallAPI(ctx context.Context, method, url string, header http.Header, body, answer any) error {
	ctx, cancel := context.WithTimeout(ctx, httpTimeout)
	defer cancel()
	var send io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return fmt.Errorf("encode request: %w", err)
		}
		send = bytes.NewReader(text)
	}
	req, err := http.NewRequestWithContext(ctx, method, url, send)
	if err != nil {
		return fmt.Errorf("make request: %w", err)
	}
	for k, v := range header {
		req.Header[k] = v
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer))
	if err != nil {
		return fmt.Errorf("read answer: %w", err)
	}
	if res.StatusCode >= 300 {
		e := new(APIError)
		if json.Unmarshal(text, e) != nil { // some proxy's page
			e = &APIError{Title: http.StatusText(res.StatusCode)}
		}
		e.Status = res.StatusCode
		return e
	}
	if answer == nil {
		return nil
	}
	if err := json.Unmarshal(text, answer); err != nil {
		return fmt.Errorf("decode answer: %w", err)
	}
	return nil
}

// lookup asks the host of a room's socket URL where the room is now; "" if it does not say.
func lookup(ctx context.Context, url string) string {
	u, err := neturl.Parse(url)
	if err != nil {
		return ""
	}
	ctx, cancel := context.WithTimeout(ctx, lookupTimeout)
	defer cancel()
	u.Scheme = strings.Replace(u.Scheme, "ws", "http", 1)
	u.Path = strings.TrimSuffix(u.Path, "/ws")
	var room struct {
		URL string `json:"url"`
	}
	if CallAPI(ctx, http.MethodGet, u.String(), nil, nil, &room) != nil || !strings.HasPrefix(room.URL, "ws") {
		return ""
	}
	return room.URL
}
