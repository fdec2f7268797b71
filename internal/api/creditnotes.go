package api

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"perennial/internal/commerce"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/invoice"
	"perennial/internal/report"
)

// CreditNoteWire is a credit note on the wire. It is exported because only then are the
// fields of forms that hold it described.
type CreditNoteWire struct {
	ID        string    `json:"id"`
	Number    string    `json:"number" example:"CN-000042"`
	Invoice   string    `json:"invoice"`
	Customer  string    `json:"customer"`
	Reason    string    `json:"reason" enum:"refund,unused,goodwill,error"`
	Note      string    `json:"note"`
	Net       Money     `json:"net"`
	Tax       Money     `json:"tax"`
	Total     Money     `json:"total"`
	ToRefund  Money     `json:"to_refund" doc:"What went back through a refund."`
	ToCredit  Money     `json:"to_credit" doc:"What became credit of the customer."`
	ToOwed    Money     `json:"to_owed" doc:"What came off what is owed."`
	Refund    *string   `json:"refund" doc:"That gave to_refund back."`
	CreatedAt time.Time `json:"created_at"`
}

func creditNoteOf(c invoice.CreditNote) CreditNoteWire {
	in := func(minor int64) Money { return Money{minor, string(c.Total.Currency)} }
	return CreditNoteWire{c.ID.String(), c.Label(), c.Invoice.String(), c.Customer.String(), string(c.Reason), c.Note, moneyOf(c.Net), moneyOf(c.Tax), moneyOf(c.Total), in(c.ToRefund),
		in(c.ToBalance), in(c.ToOwed), textOf(c.Refund.String()), c.CreatedAt}
}

// CreditLine is part or all of a line of an invoice, taken back.
type CreditLine struct {
	Line        int     `json:"line" doc:"Its place on the invoice, from 1."`
	Description string  `json:"description"`
	Amount      Money   `json:"amount" doc:"Without tax."`
	TaxRate     string  `json:"tax_rate"`
	TaxName     *string `json:"tax_name"`
	Tax         Money   `json:"tax"`
	Share       *Share  `json:"share,omitempty" doc:"The part of a period that is taken back."`
}

func creditLinesOf(list []invoice.CreditLine) []CreditLine {
	out := []CreditLine{}
	for _, l := range list {
		w := CreditLine{l.Line, l.Description, moneyOf(l.Amount), l.Rate.String(), textOf(l.TaxName), moneyOf(l.Tax), nil}
		if d := detailsOf(l.Details, l.Amount.Currency); d != nil {
			w.Share = d.Share
		}
		out = append(out, w)
	}
	return out
}

// CreditNoteDetail is a credit note with its lines.
type CreditNoteDetail struct {
	CreditNoteWire
	Lines []CreditLine `json:"lines"`
}

func creditNoteDetailOf(v report.CreditNoteView) CreditNoteDetail {
	return CreditNoteDetail{creditNoteOf(v.Note), creditLinesOf(v.Lines)}
}

// PortionInput is how much of a line is taken back.
type PortionInput struct {
	Line   int   `json:"line" minimum:"1" maximum:"10000" doc:"Its place on the invoice, from 1."`
	Amount int64 `json:"amount" minimum:"1" maximum:"10000000000000" doc:"Minor units without tax; the tax follows in proportion."`
}

func (a *API) creditNoteRoutes() {
	type filter struct {
		Page
		Customer string `query:"customer" maxLength:"40" doc:"Only of that customer."`
	}
	read(a, operation{id: "list-credit-notes", path: "/v1/credit-notes", tag: "Invoices", summary: "The credit notes"},
		func(ctx context.Context, c caller, in *filter) (list[CreditNoteWire], error) {
			from, err := before[id.CreditNote](in.Page, "crn")
			if err != nil {
				return list[CreditNoteWire]{}, err
			}
			who, err := parse[id.Customer]("query.customer", in.Customer)
			if err != nil {
				return list[CreditNoteWire]{}, err
			}
			rows, err := a.r.CreditNotes(ctx, c.account.ID, who, from, in.Limit+1)
			return paged(in.Page, "crn", rows, func(n invoice.CreditNote) int64 { return int64(n.ID) }, creditNoteOf), err
		})
	read(a, operation{id: "get-credit-note", path: "/v1/credit-notes/{id}", tag: "Invoices", summary: "One credit note with its lines"},
		func(ctx context.Context, c caller, in *ByID) (CreditNoteDetail, error) {
			v, err := id.Parse[id.CreditNote](in.ID)
			if err != nil {
				return CreditNoteDetail{}, err
			}
			found, err := a.r.CreditNote(ctx, c.account.ID, v)
			return creditNoteDetailOf(found), err
		})
	a.paperRoute(operation{id: "get-credit-note-pdf", path: "/v1/credit-notes/{id}/pdf", tag: "Invoices", summary: "The credit note as PDF"}, a.creditNotePDF)
	type ofInvoice struct {
		ByID
		Page
	}
	read(a, operation{id: "list-invoice-credit-notes", path: "/v1/invoices/{id}/credit-notes", tag: "Invoices", summary: "The credit notes of an invoice"},
		func(ctx context.Context, c caller, in *ofInvoice) (list[CreditNoteWire], error) {
			v, from, err := within[id.Invoice, id.CreditNote](in.ByID, in.Page, "inv.crn")
			if err != nil {
				return list[CreditNoteWire]{}, err
			}
			rows, err := a.r.CreditNotesOf(ctx, c.account.ID, v, from, in.Limit+1)
			return paged(in.Page, "inv.crn", rows, func(n invoice.CreditNote) int64 { return int64(n.ID) }, creditNoteOf), err
		})
	a.creditNoteStories()
}

func (a *API) creditNoteStories() {
	type newNote struct {
		ByID
		Body struct {
			Lines  []PortionInput `json:"lines,omitempty" maxItems:"1000" doc:"What is taken back of each line; or amount."`
			Amount int64          `json:"amount,omitempty" minimum:"1" maximum:"10000000000000" doc:"Minor units with tax, spread over all lines; without it and lines, all that is left."`
			Reason string         `json:"reason" enum:"goodwill,error,unused"`
			Note   string         `json:"note,omitempty" maxLength:"500" doc:"Printed."`
		}
	}
	write(a, operation{id: "create-credit-note", path: "/v1/invoices/{id}/credit-notes", tag: "Invoices", summary: "Take back part or all of an issued invoice",
		text: "Of a paid invoice it becomes credit of the customer, of an open one it comes off what is owed. To give money back, refund the payment: that writes a credit note, too."},
		func(ctx context.Context, call commerce.Call, in *newNote) (invoice.CreditNote, error) {
			v, err := id.Parse[id.Invoice](in.ID)
			if err != nil {
				return invoice.CreditNote{}, err
			}
			var f fault.Fields
			seen := map[int]bool{}
			c := commerce.CreditNote{Call: call, Invoice: v, Amount: in.Body.Amount, Reason: invoice.CreditReason(in.Body.Reason), Note: in.Body.Note}
			for i, l := range in.Body.Lines {
				f.Check(!seen[l.Line], "lines."+strconv.Itoa(i)+".line", "must not be named twice")
				seen[l.Line] = true
				c.Lines = append(c.Lines, invoice.Portion{Line: l.Line, Net: l.Amount})
			}
			f.Check(len(in.Body.Lines) == 0 || in.Body.Amount == 0, "amount", "must not be given together with lines")
			if err := f.Err(); err != nil {
				return invoice.CreditNote{}, err
			}
			return a.s.CreditNote(ctx, c)
		}, creditNoteOf)
	write(a, operation{id: "give-up-invoice", path: "/v1/invoices/{id}/uncollectible", status: http.StatusOK, tag: "Invoices", summary: "Mark an open invoice as uncollectible",
		text: "Nobody tries to collect it any more, and its subscription goes on as if it was settled. It can still be paid or voided by hand."},
		func(ctx context.Context, call commerce.Call, in *ByID) (invoice.Invoice, error) {
			v, err := id.Parse[id.Invoice](in.ID)
			if err != nil {
				return invoice.Invoice{}, err
			}
			return a.s.GiveUpInvoice(ctx, commerce.GiveUpInvoice{Call: call, Invoice: v})
		}, invoiceOf)
}
