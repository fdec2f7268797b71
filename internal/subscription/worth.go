package subscription

import (
	"perennial/internal/db"
	"perennial/internal/id"
	"perennial/internal/money"
	"perennial/internal/period"
)

// Worth is all that it depends on what a subscription brings by the month. The zero value
// is that of one that is not there yet.
type Worth struct {
	State      State
	EndReason  EndReason
	Unpaid     bool // nobody tries to collect any more
	Unbegun    bool // its trial is over, and nobody has paid yet
	First      bool // it is in its first period, and coupons reduce it
	Ending     bool // its end is fixed
	Price      id.Price
	UnitAmount money.Amount
	Quantity   int64
	Interval   period.Interval
	Charge     string // as Extras have it, like all below
	Discounts  string
	Spent      string
	Rate       money.Decimal
	Whole      int64
	Parts      int
}

// Worth is all that what the subscription brings depends on.
func (s *Subscription) Worth() Worth {
	return Worth{State: s.State, EndReason: s.EndReason, Unpaid: s.Extras.Unpaid, Unbegun: s.State == PastDue && s.Period == 0 && !s.TrialTo.IsZero(),
		First: s.Period <= 0 && s.Extras.Discounts != nil, Ending: !s.CancelAt.IsZero(), Price: s.Price, UnitAmount: s.UnitAmount, Quantity: s.Quantity, Interval: s.Interval,
		Charge: string(s.Extras.Charge), Discounts: string(s.Extras.Discounts), Spent: string(s.Extras.Spent), Rate: s.Extras.Rate,
		Whole: s.Extras.Whole, Parts: s.Extras.Parts}
}

// Changed is what Insert and the saving functions note on their transaction of a
// subscription whose worth they changed.
type Changed struct {
	Before Worth
	Now    Subscription
}

func (s *Subscription) note(tx *db.Tx) {
	if now := s.Worth(); now != s.loaded {
		tx.Note(Changed{s.loaded, *s})
		s.loaded = now
	}
}
