package pressure

import (
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/dustin/go-humanize"
)

// Bounds of files and of the disk.
const (
	filesStop, filesGo = 0.90, 0.85

	// diskLeast is what has to stay free, and diskShare of the disk if that is more, up to diskMost: a raft snapshot, three segments
	// of 16 MiB and the fault files of a bad hour. Of a disk of 50 TiB a share alone would be absurd.
	diskLeast = 64 << 20
	diskShare = 0.02
	diskMost  = 1 << 30
	// diskAgain is how much more than that has to be free before admission goes on.
	diskAgain = 1.25
	// leastInodes are files that can still be made.
	leastInodes = 256
)

// Files are the open files of this process against limit, which is asked each time; 0: unknown.
func Files(limit func() uint64) Source { return files(limit, openFiles) }

func files(limit func() uint64, open func() (uint64, bool)) Source {
	return Source{
		Name: NameFiles, Do: "raise LimitNOFILE= (ulimit -n), or lower -max-connections and -max-streams",
		Read: func() Reading {
			n, ok := open()
			if !ok {
				return Reading{}
			}
			return Reading{Used: n, Limit: limit()}.shares(filesStop, filesGo)
		},
	}
}

// space is what a file system says of itself. files is 0 where it does not count them.
type space struct {
	total, free       uint64 // bytes, as this user may use them
	files, freeInodes uint64
}

// Disk is the file system of a node's data folder. It must be there: later on one that is gone, or another one in its place, stops
// admission, too.
func Disk(dir string) (Source, error) { return disk(dir, readSpace) }

func disk(dir string, read func(string) (space, error)) (Source, error) {
	mark := filepath.Join(dir, "raft", "lock") // as long as it is the same file it is the same folder
	first, err := os.Stat(mark)
	if err != nil {
		return Source{}, fmt.Errorf("watch data folder: %w", err)
	}
	return Source{
		Name: NameDisk, Do: "make space where -data is; a folder that is gone cannot be brought back: take a backup (ringside backup) and start anew",
		Read: aside(func() Reading {
			if now, err := os.Stat(mark); err != nil || !os.SameFile(first, now) {
				return broken("the data folder is gone or is another one: what is not in memory is lost with this process")
			}
			s, err := read(dir)
			if err != nil {
				return broken(err.Error())
			}
			return s.reading()
		}),
	}, nil
}

// broken is a resource of which there is nothing.
func broken(why string) Reading { return Reading{Used: 1, Limit: 1, Stop: 1, Go: 1, Why: why} }

const (
	asideEvery = time.Second
	asideMost  = 5 * time.Second
)

// aside reads what may wait (a network's disk that is gone) beside those who ask, once a second, and says so when there is no
// answer for five. One goroutine at a time, which ends with its system call.
func aside(read func() Reading) func() Reading {
	last, asked := read(), time.Now()
	answers := make(chan Reading, 1)
	flying := false
	return func() Reading {
		select {
		case last = <-answers:
			flying = false
		default:
		}
		switch waited := time.Since(asked); {
		case flying && waited >= asideMost:
			return broken("the disk has not answered for " + waited.Round(time.Second).String())
		case !flying && waited >= asideEvery:
			flying, asked = true, time.Now()
			go func() { answers <- read() }()
		}
		return last
	}
}

func (s space) reading() Reading {
	if s.total == 0 {
		return Reading{}
	}
	free := min(s.free, s.total)
	reserve := max(diskLeast, min(uint64(float64(s.total)*diskShare), diskMost))
	r := Reading{Used: s.total - free, Limit: s.total, Why: humanize.IBytes(free) + " free"}
	r.Stop = max(s.total-min(reserve, s.total), 1)
	r.Go = max(s.total-min(uint64(float64(reserve)*diskAgain), s.total), 1)
	if s.files > 0 && s.freeInodes < leastInodes {
		r.Used, r.Why = r.Limit, "no inodes are left"
	}
	return r
}

// Count is a number of things of which only so many should be.
func Count(name, do string, limit int, n func() int) Source {
	return Source{Name: name, Do: do, Read: func() Reading {
		return Reading{Used: uint64(max(n(), 0)), Limit: uint64(limit), Stop: uint64(limit), Go: uint64(max(limit/2, 1))}
	}}
}
