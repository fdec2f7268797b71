package paywhirl

import (
	"context"

	"perennial/internal/commerce"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/params"
)

// known remembers the numbers of things while one answer is spelt, so that each kind is
// looked up once.
type known struct {
	d    *Door
	c    *caller
	have map[string]map[string]int64
}

func (d *Door) known(c *caller) *known { return &known{d, c, map[string]map[string]int64{}} }

// learn looks up the numbers of things by our names for them.
func (k *known) learn(ctx context.Context, kind string, names ...string) error {
	list, err := k.d.numbers(ctx, k.c, kind, names...)
	if k.have[kind] == nil {
		k.have[kind] = map[string]int64{}
	}
	for name, n := range list {
		k.have[kind][name] = n
	}
	return err
}

// of is the number of a thing that was learnt; 0 of any other.
func (k *known) of(kind, name string) int64 { return k.have[kind][name] }

// ref is the same, null for 0.
func (k *known) ref(kind, name string) *int64 { return reference(k.of(kind, name)) }

// sentThing is our id of the thing whose number was sent under a name. One that must be sent
// and was not is a wrong field; one that may be left out is 0 then.
func sentThing[I id.Identifier](ctx context.Context, d *Door, c *caller, v *params.Values, name, kind string, must bool) (I, error) {
	var none I
	if must {
		v.Require(name)
	}
	n := numberOf(v, name)
	if err := v.Err(); err != nil {
		return none, err
	}
	if n == 0 && !must {
		return none, nil
	}
	return thing[I](ctx, d, c, kind, n)
}

// pathThing is our id of the thing whose number stands in the address.
func pathThing[I id.Identifier](ctx context.Context, d *Door, c *caller, kind string) (I, error) {
	return thing[I](ctx, d, c, kind, parseNumber(c.path["id"]))
}

// cardOf is the method whose number was sent, which must be a usable one of the customer; 0
// when none was sent.
func (d *Door) cardOf(ctx context.Context, c *caller, v *params.Values, of id.Customer) (id.Method, error) {
	m, err := sentThing[id.Method](ctx, d, c, v, "card_id", commerce.NumberMethods, false)
	if err != nil || m == 0 {
		return m, err
	}
	card, err := d.r.Method(ctx, c.account.ID, m)
	if err == nil && card.Customer != of {
		err = unknown(commerce.NumberMethods)
	}
	return m, err
}

// words are the fields of stories as these clients call them.
var words = map[string]string{"payment_method": "card_id", "payments_left": "installments_left", "address": "address_id", "to": "next_payment_attempt", "customer": "customer_id",
	"price": "plan_id", "token": "token", "subscription": "subscription_id", "code": "promo_code"}

func told(err error) error { return renamed(err, words) }

// errNotOpen refuses what only an invoice can have that is to come or owed.
var errNotOpen = fault.New(fault.Conflict, "the invoice is neither upcoming nor open").WithCode("invoice_not_open")
