package backup

import (
	"archive/tar"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"time"
)

// ErrBackup is wrapped by every error about a file that is no backup, or not a whole one.
var ErrBackup = errors.New("not a whole backup")

// Bounds of a backup that is read: a file that says more is refused before it fills a disk.
const (
	MaxParts    = 100_000
	MaxPart     = int64(1) << 30
	MaxTotal    = int64(64) << 30
	maxManifest = int64(32) << 20

	manifestName = "manifest.json"
	format       = 1
)

// A Manifest says what a backup is of.
type Manifest struct {
	Format  int             `json:"format"` // set by the Writer
	Node    string          `json:"node"`
	Version string          `json:"version"` // of the server that wrote it
	Taken   time.Time       `json:"taken"`
	Details json.RawMessage `json:"details,omitempty"` // the node's, about its parts; set by Close
	Parts   []Part          `json:"parts"`             // set by the Writer
}

// A Part is one file of a backup.
type Part struct {
	Name   string `json:"name"`
	Size   int64  `json:"size"`
	SHA256 string `json:"sha256"`
}

// partName keeps a part's name from being a path to anywhere else: a folder and a file, of plain characters.
var partName = regexp.MustCompile(`^[a-z][a-z0-9_-]{0,31}/[A-Za-z0-9_][A-Za-z0-9._-]{0,199}$`)

// A Writer writes one backup. It is not safe for concurrent use.
type Writer struct {
	manifest Manifest
	gz       *gzip.Writer
	tar      *tar.Writer
}

// NewWriter begins a backup. What it writes is complete when Close has returned without an error.
func NewWriter(w io.Writer, m Manifest) *Writer {
	gz := gzip.NewWriter(w)
	m.Format, m.Parts = format, []Part{}
	return &Writer{manifest: m, gz: gz, tar: tar.NewWriter(gz)}
}

// Add writes a part. Its name is a folder and a file: log/snapshot.
func (w *Writer) Add(name string, data []byte) error {
	if !partName.MatchString(name) {
		return fmt.Errorf("back up %q: not a part's name", name)
	}
	if len(w.manifest.Parts) >= MaxParts || int64(len(data)) > MaxPart {
		return fmt.Errorf("back up %q: %d bytes as part %d: too much", name, len(data), len(w.manifest.Parts)+1)
	}
	sum := sha256.Sum256(data)
	w.manifest.Parts = append(w.manifest.Parts, Part{Name: name, Size: int64(len(data)), SHA256: hex.EncodeToString(sum[:])})
	return w.file(name, data)
}

func (w *Writer) file(name string, data []byte) error {
	head := &tar.Header{Name: name, Mode: 0o600, Size: int64(len(data)), ModTime: w.manifest.Taken, Format: tar.FormatPAX}
	if err := w.tar.WriteHeader(head); err != nil {
		return fmt.Errorf("back up %q: %w", name, err)
	}
	if _, err := w.tar.Write(data); err != nil {
		return fmt.Errorf("back up %q: %w", name, err)
	}
	return nil
}

// Close writes the manifest, with details (JSON or nil) in it, and ends the file; it does not close what it writes to.
func (w *Writer) Close(details json.RawMessage) error {
	w.manifest.Details = details
	text, err := json.MarshalIndent(w.manifest, "", "  ")
	if err != nil {
		return fmt.Errorf("back up: %w", err)
	}
	if err := w.file(manifestName, text); err != nil {
		return err
	}
	if err := errors.Join(w.tar.Close(), w.gz.Close()); err != nil {
		return fmt.Errorf("back up: %w", err)
	}
	return nil
}

// Read unpacks a backup into dir, which must exist and be empty, and checks every part against the manifest. On an error what is in
// dir is worth nothing. dir "" checks only and writes nothing.
func Read(r io.Reader, dir string) (*Manifest, error) {
	gz, err := gzip.NewReader(r)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", ErrBackup, err)
	}
	u := unpacker{dir: dir, found: make(map[string]Part)}
	for in := tar.NewReader(gz); ; {
		head, err := in.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil {
			err = u.take(head, in)
		}
		if err != nil {
			return nil, fmt.Errorf("%w: %w", ErrBackup, err)
		}
	}
	// Behind the tar's end stands gzip's own sum.
	if n, err := io.CopyN(io.Discard, gz, 1<<20); !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("%w: %d bytes behind its end: %w", ErrBackup, n, errors.Join(err, io.ErrUnexpectedEOF))
	}
	if err := u.check(); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrBackup, err)
	}
	return u.manifest, nil
}

type unpacker struct {
	dir      string
	found    map[string]Part
	total    int64
	manifest *Manifest
}

// take reads one file of the tar.
func (u *unpacker) take(head *tar.Header, in io.Reader) error {
	switch {
	case u.manifest != nil:
		return fmt.Errorf("%q follows the manifest", head.Name)
	case head.Typeflag != tar.TypeReg:
		return fmt.Errorf("%q is not a file", head.Name)
	case head.Name == manifestName:
		return u.readManifest(head, in)
	case !partName.MatchString(head.Name):
		return fmt.Errorf("%q is not a part's name", head.Name)
	case len(u.found) >= MaxParts:
		return fmt.Errorf("more than %d parts", MaxParts)
	case head.Size > MaxPart || u.total+head.Size > MaxTotal:
		return fmt.Errorf("%q: %d bytes are too much", head.Name, head.Size)
	}
	if _, twice := u.found[head.Name]; twice {
		return fmt.Errorf("%q is there twice", head.Name)
	}
	u.total += head.Size
	sum := sha256.New()
	out := io.Writer(sum)
	if u.dir != "" {
		f, err := create(filepath.Join(u.dir, filepath.FromSlash(path.Clean(head.Name))))
		if err != nil {
			return err
		}
		defer f.Close()
		out = io.MultiWriter(sum, f)
	}
	if _, err := io.Copy(out, in); err != nil {
		return fmt.Errorf("%q: %w", head.Name, err)
	}
	u.found[head.Name] = Part{Name: head.Name, Size: head.Size, SHA256: hex.EncodeToString(sum.Sum(nil))}
	return nil
}

func create(name string) (*os.File, error) {
	if err := os.MkdirAll(filepath.Dir(name), 0o700); err != nil {
		return nil, err
	}
	return os.OpenFile(name, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
}

func (u *unpacker) readManifest(head *tar.Header, in io.Reader) error {
	if head.Size > maxManifest {
		return fmt.Errorf("a manifest of %d bytes", head.Size)
	}
	m := new(Manifest)
	if err := json.NewDecoder(io.LimitReader(in, maxManifest)).Decode(m); err != nil {
		return fmt.Errorf("manifest: %w", err)
	}
	if m.Format != format {
		return fmt.Errorf("format %d, this server reads %d", m.Format, format)
	}
	u.manifest = m
	return nil
}

// check compares what was found with what the manifest says.
func (u *unpacker) check() error {
	if u.manifest == nil {
		return errors.New("it ends before its manifest")
	}
	if len(u.manifest.Parts) != len(u.found) {
		return fmt.Errorf("%d parts, the manifest has %d", len(u.found), len(u.manifest.Parts))
	}
	for _, p := range u.manifest.Parts {
		if got, ok := u.found[p.Name]; !ok || got != p {
			return fmt.Errorf("%q is damaged", p.Name)
		}
	}
	return nil
}
