package catalog

import (
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"perennial/internal/cardnumber"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/money"
	"perennial/internal/period"
)

// State says whether a thing of the catalog is sold.
type State string

// The states of a thing of the catalog.
const (
	Active   State = "active"
	Archived State = "archived" // not sold any more; kept for those who have it
)

// Known reports whether s is a state.
func (s State) Known() bool { return s == Active || s == Archived }

// Campaign is a folder of products that share a brand.
type Campaign struct {
	ID        id.Campaign
	Account   id.Account
	Name      string
	Recovery  id.RecoveryPolicy // of its products' failed payments; 0 means the account's
	Gateway   id.GatewayAccount // that its sales are paid at; 0: the account's default
	State     State
	CreatedAt time.Time
	Version   int64
}

// Product is something that is sold.
type Product struct {
	ID          id.Product
	Account     id.Account
	Campaign    id.Campaign
	Name        string
	Description string // plain text shown at checkout
	SKU         string // the merchant's own number of it, at most 80 bytes
	Image       string // address of a picture, https, at most 500 bytes
	Metadata    string // the merchant's own notes, at most 5,000 bytes
	Settings    Settings
	State       State
	CreatedAt   time.Time
	Version     int64
}

// Price is what a product costs: once, or each Interval.
type Price struct {
	ID          id.Price
	Account     id.Account
	Product     id.Product
	Line        id.Price // the first price of its line, whose plan it is today; 0 for the first itself
	Name        string   // of the plan, as buyers see it; may be empty
	Amount      money.Amount
	Interval    period.Interval // none for a one-time price
	TrialDays   int             // free days before the first charge, 0 to 730
	SetupFee    money.Amount    // charged once at the sale, in the price's currency
	MaxQuantity int64           // the most that one sale may take, 1 to 1,000,000
	Terms       Terms
	State       State
	CreatedAt   time.Time
	Version     int64
}

// Recurring reports whether the price starts a subscription.
func (p Price) Recurring() bool { return !p.Interval.IsZero() || len(p.Terms.Dates) > 0 }

// Limits of the catalog.
const (
	MaxTrialDays = 730
	MaxQuantity  = 1_000_000
	maxName      = 200
	maxText      = 5_000
	maxSKU       = 80
	maxImage     = 500
)

// Plan is the price that names the line: of all that were sold as one plan, the first.
func (p Price) Plan() id.Price {
	if p.Line != 0 {
		return p.Line
	}
	return p.ID
}

func isPicture(s string) bool {
	u, err := url.Parse(s)
	return err == nil && u.Scheme == "https" && u.Host != "" && u.User == nil && len(s) <= maxImage && !hasControl(s, false)
}

func checkName(f *fault.Fields, field, s string, required bool) {
	switch {
	case required && strings.TrimSpace(s) == "":
		f.Bad(field, "must not be empty")
	case len(s) > maxName:
		f.Bad(field, "must be at most %d bytes", maxName)
	case hasControl(s, false):
		f.Bad(field, "must be plain text without control characters")
	case cardnumber.In(s):
		f.Bad(field, "must not hold a card number")
	}
}

func hasControl(s string, lines bool) bool {
	return !utf8.ValidString(s) || strings.ContainsFunc(s, func(r rune) bool {
		return r < ' ' && !(lines && r == '\n') || r == 0x7f || r == 0x2028 || r == 0x2029
	})
}

// Check refuses a campaign that cannot be.
func (c Campaign) Check() error {
	var f fault.Fields
	checkName(&f, "name", c.Name, true)
	f.Check(c.State.Known(), "state", "must be active or archived")
	return f.Err()
}

// Check refuses a product that cannot be.
func (p Product) Check() error {
	var f fault.Fields
	checkName(&f, "name", p.Name, true)
	f.Check(len(p.Description) <= maxText, "description", "must be at most %d bytes", maxText)
	f.Check(!cardnumber.In(p.Description), "description", "must not hold a card number")
	f.Check(!hasControl(p.Description, true), "description", "must be plain text without control characters")
	checkName(&f, "sku", p.SKU, false)
	f.Check(len(p.SKU) <= maxSKU, "sku", "must be at most %d bytes", maxSKU)
	f.Check(p.Image == "" || isPicture(p.Image), "image", "must be an https address of at most %d bytes", maxImage)
	f.Check(len(p.Metadata) <= maxText && !hasControl(p.Metadata, true), "metadata", "must be plain text of at most %d bytes", maxText)
	f.Check(!cardnumber.In(p.Metadata), "metadata", "must not hold a card number")
	f.Check(p.State.Known(), "state", "must be active or archived")
	f.Add("", p.Settings.Check())
	return f.Err()
}

// Check refuses a price that cannot be or whose terms contradict each other.
func (p Price) Check() error {
	var f fault.Fields
	checkName(&f, "name", p.Name, false)
	f.Check(p.Amount.Currency.Known(), "currency", "must be a currency of ISO 4217, for example USD")
	f.Check(p.Amount.Minor >= 0 && p.Amount.Minor <= money.MaxMinor, "amount", "must be 0 to %d minor units", int64(money.MaxMinor))
	f.Check(p.SetupFee.Minor >= 0 && p.SetupFee.Minor <= money.MaxMinor, "setup_fee", "must be 0 to %d minor units", int64(money.MaxMinor))
	f.Check(p.SetupFee.Currency == p.Amount.Currency, "setup_fee", "must be in the currency of the price")
	if !p.Interval.IsZero() {
		f.Add("interval", p.Interval.Check())
	}
	f.Check(p.TrialDays >= 0 && p.TrialDays <= MaxTrialDays, "trial_days", "must be 0 to %d", MaxTrialDays)
	f.Check(p.TrialDays == 0 || p.Recurring(), "trial_days", "must be 0 for a price that is paid once")
	f.Check(p.MaxQuantity >= 1 && p.MaxQuantity <= MaxQuantity, "max_quantity", "must be 1 to %d", MaxQuantity)
	f.Check(p.State.Known(), "state", "must be active or archived")
	f.Add("", p.Terms.Check(p))
	return f.Err()
}

// Revise refuses a change of what a sold price says: only its name, state and
// quantity limit may change.
func (p Price) Revise(to Price) error {
	if p.Amount != to.Amount || p.Interval != to.Interval || p.TrialDays != to.TrialDays || p.SetupFee != to.SetupFee || p.Terms.text() != to.Terms.text() {
		return fault.New(fault.Conflict, "the terms of a price cannot change; make a new price and archive this one").WithCode("price_is_fixed")
	}
	return to.Check()
}

// CheckSale refuses a sale of quantity pieces at the price, and tells the amount
// that is due for each period (or once).
func (p Price) CheckSale(quantity int64) (money.Amount, error) {
	if p.State != Active {
		return money.Amount{}, fault.New(fault.Conflict, "this price is not sold any more").WithCode("price_archived")
	}
	if quantity < 1 || quantity > p.MaxQuantity {
		return money.Amount{}, fault.BadField("quantity", "must be 1 to %d", p.MaxQuantity)
	}
	if t := p.Terms.Prepaid; t != nil {
		if micros, _ := t.Units.Micros(); micros > maxPrepaid/quantity {
			return money.Amount{}, fault.BadField("quantity", "makes more units than can be bought at once")
		}
	}
	due, err := p.Amount.Times(quantity)
	if p.Terms.Charge != nil {
		var pieces money.Decimal
		if pieces, err = money.NewDecimal(quantity); err == nil {
			due, _, err = p.Terms.Charge.Amount(pieces, p.Amount.Currency)
		}
	}
	if err != nil {
		return money.Amount{}, fault.BadField("quantity", "makes the amount too large")
	}
	return due, nil
}

// Offer is a product with the prices at which it is sold.
type Offer struct {
	Product Product
	Prices  []Price
}
