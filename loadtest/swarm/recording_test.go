package swarm

import (
	"encoding/binary"
	"errors"
	"os"
	"testing"
)

func TestTheRecordedRoomIsSmallAndLossless(t *testing.T) {
	data, err := os.ReadFile("../../examples/track/hl2dm_8x_i32.bin")
	if err != nil {
		t.Fatal(err)
	}
	b, err := Track(data).Measure(0)
	if err != nil || !b.Lossless || b.Prediction || b.Updates != 3736 {
		t.Fatalf("%+v, %v", b, err)
	}
	if b.BytesPerUpdate > 79 {
		t.Errorf("%.1f B per update, want at most 79", b.BytesPerUpdate)
	}
}

func TestMeasureLeavesFramesOut(t *testing.T) {
	var data []byte
	for i := range 12 {
		for e := range 901 {
			for f := range 8 {
				v := uint32(e + f)
				if e == i {
					v += 1000
				}
				data = binary.LittleEndian.AppendUint32(data, v)
			}
		}
	}
	b, err := Cubes901(data).Measure(20)
	if err != nil || b.Updates != 3 || b.Hz != 20 || !b.Lossless || b.KbitPerS <= 0 {
		t.Errorf("%+v, %v", b, err)
	}
	for _, c := range []struct {
		data []byte
		hz   float64
	}{{data[:100], 0}, {nil, 0}, {data[:len(data)-1], 60}, {data, 1000}, {data, -1}, {data, 1}} {
		if _, err := Cubes901(c.data).Measure(c.hz); !errors.Is(err, ErrRecording) {
			t.Errorf("%d bytes at %v Hz: %v, want ErrRecording", len(c.data), c.hz, err)
		}
	}
}
