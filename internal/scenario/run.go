package scenario

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"perennial/internal/account"
	"perennial/internal/catalog"
	"perennial/internal/commerce"
	"perennial/internal/event"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/money"
	"perennial/internal/payment"
	"perennial/internal/period"
	"perennial/internal/report"
	"perennial/internal/tax"
)

// Stage is where a story is played: a store at a machine clock that stands still. Every
// story has an account of its own, so that many can be played on one stage.
type Stage struct {
	Service  *commerce.Service
	Reader   *report.Reader
	Gateways map[string]payment.Gateway
}

// AccountName is the name of the accounts that stories are played on.
const AccountName = "Scenario"

// Result is what a story came to.
type Result struct {
	Lines        int // that were done
	Expectations int
}

// maxLine is the longest line of a story in bytes.
const maxLine = 4096

// happening is something that happened, in the words of the language.
type happening struct {
	who  string
	what string
}

func (h happening) String() string {
	if h.who == "" {
		return h.what
	}
	return h.who + " " + h.what
}

// story is a story being played.
type story struct {
	stage    Stage
	call     commerce.Call
	settings commerce.CreateAccount
	later    commerce.UpdateAccount // settings that the new account gets
	zone     *time.Location

	products  map[string]id.Product
	prices    map[string]catalog.Price
	meters    map[string]id.Meter
	coupons   map[string]id.Coupon
	taxes     map[string]*taxing
	shipping  map[string]id.ShippingRule
	items     map[string]id.Item
	policies  map[string]id.RecoveryPolicy
	received  map[id.Customer][]id.Link   // that customers got, oldest first
	mailed    map[id.Customer]id.Delivery // the newest mail that was asked for
	notices   bool                        // what customers are told counts as something that happened
	customers map[string]id.Customer
	subs      map[string]id.Subscription // by "customer/name"
	keys      int                        // of usage that names none
	names     map[id.Customer]string

	seen      id.Event // the last event that was read
	happened  []happening
	expecting bool // the line before was an expectation
	result    Result
}

// taxing is a tax profile with the rules that the story gave it so far.
type taxing struct {
	id    id.TaxProfile
	rules []tax.Rule
}

// Run plays a story. A failure names the line, what was expected, and everything
// that happened instead.
func Run(ctx context.Context, stage Stage, text io.Reader) (Result, error) {
	s := &story{stage: stage, zone: time.UTC, products: map[string]id.Product{}, prices: map[string]catalog.Price{}, meters: map[string]id.Meter{},
		coupons: map[string]id.Coupon{}, taxes: map[string]*taxing{}, shipping: map[string]id.ShippingRule{}, items: map[string]id.Item{},
		policies: map[string]id.RecoveryPolicy{}, mailed: map[id.Customer]id.Delivery{}, received: map[id.Customer][]id.Link{},
		customers: map[string]id.Customer{}, subs: map[string]id.Subscription{}, names: map[id.Customer]string{},
		settings: commerce.CreateAccount{Actor: event.Actor{Kind: event.ByOperator, Name: "scenario"}, Name: AccountName, Email: "merchant@example.com", Mode: account.Sandbox,
			Currency: "USD"}}
	lines := bufio.NewScanner(text)
	lines.Buffer(nil, maxLine)
	n := 0
	for lines.Scan() {
		n++
		list, err := split(lines.Text())
		if err == nil && len(list) == 0 {
			continue
		}
		if err == nil {
			err = s.line(ctx, list)
		}
		if err != nil {
			return s.result, fmt.Errorf("line %d: %s: %w", n, strings.Join(strings.Fields(lines.Text()), " "), err)
		}
		s.result.Lines++
	}
	if err := lines.Err(); err != nil {
		return s.result, fmt.Errorf("line %d: %w", n+1, err)
	}
	if err := s.settled(); err != nil {
		return s.result, fmt.Errorf("at the end: %w", err)
	}
	return s.result, nil
}

// line does one line.
func (s *story) line(ctx context.Context, list []string) error {
	if list[0] == "expect" {
		// A story about mails or metrics need not name what else happened.
		about := append(list, "", "")
		if about[1] != "metric" && about[1] != "metrics" && about[2] != "mails" {
			s.expecting = true
		}
		s.result.Expectations++
		return s.expect(ctx, list[1:])
	}
	if err := s.settled(); err != nil {
		return err
	}
	if list[0] == "refused" && len(list) > 2 {
		return s.refused(ctx, list[1:])
	}
	return s.do(ctx, list)
}

// settled ends a group of expectations: nothing may be left that was not expected.
func (s *story) settled() error {
	if !s.expecting {
		return nil
	}
	s.expecting = false
	left := s.happened
	s.happened = nil
	if len(left) > 0 {
		return fmt.Errorf("before it, this happened too and was not expected: %s", join(left))
	}
	return nil
}

func join(list []happening) string {
	texts := make([]string, len(list))
	for i, h := range list {
		texts[i] = h.String()
	}
	if len(texts) == 0 {
		return "nothing"
	}
	return strings.Join(texts, "; ")
}

// refused does a line that must be refused with a code, a kind, or because of a field.
func (s *story) refused(ctx context.Context, list []string) error {
	s.result.Expectations++
	why := strings.TrimSuffix(list[0], ":")
	err := s.do(ctx, list[1:])
	if err == nil {
		return fmt.Errorf("it was not refused")
	}
	f := fault.As(err)
	if f.Kind == fault.Internal {
		return err // the line itself cannot be read
	}
	if f.Code == why || f.Kind.String() == why {
		return nil
	}
	for _, field := range f.Fields {
		if field.Name == why {
			return nil
		}
	}
	return fmt.Errorf("it was refused with %s (%s): %w", f.Code, f.Kind, err)
}

// do does something, and notes what happened because of it.
func (s *story) do(ctx context.Context, list []string) error {
	w := s.words(list)
	switch {
	case w.is("account"):
		return s.account(w)
	case w.is("at"):
		if err := s.at(ctx, w); err != nil {
			return err
		}
		return s.listen(ctx)
	}
	if s.call.Account == 0 {
		return fmt.Errorf("a story begins with a line such as: at 2026-01-31")
	}
	err := s.act(ctx, w)
	if listened := s.listen(ctx); err == nil {
		err = listened
	}
	return err
}

// words are those of a line, read in the account's zone and currency.
func (s *story) words(list []string) *words {
	return &words{left: list, zone: s.zone, currency: s.settings.Currency}
}

// act does a line that is neither about the account nor about time.
func (s *story) act(ctx context.Context, w *words) error {
	made := map[string]func(context.Context, *words) error{"product": s.product, "price": s.price, "meter": s.meter, "coupon": s.coupon, "customer": s.customer,
		"tax": s.tax, "shipping": s.shippingRule, "merchant": s.merchant, "recovery": s.recovery}
	if do := made[w.peek()]; do != nil {
		w.word("")
		return do(ctx, w)
	}
	return s.acts(ctx, w)
}

// account sets what the story's account is like.
func (s *story) account(w *words) error {
	if s.call.Account != 0 {
		return fmt.Errorf("it must stand before the first at")
	}
	for !w.done() {
		switch {
		case w.is("zone"):
			s.settings.Zone = w.word("a zone")
			zone, err := period.LoadZone(s.settings.Zone)
			if err != nil {
				return err
			}
			s.zone = zone
		case w.is("currency"):
			s.settings.Currency = w.code()
		case w.is("country"):
			s.settings.Country = w.word("a country")
		case w.is("tax"):
			rate := w.rate("a rate")
			s.later.TaxRate = &rate
		case w.is("proration"):
			name := w.word("a policy")
			s.later.Proration = &name
		case w.is("notices"):
			s.notices = true
		default:
			w.otherwise("zone, currency, country, tax, proration, notices")
		}
	}
	return w.end()
}

// at moves the clock; the first one says when the story begins.
func (s *story) at(ctx context.Context, w *words) error {
	to := w.instant()
	if err := w.end(); err != nil {
		return err
	}
	if s.call.Account != 0 {
		_, err := s.stage.Service.AdvanceClock(ctx, commerce.AdvanceClock{Call: s.call, To: to})
		return err
	}
	s.settings.Begin = to
	made, err := s.stage.Service.CreateAccount(ctx, s.settings)
	if err != nil {
		return err
	}
	s.call = commerce.Call{Account: made.Account.ID, Actor: s.settings.Actor}
	if s.later.TaxRate == nil && s.later.Proration == nil {
		return nil
	}
	s.later.Call = s.call
	_, err = s.stage.Service.UpdateAccount(ctx, s.later)
	return err
}

// amountOf spells an amount as stories do.
func amountOf(minor int64, c money.Currency) string {
	return money.Amount{Minor: minor, Currency: c}.Major()
}
