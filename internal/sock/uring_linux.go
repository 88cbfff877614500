package sock

import (
	"errors"
	"fmt"
	"sync/atomic"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// A Ring sends batches of frames by one system call (io_uring). It has one owner, who may change threads between calls: so it
// is set up without what binds it to one (SINGLE_ISSUER, DEFER_TASKRUN). Nothing of a batch is pending when Send returns: a
// send that must not wait is answered inside of the call that submits it, which NewRing makes sure of.
type Ring struct {
	fd             int
	sqHead, sqTail *uint32
	cqHead, cqTail *uint32
	sqMask, cqMask uint32
	sqes           []ringSQE
	cqes           []ringCQE
	rings, slots   []byte // mapped
}

// What the kernel shares: include/uapi/linux/io_uring.h.
type ringSQE struct {
	op, flags uint8
	ioprio    uint16
	fd        int32
	off, addr uint64
	len       uint32
	msgFlags  uint32
	data      uint64
	_         [3]uint64
}

type ringCQE struct {
	data  uint64
	res   int32
	flags uint32
}

type ringParams struct {
	sqEntries, cqEntries, flags, cpu, idle, features, wq uint32
	_                                                    [3]uint32
	sq, cq                                               ringOffsets
}

// ringOffsets are of the submission queue: head, tail, mask, entries, flags, dropped, array; of the completion queue: head,
// tail, mask, entries, overflow, entries' place.
type ringOffsets struct {
	head, tail, mask, entries, x4, x5, x6, x7 uint32
	addr                                      uint64
}

const (
	opSend         = 26
	offSQRing      = 0
	offSQEs        = 0x10000000
	featSingleMmap = 1
	enterGetEvents = 1
)

// NewRing makes a ring for batches of n at a time, a power of two, and tries it.
func NewRing(n int) (*Ring, error) {
	var p ringParams
	fd, _, errno := syscall.Syscall(unix.SYS_IO_URING_SETUP, uintptr(n), uintptr(unsafe.Pointer(&p)), 0)
	if errno != 0 {
		return nil, fmt.Errorf("set up ring: %w", errno)
	}
	r := &Ring{fd: int(fd)}
	if err := r.mapIn(&p); err != nil {
		r.Close()
		return nil, err
	}
	if err := r.try(); err != nil {
		r.Close()
		return nil, err
	}
	return r, nil
}

// mapIn maps what the kernel shares.
func (r *Ring) mapIn(p *ringParams) (err error) {
	if p.features&featSingleMmap == 0 {
		return errors.New("map ring: kernel too old")
	}
	size := max(p.sq.x6+p.sqEntries*4, p.cq.x5+p.cqEntries*uint32(unsafe.Sizeof(ringCQE{})))
	if r.rings, err = unix.Mmap(r.fd, offSQRing, int(size), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_POPULATE); err != nil {
		return fmt.Errorf("map ring: %w", err)
	}
	size = p.sqEntries * uint32(unsafe.Sizeof(ringSQE{}))
	if r.slots, err = unix.Mmap(r.fd, offSQEs, int(size), unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED|unix.MAP_POPULATE); err != nil {
		return fmt.Errorf("map ring: %w", err)
	}
	word := func(off uint32) *uint32 { return (*uint32)(unsafe.Pointer(&r.rings[off])) }
	r.sqHead, r.sqTail, r.sqMask = word(p.sq.head), word(p.sq.tail), *word(p.sq.mask)
	r.cqHead, r.cqTail, r.cqMask = word(p.cq.head), word(p.cq.tail), *word(p.cq.mask)
	r.sqes = unsafe.Slice((*ringSQE)(unsafe.Pointer(&r.slots[0])), p.sqEntries)
	r.cqes = unsafe.Slice((*ringCQE)(unsafe.Pointer(&r.rings[p.cq.x5])), p.cqEntries)
	for i := range p.sqEntries { // an indirection that nothing here needs
		*word(p.sq.x6 + i*4) = i
	}
	return nil
}

// try sends to a socket until it is full: what a kernel that queues such sends would not say at once.
func (r *Ring) try() error {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return fmt.Errorf("try ring: %w", err)
	}
	defer unix.Close(fds[0])
	defer unix.Close(fds[1])
	batch := []Sending{{FD: fds[0], B: make([]byte, 32<<10)}}
	for range 1000 {
		r.put(batch)
		n, _, errno := r.enter(1, 0, 0)
		if errno != 0 {
			return fmt.Errorf("try ring: %w", errno)
		}
		if n != 1 || !r.take(batch) {
			return errors.New("try ring: a send was left pending")
		}
		if errors.Is(batch[0].Err, ErrWouldBlock) {
			return nil
		}
		if batch[0].Err != nil {
			return fmt.Errorf("try ring: %w", batch[0].Err)
		}
	}
	return errors.New("try ring: a full socket takes more")
}

// Send sends a batch and returns when each of its sends has its answer. A batch longer than the ring takes more than one call. The
// bytes must be on the heap: the kernel is told where they are, and a goroutine's stack may move.
func (r *Ring) Send(batch []Sending) {
	for len(batch) > 0 {
		n := r.some(batch[:min(len(batch), len(r.sqes))])
		batch = batch[n:]
	}
}

// some sends a part and returns how long that is.
func (r *Ring) some(batch []Sending) int {
	r.put(batch)
	n, _, errno := r.enter(uint32(len(batch)), 0, 0)
	if errno != 0 || n == 0 { // the kernel is short of memory: one goes the plain way, the rest is tried again
		atomic.StoreUint32(r.sqTail, atomic.LoadUint32(r.sqHead))
		batch[0].N, batch[0].Err = Send(batch[0].FD, batch[0].B)
		return 1
	}
	if int(n) < len(batch) {
		atomic.StoreUint32(r.sqTail, atomic.LoadUint32(r.sqHead))
	}
	for batch = batch[:n]; !r.take(batch); { // never seen; but the bytes must not change before
		_, _, _ = r.enter(0, uint32(n), enterGetEvents)
	}
	return int(n)
}

// put fills in the submission queue, which is empty and long enough.
func (r *Ring) put(batch []Sending) {
	tail := *r.sqTail
	for i := range batch {
		s := &batch[i]
		r.sqes[tail&r.sqMask] = ringSQE{
			op: opSend, fd: int32(s.FD), addr: uint64(uintptr(unsafe.Pointer(unsafe.SliceData(s.B)))), len: uint32(len(s.B)),
			msgFlags: unix.MSG_DONTWAIT | unix.MSG_NOSIGNAL, data: uint64(i),
		}
		tail++
	}
	atomic.StoreUint32(r.sqTail, tail)
}

// take takes the answers of a batch if all are there.
func (r *Ring) take(batch []Sending) bool {
	head, tail := *r.cqHead, atomic.LoadUint32(r.cqTail)
	if int(tail-head) < len(batch) {
		return false
	}
	for ; head != tail; head++ { // nothing else is pending: these are the batch's
		c := &r.cqes[head&r.cqMask]
		s := &batch[c.data]
		if s.N, s.Err = int(c.res), nil; c.res < 0 {
			s.N, s.Err = 0, errnoErr(syscall.Errno(-c.res))
		}
	}
	atomic.StoreUint32(r.cqHead, head)
	return true
}

func (r *Ring) enter(n, wait uint32, flags uintptr) (uintptr, uintptr, syscall.Errno) {
	return syscall.RawSyscall6(unix.SYS_IO_URING_ENTER, uintptr(r.fd), uintptr(n), uintptr(wait), flags, 0, 0)
}

// Close frees the ring.
func (r *Ring) Close() {
	if r.slots != nil {
		_ = unix.Munmap(r.slots)
	}
	if r.rings != nil {
		_ = unix.Munmap(r.rings)
	}
	_ = unix.Close(r.fd)
}
