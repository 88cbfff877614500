// Command loadtest plays bots against a running server and says whether it kept its promises: exit 1 if any check failed.
//
//	go run ./loadtest -url http://127.0.0.1:7777 -game arena -rooms 16 -players 8 -duration 10s -input-hz 20 -json FILE -html FILE
//	go run ./loadtest -chaos kill|drain -trials 10
//	go run ./loadtest streams -count 20000 -kind sse|poll -json FILE
//	go run ./loadtest join -rooms 20000 -joins 2000 -json FILE
//	go run ./loadtest floor -rooms 64 -players 8 -json FILE
//	go run ./loadtest curve -connections 128,512 -variants ours,floor,tls -json FILE -svg FILE
//	go run ./loadtest bytes -data track|track=FILE|cubes901=FILE -hz N -json FILE
package main

import (
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/signal"
	"slices"
	"syscall"

	client "github.com/ringside-server/ringside/clients/go"
	"github.com/ringside-server/ringside/examples/arena"
	"github.com/ringside-server/ringside/examples/cards"
	"github.com/ringside-server/ringside/loadtest/floor"
	"github.com/ringside-server/ringside/loadtest/plain"
	"github.com/ringside-server/ringside/loadtest/swarm"
)

// exitInterrupted is the exit code after Ctrl-C, as a shell would have it.
const exitInterrupted = 130

// commands are the subcommands, by their name; without one, rooms runs.
var commands = map[string]func(context.Context, []string) error{
	"bytes": bytesOnTheWire, "floor": floors, "curve": curve, "streams": streams, "join": joins,
}

func main() {
	hidden()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	command, args := rooms, os.Args[1:]
	if len(args) > 0 && commands[args[0]] != nil {
		command, args = commands[args[0]], args[1:]
	}
	err := command(ctx, args)
	interrupted := ctx.Err() != nil
	stop()
	switch {
	case interrupted:
		if err != nil && !errors.Is(err, errFailed) {
			fmt.Fprintln(os.Stderr, "loadtest: interrupted")
		}
		os.Exit(exitInterrupted)
	case err == nil, errors.Is(err, flag.ErrHelp):
		return
	case errors.Is(err, syscall.ECONNREFUSED):
		fmt.Fprintln(os.Stderr, "loadtest:", err, "\nNo server listens there. Start one with: go run ./server")
	case !errors.Is(err, errFailed):
		fmt.Fprintln(os.Stderr, "loadtest:", err)
	}
	os.Exit(1)
}

// hidden runs what the load test starts itself for; it does not return then.
func hidden() {
	if len(os.Args) < 2 {
		return
	}
	switch os.Args[1] {
	case nodeCommand:
		nodeMain()
	case plain.Command:
		plainMain()
	case floor.Command:
		floorMain()
	}
}

// players are the bots that know their game; any other game is played at random, by its schema.
var players = map[string]func(*client.Game, *rand.Rand) swarm.Player{
	"arena": func(_ *client.Game, rng *rand.Rand) swarm.Player { return arena.NewBot(rng) },
	"cards": func(*client.Game, *rand.Rand) swarm.Player { return new(cards.Bot) },
}

const usage = `loadtest plays bots against a running server, checks every state they are sent, and exits with 1 if a check failed.

Usage:
  loadtest [flags]                     rooms full of bots
  loadtest -chaos kill|drain [flags]   the same on a server of its own, which is ended and started again
  loadtest streams [flags]             thousands who watch one room over HTTP (loadtest streams -help)
  loadtest join [flags]                what a join costs among many rooms (loadtest join -help)
  loadtest floor [flags]               what moving the bytes costs without a server (loadtest floor -help)
  loadtest curve [flags]               the same at several numbers of connections, against servers of its own (loadtest curve -help)
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
	flags.StringVar(&cfg.APIKey, "api-key", os.Getenv("RINGSIDE_API_KEY"), "sent as Authorization: Bearer `KEY` to servers that want one")
	flags.Usage = func() {
		fmt.Fprint(os.Stderr, usage)
		flags.PrintDefaults()
	}
	authorities := flags.String("tls-ca", "", "PEM `file` of the authorities to trust in place of the system's, for an https server with a certificate of its own")
	options := flags.String("options", "{}", "`JSON` for the rooms' game")
	var files files
	var withFloor bool
	flags.StringVar(&files.json, "json", "", "write the report to this `file`")
	flags.StringVar(&files.html, "html", "", "write the report as a page to this `file`")
	flags.BoolVar(&withFloor, "floor", false, "measure before and after what the same bytes cost without a server, and print the ratio; the server must be on this machine")
	chaos := flags.String("chaos", "", "`kill` or drain: end a server of its own again and again, start it again, and see who comes back (not with -url, -duration)")
	trials := flags.Int("trials", 5, "how often -chaos harms")
	nodes := flags.Int("nodes", 1, "servers that -chaos starts")
	if err := parse(flags, args); err != nil {
		return err
	}
	if err := refuseZero(flags); err != nil {
		return err
	}
	if err := trust(*authorities); err != nil {
		return err
	}
	cfg.Options = json.RawMessage(*options)
	cfg.NewPlayer = players[cfg.Game]
	cfg.Timeline = files.html != ""
	if err := files.open(); err != nil {
		return err
	}
	defer files.close()
	if *chaos != "" {
		n, err := victim(ctx, &cfg, flags, *chaos, *nodes)
		if err != nil {
			return err
		}
		defer n.close()
		cfg.Chaos = &swarm.Chaos{Kind: *chaos, Trials: *trials, Victim: n}
	}
	run := swarm.Run
	if withFloor {
		run = besideFloor
	}
	return play(ctx, cfg, run, &files, reproducible(flags))
}

// victim starts the server that chaos harms and points cfg at it.
func victim(ctx context.Context, cfg *swarm.Config, flags *flag.FlagSet, kind string, nodes int) (*node, error) {
	signal, err := harms(kind, nodes)
	if err != nil {
		return nil, err
	}
	flags.Visit(func(f *flag.Flag) {
		if slices.Contains([]string{"url", "metrics", "duration", "floor"}, f.Name) {
			err = fmt.Errorf("-%s has no meaning with -chaos, which starts its own server and lasts as long as its -trials", f.Name)
		}
	})
	if err != nil {
		return nil, err
	}
	n, err := newNode(ctx, signal)
	if err != nil {
		return nil, err
	}
	cfg.URL = n.url()
	return n, nil
}

// files are where the report goes.
type files struct {
	json, html     string
	toJSON, toHTML *output
}

func (f *files) open() (err error) {
	if f.toJSON, err = openOutput("json", f.json); err != nil {
		return err
	}
	if f.toHTML, err = openOutput("html", f.html); err != nil {
		f.toJSON.close()
	}
	return err
}

func (f *files) close() {
	f.toJSON.close()
	f.toHTML.close()
}

// play runs the load test and writes what it found.
func play(ctx context.Context, cfg swarm.Config, run func(context.Context, swarm.Config) (*swarm.Report, error), files *files, command string) error {
	meter := newMeter(os.Stderr)
	cfg.Progress, cfg.Log = meter.progress, meter.line
	report, err := run(ctx, cfg)
	meter.close()
	if report == nil {
		return err
	}
	report.WriteTable(os.Stdout)
	err = errors.Join(err, files.toJSON.json(report), files.toHTML.write(func(w io.Writer) error {
		return report.WriteHTML(w, swarm.Machine{CPU: cpuModel(), Command: command})
	}))
	if err == nil && len(report.Errors) > 0 {
		return errFailed
	}
	return err
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

// trust has calls and sockets trust the authorities of a file, "" for the system's. The variable is crypto/x509's, which reads it at
// the first handshake.
func trust(file string) error {
	if file == "" {
		return nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return fmt.Errorf("-tls-ca: %w", err)
	}
	if !x509.NewCertPool().AppendCertsFromPEM(text) {
		return fmt.Errorf("-tls-ca: %s holds no certificate (PEM)", file)
	}
	return os.Setenv("SSL_CERT_FILE", file)
}
