package paykickstart

import (
	"context"
	"strings"
	"time"

	"perennial/internal/catalog"
	"perennial/internal/commerce"
	"perennial/internal/customer"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/params"
	"perennial/internal/payment"
	"perennial/internal/period"
	"perennial/internal/report"
	"perennial/internal/subscription"
)

// purchaseWords are the fields of stories as these clients call them.
var purchaseWords = map[string]string{"price": "plan", "token": "stripeToken", "payment_method": "ref_purchase", "buyer.email": "email", "email": "email", "name": "first_name",
	"unit_amount": "price", "trial_days": "trial_days", "trial_amount": "trial_amount", "payments": "cycles", "interval": "recurring_freq", "coupons": "coupon_code", "affiliate": "affiliate",
	"fields": "custom_field"}

// bought is the answer of a purchase.
type bought struct {
	Success       int          `json:"success"`
	Message       string       `json:"message"`
	InvoiceID     string       `json:"invoice_id"`
	TransactionID string       `json:"transaction_id"`
	Data          purchaseWire `json:"data"`
}

// purchase sells a product: with a token of the gateway, or with the payment method of an
// earlier purchase.
func (d *Door) purchase(ctx context.Context, c *caller, v *params.Values) (any, error) {
	v.Require("product", "plan")
	sell, err := d.sale(ctx, c, v)
	if err != nil {
		return nil, err
	}
	sold, err := d.s.Sell(context.WithoutCancel(ctx), sell)
	if err != nil {
		return nil, renamed(err, purchaseWords)
	}
	p, err := d.r.PurchaseOnce(ctx, c.account.ID, sold.Order.ID)
	if err != nil {
		return nil, err
	}
	out := bought{Success: 1, Message: "Purchase was completed"}
	if out.Data, err = d.purchaseWire(ctx, c, &p); err != nil {
		return nil, err
	}
	out.InvoiceID = out.Data.InvoiceID
	if sold.Payment != nil {
		out.TransactionID, err = d.transactionID(ctx, c.account.ID, sold.Payment.ID.String())
	}
	return out, err
}

// sale reads what is sold to whom.
func (d *Door) sale(ctx context.Context, c *caller, v *params.Values) (commerce.Sell, error) {
	sell := commerce.Sell{Call: c.call(), Source: "paykickstart", Quantity: v.Int("quantity", 1, catalog.MaxQuantity), Token: v.TextMax("stripeToken", 255)}
	price, err := d.priceSent(ctx, c, v)
	if err != nil {
		return sell, err
	}
	sell.Price = price.ID
	if err := d.payer(ctx, c, v, &sell); err != nil {
		return sell, err
	}
	if unit, given := positive(v, "price", price.Amount.Currency); given {
		sell.Options.UnitAmount = &unit.Minor
	}
	sell.Options.Recurrence = recurrence(v, price)
	if code := v.TextMax("coupon", 64); code != "" {
		sell.Options.Coupons = []string{code}
	}
	if code := v.TextMax("coupon_code", 64); code != "" {
		sell.Options.Coupons = []string{code}
	}
	fields := v.Map("custom_field")
	for _, name := range fields.Names() {
		value := fields.TextMax(name, 200)
		fields.Check(customName.MatchString(name), name, "must be named by letters, digits and underscores")
		if sell.Options.Fields == nil {
			sell.Options.Fields = map[string]string{}
		}
		if value != "" {
			sell.Options.Fields[name] = value
		}
	}
	if err := d.brought(ctx, c, v, &sell); err != nil {
		return sell, err
	}
	return sell, v.Err()
}

// priceSent is the price at which the product that was sent as plan is sold. It must be of
// the campaign that was sent as product.
func (d *Door) priceSent(ctx context.Context, c *caller, v *params.Values) (catalog.Price, error) {
	campaign, err := sent[id.Campaign](ctx, d, c, v, "product", numberCampaigns)
	if err != nil {
		return catalog.Price{}, err
	}
	product, err := sent[id.Product](ctx, d, c, v, "plan", numberProducts)
	if err != nil {
		return catalog.Price{}, err
	}
	found, err := d.r.Product(ctx, c.account.ID, product)
	if err != nil {
		return catalog.Price{}, err
	}
	if found.Product.Campaign != campaign {
		return catalog.Price{}, fault.BadField("plan", "is no product of this campaign")
	}
	return soldAt(found, "plan")
}

// soldAt is the price that a product is sold at: its newest that is in use.
func soldAt(v report.ProductView, name string) (catalog.Price, error) {
	for _, p := range v.Prices {
		if p.State == catalog.Active {
			return p, nil
		}
	}
	return catalog.Price{}, fault.BadField(name, "is a product without a price")
}

// payer reads who buys and with what: with the method of an earlier purchase, or a token.
func (d *Door) payer(ctx context.Context, c *caller, v *params.Values, sell *commerce.Sell) error {
	if v.TextMax("ref_purchase", 40) != "" {
		before, err := d.purchaseSent(ctx, c, v, "ref_purchase")
		if err != nil {
			return err
		}
		if before.Method == nil || before.Method.State != payment.Usable {
			return fault.BadField("ref_purchase", "has no payment method that can be charged")
		}
		sell.Customer, sell.Method, sell.Token = before.Customer.ID, before.Method.ID, ""
		return nil
	}
	v.Require("first_name", "last_name", "email")
	if err := v.Err(); err != nil {
		return err
	}
	lines := v.TextMax("billing_address_1", 200)
	if two := v.TextMax("billing_address_2", 200); two != "" {
		lines += "\n" + two
	}
	sell.Buyer = &commerce.CreateCustomer{Email: v.TextMax("email", 254), Contact: customer.Contact{FirstName: v.TextMax("first_name", 100), LastName: v.TextMax("last_name", 100), Phone: v.TextMax("phone", 40)},
		Buyer: customer.Buyer{Company: v.TextMax("buyer_tax_name", 200), Address: lines, City: v.TextMax("billing_city", 80), Region: v.TextMax("billing_state", 60),
			PostalCode: v.TextMax("billing_zip", 20), Country: strings.ToUpper(v.TextMax("billing_country", 2)), TaxID: v.TextMax("buyer_tax_number", 40)}}
	if country := v.TextMax("shipping_country", 2); country != "" {
		sell.Buyer.Taxing.Shipping = customer.Address{Lines: v.TextMax("shipping_address_1", 200), Region: v.TextMax("shipping_state", 60), PostalCode: v.TextMax("shipping_zip", 20),
			Country: strings.ToUpper(country)}
	}
	return v.Err()
}

// brought reads the affiliate who brought the buyer, by number or e-mail address.
func (d *Door) brought(ctx context.Context, c *caller, v *params.Values, sell *commerce.Sell) error {
	sell.Referred.IP = v.TextMax("buyer_ip", 45)
	name := "affiliate"
	if !v.Has(name) {
		name = "affiliate_id"
	}
	if v.TextMax(name, 254) == "" {
		return nil
	}
	who, err := d.affiliateSent(ctx, c, v, name)
	sell.Referred.Affiliate, sell.Referred.TrackingID = who, v.TextMax("tracking_id", 100)
	return err
}

// recurrence reads how often the sale is paid again, where it is said; nil leaves the price
// as it is. What is not said is as the price has it.
func recurrence(v *params.Values, price catalog.Price) *commerce.Recurrence {
	recurs := v.Bool("is_recurring")
	tries := v.Has("has_trial") && v.TextMax("has_trial", 5) != ""
	trial := v.Bool("has_trial")
	if !recurs && !tries {
		return nil
	}
	out := &commerce.Recurrence{Every: price.Interval, Payments: price.Terms.Payments, TrialDays: price.TrialDays, TrialAmount: price.Terms.TrialAmount}
	if recurs {
		v.Require("recurring_freq", "recurring_freq_type")
		units := map[string]period.Unit{"day": period.Day, "month": period.Month, "year": period.Year}
		unit, known := units[strings.ToLower(v.TextMax("recurring_freq_type", 10))]
		v.Check(known, "recurring_freq_type", "must be day, month or year")
		out.Every = period.Interval{Count: int(v.Int("recurring_freq", 1, 730)), Unit: unit}
		out.Payments = int(v.Int("cycles", 0, subscription.MaxPayments))
		out.TrialDays, out.TrialAmount = 0, 0
	}
	if tries {
		out.TrialDays, out.TrialAmount = 0, 0
	}
	if trial {
		v.Require("trial_amount", "trial_days")
		v.Check(!out.Every.IsZero(), "has_trial", "is only for what is paid again")
		amount, _ := positive(v, "trial_amount", price.Amount.Currency)
		out.TrialAmount, out.TrialDays = amount.Minor, int(v.Int("trial_days", 1, catalog.MaxTrialDays))
	}
	return out
}

// updateCard gives a purchase another card.
func (d *Door) updateCard(ctx context.Context, c *caller, v *params.Values) (any, error) {
	v.Require("stripeToken")
	token := v.TextMax("stripeToken", 255)
	p, err := d.subscriptionSent(ctx, c, v)
	if err != nil {
		return nil, err
	}
	attach := commerce.AttachMethod{Call: c.call(), Customer: p.Customer.ID, Token: token}
	if p.Method != nil {
		if g, bad := id.Parse[id.GatewayAccount](p.Method.Gateway); bad == nil {
			attach.Gateway = g
		}
	}
	m, err := d.s.AttachMethod(ctx, attach)
	if err != nil {
		return nil, renamed(err, purchaseWords)
	}
	if _, err := d.s.ChangeMethod(context.WithoutCancel(ctx), commerce.ChangeMethod{Call: c.call(), Subscription: p.Subscription.ID, Method: m.ID}); err != nil {
		return nil, err
	}
	return done{1, "Credit card was updated"}, nil
}

// purchaseWire is a purchase as clients read it.
type purchaseWire struct {
	ID             string             `json:"id"`
	InvoiceID      string             `json:"invoice_id"`
	Status         string             `json:"status"`
	Mode           string             `json:"mode"`
	Amount         string             `json:"amount"`
	Currency       string             `json:"currency"`
	Quantity       int64              `json:"quantity"`
	CampaignID     int64              `json:"campaign_id"`
	CampaignName   string             `json:"campaign_name"`
	ProductID      int64              `json:"product_id"`
	ProductName    string             `json:"product_name"`
	BuyerFirstName string             `json:"buyer_first_name"`
	BuyerLastName  string             `json:"buyer_last_name"`
	BuyerEmail     string             `json:"buyer_email"`
	CouponCode     string             `json:"coupon_code"`
	AffiliateID    int64              `json:"affiliate_id"`
	AffiliateEmail string             `json:"affiliate_email"`
	TrackingID     string             `json:"tracking_id"`
	Licenses       string             `json:"licenses"`
	CreatedAt      string             `json:"created_at"`
	Subscriptions  []subscriptionWire `json:"subscriptions"`
	Transactions   []transactionWire  `json:"transactions"`
}

// subscriptionWire is the subscription of a purchase.
type subscriptionWire struct {
	Status            string `json:"status"`
	Price             string `json:"price"`
	Quantity          int64  `json:"quantity"`
	RecurringFreq     int    `json:"recurring_freq"`
	RecurringFreqType string `json:"recurring_freq_type"`
	Cycles            *int   `json:"cycles"`
	CyclesLeft        *int   `json:"cycles_left"`
	NextDate          string `json:"next_date"`
	TrialEnds         string `json:"trial_ends"`
	CancelAt          string `json:"cancel_at"`
	CanceledAt        string `json:"canceled_at"`
	CreatedAt         string `json:"created_at"`
}

// transactionWire is a payment of a purchase that went through.
type transactionWire struct {
	TransactionID string `json:"transaction_id"`
	Amount        string `json:"amount"`
	Currency      string `json:"currency"`
	Refunded      string `json:"refunded_amount"`
	IsRebill      string `json:"is_rebill"`
	CreatedAt     string `json:"created_at"`
}

func (d *Door) purchaseWire(ctx context.Context, c *caller, p *report.Purchase) (purchaseWire, error) {
	s, err := d.speak(ctx, c.account, p, moved{}, "")
	if err != nil {
		return purchaseWire{}, err
	}
	mode, _ := s.mode()
	first, last := p.Customer.Names()
	w := purchaseWire{ID: s.invoiceID, InvoiceID: s.invoiceID, Status: statusOf(p), Mode: mode, Currency: string(currencyOf(p, moved{}, c.account)), Quantity: 1, CampaignID: s.campaign,
		CampaignName: p.Campaign.Name, ProductID: s.product, ProductName: p.Product.Name, BuyerFirstName: first, BuyerLastName: last, BuyerEmail: p.Customer.Email,
		Licenses: licenseKeys(p), Subscriptions: []subscriptionWire{}, Transactions: []transactionWire{}}
	if p.Coupon != nil {
		w.CouponCode = p.Coupon.Code
	}
	if r := p.Referral; r != nil {
		w.AffiliateEmail, w.TrackingID = p.Affiliates[r.Affiliate].Email, r.TrackingID
		if w.AffiliateID, err = d.number(ctx, c.account.ID, numberAffiliates, r.Affiliate.String()); err != nil {
			return w, err
		}
	}
	if err := d.spellTransactions(ctx, c, p, &w); err != nil {
		return w, err
	}
	switch {
	case p.Subscription != nil:
		sub := p.Subscription
		w.Quantity, w.CreatedAt = sub.Quantity, stamp(sub.CreatedAt)
		w.Subscriptions = append(w.Subscriptions, spellSubscription(sub))
		if amount, err := sub.Amount(); err == nil && w.Amount == "" {
			w.Amount = amount.Major()
		}
	case p.Order != nil:
		w.Quantity, w.CreatedAt = p.Order.Quantity, stamp(p.Order.CreatedAt)
	case len(p.Invoices) > 0:
		w.CreatedAt = stamp(p.Invoices[0].Invoice.CreatedAt)
	}
	if w.Amount == "" {
		w.Amount = moved{}.amount(currencyOf(p, moved{}, c.account)).Major()
	}
	return w, nil
}

// spellTransactions spells the payments that went through, the oldest first; the first is
// what the purchase came to.
func (d *Door) spellTransactions(ctx context.Context, c *caller, p *report.Purchase, w *purchaseWire) error {
	list := movements(p)
	names := make([]string, len(list))
	for i, m := range list {
		names[i] = m.name()
	}
	ids, err := d.numbers(ctx, c.account.ID, numberTransactions, names...)
	for i, m := range list {
		paid := m.payment
		back := paid.Amount
		back.Minor = paid.Refunded
		w.Transactions = append(w.Transactions, transactionWire{spellID(transactionPrefix, ids[names[i]]), paid.Amount.Major(), string(paid.Amount.Currency), back.Major(), flag(m.rebill), stamp(m.at)})
		w.Currency = string(paid.Amount.Currency)
		if i == 0 {
			w.Amount = paid.Amount.Major()
		}
	}
	return err
}

func statusOf(p *report.Purchase) string {
	if sub := p.Subscription; sub != nil {
		return string(sub.State)
	}
	if len(p.Invoices) == 0 {
		return "completed" // it cost nothing
	}
	v := p.Invoices[0].Invoice
	if v.Refunded > 0 && v.Refunded >= v.Total.Minor-v.CreditUsed {
		return "refunded"
	}
	return string(v.State)
}

func spellSubscription(sub *subscription.Subscription) subscriptionWire {
	w := subscriptionWire{Status: string(sub.State), Price: sub.UnitAmount.Major(), Quantity: sub.Quantity, RecurringFreq: sub.Interval.Count, RecurringFreqType: sub.Interval.Unit.String(),
		NextDate: stamp(nextCharge(sub)), CancelAt: stamp(sub.CancelAt), CanceledAt: stamp(sub.EndedAt), CreatedAt: stamp(sub.CreatedAt)}
	if !sub.TrialTo.IsZero() {
		w.TrialEnds = stamp(sub.TrialTo)
	}
	if left := sub.PaymentsLeft(); left >= 0 {
		all := sub.EndPeriod
		w.Cycles, w.CyclesLeft = &all, &left
	}
	return w
}

// getPurchase answers a purchase at the top level.
func (d *Door) getPurchase(ctx context.Context, c *caller, v *params.Values) (any, error) {
	p, err := d.purchaseSent(ctx, c, v, "id")
	if err != nil {
		return nil, err
	}
	return d.purchaseWire(ctx, c, &p)
}

// getTransaction answers one movement of money.
func (d *Door) getTransaction(ctx context.Context, c *caller, v *params.Values) (any, error) {
	v.Require("id")
	n := numberOfID(transactionPrefix, v.TextMax("id", 40))
	if err := v.Err(); err != nil {
		return nil, err
	}
	found, err := d.r.Named(ctx, space(c.account.ID, numberTransactions), []int64{n})
	if err != nil {
		return nil, err
	}
	var refund payment.Refund
	paid, bad := id.Parse[id.Payment](found[n])
	if bad != nil {
		of, bad := id.Parse[id.Refund](found[n])
		if bad != nil {
			return nil, unknown(numberTransactions)
		}
		if refund, err = d.r.Refund(ctx, c.account.ID, of); err != nil {
			return nil, err
		}
		paid = refund.Payment
	}
	row, err := d.r.Payment(ctx, c.account.ID, paid)
	if err != nil {
		return nil, err
	}
	return d.transactionOf(ctx, c, row, refund.ID)
}

func (d *Door) transactionOf(ctx context.Context, c *caller, paid payment.Payment, refund id.Refund) (record, error) {
	p, err := d.r.PurchaseBilled(ctx, c.account.ID, paid.Invoice)
	if err != nil {
		return nil, err
	}
	m, ok := findMoved(&p, paid.ID, refund)
	if !ok {
		return nil, unknown(numberTransactions)
	}
	return d.recordOf(ctx, c, &p, m)
}

// How many transactions one answer holds, and how many payments are looked through for them.
const (
	maxTransactions = 100
	maxLooked       = 50_000
)

// transactions answers the newest payments that went through, or the newest up to an
// instant.
func (d *Door) transactions(ctx context.Context, c *caller, v *params.Values) (any, error) {
	upTo := instantOf(v, "created_at")
	if err := v.Err(); err != nil {
		return nil, err
	}
	if upTo.IsZero() {
		upTo = c.now
	}
	upTo = upTo.Add(time.Second) // the whole second counts
	list := []record{}
	var before id.Payment
	for looked := 0; looked < maxLooked; {
		page, err := d.r.Payments(ctx, c.account.ID, before, 500)
		if err != nil {
			return nil, err
		}
		for _, paid := range page {
			before = paid.ID
			if paid.State != payment.Paid || !paid.CreatedAt.Before(upTo) {
				continue
			}
			r, err := d.transactionOf(ctx, c, paid, 0)
			if err != nil {
				return nil, err
			}
			if list = append(list, r); len(list) == maxTransactions {
				break
			}
		}
		looked += len(page)
		if len(page) < 500 || len(list) == maxTransactions {
			break
		}
	}
	return struct {
		Transactions []record `json:"transactions"`
	}{list}, nil
}
