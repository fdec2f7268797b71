package simulation

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"perennial/internal/catalog"
	"perennial/internal/commerce"
	"perennial/internal/customer"
	"perennial/internal/money"
	"perennial/internal/subscription"
)

// action is one thing that may happen.
type action struct {
	name   string
	weight int
	can    func(w *world) bool
	// do lets it happen and tells what came of it in words that are the same every
	// time. What a request was refused with is an outcome; an error is a defect.
	do func(ctx context.Context, w *world) (string, error)
}

// actions are everything that may happen. A new one changes every history, but no
// promise.
var actions []action

func init() { //nolint:gochecknoinits // the actions name functions that name the list
	actions = []action{
		{"time passes", 150, always, timePasses},
		{"the machine's clock goes on", 30, always, tick},
		{"the machine's clock goes back", 6, always, tickBack},

		{"a customer comes", 45, func(w *world) bool { return len(w.customers) < w.o.Customers }, comes},
		{"a customer buys", 60, func(w *world) bool { return len(w.customers) > 0 }, buys},
		{"somebody new buys", 20, func(w *world) bool { return len(w.customers) < w.o.Customers }, newcomerBuys},
		{"a customer changes", 8, func(w *world) bool { return len(w.customers) > 0 }, customerChanges},

		{"cancel now", 12, hasSub, cancelNow},
		{"cancel at the period's end", 25, hasSub, cancelAtEnd},
		{"take the cancellation back", 25, hasScheduled, undo},
		{"a new card for one subscription", 18, hasSub, newCard},
		{"a new card for all subscriptions", 12, func(w *world) bool { return len(w.customers) > 0 }, newCardForAll},
		{"a card is detached", 6, hasMethod, detach},

		{"refund all", 12, hasPaid, refundAll},
		{"refund a part", 20, hasPaid, refundPart},
		{"refund too much", 4, hasPaid, refundTooMuch},
		{"void", 30, hasOpen, void},
		{"collect", 45, hasOpen, collect},

		{"the last request comes again", 30, func(w *world) bool { return len(w.requests) > 0 }, repeatLast},
		{"an older request comes again", 10, func(w *world) bool { return len(w.requests) > 0 }, repeatOlder},

		{"several at once", 120, func(w *world) bool { return w.o.Races && len(w.subs) > 0 }, together},

		{"a new price", 6, func(w *world) bool { return len(w.prices) < 12 }, func(ctx context.Context, w *world) (string, error) { return "done", w.addPrice(ctx) }},
		{"a price is archived", 3, func(w *world) bool { return len(w.prices) > 3 }, archivePrice},
		{"a product is archived", 1, func(w *world) bool { return len(w.prices) > 3 }, archiveProduct},
		{"another tax rate", 3, always, otherTax},
		{"the merchant moves", 1, always, moves},
	}
	for _, a := range append(stories(), documents()...) {
		can := a.can
		a.can = func(w *world) bool { return !w.o.Plain && can(w) }
		actions = append(actions, a)
	}
}

func always(*world) bool { return true }

func (s *sub) runs() bool { return !s.ended() }

func hasSub(w *world) bool { return len(w.subs) > 0 }

func hasScheduled(w *world) bool {
	return len(those(w.subs, func(s *sub) bool { return s.runs() && !s.now.CancelAt.IsZero() })) > 0
}

func hasMethod(w *world) bool { return len(w.withMethods()) > 0 }
func hasPaid(w *world) bool   { return len(w.paid) > 0 }
func hasOpen(w *world) bool   { return len(w.open) > 0 }

func (w *world) withMethods() []*holder {
	return those(w.customers, func(c *holder) bool { return len(c.methods) > 0 })
}

// choose draws the next action among those that can be.
func (w *world) choose() action {
	list := those(actions, func(a action) bool { return a.can(w) })
	sum := 0
	for _, a := range list {
		sum += a.weight
	}
	n := w.rng.IntN(sum)
	for _, a := range list {
		if n -= a.weight; n < 0 {
			return a
		}
	}
	return list[0]
}

// subject draws a subscription: nearly always one that runs.
func (w *world) subject() *sub {
	running := those(w.subs, (*sub).runs)
	if len(running) == 0 || w.roll(5) {
		return among(w.rng, w.subs)
	}
	return among(w.rng, running)
}

// plastic draws a card: mostly one that works. The second result says whether the
// line to the bank is bad for it.
func (w *world) plastic() string {
	token := "tok_visa"
	switch n := w.rng.IntN(100); {
	case n < 55:
	case n < 62:
		token = "tok_mastercard"
	case n < 78:
		token = "tok_declineAfter_" + strconv.Itoa(1+w.rng.IntN(9))
	case n < 90:
		token = among(w.rng, []string{"tok_timeout_charged", "tok_timeout_not_charged", "tok_unknown_then_declined"})
	case n < 95:
		token = among(w.rng, []string{"tok_chargeDeclined", "tok_chargeDeclinedInsufficientFunds", "tok_chargeDeclinedLostCard", "tok_threeDSecure2Required"})
	case n < 98:
		token = "tok_refundFail"
	default:
		token = "tok_nobody_knows"
	}
	return w.line.hand(token, w.roll(40))
}

// steadyCard draws a card that does the same at every charge, whatever the order.
func (w *world) steadyCard() string {
	return w.line.hand(among(w.rng, []string{"tok_visa", "tok_mastercard", "tok_amex", "tok_chargeDeclined", "tok_refundFail"}), false)
}

func (w *world) address(n int) string { return "customer-" + strconv.Itoa(n) + "@example.com" }

func comes(ctx context.Context, w *world) (string, error) {
	email, name := w.address(len(w.customers)+1), "Customer "+strconv.Itoa(len(w.customers)+1)
	return w.ask(ctx, func(ctx context.Context, s *commerce.Service, c commerce.Call) error {
		_, err := s.CreateCustomer(ctx, commerce.CreateCustomer{Call: c, Email: email, Buyer: customer.Buyer{Name: name}})
		return err
	})
}

func customerChanges(ctx context.Context, w *world) (string, error) {
	who, name := among(w.rng, w.customers), "Customer No. "+strconv.Itoa(w.step)
	w.action += " " + who.String()
	return w.ask(ctx, func(ctx context.Context, s *commerce.Service, c commerce.Call) error {
		_, err := s.UpdateCustomer(ctx, commerce.UpdateCustomer{Call: c, Customer: who.id, Name: &name})
		return err
	})
}

// order draws what is bought.
func (w *world) order(sell commerce.Sell) (commerce.Sell, string) {
	p := among(w.rng, w.prices)
	sell.Price, sell.Source = p.id, "simulation"
	sell.Quantity = 1 + w.rng.Int64N(min(p.most, 5))
	if w.roll(2) {
		sell.Quantity = p.most + 1
	}
	if !p.special && w.roll(10) {
		shown := money.Amount{Minor: w.firstDue(p, sell.Quantity), Currency: w.currency}
		if w.roll(30) {
			shown.Minor++
		}
		sell.Shown = &shown
	}
	what := fmt.Sprintf(" p%d x %d", p.n, sell.Quantity)
	if who := w.customerOf[sell.Customer]; who != nil && len(w.coupons) > 0 && w.roll(30) {
		sell.Options.Coupons = []string{among(w.rng, w.coupons)}
		who.cheaper = true
		what += " less " + sell.Options.Coupons[0]
	}
	return sell, what
}

func (w *world) sell(ctx context.Context, sell commerce.Sell) (string, error) {
	return w.ask(ctx, func(ctx context.Context, s *commerce.Service, c commerce.Call) error {
		sell := sell
		sell.Call = c
		if sell.Buyer != nil {
			buyer := *sell.Buyer
			sell.Buyer = &buyer
		}
		_, err := s.Sell(ctx, sell)
		return err
	})
}

func buys(ctx context.Context, w *world) (string, error) {
	who := among(w.rng, w.customers)
	sell, what := w.order(commerce.Sell{Customer: who.id})
	w.action += " " + who.String() + what
	steady := those(who.methods, func(m *method) bool { return m.steady })
	switch {
	case len(steady) > 0 && w.roll(40):
		m := among(w.rng, steady)
		sell.Method = m.id
		if m.detached {
			w.action += " with a detached card"
		}
	case w.roll(4): // with nothing to pay by
	default:
		sell.Token = w.plastic()
		w.action += " with " + sell.Token
	}
	return w.sell(ctx, sell)
}

func newcomerBuys(ctx context.Context, w *world) (string, error) {
	n := len(w.customers) + 1
	if n > 1 && w.roll(30) {
		n = 1 + w.rng.IntN(len(w.customers)) // who is no newcomer at all
	}
	sell, what := w.order(commerce.Sell{Buyer: &commerce.CreateCustomer{Email: w.address(n), Buyer: customer.Buyer{Name: "Customer " + strconv.Itoa(n)}}})
	sell.Token = w.plastic()
	w.action += " " + strconv.Itoa(n) + what + " with " + sell.Token
	return w.sell(ctx, sell)
}

func (w *world) cancel(ctx context.Context, when subscription.When) (string, error) {
	of := w.subject()
	w.action += " " + of.String()
	return w.ask(ctx, func(ctx context.Context, s *commerce.Service, c commerce.Call) error {
		_, err := s.Cancel(ctx, commerce.Cancel{Call: c, Subscription: of.id, When: when, Reason: "by chance"})
		return err
	})
}

func cancelNow(ctx context.Context, w *world) (string, error) { return w.cancel(ctx, subscription.Now) }
func cancelAtEnd(ctx context.Context, w *world) (string, error) {
	return w.cancel(ctx, subscription.AtPeriodEnd)
}

func undo(ctx context.Context, w *world) (string, error) {
	of := among(w.rng, those(w.subs, func(s *sub) bool { return s.runs() && !s.now.CancelAt.IsZero() }))
	if w.roll(10) {
		of = among(w.rng, w.subs)
	}
	w.action += " " + of.String()
	return w.ask(ctx, func(ctx context.Context, s *commerce.Service, c commerce.Call) error {
		_, err := s.UndoCancel(ctx, commerce.UndoCancel{Call: c, Subscription: of.id})
		return err
	})
}

// newCard attaches a card and names it for one subscription.
func newCard(ctx context.Context, w *world) (string, error) {
	of := w.subject()
	token := w.plastic()
	w.action += " " + of.String() + " " + token
	outcome, err := w.attach(ctx, of.customer, token, false)
	if err != nil || outcome != "done" {
		return outcome, err
	}
	m := of.customer.methods[len(of.customer.methods)-1]
	return w.ask(ctx, func(ctx context.Context, s *commerce.Service, c commerce.Call) error {
		_, err := s.ChangeMethod(ctx, commerce.ChangeMethod{Call: c, Subscription: of.id, Method: m.id})
		return err
	})
}

func newCardForAll(ctx context.Context, w *world) (string, error) {
	who := among(w.rng, w.customers)
	token := w.steadyCard()
	w.action += " " + who.String() + " " + token
	return w.attach(ctx, who, token, true)
}

// attach attaches a card to a customer and learns its identifier.
func (w *world) attach(ctx context.Context, who *holder, token string, forAll bool) (string, error) {
	outcome, err := w.ask(ctx, func(ctx context.Context, s *commerce.Service, c commerce.Call) error {
		_, err := s.AttachMethod(ctx, commerce.AttachMethod{Call: c, Customer: who.id, Token: token, ForSubscriptions: forAll})
		return err
	})
	if err != nil || outcome != "done" {
		return outcome, err
	}
	list, err := w.stage.Reader.Methods(ctx, w.acc, who.id)
	if err != nil {
		return outcome, err
	}
	if len(list) == 0 {
		return outcome, fmt.Errorf("%v has no payment method, though one was attached", who)
	}
	who.methods = append(who.methods, &method{id: list[0].ID, steady: forAll})
	return outcome, nil
}

func detach(ctx context.Context, w *world) (string, error) {
	who := among(w.rng, w.withMethods())
	n := w.rng.IntN(len(who.methods))
	w.action += fmt.Sprintf(" %v number %d", who, n)
	m := who.methods[n]
	m.detached = true
	return w.ask(ctx, func(ctx context.Context, s *commerce.Service, c commerce.Call) error {
		_, err := s.DetachMethod(ctx, commerce.DetachMethod{Call: c, Method: m.id})
		return err
	})
}

// giving draws a payment: mostly one of the latest that has something left.
func (w *world) giving() *paid {
	recent := w.paid[max(0, len(w.paid)-20):] // what a credit note took back of it is not known here
	if left := those(recent, func(p *paid) bool { return p.back < p.amount }); len(left) > 0 && !w.roll(5) {
		return among(w.rng, left)
	}
	return among(w.rng, w.paid)
}

func (w *world) refund(ctx context.Context, p *paid, amount int64) (string, error) {
	w.action += fmt.Sprintf(" %v %d of %d", p.owner, amount, p.amount-p.back)
	return w.ask(ctx, func(ctx context.Context, s *commerce.Service, c commerce.Call) error {
		_, err := s.Refund(ctx, commerce.Refund{Call: c, Payment: p.id, Amount: amount, Reason: "by chance"})
		return err
	})
}

func refundAll(ctx context.Context, w *world) (string, error) { return w.refund(ctx, w.giving(), 0) }

func refundPart(ctx context.Context, w *world) (string, error) {
	p := w.giving()
	if p.back == p.amount {
		return w.refund(ctx, p, 1)
	}
	return w.refund(ctx, p, 1+w.rng.Int64N(p.amount-p.back))
}

func refundTooMuch(ctx context.Context, w *world) (string, error) {
	p := w.giving()
	return w.refund(ctx, p, p.amount-p.back+1+w.rng.Int64N(1000))
}

func void(ctx context.Context, w *world) (string, error) {
	b := among(w.rng, w.open)
	w.action += fmt.Sprintf(" %v %d", b.owner, b.total)
	return w.ask(ctx, func(ctx context.Context, s *commerce.Service, c commerce.Call) error {
		_, err := s.VoidInvoice(ctx, commerce.VoidInvoice{Call: c, Invoice: b.id})
		return err
	})
}

func collect(ctx context.Context, w *world) (string, error) {
	b := among(w.rng, w.open)
	w.action += fmt.Sprintf(" %v %d", b.owner, b.total)
	ask := commerce.Collect{Invoice: b.id}
	if steady := those(b.owner.methods, func(m *method) bool { return m.steady && !m.detached }); len(steady) > 0 && w.roll(60) {
		ask.Method = among(w.rng, steady).id
	}
	return w.ask(ctx, func(ctx context.Context, s *commerce.Service, c commerce.Call) error {
		ask := ask
		ask.Call = c
		_, err := s.Collect(ctx, ask)
		return err
	})
}

func repeatLast(ctx context.Context, w *world) (string, error) {
	r := w.requests[len(w.requests)-1]
	if strings.HasPrefix(r.outcome, "pending") {
		return "is under way", nil
	}
	if r.final {
		return r.outcome, w.again(ctx, r)
	}
	outcome, err := w.deliver(ctx, r) // refusals are not remembered, and the clock may have gone on
	r.answered(outcome)
	return outcome, err
}

// repeatOlder asks again for something of the past, also for what was not answered
// for good: two minutes later it is not worked on any more, and its work goes on.
func repeatOlder(ctx context.Context, w *world) (string, error) {
	n := w.rng.IntN(len(w.requests))
	r := w.requests[n]
	w.action += " " + r.key
	until := w.stage.Clock.Now().UnixMicro() - r.machine // the clock may have gone back
	w.stage.Clock.Add(2*time.Minute + time.Duration(max(0, -until))*time.Microsecond)
	if r.final {
		return r.outcome, w.again(ctx, r)
	}
	if w.stage.Clock.Now().UnixMicro()-r.machine > keep {
		return "is forgotten", nil
	}
	outcome, err := w.deliver(ctx, r)
	r.answered(outcome)
	return outcome, err
}

func archivePrice(ctx context.Context, w *world) (string, error) {
	p := among(w.rng, w.prices)
	w.action += fmt.Sprintf(" p%d", p.n)
	state := catalog.Archived
	return w.ask(ctx, func(ctx context.Context, s *commerce.Service, c commerce.Call) error {
		_, err := s.UpdatePrice(ctx, commerce.UpdatePrice{Call: c, Price: p.id, State: &state})
		return err
	})
}

func archiveProduct(ctx context.Context, w *world) (string, error) {
	p := among(w.rng, w.prices).product
	state := catalog.Archived
	return w.ask(ctx, func(ctx context.Context, s *commerce.Service, c commerce.Call) error {
		_, err := s.UpdateProduct(ctx, commerce.UpdateProduct{Call: c, Product: p.id, State: &state})
		return err
	})
}

func otherTax(ctx context.Context, w *world) (string, error) {
	// What was invoiced so far was taxed at the rates so far.
	if err := w.checkInvoices(ctx); err != nil {
		return "", err
	}
	return "done", w.setTax(ctx)
}

func moves(ctx context.Context, w *world) (string, error) {
	zone := among(w.rng, zones)
	w.action += " to " + zone
	w.zone = zone
	return w.ask(ctx, func(ctx context.Context, s *commerce.Service, c commerce.Call) error {
		_, err := s.UpdateAccount(ctx, commerce.UpdateAccount{Call: c, Zone: &zone})
		return err
	})
}
