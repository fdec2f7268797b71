package subscription

import (
	"time"

	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/money"
	"perennial/internal/period"
)

// State is where a subscription is in its life.
type State string

// The states of a subscription.
const (
	Trialing State = "trialing"
	Active   State = "active"
	PastDue  State = "past_due"
	Paused   State = "paused"
	Canceled State = "canceled"
)

// Known reports whether s is a state.
func (s State) Known() bool {
	return s == Trialing || s == Active || s == PastDue || s == Paused || s == Canceled
}

// EndReason is why a subscription ended.
type EndReason string

// The reasons for an end.
const (
	NotEnded      EndReason = ""
	ByRequest     EndReason = "requested"      // somebody canceled it
	PaymentFailed EndReason = "payment_failed" // the last retry was declined
	Completed     EndReason = "completed"      // its last payment's period is over
	Replaced      EndReason = "replaced"       // another subscription took its place
	Disputed      EndReason = "disputed"       // the customer's bank took a payment back
	Imported      EndReason = "imported"       // it had ended elsewhere
)

// Subscription is what a customer is subscribed to.
type Subscription struct {
	ID       id.Subscription
	Account  id.Account
	Customer id.Customer
	Product  id.Product
	Price    id.Price  // at which it was sold; the terms below are a copy
	Method   id.Method // charged at renewal; 0 when there is none

	State      State
	UnitAmount money.Amount // for one piece and one period, without discounts
	Quantity   int64
	Interval   period.Interval // none when it is billed on Extras.Dates
	Zone       string          // in which its days are counted

	AnchorAt  time.Time   // the start of period Base
	AnchorDay int         // day of the month that its boundaries return to; 0 means AnchorAt's own
	Base      int         // number of the period that begins at AnchorAt
	Period    int         // below 0 during the trial, then 0, 1, 2 …
	Span      period.Span // of Period
	EndPeriod int         // the first period that does not come any more; 0 when there is no last one
	TrialTo   time.Time   // zero when there was no trial

	CancelAt  time.Time // a scheduled end; zero when none
	ResumeAt  time.Time // the end of a pause; zero when it is not paused, or without end
	EndedAt   time.Time
	EndReason EndReason

	Reminders  Reminders
	TaxProfile id.TaxProfile // in force when it was sold; 0 means the account's one rate
	Change     id.Change     // scheduled or under way; 0 for none
	Extras     Extras

	Invoice      id.Invoice // unpaid, for Period; 0 when nothing is owed
	Failures     int        // failures for Invoice that counted
	NextActionAt time.Time  // when something falls due; zero when nothing ever will
	NoticeAt     time.Time  // when the customer is told next of what is to come; zero for not in this period
	LeaseUntil   time.Time  // until when somebody acts on it, in the machine's time

	CreatedAt time.Time
	Version   int64

	loaded Worth // as it is stored
}

// Terms is what a new subscription is sold as.
type Terms struct {
	Product    id.Product
	Price      id.Price
	UnitAmount money.Amount
	Quantity   int64
	Interval   period.Interval
	TrialDays  int
	TrialTo    time.Time // instead of TrialDays days after the sale; zero for those
	Zone       string

	Payments   int           // how many periods are billed; 0 means until it ends otherwise
	AnchorDay  int           // day of the month on which everybody is billed; 0 means the day they came
	AnchorAt   time.Time     // a boundary to fall in with; zero for none
	FreeFirst  bool          // the time up to the first such day costs nothing
	TaxProfile id.TaxProfile // 0 means the account's one rate
	Extras     Extras
}

// Start is a new subscription beginning at now: with a trial when the terms have
// one, else in its period 0, which is taken to be paid.
func Start(sub id.Subscription, account id.Account, customer id.Customer, method id.Method, t Terms, now time.Time) Subscription {
	s := Subscription{ID: sub, Account: account, Customer: customer, Method: method, State: Active, Zone: t.Zone, TaxProfile: t.TaxProfile, CreatedAt: now}
	s.take(t)
	if t.TrialDays > 0 {
		parts := max(1, t.Extras.Trial.Payments)
		s.Extras.Trial.Days, s.Extras.Trial.Payments = t.TrialDays, parts
		s.AnchorAt = now
		s.TrialTo = s.anchor().Boundary(period.Interval{Unit: period.Day, Count: t.TrialDays}, 1)
		if !t.TrialTo.IsZero() {
			s.TrialTo = t.TrialTo
		}
		s.State, s.Period = Trialing, -parts
		s.begin(s.TrialTo, t)
		s.Span = period.Span{From: now, To: s.boundary(s.Period + 1)}
	} else {
		s.begin(now, t)
		s.Span = period.Span{From: now, To: s.boundary(s.Period + 1)}
	}
	s.plan()
	return s
}

// BoundaryFrom is the first end of a period at or after an instant that the present terms
// lead to; zero when it has days of payment instead of an interval.
func (s *Subscription) BoundaryFrom(at time.Time) time.Time {
	if s.Interval.IsZero() {
		return time.Time{}
	}
	if !at.After(s.Span.To) {
		return s.Span.To
	}
	return s.anchor().Boundary(s.Interval, s.anchor().Index(s.Interval, at.Add(-1))+1)
}

// take makes the terms those of the subscription.
func (s *Subscription) take(t Terms) {
	s.Product, s.Price, s.UnitAmount, s.Quantity, s.Interval, s.AnchorDay = t.Product, t.Price, t.UnitAmount, t.Quantity, t.Interval, t.AnchorDay
	s.Extras = t.Extras
}

// begin sets the anchor of regular periods that begin at an instant with the number
// that Period has, or with 0 after a trial.
func (s *Subscription) begin(at time.Time, t Terms) {
	first := max(s.Period, 0)
	s.Base, s.AnchorAt = first, at
	switch {
	case len(s.Extras.Dates) > 0:
		s.beginOnDates(at, first)
	case !t.AnchorAt.IsZero():
		s.AnchorAt = t.AnchorAt
		s.AnchorAt = s.anchor().Boundary(s.Interval, s.anchor().Index(s.Interval, at.Add(-1))+1)
		s.stub(at, first, t)
	case s.AnchorDay > 0:
		s.AnchorAt = period.MonthlyOn(s.AnchorDay, at, s.zone()).Start
		s.stub(at, first, t)
	}
	if t.Payments > 0 {
		s.EndPeriod = first + t.Payments
		if s.Base > first && t.FreeFirst {
			s.EndPeriod++
		}
	}
}

// stub makes the time up to the anchor a short period of its own: the period before
// the one of the anchor, or a trial when it is free.
func (s *Subscription) stub(at time.Time, first int, t Terms) {
	if s.AnchorAt.Equal(at) {
		return
	}
	if t.FreeFirst && t.TrialDays == 0 && s.Span.To.IsZero() { // a sale; later periods are numbered on
		s.State, s.Period, s.TrialTo = Trialing, -1, s.AnchorAt
		s.Extras.Trial.Payments = 1
		return
	}
	if t.FreeFirst {
		s.Extras.Given = &Given{Period: first}
	}
	s.Base = first + 1
}

// Given is the present period when nothing was charged for it; nil for all others. So is
// one that was paid elsewhere, before the subscription was brought here.
func (s *Subscription) Given() *Given {
	if g := s.Extras.Given; g != nil && g.Period == s.Period {
		return g
	}
	if !s.InTrial() && s.Span.From.Before(s.CreatedAt) {
		return &Given{Period: s.Period}
	}
	return nil
}

// beginOnDates leaves out the days that have passed. A first day that is to come is
// waited for.
func (s *Subscription) beginOnDates(at time.Time, first int) {
	today := period.Date(at, s.zone())
	var left []string
	for _, d := range s.Extras.Dates {
		if d >= today {
			left = append(left, d)
		}
	}
	s.Extras.Dates = left
	s.EndPeriod = first + len(left)
	if len(left) > 0 && left[0] > today {
		s.State, s.Period, s.TrialTo = Trialing, -1, period.Midnight(left[0], s.zone())
		s.Extras.Trial.Payments = 1
	}
}

// Bring is a subscription that began elsewhere at an instant before now: the period
// that holds now counts as paid there.
func Bring(sub id.Subscription, account id.Account, customer id.Customer, method id.Method, t Terms, started, now time.Time) Subscription {
	s := Subscription{ID: sub, Account: account, Customer: customer, Method: method, State: Active, Zone: t.Zone, AnchorAt: started, CreatedAt: now}
	s.take(t)
	s.Span, s.Period = s.anchor().PeriodAt(t.Interval, now)
	s.plan()
	return s
}

func (s *Subscription) zone() *time.Location {
	zone, err := period.LoadZone(s.Zone)
	if err != nil {
		return time.UTC // the account's zone was checked when it was written
	}
	return zone
}

func (s *Subscription) anchor() period.Anchor {
	return period.Anchor{Start: s.AnchorAt, Day: s.AnchorDay, Zone: s.zone()}
}

// boundary is the start of a period: of one that is to come, or of the present one
// when nothing moved it.
func (s *Subscription) boundary(n int) time.Time {
	switch {
	case n < 0: // a part of the trial, counted from its end
		trial := s.Extras.Trial
		began := period.Anchor{Start: s.TrialTo, Zone: s.zone()}.Boundary(period.Interval{Unit: period.Day, Count: trial.Days}, -1)
		return period.Anchor{Start: began, Zone: s.zone()}.Boundary(period.Interval{Unit: period.Day, Count: 1}, trial.Days*(n+trial.Payments)/trial.Payments)
	case n == 0 && !s.TrialTo.IsZero():
		return s.TrialTo
	case len(s.Extras.Dates) > 0:
		i := n - s.Base
		if last := len(s.Extras.Dates) - 1; i > last { // the last payment's period is its day
			return period.Anchor{Start: period.Midnight(s.Extras.Dates[last], s.zone()), Zone: s.zone()}.Boundary(period.Interval{Unit: period.Day, Count: 1}, i-last)
		}
		return period.Midnight(s.Extras.Dates[i], s.zone())
	}
	return s.anchor().Boundary(s.Interval, n-s.Base)
}

// Ahead is a period that is to come, 1 for the next one, as its anchor has it.
func (s *Subscription) Ahead(n int) period.Span {
	from := s.boundary(s.Period + n)
	if n == 1 {
		from = s.Span.To
	}
	return period.Span{From: from, To: s.boundary(s.Period + n + 1)}
}

// Whole is the full period that the present one is a part of: itself, or the one that
// would end with it when it is the short time before the anchor. The time of a pause
// counts as none. The second result tells that it is short.
func (s *Subscription) Whole() (period.Span, bool) {
	if s.HeldFor() > 0 {
		return period.Span{From: s.Extras.Held.From, To: s.Span.To}, false
	}
	if s.Period < 0 || s.Period >= s.Base || len(s.Extras.Dates) > 0 || !s.Span.To.Equal(s.AnchorAt) {
		return s.Span, false
	}
	whole := s.anchor().Period(s.Interval, -1)
	if !whole.From.Before(s.Span.From) { // its end was moved: it has the length that it has now
		return s.Span, false
	}
	return whole, true
}

// Charged is what of the present period the terms in force were charged for. Line is the
// share that the invoice of the period shows: WholePeriod where it charged the whole
// price for the period, however long that is; nil when nothing charged the period, which
// then counts as the part of a whole one that it is.
func (s *Subscription) Charged(line *Share) Charged {
	if r := s.Extras.Rest; r.Share.Whole > 0 && r.Period == s.Period {
		return Charged{Share: r.Share, Whole: period.Span{From: r.Begin, To: s.Span.To}, From: r.From, Change: true}
	}
	c := Charged{From: s.Span.From.Add(s.HeldFor())}
	c.Whole = period.Span{From: c.From, To: s.Span.To}
	moved := s.Extras.Moved.Share.Whole > 0 && s.Extras.Moved.Period == s.Period
	switch {
	case line != nil:
		c.Share = *line
	case moved:
		c.Share = s.Extras.Moved.Share
	}
	if !moved && c.Share != WholePeriod() {
		c.Whole, _ = s.Whole()
	}
	return c
}

// InTrial reports whether the present period belongs to the trial.
func (s *Subscription) InTrial() bool { return s.Period < 0 }

// PaymentsLeft is how many periods are billed after the present one; -1 when there is
// no last one.
func (s *Subscription) PaymentsLeft() int {
	if s.EndPeriod == 0 {
		return -1
	}
	return max(s.EndPeriod-max(s.Period, -1)-1, 0)
}

// End closes the subscription. Whoever ends one takes back what was Scheduled before.
func (s *Subscription) End(at time.Time, why EndReason) {
	s.State, s.EndedAt, s.EndReason = Canceled, at, why
	s.NextActionAt, s.CancelAt, s.ResumeAt, s.LeaseUntil, s.NoticeAt = time.Time{}, time.Time{}, time.Time{}, time.Time{}, time.Time{}
	s.Extras.Unpaid = false
	if s.Scheduled() != 0 { // it does not come any more; one that is being charged is settled by its payment
		s.Change = 0
	}
	s.Extras.Pausing, s.Extras.ChangeAt = nil, time.Time{}
	s.Extras.Alone, s.Extras.BillUsage = false, false
}

// Amount is what each period costs at its plain price, without discounts.
func (s *Subscription) Amount() (money.Amount, error) { return s.UnitAmount.Times(s.Quantity) }

// Step is what is due on a subscription.
type Step uint8

// The steps.
const (
	Wait       Step = iota // nothing is due
	Finish                 // the scheduled end has come; it wins over a renewal at the same instant
	Bill                   // the next period begins: issue its invoice
	Retry                  // collect the unpaid invoice again
	Resume                 // somebody died between issuing the invoice and settling it
	Complete               // the last payment's period is over
	ChangeDue              // a scheduled change of terms has come, or its charge goes on; it wins over the renewal
	PauseNow               // a scheduled pause has come
	PauseFee               // the fee of a pause falls due
	EndOfPause             // the pause is over
)

// Due tells what is to be done when NextActionAt has come, as of that instant: however
// late somebody looks, what fell due first is done first. Pending says whether the
// unpaid invoice has a payment whose outcome was never settled.
func (s *Subscription) Due(pending bool) Step {
	come := func(at time.Time) bool { return !at.IsZero() && !at.After(s.NextActionAt) }
	switch {
	case s.NextActionAt.IsZero():
		return Wait
	case s.Changing():
		return ChangeDue
	case pending:
		return Resume
	case come(s.CancelAt):
		return Finish
	case s.State == Paused:
		return s.dueInPause(come)
	case s.Invoice != 0:
		return Retry
	case s.Change != 0 && come(s.Extras.ChangeAt):
		return ChangeDue
	case s.Extras.Pausing != nil && come(s.Extras.Pausing.From):
		return PauseNow
	case !come(s.Span.To):
		return Wait
	case s.EndPeriod > 0 && s.Period+1 >= s.EndPeriod:
		return Complete
	default:
		return Bill
	}
}

// Replan sets anew when something falls due. It is for one on which nothing was, although
// it was looked at.
func (s *Subscription) Replan() { s.plan() }

func (s *Subscription) dueInPause(come func(time.Time) bool) Step {
	switch {
	case s.Invoice != 0:
		return Retry
	case come(s.ResumeAt):
		return EndOfPause
	case s.Extras.Pausing != nil && come(s.Extras.Pausing.FeeAt):
		return PauseFee
	}
	return Wait
}

// Advance enters the next period. The caller issues its invoice, or calls Settled
// when there is nothing to pay.
func (s *Subscription) Advance() {
	s.Period++
	s.Span = period.Span{From: s.Span.To, To: s.boundary(s.Period + 1)}
}

// plan sets when something falls due next on a subscription that owes nothing.
func (s *Subscription) plan() {
	s.NoticeAt = s.firstNotice()
	s.NextActionAt = time.Time{}
	soonest := func(at time.Time) {
		if !at.IsZero() && (s.NextActionAt.IsZero() || at.Before(s.NextActionAt)) {
			s.NextActionAt = at
		}
	}
	soonest(s.CancelAt)
	if s.State == Paused {
		soonest(s.ResumeAt)
		if s.Extras.Pausing != nil {
			soonest(s.Extras.Pausing.FeeAt)
		}
		return
	}
	due := s.Span.To.Add(s.Extras.Grace)
	if due.Before(s.Extras.CollectAt) {
		due = s.Extras.CollectAt
	}
	soonest(due)
	soonest(s.Extras.ChangeAt)
	if s.Extras.Pausing != nil {
		soonest(s.Extras.Pausing.From)
	}
}

// Settled notes that the present period is paid, whoever paid it and when. One that was
// kept unpaid, or paused because of it, goes on.
func (s *Subscription) Settled(at time.Time) {
	unpaid := s.Extras.Unpaid
	s.Invoice, s.Failures, s.LeaseUntil, s.Extras.Unpaid = 0, 0, time.Time{}, false
	switch {
	case s.State == Canceled:
		return
	case s.State == Paused && (!unpaid || s.Extras.Pausing != nil): // the fee of a pause was paid
	case s.Period < 0:
		s.State = Trialing
	default:
		s.State = Active
	}
	if unpaid && s.State != Paused {
		s.leaveOut(at)
	}
	s.plan()
}

// leaveOut leaves out the periods that passed before an instant while nobody paid and
// nobody tried to collect: what was not charged then is not charged at once afterwards.
// Their numbers are given to later ones, so that no instalment is lost.
func (s *Subscription) leaveOut(at time.Time) {
	if s.Period < 0 || len(s.Extras.Dates) > 0 {
		return
	}
	for !s.Span.To.After(at) {
		s.Base--
		s.endAt(s.boundary(s.Period + 1))
	}
	if s.Extras.Alone && s.EndPeriod > 0 {
		s.CancelAt = s.boundary(s.EndPeriod)
	}
}

// Refused notes that collecting invoice failed, and that the next step of its recovery
// comes at an instant.
func (s *Subscription) Refused(invoice id.Invoice, next time.Time) {
	if s.refused(invoice) {
		s.Failures++
		s.pastDue()
		s.wait(next)
	}
}

// RefusedSoon notes that collecting invoice failed in a way that counts as no try: it is
// tried again at an instant, and everything else stays as it is.
func (s *Subscription) RefusedSoon(invoice id.Invoice, next time.Time) {
	if s.refused(invoice) {
		s.wait(next)
	}
}

// RefusedLast notes that the last try of collecting invoice failed at now. Then says what
// becomes of the subscription.
func (s *Subscription) RefusedLast(invoice id.Invoice, then AfterLastTry, now time.Time) {
	if !s.refused(invoice) {
		return
	}
	s.Failures++
	switch {
	case then == EndUnpaid:
		s.End(now, PaymentFailed)
		return
	case then == PauseUnpaid && s.State != Paused:
		s.State, s.ResumeAt = Paused, time.Time{}
		s.Extras.Pausing = nil // one that was scheduled has come
	default:
		s.pastDue()
	}
	s.Extras.Unpaid = true
	s.wait(time.Time{})
}

// AfterLastTry is what becomes of a subscription whose invoice could not be collected.
type AfterLastTry uint8

// What can become of it.
const (
	EndUnpaid   AfterLastTry = iota
	PauseUnpaid              // until the invoice is paid
	KeepUnpaid               // past due, until the invoice is paid
)

// refused notes that an invoice is unpaid, and reports whether the subscription goes on.
func (s *Subscription) refused(invoice id.Invoice) bool {
	s.Invoice, s.LeaseUntil = invoice, time.Time{}
	return s.State != Canceled
}

func (s *Subscription) pastDue() {
	if s.State != Paused {
		s.State = PastDue
	}
}

// wait sets what falls due next on a subscription that owes an invoice: an instant, zero
// for none, or its scheduled end, which does not wait for the next try.
func (s *Subscription) wait(next time.Time) {
	s.NextActionAt, s.NoticeAt = next, time.Time{}
	if !s.CancelAt.IsZero() && (next.IsZero() || s.CancelAt.Before(next)) {
		s.NextActionAt = s.CancelAt
	}
}

// TryNow makes the unpaid invoice fall due at now: something new may let it be paid.
func (s *Subscription) TryNow(now time.Time) {
	if s.Invoice != 0 && s.State != Canceled {
		s.wait(now)
	}
}

// RefusedByHand notes that a charge which somebody asked for was declined at now. It is
// no try of the schedule: a try that fell due while the outcome was not known comes at
// once, and everything else stays as it was.
func (s *Subscription) RefusedByHand(now time.Time) {
	s.LeaseUntil = time.Time{}
	if s.State != Canceled && s.NextActionAt.IsZero() && !s.Extras.Unpaid {
		s.NextActionAt = now
	}
}

// Waiting notes that the outcome of collecting invoice is not known: nothing is
// done until the gateway has been asked, which the payment itself schedules.
func (s *Subscription) Waiting(invoice id.Invoice) {
	s.Invoice, s.LeaseUntil, s.NextActionAt, s.NoticeAt = invoice, time.Time{}, time.Time{}, time.Time{}
}

// Waived notes that the unpaid invoice was voided: nothing is owed for the period.
func (s *Subscription) Waived(now time.Time) { s.Settled(now) }

// errEnded refuses what only a subscription that runs can do.
func errEnded() error {
	return fault.New(fault.Conflict, "the subscription has ended already").WithCode("subscription_ended")
}
