package paykickstart_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"log/slog"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"perennial/internal/account"
	"perennial/internal/affiliate"
	"perennial/internal/catalog"
	"perennial/internal/clock"
	"perennial/internal/commerce"
	"perennial/internal/compat/paykickstart"
	"perennial/internal/db"
	"perennial/internal/db/dbtest"
	"perennial/internal/event"
	"perennial/internal/gateway/sandbox"
	"perennial/internal/id"
	"perennial/internal/license"
	"perennial/internal/money"
	"perennial/internal/payment"
	"perennial/internal/period"
	"perennial/internal/report"
	"perennial/internal/seal"
	"perennial/internal/usage"
)

var update = flag.Bool("update", false, "write the golden files anew")

// start is when every world begins.
var start = time.Date(2026, 1, 31, 10, 0, 0, 0, time.UTC)

// world is the door on a database of its own, with a sandbox account, its token and what it
// sells.
type world struct {
	testing.TB
	db    *db.DB
	clock *clock.Manual
	log   *bytes.Buffer
	s     *commerce.Service
	r     *report.Reader
	keys  *seal.Keys
	h     http.Handler
	acc   account.Account
	token string

	campaign      catalog.Campaign
	club, pro     catalog.Product // both recurring, of the campaign
	book, foreign catalog.Product // paid once; of another campaign
}

func onBoth(t *testing.T, body func(w *world)) {
	t.Helper()
	t.Parallel()
	for _, engine := range []string{db.SQLite, db.PostgreSQL} {
		t.Run(engine, func(t *testing.T) {
			t.Parallel()
			body(newWorld(t, engine))
		})
	}
}

func newWorld(t testing.TB, engine string) *world {
	t.Helper()
	w := &world{TB: t, db: dbtest.New(t, engine), clock: clock.NewManual(start), log: &bytes.Buffer{}}
	log := slog.New(slog.NewJSONHandler(io.Discard, nil))
	bank := sandbox.New(dbtest.New(t, db.SQLite), w.clock, sandbox.Options{})
	w.s = commerce.New(w.db, w.clock, map[string]payment.Gateway{commerce.SandboxGateway: bank}, nil, log)
	keys, err := seal.Parse(seal.New())
	w.ok(err)
	w.keys = keys
	w.s.UseKeys(keys)
	w.s.UseGateways(keys, nil)
	w.r = report.New(w.db, w.clock)
	w.h = paykickstart.New(w.s, w.r, paykickstart.Options{Clock: w.clock, Log: log, Public: "https://shop.example"})
	return w.as("Green Press", "vendor-token-1")
}

// as is the same world for a new account, with its shop.
func (w *world) as(name, token string) *world {
	w.Helper()
	by := event.Actor{Kind: event.ByOperator, Name: "test"}
	made, err := w.s.CreateAccount(w.Context(), commerce.CreateAccount{Name: name, Email: "help@green-press.example", Mode: account.Sandbox, Currency: "USD", Actor: by})
	w.ok(err)
	other := *w
	other.acc, other.token = made.Account, token
	_, err = w.s.CreateDoorKey(w.Context(), commerce.CreateDoorKey{Call: other.call(), Dialect: account.PayKickstart, Name: "scripts", Key: token})
	w.ok(err)
	other.stock()
	return &other
}

// stock puts products on the shelves.
func (w *world) stock() {
	w.Helper()
	ctx, call := w.Context(), w.call()
	product := func(name string, campaign id.Campaign, settings catalog.Settings, p commerce.CreatePrice) catalog.Product {
		made, err := w.s.CreateProduct(ctx, commerce.CreateProduct{Call: call, Campaign: campaign, Name: name, Settings: settings})
		w.ok(err)
		p.Call, p.Product = call, made.ID
		_, err = w.s.CreatePrice(ctx, p)
		w.ok(err)
		return made
	}
	usd := func(minor int64) money.Amount { return money.Amount{Minor: minor, Currency: "USD"} }
	month := period.Interval{Unit: period.Month, Count: 1}
	meter, err := w.s.CreateMeter(ctx, commerce.CreateMeter{Call: call, Code: "units", Name: "Units", Aggregation: usage.Sum})
	w.ok(err)
	included, _ := money.ParseDecimal("100")
	unit, _ := money.ParseDecimal("0.05")
	campaign, err := w.s.CreateCampaign(ctx, commerce.CreateCampaign{Call: call, Name: "Tea"})
	w.ok(err)
	w.campaign = campaign
	w.club = product("Tea club", campaign.ID, catalog.Settings{Licenses: license.Terms{Count: 2, UntilCancel: true}.Text()}, commerce.CreatePrice{Amount: usd(999), Interval: month,
		Terms: catalog.Terms{Usage: []catalog.Metered{{Meter: meter.ID, Included: included, Overage: catalog.Charge{Model: catalog.PerUnit, Unit: unit}}}}})
	w.pro = product("Tea club pro", campaign.ID, catalog.Settings{}, commerce.CreatePrice{Amount: usd(1999), Interval: month})
	w.book = product("Tea book", campaign.ID, catalog.Settings{}, commerce.CreatePrice{Amount: usd(2500)})
	elsewhere, err := w.s.CreateCampaign(ctx, commerce.CreateCampaign{Call: call, Name: "Coffee"})
	w.ok(err)
	w.foreign = product("Coffee club", elsewhere.ID, catalog.Settings{}, commerce.CreatePrice{Amount: usd(500), Interval: month})
	for kind, names := range map[string][]string{"campaign": {campaign.ID.String(), elsewhere.ID.String()},
		"product": {w.club.ID.String(), w.pro.ID.String(), w.book.ID.String(), w.foreign.ID.String()}} {
		w.ok(w.s.Number(ctx, paykickstart.Space(w.acc.ID, kind), names, 0))
	}
	slug, landing := "tea-"+w.token, "https://tea.example/"
	second, _ := money.ParseRate("0.05")
	terms := affiliate.Standard()
	terms.Second = second
	_, err = w.s.SetProgram(ctx, commerce.SetProgram{Call: call, Campaign: campaign.ID, Slug: &slug, Landing: &landing, Terms: &terms})
	w.ok(err)
	w.affiliate("mia", "Mia Sorensen", 0)
	leo := w.affiliate("leo", "Leo Brandt", 0)
	mia, err := w.r.AffiliateByEmail(ctx, w.acc.ID, "mia@partners.example")
	w.ok(err)
	recruiter := mia.ID
	_, err = w.s.DecideMembership(ctx, commerce.DecideMembership{Call: call, Campaign: campaign.ID, Affiliate: leo, Recruiter: &recruiter})
	w.ok(err)
	w.ok(w.s.Number(ctx, paykickstart.Space(w.acc.ID, "affiliate"), []string{mia.ID.String(), leo.String()}, 0))
	_, err = w.s.AddMaterial(ctx, commerce.AddMaterial{Call: call, Campaign: campaign.ID, Kind: "text", Title: "Words", Body: "Good tea."})
	w.ok(err)
}

func (w *world) affiliate(code, name string, _ int) id.Affiliate {
	w.Helper()
	email, paypal := code+"@partners.example", code+"@pay.example"
	a, err := w.s.PutAffiliate(w.Context(), commerce.PutAffiliate{Call: w.call(), Email: &email, Code: &code, Name: &name, PayPal: &paypal})
	w.ok(err)
	_, err = w.s.AskToPromote(w.Context(), commerce.AskToPromote{Call: w.call(), Campaign: w.campaign.ID, Affiliate: a.ID, ByTeam: true})
	w.ok(err)
	return a.ID
}

// call is how the test itself tells stories.
func (w *world) call() commerce.Call {
	return commerce.Call{Account: w.acc.ID, Actor: event.Actor{Kind: event.ByOperator, Name: "test"}}
}

func (w *world) ok(err error) {
	w.Helper()
	if err != nil {
		w.Fatal(err)
	}
}

// to moves time on and does what falls due.
func (w *world) to(at time.Time) {
	w.Helper()
	w.clock.Set(at)
	_, err := w.s.RunAccount(w.Context(), w.acc.ID)
	w.ok(err)
}

// pair is one argument; lists of them are in the order in which a program names them.
type pair struct{ name, value string }

// transport is one way to put arguments on the wire, as known clients do it.
type transport struct {
	name   string
	encode func(g []pair) (method, slash, query, contentType, body string)
}

func form(g []pair) string {
	list := make([]string, len(g))
	for i, p := range g {
		list[i] = url.QueryEscape(p.name) + "=" + url.QueryEscape(p.value)
	}
	return strings.Join(list, "&")
}

var transports = []transport{
	{"get", func(g []pair) (string, string, string, string, string) { return "GET", "", form(g), "", "" }},
	{"get_slash", func(g []pair) (string, string, string, string, string) { return "GET", "/", form(g), "", "" }},
	{"urlencoded", func(g []pair) (string, string, string, string, string) {
		return "POST", "", "", "application/x-www-form-urlencoded", form(g)
	}},
	{"multipart", func(g []pair) (string, string, string, string, string) {
		var b bytes.Buffer
		m := multipart.NewWriter(&b)
		_ = m.SetBoundary("the-boundary")
		for _, p := range g {
			_ = m.WriteField(p.name, p.value)
		}
		_ = m.Close()
		return "POST", "", "", m.FormDataContentType(), b.String()
	}},
	{"json", func(g []pair) (string, string, string, string, string) {
		nested := regexp.MustCompile(`^(\w+)\[(\w*)\]$`)
		object := map[string]any{}
		for _, p := range g {
			found := nested.FindStringSubmatch(p.name)
			switch {
			case found == nil:
				object[p.name] = p.value
			case found[2] == "":
				list, _ := object[found[1]].([]string)
				object[found[1]] = append(list, p.value)
			default:
				m, _ := object[found[1]].(map[string]string)
				if m == nil {
					m = map[string]string{}
				}
				m[found[2]] = p.value
				object[found[1]] = m
			}
		}
		b, _ := json.Marshal(object)
		return "POST", "", "", "application/json", string(b)
	}},
	{"post_query", func(g []pair) (string, string, string, string, string) { return "POST", "", form(g), "", "" }},
}

// reply is an answer with its body decoded.
type reply struct {
	status int
	raw    string
	body   any
}

// at is a member of an object that was answered, at a path such as "data.status".
func (r reply) at(path string) any {
	v := r.body
	for step := range strings.SplitSeq(path, ".") {
		switch x := v.(type) {
		case map[string]any:
			v = x[step]
		case []any:
			i, err := strconv.Atoi(step)
			v = nil
			if err == nil && i < len(x) {
				v = x[i]
			}
		default:
			return nil
		}
	}
	return v
}

func (r reply) text(path string) string { s, _ := r.at(path).(string); return s }

// ask sends a request by a transport and writes both down.
func (w *world) ask(t transport, b *strings.Builder, path string, args ...pair) reply {
	w.Helper()
	args = append([]pair{{"auth_token", w.token}}, args...)
	method, slash, query, contentType, body := t.encode(args)
	target := "/api" + path + slash
	if query != "" {
		target += "?" + query
	}
	r := httptest.NewRequestWithContext(w.Context(), method, target, strings.NewReader(body))
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	recorder := httptest.NewRecorder()
	w.h.ServeHTTP(recorder, r)
	out := reply{status: recorder.Code, raw: recorder.Body.String()}
	d := json.NewDecoder(strings.NewReader(out.raw))
	d.UseNumber()
	if err := d.Decode(&out.body); err != nil {
		w.Fatalf("%s %s: the answer is not JSON: %q", method, target, out.raw)
	}
	if recorder.Header().Get("Content-Type") != "application/json" || recorder.Header().Get("Location") != "" {
		w.Errorf("%s %s: the headers are %v", method, target, recorder.Header())
	}
	if b != nil {
		fmt.Fprintf(b, "%s %s\n", method, target)
		if contentType != "" {
			fmt.Fprintf(b, "Content-Type: %s\n", contentType)
		}
		if body != "" {
			fmt.Fprintf(b, "\n%s\n", strings.ReplaceAll(body, "\r\n", "\n"))
		}
		fmt.Fprintf(b, "\n%d\n%s\n\n", out.status, out.raw)
	}
	return out
}

// must is ask of a request that must be obeyed.
func (w *world) must(t transport, b *strings.Builder, path string, args ...pair) reply {
	w.Helper()
	got := w.ask(t, b, path, args...)
	if got.status != http.StatusOK || got.at("error") != nil || got.at("errors") != nil {
		w.Fatalf("%s by %s: %d %s", path, t.name, got.status, got.raw)
	}
	return got
}

// What differs from run to run is replaced in golden files.
var random = []*regexp.Regexp{regexp.MustCompile(`\b[2-9A-HJ-NP-Z]{4}(-[2-9A-HJ-NP-Z]{4}){3}\b`), regexp.MustCompile(`("secret":")[^"]+`)}

func golden(w *world, name, text string) {
	w.Helper()
	seen := map[string]string{}
	text = random[0].ReplaceAllStringFunc(text, func(s string) string {
		if seen[s] == "" {
			seen[s] = fmt.Sprintf("KEY%d", len(seen)+1)
		}
		return seen[s]
	})
	text = random[1].ReplaceAllString(text, "${1}…")
	path := filepath.Join("testdata", name)
	if *update {
		w.ok(os.WriteFile(path, []byte(text), 0o600))
	}
	want, err := os.ReadFile(path) //nolint:gosec // our own file
	w.ok(err)
	if diff := cmp.Diff(string(want), text); diff != "" {
		w.Errorf("%s (go test ./internal/compat/paykickstart -update writes it anew) -want +got:\n%s", path, diff)
	}
}
