package raftstore

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/rs/zerolog"
)

func TestRaftLogger(t *testing.T) {
	var out bytes.Buffer
	log := newRaftLogger(zerolog.New(&out).Level(zerolog.DebugLevel)).With("node", "a")
	log.Trace("not shown")
	log.Debug("not shown")
	log.Info("entering state", "term", 3)
	log.Warn("slow", "took", "1s")
	log.Error("broken", "error", errors.New("disk"))
	want := strings.Join([]string{
		`{"level":"debug","component":"raft","node":"a","term":"3","message":"entering state"}`,
		`{"level":"warn","component":"raft","node":"a","took":"1s","message":"slow"}`,
		`{"level":"error","component":"raft","node":"a","error":"disk","message":"broken"}`, ""}, "\n")
	if got := out.String(); got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}
