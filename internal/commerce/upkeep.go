package commerce

import (
	"context"
	"time"

	"perennial/internal/account"
	"perennial/internal/catalog"
	"perennial/internal/customer"
	"perennial/internal/db"
	"perennial/internal/event"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/license"
	"perennial/internal/money"
	"perennial/internal/payment"
	"perennial/internal/period"
	"perennial/internal/recovery"
	"perennial/internal/subscription"
	"perennial/internal/tax"
)

// Upkeep of catalog and customers. Pointers in the changes mean "leave as it is"
// when nil.

// CreateCampaign makes a campaign.
type CreateCampaign struct {
	Call
	Name    string
	Gateway id.GatewayAccount // 0: the account's default
}

// CreateCampaign makes a campaign.
func (s *Service) CreateCampaign(ctx context.Context, c CreateCampaign) (catalog.Campaign, error) {
	return update(ctx, s, c.Call, func(tx *db.Tx, a account.Account, now time.Time) (catalog.Campaign, error) {
		made := catalog.Campaign{ID: id.New[id.Campaign](), Account: a.ID, Name: c.Name, Gateway: c.Gateway, State: catalog.Active, CreatedAt: now, Version: 1}
		if err := made.Check(); err != nil {
			return made, err
		}
		if err := usableGateway(tx, a.ID, made.Gateway); err != nil {
			return made, err
		}
		if err := catalog.InsertCampaign(tx, made); err != nil {
			return made, err
		}
		return made, event.Append(tx, a.ID, event.New(a.ID, now, c.Actor, event.CampaignCreated, int64(made.ID), 0, event.Data(map[string]any{"name": made.Name})))
	})
}

// UpdateCampaign changes a campaign.
type UpdateCampaign struct {
	Call
	Campaign id.Campaign
	Name     *string
	Gateway  *id.GatewayAccount // 0: the account's default
	State    *catalog.State
	Recovery *id.RecoveryPolicy // 0 goes back to the account's
}

// UpdateCampaign changes a campaign.
func (s *Service) UpdateCampaign(ctx context.Context, c UpdateCampaign) (catalog.Campaign, error) {
	return update(ctx, s, c.Call, func(tx *db.Tx, a account.Account, now time.Time) (catalog.Campaign, error) {
		m, err := catalog.LoadCampaign(tx, a.ID, c.Campaign)
		if err != nil {
			return m, err
		}
		set(&m.Name, c.Name)
		set(&m.State, c.State)
		set(&m.Recovery, c.Recovery)
		if err := m.Check(); err != nil {
			return m, err
		}
		if err := policyRefers(tx, a, m.Recovery, "recovery_policy"); err != nil {
			return m, err
		}
		if c.Gateway != nil {
			m.Gateway = *c.Gateway
			if err := usableGateway(tx, a.ID, m.Gateway); err != nil {
				return m, err
			}
		}
		if err := catalog.SaveCampaign(tx, m); err != nil {
			return m, err
		}
		m.Version++
		return m, event.Append(tx, a.ID, event.New(a.ID, now, c.Actor, event.CampaignUpdated, int64(m.ID), 0, event.Data(map[string]any{"name": m.Name, "state": m.State})))
	})
}

func set[T any](field *T, to *T) {
	if to != nil {
		*field = *to
	}
}

// CreateProduct makes a product, and the address of its checkout.
type CreateProduct struct {
	Call
	Campaign    id.Campaign // 0: the account's first campaign, made when there is none
	Name        string
	Description string
	SKU         string
	Image       string
	Metadata    string
	Settings    catalog.Settings
}

// CreateProduct makes a product, and the address of its checkout.
func (s *Service) CreateProduct(ctx context.Context, c CreateProduct) (catalog.Product, error) {
	return update(ctx, s, c.Call, func(tx *db.Tx, a account.Account, now time.Time) (catalog.Product, error) {
		if c.Campaign == 0 {
			first, err := firstCampaign(tx, a, now, c.Actor)
			if err != nil {
				return catalog.Product{}, err
			}
			c.Campaign = first
		} else if _, err := catalog.LoadCampaign(tx, a.ID, c.Campaign); err != nil {
			return catalog.Product{}, refersTo(err, "campaign")
		}
		made := catalog.Product{ID: id.New[id.Product](), Account: a.ID, Campaign: c.Campaign, Name: c.Name, Description: c.Description, SKU: c.SKU, Image: c.Image, Metadata: c.Metadata,
			Settings: c.Settings, State: catalog.Active, CreatedAt: now, Version: 1}
		if err := made.Check(); err != nil {
			return made, err
		}
		if err := settingsRefer(tx, a, made.Settings); err != nil {
			return made, err
		}
		if err := catalog.InsertProduct(tx, made); err != nil {
			return made, err
		}
		if err := catalog.InsertLink(tx, catalog.Link{Slug: account.RandomText(10), Account: a.ID, Product: made.ID, CreatedAt: now}); err != nil {
			return made, err
		}
		return made, event.Append(tx, a.ID, event.New(a.ID, now, c.Actor, event.ProductCreated, int64(made.ID), 0, event.Data(map[string]any{"name": made.Name})))
	})
}

// firstCampaign is the account's oldest campaign; a new account gets one.
func firstCampaign(tx *db.Tx, a account.Account, now time.Time, by event.Actor) (id.Campaign, error) {
	list, err := catalog.Campaigns(tx, a.ID, 0, 100)
	if err != nil {
		return 0, err
	}
	if len(list) > 0 {
		return list[len(list)-1].ID, nil
	}
	made := catalog.Campaign{ID: id.New[id.Campaign](), Account: a.ID, Name: a.Name, State: catalog.Active, CreatedAt: now}
	if err := catalog.InsertCampaign(tx, made); err != nil {
		return 0, err
	}
	return made.ID, event.Append(tx, a.ID, event.New(a.ID, now, by, event.CampaignCreated, int64(made.ID), 0, event.Data(map[string]any{"name": made.Name})))
}

// refersTo turns "not found" of something that the request only refers to into a
// wrong field.
func refersTo(err error, field string) error {
	if fault.Is(err, fault.NotFound) {
		return fault.BadField(field, "names nothing in this account")
	}
	return err
}

// UpdateProduct changes a product.
type UpdateProduct struct {
	Call
	Product     id.Product
	Name        *string
	Description *string
	SKU         *string
	Image       *string
	Metadata    *string
	Settings    *catalog.Settings
	State       *catalog.State
}

// UpdateProduct changes a product.
func (s *Service) UpdateProduct(ctx context.Context, c UpdateProduct) (catalog.Product, error) {
	return update(ctx, s, c.Call, func(tx *db.Tx, a account.Account, now time.Time) (catalog.Product, error) {
		p, err := catalog.LoadProduct(tx, a.ID, c.Product)
		if err != nil {
			return p, err
		}
		set(&p.Name, c.Name)
		set(&p.Description, c.Description)
		set(&p.SKU, c.SKU)
		set(&p.Image, c.Image)
		set(&p.Metadata, c.Metadata)
		set(&p.Settings, c.Settings)
		set(&p.State, c.State)
		if err := p.Check(); err != nil {
			return p, err
		}
		if err := settingsRefer(tx, a, p.Settings); err != nil {
			return p, err
		}
		if err := catalog.SaveProduct(tx, p); err != nil {
			return p, err
		}
		p.Version++
		return p, event.Append(tx, a.ID, event.New(a.ID, now, c.Actor, event.ProductUpdated, int64(p.ID), 0, event.Data(map[string]any{"name": p.Name, "state": p.State})))
	})
}

// settingsRefer refuses settings that name a product that is not there, or how licences are
// issued that cannot be.
func settingsRefer(tx *db.Tx, a account.Account, s catalog.Settings) error {
	terms, err := license.ReadTerms(s.Licenses)
	if err == nil {
		err = terms.Check()
	}
	if err != nil {
		return fault.BadField("licenses", "%s", fault.As(err).Message)
	}
	for _, p := range s.Ends {
		if _, err := catalog.LoadProduct(tx, a.ID, p); err != nil {
			return refersTo(err, "ends")
		}
	}
	return policyRefers(tx, a, s.Recovery, "recovery_policy")
}

// CreatePrice makes a price of a product.
type CreatePrice struct {
	Call
	Product     id.Product
	Name        string
	Amount      money.Amount
	Interval    period.Interval // none: paid once
	TrialDays   int
	SetupFee    int64 // minor units of Amount's currency
	MaxQuantity int64 // 0 means catalog.MaxQuantity
	Terms       catalog.Terms
}

// CreatePrice makes a price of a product.
func (s *Service) CreatePrice(ctx context.Context, c CreatePrice) (catalog.Price, error) {
	return update(ctx, s, c.Call, func(tx *db.Tx, a account.Account, now time.Time) (catalog.Price, error) {
		if _, err := catalog.LoadProduct(tx, a.ID, c.Product); err != nil {
			return catalog.Price{}, refersTo(err, "product")
		}
		if c.MaxQuantity == 0 {
			c.MaxQuantity = catalog.MaxQuantity
		}
		made := catalog.Price{ID: id.New[id.Price](), Account: a.ID, Product: c.Product, Name: c.Name, Amount: c.Amount, Interval: c.Interval, TrialDays: c.TrialDays,
			SetupFee: money.Amount{Minor: c.SetupFee, Currency: c.Amount.Currency}, MaxQuantity: c.MaxQuantity, Terms: c.Terms, State: catalog.Active, CreatedAt: now, Version: 1}
		if err := made.Check(); err != nil {
			return made, err
		}
		if charge := made.Terms.Charge; charge != nil { // the amount is what one piece costs
			one, err := money.NewDecimal(1)
			if err != nil {
				return made, err
			}
			if made.Amount, _, err = charge.Amount(one, made.Amount.Currency); err != nil {
				return made, err
			}
		}
		if err := termsRefer(tx, a, made); err != nil {
			return made, err
		}
		if err := catalog.InsertPrice(tx, made); err != nil {
			return made, err
		}
		return made, event.Append(tx, a.ID, event.New(a.ID, now, c.Actor, event.PriceCreated, int64(made.ID), 0,
			event.Data(map[string]any{"product": made.Product, "amount": made.Amount.Minor, "currency": made.Amount.Currency, "interval": made.Interval.String()})))
	})
}

// termsRefer refuses terms that name what is not there, or what cannot follow.
func termsRefer(tx *db.Tx, a account.Account, p catalog.Price) error {
	if err := meteredTo(tx, a, p); err != nil {
		return err
	}
	if p.Terms.NextPrice == 0 {
		return nil
	}
	next, err := catalog.LoadPrice(tx, a.ID, p.Terms.NextPrice)
	if err != nil {
		return refersTo(err, "next_price")
	}
	var f fault.Fields
	f.Check(next.Recurring() && len(next.Terms.Dates) == 0, "next_price", "must be a price with an interval")
	f.Check(next.Amount.Currency == p.Amount.Currency, "next_price", "must be in the same currency")
	return f.Err()
}

// UpdatePrice changes what may change of a price.
type UpdatePrice struct {
	Call
	Price       id.Price
	Name        *string
	MaxQuantity *int64
	State       *catalog.State
}

// UpdatePrice changes what may change of a price: its name, quantity limit and state.
func (s *Service) UpdatePrice(ctx context.Context, c UpdatePrice) (catalog.Price, error) {
	return update(ctx, s, c.Call, func(tx *db.Tx, a account.Account, now time.Time) (catalog.Price, error) {
		before, err := catalog.LoadPrice(tx, a.ID, c.Price)
		if err != nil {
			return before, err
		}
		p := before
		set(&p.Name, c.Name)
		set(&p.MaxQuantity, c.MaxQuantity)
		set(&p.State, c.State)
		if err := before.Revise(p); err != nil {
			return p, err
		}
		if err := catalog.SavePrice(tx, p); err != nil {
			return p, err
		}
		p.Version++
		return p, event.Append(tx, a.ID, event.New(a.ID, now, c.Actor, event.PriceUpdated, int64(p.ID), 0, event.Data(map[string]any{"name": p.Name, "state": p.State})))
	})
}

// CreateCustomer makes a customer.
type CreateCustomer struct {
	Call
	Email    string
	Buyer    customer.Buyer // its name is made of Contact's, when that has names
	Contact  customer.Contact
	Taxing   customer.Taxing // IDState and CheckedAt are ignored
	Source   customer.Source
	Language string
	Metadata map[string]string

	checked tax.IDState // of the tax number, found out by a sale
}

// CreateCustomer makes a customer. An address that another customer has is refused
// with customer.ErrEmailTaken.
func (s *Service) CreateCustomer(ctx context.Context, c CreateCustomer) (customer.Customer, error) {
	return update(ctx, s, c.Call, func(tx *db.Tx, a account.Account, now time.Time) (customer.Customer, error) {
		return addCustomer(tx, a, now, c)
	})
}

func addCustomer(tx *db.Tx, a account.Account, now time.Time, c CreateCustomer) (customer.Customer, error) {
	made := customer.Customer{ID: id.New[id.Customer](), Account: a.ID, Email: c.Email, Buyer: c.Buyer, Contact: c.Contact, Taxing: c.Taxing, Source: c.Source,
		Language: c.Language, Metadata: c.Metadata, CreatedAt: now, UpdatedAt: now, Version: 1}
	if c.Contact.FirstName != "" || c.Contact.LastName != "" {
		made.Call(c.Contact.FirstName, c.Contact.LastName)
	}
	made.Taxing.IDState, made.Taxing.CheckedAt = string(c.checked), time.Time{}
	if c.checked != "" {
		made.Taxing.CheckedAt = now
	}
	if err := checkCustomer(&made); err != nil {
		return made, err
	}
	if err := customer.Insert(tx, made); err != nil {
		return made, err
	}
	return made, event.Append(tx, a.ID, event.New(a.ID, now, c.Actor, event.CustomerCreated, int64(made.ID), made.ID,
		event.Data(map[string]any{"email": made.Email, "name": made.Buyer.Name})))
}

// checkCustomer reads the address and refuses a customer that cannot be.
func checkCustomer(c *customer.Customer) error {
	var f fault.Fields
	if c.Email != "" {
		email, err := account.ParseEmail(c.Email)
		f.Add("email", err)
		c.Email = email
		if err != nil {
			c.Email = "?" // refused already; the other checks go on
		}
	}
	f.Add("", c.Check())
	return f.Err()
}

// UpdateCustomer changes a customer.
type UpdateCustomer struct {
	Call
	Customer   id.Customer
	Email      *string
	Name       *string // forgets which of it is the first name
	FirstName  *string // with LastName, Name is made of both
	LastName   *string
	Phone      *string
	Company    *string
	Address    *string
	City       *string
	Country    *string
	TaxID      *string
	Source     *customer.Source
	Region     *string
	PostalCode *string
	Shipping   *customer.Address
	IPCountry  *string
	TaxExempt  *string
	Language   *string
	Metadata   map[string]string // nil leaves it as it is
}

// UpdateCustomer changes a customer. Documents that were issued keep what they said.
func (s *Service) UpdateCustomer(ctx context.Context, c UpdateCustomer) (customer.Customer, error) {
	return update(ctx, s, c.Call, func(tx *db.Tx, a account.Account, now time.Time) (customer.Customer, error) {
		before, err := present(tx, a, c.Customer)
		if err != nil {
			return before, err
		}
		m := before
		m.UpdatedAt = now
		set(&m.Email, c.Email)
		if c.Name != nil && *c.Name != m.Buyer.Name {
			m.Buyer.Name, m.Contact.FirstName, m.Contact.LastName = *c.Name, "", ""
		}
		if c.FirstName != nil || c.LastName != nil {
			first, last := m.Names()
			set(&first, c.FirstName)
			set(&last, c.LastName)
			m.Call(first, last)
		}
		set(&m.Contact.Phone, c.Phone)
		set(&m.Source, c.Source)
		set(&m.Buyer.City, c.City)
		set(&m.Buyer.Company, c.Company)
		set(&m.Buyer.Address, c.Address)
		set(&m.Buyer.Country, c.Country)
		set(&m.Buyer.TaxID, c.TaxID)
		set(&m.Buyer.Region, c.Region)
		set(&m.Buyer.PostalCode, c.PostalCode)
		set(&m.Taxing.Shipping, c.Shipping)
		set(&m.Taxing.IPCountry, c.IPCountry)
		set(&m.Taxing.Exempt, c.TaxExempt)
		if m.Buyer.TaxID != before.Buyer.TaxID || m.Buyer.Country != before.Buyer.Country {
			m.Taxing.IDState, m.Taxing.CheckedAt = "", time.Time{}
		}
		set(&m.Language, c.Language)
		if c.Metadata != nil {
			m.Metadata = c.Metadata
		}
		if err := checkCustomer(&m); err != nil {
			return m, err
		}
		if err := customer.Save(tx, before, m); err != nil {
			return m, err
		}
		m.Version++
		return m, event.Append(tx, a.ID, event.New(a.ID, now, c.Actor, event.CustomerUpdated, int64(m.ID), m.ID,
			event.Data(map[string]any{"email": m.Email, "name": m.Buyer.Name})))
	})
}

// AttachMethod saves a payment method of a customer.
type AttachMethod struct {
	Call
	Customer id.Customer
	Token    string            // from the gateway, never a card number
	Gateway  id.GatewayAccount // where the token is from; 0: the account's default
	Consent  payment.Consent
	// ForSubscriptions makes it the one that the customer's subscriptions are charged with.
	ForSubscriptions bool
}

// AttachMethod saves a payment method: the token is exchanged at the gateway, then
// kept. A token that the gateway refuses is fault.Declined.
func (s *Service) AttachMethod(ctx context.Context, c AttachMethod) (payment.Method, error) {
	if c.Token == "" {
		return payment.Method{}, errToken
	}
	saved, err := s.saveOnce(ctx, c.Call, saving{token: c.Token, gateway: c.Gateway, customer: c.Customer, consent: c.Consent})
	if err != nil {
		return payment.Method{}, err
	}
	var owed []id.Invoice
	made, err := update(ctx, s, c.Call, func(tx *db.Tx, a account.Account, now time.Time) (payment.Method, error) {
		owed = nil
		if _, err := present(tx, a, c.Customer); err != nil {
			return payment.Method{}, err
		}
		if saved == nil {
			return payment.Method{}, errForgotten
		}
		m, err := attach(tx, a, now, c.Actor, c.Customer, *saved)
		if err != nil || !c.ForSubscriptions {
			return m, err
		}
		if err := subscription.SwitchMethod(tx, a.ID, c.Customer, m.ID); err != nil {
			return m, err
		}
		owed, err = tryAnew(tx, a, c.Customer, 0, 0, recovery.ByNewMethod, now)
		return m, err
	})
	if _, before := IsReplayed(err); before {
		return made, s.givenBefore(ctx, c.Call, c.Customer, 0, err)
	}
	if err != nil {
		return made, err
	}
	return made, s.given(ctx, c.Call, owed)
}

// DetachMethod makes a payment method unusable.
type DetachMethod struct {
	Call
	Method id.Method
}

// DetachMethod makes a payment method unusable. Subscriptions that were charged
// with it will be past due at their next renewal unless they get another.
func (s *Service) DetachMethod(ctx context.Context, c DetachMethod) (payment.Method, error) {
	return update(ctx, s, c.Call, func(tx *db.Tx, a account.Account, now time.Time) (payment.Method, error) {
		m, err := payment.LoadMethod(tx, a.ID, c.Method)
		if err != nil || m.State == payment.Detached {
			return m, err
		}
		if err := payment.DetachMethod(tx, m); err != nil {
			return m, err
		}
		m.State, m.Version = payment.Detached, m.Version+1
		return m, event.Append(tx, a.ID, event.New(a.ID, now, c.Actor, event.MethodDetached, int64(m.ID), m.Customer, event.Data(map[string]any{"method": m.Label()})))
	})
}
