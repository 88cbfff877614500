package wire

// Capability bits of HELLO and WELCOME.
const (
	CapPrediction uint32 = 1
	CapEntropy    uint32 = 2 // reserved
	CapTwin       uint32 = 4
)

// Hello is the first frame of a connection.
type Hello struct {
	VMin, VMax uint32
	Token      string // a seat token, or a resume key when Resuming
	Caps       uint32
	Resume     Resume // on the wire only when Resuming
	Resuming   bool
	SDK        string
	SchemaHash uint32 // of a schema the client has kept, or 0
}

// Resume is what a returning client still holds: its newest state (Epoch and Tick 0: none), input and handled event.
type Resume struct {
	Session, Epoch, Tick, InSeq, EventSeq uint32
}

// AppendHello appends a HELLO.
func AppendHello(dst []byte, x *Hello) []byte {
	dst = appendHead(dst, TypeHello, 7)
	dst = AppendUint(dst, uint64(x.VMin))
	dst = AppendUint(dst, uint64(x.VMax))
	dst = AppendString(dst, x.Token)
	dst = AppendUint(dst, uint64(x.Caps))
	if x.Resuming {
		dst = appendResume(dst, x.Resume)
	} else {
		dst = AppendNil(dst)
	}
	dst = AppendString(dst, x.SDK)
	return AppendUint(dst, uint64(x.SchemaHash))
}

func appendResume(dst []byte, x Resume) []byte {
	dst = AppendArrayLen(dst, 5)
	dst = AppendUint(dst, uint64(x.Session))
	dst = AppendUint(dst, uint64(x.Epoch))
	dst = AppendUint(dst, uint64(x.Tick))
	dst = AppendUint(dst, uint64(x.InSeq))
	return AppendUint(dst, uint64(x.EventSeq))
}

// ParseHello parses a HELLO.
func ParseHello(frame []byte) (Hello, error) {
	r, extra := openFrame(frame, TypeHello, 7)
	var x Hello
	x.VMin = r.Uint32()
	x.VMax = r.Uint32()
	x.Token = string(r.String(MaxToken))
	x.Caps = r.Uint32()
	if !r.IsNil() {
		x.Resuming = true
		x.Resume = parseResume(&r)
	}
	x.SDK = string(r.String(MaxSDK))
	x.SchemaHash = r.Uint32()
	if err := r.endFrame(extra); err != nil {
		return Hello{}, err
	}
	return x, nil
}

func parseResume(r *Reader) (x Resume) {
	extra := r.openNested(5)
	x.Session = r.Uint32()
	x.Epoch = r.Uint32()
	x.Tick = r.Uint32()
	x.InSeq = r.Uint32()
	x.EventSeq = r.Uint32()
	r.Skip(extra)
	return x
}

// Twin opens the second socket of a session, in place of HELLO.
type Twin struct {
	VMin, VMax  uint32
	Key         string // WELCOME's twin key
	Epoch, Tick uint32 // the newest state the client holds
}

// AppendTwin appends a TWIN.
func AppendTwin(dst []byte, x Twin) []byte {
	dst = appendHead(dst, TypeTwin, 5)
	dst = AppendUint(dst, uint64(x.VMin))
	dst = AppendUint(dst, uint64(x.VMax))
	dst = AppendString(dst, x.Key)
	dst = AppendUint(dst, uint64(x.Epoch))
	return AppendUint(dst, uint64(x.Tick))
}

// ParseTwin parses a TWIN.
func ParseTwin(frame []byte) (Twin, error) {
	r, extra := openFrame(frame, TypeTwin, 5)
	var x Twin
	x.VMin = r.Uint32()
	x.VMax = r.Uint32()
	x.Key = string(r.String(MaxKey))
	x.Epoch = r.Uint32()
	x.Tick = r.Uint32()
	if err := r.endFrame(extra); err != nil {
		return Twin{}, err
	}
	return x, nil
}
