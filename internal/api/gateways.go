package api

import (
	"context"
	"net/http"
	"time"

	"perennial/internal/commerce"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/payment"
)

// Gateway is a merchant's account at a payment gateway, without its secrets.
type Gateway struct {
	ID               string     `json:"id" example:"gw_0sb2vdbdyhg00"`
	Kind             string     `json:"kind" example:"stripe"`
	Name             string     `json:"name"`
	State            string     `json:"state" enum:"active,disabled"`
	Default          bool       `json:"default"`
	PublishableKey   string     `json:"publishable_key"`
	ConnectedAccount string     `json:"connected_account"`
	Instructions     string     `json:"instructions" doc:"How to pay, for gateways that move no money themselves."`
	WebhookPath      string     `json:"webhook_path" doc:"Below the server's address: where the gateway sends its notices."`
	LastNoticeAt     *time.Time `json:"last_notice_at"`
	LastError        *string    `json:"last_error" doc:"Why the gateway's list of notices could not be read; null when it could."`
	LastErrorAt      *time.Time `json:"last_error_at"`
	CreatedAt        time.Time  `json:"created_at"`
}

func gatewayOf(g payment.GatewayAccount) Gateway {
	return Gateway{g.ID.String(), g.Kind, g.Name, string(g.State), g.Default, g.Settings.PublishableKey, g.Settings.ConnectedAccount, g.Settings.Instructions,
		"/hooks/" + g.ID.String(), timeOf(g.Health.LastNotice), textOf(g.Health.LastError), timeOf(g.Health.LastErrorAt), g.CreatedAt}
}

// gatewayFields is a refusal under this door's names of the fields.
func gatewayFields(err error) error {
	f := fault.As(err)
	if err == nil || f.Kind != fault.Invalid || len(f.Fields) == 0 {
		return err
	}
	var named fault.Fields
	for _, field := range f.Fields {
		switch field.Name {
		case "api_key":
			field.Name = "secret_key"
		case "webhook_secrets":
			field.Name = "webhook_secret"
		}
		named.Bad(field.Name, "%s", field.Message)
	}
	return named.Err()
}

// Notice is what a gateway told.
type Notice struct {
	ID         string     `json:"id"`
	Gateway    string     `json:"gateway"`
	NoticeID   string     `json:"notice_id" doc:"The gateway's own."`
	Kind       string     `json:"kind" enum:"charge,refund,dispute,method,other"`
	Type       string     `json:"type" doc:"The gateway's own word."`
	Key        string     `json:"key" doc:"The payment or refund that it names, if it does."`
	Reference  string     `json:"reference"`
	State      string     `json:"state" enum:"waiting,done,failed"`
	Tries      int        `json:"tries"`
	NextTry    *time.Time `json:"next_try"`
	Failure    *string    `json:"failure"`
	HappenedAt time.Time  `json:"happened_at"`
	ReceivedAt time.Time  `json:"received_at"`
}

func noticeOf(t payment.Told) Notice {
	return Notice{t.Row.String(), t.Gateway, t.ID, string(t.Kind), t.Type, t.Key, t.Reference, string(t.State), t.Tries, timeOf(t.NextAt), textOf(t.Failure), t.At, t.ReceivedAt}
}

// Dispute is a customer's bank taking a payment back, or asking to.
type Dispute struct {
	ID         string     `json:"id"`
	Payment    string     `json:"payment"`
	Invoice    string     `json:"invoice"`
	Customer   string     `json:"customer"`
	Amount     Money      `json:"amount"`
	Reason     string     `json:"reason" doc:"The gateway's own word."`
	State      string     `json:"state" enum:"warning,warning_closed,needs_response,under_review,won,lost"`
	Reference  string     `json:"reference" doc:"The gateway's own."`
	EvidenceBy *time.Time `json:"evidence_by"`
	OpenedAt   time.Time  `json:"opened_at"`
	ClosedAt   *time.Time `json:"closed_at"`
}

func disputeOf(d payment.Dispute) Dispute {
	return Dispute{d.ID.String(), d.Payment.String(), d.Invoice.String(), d.Customer.String(), moneyOf(d.Amount), d.Reason, string(d.State), d.Reference,
		timeOf(d.EvidenceBy), d.OpenedAt, timeOf(d.ClosedAt)}
}

func (a *API) gatewayRoutes() {
	read(a, operation{id: "list-gateways", path: "/v1/gateways", tag: "Gateways", summary: "The account's gateway accounts, newest first"},
		func(ctx context.Context, c caller, _ *none) (list[Gateway], error) {
			rows, err := a.r.Gateways(ctx, c.account.ID)
			return paged(Page{Limit: len(rows)}, "gw", rows, nil, gatewayOf), err
		})
	read(a, operation{id: "get-gateway", path: "/v1/gateways/{id}", tag: "Gateways", summary: "One gateway account"},
		func(ctx context.Context, c caller, in *ByID) (Gateway, error) {
			v, err := id.Parse[id.GatewayAccount](in.ID)
			if err != nil {
				return Gateway{}, err
			}
			g, err := a.r.Gateway(ctx, c.account.ID, v)
			return gatewayOf(g), err
		})
	type newGateway struct {
		Body struct {
			Kind             string `json:"kind" maxLength:"40" example:"stripe" doc:"stripe or manual."`
			Name             string `json:"name" minLength:"1" maxLength:"120"`
			Default          bool   `json:"default,omitempty" doc:"Of new sales. A live account's first is it anyway."`
			APIKey           string `json:"secret_key,omitempty" maxLength:"300" doc:"Kept sealed, and never shown again."`
			WebhookSecret    string `json:"webhook_secret,omitempty" maxLength:"300" doc:"As secret_key."`
			PublishableKey   string `json:"publishable_key,omitempty" maxLength:"300"`
			ConnectedAccount string `json:"connected_account,omitempty" maxLength:"300"`
			Instructions     string `json:"instructions,omitempty" maxLength:"4000"`
		}
	}
	write(a, operation{id: "create-gateway", path: "/v1/gateways", tag: "Gateways", summary: "Add an account at a payment gateway",
		text: "Its secrets are kept sealed: no answer and no event holds them. Give webhook_path, below the server's address, to the gateway."},
		func(ctx context.Context, call commerce.Call, in *newGateway) (payment.GatewayAccount, error) {
			b := in.Body
			c := commerce.CreateGateway{Call: call, Kind: b.Kind, Name: b.Name, Default: b.Default, Secrets: payment.GatewaySecrets{APIKey: b.APIKey},
				Settings: payment.GatewaySettings{PublishableKey: b.PublishableKey, ConnectedAccount: b.ConnectedAccount, Instructions: b.Instructions}}
			if b.WebhookSecret != "" {
				c.Secrets.WebhookSecrets = []string{b.WebhookSecret}
			}
			g, err := a.s.CreateGateway(ctx, c)
			return g, gatewayFields(err)
		}, gatewayOf)
	a.gatewayChanges()
	a.noticeRoutes()
	a.disputeRoutes()
	a.reconcileRoute()
}

func (a *API) gatewayChanges() {
	type gatewayChange struct {
		ByID
		Body struct {
			Name             *string `json:"name,omitempty" maxLength:"120"`
			State            *string `json:"state,omitempty" enum:"active,disabled" doc:"At a disabled one nothing new is sold or saved; what is there is charged on."`
			Default          *bool   `json:"default,omitempty" doc:"true takes it from the one before."`
			APIKey           *string `json:"secret_key,omitempty" maxLength:"300"`
			PublishableKey   *string `json:"publishable_key,omitempty" maxLength:"300"`
			ConnectedAccount *string `json:"connected_account,omitempty" maxLength:"300"`
			Instructions     *string `json:"instructions,omitempty" maxLength:"4000"`
		}
	}
	write(a, operation{id: "update-gateway", method: http.MethodPatch, status: http.StatusOK, path: "/v1/gateways/{id}", tag: "Gateways", summary: "Change a gateway account"},
		func(ctx context.Context, call commerce.Call, in *gatewayChange) (payment.GatewayAccount, error) {
			v, err := id.Parse[id.GatewayAccount](in.ID)
			if err != nil {
				return payment.GatewayAccount{}, err
			}
			b := in.Body
			g, err := a.s.UpdateGateway(ctx, commerce.UpdateGateway{Call: call, Gateway: v, Name: b.Name, State: (*payment.GatewayState)(b.State), Default: b.Default, APIKey: b.APIKey,
				PublishableKey: b.PublishableKey, ConnectedAccount: b.ConnectedAccount, Instructions: b.Instructions})
			return g, gatewayFields(err)
		}, gatewayOf)
	type rotation struct {
		ByID
		Body struct {
			Secret string `json:"webhook_secret,omitempty" maxLength:"300" doc:"The new one; left out, the one before is no longer valid."`
		}
	}
	write(a, operation{id: "rotate-gateway-secret", status: http.StatusOK, path: "/v1/gateways/{id}/rotate-secret", tag: "Gateways", summary: "Replace the secret that signs a gateway's notices",
		text: "The one before stays valid beside the new one until a second call without webhook_secret drops it."},
		func(ctx context.Context, call commerce.Call, in *rotation) (payment.GatewayAccount, error) {
			v, err := id.Parse[id.GatewayAccount](in.ID)
			if err != nil {
				return payment.GatewayAccount{}, err
			}
			g, err := a.s.RotateWebhookSecret(ctx, commerce.RotateWebhookSecret{Call: call, Gateway: v, Secret: in.Body.Secret})
			return g, gatewayFields(err)
		}, gatewayOf)
}

func (a *API) noticeRoutes() {
	read(a, operation{id: "list-gateway-notices", path: "/v1/gateway-notices", tag: "Gateways", summary: "What gateways told"},
		func(ctx context.Context, c caller, in *Page) (list[Notice], error) {
			from, err := before[id.GatewayNotice](*in, "gwn")
			if err != nil {
				return list[Notice]{}, err
			}
			rows, err := a.r.Notices(ctx, c.account.ID, from, in.Limit+1)
			return paged(*in, "gwn", rows, func(t payment.Told) int64 { return int64(t.Row) }, noticeOf), err
		})
	read(a, operation{id: "get-gateway-notice", path: "/v1/gateway-notices/{id}", tag: "Gateways", summary: "One thing that a gateway told"},
		func(ctx context.Context, c caller, in *ByID) (Notice, error) {
			v, err := id.Parse[id.GatewayNotice](in.ID)
			if err != nil {
				return Notice{}, err
			}
			t, err := a.r.Notice(ctx, c.account.ID, v)
			return noticeOf(t), err
		})
	write(a, operation{id: "replay-gateway-notice", status: http.StatusOK, path: "/v1/gateway-notices/{id}/replay", tag: "Gateways", summary: "Work a gateway's notice off again",
		text: "The gateway is asked what is true now, whatever the notice says, so that this is never wrong."},
		func(ctx context.Context, call commerce.Call, in *ByID) (payment.Told, error) {
			v, err := id.Parse[id.GatewayNotice](in.ID)
			if err != nil {
				return payment.Told{}, err
			}
			return a.s.ReplayNotice(ctx, commerce.ReplayNotice{Call: call, Notice: v})
		}, noticeOf)
}

func (a *API) disputeRoutes() {
	read(a, operation{id: "list-disputes", path: "/v1/disputes", tag: "Payments", summary: "The disputes"},
		func(ctx context.Context, c caller, in *Page) (list[Dispute], error) {
			from, err := before[id.Dispute](*in, "dsp")
			if err != nil {
				return list[Dispute]{}, err
			}
			rows, err := a.r.Disputes(ctx, c.account.ID, from, in.Limit+1)
			return paged(*in, "dsp", rows, func(d payment.Dispute) int64 { return int64(d.ID) }, disputeOf), err
		})
	read(a, operation{id: "get-dispute", path: "/v1/disputes/{id}", tag: "Payments", summary: "One dispute"},
		func(ctx context.Context, c caller, in *ByID) (Dispute, error) {
			v, err := id.Parse[id.Dispute](in.ID)
			if err != nil {
				return Dispute{}, err
			}
			d, err := a.r.Dispute(ctx, c.account.ID, v)
			return disputeOf(d), err
		})
	write(a, operation{id: "ask-payment", status: http.StatusOK, path: "/v1/payments/{id}/ask", tag: "Payments", summary: "Ask the gateway now what became of a payment"},
		func(ctx context.Context, call commerce.Call, in *ByID) (payment.Payment, error) {
			v, err := id.Parse[id.Payment](in.ID)
			if err != nil {
				return payment.Payment{}, err
			}
			asked, err := a.s.AskPayment(withoutCancel(ctx), commerce.AskPayment{Call: call, Payment: v})
			return asked.Payment, err
		}, paymentOf)
	write(a, operation{id: "ask-refund", status: http.StatusOK, path: "/v1/refunds/{id}/ask", tag: "Payments", summary: "Ask the gateway now what became of a refund"},
		func(ctx context.Context, call commerce.Call, in *ByID) (payment.Refund, error) {
			v, err := id.Parse[id.Refund](in.ID)
			if err != nil {
				return payment.Refund{}, err
			}
			return a.s.AskRefund(withoutCancel(ctx), commerce.AskRefund{Call: call, Refund: v})
		}, refundOf)
	type markRefund struct {
		ByID
		Body struct {
			Given     bool   `json:"given"`
			Reference string `json:"reference,omitempty" maxLength:"255" doc:"What the gateway or the bank calls the refund; needed when it was given."`
		}
	}
	write(a, operation{id: "mark-refund", status: http.StatusOK, path: "/v1/refunds/{id}/mark", tag: "Payments", summary: "Say what became of a refund",
		text: "For refunds that wait for a person because their gateway cannot say. Any other is refused (409): its gateway knows."},
		func(ctx context.Context, call commerce.Call, in *markRefund) (payment.Refund, error) {
			v, err := id.Parse[id.Refund](in.ID)
			if err != nil {
				return payment.Refund{}, err
			}
			return a.s.MarkRefund(ctx, commerce.MarkRefund{Call: call, Refund: v, Given: in.Body.Given, Reference: in.Body.Reference})
		}, refundOf)
	type mark struct {
		ByID
		Body struct {
			Paid      bool       `json:"paid"`
			Reference string     `json:"reference,omitempty" maxLength:"255" doc:"What the gateway or the bank calls the payment; needed when it was paid."`
			At        *time.Time `json:"at,omitempty" doc:"When the money arrived; now when it is left out."`
		}
	}
	write(a, operation{id: "mark-payment", status: http.StatusOK, path: "/v1/payments/{id}/mark", tag: "Payments", summary: "Say what became of a payment",
		text: "For payments by hand, and for those that wait for a person because their gateway cannot say. Any other is refused (409): its gateway knows."},
		func(ctx context.Context, call commerce.Call, in *mark) (payment.Payment, error) {
			v, err := id.Parse[id.Payment](in.ID)
			if err != nil {
				return payment.Payment{}, err
			}
			c := commerce.MarkPayment{Call: call, Payment: v, Paid: in.Body.Paid, Reference: in.Body.Reference}
			if in.Body.At != nil {
				c.At = in.Body.At.UTC().Truncate(time.Microsecond)
			}
			return a.s.MarkPayment(ctx, c)
		}, paymentOf)
}

// Reconciled is what the comparison with the gateways' books found.
type Reconciled struct {
	Gateways    int          `json:"gateways"`
	Records     int          `json:"records" doc:"Charges and refunds that the gateways know."`
	Foreign     int          `json:"foreign" doc:"Of them, those that were asked for elsewhere."`
	Differences []Difference `json:"differences"`
	More        int          `json:"more" doc:"Differences beyond those."`
}

// Difference is one thing on which a gateway and the books disagree.
type Difference struct {
	Kind      string `json:"kind" enum:"missing_here,missing_there,amount_differs"`
	Gateway   string `json:"gateway"`
	Key       string `json:"key" doc:"The payment or refund."`
	Reference string `json:"reference" doc:"The gateway's own."`
	Here      Money  `json:"here"`
	There     Money  `json:"there"`
}

func reconciledOf(r commerce.Reconciled) Reconciled {
	out := Reconciled{r.Gateways, r.Records, r.Foreign, []Difference{}, r.More}
	for _, d := range r.Differences {
		out.Differences = append(out.Differences, Difference{d.Kind, d.Gateway, d.Key, d.Reference, Money{d.Here, d.Currency}, Money{d.There, d.Currency}})
	}
	return out
}

func (a *API) reconcileRoute() {
	type since struct {
		Body struct {
			Since *time.Time `json:"since,omitempty" doc:"Compare what was charged since; everything when it is left out."`
		}
	}
	ask(a, operation{id: "reconcile", path: "/v1/reconcile", tag: "Gateways", summary: "Compare the gateways' own books with payments and refunds",
		text: "Changes nothing but for an event that tells what was found. It runs every night by itself."},
		func(ctx context.Context, c caller, in *since) (Reconciled, error) {
			r := commerce.Reconcile{Call: c.call()}
			if in.Body.Since != nil {
				r.Since = in.Body.Since.UTC().Truncate(time.Microsecond)
			}
			done, err := a.s.Reconcile(ctx, r)
			return reconciledOf(done), err
		})
}
