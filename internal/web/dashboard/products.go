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
	"perennial/internal/report"
	"perennial/internal/usage"
	"perennial/internal/web"
)

func (v *visit) products() {
	at := pagingOf(v.r.URL)
	list, err := v.report.Offers(v.r.Context(), v.acc.ID, beforeKey[id.Product](&at), pageSize)
	if err != nil {
		v.fail(err)
		return
	}
	last := ""
	if len(list) == pageSize {
		last = list[pageSize-1].Product.ID.String()
	}
	t := web.Table{ID: "products", Caption: "Products", Columns: []web.Column{{Label: "Product"}, {Label: "Status", Card: true}, {Label: "Prices", Card: true}, {Label: "Checkout link", Card: true}}}
	for _, o := range list {
		status := "Active"
		if o.Product.State == catalog.Archived {
			status = "Retired"
		}
		var prices []string
		for _, p := range o.Prices {
			if p.State == catalog.Active {
				prices = append(prices, v.catalogPrice(p))
			}
		}
		var link templ.Component
		if len(o.Links) > 0 && o.Product.State == catalog.Active && len(prices) > 0 {
			link = checkoutLink(v.checkoutPath(o.Links[0].Slug), v.checkoutURL(o.Links[0].Slug), o.Product.Name)
		}
		t.Rows = append(t.Rows, web.Row{Href: v.at("products", o.Product.ID.String()), Cells: []templ.Component{web.Strong(o.Product.Name), web.Status(status), priceLines(prices), link}})
	}
	empty := web.Empty{Title: "Products will stand here", Text: "A product has one or more prices and a checkout page that sells it."}
	p := v.page("Products")
	if v.may(products) {
		p.Header.Primary = web.LinkButton(web.Primary, "New product", v.at("products", "new"))
	}
	t.Empty = web.EmptyState(empty)
	v.show(listPage(p, nil, web.FilterSet{}, t, at.pager(v.r.URL, len(list), last, -1)))
}

func (v *visit) checkoutPath(slug string) string { return "/c/" + slug }

// checkoutURL is the address of a checkout as a buyer needs it.
func (v *visit) checkoutURL(slug string) string {
	scheme := "http://"
	if v.secure(v.r) {
		scheme = "https://"
	}
	return scheme + v.r.Host + v.checkoutPath(slug)
}

// priceFormOf is the form of a price with what it offers to choose from.
func (v *visit) priceFormOf(f filled, path string) (priceForm, error) {
	form := priceForm{filled: f, path: path}
	var err error
	if form.meters, err = v.report.Meters(v.r.Context(), v.acc.ID, 0, maxChoices); err != nil {
		return form, err
	}
	form.meters = slices.DeleteFunc(form.meters, func(m usage.Meter) bool { return m.State != usage.Active })
	offers, err := v.report.Offers(v.r.Context(), v.acc.ID, 0, maxChoices)
	for _, o := range offers {
		for _, p := range o.Prices {
			if o.Product.State == catalog.Active && p.State == catalog.Active && p.Recurring() && len(p.Terms.Dates) == 0 {
				form.next = append(form.next, web.Option{Value: p.ID.String(), Label: o.Product.Name + ": " + v.catalogPrice(p)})
			}
		}
	}
	if len(form.next) > 0 {
		form.next = append([]web.Option{{Label: "It ends"}}, form.next...)
	}
	return form, err
}

// maxChoices is how many things a form offers to choose from.
const maxChoices = 200

// posted is the form of a price as it was sent; a wrong one has been answered when ok is
// false.
func (v *visit) postedPrice(path string) (f priceForm, ok bool) {
	if !v.form() {
		return f, false
	}
	values := make(url.Values, len(v.r.PostForm))
	for name, list := range v.r.PostForm {
		if len(list) > 0 && name != keyField {
			values.Set(name, strings.ReplaceAll(list[0], "\r\n", "\n"))
		}
	}
	f, err := v.priceFormOf(filled{Values: values}, path)
	if err != nil {
		v.fail(err)
	}
	return f, err == nil
}

// examples answers what quantities cost by a form that is not sent yet.
func (v *visit) examples() {
	f, ok := v.postedPrice("")
	if !ok {
		return
	}
	f.compute()
	v.show(exampleBox(f))
}

func (v *visit) newProduct() {
	f, err := v.priceFormOf(newPriceForm(v.acc.Currency), v.at("products", "new"))
	if err != nil {
		v.fail(err)
		return
	}
	v.showNewProduct(http.StatusOK, f)
}

func (v *visit) showNewProduct(status int, f priceForm) {
	p := v.page("New product")
	p.Narrow, p.Crumbs = true, []web.Link{{Label: "Products", Href: v.at("products")}}
	f.compute()
	web.Render(v.w, v.r, status, newProductPage(v, p, f))
}

func (v *visit) createProduct() {
	f, ok := v.postedPrice(v.at("products", "new"))
	if !ok {
		return
	}
	if f.rearrange() {
		v.showNewProduct(http.StatusOK, f)
		return
	}
	price, err := f.price()
	var bad fault.Fields
	bad.Check(f.text("name") != "", "name", "must not be empty")
	bad.Add("amount", err)
	o := outcome{err: bad.Err()}
	if o.err == nil {
		o = v.onceAs(" product", func(result any) string { return result.(catalog.Product).ID.String() }, func(call commerce.Call) (any, error) {
			return v.commerce.CreateProduct(v.r.Context(), commerce.CreateProduct{Call: call, Name: f.text("name"), Description: f.text("description")})
		})
	}
	if o.err != nil {
		if problems, status, ok := v.again(o.err); ok {
			f.problems = v.inMajor(problems, f.currency())
			v.showNewProduct(status, f)
		}
		return
	}
	if price.Product, err = id.Parse[id.Product](o.location); err != nil {
		v.fail(err)
		return
	}
	if o = v.addPrice(price, "product-created"); o.err == nil {
		v.done(o.location)
		return
	}
	v.priceLeft(price.Product, f, f.asFields(o.err))
}

// priceLeft goes on with the price of a product that was made although its price names
// what cannot be.
func (v *visit) priceLeft(made id.Product, f priceForm, refusal error) {
	o, err := v.report.Product(v.r.Context(), v.acc.ID, made)
	if err != nil {
		v.fail(err)
		return
	}
	if problems, status, ok := v.again(refusal); ok {
		f.problems, f.path = v.inMajor(problems, f.currency()), v.at("products", made.String(), "price")
		f.notice = &web.Message{Kind: web.Warning, Title: "The product was made, its price was not", Text: "Correct the price below; nothing is sold yet."}
		v.showNewPrice(o.Product, status, f)
	}
}

func (v *visit) addPrice(c commerce.CreatePrice, done string) outcome {
	return v.onceAs(" price", func(any) string { return v.at("products", c.Product.String()) + "?done=" + done }, func(call commerce.Call) (any, error) {
		c.Call = call
		return v.commerce.CreatePrice(v.r.Context(), c)
	})
}

func (v *visit) loadProduct() (report.ProductView, bool) {
	which, ok := find[id.Product](v)
	if !ok {
		return report.ProductView{}, false
	}
	o, err := v.report.Product(v.r.Context(), v.acc.ID, which)
	if err != nil {
		v.fail(err)
		return o, false
	}
	return o, true
}

func (v *visit) product() {
	o, ok := v.loadProduct()
	if !ok {
		return
	}
	here := v.at("products", o.Product.ID.String())
	p := v.page(o.Product.Name)
	p.Crumbs = []web.Link{{Label: "Products", Href: v.at("products")}}
	p.Header.Status, p.Header.ID = "Active", o.Product.ID.String()
	if o.Product.State == catalog.Archived {
		p.Header.Status = "Retired"
	}
	if v.may(products) {
		p.Header.Primary = web.LinkButton(web.Plain, "New price", here+"/price")
		p.Header.More = []web.Action{{Label: "Edit", Href: here + "/edit"}, {Label: "Settings", Href: here + "/settings"}}
		if o.Product.State == catalog.Active {
			p.Header.More = append(p.Header.More, web.Action{Label: "Stop selling", Href: here + "/archive", Danger: true})
		} else {
			p.Header.More = append(p.Header.More, web.Action{Label: "Sell again", Href: here + "/archive"})
		}
	}
	names, err := v.report.PriceNames(v.r.Context(), v.acc.ID, o.Prices)
	if err != nil {
		v.fail(err)
		return
	}
	v.show(productPage(v, p, o, names))
}

func (v *visit) productCrumbs(p catalog.Product) []web.Link {
	return []web.Link{{Label: "Products", Href: v.at("products")}, {Label: p.Name, Href: v.at("products", p.ID.String())}}
}

func (v *visit) editProduct() {
	if o, ok := v.loadProduct(); ok {
		v.showEditProduct(o.Product, http.StatusOK, filled{Values: url.Values{"name": {o.Product.Name}, "description": {o.Product.Description}}})
	}
}

func (v *visit) showEditProduct(product catalog.Product, status int, f filled) {
	p := v.page("Edit product")
	p.Narrow, p.Crumbs = true, v.productCrumbs(product)
	web.Render(v.w, v.r, status, editProductPage(p, v.at("products", product.ID.String()), f))
}

func (v *visit) updateProduct() {
	o, ok := v.loadProduct()
	if !ok || !v.form() {
		return
	}
	f := filled{Values: v.r.PostForm}
	name, description := f.text("name"), strings.ReplaceAll(f.text("description"), "\r\n", "\n")
	here := v.at("products", o.Product.ID.String())
	done := v.once(func(any) string { return here + "?done=saved" }, func(call commerce.Call) (any, error) {
		return v.commerce.UpdateProduct(v.r.Context(), commerce.UpdateProduct{Call: call, Product: o.Product.ID, Name: &name, Description: &description})
	})
	if done.err == nil {
		v.done(done.location)
	} else if problems, status, ok := v.again(done.err); ok {
		f.problems = problems
		v.showEditProduct(o.Product, status, f)
	}
}

func (v *visit) archiveForm() {
	if o, ok := v.loadProduct(); ok {
		v.showArchive(o.Product, http.StatusOK, nil)
	}
}

func (v *visit) showArchive(product catalog.Product, status int, problems []web.Problem) {
	here := v.at("products", product.ID.String())
	c := web.Confirmation{Action: here + "/archive", OperationKey: operationKey(), Verb: "Stop selling " + product.Name, Busy: "Saving…", Danger: true, Problems: problems, CancelHref: here,
		Changes: []web.Fact{{Term: "Product", Text: product.Name}, {Term: "Checkout page", Text: "Says that this is not sold any more"}, {Term: "Running subscriptions", Text: "Go on and renew at their prices"}},
		When:    "At once", Undo: "At any time: sell it again", Hidden: []web.Option{{Label: "state", Value: string(catalog.Archived)}}}
	title := "Stop selling a product"
	if product.State == catalog.Archived {
		title = "Sell a product again"
		c.Verb, c.Danger, c.Undo = "Sell "+product.Name+" again", false, "At any time: stop selling it"
		c.Changes = []web.Fact{{Term: "Product", Text: product.Name}, {Term: "Checkout page", Text: "Sells it again at its active prices"}}
		c.Hidden[0].Value = string(catalog.Active)
	}
	p := v.page(title)
	p.Narrow, p.Crumbs = true, v.productCrumbs(product)
	web.Render(v.w, v.r, status, confirmPage(p, c))
}

func (v *visit) archive() {
	o, ok := v.loadProduct()
	if !ok || !v.form() {
		return
	}
	state := catalog.State(v.r.PostForm.Get("state"))
	word := "archived"
	if state == catalog.Active {
		word = "reactivated"
	}
	done := v.once(func(any) string { return v.at("products", o.Product.ID.String()) + "?done=" + word }, func(call commerce.Call) (any, error) {
		return v.commerce.UpdateProduct(v.r.Context(), commerce.UpdateProduct{Call: call, Product: o.Product.ID, State: &state})
	})
	if done.err == nil {
		v.done(done.location)
	} else if problems, status, ok := v.again(done.err); ok {
		v.showArchive(o.Product, status, problems)
	}
}

func (v *visit) newPrice() {
	o, ok := v.loadProduct()
	if !ok {
		return
	}
	currency := v.acc.Currency
	if len(o.Prices) > 0 {
		currency = o.Prices[0].Amount.Currency
	}
	f, err := v.priceFormOf(newPriceForm(currency), v.at("products", o.Product.ID.String(), "price"))
	if err != nil {
		v.fail(err)
		return
	}
	v.showNewPrice(o.Product, http.StatusOK, f)
}

func (v *visit) showNewPrice(product catalog.Product, status int, f priceForm) {
	p := v.page("New price")
	p.Narrow, p.Crumbs = true, v.productCrumbs(product)
	p.Header.Lead = "A price keeps its terms for ever, so that everybody keeps what they bought. To change one, add a new price and stop selling the old."
	if f.notice != nil {
		p.Notice = f.notice
	}
	f.compute()
	web.Render(v.w, v.r, status, newPricePage(v, p, v.at("products", product.ID.String()), f))
}

func (v *visit) createPrice() {
	o, ok := v.loadProduct()
	if !ok {
		return
	}
	f, ok := v.postedPrice(v.at("products", o.Product.ID.String(), "price"))
	if !ok {
		return
	}
	if f.rearrange() {
		v.showNewPrice(o.Product, http.StatusOK, f)
		return
	}
	price, err := f.price()
	done := outcome{err: err}
	if err == nil {
		price.Product = o.Product.ID
		done = v.addPrice(price, "price-created")
		done.err = f.asFields(done.err)
	}
	if done.err == nil {
		v.done(done.location)
	} else if problems, status, ok := v.again(done.err); ok {
		f.problems = v.inMajor(problems, f.currency())
		v.showNewPrice(o.Product, status, f)
	}
}

// archivePrice stops or begins to sell a price again, as the form says.
func (v *visit) archivePrice() {
	which, ok := find[id.Price](v)
	if !ok || !v.form() {
		return
	}
	state := catalog.State(v.r.PostForm.Get("state"))
	word := "price-archived"
	if state == catalog.Active {
		word = "price-reactivated"
	}
	o := v.once(func(result any) string {
		return v.at("products", result.(catalog.Price).Product.String()) + "?done=" + word
	}, func(call commerce.Call) (any, error) {
		return v.commerce.UpdatePrice(v.r.Context(), commerce.UpdatePrice{Call: call, Price: which, State: &state})
	})
	if o.err != nil {
		v.fail(o.err)
		return
	}
	v.done(o.location)
}

func priceTable(v *visit, o report.ProductView, n report.PriceNames) web.Table {
	t := web.Table{ID: "prices", Caption: "Prices, table", Columns: []web.Column{{Label: "Price"}, {Label: "Status", Card: true}, {Label: "Action", HideLabel: true, Card: true, NoWrap: true}},
		Empty: web.EmptyState(web.Empty{Title: "No price yet", Text: "Without a price the checkout page sells nothing.", Primary: web.LinkButton(web.Primary, "New price", v.at("products", o.Product.ID.String(), "price"))})}
	for _, p := range o.Prices {
		row := web.Row{Href: v.at("prices", p.ID.String()), Cells: []templ.Component{priceCell(p.Name, sentence(p, n)), web.Status(priceWord(p)), nil}}
		if v.may(products) {
			row.Cells[2] = v.priceSwitchOf(p)
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

func priceWord(p catalog.Price) string {
	if p.State == catalog.Archived {
		return "Retired"
	}
	return "Active"
}

// priceSwitchOf is the button that stops or begins to sell a price again.
func (v *visit) priceSwitchOf(p catalog.Price) templ.Component {
	verb, to := "Stop selling", catalog.Archived
	if p.State == catalog.Archived {
		verb, to = "Sell again", catalog.Active
	}
	return priceSwitch(v.at("prices", p.ID.String(), "archive"), operationKey(), string(to), verb, v.catalogPrice(p))
}
