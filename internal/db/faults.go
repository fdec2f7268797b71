package db

import "sync"

// The fault points of this package. Other packages name their own.
const (
	FaultBegin        = "db.begin"         // before a transaction begins
	FaultStatement    = "db.statement"     // before a statement runs
	FaultBeforeCommit = "db.commit.before" // nothing is stored
	FaultAfterCommit  = "db.commit.after"  // all is stored, but the answer is lost
)

// Faults makes the n-th pass of a named point fail, so that a test can break any
// story at any step. A nil *Faults never fails and costs one comparison. It is
// safe for concurrent use.
type Faults struct {
	mu     sync.Mutex
	passes map[string]int
	armed  map[string][]armed
}

type armed struct {
	pass int
	err  error
}

// Arm makes the nth pass of point from now on (1 is the next) return err, once.
// A point can be armed for several passes.
func (f *Faults) Arm(point string, nth int, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.armed == nil {
		f.armed, f.passes = map[string][]armed{}, map[string]int{}
	}
	f.armed[point] = append(f.armed[point], armed{f.passes[point] + nth, err})
}

// Hit is called at the point. It returns the error that was armed for this pass,
// or nil.
func (f *Faults) Hit(point string) error {
	if f == nil {
		return nil
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.passes == nil {
		f.passes = map[string]int{}
	}
	f.passes[point]++
	for i, a := range f.armed[point] {
		if a.pass == f.passes[point] {
			f.armed[point] = append(f.armed[point][:i:i], f.armed[point][i+1:]...)
			return a.err
		}
	}
	return nil
}

// Passes is how often point was passed, failures included.
func (f *Faults) Passes(point string) int {
	if f == nil {
		return 0
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.passes[point]
}

// Disarm forgets every failure that has not happened yet.
func (f *Faults) Disarm() {
	f.mu.Lock()
	defer f.mu.Unlock()
	clear(f.armed)
}
