package ringside

import (
	"errors"
	"flag"
	"fmt"

	"github.com/dustin/go-humanize"
)

// minMemory is what a node with one game needs to start.
const minMemory = 32 << 20

// machineFlags are the flags about what the machine gives.
func machineFlags(fs *flag.FlagSet, cfg *Config) {
	fs.Var(bytesValue{&cfg.MaxMemory}, "max-memory", "`bytes` of memory, e.g. 2GiB: near it nothing new is taken, at it the room that allocates most ends (default: GOMEMLIMIT, the cgroup's limit, or the machine's memory)")
}

// validateMachine is part of validate.
func (c *Config) validateMachine() error {
	if c.MaxMemory != 0 && c.MaxMemory < minMemory {
		return configError("-max-memory", fmt.Errorf("%s: want %s or more", humanize.IBytes(c.MaxMemory), humanize.IBytes(minMemory)))
	}
	return nil
}

// A bytesValue is a flag of a number of bytes; 0 is the default.
type bytesValue struct{ n *uint64 }

// String implements flag.Value.
func (v bytesValue) String() string {
	if v.n == nil || *v.n == 0 {
		return ""
	}
	return humanize.IBytes(*v.n)
}

// Set implements flag.Value.
func (v bytesValue) Set(s string) error {
	n, err := humanize.ParseBytes(s)
	if err != nil {
		return errors.New("want a number of bytes, such as 512MiB or 2GiB")
	}
	*v.n = n
	return nil
}
