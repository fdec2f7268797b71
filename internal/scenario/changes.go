package scenario

import (
	"context"

	"perennial/internal/commerce"
	"perennial/internal/subscription"
)

// movement is what can be done to a running subscription. The customer does it within
// what the product allows; the merchant may go beyond it.
func (s *story) movement(verb string) func(context.Context, whose, *words, bool) error {
	switch verb {
	case "changes":
		return s.changes
	case "undoes":
		return s.undoes
	case "cancels":
		return s.cancels
	case "pauses":
		return s.pauses
	case "unpauses":
		return s.unpauses
	case "skips":
		return s.skips
	case "reschedules":
		return s.reschedules
	case "aligns":
		return s.aligns
	case "reactivates":
		return s.reactivates
	}
	return nil
}

// newTerms is "[to PRICE] [x N] options" of a change.
func (s *story) newTerms(ctx context.Context, who whose, w *words) (commerce.Change, error) {
	c := commerce.Change{Call: s.call, When: subscription.Now}
	sub, err := s.subscription(ctx, who)
	if err != nil {
		return c, err
	}
	c.Subscription, w.currency = sub.ID, sub.UnitAmount.Currency
	for !w.done() {
		switch {
		case w.is("to"):
			c.To.Price = s.priceNamed(w).ID
		case w.is("x"):
			c.To.Quantity = w.number("a quantity")
		case w.is("now"):
		case w.is("at period end"):
			c.When = subscription.AtPeriodEnd
		case w.is("at"):
			c.When, c.At = subscription.AtDate, w.instant()
		default:
			s.settling(w, &c.To)
		}
	}
	return c, w.end()
}

// settling is how a change is paid for.
func (s *story) settling(w *words, to *commerce.NewTerms) {
	amount := func() *int64 {
		minor := w.minor()
		return &minor
	}
	switch {
	case w.is("for"):
		to.UnitAmount = amount()
	case w.is("in a new period"):
		to.Reset = true
	case w.is("keeping the trial"):
		to.CarryTrial = true
	case w.is("by"):
		name := w.word("a policy")
		p, known := subscription.Preset(name)
		if !known {
			w.fail("no policy is called %q", name)
		}
		to.Proration = &p
	case w.is("charging"):
		to.Charge = amount()
	case w.is("crediting"):
		to.Credit = amount()
	default:
		w.otherwise("to, x, now, at, for, in a new period, keeping the trial, by, charging, crediting")
	}
}

func (s *story) changes(ctx context.Context, who whose, w *words, _ bool) error {
	c, err := s.newTerms(ctx, who, w)
	if err != nil {
		return err
	}
	_, err = s.stage.Service.Change(ctx, c)
	return err
}

// undoes is "the cancellation", "the change" or "the pause".
func (s *story) undoes(ctx context.Context, who whose, w *words, _ bool) error {
	cancellation, change := w.is("the cancellation"), w.is("the change")
	if !cancellation && !change {
		w.must("the pause")
	}
	sub, err := s.about(ctx, who, w)
	if err != nil {
		return err
	}
	switch {
	case cancellation:
		_, err = s.stage.Service.UndoCancel(ctx, commerce.UndoCancel{Call: s.call, Subscription: sub.ID})
	case change:
		_, err = s.stage.Service.UndoChange(ctx, commerce.UndoChange{Call: s.call, Subscription: sub.ID})
	default:
		_, err = s.stage.Service.Unpause(ctx, commerce.Unpause{Call: s.call, Subscription: sub.ID})
	}
	return err
}

func (s *story) cancels(ctx context.Context, who whose, w *words, override bool) error {
	c := commerce.Cancel{Call: s.call, Override: override}
	switch {
	case w.is("now"):
		c.When = subscription.Now
		c.BillUsage = w.is("billing the usage")
	case w.is("at period end"):
		c.When = subscription.AtPeriodEnd
	case w.is("after the last payment"):
		c.When = subscription.AfterLast
	default:
		w.must("at")
		c.When, c.At = subscription.AtDate, w.instant()
	}
	sub, err := s.about(ctx, who, w)
	if err != nil {
		return err
	}
	c.Subscription = sub.ID
	_, err = s.stage.Service.Cancel(ctx, c)
	return err
}

func (s *story) pauses(ctx context.Context, who whose, w *words, override bool) error {
	c := commerce.Pause{Call: s.call, Override: override}
	for !w.done() {
		switch {
		case w.is("now"):
		case w.is("at period end"):
			c.AtPeriodEnd = true
		case w.is("until"):
			c.Until = w.instant()
		case w.is("periods"):
			c.Periods = w.count("a number of periods")
		case w.is("collecting"):
			c.Collect = true
		case w.is("without fee"):
			c.NoFee = true
		default:
			w.otherwise("now, at period end, until, periods, collecting, without fee")
		}
	}
	sub, err := s.about(ctx, who, w)
	if err != nil {
		return err
	}
	c.Subscription = sub.ID
	_, err = s.stage.Service.Pause(ctx, c)
	return err
}

func (s *story) unpauses(ctx context.Context, who whose, w *words, _ bool) error {
	c := commerce.Unpause{Call: s.call, Collect: w.is("collecting")}
	sub, err := s.about(ctx, who, w)
	if err != nil {
		return err
	}
	c.Subscription = sub.ID
	_, err = s.stage.Service.Unpause(ctx, c)
	return err
}

func (s *story) skips(ctx context.Context, who whose, w *words, override bool) error {
	sub, err := s.about(ctx, who, w)
	if err != nil {
		return err
	}
	_, err = s.stage.Service.Skip(ctx, commerce.Skip{Call: s.call, Subscription: sub.ID, Override: override})
	return err
}

// reschedules is "to DATE [TIME] [for good]".
func (s *story) reschedules(ctx context.Context, who whose, w *words, _ bool) error {
	w.must("to")
	c := commerce.Reschedule{Call: s.call, To: w.instant()}
	c.ForGood = w.is("for good")
	sub, err := s.about(ctx, who, w)
	if err != nil {
		return err
	}
	c.Subscription = sub.ID
	_, err = s.stage.Service.Reschedule(ctx, c)
	return err
}

// aligns is "with CUSTOMER/NAME".
func (s *story) aligns(ctx context.Context, who whose, w *words, _ bool) error {
	w.must("with")
	other := s.whoseNamed(w)
	sub, err := s.about(ctx, who, w)
	if err != nil {
		return err
	}
	to, err := s.subscription(ctx, other)
	if err != nil {
		return err
	}
	_, err = s.stage.Service.Reschedule(ctx, commerce.Reschedule{Call: s.call, Subscription: sub.ID, AlignTo: to.ID})
	return err
}

// reactivates is "[at DATE [TIME]]".
func (s *story) reactivates(ctx context.Context, who whose, w *words, _ bool) error {
	c := commerce.Reactivate{Call: s.call}
	if w.is("at") {
		c.NextCharge = w.instant()
	}
	sub, err := s.about(ctx, who, w)
	if err != nil {
		return err
	}
	c.Subscription = sub.ID
	_, err = s.stage.Service.Reactivate(ctx, c)
	return err
}
