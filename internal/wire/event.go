package wire

// Codes of a REPLY.
const (
	ReplyDone      uint32 = 0
	ReplyRefused   uint32 = 1 // by the game; the payload is UTF-8 text for the player
	ReplyTooMany   uint32 = 2
	ReplyNoMessage uint32 = 3
	ReplyMalformed uint32 = 4
)

// Event is something that happened in the game. Events and replies of a session share one sequence without gaps.
type Event struct {
	Seq     uint32
	Tick    uint32 // when it happened
	ID      uint32 // index in the schema's events
	Payload []byte // a msgpack array, not looked into here; aliases the frame
}

// AppendEvent appends an EVENT.
func AppendEvent(dst []byte, x Event) []byte {
	dst = appendHead(dst, TypeEvent, 4)
	dst = AppendUint(dst, uint64(x.Seq))
	dst = AppendUint(dst, uint64(x.Tick))
	dst = AppendUint(dst, uint64(x.ID))
	return AppendBytes(dst, x.Payload)
}

// ParseEvent parses an EVENT.
func ParseEvent(frame []byte) (Event, error) {
	r, extra := openFrame(frame, TypeEvent, 4)
	var x Event
	x.Seq = r.Uint32()
	x.Tick = r.Uint32()
	x.ID = r.Uint32()
	x.Payload = r.Bytes(MaxPayload)
	if err := r.endFrame(extra); err != nil {
		return Event{}, err
	}
	return x, nil
}

// Reply answers the MSG that carried Ref.
type Reply struct {
	Seq     uint32
	Ref     uint32
	Code    uint32
	Payload []byte // aliases the frame
}

// AppendReply appends a REPLY.
func AppendReply(dst []byte, x Reply) []byte {
	dst = appendHead(dst, TypeReply, 4)
	dst = AppendUint(dst, uint64(x.Seq))
	dst = AppendUint(dst, uint64(x.Ref))
	dst = AppendUint(dst, uint64(x.Code))
	return AppendBytes(dst, x.Payload)
}

// ParseReply parses a REPLY.
func ParseReply(frame []byte) (Reply, error) {
	r, extra := openFrame(frame, TypeReply, 4)
	var x Reply
	x.Seq = r.Uint32()
	x.Ref = r.Uint32()
	x.Code = r.Uint32()
	x.Payload = r.Bytes(MaxPayload)
	if err := r.endFrame(extra); err != nil {
		return Reply{}, err
	}
	return x, nil
}
