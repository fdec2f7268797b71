// Package clock is the only caller of time.Now. Rules never read a clock: they
// receive the instant as an argument, so that a year can be lived in a test and
// every row written by one command carries the same time.
package clock

import (
	"sync"
	"time"
)

// Clock tells the time. System is the machine's; Manual stands still until moved.
type Clock interface {
	// Now is the current instant in UTC, cut to whole microseconds, the
	// resolution in which instants are stored.
	Now() time.Time
}

// System is the machine's clock.
type System struct{}

// Now is the machine's time in UTC, cut to whole microseconds.
func (System) Now() time.Time { return time.Now().UTC().Truncate(time.Microsecond) }

// Manual is a clock that stands still until it is moved. It is safe for
// concurrent use. The zero value stands at 1970-01-01.
type Manual struct {
	mu  sync.Mutex
	now time.Time
}

// NewManual returns a clock standing at now.
func NewManual(now time.Time) *Manual {
	m := &Manual{}
	m.Set(now)
	return m
}

// Now is the instant at which the clock stands.
func (m *Manual) Now() time.Time {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.now.IsZero() {
		return time.UnixMicro(0).UTC()
	}
	return m.now
}

// Set moves the clock to an instant, forward or backward.
func (m *Manual) Set(now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.now = now.UTC().Truncate(time.Microsecond)
}

// Add moves the clock by d, which may be negative.
func (m *Manual) Add(d time.Duration) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.now.IsZero() {
		m.now = time.UnixMicro(0)
	}
	m.now = m.now.Add(d).UTC().Truncate(time.Microsecond)
}

// Micros is the stored form of an instant: microseconds since 1970 in UTC. The
// zero time is 0 and means "none" where a column allows it.
func Micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

// Time is the instant of a stored form; 0 gives the zero time.
func Time(micros int64) time.Time {
	if micros == 0 {
		return time.Time{}
	}
	return time.UnixMicro(micros).UTC()
}

// The instants that a merchant may name: outside of them a date is taken for a
// mistake and refused.
var (
	Earliest = time.Date(1970, 1, 1, 0, 0, 0, 0, time.UTC)
	Latest   = time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC)
)

// InRange reports whether t lies between Earliest and Latest.
func InRange(t time.Time) bool { return !t.Before(Earliest) && t.Before(Latest) }
