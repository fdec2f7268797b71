package paykickstart

import (
	"crypto/hmac"
	"crypto/sha1" //nolint:gosec // the wire's own algorithm
	"encoding/hex"
	"net/url"
	"slices"
	"strconv"
	"strings"
)

// charset is how values are turned into bytes before they are signed.
type charset int

// The charsets. Receivers that were written from the newest description sign what of a text
// is in Latin-1; those that were written from older ones, UTF-8. Only text in ASCII suits
// both.
const (
	latin1 charset = iota
	utf8
)

// bytes is a text in the charset; what Latin-1 has not is left out.
func (c charset) bytes(s string) string {
	if c == utf8 {
		return s
	}
	var b strings.Builder
	for _, r := range s {
		if r <= 0xff {
			b.WriteByte(byte(r))
		}
	}
	return b.String()
}

func mac(secret, message string) string {
	h := hmac.New(sha1.New, []byte(secret))
	_, _ = h.Write([]byte(message)) // a hash never fails
	return hex.EncodeToString(h.Sum(nil))
}

// hashOf is the signature "hash": the values that are neither empty nor "0", in the order of
// their names and each in the charset, joined by bars.
func hashOf(secret string, r record, c charset) string {
	kept := slices.Clone(r)
	slices.SortStableFunc(kept, func(a, b field) int { return strings.Compare(a.name, b.name) })
	var values []string
	for _, f := range kept {
		if f.name != "hash" && f.name != "verification_code" && f.value != "" && f.value != "0" {
			values = append(values, c.bytes(f.value))
		}
	}
	return mac(secret, strings.Join(values, "|"))
}

// codeOf is the older signature "verification_code": the values that are neither empty nor
// "0", as they were posted, in the order of their places written as text: 0, 1, 10, 11, 2 …
func codeOf(secret string, r record) string {
	var values []string
	for _, f := range r {
		if f.name != "verification_code" && f.value != "" && f.value != "0" {
			values = append(values, f.value)
		}
	}
	places := make([]int, len(values))
	for i := range places {
		places[i] = i
	}
	slices.SortFunc(places, func(a, b int) int { return strings.Compare(strconv.Itoa(a), strconv.Itoa(b)) })
	ordered := make([]string, len(values))
	for i, place := range places {
		ordered[i] = values[place]
	}
	return mac(secret, strings.Join(ordered, "|"))
}

// signed is a record with both signatures behind it: the older one is over the newer one,
// too.
func signed(secret string, r record, c charset) record {
	r = append(slices.Clip(r), field{"hash", hashOf(secret, r, c)})
	return append(r, field{"verification_code", codeOf(secret, r)})
}

// form is a record as the body of a request, in its order.
func (r record) form() string {
	var b strings.Builder
	for i, f := range r {
		if i > 0 {
			b.WriteByte('&')
		}
		b.WriteString(url.QueryEscape(f.name) + "=" + url.QueryEscape(f.value))
	}
	return b.String()
}
