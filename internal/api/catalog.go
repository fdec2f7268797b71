package api

import (
	"context"
	"net/http"

	"perennial/internal/catalog"
	"perennial/internal/commerce"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/money"
)

func (a *API) catalogRoutes() {
	a.campaignRoutes()
	a.productRoutes()
	a.priceRoutes()
}

func (a *API) campaignRoutes() {
	read(a, operation{id: "list-campaigns", path: "/v1/campaigns", tag: "Catalog", summary: "The campaigns"},
		func(ctx context.Context, c caller, in *Page) (list[Campaign], error) {
			from, err := before[id.Campaign](*in, "cam")
			if err != nil {
				return list[Campaign]{}, err
			}
			rows, err := a.r.Campaigns(ctx, c.account.ID, from, in.Limit+1)
			return paged(*in, "cam", rows, func(c catalog.Campaign) int64 { return int64(c.ID) }, campaignOf), err
		})
	read(a, operation{id: "get-campaign", path: "/v1/campaigns/{id}", tag: "Catalog", summary: "One campaign"},
		func(ctx context.Context, c caller, in *ByID) (Campaign, error) {
			v, err := id.Parse[id.Campaign](in.ID)
			if err != nil {
				return Campaign{}, err
			}
			campaign, err := a.r.Campaign(ctx, c.account.ID, v)
			return campaignOf(campaign), err
		})
	type newCampaign struct {
		Body struct {
			Name    string `json:"name" minLength:"1" maxLength:"200"`
			Gateway string `json:"gateway,omitempty" maxLength:"40" doc:"The gateway account that its sales are paid at; the account's default when it is left out."`
		}
	}
	write(a, operation{id: "create-campaign", path: "/v1/campaigns", tag: "Catalog", summary: "Make a campaign", text: "A campaign is a folder of products that share a brand."},
		func(ctx context.Context, call commerce.Call, in *newCampaign) (catalog.Campaign, error) {
			gateway, err := parse[id.GatewayAccount]("gateway", in.Body.Gateway)
			if err != nil {
				return catalog.Campaign{}, err
			}
			return a.s.CreateCampaign(ctx, commerce.CreateCampaign{Call: call, Name: in.Body.Name, Gateway: gateway})
		}, campaignOf)
	type campaignChange struct {
		ByID
		Body struct {
			Name     *string `json:"name,omitempty" maxLength:"200"`
			State    *string `json:"state,omitempty" enum:"active,archived"`
			Recovery *string `json:"recovery_policy,omitempty" maxLength:"40" doc:"For failed payments of its products; empty goes back to the account's."`
			Gateway  *string `json:"gateway,omitempty" maxLength:"40" doc:"Empty goes back to the account's default."`
		}
	}
	write(a, operation{id: "update-campaign", method: http.MethodPatch, status: http.StatusOK, path: "/v1/campaigns/{id}", tag: "Catalog", summary: "Change a campaign"},
		func(ctx context.Context, call commerce.Call, in *campaignChange) (catalog.Campaign, error) {
			v, err := id.Parse[id.Campaign](in.ID)
			if err != nil {
				return catalog.Campaign{}, err
			}
			u := commerce.UpdateCampaign{Call: call, Campaign: v, Name: in.Body.Name, State: (*catalog.State)(in.Body.State)}
			if in.Body.Recovery != nil {
				policy, err := parse[id.RecoveryPolicy]("recovery_policy", *in.Body.Recovery)
				if err != nil {
					return catalog.Campaign{}, err
				}
				u.Recovery = &policy
			}
			if in.Body.Gateway != nil {
				gateway, err := parse[id.GatewayAccount]("gateway", *in.Body.Gateway)
				if err != nil {
					return catalog.Campaign{}, err
				}
				u.Gateway = &gateway
			}
			return a.s.UpdateCampaign(ctx, u)
		}, campaignOf)
}

func (a *API) productRoutes() {
	read(a, operation{id: "list-products", path: "/v1/products", tag: "Catalog", summary: "The products"},
		func(ctx context.Context, c caller, in *Page) (list[ProductWire], error) {
			from, err := before[id.Product](*in, "prd")
			if err != nil {
				return list[ProductWire]{}, err
			}
			rows, err := a.r.Products(ctx, c.account.ID, from, in.Limit+1)
			return paged(*in, "prd", rows, func(p catalog.Product) int64 { return int64(p.ID) }, productOf), err
		})
	read(a, operation{id: "get-product", path: "/v1/products/{id}", tag: "Catalog", summary: "One product with its prices and checkout addresses"},
		func(ctx context.Context, c caller, in *ByID) (ProductDetail, error) {
			v, err := id.Parse[id.Product](in.ID)
			if err != nil {
				return ProductDetail{}, err
			}
			p, err := a.r.Product(ctx, c.account.ID, v)
			return productDetailOf(p), err
		})
	type newProduct struct {
		Body struct {
			Campaign    string `json:"campaign,omitempty" maxLength:"40" doc:"The account's first when it is left out."`
			Name        string `json:"name" minLength:"1" maxLength:"200"`
			Description string `json:"description,omitempty" maxLength:"5000"`
			SKU         string `json:"sku,omitempty" maxLength:"80" doc:"The merchant's own number of it."`
			Image       string `json:"image,omitempty" maxLength:"500" example:"https://shop.example/tea.jpg" doc:"Address of a picture, https."`
			Metadata    string `json:"metadata,omitempty" maxLength:"5000" doc:"The merchant's own notes."`

			Settings ProductSettings `json:"settings,omitzero"`
		}
	}
	write(a, operation{id: "create-product", path: "/v1/products", tag: "Catalog", summary: "Make a product", text: "It gets a checkout address at once and is sold as soon as it has a price."},
		func(ctx context.Context, call commerce.Call, in *newProduct) (catalog.Product, error) {
			var f fault.Fields
			campaign := refer[id.Campaign](&f, "campaign", in.Body.Campaign)
			settings := in.Body.Settings.read(&f)
			if err := f.Err(); err != nil {
				return catalog.Product{}, err
			}
			p, err := a.s.CreateProduct(ctx, commerce.CreateProduct{Call: call, Campaign: campaign, Name: in.Body.Name, Description: in.Body.Description,
				SKU: in.Body.SKU, Image: in.Body.Image, Metadata: in.Body.Metadata, Settings: settings})
			return p, inSettings(err)
		}, productOf)
	type productChange struct {
		ByID
		Body struct {
			Name        *string `json:"name,omitempty" maxLength:"200"`
			Description *string `json:"description,omitempty" maxLength:"5000"`
			SKU         *string `json:"sku,omitempty" maxLength:"80"`
			Image       *string `json:"image,omitempty" maxLength:"500"`
			Metadata    *string `json:"metadata,omitempty" maxLength:"5000"`
			State       *string `json:"state,omitempty" enum:"active,archived"`

			Settings *ProductSettings `json:"settings,omitempty" doc:"Replaces all of them."`
		}
	}
	write(a, operation{id: "update-product", method: http.MethodPatch, status: http.StatusOK, path: "/v1/products/{id}", tag: "Catalog", summary: "Change a product"},
		func(ctx context.Context, call commerce.Call, in *productChange) (catalog.Product, error) {
			v, err := id.Parse[id.Product](in.ID)
			if err != nil {
				return catalog.Product{}, err
			}
			u := commerce.UpdateProduct{Call: call, Product: v, Name: in.Body.Name, Description: in.Body.Description, SKU: in.Body.SKU, Image: in.Body.Image,
				Metadata: in.Body.Metadata, State: (*catalog.State)(in.Body.State)}
			if in.Body.Settings != nil {
				var f fault.Fields
				settings := in.Body.Settings.read(&f)
				if err := f.Err(); err != nil {
					return catalog.Product{}, err
				}
				u.Settings = &settings
			}
			p, err := a.s.UpdateProduct(ctx, u)
			return p, inSettings(err)
		}, productOf)
}

// inSettings names the field of a refusal about what settings refer to as the body does.
func inSettings(err error) error {
	if f := fault.As(err); err != nil && f.Kind == fault.Invalid && len(f.Fields) == 1 && f.Fields[0].Name == "ends" {
		return below("settings", err)
	}
	return err
}

func (a *API) priceRoutes() {
	type filter struct {
		Page
		Product string `query:"product" maxLength:"40" doc:"Only of that product."`
	}
	read(a, operation{id: "list-prices", path: "/v1/prices", tag: "Catalog", summary: "The prices"},
		func(ctx context.Context, c caller, in *filter) (list[Price], error) {
			from, err := before[id.Price](in.Page, "prc")
			if err != nil {
				return list[Price]{}, err
			}
			product, err := parse[id.Product]("query.product", in.Product)
			if err != nil {
				return list[Price]{}, err
			}
			rows, err := a.r.Prices(ctx, c.account.ID, product, from, in.Limit+1)
			return paged(in.Page, "prc", rows, func(p catalog.Price) int64 { return int64(p.ID) }, priceOf), err
		})
	read(a, operation{id: "get-price", path: "/v1/prices/{id}", tag: "Catalog", summary: "One price"},
		func(ctx context.Context, c caller, in *ByID) (Price, error) {
			v, err := id.Parse[id.Price](in.ID)
			if err != nil {
				return Price{}, err
			}
			p, err := a.r.Price(ctx, c.account.ID, v)
			return priceOf(p), err
		})
	type newPrice struct {
		Body struct {
			Product     string `json:"product" maxLength:"40"`
			Name        string `json:"name,omitempty" maxLength:"200"`
			Amount      *int64 `json:"amount,omitempty" minimum:"0" maximum:"10000000000000" doc:"Whole minor units, for one piece and one interval. With a charge it is left out: it is then what one piece costs."`
			Currency    string `json:"currency" minLength:"3" maxLength:"3" example:"USD"`
			Interval    string `json:"interval,omitempty" maxLength:"20" example:"month" doc:"day, week, month, year, 3 months …; left out, it is paid once."`
			TrialDays   int    `json:"trial_days,omitempty" minimum:"0" maximum:"730"`
			SetupFee    int64  `json:"setup_fee,omitempty" minimum:"0" maximum:"10000000000000"`
			MaxQuantity int64  `json:"max_quantity,omitempty" minimum:"1" maximum:"1000000"`
			PriceTerms
		}
	}
	write(a, operation{id: "create-price", path: "/v1/prices", tag: "Catalog", summary: "Make a price", text: "Once made, its amount, interval and terms stay: to change them, replace it."},
		func(ctx context.Context, call commerce.Call, in *newPrice) (catalog.Price, error) {
			b := in.Body
			var f fault.Fields
			product, err := parse[id.Product]("product", b.Product)
			f.Add("product", err)
			currency, err := money.ParseCurrency(b.Currency)
			f.Add("currency", err)
			every := interval(&f, "interval", b.Interval)
			terms := b.PriceTerms.read(&f)
			f.Check(b.Amount != nil || terms.Charge != nil, "amount", "must be given, or a charge")
			var each int64
			if b.Amount != nil {
				each = *b.Amount
			}
			if err := f.Err(); err != nil {
				return catalog.Price{}, err
			}
			return a.s.CreatePrice(ctx, commerce.CreatePrice{Call: call, Product: product, Name: b.Name, Amount: money.Amount{Minor: each, Currency: currency},
				Interval: every, TrialDays: b.TrialDays, SetupFee: b.SetupFee, MaxQuantity: b.MaxQuantity, Terms: terms})
		}, priceOf)
	type priceChange struct {
		ByID
		Body struct {
			Name        *string `json:"name,omitempty" maxLength:"200"`
			MaxQuantity *int64  `json:"max_quantity,omitempty" minimum:"1" maximum:"1000000"`
			State       *string `json:"state,omitempty" enum:"active,archived"`
		}
	}
	write(a, operation{id: "update-price", method: http.MethodPatch, status: http.StatusOK, path: "/v1/prices/{id}", tag: "Catalog", summary: "Change what may change of a price"},
		func(ctx context.Context, call commerce.Call, in *priceChange) (catalog.Price, error) {
			v, err := id.Parse[id.Price](in.ID)
			if err != nil {
				return catalog.Price{}, err
			}
			return a.s.UpdatePrice(ctx, commerce.UpdatePrice{Call: call, Price: v, Name: in.Body.Name, MaxQuantity: in.Body.MaxQuantity, State: (*catalog.State)(in.Body.State)})
		}, priceOf)
	a.replacePrice()
}

func (a *API) replacePrice() {
	type otherPrice struct {
		ByID
		Body struct {
			Name        *string     `json:"name,omitempty" maxLength:"200"`
			Amount      *int64      `json:"amount,omitempty" minimum:"0" maximum:"10000000000000" doc:"Minor units; given with currency."`
			Currency    *string     `json:"currency,omitempty" minLength:"3" maxLength:"3"`
			Interval    *string     `json:"interval,omitempty" maxLength:"20" example:"month" doc:"Empty: it is paid once."`
			TrialDays   *int        `json:"trial_days,omitempty" minimum:"0" maximum:"730"`
			SetupFee    *int64      `json:"setup_fee,omitempty" minimum:"0" maximum:"10000000000000"`
			MaxQuantity *int64      `json:"max_quantity,omitempty" minimum:"1" maximum:"1000000"`
			Terms       *PriceTerms `json:"terms,omitempty" doc:"Replaces all of them."`
			State       *string     `json:"state,omitempty" enum:"active,archived"`
		}
	}
	write(a, operation{id: "replace-price", path: "/v1/prices/{id}/replace", status: http.StatusOK, tag: "Catalog", summary: "Sell a plan at another price from now on",
		text: "A new price takes the place of the one of the same plan that is sold today, which is archived. What is left out stays. Who subscribed keeps the price that they were sold. When only name, max_quantity or state differ, the price itself changes."},
		func(ctx context.Context, call commerce.Call, in *otherPrice) (catalog.Price, error) {
			b := in.Body
			v, err := id.Parse[id.Price](in.ID)
			if err != nil {
				return catalog.Price{}, err
			}
			c := commerce.ReplacePrice{Call: call, Price: v, Name: b.Name, TrialDays: b.TrialDays, SetupFee: b.SetupFee, MaxQuantity: b.MaxQuantity, State: (*catalog.State)(b.State)}
			var f fault.Fields
			f.Check(b.Amount == nil || b.Currency != nil, "currency", "must be given with the amount")
			f.Check(b.Currency == nil || b.Amount != nil, "amount", "must be given with the currency")
			if b.Currency != nil {
				currency, err := money.ParseCurrency(*b.Currency)
				f.Add("currency", err)
				if b.Amount != nil {
					c.Amount = &money.Amount{Minor: *b.Amount, Currency: currency}
				}
			}
			if b.Interval != nil {
				every := interval(&f, "interval", *b.Interval)
				c.Interval = &every
			}
			if b.Terms != nil {
				var inner fault.Fields
				terms := b.Terms.read(&inner)
				f.Add("", below("terms", inner.Err()))
				c.Terms = &terms
			}
			if err := f.Err(); err != nil {
				return catalog.Price{}, err
			}
			p, err := a.s.ReplacePrice(ctx, c)
			return p, inTerms(err)
		}, priceOf)
}

// inTerms names the fields of a refusal about terms as the body does.
func inTerms(err error) error {
	if !fault.Is(err, fault.Invalid) {
		return err
	}
	var f fault.Fields
	for _, field := range fault.As(err).Fields {
		switch field.Name {
		case "name", "amount", "currency", "interval", "trial_days", "setup_fee", "max_quantity", "state":
			f.Bad(field.Name, "%s", field.Message)
		default:
			f.Bad("terms."+field.Name, "%s", field.Message)
		}
	}
	return f.Err()
}
