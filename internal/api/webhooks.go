package api

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"perennial/internal/commerce"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/outbox"
)

// EndpointWire is a webhook endpoint on the wire. It is exported because only then are the fields of forms
// that hold it described.
type EndpointWire struct {
	ID           string     `json:"id"`
	Address      string     `json:"address"`
	Dialect      string     `json:"dialect" doc:"Whose topics, bodies and signatures it gets: own, or the name of another system such as paywhirl."`
	Events       []string   `json:"events" doc:"Types such as invoice.paid, or invoice.*; empty for all. The topics of its dialect, if it has one."`
	Headers      []string   `json:"headers" doc:"The names of the extra request headers; their values are not told."`
	Products     []string   `json:"products" doc:"Of which it is told; empty for all. Only with a dialect."`
	Campaigns    []string   `json:"campaigns" doc:"The same."`
	Retry        bool       `json:"retry" doc:"What failed is tried again, also where the dialect does not."`
	InFlight     int        `json:"in_flight" doc:"Deliveries that may be under way at once. With 1 they mostly come in order."`
	State        string     `json:"state" enum:"enabled,disabled"`
	Failure      *string    `json:"failure" doc:"Why it was disabled for its failures."`
	FailingSince *time.Time `json:"failing_since" doc:"The first failure since the last success."`
	OldSecretTo  *time.Time `json:"old_secret_until" doc:"Until when the secret that was replaced signs too."`
	CreatedAt    time.Time  `json:"created_at"`
}

func endpointOf(e outbox.Endpoint) EndpointWire {
	headers := []string{}
	for _, h := range e.Headers {
		headers = append(headers, h.Name)
	}
	return EndpointWire{e.ID.String(), e.Address, dialectWord(e.Dialect), e.Events.Words(), headers, idList(e.Settings.Products), idList(e.Settings.Campaigns), e.Settings.Retry, e.InFlight, string(e.State), textOf(e.Failure), timeOf(e.FailingSince), timeOf(e.OldSecretUntil), e.CreatedAt}
}

func idList[I interface{ String() string }](list []I) []string {
	out := make([]string, len(list))
	for i, v := range list {
		out[i] = v.String()
	}
	return out
}

// endpointScope is what an endpoint with a dialect is told of, in a form.
func endpointScope(f *fault.Fields, products, campaigns []string) (s outbox.Settings) {
	for i, text := range products {
		s.Products = append(s.Products, mustRefer[id.Product](f, "products."+strconv.Itoa(i), text))
	}
	for i, text := range campaigns {
		s.Campaigns = append(s.Campaigns, mustRefer[id.Campaign](f, "campaigns."+strconv.Itoa(i), text))
	}
	return s
}

// ownDialect is what our own dialect is called on the wire.
const ownDialect = "own"

func dialectWord(name string) string {
	if name == "" {
		return ownDialect
	}
	return name
}

// Delivery is an event owed to an endpoint.
type Delivery struct {
	ID        string     `json:"id"`
	Endpoint  string     `json:"endpoint"`
	Event     string     `json:"event"`
	Type      string     `json:"type" doc:"Of the event."`
	Topic     *string    `json:"topic" doc:"What it is told under in the dialect of its endpoint; null in our own."`
	State     string     `json:"state" enum:"waiting,delivered,dead"`
	Attempts  int        `json:"attempts" doc:"Since it was owed or replayed."`
	Tries     int        `json:"tries" doc:"In all."`
	NextAt    *time.Time `json:"next_at"`
	Answer    int        `json:"answer" doc:"The last HTTP status; 0 when there was none."`
	Failure   *string    `json:"failure"`
	SettledAt *time.Time `json:"settled_at"`
}

func deliveryOf(d outbox.Delivery) Delivery {
	return Delivery{d.ID.String(), d.Endpoint.String(), d.Event.String(), d.Kind, textOf(d.Topic), string(d.State), d.Attempts, d.Tries, timeOf(d.NextAt), d.Answer, textOf(d.Failure), timeOf(d.SettledAt)}
}

// endpointNew is the form of a new endpoint.
type endpointNew struct {
	Body struct {
		Address   string            `json:"address" minLength:"1" maxLength:"2000" format:"uri" example:"https://example.com/hooks"`
		Dialect   string            `json:"dialect,omitempty" maxLength:"40" example:"own" doc:"Whose topics, bodies and signatures it gets: left out or own, ours; paywhirl or paywhirl_v1, those that receivers of that system know; paykickstart, or paykickstart_utf8 or paykickstart_ascii, the same with the charset of its signature. It cannot be changed."`
		Secret    string            `json:"secret,omitempty" minLength:"8" maxLength:"200" doc:"Only with a dialect: the secret that its receivers know already; left out, a new one is made."`
		Events    []string          `json:"events,omitempty" maxItems:"64" doc:"Types such as invoice.paid, or invoice.*, or the topics of the dialect; left out, all."`
		Headers   map[string]string `json:"headers,omitempty" doc:"Extra request headers, such as Authorization: at most 10. Host, Content-*, Webhook-* and those of the connection cannot be set."`
		InFlight  int               `json:"in_flight,omitempty" minimum:"1" maximum:"32" doc:"Deliveries that may be under way at once; left out, 1."`
		Products  []string          `json:"products,omitempty" maxItems:"100" doc:"Only with a dialect: it is told of these alone; left out, of all."`
		Campaigns []string          `json:"campaigns,omitempty" maxItems:"100" doc:"The same for all products of campaigns."`
		Retry     bool              `json:"retry,omitempty" doc:"Only with a dialect: try again what failed, also where the dialect does not."`
	}
}

// endpointMade is an endpoint and the secret that is told once.
type endpointMade struct {
	endpoint outbox.Endpoint
	secret   string
}

// EndpointSecret is an endpoint with its secret.
type EndpointSecret struct {
	EndpointWire
	Secret *string `json:"secret" doc:"Signs what is sent, by the Standard Webhooks scheme. Shown only now; null in a repeated answer."`
}

func withSecret(m endpointMade) EndpointSecret {
	return EndpointSecret{endpointOf(m.endpoint), &m.secret}
}

func keptSecret(result any) any { return EndpointSecret{endpointOf(result.(outbox.Endpoint)), nil} }

func (a *API) endpointRoutes() {
	read(a, operation{id: "list-webhook-endpoints", path: "/v1/webhook-endpoints", tag: "Webhooks", summary: "The webhook endpoints"},
		func(ctx context.Context, c caller, _ *none) (list[EndpointWire], error) {
			rows, err := a.endpoints(ctx, c, outbox.Webhook)
			return paged(Page{Limit: len(rows)}, "end", rows, nil, endpointOf), err
		})
	write(a, operation{id: "create-webhook-endpoint", path: "/v1/webhook-endpoints", tag: "Webhooks", summary: "Have an address told of events", kept: keptSecret},
		func(ctx context.Context, call commerce.Call, in *endpointNew) (endpointMade, error) {
			if err := a.checkAddress(in.Body.Address); err != nil {
				return endpointMade{}, err
			}
			headers, err := a.o.SealHeaders(call.Account, in.Body.Headers)
			if err != nil {
				return endpointMade{}, err
			}
			dialect := in.Body.Dialect
			if dialect == ownDialect {
				dialect = ""
			}
			secret, sealed := a.o.NewSecret(call.Account)
			if in.Body.Secret != "" {
				if dialect == "" {
					return endpointMade{}, fault.BadField("secret", "can be given only with a dialect")
				}
				secret, sealed = in.Body.Secret, a.o.SealSecret(call.Account, in.Body.Secret)
			}
			var f fault.Fields
			settings := endpointScope(&f, in.Body.Products, in.Body.Campaigns)
			if err := f.Err(); err != nil {
				return endpointMade{}, err
			}
			settings.Retry = in.Body.Retry
			e, err := a.s.CreateEndpoint(ctx, commerce.CreateEndpoint{Call: call, Address: in.Body.Address, Dialect: dialect, Events: in.Body.Events, Secret: sealed,
				Headers: headers, InFlight: in.Body.InFlight, Settings: settings})
			return endpointMade{e, secret}, err
		}, withSecret)
	read(a, operation{id: "get-webhook-endpoint", path: "/v1/webhook-endpoints/{id}", tag: "Webhooks", summary: "One webhook endpoint"},
		func(ctx context.Context, c caller, in *ByID) (EndpointWire, error) {
			v, err := id.Parse[id.Endpoint](in.ID)
			if err != nil {
				return EndpointWire{}, err
			}
			e, err := a.r.Endpoint(ctx, c.account.ID, v)
			return endpointOf(e), err
		})
	a.endpointChanges()
	a.deliveryRoutes()
	a.replayRoutes()
}

// endpoints are the account's endpoints of one kind.
func (a *API) endpoints(ctx context.Context, c caller, kind outbox.Kind) ([]outbox.Endpoint, error) {
	all, err := a.r.Endpoints(ctx, c.account.ID)
	var list []outbox.Endpoint
	for _, e := range all {
		if e.Kind == kind {
			list = append(list, e)
		}
	}
	return list, err
}

// checkAddress refuses an address that webhooks may not reach, under this door's
// name of the field.
func (a *API) checkAddress(address string) error {
	err := a.o.CheckAddress(address)
	if f := fault.As(err); err != nil && f.Kind == fault.Invalid {
		why := f.Message
		if len(f.Fields) > 0 {
			why = f.Fields[0].Message
		}
		return fault.BadField("address", "%s", why)
	}
	return err
}

func (a *API) endpointChanges() {
	type endpointChange struct {
		ByID
		Body struct {
			Address  *string            `json:"address,omitempty" maxLength:"2000"`
			Events   []string           `json:"events,omitempty" maxItems:"64"`
			Headers  *map[string]string `json:"headers,omitempty" doc:"Replaces all extra request headers."`
			InFlight *int               `json:"in_flight,omitempty" minimum:"1" maximum:"32"`
			Enabled  *bool              `json:"enabled,omitempty"`
			Waiting  string             `json:"waiting,omitempty" enum:"send,drop" doc:"When it is enabled again: what becomes of the deliveries that waited. Left out, they are sent."`
		}
	}
	write(a, operation{id: "update-webhook-endpoint", method: http.MethodPatch, status: http.StatusOK, path: "/v1/webhook-endpoints/{id}", tag: "Webhooks", summary: "Change a webhook endpoint"},
		func(ctx context.Context, call commerce.Call, in *endpointChange) (outbox.Endpoint, error) {
			v, err := id.Parse[id.Endpoint](in.ID)
			if err != nil {
				return outbox.Endpoint{}, err
			}
			if in.Body.Address != nil {
				if err := a.checkAddress(*in.Body.Address); err != nil {
					return outbox.Endpoint{}, err
				}
			}
			change := commerce.UpdateEndpoint{Call: call, Endpoint: v, Address: in.Body.Address, Events: eventsOf(in.Body.Events), InFlight: in.Body.InFlight,
				Enabled: in.Body.Enabled, Drop: in.Body.Waiting == "drop"}
			if in.Body.Headers != nil {
				headers, err := a.o.SealHeaders(call.Account, *in.Body.Headers)
				if err != nil {
					return outbox.Endpoint{}, err
				}
				change.Headers = &headers
			}
			return a.s.UpdateEndpoint(ctx, change)
		}, endpointOf)
	type secretRotation struct {
		ByID
		Body struct {
			Overlap *int `json:"overlap_hours,omitempty" minimum:"0" maximum:"168" doc:"For how long the old secret signs beside the new one; left out, 24."`
		}
	}
	write(a, operation{id: "rotate-webhook-secret", status: http.StatusOK, path: "/v1/webhook-endpoints/{id}/rotate-secret", tag: "Webhooks", summary: "Give a webhook endpoint a new secret",
		text: "While both sign, each delivery carries two signatures; receivers accept either.", kept: keptSecret},
		func(ctx context.Context, call commerce.Call, in *secretRotation) (endpointMade, error) {
			v, err := id.Parse[id.Endpoint](in.ID)
			if err != nil {
				return endpointMade{}, err
			}
			hours := 24
			if in.Body.Overlap != nil {
				hours = *in.Body.Overlap
			}
			secret, sealed := a.o.NewSecret(call.Account)
			e, err := a.s.RotateSecret(ctx, commerce.RotateSecret{Call: call, Endpoint: v, Secret: sealed, Overlap: time.Duration(hours) * time.Hour})
			return endpointMade{e, secret}, err
		}, withSecret)
	write(a, operation{id: "test-webhook-endpoint", path: "/v1/webhook-endpoints/{id}/test", tag: "Webhooks", summary: "Send a webhook endpoint a test",
		text: "Sends an event of type endpoint.test, whatever the endpoint listens to."},
		func(ctx context.Context, call commerce.Call, in *ByID) (outbox.Delivery, error) {
			v, err := id.Parse[id.Endpoint](in.ID)
			if err != nil {
				return outbox.Delivery{}, err
			}
			return a.s.TestEndpoint(ctx, commerce.TestEndpoint{Call: call, Endpoint: v})
		}, deliveryOf)
	write(a, operation{id: "remove-webhook-endpoint", path: "/v1/webhook-endpoints/{id}/remove", status: http.StatusOK, tag: "Webhooks", summary: "End a webhook endpoint"},
		func(ctx context.Context, call commerce.Call, in *ByID) (removed, error) {
			v, err := id.Parse[id.Endpoint](in.ID)
			if err != nil {
				return removed{}, err
			}
			done := removed{in.ID, true}
			return done, a.s.RemoveEndpoint(ctx, commerce.RemoveEndpoint{Call: withoutAnswer(call, done), Endpoint: v})
		}, func(r removed) removed { return r })
}

type removed struct {
	ID      string `json:"id"`
	Removed bool   `json:"removed"`
}

func eventsOf(list []string) *outbox.Filter {
	if list == nil {
		return nil
	}
	f := outbox.Filter(list)
	return &f
}
