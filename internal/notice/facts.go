package notice

import (
	"fmt"
	"strings"
	"time"

	"perennial/internal/locale"
	"perennial/internal/money"
	"perennial/internal/period"
)

// Facts are what one mail is about, before they are written in a language. What does
// not apply is zero; instants are in the zone in which the reader counts days.
type Facts struct {
	CustomerName, CustomerEmail string
	MerchantName, MerchantEmail string

	Plan, Product string
	Price         money.Amount // for all pieces and one Interval
	Interval      period.Interval
	Quantity      int64

	Amount        money.Amount
	Tax           money.Amount
	Invoice       string
	From, Until   time.Time // the period that was billed
	Method        string
	MethodExpires string // month and year, "12/2027"

	NextAt     time.Time
	NextAmount money.Amount

	TrialEnd, EndAt, RequestedAt time.Time
	PauseFrom, PauseUntil        time.Time
	ChangeAt                     time.Time
	Charged, Credited            money.Amount

	// Refused is the class of a decline as package payment has it; Reason is words of
	// their own, which go first.
	Refused  string
	NoMethod bool // it was declined because there was nothing to charge
	Reason   string

	Attempt, Attempts int
	NextTry           time.Time
	CreditNote        string
	Instructions      string // how to transfer money
	Reference         string // what to name with the transfer
	Link              string // the id of a secure link, for the marker
	Dashboard         string // a path of the dashboard, for the marker

	Outage                                    string // what fails or failed
	Endpoint, Outcome, MailTitle, MailAddress string
	EvidenceBy                                time.Time
}

// A stored mail holds no secret: where an address with one belongs stands a marker and
// the id of the link. Whoever sends or shows the mail puts the address in.
const (
	LinkMarker      = "perennial-link:" // and the id of a secure link
	DashboardMarker = "perennial-app:"  // and a path of the dashboard
)

// Values writes the facts for the mail in a language.
func (m Mail) Values(f Facts, b Brand, l locale.Locale) Values {
	w := spoken[l.Index]
	v := Values{Text: map[string]string{}}
	put := func(name, value string) { v.Text[name] = value }
	day := func(name string, t time.Time) {
		if !t.IsZero() {
			put(name, l.Day(t))
		}
	}
	amount := func(name string, a money.Amount) {
		if a.Currency != "" {
			put(name, l.Amount(a))
		}
	}
	first, _, _ := strings.Cut(f.CustomerName, " ")
	put("customer.name", f.CustomerName)
	put("customer.first_name", first)
	put("customer.email", f.CustomerEmail)
	put("merchant.name", f.MerchantName)
	put("merchant.email", f.MerchantEmail)
	put("greeting", w.greet(f.CustomerName))
	put("cancel.how", w.cancel(f, b))
	put("plan.name", f.Plan)
	put("plan.terms", w.price(f, l))
	put("product.name", f.Product)
	if f.Quantity > 0 {
		put("quantity", fmt.Sprint(f.Quantity))
	}
	amount("amount", f.Amount)
	amount("invoice.tax", f.Tax)
	put("invoice.number", f.Invoice)
	put("invoice.period", l.Span(f.From, f.Until))
	put("method.name", f.Method)
	put("method.expires", f.MethodExpires)
	day("next_charge.date", f.NextAt)
	amount("next_charge.amount", f.NextAmount)
	day("trial.end", f.TrialEnd)
	day("end.date", f.EndAt)
	if !f.RequestedAt.IsZero() {
		put("request.time", w.moment(f.RequestedAt, l))
	}
	day("pause.from", f.PauseFrom)
	put("pause.until", w.pausedUntil(f, l))
	day("change.date", f.ChangeAt)
	amount("change.charged", f.Charged)
	amount("change.credited", f.Credited)
	put("reason", w.refusal(f))
	if f.Attempt > 0 {
		put("attempt", fmt.Sprint(f.Attempt))
		put("attempts", fmt.Sprint(f.Attempts))
	}
	day("next_try.date", f.NextTry)
	put("credit_note.number", f.CreditNote)
	put("bank.instructions", f.Instructions)
	if f.Link != "" {
		put("action.link", LinkMarker+f.Link)
	}
	if f.Dashboard != "" {
		put("dashboard.link", DashboardMarker+f.Dashboard)
	}
	put("endpoint.address", f.Endpoint)
	put("outage.what", f.Outage)
	put("outcome", f.Outcome)
	put("mail.title", f.MailTitle)
	put("mail.address", f.MailAddress)
	day("evidence.date", f.EvidenceBy)
	v.Rows = m.rows(f, v, b, l)
	return v
}

func (w words) greet(name string) string {
	if name == "" {
		return w.GreetingNobody
	}
	return fmt.Sprintf(w.Greeting, name)
}

func (w words) cancel(f Facts, b Brand) string {
	if b.Manage != "" {
		return fmt.Sprintf(w.CancelAt, b.Manage)
	}
	return fmt.Sprintf(w.CancelBy, f.MerchantEmail)
}

// price is what a plan costs: "€10.00 a month".
func (w words) price(f Facts, l locale.Locale) string {
	if f.Price.Currency == "" {
		return ""
	}
	if f.Interval.IsZero() {
		return fmt.Sprintf(w.Once, l.Amount(f.Price))
	}
	unit := map[period.Unit][2]string{period.Day: w.Day, period.Week: w.Week, period.Month: w.Month, period.Year: w.Year}[f.Interval.Unit]
	if f.Interval.Count <= 1 {
		return fmt.Sprintf(unit[0], l.Amount(f.Price))
	}
	return fmt.Sprintf(unit[1], l.Amount(f.Price), f.Interval.Count)
}

// moment is a day with the time and its zone, for what may have to be proved.
func (w words) moment(t time.Time, l locale.Locale) string {
	return l.Day(t) + ", " + t.Format("15:04 MST")
}

func (w words) pausedUntil(f Facts, l locale.Locale) string {
	switch {
	case !f.PauseUntil.IsZero():
		return l.Day(f.PauseUntil)
	case !f.PauseFrom.IsZero():
		return w.Open
	}
	return ""
}

func (w words) refusal(f Facts) string {
	switch {
	case f.Reason != "":
		return f.Reason
	case f.NoMethod:
		return w.RefusedNoMethod
	}
	switch f.Refused {
	case "":
		return ""
	case "never", "hard_stop":
		return w.RefusedNever
	case "new_details", "needs_new_data":
		return w.RefusedDetails
	case "authenticate", "needs_auth":
		return w.RefusedConfirm
	case "soft_funds", "funds":
		return w.RefusedFunds
	}
	return w.RefusedOther
}

// rows are the facts that {{ summary }} stands for.
func (m Mail) rows(f Facts, v Values, b Brand, l locale.Locale) []Row {
	w := spoken[l.Index]
	text := v.Text
	plan := Row{w.Plan, text["plan.name"]}
	price := Row{w.Price, text["plan.terms"]}
	next := w.Next
	if m.Kind == Welcome || m.Kind == TrialEnding {
		next = w.First
		if f.TrialEnd.IsZero() {
			next = w.Next
		}
	}
	charge := Row{next, ""}
	switch {
	case f.NextAt.IsZero():
	case f.NextAmount.Currency == "":
		charge.Value = l.Day(f.NextAt)
	default:
		charge.Value = fmt.Sprintf(w.NextOn, l.Amount(f.NextAmount), l.Day(f.NextAt))
	}
	amount, invoice := Row{w.Amount, text["amount"]}, Row{w.Invoice, text["invoice.number"]}
	method := Row{w.MethodOf, text["method.name"]}
	switch m.Kind {
	case Welcome:
		return []Row{plan, price, {w.TrialEnd, text["trial.end"]}, charge, {w.Terms, b.Terms}}
	case Receipt:
		if f.Interval.IsZero() {
			plan.Label = w.Bought
		}
		return []Row{plan, {w.Period, text["invoice.period"]}, amount, {w.Tax, text["invoice.tax"]}, {w.Method, text["method.name"]}, invoice, charge}
	case BankTransfer:
		return []Row{plan, amount, invoice, {w.Reference, f.Reference}}
	case PaymentProcessing:
		return []Row{plan, amount, invoice, method}
	case PaymentFailed, PaymentFailedAgain, PaymentFailedLast, ConfirmPayment:
		return []Row{plan, {w.Owed, text["amount"]}, invoice, method, {w.NextTry, text["next_try.date"]}}
	case CardExpiring:
		return []Row{plan, {w.Expires, text["method.expires"]}, charge}
	case TrialEnding, RenewalReminder, YearlyReminder:
		return []Row{plan, price, charge}
	case CancelScheduled, Canceled, Completed, Replaced:
		label := w.Ended
		if m.Kind == CancelScheduled {
			label = w.Ends
		}
		return []Row{plan, {w.Requested, text["request.time"]}, {label, text["end.date"]}}
	case CanceledUnpaid:
		return []Row{plan, {w.Owed, text["amount"]}, {w.Ended, text["end.date"]}}
	case CancelUndone, Reactivated, Resumed, NextChargeMoved:
		return []Row{plan, price, charge}
	case Paused, PauseScheduled:
		return []Row{plan, {w.From, text["pause.from"]}, {w.Until, text["pause.until"]}}
	case Changed:
		return []Row{plan, price, {w.Charged, nonzero(f.Charged, l)}, {w.Credited, nonzero(f.Credited, l)}, charge}
	case ChangeScheduled:
		return []Row{plan, price, {w.From, text["change.date"]}}
	case Refund:
		return []Row{amount, {w.RefundTo, text["method.name"]}, invoice, {w.CreditNote, text["credit_note.number"]}}
	case CreditNote:
		return []Row{amount, {w.CreditNote, text["credit_note.number"]}, invoice}
	case MethodAdded, MethodRemoved:
		return []Row{method}
	case TeamDisputeOpened, TeamDisputeClosed:
		return []Row{amount, invoice, {w.Reason, text["reason"]}, {"Answer by", text["evidence.date"]}}
	case TeamPaymentUnresolved, TeamRefundFailed:
		return []Row{amount, invoice, {w.Reason, text["reason"]}}
	}
	return nil
}

func nonzero(a money.Amount, l locale.Locale) string {
	if a.Currency == "" || a.IsZero() {
		return ""
	}
	return l.Amount(a)
}

// Sample is facts to try a text with, as they could be.
func Sample(m Mail, now time.Time, currency money.Currency) Facts {
	price := money.Amount{Minor: 2900, Currency: currency}
	f := Facts{CustomerName: "Ada Example", CustomerEmail: "ada@example.com", Plan: "Example plan – Monthly", Product: "Example plan",
		Price: price, Interval: period.Interval{Unit: period.Month, Count: 1}, Quantity: 1,
		Amount: price, Tax: money.Amount{Minor: 463, Currency: currency}, Invoice: "INV-000042", From: now, Until: now.AddDate(0, 1, 0), Method: "Visa •••• 4242", MethodExpires: "12/2027",
		NextAt: now.AddDate(0, 1, 0), NextAmount: price, Refused: "later", Attempt: 1, Attempts: 4, NextTry: now.AddDate(0, 0, 3), CreditNote: "CN-000007",
		Link: "lnk_0000000000000", Dashboard: "/app"}
	switch m.Kind {
	case Welcome, TrialEnding:
		f.TrialEnd, f.NextAt = now.AddDate(0, 0, 7), now.AddDate(0, 0, 7)
	case CancelScheduled:
		f.EndAt, f.RequestedAt = now.AddDate(0, 1, 0), now
	case Canceled:
		f.EndAt, f.RequestedAt = now, now
	case CanceledUnpaid, Completed, Replaced:
		f.EndAt = now
	case Paused, PauseScheduled:
		f.PauseFrom, f.PauseUntil = now, now.AddDate(0, 2, 0)
	case Changed:
		f.Charged, f.Credited = price, money.Amount{Minor: 1200, Currency: currency}
	case ChangeScheduled:
		f.ChangeAt = now.AddDate(0, 1, 0)
	case BankTransfer:
		f.Instructions = "Account holder: Example Ltd\nIBAN: DE00 0000 0000 0000 0000 00\nBIC: EXAMPLEX"
		f.Reference = "INV-000042"
	case ConfirmPayment:
		f.Refused, f.NextTry = "", time.Time{}
	case PaymentFailedLast:
		f.Attempt, f.NextTry = 4, time.Time{}
	}
	if m.Team {
		f.Outage = "The gateway account Stripe"
		f.Reason, f.Endpoint, f.Outcome, f.EvidenceBy = "The gateway said no.", "https://example.com/hooks", "won", now.AddDate(0, 0, 10)
		f.MailTitle, f.MailAddress = "Receipt", "ada@example.com"
	}
	return f
}
