package paywhirl

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"perennial/internal/alias"
	"perennial/internal/catalog"
	"perennial/internal/commerce"
	"perennial/internal/id"
	"perennial/internal/money"
	"perennial/internal/params"
	"perennial/internal/period"
	"perennial/internal/report"
)

func (d *Door) planRoutes() []route {
	return []route{
		{http.MethodGet, "/plans", d.plans},
		{http.MethodGet, "/plan/{id}", d.plan},
		{http.MethodPost, "/create/plan", d.createPlan},
		{http.MethodPost, "/update/plan", d.updatePlan},
	}
}

// planWire is what somebody subscribes to.
type planWire struct {
	ID                 int64       `json:"id"`
	UserID             int64       `json:"user_id"`
	Name               string      `json:"name"`
	Description        *string     `json:"description"`
	Image              *string     `json:"image"`
	SKU                *string     `json:"sku"`
	Currency           string      `json:"currency"`
	BillingAmount      json.Number `json:"billing_amount"`
	BillingInterval    int         `json:"billing_interval"`
	BillingFrequency   string      `json:"billing_frequency"`
	SetupFee           json.Number `json:"setup_fee"`
	SetupFeeType       string      `json:"setup_fee_type"`
	SetupFeeInterval   *int        `json:"setup_fee_interval"`
	Installments       int         `json:"installments"`
	TrialDays          int         `json:"trial_days"`
	BillingCycleAnchor *int        `json:"billing_cycle_anchor"`
	AutorenewPlan      *int64      `json:"autorenew_plan"`
	CancelBehavior     string      `json:"cancel_behavior"`
	RequireShipping    int         `json:"require_shipping"`
	RequireTax         int         `json:"require_tax"`
	Active             int         `json:"active"`
	Enabled            int         `json:"enabled"`
	File               *string     `json:"file"`
	Tags               *string     `json:"tags"`
	Metadata           *string     `json:"metadata"`
	CreatedAt          *string     `json:"created_at"`
	UpdatedAt          *string     `json:"updated_at"`
	DeletedAt          *string     `json:"deleted_at"`

	extras map[string]string // of version 1
}

// The two kinds of setup fees.
const (
	feeOnce      = "once"
	feeRecurring = "recurring"
)

// cancelWords are what happens when a subscription to a plan is cancelled.
var cancelWords = map[catalog.CancelPolicy]string{catalog.CancelAny: "immediately", catalog.CancelPeriodEnd: "period_end", catalog.CancelLast: "last_installment",
	catalog.CancelNever: "not_allowed"}

// planNotes is what a plan has here and nowhere else. It is kept in the merchant's notes on the
// product, around those that the wire shows as metadata.
type planNotes struct {
	Metadata string            `json:"metadata,omitempty"`
	Extras   map[string]string `json:"paywhirl,omitempty"`
}

// extras are the fields of plans that nothing here reads.
var extras = []string{"file", "tags"}

func notesOf(text string) planNotes {
	var n planNotes
	if json.Unmarshal([]byte(text), &n) != nil || len(n.Extras) == 0 {
		return planNotes{Metadata: text}
	}
	return n
}

func (n planNotes) text() string {
	if len(n.Extras) == 0 {
		return n.Metadata
	}
	return string(encode(n))
}

// with are the notes with the extras that were sent.
func (n planNotes) with(v *params.Values, names []string) planNotes {
	for _, name := range names {
		s := given(v, name)
		switch {
		case s == nil:
		case *s == "":
			delete(n.Extras, name)
		default:
			if n.Extras == nil {
				n.Extras = map[string]string{}
			}
			n.Extras[name] = *s
		}
	}
	return n
}

// plansWire spells plans by the first prices of their lines.
func (d *Door) plansWire(ctx context.Context, c *caller, list []id.Price) (map[id.Price]planWire, error) {
	found, err := d.r.Plans(ctx, c.account.ID, list)
	if err != nil {
		return nil, err
	}
	var names []string
	for of, p := range found {
		names = append(names, of.String())
		if p.Next != 0 {
			names = append(names, p.Next.String())
		}
	}
	numbers, err := d.numbers(ctx, c, commerce.NumberPlans, names...)
	if err != nil {
		return nil, err
	}
	user, err := d.user(ctx, c)
	out := make(map[id.Price]planWire, len(found))
	for of, p := range found {
		w := spellPlan(p)
		w.ID, w.UserID = numbers[of.String()], user
		w.AutorenewPlan = reference(numbers[p.Next.String()])
		out[of] = w
	}
	return out, err
}

func spellPlan(p report.Plan) planWire {
	notes := notesOf(p.Product.Metadata)
	terms, on := p.Price.Terms, flag(p.Price.State == catalog.Active && p.Product.State == catalog.Active)
	w := planWire{Name: planName(p), Description: text(p.Product.Description), Image: text(p.Product.Image), SKU: text(p.Product.SKU),
		Currency: string(p.Price.Amount.Currency), BillingAmount: major(p.Price.Amount), BillingInterval: p.Price.Interval.Count, BillingFrequency: p.Price.Interval.Unit.String(),
		SetupFee: major(p.Price.SetupFee), SetupFeeType: feeOnce, Installments: terms.Payments, TrialDays: p.Price.TrialDays,
		CancelBehavior: cancelWords[p.Product.Settings.Cancel], RequireShipping: flag(p.Product.Settings.Ships), RequireTax: flag(p.Product.Settings.TaxKind != catalog.Untaxed),
		Active: on, Enabled: on, File: text(notes.Extras["file"]), Tags: text(notes.Extras["tags"]), Metadata: text(notes.Metadata),
		CreatedAt: stamp(p.First.CreatedAt), UpdatedAt: stamp(p.Price.CreatedAt), extras: notes.Extras}
	if terms.SetupEvery > 0 {
		w.SetupFeeType, w.SetupFeeInterval = feeRecurring, &terms.SetupEvery
	}
	if terms.AnchorDay > 0 {
		w.BillingCycleAnchor = &terms.AnchorDay
	}
	if p.Price.Interval.IsZero() { // paid once, or on days of the calendar
		w.BillingInterval, w.BillingFrequency, w.Installments = 1, period.Month.String(), max(1, len(terms.Dates))
	}
	return w
}

// planName is the product's, unless the price has one of its own.
func planName(p report.Plan) string {
	if p.Price.Name != "" {
		return p.Price.Name
	}
	return p.Product.Name
}

func (d *Door) planNumbered(ctx context.Context, c *caller, number int64) (id.Price, error) {
	return thing[id.Price](ctx, d, c, commerce.NumberPlans, number)
}

func (d *Door) onePlan(ctx context.Context, c *caller, of id.Price) (planWire, error) {
	list, err := d.plansWire(ctx, c, []id.Price{of})
	if err != nil {
		return planWire{}, err
	}
	w, ok := list[of]
	if !ok {
		return w, unknown(commerce.NumberPlans)
	}
	return w, nil
}

func (d *Door) plan(ctx context.Context, c *caller, _ *params.Values) (any, error) {
	of, err := d.planNumbered(ctx, c, parseNumber(c.path["id"]))
	if err != nil {
		return nil, err
	}
	return d.onePlan(ctx, c, of)
}

func (d *Door) plans(ctx context.Context, c *caller, v *params.Values) (any, error) {
	p := pageOf(v)
	if v.Err() != nil {
		return nil, v.Err()
	}
	return d.planPage(ctx, c, p, func(planWire) bool { return true })
}

func (d *Door) planPage(ctx context.Context, c *caller, p page, wanted func(planWire) bool) ([]planWire, error) {
	return listed(ctx, d, c, commerce.NumberPlans, p, func(list []alias.Numbered) ([]planWire, error) {
		ids := make([]id.Price, 0, len(list))
		for _, n := range list {
			if of, err := id.Parse[id.Price](n.Name); err == nil {
				ids = append(ids, of)
			}
		}
		found, err := d.plansWire(ctx, c, ids)
		var out []planWire
		for _, of := range ids {
			if w, ok := found[of]; ok && wanted(w) {
				out = append(out, w)
			}
		}
		return out, err
	})
}

// planAsSent is how a plan's fields are called on the wire, where it differs.
var planAsSent = map[string]string{"amount": "billing_amount", "interval": "billing_interval", "setup_every": "setup_fee_interval", "payments": "installments",
	"anchor_day": "billing_cycle_anchor", "first_period": "billing_cycle_anchor", "next_price": "autorenew_plan"}

// planSent reads the fields of a plan over those that were there.
func (d *Door) planSent(ctx context.Context, c *caller, v *params.Values, was report.Plan) report.Plan {
	p := was
	setText(v, "name", &p.Product.Name, &p.Price.Name)
	setText(v, "description", &p.Product.Description)
	setText(v, "image", &p.Product.Image)
	setText(v, "sku", &p.Product.SKU)
	notes := notesOf(p.Product.Metadata).with(v, extras)
	setText(v, "metadata", &notes.Metadata)
	p.Product.Metadata = notes.text()
	planMoney(v, &p.Price)
	if p.Price.Amount.Currency.Known() {
		c.spoken = p.Price.Amount.Currency
	}
	planRhythm(v, &p.Price)
	d.planChain(ctx, c, v, &p.Price)
	planSettings(v, &p)
	return p
}

func setText(v *params.Values, name string, at ...*string) {
	if s := given(v, name); s != nil {
		for _, a := range at {
			*a = *s
		}
	}
}

// planMoney reads what a plan costs. Amounts are in its currency.
func planMoney(v *params.Values, p *catalog.Price) {
	if s := v.Text("currency"); s != "" {
		currency, err := money.ParseCurrency(strings.ToUpper(s))
		v.Add("currency", err)
		if currency != p.Amount.Currency && err == nil {
			v.Check(p.ID == 0, "currency", "cannot change; make another plan")
			p.Amount.Currency, p.SetupFee.Currency = currency, currency
		}
	}
	if v.Given("billing_amount") {
		p.Amount = amountOf(v, "billing_amount", p.Amount.Currency)
	}
	if v.Given("setup_fee") {
		p.SetupFee = amountOf(v, "setup_fee", p.SetupFee.Currency)
	}
	switch strings.ToLower(v.Text("setup_fee_type")) {
	case "":
	case feeOnce, "one_time", "one-time":
		p.Terms.SetupEvery = 0
	case feeRecurring:
		p.Terms.SetupEvery = max(1, p.Terms.SetupEvery)
	default:
		v.Bad("setup_fee_type", "must be once or recurring")
	}
	if n := int(v.Int("setup_fee_interval", 0, 120)); v.Given("setup_fee_interval") {
		p.Terms.SetupEvery = n
	}
}

// planRhythm reads when a plan is billed.
func planRhythm(v *params.Values, p *catalog.Price) {
	if n := int(v.Int("billing_interval", 1, 366)); n != 0 {
		p.Interval.Count = n
	}
	if s := strings.ToLower(v.Text("billing_frequency")); s != "" {
		unit, err := period.ParseUnit(strings.TrimSuffix(s, "s"))
		v.Add("billing_frequency", err)
		p.Interval.Unit = unit
	}
	if v.Given("installments") {
		p.Terms.Payments = int(v.Int("installments", 0, catalog.MaxPayments))
	}
	if v.Given("trial_days") {
		p.TrialDays = int(v.Int("trial_days", 0, catalog.MaxTrialDays))
	}
	for _, name := range []string{"starting_day", "billing_cycle_anchor"} {
		if v.Given(name) {
			p.Terms.AnchorDay, p.Terms.FirstPeriod = int(v.Int(name, 0, 31)), catalog.Prorated
			if p.Terms.AnchorDay > 0 {
				p.Terms.FirstPeriod = catalog.FreeFirst // it waits until that day
			}
		}
	}
}

// planChain reads what follows after the last instalment.
func (d *Door) planChain(ctx context.Context, c *caller, v *params.Values, p *catalog.Price) {
	if !v.Given("autorenew_plan") {
		return
	}
	p.Terms.NextPrice = 0
	n := v.Int("autorenew_plan", 0, 1<<62)
	if n == 0 {
		return
	}
	of, err := d.planNumbered(ctx, c, n)
	if err != nil {
		v.Add("autorenew_plan", err)
		return
	}
	found, err := d.r.Plans(ctx, c.account.ID, []id.Price{of})
	v.Add("autorenew_plan", err)
	p.Terms.NextPrice = found[of].Price.ID
}

// planSettings reads how a plan is delivered, taxed, cancelled and whether it is sold.
func planSettings(v *params.Values, p *report.Plan) {
	s := &p.Product.Settings
	if v.Has("require_shipping") {
		s.Ships = v.Bool("require_shipping")
	}
	if v.Has("require_tax") || v.Has("require_shipping") {
		taxed := s.TaxKind != catalog.Untaxed
		if v.Has("require_tax") {
			taxed = v.Bool("require_tax")
		}
		switch {
		case !taxed:
			s.TaxKind = catalog.Untaxed
		case s.Ships:
			s.TaxKind = catalog.Goods
		case s.TaxKind != catalog.Service:
			s.TaxKind = catalog.Digital
		}
	}
	if w := v.Text("cancel_behavior"); w != "" {
		known := false
		for policy, word := range cancelWords {
			if word == w {
				s.Cancel, known = policy, true
			}
		}
		v.Check(known, "cancel_behavior", "must be immediately, period_end, last_installment or not_allowed")
	}
	for _, name := range []string{"active", "enabled"} {
		if v.Has(name) {
			if p.Price.State = catalog.Archived; v.Bool(name) {
				p.Price.State, p.Product.State = catalog.Active, catalog.Active
			}
		}
	}
}

func (d *Door) createPlan(ctx context.Context, c *caller, v *params.Values) (any, error) {
	v.Require("name", "billing_amount", "billing_interval", "billing_frequency", "currency")
	p := d.planSent(ctx, c, v, report.Plan{
		Product: catalog.Product{Settings: catalog.Settings{TaxKind: catalog.Untaxed}, State: catalog.Active}, // a plan opts in to taxes
		Price:   catalog.Price{MaxQuantity: catalog.MaxQuantity, State: catalog.Active},
	})
	p.Price.Name = "" // the product's
	if v.Err() != nil {
		return nil, v.Err()
	}
	if err := p.Price.Check(); err != nil { // before there is a product that it belongs to
		return nil, renamed(err, planAsSent)
	}
	product, err := d.s.CreateProduct(ctx, commerce.CreateProduct{Call: c.call(), Name: p.Product.Name, Description: p.Product.Description, SKU: p.Product.SKU,
		Image: p.Product.Image, Metadata: p.Product.Metadata, Settings: p.Product.Settings})
	if err != nil {
		return nil, renamed(err, planAsSent)
	}
	price, err := d.s.CreatePrice(ctx, commerce.CreatePrice{Call: c.call(), Product: product.ID, Amount: p.Price.Amount, Interval: p.Price.Interval,
		TrialDays: p.Price.TrialDays, SetupFee: p.Price.SetupFee.Minor, Terms: p.Price.Terms})
	if err != nil {
		return nil, renamed(err, planAsSent)
	}
	if p.Price.State == catalog.Archived {
		if _, err := d.s.UpdatePrice(ctx, commerce.UpdatePrice{Call: c.call(), Price: price.ID, State: &p.Price.State}); err != nil {
			return nil, err
		}
	}
	return d.onePlan(ctx, c, price.ID)
}

func (d *Door) updatePlan(ctx context.Context, c *caller, v *params.Values) (any, error) {
	of, err := d.planNumbered(ctx, c, required(v, "id"))
	if err != nil {
		return nil, orFields(v, err)
	}
	return d.changePlan(ctx, c, of, v, d.planSent)
}

// changePlan changes a plan to what read makes of it: its product, and what new subscriptions
// cost from now on.
func (d *Door) changePlan(ctx context.Context, c *caller, of id.Price, v *params.Values, read func(context.Context, *caller, *params.Values, report.Plan) report.Plan) (planWire, error) {
	found, err := d.r.Plans(ctx, c.account.ID, []id.Price{of})
	if err != nil {
		return planWire{}, err
	}
	was, ok := found[of]
	if !ok {
		return planWire{}, unknown(commerce.NumberPlans)
	}
	c.spoken = was.Price.Amount.Currency // a plan keeps it
	p := read(ctx, c, v, was)
	if was.Price.Name == "" {
		p.Price.Name = "" // the product's name is the plan's
	} else {
		p.Product.Name = was.Product.Name // of several prices: only this one is renamed
	}
	if v.Err() != nil {
		return planWire{}, v.Err()
	}
	if err := p.Product.Check(); err != nil {
		return planWire{}, renamed(err, planAsSent)
	}
	if _, err := d.s.ReplacePrice(ctx, commerce.ReplacePrice{Call: c.call(), Price: of, Name: &p.Price.Name, Amount: &p.Price.Amount, Interval: &p.Price.Interval,
		TrialDays: &p.Price.TrialDays, SetupFee: &p.Price.SetupFee.Minor, Terms: &p.Price.Terms, State: &p.Price.State}); err != nil {
		return planWire{}, renamed(err, planAsSent)
	}
	if _, err := d.s.UpdateProduct(ctx, commerce.UpdateProduct{Call: c.call(), Product: p.Product.ID, Name: &p.Product.Name, Description: &p.Product.Description,
		SKU: &p.Product.SKU, Image: &p.Product.Image, Metadata: &p.Product.Metadata, Settings: &p.Product.Settings, State: &p.Product.State}); err != nil {
		return planWire{}, renamed(err, planAsSent)
	}
	return d.onePlan(ctx, c, of)
}

// plansNumbered are the plans of a list of numbers: an array, or a text with commas.
func (d *Door) plansNumbered(ctx context.Context, c *caller, v *params.Values, name string) []id.Price {
	var out []id.Price
	for _, s := range v.All(name) {
		for each := range strings.SplitSeq(s, ",") {
			if each = strings.TrimSpace(each); each == "" {
				continue
			}
			of, err := d.planNumbered(ctx, c, parseNumber(each))
			v.Add(name, err)
			out = append(out, of)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}
