package dashboard

import (
	"net/http"
	"net/url"
	"strings"

	"github.com/a-h/templ"

	"perennial/internal/commerce"
	"perennial/internal/customer"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/question"
	"perennial/internal/report"
	"perennial/internal/web"
)

// What a merchant wants to know of every customer, what customers answered, and where else
// they are.

// questionPages are the routes of questions, answers and further addresses, and of a price
// that takes the place of another.
func questionPages() map[string]page {
	const questions, of = "/app/{account}/settings/questions", "/app/{account}/customers/{id}"
	list := map[string]page{
		"GET " + questions:                          {see, (*visit).questions},
		"POST " + questions:                         {products, (*visit).createQuestion},
		"POST " + questions + "/{id}/ask":           {products, (*visit).askQuestion},
		"GET " + of + "/profile":                    {see, (*visit).profile},
		"POST /app/{account}/addresses/{id}/remove": {subscriptions, (*visit).removePlace},
	}
	answersAction.routes(list, of, subscriptions)
	replaceAction.routes(list, "/app/{account}/prices/{id}", products)
	addressAction.routes(list, of, subscriptions)
	return list
}

var questionKinds = []web.Option{{Value: string(question.Text), Label: "One line"}, {Value: string(question.Long), Label: "Several lines"}, {Value: string(question.Choice), Label: "One of a list"},
	{Value: string(question.Yes), Label: "Yes or no"}, {Value: string(question.Day), Label: "A date"}}

func (v *visit) questions() { v.showQuestions(http.StatusOK, filled{Values: url.Values{}}) }

func (v *visit) showQuestions(status int, f filled) {
	list, err := v.report.Questions(v.r.Context(), v.acc.ID)
	if err != nil {
		v.fail(err)
		return
	}
	t := web.Table{ID: "questions", Caption: "Questions, table", Columns: []web.Column{{Label: "Question"}, {Label: "Answer", Card: true}, {Label: "Status", Card: true}, {Label: "Action", HideLabel: true, Card: true}},
		Empty: web.EmptyState(web.Empty{Title: "No question yet", Text: "Ask what you need to know of every customer, such as a size. Answers are shown with the customer, and programs can read and write them."})}
	for _, q := range list {
		word, verb, to := "Active", "Ask no more", "no"
		if q.Archived {
			word, verb, to = "Retired", "Ask again", "yes"
		}
		var press templ.Component
		if v.may(products) {
			press = stateButton(v.at("settings", "questions", q.ID.String(), "ask"), to, verb, q.Label)
		}
		t.Rows = append(t.Rows, web.Row{Cells: []templ.Component{web.Stack(q.Label, q.Name), web.Text(answerKind(q)), web.Status(word), press}})
	}
	p := v.page("Questions to customers")
	web.Render(v.w, v.r, status, questionsPage(v, p, t, f))
}

func answerKind(q question.Question) string {
	text := optionLabel(questionKinds, string(q.Kind))
	if len(q.Options) > 0 {
		text += ": " + strings.Join(q.Options, ", ")
	}
	if q.Required {
		text += " (required)"
	}
	return text
}

func (v *visit) createQuestion() {
	if !v.form() {
		return
	}
	f := filled{Values: v.r.PostForm}
	q := question.Question{Name: f.text("question_name"), Label: f.text("label"), Kind: question.Kind(f.text("question_kind")), Required: f.on("required")}
	for line := range strings.Lines(f.Get("options")) {
		if s := strings.TrimSpace(line); s != "" {
			q.Options = append(q.Options, s)
		}
	}
	v.submit(f, "", nil, func(any) string { return v.at("settings", "questions") + "?done=saved" }, func(call commerce.Call) (any, error) {
		made, err := v.commerce.CreateQuestion(v.r.Context(), commerce.CreateQuestion{Call: call, Question: q})
		return made, asFilled(err, map[string]string{"name": "question_name", "kind": "question_kind"})
	}, v.showQuestions)
}

// asFilled calls the wrong fields of a refusal as the form does.
func asFilled(err error, names map[string]string) error {
	f := fault.As(err)
	if err == nil || len(f.Fields) == 0 {
		return err
	}
	out := *f
	out.Fields = append([]fault.Field{}, f.Fields...)
	for i := range out.Fields {
		if name, ok := names[out.Fields[i].Name]; ok {
			out.Fields[i].Name = name
		}
	}
	return &out
}

func (v *visit) askQuestion() {
	which, ok := find[id.Question](v)
	if !ok || !v.form() {
		return
	}
	archived := v.r.PostForm.Get("state") != "yes"
	v.press(v.at("settings", "questions")+"?done=saved", func(call commerce.Call) (any, error) {
		return v.commerce.UpdateQuestion(v.r.Context(), commerce.UpdateQuestion{Call: call, Question: which, Archived: &archived})
	})
}

// profiled is what is known of a customer besides the plain facts.
type profiled struct {
	customer customer.Customer
	answers  []report.Answered
	places   []customer.Place
}

func (v *visit) loadProfile() (p profiled, ok bool) {
	if p.customer, ok = v.loadCustomer(); !ok {
		return p, false
	}
	var err error
	if p.answers, err = v.report.Answers(v.r.Context(), v.acc.ID, p.customer.ID, 0); err == nil {
		p.places, err = v.report.Places(v.r.Context(), v.acc.ID, p.customer.ID)
	}
	if err != nil {
		v.fail(err)
		return p, false
	}
	return p, true
}

func (v *visit) profilePlace(p profiled) place {
	at := v.customerPlace(p.customer)
	return place{href: at.href, crumbs: at.crumbs, currency: at.currency}
}

func (v *visit) profile() {
	it, ok := v.loadProfile()
	if !ok {
		return
	}
	p := v.page("Answers and addresses")
	p.Crumbs = v.customerCrumbs(it.customer)
	v.show(profilePage(v, p, it))
}

// answerFacts are the questions with what the customer answered.
func answerFacts(list []report.Answered) []web.Fact {
	var facts []web.Fact
	for _, a := range list {
		facts = append(facts, web.Fact{Term: a.Question.Label, Text: dash(a.Answer.Text)})
	}
	return facts
}

// furtherAddress is an address by lines.
func furtherAddress(p customer.Place) string {
	f := p.Facts
	var parts []string
	for _, s := range []string{strings.TrimSpace(f.FirstName + " " + f.LastName), f.Lines, strings.TrimSpace(f.PostalCode + " " + f.City), f.Region, country(f.Country), f.Phone} {
		if s != "" {
			parts = append(parts, s)
		}
	}
	return strings.Join(parts, "\n")
}

func (v *visit) removePlace() {
	which, ok := find[id.Place](v)
	if !ok {
		return
	}
	p, err := v.report.Place(v.r.Context(), v.acc.ID, which)
	if err != nil {
		v.fail(err)
		return
	}
	v.press(v.at("customers", p.Customer.String(), "profile")+"?done=saved", func(call commerce.Call) (any, error) {
		return v.commerce.UpdatePlace(v.r.Context(), commerce.UpdatePlace{Call: call, Place: which, Remove: true})
	})
}

// answerField is the name of the field of a question.
func answerField(q question.Question) string { return "answer-" + q.ID.String() }

var answersAction = action[profiled]{path: "profile/answers", title: "Answers",
	load: (*visit).loadProfile, place: (*visit).profilePlace,
	begin: func(_ *visit, p profiled) url.Values {
		values := url.Values{}
		for _, a := range p.answers {
			values.Set(answerField(a.Question), a.Answer.Text)
		}
		return values
	},
	confirm: func(v *visit, p profiled, _ filled) web.Confirmation {
		return web.Confirmation{Verb: "Save answers", Busy: "Saving…", CancelHref: v.at("customers", p.customer.ID.String(), "profile")}
	},
	fields: func(_ *visit, p profiled, f filled) templ.Component { return answerFields(p.answers, f) },
	run: func(v *visit, p profiled, f filled) (story, error) {
		return story{"saved", func(call commerce.Call) (any, error) {
			call.Once = nil // each answer is a story of its own; the same again changes nothing
			for _, a := range p.answers {
				text := f.text(answerField(a.Question))
				if text == a.Answer.Text {
					continue
				}
				_, err := v.commerce.Answer(v.r.Context(), commerce.Answer{Call: call, Customer: p.customer.ID, Question: a.Question.ID, Text: text})
				if err != nil {
					return nil, asFilled(err, map[string]string{"answer": answerField(a.Question)})
				}
			}
			return struct{}{}, nil
		}}, nil
	},
}

var addressAction = action[profiled]{path: "profile/address", title: "Add an address",
	load: (*visit).loadProfile, place: (*visit).profilePlace,
	confirm: func(v *visit, p profiled, _ filled) web.Confirmation {
		return web.Confirmation{Verb: "Add address", Busy: "Saving…", CancelHref: v.at("customers", p.customer.ID.String(), "profile")}
	},
	fields: func(_ *visit, _ profiled, f filled) templ.Component { return addressFields(f) },
	run: func(v *visit, p profiled, f filled) (story, error) {
		facts := customer.PlaceFacts{FirstName: f.text("first_name"), LastName: f.text("last_name"), Phone: f.text("phone"), Lines: f.text("lines"), City: f.text("city"), Region: f.text("region"),
			PostalCode: f.text("postal_code"), Country: f.text("country")}
		return story{"saved", func(call commerce.Call) (any, error) {
			return v.commerce.AddPlace(v.r.Context(), commerce.AddPlace{Call: call, Customer: p.customer.ID, Facts: facts})
		}}, nil
	},
}

func answerOptions(q question.Question, chosen string) []web.Option {
	list := []web.Option{{Label: "No answer"}}
	for _, o := range q.Options {
		list = append(list, web.Option{Value: o, Label: o})
	}
	return web.Choices(chosen, list...)
}
