package journal

import "sync"

const chunkSize = 256 << 10

// A batch is entries on their way to the file: a stream of bytes in chunks, and what the entries in it are.
type batch struct {
	chunks [][]byte
	refs   []ref
	size   int
}

// A ref is one entry of a batch.
type ref struct {
	shelf *shelf
	kind  kind
	epoch uint32
	chain uint64
	size  int
}

// add appends bytes to the stream. Chunks are never copied to grow.
func (b *batch) add(from *pool, p []byte) {
	b.size += len(p)
	for len(p) > 0 {
		if n := len(b.chunks); n == 0 || len(b.chunks[n-1]) == chunkSize {
			b.chunks = append(b.chunks, from.take())
		}
		last := &b.chunks[len(b.chunks)-1]
		n := min(chunkSize-len(*last), len(p))
		*last = append(*last, p[:n]...)
		p = p[n:]
	}
}

// link moves all of other to the end of b.
func (b *batch) link(other *batch) {
	b.chunks = append(b.chunks, other.chunks...)
	b.refs = append(b.refs, other.refs...)
	b.size += other.size
	other.forget()
}

// reset gives the chunks back.
func (b *batch) reset(to *pool) {
	to.give(b.chunks)
	b.forget()
}

func (b *batch) forget() {
	clear(b.chunks)
	clear(b.refs)
	b.chunks, b.refs, b.size = b.chunks[:0], b.refs[:0], 0
}

// A cursor walks the stream of a batch.
type cursor struct {
	chunks [][]byte
	off    int // in the first
}

// next calls visit with the pieces of the next n bytes.
func (c *cursor) next(n int, visit func([]byte)) {
	for n > 0 {
		piece := c.chunks[0][c.off:]
		if len(piece) > n {
			visit(piece[:n])
			c.off += n
			return
		}
		visit(piece)
		n -= len(piece)
		c.chunks, c.off = c.chunks[1:], 0
	}
}

// merge fills an empty batch with the entries of older and newer that a restart would use if all were written: what
// stands before a room's newest state or end is of no use to anybody. It empties both.
func merge(into, older, newer *batch, p *pool) {
	n := 0
	for _, b := range []*batch{older, newer} {
		for i := range b.refs {
			n++
			if r := &b.refs[i]; r.kind != kindRecords {
				r.shelf.newest = n
			}
		}
	}
	n = 0
	for _, b := range []*batch{older, newer} {
		c := cursor{chunks: b.chunks}
		for _, r := range b.refs {
			n++
			keep := n >= r.shelf.newest
			c.next(r.size, func(piece []byte) {
				if keep {
					into.add(p, piece)
				}
			})
			if keep {
				into.refs = append(into.refs, r)
			}
		}
	}
	for _, r := range into.refs {
		r.shelf.newest = 0
	}
	older.reset(p)
	newer.reset(p)
}

// A pool keeps chunks that are not in use: as many as were of late, and half of the rest each time trim is called.
type pool struct {
	mu   sync.Mutex // never held across anything
	free [][]byte
	idle int // fewest free since the last trim
}

func (p *pool) take() []byte {
	p.mu.Lock()
	defer p.mu.Unlock()
	n := len(p.free)
	if n == 0 {
		return make([]byte, 0, chunkSize)
	}
	c := p.free[n-1]
	p.free[n-1] = nil
	p.free = p.free[:n-1]
	p.idle = min(p.idle, n-1)
	return c
}

func (p *pool) give(chunks [][]byte) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, c := range chunks {
		p.free = append(p.free, c[:0])
	}
}

func (p *pool) trim() {
	p.mu.Lock()
	defer p.mu.Unlock()
	keep := len(p.free) - (p.idle+1)/2
	clear(p.free[keep:])
	p.free = p.free[:keep]
	p.idle = keep
}
