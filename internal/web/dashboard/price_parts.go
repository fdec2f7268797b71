package dashboard

import (
	"slices"
	"strings"

	"github.com/a-h/templ"

	"perennial/internal/catalog"
	"perennial/internal/usage"
	"perennial/internal/web"
)

// Parts of the form of a price.

// cell is the control of a field in a row.
func (f priceForm) cell(list string, i int, field, label, example string) web.Input {
	name := rowName(list, i, field)
	return web.Input{Name: name, Label: label, Value: f.Get(name), Problem: f.problem(name), Placeholder: example, Autocomplete: "off", MaxLength: 400, Autofocus: f.focus == name}
}

// money is a text field of money.
func (f priceForm) money(name, label, example, help string) web.Input {
	in := f.input(name, label)
	in.InputMode, in.Autocomplete, in.MaxLength, in.Placeholder, in.Help = "decimal", "off", 30, example, help
	return in
}

// any reports whether any of the fields, or of those of lists with a name, is filled in or
// wrong.
func (f priceForm) any(names ...string) bool {
	return slices.ContainsFunc(names, func(name string) bool {
		if f.text(name) != "" || f.problem(name) != "" {
			return true
		}
		for _, p := range f.problems {
			if strings.HasPrefix(p.Field, name+".") {
				return true
			}
		}
		if fields := rowFields[name]; fields != nil {
			for i, n := 0, f.rows(name); i < n; i++ {
				if slices.ContainsFunc(fields, func(field string) bool { return f.text(rowName(name, i, field)) != "" }) {
					return true
				}
			}
		}
		return false
	})
}

// more reports whether the form says anything beyond the plain price.
func (f priceForm) more() bool {
	return f.model() != catalog.PerUnit || f.focus != "" || f.shown != nil || f.on("convert") || f.on("split") ||
		f.any("description", "price_name", "max_quantity", "charge", "charge.minimum", "charge.block", "charge.tiers", "trial_amount", "trial_payments", "setup_fee", "setup_every",
			"payments", "next_price", "anchor_day", "first_period", "currencies", "usage", "prepaid", "prepaid.meter", "prepaid.units", "prepaid.top_up_at")
}

// focusOf is the name by which a form remembers that a button had the focus.
func focusOf(do string) string {
	verb, list, _ := strings.Cut(do, " ")
	return verb + "-" + list
}

// live computes the examples again while tiers are typed.
func (f priceForm) live(v *visit) templ.Attributes {
	return templ.Attributes{"hx-post": v.at("products", "examples"), "hx-trigger": "input delay:400ms", "hx-target": "#examples-box", "hx-swap": "outerHTML", "hx-include": "closest form"}
}

func models(chosen catalog.Model) []web.Choice {
	return cards(string(chosen),
		web.Choice{Value: string(catalog.PerUnit), Label: "For each piece", Text: "2 pieces cost twice the price."},
		web.Choice{Value: string(catalog.Flat), Label: "The same for any quantity"},
		web.Choice{Value: string(catalog.Package), Label: "By the block", Text: "The price is for each block that has begun, for example of 100."},
		web.Choice{Value: string(catalog.Volume), Label: "Tiers by volume", Text: "All pieces cost what the tier says that the quantity reaches."},
		web.Choice{Value: string(catalog.Graduated), Label: "Graduated tiers", Text: "Each piece costs what the tier says that it lies in."})
}

// cards are choices with one of them chosen.
func cards(chosen string, list ...web.Choice) []web.Choice {
	for i := range list {
		list[i].Selected = list[i].Value == chosen
	}
	return list
}

func otherCurrencies(chosen string) []web.Option {
	return web.Choices(chosen, append([]web.Option{{Label: "Choose"}}, web.Currencies("")...)...)
}

func prepaidMeters(list []usage.Meter) []usage.Meter {
	return slices.DeleteFunc(slices.Clone(list), func(m usage.Meter) bool { return !m.Prepaid })
}

func meterOptions(list []usage.Meter, chosen string, fits func(usage.Meter) bool) []web.Option {
	options := []web.Option{{Label: "None"}}
	for _, m := range list {
		if fits(m) {
			options = append(options, web.Option{Value: m.ID.String(), Label: m.Name})
		}
	}
	return web.Choices(chosen, options...)
}
