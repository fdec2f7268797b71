package db

import (
	"context"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	"perennial/internal/clock"
	"perennial/internal/fault"
)

// The states of a request: the writer takes it or its caller withdraws it, and
// whoever is first decides.
const (
	waiting int32 = iota
	taken
	withdrawn
)

// request is a closure on its way through the writer.
type request struct {
	job
	ctx   context.Context
	since time.Time
	state atomic.Int32
	done  chan struct{} // closed when err, panic and exited are final

	err    error
	panic  *panicked
	exited bool // the closure called runtime.Goexit, as a failing test does
}

// panicked carries a panic from the writer's goroutine to the caller's.
type panicked struct {
	value any
	stack []byte
}

func newRequest(ctx context.Context, j job) *request {
	return &request{job: j, ctx: ctx, since: clock.System{}.Now(), done: make(chan struct{})}
}

func (r *request) take() bool     { return r.state.CompareAndSwap(waiting, taken) }
func (r *request) withdraw() bool { return r.state.CompareAndSwap(waiting, withdrawn) }

func (r *request) answer(err error) {
	r.err = err
	close(r.done)
}

func caught(value any) *panicked { return &panicked{value, debug.Stack()} }

// patience is how long background work lets others go first.
const patience = 25 * time.Millisecond

var errClosed = fault.New(fault.Unavailable, "the database is closed")

// queue holds requests that wait for the writer, in two lines.
type queue struct {
	mu          sync.Mutex
	interactive []*request
	background  []*request
	closed      bool
	patience    time.Duration
	wake        chan struct{} // holds one token when something may have changed
}

func newQueue() *queue { return &queue{patience: patience, wake: make(chan struct{}, 1)} }

func (q *queue) push(r *request) error {
	q.mu.Lock()
	if q.closed {
		q.mu.Unlock()
		return errClosed
	}
	if r.background {
		q.background = append(q.background, r)
	} else {
		q.interactive = append(q.interactive, r)
	}
	q.mu.Unlock()
	q.ring()
	return nil
}

func (q *queue) ring() {
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// pop takes the next request that was not withdrawn, or nil. Interactive ones go
// first, except before background work that has waited long enough.
func (q *queue) pop() *request {
	q.mu.Lock()
	defer q.mu.Unlock()
	for {
		line := &q.interactive
		if len(q.background) > 0 && (len(q.interactive) == 0 || (clock.System{}).Now().Sub(q.background[0].since) > q.patience) {
			line = &q.background
		}
		if len(*line) == 0 {
			return nil
		}
		r := (*line)[0]
		(*line)[0] = nil
		*line = (*line)[1:]
		if r.take() {
			return r
		}
	}
}

// close lets nobody in any more. Those inside are still served.
func (q *queue) close() {
	q.mu.Lock()
	q.closed = true
	q.mu.Unlock()
	q.ring()
}

func (q *queue) isClosed() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.closed
}
