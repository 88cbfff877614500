// Command loadtest plays bots against a running server and says whether it kept its promises: exit 1 if any check failed.
//
//	go run ./loadtest -url http://127.0.0.1:7777 -game arena -rooms 16 -players 8 -duration 10s -input-hz 20 -json FILE
//	go run ./loadtest bytes -data track|track=FILE|cubes901=FILE -hz N -json FILE
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/signal"
	"syscall"

	client "github.com/ringside-server/ringside/clients/go"
	"github.com/ringside-server/ringside/examples/arena"
	"github.com/ringside-server/ringside/examples/cards"
	"github.com/ringside-server/ringside/loadtest/swarm"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	command, args := rooms, os.Args[1:]
	if len(args) > 0 && args[0] == "bytes" {
		command, args = bytesOnTheWire, args[1:]
	}
	err := command(ctx, args)
	switch {
	case err == nil, errors.Is(err, flag.ErrHelp):
		return
	case errors.Is(err, syscall.ECONNREFUSED):
		fmt.Fprintln(os.Stderr, "loadtest:", err, "\nNo server listens there. Start one with: go run ./server")
	case !errors.Is(err, errFailed):
		fmt.Fprintln(os.Stderr, "loadtest:", err)
	}
	stop()
	os.Exit(1)
}

// players are the bots that know their game; any other game is played at random, by its schema.
var players = map[string]func(*client.Game, *rand.Rand) swarm.Player{
	"arena": func(_ *client.Game, rng *rand.Rand) swarm.Player { return arena.NewBot(rng) },
	"cards": func(*client.Game, *rand.Rand) swarm.Player { return new(cards.Bot) },
}

const usage = `loadtest plays bots against a running server, checks every state they are sent, and exits with 1 if a check failed.

Usage:
  loadtest [flags]                     rooms full of bots
  loadtest bytes -data track [flags]   bytes per update on recorded movement (loadtest bytes -help)

Flags:
`

// errFailed says that a check failed; the report has told which.
var errFailed = errors.New("a check failed")

// rooms is the load test.
func rooms(ctx context.Context, args []string) error {
	var cfg swarm.Config
	flags := flag.NewFlagSet("loadtest", flag.ContinueOnError)
	flags.StringVar(&cfg.URL, "url", "http://127.0.0.1:7777", "the `server`")
	flags.StringVar(&cfg.Game, "game", "arena", "what to play")
	flags.IntVar(&cfg.Rooms, "rooms", 16, "rooms to create")
	flags.IntVar(&cfg.Players, "players", 8, "bots in each room")
	flags.DurationVar(&cfg.Duration, "duration", 0, "how long to measure (default 10s)")
	flags.Float64Var(&cfg.InputHz, "input-hz", 20, "inputs a second of each bot")
	flags.Float64Var(&cfg.Delivered, "delivered", 0.995, "`share` of the expected states that must arrive at each bot; less on a busy machine")
	flags.Uint64Var(&cfg.Seed, "seed", 0, "makes the bots' choices repeatable; 0: random")
	flags.StringVar(&cfg.MetricsURL, "metrics", "", "`URL` of the server's metrics (default: /metrics of -url)")
	flags.StringVar(&cfg.APIKey, "api-key", os.Getenv("RINGSIDE_API_KEY"), "for servers that want a `key` to create rooms")
	flags.Usage = func() {
		fmt.Fprint(os.Stderr, usage)
		flags.PrintDefaults()
	}
	options := flags.String("options", "{}", "`JSON` for the rooms' game")
	file := flags.String("json", "", "write the report to this `file`")
	if err := parse(flags, args); err != nil {
		return err
	}
	if err := refuseZero(flags); err != nil {
		return err
	}
	cfg.Options = json.RawMessage(*options)
	cfg.NewPlayer = players[cfg.Game]
	meter := newMeter(os.Stderr)
	cfg.Progress, cfg.Log = meter.progress, meter.line
	report, err := swarm.Run(ctx, cfg)
	meter.close()
	if err != nil {
		return err
	}
	report.WriteTable(os.Stdout)
	if err := writeJSON(*file, report); err != nil {
		return err
	}
	if len(report.Errors) > 0 {
		return errFailed
	}
	return nil
}

// parse refuses what is no flag, for a misspelt subcommand must not start a load test.
func parse(flags *flag.FlagSet, args []string) error {
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return err
		}
		return fmt.Errorf("flags: %w", err)
	}
	if flags.NArg() > 0 {
		return fmt.Errorf("unknown argument %q", flags.Arg(0))
	}
	return nil
}

// refuseZero refuses numbers that were given as 0: the library takes 0 for its default, and a run of 16 rooms is not what
// somebody who asked for none expects.
func refuseZero(flags *flag.FlagSet) (err error) {
	flags.Visit(func(f *flag.Flag) {
		switch f.Name {
		case "rooms", "players", "duration", "input-hz", "delivered":
			if v := f.Value.String(); v == "0" || v == "0s" {
				err = fmt.Errorf("-%s %s: want more than 0", f.Name, v)
			}
		}
	})
	return err
}

// writeJSON writes v to a file, if one is named.
func writeJSON(file string, v any) error {
	if file == "" {
		return nil
	}
	text, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return fmt.Errorf("encode report: %w", err)
	}
	if err := os.WriteFile(file, append(text, '\n'), 0o644); err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	return nil
}
