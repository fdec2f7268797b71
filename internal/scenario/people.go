package scenario

import (
	"context"
	"fmt"
	"strings"

	"perennial/internal/commerce"
	"perennial/internal/coupon"
	"perennial/internal/customer"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/money"
	"perennial/internal/payment"
	"perennial/internal/report"
	"perennial/internal/subscription"
)

// whose is a customer, and one of their subscriptions: the newest, unless the line names
// one as "ada/second".
type whose struct {
	id   id.Customer
	name string // of the customer
	sub  string // "customer/name" of a named subscription; "" for the newest
}

// whoseNamed reads whom a line is about.
func (s *story) whoseNamed(w *words) whose {
	text := w.word("a customer")
	name, which, _ := strings.Cut(text, "/")
	who, known := s.customers[name]
	if !known {
		w.fail("nobody is called %q; a line such as \"customer %s with tok_visa\" brings them in", name, name)
	}
	if which == "" {
		return whose{id: who, name: name}
	}
	if s.subs[text] == 0 {
		w.fail("no subscription of %s is called %q; \"as %s\" at the end of its sale names it", name, which, which)
	}
	return whose{id: who, name: name, sub: text}
}

// subscription is the one that a line is about.
func (s *story) subscription(ctx context.Context, who whose) (subscription.Subscription, error) {
	if who.sub != "" {
		v, err := s.stage.Reader.Subscription(ctx, s.call.Account, s.subs[who.sub], report.Expand{})
		return v.Subscription, err
	}
	list, err := s.stage.Reader.Subscriptions(ctx, s.call.Account, subscription.Filter{Customer: who.id, Limit: 1}, report.Expand{})
	if err != nil {
		return subscription.Subscription{}, err
	}
	if len(list) == 0 {
		return subscription.Subscription{}, fault.New(fault.NotFound, "%s has no subscription", who.name)
	}
	return list[0].Subscription, nil
}

// details are the facts of a customer that a line gives.
type details struct {
	token    string
	buyer    customer.Buyer
	more     customer.Taxing
	language string
	given    map[string]bool
}

func (w *words) details() details {
	d := details{given: map[string]bool{}}
	for !w.done() {
		what := w.peek()
		d.given[what] = true
		switch {
		case w.is("with"):
			d.token = w.word("a token")
		case w.is("in"):
			p := w.place()
			d.buyer.Country, d.buyer.Region, d.buyer.PostalCode = p.Country, p.Region, p.PostalCode
		case w.is("delivered to"):
			p := w.place()
			d.more.Shipping = customer.Address{Country: p.Country, Region: p.Region, PostalCode: p.PostalCode}
		case w.is("ip"):
			d.more.IPCountry = w.word("a country")
		case w.is("company"):
			d.buyer.Company = w.word("a name")
		case w.is("number"):
			d.buyer.TaxID = w.word("a tax number")
		case w.is("exempt"):
			d.more.Exempt = w.word("a reason")
		case w.is("speaks"):
			d.language = w.word("a language")
		default:
			w.otherwise("with, in, delivered to, ip, company, number, exempt, speaks")
		}
	}
	return d
}

// customer makes a customer, with a payment method when the line says "with".
func (s *story) customer(ctx context.Context, w *words) error {
	name := w.word("a name")
	d := w.details()
	if err := w.end(); err != nil {
		return err
	}
	made, err := s.stage.Service.CreateCustomer(ctx, commerce.CreateCustomer{Call: s.call, Email: name + "@example.com", Buyer: d.buyer, Taxing: d.more, Language: d.language})
	if err != nil {
		return err
	}
	s.customers[name], s.names[made.ID] = made.ID, name
	if d.token != "" {
		_, err = s.stage.Service.AttachMethod(ctx, commerce.AttachMethod{Call: s.call, Customer: made.ID, Token: d.token})
	}
	return err
}

// becomes is a line that changes facts of a customer: "ada becomes in AT number …".
func (s *story) becomes(ctx context.Context, who whose, w *words) error {
	d := w.details()
	if err := w.end(); err != nil {
		return err
	}
	c := commerce.UpdateCustomer{Call: s.call, Customer: who.id}
	pick := func(word string, field **string, to *string) {
		if d.given[word] {
			*field = to
		}
	}
	pick("in", &c.Country, &d.buyer.Country)
	pick("in", &c.Region, &d.buyer.Region)
	pick("in", &c.PostalCode, &d.buyer.PostalCode)
	pick("ip", &c.IPCountry, &d.more.IPCountry)
	pick("company", &c.Company, &d.buyer.Company)
	pick("number", &c.TaxID, &d.buyer.TaxID)
	pick("exempt", &c.TaxExempt, &d.more.Exempt)
	pick("speaks", &c.Language, &d.language)
	if d.given["delivered"] {
		c.Shipping = &d.more.Shipping
	}
	_, err := s.stage.Service.UpdateCustomer(ctx, c)
	return err
}

// newest is the newest usable payment method of a customer, 0 when there is none.
func (s *story) newest(ctx context.Context, who id.Customer) (id.Method, error) {
	methods, err := s.stage.Reader.Methods(ctx, s.call.Account, who)
	if err != nil {
		return 0, err
	}
	for _, m := range methods {
		if m.State == payment.Usable {
			return m.ID, nil
		}
	}
	return 0, nil
}

// sale is "[to] PRICE options" of a customer, and the name that it gives the subscription.
func (s *story) sale(ctx context.Context, who whose, w *words) (commerce.Sell, string, error) {
	w.is("to")
	price, as := s.priceNamed(w), ""
	sell := commerce.Sell{Call: s.call, Customer: who.id, Price: price.ID, Quantity: 1, Source: "scenario"}
	o := &sell.Options
	w.currency = price.Amount.Currency
	for !w.done() {
		switch {
		case w.is("x"):
			sell.Quantity = w.number("a quantity")
		case w.is("in"):
			w.currency = w.code()
			o.Currency = w.currency
		case w.is("coupon"):
			o.Coupons = append(o.Coupons, w.word("a code"))
		case w.is("day"):
			o.AnchorDay = w.count("a day of the month")
		case w.is("for"):
			minor := w.minor()
			o.UnitAmount = &minor
		case w.is("note"):
			o.Note = w.word("a text")
		case w.is("present"):
			sell.Present = true
		case w.is("as"):
			as = who.name + "/" + w.word("a name")
		default:
			w.otherwise("x, in, coupon, day, for, note, present, as")
		}
	}
	if err := w.end(); err != nil {
		return sell, as, err
	}
	method, err := s.newest(ctx, who.id)
	sell.Method = method
	return sell, as, err
}

func (s *story) buys(ctx context.Context, who whose, w *words) error {
	sell, as, err := s.sale(ctx, who, w)
	if err != nil {
		return err
	}
	sale, err := s.stage.Service.Sell(ctx, sell)
	if err == nil && as != "" && sale.Subscription != nil {
		s.subs[as] = sale.Subscription.ID
	}
	return err
}

// coupon is "CODE WORTH options".
func (s *story) coupon(ctx context.Context, w *words) error {
	c := coupon.Coupon{Code: w.word("a code"), AppliesTo: coupon.All}
	s.worth(w, &c)
	for !w.done() {
		switch {
		case w.is("on"):
			c.AppliesTo = coupon.Scope(w.word("which charges"))
		case w.is("cycles"):
			c.Cycles = w.count("a number of charges")
		case w.is("from"):
			c.StartsOn = w.word("a date")
		case w.is("until"):
			c.EndsOn = w.word("a date")
		case w.is("uses"):
			c.MaxRedemptions = w.number("a number of uses")
		case w.is("each customer"):
			c.MaxPerCustomer = w.number("a number of uses")
		case w.is("of"):
			name := w.word("a product")
			p, known := s.products[name]
			if !known {
				w.fail("no product is called %q", name)
			}
			c.Products = append(c.Products, p)
		case w.is("stackable"):
			c.Stackable = true
		case w.is("with setup"):
			c.IncludeSetup = true
		default:
			w.otherwise("on, cycles, from, until, uses, each customer, of, stackable, with setup")
		}
	}
	if err := w.end(); err != nil {
		return err
	}
	made, err := s.stage.Service.CreateCoupon(ctx, commerce.CreateCoupon{Call: s.call, Coupon: c})
	if err == nil {
		s.coupons[made.Code] = made.ID
	}
	return err
}

func (s *story) worth(w *words, c *coupon.Coupon) {
	percent, ok := strings.CutSuffix(w.peek(), "%")
	if !ok {
		c.Kind, c.Amount = coupon.Fixed, w.amount()
		return
	}
	w.word("")
	c.Kind = coupon.Percent
	var err error
	if c.Percent, err = money.ParsePercent(percent); err != nil {
		w.fail("%q: %v", percent, err)
	}
}

func (s *story) couponNamed(w *words) id.Coupon {
	code := w.word("a code")
	c, known := s.coupons[code]
	if !known {
		w.fail("no coupon is called %q", code)
	}
	return c
}

// applies is "coupon CODE" for a running subscription.
func (s *story) applies(ctx context.Context, who whose, w *words) error {
	w.must("coupon")
	code := w.word("a code")
	sub, err := s.about(ctx, who, w)
	if err != nil {
		return err
	}
	_, err = s.stage.Service.ApplyCoupon(ctx, commerce.ApplyCoupon{Call: s.call, Subscription: sub.ID, Code: code})
	return err
}

func (s *story) removes(ctx context.Context, who whose, w *words) error {
	w.must("coupon")
	c := s.couponNamed(w)
	sub, err := s.about(ctx, who, w)
	if err != nil {
		return err
	}
	_, err = s.stage.Service.RemoveCoupon(ctx, commerce.RemoveCoupon{Call: s.call, Subscription: sub.ID, Coupon: c})
	return err
}

// about ends a line and finds the subscription that it is about.
func (s *story) about(ctx context.Context, who whose, w *words) (subscription.Subscription, error) {
	if err := w.end(); err != nil {
		return subscription.Subscription{}, err
	}
	return s.subscription(ctx, who)
}

// pays is "with TOKEN": a new payment method for everything the customer is subscribed to.
func (s *story) pays(ctx context.Context, who whose, w *words) error {
	w.must("with")
	token := w.word("a token")
	if err := w.end(); err != nil {
		return err
	}
	_, err := s.stage.Service.AttachMethod(ctx, commerce.AttachMethod{Call: s.call, Customer: who.id, Token: token, ForSubscriptions: true})
	return err
}

// acts is a line in which a customer does something.
func (s *story) acts(ctx context.Context, w *words) error {
	who := s.whoseNamed(w)
	if w.err != nil {
		return w.err
	}
	verb := w.word("what " + who.name + " does")
	if w.err != nil {
		return w.err
	}
	verbs := map[string]func(context.Context, whose, *words) error{"subscribes": s.buys, "buys": s.buys, "pays": s.pays, "becomes": s.becomes, "uses": s.uses,
		"applies": s.applies, "removes": s.removes, "asks": s.asks, "confirms": s.confirms}
	if do := verbs[verb]; do != nil {
		return do(ctx, who, w)
	}
	if do := s.movement(verb); do != nil {
		return do(ctx, who, w, false)
	}
	return fmt.Errorf("what %s does is not understood", who.name)
}
