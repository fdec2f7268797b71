package commerce

import (
	"context"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"perennial/internal/account"
	"perennial/internal/affiliate"
	"perennial/internal/alias"
	"perennial/internal/catalog"
	"perennial/internal/coupon"
	"perennial/internal/customer"
	"perennial/internal/db"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/invoice"
	"perennial/internal/payment"
	"perennial/internal/subscription"
)

// Numbers for clients that know only numbers. They are given when somebody first looks,
// in the order in which things came to be; looking again gives those that came since.

// The kinds of things that are numbered in the order of creation.
const (
	NumberCustomers     = "customer"
	NumberPlans         = "plan" // lines of prices
	NumberSubscriptions = "subscription"
	NumberInvoices      = "invoice" // see InvoiceName
	NumberPayments      = "payment"
	NumberMethods       = "payment_method"
	NumberCoupons       = "coupon"
)

// lateBy is how much later than its id was made a row may become visible: what has an id
// younger than this is looked at again.
const lateBy = 30 * time.Second

const numberedAtOnce = 1_000

// named is some things of a kind after an id, oldest first: their names and the last id.
type named func(tx *db.Tx, acc id.Account, after int64, limit int) (names []string, last int64, err error)

func names[I id.Identifier](list []I, err error, name func(I) string) ([]string, int64, error) {
	if err != nil || len(list) == 0 {
		return nil, 0, err
	}
	out := make([]string, len(list))
	for i, v := range list {
		out[i] = name(v)
	}
	return out, int64(list[len(list)-1]), nil
}

var numbered = map[string]named{
	NumberCustomers: func(tx *db.Tx, acc id.Account, after int64, limit int) ([]string, int64, error) {
		list, err := customer.After(tx, acc, id.Customer(after), limit)
		return names(list, err, id.Customer.String)
	},
	NumberPlans: func(tx *db.Tx, acc id.Account, after int64, limit int) ([]string, int64, error) {
		list, err := catalog.PlansAfter(tx, acc, id.Price(after), limit)
		return names(list, err, id.Price.String)
	},
	NumberSubscriptions: func(tx *db.Tx, acc id.Account, after int64, limit int) ([]string, int64, error) {
		list, err := subscription.After(tx, acc, id.Subscription(after), limit)
		return names(list, err, id.Subscription.String)
	},
	NumberInvoices: func(tx *db.Tx, acc id.Account, after int64, limit int) ([]string, int64, error) {
		list, err := invoice.After(tx, acc, id.Invoice(after), limit)
		if err != nil || len(list) == 0 {
			return nil, 0, err
		}
		out := make([]string, len(list))
		for i := range list {
			out[i] = InvoiceName(list[i])
		}
		return out, int64(list[len(list)-1].ID), nil
	},
	NumberPayments: func(tx *db.Tx, acc id.Account, after int64, limit int) ([]string, int64, error) {
		list, err := payment.After(tx, acc, id.Payment(after), limit)
		return names(list, err, id.Payment.String)
	},
	NumberMethods: func(tx *db.Tx, acc id.Account, after int64, limit int) ([]string, int64, error) {
		list, err := payment.MethodsAfter(tx, acc, id.Method(after), limit)
		return names(list, err, id.Method.String)
	},
	NumberCoupons: func(tx *db.Tx, acc id.Account, after int64, limit int) ([]string, int64, error) {
		list, err := coupon.After(tx, acc, id.Coupon(after), limit)
		return names(list, err, id.Coupon.String)
	},
}

// InvoiceName is by what an invoice is numbered: one for a period by its subscription and
// period, so that it keeps the number that it had while it was still to come.
func InvoiceName(v invoice.Invoice) string {
	if v.Subscription != 0 && v.Part == 0 && (v.Reason == invoice.Sale || v.Reason == invoice.Renewal) {
		return UpcomingName(v.Subscription, v.Period)
	}
	return v.ID.String()
}

// UpcomingName is by what the invoice of a period is numbered, made or to come.
func UpcomingName(sub id.Subscription, period int) string {
	return sub.String() + "/" + strconv.Itoa(period)
}

// NumberNew gives a number to everything of a kind that has come since somebody looked.
func (s *Service) NumberNew(ctx context.Context, acc id.Account, dialect, kind string) error {
	space := alias.Space{Account: acc, Dialect: dialect, Kind: kind}
	after := int64(-1)
	for {
		var list, missing []string
		var last int64
		err := s.db.View(ctx, func(tx *db.Tx) error {
			if after < 0 {
				seen, err := space.Seen(tx)
				if err != nil {
					return err
				}
				after = max(0, id.Earlier(seen, lateBy))
			}
			var err error
			if list, last, err = numbered[kind](tx, acc, after, numberedAtOnce); err != nil || len(list) == 0 {
				return err
			}
			known, err := space.Numbers(tx, list)
			for _, name := range list {
				if _, ok := known[name]; !ok {
					missing = append(missing, name)
				}
			}
			return err
		})
		if err != nil {
			return err
		}
		if len(missing) > 0 {
			if err := s.Number(ctx, space, missing, last); err != nil {
				return err
			}
		}
		if len(list) < numberedAtOnce {
			return nil
		}
		after = last
	}
}

// Number gives names their numbers, in their order. seen is as for alias.Space.Give.
func (s *Service) Number(ctx context.Context, space alias.Space, names []string, seen int64) error {
	return s.db.Update(ctx, func(tx *db.Tx) error { return space.Give(tx, names, seen) })
}

// NumberThing tells or settles by which number clients of another system know a thing.
type NumberThing struct {
	Call
	Dialect account.Dialect
	Kind    string // one of the dialect's: PayKickstart's "campaign", "product", "coupon", "affiliate"; PayWhirl's Number… or "account"
	Thing   string // public id
	// Number is the one that it had there; 0 takes the one that it has, or the next.
	Number int64
}

// NumberThing tells by which number clients of another system know a thing, or settles it
// when it has none: with the number that it had there, so that nothing has to be changed.
func (s *Service) NumberThing(ctx context.Context, c NumberThing) (int64, error) {
	return update(ctx, s, c.Call, func(tx *db.Tx, a account.Account, _ time.Time) (int64, error) {
		if err := numberable(tx, a, c); err != nil {
			return 0, err
		}
		space := alias.Space{Account: a.ID, Dialect: string(c.Dialect), Kind: c.Kind}
		known, err := space.Numbers(tx, []string{c.Thing})
		if err != nil {
			return 0, err
		}
		if n, ok := known[c.Thing]; ok {
			if c.Number != 0 && c.Number != n {
				return n, fault.New(fault.Conflict, "it is known by number %d already, which clients may have kept", n).WithCode("number_settled")
			}
			return n, nil
		}
		if c.Number != 0 {
			return c.Number, space.Bring(tx, []alias.Numbered{{Number: c.Number, Name: c.Thing}})
		}
		if numbered[c.Kind] != nil && c.Dialect == account.PayWhirl { // in the order of creation, when the first client asks
			return 0, fault.BadField("number", "must be given: it has none yet")
		}
		if err := space.Give(tx, []string{c.Thing}, 0); err != nil {
			return 0, err
		}
		known, err = space.Numbers(tx, []string{c.Thing})
		return known[c.Thing], err
	})
}

// numberables are the kinds of things whose numbers can be settled, for the clients of each
// system. What loads a thing refuses one that is not there.
var numberables = map[account.Dialect]map[string]func(tx *db.Tx, a account.Account, thing string) error{
	account.PayKickstart: {
		"campaign": loads(catalog.LoadCampaign), "product": loads(catalog.LoadProduct), NumberCoupons: loads(coupon.Load), "affiliate": loads(affiliate.Load),
	},
	account.PayWhirl: {
		NumberCustomers: loads(customer.Load), NumberPlans: firstOfPlan, NumberSubscriptions: loads(subscription.Load), NumberPayments: loads(payment.Load),
		NumberMethods: loads(payment.LoadMethod), NumberCoupons: loads(coupon.Load), "account": theAccount,
	},
}

// numberable refuses a thing that is not there.
func numberable(tx *db.Tx, a account.Account, c NumberThing) error {
	kinds := numberables[c.Dialect]
	if kinds == nil {
		return fault.BadField("dialect", "must be paykickstart or paywhirl: others' clients know no numbers")
	}
	load := kinds[c.Kind]
	if load == nil {
		return fault.BadField("kind", "must be one of %s", strings.Join(slices.Sorted(maps.Keys(kinds)), ", "))
	}
	return refersTo(load(tx, a, c.Thing), "thing")
}

// loads is a check that loads the thing that a public id names.
func loads[I id.Identifier, T any](load func(tx *db.Tx, of id.Account, thing I) (T, error)) func(tx *db.Tx, a account.Account, thing string) error {
	return func(tx *db.Tx, a account.Account, thing string) error {
		v, err := id.Parse[I](thing)
		if err != nil {
			return err
		}
		_, err = load(tx, a.ID, v)
		return err
	}
}

// firstOfPlan refuses a price that is not the first of its line, by which a plan is known.
func firstOfPlan(tx *db.Tx, a account.Account, thing string) error {
	v, err := id.Parse[id.Price](thing)
	if err != nil {
		return err
	}
	p, err := catalog.LoadPrice(tx, a.ID, v)
	if err == nil && p.Plan() != v {
		err = fault.BadField("thing", "must be the first price of the plan, %s", p.Plan())
	}
	return err
}

func theAccount(_ *db.Tx, a account.Account, thing string) error {
	if thing != a.ID.String() {
		return fault.New(fault.NotFound, "there is no such account")
	}
	return nil
}
