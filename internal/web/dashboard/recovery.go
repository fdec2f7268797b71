package dashboard

import (
	"cmp"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/a-h/templ"

	"perennial/internal/commerce"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/link"
	"perennial/internal/money"
	"perennial/internal/payment"
	"perennial/internal/recovery"
	"perennial/internal/report"
	"perennial/internal/web"
)

// recoveryPages are the routes of the recovery of failed payments.
func recoveryPages() map[string]page {
	const a = "/app/{account}/recovery"
	return map[string]page{
		"GET " + a:                             {see, (*visit).recoveryBoard},
		"GET " + a + "/cases/{id}":             {see, (*visit).recoveryCase},
		"POST " + a + "/cases/{id}/link":       {subscriptions, (*visit).recoveryLink},
		"POST " + a + "/cases/{id}/charge":     {subscriptions, (*visit).recoveryCharge},
		"GET " + a + "/results":                {see, (*visit).recoveryResults},
		"GET " + a + "/policies":               {see, (*visit).recoveryPolicies},
		"GET " + a + "/policies/new":           {products, (*visit).newPolicy},
		"POST " + a + "/policies/new":          {products, (*visit).createPolicy},
		"GET " + a + "/policies/{id}":          {see, (*visit).recoveryPolicy},
		"GET " + a + "/policies/{id}/edit":     {products, (*visit).editPolicy},
		"POST " + a + "/policies/{id}/edit":    {products, (*visit).updatePolicy},
		"POST " + a + "/policies/{id}/use":     {products, (*visit).usePolicy},
		"POST " + a + "/policies/{id}/archive": {products, (*visit).archivePolicy},
	}
}

func (v *visit) recoveryTabs(current string) []web.Tab {
	list := []web.Tab{{Label: "Board", Href: v.at("recovery")}, {Label: "Results", Href: v.at("recovery", "results")}, {Label: "Policies", Href: v.at("recovery", "policies")}}
	for i := range list {
		list[i].Current = list[i].Label == current
	}
	return list
}

// caseStates are the choices of the filter.
var caseStates = []web.Option{{Label: "Any"}, {Value: "open", Label: "Trying"}, {Value: "unpaid", Label: "Unpaid"}, {Value: "recovered", Label: "Recovered"}, {Value: "lost", Label: "Lost"},
	{Value: "waived", Label: "Waived"}, {Value: "canceled", Label: "Canceled meanwhile"}}

// caseWord is the state of a case, in a word of web.Status.
func caseWord(c recovery.Case) string {
	switch c.State {
	case recovery.Open:
		if c.NextStep == recovery.WillWait {
			return "Needs action"
		}
		return "Running"
	case recovery.Unpaid:
		return "Past due"
	case recovery.Recovered:
		return "Recovered"
	case recovery.Lost:
		return "Failed"
	}
	return "Ended"
}

// caseNote says more than the word of the state.
func caseNote(c recovery.Case) string {
	switch {
	case c.State == recovery.Open && c.Class == recovery.Authenticate:
		return "the customer must confirm"
	case c.State == recovery.Open && c.NextStep == recovery.WillWait:
		return "the customer must act"
	case c.State == recovery.Open:
		return "trying"
	case c.State == recovery.Unpaid:
		return "waits for a payment"
	case c.State == recovery.Recovered:
		return meansWords[string(c.RecoveredBy)]
	case c.State == recovery.Lost:
		return "the subscription ended"
	case c.State == recovery.Waived:
		return "taken back or given up"
	}
	return "canceled meanwhile"
}

var meansWords = map[string]string{"attempt": "by a further try", "new_method": "by another payment method", "link": "through a link", "hand": "by hand", "": "nobody"}

// stepWords says what happens next.
func stepWords(c recovery.Case) string {
	switch c.NextStep {
	case recovery.WillCharge:
		return "The card is charged again"
	case recovery.WillWait:
		return "The step passes, no charge"
	case recovery.WillEnd:
		return "The subscription ends as scheduled"
	case recovery.AskedBank:
		return "The bank is asked"
	case recovery.NewTry:
		return "The new method is charged"
	}
	return "Nothing by itself"
}

func (v *visit) recoveryBoard() {
	state := recovery.State(v.r.URL.Query().Get("status"))
	if !state.Known() {
		state = ""
	}
	at := pagingOf(v.r.URL)
	list, err := v.report.Cases(v.r.Context(), v.acc.ID, recovery.Filter{State: state, Before: beforeKey[id.RecoveryCase](&at), Limit: pageSize + 1})
	if err != nil {
		v.fail(err)
		return
	}
	stats, err := v.recoveryStats()
	if err != nil {
		v.fail(err)
		return
	}
	list, last := cut(list, func(c report.Case) string { return c.ID.String() })
	t := web.Table{ID: "cases", Caption: "Failed payments, table", Columns: []web.Column{{Label: "Customer"}, {Label: "Amount", Numeric: true, Card: true}, {Label: "Status", Card: true},
		{Label: "Attempt", Card: true, NoWrap: true}, {Label: "Next", Card: true}, {Label: "Reason", Optional: true}}}
	for _, c := range list {
		next := web.Text(stepWords(c.Case))
		if !c.NextAt.IsZero() {
			next = web.Join(web.DateTime(c.NextAt, v.zone), web.Muted(stepWords(c.Case)))
		}
		if !c.Running() {
			next = web.Date(c.ClosedAt, v.zone)
		}
		t.Rows = append(t.Rows, web.Row{Href: v.at("recovery", "cases", c.ID.String()), Cells: []templ.Component{web.Stack(c.Buyer.Label(), c.Product), web.Money(v.money(c.Amount)),
			web.StatusNote(caseWord(c.Case), caseNote(c.Case)), web.Text(fmt.Sprintf("%d of %d", c.Step, c.Steps)), next, web.Text(payment.Words(c.Code))}})
	}
	filter := web.FilterSet{Action: v.at("recovery"), Fields: []web.Filter{{Name: "status", Label: "Status", Options: web.Choices(string(state), caseStates...)}}}
	empty := web.Empty{Title: "No failed payments", Text: "A renewal that a bank declines will stand here, with what happens next and why then."}
	if state != "" {
		filter.Chips = []web.Chip{{Label: "Status: " + optionLabel(caseStates, string(state)), Href: v.at("recovery")}}
		filter.Clear = v.at("recovery")
		empty = web.Empty{Title: "Nothing matches", Chips: filter.Chips, Clear: filter.Clear}
	}
	t.Empty = web.EmptyState(empty)
	p := v.page("Recovery")
	p.Header.Lead = "Payments that failed, and what is done about them."
	v.show(listPage(p, recoveryHead(v.recoveryTabs("Board"), stats), filter, t, at.pager(v.r.URL, len(list), last, -1)))
}

// recoveryStats are the figures above the board.
func (v *visit) recoveryStats() ([]web.Stat, error) {
	ctx := v.r.Context()
	stake, err := v.report.AtStake(ctx, v.acc.ID)
	if err != nil {
		return nil, err
	}
	month := time.Date(v.now.In(v.zone).Year(), v.now.In(v.zone).Month(), 1, 0, 0, 0, 0, v.zone)
	closed, err := v.report.Results(ctx, v.acc.ID, recovery.PerMonth, month.AddDate(0, -2, 0).UTC(), v.now.Add(time.Second))
	if err != nil {
		return nil, err
	}
	now, err := v.report.Results(ctx, v.acc.ID, recovery.PerMeans, month.UTC(), v.now.Add(time.Second))
	if err != nil {
		return nil, err
	}
	recovered := sumOf(now, recovery.Recovered)
	won, lost := casesOf(closed, recovery.Recovered), casesOf(closed, recovery.Lost)
	rate := "–"
	if won+lost > 0 {
		rate = fmt.Sprintf("%d %%", (won*100+(won+lost)/2)/(won+lost))
	}
	return []web.Stat{
		{Label: "At stake", Value: v.moneyList(sumOf(stake, recovery.Open, recovery.Unpaid)), Note: "unpaid renewals that can still be won back"},
		{Label: "Recovered this month", Value: v.moneyList(recovered), Note: "paid after a failure"},
		{Label: "Recovery rate", Value: rate, Note: "of those recovered or lost since " + v.date(month.AddDate(0, -2, 0))},
	}, nil
}

// sumOf sums results in some states by currency.
func sumOf(list []recovery.Sum, states ...recovery.State) map[money.Currency]int64 {
	sums := map[money.Currency]int64{}
	for _, s := range list {
		if slices.Contains(states, s.State) {
			sums[s.Currency] += s.Minor
		}
	}
	return sums
}

func casesOf(list []recovery.Sum, state recovery.State) int64 {
	var n int64
	for _, s := range list {
		if s.State == state {
			n += s.Cases
		}
	}
	return n
}

// moneyList spells sums of several currencies.
func (v *visit) moneyList(sums map[money.Currency]int64) string {
	var list []string
	for _, c := range slices.Sorted(maps.Keys(sums)) {
		list = append(list, v.minor(sums[c], c))
	}
	if len(list) == 0 {
		return v.minor(0, v.acc.Currency)
	}
	return strings.Join(list, " + ")
}

// caseShown is what the page of a case shows.
type caseShown struct {
	report.CaseView
	Link    string // the address of a link that was just made; shown once
	Expires time.Time
}

func (v *visit) loadCase() (caseShown, bool) {
	which, ok := find[id.RecoveryCase](v)
	if !ok {
		return caseShown{}, false
	}
	c, err := v.report.Case(v.r.Context(), v.acc.ID, which)
	if err != nil {
		v.fail(err)
	}
	return caseShown{CaseView: c}, err == nil
}

func (v *visit) recoveryCase() {
	if c, ok := v.loadCase(); ok {
		v.showCase(c)
	}
}

func (v *visit) showCase(c caseShown) {
	p := v.page(c.Buyer.Label() + ", " + v.money(c.Amount))
	p.Crumbs = []web.Link{{Label: "Recovery", Href: v.at("recovery")}}
	p.Header.Status, p.Header.ID, p.Header.Lead = caseWord(c.Case.Case), c.ID.String(), v.caseSentence(c.Case.Case)
	t := web.Table{ID: "tries", Caption: "Charges that were tried, table", Columns: []web.Column{{Label: "When", NoWrap: true}, {Label: "Amount", Numeric: true, Card: true}, {Label: "Status", Card: true}, {Label: "Reason", Card: true}},
		Empty: web.EmptyState(web.Empty{Title: "Nothing was charged", Text: "There was no payment method to charge."})}
	for i := len(c.Payments) - 1; i >= 0; i-- {
		pay := c.Payments[i]
		words := ""
		if pay.DeclineCode != "" {
			words = payment.Words(pay.DeclineCode)
		}
		t.Rows = append(t.Rows, web.Row{Href: v.at("payments", pay.ID.String()), Cells: []templ.Component{web.DateTime(pay.CreatedAt, v.zone), web.Money(v.money(pay.Amount)), web.Status(paymentWord(pay)), optional(words)}})
	}
	v.show(casePage(v, p, c, t))
}

// caseSentence says what happens next, and why then.
func (v *visit) caseSentence(c recovery.Case) string {
	switch {
	case !c.Running():
		return "Closed on " + v.date(c.ClosedAt) + ": " + caseNote(c) + "."
	case c.NextAt.IsZero():
		return stepWords(c) + ". " + c.Why
	}
	return v.dateTime(c.NextAt) + ": " + strings.ToLower(stepWords(c)[:1]) + stepWords(c)[1:] + ". " + c.Why
}

func (v *visit) caseFacts(c caseShown) []web.Fact {
	access := "Until the last try failed"
	if c.Access == recovery.StopAtFirst {
		access = "Stopped at the first failure"
	}
	policy := web.TextLink(v.at("recovery", "policies", "standard"), "Standard")
	if c.Policy != 0 {
		policy = web.TextLink(v.at("recovery", "policies", c.Policy.String()), "Policy")
	}
	return []web.Fact{
		{Term: "Customer", Value: web.TextLink(v.at("customers", c.Customer.String()), c.Buyer.Label())},
		{Term: "Subscription", Value: web.TextLink(v.at("subscriptions", c.Case.Case.Subscription.String()), c.Product)},
		{Term: "Invoice", Value: web.TextLink(v.at("invoices", c.Invoice.String()), c.Number)},
		{Term: "Attempt", Text: fmt.Sprintf("%d of %d", c.Step, c.Steps)},
		{Term: "Reason", Text: payment.Words(c.Code)},
		{Term: "Access", Text: access},
		{Term: "Policy", Value: policy},
		{Term: "Since", Value: web.DateTime(c.OpenedAt, v.zone)},
	}
}

// recoveryLink makes a link and shows it, once: it is kept nowhere.
func (v *visit) recoveryLink() {
	c, ok := v.loadCase()
	if !ok || !v.form() {
		return
	}
	made, err := v.commerce.CreateLink(v.r.Context(), commerce.CreateLink{Call: commerce.Call{Account: v.acc.ID, Actor: v.actor()}, Customer: c.Customer, Purpose: link.UpdateMethod, Invoice: c.Invoice})
	if err != nil {
		v.fail(err)
		return
	}
	scheme := "http://"
	if v.secure(v.r) {
		scheme = "https://"
	}
	c.Link, c.Expires = scheme+v.r.Host+made.Path, made.Link.ExpiresAt
	v.w.Header().Set("Cache-Control", "no-store")
	v.showCase(c)
}

// recoveryCharge charges the invoice now. What was recovered meanwhile is no error: the
// page shows the new state.
func (v *visit) recoveryCharge() {
	c, ok := v.loadCase()
	if !ok || !v.form() {
		return
	}
	here := v.at("recovery", "cases", c.ID.String())
	o := v.once(func(any) string { return here + "?done=charged" }, func(call commerce.Call) (any, error) {
		return v.commerce.Collect(v.r.Context(), commerce.Collect{Call: call, Invoice: c.Invoice})
	})
	switch {
	case o.err == nil:
		v.done(o.location)
	case fault.As(o.err).Code == "invoice_not_open", fault.As(o.err).Code == "payment_under_way":
		v.done(here)
	case fault.Is(o.err, fault.Pending):
		v.done(here + "?done=payment-unknown")
	case fault.Is(o.err, fault.Declined), fault.Is(o.err, fault.Conflict), fault.Is(o.err, fault.Invalid):
		fresh, ok := v.loadCase()
		if !ok {
			return
		}
		p := v.page(c.Buyer.Label() + ", " + v.money(c.Amount))
		p.Crumbs = []web.Link{{Label: "Recovery", Href: v.at("recovery")}, {Label: c.Number, Href: here}}
		web.Render(v.w, v.r, http.StatusConflict, refusedCharge(p, fault.As(o.err).Message, here, fresh))
	default:
		v.fail(o.err)
	}
}

// dimensionsShown are what results are shown by, in the order of the page.
var dimensionsShown = []struct {
	by    recovery.Dimension
	title string
	label string
}{
	{recovery.PerAttempt, "After which failure was it paid?", "Failure"},
	{recovery.PerReason, "Why did it fail first?", "Reason"},
	{recovery.PerMeans, "What brought the money?", "By"},
	{recovery.PerCampaign, "In which campaign?", "Campaign"},
	{recovery.PerMonth, "In which month?", "Month"},
}

// resultRow is one row of results: what was recovered and what was lost.
type resultRow struct {
	key             string
	recovered, lost map[money.Currency]int64
	won, gone       int64
	customers       int64
}

func (v *visit) recoveryResults() {
	days := 90
	switch v.r.URL.Query().Get("days") {
	case "30":
		days = 30
	case "365":
		days = 365
	}
	from, to := v.now.AddDate(0, 0, -days), v.now.Add(time.Second)
	campaigns, err := v.report.Campaigns(v.r.Context(), v.acc.ID, 0, maxChoices)
	if err != nil {
		v.fail(err)
		return
	}
	names := map[string]string{}
	for _, c := range campaigns {
		names[c.ID.String()] = c.Name
	}
	var tables []web.Table
	for _, d := range dimensionsShown {
		list, err := v.report.Results(v.r.Context(), v.acc.ID, d.by, from, to)
		if err != nil {
			v.fail(err)
			return
		}
		tables = append(tables, v.resultTable(string(d.by), d.title, d.label, list, names))
	}
	options := web.Choices(fmt.Sprint(days), web.Option{Value: "30", Label: "30 days"}, web.Option{Value: "90", Label: "90 days"}, web.Option{Value: "365", Label: "A year"})
	p := v.page("Results of recovery")
	p.Crumbs = []web.Link{{Label: "Recovery", Href: v.at("recovery")}}
	p.Header.Lead = "Unpaid renewals that were closed since " + v.date(from) + ": paid after all, or lost with the subscription."
	v.show(resultsPage(p, v.recoveryTabs("Results"), web.FilterSet{Action: v.at("recovery", "results"), Fields: []web.Filter{{Name: "days", Label: "The last", Options: options}}}, tables))
}

// resultTable shows results by one dimension, the most money first.
func (v *visit) resultTable(name, title, label string, list []recovery.Sum, campaigns map[string]string) web.Table {
	t := web.Table{ID: "by-" + name, Caption: title, Columns: []web.Column{{Label: label}, {Label: "Recovered", Numeric: true, Card: true}, {Label: "Customers", Numeric: true, Card: true}, {Label: "Lost", Numeric: true, Card: true}, {Label: "Rate", Numeric: true, Card: true}},
		Empty: web.EmptyState(web.Empty{Title: "Nothing was closed in this time"})}
	var rows []*resultRow
	byKey := map[string]*resultRow{}
	for _, s := range list {
		if s.State != recovery.Recovered && s.State != recovery.Lost {
			continue
		}
		r := byKey[s.Key]
		if r == nil {
			r = &resultRow{key: s.Key, recovered: map[money.Currency]int64{}, lost: map[money.Currency]int64{}}
			byKey[s.Key] = r
			rows = append(rows, r)
		}
		if s.State == recovery.Recovered {
			r.recovered[s.Currency] += s.Minor
			r.won += s.Cases
			r.customers += s.Customers
		} else {
			r.lost[s.Currency] += s.Minor
			r.gone += s.Cases
		}
	}
	if name != string(recovery.PerMonth) && name != string(recovery.PerAttempt) {
		slices.SortStableFunc(rows, func(a, b *resultRow) int { return cmp.Compare(b.won, a.won) })
	}
	for _, r := range rows {
		rate := fmt.Sprintf("%d %%", (r.won*100+(r.won+r.gone)/2)/(r.won+r.gone))
		t.Rows = append(t.Rows, web.Row{Cells: []templ.Component{web.Text(resultKey(name, r.key, campaigns)), web.Money(v.moneyList(r.recovered)), web.Text(web.CountText(r.customers)),
			web.Money(v.moneyList(r.lost)), web.Text(rate)}})
	}
	return t
}

// resultKey spells what a row of results has in common.
func resultKey(dimension, key string, campaigns map[string]string) string {
	switch recovery.Dimension(dimension) {
	case recovery.PerReason:
		return payment.Words(key)
	case recovery.PerCampaign:
		return cmp.Or(campaigns[key], key)
	case recovery.PerMeans:
		text := meansWords[key]
		return strings.ToUpper(text[:1]) + text[1:]
	case recovery.PerAttempt:
		return "Failure " + key
	case recovery.PerMonth:
		if at, err := time.Parse("2006-01", key); err == nil {
			return at.Format("January 2006")
		}
	}
	return key
}
