package report

import (
	"context"
	"time"

	"perennial/internal/account"
	"perennial/internal/catalog"
	"perennial/internal/customer"
	"perennial/internal/db"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/invoice"
	"perennial/internal/link"
	"perennial/internal/payment"
	"perennial/internal/recovery"
	"perennial/internal/subscription"
)

// Policies are the account's recovery policies, newest first.
func (r *Reader) Policies(ctx context.Context, acc id.Account, before id.RecoveryPolicy, limit int) ([]recovery.Policy, error) {
	return view(ctx, r, func(tx *db.Tx) ([]recovery.Policy, error) { return recovery.Policies(tx, acc, before, limit) })
}

// Policy is one recovery policy; 0 is the standard one.
func (r *Reader) Policy(ctx context.Context, acc id.Account, policy id.RecoveryPolicy) (recovery.Policy, error) {
	if policy == 0 {
		return recovery.Standard(), nil
	}
	return view(ctx, r, func(tx *db.Tx) (recovery.Policy, error) { return recovery.LoadPolicy(tx, acc, policy) })
}

// Case is a recovery case and what people know it by.
type Case struct {
	recovery.Case
	Buyer    customer.Customer
	Number   string // of the invoice
	Product  string
	Campaign string
}

// Cases are the account's recovery cases, newest first.
func (r *Reader) Cases(ctx context.Context, acc id.Account, f recovery.Filter) ([]Case, error) {
	return view(ctx, r, func(tx *db.Tx) ([]Case, error) {
		list, err := recovery.Cases(tx, acc, f)
		if err != nil {
			return nil, err
		}
		return named(tx, acc, list)
	})
}

// CaseView is a recovery case, the charges that were tried, and the subscription.
type CaseView struct {
	Case
	Payments     []payment.Payment // of its invoice, oldest first
	Subscription subscription.Subscription
}

// Case is one recovery case.
func (r *Reader) Case(ctx context.Context, acc id.Account, c id.RecoveryCase) (CaseView, error) {
	return view(ctx, r, func(tx *db.Tx) (CaseView, error) {
		one, err := recovery.LoadCase(tx, acc, c)
		if err != nil {
			return CaseView{}, err
		}
		list, err := named(tx, acc, []recovery.Case{one})
		if err != nil {
			return CaseView{}, err
		}
		v := CaseView{Case: list[0]}
		tries, err := payment.OfInvoices(tx, acc, []int64{int64(one.Invoice)})
		if err != nil {
			return v, err
		}
		v.Payments = tries[one.Invoice]
		v.Subscription, err = subscription.Load(tx, acc, one.Subscription)
		return v, err
	})
}

// CaseOf is the recovery case of an invoice, nil when it has none.
func (r *Reader) CaseOf(ctx context.Context, acc id.Account, v id.Invoice) (*recovery.Case, error) {
	return view(ctx, r, func(tx *db.Tx) (*recovery.Case, error) {
		found, err := recovery.CasesOf(tx, acc, []int64{int64(v)})
		return found[v], err
	})
}

// named adds to cases what people know them by, each kind in one query.
func named(tx *db.Tx, acc id.Account, list []recovery.Case) ([]Case, error) {
	var customers, invoices, products, campaigns []int64
	for _, c := range list {
		customers, invoices = append(customers, int64(c.Customer)), append(invoices, int64(c.Invoice))
		products, campaigns = append(products, int64(c.Product)), append(campaigns, int64(c.Campaign))
	}
	out := make([]Case, len(list))
	if len(list) == 0 {
		return out, nil
	}
	buyers, err := customer.ByID(tx, acc, customers)
	if err != nil {
		return nil, err
	}
	bills, err := invoice.ByID(tx, acc, invoices)
	if err != nil {
		return nil, err
	}
	sold, err := catalog.ProductsByID(tx, acc, products)
	if err != nil {
		return nil, err
	}
	folders, err := catalog.CampaignsByID(tx, acc, campaigns)
	if err != nil {
		return nil, err
	}
	for i, c := range list {
		out[i] = Case{Case: c, Buyer: buyers[c.Customer], Number: bills[c.Invoice].Label(), Product: sold[c.Product].Name, Campaign: folders[c.Campaign].Name}
	}
	return out, nil
}

// AtStake sums the running cases.
func (r *Reader) AtStake(ctx context.Context, acc id.Account) ([]recovery.Sum, error) {
	return view(ctx, r, func(tx *db.Tx) ([]recovery.Sum, error) { return recovery.AtStake(tx, acc) })
}

// Results sums the cases that were closed from one instant up to, and without, another.
// Campaigns have their ids for keys.
func (r *Reader) Results(ctx context.Context, acc id.Account, by recovery.Dimension, from, to time.Time) ([]recovery.Sum, error) {
	return view(ctx, r, func(tx *db.Tx) ([]recovery.Sum, error) { return recovery.Results(tx, acc, by, from, to) })
}

// OpenedLink is a link as the page behind it shows it.
type OpenedLink struct {
	Link     link.Link
	State    link.State
	Account  account.Account
	Buyer    customer.Customer
	Invoice  *invoice.Invoice // that it is about; nil when it is about no invoice
	Lines    []invoice.Line
	Product  *catalog.Product // that is kept running; nil when the invoice is of no subscription
	Sub      *subscription.Subscription
	Method   *payment.Method  // that is charged at present
	Declined string           // the code of the last decline, "" for none
	Waiting  *payment.Payment // of the invoice, without an outcome so far; nil for none
}

// Link is what the page behind a secret shows. Looking changes nothing. An unknown secret
// is link.ErrUnknown.
func (r *Reader) Link(ctx context.Context, secret string) (OpenedLink, error) {
	return view(ctx, r, func(tx *db.Tx) (OpenedLink, error) {
		l, err := link.BySecret(tx, secret)
		if err != nil {
			return OpenedLink{}, err
		}
		o := OpenedLink{Link: l}
		if o.Account, err = account.Load(tx, l.Account); err != nil {
			return o, err
		}
		o.State = l.State(o.Account.Now(r.clock.Now()))
		if o.Buyer, err = customer.Load(tx, l.Account, l.Customer); err != nil {
			return o, err
		}
		return o, o.load(tx)
	})
}

// load reads what the link is about.
func (o *OpenedLink) load(tx *db.Tx) error {
	acc := o.Link.Account
	if o.Link.Subject == 0 {
		return nil
	}
	v, err := invoice.Load(tx, acc, id.Invoice(o.Link.Subject))
	if err != nil {
		return err
	}
	o.Invoice = &v
	if o.Lines, err = invoice.Lines(tx, v); err != nil {
		return err
	}
	tries, err := payment.OfInvoices(tx, acc, []int64{int64(v.ID)})
	if err != nil {
		return err
	}
	for _, p := range tries[v.ID] {
		if p.State == payment.Pending {
			o.Waiting = &p
		}
	}
	if v.Subscription == 0 {
		return nil
	}
	sub, err := subscription.Load(tx, acc, v.Subscription)
	if err != nil {
		if fault.Is(err, fault.NotFound) {
			return nil
		}
		return err
	}
	o.Sub = &sub
	p, err := catalog.LoadProduct(tx, acc, sub.Product)
	if err != nil {
		return err
	}
	o.Product = &p
	found, err := recovery.CasesOf(tx, acc, []int64{int64(v.ID)})
	if err != nil {
		return err
	}
	if kase := found[v.ID]; kase != nil && kase.Running() {
		o.Declined = kase.Code
	}
	if sub.Method == 0 {
		return nil
	}
	m, err := payment.LoadMethod(tx, acc, sub.Method)
	if err == nil && m.State == payment.Usable {
		o.Method = &m
	}
	return err
}
