package room

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"

	"github.com/vmihailenco/msgpack/v5"

	"github.com/ringside-server/ringside/internal/wire"
)

// ErrState is wrapped by every error about a state that cannot be encoded or restored.
var ErrState = errors.New("game state")

// RestoreState fills a game's state from the bytes of a checkpoint. The bytes are checked before they are decoded: every
// announced length against the bytes that are there, because the decoder allocates what it is told.
func RestoreState(g Game, data []byte) error {
	if c, ok := g.(StateCodec); ok {
		if err := c.RestoreState(data); err != nil {
			return fmt.Errorf("%w: restore: %w", ErrState, err)
		}
		return nil
	}
	if err := wire.CheckObject(data); err != nil {
		return fmt.Errorf("%w: restore: %w", ErrState, err)
	}
	dec := msgpack.GetDecoder()
	defer msgpack.PutDecoder(dec)
	dec.Reset(bytes.NewReader(data))
	if err := dec.Decode(g.State()); err != nil {
		return fmt.Errorf("%w: restore: %w", ErrState, err)
	}
	return nil
}

// CheckState reports what in a game's state would not survive: fields that are not exported, and maps, whose order differs
// from run to run and which restoring merges instead of replacing.
func CheckState(g Game) error {
	if g == nil {
		return fmt.Errorf("%w: New returned no game and no error", ErrState)
	}
	if _, ok := g.(StateCodec); ok {
		return nil
	}
	v := reflect.ValueOf(g.State())
	if v.Kind() != reflect.Pointer || v.IsNil() {
		return fmt.Errorf("%w: State returns %T, want a pointer to a struct", ErrState, g.State())
	}
	return checkSurvives(v.Type(), v.Type().Elem().String(), map[reflect.Type]bool{})
}

func checkSurvives(t reflect.Type, path string, seen map[reflect.Type]bool) error {
	if seen[t] {
		return nil
	}
	seen[t] = true
	if t.Kind() == reflect.Pointer {
		return checkSurvives(t.Elem(), path, seen)
	}
	if table, ok := reflect.New(t).Interface().(interface{ rowType() reflect.Type }); ok {
		return checkSurvives(table.rowType(), path+"[]", seen)
	}
	if reflect.PointerTo(t).Implements(reflect.TypeFor[msgpack.CustomEncoder]()) {
		return nil
	}
	switch t.Kind() {
	case reflect.Slice, reflect.Array:
		return checkSurvives(t.Elem(), path, seen)
	case reflect.Map:
		return fmt.Errorf("%w: %s is a map; use a room.Table, which has an order", ErrState, path)
	case reflect.Func, reflect.Chan, reflect.Interface, reflect.UnsafePointer:
		return fmt.Errorf("%w: %s is a %s and cannot be restored", ErrState, path, t.Kind())
	case reflect.Struct:
		return checkFieldsSurvive(t, path, seen)
	}
	return nil
}

func checkFieldsSurvive(t reflect.Type, path string, seen map[reflect.Type]bool) error {
	for i := range t.NumField() {
		f := t.Field(i)
		if f.Tag.Get("msgpack") == "-" {
			continue
		}
		if !f.IsExported() {
			return fmt.Errorf("%w: %s.%s is not exported and would be lost; export it or tag it `msgpack:\"-\"`", ErrState, path, f.Name)
		}
		if err := checkSurvives(f.Type, path+"."+f.Name, seen); err != nil {
			return err
		}
	}
	return nil
}
