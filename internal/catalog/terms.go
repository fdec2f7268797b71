package catalog

import (
	"encoding/json"
	"reflect"
	"time"

	"perennial/internal/id"
	"perennial/internal/money"
	"perennial/internal/period"
)

// Terms is what a price says beyond its amount and interval. The zero value says
// nothing more. It is kept as JSON with the price and, like the amount, never
// changes once the price exists.
type Terms struct {
	// Charge prices the quantity; nil means Amount for each piece.
	Charge *Charge `json:"charge,omitempty"`
	// Usage is what is billed by meters, each period after it is over.
	Usage []Metered `json:"usage,omitempty"`

	// Currencies are fixed prices in other currencies. Convert lets all others be
	// bought at the account's stored rate of the day of the sale, kept for ever.
	Currencies map[money.Currency]Fixed `json:"currencies,omitempty"`
	Convert    bool                     `json:"convert,omitempty"`

	// Payments is how many payments there are; 0 means until it ends otherwise. After
	// the last period NextPrice begins, when there is one.
	Payments  int      `json:"payments,omitempty"` // 1 to MaxPayments
	NextPrice id.Price `json:"next_price,omitempty"`
	// Split says that Amount is the whole, divided over Payments: the parts sum to it.
	Split bool `json:"split,omitempty"`

	// TrialAmount is what a trial costs, divided over TrialPayments; 0 means free.
	TrialAmount   int64 `json:"trial_amount,omitempty"`   // minor units
	TrialPayments int   `json:"trial_payments,omitempty"` // 1 to MaxTrialPayments; 0 means 1

	// SetupEvery charges the setup fee again every so many periods; 0 means once.
	SetupEvery int `json:"setup_every,omitempty"` // 1 to 120

	// AnchorDay bills everybody on a day of the month; 0 means on the day they came.
	AnchorDay   int         `json:"anchor_day,omitempty"`   // 1 to 31
	FirstPeriod FirstPeriod `json:"first_period,omitempty"` // what the time up to the first such day costs

	// Dates are the days of payment of a price that has no interval, in the
	// account's zone, ascending. Days that have passed at the sale are left out.
	Dates []Date `json:"dates,omitempty"` // at most MaxPayments

	// Prepaid is what a one-time price adds to the customer's units of a meter.
	Prepaid *Prepaid `json:"prepaid,omitempty"`
}

// FirstPeriod says what the time up to the first anchor day costs.
type FirstPeriod string

// The first periods.
const (
	Prorated  FirstPeriod = ""     // its share of a whole period
	FullFirst FirstPeriod = "full" // a whole period
	FreeFirst FirstPeriod = "free" // nothing: the first charge is on the anchor day
)

// Fixed is what a price costs in another currency, in its minor units.
type Fixed struct {
	Amount      int64   `json:"amount"`
	SetupFee    int64   `json:"setup_fee,omitempty"`
	TrialAmount int64   `json:"trial_amount,omitempty"`
	Charge      *Charge `json:"charge,omitempty"`
	// Overage is what more usage costs, one for each of Terms.Usage, in its order.
	Overage []Charge `json:"overage,omitempty"`
}

// Metered is the usage of one meter that a period includes, and what more costs.
type Metered struct {
	Meter    id.Meter      `json:"meter"`
	Included money.Decimal `json:"included"` // units of each period
	Overage  Charge        `json:"overage"`  // of the units beyond
	// Units of the whole trial; more costs Overage and is billed with the first
	// regular charge. nil means Included.
	TrialIncluded *money.Decimal `json:"trial_included,omitempty"`
}

// Prepaid is what a sale adds to a customer's balance of a meter.
type Prepaid struct {
	Meter id.Meter      `json:"meter"`
	Units money.Decimal `json:"units"`
	// TopUpAt sells the price again when the balance falls to it, in the currency in which
	// it was sold last and until the balance is above it, ten times in a row at most: what
	// is missing then comes a day later. Nil means never.
	TopUpAt *money.Decimal `json:"top_up_at,omitempty"`
}

// Date is a day of the calendar, "2026-01-31".
type Date string

// In is the beginning of the day in a zone, zero for what is not a date.
func (d Date) In(zone *time.Location) time.Time {
	t, err := time.ParseInLocation(time.DateOnly, string(d), zone)
	if err != nil {
		return time.Time{}
	}
	return t.UTC()
}

// Settings is how a product's subscriptions may be ended, paused and skipped.
type Settings struct {
	Cancel CancelPolicy `json:"cancel,omitempty"`
	Pause  PausePolicy  `json:"pause,omitzero"`
	// Skips is how many periods a subscription may skip in its life; 0 means none.
	Skips int `json:"skips,omitempty"`
	// Ends are the products whose subscriptions of the same customer end when one to
	// this product begins: when it is bought, when another is changed to it, and when
	// it follows another price by itself and is paid for the first time.
	Ends []id.Product `json:"ends,omitempty"`
	// Ships says that it is sent to somebody: an order needs an address, and shipping
	// rules apply.
	Ships bool `json:"ships,omitempty"`
	// TaxKind is the kind of supply, which decides where it is taxed.
	TaxKind TaxKind `json:"tax_kind,omitempty"`
	// Align gives a new subscription the billing day of an earlier one of the same
	// customer and interval.
	Align bool `json:"align,omitempty"`
	// Licenses is how licences are issued. The package license reads it.
	Licenses json.RawMessage `json:"licenses,omitempty"`
	// Recovery is the policy for failed payments; 0 means the campaign's.
	Recovery id.RecoveryPolicy `json:"recovery,omitempty"`
}

// TaxKind is the kind of supply.
type TaxKind string

// The kinds of supply.
const (
	Digital TaxKind = ""        // an electronic service: taxed where the buyer is
	Goods   TaxKind = "goods"   // taxed where they are sent to
	Service TaxKind = "service" // taxed where the seller is
	Untaxed TaxKind = "untaxed" // taxed nowhere
)

// CancelPolicy says how a subscription may be ended by its customer.
type CancelPolicy string

// The cancel policies. A merchant may override them.
const (
	CancelAny       CancelPolicy = ""             // now, at a date or at the end of the period
	CancelPeriodEnd CancelPolicy = "period_end"   // at the end of the period at the earliest
	CancelLast      CancelPolicy = "last_payment" // only after the last instalment
	CancelNever     CancelPolicy = "never"
)

// PausePolicy says how a subscription may be paused.
type PausePolicy struct {
	Allowed bool            `json:"allowed,omitempty"`
	Longest period.Interval `json:"longest,omitzero"`  // none: without end
	Periods int             `json:"periods,omitempty"` // the most periods; 0 means no such limit
	Fee     int64           `json:"fee,omitempty"`     // minor units of the subscription's currency
	Every   period.Interval `json:"every,omitzero"`    // how often the fee is charged; none: once
}

// Limits of terms.
const (
	MaxPayments      = 366
	MaxTrialPayments = 12
	MaxMetered       = 20
	MaxTiers         = 50
)

// IsZero reports whether a price says nothing more.
func (t Terms) IsZero() bool { return reflect.ValueOf(t).IsZero() }

// text is the terms as they are kept.
func (t Terms) text() string {
	if t.IsZero() {
		return ""
	}
	b, _ := json.Marshal(t) // what they hold always marshals
	return string(b)
}

// IsZero reports whether a product is as all are without settings.
func (s Settings) IsZero() bool { return reflect.ValueOf(s).IsZero() }

func (s Settings) text() string {
	if s.IsZero() {
		return ""
	}
	b, _ := json.Marshal(s) // what they hold always marshals
	return string(b)
}
