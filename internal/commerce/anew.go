package commerce

import (
	"context"
	"time"

	"perennial/internal/account"
	"perennial/internal/db"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/payment"
	"perennial/internal/recovery"
	"perennial/internal/subscription"
)

// tryAnew makes what a customer owes in recovery fall due at once, because another method
// can be charged now, or has new details. Only is the one subscription that got it, 0 for
// all; method is the one that is charged, 0 for whichever it is. It returns the invoices, to be collected when the transaction is over; should the process die before,
// they are due.
func tryAnew(tx *db.Tx, a account.Account, owner id.Customer, only id.Subscription, method id.Method, by recovery.By, now time.Time) ([]id.Invoice, error) {
	found, err := recovery.Cases(tx, a.ID, recovery.Filter{Customer: owner, Limit: 200})
	if err != nil {
		return nil, err
	}
	var subs, invoices []int64
	running := found[:0]
	for _, kase := range found {
		if kase.Running() && (only == 0 || kase.Subscription == only) {
			running = append(running, kase)
			subs, invoices = append(subs, int64(kase.Subscription)), append(invoices, int64(kase.Invoice))
		}
	}
	if len(running) == 0 {
		return nil, nil
	}
	owing, err := subscription.ByID(tx, a.ID, subs)
	if err != nil {
		return nil, err
	}
	tries, err := payment.OfInvoices(tx, a.ID, invoices)
	if err != nil {
		return nil, err
	}
	var list []id.Invoice
	var cases []*recovery.Case
	for i := range running {
		kase := &running[i]
		sub, ok := owing[kase.Subscription]
		if !ok || sub.Invoice != kase.Invoice || sub.State == subscription.Canceled || method != 0 && sub.Method != method || asked(tries[kase.Invoice]) {
			continue
		}
		sub.TryNow(now)
		if err := subscription.SaveOne(tx, &sub); err != nil {
			return nil, err
		}
		kase.NextAt, kase.NextStep, kase.RecoveredBy, kase.Why = now, recovery.NewTry, by, "Another payment method or new details were given; they are tried at once."
		cases, list = append(cases, kase), append(list, kase.Invoice)
	}
	return list, saveCases(tx, cases)
}

// asked reports whether the outcome of one of the payments is not known: it is asked for,
// and nothing else is charged meanwhile.
func asked(tries []payment.Payment) bool {
	for _, p := range tries {
		if p.State == payment.Pending && !p.AskAt.IsZero() {
			return true
		}
	}
	return false
}

// collectAnew collects invoices that tryAnew made due. Whoever else is charging one of
// them is left to it. It returns the refusal of the first that could not be collected.
func (s *Service) collectAnew(ctx context.Context, c Call, invoices []id.Invoice) error {
	var refused error
	for _, v := range invoices {
		_, err := s.Collect(ctx, Collect{Call: Call{Account: c.Account, Actor: c.Actor}, Invoice: v})
		if err == nil || fault.Is(err, fault.Conflict) {
			continue
		}
		if refused == nil {
			refused = err
		}
	}
	return refused
}

// given settles what a new method brings: what is owed is collected with it. The method
// is saved whatever comes of it, so a decline is not the caller's error.
func (s *Service) given(ctx context.Context, c Call, invoices []id.Invoice) error {
	err := s.collectAnew(context.WithoutCancel(ctx), c, invoices)
	if fault.Is(err, fault.Declined) || fault.Is(err, fault.Pending) {
		return nil
	}
	return err
}

// givenBefore goes on with what a call left undone whose process died after it had saved a
// method, when the call is repeated. Of is the customer, or 0 and the customer's
// subscription. It returns the answer of before.
func (s *Service) givenBefore(ctx context.Context, c Call, of id.Customer, which id.Subscription, replayed error) error {
	var left []id.Invoice
	err := s.db.View(ctx, func(tx *db.Tx) error {
		left = nil
		if of == 0 {
			sub, err := subscription.Load(tx, c.Account, which)
			if err != nil {
				return err
			}
			of = sub.Customer
		}
		cases, err := recovery.Cases(tx, c.Account, recovery.Filter{Customer: of, State: recovery.Open, Limit: 200})
		for _, kase := range cases {
			if kase.NextStep == recovery.NewTry {
				left = append(left, kase.Invoice)
			}
		}
		return err
	})
	if err == nil {
		err = s.given(ctx, c, left)
	}
	if err != nil {
		return err
	}
	return replayed
}
