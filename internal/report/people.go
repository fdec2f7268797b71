package report

import (
	"context"
	"slices"

	"perennial/internal/account"
	"perennial/internal/customer"
	"perennial/internal/db"
	"perennial/internal/id"
	"perennial/internal/question"
)

// Places are a customer's further addresses that are there, oldest first.
func (r *Reader) Places(ctx context.Context, acc id.Account, c id.Customer) ([]customer.Place, error) {
	return view(ctx, r, func(tx *db.Tx) ([]customer.Place, error) {
		if _, err := customer.Load(tx, acc, c); err != nil {
			return nil, err
		}
		return customer.Places(tx, acc, c)
	})
}

// Place is one further address, also one that was taken away.
func (r *Reader) Place(ctx context.Context, acc id.Account, place id.Place) (customer.Place, error) {
	return view(ctx, r, func(tx *db.Tx) (customer.Place, error) { return customer.LoadPlace(tx, acc, place) })
}

// Questions are what an account asks its customers, in their order, those that are asked no
// more too.
func (r *Reader) Questions(ctx context.Context, acc id.Account) ([]question.Question, error) {
	return view(ctx, r, func(tx *db.Tx) ([]question.Question, error) { return question.Every(tx, acc) })
}

// Question is one of them.
func (r *Reader) Question(ctx context.Context, acc id.Account, q id.Question) (question.Question, error) {
	return view(ctx, r, func(tx *db.Tx) (question.Question, error) { return question.Load(tx, acc, q) })
}

// Answered is a question and what was answered.
type Answered struct {
	Question question.Question
	Answer   question.Answer // without Text where none was given
}

// Answers are an account's questions in their order with what a customer answered of
// themselves, or of a further address when place is not 0. Questions that are asked no more
// come only with an answer.
func (r *Reader) Answers(ctx context.Context, acc id.Account, c id.Customer, place id.Place) ([]Answered, error) {
	return view(ctx, r, func(tx *db.Tx) ([]Answered, error) {
		if _, err := customer.Load(tx, acc, c); err != nil {
			return nil, err
		}
		questions, err := question.Every(tx, acc)
		if err != nil {
			return nil, err
		}
		given, err := question.Answers(tx, acc, c)
		if err != nil {
			return nil, err
		}
		var list []Answered
		for _, q := range questions {
			at := slices.IndexFunc(given, func(a question.Answer) bool { return a.Question == q.ID && a.Address == place })
			switch {
			case at >= 0:
				list = append(list, Answered{q, given[at]})
			case !q.Archived:
				list = append(list, Answered{q, question.Answer{Customer: c, Question: q.ID, Address: place}})
			}
		}
		return list, nil
	})
}

// DoorKeys are the credentials of clients of other systems, oldest first.
func (r *Reader) DoorKeys(ctx context.Context, acc id.Account) ([]account.DoorKey, error) {
	return view(ctx, r, func(tx *db.Tx) ([]account.DoorKey, error) { return account.DoorKeys(tx, acc) })
}

// Widgets are what sites of the merchant show of ours, oldest first.
func (r *Reader) Widgets(ctx context.Context, acc id.Account) ([]account.Widget, error) {
	return view(ctx, r, func(tx *db.Tx) ([]account.Widget, error) { return account.Widgets(tx, acc) })
}

// Widget is the widget with a code, and its account; NotFound when there is none.
func (r *Reader) Widget(ctx context.Context, code string) (account.Widget, account.Account, error) {
	type both struct {
		w account.Widget
		a account.Account
	}
	found, err := view(ctx, r, func(tx *db.Tx) (b both, err error) {
		if b.w, err = account.WidgetByCode(tx, code); err != nil {
			return b, err
		}
		b.a, err = account.Load(tx, b.w.Account)
		return b, err
	})
	return found.w, found.a, err
}
