package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"time"

	"perennial/internal/account"
	"perennial/internal/catalog"
	"perennial/internal/clock"
	"perennial/internal/customer"
	"perennial/internal/db"
	"perennial/internal/id"
	"perennial/internal/money"
	"perennial/internal/notice"
	"perennial/internal/outbox"
	"perennial/internal/payment"
	"perennial/internal/period"
	"perennial/internal/subscription"
	"perennial/internal/usage"
)

const (
	currency = money.Currency("USD")
	accounts = 10
)

// The month that the seeded subscriptions are in, and the instant at which all of
// their next periods are due.
var (
	started = time.Date(2026, 1, 10, 8, 0, 0, 0, time.UTC)
	dueBy   = time.Date(2026, 2, 12, 0, 0, 0, 0, time.UTC)
)

// seeded is what a store holds before a run.
type seeded struct {
	accounts []id.Account
	secret   string // of an API key of the first account
	subs     int
	declines int // how many of them have a card that is declined
	metered  int // how many of them are billed for usage
}

// mix says what a store's subscriptions are.
type mix bool

const (
	plain mix = false // four of five flat, every fifth with a quantity
	full  mix = true  // six of ten flat, two with a quantity, one with a coupon, one metered with eventsEach records
)

// eventsEach is how many usage records a metered subscription has in its present period.
const eventsEach = 100

// seed fills a new store with subs active subscriptions of as many customers in
// equal shares of the accounts: four of five with one flat price, every fifth with
// a quantity; every twentieth card is declined. Tax is 19 percent. They began in the
// 14 hours after an instant and have paid their first month.
func seed(ctx context.Context, d *db.DB, list int, subs int, begun time.Time, kinds mix) (seeded, error) {
	s := seeded{subs: subs}
	rate, err := money.ParseRate("0.19")
	if err != nil {
		return s, err
	}
	for n := range list {
		zone := "UTC"
		if n%2 == 1 {
			zone = "Europe/Berlin"
		}
		a := account.Account{ID: id.New[id.Account](), Name: fmt.Sprintf("Merchant %d", n), Mode: account.Live, Currency: currency, Zone: zone,
			Email: "billing@example.com", Tax: account.Tax{Name: "VAT", Rate: rate}, Profile: 1, CreatedAt: begun, Version: 1}
		key, secret := account.NewAPIKey(a.ID, a.Mode, "bench", begun)
		err := d.Update(ctx, func(tx *db.Tx) error {
			if err := account.Insert(tx, a); err != nil {
				return err
			}
			if err := outbox.InsertEndpoint(tx, outbox.NewMailEndpoint(a.ID, notice.Wanted(notice.Settings{}.Off), begun)); err != nil {
				return err
			}
			return account.InsertAPIKey(tx, key, secret)
		})
		if err != nil {
			return s, err
		}
		s.accounts = append(s.accounts, a.ID)
		if n == 0 {
			s.secret = secret
		}
		declined, err := seedAccount(ctx, d, a, subs/list, begun, kinds)
		if err != nil {
			return s, err
		}
		s.declines += declined
		if kinds == full {
			s.metered += subs / list / 10
		}
	}
	return s, nil
}

func seedAccount(ctx context.Context, d *db.DB, a account.Account, subs int, begun time.Time, kinds mix) (declined int, err error) {
	month := period.Interval{Unit: period.Month, Count: 1}
	campaign := catalog.Campaign{ID: id.New[id.Campaign](), Account: a.ID, Name: "House", State: catalog.Active, CreatedAt: begun}
	product := catalog.Product{ID: id.New[id.Product](), Account: a.ID, Campaign: campaign.ID, Name: "Workspace", State: catalog.Active, CreatedAt: begun}
	prices := make([]catalog.Price, 4)
	for i := range prices {
		prices[i] = catalog.Price{ID: id.New[id.Price](), Account: a.ID, Product: product.ID, Name: fmt.Sprintf("Plan %d", i+1),
			Amount: money.Amount{Minor: int64(1900 + 1000*i), Currency: currency}, Interval: month, MaxQuantity: 100, State: catalog.Active, CreatedAt: begun}
	}
	meter := usage.Meter{ID: id.New[id.Meter](), Account: a.ID, Code: "calls", Name: "Calls", Aggregation: usage.Sum, Late: usage.NextPeriod, State: usage.Active, CreatedAt: begun}
	metered, err := meteredPrice(prices[0], meter)
	if err != nil {
		return 0, err
	}
	err = d.Update(ctx, func(tx *db.Tx) error {
		if kinds == full {
			if err := usage.InsertMeter(tx, meter); err != nil {
				return err
			}
		}
		if err := catalog.InsertCampaign(tx, campaign); err != nil {
			return err
		}
		if err := catalog.InsertProduct(tx, product); err != nil {
			return err
		}
		for _, p := range append(prices, metered) {
			if err := catalog.InsertPrice(tx, p); err != nil {
				return err
			}
		}
		return nil
	})
	const batch = 1000
	for from := 0; from < subs && err == nil; from += batch {
		n := min(batch, subs-from)
		customers, methods, list := make([]customer.Customer, n), make([]payment.Method, n), make([]subscription.Subscription, n)
		ids, cards, running := id.NewList[id.Customer](n), id.NewList[id.Method](n), id.NewList[id.Subscription](n)
		for i := range n {
			k := from + i
			at := begun.Add(time.Duration(k%50_000) * time.Second)
			customers[i] = customer.Customer{ID: ids[i], Account: a.ID, Email: fmt.Sprintf("buyer%d@example.com", k), Buyer: customer.Buyer{Name: fmt.Sprintf("Buyer %d", k), Country: "DE"}, CreatedAt: at}
			token := "card_"
			if k%20 == 7 {
				token = declines
				declined++
			}
			methods[i] = payment.Method{ID: cards[i], Account: a.ID, Customer: ids[i], Gateway: gatewayName, State: payment.Usable, CreatedAt: at,
				Instrument: payment.Instrument{Token: fmt.Sprintf("%s%d", token, k), Kind: "card", Brand: "visa", LastFour: "4242", Expires: 203001}}
			price, quantity := prices[k%len(prices)], int64(1)
			if kinds == plain && k%5 == 4 || kinds == full && (k%10 == 6 || k%10 == 7) {
				quantity = int64(2 + k%9)
			}
			var extras subscription.Extras
			if kinds == full && k%10 == 8 {
				extras.Discounts = json.RawMessage(`[{"coupon":"cpn_0000000000001","code":"TENTH","kind":"percent","percent":"0.1","applies_to":"all","left":12}]`)
			}
			if kinds == full && k%10 == 9 {
				price = metered
			}
			list[i] = subscription.Bring(running[i], a.ID, ids[i], cards[i], subscription.Terms{Product: product.ID, Price: price.ID, UnitAmount: price.Amount,
				Quantity: quantity, Interval: month, Zone: a.Zone, Extras: extras}, at, begun.Add(24*time.Hour))
		}
		err = d.Update(ctx, func(tx *db.Tx) error {
			if err := customer.InsertAll(tx, customers); err != nil {
				return err
			}
			if err := payment.InsertMethods(tx, methods); err != nil {
				return err
			}
			if err := subscription.Insert(tx, list); err != nil || kinds == plain {
				return err
			}
			return seedUsage(tx, list, metered, meter.ID)
		})
	}
	return declined, err
}

// meteredPrice is a price that includes 40 calls and charges each more with a cent.
func meteredPrice(like catalog.Price, meter usage.Meter) (catalog.Price, error) {
	cent, err := money.ParseDecimal("0.01")
	if err != nil {
		return like, err
	}
	included, err := money.NewDecimal(40)
	like.ID, like.Name = id.New[id.Price](), "Metered"
	like.Terms = catalog.Terms{Usage: []catalog.Metered{{Meter: meter.ID, Included: included, Overage: catalog.Charge{Model: catalog.PerUnit, Unit: cent}}}}
	return like, err
}

// seedUsage records eventsEach events of each metered subscription, with random keys, and
// counts them.
func seedUsage(tx *db.Tx, list []subscription.Subscription, metered catalog.Price, meter id.Meter) error {
	var records []*usage.Record
	var tally usage.Tally
	for i := range list {
		s := &list[i]
		if s.Price != metered.ID {
			continue
		}
		for n := range eventsEach {
			r := &usage.Record{Account: s.Account, Subscription: s.ID, Key: fmt.Sprintf("%016x", rand.Uint64()), Meter: meter, At: s.Span.From.Add(time.Duration(n) * 7 * time.Hour),
				Units: usage.Micro, Period: s.Period, Outcome: usage.Counted, ReceivedAt: s.Span.To}
			records = append(records, r)
			tally.Add(r, usage.Sum)
		}
	}
	slices.SortFunc(records, func(a, b *usage.Record) int {
		x, y := a.KeyOf(), b.KeyOf()
		return cmp.Or(cmp.Compare(x.Day, y.Day), cmp.Compare(x.Subscription, y.Subscription), cmp.Compare(x.Key, y.Key))
	})
	for part := range slices.Chunk(records, 1000) {
		if err := usage.Insert(tx, part, func(int) {}); err != nil {
			return err
		}
	}
	if len(records) == 0 {
		return nil
	}
	all, err := tally.Count(tx, list[0].Account)
	if err == nil && !all {
		err = fmt.Errorf("a counter did not take what was seeded")
	}
	return err
}

// open opens a store with the schema of the product.
func open(ctx context.Context, url string) (*db.DB, error) {
	d, err := db.Open(ctx, db.Options{URL: url})
	if err != nil {
		return nil, err
	}
	if err := d.Migrate(ctx); err != nil {
		d.Close() //nolint:errcheck // the first error is the one to tell
		return nil, err
	}
	return d, nil
}

// silent is a log that nobody reads.
func silent() *slog.Logger { return slog.New(slog.DiscardHandler) }

// due is the clock of a run: it stands at the instant at which everything is due.
func due() clock.Clock { return clock.NewManual(dueBy) }
