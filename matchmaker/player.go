package matchmaker

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Creation says what a new room shall be. The zero value of every field but
// Game works.
type Creation struct {
	Game       string
	Options    []byte // JSON for the game
	Metadata   map[string]string
	Private    bool
	Bots       *int // nil: as the game likes
	MaxPlayers int  // 0: as many as the game allows
}

// SeatGrant is a seat and the token that opens it.
type SeatGrant struct {
	Room    *Room
	Seat    Seat
	Token   string
	Expires time.Time
}

// CreateRoom makes a room and waits until its owner runs it. Errors:
// ErrGameUnknown, ErrTooManyRooms, ErrInvalid, *RefusedError.
func (m *Matchmaker) CreateRoom(ctx context.Context, c Creation) (*Room, error) {
	res, err := m.create(ctx, asked{}, c)
	return res.room, err
}

// asked is who asks, and the idempotency key they gave; empty without one.
type asked struct {
	principal, key string
	hash           []byte
}

func (a *asked) origin() origin { return origin{Principal: a.principal, Key: a.key} }

func (m *Matchmaker) create(ctx context.Context, by asked, c Creation) (result, error) {
	settings, err := m.creation(c)
	if err != nil {
		return result{}, fmt.Errorf("create room: %w", err)
	}
	cmd := &createRoom{origin: by.origin(), once: once{by.hash}, creation: settings}
	res, err := m.proposeNew(ctx, cmd, func() {
		cmd.Random = random(randomBytes)
		if c.Private {
			cmd.Code = random(codeBytes)
		}
	})
	if err == nil {
		res.room, err = m.waitStarted(ctx, res.room)
	}
	if err != nil {
		return result{}, fmt.Errorf("create room of %q: %w", c.Game, err)
	}
	return res, nil
}

// Reserve reserves seats for all players or for none. A player who has one
// reserved already gets it again with a fresh token. Errors: ErrRoomUnknown,
// ErrRoomEnded, ErrRoomLocked, ErrRoomFull, ErrAlreadySeated, ErrInvalid.
func (m *Matchmaker) Reserve(ctx context.Context, room string, players []Player) ([]SeatGrant, error) {
	grants, _, err := m.reserve(ctx, asked{}, room, players)
	return grants, err
}

func (m *Matchmaker) reserve(ctx context.Context, by asked, room string, players []Player) (grants []SeatGrant, replayed bool, err error) {
	if len(players) == 0 || len(players) > maxPlayersPerCall {
		return nil, false, fmt.Errorf("reserve seats in %q: %w", room, invalid("%d players, must be 1 to %d", len(players), maxPlayersPerCall))
	}
	players, err = cleanPlayers(players)
	if err != nil {
		return nil, false, fmt.Errorf("reserve seats in %q: %w", room, err)
	}
	res, err := m.propose(ctx, &reserve{origin: by.origin(), once: once{by.hash}, Room: room, Players: players, Expires: m.expiry()})
	if err == nil {
		res.room, err = m.waitStarted(ctx, res.room)
	}
	if err != nil {
		return nil, false, fmt.Errorf("reserve seats in %q: %w", room, err)
	}
	grants, err = m.grants(ctx, res)
	return grants, res.replayed, err
}

// Join seats a player in the fullest public room of a game whose metadata has
// all of c.Metadata, or makes such a room from c, and says whether it did.
// Errors as CreateRoom.
func (m *Matchmaker) Join(ctx context.Context, c Creation, p Player) (grant SeatGrant, created bool, err error) {
	grant, res, err := m.join(ctx, asked{}, c, p)
	return grant, res.created, err
}

func (m *Matchmaker) join(ctx context.Context, by asked, c Creation, p Player) (SeatGrant, result, error) {
	settings, err := m.creation(c)
	if err != nil {
		return SeatGrant{}, result{}, fmt.Errorf("join %q: %w", c.Game, err)
	}
	players, err := cleanPlayers([]Player{p})
	if err != nil {
		return SeatGrant{}, result{}, fmt.Errorf("join %q: %w", c.Game, err)
	}
	cmd := &joinOrCreate{origin: by.origin(), once: once{by.hash}, creation: settings, Player: players[0], Expires: m.expiry()}
	res, err := m.proposeNew(ctx, cmd, func() { cmd.Random = random(randomBytes) })
	if err == nil {
		res.room, err = m.waitStarted(ctx, res.room)
	}
	if err != nil {
		return SeatGrant{}, result{}, fmt.Errorf("join %q: %w", c.Game, err)
	}
	grants, err := m.grants(ctx, res)
	if err != nil {
		return SeatGrant{}, result{}, err
	}
	return grants[0], res, nil
}

// creation checks c and makes the command of it, without its random bytes.
func (m *Matchmaker) creation(c Creation) (creation, error) {
	if c.Game == "" || len(c.Game) > maxGameBytes {
		return creation{}, invalid("game name is %d bytes long, must be 1 to %d", len(c.Game), maxGameBytes)
	}
	if err := checkMetadata(c.Metadata); err != nil {
		return creation{}, err
	}
	options, err := compactOptions(c.Options)
	if err != nil {
		return creation{}, err
	}
	if c.MaxPlayers < 0 || c.MaxPlayers > maxPlayersPerRoom {
		return creation{}, invalid("max_players is %d, must be 0 to %d", c.MaxPlayers, maxPlayersPerRoom)
	}
	if c.Bots != nil && (*c.Bots < 0 || *c.Bots > maxPlayersPerRoom) {
		return creation{}, invalid("bots is %d, must be 0 to %d", *c.Bots, maxPlayersPerRoom)
	}
	return creation{
		Game: c.Game, Options: options, Metadata: sortPairs(c.Metadata), Private: c.Private, Bots: c.Bots,
		MaxPlayers: c.MaxPlayers, MaxSpectators: m.cfg.MaxSpectators, MaxLive: m.cfg.MaxRooms,
	}, nil
}

// proposeNew proposes a command that may create a room, with random bytes that draw gives it; once more with others if the id
// was taken.
func (m *Matchmaker) proposeNew(ctx context.Context, cmd command, draw func()) (result, error) {
	draw()
	res, err := m.propose(ctx, cmd)
	if errors.Is(err, ErrRoomExists) {
		draw()
		res, err = m.propose(ctx, cmd)
	}
	return res, err
}

// waitStarted returns the room once its owner runs it.
func (m *Matchmaker) waitStarted(ctx context.Context, r *Room) (*Room, error) {
	if r.State == RoomRunning {
		return r, nil
	}
	timeout := time.NewTimer(m.cfg.StartTimeout)
	defer timeout.Stop()
	for {
		now, changed, done := m.dir.watch(r.ID)
		switch {
		case now == nil:
			done()
			return nil, ErrRoomEnded
		case now.State == RoomRunning:
			done()
			return now, nil
		case now.State == RoomEnded:
			done()
			if now.End.Reason == reasonRefused {
				return nil, &RefusedError{now.End.Text}
			}
			if now.End.Code == codeFault {
				return nil, ErrGameFailed
			}
			return nil, ErrRoomEnded
		}
		select {
		case <-changed:
			done()
		case <-ctx.Done():
			done()
			return nil, ctx.Err()
		case <-timeout.C:
			done()
			return nil, errStartUnknown
		}
	}
}

// grants signs a token for every seat of a result.
func (m *Matchmaker) grants(ctx context.Context, res result) ([]SeatGrant, error) {
	key, err := m.signingKey(ctx)
	if err != nil {
		return nil, err
	}
	out := make([]SeatGrant, len(res.seats))
	for i, s := range res.seats {
		expires := time.UnixMilli(s.Expires)
		out[i] = SeatGrant{Room: res.room, Seat: s, Expires: expires, Token: sealToken(key, Claims{
			Room: res.room.ID, Seat: s.ID, Slot: s.Slot, Epoch: res.room.Epoch, Role: s.Role,
			Player: s.Player, Name: s.Name, Team: s.Team, Expires: expires,
		})}
	}
	return out, nil
}

func (m *Matchmaker) expiry() int64 { return m.cfg.Now().Add(m.cfg.TokenTTL).UnixMilli() }

// cleanPlayers fills in what players left out and checks the rest.
func cleanPlayers(players []Player) ([]Player, error) {
	out := make([]Player, len(players))
	for i, p := range players {
		if p.ID == "" {
			p.ID = anonymousID()
		}
		if len(p.ID) > maxIDBytes || cleanText(p.ID, maxIDBytes) != p.ID {
			return nil, invalid("player id must be 1 to %d bytes of printable text", maxIDBytes)
		}
		if p.Team < 0 || p.Team > maxTeam {
			return nil, invalid("team must be 0 to %d", maxTeam)
		}
		p.Name = cleanName(p.Name)
		out[i] = p
	}
	return out, nil
}
