package api

import (
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/validation"

	"perennial/internal/fault"
)

const problemType = "application/problem+json"

// problem is a refusal as RFC 9457 spells it, with a word for programs and the
// wrong fields.
type problem struct {
	Type       string         `json:"type" example:"about:blank" doc:"Always about:blank; code tells problems apart."`
	Title      string         `json:"title" example:"Unprocessable Entity"`
	Status     int            `json:"status" example:"422"`
	Detail     string         `json:"detail" example:"the request is not valid" doc:"What is wrong, for people."`
	Code       string         `json:"code" example:"invalid" doc:"What is wrong, for programs."`
	Errors     []problemField `json:"errors,omitempty" doc:"The wrong fields."`
	RetryAfter int            `json:"-"`
}

type problemField struct {
	Location string `json:"location" example:"body.quantity"`
	Message  string `json:"message" example:"must be 1 to 500"`
}

func (p problem) text() []byte {
	if p.Type == "" {
		p.Type = "about:blank"
	}
	if p.Title == "" {
		p.Title = http.StatusText(p.Status)
	}
	if p.Code == "" {
		p.Code = strings.ReplaceAll(strings.ToLower(http.StatusText(p.Status)), " ", "_")
	}
	return encode(p)
}

// Error and GetStatus make a problem what huma takes for an error.
func (p *problem) Error() string { return p.Detail }

// GetStatus is the HTTP status.
func (p *problem) GetStatus() int { return p.Status }

// ContentType is that of problems.
func (p *problem) ContentType(string) string { return problemType }

// MarshalJSON fills in what every problem has.
func (p *problem) MarshalJSON() ([]byte, error) { return p.text(), nil }

func writeProblem(w http.ResponseWriter, p problem) {
	w.Header().Set("Content-Type", problemType)
	if p.RetryAfter > 0 {
		w.Header().Set("Retry-After", strconv.Itoa(p.RetryAfter))
	}
	w.WriteHeader(p.Status)
	_, _ = w.Write(p.text())
}

var statuses = map[fault.Kind]int{
	fault.Internal:     http.StatusInternalServerError,
	fault.Invalid:      http.StatusUnprocessableEntity,
	fault.NotFound:     http.StatusNotFound,
	fault.Conflict:     http.StatusConflict,
	fault.Unauthorized: http.StatusUnauthorized,
	fault.Forbidden:    http.StatusForbidden,
	fault.Declined:     http.StatusPaymentRequired,
	fault.Pending:      http.StatusAccepted,
	fault.Limited:      http.StatusTooManyRequests,
	fault.Unavailable:  http.StatusServiceUnavailable,
	fault.Unknown:      http.StatusServiceUnavailable,
}

// problemOf is a refusal in this door's words. What is internal stays inside.
func problemOf(err error) problem {
	f := fault.As(err)
	p := problem{Status: statuses[f.Kind], Detail: f.Message, Code: f.Code}
	if p.Code == "" {
		p.Code = f.Kind.String()
	}
	for _, field := range f.Fields {
		location := "body." + field.Name
		if strings.HasPrefix(field.Name, "query.") || strings.HasPrefix(field.Name, "path.") {
			location = field.Name
		}
		p.Errors = append(p.Errors, problemField{location, field.Message})
	}
	p.Errors = orderly(p.Errors)
	switch f.Kind {
	case fault.Internal:
		p.Detail = "something went wrong on our side"
	case fault.Unknown:
		p.Detail, p.RetryAfter = "it is not known whether this was done; repeat the request with the same Idempotency-Key to find out", 1
	case fault.Unavailable, fault.Limited:
		p.RetryAfter = max(1, int(f.RetryAfter/time.Second))
	case fault.Conflict:
		if f.RetryAfter > 0 {
			p.RetryAfter = max(1, int(f.RetryAfter/time.Second))
		}
	}
	return p
}

// maxErrors is how many wrong fields one answer names.
const maxErrors = 50

// orderly sorts the wrong fields by where they are, so that the same request always
// gets the same answer, and cuts a long list.
func orderly(list []problemField) []problemField {
	slices.SortStableFunc(list, func(a, b problemField) int { return strings.Compare(a.Location, b.Location) })
	return list[:min(len(list), maxErrors)]
}

// dotted spells places in lists as stories do: usage.0.meter, not usage[0].meter.
var dotted = strings.NewReplacer("[", ".", "]", "")

// Huma makes its own errors (a body that is not of the schema) through this
// variable: they become problems that name the field and never repeat the value,
// which may be something secret. Field names count with their case.
func init() {
	huma.NewError = func(status int, message string, errs ...error) huma.StatusError {
		p := &problem{Status: status, Detail: message, Code: "invalid"}
		switch status {
		case http.StatusRequestEntityTooLarge:
			p.Code, p.Detail = "body_too_large", "the body must be at most 1 MiB"
		case http.StatusUnprocessableEntity, http.StatusBadRequest:
			p.Detail = "the request is not valid"
		}
		for _, err := range errs {
			detail, ok := err.(huma.ErrorDetailer)
			if !ok {
				continue
			}
			d := detail.ErrorDetail()
			location := d.Location
			if location == "" {
				location = "body"
			}
			if strings.HasPrefix(d.Message, "json:") || strings.Contains(d.Message, "unmarshal") || strings.Contains(d.Message, "invalid character") {
				d.Message = "must be JSON of the described form, with whole numbers where whole numbers are asked for"
			}
			p.Errors = append(p.Errors, problemField{dotted.Replace(location), d.Message})
		}
		p.Errors = orderly(p.Errors)
		return p
	}
	huma.ValidateStrictCasing = true
	speakPlainly()
}

// speakPlainly gives huma's refusals our words, and numbers all their digits: a
// limit reads 10000000000000, not 1e+13.
func speakPlainly() {
	huma.ErrorFormatter = func(format string, args ...any) string {
		for i, a := range args {
			if f, ok := a.(float64); ok {
				args[i] = strconv.FormatFloat(f, 'f', -1, 64)
			}
		}
		if !strings.Contains(format, "%") {
			return format // the argument would repeat the value
		}
		return fmt.Sprintf(format, args...)
	}
	for words, ours := range map[*string]string{
		&validation.MsgUnexpectedProperty:       "is not a field of this request",
		&validation.MsgExpectedRequiredProperty: "must have %s",
		&validation.MsgExpectedBoolean:          "must be true or false",
		&validation.MsgExpectedNumber:           "must be a number",
		&validation.MsgExpectedInteger:          "must be a whole number",
		&validation.MsgExpectedString:           "must be text",
		&validation.MsgExpectedArray:            "must be a list",
		&validation.MsgExpectedObject:           "must be an object",
		&validation.MsgExpectedOneOf:            "must be one of %s",
		&validation.MsgExpectedMinimumNumber:    "must be at least %v",
		&validation.MsgExpectedMaximumNumber:    "must be at most %v",
		&validation.MsgExpectedMinLength:        "must have at least %d characters",
		&validation.MsgExpectedMaxLength:        "must have at most %d characters",
		&validation.MsgExpectedMaxItems:         "must have at most %d entries",
		&validation.MsgExpectedMaxProperties:    "must have at most %d entries",
		&validation.MsgExpectedRFC3339DateTime:  "must be an instant of RFC 3339, for example 2026-01-31T10:00:00Z",
		&validation.MsgExpectedRFC3986URI:       "must be an address such as https://example.com/hooks",
	} {
		*words = ours
	}
}
