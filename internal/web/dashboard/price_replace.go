package dashboard

import (
	"net/url"

	"github.com/a-h/templ"

	"perennial/internal/catalog"
	"perennial/internal/commerce"
	"perennial/internal/fault"
	"perennial/internal/web"
)

// pricedProduct is a price and what it is of.
type pricedProduct struct {
	price   catalog.Price
	product catalog.Product
}

// replaceable reports whether one amount is all that a price costs, so that a form can ask for
// another.
func replaceable(p catalog.Price) bool {
	return p.State == catalog.Active && p.Terms.Charge == nil && len(p.Terms.Currencies) == 0
}

var replaceAction = action[pricedProduct]{path: "replace", title: "Sell it at another price",
	load: func(v *visit) (pricedProduct, bool) {
		price, product, ok := v.loadPrice()
		if ok && !replaceable(price) {
			v.fail(fault.New(fault.Conflict, "What this price costs is more than one amount. Make another price of the product, and sell this one no more."))
			return pricedProduct{}, false
		}
		return pricedProduct{price, product}, ok
	},
	place: func(v *visit, it pricedProduct) place {
		href := v.at("prices", it.price.ID.String())
		title := it.price.Name
		if title == "" {
			title = costOf(it.price)
		}
		return place{href: href, crumbs: append(v.productCrumbs(it.product), web.Link{Label: title, Href: href}), currency: it.price.Amount.Currency}
	},
	begin: func(_ *visit, it pricedProduct) url.Values {
		return url.Values{"amount": {it.price.Amount.Major()}, "setup_fee": {it.price.SetupFee.Major()}}
	},
	confirm: func(*visit, pricedProduct, filled) web.Confirmation {
		return web.Confirmation{Verb: "Sell it at this price", Busy: "Saving…", When: "At once, for new subscriptions. Those who have it keep what they pay", Undo: "Sell it at the earlier price again"}
	},
	fields: func(_ *visit, it pricedProduct, f filled) templ.Component { return replaceFields(it.price, f) },
	run: func(v *visit, it pricedProduct, f filled) (story, error) {
		var bad fault.Fields
		amount, setup := it.price.Amount, f.amount("setup_fee", it.price.Amount.Currency, &bad)
		if minor := f.amount("amount", amount.Currency, &bad); minor != nil {
			amount.Minor = *minor
		} else if bad.Err() == nil {
			bad.Bad("amount", "must be given")
		}
		return story{"saved", func(call commerce.Call) (any, error) {
			return v.commerce.ReplacePrice(v.r.Context(), commerce.ReplacePrice{Call: call, Price: it.price.ID, Amount: &amount, SetupFee: setup})
		}}, bad.Err()
	},
}
