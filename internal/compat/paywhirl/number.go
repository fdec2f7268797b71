package paywhirl

import (
	"context"

	"perennial/internal/account"
	"perennial/internal/alias"
	"perennial/internal/commerce"
	"perennial/internal/fault"
	"perennial/internal/id"
)

// Kinds of things that are numbered when they are first shown, besides those of
// commerce.NumberNew.
const (
	numberAccounts  = "account"
	numberPlaces    = "address"
	numberQuestions = "question"
	numberAnswers   = "answer"
	numberGateways  = "gateway"
	numberEmails    = "email"
	numberTaxes     = "tax_rule"
	numberShipping  = "shipping_rule"
	numberItems     = "invoice_item"
)

// inOrder are the kinds that commerce numbers in the order of creation.
var inOrder = map[string]bool{
	commerce.NumberCustomers: true, commerce.NumberPlans: true, commerce.NumberSubscriptions: true, commerce.NumberInvoices: true,
	commerce.NumberPayments: true, commerce.NumberMethods: true, commerce.NumberCoupons: true,
}

// what each kind is called in a refusal.
var called = map[string]string{
	commerce.NumberCustomers: "customer", commerce.NumberPlans: "plan", commerce.NumberSubscriptions: "subscription", commerce.NumberInvoices: "invoice",
	commerce.NumberPayments: "charge", commerce.NumberMethods: "card", commerce.NumberCoupons: "promo", numberPlaces: "address", numberQuestions: "question",
	numberGateways: "gateway", numberEmails: "email template", numberTaxes: "tax rule", numberShipping: "shipping rule", numberItems: "item",
}

func (c *caller) space(kind string) alias.Space {
	return alias.Space{Account: c.account.ID, Dialect: string(account.PayWhirl), Kind: kind}
}

// numbers are the numbers of things by our names for them. Those that have none are given
// one, after everything older of their kind.
func (d *Door) numbers(ctx context.Context, c *caller, kind string, names ...string) (map[string]int64, error) {
	names = distinct(names)
	if len(names) == 0 {
		return map[string]int64{}, nil
	}
	known, err := d.r.Numbers(ctx, c.space(kind), names)
	if err != nil || len(known) == len(names) {
		return known, err
	}
	if inOrder[kind] {
		if err := d.s.NumberNew(ctx, c.account.ID, string(account.PayWhirl), kind); err != nil {
			return nil, err
		}
		if known, err = d.r.Numbers(ctx, c.space(kind), names); err != nil || len(known) == len(names) {
			return known, err
		}
	}
	var missing []string
	for _, name := range names {
		if _, ok := known[name]; !ok {
			missing = append(missing, name)
		}
	}
	if err := d.s.Number(ctx, c.space(kind), missing, 0); err != nil {
		return nil, err
	}
	return d.r.Numbers(ctx, c.space(kind), names)
}

func distinct(names []string) []string {
	seen := make(map[string]bool, len(names))
	out := make([]string, 0, len(names))
	for _, name := range names {
		if name != "" && !seen[name] {
			seen[name] = true
			out = append(out, name)
		}
	}
	return out
}

// number is the number of one thing; 0 for none.
func (d *Door) number(ctx context.Context, c *caller, kind, name string) (int64, error) {
	list, err := d.numbers(ctx, c, kind, name)
	return list[name], err
}

// user is the number of the account, which everything that it owns carries.
func (d *Door) user(ctx context.Context, c *caller) (int64, error) {
	if c.user == 0 {
		var err error
		if c.user, err = d.number(ctx, c, numberAccounts, c.account.ID.String()); err != nil {
			return 0, err
		}
	}
	return c.user, nil
}

// unknown refuses a number that stands for nothing that the account has.
func unknown(kind string) error {
	return fault.New(fault.NotFound, "there is no %s with that id", called[kind])
}

// named is our name for the thing with a number.
func (d *Door) named(ctx context.Context, c *caller, kind string, number int64) (string, error) {
	if number == 0 {
		return "", unknown(kind)
	}
	list, err := d.r.Named(ctx, c.space(kind), []int64{number})
	if err == nil && list[number] == "" && inOrder[kind] { // nobody looked since it came
		if err = d.s.NumberNew(ctx, c.account.ID, string(account.PayWhirl), kind); err == nil {
			list, err = d.r.Named(ctx, c.space(kind), []int64{number})
		}
	}
	if err == nil && list[number] == "" {
		err = unknown(kind)
	}
	return list[number], err
}

// thing is our id of the thing with a number.
func thing[I id.Identifier](ctx context.Context, d *Door, c *caller, kind string, number int64) (I, error) {
	name, err := d.named(ctx, c, kind, number)
	if err != nil {
		var none I
		return none, err
	}
	v, err := id.Parse[I](name)
	if err != nil {
		return v, unknown(kind)
	}
	return v, nil
}
