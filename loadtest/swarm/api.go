package swarm

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"time"
)

// apiTimeout bounds one call, maxAPIAnswer what is read of its answer.
const (
	apiTimeout   = 10 * time.Second
	maxAPIAnswer = 1 << 20
)

// An api makes many calls of one server at once, on connections that it keeps.
type api struct {
	url, key string
	client   *http.Client
}

func newAPI(url, key string, callers int) *api {
	return &api{url: url, key: key, client: &http.Client{
		Timeout: apiTimeout, Transport: &http.Transport{MaxIdleConnsPerHost: callers, MaxConnsPerHost: callers},
	}}
}

func (a *api) close() { a.client.CloseIdleConnections() }

// errRefused is wrapped by the error of a call that the server answered with a refusal.
var errRefused = errors.New("refused")

// call makes one call; header is pairs of names and values. It returns the answer's ETag.
func (a *api) call(ctx context.Context, method, path string, body, answer any, header ...string) (etag string, err error) {
	var send io.Reader
	if body != nil {
		text, err := json.Marshal(body)
		if err != nil {
			return "", fmt.Errorf("encode request: %w", err)
		}
		send = bytes.NewReader(text)
	}
	req, err := http.NewRequestWithContext(ctx, method, a.url+path, send)
	if err != nil {
		return "", fmt.Errorf("make request: %w", err)
	}
	req.Header = bearer(a.key)
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i+1 < len(header); i += 2 {
		req.Header.Set(header[i], header[i+1])
	}
	res, err := a.client.Do(req)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(io.LimitReader(res.Body, maxAPIAnswer))
	if err != nil {
		return "", fmt.Errorf("read answer: %w", err)
	}
	if res.StatusCode >= 300 {
		return "", fmt.Errorf("%s %s: %w: %s: %.200s", method, path, errRefused, res.Status, bytes.TrimSpace(text))
	}
	if answer != nil {
		if err := json.Unmarshal(text, answer); err != nil {
			return "", fmt.Errorf("decode answer: %w", err)
		}
	}
	return res.Header.Get("ETag"), nil
}
