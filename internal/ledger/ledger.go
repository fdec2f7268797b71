package ledger

import (
	"time"

	"perennial/internal/clock"
	"perennial/internal/db"
	"perennial/internal/id"
	"perennial/internal/money"
)

// Book is an account of the double-entry books.
type Book string

// The books.
const (
	Receivable Book = "receivable"  // what customers owe on issued invoices
	Revenue    Book = "revenue"     // what was sold, without tax
	Tax        Book = "tax"         // owed to the tax office
	Cash       Book = "cash"        // held by the gateways for the merchant
	Refunds    Book = "refunds"     // what was sold and given back, without tax
	Credit     Book = "credit"      // what customers have in credit
	Given      Book = "given"       // credit that was given as a present
	WrittenOff Book = "written_off" // owed and given up
	Disputed   Book = "disputed"    // paid, and held by the customers' banks while they decide
	Lost       Book = "lost"        // paid, and taken back by the customers' banks for good

	Commissions Book = "commissions" // what affiliates earned
	Affiliates  Book = "affiliates"  // of it, what they are owed
	Payouts     Book = "payouts"     // of it, what they were paid
)

// Reason says which money fact an entry records.
type Reason string

// The reasons.
const (
	Issue      Reason = "issue"       // an invoice was issued
	Collect    Reason = "collect"     // a payment went through
	Void       Reason = "void"        // an invoice was voided
	GiveBack   Reason = "refund"      // a refund went through
	UseUp      Reason = "credit_used" // an invoice used credit
	CreditNote Reason = "credit_note" // a credit note became credit, or reduced what is owed
	Present    Reason = "goodwill"    // credit was given or taken back
	GiveUp     Reason = "written_off" // an invoice became uncollectible
	Dispute    Reason = "dispute"     // a customer's bank took money back, returned it, or kept it
	Earn       Reason = "commission"  // an affiliate earned, or lost what they had earned
	PayOut     Reason = "payout"      // an affiliate was paid
)

// Entry moves an amount from the book it credits to the book it debits.
type Entry struct {
	ID      id.Entry
	Account id.Account
	Invoice id.Invoice
	At      time.Time
	Debit   Book
	Credit  Book
	Amount  money.Amount // above zero
	Reason  Reason
	Source  int64 // id of the invoice, payment or refund that it records
}

// Issued are the entries of an issued invoice with net and tax.
func Issued(account id.Account, invoice id.Invoice, at time.Time, net, tax money.Amount) []Entry {
	return pair(Entry{Account: account, Invoice: invoice, At: at, Debit: Receivable, Reason: Issue, Source: int64(invoice)}, net, tax, func(e *Entry, book Book) { e.Credit = book }, Revenue)
}

// Voided are the entries that take an issued invoice back.
func Voided(account id.Account, invoice id.Invoice, at time.Time, net, tax money.Amount) []Entry {
	return pair(Entry{Account: account, Invoice: invoice, At: at, Credit: Receivable, Reason: Void, Source: int64(invoice)}, net, tax, func(e *Entry, book Book) { e.Debit = book }, Revenue)
}

// Refunded are the entries of a refund of net and tax.
func Refunded(account id.Account, invoice id.Invoice, refund id.Refund, at time.Time, net, tax money.Amount) []Entry {
	return pair(Entry{Account: account, Invoice: invoice, At: at, Credit: Cash, Reason: GiveBack, Source: int64(refund)}, net, tax, func(e *Entry, book Book) { e.Debit = book }, Refunds)
}

// CreditUsed are the entries of an invoice that credit paid for; with back, of one that
// was taken back and returns it.
func CreditUsed(account id.Account, invoice id.Invoice, at time.Time, amount money.Amount, back bool) []Entry {
	e := Entry{Account: account, Invoice: invoice, At: at, Debit: Credit, Credit: Receivable, Reason: UseUp, Source: int64(invoice)}
	if back {
		e.Debit, e.Credit = e.Credit, e.Debit
	}
	return single(e, amount)
}

// Credited are the entries of a credit note's net and tax that went to a book: Credit, or
// Receivable when it reduces what is owed.
func Credited(account id.Account, invoice id.Invoice, note id.CreditNote, at time.Time, net, tax money.Amount, to Book) []Entry {
	return pair(Entry{Account: account, Invoice: invoice, At: at, Credit: to, Reason: CreditNote, Source: int64(note)}, net, tax, func(e *Entry, book Book) { e.Debit = book }, Refunds)
}

// Goodwill are the entries of credit that was given (above zero) or taken back.
func Goodwill(account id.Account, entry id.Entry, at time.Time, amount money.Amount) []Entry {
	e := Entry{Account: account, At: at, Debit: Given, Credit: Credit, Reason: Present, Source: int64(entry)}
	if amount.Sign() < 0 {
		e.Debit, e.Credit = e.Credit, e.Debit
	}
	return single(e, amount.Abs())
}

// GivenUp are the entries of an invoice that became uncollectible; with back, of one that
// was paid or taken back after all.
func GivenUp(account id.Account, invoice id.Invoice, at time.Time, amount money.Amount, back bool) []Entry {
	e := Entry{Account: account, Invoice: invoice, At: at, Debit: WrittenOff, Credit: Receivable, Reason: GiveUp, Source: int64(invoice)}
	if back {
		e.Debit, e.Credit = e.Credit, e.Debit
	}
	return single(e, amount)
}

// Moved is the entry of disputed money that moves from a book to another: from Cash when
// it is withdrawn, back to Cash when the dispute is won, to Lost when it is lost.
func Moved(account id.Account, invoice id.Invoice, dispute id.Dispute, at time.Time, amount money.Amount, from, to Book) []Entry {
	return single(Entry{Account: account, Invoice: invoice, At: at, Debit: to, Credit: from, Reason: Dispute, Source: int64(dispute)}, amount)
}

// Commission are the entries of a commission (above zero) or of one that was taken back.
func Commission(account id.Account, invoice id.Invoice, commission id.Commission, at time.Time, amount money.Amount) []Entry {
	e := Entry{Account: account, Invoice: invoice, At: at, Debit: Commissions, Credit: Affiliates, Reason: Earn, Source: int64(commission)}
	if amount.Sign() < 0 {
		e.Debit, e.Credit = e.Credit, e.Debit
	}
	return single(e, amount.Abs())
}

// PaidOut are the entries of a payout to an affiliate that was paid.
func PaidOut(account id.Account, payout id.Payout, at time.Time, amount money.Amount) []Entry {
	return single(Entry{Account: account, At: at, Debit: Affiliates, Credit: Payouts, Reason: PayOut, Source: int64(payout)}, amount)
}

// single is one entry of an amount, none of zero.
func single(e Entry, amount money.Amount) []Entry {
	if amount.IsZero() {
		return nil
	}
	e.ID, e.Amount = id.New[id.Entry](), amount
	return []Entry{e}
}

// pair is one entry for net against sales and one for tax, without those of zero.
func pair(e Entry, net, tax money.Amount, against func(*Entry, Book), sales Book) []Entry {
	list := make([]Entry, 0, 2)
	for _, part := range []struct {
		amount money.Amount
		book   Book
	}{{net, sales}, {tax, Tax}} {
		if part.amount.IsZero() {
			continue
		}
		e.ID, e.Amount = id.New[id.Entry](), part.amount
		against(&e, part.book)
		list = append(list, e)
	}
	return list
}

// Collected is the entry of a payment that went through.
func Collected(account id.Account, invoice id.Invoice, payment id.Payment, at time.Time, amount money.Amount) Entry {
	return Entry{ID: id.New[id.Entry](), Account: account, Invoice: invoice, At: at, Debit: Cash, Credit: Receivable, Amount: amount, Reason: Collect, Source: int64(payment)}
}

var table = db.NewTable("ledger_entry", db.Int("account_id"), db.Int("invoice_id"), db.Int("id"), db.Int("at"), db.Text("debit"), db.Text("credit"),
	db.Int("amount"), db.Text("currency"), db.Text("reason"), db.Int("source_id"))

// Post writes entries.
func Post(tx *db.Tx, list []Entry) error {
	return tx.Insert(table, len(list), func(i int, r *db.Row) {
		e := &list[i]
		r.Int(int64(e.Account))
		r.Int(int64(e.Invoice))
		r.Int(int64(e.ID))
		r.Time(e.At)
		r.Text(string(e.Debit))
		r.Text(string(e.Credit))
		r.Int(e.Amount.Minor)
		r.Text(string(e.Amount.Currency))
		r.Text(string(e.Reason))
		r.Int(e.Source)
	})
}

// OfInvoice are the entries that an invoice caused, in order.
func OfInvoice(tx *db.Tx, account id.Account, invoice id.Invoice) ([]Entry, error) {
	var list []Entry
	err := tx.Each(func(row db.Scan) error {
		e := Entry{Account: account, Invoice: invoice}
		err := row(&e.ID, db.ScanTime(&e.At), &e.Debit, &e.Credit, &e.Amount.Minor, &e.Amount.Currency, &e.Reason, &e.Source)
		list = append(list, e)
		return err
	}, "select id, at, debit, credit, amount, currency, reason, source_id from ledger_entry where account_id = $1 and invoice_id = $2 order by id", account, invoice)
	return list, err
}

// Balance is what stands on one book in one currency, debits less credits, in minor
// units.
type Balance struct {
	Book     Book
	Currency money.Currency
	Minor    int64
}

// Balances are the balances of all books of the account.
func Balances(tx *db.Tx, account id.Account) ([]Balance, error) {
	var list []Balance
	err := tx.Each(func(row db.Scan) error {
		var b Balance
		err := row(&b.Book, &b.Currency, &b.Minor)
		list = append(list, b)
		return err
	}, `select book, currency, cast(sum(minor) as bigint) from (
			select debit as book, currency, amount as minor from ledger_entry where account_id = $1
			union all select credit, currency, -amount from ledger_entry where account_id = $1
		) as side group by book, currency order by book, currency`, account)
	return list, err
}

// Months is how many months Earned sums.
const Months = 12

// Earned is what was sold less what was voided and given back, without tax, in
// minor units of one currency: the sum from each of the Months starts up to the
// next, and from the last one on.
func Earned(tx *db.Tx, account id.Account, c money.Currency, starts []time.Time) ([]int64, error) {
	args := []any{account, c}
	for _, s := range starts {
		args = append(args, clock.Micros(s))
	}
	sums := make([]int64, Months)
	err := tx.Each(func(row db.Scan) error {
		var month int
		var sum int64
		err := row(&month, &sum)
		if err == nil {
			sums[month] = sum
		}
		return err
	}, `select month, cast(sum(minor) as bigint) from (
			select case when at < $4 then 0 when at < $5 then 1 when at < $6 then 2 when at < $7 then 3 when at < $8 then 4 when at < $9 then 5
				when at < $10 then 6 when at < $11 then 7 when at < $12 then 8 when at < $13 then 9 when at < $14 then 10 else 11 end as month,
				case when credit = 'revenue' then amount else -amount end as minor
			from ledger_entry where account_id = $1 and currency = $2 and at >= $3 and (credit = 'revenue' or debit in ('revenue', 'refunds'))
		) as part group by month`, args...)
	return sums, err
}

// Flow is what came in and went out in a month, in minor units of one currency.
type Flow struct {
	In       int64 // payments
	Refunded int64
	Disputed int64 // held or taken back by the customers' banks, less what came back
}

// CashFlow is what reached the gateways and what left them for customers: in each of the
// Months starts up to the next, and from the last one on.
func CashFlow(tx *db.Tx, account id.Account, c money.Currency, starts []time.Time) ([]Flow, error) {
	args := []any{account, c}
	for _, s := range starts {
		args = append(args, clock.Micros(s))
	}
	flows := make([]Flow, Months)
	err := tx.Each(func(row db.Scan) error {
		var month int
		var f Flow
		err := row(&month, &f.In, &f.Refunded, &f.Disputed)
		if err == nil {
			flows[month] = f
		}
		return err
	}, `select month, cast(sum(paid) as bigint), cast(sum(refunded) as bigint), cast(sum(disputed) as bigint) from (
			select case when at < $4 then 0 when at < $5 then 1 when at < $6 then 2 when at < $7 then 3 when at < $8 then 4 when at < $9 then 5
				when at < $10 then 6 when at < $11 then 7 when at < $12 then 8 when at < $13 then 9 when at < $14 then 10 else 11 end as month,
				case when debit = 'cash' and credit <> 'disputed' then amount else 0 end as paid,
				case when credit = 'cash' and debit <> 'disputed' then amount else 0 end as refunded,
				case when credit = 'cash' and debit = 'disputed' then amount when debit = 'cash' and credit = 'disputed' then -amount else 0 end as disputed
			from ledger_entry where account_id = $1 and currency = $2 and at >= $3 and (credit = 'cash' or debit = 'cash')
		) as part group by month`, args...)
	return flows, err
}
