// Package lead is who began to buy and gave their address.
//
// It owns: leads, what they looked at, when they began, were last seen, confirmed their
// address and bought.
//
// It does not own: customers, orders, and what is sent to those who left.
//
// Life: a lead opens when somebody gives their address at a checkout, is seen again with
// each look, may confirm, and is bought with their order, or abandoned when nothing was
// seen of them for a while.
//
// Invariants: one open lead for each (address, campaign); times never go back.
package lead

import (
	"strings"
	"time"
	"unicode/utf8"

	"perennial/internal/cardnumber"
	"perennial/internal/clock"
	"perennial/internal/db"
	"perennial/internal/fault"
	"perennial/internal/id"
)

// State is how far a lead came.
type State string

// The states of a lead.
const (
	Open      State = "open"
	Bought    State = "bought"
	Abandoned State = "abandoned"
)

// Lead is somebody who began to buy.
type Lead struct {
	ID          id.Lead
	Account     id.Account
	Email       string // lower case
	Name        string
	Campaign    id.Campaign
	Product     id.Product
	Price       id.Price     // that they looked at last
	Affiliate   id.Affiliate // by whose link they came; 0 for nobody's
	TrackingID  string
	State       State
	Looks       int // how often they were seen
	StartedAt   time.Time
	SeenAt      time.Time
	ConfirmedAt time.Time // zero until they confirmed
	BoughtAt    time.Time // zero until they bought
	Order       id.Order  // that they bought with
	Version     int64
}

// After is when a lead counts as abandoned: so long after it was last seen.
const After = 10 * time.Minute

// See notes that the lead was seen again, looking at a price.
func (l *Lead) See(product id.Product, price id.Price, name string, now time.Time) {
	if name != "" {
		l.Name = name
	}
	l.Product, l.Price = product, price
	l.Looks++
	if now.After(l.SeenAt) {
		l.SeenAt = now
	}
}

// Check refuses a lead that cannot be. The address has been read by the caller.
func (l Lead) Check() error {
	var f fault.Fields
	f.Check(l.Email != "", "email", "must be given")
	f.Check(len(l.Name) <= 200 && utf8.ValidString(l.Name) && !strings.ContainsFunc(l.Name, func(r rune) bool { return r < ' ' || r == 0x7f }), "name", "must be plain text of at most 200 bytes")
	f.Check(!cardnumber.In(l.Name), "name", "must not hold a card number")
	return f.Err()
}

// Insert writes a new lead; ok is false when the address has an open one for the campaign.
func Insert(tx *db.Tx, l Lead) (ok bool, err error) {
	n, err := tx.Exec(`insert into lead (account_id, id, email, name, campaign_id, product_id, price_id, affiliate_id, tracking_id, state, looks, started_at, seen_at,
		confirmed_at, bought_at, order_id, version) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, null, null, 0, 1) on conflict do nothing`,
		l.Account, l.ID, l.Email, l.Name, l.Campaign, l.Product, l.Price, l.Affiliate, l.TrackingID, l.State, l.Looks, clock.Micros(l.StartedAt), clock.Micros(l.SeenAt))
	return n == 1, err
}

// Save writes a lead over the version that was loaded.
func Save(tx *db.Tx, l Lead) error {
	n, err := tx.Exec(`update lead set name = $4, product_id = $5, price_id = $6, affiliate_id = $7, tracking_id = $8, state = $9, looks = $10, seen_at = $11,
		confirmed_at = $12, bought_at = $13, order_id = $14, version = version + 1 where account_id = $1 and id = $2 and version = $3`,
		l.Account, l.ID, l.Version, l.Name, l.Product, l.Price, l.Affiliate, l.TrackingID, l.State, l.Looks, clock.Micros(l.SeenAt),
		db.Time(l.ConfirmedAt), db.Time(l.BoughtAt), l.Order)
	if err == nil && n == 0 {
		return db.VersionConflict()
	}
	return err
}

func load(tx *db.Tx, account id.Account, where string, args ...any) ([]Lead, error) {
	var list []Lead
	err := tx.Each(func(row db.Scan) error {
		l := Lead{Account: account}
		err := row(&l.ID, &l.Email, &l.Name, &l.Campaign, &l.Product, &l.Price, &l.Affiliate, &l.TrackingID, &l.State, &l.Looks, db.ScanTime(&l.StartedAt), db.ScanTime(&l.SeenAt),
			db.ScanTime(&l.ConfirmedAt), db.ScanTime(&l.BoughtAt), &l.Order, &l.Version)
		list = append(list, l)
		return err
	}, `select id, email, name, campaign_id, product_id, price_id, affiliate_id, tracking_id, state, looks, started_at, seen_at, confirmed_at, bought_at, order_id, version
		from lead where account_id = $1 `+where, append([]any{account}, args...)...)
	return list, err
}

func one(list []Lead, err error) (Lead, error) {
	if err != nil {
		return Lead{}, err
	}
	if len(list) == 0 {
		return Lead{}, fault.New(fault.NotFound, "there is no lead with that id")
	}
	return list[0], nil
}

// Load is one lead, or NotFound.
func Load(tx *db.Tx, account id.Account, l id.Lead) (Lead, error) {
	return one(load(tx, account, "and id = $2"+tx.Lock(), l))
}

// OpenOf is the open lead of an address for a campaign, or NotFound.
func OpenOf(tx *db.Tx, account id.Account, email string, campaign id.Campaign) (Lead, error) {
	return one(load(tx, account, "and email = $2 and campaign_id = $3 and state = 'open'"+tx.Lock(), email, campaign))
}

// LatestOf is the newest lead of an address, or NotFound.
func LatestOf(tx *db.Tx, account id.Account, email string) (Lead, error) {
	return one(load(tx, account, "and email = $2 order by id desc limit 1", email))
}

// List is the account's leads in a state that were last seen before an instant, the longest
// ago first.
func List(tx *db.Tx, account id.Account, state State, seenBefore time.Time, limit int) ([]Lead, error) {
	return load(tx, account, "and state = $2 and seen_at < $3 order by seen_at, id limit $4", state, clock.Micros(seenBefore), limit)
}

// Page is the account's leads older than before, newest first.
func Page(tx *db.Tx, account id.Account, before id.Lead, limit int) ([]Lead, error) {
	last := int64(before)
	if last == 0 {
		last = 1<<63 - 1
	}
	return load(tx, account, "and id < $2 order by id desc limit $3", last, limit)
}
