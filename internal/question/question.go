package question

import (
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"perennial/internal/cardnumber"
	"perennial/internal/fault"
	"perennial/internal/id"
)

// Kind is what an answer looks like.
type Kind string

// The kinds of questions.
const (
	Text   Kind = "text"   // one line
	Long   Kind = "long"   // several lines
	Choice Kind = "choice" // one of Options
	Yes    Kind = "yes_no" // "yes" or "no"
	Day    Kind = "date"   // 2026-01-31
)

// Known reports whether k is a kind.
func (k Kind) Known() bool { return k == Text || k == Long || k == Choice || k == Yes || k == Day }

// Question is something that a merchant wants to know of every customer.
type Question struct {
	ID        id.Question
	Account   id.Account
	Name      string // by which programs know it: a to z, 0 to 9 and _, never changed
	Label     string // as customers read it
	Kind      Kind
	Options   []string // of a Choice, at most MaxOptions
	Required  bool
	Position  int // 0 to 10,000: lower ones are asked first
	Archived  bool
	CreatedAt time.Time
	Version   int64
}

// Answer is what a customer answered.
type Answer struct {
	Customer id.Customer
	Question id.Question
	Address  id.Place // of which it holds; 0 means of the customer
	Text     string   // at most MaxAnswer bytes
	At       time.Time
}

// Limits of questions and answers.
const (
	MaxQuestions = 100 // of an account, archived ones too
	MaxOptions   = 100
	MaxAnswer    = 2_000
	maxLabel     = 300
)

var nameForm = regexp.MustCompile(`^[a-z][a-z0-9_]{0,59}$`)

func plain(s string, lines bool) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool {
		return r < ' ' && !(lines && r == '\n') || r == 0x7f || r == 0x2028 || r == 0x2029
	})
}

// Check refuses a question that cannot be.
func (q Question) Check() error {
	var f fault.Fields
	f.Check(nameForm.MatchString(q.Name), "name", "must begin with a letter a to z and have at most 60 letters, digits and underscores")
	f.Check(strings.TrimSpace(q.Label) != "" && len(q.Label) <= maxLabel && plain(q.Label, false), "label", "must be plain text of 1 to %d bytes", maxLabel)
	f.Check(q.Kind.Known(), "kind", "must be text, long, choice, yes_no or date")
	f.Check(q.Position >= 0 && q.Position <= 10_000, "position", "must be 0 to 10000")
	f.Check((q.Kind == Choice) == (len(q.Options) > 0), "options", "must be given for a choice, and only for one")
	f.Check(len(q.Options) <= MaxOptions, "options", "must be at most %d", MaxOptions)
	for i, o := range q.Options {
		f.Check(strings.TrimSpace(o) != "" && len(o) <= maxLabel && plain(o, false), "options", "must each be plain text of 1 to %d bytes", maxLabel)
		f.Check(!slices.Contains(q.Options[:i], o), "options", "must differ from each other")
	}
	return f.Err()
}

// CheckAnswer refuses an answer that does not fit. Empty takes an answer back, which a
// required question refuses.
func (q Question) CheckAnswer(text string) error {
	var f fault.Fields
	switch {
	case text == "":
		f.Check(!q.Required, "answer", "must be given")
	case len(text) > MaxAnswer || !plain(text, q.Kind == Long):
		f.Bad("answer", "must be plain text of at most %d bytes", MaxAnswer)
	case cardnumber.In(text):
		f.Bad("answer", "must not hold a card number")
	case q.Kind == Choice:
		f.Check(slices.Contains(q.Options, text), "answer", "must be one of: %s", strings.Join(q.Options, ", "))
	case q.Kind == Yes:
		f.Check(text == "yes" || text == "no", "answer", "must be yes or no")
	case q.Kind == Day:
		_, err := time.Parse(time.DateOnly, text)
		f.Check(err == nil, "answer", "must be a date such as 2026-01-31")
	}
	return f.Err()
}
