package host

import (
	"math"
	"reflect"
	"strings"
	"testing"
)

func sampleFault() *FaultFile {
	bots := 3
	return &FaultFile{
		Room: "a", Bots: &bots, Places: 6, Base: 70, Game: "dots", Version: 3, Seed: math.MaxUint64 - 1, Epoch: 2, Tick: 77, Panic: "index out of range \xff",
		Options: []byte(`{}`), Stack: []byte("goroutine 1"), Checkpoint: []byte{1, 2}, Records: []byte{0xc4, 0}, Crash: true,
	}
}

// Any seed survives, and a panic's text that is not UTF-8 does not make the file unreadable.
func TestFaultFileRoundTrip(t *testing.T) {
	got, err := ParseFault(sampleFault().Append(nil))
	if err != nil {
		t.Fatal(err)
	}
	want := sampleFault()
	want.Panic = "index out of range ?"
	if !reflect.DeepEqual(got, want) {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func FuzzParseFault(f *testing.F) {
	f.Add(sampleFault().Append(nil))
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := ParseFault(data)
		if err != nil {
			return
		}
		again, err := ParseFault(file.Append(nil))
		file.Panic = strings.ToValidUTF8(file.Panic, "?")
		if err != nil || !reflect.DeepEqual(again, file) {
			t.Errorf("%x reads as %+v; written again as %+v, %v", data, file, again, err)
		}
	})
}
