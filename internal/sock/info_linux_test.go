package sock

import (
	"testing"
	"time"
)

func TestRTT(t *testing.T) {
	fd, peer := pair(t)
	if _, err := peer.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	if got := RTT(fd); got <= 0 || got > 10*time.Second {
		t.Errorf("RTT over loopback = %v", got)
	}
	if got := RTT(-1); got != 0 {
		t.Errorf("RTT of no socket = %v", got)
	}
}

func TestFileLimit(t *testing.T) {
	if got := FileLimit(); got < 16 {
		t.Errorf("FileLimit = %d", got)
	}
}
