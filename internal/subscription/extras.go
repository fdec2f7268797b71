package subscription

import (
	"encoding/json"
	"time"

	"perennial/internal/id"
	"perennial/internal/money"
	"perennial/internal/period"
)

// Extras is what few subscriptions have. The zero value is kept as no text at all, so
// that a plain subscription costs nothing more.
type Extras struct {
	// Charge prices the quantity instead of the price's own charge: a price for this
	// subscription alone. The package catalog reads it.
	Charge json.RawMessage `json:"charge,omitempty"`
	// Discounts are the coupons that apply. The package coupon reads them.
	Discounts json.RawMessage `json:"discounts,omitempty"`
	// Spent are those whose last use was the charge of the present period.
	Spent json.RawMessage `json:"spent,omitempty"`
	// Rate is what one unit of the price's currency was worth in the subscription's
	// when it was sold; none when the price names an amount in that currency.
	Rate money.Decimal `json:"rate,omitzero"`
	// Whole is the amount that is divided over all payments, in minor units; 0 when
	// each costs the same. Parts is their number.
	Whole int64 `json:"whole,omitempty"`
	Parts int   `json:"parts,omitempty"`

	Trial Trial    `json:"trial,omitzero"`
	Dates []string `json:"dates,omitempty"` // the days of payment, in the zone, ascending

	// Grace is how long after a period's end it is billed, so that late usage counts.
	Grace time.Duration `json:"grace,omitempty"` // nanoseconds
	// Items says that amounts wait for the next invoice.
	Items bool `json:"items,omitempty"`

	Pausing  *Pausing  `json:"pausing,omitempty"`  // a pause that is scheduled or under way
	ChangeAt time.Time `json:"change_at,omitzero"` // when the scheduled change comes
	Skipped  int       `json:"skipped,omitempty"`  // periods that were skipped so far
	Gaps     int       `json:"gaps,omitempty"`     // periods that cost nothing because it was brought back in them
	Held     Held      `json:"held,omitzero"`      // how long pauses held a period
	Short    int       `json:"short,omitempty"`    // number of a short period that a pause or a new billing day made
	Moved    Moved     `json:"moved,omitzero"`     // of a period whose end was moved
	Rest     Rest      `json:"rest,omitzero"`      // of a period whose terms changed
	Given    *Given    `json:"given,omitempty"`    // the period that nothing was charged for
	Freed    bool      `json:"freed,omitempty"`    // the time up to its first billing day was free, which happens once
	// CollectAt is when a pause ended that collects what it left out: the periods before
	// it are charged then.
	CollectAt time.Time `json:"collect_at,omitzero"`
	// Uncharged says that nothing that coupons care for was charged yet.
	Uncharged bool `json:"uncharged,omitempty"`
	// BillUsage says that the scheduled end bills what was used up to it.
	BillUsage bool `json:"bill_usage,omitempty"`
	// Quiet says that the scheduled end is kept from some receivers; see commerce.Cancel.
	Quiet bool `json:"quiet,omitempty"`
	Alone bool `json:"alone,omitempty"` // nothing follows its last payment
	// Unpaid says that the last try of its invoice failed and nobody tries any more: it
	// waits, past due or paused, until somebody pays.
	Unpaid bool `json:"unpaid,omitempty"`
	Aside  int  `json:"aside,omitempty"` // invoices beside those of its periods so far; numbers them

	Succeeds bool `json:"succeeds,omitempty"` // it follows another price, and its first payment ends what its product ends

	Address id.Place `json:"address,omitempty"` // of the customer's further ones, that it is for; 0 for none

	Note   string            `json:"note,omitempty"`   // printed on every invoice
	Fields map[string]string `json:"fields,omitempty"` // printed on every invoice
}

// Trial is how a trial is paid.
type Trial struct {
	Days     int   `json:"days,omitempty"`
	Amount   int64 `json:"amount,omitempty"` // minor units; 0 for a free one
	Payments int   `json:"payments,omitempty"`
}

// Held is how long pauses held a period that was paid before them: its end came later by
// that, and its time is counted without it.
type Held struct {
	Period int           `json:"period"`
	For    time.Duration `json:"for"`  // nanoseconds
	From   time.Time     `json:"from"` // where the whole period would have had to begin, to end when it now does
}

// Moved is which part of a whole period a period was before its end was moved: it costs
// what it cost, for the time that it has now.
type Moved struct {
	Period int   `json:"period"`
	Share  Share `json:"share"`
}

// Given is a period that nothing was charged for, though its terms cost something: the time
// up to the next charge of one that was brought back, or up to a billing day that is free.
// Changes inside it charge what their terms cost beyond what was given.
type Given struct {
	Period int    `json:"period"`
	Of     *int64 `json:"of,omitempty"` // minor units that a whole period cost at the terms at which it was given; nil before the first change
}

// Rest is what of a period the terms in force were charged for, since a change brought
// them inside it. The next change of the period reads it: what it gives back is a part of
// this, and what it charges is the same part of the new price. What was charged before
// the change is settled by it and not given back any more.
type Rest struct {
	Period  int        `json:"period"`
	Begin   time.Time  `json:"begin"`             // where the whole begins that shares are parts of
	From    time.Time  `json:"from"`              // of the change
	Share   Share      `json:"share"`             // of the price of a whole period
	Invoice id.Invoice `json:"invoice,omitempty"` // that charged it; 0 for none
	Item    id.Item    `json:"item,omitempty"`    // that waits to charge it; 0 for none
}

// Pausing is a pause.
type Pausing struct {
	From    time.Time       `json:"from"`
	Periods int             `json:"periods,omitempty"` // how many are left out; 0 when it ends otherwise
	Collect bool            `json:"collect,omitempty"` // what was missed is charged at its end
	Fee     int64           `json:"fee,omitempty"`     // minor units
	Every   period.Interval `json:"every,omitzero"`    // of the fee; none: once
	FeeAt   time.Time       `json:"fee_at,omitzero"`   // when it falls due next
	Fees    int             `json:"fees,omitempty"`    // how often it was charged
}

// IsZero reports whether a subscription is as plain as they come.
func (e Extras) IsZero() bool {
	return e.Charge == nil && e.Discounts == nil && e.Spent == nil && e.Rate.IsZero() && e.Whole == 0 && e.Parts == 0 && e.Trial == (Trial{}) && e.Dates == nil && e.Grace == 0 && !e.Items &&
		e.Pausing == nil && e.ChangeAt.IsZero() && e.Skipped == 0 && e.Gaps == 0 && e.CollectAt.IsZero() && e.Held == (Held{}) && e.Short == 0 && e.Moved == (Moved{}) && e.Rest == (Rest{}) && e.Given == nil && !e.Freed && !e.Uncharged && !e.Alone && !e.Unpaid && !e.BillUsage && !e.Quiet && !e.Succeeds && e.Aside == 0 && e.Address == 0 && e.Note == "" && e.Fields == nil
}

// text is the extras as they are kept.
func (e Extras) text() string {
	if e.IsZero() {
		return ""
	}
	b, _ := json.Marshal(e) // what they hold always marshals
	return string(b)
}
