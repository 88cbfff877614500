package room

import (
	"bytes"
	"encoding/json"
	"errors"
	"reflect"
	"runtime"
	"strings"
	"testing"
)

type savedPart struct {
	A int8
	B uint64
	C string
}

type savedState struct {
	I     int64
	F     float32
	B     bool
	Texts []string
	Parts [2]savedPart
	Ptr   *savedPart
	Next  *savedState
	Rows  Table[savedPart]
	Raw   []byte
}

// A state comes from a checkpoint on a disk. It is restored or refused as an ErrState, in memory that its size justifies, and what
// is restored is written, and restored, the same.
func FuzzRestoreState(f *testing.F) {
	full := &savedState{I: -1 << 63, F: 1.5, B: true, Texts: []string{"", "ü"}, Ptr: &savedPart{A: -1, B: 1<<64 - 1, C: "x"}, Raw: []byte{0, 255}, Next: &savedState{I: 7}}
	full.Rows.Put(4, savedPart{C: "four"})
	w := stateWriter{deep: true}
	w.init()
	written := func(s *savedState) ([]byte, error) {
		b, err := w.encode(&script{S: s})
		return bytes.Clone(b), err
	}
	for _, s := range []*savedState{full, {}} {
		b, err := written(s)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add([]byte{0x99, 0xdd, 0xff, 0xff, 0xff, 0xff})
	f.Add([]byte{0x99, 1, 1, 1, 0xdd, 0, 1, 0, 0})
	f.Fuzz(func(t *testing.T, data []byte) {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		got := new(savedState)
		err := RestoreState(&script{S: got}, data)
		runtime.ReadMemStats(&after)
		if n, most := after.TotalAlloc-before.TotalAlloc, uint64(256<<10+len(data)*512); n > most {
			t.Errorf("%d bytes make %d, want at most %d", len(data), n, most)
		}
		if err != nil {
			if !errors.Is(err, ErrState) {
				t.Errorf("% x: %v", data, err)
			}
			return
		}
		first, err := written(got)
		if err != nil {
			return // deeper than what could be restored again
		}
		again := new(savedState)
		if err := RestoreState(&script{S: again}, first); err != nil {
			t.Fatalf("% x, written again as % x: %v", data, first, err)
		}
		second, err := written(again)
		if err != nil || !bytes.Equal(first, second) {
			t.Errorf("% x comes back as % x, %v", first, second, err)
		}
	})
}

type fuzzedOptions struct {
	RoundS int     `json:"round_s" ring:"5..3600"`
	Speed  float64 `json:"speed" ring:"0.5..4"`
	Small  uint8   `json:"small"`
	Map    string  `json:"map"`
	Teams  []struct {
		Name string `json:"name"`
	} `json:"teams"`
	Inner struct {
		On *bool `json:"on"`
	} `json:"inner"`
}

// A creator's options are read within the ranges of their tags, and the same when they are written again, or refused in the words of
// somebody who has never seen the struct.
func FuzzOptions(f *testing.F) {
	for _, s := range []string{
		"", "{}", `{"round_s":120,"speed":1.5,"small":255,"map":"dust","teams":[{"name":"a"}],"inner":{"on":true}}`, `{"round_s":4}`, `{"speed":1e999}`,
		`{"small":-1}`, `{"Map":1}`, `{"x":1}`, "[]", "null", "{} {}", "{", `{"inner":{"on":"yes"}}`, `{"teams":{}}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, raw []byte) {
		got := fuzzedOptions{RoundS: 60, Speed: 1}
		if err := Options(raw, &got); err != nil {
			if text := err.Error(); !strings.HasPrefix(text, "options: ") || strings.Contains(text, "Go ") || strings.Contains(text, "fuzzedOptions") {
				t.Errorf("%q is refused with %q", raw, err)
			}
			return
		}
		if got.RoundS < 5 || got.RoundS > 3600 || got.Speed < 0.5 || got.Speed > 4 {
			t.Errorf("%q gives %+v", raw, got)
		}
		text, err := json.Marshal(got)
		if err != nil {
			t.Fatal(err)
		}
		var again fuzzedOptions
		if err := Options(text, &again); err != nil || !reflect.DeepEqual(got, again) {
			t.Errorf("%+v, written again, is %+v, %v", got, again, err)
		}
	})
}
