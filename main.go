package ringside

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/peterbourgon/ff/v3"
	"github.com/rs/zerolog"

	"github.com/ringside-server/ringside/internal/engine"
	"github.com/ringside-server/ringside/internal/scaffold"
)

const usage = `ringside runs game rooms: players find a seat over HTTP and play over WebSocket.

Usage:
  ringside [flags]            runs a node
  ringside new NAME           begins a game of your own in a folder of that name
  ringside help               lists the commands that look at and look after a node

Flags (each is also an environment variable: -max-rooms is RINGSIDE_MAX_ROOMS, and a line of the -config file: max-rooms 500):
`

// Main runs a node with these options, as told by the command line and the environment, until the process gets SIGINT or
// SIGTERM; a second one ends it at once. It does not return. The process is the node's: what it says when it crashes goes to a file
// below Data (debug.SetCrashOutput), its stacks end at 64 MiB (debug.SetMaxStack), GODEBUG gets tracebacklabels=1.
func Main(opts ...Option) {
	os.Exit(run(context.Background(), os.Args[1:], os.Stdout, os.Stderr, append(slices.Clone(opts), ownProcess)...))
}

// run is Main without the process: it returns the exit code. The end of ctx is a signal, too.
func run(ctx context.Context, args []string, stdout, stderr io.Writer, opts ...Option) int {
	if len(args) > 0 && args[0] == "new" {
		return scaffold.Run(args[1:], stdout, stderr)
	}
	cfg := Config{}
	for _, o := range opts {
		o(&cfg)
	}
	if len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		return runCommand(ctx, cfg, args, stdout, stderr)
	}
	f, err := parseFlags(&cfg, args, stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		fmt.Fprintf(stderr, "ringside: %v\nringside -help lists all flags.\n", err)
		return 2
	case f.version:
		fmt.Fprintln(stdout, versionText())
		return 0
	case f.check:
		if err := checkConfig(ctx, &cfg, f.set, stdout); err != nil {
			fmt.Fprintf(stderr, "ringside: %v\n", err)
			return 2
		}
		return 0
	}
	cfg.Log = newLogger(stderr, f.level)
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
	defer stop()
	node, err := Start(ctx, cfg)
	switch {
	case err != nil && ctx.Err() != nil:
		fmt.Fprintln(stderr, "ringside: stopped before it was ready")
		return 0
	case errors.Is(err, ErrConfig), errors.Is(err, ErrData): // trying again does not help: a supervisor must not
		fmt.Fprintf(stderr, "ringside: %v\n", err)
		return 2
	case err != nil:
		fmt.Fprintf(stderr, "ringside: %v\n", err)
		return 1
	}
	fmt.Fprintf(stdout, "ringside is ready: open %s\n", node.URL())
	select {
	case <-ctx.Done():
	case err = <-node.Failed():
		cfg.Log.Error().Err(err).Msg("node failed")
	}
	stop() // a second signal ends the process
	closing, cancel := context.WithTimeout(context.Background(), cfg.DrainTimeout)
	defer cancel()
	if err := errors.Join(err, node.Close(closing)); err != nil {
		fmt.Fprintf(stderr, "ringside: %v\n", err)
		return 1
	}
	return 0
}

// nodeFlags is what the command line says besides the Config.
type nodeFlags struct {
	set            *flag.FlagSet
	level          zerolog.Level
	version, check bool
}

// parseFlags reads the command line, the environment and the file named by -config into cfg, in this order of precedence.
func parseFlags(cfg *Config, args []string, stderr io.Writer) (f nodeFlags, err error) {
	cfg.fillDefaults()
	fs := flag.NewFlagSet("ringside", flag.ContinueOnError)
	f.set = fs
	fs.SetOutput(io.Discard) // errors are said once, by run
	fs.StringVar(&cfg.Listen, "listen", cfg.Listen, "`address` for HTTP and WebSocket")
	fs.StringVar(&cfg.Advertise, "advertise", cfg.Advertise, "base `URL` under which players reach this node, e.g. wss://eu1.example.com (default: the address they asked)")
	fs.StringVar(&cfg.Data, "data", cfg.Data, "`folder` for what must survive a restart")
	fs.StringVar(&cfg.Node, "node", cfg.Node, "`name` of this node")
	fs.DurationVar(&cfg.DrainTimeout, "drain-timeout", cfg.DrainTimeout, "`time` that SIGTERM may take to write down the rooms and say goodbye")
	fs.IntVar(&cfg.MaxRooms, "max-rooms", cfg.MaxRooms, "live rooms at most")
	fs.IntVar(&cfg.MaxConnections, "max-connections", cfg.MaxConnections, "open sockets at most")
	fs.IntVar(&cfg.Workers, "workers", cfg.Workers, "tick workers; add one when ringside_worker_busy_seconds_total nears 1 per second")
	fs.StringVar(&cfg.Backend, "backend", cfg.Backend, "how sockets are served: epoll or goroutine")
	fs.StringVar(&cfg.Sends, "sends", cfg.Sends, "how epoll sends: plain, uring, or auto: uring where the system has it")
	identityFlags(fs, cfg)
	edgeFlags(fs, cfg)
	apiFlags(fs, cfg)
	limitFlags(fs, cfg)
	machineFlags(fs, cfg)
	fs.StringVar(&cfg.AdminListen, "admin-listen", cfg.AdminListen, "`address` of its own for /admin, /metrics and the profiler (default: with the rest)")
	logLevel := fs.String("log-level", "info", "least `level` that is logged: debug, info, warn, error")
	fs.BoolVar(&f.version, "version", false, "print the version and exit")
	fs.BoolVar(&f.check, "check-config", false, "check flags, environment and files, print what a node would use, and exit: 0, or 2 if something is wrong")
	plant := fs.String("plant-fault", "", "")
	_ = fs.String("config", "", "`file` with one flag per line: name value")
	fs.Usage = func() {} // as is the usage
	err = ff.Parse(fs, args, ff.WithEnvVarPrefix("RINGSIDE"), ff.WithConfigFileFlag("config"), ff.WithConfigFileParser(parseConfigFile))
	if errors.Is(err, flag.ErrHelp) {
		printUsage(fs, stderr)
		return f, flag.ErrHelp
	}
	if err != nil {
		return f, explain(err, fs)
	}
	if fs.NArg() > 0 {
		return f, fmt.Errorf("unexpected argument %q; a command stands before all flags", fs.Arg(0))
	}
	for name, v := range map[string]int{"max-rooms": cfg.MaxRooms, "max-connections": cfg.MaxConnections, "workers": cfg.Workers} {
		if v == 0 { // in a Config it stands for the default
			return f, fmt.Errorf("%w: -%s: 0: want 1 or more", ErrConfig, name)
		}
	}
	if err := cfg.validateLimits(); err != nil { // before a time of 0 is taken for the default
		return f, err
	}
	f.level, err = zerolog.ParseLevel(*logLevel)
	if err != nil || *logLevel == "" {
		return f, fmt.Errorf("%w: -log-level: %q is none of debug, info, warn, error", ErrConfig, *logLevel)
	}
	cfg.plant = engine.Plant(*plant)
	return f, nil
}

// printUsage says what the program is for and lists its flags.
func printUsage(fs *flag.FlagSet, w io.Writer) {
	fmt.Fprint(w, usage)
	listFlags(fs, w)
}

// listFlags lists flags by name, but those without a text.
func listFlags(fs *flag.FlagSet, w io.Writer) {
	fs.VisitAll(func(f *flag.Flag) {
		if f.Usage == "" {
			return
		}
		arg, text := flag.UnquoteUsage(f)
		if f.DefValue != "" && f.DefValue != "false" {
			text += fmt.Sprintf(" (default %s)", f.DefValue)
		}
		fmt.Fprintf(w, "  %-24s %s\n", strings.TrimSpace("-"+f.Name+" "+arg), text)
	})
}

// newLogger writes lines for people to a terminal and JSON elsewhere.
func newLogger(w io.Writer, level zerolog.Level) zerolog.Logger {
	if f, ok := w.(*os.File); ok {
		if st, err := f.Stat(); err == nil && st.Mode()&os.ModeCharDevice != 0 {
			w = zerolog.ConsoleWriter{Out: f, TimeFormat: time.TimeOnly, FieldsExclude: []string{"stack"}, FormatExtra: writeStack}
		}
	}
	return zerolog.New(w).Level(level).With().Timestamp().Logger()
}

// writeStack writes the stack of a line, if it has one, below it and not in one line.
func writeStack(fields map[string]any, b *bytes.Buffer) error {
	stack, ok := fields["stack"].(string)
	if !ok {
		return nil
	}
	for line := range strings.Lines(strings.TrimSpace(stack)) {
		b.WriteString("\n      " + strings.TrimRight(line, "\n"))
	}
	return nil
}

func versionText() string {
	v, rev := "devel", ""
	if info, ok := debug.ReadBuildInfo(); ok {
		if info.Main.Version != "" && info.Main.Version != "(devel)" {
			v = info.Main.Version
		}
		for _, s := range info.Settings {
			if s.Key == "vcs.revision" {
				rev = " " + s.Value[:min(len(s.Value), 12)]
			}
		}
	}
	return fmt.Sprintf("ringside %s%s %s %s/%s", v, rev, runtime.Version(), runtime.GOOS, runtime.GOARCH)
}
