package main

import (
	"context"
	"io"
	"net/netip"

	"perennial/internal/api"
	"perennial/internal/document"
	"perennial/internal/gateway/incoming"
	"perennial/internal/gateway/sandbox"
	"perennial/internal/id"
	"perennial/internal/mail"
	"perennial/internal/outbox"
	"perennial/internal/report"
	"perennial/internal/seal"
	"perennial/internal/server"
	"perennial/internal/web"
	"perennial/internal/web/checkout"
	"perennial/internal/web/dashboard"
	"perennial/internal/web/portal"
	"perennial/internal/web/promote"
	"perennial/internal/webhook"
)

// testCards are the sandbox gateway's tokens that the dashboard offers.
var testCards = []dashboard.TestCard{
	{Token: "tok_visa", Does: "Works"},
	{Token: "tok_chargeDeclined", Does: "Is always declined"},            //nolint:gosec // a word that everybody may know
	{Token: "tok_chargeDeclinedInsufficientFunds", Does: "Has no funds"}, //nolint:gosec // as above
	{Token: "tok_declineAfter_1", Does: "Works once, then declines"},
	{Token: "tok_timeout_charged", Does: "Charges, but the answer is lost"},
}

// doors are the handlers of everything that the outside can reach.
func (h *house) doors(ctx context.Context, secure bool, keys *seal.Keys, nets []netip.Prefix, post *mail.Sender, hasServer bool, wake func()) server.Doors {
	return server.Doors{
		API: api.New(h.service, h.reader, api.Options{Version: version, Clock: h.clock, Log: h.log, Woken: wake, PDF: paper, CreditNotePDF: creditPaper,
			NewSecret: func(account id.Account) (string, string) {
				secret := webhook.NewSecret()
				return secret, webhook.SealSecret(keys, account, secret)
			},
			SealSecret: func(account id.Account, secret string) string { return webhook.SealSecret(keys, account, secret) },
			SealHeaders: func(account id.Account, headers map[string]string) ([]outbox.Header, error) {
				return webhook.SealHeaders(keys, account, headers)
			},
			EventBody:    webhook.Body,
			CheckAddress: func(address string) error { return webhook.CheckAddress(address, nets) },
		}),
		Dashboard: dashboard.New(h.service, h.reader, dashboard.Options{Clock: h.clock, Log: h.log, Secure: secure, Background: ctx,
			PDF: paper, CreditNotePDF: creditPaper, TestCards: testCards, Mail: mailOptions(post, keys, hasServer), Webhooks: webhookOptions(keys, nets)}),
		Checkout: checkout.New(h.service, h.reader, checkout.Options{Clock: h.clock, Log: h.log, PDF: paper, TokenFor: sandbox.TokenForNumber, Answer: h.sandbox.AnswerStep, TestCards: []checkout.TestCard{
			{Number: "4242 4242 4242 4242", Does: "Works"},
			{Number: "4000 0000 0000 0002", Does: "Is declined"},
			{Number: "4000 0000 0000 9995", Does: "Has no funds"},
			{Number: "4000 0000 0000 0069", Does: "Has expired"},
			{Number: "4000 0025 0000 3155", Does: "Needs authentication"},
		}}),
		Portal: portal.New(h.service, h.reader, portal.Options{Clock: h.clock, Log: h.log, TokenFor: sandbox.TokenForNumber, Answer: h.sandbox.AnswerStep, TestCards: []web.TestCard{
			{Number: "4242 4242 4242 4242", Does: "Works"},
			{Number: "4000 0000 0000 0002", Does: "Is declined"},
			{Number: "4000 0000 0000 9995", Does: "Has no funds"},
		}}),
		Promote: promote.New(h.service, h.reader, promote.Options{Clock: h.clock, Log: h.log, Secure: secure}),
		Assets:  web.Assets(),
		Hooks:   incoming.New(h.service, wake, h.log),
	}
}

// links is the host of affiliates' links, if there is one.
func (c *serve) links(public string) []server.Compat {
	if c.AffiliateHost == "" {
		return nil
	}
	return []server.Compat{{Door: promote.Links(public), Prefix: "/links", Host: c.AffiliateHost}}
}

// webhookOptions is what the pages about webhooks do with addresses and secrets.
func webhookOptions(keys *seal.Keys, nets []netip.Prefix) dashboard.WebhookOptions {
	return dashboard.WebhookOptions{
		CheckAddress: func(address string) error { return webhook.CheckAddress(address, nets) },
		Secret: func(account id.Account, secret string) (string, string) {
			if secret == "" {
				secret = webhook.NewSecret()
			}
			return secret, webhook.SealSecret(keys, account, secret)
		},
	}
}

// paper writes an issued invoice as PDF.
func paper(w io.Writer, v report.InvoiceView) error {
	invoice, err := document.Of(v)
	if err != nil {
		return err
	}
	return invoice.WritePDF(w)
}

// creditPaper writes a credit note as PDF.
func creditPaper(w io.Writer, v report.CreditNoteView) error {
	note, err := document.OfCreditNote(v)
	if err != nil {
		return err
	}
	return note.WritePDF(w)
}
