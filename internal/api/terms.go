package api

import (
	"strconv"

	"perennial/internal/catalog"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/money"
	"perennial/internal/period"
)

// What a price says beyond its amount, and a product beyond its name. These forms are
// the same in requests and in answers. What is not said is left out.

// Charge is how a quantity becomes an amount.
type Charge struct {
	Model   string `json:"model" enum:"per_unit,flat,volume,graduated,package" doc:"per_unit: unit for each piece; flat: unit whatever the quantity; volume: all pieces at the price of the tier that the quantity lies in; graduated: each piece at the price of its own tier; package: unit for each block that is begun."`
	Unit    string `json:"unit,omitempty" maxLength:"40" example:"0.0025" doc:"Price in major units, an exact decimal; left out of volume and graduated."`
	Block   int64  `json:"block,omitempty" minimum:"1" maximum:"1000000000000" doc:"Pieces in a block, for package."`
	Tiers   []Tier `json:"tiers,omitempty" maxItems:"50" doc:"For volume and graduated, ascending."`
	Minimum int64  `json:"minimum,omitempty" minimum:"0" maximum:"10000000000000" doc:"The least that a period costs, in minor units."`
}

// Tier is the price of the pieces up to a quantity.
type Tier struct {
	UpTo *string `json:"up_to,omitempty" maxLength:"40" example:"1000" doc:"Inclusive; left out of the last tier, which has no end."`
	Unit string  `json:"unit,omitempty" maxLength:"40" example:"0.05" doc:"Price of one piece in major units, an exact decimal; free when it is left out."`
	Flat int64   `json:"flat,omitempty" minimum:"0" maximum:"10000000000000" doc:"Minor units, added once when the tier is reached."`
}

// Metered is the usage of one meter that a period includes, and what more costs.
type Metered struct {
	Meter         string  `json:"meter" maxLength:"40"`
	Included      string  `json:"included,omitempty" maxLength:"40" example:"1000" doc:"Units of each period; none when it is left out."`
	Overage       Charge  `json:"overage" doc:"Of the units beyond."`
	TrialIncluded *string `json:"trial_included,omitempty" maxLength:"40" doc:"Units of the whole trial; included when it is left out."`
}

// CurrencyPrice is what a price costs in another currency.
type CurrencyPrice struct {
	Amount      int64    `json:"amount" minimum:"0" maximum:"10000000000000" doc:"Whole minor units of that currency."`
	SetupFee    int64    `json:"setup_fee,omitempty" minimum:"0" maximum:"10000000000000"`
	TrialAmount int64    `json:"trial_amount,omitempty" minimum:"0" maximum:"10000000000000"`
	Charge      *Charge  `json:"charge,omitempty" doc:"Exactly when the price has one."`
	Overage     []Charge `json:"overage,omitempty" maxItems:"20" doc:"One for each entry of usage, in its order."`
}

// PrepaidUnits is what a sale adds to a customer's balance of a meter.
type PrepaidUnits struct {
	Meter   string  `json:"meter" maxLength:"40"`
	Units   string  `json:"units" maxLength:"40" example:"10000"`
	TopUpAt *string `json:"top_up_at,omitempty" maxLength:"40" doc:"Sells the price again when the balance falls to it, in the currency of the last sale and ten times in a row at most; left out: never."`
}

// PriceTerms is what a price says beyond its amount and interval.
type PriceTerms struct {
	Charge        *Charge                  `json:"charge,omitempty" doc:"Prices the quantity; left out, each piece costs amount."`
	Usage         []Metered                `json:"usage,omitempty" maxItems:"20" doc:"Billed by meters after each period."`
	Currencies    map[string]CurrencyPrice `json:"currencies,omitempty" maxProperties:"200" doc:"Prices in other currencies, by their names."`
	Convert       bool                     `json:"convert,omitempty" doc:"Sell in any other currency at the stored exchange rate of the day of the sale."`
	Payments      int                      `json:"payments,omitempty" minimum:"1" maximum:"366" doc:"How many payments there are; left out: until it ends otherwise."`
	NextPrice     string                   `json:"next_price,omitempty" maxLength:"40" doc:"Begins after the last payment."`
	Split         bool                     `json:"split,omitempty" doc:"Amount is the whole, divided over payments."`
	TrialAmount   int64                    `json:"trial_amount,omitempty" minimum:"0" maximum:"10000000000000" doc:"What the trial costs, in minor units; free when it is left out."`
	TrialPayments int                      `json:"trial_payments,omitempty" minimum:"1" maximum:"12" doc:"Over how many payments the trial amount is divided."`
	SetupEvery    int                      `json:"setup_every,omitempty" minimum:"1" maximum:"120" doc:"Charge the setup fee again every so many periods."`
	AnchorDay     int                      `json:"anchor_day,omitempty" minimum:"1" maximum:"31" doc:"Bill everybody on that day of the month."`
	FirstPeriod   string                   `json:"first_period,omitempty" enum:"full,free" doc:"What the time up to the first anchor day costs; left out: its share of a period."`
	Dates         []string                 `json:"dates,omitempty" maxItems:"366" example:"[\"2026-10-01\"]" doc:"The days of payment of a price without interval, ascending."`
	Prepaid       *PrepaidUnits            `json:"prepaid,omitempty" doc:"Of a one-time price."`
}

// decimal reads an exact decimal; "" is zero.
func decimal(f *fault.Fields, field, text string) money.Decimal {
	if text == "" {
		return money.Decimal{}
	}
	d, err := money.ParseDecimal(text)
	f.Add(field, err)
	return d
}

// given reads an exact decimal that may be left out; text that is there must be one.
func given(f *fault.Fields, field string, text *string) *money.Decimal {
	if text == nil {
		return nil
	}
	d, err := money.ParseDecimal(*text)
	f.Add(field, err)
	return &d
}

// refer reads an id that a body names below a path.
func refer[I id.Identifier](f *fault.Fields, field, text string) I {
	v, err := parse[I](field, text)
	f.Add(field, err)
	return v
}

func (c Charge) read(f *fault.Fields, at string) catalog.Charge {
	out := catalog.Charge{Model: catalog.Model(c.Model), Unit: decimal(f, at+".unit", c.Unit), Block: c.Block, Minimum: c.Minimum}
	for i, t := range c.Tiers {
		here := at + ".tiers." + strconv.Itoa(i)
		out.Tiers = append(out.Tiers, catalog.Tier{UpTo: given(f, here+".up_to", t.UpTo), Unit: decimal(f, here+".unit", t.Unit), Flat: t.Flat})
	}
	return out
}

// readMaybe is read of a charge that may be left out.
func (c *Charge) readMaybe(f *fault.Fields, at string) *catalog.Charge {
	if c == nil {
		return nil
	}
	out := c.read(f, at)
	return &out
}

func chargeOf(c catalog.Charge) Charge {
	out := Charge{Model: string(c.Model), Block: c.Block, Minimum: c.Minimum}
	if len(c.Tiers) == 0 {
		out.Unit = c.Unit.String()
	}
	for _, t := range c.Tiers {
		out.Tiers = append(out.Tiers, Tier{UpTo: decimalOf(t.UpTo), Unit: t.Unit.String(), Flat: t.Flat})
	}
	return out
}

func decimalOf(d *money.Decimal) *string {
	if d == nil {
		return nil
	}
	text := d.String()
	return &text
}

func (t PriceTerms) read(f *fault.Fields) catalog.Terms {
	out := catalog.Terms{Charge: t.Charge.readMaybe(f, "charge"), Convert: t.Convert, Payments: t.Payments, NextPrice: refer[id.Price](f, "next_price", t.NextPrice), Split: t.Split,
		TrialAmount: t.TrialAmount, TrialPayments: t.TrialPayments, SetupEvery: t.SetupEvery, AnchorDay: t.AnchorDay, FirstPeriod: catalog.FirstPeriod(t.FirstPeriod)}
	for i, m := range t.Usage {
		at := "usage." + strconv.Itoa(i)
		out.Usage = append(out.Usage, catalog.Metered{Meter: refer[id.Meter](f, at+".meter", m.Meter), Included: decimal(f, at+".included", m.Included),
			Overage: m.Overage.read(f, at+".overage"), TrialIncluded: given(f, at+".trial_included", m.TrialIncluded)})
	}
	for name, p := range t.Currencies {
		if out.Currencies == nil {
			out.Currencies = map[money.Currency]catalog.Fixed{}
		}
		at := "currencies." + name
		currency, err := money.ParseCurrency(name)
		if err != nil || string(currency) != name { // one spelling, so that none comes twice
			f.Bad("currencies", "must have currencies of ISO 4217 as their names, for example USD")
		}
		fixed := catalog.Fixed{Amount: p.Amount, SetupFee: p.SetupFee, TrialAmount: p.TrialAmount, Charge: p.Charge.readMaybe(f, at+".charge")}
		for i, c := range p.Overage {
			fixed.Overage = append(fixed.Overage, c.read(f, at+".overage."+strconv.Itoa(i)))
		}
		out.Currencies[currency] = fixed
	}
	for _, d := range t.Dates {
		out.Dates = append(out.Dates, catalog.Date(d))
	}
	if p := t.Prepaid; p != nil {
		out.Prepaid = &catalog.Prepaid{Meter: refer[id.Meter](f, "prepaid.meter", p.Meter), Units: *given(f, "prepaid.units", &p.Units), TopUpAt: given(f, "prepaid.top_up_at", p.TopUpAt)}
	}
	return out
}

func termsOf(t catalog.Terms) PriceTerms {
	out := PriceTerms{Charge: shown(t.Charge, chargeOf), Convert: t.Convert, Payments: t.Payments, NextPrice: t.NextPrice.String(), Split: t.Split, TrialAmount: t.TrialAmount,
		TrialPayments: t.TrialPayments, SetupEvery: t.SetupEvery, AnchorDay: t.AnchorDay, FirstPeriod: string(t.FirstPeriod)}
	for _, m := range t.Usage {
		out.Usage = append(out.Usage, Metered{Meter: m.Meter.String(), Included: m.Included.String(), Overage: chargeOf(m.Overage), TrialIncluded: decimalOf(m.TrialIncluded)})
	}
	for currency, fixed := range t.Currencies {
		if out.Currencies == nil {
			out.Currencies = map[string]CurrencyPrice{}
		}
		p := CurrencyPrice{Amount: fixed.Amount, SetupFee: fixed.SetupFee, TrialAmount: fixed.TrialAmount, Charge: shown(fixed.Charge, chargeOf)}
		for _, c := range fixed.Overage {
			p.Overage = append(p.Overage, chargeOf(c))
		}
		out.Currencies[string(currency)] = p
	}
	for _, d := range t.Dates {
		out.Dates = append(out.Dates, string(d))
	}
	if p := t.Prepaid; p != nil {
		out.Prepaid = &PrepaidUnits{Meter: p.Meter.String(), Units: p.Units.String(), TopUpAt: decimalOf(p.TopUpAt)}
	}
	return out
}

// ProductSettings is how a product's subscriptions may be ended, paused and skipped, and
// how it is taxed and sent.
type ProductSettings struct {
	Cancel  string       `json:"cancel,omitempty" enum:"period_end,last_payment,never" doc:"How customers may end it: not before the end of the period, only after the last payment, or never; left out: at any time."`
	Pause   *PausePolicy `json:"pause,omitempty" doc:"Left out, it cannot be paused."`
	Skips   int          `json:"skips,omitempty" minimum:"0" maximum:"100" doc:"How many periods a subscription may skip in its life."`
	Ends    []string     `json:"ends,omitempty" maxItems:"20" doc:"Products whose subscriptions of the same customer end when one to this product begins: when it is bought, when another is changed to it, and when it follows another price by itself and is paid for the first time."`
	Ships   bool         `json:"ships,omitempty" doc:"It is sent to somebody, and shipping rules apply."`
	TaxKind string       `json:"tax_kind,omitempty" enum:"goods,service,untaxed" doc:"The kind of supply, which decides where it is taxed; left out: digital."`
	Align   bool         `json:"align,omitempty" doc:"Gives a new subscription the billing day of an earlier one of the same customer and interval."`

	Recovery string `json:"recovery_policy,omitempty" maxLength:"40" doc:"For failed payments; left out: the campaign's."`

	Licenses *LicenseTerms `json:"licenses,omitempty" doc:"Keys that come with it; left out: none."`
}

// PausePolicy is how a subscription may be paused.
type PausePolicy struct {
	Allowed bool   `json:"allowed"`
	Longest string `json:"longest,omitempty" maxLength:"20" example:"3 months" doc:"Left out: without end."`
	Periods int    `json:"periods,omitempty" minimum:"1" maximum:"366" doc:"The most periods; left out: no such limit."`
	Fee     int64  `json:"fee,omitempty" minimum:"0" maximum:"10000000000000" doc:"Minor units of the subscription's currency."`
	Every   string `json:"every,omitempty" maxLength:"20" example:"month" doc:"How often the fee is charged; left out: once."`
}

// interval reads an interval; "" is none.
func interval(f *fault.Fields, field, text string) period.Interval {
	if text == "" {
		return period.Interval{}
	}
	every, err := period.ParseInterval(text)
	f.Add(field, err)
	return every
}

// read notes wrong fields with their path below the body.
func (s ProductSettings) read(f *fault.Fields) catalog.Settings {
	out := catalog.Settings{Cancel: catalog.CancelPolicy(s.Cancel), Skips: s.Skips, Ships: s.Ships, TaxKind: catalog.TaxKind(s.TaxKind), Align: s.Align}
	if p := s.Pause; p != nil {
		out.Pause = catalog.PausePolicy{Allowed: p.Allowed, Longest: interval(f, "settings.pause.longest", p.Longest), Periods: p.Periods, Fee: p.Fee,
			Every: interval(f, "settings.pause.every", p.Every)}
	}
	s.Licenses.put(&out)
	out.Recovery = refer[id.RecoveryPolicy](f, "settings.recovery_policy", s.Recovery)
	for i, text := range s.Ends {
		out.Ends = append(out.Ends, mustRefer[id.Product](f, "settings.ends."+strconv.Itoa(i), text))
	}
	if err := out.Check(); err != nil && f.Err() == nil {
		f.Add("settings", below("settings", err))
	}
	return out
}

// mustRefer is refer of an id that cannot be left out.
func mustRefer[I id.Identifier](f *fault.Fields, field, text string) I {
	if text == "" {
		f.Bad(field, "names nothing in this account")
		var none I
		return none
	}
	return refer[I](f, field, text)
}

// below puts the wrong fields of a refusal below a path.
func below(path string, err error) error {
	if !fault.Is(err, fault.Invalid) {
		return err
	}
	var f fault.Fields
	for _, field := range fault.As(err).Fields {
		f.Bad(path+"."+field.Name, "%s", field.Message)
	}
	if f.Err() == nil {
		return err
	}
	return f.Err()
}

func settingsOf(s catalog.Settings) ProductSettings {
	out := ProductSettings{Cancel: string(s.Cancel), Skips: s.Skips, Ships: s.Ships, TaxKind: string(s.TaxKind), Align: s.Align, Recovery: s.Recovery.String(), Licenses: licenseTermsOf(s)}
	if p := s.Pause; p != (catalog.PausePolicy{}) {
		out.Pause = &PausePolicy{Allowed: p.Allowed, Longest: p.Longest.String(), Periods: p.Periods, Fee: p.Fee, Every: p.Every.String()}
	}
	for _, p := range s.Ends {
		out.Ends = append(out.Ends, p.String())
	}
	return out
}
