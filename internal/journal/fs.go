package journal

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
)

// A fileSystem is the one directory of a store. Names are without the directory.
type fileSystem interface {
	prepare() error                   // makes the directory
	list() ([]string, error)          // names of regular files
	open(name string) (file, error)   // for reading
	create(name string) (file, error) // for both; it must not exist
	remove(name string) error
	sync() error // what was created and removed, on disk
}

// A file is written by the flusher only.
type file interface {
	io.ReaderAt
	io.WriterAt
	io.Closer
	Truncate(size int64) error
	Sync() error // the data, on disk
	Size() (int64, error)
}

const suffix = ".seg"

func segmentName(number uint64) string {
	n := strconv.FormatUint(number, 10)
	return strings.Repeat("0", max(0, 8-len(n))) + n + suffix
}

// segmentNumber is false for names that are no segment's.
func segmentNumber(name string) (uint64, bool) {
	n, err := strconv.ParseUint(strings.TrimSuffix(name, suffix), 10, 63)
	return n, err == nil && segmentName(n) == name
}

// osDir is the system's.
type osDir struct {
	path     string
	readOnly bool
}

func (d osDir) prepare() error { return os.MkdirAll(d.path, 0o700) }

func (d osDir) list() ([]string, error) {
	entries, err := os.ReadDir(d.path)
	var names []string
	for _, e := range entries {
		if e.Type().IsRegular() {
			names = append(names, e.Name())
		}
	}
	return names, err
}

func (d osDir) open(name string) (file, error) {
	how := os.O_RDWR // a system may sync only what could have been written
	if d.readOnly {
		how = os.O_RDONLY
	}
	f, err := os.OpenFile(filepath.Join(d.path, name), how, 0)
	if err != nil {
		return nil, err
	}
	return osFile{f}, nil
}

func (d osDir) create(name string) (file, error) {
	f, err := os.OpenFile(filepath.Join(d.path, name), os.O_RDWR|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return nil, err
	}
	return osFile{f}, nil
}

func (d osDir) remove(name string) error { return os.Remove(filepath.Join(d.path, name)) }

func (d osDir) sync() error {
	if runtime.GOOS == "windows" {
		return nil // a directory cannot be synced there
	}
	f, err := os.Open(d.path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

type osFile struct{ *os.File }

func (f osFile) Sync() error { return syncData(f.File) }

func (f osFile) Size() (int64, error) {
	info, err := f.Stat()
	if err != nil {
		return 0, err
	}
	return info.Size(), nil
}

// numbers are those of the directory's segments, ascending.
func numbers(dir fileSystem) ([]uint64, error) {
	names, err := dir.list()
	if err != nil {
		return nil, err
	}
	var found []uint64
	for _, name := range names {
		if n, ok := segmentNumber(name); ok {
			found = append(found, n)
		} else if strings.HasSuffix(name, suffix) {
			return nil, &fs.PathError{Op: "read journal", Path: name, Err: errForeignName}
		}
	}
	slices.Sort(found)
	return found, nil
}
