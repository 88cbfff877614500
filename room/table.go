package room

import (
	"fmt"
	"iter"
	"slices"

	"github.com/vmihailenco/msgpack/v5"
)

// A Table is an ordered collection of rows with ids, for use in a State: unlike a map it is ranged over in one order, and
// unlike a slice its ids stay when rows go. The zero Table is empty and ready.
type Table[T any] struct {
	last uint32
	ids  []uint32 // ascending
	rows []*T
}

// Add appends a row under a new id, one above the highest ever used, and returns both. The row stays where it is until
// Delete.
func (t *Table[T]) Add(row T) (uint32, *T) {
	t.last++
	p := &row
	t.ids, t.rows = append(t.ids, t.last), append(t.rows, p)
	return t.last, p
}

// Put sets the row of an id of the caller's, a slot for example, and returns it.
func (t *Table[T]) Put(id uint32, row T) *T {
	i, ok := slices.BinarySearch(t.ids, id)
	if !ok {
		t.ids, t.rows = slices.Insert(t.ids, i, id), slices.Insert(t.rows, i, new(T))
	}
	*t.rows[i] = row
	t.last = max(t.last, id)
	return t.rows[i]
}

// Get returns the row of an id, nil if there is none.
func (t *Table[T]) Get(id uint32) *T {
	if i, ok := slices.BinarySearch(t.ids, id); ok {
		return t.rows[i]
	}
	return nil
}

// Delete removes the row of an id, if there is one. It may be called while All is ranged over.
func (t *Table[T]) Delete(id uint32) {
	if i, ok := slices.BinarySearch(t.ids, id); ok {
		t.ids, t.rows = slices.Delete(t.ids, i, i+1), slices.Delete(t.rows, i, i+1)
	}
}

// Len is the number of rows.
func (t *Table[T]) Len() int { return len(t.ids) }

// All ranges over the rows by ascending id. Rows may be changed, deleted and added meanwhile; added ones are visited.
func (t *Table[T]) All() iter.Seq2[uint32, *T] {
	return func(yield func(uint32, *T) bool) {
		for i := 0; i < len(t.ids); {
			id := t.ids[i]
			if !yield(id, t.rows[i]) {
				return
			}
			switch {
			case i < len(t.ids) && t.ids[i] == id:
				i++
			default: // rows went or came: find the next higher id
				i, _ = slices.BinarySearch(t.ids, id+1)
			}
		}
	}
}

// EncodeMsgpack writes the table as [last, id, row, id, row, …].
func (t *Table[T]) EncodeMsgpack(e *msgpack.Encoder) error {
	if err := e.EncodeArrayLen(1 + 2*len(t.ids)); err != nil {
		return err
	}
	if err := e.EncodeUint(uint64(t.last)); err != nil {
		return err
	}
	for i, id := range t.ids {
		if err := e.EncodeUint(uint64(id)); err != nil {
			return err
		}
		if err := e.Encode(t.rows[i]); err != nil {
			return err
		}
	}
	return nil
}

// DecodeMsgpack reads what EncodeMsgpack wrote.
func (t *Table[T]) DecodeMsgpack(d *msgpack.Decoder) error {
	n, err := d.DecodeArrayLen()
	if err != nil {
		return err
	}
	if n < 1 || n%2 == 0 {
		return fmt.Errorf("table of %d elements", n)
	}
	*t = Table[T]{}
	if t.last, err = d.DecodeUint32(); err != nil {
		return err
	}
	for range n / 2 {
		id, err := d.DecodeUint32()
		if err != nil {
			return err
		}
		if k := len(t.ids); k > 0 && t.ids[k-1] >= id || id > t.last {
			return fmt.Errorf("table: id %d out of order", id)
		}
		row := new(T)
		if err := d.Decode(row); err != nil {
			return err
		}
		t.ids, t.rows = append(t.ids, id), append(t.rows, row)
	}
	return nil
}
