package api

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"perennial/internal/catalog"
	"perennial/internal/commerce"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/money"
	"perennial/internal/tax"
)

// TaxProfileWire is a tax profile on the wire. It is exported because only then are the
// fields of forms that hold it described.
type TaxProfileWire struct {
	ID            string    `json:"id"`
	Name          string    `json:"name"`
	Kind          string    `json:"kind" enum:"manual,eu_vat,us_canada"`
	Inclusive     bool      `json:"inclusive" doc:"Prices hold the tax."`
	ShippingTaxed bool      `json:"shipping_taxed"`
	SellerCountry string    `json:"seller_country"`
	SellerRegion  string    `json:"seller_region"`
	State         string    `json:"state" enum:"active,archived"`
	CreatedAt     time.Time `json:"created_at"`
}

func profileOf(p tax.Profile) TaxProfileWire {
	return TaxProfileWire{p.ID.String(), p.Name, string(p.Kind), p.Inclusive, p.ShippingTaxed, p.SellerCountry, p.SellerRegion, string(p.State), p.CreatedAt}
}

// TaxRule is a rate in a place and a time.
type TaxRule struct {
	Name       string     `json:"name" minLength:"1" maxLength:"40" example:"VAT" doc:"As printed."`
	Country    string     `json:"country,omitempty" maxLength:"2" doc:"Left out: everywhere."`
	Region     string     `json:"region,omitempty" maxLength:"40" doc:"Left out: the whole country."`
	PostalCode string     `json:"postal_code,omitempty" maxLength:"40" example:"902*" doc:"May end in * for all that begin so; left out: the whole region."`
	Rate       string     `json:"rate" minLength:"1" maxLength:"20" example:"0.19" doc:"An exact decimal from 0 to 1."`
	From       *time.Time `json:"from,omitempty" doc:"Included; left out: always."`
	To         *time.Time `json:"to,omitempty" doc:"Excluded; left out: open."`
}

// TaxProfileDetail is a tax profile with its rules.
type TaxProfileDetail struct {
	TaxProfileWire
	Rules []TaxRule `json:"rules"`
}

func profileDetailOf(p tax.Profile, rules []tax.Rule) TaxProfileDetail {
	out := TaxProfileDetail{profileOf(p), []TaxRule{}}
	for _, r := range rules {
		out.Rules = append(out.Rules, TaxRule{r.Name, r.Country, r.Region, r.PostalCode, r.Rate.String(), timeOf(r.From), timeOf(r.To)})
	}
	return out
}

func changedProfileOf(p commerce.TaxProfile) TaxProfileDetail {
	return profileDetailOf(p.Profile, p.Rules)
}

func readRules(f *fault.Fields, list []TaxRule) []tax.Rule {
	var out []tax.Rule
	for i, r := range list {
		at := "rules." + strconv.Itoa(i)
		rate, err := money.ParseRate(r.Rate)
		f.Add(at+".rate", err)
		out = append(out, tax.Rule{Name: r.Name, Country: r.Country, Region: r.Region, PostalCode: r.PostalCode, Rate: rate, From: instant(f, at+".from", r.From), To: instant(f, at+".to", r.To)})
	}
	return out
}

func (a *API) taxRoutes() {
	read(a, operation{id: "list-tax-profiles", path: "/v1/tax-profiles", tag: "Taxes", summary: "The tax profiles, without their rules"},
		func(ctx context.Context, c caller, in *Page) (list[TaxProfileWire], error) {
			from, err := before[id.TaxProfile](*in, "txp")
			if err != nil {
				return list[TaxProfileWire]{}, err
			}
			rows, err := a.r.TaxProfiles(ctx, c.account.ID, from, in.Limit+1)
			return paged(*in, "txp", rows, func(p tax.Profile) int64 { return int64(p.ID) }, profileOf), err
		})
	read(a, operation{id: "get-tax-profile", path: "/v1/tax-profiles/{id}", tag: "Taxes", summary: "One tax profile with its rules"},
		func(ctx context.Context, c caller, in *ByID) (TaxProfileDetail, error) {
			v, err := id.Parse[id.TaxProfile](in.ID)
			if err != nil {
				return TaxProfileDetail{}, err
			}
			p, rules, err := a.r.TaxProfile(ctx, c.account.ID, v)
			return profileDetailOf(p, rules), err
		})
	type newProfile struct {
		Body struct {
			Name          string    `json:"name" minLength:"1" maxLength:"200" doc:"For the merchant; buyers do not see it."`
			Kind          string    `json:"kind" enum:"manual,eu_vat,us_canada" doc:"manual: the rules alone; eu_vat: value added tax of the European Union; us_canada: sales taxes by state and province."`
			Inclusive     bool      `json:"inclusive,omitempty" doc:"Prices hold the tax."`
			ShippingTaxed bool      `json:"shipping_taxed,omitempty" doc:"The cost of shipping is taxed like what is sent."`
			SellerCountry string    `json:"seller_country,omitempty" maxLength:"2" doc:"The account's when it is left out."`
			SellerRegion  string    `json:"seller_region,omitempty" maxLength:"40"`
			Rules         []TaxRule `json:"rules,omitempty" maxItems:"5000"`
		}
	}
	write(a, operation{id: "create-tax-profile", path: "/v1/tax-profiles", tag: "Taxes", summary: "Make a tax profile", text: "PATCH /v1/account with tax_profile taxes new sales by it."},
		func(ctx context.Context, call commerce.Call, in *newProfile) (commerce.TaxProfile, error) {
			var f fault.Fields
			b := in.Body
			c := commerce.CreateTaxProfile{Call: call, Rules: readRules(&f, b.Rules), Profile: tax.Profile{Name: b.Name, Kind: tax.Scheme(b.Kind), Inclusive: b.Inclusive,
				ShippingTaxed: b.ShippingTaxed, SellerCountry: b.SellerCountry, SellerRegion: b.SellerRegion}}
			if err := f.Err(); err != nil {
				return commerce.TaxProfile{}, err
			}
			return a.s.CreateTaxProfile(ctx, c)
		}, changedProfileOf)
	type profileChange struct {
		ByID
		Body struct {
			Name          *string    `json:"name,omitempty" maxLength:"200"`
			Inclusive     *bool      `json:"inclusive,omitempty"`
			ShippingTaxed *bool      `json:"shipping_taxed,omitempty"`
			State         *string    `json:"state,omitempty" enum:"active,archived"`
			Rules         *[]TaxRule `json:"rules,omitempty" maxItems:"5000" doc:"Replace all of them."`
		}
	}
	write(a, operation{id: "update-tax-profile", method: http.MethodPatch, status: http.StatusOK, path: "/v1/tax-profiles/{id}", tag: "Taxes", summary: "Change a tax profile",
		text: "Subscriptions that were sold under it follow its rules from their next invoice on."},
		func(ctx context.Context, call commerce.Call, in *profileChange) (commerce.TaxProfile, error) {
			v, err := id.Parse[id.TaxProfile](in.ID)
			if err != nil {
				return commerce.TaxProfile{}, err
			}
			var f fault.Fields
			b := in.Body
			c := commerce.UpdateTaxProfile{Call: call, Profile: v, Name: b.Name, Inclusive: b.Inclusive, ShippingTaxed: b.ShippingTaxed, State: (*tax.State)(b.State)}
			if b.Rules != nil {
				rules := readRules(&f, *b.Rules)
				c.Rules = &rules
			}
			if err := f.Err(); err != nil {
				return commerce.TaxProfile{}, err
			}
			return a.s.UpdateTaxProfile(ctx, c)
		}, changedProfileOf)
	a.shippingRoutes()
	a.exchangeRoutes()
}

// ShippingRule is what sending an order costs under a condition.
type ShippingRule struct {
	ID         string    `json:"id"`
	Name       string    `json:"name"`
	Kind       string    `json:"kind" enum:"in_place,not_in_place,order_total"`
	Amount     Money     `json:"amount"`
	Country    string    `json:"country"`
	Region     string    `json:"region"`
	PostalCode string    `json:"postal_code"`
	Least      Money     `json:"least" doc:"Of order_total, included."`
	Most       *Money    `json:"most,omitempty" doc:"Of order_total, included; left out: open."`
	State      string    `json:"state" enum:"active,archived"`
	CreatedAt  time.Time `json:"created_at"`
}

func shippingOf(r tax.ShippingRule) ShippingRule {
	in := string(r.Amount.Currency)
	w := ShippingRule{r.ID.String(), r.Name, string(r.Kind), moneyOf(r.Amount), r.Place.Country, r.Place.Region, r.Place.PostalCode, Money{r.Least.Minor, in}, nil, string(r.State), r.CreatedAt}
	if r.Most.Minor > 0 {
		w.Most = &Money{r.Most.Minor, in}
	}
	return w
}

func (a *API) shippingRoutes() {
	read(a, operation{id: "list-shipping-rules", path: "/v1/shipping-rules", tag: "Taxes", summary: "The shipping rules"},
		func(ctx context.Context, c caller, in *Page) (list[ShippingRule], error) {
			from, err := before[id.ShippingRule](*in, "shp")
			if err != nil {
				return list[ShippingRule]{}, err
			}
			rows, err := a.r.ShippingRules(ctx, c.account.ID, from, in.Limit+1)
			return paged(*in, "shp", rows, func(r tax.ShippingRule) int64 { return int64(r.ID) }, shippingOf), err
		})
	read(a, operation{id: "get-shipping-rule", path: "/v1/shipping-rules/{id}", tag: "Taxes", summary: "One shipping rule"},
		func(ctx context.Context, c caller, in *ByID) (ShippingRule, error) {
			v, err := id.Parse[id.ShippingRule](in.ID)
			if err != nil {
				return ShippingRule{}, err
			}
			found, err := a.r.ShippingRule(ctx, c.account.ID, v)
			return shippingOf(found), err
		})
	type newRule struct {
		Body struct {
			Name       string `json:"name" minLength:"1" maxLength:"200" doc:"As printed on the line."`
			Kind       string `json:"kind" enum:"in_place,not_in_place,order_total" doc:"When it applies: goods are sent to the place, or elsewhere, or the order is worth least to most."`
			Amount     int64  `json:"amount" minimum:"0" maximum:"10000000000000" doc:"For a whole order, in minor units."`
			Currency   string `json:"currency,omitempty" maxLength:"3" doc:"The account's when it is left out."`
			Country    string `json:"country,omitempty" maxLength:"2"`
			Region     string `json:"region,omitempty" maxLength:"40"`
			PostalCode string `json:"postal_code,omitempty" maxLength:"40" example:"902*"`
			Least      int64  `json:"least,omitempty" minimum:"0" maximum:"10000000000000" doc:"Of order_total, included."`
			Most       int64  `json:"most,omitempty" minimum:"1" maximum:"10000000000000" doc:"Of order_total, included; left out: open."`
		}
	}
	write(a, operation{id: "create-shipping-rule", path: "/v1/shipping-rules", tag: "Taxes", summary: "Make a shipping rule",
		text: "Of the rules about places the most specific one applies; of those about the order's total each whose range holds it."},
		func(ctx context.Context, call commerce.Call, in *newRule) (tax.ShippingRule, error) {
			b := in.Body
			r := tax.ShippingRule{Name: b.Name, Kind: tax.ShippingKind(b.Kind), Place: tax.Place{Country: b.Country, Region: b.Region, PostalCode: b.PostalCode}}
			r.Amount.Minor, r.Least.Minor, r.Most.Minor = b.Amount, b.Least, b.Most
			if b.Currency != "" {
				currency, err := money.ParseCurrency(b.Currency)
				if err != nil {
					return r, fault.BadField("currency", "%s", fault.As(err).Message)
				}
				r.Amount.Currency = currency
			}
			return a.s.CreateShippingRule(ctx, commerce.CreateShippingRule{Call: call, Rule: r})
		}, shippingOf)
	type ruleChange struct {
		ByID
		Body struct {
			Name   *string `json:"name,omitempty" maxLength:"200"`
			Amount *int64  `json:"amount,omitempty" minimum:"0" maximum:"10000000000000"`
			State  *string `json:"state,omitempty" enum:"active,archived"`
		}
	}
	write(a, operation{id: "update-shipping-rule", method: http.MethodPatch, status: http.StatusOK, path: "/v1/shipping-rules/{id}", tag: "Taxes", summary: "Change a shipping rule, from the next invoice on"},
		func(ctx context.Context, call commerce.Call, in *ruleChange) (tax.ShippingRule, error) {
			v, err := id.Parse[id.ShippingRule](in.ID)
			if err != nil {
				return tax.ShippingRule{}, err
			}
			return a.s.UpdateShippingRule(ctx, commerce.UpdateShippingRule{Call: call, Rule: v, Name: in.Body.Name, Amount: in.Body.Amount, State: (*tax.State)(in.Body.State)})
		}, shippingOf)
}

// ExchangeRate is what one unit of the account's currency is worth in another.
type ExchangeRate struct {
	Currency string    `json:"currency" example:"EUR"`
	Rate     string    `json:"rate" example:"0.9214"`
	From     time.Time `json:"from" doc:"Since when it holds."`
}

func rateOf(r catalog.Rate) ExchangeRate {
	return ExchangeRate{string(r.Currency), r.Rate.String(), r.From}
}

// ExchangeRates are the rates in force at an instant.
type ExchangeRates struct {
	Base string         `json:"base" example:"USD" doc:"The account's currency, of which one unit is worth each rate."`
	Data []ExchangeRate `json:"data" doc:"One for each currency, by its name."`
}

func (a *API) exchangeRoutes() {
	type asked struct {
		At time.Time `query:"at" doc:"The instant for which they are wanted; now when it is left out."`
	}
	read(a, operation{id: "list-exchange-rates", path: "/v1/exchange-rates", tag: "Catalog", summary: "The stored exchange rates in force"},
		func(ctx context.Context, c caller, in *asked) (ExchangeRates, error) {
			var f fault.Fields
			if !in.At.IsZero() {
				in.At = instant(&f, "query.at", &in.At)
			}
			if err := f.Err(); err != nil {
				return ExchangeRates{}, err
			}
			rates, own, err := a.r.ExchangeRates(ctx, c.account.ID, in.At)
			out := ExchangeRates{string(own), []ExchangeRate{}}
			for _, r := range rates {
				out.Data = append(out.Data, rateOf(r))
			}
			return out, err
		})
	type newRate struct {
		Body struct {
			Currency string `json:"currency" minLength:"3" maxLength:"3" example:"EUR"`
			Rate     string `json:"rate" minLength:"1" maxLength:"40" example:"0.9214" doc:"What one unit of the account's currency is worth in it, an exact decimal above 0."`
		}
	}
	write(a, operation{id: "set-exchange-rate", path: "/v1/exchange-rates", tag: "Catalog", summary: "Store an exchange rate, from now on", text: "What was sold keeps its own rate."},
		func(ctx context.Context, call commerce.Call, in *newRate) (catalog.Rate, error) {
			var f fault.Fields
			currency, err := money.ParseCurrency(in.Body.Currency)
			f.Add("currency", err)
			rate := decimal(&f, "rate", in.Body.Rate)
			if err := f.Err(); err != nil {
				return catalog.Rate{}, err
			}
			return a.s.SetExchangeRate(ctx, commerce.SetExchangeRate{Call: call, Currency: currency, Rate: rate})
		}, rateOf)
}
