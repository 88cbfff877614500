package room

import (
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/ringside-server/ringside/internal/view"
	"github.com/ringside-server/ringside/internal/wire"
)

// ErrDefinition is wrapped by every error about a Definition that cannot run.
var ErrDefinition = errors.New("game definition")

// Defaults and bounds of a Definition.
const (
	DefaultTickHz = 20
	DefaultGrace  = 30 * time.Second
	MaxTickHz     = 120
	MaxPlayers    = 1000
)

// A Definition is a game: how its rooms run and what they are made of. Everything but Name, MaxPlayers and New has a default.
type Definition struct {
	// Name is how creators and clients ask for the game: lower-case letters, digits, '-' and '_', at most 32.
	Name string
	// Version is the version of Step's outcome: a journal is replayed only by the version that wrote it.
	Version uint32
	// StateVersion is the version of State's layout: a checkpoint is restored only by the version that wrote it, or through
	// Convert.
	StateVersion uint32
	// TickHz is how often Step runs in a second (default 20). SendHz is how often players get a state frame; it divides
	// TickHz (default TickHz).
	TickHz, SendHz int
	// MaxPlayers is the number of slots for players.
	MaxPlayers int
	// Bots is how many players, people and bots together, the runtime keeps in a room where at least one person plays, by
	// adding bots. A bot leaves when people are enough, or when a person was given its slot: then Leave and Join of that
	// slot come in the same tick. The creator of a room may ask for another number.
	Bots int
	// Grace is how long the seat of a player who lost the connection is held (default 30 s).
	Grace time.Duration
	// Quiet sends no state frame while nothing changes, but one a second.
	Quiet bool
	// Volatile says that rooms of the game are not worth a disk's time: they outlive a planned restart of their node, and no
	// crash. Rooms of other games lose about a tenth of a second to one.
	Volatile bool
	// Sleeps lets the runtime leave out Step and View in ticks in which there is nothing for them to do: no input, message, join,
	// leave or answer to a call has arrived and no timer is due. Tick numbers go on with time; at least one tick a second is
	// made. For games in which things happen now and then, with Quiet: a table of cards costs almost nothing. Such a game
	// lets time pass by timers and Room.Tick, never by counting its Steps, and draws no random number in a Step in which
	// nothing happens; roomtest finds games that do.
	Sleeps bool
	// NoReplay says that Step may not give the same outcome twice; such a room is resumed from checkpoints only.
	NoReplay bool
	// Kinds are what entities players see, Input what they send each tick, Messages what they ask for now and then, Events
	// what they are told once. Their order is part of the protocol: add at the end.
	Kinds    []AnyKind
	Input    AnyInput
	Messages []AnyMessage
	Events   []AnyEvent
	// New makes the game of a new room. options is the creator's JSON, nil if there was none (see Options); an error
	// refuses the room and its text is shown to the creator.
	New func(r *Room, options json.RawMessage) (Game, error)
	// Convert makes today's state of a checkpoint that was written with another StateVersion, so that rooms survive an update
	// of the game; without it they do not. g is fresh from New; what its State points to is to be filled. decode fills a
	// pointer to a struct of the layout that StateVersion from had (keep the old type, under another name), or gives a
	// pointer to a []byte the bytes as they are, for a game that had a StateCodec. An error refuses the checkpoint; so does
	// an old version Convert does not know, or a newer one: return an error for those. Players, timers and randomness are
	// restored by the runtime; of the time since the checkpoint nothing is replayed where Version differs.
	Convert func(g Game, from uint32, decode func(into any) error) error
}

// A Game is the rules and the state of one room. All methods are called one at a time, in the order of a tick: leaves and
// joins, messages, Step, View. A panic in any of them ends this room (close code 4012) and no other, and so does a tick whose
// callbacks have not come back after 2 s: they compute, and wait for nothing. Of spectators a game is not told.
type Game interface {
	// Join brings a player into the game. An error refuses the player, who sees its text.
	Join(*Room, *Player) error
	// Leave says that a player is gone for good; the slot is free already.
	Leave(*Room, *Player, Reason)
	// Step advances the game by one tick.
	Step(*Room)
	// View puts what is visible now; the runtime sends what changed.
	View(*Room, *View)
	// State returns a pointer to everything that must survive; the runtime encodes and restores it.
	State() any
}

// Awayer is implemented by games that want to know when a player's connection is lost and when it is back in time.
type Awayer interface {
	Away(*Room, *Player)
	Back(*Room, *Player)
}

// StateCodec is implemented by games that encode their state themselves, where the runtime's encoding is too slow.
type StateCodec interface {
	// AppendState appends the state to dst.
	AppendState(dst []byte) []byte
	// RestoreState takes back what AppendState wrote. The bytes are checked by nobody else.
	RestoreState(data []byte) error
}

// Reason says why a player left.
type Reason uint8

// The reasons a game hears.
const (
	ReasonLeft    Reason = iota + 1 // asked to leave
	ReasonTimeout                   // the connection was lost and the grace ran out
	ReasonKicked                    // by the game or an operator
	ReasonBot                       // a bot that made room for a person
)

func (r Reason) String() string {
	switch r {
	case ReasonLeft:
		return "left"
	case ReasonTimeout:
		return "timeout"
	case ReasonKicked:
		return "kicked"
	case ReasonBot:
		return "bot"
	}
	return fmt.Sprintf("Reason(%d)", uint8(r))
}

// A Program is a Definition made ready to run: checked, with defaults filled in, its schema and layout built. It is immutable
// and shared by all rooms of the game. The engine uses it; authors do not.
type Program struct {
	Def        Definition
	Schema     view.Schema
	SchemaJSON []byte
	SchemaHash uint32
	Layout     *view.Layout

	messages []AnyMessage
}

// Compile checks a Definition and makes it ready to run.
func Compile(def Definition) (*Program, error) {
	p := &Program{Def: def, messages: def.Messages}
	if err := p.fillDefaults(); err != nil {
		return nil, fmt.Errorf("%w %q: %w", ErrDefinition, def.Name, err)
	}
	if err := p.buildSchema(); err != nil {
		return nil, fmt.Errorf("%w %q: %w", ErrDefinition, def.Name, err)
	}
	layout, err := view.Compile(&p.Schema)
	if err != nil {
		return nil, fmt.Errorf("%w %q: %w", ErrDefinition, def.Name, err)
	}
	p.Layout = layout
	p.SchemaJSON = p.Schema.JSON()
	p.SchemaHash = wire.Murmur32(p.SchemaJSON)
	return p, nil
}

func (p *Program) fillDefaults() error {
	d := &p.Def
	if !validName(d.Name) {
		return errors.New("Name: want 1 to 32 of a-z 0-9 - _")
	}
	if d.New == nil {
		return errors.New("New is missing")
	}
	if d.TickHz == 0 {
		d.TickHz = DefaultTickHz
	}
	if d.TickHz < 1 || d.TickHz > MaxTickHz {
		return fmt.Errorf("TickHz %d: want 1 to %d", d.TickHz, MaxTickHz)
	}
	if d.SendHz == 0 {
		d.SendHz = d.TickHz
	}
	if d.SendHz < 1 || d.TickHz%d.SendHz != 0 {
		return fmt.Errorf("SendHz %d does not divide TickHz %d", d.SendHz, d.TickHz)
	}
	if d.MaxPlayers < 1 || d.MaxPlayers > MaxPlayers {
		return fmt.Errorf("MaxPlayers %d: want 1 to %d", d.MaxPlayers, MaxPlayers)
	}
	if d.Bots < 0 || d.Bots > d.MaxPlayers {
		return fmt.Errorf("Bots %d: want 0 to MaxPlayers %d", d.Bots, d.MaxPlayers)
	}
	if d.Grace == 0 {
		d.Grace = DefaultGrace
	}
	if d.Grace < 0 || d.Grace > time.Hour {
		return fmt.Errorf("Grace %v: want 0 to 1h", d.Grace)
	}
	return nil
}

func validName(s string) bool {
	for _, c := range []byte(s) {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '_' {
			return false
		}
	}
	return s != "" && len(s) <= 32
}

func (p *Program) buildSchema() error {
	d := &p.Def
	p.Schema = view.Schema{
		Game: d.Name, Version: d.Version, TickHz: d.TickHz, SendHz: d.SendHz, MaxPlayers: d.MaxPlayers,
		Kinds: []view.Kind{},
	}
	for i, k := range d.Kinds {
		s, err := k.bind(i)
		if err != nil {
			return err
		}
		p.Schema.Kinds = append(p.Schema.Kinds, s)
	}
	if d.Input != nil {
		s, err := d.Input.describe()
		if err != nil {
			return err
		}
		p.Schema.Input = &s
	}
	for _, m := range d.Messages {
		s, err := m.describe()
		if err != nil {
			return err
		}
		p.Schema.Messages = append(p.Schema.Messages, s)
	}
	for i, e := range d.Events {
		s, err := e.bind(i)
		if err != nil {
			return err
		}
		p.Schema.Events = append(p.Schema.Events, s)
	}
	return nil
}
