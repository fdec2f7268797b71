package dashboard

import (
	"net/http"
	"net/url"
	"strings"
	"time"

	"perennial/internal/catalog"
	"perennial/internal/commerce"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/money"
	"perennial/internal/subscription"
	"perennial/internal/web"
)

// changeFields are the names of the form of a change, which the preview hands on to the
// form that confirms it.
var changeFields = []string{"price", "quantity", "unit_amount", "when", "at", "proration", "reset", "carry_trial", "charge", "credit"}

// changeView is the page of a change of plan.
type changeView struct {
	detail
	filled
	Prices   []web.Option
	Policies []web.Option
	Preview  *web.Confirmation // nil until it was asked for
	Method   bool              // something is due, and there is nothing to charge it with
}

// changeWish is what a form of a change asks for.
type changeWish struct {
	to   commerce.NewTerms
	when subscription.When
	at   time.Time // of subscription.AtDate
}

// wish reads the form.
func (v *visit) wish(s detail, f filled) (changeWish, error) {
	var bad fault.Fields
	var err error
	c, sub := s.Subscription.UnitAmount.Currency, s.Subscription
	w := changeWish{when: subscription.When(f.Get("when"))}
	if p := f.text("price"); p != "" {
		w.to.Price, err = id.Parse[id.Price](p)
		bad.Check(err == nil, "price", "must be one of the list")
	}
	if f.text("quantity") != "" {
		w.to.Quantity = f.whole("quantity", &bad)
		bad.Check(w.to.Quantity > 0 || bad.Err() != nil, "quantity", "must be at least 1")
	}
	w.to.UnitAmount, w.to.Charge, w.to.Credit = f.amount("unit_amount", c, &bad), f.amount("charge", c, &bad), f.amount("credit", c, &bad)
	w.to.Reset, w.to.CarryTrial = f.on("reset"), f.on("carry_trial") && sub.InTrial()
	if name := f.text("proration"); name != "" {
		p, known := subscription.Preset(name)
		bad.Check(known, "proration", "must be one of the list")
		w.to.Proration = &p
	}
	switch w.when {
	case subscription.Now, subscription.AtPeriodEnd:
	case subscription.AtDate:
		w.at = f.day(v, "at", &bad)
		bad.Check(!w.at.IsZero(), "at", "must be given")
		bad.Check(w.at.IsZero() || w.at.After(v.now), "at", "must be a day that is still to come")
	default:
		bad.Bad("when", "must be now, at the end of the period, or a day")
	}
	return w, bad.Err()
}

// instant is when a change is computed for: zero for now, and the end of the period for a
// day beyond it.
func (w changeWish) instant(sub subscription.Subscription) time.Time {
	switch {
	case w.when == subscription.Now:
		return time.Time{}
	case w.when == subscription.AtDate && w.at.Before(sub.Span.To):
		return w.at
	}
	return sub.Span.To
}

func (v *visit) changeForm() {
	s, ok := v.loadSubscription()
	if !ok {
		return
	}
	f := filled{Values: url.Values{"when": {"now"}, "quantity": {itoa(s.Subscription.Quantity)}}}
	q := v.r.URL.Query()
	for _, name := range changeFields {
		if q.Has(name) {
			f.Set(name, q.Get(name))
		}
	}
	v.showChange(s, f, q.Has("preview"), http.StatusOK, nil)
}

// showChange draws the form, and what it comes to when that was asked for.
func (v *visit) showChange(s detail, f filled, preview bool, status int, notice *web.Message) {
	offers, err := v.report.Offers(v.r.Context(), v.acc.ID, 0, 50)
	if err != nil {
		v.fail(err)
		return
	}
	view := changeView{detail: s, filled: f, Policies: v.policyOptions(f.text("proration"))}
	view.Prices = []web.Option{{Label: "Keep " + planName(s.SubscriptionView)}}
	for _, o := range offers {
		for _, p := range o.Prices {
			if o.Product.State == catalog.Active && changesTo(s.Subscription, p) {
				view.Prices = append(view.Prices, web.Option{Value: p.ID.String(), Label: o.Product.Name + ": " + v.catalogPrice(p)})
			}
		}
	}
	view.Prices = web.Choices(f.text("price"), view.Prices...)
	if preview && len(view.problems) == 0 {
		status = v.previewChange(&view, status)
		if status == 0 {
			return // answered
		}
	}
	p := v.page("Change plan")
	p.Crumbs, p.Notice = v.subscriptionPlace(s).crumbs, notice
	p.Header.Lead = "Now: " + v.inOneSentence(s)
	web.Render(v.w, v.r, status, changePage(v, p, view))
}

// previewChange computes what the form comes to. The status is 0 when it was answered.
func (v *visit) previewChange(view *changeView, status int) int {
	w, err := v.wish(view.detail, view.filled)
	var plan commerce.ChangePlan
	if err == nil {
		plan, err = v.commerce.PreviewChange(v.r.Context(), v.acc.ID, view.Subscription.ID, w.to, w.instant(view.Subscription))
	}
	if err != nil {
		problems, refused, ok := v.again(err)
		if !ok {
			return 0
		}
		view.problems = v.inMajor(problems, view.Subscription.UnitAmount.Currency)
		return refused
	}
	c := v.confirmChange(view.detail, w, plan)
	c.Hidden = append(c.Hidden, web.Option{Label: "shown_at", Value: plan.At.Format(time.RFC3339Nano)}, web.Option{Label: "shown", Value: plan.Due.Major()})
	for _, name := range changeFields {
		if value := view.text(name); value != "" {
			c.Hidden = append(c.Hidden, web.Option{Label: name, Value: value})
		}
	}
	view.Preview, view.Method = &c, plan.Due.Sign() > 0 && view.detail.Method == nil
	return status
}

// changesTo reports whether a subscription can be changed to a price.
func changesTo(sub subscription.Subscription, p catalog.Price) bool {
	c := sub.UnitAmount.Currency
	_, named := p.Terms.Currencies[c]
	return p.State == catalog.Active && p.ID != sub.Price && p.Recurring() && len(p.Terms.Dates) == 0 && !p.Terms.Split && (p.Amount.Currency == c || named || p.Terms.Convert)
}

// policyOptions are the named policies, after the account's own.
func (v *visit) policyOptions(chosen string) []web.Option {
	own := v.acc.Settings.Proration
	if own == "" {
		own = subscription.DefaultProration
	}
	list := []web.Option{{Label: "As the account has it: " + policyLabel(own)}}
	for _, p := range subscription.Presets() {
		list = append(list, web.Option{Value: p.Name, Label: policyLabel(p.Name)})
	}
	return web.Choices(chosen, list...)
}

var policyLabels = map[string]string{"second": "to the second, at once", "minute": "to the minute, at once", "day": "by days, the day at the new terms", "day_old": "by days, the day at the old terms",
	"thirty_days": "months of 30 days", "next_invoice": "to the second, with the next invoice", "up_only": "only dearer terms are settled", "full": "the whole new price, no credit", "none": "nothing until the next period"}

func policyLabel(name string) string {
	if label := policyLabels[name]; label != "" {
		return label
	}
	return name
}

// policySays is a policy in words.
func policySays(p subscription.Proration) string {
	for _, known := range subscription.Presets() {
		if known.Proration == p {
			// The sentences lean on each other; here each stands alone.
			return strings.NewReplacer("Like second, but counted", "Settled at once, counted", "Like day, but the day", "Settled at once, counted in calendar days; the day",
				"Like day, but each", "Settled at once, counted in calendar days; each").Replace(known.Says)
		}
	}
	return "Counted by " + p.Granularity.String() + "; dearer terms: " + p.Up.String() + ", others: " + p.Down.String() + "."
}

// modeSays is what a policy means for this change.
func modeSays(plan commerce.ChangePlan) string {
	switch {
	case plan.CarryTrial:
		return "The trial goes on under the new terms; nothing is charged until it ends."
	case !plan.Keep && plan.Mode == subscription.SettleNone:
		return "A new period begins and is charged whole; nothing of the old one is credited."
	case !plan.Keep && plan.Mode != subscription.SettleFull:
		return "What is unused of the old period is credited, and a new period begins at once and is charged whole."
	case plan.Mode == subscription.SettleNow:
		return "What is unused at the old terms is credited, and the rest of the period is charged at the new terms, at once."
	case plan.Mode == subscription.SettleNext:
		return "What is unused is credited now, and the rest of the period at the new terms is charged with the next invoice."
	case plan.Mode == subscription.SettleFull:
		return "The whole new price is charged at once, and nothing is credited."
	}
	return "Nothing is credited or charged; the new price counts from the next period."
}

var directionWords = map[string]string{"up": "Upgrade: it costs more by the month", "down": "Downgrade: it costs less by the month", "same": "It costs the same by the month"}

// confirmChange is what a change does, with its whole arithmetic.
func (v *visit) confirmChange(s detail, w changeWish, plan commerce.ChangePlan) web.Confirmation {
	here := v.at("subscriptions", s.Subscription.ID.String())
	to := plan.Name
	if plan.Terms.Quantity > 1 {
		to += " × " + web.CountText(plan.Terms.Quantity)
	}
	changes := []web.Fact{{Term: "Plan", Text: planName(s.SubscriptionView) + " becomes " + to}, {Term: "Direction", Text: directionWords[plan.Direction]}, {Term: "Policy", Text: policySays(plan.Policy)},
		{Term: "In this case", Text: modeSays(plan)}}
	if plan.Keep || plan.CarryTrial {
		changes = append(changes, web.Fact{Term: "Period", Text: "Goes on until " + v.date(s.Subscription.Span.To)})
	} else {
		changes = append(changes, web.Fact{Term: "New period", Text: v.days(plan.Span)})
	}
	next := "None is to come"
	if !plan.NextAt.IsZero() {
		next = v.date(plan.NextAt) + ", " + v.money(plan.NextEach) + " with tax, before discounts"
	}
	changes = append(changes, web.Fact{Term: "Next invoice", Text: next},
		web.Fact{Term: "Credit left afterwards", Text: v.minor(plan.Balance, plan.Due.Currency)})
	c := web.Confirmation{Action: here + "/change", OperationKey: operationKey(), Busy: "Changing…", CancelHref: here, CancelLabel: "Keep the plan", Changes: changes, Sums: v.planSums(plan, w.when == subscription.Now),
		Verb: v.changeVerb(plan), When: "At once. What is shown is what is charged, for an hour.", Sends: sends, Undo: "By changing back; what was charged is credited by the same policy"}
	if plan.Due.Sign() > 0 {
		c.When = "When it is paid, at once: a decline changes nothing. What is shown is what is charged, for an hour."
	}
	if w.when != subscription.Now {
		at := s.Subscription.Span.To
		if w.when == subscription.AtDate {
			at = w.at
		}
		c.Verb = "Schedule the change for " + v.date(at)
		c.When = v.dateTime(at) + ", " + v.acc.Zone + ", before the renewal of the same instant. It is computed anew then; the amounts are as things stand now."
		if at.After(s.Subscription.Span.To) {
			c.When += " They are those of the end of this period, the last that is known."
		}
		c.Undo = "Until it comes"
	}
	return c
}

func (v *visit) changeVerb(plan commerce.ChangePlan) string {
	if plan.Due.Sign() > 0 {
		return "Charge " + v.money(plan.Due) + " and change the plan"
	}
	if rest := plan.Credited.Minor - plan.FromCredits; rest > 0 {
		return "Change the plan; " + v.minor(rest, plan.Due.Currency) + " becomes credit"
	}
	return "Change the plan"
}

// planSums are the arithmetic of a change: what is unused, what is charged, who pays.
func (v *visit) planSums(plan commerce.ChangePlan, now bool) []web.Sum {
	var list []web.Sum
	c := plan.Due.Currency
	for _, pc := range plan.Credits {
		for _, l := range pc.Lines {
			sum := web.Sum{Label: "Unused of " + pc.Number + ", line " + itoa(int64(l.Line)) + ": " + l.Description, Formula: "set by hand", Rounded: v.money(l.Amount.Neg())}
			if share := l.Details.Share; share != nil {
				sum.Formula, sum.Exact = v.shareFormula(*share, c), exactShare(share.Of, share.Left, share.Whole, c)
				for _, off := range l.Details.Coupons {
					sum.Formula += ", less " + v.minor(off.Amount, c) + " by " + off.Code
				}
				if l.Details.Limited {
					sum.Formula += ", and that is all that can be given back"
				}
			}
			list = append(list, sum)
			if !l.Tax.IsZero() {
				list = append(list, web.Sum{Label: "Its " + orElse(l.TaxName, v.taxName(nil)) + " " + l.Rate.Percent() + " %", Formula: "on " + v.money(l.Amount), Rounded: v.money(l.Tax.Neg())})
			}
		}
	}
	if len(plan.Credits) > 0 {
		list = append(list, web.Sum{Label: "Unused, with tax", Rounded: v.money(plan.Credited.Neg()), Total: true})
	}
	if len(plan.Lines) > 0 {
		list = append(append(list, v.lineSums(plan.Lines)...), web.Sum{Label: "New terms, with tax", Rounded: v.money(plan.Total), Total: true})
	}
	if plan.FromCredits > 0 {
		list = append(list, web.Sum{Label: "Paid from what is unused", Rounded: v.minor(-plan.FromCredits, c)})
	}
	if plan.FromBalance > 0 {
		list = append(list, web.Sum{Label: "Paid from the customer's earlier credit", Rounded: v.minor(-plan.FromBalance, c)})
	}
	due := "Due now"
	if !now {
		due = "Due then"
	}
	list = append(list, web.Sum{Label: due, Rounded: v.money(plan.Due), Total: true})
	for _, item := range plan.Items {
		sum := web.Sum{Label: "With the next invoice, before tax: " + item.Description, Rounded: v.money(item.Amount)}
		if share := item.Details.Share; share != nil {
			sum.Formula, sum.Exact = v.shareFormula(*share, c), exactShare(share.Of, share.Left, share.Whole, c)
		}
		list = append(list, sum)
	}
	for _, cut := range plan.Cuts {
		list = append(list, web.Sum{Label: "Taken off the next invoice, before tax: " + cut.Item.Description, Formula: orElse(cut.Step, "set by hand"), Rounded: v.money(cut.Taken.Neg())})
	}
	return list
}

func (v *visit) change() {
	s, ok := v.loadSubscription()
	if !ok || !v.form() {
		return
	}
	f := filled{Values: v.r.PostForm}
	w, err := v.wish(s, f)
	c := commerce.Change{Subscription: s.Subscription.ID, To: w.to, When: w.when, At: w.at}
	if err == nil && w.when == subscription.Now {
		var shown money.Amount
		if c.At, err = time.Parse(time.RFC3339Nano, f.text("shown_at")); err == nil {
			shown, err = money.ParseMajor(f.text("shown"), s.Subscription.UnitAmount.Currency)
		}
		if err != nil { // nothing was shown: it is shown first
			v.showChange(s, f, true, http.StatusConflict, &web.Message{Kind: web.Info, Title: "Nothing was changed yet", Text: "Look at what it comes to, then confirm."})
			return
		}
		c.Shown = &shown
	}
	o := outcome{err: err}
	if err == nil {
		done := "changed"
		if w.when != subscription.Now {
			done = "change-scheduled"
		}
		here := v.at("subscriptions", s.Subscription.ID.String())
		o = v.once(func(any) string { return here + "?done=" + done }, func(call commerce.Call) (any, error) {
			c.Call = call
			return v.commerce.Change(v.r.Context(), c)
		})
	}
	v.changed(s, f, o)
}

// changed answers the form of a change by what came of it.
func (v *visit) changed(s detail, f filled, o outcome) {
	switch {
	case o.err == nil:
		v.done(o.location)
		return
	case fault.Is(o.err, fault.Pending):
		v.done(v.at("subscriptions", s.Subscription.ID.String()) + "?done=payment-unknown")
		return
	}
	problems, status, ok := v.again(o.err)
	if !ok {
		return
	}
	said := fault.As(o.err)
	switch {
	case said.Code == "price_changed" || said.Code == "preview_expired":
		v.showChange(s, f, true, status, &web.Message{Kind: web.Warning, Title: "Nothing was charged, and nothing changed", Text: sentenceOf(said.Message)})
	case fault.Is(o.err, fault.Declined):
		v.showChange(s, f, true, status, &web.Message{Kind: web.Failure, Title: "The payment was declined: nothing changed, the old plan goes on", Text: sentenceOf(said.Message)})
	default:
		f.problems = v.inMajor(problems, s.Subscription.UnitAmount.Currency)
		v.showChange(s, f, false, status, &web.Message{Kind: web.Warning, Title: "Nothing changed"})
	}
}
