package paywhirl

import (
	"context"
	"encoding/json"
	"net/http"

	"perennial/internal/invoice"
	"perennial/internal/money"
	"perennial/internal/params"
	"perennial/internal/subscription"
)

func (d *Door) statsRoutes() []route {
	return []route{{http.MethodGet, "/stats", d.stats}}
}

// statsWire is how business goes, in the account's currency where it is money.
type statsWire struct {
	Currency            string      `json:"currency"`
	ActiveSubscriptions int64       `json:"active_subscriptions"`
	MonthlyRecurring    json.Number `json:"monthly_recurring_revenue"`
	InvoicesPaid        int64       `json:"invoices_paid"`
	InvoicesOpen        int64       `json:"invoices_open"`
	RevenuePaid         json.Number `json:"revenue_paid"`
	RevenueOpen         json.Number `json:"revenue_open"`
	Refunded            json.Number `json:"refunded"`
	RevenueThisMonth    json.Number `json:"revenue_this_month"`
	RevenueLastMonth    json.Number `json:"revenue_last_month"`
}

func (d *Door) stats(ctx context.Context, c *caller, _ *params.Values) (any, error) {
	home, err := d.r.Home(ctx, c.account.ID)
	if err != nil {
		return nil, err
	}
	currency := c.account.Currency
	months, err := d.r.Revenue(ctx, c.account, currency, c.now)
	if err != nil {
		return nil, err
	}
	in := func(minor int64) json.Number { return major(money.Amount{Minor: minor, Currency: currency}) }
	w := statsWire{Currency: string(currency), MonthlyRecurring: in(0), RevenuePaid: in(0), RevenueOpen: in(0), Refunded: in(0),
		RevenueThisMonth: major(months[len(months)-1].Net), RevenueLastMonth: major(months[len(months)-2].Net)}
	for state, n := range home.States {
		if state != subscription.Canceled {
			w.ActiveSubscriptions += n
		}
	}
	for _, a := range home.Recurring {
		if a.Currency == currency {
			w.MonthlyRecurring = major(a)
		}
	}
	refunded := int64(0)
	for _, t := range home.Invoices {
		if t.Currency != currency {
			continue
		}
		refunded += t.Refunded
		switch t.State {
		case invoice.Paid:
			w.InvoicesPaid, w.RevenuePaid = t.Count, in(t.Total)
		case invoice.Open:
			w.InvoicesOpen, w.RevenueOpen = t.Count, in(t.Due)
		}
	}
	w.Refunded = in(refunded)
	return w, nil
}
