package credit

import (
	"cmp"
	"slices"

	"perennial/internal/db"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/money"
)

var balanceTable = db.NewTable("credit_balance", db.Int("account_id"), db.Int("customer_id"), db.Text("currency"), db.Int("id"), db.Int("minor"), db.Int("version"))

var entryTable = db.NewTable("credit_entry", db.Int("account_id"), db.Int("id"), db.Int("customer_id"), db.Text("currency"), db.Int("amount"),
	db.Int("balance_after"), db.Text("reason"), db.NullInt("invoice_id"), db.NullInt("credit_note_id"), db.Text("note"), db.Int("at"))

// Add gives credit: it writes the entries, in their order, and raises the balances.
// The amounts are above zero, and all entries are of one account. It sets ID and
// BalanceAfter of the list. Goodwill that brings a balance beyond money.MaxMinor is refused
// with fault.Invalid; what comes back of the customer's own money never is, because its
// story has happened already. A balance that somebody else changed meanwhile is a version
// conflict.
func Add(tx *db.Tx, list []Entry) error { return post(tx, list, 1) }

// Take uses credit up: it writes the entries, in their order, and lowers the balances.
// The amounts are below zero, and all entries are of one account. It sets ID and
// BalanceAfter of the list. A balance that holds less than is taken, or that somebody
// else changed meanwhile, is a version conflict: the caller reads Balances anew.
func Take(tx *db.Tx, list []Entry) error { return post(tx, list, -1) }

// holding is a balance as it was read, and what becomes of it.
type holding struct {
	customer id.Customer
	id       id.Entry
	now      money.Amount
	version  int64 // 0: it is not there yet
}

type holder struct {
	customer id.Customer
	currency money.Currency
}

func post(tx *db.Tx, list []Entry, sign int) error {
	if len(list) == 0 {
		return nil
	}
	for i := range list {
		if err := list[i].Check(); err != nil {
			return err
		}
		if list[i].Amount.Sign() != sign || list[i].Account != list[0].Account {
			return fault.New(fault.Internal, "credit entry %d has the wrong sign or another account", i)
		}
	}
	account := list[0].Account
	held, err := holdings(tx, account, list)
	if err != nil {
		return err
	}
	for i := range list {
		if err := list[i].settle(held); err != nil {
			return err
		}
	}
	if err := save(tx, account, held); err != nil {
		return err
	}
	return insert(tx, list)
}

// settle moves the balance that the entry belongs to.
func (e *Entry) settle(held map[holder]*holding) error {
	key := holder{e.Customer, e.Amount.Currency}
	h := held[key]
	if h == nil {
		h = &holding{customer: e.Customer, id: id.New[id.Entry](), now: money.Zero(e.Amount.Currency)}
		held[key] = h
	}
	after := money.Amount{Minor: h.now.Minor + e.Amount.Minor, Currency: e.Amount.Currency}
	if e.Reason == Goodwill && e.Amount.Sign() > 0 {
		var err error
		if after, err = h.now.Add(e.Amount); err != nil {
			return err
		}
	}
	if after.Minor < 0 {
		return db.VersionConflict()
	}
	h.now, e.BalanceAfter = after, after
	e.ID = id.New[id.Entry]() // after the balance was read, so that ids rise as balances follow each other
	return nil
}

// holdings are the balances of the customers in the list, those that there are.
func holdings(tx *db.Tx, account id.Account, list []Entry) (map[holder]*holding, error) {
	customers := make([]int64, 0, len(list))
	for _, e := range list {
		customers = append(customers, int64(e.Customer))
	}
	slices.Sort(customers)
	held := map[holder]*holding{}
	err := tx.Each(func(row db.Scan) error {
		h := &holding{}
		err := row(&h.customer, &h.now.Currency, &h.id, &h.now.Minor, &h.version)
		held[holder{h.customer, h.now.Currency}] = h
		return err
	}, "select customer_id, currency, id, minor, version from credit_balance where account_id = $1 and "+tx.AnyOf("customer_id", 2)+
		" order by customer_id, currency"+tx.Lock(), account, tx.List(slices.Compact(customers)))
	return held, err
}

// save writes what became of the balances, always in one order, so that two that save
// the same ones wait for each other instead of closing a circle.
func save(tx *db.Tx, account id.Account, held map[holder]*holding) error {
	var made, changed []*holding
	for _, h := range held {
		if h.version == 0 {
			made = append(made, h)
		} else {
			changed = append(changed, h)
		}
	}
	order := func(a, b *holding) int {
		return cmp.Or(cmp.Compare(a.customer, b.customer), cmp.Compare(a.now.Currency, b.now.Currency))
	}
	slices.SortFunc(made, order)
	slices.SortFunc(changed, order)
	conflicts, err := tx.Update(balanceTable, []string{"minor"}, len(changed), func(i int, r *db.Row) {
		h := changed[i]
		r.Int(int64(account))
		r.Int(int64(h.id))
		r.Int(h.version)
		r.Int(h.now.Minor)
	})
	if err != nil {
		return err
	}
	if len(conflicts) > 0 {
		return db.VersionConflict()
	}
	inserted, err := tx.InsertIgnore(balanceTable, len(made), func(i int, r *db.Row) {
		h := made[i]
		r.Int(int64(account))
		r.Int(int64(h.customer))
		r.Text(string(h.now.Currency))
		r.Int(int64(h.id))
		r.Int(h.now.Minor)
		r.Int(1)
	})
	if err != nil {
		return err
	}
	if inserted < len(made) { // another transaction made one of them first
		return db.VersionConflict()
	}
	return nil
}

func insert(tx *db.Tx, list []Entry) error {
	return tx.Insert(entryTable, len(list), func(i int, r *db.Row) {
		e := &list[i]
		r.Int(int64(e.Account))
		r.Int(int64(e.ID))
		r.Int(int64(e.Customer))
		r.Text(string(e.Amount.Currency))
		r.Int(e.Amount.Minor)
		r.Int(e.BalanceAfter.Minor)
		r.Text(string(e.Reason))
		r.NullInt(int64(e.Invoice), e.Invoice != 0)
		r.NullInt(int64(e.CreditNote), e.CreditNote != 0)
		r.Text(e.Note)
		r.Time(e.At)
	})
}

// Balances are the balances above zero of those customers that have one, in minor
// units.
func Balances(tx *db.Tx, account id.Account, customers []int64) (map[id.Customer]map[money.Currency]int64, error) {
	found := map[id.Customer]map[money.Currency]int64{}
	if len(customers) == 0 {
		return found, nil
	}
	err := tx.Each(func(row db.Scan) error {
		var customer id.Customer
		var c money.Currency
		var minor int64
		if err := row(&customer, &c, &minor); err != nil {
			return err
		}
		if found[customer] == nil {
			found[customer] = map[money.Currency]int64{}
		}
		found[customer][c] = minor
		return nil
	}, "select customer_id, currency, minor from credit_balance where account_id = $1 and "+tx.AnyOf("customer_id", 2)+" and minor > 0",
		account, tx.List(customers))
	return found, err
}

// Entries are a customer's entries older than before, newest first; a before of zero
// begins at the newest.
func Entries(tx *db.Tx, account id.Account, customer id.Customer, before id.Entry, limit int) ([]Entry, error) {
	if before == 0 {
		before = 1<<63 - 1
	}
	var list []Entry
	err := tx.Each(func(row db.Scan) error {
		e := Entry{Account: account, Customer: customer}
		err := row(&e.ID, &e.Amount.Currency, &e.Amount.Minor, &e.BalanceAfter.Minor, &e.Reason, db.ScanNull(&e.Invoice), db.ScanNull(&e.CreditNote),
			&e.Note, db.ScanTime(&e.At))
		e.BalanceAfter.Currency = e.Amount.Currency
		list = append(list, e)
		return err
	}, `select id, currency, amount, balance_after, reason, invoice_id, credit_note_id, note, at
		from credit_entry where account_id = $1 and customer_id = $2 and id < $3 order by id desc limit $4`, account, customer, before, limit)
	return list, err
}

// Sum is what all customers of the account have in credit, in minor units of each
// currency. It reads the account's balances whole: it is for the proof of the books.
func Sum(tx *db.Tx, account id.Account) (map[money.Currency]int64, error) {
	found := map[money.Currency]int64{}
	err := tx.Each(func(row db.Scan) error {
		var c money.Currency
		var minor int64
		err := row(&c, &minor)
		found[c] = minor
		return err
	}, "select currency, cast(sum(minor) as bigint) from credit_balance where account_id = $1 group by currency", account)
	return found, err
}

// Drifted are up to limit customers with a balance that is not the sum of their
// entries. There are none, unless rows were changed by hand.
func Drifted(tx *db.Tx, account id.Account, limit int) ([]id.Customer, error) {
	var list []id.Customer
	err := tx.Each(func(row db.Scan) error {
		var c id.Customer
		err := row(&c)
		list = append(list, c)
		return err
	}, `select customer_id from (
			select customer_id, currency, minor from credit_balance where account_id = $1
			union all select customer_id, currency, -amount from credit_entry where account_id = $1
		) as side group by customer_id, currency having sum(minor) <> 0 order by customer_id limit $2`, account, limit)
	return list, err
}
