package commerce

import (
	"context"

	"perennial/internal/customer"
	"perennial/internal/db"
	"perennial/internal/id"
	"perennial/internal/license"
)

// Whether a licence holds depends on the sale that it came with, so these reads are beside
// the stories that decide by it.

// License is one licence, or NotFound.
func (s *Service) License(ctx context.Context, acc id.Account, l id.License) (LicenseDone, error) {
	return s.oneLicense(ctx, func(tx *db.Tx) (license.License, error) { return license.Load(tx, acc, l) })
}

// LicenseByKey is the licence with a key, in any case, or NotFound.
func (s *Service) LicenseByKey(ctx context.Context, acc id.Account, key string) (LicenseDone, error) {
	key, err := license.Normal(key)
	if err != nil {
		return LicenseDone{}, err
	}
	return s.oneLicense(ctx, func(tx *db.Tx) (license.License, error) { return license.ByKey(tx, acc, key) })
}

func (s *Service) oneLicense(ctx context.Context, find func(tx *db.Tx) (license.License, error)) (LicenseDone, error) {
	list, err := s.licenses(ctx, func(tx *db.Tx) ([]license.License, error) {
		l, err := find(tx)
		return []license.License{l}, err
	})
	if err != nil {
		return LicenseDone{}, err
	}
	return list[0], nil
}

// Licenses are the account's licences older than before, newest first.
func (s *Service) Licenses(ctx context.Context, acc id.Account, before id.License, limit int) ([]LicenseDone, error) {
	return s.licenses(ctx, func(tx *db.Tx) ([]license.License, error) { return license.List(tx, acc, before, limit) })
}

// LicensesOf are a customer's licences, oldest first.
func (s *Service) LicensesOf(ctx context.Context, acc id.Account, c id.Customer) ([]LicenseDone, error) {
	return s.licenses(ctx, func(tx *db.Tx) ([]license.License, error) {
		if _, err := customer.Load(tx, acc, c); err != nil {
			return nil, err
		}
		return license.OfCustomer(tx, acc, c)
	})
}

func (s *Service) licenses(ctx context.Context, find func(tx *db.Tx) ([]license.License, error)) ([]LicenseDone, error) {
	var out []LicenseDone
	err := s.db.View(ctx, func(tx *db.Tx) error {
		list, err := find(tx)
		if err != nil {
			return err
		}
		out = make([]LicenseDone, len(list))
		for i, l := range list {
			if out[i], err = licenseOf(tx, l); err != nil {
				return err
			}
		}
		return nil
	})
	return out, err
}
