package api

import (
	"context"
	"net/http"
	"strings"

	"perennial/internal/account"
	"perennial/internal/commerce"
	"perennial/internal/customer"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/payment"
)

// buyerBody is a customer as it is made, or as a buyer of a sale.
type buyerBody struct {
	Email    string            `json:"email,omitempty" maxLength:"254"`
	Name     string            `json:"name,omitempty" maxLength:"200"`
	Company  string            `json:"company,omitempty" maxLength:"200"`
	Address  string            `json:"address,omitempty" maxLength:"500" doc:"Lines separated by a line feed."`
	City     string            `json:"city,omitempty" maxLength:"100" doc:"Where the address does not name it."`
	Country  string            `json:"country,omitempty" maxLength:"2" doc:"ISO 3166-1 alpha-2."`
	TaxID    string            `json:"tax_id,omitempty" maxLength:"40"`
	Language string            `json:"language,omitempty" maxLength:"35"`
	Metadata map[string]string `json:"metadata,omitempty" maxProperties:"50"`

	Region     string           `json:"region,omitempty" maxLength:"60" example:"CA" doc:"State or province, ISO 3166-2 without the country."`
	PostalCode string           `json:"postal_code,omitempty" maxLength:"20"`
	Shipping   *ShippingAddress `json:"shipping,omitempty" doc:"Where goods go; left out: the billing address."`
	IPCountry  string           `json:"ip_country,omitempty" maxLength:"2" doc:"The country that the buyer's address on the network lay in, as evidence for tax."`
	TaxExempt  string           `json:"tax_exempt,omitempty" maxLength:"200" doc:"Why no tax is charged, as printed; left out when it is."`

	FirstName string  `json:"first_name,omitempty" maxLength:"200" doc:"With last_name, instead of name, which is made of both."`
	LastName  string  `json:"last_name,omitempty" maxLength:"200"`
	Phone     string  `json:"phone,omitempty" maxLength:"40"`
	Source    *Source `json:"source,omitempty" doc:"Where they came from."`
}

// Source is where a customer came from, as the links said that they followed.
type Source struct {
	Source   string `json:"source,omitempty" maxLength:"200" example:"newsletter"`
	Medium   string `json:"medium,omitempty" maxLength:"200" example:"email"`
	Campaign string `json:"campaign,omitempty" maxLength:"200"`
	Term     string `json:"term,omitempty" maxLength:"200"`
	Content  string `json:"content,omitempty" maxLength:"200"`
	Group    string `json:"group,omitempty" maxLength:"200"`
}

func (s *Source) read() customer.Source {
	if s == nil {
		return customer.Source{}
	}
	return customer.Source(*s)
}

// oneName refuses a name beside the names that it is made of.
func oneName(f *fault.Fields, field string, name, first, last bool) {
	f.Check(!name || !first && !last, field, "must be left out with first_name and last_name, of which it is made")
}

// ShippingAddress is where something is sent to.
type ShippingAddress struct {
	Name       string `json:"name,omitempty" maxLength:"200"`
	Address    string `json:"address,omitempty" maxLength:"500" doc:"Lines separated by a line feed."`
	Country    string `json:"country,omitempty" maxLength:"2"`
	Region     string `json:"region,omitempty" maxLength:"60"`
	PostalCode string `json:"postal_code,omitempty" maxLength:"20"`
}

func (s *ShippingAddress) read() customer.Address {
	if s == nil {
		return customer.Address{}
	}
	return customer.Address{Name: s.Name, Lines: s.Address, Country: s.Country, Region: s.Region, PostalCode: s.PostalCode}
}

func (b buyerBody) create(call commerce.Call) commerce.CreateCustomer {
	return commerce.CreateCustomer{Call: call, Email: b.Email, Language: b.Language, Metadata: b.Metadata,
		Buyer:   customer.Buyer{Name: b.Name, Company: b.Company, Address: b.Address, City: b.City, Country: b.Country, TaxID: b.TaxID, Region: b.Region, PostalCode: b.PostalCode},
		Contact: customer.Contact{FirstName: b.FirstName, LastName: b.LastName, Phone: b.Phone}, Source: b.Source.read(),
		Taxing: customer.Taxing{Shipping: b.Shipping.read(), IPCountry: b.IPCountry, Exempt: b.TaxExempt}}
}

// check notes what is wrong with a buyer of a sale, also when a customer with that
// address exists already, who stays as they are.
func (b buyerBody) check(f *fault.Fields, prefix string) {
	email, err := account.ParseEmail(b.Email)
	if err != nil {
		f.Bad(prefix+"email", "%s", fault.As(err).Message)
		email = "?" // refused already; the other checks go on
	}
	oneName(f, prefix+"name", b.Name != "", b.FirstName != "", b.LastName != "")
	c := b.create(commerce.Call{})
	err = customer.Customer{Email: email, Buyer: c.Buyer, Contact: c.Contact, Taxing: c.Taxing, Source: c.Source, Language: c.Language, Metadata: c.Metadata}.Check()
	if err == nil {
		return
	}
	for _, field := range fault.As(err).Fields {
		f.Bad(prefix+field.Name, "%s", field.Message)
	}
}

func (a *API) customerRoutes() {
	type filter struct {
		Page
		Email string `query:"email" maxLength:"254" doc:"Only whose address begins so."`
	}
	read(a, operation{id: "list-customers", path: "/v1/customers", tag: "Customers", summary: "The customers"},
		func(ctx context.Context, c caller, in *filter) (list[Customer], error) {
			from, err := before[id.Customer](in.Page, "cus")
			if err != nil {
				return list[Customer]{}, err
			}
			rows, err := a.r.Customers(ctx, c.account.ID, strings.ToLower(in.Email), from, in.Limit+1)
			return paged(in.Page, "cus", rows, func(c customer.Customer) int64 { return int64(c.ID) }, customerOf), err
		})
	read(a, operation{id: "get-customer", path: "/v1/customers/{id}", tag: "Customers", summary: "One customer"},
		func(ctx context.Context, c caller, in *ByID) (Customer, error) {
			v, err := id.Parse[id.Customer](in.ID)
			if err != nil {
				return Customer{}, err
			}
			found, err := a.r.Customer(ctx, c.account.ID, v)
			return customerOf(found), err
		})
	write(a, operation{id: "create-customer", path: "/v1/customers", tag: "Customers", summary: "Make a customer"},
		func(ctx context.Context, call commerce.Call, in *struct{ Body buyerBody }) (customer.Customer, error) {
			var f fault.Fields
			oneName(&f, "name", in.Body.Name != "", in.Body.FirstName != "", in.Body.LastName != "")
			if err := f.Err(); err != nil {
				return customer.Customer{}, err
			}
			return a.s.CreateCustomer(ctx, in.Body.create(call))
		}, customerOf)
	type customerChange struct {
		ByID
		Body struct {
			Email    *string           `json:"email,omitempty" maxLength:"254"`
			Name     *string           `json:"name,omitempty" maxLength:"200"`
			Company  *string           `json:"company,omitempty" maxLength:"200"`
			Address  *string           `json:"address,omitempty" maxLength:"500"`
			City     *string           `json:"city,omitempty" maxLength:"100"`
			Country  *string           `json:"country,omitempty" maxLength:"2"`
			TaxID    *string           `json:"tax_id,omitempty" maxLength:"40"`
			Language *string           `json:"language,omitempty" maxLength:"35"`
			Metadata map[string]string `json:"metadata,omitempty" maxProperties:"50" doc:"Replaces all of it."`

			Region     *string          `json:"region,omitempty" maxLength:"60"`
			PostalCode *string          `json:"postal_code,omitempty" maxLength:"20"`
			Shipping   *ShippingAddress `json:"shipping,omitempty" doc:"Replaces all of it; empty goes back to the billing address."`
			IPCountry  *string          `json:"ip_country,omitempty" maxLength:"2"`
			TaxExempt  *string          `json:"tax_exempt,omitempty" maxLength:"200"`

			FirstName *string `json:"first_name,omitempty" maxLength:"200" doc:"With last_name, name is made of both."`
			LastName  *string `json:"last_name,omitempty" maxLength:"200"`
			Phone     *string `json:"phone,omitempty" maxLength:"40"`
			Source    *Source `json:"source,omitempty" doc:"Replaces all of it; empty takes it away."`
		}
	}
	write(a, operation{id: "update-customer", method: http.MethodPatch, status: http.StatusOK, path: "/v1/customers/{id}", tag: "Customers", summary: "Change a customer",
		text: "Documents that were issued keep what they said."},
		func(ctx context.Context, call commerce.Call, in *customerChange) (customer.Customer, error) {
			v, err := id.Parse[id.Customer](in.ID)
			if err != nil {
				return customer.Customer{}, err
			}
			b := in.Body
			var f fault.Fields
			oneName(&f, "name", b.Name != nil, b.FirstName != nil, b.LastName != nil)
			if err := f.Err(); err != nil {
				return customer.Customer{}, err
			}
			u := commerce.UpdateCustomer{Call: call, Customer: v, Email: b.Email, Name: b.Name, FirstName: b.FirstName, LastName: b.LastName, Phone: b.Phone,
				Company: b.Company, Address: b.Address, City: b.City, Country: b.Country, TaxID: b.TaxID,
				Region: b.Region, PostalCode: b.PostalCode, IPCountry: b.IPCountry, TaxExempt: b.TaxExempt, Language: b.Language, Metadata: b.Metadata}
			if b.Shipping != nil {
				shipping := b.Shipping.read()
				u.Shipping = &shipping
			}
			if b.Source != nil {
				source := b.Source.read()
				u.Source = &source
			}
			return a.s.UpdateCustomer(ctx, u)
		}, customerOf)
	a.leavingRoutes()
	a.methodRoutes()
}

// leavingRoutes are what a customer's going and coming needs: the end, and a password.
func (a *API) leavingRoutes() {
	type leaving struct {
		ByID
		Forget bool `query:"forget" doc:"Also wipe out names, addresses, answers and all else that tells who they are. That cannot be taken back."`
	}
	write(a, operation{id: "delete-customer", method: http.MethodDelete, status: http.StatusOK, path: "/v1/customers/{id}", tag: "Customers", summary: "Delete a customer",
		text: "Their subscriptions end now, their payment methods become unusable, and lists show them no more. Invoices, payments and the books keep what the law asks to be kept. Repeated, it changes nothing more."},
		func(ctx context.Context, call commerce.Call, in *leaving) (customer.Customer, error) {
			v, err := id.Parse[id.Customer](in.ID)
			if err != nil {
				return customer.Customer{}, err
			}
			return a.s.DeleteCustomer(ctx, commerce.DeleteCustomer{Call: call, Customer: v, Forget: in.Forget})
		}, customerOf)
	type newPassword struct {
		ByID
		Body struct {
			Password string `json:"password" minLength:"6" maxLength:"72" doc:"Or the bcrypt hash of one that they have elsewhere, of a cost of at most 12."`
		}
	}
	type passwordSet struct {
		ID  string `json:"id"`
		Set bool   `json:"password_set"`
	}
	write(a, operation{id: "set-password", path: "/v1/customers/{id}/password", status: http.StatusOK, tag: "Customers", summary: "Give a customer a password", unkept: true,
		text: "In the place of an earlier one. It is never answered, and can be sent again without harm."},
		func(ctx context.Context, call commerce.Call, in *newPassword) (passwordSet, error) {
			v, err := id.Parse[id.Customer](in.ID)
			if err != nil {
				return passwordSet{}, err
			}
			return passwordSet{in.ID, true}, a.s.SetPassword(ctx, commerce.SetPassword{Call: call, Customer: v, Password: in.Body.Password})
		}, func(p passwordSet) passwordSet { return p })
}

func (a *API) methodRoutes() {
	read(a, operation{id: "list-payment-methods", path: "/v1/customers/{id}/payment-methods", tag: "Customers", summary: "A customer's payment methods, newest first"},
		func(ctx context.Context, c caller, in *ByID) (list[PaymentMethod], error) {
			v, err := id.Parse[id.Customer](in.ID)
			if err != nil {
				return list[PaymentMethod]{}, err
			}
			rows, err := a.r.Methods(ctx, c.account.ID, v)
			return paged(Page{Limit: len(rows)}, "pm", rows, nil, methodOf), err
		})
	type newMethod struct {
		ByID
		Body struct {
			Token            string `json:"token" minLength:"1" maxLength:"255" example:"tok_visa" doc:"From the payment gateway. Card numbers are refused."`
			ForSubscriptions bool   `json:"for_subscriptions,omitempty" doc:"Charge the customer's subscriptions with it from now on."`
			Gateway          string `json:"gateway,omitempty" maxLength:"40" doc:"The gateway account that the token is from; the account's default when it is left out."`
		}
	}
	write(a, operation{id: "attach-payment-method", path: "/v1/customers/{id}/payment-methods", tag: "Customers", summary: "Save a payment method of a customer"},
		func(ctx context.Context, call commerce.Call, in *newMethod) (payment.Method, error) {
			v, err := id.Parse[id.Customer](in.ID)
			if err != nil {
				return payment.Method{}, err
			}
			gateway, err := parse[id.GatewayAccount]("gateway", in.Body.Gateway)
			if err != nil {
				return payment.Method{}, err
			}
			return a.s.AttachMethod(withoutCancel(ctx), commerce.AttachMethod{Call: call, Customer: v, Token: in.Body.Token, Gateway: gateway, ForSubscriptions: in.Body.ForSubscriptions})
		}, methodOf)
	read(a, operation{id: "get-payment-method", path: "/v1/payment-methods/{id}", tag: "Customers", summary: "One payment method"},
		func(ctx context.Context, c caller, in *ByID) (PaymentMethod, error) {
			v, err := id.Parse[id.Method](in.ID)
			if err != nil {
				return PaymentMethod{}, err
			}
			m, err := a.r.Method(ctx, c.account.ID, v)
			return methodOf(m), err
		})
	write(a, operation{id: "detach-payment-method", path: "/v1/payment-methods/{id}/detach", status: http.StatusOK, tag: "Customers", summary: "Make a payment method unusable"},
		func(ctx context.Context, call commerce.Call, in *ByID) (payment.Method, error) {
			v, err := id.Parse[id.Method](in.ID)
			if err != nil {
				return payment.Method{}, err
			}
			return a.s.DetachMethod(ctx, commerce.DetachMethod{Call: call, Method: v})
		}, methodOf)
}
