package dashboard

import (
	"net/http"
	"net/url"

	"github.com/a-h/templ"

	"perennial/internal/commerce"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/money"
	"perennial/internal/tax"
	"perennial/internal/web"
)

// shippingWhen is when a shipping rule applies.
func shippingWhen(r tax.ShippingRule) string {
	where := placeText(r.Place.Country, r.Place.Region, r.Place.PostalCode)
	switch r.Kind {
	case tax.InPlace:
		if r.Place.Country == "" {
			return "Sent anywhere"
		}
		return "Sent to " + where
	case tax.NotInPlace:
		return "Sent outside of " + where
	}
	switch {
	case r.Most.IsZero() && r.Least.IsZero():
		return "Every order"
	case r.Most.IsZero():
		return "Orders of " + amountText(r.Least) + " and more"
	case r.Least.IsZero():
		return "Orders of up to " + amountText(r.Most)
	}
	return "Orders of " + amountText(r.Least) + " to " + amountText(r.Most)
}

func (v *visit) shipping() {
	at := pagingOf(v.r.URL)
	list, err := v.report.ShippingRules(v.r.Context(), v.acc.ID, beforeKey[id.ShippingRule](&at), pageSize+1)
	if err != nil {
		v.fail(err)
		return
	}
	list, last := cut(list, func(r tax.ShippingRule) string { return r.ID.String() })
	t := web.Table{ID: "shipping", Caption: "Shipping rules", Columns: []web.Column{{Label: "Rule"}, {Label: "When", Card: true}, {Label: "Costs", Numeric: true, Card: true}, {Label: "Status", Card: true}, {Label: "Action", HideLabel: true, NoWrap: true}}}
	for _, r := range list {
		row := web.Row{Cells: []templ.Component{web.Strong(r.Name), web.Text(shippingWhen(r)), web.Money(amountText(r.Amount)), web.Status(taxWord(r.State)), nil}}
		if v.may(taxes) {
			row.Href = v.at("settings", "shipping", r.ID.String(), "edit")
			verb, to := "Stop using", tax.Archived
			if r.State == tax.Archived {
				verb, to = "Use again", tax.Active
			}
			row.Cells[4] = stateButton(v.at("settings", "shipping", r.ID.String(), "archive"), string(to), verb, r.Name)
		}
		t.Rows = append(t.Rows, row)
	}
	p := v.page("Shipping")
	if v.may(taxes) {
		p.Header.Primary = web.LinkButton(web.Primary, "New shipping rule", v.at("settings", "shipping", "new"))
	}
	t.Empty = web.EmptyState(web.Empty{Title: "Shipping rules will stand here", Text: "A rule says what sending an order costs, by where it goes or by what it is worth. Of the rules about places the closest one counts. Rules apply to products that are sent to somebody: say so in the settings of the product."})
	v.show(listPage(p, web.Tabs("Settings", v.settingsTabs("shipping")), web.FilterSet{}, t, at.pager(v.r.URL, len(list), last, -1)))
}

func (v *visit) shippingCrumbs() []web.Link {
	return []web.Link{{Label: "Shipping", Href: v.at("settings", "shipping")}}
}

func (v *visit) newShippingRule() {
	v.showNewShippingRule(http.StatusOK, filled{Values: url.Values{"kind": {string(tax.InPlace)}, "currency": {string(v.acc.Currency)}}})
}

func (v *visit) showNewShippingRule(status int, f filled) {
	p := v.page("New shipping rule")
	p.Narrow, p.Crumbs = true, v.shippingCrumbs()
	web.Render(v.w, v.r, status, newShippingPage(v.at("settings", "shipping"), p, f))
}

func (v *visit) createShippingRule() {
	if !v.form() {
		return
	}
	f := filled{Values: v.r.PostForm}
	var bad fault.Fields
	r := tax.ShippingRule{Name: f.text("name"), Kind: tax.ShippingKind(f.Get("kind")), State: tax.Active}
	c, err := money.ParseCurrency(f.Get("currency"))
	bad.Add("currency", err)
	if err == nil {
		amount := func(name string) money.Amount {
			a := money.Amount{Currency: c}
			if n := f.amount(name, c, &bad); n != nil {
				a.Minor = *n
			}
			return a
		}
		bad.Check(f.text("amount") != "", "amount", "must be given; 0 is free")
		r.Amount = amount("amount")
		if r.Kind == tax.OrderTotal { // the other fields are hidden
			r.Least, r.Most = amount("least"), amount("most")
		} else {
			r.Place = tax.Place{Country: f.text("country"), Region: f.text("region"), PostalCode: f.text("postal_code")}
		}
	}
	v.submit(f, c, bad.Err(), func(any) string { return v.at("settings", "shipping") + "?done=rule-added" }, func(call commerce.Call) (any, error) {
		return v.commerce.CreateShippingRule(v.r.Context(), commerce.CreateShippingRule{Call: call, Rule: r})
	}, v.showNewShippingRule)
}

func (v *visit) loadShippingRule() (tax.ShippingRule, bool) {
	which, ok := find[id.ShippingRule](v)
	if !ok {
		return tax.ShippingRule{}, false
	}
	r, err := v.report.ShippingRule(v.r.Context(), v.acc.ID, which)
	if err != nil {
		v.fail(err)
	}
	return r, err == nil
}

func (v *visit) editShippingRule() {
	if r, ok := v.loadShippingRule(); ok {
		v.showEditShippingRule(r, http.StatusOK, filled{Values: url.Values{"name": {r.Name}, "amount": {r.Amount.Major()}}})
	}
}

func (v *visit) showEditShippingRule(r tax.ShippingRule, status int, f filled) {
	p := v.page("Edit shipping rule")
	p.Narrow, p.Crumbs = true, v.shippingCrumbs()
	p.Header.Lead = shippingWhen(r) + ". For another place or worth, make another rule."
	web.Render(v.w, v.r, status, editShippingPage(v.at("settings", "shipping"), r, p, f))
}

func (v *visit) updateShippingRule() {
	r, ok := v.loadShippingRule()
	if !ok || !v.form() {
		return
	}
	f := filled{Values: v.r.PostForm}
	var bad fault.Fields
	name, amount := f.text("name"), f.amount("amount", r.Amount.Currency, &bad)
	bad.Check(f.text("amount") != "", "amount", "must be given; 0 is free")
	v.submit(f, r.Amount.Currency, bad.Err(), func(any) string { return v.at("settings", "shipping") + "?done=saved" }, func(call commerce.Call) (any, error) {
		return v.commerce.UpdateShippingRule(v.r.Context(), commerce.UpdateShippingRule{Call: call, Rule: r.ID, Name: &name, Amount: amount})
	}, func(status int, f filled) { v.showEditShippingRule(r, status, f) })
}

func (v *visit) archiveShippingRule() {
	which, ok := find[id.ShippingRule](v)
	if !ok || !v.form() {
		return
	}
	state := tax.State(v.r.PostForm.Get("state"))
	v.press(v.at("settings", "shipping")+"?done=saved", func(call commerce.Call) (any, error) {
		return v.commerce.UpdateShippingRule(v.r.Context(), commerce.UpdateShippingRule{Call: call, Rule: which, State: &state})
	})
}

func (v *visit) exchangeRates() {
	v.showExchangeRates(http.StatusOK, filled{Values: url.Values{}})
}

func (v *visit) showExchangeRates(status int, f filled) {
	rates, own, err := v.report.ExchangeRates(v.r.Context(), v.acc.ID, v.now)
	if err != nil {
		v.fail(err)
		return
	}
	t := web.Table{ID: "rates", Caption: "Exchange rates, table", Columns: []web.Column{{Label: "Currency"}, {Label: "One " + string(own) + " is", Numeric: true, Card: true}, {Label: "Since", Card: true, NoWrap: true}},
		Empty: web.EmptyState(web.Empty{Title: "No exchange rate yet", Text: "A price that is sold in other currencies at the stored rate is converted by it. The rate of the day of a sale is kept with the subscription, so that a later rate changes nothing that was sold."})}
	for _, r := range rates {
		t.Rows = append(t.Rows, web.Row{Cells: []templ.Component{web.Strong(string(r.Currency)), web.Text(numberText(r.Rate) + " " + string(r.Currency)), web.DateTime(r.From, v.zone)}})
	}
	p := v.page("Exchange rates")
	web.Render(v.w, v.r, status, exchangePage(v, p, own, t, f))
}

func (v *visit) setExchangeRate() {
	if !v.form() {
		return
	}
	f := filled{Values: v.r.PostForm}
	var bad fault.Fields
	c, err := money.ParseCurrency(f.Get("currency"))
	bad.Add("currency", err)
	rate, err := money.ParseDecimal(f.text("rate"))
	bad.Add("rate", err)
	v.submit(f, "", bad.Err(), func(any) string { return v.at("settings", "exchange-rates") + "?done=rate-set" }, func(call commerce.Call) (any, error) {
		return v.commerce.SetExchangeRate(v.r.Context(), commerce.SetExchangeRate{Call: call, Currency: c, Rate: rate})
	}, v.showExchangeRates)
}
