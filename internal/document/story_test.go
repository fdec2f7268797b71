package document_test

import (
	"bytes"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"

	"perennial/internal/account"
	"perennial/internal/clock"
	"perennial/internal/commerce"
	"perennial/internal/coupon"
	"perennial/internal/customer"
	"perennial/internal/db"
	"perennial/internal/db/dbtest"
	"perennial/internal/document"
	"perennial/internal/event"
	"perennial/internal/gateway/sandbox"
	"perennial/internal/money"
	"perennial/internal/payment"
	"perennial/internal/period"
	"perennial/internal/report"
	"perennial/internal/tax"
)

// printed is a paper in both forms.
func printed(t *testing.T, p document.Paper, err error) (pdf []byte, text string) {
	t.Helper()
	var forms [2]bytes.Buffer
	for i, write := range []func(w io.Writer) error{p.WritePDF, p.WriteText} {
		if err == nil {
			err = write(&forms[i])
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	return forms[0].Bytes(), forms[1].String()
}

// A sale with a coupon and a tax, refunded in part: its documents say so, and say the
// same after seller and buyer have changed their names and their language.
func TestDocumentsStayAsTheyWereIssued(t *testing.T) {
	t.Parallel()
	dbtest.Engines(t, func(t *testing.T, open func() *db.DB) {
		d, c := open(), clock.NewManual(time.Date(2026, 3, 1, 10, 0, 0, 0, time.UTC))
		bank := sandbox.New(dbtest.New(t, db.SQLite), c, sandbox.Options{})
		s := commerce.New(d, c, map[string]payment.Gateway{commerce.SandboxGateway: bank}, nil, slog.New(slog.DiscardHandler))
		r := report.New(d, c)
		ok := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		made, err := s.CreateAccount(t.Context(), commerce.CreateAccount{Name: "Acme", Email: "help@example.com", Mode: account.Sandbox})
		ok(err)
		acc := made.Account.ID
		call := commerce.Call{Account: acc, Actor: event.Actor{Kind: event.ByKey, Name: "test"}}
		sale := sell(t, s, call)

		v, err := r.Invoice(t.Context(), acc, sale.Invoice.ID)
		ok(err)
		paper, err := document.Of(v)
		_, text := printed(t, paper, err)
		for _, want := range []string{"Rechnung TEST-000001", "MUSTER, keine Rechnung", "Eva Lindqvist", "114 51", "3 × 10,00 $  -6,00 $  25 %", "24,00 $", "Gutschein SPRING: -6,00 $",
			"MOMS 25 %", "6,00 $", "30,00 $ bezahlt am 1. März 2026", "Visa •••• 4242"} {
			if !strings.Contains(text, want) {
				t.Errorf("%q is missing from\n%s", want, text)
			}
		}

		_, err = s.Refund(t.Context(), commerce.Refund{Call: call, Payment: sale.Payment.ID, Amount: 1000, Reason: "Too many seats"})
		ok(err)
		v, err = r.Invoice(t.Context(), acc, sale.Invoice.ID)
		ok(err)
		notes := v.CreditNotes
		if len(notes) != 1 {
			t.Fatalf("%d credit notes, want 1", len(notes))
		}
		note := func() ([]byte, string) {
			t.Helper()
			v, err := r.CreditNote(t.Context(), acc, notes[0].ID)
			ok(err)
			paper, err := document.OfCreditNote(v)
			return printed(t, paper, err)
		}
		notePDF, text := note()
		for _, want := range []string{"Rechnungskorrektur TEST-CN-000001", "Zu Rechnung: TEST-000001 vom 1. März 2026", "Grund: Erstattung", "8,00 $", "MOMS 25 %", "2,00 $",
			"Erstattet auf Visa •••• 4242", "10,00 $", "Too many seats"} {
			if !strings.Contains(text, want) {
				t.Errorf("%q is missing from\n%s", want, text)
			}
		}

		paper, err = document.Of(v)
		pdf, text := printed(t, paper, err)
		if want := "Rechnungskorrektur TEST-CN-000001 vom 1. März 2026: 10,00 $ erstattet."; !strings.Contains(text, want) {
			t.Errorf("%q is missing from\n%s", want, text)
		}

		name, language := "Somebody Else", "fr"
		_, err = s.UpdateCustomer(t.Context(), commerce.UpdateCustomer{Call: call, Customer: sale.Customer.ID, Name: &name, Language: &language})
		ok(err)
		_, err = s.UpdateAccount(t.Context(), commerce.UpdateAccount{Call: call, Name: &name})
		ok(err)
		v, err = r.Invoice(t.Context(), acc, sale.Invoice.ID)
		ok(err)
		paper, err = document.Of(v)
		if again, _ := printed(t, paper, err); !bytes.Equal(again, pdf) {
			t.Error("the invoice changed after it was issued")
		}
		if again, _ := note(); !bytes.Equal(again, notePDF) {
			t.Error("the credit note changed after it was issued")
		}
	})
}

// sell sells three seats of a monthly price with 20 % off and 25 % tax.
func sell(t *testing.T, s *commerce.Service, call commerce.Call) commerce.Sale {
	t.Helper()
	ok := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	rate, err := money.ParseRate("0.25")
	ok(err)
	off, err := money.ParseRate("0.2")
	ok(err)
	profile, err := s.CreateTaxProfile(t.Context(), commerce.CreateTaxProfile{Call: call, Profile: tax.Profile{Name: "Sweden", Kind: tax.Manual, SellerCountry: "SE"},
		Rules: []tax.Rule{{Country: "SE", Name: "MOMS", Rate: rate}}})
	ok(err)
	_, err = s.UpdateAccount(t.Context(), commerce.UpdateAccount{Call: call, TaxProfile: &profile.ID})
	ok(err)
	code, err := s.CreateCoupon(t.Context(), commerce.CreateCoupon{Call: call, Coupon: coupon.Coupon{Code: "SPRING", Kind: coupon.Percent, Percent: off, AppliesTo: coupon.All}})
	ok(err)
	product, err := s.CreateProduct(t.Context(), commerce.CreateProduct{Call: call, Name: "Seats"})
	ok(err)
	price, err := s.CreatePrice(t.Context(), commerce.CreatePrice{Call: call, Product: product.ID, Amount: money.Amount{Minor: 1000, Currency: "USD"}, Interval: period.Interval{Unit: period.Month, Count: 1}})
	ok(err)
	buyer, err := s.CreateCustomer(t.Context(), commerce.CreateCustomer{Call: call, Email: "eva@example.com", Language: "de",
		Buyer: customer.Buyer{Name: "Eva Lindqvist", Address: "Storgatan 4\nStockholm", Country: "SE", PostalCode: "114 51"}})
	ok(err)
	sale, err := s.Sell(t.Context(), commerce.Sell{Call: call, Customer: buyer.ID, Price: price.ID, Quantity: 3, Token: "tok_visa", Source: "test",
		Options: commerce.Options{Coupons: []string{code.Code}}})
	ok(err)
	return sale
}
