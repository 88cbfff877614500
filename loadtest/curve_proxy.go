package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

// proxySpare is how many connections beyond the players' the proxy may have: those of the HTTP API.
const proxySpare = 256

// proxyConfig is HAProxy's. What is not said has its default, one thread per processor among it.
const proxyConfig = `global
    maxconn %d
defaults
    mode http
    timeout connect 5s
    timeout client 30s
    timeout server 30s
    timeout tunnel 1h
frontend players
    bind %s ssl crt %s alpn http/1.1
    option forwardfor
    http-request set-header X-Forwarded-Proto https
    default_backend nodes
backend nodes
    server node %s
`

// A proxy is a process of HAProxy.
type proxy struct {
	cmd   *exec.Cmd
	words lastWords
	ended chan struct{}
}

// startProxy starts one and waits until it listens.
func startProxy(ctx context.Context, program, config, front string, text []byte) (*proxy, error) {
	if err := os.WriteFile(config, text, 0o600); err != nil {
		return nil, fmt.Errorf("write the proxy's configuration: %w", err)
	}
	p := &proxy{cmd: exec.Command(program, "-db", "-f", config), ended: make(chan struct{})}
	p.cmd.Stdout, p.cmd.Stderr = &p.words, &p.words
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start the proxy: %w", err)
	}
	go func() { // ends with the process; close waits for it
		defer close(p.ended)
		_ = p.cmd.Wait() // that it ended is what counts
	}()
	ctx, cancel := context.WithTimeout(ctx, startWithin)
	defer cancel()
	look := time.NewTicker(10 * time.Millisecond)
	defer look.Stop()
	for {
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", front)
		if err == nil {
			conn.Close()
			return p, nil
		}
		select {
		case <-look.C:
		case <-p.ended:
			return nil, fmt.Errorf("the proxy ended before it listened; it wrote:\n%s", p.words.text())
		case <-ctx.Done():
			p.close()
			return nil, fmt.Errorf("wait for the proxy: %w", ctx.Err())
		}
	}
}

// close kills the process and waits for it.
func (p *proxy) close() {
	_ = p.cmd.Process.Kill() // fails if it has ended, which is as good
	<-p.ended
}

// A reading is what a process had taken of the processors at one time.
type reading struct {
	at  time.Time
	cpu time.Duration
	err error
}

// read says what it has taken so far.
func (p *proxy) read() reading {
	u := reading{at: time.Now()}
	var text []byte
	if text, u.err = os.ReadFile(fmt.Sprintf("/proc/%d/stat", p.cmd.Process.Pid)); u.err == nil {
		u.cpu, u.err = parseStat(text)
	}
	return u
}

// statTick is the unit of times in /proc/PID/stat: sysconf(_SC_CLK_TCK), which is 100 on each Linux that Go runs on.
const statTick = time.Second / 100

// parseStat is the user and system time in /proc/PID/stat, all threads together.
func parseStat(text []byte) (time.Duration, error) {
	// The second field is the program's name in parentheses, which may hold anything. utime and stime are the fields 14 and 15.
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	if len(fields) < 13 {
		return 0, fmt.Errorf("a process's stat %q: too short", text)
	}
	user, err1 := strconv.ParseUint(fields[11], 10, 48)
	system, err2 := strconv.ParseUint(fields[12], 10, 48)
	if err := errors.Join(err1, err2); err != nil {
		return 0, fmt.Errorf("a process's stat: %w", err)
	}
	return time.Duration(user+system) * statTick, nil
}
