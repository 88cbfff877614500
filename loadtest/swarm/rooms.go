package swarm

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	client "github.com/ringside-server/ringside/clients/go"
)

const (
	// apiCallers is how many rooms are prepared at once.
	apiCallers = 8
	// seatsPerCall is what one call of the API reserves at most.
	seatsPerCall = 16
	// busyRetry is how long a call that was refused because of load waits, busyTries how often it is made.
	busyRetry = 500 * time.Millisecond
	busyTries = 20
)

type roomRequest struct {
	Game    string          `json:"game"`
	Options json.RawMessage `json:"options"`
	Bots    int             `json:"bots"`
}

type seatsRequest struct {
	Players []client.JoinPlayer `json:"players"`
}

// prepare creates the rooms and reserves all seats: [room][player].
func (s *swarm) prepare(ctx context.Context) ([][]client.Seat, error) {
	rooms := make([][]client.Seat, s.cfg.Rooms)
	errs := make([]error, s.cfg.Rooms)
	var wg sync.WaitGroup
	turn := make(chan struct{}, apiCallers)
	for i := range rooms {
		wg.Go(func() {
			turn <- struct{}{}
			defer func() { <-turn }()
			rooms[i], errs[i] = s.room(ctx, i)
		})
	}
	wg.Wait()
	return rooms, errors.Join(errs...)
}

// room creates one room and reserves its seats.
func (s *swarm) room(ctx context.Context, i int) ([]client.Seat, error) {
	var made struct {
		ID string `json:"id"`
	}
	key := fmt.Sprintf("loadtest-%x-%d", s.runID, i)
	req := roomRequest{Game: s.cfg.Game, Options: s.cfg.Options}
	if err := s.call(ctx, "/v1/rooms", key, req, &made); err != nil {
		return nil, fmt.Errorf("create room %d of %q: %w", i, s.cfg.Game, err)
	}
	var all []client.Seat
	for first := 0; first < s.cfg.Players; first += seatsPerCall {
		var some struct {
			Seats []client.Seat `json:"seats"`
		}
		var players seatsRequest
		for p := first; p < min(first+seatsPerCall, s.cfg.Players); p++ {
			players.Players = append(players.Players, client.JoinPlayer{Name: fmt.Sprintf("Bot %d", p+1)})
		}
		path, key := "/v1/rooms/"+made.ID+"/seats", fmt.Sprintf("%s-%d", key, first)
		if err := s.call(ctx, path, key, players, &some); err != nil {
			return nil, fmt.Errorf("reserve %d seats in room %s: %w", len(players.Players), made.ID, err)
		}
		all = append(all, some.Seats...)
	}
	if len(all) != s.cfg.Players {
		return nil, fmt.Errorf("room %s: %d seats, asked for %d", made.ID, len(all), s.cfg.Players)
	}
	return all, nil
}

// call makes one POST; a server that is busy is asked again. The key makes that safe.
func (s *swarm) call(ctx context.Context, path, key string, body, answer any) error {
	header := bearer(s.cfg.APIKey)
	header.Set("Idempotency-Key", key)
	return callBusy(ctx, http.MethodPost, s.cfg.URL+path, header, body, answer)
}

// bearer is the header that shows a key.
func bearer(key string) http.Header {
	h := http.Header{}
	if key != "" {
		h.Set("Authorization", "Bearer "+key)
	}
	return h
}

// callBusy makes one call that may be repeated; a server that is busy is asked again.
func callBusy(ctx context.Context, method, url string, header http.Header, body, answer any) error {
	for try := 1; ; try++ {
		err := client.CallAPI(ctx, method, url, header, body, answer)
		var api *client.APIError
		busy := errors.As(err, &api) && (api.Status == http.StatusTooManyRequests || api.Status == http.StatusServiceUnavailable)
		if !busy || try == busyTries {
			return err
		}
		if !pause(ctx, busyRetry) {
			return ctx.Err()
		}
	}
}

// A gameOffer is a game as the server describes it.
type gameOffer struct {
	Name       string `json:"name"`
	MaxPlayers int    `json:"max_players"`
}

// checkGame asks the server whether it has the game, and for that many players. A server that does not list its games is
// found out later.
func checkGame(ctx context.Context, url, key, game string, players int) error {
	var list struct {
		Games []gameOffer `json:"games"`
	}
	err := callBusy(ctx, http.MethodGet, url+"/v1/games", bearer(key), nil, &list)
	var api *client.APIError
	switch {
	case errors.As(err, &api) && api.Status == http.StatusNotFound:
		return nil
	case err != nil:
		return fmt.Errorf("list the server's games: %w", err)
	}
	var names []string
	for _, g := range list.Games {
		if g.Name != game {
			names = append(names, g.Name)
			continue
		}
		if g.MaxPlayers > 0 && players > g.MaxPlayers {
			return fmt.Errorf("%w: %d players in a room: %s is for %d at most", ErrConfig, players, game, g.MaxPlayers)
		}
		return nil
	}
	if len(names) == 0 {
		return fmt.Errorf("%w: the server has no games", ErrConfig)
	}
	return fmt.Errorf("%w: no game %q on this server; it has %s", ErrConfig, game, strings.Join(names, ", "))
}

// pause waits, and reports whether ctx still lives.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
