package question

import (
	"encoding/json"

	"perennial/internal/clock"
	"perennial/internal/db"
	"perennial/internal/fault"
	"perennial/internal/id"
)

// Insert writes a new question; a Conflict when there are too many or the name is taken.
func Insert(tx *db.Tx, q Question) error {
	var n, same int64
	err := tx.One([]any{&n, &same}, "select count(*), coalesce(sum(case when name = $2 then 1 else 0 end), 0) from question where account_id = $1", q.Account, q.Name)
	if err != nil {
		return err
	}
	if n >= MaxQuestions {
		return fault.New(fault.Conflict, "an account can have at most %d questions", MaxQuestions).WithCode("too_many_questions")
	}
	if same > 0 {
		return errTaken
	}
	_, err = tx.Exec(`insert into question (account_id, id, name, label, kind, options, required, position, archived, created_at, version)
		values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 1)`,
		q.Account, q.ID, q.Name, q.Label, q.Kind, q.options(), q.Required, q.Position, q.Archived, clock.Micros(q.CreatedAt))
	if db.IsUnique(err) {
		return errTaken
	}
	return err
}

var errTaken = &fault.Error{Kind: fault.Conflict, Code: "question_name_taken", Message: "a question with that name exists already",
	Fields: []fault.Field{{Name: "name", Message: "belongs to another question"}}}

func (q Question) options() string {
	if len(q.Options) == 0 {
		return ""
	}
	b, _ := json.Marshal(q.Options) // strings always marshal
	return string(b)
}

// Save writes a question over the version that was loaded. Its name stays.
func Save(tx *db.Tx, q Question) error {
	n, err := tx.Exec(`update question set label = $4, kind = $5, options = $6, required = $7, position = $8, archived = $9, version = version + 1
		where account_id = $1 and id = $2 and version = $3`,
		q.Account, q.ID, q.Version, q.Label, q.Kind, q.options(), q.Required, q.Position, q.Archived)
	if err == nil && n == 0 {
		return db.VersionConflict()
	}
	return err
}

func list(tx *db.Tx, account id.Account, where string, args ...any) ([]Question, error) {
	var out []Question
	err := tx.Each(func(row db.Scan) error {
		q := Question{Account: account}
		var options string
		err := row(&q.ID, &q.Name, &q.Label, &q.Kind, &options, &q.Required, &q.Position, &q.Archived, db.ScanTime(&q.CreatedAt), &q.Version)
		if err == nil && options != "" {
			err = json.Unmarshal([]byte(options), &q.Options)
		}
		out = append(out, q)
		return err
	}, "select id, name, label, kind, options, required, position, archived, created_at, version from question where account_id = $1 "+where,
		append([]any{account}, args...)...)
	return out, err
}

func one(found []Question, err error) (Question, error) {
	if err != nil {
		return Question{}, err
	}
	if len(found) == 0 {
		return Question{}, fault.New(fault.NotFound, "there is no question with that id")
	}
	return found[0], nil
}

// Load is one question, or NotFound.
func Load(tx *db.Tx, account id.Account, q id.Question) (Question, error) {
	return one(list(tx, account, "and id = $2"+tx.Lock(), q))
}

// Every is an account's questions, those that are asked no more too, in their order.
func Every(tx *db.Tx, account id.Account) ([]Question, error) {
	return list(tx, account, "and id > $2 order by position, id", 0)
}

// Put keeps an answer in the place of an earlier one; an empty one takes it away.
func Put(tx *db.Tx, account id.Account, a Answer) error {
	if a.Text == "" {
		_, err := tx.Exec("delete from question_answer where account_id = $1 and customer_id = $2 and question_id = $3 and address_id = $4", account, a.Customer, a.Question, a.Address)
		return err
	}
	_, err := tx.Exec(`insert into question_answer (account_id, customer_id, question_id, address_id, answer, at) values ($1, $2, $3, $4, $5, $6)
		on conflict (account_id, customer_id, question_id, address_id) do update set answer = excluded.answer, at = excluded.at`,
		account, a.Customer, a.Question, a.Address, a.Text, clock.Micros(a.At))
	return err
}

// Answers are what a customer answered.
func Answers(tx *db.Tx, account id.Account, customer id.Customer) ([]Answer, error) {
	var out []Answer
	err := tx.Each(func(row db.Scan) error {
		a := Answer{Customer: customer}
		err := row(&a.Question, &a.Address, &a.Text, db.ScanTime(&a.At))
		out = append(out, a)
		return err
	}, "select question_id, address_id, answer, at from question_answer where account_id = $1 and customer_id = $2 order by question_id, address_id", account, customer)
	return out, err
}

// Forget wipes out what a customer answered.
func Forget(tx *db.Tx, account id.Account, customer id.Customer) error {
	_, err := tx.Exec("delete from question_answer where account_id = $1 and customer_id = $2", account, customer)
	return err
}
