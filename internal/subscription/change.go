package subscription

import (
	"time"

	"perennial/internal/db"
	"perennial/internal/fault"
	"perennial/internal/id"
)

// ChangeState is how far a change of terms is.
type ChangeState string

// The states of a change.
const (
	ChangeScheduled ChangeState = "scheduled" // comes at its instant
	ChangePending   ChangeState = "pending"   // is being charged
	ChangeApplied   ChangeState = "applied"
	ChangeFailed    ChangeState = "failed" // its charge was declined; the old terms went on
	ChangeUndone    ChangeState = "undone" // somebody took it back before it came, or the subscription ended
)

// Change is a change of a subscription's terms: scheduled, under way or done.
type Change struct {
	ID           id.Change
	Account      id.Account
	Subscription id.Subscription
	Customer     id.Customer
	State        ChangeState
	At           time.Time // when it comes, or came
	Price        id.Price
	Quantity     int64
	Plan         string     // what it does, as JSON; commerce reads it
	Invoice      id.Invoice // that charges it; 0 for none
	Failure      string     // why it failed
	CreatedAt    time.Time
	SettledAt    time.Time
	Version      int64
}

// InsertChange writes a new change.
func InsertChange(tx *db.Tx, c Change) error {
	_, err := tx.Exec(`insert into subscription_change (account_id, id, subscription_id, customer_id, state, at, price_id, quantity, plan, invoice_id, failure, created_at, settled_at, version)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, 1)`, c.Account, c.ID, c.Subscription, c.Customer, string(c.State), db.Time(c.At), c.Price, c.Quantity, c.Plan,
		orNull(int64(c.Invoice)), c.Failure, db.Time(c.CreatedAt), db.Time(c.SettledAt))
	return err
}

func orNull(v int64) any {
	if v == 0 {
		return nil
	}
	return v
}

// SaveChange writes what happened to a change over the version that was loaded.
func SaveChange(tx *db.Tx, c Change) error {
	n, err := tx.Exec(`update subscription_change set state = $4, at = $5, plan = $6, invoice_id = $7, failure = $8, settled_at = $9, version = version + 1
		where account_id = $1 and id = $2 and version = $3`, c.Account, c.ID, c.Version, string(c.State), db.Time(c.At), c.Plan, orNull(int64(c.Invoice)), c.Failure, db.Time(c.SettledAt))
	if err == nil && n == 0 {
		return db.VersionConflict()
	}
	return err
}

// Undone is a scheduled change that does not come.
type Undone struct {
	Change id.Change
	At     time.Time // when that became known
}

// Undo takes scheduled changes back.
func Undo(tx *db.Tx, account id.Account, list ...Undone) error {
	for _, u := range list { // few, and hardly ever
		_, err := tx.Exec("update subscription_change set state = $3, settled_at = $4, version = version + 1 where account_id = $1 and id = $2 and state = $5",
			account, u.Change, string(ChangeUndone), db.Time(u.At), string(ChangeScheduled))
		if err != nil {
			return err
		}
	}
	return nil
}

func changes(tx *db.Tx, account id.Account, where string, args ...any) ([]Change, error) {
	var list []Change
	err := tx.Each(func(row db.Scan) error {
		c := Change{Account: account}
		err := row(&c.ID, &c.Subscription, &c.Customer, &c.State, db.ScanTime(&c.At), &c.Price, &c.Quantity, &c.Plan, db.ScanNull(&c.Invoice), &c.Failure,
			db.ScanTime(&c.CreatedAt), db.ScanTime(&c.SettledAt), &c.Version)
		list = append(list, c)
		return err
	}, `select id, subscription_id, customer_id, state, at, price_id, quantity, plan, invoice_id, failure, created_at, settled_at, version
		from subscription_change where account_id = $1 `+where, append([]any{account}, args...)...)
	return list, err
}

// LoadChange is one change of the account, or NotFound.
func LoadChange(tx *db.Tx, account id.Account, change id.Change) (Change, error) {
	list, err := changes(tx, account, "and id = $2"+tx.Lock(), change)
	if err == nil && len(list) == 0 {
		return Change{}, fault.New(fault.NotFound, "there is no change with that id")
	}
	if err != nil {
		return Change{}, err
	}
	return list[0], nil
}

// Changes are the changes of a subscription older than before, newest first.
func Changes(tx *db.Tx, account id.Account, sub id.Subscription, before id.Change, limit int) ([]Change, error) {
	last := int64(before)
	if last == 0 {
		last = 1<<63 - 1
	}
	return changes(tx, account, "and subscription_id = $2 and id < $3 order by id desc limit $4", sub, last, limit)
}
