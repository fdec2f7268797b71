package paywhirl

import (
	"context"
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"perennial/internal/commerce"
	"perennial/internal/id"
	"perennial/internal/params"
	"perennial/internal/question"
	"perennial/internal/report"
)

// Version 1 Beta, under /api. It is the same model with other names, and every scalar is a
// text.

func (d *Door) v1Routes() []route {
	return []route{
		{http.MethodGet, "/api/me", d.me},
		{http.MethodGet, "/api/subscribers", d.subscribersV1},
		{http.MethodGet, "/api/subscriber", d.subscriberV1},
		{http.MethodPost, "/api/subscriber/create", d.createSubscriber},
		{http.MethodPost, "/api/subscriber/update", d.updateSubscriber},
		{http.MethodGet, "/api/plans", d.plansV1},
		{http.MethodGet, "/api/plan", d.planV1},
		{http.MethodPost, "/api/plan/update", d.updatePlanV1},
	}
}

// meWire is the merchant's account in version 1.
type meWire struct {
	ID          string     `json:"id"`
	FirstName   string     `json:"first_name"`
	LastName    string     `json:"last_name"`
	Email       string     `json:"email"`
	Phone       string     `json:"phone"`
	Industry    string     `json:"industry"`
	APIKey      string     `json:"api_key"`
	DateCreated string     `json:"date_created"`
	Settings    settingsV1 `json:"settings"`
}

// settingsV1 are the settings of an account in version 1, as far as there are such here.
type settingsV1 struct {
	ShowLogin                string `json:"show_login"`
	ShowPromo                string `json:"show_promo"`
	DefaultCountry           string `json:"default_country"`
	ShowBrand                string `json:"show_brand"`
	FromEmail                string `json:"from_email"`
	FromEmailName            string `json:"from_email_name"`
	AllowUnsubscribe         string `json:"allow_unsubscribe"`
	CustomCSS                string `json:"custom_css"`
	CustomTerms              string `json:"custom_terms"`
	ThankYouMessage          string `json:"thank_you_message"`
	UserPassthroughURL       string `json:"user_passthrough_url"`
	UserLoginPassthroughURL  string `json:"user_login_passthrough_url"`
	UserLogoutPassthroughURL string `json:"user_logout_passthrough_url"`
	GlobalTrackingCode       string `json:"global_tracking_code"`
	SignupTrackingCode       string `json:"signup_tracking_code"`
}

func (d *Door) me(ctx context.Context, c *caller, _ *params.Values) (any, error) {
	user, err := d.user(ctx, c)
	a := c.account
	return meWire{ID: digits(user), LastName: a.Name, Email: a.Email, APIKey: c.key.Hint, DateCreated: word(stamp(a.CreatedAt)),
		Settings: settingsV1{ShowLogin: "1", ShowPromo: "1", DefaultCountry: a.Seller.Country, ShowBrand: "0", FromEmail: a.Email, FromEmailName: a.Name, AllowUnsubscribe: "1"}}, err
}

func digits(n int64) string { return strconv.FormatInt(n, 10) }

// word is a text that version 2 leaves out, empty.
func word(s *string) string {
	if s == nil {
		return ""
	}
	return *s
}

// subscriberWireV1 is a customer in version 1.
type subscriberWireV1 struct {
	ID          string `json:"id"`
	UserID      string `json:"user_id"`
	Email       string `json:"email"`
	Password    string `json:"password"` // never told
	FirstName   string `json:"first_name"`
	LastName    string `json:"last_name"`
	Phone       string `json:"phone"`
	Address1    string `json:"address_1"`
	Address2    string `json:"address_2"`
	City        string `json:"city"`
	State       string `json:"state"`
	Zip         string `json:"zip"`
	Country     string `json:"country"`
	Profile     string `json:"profile"` // JSON text: answers by the names of questions
	Admin       string `json:"admin"`
	StripeID    string `json:"stripe_id"`
	UserAgent   string `json:"user_agent"`
	DateCreated string `json:"date_created"`
}

func (d *Door) spellSubscriber(ctx context.Context, c *caller, w customerWire) (subscriberWireV1, error) {
	first, second, _ := strings.Cut(word(w.Address), "\n")
	out := subscriberWireV1{ID: digits(w.ID), UserID: digits(w.UserID), Email: word(w.Email), FirstName: word(w.FirstName), LastName: word(w.LastName), Phone: word(w.Phone),
		Address1: first, Address2: second, City: word(w.City), State: word(w.State), Zip: word(w.Zip), Country: word(w.Country), Admin: "0",
		StripeID: word(w.GatewayReference), DateCreated: word(w.CreatedAt)}
	of, err := d.customerNumbered(ctx, c, w.ID)
	if err != nil {
		return out, err
	}
	answers, err := d.answersOf(ctx, c, of)
	profile := map[string]string{}
	for _, a := range answers {
		if a.AddressID == nil {
			profile[a.Name] = a.Answer
		}
	}
	if len(profile) > 0 {
		out.Profile = string(encode(profile))
	}
	return out, err
}

// pageV1 reads the paging words of version 1: "id desc", ten rows unless more are asked for.
func pageV1(v *params.Values) page {
	p := page{after: numberOf(v, "after_id"), before: numberOf(v, "before_id"), limit: int(v.Int("limit", 1, maxPage))}
	if p.limit == 0 {
		p.limit = 10
	}
	switch strings.Join(strings.Fields(strings.ToLower(v.Text("ordering"))), " ") {
	case "", "id desc", "date_created desc":
	case "id", "id asc", "date_created", "date_created asc":
		p.ascending = true
	default:
		v.Bad("ordering", "must be id desc or id asc")
	}
	return p
}

func (d *Door) subscribersV1(ctx context.Context, c *caller, v *params.Values) (any, error) {
	p := pageV1(v)
	if v.Err() != nil {
		return nil, v.Err()
	}
	list, err := d.customerPage(ctx, c, p, "")
	out := make([]subscriberWireV1, len(list))
	for i := range list {
		if err == nil {
			out[i], err = d.spellSubscriber(ctx, c, list[i])
		}
	}
	return out, err
}

func (d *Door) oneSubscriber(ctx context.Context, c *caller, of id.Customer) (any, error) {
	w, err := d.oneCustomer(ctx, c, of)
	if err != nil {
		return nil, err
	}
	return d.spellSubscriber(ctx, c, w)
}

func (d *Door) subscriberV1(ctx context.Context, c *caller, v *params.Values) (any, error) {
	by := v.Text("id")
	if by == "" {
		by = v.Text("email")
	}
	v.Check(by != "", "id", "or email must be given")
	if v.Err() != nil {
		return nil, v.Err()
	}
	of, err := d.customerNamed(ctx, c, by)
	if err != nil {
		return nil, err
	}
	return d.oneSubscriber(ctx, c, of)
}

// translated are the parameters of version 1 under the names of version 2.
func translated(v *params.Values) {
	if v.Given("address_1") || v.Given("address_2") {
		lines := strings.TrimRight(v.Text("address_1")+"\n"+v.Text("address_2"), "\n")
		v.Put("address", lines)
	}
}

// subscriberAsSent undoes it in refusals.
var subscriberAsSent = map[string]string{"address": "address_1"}

func (d *Door) createSubscriber(ctx context.Context, c *caller, v *params.Values) (any, error) {
	v.Require("email")
	translated(v)
	profile, err := d.profileV1(ctx, c, v)
	if err != nil {
		return nil, err
	}
	of, err := d.makeCustomer(ctx, c, v)
	if err != nil {
		return nil, renamed(err, subscriberAsSent)
	}
	if err := d.keepProfile(ctx, c, of, profile); err != nil {
		return nil, err
	}
	return d.oneSubscriber(ctx, c, of)
}

func (d *Door) updateSubscriber(ctx context.Context, c *caller, v *params.Values) (any, error) {
	of, err := d.customerNumbered(ctx, c, required(v, "id"))
	if err != nil {
		return nil, orFields(v, err)
	}
	translated(v)
	profile, err := d.profileV1(ctx, c, v)
	if err != nil {
		return nil, err
	}
	if err := d.changeCustomer(ctx, c, of, v); err != nil {
		return nil, renamed(err, subscriberAsSent)
	}
	if err := d.keepProfile(ctx, c, of, profile); err != nil {
		return nil, err
	}
	return d.oneSubscriber(ctx, c, of)
}

// profileV1 are the answers in a profile, a JSON text with the names of questions.
func (d *Door) profileV1(ctx context.Context, c *caller, v *params.Values) (map[id.Question]string, error) {
	text := v.Text("profile")
	if text == "" {
		return nil, nil
	}
	var given map[string]any
	if err := json.Unmarshal([]byte(text), &given); err != nil {
		v.Bad("profile", "must be JSON text: an object with the names of questions")
		return nil, v.Err()
	}
	all, err := d.r.Questions(ctx, c.account.ID)
	if err != nil {
		return nil, err
	}
	out := map[id.Question]string{}
	for _, name := range slices.Sorted(maps.Keys(given)) {
		answer := given[name]
		var asked *question.Question
		for i := range all {
			if all[i].Name == name && !all[i].Archived {
				asked = &all[i]
			}
		}
		s, isText := answer.(string)
		switch {
		case asked == nil:
			v.Bad("profile", "%q is the name of no question that is asked", name)
		case !isText:
			v.Bad("profile", "%q must be answered with a text", name)
		default:
			v.Add("profile", renamed(asked.CheckAnswer(s), map[string]string{"answer": "profile"}))
			out[asked.ID] = s
		}
	}
	return out, v.Err()
}

func (d *Door) keepProfile(ctx context.Context, c *caller, of id.Customer, answers map[id.Question]string) error {
	for q, answer := range answers {
		if _, err := d.s.Answer(ctx, commerce.Answer{Call: c.call(), Customer: of, Question: q, Text: answer}); err != nil {
			return renamed(err, map[string]string{"answer": "profile"})
		}
	}
	return nil
}

// planWireV1 is a plan in version 1.
type planWireV1 struct {
	ID                     string  `json:"id"`
	UserID                 string  `json:"user_id"`
	Name                   string  `json:"name"`
	Code                   string  `json:"code"`
	Amount                 string  `json:"amount"`
	Interval               string  `json:"interval"`
	BillingInterval        string  `json:"billing_interval"`
	Currency               string  `json:"currency"`
	Enabled                string  `json:"enabled"`
	Shipping               string  `json:"shipping"`
	TrialDays              string  `json:"trial_days"`
	SetupFee               string  `json:"setup_fee"`
	Installments           string  `json:"installments"`
	BillingCycleAnchor     string  `json:"billing_cycle_anchor"`
	OrderOnAllInstallments string  `json:"order_on_all_installments"`
	Image                  *string `json:"image"`
	Feature1               string  `json:"feature_1"`
	Feature2               string  `json:"feature_2"`
	Feature3               string  `json:"feature_3"`
	Feature4               string  `json:"feature_4"`
	Feature5               string  `json:"feature_5"`
	Feature6               string  `json:"feature_6"`
	Feature7               string  `json:"feature_7"`
	Feature8               string  `json:"feature_8"`
	Feature9               string  `json:"feature_9"`
	Feature10              string  `json:"feature_10"`
	SKU                    *string `json:"sku"`
	Ordering               *string `json:"ordering"`
	ShopifyProductID       *string `json:"shopify_product_id"`
	ShopifyVariantID       *string `json:"shopify_variant_id"`
	ShopifyFulfillment     *string `json:"shopify_fulfillment"`
	DateCreated            string  `json:"date_created"`
}

// extrasV1 are the fields of plans of version 1 that nothing here reads.
var extrasV1 = []string{"feature_1", "feature_2", "feature_3", "feature_4", "feature_5", "feature_6", "feature_7", "feature_8", "feature_9", "feature_10",
	"ordering", "shopify_product_id", "shopify_variant_id", "shopify_fulfillment"}

func yesNo(on int) string {
	if on == 1 {
		return "yes"
	}
	return "no"
}

// spellPlanV1 says in version 1 what w says in version 2.
func spellPlanV1(w planWire) planWireV1 {
	anchor := ""
	if w.BillingCycleAnchor != nil {
		anchor = strconv.Itoa(*w.BillingCycleAnchor)
	}
	x := w.extras
	return planWireV1{ID: digits(w.ID), UserID: digits(w.UserID), Name: w.Name, Code: digits(w.ID), Amount: w.BillingAmount.String(), Interval: w.BillingFrequency,
		BillingInterval: strconv.Itoa(w.BillingInterval), Currency: w.Currency, Enabled: yesNo(w.Enabled), Shipping: yesNo(w.RequireShipping),
		TrialDays: strconv.Itoa(w.TrialDays), SetupFee: w.SetupFee.String(), Installments: strconv.Itoa(w.Installments), BillingCycleAnchor: anchor,
		OrderOnAllInstallments: "yes", Image: w.Image, SKU: w.SKU, DateCreated: word(w.CreatedAt),
		Feature1: x["feature_1"], Feature2: x["feature_2"], Feature3: x["feature_3"], Feature4: x["feature_4"], Feature5: x["feature_5"],
		Feature6: x["feature_6"], Feature7: x["feature_7"], Feature8: x["feature_8"], Feature9: x["feature_9"], Feature10: x["feature_10"],
		Ordering: text(x["ordering"]), ShopifyProductID: text(x["shopify_product_id"]), ShopifyVariantID: text(x["shopify_variant_id"]),
		ShopifyFulfillment: text(x["shopify_fulfillment"])}
}

func (d *Door) plansV1(ctx context.Context, c *caller, v *params.Values) (any, error) {
	only := !v.Given("enabled") || v.Bool("enabled")
	if v.Err() != nil {
		return nil, v.Err()
	}
	list, err := d.planPage(ctx, c, page{limit: maxUnpaged, ascending: true}, func(w planWire) bool { return !only || w.Enabled == 1 })
	out := make([]planWireV1, len(list))
	for i, w := range list {
		out[i] = spellPlanV1(w)
	}
	return out, err
}

func (d *Door) planV1(ctx context.Context, c *caller, v *params.Values) (any, error) {
	of, err := d.planNumbered(ctx, c, required(v, "id"))
	if err != nil {
		return nil, orFields(v, err)
	}
	w, err := d.onePlan(ctx, c, of)
	return spellPlanV1(w), err
}

func (d *Door) updatePlanV1(ctx context.Context, c *caller, v *params.Values) (any, error) {
	of, err := d.planNumbered(ctx, c, required(v, "id"))
	if err != nil {
		return nil, orFields(v, err)
	}
	w, err := d.changePlan(ctx, c, of, v, func(_ context.Context, _ *caller, v *params.Values, was report.Plan) report.Plan {
		return planSentV1(v, was)
	})
	return spellPlanV1(w), renamed(err, map[string]string{"require_shipping": "shipping"})
}

// planSentV1 reads the fields that version 1 can change over those that were there.
func planSentV1(v *params.Values, p report.Plan) report.Plan {
	setText(v, "name", &p.Product.Name, &p.Price.Name)
	setText(v, "image", &p.Product.Image)
	setText(v, "sku", &p.Product.SKU)
	p.Product.Metadata = notesOf(p.Product.Metadata).with(v, extrasV1).text()
	if v.Given("setup_fee") {
		p.Price.SetupFee = amountOf(v, "setup_fee", p.Price.SetupFee.Currency)
	}
	if v.Has("shipping") {
		v.Put("require_shipping", v.Text("shipping"))
	}
	planRhythm(v, &p.Price)
	planSettings(v, &p)
	return p
}
