package outbox

import (
	"encoding/binary"
	"hash/fnv"
	"time"

	"perennial/internal/id"
)

// State says what became of a delivery.
type State string

// The states of a delivery.
const (
	Waiting   State = "waiting"   // owed: due now or later, or being tried
	Delivered State = "delivered" // the endpoint took it
	Dead      State = "dead"      // given up; a replay makes it wait again
)

// Delivery is one event owed to one endpoint, in a dialect under one of its topics.
type Delivery struct {
	ID        id.Delivery
	Account   id.Account
	Endpoint  id.Endpoint
	Event     id.Event
	Kind      string // of the event
	Topic     string // what it is told under in the dialect of its endpoint; "" in our own
	State     State
	Attempts  int       // tries begun since it was owed or replayed
	Tries     int       // tries that ended and were stored, in all
	NextAt    time.Time // machine time from which it is due; zero is at once
	TriedAt   time.Time // machine time of the last try; zero when there was none
	Body      string    // "" until the first claim renders it
	Answer    int       // what the endpoint answered last, for a webhook the HTTP status; 0 when nothing
	Failure   string    // why the last try failed, at most MaxFailure bytes; "" when it did not
	CreatedAt time.Time // when the event happened, on its account's clock
	SettledAt time.Time // machine time at which it was delivered or given up
	Version   int64
}

// Message is by what a receiver knows a delivery again, the same in every try and replay:
// the event, or, where one event may be told under several topics, the delivery.
func (d Delivery) Message() string {
	if d.Topic != "" {
		return d.ID.String()
	}
	return d.Event.String()
}

// Lease is how long a claim holds: longer than a claimed batch can take.
const Lease = 5 * time.Minute

// MaxFailure is how many bytes of a failure are kept.
const MaxFailure = 1200

// An endpoint that does nothing but fail for GivenUpAfter is disabled. The time counts
// from a failure that was one of three within a day: a single one between long silences
// says little.
const (
	GivenUpAfter = 5 * 24 * time.Hour
	fewFailures  = 3
	fewWithin    = 24 * time.Hour
)

// An endpoint that did nothing but fail for OutageAfter has an outage, which is told once,
// and once when it is over. It counts like GivenUpAfter.
const (
	OutageAfter = 30 * time.Minute
	toldOutage  = fewFailures + 1 // of Failures
)

// schedule is the wait after the first, second … failed try, which chance makes up to a
// fifth shorter or longer, so that what failed together is not tried together. The tries
// span nearly five days.
var schedule = [...]time.Duration{
	5 * time.Second, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 5 * time.Hour, 10 * time.Hour,
	24 * time.Hour, 24 * time.Hour, 24 * time.Hour, 24 * time.Hour,
}

// MaxAttempts is how often a delivery is tried before it is dead.
const MaxAttempts = len(schedule) + 1

// maxRetryAfter bounds what an endpoint may ask for.
const maxRetryAfter = 24 * time.Hour

// Verdict is what a try came to.
type Verdict uint8

// The verdicts.
const (
	Failed   Verdict = iota // try again later
	Accepted                // the endpoint has it
	Aborted                 // the endpoint asks that this delivery be given up
	Gone                    // the endpoint asks for nothing ever again
	Untried                 // it was claimed, but not sent
	Later                   // this one alone is to be tried again later: the endpoint works
	Bounced                 // this one never arrives, because whom it is for is not there
)

// works reports whether a try that came to v shows that the endpoint works.
func (v Verdict) works() bool {
	return v == Accepted || v == Aborted || v == Later || v == Bounced
}

// Answer is what a try came to, and what was said.
type Answer struct {
	Verdict    Verdict
	Status     int           // for a webhook the HTTP status; 0 when there was none
	Failure    string        // why it failed; without secrets
	RetryAfter time.Duration // the endpoint asks not to be tried before; 0 when it does not

	// For the log.
	Request string        // what was sent besides the body, for a webhook its headers; secrets masked
	Said    string        // the beginning of what was answered, as text
	Took    time.Duration // from the beginning of the try to the end of the answer
}

// Settle is the delivery after a claimed try ended at now.
func (d Delivery) Settle(a Answer, now time.Time) Delivery {
	if a.Verdict == Untried {
		d.Attempts--
		d.NextAt = now
		return d
	}
	d.Tries++
	d.TriedAt, d.Answer, d.Failure = now, a.Status, cut(a.Failure, MaxFailure)
	d.NextAt = time.Time{} // until here the end of the claim
	switch {
	case a.Verdict == Accepted:
		d.State, d.SettledAt, d.Failure = Delivered, now, ""
	case a.Verdict == Aborted, a.Verdict == Gone, a.Verdict == Bounced, d.Attempts >= MaxAttempts:
		d.State, d.SettledAt = Dead, now
	default:
		d.NextAt = now.Add(max(d.wait(), min(a.RetryAfter, maxRetryAfter)))
	}
	return d
}

// wait is the time until the next try. Its chance is drawn from the delivery and the
// number of the try, so that the same failure always waits the same time.
func (d Delivery) wait() time.Duration {
	base := schedule[max(d.Attempts, 1)-1]
	h := fnv.New64a()
	var seed [16]byte
	binary.BigEndian.PutUint64(seed[:8], uint64(d.ID))       // #nosec G115 -- ids are positive
	binary.BigEndian.PutUint64(seed[8:], uint64(d.Attempts)) // #nosec G115 -- a small number
	_, _ = h.Write(seed[:])                                  // a hash never fails
	span := int64(base) / 5
	return base + time.Duration(int64(h.Sum64()>>1)%(2*span+1)-span) // #nosec G115 -- 63 bits
}

// cut shortens s to at most n bytes without breaking a character.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && s[n]&0xc0 == 0x80 {
		n--
	}
	return s[:n]
}

// Learn is the endpoint after tries of one batch ended at now, and whether that
// changed it. One success clears its failures; nothing but failures for
// GivenUpAfter disables it, and so does its own wish. An outage begins before that.
func (e Endpoint) Learn(answers []Answer, now time.Time) (after Endpoint, changed bool) {
	accepted, failed := false, 0
	for _, a := range answers {
		switch a.Verdict {
		case Accepted, Aborted, Later, Bounced:
			accepted = true
		case Gone:
			if e.Kind != Mail && e.State == Enabled {
				e.Disable(GoneFailure)
				return e, true
			}
		case Failed:
			failed++
		}
	}
	switch {
	case accepted:
		changed = !e.FailingSince.IsZero() || e.Failures > 0
		e.FailingSince, e.Failures = time.Time{}, 0
	case failed == 0:
	case e.FailingSince.IsZero(), e.Failures < fewFailures && now.Sub(e.FailingSince) > fewWithin:
		e.FailingSince, e.Failures, changed = now, min(failed, fewFailures), true
	case e.Failures < fewFailures:
		e.Failures, changed = min(e.Failures+failed, fewFailures), true
	case e.Kind != Mail && e.State == Enabled && now.Sub(e.FailingSince) >= GivenUpAfter:
		e.Disable("every delivery failed for five days")
		changed = true
	case e.State == Enabled && e.Failures == fewFailures && now.Sub(e.FailingSince) >= OutageAfter:
		e.Failures, changed = toldOutage, true
	}
	return e, changed
}

// GoneFailure is why an endpoint that asks for nothing ever again is disabled.
const GoneFailure = "the endpoint answered that it is gone"
