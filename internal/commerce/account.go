package commerce

import (
	"context"
	"time"

	"perennial/internal/account"
	"perennial/internal/clock"
	"perennial/internal/db"
	"perennial/internal/event"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/money"
	"perennial/internal/notice"
	"perennial/internal/outbox"
	"perennial/internal/subscription"
	"perennial/internal/tax"
)

// CreateAccount makes a merchant's account.
type CreateAccount struct {
	Actor    event.Actor
	Name     string
	Email    string
	Mode     account.Mode
	Currency money.Currency // "" means USD
	Zone     string         // "" means UTC
	Country  string
	Owner    id.Member // who opens it from the first moment on; 0 for nobody
	// Begin is where a sandbox's clock begins, so that its past can be lived; zero
	// means now.
	Begin time.Time
}

// CreatedAccount is a new account and its first API key, whose secret is shown once.
type CreatedAccount struct {
	Account account.Account
	Key     account.APIKey
	Secret  string
}

// CreateAccount makes an account with one API key. A sandbox account is ready to
// sell: its gateway is the sandbox gateway, and its tax rate is zero until set.
func (s *Service) CreateAccount(ctx context.Context, c CreateAccount) (CreatedAccount, error) {
	if c.Currency == "" {
		c.Currency = "USD"
	}
	if c.Zone == "" {
		c.Zone = "UTC"
	}
	email, err := account.ParseEmail(c.Email)
	if err != nil {
		return CreatedAccount{}, fault.BadField("email", "%s", fault.As(err).Message)
	}
	now := s.clock.Now()
	a := account.Account{ID: id.New[id.Account](), Name: c.Name, Mode: c.Mode, Currency: c.Currency, Zone: c.Zone, Email: email,
		Seller: account.Seller{Country: c.Country}, Tax: account.Tax{Name: "Tax"}, Profile: 1, CreatedAt: now, Version: 1}
	if err := a.Check(); err != nil {
		return CreatedAccount{}, err
	}
	if !c.Begin.IsZero() {
		if a.Mode != account.Sandbox || !clock.InRange(c.Begin) {
			return CreatedAccount{}, fault.BadField("begin", "is for sandbox accounts, and from 1970 on")
		}
		a.ClockOffset = c.Begin.Sub(now)
		a.CreatedAt = a.Now(now)
	}
	key, secret := account.NewAPIKey(a.ID, a.Mode, "first key", now)
	err = s.db.Update(ctx, func(tx *db.Tx) error {
		if err := account.Insert(tx, a); err != nil {
			return err
		}
		if err := account.InsertAPIKey(tx, key, secret); err != nil {
			return err
		}
		if err := outbox.InsertEndpoint(tx, outbox.NewMailEndpoint(a.ID, notice.Wanted(notice.Settings{}.Off), now)); err != nil {
			return err
		}
		if c.Owner != 0 {
			if err := joinAs(tx, a, c.Owner, account.Owner, now); err != nil {
				return err
			}
		}
		return event.Append(tx, a.ID,
			event.New(a.ID, a.CreatedAt, c.Actor, event.AccountCreated, int64(a.ID), 0, event.Data(map[string]any{"name": a.Name, "mode": a.Mode})),
			event.New(a.ID, a.CreatedAt, c.Actor, event.APIKeyCreated, int64(key.ID), 0, event.Data(map[string]any{"name": key.Name, "hint": key.Hint})))
	})
	return CreatedAccount{Account: a, Key: key, Secret: secret}, err
}

// UpdateAccount changes an account's facts. Documents that were issued keep what
// they said; the time zone of running subscriptions stays what it was.
type UpdateAccount struct {
	Call
	Name      *string
	Email     *string
	Currency  *money.Currency
	Zone      *string
	LegalName *string
	Address   *string
	Country   *string
	TaxID     *string
	TaxName   *string
	TaxRate   *money.Rate
	// Proration names the policy for changes of terms, TaxProfile what new sales are
	// taxed by; "" and 0 go back to the default.
	Proration  *string
	TaxProfile *id.TaxProfile
	// Recovery is the policy for failed payments; 0 goes back to the standard one.
	Recovery *id.RecoveryPolicy
	// DisputeEnds, RefundsByKey and RefundsByMember are as in account.Settings.
	DisputeEnds     *bool
	RefundsByKey    *int64
	RefundsByMember *int64
}

// settingsOf refuses settings that name what is not there.
func settingsOf(tx *db.Tx, a account.Account) error {
	var f fault.Fields
	for _, limit := range []struct {
		field string
		minor int64
	}{{"refunds_by_key", a.Settings.RefundsByKey}, {"refunds_by_member", a.Settings.RefundsByMember}} {
		f.Check(limit.minor >= 0 && limit.minor <= money.MaxMinor, limit.field, "must be from 0 to %d minor units", int64(money.MaxMinor))
	}
	if err := f.Err(); err != nil {
		return err
	}
	if a.Settings.Proration != "" {
		if _, known := subscription.Preset(a.Settings.Proration); !known {
			return fault.BadField("proration", "must be the name of a policy, for example %s", subscription.DefaultProration)
		}
	}
	if a.Settings.TaxProfile == 0 {
		return nil
	}
	p, err := tax.Load(tx, a.ID, a.Settings.TaxProfile)
	if err != nil {
		return refersTo(err, "tax_profile")
	}
	if p.State != tax.Active {
		return fault.BadField("tax_profile", "is archived")
	}
	return nil
}

// UpdateAccount changes an account's facts.
func (s *Service) UpdateAccount(ctx context.Context, c UpdateAccount) (account.Account, error) {
	return update(ctx, s, c.Call, func(tx *db.Tx, a account.Account, now time.Time) (account.Account, error) {
		before := a
		set(&a.Name, c.Name)
		set(&a.Email, c.Email)
		set(&a.Currency, c.Currency)
		set(&a.Zone, c.Zone)
		set(&a.Settings.Proration, c.Proration)
		set(&a.Settings.TaxProfile, c.TaxProfile)
		set(&a.Settings.Recovery, c.Recovery)
		set(&a.Settings.DisputeEnds, c.DisputeEnds)
		set(&a.Settings.RefundsByKey, c.RefundsByKey)
		set(&a.Settings.RefundsByMember, c.RefundsByMember)
		if err := settingsOf(tx, a); err != nil {
			return a, err
		}
		if c.Recovery != nil {
			if err := policyRefers(tx, a, a.Settings.Recovery, "recovery_policy"); err != nil {
				return a, err
			}
		}
		set(&a.Seller.LegalName, c.LegalName)
		set(&a.Seller.Address, c.Address)
		set(&a.Seller.Country, c.Country)
		set(&a.Seller.TaxID, c.TaxID)
		set(&a.Tax.Name, c.TaxName)
		set(&a.Tax.Rate, c.TaxRate)
		if err := a.Check(); err != nil {
			return a, err
		}
		if err := account.Save(tx, before, &a); err != nil {
			return a, err
		}
		return a, event.Append(tx, a.ID, event.New(a.ID, now, c.Actor, event.AccountUpdated, int64(a.ID), 0, event.Data(map[string]any{"name": a.Name})))
	})
}

// CreateAPIKey makes another API key of an account.
type CreateAPIKey struct {
	Call
	Name string
}

// CreatedAPIKey is a new key and its secret, which is shown once.
type CreatedAPIKey struct {
	Key    account.APIKey
	Secret string
}

// CreateAPIKey makes another API key of an account.
func (s *Service) CreateAPIKey(ctx context.Context, c CreateAPIKey) (CreatedAPIKey, error) {
	if err := account.CheckName(c.Name, 80); err != nil {
		return CreatedAPIKey{}, fault.BadField("name", "%s", fault.As(err).Message)
	}
	return update(ctx, s, c.Call, func(tx *db.Tx, a account.Account, now time.Time) (CreatedAPIKey, error) {
		key, secret := account.NewAPIKey(a.ID, a.Mode, c.Name, s.clock.Now())
		if err := account.InsertAPIKey(tx, key, secret); err != nil {
			return CreatedAPIKey{}, err
		}
		return CreatedAPIKey{key, secret}, event.Append(tx, a.ID,
			event.New(a.ID, now, c.Actor, event.APIKeyCreated, int64(key.ID), 0, event.Data(map[string]any{"name": key.Name, "hint": key.Hint})))
	})
}

// RevokeAPIKey makes an API key useless.
type RevokeAPIKey struct {
	Call
	Key id.APIKey
}

// RevokeAPIKey makes an API key useless from the next request on.
func (s *Service) RevokeAPIKey(ctx context.Context, c RevokeAPIKey) error {
	_, err := update(ctx, s, c.Call, func(tx *db.Tx, a account.Account, now time.Time) (struct{}, error) {
		if err := account.RevokeAPIKey(tx, a.ID, c.Key, s.clock.Now()); err != nil {
			return struct{}{}, err
		}
		return struct{}{}, event.Append(tx, a.ID, event.New(a.ID, now, c.Actor, event.APIKeyRevoked, int64(c.Key), 0, event.Data(map[string]any{})))
	})
	s.keys.forget() // whatever became of it
	return err
}

// Authenticate is the key and account of an API key's secret, or account.ErrKey. The
// account is as it was up to a second ago: enough to know whose request it is.
func (s *Service) Authenticate(ctx context.Context, secret string) (account.APIKey, account.Account, error) {
	var k account.APIKey
	var a account.Account
	if !account.LooksLikeKey(secret) {
		return k, a, account.ErrKey
	}
	hash, now := account.Hash(secret), s.clock.Now()
	if g, ok := s.keys.known(hash, now); ok {
		return g.key, g.account, nil
	}
	err := s.db.Read(ctx, func(tx *db.Tx) (err error) {
		k, a, err = account.APIKeyBySecret(tx, secret)
		return err
	})
	if err == nil {
		s.keys.keep(hash, k, a, now)
	}
	return k, a, err
}
