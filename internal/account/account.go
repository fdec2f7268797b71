package account

import (
	"net/mail"
	"strings"
	"time"
	"unicode/utf8"

	"perennial/internal/clock"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/money"
	"perennial/internal/period"
)

// Mode says whether an account moves real money.
type Mode string

// The modes of an account.
const (
	Live    Mode = "live"
	Sandbox Mode = "sandbox" // its money is the sandbox gateway's, its clock can be advanced
)

// Account is one merchant's business, live or sandbox.
type Account struct {
	ID       id.Account
	Name     string
	Mode     Mode
	Currency money.Currency // the default of new prices
	Zone     string         // IANA name; business days and billing days are counted in it
	Email    string         // the support contact printed on documents
	Seller   Seller
	Tax      Tax
	Settings Settings
	Profile  int64 // rises when Name, Email or Seller change; documents name the one they were issued with

	ClockOffset time.Duration // how far a sandbox's clock runs ahead of the machine's; 0 when live
	ClockTarget time.Time     // where a walk of the sandbox clock is going; zero when it is not being advanced

	CreatedAt time.Time
	Version   int64
}

// Seller is who issues the account's invoices, as printed on them.
type Seller struct {
	LegalName string
	Address   string // lines separated by \n
	Country   string // ISO 3166-1 alpha-2, "" when unknown
	TaxID     string
}

// Tax is what the account adds to every line it sells: a name to print and a rate
// on top of the price. A rate of zero adds nothing.
type Tax struct {
	Name string
	Rate money.Rate
}

// Settings is how an account does business where it says so.
type Settings struct {
	// Proration names the policy for changes of terms; "" means the default.
	Proration string `json:"proration,omitempty"`
	// TaxProfile is what new sales are taxed by; 0 means Tax alone.
	TaxProfile id.TaxProfile `json:"tax_profile,omitempty"`
	// Recovery is the policy for failed payments; 0 means the standard one.
	Recovery id.RecoveryPolicy `json:"recovery,omitempty"`
	// Affiliates says that at least one campaign has, or had, an affiliate programme.
	Affiliates bool `json:"affiliates,omitempty"`
	// DisputeEnds says that a subscription ends when a payment of it is disputed.
	DisputeEnds bool `json:"dispute_ends,omitempty"`
	// RefundsByKey and RefundsByMember are the most that one API key, and one member of the
	// team, may give back in 24 hours, in minor units of each currency; 0 is no limit.
	RefundsByKey    int64 `json:"refunds_by_key,omitempty"`
	RefundsByMember int64 `json:"refunds_by_member,omitempty"`
}

// Printed is what a document shows of its issuer.
type Printed struct {
	Name  string `json:"name"`
	Email string `json:"email"`
	Seller
}

// Printed is what a document issued now shows of its issuer.
func (a Account) Printed() Printed { return Printed{Name: a.Name, Email: a.Email, Seller: a.Seller} }

// Now is the account's own time when the machine's is machine: the same for a live
// account, ahead by its offset for a sandbox.
func (a Account) Now(machine time.Time) time.Time { return machine.Add(a.ClockOffset) }

// Location is the account's time zone.
func (a Account) Location() *time.Location {
	zone, err := period.LoadZone(a.Zone)
	if err != nil {
		return time.UTC // Check refused unknown zones when the account was written
	}
	return zone
}

// Check refuses an account that cannot be.
func (a Account) Check() error {
	var f fault.Fields
	f.Add("name", CheckName(a.Name, 120))
	f.Check(a.Mode == Live || a.Mode == Sandbox, "mode", "must be live or sandbox")
	_, err := money.ParseCurrency(string(a.Currency))
	f.Add("currency", err)
	_, err = period.LoadZone(a.Zone)
	f.Add("zone", err)
	_, err = ParseEmail(a.Email)
	f.Add("email", err)
	if a.Seller.LegalName != "" {
		f.Add("legal_name", CheckName(a.Seller.LegalName, 200))
	}
	if a.Seller.Address != "" {
		f.Add("address", CheckName(strings.ReplaceAll(a.Seller.Address, "\n", " "), 500))
	}
	f.Check(a.Seller.Country == "" || IsCountry(a.Seller.Country), "country", "must be two capital letters of ISO 3166, for example DE")
	f.Add("tax_name", CheckName(a.Tax.Name, 40))
	one, err := money.ParseRate("1")
	f.Check(err == nil && a.Tax.Rate.Sign() >= 0 && a.Tax.Rate.Cmp(one) < 0, "tax_rate", "must be a decimal from 0 to below 1, for example 0.19")
	if a.Seller.TaxID != "" {
		f.Add("tax_id", CheckName(a.Seller.TaxID, 40))
	}
	return f.Err()
}

// CheckName refuses a name that is empty, too long, or holds control characters.
func CheckName(s string, most int) error {
	switch {
	case strings.TrimSpace(s) == "":
		return fault.New(fault.Invalid, "must not be empty")
	case len(s) > most:
		return fault.New(fault.Invalid, "must be at most %d bytes", most)
	case !plain(s, false):
		return fault.New(fault.Invalid, "must be plain text without control characters")
	}
	return nil
}

// plain reports whether s is text without control characters; line feeds are let
// through where a text has lines.
func plain(s string, lines bool) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool {
		return r < ' ' && !(lines && r == '\n') || r == 0x7f || r == 0x2028 || r == 0x2029
	})
}

// ParseEmail reads an address and lowers it, the form in which addresses are
// stored and compared.
func ParseEmail(s string) (string, error) {
	s = strings.ToLower(strings.TrimSpace(s))
	if len(s) > 254 {
		return "", fault.New(fault.Invalid, "must be at most 254 bytes")
	}
	parsed, err := mail.ParseAddress(s)
	if err != nil || parsed.Address != s || strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 || r == 0x2028 || r == 0x2029 }) {
		return "", fault.New(fault.Invalid, "must be an e-mail address, for example ada@example.com")
	}
	return s, nil
}

// IsCountry reports whether s has the form of an ISO 3166-1 alpha-2 code.
func IsCountry(s string) bool {
	return len(s) == 2 && s[0] >= 'A' && s[0] <= 'Z' && s[1] >= 'A' && s[1] <= 'Z'
}

// MaxAdvance is the farthest that one call may move a sandbox clock: ten years.
const MaxAdvance = 10 * 366 * 24 * time.Hour

// Aim begins to advance a sandbox clock to an instant; machine is the machine's
// time. It refuses live accounts, the past, more than MaxAdvance, and a clock
// that is already going elsewhere.
func (a *Account) Aim(machine, target time.Time) error {
	switch {
	case a.Mode != Sandbox:
		return fault.New(fault.Forbidden, "the clock of a live account is the real one and cannot be advanced")
	case !a.ClockTarget.IsZero() && !a.ClockTarget.Equal(target):
		return fault.New(fault.Conflict, "the clock is being advanced to %s; wait until it is there", a.ClockTarget.Format(time.RFC3339)).WithCode("clock_busy")
	case target.Before(a.Now(machine)):
		return fault.BadField("to", "must not be before the account's present time, %s", a.Now(machine).Format(time.RFC3339))
	case target.Sub(a.Now(machine)) > MaxAdvance || !clock.InRange(target):
		return fault.BadField("to", "must be at most ten years ahead")
	}
	a.ClockTarget = target
	return nil
}

// Reach moves a sandbox clock to an instant on the way to its target. The clock
// never goes back: an instant that has passed leaves it where it is.
func (a *Account) Reach(machine, at time.Time) {
	if offset := at.Sub(machine); offset > a.ClockOffset {
		a.ClockOffset = offset
	}
	if !a.ClockTarget.IsZero() && !a.Now(machine).Before(a.ClockTarget) {
		a.ClockTarget = time.Time{}
	}
}
