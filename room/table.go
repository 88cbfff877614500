package room

import (
	"fmt"
	"iter"
	"reflect"
	"slices"

	"github.com/vmihailenco/msgpack/v5"

	"github.com/ringside-server/ringside/internal/view"
)

// MaxID is the highest id an entity can have in a view, and a row in a Table.
const MaxID = view.MaxID

// A Table is an ordered collection of rows with ids, for use in a State: unlike a map it is ranged over in one order, and
// unlike a slice its ids stay when rows go. The zero Table is empty and ready. Rows keep their place in memory until they are
// deleted; after that the memory serves the next row, so do not hold on to a pointer across a Delete.
type Table[T any] struct {
	last int
	ids  []int // ascending
	rows []*T
	free []*T // rows that were deleted
}

// Add appends a row under a new id and returns both. Ids ascend, and begin again at 1 after MaxID with those that are free.
func (t *Table[T]) Add(row T) (id int, at *T) {
	for {
		t.last = t.last%MaxID + 1
		if _, taken := slices.BinarySearch(t.ids, t.last); !taken {
			return t.last, t.insert(t.last, row)
		}
	}
}

// Put sets the row of an id of the caller's, 0 to MaxID, a slot for example, and returns it.
func (t *Table[T]) Put(id int, row T) *T {
	if id < 0 || id > MaxID {
		panic(fmt.Sprintf("room: table id %d is not in 0 to %d", id, MaxID))
	}
	if at := t.Get(id); at != nil {
		*at = row
		return at
	}
	t.last = max(t.last, id)
	return t.insert(id, row)
}

func (t *Table[T]) insert(id int, row T) *T {
	var at *T
	if n := len(t.free); n > 0 {
		at, t.free = t.free[n-1], t.free[:n-1]
	} else {
		at = new(T)
	}
	*at = row
	i, _ := slices.BinarySearch(t.ids, id)
	t.ids, t.rows = slices.Insert(t.ids, i, id), slices.Insert(t.rows, i, at)
	return at
}

// Get returns the row of an id, nil if there is none.
func (t *Table[T]) Get(id int) *T {
	if i, ok := slices.BinarySearch(t.ids, id); ok {
		return t.rows[i]
	}
	return nil
}

// Delete removes the row of an id, if there is one. It may be called while All is ranged over.
func (t *Table[T]) Delete(id int) {
	if i, ok := slices.BinarySearch(t.ids, id); ok {
		t.free = append(t.free, t.rows[i])
		t.ids, t.rows = slices.Delete(t.ids, i, i+1), slices.Delete(t.rows, i, i+1)
	}
}

// Clear removes all rows; ids go on.
func (t *Table[T]) Clear() {
	t.free = append(t.free, t.rows...)
	t.ids, t.rows = t.ids[:0], t.rows[:0]
}

// Len is the number of rows.
func (t *Table[T]) Len() int { return len(t.ids) }

// All ranges over the rows by ascending id. Rows may be changed, deleted and added meanwhile; those added behind the present
// one are visited.
func (t *Table[T]) All() iter.Seq2[int, *T] {
	return func(yield func(int, *T) bool) {
		for i := 0; i < len(t.ids); {
			id := t.ids[i]
			if !yield(id, t.rows[i]) {
				return
			}
			if i < len(t.ids) && t.ids[i] == id {
				i++
			} else { // rows went or came: find the next higher id
				i, _ = slices.BinarySearch(t.ids, id+1)
			}
		}
	}
}

// rowType is for CheckState, which cannot see what a Table holds.
func (t *Table[T]) rowType() reflect.Type { return reflect.TypeFor[T]() }

// EncodeMsgpack writes the table as [last, id, row, id, row, …].
func (t *Table[T]) EncodeMsgpack(e *msgpack.Encoder) error {
	if err := e.EncodeArrayLen(1 + 2*len(t.ids)); err != nil {
		return err
	}
	if err := e.EncodeInt(int64(t.last)); err != nil {
		return err
	}
	for i, id := range t.ids {
		if err := e.EncodeInt(int64(id)); err != nil {
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
	if t.last, err = d.DecodeInt(); err != nil {
		return err
	}
	if t.last < 0 || t.last > MaxID {
		return fmt.Errorf("table: last id %d", t.last)
	}
	for range n / 2 {
		id, err := d.DecodeInt()
		if err != nil {
			return err
		}
		if k := len(t.ids); id < 0 || id > MaxID || k > 0 && t.ids[k-1] >= id {
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
