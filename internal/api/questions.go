package api

import (
	"context"
	"net/http"
	"time"

	"perennial/internal/catalog"
	"perennial/internal/commerce"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/question"
	"perennial/internal/report"
)

// QuestionWire is a question on the wire. It is exported because only then are the fields
// of forms that hold it described.
type QuestionWire struct {
	ID        string    `json:"id"`
	Name      string    `json:"name" doc:"By which programs know it."`
	Label     string    `json:"label" doc:"As customers read it."`
	Kind      string    `json:"kind" enum:"text,long,choice,yes_no,date"`
	Options   []string  `json:"options"`
	Required  bool      `json:"required"`
	Position  int       `json:"position"`
	State     string    `json:"state" enum:"active,archived"`
	CreatedAt time.Time `json:"created_at"`
}

func stateOf(archived bool) string {
	if archived {
		return string(catalog.Archived)
	}
	return string(catalog.Active)
}

func questionOf(q question.Question) QuestionWire {
	options := q.Options
	if options == nil {
		options = []string{}
	}
	return QuestionWire{q.ID.String(), q.Name, q.Label, string(q.Kind), options, q.Required, q.Position, stateOf(q.Archived), q.CreatedAt}
}

// Answered is a question and what was answered.
type Answered struct {
	Question   string     `json:"question"`
	Name       string     `json:"name" doc:"Of the question."`
	Label      string     `json:"label" doc:"Of the question."`
	Required   bool       `json:"required"`
	Answer     *string    `json:"answer" doc:"Null: there is none."`
	AnsweredAt *time.Time `json:"answered_at"`
}

func answeredOf(v report.Answered) Answered {
	return Answered{v.Question.ID.String(), v.Question.Name, v.Question.Label, v.Question.Required, textOf(v.Answer.Text), timeOf(v.Answer.At)}
}

func (a *API) questionRoutes() {
	read(a, operation{id: "list-questions", path: "/v1/questions", tag: "Questions", summary: "What customers are asked, in that order", text: "At most 100, archived ones too."},
		func(ctx context.Context, c caller, _ *none) (list[QuestionWire], error) {
			rows, err := a.r.Questions(ctx, c.account.ID)
			return paged(Page{Limit: len(rows)}, "que", rows, nil, questionOf), err
		})
	read(a, operation{id: "get-question", path: "/v1/questions/{id}", tag: "Questions", summary: "One question"},
		func(ctx context.Context, c caller, in *ByID) (QuestionWire, error) {
			v, err := id.Parse[id.Question](in.ID)
			if err != nil {
				return QuestionWire{}, err
			}
			q, err := a.r.Question(ctx, c.account.ID, v)
			return questionOf(q), err
		})
	type newQuestion struct {
		Body struct {
			Name     string   `json:"name" minLength:"1" maxLength:"60" example:"shoe_size" doc:"By which programs know it: a to z, digits and underscores. It stays."`
			Label    string   `json:"label" minLength:"1" maxLength:"300" doc:"As customers read it."`
			Kind     string   `json:"kind" enum:"text,long,choice,yes_no,date" doc:"It stays."`
			Options  []string `json:"options,omitempty" maxItems:"100" doc:"Of a choice."`
			Required bool     `json:"required,omitempty"`
			Position int      `json:"position,omitempty" minimum:"0" maximum:"10000" doc:"Lower ones are asked first."`
		}
	}
	write(a, operation{id: "create-question", path: "/v1/questions", tag: "Questions", summary: "Ask customers something"},
		func(ctx context.Context, call commerce.Call, in *newQuestion) (question.Question, error) {
			b := in.Body
			return a.s.CreateQuestion(ctx, commerce.CreateQuestion{Call: call, Question: question.Question{Name: b.Name, Label: b.Label, Kind: question.Kind(b.Kind), Options: b.Options,
				Required: b.Required, Position: b.Position}})
		}, questionOf)
	type questionChange struct {
		ByID
		Body struct {
			Label    *string   `json:"label,omitempty" maxLength:"300"`
			Options  *[]string `json:"options,omitempty" maxItems:"100"`
			Required *bool     `json:"required,omitempty"`
			Position *int      `json:"position,omitempty" minimum:"0" maximum:"10000"`
			State    *string   `json:"state,omitempty" enum:"active,archived" doc:"An archived one is asked no more."`
		}
	}
	write(a, operation{id: "update-question", method: http.MethodPatch, path: "/v1/questions/{id}", status: http.StatusOK, tag: "Questions", summary: "Change a question",
		text: "Answers that were given stay."},
		func(ctx context.Context, call commerce.Call, in *questionChange) (question.Question, error) {
			v, err := id.Parse[id.Question](in.ID)
			if err != nil {
				return question.Question{}, err
			}
			b := in.Body
			u := commerce.UpdateQuestion{Call: call, Question: v, Label: b.Label, Options: b.Options, Required: b.Required, Position: b.Position}
			if b.State != nil {
				archived := *b.State == string(catalog.Archived)
				u.Archived = &archived
			}
			return a.s.UpdateQuestion(ctx, u)
		}, questionOf)
	a.answerRoutes()
}

// of is whose answers a path names: a customer's own, or those of a further address.
type of func(ctx context.Context, account id.Account, text string) (id.Customer, id.Place, error)

func (a *API) answerRoutes() {
	ofCustomer := func(_ context.Context, _ id.Account, text string) (id.Customer, id.Place, error) {
		v, err := id.Parse[id.Customer](text)
		return v, 0, err
	}
	ofAddress := func(ctx context.Context, account id.Account, text string) (id.Customer, id.Place, error) {
		v, err := id.Parse[id.Place](text)
		if err != nil {
			return 0, 0, err
		}
		p, err := a.r.Place(ctx, account, v)
		return p.Customer, v, err
	}
	a.answersOf("customers", "answer", "a customer", "What a customer answered of themselves", ofCustomer)
	a.answersOf("addresses", "address-answer", "a further address", "What a customer answered of a further address", ofAddress)
}

func (a *API) answersOf(collection, name, whose, summary string, whom of) {
	path := "/v1/" + collection + "/{id}/answers"
	read(a, operation{id: "list-" + name + "s", path: path, tag: "Questions", summary: summary, text: "Every question comes, answered or not; an archived one only when it is answered."},
		func(ctx context.Context, c caller, in *ByID) (list[Answered], error) {
			customer, place, err := whom(ctx, c.account.ID, in.ID)
			if err != nil {
				return list[Answered]{}, err
			}
			rows, err := a.r.Answers(ctx, c.account.ID, customer, place)
			return paged(Page{Limit: len(rows)}, "que", rows, nil, answeredOf), err
		})
	type newAnswer struct {
		ByID
		Body struct {
			Question string `json:"question" minLength:"1" maxLength:"40"`
			Answer   string `json:"answer,omitempty" maxLength:"2000" doc:"As the question's kind asks: yes or no, 2026-01-31, one of the options. Left out, an earlier answer is taken back."`
		}
	}
	type kept struct {
		Question   string    `json:"question"`
		Answer     *string   `json:"answer"`
		AnsweredAt time.Time `json:"answered_at"`
	}
	write(a, operation{id: "put-" + name, path: path, status: http.StatusOK, tag: "Questions", summary: "Keep an answer of " + whose, text: "In the place of an earlier one."},
		func(ctx context.Context, call commerce.Call, in *newAnswer) (question.Answer, error) {
			customer, place, err := whom(ctx, call.Account, in.ID)
			if err != nil {
				return question.Answer{}, err
			}
			asked, err := parse[id.Question]("question", in.Body.Question)
			if err != nil {
				return question.Answer{}, err
			}
			given, err := a.s.Answer(ctx, commerce.Answer{Call: call, Customer: customer, Question: asked, Address: place, Text: in.Body.Answer})
			return given, ofPath(err, "customer", "address")
		}, func(g question.Answer) kept { return kept{g.Question.String(), textOf(g.Text), g.At} })
}

// ofPath makes a refusal of something that a path names, and no body, "not found".
func ofPath(err error, fields ...string) error {
	if !fault.Is(err, fault.Invalid) || len(fault.As(err).Fields) == 0 {
		return err
	}
	for _, name := range fields {
		if fault.As(err).Fields[0].Name == name {
			return fault.New(fault.NotFound, "there is no %s with that id", name)
		}
	}
	return err
}
