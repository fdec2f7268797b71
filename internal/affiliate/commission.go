package affiliate

import (
	"time"

	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/money"
)

// Tier is how far an affiliate stands from the buyer.
type Tier int

// The tiers.
const (
	FirstTier  Tier = 1 // they brought the buyer
	SecondTier Tier = 2 // they recruited who did
)

// Cause is what made a commission.
type Cause string

// The causes.
const (
	Sale    Cause = "sale"    // the first payment
	Rebill  Cause = "rebill"  // a later payment
	Refund  Cause = "refund"  // part of the payment went back
	Dispute Cause = "dispute" // the customer's bank took it back
	Won     Cause = "won"     // the bank returned it
	Adjust  Cause = "adjust"  // the merchant said so
)

// Commission is one row of what an affiliate earns: above zero for a payment, below for
// what was taken back.
type Commission struct {
	ID        id.Commission
	Account   id.Account
	Affiliate id.Affiliate
	Referral  id.Referral // 0 for one by hand
	Invoice   id.Invoice
	Source    int64 // id of the payment, refund or dispute; of itself for one by hand
	Tier      Tier
	Cause     Cause
	Amount    money.Amount
	Base      money.Amount // what of the payment it was reckoned from
	DueAt     time.Time    // from when it may be paid out
	Payout    id.Payout    // 0 while it is owed
	Note      string
	At        time.Time
}

// State is where a commission stands: "held" before it is due, "due", or "in_payout".
func (c Commission) State(now time.Time) string {
	switch {
	case c.Payout != 0:
		return "in_payout"
	case c.DueAt.After(now):
		return "held"
	}
	return "due"
}

// Paid is a payment of a referral, as far as it earns.
type Paid struct {
	Base   money.Amount // net of tax and discounts; shipping as promised
	Number int          // 0 for the first payment of the sale, then 1, 2, 3 …
	At     time.Time
}

// Earned is what a payment of the referral earns, a row for each tier that earns anything.
// Source, Invoice and IDs are the caller's to set. What the tiers earn together is at most
// the base: the first tier comes first.
func (r Referral) Earned(p Paid) ([]Commission, error) {
	if r.Denied != "" || p.Base.Sign() <= 0 || p.Number > 0 && r.Promise.Cycles > 0 && p.Number > r.Promise.Cycles {
		return nil, nil
	}
	rate, cause := r.Promise.First, Sale
	if p.Number > 0 {
		rate, cause = r.Promise.Rebill, Rebill
	}
	amount, err := rate.of(p.Base)
	if err != nil {
		return nil, err
	}
	amount.Minor = min(amount.Minor, p.Base.Minor)
	due := p.At.Add(time.Duration(r.Promise.Hold) * 24 * time.Hour)
	var list []Commission
	add := func(who id.Affiliate, tier Tier, amount money.Amount) {
		if who != 0 && amount.Sign() > 0 {
			list = append(list, Commission{Account: r.Account, Affiliate: who, Referral: r.ID, Tier: tier, Cause: cause, Amount: amount, Base: p.Base, DueAt: due, At: p.At})
		}
	}
	add(r.Affiliate, FirstTier, amount)
	if r.Promise.Second == "" {
		return list, nil
	}
	share, err := money.ParseRate(r.Promise.Second)
	if err != nil {
		return nil, err
	}
	second, err := p.Base.MulRate(share, money.HalfEven)
	if err != nil {
		return nil, err
	}
	second.Minor = min(second.Minor, p.Base.Minor-amount.Minor)
	add(r.Recruiter, SecondTier, second)
	return list, nil
}

func (r Rate) of(base money.Amount) (money.Amount, error) {
	if !r.Fixed.IsZero() {
		if r.Fixed.Currency != base.Currency {
			return money.Zero(base.Currency), nil
		}
		return r.Fixed, nil
	}
	return base.MulRate(r.Share, money.HalfEven)
}

// Kept is what is left of an earned amount when of a whole payment so much was kept,
// rounded towards the merchant, so that commissions never exceed kept money.
func Kept(earned money.Amount, kept, whole int64) (money.Amount, error) {
	if whole <= 0 || kept < 0 || kept > whole {
		return money.Amount{}, fault.New(fault.Internal, "of a payment of %d were kept %d", whole, kept)
	}
	return earned.MulRatio(kept, whole, money.Down)
}

// TakenBack is the row that brings what a payment earned in a tier down (or up again) to
// what is due for the part of it that was kept, given the first row and the sum of all
// rows so far; ok is false when nothing changes. What is taken back is due at once.
func TakenBack(first Commission, sum money.Amount, kept, whole int64, cause Cause, source int64, at time.Time) (c Commission, ok bool, err error) {
	target, err := Kept(first.Amount, kept, whole)
	if err != nil {
		return c, false, err
	}
	change, err := target.Sub(sum)
	if err != nil || change.IsZero() {
		return c, false, err
	}
	c = first
	c.Amount, c.Cause, c.Source, c.At, c.Payout, c.Note = change, cause, source, at, 0, ""
	if c.DueAt.Before(at) {
		c.DueAt = at
	}
	return c, true, nil
}
