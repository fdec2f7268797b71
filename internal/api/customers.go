package api

import (
	"context"
	"net/http"
	"strings"

	"perennial/internal/account"
	"perennial/internal/catalog"
	"perennial/internal/commerce"
	"perennial/internal/customer"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/money"
	"perennial/internal/payment"
	"perennial/internal/period"
)

// ByID is the id in the path.
type ByID struct {
	ID string `path:"id" maxLength:"40"`
}

type none struct{}

// accountBody is what can be changed of an account.
type accountBody struct {
	Body struct {
		Name      *string `json:"name,omitempty" maxLength:"120"`
		Email     *string `json:"email,omitempty" maxLength:"254"`
		Currency  *string `json:"currency,omitempty" maxLength:"3"`
		Zone      *string `json:"zone,omitempty" maxLength:"64"`
		LegalName *string `json:"legal_name,omitempty" maxLength:"200"`
		Address   *string `json:"address,omitempty" maxLength:"500"`
		Country   *string `json:"country,omitempty" maxLength:"2"`
		TaxID     *string `json:"tax_id,omitempty" maxLength:"40"`
		TaxName   *string `json:"tax_name,omitempty" maxLength:"40"`
		TaxRate   *string `json:"tax_rate,omitempty" maxLength:"20" example:"0.19"`
	}
}

func (a *API) accountRoutes() {
	read(a, operation{id: "get-account", path: "/v1/account", tag: "Account", summary: "The account of the key"},
		func(ctx context.Context, c caller, _ *none) (Account, error) {
			acc, now, err := a.r.Account(ctx, c.account.ID)
			return accountOf(acc, now), err
		})
	write(a, operation{id: "update-account", method: http.MethodPatch, status: http.StatusOK, path: "/v1/account", tag: "Account", summary: "Change the account",
		text: "Documents that were issued keep what they said."},
		func(ctx context.Context, call commerce.Call, in *accountBody) (account.Account, error) {
			b := in.Body
			u := commerce.UpdateAccount{Call: call, Name: b.Name, Email: b.Email, Zone: b.Zone, LegalName: b.LegalName, Address: b.Address, Country: b.Country, TaxID: b.TaxID, TaxName: b.TaxName}
			var f fault.Fields
			if b.Currency != nil {
				c, err := money.ParseCurrency(*b.Currency)
				f.Add("currency", err)
				u.Currency = &c
			}
			if b.TaxRate != nil {
				rate, err := money.ParseRate(*b.TaxRate)
				f.Add("tax_rate", err)
				u.TaxRate = &rate
			}
			if err := f.Err(); err != nil {
				return account.Account{}, err
			}
			return a.s.UpdateAccount(ctx, u)
		}, func(acc account.Account) Account { return accountOf(acc, acc.Now(a.o.Clock.Now())) })
	read(a, operation{id: "list-api-keys", path: "/v1/api-keys", tag: "Account", summary: "The API keys, without their secrets"},
		func(ctx context.Context, c caller, _ *none) (list[KeyWire], error) {
			keys, err := a.r.APIKeys(ctx, c.account.ID)
			return paged(Page{Limit: len(keys)}, "key", keys, nil, keyOf), err
		})
	type newKey struct {
		Body struct {
			Name string `json:"name" minLength:"1" maxLength:"80"`
		}
	}
	type createdKey struct {
		KeyWire
		Secret *string `json:"secret" doc:"Shown only now; null in a repeated answer."`
	}
	write(a, operation{id: "create-api-key", path: "/v1/api-keys", tag: "Account", summary: "Make another API key", text: "Its secret is in this answer and nowhere else: repeated with its Idempotency-Key, the request is answered with a secret of null. Whose first answer was lost revokes the key and makes another.",
		kept: func(result any) any { return createdKey{keyOf(result.(commerce.CreatedAPIKey).Key), nil} }},
		func(ctx context.Context, call commerce.Call, in *newKey) (commerce.CreatedAPIKey, error) {
			return a.s.CreateAPIKey(ctx, commerce.CreateAPIKey{Call: call, Name: in.Body.Name})
		}, func(k commerce.CreatedAPIKey) createdKey { return createdKey{keyOf(k.Key), &k.Secret} })
	write(a, operation{id: "revoke-api-key", path: "/v1/api-keys/{id}/revoke", status: http.StatusOK, tag: "Account", summary: "Make an API key useless"},
		func(ctx context.Context, call commerce.Call, in *ByID) (revoked, error) {
			key, err := id.Parse[id.APIKey](in.ID)
			if err != nil {
				return revoked{}, err
			}
			return revoked{in.ID, true}, a.s.RevokeAPIKey(ctx, commerce.RevokeAPIKey{Call: withoutAnswer(call, revoked{in.ID, true}), Key: key})
		}, func(r revoked) revoked { return r })
}

type revoked struct {
	ID      string `json:"id"`
	Revoked bool   `json:"revoked"`
}

// withoutAnswer keeps a fixed answer for a story that has no result of its own.
func withoutAnswer[W any](call commerce.Call, w W) commerce.Call {
	if call.Once == nil {
		return call
	}
	once := *call.Once
	once.Answer = func(_ any, refusal error) (int, string) {
		if refusal != nil {
			p := problemOf(refusal)
			return p.Status, string(p.text())
		}
		return http.StatusOK, string(encode(w))
	}
	call.Once = &once
	return call
}

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
			Name string `json:"name" minLength:"1" maxLength:"200"`
		}
	}
	write(a, operation{id: "create-campaign", path: "/v1/campaigns", tag: "Catalog", summary: "Make a campaign", text: "A campaign is a folder of products that share a brand."},
		func(ctx context.Context, call commerce.Call, in *newCampaign) (catalog.Campaign, error) {
			return a.s.CreateCampaign(ctx, commerce.CreateCampaign{Call: call, Name: in.Body.Name})
		}, campaignOf)
	type campaignChange struct {
		ByID
		Body struct {
			Name  *string `json:"name,omitempty" maxLength:"200"`
			State *string `json:"state,omitempty" enum:"active,archived"`
		}
	}
	write(a, operation{id: "update-campaign", method: http.MethodPatch, status: http.StatusOK, path: "/v1/campaigns/{id}", tag: "Catalog", summary: "Change a campaign"},
		func(ctx context.Context, call commerce.Call, in *campaignChange) (catalog.Campaign, error) {
			v, err := id.Parse[id.Campaign](in.ID)
			if err != nil {
				return catalog.Campaign{}, err
			}
			return a.s.UpdateCampaign(ctx, commerce.UpdateCampaign{Call: call, Campaign: v, Name: in.Body.Name, State: (*catalog.State)(in.Body.State)})
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
		}
	}
	write(a, operation{id: "create-product", path: "/v1/products", tag: "Catalog", summary: "Make a product", text: "It gets a checkout address at once and is sold as soon as it has a price."},
		func(ctx context.Context, call commerce.Call, in *newProduct) (catalog.Product, error) {
			campaign, err := parse[id.Campaign]("campaign", in.Body.Campaign)
			if err != nil {
				return catalog.Product{}, err
			}
			return a.s.CreateProduct(ctx, commerce.CreateProduct{Call: call, Campaign: campaign, Name: in.Body.Name, Description: in.Body.Description})
		}, productOf)
	type productChange struct {
		ByID
		Body struct {
			Name        *string `json:"name,omitempty" maxLength:"200"`
			Description *string `json:"description,omitempty" maxLength:"5000"`
			State       *string `json:"state,omitempty" enum:"active,archived"`
		}
	}
	write(a, operation{id: "update-product", method: http.MethodPatch, status: http.StatusOK, path: "/v1/products/{id}", tag: "Catalog", summary: "Change a product"},
		func(ctx context.Context, call commerce.Call, in *productChange) (catalog.Product, error) {
			v, err := id.Parse[id.Product](in.ID)
			if err != nil {
				return catalog.Product{}, err
			}
			return a.s.UpdateProduct(ctx, commerce.UpdateProduct{Call: call, Product: v, Name: in.Body.Name, Description: in.Body.Description, State: (*catalog.State)(in.Body.State)})
		}, productOf)
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
			Amount      int64  `json:"amount" minimum:"0" maximum:"10000000000000" doc:"Whole minor units, for one piece and one interval."`
			Currency    string `json:"currency" minLength:"3" maxLength:"3" example:"USD"`
			Interval    string `json:"interval,omitempty" maxLength:"20" example:"month" doc:"day, week, month, year, 3 months …; left out, it is paid once."`
			TrialDays   int    `json:"trial_days,omitempty" minimum:"0" maximum:"730"`
			SetupFee    int64  `json:"setup_fee,omitempty" minimum:"0" maximum:"10000000000000"`
			MaxQuantity int64  `json:"max_quantity,omitempty" minimum:"1" maximum:"1000000"`
		}
	}
	write(a, operation{id: "create-price", path: "/v1/prices", tag: "Catalog", summary: "Make a price", text: "Once made, its amount and interval stay: make a new price and archive this one to change them."},
		func(ctx context.Context, call commerce.Call, in *newPrice) (catalog.Price, error) {
			b := in.Body
			var f fault.Fields
			product, err := parse[id.Product]("product", b.Product)
			f.Add("product", err)
			currency, err := money.ParseCurrency(b.Currency)
			f.Add("currency", err)
			var every period.Interval
			if b.Interval != "" {
				every, err = period.ParseInterval(b.Interval)
				f.Add("interval", err)
			}
			if err := f.Err(); err != nil {
				return catalog.Price{}, err
			}
			return a.s.CreatePrice(ctx, commerce.CreatePrice{Call: call, Product: product, Name: b.Name, Amount: money.Amount{Minor: b.Amount, Currency: currency},
				Interval: every, TrialDays: b.TrialDays, SetupFee: b.SetupFee, MaxQuantity: b.MaxQuantity})
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
}

// buyerBody is a customer as it is made, or as a buyer of a sale.
type buyerBody struct {
	Email    string            `json:"email,omitempty" maxLength:"254"`
	Name     string            `json:"name,omitempty" maxLength:"200"`
	Company  string            `json:"company,omitempty" maxLength:"200"`
	Address  string            `json:"address,omitempty" maxLength:"500" doc:"Lines separated by a line feed."`
	Country  string            `json:"country,omitempty" maxLength:"2" doc:"ISO 3166-1 alpha-2."`
	TaxID    string            `json:"tax_id,omitempty" maxLength:"40"`
	Language string            `json:"language,omitempty" maxLength:"35"`
	Metadata map[string]string `json:"metadata,omitempty" maxProperties:"50"`
}

func (b buyerBody) create(call commerce.Call) commerce.CreateCustomer {
	return commerce.CreateCustomer{Call: call, Email: b.Email, Language: b.Language, Metadata: b.Metadata,
		Buyer: customer.Buyer{Name: b.Name, Company: b.Company, Address: b.Address, Country: b.Country, TaxID: b.TaxID}}
}

// check notes what is wrong with a buyer of a sale, also when a customer with that
// address exists already, who stays as they are.
func (b buyerBody) check(f *fault.Fields, prefix string) {
	email, err := account.ParseEmail(b.Email)
	if err != nil {
		f.Bad(prefix+"email", "%s", fault.As(err).Message)
		email = "?" // refused already; the other checks go on
	}
	c := b.create(commerce.Call{})
	err = customer.Customer{Email: email, Buyer: c.Buyer, Language: c.Language, Metadata: c.Metadata}.Check()
	if err == nil {
		return
	}
	for _, field := range fault.As(err).Fields {
		f.Bad(prefix+field.Name, "%s", field.Message)
	}
}

func (a *API) customerRoutes() {
	type filter struct {
		Page
		Email string `query:"email" maxLength:"254" doc:"Only whose address begins so."`
	}
	read(a, operation{id: "list-customers", path: "/v1/customers", tag: "Customers", summary: "The customers"},
		func(ctx context.Context, c caller, in *filter) (list[Customer], error) {
			from, err := before[id.Customer](in.Page, "cus")
			if err != nil {
				return list[Customer]{}, err
			}
			rows, err := a.r.Customers(ctx, c.account.ID, strings.ToLower(in.Email), from, in.Limit+1)
			return paged(in.Page, "cus", rows, func(c customer.Customer) int64 { return int64(c.ID) }, customerOf), err
		})
	read(a, operation{id: "get-customer", path: "/v1/customers/{id}", tag: "Customers", summary: "One customer"},
		func(ctx context.Context, c caller, in *ByID) (Customer, error) {
			v, err := id.Parse[id.Customer](in.ID)
			if err != nil {
				return Customer{}, err
			}
			found, err := a.r.Customer(ctx, c.account.ID, v)
			return customerOf(found), err
		})
	write(a, operation{id: "create-customer", path: "/v1/customers", tag: "Customers", summary: "Make a customer"},
		func(ctx context.Context, call commerce.Call, in *struct{ Body buyerBody }) (customer.Customer, error) {
			return a.s.CreateCustomer(ctx, in.Body.create(call))
		}, customerOf)
	type customerChange struct {
		ByID
		Body struct {
			Email    *string           `json:"email,omitempty" maxLength:"254"`
			Name     *string           `json:"name,omitempty" maxLength:"200"`
			Company  *string           `json:"company,omitempty" maxLength:"200"`
			Address  *string           `json:"address,omitempty" maxLength:"500"`
			Country  *string           `json:"country,omitempty" maxLength:"2"`
			TaxID    *string           `json:"tax_id,omitempty" maxLength:"40"`
			Language *string           `json:"language,omitempty" maxLength:"35"`
			Metadata map[string]string `json:"metadata,omitempty" maxProperties:"50" doc:"Replaces all of it."`
		}
	}
	write(a, operation{id: "update-customer", method: http.MethodPatch, status: http.StatusOK, path: "/v1/customers/{id}", tag: "Customers", summary: "Change a customer",
		text: "Documents that were issued keep what they said."},
		func(ctx context.Context, call commerce.Call, in *customerChange) (customer.Customer, error) {
			v, err := id.Parse[id.Customer](in.ID)
			if err != nil {
				return customer.Customer{}, err
			}
			b := in.Body
			return a.s.UpdateCustomer(ctx, commerce.UpdateCustomer{Call: call, Customer: v, Email: b.Email, Name: b.Name, Company: b.Company, Address: b.Address,
				Country: b.Country, TaxID: b.TaxID, Language: b.Language, Metadata: b.Metadata})
		}, customerOf)
	a.methodRoutes()
}

func (a *API) methodRoutes() {
	read(a, operation{id: "list-payment-methods", path: "/v1/customers/{id}/payment-methods", tag: "Customers", summary: "A customer's payment methods, newest first"},
		func(ctx context.Context, c caller, in *ByID) (list[PaymentMethod], error) {
			v, err := id.Parse[id.Customer](in.ID)
			if err != nil {
				return list[PaymentMethod]{}, err
			}
			rows, err := a.r.Methods(ctx, c.account.ID, v)
			return paged(Page{Limit: len(rows)}, "pm", rows, nil, methodOf), err
		})
	type newMethod struct {
		ByID
		Body struct {
			Token            string `json:"token" minLength:"1" maxLength:"255" example:"tok_visa" doc:"From the payment gateway. Card numbers are refused."`
			ForSubscriptions bool   `json:"for_subscriptions,omitempty" doc:"Charge the customer's subscriptions with it from now on."`
		}
	}
	write(a, operation{id: "attach-payment-method", path: "/v1/customers/{id}/payment-methods", tag: "Customers", summary: "Save a payment method of a customer"},
		func(ctx context.Context, call commerce.Call, in *newMethod) (payment.Method, error) {
			v, err := id.Parse[id.Customer](in.ID)
			if err != nil {
				return payment.Method{}, err
			}
			return a.s.AttachMethod(withoutCancel(ctx), commerce.AttachMethod{Call: call, Customer: v, Token: in.Body.Token, ForSubscriptions: in.Body.ForSubscriptions})
		}, methodOf)
	read(a, operation{id: "get-payment-method", path: "/v1/payment-methods/{id}", tag: "Customers", summary: "One payment method"},
		func(ctx context.Context, c caller, in *ByID) (PaymentMethod, error) {
			v, err := id.Parse[id.Method](in.ID)
			if err != nil {
				return PaymentMethod{}, err
			}
			m, err := a.r.Method(ctx, c.account.ID, v)
			return methodOf(m), err
		})
	write(a, operation{id: "detach-payment-method", path: "/v1/payment-methods/{id}/detach", status: http.StatusOK, tag: "Customers", summary: "Make a payment method unusable"},
		func(ctx context.Context, call commerce.Call, in *ByID) (payment.Method, error) {
			v, err := id.Parse[id.Method](in.ID)
			if err != nil {
				return payment.Method{}, err
			}
			return a.s.DetachMethod(ctx, commerce.DetachMethod{Call: call, Method: v})
		}, methodOf)
}
