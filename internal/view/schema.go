package view

import (
	"encoding/json"
	"errors"
	"fmt"
	"unicode/utf8"
)

// ErrSchema is wrapped by every error about a schema that is not acceptable.
var ErrSchema = errors.New("schema")

// Bounds of a schema; docs/PROTOCOL.md §5.5.
const (
	MaxKinds       = 16
	MaxFields      = 31 // so that a mask is an int32
	MaxMessages    = 64
	MaxEvents      = 64
	MaxSchemaBytes = 64 << 10
	MaxText        = 1 << 10 // bytes of one text or bytes field
	MaxID          = 1<<24 - 1
	MaxEntities    = 1 << 16 // of one section: what a body may make a client hold
)

// A FieldType says how a field's value becomes an int32 or bytes on the wire.
type FieldType string

// The field types of docs/PROTOCOL.md §5.2.
const (
	Int   FieldType = "int"
	Bool  FieldType = "bool"
	Fixed FieldType = "fixed" // value × Scale, rounded
	Angle FieldType = "angle" // 0 … Turn−1 of a full turn
	Text  FieldType = "text"
	Bytes FieldType = "bytes"
)

// A Field describes one field of a kind, an input, a message or an event.
type Field struct {
	Name  string    `json:"name"`
	Type  FieldType `json:"type"`
	Scale int32     `json:"scale,omitempty"` // fixed: units per 1.0
	Turn  int32     `json:"turn,omitempty"`  // angle: units per full turn
	Min   *int32    `json:"min,omitempty"`   // in wire units; nil is unbounded
	Max   *int32    `json:"max,omitempty"`   // in wire units, or the longest text or bytes value
	Pos   string    `json:"pos,omitempty"`   // "x", "y" or "z" for a coordinate
	Owner bool      `json:"owner,omitempty"` // the value is the slot of the player who owns the entity
}

// A Kind is a named list of fields: what entities of that kind show.
type Kind struct {
	Name   string  `json:"name"`
	Fields []Field `json:"fields"`
}

// An Input describes what a player sends each tick. Mode is "one", "latest" or "each".
type Input struct {
	Mode   string  `json:"mode"`
	Fields []Field `json:"fields"`
}

// A Message is a request a player can make, at most Rate a second.
type Message struct {
	Name   string  `json:"name"`
	Rate   int     `json:"rate"`
	Fields []Field `json:"fields"`
}

// An Event is something the game tells players once.
type Event struct {
	Name   string  `json:"name"`
	Fields []Field `json:"fields"`
}

// A Schema is everything a client must know of a game to decode its state and to talk to it.
type Schema struct {
	Game       string    `json:"game"`
	Version    uint32    `json:"version"`
	TickHz     int       `json:"tick_hz"`
	SendHz     int       `json:"send_hz"`
	MaxPlayers int       `json:"max_players"`
	Kinds      []Kind    `json:"kinds"`
	Input      *Input    `json:"input,omitempty"`
	Messages   []Message `json:"messages,omitempty"`
	Events     []Event   `json:"events,omitempty"`
}

// ParseSchema reads the JSON text of a schema and validates it.
func ParseSchema(text []byte) (*Schema, error) {
	if len(text) > MaxSchemaBytes {
		return nil, fmt.Errorf("%w: %d bytes, at most %d", ErrSchema, len(text), MaxSchemaBytes)
	}
	s := new(Schema)
	if err := json.Unmarshal(text, s); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSchema, err)
	}
	if err := s.Validate(); err != nil {
		return nil, err
	}
	return s, nil
}

// JSON returns the text that clients receive.
func (s *Schema) JSON() []byte {
	text, err := json.Marshal(s)
	if err != nil {
		panic("view: a schema of strings and numbers must marshal: " + err.Error())
	}
	return text
}

// Validate checks every bound and names the part that breaks one.
func (s *Schema) Validate() error {
	if err := checkName("game", s.Game); err != nil {
		return err
	}
	if len(s.Kinds) > MaxKinds || len(s.Messages) > MaxMessages || len(s.Events) > MaxEvents {
		return fmt.Errorf("%w: %d kinds, %d messages, %d events; at most %d, %d, %d", ErrSchema,
			len(s.Kinds), len(s.Messages), len(s.Events), MaxKinds, MaxMessages, MaxEvents)
	}
	if s.TickHz < 1 || s.TickHz > 1000 || s.SendHz < 1 || s.SendHz > s.TickHz {
		return fmt.Errorf("%w: tick_hz %d, send_hz %d: want 1 ≤ send_hz ≤ tick_hz ≤ 1000", ErrSchema, s.TickHz, s.SendHz)
	}
	var names nameSet
	for _, k := range s.Kinds {
		if err := errors.Join(names.add("kind", k.Name), checkFields("kind", k.Name, k.Fields)); err != nil {
			return err
		}
	}
	if s.Input != nil {
		if err := checkInput(s.Input); err != nil {
			return err
		}
	}
	for _, m := range s.Messages {
		if err := errors.Join(names.add("message", m.Name), checkFields("message", m.Name, m.Fields)); err != nil {
			return err
		}
	}
	for _, e := range s.Events {
		if err := errors.Join(names.add("event", e.Name), checkFields("event", e.Name, e.Fields)); err != nil {
			return err
		}
	}
	return nil
}

// A nameSet holds the names that have been given.
type nameSet map[[2]string]bool

func (n *nameSet) add(what, name string) error {
	if *n == nil {
		*n = make(nameSet)
	}
	if (*n)[[2]string{what, name}] {
		return fmt.Errorf("%w: two of %s named %q", ErrSchema, what, name)
	}
	(*n)[[2]string{what, name}] = true
	return nil
}

func checkInput(in *Input) error {
	switch in.Mode {
	case "one", "latest", "each":
	default:
		return fmt.Errorf("%w: input mode %q", ErrSchema, in.Mode)
	}
	for _, f := range in.Fields {
		if f.Type == Text || f.Type == Bytes {
			return fmt.Errorf("%w: input field %q is %s; inputs are numbers, use a message", ErrSchema, f.Name, f.Type)
		}
	}
	if len(in.Fields) == 0 {
		return fmt.Errorf("%w: an input without fields", ErrSchema)
	}
	return checkFields("input", "input", in.Fields)
}

func checkFields(what, name string, fields []Field) error {
	if err := checkName(what, name); err != nil {
		return err
	}
	if len(fields) > MaxFields {
		return fmt.Errorf("%w: %s %q has %d fields, at most %d", ErrSchema, what, name, len(fields), MaxFields)
	}
	var names nameSet
	for _, f := range fields {
		if err := errors.Join(names.add("field", f.Name), checkField(f)); err != nil {
			return fmt.Errorf("%w: %s %q, field %q: %w", ErrSchema, what, name, f.Name, err)
		}
	}
	return nil
}

func checkField(f Field) error {
	if err := checkName("field", f.Name); err != nil {
		return err
	}
	switch f.Type {
	case Int, Bool:
	case Fixed:
		if f.Scale < 1 {
			return fmt.Errorf("scale %d, want at least 1", f.Scale)
		}
	case Angle:
		if f.Turn < 2 || f.Turn > 1<<24 {
			return fmt.Errorf("turn %d, want 2 to 2^24", f.Turn)
		}
	case Text, Bytes:
		if f.Max == nil || *f.Max < 1 || *f.Max > MaxText {
			return fmt.Errorf("want a maximum of 1 to %d bytes", MaxText)
		}
	default:
		return fmt.Errorf("type %q is none of int, bool, fixed, angle, text, bytes", f.Type)
	}
	if f.Type != Text && f.Type != Bytes && f.Min != nil && f.Max != nil && *f.Min > *f.Max {
		return fmt.Errorf("range %d..%d is empty", *f.Min, *f.Max)
	}
	return nil
}

func checkName(what, name string) error {
	if name == "" || len(name) > 64 || !utf8.ValidString(name) {
		return fmt.Errorf("%w: %s name %q: want 1 to 64 bytes of UTF-8", ErrSchema, what, name)
	}
	return nil
}
