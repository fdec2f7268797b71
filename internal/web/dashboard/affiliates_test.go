package dashboard_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"perennial/internal/affiliate"
	"perennial/internal/catalog"
	"perennial/internal/commerce"
	"perennial/internal/customer"
	"perennial/internal/db"
	"perennial/internal/event"
	"perennial/internal/id"
	"perennial/internal/license"
	"perennial/internal/money"
	"perennial/internal/web/pagetest"
	"perennial/internal/web/webtest"
)

// promoted sets up an account whose campaign affiliates promote, and names its pages.
func promoted(t *testing.T) (s stock, campaign id.Campaign) {
	t.Helper()
	st := pagetest.New(t, db.SQLite)
	ctx := t.Context()
	secret, _, err := st.Service.OwnerLink(ctx)
	if err != nil {
		t.Fatal(err)
	}
	must(st.Service.SetUp(ctx, commerce.SetUp{Link: secret, Name: "Ana Marsh", Email: pagetest.OwnerEmail, Password: pagetest.OwnerPassword,
		Company: commerce.CreateAccount{Name: "Green Press", Currency: "EUR", Zone: "Europe/Berlin", Country: "DE"}}))(t)
	s = stock{sample: &sample{Stack: st, email: pagetest.OwnerEmail, password: pagetest.OwnerPassword, pages: map[string]string{}}, t: t, acc: st.Sandbox(t)}
	s.call = commerce.Call{Account: s.acc, Actor: event.Actor{Kind: event.ByMember, Name: "Ana Marsh"}}
	live := "/app/" + st.Live(t).String()
	for _, list := range []string{"programs", "affiliates", "commissions", "payouts", "licenses", "leads"} {
		s.add(list+"-none", live+"/"+list)
		s.add(list, s.at(list))
	}
	product := must(st.Service.CreateProduct(ctx, commerce.CreateProduct{Call: s.call, Name: "Letterpress Studio", Settings: catalog.Settings{Licenses: license.Terms{Count: 1}.Text()}}))(t)
	campaign = product.Campaign
	price := must(st.Service.CreatePrice(ctx, commerce.CreatePrice{Call: s.call, Product: product.ID, Amount: money.Amount{Minor: 4900, Currency: "EUR"}}))(t)
	slug, landing, terms := "press", "https://green-press.example/", affiliate.Standard()
	terms.Hold = 0
	terms.Second = must(money.ParseRate("0.05"))(t)
	must(st.Service.SetProgram(ctx, commerce.SetProgram{Call: s.call, Campaign: campaign, Slug: &slug, Landing: &landing, Terms: &terms}))(t)
	join := func(name, code, recruiter string, team bool) id.Affiliate {
		email, paypal := code+"@partners.example", code+"@pay.example"
		return must(st.Service.AskToPromote(ctx, commerce.AskToPromote{Call: s.call, Campaign: campaign, Recruiter: recruiter, ByTeam: team,
			Who: &commerce.PutAffiliate{Email: &email, Name: &name, Code: &code, PayPal: &paypal}}))(t).Affiliate
	}
	join("Mia Sorensen", "mia", "", true)
	leo := join("Leo Brandt", "leo", "mia", true)
	join("Ngo Thi Ha", "ha", "", false)
	must(st.Service.AddMaterial(ctx, commerce.AddMaterial{Call: s.call, Campaign: campaign, Kind: "banner", Title: "Wide picture", Body: "https://green-press.example/wide.png"}))(t)
	must(st.Service.SeeLead(ctx, commerce.SeeLead{Call: s.call, Email: "looking@example.com", Name: "Sam Lund", Price: price.ID}))(t)
	sale := must(st.Service.Sell(ctx, commerce.Sell{Call: s.call, Price: price.ID, Buyer: &commerce.CreateCustomer{Email: "ines@example.com", Buyer: customer.Buyer{Name: "Ines Okafor", Country: "DE"}},
		Token: "tok_visa", Source: "checkout", Referred: commerce.Referred{Affiliate: leo}}))(t)
	must(st.Service.Refund(ctx, commerce.Refund{Call: s.call, Payment: sale.Payment.ID, Amount: 900}))(t)
	run := must(st.Service.PayOut(ctx, commerce.PayOut{Call: s.call, Currency: "EUR"}))(t)
	keys := must(st.Service.Licenses(ctx, s.acc, 0, 1))(t)
	s.add("program", s.at("programs", campaign.String()))
	s.add("program-edit", s.at("programs", campaign.String(), "edit"))
	s.add("material-new", s.at("programs", campaign.String(), "material"))
	s.add("affiliate", s.at("affiliates", leo.String()))
	s.add("affiliate-new", s.at("affiliates", "new"))
	s.add("payout", s.at("payouts", run[0].ID.String()))
	s.add("payouts-new", s.at("payouts", "new"))
	s.add("license", s.at("licenses", keys[0].ID.String()))
	return s, campaign
}

// Every page of affiliates, licences and leads, in both themes and on both widths, is free of
// accessibility violations and never wider than the screen.
func TestAffiliatePagesAreAccessible(t *testing.T) {
	t.Parallel()
	s, _ := promoted(t)
	for _, look := range []struct {
		width int
		dark  bool
	}{{1280, false}, {360, true}} {
		name := fmt.Sprintf("light-%d", look.width)
		if look.dark {
			name = fmt.Sprintf("dark-%d", look.width)
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := webtest.Open(t)
			b.Viewport(look.width, 800, look.dark)
			s.logIn(b)
			for _, page := range s.order {
				b.Goto(s.URL + s.pages[page])
				b.WaitFor("main")
				if wide := webtest.Eval[int](b, `document.documentElement.scrollWidth`); wide > look.width {
					t.Errorf("%s is %d px wide on a screen of %d px", page, wide, look.width)
				}
				b.Axe()
				if dir := os.Getenv("GALLERY"); dir != "" {
					b.Screenshot(filepath.Join(dir, page+"-"+name+".png"))
				}
			}
		})
	}
}

// The team sets up a programme, approves who asks, sets aside what is due, pays it, and
// frees a licence, all by its pages.
func TestAffiliatesByPages(t *testing.T) {
	t.Parallel()
	s, campaign := promoted(t)
	b := webtest.Open(t)
	s.logIn(b)
	b.Expect(http.StatusUnprocessableEntity)
	b.Goto(s.URL + s.at("programs", campaign.String()))
	b.WaitText("Ngo Thi Ha")
	b.Follow("Approve: Ngo Thi Ha")
	b.WaitText("The changes were saved")
	ha, err := s.Reader.AffiliateByEmail(t.Context(), s.acc, "ha@partners.example")
	if err != nil {
		t.Fatal(err)
	}
	if m, err := s.Reader.Member(t.Context(), s.acc, campaign, ha.ID); err != nil || m.Membership.Standing != affiliate.Approved {
		t.Errorf("approved is %+v, %v", m.Membership, err)
	}
	b.Follow("Edit terms")
	b.Fill("Share of the first payment", "140")
	b.Follow("Save programme")
	b.WaitText("There is")
	b.Fill("Share of the first payment", "40 %")
	b.Follow("Save programme")
	b.WaitText("40 % of the first payment, 30 % of later ones; 5 % for whoever recruited them.")
	b.Goto(s.URL + s.at("affiliates", "new"))
	b.Fill("Name", "Tom Reed")
	b.Fill("E-mail", "tom@partners.example")
	b.Choose("Promotes", "Green Press")
	b.Follow("Create affiliate")
	b.WaitText("Nothing was earned yet")
	b.Goto(s.URL + s.pages["payout"])
	b.Follow("Mark as paid: Mia Sorensen")
	b.WaitText("Paid")
	if wait := webtest.Eval[string](b, `fetch(location.pathname + "/paypal.csv").then(r => r.text())`); !strings.HasPrefix(wait, "mia@pay.example,2.00,EUR,pyo_") || !strings.Contains(wait, "leo@pay.example,12.00,EUR,pyo_") {
		t.Errorf("the file is %q", wait)
	}
	b.Goto(s.URL + s.at("payouts", "new"))
	b.Follow("Set aside")
	b.WaitText("Nothing is due in that currency")
	b.Goto(s.URL + s.pages["license"])
	b.Follow("Disable: " + must(s.Service.Licenses(t.Context(), s.acc, 0, 1))(t)[0].Key)
	b.WaitText("Enable")
	s.Clock.Add(time.Hour)
	b.Goto(s.URL + s.at("leads"))
	b.WaitText("looking@example.com")
}
