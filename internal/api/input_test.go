package api_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"perennial/internal/db"
	"perennial/internal/db/dbtest"
)

// bases are good bodies of every operation that has one. In them {kind} is an id of
// the account's own.
var bases = map[string]string{
	"update-account":          `{"name":"Acme"}`,
	"create-api-key":          `{"name":"shop"}`,
	"create-widget":           `{"name":"Plans","code":"7d2a1b9e-3c44-4f5b-9d0e-1a2b3c4d5e6f","plans":[],"sites":["https://example.com"]}`,
	"create-door-key":         `{"dialect":"paywhirl","name":"shop","key":"pwpk_00000000000000000000","secret":"pwpsk_0000000000000000000"}`,
	"set-password":            `{"password":"correct horse"}`,
	"create-address":          `{"city":"Berlin"}`,
	"update-address":          `{"city":"Berlin"}`,
	"create-question":         `{"name":"shoe_size","label":"Your shoe size","kind":"text"}`,
	"update-question":         `{"label":"Your shoe size"}`,
	"put-answer":              `{"question":"{que}","answer":"42"}`,
	"put-address-answer":      `{"question":"{que}","answer":"42"}`,
	"replace-price":           `{"amount":1,"currency":"USD"}`,
	"create-campaign":         `{"name":"Spring"}`,
	"update-campaign":         `{"name":"Summer"}`,
	"create-product":          `{"name":"Tea","campaign":"{cam}"}`,
	"update-product":          `{"name":"Tea"}`,
	"create-price":            `{"product":"{prd}","amount":1,"currency":"USD","interval":"month"}`,
	"update-price":            `{"name":"Monthly"}`,
	"create-customer":         `{"name":"Bob","metadata":{"crm":"7"}}`,
	"update-customer":         `{"name":"Bob","metadata":{"crm":"7"}}`,
	"attach-payment-method":   `{"token":"tok_visa"}`,
	"create-order":            saleBase,
	"create-subscription":     saleBase,
	"update-subscription":     `{"payment_method":"{pm}"}`,
	"cancel-subscription":     `{"when":"period_end","reason":"none"}`,
	"pay-invoice":             `{"payment_method":"{pm}"}`,
	"create-refund":           `{"payment":"{pay}","amount":1,"reason":"none"}`,
	"advance-clock":           `{"by":"day"}`,
	"create-webhook-endpoint": `{"address":"https://example.com/hooks","events":["invoice.paid"]}`,
	"update-webhook-endpoint": `{"enabled":true,"events":["invoice.paid"]}`,
	"rotate-webhook-secret":   `{"overlap_hours":2}`,
	"start-replay":            `{"what":"failed","from_event":"{evt}"}`,
	"preview-replay":          `{"what":"failed","from_event":"{evt}"}`,
	"subscribe-hook":          `{"target_url":"https://example.com/hooks","event":"invoice.paid"}`,

	"create-charge":                handBase,
	"create-invoice":               handBase,
	"update-invoice":               `{"payment_method":"{pm}"}`,
	"mark-invoice-paid":            `{"reference":"statement 7"}`,
	"bill-now":                     `{"period":1,"paid":true,"reference":"statement 7"}`,
	"create-quote":                 `{"price":"{prc}","quantity":1,"customer":"{cus}"}`,
	"change-subscription":          `{"quantity":2,"when":"now"}`,
	"preview-change":               `{"quantity":2,"when":"now"}`,
	"pause-subscription":           `{"when":"now","override":true}`,
	"unpause-subscription":         `{"collect":true}`,
	"skip-period":                  `{"override":true}`,
	"reschedule-subscription":      `{"to":"2026-02-10T00:00:00Z"}`,
	"reactivate-subscription":      `{"next_charge":"2026-02-10T00:00:00Z"}`,
	"apply-coupon":                 `{"code":"OTHER-1"}`,
	"create-invoice-item":          `{"description":"Late fee","amount":5}`,
	"create-credit-note":           `{"amount":5,"reason":"goodwill","note":"cold"}`,
	"adjust-credit":                `{"amount":5,"currency":"USD","note":"sorry"}`,
	"create-coupon":                `{"code":"SUMMER-1","kind":"percent","percent":"10","applies_to":"all"}`,
	"update-coupon":                `{"name":"Summer"}`,
	"create-tax-profile":           `{"name":"Home","kind":"manual","rules":[{"name":"VAT","country":"DE","rate":"0.19"}]}`,
	"update-tax-profile":           `{"name":"Home","rules":[{"name":"VAT","country":"DE","rate":"0.19"}]}`,
	"create-shipping-rule":         `{"name":"Parcel","kind":"in_place","amount":500}`,
	"update-shipping-rule":         `{"name":"Parcel"}`,
	"create-meter":                 `{"code":"seats","name":"Seats"}`,
	"update-meter":                 `{"name":"Seats"}`,
	"record-usage-of-subscription": `{"meter":"calls","units":"1","key":"a"}`,
	"record-usage":                 `{"events":[{"subscription":"{sub}","meter":"calls","units":"1","key":"a"}]}`,
	"create-recovery-policy":       `{"name":"Kind","steps":[{"delay":1,"unit":"day","mail":true}],"final":"pause"}`,
	"update-recovery-policy":       `{"name":"Kind","smart":false}`,
	"create-gateway":               `{"kind":"manual","name":"Bank","instructions":"Pay to our account."}`,
	"update-gateway":               `{"name":"Bank"}`,
	"rotate-gateway-secret":        `{"webhook_secret":"whsec_two"}`,
	"mark-payment":                 `{"paid":true,"reference":"statement 7"}`,
	"mark-refund":                  `{"given":true,"reference":"statement 7"}`,
	"reconcile":                    `{"since":"2026-01-01T00:00:00Z"}`,
	"create-link":                  `{"purpose":"update_method"}`,
	"set-mail-template":            `{"language":"en","subject":"Thank you","body":"{{ cancel.how }}"}`,
	"remove-mail-template":         `{"language":"en"}`,
	"preview-mail-template":        `{"language":"en","subject":"Thank you","body":"{{ cancel.how }}"}`,
	"update-mail-settings":         `{"team":"team@example.com","kind":"receipt","copy":"books@example.com"}`,
	"set-branding":                 `{"name":"Blue shop","colour":"#0f6b47"}`,
	"choose-mails":                 `{"optional":false}`,
	"report-bounce":                `{"message":"Content-Type: multipart/report; boundary=b\r\n\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\nFinal-Recipient: rfc822; gone@example.com\r\nAction: failed\r\nStatus: 5.1.1\r\n\r\n--b--\r\n"}`,
	"suppress-address":             `{"address":"gone@example.com","reason":"manual"}`,
	"settle-door-number":           `{"dialect":"paykickstart","kind":"product","thing":"{prd}"}`,
	"set-affiliate-program":        `{"slug":"tea-two","landing":"https://tea.example/","terms":{"first":{"percent":"30"},"rebill":{"percent":"10"},"hold_days":30,"cookie_days":60}}`,
	"set-campaign-affiliate":       `{"affiliate":"{aff}","standing":"approved"}`,
	"create-material":              `{"kind":"text","title":"Words","body":"Good tea."}`,
	"create-affiliate":             `{"email":"new@partners.example","name":"New"}`,
	"update-affiliate":             `{"name":"Mia"}`,
	"update-referral":              `{"denied":false}`,
	"adjust-commission":            `{"amount":5,"currency":"USD","note":"bonus"}`,
	"create-payouts":               `{"currency":"USD"}`,
	"mark-payout-paid":             `{"reference":"B-7"}`,
	"activate-license":             `{"guid":"machine"}`,
	"upload-license-keys":          `{"keys":["AAAA-BBBB"]}`,
	"see-lead":                     `{"email":"new@example.com","price":"{prc}"}`,
	"set-exchange-rate":            `{"currency":"EUR","rate":"0.92"}`,
}

const saleBase = `{"buyer":{"email":"bob@example.com","name":"Bob","metadata":{"crm":"7"}},"price":"{prc}","quantity":1,"token":"tok_visa","expected_amount":{"amount":1999,"currency":"USD"}}`

const handBase = `{"customer":"{cus}","currency":"USD","items":[{"description":"Repair","quantity":2,"amount":5}],"payment_method":"{pm}","note":"Thanks"}`

// instead are the fields that exclude one another.
var instead = map[string]string{"customer": "buyer", "buyer": "customer", "payment_method": "token", "token": "payment_method", "to": "by", "by": "to",
	"align_to": "to", "lines": "amount", "reset": "keep_period", "keep_period": "reset", "first_name": "name", "last_name": "name"}

// field is one place in the body of one operation.
type field struct {
	method, route, path string
	op                  string
	at                  []string // the names that lead to it
	schema              *specSchema
	root                *specSchema // of the body
	spec                *spec
	required            bool
	base                string
}

func (f field) String() string { return f.op + " " + strings.Join(f.at, ".") }

// fields are all places in the bodies of all operations.
func (w *world) fields(all map[string]string) []field {
	w.Helper()
	s := w.spec()
	var list []field
	s.each(func(method, path string, op specOperation) {
		root := s.body(op)
		if root == nil {
			return
		}
		base, known := bases[op.ID]
		if !known {
			w.Fatalf("%s has a body and no good example here", op.ID)
		}
		for kind, v := range all {
			base = strings.ReplaceAll(base, "{"+kind+"}", v)
		}
		real := idOf(path, func(kind string) string { return all[kind] })
		var walk func(x *specSchema, at []string)
		walk = func(x *specSchema, at []string) {
			for _, name := range slices.Sorted(maps.Keys(x.Properties)) {
				inner := s.schema(x.Properties[name])
				here := append(slices.Clone(at), name)
				f := field{method, method + " " + path, real, op.ID, here, inner, root, s, slices.Contains(x.Required, name), base}
				list = append(list, f)
				walk(inner, here)
				if entry := s.schema(inner.Items); entry != nil && len(entry.Properties) > 0 {
					walk(entry, append(slices.Clone(here), "0"))
				}
				if more := s.more(inner); more != nil && len(more.Properties) > 0 {
					walk(more, append(slices.Clone(here), "EUR"))
				} else if more != nil {
					f.at, f.schema, f.required = append(slices.Clone(here), "crm"), more, false
					list = append(list, f)
				}
			}
		}
		walk(root, nil)
	})
	return list
}

// with is the good body with one value, as raw JSON, in the field's place.
func (f field) with(value string) string {
	var body map[string]any
	if err := json.Unmarshal([]byte(f.base), &body); err != nil {
		panic(err)
	}
	delete(body, instead[f.at[0]])
	text, err := json.Marshal(f.spec.put(f.root, body, f.at, "\x02"))
	if err != nil {
		panic(err)
	}
	return strings.Replace(string(text), `"\u0002"`, value, 1)
}

// put puts a value in a place below v, which is of a schema. What is missing on the way
// is made of what the schema requires.
func (s *spec) put(x *specSchema, v any, at []string, value any) any {
	if len(at) == 0 {
		return value
	}
	x = s.schema(x)
	if x.Items != nil {
		list, _ := v.([]any)
		if len(list) == 0 {
			list = []any{nil}
		}
		list[0] = s.put(x.Items, list[0], at[1:], value)
		return list
	}
	m, _ := v.(map[string]any)
	if m == nil {
		m, _ = s.sample(x).(map[string]any)
	}
	inner := x.Properties[at[0]]
	if inner == nil {
		inner = s.more(x)
	}
	m[at[0]] = s.put(inner, m[at[0]], at[1:], value)
	return m
}

// more is the schema of what an object holds under names of the client's own.
func (s *spec) more(x *specSchema) *specSchema {
	m, open := x.More.(map[string]any)
	if !open {
		return nil
	}
	if ref, ok := m["$ref"].(string); ok {
		return s.schema(&specSchema{Ref: ref})
	}
	return &specSchema{Type: m["type"]}
}

// sample is a value that a schema takes.
func (s *spec) sample(x *specSchema) any {
	x = s.schema(x)
	switch {
	case len(x.Enum) > 0:
		return x.Enum[0]
	case x.Items != nil:
		return []any{}
	case slices.Contains(x.types(), "integer"):
		return 1
	case slices.Contains(x.types(), "boolean"):
		return true
	case slices.Contains(x.types(), "object"):
		m := map[string]any{}
		for _, name := range x.Required {
			m[name] = s.sample(x.Properties[name])
		}
		return m
	}
	return "1"
}

// wrongs are values that no field of a type may take.
func (f field) wrongs() []string {
	least := `-1`
	if f.schema.Minimum != nil && *f.schema.Minimum < 0 {
		least = ""
	}
	all := []string{`null`, `[[]]`, `[{"a":1}]`, `"a\u0001b"`, `"\u001b[31m"`, `"a\u0000b"`, `"\ud800"`, "\"\xff\xfe\"", `"` + strings.Repeat("a", 6000) + `"`, `"4242 4242 4242 4242"`}
	types := f.schema.types()
	if !slices.Contains(types, "object") {
		all = append(all, `{}`, `{"a":"b"}`)
	}
	if !slices.Contains(types, "boolean") {
		all = append(all, `true`)
	}
	if !slices.Contains(types, "integer") {
		all = append(all, `5`, `-1`, `1e400`)
	}
	switch {
	case slices.Contains(types, "integer"):
		all = append(all, least, `9007199254740993`, `9223372036854775807`, `9223372036854775808`, `1e18`, `1.5`, `1e400`, `-0.1`, `0x10`, `01`,
			`"1"`, `"1,000"`, `"١٢٣"`, `NaN`, `4242424242424242`)
	case f.schema.Format == "date-time":
		all = append(all, `""`, `"tomorrow"`, `"1969-12-31T23:59:59Z"`, `"2200-01-01T00:00:00Z"`, `"2026-02-30T00:00:00Z"`, `"0000-00-00"`, `"99999-01-01T00:00:00Z"`)
	case slices.Contains(types, "string") && len(f.schema.Enum) > 0:
		all = append(all, `""`, `"ACTIVE"`, `"now "`)
	case slices.Contains(types, "string") && f.required:
		all = append(all, `""`)
	case slices.Contains(types, "array"):
		all = append(all, `"invoice.paid"`, `["invoice paid"]`, `[""]`, `[5]`, `["`+strings.Repeat(`a.b","`, 100)+`a.b"]`)
	}
	return slices.DeleteFunc(all, func(v string) bool { return v == "" })
}

// cards are card numbers that no field may take. The key of a usage event is drawn at
// random by its sender and may look like one by chance, when it has letters, too.
func (f field) cards() []string {
	if f.route == "POST /v1/usage" && f.at[len(f.at)-1] == "key" {
		return nil
	}
	return []string{`"4242424242424242"`, `"my card 4242-4242-4242-4242 please"`, `"\u00342424242424242\u00342"`}
}

// rows counts the rows of every table.
func (w *world) rows() map[string]int64 {
	w.Helper()
	counts := map[string]int64{}
	w.ok(w.db.View(w.Context(), func(tx *db.Tx) error {
		for _, table := range db.Tables {
			var n int64
			if err := tx.One([]any{&n}, "select count(*) from "+table.Name); err != nil {
				return err
			}
			counts[table.Name] = n
		}
		return nil
	}))
	return counts
}

// refusedAt checks that an answer is a refusal in the shape of the API that names
// the place.
func (w *world) refusedAt(what, place string, got reply) {
	w.Helper()
	if got.status < 400 || got.status >= 500 || got.header.Get("Content-Type") != "application/problem+json" {
		w.Errorf("%s: %d %s %s", what, got.status, got.header.Get("Content-Type"), got.raw)
		return
	}
	errs, _ := got.body["errors"].([]any)
	for _, e := range errs {
		if at, _ := e.(map[string]any)["location"].(string); at == place || strings.HasPrefix(at, place+".") || strings.HasPrefix(at, place+"[") {
			return
		}
	}
	w.Errorf("%s: %d does not name %s: %s", what, got.status, place, got.raw)
}

// Every field of every body is tried with values that it may not take: each is
// refused by name, nothing is stored, and nothing of it is logged.
func TestBadFields(t *testing.T) {
	onBoth(t, func(w *world) {
		fields := w.fields(w.everything(w.key, "x"))
		before := w.rows()
		for _, f := range fields {
			for _, value := range f.wrongs() {
				body := f.with(value)
				place := "body." + strings.Join(f.at, ".")
				if strings.ContainsAny(value[:1], "N0") && len(value) > 1 || strings.Contains(value, "\xff") || strings.Contains(value, `\ud800`) {
					place = "body" // it is not JSON, and where it stops to be is enough
				}
				w.refusedAt(fmt.Sprintf("%s = %.40s", f, value), place, w.request(w.key, f.method, f.path, body))
			}
			for _, card := range f.cards() {
				got := w.request(w.key, f.method, f.path, f.with(card))
				w.refusedAt(f.String()+" = a card number", "body."+strings.Join(f.at, "."), got)
				if got.text("code") != "card_number_refused" {
					w.Errorf("%s: a card number is refused as %s", f, got.raw)
				}
			}
			name := f.at[len(f.at)-1]
			twice := strings.Replace(f.with("77007"), `"`+name+`":77007`, `"`+name+`":1,"`+name+`":1`, 1)
			w.refusedAt(f.String()+" twice", "body."+strings.Join(f.at, "."), w.request(w.key, f.method, f.path, twice))
		}
		if diff := differing(before, w.rows()); diff != "" {
			w.Errorf("refused requests stored something: %s", diff)
		}
		w.holdsNoCard()
	})
}

func differing(before, after map[string]int64) string {
	var b strings.Builder
	for table, n := range before {
		if after[table] != n {
			fmt.Fprintf(&b, "%s had %d rows and has %d; ", table, n, after[table])
		}
	}
	return b.String()
}

// holdsNoCard proves that no log and no byte of a database holds the card number
// that was tried.
func (w *world) holdsNoCard() {
	w.Helper()
	cards := []string{"4242424242424242", "4242 4242 4242 4242", "4242-4242-4242-4242"}
	for _, card := range cards {
		if strings.Contains(w.log.String(), card) {
			w.Errorf("the log holds %s", card)
		}
	}
	for _, d := range []*db.DB{w.db, w.bankDB} {
		if d.Engine() == db.PostgreSQL {
			w.rowsHoldNoCard(d, cards)
			continue
		}
		path := dbtest.Options(w, d).URL
		for _, suffix := range []string{"", "-wal"} {
			file, err := os.ReadFile(path + suffix)
			if err != nil && suffix == "" {
				w.Fatal(err)
			}
			for _, card := range cards {
				if bytes.Contains(file, []byte(card)) {
					w.Errorf("the database%s holds %s", suffix, card)
				}
			}
		}
	}
}

func (w *world) rowsHoldNoCard(d *db.DB, cards []string) {
	w.Helper()
	w.ok(d.View(w.Context(), func(tx *db.Tx) error {
		for _, table := range db.Tables {
			for _, card := range cards {
				var n int64
				if err := tx.One([]any{&n}, "select count(*) from "+table.Name+" r where r::text like $1", "%"+card+"%"); err != nil {
					return err
				}
				if n > 0 {
					w.Errorf("%s holds %s", table.Name, card)
				}
			}
		}
		return nil
	}))
}

// What a merchant may not set is refused by name, wherever it is tried.
func TestMassAssignment(t *testing.T) {
	onBoth(t, func(w *world) {
		all := w.everything(w.key, "x")
		before := w.rows()
		tried := map[string]bool{}
		for _, f := range w.fields(all) {
			if tried[f.route] {
				continue
			}
			tried[f.route] = true
			known := map[string]bool{}
			for _, other := range w.fields(all) {
				known[other.route+other.at[0]] = true
			}
			for name, value := range map[string]string{"id": `"` + all["cus"] + `"`, "account_id": `"` + w.acc.ID.String() + `"`, "account": `"` + w.acc.ID.String() + `"`,
				"state": `"active"`, "paid": `true`, "paid_at": `"2026-01-01T00:00:00Z"`, "created_at": `"2026-01-01T00:00:00Z"`, "version": `7`, "refunded": `0`,
				"mode": `"live"`, "role": `"owner"`, "balance": `5`, "Name": `"x"`, "surprise": `1`} {
				if known[f.route+name] {
					continue
				}
				body := strings.Replace(f.base, "{", `{"`+name+`":`+value+`,`, 1)
				w.refusedAt(f.op+" with "+name, "body."+name, w.request(w.key, f.method, f.path, body))
			}
		}
		if diff := differing(before, w.rows()); diff != "" {
			w.Errorf("refused requests stored something: %s", diff)
		}
	})
}

// Bodies that are no JSON object of bearable size are refused before they are read.
func TestBadBodies(t *testing.T) {
	onBoth(t, func(w *world) {
		as := func(name, value string) func(*http.Request) {
			return func(r *http.Request) { r.Header.Set(name, value) }
		}
		before := w.rows()
		for _, c := range []struct {
			name, body string
			status     int
			as         func(*http.Request)
		}{
			{"too large", `{"name":"` + strings.Repeat("a", 1<<20) + `"}`, 413, nil},
			{"endless", `{"name":"`, 413, func(r *http.Request) { r.Body, r.ContentLength = endless{}, -1 }},
			{"compressed", "\x1f\x8b\x08", 415, as("Content-Encoding", "gzip")},
			{"compressed by name", `{"name":"a"}`, 415, as("Content-Encoding", "identity, br")},
			{"text", `{"name":"a"}`, 415, as("Content-Type", "text/plain")},
			{"form", `name=a`, 415, as("Content-Type", "application/x-www-form-urlencoded")},
			{"untyped", `{"name":"a"}`, 415, as("Content-Type", "")},
			{"too deep", `{"name":` + strings.Repeat("[", 65) + strings.Repeat("]", 65) + `}`, 400, nil},
			{"a million brackets", strings.Repeat("[", 1_000_000), 400, nil},
			{"broken", `{"name":`, 400, nil},
			{"two", `{"name":"a"}{"name":"b"}`, 400, nil},
			{"trailing", `{"name":"a"} x`, 400, nil},
			{"blank", ` `, 400, nil},
			{"not UTF-8", "{\"name\":\"\xc3\x28\"}", 400, nil},
			{"another encoding", "\xff\xfe{\x00}\x00", 400, nil},
			{"marked", "\ufeff{\"name\":\"a\"}", 400, nil},
			{"comment", `{"name":"a"/* b */}`, 400, nil},
			{"zero", `{"name":"a\u0000"}`, 422, nil},
			{"list", `["name"]`, 422, nil},
			{"word", `"name"`, 422, nil},
			{"null", `null`, 422, nil},
			{"nothing", "", 422, nil},
			{"card in a name", `{"4242424242424242":"a"}`, 422, nil},
			{"many names", `{` + strings.Repeat(`"a":1,`, 10) + `"b":1}`, 422, nil},
		} {
			change := c.as
			if change == nil {
				change = func(*http.Request) {}
			}
			for _, route := range []string{"POST /v1/campaigns", "PATCH /v1/account"} {
				method, path, _ := strings.Cut(route, " ")
				got := w.request(w.key, method, path, c.body, change)
				accepted := got.status == c.status || c.status == 422 && got.status == 400
				if !accepted || got.header.Get("Content-Type") != "application/problem+json" || strings.Contains(got.raw, "4242") {
					w.Errorf("%s: %s: %d, want %d: %.300s", route, c.name, got.status, c.status, got.raw)
				}
			}
		}
		if diff := differing(before, w.rows()); diff != "" {
			w.Errorf("refused requests stored something: %s", diff)
		}
	})
}

// endless is a body that never ends.
type endless struct{}

func (endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'a'
	}
	return len(p), nil
}

func (endless) Close() error { return nil }
