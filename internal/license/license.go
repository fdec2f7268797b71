// Package license is the keys that unlock what a customer bought.
//
// It owns: licence keys, whom and what they were issued for, the one place where each is
// activated, and the keys that a merchant uploaded to be issued.
//
// It does not own: the sale, the subscription and the product that decide whether a licence
// still holds.
//
// Life: a key is issued when its order is completed, is activated in one place at a time,
// and is enabled or disabled by the merchant. Whether it is valid follows from that and, by
// the product's setting, from the subscription and the payment that it came with: nothing
// is written when they end.
//
// Invariants: a key is unique in the account; it has at most one activation, however many
// ask at the same moment; an uploaded key is issued once.
package license

import (
	"crypto/rand"
	"encoding/json"
	"regexp"
	"strings"
	"time"
	"unicode/utf8"

	"perennial/internal/clock"
	"perennial/internal/db"
	"perennial/internal/fault"
	"perennial/internal/id"
)

// License is one key.
type License struct {
	ID           id.License
	Account      id.Account
	Key          string // as Normal gives it
	Customer     id.Customer
	Product      id.Product
	Campaign     id.Campaign
	Order        id.Order
	Subscription id.Subscription // 0 for a sale without one
	Enabled      bool            // by the merchant
	GUID         string          // where it is activated; "" when nowhere
	ActivatedAt  time.Time       // zero when nowhere
	CreatedAt    time.Time
	Version      int64
}

// Terms is how a product issues licences. The zero value issues none.
type Terms struct {
	Count    int  `json:"count,omitempty"`    // keys for each piece that is bought, 0 to MaxCount
	Uploaded bool `json:"uploaded,omitempty"` // taken from the merchant's list instead of made up
	// UntilCancel and UntilRefund end a licence with its subscription, and when all that was
	// paid for its order is given back.
	UntilCancel bool `json:"until_cancel,omitempty"`
	UntilRefund bool `json:"until_refund,omitempty"`
}

// MaxCount is how many keys one piece may come with, MaxIssued how many one order may.
const (
	MaxCount  = 100
	MaxIssued = 1_000
	MaxGUID   = 200
	MaxUpload = 10_000 // keys of one upload
)

// Standing is what a licence depends on besides itself.
type Standing struct {
	Ended    bool // its subscription is over
	Refunded bool // all that was paid for its order was given back
}

// Valid reports whether the licence holds.
func (l License) Valid(t Terms, s Standing) bool {
	return l.Enabled && !(t.UntilCancel && s.Ended) && !(t.UntilRefund && s.Refunded)
}

// alphabet leaves out what is read wrongly: 0 and O, 1 and I.
const alphabet = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"

// NewKey makes a key of 80 random bits: four groups of four.
func NewKey() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails since Go 1.24
	var s strings.Builder
	for i, v := range b {
		if i > 0 && i%4 == 0 {
			s.WriteByte('-')
		}
		s.WriteByte(alphabet[v&31])
	}
	return s.String()
}

var keyForm = regexp.MustCompile(`^[A-Z0-9][A-Z0-9._-]{5,63}$`)

// Normal is a key as it is kept: in capitals, without spaces around it. One that cannot be
// a key is refused.
func Normal(key string) (string, error) {
	key = strings.ToUpper(strings.TrimSpace(key))
	if !keyForm.MatchString(key) {
		return "", fault.BadField("license_key", "must be 6 to 64 letters, digits, dots, dashes and underscores")
	}
	return key, nil
}

// CheckGUID refuses the name of a place that cannot be.
func CheckGUID(guid string) error {
	if guid == "" || len(guid) > MaxGUID || !utf8.ValidString(guid) || strings.ContainsFunc(guid, func(r rune) bool { return r < ' ' || r == 0x7f }) {
		return fault.BadField("guid", "must be plain text of 1 to %d bytes", MaxGUID)
	}
	return nil
}

// ErrActive refuses a second activation.
var ErrActive = fault.New(fault.Conflict, "the licence is active elsewhere; clear it there first").WithCode("license_active")

// ErrInvalid refuses to activate what does not hold.
var ErrInvalid = fault.New(fault.Conflict, "the licence is not valid").WithCode("license_invalid")

var table = db.NewTable("license", db.Int("account_id"), db.Int("id"), db.Text("license_key"), db.Int("customer_id"), db.Int("product_id"), db.Int("campaign_id"),
	db.Int("order_id"), db.NullInt("subscription_id"), db.Bool("enabled"), db.Text("guid"), db.NullInt("activated_at"), db.Int("created_at"), db.Int("version"))

// Insert writes new licences.
func Insert(tx *db.Tx, list []License) error {
	return tx.Insert(table, len(list), func(i int, r *db.Row) {
		l := list[i]
		r.Int(int64(l.Account))
		r.Int(int64(l.ID))
		r.Text(l.Key)
		r.Int(int64(l.Customer))
		r.Int(int64(l.Product))
		r.Int(int64(l.Campaign))
		r.Int(int64(l.Order))
		r.NullInt(int64(l.Subscription), l.Subscription != 0)
		r.Bool(l.Enabled)
		r.Text(l.GUID)
		r.Time(l.ActivatedAt)
		r.Time(l.CreatedAt)
		r.Int(1)
	})
}

// Save writes a licence over the version that was loaded.
func Save(tx *db.Tx, l License) error {
	n, err := tx.Exec("update license set enabled = $4, guid = $5, activated_at = $6, version = version + 1 where account_id = $1 and id = $2 and version = $3",
		l.Account, l.ID, l.Version, l.Enabled, l.GUID, db.Time(l.ActivatedAt))
	if err == nil && n == 0 {
		return db.VersionConflict()
	}
	return err
}

func load(tx *db.Tx, account id.Account, where string, args ...any) ([]License, error) {
	var list []License
	err := tx.Each(func(row db.Scan) error {
		l := License{Account: account}
		err := row(&l.ID, &l.Key, &l.Customer, &l.Product, &l.Campaign, &l.Order, db.ScanNull(&l.Subscription), &l.Enabled, &l.GUID, db.ScanTime(&l.ActivatedAt), db.ScanTime(&l.CreatedAt), &l.Version)
		list = append(list, l)
		return err
	}, `select id, license_key, customer_id, product_id, campaign_id, order_id, subscription_id, enabled, guid, activated_at, created_at, version
		from license where account_id = $1 `+where, append([]any{account}, args...)...)
	return list, err
}

// ByKey is the licence with a key, or NotFound.
func ByKey(tx *db.Tx, account id.Account, key string) (License, error) {
	list, err := load(tx, account, "and license_key = $2"+tx.Lock(), key)
	if err == nil && len(list) == 0 {
		return License{}, fault.New(fault.NotFound, "there is no licence with that key")
	}
	if err != nil {
		return License{}, err
	}
	return list[0], nil
}

// Load is one licence of the account, or NotFound.
func Load(tx *db.Tx, account id.Account, l id.License) (License, error) {
	list, err := load(tx, account, "and id = $2"+tx.Lock(), l)
	if err == nil && len(list) == 0 {
		return License{}, fault.New(fault.NotFound, "there is no licence with that id")
	}
	if err != nil {
		return License{}, err
	}
	return list[0], nil
}

// OfCustomer are a customer's licences, oldest first.
func OfCustomer(tx *db.Tx, account id.Account, customer id.Customer) ([]License, error) {
	return load(tx, account, "and customer_id = $2 order by id limit 10000", customer)
}

// OfOrder are the licences of an order, oldest first.
func OfOrder(tx *db.Tx, account id.Account, order id.Order) ([]License, error) {
	return load(tx, account, "and order_id = $2 order by id", order)
}

// List is the account's licences older than before, newest first.
func List(tx *db.Tx, account id.Account, before id.License, limit int) ([]License, error) {
	last := int64(before)
	if last == 0 {
		last = 1<<63 - 1
	}
	return load(tx, account, "and id < $2 order by id desc limit $3", last, limit)
}

var pool = db.NewTable("license_pool", db.Int("account_id"), db.Int("product_id"), db.Text("license_key"), db.Int("position"), db.Bool("issued"))

// Upload adds keys to a product's list, in their order. Those that are there are left out;
// it reports how many were new.
func Upload(tx *db.Tx, account id.Account, product id.Product, keys []string, now time.Time) (int, error) {
	at := clock.Micros(now)
	return tx.InsertIgnore(pool, len(keys), func(i int, r *db.Row) {
		r.Int(int64(account))
		r.Int(int64(product))
		r.Text(keys[i])
		r.Int(at + int64(i))
		r.Bool(false)
	})
}

// Take issues up to n of a product's uploaded keys, the first that were uploaded. Two that
// take at once get different ones: the second meets a VersionConflict and looks again.
func Take(tx *db.Tx, account id.Account, product id.Product, n int) ([]string, error) {
	var keys []string
	err := tx.Each(func(row db.Scan) error {
		var key string
		err := row(&key)
		keys = append(keys, key)
		return err
	}, "select license_key from license_pool where account_id = $1 and product_id = $2 and not issued order by position limit $3", account, product, n)
	if err != nil || len(keys) == 0 {
		return nil, err
	}
	taken, err := tx.Exec("update license_pool set issued = $3 where account_id = $1 and product_id = $2 and not issued and "+tx.AnyOf("license_key", 4), account, product, true, tx.ListText(keys))
	if err == nil && taken != int64(len(keys)) {
		return nil, db.VersionConflict()
	}
	return keys, err
}

// Left is how many of a product's uploaded keys were not issued yet.
func Left(tx *db.Tx, account id.Account, product id.Product) (int64, error) {
	var n int64
	err := tx.One([]any{&n}, "select count(*) from license_pool where account_id = $1 and product_id = $2 and not issued", account, product)
	return n, err
}

// ReadTerms reads what Terms.Text wrote.
func ReadTerms(text json.RawMessage) (Terms, error) {
	var t Terms
	if len(text) == 0 {
		return t, nil
	}
	err := json.Unmarshal(text, &t)
	return t, err
}

// Text is the terms as a product keeps them; nil for the zero value.
func (t Terms) Text() json.RawMessage {
	if t == (Terms{}) {
		return nil
	}
	b, _ := json.Marshal(t) // numbers and flags always marshal
	return b
}

// Check refuses terms that cannot be.
func (t Terms) Check() error {
	var f fault.Fields
	f.Check(t.Count >= 0 && t.Count <= MaxCount, "count", "must be 0 to %d", MaxCount)
	f.Check(t.Count > 0 || t == Terms{}, "count", "must be above zero")
	return f.Err()
}
