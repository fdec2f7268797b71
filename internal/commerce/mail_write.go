package commerce

import (
	"context"
	"fmt"
	"runtime/debug"
	"time"

	"perennial/internal/account"
	"perennial/internal/catalog"
	"perennial/internal/customer"
	"perennial/internal/db"
	"perennial/internal/event"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/invoice"
	"perennial/internal/locale"
	"perennial/internal/notice"
	"perennial/internal/outbox"
	"perennial/internal/payment"
	"perennial/internal/subscription"
)

// SandboxPrefix begins the subject of every mail of a sandbox.
const SandboxPrefix = "[Sandbox] "

// UseMailServer says that this installation has a mail server of its own; without one,
// the mails of accounts that name none are kept to be looked at. It is called before
// anything else, by whoever wires the program.
func (s *Service) UseMailServer() { s.mailServer = true }

// WriteMails composes the mails that are owed because of events and enters them in the
// log: the Render of the outbox for endpoints of the kind outbox.Mail. What is wrong
// with one of them is said of that one.
func (s *Service) WriteMails(tx *db.Tx, e outbox.Endpoint, list []outbox.Delivery) ([]outbox.Rendering, error) {
	w := &mailing{service: s, endpoint: e, list: list}
	if err := w.load(tx); err != nil {
		return nil, err
	}
	made := make([]outbox.Rendering, len(list))
	var log []notice.Entry
	for i := range list {
		if until := w.early(list[i]); !until.IsZero() {
			made[i] = outbox.Rendering{Fate: outbox.Wait, Until: until}
			continue
		}
		m, err := w.write(tx, list[i])
		switch {
		case err != nil && !refusedByRule(err) && !fault.Is(err, fault.NotFound):
			return nil, err
		case err != nil:
			m.Rendering = outbox.Rendering{Fate: outbox.Refuse, Reason: fault.As(err).Message}
		}
		made[i] = m.Rendering
		if m.Fate != outbox.Drop && m.entry.Kind != "" {
			log = append(log, m.entry)
		}
	}
	return made, notice.Log(tx, e.Account, log)
}

// mailing is a batch of mails on their way to be written, with what they are about.
type mailing struct {
	service  *Service
	endpoint outbox.Endpoint
	list     []outbox.Delivery

	account  account.Account
	settings notice.Settings
	brands   map[id.Campaign]notice.Brand
	texts    map[textKey]notice.Text

	events    map[id.Event]event.Event
	facts     map[id.Event]mailFacts
	subs      map[id.Subscription]subscription.Subscription
	invoices  map[id.Invoice]invoice.Invoice
	lines     map[id.Invoice][]invoice.Line
	payments  map[id.Payment]payment.Payment
	methods   map[id.Method]payment.Method
	customers map[id.Customer]customer.Customer
	products  map[id.Product]catalog.Product
	prices    map[id.Price]catalog.Price

	instructions map[string]string // how to pay by hand, by gateway

	suppressed map[string]notice.Reason
	onlyMust   map[id.Customer]bool
}

type textKey struct {
	kind     notice.Kind
	campaign id.Campaign
	language string
}

// confirmGrace is how long a customer who is in the browser has to confirm a payment
// there, before a mail asks them to.
const confirmGrace = 10 * time.Minute

// early is when to write a mail for which it is too early now, zero for all others. A
// sandbox's clock may leap over any wait, and nobody is disturbed by its mails.
func (w *mailing) early(d outbox.Delivery) time.Time {
	until := d.CreatedAt.Add(confirmGrace)
	if w.events[d.Event].Kind != event.PaymentNeedsConfirmation || w.account.Mode == account.Sandbox || !until.After(w.service.clock.Now()) {
		return time.Time{}
	}
	return until
}

// written is what became of one mail.
type written struct {
	outbox.Rendering
	entry notice.Entry
}

// letter is one mail before it is written: which, to whom, about what.
type letter struct {
	kind     notice.Kind
	customer id.Customer
	campaign id.Campaign
	facts    notice.Facts
}

// write composes one mail. An error that a rule made is the mail's own.
func (w *mailing) write(tx *db.Tx, d outbox.Delivery) (m written, err error) {
	e, ok := w.events[d.Event]
	if !ok {
		return m, fault.New(fault.NotFound, "the event is no longer there")
	}
	l, ok, err := w.choose(tx, e)
	if err != nil {
		return m, err
	}
	mail, known := notice.Of(l.kind)
	if !ok || !known || w.settings.Off(l.kind) {
		m.Fate = outbox.Drop
		return m, nil
	}
	buyer := w.customers[l.customer]
	m.entry = notice.Entry{ID: d.ID, Account: d.Account, Event: e.ID, Kind: l.kind, At: e.At}
	to, name := buyer.Email, buyer.Buyer.Name
	if mail.Team {
		to, name = w.settings.Team, ""
		if to == "" {
			to = w.account.Email
		}
	} else {
		m.entry.Customer = l.customer
	}
	m.entry.Recipient = to
	spoken := locale.Named(buyer.Language)
	text, spoken, own := w.text(mail, l.campaign, spoken)
	m.entry.Language = spoken.Language().String()
	brand := w.brand(l.campaign)
	w.complete(&l.facts, buyer)
	composed, err := compose(mail, text, l.facts, brand, spoken)
	if err != nil && own { // the list of placeholders changed since it was saved
		text, spoken = notice.Default(l.kind, spoken)
		composed, err = compose(mail, text, l.facts, brand, spoken)
	}
	if err != nil {
		return m, err
	}
	sandbox := w.account.Mode == account.Sandbox
	if sandbox {
		composed.Subject = SandboxPrefix + composed.Subject
	}
	m.entry.Subject = composed.Subject
	if err := w.deliverable(mail, l.customer, to); err != nil {
		return m, err
	}
	from := brand.FromName
	if from == "" {
		from = brand.Name
	}
	m.Body = notice.Message{Kind: l.kind, To: to, ToName: name, FromName: from, ReplyTo: brand.ReplyTo, Copy: w.settings.Mails[l.kind].Copy,
		Subject: composed.Subject, Text: composed.Text, HTML: composed.HTML, Link: l.facts.Link, At: e.At.Unix(), Held: sandbox, Optional: mail.Must == "" && !mail.Team}.Body()
	if sandbox || w.endpoint.Secret == "" && !w.service.mailServer {
		m.Fate = outbox.Keep
	}
	return m, nil
}

// compose makes a mail; what breaks in it breaks it alone.
func compose(m notice.Mail, t notice.Text, f notice.Facts, b notice.Brand, l locale.Locale) (c notice.Composed, err error) {
	defer func() {
		if r := recover(); r != nil {
			err = fault.Wrap(fault.Conflict, fmt.Errorf("%v\n%s", r, debug.Stack()), "the mail could not be composed")
		}
	}()
	return m.Compose(t, m.Values(f, b, l), b, l)
}

// deliverable refuses who cannot or does not want to be written to.
func (w *mailing) deliverable(m notice.Mail, who id.Customer, to string) error {
	switch reason, stopped := w.suppressed[to]; {
	case to == "":
		return fault.New(fault.Conflict, "the customer has no e-mail address")
	case stopped:
		return fault.New(fault.Conflict, "nothing is sent to this address any more (%s)", reason)
	case w.onlyMust[who] && m.Must == "" && !m.Team:
		return fault.New(fault.Conflict, "the customer wants only the mails that must be sent")
	}
	return nil
}

// text is what a mail says in a language: the campaign's own text, else the account's,
// else what comes with the program.
func (w *mailing) text(m notice.Mail, campaign id.Campaign, l locale.Locale) (notice.Text, locale.Locale, bool) {
	for _, of := range []id.Campaign{campaign, 0} {
		if t, ok := w.texts[textKey{m.Kind, of, l.Language().String()}]; ok {
			return t, l, true
		}
	}
	t, l := notice.Default(m.Kind, l)
	return t, l, false
}

// brand is the look of a campaign's mails, with what neither it nor the account says
// taken from the account's facts.
func (w *mailing) brand(campaign id.Campaign) notice.Brand {
	return BrandOf(w.account, w.brands, campaign)
}

// BrandOf is the look of a campaign's mails, whole.
func BrandOf(a account.Account, brands map[id.Campaign]notice.Brand, campaign id.Campaign) notice.Brand {
	legal := ""
	for _, s := range []string{a.Seller.LegalName, a.Seller.Address, a.Seller.TaxID} {
		if s != "" && legal != "" {
			legal += "\n"
		}
		legal += s
	}
	return brands[campaign].Over(brands[0]).Over(notice.Brand{Name: a.Name, Legal: legal, ReplyTo: a.Email})
}

// complete adds what every mail may name.
func (w *mailing) complete(f *notice.Facts, buyer customer.Customer) {
	f.CustomerName, f.CustomerEmail = buyer.Buyer.Name, buyer.Email
	if f.CustomerName == "" {
		f.CustomerName = buyer.Buyer.Company
	}
	f.MerchantName, f.MerchantEmail = w.account.Name, w.account.Email
	zone := w.account.Location()
	for _, t := range []*time.Time{&f.From, &f.Until, &f.NextAt, &f.TrialEnd, &f.EndAt, &f.RequestedAt, &f.PauseFrom, &f.PauseUntil, &f.ChangeAt, &f.NextTry, &f.EvidenceBy} {
		if !t.IsZero() {
			*t = t.In(zone)
		}
	}
}

// SettleMails writes what a sandbox's mails are owed up to now, so that they say what
// is true now and not what a later step of its clock makes true.
func (s *Service) SettleMails(ctx context.Context, acc id.Account) error {
	return s.mails.Settle(ctx, outbox.Endpoint{Account: acc, ID: outbox.MailEndpointOf(acc)})
}

// PreviewMail makes a mail from a text and sample facts, as it would look.
func PreviewMail(a account.Account, brands map[id.Campaign]notice.Brand, m notice.Mail, t notice.Text, campaign id.Campaign, language string, now time.Time) (notice.Composed, error) {
	f := notice.Sample(m, now.In(a.Location()), a.Currency)
	f.MerchantName, f.MerchantEmail = a.Name, a.Email
	c, err := compose(m, t, f, BrandOf(a, brands, campaign), locale.Named(language))
	if err == nil && a.Mode == account.Sandbox {
		c.Subject = SandboxPrefix + c.Subject
	}
	return c, err
}
