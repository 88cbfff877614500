//go:build !linux

package stream

import (
	"errors"
	"net"
	"time"
)

// canPark is false: all answers are held by goroutines.
const canPark = false

func descriptor(net.Conn) (int, bool)  { return -1, false }
func tune(int, bool, time.Duration)    {}
func sendNow(int, []byte) (int, error) { return 0, errors.ErrUnsupported }
func discard(int, []byte)              {}
func readable(net.Conn) bool           { return false }

type sweep struct{}

func (*sweep) add(int)        {}
func (*sweep) remove(int)     {}
func (*sweep) gone(func(int)) {}
