package order

import (
	"encoding/base32"
	"encoding/binary"
	"strings"
	"time"

	"perennial/internal/clock"
	"perennial/internal/db"
	"perennial/internal/fault"
	"perennial/internal/id"
)

// State is how far an order is.
type State string

// The states of an order.
const (
	Pending   State = "pending"
	Completed State = "completed"
	Failed    State = "failed"
)

// Order is one purchase.
type Order struct {
	ID           id.Order
	Account      id.Account
	Customer     id.Customer
	Price        id.Price
	Quantity     int64
	Method       id.Method       // 0 when nothing had to be paid and none was given
	Invoice      id.Invoice      // 0 when nothing was due at the sale
	Subscription id.Subscription // 0 for a one-time price; set from the start, the row comes with completion
	State        State
	Source       string // "api", "checkout" …
	Secret       string // makes the token unguessable
	Terms        string // of the subscription that begins with completion, as JSON; commerce reads it
	CreatedAt    time.Time
	Version      int64
}

var spelling = base32.NewEncoding("0123456789abcdefghjkmnpqrstvwxyz").WithPadding(base32.NoPadding)

// Token is the secret address of the order's thank-you page.
func (o Order) Token() string {
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], uint64(o.Account))
	binary.BigEndian.PutUint64(b[8:], uint64(o.ID))
	return spelling.EncodeToString(b[:]) + o.Secret
}

const idText = 26 // characters of 16 bytes

// ParseToken is the account, order and secret that a token holds; NotFound when it
// is none.
func ParseToken(token string) (id.Account, id.Order, string, error) {
	if len(token) <= idText || len(token) > 64 {
		return 0, 0, "", fault.New(fault.NotFound, "there is no order at this address")
	}
	b, err := spelling.DecodeString(strings.ToLower(token[:idText]))
	if err != nil || len(b) != 16 || b[0]&0x80 != 0 || b[8]&0x80 != 0 {
		return 0, 0, "", fault.New(fault.NotFound, "there is no order at this address")
	}
	return id.Account(binary.BigEndian.Uint64(b[:8])), id.Order(binary.BigEndian.Uint64(b[8:])), token[idText:], nil // #nosec G115 -- the top bits are clear
}

const columns = "id, customer_id, price_id, quantity, method_id, invoice_id, subscription_id, state, source, secret, terms, created_at, version"

// Insert writes a new order.
func Insert(tx *db.Tx, o Order) error {
	null := func(v int64) any {
		if v == 0 {
			return nil
		}
		return v
	}
	_, err := tx.Exec(`insert into orders (account_id, id, customer_id, price_id, quantity, method_id, invoice_id, subscription_id, state, source, secret, terms, created_at, version)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, 1)`, o.Account, o.ID, o.Customer, o.Price, o.Quantity,
		null(int64(o.Method)), null(int64(o.Invoice)), null(int64(o.Subscription)), o.State, o.Source, o.Secret, o.Terms, clock.Micros(o.CreatedAt))
	return err
}

// SaveState writes the order's state over the version that was loaded.
func SaveState(tx *db.Tx, o Order) error {
	n, err := tx.Exec("update orders set state = $4, version = version + 1 where account_id = $1 and id = $2 and version = $3", o.Account, o.ID, o.Version, o.State)
	if err == nil && n == 0 {
		return db.VersionConflict()
	}
	return err
}

func load(tx *db.Tx, account id.Account, where string, args ...any) ([]Order, error) {
	var list []Order
	err := tx.Each(func(row db.Scan) error {
		o := Order{Account: account}
		err := row(&o.ID, &o.Customer, &o.Price, &o.Quantity, db.ScanNull(&o.Method), db.ScanNull(&o.Invoice), db.ScanNull(&o.Subscription),
			&o.State, &o.Source, &o.Secret, &o.Terms, db.ScanTime(&o.CreatedAt), &o.Version)
		list = append(list, o)
		return err
	}, "select "+columns+" from orders where account_id = $1 "+where, append([]any{account}, args...)...)
	return list, err
}

// Load is one order of the account, or NotFound.
func Load(tx *db.Tx, account id.Account, order id.Order) (Order, error) {
	list, err := load(tx, account, "and id = $2"+tx.Lock(), order)
	if err == nil && len(list) == 0 {
		return Order{}, fault.New(fault.NotFound, "there is no order with that id")
	}
	if err != nil {
		return Order{}, err
	}
	return list[0], nil
}

// List is the account's orders older than before, newest first; of one customer
// when customer is not 0.
func List(tx *db.Tx, account id.Account, customer id.Customer, before id.Order, limit int) ([]Order, error) {
	last := int64(before)
	if last == 0 {
		last = 1<<63 - 1
	}
	if customer != 0 {
		return load(tx, account, "and customer_id = $2 and id < $3 order by id desc limit $4", customer, last, limit)
	}
	return load(tx, account, "and id < $2 order by id desc limit $3", last, limit)
}
