package api

import (
	"encoding/json"
	"time"

	"perennial/internal/account"
	"perennial/internal/catalog"
	"perennial/internal/customer"
	"perennial/internal/event"
	"perennial/internal/invoice"
	"perennial/internal/money"
	"perennial/internal/order"
	"perennial/internal/payment"
	"perennial/internal/report"
	"perennial/internal/subscription"
)

// The forms in which things go over the wire, and how each is made. A pointer is
// null when there is none.

// Money is an amount: whole minor units and a currency.
type Money struct {
	Amount   int64  `json:"amount" example:"1999" doc:"Whole minor units, for example cents."`
	Currency string `json:"currency" example:"USD" doc:"ISO 4217."`
}

func moneyOf(a money.Amount) Money { return Money{a.Minor, string(a.Currency)} }

func timeOf(t time.Time) *time.Time {
	if t.IsZero() {
		return nil
	}
	return &t
}

func textOf(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// Account is an account.
type Account struct {
	ID        string    `json:"id" example:"acc_0saztanw47000"`
	Name      string    `json:"name"`
	Mode      string    `json:"mode" enum:"live,sandbox"`
	Currency  string    `json:"currency" doc:"The default of new prices."`
	Zone      string    `json:"zone" example:"Europe/Berlin" doc:"IANA time zone in which days are counted."`
	Email     string    `json:"email" doc:"Support contact printed on documents."`
	LegalName string    `json:"legal_name"`
	Address   string    `json:"address" doc:"Lines separated by a line feed."`
	Country   string    `json:"country" doc:"ISO 3166-1 alpha-2, or empty."`
	TaxID     string    `json:"tax_id"`
	TaxName   string    `json:"tax_name"`
	TaxRate   string    `json:"tax_rate" example:"0.19" doc:"Added to every line, as an exact decimal."`
	Now       time.Time `json:"now" doc:"The account's own time: the machine's, or a sandbox's."`
	CreatedAt time.Time `json:"created_at"`
}

func accountOf(a account.Account, now time.Time) Account {
	return Account{a.ID.String(), a.Name, string(a.Mode), string(a.Currency), a.Zone, a.Email, a.Seller.LegalName, a.Seller.Address, a.Seller.Country,
		a.Seller.TaxID, a.Tax.Name, a.Tax.Rate.String(), now, a.CreatedAt}
}

// KeyWire is an API key without its secret on the wire. It is exported because only then are the fields of forms
// that hold it described.
type KeyWire struct {
	ID        string     `json:"id"`
	Name      string     `json:"name"`
	Hint      string     `json:"hint" doc:"The beginning of the key, to recognise it by."`
	CreatedAt time.Time  `json:"created_at"`
	RevokedAt *time.Time `json:"revoked_at"`
}

func keyOf(k account.APIKey) KeyWire {
	return KeyWire{k.ID.String(), k.Name, k.Hint, k.CreatedAt, timeOf(k.RevokedAt)}
}

// Campaign is a campaign.
type Campaign struct {
	ID        string    `json:"id"`
	Name      string    `json:"name"`
	State     string    `json:"state" enum:"active,archived"`
	CreatedAt time.Time `json:"created_at"`
}

func campaignOf(c catalog.Campaign) Campaign {
	return Campaign{c.ID.String(), c.Name, string(c.State), c.CreatedAt}
}

// ProductWire is a product on the wire. It is exported because only then are the fields of forms
// that hold it described.
type ProductWire struct {
	ID          string    `json:"id"`
	Campaign    string    `json:"campaign"`
	Name        string    `json:"name"`
	Description string    `json:"description"`
	State       string    `json:"state" enum:"active,archived"`
	CreatedAt   time.Time `json:"created_at"`
}

func productOf(p catalog.Product) ProductWire {
	return ProductWire{p.ID.String(), p.Campaign.String(), p.Name, p.Description, string(p.State), p.CreatedAt}
}

// ProductDetail is a product with its prices and checkout addresses.
type ProductDetail struct {
	ProductWire
	Prices        []Price  `json:"prices" doc:"Newest first, at most 100."`
	CheckoutPaths []string `json:"checkout_paths" example:"/c/0ab3kq9w1x" doc:"Where buyers buy it, on this server."`
}

func productDetailOf(v report.ProductView) ProductDetail {
	out := ProductDetail{ProductWire: productOf(v.Product), Prices: []Price{}, CheckoutPaths: []string{}}
	for _, p := range v.Prices {
		out.Prices = append(out.Prices, priceOf(p))
	}
	for _, l := range v.Links {
		out.CheckoutPaths = append(out.CheckoutPaths, "/c/"+l.Slug)
	}
	return out
}

// Price is a price.
type Price struct {
	ID          string    `json:"id"`
	Product     string    `json:"product"`
	Name        string    `json:"name"`
	Amount      Money     `json:"amount" doc:"For one piece and one interval, without tax."`
	Interval    *string   `json:"interval" example:"month" doc:"day, week, month, year, 3 months …; null when it is paid once."`
	TrialDays   int       `json:"trial_days"`
	SetupFee    Money     `json:"setup_fee" doc:"Charged once, at the sale."`
	MaxQuantity int64     `json:"max_quantity"`
	State       string    `json:"state" enum:"active,archived"`
	CreatedAt   time.Time `json:"created_at"`
}

func priceOf(p catalog.Price) Price {
	return Price{p.ID.String(), p.Product.String(), p.Name, moneyOf(p.Amount), textOf(p.Interval.String()), p.TrialDays, moneyOf(p.SetupFee), p.MaxQuantity, string(p.State), p.CreatedAt}
}

// Customer is a customer.
type Customer struct {
	ID        string            `json:"id"`
	Email     *string           `json:"email"`
	Name      string            `json:"name"`
	Company   string            `json:"company"`
	Address   string            `json:"address"`
	Country   string            `json:"country"`
	TaxID     string            `json:"tax_id"`
	Language  string            `json:"language"`
	Metadata  map[string]string `json:"metadata"`
	CreatedAt time.Time         `json:"created_at"`
}

func customerOf(c customer.Customer) Customer {
	m := c.Metadata
	if m == nil {
		m = map[string]string{}
	}
	return Customer{c.ID.String(), textOf(c.Email), c.Buyer.Name, c.Buyer.Company, c.Buyer.Address, c.Buyer.Country, c.Buyer.TaxID, c.Language, m, c.CreatedAt}
}

// PaymentMethod is a payment method.
type PaymentMethod struct {
	ID        string    `json:"id"`
	Customer  string    `json:"customer"`
	Gateway   string    `json:"gateway"`
	Kind      string    `json:"kind"`
	Brand     string    `json:"brand"`
	LastFour  string    `json:"last_four"`
	ExpYear   int       `json:"exp_year"`
	ExpMonth  int       `json:"exp_month"`
	State     string    `json:"state" enum:"usable,detached"`
	CreatedAt time.Time `json:"created_at"`
}

func methodOf(m payment.Method) PaymentMethod {
	return PaymentMethod{m.ID.String(), m.Customer.String(), m.Gateway, m.Kind, m.Brand, m.LastFour, int(m.Expires / 100), int(m.Expires % 100), string(m.State), m.CreatedAt}
}

// Subscription is a subscription, with what was asked along.
type Subscription struct {
	ID           string     `json:"id"`
	Customer     string     `json:"customer"`
	Product      string     `json:"product"`
	Price        string     `json:"price"`
	Method       *string    `json:"payment_method"`
	State        string     `json:"state" enum:"trialing,active,past_due,canceled"`
	UnitAmount   Money      `json:"unit_amount" doc:"For one piece and one interval, without tax, as it was sold."`
	Quantity     int64      `json:"quantity"`
	Interval     string     `json:"interval" example:"month"`
	Period       int        `json:"period" doc:"0, 1, 2 …; -1 during the trial."`
	PeriodStart  time.Time  `json:"period_start"`
	PeriodEnd    time.Time  `json:"period_end"`
	TrialEnd     *time.Time `json:"trial_end"`
	CancelAt     *time.Time `json:"cancel_at" doc:"A scheduled end."`
	EndedAt      *time.Time `json:"ended_at"`
	EndReason    *string    `json:"end_reason" enum:"requested,payment_failed,imported"`
	OpenInvoice  *string    `json:"open_invoice" doc:"Unpaid, for the present period."`
	NextActionAt *time.Time `json:"next_action_at" doc:"When something falls due."`
	CreatedAt    time.Time  `json:"created_at"`

	CustomerData *Customer      `json:"customer_data,omitempty" doc:"With expand=customer."`
	ProductData  *ProductWire   `json:"product_data,omitempty" doc:"With expand=product."`
	PriceData    *Price         `json:"price_data,omitempty" doc:"With expand=price."`
	MethodData   *PaymentMethod `json:"payment_method_data,omitempty" doc:"With expand=payment_method."`
	LatestData   *InvoiceWire   `json:"latest_invoice_data,omitempty" doc:"With expand=latest_invoice."`
}

func subscriptionOf(s subscription.Subscription) Subscription {
	return Subscription{ID: s.ID.String(), Customer: s.Customer.String(), Product: s.Product.String(), Price: s.Price.String(), Method: textOf(s.Method.String()),
		State: string(s.State), UnitAmount: moneyOf(s.UnitAmount), Quantity: s.Quantity, Interval: s.Interval.String(), Period: s.Period, PeriodStart: s.Span.From,
		PeriodEnd: s.Span.To, TrialEnd: timeOf(s.TrialTo), CancelAt: timeOf(s.CancelAt), EndedAt: timeOf(s.EndedAt), EndReason: textOf(string(s.EndReason)),
		OpenInvoice: textOf(s.Invoice.String()), NextActionAt: timeOf(s.NextActionAt), CreatedAt: s.CreatedAt}
}

func subscriptionViewOf(v report.SubscriptionView) Subscription {
	w := subscriptionOf(v.Subscription)
	w.CustomerData = shown(v.Customer, customerOf)
	w.ProductData = shown(v.Product, productOf)
	w.PriceData = shown(v.Price, priceOf)
	w.MethodData = shown(v.Method, methodOf)
	w.LatestData = shown(v.Invoice, invoiceOf)
	return w
}

func shown[T, W any](v *T, render func(T) W) *W {
	if v == nil {
		return nil
	}
	w := render(*v)
	return &w
}

// InvoiceWire is an invoice on the wire. It is exported because only then are the fields of forms
// that hold it described.
type InvoiceWire struct {
	ID           string     `json:"id"`
	Number       *string    `json:"number" example:"INV-000042" doc:"Null until it is issued."`
	Customer     string     `json:"customer"`
	Subscription *string    `json:"subscription"`
	Order        *string    `json:"order"`
	State        string     `json:"state" enum:"draft,open,paid,void"`
	Reason       string     `json:"reason" enum:"sale,renewal"`
	PeriodStart  *time.Time `json:"period_start"`
	PeriodEnd    *time.Time `json:"period_end"`
	Net          Money      `json:"net"`
	Tax          Money      `json:"tax"`
	Total        Money      `json:"total"`
	Refunded     Money      `json:"refunded"`
	IssuedAt     *time.Time `json:"issued_at"`
	PaidAt       *time.Time `json:"paid_at"`
	VoidedAt     *time.Time `json:"voided_at"`
	CreatedAt    time.Time  `json:"created_at"`
}

func invoiceOf(v invoice.Invoice) InvoiceWire {
	return InvoiceWire{v.ID.String(), textOf(v.Label()), v.Customer.String(), textOf(v.Subscription.String()), textOf(v.Order.String()), string(v.State), string(v.Reason),
		timeOf(v.Span.From), timeOf(v.Span.To), moneyOf(v.Net), moneyOf(v.Tax), moneyOf(v.Total),
		Money{v.Refunded, string(v.Total.Currency)}, timeOf(v.IssuedAt), timeOf(v.PaidAt), timeOf(v.VoidedAt), v.CreatedAt}
}

// InvoiceLine is a line of an invoice.
type InvoiceLine struct {
	Kind        string     `json:"kind" enum:"period,product,setup_fee"`
	Description string     `json:"description"`
	Price       *string    `json:"price"`
	Quantity    int64      `json:"quantity"`
	UnitAmount  Money      `json:"unit_amount"`
	Amount      Money      `json:"amount" doc:"Without tax."`
	TaxRate     string     `json:"tax_rate"`
	Tax         Money      `json:"tax"`
	PeriodStart *time.Time `json:"period_start"`
	PeriodEnd   *time.Time `json:"period_end"`
}

// InvoiceDetail is an invoice with its lines, payments and refunds.
type InvoiceDetail struct {
	InvoiceWire
	Lines    []InvoiceLine `json:"lines"`
	Payments []Payment     `json:"payments" doc:"Oldest first."`
	Refunds  []Refund      `json:"refunds"`
}

func invoiceDetailOf(v report.InvoiceView) InvoiceDetail {
	out := InvoiceDetail{InvoiceWire: invoiceOf(v.Invoice), Lines: []InvoiceLine{}, Payments: []Payment{}, Refunds: []Refund{}}
	for _, l := range v.Lines {
		out.Lines = append(out.Lines, InvoiceLine{string(l.Kind), l.Description, textOf(l.Price.String()), l.Quantity, moneyOf(l.UnitAmount), moneyOf(l.Amount), l.Rate.String(),
			moneyOf(l.Tax), timeOf(l.Span.From), timeOf(l.Span.To)})
	}
	for _, p := range v.Payments {
		out.Payments = append(out.Payments, paymentOf(p))
	}
	for _, r := range v.Refunds {
		out.Refunds = append(out.Refunds, refundOf(r))
	}
	return out
}

// Payment is an attempt to collect an invoice.
type Payment struct {
	ID           string     `json:"id"`
	Invoice      string     `json:"invoice"`
	Customer     string     `json:"customer"`
	Method       string     `json:"payment_method"`
	Attempt      int        `json:"attempt"`
	State        string     `json:"state" enum:"pending,succeeded,declined" doc:"pending: the gateway has not answered yet."`
	Amount       Money      `json:"amount"`
	Refunded     Money      `json:"refunded" doc:"Sent back, or promised back."`
	DeclineCode  *string    `json:"decline_code"`
	DeclineClass *string    `json:"decline_class" enum:"later,new_details,authenticate,never" doc:"What trying again needs."`
	CreatedAt    time.Time  `json:"created_at"`
	SettledAt    *time.Time `json:"settled_at"`
}

func paymentOf(p payment.Payment) Payment {
	return Payment{p.ID.String(), p.Invoice.String(), p.Customer.String(), p.Method.String(), p.Attempt, string(p.State), moneyOf(p.Amount),
		Money{p.Refunded, string(p.Amount.Currency)}, textOf(p.DeclineCode), textOf(string(p.Class)), p.CreatedAt, timeOf(p.SettledAt)}
}

// Refund is money on its way back.
type Refund struct {
	ID        string     `json:"id"`
	Payment   string     `json:"payment"`
	Invoice   string     `json:"invoice"`
	Amount    Money      `json:"amount"`
	State     string     `json:"state" enum:"pending,succeeded,failed"`
	Reason    string     `json:"reason"`
	Failure   *string    `json:"failure"`
	CreatedAt time.Time  `json:"created_at"`
	SettledAt *time.Time `json:"settled_at"`
}

func refundOf(r payment.Refund) Refund {
	return Refund{r.ID.String(), r.Payment.String(), r.Invoice.String(), moneyOf(r.Amount), string(r.State), r.Reason, textOf(r.Failure), r.CreatedAt, timeOf(r.SettledAt)}
}

// OrderWire is an order on the wire. It is exported because only then are the fields of forms
// that hold it described.
type OrderWire struct {
	ID           string    `json:"id"`
	Customer     string    `json:"customer"`
	Price        string    `json:"price"`
	Quantity     int64     `json:"quantity"`
	Method       *string   `json:"payment_method"`
	Invoice      *string   `json:"invoice"`
	Subscription *string   `json:"subscription" doc:"Comes true when the order is completed."`
	State        string    `json:"state" enum:"pending,completed,failed"`
	Source       string    `json:"source"`
	CreatedAt    time.Time `json:"created_at"`
}

func orderOf(o order.Order) OrderWire {
	return OrderWire{o.ID.String(), o.Customer.String(), o.Price.String(), o.Quantity, textOf(o.Method.String()), textOf(o.Invoice.String()),
		textOf(o.Subscription.String()), string(o.State), o.Source, o.CreatedAt}
}

// Event is something that happened.
type Event struct {
	ID        string          `json:"id"`
	Type      string          `json:"type" example:"invoice.paid"`
	CreatedAt time.Time       `json:"created_at" doc:"On the account's own clock."`
	Subject   string          `json:"subject" doc:"The id of the thing that the type names."`
	Customer  *string         `json:"customer"`
	ActorKind string          `json:"actor_kind" enum:"api_key,member,customer,clock,operator"`
	Actor     string          `json:"actor"`
	Data      json.RawMessage `json:"data"`
}

func eventOf(e event.Event) Event {
	return Event{e.ID.String(), string(e.Kind), e.At, e.SubjectID(), textOf(e.Customer.String()), string(e.Actor.Kind), e.Actor.Name, json.RawMessage(e.Data)}
}
