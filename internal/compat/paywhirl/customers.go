package paywhirl

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"strings"

	"perennial/internal/account"
	"perennial/internal/alias"
	"perennial/internal/commerce"
	"perennial/internal/customer"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/money"
	"perennial/internal/params"
	"perennial/internal/report"
)

func (d *Door) customerRoutes() []route {
	return []route{
		{http.MethodGet, "/customers", d.customers},
		{http.MethodGet, "/customer/{id}", d.customer},
		{http.MethodGet, "/customer/profile/{id}", d.profile},
		{http.MethodPost, "/create/customer", d.createCustomer},
		{http.MethodPost, "/update/customer", d.updateCustomer},
		{http.MethodPost, "/delete/customer", d.deleteCustomer},
		{http.MethodPost, "/auth/customer", d.authCustomer},
	}
}

// customerWire is a customer.
type customerWire struct {
	ID               int64   `json:"id"`
	UserID           int64   `json:"user_id"`
	FirstName        *string `json:"first_name"`
	LastName         *string `json:"last_name"`
	Email            *string `json:"email"`
	Phone            *string `json:"phone"`
	Address          *string `json:"address"`
	City             *string `json:"city"`
	State            *string `json:"state"`
	Zip              *string `json:"zip"`
	Country          *string `json:"country"`
	Currency         string  `json:"currency"`
	GatewayID        *int64  `json:"gateway_id"`
	GatewayType      *string `json:"gateway_type"`
	GatewayReference *string `json:"gateway_reference"`
	DefaultCard      *int64  `json:"default_card"`
	Metadata         *string `json:"metadata"`
	UTMSource        *string `json:"utm_source"`
	UTMMedium        *string `json:"utm_medium"`
	UTMTerm          *string `json:"utm_term"`
	UTMContent       *string `json:"utm_content"`
	UTMCampaign      *string `json:"utm_campaign"`
	UTMGroup         *string `json:"utm_group"`
	CreatedAt        *string `json:"created_at"`
	UpdatedAt        *string `json:"updated_at"`
	DeletedAt        *string `json:"deleted_at"`
}

// What a customer has here and nowhere else is kept in the merchant's own notes, under names
// that the wire does not show among them.
const (
	noteCurrency = "paywhirl_currency"
	noteGateway  = "paywhirl_gateway"  // the name of the gateway that was chosen
	noteMetadata = "paywhirl_metadata" // metadata that is no object of texts
	notePrefix   = "paywhirl_"
)

// customersWire spells customers in the order of their ids.
func (d *Door) customersWire(ctx context.Context, c *caller, list []id.Customer) ([]customerWire, error) {
	ids := make([]int64, len(list))
	for i, v := range list {
		ids[i] = int64(v)
	}
	persons, err := d.r.Persons(ctx, c.account.ID, ids)
	if err != nil || len(persons) == 0 {
		return nil, err
	}
	gateways, err := d.gatewaysOf(ctx, c)
	if err != nil {
		return nil, err
	}
	user, err := d.user(ctx, c)
	if err != nil {
		return nil, err
	}
	var names, cards []string
	for of, p := range persons {
		names = append(names, of.String())
		if p.Method.ID != 0 {
			cards = append(cards, p.Method.ID.String())
		}
	}
	numbers, err := d.numbers(ctx, c, commerce.NumberCustomers, names...)
	if err != nil {
		return nil, err
	}
	methods, err := d.numbers(ctx, c, commerce.NumberMethods, cards...)
	if err != nil {
		return nil, err
	}
	var out []customerWire
	for _, of := range list {
		p, ok := persons[of]
		if !ok {
			continue
		}
		w := spellCustomer(c.account, p.Customer)
		w.ID, w.UserID = numbers[of.String()], user
		if p.Method.ID != 0 {
			w.DefaultCard, w.GatewayReference = reference(methods[p.Method.ID.String()]), text(p.Method.Token)
		}
		if g, ok := gatewayOf(gateways, p); ok {
			w.GatewayID, w.GatewayType = reference(g.ID), text(g.Type)
		}
		out = append(out, w)
	}
	return out, nil
}

// gatewayOf is where a customer is charged: where they pay already, else where somebody chose,
// else the account's default.
func gatewayOf(list []gatewayWire, p report.Person) (gatewayWire, bool) {
	for _, name := range []string{p.Method.Gateway, p.Customer.Metadata[noteGateway]} {
		for _, g := range list {
			if name != "" && g.name == name {
				return g, true
			}
		}
	}
	if len(list) == 0 {
		return gatewayWire{}, false
	}
	return list[0], true
}

func spellCustomer(a account.Account, m customer.Customer) customerWire {
	first, last := m.Names()
	w := customerWire{FirstName: text(first), LastName: text(last), Email: text(m.Email), Phone: text(m.Contact.Phone),
		Address: text(m.Buyer.Address), City: text(m.Buyer.City), State: text(m.Buyer.Region), Zip: text(m.Buyer.PostalCode), Country: text(m.Buyer.Country),
		Currency: string(currencyOf(a, m)), Metadata: text(metadataText(m.Metadata)),
		UTMSource: text(m.Source.Source), UTMMedium: text(m.Source.Medium), UTMTerm: text(m.Source.Term), UTMContent: text(m.Source.Content),
		UTMCampaign: text(m.Source.Campaign), UTMGroup: text(m.Source.Group),
		CreatedAt: stamp(m.CreatedAt), UpdatedAt: stamp(m.UpdatedAt), DeletedAt: stamp(m.DeletedAt)}
	return w
}

// currencyOf is the currency that a customer was made for; the account's where nobody said.
func currencyOf(a account.Account, m customer.Customer) money.Currency {
	if c, err := money.ParseCurrency(m.Metadata[noteCurrency]); err == nil {
		return c
	}
	return a.Currency
}

// metadataText is the merchant's notes as the wire has them: the text that was sent, or an
// object of texts.
func metadataText(m map[string]string) string {
	if s, ok := m[noteMetadata]; ok {
		return s
	}
	shown := maps.Clone(m)
	maps.DeleteFunc(shown, func(k, _ string) bool { return strings.HasPrefix(k, notePrefix) })
	if len(shown) == 0 {
		return ""
	}
	return string(encode(shown))
}

// metadataOf reads the merchant's notes into m, in the place of those that were there: a group
// of texts, or a text, which is JSON or not.
func metadataOf(v *params.Values, m map[string]string) {
	const name = "metadata"
	if !v.Given(name) {
		return
	}
	maps.DeleteFunc(m, func(k, _ string) bool { return !strings.HasPrefix(k, notePrefix) || k == noteMetadata })
	given := map[string]string{}
	if v.Has(name) && len(v.All(name)) == 0 {
		group := v.Map(name)
		for _, k := range group.Names() {
			given[k] = group.TextMax(k, customer.MaxMetadataValue)
		}
	} else if s := v.TextMax(name, customer.MaxMetadataValue*customer.MaxMetadata); s != "" {
		if err := json.Unmarshal([]byte(s), &given); err != nil {
			m[noteMetadata] = s
			return
		}
	}
	for k, s := range given {
		if strings.HasPrefix(k, notePrefix) {
			v.Bad(name, "must have no entry whose name begins with %s", notePrefix)
			continue
		}
		m[k] = s
	}
}

// asSent is how customers' fields are called on the wire, where it differs.
var asSent = map[string]string{"postal_code": "zip", "region": "state", "name": "first_name", "source.source": "utm_source", "source.medium": "utm_medium",
	"source.term": "utm_term", "source.content": "utm_content", "source.campaign": "utm_campaign", "source.group": "utm_group", "metadata." + noteMetadata: "metadata"}

func (d *Door) customerNumbered(ctx context.Context, c *caller, number int64) (id.Customer, error) {
	return thing[id.Customer](ctx, d, c, commerce.NumberCustomers, number)
}

// oneCustomer spells one customer.
func (d *Door) oneCustomer(ctx context.Context, c *caller, of id.Customer) (customerWire, error) {
	list, err := d.customersWire(ctx, c, []id.Customer{of})
	if err == nil && len(list) == 0 {
		err = unknown(commerce.NumberCustomers)
	}
	if err != nil {
		return customerWire{}, err
	}
	return list[0], nil
}

func (d *Door) customer(ctx context.Context, c *caller, _ *params.Values) (any, error) {
	of, err := d.customerNumbered(ctx, c, parseNumber(c.path["id"]))
	if err != nil {
		return nil, err
	}
	return d.oneCustomer(ctx, c, of)
}

func (d *Door) customers(ctx context.Context, c *caller, v *params.Values) (any, error) {
	p, keyword := pageOf(v), strings.ToLower(v.TextMax("keyword", 200))
	if v.Err() != nil {
		return nil, v.Err()
	}
	return d.customerPage(ctx, c, p, keyword)
}

func (d *Door) customerPage(ctx context.Context, c *caller, p page, keyword string) ([]customerWire, error) {
	return listed(ctx, d, c, commerce.NumberCustomers, p, func(list []alias.Numbered) ([]customerWire, error) {
		ids := make([]id.Customer, 0, len(list))
		for _, n := range list {
			if of, err := id.Parse[id.Customer](n.Name); err == nil {
				ids = append(ids, of)
			}
		}
		found, err := d.customersWire(ctx, c, ids)
		kept := found[:0]
		for _, w := range found {
			if w.DeletedAt == nil && w.mentions(keyword) {
				kept = append(kept, w)
			}
		}
		return kept, err
	})
}

// mentions reports whether name, e-mail or phone hold a word in lower case.
func (w customerWire) mentions(keyword string) bool {
	if keyword == "" {
		return true
	}
	var all []string
	for _, s := range []*string{w.FirstName, w.LastName, w.Email, w.Phone} {
		if s != nil {
			all = append(all, strings.ToLower(*s))
		}
	}
	return strings.Contains(strings.Join(all, " "), keyword)
}

// sent are the fields of a customer that both making and changing one take.
func (d *Door) sent(ctx context.Context, c *caller, v *params.Values, notes map[string]string) {
	metadataOf(v, notes)
	if s := v.Text("currency"); s != "" {
		currency, err := money.ParseCurrency(strings.ToUpper(s))
		v.Add("currency", err)
		notes[noteCurrency] = string(currency)
	}
	if n := numberOf(v, "gateway_id"); n != 0 {
		g, err := d.gatewayNumbered(ctx, c, n)
		v.Add("gateway_id", err)
		notes[noteGateway] = g.name
	}
	if p := v.TextMax("password", 200); p != "" {
		v.Add("password", customer.CheckPassword(p))
	}
}

func (d *Door) createCustomer(ctx context.Context, c *caller, v *params.Values) (any, error) {
	v.Require("first_name", "last_name", "email", "currency")
	of, err := d.makeCustomer(ctx, c, v)
	if err != nil {
		return nil, err
	}
	return d.oneCustomer(ctx, c, of)
}

func (d *Door) makeCustomer(ctx context.Context, c *caller, v *params.Values) (id.Customer, error) {
	notes := map[string]string{}
	d.sent(ctx, c, v, notes)
	create := commerce.CreateCustomer{Call: c.call(), Email: v.Text("email"), Metadata: notes,
		Contact: customer.Contact{FirstName: v.Text("first_name"), LastName: v.Text("last_name"), Phone: v.Text("phone")},
		Buyer: customer.Buyer{Address: v.Text("address"), City: v.Text("city"), Region: v.Text("state"), PostalCode: v.Text("zip"),
			Country: strings.ToUpper(v.Text("country"))},
		Source: sourceOf(v, customer.Source{})}
	if v.Err() != nil {
		return 0, v.Err()
	}
	made, err := d.s.CreateCustomer(ctx, create)
	if err != nil {
		return 0, renamed(err, asSent)
	}
	return made.ID, d.setPassword(ctx, c, made.ID, v.Text("password"))
}

func (d *Door) setPassword(ctx context.Context, c *caller, of id.Customer, password string) error {
	if password == "" {
		return nil
	}
	return d.s.SetPassword(ctx, commerce.SetPassword{Call: c.call(), Customer: of, Password: password})
}

func sourceOf(v *params.Values, s customer.Source) customer.Source {
	for name, at := range map[string]*string{"utm_source": &s.Source, "utm_medium": &s.Medium, "utm_term": &s.Term, "utm_content": &s.Content,
		"utm_campaign": &s.Campaign, "utm_group": &s.Group} {
		if v.Given(name) {
			*at = v.Text(name)
		}
	}
	return s
}

func (d *Door) updateCustomer(ctx context.Context, c *caller, v *params.Values) (any, error) {
	of, err := d.customerNumbered(ctx, c, required(v, "id"))
	if err != nil {
		return nil, orFields(v, err)
	}
	if err := d.sameCard(ctx, c, of, v); err != nil {
		return nil, err
	}
	if err := d.changeCustomer(ctx, c, of, v); err != nil {
		return nil, err
	}
	return d.oneCustomer(ctx, c, of)
}

// sameCard refuses another default card, because nothing here keeps one: not to charge the
// card that a client chose would be worse than to say so.
func (d *Door) sameCard(ctx context.Context, c *caller, of id.Customer, v *params.Values) error {
	sent := numberOf(v, "default_card")
	if sent == 0 {
		return v.Err()
	}
	list, err := d.customersWire(ctx, c, []id.Customer{of})
	if err != nil {
		return err
	}
	same := len(list) == 1 && list[0].DefaultCard != nil && *list[0].DefaultCard == sent
	v.Check(same, "default_card", "is always the newest card; give a subscription its card by /update/subscription")
	return v.Err()
}

func (d *Door) changeCustomer(ctx context.Context, c *caller, of id.Customer, v *params.Values) error {
	before, err := d.r.Customer(ctx, c.account.ID, of)
	if err != nil {
		return err
	}
	notes := maps.Clone(before.Metadata)
	if notes == nil {
		notes = map[string]string{}
	}
	d.sent(ctx, c, v, notes)
	source := sourceOf(v, before.Source)
	country := given(v, "country")
	if country != nil {
		*country = strings.ToUpper(*country)
	}
	update := commerce.UpdateCustomer{Call: c.call(), Customer: of, Email: given(v, "email"), FirstName: given(v, "first_name"), LastName: given(v, "last_name"),
		Phone: given(v, "phone"), Address: given(v, "address"), City: given(v, "city"), Region: given(v, "state"), PostalCode: given(v, "zip"), Country: country,
		Source: &source, Metadata: notes}
	if v.Err() != nil {
		return v.Err()
	}
	if _, err := d.s.UpdateCustomer(ctx, update); err != nil {
		return renamed(err, asSent)
	}
	return d.setPassword(ctx, c, of, v.Text("password"))
}

func (d *Door) deleteCustomer(ctx context.Context, c *caller, v *params.Values) (any, error) {
	forget := v.Bool("forget")
	of, err := d.customerNumbered(ctx, c, required(v, "id"))
	if err != nil || v.Err() != nil {
		return nil, orFields(v, err)
	}
	_, err = d.s.DeleteCustomer(ctx, commerce.DeleteCustomer{Call: c.call(), Customer: of, Forget: forget})
	return success, err
}

func (d *Door) authCustomer(ctx context.Context, c *caller, v *params.Values) (any, error) {
	email, password := v.Text("email"), v.Text("password")
	v.Require("email", "password")
	if v.Err() != nil {
		return nil, v.Err()
	}
	_, err := d.s.CheckPassword(ctx, c.account.ID, email, password)
	if fault.Is(err, fault.Unauthorized) {
		return status{"failure"}, nil
	}
	return success, err
}

// profileWire is a customer with what they said of themselves.
type profileWire struct {
	Customer  customerWire  `json:"customer"`
	Addresses []addressWire `json:"addresses"`
	Answers   []answerWire  `json:"answers"`
}

func (d *Door) profile(ctx context.Context, c *caller, _ *params.Values) (any, error) {
	of, err := d.customerNamed(ctx, c, c.path["id"])
	if err != nil {
		return nil, err
	}
	var p profileWire
	if p.Customer, err = d.oneCustomer(ctx, c, of); err != nil {
		return nil, err
	}
	if p.Addresses, err = d.addressesOf(ctx, c, of); err != nil {
		return nil, err
	}
	p.Answers, err = d.answersOf(ctx, c, of)
	return p, err
}

// customerNamed is the customer with a number or an e-mail address.
func (d *Door) customerNamed(ctx context.Context, c *caller, by string) (id.Customer, error) {
	if n := parseNumber(by); n != 0 {
		return d.customerNumbered(ctx, c, n)
	}
	email, err := account.ParseEmail(by)
	if err != nil {
		return 0, unknown(commerce.NumberCustomers)
	}
	found, err := d.r.CustomerByEmail(ctx, c.account.ID, email)
	if fault.Is(err, fault.NotFound) {
		err = unknown(commerce.NumberCustomers)
	}
	return found.ID, err
}

// required is a number that must be given; a missing one is noted.
func required(v *params.Values, name string) int64 {
	v.Require(name)
	return numberOf(v, name)
}

// orFields is what is wrong with the parameters, or else the error.
func orFields(v *params.Values, err error) error {
	if v.Err() != nil {
		return v.Err()
	}
	return err
}
