package commerce

import (
	"context"
	"sync"

	"perennial/internal/db"
	"perennial/internal/fault"
	"perennial/internal/id"
)

// smallUsage is how many events a call may hold to be put together with others.
const smallUsage = 20

// gatherings puts small calls of one account that arrive at the same time into one
// transaction: the next one takes whatever has come while the last was under way, and
// waits for nobody. Each call still gets its own answer, when its events are durable.
type gatherings struct {
	mu      sync.Mutex
	waiting map[id.Account][]*gathered // an entry for each account that is being worked on
}

// gathered is one call that waits for its answer.
type gathered struct {
	call    RecordUsage
	results []UsageResult
	err     error
	done    chan struct{}

	answered bool // of the worker alone
}

// gather records a small call together with others. A caller that gives up gets no
// answer; its events may be recorded all the same, and a repetition finds them.
func (s *Service) gather(ctx context.Context, c RecordUsage) ([]UsageResult, error) {
	g := &gathered{call: c, done: make(chan struct{})}
	q := &s.usage
	q.mu.Lock()
	list, busy := q.waiting[c.Account]
	if q.waiting == nil {
		q.waiting = map[id.Account][]*gathered{}
	}
	q.waiting[c.Account] = append(list, g)
	q.mu.Unlock()
	if !busy {
		go s.recordGathered(context.WithoutCancel(ctx), c.Account)
	}
	select {
	case <-g.done:
		return g.results, g.err
	case <-ctx.Done():
		return nil, fault.Wrap(fault.Unknown, ctx.Err(), "it is not known whether this was recorded")
	}
}

// recordGathered works until nothing waits for the account.
func (s *Service) recordGathered(ctx context.Context, acc id.Account) {
	for {
		group := s.usage.take(acc)
		if len(group) == 0 {
			return
		}
		s.recordGroup(ctx, group)
	}
}

// take is the next calls, at most MaxUsageEvents events of them.
func (q *gatherings) take(acc id.Account) []*gathered {
	q.mu.Lock()
	defer q.mu.Unlock()
	list := q.waiting[acc]
	if len(list) == 0 {
		delete(q.waiting, acc)
		return nil
	}
	n, events := 0, 0
	for n < len(list) && events+len(list[n].call.Events) <= MaxUsageEvents {
		events += len(list[n].call.Events)
		n++
	}
	q.waiting[acc] = list[n:]
	return list[:n:n]
}

// recordGroup records calls in one transaction and answers each. When that is refused
// each is tried alone, so that none suffers from another.
func (s *Service) recordGroup(ctx context.Context, group []*gathered) {
	defer func() {
		for _, g := range group { // none waits for ever, not even after a defect
			if !g.answered {
				g.answer(nil, fault.New(fault.Internal, "recording usage ended early"))
			}
		}
	}()
	all := RecordUsage{Call: group[0].call.Call}
	for _, g := range group {
		all.Events = append(all.Events, g.call.Events...)
	}
	results, err := s.recordUsage(ctx, all)
	switch {
	case err == nil:
		for _, g := range group {
			n := len(g.call.Events)
			g.answer(results[:n:n], nil)
			results = results[n:]
		}
	case len(group) == 1 || db.IsUnknown(err):
		for _, g := range group {
			g.answer(nil, err)
		}
	default:
		for _, g := range group {
			g.answer(s.recordUsage(ctx, g.call))
		}
	}
}

func (g *gathered) answer(results []UsageResult, err error) {
	g.results, g.err, g.answered = results, err, true
	close(g.done)
}
