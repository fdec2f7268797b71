package profitwell

import (
	"sync"
	"time"

	"golang.org/x/time/rate"

	"perennial/internal/fault"
	"perennial/internal/id"
)

// window is the time for which Options.Rate is said.
const window = 5 * time.Second

// limits counts the requests of each token. There are no more of them than tokens.
type limits struct {
	rate int
	mu   sync.Mutex
	keys map[id.DoorKey]*rate.Limiter
}

// take counts a request; a wait above 0 refuses it.
func (l *limits) take(key id.DoorKey, now time.Time) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	of := l.keys[key]
	if of == nil {
		if l.keys == nil {
			l.keys = map[id.DoorKey]*rate.Limiter{}
		}
		of = rate.NewLimiter(rate.Every(window/time.Duration(l.rate)), l.rate)
		l.keys[key] = of
	}
	r := of.ReserveN(now, 1)
	wait := r.DelayFrom(now)
	if wait > 0 {
		r.CancelAt(now)
	}
	return wait
}

func throttled(wait time.Duration) error {
	return &fault.Error{Kind: fault.Limited, RetryAfter: wait}
}
