//go:build unix

package server

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"sync/atomic"
	"syscall"
)

// The bounds of the room on the disk that holds the store. It is scarce below the lesser
// of both: a share of the disk, and a size.
const (
	scarceShare = 20        // one part of so many: 5 %
	scarceSize  = 256 << 20 // bytes
	reserveSize = 16 << 20  // bytes that are kept for what must still be written then
	reserveName = "reserve" // the file that keeps them
	reserveMode = 0o600     // nobody else's business
	reserveStep = 1 << 20   // bytes written at once when it is made
)

// Space watches the room on the disk that holds an embedded store. While it is scarce
// nothing new is begun, so that what is under way can be written: outcomes of charges that
// were sent, and what gateways tell. A file that keeps some room is given up for it.
type Space struct {
	dir    string
	log    *slog.Logger
	free   func(dir string) (free, total uint64, err error)
	scarce atomic.Bool
}

// NewSpace watches the disk of a folder, and keeps a reserve on it.
func NewSpace(dir string, log *slog.Logger) *Space {
	s := &Space{dir: dir, log: log, free: diskFree}
	s.Look()
	return s
}

// diskFree is how many bytes of the disk of a folder are free to us, and how many it has.
func diskFree(dir string) (free, total uint64, err error) {
	var st syscall.Statfs_t
	if err := syscall.Statfs(dir, &st); err != nil {
		return 0, 0, fmt.Errorf("look at the disk of %s: %w", dir, err)
	}
	size := uint64(st.Bsize) // above zero
	return st.Bavail * size, st.Blocks * size, nil
}

// Scarce reports whether nothing new may be begun. nil never is.
func (s *Space) Scarce() bool { return s != nil && s.scarce.Load() }

// Look measures the room. What cannot be measured counts as it did.
func (s *Space) Look() {
	if s == nil {
		return
	}
	free, total, err := s.free(s.dir)
	if err != nil {
		s.log.Warn("the room on the disk could not be measured", "err", err)
		return
	}
	least := min(total/scarceShare, scarceSize)
	switch scarce := free < least; {
	case scarce && !s.scarce.Swap(true):
		s.log.Error("the disk of the store is almost full: nothing new is begun until there is room; what is under way is finished", "free", free, "least", least)
		if err := os.Remove(s.reserve()); err != nil && !errors.Is(err, fs.ErrNotExist) {
			s.log.Warn("the reserve could not be given up", "err", err)
		}
	case !scarce && free >= least+reserveSize:
		if s.scarce.Swap(false) {
			s.log.Warn("there is room on the disk of the store again: everything goes on", "free", free)
		}
		if err := s.keepReserve(); err != nil {
			s.log.Warn("no room could be kept in reserve", "err", err)
		}
	}
}

func (s *Space) reserve() string { return filepath.Join(s.dir, reserveName) }

// keepReserve makes the file that keeps room, if it is not there.
func (s *Space) keepReserve() error {
	if st, err := os.Stat(s.reserve()); err == nil && st.Size() == reserveSize {
		return nil
	}
	f, err := os.OpenFile(s.reserve(), os.O_WRONLY|os.O_CREATE|os.O_TRUNC, reserveMode) // #nosec G304 -- in the data folder
	if err != nil {
		return err
	}
	zeros := make([]byte, reserveStep) // written, not only promised: a sparse file keeps nothing
	for n := 0; n < reserveSize && err == nil; n += len(zeros) {
		_, err = f.Write(zeros)
	}
	if e := f.Close(); err == nil {
		err = e
	}
	if err != nil {
		_ = os.Remove(s.reserve()) // half a reserve is none
	}
	return err
}

// roomy refuses what would begin something new while there is no room for it.
func (s *Server) roomy(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.Method {
		case http.MethodGet, http.MethodHead, http.MethodOptions:
		default:
			if s.o.Space.Scarce() {
				w.Header().Set("Retry-After", "60")
				refuse(w, r, http.StatusInsufficientStorage, "disk_full", "The disk of this server is almost full, so nothing new is begun. Nothing was done; try again when its operator has made room.")
				return
			}
		}
		next.ServeHTTP(w, r)
	})
}
