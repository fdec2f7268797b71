package report_test

import (
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"perennial/internal/account"
	"perennial/internal/clock"
	"perennial/internal/commerce"
	"perennial/internal/db"
	"perennial/internal/db/dbtest"
	"perennial/internal/event"
	"perennial/internal/fault"
	"perennial/internal/gateway/sandbox"
	"perennial/internal/id"
	"perennial/internal/metrics"
	"perennial/internal/money"
	"perennial/internal/payment"
	"perennial/internal/period"
	"perennial/internal/report"
	"perennial/internal/subscription"
)

// feeds is one business that bills here, and another that pushes the same.
type feeds struct {
	*testing.T
	db           *db.DB
	s            *commerce.Service
	r            *report.Reader
	random       *rand.Rand
	now          time.Time
	ours, theirs commerce.Call
	prices       []id.Price
	live         []id.Subscription
}

func newFeeds(t *testing.T, d *db.DB, zone string) *feeds {
	f := &feeds{T: t, db: d, random: rand.New(rand.NewPCG(7, 3)), now: time.Date(2026, 1, 5, 9, 0, 0, 0, time.UTC)}
	machine := clock.NewManual(f.now)
	f.s = commerce.New(d, machine, map[string]payment.Gateway{commerce.SandboxGateway: sandbox.New(d, machine, sandbox.Options{})}, nil, slog.New(slog.DiscardHandler))
	f.r = report.New(d, machine)
	for _, call := range []*commerce.Call{&f.ours, &f.theirs} {
		by := event.Actor{Kind: event.ByOperator, Name: "test"}
		made, err := f.s.CreateAccount(t.Context(), commerce.CreateAccount{Actor: by, Name: "Acme", Email: "help@example.com", Mode: account.Sandbox, Currency: "EUR", Zone: zone})
		f.must(err)
		*call = commerce.Call{Account: made.Account.ID, Actor: by}
	}
	product, err := f.s.CreateProduct(t.Context(), commerce.CreateProduct{Call: f.ours, Name: "Tea"})
	f.must(err)
	for _, p := range []commerce.CreatePrice{{Amount: money.Amount{Minor: 1000, Currency: "EUR"}}, {Amount: money.Amount{Minor: 2500, Currency: "EUR"}, TrialDays: 7}, {Amount: money.Amount{Minor: 12000, Currency: "EUR"}, Interval: period.Interval{Unit: period.Year, Count: 1}}} {
		if p.Interval.IsZero() {
			p.Interval = period.Interval{Unit: period.Month, Count: 1}
		}
		p.Call, p.Product = f.ours, product.ID
		made, err := f.s.CreatePrice(t.Context(), p)
		f.must(err)
		f.prices = append(f.prices, made.ID)
	}
	return f
}

func (f *feeds) must(err error) {
	f.Helper()
	if err != nil {
		f.Fatal(err)
	}
}

// tried is an error that is no refusal: a random step may be one that is not possible.
func (f *feeds) tried(err error) {
	f.Helper()
	if err != nil && !fault.Is(err, fault.Conflict) && !fault.Is(err, fault.Declined) && !fault.Is(err, fault.Invalid) {
		f.Fatal(err)
	}
}

// live lets the business live for some days at a time.
func (f *feeds) lives(steps int) {
	f.Helper()
	ctx := f.Context()
	for i := range steps {
		switch n := f.random.IntN(10); {
		case n < 4 || len(f.live) == 0:
			token := []string{"tok_visa", "tok_visa", "tok_visa", "tok_declineAfter_2"}[f.random.IntN(4)]
			sale, err := f.s.Sell(ctx, commerce.Sell{Call: f.ours, Price: f.prices[f.random.IntN(len(f.prices))], Quantity: 1 + f.random.Int64N(3), Token: token,
				Buyer: &commerce.CreateCustomer{Email: fmt.Sprintf("c%d@example.com", i)}})
			f.must(err)
			f.live = append(f.live, sale.Subscription.ID)
		case n < 6:
			_, err := f.s.Change(ctx, commerce.Change{Call: f.ours, Subscription: f.any(), When: subscription.Now, To: commerce.NewTerms{Price: f.prices[f.random.IntN(3)], Quantity: 1 + f.random.Int64N(3)}})
			f.tried(err)
		case n < 8:
			_, err := f.s.Cancel(ctx, commerce.Cancel{Call: f.ours, Subscription: f.any(), When: []subscription.When{subscription.Now, subscription.AtPeriodEnd}[f.random.IntN(2)], Override: true})
			f.tried(err)
		case n < 9:
			_, err := f.s.UndoCancel(ctx, commerce.UndoCancel{Call: f.ours, Subscription: f.any()})
			f.tried(err)
		default:
			_, err := f.s.Reactivate(ctx, commerce.Reactivate{Call: f.ours, Subscription: f.any(), NextCharge: f.now.AddDate(0, 0, 1)})
			f.tried(err)
		}
		f.now = f.now.Add(time.Duration(1+f.random.IntN(9*24)) * time.Hour)
		_, err := f.s.AdvanceClock(ctx, commerce.AdvanceClock{Call: f.ours, To: f.now})
		f.must(err)
	}
	_, err := f.s.AdvanceClock(ctx, commerce.AdvanceClock{Call: f.theirs, To: f.now})
	f.must(err)
}

func (f *feeds) any() id.Subscription { return f.live[f.random.IntN(len(f.live))] }

// push says to the other account what became facts in the first.
func (f *feeds) push() (told int) {
	f.Helper()
	ctx := f.Context()
	var facts []metrics.Fact
	var book metrics.Book
	f.must(f.db.View(ctx, func(tx *db.Tx) error {
		state, err := metrics.LoadState(tx, f.ours.Account, "", "")
		if err != nil {
			return err
		}
		if book, err = metrics.AllTerms(tx, f.ours.Account); err != nil {
			return err
		}
		return metrics.EachCustomer(ctx, f.db.View, state, func(_ int64, list []metrics.Fact) { facts = append(facts, slices.Clone(list)...) })
	}))
	pushed := map[int64]bool{}
	for _, fact := range facts {
		alias := commerce.PushedThing{Alias: id.Subscription(fact.Subject).String()}
		t := book[fact.Terms]
		months := fact.Value
		if t.Interval.Unit == period.Year {
			months *= 12
		}
		terms := commerce.PushedTerms{Plan: id.Price(t.Plan).String(), Interval: t.Interval, Value: months, Trial: fact.Flags&metrics.OnTrial != 0, At: fact.Time()}
		var err error
		switch {
		case !pushed[fact.Subject]:
			pushed[fact.Subject] = true
			_, err = f.s.Push(ctx, commerce.Push{Call: f.theirs, UserAlias: id.Customer(fact.Customer).String(), Alias: alias.Alias, Email: "x", Currency: t.Currency, Terms: terms})
		case fact.Cause == metrics.Ended || fact.Cause == metrics.EndedUnpaid:
			_, err = f.s.EndPushed(ctx, commerce.EndPushed{Call: f.theirs, Subscription: alias, At: fact.Time(), Unpaid: fact.Flags&metrics.Unwilled != 0})
		default:
			_, err = f.s.ChangePushed(ctx, commerce.ChangePushed{Call: f.theirs, Subscription: alias, Terms: terms})
		}
		if err != nil {
			f.Fatalf("%s of %s: %v", fact.Cause, fact.Time(), err)
		}
		told++
	}
	return told
}

// TestBothFeedsGiveTheSame says that a business that bills here has the figures of one that
// pushes what it bills elsewhere.
func TestBothFeedsGiveTheSame(t *testing.T) {
	t.Parallel()
	dbtest.Engines(t, func(t *testing.T, open func() *db.DB) {
		f := newFeeds(t, open(), "America/New_York")
		f.lives(70)
		if told := f.push(); told < 50 {
			t.Fatalf("only %d facts came of it", told)
		}
		for _, set := range []metrics.Set{metrics.ProfitWell, metrics.ChartMogul} {
			for _, grain := range []metrics.Grain{metrics.ByMonth, metrics.ByDay} {
				ours, err := f.r.Metrics(t.Context(), f.ours.Account, report.Measure{Set: set, Grain: grain})
				f.must(err)
				theirs, err := f.r.Metrics(t.Context(), f.theirs.Account, report.Measure{Set: set, Grain: grain})
				f.must(err)
				e := earned{T: t}
				e.same(set.String(), ours, theirs, func(m metrics.Metric) bool { return m.Name != "future_churn_mrr" }) // ends are pushed when they have come
			}
		}
		for _, call := range []commerce.Call{f.ours, f.theirs} {
			found, err := f.s.RebuildMetrics(t.Context(), call.Account, true)
			f.must(err)
			if len(found.Different) > 0 || len(found.Strayed) > 0 || found.Cells == 0 {
				t.Errorf("%d sums differ, %d subscriptions strayed, of %d sums", len(found.Different), len(found.Strayed), found.Cells)
			}
		}
	})
}
