package commerce_test

import (
	"strings"
	"testing"
	"time"

	"perennial/internal/account"
	"perennial/internal/commerce"
	"perennial/internal/db"
	"perennial/internal/fault"
	"perennial/internal/gateway/manual"
	"perennial/internal/id"
	"perennial/internal/notice"
	"perennial/internal/outbox"
	"perennial/internal/payment"
	"perennial/internal/report"
	"perennial/internal/seal"
	"perennial/internal/subscription"
)

// mails are all mails that were written, the oldest first, whole.
func (w *world) mails() []report.MailView {
	w.Helper()
	w.ok(w.s.SettleMails(w.Context(), w.acc))
	r := report.New(w.db, w.clock)
	list, err := r.Mails(w.Context(), w.acc, report.MailQuery{Limit: 1000})
	w.ok(err)
	var out []report.MailView
	for i := len(list) - 1; i >= 0; i-- {
		m, err := r.Mail(w.Context(), w.acc, list[i].ID)
		w.ok(err)
		out = append(out, m)
	}
	return out
}

// kinds are the kinds of mails with their states.
func kindsOf(list []report.MailView) string {
	var b []string
	for _, m := range list {
		s := string(m.Kind)
		if m.Delivery.State != outbox.Delivered {
			s += "(" + string(m.Delivery.State) + ")"
		}
		b = append(b, s)
	}
	return strings.Join(b, " ")
}

// A subscription's life in mails, each saying what was true when it happened although
// nobody looked until the end.
func TestMailsOfALife(t *testing.T) {
	onBoth(t, func(w *world) {
		sub := w.subscribed(w.price(monthly), "tok_visa")
		w.advance(w.now().Add(45 * 24 * time.Hour))
		_, err := w.s.Cancel(w.Context(), commerce.Cancel{Call: w.call, Subscription: sub, When: subscription.AtPeriodEnd})
		w.ok(err)
		w.advance(w.now().Add(60 * 24 * time.Hour))
		list := w.mails()
		if got := kindsOf(list); got != "receipt welcome receipt cancel_scheduled canceled" {
			t.Fatal(got)
		}
		for i, want := range []string{"31 January 2026", "28 February 2026", "28 February 2026", "", ""} {
			text := strings.ReplaceAll(list[i].Message.Text, "\u00a0", " ")
			if want != "" && !strings.Contains(text, want) {
				t.Errorf("%s does not say %s:\n%s", list[i].Kind, want, text)
			}
			if list[i].Recipient != "ada@example.com" || !strings.HasPrefix(list[i].Subject, commerce.SandboxPrefix) || !list[i].Message.Held || list[i].Sent() {
				t.Errorf("%+v", list[i].Entry)
			}
		}
		for _, m := range list[:3] {
			if !strings.Contains(m.Message.Text, "You can cancel at any time") {
				t.Errorf("%s does not say how to cancel", m.Kind)
			}
		}
	})
}

// A mail speaks the customer's language in the merchant's words where there are some.
func TestMailsInTheCustomersLanguage(t *testing.T) {
	onBoth(t, func(w *world) {
		german := "de"
		_, err := w.s.UpdateCustomer(w.Context(), commerce.UpdateCustomer{Call: w.call, Customer: w.customer, Language: &german})
		w.ok(err)
		own := notice.Own{Kind: notice.Receipt, Language: "de", Text: notice.Text{Subject: "Danke, {{ customer.first_name }}", Body: "Danke für {{ amount }}.\n\n{{ cancel.how }}"}}
		_, err = w.s.SetMailText(w.Context(), commerce.SetMailText{Call: w.call, Own: own})
		w.ok(err)
		_, err = w.s.SetBrand(w.Context(), commerce.SetBrand{Call: w.call, Brand: notice.Brand{Name: "Teehaus", Manage: "https://tee.example/abo"}})
		w.ok(err)
		w.subscribed(w.price(monthly), "tok_visa")
		list := w.mails()
		if got := kindsOf(list); got != "receipt welcome" {
			t.Fatal(got)
		}
		receipt, welcome := list[0], list[1]
		if !strings.Contains(receipt.Message.Text, "Danke für") || receipt.Language != "de" || !strings.Contains(receipt.Message.HTML, `href="https://tee.example/abo"`) || receipt.Message.FromName != "Teehaus" {
			t.Errorf("%+v", receipt.Message)
		}
		if !strings.Contains(welcome.Message.Text, "Vielen Dank für Ihr Abonnement") {
			t.Error(welcome.Message.Text)
		}
		w.ok(w.s.RemoveMailText(w.Context(), commerce.RemoveMailText{Call: w.call, Kind: notice.Receipt, Language: "de"}))
		if err := w.s.RemoveMailText(w.Context(), commerce.RemoveMailText{Call: w.call, Kind: notice.Receipt, Language: "de"}); !fault.Is(err, fault.NotFound) {
			t.Error(err)
		}
		own.Body = "{{ nothing }}"
		if _, err := w.s.SetMailText(w.Context(), commerce.SetMailText{Call: w.call, Own: own}); !fault.Is(err, fault.Invalid) {
			t.Error(err)
		}
	})
}

// Mails that are off cost nothing; those that must be sent cannot be off; who wants
// only these gets no others.
func TestMailsThatAreNotWanted(t *testing.T) {
	onBoth(t, func(w *world) {
		yes := true
		_, err := w.s.UpdateMail(w.Context(), commerce.UpdateMail{Call: w.call, Kind: notice.Receipt, Off: &yes})
		if !fault.Is(err, fault.Conflict) {
			t.Errorf("a receipt can be switched off: %v", err)
		}
		_, err = w.s.UpdateMail(w.Context(), commerce.UpdateMail{Call: w.call, Kind: notice.Paused, Off: &yes})
		w.ok(err)
		sub := w.subscribed(w.price(monthly), "tok_visa")
		_, err = w.s.Pause(w.Context(), commerce.Pause{Call: w.call, Subscription: sub, Override: true})
		w.ok(err)
		w.ok(w.s.ChooseMails(w.Context(), commerce.ChooseMails{Call: w.call, Customer: w.customer}))
		_, err = w.s.Unpause(w.Context(), commerce.Unpause{Call: w.call, Subscription: sub})
		w.ok(err)
		list := w.mails()
		if got := kindsOf(list); got != "receipt welcome resumed(dead)" {
			t.Fatal(got)
		}
		if last := list[2]; !strings.Contains(last.Delivery.Failure, "only the mails that must be sent") {
			t.Errorf("%+v", last.Delivery)
		}
	})
}

// Nothing is written to an address on the list until it is taken off; then the mail is
// written after all.
func TestSuppressedAddress(t *testing.T) {
	onBoth(t, func(w *world) {
		s, err := w.s.Suppress(w.Context(), commerce.Suppress{Call: w.call, Address: "ADA@example.com", Reason: notice.Complaint})
		w.ok(err)
		again, err := w.s.Suppress(w.Context(), commerce.Suppress{Call: w.call, Address: "ada@example.com", Reason: notice.Manual})
		w.ok(err)
		if again.ID != s.ID || again.Reason != notice.Complaint {
			t.Errorf("%+v", again)
		}
		w.subscribed(w.price(monthly), "tok_visa")
		list := w.mails()
		if got := kindsOf(list); got != "receipt(dead) welcome(dead)" {
			t.Fatal(got)
		}
		resend := commerce.ResendMail{Call: w.call, Mail: list[0].ID}
		if _, err := w.s.ResendMail(w.Context(), resend); !fault.Is(err, fault.Conflict) {
			t.Error(err)
		}
		w.ok(w.s.Release(w.Context(), commerce.Release{Call: w.call, Suppression: s.ID}))
		_, err = w.s.ResendMail(w.Context(), resend)
		w.ok(err)
		if got := kindsOf(w.mails()); got != "receipt welcome(dead)" {
			t.Error(got)
		}
		if _, err := w.s.ResendMail(w.Context(), commerce.ResendMail{Call: w.call, Mail: id.New[id.Delivery]()}); !fault.Is(err, fault.NotFound) {
			t.Error(err)
		}
	})
}

// Recovery can be watched in the mailbox: each failure says when the next try is and
// how to pay, and the end is told once.
func TestMailsOfARecovery(t *testing.T) {
	onBoth(t, func(w *world) {
		w.subscribed(w.price(monthly), "tok_declineAfter_1")
		w.advance(w.now().Add(70 * 24 * time.Hour))
		list := w.mails()
		got := kindsOf(list)
		if !strings.HasPrefix(got, "receipt welcome payment_failed payment_failed_again") || !strings.HasSuffix(got, "canceled_unpaid") || strings.Contains(got, "payment_failed_last") {
			t.Fatal(got)
		}
		var last string
		for _, m := range list {
			if !strings.HasPrefix(string(m.Kind), "payment_failed") {
				continue
			}
			text := strings.ReplaceAll(m.Message.Text, "\u00a0", " ")
			if !strings.Contains(text, "Next try: ") || !strings.Contains(text, notice.LinkMarker+"lnk_") || text == last {
				t.Errorf("%s", text)
			}
			last = text
		}
	})
}

// Who pays by bank transfer reads in a mail how to.
func TestMailOfABankTransfer(t *testing.T) {
	onBoth(t, func(w *world) {
		keys, err := seal.Parse(seal.New())
		w.ok(err)
		w.s.UseGateways(keys, map[string]commerce.Opener{manual.Kind: manual.Open})
		_, err = w.s.CreateGateway(w.Context(), commerce.CreateGateway{Call: w.call, Kind: manual.Kind, Name: "Bank", Default: true,
			Settings: payment.GatewaySettings{Instructions: "Pay to DE02 1203 0000 0000 2020 51.\nName the order."}})
		w.ok(err)
		sale, err := w.sell(w.price(monthly), manual.BankTransfer)
		w.refused(err, fault.Pending, "")
		w.underWay = 1
		list := w.mails()
		if got := kindsOf(list); got != "bank_transfer" {
			t.Fatal(got)
		}
		if m := list[0].Message; !strings.Contains(m.Text, "Pay to DE02 1203 0000 0000 2020 51.\nName the order.") || !strings.Contains(m.HTML, "2020 51.<br>Name the order.") ||
			!strings.Contains(m.Text, "Payment reference: "+sale.Order.ID.String()) {
			t.Error(m.Text)
		}
	})
}

// Who confirms a payment in the browser gets no mail about it. Who leaves it gets one after
// ten minutes, with a link to the bank's step.
func TestMailToConfirmComesLate(t *testing.T) {
	onBoth(t, func(w *world) {
		keys, err := seal.Parse(seal.New())
		w.ok(err)
		w.s.UseGateways(keys, map[string]commerce.Opener{"outside": func(payment.GatewaySettings, payment.GatewaySecrets) (payment.Gateway, error) { return w.bank, nil }})
		made, err := w.s.CreateAccount(w.Context(), commerce.CreateAccount{Name: "Live", Email: "live@example.com", Mode: account.Live})
		w.ok(err)
		call := commerce.Call{Account: made.Account.ID, Actor: w.call.Actor}
		_, err = w.s.CreateGateway(w.Context(), commerce.CreateGateway{Call: call, Kind: "outside", Name: "Outside"})
		w.ok(err)
		product, err := w.s.CreateProduct(w.Context(), commerce.CreateProduct{Call: call, Name: "Tea"})
		w.ok(err)
		price, err := w.s.CreatePrice(w.Context(), commerce.CreatePrice{Call: call, Product: product.ID, Name: "Monthly", Amount: usd(1000), Interval: monthly, MaxQuantity: 1})
		w.ok(err)
		var steps []string
		for _, email := range []string{"stays@example.com", "leaves@example.com"} {
			c, err := w.s.CreateCustomer(w.Context(), commerce.CreateCustomer{Call: call, Email: email})
			w.ok(err)
			sale, err := w.s.Sell(w.Context(), commerce.Sell{Call: call, Customer: c.ID, Price: price.ID, Token: "tok_confirm", Present: true, Source: "test"})
			if !fault.Is(err, fault.Pending) || sale.Step == nil {
				w.Fatal(sale, err)
			}
			steps = append(steps, sale.Step.Secret)
		}
		mails := func() []report.MailView {
			w.ok(w.s.SettleMails(w.Context(), call.Account))
			list, err := report.New(w.db, w.clock).Mails(w.Context(), call.Account, report.MailQuery{Limit: 10})
			w.ok(err)
			return list
		}
		if list := mails(); len(list) != 0 {
			t.Fatalf("%+v", list)
		}
		w.ok(w.bank.AnswerStep(w.Context(), call.Account, steps[0], true))
		w.clock.Add(9 * time.Minute)
		if list := mails(); len(list) != 0 {
			t.Fatalf("%+v", list)
		}
		var waiting []payment.Payment
		w.view(func(tx *db.Tx) (err error) {
			waiting, err = payment.List(tx, call.Account, 0, 10)
			return err
		})
		for _, p := range waiting {
			_, err := w.s.AskPayment(w.Context(), commerce.AskPayment{Call: call, Payment: p.ID})
			w.ok(err)
		}
		w.clock.Add(time.Minute)
		var confirm []report.MailView
		for _, m := range mails() {
			if m.Kind == notice.ConfirmPayment {
				confirm = append(confirm, m)
			}
		}
		if len(confirm) != 1 || confirm[0].Recipient != "leaves@example.com" {
			t.Fatalf("%+v", confirm)
		}
		m, err := report.New(w.db, w.clock).Mail(w.Context(), call.Account, confirm[0].ID)
		w.ok(err)
		if !strings.Contains(m.Message.Text, notice.LinkMarker+m.Message.Link) || !strings.HasPrefix(m.Message.Link, "lnk_") {
			t.Errorf("the link %q in\n%s", m.Message.Link, m.Message.Text)
		}
	})
}
