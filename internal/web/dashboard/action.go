package dashboard

import (
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/a-h/templ"
	"golang.org/x/text/language"

	"perennial/internal/commerce"
	"perennial/internal/fault"
	"perennial/internal/money"
	"perennial/internal/web"
)

// Most of what a team does to a thing is one form: it says what will happen, asks for
// little, acts once and leads back to the thing, or is shown again with what is wrong.

// action is such a form for things of one kind.
type action[T any] struct {
	path  string // the last part of its address
	title string
	load  func(v *visit) (T, bool)
	place func(v *visit, it T) place
	begin func(v *visit, it T) url.Values // what the form starts with; nil for nothing
	// confirm says what will happen and what the button reads.
	confirm func(v *visit, it T, f filled) web.Confirmation
	fields  func(v *visit, it T, f filled) templ.Component // nil for none
	// run is the story, with a refusal of what was filled in. It tells the notice of the
	// page that it leads back to.
	run func(v *visit, it T, f filled) (story, error)
}

// place is where a thing stands: its page, and the way to it.
type place struct {
	href     string
	crumbs   []web.Link
	currency money.Currency // of the amounts that its refusals name
}

// story is what a form does.
type story struct {
	done string // the notice afterwards
	do   func(call commerce.Call) (any, error)
}

// filled is a form as it was filled in.
type filled struct {
	url.Values
	problems []web.Problem
}

func (f filled) text(name string) string { return strings.TrimSpace(f.Get(name)) }

// lines is a text of several lines. Browsers end each with two characters.
func (f filled) lines(name string) string   { return strings.ReplaceAll(f.text(name), "\r\n", "\n") }
func (f filled) problem(name string) string { return web.ProblemOf(f.problems, name) }
func (f filled) on(name string) bool        { return f.Get(name) != "" }

// input begins the control of a field with its value and its problem.
func (f filled) input(name, label string) web.Input {
	return web.Input{Name: name, Label: label, Value: f.Get(name), Problem: f.problem(name)}
}

// whole reads a whole number; an empty field is 0.
func (f filled) whole(name string, bad *fault.Fields) int64 {
	s := f.text(name)
	if s == "" {
		return 0
	}
	n, err := strconv.ParseInt(s, 10, 64)
	bad.Check(err == nil, name, "must be a whole number")
	return n
}

// amount reads an amount of money; an empty field is nil.
func (f filled) amount(name string, c money.Currency, bad *fault.Fields) *int64 {
	s := f.text(name)
	if s == "" {
		return nil
	}
	a, err := money.ParseLocale(s, c, language.English)
	if err != nil {
		bad.Bad(name, "%s", fault.As(err).Message)
		return nil
	}
	return &a.Minor
}

// day reads the beginning of a day in the account's zone; an empty field is zero.
func (f filled) day(v *visit, name string, bad *fault.Fields) time.Time {
	s := f.text(name)
	if s == "" {
		return time.Time{}
	}
	t, err := time.ParseInLocation(time.DateOnly, s, v.zone)
	bad.Check(err == nil, name, "must be a day such as 2026-12-31")
	return t.UTC()
}

func (a action[T]) show(v *visit, it T, status int, f filled) {
	at := a.place(v, it)
	p := v.page(a.title)
	p.Narrow, p.Crumbs = true, at.crumbs
	c := a.confirm(v, it, f)
	c.Action, c.OperationKey, c.Problems = at.href+"/"+a.path, operationKey(), f.problems
	if c.CancelHref == "" {
		c.CancelHref = at.href
	}
	var fields templ.Component
	if a.fields != nil {
		fields = a.fields(v, it, f)
	}
	web.Render(v.w, v.r, status, actionPage(p, c, fields))
}

// form answers the empty form. What stands in the address is filled in.
func (a action[T]) form(v *visit) {
	it, ok := a.load(v)
	if !ok {
		return
	}
	f := filled{Values: url.Values{}}
	if a.begin != nil {
		f.Values = a.begin(v, it)
	}
	for name, values := range v.r.URL.Query() {
		if name != "done" && len(values) > 0 && len(values[0]) <= 600 {
			f.Set(name, values[0])
		}
	}
	a.show(v, it, http.StatusOK, f)
}

// post does what the form asks for.
func (a action[T]) post(v *visit) {
	it, ok := a.load(v)
	if !ok || !v.form() {
		return
	}
	f := filled{Values: v.r.PostForm}
	at := a.place(v, it)
	var o outcome
	told, err := a.run(v, it, f)
	if err != nil {
		o.err = err
	} else {
		o = v.once(func(any) string { return at.href + "?done=" + told.done }, told.do)
	}
	if o.err == nil {
		v.done(o.location)
	} else if fault.Is(o.err, fault.Pending) {
		v.done(at.href + "?done=payment-unknown")
	} else if problems, status, ok := v.again(o.err); ok {
		f.problems = v.inMajor(problems, at.currency)
		a.show(v, it, status, f)
	}
}

// routes are the addresses of the form below a prefix.
func (a action[T]) routes(list map[string]page, prefix string, needs right) {
	list["GET "+prefix+"/"+a.path] = page{needs, a.form}
	list["POST "+prefix+"/"+a.path] = page{needs, a.post}
}

var minorUnits = regexp.MustCompile(`(?:(\d+) to )?(?:the )?(-?[\d,]*\d) minor units`)

// inMajor says amounts in refusals as people do: stories name minor units.
func (v *visit) inMajor(list []web.Problem, c money.Currency) []web.Problem {
	if !c.Known() {
		return list
	}
	said := func(digits string) string {
		n, err := strconv.ParseInt(strings.ReplaceAll(digits, ",", ""), 10, 64)
		if err != nil {
			return digits
		}
		return v.minor(n, c)
	}
	for i := range list {
		list[i].Message = minorUnits.ReplaceAllStringFunc(list[i].Message, func(s string) string {
			found := minorUnits.FindStringSubmatch(s)
			if found[1] == "" {
				return said(found[2])
			}
			return said(found[1]) + " to " + said(found[2])
		})
	}
	return list
}

// dayField is the day of an instant as a date field holds it, "" for none.
func (v *visit) dayField(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.In(v.zone).Format(time.DateOnly)
}

func itoa(n int64) string { return strconv.FormatInt(n, 10) }

func orElse(s, other string) string {
	if s == "" {
		return other
	}
	return s
}
