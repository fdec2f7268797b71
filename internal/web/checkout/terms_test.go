package checkout_test

import (
	"html"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"perennial/internal/account"
	"perennial/internal/catalog"
	"perennial/internal/commerce"
	"perennial/internal/coupon"
	"perennial/internal/customer"
	"perennial/internal/db"
	"perennial/internal/event"
	"perennial/internal/id"
	"perennial/internal/invoice"
	"perennial/internal/money"
	"perennial/internal/period"
	"perennial/internal/tax"
	"perennial/internal/web/pagetest"
	"perennial/internal/web/webtest"
)

// stall is a sandbox account without products: each test makes what it sells.
type stall struct {
	*shop
	call commerce.Call
}

func stalled(t *testing.T, engine string) *stall {
	t.Helper()
	s := &stall{shop: &shop{Stack: pagetest.New(t, engine)}}
	made, err := s.Service.CreateAccount(t.Context(), commerce.CreateAccount{Actor: event.Actor{Kind: event.ByOperator, Name: "test"}, Name: "Green Press", Email: "help@green-press.example",
		Mode: account.Sandbox, Currency: "EUR", Zone: "Europe/Berlin", Country: "DE"})
	ok(t, err)
	s.account = made.Account.ID
	s.call = commerce.Call{Account: s.account, Actor: event.Actor{Kind: event.ByOperator, Name: "test"}}
	return s
}

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func eur(minor int64) money.Amount { return money.Amount{Minor: minor, Currency: "EUR"} }

func decimal(t *testing.T, text string) money.Decimal {
	t.Helper()
	d, err := money.ParseDecimal(text)
	ok(t, err)
	return d
}

var monthly = period.Interval{Unit: period.Month, Count: 1}

// product makes a product whose checkout the stall opens from now on.
func (s *stall) product(t *testing.T, settings catalog.Settings) id.Product {
	t.Helper()
	p, err := s.Service.CreateProduct(t.Context(), commerce.CreateProduct{Call: s.call, Name: "Studio", Settings: settings})
	ok(t, err)
	view, err := s.Reader.Product(t.Context(), s.account, p.ID)
	ok(t, err)
	s.path = "/c/" + view.Links[0].Slug
	return p.ID
}

// price makes a price of 30.00 a month; change changes it.
func (s *stall) price(t *testing.T, product id.Product, change func(*commerce.CreatePrice)) catalog.Price {
	t.Helper()
	c := commerce.CreatePrice{Call: s.call, Product: product, Name: "Monthly", Amount: eur(3000), Interval: monthly, MaxQuantity: 10}
	if change != nil {
		change(&c)
	}
	p, err := s.Service.CreatePrice(t.Context(), c)
	ok(t, err)
	return p
}

// sold makes a product with one price, and opens its checkout.
func (s *stall) sold(t *testing.T, settings catalog.Settings, change func(*commerce.CreatePrice)) catalog.Price {
	t.Helper()
	return s.price(t, s.product(t, settings), change)
}

func (s *stall) coupon(t *testing.T, c coupon.Coupon) {
	t.Helper()
	_, err := s.Service.CreateCoupon(t.Context(), commerce.CreateCoupon{Call: s.call, Coupon: c})
	ok(t, err)
}

// europe taxes the account's sales by the rules of the Union.
func (s *stall) europe(t *testing.T, inclusive bool) {
	t.Helper()
	p, err := s.Service.CreateTaxProfile(t.Context(), commerce.CreateTaxProfile{Call: s.call, Profile: tax.Profile{Name: "Union", Kind: tax.EUVAT, SellerCountry: "DE", Inclusive: inclusive, ShippingTaxed: true}})
	ok(t, err)
	_, err = s.Service.UpdateAccount(t.Context(), commerce.UpdateAccount{Call: s.call, TaxProfile: &p.ID})
	ok(t, err)
}

var hiddenField = regexp.MustCompile(`type="hidden" name="([a-z_]+)" value="([^"]*)"`)

// filled is the form of the checkout as the page gives it, with what a buyer types.
func (s *stall) filled(t *testing.T, query string, typed ...string) url.Values {
	t.Helper()
	page := s.get(t, s.path+query)
	if page.status != http.StatusOK {
		t.Fatalf("the page answered %d", page.status)
	}
	return fill(page.body, typed...)
}

// fill takes the hidden fields of a page, and adds what a buyer types.
func fill(page string, typed ...string) url.Values {
	form := url.Values{"quantity": {"1"}, "email": {"ines@example.com"}, "name": {"Ines Okafor"}, "country": {"DE"}, "card": {"4242 4242 4242 4242"}}
	for _, f := range hiddenField.FindAllStringSubmatch(page, -1) {
		form.Set(f[1], html.UnescapeString(f[2]))
	}
	for i := 0; i+1 < len(typed); i += 2 {
		form.Set(typed[i], typed[i+1])
	}
	return form
}

var tags = regexp.MustCompile(`<[^>]*>`)

// words is the text of a page, runs of spaces as one.
func words(page string) string {
	return strings.Join(strings.Fields(html.UnescapeString(tags.ReplaceAllString(page, " "))), " ")
}

func (r reply) shows(t *testing.T, status int, wanted ...string) {
	t.Helper()
	text := words(r.body)
	if r.status != status {
		t.Errorf("answered %d, want %d: %.300s", r.status, status, text)
	}
	for _, want := range wanted {
		if !strings.Contains(text, want) {
			t.Errorf("the page lacks %q:\n%s", want, text[min(len(text), 60):min(len(text), 900)]+" … "+text[max(0, len(text)-900):])
		}
	}
}

func (s *stall) total(t *testing.T, query string) reply {
	t.Helper()
	return s.get(t, s.path+"/total"+query)
}

// last is the newest invoice.
func (s *stall) last(t *testing.T) invoice.Invoice {
	t.Helper()
	list := s.invoices(t)
	if len(list) == 0 {
		t.Fatal("there is no invoice")
	}
	return list[0]
}

// bought sends a form that must buy, and returns what was charged.
func (s *stall) bought(t *testing.T, form url.Values) invoice.Invoice {
	t.Helper()
	r := s.post(t, form)
	if r.status != http.StatusSeeOther {
		r.shows(t, http.StatusSeeOther)
		t.FailNow()
	}
	return s.last(t)
}

// Every kind of price is told in full before it is paid for, and what is shown is
// charged.
func TestTermsAreTold(t *testing.T) {
	t.Parallel()
	s := stalled(t, db.SQLite)
	calls, err := s.Service.CreateMeter(t.Context(), commerce.CreateMeter{Call: s.call, Code: "calls", Name: "API calls"})
	ok(t, err)
	units, err := s.Service.CreateMeter(t.Context(), commerce.CreateMeter{Call: s.call, Code: "minutes", Name: "Talk", Unit: "minutes", Prepaid: true})
	ok(t, err)
	ten, hundred, thousand := decimal(t, "10"), decimal(t, "100"), decimal(t, "1000")
	tiers := &catalog.Charge{Model: catalog.Graduated, Tiers: []catalog.Tier{{UpTo: &ten, Unit: decimal(t, "5")}, {Unit: decimal(t, "4")}}}
	for _, c := range []struct {
		name   string
		change func(*commerce.CreatePrice)
		query  string
		due    int64
		wanted []string
	}{
		{"instalments", func(c *commerce.CreatePrice) { c.Terms.Payments = 3 }, "", 3000,
			[]string{"€30.00 today, then 2 payments of €30.00 every month, the first on 5 Dec 2026 and the last on 5 Jan 2027: €90.00 in all. After that nothing is charged, and it ends on 5 Feb 2027.", "as said above, until the last payment"}},
		{"split", func(c *commerce.CreatePrice) { c.Amount, c.Terms.Payments, c.Terms.Split = eur(10000), 3, true }, "", 3334,
			[]string{"€33.34 today, then 2 payments of €33.33 every month", "€100.00 in all"}},
		{"paid trial", func(c *commerce.CreatePrice) { c.TrialDays, c.Terms.TrialAmount = 14, 500 }, "", 500,
			[]string{"€5.00 today for the trial until 19 Nov 2026. On 19 Nov 2026 we charge €30.00, then €30.00 every month until you cancel. Cancel before 19 Nov 2026 and you pay nothing more."}},
		{"trial in parts", func(c *commerce.CreatePrice) { c.TrialDays, c.Terms.TrialAmount, c.Terms.TrialPayments = 20, 500, 2 }, "", 250,
			[]string{"€2.50 today, then for the trial €2.50 on 15 Nov 2026. On 25 Nov 2026 we charge €30.00"}},
		{"fee that comes again", func(c *commerce.CreatePrice) { c.SetupFee, c.Terms.SetupEvery = 1000, 6 }, "", 4000,
			[]string{"€40.00 today, then €30.00 every month until you cancel, next on 5 Dec 2026. The set-up fee comes again after every 6 periods: the charge of 5 May 2027 is €40.00."}},
		{"short first period", func(c *commerce.CreatePrice) { c.Terms.AnchorDay = 1 }, "", 2541,
			[]string{"€25.41 today for the time until 1 Dec 2026, then €30.00 on the 1st of each month until you cancel, next on 1 Dec 2026."}},
		{"free until the first", func(c *commerce.CreatePrice) { c.Terms.AnchorDay, c.Terms.FirstPeriod = 1, catalog.FreeFirst }, "", 0,
			[]string{"Studio, free until 1 Dec 2026", "€0.00 today. On 1 Dec 2026 we charge €30.00, then €30.00 on the 1st of each month until you cancel.", "Place the order"}},
		{"dates", func(c *commerce.CreatePrice) {
			c.Interval, c.Terms.Dates = period.Interval{}, []catalog.Date{"2026-10-01", "2026-11-05", "2027-02-01", "2027-06-01"}
		}, "", 3000, []string{"€30.00 today, then €30.00 on 1 Feb 2027 and €30.00 on 1 Jun 2027: €90.00 in all."}},
		{"dates to come", func(c *commerce.CreatePrice) {
			c.Interval, c.Terms.Dates = period.Interval{}, []catalog.Date{"2027-02-01", "2027-06-01"}
		}, "", 0,
			[]string{"€0.00 today. Then we charge €30.00 on 1 Feb 2027 and €30.00 on 1 Jun 2027: €60.00 in all. Cancel before 1 Feb 2027 and you pay nothing."}},
		{"usage", func(c *commerce.CreatePrice) {
			c.Terms.Usage = []catalog.Metered{{Meter: calls.ID, Included: decimal(t, "10000"), Overage: catalog.Charge{Model: catalog.PerUnit, Unit: decimal(t, "0.002")}}}
		}, "", 3000, []string{"API calls: 10,000 included in each period; more is charged after the period, €0.002 each."}},
		{"prepaid", func(c *commerce.CreatePrice) {
			c.Interval, c.Terms.Prepaid = period.Interval{}, &catalog.Prepaid{Meter: units.ID, Units: thousand, TopUpAt: &hundred}
		}, "?quantity=2", 6000, []string{"You pay €60.00 today for 2 × 1,000 minutes (Talk). Each time no more than 100 minutes are left, we charge €30.00 again and add 1,000 minutes more.",
			"agree that Green Press charges this card €30.00 again, without asking, each time your balance falls to 100 minutes."}},
		{"tiers", func(c *commerce.CreatePrice) { c.MaxQuantity, c.Terms.Charge = 100, tiers }, "?quantity=12", 5800,
			[]string{"Studio – Monthly × 12 €58.00", "Up to 10", "Above 10", "€4.00", "then €58.00 every month"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			price := s.sold(t, catalog.Settings{}, c.change)
			s.get(t, s.path+c.query).shows(t, http.StatusOK, c.wanted...)
			before := len(s.invoices(t))
			quantity := "1"
			if q, err := url.ParseQuery(strings.TrimPrefix(c.query, "?")); err == nil && q.Has("quantity") {
				quantity = q.Get("quantity")
			}
			form := s.filled(t, c.query, "quantity", quantity, "price", price.ID.String())
			s.Clock.Add(3 * time.Minute) // a buyer reads before paying
			done := s.post(t, form)
			done.shows(t, http.StatusSeeOther)
			list := s.invoices(t)
			switch {
			case c.due == 0 && len(list) != before:
				t.Errorf("charged %v", list[0].Total)
			case c.due > 0 && (len(list) != before+1 || list[0].Total.Minor != c.due || list[0].State != invoice.Paid):
				t.Errorf("%d invoices more, want one of %d", len(list)-before, c.due)
			}
			s.get(t, done.to).shows(t, http.StatusOK, "Your order is complete")
			s.Clock.Set(pagetest.Start)
		})
	}
}

// What follows the last payment is said.
func TestWhatFollowsIsTold(t *testing.T) {
	t.Parallel()
	s := stalled(t, db.SQLite)
	next := s.sold(t, catalog.Settings{}, nil)
	s.sold(t, catalog.Settings{Cancel: catalog.CancelLast}, func(c *commerce.CreatePrice) { c.Amount, c.Terms.Payments, c.Terms.NextPrice = eur(1000), 1, next.ID })
	s.get(t, s.path).shows(t, http.StatusOK, "€10.00 today, and nothing else. From 5 Dec 2026 on it goes on as Studio – Monthly: €30.00 every month until you cancel.", "It cannot be cancelled before the last payment.")
}

func TestCodes(t *testing.T) {
	t.Parallel()
	s := stalled(t, db.SQLite)
	s.sold(t, catalog.Settings{}, nil)
	s.coupon(t, coupon.Coupon{Code: "HALF", Kind: coupon.Percent, Percent: mustRate(t, "0.5"), AppliesTo: coupon.All, Cycles: 2, Stackable: true, MaxPerCustomer: 1})
	s.coupon(t, coupon.Coupon{Code: "FIVE", Kind: coupon.Fixed, Amount: eur(500), AppliesTo: coupon.All, Stackable: true})
	s.coupon(t, coupon.Coupon{Code: "LATER", Kind: coupon.Fixed, Amount: eur(100), AppliesTo: coupon.Rebills, Cycles: 1})
	s.coupon(t, coupon.Coupon{Code: "GONE", Kind: coupon.Fixed, Amount: eur(500), AppliesTo: coupon.All, EndsOn: "2026-10-31"})

	s.get(t, s.path+"?coupon=half").shows(t, http.StatusOK, "Code HALF −€15.00", "Due today €15.00", "€15.00 today, then once €15.00, then €30.00 every month until you cancel, next on 5 Dec 2026.")
	s.total(t, "?coupon=half,five").shows(t, http.StatusOK, "Code HALF −€15.00 Code FIVE −€5.00", "Due today €10.00")
	s.get(t, s.path+"?coupon=later").shows(t, http.StatusOK, "Code LATER, for later charges €0.00", "then once €29.00, then €30.00 every month")
	s.get(t, s.path+"?coupon=gone").shows(t, http.StatusOK, "“GONE” does not apply: this coupon was good until 2026-10-31.", "Due today €30.00")
	s.total(t, "?coupon=nothing+HALF").shows(t, http.StatusOK, "There is no code “NOTHING”.", "Code HALF −€15.00", "Due today €15.00")
	s.total(t, "?coupon=HALF+LATER").shows(t, http.StatusOK, "“LATER” does not apply: the coupon LATER cannot be combined with others.", "Due today €15.00")
	s.total(t, "?coupon=4929555012345679").shows(t, http.StatusOK, "Due today €30.00")

	if paid := s.bought(t, s.filled(t, "?coupon=half", "coupon", "half")); paid.Total.Minor != 1500 {
		t.Errorf("charged %v", paid.Total)
	}
	// The same buyer again: refused once, and then sold at the full price that was shown.
	again := s.post(t, s.filled(t, "?coupon=half", "coupon", "half"))
	again.shows(t, http.StatusConflict, "“HALF” cannot be used: this customer redeemed the coupon as often as it can be. It was taken out.", "Due today €30.00")
	if paid := s.bought(t, fill(again.body)); paid.Total.Minor != 3000 {
		t.Errorf("charged %v", paid.Total)
	}
	// A code that nobody computed a total with is told first, and does not stop the sale then.
	told := s.post(t, s.filled(t, "", "coupon", "half five", "email", "noor@example.com"))
	told.shows(t, http.StatusConflict, "Your choice changed the total", "Due today €10.00")
	if paid := s.bought(t, fill(told.body, "coupon", "half five", "email", "noor@example.com")); paid.Total.Minor != 1000 {
		t.Errorf("charged %v", paid.Total)
	}
	wrong := s.post(t, s.filled(t, "", "coupon", "wrong"))
	wrong.shows(t, http.StatusConflict, "There is no code “WRONG”.", "Due today €30.00")
	if paid := s.bought(t, fill(wrong.body, "coupon", "wrong")); paid.Total.Minor != 3000 {
		t.Errorf("charged %v", paid.Total)
	}
}

func TestTaxFollowsThePlace(t *testing.T) {
	t.Parallel()
	s := stalled(t, db.SQLite)
	s.europe(t, false)
	s.sold(t, catalog.Settings{}, nil)
	s.get(t, s.path).shows(t, http.StatusOK, "VAT 19 % €5.70", "Due today €35.70", "Postal code (optional)", "Buying for a company?")
	s.total(t, "?country=PT").shows(t, http.StatusOK, "VAT 23 % €6.90", "Due today €36.90")
	s.total(t, "?country=US").shows(t, http.StatusOK, "Due today €30.00")
	s.total(t, "?country=NL&tax_id=NL123456782B01").shows(t, http.StatusOK, "Reverse charge: you account for the VAT yourself €0.00", "Due today €30.00", "This number is registered.")
	s.total(t, "?country=DE&tax_id=DE404000007").shows(t, http.StatusOK, "Due today €35.70", "This number is not registered.")
	s.total(t, "?country=IT&tax_id=IT50300000176").shows(t, http.StatusOK, "Due today €36.60", "The register of tax numbers does not answer now.")
	s.total(t, "?country=NL&tax_id=77").shows(t, http.StatusOK, "Due today €36.30", "This is not the form of a tax number of your country.")

	// Whoever sends another place than the total was computed for sees the new one first.
	moved := s.post(t, s.filled(t, "", "country", "PT"))
	moved.shows(t, http.StatusConflict, "Your address changed the total", "Due today €36.90")
	if paid := s.bought(t, fill(moved.body, "country", "PT")); paid.Total.Minor != 3690 {
		t.Errorf("charged %v", paid.Total)
	}
	// A place that changes nothing is no reason to ask again.
	if paid := s.bought(t, s.filled(t, "", "country", "DE", "postal_code", "10115")); paid.Total.Minor != 3570 {
		t.Errorf("charged %v", paid.Total)
	}
	business := []string{"country", "NL", "company", "Okafor B.V.", "tax_id", "nl 1234.56782 b01", "address", "Kade 1\r\nUtrecht", "email", "office@okafor.example"}
	reverse := s.post(t, s.filled(t, "", business...))
	reverse.shows(t, http.StatusConflict, "Reverse charge", "Due today €30.00")
	paid := s.bought(t, fill(reverse.body, business...))
	if paid.Total.Minor != 3000 || paid.Notes.Tax != tax.NoteReverseCharge {
		t.Errorf("charged %v with note %q", paid.Total, paid.Notes.Tax)
	}
	who, err := s.Reader.Customer(t.Context(), s.account, paid.Customer)
	ok(t, err)
	if want := (customer.Buyer{Name: "Ines Okafor", Company: "Okafor B.V.", Address: "Kade 1\nUtrecht", Country: "NL", TaxID: "NL123456782B01"}); who.Buyer != want {
		t.Errorf("the invoice is made out to %+v", who.Buyer)
	}
	s.post(t, s.filled(t, "?country=US", "country", "US")).shows(t, http.StatusUnprocessableEntity, "Enter your state. It tells which tax applies.")
}

func TestPricesThatHoldTheTax(t *testing.T) {
	t.Parallel()
	s := stalled(t, db.SQLite)
	s.europe(t, true)
	s.sold(t, catalog.Settings{}, nil)
	s.coupon(t, coupon.Coupon{Code: "HALF", Kind: coupon.Percent, Percent: mustRate(t, "0.5"), AppliesTo: coupon.First})
	s.get(t, s.path).shows(t, http.StatusOK, "Studio – Monthly €30.00 Due today €30.00 Includes VAT 19 % €4.79", "then €30.00 (including €4.79 VAT) every month")
	s.total(t, "?country=PT&coupon=half").shows(t, http.StatusOK, "Studio – Monthly €30.00 Code HALF −€15.00 Due today €15.00 Includes VAT 23 % €2.80")
	if paid := s.bought(t, s.filled(t, "")); paid.Total.Minor != 3000 || paid.Tax.Minor != 479 {
		t.Errorf("charged %v with %v tax", paid.Total, paid.Tax)
	}
}

func TestGoodsAreSentToAnAddress(t *testing.T) {
	t.Parallel()
	s := stalled(t, db.SQLite)
	s.europe(t, false)
	s.sold(t, catalog.Settings{Ships: true, TaxKind: catalog.Goods}, nil)
	for country, amount := range map[string]int64{"DE": 490, "PT": 990} {
		_, err := s.Service.CreateShippingRule(t.Context(), commerce.CreateShippingRule{Call: s.call, Rule: tax.ShippingRule{Name: "Parcel", Kind: tax.InPlace, Place: tax.Place{Country: country}, Amount: eur(amount)}})
		ok(t, err)
	}
	s.get(t, s.path).shows(t, http.StatusOK, "Parcel €4.90", "Due today €41.53", "Street and town that it is sent to")
	s.total(t, "?country=PT").shows(t, http.StatusOK, "Parcel €9.90")
	s.post(t, s.filled(t, "")).shows(t, http.StatusUnprocessableEntity, "Enter the street and the town that it is sent to.", "Enter the postal code that it is sent to.")
	paid := s.bought(t, s.filled(t, "", "address", "Chausseestr. 1, Berlin", "postal_code", "10115"))
	if paid.Total.Minor != 4153 || paid.Notes.Fields["Sent to"] != "Ines Okafor, Chausseestr. 1, Berlin, 10115, Germany" {
		t.Errorf("charged %v, sent to %q", paid.Total, paid.Notes.Fields)
	}
	who, err := s.Reader.Customer(t.Context(), s.account, paid.Customer)
	ok(t, err)
	if who.Taxing.Shipping.PostalCode != "10115" || who.Taxing.Shipping.Lines != "Chausseestr. 1, Berlin" {
		t.Errorf("the address is %+v", who.Taxing.Shipping)
	}
	s.post(t, s.filled(t, "", "address", strings.Repeat("x", 300), "postal_code", "10115")).shows(t, http.StatusUnprocessableEntity, "The address is too long to be printed.")
}

func TestCurrencies(t *testing.T) {
	t.Parallel()
	s := stalled(t, db.SQLite)
	product := s.product(t, catalog.Settings{})
	named := s.price(t, product, func(c *commerce.CreatePrice) {
		c.Terms.Currencies = map[money.Currency]catalog.Fixed{"USD": {Amount: 3500}}
	})
	converted := s.price(t, product, func(c *commerce.CreatePrice) { c.Name, c.Terms.Convert = "Converted", true })
	_, err := s.Service.SetExchangeRate(t.Context(), commerce.SetExchangeRate{Call: s.call, Currency: "GBP", Rate: decimal(t, "0.85")})
	ok(t, err)
	s.get(t, s.path).shows(t, http.StatusOK, "Currency EUR USD", "Due today €30.00")
	s.get(t, s.path+"?currency=usd").shows(t, http.StatusOK, "Due today $35.00", "Pay $35.00")
	s.get(t, s.path+"?currency=GBP&price="+converted.ID.String()).shows(t, http.StatusOK, "Currency EUR GBP", "Due today £25.50", "then £25.50 every month")
	s.get(t, s.path+"?currency=GBP").shows(t, http.StatusOK, "Due today €30.00")
	s.total(t, "?currency=XXX").shows(t, http.StatusOK, "Due today €30.00")
	form := s.filled(t, "?currency=USD", "currency", "USD", "price", named.ID.String())
	if paid := s.bought(t, form); paid.Total != (money.Amount{Minor: 3500, Currency: "USD"}) {
		t.Errorf("charged %v", paid.Total)
	}
	form = s.filled(t, "?currency=GBP&price="+converted.ID.String(), "currency", "GBP", "price", converted.ID.String())
	if paid := s.bought(t, form); paid.Total != (money.Amount{Minor: 2550, Currency: "GBP"}) {
		t.Errorf("charged %v", paid.Total)
	}
	s.post(t, s.filled(t, "", "currency", "USD", "price", named.ID.String())).shows(t, http.StatusConflict, "Your choice changed the total", "Due today $35.00")
}

// A quote that is too old is shown again, and then sells: nobody is refused for ever.
func TestOldTotalsAreShownAgain(t *testing.T) {
	t.Parallel()
	for _, engine := range []string{db.SQLite, db.PostgreSQL} {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			s := stalled(t, engine)
			s.sold(t, catalog.Settings{}, func(c *commerce.CreatePrice) { c.Amount, c.Terms.AnchorDay = eur(9_000_000), 1 })
			form := s.filled(t, "")
			s.Clock.Add(2 * time.Hour)
			old := s.post(t, form)
			old.shows(t, http.StatusConflict, "The total changed since you opened the page", "Nothing was charged.")
			s.Clock.Add(10 * time.Minute)
			form = fill(old.body)
			if paid := s.bought(t, form); form.Get("shown") != paid.Total.Major()[:len(paid.Total.Major())-3]+paid.Total.Major()[len(paid.Total.Major())-2:] {
				t.Errorf("charged %v, shown %s", paid.Total, form.Get("shown"))
			}
			wrong := s.filled(t, "")
			wrong.Set("shown_for", "x#y#z")
			s.post(t, wrong).shows(t, http.StatusConflict, "Nothing was charged.")
		})
	}
}

// A buyer in a browser: a code and another country change the total, live and without
// a script, and what was shown is charged.
func TestBuyWithACodeFromAnotherCountry(t *testing.T) {
	t.Parallel()
	for name, script := range map[string]bool{"script": true, "no script": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := stalled(t, db.SQLite)
			s.europe(t, false)
			s.sold(t, catalog.Settings{}, nil)
			s.coupon(t, coupon.Coupon{Code: "HALF", Kind: coupon.Percent, Percent: mustRate(t, "0.5"), AppliesTo: coupon.First})
			b := webtest.Open(t)
			if !script {
				b.NoScript()
			}
			b.Goto(s.URL + s.path + "?country=DE&coupon=half")
			b.WaitText("Due today €17.85")
			b.Fill("E-mail", "ines@example.com")
			b.Fill("Name", "Ines Okafor")
			b.Choose("Country", "Portugal")
			if script {
				b.WaitText("Due today €18.45")
				b.Choose("Country", "Canada")
				b.WaitText("Province")
				b.Choose("Country", "Portugal")
				b.WaitText("Due today €18.45")
				b.WaitText("Pay €18.45")
				if said := b.Text("#live-polite"); said != "Due today €18.45" {
					t.Errorf("the live region says %q", said)
				}
				b.Fill("Code", "wrong half")
				b.WaitText("There is no code “WRONG”.")
				b.Axe()
				b.Fill("Code", "half")
				b.WaitText("Several codes: put a space between them.")
			} else {
				b.Follow("Update total")
				b.WaitText("Due today €18.45")
			}
			b.Fill("Test card number", "4242424242424242")
			b.Follow("Pay €18.45")
			b.WaitText("Your order is complete")
			b.WaitText("On 5 Dec 2026 we charge €36.90")
			if paid := s.last(t); paid.Total.Minor != 1845 || paid.State != invoice.Paid {
				t.Errorf("charged %v", paid.Total)
			}
		})
	}
}
