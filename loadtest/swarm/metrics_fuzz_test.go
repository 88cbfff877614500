package swarm

import (
	"bytes"
	"math"
	"strings"
	"testing"
)

// Whatever a server shows for metrics, there are at most as many values as lines, and its histogram is in order.
func FuzzMetrics(f *testing.F) {
	f.Add([]byte("# TYPE ringside_connections gauge\nringside_connections 7\nringside_tick_late_seconds_bucket{le=\"0.001\"} 3\nringside_tick_late_seconds_bucket{le=\"+Inf\"} 4\n"))
	f.Add([]byte("ringside_tick_late_seconds_bucket{le=\"NaN\"} 3\nringside_tick_late_seconds_bucket{le=\"NaN\"} NaN\nringside_x{a=\"}\"} 1e400\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		m := parseMetrics(bytes.NewReader(text))
		if lines := bytes.Count(text, []byte("\n")) + 1; len(m.values)+len(m.late) > lines {
			t.Errorf("%d values and %d buckets of %d lines", len(m.values), len(m.late), lines)
		}
		for name := range m.values {
			if !strings.HasPrefix(name, "ringside_") {
				t.Errorf("%q is none of ours", name)
			}
		}
		for i, b := range m.late {
			if math.IsNaN(b.le) || i > 0 && b.le <= m.late[i-1].le {
				t.Errorf("bucket %d ends at %v", i, b.le)
			}
		}
		none := parseMetrics(strings.NewReader(""))
		if q := lateQuantile(none, m, 0.99); len(m.late) == 0 && q != 0 {
			t.Errorf("quantile %v of nothing", q)
		}
	})
}
