package journal

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
)

// A window reads a file in order, with a little looking ahead. It holds one entry at most, and what it is asked for is
// checked against the file's size before memory is spent.
type window struct {
	r     io.ReaderAt
	size  int64
	buf   []byte
	start int64 // of buf in the file
}

const readAhead = 256 << 10

// view returns n bytes from off, which must be inside the file. They are valid until the next call.
func (w *window) view(off int64, n int) ([]byte, error) {
	if end := w.start + int64(len(w.buf)); off >= w.start && off+int64(n) <= end {
		return w.buf[off-w.start:][:n], nil
	}
	want := int(min(int64(max(n, readAhead)), w.size-off))
	if cap(w.buf) < want {
		w.buf = make([]byte, want)
	}
	w.start, w.buf = off, w.buf[:want]
	got, err := w.r.ReadAt(w.buf, off)
	w.buf = w.buf[:got]
	if got >= n {
		return w.buf[:n], nil
	}
	if err == nil || errors.Is(err, io.EOF) {
		err = io.ErrUnexpectedEOF // it became shorter
	}
	return nil, err
}

// A finding is what a scan met besides entries.
type finding struct {
	damaged uint64 // places that hold no entry, with entries behind them
	torn    int64  // bytes at the end that are no entry: a crash in the middle of a write
}

// scan calls visit with each entry of a segment whose key is k, in order; the entry is valid during the call. What is
// damaged is passed over. An error is the file's.
func scan(w *window, k key, visit func(e *entry, off int64, size int)) (finding, error) {
	var found finding
	off, bad := int64(dataStart), int64(-1) // bad is where the damage that we are in began
	for off < w.size {
		e, size, err := entryAt(w, k, off)
		if err != nil {
			return found, err
		}
		if e != nil {
			if bad >= 0 {
				found.damaged++
				bad = -1
			}
			visit(e, off, size)
			off += int64(size)
			continue
		}
		if bad < 0 {
			bad = off
		}
		// A head that can be trusted says how far it is to the next. One that cannot might say anything.
		if off, err = nextMark(w, k, off+int64(max(size, 1))); err != nil {
			return found, err
		}
	}
	if bad >= 0 {
		found.torn = w.size - bad
	}
	return found, nil
}

// entryAt returns nil if there is none; size is then that of a head that is whole though its body is not, or 0.
func entryAt(w *window, k key, off int64) (*entry, int, error) {
	if w.size-off < headLen {
		return nil, 0, nil
	}
	b, err := w.view(off, headLen)
	if err != nil {
		return nil, 0, err
	}
	e, size, ok := k.head(b)
	if !ok || int64(size) > w.size-off {
		return nil, 0, nil
	}
	if b, err = w.view(off, size); err != nil {
		return nil, 0, err
	}
	if !e.fill(b) {
		return nil, size, nil
	}
	return &e, size, nil
}

// nextMark is where the next entry might begin, at off or behind it; the file's size if none does.
func nextMark(w *window, k key, off int64) (int64, error) {
	mark := binary.LittleEndian.AppendUint32(nil, k.mark)
	for w.size-off >= headLen {
		b, err := w.view(off, int(min(readAhead, w.size-off)))
		if err != nil {
			return 0, err
		}
		if i := bytes.Index(b, mark); i >= 0 {
			return off + int64(i), nil
		}
		off += int64(len(b) - len(mark) + 1)
	}
	return w.size, nil
}
