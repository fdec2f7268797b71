package simulation

import (
	"context"
	"fmt"
	"math/big"
	"slices"
	"strings"
	"time"

	"perennial/internal/commerce"
	"perennial/internal/id"
	"perennial/internal/invoice"
	"perennial/internal/period"
	"perennial/internal/subscription"
)

// taxOf is the tax on an amount, by arithmetic of its own: rounded half up.
func taxOf(minor int64, rate string) int64 {
	r, ok := new(big.Rat).SetString(rate)
	if !ok {
		return 0
	}
	exact := r.Mul(r, new(big.Rat).SetInt64(2*minor)) // twice the tax
	twice := new(big.Int).Div(exact.Num(), exact.Denom())
	return (twice.Int64() + 1) / 2
}

// firstDue is what a sale costs, with the present tax.
func (w *world) firstDue(p *price, quantity int64) int64 {
	return w.firstAt(p, quantity, w.taxes[len(w.taxes)-1])
}

func (w *world) firstAt(p *price, quantity int64, rate string) int64 {
	due := p.setup + taxOf(p.setup, rate)
	if p.trial == 0 {
		due += eachAt(p, quantity, rate)
	}
	return due
}

// eachAt is what a period costs.
func eachAt(p *price, quantity int64, rate string) int64 {
	return p.amount*quantity + taxOf(p.amount*quantity, rate)
}

// checkStep makes the checks that cost little.
func (w *world) checkStep() error {
	for _, s := range w.subs {
		if err := w.checkSub(s); err != nil {
			return fmt.Errorf("%v (%s): %w", s, s.id, err)
		}
		if due := s.now.NextActionAt; w.worked && !due.IsZero() && !due.After(w.now) {
			return fmt.Errorf("%v (%s): everything due was done up to %s, but this was due at %s", s, s.id, w.now, due)
		}
	}
	return nil
}

func (w *world) checkSub(s *sub) error {
	v := &s.now
	switch {
	case !v.State.Known():
		return fmt.Errorf("its state is %q", v.State)
	case !v.NextActionAt.IsZero() && v.LeaseUntil.After(w.stage.Clock.Now()):
		return fmt.Errorf("somebody still works on it until %s", v.LeaseUntil)
	case s.ended():
		if v.EndedAt.IsZero() || v.EndReason == subscription.NotEnded || !v.NextActionAt.IsZero() {
			return fmt.Errorf("it ended at %s because of %q, and is next due at %s", v.EndedAt, v.EndReason, v.NextActionAt)
		}
		return nil
	case v.Invoice == 0 && (v.State == subscription.PastDue || v.Failures > 0):
		return fmt.Errorf("it is %s after %d failures and owes nothing", v.State, v.Failures)
	case v.Invoice != 0 && v.State == subscription.PastDue && v.Failures == 0:
		return fmt.Errorf("it is past due, but nothing was refused")
	case v.NextActionAt.IsZero() && v.Invoice == 0 && v.Change == 0 && v.State != subscription.Paused:
		return fmt.Errorf("nothing will ever fall due on it")
	case s.plain() && (v.UnitAmount.Minor != s.price.amount || v.Quantity != s.quantity):
		return fmt.Errorf("it costs %d x %d, sold at %d x %d", v.UnitAmount.Minor, v.Quantity, s.price.amount, s.quantity)
	case v.Span.To.Before(v.Span.From) || s.plain() && v.Span.To.Equal(v.Span.From):
		return fmt.Errorf("its period is from %s to %s", v.Span.From, v.Span.To)
	}
	if v.Period < 0 || !s.plain() {
		return nil
	}
	return checkDay(v)
}

// checkDay finds the end of a period by a calendar of its own: the same day of a
// later month or its last day, or so many days on.
func checkDay(v *subscription.Subscription) error {
	zone, err := period.LoadZone(v.Zone)
	if err != nil {
		return err
	}
	n := v.Interval.Count * (v.Period + 1)
	anchor := v.AnchorAt.In(zone)
	want := anchor
	switch v.Interval.Unit {
	case period.Day:
		want = time.Date(anchor.Year(), anchor.Month(), anchor.Day()+n, 12, 0, 0, 0, time.UTC)
	case period.Week:
		want = time.Date(anchor.Year(), anchor.Month(), anchor.Day()+7*n, 12, 0, 0, 0, time.UTC)
	default:
		if v.Interval.Unit == period.Year {
			n *= 12
		}
		month := time.Date(anchor.Year(), anchor.Month()+time.Month(n), 1, 12, 0, 0, 0, time.UTC)
		last := month.AddDate(0, 1, -1).Day()
		want = month.AddDate(0, 0, min(anchor.Day(), last)-1)
	}
	if got := v.Span.To.In(zone).Format(time.DateOnly); got != want.Format(time.DateOnly) {
		return fmt.Errorf("period %d of every %s since %s ends on %s, should on %s", v.Period, v.Interval, anchor, got, want.Format(time.DateOnly))
	}
	return nil
}

// checkAll checks everything.
func (w *world) checkAll(ctx context.Context) error {
	if err := w.checkInvoices(ctx); err != nil {
		return err
	}
	books, err := w.stage.Reader.Books(ctx, w.acc, w.gateways())
	switch {
	case err != nil:
		return err
	case !books.Balanced():
		return fmt.Errorf("the books are wrong: %s", strings.Join(books.Differences, "; "))
	case w.ended && books.UnderWay > 0:
		return fmt.Errorf("%d payments and refunds are still under way", books.UnderWay)
	case int(books.Payments) != len(w.paid):
		return fmt.Errorf("%d payments went through, events tell of %d", books.Payments, len(w.paid))
	}
	w.result.Charges = int(books.Charges)
	return nil
}

// checkMetrics proves that the metrics are what the facts come to, and the facts what the
// subscriptions are.
func (w *world) checkMetrics(ctx context.Context) error {
	var found commerce.RebuiltMetrics
	err := w.survive(ctx, func(s *commerce.Service) (err error) {
		found, err = s.RebuildMetrics(ctx, w.acc, true)
		return err
	})
	if err == nil && len(found.Different)+len(found.Strayed) > 0 {
		err = fmt.Errorf("the metrics are wrong: %+v, subscriptions %v", found.Different, found.Strayed)
	}
	return err
}

// invoicePage is how many invoices are read at once.
const invoicePage = 500

// checkInvoices reads every invoice and checks what it charges.
func (w *world) checkInvoices(ctx context.Context) error {
	before := id.Invoice(0)
	billed := map[id.Subscription]map[int]invoice.Invoice{}
	numbers := map[int64]bool{}
	for {
		list, err := w.stage.Reader.Invoices(ctx, w.acc, invoice.Filter{Before: before, Limit: invoicePage})
		if err != nil {
			return err
		}
		for _, v := range list {
			before = v.ID
			if err := w.checkInvoice(v); err != nil {
				return fmt.Errorf("invoice %s (%s of %v, %d %s): %w", v.ID, v.Reason, w.customerOf[v.Customer], v.Total.Minor, v.State, err)
			}
			if v.Number != 0 && numbers[v.Number] {
				return fmt.Errorf("invoice number %d was given twice", v.Number)
			}
			numbers[v.Number] = true
			if v.Subscription == 0 || v.State == invoice.Void && v.Reason != invoice.Renewal || v.Reason != invoice.Renewal && v.Reason != invoice.Sale {
				continue
			}
			if billed[v.Subscription] == nil {
				billed[v.Subscription] = map[int]invoice.Invoice{}
			}
			if other, twice := billed[v.Subscription][v.Period]; twice {
				return fmt.Errorf("period %d of %v is billed by %s and by %s", v.Period, w.subOf[v.Subscription], other.ID, v.ID)
			}
			billed[v.Subscription][v.Period] = v
		}
		if len(list) < invoicePage {
			break
		}
	}
	for _, s := range w.subs {
		if err := w.checkPeriods(s, billed[s.id]); err != nil {
			return fmt.Errorf("%v (%s): %w", s, s.id, err)
		}
	}
	return nil
}

// checkInvoice checks one invoice against what the simulation knows.
func (w *world) checkInvoice(v invoice.Invoice) error {
	if v.Net.Minor+v.Tax.Minor != v.Total.Minor || v.Refunded < 0 || v.Refunded > v.Total.Minor {
		return fmt.Errorf("%d and tax of %d make %d, of which %d went back", v.Net.Minor, v.Tax.Minor, v.Total.Minor, v.Refunded)
	}
	if v.Reason == invoice.Renewal && !v.IssuedAt.IsZero() && v.IssuedAt.Before(v.Span.From) {
		return fmt.Errorf("it was issued at %s for a period that begins at %s", v.IssuedAt, v.Span.From)
	}
	if w.ended && v.State == invoice.Draft {
		return fmt.Errorf("it is still a draft")
	}
	last, known := w.bills[v.ID]
	w.bills[v.ID] = v
	switch {
	case !known:
	case last.Total != v.Total, last.Net != v.Net, last.Period != v.Period, last.Span != v.Span, last.Number != 0 && last.Number != v.Number:
		return fmt.Errorf("it changed from %+v to %+v", last, v)
	case last.State == invoice.Paid && v.State != invoice.Paid, last.State == invoice.Void && v.State != invoice.Void:
		return fmt.Errorf("it was %s", last.State)
	default:
		return nil
	}
	s := w.subOf[v.Subscription]
	if v.Reason != invoice.Renewal || s == nil || !s.plain() {
		return nil
	}
	if rates := w.recent(); !slices.ContainsFunc(rates, func(rate string) bool { return eachAt(s.price, s.quantity, rate) == v.Total.Minor }) {
		return fmt.Errorf("a period costs %d x %d with a tax of %v", s.price.amount, s.quantity, rates)
	}
	return nil
}

// recent are the tax rates of what was not checked yet: the present one.
func (w *world) recent() []string { return w.taxes[len(w.taxes)-1:] }

// checkPeriods checks that the invoices of a subscription follow each other without
// a gap, as far as it has come.
func (w *world) checkPeriods(s *sub, billed map[int]invoice.Invoice) error {
	if s.price.amount == 0 || !s.plain() {
		return nil
	}
	for n := 0; n <= s.now.Period; n++ {
		v, ok := billed[n]
		if !ok {
			return fmt.Errorf("it is in period %d, but period %d was not billed", s.now.Period, n)
		}
		next, more := billed[n+1]
		if more && !v.Span.To.Equal(next.Span.From) {
			return fmt.Errorf("period %d ends at %s, the next begins at %s", n, v.Span.To, next.Span.From)
		}
	}
	for n := range billed {
		if n > s.now.Period {
			return fmt.Errorf("it is in period %d, but period %d was billed", s.now.Period, n)
		}
	}
	return nil
}
