// Package cardnumber recognises payment card numbers in text, so that they can be
// refused at every door and never reach the store or a log.
package cardnumber

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// In reports whether text holds a card number: digits, of any script and perhaps grouped
// by single spaces, dashes, dots or slashes, that begin and count as a card network's numbers do and have a
// good Luhn sum. Of other numbers with such a beginning and length one in ten is
// taken for one too; telephone numbers are shorter than most.
func In(text string) bool {
	_, _, found := find(text)
	return found
}

// network reports whether digits that begin with the six of prefix, n in all, are
// numbered as a card network's are. The ranges are those that the networks publish;
// Visa's numbers of 13 digits are out of use.
func network(prefix, n int) bool {
	two, four := prefix/10_000, prefix/100
	switch {
	case prefix/100_000 == 4: // Visa
		return n == 16 || n == 19
	case two >= 51 && two <= 55, four >= 2221 && four <= 2720: // Mastercard
		return n == 16
	case two == 34 || two == 37: // American Express
		return n == 15
	case four == 6011, two == 65, prefix/1000 >= 644 && prefix/1000 <= 649: // Discover
		return n >= 16 && n <= 19
	case two == 36 || two == 38 || two == 39, prefix/1000 >= 300 && prefix/1000 <= 305: // Diners Club
		return n == 14 || n == 16
	case four >= 3528 && four <= 3589: // JCB
		return n >= 16 && n <= 19
	case two == 62: // UnionPay
		return n >= 16 && n <= 19
	}
	return false
}

// Mask replaces every card number in text by its last four digits.
func Mask(text string) string {
	from, to, found := find(text)
	if !found {
		return text
	}
	var b strings.Builder
	for found {
		b.WriteString(text[:from])
		b.WriteString("(card …")
		b.WriteString(lastFour(text[from:to]))
		b.WriteString(")")
		text = text[to:]
		from, to, found = find(text)
	}
	b.WriteString(text)
	return b.String()
}

// find is the first card number in text.
func find(text string) (from, to int, found bool) {
	var digits []byte
	end := 0     // after the last digit
	var gap bool // a separator stood after it
	for i, r := range text {
		d, isDigit := value(r)
		switch {
		case isDigit:
			if len(digits) == 0 {
				from = i
			}
			digits = append(digits, '0'+d)
			end, gap = i+utf8.RuneLen(r), false
		case len(digits) == 0 || unicode.Is(unicode.Cf, r): // what cannot be seen separates nothing
		case separates(r) && !gap:
			gap = true
		default:
			if isCard(string(digits)) {
				return from, end, true
			}
			digits = digits[:0]
		}
	}
	if len(digits) > 0 && isCard(string(digits)) {
		return from, end, true
	}
	return 0, 0, false
}

// value is the value of a decimal digit of any script.
func value(r rune) (byte, bool) {
	if r < 0x80 {
		return byte(r - '0'), r >= '0' && r <= '9'
	}
	if !unicode.Is(unicode.Nd, r) {
		return 0, false
	}
	first := r // digits stand in rows of ten that begin with zero
	for unicode.Is(unicode.Nd, first-1) {
		first--
	}
	return byte((r - first) % 10), true
}

// separates reports whether people group digits with r.
func separates(r rune) bool {
	switch r {
	case ' ', '-', '.', '/', '_', 0xa0, 0x2007, 0x2009, 0x202f:
		return true
	}
	return r >= 0x2010 && r <= 0x2015
}

func isCard(digits string) bool {
	n := len(digits)
	if n < 14 {
		return false
	}
	prefix := 0
	for i := range 6 {
		prefix = prefix*10 + int(digits[i]-'0')
	}
	if !network(prefix, n) {
		return false
	}
	sum := 0
	for i := range n {
		d := int(digits[i] - '0')
		if (n-i)%2 == 0 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
	}
	return sum%10 == 0
}

// lastFour are the last four digits of a text that holds a card number.
func lastFour(s string) string {
	var digits []byte
	for _, r := range s {
		if d, ok := value(r); ok {
			digits = append(digits, '0'+d)
		}
	}
	return string(digits[max(0, len(digits)-4):])
}
