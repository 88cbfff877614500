package wire

import (
	"bytes"
	"testing"

	"github.com/vmihailenco/msgpack/v5"
)

// frameInts are the integers of a typical state frame: mostly small, some of two and three bytes.
var frameInts = func() []int64 {
	ints := make([]int64, 256)
	for i := range ints {
		switch {
		case i%16 == 0:
			ints[i] = int64(i) * 100
		case i%4 == 0:
			ints[i] = int64(-i)
		default:
			ints[i] = int64(i % 100)
		}
	}
	return ints
}()

func frameBytes() []byte {
	var b []byte
	for _, v := range frameInts {
		b = AppendInt(b, v)
	}
	return b
}

// The Int benchmarks do 256 integers an iteration and report the time of one.
func perInt(b *testing.B) {
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(frameInts)), "ns/int")
}

func BenchmarkAppendInt(b *testing.B) {
	b.ReportAllocs()
	buf := make([]byte, 0, 4096)
	for b.Loop() {
		buf = buf[:0]
		for _, v := range frameInts {
			buf = AppendInt(buf, v)
		}
	}
	perInt(b)
}

func BenchmarkLibraryInt(b *testing.B) {
	b.ReportAllocs()
	var buf bytes.Buffer
	enc := msgpack.NewEncoder(&buf)
	for b.Loop() {
		buf.Reset()
		for _, v := range frameInts {
			if err := enc.EncodeInt(v); err != nil {
				b.Fatal(err)
			}
		}
	}
	perInt(b)
}

func BenchmarkReadInt(b *testing.B) {
	b.ReportAllocs()
	frame := frameBytes()
	for b.Loop() {
		r := NewReader(frame)
		for range frameInts {
			sink.n += uint32(r.Int32())
		}
		if r.Err() != nil {
			b.Fatal(r.Err())
		}
	}
	perInt(b)
}

func BenchmarkLibraryReadInt(b *testing.B) {
	b.ReportAllocs()
	frame := frameBytes()
	in := bytes.NewReader(frame)
	dec := msgpack.NewDecoder(in)
	for b.Loop() {
		in.Reset(frame)
		dec.Reset(in)
		for range frameInts {
			v, err := dec.DecodeInt32()
			if err != nil {
				b.Fatal(err)
			}
			sink.n += uint32(v)
		}
	}
	perInt(b)
}

func BenchmarkAppendInput(b *testing.B) {
	b.ReportAllocs()
	buf := make([]byte, 0, 64)
	values := []int32{1, -1, 300}
	for b.Loop() {
		buf = AppendInput(buf[:0], 70_000, 70_010, 50, values)
	}
}

func BenchmarkParseInput(b *testing.B) {
	b.ReportAllocs()
	frame := AppendInput(nil, 70_000, 70_010, 50, []int32{1, -1, 300})
	for b.Loop() {
		sink.input, sink.err = ParseInput(frame)
	}
}

func BenchmarkAppendDeltaHead(b *testing.B) {
	b.ReportAllocs()
	buf := make([]byte, 0, 64)
	for b.Loop() {
		buf = AppendDeltaHead(buf[:0], 256, 1, 1)
	}
}

func BenchmarkParseState(b *testing.B) {
	b.ReportAllocs()
	frame := append(AppendDeltaHead(nil, len(frameInts), 1, 1), frameBytes()...)
	for b.Loop() {
		sink.state, sink.err = ParseState(frame)
	}
	perInt(b)
}

func BenchmarkWordHash(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		var w WordHash
		for i := range frameInts {
			w.Word(uint32(i))
		}
		sink.n = w.Sum()
	}
	perInt(b)
}
