package catalog

import (
	"time"

	"perennial/internal/clock"
	"perennial/internal/db"
	"perennial/internal/id"
	"perennial/internal/money"
)

// Rate is what one unit of the account's own currency is worth in another, from an
// instant on.
type Rate struct {
	Account  id.Account
	Currency money.Currency
	Rate     money.Decimal // above zero
	From     time.Time
}

// ChargeIn is the charge of the price for what is sold in a currency, and the currency that
// it counts in: another one when what it comes to is converted. It is nil when each piece
// costs the same.
func (p Price) ChargeIn(c money.Currency) (*Charge, money.Currency) {
	if f, named := p.Terms.Currencies[c]; named {
		return f.Charge, c
	}
	return p.Terms.Charge, p.Amount.Currency
}

// Convert is an amount in another currency at a rate, rounded half up once; an amount of
// that currency stays as it is.
func Convert(a money.Amount, to money.Currency, rate money.Decimal) (money.Amount, error) {
	if rate.IsZero() || a.Currency == to {
		return a, nil
	}
	return money.UnitPrice{Major: money.UnitPriceOf(a).Major, Currency: to}.TimesDecimal(rate, money.HalfUp)
}

// SetRate writes a rate; a second one of the same instant replaces the first.
func SetRate(tx *db.Tx, r Rate) error {
	_, err := tx.Exec(`insert into exchange_rate (account_id, currency, from_at, rate) values ($1, $2, $3, $4)
		on conflict (account_id, currency, from_at) do update set rate = excluded.rate`, r.Account, string(r.Currency), clock.Micros(r.From), r.Rate.String())
	return err
}

// RatesAt are the rates in force at an instant, by currency.
func RatesAt(tx *db.Tx, account id.Account, at time.Time) (map[money.Currency]money.Decimal, error) {
	list, err := Rates(tx, account)
	found := map[money.Currency]money.Decimal{}
	for _, r := range list { // oldest first: the last one that holds stays
		if !r.From.After(at) {
			found[r.Currency] = r.Rate
		}
	}
	return found, err
}

// Rates are all rates of the account, by currency, oldest first.
func Rates(tx *db.Tx, account id.Account) ([]Rate, error) {
	var list []Rate
	err := tx.Each(func(row db.Scan) error {
		r := Rate{Account: account}
		var text string
		err := row(&r.Currency, db.ScanTime(&r.From), &text)
		if err != nil {
			return err
		}
		r.Rate, err = money.ParseDecimal(text)
		list = append(list, r)
		return err
	}, "select currency, from_at, rate from exchange_rate where account_id = $1 order by currency, from_at", account)
	return list, err
}
