package subscription

import (
	"slices"
	"time"

	"perennial/internal/period"
)

// Reminders is what the customer is told beyond what the card networks ask for.
type Reminders struct {
	Days   int  // before each renewal; 0 for none
	Yearly bool // once a year what it is, what it costs, and how to end it
}

// NoticeKind is what a customer is told before it happens.
type NoticeKind string

// The kinds of notice.
const (
	TrialNotice   NoticeKind = "trial"   // the trial ends and is charged for
	RenewalNotice NoticeKind = "renewal" // the next period is charged for
	YearlyNotice  NoticeKind = "yearly"  // it has run for another year
)

// When notices are given. The card networks ask for one 3 to 7 days (Mastercard) and at
// least 7 days (Visa) before the end of a trial of more than 7 days: exactly 7. Before a
// renewal of more than 180 days they ask for 7 to 30 days, California for 15 to 45.
const (
	longTrial       = 7 // days
	longTrialNotice = 7
	shortTrial      = 3 // days; for shorter ones nobody is told
	trialNotice     = 1
	longPeriod      = 180 // days
	longNotice      = 21
)

// Notice is something that the customer is told of at an instant.
type Notice struct {
	Kind     NoticeKind
	At       time.Time
	About    time.Time // when it happens
	Occasion int64     // of all that are told of the same kind, which one
}

// notices are what the customer is told in the present period, soonest first.
func (s *Subscription) notices() []Notice {
	if s.Invoice != 0 || s.State != Trialing && s.State != Active {
		return nil
	}
	var list []Notice
	if s.charges() {
		if kind, days := s.lead(); days > 0 {
			n := Notice{Kind: kind, At: s.before(s.Span.To, days), About: s.Span.To, Occasion: int64(s.Period)}
			if n.At.After(s.Span.From) {
				list = append(list, n)
			}
		}
	}
	if n, ok := s.anniversary(); ok {
		list = append(list, n)
	}
	slices.SortStableFunc(list, func(a, b Notice) int { return a.At.Compare(b.At) })
	return list
}

// charges reports whether the end of the present period is charged for, as things stand.
func (s *Subscription) charges() bool {
	switch {
	case !s.CancelAt.IsZero() && !s.CancelAt.After(s.Span.To):
		return false
	case s.EndPeriod > 0 && s.Period+1 >= s.EndPeriod && s.Extras.Alone:
		return false
	case s.Extras.Pausing != nil && !s.Extras.Pausing.From.After(s.Span.To):
		return false
	}
	return true
}

// lead is how many days before the end of the present period the customer is told of it.
func (s *Subscription) lead() (NoticeKind, int) {
	days := int(s.Span.Days(s.zone()))
	if s.Period == -1 {
		days = max(days, s.Extras.Trial.Days)
		switch {
		case days > longTrial:
			return TrialNotice, longTrialNotice
		case days >= shortTrial:
			return TrialNotice, trialNotice
		}
		return TrialNotice, 0
	}
	if days > longPeriod {
		return RenewalNotice, longNotice
	}
	return RenewalNotice, s.Reminders.Days
}

// before is the same time of day so many days earlier.
func (s *Subscription) before(at time.Time, days int) time.Time {
	return period.Anchor{Start: at, Zone: s.zone()}.Boundary(period.Interval{Unit: period.Day, Count: days}, -1)
}

// anniversary is the yearly notice that lies in the present period. Who is told before
// each renewal of a long period needs none.
func (s *Subscription) anniversary() (Notice, bool) {
	if !s.Reminders.Yearly || s.InTrial() || s.Span.Days(s.zone()) > longPeriod {
		return Notice{}, false
	}
	years := period.Anchor{Start: s.CreatedAt, Zone: s.zone()}
	year := period.Interval{Unit: period.Year, Count: 1}
	n := years.Index(year, s.Span.From) + 1
	at := years.Boundary(year, n)
	if n < 1 || at.After(s.Span.To) {
		return Notice{}, false
	}
	return Notice{Kind: YearlyNotice, At: at, About: at, Occasion: int64(n)}, true
}

// firstNotice is when the customer is told first in the present period, zero for never.
func (s *Subscription) firstNotice() time.Time {
	if list := s.notices(); len(list) > 0 {
		return list[0].At
	}
	return time.Time{}
}

// TellUpTo is what the customer is to be told up to an instant. It moves NoticeAt on to
// what comes after that.
func (s *Subscription) TellUpTo(at time.Time) []Notice {
	var due []Notice
	list := s.notices()
	s.NoticeAt = time.Time{}
	for _, n := range list {
		if n.At.After(at) {
			s.NoticeAt = n.At
			break
		}
		due = append(due, n)
	}
	return due
}

// Remind sets what the customer is told beyond what the card networks ask for.
func (s *Subscription) Remind(r Reminders) {
	s.Reminders = r
	s.NoticeAt = s.firstNotice()
}
