package paykickstart

import (
	"bytes"
	"context"
	"encoding/json"
	"regexp"
	"sort"
	"strconv"
	"strings"
	"time"

	"perennial/internal/account"
	"perennial/internal/affiliate"
	"perennial/internal/commerce"
	"perennial/internal/coupon"
	"perennial/internal/id"
	"perennial/internal/money"
	"perennial/internal/payment"
	"perennial/internal/report"
	"perennial/internal/subscription"
)

// field is one name and value of what is told of a transaction.
type field struct{ name, value string }

// record is what is told of a transaction, in the order in which it is told.
type record []field

// MarshalJSON is an object with the fields in their order.
func (r record) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, f := range r {
		if i > 0 {
			b.WriteByte(',')
		}
		for j, s := range []string{f.name, f.value} {
			text, err := json.Marshal(s)
			if err != nil {
				return nil, err
			}
			b.Write(text)
			if j == 0 {
				b.WriteByte(':')
			}
		}
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// moved is one movement of money of a purchase: a payment, or a refund of one. Both are nil
// of an event without money.
type moved struct {
	row     *report.InvoiceRow
	payment *payment.Payment
	refund  *payment.Refund
	rebill  bool // not the first payment of the purchase
	at      time.Time
}

// amount is what moved, never below zero.
func (m moved) amount(c money.Currency) money.Amount {
	switch {
	case m.refund != nil:
		return m.refund.Amount
	case m.payment != nil:
		return m.payment.Amount
	}
	return money.Zero(c)
}

// name is by what the transaction is numbered.
func (m moved) name() string {
	switch {
	case m.refund != nil:
		return m.refund.ID.String()
	case m.payment != nil:
		return m.payment.ID.String()
	}
	return ""
}

// tax is the tax in what moved, and its rate in per cent; of a refund or a part payment its
// share.
func (m moved) tax(c money.Currency) (money.Amount, string) {
	if m.row == nil || m.row.Invoice.Total.Minor <= 0 {
		return money.Zero(c), ""
	}
	v := m.row.Invoice
	part := m.amount(c)
	tax, err := v.Tax.MulRatio(min(part.Minor, v.Total.Minor), v.Total.Minor, money.HalfEven)
	if err != nil {
		tax = v.Tax
	}
	for _, l := range m.row.Lines {
		if !l.Rate.IsZero() {
			return tax, l.Rate.Percent()
		}
	}
	return tax, ""
}

// movements are the payments of a purchase that went through, oldest first.
func movements(p *report.Purchase) []moved {
	var list []moved
	for i := range p.Invoices {
		row := &p.Invoices[i]
		for j := range row.Payments {
			if paid := &row.Payments[j]; paid.State == payment.Paid {
				list = append(list, moved{row: row, payment: paid, rebill: len(list) > 0, at: paid.CreatedAt})
			}
		}
	}
	return list
}

// findMoved is the movement of a payment or refund of a purchase; a payment that was
// declined is one, too, of which no money moved.
func findMoved(p *report.Purchase, of id.Payment, refund id.Refund) (moved, bool) {
	sold := movements(p)
	for i := range p.Invoices {
		row := &p.Invoices[i]
		for j := range row.Payments {
			paid := &row.Payments[j]
			rebill := len(sold) > 0 && sold[0].payment.ID != paid.ID
			if refund == 0 && paid.ID == of {
				return moved{row: row, payment: paid, rebill: rebill, at: paid.CreatedAt}, true
			}
			for k := range p.Refunds[paid.ID] {
				if r := &p.Refunds[paid.ID][k]; refund != 0 && r.ID == refund {
					at := r.SettledAt
					if at.IsZero() {
						at = r.CreatedAt
					}
					return moved{row: row, payment: paid, refund: r, rebill: rebill, at: at}, true
				}
			}
		}
	}
	return moved{}, false
}

// spoken is what a record needs besides the purchase.
type spoken struct {
	event       string
	account     account.Account
	invoiceID   string
	transaction string
	campaign    int64
	product     int64
	gateway     string // kind of the gateway of the method, "" when unknown
}

// speak looks up the numbers that a record shows.
func (d *Door) speak(ctx context.Context, a account.Account, p *report.Purchase, m moved, event string) (spoken, error) {
	s := spoken{event: event, account: a}
	var err error
	if s.invoiceID, err = d.purchaseID(ctx, a.ID, p); err != nil {
		return s, err
	}
	if s.transaction, err = d.transactionID(ctx, a.ID, m.name()); err != nil {
		return s, err
	}
	if s.campaign, err = d.number(ctx, a.ID, numberCampaigns, p.Campaign.ID.String()); err != nil {
		return s, err
	}
	if s.product, err = d.number(ctx, a.ID, numberProducts, p.Product.ID.String()); err != nil {
		return s, err
	}
	gateway := ""
	switch {
	case m.payment != nil:
		gateway = m.payment.Gateway
	case p.Method != nil:
		gateway = p.Method.Gateway
	}
	if g, bad := id.Parse[id.GatewayAccount](gateway); bad == nil {
		found, err := d.r.Gateway(ctx, a.ID, g)
		if err != nil {
			return s, err
		}
		gateway = found.Kind
	}
	s.gateway = gateway
	return s, nil
}

func (s spoken) mode() (mode, processor string) {
	if s.account.Mode == account.Sandbox {
		return "test", "testmode"
	}
	if s.gateway == commerce.SandboxGateway {
		return "live", "testmode"
	}
	return "live", s.gateway
}

// fields are everything that is told of a transaction of a purchase, by name. A purchase
// that was paid once has neither quantity nor is_rebill.
func (s spoken) fields(p *report.Purchase, m moved) map[string]string {
	c := currencyOf(p, m, s.account)
	mode, processor := s.mode()
	tax, percent := m.tax(c)
	first, last := p.Customer.Names()
	vendorFirst, vendorLast, _ := strings.Cut(s.account.Name, " ")
	f := map[string]string{
		"event": s.event, "mode": mode, "payment_processor": processor, "currency": string(c), "amount": m.amount(c).Major(),
		"next_billing_date": "", "transaction_type": "primary", "transaction_id": s.transaction, "invoice_id": s.invoiceID, "transaction_time": unix(m.at), "tracking_id": "",
		"product_id": number(s.product), "product_name": p.Product.Name, "campaign_id": number(s.campaign), "campaign_name": p.Campaign.Name,
		"buyer_ip": "", "buyer_first_name": first, "buyer_last_name": last, "buyer_email": p.Customer.Email, "buyer_tax_number": p.Customer.Buyer.TaxID, "buyer_tax_name": p.Customer.Buyer.Company,
		"vendor_first_name": vendorFirst, "vendor_last_name": vendorLast, "vendor_email": s.account.Email,
		"tax_transaction_id": "", "tax_amount": tax.Major(), "tax_percent": percent, "coupon_code": "", "coupon_type": "", "coupon_rate": "",
	}
	if p.Product.Name == "" && m.row != nil && len(m.row.Lines) > 0 {
		f["product_name"] = m.row.Lines[0].Description
	}
	putAddresses(f, p)
	if sub := p.Subscription; sub != nil {
		f["quantity"], f["is_rebill"] = strconv.FormatInt(sub.Quantity, 10), flag(m.rebill)
		f["next_billing_date"] = unix(nextCharge(sub))
	}
	if p.Coupon != nil {
		f["coupon_code"], f["coupon_type"], f["coupon_rate"] = p.Coupon.Code, "percentage", p.Coupon.Percent.Percent()
		if p.Coupon.Kind == coupon.Fixed {
			f["coupon_type"], f["coupon_rate"] = "amount", p.Coupon.Amount.Major()
		}
	}
	putAffiliates(f, p, m)
	for name, value := range customFields(p, m) {
		f["custom_"+name] = value
	}
	for name, value := range f {
		f[name] = strings.Trim(value, " \t\n\r\x00\x0b")
	}
	return f
}

func number(n int64) string {
	if n == 0 {
		return ""
	}
	return strconv.FormatInt(n, 10)
}

func currencyOf(p *report.Purchase, m moved, a account.Account) money.Currency {
	switch {
	case m.row != nil:
		return m.row.Invoice.Total.Currency
	case p.Subscription != nil:
		return p.Subscription.UnitAmount.Currency
	case p.Price.ID != 0:
		return p.Price.Amount.Currency
	}
	return a.Currency
}

// putAddresses tells where the buyer is and where goods go.
func putAddresses(f map[string]string, p *report.Purchase) {
	b := p.Customer.Buyer
	put := func(kind, lines, city, region, zip, country string) {
		one, two, _ := strings.Cut(lines, "\n")
		f[kind+"_address_1"], f[kind+"_address_2"] = one, strings.ReplaceAll(two, "\n", ", ")
		f[kind+"_city"], f[kind+"_state"], f[kind+"_zip"], f[kind+"_country"] = city, region, zip, country
	}
	put("billing", b.Address, b.City, b.Region, b.PostalCode, b.Country)
	if s := p.Customer.Taxing.Shipping; s.Country != "" || s.Lines != "" {
		put("shipping", s.Lines, "", s.Region, s.PostalCode, s.Country)
		return
	}
	put("shipping", "", "", "", "", "")
}

// putAffiliates tells who earns by the transaction.
func putAffiliates(f map[string]string, p *report.Purchase, m moved) {
	for _, prefix := range []string{"affiliate_", "ref_affiliate_"} {
		for _, name := range []string{"first_name", "last_name", "email", "commission_amount", "commission_percent"} {
			f[prefix+name] = ""
		}
	}
	r := p.Referral
	if r == nil {
		return
	}
	f["tracking_id"] = r.TrackingID
	rate := r.Promise.First
	if m.rebill {
		rate = r.Promise.Rebill
	}
	put := func(prefix string, who id.Affiliate, tier affiliate.Tier, percent string) {
		a, ok := p.Affiliates[who]
		if !ok {
			return
		}
		f[prefix+"first_name"], f[prefix+"last_name"], _ = strings.Cut(a.Name, " ")
		f[prefix+"email"], f[prefix+"commission_percent"] = a.Email, percent
		if sum, ok := earned(p, m, tier); ok {
			f[prefix+"commission_amount"] = sum.Major()
		}
	}
	percent := ""
	if rate.Fixed.IsZero() {
		percent = rate.Share.Percent()
	}
	put("affiliate_", r.Affiliate, affiliate.FirstTier, percent)
	if second, err := money.ParseRate(r.Promise.Second); err == nil && r.Recruiter != 0 {
		put("ref_affiliate_", r.Recruiter, affiliate.SecondTier, second.Percent())
	}
}

// earned is what a transaction earned in a tier, or what its refund took back.
func earned(p *report.Purchase, m moved, tier affiliate.Tier) (money.Amount, bool) {
	if m.row == nil {
		return money.Amount{}, false
	}
	var sum money.Amount
	found := false
	for _, c := range p.Commissions[m.row.Invoice.ID] {
		taken := m.refund != nil && c.Source == int64(m.refund.ID)
		if c.Tier != tier || m.refund == nil && c.Amount.Sign() < 0 || m.refund != nil && !taken {
			continue
		}
		amount := c.Amount
		if taken {
			amount.Minor = -amount.Minor
		}
		sum.Currency, found = amount.Currency, true
		sum.Minor += amount.Minor
	}
	return sum, found
}

var customName = regexp.MustCompile(`^[A-Za-z0-9_]{1,40}$`)

// customFields are the further facts of a purchase, by names that may stand in a form.
func customFields(p *report.Purchase, m moved) map[string]string {
	var of map[string]string
	switch {
	case p.Subscription != nil:
		of = p.Subscription.Extras.Fields
	case m.row != nil:
		of = m.row.Invoice.Notes.Fields
	case len(p.Invoices) > 0:
		of = p.Invoices[0].Invoice.Notes.Fields
	}
	out := map[string]string{}
	for name, value := range of {
		if customName.MatchString(name) {
			out[name] = value
		}
	}
	return out
}

// sorted is the fields in the order of their names.
func sorted(f map[string]string) record {
	out := make(record, 0, len(f)+3)
	for name, value := range f {
		out = append(out, field{name, value})
	}
	sort.Slice(out, func(i, j int) bool { return out[i].name < out[j].name })
	return out
}

// licenseKeys are the keys that a purchase brought, as one text.
func licenseKeys(p *report.Purchase) string {
	keys := make([]string, len(p.Licenses))
	for i, l := range p.Licenses {
		keys[i] = l.Key
	}
	return strings.Join(keys, ", ")
}

// recordOf is what is told of a movement when somebody asks for it: what a notification
// says, and some names besides that clients read.
func (d *Door) recordOf(ctx context.Context, c *caller, p *report.Purchase, m moved) (record, error) {
	event := eventSales
	switch {
	case m.refund != nil:
		event = eventRefund
	case m.payment.State == payment.DeclinedState:
		event = eventPaymentFailed
	case m.rebill:
		event = eventPayment
	}
	s, err := d.speak(ctx, c.account, p, m, event)
	if err != nil {
		return nil, err
	}
	f := s.fields(p, m)
	f["licenses"] = licenseKeys(p)
	f["buyer_name"] = strings.TrimSpace(f["buyer_first_name"] + " " + f["buyer_last_name"])
	f["total_amount"], f["created_at"] = f["amount"], stamp(m.at)
	f["status"] = "completed"
	switch {
	case m.refund != nil:
		f["status"] = "refund"
	case m.payment.State == payment.DeclinedState:
		f["status"] = "failed"
	case m.payment.State == payment.Pending:
		f["status"] = "pending"
	case m.payment.Refunded > 0 && m.payment.Refunded >= m.payment.Amount.Minor:
		f["status"] = "refunded"
	}
	return sorted(f), nil
}

// nextCharge is when a subscription is charged next; zero when it is not.
func nextCharge(s *subscription.Subscription) time.Time {
	switch {
	case s.State == subscription.Canceled, s.State == subscription.Paused,
		!s.CancelAt.IsZero() && !s.CancelAt.After(s.Span.To), s.EndPeriod > 0 && s.PaymentsLeft() == 0:
		return time.Time{}
	}
	return s.Span.To
}
