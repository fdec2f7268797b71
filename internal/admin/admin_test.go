package admin

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"perennial/internal/clock"
	"perennial/internal/commerce"
	"perennial/internal/db"
	"perennial/internal/db/dbtest"
	"perennial/internal/event"
	"perennial/internal/fault"
	"perennial/internal/gateway/sandbox"
	"perennial/internal/payment"
	"perennial/internal/report"
)

// operated is a database with the operator's handler.
type operated struct {
	db      *db.DB
	reader  *report.Reader
	handler http.Handler
}

func operate(t *testing.T, d *db.DB, change func(*Options)) *operated {
	t.Helper()
	c := clock.NewManual(time.Date(2026, 1, 31, 12, 0, 0, 0, time.UTC))
	gateways := map[string]payment.Gateway{commerce.SandboxGateway: sandbox.New(d, c, sandbox.Options{})}
	log := slog.New(slog.DiscardHandler)
	s := commerce.New(d, c, gateways, nil, log)
	o := Options{Version: "1.2.3", Address: "https://billing.example.com", Gateways: s.GatewaysOf, Log: log,
		Import: func(_ context.Context, _ commerce.Call, i Import, file io.Reader, progress func(Progress)) (Imported, error) {
			n, err := io.Copy(io.Discard, file)
			progress(Progress{Done: 1, Text: i.Mapping})
			return Imported{Rows: int(n)}, err
		}}
	if change != nil {
		change(&o)
	}
	r := report.New(d, c)
	return &operated{d, r, New(s, r, o)}
}

// folder is a folder with a short path, as sockets need one.
func folder(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "pa")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// over gives the handler's clients: one over a socket, one inside.
func over(t *testing.T, h http.Handler) map[string]*Client {
	t.Helper()
	dir := folder(t)
	l, err := Listen(t.Context(), dir)
	if err != nil {
		t.Fatal(err)
	}
	s := &http.Server{Handler: h}
	go s.Serve(l)
	t.Cleanup(func() { s.Close() })
	remote, err := Dial(t.Context(), dir)
	if err != nil || remote == nil {
		t.Fatalf("no client: %v", err)
	}
	inside := Inside(h)
	t.Cleanup(inside.Close)
	return map[string]*Client{"socket": remote, "inside": inside}
}

func TestCommands(t *testing.T) {
	t.Parallel()
	dbtest.Engines(t, func(t *testing.T, open func() *db.DB) {
		o := operate(t, open(), nil)
		for name, c := range over(t, o.handler) {
			ctx := t.Context()
			var made CreatedAccount
			err := c.Do(ctx, "account/create", NewAccount{Name: "Shop " + name, Email: "shop@example.com", Sandbox: true, Zone: "Europe/Berlin"}, nil, &made, nil)
			if err != nil || !strings.HasPrefix(made.APIKey, "perennial_test_") || made.Doors == nil {
				t.Fatalf("%+v %v", made, err)
			}
			events, err := o.reader.Events(ctx, made.Account, event.Filter{Limit: 10})
			if err != nil || len(events) == 0 {
				t.Fatal(err)
			}
			for _, e := range events {
				if e.Actor.Kind != event.ByOperator {
					t.Errorf("%s was done by %v", e.Kind, e.Actor)
				}
			}
			var said []Progress
			var moved Advanced
			err = c.Do(ctx, "clock/advance", Advance{Account: made.Account, By: "1 month"}, nil, &moved, func(p Progress) { said = append(said, p) })
			if want := time.Date(2026, 2, 28, 12, 0, 0, 0, time.UTC); err != nil || !moved.To.Equal(want) || len(said) == 0 || said[len(said)-1].Done != 1 {
				t.Errorf("%+v, %v, %v", moved, said, err)
			}
			err = c.Do(ctx, "clock/advance", Advance{Account: made.Account, To: "2026-03-31"}, nil, &moved, nil)
			if want := time.Date(2026, 3, 30, 22, 0, 0, 0, time.UTC); err != nil || !moved.To.Equal(want) {
				t.Errorf("a date is a day of the account's zone: %v, %v", moved.To, err)
			}
			var clocks []Clock
			if err := c.Do(ctx, "clock/show", ClockOf{Account: made.Account}, nil, &clocks, nil); err != nil || len(clocks) != 1 || !clocks[0].Now.Equal(moved.To) {
				t.Errorf("%+v %v", clocks, err)
			}
			var books []Books
			if err := c.Do(ctx, "books", BooksOf{}, nil, &books, nil); err != nil || len(books) == 0 || len(books[0].Differences) > 0 {
				t.Errorf("%+v %v", books, err)
			}
			var link OwnerLink
			if err := c.Do(ctx, "owner-link", Empty{}, nil, &link, nil); err != nil || !strings.HasPrefix(link.Address, "https://billing.example.com/setup?token=") {
				t.Errorf("%+v %v", link, err)
			}
			var done Imported
			file := strings.Repeat("a row of a file\n", 1<<16)
			err = c.Do(ctx, "import/subscriptions", Import{Mapping: "id = {x}"}, strings.NewReader(file), &done, nil)
			if err != nil || done.Rows != len(file) {
				t.Errorf("%d of %d bytes of the file arrived (%v)", done.Rows, len(file), err)
			}
		}
	})
}

func TestRefusalsCrossWhole(t *testing.T) {
	t.Parallel()
	o := operate(t, dbtest.New(t, db.SQLite), nil)
	for name, c := range over(t, o.handler) {
		var made CreatedAccount
		err := c.Do(t.Context(), "account/create", NewAccount{Name: "", Email: "shop@example.com", Zone: "Mars/Olympus"}, nil, &made, nil)
		f := fault.As(err)
		if f.Kind != fault.Invalid || len(f.Fields) != 2 || f.Fields[0].Name != "name" || f.Fields[1].Name != "zone" {
			t.Errorf("%s: %+v", name, f)
		}
		for command, in := range map[string]any{
			"clock/advance": Advance{Account: 1, By: "1 day"},
			"books":         BooksOf{Account: 1},
		} {
			if err := c.Do(t.Context(), command, in, nil, new(any), nil); !fault.Is(err, fault.NotFound) {
				t.Errorf("%s %s: %v", name, command, err)
			}
		}
		if err := c.Do(t.Context(), "clock/confirm", Empty{}, nil, new(Confirmed), nil); !fault.Is(err, fault.Conflict) {
			t.Errorf("%s: %v", name, err)
		}
		if err := c.Do(t.Context(), "account/delete", Empty{}, nil, new(any), nil); !fault.Is(err, fault.Unavailable) {
			t.Errorf("%s: %v", name, err)
		}
		live := CreatedAccount{}
		if err := c.Do(t.Context(), "account/create", NewAccount{Name: "Live", Email: "shop@example.com"}, nil, &live, nil); err != nil {
			t.Fatal(err)
		}
		for _, in := range []Advance{{Account: live.Account, By: "1 day"}} {
			if err := c.Do(t.Context(), "clock/advance", in, nil, new(Advanced), nil); !fault.Is(err, fault.Forbidden) {
				t.Errorf("%s: a live clock: %v", name, err)
			}
		}
	}
}

// The answer of a server that dies is told as what it is: not known.
func TestBrokenAnswerIsUnknown(t *testing.T) {
	t.Parallel()
	for name, c := range over(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, `{"progress":{"done":0.5,"text":"half"}}`+"\n"+`{"res`)
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	})) {
		if err := c.Do(t.Context(), "books", BooksOf{}, nil, new(any), nil); !fault.Is(err, fault.Unknown) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestSocket(t *testing.T) {
	t.Parallel()
	dir := folder(t)
	if c, err := Dial(t.Context(), dir); c != nil || err != nil {
		t.Errorf("a server where there is none: %v %v", c, err)
	}
	path := filepath.Join(dir, SocketName)
	dead, err := net.ListenUnix("unix", &net.UnixAddr{Name: path})
	if err != nil {
		t.Fatal(err)
	}
	dead.SetUnlinkOnClose(false)
	dead.Close()
	if c, err := Dial(t.Context(), dir); c != nil || err != nil {
		t.Errorf("a dead server answers: %v %v", c, err)
	}
	l, err := Listen(t.Context(), dir)
	if err != nil {
		t.Fatalf("a dead server's socket is not replaced: %v", err)
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if _, err := Listen(t.Context(), dir); !fault.Is(err, fault.Conflict) {
		t.Errorf("two servers on one folder: %v", err)
	}
	l.Close()
	if _, err := os.Stat(path); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the socket stays: %v", err)
	}
	if _, err := Listen(t.Context(), filepath.Join(dir, strings.Repeat("long/", 30))); !fault.Is(err, fault.Invalid) {
		t.Errorf("a path too long for a socket: %v", err)
	}
}

// A command whose caller goes away ends, and says whose clock it left on its way.
func TestCommandEndsWithItsCaller(t *testing.T) {
	t.Parallel()
	o := operate(t, dbtest.New(t, db.SQLite), nil)
	var made CreatedAccount
	inside := Inside(o.handler)
	defer inside.Close()
	if err := inside.Do(t.Context(), "account/create", NewAccount{Name: "Shop", Email: "shop@example.com", Sandbox: true}, nil, &made, nil); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	slow := http.NewServeMux()
	slow.Handle("POST /slow", command(&door{o: Options{Log: slog.New(slog.DiscardHandler)}}, func(a asked, _ Empty) (Empty, error) {
		a.tell(Progress{Text: "begun"})
		<-a.ctx.Done()
		ended <- a.ctx.Err()
		return Empty{}, a.ctx.Err()
	}))
	for _, c := range over(t, slow) {
		ctx, cancel := context.WithCancel(t.Context())
		err := c.Do(ctx, "slow", Empty{}, nil, new(Empty), func(Progress) { cancel() })
		if err == nil {
			t.Error("a canceled command has a result")
		}
		if err := <-ended; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
	}
}
