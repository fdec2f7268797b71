package usage

import (
	"perennial/internal/db"
	"perennial/internal/id"
)

// Reopen lets counters count again whose invoice came to nothing.
func Reopen(tx *db.Tx, account id.Account, keys []CounterKey) error {
	for _, k := range keys { // few, and hardly ever
		_, err := tx.Exec("update usage_counter set closed_at = null where account_id = $1 and subscription_id = $2 and meter_id = $3 and period = $4",
			account, k.Subscription, k.Meter, k.Period)
		if err != nil {
			return err
		}
	}
	return nil
}
