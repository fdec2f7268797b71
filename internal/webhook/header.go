package webhook

import (
	"net/textproto"
	"slices"
	"strings"

	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/outbox"
	"perennial/internal/seal"
)

// headerPurpose, with the name of the header, binds the sealed values of extra headers.
const headerPurpose = "webhook header "

// Limits on extra request headers, in bytes.
const (
	MaxHeaderName  = 64
	MaxHeaderValue = 1000
)

// reserved are the headers that belong to the request itself, to its connection, or to
// those who forward it: whoever set them could change what is delivered, and where.
var reserved = []string{"Accept-Encoding", "Connection", "Date", "Expect", "Host", "Http2-Settings", "Keep-Alive", "Te", "Trailer", "Transfer-Encoding",
	"Upgrade", "User-Agent", "Via", "Forwarded"}

var reservedGroups = []string{"Content-", "Proxy-", "Webhook-", "X-Forwarded-", "Sec-"}

// SealHeaders checks the extra request headers of an endpoint, name to value, and seals
// their values. A value may hold a secret, such as a token in Authorization. Names are
// told apart without regard to case; those that the request needs itself are refused.
func SealHeaders(keys *seal.Keys, account id.Account, headers map[string]string) ([]outbox.Header, error) {
	if len(headers) > outbox.MaxHeaders {
		return nil, fault.BadField("headers", "can be at most %d", outbox.MaxHeaders)
	}
	list := make([]outbox.Header, 0, len(headers))
	for given, value := range headers {
		name := textproto.CanonicalMIMEHeaderKey(given)
		switch {
		case !headerName(given):
			return nil, fault.BadField("headers", "%.80q is not the name of a header", given)
		case slices.Contains(reserved, name), slices.ContainsFunc(reservedGroups, func(g string) bool { return strings.HasPrefix(name, g) }):
			return nil, fault.BadField("headers."+given, "cannot be set")
		case !headerValue(value):
			return nil, fault.BadField("headers."+given, "must be plain ASCII text of 1 to %d characters", MaxHeaderValue)
		case slices.ContainsFunc(list, func(h outbox.Header) bool { return h.Name == name }):
			return nil, fault.BadField("headers."+given, "is given twice")
		}
		list = append(list, outbox.Header{Name: name, Value: keys.Seal(account, headerPurpose+name, []byte(value))})
	}
	slices.SortFunc(list, func(a, b outbox.Header) int { return strings.Compare(a.Name, b.Name) })
	return list, nil
}

// Reseal seals the secrets and the header values of a webhook or hook under the key that
// seals now, as seal.Keys.Again does.
func Reseal(keys *seal.Keys, e *outbox.Endpoint) (err error) {
	if e.Secret, err = keys.Again(e.Account, purpose, e.Secret); err != nil {
		return err
	}
	if e.OldSecret, err = keys.Again(e.Account, purpose, e.OldSecret); err != nil {
		return err
	}
	e.Headers = slices.Clone(e.Headers)
	for i := range e.Headers {
		h := &e.Headers[i]
		if h.Value, err = keys.Again(e.Account, headerPurpose+h.Name, h.Value); err != nil {
			return err
		}
	}
	return nil
}

func headerName(s string) bool {
	if s == "" || len(s) > MaxHeaderName {
		return false
	}
	for i := 0; i < len(s); i++ {
		c := s[i] | 0x20
		if (c < 'a' || c > 'z') && (s[i] < '0' || s[i] > '9') && s[i] != '-' {
			return false
		}
	}
	return true
}

func headerValue(s string) bool {
	if s == "" || len(s) > MaxHeaderValue || s != strings.TrimSpace(s) {
		return false
	}
	for i := 0; i < len(s); i++ {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}
