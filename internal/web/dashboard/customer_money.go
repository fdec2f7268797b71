package dashboard

import (
	"net/url"
	"strings"

	"github.com/a-h/templ"

	"perennial/internal/commerce"
	"perennial/internal/credit"
	"perennial/internal/customer"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/money"
	"perennial/internal/report"
	"perennial/internal/tax"
	"perennial/internal/usage"
	"perennial/internal/web"
)

// What a customer has: credit, units that were paid ahead, and where they are taxed.

func (v *visit) customerPlace(c customer.Customer) place {
	return place{v.at("customers", c.ID.String()), v.customerCrumbs(c), v.acc.Currency}
}

// taxIDWords say what is known of a tax number.
var taxIDWords = map[string]string{"": "Not checked yet", string(tax.Unchecked): "Its form and digits are right; no register was asked", string(tax.Valid): "Valid: the register knows it",
	string(tax.Invalid): "Invalid: the register does not know it", string(tax.Unavailable): "Not known: the register could not be asked"}

// taxFacts are where and how a customer is taxed.
func (v *visit) taxFacts(c customer.Customer) []web.Fact {
	var at []string
	for _, s := range []string{c.Buyer.PostalCode, c.Buyer.Region, country(c.Buyer.Country)} {
		if s != "" {
			at = append(at, s)
		}
	}
	list := []web.Fact{{Term: "Billed in", Text: strings.Join(at, ", ")}, {Term: "Tax ID", Text: c.Buyer.TaxID}}
	if c.Buyer.TaxID != "" {
		state := web.Fact{Term: "Tax ID is", Text: taxIDWords[c.Taxing.IDState]}
		if !c.Taxing.CheckedAt.IsZero() {
			state.Note = "checked on " + v.dateTime(c.Taxing.CheckedAt)
		}
		list = append(list, state)
	}
	if c.Taxing.IPCountry != "" {
		list = append(list, web.Fact{Term: "Network address in", Text: country(c.Taxing.IPCountry)})
	}
	exempt := "No"
	if c.Taxing.Exempt != "" {
		exempt = "Yes: " + c.Taxing.Exempt
	}
	return append(list, web.Fact{Term: "Exempt", Text: exempt})
}

// shipsTo is an address by lines.
func shipsTo(a customer.Address) string {
	var parts []string
	for _, s := range []string{a.Name, a.Lines, strings.TrimSpace(a.PostalCode + " " + a.Region), country(a.Country)} {
		if s != "" {
			parts = append(parts, s)
		}
	}
	return strings.Join(parts, "\n")
}

func (v *visit) checkTaxID() {
	c, ok := v.loadCustomer()
	if !ok || !v.form() {
		return
	}
	o := v.once(func(any) string { return v.at("customers", c.ID.String()) + "?done=tax-id-checked" }, func(call commerce.Call) (any, error) {
		return v.commerce.CheckTaxID(v.r.Context(), commerce.CheckTaxID{Call: call, Customer: c.ID})
	})
	if o.err != nil {
		v.fail(o.err)
		return
	}
	v.done(o.location)
}

func (v *visit) creditFacts(list []money.Amount) []web.Fact {
	var facts []web.Fact
	for _, a := range list {
		facts = append(facts, web.Fact{Term: string(a.Currency), Value: web.Money(v.money(a))})
	}
	return facts
}

var creditEntryWords = map[credit.Reason]string{credit.Change: "Unused at a change of plan", credit.Goodwill: "By hand", credit.Refund: "Credit note", credit.Invoice: "Paid for an invoice",
	credit.Reversal: "Given back by an invoice", credit.Expired: "Expired"}

func creditTable(v *visit, list []credit.Entry) web.Table {
	t := web.Table{ID: "credit", Caption: "Credit entries, table", Inline: true, Columns: []web.Column{{Label: "Day", NoWrap: true}, {Label: "Why", Card: true}, {Label: "Amount", Numeric: true, Card: true},
		{Label: "Balance", Numeric: true, Card: true}}}
	for _, e := range list {
		row := web.Row{Cells: []templ.Component{web.Date(e.At, v.zone), web.Stack(creditEntryWords[e.Reason], e.Note), web.Money(v.money(e.Amount)), web.Money(v.money(e.BalanceAfter))}}
		switch {
		case e.Invoice != 0:
			row.Href = v.at("invoices", e.Invoice.String())
		case e.CreditNote != 0:
			row.Href = v.at("credit-notes", e.CreditNote.String())
		}
		t.Rows = append(t.Rows, row)
	}
	return t
}

func prepaidFacts(list []report.PrepaidView) []web.Fact {
	var facts []web.Fact
	for _, p := range list {
		f := web.Fact{Term: orElse(p.Of.Name, p.Meter.String()), Text: strings.TrimSpace(p.Units.String() + " " + p.Of.Unit)}
		if p.TopUpPrice != 0 {
			f.Note = "refilled when " + p.TopUp.String() + " are left"
			if !p.TopUpDue.IsZero() {
				f.Note = "a refill is due"
			}
		}
		facts = append(facts, f)
	}
	return facts
}

// direction turns the choice of giving or taking into a sign; 0 is neither.
func direction(f filled, bad *fault.Fields) int64 {
	switch f.Get("direction") {
	case "give":
		return 1
	case "take":
		return -1
	}
	bad.Bad("direction", "must be give or take")
	return 0
}

var creditAction = action[customer.Customer]{path: "credit", title: "Give or take credit", load: (*visit).loadCustomer, place: (*visit).customerPlace,
	begin: func(v *visit, _ customer.Customer) url.Values {
		return url.Values{"direction": {"give"}, "currency": {string(v.acc.Currency)}}
	},
	confirm: func(v *visit, c customer.Customer, _ filled) web.Confirmation {
		changes := []web.Fact{{Term: "Customer", Text: c.Label()}}
		if has, err := v.report.Balances(v.r.Context(), v.acc.ID, c.ID); err == nil {
			have := "None"
			for i, a := range has.Credit {
				if i == 0 {
					have = v.money(a)
				} else {
					have += ", " + v.money(a)
				}
			}
			changes = append(changes, web.Fact{Term: "Has now", Text: have})
		}
		return web.Confirmation{Verb: "Change the credit", Busy: "Changing…", Changes: changes, When: "At once", Sends: sends, Undo: "By the opposite, while the credit is not used"}
	},
	fields: func(v *visit, _ customer.Customer, f filled) templ.Component {
		return creditFields(v, f, web.Currencies(f.Get("currency")))
	},
	run: func(v *visit, c customer.Customer, f filled) (story, error) {
		var bad fault.Fields
		in, err := money.ParseCurrency(f.Get("currency"))
		if err != nil {
			return story{}, fault.BadField("currency", "must be one of the list")
		}
		sign := direction(f, &bad)
		amount := f.amount("amount", in, &bad)
		if amount == nil || *amount <= 0 {
			if bad.Err() == nil {
				bad.Bad("amount", "must be above zero")
			}
			return story{}, bad.Err()
		}
		done := "credit-given"
		if sign < 0 {
			done = "credit-taken"
		}
		return story{done, func(call commerce.Call) (any, error) {
			return v.commerce.AdjustCredit(v.r.Context(), commerce.AdjustCredit{Call: call, Customer: c.ID, Amount: money.Amount{Minor: sign * *amount, Currency: in}, Note: f.text("note")})
		}}, bad.Err()
	}}

var prepaidAction = action[customer.Customer]{path: "prepaid", title: "Give or take units", load: (*visit).loadCustomer, place: (*visit).customerPlace,
	begin: func(*visit, customer.Customer) url.Values { return url.Values{"direction": {"give"}} },
	confirm: func(v *visit, c customer.Customer, _ filled) web.Confirmation {
		changes := []web.Fact{{Term: "Customer", Text: c.Label()}}
		if has, err := v.report.Balances(v.r.Context(), v.acc.ID, c.ID); err == nil {
			changes = append(changes, prepaidFacts(has.Prepaid)...)
		}
		return web.Confirmation{Verb: "Change the units", Busy: "Changing…", Changes: changes, When: "At once", Sends: sends, Undo: "By the opposite"}
	},
	fields: func(v *visit, _ customer.Customer, f filled) templ.Component {
		meters, err := v.report.Meters(v.r.Context(), v.acc.ID, 0, 100)
		options := []web.Option{{Label: "Choose a meter"}}
		for _, m := range meters {
			if err == nil && m.Prepaid && m.State == usage.Active {
				options = append(options, web.Option{Value: m.ID.String(), Label: m.Name})
			}
		}
		return prepaidFields(f, web.Choices(f.Get("meter"), options...))
	},
	run: func(v *visit, c customer.Customer, f filled) (story, error) {
		var bad fault.Fields
		meter, err := id.Parse[id.Meter](f.Get("meter"))
		bad.Check(err == nil, "meter", "must be chosen")
		units, err := money.ParseDecimal(f.text("units"))
		bad.Check(err == nil && units.Sign() > 0, "units", "must be a number above zero")
		if direction(f, &bad) < 0 && err == nil {
			units, err = money.Decimal{}.Sub(units)
			bad.Check(err == nil, "units", "must be a smaller number")
		}
		return story{"units-changed", func(call commerce.Call) (any, error) {
			return v.commerce.AdjustPrepaid(v.r.Context(), commerce.AdjustPrepaid{Call: call, Customer: c.ID, Meter: meter, Units: units, Note: f.text("note")})
		}}, bad.Err()
	}}
