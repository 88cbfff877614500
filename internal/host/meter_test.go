package host

import (
	"testing"
	"time"
	"unsafe"
)

func TestStepBuckets(t *testing.T) {
	last := -1
	for ns := int64(1); ns < 4e9; ns += ns/16 + 1 {
		b := stepBucket(ns)
		if b < last || b > last+1 || b >= stepBuckets {
			t.Fatalf("%d ns is in bucket %d after %d", ns, b, last)
		}
		if b < stepBuckets-1 && (ns >= stepBound(b) || b > 0 && ns < stepBound(b-1)) {
			t.Fatalf("%d ns is in bucket %d, which is %d to %d", ns, b, stepBound(b-1), stepBound(b))
		}
		last = b
	}
	if last != stepBuckets-1 {
		t.Errorf("4 s is in bucket %d of %d", last, stepBuckets)
	}
}

func TestMeter(t *testing.T) {
	const second = int64(1e9)
	m := new(meter)
	tr := traffic{bytesSent: 100, framesSent: 2}
	for i := range int64(200) { // 10 s at 20 Hz from 100 s on, one of a hundred slow
		now := 100*second + i*second/20
		ns := int64(100e3)
		if i%50 == 0 {
			ns = 9e6
		}
		m.step(now, ns)
		tr.bytesSent, tr.bytesReceived, tr.framesSent, tr.framesReceived = 100, 10, 2, 1
		late := int64(1e3)
		if i == 7 {
			late = 6e6
		}
		m.wake(now, late, 1, 0, &tr)
	}
	got := m.read(110 * second)
	near := func(what string, got, want float64) {
		t.Helper()
		if got < want*0.9 || got > want*1.1 {
			t.Errorf("%s is %v, want about %v", what, got, want)
		}
	}
	near("ticks/s", got.Ticks, 20)
	near("bytes sent/s", got.Sent, 2000)
	near("bytes received/s", got.Received, 200)
	near("frames sent/s", got.Out, 40)
	near("frames received/s", got.In, 20)
	if got.StepP50 < 100*time.Microsecond || got.StepP50 > 150*time.Microsecond || got.StepP99 < 8*time.Millisecond || got.StepMax != 9*time.Millisecond {
		t.Errorf("steps %v, %v, %v; want about 100 µs, 9 ms, 9 ms", got.StepP50, got.StepP99, got.StepMax)
	}
	if got.Late != 1 || got.LateMax != 6*time.Millisecond {
		t.Errorf("%d late, %v at most; want 1, 6 ms", got.Late, got.LateMax)
	}
	if got := m.read(130 * second); got != (RoomLoad{}) {
		t.Errorf("20 s later there is still %+v", got)
	}
	m.step(131*second, 5e3)
	if got := m.read(131 * second); got.StepMax != 5*time.Microsecond {
		t.Errorf("after a pause: %+v", got)
	}
}

func TestMeterIsSmallAndAllocatesNothing(t *testing.T) {
	if size := unsafe.Sizeof(meter{}); size > 640 {
		t.Errorf("a meter takes %d bytes", size)
	}
	m, tr, now := new(meter), traffic{}, int64(0)
	if n := testing.AllocsPerRun(100, func() {
		now += windowNS / 3
		m.step(now, 12345)
		m.wake(now, 1, 1, 0, &tr)
	}); n != 0 {
		t.Errorf("%v allocations a tick", n)
	}
}
