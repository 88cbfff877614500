package wire

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"os"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

const vectorFile = "testdata/vectors.json"

var update = flag.Bool("update", false, "write "+vectorFile+" anew")

// vectors is the file, whose own notes say how to read it. Its cases stand in vectors_cases_test.go; the file is what
// other languages see of them.
type vectors struct {
	Protocol string       `json:"protocol"`
	Notes    []string     `json:"notes"`
	Frames   []vector     `json:"frames"`
	Accept   []vector     `json:"accept"`
	Bad      []badVector  `json:"bad"`
	Murmur   []hashVector `json:"murmur3_x86_32"`
	Words    []wordVector `json:"word_hash"`
}

type vector struct {
	Name   string `json:"name"`
	Type   Type   `json:"type"`
	Hex    packed `json:"hex"`
	Fields pairs  `json:"fields"`
}

type badVector struct {
	Type Type   `json:"type"`
	Hex  packed `json:"hex"`
	Why  string `json:"why"`
}

type hashVector struct {
	Hex  packed `json:"hex"`
	Hash uint32 `json:"hash"`
}

type wordVector struct {
	Words []uint32 `json:"words"`
	Hash  uint32   `json:"hash"`
}

var vectorNotes = []string{
	"frames: encoding fields gives hex, decoding hex gives fields. accept: decoding hex gives fields, but nobody encodes it so (wide integers, elements of a later version). bad: every decoder refuses hex; type is the decoder it aims at.",
	"hex: (xx*n) stands for the byte xx n times; nothing else is abbreviated.",
	"fields: named as in docs/PROTOCOL.md. {bin: hex} is a byte string. {str: s, times: n}, {bin: hex, times: n} and, in a list, {int: i, times: n} repeat. No integer is above 2^53 - 1.",
	"murmur3_x86_32: seed 0. word_hash: the same over the little-endian bytes of the words.",
}

// packed is bytes, written as hex in which long runs of one byte are folded.
type packed []byte

const foldFrom = 64

func (p packed) MarshalText() ([]byte, error) {
	var out []byte
	for len(p) > 0 {
		n := 1
		for n < len(p) && p[n] == p[0] {
			n++
		}
		one := hex.EncodeToString(p[:1])
		if n >= foldFrom {
			out = append(out, "("+one+"*"+strconv.Itoa(n)+")"...)
		} else {
			out = append(out, strings.Repeat(one, n)...)
		}
		p = p[n:]
	}
	return out, nil
}

var folded = regexp.MustCompile(`\(([0-9a-f]{2})\*([0-9]+)\)`)

func (p *packed) UnmarshalText(text []byte) error {
	plain := folded.ReplaceAllStringFunc(string(text), func(run string) string {
		m := folded.FindStringSubmatch(run)
		n, _ := strconv.Atoi(m[2])
		return strings.Repeat(m[1], n)
	})
	b, err := hex.DecodeString(plain)
	*p = b
	return err
}

// pairs is a JSON object that keeps its order: name, value, name, value.
type pairs []any

func (p pairs) MarshalJSON() ([]byte, error) {
	out := []byte{'{'}
	for i := 0; i < len(p); i += 2 {
		if i > 0 {
			out = append(out, ',')
		}
		out = strconv.AppendQuote(out, p[i].(string))
		out = append(out, ':')
		value, err := json.Marshal(fieldValue(p[i+1]))
		if err != nil {
			return nil, err
		}
		out = append(out, value...)
	}
	return append(out, '}'), nil
}

// UnmarshalJSON drops the fields: they are for other languages, and the test compares them as text.
func (p *pairs) UnmarshalJSON([]byte) error { return nil }

// fieldValue folds long values as the notes say.
func fieldValue(v any) any {
	switch v := v.(type) {
	case string:
		if n := len(v); n >= foldFrom && v == strings.Repeat(v[:1], n) {
			return pairs{"str", v[:1], "times", n}
		}
	case []byte:
		if n := len(v); n >= foldFrom && bytes.Equal(v, bytes.Repeat(v[:1], n)) {
			return pairs{"bin", hex.EncodeToString(v[:1]), "times", n}
		}
		return pairs{"bin", hex.EncodeToString(v)}
	case []any:
		return foldList(v)
	}
	return v
}

func foldList(list []any) []any {
	out := []any{}
	for len(list) > 0 {
		n := 1
		for n < len(list) && reflect.DeepEqual(list[n], list[0]) {
			n++
		}
		if i, ok := list[0].(int64); ok && n >= foldFrom {
			out = append(out, pairs{"int", i, "times", n})
		} else {
			n = 1
			out = append(out, fieldValue(list[0]))
		}
		list = list[n:]
	}
	return out
}

// fileBytes writes one vector a line, so that a change shows as the lines it touches.
func (v *vectors) fileBytes(t *testing.T) []byte {
	t.Helper()
	var compact bytes.Buffer
	enc := json.NewEncoder(&compact)
	enc.SetEscapeHTML(false)
	var out bytes.Buffer
	list := func(name string, n int, item func(i int) any) {
		out.WriteString(",\n\"" + name + "\": [\n")
		for i := range n {
			compact.Reset()
			if err := enc.Encode(item(i)); err != nil {
				t.Fatal(err)
			}
			out.Write(bytes.TrimSpace(compact.Bytes()))
			if i < n-1 {
				out.WriteByte(',')
			}
			out.WriteByte('\n')
		}
		out.WriteByte(']')
	}
	out.WriteString("{\n\"protocol\": \"" + v.Protocol + "\"")
	list("notes", len(v.Notes), func(i int) any { return v.Notes[i] })
	list("frames", len(v.Frames), func(i int) any { return v.Frames[i] })
	list("accept", len(v.Accept), func(i int) any { return v.Accept[i] })
	list("bad", len(v.Bad), func(i int) any { return v.Bad[i] })
	list("murmur3_x86_32", len(v.Murmur), func(i int) any { return v.Murmur[i] })
	list("word_hash", len(v.Words), func(i int) any { return v.Words[i] })
	out.WriteString("\n}\n")
	return out.Bytes()
}

func TestVectorsFile(t *testing.T) {
	want := buildVectors(t).fileBytes(t)
	if *update {
		if err := os.WriteFile(vectorFile, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(vectorFile)
	if err != nil {
		t.Fatal(err)
	}
	gotLines, wantLines := strings.Split(string(got), "\n"), strings.Split(string(want), "\n")
	for i := range min(len(gotLines), len(wantLines)) {
		if gotLines[i] != wantLines[i] {
			t.Fatalf("%s line %d is\n%s\nwant\n%s\nA change here breaks every SDK; -update writes it", vectorFile, i+1, gotLines[i], wantLines[i])
		}
	}
	if len(gotLines) != len(wantLines) {
		t.Errorf("%s has %d lines, want %d", vectorFile, len(gotLines), len(wantLines))
	}
}

func readVectors(t testing.TB) (v vectors) {
	t.Helper()
	b, err := os.ReadFile(vectorFile)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &v); err != nil {
		t.Fatal(err)
	}
	return v
}

// TestVectorsDecode goes the way of another language: from the file's hex to a value and back.
func TestVectorsDecode(t *testing.T) {
	v := readVectors(t)
	for i, c := range goodCases() {
		f := v.Frames[i]
		got, err := parsers[f.Type](f.Hex)
		if f.Name != c.name || err != nil || !reflect.DeepEqual(got, c.frame) {
			t.Errorf("%s: %s decodes to %+v, %v, want %+v", c.name, f.Name, got, err, c.frame)
			continue
		}
		if again := appendAny(nil, got); !bytes.Equal(again, f.Hex) {
			t.Errorf("%s: encodes to %x, want %x", c.name, head(again), head(f.Hex))
		}
	}
	for i, c := range acceptCases() {
		f := v.Accept[i]
		if got, err := parsers[f.Type](f.Hex); err != nil || !reflect.DeepEqual(got, c.frame) {
			t.Errorf("%s: decodes to %+v, %v, want %+v", c.name, got, err, c.frame)
		}
	}
}

func TestVectorsRefuse(t *testing.T) {
	for _, bad := range readVectors(t).Bad {
		for typ, parse := range parsers {
			if got, err := parse(bad.Hex); !errors.Is(err, ErrMalformed) {
				t.Errorf("%s, %s: the parser of %s says %+v, %v", bad.Type, bad.Why, typ, got, err)
			}
		}
	}
}

// TestTruncations cuts every good frame everywhere.
func TestTruncations(t *testing.T) {
	for _, c := range goodCases() {
		frame := appendAny(nil, c.frame)
		typ, _ := PeekType(frame)
		for n := 0; n < len(frame); n += 1 + n/100 {
			if _, err := parsers[typ](frame[:n]); !errors.Is(err, ErrMalformed) {
				t.Errorf("%s cut to %d of %d bytes: %v", c.name, n, len(frame), err)
			}
		}
		if _, err := parsers[typ](append(frame, 0xc0)); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s with a byte behind it: %v", c.name, err)
		}
	}
}
