package commerce

import (
	"context"
	"strings"
	"time"

	"golang.org/x/text/language"

	"perennial/internal/account"
	"perennial/internal/catalog"
	"perennial/internal/customer"
	"perennial/internal/db"
	"perennial/internal/event"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/locale"
	"perennial/internal/notice"
	"perennial/internal/outbox"
)

// UpdateMail changes how an account mails.
type UpdateMail struct {
	Call
	Team *string // where mails to the team go; "" means the support address
	Kind notice.Kind
	Off  *bool
	Copy *string // an address that gets a blind copy of Kind; "" for none
}

// UpdateMail changes how an account mails: where its team is reached, and, when Kind is
// given, whether that mail is sent and who gets a blind copy.
func (s *Service) UpdateMail(ctx context.Context, c UpdateMail) (notice.Settings, error) {
	return update(ctx, s, c.Call, func(tx *db.Tx, a account.Account, now time.Time) (notice.Settings, error) {
		m, err := notice.LoadSettings(tx, a.ID)
		if err != nil {
			return m, err
		}
		set(&m.Team, c.Team)
		if c.Kind != "" {
			one := m.Mails[c.Kind]
			set(&one.Off, c.Off)
			set(&one.Copy, c.Copy)
			if err := m.Set(c.Kind, one); err != nil {
				return m, err
			}
		}
		if err := notice.SaveSettings(tx, m); err != nil {
			return m, err
		}
		if err := listen(tx, a.ID, m); err != nil {
			return m, err
		}
		return m, event.Append(tx, a.ID, event.New(a.ID, now, c.Actor, event.MailSettingsUpdated, int64(a.ID), 0, event.Data(map[string]any{"team": m.Team, "mail": c.Kind})))
	})
}

// listen makes the built-in endpoint want the events of all mails that are not off.
func listen(tx *db.Tx, acc id.Account, m notice.Settings) error {
	e, err := outbox.MailEndpoint(tx, acc)
	if err != nil {
		return err
	}
	want := notice.Wanted(m.Off)
	if strings.Join(e.Events, " ") == strings.Join(want, " ") {
		return nil
	}
	e.Events = want
	return outbox.SaveEndpoint(tx, &e)
}

// RefreshMails brings what the built-in endpoints of all accounts want up to date with
// the mails of this version of the program.
func (s *Service) RefreshMails(ctx context.Context) error {
	var all []account.Account
	err := s.db.View(ctx, func(tx *db.Tx) (err error) {
		all, err = account.All(tx)
		return err
	})
	if err != nil {
		return err
	}
	for _, a := range all {
		err := s.db.Update(ctx, func(tx *db.Tx) error {
			m, err := notice.LoadSettings(tx, a.ID)
			if err != nil {
				return err
			}
			return listen(tx, a.ID, m)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// SetMailServer names the mail server of an account's own.
type SetMailServer struct {
	Call
	Address string // as it is shown; "" goes back to the installation's
	Sealed  string // how to use it, sealed
}

// SetMailServer names the mail server of an account's own. What waits is sent with it
// from the next try on.
func (s *Service) SetMailServer(ctx context.Context, c SetMailServer) (outbox.Endpoint, error) {
	return update(ctx, s, c.Call, func(tx *db.Tx, a account.Account, now time.Time) (outbox.Endpoint, error) {
		e, err := outbox.MailEndpoint(tx, a.ID)
		if err != nil {
			return e, err
		}
		e.Address, e.Secret, e.FailingSince = c.Address, c.Sealed, time.Time{}
		if err := outbox.SaveEndpoint(tx, &e); err != nil {
			return e, err
		}
		return e, event.Append(tx, a.ID, event.New(a.ID, now, c.Actor, event.MailSettingsUpdated, int64(a.ID), 0, event.Data(map[string]any{"server": c.Address})))
	})
}

// SetBrand gives the account's mails, or those of a campaign, a look.
type SetBrand struct {
	Call
	Campaign id.Campaign // 0 for the account
	Brand    notice.Brand
}

// SetBrand gives the account's mails, or those of a campaign, a look. Mails that were
// written keep theirs.
func (s *Service) SetBrand(ctx context.Context, c SetBrand) (notice.Brand, error) {
	return update(ctx, s, c.Call, func(tx *db.Tx, a account.Account, now time.Time) (notice.Brand, error) {
		kind, subject := event.BrandingUpdated, int64(a.ID)
		if c.Campaign != 0 {
			if _, err := catalog.LoadCampaign(tx, a.ID, c.Campaign); err != nil {
				return c.Brand, err
			}
			kind, subject = event.CampaignBranded, int64(c.Campaign)
		}
		if err := notice.SetBrand(tx, a.ID, c.Campaign, c.Brand); err != nil {
			return c.Brand, err
		}
		return c.Brand, event.Append(tx, a.ID, event.New(a.ID, now, c.Actor, kind, subject, 0, event.Data(map[string]any{"name": c.Brand.Name})))
	})
}

// SetMailText gives a mail a text of the account's own.
type SetMailText struct {
	Call
	notice.Own
}

// SetMailText gives a mail a text of the account's own: for all campaigns or one, in one
// language. A text that the mail cannot be made from is refused with the place that is
// wrong.
func (s *Service) SetMailText(ctx context.Context, c SetMailText) (notice.Own, error) {
	return update(ctx, s, c.Call, func(tx *db.Tx, a account.Account, now time.Time) (notice.Own, error) {
		c.UpdatedAt = now
		m, ok := notice.Of(c.Kind)
		if !ok {
			return c.Own, fault.New(fault.NotFound, "there is no mail of that kind")
		}
		if err := checkLanguage(c.Language); err != nil {
			return c.Own, err
		}
		if c.Campaign != 0 {
			if _, err := catalog.LoadCampaign(tx, a.ID, c.Campaign); err != nil {
				return c.Own, refersTo(err, "campaign")
			}
		}
		if err := m.Check(c.Text); err != nil {
			return c.Own, err
		}
		if err := notice.SetText(tx, a.ID, c.Own); err != nil {
			return c.Own, err
		}
		return c.Own, event.Append(tx, a.ID, event.New(a.ID, now, c.Actor, event.TemplateUpdated, int64(a.ID), 0,
			event.Data(map[string]any{"mail": c.Kind, "language": c.Language, "campaign": c.Campaign})))
	})
}

// checkLanguage refuses what is not one of the languages that customers are written in.
func checkLanguage(s string) error {
	tag, err := language.Parse(s)
	if err == nil {
		for _, spoken := range locale.Languages() {
			if spoken == tag {
				return nil
			}
		}
	}
	var names []string
	for _, spoken := range locale.Languages() {
		names = append(names, spoken.String())
	}
	return fault.BadField("language", "must be one of %s", strings.Join(names, ", "))
}

// RemoveMailText goes back to the text that comes with the program.
type RemoveMailText struct {
	Call
	Kind     notice.Kind
	Campaign id.Campaign
	Language string
}

// RemoveMailText goes back to the text that comes with the program. NotFound when there
// is no other.
func (s *Service) RemoveMailText(ctx context.Context, c RemoveMailText) error {
	_, err := update(ctx, s, c.Call, func(tx *db.Tx, a account.Account, now time.Time) (struct{}, error) {
		was, err := notice.RemoveText(tx, a.ID, c.Kind, c.Campaign, c.Language)
		if err == nil && !was {
			err = fault.New(fault.NotFound, "this mail has no text of your own in that language")
		}
		if err != nil {
			return struct{}{}, err
		}
		return struct{}{}, event.Append(tx, a.ID, event.New(a.ID, now, c.Actor, event.TemplateRemoved, int64(a.ID), 0,
			event.Data(map[string]any{"mail": c.Kind, "language": c.Language, "campaign": c.Campaign})))
	})
	return err
}

// Suppress stops mails to an address.
type Suppress struct {
	Call
	Address string
	Reason  notice.Reason
}

// Suppress stops mails to an address. One that is stopped already keeps its first
// reason.
func (s *Service) Suppress(ctx context.Context, c Suppress) (notice.Suppression, error) {
	return update(ctx, s, c.Call, func(tx *db.Tx, a account.Account, now time.Time) (notice.Suppression, error) {
		address, err := account.ParseEmail(c.Address)
		if err != nil {
			return notice.Suppression{}, fault.BadField("address", "%s", fault.As(err).Message)
		}
		if !c.Reason.Known() {
			return notice.Suppression{}, fault.BadField("reason", "must be bounce, complaint or manual")
		}
		return suppress(tx, a, address, c.Reason, c.Actor, now)
	})
}

func suppress(tx *db.Tx, a account.Account, address string, why notice.Reason, by event.Actor, now time.Time) (notice.Suppression, error) {
	one := notice.Suppression{ID: id.New[id.Suppression](), Account: a.ID, Address: address, Reason: why, Since: now}
	fresh, err := notice.Suppress(tx, one)
	if err != nil {
		return one, err
	}
	if !fresh {
		list, err := notice.Suppressions(tx, a.ID, address, 0, 1)
		if err != nil || len(list) == 0 {
			return one, err
		}
		return list[0], nil
	}
	return one, event.Append(tx, a.ID, event.New(a.ID, now, by, event.AddressSuppressed, int64(a.ID), 0, event.Data(map[string]any{"address": address, "reason": why})))
}

// Release lets mails to an address through again.
type Release struct {
	Call
	Suppression id.Suppression
}

// Release lets mails to an address through again.
func (s *Service) Release(ctx context.Context, c Release) error {
	_, err := update(ctx, s, c.Call, func(tx *db.Tx, a account.Account, now time.Time) (struct{}, error) {
		was, err := notice.Release(tx, a.ID, c.Suppression)
		if err != nil {
			return struct{}{}, err
		}
		return struct{}{}, event.Append(tx, a.ID, event.New(a.ID, now, c.Actor, event.AddressReleased, int64(a.ID), 0, event.Data(map[string]any{"address": was.Address})))
	})
	return err
}

// ChooseMails says whether a customer gets the mails that need not be sent.
type ChooseMails struct {
	Call
	Customer id.Customer
	Optional bool
}

// ChooseMails says whether a customer gets the mails that need not be sent; those that
// must be are sent anyway.
func (s *Service) ChooseMails(ctx context.Context, c ChooseMails) error {
	_, err := update(ctx, s, c.Call, func(tx *db.Tx, a account.Account, now time.Time) (struct{}, error) {
		if _, err := customer.Load(tx, a.ID, c.Customer); err != nil {
			return struct{}{}, err
		}
		if err := notice.Choose(tx, a.ID, c.Customer, c.Optional, now); err != nil {
			return struct{}{}, err
		}
		return struct{}{}, event.Append(tx, a.ID, event.New(a.ID, now, c.Actor, event.MailsChosen, int64(c.Customer), c.Customer, event.Data(map[string]any{"optional": c.Optional})))
	})
	return err
}

// ResendMail sends a mail again.
type ResendMail struct {
	Call
	Mail id.Delivery
}

// ResendMail sends a mail again, the same bytes, to the same address. One that was never
// written is written now. An address on the list of those that get nothing is refused.
func (s *Service) ResendMail(ctx context.Context, c ResendMail) (outbox.Delivery, error) {
	return update(ctx, s, c.Call, func(tx *db.Tx, a account.Account, _ time.Time) (outbox.Delivery, error) {
		e, err := notice.LoadEntry(tx, a.ID, c.Mail)
		if err != nil {
			return outbox.Delivery{}, err
		}
		stopped, err := notice.Suppressed(tx, a.ID, []string{e.Recipient})
		if err != nil {
			return outbox.Delivery{}, err
		}
		if reason, ok := stopped[e.Recipient]; ok {
			return outbox.Delivery{}, fault.New(fault.Conflict, "nothing is sent to %s any more (%s); take the address off the list first", e.Recipient, reason).WithCode("address_suppressed")
		}
		if err := outbox.Replay(tx, a.ID, c.Mail); err != nil {
			return outbox.Delivery{}, err
		}
		return outbox.Load(tx, a.ID, c.Mail)
	})
}

// MailBounced notes, in the transaction that gives a mail up, that there is no such
// inbox: nothing is sent there any more.
func MailBounced(tx *db.Tx, _ outbox.Endpoint, d outbox.Delivery) error {
	a, err := account.Load(tx, d.Account)
	if err != nil {
		return err
	}
	e, err := notice.LoadEntry(tx, a.ID, d.ID)
	if fault.Is(err, fault.NotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	return bounced(tx, a, e, d.Failure, event.Clock, a.Now(d.TriedAt))
}
