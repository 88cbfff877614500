package ringside

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/peterbourgon/ff/v3"

	"github.com/ringside-server/ringside/internal/admin"
)

// A console is one run of a subcommand.
type console struct {
	stdout, stderr io.Writer
	cfg            Config // of this binary: its games
	flags          *flag.FlagSet
	args           []string // without flags
	json           bool
	node           admin.Client
}

// A command is a subcommand of ringside.
type command struct {
	name, args, short string
	remote            bool // asks a running node
	flags             func(c *console)
	run               func(ctx context.Context, c *console) error
}

// commands are all subcommands, in the order in which help lists them.
func commands() []command {
	var (
		order, out, data, text string
		until                  uint
		verbose, force         bool
	)
	outFlag := func(c *console) { c.flags.StringVar(&out, "o", "", "`file` to write; - is the standard output") }
	textFlag := func(c *console) { c.flags.StringVar(&text, "text", "", "what the players read") }
	return []command{
		{name: "status", short: "what the node does now", remote: true, run: runStatus},
		{name: "rooms", short: "its rooms", remote: true,
			flags: func(c *console) { c.flags.StringVar(&order, "sort", "step", "`order`: "+admin.Orders) },
			run:   func(ctx context.Context, c *console) error { return runRooms(ctx, c, order) }},
		{name: "room", args: "ID [dump|close|kick SLOT]", short: "one room and its players; or a dump of it, its end, a player's", remote: true,
			flags: func(c *console) { outFlag(c); textFlag(c) },
			run:   func(ctx context.Context, c *console) error { return runRoom(ctx, c, out, text) }},
		{name: "backup", short: "everything that a new machine needs, in one file", remote: true, flags: outFlag,
			run: func(ctx context.Context, c *console) error { return runBackup(ctx, c, out) }},
		{name: "restore", args: "FILE", short: "a data folder from a backup",
			flags: func(c *console) {
				c.flags.StringVar(&data, "data", "", "`folder` to make; it must not exist or be empty")
			},
			run: func(_ context.Context, c *console) error { return runRestore(c, data) }},
		{name: "replay", args: "FILE", short: "plays a fault file or a dump again, tick by tick",
			flags: func(c *console) {
				c.flags.UintVar(&until, "until", 0, "stop behind this `tick` and print the game's state as JSON")
				c.flags.BoolVar(&verbose, "v", false, "print each tick: a hash of what is seen, and what came in")
				c.flags.BoolVar(&force, "force", false, "replay with another version of the game, too")
			},
			run: func(_ context.Context, c *console) error { return runReplay(c, uint32(until), verbose, force) }},
		{name: "version", short: "the version of this binary", run: func(_ context.Context, c *console) error {
			_, err := fmt.Fprintln(c.stdout, versionText())
			return err
		}},
	}
}

// errUsage is wrapped by every error about how a command was called: exit 2.
var errUsage = errors.New("usage")

// runCommand runs a subcommand and returns the exit code.
func runCommand(ctx context.Context, cfg Config, args []string, stdout, stderr io.Writer) int {
	list := commands()
	if args[0] == "help" {
		return runHelp(list, args[1:], stdout, stderr)
	}
	for _, cmd := range list {
		if cmd.name == args[0] {
			return cmd.main(ctx, &console{stdout: stdout, stderr: stderr, cfg: cfg}, args[1:])
		}
	}
	names := []string{"help", "new"}
	for _, cmd := range list {
		names = append(names, cmd.name)
	}
	fmt.Fprintf(stderr, "ringside: unknown command %q%s\nringside help lists all commands.\n", args[0], didYouMean(args[0], "", names))
	return 2
}

func (cmd *command) main(ctx context.Context, c *console, args []string) int {
	err := cmd.parse(c, args)
	if errors.Is(err, flag.ErrHelp) {
		cmd.help(c)
		return 0
	}
	if err == nil {
		err = cmd.run(ctx, c)
	}
	switch {
	case err == nil:
		return 0
	case errors.Is(err, errUsage):
		fmt.Fprintf(c.stderr, "ringside %s: %s\nringside %s -help says more.\n", cmd.name, strings.TrimPrefix(err.Error(), "usage: "), cmd.name)
		return 2
	}
	fmt.Fprintf(c.stderr, "ringside: %v%s\n", err, hint(err))
	return 1
}

// hint is what may help against an error of a node's answer.
func hint(err error) string {
	var answer *admin.APIError
	switch {
	case errors.Is(err, admin.ErrUnreachable):
		return "\nIs it running? Give its address with -url or RINGSIDE_URL."
	case !errors.As(err, &answer):
		return ""
	case answer.Status == http.StatusUnauthorized, answer.Status == http.StatusForbidden:
		return "\nGive an API key with -api-key or RINGSIDE_API_KEY, or ask the address of -admin-listen from the same machine."
	case answer.Status == http.StatusNotFound && answer.Code == "":
		return "\nOperators are not served there: give the address of -admin-listen with -url or RINGSIDE_URL."
	}
	return ""
}

// parse reads flags, wherever they stand among the arguments, and the environment.
func (cmd *command) parse(c *console, args []string) error {
	c.flags = flag.NewFlagSet(cmd.name, flag.ContinueOnError)
	c.flags.SetOutput(io.Discard)
	if cmd.remote {
		c.flags.StringVar(&c.node.URL, "url", "http://127.0.0.1:7777", "`address` of the node, or of its -admin-listen")
		c.flags.StringVar(&c.node.APIKey, "api-key", "", "`key` for a node that wants one")
		c.flags.BoolVar(&c.json, "json", false, "print JSON")
	}
	if cmd.flags != nil {
		cmd.flags(c)
	}
	for {
		err := c.flags.Parse(args)
		if errors.Is(err, flag.ErrHelp) {
			return err
		}
		if err != nil {
			return fmt.Errorf("%w: %s", errUsage, flagError(err, c.flags))
		}
		if c.flags.NArg() == 0 {
			break
		}
		c.args, args = append(c.args, c.flags.Arg(0)), c.flags.Args()[1:]
	}
	if cmd.args == "" && len(c.args) > 0 {
		return fmt.Errorf("%w: unexpected argument %q", errUsage, c.args[0])
	}
	if !cmd.remote {
		return nil
	}
	if err := ff.Parse(c.flags, nil, ff.WithEnvVarPrefix("RINGSIDE")); err != nil {
		return fmt.Errorf("%w: %w", errUsage, err)
	}
	if !strings.Contains(c.node.URL, "://") {
		c.node.URL = "http://" + c.node.URL
	}
	return nil
}

func (cmd *command) help(c *console) {
	fmt.Fprintf(c.stdout, "ringside %s: %s\n\nUsage:\n  ringside %s\n", cmd.name, cmd.short, strings.TrimSpace(cmd.name+" [flags] "+cmd.args))
	n := 0
	c.flags.VisitAll(func(*flag.Flag) { n++ })
	if n > 0 {
		fmt.Fprint(c.stdout, "\nFlags:\n")
		listFlags(c.flags, c.stdout)
	}
}

func runHelp(list []command, args []string, stdout, stderr io.Writer) int {
	for _, cmd := range list {
		if len(args) > 0 && cmd.name == args[0] {
			return cmd.main(context.Background(), &console{stdout: stdout, stderr: stderr}, []string{"-help"})
		}
	}
	fmt.Fprint(stdout, commandsText(list))
	return 0
}

// commandsText is the table of commands.
func commandsText(list []command) string {
	var b strings.Builder
	b.WriteString("Usage:\n  ringside [flags]             runs a node; ringside -help lists its flags\n")
	b.WriteString("  ringside new NAME            begins a game of your own in a folder of that name\n")
	for _, cmd := range list {
		fmt.Fprintf(&b, "  ringside %-19s %s\n", strings.TrimSpace(cmd.name), cmd.short)
	}
	b.WriteString("\nringside COMMAND -help says more of one.\n")
	return b.String()
}

// flagError is a flag package's error in one line, with the flag that may have been meant.
func flagError(err error, fs *flag.FlagSet) string {
	text := strings.TrimPrefix(err.Error(), "error parsing commandline arguments: ")
	name, ok := strings.CutPrefix(text, "flag provided but not defined: -")
	if !ok {
		return text
	}
	var names []string
	fs.VisitAll(func(f *flag.Flag) {
		if f.Usage != "" {
			names = append(names, f.Name)
		}
	})
	return text + didYouMean(name, "-", names)
}

// didYouMean names what is nearest to a word, if anything is near.
func didYouMean(word, prefix string, names []string) string {
	best, least := "", len(word)/2+1
	for _, name := range names {
		if d := distance(word, name); d < least {
			best, least = name, d
		}
	}
	if best == "" {
		return ""
	}
	return fmt.Sprintf(": did you mean %s%s?", prefix, best)
}

// distance is how many letters must be changed, added or removed to make one word of another.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		before := row[0]
		row[0] = i + 1
		for j := range len(b) {
			cost := cmp.Compare(a[i], b[j])
			before, row[j+1] = row[j+1], min(row[j+1]+1, row[j]+1, before+cost*cost)
		}
	}
	return row[len(b)]
}
