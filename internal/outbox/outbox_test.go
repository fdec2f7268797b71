package outbox

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"perennial/internal/fault"
)

var start = time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC)

func TestFilter(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		filter string
		kind   string
		want   bool
	}{
		{"", "invoice.paid", true},
		{"invoice.paid", "invoice.paid", true},
		{"invoice.paid", "invoice.issued", false},
		{"invoice.paid", "invoice.paid_late", false},
		{"invoice.*", "invoice.paid", true},
		{"invoice.*", "invoice_item.added", false},
		{"invoice.*", "invoice", false},
		{"refund.created invoice.*", "invoice.voided", true},
		{"refund.created invoice.*", "refund.failed", false},
	} {
		if got := parseFilter(c.filter).Wants(c.kind); got != c.want {
			t.Errorf("%q wants %s: %v", c.filter, c.kind, got)
		}
	}
	for _, ok := range []Filter{nil, {"invoice.paid"}, {"invoice.*", "payment_method.attached"}, make1(MaxFilters)} {
		if err := ok.Check(); err != nil {
			t.Errorf("%v: %v", ok, err)
		}
		if got := parseFilter(ok.text()); !slices.Equal(got, ok) {
			t.Errorf("%v was read back as %v", ok, got)
		}
	}
	for _, bad := range []Filter{{""}, {"*"}, {".*"}, {"invoice"}, {"invoice."}, {"invoice.p*"}, {"a b.c"}, {"Invoice.paid"}, {"invoice.päid"},
		{"invoice.paid\x00"}, {"a." + strings.Repeat("b", 80)}, make1(MaxFilters + 1)} {
		if err := bad.Check(); !fault.Is(err, fault.Invalid) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func make1(n int) Filter {
	f := make(Filter, n)
	for i := range f {
		f[i] = "invoice.paid"
	}
	return f
}

func FuzzFilter(f *testing.F) {
	f.Add("invoice.*", "invoice.paid")
	f.Fuzz(func(t *testing.T, word, kind string) {
		list := Filter{word}
		if list.Check() != nil {
			return
		}
		if got := parseFilter(list.text()); !slices.Equal(got, list) {
			t.Fatalf("%q was read back as %q", list, got)
		}
		if list.Wants(kind) && kind != word && !strings.HasPrefix(kind, strings.TrimSuffix(word, "*")) {
			t.Fatalf("%q wants %q", word, kind)
		}
	})
}

func TestSchedule(t *testing.T) {
	t.Parallel()
	d := Delivery{State: Waiting}
	now := start
	var waits []time.Duration
	for d.State == Waiting {
		d.Attempts++ // as a claim does
		d = d.Settle(Answer{Verdict: Failed, Status: 500, Failure: "500"}, now)
		if d.State == Waiting {
			waits = append(waits, d.NextAt.Sub(now))
			now = d.NextAt
		}
	}
	want := []time.Duration{5 * time.Second, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 5 * time.Hour, 10 * time.Hour,
		24 * time.Hour, 24 * time.Hour, 24 * time.Hour, 24 * time.Hour}
	if len(waits) != len(want) {
		t.Fatalf("%d waits: %v", len(waits), waits)
	}
	for i := range want {
		if waits[i] < want[i]*4/5 || waits[i] > want[i]*6/5 {
			t.Errorf("wait %d is %s, want a fifth around %s", i, waits[i], want[i])
		}
	}
	if d.State != Dead || d.Attempts != MaxAttempts || !d.SettledAt.Equal(now) || d.Failure != "500" || d.Answer != 500 {
		t.Errorf("%+v", d)
	}
	if span := now.Sub(start); span > 6*24*time.Hour || span < 3*24*time.Hour {
		t.Errorf("the tries span %s", span)
	}
}

func TestSettle(t *testing.T) {
	t.Parallel()
	claimed := Delivery{State: Waiting, Attempts: 1, NextAt: start.Add(Lease)}
	settle := func(a Answer) Delivery { return claimed.Settle(a, start) }
	if d := settle(Answer{Verdict: Accepted, Status: 204, Failure: "no"}); d.State != Delivered || d.Answer != 204 || d.Failure != "" || !d.SettledAt.Equal(start) || !d.NextAt.IsZero() {
		t.Errorf("accepted: %+v", d)
	}
	if d := settle(Answer{Verdict: Untried}); d.State != Waiting || d.Attempts != 0 || !d.NextAt.Equal(start) || !d.TriedAt.IsZero() {
		t.Errorf("untried: %+v", d)
	}
	for _, v := range []Verdict{Aborted, Gone} {
		if d := settle(Answer{Verdict: v, Status: 410}); d.State != Dead || !d.NextAt.IsZero() {
			t.Errorf("verdict %d: %+v", v, d)
		}
	}
	plain := settle(Answer{Verdict: Failed}).NextAt.Sub(start) // what the schedule says with its chance
	for after, want := range map[time.Duration]time.Duration{0: plain, time.Second: plain, plain - 1: plain, plain + 1: plain + 1, time.Hour: time.Hour,
		100 * time.Hour: 24 * time.Hour, -time.Hour: plain} {
		if d := settle(Answer{Verdict: Failed, RetryAfter: after}); d.NextAt.Sub(start) != want {
			t.Errorf("asked for %s: next in %s", after, d.NextAt.Sub(start))
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.String().Draw(t, "failure") + strings.Repeat("ä", rapid.IntRange(0, 800).Draw(t, "n"))
		d := settle(Answer{Verdict: Failed, Failure: text})
		if len(d.Failure) > MaxFailure || !utf8.ValidString(d.Failure) || !strings.HasPrefix(text, d.Failure) {
			t.Fatalf("%d bytes became %d", len(text), len(d.Failure))
		}
	})
}

func TestLearn(t *testing.T) {
	t.Parallel()
	answers := func(list ...Verdict) []Answer {
		out := make([]Answer, len(list))
		for i, v := range list {
			out[i].Verdict = v
		}
		return out
	}
	works := Endpoint{State: Enabled}
	once := Endpoint{State: Enabled, FailingSince: start, Failures: 1}
	fails := Endpoint{State: Enabled, FailingSince: start, Failures: 3}
	outage := Endpoint{State: Enabled, FailingSince: start, Failures: 4}
	for name, c := range map[string]struct {
		e       Endpoint
		answers []Answer
		now     time.Time
		want    Endpoint
	}{
		"success changes nothing":   {works, answers(Accepted, Untried), start, works},
		"untried changes nothing":   {fails, answers(Untried), start.Add(GivenUpAfter), fails},
		"first failure":             {works, answers(Failed), start, once},
		"three at once":             {works, answers(Failed, Failed, Failed, Failed), start, fails},
		"third within a day":        {Endpoint{State: Enabled, FailingSince: start, Failures: 2}, answers(Failed), start.Add(24 * time.Hour), fails},
		"a lonely failure is past":  {once, answers(Failed), start.Add(24*time.Hour + 1), Endpoint{State: Enabled, FailingSince: start.Add(24*time.Hour + 1), Failures: 1}},
		"few are not given up":      {once, answers(Failed), start.Add(GivenUpAfter), Endpoint{State: Enabled, FailingSince: start.Add(GivenUpAfter), Failures: 1}},
		"failure keeps its start":   {fails, answers(Failed, Failed), start.Add(OutageAfter - 1), fails},
		"an outage":                 {fails, answers(Failed, Failed), start.Add(OutageAfter), outage},
		"an outage goes on":         {outage, answers(Failed), start.Add(GivenUpAfter - 1), outage},
		"an outage is over":         {outage, answers(Accepted), start.Add(GivenUpAfter), works},
		"an outage is given up":     {outage, answers(Failed), start.Add(GivenUpAfter), Endpoint{State: Disabled, FailingSince: start, Failures: 4, Failure: "every delivery failed for five days"}},
		"another server works":      {Endpoint{State: Enabled, Failures: 4}, answers(Accepted), start, works},
		"success clears":            {fails, answers(Failed, Accepted), start.Add(GivenUpAfter), works},
		"an answer of any use does": {fails, answers(Aborted), start, works},
		"given up":                  {fails, answers(Failed), start.Add(GivenUpAfter), Endpoint{State: Disabled, FailingSince: start, Failures: 3, Failure: "every delivery failed for five days"}},
		"mails are never given up":  {Endpoint{Kind: Mail, State: Enabled, FailingSince: start, Failures: 3}, answers(Failed), start.Add(GivenUpAfter), Endpoint{Kind: Mail, State: Enabled, FailingSince: start, Failures: 4}},
		"gone":                      {works, answers(Accepted, Gone), start, Endpoint{State: Disabled, Failure: "the endpoint answered that it is gone"}},
		"disabled stays":            {Endpoint{State: Disabled, FailingSince: start, Failures: 3}, answers(Failed), start.Add(GivenUpAfter), Endpoint{State: Disabled, FailingSince: start, Failures: 3}},
	} {
		got, changed := c.e.Learn(c.answers, c.now)
		if diff := cmp.Diff(c.want, got); diff != "" || changed != (cmp.Diff(c.e, got) != "") {
			t.Errorf("%s: changed %v %s", name, changed, diff)
		}
	}
}

func TestSecrets(t *testing.T) {
	t.Parallel()
	e := NewEndpoint(1, Webhook, "https://example.com", "first", nil, start)
	e.Rotate("second", start, 24*time.Hour)
	if got := e.Secrets(start.Add(24*time.Hour - 1)); !slices.Equal(got, []string{"second", "first"}) {
		t.Errorf("while both sign: %v", got)
	}
	if got := e.Secrets(start.Add(24 * time.Hour)); !slices.Equal(got, []string{"second"}) {
		t.Errorf("afterwards: %v", got)
	}
}

var errBroken = errors.New("broken on purpose")
