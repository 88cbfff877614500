package backup

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func sample(tb testing.TB) []byte {
	tb.Helper()
	var b bytes.Buffer
	w := NewWriter(&b, Manifest{Node: "eu1", Version: "v1", Taken: time.Unix(1e9, 0).UTC()})
	for name, text := range map[string]string{"log/snapshot": "the log", "rooms/a.dump": strings.Repeat("room", 1000)} {
		if err := w.Add(name, []byte(text)); err != nil {
			tb.Fatal(err)
		}
	}
	if err := w.Close(nil); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

func TestRoundTrip(t *testing.T) {
	dir := t.TempDir()
	m, err := Read(bytes.NewReader(sample(t)), dir)
	if err != nil || m.Node != "eu1" || len(m.Parts) != 2 {
		t.Fatalf("%+v, %v", m, err)
	}
	if text, err := os.ReadFile(filepath.Join(dir, "log", "snapshot")); string(text) != "the log" || err != nil {
		t.Errorf("log/snapshot is %q, %v", text, err)
	}
	if _, err := Read(bytes.NewReader(sample(t)), ""); err != nil {
		t.Errorf("checked only: %v", err)
	}
}

// Half a file, or one with a bit turned, is refused.
func TestDamage(t *testing.T) {
	whole := sample(t)
	for n := range len(whole) {
		if _, err := Read(bytes.NewReader(whole[:n]), ""); !errors.Is(err, ErrBackup) {
			t.Fatalf("%d of %d bytes: %v", n, len(whole), err)
		}
	}
	var plain bytes.Buffer
	gz, err := gzip.NewReader(bytes.NewReader(whole))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := plain.ReadFrom(gz); err != nil {
		t.Fatal(err)
	}
	at := bytes.Index(plain.Bytes(), []byte("the log"))
	plain.Bytes()[at] ^= 1
	if _, err := Read(pack(t, plain.Bytes()), ""); !errors.Is(err, ErrBackup) || !strings.Contains(err.Error(), `"log/snapshot" is damaged`) {
		t.Errorf("a turned bit: %v", err)
	}
}

func pack(tb testing.TB, plain []byte) *bytes.Buffer {
	tb.Helper()
	var b bytes.Buffer
	gz := gzip.NewWriter(&b)
	if _, err := gz.Write(plain); err != nil {
		tb.Fatal(err)
	}
	if err := gz.Close(); err != nil {
		tb.Fatal(err)
	}
	return &b
}

// Names that lead elsewhere, links, and sizes beyond the bounds are refused before anything is written.
func TestHostileTar(t *testing.T) {
	for name, head := range map[string]tar.Header{
		"up":       {Name: "../../etc/passwd", Typeflag: tar.TypeReg},
		"absolute": {Name: "/etc/passwd", Typeflag: tar.TypeReg},
		"dots":     {Name: "rooms/..", Typeflag: tar.TypeReg},
		"deep":     {Name: "a/b/c", Typeflag: tar.TypeReg},
		"link":     {Name: "rooms/a", Typeflag: tar.TypeSymlink, Linkname: "/etc"},
		"folder":   {Name: "rooms/", Typeflag: tar.TypeDir},
		"large":    {Name: "rooms/a", Typeflag: tar.TypeReg, Size: MaxPart + 1},
		"manifest": {Name: manifestName, Typeflag: tar.TypeReg, Size: maxManifest + 1},
	} {
		var b bytes.Buffer
		w := tar.NewWriter(&b)
		if err := w.WriteHeader(&head); err != nil {
			t.Fatal(err)
		}
		dir := t.TempDir()
		if _, err := Read(pack(t, b.Bytes()), dir); !errors.Is(err, ErrBackup) {
			t.Errorf("%s: %v", name, err)
		}
		if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
			t.Errorf("%s: %d files were written, %v", name, len(left), err)
		}
	}
}

func TestWriterRefuses(t *testing.T) {
	w := NewWriter(new(bytes.Buffer), Manifest{})
	for _, name := range []string{"", "a", "../a", "a/../b", "a/b/c", "A/b"} {
		if err := w.Add(name, nil); err == nil {
			t.Errorf("%q is a part", name)
		}
	}
}

func FuzzRead(f *testing.F) {
	gz, err := gzip.NewReader(bytes.NewReader(sample(f)))
	if err != nil {
		f.Fatal(err)
	}
	var plain bytes.Buffer
	if _, err := plain.ReadFrom(gz); err != nil {
		f.Fatal(err)
	}
	f.Add(plain.Bytes())
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := Read(pack(t, data), "")
		if err == nil && m.Format != format {
			t.Errorf("format %d was read", m.Format)
		}
	})
}
