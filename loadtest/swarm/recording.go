package swarm

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math"

	"github.com/ringside-server/ringside/internal/view"
	"github.com/ringside-server/ringside/internal/wire"
)

// ErrRecording is wrapped by every error about recorded frames that cannot be used.
var ErrRecording = errors.New("recording")

// A Recording is the states of a room, frame by frame: what a game would have shown.
type Recording struct {
	Name     string
	Hz       float64 // frames a second
	Entities int
	Fields   []view.Field
	Data     []byte // little-endian int32 [frame][entity][field]
}

// Track describes eight players of a shooter, recorded from people: position in 1/32 units, two angles, health, life state.
func Track(data []byte) Recording {
	return Recording{Name: "track", Hz: 1 / 0.06, Entities: 8, Data: data, Fields: []view.Field{
		{Name: "x", Type: view.Fixed, Scale: 32, Pos: "x"}, {Name: "y", Type: view.Fixed, Scale: 32, Pos: "y"},
		{Name: "z", Type: view.Fixed, Scale: 32, Pos: "z"},
		{Name: "yaw", Type: view.Angle, Turn: 1024}, {Name: "pitch", Type: view.Angle, Turn: 1024},
		{Name: "health", Type: view.Int}, {Name: "life", Type: view.Int},
	}}
}

// Cubes901 describes 901 physical cubes: orientation as the smallest three, position, and whether a player moves them.
func Cubes901(data []byte) Recording {
	r := Recording{Name: "cubes901", Hz: 60, Entities: 901, Data: data}
	for _, name := range []string{"largest", "a", "b", "c", "x", "y", "z", "interacting"} {
		r.Fields = append(r.Fields, view.Field{Name: name, Type: view.Int})
	}
	return r
}

// Bytes is what a recording costs on the wire. Its JSON is part of the command's interface.
type Bytes struct {
	Data           string  `json:"data"`
	Hz             float64 `json:"hz"` // updates a second
	Updates        int     `json:"updates"`
	BytesPerUpdate float64 `json:"bytes_per_update"` // DELTA frames to one client, without WebSocket's header
	SnapshotBytes  int     `json:"snapshot_bytes"`
	KbitPerS       float64 `json:"kbit_per_s"`
	Lossless       bool    `json:"lossless"`
	Prediction     bool    `json:"prediction"`
}

// Measure sends every frame through the encoder of the server and the decoder of the client and compares what comes out,
// number by number and by hash. At a lower hz than the recording's frames are left out evenly; 0 is the recording's own.
func (rec Recording) Measure(hz float64) (Bytes, error) {
	frames, step, err := rec.plan(hz)
	if err != nil {
		return Bytes{}, err
	}
	layout, err := view.Compile(&view.Schema{
		Game: rec.Name, Version: 1, TickHz: 60, SendHz: 60, MaxPlayers: rec.Entities,
		Kinds: []view.Kind{{Name: "entity", Fields: rec.Fields}},
	})
	if err != nil {
		return Bytes{}, fmt.Errorf("%w: %w", ErrRecording, err)
	}
	out := Bytes{Data: rec.Name, Hz: rec.Hz / float64(step), Lossless: true}
	t := tape{rec: rec, base: layout.NewFrame(), cur: layout.NewFrame(), got: layout.NewClientFrame(), was: layout.NewClientFrame()}
	total := 0
	for i := 0; i < frames; i += step {
		n, same, err := t.play(i, uint32(i/step)+1)
		if err != nil {
			return Bytes{}, fmt.Errorf("frame %d: %w", i, err)
		}
		out.Lossless = out.Lossless && same
		if i == 0 {
			out.SnapshotBytes = n
			continue
		}
		total += n
		out.Updates++
	}
	out.BytesPerUpdate = round(float64(total) / float64(max(1, out.Updates)))
	out.KbitPerS = round(out.BytesPerUpdate * 8 * out.Hz / 1000)
	out.Hz = round(out.Hz)
	return out, nil
}

// plan is how many frames there are, and how many to go at a time.
func (rec Recording) plan(hz float64) (frames, step int, err error) {
	size := 4 * rec.Entities * len(rec.Fields)
	if size == 0 || len(rec.Data) < 2*size || len(rec.Data)%size != 0 {
		return 0, 0, fmt.Errorf("%w: %q: %d bytes are no frames of %d", ErrRecording, rec.Name, len(rec.Data), size)
	}
	if hz == 0 {
		hz = rec.Hz
	}
	step = int(math.Round(rec.Hz / hz))
	if hz < 0 || step < 1 || len(rec.Data)/size <= step {
		return 0, 0, fmt.Errorf("%w: %q: %v Hz of a recording at %.4g", ErrRecording, rec.Name, hz, rec.Hz)
	}
	return len(rec.Data) / size, step, nil
}

// A tape runs a recording from one end of the wire to the other.
type tape struct {
	rec       Recording
	base, cur *view.Frame // the server's
	was, got  *view.Frame // the client's
	body, msg []byte
}

// play sends frame i as the state of tick and reports its size and whether it arrived as it was.
func (t *tape) play(i int, tick uint32) (size int, same bool, err error) {
	t.record(i)
	if tick == 1 {
		body, n := view.AppendDelta(t.body[:0], nil, t.cur, 0)
		t.body, t.msg = body, append(wire.AppendSnapshotHead(t.msg[:0], n, 1, tick, 0), body...)
	} else {
		body, n := view.AppendDelta(t.body[:0], t.base, t.cur, 0)
		t.body, t.msg = body, append(wire.AppendDeltaHead(t.msg[:0], n, 1, 1), body...) // one tick and one input on
	}
	st, err := wire.ParseState(t.msg)
	if err != nil {
		return 0, false, err
	}
	base := t.was
	if st.Type == wire.TypeSnapshot {
		base = nil
	}
	if err := view.Decode(t.got, base, &st.Body, st.Elements, false); err != nil {
		return 0, false, err
	}
	same = t.matches(i) && t.got.Hash() == t.cur.Hash()
	t.base, t.cur = t.cur, t.base
	t.was, t.got = t.got, t.was
	return len(t.msg), same, nil
}

func (t *tape) value(i, entity, field int) int32 {
	at := 4 * ((i*t.rec.Entities+entity)*len(t.rec.Fields) + field)
	return int32(binary.LittleEndian.Uint32(t.rec.Data[at:]))
}

func (t *tape) record(i int) {
	t.cur.Reset()
	for e := range t.rec.Entities {
		vals := t.cur.Add(0, uint32(e))
		for f := range vals {
			vals[f] = t.value(i, e, f)
		}
	}
	if err := t.cur.Seal(); err != nil {
		panic(err) // ids ascend
	}
}

// matches compares the client's frame with the recording itself.
func (t *tape) matches(i int) bool {
	if t.got.Len(0) != t.rec.Entities {
		return false
	}
	for e := range t.rec.Entities {
		_, vals := t.got.At(0, e)
		for f, v := range vals {
			if v != t.value(i, e, f) {
				return false
			}
		}
	}
	return true
}
