// Package fault is the one error type of the program. Every refusal has a kind
// from a closed set, a message that is safe to show to whoever asked, and, where
// it concerns one input, the name of that field. Doors translate kinds into
// their own wire form; nothing above ground inspects an error's text.
package fault

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Kind says what sort of refusal an error is.
type Kind uint8

// The closed set of kinds.
const (
	Internal     Kind = iota // a defect or a broken part; the message is not shown
	Invalid                  // the input is wrong; Fields names where
	NotFound                 // no such thing, or not the asker's
	Conflict                 // the thing exists already or changed meanwhile
	Unauthorized             // nobody is signed in, or the key is unknown
	Forbidden                // known, but not allowed
	Declined                 // the payment gateway refused the money
	Pending                  // not known yet: asked again later under the same key
	Limited                  // too much or too often; RetryAfter says when to come back
	Unavailable              // cannot be served now; nothing was done
	Unknown                  // the outcome of a commit is not known; repeat with the same key
)

var kindNames = [...]string{"internal", "invalid", "not_found", "conflict", "unauthorized", "forbidden",
	"declined", "pending", "limited", "unavailable", "unknown"}

func (k Kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return "internal"
}

// Field is one wrong input.
type Field struct {
	Name    string // dotted path as the door spells it, for example "items.0.quantity"
	Message string // what is wrong and what would be right
}

// Error is a refusal.
type Error struct {
	Kind       Kind
	Code       string        // stable word for programs, for example "card_declined"; may be empty
	Message    string        // for people; never holds a secret
	Fields     []Field       // the wrong inputs, for Invalid
	RetryAfter time.Duration // for Limited and Unavailable; 0 when not known
	cause      error
}

// Error joins message, fields and cause, for logs and command lines.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Message)
	for i, f := range e.Fields {
		if i == 0 && e.Message != "" {
			b.WriteString(": ")
		} else if i > 0 {
			b.WriteString("; ")
		}
		b.WriteString(f.Name + " " + f.Message)
	}
	if e.cause != nil {
		b.WriteString(": " + e.cause.Error())
	}
	return b.String()
}

// Unwrap is the cause, or nil.
func (e *Error) Unwrap() error { return e.cause }

// New makes a refusal of a kind. Format and args make the message for people.
func New(kind Kind, format string, args ...any) *Error {
	return &Error{Kind: kind, Message: fmt.Sprintf(format, args...)}
}

// Wrap makes a refusal of a kind with a cause that is kept for the log only.
func Wrap(kind Kind, cause error, format string, args ...any) *Error {
	e := New(kind, format, args...)
	e.cause = cause
	return e
}

// WithCode returns a copy of e with a stable word for programs.
func (e *Error) WithCode(code string) *Error {
	c := *e
	c.Code = code
	return &c
}

// BadField is the refusal of one input.
func BadField(name, format string, args ...any) *Error {
	return &Error{Kind: Invalid, Message: "the request is not valid", Fields: []Field{{name, fmt.Sprintf(format, args...)}}}
}

// KindOf is the kind of an error; anything that is not an *Error is Internal.
func KindOf(err error) Kind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return Internal
}

// Is reports whether err is a refusal of that kind. It is false for nil.
func Is(err error, kind Kind) bool { return err != nil && KindOf(err) == kind }

// As is the *Error in err's chain; an error that is none becomes an Internal
// refusal with a message that says nothing of the inside.
func As(err error) *Error {
	var e *Error
	if errors.As(err, &e) {
		return e
	}
	return Wrap(Internal, err, "something went wrong on our side")
}

// Fields collects wrong inputs, so that one answer names all of them.
type Fields struct{ list []Field }

// Bad notes a wrong input.
func (f *Fields) Bad(name, format string, args ...any) {
	f.list = append(f.list, Field{name, fmt.Sprintf(format, args...)})
}

// Check notes the field when ok is false.
func (f *Fields) Check(ok bool, name, format string, args ...any) {
	if !ok {
		f.Bad(name, format, args...)
	}
}

// Add notes the fields of another refusal; an error that names none is noted
// under the name given. A nil error is ignored.
func (f *Fields) Add(name string, err error) {
	if err == nil {
		return
	}
	var e *Error
	if errors.As(err, &e) && len(e.Fields) > 0 {
		f.list = append(f.list, e.Fields...)
		return
	}
	f.Bad(name, "%s", As(err).Message)
}

// Err is nil when nothing was noted, else the Invalid refusal of them all.
func (f *Fields) Err() error {
	if len(f.list) == 0 {
		return nil
	}
	return &Error{Kind: Invalid, Message: "the request is not valid", Fields: f.list}
}
