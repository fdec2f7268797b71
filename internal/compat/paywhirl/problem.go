package paywhirl

import (
	"errors"
	"net/http"

	"perennial/internal/fault"
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
