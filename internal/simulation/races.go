package simulation

import (
	"context"
	"fmt"
	"sync"
	"time"

	"perennial/internal/account"
	"perennial/internal/commerce"
	"perennial/internal/fault"
	"perennial/internal/subscription"
)

// together lets two to four things happen to one subscription, or to its customer,
// at the same moment. What comes of them is not the same every time; that everything
// is right afterwards is.
func together(ctx context.Context, w *world) (string, error) {
	of := w.subject()
	all := w.rivals(of)
	n := 2 + w.rng.IntN(3)
	errs := make([]error, n)
	keys, which := make([]string, n), make([]int, n)
	var group, start sync.WaitGroup
	start.Add(1)
	for i := range n {
		which[i], keys[i] = w.rng.IntN(len(all)), fmt.Sprintf("race%d.%d", w.step, i)
		if i > 0 && w.roll(20) { // what another sends, under the same key
			which[i], keys[i] = which[i-1], keys[i-1]
		}
		key, do := keys[i], all[which[i]]
		group.Go(func() {
			start.Wait()
			errs[i] = do(ctx, w.service, w.call(key))
		})
	}
	start.Done()
	group.Wait()
	for _, err := range errs {
		_, replayed := commerce.IsReplayed(err)
		// Unavailable is a clock that met somebody at work; it goes on below.
		if err == nil || replayed || fault.Is(err, fault.Conflict) || fault.Is(err, fault.Unavailable) {
			continue
		}
		if _, err := expected(err); err != nil {
			return "", err
		}
	}
	// A clock that two moved is where the later of them wanted it, or still on its way.
	_, err := w.service.RunAccount(ctx, w.acc)
	return "raced", err
}

// rivals are things that may happen to a subscription.
func (w *world) rivals(of *sub) []func(context.Context, *commerce.Service, commerce.Call) error {
	list := []func(context.Context, *commerce.Service, commerce.Call) error{
		func(ctx context.Context, s *commerce.Service, c commerce.Call) error {
			_, err := s.Cancel(ctx, commerce.Cancel{Call: c, Subscription: of.id, When: subscription.AtPeriodEnd})
			return err
		},
		func(ctx context.Context, s *commerce.Service, c commerce.Call) error {
			_, err := s.UndoCancel(ctx, commerce.UndoCancel{Call: c, Subscription: of.id})
			return err
		},
		func(ctx context.Context, s *commerce.Service, _ commerce.Call) error {
			_, err := s.RunAccount(ctx, w.acc)
			return err
		},
	}
	if w.roll(20) {
		list = append(list, func(ctx context.Context, s *commerce.Service, c commerce.Call) error {
			_, err := s.Cancel(ctx, commerce.Cancel{Call: c, Subscription: of.id, When: subscription.Now})
			return err
		})
	}
	to := w.now.Add(w.jump()).Truncate(time.Microsecond)
	if of.now.NextActionAt.After(w.now) && w.roll(50) {
		to = of.now.NextActionAt
	}
	list = append(list, func(ctx context.Context, s *commerce.Service, c commerce.Call) error {
		_, err := s.MoveClock(ctx, commerce.MoveClock{Call: c, Target: func(account.Account, time.Time) (time.Time, error) { return to, nil }})
		return err
	})
	if b := those(w.open, func(b *bill) bool { return b.owner == of.customer }); len(b) > 0 {
		inv := among(w.rng, b).id
		list = append(list, func(ctx context.Context, s *commerce.Service, c commerce.Call) error {
			_, err := s.Collect(ctx, commerce.Collect{Call: c, Invoice: inv})
			return err
		}, func(ctx context.Context, s *commerce.Service, c commerce.Call) error {
			_, err := s.VoidInvoice(ctx, commerce.VoidInvoice{Call: c, Invoice: inv})
			return err
		})
	}
	if left := those(w.paid, func(p *paid) bool { return p.owner == of.customer && p.back < p.amount }); len(left) > 0 {
		p := among(w.rng, left)
		part := 1 + w.rng.Int64N(p.amount-p.back)
		give := func(ctx context.Context, s *commerce.Service, c commerce.Call) error {
			_, err := s.Refund(ctx, commerce.Refund{Call: c, Payment: p.id, Amount: part})
			return err
		}
		list = append(list, give, give)
	}
	return list
}
