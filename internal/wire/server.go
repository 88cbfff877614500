package wire

// Pong answers a PING: the room was at Tick when its clock showed ClockUS. Both times have at most 63 bits.
type Pong struct {
	ClientUS uint64 // the PING's
	ClockUS  uint64
	Tick     uint32
}

// AppendPong appends a PONG.
func AppendPong(dst []byte, x Pong) []byte {
	dst = appendHead(dst, TypePong, 3)
	dst = AppendUint(dst, x.ClientUS)
	dst = AppendUint(dst, x.ClockUS)
	return AppendUint(dst, uint64(x.Tick))
}

// ParsePong parses a PONG.
func ParsePong(frame []byte) (Pong, error) {
	r, extra := openFrame(frame, TypePong, 3)
	var x Pong
	x.ClientUS = r.Uint64()
	x.ClockUS = r.Uint64()
	x.Tick = r.Uint32()
	if err := r.endFrame(extra); err != nil {
		return Pong{}, err
	}
	return x, nil
}

// Hash is what the client's state of Tick must hash to (WordHash).
type Hash struct {
	Tick uint32
	Hash uint32
}

// AppendHash appends a HASH.
func AppendHash(dst []byte, x Hash) []byte {
	dst = appendHead(dst, TypeHash, 2)
	dst = AppendUint(dst, uint64(x.Tick))
	return AppendUint(dst, uint64(x.Hash))
}

// ParseHash parses a HASH.
func ParseHash(frame []byte) (Hash, error) {
	r, extra := openFrame(frame, TypeHash, 2)
	var x Hash
	x.Tick = r.Uint32()
	x.Hash = r.Uint32()
	if err := r.endFrame(extra); err != nil {
		return Hash{}, err
	}
	return x, nil
}

// Moved announces that the room moves: Key opens the session at URL from tick FromTick on.
type Moved struct {
	URL      string
	Key      string
	FromTick uint32
}

// AppendMoved appends a MOVED.
func AppendMoved(dst []byte, x Moved) []byte {
	dst = appendHead(dst, TypeMoved, 3)
	dst = AppendString(dst, x.URL)
	dst = AppendString(dst, x.Key)
	return AppendUint(dst, uint64(x.FromTick))
}

// ParseMoved parses a MOVED.
func ParseMoved(frame []byte) (Moved, error) {
	r, extra := openFrame(frame, TypeMoved, 3)
	var x Moved
	x.URL = string(r.String(MaxURL))
	x.Key = string(r.String(MaxKey))
	x.FromTick = r.Uint32()
	if err := r.endFrame(extra); err != nil {
		return Moved{}, err
	}
	return x, nil
}

// Err explains the close that follows it.
type Err struct {
	Code    uint32 // the CloseCode that follows
	Text    string
	RetryMS uint32 // above 0: when to come again
}

// AppendErr appends an ERR.
func AppendErr(dst []byte, x Err) []byte {
	dst = appendHead(dst, TypeErr, 3)
	dst = AppendUint(dst, uint64(x.Code))
	dst = AppendString(dst, x.Text)
	return AppendUint(dst, uint64(x.RetryMS))
}

// ParseErr parses an ERR.
func ParseErr(frame []byte) (Err, error) {
	r, extra := openFrame(frame, TypeErr, 3)
	var x Err
	x.Code = r.Uint32()
	x.Text = string(r.String(MaxText))
	x.RetryMS = r.Uint32()
	if err := r.endFrame(extra); err != nil {
		return Err{}, err
	}
	return x, nil
}

// Stat is how the server sees this session's link.
type Stat struct {
	Skipped       uint32 // state frames left out so far
	InflightBytes uint32
	BudgetFrames  uint32
	RTTUS         uint32 // smoothed, 0 unknown
	EarlyMS       uint32 // how long inputs waited before use
}

// AppendStat appends a STAT.
func AppendStat(dst []byte, x Stat) []byte {
	dst = appendHead(dst, TypeStat, 5)
	dst = AppendUint(dst, uint64(x.Skipped))
	dst = AppendUint(dst, uint64(x.InflightBytes))
	dst = AppendUint(dst, uint64(x.BudgetFrames))
	dst = AppendUint(dst, uint64(x.RTTUS))
	return AppendUint(dst, uint64(x.EarlyMS))
}

// ParseStat parses a STAT.
func ParseStat(frame []byte) (Stat, error) {
	r, extra := openFrame(frame, TypeStat, 5)
	var x Stat
	x.Skipped = r.Uint32()
	x.InflightBytes = r.Uint32()
	x.BudgetFrames = r.Uint32()
	x.RTTUS = r.Uint32()
	x.EarlyMS = r.Uint32()
	if err := r.endFrame(extra); err != nil {
		return Stat{}, err
	}
	return x, nil
}

// End is the end of the room; the socket closes with Code.
type End struct {
	Code   uint32 // CloseEnded or CloseFault
	Reason string
	Result []byte // what the game ended with; aliases the frame
}

// AppendEnd appends an END.
func AppendEnd(dst []byte, x End) []byte {
	dst = appendHead(dst, TypeEnd, 3)
	dst = AppendUint(dst, uint64(x.Code))
	dst = AppendString(dst, x.Reason)
	return AppendBytes(dst, x.Result)
}

// ParseEnd parses an END.
func ParseEnd(frame []byte) (End, error) {
	r, extra := openFrame(frame, TypeEnd, 3)
	var x End
	x.Code = r.Uint32()
	x.Reason = string(r.String(MaxText))
	x.Result = r.Bytes(MaxResult)
	if err := r.endFrame(extra); err != nil {
		return End{}, err
	}
	return x, nil
}
