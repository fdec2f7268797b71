package report

import (
	"context"
	"fmt"
	"time"

	"perennial/internal/account"
	"perennial/internal/affiliate"
	"perennial/internal/coupon"
	"perennial/internal/credit"
	"perennial/internal/db"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/invoice"
	"perennial/internal/ledger"
	"perennial/internal/money"
	"perennial/internal/payment"
)

// Books is what a proof of an account's books found.
type Books struct {
	Account     account.Account
	Balances    []ledger.Balance
	Invoices    int64
	Payments    int64 // that went through
	Charges     int64 // that the gateways know of
	UnderWay    int64 // payments and refunds whose outcome is not known yet: neither right nor wrong
	Differences []string
	More        int // differences beyond those listed

	byHand map[string]bool // keys of payments and refunds that a person settled
}

// Balanced reports whether nothing was found wrong.
func (b Books) Balanced() bool { return len(b.Differences) == 0 }

// maxDifferences is how many differences are spelt out.
const maxDifferences = 50

func (b *Books) wrong(format string, args ...any) {
	if len(b.Differences) == maxDifferences {
		b.More++
		return
	}
	b.Differences = append(b.Differences, fmt.Sprintf(format, args...))
}

// Books proves that an account's ledger, invoices, payments and the gateways' own
// records agree. It may run beside a server at work: the gateways are read first,
// so whatever they know has a row of ours in the snapshot that is read next, and a
// payment that went through in between is looked up by its key.
func (r *Reader) Books(ctx context.Context, acc id.Account, gateways map[string]payment.Gateway) (Books, error) {
	var b Books
	charged := map[string]money.Amount{} // by the key under which a gateway knows it
	silent := map[string]error{}         // why a gateway's records could not be read
	for name, g := range gateways {
		err := g.Each(ctx, acc, time.Time{}, func(rec payment.Record) error {
			if rec.Key != "" { // else it was asked for elsewhere, with the same account there
				charged[rec.Key] = rec.Amount
			}
			return nil
		})
		if ctx.Err() != nil {
			return b, ctx.Err()
		}
		if err != nil {
			silent[name] = err
		}
	}
	moved := map[string]int64{} // what our rows say went through
	pending := map[string]bool{}
	err := r.db.View(ctx, func(tx *db.Tx) error {
		b = Books{Charges: int64(len(charged)), byHand: map[string]bool{}}
		clear(moved)
		clear(pending)
		err := tx.ReadsWhole()
		if err != nil {
			return err
		}
		if b.Account, err = account.Load(tx, acc); err != nil {
			return err
		}
		for _, check := range []func(*db.Tx, id.Account) error{b.rows, b.ledger, b.numbers} {
			if err := check(tx, acc); err != nil {
				return err
			}
		}
		return b.keys(tx, acc, moved, pending)
	})
	if err != nil {
		return b, err
	}
	for key, amount := range charged {
		ours, known := moved[key]
		switch {
		case known && ours != amount.Minor:
			b.wrong("a gateway moved %d %s for %s, our books say %d", amount.Minor, amount.Currency, key, ours)
		case !known && !pending[key]:
			b.wrong("a gateway moved %d %s for %s, which our books do not count", amount.Minor, amount.Currency, key)
		}
		delete(moved, key)
	}
	for name, err := range silent {
		b.wrong("the records of the gateway %s could not be read, so that nothing is proven about it: %s", name, fault.As(err).Message)
	}
	for key, minor := range moved {
		if b.byHand[key] || len(silent) > 0 {
			continue // a person said so and a gateway need not know; or one may know that does not answer
		}
		found, err := foundAt(ctx, gateways, acc, key)
		if err != nil {
			return b, err
		}
		if !found {
			b.wrong("our books say that %d went through for %s, of which no gateway knows", minor, key)
		}
	}
	return b, nil
}

// foundAt reports whether any gateway moved money under a key.
func foundAt(ctx context.Context, gateways map[string]payment.Gateway, acc id.Account, key string) (bool, error) {
	for _, g := range gateways {
		result, err := g.Find(ctx, payment.Inquiry{Account: acc, Key: key})
		if err != nil || result.Outcome == payment.Succeeded {
			return err == nil, err
		}
	}
	return false, nil
}

// rowChecks find rows that contradict each other. Each query answers the ids of
// the wrong ones.
var rowChecks = []struct{ what, query string }{
	{"invoice %s: its lines do not sum to its net and tax", `select i.id from invoice i left join (
			select l.invoice_id, sum(l.amount) as net, sum(l.tax) as tax from invoice_line l where l.account_id = $1 group by l.invoice_id
		) s on s.invoice_id = i.id where i.account_id = $1 and (s.net is null or s.net <> i.net or s.tax <> i.tax) order by i.id limit 51`},
	{"invoice %s: it is paid, but not by exactly one payment of what was due", `select i.id from invoice i where i.account_id = $1 and i.state = 'paid' and
		(select count(*) from payment p where p.account_id = $1 and p.invoice_id = i.id and p.state in ('pending', 'succeeded') and p.state = 'succeeded'
			and p.amount = i.total - i.credit_used - i.reduced) <> case when i.total = i.credit_used + i.reduced then 0 else 1 end order by i.id limit 51`},
	{"invoice %s: what its credit notes took back does not sum to what it was credited", `select i.id from invoice i left join (
			select c.invoice_id, sum(c.total) as total, sum(c.to_owed) as owed from credit_note c where c.account_id = $1 group by c.invoice_id
		) s on s.invoice_id = i.id where i.account_id = $1 and (i.credited <> coalesce(s.total, 0) or i.reduced <> coalesce(s.owed, 0) or i.credited > i.total
			or i.credit_used < 0 or i.credit_used + i.reduced > i.total) order by i.id limit 51`},
	{"invoice %s: a credit note's lines do not sum to it", `select c.invoice_id from credit_note c left join (
			select l.credit_note_id, sum(l.amount) as net, sum(l.tax) as tax from credit_note_line l where l.account_id = $1 group by l.credit_note_id
		) s on s.credit_note_id = c.id where c.account_id = $1 and (s.net is null or s.net <> c.net or s.tax <> c.tax) order by c.invoice_id limit 51`},
	{"invoice %s: credit notes take more of a line than it has", `select l.invoice_id from invoice_line l join (
			select n.invoice_id, n.line, sum(n.amount) as net, sum(n.tax) as tax from credit_note_line n where n.account_id = $1 group by n.invoice_id, n.line
		) s on s.invoice_id = l.invoice_id and s.line = l.position where l.account_id = $1 and (s.net > l.amount or s.tax > l.tax) order by l.invoice_id limit 51`},
	{"invoice %s: it is not paid, though a payment went through", `select p.invoice_id from payment p join invoice i on i.account_id = p.account_id and i.id = p.invoice_id
		where p.account_id = $1 and p.state = 'succeeded' and i.state <> 'paid' order by p.invoice_id limit 51`},
	{"invoice %s: a payment belongs to it, but it does not exist", `select p.invoice_id from payment p left join invoice i on i.account_id = $1 and i.id = p.invoice_id
		where p.account_id = $1 and i.id is null order by p.invoice_id limit 51`},
	{"invoice %s: ledger entries belong to it, but it does not exist", `select distinct e.invoice_id from ledger_entry e left join invoice i on i.account_id = $1 and i.id = e.invoice_id
		where e.account_id = $1 and e.invoice_id <> 0 and i.id is null order by e.invoice_id limit 51`},
	{"invoice %s: a line belongs to it, but it does not exist", `select distinct l.invoice_id from invoice_line l left join invoice i on i.account_id = $1 and i.id = l.invoice_id
		where l.account_id = $1 and i.id is null order by l.invoice_id limit 51`},
	{"invoice %s: its customer does not exist", `select i.id from invoice i left join customer c on c.account_id = $1 and c.id = i.customer_id
		where i.account_id = $1 and c.id is null order by i.id limit 51`},
	{"invoice %s: what was refunded does not sum to its refunds", `select i.id from invoice i left join (
			select f.invoice_id, sum(f.amount) as given from refund f where f.account_id = $1 and f.state = 'succeeded' group by f.invoice_id
		) s on s.invoice_id = i.id where i.account_id = $1 and i.refunded <> coalesce(s.given, 0) order by i.id limit 51`},
	{"invoice %s: its commissions are more than what was kept of it", `select c.invoice_id from commission c join invoice i on i.account_id = c.account_id and i.id = c.invoice_id
		where c.account_id = $1 and c.cause <> 'adjust' group by c.invoice_id, i.total, i.credit_used, i.reduced, i.refunded
		having sum(c.amount) > i.total - i.credit_used - i.reduced - i.refunded or sum(c.amount) < 0 order by c.invoice_id limit 51`},
	{"invoice %s: the ledger does not show what it owes and got", `select i.id from invoice i left join (
			select e.invoice_id,
				sum(case when e.debit = 'receivable' then e.amount when e.credit = 'receivable' then -e.amount else 0 end) as owed,
				sum(case when e.credit = 'revenue' then e.amount when e.debit = 'revenue' then -e.amount else 0 end) as sold,
				sum(case when e.debit = 'cash' then e.amount when e.credit = 'cash' then -e.amount else 0 end) as held
			from ledger_entry e where e.account_id = $1 and e.reason <> 'dispute' group by e.invoice_id
		) s on s.invoice_id = i.id where i.account_id = $1 and (
			coalesce(s.owed, 0) <> case when i.state = 'open' then i.total - i.credit_used - i.reduced else 0 end or
			coalesce(s.sold, 0) <> case when i.state in ('open', 'paid', 'uncollectible') then i.net else 0 end or
			coalesce(s.held, 0) <> case when i.state = 'paid' then i.total - i.credit_used - i.reduced - i.refunded else 0 end) order by i.id limit 51`},
}

// rows finds rows that contradict each other.
func (b *Books) rows(tx *db.Tx, acc id.Account) error {
	for _, check := range rowChecks {
		err := tx.Each(func(row db.Scan) error {
			var inv id.Invoice
			err := row(&inv)
			b.wrong(check.what, inv)
			return err
		}, check.query, acc)
		if err != nil {
			return err
		}
	}
	return tx.Each(func(row db.Scan) error {
		var p id.Payment
		var promised, given int64
		err := row(&p, &promised, &given)
		b.wrong("payment %s: it promises %d of refunds, its refunds are %d", p, promised, given)
		return err
	}, `select p.id, p.refunded, coalesce(s.given, 0) from payment p left join (
			select f.payment_id, cast(sum(f.amount) as bigint) as given from refund f where f.account_id = $1 and f.state in ('pending', 'succeeded') group by f.payment_id
		) s on s.payment_id = p.id where p.account_id = $1 and p.refunded <> coalesce(s.given, 0) order by p.id limit 51`, acc)
}

// ledger compares the balances with the documents.
func (b *Books) ledger(tx *db.Tx, acc id.Account) error {
	var err error
	if b.Balances, err = ledger.Balances(tx, acc); err != nil {
		return err
	}
	sums, err := invoice.Sum(tx, acc)
	if err != nil {
		return err
	}
	paid, refunded, err := payment.Totals(tx, acc)
	if err != nil {
		return err
	}
	want := map[ledger.Book]map[money.Currency]int64{ledger.Receivable: {}, ledger.Revenue: {}, ledger.Cash: {}, ledger.Credit: {}, ledger.WrittenOff: {}, ledger.Disputed: {}, ledger.Lost: {},
		ledger.Commissions: {}, ledger.Affiliates: {}, ledger.Payouts: {}}
	for _, t := range sums {
		b.Invoices += t.Count
		switch t.State {
		case invoice.Open:
			want[ledger.Receivable][t.Currency] += t.Due
		case invoice.Uncollectible:
			want[ledger.WrittenOff][t.Currency] += t.Due
		case invoice.Draft: // holds credit that is not used up yet
			want[ledger.Credit][t.Currency] -= t.CreditUsed
		}
		if t.State == invoice.Open || t.State == invoice.Paid || t.State == invoice.Uncollectible {
			want[ledger.Revenue][t.Currency] -= t.Net
		}
	}
	held, err := credit.Sum(tx, acc)
	if err != nil {
		return err
	}
	for c, minor := range held {
		want[ledger.Credit][c] -= minor
	}
	if err := b.counts(tx, acc); err != nil {
		return err
	}
	for c, minor := range paid {
		want[ledger.Cash][c] += minor
	}
	for c, minor := range refunded {
		want[ledger.Cash][c] -= minor
	}
	away, err := payment.DisputeTotals(tx, acc)
	if err != nil {
		return err
	}
	for _, book := range []ledger.Book{ledger.Disputed, ledger.Lost} {
		for c, minor := range away[string(book)] {
			want[book][c] += minor
			want[ledger.Cash][c] -= minor
		}
	}
	earned, paidOut, err := affiliate.Totals(tx, acc)
	if err != nil {
		return err
	}
	for c, minor := range earned {
		want[ledger.Commissions][c] += minor
		want[ledger.Affiliates][c] -= minor
	}
	for c, minor := range paidOut {
		want[ledger.Affiliates][c] += minor
		want[ledger.Payouts][c] -= minor
	}
	zero := map[money.Currency]int64{}
	for _, have := range b.Balances {
		zero[have.Currency] += have.Minor
		if expected, compared := want[have.Book]; compared {
			if have.Minor != expected[have.Currency] {
				b.wrong("book %s stands at %d %s, the documents say %d", have.Book, have.Minor, have.Currency, expected[have.Currency])
			}
			delete(expected, have.Currency)
		}
	}
	for book, left := range want {
		for c, minor := range left {
			if minor != 0 {
				b.wrong("book %s has nothing in %s, the documents say %d", book, c, minor)
			}
		}
	}
	for c, minor := range zero {
		if minor != 0 {
			b.wrong("the ledger does not sum to zero: %d %s", minor, c)
		}
	}
	return nil
}

// counts finds balances and counts that their own histories contradict.
func (b *Books) counts(tx *db.Tx, acc id.Account) error {
	customers, err := credit.Drifted(tx, acc, maxDifferences)
	if err != nil {
		return err
	}
	for _, c := range customers {
		b.wrong("customer %s: the credit balance is not the sum of its entries", c)
	}
	coupons, err := coupon.Drifted(tx, acc, maxDifferences)
	for _, c := range coupons {
		b.wrong("coupon %s: its counts are not those of its redemptions", c)
	}
	return err
}

// numbers finds gaps in the numbers of invoices and credit notes.
func (b *Books) numbers(tx *db.Tx, acc id.Account) error {
	return tx.Each(func(row db.Scan) error {
		var series string
		var next, count, last int64
		err := row(&series, &next, &count, &last)
		if count != next-1 || last != next-1 {
			b.wrong("series %s: %d numbers were given, %d documents have one, the last is %d", series, next-1, count, last)
		}
		return err
	}, `select s.series, s.next, (select count(*) from invoice i where i.account_id = $1 and i.series = s.series and i.number is not null)
			+ (select count(*) from credit_note c where c.account_id = $1 and c.series = s.series),
		coalesce((select max(i.number) from invoice i where i.account_id = $1 and i.series = s.series and i.number is not null), 0)
			+ coalesce((select max(c.number) from credit_note c where c.account_id = $1 and c.series = s.series), 0)
		from invoice_series s where s.account_id = $1`, acc)
}

// keys gathers, by the keys that gateways know, what our rows say went through, and
// what is under way.
func (b *Books) keys(tx *db.Tx, acc id.Account, moved map[string]int64, pending map[string]bool) error {
	note := func(key, state string, minor int64) {
		switch payment.State(state) {
		case payment.Paid:
			moved[key] = minor
		case payment.Pending:
			pending[key] = true
			b.UnderWay++
		}
	}
	err := tx.Each(func(row db.Scan) error {
		var p id.Payment
		var state, trouble string
		var minor int64
		err := row(&p, &state, &trouble, &minor)
		note(payment.Payment{ID: p}.Key(), state, minor)
		if trouble == payment.ByHand {
			b.byHand[payment.Payment{ID: p}.Key()] = true
		}
		return err
	}, "select id, state, trouble, amount from payment where account_id = $1 and state in ('pending', 'succeeded')", acc)
	if err != nil {
		return err
	}
	b.Payments = int64(len(moved))
	return tx.Each(func(row db.Scan) error {
		var f id.Refund
		var p id.Payment
		var state string
		var recorded bool
		var minor int64
		err := row(&f, &p, &state, &recorded, &minor)
		note(payment.Refund{ID: f}.Key(), state, minor)
		if recorded || b.byHand[payment.Payment{ID: p}.Key()] {
			b.byHand[payment.Refund{ID: f}.Key()] = true
		}
		return err
	}, "select id, payment_id, state, recorded, amount from refund where account_id = $1 and state in ('pending', 'succeeded')", acc)
}
