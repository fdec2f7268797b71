package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync/atomic"
	"syscall"
	"time"

	"perennial/internal/commerce"
	"perennial/internal/db"
	"perennial/internal/id"
	"perennial/internal/payment"
	"perennial/internal/report"
)

// B6, the renewal run killed: a process of its own renews what is due, and is killed
// (SIGKILL) when the gateway has heard of so many charges, 20 times at random; each
// time another process goes on. The gateway is this process, which no kill reaches:
// its own record is the judge. The floor is the same run in a process that is left
// alone.

const (
	kills = 20
	// childVariable tells a process of this program to be the one that is killed.
	childVariable = "PERENNIAL_BENCH_CHILD"
)

// child is what the process that renews, or delivers, is told.
type child struct {
	URL      string
	Gateway  string // the socket of the gateway
	Accounts []id.Account
	AtOnce   int
	SealedBy string // the key of the secrets of webhooks, which are then delivered; "" to renew
}

// killed runs B6 on one engine for some rounds.
func (b *bench) killed(ctx context.Context, engine string) error {
	c := &contest{name: "B6 renewal run killed 20 times, " + engine, goal: 1 / 1.3}
	s, fresh, servers, err := b.dueStore(ctx, engine)
	if err != nil {
		return err
	}
	atOnce := 1
	if engine == db.PostgreSQL {
		atOnce = 2
	}
	for n := range b.rounds {
		alone, cut, err := b.turn(n, func() (figures, error) { return b.renewApart(ctx, fresh, s, servers, atOnce, 0) },
			func() (figures, error) { return b.renewApart(ctx, fresh, s, servers, atOnce, kills) })
		if err != nil {
			return err
		}
		b.note("%s, round %d: left alone %.0f/s, killed %.0f/s; 0 charged twice, 0 lost", c.name, n+1, alone.rate(), cut.rate())
		c.add(alone, cut)
	}
	b.contests = append(b.contests, c)
	return nil
}

// dueStore makes the store of B5 and says how to get a fresh copy of it.
func (b *bench) dueStore(ctx context.Context, engine string) (s seeded, fresh func(context.Context) (string, error), servers []int, err error) {
	if engine == db.SQLite {
		template, run := filepath.Join(b.dir, "kill-due.db"), filepath.Join(b.dir, "kill-run.db")
		s, err = b.seedLite(ctx, template, accounts, b.due, started, full)
		return s, func(context.Context) (string, error) { return run, copyFile(run, template) }, nil, err
	}
	c, err := b.postgres(ctx)
	if err != nil {
		return s, nil, nil, err
	}
	if err := c.admin(ctx, "create database kill_template"); err != nil {
		return s, nil, nil, err
	}
	d, err := open(ctx, c.url("kill_template"))
	if err != nil {
		return s, nil, nil, err
	}
	s, err = seed(ctx, d, accounts, b.due, started, full)
	if e := d.Close(); err == nil {
		err = e
	}
	return s, func(ctx context.Context) (string, error) {
		return c.url("kill_run"), c.copyOf(ctx, "kill_run", "kill_template")
	}, []int{c.pid()}, err
}

// renewApart renews everything in processes of their own, killing each but the last,
// and proves the outcome.
func (b *bench) renewApart(ctx context.Context, fresh func(context.Context) (string, error), s seeded, servers []int, atOnce, times int) (figures, error) {
	url, err := fresh(ctx)
	if err != nil {
		return figures{}, err
	}
	g := newGateway()
	heard, stop, socket, err := b.answering(ctx, g)
	if err != nil {
		return figures{}, err
	}
	defer stop()
	text, err := json.Marshal(child{URL: url, Gateway: socket, Accounts: s.accounts, AtOnce: atOnce})
	if err != nil {
		return figures{}, err
	}
	moments := make([]int64, times)
	for i := range moments {
		moments[i] = 1 + rand.Int64N(int64(s.subs)) // #nosec G404 -- moments to kill at
	}
	slices.Sort(moments)
	f, err := watch(s.subs, append([]int{os.Getpid()}, servers...), func() error {
		for _, moment := range moments {
			if err := renewUntil(ctx, string(text), heard, moment); err != nil {
				return err
			}
		}
		return renewUntil(ctx, string(text), heard, 0)
	})
	if err != nil {
		return f, err
	}
	return f, auditKilled(ctx, url, s, g)
}

// renewUntil starts a process that renews and kills it when the gateway has heard of
// so many charges, or one that delivers; 0 lets it end.
func renewUntil(ctx context.Context, text string, heard *atomic.Int64, moment int64) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	var said bytes.Buffer
	c := exec.CommandContext(ctx, self)
	c.Env = append(os.Environ(), childVariable+"="+text)
	c.Stderr = &said
	c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := c.Start(); err != nil {
		return err
	}
	ended := make(chan error, 1)
	go func() { ended <- c.Wait() }()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case err := <-ended: // it was done before it could be killed
			if err != nil {
				return fmt.Errorf("the process failed: %w: %s", err, said.String())
			}
			return nil
		case <-tick.C:
			if moment > 0 && heard.Load() >= moment {
				_ = c.Process.Kill() // it may have ended
				var exit *exec.ExitError
				if err := <-ended; err != nil && !errors.As(err, &exit) {
					return err
				}
				return nil
			}
		}
	}
}

// answering serves the gateway on a socket; heard counts the charges it was asked for.
func (b *bench) answering(ctx context.Context, g *gateway) (heard *atomic.Int64, stop func(), socket string, err error) {
	heard = &atomic.Int64{}
	socket = filepath.Join(b.dir, "gateway")
	_ = os.Remove(socket) // of the round before
	l, err := (&net.ListenConfig{}).Listen(ctx, "unix", socket)
	if err != nil {
		return nil, nil, "", err
	}
	mux := http.NewServeMux()
	mux.HandleFunc("POST /charge", func(w http.ResponseWriter, r *http.Request) {
		heard.Add(1)
		relay(w, r, g.Charge)
	})
	mux.HandleFunc("POST /find", func(w http.ResponseWriter, r *http.Request) { relay(w, r, g.Find) })
	server := &http.Server{Handler: mux, ReadHeaderTimeout: time.Minute}
	go server.Serve(l) //nolint:errcheck // it ends when it is closed
	return heard, func() { server.Close() }, socket, nil
}

func relay[T any](w http.ResponseWriter, r *http.Request, do func(context.Context, T) (payment.Result, error)) {
	var asked T
	if err := json.NewDecoder(r.Body).Decode(&asked); err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	result, err := do(r.Context(), asked)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	_ = json.NewEncoder(w).Encode(result) // whoever asked may have been killed
}

// remote is the gateway as the process that renews sees it.
type remote struct {
	*gateway
	client *http.Client
}

func newRemote(socket string) *remote {
	return &remote{newGateway(), &http.Client{Timeout: time.Minute, Transport: &http.Transport{MaxIdleConnsPerHost: 1024, DisableCompression: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", socket)
		}}}}
}

func (g *remote) ask(ctx context.Context, path string, question any) (payment.Result, error) {
	body, err := json.Marshal(question)
	if err != nil {
		return payment.Result{}, err
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, "http://gateway"+path, bytes.NewReader(body))
	if err != nil {
		return payment.Result{}, err
	}
	answer, err := g.client.Do(r)
	if err != nil {
		return payment.Result{}, nil // unknown: it may have arrived
	}
	defer answer.Body.Close()
	var result payment.Result
	if answer.StatusCode != http.StatusOK || json.NewDecoder(answer.Body).Decode(&result) != nil {
		return payment.Result{}, nil
	}
	return result, nil
}

func (g *remote) Charge(ctx context.Context, c payment.Charge) (payment.Result, error) {
	return g.ask(ctx, "/charge", c)
}

func (g *remote) Find(ctx context.Context, q payment.Inquiry) (payment.Result, error) {
	return g.ask(ctx, "/find", q)
}

// renewChild is the process that renews: it gives back the leases of the one before
// it and works off what is due.
func renewChild(ctx context.Context, text string) error {
	var c child
	if err := json.Unmarshal([]byte(text), &c); err != nil {
		return err
	}
	d, err := db.Open(ctx, db.Options{URL: c.URL})
	if err != nil {
		return err
	}
	if c.SealedBy != "" {
		if err := deliverChild(ctx, d, c); err != nil {
			return err
		}
		return d.Close()
	}
	service := commerce.New(d, due(), map[string]payment.Gateway{gatewayName: newRemote(c.Gateway)}, nil, silent())
	if err := service.Recover(ctx); err != nil {
		return err
	}
	if err := renewAll(ctx, service, c.Accounts, c.AtOnce, make([]commerce.Run, len(c.Accounts))); err != nil {
		return err
	}
	return d.Close()
}

// auditKilled proves that every subscription has exactly one invoice for its new
// period, that every charge of the gateway is in the books and no invoice was charged
// twice, and that nothing is left under way.
func auditKilled(ctx context.Context, url string, s seeded, g *gateway) error {
	d, err := db.Open(ctx, db.Options{URL: url})
	if err != nil {
		return err
	}
	defer d.Close() //nolint:errcheck // only read
	charged, _ := g.taken()
	if want := s.subs - s.declines; charged != want {
		return fmt.Errorf("the gateway took %d charges, expected %d", charged, want)
	}
	reader := report.New(d, due())
	for _, acc := range s.accounts {
		books, err := reader.Books(ctx, acc, map[string]payment.Gateway{gatewayName: g})
		if err != nil {
			return err
		}
		if !books.Balanced() {
			return fmt.Errorf("the books of %s do not balance: %v", acc, books.Differences)
		}
		subs := int64(s.subs / len(s.accounts))
		paid := subs - int64(s.declines/len(s.accounts))
		err = auditCounts(ctx, d, acc, []count{
			{"select count(*) from subscription where account_id = $1 and period = 1 and lease_until = 0", subs},
			{"select count(*) from invoice where account_id = $1", subs},
			{"select count(distinct subscription_id) from invoice where account_id = $1 and reason = 'renewal' and period = 1", subs},
			{"select count(*) from invoice where account_id = $1 and state = 'paid'", paid},
			{"select count(*) from payment where account_id = $1 and state = 'succeeded'", paid},
			{"select count(distinct invoice_id) from payment where account_id = $1 and state = 'succeeded'", paid},
			{"select count(*) from payment where account_id = $1 and state = 'pending'", 0},
			{"select count(*) from event where account_id = $1 and kind = 'subscription.renewed'", paid},
		})
		if err != nil {
			return err
		}
	}
	return nil
}
