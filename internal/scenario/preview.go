package scenario

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"perennial/internal/commerce"
	"perennial/internal/invoice"
	"perennial/internal/money"
)

// preview is "LINE: NAME VALUE …": what a change or a sale would do, with its arithmetic,
// without doing it.
func (s *story) preview(ctx context.Context, w *words) error {
	end := slices.IndexFunc(w.left, func(word string) bool { return strings.HasSuffix(word, ":") })
	if end < 0 {
		return fmt.Errorf("must be: expect preview LINE: NAME VALUE …")
	}
	line := slices.Clone(w.left[:end+1])
	line[end] = strings.TrimSuffix(line[end], ":")
	result := s.words(w.left[end+1:])
	act := s.words(line)
	who := s.whoseNamed(act)
	switch verb := act.word("a verb"); {
	case act.err != nil:
		return act.err
	case verb == "changes":
		return s.previewChange(ctx, who, act, result)
	case verb == "subscribes" || verb == "buys":
		return s.previewSale(ctx, who, act, result)
	}
	return fmt.Errorf("only a change or a sale can be previewed")
}

func (s *story) previewChange(ctx context.Context, who whose, act, result *words) error {
	c, err := s.newTerms(ctx, who, act)
	if err != nil {
		return err
	}
	p, err := s.stage.Service.PreviewChange(ctx, s.call.Account, c.Subscription, c.To, c.At)
	if err != nil {
		return err
	}
	have := map[string]string{"credit": p.Credited.Major(), "charge": p.Net.Major(), "tax": p.Tax.Major(), "total": p.Total.Major(), "due": p.Due.Major(),
		"balance": amountOf(p.Balance, p.Total.Currency), "each": p.NextEach.Major(), "direction": p.Direction, "left": leftOf(p), "next": day(p.NextAt, s.zone)}
	later := money.Zero(p.Total.Currency)
	for _, i := range p.Items {
		later.Minor += i.Amount.Minor
	}
	for _, cut := range p.Cuts {
		later.Minor -= cut.Taken.Minor
	}
	have["later"] = later.Major()
	var steps []string
	for _, credit := range p.Credits {
		steps = append(steps, credit.Steps...)
	}
	have["step"] = strings.Join(steps, "; ")
	return result.check(have)
}

// leftOf is how much of the period the change leaves, "20/30 days"; "" when it begins a
// new one.
func leftOf(p commerce.ChangePlan) string {
	share := func(d invoice.Details) string {
		if d.Share == nil {
			return ""
		}
		return d.Share.String()
	}
	for _, l := range p.Lines {
		if text := share(l.Details); text != "" {
			return text
		}
	}
	for _, i := range p.Items {
		if text := share(i.Details); text != "" {
			return text
		}
	}
	for _, c := range p.Credits {
		for _, l := range c.Lines {
			if text := share(l.Details); text != "" {
				return text
			}
		}
	}
	return ""
}

func (s *story) previewSale(ctx context.Context, who whose, act, result *words) error {
	sell, _, err := s.sale(ctx, who, act)
	if err != nil {
		return err
	}
	q, err := s.stage.Service.Quote(ctx, s.call.Account, sell.Price, sell.Quantity, sell.Options, who.id)
	if err != nil {
		return err
	}
	return result.check(map[string]string{"charge": q.Net.Major(), "tax": q.Tax.Major(), "credit": q.Credit.Major(), "due": q.Due.Major(), "next": q.Next.Major(),
		"each": q.Each.Major(), "at": day(q.NextAt, s.zone)})
}

// day is an instant as stories spell it: without the time at midnight.
func day(at time.Time, zone *time.Location) string {
	if at.IsZero() {
		return "never"
	}
	text := at.In(zone).Format("2006-01-02 15:04")
	return strings.TrimSuffix(text, " 00:00")
}
