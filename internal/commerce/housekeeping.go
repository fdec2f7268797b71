package commerce

import (
	"context"
	"time"

	"perennial/internal/account"
	"perennial/internal/db"
	"perennial/internal/id"
	"perennial/internal/idempotency"
	"perennial/internal/outbox"
	"perennial/internal/payment"
)

// forgetBatch is how many answers, or bodies of deliveries, one transaction forgets.
const forgetBatch = 500

// keepNotices is how long the notices of gateways are kept that were worked off. The
// gateways' own lists end earlier, so that none comes back.
const keepNotices = 90 * 24 * time.Hour

// Housekeep forgets what nobody may ask for any more: the answers to repeatable
// requests that are older than idempotency.Keep, and what was sent to endpoints longer
// than outbox.KeptFor ago. It tells how many. It also rebuilds metrics that need it.
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
	now := s.clock.Now()
	for _, a := range all {
		if err := s.KeepMetrics(ctx, a.ID); err != nil {
			return total, err
		}
		for _, forget := range []func(*db.Tx, id.Account, time.Time, int) (int64, error){idempotency.Forget, outbox.Forget, forgetNotices} {
			for {
				var n int64
				err := s.db.Background(ctx, func(tx *db.Tx) (err error) {
					n, err = forget(tx, a.ID, now, forgetBatch)
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
	}
	return total, nil
}

// forgetNotices forgets what gateways told long ago.
func forgetNotices(tx *db.Tx, acc id.Account, now time.Time, _ int) (int64, error) {
	return payment.ForgetNotices(tx, acc, now.Add(-keepNotices))
}
