package dashboard

import (
	"bytes"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/a-h/templ"
	"golang.org/x/text/language"

	"perennial/internal/commerce"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/invoice"
	"perennial/internal/ledger"
	"perennial/internal/money"
	"perennial/internal/payment"
	"perennial/internal/report"
	"perennial/internal/web"
)

var invoiceStates = []web.Option{{Label: "Any"}, {Value: "open", Label: "Open"}, {Value: "paid", Label: "Paid"}, {Value: "void", Label: "Void"}, {Value: "uncollectible", Label: "Uncollected"}, {Value: "draft", Label: "Draft"}}

func (v *visit) invoices() {
	ctx := v.r.Context()
	state := invoice.State(v.r.URL.Query().Get("status"))
	if !state.Known() {
		state = ""
	}
	at := pagingOf(v.r.URL)
	list, err := v.report.Invoices(ctx, v.acc.ID, invoice.Filter{State: state, Before: beforeKey[id.Invoice](&at), Limit: pageSize + 1})
	if err != nil {
		v.fail(err)
		return
	}
	totals, err := v.report.InvoiceTotals(ctx, v.acc.ID)
	if err != nil {
		v.fail(err)
		return
	}
	list, last := cut(list, func(i invoice.Invoice) string { return i.ID.String() })
	var ids []int64
	for _, i := range list {
		ids = append(ids, int64(i.Customer))
	}
	buyers, err := v.report.CustomersByID(ctx, v.acc.ID, ids)
	if err != nil {
		v.fail(err)
		return
	}
	table := invoiceTable(v, list, buyers)
	var total int64
	table.Foot, total = v.invoiceSums(totals, state)
	filter := web.FilterSet{Action: v.at("invoices"), Fields: []web.Filter{{Name: "status", Label: "Status", Options: web.Choices(string(state), invoiceStates...)}}}
	empty := web.Empty{Title: "Invoices will stand here", Text: "Each purchase and each renewal writes one."}
	if state != "" {
		filter.Chips, filter.Clear = []web.Chip{{Label: "Status: " + optionLabel(invoiceStates, string(state)), Href: v.at("invoices")}}, v.at("invoices")
		empty = web.Empty{Title: "Nothing matches", Chips: filter.Chips, Clear: filter.Clear}
	}
	table.Empty = web.EmptyState(empty)
	v.show(listPage(v.page("Invoices"), nil, filter, table, at.pager(v.r.URL, len(list), last, total)))
}

// invoiceSums are the sums of all invoices of a state, one row for each currency,
// and how many they are. Void ones and drafts, which nobody owes, count only when
// they were asked for.
func (v *visit) invoiceSums(totals []invoice.Totals, state invoice.State) ([]web.Row, int64) {
	sums := map[money.Currency]int64{}
	var order []money.Currency
	var count int64
	for _, t := range totals {
		if state != "" && t.State != state {
			continue
		}
		count += t.Count
		if state == "" && (t.State == invoice.Void || t.State == invoice.Draft) {
			continue
		}
		if _, seen := sums[t.Currency]; !seen {
			order = append(order, t.Currency)
		}
		sums[t.Currency] += t.Total
	}
	var rows []web.Row
	for _, c := range order {
		label := "Sum in " + string(c)
		if state == "" {
			label = "Open and paid in " + string(c)
		}
		rows = append(rows, web.Row{Cells: []templ.Component{web.Text(label), nil, nil, web.Money(v.minor(sums[c], c))}})
	}
	return rows, count
}

func (v *visit) loadInvoice() (report.InvoiceView, bool) {
	which, ok := find[id.Invoice](v)
	if !ok {
		return report.InvoiceView{}, false
	}
	i, err := v.report.Invoice(v.r.Context(), v.acc.ID, which)
	if err != nil {
		v.fail(err)
		return i, false
	}
	return i, true
}

// invoiceName is what an invoice is called.
func invoiceName(i invoice.Invoice) string {
	if label := i.Label(); label != "" {
		return "Invoice " + label
	}
	return "Invoice without number"
}

// lowered is a name inside a title.
func lowered(s string) string { return strings.ToLower(s[:1]) + s[1:] }

// refundable is the payment of an invoice that can still give money back, and how
// much.
func refundable(i report.InvoiceView) (payment.Payment, money.Amount, bool) {
	for _, p := range i.Payments {
		// Credit notes that went elsewhere leave less to give back, and so do refunds on
		// their way.
		left := min(p.Amount.Minor-p.Refunded, i.Invoice.Total.Minor-i.Invoice.Credited-(p.Refunded-i.Invoice.Refunded))
		if p.State == payment.Paid && left > 0 {
			return p, money.Amount{Minor: left, Currency: p.Amount.Currency}, true
		}
	}
	return payment.Payment{}, money.Amount{}, false
}

func (v *visit) invoice() {
	i, ok := v.loadInvoice()
	if !ok {
		return
	}
	inv := i.Invoice
	p := v.page(invoiceName(inv))
	p.Crumbs = []web.Link{{Label: "Invoices", Href: v.at("invoices")}}
	p.Header.Status, p.Header.ID = invoiceWord(inv), inv.ID.String()
	p.Header.Facts = []web.Fact{{Term: "Total", Text: v.money(inv.Total)}, {Term: "Customer", Value: web.TextLink(v.at("customers", inv.Customer.String()), buyerName(i))},
		{Term: "Reason", Text: reasonWord(inv.Reason)}}
	switch {
	case inv.Refunded > 0:
		p.Header.Facts = append(p.Header.Facts, web.Fact{Term: "Refunded", Text: v.minor(inv.Refunded, inv.Total.Currency)})
	case (inv.State == invoice.Open || inv.State == invoice.Uncollectible) && inv.Due() != inv.Total:
		p.Header.Facts = append(p.Header.Facts, web.Fact{Term: "Due", Text: v.money(inv.Due())})
	}
	here := v.at("invoices", inv.ID.String())
	if inv.Number != 0 {
		p.Header.Primary = web.PressButton(web.Press{Variant: web.Plain, Label: "Download PDF", Icon: "download", Href: here + "/pdf"})
	}
	if _, _, can := refundable(i); can && v.may(refunds) {
		p.Header.More = append(p.Header.More, web.Action{Label: "Refund", Href: here + "/refund"})
	}
	owed := inv.State == invoice.Open || inv.State == invoice.Uncollectible
	if owed && inv.Subscription != 0 && v.may(subscriptions) {
		p.Header.More = append(p.Header.More, web.Action{Label: "Charge now", Href: here + "/charge"})
	}
	if v.may(refunds) {
		if (inv.State == invoice.Open || inv.State == invoice.Paid) && creditable(inv).Sign() > 0 {
			p.Header.More = append(p.Header.More, web.Action{Label: "Write a credit note", Href: here + "/credit-note"})
		}
		if inv.State == invoice.Open {
			p.Header.More = append(p.Header.More, web.Action{Label: "Mark as uncollectible", Href: here + "/uncollectible", Danger: true})
		}
		if owed {
			p.Header.More = append(p.Header.More, web.Action{Label: "Void", Href: here + "/void", Danger: true})
		}
	}
	v.show(invoicePage(v, p, i))
}

func buyerName(i report.InvoiceView) string {
	for _, s := range []string{i.Buyer.Name, i.Buyer.Company, i.Buyer.Email} {
		if s != "" {
			return s
		}
	}
	return i.Invoice.Customer.String()
}

func (v *visit) invoicePDF() {
	i, ok := v.loadInvoice()
	if !ok {
		return
	}
	if v.o.PDF == nil {
		v.fail(errNoDocuments)
		return
	}
	v.sendPDF(i.Invoice.Label(), func(w io.Writer) error { return v.o.PDF(w, i) })
}

// creditNotePDF answers the paper of a credit note.
func (v *visit) creditNotePDF() {
	which, ok := find[id.CreditNote](v)
	if !ok {
		return
	}
	n, err := v.report.CreditNote(v.r.Context(), v.acc.ID, which)
	if err != nil {
		v.fail(err)
		return
	}
	if v.o.CreditNotePDF == nil {
		v.fail(errNoDocuments)
		return
	}
	v.sendPDF(n.Note.Label(), func(w io.Writer) error { return v.o.CreditNotePDF(w, n) })
}

var errNoDocuments = fault.New(fault.Unavailable, "This server makes no documents.")

// sendPDF answers a paper as a download with a name.
func (v *visit) sendPDF(name string, write func(w io.Writer) error) {
	var paper bytes.Buffer
	if err := write(&paper); err != nil {
		v.fail(err)
		return
	}
	h := v.w.Header()
	h.Set("Content-Type", "application/pdf")
	h.Set("Content-Disposition", `attachment; filename="`+name+`.pdf"`)
	h.Set("Content-Length", strconv.Itoa(paper.Len()))
	_, _ = v.w.Write(paper.Bytes()) // a reader that left needs no answer
}

func (v *visit) invoiceCrumbs(i report.InvoiceView) []web.Link {
	return []web.Link{{Label: "Invoices", Href: v.at("invoices")}, {Label: invoiceName(i.Invoice), Href: v.at("invoices", i.Invoice.ID.String())}}
}

// refundChoice is the form of a refund as it was filled in.
type refundChoice struct {
	Amount   string // as typed
	Parsed   money.Amount
	Reason   string
	Key      string
	Notice   *web.Message
	Problems []web.Problem
}

// parse reads the amount, all that is left when nothing was typed.
func (f *refundChoice) parse(left money.Amount) {
	if f.Parsed = left; f.Amount == "" {
		f.Amount = left.Major()
		return
	}
	parsed, err := money.ParseLocale(f.Amount, left.Currency, language.English)
	switch {
	case err != nil:
		f.Problems = problemsOf(fault.BadField("amount", "%s", fault.As(err).Message))
	case parsed.Sign() <= 0 || parsed.Cmp(left) > 0:
		f.Problems = []web.Problem{{Field: "amount", Message: "The amount must be above zero and at most what is left of the payment, " + web.MoneyText(left, language.English) + "."}}
	default:
		f.Parsed = parsed
	}
}

func (v *visit) refundForm() {
	i, ok := v.loadInvoice()
	if !ok {
		return
	}
	f := refundChoice{Amount: strings.TrimSpace(v.r.URL.Query().Get("amount")), Reason: strings.TrimSpace(v.r.URL.Query().Get("reason")), Key: operationKey()}
	v.showRefund(i, http.StatusOK, f)
}

func (v *visit) showRefund(i report.InvoiceView, status int, f refundChoice) {
	paid, left, can := refundable(i)
	if !can {
		v.fail(fault.New(fault.Conflict, "Nothing of this invoice can be refunded: it was not paid, or all of it went back already."))
		return
	}
	if f.Parsed.IsZero() {
		f.parse(left)
	}
	if len(f.Problems) > 0 && status != http.StatusPaymentRequired {
		status, f.Notice = http.StatusUnprocessableEntity, nil
	}
	sums, err := v.refundSums(i, f.Parsed)
	if err != nil {
		v.fail(err)
		return
	}
	rest, err := left.Sub(f.Parsed)
	if err != nil {
		v.fail(err)
		return
	}
	method := i.Methods[paid.Method]
	here := v.at("invoices", i.Invoice.ID.String())
	c := web.Confirmation{Action: here + "/refund", OperationKey: f.Key, Verb: "Refund " + v.money(f.Parsed), Busy: "Refunding…", Danger: true, Problems: f.Problems, CancelHref: here,
		Changes: []web.Fact{{Term: "Invoice", Text: i.Invoice.Label()}, {Term: "Paid", Text: v.money(paid.Amount) + " with " + method.Label()}, {Term: "Can still be refunded", Text: v.money(left)}, {Term: "Left afterwards", Text: v.money(rest)}},
		When:    "At once, at the gateway; banks take some days to show it", Sends: "The webhooks that want it, and no mail", Undo: "Cannot be undone", Hidden: []web.Option{{Label: "shown", Value: f.Parsed.Major()}}}
	c.Sums = sums
	p := v.page("Refund " + lowered(invoiceName(i.Invoice)))
	p.Narrow, p.Crumbs = true, v.invoiceCrumbs(i)
	if f.Notice != nil {
		p.Notice = f.Notice
	}
	web.Render(v.w, v.r, status, refundPage(p, here+"/refund", c, f, string(left.Currency)))
}

// refundSums are how a refund is divided over the lines of its invoice, as the credit
// note will say that it writes.
func (v *visit) refundSums(i report.InvoiceView, amount money.Amount) ([]web.Sum, error) {
	taken, err := v.report.TakenBack(v.r.Context(), v.acc.ID, i.Invoice.ID)
	if err != nil {
		return nil, err
	}
	lines, err := i.Invoice.TakeTotal(i.Lines, taken, amount.Minor)
	if err != nil {
		return nil, err
	}
	if len(lines) == 1 && lines[0].Tax.IsZero() {
		return nil, nil
	}
	var list []web.Sum
	for _, l := range lines {
		list = append(list, web.Sum{Label: l.Description, Formula: "of " + v.money(i.Lines[l.Line-1].Amount), Rounded: v.money(l.Amount)})
	}
	for _, t := range v.creditTaxes(lines) {
		list = append(list, web.Sum{Label: t.label, Formula: "on " + v.minor(t.on, t.currency), Rounded: v.minor(t.amount, t.currency)})
	}
	return append(list, web.Sum{Label: "Refund", Rounded: v.money(amount), Total: true}), nil
}

func (v *visit) refund() {
	i, ok := v.loadInvoice()
	if !ok || !v.form() {
		return
	}
	f := refundChoice{Amount: strings.TrimSpace(v.r.PostForm.Get("amount")), Reason: strings.TrimSpace(v.r.PostForm.Get("reason")), Key: operationKey()}
	shown, err := money.ParseMajor(v.r.PostForm.Get("shown"), i.Invoice.Total.Currency)
	if err != nil {
		shown = money.Amount{}
	}
	// What was shown is what is refunded. Another amount is shown first.
	if f.Parsed, err = money.ParseLocale(f.Amount, i.Invoice.Total.Currency, language.English); err != nil || f.Parsed != shown {
		f.Parsed = money.Amount{}
		f.Notice = &web.Message{Kind: web.Info, Title: "The amount changed; nothing was refunded yet", Text: "Look at the new amounts below, then confirm."}
		v.showRefund(i, http.StatusConflict, f)
		return
	}
	var paid id.Payment
	for _, p := range i.Payments {
		if p.State == payment.Paid {
			paid = p.ID
		}
	}
	here := v.at("invoices", i.Invoice.ID.String())
	o := v.once(func(any) string { return here + "?done=refunded" }, func(call commerce.Call) (any, error) {
		return v.commerce.Refund(v.r.Context(), commerce.Refund{Call: call, Payment: paid, Amount: f.Parsed.Minor, Reason: f.Reason})
	})
	if o.err == nil {
		v.done(o.location)
	} else if fault.Is(o.err, fault.Pending) {
		v.done(here + "?done=refund-unknown")
	} else if problems, status, ok := v.again(o.err); ok {
		f.Problems = problems
		v.showRefund(i, status, f)
	}
}

func (v *visit) voidForm() {
	if i, ok := v.loadInvoice(); ok {
		v.showVoid(i, http.StatusOK, nil)
	}
}

func (v *visit) showVoid(i report.InvoiceView, status int, problems []web.Problem) {
	here := v.at("invoices", i.Invoice.ID.String())
	p := v.page("Void " + lowered(invoiceName(i.Invoice)))
	p.Narrow, p.Crumbs = true, v.invoiceCrumbs(i)
	c := web.Confirmation{Action: here + "/void", OperationKey: operationKey(), Verb: "Void invoice over " + v.money(i.Invoice.Due()), Busy: "Voiding…", Danger: true, Problems: problems, CancelHref: here,
		Changes: []web.Fact{{Term: "Invoice", Text: i.Invoice.Label()}, {Term: "Customer", Text: buyerName(i)}, {Term: "Owed now", Text: v.money(i.Invoice.Due())}, {Term: "Owed afterwards", Text: v.money(money.Zero(i.Invoice.Total.Currency))}},
		When:    "At once. A subscription that was past due because of it goes on.", Sends: "The webhooks that want it, and no mail", Undo: "Cannot be undone; its number stays used"}
	web.Render(v.w, v.r, status, confirmPage(p, c))
}

func (v *visit) void() {
	i, ok := v.loadInvoice()
	if !ok || !v.form() {
		return
	}
	o := v.once(func(any) string { return v.at("invoices", i.Invoice.ID.String()) + "?done=voided" }, func(call commerce.Call) (any, error) {
		return v.commerce.VoidInvoice(v.r.Context(), commerce.VoidInvoice{Call: call, Invoice: i.Invoice.ID})
	})
	if o.err == nil {
		v.done(o.location)
	} else if problems, status, ok := v.again(o.err); ok {
		v.showVoid(i, status, problems)
	}
}

func (v *visit) chargeForm() {
	if i, ok := v.loadInvoice(); ok {
		v.showCharge(i, http.StatusOK, nil)
	}
}

func (v *visit) showCharge(i report.InvoiceView, status int, problems []web.Problem) {
	methods, err := v.report.Methods(v.r.Context(), v.acc.ID, i.Invoice.Customer)
	if err != nil {
		v.fail(err)
		return
	}
	options := []web.Option{{Label: "The subscription's own"}}
	for _, m := range methods {
		if m.State == payment.Usable {
			options = append(options, web.Option{Value: m.ID.String(), Label: methodLabel(&m)})
		}
	}
	here := v.at("invoices", i.Invoice.ID.String())
	p := v.page("Charge " + lowered(invoiceName(i.Invoice)))
	p.Narrow, p.Crumbs = true, v.invoiceCrumbs(i)
	c := web.Confirmation{Action: here + "/charge", OperationKey: operationKey(), Verb: "Charge " + v.money(i.Invoice.Due()), Busy: "Charging…", Problems: problems, CancelHref: here,
		Changes: []web.Fact{{Term: "Invoice", Text: i.Invoice.Label()}, {Term: "Customer", Text: buyerName(i)}, {Term: "Amount", Text: v.money(i.Invoice.Due())}},
		When:    "At once. A decline changes nothing about the planned retries.", Sends: "The webhooks that want it, and no mail", Undo: "By a refund"}
	web.Render(v.w, v.r, status, chargePage(p, c, web.Choices(v.r.PostFormValue("payment_method"), options...)))
}

func (v *visit) charge() {
	i, ok := v.loadInvoice()
	if !ok || !v.form() {
		return
	}
	var method id.Method
	if s := v.r.PostForm.Get("payment_method"); s != "" {
		var err error
		if method, err = id.Parse[id.Method](s); err != nil {
			v.showCharge(i, http.StatusUnprocessableEntity, problemsOf(fault.BadField("payment_method", "must be one of the list")))
			return
		}
	}
	here := v.at("invoices", i.Invoice.ID.String())
	o := v.once(func(any) string { return here + "?done=charged" }, func(call commerce.Call) (any, error) {
		return v.commerce.Collect(v.r.Context(), commerce.Collect{Call: call, Invoice: i.Invoice.ID, Method: method})
	})
	if o.err == nil {
		v.done(o.location)
	} else if fault.Is(o.err, fault.Pending) {
		v.done(here + "?done=payment-unknown")
	} else if problems, status, ok := v.again(o.err); ok {
		v.showCharge(i, status, problems)
	}
}

var bookWords = map[ledger.Book]string{ledger.Receivable: "Receivable", ledger.Revenue: "Revenue", ledger.Tax: "Tax", ledger.Cash: "Cash at gateway", ledger.Refunds: "Refunds",
	ledger.Credit: "Customers' credit", ledger.Given: "Credit given", ledger.WrittenOff: "Written off"}

func ledgerTable(v *visit, list []ledger.Entry) web.Table {
	t := web.Table{ID: "ledger", Caption: "Ledger rows", Inline: true, Columns: []web.Column{{Label: "Day", NoWrap: true}, {Label: "Debit", Card: true}, {Label: "Credit", Card: true}, {Label: "Amount", Numeric: true, Card: true}}}
	for _, e := range list {
		t.Rows = append(t.Rows, web.Row{Cells: []templ.Component{web.Date(e.At, v.zone), web.Text(bookWords[e.Debit]), web.Text(bookWords[e.Credit]), web.Money(v.money(e.Amount))}})
	}
	return t
}

func (v *visit) payments() {
	at := pagingOf(v.r.URL)
	list, err := v.report.PaymentPage(v.r.Context(), v.acc.ID, beforeKey[id.Payment](&at), pageSize+1)
	if err != nil {
		v.fail(err)
		return
	}
	list, last := cut(list, func(p report.PaymentView) string { return p.Payment.ID.String() })
	t := web.Table{ID: "payments", Caption: "Payments", Columns: []web.Column{{Label: "Customer"}, {Label: "Status", Card: true}, {Label: "Amount", Numeric: true, Card: true}, {Label: "Invoice"},
		{Label: "Method", Optional: true}, {Label: "Reason"}, {Label: "Try", Numeric: true, Optional: true}, {Label: "When", NoWrap: true, Card: true}},
		Empty: web.EmptyState(web.Empty{Title: "Payments will stand here", Text: "Each attempt to collect an invoice, paid or declined."})}
	for _, p := range list {
		var label templ.Component
		if p.Invoice != nil {
			label = text(p.Invoice.Label())
		}
		reason := ""
		if p.Payment.DeclineCode != "" {
			reason = payment.Words(p.Payment.DeclineCode)
		}
		t.Rows = append(t.Rows, web.Row{Href: v.at("invoices", p.Payment.Invoice.String()), Cells: []templ.Component{customerCell(p.Customer), web.Status(paymentWord(p.Payment)), web.Money(v.money(p.Payment.Amount)), label,
			text(methodLabel(p.Method)), text(reason), web.Text(strconv.Itoa(p.Payment.Attempt)), web.DateTime(p.Payment.CreatedAt, v.zone)}})
	}
	v.show(listPage(v.page("Payments"), nil, web.FilterSet{}, t, at.pager(v.r.URL, len(list), last, -1)))
}

// payment leads to the invoice that the payment is for, where everything of it stands.
func (v *visit) payment() {
	which, ok := find[id.Payment](v)
	if !ok {
		return
	}
	p, err := v.report.Payment(v.r.Context(), v.acc.ID, which)
	if err != nil {
		v.fail(err)
		return
	}
	to := v.at("invoices", p.Invoice.String())
	if done := v.r.URL.Query().Get("done"); done != "" {
		to += "?" + url.Values{"done": {done}}.Encode()
	}
	web.Redirect(v.w, v.r, to)
}
