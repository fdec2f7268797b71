package commerce_test

import (
	"errors"
	"testing"

	"perennial/internal/commerce"
	"perennial/internal/db"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/invoice"
	"perennial/internal/payment"
)

// What must never be twice is refused by the database itself, whatever a story does.
func TestUniqueConstraints(t *testing.T) {
	onBoth(t, func(w *world) {
		sale, err := w.sell(w.price(monthly), "tok_visa")
		w.ok(err)
		second := *sale.Invoice
		second.ID, second.Number, second.Series = id.New[id.Invoice](), 0, ""
		numbered := *sale.Invoice
		numbered.ID, numbered.Subscription = id.New[id.Invoice](), 0
		another := *sale.Payment
		another.ID = id.New[id.Payment]()
		pending := another
		pending.State = payment.Pending
		for name, insert := range map[string]func(tx *db.Tx) error{
			"a second invoice of a period": func(tx *db.Tx) error { return invoice.Insert(tx, []invoice.Invoice{second}) },
			"a number given twice":         func(tx *db.Tx) error { return invoice.Insert(tx, []invoice.Invoice{numbered}) },
			"a second payment":             func(tx *db.Tx) error { return payment.Insert(tx, []payment.Payment{another}) },
			"a second payment under way":   func(tx *db.Tx) error { return payment.Insert(tx, []payment.Payment{pending}) },
		} {
			if err := w.db.Update(w.Context(), insert); !db.IsUnique(err) {
				w.Errorf("%s: got %v", name, err)
			}
		}
		// What differs where it may is let in.
		renewal, declined := second, another
		renewal.Period, renewal.Reason, renewal.State = 1, invoice.Renewal, invoice.Draft
		declined.State, declined.DeclineCode = payment.DeclinedState, "card_declined"
		kept := errKept{}
		err = w.db.Update(w.Context(), func(tx *db.Tx) error {
			if err := invoice.Insert(tx, []invoice.Invoice{renewal}); err != nil {
				return err
			}
			if err := payment.Insert(tx, []payment.Payment{declined}); err != nil {
				return err
			}
			return kept // undone again: it would not balance
		})
		if !errors.Is(err, kept) {
			w.Errorf("got %v", err)
		}
		_, err = w.s.CreateCustomer(w.Context(), commerce.CreateCustomer{Call: w.call, Email: "ADA@example.com"})
		w.refused(err, fault.Conflict, "")
	})
}

type errKept struct{}

func (errKept) Error() string { return "it was let in" }

// Amounts that cannot be are refused by the database, too.
func TestCheckConstraints(t *testing.T) {
	onBoth(t, func(w *world) {
		sale, err := w.sell(w.price(monthly), "tok_visa")
		w.ok(err)
		for name, q := range map[string]string{
			"more refunded than paid":     "update payment set refunded = amount + 1 where account_id = $1 and id = $2",
			"less than nothing refunded":  "update payment set refunded = -1 where account_id = $1 and id = $2",
			"a payment of nothing":        "update payment set amount = 0 where account_id = $1 and id = $2",
			"a refund beyond the invoice": "update invoice set refunded = total + 1 where account_id = $1 and id = (select invoice_id from payment where account_id = $1 and id = $2)",
			"a total that does not sum":   "update invoice set total = total + 1 where account_id = $1 and id = (select invoice_id from payment where account_id = $1 and id = $2)",
		} {
			err := w.db.Update(w.Context(), func(tx *db.Tx) error {
				_, err := tx.Exec(q, w.acc, sale.Payment.ID)
				return err
			})
			if err == nil {
				w.Errorf("%s: the database took it", name)
			}
		}
	})
}
