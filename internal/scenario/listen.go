package scenario

import (
	"context"
	"encoding/json"
	"slices"

	"perennial/internal/event"
	"perennial/internal/id"
	"perennial/internal/money"
)

// spoken are the events that a story can expect, and what of their facts is named with
// them. The others (something was created, attached or recorded) are what the story
// itself did.
var spoken = map[event.Kind]struct{ words, fact string }{
	event.SubscriptionCreated:  {"subscribed", ""},
	event.SubscriptionStarted:  {"trial ended", ""},
	event.SubscriptionRenewed:  {"renewed", ""},
	event.SubscriptionPastDue:  {"past due", ""},
	event.SubscriptionResumed:  {"recovered", ""},
	event.SubscriptionUnpaid:   {"unpaid", ""},
	event.BillingFailed:        {"billing failed", ""},
	event.CancelScheduled:      {"will end", ""},
	event.CancelUndone:         {"will not end", ""},
	event.SubscriptionCanceled: {"ended", ""},
	event.SubscriptionChanged:  {"changed", ""},
	event.ChangeScheduled:      {"will change", ""},
	event.ChangeUndone:         {"will not change", ""},
	event.ChangeFailed:         {"change failed", "code"},
	event.SubscriptionPaused:   {"paused", ""},
	event.PauseScheduled:       {"will pause", ""},
	event.PauseEnded:           {"unpaused", ""},
	event.SubscriptionSkipped:  {"skipped", ""},
	event.SubscriptionMoved:    {"rescheduled", ""},
	event.Reactivated:          {"reactivated", ""},
	event.SubscriptionChained:  {"chained", ""},
	event.OrderFailed:          {"order failed", "code"},
	event.InvoiceIssued:        {"invoice open", "amount"},
	event.InvoicePaid:          {"invoice paid", "amount"},
	event.InvoiceVoided:        {"invoice void", "amount"},
	event.InvoiceUncollectible: {"invoice uncollectible", "amount"},
	event.CreditNoteIssued:     {"credit note", "amount"},
	event.CreditAdded:          {"credit added", "amount"},
	event.CreditTaken:          {"credit taken", "amount"},
	event.CouponRedeemed:       {"coupon redeemed", "code"},
	event.PrepaidAdded:         {"prepaid added", "units"},
	event.TopUpFailed:          {"top-up failed", "code"},
	event.PaymentDeclined:      {"declined", "code"},
	event.PaymentUnknown:       {"payment unknown", ""},
	event.PaymentProcessing:    {"payment processing", ""},
	event.PaymentUnresolved:    {"payment unresolved", ""},
	event.PaymentMismatch:      {"payment mismatch", ""},
	event.MethodUpdated:        {"method updated", ""},
	event.DisputeOpened:        {"dispute opened", "amount"},
	event.DisputeUpdated:       {"dispute updated", ""},
	event.DisputeWon:           {"dispute won", "amount"},
	event.DisputeLost:          {"dispute lost", "amount"},
	event.DisputeClosed:        {"dispute closed", ""},
	event.RefundSucceeded:      {"refunded", "amount"},
	event.RefundFailed:         {"refund failed", ""},
	event.RefundUnresolved:     {"refund unresolved", ""},

	event.PaymentNeedsConfirmation: {"payment needs confirmation", ""},
}

// listen notes what happened since it last did.
func (s *story) listen(ctx context.Context) error {
	var fresh []event.Event
	before := id.Event(0)
	for {
		page, err := s.stage.Reader.Events(ctx, s.call.Account, event.Filter{Before: before, Limit: 200})
		if err != nil {
			return err
		}
		for _, e := range page {
			if e.ID <= s.seen {
				page = nil
				break
			}
			fresh = append(fresh, e)
			before = e.ID
		}
		if len(page) == 0 {
			break
		}
	}
	slices.Reverse(fresh)
	for _, e := range fresh {
		s.seen = e.ID
		if err := s.hear(e); err != nil {
			return err
		}
	}
	return nil
}

// hear notes an event in the words of the language.
func (s *story) hear(e event.Event) error {
	what, known := spoken[e.Kind]
	notice := notices[e.Kind]
	if !known && notice == "" {
		return nil
	}
	var facts struct {
		Link     id.Link        `json:"link"`
		Attempt  int64          `json:"attempt"`
		Of       int64          `json:"of"`
		Years    int64          `json:"years"`
		Days     int64          `json:"days"`
		Amount   int64          `json:"amount"`
		Currency money.Currency `json:"currency"`
		Code     string         `json:"code"`
		Units    string         `json:"units"`
	}
	if err := json.Unmarshal([]byte(e.Data), &facts); err != nil {
		return err
	}
	if notice != "" {
		if facts.Link != 0 {
			s.received[e.Customer] = append(s.received[e.Customer], facts.Link)
		}
		if s.notices {
			s.happened = append(s.happened, happening{s.names[e.Customer], told(notice, facts.Attempt, facts.Of, facts.Years, facts.Days)})
		}
		return nil
	}
	text := what.words
	switch what.fact {
	case "amount":
		text += " " + amountOf(facts.Amount, facts.Currency)
	case "code":
		text += " " + facts.Code
	case "units":
		text += " " + facts.Units
	}
	s.happened = append(s.happened, happening{s.names[e.Customer], text})
	return nil
}
