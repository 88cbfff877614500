package track

import (
	_ "embed"
	"encoding/binary"
)

// The shape of the recording: little-endian int32 [frame][player][field].
const (
	Actors      = 8
	ActorFields = 7 // x, y, z in 1/32 units; yaw, pitch in 1/1024 turns; health; life state (0: alive)
	frameValues = Actors * ActorFields
)

// Recording is the file as it is; README.md says where it comes from.
//
//go:embed hl2dm_8x_i32.bin
var Recording []byte

// Frames is the number of frames in the recording.
func Frames() int { return len(Recording) / (4 * frameValues) }

// Frame appends the Actors × ActorFields values of frame i to dst.
func Frame(i int, dst []int32) []int32 {
	frame := Recording[i*4*frameValues:][:4*frameValues]
	for k := range frameValues {
		dst = append(dst, int32(binary.LittleEndian.Uint32(frame[4*k:])))
	}
	return dst
}
