package customer

import (
	"encoding/json"
	"strings"
	"time"
	"unicode/utf8"

	"perennial/internal/cardnumber"
	"perennial/internal/fault"
	"perennial/internal/id"
)

// Customer is who buys from a merchant.
type Customer struct {
	ID        id.Customer
	Account   id.Account
	Email     string // lower case; may be empty for customers that came by import
	Buyer     Buyer
	Contact   Contact
	Taxing    Taxing
	Source    Source
	Language  string            // BCP 47, for example "de"; "" means the account's
	Metadata  map[string]string // the merchant's own notes, at most MaxMetadata
	CreatedAt time.Time
	UpdatedAt time.Time // of the last edit; CreatedAt when there was none
	DeletedAt time.Time // zero while the merchant wants to see them; see Delete
	Version   int64
}

// Contact is how a merchant speaks to a customer.
type Contact struct {
	// FirstName and LastName are what Buyer.Name is made of, where somebody told them
	// apart; both empty where nobody did.
	FirstName string
	LastName  string
	Phone     string
}

// Source is where a customer came from, as the links said that they followed.
type Source struct {
	Source   string `json:"source,omitempty"`
	Medium   string `json:"medium,omitempty"`
	Campaign string `json:"campaign,omitempty"`
	Term     string `json:"term,omitempty"`
	Content  string `json:"content,omitempty"`
	Group    string `json:"group,omitempty"`
}

// Names are the first and last name: those that were told, else Buyer.Name parted at
// its first space.
func (c Customer) Names() (first, last string) {
	if c.Contact.FirstName != "" || c.Contact.LastName != "" {
		return c.Contact.FirstName, c.Contact.LastName
	}
	first, last, _ = strings.Cut(c.Buyer.Name, " ")
	return first, strings.TrimSpace(last)
}

// Call names the customer by first and last name. Documents print them together.
func (c *Customer) Call(first, last string) {
	c.Contact.FirstName, c.Contact.LastName = strings.TrimSpace(first), strings.TrimSpace(last)
	c.Buyer.Name = strings.TrimSpace(c.Contact.FirstName + " " + c.Contact.LastName)
}

// Buyer is who an invoice is made out to, as printed on it.
type Buyer struct {
	Name    string
	Company string
	Address string // lines separated by \n
	City    string // "" where the lines name it
	Country string // ISO 3166-1 alpha-2, "" when unknown
	TaxID   string
	// Region is the state or province, for example CA or ON; with the postal code it
	// tells where sales are taxed.
	Region     string
	PostalCode string
}

// Taxing is what decides about a customer's tax besides the billing address.
type Taxing struct {
	Shipping  Address   // where goods go; the zero value means the billing address
	IPCountry string    // the country that the buyer's address on the network lay in, "" when unknown
	Exempt    string    // why no tax is charged, as printed; "" when it is
	IDState   string    // of Buyer.TaxID: "" unchecked, "valid", "invalid", "unavailable"
	CheckedAt time.Time // when IDState was found; zero when never
}

// Address is where something is sent to.
type Address struct {
	Name       string `json:"name,omitempty"`
	Lines      string `json:"lines,omitempty"` // separated by \n
	Country    string `json:"country,omitempty"`
	Region     string `json:"region,omitempty"`
	PostalCode string `json:"postal_code,omitempty"`
}

// Printed is what a document shows of its buyer.
type Printed struct {
	Email    string `json:"email"`
	Exempt   string `json:"exempt,omitempty"`   // why no tax was charged
	Language string `json:"language,omitempty"` // of the fixed words; "" means English
	Buyer
}

// Printed is what a document issued now shows of its buyer.
func (c Customer) Printed() Printed {
	return Printed{Email: c.Email, Exempt: c.Taxing.Exempt, Language: c.Language, Buyer: c.Buyer}
}

// Limits of a customer's facts.
const (
	MaxMetadata      = 50
	MaxMetadataKey   = 40
	MaxMetadataValue = 500
	maxName          = 200
	maxPhone         = 40
	maxAddress       = 500
)

// Label is what people call the customer: name, company, address or id, whichever
// is known first.
func (c Customer) Label() string {
	for _, s := range []string{c.Buyer.Name, c.Buyer.Company, c.Email} {
		if s != "" {
			return s
		}
	}
	return c.ID.String()
}

func plain(s string, lines bool) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool {
		return r < ' ' && !(lines && r == '\n') || r == 0x7f || r == 0x2028 || r == 0x2029
	})
}

// Check refuses a customer that cannot be. The e-mail address has been read by the
// caller already (account.ParseEmail).
func (c Customer) Check() error {
	var f fault.Fields
	text := func(field, s string, most int, lines bool) {
		f.Check(len(s) <= most, field, "must be at most %d bytes", most)
		f.Check(plain(s, lines), field, "must be plain text without control characters")
		f.Check(!cardnumber.In(s), field, "must not hold a card number")
	}
	f.Check(c.Email != "" || c.Buyer.Name != "" || c.Buyer.Company != "", "email", "must be given when there is no name")
	text("name", c.Buyer.Name, maxName, false)
	text("company", c.Buyer.Company, maxName, false)
	text("first_name", c.Contact.FirstName, maxName, false)
	text("last_name", c.Contact.LastName, maxName, false)
	text("phone", c.Contact.Phone, maxPhone, false)
	for name, s := range map[string]string{"source": c.Source.Source, "medium": c.Source.Medium, "campaign": c.Source.Campaign, "term": c.Source.Term,
		"content": c.Source.Content, "group": c.Source.Group} {
		text("source."+name, s, maxName, false)
	}
	text("address", c.Buyer.Address, maxAddress, true)
	text("city", c.Buyer.City, 100, false)
	text("tax_id", c.Buyer.TaxID, 40, false)
	f.Check(c.Buyer.Country == "" || isCountry(c.Buyer.Country), "country", "must be two capital letters of ISO 3166, for example DE")
	text("region", c.Buyer.Region, 60, false)
	text("postal_code", c.Buyer.PostalCode, 20, false)
	text("shipping.name", c.Taxing.Shipping.Name, maxName, false)
	text("shipping.address", c.Taxing.Shipping.Lines, maxAddress, true)
	text("shipping.region", c.Taxing.Shipping.Region, 60, false)
	text("shipping.postal_code", c.Taxing.Shipping.PostalCode, 20, false)
	text("tax_exempt", c.Taxing.Exempt, 200, false)
	f.Check(c.Taxing.Shipping.Country == "" || isCountry(c.Taxing.Shipping.Country), "shipping.country", "must be two capital letters of ISO 3166, for example DE")
	f.Check(c.Taxing.IPCountry == "" || isCountry(c.Taxing.IPCountry), "ip_country", "must be two capital letters of ISO 3166, for example DE")
	f.Check(c.Language == "" || isLanguage(c.Language), "language", "must be a language tag, for example en or de-AT")
	f.Check(len(c.Metadata) <= MaxMetadata, "metadata", "must have at most %d entries", MaxMetadata)
	for k, v := range c.Metadata {
		f.Check(k != "" && len(k) <= MaxMetadataKey && plain(k, false), "metadata", "has a key that is empty, longer than %d bytes or not plain text", MaxMetadataKey)
		f.Check(!cardnumber.In(k) && !cardnumber.In(v), "metadata", "must not hold a card number")
		f.Check(len(v) <= MaxMetadataValue && plain(v, true), "metadata."+k, "must be plain text of at most %d bytes", MaxMetadataValue)
	}
	return f.Err()
}

// Delete takes the customer out of sight: out of lists and of the way of a new one with
// the same address. Documents that were issued keep what they said. With forget, what
// tells who they are is wiped out of the customer itself.
func (c *Customer) Delete(forget bool, now time.Time) {
	if c.DeletedAt.IsZero() {
		c.DeletedAt = now
	}
	if !forget {
		return
	}
	c.Email, c.Contact, c.Source, c.Metadata = "", Contact{}, Source{}, nil
	c.Buyer = Buyer{Name: "Deleted customer", Country: c.Buyer.Country, Region: c.Buyer.Region}
	c.Taxing = Taxing{Exempt: c.Taxing.Exempt, IPCountry: c.Taxing.IPCountry}
}

func isCountry(s string) bool {
	return len(s) == 2 && s[0] >= 'A' && s[0] <= 'Z' && s[1] >= 'A' && s[1] <= 'Z'
}

func isLanguage(s string) bool {
	if len(s) < 2 || len(s) > 35 {
		return false
	}
	return !strings.ContainsFunc(s, func(r rune) bool {
		return (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-'
	})
}

func metadataText(m map[string]string) string {
	if len(m) == 0 {
		return "{}"
	}
	b, _ := json.Marshal(m) // strings always marshal
	return string(b)
}
