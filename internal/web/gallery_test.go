package web_test

import (
	"context"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/a-h/templ"

	"perennial/internal/web"
)

// within draws an outer component around others.
func within(outer templ.Component, children ...templ.Component) templ.Component {
	return templ.ComponentFunc(func(ctx context.Context, w io.Writer) error {
		return outer.Render(templ.WithChildren(ctx, templ.Join(children...)), w)
	})
}

func html(s string) templ.Component { return templ.Raw(s) }

var (
	moment = time.Date(2026, 12, 5, 14, 3, 0, 0, time.UTC)
	berlin = mustZone("Europe/Berlin")
)

func mustZone(name string) *time.Location {
	zone, err := time.LoadLocation(name)
	if err != nil {
		panic(err)
	}
	return zone
}

func samplePage(r *http.Request, title string) web.Page {
	current := r.URL.Path
	item := func(label, href, icon, key string) web.NavItem {
		return web.NavItem{Label: label, Href: href, Icon: icon, Key: key, Current: href == current}
	}
	return web.Page{
		Title: title, Lang: r.URL.Query().Get("lang"), AccountName: "Green Press", AccountHref: "/home", Sandbox: true, Clock: "5 Dec 2026, 14:03", ClockHref: "/job",
		Nav: []web.NavGroup{
			{Items: []web.NavItem{item("Home", "/home", "home", "h"), item("Customers", "/list", "people", "c"),
				item("Subscriptions", "/detail", "repeat", "s")}},
			{Label: "Money", Icon: "money", Items: []web.NavItem{{Label: "Invoices", Href: "/empty", Key: "i", Current: current == "/empty"},
				{Label: "Orders", Href: "/orders"}, {Label: "Payments", Href: "/payments", Count: 3}, {Label: "Refunds", Href: "/confirm", Current: current == "/confirm"}}},
			{Label: "Catalog", Icon: "box", Items: []web.NavItem{{Label: "Products", Href: "/form", Current: current == "/form"}, {Label: "Coupons", Href: "/coupons"}}},
			{Label: "Recover", Icon: "lifebuoy", Items: []web.NavItem{{Label: "Dunning", Href: "/dunning", Key: "d"}}},
			{Items: []web.NavItem{item("Affiliates", "/affiliates", "share", ""), item("Metrics", "/metrics", "chart", "m"),
				item("Reports", "/reports", "report", ""), item("Integrations", "/integrations", "plug", ""), item("Developers", "/developers", "code", ""),
				item("Settings", "/settings", "settings", "")}},
		},
		MemberName: "Mara Lindqvist", MemberEmail: "mara@green-press.example", ProfileHref: "/me", LogoutHref: "/logout", HelpHref: "/help",
		SearchHref: "/search", New: []web.Link{{Label: "Customer", Href: "/new/customer"}, {Label: "Product", Href: "/new/product"}},
		Jobs: 1, JobsHref: "/job", NeedsYou: 3, NeedsHref: "/home",
		Preferences: web.PreferencesOf(r), Path: r.URL.RequestURI(),
	}
}

// gallery serves pages that hold every component with sample data.
func gallery() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("/assets/", web.Assets())
	mux.Handle("/preferences", web.PreferencesHandler())
	page := func(path string, build func(r *http.Request) templ.Component) {
		mux.HandleFunc("GET "+path, func(w http.ResponseWriter, r *http.Request) {
			web.Render(w, r, http.StatusOK, build(r))
		})
	}
	page("/home", homePage)
	page("/list", listPage)
	page("/empty", emptyPage)
	page("/detail", detailPage)
	page("/form", formPage)
	page("/confirm", confirmPage)
	page("/job", jobPage)
	page("/checkout", checkoutPage)
	page("/thanks", thanksPage)
	page("/signin", signInPage)
	page("/job-fragment", func(*http.Request) templ.Component {
		return web.Progress(web.Job{ID: "1", State: web.JobDone, Done: 4200, Total: 4200, Result: "All rows are in"})
	})
	mux.HandleFunc("POST /form", func(w http.ResponseWriter, r *http.Request) {
		web.Render(w, r, http.StatusUnprocessableEntity, formPage(r))
	})
	return web.Headers(mux)
}

func homePage(r *http.Request) templ.Component {
	p := samplePage(r, "Home")
	p.Notice = &web.Message{Kind: web.Success, Title: "The sample data is in", Text: "40 customers and a year of invoices were made.", Link: &web.Link{Label: "See the customers", Href: "/list"}}
	months := []string{"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"}
	net := &web.Series{Name: "Net", Tone: "net", Values: []int64{310, 420, 180, 510, 90, -140, 330, 610, 420, 300, 520, 180}}
	movements := web.Chart{ID: "movements", Title: "What moved MRR?", Answer: "Up €1,240: 31 new, 9 left; two plans make up most of it.", X: months, SoFar: true, Net: net,
		Series: []web.Series{
			{Name: "New", Tone: "new", Values: []int64{420, 500, 380, 610, 300, 210, 480, 700, 560, 410, 600, 240}},
			{Name: "Reactivated", Tone: "reactivated", Values: []int64{40, 0, 60, 20, 40, 30, 0, 80, 20, 40, 30, 10}},
			{Name: "Expansion", Tone: "expansion", Values: []int64{90, 120, 80, 140, 60, 70, 110, 90, 130, 100, 140, 60}},
			{Name: "Contraction", Tone: "contraction", Values: []int64{-60, -40, -120, -80, -110, -150, -90, -60, -100, -80, -90, -40}},
			{Name: "Churned", Tone: "churned", Values: []int64{-180, -160, -220, -180, -200, -300, -170, -200, -190, -170, -160, -90}},
		}, Axis: func(v int64) string { return strings.Replace("€"+web.CountText(v), "€−", "−€", 1) }}
	level := web.Chart{ID: "level", Title: "How does MRR go?", Answer: "€48,210 now, €46,970 a month ago.", X: months, Axis: func(v int64) string { return "€" + strconv.FormatInt(v/1000, 10) + "k" },
		Series: []web.Series{
			{Name: "MRR", Tone: "1", Values: []int64{38200, 38900, 39400, 40600, 41000, 40800, 42100, 43900, 45000, 45900, 46970, 48210}},
			{Name: "Previous year", Tone: "previous", Values: []int64{30100, 30900, 31200, 31800, 32500, 33900, 34100, 35000, 35800, 36900, 37400, 38000}}}}
	return within(web.Shell(p),
		within(web.Section("Needs you", nil), web.NeedsYou([]web.Need{
			{Text: "payments with unknown result", Count: 2, Age: "oldest 3 hours", Href: "#", Kind: web.Warning},
			{Text: "dispute, answer until 12 Dec", Count: 1, Age: "2 days", Href: "#", Kind: web.Failure},
			{Text: "affiliate applicants", Count: 4, Age: "5 days", Href: "#", Kind: web.Info}})),
		within(web.Section("Now", nil), web.Stats([]web.Stat{
			{Label: "MRR", Value: "€48.2k", Exact: "€48,210.40", Change: "+€1,240 (+2.6 %)", Trend: web.UpGood, Note: "previous 30 days: €47.0k", Href: "#", Spark: []int64{3, 4, 4, 5, 5, 6, 7, 7, 9}, Last: "last €48,210"},
			{Label: "Net revenue", Value: "€51.9k", Change: "+€890 (+1.7 %)", Trend: web.UpGood, Note: "previous 30 days: €51.0k", Href: "#", Spark: []int64{5, 4, 6, 5, 7, 6, 8}},
			{Label: "Active customers", Value: "1,204", Change: "+22", Trend: web.UpGood, Note: "previous 30 days: 1,182", Href: "#"},
			{Label: "Revenue churn", Value: "1.9 %", Change: "+0.2 pts", Trend: web.UpBad, Note: "previous 30 days: 1.7 %", Href: "#"},
			{Label: "Recovered", Value: "€2.3k", Change: "no change", Trend: web.Flat, Note: "61 % of failed money", Href: "#"}})),
		web.ColumnChart(movements),
		within(web.Section("Level", nil), web.LineChart(level)),
		within(web.Section("Where it comes from", nil), web.BarList("MRR by plan", []web.Bar{
			{Label: "Studio monthly", Value: 21400, Text: "€21,400 · 44 %", Href: "#"}, {Label: "Studio yearly", Value: 14800, Text: "€14,800 · 31 %"},
			{Label: "Starter", Value: 8200, Text: "€8,200 · 17 %"}, {Label: "Rest", Value: 3810, Text: "€3,810 · 8 %"}})))
}

func listPage(r *http.Request) templ.Component {
	p := samplePage(r, "Customers")
	p.Header.Primary = web.LinkButton(web.Primary, "New customer", "/new/customer")
	p.Header.More = []web.Action{{Label: "Import", Href: "#"}, {Label: "Remove sample data", Href: "/form", Post: true, Danger: true}}
	names := []string{"Ines Okafor", "Jonas Weber", "Amélie Rousseau-Fontaine", "Studio Kaneda", "Petra Novák", "Diego Fuentes", "Ravi Menon", "Lena Fischer", "Tomás Silva", "Aisha Rahman", "Per Olsen", "Yuki Mori", "Hanna Kowalska", "Owen Price"}
	states := []string{"Active", "Trial", "Past due", "Paused", "Cancelling", "Ended", "Unknown", "Disputed", "Active", "Active", "Lead", "Active", "Active", "Trial"}
	var rows []web.Row
	for i, n := range names {
		mail := strings.ToLower(strings.Fields(n)[0]) + "@example.com"
		rows = append(rows, web.Row{Href: "/detail", Cells: []templ.Component{
			web.Stack(n, mail), web.Status(states[i]), web.Money("€" + web.CountText(int64(29+i*137)) + ".00"), web.Text("Studio monthly"),
			web.Money("€" + web.CountText(int64(980+i*1411)) + ".00"), web.Text([]string{"Germany", "France", "Japan", "Brazil"}[i%4]),
			web.Date(moment.AddDate(0, -i, -i), berlin), web.Relative(moment.Add(-time.Duration(i*7)*time.Hour), moment, berlin), web.Tag([]string{"beta", "wholesale"}[i%2])}})
	}
	rows[10].Cells[2] = nil
	table := web.Table{ID: "customers", Caption: "Customers", Rows: rows,
		Columns: []web.Column{{Label: "Customer", SortHref: "?sort=name", Sorted: web.Ascending}, {Label: "Status", Card: true}, {Label: "MRR", Numeric: true, Card: true, SortHref: "?sort=mrr"},
			{Label: "Plans"}, {Label: "Lifetime paid", Numeric: true, SortHref: "?sort=paid"}, {Label: "Country", Optional: true}, {Label: "Since", NoWrap: true}, {Label: "Last payment", NoWrap: true}, {Label: "Tags", Optional: true}},
		Foot: []web.Row{{Cells: []templ.Component{web.Text("Sum in EUR"), nil, web.Money("€12,861.00"), nil, web.Money("€142,110.00")}}}}
	return within(web.Shell(p),
		web.Tabs("Saved views", []web.Tab{{Label: "All", Href: "/list", Current: true, Count: "8,214"}, {Label: "Needs care", Href: "?view=care", Count: "31"}, {Label: "Trials", Href: "?view=trial"}}),
		web.FilterBar(web.FilterSet{Action: "/list", Clear: "/list", Keep: []web.Option{{Label: "sort", Value: "name"}},
			Fields: []web.Filter{{Name: "q", Label: "Name, e-mail or id", Type: "search", Value: "", Hint: "jonas@…"},
				{Name: "status", Label: "Status", Options: []web.Option{{Value: "", Label: "Any"}, {Value: "active", Label: "Active", Selected: true}}},
				{Name: "country", Label: "Country", Options: []web.Option{{Value: "", Label: "Any"}, {Value: "DE", Label: "Germany"}}}},
			Chips: []web.Chip{{Label: "Status: Active", Href: "/list?"}}, Actions: web.LinkButton(web.Plain, "Export CSV", "#")}),
		web.DataTable(table),
		web.Pager(web.PageOf{Older: "?after=x", Text: web.RangeText(1, 50, 8214, false), Sizes: []web.Link{{Label: "25", Href: "?n=25"}, {Label: "50"}, {Label: "100", Href: "?n=100"}}}))
}

func emptyPage(r *http.Request) templ.Component {
	return within(web.Shell(samplePage(r, "Invoices")),
		within(web.Section("First time", nil), web.DataTable(web.Table{ID: "none", Caption: "Invoices", Empty: web.EmptyState(web.Empty{Title: "Invoices will stand here", Text: "Each renewal and each purchase writes one. You can also write one by hand.", Primary: web.LinkButton(web.Primary, "New invoice", "#"), Sample: &web.Link{Label: "See it with sample data", Href: "#"}})})),
		within(web.Section("After filtering", nil), web.EmptyState(web.Empty{Title: "Nothing matches", Chips: []web.Chip{{Label: "Status: Void", Href: "#"}, {Label: "Currency: SEK", Href: "#"}}, Clear: "/empty"})),
		within(web.Section("Statuses", nil), web.Join(web.Status("Draft"), web.Status("Open"), web.Status("Paid"), web.Status("Refunded"), web.Status("Void"), web.Status("Succeeded"), web.Status("Failed"), web.Status("Pending"), web.Status("Partly paid"), web.Status("Ended"), web.Status("Paused"), web.StatusNote("Cancelling", "ends 31 Dec"))),
		web.Notice(web.Info, "Prices include VAT", "They follow the tax profile of the account."),
		html("<br>"), web.Notice(web.Warning, "The bank has not answered", "We will ask again under the same key; do not repeat."),
		html("<br>"), web.Notice(web.Failure, "The card was declined", "Nothing was charged. Ask for another card."))
}

func detailPage(r *http.Request) templ.Component {
	p := samplePage(r, "Studio monthly")
	p.Crumbs = []web.Link{{Label: "Subscriptions", Href: "/list"}, {Label: "Ines Okafor", Href: "/list"}}
	p.Header = web.Header{Status: "Active", ID: "sub_01JE8Z4T6V9K2M5N7P8Q", Facts: []web.Fact{
		{Term: "Next charge", Text: "€29.00", Note: "1 Jan 2027"}, {Term: "MRR", Text: "€29.00"}, {Term: "Lifetime paid", Text: "€348.00"}, {Term: "Since", Value: web.Date(moment, berlin)}},
		Primary: web.LinkButton(web.Primary, "Change plan", "/confirm"), More: []web.Action{{Label: "Pause", Href: "#"}, {Label: "Cancel", Href: "#", Danger: true}}}
	facts := templ.Join(
		within(web.Box("Subscription", web.TextLink("#", "Edit")), web.FactList([]web.Fact{{Term: "Plan", Text: "Studio monthly"}, {Term: "Quantity", Text: "1"}, {Term: "Period", Text: "12 of 24"}, {Term: "Coupon"}, {Term: "Customer", Value: web.TextLink("#", "Ines Okafor")}})),
		within(web.Box("Payment method", nil), web.FactList([]web.Fact{{Term: "Card", Text: "•••• 4242", Note: "expires 4/2029"}, {Term: "Status", Value: web.Status("Active")}})),
		within(web.Box("Foreign ids", nil), web.FactList([]web.Fact{{Term: "Shop", Value: web.IDCopy("cus_Nf81kQ")}})))
	story := web.Timeline(web.History{Label: "Story", Older: "?older", Days: []web.Day{
		{Label: "Today", Entries: []web.Entry{
			{Icon: "check", Tone: web.Success, At: moment, Clock: "14:03", Actor: "Renewal", Text: "Payment of invoice GP-1042 succeeded", Href: "#", Amount: "€29.00", Detail: web.FactList([]web.Fact{{Term: "Gateway", Text: "Sandbox"}, {Term: "Attempt", Text: "1 of 4"}})},
			{Icon: "mail", At: moment, Clock: "14:03", Actor: "Mail", Text: "Receipt sent to ines@example.com"}}},
		{Label: "5 Nov 2026", Entries: []web.Entry{
			{Icon: "x", Tone: web.Failure, At: moment.AddDate(0, -1, 0), Clock: "09:12", Actor: "Renewal", Text: "Payment was declined: insufficient funds", Amount: "€29.00"},
			{Icon: "note", At: moment.AddDate(0, -1, 0), Clock: "10:40", Actor: "Mara Lindqvist", Text: "Customer called, pays on Friday. A second payment method was promised for the next renewal as well."}}}}})
	next := html(`<ol class="prose-list"><li>1 Jan: charges €29.00 including €4.63 VAT</li></ol>`)
	return within(web.Shell(p), within(web.Detail(facts), within(web.Section("What happens next", nil), next), within(web.Section("Story", nil), story),
		within(web.Section("Event", nil), web.CodeBlock("subscription.renewed", "{\n  \"id\": \"evt_01JE\",\n  \"amount\": 2900,\n  \"currency\": \"EUR\"\n}"))))
}

func formPage(r *http.Request) templ.Component {
	p := samplePage(r, "New product")
	p.Narrow = true
	p.Crumbs = []web.Link{{Label: "Products", Href: "/list"}}
	problems := []web.Problem{{Field: "name", Message: "Give the product a name"}, {Field: "price", Message: "The price must be an amount such as 29.00"}}
	form := within(web.Form("/form", "op_1", problems, templ.Join(web.PressButton(web.Press{Variant: web.Primary, Label: "Create product", Busy: "Creating…"}), web.LinkButton(web.Plain, "Back", "/list"), web.PressButton(web.Press{Variant: web.Plain, Label: "Duplicate", Disabled: true, Reason: "Save it first"}), web.PressButton(web.Press{Variant: web.Quiet, Label: "Keys", Opens: "shortcuts"}))),
		web.TextInput(web.Input{Name: "name", Label: "Name", Help: "Customers see it on the checkout and on invoices.", Problem: web.ProblemOf(problems, "name"), Autocomplete: "off"}),
		web.MoneyInput(web.Input{Name: "price", Label: "Price", Value: "29,0O", Problem: web.ProblemOf(problems, "price")}, "EUR", "= €29.00"),
		web.Select(web.Input{Name: "interval", Label: "Billed", Width: "medium"}, []web.Option{{Value: "month", Label: "Every month"}, {Value: "year", Label: "Every year"}}),
		web.TextInput(web.Input{Name: "trial", Label: "Trial", Type: "number", Value: "14", Suffix: "days", Width: "short", Optional: true}),
		web.TextInput(web.Input{Name: "code", Label: "Code", Value: "studio", Disabled: true, Reason: "A published code stays as it is."}),
		web.RadioCards(web.Input{Name: "kind", Label: "Kind", Help: "It can be changed until the first sale."}, []web.Choice{{Value: "recurring", Label: "Subscription", Text: "Charged again and again until it ends.", Selected: true, End: "€29.00"}, {Value: "once", Label: "One time", Text: "Charged once."}, {Value: "meter", Label: "Usage", Disabled: true, Reason: "Needs a meter first."}}),
		web.TextArea(web.Input{Name: "text", Label: "Description", Optional: true, Placeholder: "What the customer gets"}),
		web.Checkbox(web.Input{Name: "terms", Label: "Ask for consent to start at once"}, true),
		web.Switch(web.Input{Name: "portal", Label: "Customers can pause it in the portal", Help: "Off: only your team can."}, true),
		within(web.Disclosure("More settings", false), web.TextInput(web.Input{Name: "sku", Label: "Article number", Optional: true})))
	return within(web.Shell(p), form)
}

func confirmPage(r *http.Request) templ.Component {
	p := samplePage(r, "Refund a payment")
	p.Narrow = true
	return within(web.Shell(p), within(web.Confirm(web.Confirmation{Action: "/form", OperationKey: "op_2", Verb: "Refund €15.49", Busy: "Refunding…", Danger: true,
		Changes: []web.Fact{{Term: "Invoice", Text: "GP-1042"}, {Term: "Paid", Text: "€29.00"}, {Term: "Remains", Text: "€13.51"}},
		Sums:    []web.Sum{{Label: "Credit Studio", Formula: "30.00 × 16/31 days", Exact: "15.4838…", Rounded: "€15.48"}, {Label: "Rounding", Formula: "to the cent, half away from zero", Exact: "0.01", Rounded: "€0.01"}, {Label: "Refund", Rounded: "€15.49", Total: true}},
		When:    "At once; the bank needs 3 to 5 days", Sends: "Credit note to ines@example.com, 2 webhooks", Undo: "Cannot be undone", CancelHref: "/detail"}),
		web.Select(web.Input{Name: "reason", Label: "Reason"}, []web.Option{{Value: "wish", Label: "Customer asked for it"}})))
}

func jobPage(r *http.Request) templ.Component {
	p := samplePage(r, "Import customers")
	p.Refresh = 5
	job := web.Job{ID: "1", Phase: "Writing rows", Done: 1240, Total: 4200, Rate: "310 a second", Remaining: "About 10 seconds", Failed: 3, FailedHref: "#", StopHref: "/form", State: web.JobRunning}
	if r.URL.Query().Has("poll") {
		job.PollHref = "/job-fragment"
	}
	return within(web.Shell(p), web.Progress(job), html("<br>"),
		web.Progress(web.Job{ID: "2", State: web.JobDone, Done: 10, Total: 10, Result: "All 10 rows are in", ResultLink: &web.Link{Label: "See the customers", Href: "/list"}}))
}

func checkoutPage(r *http.Request) templ.Component {
	p := web.PublicPage{Title: "Studio monthly", Brand: "Green Press", BrandHref: "/", Test: true, Wide: true, Lead: "Layout tools for small publishers.", Preferences: web.PreferencesOf(r), Footer: []web.Link{{Label: "Terms", Href: "#"}, {Label: "Privacy", Href: "#"}, {Label: "Cancel a contract", Href: "#"}}}
	summary := templ.Join(
		web.RadioCards(web.Input{Name: "plan", Label: "Plan"}, []web.Choice{{Value: "m", Label: "Monthly", End: "€29.00", Selected: true}, {Value: "y", Label: "Yearly", Text: "two months free", End: "€290.00"}}),
		html(`<dl class="checkout-lines"><div><dt>Studio monthly</dt><dd class="money">€29.00</dd></div><div><dt>including 19 % VAT, Germany</dt><dd class="money">€4.63</dd></div><div class="checkout-total"><dt>Due today</dt><dd class="money">€0.00</dd></div></dl><p class="checkout-later">On 19 Dec 2026 we charge €29.00 (including €4.63 VAT), then €29.00 every month until you cancel. Cancel online before 19 Dec and you pay nothing.</p>`))
	form := within(web.Form("/form", "op_3", nil, web.PressButton(web.Press{Variant: web.Primary, Label: "Start free trial", Wide: true, Large: true, Busy: "Starting…"})),
		web.TextInput(web.Input{Name: "email", Label: "E-mail", Type: "email", Autocomplete: "email"}),
		web.TextInput(web.Input{Name: "name", Label: "Name", Autocomplete: "name"}),
		web.Select(web.Input{Name: "country", Label: "Country", Autocomplete: "country"}, []web.Option{{Value: "DE", Label: "Germany"}}),
		web.TextInput(web.Input{Name: "zip", Label: "Postal code", Autocomplete: "postal-code", Width: "medium"}),
		web.Checkbox(web.Input{Name: "company", Label: "I buy for a company"}, false))
	return within(web.Public(p), html(`<div class="checkout"><div class="checkout-summary">`), summary, html(`</div><div>`), form, html(`</div></div>`))
}

func thanksPage(r *http.Request) templ.Component {
	return within(web.Public(web.PublicPage{Title: "Thank you", Brand: "Green Press", Lead: "Order 1042 is complete.", Test: true, Preferences: web.PreferencesOf(r), Notice: &web.Message{Kind: web.Success, Title: "Paid €29.00"}}),
		web.FactList([]web.Fact{{Term: "Order", Text: "1042"}, {Term: "Next charge", Text: "€29.00 on 5 Jan 2027"}, {Term: "Receipt", Text: "ines@example.com"}}),
		html("<br>"), within(web.Buttons(), web.LinkButton(web.Primary, "Open your subscription", "#"), web.LinkButton(web.Plain, "Download invoice", "#")))
}

func signInPage(r *http.Request) templ.Component {
	return within(web.Auth(web.PublicPage{Title: "Log in", Preferences: web.PreferencesOf(r), Footer: []web.Link{{Label: "Help", Href: "#"}}}),
		within(web.Form("/form", "", nil, web.PressButton(web.Press{Variant: web.Primary, Label: "Log in", Wide: true})),
			web.TextInput(web.Input{Name: "email", Label: "E-mail", Type: "email", Autocomplete: "username"}),
			web.TextInput(web.Input{Name: "password", Label: "Password", Type: "password", Autocomplete: "current-password"})))
}
