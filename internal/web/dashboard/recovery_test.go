package dashboard_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"perennial/internal/commerce"
	"perennial/internal/customer"
	"perennial/internal/db"
	"perennial/internal/event"
	"perennial/internal/id"
	"perennial/internal/money"
	"perennial/internal/period"
	"perennial/internal/recovery"
	"perennial/internal/web/pagetest"
	"perennial/internal/web/webtest"
)

// failing makes a sandbox whose renewals fail in several ways, and advances it until all
// of them are known.
func failing(t *testing.T, s *pagetest.Stack, acc id.Account) {
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
	price, err := s.Service.CreatePrice(ctx, commerce.CreatePrice{Call: call, Product: product.ID, Name: "Monthly", Amount: money.Amount{Minor: 2000, Currency: "EUR"},
		Interval: period.Interval{Unit: period.Month, Count: 1}, MaxQuantity: 1})
	ok(err)
	for i, next := range []string{"tok_chargeDeclinedInsufficientFunds", "tok_chargeDeclinedLostCard", "tok_confirm", "tok_chargeDeclined"} {
		c, err := s.Service.CreateCustomer(ctx, commerce.CreateCustomer{Call: call, Email: fmt.Sprintf("buyer%d@example.com", i), Buyer: customer.Buyer{Name: []string{"Ines Okafor", "Li Wei", "Noor Haddad", "Tomas Vega"}[i]}})
		ok(err)
		_, err = s.Service.Sell(ctx, commerce.Sell{Call: call, Customer: c.ID, Price: price.ID, Token: "tok_visa", Source: "test"})
		ok(err)
		_, err = s.Service.AttachMethod(ctx, commerce.AttachMethod{Call: call, Customer: c.ID, Token: next, ForSubscriptions: true})
		ok(err)
	}
	_, now, err := s.Reader.Account(ctx, acc)
	ok(err)
	_, err = s.Service.AdvanceClock(ctx, commerce.AdvanceClock{Call: call, To: now.Add(31 * 24 * time.Hour)})
	ok(err)
	list, err := s.Reader.Cases(ctx, acc, recovery.Filter{Limit: 10})
	ok(err)
	if len(list) != 4 {
		t.Fatalf("%d cases", len(list))
	}
	_, err = s.Service.AttachMethod(ctx, commerce.AttachMethod{Call: call, Customer: list[0].Case.Customer, Token: "tok_visa", ForSubscriptions: true})
	ok(err)
}

// A merchant sees what failed and what happens next, makes a policy whose dates they see
// before they save it, and hands a link to a customer.
func TestRecoveryInTheDashboard(t *testing.T) {
	t.Parallel()
	s := pagetest.New(t, db.SQLite)
	b := webtest.Open(t)
	acc := s.SetUp(t, b)
	failing(t, s, acc)
	shoot := func(name string) {
		t.Helper()
		for _, width := range []int{1280, 360} {
			for _, dark := range []bool{false, true} {
				b.Viewport(width, 900, dark)
				b.WaitFor("main")
				if wide := webtest.Eval[int](b, `document.documentElement.scrollWidth`); wide > width {
					t.Errorf("%s is %d px wide on a screen of %d px", name, wide, width)
				}
				b.Axe()
				if dir := os.Getenv("GALLERY"); dir != "" {
					b.Screenshot(filepath.Join(dir, fmt.Sprintf("recovery-%s-%d-%t.png", name, width, dark)))
				}
			}
		}
		b.Viewport(1280, 900, false)
	}
	at := func(parts ...string) string {
		return s.URL + "/app/" + acc.String() + "/recovery" + strings.Join(append([]string{""}, parts...), "/")
	}
	b.Goto(at())
	b.WaitText("€60.00")
	b.WaitText("the customer must confirm")
	shoot("board")
	list, err := s.Reader.Cases(t.Context(), acc, recovery.Filter{State: recovery.Open, Limit: 10})
	if err != nil || len(list) != 3 {
		t.Fatalf("%d open cases, %v", len(list), err)
	}
	lost := list[1]
	b.Goto(at("cases", lost.ID.String()))
	b.WaitText("Card networks forbid to charge it again")
	shoot("case")
	b.Expect(http.StatusConflict)
	b.Follow("Charge now")
	b.WaitText("The invoice was not paid")
	shoot("refused")
	b.Goto(at("cases", lost.ID.String()))
	b.Follow("Copy update link")
	b.WaitText("/pay/")
	shoot("link")
	b.Goto(at("policies"))
	b.WaitText("Standard")
	shoot("policies")
	b.Follow("New policy")
	b.Fill("Name", "Patient")
	b.Fill("Try 4 after", "2")
	b.Choose("Unit of try 4", "weeks")
	b.Choose("Keep it unpaid", "")
	b.Follow("Show the dates")
	b.WaitText("Try 4 of 4")
	shoot("form")
	b.Follow("Create policy")
	b.WaitText("The policy was created")
	b.Follow("Use it for the account")
	b.WaitText("For the account: everywhere that names no other.")
	shoot("policy")
	b.Goto(at("results"))
	b.WaitText("By another payment method")
	shoot("results")
}
