package pressure

import (
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// openFiles is how many files this process has open. Since 6.2 the kernel says so as the size of a directory, for a microsecond;
// before, nobody knows without reading it, which takes ten milliseconds with 20,000 files: then it is not known, and the bounds of
// connections have to be enough.
func openFiles() (n uint64, ok bool) {
	info, err := os.Stat("/proc/self/fd")
	if err != nil || info.Size() <= 0 {
		return 0, false
	}
	return uint64(info.Size()), true
}

func readSpace(dir string) (space, error) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return space{}, fmt.Errorf("ask the file system of %s: %w", dir, err)
	}
	block := uint64(max(st.Bsize, 1)) // int32 on some processors
	// Blocks that are kept for root are neither used nor free.
	return space{
		total: (st.Blocks - min(st.Bfree-min(st.Bavail, st.Bfree), st.Blocks)) * block, free: st.Bavail * block,
		files: st.Files, freeInodes: st.Ffree,
	}, nil
}
