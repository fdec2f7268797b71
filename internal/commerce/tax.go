package commerce

import (
	"context"
	"time"

	"perennial/internal/account"
	"perennial/internal/customer"
	"perennial/internal/db"
	"perennial/internal/event"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/money"
	"perennial/internal/tax"
)

// TaxProfile is a tax profile with its rules.
type TaxProfile struct {
	tax.Profile
	Rules []tax.Rule
}

// CreateTaxProfile makes a tax profile. What the store makes is ignored.
type CreateTaxProfile struct {
	Call
	Profile tax.Profile
	Rules   []tax.Rule
}

// CreateTaxProfile makes a tax profile with its rules.
func (s *Service) CreateTaxProfile(ctx context.Context, c CreateTaxProfile) (TaxProfile, error) {
	return update(ctx, s, c.Call, func(tx *db.Tx, a account.Account, now time.Time) (TaxProfile, error) {
		made := TaxProfile{Profile: c.Profile.Normal()}
		made.ID, made.Account, made.State, made.CreatedAt = id.New[id.TaxProfile](), a.ID, tax.Active, now
		if made.SellerCountry == "" {
			made.SellerCountry = a.Seller.Country
		}
		if err := made.Check(); err != nil {
			return made, err
		}
		list := []tax.Profile{made.Profile}
		if err := tax.Insert(tx, list); err != nil {
			return made, err
		}
		made.Profile = list[0]
		if err := made.replace(tx, c.Rules, now); err != nil {
			return made, err
		}
		return made, event.Append(tx, a.ID, event.New(a.ID, now, c.Actor, event.TaxProfileCreated, int64(made.ID), 0, event.Data(map[string]any{"name": made.Name, "rules": len(made.Rules)})))
	})
}

// replace makes rules the profile's only ones.
func (p *TaxProfile) replace(tx *db.Tx, rules []tax.Rule, now time.Time) error {
	p.Rules = make([]tax.Rule, len(rules))
	for i, r := range rules {
		r = r.Normal()
		r.ID, r.CreatedAt = id.New[id.TaxRule](), now
		p.Rules[i] = r
	}
	if len(rules) == 0 {
		p.Rules = nil
	}
	return tax.ReplaceRules(tx, &p.Profile, p.Rules)
}

// UpdateTaxProfile changes a tax profile; nil leaves a thing as it is. Rules replace all
// that there were.
type UpdateTaxProfile struct {
	Call
	Profile       id.TaxProfile
	Name          *string
	Inclusive     *bool
	ShippingTaxed *bool
	State         *tax.State
	Rules         *[]tax.Rule
}

// UpdateTaxProfile changes a tax profile. Subscriptions that were sold under it follow
// its rules from their next invoice on; documents that were issued stay as they are.
func (s *Service) UpdateTaxProfile(ctx context.Context, c UpdateTaxProfile) (TaxProfile, error) {
	return update(ctx, s, c.Call, func(tx *db.Tx, a account.Account, now time.Time) (TaxProfile, error) {
		found, err := tax.Load(tx, a.ID, c.Profile)
		p := TaxProfile{Profile: found}
		if err != nil {
			return p, err
		}
		set(&p.Name, c.Name)
		set(&p.Inclusive, c.Inclusive)
		set(&p.ShippingTaxed, c.ShippingTaxed)
		set(&p.State, c.State)
		if p.State == tax.Archived && a.Settings.TaxProfile == p.ID {
			return p, fault.New(fault.Conflict, "new sales are taxed by this profile; choose another one first").WithCode("tax_profile_in_use")
		}
		if err := p.Check(); err != nil {
			return p, err
		}
		if err := tax.Save(tx, &p.Profile); err != nil {
			return p, err
		}
		if c.Rules != nil {
			err = p.replace(tx, *c.Rules, now)
		} else {
			var rules map[id.TaxProfile][]tax.Rule
			rules, err = tax.RulesOf(tx, a.ID, []int64{int64(p.ID)})
			p.Rules = rules[p.ID]
		}
		if err != nil {
			return p, err
		}
		return p, event.Append(tx, a.ID, event.New(a.ID, now, c.Actor, event.TaxProfileUpdated, int64(p.ID), 0, event.Data(map[string]any{"name": p.Name, "rules": len(p.Rules), "state": p.State})))
	})
}

// CreateShippingRule makes a shipping rule. What the store makes is ignored.
type CreateShippingRule struct {
	Call
	Rule tax.ShippingRule
}

// CreateShippingRule makes a shipping rule.
func (s *Service) CreateShippingRule(ctx context.Context, c CreateShippingRule) (tax.ShippingRule, error) {
	return update(ctx, s, c.Call, func(tx *db.Tx, a account.Account, now time.Time) (tax.ShippingRule, error) {
		made := c.Rule.Normal()
		made.ID, made.Account, made.State, made.CreatedAt = id.New[id.ShippingRule](), a.ID, tax.Active, now
		if made.Amount.Currency == "" {
			made.Amount.Currency = a.Currency
		}
		for _, limit := range []*money.Amount{&made.Least, &made.Most} {
			if !limit.IsZero() && limit.Currency == "" {
				limit.Currency = made.Amount.Currency
			}
		}
		if err := made.Check(); err != nil {
			return made, err
		}
		list := []tax.ShippingRule{made}
		if err := tax.InsertShipping(tx, list); err != nil {
			return made, err
		}
		return list[0], event.Append(tx, a.ID, event.New(a.ID, now, c.Actor, event.AccountUpdated, int64(a.ID), 0, event.Data(map[string]any{"shipping_rule": made.ID, "name": made.Name})))
	})
}

// UpdateShippingRule changes a shipping rule; nil leaves a thing as it is.
type UpdateShippingRule struct {
	Call
	Rule   id.ShippingRule
	Name   *string
	Amount *int64 // minor units
	State  *tax.State
}

// UpdateShippingRule changes a shipping rule, from the next invoice on.
func (s *Service) UpdateShippingRule(ctx context.Context, c UpdateShippingRule) (tax.ShippingRule, error) {
	return update(ctx, s, c.Call, func(tx *db.Tx, a account.Account, now time.Time) (tax.ShippingRule, error) {
		r, err := tax.LoadShipping(tx, a.ID, c.Rule)
		if err != nil {
			return r, err
		}
		set(&r.Name, c.Name)
		set(&r.Amount.Minor, c.Amount)
		set(&r.State, c.State)
		if err := r.Check(); err != nil {
			return r, err
		}
		if err := tax.SaveShipping(tx, &r); err != nil {
			return r, err
		}
		return r, event.Append(tx, a.ID, event.New(a.ID, now, c.Actor, event.AccountUpdated, int64(a.ID), 0, event.Data(map[string]any{"shipping_rule": r.ID, "name": r.Name, "state": r.State})))
	})
}

// UseRegister names the register that tax numbers of live accounts are checked with; nil,
// as at the beginning, checks their form and digits alone. It is called before anything
// else, by whoever wires the program.
func (s *Service) UseRegister(c tax.Checker) { s.register = c }

// registerFor is the register of an account's mode, nil when there is none.
func (s *Service) registerFor(a account.Account) tax.Checker {
	if a.Mode == account.Sandbox {
		return tax.SandboxChecker{}
	}
	return s.register
}

// CheckTaxID finds out what a customer's tax number is worth.
type CheckTaxID struct {
	Call
	Customer id.Customer
}

// registerTimeout bounds one question to a register.
const registerTimeout = 10 * time.Second

// CheckTaxID checks the form and digits of a customer's tax number, and asks the register
// for it. An outage changes nothing that was known. It calls the network.
func (s *Service) CheckTaxID(ctx context.Context, c CheckTaxID) (customer.Customer, error) {
	var a account.Account
	var found customer.Customer
	err := s.db.View(ctx, func(tx *db.Tx) (err error) {
		if a, err = account.Load(tx, c.Account); err != nil {
			return err
		}
		found, err = customer.Load(tx, c.Account, c.Customer)
		return err
	})
	if err != nil {
		return found, err
	}
	if found.Buyer.TaxID == "" {
		return found, fault.New(fault.Conflict, "the customer has no tax number").WithCode("no_tax_id")
	}
	answer := s.askRegister(ctx, a, found.Buyer.Country, found.Buyer.TaxID)
	return update(ctx, s, c.Call, func(tx *db.Tx, a account.Account, now time.Time) (customer.Customer, error) {
		before, err := customer.Load(tx, a.ID, c.Customer)
		if err != nil {
			return before, err
		}
		m := before
		if m.Buyer.TaxID != found.Buyer.TaxID || m.Buyer.Country != found.Buyer.Country {
			return m, fault.New(fault.Conflict, "the tax number was changed meanwhile").WithCode("tax_id_changed")
		}
		m.Taxing.IDState, m.Taxing.CheckedAt = string(tax.IDState(m.Taxing.IDState).After(answer)), now
		if err := customer.Save(tx, before, m); err != nil {
			return m, err
		}
		m.Version++
		return m, event.Append(tx, a.ID, event.New(a.ID, now, c.Actor, event.CustomerUpdated, int64(m.ID), m.ID, event.Data(map[string]any{"tax_id_state": m.Taxing.IDState, "answer": answer})))
	})
}

// askRegister is what can be found out about a tax number. It calls the network.
func (s *Service) askRegister(ctx context.Context, a account.Account, country, number string) tax.IDState {
	normal, err := tax.CheckID(country, number)
	if err != nil {
		return tax.Invalid
	}
	register := s.registerFor(a)
	if register == nil {
		return tax.Unchecked
	}
	ctx, cancel := context.WithTimeout(ctx, registerTimeout)
	defer cancel()
	state, _, err := register.Check(ctx, country, normal)
	if err != nil {
		s.log.Warn("a tax number could not be checked", "err", err)
	}
	return state
}

// checkedFor is how long what a register said holds for sales.
const checkedFor = 24 * time.Hour

// checkBuyer asks the register for a buyer's tax number before a sale that depends on it.
// A sale never fails because of it. It calls the network.
func (s *Service) checkBuyer(ctx context.Context, c *Sell) error {
	var a account.Account
	var found customer.Customer
	err := s.db.View(ctx, func(tx *db.Tx) (err error) {
		if a, err = account.Load(tx, c.Account); err != nil || a.Settings.TaxProfile == 0 || c.Buyer != nil {
			return err
		}
		found, err = customer.Load(tx, c.Account, c.Customer)
		if fault.Is(err, fault.NotFound) {
			return nil // Sell says so
		}
		return err
	})
	if err != nil || a.Settings.TaxProfile == 0 {
		return err
	}
	if c.Buyer != nil {
		if c.Buyer.Buyer.TaxID != "" {
			c.Buyer.checked = s.askRegister(ctx, a, c.Buyer.Buyer.Country, c.Buyer.Buyer.TaxID)
		}
		return nil
	}
	if found.Buyer.TaxID == "" || a.Now(s.clock.Now()).Sub(found.Taxing.CheckedAt) < checkedFor {
		return nil
	}
	_, err = s.CheckTaxID(ctx, CheckTaxID{Call: Call{Account: c.Account, Actor: c.Actor}, Customer: found.ID})
	if fault.Is(err, fault.Conflict) {
		return nil
	}
	return err
}
