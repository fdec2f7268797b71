package coupon

import (
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"perennial/internal/cardnumber"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/money"
	"perennial/internal/period"
)

// State says whether a coupon can be redeemed.
type State string

// The states of a coupon.
const (
	Active   State = "active"
	Archived State = "archived" // cannot be redeemed any more; discounts that were sold go on
)

// Kind says in what a coupon is counted.
type Kind string

// The kinds.
const (
	Percent Kind = "percent"
	Fixed   Kind = "amount"
)

// Scope says which charges a coupon is taken from. The table is in the package comment.
type Scope string

// The scopes.
const (
	First        Scope = "first"          // the first charge
	FirstNoSplit Scope = "first_no_split" // the first charge, unless it is a split payment
	Rebills      Scope = "rebills"        // charges after the first that are not split payments
	Split        Scope = "split"          // split payments, the first of them too
	AllNoSplit   Scope = "all_no_split"   // every charge that is not a split payment
	All          Scope = "all"            // every charge
)

// Known reports whether s is a scope.
func (s Scope) Known() bool {
	return slices.Contains([]Scope{First, FirstNoSplit, Rebills, Split, AllNoSplit, All}, s)
}

// once reports whether the scope holds one charge only.
func (s Scope) once() bool { return s == First || s == FirstNoSplit }

// Limits of a coupon.
const (
	MaxCode     = 64            // characters of a code
	MaxCycles   = 1_200         // charges that a coupon may be taken from
	MaxProducts = 100           // products that a coupon may be limited to
	MaxUses     = 1_000_000_000 // redemptions that a limit may allow
	maxName     = 200           // bytes
)

// Coupon is a promise of something off, redeemed by its code.
type Coupon struct {
	ID             id.Coupon
	Account        id.Account
	Code           string // as ParseCode gives it; unique among the active ones of the account
	Name           string // for people; may be empty
	Kind           Kind
	Percent        money.Rate   // of a Percent coupon: above 0, at most 1
	Amount         money.Amount // of a Fixed coupon: above zero
	AppliesTo      Scope
	Cycles         int          // charges that it is taken from, 0 for every one; at most 1 when AppliesTo is the first charge
	StartsOn       string       // first day in the merchant's zone, for example "2026-01-31"; "" for at once
	EndsOn         string       // last day in the merchant's zone; "" for never
	MaxRedemptions int64        // in total; 0 for no limit
	MaxPerCustomer int64        // of one customer; 0 for no limit
	Products       []id.Product // that it is good for; none means all
	Affiliate      id.Affiliate // whose the sales are that redeem it; 0 for nobody's
	Stackable      bool         // can be combined with others that are
	IncludeSetup   bool         // is taken from the setup fee too
	// IncludeShipping takes it from the cost of shipping too.
	IncludeShipping bool
	State           State
	Redeemed        int64 // redemptions so far, without those given back
	CreatedAt       time.Time
	Version         int64
}

// ParseCode reads a code that somebody typed: 1 to MaxCode letters A to Z, digits,
// dashes and underscores, in upper or lower case, with spaces around them. It returns
// the upper case. Anything else is refused with fault.Invalid.
func ParseCode(s string) (string, error) {
	code := []byte(strings.TrimSpace(s))
	ok := len(code) >= 1 && len(code) <= MaxCode
	for i := 0; i < len(code) && ok; i++ {
		c := code[i]
		if c >= 'a' && c <= 'z' { // of ASCII only: other letters have upper cases in A to Z too
			c -= 'a' - 'A'
			code[i] = c
		}
		ok = c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_'
	}
	if !ok {
		return "", fault.New(fault.Invalid, "must be 1 to %d letters A to Z, digits, dashes and underscores", MaxCode).WithCode("coupon_code_invalid")
	}
	return string(code), nil
}

// Check refuses, with fault.Invalid, a coupon that cannot be or whose terms contradict
// each other.
func (c Coupon) Check() error {
	var f fault.Fields
	code, err := ParseCode(c.Code)
	f.Add("code", err)
	f.Check(err != nil || code == c.Code, "code", "must be in upper case and without spaces")
	f.Check(!cardnumber.In(c.Code), "code", "must not hold a card number")
	checkName(&f, c.Name)
	c.checkWorth(&f)
	f.Check(c.AppliesTo.Known(), "applies_to", "must be first, first_no_split, rebills, split, all_no_split or all")
	f.Check(c.Cycles >= 0 && c.Cycles <= MaxCycles, "cycles", "must be 0, for every charge, to %d", MaxCycles)
	f.Check(!c.AppliesTo.once() || c.Cycles <= 1, "cycles", "must be 1 or left out when the coupon applies to the first charge only")
	c.checkDays(&f)
	f.Check(c.MaxRedemptions >= 0 && c.MaxRedemptions <= MaxUses, "max_redemptions", "must be 0, for no limit, to %d", MaxUses)
	f.Check(c.MaxPerCustomer >= 0 && c.MaxPerCustomer <= MaxUses, "max_per_customer", "must be 0, for no limit, to %d", MaxUses)
	f.Check(len(c.Products) <= MaxProducts, "products", "must be at most %d", MaxProducts)
	sorted := slices.Sorted(slices.Values(c.Products))
	f.Check(len(slices.Compact(sorted)) == len(c.Products) && !slices.Contains(c.Products, 0), "products", "must each be named once")
	f.Check(c.State == Active || c.State == Archived, "state", "must be active or archived")
	return f.Err()
}

func checkName(f *fault.Fields, s string) {
	f.Check(len(s) <= maxName, "name", "must be at most %d bytes", maxName)
	plain := utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool { return r < ' ' || r == 0x7f || r == 0x2028 || r == 0x2029 })
	f.Check(plain, "name", "must be plain text without control characters")
	f.Check(!cardnumber.In(s), "name", "must not hold a card number")
}

// checkWorth looks at what the coupon takes off: a share or an amount, never both.
func (c Coupon) checkWorth(f *fault.Fields) {
	switch c.Kind {
	case Percent:
		f.Check(c.Percent.Sign() > 0 && c.Percent.Cmp(whole) <= 0, "percent", "must be above 0 and at most 100")
		f.Check(c.Amount.IsZero(), "amount", "must be left out of a coupon in per cent")
	case Fixed:
		f.Check(c.Percent.IsZero(), "percent", "must be left out of a coupon of a fixed amount")
		f.Check(c.Amount.Minor > 0 && c.Amount.Minor <= money.MaxMinor, "amount", "must be 1 to %d minor units", int64(money.MaxMinor))
		f.Check(c.Amount.Currency.Known(), "currency", "must be a currency of ISO 4217, for example USD")
	default:
		f.Bad("kind", "must be percent or amount")
	}
}

// whole is all of an amount.
var whole = func() money.Rate {
	r, err := money.ParsePercent("100")
	if err != nil {
		panic(err)
	}
	return r
}()

func (c Coupon) checkDays(f *fault.Fields) {
	day := func(name, s string) bool {
		if s == "" {
			return false
		}
		_, err := period.ParseDate(s, time.UTC)
		f.Add(name, err)
		return err == nil
	}
	starts, ends := day("starts_on", c.StartsOn), day("ends_on", c.EndsOn)
	f.Check(!starts || !ends || c.EndsOn >= c.StartsOn, "ends_on", "must not be before starts_on")
}

// CheckRedeem refuses, with fault.Conflict, a coupon that a buyer of the product cannot
// redeem at now, the account's time in the merchant's zone. The codes are
// coupon_archived, coupon_not_started, coupon_expired, coupon_other_product and
// coupon_used_up. A customer's own limit is Redeem's to keep; Uses tells it before.
func (c Coupon) CheckRedeem(now time.Time, zone *time.Location, product id.Product) error {
	today := period.FormatDate(now, zone) // dates of one form, so that texts compare as days do
	switch {
	case c.State != Active:
		return archived()
	case c.StartsOn != "" && today < c.StartsOn:
		return fault.New(fault.Conflict, "this coupon is good from %s on", c.StartsOn).WithCode("coupon_not_started")
	case c.EndsOn != "" && today > c.EndsOn:
		return fault.New(fault.Conflict, "this coupon was good until %s", c.EndsOn).WithCode("coupon_expired")
	case len(c.Products) > 0 && !slices.Contains(c.Products, product):
		return fault.New(fault.Conflict, "this coupon is not good for this product").WithCode("coupon_other_product")
	case c.MaxRedemptions > 0 && c.Redeemed >= c.MaxRedemptions:
		return usedUp()
	}
	return nil
}

func archived() error {
	return fault.New(fault.Conflict, "this coupon cannot be redeemed any more").WithCode("coupon_archived")
}

func usedUp() error {
	return fault.New(fault.Conflict, "this coupon was redeemed as often as it can be").WithCode("coupon_used_up")
}

// Discount is what a sale keeps of the coupon. The amount of a fixed one is in the
// coupon's currency: Convert it for a sale in another.
func (c Coupon) Discount() Discount {
	d := Discount{Coupon: c.ID, Code: c.Code, Kind: c.Kind, Percent: c.Percent, Amount: c.Amount.Minor, AppliesTo: c.AppliesTo, Left: c.Cycles,
		IncludeSetup: c.IncludeSetup, IncludeShipping: c.IncludeShipping, Stackable: c.Stackable}
	switch {
	case c.AppliesTo.once():
		d.Left = 1
	case c.Cycles == 0:
		d.Left = Forever
	}
	return d
}
