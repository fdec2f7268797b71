package importer_test

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strings"
	"testing"
	"time"

	"perennial/internal/account"
	"perennial/internal/clock"
	"perennial/internal/commerce"
	"perennial/internal/db"
	"perennial/internal/db/dbtest"
	"perennial/internal/event"
	"perennial/internal/gateway/sandbox"
	"perennial/internal/importer"
	"perennial/internal/invoice"
	"perennial/internal/payment"
	"perennial/internal/report"
	"perennial/internal/subscription"
)

var now = time.Date(2026, 11, 24, 15, 20, 0, 0, time.UTC)

type house struct {
	service  *commerce.Service
	reader   *report.Reader
	gateways map[string]payment.Gateway
	account  account.Account
}

func newHouse(t *testing.T, d *db.DB) house {
	t.Helper()
	machine := clock.NewManual(now)
	h := house{gateways: map[string]payment.Gateway{commerce.SandboxGateway: sandbox.New(d, machine, sandbox.Options{})}, reader: report.New(d, machine)}
	h.service = commerce.New(d, machine, h.gateways, nil, slog.New(slog.DiscardHandler))
	made, err := h.service.CreateAccount(context.Background(), commerce.CreateAccount{Actor: event.Actor{Kind: event.ByOperator, Name: "test"}, Name: "Telco",
		Email: "billing@example.com", Mode: account.Sandbox, Zone: "America/Chicago"})
	if err != nil {
		t.Fatal(err)
	}
	h.account = made.Account
	return h
}

func (h house) bring(t *testing.T, mapping, text string, shape func(*importer.Import)) (importer.Summary, error) {
	t.Helper()
	m, err := importer.ParseMapping(strings.NewReader(mapping))
	if err != nil {
		t.Fatal(err)
	}
	i := importer.Import{Call: commerce.Call{Account: h.account.ID, Actor: event.Actor{Kind: event.ByOperator, Name: "test"}}, Account: h.account, Now: now, Mapping: m,
		Open: func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(text)), nil }}
	if shape != nil {
		shape(&i)
	}
	return importer.Subscriptions(context.Background(), h.service, i)
}

func (h house) subscriptions(t *testing.T) []subscription.Subscription {
	t.Helper()
	var all []subscription.Subscription
	f := subscription.Filter{Limit: 500}
	for {
		page, err := h.reader.Subscriptions(context.Background(), h.account.ID, f, report.Expand{})
		if err != nil {
			t.Fatal(err)
		}
		if len(page) == 0 {
			return all
		}
		for _, v := range page {
			all = append(all, v.Subscription)
		}
		f.Before = all[len(all)-1].ID
	}
}

func telco(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../examples/telco.map")
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// subscribers is a file of the form that examples/telco.map describes.
func subscribers(n int) string {
	var b strings.Builder
	b.WriteString("\ufeffcustomerID,tenure,Contract,PaymentMethod,MonthlyCharges,TotalCharges,Churn\n")
	contracts := []string{"Month-to-month", "One year", "Two year"}
	for i := range n {
		churn := "No"
		if i%4 == 3 {
			churn = "Yes"
		}
		fmt.Fprintf(&b, "%04d-ABCDE,%d,%s,Mailed check,%d.%02d,\" \",%s\n", i, i%73, contracts[i%3], 18+i%100, (i*5)%100, churn)
	}
	return b.String()
}

// Everyone who has not churned gets exactly one paid invoice of their own amount in
// the month after the import; importing again changes nothing.
func TestSubscribersAndTheirNextMonth(t *testing.T) {
	t.Parallel()
	dbtest.Engines(t, func(t *testing.T, open func() *db.DB) {
		h := newHouse(t, open())
		const n = 730
		for round, want := range []importer.Summary{{Rows: n, Made: n}, {Rows: n, Known: n}} {
			got, err := h.bring(t, telco(t), subscribers(n), nil)
			if err != nil || got.Rows != want.Rows || got.Made != want.Made || got.Known != want.Known || len(got.Problems) != 0 {
				t.Fatalf("round %d: got %+v, %v, want %+v", round, got, err, want)
			}
		}
		to := now.AddDate(0, 0, 31)
		if _, err := h.service.AdvanceClock(context.Background(), commerce.AdvanceClock{Call: commerce.Call{Account: h.account.ID}, To: to}); err != nil {
			t.Fatal(err)
		}
		active := 0
		for _, s := range h.subscriptions(t) {
			list, err := h.reader.Invoices(context.Background(), h.account.ID, invoice.Filter{Subscription: s.ID, Limit: 10})
			if err != nil {
				t.Fatal(err)
			}
			if s.State == subscription.Canceled {
				if len(list) != 0 {
					t.Errorf("%s had ended elsewhere and was billed", s.ID)
				}
				continue
			}
			active++
			if len(list) != 1 || list[0].State != invoice.Paid || list[0].Total != s.UnitAmount {
				t.Errorf("%s at %v got %d invoices: %+v", s.ID, s.UnitAmount, len(list), list)
			}
		}
		if active != n-n/4 {
			t.Errorf("%d are active, want %d", active, n-n/4)
		}
		products, err := h.reader.Products(context.Background(), h.account.ID, 0, 100)
		if err != nil || len(products) != 3 {
			t.Errorf("got %d products, want the three contracts (%v)", len(products), err)
		}
		books, err := h.reader.Books(context.Background(), h.account.ID, h.gateways)
		if err != nil || !books.Balanced() || books.Charges != int64(active) {
			t.Errorf("the books: %v, %d charges, %v", books.Differences, books.Charges, err)
		}
	})
}

const plain = "id={id}\nproduct={product}\namount={amount}\nstarted={started}\ncanceled={canceled}\nemail={email}\nquantity={quantity}\nmethod=tok_visa\n"

const head = "id,product,amount,started,canceled,email,quantity\n"

// Each bad row is one problem with its line, and the good rows come in all the
// same; by choice nothing does, and a dry run writes nothing either.
func TestBadRows(t *testing.T) {
	t.Parallel()
	const good = "a1,Basic,10.00,2026-01-31,no,ada@example.com,1\n"
	for name, c := range map[string]struct{ row, want string }{
		"no id":               {",Basic,1.00,2026-01-31,,b@example.com,1", "id must be 1 to 200 bytes"},
		"an amount in words":  {"b,Basic,ten,2026-01-31,,b@example.com,1", "amount"},
		"a thousands comma":   {`b,Basic,"1,000",2026-01-31,,b@example.com,1`, "amount"},
		"a negative amount":   {"b,Basic,-1.00,2026-01-31,,b@example.com,1", "amount"},
		"too many decimals":   {"b,Basic,1.001,2026-01-31,,b@example.com,1", "amount"},
		"a huge amount":       {"b,Basic,1000000000000000000,2026-01-31,,b@example.com,1", "amount"},
		"a huge product":      {"b,Basic,99999999999.00,2026-01-31,,b@example.com,1000000", "amount"},
		"a day that is none":  {"b,Basic,1.00,2026-02-30,,b@example.com,1", "started"},
		"before 1970":         {"b,Basic,1.00,1969-12-31,,b@example.com,1", "started"},
		"after 2200":          {"b,Basic,1.00,2200-01-01,,b@example.com,1", "started"},
		"in the future":       {"b,Basic,1.00,2026-12-31,,b@example.com,1", "started"},
		"perhaps canceled":    {"b,Basic,1.00,2026-01-31,perhaps,b@example.com,1", "canceled"},
		"no address":          {"b,Basic,1.00,2026-01-31,,not an address,1", "email"},
		"somebody's address":  {"b,Basic,1.00,2026-01-31,,ada@example.com,1", "a customer with that e-mail address exists already"},
		"no whole number":     {"b,Basic,1.00,2026-01-31,,b@example.com,1.5", "quantity"},
		"none at all":         {"b,Basic,1.00,2026-01-31,,b@example.com,0", "quantity"},
		"too few fields":      {"b,Basic,1.00", "is not CSV of the header's form"},
		"a stray quote":       {`b,Ba"sic,1.00,2026-01-31,,b@example.com,1`, "is not CSV of the header's form"},
		"no UTF-8":            {"b,Ba\xffsic,1.00,2026-01-31,,b@example.com,1", "is not UTF-8 text"},
		"a byte of zero":      {"b,Ba\x00sic,1.00,2026-01-31,,b@example.com,1", "is not UTF-8 text"},
		"a control character": {"b,Ba\x01sic,1.00,2026-01-31,,b@example.com,1", "name must be plain text"},
		"the same id again":   {"a1,Basic,1.00,2026-01-31,,b@example.com,1", "stands in line 2 already"},
		"an endless record":   {"b," + strings.Repeat("x", 70_000) + ",1.00,2026-01-31,,b@example.com,1", "is larger than"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			h := newHouse(t, dbtest.New(t, db.SQLite))
			text := head + good + c.row + "\n" + strings.ReplaceAll(strings.ReplaceAll(good, "a1", "c1"), "ada", "cy")
			for _, choice := range []struct {
				name  string
				shape func(*importer.Import)
				rows  int
			}{
				{"dry run", func(i *importer.Import) { i.DryRun = true }, 0},
				{"all or nothing", func(i *importer.Import) { i.AllOrNothing = true }, 0},
				{"good rows", nil, 2},
			} {
				got, err := h.bring(t, plain, text, choice.shape)
				if err != nil {
					t.Fatalf("%s: %v", choice.name, err)
				}
				if len(got.Problems) != 1 || got.Problems[0].Line != 3 || !strings.Contains(got.Problems[0].Message, c.want) {
					t.Errorf("%s: got problems %+v, want one of line 3 that says %q", choice.name, got.Problems, c.want)
				}
				if stored := len(h.subscriptions(t)); stored != choice.rows {
					t.Errorf("%s: %d subscriptions are stored, want %d", choice.name, stored, choice.rows)
				}
			}
		})
	}
}

// A file or mapping that cannot be understood is refused whole, and says why.
func TestRefusedWhole(t *testing.T) {
	t.Parallel()
	h := newHouse(t, dbtest.New(t, db.SQLite))
	for text, want := range map[string]string{
		"":               "the file has no header line",
		"id,product\n":   `the file has no column "amount"`,
		"\"id,product\n": "the file has no header line",
	} {
		if _, err := h.bring(t, plain, text, nil); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", text, err, want)
		}
	}
	for text, want := range map[string]string{
		"":                           `must say what "id" is taken from`,
		"id\n":                       "line 1 of the mapping is not of the form",
		"id={id}\n\nid={x}\n":        "line 3 of the mapping: id is given twice",
		"colour={c}\n":               `there is no part "colour"`,
		"id={id\n":                   "a { is not closed",
		"id={}\n":                    "{} must name a column",
		strings.Repeat("# x\n", 2e4): "the mapping is larger than",
	} {
		if _, err := importer.ParseMapping(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.20q: got %v, want %q", text, err, want)
		}
	}
}

func FuzzParseMapping(f *testing.F) {
	f.Add(plain)
	f.Add("id = {a}-{b}\n# x\n")
	f.Fuzz(func(t *testing.T, text string) {
		m, err := importer.ParseMapping(strings.NewReader(text))
		if (m == nil) == (err == nil) {
			t.Errorf("got %v and %v", m, err)
		}
	})
}

// Who comes from PayWhirl keeps the numbers by which its clients know them; what comes later
// has greater ones.
func TestNumbersAreKept(t *testing.T) {
	t.Parallel()
	dbtest.Engines(t, func(t *testing.T, open func() *db.DB) {
		h := newHouse(t, open())
		const mapping = "id = {sub}\ncustomer = {cus}\nproduct = Paper\namount = 10.00\nstarted = 2026-11-01\nnumbers = paywhirl"
		sum, err := h.bring(t, mapping, "sub,cus\n4711,226713\n4712,226713\n4713,0\nx,226714\n", nil)
		if err != nil || sum.Made != 2 || len(sum.Problems) != 2 {
			t.Fatalf("%+v, %v", sum, err)
		}
		for i, field := range []string{"customer", "id"} {
			if p := sum.Problems[i]; p.Line != 4+i || !strings.Contains(p.Message, field) || !strings.Contains(p.Message, "number") {
				t.Errorf("problem %d: %+v", i, p)
			}
		}
		if sum, err = h.bring(t, mapping, "sub,cus\n4711,226713\n4712,226713\n", nil); err != nil || sum.Known != 2 || sum.Made != 0 {
			t.Errorf("again: %+v, %v", sum, err)
		}
		call := commerce.Call{Account: h.account.ID, Actor: event.Actor{Kind: event.ByOperator, Name: "test"}}
		subs, err := h.reader.Subscriptions(t.Context(), h.account.ID, subscription.Filter{Limit: 10}, report.Expand{})
		if err != nil || len(subs) != 2 {
			t.Fatalf("%d subscriptions, %v", len(subs), err)
		}
		number := func(kind, thing string) int64 {
			n, err := h.service.NumberThing(t.Context(), commerce.NumberThing{Call: call, Dialect: account.PayWhirl, Kind: kind, Thing: thing})
			if err != nil {
				t.Error(err)
			}
			return n
		}
		for i, want := range []int64{4712, 4711} { // the newest first
			if n := number(commerce.NumberSubscriptions, subs[i].Subscription.ID.String()); n != want {
				t.Errorf("a subscription is number %d, want %d", n, want)
			}
		}
		if n := number(commerce.NumberCustomers, subs[0].Subscription.Customer.String()); n != 226713 {
			t.Errorf("the customer is number %d", n)
		}
		late, err := h.service.CreateCustomer(t.Context(), commerce.CreateCustomer{Call: call, Email: "late@example.com"})
		if err != nil {
			t.Fatal(err)
		}
		if err := h.service.NumberNew(t.Context(), h.account.ID, string(account.PayWhirl), commerce.NumberCustomers); err != nil {
			t.Fatal(err)
		}
		if n := number(commerce.NumberCustomers, late.ID.String()); n != 226714 {
			t.Errorf("who came later is number %d", n)
		}
	})
	for _, bad := range []string{"numbers = {cus}", "numbers = profitwell", "numbers ="} {
		if _, err := importer.ParseMapping(strings.NewReader("id = {sub}\nproduct = x\namount = 1\nstarted = 2026-01-01\n" + bad)); err == nil {
			t.Errorf("%s is taken", bad)
		}
	}
}
