// Package demo makes a sample business: a sandbox account whose three years of
// history were lived through the real engine. Nothing is inserted: every customer
// was sold to, every renewal billed, every failed card tried again, on a clock that
// began three years ago. The same seed makes the same business.
package demo

import (
	"container/heap"
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"time"

	"perennial/internal/account"
	"perennial/internal/catalog"
	"perennial/internal/commerce"
	"perennial/internal/customer"
	"perennial/internal/event"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/money"
	"perennial/internal/payment"
	"perennial/internal/period"
	"perennial/internal/subscription"
)

// Options shape the sample business.
type Options struct {
	Seed      uint64
	Customers int           // about how many are won over the whole time; 0 means 420
	Past      time.Duration // how long the history is; 0 means three years
	Now       time.Time     // where it ends: the machine's time
	Progress  func(done float64, text string)
}

// Result is the sample business.
type Result struct {
	Account   id.Account
	Secret    string // of its API key
	Email     string // to sign in with; "" when somebody could sign in before
	Password  string
	Customers int
	Run       commerce.Run
	Refunds   int
	Cancels   int
}

// action is something that somebody will do at an instant.
type action struct {
	at time.Time
	do func(ctx context.Context) error
}

type plan []action

func (p plan) Len() int           { return len(p) }
func (p plan) Less(i, j int) bool { return p[i].at.Before(p[j].at) }
func (p plan) Swap(i, j int)      { p[i], p[j] = p[j], p[i] }
func (p *plan) Push(a any)        { *p = append(*p, a.(action)) }
func (p *plan) Pop() any {
	old := *p
	last := old[len(old)-1]
	*p = old[:len(old)-1]
	return last
}

// life is a business being lived.
type life struct {
	s      *commerce.Service
	random *rand.Rand
	o      Options
	call   commerce.Call
	prices []catalog.Price // starter, team, business, onboarding
	plan   plan
	out    Result
}

var operator = event.Actor{Kind: event.ByOperator, Name: "perennial demo"}

// Build makes the sample business. It takes some seconds and tells of its progress.
func Build(ctx context.Context, s *commerce.Service, o Options) (Result, error) {
	if o.Customers == 0 {
		o.Customers = 420
	}
	if o.Past == 0 {
		o.Past = 3 * 365 * 24 * time.Hour
	}
	if o.Progress == nil {
		o.Progress = func(float64, string) {}
	}
	begin := o.Now.Add(-o.Past).Truncate(24 * time.Hour)
	l := &life{s: s, random: rand.New(rand.NewPCG(o.Seed, 1)), o: o} // #nosec G404 -- a sample must be repeatable, not secret
	made, err := s.CreateAccount(ctx, commerce.CreateAccount{Actor: operator, Name: "Lantern Workspace", Email: "hello@lantern.example",
		Mode: account.Sandbox, Currency: "USD", Zone: "America/New_York", Country: "US", Begin: begin})
	if err != nil {
		return Result{}, err
	}
	l.out.Account, l.out.Secret = made.Account.ID, made.Secret
	l.call = commerce.Call{Account: made.Account.ID, Actor: operator}
	if err := l.catalog(ctx); err != nil {
		return l.out, err
	}
	l.schedule(begin)
	if err := l.live(ctx, begin); err != nil {
		return l.out, err
	}
	return l.out, l.owner(ctx)
}

// catalog is what the business sells.
func (l *life) catalog(ctx context.Context) error {
	legal, address := "Lantern Workspace Inc.", "1 Harbor Street\nPortland, ME 04101"
	if _, err := l.s.UpdateAccount(ctx, commerce.UpdateAccount{Call: l.call, LegalName: &legal, Address: &address}); err != nil {
		return err
	}
	workspace, err := l.s.CreateProduct(ctx, commerce.CreateProduct{Call: l.call, Name: "Workspace", Description: "Shared notes, boards and files for small teams."})
	if err != nil {
		return err
	}
	onboarding, err := l.s.CreateProduct(ctx, commerce.CreateProduct{Call: l.call, Name: "Onboarding", Description: "A half day in which we set everything up with you."})
	if err != nil {
		return err
	}
	month, year := period.Interval{Unit: period.Month, Count: 1}, period.Interval{Unit: period.Year, Count: 1}
	for _, p := range []commerce.CreatePrice{
		{Call: l.call, Product: workspace.ID, Name: "Starter, monthly", Amount: dollars(19), Interval: month, TrialDays: 14, MaxQuantity: 1},
		{Call: l.call, Product: workspace.ID, Name: "Team, monthly per seat", Amount: dollars(12), Interval: month, MaxQuantity: 500},
		{Call: l.call, Product: workspace.ID, Name: "Business, yearly", Amount: dollars(590), Interval: year, SetupFee: 9900, MaxQuantity: 10},
		{Call: l.call, Product: onboarding.ID, Amount: dollars(250), MaxQuantity: 5},
	} {
		price, err := l.s.CreatePrice(ctx, p)
		if err != nil {
			return err
		}
		l.prices = append(l.prices, price)
	}
	return nil
}

func dollars(n int64) money.Amount { return money.Amount{Minor: n * 100, Currency: "USD"} }

// schedule plans when customers come: more each month than the month before.
func (l *life) schedule(begin time.Time) {
	for i := range l.o.Customers {
		// The density of arrivals rises linearly to four times its beginning: the inverse
		// of its integral places each arrival.
		u := l.random.Float64()
		share := (math.Sqrt(1+15*u) - 1) / 3
		at := begin.Add(time.Duration(share * float64(l.o.Past-36*time.Hour))).Add(time.Hour).Truncate(time.Second)
		heap.Push(&l.plan, action{at, func(ctx context.Context) error { return l.arrive(ctx, at, i) }})
	}
}

// live does what was planned, in order, with everything that falls due between.
func (l *life) live(ctx context.Context, begin time.Time) error {
	for len(l.plan) > 0 {
		next := heap.Pop(&l.plan).(action)
		if next.at.After(l.o.Now) {
			continue
		}
		if err := l.advance(ctx, begin, next.at); err != nil {
			return err
		}
		err := next.do(ctx)
		switch fault.KindOf(err) {
		case fault.Declined, fault.Pending, fault.Conflict: // cards fail and subscriptions end: that is life
			err = nil
		}
		if err != nil {
			return err
		}
	}
	return l.advance(ctx, begin, l.o.Now)
}

func (l *life) advance(ctx context.Context, begin, to time.Time) error {
	done, err := l.s.AdvanceClock(ctx, commerce.AdvanceClock{Call: l.call, To: to})
	if err != nil {
		return err
	}
	l.out.Run.Due += done.Run.Due
	l.out.Run.Collected += done.Run.Collected
	l.out.Run.Declined += done.Run.Declined
	l.out.Run.Unknown += done.Run.Unknown
	l.out.Run.Ended += done.Run.Ended
	share := float64(to.Sub(begin)) / float64(l.o.Now.Sub(begin))
	l.o.Progress(share, fmt.Sprintf("%s: %d customers, %d charges", to.Format("January 2006"), l.out.Customers, l.out.Run.Collected))
	return nil
}

// arrive is a customer who comes and buys.
func (l *life) arrive(ctx context.Context, at time.Time, n int) error {
	name := companyName(l.random, n)
	price, quantity := l.prices[0], int64(1)
	switch l.random.IntN(10) {
	case 0, 1, 2, 3:
		price, quantity = l.prices[1], 2+int64(l.random.IntN(14))
	case 4:
		price = l.prices[2]
	}
	token, fails := l.card()
	sale, err := l.s.Sell(ctx, commerce.Sell{Call: l.call, Price: price.ID, Quantity: quantity, Token: token, Source: "checkout",
		Buyer: &commerce.CreateCustomer{Email: "billing@" + slug(name) + ".example", Buyer: customer.Buyer{Name: name, Company: name, Country: countries[l.random.IntN(len(countries))]}}})
	if err != nil {
		return err
	}
	l.out.Customers++
	l.after(at, sale, fails)
	return nil
}

// card is how a customer pays, and after how many charges the card fails (0: never).
func (l *life) card() (token string, fails int) {
	switch n := l.random.IntN(100); {
	case n < 3:
		return "tok_chargeDeclined", 0
	case n < 12:
		fails = 2 + l.random.IntN(12)
		return fmt.Sprintf("tok_declineAfter_%d", fails), fails
	case n < 60:
		return "tok_visa", 0
	case n < 90:
		return "tok_mastercard", 0
	default:
		return "tok_amex", 0
	}
}

// after plans what a new customer will do later.
func (l *life) after(at time.Time, sale commerce.Sale, fails int) {
	if sale.Subscription == nil {
		return
	}
	sub := *sale.Subscription
	day := 24 * time.Hour
	if fails > 0 && l.random.IntN(3) > 0 { // two of three bring a new card in time
		trouble := at.AddDate(0, fails, 2)
		heap.Push(&l.plan, action{trouble, func(ctx context.Context) error {
			_, err := l.s.AttachMethod(ctx, commerce.AttachMethod{Call: l.call, Customer: sub.Customer, Token: "tok_visa", ForSubscriptions: true})
			return err
		}})
	}
	months := 0
	for months < 60 && l.random.IntN(1000) >= 27 { // 2.7 % leave each month
		months++
	}
	leave := at.AddDate(0, months, 0).Add(time.Duration(1+l.random.IntN(27)) * day)
	heap.Push(&l.plan, action{leave, func(ctx context.Context) error {
		_, err := l.s.Cancel(ctx, commerce.Cancel{Call: l.call, Subscription: sub.ID, When: subscription.AtPeriodEnd, Reason: reasons[l.random.IntN(len(reasons))]})
		if err == nil {
			l.out.Cancels++
		}
		return err
	}})
	if l.random.IntN(100) < 15 {
		heap.Push(&l.plan, action{at.Add(time.Duration(20+l.random.IntN(60)) * day), func(ctx context.Context) error {
			_, err := l.s.Sell(ctx, commerce.Sell{Call: l.call, Customer: sub.Customer, Price: l.prices[3].ID, Method: sub.Method, Source: "api"})
			return err
		}})
	}
	if sale.Payment != nil && l.random.IntN(100) < 6 {
		l.giveBack(at.Add(time.Duration(1+l.random.IntN(12))*day), *sale.Payment)
	}
}

// giveBack plans a refund of half or all of a payment.
func (l *life) giveBack(at time.Time, p payment.Payment) {
	amount := p.Amount.Minor
	if l.random.IntN(2) == 0 {
		amount /= 2
	}
	heap.Push(&l.plan, action{at, func(ctx context.Context) error {
		_, err := l.s.Refund(ctx, commerce.Refund{Call: l.call, Payment: p.ID, Amount: amount, Reason: "goodwill"})
		if err == nil {
			l.out.Refunds++
		}
		return err
	}})
}

// owner makes somebody who can sign in, unless there is one.
func (l *life) owner(ctx context.Context) error {
	link, needed, err := l.s.OwnerLink(ctx)
	if err != nil || !needed {
		return err
	}
	l.out.Email, l.out.Password = "owner@lantern.example", account.RandomText(16)
	_, err = l.s.SetUp(ctx, commerce.SetUp{Link: link, Name: "Demo owner", Email: l.out.Email, Password: l.out.Password})
	return err
}
