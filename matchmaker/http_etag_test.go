package matchmaker

import (
	"testing"
)

// A proxy that compresses makes tags weak: whoever waits must not be answered at once because of that, for ever.
func TestWeakTags(t *testing.T) {
	f := newFixture(t, Config{})
	f.own(t)
	room := f.mustCreate(t, Creation{Game: "arena"})
	for _, tag := range []string{etag(room), "W/" + etag(room), `"7", W/` + etag(room), "*"} {
		f.mustCall(t, 304, "GET", "/v1/rooms/"+room.ID, "", "If-None-Match", tag)
		f.mustCall(t, 304, "GET", "/v1/rooms/"+room.ID+"?wait=10ms", "", "If-None-Match", tag)
	}
	for _, tag := range []string{`"7"`, "garbage", `W/`, `"`} {
		f.mustCall(t, 200, "GET", "/v1/rooms/"+room.ID, "", "If-None-Match", tag)
	}
}
