package api

import (
	"net/http"
	"reflect"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"perennial/internal/idempotency"
)

// refusals are the statuses of refusals, and what each means here.
var refusals = map[int]string{
	http.StatusBadRequest:            "The body is not JSON, or the address is not text.",
	http.StatusUnauthorized:          "The API key is missing, unknown or revoked.",
	http.StatusPaymentRequired:       "The payment gateway refused; code says why. Nothing was sold or moved.",
	http.StatusForbidden:             "The account may not do this.",
	http.StatusNotFound:              "The account has no such thing. Another account's id is answered the same.",
	http.StatusConflict:              "The present state forbids it, or the Idempotency-Key belongs to another request or is being worked on (then with Retry-After).",
	http.StatusRequestEntityTooLarge: "The body is larger than 1 MiB.",
	http.StatusRequestURITooLong:     "The query is longer than 4096 bytes.",
	http.StatusUnsupportedMediaType:  "The body is compressed or not application/json.",
	http.StatusUnprocessableEntity:   "Something in the request is wrong; errors names each field.",
	http.StatusInternalServerError:   "Something went wrong on our side. An Idempotency-Key stays free.",
	http.StatusServiceUnavailable:    "It cannot be served now, or it is not known whether it was done: repeat it with the same Idempotency-Key after Retry-After seconds.",
}

// refusalName is a status as the description names its response.
func refusalName(status int) string {
	return strings.ReplaceAll(http.StatusText(status), " ", "")
}

// refusalResponses are the responses that operations refer to.
func refusalResponses(problem *huma.Schema) map[string]*huma.Response {
	all := map[string]*huma.Response{}
	for status, text := range refusals {
		r := &huma.Response{Description: text, Content: map[string]*huma.MediaType{problemType: {Schema: problem}}}
		switch status {
		case http.StatusUnauthorized:
			r.Headers = map[string]*huma.Param{"WWW-Authenticate": {Description: "Bearer", Schema: &huma.Schema{Type: "string"}}}
		case http.StatusConflict, http.StatusServiceUnavailable:
			r.Headers = map[string]*huma.Param{"Retry-After": {Description: "Seconds to wait.", Schema: &huma.Schema{Type: "integer"}}}
		}
		all[refusalName(status)] = r
	}
	return all
}

// statuses are the refusals that an operation can give.
func (o operation) statuses() []int {
	list := []int{http.StatusBadRequest, http.StatusUnauthorized, http.StatusRequestURITooLong, http.StatusUnprocessableEntity, http.StatusInternalServerError, http.StatusServiceUnavailable}
	if strings.Contains(o.path, "{") {
		list = append(list, http.StatusNotFound)
	}
	if o.method != http.MethodGet {
		list = append(list, http.StatusConflict, http.StatusRequestEntityTooLarge, http.StatusUnsupportedMediaType)
	}
	if o.pending != nil || o.id == "attach-payment-method" {
		list = append(list, http.StatusPaymentRequired)
	}
	if o.id == "advance-clock" {
		list = append(list, http.StatusForbidden)
	}
	return list
}

// describeOp is a route in huma's words, with what it answers.
func (a *API) describeOp(o operation, out reflect.Type) huma.Operation {
	schemas := a.huma.OpenAPI().Components.Schemas
	content := func(t reflect.Type) map[string]*huma.MediaType {
		return map[string]*huma.MediaType{"application/json": {Schema: schemas.Schema(t, true, o.id+"Answer")}}
	}
	op := huma.Operation{OperationID: o.id, Method: o.method, Path: o.path, Tags: []string{o.tag}, Summary: o.summary, Description: o.text,
		DefaultStatus: o.status, MaxBodyBytes: maxBody,
		Responses: map[string]*huma.Response{strconv.Itoa(o.status): {Description: http.StatusText(o.status), Content: content(out)}}}
	for _, status := range o.statuses() {
		op.Responses[strconv.Itoa(status)] = &huma.Response{Ref: "#/components/responses/" + refusalName(status)}
	}
	if o.pending != nil {
		op.Responses["202"] = &huma.Response{Description: "The payment gateway has not answered yet. It is asked again; do not repeat the request under another key.", Content: content(o.pending.wire)}
	}
	if o.method == http.MethodPost && !o.unkept {
		longest := idempotency.MaxKey
		op.Parameters = []*huma.Param{{Name: "Idempotency-Key", In: "header", Description: "Makes the request repeatable for 30 days: the same request gets the first answer again, marked by Idempotency-Replayed. At most 255 printable characters.",
			Schema: &huma.Schema{Type: "string", MaxLength: &longest, Examples: []any{"order-1042"}}}}
		op.Responses[strconv.Itoa(o.status)].Headers = map[string]*huma.Param{"Idempotency-Replayed": {Description: "true when this is the first answer again.", Schema: &huma.Schema{Type: "string"}}}
	}
	return op
}
