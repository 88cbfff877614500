package ringside

import (
	"context"
	"errors"
	"fmt"
	"syscall"

	"github.com/ringside-server/ringside/raftstore"
)

// ErrData is wrapped by errors about a data folder with which no node can start until somebody has done something about it: it cannot
// be written, is in use, is damaged, or was written by another version or node.
var ErrData = errors.New("data folder")

// dataError says what is wrong with the data folder, when a part of it could not be opened.
func (n *Node) dataError(part string, err error) error {
	dir := n.cfg.Data
	held := (*raftstore.LockedError)(nil)
	switch {
	case err == nil:
		return nil
	case errors.As(err, &held):
		return fmt.Errorf("%w %s is in use by %s: stop it, or choose another folder with -data", ErrData, dir, holderText(held))
	case errors.Is(err, syscall.EROFS), errors.Is(err, syscall.EACCES), errors.Is(err, syscall.EPERM):
		return fmt.Errorf("%w %s cannot be written (%w): make it writable for this user, or choose another folder with -data", ErrData, dir, err)
	case errors.Is(err, syscall.ENOTDIR):
		return fmt.Errorf("%w %s is none (%w): choose another with -data", ErrData, dir, err)
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		return fmt.Errorf("no space is left in data folder %s: make some (%s: %w)", dir, part, err) // trying again may help
	case errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded),
		errors.Is(err, syscall.EIO), errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE):
		return fmt.Errorf("%s in %s: %w", part, dir, err)
	}
	return fmt.Errorf("%w %s: %s: %w", ErrData, dir, part, err)
}
