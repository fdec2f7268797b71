package stripe

import (
	"context"
	"crypto/hmac"
	"encoding/hex"
	"encoding/json"
	"strconv"
	"strings"
	"time"

	api "github.com/stripe/stripe-go/v85"
	"github.com/stripe/stripe-go/v85/webhook"

	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/payment"
)

// Tolerance is how old a notice may be, and how far ahead the sender's clock.
const Tolerance = 300 * time.Second

// maxBody bounds a notice. Stripe's have some kilobytes.
const maxBody = 1 << 20

// notFromStripe says no more: what is wrong is of use to a forger only.
func notFromStripe() error {
	return fault.New(fault.Invalid, "the notice is not signed by Stripe for this account, or is too old").WithCode("signature_invalid")
}

// Read verifies a notice and says what it is about. Any of the signatures may be made
// with any of the secrets, so that a secret can be changed without losing one. A
// notice of the other mode (test or live) or of another connected account is refused
// like a forged one.
func (g *Gateway) Read(header func(string) string, body []byte, now time.Time) (payment.Notice, error) {
	if len(body) > maxBody {
		return payment.Notice{}, notFromStripe()
	}
	signed, signatures := signature(header("Stripe-Signature"))
	if signed.IsZero() || now.Sub(signed) > Tolerance || signed.Sub(now) > Tolerance {
		return payment.Notice{}, notFromStripe()
	}
	valid := false
	for _, secret := range g.secrets {
		want := webhook.ComputeSignature(signed, body, secret)
		for _, s := range signatures {
			valid = hmac.Equal(want, s) || valid
		}
	}
	if !valid {
		return payment.Notice{}, notFromStripe()
	}
	var e envelope
	if err := json.Unmarshal(body, &e); err != nil || e.ID == "" || e.Type == "" || len(e.ID) > 200 || len(e.Type) > 200 {
		return payment.Notice{}, fault.New(fault.Invalid, "the notice is none that Stripe sends")
	}
	if e.Livemode != g.live || e.Account != g.connected {
		return payment.Notice{}, notFromStripe()
	}
	return e.notice(string(body)), nil
}

// signature takes a Stripe-Signature apart: "t=1492774577,v1=5257a…,v1=6f0b…".
func signature(header string) (signed time.Time, signatures [][]byte) {
	const most = 16 // secrets overlap for a while; more is an attempt to keep us busy
	if len(header) > 4096 {
		return time.Time{}, nil
	}
	for part := range strings.SplitSeq(header, ",") {
		name, value, _ := strings.Cut(part, "=")
		switch strings.TrimSpace(name) {
		case "t":
			seconds, err := strconv.ParseInt(value, 10, 64)
			if err != nil || seconds <= 0 || seconds > 1<<40 || !signed.IsZero() {
				return time.Time{}, nil
			}
			signed = time.Unix(seconds, 0)
		case "v1":
			if s, err := hex.DecodeString(value); err == nil && len(signatures) < most {
				signatures = append(signatures, s)
			}
		}
	}
	return signed, signatures
}

// envelope is what is read of one of Stripe's events. Objects differ between versions
// of Stripe's API; this much is in all of them.
type envelope struct {
	ID       string `json:"id"`
	Type     string `json:"type"`
	Created  int64  `json:"created"`
	Livemode bool   `json:"livemode"`
	Account  string `json:"account"`
	Data     struct {
		Object subject `json:"object"`
	} `json:"data"`
}

// subject is the object that an event is about.
type subject struct {
	ID            string            `json:"id"`
	Object        string            `json:"object"`
	Metadata      map[string]string `json:"metadata"`
	PaymentIntent name              `json:"payment_intent"`
	Customer      name              `json:"customer"`
}

// name is the id of an object that is told by its id or in full.
type name string

func (n *name) UnmarshalJSON(b []byte) error {
	var s string
	if json.Unmarshal(b, &s) == nil {
		*n = name(s)
		return nil
	}
	var full struct {
		ID string `json:"id"`
	}
	if json.Unmarshal(b, &full) == nil {
		*n = name(full.ID)
	}
	return nil // of a shape that we do not know, and do not need
}

// notice is what an event means here.
func (e envelope) notice(body string) payment.Notice {
	o := e.Data.Object
	n := payment.Notice{ID: e.ID, Kind: payment.OtherNotice, Type: e.Type, At: at(e.Created), Body: body, Reference: o.ID}
	switch o.Object {
	case "payment_intent":
		n.Kind, n.Key = payment.ChargeNotice, o.Metadata[metaKey]
	case "charge":
		if o.PaymentIntent != "" { // others are none of ours
			n.Kind, n.Key, n.Reference = payment.ChargeNotice, o.Metadata[metaKey], string(o.PaymentIntent)
		}
	case "refund":
		n.Kind, n.Key = payment.RefundNotice, o.Metadata[metaKey]
	case "dispute":
		n.Kind = payment.DisputeNotice
	case "payment_method":
		if o.Customer != "" {
			n.Kind, n.Reference = payment.MethodNotice, token{string(o.Customer), o.ID}.String()
		}
	}
	return n
}

// Events are the types of event that a webhook endpoint at Stripe should send, and
// those that Notices asks for.
var Events = []string{
	"payment_intent.succeeded", "payment_intent.payment_failed", "payment_intent.processing", "payment_intent.canceled", "payment_intent.requires_action",
	"charge.refunded",
	"refund.created", "refund.updated", "refund.failed",
	"charge.dispute.created", "charge.dispute.updated", "charge.dispute.closed", "charge.dispute.funds_withdrawn", "charge.dispute.funds_reinstated",
	"payment_method.automatically_updated", "payment_method.updated", "payment_method.detached",
}

// mostNotices bounds what one call of Notices reads.
const mostNotices = 1000

// Notices reads the events after one, oldest first. Stripe keeps them for 30 days; an
// event that it has forgotten is the same as none.
func (g *Gateway) Notices(ctx context.Context, _ id.Account, after string, _ time.Time) (list []payment.Notice, last string, err error) {
	if after == "" {
		return g.firstNotices(ctx)
	}
	params := eventParams()
	params.EndingBefore = api.String(after)
	for e, err := range g.stripe.V1Events.List(ctx, params).All(ctx) { // going back towards now: oldest first
		if err != nil {
			err = failed(err)
			if fault.Is(err, fault.NotFound) || fault.Is(err, fault.Unavailable) && fault.As(err).Code == "gateway_refused" {
				return g.firstNotices(ctx)
			}
			return nil, "", err
		}
		list = append(list, noticeOf(e))
		if len(list) == mostNotices {
			break
		}
	}
	if len(list) > 0 {
		after = list[len(list)-1].ID
	}
	return list, after, nil
}

// firstNotices reads the newest events. Older ones are found by asking for what is
// pending, which is done anyway.
func (g *Gateway) firstNotices(ctx context.Context) (list []payment.Notice, last string, err error) {
	for e, err := range g.stripe.V1Events.List(ctx, eventParams()).All(ctx) {
		if err != nil {
			return nil, "", failed(err)
		}
		list = append(list, noticeOf(e))
		if len(list) == mostNotices {
			break
		}
	}
	for i, j := 0, len(list)-1; i < j; i, j = i+1, j-1 {
		list[i], list[j] = list[j], list[i]
	}
	if len(list) > 0 {
		last = list[len(list)-1].ID
	}
	return list, last, nil
}

func eventParams() *api.EventListParams {
	params := &api.EventListParams{Types: api.StringSlice(Events)}
	params.Limit = api.Int64(pageSize)
	return params
}

// noticeOf is an event of Stripe's list as a notice.
func noticeOf(e *api.Event) payment.Notice {
	out := envelope{ID: e.ID, Type: string(e.Type), Created: e.Created, Livemode: e.Livemode, Account: e.Account}
	var raw json.RawMessage
	if e.Data != nil {
		raw = e.Data.Raw
		if err := json.Unmarshal(raw, &out.Data.Object); err != nil {
			out.Data.Object = subject{} // a notice of no kind that concerns us
		}
	}
	body, err := json.Marshal(map[string]any{"id": e.ID, "object": "event", "type": e.Type, "created": e.Created, "livemode": e.Livemode,
		"data": map[string]any{"object": raw}})
	if err != nil {
		body = []byte("{}")
	}
	return out.notice(string(body))
}
