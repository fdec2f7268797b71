package commerce

import (
	"time"

	"perennial/internal/account"
	"perennial/internal/catalog"
	"perennial/internal/db"
	"perennial/internal/id"
	"perennial/internal/subscription"
)

// measures is what a batch has used.
type measures struct{}

type used struct{}

func measure(tx *db.Tx, acc id.Account, subs []subscription.Subscription, prices map[id.Price]catalog.Price) (measures, error) {
	return measures{}, nil
}

func (m *measures) before(sub *subscription.Subscription) used { return used{} }
func (m *measures) billed(u used)                              {}
func (m *measures) close(tx *db.Tx) error                      { return nil }
func (b *billing) forUsage() ([]draft, error)                  { return nil, nil }

func graceOf(tx *db.Tx, a account.Account, p catalog.Price) (time.Duration, error) { return 0, nil }

func (w *settlement) prepaid(tx *db.Tx, c *collection, p catalog.Price) error { return nil }

func (s *Service) billUsage(tx *db.Tx, a account.Account, sub *subscription.Subscription, c Cancel, now time.Time) error {
	return nil
}
