package api

import (
	"context"
	"net/http"
	"time"

	"perennial/internal/commerce"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/link"
	"perennial/internal/money"
	"perennial/internal/payment"
	"perennial/internal/recovery"
	"perennial/internal/report"
)

// RecoveryStep is one stage of a recovery policy.
type RecoveryStep struct {
	Delay int    `json:"delay" minimum:"1" maximum:"72" doc:"Counted from the failure before."`
	Unit  string `json:"unit" enum:"hour,day,week"`
	Mail  bool   `json:"mail,omitempty" doc:"The customer is told when this try fails, too."`
}

// RecoveryPolicy is how failed payments are recovered. It is exported because only then
// are the fields of forms that hold it described.
type RecoveryPolicy struct {
	ID           string         `json:"id"`
	Name         string         `json:"name"`
	Steps        []RecoveryStep `json:"steps"`
	MailFirst    bool           `json:"mail_first" doc:"The customer is told of the first failure."`
	Smart        bool           `json:"smart" doc:"Tries that are days apart are moved off weekends and towards paydays."`
	Final        string         `json:"final" enum:"cancel,cancel_silent,pause,keep_unpaid"`
	Access       string         `json:"access" enum:"until_end,stop_at_first"`
	MaxDeclines  int            `json:"max_declines"`
	RemindDays   int            `json:"remind_days"`
	RemindYearly bool           `json:"remind_yearly"`
	Archived     bool           `json:"archived"`
	CreatedAt    time.Time      `json:"created_at"`
}

func recoveryPolicyOf(p recovery.Policy) RecoveryPolicy {
	out := RecoveryPolicy{ID: p.ID.String(), Name: p.Name, MailFirst: p.MailFirst, Smart: p.Smart, Final: string(p.Final), Access: string(p.Access),
		MaxDeclines: p.MaxDeclines, RemindDays: p.RemindDays, RemindYearly: p.RemindYearly, Archived: p.Archived, CreatedAt: p.CreatedAt}
	for _, s := range p.Steps {
		out.Steps = append(out.Steps, RecoveryStep{s.Delay, string(s.Unit), s.Mail})
	}
	return out
}

// RecoveryTerms is what can be said of a recovery policy. It is exported because only then
// are its fields described.
type RecoveryTerms struct {
	Steps        *[]RecoveryStep `json:"steps,omitempty" minItems:"1" maxItems:"8" doc:"At most 72 hours, 60 days or 8 weeks each, and 90 days together."`
	MailFirst    *bool           `json:"mail_first,omitempty"`
	Smart        *bool           `json:"smart,omitempty" doc:"Moves tries that are days apart off weekends and towards paydays (1st, 15th, last working day, Fridays) in the account's time zone."`
	Final        *string         `json:"final,omitempty" enum:"cancel,cancel_silent,pause,keep_unpaid" doc:"After the last try: end the subscription; end it and tell nobody outside; pause it until the invoice is paid; keep it past due without further tries."`
	Access       *string         `json:"access,omitempty" enum:"until_end,stop_at_first" doc:"What the customer may use meanwhile; cases and events say it."`
	MaxDeclines  *int            `json:"max_declines,omitempty" minimum:"1" maximum:"20" doc:"Of one card and amount in 30 days."`
	RemindDays   *int            `json:"remind_days,omitempty" minimum:"0" maximum:"60" doc:"The customer is told so many days before each renewal. Renewals of more than 180 days are told 21 days ahead, always."`
	RemindYearly *bool           `json:"remind_yearly,omitempty" doc:"Once a year the customer is told what they are subscribed to, what it costs, and how to end it."`
}

func (t RecoveryTerms) over(before recovery.Terms) recovery.Terms {
	if t.Steps != nil {
		before.Steps = nil
		for _, s := range *t.Steps {
			before.Steps = append(before.Steps, recovery.Step{Delay: s.Delay, Unit: recovery.Unit(s.Unit), Mail: s.Mail})
		}
	}
	put(&before.MailFirst, t.MailFirst)
	put(&before.Smart, t.Smart)
	put(&before.Final, (*recovery.Final)(t.Final))
	put(&before.Access, (*recovery.Access)(t.Access))
	put(&before.MaxDeclines, t.MaxDeclines)
	put(&before.RemindDays, t.RemindDays)
	put(&before.RemindYearly, t.RemindYearly)
	return before
}

// put takes over a value that was given.
func put[T any](field *T, to *T) {
	if to != nil {
		*field = *to
	}
}

// RecoveryTry is one try of a policy as it would be.
type RecoveryTry struct {
	At     time.Time  `json:"at"`
	Step   int        `json:"step" doc:"0 for the failure that begins it."`
	Next   *time.Time `json:"next" doc:"When the next step comes; null after the last."`
	Charge bool       `json:"charge" doc:"The next step charges; else it only passes, because a charge could not help."`
	Mail   bool       `json:"mail" doc:"The customer is told of this failure."`
	Final  *string    `json:"final" enum:"cancel,cancel_silent,pause,keep_unpaid"`
	Why    string     `json:"why"`
}

// RecoveryCase is one unpaid renewal on its way to be recovered or lost.
type RecoveryCase struct {
	ID           string     `json:"id"`
	State        string     `json:"state" enum:"open,unpaid,recovered,lost,waived,canceled" doc:"unpaid: the schedule is over, and it can still be paid; waived: voided, credited or given up; canceled: the subscription was ended for another reason."`
	Subscription string     `json:"subscription"`
	Invoice      string     `json:"invoice"`
	Customer     string     `json:"customer"`
	Product      string     `json:"product"`
	Campaign     string     `json:"campaign"`
	Policy       *string    `json:"policy" doc:"Null: the standard one."`
	Amount       Money      `json:"amount"`
	FirstCode    string     `json:"first_code" doc:"Why the first charge failed."`
	Code         string     `json:"code" doc:"Why the last one did."`
	Class        string     `json:"class" enum:"later,technical,new_details,authenticate,never"`
	Words        string     `json:"words" doc:"The last reason in words."`
	Attempts     int        `json:"attempts" doc:"Charges that were declined."`
	Attempt      int        `json:"attempt" doc:"Failures that counted."`
	Of           int        `json:"of" doc:"After so many the final action comes."`
	NextAt       *time.Time `json:"next_at" doc:"Null when nothing happens by itself."`
	NextStep     *string    `json:"next_step" enum:"charge,wait,end,ask,new_method"`
	Why          string     `json:"why" doc:"Why then, or why not, in words."`
	Access       string     `json:"access" enum:"until_end,stop_at_first"`
	OpenedAt     time.Time  `json:"opened_at"`
	ClosedAt     *time.Time `json:"closed_at"`
	RecoveredBy  *string    `json:"recovered_by" enum:"attempt,new_method,link,hand"`
}

func caseOf(c report.Case) RecoveryCase {
	out := RecoveryCase{ID: c.ID.String(), State: string(c.State), Subscription: c.Subscription.String(), Invoice: c.Invoice.String(), Customer: c.Customer.String(),
		Product: c.Case.Product.String(), Campaign: c.Case.Campaign.String(), Policy: textOf(c.Policy.String()), Amount: moneyOf(c.Amount), FirstCode: c.FirstCode, Code: c.Code,
		Class: string(c.Class), Words: payment.Words(c.Code), Attempts: c.Attempts, Attempt: c.Step, Of: c.Steps, NextAt: timeOf(c.NextAt), NextStep: textOf(string(c.NextStep)),
		Why: c.Why, Access: string(c.Access), OpenedAt: c.OpenedAt, ClosedAt: timeOf(c.ClosedAt)}
	if c.State == recovery.Recovered {
		out.RecoveredBy = textOf(string(c.RecoveredBy))
	}
	return out
}

// RecoveryResult is what became of cases that have something in common.
type RecoveryResult struct {
	Key       string `json:"key" doc:"The attempt, the code, the class, the campaign, the month or the means."`
	State     string `json:"state" enum:"recovered,lost,waived,canceled"`
	Amount    Money  `json:"amount"`
	Cases     int64  `json:"cases"`
	Customers int64  `json:"customers"`
}

// LinkWire is a secure link of a customer.
type LinkWire struct {
	ID        string    `json:"id"`
	Purpose   string    `json:"purpose" enum:"update_method,confirm_payment,pay_invoice"`
	Customer  string    `json:"customer"`
	Invoice   *string   `json:"invoice"`
	ExpiresAt time.Time `json:"expires_at"`
	Path      *string   `json:"path" doc:"Its address below the server's; shown only now, and null in a repeated answer."`
}

func (a *API) recoveryRoutes() {
	a.policyRoutes()
	type filter struct {
		Page
		State    string `query:"state" enum:"open,unpaid,recovered,lost,waived,canceled"`
		Customer string `query:"customer" maxLength:"40"`
	}
	read(a, operation{id: "list-recovery-cases", path: "/v1/recovery-cases", tag: "Recovery", summary: "The unpaid renewals, and what became of them"},
		func(ctx context.Context, c caller, in *filter) (list[RecoveryCase], error) {
			from, err := before[id.RecoveryCase](in.Page, "rec")
			if err != nil {
				return list[RecoveryCase]{}, err
			}
			f := recovery.Filter{State: recovery.State(in.State), Before: from, Limit: in.Limit + 1}
			if in.Customer != "" {
				if f.Customer, err = parse[id.Customer]("customer", in.Customer); err != nil {
					return list[RecoveryCase]{}, err
				}
			}
			rows, err := a.r.Cases(ctx, c.account.ID, f)
			return paged(in.Page, "rec", rows, func(k report.Case) int64 { return int64(k.ID) }, caseOf), err
		})
	read(a, operation{id: "get-recovery-case", path: "/v1/recovery-cases/{id}", tag: "Recovery", summary: "One unpaid renewal"},
		func(ctx context.Context, c caller, in *ByID) (RecoveryCase, error) {
			v, err := id.Parse[id.RecoveryCase](in.ID)
			if err != nil {
				return RecoveryCase{}, err
			}
			found, err := a.r.Case(ctx, c.account.ID, v)
			return caseOf(found.Case), err
		})
	type results struct {
		By   string    `query:"by" enum:"attempt,reason,class,campaign,month,means" required:"true"`
		From time.Time `query:"from" doc:"When it was closed; left out: 90 days ago."`
		To   time.Time `query:"to" doc:"Left out: now."`
	}
	read(a, operation{id: "get-recovery-results", path: "/v1/recovery-results", tag: "Recovery", summary: "What was recovered and what was lost"},
		func(ctx context.Context, c caller, in *results) (list[RecoveryResult], error) {
			_, now, err := a.r.Account(ctx, c.account.ID)
			if err != nil {
				return list[RecoveryResult]{}, err
			}
			if in.To.IsZero() {
				in.To = now.Add(time.Microsecond)
			}
			if in.From.IsZero() {
				in.From = in.To.AddDate(0, 0, -90)
			}
			rows, err := a.r.Results(ctx, c.account.ID, recovery.Dimension(in.By), in.From, in.To)
			return paged(Page{Limit: len(rows)}, "", rows, nil, resultOf), err
		})
	a.linkRoutes()
}

func resultOf(s recovery.Sum) RecoveryResult {
	return RecoveryResult{Key: s.Key, State: string(s.State), Amount: moneyOf(money.Amount{Minor: s.Minor, Currency: s.Currency}), Cases: s.Cases, Customers: s.Customers}
}

func (a *API) policyRoutes() {
	read(a, operation{id: "list-recovery-policies", path: "/v1/recovery-policies", tag: "Recovery", summary: "The policies for failed payments",
		text: "An account that names none uses the standard one: after 1, 3 and 5 days, moved to good days, then the subscription ends."},
		func(ctx context.Context, c caller, in *Page) (list[RecoveryPolicy], error) {
			from, err := before[id.RecoveryPolicy](*in, "rpo")
			if err != nil {
				return list[RecoveryPolicy]{}, err
			}
			rows, err := a.r.Policies(ctx, c.account.ID, from, in.Limit+1)
			return paged(*in, "rpo", rows, func(p recovery.Policy) int64 { return int64(p.ID) }, recoveryPolicyOf), err
		})
	read(a, operation{id: "get-recovery-policy", path: "/v1/recovery-policies/{id}", tag: "Recovery", summary: "One policy for failed payments"},
		func(ctx context.Context, c caller, in *ByID) (RecoveryPolicy, error) {
			v, err := id.Parse[id.RecoveryPolicy](in.ID)
			if err != nil {
				return RecoveryPolicy{}, err
			}
			p, err := a.r.Policy(ctx, c.account.ID, v)
			return recoveryPolicyOf(p), err
		})
	type plan struct {
		ByID
		At    time.Time `query:"at" doc:"When the first charge fails; left out: now."`
		Class string    `query:"class" enum:"later,technical,new_details,authenticate,never" doc:"How every try fails; left out: later."`
	}
	read(a, operation{id: "plan-recovery", path: "/v1/recovery-policies/{id}/plan", tag: "Recovery", summary: "The dates of a policy, if a charge failed"},
		func(ctx context.Context, c caller, in *plan) (list[RecoveryTry], error) {
			v, err := id.Parse[id.RecoveryPolicy](in.ID)
			if err != nil {
				return list[RecoveryTry]{}, err
			}
			p, err := a.r.Policy(ctx, c.account.ID, v)
			if err != nil {
				return list[RecoveryTry]{}, err
			}
			acc, now, err := a.r.Account(ctx, c.account.ID)
			if in.At.IsZero() {
				in.At = now
			}
			class := recovery.Later
			if in.Class != "" {
				class = recovery.Class(in.Class)
			}
			tries := p.Plan(in.At.UTC(), acc.Location(), class)
			return paged(Page{Limit: len(tries)}, "", tries, nil, tryOf), err
		})
	type newPolicy struct {
		Body struct {
			Name string `json:"name" minLength:"1" maxLength:"120"`
			RecoveryTerms
		}
	}
	write(a, operation{id: "create-recovery-policy", path: "/v1/recovery-policies", tag: "Recovery", summary: "Make a policy for failed payments",
		text: "What is left out is as in the standard one. It is used where an account, a campaign or a product names it."},
		func(ctx context.Context, call commerce.Call, in *newPolicy) (recovery.Policy, error) {
			return a.s.CreateRecoveryPolicy(ctx, commerce.CreateRecoveryPolicy{Call: call, Name: in.Body.Name, Terms: in.Body.over(recovery.Standard().Terms)})
		}, recoveryPolicyOf)
	type policyChange struct {
		ByID
		Body struct {
			Name     *string `json:"name,omitempty" maxLength:"120"`
			Archived *bool   `json:"archived,omitempty" doc:"It cannot be chosen any more, and stays where it was."`
			RecoveryTerms
		}
	}
	write(a, operation{id: "update-recovery-policy", method: http.MethodPatch, status: http.StatusOK, path: "/v1/recovery-policies/{id}", tag: "Recovery", summary: "Change a policy for failed payments",
		text: "Open cases follow it from their next failure on, reminders from each subscription's next period on."},
		func(ctx context.Context, call commerce.Call, in *policyChange) (recovery.Policy, error) {
			v, err := id.Parse[id.RecoveryPolicy](in.ID)
			if err != nil {
				return recovery.Policy{}, err
			}
			return a.s.UpdateRecoveryPolicy(ctx, commerce.UpdateRecoveryPolicy{Call: call, Policy: v, Name: in.Body.Name, Terms: in.Body.over, Archived: in.Body.Archived})
		}, recoveryPolicyOf)
}

func tryOf(p recovery.Planned) RecoveryTry {
	return RecoveryTry{At: p.At, Step: p.Step, Next: timeOf(p.Next), Charge: p.Charge, Mail: p.Mail, Final: textOf(string(p.Final)), Why: p.Why}
}

func (a *API) linkRoutes() {
	type newLink struct {
		ByID
		Body struct {
			Purpose string `json:"purpose" enum:"update_method,confirm_payment,pay_invoice"`
			Invoice string `json:"invoice,omitempty" maxLength:"40" doc:"That it is about; may be left out of update_method."`
		}
	}
	write(a, operation{id: "create-link", path: "/v1/customers/{id}/links", tag: "Recovery", summary: "Make a secure link for a customer",
		text: "It works once, for 7 days, without signing in. A newer one for the same purpose replaces it. At most 5 are made for a customer in 10 minutes.",
		kept: func(result any) any { return linkOf(result.(commerce.CreatedLink), "") }},
		func(ctx context.Context, call commerce.Call, in *newLink) (commerce.CreatedLink, error) {
			customer, err := id.Parse[id.Customer](in.ID)
			if err != nil {
				return commerce.CreatedLink{}, err
			}
			var f fault.Fields
			c := commerce.CreateLink{Call: call, Customer: customer, Purpose: link.Purpose(in.Body.Purpose), Invoice: refer[id.Invoice](&f, "invoice", in.Body.Invoice)}
			if err := f.Err(); err != nil {
				return commerce.CreatedLink{}, err
			}
			return a.s.CreateLink(ctx, c)
		}, func(l commerce.CreatedLink) LinkWire { return linkOf(l, l.Path) })
}

func linkOf(l commerce.CreatedLink, path string) LinkWire {
	return LinkWire{ID: l.Link.ID.String(), Purpose: string(l.Link.Purpose), Customer: l.Link.Customer.String(), Invoice: textOf(id.Invoice(l.Link.Subject).String()),
		ExpiresAt: l.Link.ExpiresAt, Path: textOf(path)}
}
