package dashboard

import (
	"net/http"
	"strings"
	"time"

	"github.com/a-h/templ"
	"golang.org/x/text/language"

	"perennial/internal/account"
	"perennial/internal/commerce"
	"perennial/internal/event"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/money"
	"perennial/internal/web"
)

// visit is one request of a signed-in member to a page of an account.
type visit struct {
	*site
	w    http.ResponseWriter
	r    *http.Request
	who  commerce.SignedIn
	role account.Role
	acc  account.Account
	now  time.Time // on the account's clock
	zone *time.Location
}

var errNoPage = fault.New(fault.NotFound, "There is nothing at this address, or it is not yours to see.")

// inside lets a page answer members of the account in the address who have the
// right. Everybody else learns nothing of the account: it looks as if it did not
// exist.
func (d *site) inside(p page) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		who, ok := d.signedIn(w, r)
		if !ok {
			return
		}
		acc, err := id.Parse[id.Account](r.PathValue("account"))
		if err != nil {
			d.missing(w, r)
			return
		}
		for _, m := range who.Accounts {
			if m.Account != acc {
				continue
			}
			v := &visit{site: d, w: w, r: r, who: who, role: m.Role}
			if v.acc, v.now, err = d.report.Account(r.Context(), acc); err != nil {
				d.broken(w, r, err)
				return
			}
			v.zone = v.acc.Location()
			if !v.may(p.right) {
				v.forbidden(p.right)
				return
			}
			p.answer(v)
			return
		}
		d.missing(w, r)
	}
}

func (v *visit) may(r right) bool { return may(v.role, r, v.acc.Mode) }

func (v *visit) actor() event.Actor { return event.Actor{Kind: event.ByMember, Name: v.who.Name} }

func (v *visit) sandbox() bool { return v.acc.Mode == account.Sandbox }

// at is the address of a page of this account: at("customers", id).
func (v *visit) at(parts ...string) string {
	path := "/app/" + v.acc.ID.String()
	for _, p := range parts {
		path += "/" + p
	}
	return path
}

func (v *visit) money(a money.Amount) string { return web.MoneyText(a, language.English) }

func (v *visit) minor(minor int64, c money.Currency) string {
	return v.money(money.Amount{Minor: minor, Currency: c})
}

func (v *visit) date(t time.Time) string     { return web.DateText(t, v.zone) }
func (v *visit) dateTime(t time.Time) string { return web.DateTimeText(t, v.zone) }

func (v *visit) show(c templ.Component) { web.Render(v.w, v.r, http.StatusOK, c) }

// page is the frame of a page of this account.
func (v *visit) page(title string) web.Page {
	p := web.Page{Title: title, AccountName: v.acc.Name, AccountHref: v.at(), Sandbox: v.sandbox(), Nav: v.nav(),
		MemberName: v.who.Name, MemberEmail: v.who.Email, LogoutHref: "/logout", SearchHref: v.at("search"), Preferences: web.PreferencesOf(v.r), Path: v.r.URL.RequestURI(),
		Notice: notices[v.r.URL.Query().Get("done")], New: v.newMenu(), Accounts: accountLinks(v.who.Accounts, v.names())}
	if v.sandbox() {
		p.Clock = v.dateTime(v.now)
		if v.may(subscriptions) {
			p.ClockHref = v.at("developers", "clock")
		}
	}
	if v.r.Method != http.MethodGet {
		p.Path = v.at()
	}
	return p
}

// names are the accounts that the member can open, for the switcher. An account
// that cannot be read is left out: the page itself still stands.
func (v *visit) names() map[id.Account]account.Account {
	found := map[id.Account]account.Account{v.acc.ID: v.acc}
	for _, m := range v.who.Accounts {
		if m.Account != v.acc.ID {
			if a, _, err := v.report.Account(v.r.Context(), m.Account); err == nil {
				found[m.Account] = a
			}
		}
	}
	return found
}

func accountLinks(list []account.Membership, named map[id.Account]account.Account) []web.AccountLink {
	var links []web.AccountLink
	for _, m := range list {
		a, ok := named[m.Account]
		if !ok {
			continue
		}
		links = append(links, web.AccountLink{Name: a.Name, Sandbox: a.Mode == account.Sandbox, Href: "/app/" + a.ID.String()})
	}
	return links
}

func (v *visit) nav() []web.NavGroup {
	here := v.r.URL.Path
	item := func(label, icon, key string, parts ...string) web.NavItem {
		href := v.at(parts...)
		current := here == href || len(parts) > 0 && len(here) > len(href) && here[:len(href)+1] == href+"/"
		return web.NavItem{Label: label, Href: href, Icon: icon, Key: key, Current: current}
	}
	sold := item("Products", "", "p", "products")
	sold.Current = sold.Current || strings.HasPrefix(here, v.at("prices")+"/")
	nav := []web.NavGroup{
		{Items: []web.NavItem{item("Home", "home", "h"), item("Customers", "people", "c", "customers"), item("Subscriptions", "repeat", "s", "subscriptions"), item("Metrics", "chart", "n", "metrics")}},
		{Label: "Money", Icon: "money", Items: []web.NavItem{item("Invoices", "", "i", "invoices"), item("Payments", "", "", "payments"), item("Credit notes", "", "", "credit-notes"), item("Disputes", "", "", "disputes")}},
		{Label: "Recover", Icon: "repeat", Items: []web.NavItem{item("Failed payments", "", "r", "recovery")}},
		{Label: "Catalog", Icon: "box", Items: []web.NavItem{sold, item("Coupons", "", "o", "coupons"), item("Meters", "", "m", "meters"), item("Licences", "", "", "licenses")}},
		{Label: "Affiliates", Icon: "share", Items: []web.NavItem{item("Programmes", "", "", "programs"), item("Affiliates", "", "a", "affiliates"), item("Commissions", "", "", "commissions"), item("Payouts", "", "", "payouts"), item("Leads", "", "l", "leads")}},
	}
	var developers []web.NavItem
	if v.may(keys) {
		developers = append(developers, item("API keys", "", "", "developers", "keys"), item("Webhooks", "", "w", "developers", "webhooks"), item("Other systems", "", "", "developers", "doors"), item("Widgets", "", "", "developers", "widgets"))
	}
	if v.sandbox() && v.may(subscriptions) {
		developers = append(developers, item("Sandbox clock", "", "t", "developers", "clock"))
	}
	if v.sandbox() {
		developers = append(developers, item("Mailbox", "", "", "mails"))
	}
	if len(developers) > 0 {
		nav = append(nav, web.NavGroup{Label: "Developers", Icon: "code", Items: developers})
	}
	mails := []web.NavItem{item("E-mails", "", "", "settings", "mails"), item("Sender and look", "", "", "settings", "sender"), item("Stopped addresses", "", "", "settings", "suppressions")}
	if !v.sandbox() {
		mails = append(mails, item("E-mail log", "", "", "mails"))
	}
	return append(nav, web.NavGroup{Label: "Settings", Icon: "settings", Items: append([]web.NavItem{item("Taxes", "", "", "settings", "tax"), item("Shipping", "", "", "settings", "shipping"),
		item("Exchange rates", "", "", "settings", "exchange-rates"), item("Billing", "", "", "settings", "billing"), item("Payment gateways", "", "", "settings", "gateways"), item("Questions", "", "", "settings", "questions")}, mails...)})
}

func (v *visit) newMenu() []web.Link {
	var links []web.Link
	if v.may(subscriptions) {
		links = append(links, web.Link{Label: "Customer", Href: v.at("customers", "new")})
	}
	if v.may(products) {
		links = append(links, web.Link{Label: "Product", Href: v.at("products", "new")}, web.Link{Label: "Coupon", Href: v.at("coupons", "new")})
	}
	if v.may(keys) {
		links = append(links, web.Link{Label: "API key", Href: v.at("developers", "keys")})
	}
	return links
}

// notices are what a page says about the action that led to it.
var notices = map[string]*web.Message{
	"welcome":           {Kind: web.Success, Title: "Your accounts are ready", Text: "This is the sandbox: everything works as it will live, and no money moves."},
	"customer-created":  {Kind: web.Success, Title: "The customer was created"},
	"mail-resent":       {Kind: web.Success, Title: "The e-mail is on its way again"},
	"mail-reset":        {Kind: web.Success, Title: "The first text is back"},
	"mail-tested":       {Kind: web.Success, Title: "The test was sent to you"},
	"mail-server":       {Kind: web.Success, Title: "The mail server answered, and the change was saved"},
	"saved":             {Kind: web.Success, Title: "The changes were saved"},
	"gateway-added":     {Kind: web.Success, Title: "The gateway account was added", Text: "Give the address below to the gateway, so that it can tell what happens there."},
	"gateway-disabled":  {Kind: web.Success, Title: "Nothing new is sold there", Text: "What is there already is charged on."},
	"gateway-enabled":   {Kind: web.Success, Title: "It takes sales again"},
	"secret-replaced":   {Kind: web.Success, Title: "The signing secrets were saved"},
	"webhook-on":        {Kind: web.Success, Title: "The webhook is on"},
	"webhook-off":       {Kind: web.Success, Title: "The webhook is off", Text: "Nothing new is kept for it."},
	"widget-removed":    {Kind: web.Success, Title: "The widget was removed"},
	"webhook-removed":   {Kind: web.Success, Title: "The webhook was removed"},
	"webhook-tested":    {Kind: web.Success, Title: "A test is on its way"},
	"webhook-again":     {Kind: web.Success, Title: "It is sent again"},
	"compared":          {Kind: web.Success, Title: "The books were compared"},
	"notice-replayed":   {Kind: web.Success, Title: "The notice is worked off again", Text: "The gateway is asked what is true now."},
	"payment-settled":   {Kind: web.Success, Title: "The payment was settled"},
	"refund-settled":    {Kind: web.Success, Title: "The refund was settled"},
	"asked":             {Kind: web.Info, Title: "The gateway was asked", Text: "What it said stands here."},
	"subscribed":        {Kind: web.Success, Title: "The subscription has started"},
	"sold":              {Kind: web.Success, Title: "The sale went through"},
	"method-attached":   {Kind: web.Success, Title: "The payment method was saved"},
	"cancel-scheduled":  {Kind: web.Success, Title: "The subscription will end with its period", Text: "Until then it works as before, and the end can be undone."},
	"canceled":          {Kind: web.Success, Title: "The subscription has ended"},
	"cancel-undone":     {Kind: web.Success, Title: "The subscription goes on"},
	"refunded":          {Kind: web.Success, Title: "The refund went through"},
	"refund-unknown":    {Kind: web.Warning, Title: "The gateway has not answered yet", Text: "We will ask again under the same key. Do not repeat the refund."},
	"payment-unknown":   {Kind: web.Warning, Title: "The bank has not answered yet", Text: "We will ask again under the same key. Do not charge again."},
	"voided":            {Kind: web.Success, Title: "The invoice was voided", Text: "Nothing is owed for it any more."},
	"charged":           {Kind: web.Success, Title: "The invoice was paid"},
	"product-created":   {Kind: web.Success, Title: "The product is on sale", Text: "Send buyers to its checkout link, or try it yourself with a test card."},
	"price-created":     {Kind: web.Success, Title: "The price was added"},
	"price-archived":    {Kind: web.Success, Title: "The price is not sold any more", Text: "Those who have it keep it."},
	"price-reactivated": {Kind: web.Success, Title: "The price is on sale again"},
	"archived":          {Kind: web.Success, Title: "The product is not sold any more", Text: "Running subscriptions go on."},
	"reactivated":       {Kind: web.Success, Title: "The product is on sale again"},
	"key-revoked":       {Kind: web.Success, Title: "The key does not work any more"},

	"changed":                  {Kind: web.Success, Title: "The plan was changed", Text: "What was charged and credited stands below."},
	"change-scheduled":         {Kind: web.Success, Title: "The change is scheduled", Text: "Until it comes, it can be undone."},
	"change-undone":            {Kind: web.Success, Title: "The plan stays as it is"},
	"paused":                   {Kind: web.Success, Title: "The pause is set"},
	"pause-undone":             {Kind: web.Success, Title: "There will be no pause"},
	"unpaused":                 {Kind: web.Success, Title: "The pause has ended", Text: "What happens next stands below."},
	"skipped":                  {Kind: web.Success, Title: "The next period is skipped"},
	"moved":                    {Kind: web.Success, Title: "The next charge was moved"},
	"reactivated-subscription": {Kind: web.Success, Title: "The subscription runs again"},
	"coupon-applied":           {Kind: web.Success, Title: "The coupon was applied"},
	"coupon-removed":           {Kind: web.Success, Title: "The coupon was removed", Text: "Its use stays counted."},
	"item-added":               {Kind: web.Success, Title: "The amount waits for the next invoice"},
	"item-removed":             {Kind: web.Success, Title: "The amount will not be charged"},
	"credited":                 {Kind: web.Success, Title: "The credit note was written"},
	"given-up":                 {Kind: web.Success, Title: "The invoice is uncollectible", Text: "Nobody tries to collect it any more."},
	"credit-given":             {Kind: web.Success, Title: "The customer has more credit"},
	"credit-taken":             {Kind: web.Success, Title: "The customer has less credit"},
	"units-changed":            {Kind: web.Success, Title: "The units were changed"},
	"payouts-made":             {Kind: web.Success, Title: "What is due was set aside", Text: "Download the file, pay, and say so on each payout."},
	"payouts-none":             {Kind: web.Info, Title: "Nothing is due in that currency"},
	"coupon-created":           {Kind: web.Success, Title: "The coupon was created", Text: "Buyers type its code at the checkout."},
	"coupon-archived":          {Kind: web.Success, Title: "The coupon is not taken any more", Text: "Discounts that were sold go on."},
	"coupon-reactivated":       {Kind: web.Success, Title: "The coupon is taken again"},
	"meter-created":            {Kind: web.Success, Title: "The meter was created", Text: "Name it in a price, and let your program report usage."},
	"meter-archived":           {Kind: web.Success, Title: "The meter does not count any more", Text: "What was counted is billed."},
	"meter-reactivated":        {Kind: web.Success, Title: "The meter counts again"},
	"policy-created":           {Kind: web.Success, Title: "The policy was created", Text: "Use it for the account, for a campaign, or for a product in its settings."},
	"policy-used":              {Kind: web.Success, Title: "The policy counts from now on", Text: "Open cases follow it from their next failure on."},
	"tax-created":              {Kind: web.Success, Title: "The tax profile was created", Text: "Add your rules, then use it for new sales."},
	"tax-used":                 {Kind: web.Success, Title: "The tax of new sales was changed", Text: "Subscriptions that run keep the profile that they began with."},
	"rule-added":               {Kind: web.Success, Title: "The rule was added"},
	"rules-added":              {Kind: web.Success, Title: "The rules were saved"},
	"rule-removed":             {Kind: web.Success, Title: "The rule was removed"},
	"rate-set":                 {Kind: web.Success, Title: "The exchange rate was set", Text: "It holds for sales from now on."},

	"tax-id-checked": {Kind: web.Success, Title: "The tax ID was checked", Text: "What is known of it stands below."},
}

// find reads the {id} of the address; a wrong one has been answered when ok is
// false.
func find[I id.Identifier](v *visit) (I, bool) {
	found, err := id.Parse[I](v.r.PathValue("id"))
	if err != nil {
		v.fail(err)
		return found, false
	}
	return found, true
}
