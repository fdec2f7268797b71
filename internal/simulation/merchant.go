package simulation

import (
	"context"
	"fmt"
	"strconv"

	"perennial/internal/commerce"
	"perennial/internal/money"
	"perennial/internal/period"
)

// Where merchants are: far east and west of the date line, with and without summer
// time, with zones that are shifted by parts of an hour.
var zones = []string{"UTC", "Europe/Berlin", "Europe/Dublin", "America/New_York", "America/St_Johns", "America/Sao_Paulo", "America/Santiago",
	"Asia/Kolkata", "Asia/Kathmandu", "Asia/Tokyo", "Australia/Lord_Howe", "Africa/Casablanca", "Pacific/Auckland", "Pacific/Chatham",
	"Pacific/Tongatapu", "Pacific/Kiritimati", "Pacific/Pago_Pago", "Pacific/Honolulu"}

// What they sell in: with two, no and three decimals.
var currencies = []string{"USD", "EUR", "GBP", "CHF", "BRL", "JPY", "KRW", "CLP", "KWD", "BHD", "TND"}

var rates = []string{"0", "0", "0.19", "0.2", "0.077", "0.08875", "0.055", "0.333333"}

var intervals = []struct {
	weight int
	period.Interval
}{{3, period.Interval{Unit: period.Day, Count: 10}}, {3, period.Interval{Unit: period.Day, Count: 45}}, {4, period.Interval{Unit: period.Week, Count: 1}},
	{3, period.Interval{Unit: period.Week, Count: 2}}, {24, period.Interval{Unit: period.Month, Count: 1}}, {5, period.Interval{Unit: period.Month, Count: 3}},
	{3, period.Interval{Unit: period.Month, Count: 6}}, {4, period.Interval{Unit: period.Year, Count: 1}}, {8, period.Interval{}}}

func (w *world) interval() period.Interval {
	sum := 0
	for _, i := range intervals {
		sum += i.weight
	}
	n := w.rng.IntN(sum)
	for _, i := range intervals {
		if n -= i.weight; n < 0 {
			return i.Interval
		}
	}
	return period.Interval{}
}

// setTax sets another tax rate.
func (w *world) setTax(ctx context.Context) error {
	text := among(w.rng, rates)
	rate, err := money.ParseRate(text)
	if err != nil {
		return err
	}
	w.taxes = append(w.taxes, text)
	w.note("  taxed at %s", text)
	_, err = w.ask(ctx, func(ctx context.Context, s *commerce.Service, c commerce.Call) error {
		_, err := s.UpdateAccount(ctx, commerce.UpdateAccount{Call: c, TaxRate: &rate})
		return err
	})
	return err
}

// addPrice makes a product with one price.
func (w *world) addPrice(ctx context.Context) error {
	p := &price{n: len(w.prices) + 1, interval: w.interval(), most: 1 + w.rng.Int64N(10)}
	p.amount = 1 + w.rng.Int64N([]int64{100, 5_000, 1_000_000}[w.rng.IntN(3)])
	if w.roll(5) {
		p.amount = 0
	}
	if p.recurring() && w.roll(30) {
		p.trial = among(w.rng, []int{1, 7, 14, 30})
	}
	if w.roll(20) {
		p.setup = 1 + w.rng.Int64N(20_000)
	}
	_, err := w.ask(ctx, func(ctx context.Context, s *commerce.Service, c commerce.Call) error {
		_, err := s.CreateProduct(ctx, commerce.CreateProduct{Call: c, Name: "Product " + strconv.Itoa(p.n)})
		return err
	})
	if err != nil {
		return err
	}
	list, err := w.stage.Reader.Products(ctx, w.acc, 0, 1)
	if err != nil {
		return err
	}
	p.product = &product{id: list[0].ID}
	terms := w.draw(p)
	outcome, err := w.ask(ctx, func(ctx context.Context, s *commerce.Service, c commerce.Call) error {
		_, err := s.CreatePrice(ctx, commerce.CreatePrice{Call: c, Product: p.product.id, Amount: money.Amount{Minor: p.amount, Currency: w.currency}, Interval: p.interval,
			TrialDays: p.trial, SetupFee: p.setup, MaxQuantity: p.most, Terms: terms})
		return err
	})
	if err != nil {
		return err
	}
	if outcome != "done" {
		return fmt.Errorf("a price with the terms %+v: %s", terms, outcome)
	}
	prices, err := w.stage.Reader.Prices(ctx, w.acc, p.product.id, 0, 1)
	if err != nil {
		return err
	}
	p.id = prices[0].ID
	w.prices, w.priceOf[p.id] = append(w.prices, p), p
	w.note("  p%d costs %d every %q after %d days, and %d at first, at most %d", p.n, p.amount, p.interval, p.trial, p.setup, p.most)
	if p.special {
		w.note("    with charge %+v, %d payments (split %t), trial %d in %d, fee every %d, day %d %s", terms.Charge != nil, terms.Payments, terms.Split,
			terms.TrialAmount, terms.TrialPayments, terms.SetupEvery, terms.AnchorDay, terms.FirstPeriod)
	}
	return nil
}
