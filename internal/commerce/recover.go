package commerce

import (
	"time"

	"perennial/internal/account"
	"perennial/internal/catalog"
	"perennial/internal/db"
	"perennial/internal/event"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/link"
	"perennial/internal/payment"
	"perennial/internal/recovery"
	"perennial/internal/seal"
	"perennial/internal/subscription"
)

// rules are the recovery policies of products: each product's own, else its campaign's,
// else the account's, else the standard one.
type rules struct {
	byProduct map[id.Product]recovery.Policy
	campaigns map[id.Product]id.Campaign
}

// loadRules reads the policies of products. An account without policies costs one look.
func loadRules(tx *db.Tx, a account.Account, products map[id.Product]catalog.Product) (rules, error) {
	r := rules{byProduct: make(map[id.Product]recovery.Policy, len(products)), campaigns: make(map[id.Product]id.Campaign, len(products))}
	list, err := recovery.Policies(tx, a.ID, 0, recovery.MaxPolicies)
	if err != nil {
		return r, err
	}
	byID := map[id.RecoveryPolicy]recovery.Policy{0: recovery.Standard()}
	for _, p := range list {
		byID[p.ID] = p
	}
	var ids []int64
	for _, p := range products {
		ids = append(ids, int64(p.Campaign))
		r.campaigns[p.ID] = p.Campaign
	}
	var campaigns map[id.Campaign]catalog.Campaign
	if len(list) > 0 && len(ids) > 0 {
		if campaigns, err = catalog.CampaignsByID(tx, a.ID, ids); err != nil {
			return r, err
		}
	}
	for _, p := range products {
		chosen := byID[0]
		for _, choice := range []id.RecoveryPolicy{p.Settings.Recovery, campaigns[p.Campaign].Recovery, a.Settings.Recovery} {
			if policy, ok := byID[choice]; ok && choice != 0 {
				chosen = policy
				break
			}
		}
		r.byProduct[p.ID] = chosen
	}
	return r, nil
}

// of is the policy for a product.
func (r rules) of(p id.Product) recovery.Policy {
	if policy, ok := r.byProduct[p]; ok {
		return policy
	}
	return recovery.Standard()
}

// reminders are what a policy tells customers beyond what the card networks ask for.
func reminders(p recovery.Policy) subscription.Reminders {
	return subscription.Reminders{Days: p.RemindDays, Yearly: p.RemindYearly}
}

// reminders gives a new subscription those of its policy.
func (w *settlement) reminders(tx *db.Tx, sub *subscription.Subscription) error {
	product, err := catalog.LoadProduct(tx, w.account.ID, sub.Product)
	if err != nil {
		return err
	}
	known, err := loadRules(tx, w.account, map[id.Product]catalog.Product{product.ID: product})
	if err != nil {
		return err
	}
	if r := reminders(known.of(sub.Product)); r != (subscription.Reminders{}) {
		sub.Remind(r)
	}
	return nil
}

// declines are the recent declines of payment methods, as card networks count them: of
// the card, however often it was saved.
type declines struct {
	list []payment.Decline
	same map[id.Method]map[id.Method]bool // the methods that are the same card as one
}

// loadDeclines reads the declines of methods within the time for which they count.
func loadDeclines(tx *db.Tx, acc id.Account, of []payment.Method, now time.Time) (declines, error) {
	d := declines{same: make(map[id.Method]map[id.Method]bool, len(of))}
	var ids []int64
	var prints []string
	for _, m := range of {
		if m.ID != 0 {
			d.same[m.ID] = map[id.Method]bool{m.ID: true}
			ids = append(ids, int64(m.ID))
		}
		if m.Fingerprint != "" {
			prints = append(prints, m.Fingerprint)
		}
	}
	others, err := payment.Same(tx, acc, prints)
	if err != nil {
		return d, err
	}
	for _, m := range of {
		for _, other := range others {
			if m.ID != 0 && sameCard(m, other) && !d.same[m.ID][other.ID] {
				d.same[m.ID][other.ID] = true
				ids = append(ids, int64(other.ID))
			}
		}
	}
	d.list, err = payment.Declines(tx, acc, ids, now.Add(-recovery.CapWindow))
	return d, err
}

// sameCard reports whether two methods are one card. The test cards of a sandbox are many
// people's: there it is one only when one customer gave it.
func sameCard(a, b payment.Method) bool {
	return a.Fingerprint == b.Fingerprint && a.Gateway == b.Gateway && (a.Gateway != SandboxGateway || a.Customer == b.Customer)
}

// of are those of one card and amount.
func (d declines) of(m payment.Method, p payment.Payment) []time.Time {
	var list []time.Time
	for _, one := range d.list {
		if d.same[m.ID][one.Method] && one.Amount == p.Amount {
			list = append(list, one.At)
		}
	}
	return list
}

// last is the last refusal of a card among the payments of an invoice; its zero value
// when there was none.
func (d declines) last(tries []payment.Payment, m payment.Method) payment.Payment {
	for i := len(tries) - 1; i >= 0; i-- {
		if d.same[m.ID][tries[i].Method] && tries[i].State == payment.DeclinedState {
			return tries[i]
		}
	}
	return payment.Payment{}
}

// recovering is what a settlement knows and writes of failed payments.
type recovering struct {
	rules
	keys     *seal.Keys
	cases    map[id.Invoice]*recovery.Case
	tries    map[id.Invoice][]payment.Payment
	declines declines
	opened   []*recovery.Case
	followed []*recovery.Case
	links    []link.Link
}

// owes reports whether a collection is of the period that its subscription owes: those
// are recovered, invoices beside the periods are not.
func (c *collection) owes() bool {
	return c.sub != nil && c.order == nil && c.change == nil && c.sub.Invoice == c.invoice.ID
}

// refused reports whether a collection was declined.
func (c *collection) refused() bool {
	return !c.nothingDue && (c.payment.ID == 0 || c.payment.State == payment.DeclinedState)
}

// loadRecovering reads what the decisions about a list need, each kind in one query, and
// nothing when nothing failed.
func (s *Service) loadRecovering(tx *db.Tx, a account.Account, list []*collection) (recovering, error) {
	r := recovering{keys: s.seals}
	var known, failed, products []int64
	var methods []payment.Method
	for _, c := range list {
		if !c.owes() {
			continue
		}
		if c.refused() || c.sub.Failures > 0 || c.sub.State == subscription.Canceled {
			known = append(known, int64(c.invoice.ID))
		}
		if c.refused() {
			failed, products = append(failed, int64(c.invoice.ID)), append(products, int64(c.sub.Product))
			methods = append(methods, c.method)
		}
	}
	if len(known) == 0 {
		return r, nil
	}
	var err error
	if r.cases, err = recovery.CasesOf(tx, a.ID, known); err != nil || len(failed) == 0 {
		return r, err
	}
	found, err := catalog.ProductsByID(tx, a.ID, products)
	if err != nil {
		return r, err
	}
	if r.rules, err = loadRules(tx, a, found); err != nil {
		return r, err
	}
	if r.tries, err = payment.OfInvoices(tx, a.ID, failed); err != nil {
		return r, err
	}
	r.declines, err = loadDeclines(tx, a.ID, methods, list[0].at)
	return r, err
}

// failed follows a failed collection of what a subscription owes: its policy decides.
func (w *settlement) failed(c *collection, code string) error {
	kase := w.cases[c.invoice.ID]
	anew := kase != nil && kase.NextStep == recovery.NewTry
	w.save(c.sub)
	if c.sub.State == subscription.Canceled { // it was canceled meanwhile
		c.sub.RefusedSoon(c.invoice.ID, time.Time{})
		w.issuedFirst(c)
		return nil
	}
	if c.payment.ByHand && !anew {
		c.sub.RefusedByHand(c.at)
		return nil
	}
	policy := w.rules.of(c.sub.Product)
	f := w.failure(c, code)
	if anew {
		f.Passed = max(c.sub.Failures-1, 0) // the try of another method is no step of the schedule
	}
	d := policy.Next(f)
	before := c.sub.State
	switch {
	case anew && c.payment.ID != 0 && c.payment.Method != c.sub.Method:
		c.sub.RefusedSoon(c.invoice.ID, c.at) // what was under way when another method was given; that one comes now
		return nil
	case anew && kase.State == recovery.Unpaid:
		d = recovery.Decision{Ask: d.Ask, Why: "The schedule is over; it waits until somebody pays."}
		c.sub.RefusedSoon(c.invoice.ID, time.Time{})
	case d.Quick, anew:
		c.sub.RefusedSoon(c.invoice.ID, d.Next)
	case d.Final == "":
		c.sub.Refused(c.invoice.ID, d.Next)
	default:
		w.last(c, d.Final)
	}
	w.issuedFirst(c)
	if d.Quick && kase == nil {
		return nil
	}
	if anew && kase.RecoveredBy == recovery.ByLink {
		d.Mail = false // the customer is looking at it
	}
	kase = w.follow(c, kase, policy, d, code)
	w.tell(c, kase, d, before, code)
	return nil
}

// failure is a declined collection in the words of the policy.
func (w *settlement) failure(c *collection, code string) recovery.Failure {
	f := recovery.Failure{At: c.at, Zone: w.account.Location(), Passed: c.sub.Failures, Class: recovery.Class(payment.ClassOf(code)), Words: payment.Words(code), Wait: payment.Waits[code]}
	tries := w.tries[c.invoice.ID]
	for i := len(tries) - 1; i >= 0 && tries[i].Class == payment.Technical; i-- {
		f.Quick++
	}
	if c.method.ID != 0 {
		f.Declines = w.declines.of(c.method, payment.Payment{Amount: c.invoice.Due()})
	}
	return f
}

// issuedFirst tells of the invoice, once: with its first failure, because one that is
// paid at once is told of as paid.
func (w *settlement) issuedFirst(c *collection) {
	if len(w.tries[c.invoice.ID]) <= 1 && w.cases[c.invoice.ID] == nil && !c.payment.ByHand {
		w.add(c, event.InvoiceIssued, int64(c.invoice.ID), event.Data(map[string]any{"number": c.invoice.Label(), "amount": c.invoice.Total.Minor, "currency": c.invoice.Total.Currency}))
	}
}

// last does what comes after the last try.
func (w *settlement) last(c *collection, final recovery.Final) {
	scheduled := c.sub.Scheduled()
	switch final {
	case recovery.Pause:
		c.sub.RefusedLast(c.invoice.ID, subscription.PauseUnpaid, c.at)
	case recovery.KeepUnpaid:
		c.sub.RefusedLast(c.invoice.ID, subscription.KeepUnpaid, c.at)
	default:
		c.sub.RefusedLast(c.invoice.ID, subscription.EndUnpaid, c.at)
		c.lost = true
		ended := event.New(w.account.ID, c.at, c.actor, event.SubscriptionCanceled, int64(c.sub.ID), c.invoice.Customer, event.Data(map[string]any{"reason": c.sub.EndReason}))
		ended.Inward = final == recovery.CancelSilent
		w.events = append(w.events, ended)
		w.undo(c, c.sub, scheduled)
	}
}

// follow notes in the case what was decided.
func (w *settlement) follow(c *collection, kase *recovery.Case, p recovery.Policy, d recovery.Decision, code string) *recovery.Case {
	if kase == nil {
		kase = &recovery.Case{ID: id.New[id.RecoveryCase](), Account: w.account.ID, Invoice: c.invoice.ID, Subscription: c.sub.ID, Customer: c.invoice.Customer,
			Product: c.sub.Product, Campaign: w.campaigns[c.sub.Product], State: recovery.Open, FirstCode: code, OpenedAt: c.at}
		w.opened = append(w.opened, kase)
	} else {
		w.followed = append(w.followed, kase)
	}
	kase.Policy, kase.Steps, kase.Access, kase.RecoveredBy = p.ID, len(p.Steps)+1, p.Access, recovery.Nobody
	kase.Amount, kase.Code, kase.Class, kase.Step = c.invoice.Due(), code, recovery.Class(payment.ClassOf(code)), c.sub.Failures
	if c.payment.ID != 0 {
		kase.Method = c.payment.Method
		kase.Attempts++
	}
	kase.Follow(d)
	switch {
	case c.sub.State == subscription.Canceled:
		kase.Close(recovery.Lost, recovery.Nobody, c.at)
	case d.Final != "":
		kase.State = recovery.Unpaid
	case c.sub.NextActionAt.Before(kase.NextAt):
		kase.NextAt, kase.NextStep = c.sub.NextActionAt, recovery.WillEnd
	}
	return kase
}

// tell appends the events of a failure.
func (w *settlement) tell(c *collection, kase *recovery.Case, d recovery.Decision, before subscription.State, code string) {
	facts := map[string]any{"invoice": c.invoice.ID, "number": c.invoice.Label(), "code": code, "class": kase.Class, "words": payment.Words(code),
		"amount": kase.Amount.Minor, "currency": kase.Amount.Currency, "attempt": kase.Step, "of": kase.Steps, "why": d.Why, "access": kase.Access, "case": kase.ID}
	if !c.sub.NextActionAt.IsZero() {
		facts["next_try"] = c.sub.NextActionAt
		facts["charge"] = d.Charge
	}
	if d.Mail && d.Ask != recovery.AskNothing {
		purpose := link.UpdateMethod
		if d.Ask == recovery.AskConfirm {
			purpose = link.ConfirmPayment
		}
		made := link.New(w.keys, w.account.ID, purpose, c.invoice.Customer, int64(c.invoice.ID), c.at)
		w.links = append(w.links, made)
		facts["link"], facts["ask"] = made.ID, d.Ask
	}
	if c.sub.State == subscription.PastDue && before != subscription.PastDue {
		w.add(c, event.SubscriptionPastDue, int64(c.sub.ID), event.Data(facts))
	}
	if d.Mail {
		w.add(c, event.PaymentFailing, int64(c.sub.ID), event.Data(facts))
	}
	if d.Final == "" || c.sub.State == subscription.Canceled {
		return
	}
	if c.sub.State == subscription.Paused && before != subscription.Paused {
		w.add(c, event.SubscriptionPaused, int64(c.sub.ID), event.Data(map[string]any{"until": nil, "reason": subscription.PaymentFailed, "invoice": c.invoice.ID}))
		return
	}
	w.add(c, event.SubscriptionUnpaid, int64(c.sub.ID), event.Data(facts))
}

// recovered closes the case of what was paid.
func (w *settlement) recovered(c *collection) {
	kase := w.cases[c.invoice.ID]
	if kase == nil {
		return
	}
	by := kase.RecoveredBy
	switch {
	case by != recovery.Nobody:
	case c.payment.ByHand:
		by = recovery.ByHand
	default:
		by = recovery.ByAttempt
	}
	kase.Close(recovery.Recovered, by, c.at)
	w.followed = append(w.followed, kase)
}

// asked notes in the case that the outcome of a charge is not known.
func (w *settlement) asked(c *collection) {
	kase := w.cases[c.invoice.ID]
	if kase == nil || !c.owes() {
		return
	}
	kase.NextAt = c.payment.AskAt
	if kase.NextStep != recovery.NewTry {
		kase.NextStep = recovery.AskedBank
	}
	w.followed = append(w.followed, kase)
}

// write puts down cases and links.
func (r *recovering) write(tx *db.Tx, acc id.Account) error {
	if len(r.opened) > 0 {
		if err := recovery.InsertCases(tx, r.opened); err != nil {
			return err
		}
	}
	if err := saveCases(tx, r.followed); err != nil || len(r.links) == 0 {
		return err
	}
	return link.Mint(tx, acc, r.links, r.links[0].CreatedAt)
}

func saveCases(tx *db.Tx, list []*recovery.Case) error {
	conflicts, err := recovery.SaveCases(tx, list)
	if err == nil && len(conflicts) > 0 {
		err = db.VersionConflict()
	}
	return err
}

// closeCase closes the case of an invoice that nobody recovers any more, if it has one.
func closeCase(tx *db.Tx, acc id.Account, v id.Invoice, to recovery.State, at time.Time) error {
	if v == 0 {
		return nil
	}
	return closeCases(tx, acc, []int64{int64(v)}, to, at)
}

func closeCases(tx *db.Tx, acc id.Account, invoices []int64, to recovery.State, at time.Time) error {
	found, err := recovery.CasesOf(tx, acc, invoices)
	if err != nil {
		return err
	}
	var list []*recovery.Case
	for _, kase := range found {
		if kase.Running() {
			kase.Close(to, recovery.Nobody, at)
			list = append(list, kase)
		}
	}
	return saveCases(tx, list)
}

// forbidden refuses a charge that somebody asks for and a card network forbids.
func forbidden(tx *db.Tx, a account.Account, m payment.Method, p payment.Payment, tries []payment.Payment, sub *subscription.Subscription, now time.Time) error {
	recent, err := loadDeclines(tx, a.ID, []payment.Method{m}, now)
	if err != nil {
		return err
	}
	var product id.Product // 0 of an invoice without a subscription: the account's policy
	if sub != nil {
		product = sub.Product
	}
	products, err := catalog.ProductsByID(tx, a.ID, []int64{int64(product)})
	if err != nil {
		return err
	}
	known, err := loadRules(tx, a, products)
	if err != nil {
		return err
	}
	last := recent.last(tries, m)
	if why := recovery.Forbidden(recovery.Class(last.Class), payment.Words(last.DeclineCode), recovery.Caps{Most: known.of(product).MaxDeclines, Declines: recent.of(m, p)}, now); why != "" {
		return fault.New(fault.Conflict, "%s", why).WithCode("retry_forbidden")
	}
	return nil
}
