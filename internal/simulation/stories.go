package simulation

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"perennial/internal/commerce"
	"perennial/internal/coupon"
	"perennial/internal/money"
	"perennial/internal/subscription"
)

// stories are the actions that change what a subscription is charged, and when.
func stories() []action {
	return []action{
		{"change of terms", 40, hasSub, changeNow},
		{"change of terms later", 20, hasSub, changeLater},
		{"take the change back", 12, hasRunning(func(s *sub) bool { return s.now.Change != 0 }), undoChange},
		{"pause", 18, hasSub, pause},
		{"unpause", 25, hasRunning(func(s *sub) bool { return s.now.State == subscription.Paused || s.now.Extras.Pausing != nil }), unpause},
		{"skip", 10, hasSub, skip},
		{"move the next charge", 14, hasSub, reschedule},
		{"align", 8, hasSub, align},
		{"reactivate", 16, func(w *world) bool { return len(those(w.subs, (*sub).ended)) > 0 }, reactivate},
		{"a coupon is made", 8, func(w *world) bool { return len(w.coupons) < 8 }, makeCoupon},
		{"a coupon is applied", 14, func(w *world) bool { return len(w.subs) > 0 && len(w.coupons) > 0 }, applyCoupon},
		{"an amount for the next invoice", 12, hasSub, addItem},
	}
}

// documents are the actions about credit and what is owed.
func documents() []action {
	return []action{
		{"credit is given or taken", 14, func(w *world) bool { return len(w.customers) > 0 }, adjustCredit},
		{"a credit note", 18, func(w *world) bool { return len(w.bills) > 0 }, creditNote},
		{"an invoice is given up", 10, hasOpen, giveUp},
	}
}

func hasRunning(ok func(*sub) bool) func(*world) bool {
	return func(w *world) bool { return len(those(w.subs, func(s *sub) bool { return s.runs() && ok(s) })) > 0 }
}

// special draws a subscription whose periods will not be plain any more.
func (w *world) special(ok func(*sub) bool) *sub {
	of := w.subject()
	if list := those(w.subs, ok); len(list) > 0 && !w.roll(10) {
		of = among(w.rng, list)
	}
	w.action += " " + of.String()
	return of
}

// terms draws what a subscription is changed to.
func (w *world) terms(of *sub) commerce.NewTerms {
	to := commerce.NewTerms{Reset: w.roll(15), CarryTrial: w.roll(30)}
	if w.roll(70) {
		p := among(w.rng, w.prices)
		to.Price = p.id
		w.action += " to p" + strconv.Itoa(p.n)
	}
	if to.Price == 0 || w.roll(30) {
		to.Quantity = 1 + w.rng.Int64N(max(of.price.most, 2))
		w.action += " x " + strconv.FormatInt(to.Quantity, 10)
	}
	if w.roll(60) {
		preset := among(w.rng, subscription.Presets())
		to.Proration = &preset.Proration
		w.action += " by " + preset.Name
	}
	if w.roll(8) {
		charge := w.rng.Int64N(1000)
		to.Charge = &charge
	}
	if w.roll(8) {
		give := w.rng.Int64N(1000)
		to.Credit = &give
	}
	return to
}

func (w *world) change(ctx context.Context, of *sub, ask commerce.Change) (string, error) {
	of.changed, of.moved = true, true
	ask.Subscription = of.id
	return w.ask(ctx, func(ctx context.Context, s *commerce.Service, c commerce.Call) error {
		ask := ask
		ask.Call = c
		_, err := s.Change(ctx, ask)
		return err
	})
}

// changeNow changes terms at once: now and then as a preview said, which must then be
// charged to the cent.
func changeNow(ctx context.Context, w *world) (string, error) {
	of := w.special((*sub).runs)
	ask := commerce.Change{To: w.terms(of), When: subscription.Now}
	if !w.roll(50) {
		return w.change(ctx, of, ask)
	}
	plan, err := w.service.PreviewChange(ctx, w.acc, of.id, ask.To, w.now)
	if err != nil {
		outcome, err := expected(err)
		return "preview: " + outcome, err
	}
	ask.Shown, ask.At = &plan.Due, w.now
	w.action += fmt.Sprintf(" for %d less %d", plan.Due.Minor, plan.Credited.Minor)
	outcome, err := w.change(ctx, of, ask)
	if outcome == "refused price_changed" || outcome == "refused preview_expired" {
		err = fmt.Errorf("a preview of this moment said that %d is due, and was refused: %s", plan.Due.Minor, outcome)
	}
	return outcome, err
}

func changeLater(ctx context.Context, w *world) (string, error) {
	of := w.special((*sub).runs)
	ask := commerce.Change{To: w.terms(of), When: subscription.AtPeriodEnd}
	if w.roll(50) {
		ask.When, ask.At = subscription.AtDate, w.now.Add(w.jump()).Truncate(time.Microsecond)
	}
	return w.change(ctx, of, ask)
}

func undoChange(ctx context.Context, w *world) (string, error) {
	of := w.special(func(s *sub) bool { return s.runs() && s.now.Change != 0 })
	return w.ask(ctx, func(ctx context.Context, s *commerce.Service, c commerce.Call) error {
		_, err := s.UndoChange(ctx, commerce.UndoChange{Call: c, Subscription: of.id})
		return err
	})
}

func pause(ctx context.Context, w *world) (string, error) {
	of := w.special((*sub).runs)
	of.moved = true
	ask := commerce.Pause{Subscription: of.id, AtPeriodEnd: w.roll(40), Collect: w.roll(40), Override: !w.roll(10), NoFee: w.roll(50)}
	switch w.rng.IntN(3) {
	case 0:
		ask.Until = w.now.Add(w.jump()).Truncate(time.Microsecond)
	case 1:
		ask.Periods = 1 + w.rng.IntN(3)
	}
	return w.ask(ctx, func(ctx context.Context, s *commerce.Service, c commerce.Call) error {
		ask := ask
		ask.Call = c
		_, err := s.Pause(ctx, ask)
		return err
	})
}

func unpause(ctx context.Context, w *world) (string, error) {
	of := w.special(func(s *sub) bool {
		return s.runs() && (s.now.State == subscription.Paused || s.now.Extras.Pausing != nil)
	})
	of.moved = true
	collect := w.roll(50)
	return w.ask(ctx, func(ctx context.Context, s *commerce.Service, c commerce.Call) error {
		_, err := s.Unpause(ctx, commerce.Unpause{Call: c, Subscription: of.id, Collect: collect})
		return err
	})
}

func skip(ctx context.Context, w *world) (string, error) {
	of := w.special((*sub).runs)
	of.moved = true
	override := !w.roll(10)
	return w.ask(ctx, func(ctx context.Context, s *commerce.Service, c commerce.Call) error {
		_, err := s.Skip(ctx, commerce.Skip{Call: c, Subscription: of.id, Override: override})
		return err
	})
}

func reschedule(ctx context.Context, w *world) (string, error) {
	of := w.special((*sub).runs)
	of.moved = true
	ask := commerce.Reschedule{Subscription: of.id, To: w.now.Add(w.jump()).Truncate(time.Microsecond), ForGood: w.roll(50)}
	return w.ask(ctx, func(ctx context.Context, s *commerce.Service, c commerce.Call) error {
		ask := ask
		ask.Call = c
		_, err := s.Reschedule(ctx, ask)
		return err
	})
}

func align(ctx context.Context, w *world) (string, error) {
	of := w.special((*sub).runs)
	of.moved = true
	to := among(w.rng, of.customer.subs)
	return w.ask(ctx, func(ctx context.Context, s *commerce.Service, c commerce.Call) error {
		_, err := s.Reschedule(ctx, commerce.Reschedule{Call: c, Subscription: of.id, AlignTo: to.id})
		return err
	})
}

func reactivate(ctx context.Context, w *world) (string, error) {
	of := w.special((*sub).ended)
	of.moved = true
	var next time.Time
	if w.roll(60) {
		next = w.now.Add(w.jump()).Truncate(time.Microsecond)
	}
	return w.ask(ctx, func(ctx context.Context, s *commerce.Service, c commerce.Call) error {
		_, err := s.Reactivate(ctx, commerce.Reactivate{Call: c, Subscription: of.id, NextCharge: next})
		return err
	})
}

func makeCoupon(ctx context.Context, w *world) (string, error) {
	made := coupon.Coupon{Code: "CODE-" + strconv.Itoa(len(w.coupons)+1), Kind: coupon.Percent, Stackable: w.roll(50), IncludeSetup: w.roll(30),
		AppliesTo: among(w.rng, []coupon.Scope{coupon.First, coupon.Rebills, coupon.AllNoSplit, coupon.All, coupon.All}), MaxRedemptions: w.rng.Int64N(8), MaxPerCustomer: w.rng.Int64N(3)}
	if made.AppliesTo != coupon.First {
		made.Cycles = w.rng.IntN(4)
	}
	if w.roll(50) {
		made.Kind, made.Amount = coupon.Fixed, money.Amount{Minor: 1 + w.rng.Int64N(5000), Currency: w.currency}
	} else {
		rate, err := money.ParseRate(among(w.rng, []string{"0.1", "0.333", "0.5", "1"}))
		if err != nil {
			return "", err
		}
		made.Percent = rate
	}
	outcome, err := w.ask(ctx, func(ctx context.Context, s *commerce.Service, c commerce.Call) error {
		_, err := s.CreateCoupon(ctx, commerce.CreateCoupon{Call: c, Coupon: made})
		return err
	})
	if outcome == "done" {
		w.coupons = append(w.coupons, made.Code)
	}
	return outcome, err
}

func applyCoupon(ctx context.Context, w *world) (string, error) {
	of, code := w.special((*sub).runs), among(w.rng, w.coupons)
	of.changed = true
	w.action += " " + code
	return w.ask(ctx, func(ctx context.Context, s *commerce.Service, c commerce.Call) error {
		_, err := s.ApplyCoupon(ctx, commerce.ApplyCoupon{Call: c, Subscription: of.id, Code: code})
		return err
	})
}

func addItem(ctx context.Context, w *world) (string, error) {
	of, amount := w.special((*sub).runs), 1+w.rng.Int64N(10_000)
	of.changed = true
	w.action += " " + strconv.FormatInt(amount, 10)
	return w.ask(ctx, func(ctx context.Context, s *commerce.Service, c commerce.Call) error {
		_, err := s.AddItem(ctx, commerce.AddItem{Call: c, Subscription: of.id, Description: "By chance", Amount: amount})
		return err
	})
}

func adjustCredit(ctx context.Context, w *world) (string, error) {
	who, amount := among(w.rng, w.customers), money.Amount{Minor: 1 + w.rng.Int64N(20_000), Currency: w.currency}
	if w.roll(30) {
		amount.Minor = -amount.Minor / 4
	}
	w.action += fmt.Sprintf(" %v %d", who, amount.Minor)
	return w.ask(ctx, func(ctx context.Context, s *commerce.Service, c commerce.Call) error {
		_, err := s.AdjustCredit(ctx, commerce.AdjustCredit{Call: c, Customer: who.id, Amount: amount, Note: "by chance"})
		return err
	})
}

// creditNote takes back a part or all of one of the latest invoices that were paid, or
// of one that is owed.
func creditNote(ctx context.Context, w *world) (string, error) {
	ask := commerce.CreditNote{}
	var total int64
	switch {
	case len(w.open) > 0 && w.roll(40):
		b := among(w.rng, w.open)
		ask.Invoice, total = b.id, b.total
	case len(w.paid) > 0:
		p := w.giving()
		ask.Invoice, total = p.invoice, p.amount
	default:
		return "nothing to credit", nil
	}
	if w.roll(60) {
		ask.Amount = 1 + w.rng.Int64N(total)
	}
	w.action += fmt.Sprintf(" %d of %d", ask.Amount, total)
	return w.ask(ctx, func(ctx context.Context, s *commerce.Service, c commerce.Call) error {
		ask := ask
		ask.Call = c
		_, err := s.CreditNote(ctx, ask)
		return err
	})
}

func giveUp(ctx context.Context, w *world) (string, error) {
	b := among(w.rng, w.open)
	w.action += fmt.Sprintf(" %v %d", b.owner, b.total)
	return w.ask(ctx, func(ctx context.Context, s *commerce.Service, c commerce.Call) error {
		_, err := s.GiveUpInvoice(ctx, commerce.GiveUpInvoice{Call: c, Invoice: b.id})
		return err
	})
}
