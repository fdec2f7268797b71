package dashboard

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"perennial/internal/catalog"
	"perennial/internal/commerce"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/money"
	"perennial/internal/period"
	"perennial/internal/report"
	"perennial/internal/web"
)

// How a product's subscriptions may be ended, paused and skipped, and how it is taxed.

var cancelPolicyNames = map[catalog.CancelPolicy]string{catalog.CancelAny: "At any time", catalog.CancelPeriodEnd: "At the end of a period", catalog.CancelLast: "After the last payment", catalog.CancelNever: "Never"}

var taxKindNames = map[catalog.TaxKind]string{catalog.Digital: "Digital: taxed where the buyer is", catalog.Goods: "Goods: taxed where they are sent to", catalog.Service: "Service: taxed where you are", catalog.Untaxed: "Not taxed"}

// settingFacts are the settings of a product in words.
func (v *visit) settingFacts(s catalog.Settings) []web.Fact {
	list := []web.Fact{{Term: "Canceled by customers", Text: cancelPolicyNames[s.Cancel]}}
	pause := "Not allowed"
	if s.Pause.Allowed {
		var limits []string
		if !s.Pause.Longest.IsZero() {
			limits = append(limits, "at most "+intervalWords(s.Pause.Longest))
		}
		if s.Pause.Periods > 0 {
			limits = append(limits, "at most "+counted(s.Pause.Periods, "period"))
		}
		if s.Pause.Fee > 0 {
			limits = append(limits, "for a fee")
		}
		pause = "Allowed"
		if len(limits) > 0 {
			pause += ", " + strings.Join(limits, ", ")
		}
	}
	list = append(list, web.Fact{Term: "Pauses", Text: pause})
	if s.Skips > 0 {
		list = append(list, web.Fact{Term: "Periods that may be skipped", Text: strconv.Itoa(s.Skips)})
	}
	if len(s.Ends) > 0 {
		list = append(list, web.Fact{Term: "Starting it ends", Text: counted(len(s.Ends), "other product")})
	}
	list = append(list, web.Fact{Term: "Tax", Text: taxKindNames[s.TaxKind]})
	if s.Ships {
		list = append(list, web.Fact{Term: "Shipping", Text: "Needs an address; shipping rules apply"})
	}
	if s.Align {
		list = append(list, web.Fact{Term: "Billing day", Text: "That of the customer's earlier subscription"})
	}
	return list
}

// intervalWords is "1 month" or "3 months".
func intervalWords(iv period.Interval) string { return counted(iv.Count, iv.Unit.String()) }

// pauseCurrency is the currency in which the fee of a pause is shown. It is charged in
// the subscription's own.
func (v *visit) pauseCurrency(o report.ProductView) money.Currency {
	if len(o.Prices) > 0 {
		return o.Prices[0].Amount.Currency
	}
	return v.acc.Currency
}

func (v *visit) productSettings() {
	o, ok := v.loadProduct()
	if !ok {
		return
	}
	s, c := o.Product.Settings, v.pauseCurrency(o)
	f := url.Values{"cancel": {string(s.Cancel)}, "tax_kind": {string(s.TaxKind)}}
	tick := func(name string, on bool) {
		if on {
			f.Set(name, "1")
		}
	}
	tick("pause.allowed", s.Pause.Allowed)
	tick("ships", s.Ships)
	tick("align", s.Align)
	f.Set("pause.longest", s.Pause.Longest.String())
	f.Set("pause.every", s.Pause.Every.String())
	number := func(name string, n int) {
		if n > 0 {
			f.Set(name, strconv.Itoa(n))
		}
	}
	number("pause.periods", s.Pause.Periods)
	number("skips", s.Skips)
	f.Set("recovery_policy", s.Recovery.String())
	if s.Pause.Fee > 0 {
		f.Set("pause.fee", money.Amount{Minor: s.Pause.Fee, Currency: c}.Major())
	}
	for _, p := range s.Ends {
		f.Add("ends", p.String())
	}
	v.showProductSettings(o, http.StatusOK, filled{Values: f})
}

func (v *visit) showProductSettings(o report.ProductView, status int, f filled) {
	all, err := v.report.Products(v.r.Context(), v.acc.ID, 0, maxChoices)
	if err != nil {
		v.fail(err)
		return
	}
	others := slices.DeleteFunc(all, func(p catalog.Product) bool { return p.ID == o.Product.ID })
	p := v.page("Settings of " + o.Product.Name)
	p.Narrow, p.Crumbs = true, v.productCrumbs(o.Product)
	policies, err := v.recoveryOptions(f.Get("recovery_policy"))
	if err != nil {
		v.fail(err)
		return
	}
	web.Render(v.w, v.r, status, productSettingsPage(p, v.at("products", o.Product.ID.String()), string(v.pauseCurrency(o)), others, policies, f))
}

// settings reads the form.
func (f filled) settings(c money.Currency) (catalog.Settings, error) {
	var bad fault.Fields
	interval := func(name string) period.Interval {
		s := f.text(name)
		if s == "" {
			return period.Interval{}
		}
		iv, err := period.ParseInterval(strings.ToLower(s))
		if err != nil {
			bad.Bad(name, "%s", fault.As(err).Message)
		}
		return iv
	}
	s := catalog.Settings{Cancel: catalog.CancelPolicy(f.Get("cancel")), TaxKind: catalog.TaxKind(f.Get("tax_kind")), Ships: f.on("ships"), Align: f.on("align"), Skips: int(f.whole("skips", &bad))}
	if f.on("pause.allowed") { // the limits are hidden without it
		s.Pause = catalog.PausePolicy{Allowed: true, Longest: interval("pause.longest"), Periods: int(f.whole("pause.periods", &bad)), Every: interval("pause.every")}
		if fee := f.amount("pause.fee", c, &bad); fee != nil {
			s.Pause.Fee = *fee
		}
	}
	if text := f.Get("recovery_policy"); text != "" {
		policy, err := id.Parse[id.RecoveryPolicy](text)
		bad.Check(err == nil, "recovery_policy", "must be of the list")
		s.Recovery = policy
	}
	for _, text := range f.Values["ends"] {
		p, err := id.Parse[id.Product](text)
		bad.Check(err == nil, "ends", "must be of the list")
		s.Ends = append(s.Ends, p)
	}
	if err := bad.Err(); err != nil {
		return s, err
	}
	return s, s.Check()
}

func (v *visit) saveProductSettings() {
	o, ok := v.loadProduct()
	if !ok || !v.form() {
		return
	}
	f := filled{Values: v.r.PostForm}
	s, err := f.settings(v.pauseCurrency(o))
	v.submit(f, v.pauseCurrency(o), err, func(any) string { return v.at("products", o.Product.ID.String()) + "?done=saved" }, func(call commerce.Call) (any, error) {
		return v.commerce.UpdateProduct(v.r.Context(), commerce.UpdateProduct{Call: call, Product: o.Product.ID, Settings: &s})
	}, func(status int, f filled) { v.showProductSettings(o, status, f) })
}
