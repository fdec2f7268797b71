package sandbox

import (
	"context"

	"perennial/internal/db"
	"perennial/internal/fault"
	"perennial/internal/payment"
)

// The reasons for which a refund is declined, besides those of the card.
const (
	noSuchCharge = "charge_not_found"
	tooMuch      = "amount_too_large"
)

// Refund sends money of a charge back, never more than was charged. A key that was
// seen before gets the first outcome again; for another charge or amount it is
// fault.Conflict. What the charge cannot give is declined.
func (g *Gateway) Refund(ctx context.Context, r payment.RefundRequest) (payment.Result, error) {
	if err := checkRequest(r.Key, r.Amount); err != nil {
		return payment.Result{}, err
	}
	if r.Reference != "" && r.Reference != "ch_"+r.ChargeKey {
		return payment.Result{}, fault.BadField("reference", "does not belong to the charge")
	}
	if g.wait(ctx) != nil || g.o.Faults.Hit(FaultRefundBefore) != nil {
		return payment.Result{Outcome: payment.Unknown}, nil
	}
	var result payment.Result
	err := g.db.Update(ctx, func(tx *db.Tx) (err error) {
		result, err = g.refund(tx, r)
		return err
	})
	if db.IsUnknown(err) || err == nil && g.o.Faults.Hit(FaultRefundAfter) != nil {
		return payment.Result{Outcome: payment.Unknown}, nil
	}
	if err != nil {
		return payment.Result{}, err
	}
	return result, nil
}

var refundTable = db.NewTable("sandbox_refund", db.Int("account_id"), db.Text("key"), db.Text("charge_key"), db.Int("amount"), db.Text("currency"),
	db.Text("outcome"), db.Text("code"), db.Int("created_at"))

// refund records a refund inside a transaction.
func (g *Gateway) refund(tx *db.Tx, r payment.RefundRequest) (payment.Result, error) {
	first, seen, err := firstRefund(tx, r)
	if err != nil || seen {
		return first, err
	}
	o, code := succeeded, ""
	if code, err = giveBack(tx, r); err != nil {
		return payment.Result{}, err
	}
	if code != "" {
		o = declined
	}
	inserted, err := tx.InsertIgnore(refundTable, 1, func(_ int, row *db.Row) {
		row.Int(int64(r.Account))
		row.Text(r.Key)
		row.Text(r.ChargeKey)
		row.Int(r.Amount.Minor)
		row.Text(string(r.Amount.Currency))
		row.Text(string(o))
		row.Text(code)
		row.Time(g.clock.Now())
	})
	if err == nil && inserted == 0 {
		err = db.VersionConflict() // the same key came twice at once; the second time it is found
	}
	return o.result("re_"+r.Key, code, r.Amount), err
}

// firstRefund is the outcome that a key got before.
func firstRefund(tx *db.Tx, r payment.RefundRequest) (payment.Result, bool, error) {
	var chargeKey, code string
	var o outcome
	amount := r.Amount
	err := tx.One([]any{&chargeKey, &amount.Minor, &amount.Currency, &o, &code},
		"select charge_key, amount, currency, outcome, code from sandbox_refund where account_id = $1 and key = $2", r.Account, r.Key)
	switch {
	case fault.Is(err, fault.NotFound):
		return payment.Result{}, false, nil
	case err != nil:
		return payment.Result{}, false, err
	case chargeKey != r.ChargeKey || amount != r.Amount:
		return payment.Result{}, false, keyReused("refund")
	}
	return o.result("re_"+r.Key, code, r.Amount), true, nil
}

// giveBack takes the amount off its charge, or says why that cannot be.
func giveBack(tx *db.Tx, r payment.RefundRequest) (code string, err error) {
	var name string
	err = tx.One([]any{&name}, `select coalesce(card.behaviour, '') from sandbox_charge charge
		left join sandbox_card card on card.account_id = charge.account_id and card.token = charge.token
		where charge.account_id = $1 and charge.key = $2 and charge.outcome = 'succeeded' and charge.currency = $3`, r.Account, r.ChargeKey, r.Amount.Currency)
	if fault.Is(err, fault.NotFound) {
		return noSuchCharge, nil
	}
	if err != nil {
		return "", err
	}
	if c, _ := lookUp(name); c.refund != "" {
		return c.refund, nil
	}
	n, err := tx.Exec(`update sandbox_charge set refunded = refunded + $3
		where account_id = $1 and key = $2 and outcome = 'succeeded' and refunded + $3 <= amount`, r.Account, r.ChargeKey, r.Amount.Minor)
	if err == nil && n == 0 {
		return tooMuch, nil
	}
	return "", err
}
