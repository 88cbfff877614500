package wire

import (
	"encoding/binary"
	"encoding/hex"
	"math"
	"strings"
	"testing"
)

// A goodCase is a frame as its parser returns it.
type goodCase struct {
	name  string
	frame any
}

// An acceptCase is bytes that no encoder writes and every decoder takes.
type acceptCase struct {
	name  string
	bytes []byte
	frame any
}

const maxUint32 = math.MaxUint32

// maxSafe is the largest integer that a double, and so a plain JavaScript number, holds exactly.
const maxSafe = 1<<53 - 1

func times(s string, n int) string { return strings.Repeat(s, n) }

func unhex(s string) []byte {
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		panic(err)
	}
	return b
}

// bodyInts are the integers of a body at each change of width.
func bodyInts() []any {
	var body []any
	for _, v := range boundaries {
		if v == int64(int32(v)) {
			body = append(body, v)
		}
	}
	return body
}

func inputInts() []int32 {
	var values []int32
	for _, v := range bodyInts() {
		values = append(values, int32(v.(int64)))
	}
	return values
}

func elements(n int) []any {
	body := make([]any, n)
	for i := range body {
		body[i] = int64(1)
	}
	return body
}

// goodCases lists the vectors in the order of the file. The first case of each type is a plain one: acceptCases and
// badCases derive theirs from it.
func goodCases() []goodCase {
	return append(goodClientCases(), goodServerCases()...)
}

func goodClientCases() []goodCase {
	full := Resume{Session: maxUint32, Epoch: maxUint32, Tick: maxUint32, InSeq: maxUint32, EventSeq: maxUint32}
	return []goodCase{
		{"hello", Hello{VMin: 1, VMax: 1, Token: "seat-token", SDK: "ringside-js 1.0"}},
		{"hello with empty strings", Hello{VMin: 1, VMax: 1}},
		{"hello that resumes", Hello{VMin: 1, VMax: 2, Token: "resume-key", Caps: CapPrediction | CapTwin, Resuming: true, Resume: Resume{7, 1, 1234, 1300, 17}, SDK: "go", SchemaHash: 0x9747b28c}},
		{"hello that resumes with nothing", Hello{VMin: 1, VMax: 1, Token: "k", Resuming: true}},
		{"hello with the largest numbers", Hello{VMin: maxUint32, VMax: maxUint32, Token: "t", Caps: maxUint32, Resuming: true, Resume: full, SDK: times("s", MaxSDK), SchemaHash: maxUint32}},
		{"hello with a token of 31 bytes", Hello{VMin: 1, VMax: 1, Token: times("t", 31)}},
		{"hello with a token of 32 bytes", Hello{VMin: 1, VMax: 1, Token: times("t", 32)}},
		{"hello with a token of 255 bytes", Hello{VMin: 1, VMax: 1, Token: times("t", 255)}},
		{"hello with a token of 256 bytes", Hello{VMin: 1, VMax: 1, Token: times("t", 256)}},
		{"hello in many scripts", Hello{VMin: 1, VMax: 1, Token: "t", SDK: "é € 𝄞 \u0000 \ufeff"}},
		{"input", hotInput{Seq: 1, Ack: 10, DelayMS: 50, Values: []int32{-1, 0, 1}}},
		{"input of each width", hotInput{Seq: 8, Ack: maxUint32, DelayMS: 0x80, Values: inputInts()}},
		{"input with the largest numbers", hotInput{Seq: maxUint32, Ack: maxUint32, DelayMS: maxUint32, Values: []int32{math.MaxInt32, math.MinInt32}}},
		{"input of 15 elements", hotInput{Seq: 11, Values: make([]int32, 11)}},
		{"input of 16 elements", hotInput{Seq: 12, Values: make([]int32, 12)}},
		{"input of 256 values", hotInput{Seq: 8, Values: make([]int32, 256)}},
		{"ack", Ack{Tick: 100, EventSeq: 3}},
		{"ack with the largest numbers", Ack{maxUint32, maxUint32}},
		{"ping", Ping{ClientUS: 1_000_000}},
		{"ping at 0", Ping{}},
		{"ping of 2^32", Ping{1 << 32}},
		{"ping of 2^53 - 1", Ping{maxSafe}},
		{"msg", Msg{Ref: 1, ID: 0, Payload: unhex("91 05")}},
		{"msg with an empty payload", Msg{Ref: 2, ID: 63, Payload: []byte{}}},
		{"msg with the largest numbers", Msg{maxUint32, maxUint32, make([]byte, 255)}},
		{"msg with a payload of 256 bytes", Msg{3, 1, make([]byte, 256)}},
		{"leave", Leave{}},
		{"resync", Resync{Tick: 100, Reason: ResyncHash}},
		{"resync with the largest numbers", Resync{maxUint32, maxUint32}},
		{"twin", Twin{VMin: 1, VMax: 1, Key: "twin-key", Epoch: 1, Tick: 100}},
		{"twin with the largest numbers", Twin{maxUint32, maxUint32, times("k", MaxKey), maxUint32, maxUint32}},
	}
}

func goodServerCases() []goodCase {
	schema := []byte(`{"game":"arena","version":1,"tick_hz":20,"send_hz":20,"max_players":16,"kinds":[]}`)
	limits := Limits{MaxClientMessage, 240, 8, 30_000, 10_000}
	largest := Welcome{
		Version: maxUint32, Session: maxUint32, Key: times("k", MaxKey), Room: times("r", 32), Slot: maxUint32, Role: maxUint32,
		Epoch: maxUint32, Tick: maxUint32, InSeq: maxUint32, MsgRef: maxUint32, Resumed: maxUint32, TickHz: maxUint32,
		SendHz: maxUint32, ClockUS: maxSafe, SchemaHash: maxUint32, Schema: []byte(times(" ", MaxSchema)),
		Limits: Limits{maxUint32, maxUint32, maxUint32, maxUint32, maxUint32}, AckRule: maxUint32, TwinKey: times("t", 33),
		Caps: maxUint32, URLs: []string{"wss://a.example/v1/rooms/r/ws", "", "wss://ü.example/"},
	}
	return []goodCase{
		{"welcome", Welcome{
			Version: 1, Session: 7, Key: "resume-key", Room: "r1", Slot: 3, Epoch: 1, Tick: 100, TickHz: 20, SendHz: 20,
			ClockUS: 5_000_000, SchemaHash: Murmur32(schema), Schema: schema, Limits: limits,
		}},
		{"welcome back", Welcome{
			Version: 1, Session: 7, Key: "key-2", Room: "r1", Slot: 3, Role: RoleSpectator, Epoch: 2, Tick: 90, InSeq: 1300,
			MsgRef: 4, Resumed: ResumedSnapshot, TickHz: 60, SendHz: 20, ClockUS: 1 << 32, SchemaHash: 1, Limits: limits,
			AckRule: AckEveryState, TwinKey: "twin-key", Caps: CapTwin, URLs: []string{"ws://127.0.0.1:7778/v1/rooms/r1/ws"},
		}},
		{"welcome with empty strings", Welcome{Schema: []byte{}}},
		{"welcome with the largest numbers", largest},
		{"snapshot with an empty body", hotState{Type: TypeSnapshot, Epoch: 1, Tick: 1, Body: []any{}}},
		{"snapshot", hotState{Type: TypeSnapshot, Epoch: 1, Tick: 100, InSeq: 9, Body: []any{int64(-1), int64(5), int64(-9)}}},
		{"snapshot of each width", hotState{Type: TypeSnapshot, Epoch: maxUint32, Tick: maxUint32, InSeq: maxUint32, Body: bodyInts()}},
		{"snapshot with strings", hotState{Type: TypeSnapshot, Epoch: 1, Tick: 2, Body: []any{
			int64(-1), "", "é€𝄞", times("x", 31), times("x", 32), times("x", 256), []byte{}, []byte{0xc0}, make([]byte, 256), times("x", 65536),
		}}},
		{"delta with an empty body", hotState{Type: TypeDelta, Tick: 1, Body: []any{}}},
		{"delta of docs/PROTOCOL.md 5.1", hotState{Type: TypeDelta, Tick: 1, InSeq: 1, Body: []any{
			int64(1), int64(3), int64(3), int64(-2), int64(4), int64(0), int64(0), int64(1), int64(-8), int64(5), int64(9),
		}}},
		{"delta of 15 elements", hotState{Type: TypeDelta, Tick: 1, Body: elements(12)}},
		{"delta of 16 elements", hotState{Type: TypeDelta, Tick: 1, Body: elements(13)}},
		{"delta of 65,535 elements", hotState{Type: TypeDelta, Tick: 1, Body: elements(65532)}},
		{"delta of 65,536 elements", hotState{Type: TypeDelta, Tick: 1, Body: elements(65533)}},
		{"delta with the largest numbers", hotState{Type: TypeDelta, Tick: maxUint32, InSeq: maxUint32, Body: []any{}}},
		{"deltab with an empty body", hotState{Type: TypeDeltaB, Epoch: 2, Tick: 100, BaseEpoch: 1, BaseTick: 98, InSeq: 5, Body: []any{}}},
		{"deltab", hotState{Type: TypeDeltaB, Epoch: 1, Tick: 100, BaseEpoch: 1, BaseTick: 98, InSeq: 5, Flags: FlagPrivateFresh, Body: []any{int64(1), int64(1), int64(-2)}}},
		{"deltab with the largest numbers", hotState{TypeDeltaB, maxUint32, maxUint32, maxUint32, maxUint32, maxUint32, maxUint32, bodyInts()}},
		{"event", Event{Seq: 1, Tick: 100, ID: 0, Payload: unhex("92 03 a2 68 69")}},
		{"event with an empty payload", Event{Seq: 2, Tick: 100, Payload: []byte{}}},
		{"event with the largest numbers", Event{maxUint32, maxUint32, maxUint32, make([]byte, MaxPayload)}},
		{"pong", Pong{ClientUS: 1_000_000, ClockUS: 5_000_000, Tick: 100}},
		{"pong with the largest numbers", Pong{maxSafe, maxSafe, maxUint32}},
		{"hash", Hash{Tick: 100, Hash: 0x9747b28c}},
		{"hash of nothing", Hash{Tick: 1}},
		{"hash with the largest numbers", Hash{maxUint32, maxUint32}},
		{"moved", Moved{URL: "wss://b.example/v1/rooms/r1/ws", Key: "key-3", FromTick: 200}},
		{"moved with the largest numbers", Moved{times("u", MaxURL), times("k", MaxKey), maxUint32}},
		{"err", Err{Code: uint32(CloseRate), Text: "too many frames"}},
		{"err with the largest numbers", Err{maxUint32, times("x", 256), maxUint32}},
		{"stat", Stat{Skipped: 3, InflightBytes: 2000, BudgetFrames: 4, RTTUS: 40_000, EarlyMS: 12}},
		{"stat with the largest numbers", Stat{maxUint32, maxUint32, maxUint32, maxUint32, maxUint32}},
		{"roster", Roster{Full: true, Entries: []RosterEntry{
			{Slot: 0, Name: "ann", Team: 1, Flags: RosterHost, Data: []byte{}}, {Slot: 1, Name: "Bö", Team: 2, Flags: RosterAway | RosterBot, Data: []byte{1, 2}},
		}}},
		{"roster that changes", Roster{Entries: []RosterEntry{{Slot: 300, Gone: true}, {Slot: 1, Role: RoleSpectator, Data: []byte{}}}}},
		{"roster of nobody", Roster{Full: true}},
		{"roster with the largest numbers", Roster{Entries: []RosterEntry{{Slot: maxUint32, Gone: true}, {maxUint32, false, times("n", 32), maxUint32, maxUint32, maxUint32, make([]byte, MaxData)}}}},
		{"roster of 16 elements", Roster{Entries: goneEntries(14)}},
		{"reply", Reply{Seq: 2, Ref: 1, Code: ReplyDone, Payload: []byte{}}},
		{"reply that refuses", Reply{Seq: 3, Ref: 2, Code: ReplyRefused, Payload: []byte("not now")}},
		{"reply with the largest numbers", Reply{maxUint32, maxUint32, maxUint32, make([]byte, 256)}},
		{"end", End{Code: uint32(CloseEnded), Reason: "time is up", Result: []byte(`{"winner":3}`)}},
		{"end with empty strings", End{Code: uint32(CloseFault), Result: []byte{}}},
		{"end with the largest numbers", End{maxUint32, times("x", 256), make([]byte, MaxResult)}},
	}
}

func goneEntries(n int) []RosterEntry {
	entries := make([]RosterEntry, n)
	for i := range entries {
		entries[i] = RosterEntry{Slot: 1, Gone: true}
	}
	return entries
}

// firstCases returns the first good case of each type, in the order of the file.
func firstCases() (first []goodCase) {
	seen := map[Type]bool{}
	for _, c := range goodCases() {
		if t := typeOf(c.frame); !seen[t] {
			seen[t] = true
			first = append(first, c)
		}
	}
	return first
}

func typeOf(frame any) Type {
	t, err := PeekType(appendAny(nil, frame))
	if err != nil {
		panic(err)
	}
	return t
}

// split takes a frame apart into the bytes of its elements.
func split(frame []byte) (parts [][]byte) {
	r := NewReader(frame)
	for range r.ArrayLen() {
		rest := r.Rest()
		r.Skip(1)
		parts = append(parts, rest[:len(rest)-r.Len()])
	}
	return parts
}

func join(parts [][]byte) []byte {
	frame := AppendArrayLen(nil, len(parts))
	for _, p := range parts {
		frame = append(frame, p...)
	}
	return frame
}

func hot(t Type) bool { return t == TypeInput || t >= TypeSnapshot && t <= TypeDeltaB }

func acceptCases() []acceptCase {
	var cases []acceptCase
	for _, c := range firstCases() {
		if t := typeOf(c.frame); !hot(t) && t != TypeRoster {
			later := append(split(appendAny(nil, c.frame)), unhex("2a"), unhex("93 c0 a1 78 92 c4 01 ff 90"))
			cases = append(cases, acceptCase{c.name + " with two elements of a later version", join(later), c.frame})
		}
	}
	return append(cases,
		acceptCase{"hello with a longer resume", unhex("98 01 01 01 a1 6b 00 96 07 01 02 03 04 91 c0 a0 00"), Hello{VMin: 1, VMax: 1, Token: "k", Resuming: true, Resume: Resume{7, 1, 2, 3, 4}}},
		acceptCase{"roster with a longer entry", unhex("94 2b 01 97 02 a1 6e 01 00 00 c4 00 90 91 03"), Roster{true, []RosterEntry{{Slot: 2, Name: "n", Team: 1, Data: []byte{}}, {Slot: 3, Gone: true}}}},
		acceptCase{"ack in the widest integers", unhex("dd 00 00 00 03 cf 00 00 00 00 00 00 00 03 d3 00 00 00 00 ff ff ff ff d2 00 00 00 07"), Ack{maxUint32, 7}},
		acceptCase{"input in wide integers", unhex("dc 00 07 cc 02 cd 00 05 ce 00 00 00 09 d0 00 d3 ff ff ff ff 80 00 00 00 d1 ff ff cc 01"), hotInput{5, 9, 0, []int32{math.MinInt32, -1, 1}}},
		acceptCase{"delta in wide lengths", unhex("dc 00 06 cd 00 23 01 00 d9 01 61 c6 00 00 00 01 ff d2 ff ff ff ff"), hotState{Type: TypeDelta, Tick: 1, Body: []any{"a", []byte{0xff}, int64(-1)}}},
		acceptCase{"msg in wide lengths", unhex("94 05 01 02 c5 00 01 90"), Msg{1, 2, []byte{0x90}}},
		acceptCase{"err in wide lengths", unhex("94 29 cd 0f a6 db 00 00 00 02 68 69 00"), Err{4006, "hi", 0}},
	)
}

// derivedBad spoils the first good case of each type in the same ways.
func derivedBad() (bad []badVector) {
	for _, c := range firstCases() {
		frame := appendAny(nil, c.frame)
		t, parts := typeOf(c.frame), split(frame)
		add := func(b []byte, why string) { bad = append(bad, badVector{t, b, why}) }
		add(frame[:len(frame)-1], "the last byte is missing")
		add(append(frame[:len(frame):len(frame)], 0), "a byte behind the frame")
		add(frame[len(frame)-len(join(parts[1:]))+1:], "the array header is missing")
		if t != TypeRoster && t != TypeLeave && t != TypeInput { // an entry or a value less is a frame still
			add(join(parts[:len(parts)-1]), "the last element is missing")
		}
		if len(parts) > 1 {
			swapped := append([][]byte(nil), parts...)
			swapped[1] = unhex("80")
			add(join(swapped), "a map for the second element")
			swapped[1] = unhex("ca 3f 80 00 00")
			add(join(swapped), "a float for the second element")
			swapped[1] = unhex("c0")
			add(join(swapped), "nil for the second element")
		}
		add(append(unhex("dd 02 00 00 00"), frame[1:]...), "2^25 elements announced")
		add(append(unhex("dd ff ff ff ff"), frame[1:]...), "2^32 - 1 elements announced")
	}
	return bad
}

func badCases() []badVector {
	nested := times("91", 4000)
	hand := []struct {
		t        Type
		hex, why string
	}{
		{TypePing, "", "nothing at all"},
		{TypePing, "04", "an integer, no array"},
		{TypePing, "90", "an empty array"},
		{TypePing, "80", "a map"},
		{TypePing, "92 a1 34 01", "a str for the type"},
		{TypePing, "92 fc 01", "a negative type"},
		{TypePing, "92 04 ff", "a negative number"},
		{TypePing, "92 04 cf 80 00 00 00 00 00 00 00", "a number of 64 bits"},
		{TypePing, "92 04 cf 00 00", "an integer cut"},
		{TypePing, "92 04 c1", "the byte that msgpack never uses"},
		{TypePing, "92 04 92 01 02", "an array for a number"},
		{TypePing, nested, "4,000 arrays in each other"},
		{TypePing, "93 04 01 " + nested, "4,000 arrays in an unknown element, the last one cut"},
		{TypePing, "93 04 01 dd 02 00 00 00 01", "2^25 elements announced in an unknown element"},
		{TypePing, "93 04 01 df 7f ff ff ff 01", "a map announced in an unknown element"},
		{TypePing, "93 04 01 c6 ff ff ff ff 01", "2^32 - 1 bytes announced in an unknown element"},
		{TypeAck, "93 03 ce ff ff ff ff cf 00 00 00 01 00 00 00 00", "2^32 where 32 bits fit"},
		{TypeAck, "93 03 01 d0 ff", "a negative number in a wide form"},
		{TypeHello, "98 01 01 01 a2 61 c3 00 c0 a0 00", "a token that is no UTF-8: half a character"},
		{TypeHello, "98 01 01 01 a2 c0 80 00 c0 a0 00", "a token that is no UTF-8: an overlong NUL"},
		{TypeHello, "98 01 01 01 a3 ed a0 80 00 c0 a0 00", "a token that is no UTF-8: a surrogate"},
		{TypeHello, "98 01 01 01 a4 f4 90 80 80 00 c0 a0 00", "a token that is no UTF-8: above U+10FFFF"},
		{TypeHello, "98 01 01 01 db ff ff ff ff 00 c0 a0 00", "a token of 2^32 - 1 bytes"},
		{TypeHello, "98 01 01 01 da 02 00 61 00 c0 a0 00", "a token longer than the message"},
		{TypeHello, "98 01 01 01 c4 01 61 00 c0 a0 00", "a bin for the token"},
		{TypeHello, "98 01 01 01 a1 74 00 94 07 01 02 03 a0 00", "a resume of four elements"},
		{TypeHello, "98 01 01 01 a1 74 00 00 a0 00", "a number for resume"},
		{TypeHello, "98 01 01 01 a1 74 00 dd 02 00 00 00 a0 00", "a resume of 2^25 elements"},
		{TypeHello, "98 01 01 01 a1 74 00 " + nested, "4,000 arrays in each other for resume"},
		{TypeHello, "98 01 01 01 a1 74 00 c0 d9 41 " + times("73", 65) + " 00", "an sdk of 65 bytes"},
		{TypeInput, "94 02 01 0a 32", "no value"},
		{TypeInput, "95 02 01 0a 32 c0", "nil for a value"},
		{TypeInput, "95 02 01 0a 32 a1 31", "a str for a value"},
		{TypeInput, "95 02 01 0a 32 91 01", "an array for a value"},
		{TypeInput, "95 02 01 0a 32 ca 00 00 00 00", "a float for a value"},
		{TypeInput, "95 02 01 0a 32 ce 80 00 00 00", "a value of 2^31"},
		{TypeInput, "95 02 01 0a 32 d3 ff ff ff ff 7f ff ff ff", "a value of -2^31 - 1"},
		{TypeInput, "95 02 ff 0a 32 01", "a negative seq"},
		{TypeMsg, "94 05 01 00 a1 90", "a str for the payload"},
		{TypeMsg, "94 05 01 00 c6 ff ff ff ff 90", "a payload of 2^32 - 1 bytes"},
		{TypeMsg, "94 05 01 00 c4 02 90", "a payload cut"},
		{TypeTwin, "96 08 01 01 da 02 01 " + times("6b", 513) + " 01 01", "a twin key of 513 bytes"},
		{TypeDelta, "94 23 01 00 c0", "nil in the body"},
		{TypeDelta, "94 23 01 00 c3", "a bool in the body"},
		{TypeDelta, "94 23 01 00 90", "an array in the body"},
		{TypeDelta, "94 23 01 00 80", "a map in the body"},
		{TypeDelta, "94 23 01 00 cb 00 00 00 00 00 00 00 00", "a float in the body"},
		{TypeDelta, "94 23 01 00 d4 00 00", "an extension in the body"},
		{TypeDelta, "94 23 01 00 ce 80 00 00 00", "2^31 in the body"},
		{TypeDelta, "94 23 01 00 a1 ff", "no UTF-8 in the body"},
		{TypeDelta, "94 23 01 00 c4 05 01", "bytes cut in the body"},
		{TypeSnapshot, "93 22 01 01", "a head cut"},
		{TypeDeltaB, "96 24 01 02 01 01 00", "a head cut"},
		{TypeWelcome, "dc 00 16 21 01 07 a0 a0 00 00 01 01 00 00 00 14 14 00 00 c0 94 01 02 03 04 00 c0 00 90", "limits of four elements"},
		{TypeWelcome, "dc 00 16 21 01 07 a0 a0 00 00 01 01 00 00 00 14 14 00 00 c0 95 01 02 03 04 05 00 c0 00 c0", "nil for urls"},
		{TypeWelcome, "dc 00 16 21 01 07 a0 a0 00 00 01 01 00 00 00 14 14 00 00 c0 95 01 02 03 04 05 00 c0 00 dd 02 00 00 00", "2^25 urls"},
		{TypeWelcome, "dc 00 16 21 01 07 a0 a0 00 00 01 01 00 00 00 14 14 00 00 c4 00 95 01 02 03 04 05 00 c0 00 90", "a bin for the schema"},
		{TypeRoster, "91 2b", "no mode"},
		{TypeRoster, "93 2b 01 90", "an empty entry"},
		{TypeRoster, "93 2b 01 92 00 a0", "an entry of two elements"},
		{TypeRoster, "93 2b 01 95 00 a0 00 00 00", "an entry without data"},
		{TypeRoster, "93 2b 01 07", "a number for an entry"},
		{TypeRoster, "93 2b 02 91 00", "mode 2"},
		{TypeRoster, "93 2b 01 96 00 a0 00 00 00 c5 01 01 " + times("00", 257), "data of 257 bytes"},
		{TypeRoster, "93 2b 01 dd 02 00 00 00 00", "an entry of 2^25 elements"},
		{TypeErr, "94 29 01 db ff ff ff ff 61 00", "a text of 2^32 - 1 bytes"},
		{TypeEnd, "94 2d 01 a1 80 c4 00", "a reason that is no UTF-8"},
	}
	bad := derivedBad()
	for _, c := range hand {
		bad = append(bad, badVector{c.t, unhex(c.hex), c.why})
	}
	return bad
}

func buildVectors(t *testing.T) *vectors {
	t.Helper()
	v := &vectors{Protocol: Subprotocol, Notes: vectorNotes, Bad: badCases()}
	names := map[string]bool{}
	for _, c := range goodCases() {
		v.Frames = append(v.Frames, vector{c.name, typeOf(c.frame), appendAny(nil, c.frame), fieldsOf(c.frame)})
		names[c.name] = true
	}
	for _, c := range acceptCases() {
		v.Accept = append(v.Accept, vector{c.name, typeOf(c.frame), c.bytes, fieldsOf(c.frame)})
		names[c.name] = true
	}
	for _, b := range v.Bad {
		names[b.Type.String()+": "+b.Why] = true
	}
	if want := len(v.Frames) + len(v.Accept) + len(v.Bad); len(names) != want {
		t.Errorf("%d vectors share %d names", want, len(names))
	}
	for _, m := range murmurVectors {
		v.Murmur = append(v.Murmur, hashVector{packed(m.in), m.want})
	}
	for _, words := range [][]uint32{
		{},
		{0},
		{maxUint32},
		{maxUint32, 0, 2, 4, 5, 9, 7, 0xfffffffe, 0}, // section 0 with two entities of two fields
		{maxUint32, 0, 1, 0, Murmur32([]byte("é€")), maxUint32, 1, 1, 16777215, 0x80000000},
	} {
		var b []byte
		for _, w := range words {
			b = binary.LittleEndian.AppendUint32(b, w)
		}
		v.Words = append(v.Words, wordVector{words, Murmur32(b)})
	}
	return v
}

// fieldsOf names what a frame holds as docs/PROTOCOL.md does.
func fieldsOf(frame any) pairs {
	switch x := frame.(type) {
	case Hello:
		var resume any
		if r := x.Resume; x.Resuming {
			resume = pairs{"session", r.Session, "epoch", r.Epoch, "tick", r.Tick, "in_seq", r.InSeq, "event_seq", r.EventSeq}
		}
		return pairs{"vmin", x.VMin, "vmax", x.VMax, "token", x.Token, "caps", x.Caps, "resume", resume, "sdk", x.SDK, "schema_hash", x.SchemaHash}
	case hotInput:
		values := make([]any, len(x.Values))
		for i, v := range x.Values {
			values[i] = int64(v)
		}
		return pairs{"seq", x.Seq, "ack", x.Ack, "delay_ms", x.DelayMS, "in", values}
	case Ack:
		return pairs{"tick", x.Tick, "event_seq", x.EventSeq}
	case Ping:
		return pairs{"client_us", x.ClientUS}
	case Msg:
		return pairs{"ref", x.Ref, "id", x.ID, "payload", x.Payload}
	case Leave:
		return pairs{}
	case Resync:
		return pairs{"tick", x.Tick, "reason", x.Reason}
	case Twin:
		return pairs{"vmin", x.VMin, "vmax", x.VMax, "twin_key", x.Key, "epoch", x.Epoch, "tick", x.Tick}
	case Welcome:
		return welcomeFields(x)
	case hotState:
		return stateFields(x)
	case Event:
		return pairs{"seq", x.Seq, "tick", x.Tick, "id", x.ID, "payload", x.Payload}
	case Pong:
		return pairs{"client_us", x.ClientUS, "clock_us", x.ClockUS, "tick", x.Tick}
	case Hash:
		return pairs{"tick", x.Tick, "hash", x.Hash}
	case Moved:
		return pairs{"url", x.URL, "key", x.Key, "from_tick", x.FromTick}
	case Err:
		return pairs{"code", x.Code, "text", x.Text, "retry_ms", x.RetryMS}
	case Stat:
		return pairs{"skipped", x.Skipped, "inflight_bytes", x.InflightBytes, "budget_frames", x.BudgetFrames, "rtt_us", x.RTTUS, "early_ms", x.EarlyMS}
	case Roster:
		return rosterFields(x)
	case Reply:
		return pairs{"seq", x.Seq, "ref", x.Ref, "code", x.Code, "payload", x.Payload}
	case End:
		return pairs{"code", x.Code, "reason", x.Reason, "result", x.Result}
	}
	return nil
}

func welcomeFields(x Welcome) pairs {
	var schema, twinKey any
	if x.Schema != nil {
		schema = string(x.Schema)
	}
	if x.TwinKey != "" {
		twinKey = x.TwinKey
	}
	l := x.Limits
	return pairs{
		"version", x.Version, "session", x.Session, "key", x.Key, "room", x.Room, "slot", x.Slot, "role", x.Role,
		"epoch", x.Epoch, "tick", x.Tick, "in_seq", x.InSeq, "msg_ref", x.MsgRef, "resumed", x.Resumed,
		"tick_hz", x.TickHz, "send_hz", x.SendHz, "clock_us", x.ClockUS, "schema_hash", x.SchemaHash, "schema", schema,
		"limits", pairs{
			"max_message_bytes", l.MaxMessageBytes, "max_frames_per_s", l.MaxFramesPerSecond, "input_queue", l.InputQueue,
			"grace_ms", l.GraceMS, "ping_timeout_ms", l.PingTimeoutMS,
		},
		"ack_rule", x.AckRule, "twin_key", twinKey, "caps", x.Caps, "urls", append([]string{}, x.URLs...),
	}
}

func stateFields(x hotState) pairs {
	switch x.Type {
	case TypeSnapshot:
		return pairs{"epoch", x.Epoch, "tick", x.Tick, "in_seq", x.InSeq, "body", x.Body}
	case TypeDelta:
		return pairs{"dtick", x.Tick, "din_seq", x.InSeq, "body", x.Body}
	}
	return pairs{
		"epoch", x.Epoch, "tick", x.Tick, "base_epoch", x.BaseEpoch, "base_tick", x.BaseTick, "in_seq", x.InSeq,
		"flags", x.Flags, "body", x.Body,
	}
}

func rosterFields(x Roster) pairs {
	entries := []any{}
	for _, e := range x.Entries {
		if e.Gone {
			entries = append(entries, pairs{"slot", e.Slot})
		} else {
			entries = append(entries, pairs{"slot", e.Slot, "name", e.Name, "team", e.Team, "role", e.Role, "flags", e.Flags, "data", e.Data})
		}
	}
	mode := 0
	if x.Full {
		mode = 1
	}
	return pairs{"mode", mode, "entries", entries}
}
