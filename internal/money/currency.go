package money

import (
	"strings"

	"perennial/internal/fault"
)

// Currency is the upper-case ISO 4217 code of a currency in which people can be
// charged, for example "USD". The empty code means none.
type Currency string

// ParseCurrency reads an ISO 4217 code in upper or lower case. A code outside
// the table is refused with fault.Invalid: funds codes, metals, test codes and
// currencies with four decimals cannot be charged.
func ParseCurrency(s string) (Currency, error) {
	if len(s) == 3 {
		c := Currency(strings.ToUpper(s))
		if _, ok := currencyDigits[c]; ok {
			return c, nil
		}
	}
	return "", fault.New(fault.Invalid, "must be an ISO 4217 currency code such as USD").WithCode("currency_unknown")
}

// Known reports whether c is in the table, in upper case.
func (c Currency) Known() bool {
	_, ok := currencyDigits[c]
	return ok
}

// Digits is the number of decimals of the currency: 0, 2 or 3. It is 2 for a
// code outside the table.
func (c Currency) Digits() int {
	if d, ok := currencyDigits[c]; ok {
		return int(d)
	}
	return 2
}

// perMajor is the number of minor units in one major unit: 1, 100 or 1000.
func (c Currency) perMajor() int64 { return pow10[c.Digits()] }

// MarshalText is the code.
func (c Currency) MarshalText() ([]byte, error) { return []byte(c), nil }

// UnmarshalText reads a code in upper or lower case; empty text is none.
func (c *Currency) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*c = ""
		return nil
	}
	v, err := ParseCurrency(string(text))
	if err != nil {
		return err
	}
	*c = v
	return nil
}

// currencyDigits is ISO 4217 without funds codes, metals, test codes and units
// of account. ANG, BGN and HRK have been withdrawn; they stay because imported
// history is written in them.
var currencyDigits = digitTable(map[uint8]string{
	0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX VND VUV XAF XOF XPF",
	2: "AED AFN ALL AMD ANG AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BRL BSD BTN BWP BYN BZD CAD CDF CHF CNY COP " +
		"CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HRK HTG HUF IDR ILS INR " +
		"IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MYR MZN NAD " +
		"NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD SSP STN SVC " +
		"SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD UYU UZS VED VES WST XCD XCG YER ZAR ZMW ZWG",
	3: "BHD IQD JOD KWD LYD OMR TND",
})

func digitTable(byDigits map[uint8]string) map[Currency]uint8 {
	table := make(map[Currency]uint8, 200)
	for digits, codes := range byDigits {
		for code := range strings.FieldsSeq(codes) {
			table[Currency(code)] = digits
		}
	}
	return table
}
