package notice

import (
	"math"
	"net/mail"
	"strconv"
	"strings"

	"perennial/internal/fault"
)

// Brand is the look of mails and whom they come from: an account's, or what a campaign
// says otherwise. An empty field leaves it to the account, and there to its facts.
type Brand struct {
	Name     string `json:"name,omitempty"`
	Colour   string `json:"colour,omitempty"` // #rrggbb
	Logo     string `json:"logo,omitempty"`   // an https address of an image
	FromName string `json:"from_name,omitempty"`
	ReplyTo  string `json:"reply_to,omitempty"`
	Footer   string `json:"footer,omitempty"` // lines separated by \n
	Legal    string `json:"legal,omitempty"`  // legal name, address, registration; lines separated by \n
	// Manage is the page where customers look after their subscriptions; the way to
	// cancel leads there. Terms is the page of the terms.
	Manage string `json:"manage,omitempty"`
	Terms  string `json:"terms,omitempty"`
}

// defaultColour is the accent of mails where the merchant has none.
const defaultColour = "#0f6b47"

// Check refuses a look that cannot be.
func (b Brand) Check() error {
	var f fault.Fields
	line := func(field, s string, most int) {
		f.Check(len(s) <= most && plain(s, false), field, "must be plain text of at most %d bytes without control characters", most)
	}
	lines := func(field, s string) {
		f.Check(len(s) <= 1000 && plain(s, true), field, "must be plain text of at most 1000 bytes without control characters")
	}
	address := func(field, s string) {
		f.Check(s == "" || webAddress(s), field, "must be an address that begins with https://")
	}
	line("name", b.Name, 120)
	line("from_name", b.FromName, 120)
	lines("footer", b.Footer)
	lines("legal", b.Legal)
	address("logo", b.Logo)
	address("manage", b.Manage)
	address("terms", b.Terms)
	if _, ok := rgb(b.Colour); b.Colour != "" && !ok {
		f.Bad("colour", "must be # and six digits of base 16, for example #0f6b47")
	}
	if b.ReplyTo != "" {
		f.Add("reply_to", CheckAddress(b.ReplyTo))
	}
	return f.Err()
}

// CheckAddress refuses what is not a plain e-mail address in ASCII.
func CheckAddress(s string) error {
	parsed, err := mail.ParseAddress(s)
	ascii := !strings.ContainsFunc(s, func(r rune) bool { return r <= ' ' || r >= 0x7f })
	if err != nil || parsed.Address != s || parsed.Name != "" || len(s) > 254 || !ascii || strings.ContainsAny(s, "\"(),:;<>[]\\") {
		return fault.New(fault.Invalid, "must be an e-mail address, for example ada@example.com")
	}
	return nil
}

// Over is b with what is empty taken from below.
func (b Brand) Over(below Brand) Brand {
	first := func(s *string, other string) {
		if *s == "" {
			*s = other
		}
	}
	first(&b.Name, below.Name)
	first(&b.Colour, below.Colour)
	first(&b.Logo, below.Logo)
	first(&b.FromName, below.FromName)
	first(&b.ReplyTo, below.ReplyTo)
	first(&b.Footer, below.Footer)
	first(&b.Legal, below.Legal)
	first(&b.Manage, below.Manage)
	first(&b.Terms, below.Terms)
	return b
}

// colours are the accent and what is legible on it: of black and white the one with
// more contrast, which is at least 4.5 to 1 on any colour.
func (b Brand) colours() (background, foreground string) {
	background = b.Colour
	parts, ok := rgb(background)
	if !ok {
		background = defaultColour
		parts, _ = rgb(background)
	}
	light := 0.0
	for i, weight := range []float64{0.2126, 0.7152, 0.0722} {
		c := float64(parts[i]) / 255
		if c <= 0.04045 {
			c /= 12.92
		} else {
			c = math.Pow((c+0.055)/1.055, 2.4)
		}
		light += weight * c
	}
	if (light+0.05)/0.05 > 1.05/(light+0.05) {
		return background, "#000000"
	}
	return background, "#ffffff"
}

func rgb(s string) ([3]uint8, bool) {
	if len(s) != 7 || s[0] != '#' {
		return [3]uint8{}, false
	}
	n, err := strconv.ParseUint(s[1:], 16, 32)
	if err != nil {
		return [3]uint8{}, false
	}
	return [3]uint8{uint8(n >> 16), uint8(n >> 8), uint8(n)}, true
}
