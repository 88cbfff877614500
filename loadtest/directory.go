package main

import (
	"context"
	"flag"
	"fmt"
	"os"

	"github.com/ringside-server/ringside/loadtest/swarm"
)

// joins measures what a join costs among many rooms.
func joins(ctx context.Context, args []string) error {
	var cfg swarm.JoinsConfig
	flags := flag.NewFlagSet("loadtest join", flag.ContinueOnError)
	flags.StringVar(&cfg.URL, "url", "http://127.0.0.1:7777", "the `server`; give it -max-rooms for all of the rooms")
	flags.StringVar(&cfg.Game, "game", "arena", "what the rooms are made of")
	flags.IntVar(&cfg.Rooms, "rooms", 20_000, "empty rooms to make first")
	flags.IntVar(&cfg.Joins, "joins", 2_000, "joins to measure")
	flags.StringVar(&cfg.MetricsURL, "metrics", "", "`URL` of the server's metrics (default: /metrics of -url)")
	flags.StringVar(&cfg.APIKey, "api-key", os.Getenv("RINGSIDE_API_KEY"), "sent as Authorization: Bearer `KEY`")
	file := flags.String("json", "", "write the result to this `file`")
	if err := parse(flags, args); err != nil {
		return err
	}
	out, err := openOutput("json", *file)
	if err != nil {
		return err
	}
	defer out.close()
	meter := newMeter(os.Stderr)
	cfg.Progress = meter.progress
	r, err := swarm.MeasureJoins(ctx, cfg)
	meter.close()
	if err != nil {
		return err
	}
	fmt.Printf("%d joins among %d rooms: %.3f ms of the server's CPU each, p50 %.2f, p99 %.2f ms\n", r.Joins, r.Rooms, r.CPUMSPerJoin, r.P50MS, r.P99MS)
	return out.json(r)
}

// streams measures thousands who watch one room over HTTP.
func streams(ctx context.Context, args []string) error {
	var cfg swarm.StreamsConfig
	flags := flag.NewFlagSet("loadtest streams", flag.ContinueOnError)
	flags.StringVar(&cfg.URL, "url", "http://127.0.0.1:7777", "the `server`, without TLS")
	flags.StringVar(&cfg.Game, "game", "arena", "what the room is made of")
	flags.StringVar(&cfg.Kind, "kind", "sse", "how the room is watched: `sse` or poll")
	flags.IntVar(&cfg.Count, "count", 20_000, "how many watch")
	flags.IntVar(&cfg.Changes, "changes", 5, "how often the room is changed")
	flags.StringVar(&cfg.Path, "path", "", "what is watched; {id} is the room (default: /v1/rooms/{id}/events, or /v1/rooms/{id}?wait=25s for poll)")
	flags.StringVar(&cfg.MetricsURL, "metrics", "", "`URL` of the server's metrics (default: /metrics of -url)")
	flags.StringVar(&cfg.APIKey, "api-key", os.Getenv("RINGSIDE_API_KEY"), "sent as Authorization: Bearer `KEY`")
	file := flags.String("json", "", "write the result to this `file`")
	if err := parse(flags, args); err != nil {
		return err
	}
	out, err := openOutput("json", *file)
	if err != nil {
		return err
	}
	defer out.close()
	meter := newMeter(os.Stderr)
	cfg.Progress = meter.progress
	r, err := swarm.MeasureStreams(ctx, cfg)
	meter.close()
	if err != nil {
		return err
	}
	memory := "-"
	if r.RSSBytesPerStream != nil && *r.RSSBytesPerStream >= 0 {
		memory = fmt.Sprintf("%.1f", *r.RSSBytesPerStream/1024)
	}
	fmt.Printf("%d streams (%s): %s KiB each at the server; a change reaches them in p50 %.0f, p99 %.0f, max %.0f ms, %d missed\n",
		r.Count, r.Kind, memory, r.ReachMS.P50, r.ReachMS.P99, r.ReachMS.Max, r.Missed)
	if err := out.json(r); err != nil {
		return err
	}
	for _, e := range r.Errors {
		fmt.Println("  " + e)
	}
	if len(r.Errors) > 0 {
		return errFailed
	}
	return nil
}
