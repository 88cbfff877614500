package client

// An outQueue holds messages to send back to back. Its memory is used again once all are taken.
type outQueue struct {
	buf  []byte
	ends []int // where each message ends
	head int   // the next message to take
}

func (q *outQueue) reset() { q.buf, q.ends, q.head = q.buf[:0], q.ends[:0], 0 }

func (q *outQueue) full() bool { return len(q.buf) > maxOut }

// open starts a message: the caller appends it to buf and calls close.
func (q *outQueue) open() {
	if q.head == len(q.ends) {
		q.reset()
	}
}

// close ends the message and returns its length.
func (q *outQueue) close() uint64 {
	start := 0
	if n := len(q.ends); n > 0 {
		start = q.ends[n-1]
	}
	q.ends = append(q.ends, len(q.buf))
	return uint64(len(q.buf) - start)
}

func (q *outQueue) put(appendTo func([]byte) []byte) uint64 {
	q.open()
	q.buf = appendTo(q.buf)
	return q.close()
}

func (q *outQueue) next() []byte {
	if q.head == len(q.ends) {
		return nil
	}
	start := 0
	if q.head > 0 {
		start = q.ends[q.head-1]
	}
	m := q.buf[start:q.ends[q.head]]
	q.head++
	return m
}
