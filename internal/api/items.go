package api

import (
	"context"
	"net/http"
	"time"

	"perennial/internal/commerce"
	"perennial/internal/id"
	"perennial/internal/invoice"
)

// Item is an amount that waits for the next invoice of a subscription.
type Item struct {
	ID           string     `json:"id"`
	Subscription string     `json:"subscription"`
	Customer     string     `json:"customer"`
	Kind         string     `json:"kind" enum:"change,usage,pause,item"`
	Description  string     `json:"description"`
	Price        *string    `json:"price"`
	Quantity     int64      `json:"quantity"`
	Amount       Money      `json:"amount" doc:"For all of them, before discounts and tax."`
	PeriodStart  *time.Time `json:"period_start"`
	PeriodEnd    *time.Time `json:"period_end"`
	Details      *Details   `json:"details,omitempty"`
	CreatedAt    *time.Time `json:"created_at" doc:"Null in a plan."`
}

func itemOf(t invoice.Item) Item {
	return Item{t.ID.String(), t.Subscription.String(), t.Customer.String(), string(t.Kind), t.Description, textOf(t.Price.String()), t.Quantity, moneyOf(t.Amount),
		timeOf(t.Span.From), timeOf(t.Span.To), detailsOf(t.Details, t.Amount.Currency), timeOf(t.CreatedAt)}
}

// UpcomingInvoice is the next invoice of a subscription as it would be issued.
type UpcomingInvoice struct {
	Subscription string        `json:"subscription"`
	At           time.Time     `json:"at" doc:"When it would be issued."`
	PeriodStart  *time.Time    `json:"period_start" doc:"Null when it is for the fee of a pause."`
	PeriodEnd    *time.Time    `json:"period_end"`
	Price        string        `json:"price" doc:"In that period."`
	Quantity     int64         `json:"quantity"`
	Lines        []InvoiceLine `json:"lines" doc:"Empty when nothing is to be paid for that period."`
	Notes        Notes         `json:"notes"`
	Net          Money         `json:"net"`
	Tax          Money         `json:"tax"`
	Total        Money         `json:"total"`
	CreditUsed   Money         `json:"credit_used"`
	Due          Money         `json:"due"`
	Last         bool          `json:"last" doc:"The subscription ends with it: it is for what was used and for amounts that wait."`
	Change       *string       `json:"change" doc:"A scheduled change of terms that comes before or with it and is part of it."`
}

func upcomingOf(u commerce.Upcoming) UpcomingInvoice {
	s := u.Subscription
	return UpcomingInvoice{s.ID.String(), u.At, timeOf(u.Span.From), timeOf(u.Span.To), s.Price.String(), s.Quantity, linesOf(u.Lines), notesOf(u.Notes), moneyOf(u.Net), moneyOf(u.Tax), moneyOf(u.Total),
		moneyOf(u.Credit), moneyOf(u.Due), u.Last, textOf(u.Change.String())}
}

func (a *API) itemRoutes() {
	type items struct {
		ByID
		Page
	}
	read(a, operation{id: "list-invoice-items", path: "/v1/subscriptions/{id}/items", tag: "Subscriptions", summary: "The amounts that wait for the next invoice of a subscription"},
		func(ctx context.Context, c caller, in *items) (list[Item], error) {
			v, from, err := within[id.Subscription, id.Item](in.ByID, in.Page, "itm")
			if err != nil {
				return list[Item]{}, err
			}
			rows, err := a.r.Items(ctx, c.account.ID, v, from, in.Limit+1)
			return paged(in.Page, "itm", rows, func(t invoice.Item) int64 { return int64(t.ID) }, itemOf), err
		})
	type newItem struct {
		ByID
		Body struct {
			Description string `json:"description" minLength:"1" maxLength:"200"`
			Amount      int64  `json:"amount" minimum:"1" maximum:"10000000000000" doc:"Minor units of the subscription's currency, without tax."`
		}
	}
	write(a, operation{id: "create-invoice-item", path: "/v1/subscriptions/{id}/items", tag: "Subscriptions", summary: "Put an amount on the next invoice of a subscription"},
		func(ctx context.Context, call commerce.Call, in *newItem) (invoice.Item, error) {
			v, err := id.Parse[id.Subscription](in.ID)
			if err != nil {
				return invoice.Item{}, err
			}
			return a.s.AddItem(ctx, commerce.AddItem{Call: call, Subscription: v, Description: in.Body.Description, Amount: in.Body.Amount})
		}, itemOf)
	write(a, operation{id: "remove-invoice-item", method: http.MethodDelete, path: "/v1/invoice-items/{id}", status: http.StatusOK, tag: "Subscriptions", summary: "Take back an amount that waits for an invoice"},
		func(ctx context.Context, call commerce.Call, in *ByID) (id.Item, error) {
			v, err := id.Parse[id.Item](in.ID)
			if err != nil {
				return 0, err
			}
			return a.s.RemoveItem(ctx, commerce.RemoveItem{Call: call, Item: v})
		}, func(v id.Item) removed { return removed{v.String(), true} })
	read(a, operation{id: "get-upcoming-invoice", path: "/v1/subscriptions/{id}/upcoming-invoice", tag: "Subscriptions", summary: "The next invoice of a subscription, as it would be issued",
		text: "Computed with what is known now: usage so far, amounts that wait, coupons, tax and credit. 409: no invoice is to come."},
		func(ctx context.Context, c caller, in *ByID) (UpcomingInvoice, error) {
			v, err := id.Parse[id.Subscription](in.ID)
			if err != nil {
				return UpcomingInvoice{}, err
			}
			u, err := a.s.PreviewInvoice(ctx, c.account.ID, v)
			if err != nil {
				return UpcomingInvoice{}, err
			}
			return upcomingOf(u), nil
		})
}
