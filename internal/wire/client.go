package wire

// Reasons of a RESYNC.
const (
	ResyncHash        uint32 = 1 // HASH differed
	ResyncUndecodable uint32 = 2 // a state frame that does not decode
	ResyncGap         uint32 = 3 // a base that the twin socket did not bring
)

// Ack says what the client has applied and handled, for clients that have no input to say it with.
type Ack struct {
	Tick     uint32
	EventSeq uint32
}

// AppendAck appends an ACK.
func AppendAck(dst []byte, x Ack) []byte {
	dst = appendHead(dst, TypeAck, 2)
	dst = AppendUint(dst, uint64(x.Tick))
	return AppendUint(dst, uint64(x.EventSeq))
}

// ParseAck parses an ACK.
func ParseAck(frame []byte) (Ack, error) {
	r, extra := openFrame(frame, TypeAck, 2)
	var x Ack
	x.Tick = r.Uint32()
	x.EventSeq = r.Uint32()
	if err := r.endFrame(extra); err != nil {
		return Ack{}, err
	}
	return x, nil
}

// Ping asks for a PONG that carries ClientUS back. At most 63 bits, and 53 for a client whose numbers are doubles.
type Ping struct {
	ClientUS uint64
}

// AppendPing appends a PING.
func AppendPing(dst []byte, x Ping) []byte {
	return AppendUint(appendHead(dst, TypePing, 1), x.ClientUS)
}

// ParsePing parses a PING.
func ParsePing(frame []byte) (Ping, error) {
	r, extra := openFrame(frame, TypePing, 1)
	x := Ping{ClientUS: r.Uint64()}
	if err := r.endFrame(extra); err != nil {
		return Ping{}, err
	}
	return x, nil
}

// Msg is a request to the game; one REPLY answers it.
type Msg struct {
	Ref     uint32
	ID      uint32 // index in the schema's messages
	Payload []byte // a msgpack array, not looked into here; aliases the frame
}

// AppendMsg appends a MSG.
func AppendMsg(dst []byte, x Msg) []byte {
	dst = appendHead(dst, TypeMsg, 3)
	dst = AppendUint(dst, uint64(x.Ref))
	dst = AppendUint(dst, uint64(x.ID))
	return AppendBytes(dst, x.Payload)
}

// ParseMsg parses a MSG.
func ParseMsg(frame []byte) (Msg, error) {
	r, extra := openFrame(frame, TypeMsg, 3)
	var x Msg
	x.Ref = r.Uint32()
	x.ID = r.Uint32()
	x.Payload = r.Bytes(MaxPayload)
	if err := r.endFrame(extra); err != nil {
		return Msg{}, err
	}
	return x, nil
}

// Leave gives the seat up.
type Leave struct{}

// AppendLeave appends a LEAVE.
func AppendLeave(dst []byte) []byte { return appendHead(dst, TypeLeave, 0) }

// ParseLeave parses a LEAVE.
func ParseLeave(frame []byte) (Leave, error) {
	r, extra := openFrame(frame, TypeLeave, 0)
	return Leave{}, r.endFrame(extra)
}

// Resync asks for a SNAPSHOT.
type Resync struct {
	Tick   uint32 // of the state the client holds
	Reason uint32
}

// AppendResync appends a RESYNC.
func AppendResync(dst []byte, x Resync) []byte {
	dst = appendHead(dst, TypeResync, 2)
	dst = AppendUint(dst, uint64(x.Tick))
	return AppendUint(dst, uint64(x.Reason))
}

// ParseResync parses a RESYNC.
func ParseResync(frame []byte) (Resync, error) {
	r, extra := openFrame(frame, TypeResync, 2)
	var x Resync
	x.Tick = r.Uint32()
	x.Reason = r.Uint32()
	if err := r.endFrame(extra); err != nil {
		return Resync{}, err
	}
	return x, nil
}
