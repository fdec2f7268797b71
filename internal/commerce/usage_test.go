package commerce_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"perennial/internal/commerce"
	"perennial/internal/db"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/money"
	"perennial/internal/usage"
)

func (w *world) meter(code string, change ...func(*commerce.CreateMeter)) id.Meter {
	w.Helper()
	c := commerce.CreateMeter{Call: w.call, Code: code, Name: code}
	for _, f := range change {
		f(&c)
	}
	m, err := w.s.CreateMeter(w.Context(), c)
	w.ok(err)
	return m.ID
}

func how(a usage.Aggregation) func(*commerce.CreateMeter) {
	return func(c *commerce.CreateMeter) { c.Aggregation = a }
}

func dec(w *world, text string) money.Decimal {
	w.Helper()
	d, err := money.ParseDecimal(text)
	w.ok(err)
	return d
}

// record sends events and wants one outcome for each.
func (w *world) record(events []commerce.UsageEvent, want ...commerce.UsageOutcome) []commerce.UsageResult {
	w.Helper()
	got, err := w.s.RecordUsage(w.Context(), commerce.RecordUsage{Call: w.call, Events: events})
	w.ok(err)
	if len(got) != len(want) {
		w.Fatalf("%d results, want %d", len(got), len(want))
	}
	for i, r := range got {
		if r.Outcome != want[i] {
			w.Errorf("event %d (%s): %s %q %v, want %s", i, events[i].Key, r.Outcome, r.Why, r.Fields, want[i])
		}
	}
	return got
}

// counter is the value and number of records of a counter.
func (w *world) counter(sub id.Subscription, m id.Meter, period int) (value, events int64) {
	w.Helper()
	k := usage.CounterKey{Subscription: sub, Meter: m, Period: period}
	w.view(func(tx *db.Tx) error {
		found, err := usage.Counters(tx, w.acc, []usage.CounterKey{k})
		value, events = found[k].Value, found[k].Events
		return err
	})
	return value, events
}

// recounted proves that a counter is what its records make of it.
func (w *world) recounted(sub id.Subscription, m id.Meter, period int, a usage.Aggregation) {
	w.Helper()
	k := usage.CounterKey{Subscription: sub, Meter: m, Period: period}
	var days []int64
	for day := usage.Day(start) - 5; day < usage.Day(start)+100; day++ {
		days = append(days, day)
	}
	w.view(func(tx *db.Tx) error {
		found, err := usage.Counters(tx, w.acc, []usage.CounterKey{k})
		if err != nil {
			return err
		}
		want, err := usage.Recount(tx, w.acc, k, a, days)
		got := found[k]
		if got.Value != want.Value || got.Events != want.Events || !got.LastAt.Equal(want.LastAt) {
			w.Errorf("the counter of %s is %d of %d records up to %v, its records make %d of %d up to %v", a, got.Value, got.Events, got.LastAt, want.Value, want.Events, want.LastAt)
		}
		return err
	})
}

func TestUsageCountsOnce(t *testing.T) {
	onBoth(t, func(w *world) {
		sub, m := w.subscribed(w.price(monthly), "tok_visa"), w.meter("traffic")
		at := start.Add(time.Hour)
		w.clock.Set(start.Add(2 * time.Hour))
		e := func(key, units string) commerce.UsageEvent {
			return commerce.UsageEvent{Subscription: sub, Meter: m, Units: dec(w, units), At: at, Key: key}
		}
		got := w.record([]commerce.UsageEvent{e("a", "1.5"), e("b", "2"), e("a", "1.5"), e("a", "9")}, "counted", "counted", "duplicate", "duplicate")
		same(w, "the reason of the same", got[2].Why, usage.NoReason)
		same(w, "the reason of another", got[3].Why, usage.KeyReused)
		again := w.record([]commerce.UsageEvent{e("b", "2"), e("c", "0.000001"), e("b", "3")}, "duplicate", "counted", "duplicate")
		same(w, "the first", again[0].Record.Units, 2_000_000)
		same(w, "the reason of another", again[2].Why, usage.KeyReused)
		byCode := e("d", "1")
		byCode.Meter, byCode.Code = 0, "traffic"
		w.record([]commerce.UsageEvent{byCode}, "counted")
		w.record([]commerce.UsageEvent{byCode}, "duplicate")
		value, events := w.counter(sub, m, 0)
		same(w, "the counter", value, 4_500_001)
		same(w, "its records", events, 4)
		w.recounted(sub, m, 0, usage.Sum)
	})
}

// Without an instant a key is looked for on the day of arrival and on the day before.
func TestUsageOverMidnight(t *testing.T) {
	onBoth(t, func(w *world) {
		sub, m := w.subscribed(w.price(monthly), "tok_visa"), w.meter("calls")
		e := commerce.UsageEvent{Subscription: sub, Meter: m, Units: dec(w, "1"), Key: "k"}
		other := e
		other.Key = "other"
		midnight := time.Date(2026, 2, 1, 0, 0, 0, 0, time.UTC)
		w.clock.Set(midnight.Add(-time.Second))
		w.record([]commerce.UsageEvent{e, e}, "counted", "duplicate")
		w.clock.Set(midnight.Add(time.Second))
		w.record([]commerce.UsageEvent{other, e}, "counted", "duplicate")
		w.clock.Set(midnight.Add(23 * time.Hour))
		w.record([]commerce.UsageEvent{e}, "duplicate")
		_, events := w.counter(sub, m, 0)
		same(w, "records", events, 2)
		w.clock.Set(midnight.Add(25 * time.Hour)) // the day before holds it no more
		w.record([]commerce.UsageEvent{e}, "counted")
		withInstant := e
		withInstant.At = midnight.Add(25 * time.Hour)
		w.record([]commerce.UsageEvent{withInstant}, "duplicate")
		both := []commerce.UsageEvent{{Subscription: sub, Meter: m, Units: dec(w, "1"), Key: "two"}, {Subscription: sub, Meter: m, Units: dec(w, "1"), Key: "two", At: midnight.Add(24 * time.Hour)}}
		got, err := w.s.RecordUsage(w.Context(), commerce.RecordUsage{Call: w.call, Events: both})
		w.ok(err)
		same(w, "one of two with and without an instant", (got[0].Outcome == "duplicate") != (got[1].Outcome == "duplicate"), true)
		w.recounted(sub, m, 0, usage.Sum)
	})
}

func TestEveryAggregation(t *testing.T) {
	onBoth(t, func(w *world) {
		sub := w.subscribed(w.price(monthly), "tok_visa")
		w.clock.Set(start.AddDate(0, 0, 5))
		want := map[usage.Aggregation]int64{usage.Sum: 17_000_000, usage.Max: 9_000_000, usage.Last: 4_000_000, usage.Unique: 3_000_000}
		units := []string{"1", "9", "4", "3"} // the last by its instant is the third to arrive
		values := []string{"ada", "bob", "ada", "cy"}
		days := []int{1, 2, 4, 3}
		for a, total := range want {
			m := w.meter(string(a), how(a))
			for i := range units {
				e := commerce.UsageEvent{Subscription: sub, Meter: m, Units: dec(w, units[i]), At: start.AddDate(0, 0, days[i]), Key: fmt.Sprint(a, i)}
				if a == usage.Unique {
					e.Units, e.Value = money.Decimal{}, values[i]
				}
				w.record([]commerce.UsageEvent{e}, "counted")
				w.record([]commerce.UsageEvent{e}, "duplicate")
			}
			value, events := w.counter(sub, m, 0)
			if value != total || events != 4 {
				w.Errorf("%s: %d of %d records, want %d", a, value, events, total)
			}
			w.recounted(sub, m, 0, a)
		}
	})
}

// Whoever sends at the same time, counters are what the records make of them.
func TestUsageConcurrent(t *testing.T) {
	onBoth(t, func(w *world) {
		price := w.price(monthly)
		subs := []id.Subscription{w.subscribed(price, "tok_visa"), w.subscribed(price, "tok_visa"), w.subscribed(price, "tok_visa")}
		meters := map[usage.Aggregation]id.Meter{}
		for _, a := range []usage.Aggregation{usage.Sum, usage.Max, usage.Last, usage.Unique} {
			meters[a] = w.meter(string(a), how(a))
		}
		w.clock.Set(start.AddDate(0, 0, 10))
		const senders, rounds, batch = 8, 6, 60
		var done sync.WaitGroup
		var mu sync.Mutex
		counted := map[string]int{}
		for s := range senders {
			done.Go(func() {
				for round := range rounds {
					var events []commerce.UsageEvent
					for i := range batch {
						n := (i*7 + s*13 + round*29) % 150 // what others send too
						for a, m := range meters {
							e := commerce.UsageEvent{Subscription: subs[n%len(subs)], Meter: m, At: start.Add(time.Duration(1+n%97) * time.Hour), Key: fmt.Sprint(a, n)}
							if a == usage.Unique {
								e.Value = fmt.Sprint(n % 11)
							} else {
								e.Units = dec(w, fmt.Sprint(1+n%17))
							}
							events = append(events, e)
						}
					}
					if round%2 == 1 { // in small calls, which are put together
						for len(events) > 0 {
							n := min(5, len(events))
							w.sent(events[:n], &mu, counted)
							events = events[n:]
						}
						continue
					}
					w.sent(events, &mu, counted)
				}
			})
		}
		done.Wait()
		for key, n := range counted {
			if n != 1 {
				w.Errorf("%s was counted %d times", key, n)
			}
		}
		if len(counted) < 400 {
			w.Errorf("only %d records were counted", len(counted))
		}
		for _, sub := range subs {
			for a, m := range meters {
				w.recounted(sub, m, 0, a)
			}
		}
	})
}

func (w *world) sent(events []commerce.UsageEvent, mu *sync.Mutex, counted map[string]int) {
	got, err := w.s.RecordUsage(w.Context(), commerce.RecordUsage{Call: w.call, Events: events})
	if err != nil {
		w.Error(err)
		return
	}
	mu.Lock()
	defer mu.Unlock()
	for i, r := range got {
		switch r.Outcome {
		case commerce.UsageCounted:
			counted[events[i].Key]++
		case commerce.UsageDuplicate:
		default:
			w.Errorf("%s: %s %v", events[i].Key, r.Outcome, r.Fields)
		}
	}
}

func TestNegativeUsage(t *testing.T) {
	onBoth(t, func(w *world) {
		sub, sum, most := w.subscribed(w.price(monthly), "tok_visa"), w.meter("sum"), w.meter("most", how(usage.Max))
		e := commerce.UsageEvent{Subscription: sub, Meter: sum, Units: dec(w, "5"), Key: "a"}
		back, max := e, e
		back.Units, back.Key, back.Note = dec(w, "-7.25"), "b", "counted twice by the proxy"
		max.Meter, max.Units, max.Key = most, dec(w, "-1"), "c"
		got := w.record([]commerce.UsageEvent{e, back, max}, "counted", "counted", "refused")
		same(w, "the reason", got[2].Why, usage.NegativeNotAllowed)
		value, _ := w.counter(sub, sum, 0)
		same(w, "the sum", value, -2_250_000)
		w.view(func(tx *db.Tx) error {
			list, err := usage.Explain(tx, w.acc, sub, "c", usage.Day(start)-3, usage.Day(start)+3)
			if len(list) != 1 || list[0].Outcome != usage.Refused || list[0].Why != usage.NegativeNotAllowed {
				w.Errorf("the refused record is explained by %+v", list)
			}
			return err
		})
		again := w.record([]commerce.UsageEvent{max}, "duplicate")
		same(w, "what became of the first", again[0].Record.Outcome, usage.Refused)
	})
}

func (w *world) close(sub id.Subscription, m id.Meter, period int) usage.Counter {
	w.Helper()
	k := usage.CounterKey{Subscription: sub, Meter: m, Period: period}
	var c usage.Counter
	w.ok(w.db.Update(w.Context(), func(tx *db.Tx) error {
		closed, err := usage.Close(tx, w.acc, []usage.CounterKey{k}, w.clock.Now())
		c = closed[k]
		return err
	}))
	return c
}

func TestLateUsage(t *testing.T) {
	onBoth(t, func(w *world) {
		sub := w.subscribed(w.price(monthly), "tok_visa")
		next, never := w.meter("next"), w.meter("never", func(c *commerce.CreateMeter) { c.Late = usage.RefuseLate })
		at := func(m id.Meter, key string, when time.Time) commerce.UsageEvent {
			return commerce.UsageEvent{Subscription: sub, Meter: m, Units: dec(w, "1"), At: when, Key: key}
		}
		w.clock.Set(start.AddDate(0, 0, 3))
		w.record([]commerce.UsageEvent{at(next, "0", start.Add(-time.Second)), at(next, "1", start.Add(time.Hour)), at(next, "2", start.AddDate(0, 0, 4)),
			at(never, "1", start.Add(time.Hour))}, "refused", "counted", "refused", "duplicate")
		w.record([]commerce.UsageEvent{at(never, "n", start.Add(time.Hour))}, "counted")
		// After the period has ended and before it is billed, what follows counts in the next.
		end := w.sub(sub).Span.To
		w.clock.Set(end.Add(time.Hour))
		got := w.record([]commerce.UsageEvent{at(next, "3", end.Add(time.Minute)), at(next, "4", end.Add(-time.Minute))}, "counted", "counted")
		same(w, "the period of what follows", got[0].Record.Period, 1)
		same(w, "the period of what came before", got[1].Record.Period, 0)
		// A closed counter takes nothing: the meter's setting says what becomes of late usage.
		if c := w.close(sub, next, 0); c.Value != 2_000_000 || c.Events != 2 || !c.Closed() {
			w.Errorf("closed with %+v", c)
		}
		if again := w.close(sub, next, 0); again.Closed() {
			w.Errorf("closed twice: %+v", again)
		}
		w.close(sub, never, 0)
		got = w.record([]commerce.UsageEvent{at(next, "5", end.Add(-time.Minute)), at(never, "5n", end.Add(-time.Minute))}, "late_counted", "refused")
		same(w, "the period of what is late", got[0].Record.Period, 1)
		same(w, "the reason", got[1].Why, usage.TooLate)
		_, err := w.s.RunAccount(w.Context(), w.acc)
		w.ok(err)
		same(w, "the present period", w.sub(sub).Period, 1)
		got = w.record([]commerce.UsageEvent{at(next, "6", end.Add(-time.Minute)), at(never, "6n", end.Add(-time.Minute)), at(never, "7n", end.Add(time.Minute))}, "late_counted", "refused", "counted")
		same(w, "the period of what is late", got[0].Record.Period, 1)
		value, _ := w.counter(sub, next, 1)
		same(w, "the next counter", value, 3_000_000)
		value, _ = w.counter(sub, next, 0)
		same(w, "the closed counter", value, 2_000_000)
		state := usage.Archived
		_, err = w.s.UpdateMeter(w.Context(), commerce.UpdateMeter{Call: w.call, Meter: next, State: &state})
		w.ok(err)
		got = w.record([]commerce.UsageEvent{at(next, "8", end.Add(time.Minute))}, "refused")
		same(w, "the reason", got[0].Why, usage.ArchivedMeter)
	})
}

func TestUsageOfEndedSubscription(t *testing.T) {
	onBoth(t, func(w *world) {
		sub, m := w.subscribed(w.price(monthly), "tok_visa"), w.meter("calls")
		w.clock.Set(start.AddDate(0, 0, 2))
		_, err := w.s.Cancel(w.Context(), commerce.Cancel{Call: w.call, Subscription: sub, When: "now"})
		w.ok(err)
		e := commerce.UsageEvent{Subscription: sub, Meter: m, Units: dec(w, "1"), At: start.AddDate(0, 0, 1), Key: "a"}
		after := e
		after.At, after.Key = start.AddDate(0, 0, 2), "b"
		got := w.record([]commerce.UsageEvent{e, after}, "counted", "refused")
		same(w, "the reason", got[1].Why, usage.AfterEnd)
		w.close(sub, m, 0)
		e.Key = "c"
		got = w.record([]commerce.UsageEvent{e}, "refused")
		same(w, "the reason", got[0].Why, usage.PeriodClosed)
	})
}

func TestInvalidUsage(t *testing.T) {
	onBoth(t, func(w *world) {
		sub, m, values := w.subscribed(w.price(monthly), "tok_visa"), w.meter("calls"), w.meter("people", how(usage.Unique))
		good := commerce.UsageEvent{Subscription: sub, Meter: m, Units: dec(w, "1"), Key: "good"}
		bad := func(change func(*commerce.UsageEvent)) commerce.UsageEvent {
			e := good
			e.Key = "bad"
			change(&e)
			return e
		}
		events := []commerce.UsageEvent{
			bad(func(e *commerce.UsageEvent) { e.Key = "" }),
			bad(func(e *commerce.UsageEvent) { e.Key = "ä" }),
			bad(func(e *commerce.UsageEvent) { e.Key = "4242 4242 4242 4242" }),
			bad(func(e *commerce.UsageEvent) { e.Note = "card 4242424242424242" }),
			bad(func(e *commerce.UsageEvent) { e.Meter = 1 }),
			bad(func(e *commerce.UsageEvent) { e.Code = "both" }),
			bad(func(e *commerce.UsageEvent) { e.Subscription = 1 }),
			bad(func(e *commerce.UsageEvent) { e.Subscription = 0 }),
			bad(func(e *commerce.UsageEvent) { e.Subscription, e.Customer = 0, w.customer }), // not billed by the meter
			bad(func(e *commerce.UsageEvent) { e.Units = dec(w, "0.0000001") }),
			bad(func(e *commerce.UsageEvent) { e.Units = dec(w, "1000000001") }),
			bad(func(e *commerce.UsageEvent) { e.Units = money.Decimal{} }),
			bad(func(e *commerce.UsageEvent) { e.Value = "ada" }),
			bad(func(e *commerce.UsageEvent) { e.Meter = values }),
			bad(func(e *commerce.UsageEvent) { e.Wrong = []fault.Field{{Name: "units", Message: "must be a number"}} }),
			good,
		}
		want := slices.Repeat([]commerce.UsageOutcome{"invalid"}, len(events))
		want[len(want)-1] = "counted"
		for i, r := range w.record(events, want...) {
			if r.Outcome == "invalid" && len(r.Fields) == 0 {
				w.Errorf("event %d: no field is named", i)
			}
		}
		var n int
		w.view(func(tx *db.Tx) error {
			return tx.One([]any{&n}, "select count(*) from usage_record where account_id = $1", w.acc)
		})
		same(w, "records", n, 1)
		_, err := w.s.RecordUsage(w.Context(), commerce.RecordUsage{Call: w.call})
		w.refused(err, fault.Invalid, "")
		_, err = w.s.RecordUsage(w.Context(), commerce.RecordUsage{Call: w.call, Events: make([]commerce.UsageEvent, 501)})
		w.refused(err, fault.Invalid, "")
	})
}

func TestFullCounter(t *testing.T) {
	onBoth(t, func(w *world) {
		sub, m := w.subscribed(w.price(monthly), "tok_visa"), w.meter("calls")
		w.ok(w.db.Update(w.Context(), func(tx *db.Tx) error {
			var t usage.Tally
			t.Add(&usage.Record{Account: w.acc, Subscription: sub, Meter: m, Units: usage.MaxCounter - usage.Micro, At: start}, usage.Sum)
			_, err := t.Count(tx, w.acc)
			return err
		}))
		e := func(key, units string) commerce.UsageEvent {
			return commerce.UsageEvent{Subscription: sub, Meter: m, Units: dec(w, units), Key: key}
		}
		got := w.record([]commerce.UsageEvent{e("a", "1"), e("b", "1")}, "counted", "refused")
		same(w, "the reason", got[1].Why, usage.CounterFull)
		w.record([]commerce.UsageEvent{e("c", "-5")}, "counted")
		value, _ := w.counter(sub, m, 0)
		same(w, "the counter", value, usage.MaxCounter-5*usage.Micro)
	})
}

func TestPrepaidUnits(t *testing.T) {
	onBoth(t, func(w *world) {
		sub, m := w.subscribed(w.price(monthly), "tok_visa"), w.meter("credits", func(c *commerce.CreateMeter) { c.Prepaid = true })
		price := w.price(monthly)
		w.ok(w.db.Update(w.Context(), func(tx *db.Tx) error {
			return usage.AddPrepaid(tx, w.acc, []usage.Addition{{Units: usage.Units{Customer: w.customer, Meter: m, Micros: 100 * usage.Micro}, Price: price, TopUpAt: 20 * usage.Micro}}, start)
		}))
		balance := func(want int64, due bool) usage.Prepaid {
			w.Helper()
			var p usage.Prepaid
			w.view(func(tx *db.Tx) error {
				list, err := usage.PrepaidOf(tx, w.acc, w.customer)
				if len(list) == 1 {
					p = list[0]
				}
				return err
			})
			if p.Balance != want*usage.Micro || p.TopUpDue.IsZero() == due {
				w.Errorf("the balance is %d, due %v, want %d, %t", p.Balance, p.TopUpDue, want*usage.Micro, due)
			}
			return p
		}
		draw := func(key, units string) commerce.UsageEvent { // by the customer: there is one subscription
			return commerce.UsageEvent{Customer: w.customer, Code: "credits", Units: dec(w, units), Key: key}
		}
		balance(100, false)
		w.record([]commerce.UsageEvent{draw("a", "30"), draw("b", "40"), draw("a", "30")}, "counted", "counted", "duplicate")
		balance(30, false)
		w.clock.Add(time.Hour)
		w.record([]commerce.UsageEvent{draw("c", "10")}, "counted")
		p := balance(20, true)
		same(w, "due since", p.TopUpDue, w.now())
		w.ok(w.db.Update(w.Context(), func(tx *db.Tx) error {
			list, err := usage.DueTopUps(tx, w.acc, w.now(), 10)
			if err != nil || len(list) != 1 {
				return fmt.Errorf("%d are due (%w)", len(list), err)
			}
			return usage.MoveTopUp(tx, list[0], w.now().Add(time.Hour))
		}))
		w.record([]commerce.UsageEvent{draw("d", "25")}, "counted") // below zero, and one is under way
		same(w, "under way until", balance(-5, true).TopUpDue, w.now().Add(time.Hour))
		w.refused(w.db.Update(w.Context(), func(tx *db.Tx) error { return usage.MoveTopUp(tx, p, time.Time{}) }), fault.Conflict, "")
		w.ok(w.db.Update(w.Context(), func(tx *db.Tx) error {
			return usage.AddPrepaid(tx, w.acc, []usage.Addition{{Units: usage.Units{Customer: w.customer, Meter: m, Micros: 100 * usage.Micro}, TopUp: true}}, w.now())
		}))
		same(w, "top-ups", balance(95, false).TopUps, 1)
		given, err := w.s.AdjustPrepaid(w.Context(), commerce.AdjustPrepaid{Call: w.call, Customer: w.customer, Meter: m, Units: dec(w, "-75")})
		w.ok(err)
		same(w, "after taking some away", given.Balance, 20*usage.Micro)
		balance(20, true)
		w.recounted(sub, m, 0, usage.Sum)
	})
}

// Draws of many at the same time are exact, and make one top-up due.
func TestPrepaidConcurrent(t *testing.T) {
	onBoth(t, func(w *world) {
		w.subscribed(w.price(monthly), "tok_visa")
		m := w.meter("credits", func(c *commerce.CreateMeter) { c.Prepaid = true })
		w.ok(w.db.Update(w.Context(), func(tx *db.Tx) error {
			return usage.AddPrepaid(tx, w.acc, []usage.Addition{{Units: usage.Units{Customer: w.customer, Meter: m, Micros: 1000 * usage.Micro}, Price: 1, TopUpAt: 100 * usage.Micro}}, start)
		}))
		var done sync.WaitGroup
		for s := range 8 {
			done.Go(func() {
				for n := range 5 {
					var events []commerce.UsageEvent
					for i := range 25 {
						events = append(events, commerce.UsageEvent{Customer: w.customer, Meter: m, Units: dec(w, "1"), Key: fmt.Sprint(s, n, i)})
					}
					if _, err := w.s.RecordUsage(w.Context(), commerce.RecordUsage{Call: w.call, Events: events}); err != nil {
						w.Error(err)
					}
				}
			})
		}
		done.Wait()
		w.view(func(tx *db.Tx) error {
			list, err := usage.PrepaidOf(tx, w.acc, w.customer)
			if len(list) != 1 || list[0].Balance != 0 || list[0].TopUpDue.IsZero() {
				w.Errorf("%+v", list)
			}
			return err
		})
	})
}
