package dashboard

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/a-h/templ"
	"golang.org/x/text/language"

	"perennial/internal/catalog"
	"perennial/internal/commerce"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/money"
	"perennial/internal/period"
	"perennial/internal/report"
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

// intervals are the choices of how often a price is charged.
var intervals = []web.Option{{Value: "month", Label: "Every month"}, {Value: "year", Label: "Every year"}, {Value: "once", Label: "Once"}, {Value: "week", Label: "Every week"},
	{Value: "3 months", Label: "Every 3 months"}, {Value: "6 months", Label: "Every 6 months"}, {Value: "day", Label: "Every day"}, {Value: "other", Label: "Other (say below)"}}

// priceForm is the form of a new price, alone or with its product, as it was filled in.
type priceForm struct {
	Product, Description                 string // only with a new product
	Label, Amount, Currency              string
	Interval, Other, TrialDays, SetupFee string
	MaxQuantity                          string
	Key                                  string
	Problems                             []web.Problem
}

func (v *visit) postedPrice() priceForm {
	get := func(name string) string { return strings.TrimSpace(v.r.PostForm.Get(name)) }
	return priceForm{Product: get("name"), Description: strings.ReplaceAll(get("description"), "\r\n", "\n"), Label: get("price_name"), Amount: get("amount"), Currency: get("currency"),
		Interval: get("interval"), Other: get("other_interval"), TrialDays: get("trial_days"), SetupFee: get("setup_fee"), MaxQuantity: get("max_quantity"), Key: operationKey()}
}

// price reads the form. All wrong inputs are told at once.
func (f priceForm) price() (commerce.CreatePrice, error) {
	var bad fault.Fields
	c := commerce.CreatePrice{Name: f.Label}
	currency, err := money.ParseCurrency(f.Currency)
	if err != nil {
		bad.Add("currency", err)
		return c, bad.Err()
	}
	if c.Amount, err = money.ParseLocale(f.Amount, currency, language.English); err != nil {
		bad.Add("amount", err)
	}
	interval := f.Interval
	if interval == "other" {
		interval = f.Other
	}
	if interval != "once" {
		if c.Interval, err = period.ParseInterval(interval); err != nil {
			bad.Bad("interval", "%s", fault.As(err).Message)
		}
	}
	if f.TrialDays != "" {
		if c.TrialDays, err = strconv.Atoi(f.TrialDays); err != nil {
			bad.Bad("trial_days", "must be a whole number of days")
		}
	}
	if f.SetupFee != "" {
		fee, err := money.ParseLocale(f.SetupFee, currency, language.English)
		if err != nil {
			bad.Add("setup_fee", err)
		}
		c.SetupFee = fee.Minor
	}
	c.MaxQuantity = catalog.MaxQuantity
	if f.MaxQuantity != "" {
		if c.MaxQuantity, err = strconv.ParseInt(f.MaxQuantity, 10, 64); err != nil {
			bad.Bad("max_quantity", "must be a whole number")
		}
	}
	if err := bad.Err(); err != nil {
		return c, err
	}
	// The product is made before its price, so a price that would be refused is told
	// before anything is made.
	made := catalog.Price{Name: c.Name, Amount: c.Amount, Interval: c.Interval, TrialDays: c.TrialDays, SetupFee: money.Amount{Minor: c.SetupFee, Currency: currency},
		MaxQuantity: c.MaxQuantity, State: catalog.Active}
	return c, made.Check()
}

func (v *visit) newProduct() {
	v.showNewProduct(http.StatusOK, priceForm{Currency: string(v.acc.Currency), Interval: "month", Key: operationKey()})
}

func (v *visit) showNewProduct(status int, f priceForm) {
	p := v.page("New product")
	p.Narrow, p.Crumbs = true, []web.Link{{Label: "Products", Href: v.at("products")}}
	web.Render(v.w, v.r, status, newProductPage(v, p, f))
}

func (v *visit) createProduct() {
	if !v.form() {
		return
	}
	f := v.postedPrice()
	price, err := f.price()
	var bad fault.Fields
	if f.Product == "" {
		bad.Bad("name", "must not be empty")
	}
	bad.Add("amount", err)
	o := outcome{err: bad.Err()}
	if o.err == nil {
		o = v.onceAs(" product", func(result any) string { return result.(catalog.Product).ID.String() }, func(call commerce.Call) (any, error) {
			return v.commerce.CreateProduct(v.r.Context(), commerce.CreateProduct{Call: call, Name: f.Product, Description: f.Description})
		})
	}
	if o.err == nil {
		if price.Product, o.err = id.Parse[id.Product](o.location); o.err == nil {
			o = v.addPrice(price, "product-created")
		}
	}
	if o.err == nil {
		v.done(o.location)
	} else if problems, status, ok := v.again(o.err); ok {
		f.Problems = problems
		v.showNewProduct(status, f)
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
		p.Header.More = []web.Action{{Label: "Edit", Href: here + "/edit"}}
		if o.Product.State == catalog.Active {
			p.Header.More = append(p.Header.More, web.Action{Label: "Stop selling", Href: here + "/archive", Danger: true})
		} else {
			p.Header.More = append(p.Header.More, web.Action{Label: "Sell again", Href: here + "/archive"})
		}
	}
	v.show(productPage(v, p, o))
}

func (v *visit) productCrumbs(p catalog.Product) []web.Link {
	return []web.Link{{Label: "Products", Href: v.at("products")}, {Label: p.Name, Href: v.at("products", p.ID.String())}}
}

func (v *visit) editProduct() {
	if o, ok := v.loadProduct(); ok {
		v.showEditProduct(o.Product, http.StatusOK, priceForm{Product: o.Product.Name, Description: o.Product.Description, Key: operationKey()})
	}
}

func (v *visit) showEditProduct(product catalog.Product, status int, f priceForm) {
	p := v.page("Edit product")
	p.Narrow, p.Crumbs = true, v.productCrumbs(product)
	web.Render(v.w, v.r, status, editProductPage(p, v.at("products", product.ID.String()), f))
}

func (v *visit) updateProduct() {
	o, ok := v.loadProduct()
	if !ok || !v.form() {
		return
	}
	f := v.postedPrice()
	here := v.at("products", o.Product.ID.String())
	done := v.once(func(any) string { return here + "?done=saved" }, func(call commerce.Call) (any, error) {
		return v.commerce.UpdateProduct(v.r.Context(), commerce.UpdateProduct{Call: call, Product: o.Product.ID, Name: &f.Product, Description: &f.Description})
	})
	if done.err == nil {
		v.done(done.location)
	} else if problems, status, ok := v.again(done.err); ok {
		f.Problems = problems
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
	if o, ok := v.loadProduct(); ok {
		f := priceForm{Currency: string(v.acc.Currency), Interval: "month", Key: operationKey()}
		if len(o.Prices) > 0 {
			f.Currency = string(o.Prices[0].Amount.Currency)
		}
		v.showNewPrice(o.Product, http.StatusOK, f)
	}
}

func (v *visit) showNewPrice(product catalog.Product, status int, f priceForm) {
	p := v.page("New price")
	p.Narrow, p.Crumbs = true, v.productCrumbs(product)
	p.Header.Lead = "A price keeps its terms for ever, so that everybody keeps what they bought. To change one, add a new price and stop selling the old."
	web.Render(v.w, v.r, status, newPricePage(p, v.at("products", product.ID.String()), f))
}

func (v *visit) createPrice() {
	o, ok := v.loadProduct()
	if !ok || !v.form() {
		return
	}
	f := v.postedPrice()
	price, err := f.price()
	done := outcome{err: err}
	if err == nil {
		price.Product = o.Product.ID
		done = v.addPrice(price, "price-created")
	}
	if done.err == nil {
		v.done(done.location)
	} else if problems, status, ok := v.again(done.err); ok {
		f.Problems = problems
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

func priceTable(v *visit, o report.ProductView) web.Table {
	t := web.Table{ID: "prices", Caption: "Prices, table", Columns: []web.Column{{Label: "Price"}, {Label: "Status", Card: true}, {Label: "Trial"}, {Label: "Setup fee", Numeric: true}, {Label: "Action", HideLabel: true, Card: true}},
		Empty: web.EmptyState(web.Empty{Title: "No price yet", Text: "Without a price the checkout page sells nothing.", Primary: web.LinkButton(web.Primary, "New price", v.at("products", o.Product.ID.String(), "price"))})}
	for _, p := range o.Prices {
		often := "once"
		if p.Recurring() {
			often = "every " + p.Interval.String()
		}
		status, verb, to := "Active", "Stop selling", catalog.Archived
		if p.State == catalog.Archived {
			status, verb, to = "Retired", "Sell again", catalog.Active
		}
		row := web.Row{Cells: []templ.Component{web.Stack(v.money(p.Amount)+" "+often, p.Name), web.Status(status), nil, nil, nil}}
		if p.TrialDays > 0 {
			row.Cells[2] = web.Text(days(p.TrialDays))
		}
		if !p.SetupFee.IsZero() {
			row.Cells[3] = web.Money(v.money(p.SetupFee))
		}
		if v.may(products) {
			row.Cells[4] = priceSwitch(v.at("prices", p.ID.String(), "archive"), operationKey(), string(to), verb, v.catalogPrice(p))
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}
