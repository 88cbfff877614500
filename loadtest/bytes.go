package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"strings"

	"github.com/ringside-server/ringside/examples/track"
	"github.com/ringside-server/ringside/loadtest/swarm"
)

// bytesOnTheWire measures recorded frames.
func bytesOnTheWire(_ context.Context, args []string) error {
	flags := flag.NewFlagSet("loadtest bytes", flag.ContinueOnError)
	data := flags.String("data", "track", "`recording`: track, track=FILE or cubes901=FILE")
	hz := flags.Float64("hz", 0, "updates a second; 0: as recorded")
	file := flags.String("json", "", "write the result to this `file`")
	if err := parse(flags, args); err != nil {
		return err
	}
	out, err := openOutput("json", *file)
	if err != nil {
		return err
	}
	defer out.close()
	rec, err := recording(*data)
	if err != nil {
		return err
	}
	b, err := rec.Measure(*hz)
	if err != nil {
		return err
	}
	fmt.Printf("%s at %.4g Hz: %.1f B per update, %.1f kbit/s to one client, lossless: %v, prediction: %v (%d updates)\n",
		b.Data, b.Hz, b.BytesPerUpdate, b.KbitPerS, b.Lossless, b.Prediction, b.Updates)
	if err := out.json(b); err != nil {
		return err
	}
	if !b.Lossless {
		return errors.Join(errFailed, errors.New("what was decoded differs from what was recorded"))
	}
	return nil
}

func recording(spec string) (swarm.Recording, error) {
	name, path, hasFile := strings.Cut(spec, "=")
	data := track.Recording
	if hasFile {
		var err error
		if data, err = os.ReadFile(path); err != nil {
			return swarm.Recording{}, fmt.Errorf("read recording: %w", err)
		}
	}
	switch {
	case name == "track":
		return swarm.Track(data), nil
	case name == "cubes901" && hasFile:
		return swarm.Cubes901(data), nil
	}
	return swarm.Recording{}, fmt.Errorf("unknown recording %q: want track, track=FILE or cubes901=FILE", spec)
}
