package link_test

import (
	"errors"
	"sync"
	"testing"
	"time"

	"perennial/internal/account"
	"perennial/internal/clock"
	"perennial/internal/db"
	"perennial/internal/db/dbtest"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/link"
	"perennial/internal/seal"
)

var now = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)

type desk struct {
	*testing.T
	db      *db.DB
	account id.Account
	keys    *seal.Keys
	clock   *clock.Manual
}

func newDesk(t *testing.T, open func() *db.DB) *desk {
	keys, err := seal.Parse(seal.New())
	if err != nil {
		t.Fatal(err)
	}
	d := &desk{t, open(), id.New[id.Account](), keys, clock.NewManual(now)}
	d.update(func(tx *db.Tx) error {
		return account.Insert(tx, account.Account{ID: d.account, Name: "Acme", Mode: account.Sandbox, Currency: "USD", Zone: "UTC", Email: "help@example.com", CreatedAt: now})
	})
	return d
}

func (d *desk) update(fn func(tx *db.Tx) error) {
	d.Helper()
	if err := d.db.Update(d.Context(), fn); err != nil {
		d.Fatal(err)
	}
}

// mint is a new link and its secret.
func (d *desk) mint(purpose link.Purpose, customer id.Customer, subject int64) (link.Link, string) {
	d.Helper()
	l := link.New(d.keys, d.account, purpose, customer, subject, d.clock.Now())
	d.update(func(tx *db.Tx) error { return link.Mint(tx, d.account, []link.Link{l}, d.clock.Now()) })
	secret, err := l.Secret(d.keys)
	if err != nil {
		d.Fatal(err)
	}
	return l, secret
}

// look is what a GET does: it finds the link and says whether it works.
func (d *desk) look(secret string) error {
	return d.db.View(d.Context(), func(tx *db.Tx) error {
		l, err := link.BySecret(tx, secret)
		if err != nil {
			return err
		}
		return l.Check(d.clock.Now())
	})
}

// use is what a POST does.
func (d *desk) use(secret string) error {
	return d.db.Update(d.Context(), func(tx *db.Tx) error {
		l, err := link.BySecret(tx, secret)
		if err != nil {
			return err
		}
		return link.Use(tx, l, d.clock.Now())
	})
}

func (d *desk) refused(err error, code string) {
	d.Helper()
	var f *fault.Error
	if !errors.As(err, &f) || f.Code != code {
		d.Errorf("%v, want %s", err, code)
	}
}

func TestLinkIsUsedOnce(t *testing.T) {
	dbtest.Engines(t, func(t *testing.T, open func() *db.DB) {
		d := newDesk(t, open)
		_, secret := d.mint(link.UpdateMethod, 7, 9)
		for range 3 { // mail scanners
			if err := d.look(secret); err != nil {
				t.Fatal(err)
			}
		}
		if err := d.use(secret); err != nil {
			t.Fatal(err)
		}
		d.refused(d.use(secret), "link_used")
		d.refused(d.look(secret), "link_used")
	})
}

func TestLinkExpires(t *testing.T) {
	dbtest.Engines(t, func(t *testing.T, open func() *db.DB) {
		d := newDesk(t, open)
		_, secret := d.mint(link.ConfirmPayment, 7, 9)
		d.clock.Set(now.Add(link.Life - time.Microsecond))
		if err := d.look(secret); err != nil {
			t.Fatal(err)
		}
		d.clock.Set(now.Add(link.Life))
		d.refused(d.use(secret), "link_expired")
	})
}

func TestNewestLinkReplacesOlder(t *testing.T) {
	dbtest.Engines(t, func(t *testing.T, open func() *db.DB) {
		d := newDesk(t, open)
		_, old := d.mint(link.UpdateMethod, 7, 9)
		_, other := d.mint(link.UpdateMethod, 7, 10)
		_, confirm := d.mint(link.ConfirmPayment, 7, 9)
		_, general := d.mint(link.UpdateMethod, 7, 0)
		_, stranger := d.mint(link.UpdateMethod, 8, 0)
		_, latest := d.mint(link.UpdateMethod, 7, 9)
		_, newer := d.mint(link.UpdateMethod, 7, 0)
		d.refused(d.use(old), "link_replaced")
		d.refused(d.use(general), "link_replaced")
		for _, secret := range []string{other, confirm, stranger, latest, newer} {
			if err := d.use(secret); err != nil {
				t.Error(err)
			}
		}
	})
}

func TestSecretsThatAreNone(t *testing.T) {
	dbtest.Engines(t, func(t *testing.T, open func() *db.DB) {
		d := newDesk(t, open)
		l, secret := d.mint(link.UpdateMethod, 7, 9)
		for _, wrong := range []string{"", "x", l.Hash, l.ID.String(), secret + "A", secret[1:], "A" + secret[1:]} {
			if wrong == secret {
				continue
			}
			if err := d.use(wrong); !fault.Is(err, fault.NotFound) {
				t.Errorf("%q: %v", wrong, err)
			}
		}
		other, err := seal.Parse(seal.New())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := l.Secret(other); err == nil {
			t.Error("another installation made the secret")
		}
		l.Purpose = link.PayInvoice // somebody who can write rows
		if _, err := l.Secret(d.keys); err == nil {
			t.Error("the secret serves another purpose")
		}
	})
}

func TestAskingForLinksIsLimited(t *testing.T) {
	dbtest.Engines(t, func(t *testing.T, open func() *db.DB) {
		d := newDesk(t, open)
		ask := func(customer id.Customer) error {
			return d.db.Update(t.Context(), func(tx *db.Tx) error {
				if err := link.Allow(tx, d.account, customer, d.clock.Now()); err != nil {
					return err
				}
				return link.Mint(tx, d.account, []link.Link{link.New(d.keys, d.account, link.UpdateMethod, customer, 0, d.clock.Now())}, d.clock.Now())
			})
		}
		for range link.AskedMost {
			if err := ask(7); err != nil {
				t.Fatal(err)
			}
		}
		if err := ask(7); !fault.Is(err, fault.Limited) {
			t.Errorf("%v, want limited", err)
		}
		if err := ask(8); err != nil {
			t.Error(err)
		}
		d.clock.Set(now.Add(link.AskedWithin))
		if err := ask(7); err != nil {
			t.Error(err)
		}
	})
}

// Whoever comes at the same moment: one uses the link, all others are refused.
func TestManyUseALinkAtOnce(t *testing.T) {
	dbtest.Engines(t, func(t *testing.T, open func() *db.DB) {
		d := newDesk(t, open)
		_, secret := d.mint(link.UpdateMethod, 7, 9)
		var mu sync.Mutex
		var used int
		var wg sync.WaitGroup
		for range 8 {
			wg.Go(func() {
				err := d.use(secret)
				mu.Lock()
				defer mu.Unlock()
				if err == nil {
					used++
				} else {
					d.refused(err, "link_used")
				}
			})
		}
		wg.Wait()
		if used != 1 {
			t.Errorf("used %d times", used)
		}
	})
}
