package commerce

import (
	"context"
	"strconv"
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
	Kind    string // "campaign", "product", "coupon" or "affiliate"
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
		if err := space.Give(tx, []string{c.Thing}, 0); err != nil {
			return 0, err
		}
		known, err = space.Numbers(tx, []string{c.Thing})
		return known[c.Thing], err
	})
}

// numberable refuses a thing that is not there.
func numberable(tx *db.Tx, a account.Account, c NumberThing) error {
	var err error
	switch c.Kind {
	case "campaign":
		err = idNamed(c.Thing, func(v id.Campaign) error { _, err := catalog.LoadCampaign(tx, a.ID, v); return err })
	case "product":
		err = idNamed(c.Thing, func(v id.Product) error { _, err := catalog.LoadProduct(tx, a.ID, v); return err })
	case "coupon":
		err = idNamed(c.Thing, func(v id.Coupon) error { _, err := coupon.Load(tx, a.ID, v); return err })
	case "affiliate":
		err = idNamed(c.Thing, func(v id.Affiliate) error { _, err := affiliate.Load(tx, a.ID, v); return err })
	default:
		return fault.BadField("kind", "must be campaign, product, coupon or affiliate")
	}
	if c.Dialect != account.PayKickstart {
		return fault.BadField("dialect", "must be paykickstart: other systems' clients are shown numbers by their own lists")
	}
	return refersTo(err, "thing")
}

// idNamed loads the thing that an id names.
func idNamed[I id.Identifier](text string, load func(I) error) error {
	v, err := id.Parse[I](text)
	if err != nil {
		return err
	}
	return load(v)
}
