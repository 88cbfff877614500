package host

import (
	"context"
	"crypto/tls"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gobwas/ws"

	"github.com/ringside-server/ringside/internal/wire"
)

func TestInputBecomesState(t *testing.T) {
	eachLink(t, func(t *testing.T, b Backend) {
		r := newRig(t, b, nil)
		r.open("a")
		one, two := r.join("a", 0), r.join("a", 1)
		if one.welcome.Room != "a" || one.welcome.Slot != 0 || one.welcome.TickHz != 20 || one.rosters == 0 {
			t.Fatalf("welcome %+v", one.welcome)
		}
		for range 20 {
			one.input(1, -1)
			n := one.seq
			one.until("the input's state", func() bool { return one.inSeq >= n })
		}
		two.until("the other's moves", func() bool { x, y, _ := two.dot(0); return x == 20 && y == -20 })
		one.until("a hash", func() bool { return one.hashes > 0 })
		if secret := one.cur().Find(3, 1); secret == nil || secret[0] != 1000 {
			t.Errorf("own secret %v", secret)
		}
		if secret := two.cur().Find(3, 1); secret == nil || secret[0] != 1001 {
			t.Errorf("the other's secret %v", secret)
		}
	})
}

func TestMessagesEventsPings(t *testing.T) {
	eachLink(t, func(t *testing.T, b Backend) {
		r := newRig(t, b, nil)
		r.open("a")
		one, two := r.join("a", 0), r.join("a", 1)
		one.order(orderSay)
		one.until("the reply", func() bool { return len(one.replies) == 1 })
		two.until("the event", func() bool { return len(two.events) == 1 })
		one.send(wire.AppendPing(nil, wire.Ping{ClientUS: 77}))
		one.raw(masked(ws.OpPing, []byte("hi")))
		one.until("both pongs", func() bool { return len(one.pongs) == 1 && one.wsPongs == 1 })
		if p := one.pongs[0]; p.ClientUS != 77 || p.ClockUS == 0 || p.Tick == 0 {
			t.Errorf("pong %+v", p)
		}
		one.order(orderLock)
		r.town.await(t, "locked a 1 true", 1)
		r.town.await(t, "metadata a 1 map=moon", 1)
		one.send(wire.AppendLeave(nil))
		if code := one.untilClosed(); code != wire.CloseLeft {
			t.Errorf("closed with %d", code)
		}
		r.town.await(t, "freed a 1 1", 1)
	})
}

// A step that takes long shows in the heartbeat, and costs its worker's rooms ticks, which are counted and not all made up for.
func TestSlowStep(t *testing.T) {
	eachBackend(t, func(t *testing.T, b Backend) {
		r := newRig(t, b, nil)
		r.open("a", "b")
		one, other := r.join("a", 0), r.join("b", 0)
		late := r.host.stats.TicksLate.Load()
		tick := other.cur().Tick
		one.order(orderNap)
		eventually(t, "the heartbeat to show it", func() bool {
			s := r.host.Workers()[0]
			return s.Step > 100*time.Millisecond && s.Room == "a"
		})
		one.until("the reply", func() bool { return len(one.replies) == 1 })
		other.until("the neighbour to run on", func() bool { return other.cur().Tick > tick+10 })
		if n := r.host.stats.TicksLate.Load() - late; n < 5 {
			t.Errorf("%d ticks are counted as late", n)
		}
	})
}

// TLS below a listener that is not ours has no descriptor of its own: such connections are served by goroutines, under either
// backend.
func TestTLSOfAForeignListener(t *testing.T) {
	eachBackend(t, func(t *testing.T, b Backend) {
		r := newRig(t, b, nil)
		r.open("a")
		srv := httptest.NewUnstartedServer(r.mux)
		srv.StartTLS()
		defer srv.Close()
		d := ws.Dialer{Protocols: []string{wire.Subprotocol}, TLSConfig: srv.Client().Transport.(*http.Transport).TLSClientConfig.Clone()}
		d.TLSConfig.NextProtos = nil
		conn, br, _, err := d.Dial(context.Background(), "wss"+strings.TrimPrefix(srv.URL, "https")+"/v1/rooms/a/ws")
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if _, ok := conn.(*tls.Conn); !ok || br != nil {
			t.Fatalf("connection %T", conn)
		}
		c := newClient(t, conn, nil)
		c.hello(token("a", 0), nil)
		c.untilWelcome()
		c.input(1, 0)
		c.until("the input's state", func() bool { return c.inSeq == 1 })
		c.order(orderEnd)
		if got := c.untilClosed(); got != wire.CloseEnded || c.end == nil {
			t.Errorf("closed with %d", got)
		}
	})
}
