package admin

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// A Client asks a node's API from another process. Its zero HTTP is a client of its own with a timeout until the answer begins.
type Client struct {
	URL    string // http://127.0.0.1:7777
	APIKey string // "": none
	HTTP   *http.Client
}

// ErrUnreachable is wrapped by an error about a node that did not answer at all.
var ErrUnreachable = errors.New("no ringside answers")

// An APIError is an answer that is none: the Problem, and the status where there was no problem to read.
type APIError struct {
	Problem
}

// Error implements error.
func (e *APIError) Error() string {
	if e.Detail == "" {
		return fmt.Sprintf("the node answers %d %s", e.Status, http.StatusText(e.Status))
	}
	return e.Detail
}

// maxAnswer bounds an answer in JSON.
const maxAnswer = 64 << 20

// Get asks for JSON below /admin/api/.
func (c *Client) Get(ctx context.Context, path string, into any) error {
	return c.json(ctx, http.MethodGet, path, nil, into)
}

// Post gives an order below /admin/api/.
func (c *Client) Post(ctx context.Context, path string, o Order, into any) error {
	body, err := json.Marshal(o)
	if err != nil {
		return err
	}
	return c.json(ctx, http.MethodPost, path, body, into)
}

func (c *Client) json(ctx context.Context, method, path string, body []byte, into any) error {
	res, err := c.do(ctx, method, path, body)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if err := json.NewDecoder(io.LimitReader(res.Body, maxAnswer)).Decode(into); err != nil {
		return fmt.Errorf("%s is no answer of a ringside: %w", c.URL, err)
	}
	return nil
}

// Stream asks for bytes below /admin/api/; the caller closes them.
func (c *Client) Stream(ctx context.Context, path string) (io.ReadCloser, error) {
	res, err := c.do(ctx, http.MethodGet, path, nil)
	if err != nil {
		return nil, err
	}
	return res.Body, nil
}

func (c *Client) do(ctx context.Context, method, path string, body []byte) (*http.Response, error) {
	base, err := url.Parse(c.URL)
	if err != nil || base.Host == "" || base.Scheme != "http" && base.Scheme != "https" {
		return nil, fmt.Errorf("-url %q: want http://host:port or https://host:port", c.URL)
	}
	req, err := http.NewRequestWithContext(ctx, method, strings.TrimSuffix(c.URL, "/")+"/admin/api/"+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("X-Ringside-Admin", "1")
	if c.APIKey != "" {
		req.Header.Set("Authorization", "Bearer "+c.APIKey)
	}
	client := c.HTTP
	if client == nil {
		transport := http.DefaultTransport.(*http.Transport).Clone()
		transport.ResponseHeaderTimeout, transport.DisableKeepAlives = 15*time.Second, true
		client = &http.Client{Transport: transport}
	}
	res, err := client.Do(req)
	if err != nil {
		return nil, fmt.Errorf("%w at %s: %w", ErrUnreachable, c.URL, errors.Unwrap(err))
	}
	if res.StatusCode == http.StatusOK {
		return res, nil
	}
	defer res.Body.Close()
	failed := &APIError{}
	if strings.Contains(res.Header.Get("Content-Type"), "json") {
		_ = json.NewDecoder(io.LimitReader(res.Body, 64<<10)).Decode(&failed.Problem) // else there is the status
	}
	failed.Status = res.StatusCode
	return nil, failed
}
