package room

import (
	"bytes"
	"encoding/json"
	"strconv"
)

// MarshalJSON writes the table as an object, {"id": row, …}, by ascending id. It is for people: checkpoints are not JSON.
func (t *Table[T]) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, id := range t.ids {
		if i > 0 {
			b.WriteByte(',')
		}
		row, err := json.Marshal(t.rows[i])
		if err != nil {
			return nil, err
		}
		b.WriteString(strconv.Quote(strconv.Itoa(id)) + ":")
		b.Write(row)
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}
