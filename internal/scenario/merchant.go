package scenario

import (
	"context"
	"fmt"

	"perennial/internal/catalog"
	"perennial/internal/commerce"
	"perennial/internal/coupon"
	"perennial/internal/fault"
	"perennial/internal/invoice"
	"perennial/internal/money"
	"perennial/internal/payment"
)

// merchant is a line in which the merchant does something.
func (s *story) merchant(ctx context.Context, w *words) error {
	verb := w.word("what the merchant does")
	switch verb {
	case "archives":
		return s.archives(ctx, w)
	case "sets":
		return s.sets(ctx, w)
	}
	if verb == "writes" {
		w.must("off")
	}
	who := s.whoseNamed(w)
	if w.err != nil {
		return w.err
	}
	if do := s.movement(verb); do != nil {
		return do(ctx, who, w, true)
	}
	switch verb {
	case "links":
		return s.links(ctx, who, w)
	case "gives", "takes":
		return s.gives(ctx, who, w, verb == "takes")
	case "bills":
		return s.bills(ctx, who, w)
	case "unbills":
		return s.unbills(ctx, w)
	case "checks":
		w.must("number")
		if err := w.end(); err != nil {
			return err
		}
		_, err := s.stage.Service.CheckTaxID(ctx, commerce.CheckTaxID{Call: s.call, Customer: who.id})
		return err
	case "marks":
		return s.marks(ctx, who, w)
	case "refunds", "credits", "voids", "charges", "writes":
		return s.documents(ctx, verb, who, w)
	}
	return fmt.Errorf("what the merchant does is not understood")
}

// archives is "price NAME", "product NAME" or "coupon CODE".
func (s *story) archives(ctx context.Context, w *words) error {
	state := catalog.Archived
	switch {
	case w.is("price"):
		p := s.priceNamed(w)
		if err := w.end(); err != nil {
			return err
		}
		_, err := s.stage.Service.UpdatePrice(ctx, commerce.UpdatePrice{Call: s.call, Price: p.ID, State: &state})
		return err
	case w.is("product"):
		p, known := s.products[w.word("a product")]
		if err := w.end(); err != nil || !known {
			return fmt.Errorf("that is no product: %w", err)
		}
		_, err := s.stage.Service.UpdateProduct(ctx, commerce.UpdateProduct{Call: s.call, Product: p, State: &state})
		return err
	}
	w.must("coupon")
	c, archived := s.couponNamed(w), coupon.Archived
	if err := w.end(); err != nil {
		return err
	}
	_, err := s.stage.Service.UpdateCoupon(ctx, commerce.UpdateCoupon{Call: s.call, Coupon: c, State: &archived})
	return err
}

// sets is "rate CURRENCY N", "tax RATE", "tax profile NAME" or "proration NAME".
func (s *story) sets(ctx context.Context, w *words) error {
	if w.is("rate") {
		c := commerce.SetExchangeRate{Call: s.call, Currency: w.code(), Rate: w.decimal("a rate")}
		if err := w.end(); err != nil {
			return err
		}
		_, err := s.stage.Service.SetExchangeRate(ctx, c)
		return err
	}
	c := commerce.UpdateAccount{Call: s.call}
	switch {
	case w.is("tax profile"):
		profile := s.taxNamed(w)
		if w.err == nil {
			c.TaxProfile = &profile.id
		}
	case w.is("tax"):
		rate := w.rate("a rate")
		c.TaxRate = &rate
	case w.is("proration"):
		name := w.word("a policy")
		c.Proration = &name
	case w.is("recovery"):
		policy := s.policyNamed(w)
		c.Recovery = &policy
	default:
		w.otherwise("rate, tax, tax profile, proration, recovery")
	}
	if err := w.end(); err != nil {
		return err
	}
	_, err := s.stage.Service.UpdateAccount(ctx, c)
	return err
}

// gives is "AMOUNT [note TEXT]" of credit.
func (s *story) gives(ctx context.Context, who whose, w *words, takes bool) error {
	c := commerce.AdjustCredit{Call: s.call, Customer: who.id, Amount: w.amount()}
	if takes {
		c.Amount = c.Amount.Neg()
	}
	if w.is("note") {
		c.Note = w.word("a text")
	}
	if err := w.end(); err != nil {
		return err
	}
	_, err := s.stage.Service.AdjustCredit(ctx, c)
	return err
}

// bills is "TEXT AMOUNT": it waits for the next invoice.
func (s *story) bills(ctx context.Context, who whose, w *words) error {
	sub, err := s.subscription(ctx, who)
	if err != nil {
		return err
	}
	w.currency = sub.UnitAmount.Currency
	text := w.word("a description")
	amount := w.minor()
	if err := w.end(); err != nil {
		return err
	}
	made, err := s.stage.Service.AddItem(ctx, commerce.AddItem{Call: s.call, Subscription: sub.ID, Description: text, Amount: amount})
	if err == nil {
		s.items[text] = made.ID
	}
	return err
}

// unbills is "TEXT": what waited under that description is taken back.
func (s *story) unbills(ctx context.Context, w *words) error {
	item := s.items[w.word("a description")]
	if err := w.end(); err != nil {
		return err
	}
	_, err := s.stage.Service.RemoveItem(ctx, commerce.RemoveItem{Call: s.call, Item: item})
	return err
}

// documents does something to an invoice: the customer's newest, or the one that "of
// invoice N" tells, by its number.
func (s *story) documents(ctx context.Context, verb string, who whose, w *words) error {
	var amount, line string
	if w.is("line") {
		line = w.word("the number of a line")
	}
	if !w.done() && w.peek() != "of" {
		amount = w.word("an amount")
	}
	number := int64(0)
	if w.is("of invoice") {
		number = w.number("the number of an invoice")
	}
	if err := w.end(); err != nil {
		return err
	}
	v, err := s.invoiceOf(ctx, who, number)
	if err != nil {
		return err
	}
	minor := int64(0)
	if amount != "" {
		a, err := money.ParseMajor(amount, v.Total.Currency)
		if err != nil {
			return err
		}
		minor = a.Minor
	}
	switch verb {
	case "refunds":
		return s.refunds(ctx, v, minor)
	case "credits":
		return s.credits(ctx, v, line, minor)
	case "voids":
		_, err = s.stage.Service.VoidInvoice(ctx, commerce.VoidInvoice{Call: s.call, Invoice: v.ID})
	case "charges":
		method, err := s.newest(ctx, who.id)
		if err != nil {
			return err
		}
		_, err = s.stage.Service.Collect(ctx, commerce.Collect{Call: s.call, Invoice: v.ID, Method: method})
		return err
	case "writes":
		_, err = s.stage.Service.GiveUpInvoice(ctx, commerce.GiveUpInvoice{Call: s.call, Invoice: v.ID})
	}
	return err
}

// invoiceOf is the customer's newest issued invoice, or the one with a number.
func (s *story) invoiceOf(ctx context.Context, who whose, number int64) (invoice.Invoice, error) {
	list, err := s.stage.Reader.Invoices(ctx, s.call.Account, invoice.Filter{Customer: who.id, Limit: 100})
	if err != nil {
		return invoice.Invoice{}, err
	}
	for _, v := range list {
		if number == 0 && v.Number != 0 || number != 0 && v.Number == number {
			return v, nil
		}
	}
	return invoice.Invoice{}, fault.New(fault.NotFound, "%s has no such invoice", who.name)
}

// refunds gives an amount of the invoice's payment back, all that is left when it is 0.
func (s *story) refunds(ctx context.Context, v invoice.Invoice, minor int64) error {
	r := commerce.Refund{Call: s.call, Amount: minor}
	view, err := s.stage.Reader.Invoice(ctx, s.call.Account, v.ID)
	if err != nil {
		return err
	}
	for _, p := range view.Payments {
		if p.State == payment.Paid {
			r.Payment = p.ID
		}
	}
	_, err = s.stage.Service.Refund(ctx, r)
	return err
}

// credits writes a credit note of an amount with tax, of one line without tax, or of all
// that is left.
func (s *story) credits(ctx context.Context, v invoice.Invoice, line string, minor int64) error {
	c := commerce.CreditNote{Call: s.call, Invoice: v.ID, Amount: minor}
	if line != "" {
		c.Amount = 0
		p := invoice.Portion{Net: minor}
		if _, err := fmt.Sscan(line, &p.Line); err != nil {
			return fmt.Errorf("%q is no number of a line", line)
		}
		c.Lines = []invoice.Portion{p}
	}
	_, err := s.stage.Service.CreditNote(ctx, c)
	return err
}
