package report

import (
	"context"

	"perennial/internal/account"
	"perennial/internal/db"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/notice"
	"perennial/internal/outbox"
)

// MailView is a mail of the log: what was written to whom and what became of it.
type MailView struct {
	notice.Entry
	Delivery outbox.Delivery // with its body when one mail was asked for
	Message  notice.Message  // whole when one mail was asked for and could be written
}

// Sent reports whether a mail server took the mail; else one that is done was kept.
func (v MailView) Sent() bool { return v.Delivery.State == outbox.Delivered && v.Delivery.Answer != 0 }

// MailQuery narrows the log of mails.
type MailQuery struct {
	Customer id.Customer  // only to that customer; 0 for all
	State    outbox.State // only in that state; "" for all
	Before   id.Delivery  // only what comes after it in the list; 0 for all
	Limit    int
}

// Mails is the log of mails, the newest first.
func (r *Reader) Mails(ctx context.Context, acc id.Account, q MailQuery) ([]MailView, error) {
	return view(ctx, r, func(tx *db.Tx) ([]MailView, error) {
		if q.State == "" {
			list, err := notice.Entries(tx, acc, q.Customer, q.Before, q.Limit)
			if err != nil {
				return nil, err
			}
			return withDeliveries(tx, acc, list)
		}
		// Few are ever dead or waiting: those are looked for by their state.
		owed, err := outbox.List(tx, acc, outbox.Query{Endpoint: outbox.MailEndpointOf(acc), State: q.State, Before: q.Before, Limit: q.Limit})
		if err != nil {
			return nil, err
		}
		ids := make([]int64, len(owed))
		for i, d := range owed {
			ids[i] = int64(d.ID)
		}
		entries, err := notice.EntriesByID(tx, acc, ids)
		if err != nil {
			return nil, err
		}
		var out []MailView
		for _, d := range owed {
			e, ok := entries[d.ID]
			if !ok { // not written yet, or nothing that could be: the delivery is all there is
				e = notice.Entry{ID: d.ID, Account: acc, Event: d.Event, At: d.CreatedAt}
			}
			if q.Customer == 0 || e.Customer == q.Customer {
				out = append(out, MailView{Entry: e, Delivery: d})
			}
		}
		return out, nil
	})
}

func withDeliveries(tx *db.Tx, acc id.Account, list []notice.Entry) ([]MailView, error) {
	ids := make([]int64, len(list))
	for i, e := range list {
		ids[i] = int64(e.ID)
	}
	owed, err := outbox.ByID(tx, acc, ids)
	if err != nil {
		return nil, err
	}
	out := make([]MailView, len(list))
	for i, e := range list {
		out[i] = MailView{Entry: e, Delivery: owed[e.ID]}
	}
	return out, nil
}

// Mail is one mail, whole.
func (r *Reader) Mail(ctx context.Context, acc id.Account, mail id.Delivery) (MailView, error) {
	return view(ctx, r, func(tx *db.Tx) (MailView, error) {
		e, err := notice.LoadEntry(tx, acc, mail)
		if err != nil {
			return MailView{}, err
		}
		d, err := outbox.Load(tx, acc, mail)
		if err != nil {
			return MailView{}, err
		}
		v := MailView{Entry: e, Delivery: d}
		if d.Body != "" {
			v.Message, err = notice.ReadMessage(d.Body)
		}
		return v, err
	})
}

// MailSetUp is everything that an account said about its mails.
type MailSetUp struct {
	Account  account.Account
	Settings notice.Settings
	Brands   map[id.Campaign]notice.Brand
	Texts    []notice.Own
	Endpoint outbox.Endpoint // whose address names the account's own mail server
}

// Own is the account's own text of a mail, if it has one.
func (m MailSetUp) Own(k notice.Kind, campaign id.Campaign, language string) (notice.Own, bool) {
	for _, o := range m.Texts {
		if o.Kind == k && o.Campaign == campaign && o.Language == language {
			return o, true
		}
	}
	return notice.Own{}, false
}

// MailSetUp is everything that an account said about its mails.
func (r *Reader) MailSetUp(ctx context.Context, acc id.Account) (MailSetUp, error) {
	return view(ctx, r, func(tx *db.Tx) (MailSetUp, error) {
		var m MailSetUp
		var err error
		if m.Account, err = account.Load(tx, acc); err != nil {
			return m, err
		}
		if m.Settings, err = notice.LoadSettings(tx, acc); err != nil {
			return m, err
		}
		if m.Brands, err = notice.Brands(tx, acc); err != nil {
			return m, err
		}
		if m.Texts, err = notice.Texts(tx, acc); err != nil {
			return m, err
		}
		m.Endpoint, err = outbox.MailEndpoint(tx, acc)
		return m, err
	})
}

// Suppressions are the addresses that the account does not write to, the newest first;
// with an address, that one alone.
func (r *Reader) Suppressions(ctx context.Context, acc id.Account, address string, before id.Suppression, limit int) ([]notice.Suppression, error) {
	return view(ctx, r, func(tx *db.Tx) ([]notice.Suppression, error) {
		return notice.Suppressions(tx, acc, address, before, limit)
	})
}

// GetsOptional reports whether a customer gets the mails that need not be sent.
func (r *Reader) GetsOptional(ctx context.Context, acc id.Account, c id.Customer) (bool, error) {
	return view(ctx, r, func(tx *db.Tx) (bool, error) {
		only, err := notice.OnlyRequired(tx, acc, []int64{int64(c)})
		return !only[c], err
	})
}

// errNoMail says that there is nothing to show of a mail.
var errNoMail = fault.New(fault.NotFound, "this mail could not be written; there is nothing to show")

// Page is the mail's HTML as it would be shown, markers for addresses still in it.
func (v MailView) Page() (string, error) {
	if v.Message.HTML == "" {
		return "", errNoMail
	}
	return v.Message.HTML, nil
}
