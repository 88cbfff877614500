package floor

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"
)

const (
	connectWithin = 10 * time.Second // all connections
	answerWithin  = 5 * time.Second
	warmUp        = time.Second
)

// A Result is what the process cost.
type Result struct {
	CPUUSPerFrame float64 `json:"cpu_us_per_frame"` // user and system time, an input received included
	Frames        uint64  `json:"frames"`
	Inputs        uint64  `json:"inputs"`
	LateP50MS     float64 `json:"late_p50_ms"` // of the wakes
	LateP99MS     float64 `json:"late_p99_ms"`
}

// Measure serves connections, plays their clients and says what serving took.
func Measure(ctx context.Context, cfg Config) (Result, error) {
	if err := cfg.prepare(); err != nil {
		return Result{}, err
	}
	p, err := start(ctx, order{Config: cfg, Connections: true})
	if err != nil {
		return Result{}, err
	}
	defer p.close()
	address, err := p.line(answerWithin)
	if err != nil {
		return Result{}, err
	}
	c, err := dial(ctx, &cfg, address)
	if err != nil {
		return Result{}, err
	}
	defer c.close()
	if _, err := p.line(connectWithin); err != nil { // "ready"
		return Result{}, err
	}
	c.start()
	if !pause(ctx, warmUp) {
		return Result{}, ctx.Err()
	}
	if err := p.say("begin"); err != nil {
		return Result{}, err
	}
	if !pause(ctx, cfg.Duration) {
		return Result{}, ctx.Err()
	}
	t, err := p.end()
	if err != nil {
		return Result{}, err
	}
	if t.Frames == 0 {
		return Result{}, errors.New("the floor: nothing was sent")
	}
	return t.result(), nil
}

func (t *Tally) result() Result {
	r := Result{Frames: t.Frames, Inputs: t.Inputs}
	if t.Frames > 0 {
		r.CPUUSPerFrame = float64(t.CPU) / 1e3 / float64(t.Frames)
	}
	h := hdrhistogram.New(1, int64(time.Minute/time.Microsecond), 3)
	for _, late := range t.Late {
		_ = h.RecordValue(min(late/1e3, h.HighestTrackableValue())) // cannot fail within the bounds
	}
	r.LateP50MS, r.LateP99MS = float64(h.ValueAtQuantile(50))/1e3, float64(h.ValueAtQuantile(99))/1e3
	return r
}

// A Loop is an empty loop that wakes every 5 ms in a process of its own: what a tick's lateness is held against.
type Loop struct{ p *process }

// StartLoop starts one. It must be ended.
func StartLoop(ctx context.Context, program string) (*Loop, error) {
	cfg := Config{Program: program}
	if err := cfg.prepare(); err != nil {
		return nil, err
	}
	p, err := start(ctx, order{Config: cfg})
	if err != nil {
		return nil, err
	}
	_, err = p.line(answerWithin) // "ready"
	if err == nil {
		err = p.say("begin")
	}
	if err != nil {
		p.close()
		return nil, err
	}
	return &Loop{p}, nil
}

// End stops it and says how late it was.
func (l *Loop) End() (Result, error) {
	defer l.p.close()
	t, err := l.p.end()
	if err != nil {
		return Result{}, err
	}
	return t.result(), nil
}

// A process is the one that is measured.
type process struct {
	cmd   *exec.Cmd
	in    io.WriteCloser
	lines chan string // closed at the end of its output
	words strings.Builder
}

func start(ctx context.Context, o order) (*process, error) {
	p := &process{cmd: exec.CommandContext(ctx, o.Program, o.Command), lines: make(chan string)}
	if o.Command == Command {
		// The runtime's preemption would end the loop's sleeps, and a loop in C has none.
		p.cmd.Env = append(os.Environ(), "GODEBUG=asyncpreemptoff=1")
	}
	p.cmd.Stderr = &p.words
	var err error
	if p.in, err = p.cmd.StdinPipe(); err != nil {
		return nil, fmt.Errorf("start the floor: %w", err)
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("start the floor: %w", err)
	}
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start the floor: %w", err)
	}
	go func() { // ends with the process's output
		defer close(p.lines)
		scan := bufio.NewScanner(out)
		scan.Buffer(nil, 8<<20)
		for scan.Scan() {
			p.lines <- scan.Text()
		}
	}()
	text, err := json.Marshal(&o)
	if err == nil {
		err = p.say(string(text))
	}
	if err != nil {
		p.close()
		return nil, err
	}
	return p, nil
}

func (p *process) say(line string) error {
	if _, err := io.WriteString(p.in, line+"\n"); err != nil {
		return p.failed(err)
	}
	return nil
}

// line is the next that the process says.
func (p *process) line(within time.Duration) (string, error) {
	t := time.NewTimer(within)
	defer t.Stop()
	select {
	case text, ok := <-p.lines:
		if !ok {
			return "", p.failed(io.ErrUnexpectedEOF)
		}
		return text, nil
	case <-t.C:
		return "", errors.New("the floor: no answer from its process")
	}
}

// end ends the measurement.
func (p *process) end() (*Tally, error) {
	if err := p.say("end"); err != nil {
		return nil, err
	}
	text, err := p.line(answerWithin)
	if err != nil {
		return nil, err
	}
	t := new(Tally)
	if err := json.Unmarshal([]byte(text), t); err != nil {
		return nil, fmt.Errorf("the floor's answer: %w", err)
	}
	return t, nil
}

// failed is the error of a process that has ended, with what it said of that.
func (p *process) failed(err error) error {
	p.close()
	if words := strings.TrimSpace(p.words.String()); words != "" {
		return fmt.Errorf("the floor: %s", words)
	}
	return fmt.Errorf("the floor: %w", err)
}

// close ends the process. It may be called twice.
func (p *process) close() {
	p.in.Close()
	_ = p.cmd.Process.Kill() // fails if it has ended, which is as good
	for range p.lines {      // Wait closes the pipe that is read
	}
	_ = p.cmd.Wait() // it was killed, or has said why
}

// pause waits; false means that ctx has ended.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
