//go:build linux

package machine_test

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// fill takes all space that is left; what it returns gives it back.
func fill(t *testing.T, name string) (release func()) {
	t.Helper()
	f, err := os.Create(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for size := 1 << 20; size > 0; {
		if _, err = f.Write(make([]byte, size)); errors.Is(err, syscall.ENOSPC) {
			size /= 16
		} else if err != nil {
			t.Fatal(err)
		}
	}
	return func() {
		if err := os.Remove(name); err != nil {
			t.Error(err)
		}
	}
}

// A disk that is full: seats are refused with 503 and never hang, nobody's seat is lost or sold twice, the room ticks on, and all
// goes on when there is space.
func TestDiskIsFull(t *testing.T) {
	if testing.Short() {
		t.Skip("starts processes; not with -short")
	}
	data := t.TempDir()
	n := start(t, setup{data: data, wrap: tmpfs(t, data, 192, "")})
	plays, seat := n.join("arena", "Ada")
	_, created, err := n.call(http.MethodPost, "/v1/rooms", `{"game":"arena","metadata":{"is":"other"}}`)
	if err != nil {
		t.Fatal(err)
	}
	release := fill(t, n.inside("filler"))
	n.await(`"resource":"disk"`)
	status, out, err := n.call(http.MethodPost, "/v1/join", `{"game":"arena","player":{"id":"bob"}}`)
	if err != nil || status != http.StatusServiceUnavailable || out["code"] != "overloaded" {
		t.Errorf("a join on a full disk: %d %v %v, want 503 overloaded", status, out, err)
	}
	// What changes something and is not refused at the door meets the log itself. Its segment has space of its own for a while.
	room := "/v1/rooms/" + created["id"].(string)
	refused := false
	for i := 0; i < 8000 && !refused; i++ {
		began := time.Now()
		status, out, err := n.patch(room, strings.Repeat("x", 240)+string(rune('a'+i%26)))
		switch {
		case err != nil:
			t.Fatalf("change %d: %v", i, err)
		case time.Since(began) > 15*time.Second:
			t.Fatalf("change %d took %v", i, time.Since(began))
		case status == http.StatusServiceUnavailable && out["code"] == "unavailable", status == http.StatusGatewayTimeout:
			refused = true
		case status != http.StatusOK:
			t.Fatalf("change %d: %d %v", i, status, out)
		}
	}
	if !refused {
		t.Error("8,000 changes of 4 KiB fit into a log of 16 MiB")
	}
	n.runsOn(plays, 20)
	if status, _, err := n.call(http.MethodGet, "/v1/rooms/"+seat.Room, ""); err != nil || status != http.StatusOK {
		t.Errorf("reading a room: %d, %v", status, err)
	}
	release()
	n.await("admission goes on")
	n.until("seats to be sold again", func() bool {
		status, _, err := n.call(http.MethodPost, "/v1/join", `{"game":"arena","player":{"id":"bob"}}`)
		return err == nil && (status == http.StatusOK || status == http.StatusCreated)
	})
	n.until("the rooms to be kept again", func() bool { return n.metric("ringside_journal_degraded") == 0 })
	n.runsOn(plays, 20)
	if err := plays.Err(); err != nil {
		t.Errorf("who played all the time: %v", err)
	}
	_, read, err := n.call(http.MethodGet, "/v1/rooms/"+seat.Room, "")
	if err != nil {
		t.Fatal(err)
	}
	slots := map[any]bool{}
	for _, s := range read["seats"].([]any) {
		slot := s.(map[string]any)["slot"]
		if slots[slot] {
			t.Errorf("slot %v is sold twice: %v", slot, read["seats"])
		}
		slots[slot] = true
	}
}

// patch changes a room's metadata.
func (n *server) patch(room, value string) (int, map[string]any, error) {
	metadata := map[string]string{}
	for i := range 15 {
		metadata[fmt.Sprint("k", i)] = value
	}
	body, err := json.Marshal(map[string]any{"metadata": metadata})
	if err != nil {
		return 0, nil, err
	}
	req, err := http.NewRequestWithContext(n.t.Context(), http.MethodPatch, n.url+room, bytes.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	req.Header.Set("If-Match", "*")
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, nil, err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(io.LimitReader(res.Body, 1<<20))
	out := map[string]any{"code": ""}
	for _, code := range []string{"unavailable", "overloaded"} {
		if strings.Contains(string(text), `"code":"`+code+`"`) {
			out["code"] = code
		}
	}
	return res.StatusCode, out, err
}

// A data folder that cannot be used ends the start within seconds, with 2 and one line that says which and what to do.
func TestDataFolderCannotBeUsed(t *testing.T) {
	if testing.Short() {
		t.Skip("starts processes; not with -short")
	}
	kept := t.TempDir()
	first := start(t, setup{data: kept})
	first.join("arena", "Ada")
	first.until("a segment of the journal", func() bool { return len(segments(t, kept)) > 0 })
	for name, c := range map[string]struct {
		make func(t *testing.T) setup
		want []string
	}{
		"held by another process": {func(*testing.T) setup { return setup{data: kept} }, []string{"is in use by ringside pid", "stop it"}},
		"read-only": {func(t *testing.T) setup {
			dir := t.TempDir()
			return setup{data: dir, wrap: tmpfs(t, dir, 64, ",ro")}
		}, []string{"cannot be written", "read-only file system", "-data"}},
		"a file": {func(t *testing.T) setup {
			name := filepath.Join(t.TempDir(), "data")
			if err := os.WriteFile(name, nil, 0o600); err != nil {
				t.Fatal(err)
			}
			return setup{data: name}
		}, []string{"is none", "-data"}},
		"rooms of another version": {func(t *testing.T) setup {
			dir := t.TempDir()
			text, err := os.ReadFile(segments(t, kept)[0])
			if err != nil || len(text) < 48 {
				t.Fatalf("a segment of %d bytes: %v", len(text), err)
			}
			for at := 0; at < 48; at += 24 { // both copies of its head: eight bytes, the version, two numbers, and a checksum of all
				text[at+8]++
				binary.LittleEndian.PutUint32(text[at+20:], crc32.Checksum(text[at:at+20], crc32.MakeTable(crc32.Castagnoli)))
			}
			name := filepath.Join(dir, "rooms", "00000001.seg")
			if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o700), os.WriteFile(name, text, 0o600)); err != nil {
				t.Fatal(err)
			}
			return setup{data: dir}
		}, []string{"format", "start the server that wrote it"}},
		"of another node": {func(t *testing.T) setup {
			dir := t.TempDir()
			other := start(t, setup{data: dir, args: []string{"-node", "other"}})
			if err := other.cmd.Process.Signal(syscall.SIGTERM); err != nil {
				t.Fatal(err)
			}
			other.ends()
			return setup{data: dir}
		}, []string{"belongs to", `not to node "node"`}},
	} {
		t.Run(name, func(t *testing.T) {
			n := launch(t, c.make(t))
			code, took := n.ends()
			if code != 2 || took > 15*time.Second {
				t.Errorf("exit %d after %v, want 2 within seconds", code, took)
			}
			last := ""
			for line := range strings.Lines(n.said()) {
				if strings.HasPrefix(line, "ringside: ") {
					last += line
				}
			}
			for _, want := range append(c.want, "data folder") {
				if !strings.Contains(last, want) {
					t.Errorf("the last line has no %q: %q", want, last)
				}
			}
			if strings.Count(last, "\n") != 1 {
				t.Errorf("%q is not one line", last)
			}
		})
	}
}

func segments(t *testing.T, data string) []string {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(data, "rooms", "*.seg"))
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// The folder is gone under a node that runs: it says so, takes nothing new, and who plays plays on.
func TestDataFolderIsDeleted(t *testing.T) {
	n := start(t, setup{})
	plays, _ := n.join("arena", "Ada")
	if err := os.RemoveAll(n.data); err != nil && !errors.Is(err, syscall.ENOTEMPTY) {
		t.Fatal(err)
	}
	n.await("the data folder is gone")
	status, out, err := n.call(http.MethodPost, "/v1/join", `{"game":"arena"}`)
	if err != nil || status != http.StatusServiceUnavailable || out["code"] != "overloaded" {
		t.Errorf("a join without a data folder: %d %v %v, want 503 overloaded", status, out, err)
	}
	n.runsOn(plays, 40)
	if status, out, err := n.call(http.MethodGet, "/readyz", ""); err != nil || status != http.StatusOK {
		t.Errorf("/readyz: %d %v %v", status, out, err)
	}
}
