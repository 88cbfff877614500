package stream

import (
	"hash/maphash"
	"strings"
	"testing"
)

func TestFrame(t *testing.T) {
	for _, tt := range []struct {
		name string
		e    Event
		want string
	}{
		{"empty", Event{}, "data: \n\n"},
		{"all", Event{ID: "7", Name: "room", Data: []byte(`{"a":1}`)}, "id: 7\nevent: room\ndata: {\"a\":1}\n\n"},
		{"lines", Event{Data: []byte("a\nb\r\nc\rd\n")}, "data: a\ndata: b\ndata: c\ndata: d\ndata: \n\n"},
		{"fields in fields", Event{ID: "1\ndata: x", Name: "a\r\n\nb\x00"}, "id: 1 data: x\nevent: a   b \ndata: \n\n"},
	} {
		if got := string(appendFrame(nil, &tt.e)); got != tt.want {
			t.Errorf("%s: %q, want %q", tt.name, got, tt.want)
		}
	}
}

// Whatever an event says, a client reads one event that says that.
func FuzzFrame(f *testing.F) {
	f.Add("7", "room", []byte(`{"a":1}`))
	f.Add("1\ndata: x", "a\r\n\r\nb\x00", []byte("a\n\nid: 9\r\n\r\nb\r"))
	f.Fuzz(func(t *testing.T, id, name string, data []byte) {
		frame := string(appendFrame(nil, &Event{ID: id, Name: name, Data: data}))
		if strings.Contains(frame, "\r") || strings.Index(frame, "\n\n") != len(frame)-2 {
			t.Fatalf("%q is not one event", frame)
		}
		var lines []string
		for line := range strings.SplitSeq(strings.TrimSuffix(frame, "\n\n"), "\n") {
			field, value, ok := strings.Cut(line, ": ")
			switch {
			case !ok:
				t.Fatalf("%q is no field", line)
			case field == "data":
				lines = append(lines, value)
			case field == "id" && value != oneLine(id), field == "event" && value != oneLine(name):
				t.Errorf("%s is %q", field, value)
			}
		}
		want := strings.NewReplacer("\r\n", "\n", "\r", "\n").Replace(string(data))
		if got := strings.Join(lines, "\n"); got != want {
			t.Errorf("data is %q, want %q", got, want)
		}
	})
}

func TestRingIsBounded(t *testing.T) {
	const limit = 4 << 10
	d := topics{seed: maphash.MakeSeed(), limit: limit}
	topic := d.hold("a")
	w := newWriter(&Hub{})
	g, cursor, _ := topic.join(w, true, "")
	for i := range 10_000 {
		e := number(i)
		topic.publish(func() (Event, bool) { return e, false })
		if topic.size > limit {
			t.Fatalf("after %d events the ring has %d bytes", i, topic.size)
		}
	}
	var v view
	topic.since(&v, cursor)
	if _, lost := v.from(cursor); !lost {
		t.Error("a reader 10,000 events behind has lost nothing")
	}
	if frames, lost := v.from(9_999); lost || len(frames) != 1 || frames[0].id != "9999" {
		t.Errorf("behind 9,998 come %v, %v", frames, lost)
	}
	large := Event{Data: make([]byte, 2*limit)}
	topic.publish(func() (Event, bool) { return large, false })
	if len(topic.frames) != 1 {
		t.Errorf("%d frames, want the newest whatever its size", len(topic.frames))
	}
	topic.leave(g, true)
	if topic.frames != nil || topic.size != 0 || len(topic.groups) != 0 {
		t.Error("a topic without streams keeps frames")
	}
}
