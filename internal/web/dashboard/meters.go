package dashboard

import (
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/a-h/templ"

	"perennial/internal/commerce"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/usage"
	"perennial/internal/web"
)

var aggregationWords = map[usage.Aggregation]string{usage.Sum: "All units together", usage.Max: "The largest number", usage.Last: "The latest number", usage.Unique: "Different values"}

func meterWord(m usage.Meter) string {
	if m.State == usage.Archived {
		return "Retired"
	}
	return "Active"
}

func (v *visit) meters() {
	at := pagingOf(v.r.URL)
	list, err := v.report.Meters(v.r.Context(), v.acc.ID, beforeKey[id.Meter](&at), pageSize+1)
	if err != nil {
		v.fail(err)
		return
	}
	list, last := cut(list, func(m usage.Meter) string { return m.ID.String() })
	t := web.Table{ID: "meters", Caption: "Meters", Columns: []web.Column{{Label: "Meter"}, {Label: "Counts", Card: true}, {Label: "Unit"}, {Label: "Billed", Card: true}, {Label: "Status", Card: true}}}
	for _, m := range list {
		billed := "After each period"
		if m.Prepaid {
			billed = "Drawn from prepaid units"
		}
		t.Rows = append(t.Rows, web.Row{Href: v.at("meters", m.ID.String()), Cells: []templ.Component{web.Stack(m.Name, m.Code), web.Text(aggregationWords[m.Aggregation]), optional(m.Unit), web.Text(billed), web.Status(meterWord(m))}})
	}
	p := v.page("Meters")
	if v.may(products) {
		p.Header.Primary = web.LinkButton(web.Primary, "New meter", v.at("meters", "new"))
	}
	t.Empty = web.EmptyState(web.Empty{Title: "Meters will stand here", Text: "A meter counts what customers use: calls, gigabytes, seats. A price then says how much is included and what more costs. Your own program reports the usage through the API."})
	v.show(listPage(p, nil, web.FilterSet{}, t, at.pager(v.r.URL, len(list), last, -1)))
}

func (v *visit) newMeter() {
	v.showNewMeter(http.StatusOK, filled{Values: url.Values{"aggregation": {string(usage.Sum)}, "late": {string(usage.NextPeriod)}}})
}

func (v *visit) showNewMeter(status int, f filled) {
	p := v.page("New meter")
	p.Narrow, p.Crumbs = true, []web.Link{{Label: "Meters", Href: v.at("meters")}}
	web.Render(v.w, v.r, status, newMeterPage(v.at("meters"), p, f))
}

// grace reads hours as a duration.
func (f filled) grace(bad *fault.Fields) time.Duration {
	hours := f.whole("grace", bad)
	if hours < 0 || hours > int64(usage.MaxGrace/time.Hour) {
		bad.Bad("grace", "must be 0 to %d hours", int64(usage.MaxGrace/time.Hour))
		return 0
	}
	return time.Duration(hours) * time.Hour
}

func (v *visit) createMeter() {
	if !v.form() {
		return
	}
	f := filled{Values: v.r.PostForm}
	var bad fault.Fields
	c := commerce.CreateMeter{Code: f.text("code"), Name: f.text("name"), Unit: f.text("unit"), Aggregation: usage.Aggregation(f.Get("aggregation")), Grace: f.grace(&bad),
		Late: usage.Late(f.Get("late")), Prepaid: f.on("prepaid")}
	v.submit(f, "", bad.Err(), func(made any) string { return v.at("meters", made.(usage.Meter).ID.String()) + "?done=meter-created" }, func(call commerce.Call) (any, error) {
		c.Call = call
		return v.commerce.CreateMeter(v.r.Context(), c)
	}, v.showNewMeter)
}

func (v *visit) loadMeter() (usage.Meter, bool) {
	which, ok := find[id.Meter](v)
	if !ok {
		return usage.Meter{}, false
	}
	m, err := v.report.Meter(v.r.Context(), v.acc.ID, which)
	if err != nil {
		v.fail(err)
	}
	return m, err == nil
}

func (v *visit) meter() {
	m, ok := v.loadMeter()
	if !ok {
		return
	}
	p := v.page(m.Name)
	p.Crumbs = []web.Link{{Label: "Meters", Href: v.at("meters")}}
	p.Header.Status, p.Header.ID = meterWord(m), m.ID.String()
	if v.may(products) {
		p.Header.Primary = web.LinkButton(web.Plain, "Edit", v.at("meters", m.ID.String(), "edit"))
	}
	v.show(meterPage(v, p, m))
}

// meterSample is a call that reports usage of a meter.
func (v *visit) meterSample(m usage.Meter) string {
	scheme := "http://"
	if v.secure(v.r) {
		scheme = "https://"
	}
	units := `"units": "1"`
	if m.Aggregation == usage.Unique {
		units = `"value": "user-7"`
	}
	return "curl " + scheme + v.r.Host + "/v1/usage \\\n  -H \"Authorization: Bearer YOUR_API_KEY\" \\\n  -H \"Content-Type: application/json\" \\\n  -d '{\"events\": [{\"subscription\": \"sub_…\", \"meter\": \"" + m.Code + "\", " + units + ", \"key\": \"order-1001\"}]}'"
}

func meterFacts(v *visit, m usage.Meter) []web.Fact {
	late := "Counts in the present period"
	if m.Late == usage.RefuseLate {
		late = "Is refused"
	}
	list := []web.Fact{{Term: "Code", Value: web.IDCopy(m.Code)}, {Term: "Counts", Text: aggregationWords[m.Aggregation]}, {Term: "Unit", Text: m.Unit},
		{Term: "Waits for late usage", Text: graceText(m.Grace)}, {Term: "Usage that is later", Text: late}}
	if m.Prepaid {
		list = append(list, web.Fact{Term: "Prepaid", Text: "Draws on the customer's units"})
	}
	return append(list, web.Fact{Term: "Created", Value: web.Date(m.CreatedAt, v.zone)})
}

func graceText(d time.Duration) string {
	switch {
	case d == 0:
		return "Not at all"
	case d%time.Hour == 0:
		return counted(int(d/time.Hour), "hour")
	}
	return d.String()
}

func (v *visit) editMeter() {
	if m, ok := v.loadMeter(); ok {
		v.showEditMeter(m, http.StatusOK, filled{Values: url.Values{"name": {m.Name}, "unit": {m.Unit}, "grace": {strconv.Itoa(int(m.Grace / time.Hour))}, "late": {string(m.Late)}}})
	}
}

func (v *visit) showEditMeter(m usage.Meter, status int, f filled) {
	p := v.page("Edit meter")
	p.Narrow, p.Crumbs = true, []web.Link{{Label: "Meters", Href: v.at("meters")}, {Label: m.Name, Href: v.at("meters", m.ID.String())}}
	p.Header.Lead = "Its code and how it counts never change, because prices and programs rely on them."
	web.Render(v.w, v.r, status, editMeterPage(v.at("meters", m.ID.String()), p, f))
}

func (v *visit) updateMeter() {
	m, ok := v.loadMeter()
	if !ok || !v.form() {
		return
	}
	f := filled{Values: v.r.PostForm}
	var bad fault.Fields
	name, unit, grace, late := f.text("name"), f.text("unit"), f.grace(&bad), usage.Late(f.Get("late"))
	c := commerce.UpdateMeter{Meter: m.ID, Name: &name, Unit: &unit, Late: &late}
	if m.Grace/time.Hour != grace/time.Hour { // one in seconds, set through the API, stays as it is
		c.Grace = &grace
	}
	v.submit(f, "", bad.Err(), func(any) string { return v.at("meters", m.ID.String()) + "?done=saved" }, func(call commerce.Call) (any, error) {
		c.Call = call
		return v.commerce.UpdateMeter(v.r.Context(), c)
	}, func(status int, f filled) { v.showEditMeter(m, status, f) })
}

// archiveMeter stops or begins to count again, as the form says.
func (v *visit) archiveMeter() {
	which, ok := find[id.Meter](v)
	if !ok || !v.form() {
		return
	}
	state, word := usage.State(v.r.PostForm.Get("state")), "meter-archived"
	if state == usage.Active {
		word = "meter-reactivated"
	}
	v.press(v.at("meters", which.String())+"?done="+word, func(call commerce.Call) (any, error) {
		return v.commerce.UpdateMeter(v.r.Context(), commerce.UpdateMeter{Call: call, Meter: which, State: &state})
	})
}
