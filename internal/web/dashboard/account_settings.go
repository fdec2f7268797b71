package dashboard

import (
	"net/http"
	"net/url"

	"perennial/internal/commerce"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/subscription"
	"perennial/internal/tax"
	"perennial/internal/web"
)

// policyNames are the presets of proration as a list of choices names them.
var policyNames = map[string]string{"second": "To the second", "minute": "To the minute", "day": "By day, the day of the change at the new terms", "day_old": "By day, the day of the change at the old terms",
	"thirty_days": "By day, months of 30 days", "next_invoice": "With the next invoice", "up_only": "Upgrades at once, downgrades never", "full": "The full new price", "none": "Nothing until the next period"}

func policyCards(chosen string) []web.Choice {
	var list []web.Choice
	for _, p := range subscription.Presets() {
		c := web.Choice{Value: p.Name, Label: orElse(policyNames[p.Name], p.Name), Text: p.Says, Selected: p.Name == chosen}
		if p.Name == subscription.DefaultProration {
			c.End = "Default"
		}
		list = append(list, c)
	}
	return list
}

func (v *visit) billingSettings() {
	f := url.Values{"proration": {orElse(v.acc.Settings.Proration, subscription.DefaultProration)}, "tax_name": {v.acc.Tax.Name}, "tax_rate": {v.acc.Tax.Rate.Percent()}}
	if v.acc.Settings.TaxProfile != 0 {
		f.Set("tax_profile", v.acc.Settings.TaxProfile.String())
	}
	v.showBillingSettings(http.StatusOK, filled{Values: f})
}

func (v *visit) showBillingSettings(status int, f filled) {
	profiles, err := v.report.TaxProfiles(v.r.Context(), v.acc.ID, 0, maxChoices)
	if err != nil {
		v.fail(err)
		return
	}
	options := []web.Option{{Label: "None: the one tax below"}}
	for _, p := range profiles {
		if p.State == tax.Active {
			options = append(options, web.Option{Value: p.ID.String(), Label: p.Name + " (" + schemeNames[p.Kind] + ")"})
		}
	}
	p := v.page("Billing settings")
	web.Render(v.w, v.r, status, billingSettingsPage(v, p, web.Choices(f.Get("tax_profile"), options...), f))
}

func (v *visit) saveBillingSettings() {
	if !v.form() {
		return
	}
	f := filled{Values: v.r.PostForm}
	var bad fault.Fields
	var profile id.TaxProfile
	var err error
	if s := f.text("tax_profile"); s != "" {
		if profile, err = id.Parse[id.TaxProfile](s); err != nil {
			bad.Bad("tax_profile", "must be one of the list")
		}
	}
	proration, name := f.text("proration"), f.text("tax_name")
	if proration == subscription.DefaultProration {
		proration = "" // a later default holds for those who never chose
	}
	rate, err := percentOf(f.text("tax_rate"))
	if err != nil {
		bad.Bad("tax_rate", "%s", fault.As(err).Message)
	}
	v.submit(f, "", bad.Err(), func(any) string { return v.at("settings", "billing") + "?done=saved" }, func(call commerce.Call) (any, error) {
		return v.commerce.UpdateAccount(v.r.Context(), commerce.UpdateAccount{Call: call, Proration: &proration, TaxProfile: &profile, TaxName: &name, TaxRate: &rate})
	}, v.showBillingSettings)
}
