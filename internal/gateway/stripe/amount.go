package stripe

import (
	"strings"

	"perennial/internal/fault"
	"perennial/internal/money"
)

// Stripe counts most currencies in the minor units of ISO 4217, as we do. The króna
// and the Ugandan shilling have none there, but Stripe counts them in hundredths, of
// which only whole units can be charged; the ariary has two decimals there and none
// at Stripe. Of currencies with three decimals Stripe takes only whole hundredths,
// though it counts in thousandths.
var (
	hundredfold = map[money.Currency]bool{"ISK": true, "UGX": true}
	hundredth   = map[money.Currency]bool{"MGA": true}
)

// toStripe is an amount in Stripe's units and Stripe's spelling of its currency. An
// amount that Stripe cannot charge is fault.Invalid.
func toStripe(a money.Amount) (units int64, currency string, err error) {
	units, currency = a.Minor, strings.ToLower(string(a.Currency))
	switch {
	case hundredfold[a.Currency]:
		return units * 100, currency, nil
	case hundredth[a.Currency]:
		if units%100 != 0 {
			return 0, "", fault.BadField("amount", "must be whole units of %s: Stripe knows no parts of it", a.Currency)
		}
		return units / 100, currency, nil
	case a.Currency.Digits() == 3 && units%10 != 0:
		return 0, "", fault.BadField("amount", "must end in 0: Stripe charges %s in hundredths", a.Currency)
	}
	return units, currency, nil
}

// fromStripe is an amount that Stripe tells, in our minor units. A currency outside
// our table is the zero amount: it is none that was asked for here.
func fromStripe(units int64, currency string) money.Amount {
	c, err := money.ParseCurrency(currency)
	switch {
	case err != nil:
		return money.Amount{}
	case hundredfold[c]:
		units /= 100
	case hundredth[c]:
		units *= 100
	}
	return money.Amount{Minor: units, Currency: c}
}
