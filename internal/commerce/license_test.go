package commerce_test

import (
	"sync"
	"testing"
	"time"

	"perennial/internal/catalog"
	"perennial/internal/commerce"
	"perennial/internal/db"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/lead"
	"perennial/internal/license"
	"perennial/internal/subscription"
)

func (w *world) licensed(t license.Terms) {
	w.Helper()
	_, err := w.s.UpdateProduct(w.Context(), commerce.UpdateProduct{Call: w.call, Product: w.product, Settings: &catalog.Settings{Licenses: t.Text()}})
	w.ok(err)
}

func (w *world) licenses(o id.Order) []license.License {
	w.Helper()
	var list []license.License
	w.ok(w.db.View(w.Context(), func(tx *db.Tx) (err error) {
		list, err = license.OfOrder(tx, w.acc, o)
		return err
	}))
	return list
}

// A key is active in one place at a time, whoever asks first; disabled, or over with its
// subscription, it cannot be activated, and brought back it can.
func TestLicenses(t *testing.T) {
	onBoth(t, func(w *world) {
		ctx := w.Context()
		w.licensed(license.Terms{Count: 2, UntilCancel: true, UntilRefund: true})
		sale, err := w.s.Sell(ctx, commerce.Sell{Call: w.call, Customer: w.customer, Price: w.price(monthly), Token: "tok_visa", Quantity: 3})
		w.ok(err)
		keys := w.licenses(sale.Order.ID)
		if len(keys) != 6 {
			w.Fatalf("%d licences were issued, want 6", len(keys))
		}
		var won []string
		var mu sync.Mutex
		var all sync.WaitGroup
		for _, guid := range []string{"one", "two", "three", "four"} {
			all.Go(func() {
				_, err := w.s.ActivateLicense(ctx, commerce.ActivateLicense{Call: w.call, Key: " " + keys[0].Key, GUID: guid})
				mu.Lock()
				defer mu.Unlock()
				if err == nil {
					won = append(won, guid)
				} else if fault.As(err).Code != "license_active" {
					w.Error(err)
				}
			})
		}
		all.Wait()
		if len(won) != 1 {
			w.Fatalf("%v have the licence", won)
		}
		use := commerce.ActivateLicense{Call: w.call, Key: keys[0].Key, GUID: won[0]}
		_, err = w.s.ActivateLicense(ctx, use)
		w.ok(err) // again in the same place
		done, err := w.s.ClearLicense(ctx, commerce.ClearLicense{Call: w.call, Key: keys[0].Key})
		w.ok(err)
		same(w, "place after clearing", done.GUID, "")
		use.GUID = "elsewhere"
		done, err = w.s.EnableLicense(ctx, commerce.EnableLicense{Call: w.call, Key: keys[0].Key, Disable: true})
		w.ok(err)
		same(w, "valid while disabled", done.Valid, false)
		_, err = w.s.ActivateLicense(ctx, use)
		w.refused(err, fault.Conflict, "license_invalid")
		_, err = w.s.EnableLicense(ctx, commerce.EnableLicense{Call: w.call, Key: keys[0].Key})
		w.ok(err)
		_, err = w.s.Cancel(ctx, commerce.Cancel{Call: w.call, Subscription: sale.Subscription.ID, When: subscription.Now})
		w.ok(err)
		_, err = w.s.ActivateLicense(ctx, use)
		w.refused(err, fault.Conflict, "license_invalid")
		_, err = w.s.Reactivate(ctx, commerce.Reactivate{Call: w.call, Subscription: sale.Subscription.ID, NextCharge: w.clock.Now().AddDate(0, 1, 0)})
		w.ok(err)
		_, err = w.s.ActivateLicense(ctx, use)
		w.ok(err)
		_, err = w.s.Refund(ctx, commerce.Refund{Call: w.call, Payment: sale.Payment.ID})
		w.ok(err)
		done, err = w.s.EnableLicense(ctx, commerce.EnableLicense{Call: w.call, Key: keys[0].Key})
		w.ok(err)
		same(w, "valid after the refund", done.Valid, false)
		for _, key := range []string{"", "AB", "no key at all!"} {
			_, err = w.s.ClearLicense(ctx, commerce.ClearLicense{Call: w.call, Key: key})
			w.refused(err, fault.Invalid, "")
		}
		_, err = w.s.ClearLicense(ctx, commerce.ClearLicense{Call: w.call, Key: license.NewKey()})
		w.refused(err, fault.NotFound, "")
	})
}

// Uploaded keys are issued once each, in their order, also to those who buy at the same
// moment.
func TestUploadedLicenses(t *testing.T) {
	onBoth(t, func(w *world) {
		ctx := w.Context()
		w.licensed(license.Terms{Count: 1, Uploaded: true})
		n, err := w.s.UploadLicenses(ctx, commerce.UploadLicenses{Call: w.call, Product: w.product, Keys: []string{"first-1", "SECOND-2", "first-1", "THIRD-33"}})
		w.ok(err)
		same(w, "new keys", n, 3)
		price := w.price(monthly)
		var orders []id.Order
		var mu sync.Mutex
		var all sync.WaitGroup
		for _, email := range []string{"a@example.com", "b@example.com", "c@example.com", "d@example.com"} {
			all.Go(func() {
				sale, err := w.s.Sell(ctx, commerce.Sell{Call: w.call, Buyer: &commerce.CreateCustomer{Email: email}, Price: price, Token: "tok_visa"})
				mu.Lock()
				defer mu.Unlock()
				if err != nil {
					w.Error(err)
				}
				orders = append(orders, sale.Order.ID)
			})
		}
		all.Wait()
		issued := map[string]bool{}
		for _, o := range orders {
			for _, l := range w.licenses(o) {
				issued[l.Key] = true
			}
		}
		if len(issued) != 3 || !issued["FIRST-1"] || !issued["THIRD-33"] {
			w.Errorf("issued are %v", issued)
		}
	})
}

// A lead is seen, may confirm, and is bought with their order; of one who left nothing is
// seen for a while.
func TestLeads(t *testing.T) {
	onBoth(t, func(w *world) {
		ctx := w.Context()
		price := w.price(monthly)
		see := commerce.SeeLead{Call: w.call, Email: "Eve@example.com", Price: price}
		l, err := w.s.SeeLead(ctx, see)
		w.ok(err)
		w.clock.Set(start.Add(5 * time.Minute))
		see.Name = "Eve"
		again, err := w.s.SeeLead(ctx, see)
		w.ok(err)
		if again.ID != l.ID || again.Looks != 2 || again.Name != "Eve" || !again.SeenAt.Equal(start.Add(5*time.Minute)) {
			w.Errorf("seen again it is %+v", again)
		}
		_, err = w.s.ConfirmLead(ctx, commerce.ConfirmLead{Call: w.call, Lead: l.ID, Campaign: 7})
		w.refused(err, fault.NotFound, "")
		_, err = w.s.ConfirmLead(ctx, commerce.ConfirmLead{Call: w.call, Lead: l.ID, Campaign: l.Campaign})
		w.ok(err)
		see.Email = "left@example.com"
		_, err = w.s.SeeLead(ctx, see)
		w.ok(err)
		_, err = w.s.Sell(ctx, commerce.Sell{Call: w.call, Buyer: &commerce.CreateCustomer{Email: "eve@example.com"}, Price: price, Token: "tok_chargeDeclined"})
		w.refused(err, fault.Declined, "")
		states := func() map[string]lead.State {
			found := map[string]lead.State{}
			w.ok(w.db.View(ctx, func(tx *db.Tx) error {
				clear(found)
				list, err := lead.Page(tx, w.acc, 0, 10)
				for _, l := range list {
					found[l.Email] = l.State
				}
				return err
			}))
			return found
		}
		same(w, "after a decline", states()["eve@example.com"], lead.Open)
		_, err = w.s.Sell(ctx, commerce.Sell{Call: w.call, Buyer: &commerce.CreateCustomer{Email: "eve@example.com"}, Price: price, Token: "tok_visa"})
		w.ok(err)
		same(w, "after the sale", states()["eve@example.com"], lead.Bought)
		w.clock.Set(start.Add(26 * time.Hour))
		n, err := w.s.AbandonLeads(ctx, w.acc)
		w.ok(err)
		same(w, "abandoned", n, 1)
		same(w, "who left", states()["left@example.com"], lead.Abandoned)
	})
}
