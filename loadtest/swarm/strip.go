package swarm

import (
	"math"
	"math/bits"
	"time"
)

const (
	// maxPoints is how many points a time line has at most: more cannot be seen.
	maxPoints = 600
	// Latencies of a point are counted in buckets, 16 to a factor of two from 1 µs on: 4 % wide.
	perOctave   = 16
	stripCounts = 27 * perOctave // up to 2 min
)

// A strip is a lane's part of the run's time line. It belongs to the lane's owner; its memory is made before the start.
type strip struct {
	from, step time.Duration
	points     []point
}

type point struct {
	frames uint64
	counts [stripCounts]uint32 // input to state
}

// newStrip covers a window from `from` on; the last point takes what comes after.
func newStrip(from, window time.Duration) strip {
	step := time.Second
	for window/step > maxPoints {
		step += time.Second
	}
	return strip{from: from, step: step, points: make([]point, window/step+1)}
}

// at is the point of now; nil without a time line.
func (s *strip) at(now time.Duration) *point {
	if len(s.points) == 0 || now < s.from {
		return nil
	}
	return &s.points[min(int((now-s.from)/s.step), len(s.points)-1)]
}

func (s *strip) frame(now time.Duration) {
	if p := s.at(now); p != nil {
		p.frames++
	}
}

func (s *strip) latency(now, d time.Duration) {
	if p := s.at(now); p != nil {
		p.counts[stripBucket(d)]++
	}
}

// stripBucket is the bucket of d: the octave by its highest bit, the place within from the four bits below.
func stripBucket(d time.Duration) int {
	us := uint64(max(1, d/time.Microsecond))
	octave := bits.Len64(us) - 1
	within := (us << 4 >> octave) & (perOctave - 1)
	return min(octave*perOctave+int(within), stripCounts-1)
}

// bucketMS is the middle of a bucket, in ms.
func bucketMS(i int) float64 {
	low := math.Ldexp(1+float64(i%perOctave)/perOctave, i/perOctave)
	return low * (1 + 0.5/perOctave) / 1000
}

// merge adds another lane's strip of the same window.
func (s *strip) merge(o *strip) {
	for i := range o.points {
		s.points[i].frames += o.points[i].frames
		for k, n := range o.points[i].counts {
			s.points[i].counts[k] += n
		}
	}
}

// quantile is in ms, 0 without any.
func (p *point) quantile(q float64) float64 {
	total := uint64(0)
	for _, n := range p.counts {
		total += uint64(n)
	}
	want, seen := uint64(math.Ceil(q*float64(total))), uint64(0)
	for i, n := range p.counts {
		if seen += uint64(n); n > 0 && seen >= want {
			return bucketMS(i)
		}
	}
	return 0
}
