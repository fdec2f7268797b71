package paywhirl

import (
	"context"
	"encoding/json"
	"math/rand/v2"
	"net/http"
	"strings"
	"time"

	"perennial/internal/alias"
	"perennial/internal/catalog"
	"perennial/internal/commerce"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/params"
	"perennial/internal/payment"
	"perennial/internal/report"
	"perennial/internal/subscription"
)

func (d *Door) subscriptionRoutes() []route {
	return []route{
		{http.MethodGet, "/subscriptions/{id}", d.subscriptionsOf},
		{http.MethodGet, "/subscription/{id}", d.subscription},
		{http.MethodGet, "/subscribers", d.subscribers},
		{http.MethodPost, "/subscribe/customer", d.subscribe},
		{http.MethodPost, "/update/subscription", d.updateSubscription},
		{http.MethodPost, "/unsubscribe/customer", d.unsubscribe},
	}
}

// subscriptionWire is a subscription. It has no word for its state: what has ended has a
// deleted_at.
type subscriptionWire struct {
	ID                 int64     `json:"id"`
	UserID             int64     `json:"user_id"`
	CustomerID         int64     `json:"customer_id"`
	PlanID             int64     `json:"plan_id"`
	CardID             *int64    `json:"card_id"`
	AddressID          *int64    `json:"address_id"`
	Quantity           int64     `json:"quantity"`
	CurrentPeriodStart *int64    `json:"current_period_start"`
	CurrentPeriodEnd   *int64    `json:"current_period_end"`
	TrialStart         *int64    `json:"trial_start"`
	TrialEnd           *int64    `json:"trial_end"`
	InstallmentPlan    int       `json:"installment_plan"`
	InstallmentsLeft   *int      `json:"installments_left"`
	CancelAtPeriodEnd  int       `json:"cancel_at_period_end"`
	CreatedAt          *string   `json:"created_at"`
	UpdatedAt          *string   `json:"updated_at"`
	DeletedAt          *string   `json:"deleted_at"`
	Plan               *planPart `json:"plan,omitempty"`
}

// planPart is the plan of a subscription, at the terms that it was sold at.
type planPart struct {
	ID               int64       `json:"id"`
	Name             string      `json:"name"`
	SKU              *string     `json:"sku"`
	Currency         string      `json:"currency"`
	BillingAmount    json.Number `json:"billing_amount"`
	BillingInterval  int         `json:"billing_interval"`
	BillingFrequency string      `json:"billing_frequency"`
	SetupFee         json.Number `json:"setup_fee"`
	Installments     int         `json:"installments"`
	TrialDays        int         `json:"trial_days"`
}

// subscriptionsWire spells subscriptions, which were read with their prices and products.
func (d *Door) subscriptionsWire(ctx context.Context, c *caller, list []report.SubscriptionView) ([]subscriptionWire, error) {
	k := d.known(c)
	names := map[string][]string{}
	for _, v := range list {
		s := v.Subscription
		names[commerce.NumberSubscriptions] = append(names[commerce.NumberSubscriptions], s.ID.String())
		names[commerce.NumberCustomers] = append(names[commerce.NumberCustomers], s.Customer.String())
		names[commerce.NumberPlans] = append(names[commerce.NumberPlans], v.Price.Plan().String())
		names[commerce.NumberMethods] = append(names[commerce.NumberMethods], s.Method.String())
		names[numberPlaces] = append(names[numberPlaces], s.Extras.Address.String())
	}
	for kind, list := range names {
		if err := k.learn(ctx, kind, list...); err != nil {
			return nil, err
		}
	}
	user, err := d.user(ctx, c)
	out := make([]subscriptionWire, 0, len(list))
	for _, v := range list {
		w := spellSubscription(k, &v)
		w.UserID = user
		out = append(out, w)
	}
	return out, err
}

func spellSubscription(k *known, v *report.SubscriptionView) subscriptionWire {
	s := &v.Subscription
	w := subscriptionWire{ID: k.of(commerce.NumberSubscriptions, s.ID.String()), CustomerID: k.of(commerce.NumberCustomers, s.Customer.String()),
		PlanID: k.of(commerce.NumberPlans, v.Price.Plan().String()), CardID: k.ref(commerce.NumberMethods, s.Method.String()), AddressID: k.ref(numberPlaces, s.Extras.Address.String()),
		Quantity: s.Quantity, CurrentPeriodStart: unix(s.Span.From), CurrentPeriodEnd: unix(s.Span.To), TrialEnd: unix(s.TrialTo), InstallmentPlan: flag(s.EndPeriod > 0),
		CancelAtPeriodEnd: flag(!s.CancelAt.IsZero()), CreatedAt: stamp(s.CreatedAt), DeletedAt: stamp(s.EndedAt)}
	if !s.TrialTo.IsZero() {
		w.TrialStart = unix(s.CreatedAt)
	}
	if left := s.PaymentsLeft(); left >= 0 {
		w.InstallmentsLeft = &left
	}
	changed := s.CreatedAt
	for _, at := range []time.Time{s.Span.From, s.EndedAt} {
		if at.After(changed) {
			changed = at
		}
	}
	w.UpdatedAt = stamp(changed)
	p, product := v.Price, v.Product
	w.Plan = &planPart{ID: w.PlanID, Name: product.Name, SKU: text(product.SKU), Currency: string(s.UnitAmount.Currency), BillingAmount: major(s.UnitAmount),
		BillingInterval: s.Interval.Count, BillingFrequency: s.Interval.Unit.String(), SetupFee: major(p.SetupFee), Installments: p.Terms.Payments, TrialDays: p.TrialDays}
	if s.Interval.IsZero() {
		w.Plan.BillingFrequency = ""
	}
	return w
}

var withPlan = report.Expand{Price: true, Product: true, Customer: true}

// oneSubscription spells one subscription.
func (d *Door) oneSubscription(ctx context.Context, c *caller, of id.Subscription) (subscriptionWire, error) {
	v, err := d.r.Subscription(ctx, c.account.ID, of, withPlan)
	if err != nil {
		return subscriptionWire{}, err
	}
	list, err := d.subscriptionsWire(ctx, c, []report.SubscriptionView{v})
	if err != nil {
		return subscriptionWire{}, err
	}
	return list[0], nil
}

func (d *Door) subscription(ctx context.Context, c *caller, _ *params.Values) (any, error) {
	of, err := pathThing[id.Subscription](ctx, d, c, commerce.NumberSubscriptions)
	if err != nil {
		return nil, err
	}
	w, err := d.oneSubscription(ctx, c, of)
	w.Plan = nil
	return w, err
}

// maxOfCustomer is how many subscriptions or invoices of one customer are listed.
const maxOfCustomer = 1000

func (d *Door) subscriptionsOf(ctx context.Context, c *caller, v *params.Values) (any, error) {
	of, err := pathThing[id.Customer](ctx, d, c, commerce.NumberCustomers)
	if err != nil {
		return nil, err
	}
	word := v.Text("status")
	switch word {
	case "", "active", "canceled", "cancelled", "all":
	default:
		v.Bad("status", "must be active, canceled or all")
	}
	if err := v.Err(); err != nil {
		return nil, err
	}
	list, err := d.r.Subscriptions(ctx, c.account.ID, subscription.Filter{Customer: of, Limit: maxOfCustomer}, withPlan)
	if err != nil {
		return nil, err
	}
	kept := list[:0]
	for _, s := range list {
		ended := s.Subscription.State == subscription.Canceled
		if word == "all" || ended == strings.HasPrefix(word, "cancel") {
			kept = append(kept, s)
		}
	}
	return d.subscriptionsWire(ctx, c, kept)
}

// subscriberWire is a row of /subscribers: a running subscription and whose it is.
type subscriberWire struct {
	SubscriptionID     int64    `json:"subscription_id"`
	CustomerID         int64    `json:"customer_id"`
	PlanID             int64    `json:"plan_id"`
	UserID             int64    `json:"user_id"`
	Email              string   `json:"email"`
	FirstName          string   `json:"first_name"`
	LastName           string   `json:"last_name"`
	Quantity           int64    `json:"quantity"`
	CurrentPeriodStart *int64   `json:"current_period_start"`
	CurrentPeriodEnd   *int64   `json:"current_period_end"`
	InstallmentPlan    int      `json:"installment_plan"`
	InstallmentsLeft   *int     `json:"installments_left"`
	Profile            []answer `json:"profile"`
	CreatedAt          *string  `json:"created_at"`
	UpdatedAt          *string  `json:"updated_at"`
}

// answer is what a customer answered to a question.
type answer struct {
	Name   string `json:"name"`
	Label  string `json:"label"`
	Answer string `json:"answer"`
}

// subscribersPage is how many subscribers are answered when nobody says.
const subscribersPage = 20

func (d *Door) subscribers(ctx context.Context, c *caller, v *params.Values) (any, error) {
	if !v.Has("limit") {
		v.Int("limit", 0, maxPage)
	}
	p := pageOf(v)
	if !v.Has("limit") {
		p.limit = subscribersPage
	}
	p.after, p.before = numberOf(v, "starting_after"), numberOf(v, "starting_before")
	order := strings.ToLower(v.Text("order"))
	switch order {
	case "asc":
		p.ascending = true
	case "", "desc", "rand":
	default:
		v.Bad("order", "must be asc, desc or rand")
	}
	keyword := strings.ToLower(v.Text("keyword"))
	if err := v.Err(); err != nil {
		return nil, err
	}
	rows, err := listed(ctx, d, c, commerce.NumberSubscriptions, p, func(list []alias.Numbered) ([]subscriberWire, error) {
		return d.subscribersWire(ctx, c, list, keyword)
	})
	if order == "rand" {
		rand.Shuffle(len(rows), func(i, j int) { rows[i], rows[j] = rows[j], rows[i] }) //nolint:gosec // nothing depends on it
	}
	return rows, err
}

func (d *Door) subscribersWire(ctx context.Context, c *caller, list []alias.Numbered, keyword string) ([]subscriberWire, error) {
	var ids []int64
	for _, n := range list {
		if s, err := id.Parse[id.Subscription](n.Name); err == nil {
			ids = append(ids, int64(s))
		}
	}
	found, err := d.r.SubscriptionsByID(ctx, c.account.ID, ids, withPlan)
	if err != nil {
		return nil, err
	}
	running := found[:0]
	for _, f := range found {
		if f.Subscription.State != subscription.Canceled && mentions(f, keyword) {
			running = append(running, f)
		}
	}
	spelt, err := d.subscriptionsWire(ctx, c, running)
	rows := make([]subscriberWire, len(spelt))
	for i, w := range spelt {
		first, last := running[i].Customer.Names()
		rows[i] = subscriberWire{w.ID, w.CustomerID, w.PlanID, w.UserID, running[i].Customer.Email, first, last, w.Quantity, w.CurrentPeriodStart, w.CurrentPeriodEnd,
			w.InstallmentPlan, w.InstallmentsLeft, []answer{}, w.CreatedAt, w.UpdatedAt}
		said, err := d.answersOf(ctx, c, running[i].Customer.ID)
		if err != nil {
			return nil, err
		}
		for _, a := range said {
			rows[i].Profile = append(rows[i].Profile, answer{a.Name, a.Label, a.Answer})
		}
	}
	return rows, err
}

// mentions reports whether a keyword, in lower case, stands in what tells whose a
// subscription is, or to what.
func mentions(v report.SubscriptionView, keyword string) bool {
	if keyword == "" {
		return true
	}
	first, last := v.Customer.Names()
	for _, s := range []string{v.Customer.Email, first + " " + last, v.Customer.Buyer.Name, v.Product.Name} {
		if strings.Contains(strings.ToLower(s), keyword) {
			return true
		}
	}
	return false
}

// planSold is the price at which a plan is sold today.
func (d *Door) planSold(ctx context.Context, c *caller, plan id.Price) (catalog.Price, error) {
	list, err := d.r.PlanPrices(ctx, c.account.ID, plan)
	if err != nil {
		return catalog.Price{}, err
	}
	return list[0], nil
}

// usableCard is the customer's newest usable card; without one nobody can be subscribed.
func (d *Door) usableCard(ctx context.Context, c *caller, of id.Customer) (id.Method, error) {
	list, err := d.r.Methods(ctx, c.account.ID, of)
	if err != nil {
		return 0, err
	}
	for _, m := range list {
		if m.State == payment.Usable {
			return m.ID, nil
		}
	}
	return 0, fault.New(fault.Conflict, "the customer has no card that can be charged; add one first").WithCode("no_payment_method")
}

func (d *Door) subscribe(ctx context.Context, c *caller, v *params.Values) (any, error) {
	v.Require("customer_id", "plan_id")
	sell := commerce.Sell{Source: "paywhirl", Quantity: v.Int("quantity", 1, catalog.MaxQuantity)}
	sell.Options.TrialTo = instantOf(v, "trial_end")
	if err := v.Err(); err != nil {
		return nil, err
	}
	var err error
	if sell.Customer, err = sentThing[id.Customer](ctx, d, c, v, "customer_id", commerce.NumberCustomers, true); err != nil {
		return nil, err
	}
	plan, err := sentThing[id.Price](ctx, d, c, v, "plan_id", commerce.NumberPlans, true)
	if err != nil {
		return nil, err
	}
	price, err := d.planSold(ctx, c, plan)
	if err != nil {
		return nil, err
	}
	if !price.Recurring() {
		return nil, fault.BadField("plan_id", "must be a plan that is billed again; charge the customer once instead")
	}
	sell.Price = price.ID
	promo, err := sentThing[id.Coupon](ctx, d, c, v, "promo_id", commerce.NumberCoupons, false)
	if err != nil {
		return nil, err
	}
	if promo != 0 {
		found, err := d.r.Coupon(ctx, c.account.ID, promo)
		if err != nil {
			return nil, err
		}
		sell.Options.Coupons = []string{found.Code}
	}
	if sell.Method, err = d.usableCard(ctx, c, sell.Customer); err != nil {
		return nil, err
	}
	sell.Call = c.callOnce(func(result any) any { return kept{Thing: result.(commerce.Sale).Subscription.ID.String()} })
	sale, err := d.s.Sell(context.WithoutCancel(ctx), sell)
	made, err := afterOnce[id.Subscription](err, func() id.Subscription { return sale.Subscription.ID })
	if err != nil {
		return nil, told(err)
	}
	w, err := d.oneSubscription(ctx, c, made)
	w.Plan = nil
	return w, err
}

// kept is what is kept of an answer for a repeated request: what it was about. The answer
// itself holds numbers, which are given when it is spelt.
type kept struct {
	Thing string `json:"thing"`
}

// afterOnce is the id of what a story made, now or when the same request came before.
func afterOnce[I id.Identifier](err error, made func() I) (I, error) {
	var none I
	before, again := commerce.IsReplayed(err)
	if !again && err != nil {
		return none, err
	}
	if !again {
		return made(), nil
	}
	var k kept
	if before.Status != http.StatusOK || json.Unmarshal([]byte(before.Body), &k) != nil {
		return none, err
	}
	return id.Parse[I](k.Thing)
}

func (d *Door) updateSubscription(ctx context.Context, c *caller, v *params.Values) (any, error) {
	v.Require("subscription_id", "plan_id")
	quantity := v.Int("quantity", 1, catalog.MaxQuantity)
	left := int(v.Int("installments_left", 0, subscription.MaxPayments)) // 0 is what clients send that mean nothing
	trialEnd := instantOf(v, "trial_end")
	v.Check(trialEnd.IsZero() || trialEnd.After(c.now), "trial_end", "must be an instant that is still to come")
	if err := v.Err(); err != nil {
		return nil, err
	}
	of, err := sentThing[id.Subscription](ctx, d, c, v, "subscription_id", commerce.NumberSubscriptions, true)
	if err != nil {
		return nil, err
	}
	found, err := d.r.Subscription(ctx, c.account.ID, of, withPlan)
	if err != nil {
		return nil, err
	}
	sub := found.Subscription
	plan, err := sentThing[id.Price](ctx, d, c, v, "plan_id", commerce.NumberPlans, true)
	if err != nil {
		return nil, err
	}
	card, err := d.cardOf(ctx, c, v, sub.Customer)
	if err != nil {
		return nil, err
	}
	place, err := sentThing[id.Place](ctx, d, c, v, "address_id", numberPlaces, false)
	if err != nil {
		return nil, err
	}
	if err := d.newTerms(ctx, c, found, plan, quantity); err != nil {
		return nil, err
	}
	change := commerce.UpdateSubscription{Call: c.call(), Subscription: of}
	if card != 0 {
		change.Method = &card
	}
	if place != 0 {
		change.Address = &place
	}
	if left != 0 {
		change.PaymentsLeft = &left
	}
	if _, err := d.s.UpdateSubscription(ctx, change); err != nil {
		return nil, told(err)
	}
	if !trialEnd.IsZero() && !trialEnd.Equal(sub.Span.To) {
		_, err := d.s.Reschedule(ctx, commerce.Reschedule{Call: c.call(), Subscription: of, To: trialEnd, ForGood: true})
		if err != nil {
			return nil, renamed(err, map[string]string{"to": "trial_end"})
		}
	}
	w, err := d.oneSubscription(ctx, c, of)
	w.Plan = nil
	return w, err
}

// newTerms gives a subscription another plan or quantity, 0 for the same one, at once and
// without a charge: they count from the next invoice on.
func (d *Door) newTerms(ctx context.Context, c *caller, v report.SubscriptionView, plan id.Price, quantity int64) error {
	none, _ := subscription.Preset("none")
	to := commerce.NewTerms{Quantity: quantity, Keep: true, CarryTrial: true, Proration: &none}
	if plan != v.Price.Plan() {
		price, err := d.planSold(ctx, c, plan)
		if err != nil {
			return err
		}
		to.Price = price.ID
	}
	if quantity == v.Subscription.Quantity {
		to.Quantity = 0
	}
	if to.Price == 0 && to.Quantity == 0 {
		return nil
	}
	if v.Subscription.Scheduled() != 0 {
		if _, err := d.s.UndoChange(ctx, commerce.UndoChange{Call: c.call(), Subscription: v.Subscription.ID}); err != nil {
			return err
		}
	}
	_, err := d.s.Change(context.WithoutCancel(ctx), commerce.Change{Call: c.call(), Subscription: v.Subscription.ID, To: to, When: subscription.Now})
	return told(err)
}

func (d *Door) unsubscribe(ctx context.Context, c *caller, v *params.Values) (any, error) {
	of, err := sentThing[id.Subscription](ctx, d, c, v, "subscription_id", commerce.NumberSubscriptions, true)
	if err != nil {
		return nil, err
	}
	found, err := d.r.Subscription(ctx, c.account.ID, of, withPlan)
	if err != nil {
		return nil, err
	}
	cancel := commerce.Cancel{Call: c.call(), Subscription: of, When: subscription.Now}
	switch found.Product.Settings.Cancel {
	case catalog.CancelPeriodEnd:
		cancel.When = subscription.AtPeriodEnd
	case catalog.CancelLast:
		cancel.When = subscription.AfterLast
	}
	if _, err := d.s.Cancel(context.WithoutCancel(ctx), cancel); err != nil {
		return nil, told(err)
	}
	w, err := d.oneSubscription(ctx, c, of)
	w.Plan = nil
	return struct {
		status
		subscriptionWire
	}{success, w}, err
}
