package ringside

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"text/tabwriter"
	"time"

	"github.com/ringside-server/ringside/internal/admin"
	"github.com/ringside-server/ringside/internal/backup"
	"github.com/ringside-server/ringside/internal/host"
)

// The commands that ask a running node.

// show prints an answer: as JSON, or as a table that rows writes, cells apart by tabs.
func (c *console) show(answer any, rows func(w io.Writer)) error {
	if c.json {
		out := json.NewEncoder(c.stdout)
		out.SetIndent("", "  ")
		return out.Encode(answer)
	}
	w := tabwriter.NewWriter(c.stdout, 0, 0, 2, ' ', 0)
	rows(w)
	return w.Flush()
}

func runStatus(ctx context.Context, c *console) error {
	var s admin.Status
	if err := c.node.Get(ctx, "status", &s); err != nil {
		return err
	}
	return c.show(s, func(w io.Writer) {
		row := func(name, format string, args ...any) { fmt.Fprintf(w, "%s\t%s\n", name, fmt.Sprintf(format, args...)) }
		n := s.Now
		row("node", "%s, pid %d, %s", s.Node, s.PID, s.Version)
		row("up", "%v, ready: %v", time.Since(s.Started).Round(time.Second), s.Ready)
		row("listen", "%s", s.Listen)
		if s.Admin != "" {
			row("admin", "%s", s.Admin)
		}
		row("data", "%s", s.Data)
		row("rooms", "%d of %d, %d starting", n.Rooms, s.Limits.Rooms, n.Starting)
		row("players", "%d, %d bots", n.Players, n.Bots)
		row("connections", "%d of %d", n.Connections, s.Limits.Connections)
		row("ticks", "%.0f/s, late p50 %.2f ms, p99 %.2f ms", n.Ticks, n.LateP50, n.LateP99)
		row("sent", "%s/s, %.0f frames/s", byteText(n.BytesOut), n.FramesOut)
		row("received", "%s/s, %.0f frames/s", byteText(n.BytesIn), n.FramesIn)
		row("cpu", "%.2f of %d", n.CPU, s.CPUs)
		row("memory", "%s, %d goroutines", byteText(n.RSS), n.Goroutines)
		for _, l := range s.Pressure {
			if l.Stopped {
				row("short of", "%s: %.0f %% taken, nothing new is admitted %s", l.Resource, 100*l.Ratio, l.Why)
			}
		}
		for i, worker := range s.Workers {
			text := fmt.Sprintf("%.1f %% busy, %d rooms", 100*worker.Share, worker.Rooms)
			if worker.Step > 2*time.Second {
				text += fmt.Sprintf(", in the tick of room %s for %v", worker.Room, worker.Step.Round(time.Second))
			}
			row("worker "+strconv.Itoa(i), "%s", text)
		}
		row("log", "leads: %v, entry %d, %d waiting", s.Log.Leader, s.Log.Applied, s.Log.Queued)
	})
}

func runRooms(ctx context.Context, c *console, order string) error {
	var list []host.RoomStatus
	if err := c.node.Get(ctx, "rooms?limit=10000&sort="+url.QueryEscape(order), &list); err != nil {
		return err
	}
	return c.show(list, func(w io.Writer) {
		fmt.Fprintln(w, "ROOM\tGAME\tSTATE\tPEOPLE\tBOTS\tTICK\tSTEP P50\tP99\tMAX\tLATE\tSENT/S\tRECEIVED/S")
		for _, r := range list {
			l := r.Load
			fmt.Fprintf(w, "%s\t%s\t%s\t%d\t%d\t%d\t%s\t%s\t%s\t%s\t%s\t%s\n", r.ID, r.Game, r.State, r.People, r.Bots, r.Tick,
				short(l.StepP50), short(l.StepP99), short(l.StepMax), short(l.LateMax), byteText(l.Sent), byteText(l.Received))
		}
	})
}

func runRoom(ctx context.Context, c *console, out, text string) error {
	if len(c.args) == 0 {
		return fmt.Errorf("%w: which room? ringside rooms lists them", errUsage)
	}
	path := "rooms/" + url.PathEscape(c.args[0])
	what := ""
	if len(c.args) > 1 {
		what = c.args[1]
	}
	if most := map[string]int{"kick": 3, "": 1}; len(c.args) > max(most[what], 2) {
		return fmt.Errorf("%w: unexpected argument %q", errUsage, c.args[len(c.args)-1])
	}
	switch what {
	case "":
		return showRoom(ctx, c, path)
	case "dump":
		return save(ctx, c, path+"/dump", out, c.args[0]+".dump", nil)
	case "close":
		var closed map[string]string
		if err := c.node.Post(ctx, path+"/close", admin.Order{Text: text}, &closed); err != nil {
			return err
		}
		return c.show(closed, func(w io.Writer) { fmt.Fprintf(w, "room %s is closed\n", c.args[0]) })
	case "kick":
		return runKick(ctx, c, path, text)
	}
	return fmt.Errorf("%w: %q is none of dump, close, kick%s", errUsage, what, didYouMean(what, "", []string{"dump", "close", "kick"}))
}

func runKick(ctx context.Context, c *console, path, text string) error {
	if len(c.args) < 3 {
		return fmt.Errorf("%w: whom? ringside room %s lists the slots", errUsage, c.args[0])
	}
	slot, err := strconv.Atoi(c.args[2])
	if err != nil || slot < 0 {
		return fmt.Errorf("%w: %q is not a slot's number", errUsage, c.args[2])
	}
	var kicked admin.Kicked
	if err := c.node.Post(ctx, path+"/kick", admin.Order{Slot: &slot, Text: text}, &kicked); err != nil {
		return err
	}
	return c.show(kicked, func(w io.Writer) { fmt.Fprintf(w, "slot %d of room %s is free\n", slot, c.args[0]) })
}

func showRoom(ctx context.Context, c *console, path string) error {
	var r admin.RoomAnswer
	if err := c.node.Get(ctx, path, &r); err != nil {
		return err
	}
	err := c.show(r, func(w io.Writer) {
		l := r.Load
		fmt.Fprintf(w, "room %s of %s: %s, epoch %d, tick %d at %d Hz, worker %d\n", r.ID, r.Game, r.State, r.Epoch, r.Tick, r.TickHz, r.Worker)
		fmt.Fprintf(w, "step p50 %s, p99 %s, max %s; late max %s, %d ticks\n", short(l.StepP50), short(l.StepP99), short(l.StepMax), short(l.LateMax), l.Late)
		fmt.Fprintf(w, "sent %s/s, received %s/s, %.0f frames/s out, %.0f in\n", byteText(l.Sent), byteText(l.Received), l.Out, l.In)
		fmt.Fprintf(w, "%d entities, state frame %s, checkpoint %s, records %s\n\n", r.Entities, byteText(float64(r.StateBytes)),
			byteText(float64(r.Checkpoint)), byteText(float64(r.Records)))
		fmt.Fprintln(w, "SLOT\tNAME\tPLAYER\tROLE\tHERE\tRTT\tSTATES\tSKIPPED\tDROPPED\tWAITING\tUNACKED")
		for _, p := range r.Players {
			here := p.Connected.Round(time.Second).String()
			switch {
			case p.Role == "bot":
				here = "-"
			case p.Away:
				here = "away"
			}
			fmt.Fprintf(w, "%d\t%s\t%s\t%s\t%s\t%s\t%d\t%d\t%d\t%d\t%s\n", p.Slot, printable(p.Name), printable(p.ID), p.Role, here, short(p.RTT),
				p.States, p.Skipped, p.Dropped, p.Waiting, byteText(float64(p.Unacked)))
		}
	})
	if err == nil && r.Problem != "" {
		err = errors.New(r.Problem)
	}
	return err
}

// runBackup fetches a backup and checks it while it comes.
func runBackup(ctx context.Context, c *console, out string) error {
	name := "ringside-" + time.Now().UTC().Format("20060102-150405") + ".tar.gz"
	return save(ctx, c, "backup", out, name, func(r io.Reader) error {
		m, err := backup.Read(r, "")
		if err != nil {
			return err
		}
		var details backupDetails
		if err := json.Unmarshal(m.Details, &details); err != nil {
			return fmt.Errorf("%w: details: %w", backup.ErrBackup, err)
		}
		fmt.Fprintf(c.stderr, "node %s: the directory and %d rooms\n", m.Node, details.Rooms)
		if len(details.Missing) > 0 {
			return fmt.Errorf("the backup is whole but for rooms that did not answer: %q", details.Missing)
		}
		return nil
	})
}

// save writes an answer to a file, whole or not at all, or to the standard output. check sees what is written, to its end.
func save(ctx context.Context, c *console, path, out, name string, check func(io.Reader) error) error {
	body, err := c.node.Stream(ctx, path)
	if err != nil {
		return err
	}
	defer body.Close()
	if out == "-" {
		_, err := io.Copy(c.stdout, body)
		return err
	}
	if out == "" {
		out = filepath.Base(name)
	}
	f, err := os.CreateTemp(filepath.Dir(out), filepath.Base(out)+".*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) // unless it was renamed
	_, err = io.Copy(f, body)
	var warning error
	if err == nil && check != nil {
		if _, err = f.Seek(0, io.SeekStart); err == nil {
			if warning = check(f); errors.Is(warning, backup.ErrBackup) {
				err = warning
			}
		}
	}
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return fmt.Errorf("save %s: %w", out, err)
	}
	if err := os.Rename(f.Name(), out); err != nil {
		return err
	}
	fmt.Fprintln(c.stdout, out)
	return warning
}

// short is a duration in three digits, - for none.
func short(d time.Duration) string {
	switch {
	case d == 0:
		return "-"
	case d < time.Millisecond:
		return d.Round(time.Microsecond).String()
	}
	return d.Round(10 * time.Microsecond).String()
}

// byteText is a number of bytes for people.
func byteText(n float64) string {
	for _, unit := range []string{"B", "kB", "MB"} {
		if n < 999.5 {
			return strconv.FormatFloat(n, 'g', 3, 64) + " " + unit
		}
		n /= 1000
	}
	return strconv.FormatFloat(n, 'f', 1, 64) + " GB"
}

// printable keeps what players call themselves from steering the terminal.
func printable(s string) string {
	if s == "" {
		return "-"
	}
	q := strconv.QuoteToGraphic(s)
	return q[1 : len(q)-1]
}
