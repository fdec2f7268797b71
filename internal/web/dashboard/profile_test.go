package dashboard_test

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"perennial/internal/account"
)

// A member lets clients of another system in and out, makes a widget, asks questions and
// writes down answers and addresses, and sells a price at another amount.
func TestPagesOfOtherSystems(t *testing.T) {
	t.Parallel()
	h := newShop(t)
	page := func(path string, want ...string) string {
		t.Helper()
		got := h.get(h.base + path).body
		for _, w := range want {
			if !strings.Contains(got, w) {
				t.Errorf("%s does not say %q", path, w)
			}
		}
		return got
	}
	send := func(path string, form url.Values, status int, want ...string) {
		t.Helper()
		form.Set("operation_key", account.RandomText(26))
		got := h.post(h.base+path, form)
		if got.status != status {
			t.Fatalf("%s: %d, want %d: %s", path, got.status, status, got.body)
		}
		for _, w := range want {
			if !strings.Contains(got.body, w) {
				t.Errorf("%s does not answer %q", path, w)
			}
		}
	}
	ctx := t.Context()

	page("/developers/doors", "No client of another system yet")
	send("/developers/doors", url.Values{"dialect": {"paywhirl"}, "name": {"Old shop"}}, http.StatusCreated, "pwpk_", "pwpsk_")
	send("/developers/doors", url.Values{"dialect": {"profitwell"}, "name": {"Figures"}, "secret": {"canary-canary-canary-canary"}}, http.StatusUnprocessableEntity)
	doors := must(h.s.Reader.DoorKeys(ctx, h.acc))(t)
	if body := page("/developers/doors", "Old shop", "PayWhirl"); len(doors) != 1 || strings.Contains(body, "pwpsk_") || strings.Contains(body, "canary") {
		t.Errorf("%d keys, or a secret is shown again", len(doors))
	}
	page("/developers/doors/"+doors[0].ID.String()+"/revoke", "Cannot be undone")
	send("/developers/doors/"+doors[0].ID.String()+"/revoke", url.Values{}, http.StatusSeeOther)
	page("/developers/doors", "Ended")

	page("/developers/widgets", "No widget yet")
	send("/developers/widgets", url.Values{"name": {"Plans"}, "code": {"acme"}, "sites": {"https://example.com"}}, http.StatusSeeOther)
	send("/developers/widgets", url.Values{"name": {"Plans"}, "sites": {"example.com"}}, http.StatusUnprocessableEntity)
	widgets := must(h.s.Reader.Widgets(ctx, h.acc))(t)
	page("/developers/widgets", "acme", "https://example.com")
	page("/developers/widgets/"+widgets[0].ID.String()+"/remove", "Remove Plans")
	send("/developers/widgets/"+widgets[0].ID.String()+"/remove", url.Values{}, http.StatusSeeOther)

	page("/settings/questions", "No question yet")
	send("/settings/questions", url.Values{"label": {"Which size?"}, "question_name": {"size"}, "question_kind": {"choice"}, "options": {"S\nM"}}, http.StatusSeeOther)
	send("/settings/questions", url.Values{"label": {"What else?"}, "question_name": {"else"}, "question_kind": {"text"}}, http.StatusSeeOther)
	send("/settings/questions", url.Values{"label": {"Which size?"}, "question_name": {"No name"}, "question_kind": {"text"}}, http.StatusUnprocessableEntity)
	asked := must(h.s.Reader.Questions(ctx, h.acc))(t)
	page("/settings/questions", "Which size?", "S, M")
	buyer := "/customers/" + h.buyer.ID.String()
	page(buyer, "Answers and addresses")
	page(buyer+"/profile/answers", "Which size?")
	send(buyer+"/profile/answers", url.Values{"answer-" + asked[0].ID.String(): {"M"}, "answer-" + asked[1].ID.String(): {""}}, http.StatusSeeOther)
	send(buyer+"/profile/answers", url.Values{"answer-" + asked[0].ID.String(): {"XL"}}, http.StatusUnprocessableEntity)
	send(buyer+"/profile/address", url.Values{"first_name": {"Bo"}, "lines": {"2 Side St"}, "city": {"Springfield"}, "country": {"US"}}, http.StatusSeeOther)
	page(buyer+"/profile", "Which size?", ">M<", "2 Side St", "Springfield")
	places := must(h.s.Reader.Places(ctx, h.acc, h.buyer.ID))(t)
	send("/addresses/"+places[0].ID.String()+"/remove", url.Values{}, http.StatusSeeOther)
	if body := page(buyer + "/profile"); strings.Contains(body, "2 Side St") {
		t.Error("the address is still there")
	}
	send("/settings/questions/"+asked[0].ID.String()+"/ask", url.Values{"state": {"no"}}, http.StatusSeeOther)
	page("/settings/questions", "Ask again")

	price := "/prices/" + h.basic.ID.String()
	page(price, "Sell it at another price")
	page(price+"/replace", "Those who have it keep what they pay")
	send(price+"/replace", url.Values{"amount": {""}}, http.StatusUnprocessableEntity)
	send(price+"/replace", url.Values{"amount": {"49.00"}}, http.StatusSeeOther)
	line := must(h.s.Reader.PlanPrices(ctx, h.acc, h.basic.ID))(t)
	if len(line) != 2 || line[0].Amount.Minor != 4900 {
		t.Errorf("%+v", line)
	}
}
