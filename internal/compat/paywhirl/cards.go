package paywhirl

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"perennial/internal/account"
	"perennial/internal/commerce"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/params"
	"perennial/internal/payment"
)

func (d *Door) cardRoutes() []route {
	return []route{
		{http.MethodGet, "/cards/{id}", d.cards},
		{http.MethodGet, "/card/{id}", d.card},
		{http.MethodPost, "/create/card", d.createCard},
		{http.MethodPost, "/delete/card", d.deleteCard},
	}
}

// cardWire is a payment method: a card, or a bank account that is debited.
type cardWire struct {
	ID               int64   `json:"id"`
	UserID           int64   `json:"user_id"`
	CustomerID       int64   `json:"customer_id"`
	GatewayID        int64   `json:"gateway_id"`
	GatewayReference string  `json:"gateway_reference"`
	Brand            string  `json:"brand"`
	Last4            string  `json:"last4"`
	ExpDate          *string `json:"exp_date"`
	Funding          *string `json:"funding"`
	Country          *string `json:"country"`
	Title            string  `json:"title"`
	CreatedAt        *string `json:"created_at"`
	UpdatedAt        *string `json:"updated_at"`
}

func (d *Door) cardsWire(ctx context.Context, c *caller, list []payment.Method) ([]cardWire, error) {
	k := d.known(c)
	out := []cardWire{}
	for _, m := range list {
		for kind, name := range map[string]string{commerce.NumberMethods: m.ID.String(), commerce.NumberCustomers: m.Customer.String(), numberGateways: m.Gateway} {
			if k.of(kind, name) != 0 {
				continue
			}
			if err := k.learn(ctx, kind, name); err != nil {
				return nil, err
			}
		}
		brand := m.Brand
		if brand == "" {
			brand = m.Kind
		}
		w := cardWire{ID: k.of(commerce.NumberMethods, m.ID.String()), CustomerID: k.of(commerce.NumberCustomers, m.Customer.String()), GatewayID: k.of(numberGateways, m.Gateway),
			GatewayReference: m.Token, Brand: brand, Last4: m.LastFour, Country: text(m.Country), Title: m.Label(), CreatedAt: stamp(m.CreatedAt), UpdatedAt: stamp(m.CreatedAt)}
		if m.Expires > 0 {
			w.ExpDate = text(fmt.Sprintf("%02d/%d", m.Expires%100, m.Expires/100))
		}
		out = append(out, w)
	}
	user, err := d.user(ctx, c)
	for i := range out {
		out[i].UserID = user
	}
	return out, err
}

func (d *Door) oneCard(ctx context.Context, c *caller, of id.Method) (any, error) {
	m, err := d.r.Method(ctx, c.account.ID, of)
	if err == nil && m.State != payment.Usable {
		err = unknown(commerce.NumberMethods)
	}
	if err != nil {
		return nil, err
	}
	list, err := d.cardsWire(ctx, c, []payment.Method{m})
	if err != nil {
		return nil, err
	}
	return list[0], nil
}

func (d *Door) cards(ctx context.Context, c *caller, _ *params.Values) (any, error) {
	of, err := pathThing[id.Customer](ctx, d, c, commerce.NumberCustomers)
	if err != nil {
		return nil, err
	}
	list, err := d.r.Methods(ctx, c.account.ID, of)
	if err != nil {
		return nil, err
	}
	usable := list[:0]
	for _, m := range list {
		if m.State == payment.Usable {
			usable = append(usable, m)
		}
	}
	return d.cardsWire(ctx, c, usable)
}

func (d *Door) card(ctx context.Context, c *caller, _ *params.Values) (any, error) {
	of, err := pathThing[id.Method](ctx, d, c, commerce.NumberMethods)
	if err != nil {
		return nil, err
	}
	return d.oneCard(ctx, c, of)
}

func (d *Door) createCard(ctx context.Context, c *caller, v *params.Values) (any, error) {
	of, err := sentThing[id.Customer](ctx, d, c, v, "customer_id", commerce.NumberCustomers, true)
	if err != nil {
		return nil, err
	}
	attach := commerce.AttachMethod{Customer: of}
	if attach.Gateway, err = d.sentGateway(ctx, c, v); err != nil {
		return nil, err
	}
	if attach.Token, err = d.cardToken(c, v); err != nil {
		return nil, err
	}
	_, err = d.usableCard(ctx, c, of)
	attach.ForSubscriptions = fault.Is(err, fault.Conflict) // a first card is the one that all are charged with
	if err != nil && !attach.ForSubscriptions {
		return nil, err
	}
	attach.Call = c.callOnce(func(result any) any { return kept{Thing: result.(payment.Method).ID.String()} })
	m, err := d.s.AttachMethod(context.WithoutCancel(ctx), attach)
	made, err := afterOnce[id.Method](err, func() id.Method { return m.ID })
	if err != nil {
		return nil, err
	}
	return d.oneCard(ctx, c, made)
}

// sentGateway is the gateway account whose number was sent; 0 for none and for the
// sandbox's own.
func (d *Door) sentGateway(ctx context.Context, c *caller, v *params.Values) (id.GatewayAccount, error) {
	n := numberOf(v, "gateway_id")
	if err := v.Err(); err != nil || n == 0 {
		return 0, err
	}
	name, err := d.named(ctx, c, numberGateways, n)
	if err != nil || name == commerce.SandboxGateway {
		return 0, err
	}
	g, err := id.Parse[id.GatewayAccount](name)
	if err != nil {
		return 0, unknown(numberGateways)
	}
	return g, nil
}

// cardToken is the gateway's token of the card that was sent. A number is taken by sandbox
// accounts alone, and only one of the sandbox gateway's; nothing else of it is kept than
// what the gateway tells.
func (d *Door) cardToken(c *caller, v *params.Values) (string, error) {
	token := v.Text("token")
	if token == "" {
		token = v.Text("gateway_reference")
	}
	number := strings.NewReplacer(" ", "", "-", "").Replace(v.Text("number"))
	if number == "" {
		number = strings.NewReplacer(" ", "", "-", "").Replace(v.Text("card_number"))
	}
	switch {
	case token != "" && number != "":
		v.Bad("number", "must not be given together with a token")
	case token != "":
	case number == "":
		v.Bad("token", "is required: what the gateway made of the card in the customer's browser")
	case c.account.Mode != account.Sandbox:
		v.Bad("number", "must not be sent: a live account takes only tokens that its gateway made of a card")
	default:
		var ok bool
		if token, ok = d.o.TokenFor(number); !ok {
			v.Bad("number", "must be one of the test numbers of the sandbox")
		}
	}
	return token, v.Err()
}

func (d *Door) deleteCard(ctx context.Context, c *caller, v *params.Values) (any, error) {
	of, err := sentThing[id.Method](ctx, d, c, v, "id", commerce.NumberMethods, true)
	if err != nil {
		return nil, err
	}
	if _, err := d.oneCard(ctx, c, of); err != nil {
		return nil, err
	}
	if _, err := d.s.DetachMethod(ctx, commerce.DetachMethod{Call: c.call(), Method: of}); err != nil {
		return nil, err
	}
	return success, nil
}
