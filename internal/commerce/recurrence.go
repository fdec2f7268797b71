package commerce

import (
	"perennial/internal/catalog"
	"perennial/internal/fault"
	"perennial/internal/money"
	"perennial/internal/period"
	"perennial/internal/subscription"
)

// Recurrence is how often a sale is paid again, instead of what its price says. What it
// leaves out is not there: no days of payment, no anchor day, no price that follows.
type Recurrence struct {
	Every       period.Interval // none: it is paid once
	Payments    int             // how many there are; 0: until it ends otherwise
	TrialDays   int             // 0: no trial
	TrialAmount int64           // of the whole trial, minor units of the price's currency
}

// on is a price as it is sold that way.
func (r Recurrence) on(p catalog.Price) (catalog.Price, error) {
	var f fault.Fields
	f.Check(r.Payments >= 0 && r.Payments <= subscription.MaxPayments, "payments", "must be 0 to %d", subscription.MaxPayments)
	f.Check(r.TrialDays >= 0 && r.TrialDays <= catalog.MaxTrialDays, "trial_days", "must be 0 to %d", catalog.MaxTrialDays)
	f.Check(r.TrialAmount >= 0 && r.TrialAmount <= money.MaxMinor, "trial_amount", "must be 0 to %d minor units", int64(money.MaxMinor))
	f.Check(r.TrialAmount == 0 || r.TrialDays > 0, "trial_amount", "must be left out without a trial")
	f.Check(!r.Every.IsZero() || r == Recurrence{}, "interval", "must be given for what is paid again")
	if err := f.Err(); err != nil {
		return p, err
	}
	t := p.Terms
	p.Interval, p.TrialDays = r.Every, r.TrialDays
	p.Terms = catalog.Terms{Charge: t.Charge, Currencies: t.Currencies, Convert: t.Convert, Payments: r.Payments, TrialAmount: r.TrialAmount}
	if p.Recurring() {
		p.Terms.Usage = t.Usage
	} else {
		p.Terms.Prepaid = t.Prepaid
	}
	return p, nil
}
