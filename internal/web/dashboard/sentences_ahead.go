package dashboard

import (
	"strings"

	"perennial/internal/event"
	"perennial/internal/web"
)

// aheadTellings tell what is about to happen, what waits for somebody, and mails.
var aheadTellings = map[event.Kind]telling{
	event.RenewalUpcoming:          {"clock", "", dated("The renewal%s was announced", "at")},
	event.TrialEnding:              {"clock", "", dated("The end of the trial%s was announced", "at")},
	event.YearlyReminder:           {"clock", "", says("The customer was reminded of the subscription, as every year")},
	event.PaymentFailing:           {"warning", web.Warning, says("The customer was told that the payment failed")},
	event.LinkRequested:            {"mail", "", says("The customer asked for a new link")},
	event.MethodExpiring:           {"card", web.Warning, named("Payment method about to expire: %s", "method")},
	event.PaymentNeedsConfirmation: {"clock", web.Warning, says("A payment waits until the customer confirms it at the bank")},
	event.PaymentProcessing:        {"clock", "", says("A payment is on its way and will be settled by the bank")},
	event.PaymentUnresolved:        {"question", web.Failure, says("It is not known what became of a payment; somebody has to look")},
	event.DisputeOpened:            {"warning", web.Failure, says("A payment was disputed")},
	event.DisputeWon:               {"check-circle", web.Success, says("A dispute was won")},
	event.DisputeLost:              {"x-circle", web.Failure, says("A dispute was lost")},

	event.SubscriptionUnpaid:    {"warning", web.Failure, says("The last try failed; the subscription waits until somebody pays")},
	event.RecoveryPolicyCreated: {"repeat", "", named("Recovery policy %s was created", "name")},
	event.RecoveryPolicyUpdated: {"repeat", "", named("Recovery policy %s was changed", "name")},
	event.LinkCreated:           {"mail", "", says("A secure link was made for the customer")},
	event.LicenseIssued:         {"key", "", named("Licence %s was issued", "key")},
	event.LicenseActivated:      {"key", web.Success, named("Licence %s was activated", "key")},
	event.LicenseCleared:        {"key", "", named("Licence %s was freed from where it was active", "key")},
	event.LicenseEnabled:        {"key", "", named("Licence %s was enabled", "key")},
	event.LicenseDisabled:       {"key", web.Warning, named("Licence %s was disabled", "key")},
	event.LicensesUploaded:      {"key", "", says("Licence keys were uploaded")},
	event.LicensesRanOut:        {"warning", web.Failure, says("More licences were sold than uploaded keys are left; upload more and hand out the rest")},
	event.LeadCreated:           {"person", "", named("%s began to buy", "email")},
	event.LeadConfirmed:         {"check-circle", "", named("%s confirmed their address", "email")},
	event.LeadBought:            {"check-circle", web.Success, named("%s bought what they had looked at", "email")},
	event.LeadAbandoned:         {"clock", web.Warning, named("%s left without buying", "email")},
	event.ProgramUpdated:        {"percent", "", says("How the campaign is promoted by affiliates was changed")},
	event.AffiliateCreated:      {"person", "", named("Affiliate %s was created", "name")},
	event.AffiliateUpdated:      {"pencil", "", says("An affiliate was changed")},
	event.AffiliateAsked:        {"person", web.Warning, says("An affiliate asks to promote a campaign")},
	event.AffiliateApproved:     {"check-circle", web.Success, says("An affiliate may promote a campaign")},
	event.AffiliateDeclined:     {"x-circle", "", says("An affiliate was declined for a campaign")},
	event.ReferralCreated: {"link", "", func(_ *visit, f facts) string {
		if f.text("denied") != "" {
			return "An affiliate brought the sale and earns nothing by it: it seems to be their own"
		}
		return "An affiliate brought the sale"
	}},
	event.ReferralChanged:     {"pencil", "", says("Whose sale it is was changed")},
	event.CommissionEarned:    {"money", "", says("An affiliate earned a commission")},
	event.CommissionTakenBack: {"money", web.Warning, says("A commission was taken back")},
	event.PayoutCreated:       {"money", "", says("What an affiliate is due was set aside to be paid")},
	event.PayoutPaid:          {"money", web.Success, says("An affiliate was paid")},
	event.PayoutUndone:        {"money", web.Warning, says("A payout was undone")},
	event.MaterialAdded:       {"plus", "", named("Promo material “%s” was added", "title")},
	event.MaterialRemoved:     {"x-circle", "", says("Promo material was taken out of use")},
	event.PriceReplaced:       {"money", "", says("Another price took its place: it is not sold any more")},
	event.CustomerDeleted: {"person", web.Warning, func(_ *visit, f facts) string {
		if f["forgotten"] == true {
			return "The customer was deleted, and who they are was wiped out"
		}
		return "The customer was deleted"
	}},
	event.PasswordSet:     {"key", "", says("The customer got a password")},
	event.PlaceAdded:      {"person", "", says("A further address was added")},
	event.PlaceUpdated:    {"pencil", "", says("A further address was changed")},
	event.PlaceRemoved:    {"person", "", says("A further address was removed")},
	event.Answered:        {"pencil", "", named("The customer answered: %s", "question")},
	event.QuestionCreated: {"pencil", "", named("Customers are asked from now on: %s", "name")},
	event.QuestionUpdated: {"pencil", "", named("A question for customers was changed: %s", "name")},
	event.DoorKeyCreated:  {"key", "", named("Credentials for clients of another system were made: %s", "dialect")},
	event.WidgetCreated:   {"plug", "", named("A widget for a site was made: %s", "name")},
	event.WidgetRemoved:   {"plug", "", says("A widget for a site was removed")},
	event.DoorKeyRevoked:  {"key", web.Warning, named("Credentials for clients of another system were revoked: %s", "dialect")},
	event.LinkUsed:        {"check-circle", web.Success, says("The customer used a secure link")},

	event.MailSettingsUpdated: {"mail", "", says("The settings of e-mails were changed")},
	event.BrandingUpdated:     {"pencil", "", says("The look of e-mails was changed")},
	event.CampaignBranded:     {"pencil", "", says("The look of a campaign's e-mails was changed")},
	event.TemplateUpdated:     {"mail", "", named("The text of an e-mail was changed: %s", "mail")},
	event.TemplateRemoved:     {"mail", "", named("An e-mail got its first text back: %s", "mail")},
	event.MailsChosen: {"mail", "", func(_ *visit, f facts) string {
		if f.yes("optional") {
			return "The customer gets all e-mails again"
		}
		return "The customer gets only the e-mails that must be sent"
	}},
	event.AddressSuppressed: {"mail", web.Warning, named("E-mails to an address were stopped: %s", "address")},
	event.AddressReleased:   {"mail", "", named("E-mails to an address are sent again: %s", "address")},
	event.MailBounced:       {"mail", web.Failure, named("An e-mail could not be delivered: %s", "address")},
}

// dated is a sentence with " on <day>" in place of %s, or without when the day is not
// known.
func dated(format, field string) func(*visit, facts) string {
	return func(v *visit, f facts) string {
		on := ""
		if at := f.instant(field); !at.IsZero() {
			on = " on " + v.date(at)
		}
		return strings.Replace(format, "%s", on, 1)
	}
}
