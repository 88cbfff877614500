package room

import (
	"encoding/json"
	"errors"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/ringside-server/ringside/internal/view"
	"github.com/ringside-server/ringside/internal/wire"
)

type (
	thing  struct{ X, Y int }
	wish   struct{ Text string }
	secret struct{ x int } //nolint:unused // a field that cannot be sent
)

func TestDefinitionDefaults(t *testing.T) {
	p, err := Compile(definition(&script{S: &noState{}}))
	if err != nil {
		t.Fatal(err)
	}
	if d := p.Def; d.TickHz != DefaultTickHz || d.SendHz != DefaultTickHz || d.Grace != DefaultGrace {
		t.Errorf("TickHz %d, SendHz %d, Grace %v", d.TickHz, d.SendHz, d.Grace)
	}
	if n, latest := p.PerTick(); n != 0 || latest {
		t.Errorf("a game without Input takes %d inputs, latest %v", n, latest)
	}
	again, err := view.ParseSchema(p.SchemaJSON)
	if err != nil || !reflect.DeepEqual(again.JSON(), p.SchemaJSON) || p.SchemaHash != wire.Murmur32(p.SchemaJSON) {
		t.Errorf("schema %s: %v, hash %08x", p.SchemaJSON, err, p.SchemaHash)
	}
}

func TestDefinitionRefused(t *testing.T) {
	input := func(p Policy) AnyInput { return Input[thing](p) }
	for _, c := range []struct {
		name   string
		change func(*Definition)
		want   string // "" is acceptable
	}{
		{"as it is", func(*Definition) {}, ""},
		{"no name", func(d *Definition) { d.Name = "" }, "Name"},
		{"upper case", func(d *Definition) { d.Name = "Arena" }, "Name"},
		{"32 letters", func(d *Definition) { d.Name = strings.Repeat("a", 32) }, ""},
		{"33 letters", func(d *Definition) { d.Name = strings.Repeat("a", 33) }, "Name"},
		{"no New", func(d *Definition) { d.New = nil }, "New"},
		{"negative rate", func(d *Definition) { d.TickHz = -1 }, "TickHz -1"},
		{"120 Hz", func(d *Definition) { d.TickHz = 120 }, ""},
		{"121 Hz", func(d *Definition) { d.TickHz = 121 }, "TickHz 121"},
		{"sends faster", func(d *Definition) { d.SendHz = 40 }, "SendHz 40 does not divide"},
		{"sends unevenly", func(d *Definition) { d.SendHz = 15 }, "SendHz 15 does not divide"},
		{"sends backwards", func(d *Definition) { d.SendHz = -20 }, "SendHz -20"},
		{"sends every other", func(d *Definition) { d.SendHz = 10 }, ""},
		{"no players", func(d *Definition) { d.MaxPlayers = 0 }, "MaxPlayers 0"},
		{"1000 players", func(d *Definition) { d.MaxPlayers = 1000 }, ""},
		{"1001 players", func(d *Definition) { d.MaxPlayers = 1001 }, "MaxPlayers 1001"},
		{"more bots than places", func(d *Definition) { d.Bots = 5 }, "Bots 5"},
		{"negative bots", func(d *Definition) { d.Bots = -1 }, "Bots -1"},
		{"negative grace", func(d *Definition) { d.Grace = -1 }, "Grace"},
		{"long grace", func(d *Definition) { d.Grace = 61 * time.Minute }, "Grace 1h1m"},
		{"kind of a field that cannot be sent", func(d *Definition) { d.Kinds = []AnyKind{Kind[secret]("s")} }, `"s": room.secret.x is not exported`},
		{"kind of a number", func(d *Definition) { d.Kinds = []AnyKind{Kind[int]("s")} }, "int is not a struct"},
		{"two kinds of a name", func(d *Definition) { d.Kinds = []AnyKind{Kind[thing]("s"), Kind[thing]("s")} }, `"s"`},
		{"kind without a name", func(d *Definition) { d.Kinds = []AnyKind{Kind[thing]("")} }, "kind name"},
		{"input with a text", func(d *Definition) { d.Input = Input[wish](OnePerTick) }, "inputs are numbers"},
		{"input without fields", func(d *Definition) { d.Input = Input[struct{}](OnePerTick) }, "without fields"},
		{"input of a field that cannot be sent", func(d *Definition) { d.Input = Input[secret](OnePerTick) }, "not exported"},
		{"every policy", func(d *Definition) { d.Input = input(Each(3)) }, ""},
		{"message of a bad struct", func(d *Definition) { d.Messages = []AnyMessage{messageOf[secret]("m", 1)} }, `"m": room.secret.x`},
		{"message never", func(d *Definition) { d.Messages = []AnyMessage{messageOf[wish]("m", 0)} }, "0 per second"},
		{"message too often", func(d *Definition) { d.Messages = []AnyMessage{messageOf[wish]("m", 1001)} }, "1001 per second"},
		{"event of a bad struct", func(d *Definition) { d.Events = []AnyEvent{Event[secret]("e")} }, `"e": room.secret.x`},
	} {
		def := definition(&script{S: &noState{}})
		c.change(&def)
		_, err := Compile(def)
		switch {
		case c.want == "" && err != nil:
			t.Errorf("%s: %v", c.name, err)
		case c.want != "" && (!errors.Is(err, ErrDefinition) || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%s: got %v, want an ErrDefinition with %q", c.name, err, c.want)
		}
	}
}

func messageOf[T any](name string, rate int) AnyMessage {
	return Message(name, rate, func(*script, *Room, *Player, T) error { return nil })
}

func TestPolicies(t *testing.T) {
	for _, c := range []struct {
		policy Policy
		n      int
		latest bool
		mode   string
	}{{OnePerTick, 1, false, "one"}, {Latest, 1, true, "latest"}, {Each(3), 3, false, "each"}, {Each(0), 1, false, "each"}, {Each(99), InputQueue, false, "each"}} {
		def := definition(&script{S: &noState{}})
		def.Input = Input[thing](c.policy)
		p, err := Compile(def)
		if err != nil {
			t.Fatal(err)
		}
		if n, latest := p.PerTick(); n != c.n || latest != c.latest || p.Schema.Input.Mode != c.mode {
			t.Errorf("%+v: %d per tick, latest %v, mode %q", c.policy, n, latest, p.Schema.Input.Mode)
		}
	}
}

// A handle belongs to one place: in two Definitions it may stand only at the same index.
func TestHandleStandsAtOnePlace(t *testing.T) {
	kind, event := Kind[thing]("a"), Event[thing]("a")
	compile := func(change func(*Definition)) error {
		def := definition(&script{S: &noState{}})
		change(&def)
		_, err := Compile(def)
		return err
	}
	other := Kind[thing]("b")
	if err := compile(func(d *Definition) { d.Kinds, d.Events = []AnyKind{kind, other}, []AnyEvent{event} }); err != nil {
		t.Fatal(err)
	}
	if err := compile(func(d *Definition) { d.Kinds = []AnyKind{kind} }); err != nil {
		t.Errorf("the same handle at the same place of another definition: %v", err)
	}
	for name, change := range map[string]func(*Definition){
		"a kind":  func(d *Definition) { d.Kinds = []AnyKind{other, kind} },
		"twice":   func(d *Definition) { d.Kinds = []AnyKind{kind, kind} },
		"a event": func(d *Definition) { d.Events = []AnyEvent{Event[thing]("x"), event} },
	} {
		if err := compile(change); err == nil || !strings.Contains(err.Error(), "two places") {
			t.Errorf("%s: %v, want an error about two places", name, err)
		}
	}
}

func TestUnlistedHandlePanicsWithItsName(t *testing.T) {
	ghosts, booed := Kind[thing]("ghost"), Event[thing]("boo")
	g := &script{}
	d := startScript(t, g)
	g.view = func(_ *Room, v *View) { ghosts.Put(v, 1, thing{}) }
	wantPanic(t, `"ghost" is used but not listed`, func() { _ = d.Record(d.prog.Layout.NewFrame()) })
	g.step = func(r *Room) { booed.Broadcast(r, thing{}) }
	wantPanic(t, `"boo" is used but not listed`, d.Step)
}

func TestNewDecides(t *testing.T) {
	def := definition(nil)
	def.New = func(_ *Room, o json.RawMessage) (Game, error) {
		return &script{S: &noState{}}, json.Unmarshal(o, new(int))
	}
	prog, err := Compile(def)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := prog.Start("r", 1, json.RawMessage(`"x"`), zerolog.Nop()); err == nil || errors.Is(err, ErrDefinition) {
		t.Errorf("New refused the options, Start says %v: want New's own error, for the creator", err)
	}
	if _, err := prog.Start("r", 1, json.RawMessage(`5`), zerolog.Nop()); err != nil {
		t.Error(err)
	}
}

func TestMessageOfAnotherGame(t *testing.T) {
	type stranger struct{ script }
	m := Message("m", 1, func(*stranger, *Room, *Player, wish) error { return nil })
	if err := m.call(&script{}, nil, nil, []byte{0x90}); err == nil || !strings.Contains(err.Error(), "another game") {
		t.Errorf("got %v, want an error that names the mistake", err)
	}
	if err := m.call(&script{}, nil, nil, []byte{0xc1}); !errors.Is(err, ErrPayload) {
		t.Errorf("got %v, want ErrPayload", err)
	}
}

func TestReasonsHaveNames(t *testing.T) {
	for r, want := range map[Reason]string{ReasonLeft: "left", ReasonTimeout: "timeout", ReasonKicked: "kicked", ReasonBot: "bot", 9: "Reason(9)"} {
		if got := r.String(); got != want {
			t.Errorf("Reason %d is %q, want %q", uint8(r), got, want)
		}
	}
}

type more struct {
	Unused int `json:"-"`
}

func TestOptions(t *testing.T) {
	type options struct {
		Rounds int     `json:"rounds" ring:"1..10"`
		Speed  float64 `json:"speed" ring:"0.5..2"`
		Size   uint    `ring:"5..50"`
		Name   string  `json:"name"`
		Level  uint8   `json:"level"`
		Map    struct {
			Seed int64 `json:"seed"`
		} `json:"map"`
		more
		Lives  *int8 `json:"lives"`
		On     bool  `json:"on"`
		Teams  []int `json:"teams"`
		Cache  int   `json:"-"`
		hidden int
	}
	_ = options{}.hidden
	for _, c := range []struct{ text, want string }{
		{``, ""}, {`{}`, ""}, {`{"rounds":10,"speed":0.5,"Size":5,"name":"x"}`, ""},
		{`{"rounds":11}`, "rounds is 11, want 1 to 10"}, {`{"speed":0.4}`, "speed is 0.4, want 0.5 to 2"}, {`{"Size":51}`, "Size is 51"},
		{`{"round":1}`, `options: there is no "round"; there are: rounds, speed, Size, name, level, map, map.seed, lives, on, teams`},
		{`{"rounds":"1"}`, "options: rounds is text, want a whole number"}, {`{"rounds":1.5}`, "options: rounds is 1.5, want a whole number"},
		{`{"level":300}`, "options: level is 300, want a whole number from 0 to 255"}, {`{"lives":-200}`, "options: lives is -200, want a whole number from -128 to 127"},
		{`{"name":[]}`, "options: name is a list, want text"}, {`{"speed":{}}`, "options: speed is an object, want a number"},
		{`{"on":1}`, "want true or false"}, {`{"teams":true}`, "options: teams is true or false, want a list"}, {`{"Size":-1}`, "want a whole number from 0 up"},
		{`{"map":{"seed":"x"}}`, "options: map.seed is text, want a whole number"}, {`{"map":7}`, "want an object"},
		{`{} x`, "follows"}, {`[]`, "options: want an object, {…}, not a list"}, {`{`, "options: the JSON ends too early"}, {`{"a":x}`, "options: not JSON: byte 6 is out of place"},
		{`null`, ""},
	} {
		opt := options{Rounds: 3, Speed: 1, Size: 7}
		err := Options(json.RawMessage(c.text), &opt)
		if c.want == "" && err != nil || c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("options %s: %v, want %q", c.text, err, c.want)
		}
	}
	wantPanic(t, "want min..max", func() {
		_ = Options(nil, &struct {
			X int `ring:"a..b"`
		}{})
	})
}
