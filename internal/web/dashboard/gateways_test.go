package dashboard_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"perennial/internal/account"
	"perennial/internal/commerce"
	"perennial/internal/gateway/manual"
	"perennial/internal/payment"
	"perennial/internal/seal"
)

// A member adds gateway accounts, sells by hand, says that the money arrived, and limits
// refunds; no page ever shows a secret again.
func TestGatewayPages(t *testing.T) {
	t.Parallel()
	h := newShop(t)
	keys := must(seal.Parse(seal.New()))(t)
	h.s.Service.UseGateways(keys, map[string]commerce.Opener{
		"manual": func(payment.GatewaySettings, payment.GatewaySecrets) (payment.Gateway, error) {
			return manual.Gateway{}, nil
		},
		"stripe": func(payment.GatewaySettings, payment.GatewaySecrets) (payment.Gateway, error) {
			return manual.Gateway{}, nil
		},
	})
	ctx := t.Context()
	page := func(path string, want ...string) string {
		t.Helper()
		got := h.get(h.base + path).body
		for _, w := range want {
			if !strings.Contains(got, w) {
				t.Errorf("%s does not say %q", path, w)
			}
		}
		if strings.Contains(got, "canary") {
			t.Errorf("%s shows a secret", path)
		}
		return got
	}
	send := func(path string, form url.Values, status int) {
		t.Helper()
		form.Set("operation_key", account.RandomText(26))
		got := h.post(h.base+path, form)
		if got.status != status {
			t.Fatalf("%s: %d, want %d: %s", path, got.status, status, got.body)
		}
		if strings.Contains(got.body, "canary") {
			t.Errorf("%s shows a secret", path)
		}
	}
	page("/settings/gateways", "No gateway account yet")
	send("/settings/gateways/new", url.Values{"kind": {"stripe"}, "name": {"Our Stripe"}, "api_key": {"sk_canary"}, "webhook_secrets": {"whsec_canary"}, "publishable_key": {"pk_shown"}}, http.StatusSeeOther)
	send("/settings/gateways/new", url.Values{"kind": {"stripe"}, "name": {" "}, "api_key": {"sk_canary"}}, http.StatusUnprocessableEntity)
	send("/settings/gateways/new", url.Values{"kind": {"manual"}, "name": {"Bank"}, "instructions": {"Pay to DE00.\r\nName your order."}, "default": {"on"}}, http.StatusSeeOther)
	list := must(h.s.Reader.Gateways(ctx, h.acc))(t)
	bank, stripe := list[0].ID.String(), list[1].ID.String()
	if got := list[0].Settings.Instructions; got != "Pay to DE00.\nName your order." {
		t.Errorf("the instructions are %q", got)
	}
	page("/settings/gateways", "Our Stripe", "Bank")
	page("/settings/gateways/"+stripe, "/hooks/"+stripe, "pk_shown", "None yet")
	page("/settings/gateways/"+bank, "Pay to DE00.")
	page("/settings/gateways/"+stripe+"/edit", "Leave it empty")
	send("/settings/gateways/"+stripe+"/edit", url.Values{"name": {"Cards"}, "publishable_key": {"pk_2"}}, http.StatusSeeOther)
	send("/settings/gateways/"+stripe+"/rotate", url.Values{"webhook_secrets": {"whsec_canary2"}}, http.StatusSeeOther)
	send("/settings/gateways/"+stripe+"/state", url.Values{"state": {"disabled"}}, http.StatusSeeOther)
	page("/settings/gateways/"+stripe, "Cards", "Take sales again")
	send("/settings/gateways/compare", url.Values{}, http.StatusSeeOther)
	page("/settings/gateways", "no difference")
	page("/settings/notices", "Notices will stand here")
	page("/disputes", "No disputes")
	sale, err := h.s.Service.Sell(ctx, commerce.Sell{Call: h.call, Customer: h.buyer.ID, Price: h.basic.ID, Token: "bank_transfer", Source: "api"})
	if sale.Payment == nil {
		t.Fatal(err)
	}
	page("/payments/waiting", "paid by hand")
	mark := "/payments/" + sale.Payment.ID.String() + "/mark"
	page(mark, "The money arrived")
	send(mark, url.Values{"paid": {"yes"}}, http.StatusUnprocessableEntity)
	send(mark, url.Values{"paid": {"yes"}, "reference": {"statement 7"}}, http.StatusSeeOther)
	page("/payments/waiting", "Nothing waits for you")
	page("/settings/billing/limits", "By one API key")
	send("/settings/billing/limits", url.Values{"refunds_by_member": {"100.50"}, "dispute_ends": {"on"}}, http.StatusSeeOther)
	acc, _, err := h.s.Reader.Account(ctx, h.acc)
	if err != nil || acc.Settings.RefundsByMember != 10050 || !acc.Settings.DisputeEnds || acc.Settings.RefundsByKey != 0 {
		t.Errorf("%+v, %v", acc.Settings, err)
	}
	page("/settings/billing/limits", "100.50")
}
