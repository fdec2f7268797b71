package server

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"testing"
)

// When the disk is almost full the reserve is given up and what would begin something is
// refused, reads and gateways' notices are not; when there is room again everything goes
// on and the reserve is made anew. What cannot be measured changes nothing.
func TestSpace(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	var free, total uint64 = 10 << 30, 100 << 30
	var broken error
	s := &Space{dir: dir, log: NewLog(io.Discard), free: func(string) (uint64, uint64, error) { return free, total, broken }}
	kept := func() int64 {
		st, err := os.Stat(s.reserve())
		if errors.Is(err, os.ErrNotExist) {
			return 0
		}
		if err != nil {
			t.Fatal(err)
		}
		return st.Size()
	}
	server := New(Options{Space: s})
	status := func(method string) int {
		w := httptest.NewRecorder()
		server.roomy(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})).ServeHTTP(w, httptest.NewRequest(method, "/v1/orders", nil))
		return w.Code
	}
	for _, step := range []struct {
		name    string
		free    uint64
		broken  error
		reserve int64
		post    int
	}{
		{"room", 10 << 30, nil, reserveSize, 200},
		{"almost full", scarceSize - 1, nil, 0, 507},
		{"not measured", 10 << 30, errors.New("no"), 0, 507},
		{"the reserve's own room is not room", scarceSize + reserveSize - 1, nil, 0, 507},
		{"room again", scarceSize + reserveSize, nil, reserveSize, 200},
	} {
		free, broken = step.free, step.broken
		s.Look()
		if got := kept(); got != step.reserve {
			t.Errorf("%s: the reserve has %d bytes, want %d", step.name, got, step.reserve)
		}
		if got := status(http.MethodPost); got != step.post {
			t.Errorf("%s: a write is answered %d, want %d", step.name, got, step.post)
		}
		if got := status(http.MethodGet); got != 200 {
			t.Errorf("%s: a read is answered %d", step.name, got)
		}
	}
	total = 1 << 30 // of a small disk the share counts
	free = total/scarceShare - 1
	if s.Look(); !s.Scarce() {
		t.Error("5 % of a small disk are not scarce")
	}
	if free, _, err := diskFree(dir); err != nil || free == 0 {
		t.Errorf("of the real disk are free %d (%v)", free, err)
	}
}
