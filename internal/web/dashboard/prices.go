package dashboard

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/a-h/templ"

	"perennial/internal/catalog"
	"perennial/internal/commerce"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/money"
	"perennial/internal/report"
	"perennial/internal/web"
)

// priceView is the page of a price.
type priceView struct {
	price                       catalog.Price
	product                     catalog.Product
	text, dates                 string
	examples, usage, currencies web.Table
}

func (v *visit) loadPrice() (catalog.Price, catalog.Product, bool) {
	var product report.ProductView
	which, ok := find[id.Price](v)
	if !ok {
		return catalog.Price{}, product.Product, false
	}
	p, err := v.report.Price(v.r.Context(), v.acc.ID, which)
	if err == nil {
		product, err = v.report.Product(v.r.Context(), v.acc.ID, p.Product)
	}
	if err != nil {
		v.fail(err)
	}
	return p, product.Product, err == nil
}

func (v *visit) price() {
	price, product, ok := v.loadPrice()
	if !ok {
		return
	}
	names, err := v.report.PriceNames(v.r.Context(), v.acc.ID, []catalog.Price{price})
	if err != nil {
		v.fail(err)
		return
	}
	title := price.Name
	if title == "" {
		title = costOf(price)
	}
	p := v.page(title)
	p.Crumbs = v.productCrumbs(product)
	p.Header.Status, p.Header.ID = priceWord(price), price.ID.String()
	if v.may(products) {
		p.Header.Primary = web.LinkButton(web.Plain, "Edit", v.at("prices", price.ID.String(), "edit"))
	}
	c := price.Amount.Currency
	view := priceView{price: price, product: product, text: sentence(price, names), examples: examples(chargeOf(price), c, price.MaxQuantity),
		usage: usageTerms(price, names), currencies: currencyTerms(price)}
	var days []string
	for _, d := range price.Terms.Dates {
		days = append(days, dayText(d))
	}
	view.dates = listed(days)
	v.show(pricePage(v, p, view))
}

// usageTerms are the meters of a price.
func usageTerms(p catalog.Price, n report.PriceNames) web.Table {
	t := web.Table{ID: "usage", Caption: "Usage, table", Columns: []web.Column{{Label: "Meter"}, {Label: "Included", Numeric: true, Card: true}, {Label: "In the trial", Numeric: true}, {Label: "More costs", Card: true}}}
	for _, m := range p.Terms.Usage {
		row := web.Row{Cells: []templ.Component{web.Text(meterUnit(m.Meter, n)), web.Text(numberText(m.Included)), nil, web.Text(chargeWords(m.Overage, p.Amount.Currency))}}
		if m.TrialIncluded != nil {
			row.Cells[2] = web.Text(numberText(*m.TrialIncluded))
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

// currencyTerms are the fixed prices in other currencies.
func currencyTerms(p catalog.Price) web.Table {
	t := web.Table{ID: "currencies", Caption: "Other currencies, table", Columns: []web.Column{{Label: "Currency"}, {Label: "Price", Card: true}, {Label: "Setup fee", Numeric: true}, {Label: "Trial", Numeric: true}, {Label: "More usage"}}}
	var codes []money.Currency
	for c := range p.Terms.Currencies {
		codes = append(codes, c)
	}
	slices.Sort(codes)
	for _, c := range codes {
		fixed := p.Terms.Currencies[c]
		cost := minorText(fixed.Amount, c)
		if fixed.Charge != nil {
			cost = chargeWords(*fixed.Charge, c)
		}
		row := web.Row{Cells: []templ.Component{web.Text(string(c)), web.Text(cost), nil, nil, nil}}
		if fixed.SetupFee > 0 {
			row.Cells[2] = web.Money(minorText(fixed.SetupFee, c))
		}
		if fixed.TrialAmount > 0 {
			row.Cells[3] = web.Money(minorText(fixed.TrialAmount, c))
		}
		var over []string
		for _, ch := range fixed.Overage {
			over = append(over, chargeWords(ch, c))
		}
		if len(over) > 0 {
			row.Cells[4] = web.Text(strings.Join(over, "; "))
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

func (v *visit) editPrice() {
	if price, product, ok := v.loadPrice(); ok {
		v.showEditPrice(price, product, http.StatusOK, filled{Values: url.Values{"price_name": {price.Name}, "max_quantity": {itoa(price.MaxQuantity)}}})
	}
}

func (v *visit) showEditPrice(price catalog.Price, product catalog.Product, status int, f filled) {
	p := v.page("Edit price")
	p.Narrow, p.Crumbs = true, append(v.productCrumbs(product), web.Link{Label: orElse(price.Name, costOf(price)), Href: v.at("prices", price.ID.String())})
	p.Header.Lead = "What it charges cannot change. For other terms, add a new price and stop selling this one."
	web.Render(v.w, v.r, status, editPricePage(v, p, v.at("prices", price.ID.String()), f))
}

func (v *visit) updatePrice() {
	price, product, ok := v.loadPrice()
	if !ok || !v.form() {
		return
	}
	f := filled{Values: v.r.PostForm}
	var bad fault.Fields
	name, most := f.text("price_name"), f.whole("max_quantity", &bad)
	v.submit(f, price.Amount.Currency, bad.Err(), func(any) string { return v.at("prices", price.ID.String()) + "?done=saved" }, func(call commerce.Call) (any, error) {
		made, err := v.commerce.UpdatePrice(v.r.Context(), commerce.UpdatePrice{Call: call, Price: price.ID, Name: &name, MaxQuantity: &most})
		return made, priceForm{}.asFields(err)
	}, func(status int, f filled) { v.showEditPrice(price, product, status, f) })
}
