package server

import (
	"log/slog"
	"net/url"
	"regexp"
	"strings"

	"perennial/internal/cardnumber"
)

// hidden stands in a log where something was left out.
const hidden = "*"

// What can be told of an address in the log is an allowance, not a ban: words,
// public identifiers, small numbers and dates. Everything else may be a secret
// that somebody put where it does not belong.
var (
	plainWords  = regexp.MustCompile(`^(v[0-9]{1,2}|[a-z]{1,15}([._-][a-z]{1,15}){0,2})$`)
	publicID    = regexp.MustCompile(`^[a-z]{2,3}_[0-7][0-9a-hjkmnp-tv-z]{12}$`)
	smallNumber = regexp.MustCompile(`^[0-9]{1,6}$`)
	plainDate   = regexp.MustCompile(`^[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9:.]{5,15}Z)?$`)
)

// tellable are the parameters whose plain values are logged.
var tellable = map[string]bool{"account": true, "after": true, "before": true, "campaign": true, "customer": true, "expand": true, "from": true,
	"invoice": true, "kind": true, "limit": true, "order": true, "page": true, "price": true, "product": true, "sort": true, "state": true,
	"status": true, "subscription": true, "to": true}

// maxLogged is how much of an address is looked at.
const maxLogged = 512

// loggedAddress is what the log tells of a request's address: its path and the
// names of its parameters, with everything left out that could be a secret.
func loggedAddress(u *url.URL) string {
	var b strings.Builder
	for segment := range strings.SplitSeq(strings.TrimPrefix(cut(u.Path), "/"), "/") {
		b.WriteByte('/')
		if segment == "" || plainWords.MatchString(segment) || publicID.MatchString(segment) {
			b.WriteString(segment)
		} else {
			b.WriteString(hidden)
		}
	}
	mark := byte('?')
	for pair := range strings.SplitSeq(cut(u.RawQuery), "&") {
		if pair == "" {
			continue
		}
		name, value, _ := strings.Cut(pair, "=")
		b.WriteByte(mark)
		mark = '&'
		if !plainWords.MatchString(name) {
			b.WriteString(hidden)
			continue
		}
		b.WriteString(name + "=")
		switch {
		case tellable[name] && (plainWords.MatchString(value) || publicID.MatchString(value) || smallNumber.MatchString(value) || plainDate.MatchString(value)):
			b.WriteString(value)
		case value != "":
			b.WriteString(hidden)
		}
	}
	return b.String()
}

func cut(s string) string {
	if len(s) > maxLogged {
		return s[:maxLogged]
	}
	return s
}

// Text that is written for people (an error, a panic) is told, without whatever
// has the form of a secret.
var (
	secretForms = regexp.MustCompile(`perennial_(live|test)_[0-9a-z]+` +
		`|whsec_[A-Za-z0-9+/=_-]+` +
		`|\$argon2id?\$[^\s"']+` +
		`|(?i:bearer|basic)\s+[A-Za-z0-9._~+/=-]+`)
	namedSecrets = regexp.MustCompile(`(?i)([a-z_-]*(?:password|passwd|token|secret|api_?key|authorization|card_?number|cvc|cvv)["']?\s*[=:]\s*)("[^"]*"|'[^']*'|[^\s&,;"']+)`)
	userInURL    = regexp.MustCompile(`://[^/\s@"']*(?:[^/\s"']*)@`)
	longRuns     = regexp.MustCompile(`[A-Za-z0-9+/_-]{16,}`)
)

// Redact takes out of a text for people whatever has the form of a secret: keys,
// tokens, named passwords, credentials in addresses, card numbers. Everything
// that is logged passes through it.
func Redact(text string) string {
	text = secretForms.ReplaceAllString(text, hidden)
	text = namedSecrets.ReplaceAllString(text, "${1}"+hidden)
	text = userInURL.ReplaceAllString(text, "://"+hidden+"@")
	text = cardnumber.Mask(text)
	return longRuns.ReplaceAllStringFunc(text, func(s string) string {
		if random(s) {
			return hidden
		}
		return s
	})
}

// random reports whether a run of characters looks drawn and not written: it goes
// between digits and letters more often than a name or a path does.
func random(s string) bool {
	if publicID.MatchString(s) {
		return false
	}
	changes, digits, letters := 0, 0, 0
	last := 0
	for _, r := range s {
		class := 0
		switch {
		case r >= '0' && r <= '9':
			digits++
			class = 1
		case r >= 'a' && r <= 'z', r >= 'A' && r <= 'Z':
			letters++
			class = 2
		default:
			continue
		}
		if class != last && last != 0 {
			changes++
		}
		last = class
	}
	return digits > 0 && letters > 0 && changes >= 2 && changes*8 >= len(s)
}

// ours are the attributes that the program makes up itself; to a filter of texts
// they would look like secrets.
var ours = map[string]bool{slog.TimeKey: true, slog.LevelKey: true, slog.SourceKey: true, "request": true, "stack": true}

// redacted is the ReplaceAttr of the program's log.
func redacted(_ []string, a slog.Attr) slog.Attr {
	if ours[a.Key] {
		return a
	}
	switch v := a.Value.Resolve(); v.Kind() {
	case slog.KindString:
		a.Value = slog.StringValue(Redact(v.String()))
	case slog.KindAny:
		if err, ok := v.Any().(error); ok {
			a.Value = slog.StringValue(Redact(err.Error()))
		} else {
			a.Value = slog.StringValue(Redact(v.String()))
		}
	}
	return a
}
