package commerce

import (
	"context"
	"time"

	"perennial/internal/account"
	"perennial/internal/db"
	"perennial/internal/event"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/invoice"
	"perennial/internal/link"
	"perennial/internal/payment"
	"perennial/internal/recovery"
	"perennial/internal/subscription"
)

// CreateLink makes a secure link for a customer.
type CreateLink struct {
	Call
	Customer id.Customer
	Purpose  link.Purpose
	// Invoice is what the link is about: an open invoice of the customer. It may be 0 for
	// link.UpdateMethod: then it is the one that is being recovered, if there is one.
	Invoice id.Invoice
}

// CreatedLink is a new link and the path of its address, which is kept nowhere.
type CreatedLink struct {
	Link link.Link
	Path string
}

// CreateLink makes a secure link for a customer, because somebody asks for it: at most
// link.AskedMost within link.AskedWithin.
func (s *Service) CreateLink(ctx context.Context, c CreateLink) (CreatedLink, error) {
	return update(ctx, s, c.Call, func(tx *db.Tx, a account.Account, now time.Time) (CreatedLink, error) {
		var made CreatedLink
		if !c.Purpose.Known() {
			return made, fault.BadField("purpose", "must be update_method, confirm_payment or pay_invoice")
		}
		if _, err := present(tx, a, c.Customer); err != nil {
			return made, err
		}
		subject, err := linkSubject(tx, a, c)
		if err != nil {
			return made, err
		}
		if made.Link, err = s.mint(tx, a, c.Purpose, c.Customer, subject, now); err != nil {
			return made, err
		}
		if made.Path, err = s.linkPath(made.Link); err != nil {
			return made, err
		}
		return made, event.Append(tx, a.ID, event.New(a.ID, now, c.Actor, event.LinkCreated, int64(made.Link.ID), c.Customer,
			event.Data(map[string]any{"purpose": made.Link.Purpose, "invoice": id.Invoice(subject), "expires": made.Link.ExpiresAt})))
	})
}

// mint makes a link because somebody asks for it.
func (s *Service) mint(tx *db.Tx, a account.Account, purpose link.Purpose, owner id.Customer, subject int64, now time.Time) (link.Link, error) {
	if err := link.Allow(tx, a.ID, owner, now); err != nil {
		return link.Link{}, err
	}
	made := link.New(s.seals, a.ID, purpose, owner, subject, now)
	return made, link.Mint(tx, a.ID, []link.Link{made}, now)
}

// linkSubject is the invoice that a link is about.
func linkSubject(tx *db.Tx, a account.Account, c CreateLink) (int64, error) {
	if c.Invoice == 0 {
		if c.Purpose != link.UpdateMethod {
			return 0, fault.BadField("invoice", "must be an open invoice of the customer")
		}
		cases, err := recovery.Cases(tx, a.ID, recovery.Filter{Customer: c.Customer, Limit: 50})
		for _, kase := range cases {
			if kase.Running() {
				return int64(kase.Invoice), err
			}
		}
		return 0, err
	}
	v, err := invoice.Load(tx, a.ID, c.Invoice)
	if err != nil {
		return 0, refersTo(err, "invoice")
	}
	if v.Customer != c.Customer || v.State != invoice.Open {
		return 0, fault.BadField("invoice", "must be an open invoice of the customer")
	}
	return int64(v.ID), nil
}

// LinkPath is the path of a link's address, with its secret. It is for whoever hands the
// link to its customer, at that moment: it is kept nowhere.
func (s *Service) LinkPath(ctx context.Context, acc id.Account, of id.Link) (string, error) {
	var path string
	err := s.db.View(ctx, func(tx *db.Tx) error {
		l, err := link.ByID(tx, acc, of)
		if err != nil {
			return err
		}
		path, err = s.linkPath(l)
		return err
	})
	return path, err
}

func (s *Service) linkPath(l link.Link) (string, error) {
	secret, err := l.Secret(s.seals)
	return "/pay/" + secret, err
}

// UseLink does what a link is for.
type UseLink struct {
	Secret string
	Token  string // of the new payment method, from the gateway; "" to charge the present one
	// Consent is how the customer agreed.
	Consent payment.Consent
}

// UsedLink is what came of it.
type UsedLink struct {
	Link    link.Link
	Method  *payment.Method // that was saved; nil when none was
	Paid    []id.Invoice    // that were paid
	Refused error           // why an invoice is still open, fault.Declined or fault.Pending; nil when all are paid
	Next    id.Link         // another link, for another method, when one was declined; else 0
	Again   string          // its path
}

// byCustomer is the actor of what a customer does through a link.
func byCustomer(l link.Link) event.Actor {
	return event.Actor{Kind: event.ByCustomer, Name: l.Customer.String()}
}

// UseLink does what a link is for, once: it saves the new payment method, makes it the one
// of everything that the customer is subscribed to, and collects what is owed with it. A
// token that the gateway refuses uses nothing up, nor does a method that has to be
// confirmed first (ConfirmFirst). When the method was saved and the charge
// is declined, the link is used, and there is another for another try.
func (s *Service) UseLink(ctx context.Context, c UseLink) (UsedLink, error) {
	l, err := s.goodLink(ctx, c.Secret)
	if err != nil {
		return UsedLink{}, err
	}
	if l.Purpose == link.UpdateMethod && c.Token == "" {
		return UsedLink{}, errToken
	}
	var saved *instrument
	if c.Token != "" {
		got, err := s.save(ctx, l.Account, saving{token: c.Token, customer: l.Customer, price: priceBehind(ctx, s, l), chargeFollows: l.Subject != 0, consent: c.Consent})
		if err != nil {
			return UsedLink{}, err
		}
		saved = &got
	}
	used := UsedLink{Link: l}
	var owed []id.Invoice
	err = s.db.Update(ctx, func(tx *db.Tx) error {
		used.Method, owed = nil, nil
		a, err := account.Load(tx, l.Account)
		if err != nil {
			return err
		}
		now := a.Now(s.clock.Now())
		if err := link.Use(tx, l, now); err != nil {
			return err
		}
		if saved != nil {
			if used.Method, owed, err = replaceMethod(tx, a, now, byCustomer(l), l.Customer, *saved); err != nil {
				return err
			}
		}
		if l.Subject != 0 {
			if owed, err = alsoOwed(tx, a, owed, id.Invoice(l.Subject)); err != nil {
				return err
			}
			if err := throughLink(tx, a, id.Invoice(l.Subject)); err != nil {
				return err
			}
		}
		return event.Append(tx, a.ID, event.New(a.ID, now, byCustomer(l), event.LinkUsed, int64(l.ID), l.Customer,
			event.Data(map[string]any{"purpose": l.Purpose, "invoice": id.Invoice(l.Subject)})))
	})
	if err != nil {
		return UsedLink{}, err
	}
	return used, s.collectUsed(context.WithoutCancel(ctx), &used, owed, c.Consent)
}

// priceBehind is the price of what a link is about: its campaign says at which gateway a new
// method is saved. 0 asks for the account's default.
func priceBehind(ctx context.Context, s *Service, l link.Link) id.Price {
	var price id.Price
	_ = s.db.View(ctx, func(tx *db.Tx) error { // without it, the default is right
		price = 0
		v, err := invoice.Load(tx, l.Account, id.Invoice(l.Subject))
		if err != nil || v.Subscription == 0 {
			return err
		}
		sub, err := subscription.Load(tx, l.Account, v.Subscription)
		price = sub.Price
		return err
	})
	return price
}

// throughLink notes that the customer is paying an invoice through a link.
func throughLink(tx *db.Tx, a account.Account, v id.Invoice) error {
	cases, err := recovery.CasesOf(tx, a.ID, []int64{int64(v)})
	if err != nil || cases[v] == nil || !cases[v].Running() {
		return err
	}
	cases[v].RecoveredBy = recovery.ByLink
	return saveCases(tx, []*recovery.Case{cases[v]})
}

// replaceMethod saves a new payment method and makes it that of everything the customer is
// subscribed to.
func replaceMethod(tx *db.Tx, a account.Account, now time.Time, by event.Actor, owner id.Customer, saved instrument) (*payment.Method, []id.Invoice, error) {
	m, err := attach(tx, a, now, by, owner, saved)
	if err != nil {
		return nil, nil, err
	}
	if err := subscription.SwitchMethod(tx, a.ID, owner, m.ID); err != nil {
		return nil, nil, err
	}
	owed, err := tryAnew(tx, a, owner, 0, 0, recovery.ByLink, now)
	return &m, owed, err
}

// alsoOwed adds the invoice that a link is about, if it is open and not among them.
func alsoOwed(tx *db.Tx, a account.Account, owed []id.Invoice, subject id.Invoice) ([]id.Invoice, error) {
	for _, v := range owed {
		if v == subject {
			return owed, nil
		}
	}
	v, err := invoice.Load(tx, a.ID, subject)
	if err != nil || v.State != invoice.Open {
		return owed, err
	}
	return append(owed, subject), nil
}

// collectUsed charges what the customer owes with what they gave.
func (s *Service) collectUsed(ctx context.Context, used *UsedLink, owed []id.Invoice, consent payment.Consent) error {
	l := used.Link
	call := Call{Account: l.Account, Actor: byCustomer(l)}
	for _, v := range owed {
		c := Collect{Call: call, Invoice: v, Present: true, Consent: consent}
		if used.Method != nil {
			c.Method = used.Method.ID
		}
		_, err := s.Collect(ctx, c)
		switch {
		case err == nil:
			used.Paid = append(used.Paid, v)
		case fault.Is(err, fault.Declined), fault.Is(err, fault.Pending), fault.Is(err, fault.Conflict):
			if used.Refused == nil {
				used.Refused = err
			}
		default:
			return err
		}
	}
	if !fault.Is(used.Refused, fault.Declined) {
		return nil
	}
	next, err := s.another(ctx, l, call.Actor, false)
	if fault.Is(err, fault.Limited) {
		return nil // they may ask again later
	}
	if err == nil {
		used.Next = next.ID
		used.Again, err = s.linkPath(next)
	}
	return err
}

// goodLink is the link with a secret, when it still works.
func (s *Service) goodLink(ctx context.Context, secret string) (link.Link, error) {
	var l link.Link
	err := s.db.View(ctx, func(tx *db.Tx) error {
		var err error
		if l, err = link.BySecret(tx, secret); err != nil {
			return err
		}
		a, err := account.Load(tx, l.Account)
		if err != nil {
			return err
		}
		return l.Check(a.Now(s.clock.Now()))
	})
	return l, err
}

// another makes a link for the same as one that is over. Mailed says that its customer is
// to get it by mail, and not at once.
func (s *Service) another(ctx context.Context, old link.Link, by event.Actor, mailed bool) (link.Link, error) {
	return update(ctx, s, Call{Account: old.Account, Actor: by}, func(tx *db.Tx, a account.Account, now time.Time) (link.Link, error) {
		purpose := old.Purpose
		if !mailed {
			purpose = link.UpdateMethod // what was given did not work
		}
		made, err := s.mint(tx, a, purpose, old.Customer, old.Subject, now)
		if err != nil || !mailed {
			return made, err
		}
		return made, event.Append(tx, a.ID, event.New(a.ID, now, by, event.LinkRequested, int64(made.ID), made.Customer,
			event.Data(map[string]any{"link": made.ID, "purpose": made.Purpose, "invoice": id.Invoice(made.Subject)})))
	})
}

// RequestLink mails a new link to the customer of one that has expired, at the address on
// file: who holds an old link learns nothing by it. One that still works, or was used, is
// refused.
func (s *Service) RequestLink(ctx context.Context, secret string) error {
	var old link.Link
	err := s.db.View(ctx, func(tx *db.Tx) error {
		var err error
		if old, err = link.BySecret(tx, secret); err != nil {
			return err
		}
		a, err := account.Load(tx, old.Account)
		if err != nil {
			return err
		}
		switch old.State(a.Now(s.clock.Now())) {
		case link.Expired, link.Replaced:
			return nil
		case link.Used:
			return old.Check(a.Now(s.clock.Now()))
		}
		return fault.New(fault.Conflict, "this link still works").WithCode("link_works")
	})
	if err != nil {
		return err
	}
	_, err = s.another(ctx, old, byCustomer(old), true)
	return err
}
