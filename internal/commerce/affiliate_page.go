package commerce

import (
	"context"
	"crypto/subtle"
	"encoding/base64"

	"perennial/internal/affiliate"
	"perennial/internal/db"
	"perennial/internal/fault"
	"perennial/internal/id"
)

// An affiliate's own page is read by a link that is derived from the server's keys and kept
// nowhere: whoever has it sees what the affiliate earns, and can change nothing.

func affiliatePagePurpose(who id.Affiliate) string { return "affiliate page " + who.String() }

// AffiliatePage is the path of an affiliate's own page, with its secret. It is for whoever
// hands it to them.
func (s *Service) AffiliatePage(acc id.Account, who id.Affiliate) (string, error) {
	if s.seals == nil {
		return "", fault.New(fault.Unavailable, "this server has no keys to make links with")
	}
	secret := base64.RawURLEncoding.EncodeToString(s.seals.Derive(acc, affiliatePagePurpose(who))[0])
	return "/affiliates/of/" + acc.String() + "/" + who.String() + "/" + secret, nil
}

// OpenAffiliatePage is the affiliate whose page a link opens. Whatever is wrong with it is
// NotFound; so is the link of somebody who is blocked.
func (s *Service) OpenAffiliatePage(ctx context.Context, acc id.Account, who id.Affiliate, secret string) (affiliate.Affiliate, error) {
	unknown := fault.New(fault.NotFound, "there is no such page")
	good := false
	if s.seals != nil {
		for _, raw := range s.seals.Derive(acc, affiliatePagePurpose(who)) {
			good = subtle.ConstantTimeCompare([]byte(secret), []byte(base64.RawURLEncoding.EncodeToString(raw))) == 1 || good
		}
	}
	if !good {
		return affiliate.Affiliate{}, unknown
	}
	var a affiliate.Affiliate
	err := s.db.View(ctx, func(tx *db.Tx) (err error) {
		a, err = affiliate.Load(tx, acc, who)
		return err
	})
	if err == nil && a.State == affiliate.Blocked {
		return affiliate.Affiliate{}, unknown
	}
	return a, err
}
