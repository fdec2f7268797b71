// Package cardnumber recognises payment card numbers in text, so that they can be
// refused at every door and never reach the store or a log.
package cardnumber

import "strings"

// The lengths of card numbers (ISO/IEC 7812: up to 19 digits; the shortest in use
// have 13).
const (
	shortest = 13
	longest  = 19
)

// In reports whether text holds a card number: 13 to 19 digits, perhaps grouped by
// single spaces or dashes, that begin as card networks' numbers do (2 to 6) and
// have a good Luhn sum. Longer runs of digits are no card numbers. One in ten of
// other numbers of that length and beginning is taken for one too.
func In(text string) bool {
	_, _, found := find(text)
	return found
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
	if s[0] < '2' || s[0] > '6' {
		return false
	}
	sum, n := 0, 0
	for i := len(s) - 1; i >= 0; i-- {
		if !digit(s[i]) {
			continue
		}
		d := int(s[i] - '0')
		if n%2 == 1 {
			if d *= 2; d > 9 {
				d -= 9
			}
		}
		sum += d
		n++
	}
	return n >= shortest && n <= longest && sum%10 == 0
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
