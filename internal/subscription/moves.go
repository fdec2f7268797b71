package subscription

import (
	"time"

	"perennial/internal/clock"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/money"
	"perennial/internal/period"
)

// When says when a cancellation takes effect.
type When string

// The moments of a cancellation.
const (
	Now         When = "now"
	AtPeriodEnd When = "period_end"
	AtDate      When = "date"
	AfterLast   When = "last_payment" // after the last payment's period, instead of what would follow it
)

// Cancel ends the subscription at once or schedules its end. At is used for AtDate
// alone. An ended subscription is refused, and one whose terms are being changed.
func (s *Subscription) Cancel(when When, at, now time.Time) error {
	switch {
	case s.State == Canceled:
		return errEnded()
	case s.Changing():
		return ErrChanging()
	}
	switch when {
	case Now:
		s.End(now, ByRequest)
		return nil
	case AtPeriodEnd:
		s.CancelAt = s.Span.To
		if s.State == Paused && s.CancelAt.Before(now) {
			s.CancelAt = now
		}
	case AtDate:
		if !at.After(now) || !clock.InRange(at) {
			return fault.BadField("at", "must be an instant that is still to come")
		}
		s.CancelAt = at
	case AfterLast:
		if s.EndPeriod == 0 {
			return fault.New(fault.Conflict, "the subscription has no last payment").WithCode("no_last_payment")
		}
		s.Extras.Alone = true
		s.CancelAt = s.boundary(s.EndPeriod)
	default:
		return fault.BadField("when", "must be now, period_end, date or last_payment")
	}
	switch {
	case s.Invoice == 0 && s.LeaseUntil.IsZero():
		s.plan()
	case s.NextActionAt.After(s.CancelAt), s.Extras.Unpaid && s.NextActionAt.IsZero():
		s.NextActionAt = s.CancelAt
	}
	return nil
}

// UndoCancel takes a scheduled end back.
func (s *Subscription) UndoCancel() error {
	if s.State == Canceled || s.CancelAt.IsZero() {
		return fault.New(fault.Conflict, "the subscription has no scheduled end").WithCode("not_scheduled_to_end")
	}
	s.CancelAt, s.Extras.Alone, s.Extras.BillUsage, s.Extras.Quiet = time.Time{}, false, false, false
	switch {
	case s.Extras.Unpaid:
		s.NextActionAt = time.Time{}
	case s.Invoice == 0 && s.LeaseUntil.IsZero():
		s.plan()
	}
	return nil
}

// Changing reports whether a change of terms is being charged.
func (s *Subscription) Changing() bool { return s.Change != 0 && s.Extras.ChangeAt.IsZero() }

// Scheduled is the change of terms that is to come; 0 for none.
func (s *Subscription) Scheduled() id.Change {
	if s.Changing() {
		return 0
	}
	return s.Change
}

// ErrChanging refuses what would meet a change of terms that is being charged.
func ErrChanging() error {
	return fault.New(fault.Conflict, "the terms of this subscription are being changed; wait for the outcome").WithCode("change_under_way")
}

// free refuses what only a running subscription that owes nothing can do.
func (s *Subscription) free(now time.Time) error {
	switch {
	case s.State == Canceled:
		return errEnded()
	case s.State == Paused:
		return fault.New(fault.Conflict, "the subscription is paused").WithCode("subscription_paused")
	case s.Changing():
		return ErrChanging()
	case s.Invoice != 0 || s.State == PastDue:
		return fault.New(fault.Conflict, "the subscription owes an invoice; settle it first").WithCode("invoice_unpaid")
	case !s.Span.To.After(now):
		return fault.New(fault.Conflict, "the subscription is about to be billed; try again in a moment").WithCode("renewal_due")
	}
	return nil
}

// CheckFree refuses what only a running subscription that owes nothing can do: a change
// of terms, a pause, a move of its billing day.
func (s *Subscription) CheckFree(now time.Time) error { return s.free(now) }

// Pause stops billing. It begins at once, or when the period is over (atEnd); it ends
// at until, after a number of periods, or, with neither, when somebody ends it. What is
// left of a paid period is kept for after the pause, unless what is missed is collected
// at its end.
func (s *Subscription) Pause(p Pausing, atEnd bool, until, now time.Time) error {
	if err := s.free(now); err != nil {
		return err
	}
	switch {
	case s.InTrial():
		return fault.New(fault.Conflict, "a trial cannot be paused").WithCode("subscription_trialing")
	case len(s.Extras.Dates) > 0:
		return fault.New(fault.Conflict, "a subscription that is paid on fixed days cannot be paused").WithCode("fixed_dates")
	case s.Extras.Pausing != nil:
		return fault.New(fault.Conflict, "a pause is scheduled already").WithCode("pause_scheduled")
	case p.Periods < 0 || p.Periods > 120:
		return fault.BadField("periods", "must be 0 to 120")
	case p.Periods > 0 && !until.IsZero():
		return fault.BadField("until", "must not be given together with periods")
	}
	p.From = now
	if atEnd {
		p.From = s.Span.To
	}
	s.ResumeAt = until
	if p.Periods > 0 {
		s.ResumeAt = s.boundary(s.Period + 1 + p.Periods)
	}
	if !s.ResumeAt.IsZero() && (!s.ResumeAt.After(p.From) || !clock.InRange(s.ResumeAt)) {
		s.ResumeAt = time.Time{}
		return fault.BadField("until", "must come after the beginning of the pause")
	}
	if p.Fee > 0 {
		p.FeeAt = p.From
	}
	s.Extras.Pausing = &p
	if atEnd {
		s.plan()
		return nil
	}
	s.EnterPause()
	return nil
}

// EnterPause begins a pause that was scheduled.
func (s *Subscription) EnterPause() {
	s.State = Paused
	s.plan()
}

// UndoPause takes a scheduled pause back.
func (s *Subscription) UndoPause() error {
	if s.State == Paused || s.Extras.Pausing == nil {
		return fault.New(fault.Conflict, "no pause is scheduled").WithCode("not_scheduled_to_pause")
	}
	s.Extras.Pausing, s.ResumeAt = nil, time.Time{}
	s.plan()
	return nil
}

// FeeCharged notes that the fee of a pause is being charged for the instant at.
func (s *Subscription) FeeCharged() {
	p := *s.Extras.Pausing
	p.Fees++
	if p.Every.IsZero() {
		p.FeeAt = time.Time{}
	} else {
		p.FeeAt = period.Anchor{Start: p.From, Zone: s.zone()}.Boundary(p.Every, p.Fees)
		if !s.ResumeAt.IsZero() && !p.FeeAt.Before(s.ResumeAt) {
			p.FeeAt = time.Time{}
		}
	}
	s.Extras.Pausing = &p
}

// Unpause ends a pause at now. With collect, the periods that were missed are billed,
// each at its own price; else billing goes forward: what was left of the paid period
// when the pause began is given now, and the next period begins after it.
func (s *Subscription) Unpause(collect bool, now time.Time) error {
	switch {
	case s.State == Canceled:
		return errEnded()
	case s.State != Paused:
		return fault.New(fault.Conflict, "the subscription is not paused").WithCode("subscription_not_paused")
	case s.Invoice != 0:
		return fault.New(fault.Conflict, "the subscription owes an invoice; settle it first").WithCode("invoice_unpaid")
	}
	from := now
	if s.Extras.Pausing != nil {
		from = s.Extras.Pausing.From
	}
	s.State, s.ResumeAt, s.Extras.Pausing = Active, time.Time{}, nil
	if collect {
		s.Extras.CollectAt = now
	} else {
		s.forward(from, now)
	}
	if at := s.Extras.ChangeAt; !at.IsZero() && at.Before(now) {
		s.Extras.ChangeAt = now // it waited for the end of the pause
	}
	s.plan()
	return nil
}

// forward moves what comes after a pause.
func (s *Subscription) forward(from, now time.Time) {
	if rest := s.Span.To.Sub(from); rest > 0 {
		if !now.After(from) {
			return
		}
		whole, _ := s.Whole()
		held := now.Sub(from)
		s.Extras.Held = Held{Period: s.Period, For: s.HeldFor() + held, From: whole.From.Add(held)}
		if r := &s.Extras.Rest; r.Share.Whole > 0 {
			r.Begin, r.From = r.Begin.Add(held), r.From.Add(held)
		}
		s.endAt(now.Add(rest))
	} else {
		s.endAt(now)
	}
	s.reanchor(s.Span.To)
}

// endAt moves the end of the present period. What is scheduled for that end goes with it.
func (s *Subscription) endAt(to time.Time) {
	if s.CancelAt.Equal(s.Span.To) {
		s.CancelAt = to
	}
	if s.Extras.ChangeAt.Equal(s.Span.To) {
		s.Extras.ChangeAt = to
	}
	if p := s.Extras.Pausing; p != nil && s.State != Paused && p.From.Equal(s.Span.To) {
		moved := *p
		moved.From = to
		if !moved.FeeAt.IsZero() {
			moved.FeeAt = to
		}
		s.Extras.Pausing = &moved
		if p.Periods > 0 {
			s.Span.To = to
			s.ResumeAt = s.boundary(s.Period + 1 + p.Periods)
		}
	}
	s.Span.To = to
}

// HeldFor is how long pauses held the present period.
func (s *Subscription) HeldFor() time.Duration {
	if s.Extras.Held.Period != s.Period {
		return 0
	}
	return s.Extras.Held.For
}

// reanchor makes the next period begin at an instant. A boundary of the present anchor
// stays one; a billing day is kept, with a short period up to it.
func (s *Subscription) reanchor(at time.Time) {
	next := s.Period + 1
	anchor := s.anchor()
	switch k := anchor.Index(s.Interval, at); {
	case anchor.Boundary(s.Interval, k).Equal(at):
		s.Base = next - k
	case s.AnchorDay > 0:
		s.AnchorAt, s.Base = period.MonthlyOn(s.AnchorDay, at, s.zone()).Start, next+1
		s.Extras.Short = next
	default:
		s.AnchorAt, s.Base = at, next
	}
	if s.Extras.Alone && s.EndPeriod > 0 { // the end comes after the last payment, wherever that is now
		s.CancelAt = s.boundary(s.EndPeriod)
	}
}

// part is which part of a whole period the present one is.
func (s *Subscription) part() Share {
	if m := s.Extras.Moved; m.Share.Whole > 0 && m.Period == s.Period {
		return m.Share
	}
	whole, short := s.Whole()
	if !short {
		return WholePeriod()
	}
	return Proration{}.Left(whole, s.Interval, s.Span.From, s.zone())
}

// moveEnd moves the end of the present period, which was such a part of a whole one.
func (s *Subscription) moveEnd(to time.Time, was Share) {
	s.Extras.Moved = Moved{Period: s.Period, Share: was}
	s.endAt(to)
}

// MaxMove is the farthest that a charge date may be moved.
const MaxMove = 366 * 24 * time.Hour

// Move puts the next charge date elsewhere: once, so that the date after it is the one
// that it would have been, or for good, so that all later ones follow it.
func (s *Subscription) Move(to time.Time, forGood bool, now time.Time) error {
	if err := s.free(now); err != nil {
		return err
	}
	switch {
	case len(s.Extras.Dates) > 0:
		return fault.New(fault.Conflict, "a subscription that is paid on fixed days cannot be moved").WithCode("fixed_dates")
	case s.Period < -1:
		return fault.New(fault.Conflict, "a trial that is paid in parts cannot be moved").WithCode("subscription_trialing")
	case !to.After(now) || to.Sub(now) > MaxMove || !clock.InRange(to):
		return fault.BadField("to", "must be an instant within the next 366 days")
	case !forGood && !s.InTrial() && !to.Before(s.boundary(s.Period+2)):
		return fault.BadField("to", "must come before the charge after it, at %s; move it for good instead", s.boundary(s.Period+2).Format(time.RFC3339))
	case !s.CancelAt.IsZero() && to.After(s.CancelAt):
		return fault.BadField("to", "must not come after the scheduled end")
	}
	s.moveEnd(to, s.part())
	if s.InTrial() {
		s.TrialTo = to
		forGood = true
	}
	if forGood {
		s.AnchorAt, s.Base, s.AnchorDay = to, s.Period+1, 0
	}
	s.plan()
	return nil
}

// BillNow ends the present period at now, so that the next one falls due at once; those
// after it come when they would have. A trial ends with it.
func (s *Subscription) BillNow(now time.Time) error {
	if err := s.free(now); err != nil {
		return err
	}
	switch {
	case s.Change != 0:
		return fault.New(fault.Conflict, "a change of terms is scheduled; undo it first").WithCode("change_scheduled")
	case s.Extras.Pausing != nil:
		return fault.New(fault.Conflict, "a pause is scheduled; undo it first").WithCode("pause_scheduled")
	case len(s.Extras.Dates) > 0:
		return fault.New(fault.Conflict, "a subscription that is paid on fixed days cannot be billed early").WithCode("fixed_dates")
	case s.Period < -1:
		return fault.New(fault.Conflict, "a trial that is paid in parts cannot be billed early").WithCode("subscription_trialing")
	case !s.CancelAt.IsZero() && !s.CancelAt.After(s.Span.To), s.EndPeriod > 0 && s.Period+1 >= s.EndPeriod:
		return fault.New(fault.Conflict, "no invoice is to come for this subscription").WithCode("no_upcoming_invoice")
	case !now.After(s.Span.From):
		return fault.New(fault.Conflict, "the present period was billed at this very moment").WithCode("billed_just_now")
	}
	s.moveEnd(now, s.part())
	if s.InTrial() {
		s.TrialTo = now
		s.AnchorAt, s.Base, s.AnchorDay = now, s.Period+1, 0
	}
	s.NextActionAt, s.NoticeAt = now, time.Time{}
	return nil
}

// SetPaymentsLeft makes a number of periods be billed after the present one, 0 to
// MaxPayments; then the subscription ends, or goes on as its price says.
func (s *Subscription) SetPaymentsLeft(left int) error {
	switch {
	case s.State == Canceled:
		return errEnded()
	case s.Changing():
		return ErrChanging()
	case len(s.Extras.Dates) > 0 || s.Extras.Whole > 0:
		return fault.New(fault.Conflict, "a subscription that is paid in fixed parts has as many as it was sold with").WithCode("fixed_parts")
	case left < 0 || left > MaxPayments:
		return fault.BadField("payments_left", "must be 0 to %d", MaxPayments)
	case left == 0 && s.InTrial():
		return fault.BadField("payments_left", "must be at least 1 during a trial")
	}
	s.EndPeriod = max(s.Period, -1) + 1 + left
	if s.Extras.Alone {
		s.CancelAt = s.boundary(s.EndPeriod)
	}
	return nil
}

// MaxPayments is the largest number of payments that a subscription can still have.
const MaxPayments = 366

// Skip leaves the next period out: the next charge comes one period later. At most
// limit periods are left out in the subscription's life.
func (s *Subscription) Skip(limit int, now time.Time) error {
	if err := s.free(now); err != nil {
		return err
	}
	switch {
	case s.InTrial():
		return fault.New(fault.Conflict, "nothing can be skipped during a trial").WithCode("subscription_trialing")
	case len(s.Extras.Dates) > 0:
		return fault.New(fault.Conflict, "a subscription that is paid on fixed days cannot skip one").WithCode("fixed_dates")
	case s.Extras.Skipped >= limit:
		return fault.New(fault.Conflict, "no more periods of this subscription can be skipped: %d of %d were", s.Extras.Skipped, limit).WithCode("skips_used_up")
	case !s.CancelAt.IsZero():
		return fault.New(fault.Conflict, "a subscription with a scheduled end cannot skip a period").WithCode("scheduled_to_end")
	}
	s.Extras.Skipped++
	was := s.part()
	s.Base--
	s.moveEnd(s.boundary(s.Period+1), was)
	s.plan()
	return nil
}

// Align makes later periods begin with the boundaries of another subscription of the
// same interval. The time between the end of the present period and the next of those
// boundaries is a short period.
func (s *Subscription) Align(to *Subscription, now time.Time) error {
	if err := s.free(now); err != nil {
		return err
	}
	if s.Interval != to.Interval || len(s.Extras.Dates)+len(to.Extras.Dates) > 0 {
		return fault.New(fault.Conflict, "only subscriptions with the same interval can be aligned").WithCode("interval_differs")
	}
	other := to.anchor()
	k := other.Index(to.Interval, s.Span.To)
	s.AnchorDay = to.AnchorDay
	if other.Boundary(to.Interval, k).Equal(s.Span.To) {
		s.AnchorAt, s.Base = s.Span.To, s.Period+1
	} else {
		s.AnchorAt, s.Base = other.Boundary(to.Interval, k+1), s.Period+2
		s.Extras.Short = s.Period + 1
	}
	if s.AnchorDay == 0 { // a month end that was shortened is not lost
		s.AnchorDay = other.Start.In(s.zone()).Day()
		if s.Interval.Unit < period.Month {
			s.AnchorDay = 0
		}
	}
	return nil
}

// Reactivate brings an ended subscription back. Its next charge falls due at next; up to
// then it costs nothing. An unpaid invoice of before stays owed by itself.
func (s *Subscription) Reactivate(next, now time.Time) error {
	switch {
	case s.State != Canceled:
		return fault.New(fault.Conflict, "the subscription has not ended").WithCode("subscription_not_ended")
	case s.EndReason == Completed || s.EndPeriod > 0 && s.Period+1 >= s.EndPeriod:
		return fault.New(fault.Conflict, "its last payment was made; sell it again instead").WithCode("subscription_completed")
	case len(s.Extras.Dates) > 0:
		return fault.New(fault.Conflict, "a subscription that is paid on fixed days cannot be reactivated").WithCode("fixed_dates")
	case next.Before(now) || next.Sub(now) > MaxMove || !clock.InRange(next):
		return fault.BadField("next_charge", "must be an instant from now on, within 366 days")
	}
	s.State, s.EndedAt, s.EndReason, s.Invoice, s.Failures = Active, time.Time{}, NotEnded, 0, 0
	s.Extras.Rest, s.Extras.Moved = Rest{}, Moved{} // the time up to the next charge was not charged
	switch {
	case s.InTrial():
		s.Period = -1 // what is left of its trial is over
		s.TrialTo = next
	case next.After(now): // this time is a period of its own: the last one may have been billed to its end
		s.Period++
		s.Extras.Gaps++
		if s.EndPeriod > 0 {
			s.EndPeriod++
		}
		s.Extras.Given = &Given{Period: s.Period}
	}
	s.Span = period.Span{From: now, To: next}
	s.AnchorAt, s.Base, s.AnchorDay = next, s.Period+1, 0
	s.plan()
	return nil
}

// Switch changes the terms at an instant. With keep the present period stays as it is;
// else a new one begins, numbered on, with the terms' own calendar. CarryTrial keeps a
// trial that is under way.
func (s *Subscription) Switch(t Terms, keep, carryTrial bool, at time.Time) {
	was, day, price, end, every := s.Extras, s.AnchorDay, s.Price, s.EndPeriod, s.Interval
	inTrial := s.InTrial()
	s.take(t)
	s.Extras.Moved = was.Moved
	s.Extras.Items, s.Extras.Gaps, s.Extras.Skipped, s.Extras.Aside, s.Extras.Held, s.Extras.Note, s.Extras.Fields = was.Items, was.Gaps, was.Skipped, was.Aside, was.Held, was.Note, was.Fields
	s.Extras.Address = was.Address
	s.Extras.Pausing, s.Extras.Alone, s.Extras.BillUsage = was.Pausing, was.Alone, was.BillUsage
	s.Change, s.Extras.ChangeAt = 0, time.Time{}
	switch {
	case inTrial && carryTrial:
		s.Extras.Trial = was.Trial
		s.EndPeriod = 0
		s.begin(s.TrialTo, t)
		s.Period = min(s.Period, -1)
	case keep && !inTrial:
		s.EndPeriod, s.Extras.Short = 0, was.Short
		if s.Interval == every {
			s.AnchorDay = day
		} else { // the next period is the first of the new length
			s.reanchor(s.Span.To)
		}
		switch {
		case t.Price == price:
			s.EndPeriod = end
		case t.Payments > 0:
			s.EndPeriod = s.Period + t.Payments
		}
	default:
		s.Period = max(s.Period+1, 0)
		s.TrialTo, s.EndPeriod, s.State = time.Time{}, 0, Active
		s.begin(at, t)
		end := s.Span.To
		s.Span = period.Span{From: at, To: end}
		s.endAt(s.boundary(s.Period + 1))
	}
	s.plan()
}

// Chain begins the terms that follow the last payment, at the end of its period. The
// caller issues the invoice of the period that begins.
func (s *Subscription) Chain(t Terms) {
	at := s.Span.To
	s.Switch(t, false, false, at)
}

// Hold keeps everybody from acting on the subscription while a change of its terms is
// charged. It stays due at now, so that the charge goes on when whoever sends it dies.
func (s *Subscription) Hold(change id.Change, now, lease time.Time) {
	s.Change, s.Extras.ChangeAt, s.NextActionAt, s.LeaseUntil = change, time.Time{}, now, lease
}

// Held notes that the outcome of charging a change is not known: nothing is done until
// the gateway has been asked, which the payment itself schedules.
func (s *Subscription) Held() { s.NextActionAt, s.LeaseUntil = time.Time{}, time.Time{} }

// Release ends a Hold after a change that came to nothing.
func (s *Subscription) Release() {
	s.Change, s.Extras.ChangeAt, s.LeaseUntil = 0, time.Time{}, time.Time{}
	if s.State != Canceled {
		s.plan()
	}
}

// Schedule notes that a change of terms comes at an instant.
func (s *Subscription) Schedule(change id.Change, at time.Time) {
	s.Change, s.Extras.ChangeAt = change, at
	s.plan()
}

// Postpone leaves a scheduled change for a later look: it stays one of the instant at
// which it should have come, and what comes after it waits for it.
func (s *Subscription) Postpone(look time.Time) { s.NextActionAt, s.LeaseUntil = look, time.Time{} }

// Unschedule takes a scheduled change back.
func (s *Subscription) Unschedule() {
	s.Change, s.Extras.ChangeAt = 0, time.Time{}
	if s.Invoice == 0 && s.State != Canceled {
		s.plan()
	}
}

// Part is what payment number n of Parts costs when Whole is divided over all of
// them: the parts sum to the whole.
func Part(whole money.Amount, parts, n int) (money.Amount, error) {
	weights := make([]int64, parts)
	for i := range weights {
		weights[i] = 1
	}
	list, err := whole.Allocate(weights)
	if err != nil || n < 0 || n >= parts {
		return money.Zero(whole.Currency), err
	}
	return list[n], nil
}
