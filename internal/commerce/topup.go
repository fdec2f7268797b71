package commerce

import (
	"context"
	"time"

	"perennial/internal/catalog"
	"perennial/internal/db"
	"perennial/internal/event"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/money"
	"perennial/internal/order"
	"perennial/internal/payment"
	"perennial/internal/usage"
)

// topUpSource is the source of orders that refill a balance by themselves.
const topUpSource = "top_up"

// While a top-up is sold nobody else sells it, and one whose outcome is unknown is not
// sold again before it must be known.
const (
	topUpLease   = 10 * time.Minute
	topUpUnknown = 25 * time.Hour
)

// roomFor refuses a sale whose units the balance of the buyer has no room for, before it is
// charged. It leaves half of what a balance can hold to the sales that are being charged.
func roomFor(tx *db.Tx, acc id.Account, buyer id.Customer, p catalog.Price, quantity int64) error {
	t := p.Terms.Prepaid
	if t == nil {
		return nil
	}
	units, _ := t.Units.Micros() // its limits were checked with the price
	list, err := usage.PrepaidOf(tx, acc, buyer)
	for _, have := range list {
		if have.Meter == t.Meter && have.Balance > usage.MaxCounter/2-units*quantity {
			return fault.New(fault.Conflict, "the balance of the customer has no room for so many units").WithCode("prepaid_full")
		}
	}
	return err
}

// prepaid adds the units that a sale brought to the customer's balance.
func (w *settlement) prepaid(tx *db.Tx, c *collection, p catalog.Price) error {
	t := p.Terms.Prepaid
	if t == nil {
		return nil
	}
	units, exact := t.Units.Micros()
	if !exact || units > 1<<62/c.order.Quantity {
		return fault.New(fault.Invalid, "the price adds more units than can be counted")
	}
	add := usage.Addition{Units: usage.Units{Customer: c.order.Customer, Meter: t.Meter, Micros: units * c.order.Quantity}, TopUp: c.order.Source == topUpSource}
	if t.TopUpAt != nil {
		at, exact := t.TopUpAt.Micros()
		if !exact {
			return fault.New(fault.Invalid, "the mark of the price has too many decimals")
		}
		add.Price, add.TopUpAt, add.Currency = p.ID, at, c.invoice.Total.Currency
	}
	if err := usage.AddPrepaid(tx, w.account.ID, []usage.Addition{add}, c.at); err != nil {
		return err
	}
	sum, err := money.DecimalOfMicros(add.Micros)
	if err != nil {
		return err
	}
	w.add(c, event.PrepaidAdded, int64(c.order.Customer), event.Data(map[string]any{"meter": t.Meter, "units": sum, "order": c.order.ID}))
	return nil
}

// topUps sells the refills that are due.
func (s *Service) topUps(ctx context.Context, acc id.Account, upTo time.Time) (Run, error) {
	var done Run
	for {
		var next time.Time
		err := s.db.View(ctx, func(tx *db.Tx) (err error) {
			next, err = usage.NextTopUp(tx, acc)
			return err
		})
		if err != nil || next.IsZero() || next.After(upTo) {
			return done, err
		}
		var due []usage.Prepaid
		err = s.db.Update(ctx, func(tx *db.Tx) error {
			var err error
			if due, err = usage.DueTopUps(tx, acc, upTo, askBatch); err != nil {
				return err
			}
			for i := range due {
				if err := usage.MoveTopUp(tx, due[i], upTo.Add(topUpLease)); err != nil {
					return err
				}
				due[i].Version++
			}
			return nil
		})
		if err != nil || len(due) == 0 {
			return done, err
		}
		for _, p := range due {
			done.Due++
			if err := s.topUp(ctx, acc, p, upTo, &done); err != nil {
				return done, err
			}
		}
	}
}

// maxTopUps is how many refills of one balance are sold in a row: whatever one report of
// usage says, it costs no more at once.
const maxTopUps = 10

// topUp sells refills, one at a time, until the balance is above its mark. A decline is
// told once; it is tried again when the balance is drawn from again. So is a balance that
// maxTopUps refills do not lift: it goes on after a pause.
func (s *Service) topUp(ctx context.Context, acc id.Account, p usage.Prepaid, now time.Time, done *Run) error {
	for range maxTopUps {
		refused, under, err := s.refill(ctx, acc, p)
		if err != nil {
			return err
		}
		if refused != nil || under {
			return s.topUpFailed(ctx, acc, p, refused, now, done)
		}
		done.Collected++
		fresh, err := s.prepaidOf(ctx, acc, p)
		if err != nil || fresh.TopUpDue.IsZero() {
			return err
		}
	}
	return s.db.Update(ctx, func(tx *db.Tx) error {
		return event.Append(tx, acc, topUpFailed(acc, p, "top_up_limit", now))
	})
}

// refill sells one refill with the customer's newest usable method. It reports what the
// sale was refused for, and whether an earlier one is still under way.
func (s *Service) refill(ctx context.Context, acc id.Account, p usage.Prepaid) (refused error, under bool, err error) {
	var method id.Method
	err = s.db.View(ctx, func(tx *db.Tx) error {
		method, under = 0, false
		orders, err := order.List(tx, acc, p.Customer, 0, 20)
		if err != nil {
			return err
		}
		for _, o := range orders {
			under = under || o.Source == topUpSource && o.State == order.Pending && o.Price == p.TopUpPrice
		}
		methods, err := payment.Methods(tx, acc, p.Customer)
		for _, m := range methods {
			if m.State == payment.Usable && m.ID > method {
				method = m.ID
			}
		}
		return err
	})
	if err != nil || under {
		return nil, under, err
	}
	_, refused = s.Sell(ctx, Sell{Call: Call{Account: acc, Actor: event.Clock}, Customer: p.Customer, Price: p.TopUpPrice, Method: method, Source: topUpSource,
		Options: Options{Currency: p.TopUpIn}})
	return refused, false, nil
}

// prepaidOf is a balance as it is now.
func (s *Service) prepaidOf(ctx context.Context, acc id.Account, p usage.Prepaid) (usage.Prepaid, error) {
	err := s.db.View(ctx, func(tx *db.Tx) error {
		list, err := usage.PrepaidOf(tx, acc, p.Customer)
		for _, fresh := range list {
			if fresh.Meter == p.Meter {
				p = fresh
			}
		}
		return err
	})
	return p, err
}

// topUpFailed notes what became of a refill that was not sold.
func (s *Service) topUpFailed(ctx context.Context, acc id.Account, p usage.Prepaid, refused error, now time.Time, done *Run) error {
	var again time.Time // not before the next draw
	switch {
	case refused == nil || fault.Is(refused, fault.Pending):
		again = now.Add(topUpUnknown)
		done.Unknown++
	case fault.Is(refused, fault.Declined) || fault.Is(refused, fault.Invalid) || fault.Is(refused, fault.Conflict):
		done.Declined++
	default:
		return refused
	}
	return s.db.Update(ctx, func(tx *db.Tx) error {
		list, err := usage.PrepaidOf(tx, acc, p.Customer)
		if err != nil {
			return err
		}
		for _, fresh := range list {
			if fresh.Meter != p.Meter || fresh.TopUpDue.IsZero() {
				continue
			}
			if err := usage.MoveTopUp(tx, fresh, again); err != nil {
				return err
			}
		}
		if !again.IsZero() {
			return nil
		}
		return event.Append(tx, acc, topUpFailed(acc, p, fault.As(refused).Code, now))
	})
}

func topUpFailed(acc id.Account, p usage.Prepaid, code string, now time.Time) event.Event {
	return event.New(acc, now, event.Clock, event.TopUpFailed, int64(p.Customer), p.Customer, event.Data(map[string]any{"meter": p.Meter, "price": p.TopUpPrice, "code": code}))
}
