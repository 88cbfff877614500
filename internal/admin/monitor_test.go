package admin

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/ringside-server/ringside/internal/host"
)

// A node that does the same every second shows so, for ten minutes and no longer.
func TestMonitor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		m := NewMonitor(func() Counters {
			s := time.Since(began)
			n := uint64(s / time.Millisecond)
			return Counters{
				Rooms: 3, Players: 7, FramesSent: n, BytesSent: 100 * n, Ticks: n / 10, CPU: s / 4, RSS: 1e6,
				Workers: []host.WorkerStatus{{Rooms: 2, Busy: s / 2}, {Rooms: 1, Busy: s / 10}},
			}
		})
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		go m.Run(ctx)
		time.Sleep(time.Second)
		if s, _ := m.Now(); s.FramesOut != 1000 || len(m.History()) != 0 {
			t.Errorf("before the first sample: %+v, %d kept", s, len(m.History()))
		}
		time.Sleep(20 * time.Minute)
		s, workers := m.Now()
		if s.Rooms != 3 || s.Players != 7 || s.FramesOut != 1000 || s.BytesOut != 100_000 || s.Ticks != 100 || s.CPU != 0.25 || s.Busy != 0.5 {
			t.Errorf("sample %+v", s)
		}
		if len(workers) != 2 || workers[0].Share != 0.5 || workers[1].Share != 0.1 {
			t.Errorf("workers %+v", workers)
		}
		h := m.History()
		if len(h) != samplesKept || h[len(h)-1].At-h[0].At != int64(samplesKept-1)*samplePeriod.Milliseconds() {
			t.Errorf("%d samples over %d ms", len(h), h[len(h)-1].At-h[0].At)
		}
	})
}
