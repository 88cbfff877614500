package stream

import (
	"bytes"
	"strconv"
	"strings"
)

// An Event is one message of an event stream.
type Event struct {
	// ID is what a client that comes back names as the last it has seen (Last-Event-ID), to go on behind it. It must be
	// unique within its topic; "" leaves the client's as it is.
	ID string
	// Name is the event's type; "" is what browsers call message.
	Name string
	// Data is the text, usually one line of JSON. The Hub copies it.
	Data []byte
}

// retryMillis is how long a browser waits before it connects anew.
const retryMillis = 1000

const (
	keepaliveFrame = ":\n\n"
	// resetFrame also takes the client's last id away: it would go on from where nothing is left.
	resetFrame = "id\nevent: reset\ndata: {}\n\n"
	// farewells is how many kinds of the last words there are.
	farewells = 16
	// maxLastEventID bounds what is compared with a topic's events.
	maxLastEventID = 256
)

// appendFrame appends the event as it goes over the wire. Line ends inside ID and Name, which would begin a field of the
// sender's choice, become spaces; inside Data they begin a new line of data, as the format has it.
func appendFrame(dst []byte, e *Event) []byte {
	if e.ID != "" {
		dst = append(dst, "id: "...)
		dst = append(dst, oneLine(e.ID)...)
		dst = append(dst, '\n')
	}
	if e.Name != "" {
		dst = append(dst, "event: "...)
		dst = append(dst, oneLine(e.Name)...)
		dst = append(dst, '\n')
	}
	for data, more := e.Data, true; more; {
		line := data
		end := bytes.IndexAny(data, "\r\n")
		if more = end >= 0; more {
			line = data[:end]
			if bytes.HasPrefix(data[end:], []byte("\r\n")) {
				end++
			}
			data = data[end+1:]
		}
		dst = append(dst, "data: "...)
		dst = append(dst, line...)
		dst = append(dst, '\n')
	}
	return append(dst, '\n')
}

func oneLine(s string) string {
	if !strings.ContainsAny(s, "\r\n\x00") {
		return s
	}
	return strings.NewReplacer("\r", " ", "\n", " ", "\x00", " ").Replace(s)
}

// appendRetry appends the line that tells a browser when to connect anew.
func appendRetry(dst []byte, millis int) []byte {
	dst = append(dst, "retry: "...)
	dst = strconv.AppendInt(dst, int64(millis), 10)
	return append(dst, "\n\n"...)
}

// farewell ends the n-th stream of a Hub that closes. The clients of a node that goes away come back spread over two seconds.
func farewell(n int) []byte {
	return appendRetry([]byte(": closing\n"), retryMillis+n%farewells*2000/farewells)
}
