package api

import (
	"context"
	"net/http"
	"time"

	"perennial/internal/commerce"
	"perennial/internal/credit"
	"perennial/internal/customer"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/money"
)

// CreditEntry is one change of a customer's credit.
type CreditEntry struct {
	ID           string    `json:"id"`
	Amount       Money     `json:"amount" doc:"Above zero gives credit, below zero takes it."`
	BalanceAfter Money     `json:"balance_after"`
	Reason       string    `json:"reason" enum:"change,goodwill,refund,invoice,reversal,expired" doc:"change: what was paid and not used; refund: a credit note that was kept; invoice: one used it; reversal: that came to nothing."`
	Invoice      *string   `json:"invoice"`
	CreditNote   *string   `json:"credit_note"`
	Note         string    `json:"note"`
	CreatedAt    time.Time `json:"created_at"`
}

func entryOf(e credit.Entry) CreditEntry {
	return CreditEntry{e.ID.String(), moneyOf(e.Amount), moneyOf(e.BalanceAfter), string(e.Reason), textOf(e.Invoice.String()), textOf(e.CreditNote.String()), e.Note, e.At}
}

// Credit is what a customer has in credit, with one page of how it came to be.
type Credit struct {
	Balances   []Money       `json:"balances" doc:"Above zero, by currency."`
	Data       []CreditEntry `json:"data" doc:"The entries, newest first."`
	HasMore    bool          `json:"has_more"`
	NextCursor *string       `json:"next_cursor" doc:"For the next page; null on the last."`
}

func (a *API) creditRoutes() {
	type entries struct {
		ByID
		Page
	}
	read(a, operation{id: "get-credit", path: "/v1/customers/{id}/credit", tag: "Customers", summary: "A customer's credit, and how it came to be"},
		func(ctx context.Context, c caller, in *entries) (Credit, error) {
			v, from, err := within[id.Customer, id.Entry](in.ByID, in.Page, "credit")
			if err != nil {
				return Credit{}, err
			}
			found, err := a.r.Credit(ctx, c.account.ID, v, from, in.Limit+1)
			page := paged(in.Page, "credit", found.Entries, func(e credit.Entry) int64 { return int64(e.ID) }, entryOf)
			out := Credit{Balances: []Money{}, Data: page.Data, HasMore: page.HasMore, NextCursor: page.NextCursor}
			for _, b := range found.Balances {
				out.Balances = append(out.Balances, moneyOf(b))
			}
			return out, err
		})
	type adjustment struct {
		ByID
		Body struct {
			Amount   int64  `json:"amount" minimum:"-10000000000000" maximum:"10000000000000" doc:"Minor units; above zero gives credit, below zero takes it."`
			Currency string `json:"currency" minLength:"3" maxLength:"3" example:"USD"`
			Note     string `json:"note,omitempty" maxLength:"500"`
		}
	}
	write(a, operation{id: "adjust-credit", path: "/v1/customers/{id}/credit", tag: "Customers", summary: "Give a customer credit, or take it back", text: "Later invoices use it up. Never more is taken than there is."},
		func(ctx context.Context, call commerce.Call, in *adjustment) (credit.Entry, error) {
			v, err := id.Parse[id.Customer](in.ID)
			if err != nil {
				return credit.Entry{}, err
			}
			var f fault.Fields
			currency, err := money.ParseCurrency(in.Body.Currency)
			f.Add("currency", err)
			if err := f.Err(); err != nil {
				return credit.Entry{}, err
			}
			return a.s.AdjustCredit(ctx, commerce.AdjustCredit{Call: call, Customer: v, Amount: money.Amount{Minor: in.Body.Amount, Currency: currency}, Note: in.Body.Note})
		}, entryOf)
	write(a, operation{id: "check-tax-id", path: "/v1/customers/{id}/tax-id-check", status: http.StatusOK, tag: "Customers", summary: "Ask the register for a customer's tax number",
		text: "An outage of the register changes nothing that was known."},
		func(ctx context.Context, call commerce.Call, in *ByID) (customer.Customer, error) {
			v, err := id.Parse[id.Customer](in.ID)
			if err != nil {
				return customer.Customer{}, err
			}
			return a.s.CheckTaxID(withoutCancel(ctx), commerce.CheckTaxID{Call: call, Customer: v})
		}, customerOf)
}
