package commerce_test

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"perennial/internal/account"
	"perennial/internal/clock"
	"perennial/internal/commerce"
	"perennial/internal/customer"
	"perennial/internal/db"
	"perennial/internal/db/dbtest"
	"perennial/internal/event"
	"perennial/internal/fault"
	"perennial/internal/gateway/sandbox"
	"perennial/internal/id"
	"perennial/internal/invoice"
	"perennial/internal/money"
	"perennial/internal/payment"
	"perennial/internal/period"
	"perennial/internal/recovery"
	"perennial/internal/report"
	"perennial/internal/subscription"
)

// world is a sandbox account with a product and a customer, on a database of its
// own; the bank keeps its books elsewhere, as outside companies do. When the test
// ends the books of both must agree.
type world struct {
	*testing.T
	db       *db.DB
	faults   *db.Faults // of our side: the database, and sending to the gateway
	bankless *db.Faults // of the gateway's side
	clock    *clock.Manual
	bank     *hooked
	s        *commerce.Service
	acc      id.Account
	call     commerce.Call
	product  id.Product
	customer id.Customer
	underWay int64                      // outcomes that the test leaves unknown
	others   map[string]payment.Gateway // besides the sandbox
	strays   int                        // charges that the test makes at the bank behind our back
}

// hooked lets a test act while a charge is on its way.
type hooked struct {
	*sandbox.Gateway
	during atomic.Pointer[func()]
}

func (h *hooked) Charge(ctx context.Context, c payment.Charge) (payment.Result, error) {
	if act := h.during.Swap(nil); act != nil {
		(*act)()
	}
	return h.Gateway.Charge(ctx, c)
}

// start is the day on which every world begins: the last of a long month, so that
// billing days are put to the test.
var start = time.Date(2026, 1, 31, 10, 0, 0, 0, time.UTC)

// onBoth runs body in a new world on each engine.
func onBoth(t *testing.T, body func(w *world)) {
	t.Helper()
	t.Parallel()
	for _, engine := range []string{db.SQLite, db.PostgreSQL} {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			body(newWorld(t, engine))
		})
	}
}

func newWorld(t *testing.T, engine string) *world {
	t.Helper()
	w := &world{T: t, faults: &db.Faults{}, bankless: &db.Faults{}, clock: clock.NewManual(start)}
	w.db = dbtest.New(t, engine, dbtest.Faults(w.faults))
	w.bank = &hooked{Gateway: sandbox.New(dbtest.New(t, db.SQLite), w.clock, sandbox.Options{Faults: w.bankless})}
	w.s = commerce.New(w.db, w.clock, w.gateways(), w.faults, slog.New(slog.DiscardHandler))
	made, err := w.s.CreateAccount(t.Context(), commerce.CreateAccount{Name: "Acme", Email: "help@example.com", Mode: account.Sandbox})
	w.ok(err)
	w.acc = made.Account.ID
	w.call = commerce.Call{Account: w.acc, Actor: event.Actor{Kind: event.ByKey, Name: "test"}}
	product, err := w.s.CreateProduct(t.Context(), commerce.CreateProduct{Call: w.call, Name: "Tea"})
	w.ok(err)
	w.product = product.ID
	w.customer = w.newCustomer("ada@example.com")
	t.Cleanup(w.balanced)
	return w
}

func (w *world) gateways() map[string]payment.Gateway {
	all := map[string]payment.Gateway{commerce.SandboxGateway: w.bank}
	maps.Copy(all, w.others)
	return all
}

// balanced proves that our books and the bank's agree.
func (w *world) balanced() {
	w.faults.Disarm()
	w.bankless.Disarm()
	books, err := report.New(w.db, w.clock).Books(context.Background(), w.acc, w.gateways())
	if err != nil {
		w.Errorf("books: %v", err)
	}
	if len(books.Differences) == w.strays {
		books.Differences = nil
	}
	for _, d := range books.Differences {
		w.Errorf("books: %s", d)
	}
	if books.UnderWay != w.underWay {
		w.Errorf("books: %d outcomes are unknown, want %d", books.UnderWay, w.underWay)
	}
	w.numbered()
	w.measured()
}

// measured proves that the metrics are what the facts come to, and the facts what the
// subscriptions are.
func (w *world) measured() {
	checked, err := w.s.RebuildMetrics(context.Background(), w.acc, true)
	if err != nil || len(checked.Different) > 0 || len(checked.Strayed) > 0 {
		w.Errorf("metrics: %v, different %+v, strayed %v", err, checked.Different, checked.Strayed)
	}
}

// numbered proves that the events of each thing are numbered without a gap, and have the
// shape of their kind.
func (w *world) numbered() {
	list, err := report.New(w.db, w.clock).Events(context.Background(), w.acc, event.Filter{Limit: 1_000_000})
	if err != nil {
		w.Errorf("events: %v", err)
	}
	numbers := map[int64][]int64{}
	for _, e := range list {
		numbers[e.Subject] = append(numbers[e.Subject], e.Sequence)
		if err := event.Check(e); err != nil {
			w.Error(err)
		}
	}
	for subject, all := range numbers {
		slices.Sort(all)
		for i, n := range all {
			if n != int64(i+1) {
				w.Errorf("the events of %d are numbered %v", subject, all)
				break
			}
		}
	}
}

func (w *world) ok(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

func (w *world) refused(err error, kind fault.Kind, code string) {
	w.Helper()
	if !fault.Is(err, kind) || code != "" && fault.As(err).Code != code {
		w.Fatalf("got %v (%v, %q), want %v, %q", err, fault.KindOf(err), fault.As(err).Code, kind, code)
	}
}

func same[T comparable](w *world, what string, got, want T) {
	w.Helper()
	if got != want {
		w.Errorf("%s: got %v, want %v", what, got, want)
	}
}

func (w *world) newCustomer(email string) id.Customer {
	w.Helper()
	c, err := w.s.CreateCustomer(w.Context(), commerce.CreateCustomer{Call: w.call, Email: email, Buyer: customer.Buyer{Name: "Ada"}})
	w.ok(err)
	return c.ID
}

var (
	monthly = period.Interval{Unit: period.Month, Count: 1}
	weekly  = period.Interval{Unit: period.Week, Count: 1}
)

func usd(minor int64) money.Amount { return money.Amount{Minor: minor, Currency: "USD"} }

// price makes a price of 1000 US cents each interval; change may change it.
func (w *world) price(every period.Interval, change ...func(*commerce.CreatePrice)) id.Price {
	w.Helper()
	c := commerce.CreatePrice{Call: w.call, Product: w.product, Amount: usd(1000), Interval: every}
	for _, f := range change {
		f(&c)
	}
	p, err := w.s.CreatePrice(w.Context(), c)
	w.ok(err)
	return p.ID
}

// fixedTries takes the tries of failed payments as the standard policy has them, after 1, 3
// and 5 days, without moving them to better days.
func (w *world) fixedTries() {
	w.Helper()
	terms := recovery.Standard().Terms
	terms.Smart = false
	w.policy(terms)
}

// policy makes a policy for failed payments that of the account.
func (w *world) policy(terms recovery.Terms) recovery.Policy {
	w.Helper()
	p, err := w.s.CreateRecoveryPolicy(w.Context(), commerce.CreateRecoveryPolicy{Call: w.call, Name: "ours", Terms: terms})
	w.ok(err)
	_, err = w.s.UpdateAccount(w.Context(), commerce.UpdateAccount{Call: w.call, Recovery: &p.ID})
	w.ok(err)
	return p
}

// sell sells a price to the customer with a new card.
func (w *world) sell(price id.Price, token string) (commerce.Sale, error) {
	return w.s.Sell(w.Context(), commerce.Sell{Call: w.call, Customer: w.customer, Price: price, Token: token, Source: "test"})
}

// subscribed sells a price that must start a subscription.
func (w *world) subscribed(price id.Price, token string) id.Subscription {
	w.Helper()
	sale, err := w.sell(price, token)
	w.ok(err)
	if sale.Subscription == nil {
		w.Fatal("the sale started no subscription")
	}
	return sale.Subscription.ID
}

func (w *world) now() time.Time {
	w.Helper()
	_, now, err := report.New(w.db, w.clock).Account(context.Background(), w.acc)
	w.ok(err)
	return now
}

// advance moves the account's clock to an instant.
func (w *world) advance(to time.Time) commerce.Progress {
	w.Helper()
	done, err := w.s.AdvanceClock(w.Context(), commerce.AdvanceClock{Call: w.call, To: to})
	w.ok(err)
	same(w, "clock", w.now(), to)
	return done
}

func (w *world) view(read func(tx *db.Tx) error) {
	w.Helper()
	w.ok(w.db.View(context.Background(), read))
}

func (w *world) sub(sub id.Subscription) subscription.Subscription {
	w.Helper()
	var s subscription.Subscription
	w.view(func(tx *db.Tx) (err error) {
		s, err = subscription.Load(tx, w.acc, sub)
		return err
	})
	return s
}

// invoices are those of a subscription, or with 0 all of the account, oldest first.
func (w *world) invoices(sub id.Subscription) []invoice.Invoice {
	w.Helper()
	var list []invoice.Invoice
	w.view(func(tx *db.Tx) (err error) {
		list, err = invoice.List(tx, w.acc, invoice.Filter{Subscription: sub, Limit: 2000})
		return err
	})
	slices.Reverse(list)
	return list
}

// payments are those of an invoice, oldest first.
func (w *world) payments(v id.Invoice) []payment.Payment {
	w.Helper()
	var list []payment.Payment
	w.view(func(tx *db.Tx) error {
		found, err := payment.OfInvoices(tx, w.acc, []int64{int64(v)})
		list = found[v]
		return err
	})
	return list
}

// kinds counts the account's events by kind.
func (w *world) kinds() map[event.Kind]int {
	w.Helper()
	counts := map[event.Kind]int{}
	w.view(func(tx *db.Tx) error {
		list, err := event.List(tx, w.acc, event.Filter{Limit: 5000})
		for _, e := range list {
			counts[e.Kind]++
		}
		return err
	})
	return counts
}

// charged is what the bank's own books say: how many charges, how much in all, and
// how much went back.
func (w *world) charged() (n int, minor, back int64) {
	w.Helper()
	err := w.bank.Each(context.Background(), w.acc, time.Time{}, func(r payment.Record) error {
		if r.Refund {
			back += r.Amount.Minor
		} else {
			n++
			minor += r.Amount.Minor
		}
		return nil
	})
	w.ok(err)
	return n, minor, back
}

// paidOnce checks that a subscription has exactly the periods from first to last,
// each with one invoice, each paid.
func (w *world) paidOnce(sub id.Subscription, first, last int) {
	w.Helper()
	list := w.invoices(sub)
	if len(list) != last-first+1 {
		w.Errorf("there are %d invoices, want those of the periods %d to %d", len(list), first, last)
		return
	}
	slices.SortFunc(list, func(a, b invoice.Invoice) int { return a.Period - b.Period })
	for i, v := range list {
		if v.Period != first+i || v.State != invoice.Paid {
			w.Errorf("invoice %d is of period %d and %s", i, v.Period, v.State)
		}
		if i > 0 && !v.Span.From.Equal(list[i-1].Span.To) {
			w.Errorf("period %d begins %v, the one before ends %v", v.Period, v.Span.From, list[i-1].Span.To)
		}
	}
}

func (w *world) newMethod(token string, forSubscriptions bool) payment.Method {
	w.Helper()
	m, err := w.s.AttachMethod(w.Context(), commerce.AttachMethod{Call: w.call, Customer: w.customer, Token: token, ForSubscriptions: forSubscriptions})
	w.ok(err)
	return m
}
