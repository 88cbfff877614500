package wire

// FlagPrivateFresh, in a DELTAB's flags, says that the private sections start from empty instead of from the base.
const FlagPrivateFresh uint32 = 1

// State is a SNAPSHOT, DELTA or DELTAB: the numbers of its head, and its body still as bytes.
type State struct {
	Type      Type
	Epoch     uint32 // not in a DELTA
	Tick      uint32 // in a DELTA the distance to the base's
	BaseEpoch uint32 // DELTAB only
	BaseTick  uint32 // DELTAB only
	InSeq     uint32 // in a DELTA the distance to the base's
	Flags     uint32 // DELTAB only
	Elements  int    // in Body
	Body      Reader // exactly Elements integers of 32 bits, strings and byte strings; aliases the frame
}

// The state heads write everything before the body, the array header included: elements is how many body elements the
// caller appends behind. So a body can be encoded once and go out behind a head of each session's own.

// AppendSnapshotHead appends a SNAPSHOT up to its body.
func AppendSnapshotHead(dst []byte, elements int, epoch, tick, inSeq uint32) []byte {
	dst = appendHead(dst, TypeSnapshot, 3+elements)
	dst = AppendUint(dst, uint64(epoch))
	dst = AppendUint(dst, uint64(tick))
	return AppendUint(dst, uint64(inSeq))
}

// AppendDeltaHead appends a DELTA up to its body.
func AppendDeltaHead(dst []byte, elements int, dtick, dinSeq uint32) []byte {
	dst = appendHead(dst, TypeDelta, 2+elements)
	dst = AppendUint(dst, uint64(dtick))
	return AppendUint(dst, uint64(dinSeq))
}

// AppendDeltaBHead appends a DELTAB up to its body.
func AppendDeltaBHead(dst []byte, elements int, epoch, tick, baseEpoch, baseTick, inSeq, flags uint32) []byte {
	dst = appendHead(dst, TypeDeltaB, 6+elements)
	dst = AppendUint(dst, uint64(epoch))
	dst = AppendUint(dst, uint64(tick))
	dst = AppendUint(dst, uint64(baseEpoch))
	dst = AppendUint(dst, uint64(baseTick))
	dst = AppendUint(dst, uint64(inSeq))
	return AppendUint(dst, uint64(flags))
}

// ParseState parses a SNAPSHOT, DELTA or DELTAB. It walks the body once, so that a cut or overlong frame is refused before
// any of it is looked at; whether the records make sense is for the one who applies them.
func ParseState(frame []byte) (State, error) {
	x, err := ParseStateHead(frame)
	if err != nil {
		return State{}, err
	}
	r := x.Body
	r.walkBody(x.Elements)
	if err := r.endFrame(0); err != nil {
		return State{}, err
	}
	return x, nil
}

// ParseStateHead is ParseState without the walk, for a caller that applies the body at once and checks it by that, its end
// included.
func ParseStateHead(frame []byte) (State, error) {
	r := NewReader(frame)
	var x State
	t, left := r.frameHead()
	x.Type = t
	switch t {
	case TypeSnapshot:
		x.Epoch = r.Uint32()
		x.Tick = r.Uint32()
		x.InSeq = r.Uint32()
		left -= 3
	case TypeDelta:
		x.Tick = r.Uint32()
		x.InSeq = r.Uint32()
		left -= 2
	case TypeDeltaB:
		x.Epoch = r.Uint32()
		x.Tick = r.Uint32()
		x.BaseEpoch = r.Uint32()
		x.BaseTick = r.Uint32()
		x.InSeq = r.Uint32()
		x.Flags = r.Uint32()
		left -= 6
	default:
		r.fail()
	}
	if left < 0 {
		r.fail()
	}
	if r.Err() != nil {
		return State{}, r.Err()
	}
	x.Elements, x.Body = left, r
	return x, nil
}

// walkBody passes over n elements of a body and refuses what no body holds.
func (r *Reader) walkBody(n int) {
	for ; n > 0 && r.off < len(r.buf); n-- {
		c := r.buf[r.off]
		switch {
		case int8(c) >= -32: // fixint
			r.off++
		case c >= 0xcc && c <= 0xd3:
			r.Int32()
		case c >= 0xc4 && c <= 0xc6:
			r.Bytes(MaxServerMessage)
		default:
			r.String(MaxServerMessage)
		}
	}
	if n > 0 {
		r.fail()
	}
}
