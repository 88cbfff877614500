package ringside

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"github.com/ringside-server/ringside/internal/crash"
	"github.com/ringside-server/ringside/internal/engine"
	"github.com/ringside-server/ringside/internal/host"
	"github.com/ringside-server/ringside/internal/wire"
	"github.com/ringside-server/ringside/room"
)

// maxReplayFile bounds a file that is replayed: a checkpoint has 17 MiB at most, the records 1 MiB and one record.
const maxReplayFile = 64 << 20

// runReplay plays a fault file or a dump with the game of this binary. A panic that comes again is what was wanted: no error.
func runReplay(c *console, until uint32, verbose, force bool) error {
	if len(c.args) != 1 {
		return fmt.Errorf("%w: want one fault file or dump", errUsage)
	}
	data, err := readBounded(c.args[0], maxReplayFile)
	if err != nil {
		return err
	}
	f, err := host.ParseFault(data)
	if err != nil {
		return fmt.Errorf("%s: %w", c.args[0], err)
	}
	prog, err := c.program(f, force)
	if err != nil {
		return err
	}
	if c.cfg.process {
		debug.SetMaxStack(crash.StackLimit) // as in the node whose crash this may be
	}
	p := player{console: c, file: f, until: until, verbose: verbose}
	return p.play(prog)
}

func readBounded(name string, limit int64) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(data)) > limit {
		err = fmt.Errorf("%s is larger than %d bytes", name, limit)
	}
	return data, err
}

// program is the game that a file is of.
func (c *console) program(f *host.FaultFile, force bool) (*room.Program, error) {
	var names []string
	for _, def := range c.cfg.Games {
		if def.Name != f.Game {
			names = append(names, def.Name)
			continue
		}
		if def.Version != f.Version {
			if !force {
				return nil, fmt.Errorf("the file is of version %d of game %q, this binary has version %d: its ticks may come out otherwise; -force replays even so", f.Version, f.Game, def.Version)
			}
			def.Version = f.Version
		}
		return room.Compile(def)
	}
	return nil, fmt.Errorf("the file is of game %q, which this binary does not have; it has %q", f.Game, names)
}

// A player plays one file.
type player struct {
	*console
	file    *host.FaultFile
	until   uint32
	verbose bool
	room    *engine.Room
}

func (p *player) play(prog *room.Program) (err error) {
	f := p.file
	p.warn()
	cfg := engine.Config{
		ID: f.Room, Program: prog, Options: f.Options, Seed: f.Seed, Epoch: f.Epoch, Bots: f.Bots, Places: f.Places, Log: zerolog.Nop(),
	}
	if len(f.Checkpoint) == 0 {
		p.room, err = engine.New(cfg)
	} else {
		p.room, err = engine.Restore(cfg, f.Checkpoint)
	}
	if err != nil {
		return p.report(err)
	}
	fmt.Fprintf(p.stdout, "room %s of game %s, version %d, from tick %d\n", f.Room, f.Game, f.Version, p.room.TickNow())
	for in := wire.NewReader(f.Records); in.Len() > 0 && !p.done(); {
		record := in.Bytes(len(f.Records))
		if in.Err() != nil {
			return fmt.Errorf("after tick %d: %w", p.room.TickNow(), in.Err())
		}
		if err := p.tick(record); err != nil {
			return p.report(err)
		}
	}
	if p.until == 0 && f.Panic != "" {
		if err := p.inTime(p.room.TakeCheckpoint); err != nil { // the last thing of a tick that may fail
			return p.report(err)
		}
		if f.Crash {
			fmt.Fprintf(p.stdout, "the replay ends at tick %d and it did not: its last tenth of a second was not written down any more\n", p.room.TickNow())
			return nil
		}
		return fmt.Errorf("the replay ends at tick %d without the panic of the file, %q: Step does not do the same twice, or the game is another", p.room.TickNow(), f.Panic)
	}
	return p.state()
}

// warn says beforehand what the room has done to its process: it may do it to this one.
func (p *player) warn() {
	if !p.file.Crash {
		return
	}
	fmt.Fprintf(p.stdout, "this room brought its process down at about tick %d: %s\n", p.file.Tick, p.file.Panic)
	for i, frame := range host.GameStack(p.file.Stack) {
		if i == maxFrames {
			fmt.Fprintf(p.stdout, "  and so on\n")
			break
		}
		fmt.Fprintf(p.stdout, "  at %s\n     %s:%s\n", frame, frame.File, frame.Line)
	}
	fmt.Fprintln(p.stdout, "if it does so again this process ends, too, with the words of the Go runtime; -until stops before")
}

// maxFrames is how many calls of a recursion are shown.
const maxFrames = 10

// done reports whether the tick that was asked for has been made, or the room is over.
func (p *player) done() bool {
	return p.until > 0 && p.room.TickNow() >= p.until || p.room.Ended() != nil
}

// tick replays one record.
func (p *player) tick(record []byte) error {
	tick, lines, err := p.room.Narrate(record)
	if err != nil {
		return err
	}
	err = p.inTime(func() error { return p.room.Replay(wire.AppendBytes(nil, record)) })
	if !p.verbose {
		return err
	}
	seen := "no view"
	if at, hash, ok := p.room.ViewHash(); ok && at == tick && err == nil {
		seen = fmt.Sprintf("view %08x", hash)
	}
	fmt.Fprintf(p.stdout, "tick %d  %s\n", tick, seen)
	for _, line := range lines {
		fmt.Fprintf(p.stdout, "    %s\n", line)
	}
	return err
}

// replayLimit is longer than a server lets a tick be.
const replayLimit = 3 * time.Second

// inTime calls into the game, and does not wait for it longer than a server would if that is what the file is about.
func (p *player) inTime(f func() error) error {
	if _, hung := engine.HungIn(p.file.Panic); !hung {
		return f()
	}
	done := make(chan error, 1)
	go func() { done <- f() }() // ends with the process if the game does not come back
	timer := time.NewTimer(replayLimit)
	defer timer.Stop()
	for {
		select {
		case err := <-done:
			return err
		case <-timer.C:
			if p.room.Abandon(replayLimit, p.file.Stack) {
				return &engine.PanicError{Value: p.room.Ended().Fault.Panic, Stack: p.file.Stack}
			}
			timer.Reset(time.Millisecond) // it is not inside of the game just now
		}
	}
}

// report says where a game panicked, its own frames first.
func (p *player) report(err error) error {
	var failed *engine.PanicError
	if !errors.As(err, &failed) {
		return err
	}
	tick := p.file.Tick
	if p.room != nil {
		tick = p.room.TickNow()
	}
	what := "panics"
	if p.room != nil && p.room.Abandoned() {
		what = "does not come back"
	}
	fmt.Fprintf(p.stdout, "the game %s at tick %d: %s\n", what, tick, failed.Value)
	for _, frame := range host.GameStack(failed.Stack) {
		fmt.Fprintf(p.stdout, "  at %s\n     %s:%s\n", frame, frame.File, frame.Line)
	}
	if p.verbose {
		fmt.Fprintf(p.stdout, "\n%s", failed.Stack)
	}
	switch was := p.file.Panic; {
	case was == "":
		return errors.New("the file is of a room that had not failed")
	case !samePanic(was, strings.ToValidUTF8(failed.Value, "?")):
		return fmt.Errorf("the file is of another panic: tick %d, %s", p.file.Tick, was)
	}
	return nil
}

// samePanic compares texts of faults; of two that do not come back, where.
func samePanic(was, is string) bool {
	before, hung := engine.HungIn(was)
	now, hangs := engine.HungIn(is)
	return hung == hangs && before == now
}

// state prints where the replay has come to.
func (p *player) state() error {
	if end := p.room.Ended(); end != nil {
		fmt.Fprintf(p.stdout, "the room ended at tick %d: %d %s\n", p.room.TickNow(), end.Code, end.Reason)
	} else {
		fmt.Fprintf(p.stdout, "at tick %d\n", p.room.TickNow())
	}
	if p.until == 0 {
		return nil
	}
	if now := p.room.TickNow(); now != p.until {
		return fmt.Errorf("tick %d is not in the file: it goes from %d to %d", p.until, p.file.Base, p.file.Tick)
	}
	text, err := p.room.StateJSON()
	if err != nil {
		return p.report(err)
	}
	_, err = p.stdout.Write(append(bytes.TrimSpace(text), '\n'))
	return err
}
