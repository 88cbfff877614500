package wire

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"
	"testing"
)

// hotInput and hotState are the hot frames with what their Readers hold, so that tests can compare them.
type hotInput struct {
	Seq, Ack, DelayMS uint32
	Values            []int32
}

type hotState struct {
	Type                                           Type
	Epoch, Tick, BaseEpoch, BaseTick, InSeq, Flags uint32
	Body                                           []any // int64, string or []byte
}

// parsers holds every Parse function by the type of frame it takes.
var parsers = map[Type]func(frame []byte) (any, error){
	TypeHello:    anyParser(ParseHello),
	TypeInput:    parseHotInput,
	TypeAck:      anyParser(ParseAck),
	TypePing:     anyParser(ParsePing),
	TypeMsg:      anyParser(ParseMsg),
	TypeLeave:    anyParser(ParseLeave),
	TypeResync:   anyParser(ParseResync),
	TypeTwin:     anyParser(ParseTwin),
	TypeWelcome:  anyParser(ParseWelcome),
	TypeSnapshot: parseHotState,
	TypeDelta:    parseHotState,
	TypeDeltaB:   parseHotState,
	TypeEvent:    anyParser(ParseEvent),
	TypePong:     anyParser(ParsePong),
	TypeHash:     anyParser(ParseHash),
	TypeMoved:    anyParser(ParseMoved),
	TypeErr:      anyParser(ParseErr),
	TypeStat:     anyParser(ParseStat),
	TypeRoster:   anyParser(ParseRoster),
	TypeReply:    anyParser(ParseReply),
	TypeEnd:      anyParser(ParseEnd),
}

// anyParser also holds every parser to the rule that an error comes with a zero value.
func anyParser[X any](parse func([]byte) (X, error)) func([]byte) (any, error) {
	return func(frame []byte) (any, error) {
		x, err := parse(frame)
		var zero X
		if err != nil && !reflect.DeepEqual(x, zero) {
			panic(fmt.Sprintf("parsing %x: %v together with %+v", head(frame), err, x))
		}
		return x, err
	}
}

func parseHotInput(frame []byte) (any, error) {
	in, err := anyParser(ParseInput)(frame)
	if err != nil {
		return nil, err
	}
	x := in.(Input)
	values := make([]int32, x.N)
	for i := range values {
		values[i] = x.Values.Int32()
	}
	if x.Values.Err() != nil || x.Values.Len() != 0 {
		panic(fmt.Sprintf("Values of %x do not hold what N says", head(frame)))
	}
	return hotInput{x.Seq, x.Ack, x.DelayMS, values}, nil
}

func parseHotState(frame []byte) (any, error) {
	state, err := anyParser(ParseState)(frame)
	if err != nil {
		return nil, err
	}
	x := state.(State)
	body := make([]any, x.Elements)
	for i := range body {
		switch c := x.Body.Rest()[0]; {
		case isInt(c):
			body[i] = int64(x.Body.Int32())
		case c >= 0xc4 && c <= 0xc6:
			body[i] = x.Body.Bytes(math.MaxInt32)
		default:
			body[i] = string(x.Body.String(math.MaxInt32))
		}
	}
	if x.Body.Err() != nil || x.Body.Len() != 0 {
		panic(fmt.Sprintf("Body of %x does not hold what Elements says", head(frame)))
	}
	return hotState{x.Type, x.Epoch, x.Tick, x.BaseEpoch, x.BaseTick, x.InSeq, x.Flags, body}, nil
}

// appendAny encodes what a parser of parsers returned.
func appendAny(dst []byte, frame any) []byte {
	switch x := frame.(type) {
	case Hello:
		return AppendHello(dst, &x)
	case hotInput:
		return AppendInput(dst, x.Seq, x.Ack, x.DelayMS, x.Values)
	case Ack:
		return AppendAck(dst, x)
	case Ping:
		return AppendPing(dst, x)
	case Msg:
		return AppendMsg(dst, x)
	case Leave:
		return AppendLeave(dst)
	case Resync:
		return AppendResync(dst, x)
	case Twin:
		return AppendTwin(dst, x)
	case Welcome:
		return AppendWelcome(dst, &x)
	case hotState:
		return appendHotState(dst, x)
	case Event:
		return AppendEvent(dst, x)
	case Pong:
		return AppendPong(dst, x)
	case Hash:
		return AppendHash(dst, x)
	case Moved:
		return AppendMoved(dst, x)
	case Err:
		return AppendErr(dst, x)
	case Stat:
		return AppendStat(dst, x)
	case Roster:
		return AppendRoster(dst, &x)
	case Reply:
		return AppendReply(dst, x)
	case End:
		return AppendEnd(dst, x)
	}
	panic(fmt.Sprintf("no frame: %T", frame))
}

func appendHotState(dst []byte, x hotState) []byte {
	switch x.Type {
	case TypeSnapshot:
		dst = AppendSnapshotHead(dst, len(x.Body), x.Epoch, x.Tick, x.InSeq)
	case TypeDelta:
		dst = AppendDeltaHead(dst, len(x.Body), x.Tick, x.InSeq)
	default:
		dst = AppendDeltaBHead(dst, len(x.Body), x.Epoch, x.Tick, x.BaseEpoch, x.BaseTick, x.InSeq, x.Flags)
	}
	for _, e := range x.Body {
		switch e := e.(type) {
		case int64:
			dst = AppendInt(dst, e)
		case string:
			dst = AppendString(dst, e)
		case []byte:
			dst = AppendBytes(dst, e)
		}
	}
	return dst
}

func TestTypesAreTheProtocols(t *testing.T) {
	rows := append(protocolTable(t, "3. Client"), protocolTable(t, "4. Server")...)
	if len(rows) != len(parsers) {
		t.Errorf("docs/PROTOCOL.md has %d frames, this package %d", len(rows), len(parsers))
	}
	for _, row := range rows {
		number, err := strconv.Atoi(row[0])
		if err != nil || Type(number).String() != row[1] {
			t.Errorf("type %s is %s in docs/PROTOCOL.md, here %s", row[0], row[1], Type(number))
		}
	}
	if got := Type(99).String() + Type(9).String(); got != "TYPE(99)TYPE(9)" {
		t.Errorf("types without a name: %q", got)
	}
}

func TestPeekType(t *testing.T) {
	for _, c := range []struct {
		name  string
		frame string
		want  Type
		fails bool
	}{
		{name: "fixint", frame: "\x91\x06", want: TypeLeave},
		{name: "uint 8", frame: "\x91\xcc\x06", want: TypeLeave},
		{name: "uint 64", frame: "\x91\xcf\x00\x00\x00\x00\x00\x00\x00\x06", want: TypeLeave},
		{name: "rest is not looked at", frame: "\x92\x06\xc1", want: TypeLeave},
		{name: "array 32", frame: "\xdd\x00\x00\x00\x01\x22", want: TypeSnapshot},
		{name: "extension", frame: "\x91\xcc\xff", want: 255},
		{name: "nothing", frame: "", fails: true},
		{name: "empty array", frame: "\x90", fails: true},
		{name: "type cut", frame: "\x91", fails: true},
		{name: "negative", frame: "\x91\xff", fails: true},
		{name: "over 255", frame: "\x91\xcd\x01\x00", fails: true},
		{name: "str", frame: "\x91\xa1x", fails: true},
		{name: "announces 2^32-1 elements", frame: "\xdd\xff\xff\xff\xff\x02", fails: true},
	} {
		got, err := PeekType([]byte(c.frame))
		if got != c.want || errors.Is(err, ErrMalformed) != c.fails {
			t.Errorf("%s: PeekType(%x) = %v, %v, want %v, fails %t", c.name, c.frame, got, err, c.want, c.fails)
		}
	}
}

// TestLimits holds each limit from both sides.
func TestLimits(t *testing.T) {
	text := func(n int) string { return strings.Repeat("x", n) }
	data := func(n int) []byte { return make([]byte, n) }
	urls := func(n int) []string { return strings.Split(strings.Repeat("u ", n-1)+"u", " ") }
	for _, c := range []struct {
		name  string
		limit int
		frame func(n int) any
	}{
		{"hello token", MaxToken, func(n int) any { return Hello{Token: text(n)} }},
		{"hello sdk", MaxSDK, func(n int) any { return Hello{SDK: text(n)} }},
		{"twin key", MaxKey, func(n int) any { return Twin{Key: text(n)} }},
		{"msg payload", MaxPayload, func(n int) any { return Msg{Payload: data(n)} }},
		{"welcome key", MaxKey, func(n int) any { return Welcome{Key: text(n)} }},
		{"welcome room", MaxRoom, func(n int) any { return Welcome{Room: text(n)} }},
		{"welcome schema", MaxSchema, func(n int) any { return Welcome{Schema: data(n)} }},
		{"welcome twin key", MaxKey, func(n int) any { return Welcome{TwinKey: text(n)} }},
		{"welcome urls", MaxURLs, func(n int) any { return Welcome{URLs: urls(n)} }},
		{"welcome url", MaxURL, func(n int) any { return Welcome{URLs: []string{text(n)}} }},
		{"event payload", MaxPayload, func(n int) any { return Event{Payload: data(n)} }},
		{"reply payload", MaxPayload, func(n int) any { return Reply{Payload: data(n)} }},
		{"moved url", MaxURL, func(n int) any { return Moved{URL: text(n)} }},
		{"moved key", MaxKey, func(n int) any { return Moved{Key: text(n)} }},
		{"err text", MaxText, func(n int) any { return Err{Text: text(n)} }},
		{"roster entries", MaxRosterEntries, func(n int) any { return Roster{Entries: make([]RosterEntry, n)} }},
		{"roster name", MaxName, func(n int) any { return Roster{Entries: []RosterEntry{{Name: text(n)}}} }},
		{"roster data", MaxData, func(n int) any { return Roster{Entries: []RosterEntry{{Data: data(n)}}} }},
		{"end reason", MaxText, func(n int) any { return End{Reason: text(n)} }},
		{"end result", MaxResult, func(n int) any { return End{Result: data(n)} }},
	} {
		for n, fails := range map[int]bool{c.limit: false, c.limit + 1: true} {
			frame := appendAny(nil, c.frame(n))
			typ, _ := PeekType(frame)
			if _, err := parsers[typ](frame); errors.Is(err, ErrMalformed) != fails {
				t.Errorf("%s of %d: %v, fails %t", c.name, n, err, fails)
			}
		}
	}
}

// TestTimesOf63Bits is beside the vectors because not every language has a number that large.
func TestTimesOf63Bits(t *testing.T) {
	want := Pong{ClientUS: math.MaxInt64, ClockUS: math.MaxInt64, Tick: 1}
	if got, err := ParsePong(AppendPong(nil, want)); got != want || err != nil {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
	if _, err := ParsePing(AppendPing(nil, Ping{1 << 63})); !errors.Is(err, ErrMalformed) {
		t.Errorf("64 bits: %v, want ErrMalformed", err)
	}
}

func TestParsersAlias(t *testing.T) {
	frame := AppendMsg(nil, Msg{Ref: 1, Payload: []byte("abc")})
	x, err := ParseMsg(frame)
	if err != nil {
		t.Fatal(err)
	}
	if frame[len(frame)-1] = 'z'; !bytes.Equal(x.Payload, []byte("abz")) {
		t.Errorf("payload %q does not alias the frame", x.Payload)
	}
	if x.Payload = append(x.Payload, '!'); cap(frame) > len(frame) && frame[:cap(frame)][len(frame)] == '!' {
		t.Error("appending to the payload wrote behind the frame")
	}
}
