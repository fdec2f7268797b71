package paykickstart

import (
	"context"
	"math/bits"
	"strings"

	"perennial/internal/account"
	"perennial/internal/alias"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/params"
	"perennial/internal/report"
)

// Kinds of things that are numbered. A number is given when a thing is first shown, or
// brought along from elsewhere.
const (
	numberCampaigns    = "campaign"
	numberProducts     = "product"
	numberCoupons      = "coupon"
	numberAffiliates   = "affiliate"
	numberLeads        = "lead"
	numberMaterials    = "material"
	numberPurchases    = "purchase"    // named by subscription, else order, else invoice
	numberTransactions = "transaction" // payments and refunds
)

// what each kind is called in a refusal.
var called = map[string]string{numberCampaigns: "campaign", numberProducts: "product", numberAffiliates: "affiliate", numberLeads: "lead", numberPurchases: "purchase",
	numberTransactions: "transaction"}

// Ids of purchases and transactions are PK-P and PK-T with nine letters and digits.
const (
	purchasePrefix    = "PK-P"
	transactionPrefix = "PK-T"
	idDigits          = 9
	idRange           = 101_559_956_668_416 // 36 to the ninth
	// stride spreads the numbers, which rise by one, over all ids, so that an id does not
	// tell how many there are. It has no factor in common with the range.
	stride  = 61_803_398_874_989
	inverse = 22_838_178_962_021 // of stride, in the range
)

const idAlphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ"

func times(a, b uint64) uint64 {
	hi, lo := bits.Mul64(a, b)
	_, rest := bits.Div64(hi%idRange, lo, idRange)
	return rest
}

// spellID is the id of a purchase or transaction with a number.
func spellID(prefix string, number int64) string {
	v := times(uint64(number)%idRange, stride) // #nosec G115 -- numbers are positive
	var b [idDigits]byte
	for i := idDigits - 1; i >= 0; i-- {
		b[i] = idAlphabet[v%36]
		v /= 36
	}
	return prefix + string(b[:])
}

// numberOfID is the number behind an id; 0 when it is none of that kind.
func numberOfID(prefix, text string) int64 {
	rest, ok := strings.CutPrefix(strings.ToUpper(strings.TrimSpace(text)), prefix)
	if !ok || len(rest) != idDigits {
		return 0
	}
	var v uint64
	for i := range idDigits {
		digit := strings.IndexByte(idAlphabet, rest[i])
		if digit < 0 {
			return 0
		}
		v = v*36 + uint64(digit) // #nosec G115 -- not negative
	}
	return int64(times(v, inverse)) // #nosec G115 -- below idRange
}

func space(acc id.Account, kind string) alias.Space {
	return alias.Space{Account: acc, Dialect: string(account.PayKickstart), Kind: kind}
}

// numbers are the numbers of things by our names for them. Those that have none are given
// one.
func (d *Door) numbers(ctx context.Context, acc id.Account, kind string, names ...string) (map[string]int64, error) {
	var wanted []string
	seen := map[string]bool{"": true}
	for _, name := range names {
		if !seen[name] {
			seen[name] = true
			wanted = append(wanted, name)
		}
	}
	if len(wanted) == 0 {
		return map[string]int64{}, nil
	}
	known, err := d.r.Numbers(ctx, space(acc, kind), wanted)
	if err != nil || len(known) == len(wanted) {
		return known, err
	}
	if err := d.s.Number(ctx, space(acc, kind), wanted, 0); err != nil {
		return nil, err
	}
	return d.r.Numbers(ctx, space(acc, kind), wanted)
}

// number is the number of one thing; 0 for none.
func (d *Door) number(ctx context.Context, acc id.Account, kind, name string) (int64, error) {
	list, err := d.numbers(ctx, acc, kind, name)
	return list[name], err
}

// unknown refuses a number that stands for nothing that the account has.
func unknown(kind string) error {
	return fault.New(fault.NotFound, "there is no %s with that id", called[kind])
}

// sent is our id of the thing whose number was sent under a name; 0 when none was.
func sent[I id.Identifier](ctx context.Context, d *Door, c *caller, v *params.Values, name, kind string) (I, error) {
	var none I
	n := v.Int(name, 1, 1<<62)
	if err := v.Err(); err != nil || n == 0 {
		return none, err
	}
	found, err := d.r.Named(ctx, space(c.account.ID, kind), []int64{n})
	if err != nil {
		return none, err
	}
	thing, err := id.Parse[I](found[n])
	if err != nil {
		return none, unknown(kind)
	}
	return thing, nil
}

// purchaseName is by what a purchase is numbered.
func purchaseName(p *report.Purchase) string {
	switch {
	case p.Subscription != nil:
		return p.Subscription.ID.String()
	case p.Order != nil && p.Order.Subscription != 0:
		return p.Order.Subscription.String()
	case p.Order != nil:
		return p.Order.ID.String()
	case len(p.Invoices) > 0:
		return p.Invoices[0].Invoice.ID.String()
	}
	return ""
}

// purchaseID is the id of a purchase, as clients keep it for ever.
func (d *Door) purchaseID(ctx context.Context, acc id.Account, p *report.Purchase) (string, error) {
	n, err := d.number(ctx, acc, numberPurchases, purchaseName(p))
	if err != nil || n == 0 {
		return "", err
	}
	return spellID(purchasePrefix, n), nil
}

// transactionID is the id of a payment or refund.
func (d *Door) transactionID(ctx context.Context, acc id.Account, name string) (string, error) {
	n, err := d.number(ctx, acc, numberTransactions, name)
	if err != nil || n == 0 {
		return "", err
	}
	return spellID(transactionPrefix, n), nil
}

// purchaseSent is the purchase whose id was sent under a name.
func (d *Door) purchaseSent(ctx context.Context, c *caller, v *params.Values, name string) (report.Purchase, error) {
	text := v.TextMax(name, 40)
	v.Require(name)
	if err := v.Err(); err != nil {
		return report.Purchase{}, err
	}
	n := numberOfID(purchasePrefix, text)
	found, err := d.r.Named(ctx, space(c.account.ID, numberPurchases), []int64{n})
	if err != nil {
		return report.Purchase{}, err
	}
	ours := found[n]
	var p report.Purchase
	err = unknown(numberPurchases)
	if sub, bad := id.Parse[id.Subscription](ours); bad == nil {
		p, err = d.r.PurchaseOf(ctx, c.account.ID, sub)
	} else if o, bad := id.Parse[id.Order](ours); bad == nil {
		p, err = d.r.PurchaseOnce(ctx, c.account.ID, o)
	} else if inv, bad := id.Parse[id.Invoice](ours); bad == nil {
		p, err = d.r.PurchaseBilled(ctx, c.account.ID, inv)
	}
	if fault.Is(err, fault.NotFound) {
		err = unknown(numberPurchases)
	}
	return p, err
}

// errOnce refuses what only a subscription can have.
var errOnce = fault.New(fault.Conflict, "this purchase was paid once and has no subscription").WithCode("no_subscription")

// subscriptionSent is the purchase whose id was sent as invoice_id, which must have a
// subscription.
func (d *Door) subscriptionSent(ctx context.Context, c *caller, v *params.Values) (report.Purchase, error) {
	if !v.Has("invoice_id") && v.Has("invoiceId") { // as one client spells it
		v.Put("invoice_id", v.TextMax("invoiceId", 40))
	}
	p, err := d.purchaseSent(ctx, c, v, "invoice_id")
	if err == nil && p.Subscription == nil {
		err = errOnce
	}
	return p, err
}
