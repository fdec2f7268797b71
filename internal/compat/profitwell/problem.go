package profitwell

import (
	"errors"
	"fmt"
	"net/http"
	"strings"

	"perennial/internal/fault"
	"perennial/internal/params"
)

// malformed is a request that could not be read.
type malformed struct{ error }

func (m malformed) Unwrap() error { return m.error }

var (
	errNotFound = fault.New(fault.NotFound, "Not found.")
	errNoToken  = fault.New(fault.Unauthorized, "Authentication credentials were not provided.").WithCode("detail")
	errToken    = fault.New(fault.Unauthorized, "Invalid token.").WithCode("detail")
)

// codeMethod marks a method that an address does not take.
const codeMethod = "method"

func methodError(method string) error {
	return fault.New(fault.Invalid, "Method \"%s\" not allowed.", method).WithCode(codeMethod)
}

// general is the name under which clients look for what no field is to blame for.
const general = "non_field_errors"

// wireNames are the fields of stories as these clients call them.
var wireNames = map[string]string{"plan": "plan_id", "interval": "plan_interval", "currency": "plan_currency", "at": "effective_date", "trial": "status", "user": "user_id",
	"alias": "subscription_alias", "provider": "data_provider_user_id", "from": "month", "to": "month"}

// problemOf words a refusal: a text under detail, or lists of texts by field.
func problemOf(err error) (int, any) {
	e := fault.As(err)
	detail := func(status int, text string) (int, any) { return status, map[string]string{"detail": text} }
	var unread malformed
	switch {
	case e.Code == codeMethod:
		return detail(http.StatusMethodNotAllowed, e.Message)
	case e.Code == codeQuests:
		return detail(http.StatusBadRequest, sentence(e.Message))
	case e.Code == params.CodeBodyTooLarge:
		return detail(http.StatusRequestEntityTooLarge, "The request is too large.")
	case errors.As(err, &unread):
		return detail(http.StatusBadRequest, "Malformed request: "+e.Message+".")
	}
	switch e.Kind {
	case fault.Unauthorized:
		return detail(http.StatusUnauthorized, e.Message)
	case fault.Forbidden:
		return detail(http.StatusForbidden, sentence(e.Message))
	case fault.NotFound:
		return detail(http.StatusNotFound, errNotFound.Message)
	case fault.Limited:
		n := max(1, seconds(e.RetryAfter))
		return detail(http.StatusTooManyRequests, fmt.Sprintf("Request was throttled. Expected available in %d second%s.", n, map[bool]string{true: "", false: "s"}[n == 1]))
	case fault.Invalid, fault.Conflict:
		return http.StatusBadRequest, fieldsOf(e)
	case fault.Unavailable, fault.Unknown:
		return detail(http.StatusServiceUnavailable, "The service is not available for the moment.")
	}
	return detail(http.StatusInternalServerError, "Something went wrong on our side.")
}

// known are the texts that clients look for, by code.
var known = map[string]string{
	"plan_taken":    "A plan with this ID already exists",
	"plan_unknown":  "There is no plan with this ID",
	"alias_taken":   "A subscription with this subscription_alias already exists.",
	"trait_present": "Customer already has trait",
	"trait_limit":   "This category has hit trait limit",
	"ended":         "This subscription has already churned.",
	"not_ended":     "This subscription has not churned.",
}

// fieldsOf are the texts of a refusal by field.
func fieldsOf(e *fault.Error) map[string][]string {
	if text, ok := known[e.Code]; ok {
		at := general
		if strings.HasPrefix(e.Code, "plan_") {
			at = "id"
		}
		return map[string][]string{at: {text}}
	}
	if len(e.Fields) == 0 {
		return map[string][]string{general: {sentence(e.Message)}}
	}
	out := map[string][]string{}
	for _, f := range e.Fields {
		name, old := strings.CutSuffix(f.Name, v1Mark)
		if wire, ok := wireNames[name]; ok && !old {
			name = wire
		}
		text := sentence(f.Message)
		if f.Message == "is required" {
			text = "This field is required."
		}
		out[name] = append(out[name], text)
	}
	return out
}

// sentence begins with a capital and ends with a point.
func sentence(s string) string {
	if s == "" {
		return s
	}
	s = strings.ToUpper(s[:1]) + s[1:]
	if !strings.HasSuffix(s, ".") && !strings.HasSuffix(s, "!") {
		s += "."
	}
	return s
}

// codeQuests marks the refusal of a question about nobody.
const codeQuests = "quests"

// inTransactions calls the wrong fields of a refusal as version 1 does.
func inTransactions(err error) error {
	var e *fault.Error
	if !errors.As(err, &e) || len(e.Fields) == 0 {
		return err
	}
	names := map[string]string{"plan": "plan_name", "interval": "plan_interval", "value": "plan_value", "at": "start_date", "currency": "currency"}
	out := *e
	out.Fields = make([]fault.Field, len(e.Fields))
	for i, f := range e.Fields {
		if name, ok := names[f.Name]; ok {
			f.Name = name + v1Mark
		}
		out.Fields[i] = f
	}
	return &out
}

// v1Mark keeps a name from being called as version 2 does.
const v1Mark = "\x00"
