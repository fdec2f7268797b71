package gatewaytest

import (
	"strings"
	"testing"
	"time"

	"perennial/internal/fault"
	"perennial/internal/payment"
)

func lostAnswer(t *testing.T, b Bank) {
	card, key := b.save(t, b.Good()), newKey()
	b.LoseAnswer()
	result, err := b.Gateway.Charge(t.Context(), b.request(key, card, 700))
	if err != nil || result.Outcome != payment.Unknown {
		t.Fatalf("got %+v, %v, want unknown", result, err)
	}
	found := b.find(t, key)
	same(t, "found", found.Outcome, payment.Succeeded)
	same(t, "asked again", b.charge(t, key, card, 700), found)
	same(t, "records", len(b.books(t)), 1)
}

func lostRequest(t *testing.T, b Bank) {
	card, key := b.save(t, b.Good()), newKey()
	b.LoseRequest()
	result, err := b.Gateway.Charge(t.Context(), b.request(key, card, 700))
	if err != nil || result.Outcome != payment.Unknown {
		t.Fatalf("got %+v, %v, want unknown", result, err)
	}
	same(t, "found", b.find(t, key).Outcome, payment.Absent)
	same(t, "asked again", b.charge(t, key, card, 700).Outcome, payment.Succeeded)
	same(t, "records", len(b.books(t)), 1)
}

// waiting is a charge with the customer present that waits for them.
func (b Bank) waiting(t *testing.T) (c payment.Charge, step payment.Step) {
	t.Helper()
	c = b.request(newKey(), b.save(t, b.Confirming()), 1500)
	c.Present = true
	result := b.ask(t, c)
	if result.Outcome != payment.Confirm || result.Step == nil || result.Step.Secret == "" || result.Step.Kind == "" {
		t.Fatalf("got %+v, want a step", result)
	}
	found := b.find(t, c.Key)
	if found.Outcome != payment.Confirm || found.Step == nil || *found.Step != *result.Step {
		t.Fatalf("found %+v, want the same step", found)
	}
	same(t, "records", len(b.books(t)), 0)
	return c, *result.Step
}

func confirmed(t *testing.T, b Bank) {
	c, step := b.waiting(t)
	b.Act(step, true)
	found := b.find(t, c.Key)
	same(t, "found", found.Outcome, payment.Succeeded)
	same(t, "asked again", b.ask(t, c), found)
	same(t, "records", len(b.books(t)), 1)
	result, err := b.Abandon(t.Context(), payment.Inquiry{Account: b.Account, Key: c.Key})
	if err != nil || result != found {
		t.Errorf("given up too late: got %+v, %v", result, err)
	}
}

func notConfirmed(t *testing.T, b Bank) {
	c, step := b.waiting(t)
	b.Act(step, false)
	found := b.find(t, c.Key)
	same(t, "found", found.Outcome, payment.Declined)
	same(t, "class", payment.ClassOf(found.Code), payment.Authenticate)
	same(t, "asked again", b.ask(t, c), found)
	same(t, "records", len(b.books(t)), 0)
}

func abandoned(t *testing.T, b Bank) {
	c, _ := b.waiting(t)
	result, err := b.Abandon(t.Context(), payment.Inquiry{Account: b.Account, Key: c.Key})
	if err != nil || result.Outcome != payment.Declined {
		t.Fatalf("got %+v, %v", result, err)
	}
	same(t, "found", b.find(t, c.Key).Outcome, payment.Declined)
	same(t, "asked again", b.ask(t, c).Outcome, payment.Declined)
	same(t, "records", len(b.books(t)), 0)
}

func offSession(t *testing.T, b Bank) {
	c := b.request(newKey(), b.save(t, b.Confirming()), 1500)
	result := b.ask(t, c)
	same(t, "outcome", result.Outcome, payment.Declined)
	same(t, "class", payment.ClassOf(result.Code), payment.Authenticate)
	if result.Step != nil {
		t.Errorf("a step for nobody: %+v", result)
	}
}

// quiet is a result without when more will be known, which a gateway need not repeat.
func quiet(r payment.Result) payment.Result {
	r.News = time.Time{}
	return r
}

func debit(t *testing.T, b Bank) {
	for _, code := range []string{"", "insufficient_funds"} {
		c := b.request(newKey(), b.save(t, b.Debit(code)), 1500)
		c.Present = true
		first := b.ask(t, c)
		same(t, "outcome", first.Outcome, payment.Processing)
		same(t, "again", quiet(b.ask(t, c)), quiet(first))
		same(t, "found", quiet(b.find(t, c.Key)), quiet(first))
		_, moved := b.books(t)[c.Key]
		same(t, "in the books", moved, false)
		b.Settle(c.Key, first.Reference, code)
		want := payment.Succeeded
		if code != "" {
			want = payment.Declined
		}
		found := b.find(t, c.Key)
		same(t, "settled", found.Outcome, want)
		same(t, "code", found.Code, code)
		_, moved = b.books(t)[c.Key]
		same(t, "in the books afterwards", moved, code == "")
	}
}

func forgotten(t *testing.T, b Bank) {
	c := b.request(newKey(), b.save(t, b.Good()), 900)
	first := b.ask(t, c)
	refundKey := newKey()
	refund := b.refund(t, refundKey, c.Key, first.Reference, 100)
	b.Forget()
	same(t, "found", b.find(t, c.Key), first)
	same(t, "refund found", b.findRefund(t, refundKey), refund)
	same(t, "refund again", b.refund(t, refundKey, c.Key, first.Reference, 100), refund)
	c.Asked = time.Unix(1, 0) // long ago
	same(t, "asked again", b.ask(t, c), first)
	same(t, "records", len(b.books(t)), 2)
}

// tellingCharge makes a charge that a notice tells of.
func (b Bank) tellingCharge(t *testing.T) (key string) {
	t.Helper()
	key = newKey()
	if !b.DebitsOnly {
		same(t, "charge", b.charge(t, key, b.save(t, b.Good()), 400).Outcome, payment.Succeeded)
		return key
	}
	r := b.charge(t, key, b.save(t, b.Debit("")), 400)
	same(t, "charge", r.Outcome, payment.Processing)
	b.Settle(key, r.Reference, "")
	return key
}

// sent are the notices so far of one charge that went through.
func (b Bank) sent(t *testing.T) (r payment.Receiver, key string, list []Sent) {
	t.Helper()
	r, ok := b.Gateway.(payment.Receiver)
	if !ok {
		t.Fatal("a gateway that sends notices is no payment.Receiver")
	}
	key = b.tellingCharge(t)
	if list = b.Sent(); len(list) == 0 {
		t.Fatal("nothing was sent")
	}
	return r, key, list
}

func notices(t *testing.T, b Bank) {
	r, key, list := b.sent(t)
	told := false
	for _, s := range list {
		n, err := r.Read(s.Header, s.Body, b.Now)
		if err != nil {
			t.Fatalf("an honest notice: %v", err)
		}
		if n.ID == "" || n.Type == "" || n.At.IsZero() || n.Body != string(s.Body) {
			t.Errorf("read %+v", n)
		}
		if n.Kind == payment.ChargeNotice && n.Key == key {
			told = true
			same(t, "by its reference", b.find(t, key).Reference, n.Reference)
		}
		none := func(string) string { return "" }
		changed := append([]byte(nil), s.Body...)
		changed[len(changed)/2] ^= 1
		for what, try := range map[string]func() (payment.Notice, error){
			"without a signature": func() (payment.Notice, error) { return r.Read(none, s.Body, b.Now) },
			"a changed body":      func() (payment.Notice, error) { return r.Read(s.Header, changed, b.Now) },
			"a cut body":          func() (payment.Notice, error) { return r.Read(s.Header, s.Body[:len(s.Body)-1], b.Now) },
			"too old":             func() (payment.Notice, error) { return r.Read(s.Header, s.Body, b.Now.Add(301*time.Second)) },
			"from the future":     func() (payment.Notice, error) { return r.Read(s.Header, s.Body, b.Now.Add(-301*time.Second)) },
			"another signature": func() (payment.Notice, error) {
				return r.Read(func(name string) string {
					return strings.NewReplacer("0", "1", "1", "2", "a", "b", "b", "c").Replace(s.Header(name))
				}, s.Body, b.Now)
			},
		} {
			if n, err := try(); !fault.Is(err, fault.Invalid) {
				t.Errorf("%s: got %+v, %v, want fault.Invalid", what, n, err)
			}
		}
	}
	if !told {
		t.Error("no notice tells of the charge")
	}
}

func noticesListed(t *testing.T, b Bank) {
	r, _, _ := b.sent(t)
	first, last, err := r.Notices(t.Context(), b.Account, "", b.Now)
	if err != nil || len(first) == 0 || last == "" {
		t.Fatalf("got %d, %q, %v", len(first), last, err)
	}
	none, still, err := r.Notices(t.Context(), b.Account, last, b.Now)
	if err != nil || len(none) != 0 || still != last {
		t.Errorf("nothing new: got %d, %q, %v", len(none), still, err)
	}
	keys := map[string]bool{}
	for range 3 {
		keys[b.tellingCharge(t)] = true
	}
	fresh, _, err := r.Notices(t.Context(), b.Account, last, b.Now)
	if err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for i, notice := range fresh {
		if seen[notice.ID] {
			t.Errorf("%s is told twice", notice.ID)
		}
		seen[notice.ID] = true
		if i > 0 && notice.At.Before(fresh[i-1].At) {
			t.Error("they are not told in order")
		}
		delete(keys, notice.Key)
	}
	same(t, "charges not told", len(keys), 0)
}

func disputes(t *testing.T, b Bank) {
	r, key, _ := b.sent(t)
	charge := b.find(t, key)
	reference := b.Dispute(charge.Reference)
	d, err := r.Dispute(t.Context(), b.Account, reference)
	if err != nil {
		t.Fatal(err)
	}
	if d.Reference != reference || d.ChargeKey != key || d.Amount != usd(400) || d.State == "" || d.State.Ended() || d.OpenedAt.IsZero() {
		t.Errorf("got %+v", d)
	}
	told := false
	for _, s := range b.Sent() {
		n, err := r.Read(s.Header, s.Body, b.Now)
		if err != nil {
			t.Fatal(err)
		}
		told = told || n.Kind == payment.DisputeNotice && n.Reference == reference
	}
	same(t, "told", told, true)
	if _, err := r.Dispute(t.Context(), b.Account, "dp_of_nobody"); !fault.Is(err, fault.NotFound) {
		t.Errorf("a dispute of nobody: %v", err)
	}
}
