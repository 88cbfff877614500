package room

import (
	"bytes"
	"errors"
	"math"
	"reflect"
	"runtime"
	"strings"
	"testing"

	"github.com/vmihailenco/msgpack/v5"
)

type (
	inner struct {
		Deep []struct{ lost int }
	}
	recursive struct {
		Next *recursive
		N    int
	}
	custom struct{ n int }
	hides  struct{ Rows Table[inner] }
	points struct{ Rows *Table[inner] }
)

func (c *custom) EncodeMsgpack(e *msgpack.Encoder) error { return e.EncodeInt(int64(c.n)) }
func (c *custom) DecodeMsgpack(d *msgpack.Decoder) (err error) {
	c.n, err = d.DecodeInt()
	return err
}

func TestCheckState(t *testing.T) {
	for _, c := range []struct {
		name  string
		state any
		want  string // "" survives
	}{
		{"numbers, texts, slices, arrays", &struct {
			A int
			B string
			C []float64
			D [3]bool
			E *int
			F struct{ G []byte }
		}{}, ""},
		{"a table", &struct{ T Table[noState] }{}, ""},
		{"a slice of tables", &struct{ T []Table[noState] }{}, ""},
		{"a type with its own encoding", &struct{ C custom }{}, ""},
		{"pointers to it", &struct{ C []*custom }{}, ""},
		{"a type that contains itself", &recursive{}, ""},
		{"a cache", &struct {
			N     int
			cache map[int]int `msgpack:"-"`
			F     func()      `msgpack:"-"`
		}{}, ""},
		{"nothing", nil, "want a pointer"},
		{"a value", struct{ N int }{}, "want a pointer"},
		{"a nil pointer", (*noState)(nil), "want a pointer"},
		{"not exported", &struct{ n int }{}, ".n is not exported"},
		{"not exported, deep inside", &struct{ In inner }{}, ".In.Deep.lost is not exported"},
		{"not exported, in a table", &hides{}, "room.hides.Rows[].Deep.lost is not exported"},
		{"not exported, in a pointer to a table", &points{}, ".Rows[].Deep.lost is not exported"},
		{"a function", &struct{ F func() }{}, ".F is a func"},
		{"a channel", &struct{ C []chan int }{}, ".C is a chan"},
		{"an interface", &struct{ I any }{}, ".I is a interface"},
		{"an error", &struct{ E *error }{}, ".E is a interface"},
		{"a map", &struct{ M map[string]int }{}, ".M is a map"},
	} {
		err := CheckState(&script{S: c.state})
		switch {
		case c.want == "" && err != nil:
			t.Errorf("%s: %v", c.name, err)
		case c.want != "" && (!errors.Is(err, ErrState) || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%s: got %v, want an ErrState with %q", c.name, err, c.want)
		}
	}
	if err := CheckState(nil); !errors.Is(err, ErrState) {
		t.Errorf("no game: %v, want ErrState", err)
	}
}

// Every field comes back, into a state that New had filled otherwise.
func TestStateSurvives(t *testing.T) {
	type part struct {
		A int8
		B uint64
		C float64
		D string
	}
	type state struct {
		I     int64
		F     float32
		B     bool
		Texts []string
		Parts [2]part
		Ptr   *part
		Nil   *part
		Rows  Table[part]
		Raw   []byte
		Gone  []part
	}
	want := state{I: math.MinInt64, F: float32(math.Inf(-1)), B: true, Texts: []string{"", "ü"},
		Parts: [2]part{{-1, math.MaxUint64, math.Copysign(0, -1), "x"}, {}}, Ptr: &part{A: 5}, Raw: []byte{0, 255}}
	want.Rows.Put(4, part{D: "four"})
	d := startScript(t, &script{S: &want})
	got := state{Nil: &part{A: 1}, Gone: []part{{}, {}}, Texts: []string{"a", "b", "c"}}
	got.Rows.Put(1, part{})
	copyInto(t, d, startScript(t, &script{S: &got}))
	if !reflect.DeepEqual(got, want) {
		t.Errorf("restored %+v, want %+v", got, want)
	}
}

type codecGame struct {
	script
	restored []byte
	err      error
}

func (g *codecGame) AppendState(dst []byte) []byte { return append(dst, "my own"...) }
func (g *codecGame) RestoreState(data []byte) error {
	g.restored = bytes.Clone(data)
	return g.err
}

func TestStateCodec(t *testing.T) {
	g := &codecGame{}
	d, _ := start(t, definition(g))
	copyInto(t, d, d)
	if string(g.restored) != "my own" {
		t.Errorf("the game's own decoder got %q", g.restored)
	}
	g.err = errors.New("torn")
	if err := RestoreState(g, nil); !errors.Is(err, ErrState) || !errors.Is(err, g.err) {
		t.Errorf("got %v, want ErrState and the game's error", err)
	}
}

// Bytes that announce what is not there are refused before the decoder believes them.
func TestRestoreStateRefusesBombs(t *testing.T) {
	type state struct {
		Rows []int
		Name string
		Raw  []byte
		In   Table[[]int]
	}
	for name, data := range map[string][]byte{
		"array of 2^25":           {0xdd, 2, 0, 0, 0},
		"slice of 2^25":           {0x94, 0xdd, 2, 0, 0, 0},
		"text of 2^32−1":          {0x94, 0x90, 0xdb, 0xff, 0xff, 0xff, 0xff},
		"bytes of 2^31":           {0x94, 0x90, 0xa0, 0xc6, 0x80, 0, 0, 0},
		"map of 2^25":             {0x94, 0xdf, 2, 0, 0, 0},
		"table of 2^25":           {0x94, 0x90, 0xa0, 0xc4, 0, 0xdd, 2, 0, 0, 1},
		"row of 2^25 in a table":  {0x94, 0x90, 0xa0, 0xc4, 0, 0x93, 1, 1, 0xdd, 2, 0, 0, 0},
		"8 MiB of nested arrays":  bytes.Repeat([]byte{0x91}, 8<<20),
		"nothing":                 {},
		"one field, not four":     {0x91, 0x90},
		"another type of a field": {0x94, 5, 0xa0, 0xc4, 0, 0x91, 0},
	} {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		err := RestoreState(&script{S: &state{}}, data)
		runtime.ReadMemStats(&after)
		if !errors.Is(err, ErrState) {
			t.Errorf("%s: %v, want ErrState", name, err)
		}
		if n := after.TotalAlloc - before.TotalAlloc; n > 1<<20 {
			t.Errorf("%s: %d bytes allocated to refuse %d", name, n, len(data))
		}
	}
}

func TestEncodingStateDoesNotAllocate(t *testing.T) {
	type state struct {
		Rows Table[thing]
		N    []int
	}
	s := &state{N: []int{1, 2, 3}}
	for range 16 {
		s.Rows.Add(thing{1, 2})
	}
	d := startScript(t, &script{S: s})
	var buf []byte
	encode := func() {
		var err error
		if buf, err = d.AppendTo(buf[:0]); err != nil {
			t.Fatal(err)
		}
	}
	encode()
	if n := testing.AllocsPerRun(100, encode); n != 0 {
		t.Errorf("%v allocations for a checkpoint of 16 rows, want 0", n)
	}
}

func TestStateTooLarge(t *testing.T) {
	d := startScript(t, &script{S: &struct{ B []byte }{make([]byte, MaxState)}})
	if _, err := d.AppendTo(nil); !errors.Is(err, ErrState) {
		t.Errorf("got %v, want ErrState", err)
	}
}

// A list of pointers may nest deeper than a checkpoint can be trusted to: that is found when it is written, not when it is
// needed.
func TestDeepStates(t *testing.T) {
	list := func(n int) *recursive {
		var l *recursive
		for range n {
			l = &recursive{Next: l}
		}
		return l
	}
	for _, n := range []int{1, 64, 65, 300} {
		d := startScript(t, &script{S: list(n)})
		data, err := d.AppendTo(nil)
		if n > 64 {
			if !errors.Is(err, ErrState) || !strings.Contains(err.Error(), "nests more than 64 deep") {
				t.Errorf("%d structs in each other: %v", n, err)
			}
			continue
		}
		if err != nil || len(data) == 0 {
			t.Fatalf("%d structs in each other: %v", n, err)
		}
		var got recursive
		copyInto(t, d, startScript(t, &script{S: &got}))
		if !reflect.DeepEqual(&got, list(n)) {
			t.Errorf("%d structs in each other do not come back", n)
		}
	}
	deep := reflect.TypeFor[int]()
	for range 70 {
		deep = reflect.SliceOf(deep)
	}
	state := reflect.New(reflect.StructOf([]reflect.StructField{{Name: "Deep", Type: deep}})).Interface()
	if err := CheckState(&script{S: state}); !errors.Is(err, ErrState) || !strings.Contains(err.Error(), "nests 71 deep") {
		t.Errorf("70 slices in each other: %v", err)
	}
}

// A state that is too large is refused before it has filled the memory.
func TestLargeStates(t *testing.T) {
	type large struct{ Rows [][]byte }
	s := &large{}
	for range 40 {
		s.Rows = append(s.Rows, make([]byte, 1<<20))
	}
	d := startScript(t, &script{S: s})
	if _, err := d.AppendTo(nil); !errors.Is(err, ErrState) || !strings.Contains(err.Error(), "more than 16777216 bytes") {
		t.Errorf("40 MiB: %v", err)
	}
	if n := len(d.state.buf); n > MaxState+2<<20 {
		t.Errorf("%d bytes were encoded", n)
	}
}
