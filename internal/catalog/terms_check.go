package catalog

import (
	"maps"
	"slices"
	"strconv"
	"time"

	"perennial/internal/clock"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/money"
	"perennial/internal/period"
)

// Limits of terms and settings that nobody outside needs to know.
const (
	maxSetupEvery   = 120
	maxEnds         = 20
	maxSkips        = 100
	maxPausePeriods = 366
)

// Check refuses, with fault.Invalid, terms that contradict each other or the
// price p that says them. Every wrong field is named with the reason, with its
// path below the terms, for example "usage.0.overage.unit".
func (t Terms) Check(p Price) error {
	var f fault.Fields
	if t.Charge != nil {
		under(&f, "charge", t.Charge.Check(p.Amount.Currency))
	}
	t.checkPayments(&f, p)
	t.checkDates(&f, p)
	t.checkTrial(&f, p)
	t.checkAnchor(&f, p)
	t.checkUsage(&f, p)
	t.checkPrepaid(&f, p)
	for _, cur := range slices.Sorted(maps.Keys(t.Currencies)) {
		t.checkFixed(&f, p, cur)
	}
	return f.Err()
}

// under notes the fields of a refusal below a path.
func under(f *fault.Fields, path string, err error) {
	if err == nil {
		return
	}
	for _, field := range fault.As(err).Fields {
		f.Bad(path+"."+field.Name, "%s", field.Message)
	}
}

func (t Terms) checkPayments(f *fault.Fields, p Price) {
	repeats := !p.Interval.IsZero()
	switch {
	case t.Payments < 0 || t.Payments > MaxPayments:
		f.Bad("payments", "must be 1 to %d, or left out to go on without end", MaxPayments)
	case t.Payments > 0 && len(t.Dates) > 0:
		f.Bad("payments", "must be left out beside dates, which are the payments")
	case t.Payments > 0 && !repeats:
		f.Bad("payments", "need an interval: a price that is paid once has no instalments")
	}
	if t.Split {
		f.Check(t.Payments >= 2, "split", "needs at least 2 payments to divide the amount over")
		f.Check(t.AnchorDay == 0 || t.FirstPeriod != Prorated, "split",
			"cannot go with a prorated first period, because the parts would not sum to the amount; make first_period full or free")
	}
	f.Check(t.NextPrice == 0 || t.Payments > 0 || len(t.Dates) > 0, "next_price", "needs payments or dates, after the last of which it begins")
	switch {
	case t.SetupEvery < 0 || t.SetupEvery > maxSetupEvery:
		f.Bad("setup_every", "must be 1 to %d periods, or left out to charge the fee once", maxSetupEvery)
	case t.SetupEvery > 0 && !repeats:
		f.Bad("setup_every", "needs an interval")
	case t.SetupEvery > 0 && p.SetupFee.IsZero():
		f.Bad("setup_every", "needs a setup fee")
	}
}

func (t Terms) checkDates(f *fault.Fields, p Price) {
	if len(t.Dates) == 0 {
		return
	}
	f.Check(p.Interval.IsZero(), "dates", "cannot go with an interval")
	f.Check(p.TrialDays == 0, "dates", "cannot go with a trial, because they say themselves when the first payment is")
	if len(t.Dates) > MaxPayments {
		f.Bad("dates", "must be at most %d", MaxPayments)
		return
	}
	for i, d := range t.Dates {
		field := "dates." + strconv.Itoa(i)
		if in := d.In(time.UTC); in.IsZero() || !clock.InRange(in) {
			f.Bad(field, "must be a date such as 2026-01-31, from 1970 to 2199")
			continue
		}
		f.Check(i == 0 || t.Dates[i-1] < d, field, "must be later than the date before")
	}
}

func (t Terms) checkTrial(f *fault.Fields, p Price) {
	checkMinor(f, "trial_amount", t.TrialAmount)
	f.Check(t.TrialAmount == 0 || p.TrialDays > 0, "trial_amount", "needs trial days")
	switch {
	case t.TrialPayments < 0 || t.TrialPayments > MaxTrialPayments:
		f.Bad("trial_payments", "must be 1 to %d", MaxTrialPayments)
	case t.TrialPayments > p.TrialDays:
		f.Bad("trial_payments", "must be at most one for each of the %d days of the trial", p.TrialDays)
	case t.TrialPayments > 0 && int64(t.TrialPayments) > t.TrialAmount:
		f.Bad("trial_payments", "need a trial amount of at least one minor unit each")
	}
}

func (t Terms) checkAnchor(f *fault.Fields, p Price) {
	switch {
	case t.AnchorDay < 0 || t.AnchorDay > 31:
		f.Bad("anchor_day", "must be 1 to 31, or left out to bill each on the day they came")
	case t.AnchorDay > 0 && p.Interval.Unit < period.Month:
		f.Bad("anchor_day", "needs an interval of months or years: other intervals have no day of the month")
	}
	switch t.FirstPeriod {
	case Prorated:
	case FullFirst, FreeFirst:
		f.Check(t.AnchorDay != 0, "first_period", "needs an anchor day, up to which it lasts")
	default:
		f.Bad("first_period", "must be left out to prorate it, or full or free")
	}
}

func (t Terms) checkUsage(f *fault.Fields, p Price) {
	if len(t.Usage) == 0 {
		return
	}
	f.Check(!p.Interval.IsZero(), "usage", "needs an interval, after each of which it is billed")
	if len(t.Usage) > MaxMetered {
		f.Bad("usage", "must be at most %d meters", MaxMetered)
		return
	}
	seen := map[id.Meter]bool{}
	for i, m := range t.Usage {
		field := "usage." + strconv.Itoa(i)
		f.Check(m.Meter != 0, field+".meter", "must be a meter")
		f.Check(!seen[m.Meter], field+".meter", "must not be the meter of another entry")
		seen[m.Meter] = true
		f.Check(m.Included.Sign() >= 0, field+".included", "must not be below 0")
		if m.TrialIncluded != nil {
			f.Check(p.TrialDays > 0, field+".trial_included", "needs trial days")
			f.Check(m.TrialIncluded.Sign() >= 0, field+".trial_included", "must not be below 0")
		}
		under(f, field+".overage", m.Overage.Check(p.Amount.Currency))
	}
}

// maxPrepaid is the most that one sale may add to a balance, in millionths of a unit: a
// tenth of what a balance holds.
const maxPrepaid = 100_000_000_000 * 1_000_000

func (t Terms) checkPrepaid(f *fault.Fields, p Price) {
	if t.Prepaid == nil {
		return
	}
	f.Check(p.Interval.IsZero() && len(t.Dates) == 0, "prepaid", "is for a price that is paid once")
	f.Check(t.Prepaid.Meter != 0, "prepaid.meter", "must be a meter")
	f.Check(t.Prepaid.Units.Sign() > 0, "prepaid.units", "must be above 0")
	micros, exact := t.Prepaid.Units.Micros()
	f.Check(exact && micros <= maxPrepaid, "prepaid.units", "must be at most %d with at most 6 decimals", int64(maxPrepaid/1_000_000))
	if t.Prepaid.TopUpAt == nil {
		return
	}
	mark, exact := t.Prepaid.TopUpAt.Micros()
	f.Check(exact && mark >= 0 && mark <= maxPrepaid, "prepaid.top_up_at", "must be 0 to %d with at most 6 decimals", int64(maxPrepaid/1_000_000))
}

func (t Terms) checkFixed(f *fault.Fields, p Price, cur money.Currency) {
	field := "currencies." + string(cur)
	switch {
	case !cur.Known():
		f.Bad("currencies", "must have currencies of ISO 4217 as their names, for example USD")
		return
	case cur == p.Amount.Currency:
		f.Bad(field, "is the currency of the price itself")
		return
	}
	fixed := t.Currencies[cur]
	checkMinor(f, field+".amount", fixed.Amount)
	checkMinor(f, field+".setup_fee", fixed.SetupFee)
	checkMinor(f, field+".trial_amount", fixed.TrialAmount)
	f.Check(fixed.TrialAmount == 0 || p.TrialDays > 0, field+".trial_amount", "needs trial days")
	f.Check(t.TrialPayments <= 1 || fixed.TrialAmount >= int64(t.TrialPayments), field+".trial_amount",
		"must be at least one minor unit for each payment of the trial")
	switch {
	case (fixed.Charge == nil) != (t.Charge == nil):
		f.Bad(field+".charge", "must be set exactly when the price has a charge")
	case fixed.Charge != nil:
		under(f, field+".charge", fixed.Charge.Check(cur))
	}
	if len(fixed.Overage) != len(t.Usage) {
		f.Bad(field+".overage", "must have one charge for each of the %d entries of usage, in their order", len(t.Usage))
		return
	}
	for i, charge := range fixed.Overage {
		under(f, field+".overage."+strconv.Itoa(i), charge.Check(cur))
	}
}

// Check refuses, with fault.Invalid, settings that cannot be or that contradict
// each other, with the wrong fields and the reasons.
func (s Settings) Check() error {
	var f fault.Fields
	switch s.Cancel {
	case CancelAny, CancelPeriodEnd, CancelLast, CancelNever:
	default:
		f.Bad("cancel", "must be left out, or period_end, last_payment or never")
	}
	switch s.TaxKind {
	case Digital, Goods, Service, Untaxed:
	default:
		f.Bad("tax_kind", "must be left out for what is digital, or goods, service or untaxed")
	}
	f.Check(s.Skips >= 0 && s.Skips <= maxSkips, "skips", "must be 0 to %d", maxSkips)
	f.Check(len(s.Ends) <= maxEnds, "ends", "must be at most %d products", maxEnds)
	seen := map[id.Product]bool{0: true}
	for i, product := range s.Ends {
		f.Check(!seen[product], "ends."+strconv.Itoa(i), "must be a product that is not named before")
		seen[product] = true
	}
	s.Pause.check(&f)
	return f.Err()
}

func (p PausePolicy) check(f *fault.Fields) {
	if !p.Allowed {
		f.Check(p == PausePolicy{}, "pause.allowed", "must be true for a pause to have limits or a fee")
		return
	}
	if !p.Longest.IsZero() {
		f.Add("pause.longest", p.Longest.Check())
	}
	f.Check(p.Periods >= 0 && p.Periods <= maxPausePeriods, "pause.periods", "must be 1 to %d, or left out for no such limit", maxPausePeriods)
	checkMinor(f, "pause.fee", p.Fee)
	if !p.Every.IsZero() {
		f.Add("pause.every", p.Every.Check())
		f.Check(p.Fee > 0, "pause.every", "needs a fee")
	}
}
