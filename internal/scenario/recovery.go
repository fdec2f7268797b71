package scenario

import (
	"context"
	"fmt"
	"strings"

	"perennial/internal/commerce"
	"perennial/internal/event"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/link"
	"perennial/internal/recovery"
)

// notices are the events that tell customers something: a story hears of them when its
// account line says so.
var notices = map[event.Kind]string{
	event.PaymentFailing:  "told payment failed",
	event.RenewalUpcoming: "told renewal",
	event.TrialEnding:     "told trial ends",
	event.YearlyReminder:  "told year",
	event.MethodExpiring:  "told method expires",
	event.LinkRequested:   "told link",
}

// told spells a notice.
func told(what string, attempt, of, years, days int64) string {
	switch {
	case of > 0:
		return fmt.Sprintf("%s %d of %d", what, attempt, of)
	case years > 0:
		return fmt.Sprintf("%s %d", what, years)
	case days > 0:
		return fmt.Sprintf("%s %d days", what, days)
	}
	return what
}

// recovery makes a policy for failed payments: "NAME tries 1 day 3 days then cancel".
func (s *story) recovery(ctx context.Context, w *words) error {
	c := commerce.CreateRecoveryPolicy{Call: s.call, Name: w.word("a name"), Terms: recovery.Standard().Terms}
	t := &c.Terms
	w.must("tries")
	t.Steps = nil
	for !w.done() && w.peek() >= "0" && w.peek() <= "99" {
		n := w.count("a delay")
		unit := recovery.Unit(strings.TrimSuffix(w.word("a unit"), "s"))
		t.Steps = append(t.Steps, recovery.Step{Delay: n, Unit: unit, Mail: true})
	}
	t.Smart = false
	for !w.done() {
		switch {
		case w.is("smart"):
			t.Smart = true
		case w.is("then"):
			t.Final = recovery.Final(w.word("a final action"))
		case w.is("stopping access"):
			t.Access = recovery.StopAtFirst
		case w.is("at most"):
			t.MaxDeclines = w.count("a number")
			w.must("declines")
		case w.is("without mails"):
			t.MailFirst = false
			for i := range t.Steps {
				t.Steps[i].Mail = false
			}
		case w.is("reminds"):
			t.RemindDays = w.count("a number")
			w.must("days before")
		case w.is("yearly"):
			t.RemindYearly = true
		default:
			w.otherwise("smart, then, stopping access, at most, without mails, reminds, yearly")
		}
	}
	if err := w.end(); err != nil {
		return err
	}
	made, err := s.stage.Service.CreateRecoveryPolicy(ctx, c)
	if err == nil {
		s.policies[made.Name] = made.ID
	}
	return err
}

// policyNamed reads the name of a recovery policy.
func (s *story) policyNamed(w *words) id.RecoveryPolicy {
	name := w.word("a recovery policy")
	p, known := s.policies[name]
	if !known {
		w.fail("no recovery policy is called %q", name)
	}
	return p
}

// links makes a link for a customer by hand: "ada", "ada to pay", "ada to confirm".
func (s *story) links(ctx context.Context, who whose, w *words) error {
	c := commerce.CreateLink{Call: s.call, Customer: who.id, Purpose: link.UpdateMethod}
	switch {
	case w.is("to pay"):
		c.Purpose = link.PayInvoice
	case w.is("to confirm"):
		c.Purpose = link.ConfirmPayment
	}
	if err := w.end(); err != nil {
		return err
	}
	if c.Purpose != link.UpdateMethod {
		v, err := s.invoiceOf(ctx, who, 0)
		if err != nil {
			return err
		}
		c.Invoice = v.ID
	}
	made, err := s.stage.Service.CreateLink(ctx, c)
	if err == nil {
		s.received[who.id] = append(s.received[who.id], made.Link.ID)
	}
	return err
}

// secret is that of the customer's newest link, or of the one before.
func (s *story) secret(ctx context.Context, who whose, before bool) (string, error) {
	list := s.received[who.id]
	n := len(list) - 1
	if before {
		n--
	}
	if n < 0 {
		return "", fmt.Errorf("%s got no link", who.name)
	}
	path, err := s.stage.Service.LinkPath(ctx, s.call.Account, list[n])
	return strings.TrimPrefix(path, "/pay/"), err
}

// usesLink is what a customer does with a link: "the link [with TOKEN]", "the older link".
func (s *story) usesLink(ctx context.Context, who whose, w *words, older bool) error {
	secret, err := s.secret(ctx, who, older)
	if err != nil {
		return err
	}
	c := commerce.UseLink{Secret: secret}
	if w.is("with") {
		c.Token = w.word("a token")
	}
	if err := w.end(); err != nil {
		return err
	}
	for range 3 { // whoever scans mails opens it first
		if _, err := s.stage.Reader.Link(ctx, secret); err != nil {
			return err
		}
	}
	used, err := s.stage.Service.UseLink(ctx, c)
	if err != nil {
		return err
	}
	if used.Next != 0 {
		s.received[who.id] = append(s.received[who.id], used.Next)
	}
	return used.Refused
}

// asks is "for another link".
func (s *story) asks(ctx context.Context, who whose, w *words) error {
	w.must("for another link")
	if err := w.end(); err != nil {
		return err
	}
	secret, err := s.secret(ctx, who, false)
	if err != nil {
		return err
	}
	return s.stage.Service.RequestLink(ctx, secret)
}

// standsRecovery is "STATE [attempt N of N] [next DATE [TIME]] [STEP] [by WHOM] [why TEXT]" of
// the customer's newest case.
func (s *story) standsRecovery(ctx context.Context, who whose, w *words) error {
	list, err := s.stage.Reader.Cases(ctx, s.call.Account, recovery.Filter{Customer: who.id, Limit: 1})
	if err != nil {
		return err
	}
	if len(list) == 0 {
		return fault.New(fault.NotFound, "nothing of %s is or was recovered", who.name)
	}
	c := list[0]
	if state := w.word("a state"); string(c.State) != state {
		w.fail("it is %s", c.State)
	}
	for !w.done() {
		switch {
		case w.is("attempt"):
			n := w.count("a number")
			w.must("of")
			if of := w.count("a number"); c.Step != n || c.Steps != of {
				w.fail("it is at attempt %d of %d", c.Step, c.Steps)
			}
		case w.is("charges"):
			if n := w.count("a number"); c.Attempts != n {
				w.fail("%d charges were declined", c.Attempts)
			}
		case w.is("next"):
			if at := w.instant(); w.err == nil && !at.Equal(c.NextAt) {
				w.fail("the next step is at %s", c.NextAt.In(s.zone).Format("2006-01-02 15:04"))
			}
		case w.is("step"):
			if step := w.word("a step"); string(c.NextStep) != step {
				w.fail("the next step is %s", c.NextStep)
			}
		case w.is("class"):
			if class := w.word("a class"); string(c.Class) != class {
				w.fail("the class is %s", c.Class)
			}
		case w.is("by"):
			if by := w.word("whom"); string(c.RecoveredBy) != by {
				w.fail("it was recovered by %s", c.RecoveredBy)
			}
		case w.is("why"):
			if why := w.word("a text"); c.Why != why {
				w.fail("the reason is %q", c.Why)
			}
		default:
			w.otherwise("attempt, charges, next, step, class, by, why")
		}
	}
	return w.end()
}
