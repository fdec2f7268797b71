package commerce

import (
	"context"
	"time"

	"perennial/internal/account"
	"perennial/internal/catalog"
	"perennial/internal/db"
	"perennial/internal/event"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/invoice"
	"perennial/internal/license"
	"perennial/internal/order"
	"perennial/internal/subscription"
)

// issueLicenses gives an order that was completed the licences that its product comes with.
func issueLicenses(tx *db.Tx, a account.Account, o order.Order, product catalog.Product, by event.Actor, at time.Time) error {
	terms, err := license.ReadTerms(product.Settings.Licenses)
	if err != nil || terms.Count == 0 {
		return err
	}
	n := int(min(int64(terms.Count)*o.Quantity, license.MaxIssued))
	var keys []string
	if terms.Uploaded {
		if keys, err = license.Take(tx, a.ID, product.ID, n); err != nil {
			return err
		}
	} else {
		for range n {
			keys = append(keys, license.NewKey())
		}
	}
	list := make([]license.License, len(keys))
	var events []event.Event
	for i, v := range id.NewList[id.License](len(keys)) {
		list[i] = license.License{ID: v, Account: a.ID, Key: keys[i], Customer: o.Customer, Product: product.ID, Campaign: product.Campaign, Order: o.ID,
			Subscription: o.Subscription, Enabled: true, CreatedAt: at}
		events = append(events, licenseEvent(list[i], event.LicenseIssued, by, at))
	}
	if len(keys) < n { // the sale goes on; somebody has to upload more and hand out the rest
		events = append(events, event.New(a.ID, at, by, event.LicensesRanOut, int64(product.ID), o.Customer, event.Data(map[string]any{"order": o.ID, "missing": n - len(keys)})))
	}
	if err := license.Insert(tx, list); err != nil {
		return err
	}
	return event.Append(tx, a.ID, events...)
}

func licenseEvent(l license.License, kind event.Kind, by event.Actor, at time.Time) event.Event {
	return event.New(l.Account, at, by, kind, int64(l.ID), l.Customer, event.Data(map[string]any{"key": l.Key, "product": l.Product, "order": l.Order, "guid": l.GUID}))
}

// UploadLicenses adds keys to a product's list of those to be issued.
type UploadLicenses struct {
	Call
	Product id.Product
	Keys    []string // at most license.MaxUpload; those that are there are left out
}

// UploadLicenses adds keys to a product's list and reports how many were new.
func (s *Service) UploadLicenses(ctx context.Context, c UploadLicenses) (int, error) {
	if len(c.Keys) == 0 || len(c.Keys) > license.MaxUpload {
		return 0, fault.BadField("keys", "must be 1 to %d", license.MaxUpload)
	}
	keys := make([]string, len(c.Keys))
	for i, k := range c.Keys {
		var err error
		if keys[i], err = license.Normal(k); err != nil {
			return 0, fault.BadField("keys", "number %d cannot be a key: it must be 6 to 64 letters, digits, dots, dashes and underscores", i+1)
		}
	}
	return update(ctx, s, c.Call, func(tx *db.Tx, a account.Account, now time.Time) (int, error) {
		if _, err := catalog.LoadProduct(tx, a.ID, c.Product); err != nil {
			return 0, err
		}
		n, err := license.Upload(tx, a.ID, c.Product, keys, now)
		if err != nil || n == 0 {
			return n, err
		}
		return n, event.Append(tx, a.ID, event.New(a.ID, now, c.Actor, event.LicensesUploaded, int64(c.Product), 0, event.Data(map[string]any{"keys": n})))
	})
}

// LicenseDone is a licence and whether it holds.
type LicenseDone struct {
	license.License
	Valid bool
}

// ActivateLicense ties a licence to the one place where it is used.
type ActivateLicense struct {
	Call
	Key  string
	GUID string // of the place: a machine, a site
}

// ActivateLicense ties a valid licence to a place. In the same place it may be activated
// again; while it is active elsewhere it is refused with license.ErrActive, whoever asks
// first.
func (s *Service) ActivateLicense(ctx context.Context, c ActivateLicense) (LicenseDone, error) {
	if err := license.CheckGUID(c.GUID); err != nil {
		return LicenseDone{}, err
	}
	return s.changeLicense(ctx, c.Call, c.Key, event.LicenseActivated, func(l *LicenseDone, now time.Time) (bool, error) {
		switch {
		case l.GUID == c.GUID && l.Valid:
			return false, nil
		case !l.Valid:
			return false, license.ErrInvalid
		case l.GUID != "":
			return false, license.ErrActive
		}
		l.GUID, l.ActivatedAt = c.GUID, now
		return true, nil
	})
}

// ClearLicense frees a licence from where it is used.
type ClearLicense struct {
	Call
	Key string
}

// ClearLicense frees a licence from where it is used, so that it can be activated elsewhere.
func (s *Service) ClearLicense(ctx context.Context, c ClearLicense) (LicenseDone, error) {
	return s.changeLicense(ctx, c.Call, c.Key, event.LicenseCleared, func(l *LicenseDone, _ time.Time) (bool, error) {
		changed := l.GUID != ""
		l.GUID, l.ActivatedAt = "", time.Time{}
		return changed, nil
	})
}

// EnableLicense enables a licence, or disables it.
type EnableLicense struct {
	Call
	Key     string
	Disable bool
}

// EnableLicense enables a licence, or disables it. Where it is activated it stays.
func (s *Service) EnableLicense(ctx context.Context, c EnableLicense) (LicenseDone, error) {
	kind := event.LicenseEnabled
	if c.Disable {
		kind = event.LicenseDisabled
	}
	return s.changeLicense(ctx, c.Call, c.Key, kind, func(l *LicenseDone, _ time.Time) (bool, error) {
		changed := l.Enabled == c.Disable
		l.Enabled = !c.Disable
		return changed, nil
	})
}

// changeLicense loads a licence, lets change decide, and writes what it changed.
func (s *Service) changeLicense(ctx context.Context, call Call, key string, kind event.Kind, change func(*LicenseDone, time.Time) (bool, error)) (LicenseDone, error) {
	key, err := license.Normal(key)
	if err != nil {
		return LicenseDone{}, err
	}
	return update(ctx, s, call, func(tx *db.Tx, a account.Account, now time.Time) (LicenseDone, error) {
		l, err := license.ByKey(tx, a.ID, key)
		if err != nil {
			return LicenseDone{}, err
		}
		done, err := licenseOf(tx, l)
		if err != nil {
			return done, err
		}
		changed, err := change(&done, now)
		if err != nil || !changed {
			return done, err
		}
		if err := license.Save(tx, done.License); err != nil {
			return done, err
		}
		done.Version++
		if done, err = licenseOf(tx, done.License); err != nil {
			return done, err
		}
		return done, event.Append(tx, a.ID, licenseEvent(done.License, kind, call.Actor, now))
	})
}

// licenseOf is a licence and whether it holds now: by itself, and by the subscription and
// the payment that it came with.
func licenseOf(tx *db.Tx, l license.License) (LicenseDone, error) {
	done := LicenseDone{License: l}
	product, err := catalog.LoadProduct(tx, l.Account, l.Product)
	if err != nil {
		return done, err
	}
	terms, err := license.ReadTerms(product.Settings.Licenses)
	if err != nil {
		return done, err
	}
	var standing license.Standing
	if terms.UntilCancel && l.Subscription != 0 {
		sub, err := subscription.Load(tx, l.Account, l.Subscription)
		if err != nil && !fault.Is(err, fault.NotFound) {
			return done, err
		}
		standing.Ended = err == nil && sub.State == subscription.Canceled
	}
	if terms.UntilRefund {
		if standing.Refunded, err = refundedWhole(tx, l); err != nil {
			return done, err
		}
	}
	done.Valid = l.Valid(terms, standing)
	return done, nil
}

// refundedWhole reports whether all that was paid at the sale of a licence went back.
func refundedWhole(tx *db.Tx, l license.License) (bool, error) {
	o, err := order.Load(tx, l.Account, l.Order)
	if err != nil || o.Invoice == 0 {
		return false, err
	}
	v, err := invoice.Load(tx, l.Account, o.Invoice)
	return v.Refunded > 0 && v.Refunded >= v.Total.Minor-v.CreditUsed, err
}
