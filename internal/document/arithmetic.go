package document

import (
	"fmt"
	"slices"
	"strconv"
	"unicode/utf8"

	"perennial/internal/invoice"
	"perennial/internal/money"
)

// inclusive reports whether the prices of an invoice hold their tax. Where some do and
// others do not, the paper shows all without.
func inclusive(lines []invoice.Line) bool {
	with := slices.ContainsFunc(lines, func(l invoice.Line) bool { return l.Details.Inclusive })
	return with && !slices.ContainsFunc(lines, func(l invoice.Line) bool { return !l.Details.Inclusive && !l.Tax.IsZero() })
}

// line is a line of an invoice as it stands on paper: the columns only where they
// multiply to the amount, all else in words below.
func (d drawing) line(l invoice.Line, inclusive bool) (Line, error) {
	line := Line{Description: fit(l.Description, maxLong), Period: d.span(l.Span.From, l.Span.To), TaxRate: l.Rate, Amount: l.Amount}
	var err error
	if inclusive {
		if line.Amount, err = l.Amount.Add(l.Tax); err != nil {
			return line, err
		}
	}
	comparable := inclusive || !l.Details.Inclusive // Discount and UnitAmount are of the same kind as Amount
	worth := line.Amount
	if comparable {
		line.Discount = l.Discount
		if worth, err = worth.Add(l.Discount); err != nil {
			return line, err
		}
	}
	if err := d.columns(&line, l); err != nil {
		return line, err
	}
	if l.Details.Share != nil {
		worth = d.in(l.Details.Share.Of)
	}
	if line.Details, err = d.details(l.Details, worth, line.UnitPrice == (money.UnitPrice{})); err != nil {
		return line, err
	}
	if utf8.RuneCountInString(line.Unit) > maxUnit {
		line.Details = append([]string{fit(d.words.number(line.Quantity)+suffix(line.Unit), maxLong)}, line.Details...)
		line.Unit = ""
	}
	if len(line.Details) > maxDetails {
		line.Details = line.Details[:maxDetails]
	}
	return line, nil
}

// columns fills quantity and unit price.
func (d drawing) columns(line *Line, l invoice.Line) error {
	var err error
	line.Unit = fit(l.Details.Unit, maxShort)
	if l.Details.Units == "" {
		if line.Quantity, err = money.NewDecimal(l.Quantity); err != nil {
			return err
		}
		line.UnitPrice = money.UnitPriceOf(l.UnitAmount)
	} else {
		if line.Quantity, err = money.ParseDecimal(l.Details.Units); err != nil {
			return err
		}
		if p := l.Details.Parts; len(p) == 1 && p[0].Flat == 0 && p[0].Currency == "" && p[0].Quantity == l.Details.Units {
			if line.UnitPrice, err = money.ParseUnitPrice(p[0].Unit, d.currency); err != nil {
				return err
			}
		}
	}
	if !line.holds() {
		line.UnitPrice = money.UnitPrice{}
	}
	return nil
}

// details is the arithmetic of a line in words. Worth is what its parts sum to before
// the share of a period and discounts.
func (d drawing) details(x invoice.Details, worth money.Amount, unpriced bool) ([]string, error) {
	var list []string
	if unpriced {
		parts, err := d.parts(x, worth)
		if err != nil {
			return nil, err
		}
		list = append(list, parts...)
	}
	if s := x.Share; s != nil {
		list = append(list, d.share(*s))
	}
	if x.Included != "" {
		n, err := money.ParseDecimal(x.Included)
		if err != nil {
			return nil, err
		}
		list = append(list, fmt.Sprintf(d.words.Included, d.words.number(n)+suffix(fit(x.Unit, maxShort))))
	}
	for _, c := range x.Coupons {
		list = append(list, fmt.Sprintf(d.words.Coupon, fit(c.Code, maxShort))+": "+d.amount(-c.Amount))
	}
	for i := range list {
		list[i] = fit(list[i], maxLong)
	}
	return list, nil
}

// share is, for example, "12/31 days of €30.00".
func (d drawing) share(s invoice.Share) string {
	unit := s.Unit
	switch s.Unit {
	case "days":
		unit = d.words.Days
	case "minutes":
		unit = d.words.Minutes
	case "seconds":
		unit = d.words.Seconds
	}
	return fmt.Sprintf(d.words.Share, strconv.FormatInt(s.Left, 10), strconv.FormatInt(s.Whole, 10), unit, d.amount(s.Of))
}

// parts are tiers and blocks, one line each, and what a minimum or another currency
// makes of them.
func (d drawing) parts(x invoice.Details, worth money.Amount) ([]string, error) {
	var list []string
	var pieces money.Decimal
	sum := tally{currency: worth.Currency}
	currency := worth.Currency
	quantities := make([]money.Decimal, len(x.Parts))
	for i, p := range x.Parts {
		var err error
		if quantities[i], err = money.ParseDecimal(p.Quantity); err != nil {
			return nil, err
		}
		if pieces, err = pieces.Add(quantities[i]); err != nil {
			return nil, err
		}
		if p.Currency != "" {
			currency = p.Currency
		}
		sum.add(money.Amount{Minor: p.Amount, Currency: worth.Currency})
	}
	unit := ""
	if pieces.String() == x.Units { // else they are blocks, or a flat price
		unit = suffix(fit(x.Unit, maxShort))
	}
	for i, p := range x.Parts {
		text, err := d.part(p, quantities[i], unit, currency)
		if err != nil {
			return nil, err
		}
		list = append(list, text)
	}
	switch {
	case currency != worth.Currency:
		list = append(list, fmt.Sprintf(d.words.Converted, worth.Format(d.tag)))
	case len(list) == 1 && x.Parts[0].Quantity == "1" && x.Parts[0].Flat == 0 && sum.is(worth):
		return nil, nil // once the whole: the amount says it
	case len(list) > 0 && sum.minor < worth.Minor:
		list = append(list, fmt.Sprintf(d.words.Minimum, worth.Format(d.tag)))
	}
	return list, nil
}

// part is one step, for example "900 GB × €0.05 + €10.00 = €55.00".
func (d drawing) part(p invoice.Part, quantity money.Decimal, unit string, c money.Currency) (string, error) {
	price, err := money.ParseUnitPrice(p.Unit, c)
	if err != nil {
		return "", err
	}
	count := d.words.number(quantity) + unit
	if p.Amount == 0 && p.Flat == 0 && price.Major.IsZero() {
		return fmt.Sprintf(d.words.Included, count), nil
	}
	text := count + " × " + d.words.unitPrice(price, d.tag)
	if p.Flat != 0 {
		text += " + " + money.Amount{Minor: p.Flat, Currency: c}.Format(d.tag)
	}
	return text + " = " + money.Amount{Minor: p.Amount, Currency: c}.Format(d.tag), nil
}
