package affiliate

import (
	"encoding/json"
	"time"

	"perennial/internal/clock"
	"perennial/internal/db"
	"perennial/internal/id"
	"perennial/internal/money"
)

// InsertReferral writes a referral.
func InsertReferral(tx *db.Tx, r Referral) error {
	promise, err := json.Marshal(r.Promise)
	if err != nil {
		return err
	}
	_, err = tx.Exec(`insert into referral (account_id, id, order_id, subscription_id, customer_id, campaign_id, product_id, affiliate_id, recruiter_id,
		tracking_id, evidence, denied, promise, at) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)`,
		r.Account, r.ID, r.Order, db.Null(r.Subscription), r.Customer, r.Campaign, r.Product, r.Affiliate, r.Recruiter,
		r.TrackingID, r.Evidence, r.Denied, string(promise), clock.Micros(r.At))
	return err
}

// SaveReferral writes what may change of a referral: whose it is and whether it is denied.
func SaveReferral(tx *db.Tx, r Referral) error {
	promise, err := json.Marshal(r.Promise)
	if err != nil {
		return err
	}
	return saved(tx.Exec("update referral set affiliate_id = $3, recruiter_id = $4, evidence = $5, denied = $6, promise = $7, tracking_id = $8 where account_id = $1 and id = $2",
		r.Account, r.ID, r.Affiliate, r.Recruiter, r.Evidence, r.Denied, string(promise), r.TrackingID))
}

func referrals(tx *db.Tx, account id.Account, where string, args ...any) ([]Referral, error) {
	var list []Referral
	err := tx.Each(func(row db.Scan) error {
		r := Referral{Account: account}
		var promise string
		err := row(&r.ID, &r.Order, db.ScanNull(&r.Subscription), &r.Customer, &r.Campaign, &r.Product, &r.Affiliate, &r.Recruiter,
			&r.TrackingID, &r.Evidence, &r.Denied, &promise, db.ScanTime(&r.At))
		if err == nil {
			err = json.Unmarshal([]byte(promise), &r.Promise)
		}
		list = append(list, r)
		return err
	}, `select id, order_id, subscription_id, customer_id, campaign_id, product_id, affiliate_id, recruiter_id, tracking_id, evidence, denied, promise, at
		from referral where account_id = $1 `+where, append([]any{account}, args...)...)
	return list, err
}

// LoadReferral is one referral, or NotFound.
func LoadReferral(tx *db.Tx, account id.Account, r id.Referral) (Referral, error) {
	list, err := referrals(tx, account, "and id = $2"+tx.Lock(), r)
	return first(list, err, "referral")
}

// ReferralOfOrder is the referral of an order; NotFound when nobody brought it.
func ReferralOfOrder(tx *db.Tx, account id.Account, order id.Order) (Referral, error) {
	list, err := referrals(tx, account, "and order_id = $2", order)
	return first(list, err, "referral")
}

// ReferralsOfOrders are the referrals of those of the orders that somebody brought.
func ReferralsOfOrders(tx *db.Tx, account id.Account, orders []int64) (map[id.Order]Referral, error) {
	list, err := referrals(tx, account, "and "+tx.AnyOf("order_id", 2), tx.List(orders))
	found := make(map[id.Order]Referral, len(list))
	for _, r := range list {
		found[r.Order] = r
	}
	return found, err
}

// ReferralsOfSubscriptions are the referrals of those of the subscriptions that somebody brought.
func ReferralsOfSubscriptions(tx *db.Tx, account id.Account, subs []int64) (map[id.Subscription]Referral, error) {
	list, err := referrals(tx, account, "and subscription_id is not null and "+tx.AnyOf("subscription_id", 2), tx.List(subs))
	found := make(map[id.Subscription]Referral, len(list))
	for _, r := range list {
		found[r.Subscription] = r
	}
	return found, err
}

// FirstReferrals are the oldest referrals of customers that were not denied, of those whom
// somebody brought.
func FirstReferrals(tx *db.Tx, account id.Account, customers []int64) (map[id.Customer]Referral, error) {
	list, err := referrals(tx, account, "and "+tx.AnyOf("customer_id", 2)+" and denied = '' order by customer_id, id", tx.List(customers))
	found := make(map[id.Customer]Referral, len(list))
	for _, r := range list {
		if _, known := found[r.Customer]; !known {
			found[r.Customer] = r
		}
	}
	return found, err
}

// LatestReferral is a customer's newest referral that was not denied; NotFound when
// nobody brought them.
func LatestReferral(tx *db.Tx, account id.Account, customer id.Customer) (Referral, error) {
	list, err := referrals(tx, account, "and customer_id = $2 and denied = '' order by id desc limit 1", customer)
	return first(list, err, "referral")
}

// Referrals are the account's referrals older than before, newest first.
func Referrals(tx *db.Tx, account id.Account, before id.Referral, limit int) ([]Referral, error) {
	return referrals(tx, account, "and id < $2 order by id desc limit $3", oldest(int64(before)), limit)
}

// ReferralsOf are an affiliate's referrals older than before, newest first.
func ReferralsOf(tx *db.Tx, account id.Account, a id.Affiliate, before id.Referral, limit int) ([]Referral, error) {
	return referrals(tx, account, "and affiliate_id = $2 and id < $3 order by id desc limit $4", a, oldest(int64(before)), limit)
}

var commissionTable = db.NewTable("commission", db.Int("account_id"), db.Int("id"), db.Int("affiliate_id"), db.Int("referral_id"), db.Int("invoice_id"), db.Int("source_id"),
	db.Int("tier"), db.Text("cause"), db.Int("amount"), db.Int("base"), db.Text("currency"), db.Int("due_at"), db.Int("payout_id"), db.Text("note"), db.Int("at"))

// InsertCommissions writes commissions. One with a (source, tier, cause) that is there is
// left out: reckoning again changes nothing. It reports which were written.
func InsertCommissions(tx *db.Tx, account id.Account, list []Commission) ([]Commission, error) {
	if len(list) == 0 {
		return nil, nil
	}
	sources := make([]int64, len(list))
	for i, c := range list {
		sources[i] = c.Source
	}
	there, err := commissions(tx, account, "and "+tx.AnyOf("source_id", 2), tx.List(sources))
	if err != nil {
		return nil, err
	}
	type key struct {
		source int64
		tier   Tier
		cause  Cause
	}
	known := map[key]bool{}
	for _, c := range there {
		known[key{c.Source, c.Tier, c.Cause}] = true
	}
	fresh := make([]Commission, 0, len(list))
	for _, c := range list {
		if !known[key{c.Source, c.Tier, c.Cause}] {
			fresh = append(fresh, c)
		}
	}
	return fresh, tx.Insert(commissionTable, len(fresh), func(i int, r *db.Row) {
		c := fresh[i]
		r.Int(int64(account))
		r.Int(int64(c.ID))
		r.Int(int64(c.Affiliate))
		r.Int(int64(c.Referral))
		r.Int(int64(c.Invoice))
		r.Int(c.Source)
		r.Int(int64(c.Tier))
		r.Text(string(c.Cause))
		r.Int(c.Amount.Minor)
		r.Int(c.Base.Minor)
		r.Text(string(c.Amount.Currency))
		r.Time(c.DueAt)
		r.Int(int64(c.Payout))
		r.Text(c.Note)
		r.Time(c.At)
	})
}

func commissions(tx *db.Tx, account id.Account, where string, args ...any) ([]Commission, error) {
	var list []Commission
	err := tx.Each(func(row db.Scan) error {
		c := Commission{Account: account}
		err := row(&c.ID, &c.Affiliate, &c.Referral, &c.Invoice, &c.Source, &c.Tier, &c.Cause, &c.Amount.Minor, &c.Base.Minor, &c.Amount.Currency,
			db.ScanTime(&c.DueAt), &c.Payout, &c.Note, db.ScanTime(&c.At))
		c.Base.Currency = c.Amount.Currency
		list = append(list, c)
		return err
	}, `select id, affiliate_id, referral_id, invoice_id, source_id, tier, cause, amount, base, currency, due_at, payout_id, note, at
		from commission where account_id = $1 `+where, append([]any{account}, args...)...)
	return list, err
}

// OfInvoices are the commissions of invoices, oldest first.
func OfInvoices(tx *db.Tx, account id.Account, invoices []int64) (map[id.Invoice][]Commission, error) {
	list, err := commissions(tx, account, "and "+tx.AnyOf("invoice_id", 2)+" order by id", tx.List(invoices))
	found := make(map[id.Invoice][]Commission, len(invoices))
	for _, c := range list {
		found[c.Invoice] = append(found[c.Invoice], c)
	}
	return found, err
}

// OfAffiliate are an affiliate's commissions older than before, newest first: their statement.
func OfAffiliate(tx *db.Tx, account id.Account, a id.Affiliate, before id.Commission, limit int) ([]Commission, error) {
	return commissions(tx, account, "and affiliate_id = $2 and id < $3 order by id desc limit $4", a, oldest(int64(before)), limit)
}

// Commissions are the account's commissions older than before, newest first.
func Commissions(tx *db.Tx, account id.Account, before id.Commission, limit int) ([]Commission, error) {
	return commissions(tx, account, "and id < $2 order by id desc limit $3", oldest(int64(before)), limit)
}

// OfPayout are the commissions that a payout pays, oldest first.
func OfPayout(tx *db.Tx, account id.Account, p id.Payout) ([]Commission, error) {
	return commissions(tx, account, "and payout_id = $2 and payout_id <> 0 order by id", p)
}

// Owed are up to limit commissions in a currency that are due at an instant and in no
// payout, in the order in which they fell due, after one of them (by its due instant and id).
func Owed(tx *db.Tx, account id.Account, currency money.Currency, due time.Time, after Commission, limit int) ([]Commission, error) {
	return commissions(tx, account, "and currency = $2 and payout_id = 0 and due_at <= $3 and (due_at > $4 or due_at = $4 and id > $5) order by due_at, id limit $6",
		currency, clock.Micros(due), clock.Micros(after.DueAt), after.ID, limit)
}

// PutInPayout makes a payout that of commissions which are in none; a VersionConflict when
// one is in another by now. With p 0 it takes them out again.
func PutInPayout(tx *db.Tx, account id.Account, p id.Payout, from id.Payout, list []Commission) error {
	ids := make([]int64, len(list))
	for i, c := range list {
		ids[i] = int64(c.ID)
	}
	n, err := tx.Exec("update commission set payout_id = $2 where account_id = $1 and payout_id = $3 and "+tx.AnyOf("id", 4), account, p, from, tx.List(ids))
	if err == nil && n != int64(len(list)) {
		return db.VersionConflict()
	}
	return err
}

// Balance is what an affiliate earned in one currency.
type Balance struct {
	Affiliate id.Affiliate
	Currency  money.Currency
	Earned    int64 // sum of all commissions, minor units
	Held      int64 // of it not due yet
	Due       int64 // of it due and in no payout
	PaidOut   int64 // of it in a payout
	Sales     int64 // first payments
	Payments  int64
	Refunds   int64
}

// Balances are what affiliates earned, by affiliate and currency: of one, or of all for 0.
func Balances(tx *db.Tx, account id.Account, a id.Affiliate, now time.Time) ([]Balance, error) {
	var list []Balance
	where := "account_id = $1"
	args := []any{account, clock.Micros(now)}
	if a != 0 {
		where += " and affiliate_id = $3"
		args = append(args, a)
	}
	err := tx.Each(func(row db.Scan) error {
		var b Balance
		err := row(&b.Affiliate, &b.Currency, &b.Earned, &b.Held, &b.Due, &b.PaidOut, &b.Sales, &b.Payments, &b.Refunds)
		list = append(list, b)
		return err
	}, `select affiliate_id, currency, cast(sum(amount) as bigint), cast(sum(case when payout_id = 0 and due_at > $2 then amount else 0 end) as bigint),
		cast(sum(case when payout_id = 0 and due_at <= $2 then amount else 0 end) as bigint), cast(sum(case when payout_id <> 0 then amount else 0 end) as bigint),
		sum(case when cause = 'sale' then 1 else 0 end), sum(case when cause in ('sale', 'rebill') then 1 else 0 end), sum(case when cause = 'refund' then 1 else 0 end)
		from commission where `+where+" group by affiliate_id, currency order by affiliate_id, currency", args...)
	return list, err
}

// Totals is what affiliates of the account earned, and what they were paid, in minor units.
func Totals(tx *db.Tx, account id.Account) (earned, paid map[money.Currency]int64, err error) {
	earned, paid = map[money.Currency]int64{}, map[money.Currency]int64{}
	for _, q := range []struct {
		into map[money.Currency]int64
		text string
	}{
		{earned, "select currency, cast(sum(amount) as bigint) from commission where account_id = $1 group by currency"},
		{paid, "select currency, cast(sum(amount) as bigint) from payout where account_id = $1 and state = 'paid' group by currency"},
	} {
		err := tx.Each(func(row db.Scan) error {
			var c money.Currency
			var minor int64
			err := row(&c, &minor)
			q.into[c] = minor
			return err
		}, q.text, account)
		if err != nil {
			return nil, nil, err
		}
	}
	return earned, paid, nil
}
