package recovery

import (
	"fmt"
	"slices"
	"time"
)

// What card networks allow for one card and amount, counted over declines. The
// networks charge a fee for each try beyond, and in the end take the right to try.
const (
	DefaultDeclines = 15 // in 30 days, unless a policy says otherwise
	MostDeclines    = 20 // in 30 days, whatever a policy says
	DayDeclines     = 10 // in 24 hours

	capWindow = 30 * 24 * time.Hour
	capDay    = 24 * time.Hour
)

// CapWindow is how far back declines count.
const CapWindow = capWindow

// Caps are the limits for one card and amount.
type Caps struct {
	Most     int         // declines in 30 days, 1 to MostDeclines
	Declines []time.Time // of the card and amount within CapWindow; in any order
}

// most is the limit in force: no setting exceeds the networks'.
func (c Caps) most() int {
	if c.Most < 1 {
		return DefaultDeclines
	}
	return min(c.Most, MostDeclines)
}

// Earliest is the first instant from at on at which one more decline would stay within
// the limits. The second result is the limit that moved it, in words, "" when none did.
func (c Caps) Earliest(at time.Time) (time.Time, string) {
	list := slices.SortedFunc(slices.Values(c.Declines), time.Time.Compare)
	why := ""
	for _, limit := range []struct {
		most   int
		window time.Duration
		words  string
	}{
		{DayDeclines, capDay, fmt.Sprintf("card networks allow %d declines of a card and amount in 24 hours", DayDeclines)},
		{c.most(), capWindow, fmt.Sprintf("at most %d declines of a card and amount are allowed in 30 days", c.most())},
	} {
		// With at least most declines in the window that ends at an instant, the one that
		// is most places from the end has to leave it first. Declines after the instant
		// count, too: what is planned must hold whatever happens until then.
		if n := len(list) - limit.most; n >= 0 {
			if free := list[n].Add(limit.window); free.After(at) {
				at, why = free, limit.words
			}
		}
	}
	return at, why
}
