package wire

// Values of Welcome.Role and RosterEntry.Role.
const (
	RolePlayer    uint32 = 0
	RoleSpectator uint32 = 1
)

// Values of Welcome.Resumed.
const (
	ResumedNew      uint32 = 0 // a new session: forget everything
	ResumedDelta    uint32 = 1 // the same session, a DELTAB follows
	ResumedSnapshot uint32 = 2 // the same session, a SNAPSHOT follows
	ResumedTwin     uint32 = 3 // this socket is a twin
)

// AckEveryState is the AckRule that asks for an ACK for each state frame.
const AckEveryState uint32 = 1

// Welcome answers HELLO or TWIN and starts a session on its socket.
type Welcome struct {
	Version    uint32
	Session    uint32
	Key        string // the resume key, a secret; empty for a twin
	Room       string
	Slot       uint32
	Role       uint32
	Epoch      uint32
	Tick       uint32
	InSeq      uint32 // the newest input taken from this session
	MsgRef     uint32 // the newest message taken from this session
	Resumed    uint32
	TickHz     uint32
	SendHz     uint32
	ClockUS    uint64 // at most 63 bits
	SchemaHash uint32
	Schema     []byte // JSON text; nil when the client's hash was right; aliases the frame
	Limits     Limits
	AckRule    uint32
	TwinKey    string // empty (nil on the wire): no twin granted
	Caps       uint32 // granted
	URLs       []string
}

// Limits are the numbers a client lives by.
type Limits struct {
	MaxMessageBytes, MaxFramesPerSecond, InputQueue, GraceMS, PingTimeoutMS uint32
}

// AppendWelcome appends a WELCOME.
func AppendWelcome(dst []byte, x *Welcome) []byte {
	dst = appendHead(dst, TypeWelcome, 21)
	dst = AppendUint(dst, uint64(x.Version))
	dst = AppendUint(dst, uint64(x.Session))
	dst = AppendString(dst, x.Key)
	dst = AppendString(dst, x.Room)
	for _, v := range [...]uint32{x.Slot, x.Role, x.Epoch, x.Tick, x.InSeq, x.MsgRef, x.Resumed, x.TickHz, x.SendHz} {
		dst = AppendUint(dst, uint64(v))
	}
	dst = AppendUint(dst, x.ClockUS)
	dst = AppendUint(dst, uint64(x.SchemaHash))
	if x.Schema == nil {
		dst = AppendNil(dst)
	} else {
		dst = append(appendStringLen(dst, len(x.Schema)), x.Schema...)
	}
	dst = appendLimits(dst, x.Limits)
	dst = AppendUint(dst, uint64(x.AckRule))
	if x.TwinKey == "" {
		dst = AppendNil(dst)
	} else {
		dst = AppendString(dst, x.TwinKey)
	}
	dst = AppendUint(dst, uint64(x.Caps))
	dst = AppendArrayLen(dst, len(x.URLs))
	for _, u := range x.URLs {
		dst = AppendString(dst, u)
	}
	return dst
}

func appendLimits(dst []byte, x Limits) []byte {
	dst = AppendArrayLen(dst, 5)
	dst = AppendUint(dst, uint64(x.MaxMessageBytes))
	dst = AppendUint(dst, uint64(x.MaxFramesPerSecond))
	dst = AppendUint(dst, uint64(x.InputQueue))
	dst = AppendUint(dst, uint64(x.GraceMS))
	return AppendUint(dst, uint64(x.PingTimeoutMS))
}

// ParseWelcome parses a WELCOME.
func ParseWelcome(frame []byte) (Welcome, error) {
	r, extra := openFrame(frame, TypeWelcome, 21)
	var x Welcome
	x.Version = r.Uint32()
	x.Session = r.Uint32()
	x.Key = string(r.String(MaxKey))
	x.Room = string(r.String(MaxRoom))
	for _, p := range [...]*uint32{&x.Slot, &x.Role, &x.Epoch, &x.Tick, &x.InSeq, &x.MsgRef, &x.Resumed, &x.TickHz, &x.SendHz} {
		*p = r.Uint32()
	}
	x.ClockUS = r.Uint64()
	x.SchemaHash = r.Uint32()
	if !r.IsNil() {
		x.Schema = r.String(MaxSchema)
	}
	x.Limits = parseLimits(&r)
	x.AckRule = r.Uint32()
	if !r.IsNil() {
		x.TwinKey = string(r.String(MaxKey))
	}
	x.Caps = r.Uint32()
	x.URLs = parseURLs(&r)
	if err := r.endFrame(extra); err != nil {
		return Welcome{}, err
	}
	return x, nil
}

func parseLimits(r *Reader) (x Limits) {
	extra := r.openNested(5)
	x.MaxMessageBytes = r.Uint32()
	x.MaxFramesPerSecond = r.Uint32()
	x.InputQueue = r.Uint32()
	x.GraceMS = r.Uint32()
	x.PingTimeoutMS = r.Uint32()
	r.Skip(extra)
	return x
}

// parseURLs returns nil for an empty array.
func parseURLs(r *Reader) []string {
	n := r.ArrayLen()
	if n > MaxURLs {
		r.fail()
	}
	var urls []string
	for ; n > 0 && r.err == nil; n-- {
		urls = append(urls, string(r.String(MaxURL)))
	}
	return urls
}
