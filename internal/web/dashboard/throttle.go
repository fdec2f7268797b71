package dashboard

import (
	"fmt"
	"net/netip"
	"strings"
	"sync"
	"time"

	"perennial/internal/clock"
)

// The tries to sign in that are allowed in one window.
const (
	window       = 15 * time.Minute
	perAddress   = 10  // for one e-mail address
	perNetwork   = 100 // from one network
	maxRemembers = 50_000
)

// throttle counts tries to sign in, in memory: a restart forgets them, which is
// harmless because the count is for speed, not for guilt.
type throttle struct {
	clock clock.Clock
	mu    sync.Mutex
	seen  map[string]*tries
}

// tries are those since start.
type tries struct {
	start time.Time
	n     int
}

func newThrottle(c clock.Clock) *throttle { return &throttle{clock: c, seen: map[string]*tries{}} }

// refuse counts a try and returns how long to wait when there were too many.
// Unknown addresses count as known ones do.
func (t *throttle) refuse(email, remote string) time.Duration {
	now := t.clock.Now()
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.seen) > maxRemembers {
		t.sweep(now)
	}
	return max(t.count("a:"+normal(email), perAddress, now), t.count("n:"+network(remote), perNetwork, now))
}

// normal is an address as it is counted.
func normal(email string) string {
	email = strings.ToLower(strings.TrimSpace(email))
	return email[:min(len(email), 254)]
}

func (t *throttle) count(key string, most int, now time.Time) time.Duration {
	s := t.seen[key]
	if s == nil || now.Sub(s.start) >= window {
		s = &tries{start: now}
		t.seen[key] = s
	}
	if s.n++; s.n <= most {
		return 0
	}
	return window - now.Sub(s.start)
}

// sweep drops windows that are over; when that is not enough it drops everything,
// because memory must stay bounded whatever comes.
func (t *throttle) sweep(now time.Time) {
	for key, s := range t.seen {
		if now.Sub(s.start) >= window {
			delete(t.seen, key)
		}
	}
	if len(t.seen) > maxRemembers {
		clear(t.seen)
	}
}

// forget ends the count of an address whose owner signed in.
func (t *throttle) forget(email string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.seen, "a:"+normal(email))
}

// network is the network that an address belongs to: the address itself in IPv4,
// the first 64 bits in IPv6. No header of the request is believed.
func network(remote string) string {
	at, err := netip.ParseAddrPort(remote)
	if err != nil {
		return remote
	}
	bits := 32
	if at.Addr().Unmap().Is6() {
		bits = 64
	}
	prefix, err := at.Addr().Unmap().WithZone("").Prefix(bits)
	if err != nil {
		return remote
	}
	return prefix.String()
}

func minutes(d time.Duration) string {
	n := int((d + time.Minute - 1) / time.Minute)
	if n == 1 {
		return "a minute"
	}
	return fmt.Sprintf("%d minutes", n)
}
