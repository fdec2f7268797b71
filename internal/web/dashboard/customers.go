package dashboard

import (
	"net/http"
	"strconv"
	"strings"

	"github.com/a-h/templ"

	"perennial/internal/catalog"
	"perennial/internal/commerce"
	"perennial/internal/customer"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/payment"
	"perennial/internal/report"
	"perennial/internal/web"
)

func (v *visit) customers() {
	email := strings.ToLower(strings.TrimSpace(v.r.URL.Query().Get("email")))
	at := pagingOf(v.r.URL)
	list, err := v.report.Customers(v.r.Context(), v.acc.ID, email, beforeKey[id.Customer](&at), pageSize+1)
	if err != nil {
		v.fail(err)
		return
	}
	list, last := cut(list, func(c customer.Customer) string { return c.ID.String() })
	table := web.Table{ID: "customers", Caption: "Customers",
		Columns: []web.Column{{Label: "Customer"}, {Label: "Company", Card: true}, {Label: "Country", Card: true}, {Label: "Since", Card: true, NoWrap: true}}}
	for _, c := range list {
		table.Rows = append(table.Rows, web.Row{Href: v.at("customers", c.ID.String()), Cells: []templ.Component{customerCell(&c), text(c.Buyer.Company), text(country(c.Buyer.Country)), web.Date(c.CreatedAt, v.zone)}})
	}
	filter := web.FilterSet{Action: v.at("customers"), Fields: []web.Filter{{Name: "email", Label: "E-mail begins with", Type: "search", Value: email, Hint: "ada@"}}}
	if email != "" {
		filter.Chips, filter.Clear = []web.Chip{{Label: "E-mail: " + email + "…", Href: v.at("customers")}}, v.at("customers")
	}
	empty := web.Empty{Title: "Customers will stand here", Text: "Everybody who buys at a checkout becomes one. You can also add one by hand."}
	if email != "" {
		empty = web.Empty{Title: "Nothing matches", Chips: filter.Chips, Clear: filter.Clear}
	}
	p := v.page("Customers")
	if v.may(subscriptions) {
		p.Header.Primary = web.LinkButton(web.Primary, "New customer", v.at("customers", "new"))
	}
	table.Empty = web.EmptyState(empty)
	v.show(listPage(p, nil, filter, table, at.pager(v.r.URL, len(list), last, -1)))
}

// text is a cell that may be empty.
func text(s string) templ.Component {
	if s == "" {
		return nil
	}
	return web.Text(s)
}

func country(code string) string {
	if code == "" {
		return ""
	}
	return web.CountryName(code)
}

// customerForm is the form of a customer as it was filled in.
type customerForm struct {
	Email, Name, Company, Address, Country, TaxID, Language string
	Region, PostalCode, Exempt                              string
	Shipping                                                customer.Address
	Key                                                     string
	Problems                                                []web.Problem
}

// Ships reports whether goods go elsewhere than to the billing address.
func (f customerForm) Ships() bool {
	for _, p := range f.Problems {
		if strings.HasPrefix(p.Field, "shipping.") {
			return true
		}
	}
	return f.Shipping != customer.Address{}
}

func (v *visit) postedCustomer() customerForm {
	get := func(name string) string { return strings.TrimSpace(v.r.PostForm.Get(name)) }
	return customerForm{Email: get("email"), Name: get("name"), Company: get("company"), Address: strings.ReplaceAll(get("address"), "\r\n", "\n"),
		Country: get("country"), TaxID: get("tax_id"), Language: get("language"), Region: get("region"), PostalCode: get("postal_code"), Exempt: get("tax_exempt"), Key: operationKey(),
		Shipping: customer.Address{Name: get("shipping.name"), Lines: strings.ReplaceAll(get("shipping.address"), "\r\n", "\n"), Country: get("shipping.country"),
			Region: get("shipping.region"), PostalCode: get("shipping.postal_code")}}
}

func (v *visit) newCustomer() { v.showNewCustomer(http.StatusOK, customerForm{Key: operationKey()}) }

func (v *visit) showNewCustomer(status int, f customerForm) {
	p := v.page("New customer")
	p.Narrow, p.Crumbs = true, []web.Link{{Label: "Customers", Href: v.at("customers")}}
	web.Render(v.w, v.r, status, customerFormPage(p, v.at("customers", "new"), "Create customer", v.at("customers"), f))
}

func (v *visit) createCustomer() {
	if !v.form() {
		return
	}
	f := v.postedCustomer()
	o := v.once(func(result any) string {
		return v.at("customers", result.(customer.Customer).ID.String()) + "?done=customer-created"
	}, func(call commerce.Call) (any, error) {
		return v.commerce.CreateCustomer(v.r.Context(), commerce.CreateCustomer{Call: call, Email: f.Email, Language: f.Language,
			Buyer:  customer.Buyer{Name: f.Name, Company: f.Company, Address: f.Address, Country: f.Country, TaxID: f.TaxID, Region: f.Region, PostalCode: f.PostalCode},
			Taxing: customer.Taxing{Shipping: f.Shipping, Exempt: f.Exempt}})
	})
	if o.err == nil {
		v.done(o.location)
	} else if problems, status, ok := v.again(o.err); ok {
		f.Problems = problems
		v.showNewCustomer(status, f)
	}
}

func (v *visit) customer() {
	which, ok := find[id.Customer](v)
	if !ok {
		return
	}
	c, err := v.report.CustomerView(v.r.Context(), v.acc.ID, which)
	if err != nil {
		v.fail(err)
		return
	}
	p := v.page(c.Customer.Label())
	p.Crumbs = []web.Link{{Label: "Customers", Href: v.at("customers")}}
	p.Header.ID = c.Customer.ID.String()
	p.Header.Facts = []web.Fact{{Term: "E-mail", Text: c.Customer.Email}, {Term: "Since", Value: web.Date(c.Customer.CreatedAt, v.zone)},
		{Term: "Subscriptions", Text: strconv.Itoa(len(c.Subscriptions))}, {Term: "Invoices", Text: strconv.Itoa(len(c.Invoices))}}
	if v.may(subscriptions) {
		p.Header.Primary = web.LinkButton(web.Primary, "New subscription", v.at("customers", which.String(), "subscribe"))
		p.Header.More = []web.Action{{Label: "Edit", Href: v.at("customers", which.String(), "edit")}, {Label: "Add payment method", Href: v.at("customers", which.String(), "method")}}
	}
	if v.may(refunds) {
		p.Header.More = append(p.Header.More, web.Action{Label: "Give or take credit", Href: v.at("customers", which.String(), "credit")})
	}
	has, err := v.report.Balances(v.r.Context(), v.acc.ID, which)
	if err != nil {
		v.fail(err)
		return
	}
	mails, err := v.report.Mails(v.r.Context(), v.acc.ID, report.MailQuery{Customer: which, Limit: 10})
	if err != nil {
		v.fail(err)
		return
	}
	optional, err := v.report.GetsOptional(v.r.Context(), v.acc.ID, which)
	if err != nil {
		v.fail(err)
		return
	}
	v.show(customerPage(v, p, c, has, mails, optional))
}

func (v *visit) loadCustomer() (customer.Customer, bool) {
	which, ok := find[id.Customer](v)
	if !ok {
		return customer.Customer{}, false
	}
	c, err := v.report.Customer(v.r.Context(), v.acc.ID, which)
	if err != nil {
		v.fail(err)
		return c, false
	}
	return c, true
}

func (v *visit) customerCrumbs(c customer.Customer) []web.Link {
	return []web.Link{{Label: "Customers", Href: v.at("customers")}, {Label: c.Label(), Href: v.at("customers", c.ID.String())}}
}

func (v *visit) editCustomer() {
	c, ok := v.loadCustomer()
	if !ok {
		return
	}
	v.showEditCustomer(c, http.StatusOK, customerForm{Email: c.Email, Name: c.Buyer.Name, Company: c.Buyer.Company, Address: c.Buyer.Address,
		Country: c.Buyer.Country, TaxID: c.Buyer.TaxID, Language: c.Language, Region: c.Buyer.Region, PostalCode: c.Buyer.PostalCode, Exempt: c.Taxing.Exempt, Shipping: c.Taxing.Shipping, Key: operationKey()})
}

func (v *visit) showEditCustomer(c customer.Customer, status int, f customerForm) {
	p := v.page("Edit customer")
	p.Narrow, p.Crumbs = true, v.customerCrumbs(c)
	p.Header.Lead = "Documents that were issued keep what they say."
	back := v.at("customers", c.ID.String())
	web.Render(v.w, v.r, status, customerFormPage(p, back+"/edit", "Save changes", back, f))
}

func (v *visit) updateCustomer() {
	c, ok := v.loadCustomer()
	if !ok || !v.form() {
		return
	}
	f := v.postedCustomer()
	o := v.once(func(any) string { return v.at("customers", c.ID.String()) + "?done=saved" }, func(call commerce.Call) (any, error) {
		return v.commerce.UpdateCustomer(v.r.Context(), commerce.UpdateCustomer{Call: call, Customer: c.ID, Email: &f.Email, Name: &f.Name, Company: &f.Company,
			Address: &f.Address, Country: &f.Country, TaxID: &f.TaxID, Language: &f.Language, Region: &f.Region, PostalCode: &f.PostalCode, TaxExempt: &f.Exempt, Shipping: &f.Shipping})
	})
	if o.err == nil {
		v.done(o.location)
	} else if problems, status, ok := v.again(o.err); ok {
		f.Problems = problems
		v.showEditCustomer(c, status, f)
	}
}

// sellForm is the form of a new subscription or sale as it was filled in.
type sellForm struct {
	Price, Quantity, Method string
	Prices                  []web.Option
	Methods                 []web.Option
	Key                     string
	Problems                []web.Problem
}

const tokenPrefix = "token:"

func (v *visit) newSubscription() {
	c, ok := v.loadCustomer()
	if !ok {
		return
	}
	v.showSell(c, http.StatusOK, sellForm{Quantity: "1", Key: operationKey()})
}

func (v *visit) showSell(c customer.Customer, status int, f sellForm) {
	offers, err := v.report.Offers(v.r.Context(), v.acc.ID, 0, 50)
	if err != nil {
		v.fail(err)
		return
	}
	methods, err := v.report.Methods(v.r.Context(), v.acc.ID, c.ID)
	if err != nil {
		v.fail(err)
		return
	}
	f.Prices = web.Choices(f.Price, v.priceOptions(offers)...)
	f.Methods = v.methodOptions(methods)
	if f.Price == "" && f.Method == "" {
		f.Method = f.Methods[0].Value
	}
	f.Methods = web.Choices(f.Method, f.Methods...)
	p := v.page("New subscription")
	p.Narrow, p.Crumbs = true, v.customerCrumbs(c)
	p.Header.Lead = "What is due now is charged at once; the subscription begins when that went through."
	web.Render(v.w, v.r, status, sellPage(v, p, c, f))
}

func (v *visit) priceOptions(offers []report.ProductView) []web.Option {
	list := []web.Option{{Label: "Choose a price"}}
	for _, o := range offers {
		if o.Product.State != catalog.Active {
			continue
		}
		for _, price := range o.Prices {
			if price.State == catalog.Active {
				list = append(list, web.Option{Value: price.ID.String(), Label: o.Product.Name + ": " + v.catalogPrice(price)})
			}
		}
	}
	return list
}

func (v *visit) methodOptions(methods []payment.Method) []web.Option {
	var list []web.Option
	for _, m := range methods {
		if m.State == payment.Usable {
			list = append(list, web.Option{Value: m.ID.String(), Label: "Saved: " + methodLabel(&m)})
		}
	}
	if v.sandbox() {
		for _, c := range v.o.TestCards {
			list = append(list, web.Option{Value: tokenPrefix + c.Token, Label: "Test card: " + c.Does})
		}
	}
	return append(list, web.Option{Value: "", Label: "None (only when nothing is due now)"})
}

func (v *visit) createSubscription() {
	c, ok := v.loadCustomer()
	if !ok || !v.form() {
		return
	}
	f := sellForm{Price: v.r.PostForm.Get("price"), Quantity: strings.TrimSpace(v.r.PostForm.Get("quantity")), Method: v.r.PostForm.Get("payment_method"), Key: operationKey()}
	sell, err := f.sell(c.ID)
	var o outcome
	if err != nil {
		o.err = err
	} else {
		o = v.once(func(result any) string { return v.soldTo(result.(commerce.Sale)) }, func(call commerce.Call) (any, error) {
			sell.Call = call
			return v.commerce.Sell(v.r.Context(), sell)
		})
	}
	if o.err == nil {
		v.done(o.location)
	} else if fault.Is(o.err, fault.Pending) {
		v.done(v.at("customers", c.ID.String()) + "?done=payment-unknown")
	} else if problems, status, ok := v.again(o.err); ok {
		f.Problems = problems
		v.showSell(c, status, f)
	}
}

// sell reads the form.
func (f sellForm) sell(buyer id.Customer) (commerce.Sell, error) {
	s := commerce.Sell{Customer: buyer, Source: "dashboard"}
	var bad fault.Fields
	var err error
	if s.Price, err = id.Parse[id.Price](f.Price); err != nil {
		bad.Bad("price", "must be chosen")
	}
	if s.Quantity, err = strconv.ParseInt(f.Quantity, 10, 64); err != nil || s.Quantity < 1 {
		bad.Bad("quantity", "must be a whole number of at least 1")
	}
	if token, ok := strings.CutPrefix(f.Method, tokenPrefix); ok {
		s.Token = token
	} else if f.Method != "" {
		if s.Method, err = id.Parse[id.Method](f.Method); err != nil {
			bad.Bad("payment_method", "must be one of the list")
		}
	}
	return s, bad.Err()
}

func (v *visit) soldTo(sale commerce.Sale) string {
	if sale.Subscription != nil {
		return v.at("subscriptions", sale.Subscription.ID.String()) + "?done=subscribed"
	}
	return v.at("customers", sale.Customer.ID.String()) + "?done=sold"
}

// methodForm is the form of a new payment method.
type methodForm struct {
	Token    string
	Charge   bool
	Options  []web.Option
	Key      string
	Problems []web.Problem
}

func (v *visit) newMethod() {
	if c, ok := v.loadCustomer(); ok {
		v.showMethod(c, http.StatusOK, methodForm{Charge: true, Key: operationKey()})
	}
}

func (v *visit) showMethod(c customer.Customer, status int, f methodForm) {
	for _, card := range v.o.TestCards {
		f.Options = append(f.Options, web.Option{Value: card.Token, Label: card.Does})
	}
	f.Options = web.Choices(f.Token, f.Options...)
	p := v.page("Add payment method")
	p.Narrow, p.Crumbs = true, v.customerCrumbs(c)
	web.Render(v.w, v.r, status, methodPage(v, p, c, f))
}

func (v *visit) attachMethod() {
	c, ok := v.loadCustomer()
	if !ok || !v.form() {
		return
	}
	f := methodForm{Token: v.r.PostForm.Get("token"), Charge: v.r.PostForm.Get("charge") != "", Key: operationKey()}
	o := v.once(func(any) string { return v.at("customers", c.ID.String()) + "?done=method-attached" }, func(call commerce.Call) (any, error) {
		return v.commerce.AttachMethod(v.r.Context(), commerce.AttachMethod{Call: call, Customer: c.ID, Token: f.Token, ForSubscriptions: f.Charge})
	})
	if o.err == nil {
		v.done(o.location)
	} else if problems, status, ok := v.again(o.err); ok {
		f.Problems = problems
		v.showMethod(c, status, f)
	}
}
