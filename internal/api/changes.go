package api

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"perennial/internal/commerce"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/report"
	"perennial/internal/subscription"
)

// Proration is how a change of terms is paid for: the name of a policy, or its parts.
type Proration struct {
	name  string
	parts *subscription.Proration
}

// Schema describes both forms.
func (Proration) Schema(huma.Registry) *huma.Schema {
	words := func(list ...any) *huma.Schema { return &huma.Schema{Type: huma.TypeString, Enum: list} }
	var names []any
	for _, p := range subscription.Presets() {
		names = append(names, p.Name)
	}
	modes := words("now", "next_invoice", "full", "none")
	s := &huma.Schema{Description: "The name of a policy (GET /v1/proration-policies), or its parts; the account's when it is left out.", OneOf: []*huma.Schema{words(names...),
		{Type: huma.TypeObject, AdditionalProperties: false, Required: []string{"granularity"}, Properties: map[string]*huma.Schema{
			"granularity": words("second", "minute", "day", "thirty_days"), "change_day": words("new", "old"), "up": modes, "down": modes, "credit_from": words("paid", "price")}}}}
	for _, one := range s.OneOf {
		for _, p := range one.Properties {
			p.PrecomputeMessages()
		}
		one.PrecomputeMessages()
	}
	s.PrecomputeMessages()
	return s
}

// UnmarshalJSON reads either form.
func (p *Proration) UnmarshalJSON(text []byte) error {
	if bytes.HasPrefix(text, []byte(`"`)) {
		return json.Unmarshal(text, &p.name)
	}
	return json.Unmarshal(text, &p.parts)
}

func (p *Proration) read(f *fault.Fields) *subscription.Proration {
	switch {
	case p == nil:
		return nil
	case p.parts != nil:
		if err := p.parts.Check(); err != nil {
			f.Add("proration", below("proration", err))
		}
		return p.parts
	}
	policy, known := subscription.Preset(p.name)
	f.Check(known, "proration", "must be the name of a policy, for example %s", subscription.DefaultProration)
	return &policy
}

// ProrationPolicy is a policy spelt out.
type ProrationPolicy struct {
	Granularity string `json:"granularity" enum:"second,minute,day,thirty_days" doc:"In what the rest of a period is counted."`
	ChangeDay   string `json:"change_day" enum:"new,old" doc:"Whose the day of the change is, where days are counted."`
	Up          string `json:"up" enum:"now,next_invoice,full,none" doc:"When a change to dearer terms is settled, and for what."`
	Down        string `json:"down" enum:"now,next_invoice,full,none" doc:"The same for any other change."`
	CreditFrom  string `json:"credit_from" enum:"paid,price" doc:"Of what a credit is a share."`
}

func policyOf(p subscription.Proration) ProrationPolicy {
	return ProrationPolicy{p.Granularity.String(), p.ChangeDay.String(), p.Up.String(), p.Down.String(), p.CreditFrom.String()}
}

// NamedPolicy is a policy that has a name.
type NamedPolicy struct {
	Name    string `json:"name" example:"day"`
	Default bool   `json:"default" doc:"Whether it is the account's."`
	Text    string `json:"text" doc:"What it does, in one sentence."`
	ProrationPolicy
}

// ChangePlan is what a change of terms does, with its arithmetic.
type ChangePlan struct {
	At          time.Time       `json:"at" doc:"The instant that it is computed for."`
	Direction   string          `json:"direction" enum:"up,down,same" doc:"up when the new terms are dearer by the month."`
	Proration   ProrationPolicy `json:"proration"`
	Settled     string          `json:"settled" enum:"now,next_invoice,full,none" doc:"The mode that the policy has for that direction."`
	KeepsPeriod bool            `json:"keeps_period" doc:"The present period goes on; else a new one begins."`
	KeepsTrial  bool            `json:"keeps_trial" doc:"A trial goes on under the new terms."`
	Price       string          `json:"price"`
	Quantity    int64           `json:"quantity"`
	UnitAmount  Money           `json:"unit_amount"`
	Credits     []PlannedCredit `json:"credits" doc:"What was paid and is not used, by the invoice that charged it."`
	Lines       []InvoiceLine   `json:"lines" doc:"What is charged with the change."`
	Items       []Item          `json:"items" doc:"What is charged with the next invoice instead."`
	Cuts        []PlannedCut    `json:"cuts" doc:"What an earlier change put on the next invoice and is not used: it is taken off there."`
	PeriodStart *time.Time      `json:"period_start" doc:"Of what is charged."`
	PeriodEnd   *time.Time      `json:"period_end"`
	Credited    Money           `json:"credited" doc:"All credits, with tax."`
	Net         Money           `json:"net"`
	Tax         Money           `json:"tax"`
	Total       Money           `json:"total" doc:"Of the lines, with tax."`
	FromCredits Money           `json:"from_credits" doc:"What the change's own credits pay of the total."`
	FromBalance Money           `json:"from_balance" doc:"What the customer's earlier credit pays of it."`
	Due         Money           `json:"due" doc:"What is charged to the payment method."`
	Balance     Money           `json:"balance" doc:"The customer's credit afterwards."`
	NextAt      *time.Time      `json:"next_at" doc:"When the next invoice comes; null when none does."`
	NextAmount  Money           `json:"next_amount" doc:"What a whole period costs then, with tax and before discounts."`
}

// PlannedCredit takes back what is unused of one paid invoice.
type PlannedCredit struct {
	Invoice string       `json:"invoice"`
	Number  string       `json:"number"`
	Lines   []CreditLine `json:"lines"`
	Steps   []string     `json:"steps" example:"[\"30.00 USD × 12/31 days = 11.61 USD\"]" doc:"The arithmetic, line by line."`
	Total   Money        `json:"total"`
}

// PlannedCut takes what is unused off an amount that waits for the next invoice.
type PlannedCut struct {
	Item   Item   `json:"item" doc:"As it is left; one of which nothing is left is removed."`
	Amount Money  `json:"amount" doc:"What is taken off, without tax."`
	Step   string `json:"step" example:"45.00 USD × 12/31 days = 17.42 USD" doc:"The arithmetic; empty for an amount that was set by hand."`
}

func planOf(p commerce.ChangePlan) ChangePlan {
	in := func(minor int64) Money { return Money{minor, string(p.Terms.UnitAmount.Currency)} }
	w := ChangePlan{At: p.At, Direction: p.Direction, Proration: policyOf(p.Policy), Settled: p.Mode.String(), KeepsPeriod: p.Keep, KeepsTrial: p.CarryTrial, Price: p.Terms.Price.String(),
		Quantity: p.Terms.Quantity, UnitAmount: moneyOf(p.Terms.UnitAmount), Credits: []PlannedCredit{}, Lines: linesOf(p.Lines), Items: []Item{}, Cuts: []PlannedCut{}, PeriodStart: timeOf(p.Span.From),
		PeriodEnd: timeOf(p.Span.To), Credited: in(p.Credited.Minor), Net: in(p.Net.Minor), Tax: in(p.Tax.Minor), Total: in(p.Total.Minor), FromCredits: in(p.FromCredits),
		FromBalance: in(p.FromBalance), Due: in(p.Due.Minor), Balance: in(p.Balance), NextAt: timeOf(p.NextAt), NextAmount: in(p.NextEach.Minor)}
	for _, c := range p.Credits {
		one := PlannedCredit{Invoice: c.Invoice.String(), Number: c.Number, Lines: creditLinesOf(c.Lines), Steps: []string{}, Total: moneyOf(c.Total)}
		for _, step := range c.Steps {
			if step != "" {
				one.Steps = append(one.Steps, step)
			}
		}
		w.Credits = append(w.Credits, one)
	}
	for _, t := range p.Items {
		w.Items = append(w.Items, itemOf(t))
	}
	for _, c := range p.Cuts {
		w.Cuts = append(w.Cuts, PlannedCut{itemOf(c.Item), moneyOf(c.Taken), c.Step})
	}
	return w
}

// ChangeWire is a change of a subscription's terms on the wire. It is exported because only
// then are the fields of forms that hold it described.
type ChangeWire struct {
	ID           string      `json:"id"`
	Subscription string      `json:"subscription"`
	Customer     string      `json:"customer"`
	State        string      `json:"state" enum:"scheduled,pending,applied,failed,undone" doc:"pending: its charge is not settled yet; failed: the old terms went on."`
	At           time.Time   `json:"at" doc:"When it comes, or came."`
	Price        string      `json:"price"`
	Quantity     int64       `json:"quantity"`
	Invoice      *string     `json:"invoice" doc:"That charges it."`
	Failure      *string     `json:"failure" doc:"Why it failed."`
	Plan         *ChangePlan `json:"plan,omitempty" doc:"What it did; left out while it is scheduled."`
	CreatedAt    time.Time   `json:"created_at"`
	SettledAt    *time.Time  `json:"settled_at"`
}

func changeOf(c subscription.Change) ChangeWire {
	w := ChangeWire{ID: c.ID.String(), Subscription: c.Subscription.String(), Customer: c.Customer.String(), State: string(c.State), At: c.At, Price: c.Price.String(), Quantity: c.Quantity,
		Invoice: textOf(c.Invoice.String()), Failure: textOf(c.Failure), CreatedAt: c.CreatedAt, SettledAt: timeOf(c.SettledAt)}
	var p commerce.ChangePlan // a scheduled one holds what was asked for instead, which has no direction
	if json.Unmarshal([]byte(c.Plan), &p) == nil && p.Direction != "" {
		w.Plan = shown(&p, planOf)
	}
	return w
}

// Changed is a change of terms and all that came of it.
type Changed struct {
	ChangeWire
	SubscriptionData Subscription `json:"subscription_data"`
	InvoiceData      *InvoiceWire `json:"invoice_data,omitempty"`
	PaymentData      *Payment     `json:"payment_data,omitempty"`
}

func changedOf(c commerce.Changed) Changed {
	return Changed{changeOf(c.Change), subscriptionOf(c.Subscription), shown(c.Invoice, invoiceOf), shown(c.Payment, paymentOf)}
}

// NewTerms is what a subscription is changed to.
type NewTerms struct {
	Price      string      `json:"price,omitempty" maxLength:"40" doc:"Left out, it stays."`
	Quantity   int64       `json:"quantity,omitempty" minimum:"1" maximum:"1000000" doc:"Left out, it stays."`
	UnitAmount *int64      `json:"unit_amount,omitempty" minimum:"0" maximum:"10000000000000" doc:"A price of one piece for this subscription alone, in minor units."`
	When       string      `json:"when,omitempty" enum:"now,period_end,date" doc:"now when it is left out."`
	At         *time.Time  `json:"at,omitempty" doc:"Of date."`
	Reset      bool        `json:"reset,omitempty" doc:"Begin a new period at once, even when the interval stays."`
	Keep       bool        `json:"keep_period,omitempty" doc:"Let the present period go on to its end whatever the interval, unless it is one of a trial; the new terms count from the next one. Not together with reset."`
	CarryTrial bool        `json:"carry_trial,omitempty" doc:"Keep a trial that is under way."`
	Proration  *Proration  `json:"proration,omitempty"`
	Charge     *int64      `json:"charge,omitempty" minimum:"0" maximum:"10000000000000" doc:"Minor units without tax, instead of what the policy charges."`
	Credit     *int64      `json:"credit,omitempty" minimum:"0" maximum:"10000000000000" doc:"Minor units without tax, instead of what the policy credits; never more than what was paid and is left."`
	Expected   *moneyInput `json:"expected_amount,omitempty" doc:"The due of a preview: when something else is due now, nothing is changed."`
	Previewed  *time.Time  `json:"previewed_at,omitempty" doc:"The at of a preview of the last hour, with now: what it said is charged, to the minor unit."`
}

// read reads the terms; the instant is that of a date, or of the preview.
func (n NewTerms) read() (commerce.Change, error) {
	var f fault.Fields
	if n.When == "" {
		n.When = string(subscription.Now)
	}
	c := commerce.Change{When: subscription.When(n.When)}
	c.To = commerce.NewTerms{Price: refer[id.Price](&f, "price", n.Price), Quantity: n.Quantity, UnitAmount: n.UnitAmount, Reset: n.Reset, Keep: n.Keep, CarryTrial: n.CarryTrial,
		Proration: n.Proration.read(&f), Charge: n.Charge, Credit: n.Credit}
	c.At = instantFor(&f, "at", n.At, "date", n.When)
	if n.Previewed != nil {
		f.Check(c.When == subscription.Now, "previewed_at", "must be left out unless when is now")
		c.At = instant(&f, "previewed_at", n.Previewed)
	}
	f.Check(n.Expected == nil || c.When == subscription.Now, "expected_amount", "must be left out unless when is now")
	f.Check(!n.Keep || !n.Reset, "keep_period", "must not be given together with reset")
	c.Shown = n.Expected.read(&f)
	return c, f.Err()
}

func (a *API) changeRoutes() {
	type change struct {
		ByID
		Body NewTerms
	}
	write(a, operation{id: "change-subscription", path: "/v1/subscriptions/{id}/change", status: http.StatusOK, tag: "Subscriptions", summary: "Change the terms of a subscription",
		text:    "Price, quantity or both, now or later. Now: the new terms are charged first and come true when they are paid. 402: the charge was declined and the old terms go on. 202: the gateway has not answered; the change is settled later.",
		pending: whilePending(changedOf)},
		func(ctx context.Context, call commerce.Call, in *change) (commerce.Changed, error) {
			v, err := id.Parse[id.Subscription](in.ID)
			if err != nil {
				return commerce.Changed{}, err
			}
			c, err := in.Body.read()
			if err != nil {
				return commerce.Changed{}, err
			}
			c.Call, c.Subscription = call, v
			return a.s.Change(withoutCancel(ctx), c)
		}, changedOf)
	ask(a, operation{id: "preview-change", path: "/v1/subscriptions/{id}/change-preview", tag: "Subscriptions", summary: "Compute what a change of terms would do",
		text: "The body is that of the change. Sent on with the due as expected_amount and the at as previewed_at, the change charges exactly what is answered here."},
		func(ctx context.Context, c caller, in *change) (ChangePlan, error) {
			v, err := id.Parse[id.Subscription](in.ID)
			if err != nil {
				return ChangePlan{}, err
			}
			return a.previewChange(ctx, c, v, in.Body)
		})
	write(a, operation{id: "undo-change", method: http.MethodDelete, path: "/v1/subscriptions/{id}/change", status: http.StatusOK, tag: "Subscriptions", summary: "Take a scheduled change of terms back"},
		func(ctx context.Context, call commerce.Call, in *ByID) (subscription.Subscription, error) {
			v, err := id.Parse[id.Subscription](in.ID)
			if err != nil {
				return subscription.Subscription{}, err
			}
			return a.s.UndoChange(ctx, commerce.UndoChange{Call: call, Subscription: v})
		}, subscriptionOf)
	type changes struct {
		ByID
		Page
	}
	read(a, operation{id: "list-changes", path: "/v1/subscriptions/{id}/changes", tag: "Subscriptions", summary: "The changes of a subscription's terms"},
		func(ctx context.Context, c caller, in *changes) (list[ChangeWire], error) {
			v, from, err := within[id.Subscription, id.Change](in.ByID, in.Page, "chg")
			if err != nil {
				return list[ChangeWire]{}, err
			}
			rows, err := a.r.Changes(ctx, c.account.ID, v, from, in.Limit+1)
			return paged(in.Page, "chg", rows, func(c subscription.Change) int64 { return int64(c.ID) }, changeOf), err
		})
	read(a, operation{id: "list-proration-policies", path: "/v1/proration-policies", tag: "Account", summary: "The named policies by which changes of terms are paid for"},
		func(ctx context.Context, c caller, _ *none) (list[NamedPolicy], error) {
			acc, _, err := a.r.Account(ctx, c.account.ID)
			own, all := cmp.Or(acc.Settings.Proration, subscription.DefaultProration), subscription.Presets()
			return paged(Page{Limit: len(all)}, "policy", all, nil, func(p subscription.NamedProration) NamedPolicy {
				return NamedPolicy{p.Name, p.Name == own, p.Says, policyOf(p.Proration)}
			}), err
		})
}

func (a *API) previewChange(ctx context.Context, c caller, sub id.Subscription, terms NewTerms) (ChangePlan, error) {
	to, err := terms.read()
	if err != nil {
		return ChangePlan{}, err
	}
	if to.When == subscription.AtPeriodEnd {
		found, err := a.r.Subscription(ctx, c.account.ID, sub, report.Expand{})
		if err != nil {
			return ChangePlan{}, err
		}
		to.At = found.Subscription.Span.To
	}
	plan, err := a.s.PreviewChange(ctx, c.account.ID, sub, to.To, to.At)
	if err != nil {
		return ChangePlan{}, err
	}
	return planOf(plan), nil
}
