package track

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"github.com/ringside-server/ringside/internal/view"
	"github.com/ringside-server/ringside/room"
	"github.com/ringside-server/ringside/room/roomtest"
)

const recordingSHA256 = "bbc5e2e3b9c41c4cf2f362345eb92629e2a1666d9e937c886bf6b92ae1d55892"

func start(t testing.TB, opts string) (*room.Driver, *view.Frame) {
	t.Helper()
	prog, err := room.Compile(Definition)
	if err != nil {
		t.Fatal(err)
	}
	d, err := prog.Start("test", 1, json.RawMessage(opts), zerolog.Nop())
	if err != nil {
		t.Fatal(err)
	}
	return d, prog.Layout.NewFrame()
}

func TestRecording(t *testing.T) {
	sum := sha256.Sum256(Recording)
	if got := hex.EncodeToString(sum[:]); got != recordingSHA256 {
		t.Errorf("recording has sha256 %s, want %s", got, recordingSHA256)
	}
	if Frames() != 3737 || len(Recording) != Frames()*4*frameValues {
		t.Errorf("%d frames in %d bytes", Frames(), len(Recording))
	}
}

// TestLossless shows the whole film and compares what goes to the wire with the recording.
func TestLossless(t *testing.T) {
	d, frame := start(t, "")
	var want, got []int32
	for tick := range Frames()*ticksPerFrame + 2*ticksPerFrame {
		d.SetTick(uint32(tick + 1))
		d.Step()
		frame.Reset()
		if err := d.Record(frame); err != nil {
			t.Fatal(err)
		}
		want, got = Frame(tick/ticksPerFrame%Frames(), want[:0]), got[:0]
		for i := range frame.Len(0) {
			_, vals := frame.At(0, i)
			got = append(got, vals...)
		}
		if !slices.Equal(got, want) {
			t.Fatalf("tick %d: shown\n%v, recorded\n%v", tick+1, got, want)
		}
	}
}

// TestAnyShow compares what viewers see with a second room and with a restored one.
func TestAnyShow(t *testing.T) {
	roomtest.Run(t, Definition, roomtest.Options{RoomOptions: `{"start":3700}`})
}

func TestOptions(t *testing.T) {
	d, _ := start(t, `{"start":3736}`)
	for tick := range uint32(ticksPerFrame + 1) {
		d.SetTick(tick + 1)
		d.Step()
	}
	if f := d.Game.(*Game).s.Frame; f != 0 {
		t.Errorf("frame %d after the last, want 0", f)
	}
	for _, c := range []struct{ opts, want string }{
		{`{"start":3737}`, "start is 3737, want 0 to 3736"},
		{`{"begin":1}`, `there is no "begin"`},
		{`{}{}`, "something follows"},
	} {
		_, err := newGame(nil, json.RawMessage(c.opts))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("options %s: got error %v, want %q", c.opts, err, c.want)
		}
	}
}

func TestNoAllocations(t *testing.T) {
	tick := ticker(t)
	if n := testing.AllocsPerRun(1000, tick); n != 0 {
		t.Errorf("%v allocations per tick, want 0", n)
	}
}

func BenchmarkTick(b *testing.B) {
	tick := ticker(b)
	b.ReportAllocs()
	for b.Loop() {
		tick()
	}
}

func ticker(t testing.TB) func() {
	d, frame := start(t, "")
	tick := uint32(0)
	run := func() {
		tick++
		d.SetTick(tick)
		d.Step()
		frame.Reset()
		if err := d.Record(frame); err != nil {
			t.Fatal(err)
		}
	}
	run()
	return run
}
