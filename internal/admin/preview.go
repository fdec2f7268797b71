package admin

import (
	"fmt"
	"time"

	"perennial/internal/commerce"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/invoice"
	"perennial/internal/money"
	"perennial/internal/subscription"
)

// ChangeOf asks what a change of terms would do.
type ChangeOf struct {
	Account      id.Account      `json:"account"`
	Subscription id.Subscription `json:"subscription"`
	Price        id.Price        `json:"price,omitempty"`
	Quantity     int64           `json:"quantity,omitempty"`
	Policy       string          `json:"policy,omitempty"` // name of a proration policy; the account's when empty
	Reset        bool            `json:"reset,omitempty"`
	CarryTrial   bool            `json:"carry_trial,omitempty"`
}

// InvoiceOf asks for the next invoice of a subscription.
type InvoiceOf struct {
	Account      id.Account      `json:"account"`
	Subscription id.Subscription `json:"subscription"`
}

// Preview is what would be charged, with its arithmetic. Amounts are minor units.
type Preview struct {
	At         time.Time `json:"at"`
	Arithmetic []string  `json:"arithmetic"`
	Currency   string    `json:"currency"`
	Credited   int64     `json:"credited"`
	Net        int64     `json:"net"`
	Tax        int64     `json:"tax"`
	Total      int64     `json:"total"`
	FromCredit int64     `json:"from_credit"`
	Due        int64     `json:"due"`
	Balance    int64     `json:"balance"` // of the customer's credit afterwards
}

func (d *door) previewChange(a asked, in ChangeOf) (Preview, error) {
	to := commerce.NewTerms{Price: in.Price, Quantity: in.Quantity, Reset: in.Reset, CarryTrial: in.CarryTrial}
	if in.Policy != "" {
		p, known := subscription.Preset(in.Policy)
		if !known {
			return Preview{}, fault.BadField("policy", "must be the name of a proration policy, for example %s", subscription.DefaultProration)
		}
		to.Proration = &p
	}
	plan, err := d.s.PreviewChange(a.ctx, in.Account, in.Subscription, to, time.Time{})
	if err != nil {
		return Preview{}, err
	}
	p := Preview{At: plan.At, Currency: string(plan.Total.Currency), Credited: plan.Credited.Minor, Net: plan.Net.Minor, Tax: plan.Tax.Minor, Total: plan.Total.Minor,
		FromCredit: plan.FromCredits + plan.FromBalance, Due: plan.Due.Minor, Balance: plan.Balance, Arithmetic: []string{}}
	say := func(format string, args ...any) { p.Arithmetic = append(p.Arithmetic, fmt.Sprintf(format, args...)) }
	say("change to %s x %d, %s", plan.Name, plan.Terms.Quantity, plan.Direction)
	for _, c := range plan.Credits {
		for i, l := range c.Lines {
			say("credit of invoice %s, %s: %s, and tax %s", c.Number, l.Description, step(c.Steps, i, l.Amount), l.Tax)
		}
	}
	for _, l := range plan.Lines {
		sayLine(say, l)
	}
	for _, t := range plan.Items {
		say("with the next invoice, %s: %s", t.Description, shared(t.Amount, t.Details.Share))
	}
	sums(say, plan.Total, plan.FromCredits+plan.FromBalance, plan.Due)
	say("credit left %s", money.Amount{Minor: plan.Balance, Currency: plan.Total.Currency})
	if plan.NextAt.IsZero() {
		say("no invoice is to come")
	} else {
		say("next invoice %s, %s a period", plan.NextAt.Format(time.RFC3339), plan.NextEach)
	}
	return p, nil
}

func (d *door) previewInvoice(a asked, in InvoiceOf) (Preview, error) {
	u, err := d.s.PreviewInvoice(a.ctx, in.Account, in.Subscription)
	if err != nil {
		return Preview{}, err
	}
	p := Preview{At: u.At, Currency: string(u.Total.Currency), Net: u.Net.Minor, Tax: u.Tax.Minor, Total: u.Total.Minor, FromCredit: u.Credit.Minor, Due: u.Due.Minor, Arithmetic: []string{}}
	say := func(format string, args ...any) { p.Arithmetic = append(p.Arithmetic, fmt.Sprintf(format, args...)) }
	if !u.Span.From.IsZero() {
		say("period %s to %s", u.Span.From.Format(time.RFC3339), u.Span.To.Format(time.RFC3339))
	}
	if u.Last {
		say("the subscription ends with it")
	}
	for _, l := range u.Lines {
		sayLine(say, l)
	}
	sums(say, u.Total, u.Credit.Minor, u.Due)
	return p, nil
}

// step is the arithmetic of one credit, or its amount alone where somebody chose it.
func step(steps []string, i int, amount money.Amount) string {
	if i < len(steps) && steps[i] != "" {
		return steps[i]
	}
	return amount.String()
}

// shared is an amount with the share of a period that it is.
func shared(amount money.Amount, s *invoice.Share) string {
	if s == nil {
		return amount.String()
	}
	return fmt.Sprintf("%s × %s = %s", money.Amount{Minor: s.Of, Currency: amount.Currency}, s, amount)
}

func sayLine(say func(string, ...any), l invoice.Line) {
	say("charge, %s: %s", l.Description, shared(money.Amount{Minor: l.Amount.Minor + l.Discount.Minor, Currency: l.Amount.Currency}, l.Details.Share))
	for _, p := range l.Details.Parts {
		say("  %s at %s = %s", p.Quantity, p.Unit, money.Amount{Minor: p.Amount, Currency: l.Amount.Currency})
	}
	for _, c := range l.Details.Coupons {
		say("  coupon %s takes %s off", c.Code, money.Amount{Minor: c.Amount, Currency: l.Amount.Currency})
	}
	if !l.Tax.IsZero() {
		say("  tax %s at %s%%", l.Tax, l.Rate.Percent())
	}
}

func sums(say func(string, ...any), total money.Amount, fromCredit int64, due money.Amount) {
	say("total %s, paid from credit %s, due %s", total, money.Amount{Minor: fromCredit, Currency: total.Currency}, due)
}
