package commerce

import (
	"context"

	"perennial/internal/account"
	"perennial/internal/db"
	"perennial/internal/idempotency"
)

// forgetBatch is how many answers one transaction forgets.
const forgetBatch = 500

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
				n, err = idempotency.Forget(tx, a.ID, s.clock.Now(), forgetBatch)
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
