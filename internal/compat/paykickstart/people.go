package paykickstart

import (
	"context"

	"perennial/internal/account"
	"perennial/internal/commerce"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/params"
)

// confirmLead notes that a lead confirmed their address.
func (d *Door) confirmLead(ctx context.Context, c *caller, v *params.Values) (any, error) {
	v.Require("lead_id", "lead_campaign_id")
	campaign, err := sent[id.Campaign](ctx, d, c, v, "lead_campaign_id", numberCampaigns)
	if err != nil {
		return nil, err
	}
	of, err := sent[id.Lead](ctx, d, c, v, "lead_id", numberLeads)
	if err != nil {
		return nil, err
	}
	if _, err := d.s.ConfirmLead(ctx, commerce.ConfirmLead{Call: c.call(), Lead: of, Campaign: campaign}); err != nil {
		return nil, err
	}
	return done{1, "Lead was confirmed"}, nil
}

// customerSent is the customer whose e-mail address was sent.
func (d *Door) customerSent(ctx context.Context, c *caller, v *params.Values, name string) (id.Customer, error) {
	text := v.TextMax(name, 254)
	if err := v.Err(); err != nil {
		return 0, err
	}
	email, err := account.ParseEmail(text)
	if err != nil {
		return 0, fault.BadField(name, "must be an e-mail address")
	}
	found, err := d.r.CustomerByEmail(ctx, c.account.ID, email)
	if fault.Is(err, fault.NotFound) {
		err = fault.New(fault.NotFound, "there is no customer with that e-mail address")
	}
	return found.ID, err
}

// billingCustomer is a secret that signs a customer in, for half an hour.
func (d *Door) billingCustomer(ctx context.Context, c *caller, v *params.Values) (any, error) {
	v.Require("email")
	who, err := d.customerSent(ctx, c, v, "email")
	if err != nil {
		return nil, err
	}
	made, err := d.s.CreateSignIn(ctx, commerce.CreateSignIn{Call: c.call(), Customer: who, Several: true})
	return struct {
		Status bool   `json:"status"`
		Secret string `json:"secret"`
	}{true, made.Token}, err
}
