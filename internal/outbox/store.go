package outbox

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"perennial/internal/db"
	"perennial/internal/fault"
	"perennial/internal/id"
)

// The answers of all endpoints of an account are stored together: endpoints that take one
// delivery at a time would otherwise pay a transaction for each.
const (
	storers = 4  // at work at once, on a share of the accounts each
	lot     = 64 // answers that one of them takes at once, and as many may wait for it: with
	queue   = 64 // those under way they are what a crash would send twice
)

// batched is a batch of one endpoint on its way. Only the storer of its account changes
// it, until all is stored.
type batched struct {
	endpoint Endpoint // with what the answers taught
	log      *slog.Logger
	took     bool // whatever was stored, the endpoint took
	unstored sync.WaitGroup
}

// answered is a claimed delivery and what its try came to.
type answered struct {
	batch    *batched
	delivery Delivery
	answer   Answer
}

// store begins to store answers. What it returns waits for the batches that are under
// way and until their answers are stored.
func (d *Deliverer) store() (finish func()) {
	var done sync.WaitGroup
	d.storers = make([]chan answered, storers)
	for i := range d.storers {
		c := make(chan answered, queue)
		d.storers[i] = c
		done.Go(func() {
			for first := range c {
				d.keep(append([]answered{first}, waiting(c, lot-1)...))
			}
		})
	}
	return func() {
		d.runs.Wait()
		for _, c := range d.storers {
			close(c)
		}
		done.Wait()
	}
}

// storer is who stores the answers of an account.
func (d *Deliverer) storer(account id.Account) chan<- answered {
	return d.storers[uint64(account)*0x9e3779b97f4a7c15>>32%storers] // #nosec G115 -- only spread
}

// waiting is what can be had from answers without waiting, at most limit.
func waiting(answers <-chan answered, limit int) []answered {
	var got []answered
	for len(got) < limit {
		select {
		case a, ok := <-answers:
			if !ok {
				return got
			}
			got = append(got, a)
		default:
			return got
		}
	}
	return got
}

// keep stores answers, those of each account in one transaction.
func (d *Deliverer) keep(got []answered) {
	byAccount := map[id.Account][]answered{}
	for _, a := range got {
		byAccount[a.delivery.Account] = append(byAccount[a.delivery.Account], a)
	}
	for account, list := range byAccount {
		parts := split(list)
		err := d.work.Faults.Hit(FaultSent)
		if err == nil {
			if err = d.settle(account, parts); err != nil && len(parts) > 1 {
				// What is wrong with one endpoint is not to cost the others a second try.
				for _, p := range parts {
					d.kept(p, d.settle(account, []part{p}))
				}
				continue
			}
		}
		for _, p := range parts {
			d.kept(p, err)
		}
	}
}

// kept lets go of answers that were stored, or could not be.
func (d *Deliverer) kept(p part, err error) {
	if err != nil {
		// The lease ends, and they are sent again.
		p.batch.log.Error("storing the answers to deliveries failed", "deliveries", len(p.answers), "error", err)
		p.batch.took = false
	}
	for _, a := range p.answers {
		p.batch.took = p.batch.took && a.Verdict.works()
	}
	p.batch.unstored.Add(-len(p.answers))
}

// part is the answers of one batch among those that are stored together.
type part struct {
	batch      *batched
	deliveries []Delivery
	answers    []Answer
}

func split(list []answered) []part {
	var parts []part
	at := map[*batched]int{}
	for _, a := range list {
		i, ok := at[a.batch]
		if !ok {
			i = len(parts)
			at[a.batch] = i
			parts = append(parts, part{batch: a.batch})
		}
		parts[i].deliveries = append(parts[i].deliveries, a.delivery)
		parts[i].answers = append(parts[i].answers, a.answer)
	}
	return parts
}

// settle stores answers of one account, and what they teach about its endpoints. What was
// sent is stored even when the program is stopping.
func (d *Deliverer) settle(account id.Account, parts []part) error {
	now := d.clock.Now()
	var settled []Delivery
	var answers []Answer
	for _, p := range parts {
		for i, a := range p.answers {
			settled = append(settled, p.deliveries[i].Settle(a, now))
		}
		answers = append(answers, p.answers...)
	}
	after := make([]Endpoint, len(parts))
	err := d.db.Background(context.Background(), func(tx *db.Tx) error {
		lost, err := Save(tx, settled)
		if err != nil {
			return err
		}
		if err := logTries(tx, account, settled, answers, lost); err != nil {
			return err
		}
		n := 0
		for k, p := range parts {
			if after[k], err = d.learn(tx, p, settled[n:n+len(p.answers)], now); err != nil {
				return err
			}
			n += len(p.answers)
		}
		return nil
	})
	if err == nil {
		for k, p := range parts {
			p.batch.endpoint = after[k]
		}
	}
	return err
}

// learn stores what the answers of one batch teach about its endpoint, which it returns.
func (d *Deliverer) learn(tx *db.Tx, p part, settled []Delivery, now time.Time) (Endpoint, error) {
	e := p.batch.endpoint
	for i, a := range p.answers {
		if a.Verdict == Bounced {
			if err := d.work.Bounced(tx, e, settled[i]); err != nil {
				return e, err
			}
		}
	}
	after, news := e.Learn(p.answers, now)
	if !news {
		return after, nil
	}
	fresh, err := LoadEndpoint(tx, e.Account, e.ID)
	if fault.Is(err, fault.NotFound) {
		return after, nil // removed while it was being served
	}
	if err != nil {
		return e, err
	}
	after, changed := fresh.Learn(p.answers, now)
	if !changed {
		return after, nil
	}
	if err := SaveEndpoint(tx, &after); err != nil {
		return e, err
	}
	if after.State == Disabled && fresh.State == Enabled {
		return after, d.work.Disabled(tx, after, now)
	}
	if after.Outage() != fresh.Outage() {
		return after, d.work.Outage(tx, after, failure(p.answers), now)
	}
	return after, nil
}

// failure is why the last failed try among answers failed, "" when none did.
func failure(answers []Answer) string {
	why := ""
	for _, a := range answers {
		if a.Verdict == Failed {
			why = a.Failure
		}
	}
	return why
}
