package affiliate

import (
	"regexp"
	"strings"
	"time"
	"unicode/utf8"

	"perennial/internal/cardnumber"
	"perennial/internal/fault"
	"perennial/internal/id"
)

// State says whether an affiliate can promote anything.
type State string

// The states of an affiliate.
const (
	Active  State = "active"
	Blocked State = "blocked" // earns nothing more; what was earned stays owed
)

// Affiliate is somebody who brings buyers for a share of what they pay.
type Affiliate struct {
	ID        id.Affiliate
	Account   id.Account
	Email     string // lower case, unique in the account
	Code      string // in links, unique in the account; a to z, 0 to 9, - and _
	Name      string
	Company   string
	Phone     string
	Address   string // lines separated by \n
	Country   string // ISO 3166-1 alpha-2
	PayPal    string // where payouts go; "" when none was given
	Payee     Payee
	Notify    string // address of their own that is told of their sales; "" for none
	JoinedIP  string // of the request that made them; "" when a merchant did
	State     State
	CreatedAt time.Time
	Version   int64
}

// Payee is what a tax office wants to know of an affiliate.
type Payee struct {
	Form  string `json:"form,omitempty"`   // "w9", "w8ben", "w8bene" or "other"; "" when none was handed in
	Name  string `json:"name,omitempty"`   // as on the form
	TaxID string `json:"tax_id,omitempty"` // as on the form
	On    string `json:"on,omitempty"`     // the day on which it was signed, 2026-01-31
}

const (
	maxName = 200
	maxText = 500
)

var (
	codeForm = regexp.MustCompile(`^[a-z0-9][a-z0-9_-]{1,39}$`)
	slugForm = regexp.MustCompile(`^[a-z0-9][a-z0-9-]{1,39}$`)
)

func plain(s string, lines bool) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool {
		return r < ' ' && !(lines && r == '\n') || r == 0x7f || r == 0x2028 || r == 0x2029
	})
}

// Check refuses an affiliate that cannot be. The e-mail addresses have been read by the
// caller already.
func (a Affiliate) Check() error {
	var f fault.Fields
	text := func(field, s string, most int, lines bool) {
		f.Check(len(s) <= most && plain(s, lines), field, "must be plain text of at most %d bytes", most)
		f.Check(!cardnumber.In(s), field, "must not hold a card number")
	}
	f.Check(a.Email != "", "email", "must be given")
	f.Check(codeForm.MatchString(a.Code), "code", "must be 2 to 40 of a to z, 0 to 9, - and _, beginning with a letter or digit")
	f.Check(strings.TrimSpace(a.Name) != "", "name", "must not be empty")
	text("name", a.Name, maxName, false)
	text("company", a.Company, maxName, false)
	text("address", a.Address, maxText, true)
	f.Check(len(a.Phone) <= 40 && plain(a.Phone, false), "phone", "must be plain text of at most 40 bytes")
	f.Check(a.Country == "" || len(a.Country) == 2 && a.Country == strings.ToUpper(a.Country) && plain(a.Country, false), "country", "must be two capital letters of ISO 3166, for example DE")
	switch a.Payee.Form {
	case "", "w9", "w8ben", "w8bene", "other":
	default:
		f.Bad("payee.form", "must be w9, w8ben, w8bene or other")
	}
	text("payee.name", a.Payee.Name, maxName, false)
	text("payee.tax_id", a.Payee.TaxID, 40, false)
	if a.Payee.On != "" {
		_, err := time.Parse(time.DateOnly, a.Payee.On)
		f.Check(err == nil, "payee.on", "must be a date such as 2026-01-31")
	}
	f.Check(a.Notify == "" || isAddress(a.Notify) && len(a.Notify) <= maxText, "notify", "must be an http or https address of at most %d bytes", maxText)
	f.Check(a.State == Active || a.State == Blocked, "state", "must be active or blocked")
	return f.Err()
}

// SamePerson reports whether two e-mail addresses are one person's for all one can tell:
// case, what follows a plus, and dots before the at sign make no difference.
func SamePerson(one, other string) bool {
	return one != "" && other != "" && bare(one) == bare(other)
}

func bare(email string) string {
	name, host, _ := strings.Cut(strings.ToLower(strings.TrimSpace(email)), "@")
	name, _, _ = strings.Cut(name, "+")
	return strings.ReplaceAll(name, ".", "") + "@" + host
}
