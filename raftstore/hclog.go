package raftstore

import (
	"fmt"
	"io"

	"github.com/hashicorp/go-hclog"
	"github.com/rs/zerolog"
)

// newRaftLogger gives raft an hclog.Logger whose lines end in log.
func newRaftLogger(log zerolog.Logger) hclog.Logger {
	l := hclog.NewInterceptLogger(&hclog.LoggerOptions{Name: "raft", Level: hclog.Off, Output: io.Discard})
	l.RegisterSink(&logSink{log})
	return l
}

// logSink writes hclog lines to zerolog. What raft calls info is the chatter
// of its state machine and goes to debug.
type logSink struct{ log zerolog.Logger }

var _ hclog.SinkAdapter = (*logSink)(nil)

// Accept implements hclog.SinkAdapter.
func (s *logSink) Accept(_ string, level hclog.Level, msg string, args ...any) {
	e := s.log.WithLevel(zerologLevel(level))
	if !e.Enabled() {
		return
	}
	e.Str("component", "raft")
	for i := 0; i+1 < len(args); i += 2 {
		field(e, fmt.Sprint(args[i]), args[i+1])
	}
	e.Msg(msg)
}

func field(e *zerolog.Event, key string, value any) {
	switch v := value.(type) {
	case string:
		e.Str(key, v)
	case error:
		e.AnErr(key, v)
	default:
		e.Str(key, fmt.Sprint(v))
	}
}

func zerologLevel(l hclog.Level) zerolog.Level {
	switch {
	case l >= hclog.Error:
		return zerolog.ErrorLevel
	case l == hclog.Warn:
		return zerolog.WarnLevel
	case l == hclog.Info:
		return zerolog.DebugLevel
	default:
		return zerolog.TraceLevel
	}
}
