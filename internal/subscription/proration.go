package subscription

import (
	"fmt"
	"math/big"
	"slices"
	"time"

	"perennial/internal/fault"
	"perennial/internal/money"
	"perennial/internal/period"
)

// Proration is how a change of terms inside a period is paid for. The zero value is
// the preset "second".
type Proration struct {
	Granularity period.Granularity `json:"granularity"`
	ChangeDay   DayOwner           `json:"change_day"` // where days are counted
	Up          Mode               `json:"up"`         // for a change to dearer terms
	Down        Mode               `json:"down"`       // for any other change
	CreditFrom  Basis              `json:"credit_from"`
}

// DayOwner says whose the day of a change is.
type DayOwner uint8

// The owners of the day of a change.
const (
	NewTerms DayOwner = iota // "new": it is credited at the old terms and charged at the new
	OldTerms                 // "old": the new terms are paid from the day after
)

// Mode says when a change is settled, and for what.
type Mode uint8

// The modes.
const (
	SettleNow  Mode = iota // "now": the credit and the charge for what is left, at once
	SettleNext             // "next_invoice": the same, with the invoice of the next period
	SettleFull             // "full": the whole new price at once, and no credit
	SettleNone             // "none": nothing; the new price counts from the next period
)

// Basis says of what a credit is a share.
type Basis uint8

// The bases of a credit.
const (
	FromPaid  Basis = iota // "paid": of what was really paid, after discounts, and never more
	FromPrice              // "price": of what the terms cost, whatever was paid
)

var (
	ownerWords = []string{"new", "old"}
	modeWords  = []string{"now", "next_invoice", "full", "none"}
	basisWords = []string{"paid", "price"}
)

func spell(words []string, i int) string {
	if i < len(words) {
		return words[i]
	}
	return ""
}

// read finds the number of a word; empty text is the first.
func read(words []string, text []byte) (uint8, error) {
	if len(text) == 0 {
		return 0, nil
	}
	i := slices.Index(words, string(text))
	if i < 0 {
		return 0, fault.New(fault.Invalid, "must be one of %v", words).WithCode("proration_invalid")
	}
	return uint8(i), nil
}

// String is "new" or "old".
func (o DayOwner) String() string { return spell(ownerWords, int(o)) }

// MarshalText is the word for o.
func (o DayOwner) MarshalText() ([]byte, error) { return []byte(o.String()), nil }

// UnmarshalText reads the word; empty text is NewTerms.
func (o *DayOwner) UnmarshalText(text []byte) error {
	i, err := read(ownerWords, text)
	if err != nil {
		return err
	}
	*o = DayOwner(i)
	return nil
}

// String is "now", "next_invoice", "full" or "none".
func (m Mode) String() string { return spell(modeWords, int(m)) }

// MarshalText is the word for m.
func (m Mode) MarshalText() ([]byte, error) { return []byte(m.String()), nil }

// UnmarshalText reads the word; empty text is SettleNow.
func (m *Mode) UnmarshalText(text []byte) error {
	i, err := read(modeWords, text)
	if err != nil {
		return err
	}
	*m = Mode(i)
	return nil
}

// String is "paid" or "price".
func (b Basis) String() string { return spell(basisWords, int(b)) }

// MarshalText is the word for b.
func (b Basis) MarshalText() ([]byte, error) { return []byte(b.String()), nil }

// UnmarshalText reads the word; empty text is FromPaid.
func (b *Basis) UnmarshalText(text []byte) error {
	i, err := read(basisWords, text)
	if err != nil {
		return err
	}
	*b = Basis(i)
	return nil
}

// Check refuses, with fault.Invalid, a policy outside the words above, and a day that
// stays with the old terms where no days are counted.
func (p Proration) Check() error {
	var f fault.Fields
	f.Check(p.Granularity.Known(), "granularity", "must be second, minute, day or thirty_days")
	f.Check(p.ChangeDay.String() != "", "change_day", "must be new or old")
	f.Check(p.ChangeDay != OldTerms || p.Granularity.CountsDays(), "change_day", "can be old only when the granularity is day or thirty_days")
	f.Check(p.Up.String() != "", "up", "must be now, next_invoice, full or none")
	f.Check(p.Down.String() != "", "down", "must be now, next_invoice, full or none")
	f.Check(p.CreditFrom.String() != "", "credit_from", "must be paid or price")
	return f.Err()
}

// NamedProration is a policy that has a name.
type NamedProration struct {
	Name      string
	Proration Proration
	Says      string // one sentence for merchants
}

// DefaultProration is the name of the policy of those who choose none; its policy is the
// zero value.
const DefaultProration = "second"

// Presets are the named policies, the default first.
func Presets() []NamedProration {
	return []NamedProration{
		{"second", Proration{},
			"What is left is counted to the second: the unused rest of what was paid is credited, and the rest of the period is charged at the new terms, at once."},
		{"minute", Proration{Granularity: period.ByMinute},
			"Like second, but counted in whole minutes; a minute that has begun is not used."},
		{"day", Proration{Granularity: period.ByDay},
			"Like second, but counted in calendar days; the day of the change is billed at the new terms."},
		{"day_old", Proration{Granularity: period.ByDay, ChangeDay: OldTerms},
			"Like day, but the day of the change stays with the old terms, and the new ones are billed from the day after."},
		{"thirty_days", Proration{Granularity: period.ByThirtyDays},
			"Like day, but each month counts 30 days and each year 360."},
		{"next_invoice", Proration{Up: SettleNext, Down: SettleNext},
			"Counted to the second; the credit and the charge come with the invoice of the next period."},
		{"up_only", Proration{Down: SettleNone},
			"A change to dearer terms is settled to the second at once; any other is neither credited nor charged until the next period."},
		{"full", Proration{Up: SettleFull, Down: SettleFull},
			"The whole price of the new terms is charged at once, and nothing is credited."},
		{"none", Proration{Up: SettleNone, Down: SettleNone},
			"Nothing is credited or charged; the new price counts from the next period."},
	}
}

// Preset finds a policy by its name, for example "day_old".
func Preset(name string) (Proration, bool) {
	for _, p := range Presets() {
		if p.Name == name {
			return p.Proration, true
		}
	}
	return Proration{}, false
}

// Share is an exact part of a period: Left of Whole, 0 <= Left <= Whole and Whole >= 1.
// The zero value is no share of anything.
type Share struct {
	Left  int64  `json:"left"`
	Whole int64  `json:"whole"`
	Unit  string `json:"unit"` // "seconds", "minutes" or "days"; "periods" of a whole one
}

// WholePeriod is the share of terms that begin a period of their own.
func WholePeriod() Share { return Share{1, 1, "periods"} }

// String is, for example, "12/31 days".
func (s Share) String() string { return fmt.Sprintf("%d/%d %s", s.Left, s.Whole, s.Unit) }

func (s Share) check() error {
	if s.Whole < 1 || s.Left < 0 || s.Left > s.Whole {
		return fault.New(fault.Invalid, "a share of a period lies between nothing and the whole, not at %s", s).WithCode("share_invalid")
	}
	return nil
}

// Of is the share of an amount, rounded half up once and never more than it. A share
// that is not between nothing and the whole is refused.
func (s Share) Of(a money.Amount) (money.Amount, error) {
	if err := s.check(); err != nil {
		return money.Amount{}, err
	}
	return a.MulRatio(s.Left, s.Whole, money.HalfUp)
}

// Within is s as a share of the rest of the same period that began with first. Nothing
// is left of a rest that held nothing.
func (s Share) Within(first Share) Share {
	return Share{max(min(s.Left, first.Left), 0), max(first.Left, 1), s.Unit}
}

// Left is the share of the period span that is left at an instant: the whole before the
// period, nothing from its end on. iv is the interval of the terms, and zone the one
// whose days are counted. Whole is the same at every instant of one period.
func (p Proration) Left(span period.Span, iv period.Interval, at time.Time, zone *time.Location) Share {
	count := p.Granularity.Used
	if p.ChangeDay == OldTerms {
		count = p.Granularity.UsedThrough
	}
	used, whole := count(span, iv, at, zone)
	unit := "days"
	switch p.Granularity {
	case period.BySecond:
		unit = "seconds"
	case period.ByMinute:
		unit = "minutes"
	}
	return Share{whole - used, whole, unit}
}

// Charged is what of a period terms were charged for.
type Charged struct {
	Share  Share       // of the price of a whole period; the zero value means as From and Whole have it
	Whole  period.Span // that shares are parts of; it ends with the period
	From   time.Time   // since when the terms are charged
	Change bool        // a change brought them: its own day was given to one side then
}

// Unused is how much of what was charged is left at an instant. Both results are parts of
// one whole, of the price of a whole period: what a change gives back of the old price and
// what it charges of the new one are the same part, whatever the period has been through,
// so that a change to the same terms comes to nothing.
func (p Proration) Unused(c Charged, iv period.Interval, at time.Time, zone *time.Location) (charged, left Share) {
	if c.Change && !at.After(c.From) {
		return c.Share, c.Share
	}
	begun := p
	if !c.Change {
		begun.ChangeDay = NewTerms // there were no old ones that the first day could stay with
	}
	first, now := begun.Left(c.Whole, iv, c.From, zone), p.Left(c.Whole, iv, at, zone)
	now.Left = min(now.Left, first.Left)
	switch s := c.Share; {
	case s.Whole == 0 || s.sameAs(first):
		return first, now
	case first.Left == 0:
		return s, Share{0, s.Whole, s.Unit}
	case s.Left == s.Whole:
		return Share{first.Left, first.Left, first.Unit}, Share{now.Left, first.Left, now.Unit}
	case s.Left == first.Left && s.Unit == first.Unit:
		return s, Share{now.Left, s.Whole, s.Unit}
	default:
		return s.times(first, now)
	}
}

// sameAs reports whether two shares are the same part.
func (s Share) sameAs(o Share) bool {
	a, b := new(big.Int).Mul(big.NewInt(s.Left), big.NewInt(o.Whole)), new(big.Int).Mul(big.NewInt(o.Left), big.NewInt(s.Whole))
	return a.Cmp(b) == 0
}

// maxWhole bounds the whole of a share of a share, so that shares stay exact numbers
// wherever JSON is read.
const maxWhole = 1_000_000_000_000_000

// times is a share, and what is left of it when of its first pieces now are left.
func (s Share) times(first, now Share) (charged, left Share) {
	times := func(a, b int64) *big.Int { return new(big.Int).Mul(big.NewInt(a), big.NewInt(b)) }
	a, b, whole := times(s.Left, first.Left), times(s.Left, now.Left), times(s.Whole, first.Left)
	common := new(big.Int).GCD(nil, nil, new(big.Int).GCD(nil, nil, a, b), whole)
	for _, n := range []*big.Int{a, b, whole} {
		n.Quo(n, common)
	}
	if limit := big.NewInt(maxWhole); whole.Cmp(limit) > 0 {
		for _, n := range []*big.Int{a, b} {
			n.Quo(n.Mul(n, limit), whole)
		}
		whole = limit
	}
	return Share{a.Int64(), whole.Int64(), now.Unit}, Share{b.Int64(), whole.Int64(), now.Unit}
}

// Line is what was charged for a period, or for the rest of one. Amounts are 0 and more,
// in one currency.
type Line struct {
	Price    money.Amount // of the whole period
	Share    Share        // of the period that was charged; the zero value means all of it
	Paid     money.Amount // what was really paid for the line, after discounts
	Credited money.Amount // what was given back of it before, by refunds and changes
}

// Portion is a share of an amount, with its arithmetic.
type Portion struct {
	Of      money.Amount
	Share   Share
	Amount  money.Amount // rounded half up once
	Limited bool         // Amount is less than the share, because no more can be given back
}

// String is, for example, "30.00 USD × 12/31 days = 11.61 USD"; only the amount for a
// side that a mode leaves out.
func (p Portion) String() string {
	if p.Share == (Share{}) {
		return p.Amount.String()
	}
	s := fmt.Sprintf("%s × %s = %s", p.Of, p.Share, p.Amount)
	if p.Limited {
		s += ", which is all that can be given back"
	}
	return s
}

// portion is a share of an amount, but at most most.
func portion(of money.Amount, share Share, most money.Amount) (Portion, error) {
	a, err := share.Of(of)
	if err != nil {
		return Portion{}, err
	}
	if a.Cmp(most) > 0 {
		return Portion{of, share, money.Amount{Minor: max(most.Minor, 0), Currency: a.Currency}, true}, nil
	}
	return Portion{of, share, a, false}, nil
}

// Credit is what is given back of a line when so much of its period is left. From what was
// paid, a line that was paid in full is credited as it was charged, by its price, so that
// a change to the same terms comes to nothing to the last minor unit; a line that was
// discounted is credited by the time that is left of the time it was paid for. Together
// with what was given back before, it is never more than was paid (or charged, from the
// price).
//
// Shares of different periods, amounts below 0 and two currencies are refused.
func (p Proration) Credit(l Line, left Share) (Portion, error) {
	if l.Share == (Share{}) {
		l.Share = Share{left.Whole, left.Whole, left.Unit}
	}
	charged, err := l.Share.Of(l.Price)
	if err != nil {
		return Portion{}, err
	}
	if left.Whole != l.Share.Whole || left.Unit != l.Share.Unit {
		return Portion{}, fault.New(fault.Invalid, "%s and %s are not shares of one period", left, l.Share).WithCode("share_invalid")
	}
	if l.Price.Sign() < 0 || l.Paid.Sign() < 0 || l.Credited.Sign() < 0 {
		return Portion{}, fault.New(fault.Invalid, "a line with an amount below 0 cannot be credited").WithCode("amount_negative")
	}
	most := charged
	if p.CreditFrom == FromPaid && l.Paid.Cmp(charged) < 0 {
		most = l.Paid
	}
	if _, err := money.Common(l.Price, l.Paid); err != nil {
		return Portion{}, err
	}
	rest, err := most.Sub(l.Credited)
	if err != nil {
		return Portion{}, err
	}
	if most != charged {
		return portion(money.Amount{Minor: l.Paid.Minor, Currency: charged.Currency}, left.Within(l.Share), rest)
	}
	left.Left = min(left.Left, l.Share.Left)
	return portion(l.Price, left, rest)
}

// Settlement is what a change of terms comes to. Credit and Charge are 0 and more; a
// side that the mode leaves out is the zero value in the currency of the terms.
type Settlement struct {
	Mode   Mode
	Credit Portion // for what is left of the old terms
	Charge Portion // for what is left at the new ones
}

// Net is Charge less Credit: what is to be paid or, below 0, given back.
func (s Settlement) Net() (money.Amount, error) { return s.Charge.Amount.Sub(s.Credit.Amount) }

// Settle is what a change comes to: left is what is left of the line's period, price
// what the new terms cost for a whole period of theirs, share the part of that period
// that they begin with (WholePeriod when they begin a new one), and up says that they are
// dearer. Refusals are those of Credit; terms in two currencies are refused too.
func (p Proration) Settle(old Line, left Share, price money.Amount, share Share, up bool) (Settlement, error) {
	cur, err := money.Common(old.Price, price)
	if err != nil {
		return Settlement{}, err
	}
	none := Portion{Of: money.Zero(cur), Amount: money.Zero(cur)}
	s := Settlement{Mode: p.Down, Credit: none, Charge: none}
	if up {
		s.Mode = p.Up
	}
	switch s.Mode {
	case SettleNone:
		return s, nil
	case SettleFull:
		share = WholePeriod()
	default:
		s.Credit, err = p.Credit(old, left)
		if err != nil {
			return Settlement{}, err
		}
	}
	s.Charge, err = portion(price, share, price)
	if err != nil {
		return Settlement{}, err
	}
	return s, nil
}

// Dearer reports whether b for each bEvery costs more than a for each aEvery, compared
// by the month. The caller knows that the currencies are the same.
func Dearer(a money.Amount, aEvery period.Interval, b money.Amount, bEvery period.Interval) bool {
	aMonths, aParts := aEvery.Months()
	bMonths, bParts := bEvery.Months()
	monthly := func(minor, parts, otherMonths int64) *big.Int {
		n := new(big.Int).Mul(big.NewInt(minor), big.NewInt(parts))
		return n.Mul(n, big.NewInt(otherMonths))
	}
	return monthly(b.Minor, bParts, aMonths).Cmp(monthly(a.Minor, aParts, bMonths)) > 0
}
