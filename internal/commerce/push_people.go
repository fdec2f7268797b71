package commerce

import (
	"context"
	"time"

	"perennial/internal/account"
	"perennial/internal/clock"
	"perennial/internal/customer"
	"perennial/internal/db"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/metrics"
)

// PushedUser names a pushed user: by id or, where that is 0, by alias.
type PushedUser struct {
	ID    id.MetricUser
	Alias string
}

// EditPushedUser changes what a pushed user is shown as.
type EditPushedUser struct {
	Call
	User  PushedUser
	Email *string // nil leaves it
	Name  *string // nil leaves it
}

// EditPushedUser changes how a pushed user is shown.
func (s *Service) EditPushedUser(ctx context.Context, c EditPushedUser) (metrics.User, error) {
	return update(ctx, s, c.Call, func(tx *db.Tx, a account.Account, now time.Time) (metrics.User, error) {
		var f fault.Fields
		f.Check(c.Email == nil || *c.Email != "" && len(*c.Email) <= maxPushedText, "email", "must be 1 to %d bytes", maxPushedText)
		f.Check(c.Name == nil || len(*c.Name) <= maxPushedText, "name", "must be at most %d bytes", maxPushedText)
		if f.Err() != nil {
			return metrics.User{}, f.Err()
		}
		u, err := metrics.FindUser(tx, a.ID, c.User.ID, c.User.Alias)
		if err != nil {
			return u, err
		}
		if c.Email != nil {
			u.Email = *c.Email
		}
		if c.Name != nil {
			u.Name = *c.Name
		}
		u.UpdatedAt = now
		return u, metrics.SaveUser(tx, &u)
	})
}

// DeletePushedUser removes a pushed user and all that was measured of them.
type DeletePushedUser struct {
	Call
	User PushedUser
}

// DeletePushedUser removes a pushed user; figures of times past are as if they had never
// been.
func (s *Service) DeletePushedUser(ctx context.Context, c DeletePushedUser) (metrics.User, error) {
	return update(ctx, s, c.Call, func(tx *db.Tx, a account.Account, now time.Time) (metrics.User, error) {
		u, err := metrics.FindUser(tx, a.ID, c.User.ID, c.User.Alias)
		if err != nil {
			return u, err
		}
		if err := forgetTraits(tx, a, now, int64(u.ID)); err != nil {
			return u, err
		}
		if err := metrics.RemoveUser(tx, u); err != nil {
			return u, err
		}
		return u, leaveOut(tx, a, now, int64(u.ID), metrics.Deleted)
	})
}

// forgetTraits takes all traits of a customer away.
func forgetTraits(tx *db.Tx, a account.Account, now time.Time, who int64) error {
	known, err := metrics.AttributesOf(tx, a.ID, []int64{who})
	if err != nil {
		return err
	}
	none := metrics.Attributes{}
	for category := range known[who] {
		none[category] = ""
	}
	return metrics.SetAttributes(tx, writeOf(a, now), []int64{who}, none)
}

// leaveOut writes that a customer is left out of everything, unless that is so.
func leaveOut(tx *db.Tx, a account.Account, now time.Time, who int64, cause metrics.Cause) error {
	facts, err := metrics.FactsOf(tx, a.ID, []int64{who})
	if err != nil || metrics.LeftOut(facts[who]) {
		return err
	}
	w := writeOf(a, now)
	w.Entries = []metrics.Entry{{Fact: metrics.Fact{At: clock.Micros(now), Customer: who, Cause: cause, Rate: metrics.SameCurrency}}}
	_, err = metrics.Append(tx, w)
	return err
}

func writeOf(a account.Account, now time.Time) metrics.Write {
	return metrics.Write{Account: a.ID, Zone: a.Zone, Currency: a.Currency, Now: now}
}

// measuredOne refuses somebody who is not measured.
func measuredOne(tx *db.Tx, a account.Account, who int64) error {
	found, err := metrics.CustomersByID(tx, a.ID, []int64{who})
	if err == nil && len(found) == 0 {
		err = fault.New(fault.NotFound, "nothing is measured of such a customer")
	}
	return err
}

// ExcludeMeasured leaves a customer out of all metrics, past ones too.
type ExcludeMeasured struct {
	Call
	Customer int64 // an id.Customer or id.MetricUser
}

// ExcludeMeasured leaves a customer out of all metrics.
func (s *Service) ExcludeMeasured(ctx context.Context, c ExcludeMeasured) error {
	_, err := update(ctx, s, c.Call, func(tx *db.Tx, a account.Account, now time.Time) (struct{}, error) {
		if err := measuredOne(tx, a, c.Customer); err != nil {
			return struct{}{}, err
		}
		users, err := metrics.UsersByID(tx, a.ID, []int64{c.Customer})
		if err != nil {
			return struct{}{}, err
		}
		for _, u := range users {
			if u.Excluded {
				continue
			}
			u.Excluded, u.UpdatedAt = true, now
			if err := metrics.SaveUser(tx, &u); err != nil {
				return struct{}{}, err
			}
		}
		return struct{}{}, leaveOut(tx, a, now, c.Customer, metrics.Excluded)
	})
	return err
}

// The longest category and word of a trait, in bytes.
const maxTrait = 255

// reservedTraits are the categories that the program fills itself.
var reservedTraits = map[string]bool{metrics.Country: true, metrics.Source: true, metrics.Affiliate: true}

func checkCategory(f *fault.Fields, category string) {
	f.Check(category != "" && len(category) <= maxTrait, "category", "must be 1 to %d bytes", maxTrait)
	f.Check(!reservedTraits[category], "category", "is filled by the program itself")
}

// SetTrait gives measured customers a word in a category, by which metrics can be narrowed.
type SetTrait struct {
	Call
	Customers []int64 // id.Customer or id.MetricUser
	Category  string
	Word      string // "" takes the word away that Was names
	Was       string // only with an empty Word
}

// SetTrait gives customers a trait, which replaces the one of the category, or takes it away.
func (s *Service) SetTrait(ctx context.Context, c SetTrait) error {
	_, err := update(ctx, s, c.Call, func(tx *db.Tx, a account.Account, now time.Time) (struct{}, error) {
		var f fault.Fields
		checkCategory(&f, c.Category)
		f.Check(len(c.Word) <= maxTrait && c.Word+c.Was != "", "trait", "must be 1 to %d bytes", maxTrait)
		if f.Err() != nil {
			return struct{}{}, f.Err()
		}
		found, err := metrics.CustomersByID(tx, a.ID, c.Customers)
		if err != nil {
			return struct{}{}, err
		}
		if len(found) == 0 {
			return struct{}{}, fault.New(fault.NotFound, "nothing is measured of such a customer")
		}
		known, err := metrics.AttributesOf(tx, a.ID, c.Customers)
		if err != nil {
			return struct{}{}, err
		}
		var change []int64
		for _, one := range found {
			if has := known[one.Customer][c.Category]; c.Word != "" && has != c.Word || c.Word == "" && has == c.Was {
				change = append(change, one.Customer)
			}
		}
		switch {
		case len(change) == 0 && c.Word != "":
			return struct{}{}, fault.New(fault.Conflict, "the customer has that trait already").WithCode("trait_present")
		case len(change) == 0:
			return struct{}{}, fault.New(fault.NotFound, "the customer has no such trait").WithCode("trait_absent")
		}
		if c.Word != "" {
			room, err := metrics.AddWord(tx, a.ID, c.Category, c.Word)
			if err != nil {
				return struct{}{}, err
			}
			if !room {
				return struct{}{}, fault.New(fault.Conflict, "a category has at most %d words", metrics.MaxWords).WithCode("trait_limit")
			}
		}
		return struct{}{}, metrics.SetAttributes(tx, writeOf(a, now), change, metrics.Attributes{c.Category: c.Word})
	})
	return err
}

// RemoveTraits takes a category of traits from everybody.
type RemoveTraits struct {
	Call
	Category string
}

// traitBatch is how many customers lose a trait in one transaction.
const traitBatch = 1000

// RemoveTraits takes a category of traits from everybody. It is not one transaction: what is
// not done when it fails is done by calling it again.
func (s *Service) RemoveTraits(ctx context.Context, c RemoveTraits) error {
	var f fault.Fields
	if checkCategory(&f, c.Category); f.Err() != nil {
		return f.Err()
	}
	last := int64(0)
	for {
		looked := int64(0)
		_, err := update(ctx, s, Call{Account: c.Account, Actor: c.Actor}, func(tx *db.Tx, a account.Account, now time.Time) (struct{}, error) {
			list, at, err := metrics.Having(tx, a.ID, c.Category, last, traitBatch)
			if err != nil {
				return struct{}{}, err
			}
			if looked = at; at == 0 {
				if err := metrics.RemoveWords(tx, a.ID, c.Category); err != nil {
					return struct{}{}, err
				}
			}
			return struct{}{}, metrics.SetAttributes(tx, writeOf(a, now), list, metrics.Attributes{c.Category: ""})
		})
		if err != nil || looked == 0 {
			return err
		}
		last = looked
	}
}

// anonymous is what somebody is shown as of whom nothing may be known.
const anonymous = "anonymized"

// AnonymisePushed wipes out what tells who pushed users are.
type AnonymisePushed struct {
	Call
	Users []id.MetricUser
}

// AnonymisePushed takes name, address and traits from pushed users. What they brought stays
// in the figures.
func (s *Service) AnonymisePushed(ctx context.Context, c AnonymisePushed) error {
	_, err := update(ctx, s, c.Call, func(tx *db.Tx, a account.Account, now time.Time) (struct{}, error) {
		for _, of := range c.Users {
			u, err := metrics.FindUser(tx, a.ID, of, "")
			if err != nil {
				return struct{}{}, err
			}
			u.Email, u.Name, u.UpdatedAt = anonymous, "", now
			if err := metrics.SaveUser(tx, &u); err != nil {
				return struct{}{}, err
			}
			if err := metrics.AnonymiseSubscriptions(tx, u, anonymous); err != nil {
				return struct{}{}, err
			}
			if err := forgetTraits(tx, a, now, int64(of)); err != nil {
				return struct{}{}, err
			}
		}
		return struct{}{}, nil
	})
	return err
}

// PushPlan makes a plan that is only measured, or renames one.
type PushPlan struct {
	Call
	Code   string // as the pushing system calls it
	Name   string
	Rename bool // it must be there already, else it must not
}

// PushPlan makes or renames a plan. One that only subscriptions have named can still be made.
func (s *Service) PushPlan(ctx context.Context, c PushPlan) (metrics.PushedPlan, error) {
	return update(ctx, s, c.Call, func(tx *db.Tx, a account.Account, now time.Time) (metrics.PushedPlan, error) {
		var f fault.Fields
		f.Check(c.Code != "" && len(c.Code) <= maxPushedText, "id", "must be 1 to %d bytes", maxPushedText)
		f.Check(c.Name != "" && len(c.Name) <= maxPushedText, "name", "must be 1 to %d bytes", maxPushedText)
		if f.Err() != nil {
			return metrics.PushedPlan{}, f.Err()
		}
		p, err := metrics.FindPlan(tx, a.ID, c.Code)
		known := err == nil
		switch {
		case err != nil && !fault.Is(err, fault.NotFound):
			return p, err
		case c.Rename && !known:
			return p, err
		case !c.Rename && known && p.Listed:
			return p, &fault.Error{Kind: fault.Conflict, Code: "plan_taken", Message: "a plan with that id exists already", Fields: []fault.Field{{Name: "id", Message: "is in use already"}}}
		case known:
			p.Name, p.Listed = c.Name, true
			return p, metrics.SavePlan(tx, &p)
		}
		p = metrics.PushedPlan{ID: id.New[id.MetricPlan](), Account: a.ID, Code: c.Code, Name: c.Name, Listed: true, CreatedAt: now, Version: 1}
		return p, metrics.InsertPlan(tx, p)
	})
}

// StopInterventions notes that a customer is not to be written to in some ways.
type StopInterventions struct {
	Call
	Customer int64 // an id.Customer or id.MetricUser
	Kinds    []metrics.Intervention
	Forever  bool
}

// StopInterventions notes it. A customer of ours need not be measured.
func (s *Service) StopInterventions(ctx context.Context, c StopInterventions) error {
	_, err := update(ctx, s, c.Call, func(tx *db.Tx, a account.Account, now time.Time) (struct{}, error) {
		ours, err := customer.ByID(tx, a.ID, []int64{c.Customer})
		if err != nil {
			return struct{}{}, err
		}
		if len(ours) == 0 {
			if err := measuredOne(tx, a, c.Customer); err != nil {
				return struct{}{}, err
			}
		}
		var list []metrics.Stop
		for _, k := range c.Kinds {
			list = append(list, metrics.Stop{Customer: c.Customer, Kind: k, At: now, Forever: c.Forever})
		}
		return struct{}{}, metrics.PutStops(tx, a.ID, list)
	})
	return err
}
