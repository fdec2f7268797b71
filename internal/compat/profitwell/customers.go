package profitwell

import (
	"context"
	"time"

	"perennial/internal/commerce"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/metrics"
	"perennial/internal/money"
	"perennial/internal/params"
	"perennial/internal/report"
)

// customer is the object of a measured customer.
type customer struct {
	CustomerID      string   `json:"customer_id"`
	Email           *string  `json:"email"`
	FirstName       *string  `json:"first_name"`
	LastName        *string  `json:"last_name"`
	MRRCents        int64    `json:"mrr_cents"`
	Plans           []string `json:"plans"`
	Status          string   `json:"status"`
	CreatedOn       *string  `json:"created_on"`
	ActivatedOn     *string  `json:"activated_on"`
	ChurnedOn       *string  `json:"churned_on"`
	UpdatedOn       string   `json:"updated_on"`
	TotalSpendCents int64    `json:"total_spend_cents"`
}

func customerOf(p report.MeasuredPerson, in money.Currency) customer {
	return customer{CustomerID: spellCustomer(p.Customer, p.Pushed), Email: text(p.Email), FirstName: text(p.First), LastName: text(p.Last),
		MRRCents: centsOf(money.Amount{Minor: p.Revenue, Currency: in}), Plans: p.Plans, Status: string(p.Standing), CreatedOn: stamp(p.CreatedAt), ActivatedOn: stamp(p.Activated),
		ChurnedOn: stamp(p.Churned), UpdatedOn: p.UpdatedAt.UTC().Format("2006-01-02T15:04:05.000000Z"), TotalSpendCents: centsOf(money.Amount{Minor: p.Spent, Currency: in})}
}

// The pages of customers.
const (
	perPage  = 250
	farthest = 100_000 // customers into the list
)

// pageOf reads which page is asked for.
func pageOf(v *params.Values) (skip, limit int) {
	limit = int(v.Int("per_page", 1, perPage))
	if limit == 0 {
		limit = perPage
	}
	page := int(v.Int("page", 1, farthest))
	v.Check(page*limit <= farthest, "page", "must be at most %d", farthest/limit)
	return max(page-1, 0) * limit, limit
}

func (d *Door) listCustomers(ctx context.Context, c *caller, v *params.Values) (any, error) {
	q := report.MeasuredPage{Email: v.Text("email"), Page: metrics.Page{From: instantOf(v, "start_date"), To: instantOf(v, "end_date")}}
	q.Skip, q.Limit = pageOf(v)
	if s := v.Text("date_field"); s != "" && s != "updated_on" {
		v.Bad("date_field", "%q is not a valid choice", s)
	}
	switch s := v.Text("direction"); s {
	case "", "asc":
	case "desc":
		q.Descending = true
	default:
		v.Bad("direction", "%q is not a valid choice", s)
	}
	if err := v.Err(); err != nil {
		return nil, err
	}
	_, in, err := d.r.MeasuredAs(ctx, c.account.ID)
	if err != nil {
		return nil, err
	}
	list, err := d.r.MeasuredPeople(ctx, c.account.ID, q)
	out := []customer{}
	for _, p := range list {
		out = append(out, customerOf(p, in))
	}
	return out, err
}

// who is the measured customer of an id: of ours, or that or the alias of a pushed user.
func (d *Door) who(ctx context.Context, c *caller, s string) (report.MeasuredPerson, error) {
	if ours, err := id.Parse[id.Customer](s); err == nil {
		return d.r.MeasuredPerson(ctx, c.account.ID, int64(ours))
	}
	of := person(s)
	if of.ID == 0 {
		h, err := d.r.PushedHistory(ctx, c.account.ID, 0, of.Alias)
		if err != nil {
			return report.MeasuredPerson{}, err
		}
		of.ID = h.User.ID
	}
	return d.r.MeasuredPerson(ctx, c.account.ID, int64(of.ID))
}

func (d *Door) getCustomer(ctx context.Context, c *caller, _ *params.Values) (any, error) {
	p, err := d.who(ctx, c, c.path["id"])
	if err != nil {
		return nil, err
	}
	_, in, err := d.r.MeasuredAs(ctx, c.account.ID)
	return customerOf(p, in), err
}

// done answers what has no object to show.
var done = map[string]any{}

func (d *Door) exclude(ctx context.Context, c *caller, _ *params.Values) (any, error) {
	p, err := d.who(ctx, c, c.path["id"])
	if err != nil {
		return nil, err
	}
	return done, d.s.ExcludeMeasured(ctx, commerce.ExcludeMeasured{Call: c.call(), Customer: p.Customer})
}

// trait is a word that a customer has in a category.
type trait struct {
	Category string `json:"category"`
	Trait    string `json:"trait"`
}

func (d *Door) getTraits(ctx context.Context, c *caller, _ *params.Values) (any, error) {
	p, err := d.who(ctx, c, c.path["id"])
	if err != nil {
		return nil, err
	}
	list, err := d.r.Traits(ctx, c.account.ID, p.Customer)
	out := []trait{}
	for _, t := range list {
		out = append(out, trait{t[0], t[1]})
	}
	return out, err
}

// those are the customers that a body names, by id or by address.
func (d *Door) those(ctx context.Context, c *caller, v *params.Values) ([]int64, error) {
	of, email := v.Text("customer_id"), v.Text("email")
	v.Check(of != "" || email != "", "customer_id", "is required")
	if err := v.Err(); err != nil {
		return nil, err
	}
	if of != "" {
		p, err := d.who(ctx, c, of)
		return []int64{p.Customer}, err
	}
	list, err := d.r.Mailed(ctx, c.account.ID, email)
	if err == nil && len(list) == 0 {
		err = errNotFound
	}
	return list, err
}

func (d *Door) putTrait(ctx context.Context, c *caller, v *params.Values) (any, error) {
	v.Require("category", "trait")
	list, err := d.those(ctx, c, v)
	if err != nil {
		return nil, err
	}
	t := trait{v.Text("category"), v.Text("trait")}
	return t, d.s.SetTrait(ctx, commerce.SetTrait{Call: c.call(), Customers: list, Category: t.Category, Word: t.Trait})
}

func (d *Door) removeTrait(ctx context.Context, c *caller, v *params.Values) (any, error) {
	v.Require("category", "trait")
	list, err := d.those(ctx, c, v)
	if err != nil {
		return nil, err
	}
	return empty{}, d.s.SetTrait(ctx, commerce.SetTrait{Call: c.call(), Customers: list, Category: v.Text("category"), Was: v.Text("trait")})
}

func (d *Door) removeCategory(ctx context.Context, c *caller, v *params.Values) (any, error) {
	v.Require("category")
	if err := v.Err(); err != nil {
		return nil, err
	}
	return empty{}, d.s.RemoveTraits(ctx, commerce.RemoveTraits{Call: c.call(), Category: v.Text("category")})
}

// errBilledHere refuses to anonymise who is billed here: their documents and payments need a
// decision that this interface cannot ask for.
var errBilledHere = fault.New(fault.Invalid, "the customer is billed here: delete them in the dashboard, which keeps what the law asks for")

// anonymise takes from pushed users what tells who they are.
func (d *Door) anonymise(ctx context.Context, c *caller, list []int64) (any, error) {
	a := commerce.AnonymisePushed{Call: c.call()}
	for _, who := range list {
		p, err := d.r.MeasuredPerson(ctx, c.account.ID, who)
		if err != nil {
			return nil, err
		}
		if !p.Pushed {
			return nil, errBilledHere
		}
		a.Users = append(a.Users, id.MetricUser(who))
	}
	return done, d.s.AnonymisePushed(ctx, a)
}

func (d *Door) anonymiseByEmail(ctx context.Context, c *caller, _ *params.Values) (any, error) {
	list, err := d.r.Mailed(ctx, c.account.ID, c.path["email"])
	if err == nil && len(list) == 0 {
		err = errNotFound
	}
	if err != nil {
		return nil, err
	}
	return d.anonymise(ctx, c, list)
}

func (d *Door) anonymiseCustomer(ctx context.Context, c *caller, _ *params.Values) (any, error) {
	p, err := d.who(ctx, c, c.path["id"])
	if err != nil {
		return nil, err
	}
	return d.anonymise(ctx, c, []int64{p.Customer})
}

func (d *Door) unsubscribed(ctx context.Context, c *caller, v *params.Values) (any, error) {
	kind, err := metrics.ParseIntervention(c.path["kind"])
	if err != nil || kind == metrics.Recovering {
		return nil, errNotFound
	}
	from, to := instantOf(v, "start_date"), instantOf(v, "end_date")
	if !to.IsZero() && to.Equal(to.Truncate(24*time.Hour)) {
		to = to.Add(24*time.Hour - time.Microsecond) // a day counts to its end
	}
	skip, limit := pageOf(v)
	if err := v.Err(); err != nil {
		return nil, err
	}
	list, err := d.r.Stops(ctx, c.account.ID, kind, from, to, skip, limit)
	if err != nil {
		return nil, err
	}
	type row struct {
		CustomerID     string  `json:"customer_id"`
		Email          *string `json:"email"`
		UnsubscribedOn *string `json:"unsubscribed_on"`
		Forever        bool    `json:"forever"`
	}
	out := []row{}
	for _, s := range list {
		p, err := d.r.MeasuredPerson(ctx, c.account.ID, s.Customer)
		if fault.Is(err, fault.NotFound) {
			continue // deleted meanwhile, or never measured
		}
		if err != nil {
			return nil, err
		}
		out = append(out, row{spellCustomer(p.Customer, p.Pushed), text(p.Email), stamp(s.At), s.Forever})
	}
	return out, nil
}

func (d *Door) stop(ctx context.Context, c *caller, v *params.Values) (any, error) {
	v.Require("customer_id", "intervention_types")
	s := commerce.StopInterventions{Call: c.call(), Forever: v.Bool("forever")}
	for _, word := range v.All("intervention_types") {
		kind, err := metrics.ParseIntervention(word)
		v.Check(err == nil, "intervention_types", "%q is not a valid choice", word)
		s.Kinds = append(s.Kinds, kind)
	}
	if err := v.Err(); err != nil {
		return nil, err
	}
	p, err := d.who(ctx, c, v.Text("customer_id"))
	if err != nil {
		return nil, err
	}
	s.Customer = p.Customer
	return done, d.s.StopInterventions(ctx, s)
}

// customerEvent takes note that somebody uses the product. Nothing is made of it.
func (d *Door) customerEvent(_ context.Context, _ *caller, v *params.Values) (any, error) {
	v.Check(v.Text("user_id") != "" || v.Text("user_email") != "", "user_id", "is required")
	return done, v.Err()
}

func (d *Door) quests(_ context.Context, _ *caller, v *params.Values) (any, error) {
	if v.Text("user_email") == "" && v.Text("user_id") == "" {
		return nil, fault.New(fault.Invalid, "customer email or user ID not provided!").WithCode(codeQuests)
	}
	return map[string][]string{"quests": {}}, nil
}
