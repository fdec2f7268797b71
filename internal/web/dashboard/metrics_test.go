package dashboard_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/chromedp/chromedp/kb"

	"perennial/internal/commerce"
	"perennial/internal/customer"
	"perennial/internal/db"
	"perennial/internal/event"
	"perennial/internal/id"
	"perennial/internal/metrics"
	"perennial/internal/money"
	"perennial/internal/period"
	"perennial/internal/report"
	"perennial/internal/subscription"
	"perennial/internal/web/pagetest"
	"perennial/internal/web/webtest"
)

// earning makes a sandbox that has earned for some months: with trials, upgrades, people who
// leave and one who comes back.
func earning(t *testing.T, s *pagetest.Stack, acc id.Account) {
	t.Helper()
	ctx := t.Context()
	call := commerce.Call{Account: acc, Actor: event.Actor{Kind: event.ByOperator, Name: "test"}}
	ok := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	product, err := s.Service.CreateProduct(ctx, commerce.CreateProduct{Call: call, Name: "Studio"})
	ok(err)
	var prices []id.Price
	for _, p := range []commerce.CreatePrice{{Name: "Monthly", Amount: money.Amount{Minor: 2000, Currency: "EUR"}}, {Name: "Tried", Amount: money.Amount{Minor: 3000, Currency: "EUR"}, TrialDays: 10},
		{Name: "Yearly", Amount: money.Amount{Minor: 24000, Currency: "EUR"}, Interval: period.Interval{Unit: period.Year, Count: 1}}} {
		if p.Call, p.Product = call, product.ID; p.Interval.IsZero() {
			p.Interval = period.Interval{Unit: period.Month, Count: 1}
		}
		made, err := s.Service.CreatePrice(ctx, p)
		ok(err)
		prices = append(prices, made.ID)
	}
	names := []string{"Ines Okafor", "Li Wei", "Noor Haddad", "Tomas Vega", "Ana Silva", "Jonas Berg", "Mei Tan", "Sara Lind"}
	_, now, err := s.Reader.Account(ctx, acc)
	ok(err)
	var subs []id.Subscription
	for i, name := range names {
		sale, err := s.Service.Sell(ctx, commerce.Sell{Call: call, Price: prices[i%3], Quantity: 1, Token: "tok_visa", Source: "test",
			Buyer: &commerce.CreateCustomer{Email: fmt.Sprintf("buyer%d@example.com", i), Buyer: customer.Buyer{Name: name, Country: "DE"}}})
		ok(err)
		subs = append(subs, sale.Subscription.ID)
		if i == 3 {
			_, err = s.Service.Change(ctx, commerce.Change{Call: call, Subscription: subs[0], When: subscription.Now, To: commerce.NewTerms{Quantity: 3}})
			ok(err)
			_, err = s.Service.Cancel(ctx, commerce.Cancel{Call: call, Subscription: subs[1], When: subscription.Now, Override: true})
			ok(err)
		}
		if i == 6 {
			_, err = s.Service.Cancel(ctx, commerce.Cancel{Call: call, Subscription: subs[3], When: subscription.AtPeriodEnd})
			ok(err)
		}
		now = now.Add(21 * 24 * time.Hour)
		_, err = s.Service.AdvanceClock(ctx, commerce.AdvanceClock{Call: call, To: now})
		ok(err)
	}
}

// A merchant sees what they earn, finds the customers behind a figure, reads a chart with
// the keyboard and takes the figures along as a file.
func TestMetricsInTheDashboard(t *testing.T) {
	t.Parallel()
	s := pagetest.New(t, db.SQLite)
	b := webtest.Open(t)
	acc := s.SetUp(t, b)
	at := func(parts ...string) string {
		return s.URL + "/app/" + acc.String() + "/metrics" + strings.Join(append([]string{""}, parts...), "/")
	}
	shoot := func(name string) {
		t.Helper()
		for _, width := range []int{1280, 360} {
			for _, dark := range []bool{false, true} {
				if dark && os.Getenv("GALLERY") == "" && name != "home" && name != "cohorts" {
					continue // the colours of all others are those of other pages
				}
				b.Viewport(width, 900, dark)
				b.WaitFor("main")
				if wide := webtest.Eval[int](b, `document.documentElement.scrollWidth`); wide > width {
					t.Errorf("%s is %d px wide on a screen of %d px", name, wide, width)
				}
				b.Axe()
				if dir := os.Getenv("GALLERY"); dir != "" {
					b.Screenshot(filepath.Join(dir, fmt.Sprintf("metrics-%s-%d-%t.png", name, width, dark)))
				}
			}
		}
		b.Viewport(1280, 900, false)
	}
	for _, empty := range []string{"", "cohorts", "trials", "plans", "cash", "lifetime"} {
		b.Goto(strings.TrimSuffix(at(empty), "/"))
		b.WaitFor("main")
	}
	b.Goto(at())
	b.WaitText("Nothing is measured yet")
	shoot("empty")
	earning(t, s, acc)
	b.Goto(at())
	b.WaitText("What moved the recurring revenue?")
	b.WaitText("Complete up to")
	shoot("home")
	b.Follow("Churned")
	b.WaitText("All customers, counted anew")
	shoot("explain")
	b.Goto(at("explain") + "?metric=new_recurring_revenue&period=2026-11")
	b.Follow("Ines Okafor")
	b.WaitText("Changed the quantity")
	shoot("customer")
	b.Goto(at("of", "recurring_revenue") + "?range=d92")
	b.WaitFor(".plot-live canvas")
	webtest.Eval[bool](b, `(document.querySelector(".plot-live").focus(), true)`)
	before := webtest.Eval[string](b, `document.querySelector(".plot-live").getAttribute("aria-valuetext")`)
	b.Press(kb.ArrowLeft)
	after := webtest.Eval[string](b, `document.querySelector(".plot-live").getAttribute("aria-valuetext")`)
	if before == after || !strings.Contains(after, "€") {
		t.Errorf("the cursor read %q, then %q", before, after)
	}
	shoot("metric")
	b.Goto(at() + "?country=DE&set=stripe")
	b.WaitText("Country: DE")
	b.Expect(http.StatusUnprocessableEntity)
	b.Goto(at() + "?trait=nonsense")
	b.WaitText("must be a category")
	for _, page := range []struct{ name, shows string }{{"cohorts", "All, weighted"}, {"trials", "Do trials turn into money?"}, {"plans", "Where does the revenue come from?"}, {"lifetime", "Forecast"},
		{"cash", "What arrives, and what goes back?"}, {"definitions", "What they differ in"}} {
		b.Goto(at(page.name))
		b.WaitText(page.shows)
		shoot(page.name)
	}
	b.Goto(at("cohorts") + "?of=revenue&as=absolute")
	b.WaitText("€")
	figuresAsFile(t, s, b, at("csv")+"?metric=recurring_revenue", acc)
	for _, file := range []string{at("cohorts", "csv"), at("plans", "csv"), at("cash", "csv")} {
		if text := webtest.Eval[string](b, `fetch(`+fmt.Sprintf("%q", file)+`).then(r => r.text())`); strings.Count(text, "\n") < 2 {
			t.Errorf("%s is %q", file, text)
		}
	}
	b.NoScript()
	b.Goto(at("of", "recurring_revenue"))
	b.WaitFor(".plot svg")
}

// figuresAsFile compares the file of a metric with the figures.
func figuresAsFile(t *testing.T, s *pagetest.Stack, b *webtest.Browser, address string, acc id.Account) {
	t.Helper()
	text := webtest.Eval[string](b, `fetch(`+fmt.Sprintf("%q", address)+`).then(r => r.text())`)
	f, err := s.Reader.Metrics(t.Context(), acc, report.Measure{Grain: metrics.ByMonth})
	if err != nil {
		t.Fatal(err)
	}
	revenue, _ := metrics.MetricOf("recurring_revenue")
	want := "period,recurring_revenue\n"
	for i := range f.Points {
		want += f.Points[i].Name(f.Grain) + "," + f.Points[i].Value(revenue).Plain(metrics.Money, f.Currency) + "\n"
	}
	if text != want {
		t.Errorf("the file is\n%s\nthe figures are\n%s", text, want)
	}
}
