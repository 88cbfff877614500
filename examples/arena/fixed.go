package arena

import "math"

// unit is how many sub-units make a unit: what the wire keeps of a position (the tags say 1/32), so that nothing is rounded
// on the way.
const unit = 32

// one is 1.0 in sines.
const one = 1 << 14

// sines is a turn in 1024 steps. Rounding to 14 bits hides the last bits in which the sines of two machines may differ.
var sines = func() (t [1024]int32) {
	for i := range t {
		t[i] = int32(math.Round(math.Sin(float64(i)*(2*math.Pi/float64(len(t)))) * one))
	}
	return t
}()

const quarterTurn = 1 << 14

// polar is the vector of a length (below 2^17) in a direction.
func polar(angle uint16, length int32) (x, y int32) {
	return length * sines[(angle+quarterTurn)>>6] / one, length * sines[angle>>6] / one
}

// angleOf is the direction of a vector, within a quarter of a degree.
func angleOf(x, y int32) uint16 {
	a, b := int64(abs(x)), int64(abs(y))
	if a == 0 && b == 0 {
		return 0
	}
	steep := b > a
	if steep {
		a, b = b, a
	}
	// atan(q) ≈ q·(π/4 + 0.273·(1 − q)) for 0 ≤ q ≤ 1, here in 1/65536 turns: π/4 is 8192, 0.273 is 2847.
	const bits = 15
	q := b << bits / a
	angle := (8192*q + 2847*(q*(1<<bits-q)>>bits)) >> bits
	if steep {
		angle = quarterTurn - angle
	}
	if x < 0 {
		angle = 2*quarterTurn - angle
	}
	if y < 0 {
		angle = -angle
	}
	return uint16(angle)
}

// turnTo goes from one direction towards another, by at most step.
func turnTo(from, to uint16, step int16) uint16 {
	return from + uint16(min(max(int16(to-from), -step), step))
}

// reach is the length of a vector, up to 7 % wrong: good enough for a bot's eye.
func reach(x, y int32) int32 {
	x, y = abs(x), abs(y)
	return max(x, y) + min(x, y)*3/8
}

// near says whether a vector is at most as long as r.
func near(x, y, r int32) bool {
	return abs(x) <= r && abs(y) <= r && int64(x)*int64(x)+int64(y)*int64(y) <= int64(r)*int64(r)
}

func abs(x int32) int32 { return max(x, -x) }

func clamp(x, lo, hi int32) int32 { return min(max(x, lo), hi) }
