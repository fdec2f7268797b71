//go:build unix

package db

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"

	"perennial/internal/fault"
)

// lockFile takes the file that says which process holds the database. The lock
// ends with the process, however it ends; the file stays.
func lockFile(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600) // #nosec G304 -- the operator names the database
	if err != nil {
		return nil, fault.Wrap(fault.Unavailable, err, "the database folder cannot be written")
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if errors.Is(err, syscall.EWOULDBLOCK) {
		pid, _ := io.ReadAll(io.LimitReader(f, 32)) // for the message alone
		f.Close()                                   //nolint:errcheck // only read
		return nil, fault.New(fault.Unavailable, "the database is in use by process %s (%s)",
			strings.TrimSpace(string(pid)), strings.TrimSuffix(path, ".lock"))
	}
	if err == nil {
		err = f.Truncate(0)
	}
	if err == nil {
		_, err = fmt.Fprintln(f, os.Getpid())
	}
	if err != nil {
		f.Close() //nolint:errcheck // the first error is the one to tell
		return nil, fault.Wrap(fault.Unavailable, err, "the lock file of the database cannot be written")
	}
	return f, nil
}
