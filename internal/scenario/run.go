package scenario

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"slices"
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
)

// Stage is where a story is played: a store of its own, at a clock that the story
// alone moves.
type Stage struct {
	Service  *commerce.Service
	Reader   *report.Reader
	Gateways map[string]payment.Gateway
}

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
	stage     Stage
	call      commerce.Call
	settings  commerce.CreateAccount
	tax       string
	zone      *time.Location
	prices    map[string]catalog.Price
	customers map[string]id.Customer
	names     map[id.Customer]string
	seen      id.Event // the last event that was read
	happened  []happening
	expecting bool // the line before was an expectation
	result    Result
}

// Run plays a story. A failure names the line, what was expected, and everything
// that happened instead.
func Run(ctx context.Context, stage Stage, text io.Reader) (Result, error) {
	s := &story{stage: stage, zone: time.UTC, prices: map[string]catalog.Price{}, customers: map[string]id.Customer{}, names: map[id.Customer]string{},
		settings: commerce.CreateAccount{Actor: event.Actor{Kind: event.ByOperator, Name: "scenario"}, Name: "Scenario", Email: "merchant@example.com", Mode: account.Sandbox}}
	lines := bufio.NewScanner(text)
	lines.Buffer(nil, maxLine)
	n := 0
	for lines.Scan() {
		n++
		line, _, _ := strings.Cut(lines.Text(), "#")
		words := strings.Fields(line)
		if len(words) == 0 {
			continue
		}
		if err := s.line(ctx, words); err != nil {
			return s.result, fmt.Errorf("line %d: %s: %w", n, strings.Join(words, " "), err)
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
func (s *story) line(ctx context.Context, words []string) error {
	if words[0] == "expect" {
		s.expecting = true
		s.result.Expectations++
		return s.expect(ctx, words[1:])
	}
	if err := s.settled(); err != nil {
		return err
	}
	if words[0] == "refused" && len(words) > 2 {
		return s.refused(ctx, words[1:])
	}
	return s.do(ctx, words)
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

// refused does a line that must be refused with a code or kind.
func (s *story) refused(ctx context.Context, words []string) error {
	code := strings.TrimSuffix(words[0], ":")
	err := s.do(ctx, words[1:])
	if err == nil {
		return fmt.Errorf("it was not refused")
	}
	if f := fault.As(err); f.Code != code && f.Kind.String() != code {
		return fmt.Errorf("it was refused with %s (%s): %w", f.Code, f.Kind, err)
	}
	return nil
}

// do does something, and notes what happened because of it.
func (s *story) do(ctx context.Context, words []string) error {
	switch words[0] {
	case "account":
		return s.account(words[1:])
	case "at":
		err := s.at(ctx, words[1:])
		if err != nil {
			return err
		}
		return s.listen(ctx)
	}
	if s.call.Account == 0 {
		return fmt.Errorf("a story begins with a line such as: at 2026-01-31")
	}
	var err error
	switch words[0] {
	case "price":
		err = s.price(ctx, words[1:])
	case "customer":
		err = s.customer(ctx, words[1:])
	case "merchant":
		err = s.merchant(ctx, words[1:])
	default:
		err = s.acts(ctx, words)
	}
	if listened := s.listen(ctx); err == nil {
		err = listened
	}
	return err
}

// options reads "name value name value …" in any order.
func options(words []string, known ...string) (map[string]string, error) {
	found := map[string]string{}
	for i := 0; i < len(words); i += 2 {
		if !slices.Contains(known, words[i]) || i+1 == len(words) {
			return nil, fmt.Errorf("%q is not understood; what may stand here: %s", strings.Join(words[i:], " "), strings.Join(known, ", "))
		}
		found[words[i]] = words[i+1]
	}
	return found, nil
}

// account sets what the story's account is like.
func (s *story) account(words []string) error {
	if s.call.Account != 0 {
		return fmt.Errorf("it must stand before the first at")
	}
	o, err := options(words, "zone", "currency", "tax")
	if err != nil {
		return err
	}
	s.settings.Zone, s.settings.Currency, s.tax = o["zone"], money.Currency(o["currency"]), o["tax"]
	if s.settings.Zone != "" {
		if s.zone, err = period.LoadZone(s.settings.Zone); err != nil {
			return err
		}
	}
	return nil
}

// at moves the clock; the first one says when the story begins.
func (s *story) at(ctx context.Context, words []string) error {
	to, err := s.instant(words)
	if err != nil {
		return err
	}
	if s.call.Account != 0 {
		_, err = s.stage.Service.AdvanceClock(ctx, commerce.AdvanceClock{Call: s.call, To: to})
		return err
	}
	s.settings.Begin = to
	made, err := s.stage.Service.CreateAccount(ctx, s.settings)
	if err != nil {
		return err
	}
	s.call = commerce.Call{Account: made.Account.ID, Actor: s.settings.Actor}
	if s.tax == "" {
		return nil
	}
	rate, err := money.ParseRate(s.tax)
	if err != nil {
		return err
	}
	_, err = s.stage.Service.UpdateAccount(ctx, commerce.UpdateAccount{Call: s.call, TaxRate: &rate})
	return err
}

// instant reads a date, or a date and a time of day, in the account's zone.
func (s *story) instant(words []string) (time.Time, error) {
	layout := map[int]string{1: time.DateOnly, 2: "2006-01-02 15:04"}[len(words)]
	at, err := time.ParseInLocation(layout, strings.Join(words, " "), s.zone)
	if err != nil || layout == "" {
		return at, fmt.Errorf("must be a date such as 2026-01-31, or 2026-01-31 15:04")
	}
	return at, nil
}

// price makes a product with one price.
func (s *story) price(ctx context.Context, words []string) error {
	if len(words) < 3 {
		return fmt.Errorf("must be: price NAME AMOUNT once, or price NAME AMOUNT every INTERVAL")
	}
	a, _, err := s.stage.Reader.Account(ctx, s.call.Account)
	if err != nil {
		return err
	}
	p := commerce.CreatePrice{Call: s.call}
	if p.Amount, err = money.ParseMajor(words[1], a.Currency); err != nil {
		return err
	}
	rest := words[2:]
	if rest[0] == "every" {
		n := 2
		if len(rest) > 2 && strings.ContainsAny(rest[1][:1], "0123456789") {
			n = 3
		}
		if p.Interval, err = period.ParseInterval(strings.Join(rest[1:min(n, len(rest))], " ")); err != nil {
			return err
		}
		rest = rest[min(n, len(rest)):]
	} else {
		rest = rest[1:]
	}
	o, err := options(rest, "trial", "setup")
	if err != nil {
		return err
	}
	if o["trial"] != "" {
		if _, err := fmt.Sscanf(o["trial"], "%dd", &p.TrialDays); err != nil {
			return fmt.Errorf("a trial is written such as: trial 14d")
		}
	}
	if o["setup"] != "" {
		fee, err := money.ParseMajor(o["setup"], a.Currency)
		if err != nil {
			return err
		}
		p.SetupFee = fee.Minor
	}
	product, err := s.stage.Service.CreateProduct(ctx, commerce.CreateProduct{Call: s.call, Name: words[0]})
	if err != nil {
		return err
	}
	p.Product = product.ID
	s.prices[words[0]], err = s.stage.Service.CreatePrice(ctx, p)
	return err
}

// customer makes a customer, with a payment method when the line says "with".
func (s *story) customer(ctx context.Context, words []string) error {
	if len(words) != 1 && (len(words) != 3 || words[1] != "with") {
		return fmt.Errorf("must be: customer NAME, or customer NAME with TOKEN")
	}
	made, err := s.stage.Service.CreateCustomer(ctx, commerce.CreateCustomer{Call: s.call, Email: words[0] + "@example.com"})
	if err != nil {
		return err
	}
	s.customers[words[0]], s.names[made.ID] = made.ID, words[0]
	if len(words) == 3 {
		_, err = s.stage.Service.AttachMethod(ctx, commerce.AttachMethod{Call: s.call, Customer: made.ID, Token: words[2]})
	}
	return err
}
