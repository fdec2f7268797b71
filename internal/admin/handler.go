package admin

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"os"
	"sync"
	"time"

	"perennial/internal/account"
	"perennial/internal/commerce"
	"perennial/internal/event"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/money"
	"perennial/internal/outbox"
	"perennial/internal/payment"
	"perennial/internal/period"
	"perennial/internal/report"
)

// maxLine is the longest request in bytes, without its file.
const maxLine = 1 << 20

// operator is who does what the command line asks for.
var operator = event.Actor{Kind: event.ByOperator, Name: "command line"}

// Options is what the commands need beside the stories.
type Options struct {
	Version  string
	Address  string // of the pages, without a slash at the end
	Gateways func(context.Context, id.Account) (map[string]payment.Gateway, error)
	Log      *slog.Logger
	// Import brings subscriptions from a file.
	Import func(ctx context.Context, call commerce.Call, i Import, file io.Reader, progress func(Progress)) (Imported, error)
	// Reseal seals the secrets of an endpoint of each kind under the key that seals now.
	Reseal map[outbox.Kind]func(*outbox.Endpoint) error
	// CheckAddress refuses an address that webhooks may not reach.
	CheckAddress func(address string) error
	// WebhookSecret is a new signing secret, or the one that is given, and its sealed form.
	WebhookSecret func(acc id.Account, given string) (secret, sealed string)
	// Confirm ends the hold of live accounts; nil where there is no scheduler.
	Confirm func() bool
	// Resume is told about a sandbox clock that was left on its way; may be nil.
	Resume func(acc id.Account)
}

// door answers commands.
type door struct {
	s *commerce.Service
	r *report.Reader
	o Options
}

// New makes the handler of all commands. Whoever reaches it is the operator.
func New(s *commerce.Service, r *report.Reader, o Options) http.Handler {
	d := &door{s, r, o}
	m := http.NewServeMux()
	m.Handle("POST /status", command(d, d.status))
	m.Handle("POST /account/create", command(d, d.createAccount))
	m.Handle("POST /account/list", command(d, d.accounts))
	m.Handle("POST /owner-link", command(d, d.ownerLink))
	m.Handle("POST /clock/advance", command(d, d.advance))
	m.Handle("POST /clock/show", command(d, d.clocks))
	m.Handle("POST /clock/confirm", command(d, d.confirm))
	m.Handle("POST /books", command(d, d.books))
	m.Handle("POST /reconcile", command(d, d.reconcile))
	m.Handle("POST /metrics/show", command(d, d.metrics))
	m.Handle("POST /metrics/explain", command(d, d.explain))
	m.Handle("POST /metrics/rebuild", command(d, d.rebuildMetrics))
	m.Handle("POST /preview/change", command(d, d.previewChange))
	m.Handle("POST /preview/invoice", command(d, d.previewInvoice))
	m.Handle("POST /reseal", command(d, d.reseal))
	m.Handle("POST /webhook/create", command(d, d.createWebhook))
	m.Handle("POST /webhook/list", command(d, d.webhooks))
	m.Handle("POST /import/subscriptions", command(d, d.importSubscriptions))
	return m
}

// asked is one command under way.
type asked struct {
	ctx  context.Context
	file io.Reader // what follows the request
	tell func(Progress)
}

// command reads the request, runs the command and frames what comes of it.
func command[In, Out any](d *door, run func(a asked, in In) (Out, error)) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		control := http.NewResponseController(w)
		if err := control.EnableFullDuplex(); err != nil {
			d.o.Log.Warn("progress is told at the end only", "err", err)
		}
		w.Header().Set("Content-Type", "application/x-ndjson")
		var mu sync.Mutex
		send := func(f frame) {
			mu.Lock()
			defer mu.Unlock()
			_ = json.NewEncoder(w).Encode(f) // whoever asked may be gone
			_ = control.Flush()
		}
		body := bufio.NewReaderSize(r.Body, 64<<10)
		in, err := request[In](body)
		var out Out
		if err == nil {
			out, err = run(asked{r.Context(), body, func(p Progress) { send(frame{Progress: &p}) }}, in)
		}
		if err != nil {
			send(frame{Error: d.refuse(r, err)})
			return
		}
		send(frame{Result: out})
	})
}

// request reads the one line of JSON with which a body begins.
func request[In any](body *bufio.Reader) (In, error) {
	var in In
	var line []byte
	for {
		part, err := body.ReadSlice('\n')
		line = append(line, part...)
		if len(line) > maxLine {
			return in, fault.New(fault.Invalid, "the request is too long")
		}
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return in, err
		}
		break
	}
	if err := json.Unmarshal(line, &in); err != nil {
		return in, fault.New(fault.Invalid, "the request cannot be read: %v", err)
	}
	return in, nil
}

// refuse turns an error into what the operator is told. Nothing is kept from the
// operator, who can read the log.
func (d *door) refuse(r *http.Request, err error) *refusal {
	if errors.Is(err, context.Canceled) {
		return &refusal{Kind: fault.Unavailable, Code: "stopped", Message: "it was stopped before its end"}
	}
	f := fault.As(err)
	if f.Kind == fault.Internal {
		d.o.Log.Error("a command failed", "command", r.URL.Path, "err", err)
		return &refusal{Kind: f.Kind, Message: err.Error()}
	}
	out := &refusal{Kind: f.Kind, Code: f.Code, Message: f.Message, Fields: f.Fields}
	if cause := f.Unwrap(); cause != nil {
		out.Message += ": " + cause.Error()
	}
	return out
}

func (d *door) status(asked, Empty) (Status, error) {
	return Status{Version: d.o.Version, Process: os.Getpid(), Address: d.o.Address}, nil
}

func (d *door) createAccount(a asked, in NewAccount) (CreatedAccount, error) {
	mode := account.Live
	if in.Sandbox {
		mode = account.Sandbox
	}
	made, err := d.s.CreateAccount(a.ctx, commerce.CreateAccount{Actor: operator, Name: in.Name, Email: in.Email, Mode: mode,
		Currency: money.Currency(in.Currency), Zone: in.Zone, Country: in.Country})
	if err != nil {
		return CreatedAccount{}, err
	}
	return CreatedAccount{Account: made.Account.ID, APIKey: made.Secret, Doors: map[string]Secret{}}, nil
}

func (d *door) accounts(a asked, _ Empty) ([]Account, error) {
	all, err := d.r.Accounts(a.ctx)
	list := make([]Account, len(all))
	for i, one := range all {
		list[i] = Account{one.ID, one.Name, string(one.Mode), string(one.Currency), one.Zone, one.Email, one.CreatedAt}
	}
	return list, err
}

func (d *door) ownerLink(a asked, _ Empty) (OwnerLink, error) {
	secret, needed, err := d.s.OwnerLink(a.ctx)
	if err != nil || !needed {
		return OwnerLink{}, err
	}
	return OwnerLink{Address: SetUpAddress(d.o.Address, secret)}, nil
}

// SetUpAddress is the page on which the first owner sets the server up.
func SetUpAddress(server, secret string) string { return server + "/setup?token=" + secret }

// Advancing meets work that the scheduler has begun; it ends soon, and then the
// clock goes on.
const (
	tryAgain  = 2 * time.Second
	triesMost = 40
)

func (d *door) advance(a asked, in Advance) (Advanced, error) {
	to, err := d.target(a.ctx, in)
	if err != nil {
		return Advanced{}, err
	}
	var from time.Time
	tell := func(p commerce.Progress) {
		if from.IsZero() {
			from = p.From
		}
		done := 1.0
		if whole := to.Sub(from); whole > 0 {
			done = min(1, float64(p.At.Sub(from))/float64(whole))
		}
		a.tell(Progress{Done: done, Text: p.At.Format("2 Jan 2006")})
	}
	var sum Advanced
	for try := 1; ; try++ {
		done, err := d.s.AdvanceClock(a.ctx, commerce.AdvanceClock{Call: commerce.Call{Account: in.Account, Actor: operator}, To: to, Progress: tell})
		sum.add(done)
		if err == nil {
			return sum, nil
		}
		if !fault.Is(err, fault.Unavailable) || fault.As(err).RetryAfter == 0 || try == triesMost {
			if !done.From.IsZero() && d.o.Resume != nil {
				d.o.Resume(in.Account)
			}
			return sum, err
		}
		if err := wait(a.ctx, tryAgain); err != nil {
			return sum, err
		}
	}
}

func (a *Advanced) add(p commerce.Progress) {
	if a.From.IsZero() {
		a.From = p.From
	}
	a.To = p.To
	a.Due += p.Run.Due
	a.Collected += p.Run.Collected
	a.Declined += p.Run.Declined
	a.Unknown += p.Run.Unknown
	a.Ended += p.Run.Ended
}

func wait(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// target is the instant to which a clock is to be advanced.
func (d *door) target(ctx context.Context, in Advance) (time.Time, error) {
	a, now, err := d.r.Account(ctx, in.Account)
	if err != nil {
		return time.Time{}, err
	}
	if a.Mode != account.Sandbox {
		return time.Time{}, fault.New(fault.Forbidden, "%s is a live account, whose clock is the real one; only a sandbox can be advanced", in.Account)
	}
	switch {
	case (in.To == "") == (in.By == ""):
		return time.Time{}, fault.New(fault.Invalid, "say either to which date or by how much")
	case in.By != "":
		if span, err := time.ParseDuration(in.By); err == nil {
			return now.Add(span), nil
		}
		interval, err := period.ParseInterval(in.By)
		if err != nil {
			return time.Time{}, fault.BadField("by", "must be an interval such as \"31 days\", \"1 month\", \"2 years\" or \"36h\"")
		}
		return period.Anchor{Start: now, Zone: a.Location()}.Boundary(interval, 1), nil
	}
	if at, err := time.Parse(time.RFC3339, in.To); err == nil {
		return at, nil
	}
	at, err := period.ParseDate(in.To, a.Location())
	if err != nil {
		return at, fault.BadField("to", "must be a date such as 2027-01-31, or an instant such as 2027-01-31T12:00:00Z")
	}
	return at, nil
}

func (d *door) clocks(a asked, in ClockOf) ([]Clock, error) {
	all, err := d.chosen(a.ctx, in.Account)
	if err != nil {
		return nil, err
	}
	list := []Clock{}
	for _, one := range all {
		fresh, now, err := d.r.Account(a.ctx, one.ID)
		if err != nil {
			return nil, err
		}
		c := Clock{Account: fresh.ID, Name: fresh.Name, Mode: string(fresh.Mode), Now: now, Zone: fresh.Zone}
		if !fresh.ClockTarget.IsZero() {
			c.Target = &fresh.ClockTarget
		}
		list = append(list, c)
	}
	return list, nil
}

// chosen is one account, or all of them.
func (d *door) chosen(ctx context.Context, acc id.Account) ([]account.Account, error) {
	if acc == 0 {
		return d.r.Accounts(ctx)
	}
	a, _, err := d.r.Account(ctx, acc)
	return []account.Account{a}, err
}

func (d *door) confirm(asked, Empty) (Confirmed, error) {
	if d.o.Confirm == nil {
		return Confirmed{}, fault.New(fault.Conflict, "no server is running, so nothing is held")
	}
	return Confirmed{Held: d.o.Confirm()}, nil
}

func (d *door) books(a asked, in BooksOf) ([]Books, error) {
	all, err := d.chosen(a.ctx, in.Account)
	if err != nil {
		return nil, err
	}
	list := []Books{}
	for i, one := range all {
		a.tell(Progress{Done: float64(i) / float64(len(all)), Text: one.Name})
		gateways, err := d.o.Gateways(a.ctx, one.ID)
		if err != nil {
			return nil, err
		}
		found, err := d.r.Books(a.ctx, one.ID, gateways)
		if err != nil {
			return nil, err
		}
		b := Books{Account: one.ID, Name: one.Name, Invoices: found.Invoices, Payments: found.Payments, Charges: found.Charges, UnderWay: found.UnderWay,
			Balances: []string{}, Differences: append([]string{}, found.Differences...), More: found.More}
		for _, balance := range found.Balances {
			b.Balances = append(b.Balances, string(balance.Book)+" "+money.Amount{Minor: balance.Minor, Currency: balance.Currency}.String())
		}
		list = append(list, b)
	}
	return list, nil
}

func (d *door) importSubscriptions(a asked, in Import) (Imported, error) {
	return d.o.Import(a.ctx, commerce.Call{Account: in.Account, Actor: operator}, in, a.file, a.tell)
}
