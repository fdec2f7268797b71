package notice

import (
	"slices"

	"perennial/internal/event"
	"perennial/internal/outbox"
)

// Kind names a mail.
type Kind string

// The mails to customers.
const (
	Welcome            Kind = "welcome"
	Receipt            Kind = "receipt"
	BankTransfer       Kind = "bank_transfer"
	PaymentProcessing  Kind = "payment_processing"
	PaymentFailed      Kind = "payment_failed"       // the first try
	PaymentFailedAgain Kind = "payment_failed_again" // one between
	PaymentFailedLast  Kind = "payment_failed_last"
	ConfirmPayment     Kind = "confirm_payment"
	NewLink            Kind = "new_link"
	CardExpiring       Kind = "card_expiring"
	TrialEnding        Kind = "trial_ending"
	RenewalReminder    Kind = "renewal_reminder"
	YearlyReminder     Kind = "yearly_reminder"
	CancelScheduled    Kind = "cancel_scheduled"
	CancelUndone       Kind = "cancel_undone"
	Canceled           Kind = "canceled"
	CanceledUnpaid     Kind = "canceled_unpaid"
	Completed          Kind = "completed"
	Replaced           Kind = "replaced"
	Reactivated        Kind = "reactivated"
	Paused             Kind = "paused"
	PauseScheduled     Kind = "pause_scheduled"
	Resumed            Kind = "resumed"
	Changed            Kind = "changed"
	ChangeScheduled    Kind = "change_scheduled"
	NextChargeMoved    Kind = "next_charge_moved"
	Refund             Kind = "refund"
	CreditNote         Kind = "credit_note"
	MethodAdded        Kind = "method_added"
	MethodRemoved      Kind = "method_removed"
)

// The mails to the merchant's team.
const (
	TeamEndpointDisabled  Kind = "team_endpoint_disabled"
	TeamOutage            Kind = "team_outage"
	TeamOutageOver        Kind = "team_outage_over"
	TeamDisputeOpened     Kind = "team_dispute_opened"
	TeamDisputeClosed     Kind = "team_dispute_closed"
	TeamPaymentUnresolved Kind = "team_payment_unresolved"
	TeamRefundFailed      Kind = "team_refund_failed"
	TeamBillingFailed     Kind = "team_billing_failed"
	TeamNoticeBounced     Kind = "team_notice_bounced"
)

// Mail is one of the closed list of mails.
type Mail struct {
	Kind   Kind
	Title  string       // what the merchant calls it
	When   string       // what causes it, in words
	Events []event.Kind // that can cause it; which mail an event causes depends on its facts
	Team   bool         // to the merchant's team, not to a customer
	// Must says why the mail cannot be switched off; "" when it can.
	Must  string
	Needs []string // placeholders that the text must have somewhere
	names []string // placeholders known beside the common ones
}

// Why a mail must be sent.
const (
	mustConfirm  = "The card networks and the law require that a new subscription is confirmed with its terms and how to cancel it."
	mustReceipt  = "The card networks require a receipt of every charge, with how to cancel."
	mustAnnounce = "The card networks and the law require that such a charge is announced."
	mustEnd      = "The law requires that an end is confirmed."
	mustDocument = "It says that a document was issued, which the law requires to be handed over."
	mustSecure   = "It protects the customer: somebody else may have made the change."
	mustAct      = "Nothing goes on until the customer acts."
)

var (
	aboutPlan     = []string{"plan.name", "plan.terms", "product.name", "quantity"}
	aboutNext     = []string{"next_charge.date", "next_charge.amount"}
	aboutInvoice  = []string{"amount", "invoice.number", "invoice.period", "invoice.tax", "method.name"}
	aboutFailure  = []string{"amount", "invoice.number", "reason", "attempt", "attempts", "next_try.date", "method.name", "action.link"}
	aboutDispute  = []string{"amount", "invoice.number", "reason", "evidence.date", "dashboard.link"}
	aboutOutage   = []string{"outage.what", "reason", "dashboard.link"}
	aboutTheTeams = []string{"amount", "reason", "dashboard.link"}
)

func names(lists ...[]string) []string { return slices.Concat(lists...) }

// Mails is the closed list, in the order in which it is shown.
var Mails = []Mail{
	{Kind: Welcome, Title: "Subscription started", When: "a subscription begins, also one that costs nothing at first", Events: []event.Kind{event.SubscriptionCreated},
		Must: mustConfirm, Needs: []string{"cancel.how"}, names: names(aboutPlan, aboutNext, []string{"amount", "trial.end"})},
	{Kind: Receipt, Title: "Receipt", When: "an invoice is paid", Events: []event.Kind{event.InvoicePaid},
		Must: mustReceipt, Needs: []string{"cancel.how"}, names: names(aboutPlan, aboutInvoice, aboutNext)},
	{Kind: BankTransfer, Title: "Waiting for a bank transfer", When: "an order waits until its bank transfer arrives", Events: []event.Kind{event.PaymentProcessing},
		Must: mustAct, Needs: []string{"bank.instructions"}, names: names(aboutPlan, aboutInvoice, []string{"bank.instructions"})},
	{Kind: PaymentProcessing, Title: "Payment on its way", When: "a bank debit was started that settles in days", Events: []event.Kind{event.PaymentProcessing}, names: names(aboutPlan, aboutInvoice)},
	{Kind: PaymentFailed, Title: "Payment failed, first try", When: "the first try to collect a renewal fails", Events: []event.Kind{event.PaymentFailing}, names: names(aboutPlan, aboutFailure)},
	{Kind: PaymentFailedAgain, Title: "Payment failed, further try", When: "a later try fails, and another one follows", Events: []event.Kind{event.PaymentFailing}, names: names(aboutPlan, aboutFailure)},
	{Kind: PaymentFailedLast, Title: "Payment failed, last try", When: "the last try fails and the subscription is not ended", Events: []event.Kind{event.PaymentFailing}, names: names(aboutPlan, aboutFailure)},
	{Kind: ConfirmPayment, Title: "Confirm a payment", When: "the bank wants the customer to confirm a charge", Events: []event.Kind{event.PaymentNeedsConfirmation, event.PaymentFailing},
		Must: mustAct, Needs: []string{"action.link"}, names: names(aboutPlan, aboutFailure)},
	{Kind: NewLink, Title: "A new link", When: "a customer asks for a new secure link", Events: []event.Kind{event.LinkRequested},
		Must: mustAct, Needs: []string{"action.link"}, names: []string{"amount", "action.link"}},
	{Kind: CardExpiring, Title: "Card expires soon", When: "a card that is charged regularly is about to expire", Events: []event.Kind{event.MethodExpiring}, names: names(aboutPlan, aboutNext, []string{"method.name", "method.expires", "action.link"})},
	{Kind: TrialEnding, Title: "Trial ends soon", When: "a trial is about to end", Events: []event.Kind{event.TrialEnding},
		Must: mustAnnounce, Needs: []string{"cancel.how"}, names: names(aboutPlan, aboutNext, []string{"trial.end"})},
	{Kind: RenewalReminder, Title: "Renewal reminder", When: "a renewal is about to be charged", Events: []event.Kind{event.RenewalUpcoming},
		Must: mustAnnounce, Needs: []string{"cancel.how"}, names: names(aboutPlan, aboutNext)},
	{Kind: YearlyReminder, Title: "Yearly reminder", When: "a year has passed since the last reminder", Events: []event.Kind{event.YearlyReminder},
		Must: mustAnnounce, Needs: []string{"cancel.how"}, names: names(aboutPlan, aboutNext)},
	{Kind: CancelScheduled, Title: "Cancellation confirmed", When: "the end of a subscription is scheduled", Events: []event.Kind{event.CancelScheduled},
		Must: mustEnd, Needs: []string{"end.date"}, names: names(aboutPlan, []string{"end.date", "request.time"})},
	{Kind: CancelUndone, Title: "Cancellation taken back", When: "a scheduled end is taken back", Events: []event.Kind{event.CancelUndone}, names: names(aboutPlan, aboutNext)},
	{Kind: Canceled, Title: "Subscription ended on request", When: "a canceled subscription ends", Events: []event.Kind{event.SubscriptionCanceled},
		Must: mustEnd, names: names(aboutPlan, []string{"end.date", "request.time"})},
	{Kind: CanceledUnpaid, Title: "Subscription ended unpaid", When: "a subscription ends because it was not paid", Events: []event.Kind{event.SubscriptionCanceled},
		Must: mustEnd, names: names(aboutPlan, []string{"end.date", "amount"})},
	{Kind: Completed, Title: "Subscription completed", When: "the last payment's period is over", Events: []event.Kind{event.SubscriptionCanceled},
		Must: mustEnd, names: names(aboutPlan, []string{"end.date"})},
	{Kind: Replaced, Title: "Subscription replaced", When: "another subscription takes its place", Events: []event.Kind{event.SubscriptionCanceled},
		Must: mustEnd, names: names(aboutPlan, []string{"end.date"})},
	{Kind: Reactivated, Title: "Subscription back", When: "an ended subscription is brought back", Events: []event.Kind{event.Reactivated},
		Must: mustConfirm, Needs: []string{"cancel.how"}, names: names(aboutPlan, aboutNext)},
	{Kind: Paused, Title: "Subscription paused", When: "a pause begins", Events: []event.Kind{event.SubscriptionPaused}, names: names(aboutPlan, []string{"pause.until"})},
	{Kind: PauseScheduled, Title: "Pause scheduled", When: "a pause is to begin with the next period", Events: []event.Kind{event.PauseScheduled}, names: names(aboutPlan, []string{"pause.from", "pause.until"})},
	{Kind: Resumed, Title: "Pause ended", When: "a pause ends", Events: []event.Kind{event.PauseEnded}, Needs: []string{"cancel.how"}, names: names(aboutPlan, aboutNext)},
	{Kind: Changed, Title: "Plan changed", When: "the terms of a subscription change", Events: []event.Kind{event.SubscriptionChanged},
		Must: mustConfirm, Needs: []string{"cancel.how"}, names: names(aboutPlan, aboutNext, []string{"change.charged", "change.credited"})},
	{Kind: ChangeScheduled, Title: "Plan change scheduled", When: "a change of terms is scheduled", Events: []event.Kind{event.ChangeScheduled}, names: names(aboutPlan, []string{"change.date"})},
	{Kind: NextChargeMoved, Title: "Next charge moved", When: "a period is skipped or the next charge is moved", Events: []event.Kind{event.SubscriptionSkipped, event.SubscriptionMoved},
		Needs: []string{"next_charge.date"}, names: names(aboutPlan, aboutNext)},
	{Kind: Refund, Title: "Refund", When: "a refund went through", Events: []event.Kind{event.RefundSucceeded}, Must: mustDocument, names: []string{"amount", "invoice.number", "method.name", "credit_note.number"}},
	{Kind: CreditNote, Title: "Credit note", When: "a credit note is issued without a refund", Events: []event.Kind{event.CreditNoteIssued}, Must: mustDocument, names: []string{"amount", "invoice.number", "credit_note.number"}},
	{Kind: MethodAdded, Title: "Payment method added", When: "a customer who has a payment method gets another", Events: []event.Kind{event.MethodAttached}, Must: mustSecure, names: []string{"method.name"}},
	{Kind: MethodRemoved, Title: "Payment method removed", When: "a payment method is removed", Events: []event.Kind{event.MethodDetached}, Must: mustSecure, names: []string{"method.name"}},

	{Kind: TeamEndpointDisabled, Title: "Webhook endpoint disabled", When: "a webhook endpoint failed for days", Team: true, Events: []event.Kind{event.EndpointDisabled}, names: []string{"endpoint.address", "reason", "dashboard.link"}},
	{Kind: TeamOutage, Title: "Endpoint or gateway fails", When: "a webhook endpoint or a gateway has not answered for half an hour", Team: true, Events: []event.Kind{event.EndpointFailing, event.GatewayFailing}, names: aboutOutage},
	{Kind: TeamOutageOver, Title: "Endpoint or gateway works again", When: "a webhook endpoint, a gateway or the mail server works again after an outage", Team: true, Events: []event.Kind{event.EndpointWorking, event.GatewayWorking}, names: aboutOutage},
	{Kind: TeamDisputeOpened, Title: "Dispute opened", When: "a customer disputes a payment at the bank", Team: true, Events: []event.Kind{event.DisputeOpened}, names: aboutDispute},
	{Kind: TeamDisputeClosed, Title: "Dispute closed", When: "a dispute is won or lost", Team: true, Events: []event.Kind{event.DisputeWon, event.DisputeLost}, names: names(aboutDispute, []string{"outcome"})},
	{Kind: TeamPaymentUnresolved, Title: "Payment needs a person", When: "nobody can tell what became of a payment", Team: true, Events: []event.Kind{event.PaymentUnresolved, event.PaymentMismatch}, names: names(aboutTheTeams, []string{"invoice.number"})},
	{Kind: TeamRefundFailed, Title: "Refund failed", When: "the gateway refuses a refund", Team: true, Events: []event.Kind{event.RefundFailed}, names: names(aboutTheTeams, []string{"invoice.number"})},
	{Kind: TeamBillingFailed, Title: "Period could not be invoiced", When: "a period of a subscription cannot be invoiced", Team: true, Events: []event.Kind{event.BillingFailed}, names: names(aboutPlan, []string{"reason", "dashboard.link"})},
	{Kind: TeamNoticeBounced, Title: "Required mail bounced", When: "a mail that must be sent cannot be delivered", Team: true, Events: []event.Kind{event.MailBounced}, names: []string{"mail.title", "mail.address", "reason", "dashboard.link"}},
}

// Of is the mail of that kind.
func Of(k Kind) (Mail, bool) {
	i := slices.IndexFunc(Mails, func(m Mail) bool { return m.Kind == k })
	if i < 0 {
		return Mail{}, false
	}
	return Mails[i], true
}

// Wanted is the events that cause a mail which is not switched off.
func Wanted(off func(Kind) bool) outbox.Filter {
	var list outbox.Filter
	for _, m := range Mails {
		if m.Must == "" && off(m.Kind) {
			continue
		}
		for _, e := range m.Events {
			if !slices.Contains(list, string(e)) {
				list = append(list, string(e))
			}
		}
	}
	return list
}

// common are the placeholders that every mail knows.
var common = []string{"greeting", "customer.name", "customer.first_name", "customer.email", "merchant.name", "merchant.email", "cancel.how", "summary"}

// Placeholders are the names that a text of the mail may hold.
func (m Mail) Placeholders() []string {
	list := slices.Concat(common, m.names)
	if m.Team { // it greets nobody and cancels nothing
		list = slices.DeleteFunc(list, func(n string) bool { return n == "greeting" || n == "cancel.how" })
	}
	return list
}
