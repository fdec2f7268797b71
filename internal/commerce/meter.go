package commerce

import (
	"context"
	"time"

	"perennial/internal/account"
	"perennial/internal/customer"
	"perennial/internal/db"
	"perennial/internal/event"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/money"
	"perennial/internal/usage"
)

// CreateMeter makes a meter.
type CreateMeter struct {
	Call
	Code        string
	Name        string
	Unit        string
	Aggregation usage.Aggregation // "" means usage.Sum
	Grace       time.Duration
	Late        usage.Late // "" means usage.NextPeriod
	Prepaid     bool
}

// CreateMeter makes a meter. A code that another meter has is refused.
func (s *Service) CreateMeter(ctx context.Context, c CreateMeter) (usage.Meter, error) {
	return update(ctx, s, c.Call, func(tx *db.Tx, a account.Account, now time.Time) (usage.Meter, error) {
		made := usage.Meter{ID: id.New[id.Meter](), Account: a.ID, Code: c.Code, Name: c.Name, Unit: c.Unit, Aggregation: c.Aggregation, Grace: c.Grace,
			Late: c.Late, Prepaid: c.Prepaid, State: usage.Active, CreatedAt: now, Version: 1}
		if made.Aggregation == "" {
			made.Aggregation = usage.Sum
		}
		if made.Late == "" {
			made.Late = usage.NextPeriod
		}
		if err := made.Check(); err != nil {
			return made, err
		}
		if err := usage.InsertMeter(tx, made); err != nil {
			return made, err
		}
		return made, event.Append(tx, a.ID, event.New(a.ID, now, c.Actor, event.MeterCreated, int64(made.ID), 0,
			event.Data(map[string]any{"code": made.Code, "aggregation": made.Aggregation})))
	})
}

// UpdateMeter changes what may change of a meter. Nil leaves it as it is.
type UpdateMeter struct {
	Call
	Meter id.Meter
	Name  *string
	Unit  *string
	Grace *time.Duration // of subscriptions that are sold from now on
	Late  *usage.Late
	State *usage.State
}

// UpdateMeter changes what may change of a meter: its name, unit, grace, what becomes of
// late usage, and its state.
func (s *Service) UpdateMeter(ctx context.Context, c UpdateMeter) (usage.Meter, error) {
	return update(ctx, s, c.Call, func(tx *db.Tx, a account.Account, now time.Time) (usage.Meter, error) {
		before, err := usage.LoadMeter(tx, a.ID, c.Meter)
		if err != nil {
			return before, err
		}
		m := before
		set(&m.Name, c.Name)
		set(&m.Unit, c.Unit)
		set(&m.Grace, c.Grace)
		set(&m.Late, c.Late)
		set(&m.State, c.State)
		if err := before.Revise(m); err != nil {
			return m, err
		}
		if err := usage.SaveMeter(tx, m); err != nil {
			return m, err
		}
		m.Version++
		return m, event.Append(tx, a.ID, event.New(a.ID, now, c.Actor, event.MeterUpdated, int64(m.ID), 0,
			event.Data(map[string]any{"name": m.Name, "state": m.State})))
	})
}

// AdjustPrepaid gives a customer units of a meter, or takes some away.
type AdjustPrepaid struct {
	Call
	Customer id.Customer
	Meter    id.Meter
	Units    money.Decimal // below zero takes away
	Note     string        // at most 500 bytes, for the record of events
}

// AdjustPrepaid gives a customer units of a prepaid meter, or takes some away, and
// returns the balance.
func (s *Service) AdjustPrepaid(ctx context.Context, c AdjustPrepaid) (usage.Prepaid, error) {
	return update(ctx, s, c.Call, func(tx *db.Tx, a account.Account, now time.Time) (usage.Prepaid, error) {
		var none usage.Prepaid
		m, err := usage.LoadMeter(tx, a.ID, c.Meter)
		if err != nil {
			return none, refersTo(err, "meter")
		}
		if _, err := customer.Load(tx, a.ID, c.Customer); err != nil {
			return none, refersTo(err, "customer")
		}
		var f fault.Fields
		micros, exact := c.Units.Micros()
		f.Check(exact && micros != 0 && micros <= usage.MaxUnits && micros >= -usage.MaxUnits, "units", "must not be 0, at most 1000000000, with at most six decimals")
		f.Check(m.Prepaid, "meter", "must be a prepaid meter")
		f.Add("note", usage.CheckNote(c.Note))
		if err := f.Err(); err != nil {
			return none, err
		}
		err = usage.AddPrepaid(tx, a.ID, []usage.Addition{{Units: usage.Units{Customer: c.Customer, Meter: m.ID, Micros: micros}}}, now)
		if err != nil {
			return none, err
		}
		list, err := usage.PrepaidOf(tx, a.ID, c.Customer)
		if err != nil {
			return none, err
		}
		for _, p := range list {
			if p.Meter == m.ID {
				none = p
			}
		}
		return none, event.Append(tx, a.ID, event.New(a.ID, now, c.Actor, event.PrepaidAdded, int64(c.Customer), c.Customer,
			event.Data(map[string]any{"meter": m.Code, "units": c.Units.String(), "note": c.Note})))
	})
}
