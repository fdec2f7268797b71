package invoice

import (
	"time"

	"perennial/internal/db"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/money"
	"perennial/internal/period"
)

// Item is an amount that waits for the next invoice of a subscription.
type Item struct {
	ID           id.Item
	Account      id.Account
	Customer     id.Customer
	Subscription id.Subscription
	Kind         LineKind
	Description  string
	Price        id.Price // 0 for none
	Quantity     int64
	Amount       money.Amount // for all of them, before discounts and tax; above zero
	Span         period.Span
	Details      Details
	Invoice      id.Invoice // that billed it; 0 while it waits
	CreatedAt    time.Time
}

var itemTable = db.NewTable("invoice_item", db.Int("account_id"), db.Int("id"), db.Int("customer_id"), db.Int("subscription_id"), db.Text("kind"), db.Text("description"),
	db.NullInt("price_id"), db.Int("quantity"), db.Int("amount"), db.Text("currency"), db.NullInt("period_from"), db.NullInt("period_to"), db.Text("details"),
	db.NullInt("invoice_id"), db.Int("created_at"))

// InsertItems writes new items.
func InsertItems(tx *db.Tx, list []Item) error {
	return tx.Insert(itemTable, len(list), func(i int, r *db.Row) {
		t := &list[i]
		r.Int(int64(t.Account))
		r.Int(int64(t.ID))
		r.Int(int64(t.Customer))
		r.Int(int64(t.Subscription))
		r.Text(string(t.Kind))
		r.Text(t.Description)
		r.NullInt(int64(t.Price), t.Price != 0)
		r.Int(t.Quantity)
		r.Int(t.Amount.Minor)
		r.Text(string(t.Amount.Currency))
		r.Time(t.Span.From)
		r.Time(t.Span.To)
		r.Text(t.Details.text())
		r.NullInt(int64(t.Invoice), t.Invoice != 0)
		r.Time(t.CreatedAt)
	})
}

// Waiting are the items that wait for an invoice of the subscriptions, oldest first.
func Waiting(tx *db.Tx, account id.Account, subscriptions []int64) (map[id.Subscription][]Item, error) {
	found := map[id.Subscription][]Item{}
	err := tx.Each(func(row db.Scan) error {
		t := Item{Account: account}
		var details string
		err := row(&t.ID, &t.Customer, &t.Subscription, &t.Kind, &t.Description, db.ScanNull(&t.Price), &t.Quantity, &t.Amount.Minor, &t.Amount.Currency,
			db.ScanTime(&t.Span.From), db.ScanTime(&t.Span.To), &details, db.ScanTime(&t.CreatedAt))
		if err != nil {
			return err
		}
		t.Details, err = readDetails(details)
		found[t.Subscription] = append(found[t.Subscription], t)
		return err
	}, `select id, customer_id, subscription_id, kind, description, price_id, quantity, amount, currency, period_from, period_to, details, created_at from invoice_item
		where account_id = $1 and invoice_id is null and `+tx.AnyOf("subscription_id", 2)+" order by subscription_id, id", account, tx.List(subscriptions))
	return found, err
}

// LoadWaiting is one item that waits for an invoice; NotFound when it does not.
func LoadWaiting(tx *db.Tx, account id.Account, item id.Item) (Item, error) {
	t, found := Item{ID: item, Account: account}, false
	err := tx.Each(func(row db.Scan) error {
		found = true
		return row(&t.Customer, &t.Subscription, &t.Kind, &t.Description, &t.Amount.Minor, &t.Amount.Currency)
	}, "select customer_id, subscription_id, kind, description, amount, currency from invoice_item where account_id = $1 and id = $2 and invoice_id is null", account, item)
	if err == nil && !found {
		err = fault.New(fault.NotFound, "no amount with that id waits for an invoice")
	}
	return t, err
}

// Bill notes that an invoice billed items that waited. It reports how many still did.
func Bill(tx *db.Tx, account id.Account, items []int64, invoice id.Invoice) (int64, error) {
	return tx.Exec("update invoice_item set invoice_id = $3 where account_id = $1 and invoice_id is null and "+tx.AnyOf("id", 2), account, tx.List(items), invoice)
}

// Unbill lets the items of an invoice that came to nothing wait again, and reports how
// many there are.
func Unbill(tx *db.Tx, account id.Account, invoice id.Invoice) (int64, error) {
	return tx.Exec("update invoice_item set invoice_id = null where account_id = $1 and invoice_id = $2 and invoice_id is not null", account, invoice)
}

// CutItem writes what is left of an item that still waits: its Amount, its Span and its
// Details; with nothing left it is removed.
func CutItem(tx *db.Tx, t Item) error {
	if t.Amount.Sign() <= 0 {
		_, err := RemoveItem(tx, t.Account, t.ID)
		return err
	}
	_, err := tx.Exec("update invoice_item set amount = $3, period_to = $4, details = $5 where account_id = $1 and id = $2 and invoice_id is null",
		t.Account, t.ID, t.Amount.Minor, db.Time(t.Span.To), t.Details.text())
	return err
}

// RemoveItem takes back an item that still waits. It reports whether it did.
func RemoveItem(tx *db.Tx, account id.Account, item id.Item) (bool, error) {
	n, err := tx.Exec("delete from invoice_item where account_id = $1 and id = $2 and invoice_id is null", account, item)
	return n > 0, err
}
