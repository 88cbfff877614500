package raftstore

import (
	"bytes"
	"errors"
	"testing"
)

func TestParseEntry(t *testing.T) {
	for _, tc := range []struct {
		name string
		in   []byte
		want int // commands; 0 is an error
	}{
		{name: "one", in: []byte{1, 1, 1, 'a'}, want: 1},
		{name: "two", in: []byte{1, 2, 1, 'a', 2, 'b', 'c'}, want: 2},
		{name: "empty"},
		{name: "version", in: []byte{2, 1, 1, 'a'}},
		{name: "no count", in: []byte{1}},
		{name: "no commands", in: []byte{1, 0}},
		{name: "count too high", in: []byte{1, 0xff, 0xff, 0xff, 0x7f, 1, 'a'}},
		{name: "empty command", in: []byte{1, 1, 0}},
		{name: "cut command", in: []byte{1, 1, 2, 'a'}},
		{name: "cut length", in: []byte{1, 2, 1, 'a', 0x80}},
		{name: "trailing byte", in: []byte{1, 1, 1, 'a', 0}},
		{name: "too long", in: make([]byte, maxEntryBytes+1)},
	} {
		got, err := parseEntry(nil, tc.in)
		if tc.want == 0 {
			if !errors.Is(err, ErrCorrupt) {
				t.Errorf("%s: got %v, want ErrCorrupt", tc.name, err)
			}
			continue
		}
		if err != nil || len(got) != tc.want {
			t.Errorf("%s: got %d commands and %v, want %d", tc.name, len(got), err, tc.want)
		}
	}
}

func FuzzParseEntry(f *testing.F) {
	f.Add(appendEntry(nil, [][]byte{[]byte("a")}))
	f.Add(appendEntry(nil, [][]byte{[]byte("a"), bytes.Repeat([]byte("b"), 300)}))
	f.Add([]byte{1, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f})
	f.Fuzz(func(t *testing.T, in []byte) {
		cmds, err := parseEntry(nil, in)
		if err != nil {
			return
		}
		again, err := parseEntry(nil, appendEntry(nil, cmds))
		if err != nil || len(again) != len(cmds) {
			t.Fatalf("entry of %d commands came back as %d: %v", len(cmds), len(again), err)
		}
		for i := range cmds {
			if !bytes.Equal(cmds[i], again[i]) {
				t.Fatalf("command %d: %x came back as %x", i, cmds[i], again[i])
			}
		}
	})
}
