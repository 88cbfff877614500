package view

// A Layout is a schema's kinds compiled for encoding. It is immutable and shared by all rooms of a game.
type Layout struct {
	kinds []kindLayout
}

type kindLayout struct {
	width  int
	fields []fieldLayout
	plain  bool // only int, bool and fixed: differences are subtractions, entities are copied as runs of int32
	blobs  bool // has text or bytes
}

type fieldLayout struct {
	class class
	turn  int32 // classAngle
	max   int   // classText, classBytes: bytes
}

type class uint8

const (
	classNumber class = iota
	classAngle
	classText
	classBytes
)

// Compile validates the schema and prepares its kinds.
func Compile(s *Schema) (*Layout, error) {
	if err := s.Validate(); err != nil {
		return nil, err
	}
	l := &Layout{kinds: make([]kindLayout, len(s.Kinds))}
	for i, k := range s.Kinds {
		l.kinds[i] = compileKind(k)
	}
	return l, nil
}

func compileKind(k Kind) kindLayout {
	kl := kindLayout{width: len(k.Fields), fields: make([]fieldLayout, len(k.Fields)), plain: true}
	for i, f := range k.Fields {
		fl := &kl.fields[i]
		switch f.Type {
		case Angle:
			fl.class, fl.turn = classAngle, f.Turn
		case Text:
			fl.class, fl.max = classText, int(*f.Max)
		case Bytes:
			fl.class, fl.max = classBytes, int(*f.Max)
		default:
			continue
		}
		kl.plain = false
		kl.blobs = kl.blobs || fl.class != classAngle
	}
	return kl
}

// Kinds is the number of kinds, K. A shared or a private view has K sections; a client's state has 2K: the shared ones, then
// the private ones.
func (l *Layout) Kinds() int { return len(l.kinds) }

// Width is the number of fields of a kind.
func (l *Layout) Width(kind int) int { return l.kinds[kind].width }

// NewFrame returns an empty view of K sections: what everybody sees, or one player's private part.
func (l *Layout) NewFrame() *Frame {
	return &Frame{layout: l, sections: make([]section, len(l.kinds))}
}

// NewClientFrame returns an empty view of 2K sections: all that one client holds.
func (l *Layout) NewClientFrame() *Frame {
	return &Frame{layout: l, sections: make([]section, 2*len(l.kinds))}
}

// kind is the layout of the kind a section holds.
func (l *Layout) kind(section int) *kindLayout {
	if section >= len(l.kinds) {
		section -= len(l.kinds)
	}
	return &l.kinds[section]
}

// wrap brings a difference of two angles into [−turn/2, turn/2).
func wrap(d, turn int32) int32 {
	half := turn / 2
	switch {
	case d >= turn-half:
		return d - turn
	case d < -half:
		return d + turn
	}
	return d
}
