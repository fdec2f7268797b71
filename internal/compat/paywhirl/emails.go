package paywhirl

import (
	"context"
	"net/http"
	"strings"

	"perennial/internal/commerce"
	"perennial/internal/id"
	"perennial/internal/locale"
	"perennial/internal/notice"
	"perennial/internal/params"
)

func (d *Door) emailRoutes() []route {
	return []route{
		{http.MethodGet, "/email/{id}", d.email},
		{http.MethodPost, "/send-email", d.sendEmail},
	}
}

// emailWire is a template of a mail to customers.
type emailWire struct {
	ID       int64  `json:"id"`
	UserID   int64  `json:"user_id"`
	Name     string `json:"name"`
	Title    string `json:"title"`
	Subject  string `json:"subject"`
	Template string `json:"template"`
	Enabled  int    `json:"enabled"`
}

// emailKinds are the mails to customers by their numbers, which are those of a fixed order.
func (d *Door) emailKinds(ctx context.Context, c *caller) (map[int64]notice.Mail, error) {
	var names []string
	for _, m := range notice.Mails {
		if !m.Team {
			names = append(names, string(m.Kind))
		}
	}
	numbers, err := d.numbers(ctx, c, numberEmails, names...)
	if err != nil {
		return nil, err
	}
	out := make(map[int64]notice.Mail, len(names))
	for name, n := range numbers {
		if m, ok := notice.Of(notice.Kind(name)); ok {
			out[n] = m
		}
	}
	return out, nil
}

func (d *Door) email(ctx context.Context, c *caller, _ *params.Values) (any, error) {
	kinds, err := d.emailKinds(ctx, c)
	if err != nil {
		return nil, err
	}
	number := parseNumber(c.path["id"])
	m, ok := kinds[number]
	if !ok {
		return nil, unknown(numberEmails)
	}
	set, err := d.r.MailSetUp(ctx, c.account.ID)
	if err != nil {
		return nil, err
	}
	english := locale.For(locale.Languages()[0])
	said, _ := notice.Default(m.Kind, english)
	if own, ok := set.Own(m.Kind, 0, english.Language().String()); ok {
		said = own.Text
	}
	user, err := d.user(ctx, c)
	return emailWire{ID: number, UserID: user, Name: string(m.Kind), Title: m.Title, Subject: said.Subject, Template: said.Body, Enabled: flag(!set.Settings.Off(m.Kind))}, err
}

// sendEmail sends one of the mails to a customer. Which further parameters it needs depends on
// the mail; the refusal names what is missing.
func (d *Door) sendEmail(ctx context.Context, c *caller, v *params.Values) (any, error) {
	v.Require("template")
	of, err := d.customerNumbered(ctx, c, required(v, "customer_id"))
	if err != nil || v.Err() != nil {
		return nil, orFields(v, err)
	}
	send := commerce.SendMail{Call: c.call(), Customer: of, Kind: notice.Kind(strings.ToLower(v.Text("template")))}
	if n := parseNumber(v.Text("template")); n != 0 {
		kinds, err := d.emailKinds(ctx, c)
		if err != nil {
			return nil, err
		}
		send.Kind = kinds[n].Kind
	}
	if n := numberOf(v, "invoice_id"); n != 0 {
		if send.Invoice, err = d.issuedInvoice(ctx, c, n); err != nil {
			return nil, err
		}
	}
	if n := numberOf(v, "subscription_id"); n != 0 {
		if send.Subscription, err = thing[id.Subscription](ctx, d, c, commerce.NumberSubscriptions, n); err != nil {
			return nil, err
		}
	}
	if v.Err() != nil {
		return nil, v.Err()
	}
	_, err = d.s.SendMail(ctx, send)
	return success, renamed(err, map[string]string{"kind": "template", "customer": "customer_id", "invoice": "invoice_id", "subscription": "subscription_id"})
}

// issuedInvoice is the invoice with a number that has been made already.
func (d *Door) issuedInvoice(ctx context.Context, c *caller, number int64) (id.Invoice, error) {
	b, err := d.billNumbered(ctx, c, number)
	if err != nil {
		return 0, err
	}
	if b.made == nil {
		return 0, unknown(commerce.NumberInvoices)
	}
	return b.made.Invoice.ID, nil
}
