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
	Country  string            `json:"country,omitempty" maxLength:"2" doc:"ISO 3166-1 alpha-2."`
	TaxID    string            `json:"tax_id,omitempty" maxLength:"40"`
	Language string            `json:"language,omitempty" maxLength:"35"`
	Metadata map[string]string `json:"metadata,omitempty" maxProperties:"50"`

	Region     string           `json:"region,omitempty" maxLength:"60" example:"CA" doc:"State or province, ISO 3166-2 without the country."`
	PostalCode string           `json:"postal_code,omitempty" maxLength:"20"`
	Shipping   *ShippingAddress `json:"shipping,omitempty" doc:"Where goods go; left out: the billing address."`
	IPCountry  string           `json:"ip_country,omitempty" maxLength:"2" doc:"The country that the buyer's address on the network lay in, as evidence for tax."`
	TaxExempt  string           `json:"tax_exempt,omitempty" maxLength:"200" doc:"Why no tax is charged, as printed; left out when it is."`
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
		Buyer:  customer.Buyer{Name: b.Name, Company: b.Company, Address: b.Address, Country: b.Country, TaxID: b.TaxID, Region: b.Region, PostalCode: b.PostalCode},
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
	c := b.create(commerce.Call{})
	err = customer.Customer{Email: email, Buyer: c.Buyer, Taxing: c.Taxing, Language: c.Language, Metadata: c.Metadata}.Check()
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
			return a.s.CreateCustomer(ctx, in.Body.create(call))
		}, customerOf)
	type customerChange struct {
		ByID
		Body struct {
			Email    *string           `json:"email,omitempty" maxLength:"254"`
			Name     *string           `json:"name,omitempty" maxLength:"200"`
			Company  *string           `json:"company,omitempty" maxLength:"200"`
			Address  *string           `json:"address,omitempty" maxLength:"500"`
			Country  *string           `json:"country,omitempty" maxLength:"2"`
			TaxID    *string           `json:"tax_id,omitempty" maxLength:"40"`
			Language *string           `json:"language,omitempty" maxLength:"35"`
			Metadata map[string]string `json:"metadata,omitempty" maxProperties:"50" doc:"Replaces all of it."`

			Region     *string          `json:"region,omitempty" maxLength:"60"`
			PostalCode *string          `json:"postal_code,omitempty" maxLength:"20"`
			Shipping   *ShippingAddress `json:"shipping,omitempty" doc:"Replaces all of it; empty goes back to the billing address."`
			IPCountry  *string          `json:"ip_country,omitempty" maxLength:"2"`
			TaxExempt  *string          `json:"tax_exempt,omitempty" maxLength:"200"`
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
			u := commerce.UpdateCustomer{Call: call, Customer: v, Email: b.Email, Name: b.Name, Company: b.Company, Address: b.Address, Country: b.Country, TaxID: b.TaxID,
				Region: b.Region, PostalCode: b.PostalCode, IPCountry: b.IPCountry, TaxExempt: b.TaxExempt, Language: b.Language, Metadata: b.Metadata}
			if b.Shipping != nil {
				shipping := b.Shipping.read()
				u.Shipping = &shipping
			}
			return a.s.UpdateCustomer(ctx, u)
		}, customerOf)
	a.methodRoutes()
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
