package dashboard

import (
	"perennial/internal/commerce"
	"perennial/internal/money"
)

// catalogPages are the routes of prices, settings of products, coupons, meters, taxes and
// the account's own settings.
func catalogPages() map[string]page {
	const a = "/app/{account}/"
	return map[string]page{
		"POST " + a + "products/examples":      {products, (*visit).examples},
		"GET " + a + "products/{id}/settings":  {products, (*visit).productSettings},
		"POST " + a + "products/{id}/settings": {products, (*visit).saveProductSettings},
		"GET " + a + "prices/{id}":             {see, (*visit).price},
		"GET " + a + "prices/{id}/edit":        {products, (*visit).editPrice},
		"POST " + a + "prices/{id}/edit":       {products, (*visit).updatePrice},

		"GET " + a + "coupons":               {see, (*visit).coupons},
		"GET " + a + "coupons/new":           {products, (*visit).newCoupon},
		"POST " + a + "coupons/new":          {products, (*visit).createCoupon},
		"GET " + a + "coupons/{id}":          {see, (*visit).coupon},
		"GET " + a + "coupons/{id}/edit":     {products, (*visit).editCoupon},
		"POST " + a + "coupons/{id}/edit":    {products, (*visit).updateCoupon},
		"POST " + a + "coupons/{id}/archive": {products, (*visit).archiveCoupon},

		"GET " + a + "meters":               {see, (*visit).meters},
		"GET " + a + "meters/new":           {products, (*visit).newMeter},
		"POST " + a + "meters/new":          {products, (*visit).createMeter},
		"GET " + a + "meters/{id}":          {see, (*visit).meter},
		"GET " + a + "meters/{id}/edit":     {products, (*visit).editMeter},
		"POST " + a + "meters/{id}/edit":    {products, (*visit).updateMeter},
		"POST " + a + "meters/{id}/archive": {products, (*visit).archiveMeter},

		"GET " + a + "settings/billing":  {see, (*visit).billingSettings},
		"POST " + a + "settings/billing": {taxes, (*visit).saveBillingSettings},

		"GET " + a + "settings/tax":                    {see, (*visit).taxProfiles},
		"GET " + a + "settings/tax/new":                {taxes, (*visit).newTaxProfile},
		"POST " + a + "settings/tax/new":               {taxes, (*visit).createTaxProfile},
		"GET " + a + "settings/tax/{id}":               {see, (*visit).taxProfile},
		"GET " + a + "settings/tax/{id}/edit":          {taxes, (*visit).editTaxProfile},
		"POST " + a + "settings/tax/{id}/edit":         {taxes, (*visit).updateTaxProfile},
		"POST " + a + "settings/tax/{id}/archive":      {taxes, (*visit).archiveTaxProfile},
		"POST " + a + "settings/tax/{id}/use":          {taxes, (*visit).useTaxProfile},
		"GET " + a + "settings/tax/{id}/rule":          {taxes, (*visit).newTaxRule},
		"POST " + a + "settings/tax/{id}/rule":         {taxes, (*visit).createTaxRule},
		"POST " + a + "settings/tax/{id}/rules/{rule}": {taxes, (*visit).removeTaxRule},
		"GET " + a + "settings/tax/{id}/import":        {taxes, (*visit).importTaxRules},
		"POST " + a + "settings/tax/{id}/import":       {taxes, (*visit).saveTaxRules},
		"GET " + a + "settings/shipping":               {see, (*visit).shipping},
		"GET " + a + "settings/shipping/new":           {taxes, (*visit).newShippingRule},
		"POST " + a + "settings/shipping/new":          {taxes, (*visit).createShippingRule},
		"GET " + a + "settings/shipping/{id}/edit":     {taxes, (*visit).editShippingRule},
		"POST " + a + "settings/shipping/{id}/edit":    {taxes, (*visit).updateShippingRule},
		"POST " + a + "settings/shipping/{id}/archive": {taxes, (*visit).archiveShippingRule},
		"GET " + a + "settings/exchange-rates":         {see, (*visit).exchangeRates},
		"POST " + a + "settings/exchange-rates":        {taxes, (*visit).setExchangeRate},
	}
}

// submit runs the story of a form, unless what was filled in is refused already. It leads
// on, or shows the form again with what is wrong.
func (v *visit) submit(f filled, c money.Currency, refused error, to func(result any) string, do func(call commerce.Call) (any, error), show func(status int, f filled)) {
	o := outcome{err: refused}
	if refused == nil {
		o = v.once(to, do)
	}
	if o.err == nil {
		v.done(o.location)
	} else if problems, status, ok := v.again(o.err); ok {
		f.problems = v.inMajor(problems, c)
		for i := range f.problems {
			f.problems[i].Message = plainWords.Replace(f.problems[i].Message)
		}
		show(status, f)
	}
}

// press runs the story of a button, which has no form to show again.
func (v *visit) press(to string, do func(call commerce.Call) (any, error)) {
	if !v.form() {
		return
	}
	if o := v.once(func(any) string { return to }, do); o.err != nil {
		v.fail(o.err)
	} else {
		v.done(o.location)
	}
}
