package commerce

import (
	"context"
	"sync"

	"perennial/internal/db"
	"perennial/internal/fault"
	"perennial/internal/id"
)

// maxGathered is how many events are recorded in one transaction. More would share more
// of a commit, and keep everybody else waiting.
const maxGathered = 1000

// gatherings puts calls of one account that arrive at the same time into one
// transaction: the next one takes whatever has come while the last was under way, and
// waits for nobody. Each call still gets its own answer, when its events are durable.
type gatherings struct {
	mu      sync.Mutex
	waiting map[id.Account]*gathering // of the accounts that are being worked on
}

// gathering is the calls of one account. There is one worker more than transactions that
// make progress at the same time, so that it has the next ready when one is on the disk.
// More than two work only when there is much to do: small transactions cost more.
type gathering struct {
	list    []*gathered
	events  int // of the list
	workers int
}

// maxWorkers is how many transactions of one account are under way at most.
const maxWorkers = 4

// gathered is one call that waits for its answer.
type gathered struct {
	call    RecordUsage
	results []UsageResult
	err     error
	done    chan struct{}

	answered bool // of the worker alone
}

// gather records a call together with others. A caller that gives up gets no
// answer; its events may be recorded all the same, and a repetition finds them.
func (s *Service) gather(ctx context.Context, c RecordUsage) ([]UsageResult, error) {
	g := &gathered{call: c, done: make(chan struct{})}
	if s.usage.add(g, min(s.db.Writers()+1, maxWorkers)) {
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

// add puts a call to the others and reports whether it needs one more worker.
func (q *gatherings) add(g *gathered, workers int) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.waiting == nil {
		q.waiting = map[id.Account]*gathering{}
	}
	w := q.waiting[g.call.Account]
	if w == nil {
		w = &gathering{}
		q.waiting[g.call.Account] = w
	}
	w.list = append(w.list, g)
	w.events += len(g.call.Events)
	if w.workers >= workers || w.workers >= 2 && w.events < maxGathered/2 {
		return false
	}
	w.workers++
	return true
}

// take is the next calls, at most maxGathered events of them. A worker that finds
// none ends.
func (q *gatherings) take(acc id.Account) []*gathered {
	q.mu.Lock()
	defer q.mu.Unlock()
	w := q.waiting[acc]
	n, events := 0, 0
	for n < len(w.list) && events+len(w.list[n].call.Events) <= maxGathered {
		events += len(w.list[n].call.Events)
		n++
	}
	group := w.list[:n:n]
	w.list = w.list[n:]
	w.events -= events
	if n == 0 {
		if w.workers--; w.workers == 0 {
			delete(q.waiting, acc)
		}
	}
	return group
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
