package paywhirl

import (
	"math"
	"sync"
	"time"

	"golang.org/x/time/rate"

	"perennial/internal/id"
)

// How often each key may ask: perSecond on average, and burst at once.
const (
	perSecond = 100
	burst     = 1_000
)

// limits counts the requests of each key. There are no more of them than keys.
type limits struct {
	mu   sync.Mutex
	keys map[id.DoorKey]*rate.Limiter
}

// take counts a request. left is how many more may follow at once; a wait above 0 refuses it.
func (l *limits) take(key id.DoorKey, now time.Time) (left int, wait time.Duration) {
	l.mu.Lock()
	defer l.mu.Unlock()
	of := l.keys[key]
	if of == nil {
		if l.keys == nil {
			l.keys = map[id.DoorKey]*rate.Limiter{}
		}
		of = rate.NewLimiter(perSecond, burst)
		l.keys[key] = of
	}
	if !of.AllowN(now, 1) {
		return 0, time.Second
	}
	return max(0, int(math.Floor(of.TokensAt(now)))), 0
}
