package paykickstart

// route is one address below /api. Each takes GET and POST, and its arguments from the
// query, a form or JSON.
type route struct {
	path string
	run  handler
}

// routes is the table of everything that the door answers.
func (d *Door) routes() []route {
	return []route{
		{"/purchase", d.purchase},
		{"/purchase/update-cc", d.updateCard},
		{"/purchase/get", d.getPurchase},
		{"/transaction/get", d.getTransaction},
		{"/transactions", d.transactions},
		{"/subscriptions/cancel", d.cancel},
		{"/subscriptions/re-activate", d.reactivate},
		{"/subscriptions/change", d.change},
		{"/subscriptions/usage", d.usage},
		{"/coupons", d.createCoupon},
		{"/licenses", d.licenses},
		{"/licenses/data", d.licenseData},
		{"/licenses/status", d.licenseStatus},
		{"/licenses/activate", d.activateLicense},
		{"/licenses/clear", d.clearLicense},
		{"/licenses/enable", d.enableLicense},
		{"/licenses/disable", d.disableLicense},
		{"/affiliates/all", d.affiliates},
		{"/affiliate", d.affiliate},
		{"/promo-material", d.promoMaterial},
		{"/leads/confirm", d.confirmLead},
		{"/billing-customer", d.billingCustomer},
	}
}
