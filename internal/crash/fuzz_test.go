package crash

import (
	"os"
	"path/filepath"
	"reflect"
	"testing"
	"time"
)

// Whatever stands in the file of the process before, it is read without an error, once: what is a crash is put aside and reads the
// same from there, what is none is left to be written over.
func FuzzHistory(f *testing.F) {
	f.Add([]byte(headMark + "3\n" + readyMark + "1764000000000\n" + trace("a", 3)))
	f.Add([]byte(headMark + "99999999999\n" + readyMark + "x\n" + trace("", 0)))
	f.Add([]byte(headMark + "0\n"))
	f.Add([]byte(trace("a", 1)))
	f.Fuzz(func(t *testing.T, data []byte) {
		dir := t.TempDir()
		name := filepath.Join(dir, current)
		if err := os.WriteFile(name, data, 0o600); err != nil {
			t.Fatal(err)
		}
		at := time.UnixMilli(1764000030000)
		if err := os.Chtimes(name, at, at); err != nil {
			t.Fatal(err)
		}
		first := mustRead(t, dir)
		if first.Streak < 0 || first.Streak > maxStreak+1 {
			t.Errorf("streak %d", first.Streak)
		}
		_, err := os.Stat(name)
		if kept := first.Last != nil; kept == (err == nil) || kept != (len(first.Crashes) == 1) {
			t.Fatalf("last %v, %d crashes, the file is still there: %v", first.Last, len(first.Crashes), err == nil)
		}
		second := mustRead(t, dir)
		if second.Last != nil || second.Streak != 0 || !reflect.DeepEqual(first.Crashes, second.Crashes) {
			t.Errorf("read again: %+v, before %+v", second, first)
		}
	})
}
