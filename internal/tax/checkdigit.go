package tax

import (
	"strings"
)

// The checks of each country's tax numbers, as the registers publish them. A function
// gets a number without prefix and separators, in upper case.

// numbers are the digits of s, or nil when it is anything but n digits.
func numbers(s string, n int) []int {
	if len(s) != n {
		return nil
	}
	d := make([]int, n)
	for i := range d {
		if s[i] < '0' || s[i] > '9' {
			return nil
		}
		d[i] = int(s[i] - '0')
	}
	return d
}

// digits is the check of numbers that are n digits and nothing else.
func digits(n int, check func(d []int) bool) func(string) (string, bool) {
	return func(s string) (string, bool) {
		d := numbers(s, n)
		return s, d != nil && check(d)
	}
}

func weighted(d []int, weights ...int) int {
	sum := 0
	for i, w := range weights {
		sum += d[i] * w
	}
	return sum
}

// decimal is the number that digits spell.
func decimal(d []int) int {
	n := 0
	for _, v := range d {
		n = n*10 + v
	}
	return n
}

// elevenLess is what is missing to the next multiple of eleven: 0 to 10.
func elevenLess(sum int) int { return (11 - sum%11) % 11 }

// luhn is the check of ISO/IEC 7812, the last digit being the check digit.
func luhn(d []int) bool {
	sum := 0
	for i := range d {
		v := d[len(d)-1-i]
		if i%2 == 1 {
			v = v*2 - v/5*9 // the sum of the digits of the double
		}
		sum += v
	}
	return sum%10 == 0
}

// mod1110 is the check of ISO 7064, MOD 11,10.
func mod1110(d []int) bool {
	check := 5
	for _, v := range d {
		if check == 0 {
			check = 10
		}
		check = (check*2%11 + v) % 10
	}
	return check == 1
}

func austria(s string) (string, bool) {
	rest, found := strings.CutPrefix(s, "U")
	d := numbers(rest, 8)
	if !found || d == nil {
		return "", false
	}
	sum := 4
	for i, v := range d[:7] {
		if i%2 == 1 {
			v = v*2 - v/5*9
		}
		sum += v
	}
	return s, (sum+d[7])%10 == 0
}

func belgium(s string) (string, bool) {
	if len(s) == 9 {
		s = "0" + s // as numbers were written before 2005
	}
	d := numbers(s, 10)
	return s, d != nil && d[0] <= 1 && decimal(d[:8]) > 0 && 97-decimal(d[:8])%97 == decimal(d[8:])
}

func bulgaria(s string) (string, bool) {
	if d := numbers(s, 9); d != nil {
		check := weighted(d[:8], 1, 2, 3, 4, 5, 6, 7, 8) % 11
		if check == 10 {
			check = weighted(d[:8], 3, 4, 5, 6, 7, 8, 9, 10) % 11 % 10
		}
		return s, check == d[8]
	}
	d := numbers(s, 10)
	if d == nil {
		return "", false
	}
	citizen := weighted(d[:9], 2, 4, 8, 5, 10, 9, 7, 3, 6)%11%10 == d[9] && birthday(d[2:4], d[4:6], 20, 40)
	foreigner := weighted(d[:9], 21, 19, 17, 13, 11, 9, 7, 3, 1)%10 == d[9]
	other := elevenLess(weighted(d[:9], 4, 3, 2, 7, 6, 5, 4, 3, 2)) == d[9]
	return s, citizen || foreigner || other
}

// birthday reports whether digits are a month, to which one of shifts may have been
// added, and a day that some month has.
func birthday(month, day []int, shifts ...int) bool {
	m := decimal(month)
	if decimal(day) < 1 || decimal(day) > 31 {
		return false
	}
	if m >= 1 && m <= 12 {
		return true
	}
	for _, shift := range shifts {
		if m > shift && m <= shift+12 {
			return true
		}
	}
	return false
}

func cyprus(s string) (string, bool) {
	if len(s) != 9 {
		return "", false
	}
	d := numbers(s[:8], 8)
	if d == nil || strings.HasPrefix(s, "12") {
		return "", false
	}
	odd := [...]int{1, 0, 5, 7, 9, 13, 15, 17, 19, 21}
	sum := odd[d[0]] + d[1] + odd[d[2]] + d[3] + odd[d[4]] + d[5] + odd[d[6]] + d[7]
	return s, int(s[8]) == 'A'+sum%26
}

func czechia(s string) (string, bool) {
	if d := numbers(s, 8); d != nil { // a company
		check := elevenLess(weighted(d[:7], 8, 7, 6, 5, 4, 3, 2))
		if check == 0 {
			check = 1
		}
		return s, d[0] != 9 && check%10 == d[7]
	}
	if d := numbers(s, 9); d != nil {
		if d[0] == 6 { // a person with a number of its own
			check := (8 - (21-weighted(d[1:8], 8, 7, 6, 5, 4, 3, 2)%11)%11 + 10) % 10
			return s, check == d[8]
		}
		return s, decimal(d[:2]) <= 53 && birthday(d[2:4], d[4:6], 50) // born before 1954: there was no check digit
	}
	d := numbers(s, 10)
	if d == nil || !birthday(d[2:4], d[4:6], 20, 50, 70) {
		return "", false
	}
	return s, decimal(d[:9])%11%10 == d[9]
}

const spanishLetters = "TRWAGMYFPDXBNJZSQVHLCKE"

func spain(s string) (string, bool) {
	if len(s) != 9 {
		return "", false
	}
	first, last := s[0], s[8]
	body := s[1:8]
	switch {
	case first >= '0' && first <= '9':
		body = s[:8]
	case first >= 'X' && first <= 'Z':
		body = string('0'+first-'X') + body
	case strings.IndexByte("KLM", first) >= 0:
	default:
		return s, spanishCompany(s)
	}
	d := numbers(body, len(body))
	return s, d != nil && spanishLetters[decimal(d)%23] == last
}

// spanishCompany checks a letter, seven digits, and a check character: a digit, or a
// letter for some kinds of bodies. Sources disagree for which, so both are taken.
func spanishCompany(s string) bool {
	first, last := s[0], s[8]
	d := numbers(s[1:8], 7)
	if d == nil || strings.IndexByte("ABCDEFGHJNPQRSUVW", first) < 0 {
		return false
	}
	sum := d[1] + d[3] + d[5]
	for _, v := range []int{d[0], d[2], d[4], d[6]} {
		sum += v*2 - v/5*9
	}
	check := (10 - sum%10) % 10
	return last == "0123456789"[check] || last == "JABCDEFGHI"[check]
}

func france(s string) (string, bool) {
	if len(s) != 11 {
		return "", false
	}
	siren := numbers(s[2:], 9)
	if siren == nil || siren[0]+siren[1]+siren[2] > 0 && !luhn(siren) { // Monaco's begin with 000 and have none
		return "", false
	}
	if key := numbers(s[:2], 2); key != nil {
		return s, (decimal(siren)*100+12)%97 == decimal(key)
	}
	const alphabet = "0123456789ABCDEFGHJKLMNPQRSTUVWXYZ"
	a, b := strings.IndexByte(alphabet, s[0]), strings.IndexByte(alphabet, s[1])
	if a < 0 || b < 0 {
		return "", false
	}
	key := a*34 + b - 100
	if a < 10 {
		key = a*24 + b - 10
	}
	return s, (decimal(siren)+1+key/11)%11 == key%11
}

func ireland(s string) (string, bool) {
	const letters = "WABCDEFGHIJKLMNOPQRSTUV"
	if len(s) != 8 && len(s) != 9 {
		return "", false
	}
	if d := numbers(s[:7], 7); d != nil { // seven digits, check letter, perhaps another
		sum := weighted(d, 8, 7, 6, 5, 4, 3, 2)
		if len(s) == 9 {
			extra := strings.IndexByte(letters, s[8])
			if extra < 0 || s[8] > 'I' && s[8] != 'W' {
				return "", false
			}
			sum += extra * 9
		}
		return s, letters[sum%23] == s[7]
	}
	d := numbers(s[:1]+s[2:7], 6) // as numbers were until 2013: the second character is none of the digits
	if len(s) != 8 || d == nil || !(s[1] >= 'A' && s[1] <= 'Z' || s[1] == '+' || s[1] == '*') {
		return "", false
	}
	return s, letters[weighted(append(d[1:], d[0]), 7, 6, 5, 4, 3, 2)%23] == s[7]
}

func italy(d []int) bool {
	office := decimal(d[7:10])
	return decimal(d[:7]) > 0 && (office >= 1 && office <= 100 || office == 120 || office == 121 || office == 888 || office == 999) && luhn(d)
}

func lithuania(s string) (string, bool) {
	n := len(s)
	d := numbers(s, n)
	if d == nil || n != 9 && n != 12 || d[n-2] != 1 {
		return "", false
	}
	sums := [2]int{}
	for i, v := range d[:n-1] {
		sums[0] += v * (1 + i%9)
		sums[1] += v * (1 + (i+2)%9)
	}
	check := sums[0] % 11
	if check == 10 {
		check = sums[1] % 11 % 10
	}
	return s, check == d[n-1]
}

func latvia(d []int) bool {
	if d[0] > 3 { // a company
		return weighted(d, 9, 1, 4, 8, 3, 10, 2, 5, 7, 6, 1)%11 == 3
	}
	if d[0] == 3 && d[1] == 2 { // a person, since 2017: no birthday and no check digit
		return true
	}
	return birthday(d[2:4], d[:2]) && (1+weighted(d, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9))%11%10 == d[10]
}

func netherlands(s string) (string, bool) {
	if len(s) != 12 || s[9] != 'B' {
		return "", false
	}
	d, tail := numbers(s[:9], 9), numbers(s[10:], 2)
	if d == nil || tail == nil || decimal(d) == 0 || decimal(tail) == 0 {
		return "", false
	}
	if sum := weighted(d, 9, 8, 7, 6, 5, 4, 3, 2, -1); sum%11 == 0 {
		return s, true
	}
	// A sole trader's number since 2020: ISO 7064, MOD 97-10, over "NL" and the number
	// with letters as 10 to 35.
	n := 2321 // N and L
	for _, c := range []byte(s) {
		if c == 'B' {
			n = (n*100 + 11) % 97
			continue
		}
		n = (n*10 + int(c-'0')) % 97
	}
	return s, n == 1
}

func romania(s string) (string, bool) {
	d := numbers(s, len(s))
	if len(d) < 2 || len(d) > 10 || d[0] == 0 {
		return "", false
	}
	weights := []int{7, 5, 3, 2, 1, 7, 5, 3, 2}
	sum := weighted(d[:len(d)-1], weights[10-len(d):]...)
	return s, sum*10%11%10 == d[len(d)-1]
}

func sweden(s string) (string, bool) {
	d := numbers(s, 12)
	return s, d != nil && decimal(d[:9]) > 0 && luhn(d[:10]) && decimal(d[10:]) >= 1 && decimal(d[10:]) <= 94
}

func slovenia(d []int) bool {
	check := 11 - weighted(d[:7], 8, 7, 6, 5, 4, 3, 2)%11
	return check != 11 && check%10 == d[7]
}

// britain also takes government departments (GD) and health authorities (HA).
func britain(s string) (string, bool) {
	if len(s) == 5 {
		d := numbers(s[2:], 3)
		return s, d != nil && (s[:2] == "GD" && decimal(d) < 500 || s[:2] == "HA" && decimal(d) >= 500)
	}
	d := numbers(s, len(s))
	if d == nil || len(d) != 9 && len(d) != 12 || decimal(d[:7]) == 0 {
		return "", false
	}
	sum := (weighted(d, 8, 7, 6, 5, 4, 3, 2) + decimal(d[7:9])) % 97
	return s, sum == 0 || sum == 42 && decimal(d[:3]) >= 100 // 42: numbers given since 2009
}

func switzerland(s string) (string, bool) {
	rest, found := strings.CutPrefix(s, "CHE")
	if !found || len(rest) < 9 {
		return "", false
	}
	d := numbers(rest[:9], 9)
	switch rest[9:] {
	case "", "MWST", "TVA", "IVA":
	default:
		return "", false
	}
	return s, d != nil && elevenLess(weighted(d[:8], 5, 4, 3, 2, 7, 6, 5, 4)) == d[8]
}

func norway(s string) (string, bool) {
	s = strings.TrimPrefix(s, "NO")
	d := numbers(strings.TrimSuffix(s, "MVA"), 9)
	return s, d != nil && d[0] > 0 && elevenLess(weighted(d[:8], 3, 2, 7, 6, 5, 4, 3, 2)) == d[8]
}

func australia(d []int) bool {
	return decimal(d[:2]) > 10 && (weighted(d, 10, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19)-10)%89 == 0
}

// canada takes a business number with or without its GST/HST account (RT), and a
// number of Québec's sales tax (TQ).
func canada(s string) (string, bool) {
	if len(s) == 16 && s[10:12] == "TQ" {
		return s, numbers(s[:10], 10) != nil && numbers(s[12:], 4) != nil && s[12:] != "0000"
	}
	if len(s) != 9 && (len(s) != 15 || s[9:11] != "RT" || numbers(s[11:], 4) == nil || s[11:] == "0000") {
		return "", false
	}
	d := numbers(s[:9], 9)
	return s, d != nil && decimal(d) > 0 && luhn(d)
}

// unitedStates takes an employer identification number, by its form alone.
func unitedStates(s string) (string, bool) {
	d := numbers(s, 9)
	if d == nil || decimal(d[:2]) == 0 {
		return "", false
	}
	return s[:2] + "-" + s[2:], true
}
