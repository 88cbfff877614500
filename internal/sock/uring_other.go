//go:build !linux

package sock

// A Ring cannot be made here.
type Ring struct{}

// NewRing answers ErrUnsupported.
func NewRing(n int) (*Ring, error) { return nil, ErrUnsupported }

// Send does nothing.
func (r *Ring) Send(batch []Sending) {}

// Close does nothing.
func (r *Ring) Close() {}
