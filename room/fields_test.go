package room

import (
	"bytes"
	"fmt"
	"math"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"
	"unsafe"

	"github.com/ringside-server/ringside/internal/view"
	"github.com/ringside-server/ringside/internal/wire"
)

func tableFor[T any](t testing.TB) *table {
	t.Helper()
	tb, err := tableOf(reflect.TypeFor[T]())
	if err != nil {
		t.Fatal(err)
	}
	return tb
}

// Every option of the tag, and what it makes of a field.
func TestTags(t *testing.T) {
	type all struct {
		PosX   float32 `ring:"pos,1/32"`
		PosY   int32   `ring:"pos,1/16"`
		Z      int     `ring:"pos"`
		Plain  float64
		Aim    uint16  `ring:"angle"`
		Dir    uint8   `ring:"angle"`
		Turn   float32 `ring:"angle"`
		Fine   float64 `ring:"angle,4096"`
		Coarse int     `ring:"angle, 360"`
		Who    int     `ring:"owner"`
		DX     int8    `ring:"-1..1"`
		Speed  float32 `ring:"-2.5..2.5,1/8"`
		Sized  float32 `ring:"1/8, -2.5..2.5"`
		Wide   uint8   `ring:"-5..1000"`
		Fire   bool
		Name   string `ring:"text(24)"`
		Short  string
		Key    []byte `ring:"bytes(16)"`
		Raw    []byte
		HTTPOn bool `ring:"name=http"`
		Temp   int  `ring:"-"`
		hidden int  `ring:"-"` //nolint:unused // that it is passed over is the test
	}
	num := func(v int32) *int32 { return &v }
	want := []view.Field{
		{Name: "pos_x", Type: view.Fixed, Scale: 32, Pos: "x"},
		{Name: "pos_y", Type: view.Fixed, Scale: 16, Pos: "y"},
		{Name: "z", Type: view.Int, Pos: "z"},
		{Name: "plain", Type: view.Fixed, Scale: 64},
		{Name: "aim", Type: view.Angle, Turn: 65536},
		{Name: "dir", Type: view.Angle, Turn: 256},
		{Name: "turn", Type: view.Angle, Turn: 1024},
		{Name: "fine", Type: view.Angle, Turn: 4096},
		{Name: "coarse", Type: view.Angle, Turn: 360},
		{Name: "who", Type: view.Int, Owner: true},
		{Name: "dx", Type: view.Int, Min: num(-1), Max: num(1)},
		{Name: "speed", Type: view.Fixed, Scale: 8, Min: num(-20), Max: num(20)},
		{Name: "sized", Type: view.Fixed, Scale: 8, Min: num(-20), Max: num(20)},
		{Name: "wide", Type: view.Int, Min: num(0), Max: num(255)},
		{Name: "fire", Type: view.Bool},
		{Name: "name", Type: view.Text, Max: num(24)},
		{Name: "short", Type: view.Text, Max: num(32)},
		{Name: "key", Type: view.Bytes, Max: num(16)},
		{Name: "raw", Type: view.Bytes, Max: num(32)},
		{Name: "http", Type: view.Bool},
	}
	got := tableFor[all](t).describe()
	if len(got) != len(want) {
		t.Fatalf("%d fields, want %d", len(got), len(want))
	}
	for i := range want {
		if !reflect.DeepEqual(got[i], want[i]) {
			t.Errorf("field %d is %+v, want %+v", i, got[i], want[i])
		}
	}
}

func TestTagsRefused(t *testing.T) {
	for _, c := range []struct {
		of   any
		want string
	}{
		{5, "int is not a struct"},
		{struct{ x int }{}, ".x is not exported"},
		{struct{ X map[int]int }{}, "map[int]int cannot be sent"},
		{struct{ X []int }{}, "[]int cannot be sent"},
		{struct{ X *int }{}, "*int cannot be sent"},
		{struct{ X complex64 }{}, "complex64 cannot be sent"},
		{struct{ X struct{} }{}, "struct {} cannot be sent"},
		{struct {
			X int `ring:"fast"`
		}{}, `tag "fast" is none of`},
		{struct {
			X int `ring:"text(5)"`
		}{}, `tag "text(5)" is none of`},
		{struct {
			X string `ring:"bytes(5)"`
		}{}, `tag "bytes(5)" is none of`},
		{struct {
			X string `ring:"text(many)"`
		}{}, "want text(N)"},
		{struct {
			X []byte `ring:"bytes()"`
		}{}, "want bytes(N)"},
		{struct {
			X string `ring:"1/2"`
		}{}, "a scale is 1/N on a number"},
		{struct {
			X bool `ring:"1/2"`
		}{}, "a scale is 1/N on a number"},
		{struct {
			X float32 `ring:"1/0"`
		}{}, "a scale is 1/N"},
		{struct {
			X float32 `ring:"1/x"`
		}{}, "a scale is 1/N"},
		{struct {
			X float32 `ring:"angle,1/32"`
		}{}, "a scale is 1/N"},
		{struct {
			X int `ring:"5..1"`
		}{}, "want min..max"},
		{struct {
			X int `ring:"a..b"`
		}{}, "want min..max"},
		{struct {
			X string `ring:"1..5"`
		}{}, "want min..max on a number"},
		{struct {
			X int `ring:"angle"`
		}{}, "needs its units to a turn"},
		{struct {
			X uint8 `ring:"angle,257"`
		}{}, "angle,257 does not fit uint8"},
		{struct {
			X int8 `ring:"angle,256"`
		}{}, "angle,256 does not fit int8"},
		{struct {
			X int `ring:"angle,1"`
		}{}, "angle,1 does not fit"},
		{struct {
			X int `ring:"angle,half"`
		}{}, "want angle,N"},
		{struct {
			X int `ring:"angle,8,0..3"`
		}{}, "an angle has no range"},
		{struct {
			X string `ring:"angle,8"`
		}{}, "angle"},
		{struct {
			X []byte `ring:"angle,8"`
		}{}, "angle"},
		{struct {
			Left int `ring:"pos"`
		}{}, "must end in x, y or z"},
		{struct {
			X int `ring:"pos,name="`
		}{}, "must end in x, y or z"},
		{struct {
			Box string `ring:"pos"`
		}{}, "pos"},
		{struct {
			Who string `ring:"owner"`
		}{}, "owner"},
	} {
		_, err := tableOf(reflect.TypeOf(c.of))
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%T: got %v, want an error with %q", c.of, err, c.want)
		}
	}
}

func TestTooManyFields(t *testing.T) {
	var fields []reflect.StructField
	for i := range view.MaxFields + 1 {
		fields = append(fields, reflect.StructField{Name: "F" + strings.Repeat("x", i), Type: reflect.TypeFor[int]()})
	}
	want := fmt.Sprintf("has %d fields, at most %d", view.MaxFields+1, view.MaxFields)
	if _, err := tableOf(reflect.StructOf(fields)); err == nil || !strings.Contains(err.Error(), want) {
		t.Errorf("a field too many: %v, want %q", err, want)
	}
	if _, err := tableOf(reflect.StructOf(fields[1:])); err != nil {
		t.Errorf("as many fields as allowed: %v", err)
	}
}

func TestSnake(t *testing.T) {
	for in, want := range map[string]string{
		"X": "x", "DX": "dx", "OwnerSlot": "owner_slot", "HTTPServer": "http_server", "ServerHTTP": "server_http", "A1": "a1",
		"MaxHP": "max_hp", "Äpfel": "äpfel", "IDs": "i_ds", "snake_case": "snake_case",
	} {
		if got := snake(in); got != want {
			t.Errorf("snake(%q) = %q, want %q", in, got, want)
		}
	}
}

type everyKind struct {
	I   int
	I8  int8
	I16 int16
	I32 int32
	I64 int64
	U   uint
	U8  uint8
	U16 uint16
	U32 uint32
	U64 uint64
	F32 float32 `ring:"1/1"`
	F64 float64 `ring:"1/1"`
	B   bool
}

// What does not fit the wire is brought to the nearest value that does; what does not fit the field likewise.
func TestClamping(t *testing.T) {
	tb := tableFor[everyKind](t)
	load := func(v everyKind) (got []int32) {
		for i := range tb.fields {
			got = append(got, tb.fields[i].load(unsafe.Pointer(&v)))
		}
		return got
	}
	const lo, hi = math.MinInt32, math.MaxInt32
	for _, c := range []struct {
		name string
		v    everyKind
		want []int32
	}{
		{"zero", everyKind{}, make([]int32, 13)},
		{"highest", everyKind{math.MaxInt, 127, math.MaxInt16, hi, math.MaxInt64, math.MaxUint, 255, 65535, math.MaxUint32,
			math.MaxUint64, math.MaxFloat32, math.MaxFloat64, true},
			[]int32{hi, 127, 32767, hi, hi, hi, 255, 65535, hi, hi, hi, hi, 1}},
		{"lowest", everyKind{math.MinInt, -128, math.MinInt16, lo, math.MinInt64, 0, 0, 0, 0, 0, -math.MaxFloat32, -math.MaxFloat64, false},
			[]int32{lo, -128, -32768, lo, lo, 0, 0, 0, 0, 0, lo, lo, 0}},
		{"infinite", everyKind{F32: float32(math.Inf(1)), F64: math.Inf(-1)}, []int32{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, hi, lo, 0}},
		{"not a number", everyKind{F32: float32(math.NaN()), F64: math.NaN()}, make([]int32, 13)},
		{"half away from zero", everyKind{F32: 0.5, F64: -0.5}, []int32{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, -1, 0}},
		{"just below half", everyKind{F32: 2.4375, F64: -2.4375}, []int32{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, -2, 0}},
	} {
		if got := load(c.v); !reflect.DeepEqual(got, c.want) {
			t.Errorf("%s: loaded %v, want %v", c.name, got, c.want)
		}
	}
	for _, c := range []struct {
		v    int32
		want everyKind
	}{
		{hi, everyKind{hi, 127, 32767, hi, hi, hi, 255, 65535, hi, hi, hi, hi, true}},
		{lo, everyKind{lo, -128, -32768, lo, lo, 0, 0, 0, 0, 0, lo, lo, false}},
		{1, everyKind{1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, true}},
		{-1, everyKind{-1, -1, -1, -1, -1, 0, 0, 0, 0, 0, -1, -1, false}},
	} {
		var got everyKind
		for i := range tb.fields {
			tb.fields[i].store(unsafe.Pointer(&got), c.v)
		}
		if got != c.want {
			t.Errorf("stored %d: %+v, want %+v", c.v, got, c.want)
		}
	}
}

func TestRangesClampBothWays(t *testing.T) {
	type limited struct {
		A int8    `ring:"-1..1"`
		B float32 `ring:"0..2.5,1/4"`
		C uint16  `ring:"10..20"`
	}
	tb := tableFor[limited](t)
	for _, c := range []struct {
		in, out limited
	}{
		{limited{1, 1, 15}, limited{1, 1, 15}},
		{limited{100, 100, 100}, limited{1, 2.5, 20}},
		{limited{-100, -100, 0}, limited{-1, 0, 10}},
	} {
		var got limited
		for i := range tb.fields {
			tb.fields[i].store(unsafe.Pointer(&got), tb.fields[i].load(unsafe.Pointer(&c.in)))
		}
		if got != c.out {
			t.Errorf("%+v arrives as %+v, want %+v", c.in, got, c.out)
		}
		for i, v := range []int32{math.MinInt32, 0, math.MaxInt32} {
			tb.fields[i].store(unsafe.Pointer(&got), v)
		}
	}
}

func TestAngles(t *testing.T) {
	type angles struct {
		R float64 `ring:"angle,1000"` // radians
		I int     `ring:"angle,360"`
		U uint8   `ring:"angle"`
	}
	tb := tableFor[angles](t)
	for _, c := range []struct {
		v    angles
		want [3]int32
	}{
		{angles{0, 0, 0}, [3]int32{0, 0, 0}},
		{angles{math.Pi, 180, 128}, [3]int32{500, 180, 128}},
		{angles{-math.Pi / 2, -90, 255}, [3]int32{750, 270, 255}},
		{angles{2 * math.Pi, 360, 0}, [3]int32{0, 0, 0}},
		{angles{-20 * math.Pi, -3600, 0}, [3]int32{0, 0, 0}},
		{angles{2*math.Pi - 0.001, 719, 0}, [3]int32{0, 359, 0}}, // rounds up to a full turn, which is none
		{angles{math.NaN(), math.MinInt, 0}, [3]int32{0, int32((math.MinInt%360 + 360) % 360), 0}},
	} {
		for i, want := range c.want {
			if got := tb.fields[i].load(unsafe.Pointer(&c.v)); got != want {
				t.Errorf("%+v: field %d is %d, want %d", c.v, i, got, want)
			}
		}
	}
	for _, inf := range []float64{math.Inf(1), math.Inf(-1), 1e300} {
		v := angles{R: inf}
		if got := tb.fields[0].load(unsafe.Pointer(&v)); got < 0 || got > 999 {
			t.Errorf("%v rad is %d, want 0 to 999", inf, got)
		}
	}
	for in, want := range map[int32]angles{
		-1: {2 * math.Pi * 0.999, 359, 255}, 1000: {0, 280, 232}, math.MinInt32: {2 * math.Pi * 0.352, 232, 0}, 250: {math.Pi / 2, 250, 250},
	} {
		var got angles
		for i := range tb.fields {
			tb.fields[i].store(unsafe.Pointer(&got), in)
		}
		if math.Abs(got.R-want.R) > 1e-9 || got.I != want.I || got.U != want.U {
			t.Errorf("stored %d: %+v, want %+v", in, got, want)
		}
	}
}

// Texts are cut between characters, and what is not UTF-8 never reaches a client, which would refuse the frame.
func TestTextsAreCutAndValid(t *testing.T) {
	type named struct {
		N string `ring:"text(5)"`
		B []byte `ring:"bytes(3)"`
	}
	tb := tableFor[named](t)
	for _, c := range []struct{ in, want string }{
		{"", ""}, {"abc", "abc"}, {"abcdef", "abcde"}, {"ééé", "éé"}, {"漢漢", "漢"}, {"abc漢", "abc"}, {"a😀b", "a😀"}, {"ab😀", "ab"},
		{"ab\xff", "ab"}, {"\xff", ""}, {"a\xf0\x9f\x98", "a"}, {"\x80\x80\x80\x80\x80\x80\x80", ""},
	} {
		v := named{N: c.in, B: []byte(c.in)}
		got := tb.fields[0].blob(unsafe.Pointer(&v))
		if string(got) != c.want || !utf8.Valid(got) {
			t.Errorf("text %q is sent as %q, want %q", c.in, got, c.want)
		}
		if got := tb.fields[1].blob(unsafe.Pointer(&v)); string(got) != c.in[:min(len(c.in), 3)] {
			t.Errorf("bytes %q are sent as %q", c.in, got)
		}
		payload := tb.appendPayload(nil, unsafe.Pointer(&v))
		var back named
		if err := tb.parsePayload(payload, unsafe.Pointer(&back)); err != nil || back.N != c.want {
			t.Errorf("payload % x of %q: %+v, %v", payload, c.in, back, err)
		}
	}
}

type order struct {
	Card int `ring:"0..51"`
	Note string
	Key  []byte
	Aim  float32 `ring:"angle"`
	Now  bool
}

func TestPayload(t *testing.T) {
	tb := tableFor[order](t)
	in := order{Card: 7, Note: "été", Key: []byte{1, 2}, Aim: math.Pi, Now: true}
	payload := tb.appendPayload(nil, unsafe.Pointer(&in))
	want := []byte{0x95, 7, 0xa5, 0xc3, 0xa9, 't', 0xc3, 0xa9, 0xc4, 2, 1, 2, 0xcd, 2, 0, 1}
	if !bytes.Equal(payload, want) {
		t.Errorf("payload % x, want % x", payload, want)
	}
	for _, c := range []struct {
		name    string
		payload []byte
		want    order
		ok      bool
	}{
		{"whole", payload, in, true},
		{"no fields", []byte{0x90}, order{}, true},
		{"one field", []byte{0x91, 5}, order{Card: 5}, true},
		{"out of range", []byte{0x91, 0xcd, 1, 0}, order{Card: 51}, true},
		{"below range", []byte{0x91, 0xff}, order{}, true},
		{"a field more", append(append([]byte{0x96}, payload[1:]...), 0xa1, 'x'), in, true},
		{"an array more", append(append([]byte{0x96}, payload[1:]...), 0x92, 1, 2), in, true},
		{"nothing", nil, order{}, false},
		{"nil", []byte{0xc0}, order{}, false},
		{"a map", []byte{0x80}, order{}, false},
		{"a number for a text", []byte{0x92, 5, 5}, order{}, false},
		{"a text for a number", []byte{0x91, 0xa1, 'x'}, order{}, false},
		{"a float for a number", []byte{0x91, 0xca, 0, 0, 0, 0}, order{}, false},
		{"a number of 64 bits", []byte{0x91, 0xcf, 1, 0, 0, 0, 0, 0, 0, 0}, order{}, false},
		{"a text of 33 bytes", append([]byte{0x92, 5, 0xd9, 33}, make([]byte, 33)...), order{}, false},
		{"a text that is not UTF-8", []byte{0x92, 5, 0xa1, 0xff}, order{}, false},
		{"cut", payload[:len(payload)-1], order{}, false},
		{"announces more", []byte{0xdd, 0xff, 0xff, 0xff, 0xff, 1}, order{}, false},
		{"something behind", append(bytes.Clone(payload), 0), order{}, false},
	} {
		var got order
		err := tb.parsePayload(c.payload, unsafe.Pointer(&got))
		if (err == nil) != c.ok {
			t.Errorf("%s: error %v, want accepted %v", c.name, err, c.ok)
			continue
		}
		if len(got.Key) == 0 {
			got.Key = nil
		}
		if c.ok && (math.Abs(float64(got.Aim-c.want.Aim)) > 1e-6 || got.Card != c.want.Card || got.Note != c.want.Note ||
			!bytes.Equal(got.Key, c.want.Key) || got.Now != c.want.Now) {
			t.Errorf("%s: %+v, want %+v", c.name, got, c.want)
		}
	}
}

// FuzzParsePayload: what is accepted lies within every range, and comes back the same.
func FuzzParsePayload(f *testing.F) {
	tb := tableFor[order](f)
	in := order{Card: 7, Note: "note", Key: []byte{1, 2}, Aim: 1, Now: true}
	f.Add(tb.appendPayload(nil, unsafe.Pointer(&in)))
	f.Add([]byte{0x90})
	f.Add([]byte{0x96, 1, 0xa0, 0xc4, 0, 1, 1, 0x91, 1})
	f.Fuzz(func(t *testing.T, payload []byte) {
		var a, b order
		if tb.parsePayload(payload, unsafe.Pointer(&a)) != nil {
			return
		}
		if a.Card < 0 || a.Card > 51 || len(a.Note) > 32 || !utf8.ValidString(a.Note) || len(a.Key) > 32 || a.Aim < 0 || a.Aim >= 2*math.Pi {
			t.Fatalf("payload % x gave %+v", payload, a)
		}
		again := tb.appendPayload(nil, unsafe.Pointer(&a))
		if err := tb.parsePayload(again, unsafe.Pointer(&b)); err != nil {
			t.Fatalf("% x, written again as % x: %v", payload, again, err)
		}
		if third := tb.appendPayload(nil, unsafe.Pointer(&b)); !bytes.Equal(again, third) {
			t.Fatalf("% x comes back as % x", again, third)
		}
	})
}

// An angle of any number of units comes back as it was, from radians too.
func TestAnglesComeBack(t *testing.T) {
	type single struct {
		A float32 `ring:"angle,65536"`
	}
	tb := tableFor[single](t)
	for v := range int32(65536) {
		var s single
		tb.fields[0].store(unsafe.Pointer(&s), v)
		if got := tb.fields[0].load(unsafe.Pointer(&s)); got != v {
			t.Fatalf("%d is %v rad, which is %d", v, s.A, got)
		}
	}
}

func TestPutAndViewDoNotAllocate(t *testing.T) {
	type ship struct {
		X, Y  float32 `ring:"pos,1/32"`
		Aim   uint16  `ring:"angle"`
		Owner int     `ring:"owner"`
		Name  string
	}
	kind, private := Kind[ship]("ship"), Kind[order]("order")
	for i, k := range []AnyKind{kind, private} {
		if _, err := k.bind(i); err != nil {
			t.Fatal(err)
		}
	}
	l, err := view.Compile(&view.Schema{Game: "g", TickHz: 1, SendHz: 1, Kinds: []view.Kind{
		{Name: "ship", Fields: kind.table.describe()}, {Name: "order", Fields: private.table.describe()},
	}})
	if err != nil {
		t.Fatal(err)
	}
	v := View{frame: l.NewFrame(), layout: l, only: []*View{}}
	p := &Player{Slot: 3}
	note := strings.Repeat("x", 32)
	show := func() {
		v.frame.Reset()
		v.Only(p).frame.Reset()
		for id := range 8 {
			kind.Put(&v, id, ship{X: float32(id), Y: 2, Name: note})
		}
		private.Put(v.Only(p), 1, order{Note: note})
		if err := v.frame.Seal(); err != nil {
			t.Fatal(err)
		}
	}
	show()
	if n := testing.AllocsPerRun(100, show); n != 0 {
		t.Errorf("a view of nine entities: %v allocations, want 0", n)
	}
	ev := Event[order]("e")
	if _, err := ev.bind(0); err != nil {
		t.Fatal(err)
	}
	r, long := &Room{gate: new(Turnstile)}, note+note
	r.gate.enter(inStep)
	send := func() {
		r.effects, r.payloads = r.effects[:0], r.payloads[:0]
		ev.Broadcast(r, order{Note: long})
		ev.Send(r, p, order{Key: []byte(nil)})
	}
	send()
	if n := testing.AllocsPerRun(100, send); n != 0 {
		t.Errorf("two events: %v allocations, want 0", n)
	}
	in := Input[everyKind](OnePerTick)
	p.inputs = make([]int32, 13)
	if n := testing.AllocsPerRun(100, func() { p.used = 0; in.Next(p) }); n != 0 {
		t.Errorf("Next: %v allocations, want 0", n)
	}
}

func BenchmarkPut8(b *testing.B) {
	type ship struct {
		X, Y      float32 `ring:"pos,1/32"`
		Aim       uint16  `ring:"angle"`
		HP        uint8
		Owner     int `ring:"owner"`
		Score     int32
		Shielding bool
	}
	kind := Kind[ship]("ship")
	k, err := kind.bind(0)
	if err != nil {
		b.Fatal(err)
	}
	l, err := view.Compile(&view.Schema{Game: "g", TickHz: 1, SendHz: 1, Kinds: []view.Kind{k}})
	if err != nil {
		b.Fatal(err)
	}
	v := View{frame: l.NewFrame(), layout: l}
	b.ReportAllocs()
	for b.Loop() {
		v.frame.Reset()
		for id := range 8 {
			kind.Put(&v, id, ship{X: float32(id), Y: 100.5, Aim: 77, HP: 100, Owner: id, Score: 5})
		}
	}
}

// A field that is resent on its own must name what a Reader can read: the widest payload there is fits a message's limit.
func TestWidestPayloadFits(t *testing.T) {
	if n := view.MaxFields * (view.MaxText + 3); n > wire.MaxPayload {
		t.Errorf("an event can take %d bytes, a payload %d", n, wire.MaxPayload)
	}
}
