package commerce

import (
	"context"
	"time"

	"perennial/internal/account"
	"perennial/internal/customer"
	"perennial/internal/db"
	"perennial/internal/event"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/question"
)

// CreateQuestion asks something of every customer from now on.
type CreateQuestion struct {
	Call
	Question question.Question // ID, Account, Archived and CreatedAt are ignored
}

// CreateQuestion asks something of every customer from now on.
func (s *Service) CreateQuestion(ctx context.Context, c CreateQuestion) (question.Question, error) {
	return update(ctx, s, c.Call, func(tx *db.Tx, a account.Account, now time.Time) (question.Question, error) {
		q := c.Question
		q.ID, q.Account, q.Archived, q.CreatedAt, q.Version = id.New[id.Question](), a.ID, false, now, 1
		if err := q.Check(); err != nil {
			return q, err
		}
		if err := question.Insert(tx, q); err != nil {
			return q, err
		}
		return q, event.Append(tx, a.ID, event.New(a.ID, now, c.Actor, event.QuestionCreated, int64(q.ID), 0, event.Data(map[string]any{"name": q.Name})))
	})
}

// UpdateQuestion changes a question. nil leaves a field as it is.
type UpdateQuestion struct {
	Call
	Question id.Question
	Label    *string
	Options  *[]string
	Required *bool
	Position *int
	Archived *bool
}

// UpdateQuestion changes a question; answers that were given stay.
func (s *Service) UpdateQuestion(ctx context.Context, c UpdateQuestion) (question.Question, error) {
	return update(ctx, s, c.Call, func(tx *db.Tx, a account.Account, now time.Time) (question.Question, error) {
		q, err := question.Load(tx, a.ID, c.Question)
		if err != nil {
			return q, err
		}
		set(&q.Label, c.Label)
		set(&q.Options, c.Options)
		set(&q.Required, c.Required)
		set(&q.Position, c.Position)
		set(&q.Archived, c.Archived)
		if err := q.Check(); err != nil {
			return q, err
		}
		if err := question.Save(tx, q); err != nil {
			return q, err
		}
		q.Version++
		return q, event.Append(tx, a.ID, event.New(a.ID, now, c.Actor, event.QuestionUpdated, int64(q.ID), 0, event.Data(map[string]any{"name": q.Name})))
	})
}

// Answer keeps what a customer answered.
type Answer struct {
	Call
	Customer id.Customer
	Question id.Question
	Address  id.Place // of which it holds; 0 means of the customer
	Text     string   // "" takes an answer back
}

// Answer keeps what a customer answered, in the place of an earlier answer.
func (s *Service) Answer(ctx context.Context, c Answer) (question.Answer, error) {
	return update(ctx, s, c.Call, func(tx *db.Tx, a account.Account, now time.Time) (question.Answer, error) {
		given := question.Answer{Customer: c.Customer, Question: c.Question, Address: c.Address, Text: c.Text, At: now}
		if _, err := present(tx, a, c.Customer); err != nil {
			return given, refersTo(err, "customer")
		}
		q, err := question.Load(tx, a.ID, c.Question)
		if err != nil {
			return given, refersTo(err, "question")
		}
		if q.Archived {
			return given, fault.New(fault.Conflict, "the question is not asked any more").WithCode("question_archived")
		}
		if c.Address != 0 {
			p, err := customer.LoadPlace(tx, a.ID, c.Address)
			if err == nil && (p.Customer != c.Customer || !p.DeletedAt.IsZero()) {
				err = fault.New(fault.NotFound, "there is no such address")
			}
			if err != nil {
				return given, refersTo(err, "address")
			}
		}
		if err := q.CheckAnswer(c.Text); err != nil {
			return given, err
		}
		if err := question.Put(tx, a.ID, given); err != nil {
			return given, err
		}
		return given, event.Append(tx, a.ID, event.New(a.ID, now, c.Actor, event.Answered, int64(c.Customer), c.Customer,
			event.Data(map[string]any{"question": q.Name, "address": c.Address})))
	})
}
