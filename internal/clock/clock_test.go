package clock_test

import (
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"perennial/internal/clock"
)

func TestSystem(t *testing.T) {
	t.Parallel()
	var c clock.Clock = clock.System{}
	before := time.Now().Truncate(time.Microsecond)
	now := c.Now()
	if now.Before(before) || now.After(time.Now()) {
		t.Errorf("the system's clock shows %v", now)
	}
	if now.Location() != time.UTC || now.Nanosecond()%1000 != 0 {
		t.Errorf("%v is not UTC in whole microseconds", now)
	}
}

func TestManual(t *testing.T) {
	t.Parallel()
	var zero clock.Manual
	if got := zero.Now(); !got.Equal(time.Unix(0, 0)) {
		t.Errorf("the zero clock stands at %v", got)
	}
	zero.Add(time.Hour)
	if got := zero.Now(); !got.Equal(time.Unix(3600, 0)) {
		t.Errorf("an hour on, the zero clock stands at %v", got)
	}
	c := clock.NewManual(time.Date(2026, 3, 1, 10, 0, 0, 1999, time.FixedZone("", 3600)))
	want := time.Date(2026, 3, 1, 9, 0, 0, 1000, time.UTC)
	if got := c.Now(); got != want {
		t.Errorf("stands at %v, want %v", got, want)
	}
	c.Add(-time.Minute)
	if got := c.Now(); got != want.Add(-time.Minute) {
		t.Errorf("moved back to %v", got)
	}
}

// Two movers at once must both count.
func TestManualAddsTogether(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
	c := clock.NewManual(start)
	var wait sync.WaitGroup
	for range 50 {
		wait.Go(func() {
			for range 100 {
				c.Add(time.Second)
			}
		})
	}
	wait.Wait()
	if got := c.Now().Sub(start); got != 5000*time.Second {
		t.Errorf("5000 moves of a second moved the clock by %v", got)
	}
}

func TestStoredForm(t *testing.T) {
	t.Parallel()
	if clock.Micros(time.Time{}) != 0 || !clock.Time(0).IsZero() {
		t.Error("none is not stored as 0")
	}
	rapid.Check(t, func(t *rapid.T) {
		micros := rapid.Int64Range(1, clock.Latest.UnixMicro()).Draw(t, "micros")
		at := clock.Time(micros)
		if clock.Micros(at) != micros || at.Location() != time.UTC {
			t.Fatalf("%d came back as %v", micros, at)
		}
	})
}

func TestInRange(t *testing.T) {
	t.Parallel()
	for at, want := range map[time.Time]bool{
		clock.Earliest:                      true,
		clock.Earliest.Add(-1):              false,
		clock.Latest.Add(-time.Microsecond): true,
		clock.Latest:                        false,
		{}:                                  false,
		time.Date(20260, 1, 1, 0, 0, 0, 0, time.UTC): false,
	} {
		if clock.InRange(at) != want {
			t.Errorf("InRange(%v) = %v", at, !want)
		}
	}
}
