package commerce

import (
	"context"
	"slices"
	"time"

	"perennial/internal/account"
	"perennial/internal/clock"
	"perennial/internal/db"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/metrics"
	"perennial/internal/money"
	"perennial/internal/period"
)

// Bounds of what is pushed to be measured.
const (
	maxPushedText  = 255
	maxPushedAlias = 36
	pushedAhead    = 2 * 366 * 24 * time.Hour
)

// pushedSince is before everything that is measured.
var pushedSince = time.Date(1990, 1, 1, 0, 0, 0, 0, time.UTC)

// PushedTerms are what a pushed subscription is subscribed to from an instant on.
type PushedTerms struct {
	Plan     string // as the pushing system calls it; it need not be known
	Interval period.Interval
	Value    int64 // for each whole interval, in minor units; from 0 up
	Trial    bool  // it brings nothing yet, and Value must be 0
	At       time.Time
}

func (p PushedTerms) check(f *fault.Fields, now time.Time) {
	f.Check(p.Plan != "" && len(p.Plan) <= maxPushedText, "plan", "must be 1 to %d bytes", maxPushedText)
	f.Check(!p.Interval.IsZero(), "interval", "must be an interval")
	f.Check(p.Value >= 0 && p.Value <= money.MaxMinor, "value", "must not be below 0")
	f.Check(!p.Trial || p.Value == 0, "trial", "must bring 0")
	checkPushedAt(f, p.At, now)
}

func checkPushedAt(f *fault.Fields, at, now time.Time) {
	f.Check(!at.Before(pushedSince), "at", "must be an instant after 1990")
	f.Check(!at.After(now.Add(pushedAhead)), "at", "must be at most two years ahead")
}

// Pushed is what holds of a pushed subscription from an instant on.
type Pushed struct {
	User         metrics.User
	Subscription metrics.Subscription
	Fact         metrics.Fact
	Plan         string
	Interval     period.Interval
	Currency     money.Currency
	Value        int64 // for each whole interval
}

// pushing is the story of one write.
type pushing struct {
	measuring
	facts  []metrics.Fact // of the user, all of them
	values map[int64]int64
}

func (s *Service) pushing(tx *db.Tx, a account.Account, now time.Time) (*pushing, error) {
	p := &pushing{measuring: measuring{tx: tx, account: a, now: now}, values: map[int64]int64{}}
	return p, p.load(nil)
}

// of loads what is known of a user.
func (p *pushing) of(user id.MetricUser) error {
	found, err := metrics.FactsOf(p.tx, p.account.ID, []int64{int64(user)})
	p.facts = found[int64(user)]
	return err
}

// add adds a fact, and what its whole interval costs.
func (p *pushing) add(f metrics.Fact, as metrics.Terms, value int64) metrics.Fact {
	f.ID = int64(id.New[id.Fact]())
	f.Lasting = f.Value
	p.entries = append(p.entries, metrics.Entry{Fact: f, As: as})
	p.values[f.ID] = value
	return f
}

// back takes a fact back.
func (p *pushing) back(f metrics.Fact) {
	p.entries = append(p.entries, metrics.Entry{Fact: metrics.Fact{ID: int64(id.New[id.Fact]()), At: clock.Micros(p.now), Customer: f.Customer, Subject: f.Subject, Cause: metrics.TakenBack,
		Rate: metrics.SameCurrency, Voids: f.ID}})
}

// write writes what was added. It is the last thing of a story.
func (p *pushing) write() error {
	var facts, values []int64
	for _, e := range p.entries {
		if v, pushed := p.values[e.ID]; pushed {
			facts, values = append(facts, e.ID), append(values, v)
		}
	}
	if err := metrics.InsertPushed(p.tx, p.account.ID, facts, values); err != nil {
		return err
	}
	_, err := metrics.Append(p.tx, metrics.Write{Account: p.account.ID, Zone: p.account.Zone, Currency: p.account.Currency, Now: p.now, Entries: p.entries})
	return err
}

// terms are those of a plan, which is made when nobody knows it.
func (p *pushing) terms(t PushedTerms, in money.Currency) (metrics.Terms, error) {
	plan, err := metrics.FindPlan(p.tx, p.account.ID, t.Plan)
	if fault.Is(err, fault.NotFound) {
		plan = metrics.PushedPlan{ID: id.New[id.MetricPlan](), Account: p.account.ID, Code: t.Plan, Name: t.Plan, CreatedAt: p.now}
		err = metrics.InsertPlan(p.tx, plan)
	}
	return metrics.Terms{Plan: int64(plan.ID), Pushed: true, Interval: t.Interval, Currency: in}, err
}

// fact is that of terms from their instant on.
func (p *pushing) fact(t PushedTerms, in money.Currency, sub metrics.Subscription, cause metrics.Cause) (metrics.Fact, error) {
	f := metrics.Fact{At: clock.Micros(t.At), Customer: int64(sub.User), Subject: int64(sub.ID), Cause: cause}
	var err error
	if f.Rate, err = p.rate(in, t.At); err != nil {
		return f, err
	}
	if t.Trial {
		f.Flags = metrics.OnTrial
	}
	monthly, err := metrics.Monthly(money.Amount{Minor: t.Value, Currency: in}, t.Interval)
	f.Value = monthly.Minor
	return f, err
}

// Push is a new subscription that another system bills, to be measured here.
type Push struct {
	Call
	User      id.MetricUser // of somebody who has one already; 0 else
	UserAlias string        // as the pushing system calls the user; one that is known is that user
	Alias     string        // as it calls the subscription; unique
	Email     string        // as it is shown; need not be an address
	Provider  string        // the id of the user where they are billed
	Currency  money.Currency
	Terms     PushedTerms
}

// Push begins to measure a subscription.
func (s *Service) Push(ctx context.Context, c Push) (Pushed, error) {
	return update(ctx, s, c.Call, func(tx *db.Tx, a account.Account, now time.Time) (Pushed, error) {
		var f fault.Fields
		f.Check(c.Email != "" && len(c.Email) <= maxPushedText, "email", "must be 1 to %d bytes", maxPushedText)
		f.Check(len(c.Alias) <= maxPushedAlias, "alias", "must be at most %d bytes", maxPushedAlias)
		f.Check(len(c.UserAlias) <= maxPushedText, "user_alias", "must be at most %d bytes", maxPushedText)
		f.Check(len(c.Provider) <= maxPushedText, "provider", "must be at most %d bytes", maxPushedText)
		_, err := money.New(0, c.Currency)
		f.Add("currency", err)
		c.Terms.check(&f, now)
		if f.Err() != nil {
			return Pushed{}, f.Err()
		}
		p, err := s.pushing(tx, a, now)
		if err != nil {
			return Pushed{}, err
		}
		out := Pushed{Plan: c.Terms.Plan, Interval: c.Terms.Interval, Currency: c.Currency, Value: c.Terms.Value}
		if out.User, err = p.user(c); err != nil {
			return out, err
		}
		out.Subscription = metrics.Subscription{ID: id.New[id.MetricSubscription](), Account: a.ID, User: out.User.ID, Alias: c.Alias, Email: c.Email, Provider: c.Provider, CreatedAt: now}
		if c.Alias != "" {
			if _, err := metrics.FindSubscription(tx, a.ID, 0, c.Alias); err == nil {
				return out, &fault.Error{Kind: fault.Conflict, Code: "alias_taken", Message: "a subscription with that alias exists already", Fields: []fault.Field{{Name: "alias", Message: "is in use already"}}}
			} else if !fault.Is(err, fault.NotFound) {
				return out, err
			}
		}
		if err := metrics.InsertSubscription(tx, out.Subscription); err != nil {
			return out, err
		}
		as, err := p.terms(c.Terms, c.Currency)
		if err != nil {
			return out, err
		}
		cause := metrics.Started
		if c.Terms.Trial {
			cause = metrics.TrialBegan
		}
		fact, err := p.fact(c.Terms, c.Currency, out.Subscription, cause)
		if err != nil {
			return out, err
		}
		out.Fact = p.add(fact, as, c.Terms.Value)
		return out, p.write()
	})
}

// user is the user of a new subscription, who is made when nobody knows them.
func (p *pushing) user(c Push) (metrics.User, error) {
	if c.User != 0 || c.UserAlias != "" {
		u, err := metrics.FindUser(p.tx, p.account.ID, c.User, c.UserAlias)
		if err == nil || !fault.Is(err, fault.NotFound) {
			return u, err
		}
		if c.User != 0 {
			return u, fault.BadField("user", "names nobody who is measured here")
		}
	}
	u := metrics.User{ID: id.New[id.MetricUser](), Account: p.account.ID, Alias: c.UserAlias, Email: c.Email, CreatedAt: p.now, UpdatedAt: p.now, Version: 1}
	return u, metrics.InsertUser(p.tx, u)
}

// PushedThing names a pushed subscription: by its id or, where that is 0, its alias.
type PushedThing struct {
	ID    id.MetricSubscription
	Alias string
}

// pushed is a subscription with its facts that hold, oldest first.
func (p *pushing) pushed(t PushedThing) (metrics.Subscription, metrics.User, []metrics.Fact, error) {
	sub, err := metrics.FindSubscription(p.tx, p.account.ID, t.ID, t.Alias)
	if err != nil {
		return sub, metrics.User{}, nil, err
	}
	user, err := metrics.FindUser(p.tx, p.account.ID, sub.User, "")
	if err != nil {
		return sub, user, nil, err
	}
	if err := p.of(sub.User); err != nil {
		return sub, user, nil, err
	}
	var voided []int64
	list := metrics.Of(p.facts, int64(sub.ID))
	for _, f := range list {
		voided = append(voided, f.Voids)
	}
	list = slices.DeleteFunc(list, func(f metrics.Fact) bool { return f.Voids != 0 || slices.Contains(voided, f.ID) })
	if len(list) == 0 {
		return sub, user, nil, fault.New(fault.NotFound, "there is no such subscription")
	}
	return sub, user, list, nil
}

// ended reports whether a fact ends its subscription.
func ended(f metrics.Fact) bool { return f.Cause == metrics.Ended || f.Cause == metrics.EndedUnpaid }

// ChangePushed changes what a pushed subscription is subscribed to.
type ChangePushed struct {
	Call
	Subscription PushedThing
	Terms        PushedTerms
}

// ChangePushed changes the terms of a pushed subscription from an instant on, which can be
// past. One that had ended is reactivated.
func (s *Service) ChangePushed(ctx context.Context, c ChangePushed) (Pushed, error) {
	return update(ctx, s, c.Call, func(tx *db.Tx, a account.Account, now time.Time) (Pushed, error) {
		var f fault.Fields
		if c.Terms.check(&f, now); f.Err() != nil {
			return Pushed{}, f.Err()
		}
		p, err := s.pushing(tx, a, now)
		if err != nil {
			return Pushed{}, err
		}
		sub, user, facts, err := p.pushed(c.Subscription)
		if err != nil {
			return Pushed{}, err
		}
		if c.Terms.At.Before(facts[0].Time()) {
			return Pushed{}, fault.BadField("at", "must not be before the subscription began")
		}
		book, err := metrics.TermsNamed(tx, a.ID, facts)
		if err != nil {
			return Pushed{}, err
		}
		in := book[facts[0].Terms].Currency
		as, err := p.terms(c.Terms, in)
		if err != nil {
			return Pushed{}, err
		}
		before := at(facts, clock.Micros(c.Terms.At))
		cause := metrics.TermsChanged
		if ended(before) {
			cause = metrics.Reactivated
		}
		fact, err := p.fact(c.Terms, in, sub, cause)
		if err != nil {
			return Pushed{}, err
		}
		if !ended(before) {
			fact.Flags |= before.Flags & metrics.Ending
		}
		out := Pushed{User: user, Subscription: sub, Plan: c.Terms.Plan, Interval: c.Terms.Interval, Currency: in, Value: c.Terms.Value}
		out.Fact = p.add(fact, as, c.Terms.Value)
		p.again(facts, fact, as, c.Terms.Value)
		return out, p.write()
	})
}

// at is what holds of a subscription at an instant.
func at(facts []metrics.Fact, micros int64) metrics.Fact {
	held := facts[0]
	for _, f := range facts {
		if f.At <= micros {
			held = f
		}
	}
	return held
}

// again says again that an end is scheduled which was said after a change that came to be
// known later, now of what was changed.
func (p *pushing) again(facts []metrics.Fact, changed metrics.Fact, as metrics.Terms, value int64) {
	for _, f := range facts {
		if f.At <= changed.At {
			continue
		}
		if f.Cause != metrics.CancelScheduled {
			return
		}
		p.back(f)
		f.Value, f.Flags, f.Rate = changed.Value, changed.Flags|metrics.Ending, changed.Rate
		p.add(f, as, value)
	}
}

// EndPushed ends a pushed subscription.
type EndPushed struct {
	Call
	Subscription PushedThing
	At           time.Time // can be past, and ahead: it brings what it brings until then
	Unpaid       bool      // because nobody paid
}

// EndPushed ends a pushed subscription, or schedules its end.
func (s *Service) EndPushed(ctx context.Context, c EndPushed) (Pushed, error) {
	return update(ctx, s, c.Call, func(tx *db.Tx, a account.Account, now time.Time) (Pushed, error) {
		var f fault.Fields
		if checkPushedAt(&f, c.At, now); f.Err() != nil {
			return Pushed{}, f.Err()
		}
		p, err := s.pushing(tx, a, now)
		if err != nil {
			return Pushed{}, err
		}
		sub, user, facts, err := p.pushed(c.Subscription)
		if err != nil {
			return Pushed{}, err
		}
		book, err := metrics.TermsNamed(tx, a.ID, facts)
		if err != nil {
			return Pushed{}, err
		}
		last, micros := facts[len(facts)-1], clock.Micros(c.At)
		as := book[last.Terms]
		plans, err := metrics.PlansByID(tx, a.ID, []int64{as.Plan})
		if err != nil {
			return Pushed{}, err
		}
		out := Pushed{User: user, Subscription: sub, Fact: last, Plan: plans[id.MetricPlan(as.Plan)].Code, Interval: as.Interval, Currency: as.Currency}
		end := metrics.Fact{At: micros, Customer: last.Customer, Subject: last.Subject, Cause: metrics.Ended, Rate: last.Rate}
		if c.Unpaid {
			end.Cause, end.Flags = metrics.EndedUnpaid, metrics.Unwilled
		}
		switch {
		case ended(last) && last.At == micros && last.Cause == end.Cause:
			return out, nil // said again
		case ended(last):
			return out, fault.New(fault.Conflict, "the subscription has ended or is going to; undo that first").WithCode("ended")
		case micros < facts[0].At:
			return out, fault.BadField("at", "must not be before the subscription began")
		case micros < last.At:
			return out, fault.BadField("at", "must not be before the last change of the subscription")
		}
		if c.At.After(now) {
			scheduled := last
			scheduled.At, scheduled.Cause, scheduled.Flags = max(clock.Micros(now), last.At), metrics.CancelScheduled, last.Flags|metrics.Ending
			value, err := metrics.PushedValues(tx, a.ID, []int64{last.ID})
			if err != nil {
				return out, err
			}
			scheduled.Voids = 0
			p.add(scheduled, as.Key(), value[last.ID])
		}
		out.Fact = p.add(end, as.Key(), 0)
		return out, p.write()
	})
}

// ContinuePushed takes back that a pushed subscription ended or is going to.
type ContinuePushed struct {
	Call
	Subscription PushedThing
}

// ContinuePushed makes as if the end of a subscription had never been told, also in what was
// measured of times past.
func (s *Service) ContinuePushed(ctx context.Context, c ContinuePushed) (Pushed, error) {
	return update(ctx, s, c.Call, func(tx *db.Tx, a account.Account, now time.Time) (Pushed, error) {
		p, err := s.pushing(tx, a, now)
		if err != nil {
			return Pushed{}, err
		}
		sub, user, facts, err := p.pushed(c.Subscription)
		if err != nil {
			return Pushed{}, err
		}
		last := len(facts) - 1
		if !ended(facts[last]) {
			return Pushed{}, fault.New(fault.Conflict, "the subscription has not ended and is not going to").WithCode("not_ended")
		}
		p.back(facts[last])
		for last--; last >= 0 && facts[last].Cause == metrics.CancelScheduled; last-- {
			p.back(facts[last])
		}
		return Pushed{User: user, Subscription: sub, Fact: facts[max(last, 0)]}, p.write()
	})
}
