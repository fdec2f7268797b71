package commerce

import (
	"context"
	"time"

	"perennial/internal/account"
	"perennial/internal/credit"
	"perennial/internal/db"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/invoice"
	"perennial/internal/money"
	"perennial/internal/period"
	"perennial/internal/subscription"
)

// Upcoming is the next invoice of a subscription as it would be issued, also when it is the
// fee of a pause, comes after one, or is the last one, of what was used and of amounts that
// wait at its end. It is computed with what is known now: usage so far, amounts that wait,
// coupons, tax, credit.
type Upcoming struct {
	Subscription subscription.Subscription // as it will be in that period
	At           time.Time
	Span         period.Span // none of the fee of a pause
	Lines        []invoice.Line
	Notes        invoice.Notes
	Net          money.Amount
	Tax          money.Amount
	Total        money.Amount
	Credit       money.Amount // of the customer, that will pay for part of it
	Due          money.Amount
	Last         bool // the subscription ends with it
	// Change says that a scheduled change of terms comes before or with it, and is part
	// of what is shown.
	Change id.Change
}

// PreviewInvoice shows the next invoice of a subscription. One that will not be billed
// any more is refused.
func (s *Service) PreviewInvoice(ctx context.Context, acc id.Account, of id.Subscription) (Upcoming, error) {
	var u Upcoming
	err := s.db.View(ctx, func(tx *db.Tx) error {
		a, err := account.Load(tx, acc)
		if err != nil {
			return err
		}
		sub, err := subscription.Load(tx, acc, of)
		if err != nil {
			return err
		}
		u, err = s.upcoming(tx, a, sub)
		return err
	})
	return u, err
}

// ahead goes through the pauses that come before anything is billed, ended or changed, to
// what is done then, at NextActionAt. What is owed already is left out.
func ahead(sub *subscription.Subscription) (subscription.Step, error) {
	sub.Invoice, sub.LeaseUntil = 0, time.Time{}
	sub.Replan()
	for {
		step := sub.Due(false)
		switch step {
		case subscription.PauseNow:
			sub.EnterPause()
		case subscription.EndOfPause:
			if err := sub.Unpause(sub.Extras.Pausing != nil && sub.Extras.Pausing.Collect, sub.NextActionAt); err != nil {
				return step, err
			}
		default:
			return step, nil
		}
	}
}

// errNoneToCome is for a subscription that will not be billed any more.
var errNoneToCome = fault.New(fault.Conflict, "no invoice is to come for this subscription").WithCode("no_upcoming_invoice")

// upcoming goes on to the next invoice as the run of what is due would.
func (s *Service) upcoming(tx *db.Tx, a account.Account, sub subscription.Subscription) (Upcoming, error) {
	var u Upcoming
	if sub.State == subscription.Canceled {
		return u, errNoneToCome
	}
	if sub.Changing() { // its outcome is not known
		sub.Unschedule()
	}
	step, err := ahead(&sub)
	if err != nil {
		return u, err
	}
	var p ChangePlan
	if step == subscription.ChangeDue {
		u.Change = sub.Change
		if p, err = s.scheduledPlan(tx, a, &sub); err != nil {
			return u, err
		}
		sub.Switch(p.Terms, p.Keep, p.CarryTrial, p.At)
		if len(p.Lines) > 0 { // the change makes the next invoice itself
			return u.ofChange(sub, p), nil
		}
		if step, err = ahead(&sub); err != nil {
			return u, err
		}
	}
	u.At = sub.NextActionAt
	switch step {
	case subscription.Bill, subscription.Complete, subscription.PauseFee, subscription.Finish:
		err := s.upcomingLines(tx, a, &u, &sub, p, step)
		return u, err
	}
	return u, errNoneToCome
}

// upcomingLines computes the invoice of what is due on a subscription at u.At; p is the
// change that came before it.
func (s *Service) upcomingLines(tx *db.Tx, a account.Account, u *Upcoming, sub *subscription.Subscription, p ChangePlan, step subscription.Step) error {
	w := &claiming{account: a, machine: s.clock.Now(), upTo: u.At, preview: true}
	list := []subscription.Subscription{*sub}
	if err := w.load(tx, list); err != nil {
		return err
	}
	if err := w.loadUsage(tx, list); err != nil {
		return err
	}
	next := &list[0]
	switch step {
	case subscription.Finish:
		return u.last(w, next, p, next.Extras.BillUsage)
	case subscription.Complete:
		if w.prices[next.Price].Terms.NextPrice == 0 || next.Extras.Alone {
			return u.last(w, next, p, true)
		}
		if err := w.chain(next); err != nil {
			return err
		}
	case subscription.Bill:
		next.Advance()
	}
	b, err := w.billing(next, w.prices[next.Price], w.products[next.Product], u.At)
	if err != nil {
		return err
	}
	if step == subscription.PauseFee {
		u.Lines, err = b.pauseFee(next)
	} else {
		b.items = p.itemsAfter(b.items)
		u.Span = next.Span
		u.Lines, _, err = b.renewalLines(next)
	}
	if err != nil {
		return err
	}
	return u.sum(next, b, w.special.balances[next.Customer][b.currency]+p.Credited.Minor)
}

// last computes the invoice with which a subscription ends; none when nothing waits, and
// nothing that was used is billed.
func (u *Upcoming) last(w *claiming, sub *subscription.Subscription, p ChangePlan, withUsage bool) error {
	b, err := w.billing(sub, w.prices[sub.Price], w.products[sub.Product], u.At)
	if err != nil {
		return err
	}
	b.used, b.items = used{}, p.itemsAfter(b.items)
	if withUsage {
		over := *sub
		over.Period++
		b.used = w.special.measures.before(&over)
	}
	if u.Lines, err = b.lastLines(); err != nil {
		return err
	}
	if len(u.Lines) == 0 {
		return errNoneToCome
	}
	u.Span, u.Last = sub.Span, true
	return u.sum(sub, b, w.special.balances[sub.Customer][b.currency]+p.Credited.Minor)
}

// sum adds up the invoice of a subscription whose customer has credit.
func (u *Upcoming) sum(sub *subscription.Subscription, b *billing, have int64) error {
	u.Subscription = *sub
	u.Notes = invoice.Notes{Text: sub.Extras.Note, Fields: sub.Extras.Fields}
	u.Notes.Tax, u.Notes.Evidence = b.tax.notes()
	zero := money.Zero(b.currency)
	u.Net, u.Tax, u.Total, u.Credit, u.Due = zero, zero, zero, zero, zero
	if len(u.Lines) == 0 {
		return nil
	}
	var v invoice.Invoice
	if err := v.Fill(u.Lines); err != nil {
		return err
	}
	u.Net, u.Tax, u.Total = v.Net, v.Tax, v.Total
	u.Credit, u.Due = credit.Split(v.Total, have)
	return nil
}

// itemsAfter are the amounts that wait after a change.
func (p ChangePlan) itemsAfter(list []invoice.Item) []invoice.Item {
	var left []invoice.Item
	for _, t := range list {
		for _, cut := range p.Cuts {
			if cut.Item.ID == t.ID {
				t = cut.Item
			}
		}
		left = append(left, t) // nothing is billed of what is cut whole
	}
	return append(left, p.Items...)
}

// ofChange is the invoice that a scheduled change makes when it comes.
func (u Upcoming) ofChange(after subscription.Subscription, p ChangePlan) Upcoming {
	u.Subscription, u.At, u.Span, u.Lines, u.Notes = after, p.At, p.Span, p.Lines, p.Notes
	u.Net, u.Tax, u.Total, u.Due = p.Net, p.Tax, p.Total, p.Due
	u.Credit = money.Amount{Minor: p.FromCredits + p.FromBalance, Currency: p.Due.Currency}
	return u
}

// scheduledPlan is what the scheduled change of a subscription does when it comes, as far
// as that is known now.
func (s *Service) scheduledPlan(tx *db.Tx, a account.Account, sub *subscription.Subscription) (ChangePlan, error) {
	row, err := subscription.LoadChange(tx, a.ID, sub.Change)
	if err != nil {
		return ChangePlan{}, err
	}
	to, err := newTerms(row)
	if err != nil {
		return ChangePlan{}, err
	}
	return s.planChange(tx, a, sub, to, sub.Extras.ChangeAt)
}
