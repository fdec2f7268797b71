package commerce_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"perennial/internal/account"
	"perennial/internal/commerce"
	"perennial/internal/db"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/metrics"
	"perennial/internal/period"
)

// TestPushedHistories says that whatever is pushed, in whatever order, the roll-ups are what
// the facts come to, and that a refused push changes nothing.
func TestPushedHistories(t *testing.T) {
	onBoth(t, func(w *world) {
		rapid.Check(t, func(r *rapid.T) {
			made, err := w.s.CreateAccount(t.Context(), commerce.CreateAccount{Name: "Pushed", Email: "help@example.com", Mode: account.Sandbox,
				Zone: rapid.SampledFrom([]string{"UTC", "America/Los_Angeles", "Asia/Kolkata", "Pacific/Apia"}).Draw(r, "zone")})
			if err != nil {
				r.Fatal(err)
			}
			p := pushes{r, w, commerce.Call{Account: made.Account.ID, Actor: w.call.Actor}}
			for range rapid.IntRange(3, 25).Draw(r, "steps") {
				p.step()
			}
			found, err := w.s.RebuildMetrics(t.Context(), made.Account.ID, true)
			if err != nil || len(found.Different) > 0 {
				r.Fatalf("%v: %+v", err, found.Different)
			}
		})
	})
}

type pushes struct {
	*rapid.T
	w    *world
	call commerce.Call
}

func (p pushes) at() time.Time {
	return start.Add(time.Duration(rapid.IntRange(-150*24, 90*24).Draw(p.T, "at")) * time.Hour)
}

func (p pushes) terms() commerce.PushedTerms {
	t := commerce.PushedTerms{Plan: rapid.SampledFrom([]string{"gold", "silver"}).Draw(p.T, "plan"), Value: rapid.Int64Range(0, 3).Draw(p.T, "value") * 1200, At: p.at(),
		Interval: period.Interval{Unit: rapid.SampledFrom([]period.Unit{period.Month, period.Year}).Draw(p.T, "unit"), Count: 1}}
	if t.Value == 0 {
		t.Trial = rapid.Bool().Draw(p.T, "trial")
	}
	return t
}

func (p pushes) step() {
	ctx := p.w.Context()
	n := rapid.IntRange(1, 4).Draw(p.T, "subscription")
	thing := commerce.PushedThing{Alias: fmt.Sprint("s", n)}
	user := commerce.PushedUser{Alias: fmt.Sprint("u", n/2)}
	var err error
	switch rapid.IntRange(0, 9).Draw(p.T, "what") {
	case 0, 1, 2:
		_, err = p.w.s.Push(ctx, commerce.Push{Call: p.call, UserAlias: user.Alias, Alias: thing.Alias, Email: "a", Currency: "USD", Terms: p.terms()})
	case 3, 4:
		_, err = p.w.s.ChangePushed(ctx, commerce.ChangePushed{Call: p.call, Subscription: thing, Terms: p.terms()})
	case 5, 6:
		_, err = p.w.s.EndPushed(ctx, commerce.EndPushed{Call: p.call, Subscription: thing, At: p.at(), Unpaid: rapid.Bool().Draw(p.T, "unpaid")})
	case 7:
		_, err = p.w.s.ContinuePushed(ctx, commerce.ContinuePushed{Call: p.call, Subscription: thing})
	case 8:
		_, err = p.w.s.DeletePushedUser(ctx, commerce.DeletePushedUser{Call: p.call, User: user})
	default:
		var u metrics.User
		u, err = p.user(user.Alias)
		if err == nil {
			err = p.w.s.ExcludeMeasured(ctx, commerce.ExcludeMeasured{Call: p.call, Customer: int64(u.ID)})
		}
	}
	if err != nil && !fault.Is(err, fault.Invalid) && !fault.Is(err, fault.NotFound) && !fault.Is(err, fault.Conflict) {
		p.Fatal(err)
	}
}

func (p pushes) user(alias string) (u metrics.User, err error) {
	err = p.w.db.View(p.w.Context(), func(tx *db.Tx) (err error) {
		u, err = metrics.FindUser(tx, p.call.Account, 0, alias)
		return err
	})
	return u, err
}

// causes are the facts of a pushed user that hold, as causes.
func (w *world) causes(user id.MetricUser) (list []string) {
	w.Helper()
	w.view(func(tx *db.Tx) error {
		found, err := metrics.FactsOf(tx, w.acc, []int64{int64(user)})
		for _, f := range metrics.Effective(found[int64(user)]) {
			list = append(list, f.Cause.String())
		}
		return err
	})
	return list
}

// TestEndThatLiesAhead says that what is going to end brings what it brings, also when it is
// changed before, and that taking the end back leaves no trace.
func TestEndThatLiesAhead(t *testing.T) {
	onBoth(t, func(w *world) {
		month := period.Interval{Unit: period.Month, Count: 1}
		made, err := w.s.Push(t.Context(), commerce.Push{Call: w.call, Alias: "s", Email: "a", Currency: "USD", Terms: commerce.PushedTerms{Plan: "p", Interval: month, Value: 1000, At: start.AddDate(0, -2, 0)}})
		w.ok(err)
		thing := commerce.PushedThing{ID: made.Subscription.ID}
		_, err = w.s.EndPushed(t.Context(), commerce.EndPushed{Call: w.call, Subscription: thing, At: start.AddDate(0, 1, 0)})
		w.ok(err)
		// A change that comes to be known late does not undo that the end is known.
		_, err = w.s.ChangePushed(t.Context(), commerce.ChangePushed{Call: w.call, Subscription: thing, Terms: commerce.PushedTerms{Plan: "p", Interval: month, Value: 2000, At: start.AddDate(0, -1, 0)}})
		w.ok(err)
		w.view(func(tx *db.Tx) error {
			found, err := metrics.FactsOf(tx, w.acc, []int64{int64(made.User.ID)})
			held := metrics.Effective(found[int64(made.User.ID)])
			if n := len(held); n != 4 || held[2].Flags&metrics.Ending == 0 || held[2].Value != 2000 || held[3].Value != 0 {
				t.Errorf("%+v", held)
			}
			return err
		})
		_, err = w.s.ContinuePushed(t.Context(), commerce.ContinuePushed{Call: w.call, Subscription: thing})
		w.ok(err)
		if got := w.causes(made.User.ID); !slices.Equal(got, []string{"started", "terms_changed"}) {
			t.Errorf("%v", got)
		}
		_, err = w.s.ContinuePushed(t.Context(), commerce.ContinuePushed{Call: w.call, Subscription: thing})
		w.refused(err, fault.Conflict, "not_ended")
		w.measured()
	})
}

// TestPushedInParallel says that what many push at once is all there, and nothing twice.
func TestPushedInParallel(t *testing.T) {
	onBoth(t, func(w *world) {
		const clients = 8
		errs := make(chan error, clients)
		for range clients {
			go func() {
				_, err := w.s.Push(t.Context(), commerce.Push{Call: w.call, UserAlias: "u", Alias: "s", Email: "a", Currency: "USD",
					Terms: commerce.PushedTerms{Plan: "p", Interval: period.Interval{Unit: period.Month, Count: 1}, Value: 1000, At: start}})
				errs <- err
			}()
		}
		made := 0
		for range clients {
			if err := <-errs; err == nil {
				made++
			} else if !fault.Is(err, fault.Conflict) {
				t.Error(err)
			}
		}
		if made != 1 {
			t.Errorf("%d of them made it", made)
		}
		w.measured()
	})
}
