package paykickstart

import (
	"errors"
	"net/http"

	"perennial/internal/fault"
	"perennial/internal/params"
)

// problem is a refusal in every shape by which a known client tells one: a status that is
// not 200, a key error, a key errors, and success and status that are false.
type problem struct {
	Success int                 `json:"success"`
	Status  bool                `json:"status"`
	Code    int                 `json:"code"`
	Message string              `json:"message"`
	Error   string              `json:"error"`
	Errors  map[string][]string `json:"errors"`
}

// malformed is a request that could not be read.
type malformed struct{ error }

func (m malformed) Unwrap() error { return m.error }

// errMethod refuses a method that no address takes.
var errMethod = fault.New(fault.Invalid, "the API takes GET and POST").WithCode("method")

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
func problemOf(err error) problem {
	e := fault.As(err)
	p := problem{Message: e.Message, Errors: map[string][]string{}}
	status, known := statuses[e.Kind]
	var unread malformed
	switch {
	case !known:
		status, p.Message = http.StatusInternalServerError, "something went wrong on our side"
	case e.Code == errMethod.Code:
		status = http.StatusMethodNotAllowed
	case e.Code == params.CodeBodyTooLarge:
		status = http.StatusRequestEntityTooLarge
	case errors.As(err, &unread):
		status = http.StatusBadRequest
	}
	if known {
		for i, f := range e.Fields {
			if i == 0 {
				p.Message = f.Name + " " + f.Message
			}
			p.Errors[f.Name] = append(p.Errors[f.Name], f.Message)
		}
	}
	if len(p.Errors) == 0 {
		p.Errors["request"] = []string{p.Message}
	}
	p.Code, p.Error = status, p.Message
	return p
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
