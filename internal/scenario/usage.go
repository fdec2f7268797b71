package scenario

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"perennial/internal/commerce"
	"perennial/internal/fault"
	"perennial/internal/money"
	"perennial/internal/report"
	"perennial/internal/usage"
)

// meter is "NAME options".
func (s *story) meter(ctx context.Context, w *words) error {
	name := w.word("a name")
	c := commerce.CreateMeter{Call: s.call, Code: name, Name: name}
	for !w.done() {
		switch {
		case w.is("counts"):
			c.Aggregation = usage.Aggregation(w.word("sum, max, last or unique"))
		case w.is("unit"):
			c.Unit = w.word("a unit")
		case w.is("grace"):
			c.Grace = time.Duration(w.count("a number of days")) * 24 * time.Hour
			w.must("days")
		case w.is("late"):
			c.Late = usage.Late(w.word("next_period or refuse"))
		case w.is("prepaid"):
			c.Prepaid = true
		default:
			w.otherwise("counts, unit, grace, late, prepaid")
		}
	}
	if err := w.end(); err != nil {
		return err
	}
	made, err := s.stage.Service.CreateMeter(ctx, c)
	if err == nil {
		s.meters[name] = made.ID
	}
	return err
}

// uses is "UNITS METER options", and "METER of VALUE options" where values are told apart.
func (s *story) uses(ctx context.Context, who whose, w *words) error {
	if w.is("the link") {
		return s.usesLink(ctx, who, w, false)
	}
	if w.is("the older link") {
		return s.usesLink(ctx, who, w, true)
	}
	e := commerce.UsageEvent{}
	if _, named := s.meters[w.peek()]; named {
		e.Meter = s.meterNamed(w)
		w.must("of")
		e.Value = w.word("a value")
	} else {
		e.Units = w.decimal("a number of units")
		e.Meter = s.meterNamed(w)
	}
	for !w.done() {
		switch {
		case w.is("at"):
			e.At = w.instant()
		case w.is("key"):
			e.Key = w.word("a key")
		case w.is("note"):
			e.Note = w.word("a text")
		default:
			w.otherwise("at, key, note")
		}
	}
	if e.Key == "" {
		s.keys++
		e.Key = "story-" + strconv.Itoa(s.keys)
	}
	sub, err := s.about(ctx, who, w)
	if err != nil {
		return err
	}
	e.Subscription = sub.ID
	results, err := s.stage.Service.RecordUsage(ctx, commerce.RecordUsage{Call: s.call, Events: []commerce.UsageEvent{e}})
	if err != nil {
		return err
	}
	switch r := results[0]; r.Outcome {
	case commerce.UsageCounted, commerce.UsageLate:
		return nil
	case commerce.UsageInvalid:
		return &fault.Error{Kind: fault.Invalid, Fields: r.Fields}
	case commerce.UsageRefused:
		return fault.New(fault.Conflict, "the record was not counted: %s", r.Why).WithCode(string(r.Why))
	default:
		return fault.New(fault.Conflict, "the record is %s", r.Outcome).WithCode(string(r.Outcome))
	}
}

// standsUsage is "METER UNITS": what is counted in the present period.
func (s *story) standsUsage(ctx context.Context, who whose, w *words) error {
	meter, want := s.meterNamed(w), w.decimal("a number of units")
	sub, err := s.about(ctx, who, w)
	if err != nil {
		return err
	}
	v, err := s.stage.Reader.Usage(ctx, s.call.Account, report.UsageQuery{Subscription: sub.ID, From: sub.CreatedAt, To: sub.CreatedAt.Add(time.Hour), Limit: 1})
	if err != nil {
		return err
	}
	var have money.Decimal
	for _, c := range v.Counters {
		if c.Meter == meter && c.Period == sub.Period {
			if have, err = money.DecimalOfMicros(c.Value); err != nil {
				return err
			}
		}
	}
	if have.Cmp(want) != 0 {
		return fmt.Errorf("it is %s", have)
	}
	return nil
}

// standsPrepaid is "METER UNITS": what is left of the units that were paid ahead.
func (s *story) standsPrepaid(ctx context.Context, who whose, w *words) error {
	meter, want := s.meterNamed(w), w.decimal("a number of units")
	if err := w.end(); err != nil {
		return err
	}
	list, err := s.stage.Reader.Prepaid(ctx, s.call.Account, who.id)
	if err != nil {
		return err
	}
	var have money.Decimal
	for _, p := range list {
		if p.Meter == meter {
			if have, err = money.DecimalOfMicros(p.Balance); err != nil {
				return err
			}
		}
	}
	if have.Cmp(want) != 0 {
		return fmt.Errorf("it is %s", have)
	}
	return nil
}
