package api

import (
	"cmp"
	"encoding/json"
	"time"

	"perennial/internal/account"
	"perennial/internal/catalog"
	"perennial/internal/customer"
	"perennial/internal/event"
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
	ID         string    `json:"id" example:"acc_0saztanw47000"`
	Name       string    `json:"name"`
	Mode       string    `json:"mode" enum:"live,sandbox"`
	Currency   string    `json:"currency" doc:"The default of new prices."`
	Zone       string    `json:"zone" example:"Europe/Berlin" doc:"IANA time zone in which days are counted."`
	Email      string    `json:"email" doc:"Support contact printed on documents."`
	LegalName  string    `json:"legal_name"`
	Address    string    `json:"address" doc:"Lines separated by a line feed."`
	Country    string    `json:"country" doc:"ISO 3166-1 alpha-2, or empty."`
	TaxID      string    `json:"tax_id"`
	TaxName    string    `json:"tax_name"`
	TaxRate    string    `json:"tax_rate" example:"0.19" doc:"Added to every line, as an exact decimal."`
	Proration  string    `json:"proration" example:"second" doc:"The policy for changes of terms."`
	TaxProfile *string   `json:"tax_profile" doc:"What new sales are taxed by; null: by tax_rate."`
	Recovery   *string   `json:"recovery_policy" doc:"For failed payments; null: the standard one."`
	Disputes   bool      `json:"dispute_ends" doc:"A subscription ends when a payment of it is disputed."`
	ByKey      int64     `json:"refunds_by_key" doc:"The most that one API key may give back in 24 hours, in minor units of each currency; 0: no limit. Only an owner can change it, in the dashboard: a key that is stolen could not raise its own."`
	ByMember   int64     `json:"refunds_by_member" doc:"The same for a member of the team."`
	Now        time.Time `json:"now" doc:"The account's own time: the machine's, or a sandbox's."`
	CreatedAt  time.Time `json:"created_at"`
}

func accountOf(a account.Account, now time.Time) Account {
	return Account{a.ID.String(), a.Name, string(a.Mode), string(a.Currency), a.Zone, a.Email, a.Seller.LegalName, a.Seller.Address, a.Seller.Country,
		a.Seller.TaxID, a.Tax.Name, a.Tax.Rate.String(), cmp.Or(a.Settings.Proration, subscription.DefaultProration), textOf(a.Settings.TaxProfile.String()), textOf(a.Settings.Recovery.String()),
		a.Settings.DisputeEnds, a.Settings.RefundsByKey, a.Settings.RefundsByMember, now, a.CreatedAt}
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
	Recovery  *string   `json:"recovery_policy" doc:"For failed payments of its products; null: the account's."`
	Gateway   *string   `json:"gateway" doc:"The gateway account that its sales are paid at; null: the account's default."`
	State     string    `json:"state" enum:"active,archived"`
	CreatedAt time.Time `json:"created_at"`
}

func campaignOf(c catalog.Campaign) Campaign {
	return Campaign{c.ID.String(), c.Name, textOf(c.Recovery.String()), textOf(c.Gateway.String()), string(c.State), c.CreatedAt}
}

// ProductWire is a product on the wire. It is exported because only then are the fields of forms
// that hold it described.
type ProductWire struct {
	ID          string          `json:"id"`
	Campaign    string          `json:"campaign"`
	Name        string          `json:"name"`
	Description string          `json:"description"`
	SKU         string          `json:"sku"`
	Image       string          `json:"image" doc:"Address of a picture, or empty."`
	Metadata    string          `json:"metadata"`
	State       string          `json:"state" enum:"active,archived"`
	Settings    ProductSettings `json:"settings"`
	CreatedAt   time.Time       `json:"created_at"`
}

func productOf(p catalog.Product) ProductWire {
	return ProductWire{p.ID.String(), p.Campaign.String(), p.Name, p.Description, p.SKU, p.Image, p.Metadata, string(p.State), settingsOf(p.Settings), p.CreatedAt}
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
	ID          string  `json:"id"`
	Product     string  `json:"product"`
	Plan        string  `json:"plan" doc:"The first price of its line: a price and those that replaced it share it."`
	Name        string  `json:"name"`
	Amount      Money   `json:"amount" doc:"For one piece and one interval, without tax."`
	Interval    *string `json:"interval" example:"month" doc:"day, week, month, year, 3 months …; null when it is paid once."`
	TrialDays   int     `json:"trial_days"`
	SetupFee    Money   `json:"setup_fee" doc:"Charged once, at the sale."`
	MaxQuantity int64   `json:"max_quantity"`
	PriceTerms
	State     string    `json:"state" enum:"active,archived"`
	CreatedAt time.Time `json:"created_at"`
}

func priceOf(p catalog.Price) Price {
	return Price{p.ID.String(), p.Product.String(), p.Plan().String(), p.Name, moneyOf(p.Amount), textOf(p.Interval.String()), p.TrialDays, moneyOf(p.SetupFee), p.MaxQuantity, termsOf(p.Terms), string(p.State), p.CreatedAt}
}

// Customer is a customer.
type Customer struct {
	ID             string            `json:"id"`
	Email          *string           `json:"email"`
	Name           string            `json:"name"`
	FirstName      string            `json:"first_name" doc:"Empty when nobody told the names apart."`
	LastName       string            `json:"last_name"`
	Phone          string            `json:"phone"`
	Company        string            `json:"company"`
	Address        string            `json:"address"`
	City           string            `json:"city" doc:"Empty when the address names it."`
	Country        string            `json:"country"`
	TaxID          string            `json:"tax_id"`
	TaxIDState     *string           `json:"tax_id_state" enum:"unchecked,valid,invalid,unavailable" doc:"What the register said of tax_id; null when it was never asked. unchecked: no register has such numbers; unavailable: it could not be asked."`
	TaxIDCheckedAt *time.Time        `json:"tax_id_checked_at"`
	Region         string            `json:"region"`
	PostalCode     string            `json:"postal_code"`
	Shipping       *ShippingAddress  `json:"shipping,omitempty" doc:"Where goods go; left out: the billing address."`
	IPCountry      string            `json:"ip_country"`
	TaxExempt      string            `json:"tax_exempt" doc:"Why no tax is charged; empty when it is."`
	Language       string            `json:"language"`
	Metadata       map[string]string `json:"metadata"`
	Source         *Source           `json:"source,omitempty" doc:"Where they came from; left out when it is not known."`
	CreatedAt      time.Time         `json:"created_at"`
	UpdatedAt      time.Time         `json:"updated_at"`
	DeletedAt      *time.Time        `json:"deleted_at"`
}

func customerOf(c customer.Customer) Customer {
	m := c.Metadata
	if m == nil {
		m = map[string]string{}
	}
	out := Customer{ID: c.ID.String(), Email: textOf(c.Email), Name: c.Buyer.Name, FirstName: c.Contact.FirstName, LastName: c.Contact.LastName,
		Phone: c.Contact.Phone, Company: c.Buyer.Company, Address: c.Buyer.Address, City: c.Buyer.City, Country: c.Buyer.Country, TaxID: c.Buyer.TaxID,
		TaxIDState: textOf(c.Taxing.IDState), TaxIDCheckedAt: timeOf(c.Taxing.CheckedAt), Region: c.Buyer.Region, PostalCode: c.Buyer.PostalCode, IPCountry: c.Taxing.IPCountry,
		TaxExempt: c.Taxing.Exempt, Language: c.Language, Metadata: m, CreatedAt: c.CreatedAt, UpdatedAt: c.UpdatedAt, DeletedAt: timeOf(c.DeletedAt)}
	if c.Source != (customer.Source{}) {
		source := Source(c.Source)
		out.Source = &source
	}
	if s := c.Taxing.Shipping; s != (customer.Address{}) {
		out.Shipping = &ShippingAddress{s.Name, s.Lines, s.Country, s.Region, s.PostalCode}
	}
	return out
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

func shown[T, W any](v *T, render func(T) W) *W {
	if v == nil {
		return nil
	}
	w := render(*v)
	return &w
}

// Payment is an attempt to collect an invoice.
type Payment struct {
	ID           string     `json:"id"`
	Invoice      string     `json:"invoice"`
	Customer     string     `json:"customer"`
	Method       string     `json:"payment_method"`
	Attempt      int        `json:"attempt"`
	State        string     `json:"state" enum:"pending,succeeded,declined" doc:"pending: see waits_for."`
	WaitsFor     *string    `json:"waits_for" enum:"answer,bank,customer,person" doc:"Of a pending payment: the gateway's answer, a bank that settles it in days, the customer who must confirm it, or a person of the team."`
	Trouble      *string    `json:"trouble" enum:"unanswered,amount_differs,overdue,by_hand" doc:"Why it waits for a person; by_hand: a person settled it."`
	Reference    *string    `json:"reference" doc:"The gateway's own."`
	Amount       Money      `json:"amount"`
	Refunded     Money      `json:"refunded" doc:"Sent back, or promised back."`
	DeclineCode  *string    `json:"decline_code"`
	DeclineClass *string    `json:"decline_class" enum:"later,new_details,authenticate,never" doc:"What trying again needs."`
	CreatedAt    time.Time  `json:"created_at"`
	SettledAt    *time.Time `json:"settled_at"`
}

func paymentOf(p payment.Payment) Payment {
	return Payment{p.ID.String(), p.Invoice.String(), p.Customer.String(), p.Method.String(), p.Attempt, string(p.State), textOf(waitsFor(p)), textOf(p.Trouble), textOf(p.Reference), moneyOf(p.Amount),
		Money{p.Refunded, string(p.Amount.Currency)}, textOf(p.DeclineCode), textOf(string(p.Class)), p.CreatedAt, timeOf(p.SettledAt)}
}

// waitsFor is what a pending payment waits for, "" for one that is settled.
func waitsFor(p payment.Payment) string {
	if p.State != payment.Pending {
		return ""
	}
	switch p.Waits {
	case payment.ForBank:
		return "bank"
	case payment.ForCustomer, payment.ForPerson:
		return string(p.Waits)
	}
	return "answer"
}

// Refund is money on its way back.
type Refund struct {
	ID        string     `json:"id"`
	Payment   string     `json:"payment"`
	Invoice   string     `json:"invoice"`
	Amount    Money      `json:"amount"`
	State     string     `json:"state" enum:"pending,succeeded,failed"`
	Reason    string     `json:"reason"`
	Recorded  bool       `json:"recorded" doc:"It was given in another way: the gateway was not asked."`
	Failure   *string    `json:"failure"`
	CreatedAt time.Time  `json:"created_at"`
	SettledAt *time.Time `json:"settled_at"`
}

func refundOf(r payment.Refund) Refund {
	return Refund{r.ID.String(), r.Payment.String(), r.Invoice.String(), moneyOf(r.Amount), string(r.State), r.Reason, r.Recorded, textOf(r.Failure), r.CreatedAt, timeOf(r.SettledAt)}
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
	Sequence  int64           `json:"sequence" doc:"1, 2, 3 … among the events of that thing, without a gap: which of two happened later."`
	Customer  *string         `json:"customer"`
	ActorKind string          `json:"actor_kind" enum:"api_key,member,customer,clock,operator"`
	Actor     string          `json:"actor"`
	Data      json.RawMessage `json:"data"`
}

func eventOf(e event.Event) Event {
	return Event{e.ID.String(), string(e.Kind), e.At, e.SubjectID(), e.Sequence, textOf(e.Customer.String()), string(e.Actor.Kind), e.Actor.Name, json.RawMessage(e.Data)}
}
