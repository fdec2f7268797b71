// Package api is our own REST API under /v1: JSON over HTTP, described by the
// OpenAPI document that it serves itself. It is a door: it decodes, tells a story
// or asks for a read, and encodes. Its rules:
//
//   - a bearer key names the account; an id of another account looks unknown;
//   - amounts are whole minor units with their currency, instants are RFC 3339;
//   - errors are RFC 9457 problems that name the field;
//   - every POST can carry an Idempotency-Key, and repeating it repeats the answer;
//   - lists are newest first and paged by a cursor.
package api

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"reflect"
	"strconv"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humachi"
	"github.com/go-chi/chi/v5"

	"perennial/internal/account"
	"perennial/internal/clock"
	"perennial/internal/commerce"
	"perennial/internal/event"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/idempotency"
	"perennial/internal/outbox"
	"perennial/internal/report"
)

// Options are what the API is given besides stories and reads.
type Options struct {
	Version string      // of the program, for the description
	Clock   clock.Clock // the machine's
	// Log hears of requests that failed on our side; nil is slog's default.
	Log *slog.Logger
	// PDF writes the paper of an invoice.
	PDF func(w io.Writer, v report.InvoiceView) error
	// CreditNotePDF writes the paper of a credit note.
	CreditNotePDF func(w io.Writer, v report.CreditNoteView) error
	// NewSecret makes the signing secret of a webhook endpoint, and its sealed form.
	NewSecret func(id.Account) (secret, sealed string)
	// SealSecret is the sealed form of a signing secret that was given.
	SealSecret func(acc id.Account, secret string) string
	// SealHeaders checks and seals the extra request headers of a webhook endpoint.
	SealHeaders func(id.Account, map[string]string) ([]outbox.Header, error)
	// EventBody spells an event as webhooks and hooks receive it.
	EventBody func(event.Event) (string, error)
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
	if o.Log == nil {
		o.Log = slog.Default()
	}
	a := &API{s: s, r: r, o: o, mux: chi.NewMux()}
	a.mux.NotFound(func(w http.ResponseWriter, _ *http.Request) {
		writeProblem(w, problem{Status: http.StatusNotFound, Detail: "there is nothing at this address"})
	})
	a.mux.MethodNotAllowed(a.wrongMethod)
	a.huma = humachi.New(a.mux, a.config())
	a.huma.UseMiddleware(a.guard)
	a.huma.OpenAPI().Components.Responses = refusalResponses(a.huma.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[problem](), true, "Problem"))
	for _, routes := range []func(){a.accountRoutes, a.doorKeyRoutes, a.widgetRoutes, a.catalogRoutes, a.customerRoutes, a.addressRoutes, a.questionRoutes, a.creditRoutes, a.saleRoutes, a.changeRoutes, a.breakRoutes, a.itemRoutes, a.couponRoutes, a.programRoutes, a.affiliateRoutes, a.payoutRoutes, a.licenseRoutes, a.invoiceRoutes, a.byHandRoutes, a.creditNoteRoutes, a.taxRoutes, a.moneyRoutes, a.recoveryRoutes, a.gatewayRoutes, a.eventRoutes, a.clockRoutes, a.endpointRoutes, a.hookRoutes, a.schemaRoutes, a.usageRoutes, a.mailRoutes, a.metricRoutes} {
		routes()
	}
	a.describe()
	return a
}

// ServeHTTP serves one request.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	a.mux.ServeHTTP(w, r)
}

// wrongMethod refuses a method and tells which the address knows.
func (a *API) wrongMethod(w http.ResponseWriter, r *http.Request) {
	var known []string
	for _, m := range []string{http.MethodGet, http.MethodPost, http.MethodPatch, http.MethodDelete} {
		if a.mux.Match(chi.NewRouteContext(), m, r.URL.Path) {
			known = append(known, m)
		}
	}
	w.Header().Set("Allow", strings.Join(known, ", "))
	writeProblem(w, problem{Status: http.StatusMethodNotAllowed, Detail: "this address does not know that method"})
}

// Routes are the routes, for tests that must try each of them.
func (a *API) Routes() chi.Routes { return a.mux }

func (a *API) config() huma.Config {
	c := huma.DefaultConfig("Perennial", a.o.Version)
	c.CreateHooks = nil // no $schema links in answers
	c.OpenAPIPath, c.DocsPath, c.SchemasPath = "", "", ""
	c.RejectUnknownQueryParameters = true
	c.Formats = map[string]huma.Format{"application/json": huma.DefaultJSONFormat, "json": huma.DefaultJSONFormat}
	c.Info.Description = "Subscriptions, invoices and payments of one account. Amounts are whole minor units with their currency; instants are RFC 3339 in UTC; " +
		"errors are problems (RFC 9457) that name the field. Every POST that changes something takes an Idempotency-Key: the same request with the same key gets the first answer again for 30 days."
	c.Components.SecuritySchemes = map[string]*huma.SecurityScheme{"key": {Type: "http", Scheme: "bearer", Description: "An API key of the account."}}
	c.Security = []map[string][]string{{"key": {}}}
	return c
}

// caller is who asks.
type caller struct {
	key     account.APIKey
	account account.Account
	once    *idempotency.Request
	request string // by which the log knows the request
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
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic("api: " + err.Error()) // wire types always marshal
	}
	return b.Bytes()
}

func answered(status int, body []byte) *answer {
	ct := "application/json"
	if status >= http.StatusBadRequest {
		ct = problemType
	}
	return &answer{Status: status, ContentType: ct, Body: body}
}

// refused answers a refusal. What failed on our side is logged in full and told
// without its inside.
func (a *API) refused(ctx context.Context, err error) *answer {
	p := problemOf(err)
	if p.Status >= http.StatusInternalServerError {
		who := callerOf(ctx)
		a.o.Log.ErrorContext(ctx, "a request failed", "request", who.request, "account", who.account.ID, "kind", fault.KindOf(err), "err", err)
		if p.Status == http.StatusInternalServerError && who.request != "" {
			p.Detail += "; the log knows more under " + who.request
		}
	}
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
	// pending is what 202 answers: the story's result in a form that says that the
	// gateway has not answered yet. Nil for a story that asks no gateway.
	pending *pendingAnswer
	// kept spells what is kept for a repeated request instead of the answer, for
	// answers that hold a secret. Nil keeps the answer itself.
	kept func(result any) any
	// unkept says that no idempotency key is kept for a POST: it only computes, or nothing
	// of its body may stay, not even a digest.
	unkept bool
}

type pendingAnswer struct {
	wire   reflect.Type
	render func(result any) any
}

// whilePending makes the answer of a story whose gateway has not answered yet.
func whilePending[R, W any](render func(R) W) *pendingAnswer {
	return &pendingAnswer{reflect.TypeFor[W](), func(result any) any { return render(result.(R)) }}
}

// read registers a route that changes nothing.
func read[I, W any](a *API, o operation, run func(ctx context.Context, c caller, in *I) (W, error)) {
	o.method, o.status = http.MethodGet, http.StatusOK
	huma.Register(a.huma, a.describeOp(o, reflect.TypeFor[W]()), func(ctx context.Context, in *I) (*answer, error) {
		out, err := run(ctx, callerOf(ctx), in)
		if err != nil {
			return a.refused(ctx, err), nil
		}
		return answered(http.StatusOK, encode(out)), nil
	})
}

// ask registers a route that computes something from a body and changes nothing. It
// keeps no idempotency key: asked again, it computes again.
func ask[I, W any](a *API, o operation, run func(ctx context.Context, c caller, in *I) (W, error)) {
	o.method, o.status, o.unkept = http.MethodPost, http.StatusOK, true
	huma.Register(a.huma, a.describeOp(o, reflect.TypeFor[W]()), func(ctx context.Context, in *I) (*answer, error) {
		out, err := run(ctx, callerOf(ctx), in)
		if err != nil {
			return a.refused(ctx, err), nil
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
		if who.once != nil && !o.unkept {
			call.Once = &commerce.Once{Request: *who.once, Answer: func(result any, refusal error) (int, string) {
				switch {
				case refusal != nil:
					p := problemOf(refusal)
					return p.Status, string(p.text())
				case o.kept != nil:
					return o.status, string(encode(o.kept(result)))
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
		if fault.Is(err, fault.Pending) && o.pending != nil {
			a.o.Woken()
			return answered(http.StatusAccepted, encode(o.pending.render(result))), nil
		}
		if err != nil {
			return a.refused(ctx, err), nil
		}
		a.o.Woken()
		return answered(o.status, encode(render(result))), nil
	})
}
