package commerce_test

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"perennial/internal/account"
	"perennial/internal/commerce"
	"perennial/internal/db"
	"perennial/internal/db/dbtest"
	"perennial/internal/event"
	"perennial/internal/fault"
	"perennial/internal/gateway/sandbox"
	"perennial/internal/id"
	"perennial/internal/invoice"
	"perennial/internal/order"
	"perennial/internal/payment"
	"perennial/internal/report"
	"perennial/internal/seal"
	"perennial/internal/subscription"
)

// outside is the sandbox as a gateway account of a merchant: signed notices and a list.
type outside struct {
	*world
	gateway id.GatewayAccount
	bank    *sandbox.Gateway
	theirs  *db.DB // the books of the bank
}

const hookSecret = "whsec_of_the_test"

func newOutside(t *testing.T, engine string) *outside {
	t.Helper()
	theirs := dbtest.New(t, db.SQLite) // closed after the books were compared
	w := newWorld(t, engine)
	bank := sandbox.New(theirs, w.clock, sandbox.Options{Secret: hookSecret})
	keys, err := seal.Parse(seal.New())
	w.ok(err)
	w.s.UseGateways(keys, map[string]commerce.Opener{"sandbox": func(_ payment.GatewaySettings, secrets payment.GatewaySecrets) (payment.Gateway, error) {
		if len(secrets.WebhookSecrets) == 0 || !slices.Contains(secrets.WebhookSecrets, hookSecret) {
			return sandbox.New(theirs, w.clock, sandbox.Options{Secret: "another"}), nil
		}
		return bank, nil
	}})
	made, err := w.s.CreateGateway(t.Context(), commerce.CreateGateway{Call: w.call, Kind: "sandbox", Name: "Outside", Default: true,
		Secrets: payment.GatewaySecrets{APIKey: "sk_canary", WebhookSecrets: []string{hookSecret}}})
	w.ok(err)
	w.others = map[string]payment.Gateway{made.ID.String(): bank}
	return &outside{w, made.ID, bank, theirs}
}

// told is everything that the gateway has to tell by an instant.
func (o *outside) told(by time.Time) []payment.Notice {
	o.Helper()
	list, _, err := o.bank.Notices(o.Context(), o.acc, "", by)
	o.ok(err)
	return list
}

func (o *outside) knock(header map[string]string, body []byte) error {
	return o.s.Receive(o.Context(), commerce.Noticed{Gateway: o.gateway, Header: func(h string) string { return header[h] }, Body: body})
}

// send delivers a notice as the gateway would.
func (o *outside) send(n payment.Notice) {
	o.Helper()
	o.ok(o.knock(o.bank.Send(n, o.clock.Now())))
}

// state is what the account comes to, whatever the way there.
func (o *outside) state() string {
	o.Helper()
	books, err := report.New(o.db, o.clock).Books(o.Context(), o.acc, map[string]payment.Gateway{o.gateway.String(): o.bank})
	o.ok(err)
	var b strings.Builder
	for _, line := range books.Balances {
		fmt.Fprintln(&b, line.Book, line.Currency, line.Minor)
	}
	for _, d := range books.Differences {
		fmt.Fprintln(&b, "wrong:", d)
	}
	o.ok(o.db.View(o.Context(), func(tx *db.Tx) error {
		payments, err := payment.List(tx, o.acc, 0, 100)
		for _, p := range payments {
			fmt.Fprintln(&b, "payment", p.State, p.Amount)
		}
		if err != nil {
			return err
		}
		disputes, err := payment.Disputes(tx, o.acc, 0, 100)
		for _, d := range disputes {
			fmt.Fprintln(&b, "dispute", d.Amount, d.State)
		}
		return err
	}))
	lines := strings.Split(strings.TrimSpace(b.String()), "\n")
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// Whatever the order in which a gateway's notices come, how often, and which of them never
// do: the books are the same in the end, because the list repairs what was lost (R10).
func TestNoticesInAnyOrder(t *testing.T) {
	t.Parallel()
	lives := 16
	if testing.Short() {
		lives = 4
	}
	for seed := range lives {
		r := rand.New(rand.NewPCG(uint64(seed), 10)) //nolint:gosec // the same orders every time
		o := newOutside(t, []string{db.SQLite, db.PostgreSQL}[seed%2])
		for i, token := range []string{"tok_createDispute", "tok_debit", "tok_createDisputeWon", "tok_debitFails", "tok_createDisputeInquiry"} {
			_, err := o.s.Sell(o.Context(), commerce.Sell{Call: o.call, Price: o.price(monthly), Token: token, Buyer: &commerce.CreateCustomer{Email: fmt.Sprintf("b%d@example.com", i)}})
			if err != nil && !fault.Is(err, fault.Pending) {
				t.Fatal(err)
			}
		}
		o.clock.Set(start.AddDate(0, 0, 14))
		told := o.told(o.clock.Now())
		if len(told) != 8 {
			t.Fatalf("%d notices", len(told))
		}
		var sent []payment.Notice
		for _, n := range told {
			for range r.IntN(4) {
				sent = append(sent, n)
			}
		}
		r.Shuffle(len(sent), func(i, j int) { sent[i], sent[j] = sent[j], sent[i] })
		for _, n := range sent {
			o.send(n)
			if r.IntN(2) == 0 {
				_, err := o.s.RunAccount(o.Context(), o.acc)
				o.ok(err)
			}
		}
		o.clock.Set(o.clock.Now().Add(2 * time.Hour)) // the list is read
		for range 2 {
			_, err := o.s.RunAccount(o.Context(), o.acc)
			o.ok(err)
		}
		if got := o.state(); got != afterAll {
			t.Fatalf("life %d: got\n%s\nwant\n%s", seed, got, afterAll)
		}
	}
}

const afterAll = `cash USD 3000
dispute 10.00 USD lost
dispute 10.00 USD warning_closed
dispute 10.00 USD won
disputed USD 0
lost USD 1000
payment declined 10.00 USD
payment succeeded 10.00 USD
payment succeeded 10.00 USD
payment succeeded 10.00 USD
payment succeeded 10.00 USD
receivable USD 0
revenue USD -4000`

// Only what the gateway signed, fresh, for this account is kept.
func TestForgedNotices(t *testing.T) {
	t.Parallel()
	for _, engine := range []string{db.SQLite, db.PostgreSQL} {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			o := newOutside(t, engine)
			n := payment.Notice{Body: `{"id":"n1","kind":"other","type":"ping"}`}
			header, body := o.bank.Send(n, o.clock.Now())
			old, _ := o.bank.Send(n, o.clock.Now().Add(-301*time.Second))
			foreign, _ := sandbox.New(nil, o.clock, sandbox.Options{Secret: "another tenant's"}).Send(n, o.clock.Now())
			for what, err := range map[string]error{
				"no signature":      o.knock(map[string]string{}, body),
				"too old":           o.knock(old, body),
				"another's secret":  o.knock(foreign, body),
				"another body":      o.knock(header, append(slices.Clone(body), ' ')),
				"cut short":         o.knock(header, body[:len(body)-1]),
				"unknown account":   o.s.Receive(o.Context(), commerce.Noticed{Gateway: id.New[id.GatewayAccount](), Header: func(h string) string { return header[h] }, Body: body}),
				"account of others": o.s.Receive(o.Context(), commerce.Noticed{Gateway: id.GatewayAccount(o.acc), Header: func(h string) string { return header[h] }, Body: body}),
			} {
				if !fault.Is(err, fault.Invalid) && !fault.Is(err, fault.NotFound) {
					t.Errorf("%s: %v", what, err)
				}
			}
			kept := func() int {
				var list []payment.Told
				o.ok(o.db.View(o.Context(), func(tx *db.Tx) (err error) {
					list, err = payment.Notices(tx, o.acc, 0, 10)
					return err
				}))
				return len(list)
			}
			same(o.world, "kept", kept(), 0)
			for range 3 {
				o.ok(o.knock(header, body))
			}
			same(o.world, "kept", kept(), 1)
		})
	}
}

// A signed notice that holds what no text can is kept like any other, on either engine, and
// not sent again and again.
func TestNoticeThatIsNoText(t *testing.T) {
	for _, engine := range []string{db.SQLite, db.PostgreSQL} {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			o := newOutside(t, engine)
			for _, body := range []string{`{"id":"n\u0000","kind":"other","type":"ping"}`, "{\"id\":\"n2\",\"kind\":\"charge\",\"type\":\"ping\",\"reference\":\"\xff\"}"} {
				o.send(payment.Notice{Body: body})
				o.send(payment.Notice{Body: body})
			}
			o.run()
			o.ok(o.db.View(o.Context(), func(tx *db.Tx) error {
				list, err := payment.Notices(tx, o.acc, 0, 10)
				same(o.world, "kept", len(list), 2)
				return err
			}))
		})
	}
}

// A notice whose gateway cannot be asked is tried again for a day, then it stands there as
// failed until a person replays it.
func TestNoticeThatFails(t *testing.T) {
	t.Parallel()
	o := newOutside(t, db.SQLite)
	o.send(payment.Notice{Body: `{"id":"n1","kind":"dispute","type":"dispute.opened","reference":"dp_nothing"}`})
	var row payment.Told
	look := func() {
		o.ok(o.db.View(o.Context(), func(tx *db.Tx) error {
			list, err := payment.Notices(tx, o.acc, 0, 10)
			row = list[0]
			return err
		}))
	}
	for range 8 {
		o.clock.Set(o.clock.Now().Add(13 * time.Hour))
		_, err := o.s.RunAccount(o.Context(), o.acc)
		o.ok(err)
	}
	look()
	same(o.world, "state", row.State, payment.NoticeFailed)
	same(o.world, "tries", row.Tries, 7)
	if row.Failure == "" {
		t.Error("it does not say why")
	}
	_, err := o.s.ReplayNotice(o.Context(), commerce.ReplayNotice{Call: o.call, Notice: row.Row})
	o.ok(err)
	look()
	same(o.world, "state", row.State, payment.NoticeWaiting)
}

// A gateway account's secret stands in no event, and two secrets are valid while one is
// being replaced.
func TestGatewaySecrets(t *testing.T) {
	t.Parallel()
	o := newOutside(t, db.SQLite)
	rotated, err := o.s.RotateWebhookSecret(o.Context(), commerce.RotateWebhookSecret{Call: o.call, Gateway: o.gateway, Secret: "whsec_the_new_one"})
	o.ok(err)
	o.clock.Set(o.clock.Now().Add(2 * time.Second))
	header, body := o.bank.Send(payment.Notice{Body: `{"id":"n1","kind":"other","type":"ping"}`}, o.clock.Now())
	o.ok(o.knock(header, body)) // the old one still counts
	_, err = o.s.RotateWebhookSecret(o.Context(), commerce.RotateWebhookSecret{Call: o.call, Gateway: o.gateway})
	o.ok(err)
	_, err = o.s.RotateWebhookSecret(o.Context(), commerce.RotateWebhookSecret{Call: o.call, Gateway: o.gateway})
	o.refused(err, fault.Conflict, "no_earlier_secret")
	o.clock.Set(o.clock.Now().Add(2 * time.Second))
	if err := o.knock(header, body); !fault.Is(err, fault.Invalid) {
		t.Errorf("the old secret: %v", err)
	}
	o.ok(o.db.View(o.Context(), func(tx *db.Tx) error {
		list, err := event.List(tx, o.acc, event.Filter{Limit: 100})
		for _, e := range list {
			if strings.Contains(e.Data, "canary") || strings.Contains(e.Data, "whsec") {
				t.Errorf("%s tells a secret", e.Kind)
			}
		}
		return err
	}))
	if strings.Contains(rotated.Secret, "whsec") || strings.Contains(rotated.Secret, "canary") {
		t.Error("the secret is kept open")
	}
	_, err = o.s.CreateGateway(o.Context(), commerce.CreateGateway{Call: o.call, Kind: "nothing", Name: "X"})
	o.refused(err, fault.Invalid, "")
}

// Live accounts need a gateway; a campaign may name its own.
func TestWhereASaleIsPaid(t *testing.T) {
	t.Parallel()
	o := newOutside(t, db.SQLite)
	at := func() string {
		found, err := o.s.GatewayFor(o.Context(), o.acc, o.price(monthly))
		o.ok(err)
		return found.Name
	}
	same(o.world, "default", at(), o.gateway.String())
	other, err := o.s.CreateGateway(o.Context(), commerce.CreateGateway{Call: o.call, Kind: "sandbox", Name: "Second", Secrets: payment.GatewaySecrets{WebhookSecrets: []string{hookSecret}}})
	o.ok(err)
	product, err := report.New(o.db, o.clock).Product(o.Context(), o.acc, o.product)
	o.ok(err)
	_, err = o.s.UpdateCampaign(o.Context(), commerce.UpdateCampaign{Call: o.call, Campaign: product.Product.Campaign, Gateway: &other.ID})
	o.ok(err)
	same(o.world, "campaign's", at(), other.ID.String())
	disabled := payment.GatewayDisabled
	_, err = o.s.UpdateGateway(o.Context(), commerce.UpdateGateway{Call: o.call, Gateway: other.ID, State: &disabled})
	o.ok(err)
	same(o.world, "disabled", at(), o.gateway.String())
	live, err := o.s.CreateAccount(o.Context(), commerce.CreateAccount{Name: "Live", Email: "live@example.com", Mode: account.Live})
	o.ok(err)
	_, err = o.s.GatewayFor(o.Context(), live.Account.ID, 0)
	o.refused(err, fault.Conflict, "no_gateway")
}

// wrong is a gateway that says it moved another amount than was asked for.
type wrong struct {
	*hooked
	more int64
}

func (g *wrong) Charge(ctx context.Context, c payment.Charge) (payment.Result, error) {
	r, err := g.hooked.Charge(ctx, c)
	r.Amount.Minor += g.more
	return r, err
}

// The amount that a gateway says it moved is not what was asked for: nothing is booked,
// a person is told, and nothing more is charged.
func TestAmountDiffers(t *testing.T) {
	onBoth(t, func(w *world) {
		bank := &wrong{hooked: w.bank, more: 1}
		s := commerce.New(w.db, w.clock, map[string]payment.Gateway{commerce.SandboxGateway: bank}, w.faults, slog.New(slog.DiscardHandler))
		sale, err := s.Sell(w.Context(), commerce.Sell{Call: w.call, Customer: w.customer, Price: w.price(monthly), Token: "tok_visa"})
		w.refused(err, fault.Pending, "")
		same(w, "order", sale.Order.State, order.Pending)
		p := w.payments(sale.Invoice.ID)[0]
		same(w, "waits", p.Waits, payment.ForPerson)
		same(w, "trouble", p.Trouble, payment.AmountDiffers)
		same(w, "event", w.kinds()[event.PaymentMismatch], 1)
		w.advance(start.AddDate(0, 1, 0))
		n, _, _ := w.charged()
		same(w, "charges", n, 1)
		same(w, "invoice", w.invoices(0)[0].State, invoice.Draft)
		marked, err := w.s.MarkPayment(w.Context(), commerce.MarkPayment{Call: w.call, Payment: p.ID, Paid: true, Reference: "looked at"})
		w.ok(err)
		same(w, "payment", marked.State, payment.Paid)
	})
}

// What one key and one member may give back in a day is limited.
func TestRefundLimits(t *testing.T) {
	onBoth(t, func(w *world) {
		price := w.price(monthly)
		first, err := w.sell(price, "tok_visa")
		w.ok(err)
		second, err := w.sell(price, "tok_visa")
		w.ok(err)
		limit := int64(1500)
		_, err = w.s.UpdateAccount(w.Context(), commerce.UpdateAccount{Call: w.call, RefundsByKey: &limit})
		w.ok(err)
		_, err = w.refund(first.Payment.ID, 1000)
		w.ok(err)
		_, err = w.refund(second.Payment.ID, 501)
		w.refused(err, fault.Conflict, "refund_limit")
		_, err = w.refund(second.Payment.ID, 500)
		w.ok(err)
		_, err = w.refund(second.Payment.ID, 1)
		w.refused(err, fault.Conflict, "refund_limit")
		by := w.call
		by.Actor = event.Actor{Kind: event.ByMember, Name: "Grace"}
		_, err = w.s.Refund(w.Context(), commerce.Refund{Call: by, Payment: second.Payment.ID, Amount: 1})
		w.ok(err)
		w.advance(start.AddDate(0, 0, 1).Add(time.Minute))
		_, err = w.refund(second.Payment.ID, 1)
		w.ok(err)
	})
}

// An account may end what is disputed.
func TestDisputeEndsTheSubscription(t *testing.T) {
	onBoth(t, func(w *world) {
		yes := true
		_, err := w.s.UpdateAccount(w.Context(), commerce.UpdateAccount{Call: w.call, DisputeEnds: &yes})
		w.ok(err)
		sub := w.subscribed(w.price(monthly), "tok_createDispute")
		w.advance(start.AddDate(0, 0, 3))
		same(w, "state", w.sub(sub).State, subscription.Canceled)
		same(w, "reason", w.sub(sub).EndReason, subscription.Disputed)
	})
}

// A charge that never arrived is not sent again when the gateway may have forgotten its key.
func TestNeverSentLate(t *testing.T) {
	t.Parallel()
	o := newOutside(t, db.SQLite)
	o.faults.Arm("gateway.charge", 1, errors.New("no network"))
	sale, err := o.sell(o.price(monthly), "tok_visa")
	o.refused(err, fault.Pending, "")
	o.clock.Set(start.Add(payment.KeyLife))
	o.run()
	p := o.payments(sale.Invoice.ID)[0]
	same(o.world, "state", p.State, payment.DeclinedState)
	same(o.world, "code", p.DeclineCode, "never_arrived")
	same(o.world, "there", len(o.told(o.clock.Now())), 0)
}

// The comparison of the books tells what only one side knows.
func TestReconcile(t *testing.T) {
	onBoth(t, func(w *world) {
		sale, err := w.sell(w.price(monthly), "tok_visa")
		w.ok(err)
		done, err := w.s.Reconcile(w.Context(), commerce.Reconcile{Call: w.call})
		w.ok(err)
		same(w, "differences", len(done.Differences), 0)
		same(w, "records", done.Records, 1)
		stray := id.New[id.Payment]().String()
		saved, err := w.bank.Save(w.Context(), payment.SaveRequest{Account: w.acc, Token: "tok_visa"})
		w.ok(err)
		_, err = w.bank.Charge(w.Context(), payment.Charge{Account: w.acc, Key: stray, Token: saved.Token, Amount: usd(700)})
		w.ok(err)
		done, err = w.s.Reconcile(w.Context(), commerce.Reconcile{Call: w.call})
		w.ok(err)
		same(w, "differences", len(done.Differences), 1)
		same(w, "kind", done.Differences[0].Kind, "missing_here")
		same(w, "key", done.Differences[0].Key, stray)
		same(w, "event", w.kinds()[event.GatewayReconciled], 2)
		_, err = w.s.Refund(w.Context(), commerce.Refund{Call: w.call, Payment: sale.Payment.ID, Amount: 300, Recorded: true})
		w.ok(err)
		done, err = w.s.Reconcile(w.Context(), commerce.Reconcile{Call: w.call})
		w.ok(err)
		same(w, "differences with a refund that no gateway made", len(done.Differences), 1)
		w.strays = 1
	})
}
