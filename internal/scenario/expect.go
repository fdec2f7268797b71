package scenario

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"perennial/internal/invoice"
	"perennial/internal/money"
	"perennial/internal/period"
	"perennial/internal/subscription"
)

// expect is a line that tells what happened, or how something stands.
func (s *story) expect(ctx context.Context, list []string) error {
	text := strings.Join(list, " ")
	for i, h := range s.happened {
		if h.String() == text {
			s.happened = slices.Delete(s.happened, i, i+1)
			return nil
		}
	}
	w := s.words(list)
	switch {
	case text == "nothing":
		if len(s.happened) > 0 {
			return fmt.Errorf("this happened: %s", join(s.happened))
		}
		return nil
	case text == "books balance":
		books, err := s.stage.Reader.Books(ctx, s.call.Account, s.stage.Gateways)
		if err == nil && !books.Balanced() {
			err = fmt.Errorf("they do not: %s", strings.Join(books.Differences, "; "))
		}
		return err
	case w.is("preview"):
		return s.preview(ctx, w)
	case text == "metrics add up":
		return s.addUp(ctx)
	case w.is("metric"):
		return s.standsMetric(ctx, w)
	}
	if done, err := s.stands(ctx, w); done || err != nil {
		return err
	}
	return fmt.Errorf("it did not happen; what did: %s", join(s.happened))
}

// stands checks how something of a customer stands, and reports whether the line is about
// that.
func (s *story) stands(ctx context.Context, w *words) (bool, error) {
	if len(w.left) < 2 {
		return false, nil
	}
	known := []string{"is", "has", "next", "credit", "usage", "prepaid", "newest", "line", "upcoming", "recovery", "mails"}
	if !slices.Contains(known, w.left[1]) || w.left[1] == "credit" && slices.Contains([]string{"note", "added", "taken"}, append(w.left, "", "")[2]) ||
		w.left[1] == "prepaid" && append(w.left, "", "")[2] == "added" {
		return false, nil
	}
	who := s.whoseNamed(w)
	if w.err != nil {
		return true, w.err
	}
	switch {
	case w.is("credit"):
		return true, s.standsCredit(ctx, who, w)
	case w.is("usage"):
		return true, s.standsUsage(ctx, who, w)
	case w.is("prepaid"):
		return true, s.standsPrepaid(ctx, who, w)
	case w.is("newest invoice"):
		return true, s.standsInvoice(ctx, who, w)
	case w.is("line"):
		return true, s.standsLine(ctx, who, w)
	case w.is("mails"):
		return true, s.standsMails(ctx, who, w)
	case w.is("recovery"):
		return true, s.standsRecovery(ctx, who, w)
	case w.is("upcoming invoice"):
		return true, s.standsUpcoming(ctx, who, w)
	}
	sub, err := s.subscription(ctx, who)
	if err != nil {
		return true, err
	}
	switch {
	case w.is("is"):
		return true, standsState(sub, w)
	case w.is("has"):
		return true, s.standsTerms(sub, w)
	case w.is("next charge"):
		return true, s.standsNext(sub, w)
	}
	return false, nil
}

// standsState is "STATE [because REASON]".
func standsState(sub subscription.Subscription, w *words) error {
	state := w.word("a state")
	if w.is("because") {
		if reason := w.word("a reason"); string(sub.EndReason) != reason {
			w.fail("it ended because %s", sub.EndReason)
		}
	}
	if string(sub.State) != state {
		w.fail("it is %s", sub.State)
	}
	return w.end()
}

// standsTerms is "PRICE [x N]".
func (s *story) standsTerms(sub subscription.Subscription, w *words) error {
	if p := s.priceNamed(w); w.err == nil && p.ID != sub.Price {
		for name, other := range s.prices {
			if other.ID == sub.Price {
				w.fail("it has %s", name)
			}
		}
	}
	if w.is("x") {
		if n := w.number("a quantity"); n != sub.Quantity {
			w.fail("it has x %d", sub.Quantity)
		}
	}
	return w.end()
}

// standsNext is "DATE [TIME]", or "never" when nothing will be charged as things stand.
func (s *story) standsNext(sub subscription.Subscription, w *words) error {
	at := sub.Span.To.Add(sub.Extras.Grace)
	switch {
	case sub.State == subscription.Canceled, sub.State == subscription.Paused, !sub.CancelAt.IsZero() && !sub.CancelAt.After(sub.Span.To):
		at = time.Time{}
	case sub.State == subscription.PastDue:
		at = sub.NextActionAt
	case sub.PaymentsLeft() == 0 && (sub.Extras.Alone || s.follows(sub) == 0):
		at = time.Time{}
	}
	return s.same(w, at)
}

func (s *story) follows(sub subscription.Subscription) int64 {
	for _, p := range s.prices {
		if p.ID == sub.Price {
			return int64(p.Terms.NextPrice)
		}
	}
	return 0
}

// same reads "never", "DATE" or "DATE TIME" and refuses another instant.
func (s *story) same(w *words, at time.Time) error {
	have := "never"
	if !at.IsZero() {
		have = at.In(s.zone).Format("2006-01-02 15:04")
	}
	if w.is("never") {
		if have != "never" {
			w.fail("it is %s", have)
		}
		return w.end()
	}
	want := w.date()
	if w.timed() {
		want += " " + w.word("")
	}
	if w.err == nil && have != want && !strings.HasPrefix(have, want+" ") {
		w.fail("it is %s", have)
	}
	return w.end()
}

// standsCredit is "AMOUNT [CURRENCY]".
func (s *story) standsCredit(ctx context.Context, who whose, w *words) error {
	want := w.amount()
	if err := w.end(); err != nil {
		return err
	}
	view, err := s.stage.Reader.Credit(ctx, s.call.Account, who.id, 0, 1)
	if err != nil {
		return err
	}
	have := money.Zero(want.Currency)
	for _, balance := range view.Balances {
		if balance.Currency == want.Currency {
			have = balance
		}
	}
	if have != want {
		return fmt.Errorf("it is %s", have.Major())
	}
	return nil
}

// standsInvoice is "net N tax N total N credit N due N lines N state STATE says CODE note TEXT",
// each when the line cares.
func (s *story) standsInvoice(ctx context.Context, who whose, w *words) error {
	v, err := s.invoiceOf(ctx, who, 0)
	if err != nil {
		return err
	}
	lines, err := s.stage.Reader.Lines(ctx, v)
	if err != nil {
		return err
	}
	c := v.Total.Currency
	return w.check(map[string]string{"net": v.Net.Major(), "tax": v.Tax.Major(), "total": v.Total.Major(), "credit": amountOf(v.CreditUsed, c), "due": v.Due().Major(),
		"lines": strconv.Itoa(len(lines)), "state": string(v.State), "says": v.Notes.Tax, "note": v.Notes.Text, "evidence": strings.Join(v.Notes.Evidence, " "), "currency": string(c), "issued": day(v.IssuedAt, s.zone)})
}

// check reads "NAME VALUE NAME VALUE …" and refuses a value that is not so.
func (w *words) check(have map[string]string) error {
	if w.done() {
		w.fail("what it should be is missing")
	}
	for !w.done() {
		name := w.word("a name")
		is, known := have[name]
		if !known {
			w.left = append([]string{name}, w.left...)
			w.otherwise("what is known here")
			break
		}
		want := w.word("a value")
		if strings.HasPrefix(is, want+" ") && len(w.left) > 0 && is == want+" "+w.left[0] {
			want += " " + w.word("")
		}
		if w.err == nil && want != is && !sameNumber(want, is) {
			w.fail("%s is %q", name, is)
		}
	}
	return w.end()
}

// sameNumber tells that "0" and "0.00" are one.
func sameNumber(a, b string) bool {
	x, errA := money.ParseDecimal(a)
	y, errB := money.ParseDecimal(b)
	return errA == nil && errB == nil && x.Cmp(y) == 0
}

// standsLine is "N DESCRIPTION AMOUNT [x N] [discount N] [tax N] [share N/N UNIT]" of the
// newest invoice. Discount, tax and share that are not named are none.
func (s *story) standsLine(ctx context.Context, who whose, w *words) error {
	v, err := s.invoiceOf(ctx, who, 0)
	if err != nil {
		return err
	}
	lines, err := s.stage.Reader.Lines(ctx, v)
	if err != nil {
		return err
	}
	return w.line(lines)
}

func (w *words) line(lines []invoice.Line) error {
	n := w.count("the number of a line")
	if w.err == nil && (n < 1 || n > len(lines)) {
		return fmt.Errorf("there are %d lines", len(lines))
	}
	if w.err != nil {
		return w.err
	}
	l := lines[n-1]
	w.currency = l.Amount.Currency
	text, amount := w.word("a description"), w.amount()
	zero := money.Zero(w.currency)
	discount, tax, share, quantity := zero, zero, "", l.Quantity
	for !w.done() {
		switch {
		case w.is("x"):
			quantity = w.number("a quantity")
		case w.is("discount"):
			discount = w.amount()
		case w.is("tax"):
			tax = w.amount()
		case w.is("share"):
			share = w.word("a share") + " " + w.word("a unit")
		default:
			w.otherwise("x, discount, tax, share")
		}
	}
	have := fmt.Sprintf("%q %s x %d discount %s tax %s", l.Description, l.Amount.Major(), l.Quantity, l.Discount.Major(), l.Tax.Major())
	is := ""
	if l.Details.Share != nil {
		is = l.Details.Share.String()
		have += " share " + is
	}
	if w.err == nil && (text != l.Description || amount != l.Amount || discount.Minor != l.Discount.Minor || tax.Minor != l.Tax.Minor || share != is || quantity != l.Quantity) {
		w.fail("it is %s", have)
	}
	return w.end()
}

// standsUpcoming is "DATE [TIME] net N tax N total N credit N due N lines N", "line …" as of an
// invoice, or "none".
func (s *story) standsUpcoming(ctx context.Context, who whose, w *words) error {
	sub, err := s.subscription(ctx, who)
	if err != nil {
		return err
	}
	u, err := s.stage.Service.PreviewInvoice(ctx, s.call.Account, sub.ID)
	if w.is("none") {
		if err == nil {
			return fmt.Errorf("it comes at %s", u.At.In(s.zone).Format("2006-01-02 15:04"))
		}
		return w.end()
	}
	if err != nil {
		return err
	}
	if w.is("line") {
		return w.line(u.Lines)
	}
	day := w.date()
	have := period.Date(u.At, s.zone)
	if w.timed() {
		day, have = day+" "+w.word(""), u.At.In(s.zone).Format("2006-01-02 15:04")
	}
	if w.err == nil && day != have {
		w.fail("it comes at %s", have)
	}
	if w.done() {
		return w.err
	}
	return w.check(map[string]string{"net": u.Net.Major(), "tax": u.Tax.Major(), "total": u.Total.Major(), "credit": u.Credit.Major(), "due": u.Due.Major(),
		"lines": strconv.Itoa(len(u.Lines))})
}
