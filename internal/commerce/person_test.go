package commerce_test

import (
	"sync"
	"testing"

	"golang.org/x/crypto/bcrypt"

	"perennial/internal/account"
	"perennial/internal/alias"
	"perennial/internal/catalog"
	"perennial/internal/commerce"
	"perennial/internal/customer"
	"perennial/internal/db"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/question"
)

// Things get numbers in the order of their creation, once each, whoever looks and however
// many look at once; numbers that came along stay, and later ones are greater.
func TestNumbers(t *testing.T) {
	onBoth(t, func(w *world) {
		space := alias.Space{Account: w.acc, Dialect: "paywhirl", Kind: commerce.NumberCustomers}
		brought := w.customer.String()
		if err := w.db.Update(w.Context(), func(tx *db.Tx) error {
			return space.Bring(tx, []alias.Numbered{{Number: 4711, Name: brought}})
		}); err != nil {
			w.Fatal(err)
		}
		want := []string{brought}
		for _, email := range []string{"a@example.com", "b@example.com", "c@example.com"} {
			c, err := w.s.CreateCustomer(w.Context(), commerce.CreateCustomer{Call: w.call, Email: email})
			if err != nil {
				w.Fatal(err)
			}
			want = append(want, c.ID.String())
		}
		var all sync.WaitGroup
		for range 4 {
			all.Go(func() {
				if err := w.s.NumberNew(w.Context(), w.acc, "paywhirl", commerce.NumberCustomers); err != nil {
					w.Error(err)
				}
			})
		}
		all.Wait()
		var got []alias.Numbered
		if err := w.db.View(w.Context(), func(tx *db.Tx) (err error) {
			got, err = space.After(tx, 0, 100)
			return err
		}); err != nil {
			w.Fatal(err)
		}
		if len(got) != len(want) {
			w.Fatalf("numbered are %v, want %v", got, want)
		}
		for i, n := range got {
			if n.Name != want[i] || n.Number != 4711+int64(i) {
				w.Errorf("number %d is %v, want %s as %d", i, n, want[i], 4711+i)
			}
		}
		err := w.db.Update(w.Context(), func(tx *db.Tx) error { return space.Bring(tx, []alias.Numbered{{Number: 4712, Name: "other"}}) })
		if fault.As(err).Code != "number_taken" {
			w.Errorf("a number that is taken gives %v", err)
		}
	})
}

// Another price takes the place of a plan's; who subscribed keeps the old one.
func TestReplacePrice(t *testing.T) {
	onBoth(t, func(w *world) {
		first := w.price(monthly)
		dearer := usd(1200)
		second, err := w.s.ReplacePrice(w.Context(), commerce.ReplacePrice{Call: w.call, Price: first, Amount: &dearer})
		if err != nil {
			w.Fatal(err)
		}
		name := "Basic"
		third, err := w.s.ReplacePrice(w.Context(), commerce.ReplacePrice{Call: w.call, Price: first, Name: &name})
		if err != nil {
			w.Fatal(err)
		}
		if second.Plan() != first || third.ID != second.ID || third.Name != name || third.Amount != dearer {
			w.Errorf("the line is %+v then %+v", second, third)
		}
		if err := w.db.View(w.Context(), func(tx *db.Tx) error {
			line, err := catalog.LinePrices(tx, w.acc, first)
			if err == nil && (len(line) != 2 || line[0].State != catalog.Active || line[1].State != catalog.Archived) {
				w.Errorf("the line holds %+v", line)
			}
			return err
		}); err != nil {
			w.Fatal(err)
		}
		interval := monthly
		interval.Count = -1
		if _, err := w.s.ReplacePrice(w.Context(), commerce.ReplacePrice{Call: w.call, Price: first, Interval: &interval}); !fault.Is(err, fault.Invalid) {
			w.Errorf("impossible terms give %v", err)
		}
	})
}

// A deleted customer has no subscription left, makes room for a new one with the same
// address, and is forgotten when that was asked for.
func TestDeleteCustomer(t *testing.T) {
	onBoth(t, func(w *world) {
		ctx := w.Context()
		c, err := w.s.CreateCustomer(ctx, commerce.CreateCustomer{Call: w.call, Email: "Eve@example.com", Contact: customer.Contact{FirstName: "Ada", LastName: "Byron", Phone: "1"}})
		if err != nil {
			w.Fatal(err)
		}
		if c.Buyer.Name != "Ada Byron" {
			w.Errorf("the name is %q", c.Buyer.Name)
		}
		place, err := w.s.AddPlace(ctx, commerce.AddPlace{Call: w.call, Customer: c.ID, Facts: customer.PlaceFacts{FirstName: "Bo", Lines: "Road 1", Country: "SE"}})
		if err != nil {
			w.Fatal(err)
		}
		q, err := w.s.CreateQuestion(ctx, commerce.CreateQuestion{Call: w.call, Question: question.Question{Name: "size", Label: "Size?", Kind: question.Choice, Options: []string{"S", "M"}}})
		if err != nil {
			w.Fatal(err)
		}
		answer := commerce.Answer{Call: w.call, Customer: c.ID, Question: q.ID, Address: place.ID, Text: "M"}
		if _, err := w.s.Answer(ctx, answer); err != nil {
			w.Fatal(err)
		}
		for _, bad := range []commerce.Answer{{Text: "XL"}, {Text: "M", Address: 7}, {Text: "M", Customer: 7}, {Text: "M", Question: 7}} {
			a := answer
			a.Text = bad.Text
			set := func(to *int64, from int64) {
				if from != 0 {
					*to = from
				}
			}
			set((*int64)(&a.Address), int64(bad.Address))
			set((*int64)(&a.Customer), int64(bad.Customer))
			set((*int64)(&a.Question), int64(bad.Question))
			if _, err := w.s.Answer(ctx, a); !fault.Is(err, fault.Invalid) {
				w.Errorf("%+v gives %v", bad, err)
			}
		}
		gone, err := w.s.DeleteCustomer(ctx, commerce.DeleteCustomer{Call: w.call, Customer: c.ID, Forget: true})
		if err != nil {
			w.Fatal(err)
		}
		if gone.DeletedAt.IsZero() || gone.Email != "" || gone.Contact != (customer.Contact{}) {
			w.Errorf("left is %+v", gone)
		}
		if _, err := w.s.CreateCustomer(ctx, commerce.CreateCustomer{Call: w.call, Email: "eve@example.com"}); err != nil {
			w.Errorf("the address is not free again: %v", err)
		}
		for _, err := range []error{
			func() error { _, err := w.s.Answer(ctx, answer); return err }(),
			func() error {
				_, err := w.s.UpdateCustomer(ctx, commerce.UpdateCustomer{Call: w.call, Customer: c.ID})
				return err
			}(),
		} {
			if err == nil {
				w.Error("a deleted customer was changed")
			}
		}
		if err := w.db.View(ctx, func(tx *db.Tx) error {
			answers, err := question.Answers(tx, w.acc, c.ID)
			if err == nil && len(answers) > 0 {
				w.Errorf("answers are left: %v", answers)
			}
			return err
		}); err != nil {
			w.Fatal(err)
		}
	})
}

// A password opens with itself; a bcrypt hash that came along is kept as it is and fits
// itself and what it was made of.
func TestPasswords(t *testing.T) {
	onBoth(t, func(w *world) {
		ctx := w.Context()
		c, err := w.s.CreateCustomer(ctx, commerce.CreateCustomer{Call: w.call, Email: "eve@example.com"})
		if err != nil {
			w.Fatal(err)
		}
		fits := func(password string) bool {
			w.Helper()
			got, err := w.s.CheckPassword(ctx, w.acc, "EVE@example.com", password)
			if err != nil && !fault.Is(err, fault.Unauthorized) {
				w.Fatal(err)
			}
			return err == nil && got.ID == c.ID
		}
		if fits("") || fits("secret") {
			w.Error("nobody's password fits")
		}
		old, err := bcrypt.GenerateFromPassword([]byte("hunter22"), bcrypt.MinCost)
		if err != nil {
			w.Fatal(err)
		}
		for _, try := range []struct {
			set        string
			yes, never []string
		}{
			{"correct horse", []string{"correct horse"}, []string{"hunter22", string(old), ""}},
			{string(old), []string{"hunter22", string(old)}, []string{"correct horse", ""}},
		} {
			if err := w.s.SetPassword(ctx, commerce.SetPassword{Call: w.call, Customer: c.ID, Password: try.set}); err != nil {
				w.Fatal(err)
			}
			for _, p := range try.yes {
				if !fits(p) {
					w.Errorf("%q does not fit", p)
				}
			}
			for _, p := range try.never {
				if fits(p) {
					w.Errorf("%q fits", p)
				}
			}
		}
		if err := w.s.SetPassword(ctx, commerce.SetPassword{Call: w.call, Customer: c.ID, Password: "short"}); !fault.Is(err, fault.Invalid) {
			w.Errorf("a short password gives %v", err)
		}
	})
}

// Credentials of a door open their own account and dialect, with their secret, until they
// are revoked; those of another system can be kept, by one account only.
func TestDoorKeys(t *testing.T) {
	onBoth(t, func(w *world) {
		ctx := w.Context()
		kept := commerce.CreateDoorKey{Call: w.call, Dialect: account.PayWhirl, Name: "shop", Key: "pwpk_00112233445566778899", Secret: "pwpsk_00112233445566778899"}
		made, err := w.s.CreateDoorKey(ctx, kept)
		if err != nil {
			w.Fatal(err)
		}
		opens := func(d account.Dialect, key, secret string) bool {
			k, a, err := w.s.OpenDoor(ctx, d, key, secret)
			if err != nil && !fault.Is(err, fault.Unauthorized) {
				w.Fatal(err)
			}
			return err == nil && k.ID == made.DoorKey.ID && a.ID == w.acc
		}
		if !opens(account.PayWhirl, kept.Key, kept.Secret) || opens(account.PayWhirl, kept.Key, "") || opens(account.PayWhirl, kept.Key, kept.Key) ||
			opens(account.ProfitWell, kept.Key, kept.Secret) || opens(account.PayWhirl, kept.Secret, kept.Key) {
			w.Error("the wrong credentials open")
		}
		if _, err := w.s.CreateDoorKey(ctx, kept); fault.As(err).Code != "key_taken" {
			w.Errorf("the same key again gives %v", err)
		}
		if err := w.s.RevokeDoorKey(ctx, commerce.RevokeDoorKey{Call: w.call, DoorKey: made.DoorKey.ID}); err != nil {
			w.Fatal(err)
		}
		if opens(account.PayWhirl, kept.Key, kept.Secret) {
			w.Error("revoked credentials open")
		}
		if err := w.s.RevokeDoorKey(ctx, commerce.RevokeDoorKey{Call: w.call, DoorKey: id.DoorKey(7)}); !fault.Is(err, fault.NotFound) {
			w.Errorf("an unknown key gives %v", err)
		}
	})
}
