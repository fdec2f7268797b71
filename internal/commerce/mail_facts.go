package commerce

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"perennial/internal/account"
	"perennial/internal/catalog"
	"perennial/internal/customer"
	"perennial/internal/db"
	"perennial/internal/event"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/invoice"
	"perennial/internal/money"
	"perennial/internal/notice"
	"perennial/internal/outbox"
	"perennial/internal/payment"
	"perennial/internal/subscription"
)

// mailFacts are the facts of events that mails look at.
type mailFacts struct {
	Invoice      id.Invoice      `json:"invoice"`
	Payment      id.Payment      `json:"payment"`
	Subscription id.Subscription `json:"subscription"`
	Method       id.Method       `json:"payment_method"`
	Price        id.Price        `json:"price"`
	Currency     money.Currency  `json:"currency"`
	Amount       *int64          `json:"amount"`
	Charged      int64           `json:"charged"`
	Credited     *int64          `json:"credited"`
	Quantity     int64           `json:"quantity"`
	Attempt      int             `json:"attempt"`
	Of           int             `json:"of"`
	At           time.Time       `json:"at"`
	From         time.Time       `json:"from"`
	Until        time.Time       `json:"until"`
	NextTry      time.Time       `json:"next_try"`
	NextCharge   time.Time       `json:"next_charge"`
	EvidenceBy   time.Time       `json:"evidence_by"`
	Code         string          `json:"code"`
	Class        string          `json:"class"`
	Reason       string          `json:"reason"`
	Ask          string          `json:"ask"`
	Link         string          `json:"link"`
	Address      string          `json:"address"`
	Delivers     outbox.Kind     `json:"delivers"`
	Name         string          `json:"name"`
	Mail         notice.Kind     `json:"mail"`
}

// load reads what the batch is about, each kind of thing once.
func (w *mailing) load(tx *db.Tx) error {
	acc := w.endpoint.Account
	ids := make([]int64, len(w.list))
	for i, d := range w.list {
		ids[i] = int64(d.Event)
	}
	var err error
	if w.account, err = account.Load(tx, acc); err != nil {
		return err
	}
	if w.settings, err = notice.LoadSettings(tx, acc); err != nil {
		return err
	}
	if w.brands, err = notice.Brands(tx, acc); err != nil {
		return err
	}
	own, err := notice.Texts(tx, acc)
	if err != nil {
		return err
	}
	w.texts = make(map[textKey]notice.Text, len(own))
	for _, o := range own {
		w.texts[textKey{o.Kind, o.Campaign, o.Language}] = o.Text
	}
	if w.events, err = event.ByID(tx, acc, ids); err != nil {
		return err
	}
	return w.loadSubjects(tx, acc)
}

// wanted collects ids of one kind of thing.
type wanted []int64

func (w *wanted) add(v int64) {
	if v != 0 {
		*w = append(*w, v)
	}
}

func (w *mailing) loadSubjects(tx *db.Tx, acc id.Account) error {
	w.facts = make(map[id.Event]mailFacts, len(w.events))
	var subs, invoices, payments, methods, customers wanted
	for _, e := range w.events {
		var f mailFacts
		_ = json.Unmarshal([]byte(e.Data), &f) // what cannot be read is not there
		switch thing, _, _ := strings.Cut(string(e.Kind), "."); thing {
		case "subscription":
			f.Subscription = id.Subscription(e.Subject)
		case "invoice":
			f.Invoice = id.Invoice(e.Subject)
		case "payment":
			f.Payment = id.Payment(e.Subject)
		case "payment_method":
			f.Method = id.Method(e.Subject)
		}
		w.facts[e.ID] = f
		subs.add(int64(f.Subscription))
		invoices.add(int64(f.Invoice))
		payments.add(int64(f.Payment))
		methods.add(int64(f.Method))
		customers.add(int64(e.Customer))
	}
	var err error
	if w.payments, err = payment.ByID(tx, acc, payments); err != nil {
		return err
	}
	if err := w.loadInstructions(tx, acc); err != nil {
		return err
	}
	for _, p := range w.payments {
		invoices.add(int64(p.Invoice))
		methods.add(int64(p.Method))
	}
	if w.invoices, err = invoice.ByID(tx, acc, invoices); err != nil {
		return err
	}
	var printed []invoice.Invoice
	for _, v := range w.invoices {
		subs.add(int64(v.Subscription))
		if v.Subscription == 0 {
			printed = append(printed, v)
		}
	}
	if w.lines, err = invoice.LinesOf(tx, acc, printed); err != nil {
		return err
	}
	if w.subs, err = subscription.ByID(tx, acc, subs); err != nil {
		return err
	}
	for _, sub := range w.subs {
		methods.add(int64(sub.Method))
	}
	if w.methods, err = payment.MethodsByID(tx, acc, methods); err != nil {
		return err
	}
	if w.customers, err = customer.ByID(tx, acc, customers); err != nil {
		return err
	}
	if err := w.loadCatalog(tx, acc); err != nil {
		return err
	}
	addresses := []string{w.account.Email, w.settings.Team}
	for _, c := range w.customers {
		addresses = append(addresses, c.Email)
	}
	if w.suppressed, err = notice.Suppressed(tx, acc, addresses); err != nil {
		return err
	}
	w.onlyMust, err = notice.OnlyRequired(tx, acc, customers)
	return err
}

// loadInstructions reads how customers pay at the gateways that move no money themselves,
// when a payment waits for the bank.
func (w *mailing) loadInstructions(tx *db.Tx, acc id.Account) error {
	w.instructions = map[string]string{}
	if !slices.ContainsFunc(slices.Collect(maps.Values(w.events)), func(e event.Event) bool { return e.Kind == event.PaymentProcessing }) {
		return nil
	}
	list, err := payment.Gateways(tx, acc, 0, 100)
	for _, g := range list {
		w.instructions[g.ID.String()] = g.Settings.Instructions
	}
	return err
}

func (w *mailing) loadCatalog(tx *db.Tx, acc id.Account) error {
	var products, prices wanted
	for _, sub := range w.subs {
		products.add(int64(sub.Product))
		prices.add(int64(sub.Price))
	}
	for _, f := range w.facts {
		prices.add(int64(f.Price))
	}
	var err error
	if w.prices, err = catalog.PricesByID(tx, acc, prices); err != nil {
		return err
	}
	for _, p := range w.prices {
		products.add(int64(p.Product))
	}
	w.products, err = catalog.ProductsByID(tx, acc, products)
	return err
}

// choose finds which mail an event causes, if any, and what it says.
func (w *mailing) choose(tx *db.Tx, e event.Event) (letter, bool, error) {
	f := w.facts[e.ID]
	l := letter{customer: e.Customer}
	sub, running := w.subs[f.Subscription]
	if running {
		w.plan(&l, sub)
		if f.Amount != nil && f.Currency != "" {
			l.facts.Amount = money.Amount{Minor: *f.Amount, Currency: f.Currency}
		}
	}
	l.facts.Link = f.Link
	switch e.Kind {
	case event.SubscriptionCreated, event.Reactivated, event.CancelUndone, event.PauseEnded, event.SubscriptionChanged, event.ChangeScheduled,
		event.SubscriptionSkipped, event.SubscriptionMoved, event.TrialEnding, event.RenewalUpcoming, event.YearlyReminder,
		event.CancelScheduled, event.SubscriptionCanceled, event.SubscriptionPaused, event.PauseScheduled, event.BillingFailed:
		if !running {
			return l, false, fault.New(fault.NotFound, "the subscription is no longer there")
		}
		return w.aboutSubscription(tx, l, e, f, sub)
	case event.PaymentFailing:
		return w.failed(l, f, sub)
	case event.InvoicePaid:
		v := w.invoices[f.Invoice]
		if f.Credited != nil || v.Total.IsZero() {
			return l, false, nil // nothing was charged
		}
		l.kind = notice.Receipt
		w.charge(&l, f)
		return l, true, w.next(tx, &l, v)
	case event.PaymentProcessing, event.PaymentNeedsConfirmation, event.PaymentUnresolved, event.PaymentMismatch:
		w.charge(&l, f)
		if e.Kind == event.PaymentNeedsConfirmation && w.payments[f.Payment].Waits != payment.ForCustomer {
			return l, false, nil // it was confirmed, or given up
		}
		l.facts.Dashboard = w.path("payments/" + f.Payment.String())
		l.kind = map[event.Kind]notice.Kind{event.PaymentProcessing: notice.PaymentProcessing, event.PaymentNeedsConfirmation: notice.ConfirmPayment,
			event.PaymentUnresolved: notice.TeamPaymentUnresolved, event.PaymentMismatch: notice.TeamPaymentUnresolved}[e.Kind]
		if e.Kind == event.PaymentProcessing {
			l.facts.Instructions = w.instructions[w.payments[f.Payment].Gateway]
		}
		if l.facts.Instructions != "" {
			l.kind = notice.BankTransfer
		}
		return l, l.kind != notice.ConfirmPayment || f.Link != "", nil
	case event.LinkRequested:
		l.kind = notice.NewLink
		return l, f.Link != "", nil
	}
	return w.aboutOthers(tx, l, e, f)
}

// aboutSubscription is a mail about what became of a subscription.
func (w *mailing) aboutSubscription(tx *db.Tx, l letter, e event.Event, f mailFacts, sub subscription.Subscription) (letter, bool, error) {
	simple := map[event.Kind]notice.Kind{event.SubscriptionCreated: notice.Welcome, event.Reactivated: notice.Reactivated, event.CancelUndone: notice.CancelUndone,
		event.PauseEnded: notice.Resumed, event.SubscriptionChanged: notice.Changed, event.SubscriptionSkipped: notice.NextChargeMoved,
		event.SubscriptionMoved: notice.NextChargeMoved, event.TrialEnding: notice.TrialEnding, event.RenewalUpcoming: notice.RenewalReminder, event.YearlyReminder: notice.YearlyReminder}
	if kind, ok := simple[e.Kind]; ok {
		l.kind = kind
		if f.Amount != nil && f.Currency != "" && !f.At.IsZero() { // it was announced with its amount
			l.facts.NextAt, l.facts.NextAmount = f.At, l.facts.Amount
		} else if err := w.upcoming(tx, &l, sub); err != nil {
			return l, false, err
		}
		if sub.State == subscription.Trialing {
			l.facts.TrialEnd = sub.TrialTo
		}
		if !f.NextCharge.IsZero() {
			l.facts.NextAt = f.NextCharge
		}
		if kind == notice.Changed {
			l.facts.Charged = money.Amount{Minor: f.Charged, Currency: f.Currency}
			if f.Credited != nil {
				l.facts.Credited = money.Amount{Minor: *f.Credited, Currency: f.Currency}
			}
		}
		return l, true, nil
	}
	switch e.Kind {
	case event.ChangeScheduled:
		l.kind, l.facts.ChangeAt = notice.ChangeScheduled, f.At
		w.priced(&l, f)
	case event.CancelScheduled:
		l.kind, l.facts.EndAt, l.facts.RequestedAt = notice.CancelScheduled, f.At, e.At
	case event.SubscriptionPaused:
		l.kind, l.facts.PauseFrom, l.facts.PauseUntil = notice.Paused, e.At, f.Until
		return l, f.Reason != string(subscription.PaymentFailed), nil // told with the failure
	case event.PauseScheduled:
		l.kind, l.facts.PauseFrom, l.facts.PauseUntil = notice.PauseScheduled, f.From, f.Until
	case event.BillingFailed:
		l.kind, l.facts.Reason = notice.TeamBillingFailed, f.Reason
		l.facts.Dashboard = w.path("subscriptions/" + sub.ID.String())
	default:
		return w.ended(l, e, f, sub)
	}
	return l, true, nil
}

// ended is the mail about the end of a subscription.
func (w *mailing) ended(l letter, e event.Event, f mailFacts, sub subscription.Subscription) (letter, bool, error) {
	l.facts.EndAt = e.At
	switch subscription.EndReason(f.Reason) {
	case subscription.PaymentFailed:
		l.kind = notice.CanceledUnpaid
	case subscription.Completed:
		l.kind = notice.Completed
	case subscription.Replaced:
		l.kind = notice.Replaced
	case subscription.Imported:
		return l, false, nil
	default:
		l.kind = notice.Canceled
		if sub.CancelAt.IsZero() { // at once, so this is the confirmation, too
			l.facts.RequestedAt = e.At
		}
	}
	return l, true, nil
}

// failed is the mail about a failed try to collect a renewal.
func (w *mailing) failed(l letter, f mailFacts, sub subscription.Subscription) (letter, bool, error) {
	v := w.invoices[f.Invoice]
	l.facts.Invoice, l.facts.Attempt, l.facts.Attempts, l.facts.NextTry = v.Label(), f.Attempt, f.Of, f.NextTry
	l.facts.Refused, l.facts.NoMethod = f.Class, f.Code == "no_payment_method"
	if m, ok := w.methods[sub.Method]; ok && m.State == payment.Usable {
		l.facts.Method = m.Sign()
	}
	switch {
	case f.Ask == "confirm_payment" && f.Link != "":
		l.kind, l.facts.NextTry = notice.ConfirmPayment, time.Time{}
	case f.NextTry.IsZero():
		l.kind = notice.PaymentFailedLast
		return l, sub.State != subscription.Canceled, nil // the mail about the end says it
	case f.Attempt <= 1:
		l.kind = notice.PaymentFailed
	default:
		l.kind = notice.PaymentFailedAgain
	}
	return l, true, nil
}

// plan says what a subscription is.
func (w *mailing) plan(l *letter, sub subscription.Subscription) {
	product, price := w.products[sub.Product], w.prices[sub.Price]
	l.campaign = product.Campaign
	l.facts.Plan, l.facts.Product, l.facts.Quantity, l.facts.Interval = describe(product, price), product.Name, sub.Quantity, sub.Interval
	if amount, err := sub.UnitAmount.Times(sub.Quantity); err == nil && price.Terms.IsZero() {
		l.facts.Price = amount
	}
}

// priced says what a subscription is going to be.
func (w *mailing) priced(l *letter, f mailFacts) {
	price, ok := w.prices[f.Price]
	if !ok {
		return
	}
	l.facts.Plan, l.facts.Quantity, l.facts.Interval, l.facts.Price = describe(w.products[price.Product], price), f.Quantity, price.Interval, money.Amount{}
	if amount, err := price.Amount.Times(max(f.Quantity, 1)); err == nil && price.Terms.IsZero() {
		l.facts.Price = amount
	}
}

// charge says what a payment or an invoice is for.
func (w *mailing) charge(l *letter, f mailFacts) {
	p, paid := w.payments[f.Payment]
	if f.Invoice == 0 {
		f.Invoice = p.Invoice
	}
	v, ok := w.invoices[f.Invoice]
	if !ok {
		return
	}
	l.facts.Invoice, l.facts.Amount, l.facts.From, l.facts.Until = v.Label(), v.Due(), v.Span.From, v.Span.To
	l.facts.Reference = l.facts.Invoice
	if v.Number == 0 {
		l.facts.Invoice, l.facts.Reference = "", v.Order.String() // as the page said that took the order
	}
	if v.Tax.Sign() > 0 {
		l.facts.Tax = v.Tax
	}
	if paid {
		l.facts.Amount = p.Amount
		if m, ok := w.methods[p.Method]; ok {
			l.facts.Method = m.Sign()
		}
	}
	if sub, ok := w.subs[v.Subscription]; ok {
		w.plan(l, sub)
	} else if lines := w.lines[v.ID]; len(lines) > 0 {
		l.facts.Plan = lines[0].Description
		if price, ok := w.prices[lines[0].Price]; ok {
			l.campaign = w.products[price.Product].Campaign
		}
	}
}

// next says what follows a charge.
func (w *mailing) next(tx *db.Tx, l *letter, v invoice.Invoice) error {
	sub, ok := w.subs[v.Subscription]
	if !ok || v.Reason != invoice.Renewal && v.Reason != invoice.Sale {
		return nil
	}
	return w.upcoming(tx, l, sub)
}

// upcoming is when a subscription is charged next, and what. A plain one is charged
// what one period costs; of the others the next invoice is previewed.
func (w *mailing) upcoming(tx *db.Tx, l *letter, sub subscription.Subscription) error {
	product, price := w.products[sub.Product], w.prices[sub.Price]
	ends := !sub.CancelAt.IsZero() && !sub.CancelAt.After(sub.Span.To) || sub.EndPeriod > 0 && sub.Period+1 >= sub.EndPeriod
	plain := sub.State == subscription.Active && sub.TaxProfile == 0 && sub.Extras.IsZero() && price.Terms.IsZero() && product.Settings.IsZero() && sub.Change == 0 && !ends
	if plain {
		line, err := invoice.NewLine(invoice.ForPeriod, "", sub.Price, sub.Quantity, sub.UnitAmount, w.account.Tax.Rate, sub.Span)
		if err != nil {
			return err
		}
		total, err := line.Amount.Add(line.Tax)
		l.facts.NextAt, l.facts.NextAmount = sub.Span.To, total
		return err
	}
	if sub.State == subscription.PastDue {
		return nil
	}
	u, err := w.service.upcoming(tx, w.account, sub)
	switch {
	case err == nil:
		l.facts.NextAt, l.facts.NextAmount = u.At, u.Due
	case refusedByRule(err): // nothing follows, or nobody can say what
		if !ends && sub.State != subscription.Canceled && sub.State != subscription.Paused {
			l.facts.NextAt = sub.Span.To
		}
	default:
		return err
	}
	return nil
}

// path is a page of the account's dashboard.
func (w *mailing) path(page string) string { return fmt.Sprintf("/app/%s/%s", w.account.ID, page) }

// aboutOthers is a mail about anything but subscriptions and charges.
func (w *mailing) aboutOthers(tx *db.Tx, l letter, e event.Event, f mailFacts) (letter, bool, error) {
	switch e.Kind {
	case event.MethodAttached, event.MethodDetached, event.MethodExpiring:
		return w.aboutMethod(tx, l, e, f)
	case event.RefundSucceeded, event.RefundFailed, event.CreditNoteIssued:
		return w.givenBack(tx, l, e, f)
	case event.EndpointFailing, event.EndpointWorking, event.GatewayFailing, event.GatewayWorking:
		return w.outage(l, e, f)
	case event.EndpointDisabled:
		l.kind, l.facts.Endpoint, l.facts.Reason = notice.TeamEndpointDisabled, f.Address, f.Reason
		l.facts.Dashboard = w.path("developers/webhooks")
	case event.DisputeOpened, event.DisputeWon, event.DisputeLost:
		l.kind = notice.TeamDisputeClosed
		if e.Kind == event.DisputeOpened {
			l.kind, l.facts.EvidenceBy = notice.TeamDisputeOpened, f.EvidenceBy
		}
		l.facts.Outcome = strings.TrimPrefix(string(e.Kind), "dispute.")
		w.charge(&l, f)
		if f.Amount != nil && f.Currency != "" {
			l.facts.Amount = money.Amount{Minor: *f.Amount, Currency: f.Currency}
		}
		l.facts.Reason, l.facts.Dashboard = f.Reason, w.path("payments/"+f.Payment.String())
	case event.MailBounced:
		m, _ := notice.Of(f.Mail)
		l.kind, l.facts.MailTitle, l.facts.MailAddress, l.facts.Reason = notice.TeamNoticeBounced, m.Title, f.Address, f.Reason
		l.facts.Dashboard = w.path("customers/" + e.Customer.String())
		return l, m.Must != "" && e.Customer != 0, nil
	default:
		return l, false, nil
	}
	return l, true, nil
}

// outage is a mail about what fails or works again. That mails fail is not mailed: it would
// come when they do not.
func (w *mailing) outage(l letter, e event.Event, f mailFacts) (letter, bool, error) {
	l.kind, l.facts.Reason = notice.TeamOutageOver, f.Reason
	if e.Kind == event.EndpointFailing || e.Kind == event.GatewayFailing {
		l.kind = notice.TeamOutage
	}
	switch {
	case e.Kind == event.GatewayFailing || e.Kind == event.GatewayWorking:
		l.facts.Outage, l.facts.Dashboard = "The gateway account "+f.Name, w.path("settings/gateways/"+id.GatewayAccount(e.Subject).String())
	case f.Delivers == outbox.Mail:
		l.facts.Outage, l.facts.Dashboard = strings.TrimSpace("The mail server "+f.Address), w.path("mails")
	default:
		l.facts.Outage, l.facts.Dashboard = "The webhook endpoint "+f.Address, w.path("developers/webhooks")
	}
	return l, l.kind == notice.TeamOutageOver || f.Delivers != outbox.Mail, nil
}

func (w *mailing) aboutMethod(tx *db.Tx, l letter, e event.Event, f mailFacts) (letter, bool, error) {
	m, ok := w.methods[f.Method]
	if !ok {
		return l, false, fault.New(fault.NotFound, "the payment method is no longer there")
	}
	l.facts.Method = m.Sign()
	switch e.Kind {
	case event.MethodDetached:
		l.kind = notice.MethodRemoved
	case event.MethodExpiring:
		l.kind = notice.CardExpiring
		l.facts.MethodExpires = expiry(m)
		if sub, ok := w.subs[f.Subscription]; ok {
			return l, true, w.upcoming(tx, &l, sub)
		}
	default:
		l.kind = notice.MethodAdded
		all, err := payment.Methods(tx, w.account.ID, m.Customer)
		// The first one comes with the first purchase, which is told of already.
		return l, slices.ContainsFunc(all, func(o payment.Method) bool { return o.CreatedAt.Before(m.CreatedAt) }), err
	}
	return l, true, nil
}

// givenBack is a mail about a refund or a credit note.
func (w *mailing) givenBack(tx *db.Tx, l letter, e event.Event, f mailFacts) (letter, bool, error) {
	acc := w.account.ID
	var of id.Invoice
	if e.Kind == event.CreditNoteIssued {
		note, err := invoice.LoadCreditNote(tx, acc, id.CreditNote(e.Subject))
		if err != nil || note.Refund != 0 { // told with the refund
			return l, false, err
		}
		l.kind, l.facts.CreditNote, l.facts.Amount = notice.CreditNote, note.Label(), note.Total
		of = note.Invoice
	} else {
		r, err := payment.LoadRefund(tx, acc, id.Refund(e.Subject))
		if err != nil {
			return l, false, err
		}
		of = r.Invoice
		notes, err := invoice.CreditNotesOf(tx, acc, r.Invoice)
		if err != nil {
			return l, false, err
		}
		if i := slices.IndexFunc(notes, func(n invoice.CreditNote) bool { return n.Refund == r.ID }); i >= 0 {
			l.facts.CreditNote = notes[i].Label()
		}
		l.kind, l.facts.Amount = notice.Refund, r.Amount
		if e.Kind == event.RefundFailed {
			l.kind, l.facts.Reason = notice.TeamRefundFailed, f.Code
		}
		if m, ok := w.methods[w.payments[r.Payment].Method]; ok {
			l.facts.Method = m.Sign()
		}
		l.facts.Dashboard = w.path("customers/" + e.Customer.String())
	}
	v, err := invoice.Load(tx, acc, of)
	l.facts.Invoice = v.Label()
	return l, true, err
}

// expiry is the month in which a method ends, "12/2027".
func expiry(m payment.Method) string {
	if m.Expires == 0 {
		return ""
	}
	return fmt.Sprintf("%02d/%d", m.Expires%100, m.Expires/100)
}
