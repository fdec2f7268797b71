package commerce

import (
	"context"
	"time"

	"perennial/internal/account"
	"perennial/internal/db"
	"perennial/internal/idempotency"
	"perennial/internal/payment"
)

// forgetBatch is how many answers one transaction forgets.
const forgetBatch = 500

// keepNotices is how long the notices of gateways are kept that were worked off. The
// gateways' own lists end earlier, so that none comes back.
const keepNotices = 90 * 24 * time.Hour

// Housekeep forgets what nobody may ask for any more: the answers to repeatable
// requests that are older than idempotency.Keep. It tells how many.
func (s *Service) Housekeep(ctx context.Context) (int64, error) {
	var all []account.Account
	err := s.db.View(ctx, func(tx *db.Tx) (err error) {
		all, err = account.All(tx)
		return err
	})
	if err != nil {
		return 0, err
	}
	var total int64
	for _, a := range all {
		for {
			var n int64
			err := s.db.Background(ctx, func(tx *db.Tx) (err error) {
				now := s.clock.Now()
				if n, err = idempotency.Forget(tx, a.ID, now, forgetBatch); err != nil {
					return err
				}
				_, err = payment.ForgetNotices(tx, a.ID, now.Add(-keepNotices))
				return err
			})
			if err != nil {
				return total, err
			}
			total += n
			if n < forgetBatch {
				break
			}
		}
	}
	return total, nil
}
