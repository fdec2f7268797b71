package alias

import (
	"perennial/internal/db"
	"perennial/internal/fault"
	"perennial/internal/id"
)

// Space is the numbers of one kind of thing, in one dialect of one account.
type Space struct {
	Account id.Account
	Dialect string // "paywhirl" …
	Kind    string // in the dialect's words: "customer", "plan" …
}

// Numbered is one thing under its number and our name for it: a public id, or a text that
// the caller makes of one.
type Numbered struct {
	Number int64
	Name   string
}

var numbers = db.NewTable("alias_number", db.Int("account_id"), db.Text("dialect"), db.Text("kind"), db.Int("number"), db.Text("name"))

func (s Space) insert(tx *db.Tx, list []Numbered) error {
	return tx.Insert(numbers, len(list), func(i int, r *db.Row) {
		r.Int(int64(s.Account))
		r.Text(s.Dialect)
		r.Text(s.Kind)
		r.Int(list[i].Number)
		r.Text(list[i].Name)
	})
}

// Numbers is the numbers of those of the names that have one.
func (s Space) Numbers(tx *db.Tx, names []string) (map[string]int64, error) {
	found := make(map[string]int64, len(names))
	err := tx.Each(func(row db.Scan) error {
		var n Numbered
		err := row(&n.Name, &n.Number)
		found[n.Name] = n.Number
		return err
	}, "select name, number from alias_number where account_id = $1 and dialect = $2 and kind = $3 and "+tx.AnyOf("name", 4), s.Account, s.Dialect, s.Kind, tx.ListText(names))
	return found, err
}

// Names is the names of those of the numbers that stand for something.
func (s Space) Names(tx *db.Tx, list []int64) (map[int64]string, error) {
	found := make(map[int64]string, len(list))
	err := tx.Each(func(row db.Scan) error {
		var n Numbered
		err := row(&n.Number, &n.Name)
		found[n.Number] = n.Name
		return err
	}, "select number, name from alias_number where account_id = $1 and dialect = $2 and kind = $3 and "+tx.AnyOf("number", 4), s.Account, s.Dialect, s.Kind, tx.List(list))
	return found, err
}

// Give gives those of the names that have none a number, in their order. It moves the last
// number of the space, so two that give at once wait for each other. seen is up to which
// of our ids everything has a number after it; it never goes back, and 0 leaves it.
func (s Space) Give(tx *db.Tx, names []string, seen int64) error {
	last, err := s.take(tx)
	if err != nil {
		return err
	}
	known, err := s.Numbers(tx, names)
	if err != nil {
		return err
	}
	var list []Numbered
	for _, name := range names {
		if _, ok := known[name]; !ok {
			last++
			known[name] = last
			list = append(list, Numbered{last, name})
		}
	}
	if len(list) > 0 {
		if err := s.insert(tx, list); err != nil {
			return err
		}
	}
	_, err = tx.Exec(`update alias_last set last = $4, seen = case when seen < $5 then $5 else seen end
		where account_id = $1 and dialect = $2 and kind = $3`, s.Account, s.Dialect, s.Kind, last, seen)
	return err
}

// take locks the space and tells its last number.
func (s Space) take(tx *db.Tx) (int64, error) {
	_, err := tx.Exec(`insert into alias_last (account_id, dialect, kind, last, seen) values ($1, $2, $3, 0, 0)
		on conflict (account_id, dialect, kind) do update set last = alias_last.last`, s.Account, s.Dialect, s.Kind)
	if err != nil {
		return 0, err
	}
	var last int64
	err = tx.One([]any{&last}, "select last from alias_last where account_id = $1 and dialect = $2 and kind = $3", s.Account, s.Dialect, s.Kind)
	return last, err
}

// Bring keeps numbers that things had elsewhere; later ones are greater than all of them.
// A number or a name that is known already is a Conflict.
func (s Space) Bring(tx *db.Tx, list []Numbered) error {
	last, err := s.take(tx)
	if err != nil {
		return err
	}
	for _, n := range list {
		if n.Number < 1 || n.Number > MaxNumber {
			return fault.BadField("number", "must be 1 to %d", int64(MaxNumber))
		}
		last = max(last, n.Number)
	}
	if err := s.insert(tx, list); err != nil {
		if db.IsUnique(err) {
			return fault.New(fault.Conflict, "a number stands for something else already").WithCode("number_taken")
		}
		return err
	}
	_, err = tx.Exec("update alias_last set last = $4 where account_id = $1 and dialect = $2 and kind = $3", s.Account, s.Dialect, s.Kind, last)
	return err
}

// MaxNumber is the greatest number that may come from elsewhere: half of what programs
// that count in floating point can tell apart.
const MaxNumber = 1 << 52

// Seen is up to which of our ids everything has a number; 0 before the first.
func (s Space) Seen(tx *db.Tx) (int64, error) {
	var seen int64
	err := tx.One([]any{&seen}, "select seen from alias_last where account_id = $1 and dialect = $2 and kind = $3", s.Account, s.Dialect, s.Kind)
	if fault.Is(err, fault.NotFound) {
		return 0, nil
	}
	return seen, err
}

// After is up to limit of the things with greater numbers than after, the lowest first.
func (s Space) After(tx *db.Tx, after int64, limit int) ([]Numbered, error) {
	return s.page(tx, "and number > $4 order by number limit $5", after, limit)
}

// Before is up to limit of the things with lower numbers than before, the greatest first;
// 0 means from the greatest of all.
func (s Space) Before(tx *db.Tx, before int64, limit int) ([]Numbered, error) {
	if before == 0 {
		before = 1<<63 - 1
	}
	return s.page(tx, "and number < $4 order by number desc limit $5", before, limit)
}

func (s Space) page(tx *db.Tx, where string, from int64, limit int) ([]Numbered, error) {
	var list []Numbered
	err := tx.Each(func(row db.Scan) error {
		var n Numbered
		err := row(&n.Number, &n.Name)
		list = append(list, n)
		return err
	}, "select number, name from alias_number where account_id = $1 and dialect = $2 and kind = $3 "+where, s.Account, s.Dialect, s.Kind, from, limit)
	return list, err
}
