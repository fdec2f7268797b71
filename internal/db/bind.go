package db

import (
	"database/sql"
	"fmt"
	"reflect"
	"strconv"
	"time"

	"perennial/internal/clock"
)

// Time is the bind of an instant: microseconds, or NULL for the zero time.
func Time(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UnixMicro()
}

// Null is the bind of an id: NULL for 0.
func Null[T ~int64](v T) any {
	if v == 0 {
		return nil
	}
	return int64(v)
}

// ScanTime scans an instant into t; NULL gives the zero time.
func ScanTime(t *time.Time) sql.Scanner { return scanTime{t} }

// ScanNull scans an integer into v; NULL gives 0.
func ScanNull[T ~int64 | ~int](v *T) sql.Scanner { return scanNull[T]{v} }

// ScanText scans a text into s; NULL gives "".
func ScanText(s *string) sql.Scanner { return scanText{s} }

type scanTime struct{ t *time.Time }

func (s scanTime) Scan(src any) error {
	v, err := integer(src)
	if err != nil {
		return err
	}
	*s.t = clock.Time(v)
	return nil
}

type scanNull[T ~int64 | ~int] struct{ v *T }

func (s scanNull[T]) Scan(src any) error {
	v, err := integer(src)
	if err != nil {
		return err
	}
	*s.v = T(v)
	return nil
}

func integer(src any) (int64, error) {
	switch v := src.(type) {
	case nil:
		return 0, nil
	case int64:
		return v, nil
	}
	return 0, fmt.Errorf("db: an integer was expected, the column holds %T", src)
}

type scanText struct{ s *string }

func (s scanText) Scan(src any) error {
	switch v := src.(type) {
	case nil:
		*s.s = ""
	case string:
		*s.s = v
	case []byte:
		*s.s = string(v)
	default:
		return fmt.Errorf("db: a text was expected, the column holds %T", src)
	}
	return nil
}

// ints and texts are the PostgreSQL binds of a list. They are types of this
// package so that no other slice is taken for a list by mistake.
type (
	ints  []int64
	texts []string
)

// bind makes the form in which a driver receives v. Only forms that both engines
// store alike pass: a time would become local text on SQLite, a float would lose
// money, and a slice of bytes is refused by a strict text column.
func bind(v any) (any, error) {
	switch x := v.(type) {
	case nil, int64, string, bool, []byte:
		return v, nil
	case int:
		return int64(x), nil
	case ints:
		return []int64(x), nil
	case texts:
		return []string(x), nil
	}
	r := reflect.ValueOf(v)
	switch r.Kind() {
	case reflect.Int64:
		if _, span := v.(time.Duration); !span {
			return r.Int(), nil
		}
	case reflect.String:
		return r.String(), nil
	case reflect.Bool:
		return r.Bool(), nil
	}
	return nil, fmt.Errorf("db: a %T cannot be bound", v)
}

// List is the argument for AnyOf: a list of integers, in one bind.
func (t *Tx) List(ids []int64) any {
	if t.pg {
		return ints(append([]int64{}, ids...))
	}
	b := make([]byte, 0, 2+20*len(ids))
	b = append(b, '[')
	for i, v := range ids {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendInt(b, v, 10)
	}
	return string(append(b, ']'))
}

// ListText is the argument for AnyOf: a list of texts, in one bind.
func (t *Tx) ListText(list []string) any {
	if t.pg {
		return texts(append([]string{}, list...))
	}
	return jsonTexts(list)
}

// AnyOf spells "column is one of the list that bind number n carries". It uses
// an index on both engines and needs one statement text whatever the length.
func (t *Tx) AnyOf(column string, n int) string {
	b := strconv.Itoa(n)
	if t.pg {
		return column + " = any($" + b + ")"
	}
	return column + " in (select value from json_each($" + b + "))"
}
