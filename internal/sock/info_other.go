//go:build !linux

package sock

import "time"

// RTT is 0: unknown.
func RTT(fd int) time.Duration { return 0 }

// FileLimit is 0: unknown.
func FileLimit() uint64 { return 0 }
