package commerce_test

import (
	"testing"

	"perennial/internal/commerce"
	"perennial/internal/fault"
	"perennial/internal/notice"
)

// TestSendMail proves that a mail is sent because somebody asks for it, says what it is about,
// and is refused when there is nothing that it tells of.
func TestSendMail(t *testing.T) {
	onBoth(t, func(w *world) {
		sub := w.subscribed(w.price(monthly), "tok_visa")
		inv := w.invoices(sub)[0].ID
		before := kindsOf(w.mails())
		send := func(kind notice.Kind, change func(*commerce.SendMail)) error {
			c := commerce.SendMail{Call: w.call, Kind: kind, Customer: w.customer}
			if change != nil {
				change(&c)
			}
			_, err := w.s.SendMail(w.Context(), c)
			return err
		}
		w.refused(send(notice.Receipt, nil), fault.Invalid, "")
		w.refused(send(notice.Welcome, nil), fault.Invalid, "")
		w.refused(send(notice.TeamRefundFailed, nil), fault.Invalid, "")
		w.refused(send("nonsense", nil), fault.Invalid, "")
		w.refused(send(notice.Canceled, func(c *commerce.SendMail) { c.Subscription = sub }), fault.Conflict, "nothing_to_tell")
		w.refused(send(notice.Refund, func(c *commerce.SendMail) { c.Invoice = inv }), fault.Conflict, "nothing_to_tell")

		// Written already: the same mail waits again, and no second one is made.
		w.ok(send(notice.Receipt, func(c *commerce.SendMail) { c.Invoice = inv }))
		w.ok(send(notice.Welcome, func(c *commerce.SendMail) { c.Subscription = sub }))
		if got := kindsOf(w.mails()); before != "receipt welcome" || got != "receipt(waiting) welcome(waiting)" {
			t.Errorf("the mails were %q and are %q", before, got)
		}

		// Switched off when it happened, and sent when somebody asks.
		_, err := w.s.UpdateMail(w.Context(), commerce.UpdateMail{Call: w.call, Kind: notice.NextChargeMoved, Off: new(true)})
		w.ok(err)
		_, err = w.s.Reschedule(w.Context(), commerce.Reschedule{Call: w.call, Subscription: sub, To: w.now().AddDate(0, 0, 40)})
		w.ok(err)
		_, err = w.s.UpdateMail(w.Context(), commerce.UpdateMail{Call: w.call, Kind: notice.NextChargeMoved, Off: new(false)})
		w.ok(err)
		w.ok(send(notice.NextChargeMoved, func(c *commerce.SendMail) { c.Subscription = sub }))
		if got := kindsOf(w.mails()); got != "receipt(waiting) welcome(waiting) next_charge_moved" {
			t.Errorf("the mails are %q", got)
		}
	})
}
