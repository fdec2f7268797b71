package dashboard

import (
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"github.com/a-h/templ"

	"perennial/internal/catalog"
	"perennial/internal/commerce"
	"perennial/internal/coupon"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/money"
	"perennial/internal/period"
	"perennial/internal/report"
	"perennial/internal/web"
)

// couponWord is the state of a coupon as of a day of the merchant.
func (v *visit) couponWord(c coupon.Coupon) string {
	today := period.FormatDate(v.now, v.zone)
	switch {
	case c.State == coupon.Archived:
		return "Retired"
	case c.EndsOn != "" && today > c.EndsOn:
		return "Ended"
	case c.MaxRedemptions > 0 && c.Redeemed >= c.MaxRedemptions:
		return "Used up"
	case c.StartsOn != "" && today < c.StartsOn:
		return "Scheduled"
	}
	return "Active"
}

var scopeWords = map[coupon.Scope]string{coupon.First: "the first charge", coupon.FirstNoSplit: "the first charge, unless it is paid in parts", coupon.Rebills: "renewals",
	coupon.Split: "payments in parts", coupon.AllNoSplit: "every charge that is not paid in parts", coupon.All: "every charge"}

// couponSentence is what a coupon does, without a full stop.
func couponSentence(c coupon.Coupon) string {
	text := minorText(c.Amount.Minor, c.Amount.Currency)
	if c.Kind == coupon.Percent {
		text = c.Percent.Percent() + " %"
	}
	text += " off " + scopeWords[c.AppliesTo]
	if c.Cycles > 0 && c.AppliesTo != coupon.First && c.AppliesTo != coupon.FirstNoSplit {
		text += ", " + times(int64(c.Cycles))
	}
	switch n := len(c.Products); {
	case n == 1:
		text += ", of one product"
	case n > 1:
		text += ", of " + strconv.Itoa(n) + " products"
	}
	if c.StartsOn != "" {
		text += ", from " + dayText(catalog.Date(c.StartsOn))
	}
	if c.EndsOn != "" {
		text += ", until " + dayText(catalog.Date(c.EndsOn))
	}
	if c.MaxPerCustomer > 0 {
		text += ", " + times(c.MaxPerCustomer) + " for each customer"
	}
	if c.IncludeSetup {
		text += ", off the setup fee too"
	}
	if c.IncludeShipping {
		text += ", off the cost of shipping too"
	}
	if c.Stackable {
		text += ", also together with others"
	}
	return text
}

// times is "once", "twice" or "12 times".
func times(n int64) string {
	switch n {
	case 1:
		return "once"
	case 2:
		return "twice"
	}
	return web.CountText(n) + " times"
}

// usedText is how often a coupon was redeemed: "3 of 100".
func usedText(c coupon.Coupon) string {
	if c.MaxRedemptions > 0 {
		return web.CountText(c.Redeemed) + " of " + web.CountText(c.MaxRedemptions)
	}
	return web.CountText(c.Redeemed)
}

func (v *visit) coupons() {
	at := pagingOf(v.r.URL)
	list, err := v.report.Coupons(v.r.Context(), v.acc.ID, beforeKey[id.Coupon](&at), pageSize+1)
	if err != nil {
		v.fail(err)
		return
	}
	list, last := cut(list, func(c coupon.Coupon) string { return c.ID.String() })
	t := web.Table{ID: "coupons", Caption: "Coupons", Columns: []web.Column{{Label: "Code"}, {Label: "Takes off", Card: true}, {Label: "Used", Numeric: true, Card: true}, {Label: "Status", Card: true}, {Label: "Name", Optional: true}}}
	for _, c := range list {
		t.Rows = append(t.Rows, web.Row{Href: v.at("coupons", c.ID.String()), Cells: []templ.Component{web.Strong(c.Code), web.Text(couponSentence(c)), web.Text(usedText(c)), web.Status(v.couponWord(c)), optional(c.Name)}})
	}
	p := v.page("Coupons")
	empty := web.Empty{Title: "Coupons will stand here", Text: "A coupon is a code that takes an amount or a share off charges: off the first one, off renewals, or off all of them. Buyers type it at the checkout."}
	if v.may(products) {
		p.Header.Primary = web.LinkButton(web.Primary, "New coupon", v.at("coupons", "new"))
	}
	t.Empty = web.EmptyState(empty)
	v.show(listPage(p, nil, web.FilterSet{}, t, at.pager(v.r.URL, len(list), last, -1)))
}

// optional is a text, or nothing.
func optional(s string) templ.Component {
	if s == "" {
		return nil
	}
	return web.Text(s)
}

func (v *visit) newCoupon() {
	v.showNewCoupon(http.StatusOK, filled{Values: url.Values{"kind": {string(coupon.Percent)}, "currency": {string(v.acc.Currency)}, "applies_to": {string(coupon.All)}}})
}

func (v *visit) showNewCoupon(status int, f filled) {
	list, err := v.report.Products(v.r.Context(), v.acc.ID, 0, coupon.MaxProducts)
	if err != nil {
		v.fail(err)
		return
	}
	p := v.page("New coupon")
	p.Narrow, p.Crumbs = true, []web.Link{{Label: "Coupons", Href: v.at("coupons")}}
	web.Render(v.w, v.r, status, newCouponPage(v, p, list, f))
}

// couponOf reads the form.
func couponOf(f filled) (coupon.Coupon, error) {
	var bad fault.Fields
	var err error
	c := coupon.Coupon{Code: f.text("code"), Name: f.text("name"), Kind: coupon.Kind(f.Get("kind")), AppliesTo: coupon.Scope(f.Get("applies_to")), Cycles: int(f.whole("cycles", &bad)),
		StartsOn: f.text("starts_on"), EndsOn: f.text("ends_on"), MaxRedemptions: f.whole("max_redemptions", &bad), MaxPerCustomer: f.whole("max_per_customer", &bad),
		Stackable: f.on("stackable"), IncludeSetup: f.on("include_setup"), IncludeShipping: f.on("include_shipping"), State: coupon.Active}
	if c.Kind == coupon.Fixed {
		if c.Amount.Currency, err = money.ParseCurrency(f.Get("currency")); err != nil {
			bad.Add("currency", err)
		} else if a := f.amount("amount", c.Amount.Currency, &bad); a != nil {
			c.Amount.Minor = *a
		}
	} else if c.Percent, err = percentOf(f.text("percent")); err != nil {
		bad.Bad("percent", "%s", fault.As(err).Message)
	}
	for _, text := range f.Values["products"] {
		p, err := id.Parse[id.Product](text)
		bad.Check(err == nil, "products", "must be of the list")
		c.Products = append(c.Products, p)
	}
	if err := bad.Err(); err != nil {
		return c, err
	}
	if code, err := coupon.ParseCode(c.Code); err == nil {
		c.Code = code
	}
	return c, c.Check()
}

// percentOf reads a share as people write it: "19", "7.25 %".
func percentOf(s string) (money.Rate, error) {
	for len(s) > 0 && (s[len(s)-1] == '%' || s[len(s)-1] == ' ') {
		s = s[:len(s)-1]
	}
	return money.ParsePercent(s)
}

func (v *visit) createCoupon() {
	if !v.form() {
		return
	}
	f := filled{Values: v.r.PostForm}
	c, err := couponOf(f)
	v.submit(f, c.Amount.Currency, err, func(made any) string {
		return v.at("coupons", made.(coupon.Coupon).ID.String()) + "?done=coupon-created"
	}, func(call commerce.Call) (any, error) {
		return v.commerce.CreateCoupon(v.r.Context(), commerce.CreateCoupon{Call: call, Coupon: c})
	}, v.showNewCoupon)
}

func (v *visit) loadCoupon(at *paging) (report.CouponView, bool) {
	which, ok := find[id.Coupon](v)
	if !ok {
		return report.CouponView{}, false
	}
	view, err := v.report.CouponView(v.r.Context(), v.acc.ID, which, beforeKey[id.Entry](at), pageSize+1)
	if err != nil {
		v.fail(err)
	}
	return view, err == nil
}

func (v *visit) coupon() {
	at := pagingOf(v.r.URL)
	view, ok := v.loadCoupon(&at)
	if !ok {
		return
	}
	c := view.Coupon
	p := v.page(c.Code)
	p.Crumbs = []web.Link{{Label: "Coupons", Href: v.at("coupons")}}
	p.Header.Status, p.Header.ID, p.Header.Lead = v.couponWord(c), c.ID.String(), couponSentence(c)+"."
	if v.may(products) {
		p.Header.Primary = web.LinkButton(web.Plain, "Edit limits", v.at("coupons", c.ID.String(), "edit"))
	}
	list, last := cut(view.Redemptions, func(r coupon.Redemption) string { return r.ID.String() })
	t := web.Table{ID: "redemptions", Caption: "Uses, table", Columns: []web.Column{{Label: "Customer"}, {Label: "When", Card: true, NoWrap: true}, {Label: "Where", Card: true}, {Label: "Status", Card: true}},
		Empty: web.EmptyState(web.Empty{Title: "Nobody has used it yet", Text: "Each sale that it takes something off will stand here, with its customer."})}
	for _, r := range list {
		buyer := view.Customers[r.Customer]
		row := web.Row{Href: v.at("customers", r.Customer.String()), Cells: []templ.Component{customerCell(&buyer), web.DateTime(r.At, v.zone), web.Text("One-time sale"), web.Status("Active")}}
		if r.Subscription != 0 {
			row.Cells[2] = web.TextLink(v.at("subscriptions", r.Subscription.String()), "Subscription")
		}
		if r.State == coupon.Returned {
			row.Cells[3] = web.StatusNote("Void", "given back, not counted")
		}
		t.Rows = append(t.Rows, row)
	}
	v.show(couponPage(v, p, view, t, at.pager(v.r.URL, len(list), last, -1)))
}

func (v *visit) couponFacts(view report.CouponView) []web.Fact {
	c := view.Coupon
	limit := func(n int64) string {
		if n == 0 {
			return "No limit"
		}
		return web.CountText(n)
	}
	day := func(s, none string) string {
		if s == "" {
			return none
		}
		return dayText(catalog.Date(s))
	}
	list := []web.Fact{{Term: "Used", Text: usedText(c)}, {Term: "In total", Text: limit(c.MaxRedemptions)}, {Term: "For each customer", Text: limit(c.MaxPerCustomer)},
		{Term: "First day", Text: day(c.StartsOn, "At once")}, {Term: "Last day", Text: day(c.EndsOn, "None")}}
	if c.Name != "" {
		list = append([]web.Fact{{Term: "Name", Text: c.Name}}, list...)
	}
	var names []string
	for _, p := range c.Products {
		names = append(names, view.Products[p].Name)
	}
	slices.Sort(names)
	products := "All"
	if len(names) > 0 {
		products = listed(names)
	}
	return append(list, web.Fact{Term: "Products", Text: products}, web.Fact{Term: "Created", Value: web.Date(c.CreatedAt, v.zone)})
}

func (v *visit) editCoupon() {
	view, ok := v.loadCoupon(&paging{})
	if !ok {
		return
	}
	c := view.Coupon
	f := url.Values{"name": {c.Name}, "ends_on": {c.EndsOn}}
	for name, n := range map[string]int64{"max_redemptions": c.MaxRedemptions, "max_per_customer": c.MaxPerCustomer} {
		if n > 0 {
			f.Set(name, itoa(n))
		}
	}
	v.showEditCoupon(c, http.StatusOK, filled{Values: f})
}

func (v *visit) showEditCoupon(c coupon.Coupon, status int, f filled) {
	p := v.page("Limits of " + c.Code)
	p.Narrow, p.Crumbs = true, []web.Link{{Label: "Coupons", Href: v.at("coupons")}, {Label: c.Code, Href: v.at("coupons", c.ID.String())}}
	p.Header.Lead = "What it takes off cannot change, so that everybody keeps what they were promised. For other terms, make another coupon."
	web.Render(v.w, v.r, status, editCouponPage(p, v.at("coupons", c.ID.String()), f))
}

func (v *visit) updateCoupon() {
	view, ok := v.loadCoupon(&paging{})
	if !ok || !v.form() {
		return
	}
	f := filled{Values: v.r.PostForm}
	var bad fault.Fields
	name, ends, most, each := f.text("name"), f.text("ends_on"), f.whole("max_redemptions", &bad), f.whole("max_per_customer", &bad)
	v.submit(f, "", bad.Err(), func(any) string { return v.at("coupons", view.Coupon.ID.String()) + "?done=saved" }, func(call commerce.Call) (any, error) {
		return v.commerce.UpdateCoupon(v.r.Context(), commerce.UpdateCoupon{Call: call, Coupon: view.Coupon.ID, Name: &name, EndsOn: &ends, MaxRedemptions: &most, MaxPerCustomer: &each})
	}, func(status int, f filled) { v.showEditCoupon(view.Coupon, status, f) })
}

// archiveCoupon stops or begins to take a coupon again, as the form says.
func (v *visit) archiveCoupon() {
	which, ok := find[id.Coupon](v)
	if !ok || !v.form() {
		return
	}
	state, word := coupon.State(v.r.PostForm.Get("state")), "coupon-archived"
	if state == coupon.Active {
		word = "coupon-reactivated"
	}
	v.press(v.at("coupons", which.String())+"?done="+word, func(call commerce.Call) (any, error) {
		return v.commerce.UpdateCoupon(v.r.Context(), commerce.UpdateCoupon{Call: call, Coupon: which, State: &state})
	})
}
