package commerce

import (
	"context"
	"slices"
	"time"

	"perennial/internal/account"
	"perennial/internal/db"
	"perennial/internal/event"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/payment"
)

// Reconcile compares the gateways' own books with payments and refunds.
type Reconcile struct {
	Call
	Since time.Time // on the machine's clock; zero: everything
	// Gateway is the only one that is compared; 0 compares all of the account's.
	Gateway id.GatewayAccount
}

// Reconciled is what the comparison found.
type Reconciled struct {
	Since       time.Time
	Gateways    int
	Records     int // of the gateways
	Foreign     int // of them that were asked for elsewhere: counted, no difference
	Differences []Difference
	More        int // differences beyond those
}

// Difference is one thing on which a gateway and the books disagree.
type Difference struct {
	Kind      string // "missing_here", "missing_there", "amount_differs"
	Gateway   string // its name
	Key       string // the public id of the payment or refund
	Reference string // the gateway's
	Here      int64  // minor units, 0 when missing
	There     int64
	Currency  string
}

const maxDifferences = 200

func (r *Reconciled) differs(d Difference) {
	if len(r.Differences) == maxDifferences {
		r.More++
		return
	}
	r.Differences = append(r.Differences, d)
}

// slack is how long after a payment's creation its gateway may have written it down, and
// how far the clocks may be apart.
const slack = 24 * time.Hour

// Reconcile compares the lists of all gateways of an account with its payments and refunds
// and appends what it found as an event. It changes nothing else: what is under way is
// settled by asking, and a difference is for people.
func (s *Service) Reconcile(ctx context.Context, c Reconcile) (Reconciled, error) {
	done := Reconciled{Since: c.Since}
	if !c.Since.IsZero() && (c.Since.Unix() < 0 || c.Since.After(s.clock.Now())) {
		return done, fault.BadField("since", "must not be before 1970 or in the future")
	}
	gateways, err := s.GatewaysOf(ctx, c.Account)
	if err != nil {
		return done, err
	}
	for _, name := range sortedNames(gateways) {
		if c.Gateway != 0 && name != c.Gateway.String() {
			continue
		}
		done.Gateways++
		there := map[string]payment.Record{}
		err := gateways[name].Each(ctx, c.Account, c.Since, func(r payment.Record) error {
			done.Records++
			if r.Key == "" {
				done.Foreign++
				return nil
			}
			there[r.Key] = r
			return nil
		})
		if err != nil {
			return done, unreadable(name, err)
		}
		if err := s.compare(ctx, c, name, gateways[name], there, &done); err != nil {
			return done, unreadable(name, err)
		}
	}
	return done, s.reconciled(ctx, c, done)
}

// unreadable names the gateway whose books could not be read.
func unreadable(gateway string, err error) error {
	f := fault.As(err)
	return fault.Wrap(f.Kind, err, "the books of the gateway %s could not be compared: %s", gateway, f.Message).WithCode(f.Code)
}

func sortedNames(gateways map[string]payment.Gateway) []string {
	names := make([]string, 0, len(gateways))
	for name := range gateways {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// compare finds on what one gateway and the books disagree.
func (s *Service) compare(ctx context.Context, c Reconcile, name string, g payment.Gateway, there map[string]payment.Record, done *Reconciled) error {
	var here []payment.Movement
	err := s.db.View(ctx, func(tx *db.Tx) error {
		a, err := account.Load(tx, c.Account)
		if err != nil {
			return err
		}
		since := c.Since
		if !since.IsZero() {
			since = since.Add(a.ClockOffset).Add(-slack)
		}
		here, err = payment.Movements(tx, c.Account, name, since)
		return err
	})
	if err != nil {
		return err
	}
	for _, m := range here {
		r, known := there[m.Key]
		delete(there, m.Key)
		d := Difference{Gateway: name, Key: m.Key, Reference: m.Reference, Here: m.Amount.Minor, Currency: string(m.Amount.Currency)}
		switch {
		case m.State == payment.Pending || m.ByHand: // asked for; or known by a person alone
		case known && m.State != payment.Paid:
			d.Kind, d.Here, d.There, d.Reference = "missing_here", 0, r.Amount.Minor, r.Reference
			done.differs(d)
		case known && r.Amount != m.Amount:
			d.Kind, d.There = "amount_differs", r.Amount.Minor
			done.differs(d)
		case !known && m.State == payment.Paid:
			// The list may begin later than the payment: ask for this one.
			found, err := g.Find(ctx, payment.Inquiry{Account: c.Account, Key: m.Key, Refund: m.Refund, Reference: m.Reference, Asked: m.CreatedAt})
			if err != nil {
				return err
			}
			if found.Outcome != payment.Succeeded {
				d.Kind = "missing_there"
				done.differs(d)
			}
		}
	}
	return s.missingHere(ctx, c.Account, name, there, done)
}

// missingHere finds which of the records that are left are no payment or refund of the
// account, or not a settled one.
func (s *Service) missingHere(ctx context.Context, acc id.Account, name string, there map[string]payment.Record, done *Reconciled) error {
	keys := make([]string, 0, len(there))
	for key := range there {
		keys = append(keys, key)
	}
	slices.Sort(keys)
	for _, key := range keys {
		r := there[key]
		var m payment.Movement
		err := s.db.View(ctx, func(tx *db.Tx) (err error) {
			m, err = payment.MovementOf(tx, acc, key)
			return err
		})
		if err != nil {
			return err
		}
		d := Difference{Gateway: name, Key: key, Reference: r.Reference, There: r.Amount.Minor, Currency: string(r.Amount.Currency)}
		switch {
		case m.State == payment.Paid && m.Amount == r.Amount || m.State == payment.Pending:
		case m.State == payment.Paid:
			d.Kind, d.Here = "amount_differs", m.Amount.Minor
			done.differs(d)
		default:
			d.Kind = "missing_here"
			done.differs(d)
		}
	}
	return nil
}

// reconciled appends what was found.
func (s *Service) reconciled(ctx context.Context, c Reconcile, done Reconciled) error {
	_, err := update(ctx, s, Call{Account: c.Account, Actor: c.Actor}, func(tx *db.Tx, a account.Account, now time.Time) (struct{}, error) {
		list := make([]map[string]any, 0, len(done.Differences))
		for i, d := range done.Differences {
			if i == 20 { // the rest is in the answer; an event stays small
				break
			}
			list = append(list, map[string]any{"kind": d.Kind, "gateway": d.Gateway, "key": d.Key, "reference": d.Reference, "here": d.Here, "there": d.There, "currency": d.Currency})
		}
		return struct{}{}, event.Append(tx, a.ID, event.New(a.ID, now, c.Actor, event.GatewayReconciled, 0, 0, event.Data(map[string]any{
			"since": done.Since, "records": done.Records, "foreign": done.Foreign, "differences": len(done.Differences) + done.More, "listed": list})))
	})
	return err
}
