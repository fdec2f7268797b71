package paykickstart

import (
	"context"

	"perennial/internal/commerce"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/params"
)

// licenseWire is a licence as clients read it.
type licenseWire struct {
	LicenseKey string  `json:"license_key"`
	Status     int     `json:"status"`
	GUID       *string `json:"guid"`
}

// licenseMore is a licence with what it was issued for.
type licenseMore struct {
	licenseWire
	Enabled        int    `json:"enabled"`
	BuyerFirstName string `json:"buyer_first_name"`
	BuyerLastName  string `json:"buyer_last_name"`
	BuyerEmail     string `json:"buyer_email"`
	CampaignID     int64  `json:"campaign_id"`
	ProductID      int64  `json:"product_id"`
	ProductName    string `json:"product_name"`
	InvoiceID      string `json:"invoice_id"`
	CreatedAt      string `json:"created_at"`
	ActivatedAt    string `json:"activated_at"`
}

// answered is the answer of a licence's addresses.
type answered struct {
	Success int    `json:"success"`
	Message string `json:"message"`
	Data    any    `json:"data"`
}

func whole(b bool) int {
	if b {
		return 1
	}
	return 0
}

// spellLicense spells a licence; its status is whether it is active somewhere.
func spellLicense(l commerce.LicenseDone) licenseWire {
	w := licenseWire{LicenseKey: l.Key, Status: whole(l.GUID != "" && l.Valid)}
	if l.GUID != "" {
		w.GUID = &l.GUID
	}
	return w
}

// licenses lists the licences of a buyer in a campaign.
func (d *Door) licenses(ctx context.Context, c *caller, v *params.Values) (any, error) {
	v.Require("campaign_id", "buyer_email")
	campaign, err := sent[id.Campaign](ctx, d, c, v, "campaign_id", numberCampaigns)
	if err != nil {
		return nil, err
	}
	list := []licenseWire{}
	buyer, err := d.customerSent(ctx, c, v, "buyer_email")
	if fault.Is(err, fault.NotFound) {
		return struct {
			Success int           `json:"success"`
			Data    []licenseWire `json:"data"`
		}{1, list}, nil
	}
	if err != nil {
		return nil, err
	}
	all, err := d.s.LicensesOf(ctx, c.account.ID, buyer)
	for _, l := range all {
		if l.Campaign == campaign {
			list = append(list, spellLicense(l))
		}
	}
	return struct {
		Success int           `json:"success"`
		Data    []licenseWire `json:"data"`
	}{1, list}, err
}

// keySent is the licence whose key was sent.
func (d *Door) keySent(ctx context.Context, c *caller, v *params.Values) (commerce.LicenseDone, error) {
	v.Require("license_key")
	key := v.TextMax("license_key", 64)
	if err := v.Err(); err != nil {
		return commerce.LicenseDone{}, err
	}
	return d.s.LicenseByKey(ctx, c.account.ID, key)
}

func (d *Door) licenseData(ctx context.Context, c *caller, v *params.Values) (any, error) {
	l, err := d.keySent(ctx, c, v)
	if err != nil {
		return nil, err
	}
	p, err := d.r.PurchaseOnce(ctx, c.account.ID, l.Order)
	if err != nil {
		return nil, err
	}
	w := licenseMore{licenseWire: spellLicense(l), Enabled: whole(l.Enabled), BuyerEmail: p.Customer.Email, ProductName: p.Product.Name, CreatedAt: stamp(l.CreatedAt), ActivatedAt: stamp(l.ActivatedAt)}
	w.BuyerFirstName, w.BuyerLastName = p.Customer.Names()
	s, err := d.speak(ctx, c.account, &p, moved{}, "")
	w.CampaignID, w.ProductID, w.InvoiceID = s.campaign, s.product, s.invoiceID
	return answered{1, "", w}, err
}

// licenseStatus tells whether a licence holds and whether it is active. A key that is not
// there is not valid, which is no refusal.
func (d *Door) licenseStatus(ctx context.Context, c *caller, v *params.Values) (any, error) {
	type standing struct {
		Valid  int `json:"valid"`
		Active int `json:"active"`
	}
	l, err := d.keySent(ctx, c, v)
	if err != nil && !fault.Is(err, fault.NotFound) {
		return nil, err
	}
	return struct {
		Success int      `json:"success"`
		Data    standing `json:"data"`
	}{1, standing{whole(l.Valid), whole(l.Valid && l.GUID != "")}}, nil
}

func (d *Door) activateLicense(ctx context.Context, c *caller, v *params.Values) (any, error) {
	v.Require("license_key", "guid")
	use := commerce.ActivateLicense{Call: c.call(), Key: v.TextMax("license_key", 64), GUID: v.TextMax("guid", 200)}
	if err := v.Err(); err != nil {
		return nil, err
	}
	l, err := d.s.ActivateLicense(ctx, use)
	return answered{1, "", spellLicense(l)}, err
}

// changeLicense answers a change of the licence whose key was sent.
func (d *Door) changeLicense(v *params.Values, message string, change func(key string) (commerce.LicenseDone, error)) (any, error) {
	v.Require("license_key")
	key := v.TextMax("license_key", 64)
	if err := v.Err(); err != nil {
		return nil, err
	}
	l, err := change(key)
	return answered{1, message, spellLicense(l)}, err
}

func (d *Door) clearLicense(ctx context.Context, c *caller, v *params.Values) (any, error) {
	return d.changeLicense(v, "License was cleared", func(key string) (commerce.LicenseDone, error) {
		return d.s.ClearLicense(ctx, commerce.ClearLicense{Call: c.call(), Key: key})
	})
}

func (d *Door) enableLicense(ctx context.Context, c *caller, v *params.Values) (any, error) {
	return d.changeLicense(v, "License was enabled", func(key string) (commerce.LicenseDone, error) {
		return d.s.EnableLicense(ctx, commerce.EnableLicense{Call: c.call(), Key: key})
	})
}

func (d *Door) disableLicense(ctx context.Context, c *caller, v *params.Values) (any, error) {
	return d.changeLicense(v, "License was disabled", func(key string) (commerce.LicenseDone, error) {
		return d.s.EnableLicense(ctx, commerce.EnableLicense{Call: c.call(), Key: key, Disable: true})
	})
}
