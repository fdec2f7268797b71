package commerce_test

import (
	"testing"

	"perennial/internal/commerce"
	"perennial/internal/fault"
	"perennial/internal/link"
	"perennial/internal/report"
)

// TestSignIn proves that a token signs its customer in once, for half a minute, and does
// nothing else.
func TestSignIn(t *testing.T) {
	onBoth(t, func(w *world) {
		made := func() commerce.CreatedSignIn {
			m, err := w.s.CreateSignIn(w.Context(), commerce.CreateSignIn{Call: w.call, Customer: w.customer})
			w.ok(err)
			return m
		}
		first, second := made(), made() // two pages at once
		for _, m := range []commerce.CreatedSignIn{first, second} {
			who, err := w.s.UseSignIn(w.Context(), m.Token)
			w.ok(err)
			if who.ID != w.customer {
				t.Errorf("the token signs %v in", who.ID)
			}
			_, err = w.s.UseSignIn(w.Context(), m.Token)
			w.refused(err, fault.Unauthorized, "")
		}
		late := made()
		w.clock.Add(link.SignInLife)
		_, err := w.s.UseSignIn(w.Context(), late.Token)
		w.refused(err, fault.Unauthorized, "")

		// It opens no page of a link, and no link signs anybody in.
		again := made()
		_, err = report.New(w.db, w.clock).Link(w.Context(), again.Token)
		w.refused(err, fault.NotFound, "")
		_, err = w.s.UseLink(w.Context(), commerce.UseLink{Secret: again.Token, Token: "tok_visa"})
		w.refused(err, fault.NotFound, "")
		w.refused(w.s.RequestLink(w.Context(), again.Token), fault.NotFound, "")
		l, err := w.s.CreateLink(w.Context(), commerce.CreateLink{Call: w.call, Customer: w.customer, Purpose: link.UpdateMethod})
		w.ok(err) // although many tokens were made just now
		_, err = w.s.UseSignIn(w.Context(), l.Path[len("/pay/"):])
		w.refused(err, fault.Unauthorized, "")

		for range link.AskedMost {
			made()
		}
		last := made()
		_, err = w.s.DeleteCustomer(w.Context(), commerce.DeleteCustomer{Call: w.call, Customer: w.customer})
		w.ok(err)
		_, err = w.s.UseSignIn(w.Context(), last.Token)
		w.refused(err, fault.Unauthorized, "")
		_, err = w.s.CreateSignIn(w.Context(), commerce.CreateSignIn{Call: w.call, Customer: w.customer})
		w.refused(err, fault.NotFound, "")
	})
}
