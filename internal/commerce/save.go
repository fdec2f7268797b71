package commerce

import (
	"context"
	"strings"
	"time"

	"perennial/internal/account"
	"perennial/internal/cardnumber"
	"perennial/internal/customer"
	"perennial/internal/db"
	"perennial/internal/event"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/idempotency"
	"perennial/internal/payment"
)

// ConfirmFirst is returned instead of a method that the customer must confirm before it
// is kept: the browser takes the step, and the request is made again with its Token.
type ConfirmFirst struct{ Step payment.Step }

func (e *ConfirmFirst) Error() string { return "the customer has to confirm the payment method first" }

// Unwrap is what a door that knows no steps tells.
func (e *ConfirmFirst) Unwrap() error {
	return fault.New(fault.Declined, "the customer has to confirm this payment method in the browser").WithCode("authentication_required")
}

// saving is a payment method that is to be kept.
type saving struct {
	token         string
	gateway       id.GatewayAccount // where it is from; 0: where the price is paid
	price         id.Price
	customer      id.Customer
	buyer         *CreateCustomer
	chargeFollows bool
	consent       payment.Consent
}

// at is the name of the gateway that keeps it.
func (what saving) at(tx *db.Tx, acc id.Account) (string, error) {
	if what.gateway == 0 {
		name, err := gatewayOfSale(tx, acc, what.price)
		return name, refersTo(err, "price")
	}
	if err := usableGateway(tx, acc, what.gateway); err != nil {
		return "", err
	}
	return what.gateway.String(), nil
}

// owner tells the gateway whose it is, and of a method that it knows already.
func (what saving) owner(tx *db.Tx, acc id.Account, gateway string, ask *payment.SaveRequest) error {
	whose := what.customer
	if what.buyer != nil {
		ask.Email, ask.Name = what.buyer.Email, what.buyer.Buyer.Name
		if email, err := account.ParseEmail(what.buyer.Email); err == nil {
			known, err := customer.ByEmail(tx, acc, email)
			if err != nil && !fault.Is(err, fault.NotFound) {
				return err
			}
			whose = known.ID
		}
	}
	if whose == 0 {
		return nil
	}
	owner, err := customer.Load(tx, acc, whose)
	if err != nil {
		return refersTo(err, "customer")
	}
	ask.Email, ask.Name = owner.Email, owner.Buyer.Name
	methods, err := payment.Methods(tx, acc, whose)
	for _, m := range methods {
		if m.Gateway == gateway {
			ask.Sibling = m.Token
			break
		}
	}
	return err
}

// instrument is a payment method as a gateway saved it, not yet kept.
type instrument struct {
	gateway string
	payment.Instrument
}

var (
	errToken = fault.BadField("token", "must be a token from the payment gateway: at most 255 printable characters")
	// errForgotten is for a key whose answer was forgotten between two looks at it.
	errForgotten = fault.New(fault.Unavailable, "repeat the request")
)

// saveOnce exchanges a token, if there is one, unless the call's key is taken: a token
// is often good for one exchange only, and a repeated request gets its answer without
// the gateway.
func (s *Service) saveOnce(ctx context.Context, c Call, what saving) (*instrument, error) {
	if what.token == "" {
		return nil, nil
	}
	if c.Once != nil {
		var taken bool
		err := s.db.View(ctx, func(tx *db.Tx) (err error) {
			taken, err = idempotency.Taken(tx, c.Account, c.Once.Request)
			return err
		})
		if err != nil || taken {
			return nil, err
		}
	}
	saved, err := s.save(ctx, c.Account, what)
	if err != nil {
		return nil, err
	}
	return &saved, nil
}

// save exchanges a token at the account's gateway. It calls the network.
func (s *Service) save(ctx context.Context, acc id.Account, what saving) (instrument, error) {
	token := what.token
	if cardnumber.In(token) {
		return instrument{}, fault.BadField("token", "looks like a card number; send the token that the payment gateway gave for it").WithCode("card_number_refused")
	}
	if len(token) > 255 || strings.ContainsFunc(token, func(c rune) bool { return c <= ' ' || c > '~' }) {
		return instrument{}, errToken
	}
	ask := payment.SaveRequest{Account: acc, Token: token, ChargeFollows: what.chargeFollows, Consent: what.consent}
	var name string
	err := s.db.View(ctx, func(tx *db.Tx) (err error) {
		if name, err = what.at(tx, acc); err != nil {
			return err
		}
		return what.owner(tx, acc, name, &ask)
	})
	if err != nil {
		return instrument{}, err
	}
	g, err := s.gateway(ctx, acc, name)
	if err != nil {
		return instrument{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, gatewayTimeout)
	defer cancel()
	saved, err := g.Save(ctx, ask)
	if err == nil && saved.Step != nil {
		err = &ConfirmFirst{Step: *saved.Step}
	}
	return instrument{name, saved.Instrument}, err
}

func attach(tx *db.Tx, a account.Account, now time.Time, by event.Actor, owner id.Customer, saved instrument) (payment.Method, error) {
	m := payment.Method{ID: id.New[id.Method](), Account: a.ID, Customer: owner, Gateway: saved.gateway, Instrument: saved.Instrument,
		State: payment.Usable, CreatedAt: now, Version: 1}
	m.NoticeAt = m.NextExpiry(now, a.Location()).At
	if err := payment.InsertMethods(tx, []payment.Method{m}); err != nil {
		return m, err
	}
	return m, event.Append(tx, a.ID, event.New(a.ID, now, by, event.MethodAttached, int64(m.ID), owner, event.Data(map[string]any{"method": m.Label()})))
}
