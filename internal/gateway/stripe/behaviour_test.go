package stripe_test

import (
	"context"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	api "github.com/stripe/stripe-go/v85"

	"perennial/internal/clock"
	"perennial/internal/fault"
	"perennial/internal/gateway/stripe"
	"perennial/internal/gateway/stripe/stripetest"
	"perennial/internal/id"
	"perennial/internal/money"
	"perennial/internal/payment"
)

func usd(minor int64) money.Amount { return money.Amount{Minor: minor, Currency: "USD"} }

func newKey() string { return id.New[id.Payment]().String() }

func (w world) save(t *testing.T, c stripetest.Card) string {
	t.Helper()
	saved, err := w.Save(t.Context(), payment.SaveRequest{Account: w.account, Token: w.far.Method(c), Email: "ada@example.com", Name: "Ada", ChargeFollows: true})
	if err != nil {
		t.Fatal(err)
	}
	return saved.Token
}

func (w world) charged(token string) payment.Charge {
	return payment.Charge{Account: w.account, Key: newKey(), Token: token, Amount: usd(1500), Customer: 7, Invoice: 8, Asked: w.clock.Now()}
}

func (w world) ask(t *testing.T, c payment.Charge) payment.Result {
	t.Helper()
	r, err := w.Charge(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func TestOneCustomerForAllMethods(t *testing.T) {
	t.Parallel()
	w := open(t)
	first, err := w.Save(t.Context(), payment.SaveRequest{Account: w.account, Token: w.far.Method(stripetest.Card{}), Email: "ada@example.com"})
	if err != nil {
		t.Fatal(err)
	}
	second, err := w.Save(t.Context(), payment.SaveRequest{Account: w.account, Token: w.far.Method(stripetest.Card{LastFour: "1881"}), Sibling: first.Token})
	if err != nil {
		t.Fatal(err)
	}
	if n := w.far.Customers(); len(n) != 1 || !strings.HasPrefix(first.Token, n[0]+"/pm_") || !strings.HasPrefix(second.Token, n[0]+"/pm_") {
		t.Errorf("customers %v, tokens %s and %s", n, first.Token, second.Token)
	}
	if first.Fingerprint == "" || first.Fingerprint == second.Fingerprint || first.Country != "US" || second.LastFour != "1881" {
		t.Errorf("saved %+v and %+v", first, second)
	}
}

func TestLostAnswerMakesNoSecondCustomer(t *testing.T) {
	t.Parallel()
	w := open(t)
	r := payment.SaveRequest{Account: w.account, Token: w.far.Method(stripetest.Card{}), Email: "ada@example.com"}
	w.far.Fail(stripetest.Fault{Path: "POST /v1/customers", After: true})
	if _, err := w.Save(t.Context(), r); !fault.Is(err, fault.Unavailable) {
		t.Fatalf("got %v", err)
	}
	if _, err := w.Save(t.Context(), r); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Save(t.Context(), r); err != nil { // it belongs to the customer by now
		t.Fatal(err)
	}
	if n := w.far.Customers(); len(n) != 1 {
		t.Errorf("customers %v", n)
	}
}

func TestSaveWithAStep(t *testing.T) {
	t.Parallel()
	w := open(t)
	for _, confirmed := range []bool{true, false} {
		r := payment.SaveRequest{Account: w.account, Token: w.far.Method(stripetest.Card{Confirm: true}), Email: "ada@example.com",
			Consent: payment.Consent{IP: "192.0.2.7", UserAgent: "Browser/1", At: noon}}
		saved, err := w.Save(t.Context(), r)
		if err != nil || saved.Step == nil || saved.Step.Kind != "stripe" || saved.Token != "" {
			t.Fatalf("got %+v, %v", saved, err)
		}
		r.Token = saved.Step.Token
		again, err := w.Save(t.Context(), r)
		if err != nil || again.Step == nil || *again.Step != *saved.Step {
			t.Errorf("before the step is done: got %+v, %v", again, err)
		}
		if err := w.far.Act(saved.Step.Secret, confirmed); err != nil {
			t.Fatal(err)
		}
		done, err := w.Save(t.Context(), r)
		if confirmed && (err != nil || done.Step != nil || done.LastFour != "4242") {
			t.Errorf("confirmed: got %+v, %v", done, err)
		}
		if !confirmed && (!fault.Is(err, fault.Declined) || fault.As(err).Code != "not_confirmed") {
			t.Errorf("not confirmed: got %+v, %v", done, err)
		}
		r.Account = id.New[id.Account]()
		if _, err := w.Save(t.Context(), r); !fault.Is(err, fault.Declined) {
			t.Errorf("for another account: got %v", err)
		}
	}
}

func TestSaveDeclined(t *testing.T) {
	t.Parallel()
	w := open(t)
	_, err := w.Save(t.Context(), payment.SaveRequest{Account: w.account, Token: w.far.Method(stripetest.Card{Decline: "lost_card"})})
	if !fault.Is(err, fault.Declined) || fault.As(err).Code != "lost_card" {
		t.Errorf("got %v", err)
	}
}

func TestMethodOfSomebodyElse(t *testing.T) {
	t.Parallel()
	w := open(t)
	pm := w.far.Method(stripetest.Card{})
	if _, err := w.Save(t.Context(), payment.SaveRequest{Account: w.account, Token: pm}); err != nil {
		t.Fatal(err)
	}
	mine := w.save(t, stripetest.Card{})
	for what, r := range map[string]payment.SaveRequest{
		"another account":  {Account: id.New[id.Account](), Token: pm},
		"another customer": {Account: w.account, Token: pm, Sibling: mine},
	} {
		if _, err := w.Save(t.Context(), r); !fault.Is(err, fault.Declined) {
			t.Errorf("%s: got %v", what, err)
		}
	}
	other := open(t)
	if _, err := other.Save(t.Context(), payment.SaveRequest{Account: w.account, Token: "pm_99999999999999"}); !fault.Is(err, fault.Declined) {
		t.Errorf("a method of nobody: got %v", err)
	}
}

func TestWhatIsSent(t *testing.T) {
	t.Parallel()
	w := open(t)
	token := w.save(t, stripetest.Card{})
	c := w.charged(token)
	off := w.far.Sent(w.ask(t, c).Reference)
	for k, want := range map[string]string{
		"amount": "1500", "currency": "usd", "confirm": "true", "off_session": "true", "setup_future_usage": "", "use_stripe_sdk": "",
		"metadata[perennial_key]": c.Key, "metadata[perennial_account]": w.account.String(), "metadata[perennial_customer]": c.Customer.String(),
		"metadata[perennial_invoice]": c.Invoice.String(), "metadata[perennial_present]": "",
		"automatic_payment_methods[enabled]": "true", "automatic_payment_methods[allow_redirects]": "never", "mandate_data[customer_acceptance][type]": "",
		"customer": strings.Split(token, "/")[0], "payment_method": strings.Split(token, "/")[1],
	} {
		if got := off.Get(k); got != want {
			t.Errorf("off session, %s: got %q, want %q", k, got, want)
		}
	}
	c = w.charged(token)
	c.Present, c.Consent = true, payment.Consent{IP: "192.0.2.7", UserAgent: "Browser/1", At: noon}
	on := w.far.Sent(w.ask(t, c).Reference)
	for k, want := range map[string]string{
		"off_session": "", "setup_future_usage": "off_session", "use_stripe_sdk": "true", "metadata[perennial_present]": "1",
		"mandate_data[customer_acceptance][type]": "online", "mandate_data[customer_acceptance][online][ip_address]": "192.0.2.7",
		"mandate_data[customer_acceptance][online][user_agent]": "Browser/1",
	} {
		if got := on.Get(k); got != want {
			t.Errorf("on session, %s: got %q, want %q", k, got, want)
		}
	}
}

func TestDeclineCodes(t *testing.T) {
	t.Parallel()
	w := open(t)
	for _, c := range []struct {
		card  stripetest.Card
		code  string
		class payment.Class
	}{
		{stripetest.Card{Decline: "insufficient_funds"}, "insufficient_funds", payment.Later},
		{stripetest.Card{Decline: "insufficient_funds", Advice: "02"}, "insufficient_funds", payment.Later},
		{stripetest.Card{Decline: "insufficient_funds", Advice: "03"}, "do_not_try_again", payment.Never},
		{stripetest.Card{Decline: "do_not_honor", Advice: "21"}, "do_not_try_again", payment.Never},
		{stripetest.Card{Decline: "do_not_honor", Advice: "01"}, "new_account_information_available", payment.NewDetails},
		{stripetest.Card{Decline: "stolen_card", Advice: "01"}, "stolen_card", payment.Never},
		{stripetest.Card{Decline: "expired_card"}, "expired_card", payment.NewDetails},
		{stripetest.Card{Decline: "authentication_required"}, "authentication_required", payment.Authenticate},
		{stripetest.Card{Decline: "never_seen_before"}, "never_seen_before", payment.Later},
	} {
		r := w.ask(t, w.charged(w.save(t, c.card)))
		if r.Outcome != payment.Declined || r.Code != c.code || payment.ClassOf(r.Code) != c.class || r.Reference == "" {
			t.Errorf("%+v: got %+v, class %s", c.card, r, payment.ClassOf(r.Code))
		}
	}
}

func TestAdviceIsReadFromAnIntentToo(t *testing.T) {
	t.Parallel()
	w := open(t)
	c := w.charged(w.save(t, stripetest.Card{Decline: "do_not_honor", Advice: "03"}))
	w.far.Fail(stripetest.Fault{Path: "POST /v1/payment_intents", After: true})
	if r := w.ask(t, c); r.Outcome != payment.Unknown {
		t.Fatalf("got %+v", r)
	}
	if r := w.ask(t, c); r.Outcome != payment.Declined || r.Code != "do_not_try_again" {
		t.Errorf("got %+v", r)
	}
}

func TestAmountsThatStripeRefuses(t *testing.T) {
	t.Parallel()
	w := open(t)
	c := w.charged(w.save(t, stripetest.Card{}))
	c.Amount = usd(49)
	if r := w.ask(t, c); r.Outcome != payment.Declined || r.Code != "amount_too_small" {
		t.Errorf("got %+v", r)
	}
	for _, a := range []money.Amount{{Minor: 1234, Currency: "KWD"}, {Minor: 1050, Currency: "MGA"}} {
		c := w.charged(c.Token)
		c.Amount = a
		if _, err := w.Charge(t.Context(), c); !fault.Is(err, fault.Invalid) {
			t.Errorf("%v: got %v", a, err)
		}
	}
}

func TestUnitsOfCurrencies(t *testing.T) {
	t.Parallel()
	w := open(t)
	token := w.save(t, stripetest.Card{})
	for _, c := range []struct {
		amount money.Amount
		units  string
	}{
		{money.Amount{Minor: 500, Currency: "JPY"}, "500"},
		{money.Amount{Minor: 500, Currency: "UGX"}, "50000"},
		{money.Amount{Minor: 500, Currency: "ISK"}, "50000"},
		{money.Amount{Minor: 50000, Currency: "MGA"}, "500"},
		{money.Amount{Minor: 5120, Currency: "KWD"}, "5120"},
		{money.Amount{Minor: 1050, Currency: "HUF"}, "1050"},
	} {
		ask := w.charged(token)
		ask.Amount = c.amount
		r := w.ask(t, ask)
		if got := w.far.Sent(r.Reference).Get("amount"); got != c.units || r.Amount != c.amount {
			t.Errorf("%v: sent %s, told %v", c.amount, got, r.Amount)
		}
	}
}

func TestMethodThatIsGone(t *testing.T) {
	t.Parallel()
	w := open(t)
	c := w.charged(w.save(t, stripetest.Card{}))
	customer, _, _ := strings.Cut(c.Token, "/")
	c.Token = customer + "/pm_99999999999999"
	if r := w.ask(t, c); r.Outcome != payment.Declined || r.Code != "no_payment_method" {
		t.Errorf("got %+v", r)
	}
}

// What Stripe answers when it cannot, and what is known then.
func TestTroubleAtStripe(t *testing.T) {
	t.Parallel()
	for _, status := range []int{http.StatusTooManyRequests, http.StatusConflict, http.StatusInternalServerError, http.StatusServiceUnavailable} {
		w := open(t)
		c := w.charged(w.save(t, stripetest.Card{}))
		w.far.Fail(stripetest.Fault{Path: "POST /v1/payment_intents", Status: status})
		if r := w.ask(t, c); r.Outcome != payment.Unknown {
			t.Errorf("%d: got %+v", status, r)
		}
		if r := w.ask(t, c); r.Outcome != payment.Succeeded {
			t.Errorf("%d, asked again: got %+v", status, r)
		}
		w.far.Fail(stripetest.Fault{Path: "GET /v1/", Status: status})
		if _, err := w.Find(t.Context(), payment.Inquiry{Account: w.account, Key: c.Key}); !fault.Is(err, fault.Unavailable) {
			t.Errorf("%d, find: got %v", status, err)
		}
	}
}

// Stripe keeps a failure of its own as the answer to a key; the key's charge is looked
// for, and nothing is charged twice when Stripe has forgotten.
func TestFailureThatIsKept(t *testing.T) {
	t.Parallel()
	w := open(t)
	c := w.charged(w.save(t, stripetest.Card{}))
	w.far.Fail(stripetest.Fault{Path: "POST /v1/payment_intents", Status: 500, Keep: true})
	for range 3 {
		if r := w.ask(t, c); r.Outcome != payment.Unknown {
			t.Fatalf("got %+v", r)
		}
	}
	w.clock.Add(25 * time.Hour)
	w.far.ForgetKeys()
	for range 2 {
		if r := w.ask(t, c); r.Outcome != payment.Succeeded {
			t.Fatalf("got %+v", r)
		}
	}
	if n := w.far.Charged(); n != 1 {
		t.Errorf("%d charges", n)
	}
}

func TestOneIntentHoweverOftenAndLateItIsAsked(t *testing.T) {
	t.Parallel()
	w := open(t)
	c := w.charged(w.save(t, stripetest.Card{}))
	for _, after := range []time.Duration{0, time.Minute, 19 * time.Hour, 21 * time.Hour, 48 * time.Hour} {
		if after >= 24*time.Hour {
			w.far.ForgetKeys()
		}
		w.clock.Set(noon.Add(after))
		c.Consent.UserAgent, c.Consent.IP = "Changed/"+after.String(), "192.0.2.9" // what differs must not matter
		c.Present = after > time.Minute
		if r := w.ask(t, c); r.Outcome != payment.Succeeded {
			t.Errorf("after %s: got %+v", after, r)
		}
	}
	if w.far.Intents() != 1 {
		t.Errorf("%d intents", w.far.Intents())
	}
}

func TestSearchThatLags(t *testing.T) {
	t.Parallel()
	w := open(t)
	token := w.save(t, stripetest.Card{})
	c := w.charged(token)
	w.ask(t, c)
	w.far.HideNewest(1)
	find := func(q payment.Inquiry) payment.Outcome {
		q.Account, q.Key = w.account, c.Key
		r, err := w.Find(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		return r.Outcome
	}
	if o := find(payment.Inquiry{}); o != payment.Succeeded {
		t.Errorf("a search that lags: got %v", o)
	}
	w.far.HideNewest(0)
	w.clock.Add(2 * time.Hour)
	if o := find(payment.Inquiry{}); o != payment.Succeeded {
		t.Errorf("by search: got %v", o)
	}
	w.far.Fail(stripetest.Fault{Path: "/v1/payment_intents/search", Status: 400})
	if o := find(payment.Inquiry{}); o != payment.Succeeded {
		t.Errorf("where there is no search: got %v", o)
	}
}

// A browser that holds the secret could confirm later: what is called declined cannot
// come true any more.
func TestDeclinedCannotComeTrue(t *testing.T) {
	t.Parallel()
	w := open(t)
	c := w.charged(w.save(t, stripetest.Card{Confirm: true}))
	c.Present = true
	step := w.ask(t, c).Step
	if err := w.far.Act(step.Secret, false); err != nil {
		t.Fatal(err)
	}
	if r := w.ask(t, c); r.Outcome != payment.Declined || r.Code != "not_confirmed" {
		t.Errorf("got %+v", r)
	}
	if !slices.Contains(w.far.Requests(), "POST /v1/payment_intents/"+w.far.Newest()+"/cancel") {
		t.Error("the intent was not cancelled")
	}
	if err := w.far.Act(step.Secret, true); err == nil {
		t.Error("it came true afterwards")
	}
}

func TestGivingUpWhatCameTrue(t *testing.T) {
	t.Parallel()
	w := open(t)
	c := w.charged(w.save(t, stripetest.Card{Confirm: true}))
	c.Present = true
	first := w.ask(t, c)
	q := payment.Inquiry{Account: w.account, Key: c.Key, Reference: first.Reference}
	w.far.Fail(stripetest.Fault{Path: "POST /v1/payment_intents/", Before: true})
	if r, err := w.Abandon(t.Context(), q); err != nil || r.Outcome != payment.Unknown {
		t.Errorf("cancelling was not answered: got %+v, %v", r, err)
	}
	if err := w.far.Act(first.Step.Secret, true); err != nil {
		t.Fatal(err)
	}
	if r, err := w.Abandon(t.Context(), q); err != nil || r.Outcome != payment.Succeeded {
		t.Errorf("got %+v, %v", r, err)
	}
}

func TestNoSecretInAnyError(t *testing.T) {
	t.Parallel()
	far := stripetest.New(t, clock.NewManual(noon))
	key := "sk_test_canarycanarycanary"
	g, err := stripe.New(stripe.Credentials{APIKey: key, WebhookSecrets: []string{"whsec_canarycanary"}}, stripe.Options{Client: far.Client, Clock: clock.NewManual(noon), URL: far.URL})
	if err != nil {
		t.Fatal(err)
	}
	acc := id.New[id.Account]()
	var errs []error
	note := func(err error) { errs = append(errs, err) }
	ask := func(ctx context.Context) {
		_, err := g.Save(ctx, payment.SaveRequest{Account: acc, Token: "pm_1"})
		note(err)
		_, err = g.Charge(ctx, payment.Charge{Account: acc, Key: newKey(), Token: "cus_1/pm_1", Amount: usd(100)})
		note(err)
		_, err = g.Find(ctx, payment.Inquiry{Account: acc, Key: newKey()})
		note(err)
		_, err = g.Refund(ctx, payment.RefundRequest{Account: acc, Key: newKey(), ChargeKey: newKey(), Amount: usd(1)})
		note(err)
		note(g.Each(ctx, acc, time.Time{}, func(payment.Record) error { return nil }))
		_, _, err = g.Notices(ctx, acc, "", noon)
		note(err)
		_, err = g.Dispute(ctx, acc, "dp_1")
		note(err)
		_, err = g.Instrument(ctx, acc, "cus_1/pm_1")
		note(err)
	}
	ask(t.Context()) // every one is refused: the key is wrong, and told back
	gone, leave := context.WithCancel(t.Context())
	leave()
	ask(gone)
	_, err = g.Read(func(string) string { return "t=1,v1=00" }, []byte("{}"), noon)
	note(err)
	refused := 0
	for _, err := range errs {
		if err == nil {
			continue
		}
		refused++
		if strings.Contains(err.Error(), "canary") {
			t.Errorf("an error tells the key: %v", err)
		}
	}
	if refused < 14 {
		t.Errorf("only %d errors", refused)
	}
	w := open(t)
	if _, err := w.Save(t.Context(), payment.SaveRequest{Account: w.account, Token: w.far.Method(stripetest.Card{Decline: "lost_card"})}); err == nil || strings.Contains(err.Error(), "canary") {
		t.Errorf("an error tells the secret of a setup: %v", err)
	}
}

func TestCredentialsOfTheWrongShape(t *testing.T) {
	t.Parallel()
	for _, c := range []stripe.Credentials{
		{}, {APIKey: "pk_test_0000000000000000"}, {APIKey: "sk_test_0000000000000000\r\nX: y"},
		{APIKey: stripetest.Key, WebhookSecrets: []string{"secret"}}, {APIKey: stripetest.Key, Connected: "cus_1"},
		{APIKey: stripetest.Key, WebhookSecrets: make([]string, 4)},
	} {
		if _, err := stripe.New(c, stripe.Options{Client: http.DefaultClient, Clock: clock.System{}}); !fault.Is(err, fault.Invalid) { //nolint:forbidigo // nothing is sent
			t.Errorf("%+v: got %v", c, err)
		}
	}
}

func TestRefundThatSettlesLater(t *testing.T) {
	t.Parallel()
	w := open(t)
	token := w.save(t, stripetest.Card{Type: "us_bank_account", LastFour: "6789"})
	c := w.charged(token)
	c.Present = true
	first := w.ask(t, c)
	w.far.Settle(first.Reference, "")
	for _, failure := range []string{"", "declined"} {
		ask := payment.RefundRequest{Account: w.account, Key: id.New[id.Refund]().String(), ChargeKey: c.Key, Reference: first.Reference, Amount: usd(100)}
		r, err := w.Refund(t.Context(), ask)
		if err != nil || r.Outcome != payment.Processing {
			t.Fatalf("got %+v, %v", r, err)
		}
		w.far.SettleRefund(r.Reference, failure)
		want := payment.Succeeded
		if failure != "" {
			want = payment.Declined
		}
		found, err := w.Find(t.Context(), payment.Inquiry{Account: w.account, Key: ask.Key, Refund: true, Reference: r.Reference, Asked: noon})
		if err != nil || found.Outcome != want || found.Code != failure {
			t.Errorf("got %+v, %v", found, err)
		}
	}
}

func TestBooksNameWhatNobodyHereAskedFor(t *testing.T) {
	t.Parallel()
	w := open(t)
	c := w.charged(w.save(t, stripetest.Card{}))
	w.ask(t, c)
	w.far.Foreign(4200, "usd")
	keys := map[string]int64{}
	if err := w.Each(t.Context(), w.account, time.Time{}, func(r payment.Record) error { keys[r.Key] = r.Amount.Minor; return nil }); err != nil {
		t.Fatal(err)
	}
	if len(keys) != 2 || keys[c.Key] != 1500 || keys[""] != 4200 {
		t.Errorf("got %v", keys)
	}
}

func TestCardUpdatedByTheNetwork(t *testing.T) {
	t.Parallel()
	w := open(t)
	pm := w.far.Method(stripetest.Card{})
	saved, err := w.Save(t.Context(), payment.SaveRequest{Account: w.account, Token: pm})
	if err != nil {
		t.Fatal(err)
	}
	w.far.Renew(pm, "1111", 2034)
	notices := w.far.Notices()
	last := notices[len(notices)-1]
	n, err := w.Read(func(string) string { return last.Signature }, last.Body, noon)
	if err != nil || n.Kind != payment.MethodNotice || n.Reference != saved.Token {
		t.Errorf("got %+v, %v", n, err)
	}
	i, err := w.Instrument(t.Context(), w.account, saved.Token)
	if err != nil || i.LastFour != "1111" || i.Expires != 203412 || i.Token != saved.Token {
		t.Errorf("got %+v, %v", i, err)
	}
	w.far.Detach(pm)
	if _, err := w.Instrument(t.Context(), w.account, saved.Token); !fault.Is(err, fault.NotFound) {
		t.Errorf("a detached method: got %v", err)
	}
}

func TestDisputeStates(t *testing.T) {
	t.Parallel()
	w := open(t)
	c := w.charged(w.save(t, stripetest.Card{}))
	charge := w.ask(t, c)
	for state, want := range map[string]payment.DisputeState{
		"warning_needs_response": payment.Warning, "warning_under_review": payment.Warning, "warning_closed": payment.WarningClosed, "prevented": payment.WarningClosed,
		"needs_response": payment.NeedsResponse, "under_review": payment.UnderReview, "won": payment.Won, "lost": payment.Lost,
	} {
		d, err := w.Dispute(t.Context(), w.account, w.far.Dispute(charge.Reference, state))
		if err != nil || d.State != want || d.EvidenceBy.IsZero() != want.Ended() || d.ChargeReference != charge.Reference {
			t.Errorf("%s: got %+v, %v", state, d, err)
		}
	}
	if _, err := w.Dispute(t.Context(), id.New[id.Account](), w.far.Dispute(charge.Reference, "lost")); !fault.Is(err, fault.NotFound) {
		t.Errorf("asked by another account: got %v", err)
	}
}

// Every reason that Stripe's library knows has a class and words here.
func TestEveryDeclineCodeIsKnown(t *testing.T) {
	t.Parallel()
	for _, code := range []api.DeclineCode{
		api.DeclineCodeAuthenticationRequired, api.DeclineCodeApproveWithID, api.DeclineCodeCallIssuer, api.DeclineCodeCardNotSupported,
		api.DeclineCodeCardVelocityExceeded, api.DeclineCodeCurrencyNotSupported, api.DeclineCodeDoNotHonor, api.DeclineCodeDoNotTryAgain,
		api.DeclineCodeDuplicateTransaction, api.DeclineCodeExpiredCard, api.DeclineCodeFraudulent, api.DeclineCodeGenericDecline,
		api.DeclineCodeIncorrectNumber, api.DeclineCodeIncorrectCVC, api.DeclineCodeIncorrectPIN, api.DeclineCodeIncorrectZip,
		api.DeclineCodeInsufficientFunds, api.DeclineCodeInvalidAccount, api.DeclineCodeInvalidAmount, api.DeclineCodeInvalidCVC,
		api.DeclineCodeInvalidExpiryMonth, api.DeclineCodeInvalidExpiryYear, api.DeclineCodeInvalidNumber, api.DeclineCodeInvalidPIN,
		api.DeclineCodeIssuerNotAvailable, api.DeclineCodeLostCard, api.DeclineCodeMerchantBlacklist, api.DeclineCodeNewAccountInformationAvailable,
		api.DeclineCodeNoActionTaken, api.DeclineCodeNotPermitted, api.DeclineCodeOfflinePINRequired, api.DeclineCodeOnlineOrOfflinePINRequired,
		api.DeclineCodePickupCard, api.DeclineCodePINTryExceeded, api.DeclineCodeProcessingError, api.DeclineCodeReenterTransaction,
		api.DeclineCodeRestrictedCard, api.DeclineCodeRevocationOfAllAuthorizations, api.DeclineCodeRevocationOfAuthorization,
		api.DeclineCodeSecurityViolation, api.DeclineCodeServiceNotAllowed, api.DeclineCodeStolenCard, api.DeclineCodeStopPaymentOrder,
		api.DeclineCodeTestModeDecline, api.DeclineCodeTransactionNotAllowed, api.DeclineCodeTryAgainLater, api.DeclineCodeWithdrawalCountLimitExceeded,
	} {
		if _, ok := payment.Codes[string(code)]; !ok {
			t.Errorf("%s has no class", code)
		}
	}
}
