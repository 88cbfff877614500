package matchmaker

import (
	"fmt"
	"testing"
)

// BenchmarkJoin is one join-or-create among 20,000 public rooms of one game,
// all of it: encode, decode, apply, index; and the release of the seat.
func BenchmarkJoin(b *testing.B) {
	for _, bc := range []struct {
		name    string
		filters []Pair
	}{
		{"filters=0", nil},
		{"filters=1", []Pair{{"region", "r7"}}},
		{"filters=2", []Pair{{"mode", "m2"}, {"region", "r7"}}},
		// 2,000 rooms have the second pair and only one has both, behind them.
		{"filters=2/rare", []Pair{{"mode", "m3"}, {"region", "r7"}}},
	} {
		b.Run(bc.name, func(b *testing.B) {
			m := newMachine()
			for i := range 20_000 {
				r := m.room(b, creation{Metadata: []Pair{{"mode", fmt.Sprint("m", i%5)}, {"region", fmt.Sprint("r", i%10)}}})
				if i%3 == 0 {
					m.reserve(r.ID, "x", "y")
				}
			}
			b.ReportAllocs()
			for b.Loop() {
				res := m.do(&joinOrCreate{creation: creation{Game: "arena", Metadata: bc.filters, MaxLive: 1 << 20, Random: random(randomBytes)},
					Player: Player{ID: "p"}, Expires: m.now + 30_000})
				if res.err != nil {
					b.Fatal(res.err)
				}
				m.do(&release{fenced: fenced{res.room.ID, 1}, Seat: res.seats[0].ID})
			}
		})
	}
}

// BenchmarkReserve is a reservation and its release in one hot room.
func BenchmarkReserve(b *testing.B) {
	m := newMachine()
	r := m.room(b, creation{})
	b.ReportAllocs()
	for b.Loop() {
		res := m.reserve(r.ID, "p")
		m.do(&release{fenced: fenced{r.ID, 1}, Seat: res.seats[0].ID})
	}
}

// BenchmarkSnapshotCapture is what a snapshot of 20,000 rooms costs the
// commands behind it.
func BenchmarkSnapshotCapture(b *testing.B) {
	m := newMachine()
	for range 20_000 {
		m.room(b, creation{})
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := m.dir.Snapshot(); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkHTTPSeats is POST /v1/rooms/{id}/seats without network and disk:
// the same player asks for the same seat.
func BenchmarkHTTPSeats(b *testing.B) {
	f := newFixture(b, Config{})
	f.own(b)
	room := f.mustCreate(b, Creation{Game: "arena"})
	b.ReportAllocs()
	for b.Loop() {
		f.mustCall(b, 201, "POST", "/v1/rooms/"+room.ID+"/seats", `{"players":[{"id":"ann"}]}`)
	}
}

// BenchmarkHTTPJoin is POST /v1/join among 20,000 public rooms of one game, without network and disk: the request, the command,
// its index, the token. A server and a player who joins with a key, whose seat is given back.
func BenchmarkHTTPJoin(b *testing.B) {
	for _, bc := range []struct {
		name, body string
		keyed      bool
	}{
		{"filters=0", `{"game":"arena","player":{"id":"p"}}`, false},
		{"filters=2", `{"game":"arena","player":{"id":"p"},"filters":{"mode":"m2","region":"r7"}}`, false},
		{"filters=2/key", `{"game":"arena","player":{"id":"p"},"filters":{"mode":"m2","region":"r7"}}`, true},
	} {
		b.Run(bc.name, func(b *testing.B) {
			f := newFixture(b, Config{MaxRooms: 1 << 20})
			m := &machine{dir: f.dir, index: f.log.index, now: f.now()}
			for i := range 20_000 {
				m.room(b, creation{Metadata: []Pair{{"mode", fmt.Sprint("m", i%5)}, {"region", fmt.Sprint("r", i%10)}}})
			}
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				var header []string
				if bc.keyed {
					header = []string{"Idempotency-Key", fmt.Sprint(i)}
				}
				_, seat := f.mustCall(b, 200, "POST", "/v1/join", bc.body, header...)
				m.do(&release{fenced: fenced{seat["room"].(string), 1}, Seat: uint64(seat["seat"].(float64))})
			}
		})
	}
}

// BenchmarkAssignmentChanges is what a node looks at after each change when it runs 20,000 rooms.
func BenchmarkAssignmentChanges(b *testing.B) {
	m := newMachine()
	for range 20_000 {
		m.room(b, creation{})
	}
	version, _ := m.dir.Assignments("a")
	b.ReportAllocs()
	for b.Loop() {
		if _, list, _, _ := m.dir.AssignmentChanges("a", version); len(list) != 0 {
			b.Fatal(len(list))
		}
	}
}
