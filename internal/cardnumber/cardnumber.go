// Package cardnumber recognises payment card numbers in text, so that they can be
// refused at every door and never reach the store or a log.
package cardnumber

import "strings"

// In reports whether text holds a card number: digits, perhaps grouped by single
// spaces or dashes, that begin and count as a card network's numbers do and have a
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
	for i := 0; i < len(text); {
		if !digit(text[i]) {
			i++
			continue
		}
		end := run(text, i)
		if isCard(text[i:end]) {
			return i, end, true
		}
		i = end
	}
	return 0, 0, false
}

// run is the end of the digits that begin at i, with single separators between them.
func run(text string, i int) int {
	end := i
	for i < len(text) {
		switch {
		case digit(text[i]):
			i++
			end = i
		case (text[i] == ' ' || text[i] == '-') && i+1 < len(text) && digit(text[i+1]):
			i++
		default:
			return end
		}
	}
	return end
}

func digit(c byte) bool { return c >= '0' && c <= '9' }

func isCard(s string) bool {
	sum, n, prefix := 0, 0, 0
	for i := range len(s) {
		if digit(s[i]) {
			if n++; n <= 6 {
				prefix = prefix*10 + int(s[i]-'0')
			}
		}
	}
	if !network(prefix, n) {
		return false
	}
	for i, left := 0, n; i < len(s); i++ {
		if !digit(s[i]) {
			continue
		}
		d := int(s[i] - '0')
		if left%2 == 0 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
		left--
	}
	return sum%10 == 0
}

func lastFour(s string) string {
	var four []byte
	for i := len(s) - 1; i >= 0 && len(four) < 4; i-- {
		if digit(s[i]) {
			four = append([]byte{s[i]}, four...)
		}
	}
	return string(four)
}
