// Package commerce is the stories: everything that changes something, one file for
// each. A story loads nouns, lets them decide, saves them and appends what
// happened as events, in one transaction; what follows outside is an outbox row
// of the same transaction. A story that needs a gateway is two transactions with
// the call between them: the first writes the intent, the second the outcome, and
// a crash anywhere is repaired by running again, because the gateway is asked
// under a key that the intent fixed.
package commerce

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"perennial/internal/account"
	"perennial/internal/clock"
	"perennial/internal/db"
	"perennial/internal/event"
	"perennial/internal/id"
	"perennial/internal/idempotency"
	"perennial/internal/outbox"
	"perennial/internal/payment"
	"perennial/internal/seal"
	"perennial/internal/tax"
)

// Service tells the stories. It is safe for concurrent use.
type Service struct {
	db         *db.DB
	clock      clock.Clock
	gateways   map[string]payment.Gateway
	faults     *db.Faults
	log        *slog.Logger
	turns      turns // of those who work on what is due
	keys       keyring
	usage      gatherings
	doors      gatewayDoors
	register   tax.Checker       // of tax numbers; see UseRegister
	seals      *seal.Keys        // that links are made with; see UseKeys
	mails      *outbox.Deliverer // of sandboxes: see SettleMails
	mailServer bool              // see UseMailServer
	dialects   []outbox.Dialect  // of endpoints; see UseDialects
}

// New makes the stories. Gateways are known by the name under which payment
// methods are kept; faults may be nil.
func New(d *db.DB, c clock.Clock, gateways map[string]payment.Gateway, faults *db.Faults, log *slog.Logger) *Service {
	s := &Service{db: d, clock: c, gateways: gateways, faults: faults, log: log, seals: seal.Fresh()}
	d.BeforeCommit(s.record)
	s.mails = outbox.NewDeliverer(d, c, log, outbox.Work{Render: s.WriteMails})
	return s
}

// UseKeys makes the service use the keys of the installation. Without them it has keys of
// its own, which nobody can use after it.
func (s *Service) UseKeys(keys *seal.Keys) { s.seals = keys }

// SandboxGateway is the name of the gateway that every sandbox account has.
const SandboxGateway = "sandbox"

// Call is who asks for a story, for which account, and how asking again is told
// from asking twice.
type Call struct {
	Account id.Account
	Actor   event.Actor
	Once    *Once // nil: every call is a new one
}

// Once makes a call repeatable: its answer is kept with its effect.
type Once struct {
	idempotency.Request
	// Answer spells the result (or the refusal) of the story as the door will send
	// it. It must be quick and have no side effects: it runs inside the transaction.
	Answer func(result any, refusal error) (status int, body string)
}

// Replayed is returned instead of a result when the same request was answered
// before: the door sends the first answer again.
type Replayed struct {
	Status int
	Body   string
}

func (r *Replayed) Error() string { return fmt.Sprintf("answered before with %d", r.Status) }

// update runs one transaction of a call and keeps its answer with its effect.
func update[T any](ctx context.Context, s *Service, c Call, work func(tx *db.Tx, a account.Account, now time.Time) (T, error)) (T, error) {
	var result T
	err := s.db.Update(ctx, func(tx *db.Tx) error {
		a, err := account.Load(tx, c.Account)
		if err != nil {
			return err
		}
		if _, err := s.begin(tx, c); err != nil {
			return err
		}
		result, err = work(tx, a, a.Now(s.clock.Now()))
		if err != nil {
			return err
		}
		return s.finish(tx, c, result, nil)
	})
	return result, err
}

// begin claims the call's key. It returns the subject of work that an earlier
// process left unfinished, 0 when there is none, and *Replayed when the call was
// answered before.
func (s *Service) begin(tx *db.Tx, c Call) (int64, error) {
	if c.Once == nil {
		return 0, nil
	}
	before, err := idempotency.Begin(tx, c.Account, c.Once.Request)
	switch {
	case err != nil || before == nil:
		return 0, err
	case before.Done:
		return 0, &Replayed{Status: before.Status, Body: before.Body}
	default:
		return before.Subject, nil
	}
}

// hold notes the subject of work that goes on after this transaction.
func (s *Service) hold(tx *db.Tx, c Call, subject int64) error {
	if c.Once == nil {
		return nil
	}
	return idempotency.Hold(tx, c.Account, c.Once.Request, subject)
}

// finish keeps the answer of a call.
func (s *Service) finish(tx *db.Tx, c Call, result any, refusal error) error {
	if c.Once == nil {
		return nil
	}
	status, body := c.Once.Answer(result, refusal)
	return idempotency.Finish(tx, c.Account, c.Once.Request, status, body)
}

// IsReplayed is the answer given before, when err says that there was one.
func IsReplayed(err error) (*Replayed, bool) {
	var r *Replayed
	ok := errors.As(err, &r)
	return r, ok
}
