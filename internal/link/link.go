package link

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"time"

	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/seal"
)

// Purpose is the one thing that a link lets its holder do.
type Purpose string

// The purposes of links.
const (
	UpdateMethod   Purpose = "update_method"   // give another payment method; what is owed is charged to it
	ConfirmPayment Purpose = "confirm_payment" // confirm a charge with the bank
	PayInvoice     Purpose = "pay_invoice"     // pay one open invoice

	// SignIn opens the customer's own pages once, for a site that knows already who they
	// are. It is a token, which is handed on at once, and no address of a page.
	SignIn Purpose = "sign_in"
	// Browse is such a token for several pages of one visit: it works until it expires.
	Browse Purpose = "browse"
)

// Known reports whether p is a purpose of links that people are given.
func (p Purpose) Known() bool { return p == UpdateMethod || p == ConfirmPayment || p == PayInvoice }

// How long a link works after it was minted.
const (
	Life       = 7 * 24 * time.Hour
	SignInLife = 30 * time.Second
	BrowseLife = 30 * time.Minute
)

// token reports whether links of the purpose are tokens, which no page has as its address.
func (p Purpose) token() bool { return p == SignIn || p == Browse }

// life is how long links of the purpose work.
func (p Purpose) life() time.Duration {
	switch p {
	case SignIn:
		return SignInLife
	case Browse:
		return BrowseLife
	}
	return Life
}

// Link is one link. Its secret is not in it.
type Link struct {
	ID         id.Link
	Account    id.Account
	Purpose    Purpose
	Customer   id.Customer
	Subject    int64  // the invoice that it is about; 0 for the customer's methods alone
	Hash       string // of the secret
	ExpiresAt  time.Time
	UsedAt     time.Time // zero while it was not used
	ReplacedAt time.Time // zero while no newer one took its place
	CreatedAt  time.Time
}

// State is what has become of a link.
type State string

// The states of a link.
const (
	Good     State = "good"
	Used     State = "used"
	Replaced State = "replaced"
	Expired  State = "expired"
)

// State is what has become of the link at now. What ended it first counts.
func (l Link) State(now time.Time) State {
	switch {
	case !l.UsedAt.IsZero():
		return Used
	case !l.ReplacedAt.IsZero() && l.ReplacedAt.Before(l.ExpiresAt):
		return Replaced
	case !now.Before(l.ExpiresAt):
		return Expired
	}
	return Good
}

// Check refuses a link that does not work any more.
func (l Link) Check(now time.Time) error {
	switch l.State(now) {
	case Used:
		return fault.New(fault.Conflict, "this link was used already").WithCode("link_used")
	case Replaced:
		return fault.New(fault.Conflict, "a newer link was sent; use that one").WithCode("link_replaced")
	case Expired:
		return fault.New(fault.Conflict, "this link has expired").WithCode("link_expired")
	}
	return nil
}

// ErrUnknown refuses a secret that no link has, in the same words whatever is wrong.
var ErrUnknown = fault.New(fault.NotFound, "there is no such link")

// New makes a link at an instant of the account's clock.
func New(keys *seal.Keys, account id.Account, purpose Purpose, customer id.Customer, subject int64, now time.Time) Link {
	l := Link{ID: id.New[id.Link](), Account: account, Purpose: purpose, Customer: customer, Subject: subject, ExpiresAt: now.Add(purpose.life()), CreatedAt: now}
	l.Hash = hash(spell(keys.Derive(account, l.derivation())[0]))
	return l
}

// derivation names the link to the keys. The purpose is in it: a link cannot be made
// into one of another purpose by whoever can write its row.
func (l Link) derivation() string { return "link " + l.ID.String() + " " + string(l.Purpose) }

// Secret is the last part of the link's address. It refuses a link whose key is gone.
func (l Link) Secret(keys *seal.Keys) (string, error) {
	for _, raw := range keys.Derive(l.Account, l.derivation()) {
		if secret := spell(raw); hash(secret) == l.Hash {
			return secret, nil
		}
	}
	return "", fault.New(fault.Unavailable, "the key that this link was made with is not here any more")
}

func spell(raw []byte) string { return base64.RawURLEncoding.EncodeToString(raw) }

const secretLength = 43 // 32 bytes in base64

// hash is the stored form of a secret of 256 bits.
func hash(secret string) string {
	sum := sha256.Sum256([]byte("perennial link\x00" + secret))
	return hex.EncodeToString(sum[:])
}

// How often one customer may ask for links.
const (
	AskedMost   = 5
	AskedWithin = 10 * time.Minute
)

// errTooMany refuses to mint another link so soon.
func errTooMany() error {
	f := fault.New(fault.Limited, "too many links were made for this customer; wait ten minutes").WithCode("too_many_links")
	f.RetryAfter = AskedWithin
	return f
}
