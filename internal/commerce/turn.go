package commerce

import (
	"context"
	"sync"

	"perennial/internal/id"
)

// turns lets one goroutine of this process at a time work on what is due on an
// account, so that the scheduler and a request that advances the clock do not find
// each other's leases. Between processes the leases decide.
type turns struct {
	mu   sync.Mutex
	held map[id.Account]chan struct{} // closed when the holder is done
}

// try takes the turn on an account unless somebody has it. The caller ends it with
// the function returned.
func (t *turns) try(acc id.Account) (end func(), ok bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, taken := t.held[acc]; taken {
		return nil, false
	}
	if t.held == nil {
		t.held = map[id.Account]chan struct{}{}
	}
	done := make(chan struct{})
	t.held[acc] = done
	return func() {
		t.mu.Lock()
		delete(t.held, acc)
		t.mu.Unlock()
		close(done)
	}, true
}

// wait takes the turn on an account when it is free.
func (t *turns) wait(ctx context.Context, acc id.Account) (end func(), err error) {
	for {
		if end, ok := t.try(acc); ok {
			return end, nil
		}
		t.mu.Lock()
		done := t.held[acc]
		t.mu.Unlock()
		if done == nil {
			continue // it became free just now
		}
		select {
		case <-done:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}
