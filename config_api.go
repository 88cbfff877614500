package ringside

import (
	"errors"
	"flag"
	"net/http"
	"strings"

	"github.com/ringside-server/ringside/internal/edge"
	"github.com/ringside-server/ringside/internal/stream"
	"github.com/ringside-server/ringside/matchmaker"
)

// apiFlags are the flags about what the HTTP API does beside answering.
func apiFlags(fs *flag.FlagSet, cfg *Config) {
	fs.IntVar(&cfg.MaxStreams, "max-streams", cfg.MaxStreams, "event streams and long polls held open at most")
	fs.StringVar(&cfg.QueueFile, "queues", cfg.QueueFile, "`file` (YAML) with the queues that players wait in for a match")
	fs.StringVar(&cfg.Webhook, "webhook", cfg.Webhook, "`URL` that is told how rooms end, at least once each")
	fs.StringVar(&cfg.WebhookSecret, "webhook-secret", cfg.WebhookSecret, "`secret` that signs what the webhook is told, at least 16 bytes (better: the environment, or -webhook-secret-file)")
	fs.StringVar(&cfg.WebhookSecretFile, "webhook-secret-file", cfg.WebhookSecretFile, "`file` with that secret")
}

// validateAPI is part of validate.
func (c *Config) validateAPI() error {
	if c.Webhook == "" && (c.WebhookSecret != "" || c.WebhookSecretFile != "") {
		return configError("-webhook-secret", errors.New("nobody is told: set -webhook, too"))
	}
	return nil
}

// maxQueueFileBytes is far above what the most queues there may be need.
const maxQueueFileBytes = 1 << 20

// queues reads the queue file.
func (c *Config) queues() ([]matchmaker.Queue, error) {
	if c.QueueFile == "" {
		return nil, nil
	}
	text, err := readBounded(c.QueueFile, maxQueueFileBytes)
	if err != nil {
		return nil, configError("-queues", err)
	}
	queues, err := matchmaker.ParseQueues(c.QueueFile, text)
	if err != nil {
		return nil, configError("-queues", err)
	}
	return queues, nil
}

// webhookSecret is what signs the webhook's posts.
func (c *Config) webhookSecret() ([]byte, error) {
	switch {
	case c.Webhook == "":
		return nil, nil
	case c.WebhookSecret != "" && c.WebhookSecretFile != "":
		return nil, configError("-webhook-secret-file", errors.New("there is a -webhook-secret, too"))
	case c.WebhookSecret == "" && c.WebhookSecretFile == "":
		return nil, configError("-webhook-secret", errors.New("what the webhook is told is signed: set a secret of 16 bytes or more, here or as RINGSIDE_WEBHOOK_SECRET"))
	case c.WebhookSecretFile != "":
		text, err := readSecretFile(c.WebhookSecretFile)
		if err != nil {
			return nil, configError("-webhook-secret-file", err)
		}
		return []byte(strings.TrimRight(text, "\r\n")), nil
	}
	return []byte(c.WebhookSecret), nil
}

// streamConfig says how answers are held open. Programs on this machine may have as many as there are places.
func (c *Config) streamConfig(limited func(limit string)) stream.Config {
	return stream.Config{
		Max: c.MaxStreams, MaxPerClient: c.Limits.LimitStreams, Limited: limited, Log: c.Log.With().Str("part", "stream").Logger(),
		ClientOf: func(r *http.Request) string {
			if !edge.ClientIP(r.Context()).IsLoopback() {
				return edge.Holder(r.Context()).String()
			}
			return r.RemoteAddr // each connection is a client of its own
		},
	}
}
