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

// Upcoming is the next invoice of a subscription as it would be issued, computed with
// what is known now: usage so far, amounts that wait, coupons, tax, credit.
type Upcoming struct {
	Subscription subscription.Subscription // as it will be in that period
	At           time.Time
	Span         period.Span
	Lines        []invoice.Line
	Notes        invoice.Notes
	Net          money.Amount
	Tax          money.Amount
	Total        money.Amount
	Credit       money.Amount // of the customer, that will pay for part of it
	Due          money.Amount
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
		u, err = s.upcoming(tx, a, sub, a.Now(s.clock.Now()))
		return err
	})
	return u, err
}

// upcoming enters the next period as the renewal would.
func (s *Service) upcoming(tx *db.Tx, a account.Account, sub subscription.Subscription, now time.Time) (Upcoming, error) {
	nothing := fault.New(fault.Conflict, "no invoice is to come for this subscription").WithCode("no_upcoming_invoice")
	at := sub.Span.To.Add(sub.Extras.Grace)
	switch {
	case sub.State == subscription.Canceled, !sub.CancelAt.IsZero() && !sub.CancelAt.After(sub.Span.To):
		return Upcoming{}, nothing
	case sub.State == subscription.Paused:
		if sub.ResumeAt.IsZero() {
			return Upcoming{}, nothing
		}
		collect := sub.Extras.Pausing != nil && sub.Extras.Pausing.Collect
		sub.Invoice = 0
		if err := sub.Unpause(collect, sub.ResumeAt); err != nil {
			return Upcoming{}, err
		}
		at = sub.NextActionAt
	}
	u := Upcoming{At: at}
	var p ChangePlan
	if sub.Change != 0 && !sub.Extras.ChangeAt.IsZero() && !sub.Extras.ChangeAt.After(sub.Span.To) {
		u.Change = sub.Change
		var err error
		if p, err = s.scheduledPlan(tx, a, &sub); err != nil {
			return u, err
		}
		sub.Switch(p.Terms, p.Keep, p.CarryTrial, p.At)
		if len(p.Lines) > 0 { // the change makes the next invoice itself
			return u.ofChange(sub, p), nil
		}
		u.At = sub.Span.To.Add(sub.Extras.Grace)
		at = u.At
	}
	w := &claiming{account: a, machine: s.clock.Now(), upTo: at, preview: true}
	list := []subscription.Subscription{sub}
	if err := w.load(tx, list); err != nil {
		return u, err
	}
	if err := w.loadUsage(tx, list); err != nil {
		return u, err
	}
	next := &list[0]
	if next.EndPeriod > 0 && next.Period+1 >= next.EndPeriod {
		following := w.prices[next.Price].Terms.NextPrice
		if following == 0 || next.Extras.Alone {
			return u, nothing
		}
		if err := w.chain(next); err != nil {
			return u, err
		}
	} else {
		next.Advance()
	}
	b, err := w.billing(next, w.prices[next.Price], w.products[next.Product], at)
	if err != nil {
		return u, err
	}
	b.items = p.itemsAfter(b.items)
	if u.Lines, _, err = b.renewalLines(next); err != nil {
		return u, err
	}
	u.Subscription, u.Span = *next, next.Span
	u.Notes = invoice.Notes{Text: next.Extras.Note, Fields: next.Extras.Fields}
	u.Notes.Tax, u.Notes.Evidence = b.tax.notes()
	zero := money.Zero(next.UnitAmount.Currency)
	u.Net, u.Tax, u.Total, u.Credit, u.Due = zero, zero, zero, zero, zero
	if len(u.Lines) == 0 {
		return u, nil
	}
	var v invoice.Invoice
	if err := v.Fill(u.Lines); err != nil {
		return u, err
	}
	u.Net, u.Tax, u.Total = v.Net, v.Tax, v.Total
	u.Credit, u.Due = credit.Split(v.Total, w.special.balances[next.Customer][zero.Currency]+p.Credited.Minor)
	return u, nil
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
