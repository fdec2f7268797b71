package checkout

import (
	"context"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"perennial/internal/cardnumber"
	"perennial/internal/catalog"
	"perennial/internal/clock"
	"perennial/internal/commerce"
	"perennial/internal/coupon"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/idempotency"
	"perennial/internal/money"
	"perennial/internal/web"
)

// maxTyped is how many codes are read of what a buyer typed. More than coupon.MaxStack
// are never combined, so one more is enough to say so.
const maxTyped = coupon.MaxStack + 1

// codes are the coupon codes in what somebody typed, each once. A card number that went
// into the wrong field goes no further.
func codes(typed string) []string {
	if cardnumber.In(typed) {
		return nil
	}
	var list []string
	for _, c := range strings.FieldsFunc(typed, func(r rune) bool { return r == ' ' || r == ',' || r == ';' || r < ' ' }) {
		if parsed, err := coupon.ParseCode(c); err == nil {
			c = parsed
		} else if len(c) > coupon.MaxCode {
			c = c[:coupon.MaxCode]
		}
		c = strings.ToValidUTF8(c, "")
		if c != "" && !slices.Contains(list, c) && len(list) < maxTyped {
			list = append(list, c)
		}
	}
	return list
}

// currencies are those that a price can be bought in, its own first.
func (s sale) currencies(p catalog.Price) []money.Currency {
	own := p.Amount.Currency
	others := maps.Clone(p.Terms.Currencies)
	if others == nil {
		others = map[money.Currency]catalog.Fixed{}
	}
	if _, known := s.Rates[own]; p.Terms.Convert && (known || own == s.Account.Currency) {
		for c := range s.Rates {
			others[c] = catalog.Fixed{}
		}
		others[s.Account.Currency] = catalog.Fixed{}
	}
	delete(others, own)
	return append([]money.Currency{own}, slices.Sorted(maps.Keys(others))...)
}

// options are what is quoted and sold, with these codes.
func (s sale) options(codes []string) commerce.Options {
	guest := s.guest()
	return commerce.Options{Currency: s.Currency, Coupons: codes, Guest: &guest, QuotedAt: s.at}
}

// quote computes what the sale charges. A quantity, currency or code that cannot be is
// left out and told; any other refusal is returned.
func (h *shop) quote(ctx context.Context, s *sale) error {
	typed := codes(s.Codes)
	s.Applied, s.CodeSaid = nil, ""
	err := h.quoteWith(ctx, s, typed)
	if len(typed) > 0 && err != nil && !wrongQuantity(err) {
		err = h.quoteEach(ctx, s, typed)
	}
	if wrongQuantity(err) && s.Count > 1 {
		s.wrongQuantity("The quantity makes the amount too large.")
		return h.quote(ctx, s)
	}
	if err != nil && s.Currency != s.Chosen.Amount.Currency {
		s.Currency = s.Chosen.Amount.Currency
		return h.quote(ctx, s)
	}
	if err != nil {
		return err
	}
	return h.quoteAgain(ctx, s)
}

func wrongQuantity(err error) bool {
	f := fault.As(orNone(err))
	return f.Kind == fault.Invalid && !strings.HasPrefix(f.Code, "coupon_") && (len(f.Fields) == 0 || f.Fields[0].Name == "quantity")
}

func (h *shop) quoteWith(ctx context.Context, s *sale, codes []string) error {
	q, err := h.commerce.Quote(ctx, s.Account.ID, s.Chosen.ID, s.Count, s.options(codes), 0)
	if err == nil {
		s.Quote, s.Applied = q, codes
	}
	return err
}

// quoteEach finds out which of several codes apply together, from the first on, and says
// of the others why they do not.
func (h *shop) quoteEach(ctx context.Context, s *sale, typed []string) error {
	if err := h.quoteWith(ctx, s, nil); err != nil {
		return err
	}
	var said []string
	for _, code := range typed {
		if err := h.quoteWith(ctx, s, append(slices.Clone(s.Applied), code)); err != nil {
			why, known := codeWords(code, err)
			if !known {
				return err
			}
			said = append(said, why)
		}
	}
	s.CodeSaid = strings.Join(said, " ")
	return nil
}

// codeWords says why a code does not apply; known is false when the code is not why.
func codeWords(code string, err error) (words string, known bool) {
	f := fault.As(err)
	switch {
	case f.Code == "coupon_unknown" || f.Code == "coupon_code_invalid":
		return "There is no code “" + code + "”.", true
	case strings.HasPrefix(f.Code, "coupon_") || f.Code == "no_exchange_rate":
		return "“" + code + "” does not apply: " + strings.TrimSuffix(f.Message, ".") + ".", true
	}
	return "", false
}

// quoteAgain computes what is charged each time when prepaid units run low: one piece at
// the price's own currency, without codes.
func (h *shop) quoteAgain(ctx context.Context, s *sale) error {
	s.Again = nil
	if p := s.Chosen.Terms.Prepaid; p == nil || p.TopUpAt == nil {
		return nil
	}
	guest := s.guest()
	q, err := h.commerce.Quote(ctx, s.Account.ID, s.Chosen.ID, 1, commerce.Options{Guest: &guest, QuotedAt: s.at}, 0)
	s.Again = &q
	return err
}

// amounts finds what the cards of the plans show, in the currency of the sale where the
// plan has it.
func (h *shop) amounts(ctx context.Context, s *sale) {
	s.Amounts = map[id.Price]money.Amount{}
	if len(s.Prices) < 2 {
		return
	}
	for _, p := range s.Prices {
		s.Amounts[p.ID] = p.Amount
		if !slices.Contains(s.currencies(p), s.Currency) {
			continue
		}
		if p.Amount.Currency == s.Currency && p.Terms.Charge == nil {
			continue
		}
		o := commerce.Options{Currency: s.Currency, QuotedAt: s.at}
		if q, err := h.commerce.Quote(ctx, s.Account.ID, p.ID, 1, o, 0); err == nil {
			s.Amounts[p.ID] = q.Regular
		}
	}
}

// choice names everything that was chosen and can change the total, without the place.
func (s sale) choice() string {
	return starred(s.Chosen.ID.String(), strconv.FormatInt(s.Count, 10), string(s.Currency), s.Codes)
}

// place names who is taxed and where it goes, "" when that changes nothing.
func (s sale) place() string {
	if !s.placed() {
		return ""
	}
	b := s.guest().Buyer
	business := ""
	if b.Company != "" {
		business = "1"
	}
	return starred(b.Country, b.Region, b.PostalCode, b.TaxID, business)
}

// starred joins what people typed so that nothing of it can be taken for another part.
func starred(parts ...string) string {
	for i, p := range parts {
		parts[i] = url.QueryEscape(p)
	}
	return strings.Join(parts, "*")
}

// told is everything that the page says of what is charged, now and later.
func (s sale) told() string {
	var b strings.Builder
	for _, r := range s.rows() {
		b.WriteString(r.Label + "\t" + r.Amount + "\n")
	}
	b.WriteString(text(s.Quote.Due) + "\n" + s.later() + "\n" + s.consent())
	return idempotency.Digest([]byte(b.String()))
}

// shownAt is the instant of the quote, for the form.
func (s sale) shownAt() string { return strconv.FormatInt(clock.Micros(s.Quote.At), 10) }

// shownFor is what the total was computed for, for the form.
func (s sale) shownFor() string { return s.choice() + "#" + s.place() + "#" + s.told() }

// shown is the amount that the buyer saw as due. The message says why nothing can be
// sold: what is chosen is not what the total was computed for. Another place is no reason
// while it changes nothing that was told: without JavaScript nobody sees a new total
// before they send the form.
func (s sale) shown(form url.Values) (money.Amount, *web.Message) {
	minor, err := strconv.ParseInt(form.Get("shown"), 10, 64)
	amount := money.Amount{Minor: minor, Currency: s.Quote.Due.Currency}
	choice, rest, _ := strings.Cut(form.Get("shown_for"), "#")
	place, told, _ := strings.Cut(rest, "#")
	look := "Nothing was charged. Look at the new total, then go on."
	switch {
	case err != nil || choice != s.choice():
		return amount, &web.Message{Kind: web.Info, Title: "Your choice changed the total", Text: look}
	case told == s.told():
		return amount, nil
	case place != s.place():
		return amount, &web.Message{Kind: web.Info, Title: "Your address changed the total", Text: look}
	}
	return amount, &web.Message{Kind: web.Info, Title: "The total changed since you opened the page", Text: look}
}
