package paywhirl

import (
	"errors"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"perennial/internal/fault"
	"perennial/internal/money"
	"perennial/internal/params"
)

// problem is a refusal as clients read it.
type problem struct {
	Error  string              `json:"error"`
	Errors map[string][]string `json:"errors,omitempty"`
}

// malformed is a request that could not be read.
type malformed struct{ error }

func (m malformed) Unwrap() error { return m.error }

// errMethod refuses a method that an address does not take.
var errMethod = fault.New(fault.Invalid, "this address does not take that method").WithCode("method")

var statuses = map[fault.Kind]int{
	fault.Invalid:      http.StatusUnprocessableEntity,
	fault.NotFound:     http.StatusNotFound,
	fault.Conflict:     http.StatusUnprocessableEntity,
	fault.Unauthorized: http.StatusUnauthorized,
	fault.Forbidden:    http.StatusForbidden,
	fault.Declined:     http.StatusPaymentRequired,
	fault.Pending:      http.StatusAccepted,
	fault.Limited:      http.StatusTooManyRequests,
	fault.Unavailable:  http.StatusServiceUnavailable,
	fault.Unknown:      http.StatusServiceUnavailable,
}

// problemOf spells a refusal.
func problemOf(err error) (int, problem) {
	e := fault.As(err)
	status, known := statuses[e.Kind]
	if !known {
		return http.StatusInternalServerError, problem{Error: "something went wrong on our side"}
	}
	var unread malformed
	switch {
	case e.Code == errMethod.Code:
		status = http.StatusMethodNotAllowed
	case e.Code == params.CodeBodyTooLarge:
		status = http.StatusRequestEntityTooLarge
	case errors.As(err, &unread):
		status = http.StatusBadRequest
	}
	p := problem{Error: e.Message}
	for i, f := range e.Fields {
		if p.Errors == nil {
			p.Errors = map[string][]string{}
		}
		if i == 0 {
			p.Error = e.Message + ": " + f.Name + " " + f.Message
		}
		p.Errors[f.Name] = append(p.Errors[f.Name], f.Message)
	}
	return status, p
}

var minorUnits = regexp.MustCompile(`(?:(\d+) to )?(-?[\d,]*\d) minor units`)

// inMajor says amounts in a refusal as the wire does: stories name minor units.
func inMajor(err error, c money.Currency) error {
	var e *fault.Error
	if !errors.As(err, &e) || !c.Known() {
		return err
	}
	said := func(digits string) string {
		n, err := strconv.ParseInt(strings.ReplaceAll(digits, ",", ""), 10, 64)
		if err != nil {
			return digits
		}
		return money.Amount{Minor: n, Currency: c}.Major()
	}
	reword := func(s string) string {
		return minorUnits.ReplaceAllStringFunc(s, func(found string) string {
			m := minorUnits.FindStringSubmatch(found)
			if m[1] == "" {
				return said(m[2])
			}
			return said(m[1]) + " to " + said(m[2])
		})
	}
	out := *e
	out.Message = reword(e.Message)
	out.Fields = slices.Clone(e.Fields)
	for i := range out.Fields {
		out.Fields[i].Message = reword(out.Fields[i].Message)
	}
	if _, unread := err.(malformed); unread { //nolint:errorlint // only the wrapper itself
		return malformed{&out}
	}
	return &out
}

// renamed calls the wrong fields of a refusal as the client spelt them.
func renamed(err error, names map[string]string) error {
	var e *fault.Error
	if !errors.As(err, &e) || len(e.Fields) == 0 {
		return err
	}
	out := *e
	out.Fields = make([]fault.Field, len(e.Fields))
	for i, f := range e.Fields {
		if name, ok := names[f.Name]; ok {
			f.Name = name
		}
		out.Fields[i] = f
	}
	return &out
}
