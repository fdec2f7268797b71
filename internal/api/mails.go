package api

import (
	"context"
	"net/http"
	"time"

	"perennial/internal/commerce"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/locale"
	"perennial/internal/notice"
	"perennial/internal/outbox"
	"perennial/internal/report"
)

// MailWire is a mail on the wire: what was written to whom, and what became of it.
type MailWire struct {
	ID        string     `json:"id"`
	Kind      string     `json:"kind" example:"receipt"`
	Customer  *string    `json:"customer" doc:"Null: it is to the merchant's team."`
	Recipient string     `json:"recipient"`
	Subject   string     `json:"subject"`
	Language  string     `json:"language"`
	Event     string     `json:"event" doc:"That caused it."`
	State     string     `json:"state" enum:"waiting,sent,kept,failed" doc:"kept: it can be looked at here and is sent nowhere, as in every sandbox. failed: given up."`
	Attempts  int        `json:"attempts"`
	NextAt    *time.Time `json:"next_at" doc:"When it is tried next."`
	Answer    int        `json:"answer" doc:"The last answer of the mail server; 0 when there was none."`
	Failure   *string    `json:"failure"`
	CreatedAt time.Time  `json:"created_at"`
}

func mailOf(v report.MailView) MailWire {
	w := MailWire{ID: v.ID.String(), Kind: string(v.Kind), Customer: textOf(v.Customer.String()), Recipient: v.Recipient, Subject: v.Subject, Language: v.Language, Event: v.Event.String(),
		Attempts: v.Delivery.Attempts, Answer: v.Delivery.Answer, Failure: textOf(v.Delivery.Failure), CreatedAt: v.At}
	switch {
	case v.Sent():
		w.State = "sent"
	case v.Delivery.State == outbox.Delivered:
		w.State = "kept"
	case v.Delivery.State == outbox.Dead:
		w.State = "failed"
	default:
		w.State, w.NextAt = "waiting", timeOf(v.Delivery.NextAt)
	}
	return w
}

// WholeMail is a mail with both of its parts.
type WholeMail struct {
	MailWire
	FromName *string `json:"from_name"`
	ReplyTo  *string `json:"reply_to"`
	Text     *string `json:"text" doc:"Where a secure link belongs it holds perennial-link: and the id of the link: addresses are put in when it is sent."`
	HTML     *string `json:"html"`
}

func (a *API) mailRoutes() {
	type filter struct {
		Page
		Customer string `query:"customer" maxLength:"40" doc:"Only to that customer."`
		State    string `query:"state" enum:"waiting,delivered,dead" doc:"delivered: sent or kept. dead: failed."`
	}
	read(a, operation{id: "list-mails", path: "/v1/mails", tag: "Mails", summary: "What was written to whom"},
		func(ctx context.Context, c caller, in *filter) (list[MailWire], error) {
			from, err := before[id.Delivery](in.Page, "mail")
			if err != nil {
				return list[MailWire]{}, err
			}
			who, err := parse[id.Customer]("query.customer", in.Customer)
			if err != nil {
				return list[MailWire]{}, err
			}
			rows, err := a.r.Mails(ctx, c.account.ID, report.MailQuery{Customer: who, State: outbox.State(in.State), Before: from, Limit: in.Limit + 1})
			if fault.Is(err, fault.NotFound) {
				err = fault.BadField("query.cursor", "must be next_cursor of a page of this list")
			}
			return paged(in.Page, "mail", rows, func(m report.MailView) int64 { return int64(m.ID) }, mailOf), err
		})
	read(a, operation{id: "get-mail", path: "/v1/mails/{id}", tag: "Mails", summary: "One mail, whole"},
		func(ctx context.Context, c caller, in *ByID) (WholeMail, error) {
			v, err := id.Parse[id.Delivery](in.ID)
			if err != nil {
				return WholeMail{}, err
			}
			m, err := a.r.Mail(ctx, c.account.ID, v)
			return WholeMail{mailOf(m), textOf(m.Message.FromName), textOf(m.Message.ReplyTo), textOf(m.Message.Text), textOf(m.Message.HTML)}, err
		})
	write(a, operation{id: "resend-mail", path: "/v1/mails/{id}/resend", status: http.StatusOK, tag: "Mails", summary: "Send a mail again",
		text: "The same bytes go to the same address. One that failed before it was written is written now."},
		func(ctx context.Context, call commerce.Call, in *ByID) (outbox.Delivery, error) {
			v, err := id.Parse[id.Delivery](in.ID)
			if err != nil {
				return outbox.Delivery{}, err
			}
			return a.s.ResendMail(ctx, commerce.ResendMail{Call: call, Mail: v})
		}, func(d outbox.Delivery) resent { return resent{d.ID.String(), "waiting"} })
	a.mailTextRoutes()
	a.mailSettingRoutes()
	a.suppressionRoutes()
}

type resent struct {
	ID    string `json:"id"`
	State string `json:"state" enum:"waiting"`
}

// MailTemplate is what a mail says in one language.
type MailTemplate struct {
	Kind      string     `json:"kind"`
	Title     string     `json:"title"`
	When      string     `json:"when" doc:"What causes it."`
	To        string     `json:"to" enum:"customer,team"`
	Required  *string    `json:"required" doc:"Why it cannot be switched off; null when it can."`
	Enabled   bool       `json:"enabled"`
	Copy      *string    `json:"copy" doc:"Who gets a blind copy."`
	Campaign  *string    `json:"campaign"`
	Language  string     `json:"language"`
	Subject   string     `json:"subject"`
	Preheader string     `json:"preheader" doc:"What an inbox shows behind the subject."`
	Body      string     `json:"body" doc:"Paragraphs, # headings, - items, | facts | in rows, [[buttons]](address), **strong words** and [links](https://example.com). HTML is text."`
	Own       bool       `json:"own" doc:"Whether the text is the account's own."`
	UpdatedAt *time.Time `json:"updated_at"`
	// Placeholders are the names that the text may hold.
	Placeholders []string `json:"placeholders" doc:"Names that the text may hold, as {{ name }}. What names an empty one is left out."`
}

// OfTemplate names a mail in a path.
type OfTemplate struct {
	Kind string `path:"kind" maxLength:"40" example:"receipt"`
}

// TemplateOf says which of its texts is meant.
type TemplateOf struct {
	Campaign string `query:"campaign" maxLength:"40" doc:"The text of that campaign; left out, of all that have none of their own."`
	Language string `query:"language" default:"en" enum:"en,de,fr,es,el,bg" doc:"The language of the text."`
}

func templateWire(set report.MailSetUp, m notice.Mail, campaign id.Campaign, language string) MailTemplate {
	l := locale.Named(language)
	t := MailTemplate{Kind: string(m.Kind), Title: m.Title, When: m.When, To: "customer", Required: textOf(m.Must), Enabled: !set.Settings.Off(m.Kind), Copy: textOf(set.Settings.Mails[m.Kind].Copy),
		Campaign: textOf(campaign.String()), Language: l.Language().String(), Placeholders: m.Placeholders()}
	if m.Team {
		t.To = "team"
	}
	text, _ := notice.Default(m.Kind, l)
	for _, of := range []id.Campaign{campaign, 0} {
		if own, ok := set.Own(m.Kind, of, t.Language); ok {
			text, t.Own, t.UpdatedAt = own.Text, true, timeOf(own.UpdatedAt)
			break
		}
	}
	t.Subject, t.Preheader, t.Body = text.Subject, text.Preheader, text.Body
	return t
}

func mailKind(kind string) (notice.Mail, error) {
	m, ok := notice.Of(notice.Kind(kind))
	if !ok {
		return m, fault.New(fault.NotFound, "there is no mail of that kind")
	}
	return m, nil
}

// TemplateText is what a mail is to say.
type TemplateText struct {
	Campaign  string `json:"campaign,omitempty" maxLength:"40"`
	Language  string `json:"language" enum:"en,de,fr,es,el,bg" example:"en"`
	Subject   string `json:"subject" maxLength:"200" example:"Receipt {{ invoice.number }}"`
	Preheader string `json:"preheader,omitempty" maxLength:"200"`
	Body      string `json:"body" maxLength:"20000"`
}

func (t TemplateText) text() notice.Text {
	return notice.Text{Subject: t.Subject, Preheader: t.Preheader, Body: t.Body}
}

// MailPreview is a mail as it would be with sample facts.
type MailPreview struct {
	Subject string `json:"subject"`
	Text    string `json:"text"`
	HTML    string `json:"html"`
}

func (a *API) mailTextRoutes() {
	read(a, operation{id: "list-mail-templates", path: "/v1/mail-templates", tag: "Mails", summary: "Every mail and what it says"},
		func(ctx context.Context, c caller, in *TemplateOf) (list[MailTemplate], error) {
			campaign, set, err := a.templates(ctx, c, in)
			if err != nil {
				return list[MailTemplate]{}, err
			}
			return paged(Page{Limit: len(notice.Mails)}, "mail", notice.Mails, nil, func(m notice.Mail) MailTemplate { return templateWire(set, m, campaign, in.Language) }), nil
		})
	type one struct {
		OfTemplate
		TemplateOf
	}
	read(a, operation{id: "get-mail-template", path: "/v1/mail-templates/{kind}", tag: "Mails", summary: "What one mail says"},
		func(ctx context.Context, c caller, in *one) (MailTemplate, error) {
			m, err := mailKind(in.Kind)
			if err != nil {
				return MailTemplate{}, err
			}
			campaign, set, err := a.templates(ctx, c, &in.TemplateOf)
			return templateWire(set, m, campaign, in.Language), err
		})
	type set struct {
		OfTemplate
		Body TemplateText
	}
	write(a, operation{id: "set-mail-template", path: "/v1/mail-templates/{kind}", status: http.StatusOK, tag: "Mails", summary: "Give a mail your own text",
		text: "A text that the mail cannot be made from is refused with the line and character that are wrong."},
		func(ctx context.Context, call commerce.Call, in *set) (notice.Own, error) {
			campaign, err := parse[id.Campaign]("campaign", in.Body.Campaign)
			if err != nil {
				return notice.Own{}, err
			}
			return a.s.SetMailText(ctx, commerce.SetMailText{Call: call, Own: notice.Own{Kind: notice.Kind(in.Kind), Campaign: campaign, Language: in.Body.Language, Text: in.Body.text()}})
		}, func(o notice.Own) OwnText {
			return OwnText{string(o.Kind), textOf(o.Campaign.String()), o.Language, o.Subject, o.Preheader, o.Body, o.UpdatedAt}
		})
	type gone struct {
		OfTemplate
		Body struct {
			Campaign string `json:"campaign,omitempty" maxLength:"40"`
			Language string `json:"language" enum:"en,de,fr,es,el,bg"`
		}
	}
	write(a, operation{id: "remove-mail-template", path: "/v1/mail-templates/{kind}/remove", status: http.StatusOK, tag: "Mails", summary: "Go back to the text that comes with the program"},
		func(ctx context.Context, call commerce.Call, in *gone) (removed, error) {
			campaign, err := parse[id.Campaign]("campaign", in.Body.Campaign)
			if err != nil {
				return removed{}, err
			}
			done := removed{in.Kind, true}
			return done, a.s.RemoveMailText(ctx, commerce.RemoveMailText{Call: withoutAnswer(call, done), Kind: notice.Kind(in.Kind), Campaign: campaign, Language: in.Body.Language})
		}, func(r removed) removed { return r })
	ask(a, operation{id: "preview-mail-template", path: "/v1/mail-templates/{kind}/preview", tag: "Mails", summary: "See a text as a mail with sample facts"},
		func(ctx context.Context, c caller, in *set) (MailPreview, error) {
			m, err := mailKind(in.Kind)
			if err != nil {
				return MailPreview{}, err
			}
			campaign, up, err := a.templates(ctx, c, &TemplateOf{Campaign: in.Body.Campaign})
			if fault.Is(err, fault.Invalid) {
				err = fault.BadField("campaign", "names nothing in this account")
			}
			if err != nil {
				return MailPreview{}, err
			}
			_, now, err := a.r.Account(ctx, c.account.ID)
			if err != nil {
				return MailPreview{}, err
			}
			made, err := commerce.PreviewMail(up.Account, up.Brands, m, in.Body.text(), campaign, in.Body.Language, now)
			return MailPreview{made.Subject, made.Text, made.HTML}, err
		})
}

// OwnText is a text of the account's own.
type OwnText struct {
	Kind      string    `json:"kind"`
	Campaign  *string   `json:"campaign"`
	Language  string    `json:"language"`
	Subject   string    `json:"subject"`
	Preheader string    `json:"preheader"`
	Body      string    `json:"body"`
	UpdatedAt time.Time `json:"updated_at"`
}

// templates is everything said about mails, and the campaign that is asked for.
func (a *API) templates(ctx context.Context, c caller, in *TemplateOf) (id.Campaign, report.MailSetUp, error) {
	campaign, err := parse[id.Campaign]("query.campaign", in.Campaign)
	if err == nil && campaign != 0 {
		_, err = a.r.Campaign(ctx, c.account.ID, campaign)
		err = refersTo(err, "query.campaign")
	}
	if err != nil {
		return campaign, report.MailSetUp{}, err
	}
	set, err := a.r.MailSetUp(ctx, c.account.ID)
	return campaign, set, err
}

// MailSettings is how an account mails.
type MailSettings struct {
	Team   string  `json:"team" doc:"Where mails to the team go."`
	Server *string `json:"server" doc:"The account's own mail server; null: the installation's."`
}

// BrandWire is the look of mails on the wire.
type BrandWire struct {
	Name     string `json:"name,omitempty" maxLength:"120"`
	Colour   string `json:"colour,omitempty" maxLength:"7" example:"#0f6b47"`
	Logo     string `json:"logo,omitempty" maxLength:"2000" doc:"The https address of an image."`
	FromName string `json:"from_name,omitempty" maxLength:"120"`
	ReplyTo  string `json:"reply_to,omitempty" maxLength:"254"`
	Footer   string `json:"footer,omitempty" maxLength:"1000"`
	Legal    string `json:"legal,omitempty" maxLength:"1000" doc:"Legal name, address and registration."`
	Manage   string `json:"manage,omitempty" maxLength:"2000" doc:"The page where customers look after their subscriptions; the way to cancel leads there."`
	Terms    string `json:"terms,omitempty" maxLength:"2000" doc:"The page of the terms."`
}

func (a *API) mailSettingRoutes() {
	read(a, operation{id: "get-mail-settings", path: "/v1/mail-settings", tag: "Mails", summary: "How the account mails"},
		func(ctx context.Context, c caller, _ *none) (MailSettings, error) {
			set, err := a.r.MailSetUp(ctx, c.account.ID)
			team := set.Settings.Team
			if team == "" {
				team = set.Account.Email
			}
			return MailSettings{team, textOf(set.Endpoint.Address)}, err
		})
	type change struct {
		Body struct {
			Team    *string `json:"team,omitempty" maxLength:"254" doc:"Where mails to the team go; empty: the account's address."`
			Kind    string  `json:"kind,omitempty" maxLength:"40" doc:"The mail that enabled and copy are about."`
			Enabled *bool   `json:"enabled,omitempty"`
			Copy    *string `json:"copy,omitempty" maxLength:"254" doc:"Who gets a blind copy; empty: nobody."`
		}
	}
	write(a, operation{id: "update-mail-settings", method: http.MethodPatch, path: "/v1/mail-settings", status: http.StatusOK, tag: "Mails", summary: "Change how the account mails"},
		func(ctx context.Context, call commerce.Call, in *change) (notice.Settings, error) {
			c := commerce.UpdateMail{Call: call, Team: in.Body.Team, Kind: notice.Kind(in.Body.Kind), Copy: in.Body.Copy}
			if in.Body.Enabled != nil {
				off := !*in.Body.Enabled
				c.Off = &off
			}
			if c.Kind == "" && (c.Off != nil || c.Copy != nil) {
				return notice.Settings{}, fault.BadField("kind", "must name the mail that enabled and copy are about")
			}
			return a.s.UpdateMail(ctx, c)
		}, changedSettings)
	type Look struct {
		Campaign string `query:"campaign" maxLength:"40" doc:"Of that campaign; left out, of the account."`
	}
	read(a, operation{id: "get-branding", path: "/v1/branding", tag: "Mails", summary: "How mails look", text: "What is empty is taken from the account's look, and there from its facts."},
		func(ctx context.Context, c caller, in *Look) (BrandWire, error) {
			campaign, set, err := a.templates(ctx, c, &TemplateOf{Campaign: in.Campaign})
			return BrandWire(set.Brands[campaign]), err
		})
	type dress struct {
		Look
		Body BrandWire
	}
	write(a, operation{id: "set-branding", path: "/v1/branding", status: http.StatusOK, tag: "Mails", summary: "Give mails a look", text: "The look is replaced as a whole."},
		func(ctx context.Context, call commerce.Call, in *dress) (notice.Brand, error) {
			campaign, err := parse[id.Campaign]("query.campaign", in.Campaign)
			if err != nil {
				return notice.Brand{}, err
			}
			b, err := a.s.SetBrand(ctx, commerce.SetBrand{Call: call, Campaign: campaign, Brand: notice.Brand(in.Body)})
			return b, refersTo(err, "query.campaign")
		}, func(b notice.Brand) BrandWire { return BrandWire(b) })
	type chosen struct {
		ByID
		Body struct {
			Optional bool `json:"optional" doc:"Whether the customer gets the mails that need not be sent."`
		}
	}
	write(a, operation{id: "choose-mails", path: "/v1/customers/{id}/mails", status: http.StatusOK, tag: "Mails", summary: "Say which mails a customer gets"},
		func(ctx context.Context, call commerce.Call, in *chosen) (chosenMails, error) {
			v, err := id.Parse[id.Customer](in.ID)
			if err != nil {
				return chosenMails{}, err
			}
			done := chosenMails{in.ID, in.Body.Optional}
			return done, a.s.ChooseMails(ctx, commerce.ChooseMails{Call: withoutAnswer(call, done), Customer: v, Optional: in.Body.Optional})
		}, func(c chosenMails) chosenMails { return c })
}

type chosenMails struct {
	Customer string `json:"customer"`
	Optional bool   `json:"optional"`
}

// MailChanges is how an account mails where it differs from the rule.
type MailChanges struct {
	Team  *string            `json:"team"`
	Mails map[string]MailOff `json:"mails" doc:"The mails that are off or copied."`
}

// MailOff is how one mail differs from the rule.
type MailOff struct {
	Enabled bool    `json:"enabled"`
	Copy    *string `json:"copy"`
}

func changedSettings(s notice.Settings) MailChanges {
	m := MailChanges{Team: textOf(s.Team), Mails: map[string]MailOff{}}
	for k, one := range s.Mails {
		m.Mails[string(k)] = MailOff{!one.Off, textOf(one.Copy)}
	}
	return m
}

// SuppressionWire is an address that is not written to.
type SuppressionWire struct {
	ID      string    `json:"id"`
	Address string    `json:"address"`
	Reason  string    `json:"reason" enum:"bounce,complaint,manual"`
	Since   time.Time `json:"since"`
}

func suppressionOf(s notice.Suppression) SuppressionWire {
	return SuppressionWire{s.ID.String(), s.Address, string(s.Reason), s.Since}
}

// BounceWire is what came of a mail server's report.
type BounceWire struct {
	Mail       string              `json:"mail"`
	Recipients []UndeliveredPerson `json:"recipients"`
}

// UndeliveredPerson is what a mail server's report said of one recipient.
type UndeliveredPerson struct {
	Address    string  `json:"address"`
	Action     string  `json:"action" doc:"What the server did, as it says: failed, delayed, delivered, relayed or expanded."`
	Status     *string `json:"status" doc:"The further status code, such as 5.1.1."`
	Reason     *string `json:"reason"`
	Suppressed bool    `json:"suppressed" doc:"Nothing is sent there any more."`
}

func bounceOf(b commerce.BounceNoted) BounceWire {
	w := BounceWire{Mail: b.Mail.String(), Recipients: []UndeliveredPerson{}}
	for _, r := range b.Recipients {
		w.Recipients = append(w.Recipients, UndeliveredPerson{r.Address, r.Action, textOf(r.Status), textOf(r.Reason), r.Suppressed})
	}
	return w
}

func (a *API) suppressionRoutes() {
	type filter struct {
		Page
		Address string `query:"address" maxLength:"254" doc:"Only that address."`
	}
	read(a, operation{id: "list-suppressions", path: "/v1/suppressions", tag: "Mails", summary: "Addresses that are not written to"},
		func(ctx context.Context, c caller, in *filter) (list[SuppressionWire], error) {
			from, err := before[id.Suppression](in.Page, "sup")
			if err != nil {
				return list[SuppressionWire]{}, err
			}
			rows, err := a.r.Suppressions(ctx, c.account.ID, in.Address, from, in.Limit+1)
			return paged(in.Page, "sup", rows, func(s notice.Suppression) int64 { return int64(s.ID) }, suppressionOf), err
		})
	type suppressed struct {
		Body struct {
			Address string `json:"address" minLength:"3" maxLength:"254" example:"ada@example.com"`
			Reason  string `json:"reason,omitempty" enum:"bounce,complaint,manual" default:"manual"`
		}
	}
	write(a, operation{id: "suppress-address", path: "/v1/suppressions", tag: "Mails", summary: "Write to an address no more", text: "Report bounces and complaints that another system received here."},
		func(ctx context.Context, call commerce.Call, in *suppressed) (notice.Suppression, error) {
			return a.s.Suppress(ctx, commerce.Suppress{Call: call, Address: in.Body.Address, Reason: notice.Reason(in.Body.Reason)})
		}, suppressionOf)
	type bounced struct {
		Body struct {
			Message string `json:"message" minLength:"1" maxLength:"500000" doc:"The report as it came, with its header."`
		}
	}
	write(a, operation{id: "report-bounce", path: "/v1/mail-bounces", tag: "Mails", summary: "Hand in a mail server's report that a mail did not arrive",
		text: "Give the delivery status notification (RFC 3464) whole. It must return the header of the mail that it is about, or all of it: that mail must be this account's, and only its own recipient is believed of it. When the report says that there is no such inbox, nothing is sent there any more; a full inbox, a delay or a message that is not welcome changes nothing."},
		func(ctx context.Context, call commerce.Call, in *bounced) (commerce.BounceNoted, error) {
			return a.s.ReportBounce(ctx, commerce.ReportBounce{Call: call, Message: in.Body.Message})
		}, bounceOf)
	write(a, operation{id: "release-address", path: "/v1/suppressions/{id}/remove", status: http.StatusOK, tag: "Mails", summary: "Write to an address again"},
		func(ctx context.Context, call commerce.Call, in *ByID) (removed, error) {
			v, err := id.Parse[id.Suppression](in.ID)
			if err != nil {
				return removed{}, err
			}
			done := removed{in.ID, true}
			return done, a.s.Release(ctx, commerce.Release{Call: withoutAnswer(call, done), Suppression: v})
		}, func(r removed) removed { return r })
}
