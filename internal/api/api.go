// Package api is our own REST API under /v1: JSON over HTTP, described by the
// OpenAPI document that it serves itself. It is a door: it decodes, tells a story
// or asks for a read, and encodes. README-level rules:
//
//   - a bearer key names the account; an id of another account looks unknown;
//   - amounts are whole minor units with their currency, instants are RFC 3339;
//   - errors are RFC 9457 problems that name the field;
//   - every POST can carry an Idempotency-Key, and repeating it repeats the answer;
//   - lists are newest first and paged by a cursor.
package api

import (
	"context"
	"encoding/json"
	"net/http"
	"reflect"
	"strconv"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humachi"
	"github.com/go-chi/chi/v5"

	"perennial/internal/account"
	"perennial/internal/clock"
	"perennial/internal/commerce"
	"perennial/internal/event"
	"perennial/internal/id"
	"perennial/internal/idempotency"
	"perennial/internal/report"
)

// Options are what the API is given besides stories and reads.
type Options struct {
	Version string      // of the program, for the description
	Clock   clock.Clock // the machine's
	// NewSecret makes the signing secret of a webhook endpoint, and its sealed form.
	NewSecret func(id.Account) (secret, sealed string)
	// CheckAddress refuses an address that webhooks may not reach.
	CheckAddress func(address string) error
	// Woken is called after something was done that may make other work due.
	Woken func()
}

// API serves the routes under /v1.
type API struct {
	s    *commerce.Service
	r    *report.Reader
	o    Options
	mux  *chi.Mux
	huma huma.API
}

// New makes the API. It serves paths that begin with /v1.
func New(s *commerce.Service, r *report.Reader, o Options) *API {
	if o.Woken == nil {
		o.Woken = func() {}
	}
	a := &API{s: s, r: r, o: o, mux: chi.NewMux()}
	a.mux.NotFound(func(w http.ResponseWriter, _ *http.Request) {
		writeProblem(w, problem{Status: http.StatusNotFound, Title: "Not Found", Detail: "there is nothing at this address"})
	})
	a.mux.MethodNotAllowed(func(w http.ResponseWriter, _ *http.Request) {
		writeProblem(w, problem{Status: http.StatusMethodNotAllowed, Title: "Method Not Allowed", Detail: "this address does not know that method"})
	})
	a.huma = humachi.New(a.mux, a.config())
	a.huma.UseMiddleware(a.guard)
	for _, routes := range []func(){a.accountRoutes, a.catalogRoutes, a.customerRoutes, a.saleRoutes, a.invoiceRoutes, a.moneyRoutes, a.eventRoutes, a.clockRoutes, a.endpointRoutes} {
		routes()
	}
	a.describe()
	return a
}

// ServeHTTP serves one request.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) { a.mux.ServeHTTP(w, r) }

// Routes are the routes, for tests that must try each of them.
func (a *API) Routes() chi.Routes { return a.mux }

func (a *API) config() huma.Config {
	c := huma.DefaultConfig("Perennial", a.o.Version)
	c.CreateHooks = nil // no $schema links in answers
	c.OpenAPIPath, c.DocsPath, c.SchemasPath = "", "", ""
	c.RejectUnknownQueryParameters = true
	c.Formats = map[string]huma.Format{"application/json": huma.DefaultJSONFormat, "json": huma.DefaultJSONFormat}
	c.Info.Description = "Subscriptions, invoices and payments of one account. Amounts are whole minor units with their currency; instants are RFC 3339 in UTC; " +
		"errors are problems (RFC 9457) that name the field. Every POST takes an Idempotency-Key: the same request with the same key gets the first answer again for 30 days."
	c.Components.SecuritySchemes = map[string]*huma.SecurityScheme{"key": {Type: "http", Scheme: "bearer", Description: "An API key of the account."}}
	c.Security = []map[string][]string{{"key": {}}}
	return c
}

// caller is who asks.
type caller struct {
	key     account.APIKey
	account account.Account
	once    *idempotency.Request
}

type callerKey struct{}

func callerOf(ctx context.Context) caller { return ctx.Value(callerKey{}).(caller) }

func (c caller) call() commerce.Call {
	return commerce.Call{Account: c.account.ID, Actor: event.Actor{Kind: event.ByKey, Name: c.key.Name}}
}

// answer is what every operation gives to huma: bytes that are rendered already, so
// that a repeated request gets exactly those that were kept.
type answer struct {
	Status      int
	ContentType string `header:"Content-Type"`
	Replayed    string `header:"Idempotency-Replayed"`
	RetryAfter  string `header:"Retry-After"`
	Disposition string `header:"Content-Disposition"`
	Body        []byte
}

func encode(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic("api: " + err.Error()) // wire types always marshal
	}
	return append(b, '\n')
}

func answered(status int, body []byte) *answer {
	ct := "application/json"
	if status >= 400 || status == http.StatusAccepted {
		ct = problemType
	}
	return &answer{Status: status, ContentType: ct, Body: body}
}

func refused(err error) *answer {
	p := problemOf(err)
	out := answered(p.Status, p.text())
	if p.RetryAfter > 0 {
		out.RetryAfter = strconv.Itoa(p.RetryAfter)
	}
	return out
}

// operation describes a route.
type operation struct {
	id, method, path, tag string
	status                int
	summary, text         string
}

// describeOp is a route in huma's words, with what it answers.
func (a *API) describeOp(o operation, out reflect.Type) huma.Operation {
	schema := a.huma.OpenAPI().Components.Schemas.Schema(out, true, o.id+"Answer")
	problemSchema := a.huma.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[problem](), true, "Problem")
	op := huma.Operation{OperationID: o.id, Method: o.method, Path: o.path, Tags: []string{o.tag}, Summary: o.summary, Description: o.text,
		DefaultStatus: o.status, MaxBodyBytes: maxBody,
		Responses: map[string]*huma.Response{
			strconv.Itoa(o.status): {Description: http.StatusText(o.status), Content: map[string]*huma.MediaType{"application/json": {Schema: schema}}},
			"default":              {Description: "A refusal", Content: map[string]*huma.MediaType{problemType: {Schema: problemSchema}}},
		}}
	if o.method == http.MethodPost {
		longest := idempotency.MaxKey
		op.Parameters = []*huma.Param{{Name: "Idempotency-Key", In: "header", Description: "Makes the request repeatable: at most 255 printable characters.",
			Schema: &huma.Schema{Type: "string", MaxLength: &longest}}}
	}
	return op
}

// read registers a route that changes nothing.
func read[I, W any](a *API, o operation, run func(ctx context.Context, c caller, in *I) (W, error)) {
	o.method, o.status = http.MethodGet, http.StatusOK
	huma.Register(a.huma, a.describeOp(o, reflect.TypeFor[W]()), func(ctx context.Context, in *I) (*answer, error) {
		out, err := run(ctx, callerOf(ctx), in)
		if err != nil {
			return refused(err), nil
		}
		return answered(http.StatusOK, encode(out)), nil
	})
}

// write registers a route that tells a story. Render spells the story's result; the
// same bytes are kept for the call's idempotency key.
func write[I, R, W any](a *API, o operation, run func(ctx context.Context, c commerce.Call, in *I) (R, error), render func(R) W) {
	if o.method == "" {
		o.method = http.MethodPost
	}
	if o.status == 0 {
		o.status = http.StatusCreated
	}
	huma.Register(a.huma, a.describeOp(o, reflect.TypeFor[W]()), func(ctx context.Context, in *I) (*answer, error) {
		who := callerOf(ctx)
		call := who.call()
		if who.once != nil {
			call.Once = &commerce.Once{Request: *who.once, Answer: func(result any, refusal error) (int, string) {
				if refusal != nil {
					p := problemOf(refusal)
					return p.Status, string(p.text())
				}
				return o.status, string(encode(render(result.(R))))
			}}
		}
		result, err := run(ctx, call, in)
		if before, ok := commerce.IsReplayed(err); ok {
			out := answered(before.Status, []byte(before.Body))
			out.Replayed = "true"
			return out, nil
		}
		if err != nil {
			return refused(err), nil
		}
		a.o.Woken()
		return answered(o.status, encode(render(result))), nil
	})
}
