package matchmaker

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
)

// A snapshot is a magic string and records, each a length (uvarint) and a
// msgpack array: one header, then the nodes, the keys and the rooms in the
// order of their names, then the idempotency keys and the outbox in theirs.
const snapshotMagic = "RSDIR\x01"

// maxRecordBytes bounds one record: a room with every seat and a result.
const maxRecordBytes = 2 << 20

// snapshotHeader is the first record.
type snapshotHeader struct {
	hash, applied, assigned, endings uint64
	clock                            int64
	nodes, keys, rooms               uint64
	replays, notices                 uint64
	webhook                          bool
	dropped                          uint64
	tickets                          ticketsHeader
}

func (h *snapshotHeader) fields(c *codec) {
	c.uint(&h.hash)
	c.uint(&h.applied)
	c.uint(&h.assigned)
	c.uint(&h.endings)
	c.int(&h.clock)
	c.uint(&h.nodes)
	c.uint(&h.keys)
	c.uint(&h.rooms)
	c.uint(&h.replays)
	c.uint(&h.notices)
	c.bool(&h.webhook)
	c.uint(&h.dropped)
	h.tickets.fields(c)
}

// Snapshot captures the directory: a list of pointers to rooms that nobody
// will change. What it returns writes them, beside later commands.
func (d *Directory) Snapshot() (func(io.Writer) error, error) {
	d.mu.RLock()
	defer d.mu.RUnlock()
	t := d.t
	h := snapshotHeader{
		hash: t.hash, applied: t.applied, assigned: t.assigned, endings: t.endings, clock: t.clock,
		nodes: uint64(len(t.nodes)), keys: uint64(len(t.keys)), rooms: uint64(len(t.rooms)),
		replays: uint64(t.replays.all.len()), notices: uint64(t.outbox.queue.len()), webhook: t.outbox.on, dropped: t.outbox.dropped, tickets: t.tickets.header(),
	}
	s := snapshot{
		header: h, nodes: slices.Clone(t.nodes), keys: slices.Clone(t.keys), rooms: make([]*Room, 0, len(t.rooms)),
		replays: t.replays.all.values(), notices: t.outbox.queue.values(), tickets: t.tickets.list(),
	}
	for _, r := range t.rooms {
		s.rooms = append(s.rooms, r)
	}
	return s.write, nil
}

// snapshot is a directory at one index. What it points to is never changed.
type snapshot struct {
	header  snapshotHeader
	nodes   []*node
	keys    []signingKey
	rooms   []*Room
	replays []*replay
	notices []*notice
	tickets []*Ticket
}

func (s *snapshot) write(w io.Writer) error {
	slices.SortFunc(s.rooms, func(a, b *Room) int { return strings.Compare(a.ID, b.ID) })
	rw := recordWriter{w: bufio.NewWriter(w)}
	_, rw.err = rw.w.WriteString(snapshotMagic)
	rw.record(s.header.fields)
	for _, n := range s.nodes {
		rw.record(n.fields)
	}
	for i := range s.keys {
		rw.record(s.keys[i].fields)
	}
	for _, r := range s.rooms {
		rw.record(r.fields)
	}
	for _, e := range s.replays {
		rw.record(e.fields)
	}
	for _, n := range s.notices {
		rw.record(n.fields)
	}
	rw.tickets(s.tickets)
	if rw.err == nil {
		rw.err = rw.w.Flush()
	}
	if rw.err != nil {
		return fmt.Errorf("write directory: %w", rw.err)
	}
	return nil
}

type recordWriter struct {
	w   *bufio.Writer
	buf []byte
	err error
}

func (w *recordWriter) record(fields func(*codec)) {
	if w.err != nil {
		return
	}
	w.buf = encodeFields(w.buf[:0], fields)
	var size [binary.MaxVarintLen64]byte
	if _, w.err = w.w.Write(size[:binary.PutUvarint(size[:], uint64(len(w.buf)))]); w.err == nil {
		_, w.err = w.w.Write(w.buf)
	}
}

// Restore replaces the directory by what a snapshot holds. On error the
// directory is as it was.
func (d *Directory) Restore(r io.Reader) error {
	t, err := readSnapshot(bufio.NewReader(r))
	if err != nil {
		return fmt.Errorf("restore directory: %w", err)
	}
	defer d.tellTickets() // without the lock
	touched, observer := d.replace(t)
	for _, c := range touched {
		observer(c.old, c.next)
	}
	return nil
}

// replace makes t the directory and returns what an observer has to hear.
func (d *Directory) replace(t *tables) (touched []change, observer func(old, next *Room)) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.observer != nil {
		for id, old := range d.t.rooms {
			if t.rooms[id] == nil {
				d.touch(old, nil)
			}
		}
		for id, r := range t.rooms {
			d.touch(d.t.rooms[id], r)
		}
	}
	d.restoredTickets(t)
	d.t, d.complete = t, t.assigned
	close(d.changed)
	d.changed = make(chan struct{})
	for id := range d.watchers {
		d.wake(id)
	}
	select {
	case d.posted <- struct{}{}:
	default:
	}
	touched, d.touched = d.touched, nil
	return touched, d.observer
}

func readSnapshot(r *bufio.Reader) (*tables, error) {
	magic := make([]byte, len(snapshotMagic))
	if _, err := io.ReadFull(r, magic); err != nil || string(magic) != snapshotMagic {
		return nil, errors.New("not a snapshot of this version")
	}
	rr := recordReader{r: r}
	var h snapshotHeader
	rr.record(h.fields)
	t := newTables()
	t.hash, t.applied, t.assigned, t.endings, t.clock = h.hash, h.applied, h.assigned, h.endings, h.clock
	for range rr.count(h.nodes, maxNodes) {
		n := &node{}
		rr.record(n.fields)
		rr.check(len(t.nodes) == 0 || t.nodes[len(t.nodes)-1].Name < n.Name, "nodes out of order")
		t.nodes = append(t.nodes, n)
	}
	for range rr.count(h.keys, tokenKeys) {
		var k signingKey
		rr.record(k.fields)
		rr.check(len(t.keys) == 0 || t.keys[len(t.keys)-1].ID > k.ID, "keys out of order")
		rr.check(len(k.Secret) >= minSecretBytes, "key too short")
		t.keys = append(t.keys, k)
	}
	for range h.rooms {
		if rr.err != nil {
			break
		}
		rr.room(t)
	}
	rr.replays(t, h.replays)
	rr.notices(t, &h)
	rr.tickets(t, h.tickets)
	if _, err := r.ReadByte(); rr.err == nil && !errors.Is(err, io.EOF) {
		rr.err = errors.New("bytes after the last record")
	}
	return t, rr.err
}

// recordReader reads records until the first error, which sticks.
type recordReader struct {
	r   *bufio.Reader
	buf bytes.Buffer
	err error
}

func (rr *recordReader) record(fields func(*codec)) {
	if rr.err != nil {
		return
	}
	size, err := binary.ReadUvarint(rr.r)
	if err != nil || size > maxRecordBytes {
		rr.err = fmt.Errorf("record of %d bytes: %w", size, errors.Join(err, io.ErrUnexpectedEOF))
		return
	}
	// Read what is there before believing the length.
	rr.buf.Reset()
	if _, rr.err = io.CopyN(&rr.buf, rr.r, int64(size)); rr.err == nil {
		rr.err = decodeFields(rr.buf.Bytes(), fields)
	}
}

// room reads one room and puts it into t.
func (rr *recordReader) room(t *tables) {
	r := &Room{}
	rr.record(r.fields)
	if rr.err != nil {
		return
	}
	rr.check(t.rooms[r.ID] == nil, "room twice")
	rr.check(r.Code == "" || t.idx.codes[r.Code] == "", "code twice")
	rr.err = errors.Join(rr.err, r.check())
	if rr.err == nil {
		t.rooms[r.ID] = r
		t.idx.replace(nil, r)
	}
}

func (rr *recordReader) replays(t *tables, count uint64) {
	last := int64(math.MinInt64)
	for range rr.count(count, replaysKept) {
		e := &replay{}
		rr.record(e.fields)
		_, twice := t.replays.all.get(replayKey{e.Principal, e.Key})
		rr.check(e.Key != "" && !twice && e.At >= last, "idempotency keys out of order")
		if rr.err != nil {
			return
		}
		last = e.At
		t.replays.add(e)
	}
}

func (rr *recordReader) notices(t *tables, h *snapshotHeader) {
	t.outbox.on, t.outbox.dropped = h.webhook, h.dropped
	rr.check(h.webhook || h.notices == 0, "notices without a webhook")
	var last uint64
	for range rr.count(h.notices, outboxKept) {
		n := &notice{}
		rr.record(n.fields)
		_, twice := t.outbox.queue.get(n.event())
		rr.check(!twice && n.Seq > last && n.Seq <= h.endings, "notices out of order")
		if rr.err != nil {
			return
		}
		last = n.Seq
		t.outbox.add(n)
	}
}

func (rr *recordReader) count(n, limit uint64) uint64 {
	rr.check(n <= limit, "too many records")
	if rr.err != nil {
		return 0
	}
	return n
}

func (rr *recordReader) check(ok bool, what string) {
	if rr.err == nil && !ok {
		rr.err = errors.New(what)
	}
}

// check returns what is wrong with a room, if anything is: these hold for
// every room at any time.
func (r *Room) check() error {
	if r.ID == "" || r.Owner == "" || r.Epoch == 0 || !sortedPairs(r.Metadata) {
		return fmt.Errorf("room %q: incomplete", r.ID)
	}
	if (r.State == RoomEnded) != (r.End != nil) || r.State == RoomEnded && len(r.Seats) > 0 {
		return fmt.Errorf("room %q: half ended", r.ID)
	}
	if r.Code != "" && (!validCode(r.Code) || !r.Private || r.State == RoomEnded) {
		return fmt.Errorf("room %q: code out of place", r.ID)
	}
	return r.checkSeats()
}

func (r *Room) checkSeats() error {
	last := -1
	for i := range r.Seats {
		s := &r.Seats[i]
		low, high := r.slots(s.Role)
		switch {
		case s.Slot <= last || s.Slot < low || s.Slot >= high:
			return fmt.Errorf("room %q: slot %d out of place", r.ID, s.Slot)
		case s.ID == 0 || s.ID >= r.NextSeat:
			return fmt.Errorf("room %q: seat %d was never given out", r.ID, s.ID)
		case s.State == SeatReserved && (s.Expires <= 0 || s.Expires > maxDue):
			return fmt.Errorf("room %q: seat %d never expires", r.ID, s.ID)
		case s.State == SeatTaken && s.Expires != 0:
			return fmt.Errorf("room %q: taken seat %d expires", r.ID, s.ID)
		}
		last = s.Slot
	}
	return nil
}
