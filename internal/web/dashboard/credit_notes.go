package dashboard

import (
	"net/url"
	"strconv"

	"github.com/a-h/templ"

	"perennial/internal/commerce"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/invoice"
	"perennial/internal/money"
	"perennial/internal/report"
	"perennial/internal/web"
)

var creditReasons = map[invoice.CreditReason]string{invoice.ForRefund: "Refund", invoice.ForUnused: "Unused time", invoice.ForGoodwill: "Goodwill", invoice.ForError: "Error on the invoice"}

// creditWent says where the money of a credit note went.
func (v *visit) creditWent(n invoice.CreditNote) string {
	c := n.Total.Currency
	switch {
	case n.ToRefund > 0:
		return v.minor(n.ToRefund, c) + " was refunded"
	case n.ToBalance > 0:
		return v.minor(n.ToBalance, c) + " became the customer's credit"
	}
	return v.minor(n.ToOwed, c) + " was taken off what is owed"
}

func (v *visit) creditNotes() {
	at := pagingOf(v.r.URL)
	list, err := v.report.CreditNotePage(v.r.Context(), v.acc.ID, beforeKey[id.CreditNote](&at), pageSize+1)
	if err != nil {
		v.fail(err)
		return
	}
	list, last := cut(list, func(n report.LabelledNote) string { return n.Note.ID.String() })
	t := web.Table{ID: "credit-notes", Caption: "Credit notes", Columns: []web.Column{{Label: "Number", NoWrap: true}, {Label: "Customer", Card: true}, {Label: "Invoice", NoWrap: true},
		{Label: "Reason"}, {Label: "Total", Numeric: true, Card: true}, {Label: "Where it went", Card: true}, {Label: "Day", NoWrap: true}},
		Empty: web.EmptyState(web.Empty{Title: "Credit notes will stand here", Text: "Each refund writes one, and so does a change of plan that leaves something unused. You can also write one on the page of an invoice."})}
	for _, n := range list {
		row := web.Row{Href: v.at("credit-notes", n.Note.ID.String()), Cells: []templ.Component{web.Strong(n.Note.Label()), customerCell(n.Customer), nil, web.Text(creditReasons[n.Note.Reason]),
			web.Money(v.money(n.Note.Total)), web.Text(sentenceOf(v.creditWent(n.Note))), web.Date(n.Note.CreatedAt, v.zone)}}
		if n.Invoice != nil {
			row.Cells[2] = web.TextLink(v.at("invoices", n.Invoice.ID.String()), n.Invoice.Label())
		}
		t.Rows = append(t.Rows, row)
	}
	v.show(listPage(v.page("Credit notes"), nil, web.FilterSet{}, t, at.pager(v.r.URL, len(list), last, -1)))
}

func (v *visit) creditNote() {
	which, ok := find[id.CreditNote](v)
	if !ok {
		return
	}
	n, err := v.report.CreditNote(v.r.Context(), v.acc.ID, which)
	if err != nil {
		v.fail(err)
		return
	}
	p := v.page("Credit note " + n.Note.Label())
	p.Crumbs = []web.Link{{Label: "Credit notes", Href: v.at("credit-notes")}}
	p.Header.ID, p.Header.Lead = n.Note.ID.String(), v.creditWent(n.Note)+"."
	p.Header.Facts = []web.Fact{{Term: "Total", Text: v.money(n.Note.Total)}, {Term: "Invoice", Value: web.TextLink(v.at("invoices", n.Invoice.ID.String()), n.Invoice.Label())},
		{Term: "Reason", Text: creditReasons[n.Note.Reason]}, {Term: "Day", Value: web.Date(n.Note.CreatedAt, v.zone)}}
	if v.o.CreditNotePDF != nil {
		p.Header.Primary = web.PressButton(web.Press{Variant: web.Plain, Label: "Download PDF", Icon: "download", Href: v.at("credit-notes", n.Note.ID.String(), "pdf")})
	}
	v.show(creditNotePage(v, p, n))
}

// creditLineNote is how a line of a credit note came about.
func (v *visit) creditLineNote(l invoice.CreditLine) string {
	text := "line " + itoa(int64(l.Line)) + " of the invoice"
	if l.Details.Share != nil {
		text += ", " + v.shareFormula(*l.Details.Share, l.Amount.Currency)
	}
	for _, off := range l.Details.Coupons {
		text += ", less " + v.minor(off.Amount, l.Amount.Currency) + " by " + off.Code
	}
	return text
}

// creditTaxes are the taxes of a credit note by name and rate.
func (v *visit) creditTaxes(lines []invoice.CreditLine) []taxSum {
	list := make([]invoice.Line, len(lines))
	for i, l := range lines {
		list[i] = invoice.Line{Amount: l.Amount, Rate: l.Rate, TaxName: l.TaxName, Tax: l.Tax}
	}
	return v.taxes(list)
}

// invoiceDetail is an invoice with what was taken back of each line.
type invoiceDetail struct {
	report.InvoiceView
	Taken invoice.Taken
}

func (v *visit) loadInvoiceDetail() (invoiceDetail, bool) {
	i, ok := v.loadInvoice()
	if !ok {
		return invoiceDetail{}, false
	}
	taken, err := v.report.TakenBack(v.r.Context(), v.acc.ID, i.Invoice.ID)
	if err != nil {
		v.fail(err)
		return invoiceDetail{}, false
	}
	return invoiceDetail{i, taken}, true
}

func (v *visit) invoicePlace(i invoiceDetail) place {
	return place{v.at("invoices", i.Invoice.ID.String()), v.invoiceCrumbs(i.InvoiceView), i.Invoice.Total.Currency}
}

// creditable is the most that a credit note of an invoice can take back.
func creditable(v invoice.Invoice) money.Amount {
	if v.State == invoice.Open {
		return v.Due()
	}
	return money.Amount{Minor: v.Total.Minor - v.Credited, Currency: v.Total.Currency}
}

// creditWish reads the form of a credit note, and computes its lines.
func creditWish(i invoiceDetail, f filled) (commerce.CreditNote, []invoice.CreditLine, error) {
	c := commerce.CreditNote{Invoice: i.Invoice.ID, Reason: invoice.CreditReason(f.Get("reason")), Note: f.text("note")}
	var bad fault.Fields
	cur := i.Invoice.Total.Currency
	total := creditable(i.Invoice).Minor
	switch f.Get("how") {
	case "amount":
		amount := f.amount("amount", cur, &bad)
		if amount == nil {
			if bad.Err() == nil {
				bad.Bad("amount", "must be given")
			}
			return c, nil, bad.Err()
		}
		c.Amount, total = *amount, *amount
	case "lines":
		for _, l := range i.Lines {
			if net := f.amount(lineField(l), cur, &bad); net != nil && *net != 0 {
				left := l.Amount.Minor - i.Taken[l.Position].Net
				bad.Check(*net > 0 && *net <= left, lineField(l), "must be at most the %d minor units that are left of the line", left)
				c.Lines = append(c.Lines, invoice.Portion{Line: l.Position, Net: *net})
			}
		}
		if len(c.Lines) == 0 && bad.Err() == nil {
			bad.Bad("how", "by line needs an amount of at least one line")
		}
		if err := bad.Err(); err != nil {
			return c, nil, err
		}
		lines, err := i.Invoice.Take(i.Lines, i.Taken, c.Lines)
		return c, lines, err
	case "all", "":
	default:
		return c, nil, fault.BadField("how", "must be one of the list")
	}
	lines, err := i.Invoice.TakeTotal(i.Lines, i.Taken, total)
	return c, lines, err
}

func lineField(l invoice.Line) string { return "line-" + strconv.Itoa(l.Position) }

var errLookAgain = fault.New(fault.Conflict, "The amounts changed, and nothing was written yet. Look at them, then confirm.")

var creditNoteAction = action[invoiceDetail]{path: "credit-note", title: "Write a credit note",
	load: (*visit).loadInvoiceDetail, place: (*visit).invoicePlace,
	begin: func(*visit, invoiceDetail) url.Values {
		return url.Values{"how": {"all"}, "reason": {string(invoice.ForGoodwill)}}
	},
	confirm: func(v *visit, i invoiceDetail, f filled) web.Confirmation {
		inv := i.Invoice
		goes := "To the customer's credit, which pays for later invoices. To give money back, refund the payment instead."
		if inv.State == invoice.Open {
			goes = "Off what is owed. An invoice of which nothing is left counts as paid."
		}
		c := web.Confirmation{Verb: "Write credit note", Busy: "Writing…", Changes: []web.Fact{{Term: "Invoice", Text: inv.Label()}, {Term: "Customer", Text: buyerName(i.InvoiceView)},
			{Term: "Can be taken back", Text: v.money(creditable(inv))}, {Term: "Where it goes", Text: goes}}, When: "At once, with a number of its own", Sends: sends, Undo: "Cannot be undone; take the credit back by hand"}
		_, lines, err := creditWish(i, f)
		var note invoice.CreditNote
		if err == nil {
			err = note.Fill(lines)
		}
		if err != nil {
			return c
		}
		for _, l := range lines {
			c.Sums = append(c.Sums, web.Sum{Label: l.Description, Formula: "of " + v.money(i.Lines[l.Line-1].Amount), Rounded: v.money(l.Amount)})
		}
		for _, t := range v.creditTaxes(lines) {
			c.Sums = append(c.Sums, web.Sum{Label: t.label, Formula: "on " + v.minor(t.on, t.currency), Rounded: v.minor(t.amount, t.currency)})
		}
		c.Sums = append(c.Sums, web.Sum{Label: "Credit note", Rounded: v.money(note.Total), Total: true})
		c.Verb = "Write credit note over " + v.money(note.Total)
		c.Hidden = []web.Option{{Label: "shown", Value: note.Total.Major()}}
		return c
	},
	fields: func(v *visit, i invoiceDetail, f filled) templ.Component { return creditNoteFields(v, i, f) },
	run: func(v *visit, i invoiceDetail, f filled) (story, error) {
		c, lines, err := creditWish(i, f)
		if err != nil {
			return story{}, err
		}
		var note invoice.CreditNote
		if err := note.Fill(lines); err != nil {
			return story{}, err
		}
		if shown, err := money.ParseMajor(f.Get("shown"), note.Total.Currency); err != nil || shown != note.Total {
			return story{}, errLookAgain
		}
		return story{"credited", func(call commerce.Call) (any, error) {
			c.Call = call
			return v.commerce.CreditNote(v.r.Context(), c)
		}}, nil
	}}

func creditReasonOptions(chosen string) []web.Option {
	var list []web.Option
	for _, r := range []invoice.CreditReason{invoice.ForGoodwill, invoice.ForError, invoice.ForUnused} {
		list = append(list, web.Option{Value: string(r), Label: creditReasons[r]})
	}
	return web.Choices(chosen, list...)
}

var giveUpAction = action[invoiceDetail]{path: "uncollectible", title: "Mark as uncollectible",
	load: (*visit).loadInvoiceDetail, place: (*visit).invoicePlace,
	confirm: func(v *visit, i invoiceDetail, _ filled) web.Confirmation {
		return web.Confirmation{Verb: "Give up " + v.money(i.Invoice.Due()), Busy: "Giving up…", Danger: true,
			Changes: []web.Fact{{Term: "Invoice", Text: i.Invoice.Label()}, {Term: "Customer", Text: buyerName(i.InvoiceView)}, {Term: "Owed", Text: v.money(i.Invoice.Due())}, {Term: "In the books", Text: "Written off"}},
			When:    "At once. Nobody tries to collect it any more; its subscription goes on as if it was settled.", Sends: sends, Undo: "It can still be charged by hand, or voided"}
	},
	run: func(v *visit, i invoiceDetail, _ filled) (story, error) {
		return story{"given-up", func(call commerce.Call) (any, error) {
			return v.commerce.GiveUpInvoice(v.r.Context(), commerce.GiveUpInvoice{Call: call, Invoice: i.Invoice.ID})
		}}, nil
	}}

// discounted is what all lines of an invoice were reduced by.
func discounted(lines []invoice.Line) money.Amount {
	var sum money.Amount
	for _, l := range lines {
		sum.Minor += l.Discount.Minor
		sum.Currency = l.Amount.Currency
	}
	return sum
}
