// Package statements checks the text of every statement that the stories and reads
// of the program make: each on a merchant's table names its account, would run
// where the data is sharded by merchant, and is answered from an index, on both
// engines; and no transaction outside signing up writes for two merchants.
package statements

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"perennial/internal/catalog"
	"perennial/internal/clock"
	"perennial/internal/commerce"
	"perennial/internal/db"
	"perennial/internal/db/dbtest"
	"perennial/internal/demo"
	"perennial/internal/event"
	"perennial/internal/gateway/sandbox"
	"perennial/internal/idempotency"
	"perennial/internal/invoice"
	"perennial/internal/money"
	"perennial/internal/outbox"
	"perennial/internal/payment"
	"perennial/internal/period"
	"perennial/internal/report"
	"perennial/internal/subscription"
	"perennial/internal/usage"
)

// What is meant to read more than its share. Everything else must not.
var allow = dbtest.Allow{
	Statements: []string{
		"from account order by id", // the operator's list, and the scheduler's look for work
		"from replay where state = 'running'",
	},
	Transactions: []string{
		"update outbox set next_at = 0, attempts = tries",
		"update subscription set lease_until = 0", "update idempotency set lease_until = 0", // after the death of the only process: every account's leases end
	},
	Plans: []string{
		// Proofs of the books read an account whole, because that is what they prove.
		"from invoice i left join", "from payment p left join", "from ledger_entry e left join", "from invoice_line l left join",
		"from invoice i where i.account_id = $1 and i.state = 'paid' and", "from payment p join invoice i",
		"from ledger_entry where account_id = $1", "from invoice where account_id = $1 group by", "from payment where account_id = $1 and state = 'succeeded' group by",
		"from refund where account_id = $1 and state = 'succeeded' group by", "select id, state, trouble, amount from payment", "select id, payment_id, state, recorded, amount from refund",
		"from dispute where account_id = $1 and booked <> '' group by",
		"from invoice_series s where s.account_id",
		"from commission c join invoice i", "from commission where account_id = $1 group by currency", "from payout where account_id = $1 and state = 'paid' group by",
		"from credit_note c left join", "select n.invoice_id, n.line, sum(n.amount) as net", "from credit_balance where account_id = $1 group by", "from credit_entry where account_id = $1 group by",
		"select customer_id, currency, minor from credit_balance", "select id as coupon_id, redeemed as total",
		// Sums over an account's subscriptions, for its first page.
		"from subscription where account_id = $1 group by state", "where account_id = $1 and state in ('active', 'past_due') group by",
		// Frees what a dead process held, once, at a start.
		"update subscription set lease_until = 0", "update idempotency set lease_until = 0", "update outbox set next_at = 0, attempts = tries",
		// Counts what a replay would send, as it is asked for: every event of the account may be in the range.
		"select kind, count(*) from event", "from replay where state = 'running'",
		// An account has a handful of these, and the list wants them all.
		"from api_key where account_id = $1 order by id", "from membership where account_id = $1 order by member_id",
		"from endpoint where account_id = $1", "from campaign where account_id = $1", "from account order by id",
		"from exchange_rate where account_id = $1 order by", "from gateway_account where account_id = $1",
		// The one row that an account has.
		"from metric_state where account_id = $1", "update metric_state set",
		// A rebuild of the metrics, and its check, read an account whole, in parts.
		"from metric_fact where account_id = $1 and (customer_id, at, id) >", "from metric_terms where account_id = $1 order by id",
		"from metric_customer where account_id = $1 and attributes <> ''",
		// The first of a list in the order of its key.
		"select at from gateway_news where account_id = $1 order by at limit 1",
		// What a merchant said about mails is read together, once for each batch of them.
		"from mail_brand where account_id = $1", "from mail_text where account_id = $1",
	},
}

func TestEveryStatement(t *testing.T) {
	t.Parallel()
	for _, engine := range []string{db.SQLite, db.PostgreSQL} {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			var mu sync.Mutex
			var seen []db.Statement
			d := dbtest.New(t, engine, dbtest.Observe(func(s db.Statement) {
				mu.Lock()
				defer mu.Unlock()
				seen = append(seen, s)
			}))
			live(t, d)
			mu.Lock()
			made := slices.Clone(seen) // the checks ask d too
			mu.Unlock()
			if len(made) < 1000 {
				t.Fatalf("only %d statements were seen", len(made))
			}
			dbtest.CheckStatements(t, made, allow)
			dbtest.CheckPlans(t, dbtest.New(t, engine), made, allow) // without rows, whose statistics would come and go
		})
	}
}

// live tells every story and reads every read.
func live(t *testing.T, d *db.DB) {
	ctx := context.Background()
	machine := clock.NewManual(time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC))
	gateways := map[string]payment.Gateway{commerce.SandboxGateway: sandbox.New(d, machine, sandbox.Options{})}
	s := commerce.New(d, machine, gateways, nil, slog.New(slog.DiscardHandler))
	r := report.New(d, machine)
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	made, err := demo.Build(ctx, s, demo.Options{Seed: 3, Customers: 25, Past: 200 * 24 * time.Hour, Now: machine.Now()})
	must(err)
	call := commerce.Call{Account: made.Account, Actor: event.Actor{Kind: event.ByOperator, Name: "test"}}
	stories(t, s, r, call)
	engine(t, s, r, call)
	gatewayStories(t, s, machine, call)
	measuring(t, s, r, call)
	cash(t, r, call)
	reads(t, s, r, call, gateways, made)
}

func stories(t *testing.T, s *commerce.Service, r *report.Reader, call commerce.Call) {
	ctx := context.Background()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	once := func(key string) commerce.Call {
		c := call
		c.Once = &commerce.Once{Request: idempotency.Request{Route: "POST /x", Key: key, Digest: "d", Arrived: time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)},
			Answer: func(any, error) (int, string) { return 201, "{}" }}
		return c
	}
	name, state, email := "Renamed", catalog.Archived, "other@example.com"
	campaign, err := s.CreateCampaign(ctx, commerce.CreateCampaign{Call: call, Name: "Spring"})
	must(err)
	_, err = s.UpdateCampaign(ctx, commerce.UpdateCampaign{Call: call, Campaign: campaign.ID, Name: &name})
	must(err)
	product, err := s.CreateProduct(ctx, commerce.CreateProduct{Call: call, Campaign: campaign.ID, Name: "Box"})
	must(err)
	_, err = s.UpdateProduct(ctx, commerce.UpdateProduct{Call: call, Product: product.ID, Name: &name})
	must(err)
	price, err := s.CreatePrice(ctx, commerce.CreatePrice{Call: call, Product: product.ID, Amount: money.Amount{Minor: 900, Currency: "USD"}, Interval: period.Interval{Unit: period.Month, Count: 1}})
	must(err)
	customer, err := s.CreateCustomer(ctx, commerce.CreateCustomer{Call: once("a"), Email: "ada@example.com"})
	must(err)
	_, err = s.UpdateCustomer(ctx, commerce.UpdateCustomer{Call: call, Customer: customer.ID, Email: &email})
	must(err)
	method, err := s.AttachMethod(ctx, commerce.AttachMethod{Call: call, Customer: customer.ID, Token: "tok_declineAfter_1", ForSubscriptions: true})
	must(err)
	sell := commerce.Sell{Call: once("b"), Customer: customer.ID, Price: price.ID, Method: method.ID, Source: "api"}
	sale, err := s.Sell(ctx, sell)
	must(err)
	if _, err := s.Sell(ctx, sell); err == nil {
		t.Fatal("the same request sold twice")
	}
	_, err = s.Refund(ctx, commerce.Refund{Call: once("c"), Payment: sale.Payment.ID, Amount: 100})
	must(err)
	now := time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)
	usageStories(t, s, call, sale, now)
	_, err = s.AdvanceClock(ctx, commerce.AdvanceClock{Call: call, To: now.AddDate(0, 1, 1)})
	must(err)
	_, _ = s.Collect(ctx, commerce.Collect{Call: once("d"), Invoice: sale.Invoice.ID})
	_, err = s.Quote(ctx, call.Account, price.ID, 2, commerce.Options{}, 0)
	must(err)
	_, err = s.Cancel(ctx, commerce.Cancel{Call: call, Subscription: sale.Subscription.ID, When: subscription.AtPeriodEnd})
	must(err)
	_, err = s.UndoCancel(ctx, commerce.UndoCancel{Call: call, Subscription: sale.Subscription.ID})
	must(err)
	_, err = s.Cancel(ctx, commerce.Cancel{Call: call, Subscription: sale.Subscription.ID, When: subscription.Now})
	must(err)
	_, err = s.DetachMethod(ctx, commerce.DetachMethod{Call: call, Method: method.ID})
	must(err)
	_, err = s.UpdatePrice(ctx, commerce.UpdatePrice{Call: call, Price: price.ID, State: &state})
	must(err)
	_, err = s.UpdateAccount(ctx, commerce.UpdateAccount{Call: call, Name: &name})
	must(err)
	for range 2 {
		_, err = s.Import(ctx, commerce.Import{Call: call, Rows: []commerce.ImportRow{{Line: 2, ID: "x1", Customer: "c1", Email: "imported@example.com", Product: "Old", Unit: money.Amount{Minor: 500, Currency: "USD"},
			Quantity: 1, Interval: period.Interval{Unit: period.Month, Count: 1}, Started: now.AddDate(0, -3, 0), Token: "tok_visa"}}})
		must(err)
	}
	unknown, err := s.CreateCustomer(ctx, commerce.CreateCustomer{Call: call, Email: "slow@example.com"})
	must(err)
	_, _ = s.Sell(ctx, commerce.Sell{Call: call, Buyer: &commerce.CreateCustomer{Email: "new@example.com"}, Price: price.ID, Token: "tok_timeout_charged"})
	_, err = s.AttachMethod(ctx, commerce.AttachMethod{Call: call, Customer: unknown.ID, Token: "tok_visa"})
	must(err)
	endpoint, err := s.CreateEndpoint(ctx, commerce.CreateEndpoint{Call: call, Address: "https://hooks.example.com/", Secret: "sealed"})
	must(err)
	_, err = s.CreateCampaign(ctx, commerce.CreateCampaign{Call: call, Name: "Told of"})
	must(err)
	owed, err := r.Deliveries(ctx, call.Account, outbox.Query{Endpoint: endpoint.ID, Limit: 20})
	must(err)
	_, err = s.ReplayDelivery(ctx, commerce.ReplayDelivery{Call: call, Delivery: owed[0].ID})
	must(err)
	_, err = r.Endpoints(ctx, call.Account)
	must(err)
	_, err = r.Endpoint(ctx, call.Account, endpoint.ID)
	must(err)
	for _, failed := range []bool{true, false} {
		_, err = s.StartReplay(ctx, commerce.StartReplay{Call: call, Endpoint: endpoint.ID, Failed: failed})
		must(err)
		_, err = r.ReplayCount(ctx, call.Account, endpoint.ID, failed, outbox.Range{})
		must(err)
	}
	_, err = s.ContinueReplays(ctx)
	must(err)
	runs, err := r.Replays(ctx, call.Account, endpoint.ID, 0, 10)
	must(err)
	_, err = r.Replay(ctx, call.Account, runs[0].ID)
	must(err)
	_, err = s.TestEndpoint(ctx, commerce.TestEndpoint{Call: call, Endpoint: endpoint.ID})
	must(err)
	_, err = s.RotateSecret(ctx, commerce.RotateSecret{Call: call, Endpoint: endpoint.ID, Secret: "sealed"})
	must(err)
	_, err = r.Delivery(ctx, call.Account, owed[0].ID)
	must(err)
	_, err = s.Housekeep(ctx)
	must(err)
	off := false
	_, err = s.UpdateEndpoint(ctx, commerce.UpdateEndpoint{Call: call, Endpoint: endpoint.ID, Enabled: &off})
	must(err)
	must(s.RemoveEndpoint(ctx, commerce.RemoveEndpoint{Call: call, Endpoint: endpoint.ID}))
	key, err := s.CreateAPIKey(ctx, commerce.CreateAPIKey{Call: call, Name: "second"})
	must(err)
	_, _, err = s.Authenticate(ctx, key.Secret)
	must(err)
	must(s.RevokeAPIKey(ctx, commerce.RevokeAPIKey{Call: call, Key: key.Key.ID}))
	must(s.Recover(ctx))
	_, err = s.Work(ctx)
	must(err)
	_, err = s.RunAccount(ctx, call.Account)
	must(err)
	_, err = s.Housekeep(ctx)
	must(err)
}

// usageStories records usage of every kind: counted, repeated, late, refused and drawn.
func usageStories(t *testing.T, s *commerce.Service, call commerce.Call, sale commerce.Sale, now time.Time) {
	ctx := context.Background()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	one, err := money.NewDecimal(1)
	must(err)
	var events []commerce.UsageEvent
	for _, m := range []commerce.CreateMeter{{Code: "calls"}, {Code: "people", Aggregation: usage.Unique}, {Code: "credits", Prepaid: true}} {
		m.Call, m.Name = call, m.Code
		made, err := s.CreateMeter(ctx, m)
		must(err)
		name := "Renamed"
		_, err = s.UpdateMeter(ctx, commerce.UpdateMeter{Call: call, Meter: made.ID, Name: &name})
		must(err)
		e := commerce.UsageEvent{Subscription: sale.Subscription.ID, Code: m.Code, Units: one, Key: m.Code, At: now.Add(time.Second)}
		byID, early, noTime := e, e, e
		byID.Code, byID.Meter, byID.Key = "", made.ID, "by id "+m.Code
		early.Key, early.At = "early "+m.Code, now.AddDate(0, -2, 0)
		noTime.Key, noTime.At = "now "+m.Code, time.Time{}
		if m.Aggregation == usage.Unique {
			for _, e := range []*commerce.UsageEvent{&e, &byID, &early, &noTime} {
				e.Units, e.Value = money.Decimal{}, "ada"
			}
		}
		events = append(events, e, byID, early, noTime)
		if m.Prepaid {
			_, err = s.AdjustPrepaid(ctx, commerce.AdjustPrepaid{Call: call, Customer: sale.Subscription.Customer, Meter: made.ID, Units: one})
			must(err)
			events = append(events, commerce.UsageEvent{Customer: sale.Subscription.Customer, Meter: made.ID, Units: one, Key: "of the customer"})
		}
	}
	for i := range 120 { // more than one statement's rows
		e := events[0]
		e.Key = fmt.Sprint("many ", i)
		events = append(events, e)
	}
	for range 2 {
		results, err := s.RecordUsage(ctx, commerce.RecordUsage{Call: call, Events: events})
		must(err)
		for i, r := range results {
			if r.Outcome == commerce.UsageInvalid {
				t.Fatalf("%s: %v", events[i].Key, r.Fields)
			}
		}
	}
}

func reads(t *testing.T, s *commerce.Service, r *report.Reader, call commerce.Call, gateways map[string]payment.Gateway, made demo.Result) {
	ctx := context.Background()
	must := func(_ any, err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	acc := call.Account
	session, err := s.SignIn(ctx, made.Email, made.Password)
	must(session, err)
	must(s.SessionOf(ctx, session))
	must(nil, s.SignOut(ctx, session))
	a, now, err := r.Account(ctx, acc)
	must(a, err)
	must(r.Accounts(ctx))
	must(r.APIKeys(ctx, acc))
	must(r.Team(ctx, acc))
	must(r.HasMembers(ctx))
	must(r.Home(ctx, acc))
	must(r.Revenue(ctx, a, "USD", now))
	must(r.InvoiceTotals(ctx, acc))
	must(r.SubscriptionCounts(ctx, acc))
	must(r.PaymentPage(ctx, acc, 0, 20))
	must(r.Offers(ctx, acc, 0, 20))
	campaigns, err := r.Campaigns(ctx, acc, 0, 20)
	must(campaigns, err)
	must(r.Campaign(ctx, acc, campaigns[0].ID))
	products, err := r.Products(ctx, acc, 0, 20)
	must(products, err)
	product, err := r.Product(ctx, acc, products[len(products)-1].ID)
	must(product, err)
	must(r.Checkout(ctx, product.Links[0].Slug))
	prices, err := r.Prices(ctx, acc, 0, 0, 20)
	must(prices, err)
	must(r.Prices(ctx, acc, products[0].ID, prices[0].ID, 20))
	must(r.Price(ctx, acc, prices[0].ID))
	customers, err := r.Customers(ctx, acc, "", 0, 20)
	must(customers, err)
	must(r.Customers(ctx, acc, "billing", customers[0].ID, 20))
	subs, err := r.Subscriptions(ctx, acc, subscription.Filter{State: subscription.Active, Limit: 20}, report.Expand{Customer: true, Product: true, Price: true, Invoice: true, Method: true})
	must(subs, err)
	sub := subs[0].Subscription
	must(r.Subscriptions(ctx, acc, subscription.Filter{Limit: 20}, report.Expand{}))
	must(r.Subscriptions(ctx, acc, subscription.Filter{Customer: sub.Customer, Limit: 20}, report.Expand{}))
	must(r.Subscription(ctx, acc, sub.ID, report.Expand{Customer: true, Product: true, Price: true, Invoice: true, Method: true}))
	must(r.SubscriptionDetail(ctx, acc, sub.ID))
	meters, err := r.Meters(ctx, acc, 0, 20)
	must(meters, err)
	must(r.Meter(ctx, acc, meters[0].ID))
	must(r.Usage(ctx, acc, report.UsageQuery{Subscription: sub.ID, From: now.AddDate(0, -1, 0), To: now, Limit: 20}))
	must(r.Usage(ctx, acc, report.UsageQuery{Subscription: sub.ID, From: now.AddDate(0, -1, 0), To: now, Key: "calls"}))
	must(r.Prepaid(ctx, acc, sub.Customer))
	must(r.Customer(ctx, acc, sub.Customer))
	must(r.CustomerView(ctx, acc, sub.Customer))
	methods, err := r.Methods(ctx, acc, sub.Customer)
	must(methods, err)
	must(r.Method(ctx, acc, methods[0].ID))
	for _, f := range []invoice.Filter{{}, {State: invoice.Open}, {State: invoice.Paid}, {Customer: sub.Customer}, {Subscription: sub.ID}} {
		f.Limit = 20
		must(r.Invoices(ctx, acc, f))
	}
	invoices, err := r.Invoices(ctx, acc, invoice.Filter{State: invoice.Paid, Limit: 1})
	must(invoices, err)
	must(r.Invoice(ctx, acc, invoices[0].ID))
	must(r.Lines(ctx, invoices[0]))
	payments, err := r.Payments(ctx, acc, 0, 20)
	must(payments, err)
	must(r.Payment(ctx, acc, payments[0].ID))
	refunds, err := r.Refunds(ctx, acc, 0, 20)
	must(refunds, err)
	must(r.Refund(ctx, acc, refunds[0].ID))
	orders, err := r.Orders(ctx, acc, 0, 0, 20)
	must(orders, err)
	must(r.Orders(ctx, acc, orders[0].Customer, 0, 20))
	must(r.Order(ctx, acc, orders[0].ID))
	must(r.OrderByToken(ctx, orders[0].Token()))
	events, err := r.Events(ctx, acc, event.Filter{Limit: 20})
	must(events, err)
	must(r.Event(ctx, acc, events[0].ID))
	must(r.Events(ctx, acc, event.Filter{Customer: sub.Customer, Kind: event.InvoicePaid, Limit: 20}))
	must(r.Upcoming(ctx, acc, now.AddDate(0, 1, 0), 20))
	books, err := r.Books(ctx, acc, gateways)
	must(books, err)
	if !books.Balanced() {
		t.Errorf("the books: %v", books.Differences)
	}
}
