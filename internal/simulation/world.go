package simulation

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"hash"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"

	"perennial/internal/account"
	"perennial/internal/commerce"
	"perennial/internal/event"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/invoice"
	"perennial/internal/money"
	"perennial/internal/period"
	"perennial/internal/report"
	"perennial/internal/subscription"
)

// world is a merchant's business, and what the simulation knows of it by itself.
type world struct {
	o       Options
	stage   Stage
	rng     *rand.Rand // what happens
	chaos   *rand.Rand // where it breaks
	strides *rand.Rand // how a clock is advanced
	line    *line      // to the bank
	service *commerce.Service

	acc      id.Account
	currency money.Currency
	zone     string
	taxes    []string // every rate that was ever set, the present one last
	begun    time.Time
	now      time.Time // on the account's clock

	prices    []*price
	customers []*holder
	subs      []*sub
	open      []*bill // issued and not paid, oldest first
	paid      []*paid // payments that went through
	requests  []*request
	coupons   []string // codes

	customerOf map[id.Customer]*holder
	subOf      map[id.Subscription]*sub
	priceOf    map[id.Price]*price
	bills      map[id.Invoice]invoice.Invoice // as they were when they were seen last
	seen       id.Event                       // the newest event that was read

	step    int
	action  string
	ended   bool
	worked  bool // everything that was due has just been done
	stopped int  // how often an advance rested on its way
	digest  hash.Hash
	result  Result
}

type product struct {
	id id.Product
}

// price is what the simulation knows of a price.
type price struct {
	n        int
	id       id.Price
	product  *product
	amount   int64 // minor units
	interval period.Interval
	trial    int // days
	setup    int64
	most     int64
	special  bool // it has terms that the simulation does not compute by itself
}

func (p *price) recurring() bool { return !p.interval.IsZero() }

// method is a payment method of a customer. One that is steady does the same at
// every charge and may be charged for several subscriptions.
type method struct {
	id       id.Method
	steady   bool
	detached bool
}

// holder is a customer.
type holder struct {
	n       int
	id      id.Customer
	email   string
	cheaper bool // some of the subscriptions that begin from now on have a coupon
	methods []*method
	subs    []*sub
}

func (c *holder) String() string { return "c" + strconv.Itoa(c.n) }

type sub struct {
	n        int // of the customer's
	id       id.Subscription
	customer *holder
	price    *price
	quantity int64
	now      subscription.Subscription // as it stands
	// What the simulation computes by itself is what is charged and when, unless
	// somebody changed or moved it.
	changed, moved bool
}

func (s *sub) plain() bool { return !s.changed && !s.moved && !s.price.special }

func (s *sub) String() string { return fmt.Sprintf("%v/s%d", s.customer, s.n) }

func (s *sub) ended() bool { return s.now.State == subscription.Canceled }

// bill is an invoice.
type bill struct {
	id    id.Invoice
	owner *holder
	total int64
}

// paid is a payment that went through.
type paid struct {
	id      id.Payment
	invoice id.Invoice
	owner   *holder
	amount  int64
	back    int64 // refunded, or promised to be
}

// roll reports something that happens n times of a hundred.
func (w *world) roll(n int) bool { return w.rng.IntN(100) < n }

// among draws one of a list.
func among[T any](rng *rand.Rand, list []T) T { return list[rng.IntN(len(list))] }

// those are the members of a list that meet a condition.
func those[T any](list []T, ok func(T) bool) []T {
	var out []T
	for _, v := range list {
		if ok(v) {
			out = append(out, v)
		}
	}
	return out
}

// happening is an event in words that are the same every time.
type happening struct {
	event.Event
	who  string
	text string
	data map[string]any
}

// look reads what happened since the last look and how everything stands, writes
// the history, and makes the checks that cost little.
func (w *world) look(ctx context.Context) error {
	list, err := w.news(ctx)
	if err != nil {
		return err
	}
	if err := w.learn(list); err != nil {
		return err
	}
	if err := w.refresh(ctx, len(list) > 0 || w.step%8 == 0); err != nil {
		return err
	}
	last := happening{}
	for _, h := range list {
		switch {
		case h.Kind == event.ClockAdvanced: // there is one for each stride
		case h.Kind == event.PaymentUnknown && h.Subject == last.Subject && h.At.Equal(last.At): // and one for each time that nobody answered
		default:
			w.note("  %s %s %s", h.At.Format(time.RFC3339Nano), h.who, h.text)
		}
		last = h
	}
	return w.checkStep()
}

// The events are read in pages that grow: mostly few are new.
const (
	firstPage = 8
	mostPage  = 512
)

// news are the events since the last look in an order that does not depend on
// identifiers.
func (w *world) news(ctx context.Context) ([]happening, error) {
	var list []event.Event
	before := id.Event(0)
	for limit := firstPage; ; limit = min(4*limit, mostPage) {
		page, err := w.stage.Reader.Events(ctx, w.acc, event.Filter{Before: before, Limit: limit})
		if err != nil {
			return nil, err
		}
		for _, e := range page {
			if e.ID <= w.seen {
				page = nil
				break
			}
			list = append(list, e)
			before = e.ID
		}
		if len(page) < limit {
			break
		}
	}
	slices.Reverse(list)
	for i := range list {
		if i > 0 && list[i].ID <= list[i-1].ID {
			return nil, fmt.Errorf("event %s is there twice", list[i].ID)
		}
		if list[i].Kind == event.CustomerCreated { // so that everybody has a name below
			w.meet(id.Customer(list[i].Subject), list[i].Data)
		}
		w.seen = list[i].ID
	}
	out := make([]happening, len(list))
	for i, e := range list {
		h, err := w.tell(e)
		if err != nil {
			return nil, err
		}
		out[i] = h
	}
	slices.SortStableFunc(out, happening.compare)
	return out, w.untie(ctx, out)
}

func (h happening) compare(o happening) int {
	return cmp.Or(h.At.Compare(o.At), strings.Compare(h.who, o.who), strings.Compare(h.text, o.text))
}

// untie orders what reads the same: a customer's invoices of one moment, by the
// subscriptions that they are for. Which of them is drawn later must not be chance.
func (w *world) untie(ctx context.Context, list []happening) error {
	for from := 0; from < len(list); {
		to := from + 1
		for to < len(list) && list[to].compare(list[from]) == 0 {
			to++
		}
		if k := list[from].Kind; to-from > 1 && (k == event.InvoicePaid || k == event.InvoiceIssued) {
			whose := map[int64]string{}
			for _, h := range list[from:to] {
				v, err := w.stage.Reader.Invoice(ctx, w.acc, id.Invoice(h.Subject))
				if err != nil {
					return err
				}
				if s := w.subOf[v.Invoice.Subscription]; s != nil {
					whose[h.Subject] = s.String()
				}
			}
			slices.SortStableFunc(list[from:to], func(a, b happening) int { return strings.Compare(whose[a.Subject], whose[b.Subject]) })
		}
		from = to
	}
	return nil
}

func (w *world) meet(c id.Customer, data string) {
	var facts struct{ Email string }
	_ = json.Unmarshal([]byte(data), &facts) // tell refuses what is no JSON
	made := &holder{n: len(w.customers) + 1, id: c, email: facts.Email}
	w.customers = append(w.customers, made)
	w.customerOf[c] = made
}

// tell spells an event without identifiers and without what depends on the order
// in which things of one moment were written.
func (w *world) tell(e event.Event) (happening, error) {
	h := happening{Event: e, who: "-"}
	if c := w.customerOf[e.Customer]; c != nil {
		h.who = c.String()
	}
	d := json.NewDecoder(strings.NewReader(e.Data))
	d.UseNumber()
	if err := d.Decode(&h.data); err != nil {
		return h, fmt.Errorf("the data of event %s is no JSON: %w", e.ID, err)
	}
	if s := w.subOf[id.Subscription(e.Subject)]; s != nil {
		h.who = s.String()
	}
	shown := map[string]any{}
	for name, value := range h.data {
		if text, ok := value.(string); ok {
			value = nameless(text)
		}
		if name != "number" && name != "hint" {
			shown[name] = value
		}
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(shown); err != nil {
		return h, err
	}
	h.text = string(e.Kind) + " " + strings.TrimSpace(b.String())
	return h, nil
}

// nameless cuts an identifier down to its kind.
func nameless(text string) string {
	prefix, rest, ok := strings.Cut(text, "_")
	if ok && len(rest) == 13 && len(prefix) <= 3 {
		return prefix
	}
	return text
}

// minor reads a whole number of an event's facts.
func (h happening) minor(name string) int64 {
	n, ok := h.data[name].(json.Number)
	if !ok {
		return 0
	}
	v, _ := n.Int64() // our own numbers
	return v
}

func (h happening) word(name string) string {
	text, _ := h.data[name].(string)
	return text
}

// learn takes up what the events tell.
func (w *world) learn(list []happening) error {
	for i := range list {
		h := &list[i]
		owner := w.customerOf[h.Customer]
		switch h.Kind {
		case event.SubscriptionCreated:
			if err := w.begins(h, owner); err != nil {
				return err
			}
			h.who = w.subOf[id.Subscription(h.Subject)].String()
		case event.InvoiceIssued:
			w.owes(id.Invoice(h.Subject), owner, h.minor("amount"))
		case event.InvoicePaid:
			w.settled(id.Invoice(h.Subject))
			if h.word("payment") == "" {
				break // credit paid for all of it
			}
			p, err := id.Parse[id.Payment](h.word("payment"))
			if err != nil {
				return fmt.Errorf("a paid invoice names no payment: %w", err)
			}
			w.paid = append(w.paid, &paid{id: p, invoice: id.Invoice(h.Subject), owner: owner, amount: h.minor("amount") - h.minor("credit_used")})
		case event.InvoiceVoided, event.InvoiceUncollectible:
			w.settled(id.Invoice(h.Subject))
		case event.RefundCreated, event.RefundFailed:
			if err := w.goesBack(h); err != nil {
				return err
			}
		}
	}
	for _, p := range w.paid { // only now: what happened at one moment stands in no order
		if p.back < 0 || p.back > p.amount {
			return fmt.Errorf("payment %s of %d gives %d back", p.id, p.amount, p.back)
		}
	}
	return nil
}

func (w *world) begins(h *happening, owner *holder) error {
	sid := id.Subscription(h.Subject)
	if w.subOf[sid] != nil {
		return fmt.Errorf("subscription %s began twice", sid)
	}
	p, err := id.Parse[id.Price](h.word("price"))
	if err != nil || owner == nil || w.priceOf[p] == nil {
		return fmt.Errorf("subscription %s began for nobody or at no price", sid)
	}
	s := &sub{n: len(owner.subs) + 1, id: sid, customer: owner, price: w.priceOf[p], quantity: h.minor("quantity"), changed: owner.cheaper}
	owner.subs = append(owner.subs, s)
	w.subs = append(w.subs, s)
	w.subOf[sid] = s
	return nil
}

func (w *world) owes(inv id.Invoice, owner *holder, total int64) {
	w.open = append(w.open, &bill{id: inv, owner: owner, total: total})
}

func (w *world) settled(inv id.Invoice) {
	w.open = slices.DeleteFunc(w.open, func(b *bill) bool { return b.id == inv })
}

// goesBack keeps the tally of what a payment gave back.
func (w *world) goesBack(h *happening) error {
	i := slices.IndexFunc(w.paid, func(p *paid) bool { return p.id.String() == h.word("payment") })
	if i < 0 {
		return fmt.Errorf("a refund names payment %s, which never went through", h.word("payment"))
	}
	p := w.paid[i]
	if h.Kind == event.RefundFailed {
		p.back -= h.minor("amount")
	} else {
		p.back += h.minor("amount")
	}
	return nil
}

// subPage is how many subscriptions are read at once.
const subPage = 500

// refresh reads how the account stands and, when all is set, its subscriptions.
func (w *world) refresh(ctx context.Context, all bool) error {
	a, now, err := w.stage.Reader.Account(ctx, w.acc)
	if err != nil {
		return err
	}
	if !a.ClockTarget.IsZero() {
		return fmt.Errorf("the clock stands, but is said to be on its way to %s", a.ClockTarget)
	}
	w.now = now
	if !all {
		return nil
	}
	before, n := id.Subscription(0), 0
	for {
		list, err := w.stage.Reader.Subscriptions(ctx, w.acc, subscription.Filter{Before: before, Limit: subPage}, report.Expand{})
		if err != nil {
			return err
		}
		for _, v := range list {
			s := w.subOf[v.Subscription.ID]
			if s == nil {
				return fmt.Errorf("subscription %s exists, but no event says that it began", v.Subscription.ID)
			}
			s.now = v.Subscription
			before = v.Subscription.ID
			n++
		}
		if len(list) < subPage {
			break
		}
	}
	if n != len(w.subs) {
		return fmt.Errorf("%d subscriptions exist, %d began", n, len(w.subs))
	}
	return nil
}

// settle makes the merchant and the first prices.
func (w *world) settle(ctx context.Context) error {
	w.begun = begin
	w.service = w.stage.Start(w.gateways())
	w.currency = money.Currency(among(w.rng, currencies))
	w.zone = among(w.rng, zones)
	made, err := w.service.CreateAccount(ctx, commerce.CreateAccount{Actor: actor, Name: AccountName, Email: "merchant@example.com", Mode: account.Sandbox,
		Currency: w.currency, Zone: w.zone, Begin: begin.Add(time.Duration(w.rng.Int64N(int64(400 * 24 * time.Hour))).Truncate(time.Minute))})
	if err != nil {
		return err
	}
	w.acc = made.Account.ID
	w.begun = made.Account.CreatedAt
	w.now = w.begun
	w.note("a merchant in %s sells in %s from %s on", w.zone, w.currency, w.begun.Format(time.RFC3339))
	if err := w.setTax(ctx); err != nil {
		return err
	}
	for range 2 + w.rng.IntN(3) {
		if err := w.addPrice(ctx); err != nil {
			return err
		}
	}
	return w.look(ctx)
}

var actor = event.Actor{Kind: event.ByOperator, Name: "simulation"}

// AccountName is the name of every simulated merchant.
const AccountName = "Simulation"

// expected says whether an error is an outcome, and spells it.
func expected(err error) (string, error) {
	if err == nil {
		return "done", nil
	}
	f := fault.As(err)
	switch f.Kind {
	case fault.Declined, fault.Pending:
		return f.Kind.String() + " " + f.Code, nil
	case fault.Conflict:
		if refusals[f.Code] {
			return "refused " + f.Code, nil
		}
	case fault.Invalid:
		if len(f.Fields) == 1 {
			return "refused " + f.Fields[0].Name, nil
		}
	}
	return "", fmt.Errorf("an error that should not be: %s: %w", f.Kind, err)
}
