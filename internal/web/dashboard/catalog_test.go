package dashboard_test

import (
	"html"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"perennial/internal/account"
	"perennial/internal/catalog"
	"perennial/internal/commerce"
	"perennial/internal/coupon"
	"perennial/internal/db"
	"perennial/internal/id"
	"perennial/internal/money"
	"perennial/internal/tax"
	"perennial/internal/usage"
	"perennial/internal/web/pagetest"
)

// desk is a merchant at the forms of the catalog.
type desk struct {
	*person
	s    *pagetest.Stack
	acc  id.Account
	home string
	call commerce.Call
}

func newDesk(t *testing.T) desk {
	t.Helper()
	s := pagetest.New(t, db.SQLite)
	p := newPerson(t, s)
	acc := p.setUp(s)
	return desk{p, s, acc, "/app/" + acc.String(), commerce.Call{Account: acc}}
}

// fill sends the form of a page with values, as pairs, and wants a status and texts in
// what it answers.
func (d desk) fill(path string, status int, pairs []string, texts ...string) reply {
	d.t.Helper()
	form := url.Values{"operation_key": {d.key(d.home + path)}}
	for i := 0; i+1 < len(pairs); i += 2 {
		form.Add(pairs[i], pairs[i+1])
	}
	r := d.post(d.home+path, form)
	if r.status != status {
		d.t.Fatalf("%s answered %d: %s", path, r.status, said(r.body))
	}
	d.reads(r, texts...)
	return r
}

func (d desk) reads(r reply, texts ...string) {
	d.t.Helper()
	body := html.UnescapeString(r.body)
	for _, text := range texts {
		if !strings.Contains(body, text) {
			d.t.Errorf("it does not say %q: %s", text, said(r.body))
		}
	}
}

// follow reads the page that a form led to.
func (d desk) follow(r reply, texts ...string) {
	d.t.Helper()
	page := d.get(r.header.Get("Location"))
	if page.status != http.StatusOK {
		d.t.Fatalf("%s answered %d", r.header.Get("Location"), page.status)
	}
	d.reads(page, texts...)
}

func (d desk) product(name string) catalog.Product {
	d.t.Helper()
	p, err := d.s.Service.CreateProduct(d.t.Context(), commerce.CreateProduct{Call: d.call, Name: name})
	if err != nil {
		d.t.Fatal(err)
	}
	return p
}

func (d desk) meter(code string, prepaid bool) usage.Meter {
	d.t.Helper()
	m, err := d.s.Service.CreateMeter(d.t.Context(), commerce.CreateMeter{Call: d.call, Code: code, Name: strings.ToUpper(code), Prepaid: prepaid})
	if err != nil {
		d.t.Fatal(err)
	}
	return m
}

func (d desk) prices(p id.Product) []catalog.Price {
	d.t.Helper()
	list, err := d.s.Reader.Prices(d.t.Context(), d.acc, p, 0, 100)
	if err != nil {
		d.t.Fatal(err)
	}
	return list
}

// One form makes prices of every kind, and the price says what it charges.
func TestPriceFormMakesEveryKindOfPrice(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	studio := d.product("Studio")
	calls, credits := d.meter("calls", false), d.meter("credits", true)
	path := "/products/" + studio.ID.String() + "/price"
	base := []string{"currency", "EUR", "charge.model", "per_unit"}
	for _, c := range []struct {
		pairs []string
		want  string
	}{
		{[]string{"amount", "29", "interval", "month"}, "€29.00 every month"},
		{[]string{"amount", "1,234.50", "interval", "once"}, "€1,234.50 once"},
		{[]string{"amount", "5", "interval", "other", "other_interval", "10 days", "trial_days", "14", "trial_amount", "3", "trial_payments", "3", "setup_fee", "20", "setup_every", "12"},
			"€5.00 every 10 days after a 14-day trial at €3.00 in 3 payments; €20.00 to set up and again every 12 periods"},
		{[]string{"amount", "0.0025", "interval", "month", "charge.minimum", "10"}, "0.0025 EUR each, at least €10.00 every month"},
		{[]string{"amount", "8", "interval", "month", "charge.model", "package", "charge.block", "100"}, "€8.00 for each 100 every month"},
		{[]string{"amount", "8", "interval", "month", "charge.model", "flat"}, "€8.00 for any quantity every month"},
		{[]string{"interval", "year", "charge.model", "volume", "charge.tiers.0.up_to", "10", "charge.tiers.0.unit", "8", "charge.tiers.1.up_to", "", "charge.tiers.1.unit", "", "charge.tiers.2.unit", "6.50", "charge.tiers.2.flat", "5",
			"currencies.0.code", "USD", "currencies.0.tiers", "9; 7 + 5"}, "€8.00 each up to 10 … €5.00 and €6.50 each above 10 by volume every year; also in USD"},
		{[]string{"amount", "300", "interval", "month", "payments", "3", "split", "1"}, "€300.00 in 3 payments, one every month"},
		{[]string{"amount", "10", "interval", "month", "anchor_day", "1", "first_period", "free", "convert", "1"}, "€10.00 every month; billed on the 1st of the month, the time up to the first one free; in other currencies at the stored rate"},
		{[]string{"amount", "10", "interval", "dates", "dates", "2027-01-31\r\n2027-05-01"}, "€10.00 on each of 2 days, 31 Jan 2027 to 1 May 2027"},
		{[]string{"amount", "10", "interval", "month", "trial_days", "7", "usage.0.meter", calls.ID.String(), "usage.0.included", "1,000", "usage.0.price", "0.002", "usage.0.trial_included", "50",
			"currencies.0.code", "USD", "currencies.0.amount", "11", "currencies.0.overage", "0.003"}, "€10.00 every month after a 7-day trial; 1,000 CALLS included (50 in the trial), more at 0.002 EUR each; also in USD"},
		{[]string{"amount", "10", "interval", "once", "prepaid.meter", credits.ID.String(), "prepaid.units", "500", "prepaid.top_up_at", "20"}, "€10.00 once; adds 500 CREDITS, and again whenever 20 are left"},
	} {
		pairs := append([]string{}, base[:2]...)
		if !strings.Contains(strings.Join(c.pairs, " "), "charge.model") {
			pairs = append(pairs, base[2:]...)
		}
		r := d.fill(path, http.StatusSeeOther, append(pairs, c.pairs...))
		d.follow(r, "The price was added", c.want)
		newest := d.prices(studio.ID)[0]
		d.reads(d.get(d.home+"/prices/"+newest.ID.String()), c.want+".", "What quantities cost")
	}
	first := d.prices(studio.ID)[len(d.prices(studio.ID))-1]
	r := d.fill(path, http.StatusSeeOther, []string{"currency", "EUR", "charge.model", "per_unit", "amount", "10", "interval", "month", "payments", "3", "next_price", first.ID.String()})
	d.follow(r, "€10.00 every month; 3 payments, then Studio")
	volume := d.prices(studio.ID)[6]
	if usd := volume.Terms.Currencies["USD"]; usd.Charge == nil || len(usd.Charge.Tiers) != 2 || usd.Charge.Tiers[1].Flat != 500 || usd.Amount != 900 || usd.Charge.Tiers[0].UpTo.String() != "10" {
		t.Errorf("the tiers in dollars are %+v", usd)
	}
}

// What cannot be is refused at its field, before anything is made.
func TestPriceFormRefusesAtTheField(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	studio, other := d.product("Studio"), d.product("Other")
	calls, _ := d.meter("calls", false), d.meter("credits", true)
	d.fill("/products/"+other.ID.String()+"/price", http.StatusSeeOther, []string{"currency", "EUR", "interval", "month", "amount", "9"})
	path := "/products/" + studio.ID.String() + "/price"
	for _, c := range []struct {
		pairs       []string
		field, says string
	}{
		{[]string{"interval", "month"}, "amount", "The amount must be given."},
		{[]string{"amount", "much", "interval", "month"}, "amount", "The amount must be a price such as 8.50"},
		{[]string{"amount", "9", "interval", "other", "other_interval", "10 suns"}, "other_interval", "The interval must be an interval"},
		{[]string{"amount", "9", "interval", "once", "trial_days", "7"}, "trial_days", "The trial must be 0 for a price that is paid once."},
		{[]string{"amount", "9", "interval", "month", "trial_amount", "1"}, "trial_amount", "The price of the trial needs trial days."},
		{[]string{"amount", "9", "interval", "once", "payments", "3"}, "payments", "The payments need an interval"},
		{[]string{"amount", "9", "interval", "month", "split", "1"}, "split", "The split needs at least 2 payments"},
		{[]string{"amount", "9", "interval", "week", "anchor_day", "31"}, "anchor_day", "The billing day needs an interval of months or years"},
		{[]string{"amount", "9", "interval", "dates", "dates", "2027-05-01 2027-01-31"}, "dates", "The days have a wrong day 2: it must be later than the date before."},
		{[]string{"interval", "month", "charge.model", "volume"}, "charge-model", "The tiers must be 1 to 50 tiers."},
		{[]string{"interval", "month", "charge.model", "graduated", "charge.tiers.0.up_to", "10", "charge.tiers.0.unit", "5", "charge.tiers.1.up_to", "5", "charge.tiers.1.unit", "4", "charge.tiers.2.unit", "3"}, "charge-tiers-1-up_to", "The end of the tier must be above 10."},
		{[]string{"amount", "9", "interval", "month", "charge.model", "package"}, "charge-block", "The size of a block must be 1"},
		{[]string{"amount", "9", "interval", "month", "setup_fee", "99999999999999"}, "setup_fee", "The setup fee "},
		{[]string{"amount", "9", "interval", "month", "usage.0.included", "10"}, "usage-0-meter", "The meter must be one of the list."},
		{[]string{"amount", "9", "interval", "once", "usage.0.meter", calls.ID.String(), "usage.0.price", "1"}, "usage-0-meter", "needs an interval"},
		{[]string{"amount", "9", "interval", "month", "currencies.0.code", "EUR", "currencies.0.amount", "9"}, "currencies-0-code", "The code is the currency of the price itself."},
		{[]string{"amount", "9", "interval", "month", "currencies.0.code", "USD"}, "currencies-0-amount", "The amount must be given."},
		{[]string{"amount", "9", "interval", "once", "prepaid.meter", calls.ID.String(), "prepaid.units", "5"}, "prepaid-meter", "The meter names nothing in this account"},
		{[]string{"amount", "9", "interval", "month", "next_price", "prc_0000000000001", "payments", "2"}, "next_price", "The price that follows names nothing in this account."},
	} {
		pairs := c.pairs
		if !strings.Contains(strings.Join(pairs, " "), "charge.model") {
			pairs = append(pairs, "charge.model", "per_unit")
		}
		r := d.fill(path, http.StatusUnprocessableEntity, append(pairs, "currency", "EUR", "price_name", "Kept"), c.says, `value="Kept"`)
		if !strings.Contains(r.body, `href="#f-`+c.field+`"`) || !strings.Contains(r.body, `id="f-`+c.field+`"`) {
			t.Errorf("%v: the refusal does not lead to %s: %s", c.pairs, c.field, said(r.body))
		}
	}
	if n := len(d.prices(studio.ID)); n != 0 {
		t.Errorf("%d prices were made", n)
	}
}

// Buttons that change the form keep what was typed, and make nothing.
func TestPriceFormChangesItsRows(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	studio := d.product("Studio")
	path := "/products/" + studio.ID.String() + "/price"
	tiers := []string{"currency", "EUR", "interval", "month", "charge.model", "volume", "price_name", "Team", "charge.tiers.0.up_to", "10", "charge.tiers.0.unit", "8", "charge.tiers.1.up_to", "20", "charge.tiers.1.unit", "7", "charge.tiers.2.unit", "6"}
	r := d.fill(path, http.StatusOK, append(tiers, "do", "add charge.tiers"), "Tier 4", `value="Team"`, `value="20"`, "10 × €8.00")
	if strings.Contains(r.body, "Tier 5") {
		t.Error("more than one row came")
	}
	r = d.fill(path, http.StatusOK, append(tiers, "do", "remove charge.tiers.1"), `value="Team"`, "Tier 2")
	if strings.Contains(r.body, "Tier 3") || strings.Contains(r.body, `value="20"`) || !strings.Contains(r.body, `name="charge.tiers.1.unit" type="text" value="6"`) {
		t.Errorf("the row is still there: %s", said(r.body))
	}
	for _, do := range []string{"remove charge.tiers.99", "remove charge.tiers.-1", "add nothing", "remove nothing", "remove x.1"} {
		d.fill(path, http.StatusOK, append(tiers, "do", do), "Tier 3", `value="Team"`)
	}
	d.fill("/products/new", http.StatusOK, append(tiers, "do", "add usage", "name", "Press"), `value="Press"`)
	if r := d.post(d.home+"/products/examples", url.Values{"currency": {"EUR"}, "charge.model": {"package"}, "amount": {"9"}, "charge.block": {"50"}}); r.status != http.StatusOK || !strings.Contains(r.body, "2 × €9.00") || strings.Contains(r.body, "<html") {
		t.Errorf("examples answered %d: %s", r.status, r.body)
	}
	if n := len(d.prices(studio.ID)); n != 0 {
		t.Errorf("%d prices were made", n)
	}
}

// A product whose price turns out to name what cannot follow is there, and only its price
// is asked for again.
func TestProductWithoutItsPriceIsNotMadeTwice(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	other := d.product("Other")
	d.fill("/products/"+other.ID.String()+"/price", http.StatusSeeOther, []string{"currency", "USD", "interval", "month", "amount", "9"})
	pairs := []string{"name", "Studio", "currency", "EUR", "interval", "month", "amount", "5", "payments", "2", "next_price", d.prices(other.ID)[0].ID.String()}
	r := d.fill("/products/new", http.StatusUnprocessableEntity, pairs, "The product was made, its price was not", "The price that follows must be in the same currency.", `value="5"`)
	list, err := d.s.Reader.Products(t.Context(), d.acc, 0, 10)
	if err != nil || len(list) != 2 || list[0].Name != "Studio" || !strings.Contains(r.body, `action="`+d.home+"/products/"+list[0].ID.String()+`/price"`) {
		t.Fatalf("%d products, %v: %s", len(list), err, said(r.body))
	}
	d.follow(d.fill("/products/"+list[0].ID.String()+"/price", http.StatusSeeOther, append(pairs[2:8:8], "payments", "2")), "€5.00 every month; 2 payments")
}

func TestPricesAreRenamedAndLimited(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	studio := d.product("Studio")
	d.fill("/products/"+studio.ID.String()+"/price", http.StatusSeeOther, []string{"currency", "EUR", "interval", "month", "amount", "9"})
	path := "/prices/" + d.prices(studio.ID)[0].ID.String() + "/edit"
	d.fill(path, http.StatusUnprocessableEntity, []string{"price_name", "Team", "max_quantity", "0"}, "The largest quantity must be 1", `value="Team"`)
	d.follow(d.fill(path, http.StatusSeeOther, []string{"price_name", "Team", "max_quantity", "5"}), "The changes were saved", "Team")
	if p := d.prices(studio.ID)[0]; p.Name != "Team" || p.MaxQuantity != 5 {
		t.Errorf("the price is %+v", p)
	}
}

func TestProductSettings(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	studio, premium := d.product("Studio"), d.product("Premium")
	path := "/products/" + studio.ID.String() + "/settings"
	d.fill(path, http.StatusUnprocessableEntity, []string{"cancel", "never", "pause.allowed", "on", "pause.longest", "3 moons", "skips", "x"}, "must be an interval", "must be a whole number", `value="3 moons"`)
	r := d.fill(path, http.StatusSeeOther, []string{"cancel", "last_payment", "pause.allowed", "on", "pause.longest", "3 months", "pause.periods", "2", "pause.fee", "1.50", "pause.every", "month",
		"skips", "4", "ends", premium.ID.String(), "ships", "1", "tax_kind", "goods", "align", "1"})
	d.follow(r, "The changes were saved", "After the last payment", "Allowed, at most 3 months, at most 2 periods, for a fee", "1 other product", "Goods: taxed where they are sent to", "Needs an address")
	v, err := d.s.Reader.Product(t.Context(), d.acc, studio.ID)
	if s := v.Product.Settings; err != nil || s.Pause.Fee != 150 || s.Pause.Longest.String() != "3 months" || s.Skips != 4 || !s.Align || len(s.Ends) != 1 || s.Ends[0] != premium.ID {
		t.Errorf("the settings are %+v, %v", v.Product.Settings, err)
	}
	d.reads(d.get(d.home+path), `value="1.50"`, `value="3 months"`)
	d.fill(path, http.StatusSeeOther, []string{"cancel", "", "tax_kind", "", "pause.longest", "hidden and ignored"})
	v, err = d.s.Reader.Product(t.Context(), d.acc, studio.ID)
	if err != nil || !v.Product.Settings.IsZero() {
		t.Errorf("the settings are %+v, %v", v.Product.Settings, err)
	}
}

func TestCouponsFromBeginningToEnd(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	studio := d.product("Studio")
	d.reads(d.get(d.home+"/coupons"), "Coupons will stand here")
	for _, c := range []struct {
		pairs []string
		says  string
	}{
		{[]string{"code", "a b", "kind", "percent", "percent", "20", "applies_to", "all"}, "The code must be 1 to 64 letters"},
		{[]string{"code", "X", "kind", "percent", "percent", "120", "applies_to", "all"}, "must be above 0 and at most 100"},
		{[]string{"code", "X", "kind", "amount", "currency", "EUR", "applies_to", "all"}, "The amount must be"},
		{[]string{"code", "X", "kind", "percent", "percent", "20", "applies_to", "first", "cycles", "3"}, "must be 1 or left out"},
		{[]string{"code", "X", "kind", "percent", "percent", "20", "applies_to", "all", "starts_on", "2027-02-01", "ends_on", "2027-01-01"}, "The last day must not be before the first day."},
	} {
		d.fill("/coupons/new", http.StatusUnprocessableEntity, c.pairs, c.says)
	}
	r := d.fill("/coupons/new", http.StatusSeeOther, []string{"code", " spring-20 ", "kind", "percent", "percent", "20 %", "amount", "hidden", "applies_to", "all", "cycles", "3", "max_redemptions", "100", "max_per_customer", "1", "products", studio.ID.String()})
	d.follow(r, "The coupon was created", "SPRING-20", "20 % off every charge, 3 times, of one product, once for each customer.", "0 of 100", "Nobody has used it yet")
	d.fill("/coupons/new", http.StatusConflict, []string{"code", "SPRING-20", "kind", "amount", "amount", "5", "currency", "EUR", "applies_to", "first"}, "SPRING-20")
	list, err := d.s.Reader.Coupons(t.Context(), d.acc, 0, 10)
	if err != nil || len(list) != 1 {
		t.Fatalf("%d coupons, %v", len(list), err)
	}
	one := "/coupons/" + list[0].ID.String()
	d.fill(one+"/edit", http.StatusUnprocessableEntity, []string{"max_redemptions", "-1"}, "The uses in total must be 0, for no limit")
	d.follow(d.fill(one+"/edit", http.StatusSeeOther, []string{"name", "Spring fair", "ends_on", "2027-03-31", "max_redemptions", "7"}), "The changes were saved", "Spring fair", "until 31 Mar 2027", "0 of 7")
	archive := url.Values{"operation_key": {d.key(d.home + one)}, "state": {string(coupon.Archived)}}
	d.follow(d.post(d.home+one+"/archive", archive), "The coupon is not taken any more", "Take it again", "Retired")
	d.reads(d.get(d.home+"/coupons"), "SPRING-20", "Retired")
}

func TestMeters(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.reads(d.get(d.home+"/meters"), "Meters will stand here")
	d.fill("/meters/new", http.StatusUnprocessableEntity, []string{"name", "API calls", "code", "API calls", "aggregation", "max", "prepaid", "1", "late", "refuse", "grace", "5000"}, "must be 0 to 744 hours", `value="API calls"`)
	d.fill("/meters/new", http.StatusUnprocessableEntity, []string{"name", "API calls", "code", "API calls", "aggregation", "max", "prepaid", "1", "late", "refuse"}, "The code must be 1 to 64 letters", "Paying ahead needs “All units together”")
	r := d.fill("/meters/new", http.StatusSeeOther, []string{"name", "API calls", "code", "api_calls", "unit", "calls", "aggregation", "sum", "late", "refuse", "grace", "48"})
	d.follow(r, "The meter was created", "48 hours", "Is refused", `"meter": "api_calls"`)
	one := strings.TrimPrefix(strings.TrimSuffix(r.header.Get("Location"), "?done=meter-created"), d.home)
	d.follow(d.fill(one+"/edit", http.StatusSeeOther, []string{"name", "Calls", "unit", "", "late", "next_period", "grace", "1"}), "Counts in the present period", "1 hour")
	d.follow(d.post(d.home+one+"/archive", url.Values{"operation_key": {d.key(d.home + one)}, "state": {"archived"}}), "The meter does not count any more", "Count again")
}

func TestTaxProfilesAndRules(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.reads(d.get(d.home+"/settings/tax"), "No tax profile yet")
	d.fill("/settings/tax/new", http.StatusUnprocessableEntity, []string{"name", "", "kind", "manual"}, "The name must not be empty.")
	r := d.fill("/settings/tax/new", http.StatusSeeOther, []string{"name", "States", "kind", "us_canada", "seller_country", "US", "shipping_taxed", "1"})
	d.follow(r, "The tax profile was created", "United States and Canada", "No rule of your own")
	one := strings.TrimPrefix(strings.TrimSuffix(r.header.Get("Location"), "?done=tax-created"), d.home)
	profile, err := id.Parse[id.TaxProfile](strings.TrimPrefix(one, "/settings/tax/"))
	if err != nil {
		t.Fatal(err)
	}
	rules := func() []tax.Rule {
		_, list, err := d.s.Reader.TaxProfile(t.Context(), d.acc, profile)
		if err != nil {
			t.Fatal(err)
		}
		return list
	}
	d.fill(one+"/rule", http.StatusUnprocessableEntity, []string{"name", "", "rate", "much", "region", "TX"}, "The name must not be empty.", "must be a plain decimal number")
	d.follow(d.fill(one+"/rule", http.StatusSeeOther, []string{"name", "Sales tax", "rate", "6.25", "country", "US", "region", "tx"}), "The rule was added", "United States, TX", "6.25 %")
	d.fill(one+"/rule", http.StatusUnprocessableEntity, []string{"name", "Sales tax", "rate", "7", "country", "US", "region", "TX"}, "has a rule for the same place and time already")

	table := "name,country,region,postal,rate\nCity tax,US,TX,787*,2\nVAT,Germany,,,19\nVAT,DE,,,1900\nonly,two\nSales tax,US,TX,,5\n"
	r = d.fill(one+"/import", http.StatusUnprocessableEntity, []string{"how", "add", "rules", table}, "Line 3: the country must be a country code", "Line 4: the rate must be", "Line 5: has 2 columns")
	if !strings.Contains(r.body, "City tax,US,TX,787*,2") {
		t.Error("what was pasted is lost")
	}
	d.fill(one+"/import", http.StatusUnprocessableEntity, []string{"how", "add", "rules", "City tax,US,TX,787*,2\nSales tax,US,TX,,5"}, "Line 2: another rule holds in the same place and time")
	d.fill(one+"/import", http.StatusUnprocessableEntity, []string{"how", "add", "rules", "name,country,region,postal,rate"}, "There is no line with a rule.")
	d.fill(one+"/import", http.StatusUnprocessableEntity, []string{"how", "add", "rules", "A,US,,,1\n\"B,US,CA,,1"}, "Line 2: a quotation mark is missing")
	if n := len(rules()); n != 1 {
		t.Fatalf("%d rules after refusals", n)
	}
	d.follow(d.fill(one+"/import", http.StatusSeeOther, []string{"how", "add", "rules", "City tax;US;TX;787*;2 %\r\nSales tax;US;CA;;7.25;2027-01-01;2028-01-01\r\n"}), "The rules were saved", "United States, TX, 787*", "1 Jan 2027 to before 1 Jan 2028")
	list := rules()
	if len(list) != 3 {
		t.Fatalf("%d rules", len(list))
	}
	remove := d.home + one + "/rules/" + list[0].ID.String()
	d.follow(d.post(remove, url.Values{"operation_key": {d.key(d.home + one)}}), "The rule was removed")
	if n := len(rules()); n != 2 {
		t.Errorf("%d rules", n)
	}
	if r := d.post(remove, url.Values{"operation_key": {d.key(d.home + one)}}); r.status != http.StatusConflict {
		t.Errorf("a rule that is gone answered %d", r.status)
	}
	d.follow(d.fill(one+"/import", http.StatusSeeOther, []string{"how", "replace", "rules", "VAT\tDE\t\t\t19"}), "Germany")
	if n := len(rules()); n != 1 {
		t.Errorf("%d rules after replacing", n)
	}

	use := d.home + one + "/use"
	d.follow(d.post(use, url.Values{"operation_key": {d.key(d.home + one)}, "state": {"use"}}), "The tax of new sales was changed", "New sales are taxed by this profile.")
	d.reads(d.get(d.home+"/settings/tax"), "Taxed by it")
	if r := d.post(d.home+one+"/archive", url.Values{"operation_key": {d.key(d.home + one)}, "state": {"archived"}}); r.status != http.StatusConflict || !strings.Contains(r.body, "choose another one first") {
		t.Errorf("retiring the profile of new sales answered %d", r.status)
	}
	d.follow(d.fill(one+"/edit", http.StatusSeeOther, []string{"name", "All states", "inclusive", "1"}), "All states", "Hold the tax", "Not taxed")
	d.follow(d.post(use, url.Values{"operation_key": {d.key(d.home + one)}, "state": {"none"}}), "New sales are not taxed by it.")
}

func TestShippingAndExchangeRates(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	d.reads(d.get(d.home+"/settings/shipping"), "Shipping rules will stand here")
	d.fill("/settings/shipping/new", http.StatusUnprocessableEntity, []string{"name", "Post", "kind", "not_in_place", "currency", "EUR", "amount", "5"}, "The country must be given")
	d.fill("/settings/shipping/new", http.StatusUnprocessableEntity, []string{"name", "Post", "kind", "order_total", "currency", "EUR", "amount", "5", "least", "20", "most", "10"}, "The most worth must not be below the least worth.")
	d.fill("/settings/shipping/new", http.StatusUnprocessableEntity, []string{"name", "Post", "kind", "in_place", "currency", "EUR", "amount", ""}, "The amount must be given; 0 is free.")
	d.follow(d.fill("/settings/shipping/new", http.StatusSeeOther, []string{"name", "Post", "kind", "in_place", "currency", "EUR", "amount", "4.90", "country", "DE", "least", "hidden"}), "The rule was added", "Sent to Germany", "€4.90")
	d.follow(d.fill("/settings/shipping/new", http.StatusSeeOther, []string{"name", "Bulky", "kind", "order_total", "currency", "EUR", "amount", "15", "least", "100", "country", "DE"}), "Orders of €100.00 and more")
	list, err := d.s.Reader.ShippingRules(t.Context(), d.acc, 0, 10)
	if err != nil || len(list) != 2 {
		t.Fatalf("%d rules, %v", len(list), err)
	}
	one := "/settings/shipping/" + list[1].ID.String()
	d.fill(one+"/edit", http.StatusUnprocessableEntity, []string{"name", "", "amount", "4"}, "The name must not be empty.")
	d.follow(d.fill(one+"/edit", http.StatusSeeOther, []string{"name", "Parcel", "amount", "0"}), "Parcel", "€0.00")
	d.follow(d.post(d.home+one+"/archive", url.Values{"operation_key": {d.key(d.home + "/settings/shipping")}, "state": {"archived"}}), "Retired")

	d.reads(d.get(d.home+"/settings/exchange-rates"), "No exchange rate yet")
	d.fill("/settings/exchange-rates", http.StatusUnprocessableEntity, []string{"currency", "EUR", "rate", "1"}, "other than the account's own")
	d.fill("/settings/exchange-rates", http.StatusUnprocessableEntity, []string{"currency", "USD", "rate", "-1"}, "must be a decimal above 0", `value="-1"`)
	d.follow(d.fill("/settings/exchange-rates", http.StatusSeeOther, []string{"currency", "USD", "rate", "1.0835"}), "The exchange rate was set", "1.0835 USD")
}

func TestBillingSettings(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	made, err := d.s.Service.CreateTaxProfile(t.Context(), commerce.CreateTaxProfile{Call: d.call, Profile: tax.Profile{Name: "EU sales", Kind: tax.EUVAT}})
	if err != nil {
		t.Fatal(err)
	}
	d.reads(d.get(d.home+"/settings/billing"), "EU sales (European Union VAT)", "counted to the second", "The whole price of the new terms is charged at once")
	d.fill("/settings/billing", http.StatusUnprocessableEntity, []string{"proration", "by moon", "tax_name", "Tax", "tax_rate", "0"}, "must be the name of a policy")
	d.fill("/settings/billing", http.StatusUnprocessableEntity, []string{"proration", "day", "tax_name", "Tax", "tax_rate", "much"}, "must be a plain decimal number", `value="much"`)
	d.follow(d.fill("/settings/billing", http.StatusSeeOther, []string{"proration", "day_old", "tax_profile", made.ID.String(), "tax_name", "VAT", "tax_rate", "19"}), "The changes were saved")
	rate, err := money.ParsePercent("19")
	if err != nil {
		t.Fatal(err)
	}
	a, _, err := d.s.Reader.Account(t.Context(), d.acc)
	if err != nil || a.Settings.Proration != "day_old" || a.Settings.TaxProfile != made.ID || a.Tax.Name != "VAT" || a.Tax.Rate.Cmp(rate) != 0 {
		t.Errorf("the settings are %+v, %+v, %v", a.Settings, a.Tax, err)
	}
	d.fill("/settings/billing", http.StatusSeeOther, []string{"proration", "second", "tax_profile", "", "tax_name", "VAT", "tax_rate", "19"})
	if a, _, err = d.s.Reader.Account(t.Context(), d.acc); err != nil || a.Settings != (account.Settings{}) {
		t.Errorf("the settings are %+v, %v", a.Settings, err)
	}
}

// Whoever may only see is shown everything and can change nothing.
func TestReadersCannotChangeTheCatalog(t *testing.T) {
	t.Parallel()
	d := newDesk(t)
	for _, role := range []account.Role{account.Analyst, account.Support, account.Finance} {
		d.become(role)
		for _, path := range []string{"/coupons", "/meters", "/settings/tax", "/settings/shipping", "/settings/exchange-rates", "/settings/billing"} {
			r := d.get(d.home + path)
			posts := strings.Contains(r.body, `action="`+d.home+path)
			if r.status != http.StatusOK || role != account.Finance && posts {
				t.Errorf("%s for %s answered %d, with a form: %t", path, role, r.status, posts)
			}
		}
		for _, path := range []string{"/products/new", "/coupons/new", "/meters/new"} {
			if r := d.get(d.home + path); r.status != http.StatusForbidden {
				t.Errorf("%s for %s answered %d", path, role, r.status)
			}
		}
		want := http.StatusForbidden
		if role == account.Finance {
			want = http.StatusOK
		}
		if r := d.get(d.home + "/settings/tax/new"); r.status != want {
			t.Errorf("a new tax profile for %s answered %d", role, r.status)
		}
		if r := d.post(d.home+"/settings/billing", url.Values{"operation_key": {"k"}, "tax_rate": {"x"}}); want == http.StatusForbidden && r.status != want {
			t.Errorf("settings by %s answered %d", role, r.status)
		}
	}
}

// become gives the owner another role.
func (d desk) become(role account.Role) {
	d.t.Helper()
	err := d.s.DB.Update(d.t.Context(), func(tx *db.Tx) error {
		_, err := tx.Exec("update membership set role = $2 where account_id = $1", d.acc, string(role))
		return err
	})
	if err != nil {
		d.t.Fatal(err)
	}
}
