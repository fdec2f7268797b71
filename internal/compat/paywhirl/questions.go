package paywhirl

import (
	"context"
	"net/http"
	"strings"

	"perennial/internal/commerce"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/params"
	"perennial/internal/question"
	"perennial/internal/report"
)

func (d *Door) questionRoutes() []route {
	return []route{
		{http.MethodGet, "/questions", d.questions},
		{http.MethodGet, "/answers", d.answers},
		{http.MethodGet, "/answers/{customer_id}", d.answers},
		{http.MethodPost, "/update/answer", d.updateAnswer},
	}
}

// questionWire is what every customer is asked.
type questionWire struct {
	ID        int64    `json:"id"`
	UserID    int64    `json:"user_id"`
	Name      string   `json:"name"`
	Label     string   `json:"label"`
	Type      string   `json:"type"`
	Options   []string `json:"options"`
	Required  int      `json:"required"`
	CreatedAt *string  `json:"created_at"`
}

// answerWire is what a customer answered.
type answerWire struct {
	QuestionID int64   `json:"question_id"`
	CustomerID int64   `json:"customer_id"`
	AddressID  *int64  `json:"address_id"`
	Name       string  `json:"name"`
	Label      string  `json:"label"`
	Answer     string  `json:"answer"`
	UpdatedAt  *string `json:"updated_at"`
}

// inputs are the kinds of questions as forms call them.
var inputs = map[question.Kind]string{question.Text: "text", question.Long: "textarea", question.Choice: "select", question.Yes: "checkbox", question.Day: "date"}

func (d *Door) questions(ctx context.Context, c *caller, v *params.Values) (any, error) {
	limit := int(v.Int("limit", 1, maxPage))
	if v.Err() != nil {
		return nil, v.Err()
	}
	if limit == 0 {
		limit = maxPage
	}
	all, err := d.r.Questions(ctx, c.account.ID)
	if err != nil {
		return nil, err
	}
	numbers, err := d.questionNumbers(ctx, c, all)
	if err != nil {
		return nil, err
	}
	user, err := d.user(ctx, c)
	out := []questionWire{}
	for _, q := range all {
		if !q.Archived && len(out) < limit {
			out = append(out, questionWire{ID: numbers[q.ID.String()], UserID: user, Name: q.Name, Label: q.Label, Type: inputs[q.Kind],
				Options: append([]string{}, q.Options...), Required: flag(q.Required), CreatedAt: stamp(q.CreatedAt)})
		}
	}
	return out, err
}

func (d *Door) questionNumbers(ctx context.Context, c *caller, list []question.Question) (map[string]int64, error) {
	names := make([]string, len(list))
	for i, q := range list {
		names[i] = q.ID.String()
	}
	return d.numbers(ctx, c, numberQuestions, names...)
}

func (d *Door) answers(ctx context.Context, c *caller, v *params.Values) (any, error) {
	number := parseNumber(c.path["customer_id"])
	if _, inPath := c.path["customer_id"]; !inPath {
		number = required(v, "customer_id")
	}
	of, err := d.customerNumbered(ctx, c, number)
	if err != nil {
		return nil, orFields(v, err)
	}
	return d.answersOf(ctx, c, of)
}

// answersOf are what a customer answered, of themselves and then of their further addresses.
func (d *Door) answersOf(ctx context.Context, c *caller, of id.Customer) ([]answerWire, error) {
	places, err := d.r.Places(ctx, c.account.ID, of)
	if err != nil {
		return nil, err
	}
	at := []id.Place{0}
	for _, p := range places {
		at = append(at, p.ID)
	}
	out := []answerWire{}
	for _, place := range at {
		list, err := d.r.Answers(ctx, c.account.ID, of, place)
		if err != nil {
			return nil, err
		}
		for _, a := range list {
			if a.Answer.Text == "" {
				continue
			}
			w, err := d.answerWire(ctx, c, a)
			if err != nil {
				return nil, err
			}
			out = append(out, w)
		}
	}
	return out, nil
}

func (d *Door) answerWire(ctx context.Context, c *caller, a report.Answered) (answerWire, error) {
	w := answerWire{Name: a.Question.Name, Label: a.Question.Label, Answer: a.Answer.Text, UpdatedAt: stamp(a.Answer.At)}
	var err error
	if w.QuestionID, err = d.number(ctx, c, numberQuestions, a.Question.ID.String()); err != nil {
		return w, err
	}
	if w.CustomerID, err = d.number(ctx, c, commerce.NumberCustomers, a.Answer.Customer.String()); err != nil || a.Answer.Address == 0 {
		return w, err
	}
	address, err := d.number(ctx, c, numberPlaces, a.Answer.Address.String())
	w.AddressID = reference(address)
	return w, err
}

func (d *Door) updateAnswer(ctx context.Context, c *caller, v *params.Values) (any, error) {
	name, answer := v.Text("question_name"), v.Text("answer")
	v.Require("question_name")
	v.Check(v.Given("answer"), "answer", "must be given")
	of, err := d.customerNumbered(ctx, c, required(v, "customer_id"))
	if err != nil || v.Err() != nil {
		return nil, orFields(v, err)
	}
	q, err := d.questionCalled(ctx, c, name)
	if err != nil {
		return nil, err
	}
	var place id.Place
	if n := numberOf(v, "address_id"); n != 0 {
		if place, err = thing[id.Place](ctx, d, c, numberPlaces, n); err != nil {
			return nil, err
		}
	}
	if v.Err() != nil {
		return nil, v.Err()
	}
	if q.Kind == question.Yes { // a box that is ticked or not, in the wire's words
		switch strings.ToLower(answer) {
		case "1", "true", "on", "yes":
			answer = "yes"
		case "0", "false", "off", "no":
			answer = "no"
		}
	}
	a, err := d.s.Answer(ctx, commerce.Answer{Call: c.call(), Customer: of, Question: q.ID, Address: place, Text: answer})
	if err != nil {
		return nil, renamed(err, map[string]string{"customer": "customer_id", "question": "question_name", "address": "address_id"})
	}
	return d.answerWire(ctx, c, report.Answered{Question: q, Answer: a})
}

// questionCalled is the question with a name.
func (d *Door) questionCalled(ctx context.Context, c *caller, name string) (question.Question, error) {
	all, err := d.r.Questions(ctx, c.account.ID)
	if err != nil {
		return question.Question{}, err
	}
	for _, q := range all {
		if q.Name == name && !q.Archived {
			return q, nil
		}
	}
	return question.Question{}, fault.BadField("question_name", "is the name of no question that is asked")
}
