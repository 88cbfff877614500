//go:build !linux

package sock

import (
	"net"
	"time"
)

// Supported reports whether this system has what the package is for.
const Supported = false

// Recv answers ErrUnsupported.
func Recv(fd int, buf []byte) (int, error) { return 0, ErrUnsupported }

// Send answers ErrUnsupported.
func Send(fd int, b []byte) (int, error) { return 0, ErrUnsupported }

// Unacked answers ErrUnsupported.
func Unacked(fd int) (int, error) { return 0, ErrUnsupported }

// Close answers ErrUnsupported.
func Close(fd int) error { return ErrUnsupported }

// Set answers ErrUnsupported.
func (o Options) Set(fd int) error { return ErrUnsupported }

// DupOut closes conn and answers ErrUnsupported.
func DupOut(conn net.Conn) (int, error) {
	conn.Close()
	return -1, ErrUnsupported
}

// What an Epoll watches a descriptor for.
const (
	In    uint32 = 1
	Out   uint32 = 4
	RdHup uint32 = 0x2000
)

// An Event is one ready descriptor.
type Event struct{}

// Data is 0.
func (e *Event) Data() uint64 { return 0 }

// Readable is false.
func (e *Event) Readable() bool { return false }

// Writable is false.
func (e *Event) Writable() bool { return false }

// An Epoll cannot be made here.
type Epoll struct{}

// NewEpoll answers ErrUnsupported.
func NewEpoll() (*Epoll, error) { return nil, ErrUnsupported }

// Add answers ErrUnsupported.
func (e *Epoll) Add(fd int, flags uint32, data uint64) error { return ErrUnsupported }

// Mod answers ErrUnsupported.
func (e *Epoll) Mod(fd int, flags uint32, data uint64) error { return ErrUnsupported }

// Del answers ErrUnsupported.
func (e *Epoll) Del(fd int) error { return ErrUnsupported }

// Wait answers ErrUnsupported.
func (e *Epoll) Wait(events []Event, timeout time.Duration) (int, error) { return 0, ErrUnsupported }

// Close answers ErrUnsupported.
func (e *Epoll) Close() error { return ErrUnsupported }

// Sleep is time.Sleep.
func Sleep(d time.Duration) { time.Sleep(d) }

// CPUTime is 0: unknown.
func CPUTime() time.Duration { return 0 }

// RaiseFileLimit does nothing: descriptors are not the limit here.
func RaiseFileLimit(n uint64) error { return nil }
