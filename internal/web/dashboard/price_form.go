package dashboard

import (
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/text/language"

	"perennial/internal/catalog"
	"perennial/internal/commerce"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/money"
	"perennial/internal/period"
	"perennial/internal/usage"
	"perennial/internal/web"
)

// intervals are the choices of how often a price is charged.
var intervals = []web.Option{{Value: "month", Label: "Every month"}, {Value: "year", Label: "Every year"}, {Value: "once", Label: "Once"}, {Value: "week", Label: "Every week"},
	{Value: "3 months", Label: "Every 3 months"}, {Value: "6 months", Label: "Every 6 months"}, {Value: "day", Label: "Every day"}, {Value: "other", Label: "At another interval"}, {Value: "dates", Label: "On fixed days"}}

// priceForm is the form of a new price, alone or with its product. Its fields have the
// names by which refusals of the catalog know them, as far as the form is like the terms.
type priceForm struct {
	filled
	meters []usage.Meter
	next   []web.Option // prices that may follow the last payment
	focus  string       // the field of a row that was just added
	shown  *web.Table   // what some quantities cost
	path   string       // of the form
	notice *web.Message // above it; nil for none
}

// A form of rows: the fields of each, by the name of their list.
var rowFields = map[string][]string{
	"charge.tiers": {"up_to", "unit", "flat"},
	"currencies":   {"code", "amount", "setup_fee", "trial_amount", "minimum", "tiers", "overage"},
	"usage":        {"meter", "included", "price", "block", "trial_included"},
}

// mostRows is how many rows of a list a form has at most.
var mostRows = map[string]int{"charge.tiers": catalog.MaxTiers, "currencies": 20, "usage": catalog.MaxMetered}

func rowName(list string, i int, field string) string {
	return list + "." + strconv.Itoa(i) + "." + field
}

// rows is how many rows of a list the form has.
func (f filled) rows(list string) int {
	n := 0
	for n < mostRows[list] && f.has(list, n) {
		n++
	}
	return n
}

// has reports whether the form has a row, filled in or not.
func (f filled) has(list string, i int) bool {
	return slices.ContainsFunc(rowFields[list], func(field string) bool { return f.Has(rowName(list, i, field)) })
}

// tidy leaves rows out in which nothing was filled in, and moves those after them up.
func (f filled) tidy() {
	for list, fields := range rowFields {
		kept := 0
		for i, n := 0, f.rows(list); i < n; i++ {
			empty := !slices.ContainsFunc(fields, func(field string) bool { return f.text(rowName(list, i, field)) != "" })
			for _, field := range fields {
				value := f.Get(rowName(list, i, field))
				f.Del(rowName(list, i, field))
				if !empty {
					f.Set(rowName(list, kept, field), value)
				}
			}
			if !empty {
				kept++
			}
		}
	}
}

// doField is the name of the buttons that only change the form.
const doField = "do"

// rearrange does what a button of the form asked for, and reports whether one did: to add
// or remove a row, or to show what quantities cost.
func (f *priceForm) rearrange() bool {
	verb, list, _ := strings.Cut(f.Get(doField), " ")
	f.Del(doField)
	switch verb {
	case "add":
		if n := f.rows(list); rowFields[list] != nil && n < mostRows[list] {
			f.addRow(list)
			f.focus = rowName(list, n, rowFields[list][0])
		}
	case "remove":
		if list, at, ok := cutLast(list); ok && rowFields[list] != nil {
			f.removeRow(list, at)
			f.focus = "add-" + list
		}
	case "show":
		f.focus = "show-examples"
	default:
		return false
	}
	return true
}

func (f filled) addRow(list string) {
	n := f.rows(list)
	for _, field := range rowFields[list] {
		f.Set(rowName(list, n, field), "")
	}
}

// removeRow takes a row out, and moves those after it up.
func (f filled) removeRow(list, at string) {
	n := f.rows(list)
	i, err := strconv.Atoi(at)
	if err != nil || i < 0 || i >= n {
		return
	}
	for _, field := range rowFields[list] {
		for row := i; row < n-1; row++ {
			f.Set(rowName(list, row, field), f.Get(rowName(list, row+1, field)))
		}
		f.Del(rowName(list, n-1, field))
	}
}

// cutLast cuts a name at its last point.
func cutLast(name string) (list, at string, ok bool) {
	i := strings.LastIndexByte(name, '.')
	if i < 0 {
		return "", "", false
	}
	return name[:i], name[i+1:], true
}

func (f priceForm) model() catalog.Model {
	if m := catalog.Model(f.Get("charge.model")); m.Known() {
		return m
	}
	return catalog.PerUnit
}

func (f priceForm) tiered() bool {
	return f.model() == catalog.Volume || f.model() == catalog.Graduated
}

// currency is the currency of the form, or the one that it began with.
func (f priceForm) currency() money.Currency { return money.Currency(f.Get("currency")) }

// decimal reads a number as people write it; an empty field is zero.
func decimalOf(s, name string, bad *fault.Fields) money.Decimal {
	if s == "" {
		return money.Decimal{}
	}
	d, err := money.ParseDecimal(strings.ReplaceAll(s, ",", ""))
	if err != nil {
		bad.Add(name, err)
	}
	return d
}

// unitOf reads the price of a piece: money as people write it, or a decimal below the
// smallest coin.
func unitOf(s, name string, c money.Currency, bad *fault.Fields) money.Decimal {
	if s == "" {
		return money.Decimal{}
	}
	a, err := money.ParseLocale(s, c, language.English)
	if err == nil {
		return money.UnitPriceOf(a).Major
	}
	if d, err := money.ParseDecimal(s); err == nil {
		return d
	}
	bad.Bad(name, "must be a price such as 8.50, or 0.0025 for less than the smallest coin")
	return money.Decimal{}
}

func (f priceForm) minor(name string, c money.Currency, bad *fault.Fields) int64 {
	if a := f.amount(name, c, bad); a != nil {
		return *a
	}
	return 0
}

// price reads the form, with the names of its fields in what it refuses. All wrong inputs
// are told at once.
func (f priceForm) price() (commerce.CreatePrice, error) {
	f.tidy()
	var bad fault.Fields
	p := commerce.CreatePrice{Name: f.text("price_name")}
	c, err := money.ParseCurrency(f.Get("currency"))
	if err != nil {
		bad.Add("currency", err)
		return p, bad.Err()
	}
	p.Amount.Currency = c
	f.readInterval(&p, &bad)
	f.readCharge(&p, &bad)
	f.readTrial(&p, &bad)
	p.SetupFee = f.minor("setup_fee", c, &bad)
	p.Terms.SetupEvery = int(f.whole("setup_every", &bad))
	f.readPayments(&p, &bad)
	f.readUsage(&p, &bad)
	f.readPrepaid(&p, &bad)
	f.readCurrencies(&p, &bad)
	p.MaxQuantity = catalog.MaxQuantity
	if f.text("max_quantity") != "" {
		p.MaxQuantity = f.whole("max_quantity", &bad)
	}
	if err := bad.Err(); err != nil {
		return p, err
	}
	// The product is made before its price, so a price that would be refused is told
	// before anything is made.
	made := catalog.Price{Name: p.Name, Amount: p.Amount, Interval: p.Interval, TrialDays: p.TrialDays, SetupFee: money.Amount{Minor: p.SetupFee, Currency: c},
		MaxQuantity: p.MaxQuantity, Terms: p.Terms, State: catalog.Active}
	return p, f.asFields(made.Check())
}

func (f priceForm) readInterval(p *commerce.CreatePrice, bad *fault.Fields) {
	interval := f.Get("interval")
	switch interval {
	case "once":
		return
	case "dates":
		for _, line := range strings.FieldsFunc(f.Get("dates"), func(r rune) bool { return r <= ' ' || r == ',' || r == ';' }) {
			p.Terms.Dates = append(p.Terms.Dates, catalog.Date(line))
			if len(p.Terms.Dates) > catalog.MaxPayments {
				break
			}
		}
		bad.Check(len(p.Terms.Dates) > 0, "dates", "must be given")
		return
	case "other":
		interval = f.text("other_interval")
		if interval == "" {
			bad.Bad("other_interval", "must be given")
			return
		}
		var err error
		if p.Interval, err = period.ParseInterval(strings.ToLower(interval)); err != nil {
			bad.Bad("other_interval", "%s", fault.As(err).Message)
		}
		return
	}
	var err error
	if p.Interval, err = period.ParseInterval(interval); err != nil {
		bad.Bad("interval", "%s", fault.As(err).Message)
	}
}

// readCharge reads how the quantity is priced. A price for each piece without more is
// an amount alone.
func (f priceForm) readCharge(p *commerce.CreatePrice, bad *fault.Fields) {
	c := p.Amount.Currency
	ch := catalog.Charge{Model: f.model(), Minimum: f.minor("charge.minimum", c, bad)}
	if ch.Model == catalog.Package {
		ch.Block = f.whole("charge.block", bad)
	}
	if f.tiered() {
		ch.Tiers = f.readTiers(c, bad)
		p.Terms.Charge = &ch
		return
	}
	amount := f.text("amount")
	if amount == "" {
		bad.Bad("amount", "must be given")
		return
	}
	ch.Unit = unitOf(amount, "amount", c, bad)
	if ch.Model == catalog.PerUnit && ch.Minimum == 0 {
		if plain, err := money.ParseMajor(ch.Unit.String(), c); err == nil {
			p.Amount = plain
			return
		}
	}
	p.Terms.Charge = &ch
}

func (f priceForm) readTiers(c money.Currency, bad *fault.Fields) []catalog.Tier {
	var tiers []catalog.Tier
	for i, n := 0, f.rows("charge.tiers"); i < n; i++ {
		name := func(field string) string { return rowName("charge.tiers", i, field) }
		tier := catalog.Tier{Unit: unitOf(f.text(name("unit")), name("unit"), c, bad), Flat: f.minor(name("flat"), c, bad)}
		if s := f.text(name("up_to")); s != "" {
			end := decimalOf(s, name("up_to"), bad)
			tier.UpTo = &end
		}
		tiers = append(tiers, tier)
	}
	return tiers
}

func (f priceForm) readTrial(p *commerce.CreatePrice, bad *fault.Fields) {
	p.TrialDays = int(f.whole("trial_days", bad))
	p.Terms.TrialAmount = f.minor("trial_amount", p.Amount.Currency, bad)
	p.Terms.TrialPayments = int(f.whole("trial_payments", bad))
}

func (f priceForm) readPayments(p *commerce.CreatePrice, bad *fault.Fields) {
	p.Terms.Payments, p.Terms.Split = int(f.whole("payments", bad)), f.on("split")
	if s := f.text("next_price"); s != "" {
		var err error
		p.Terms.NextPrice, err = id.Parse[id.Price](s)
		bad.Check(err == nil, "next_price", "must be one of the list")
	}
	p.Terms.AnchorDay = int(f.whole("anchor_day", bad))
	if p.Terms.AnchorDay != 0 {
		p.Terms.FirstPeriod = catalog.FirstPeriod(f.Get("first_period"))
	}
}

func (f priceForm) meter(name string, bad *fault.Fields) id.Meter {
	m, err := id.Parse[id.Meter](f.Get(name))
	bad.Check(err == nil, name, "must be one of the list")
	return m
}

func (f priceForm) readUsage(p *commerce.CreatePrice, bad *fault.Fields) {
	for i, n := 0, f.rows("usage"); i < n; i++ {
		name := func(field string) string { return rowName("usage", i, field) }
		m := catalog.Metered{Meter: f.meter(name("meter"), bad), Included: decimalOf(f.text(name("included")), name("included"), bad),
			Overage: catalog.Charge{Model: catalog.PerUnit, Unit: unitOf(f.text(name("price")), name("price"), p.Amount.Currency, bad), Block: f.whole(name("block"), bad)}}
		if m.Overage.Block == 1 {
			m.Overage.Block = 0
		}
		if m.Overage.Block != 0 {
			m.Overage.Model = catalog.Package
		}
		if s := f.text(name("trial_included")); s != "" {
			trial := decimalOf(s, name("trial_included"), bad)
			m.TrialIncluded = &trial
		}
		p.Terms.Usage = append(p.Terms.Usage, m)
	}
}

func (f priceForm) readPrepaid(p *commerce.CreatePrice, bad *fault.Fields) {
	units, at := f.text("prepaid.units"), f.text("prepaid.top_up_at")
	if f.text("prepaid.meter") == "" && units == "" && at == "" {
		return
	}
	pre := catalog.Prepaid{Meter: f.meter("prepaid.meter", bad), Units: decimalOf(units, "prepaid.units", bad)}
	if at != "" {
		limit := decimalOf(at, "prepaid.top_up_at", bad)
		pre.TopUpAt = &limit
	}
	p.Terms.Prepaid = &pre
}

// readCurrencies reads what the price costs in other currencies: the same terms with
// other numbers.
func (f priceForm) readCurrencies(p *commerce.CreatePrice, bad *fault.Fields) {
	p.Terms.Convert = f.on("convert")
	n := f.rows("currencies")
	if n > 0 {
		p.Terms.Currencies = map[money.Currency]catalog.Fixed{}
	}
	for i := range n {
		name := func(field string) string { return rowName("currencies", i, field) }
		c, err := money.ParseCurrency(f.text(name("code")))
		if err != nil {
			bad.Add(name("code"), err)
			continue
		}
		if _, twice := p.Terms.Currencies[c]; twice {
			bad.Bad(name("code"), "stands in another row already")
			continue
		}
		p.Terms.Currencies[c] = f.fixed(i, c, p.Terms, bad)
	}
}

func (f priceForm) fixed(i int, c money.Currency, t catalog.Terms, bad *fault.Fields) catalog.Fixed {
	name := func(field string) string { return rowName("currencies", i, field) }
	fixed := catalog.Fixed{SetupFee: f.minor(name("setup_fee"), c, bad), TrialAmount: f.minor(name("trial_amount"), c, bad)}
	if t.Charge == nil {
		bad.Check(f.text(name("amount")) != "", name("amount"), "must be given")
		fixed.Amount = f.minor(name("amount"), c, bad)
	} else {
		ch := *t.Charge
		ch.Minimum = f.minor(name("minimum"), c, bad)
		if f.tiered() {
			ch.Tiers = f.fixedTiers(name("tiers"), c, ch.Tiers, bad)
		} else {
			bad.Check(f.text(name("amount")) != "", name("amount"), "must be given")
			ch.Unit = unitOf(f.text(name("amount")), name("amount"), c, bad)
		}
		fixed.Charge = &ch
		if one, err := money.NewDecimal(1); err == nil {
			if a, _, err := ch.Amount(one, c); err == nil {
				fixed.Amount = a.Minor
			}
		}
	}
	prices := semicolons(f.text(name("overage")))
	if len(prices) != len(t.Usage) {
		bad.Bad(name("overage"), "must have %s, one for each line of usage", counted(len(t.Usage), "price"))
		return fixed
	}
	for n, s := range prices {
		over := t.Usage[n].Overage
		over.Unit = unitOf(s, name("overage"), c, bad)
		fixed.Overage = append(fixed.Overage, over)
	}
	return fixed
}

// fixedTiers reads the prices of tiers in one line: "8; 6.50 + 5; 3".
func (f priceForm) fixedTiers(name string, c money.Currency, of []catalog.Tier, bad *fault.Fields) []catalog.Tier {
	prices := semicolons(f.text(name))
	if len(prices) != len(of) {
		bad.Bad(name, "must have %s, one for each tier, with semicolons between", counted(len(of), "price"))
		return nil
	}
	tiers := slices.Clone(of)
	for i, s := range prices {
		unit, flat, both := strings.Cut(s, "+")
		tiers[i].Unit, tiers[i].Flat = unitOf(strings.TrimSpace(unit), name, c, bad), 0
		if both {
			a, err := money.ParseLocale(strings.TrimSpace(flat), c, language.English)
			bad.Add(name, err)
			tiers[i].Flat = a.Minor
		}
	}
	return tiers
}

// semicolons are the parts of a line between semicolons.
func semicolons(s string) []string {
	if s == "" {
		return nil
	}
	parts := strings.Split(s, ";")
	for i := range parts {
		parts[i] = strings.TrimSpace(parts[i])
	}
	return parts
}

// asFields gives the fields of a refusal the names that they have in the form.
func (f priceForm) asFields(err error) error {
	if err == nil || len(fault.As(err).Fields) == 0 {
		return err
	}
	e := *fault.As(err)
	e.Fields = slices.Clone(e.Fields)
	for i := range e.Fields {
		field := &e.Fields[i]
		first, rest, _ := strings.Cut(field.Name, ".")
		switch first {
		case "name":
			field.Name = "price_name"
		case "dates":
			if n, err := strconv.Atoi(rest); err == nil {
				field.Name, field.Message = "dates", fmt.Sprintf("have a wrong day %d: it %s", n+1, field.Message)
			}
		case "charge":
			if rest == "unit" {
				field.Name = "amount"
			}
			if rest == "tiers" {
				field.Name = "charge.model"
			}
		case "usage":
			field.Name = strings.NewReplacer("overage.unit", "price", "overage.block", "block").Replace(field.Name)
			if rest == "" {
				field.Name = "usage.0.meter"
			}
		case "prepaid":
			if rest == "" {
				field.Name = "prepaid.meter"
			}
		case "currencies":
			field.Name = f.currencyField(rest)
		}
	}
	return &e
}

// currencyField is the field of a row for a path such as "EUR.charge.tiers.0.unit".
func (f priceForm) currencyField(path string) string {
	code, rest, _ := strings.Cut(path, ".")
	for i, n := 0, f.rows("currencies"); i < n; i++ {
		if f.text(rowName("currencies", i, "code")) != code {
			continue
		}
		switch {
		case rest == "":
			rest = "code"
		case rest == "charge.minimum":
			rest = "minimum"
		case strings.HasPrefix(rest, "charge.tiers"):
			rest = "tiers"
		case strings.HasPrefix(rest, "charge"):
			rest = "amount"
		case strings.HasPrefix(rest, "overage"):
			rest = "overage"
		}
		return rowName("currencies", i, rest)
	}
	return "currencies"
}

// compute fills in what some quantities cost, when the form is good enough for it.
func (f *priceForm) compute() {
	for f.rows("charge.tiers") < 2 { // so that there is something to fill in once tiers are chosen
		f.addRow("charge.tiers")
	}
	c, err := money.ParseCurrency(f.Get("currency"))
	if err != nil {
		return
	}
	var bad fault.Fields
	p := commerce.CreatePrice{Amount: money.Zero(c)}
	as := priceForm{filled: filled{Values: maps.Clone(f.Values)}}
	as.tidy()
	as.readCharge(&p, &bad)
	ch := chargeOf(catalog.Price{Amount: p.Amount, Terms: p.Terms})
	if bad.Err() != nil || ch.Check(c) != nil {
		return
	}
	t := examples(ch, c, catalog.MaxQuantity)
	f.shown = &t
}

// newPriceForm is the form as it begins.
func newPriceForm(c money.Currency) filled {
	return filled{Values: url.Values{"currency": {string(c)}, "interval": {"month"}, "charge.model": {string(catalog.PerUnit)},
		"charge.tiers.0.up_to": {""}, "charge.tiers.1.up_to": {""}}}
}

// catalogWords begin the sentences about wrong fields of the catalog and of settings.
var catalogWords = map[string]string{"up_to": "The end of the tier", "unit": "The price of the tier", "flat": "The fixed part of the tier", "minimum": "The minimum",
	"block": "The size of a block", "model": "The tiers", "trial_amount": "The price of the trial", "trial_payments": "The payments of the trial", "setup_every": "The repetition of the fee",
	"payments": "The payments", "split": "The split", "next_price": "The price that follows", "anchor_day": "The billing day", "first_period": "The first period", "dates": "The days",
	"other_interval": "The interval", "code": "The code", "included": "The included units", "trial_included": "The units of the trial", "top_up_at": "The balance for the next units",
	"tiers": "The prices of the tiers", "overage": "The prices of more usage", "price_name": "The name of the plan",

	"percent": "The share", "cycles": "The number of charges", "starts_on": "The first day", "ends_on": "The last day", "max_redemptions": "The uses in total", "max_per_customer": "The uses of each customer",
	"kind": "The kind", "applies_to": "The charges", "products": "The products", "stackable": "The combination",
	"cancel": "The choice", "tax_kind": "The kind", "skips": "The number of periods", "allowed": "The pause", "longest": "The longest pause", "fee": "The fee", "every": "The interval of the fee",
	"aggregation": "What counts", "prepaid": "Paying ahead", "grace": "The wait", "late": "The choice", "rate": "The rate", "least": "The least worth", "most": "The most worth", "from": "The first day",
	"seller_country": "The country", "seller_region": "The region", "proration": "The policy", "tax_profile": "The tax profile", "tax_name": "The name of the tax", "tax_rate": "The rate"}

// plainWords say in refusals what the form says instead of what the engine says.
var plainWords = strings.NewReplacer("before starts_on", "before the first day", "below least", "below the least worth", "the aggregation sum", "“All units together”", "seller_country", "the country")

// catalogWord is the word of a field by the last part of its name.
func catalogWord(field string) string {
	if _, last, ok := cutLast(field); ok {
		if word := catalogWords[last]; word != "" {
			return word
		}
		return fieldWords[last]
	}
	return catalogWords[field]
}
