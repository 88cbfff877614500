package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math"
	"os"
	"slices"
	"time"

	"github.com/ringside-server/ringside/loadtest/floor"
	"github.com/ringside-server/ringside/loadtest/plain"
	"github.com/ringside-server/ringside/loadtest/swarm"
)

// The floor beside a load test: how long each of its two runs is, and how long the rehearsal that finds the sizes.
const (
	floorFor    = 4 * time.Second
	rehearseFor = time.Second
)

// floorMain is the process that is measured.
func floorMain() {
	if err := floor.Serve(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// plainMain is the same for the plain server.
func plainMain() {
	if err := plain.Serve(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// A floorReport is what `loadtest floor` found.
type floorReport struct {
	Rooms         int            `json:"rooms"`
	Players       int            `json:"players"`
	Hz            int            `json:"hz"`
	InputHz       float64        `json:"input_hz"`
	InputBytes    int            `json:"input_bytes"`
	StateBytes    int            `json:"state_bytes"`
	CPUUSPerFrame float64        `json:"cpu_us_per_frame"` // median
	Runs          []floor.Result `json:"runs"`
}

// floors measures what moving the bytes costs, without any server of ours.
func floors(ctx context.Context, args []string) error {
	var cfg floor.Config
	flags := flag.NewFlagSet("loadtest floor", flag.ContinueOnError)
	flags.IntVar(&cfg.Rooms, "rooms", 64, "rooms")
	flags.IntVar(&cfg.Players, "players", 8, "connections in each")
	flags.IntVar(&cfg.Hz, "hz", 20, "ticks a second: at each, one read and one write per connection")
	flags.Float64Var(&cfg.InputHz, "input-hz", 20, "inputs a second of each connection")
	flags.IntVar(&cfg.InputBytes, "input-bytes", 24, "size of an input on the wire")
	flags.IntVar(&cfg.StateBytes, "state-bytes", 64, "size of a state on the wire")
	flags.DurationVar(&cfg.Duration, "duration", floorFor, "how long to measure")
	runs := flags.Int("runs", 3, "how often; the median counts")
	file := flags.String("json", "", "write the result to this `file`")
	if err := parse(flags, args); err != nil {
		return err
	}
	if *runs < 1 || *runs > 100 {
		return fmt.Errorf("-runs %d: want 1 to 100", *runs)
	}
	out, err := openOutput("json", *file)
	if err != nil {
		return err
	}
	defer out.close()
	if cfg.Program, err = os.Executable(); err != nil {
		return fmt.Errorf("find the load test's program: %w", err)
	}
	r := floorReport{Rooms: cfg.Rooms, Players: cfg.Players, Hz: cfg.Hz, InputHz: cfg.InputHz, InputBytes: cfg.InputBytes, StateBytes: cfg.StateBytes}
	costs := make([]float64, 0, *runs)
	for i := range *runs {
		one, err := floor.Measure(ctx, cfg)
		if err != nil {
			return err
		}
		r.Runs = append(r.Runs, one)
		costs = append(costs, one.CPUUSPerFrame)
		fmt.Fprintf(os.Stderr, "run %d of %d: %.2f µs\n", i+1, *runs, one.CPUUSPerFrame)
	}
	slices.Sort(costs)
	r.CPUUSPerFrame = costs[len(costs)/2]
	last := r.Runs[len(r.Runs)-1]
	fmt.Printf("%d rooms × %d connections at %d Hz, %d B in, %d B out: %.2f µs of CPU per frame (%.2f–%.2f), an input received included; wakes late p50 %.2f, p99 %.2f ms\n",
		r.Rooms, r.Players, r.Hz, r.InputBytes, r.StateBytes, r.CPUUSPerFrame, costs[0], costs[len(costs)-1], last.LateP50MS, last.LateP99MS)
	return out.json(r)
}

// besideFloor runs the load test between two runs of the floor: the one before with the sizes that a short rehearsal with one room
// finds, the one after with those of the run.
func besideFloor(ctx context.Context, cfg swarm.Config) (*swarm.Report, error) {
	program, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find the load test's program: %w", err)
	}
	cfg.Log("rehearsing with one room, to know the sizes")
	rehearsal := cfg
	rehearsal.Rooms, rehearsal.Duration, rehearsal.Timeline = 1, rehearseFor, false
	first, err := swarm.Run(ctx, rehearsal)
	if err != nil {
		return first, err
	}
	if len(first.Errors) > 0 || first.Interrupted {
		return first, nil
	}
	bare := floorOf(&cfg, first, program)
	cfg.Log(fmt.Sprintf("measuring the floor for %v", bare.Duration))
	before, err := floor.Measure(ctx, bare)
	if err != nil {
		return nil, err
	}
	loop, err := floor.StartLoop(ctx, program)
	if err != nil {
		return nil, err
	}
	report, err := swarm.Run(ctx, cfg)
	late, loopErr := loop.End()
	if err != nil || report.Interrupted {
		return report, err
	}
	if report.Frames == 0 {
		return report, errors.New("no state came: there is nothing to hold against the floor")
	}
	if loopErr != nil {
		return report, loopErr
	}
	bare = floorOf(&cfg, report, program) // a game sends more when more happens in it
	cfg.Log(fmt.Sprintf("measuring the floor for %v", bare.Duration))
	after, err := floor.Measure(ctx, bare)
	if err != nil {
		return report, err
	}
	f := swarm.Floor{
		InputBytes: bare.InputBytes, StateBytes: bare.StateBytes, BeforeUS: before.CPUUSPerFrame, AfterUS: after.CPUUSPerFrame,
		LoopLateMS: swarm.Late{P50: late.LateP50MS, P99: late.LateP99MS},
	}
	f.Against(report)
	return report, nil
}

// floorOf is the floor of a load test whose rehearsal is known.
func floorOf(cfg *swarm.Config, r *swarm.Report, program string) floor.Config {
	f := floor.Config{Program: program, Rooms: cfg.Rooms, Players: cfg.Players, Duration: floorFor, InputHz: -1, InputBytes: 1}
	bots := float64(r.Rooms * r.Players)
	f.Hz = max(1, int(math.Round(float64(r.Frames)/r.DurationS/bots)))
	if r.InputsSent > 0 {
		f.InputHz = cfg.InputHz
		f.InputBytes = int(math.Round(r.BytesPerInput))
	}
	f.StateBytes = int(math.Round(r.PayloadBytesPerFrame)) + headerBytes(r.PayloadBytesPerFrame)
	return f
}

// headerBytes is the length of a server's frame header in WebSocket.
func headerBytes(payload float64) int {
	if payload > 125 {
		return 4
	}
	return 2
}
