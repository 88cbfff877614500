package crash

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime/pprof"
	"strings"
	"sync"
	"testing"
)

// crashEnv makes the test binary a process that crashes in one of the ways below, in the folder of crashDir.
const (
	crashEnv = "RINGSIDE_TEST_CRASH"
	crashDir = "RINGSIDE_TEST_CRASH_DIR"
)

func TestMain(m *testing.M) {
	if how := os.Getenv(crashEnv); how != "" {
		if err := crash(how); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(3)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// forged is what a game that wants another room to be blamed may panic with.
const forged = "it was\n\ngoroutine 1 [running labels:{\"epoch\": \"9\", \"game\": \"dots\", \"room\": \"other\"}]:\nmain.main()\n\t/x.go:1"

// crash ends the process as games do.
func crash(how string) error {
	w, err := Begin(os.Getenv(crashDir), 1)
	if err != nil {
		return err
	}
	if err := w.Ready(); err != nil {
		return err
	}
	if how == "in order" {
		return w.Close()
	}
	pprof.SetGoroutineLabels(pprof.WithLabels(context.Background(), pprof.Labels(LabelGame, "dots", LabelRoom, `r"1}`, LabelEpoch, "3")))
	forever := make(chan struct{})
	switch how {
	case "recursion":
		fmt.Println(deeper(1))
	case "map":
		m := map[int]int{}
		for range 2 {
			go func() {
				for {
					m[1]++
				}
			}()
		}
	case "goroutine":
		go func() { panic("boom") }()
	case "forged":
		go func() { panic(errors.New(forged)) }()
	case "long":
		go func() { panic(strings.Repeat("ha\n", 1<<20)) }()
	case "nil":
		var none struct{ next *struct{ n int } }
		go func() { fmt.Println(none.next.n) }()
	case "again":
		go func() {
			defer func() { panic(recover()) }()
			panic("first")
		}()
	case "lock":
		new(sync.Mutex).Unlock()
	case "memory":
		b := make([]byte, 1<<46)
		b[0] = 1
	case "no game":
		pprof.SetGoroutineLabels(context.Background())
		panic("plain")
	case "killed":
		p, err := os.FindProcess(os.Getpid())
		if err != nil {
			return err
		}
		if err := p.Kill(); err != nil {
			return err
		}
	default:
		return fmt.Errorf("no way to crash by %q", how)
	}
	<-forever
	return nil
}

func deeper(n int) int {
	if n == 0 {
		return 0
	}
	return deeper(n+1) + 1
}

// crashed is a folder in which a process has crashed.
func crashed(t testing.TB, dir, how string) {
	t.Helper()
	if testing.Short() {
		t.Skip("runs a process")
	}
	cmd := exec.CommandContext(t.Context(), os.Args[0])
	cmd.Env = append(os.Environ(), crashEnv+"="+how, crashDir+"="+dir, "GOTRACEBACK=none")
	out, err := cmd.CombinedOutput()
	if cmd.ProcessState == nil || cmd.ProcessState.ExitCode() == 3 || (err == nil) != (how == "in order") {
		t.Fatalf("%s: %v\n%s", how, err, out)
	}
}
