package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"perennial/internal/clock"
	"perennial/internal/db"
	"perennial/internal/outbox"
)

// patience is the time that a client has. Whoever is slower is cut off, so that a
// stalled client holds nothing for long.
type patience struct {
	header, read, write, idle time.Duration
}

// usual is the patience of every server; a handler with a longer answer moves its
// own deadline.
var usual = patience{header: 10 * time.Second, read: 30 * time.Second, write: 2 * time.Minute, idle: 2 * time.Minute}

const maxHeader = 32 << 10 // bytes of a request's headers

// drainFor is how long what is under way may take once the server is told to stop.
const drainFor = 20 * time.Second

// Doors are the handlers that the server mounts. A nil one is not there.
type Doors struct {
	API       http.Handler // /v1
	Dashboard http.Handler // /app, /login, /logout, /setup, /preferences
	Checkout  http.Handler // /c/…, /o/…
	Portal    http.Handler // /pay/…
	Promote   http.Handler // /a/…, /affiliates
	Assets    http.Handler // /assets/…
	Hooks     http.Handler // /hooks/…
}

// Compat is a door for clients of another system. It sees the addresses that those ask for,
// without the prefix.
type Compat struct {
	Door     http.Handler
	Prefix   string       // of its addresses on Public, for example /paywhirl
	Host     string       // name under which Public serves it at the root; "" for none
	Listener net.Listener // on which it is served at the root; nil for none
}

// Options is what a server runs.
type Options struct {
	Public   net.Listener // everything that the outside may reach
	Operator net.Listener // the admin socket; nil for none
	Doors    Doors
	Compat   []Compat
	Admin    http.Handler // served on Operator
	DB       *db.DB       // whose health /healthz tells
	Space    *Space       // of the disk that holds an embedded store; nil for none
	Clock    clock.Clock
	Log      *slog.Logger
	Worker   *Worker           // nil for none
	Outbox   *outbox.Deliverer // nil for none
	Secure   bool              // browsers reach the server through TLS
}

// Server is the running program.
type Server struct {
	o        Options
	patience patience
	ready    atomic.Bool
}

// New makes a server that does nothing until Run.
func New(o Options) *Server { return &Server{o: o, patience: usual} }

// Run serves until ctx ends. Then it takes nothing new, gives what is under way
// up to 20 seconds, and returns nil. It returns an error when a listener fails.
func (s *Server) Run(ctx context.Context) error {
	// Requests outlive ctx, which only says that no more are taken; walks of the
	// operator end with it, because they can take for ever and are continued.
	public := []*http.Server{s.listener(s.Handler())}
	failed := make(chan error, 2+len(s.o.Compat))
	go func() { failed <- serve(public[0], s.o.Public) }()
	for _, c := range s.o.Compat {
		if c.Listener != nil {
			own := s.listener(s.foreign(c.Door))
			public = append(public, own)
			go func() { failed <- serve(own, c.Listener) }()
		}
	}
	operator := &http.Server{Handler: s.o.Admin, ReadHeaderTimeout: s.patience.header, MaxHeaderBytes: maxHeader,
		ErrorLog: slog.NewLogLogger(s.o.Log.Handler(), slog.LevelWarn), BaseContext: func(net.Listener) context.Context { return ctx }}
	if s.o.Operator != nil {
		go func() { failed <- serve(operator, s.o.Operator) }()
	}
	work, stop := context.WithCancel(ctx)
	defer stop()
	var background sync.WaitGroup
	if s.o.Worker != nil {
		background.Go(func() { s.o.Worker.Run(work) })
	}
	if s.o.Outbox != nil {
		background.Go(func() { s.o.Outbox.Run(work) })
	}
	s.ready.Store(true)
	var err error
	select {
	case <-ctx.Done():
	case err = <-failed:
		err = fmt.Errorf("the server cannot go on listening: %w", err)
	}
	stop()
	s.drain(append(public, operator), &background)
	return err
}

// serve is Serve without the error that says that it was told to stop.
func serve(h *http.Server, l net.Listener) error {
	if err := h.Serve(l); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}

func (s *Server) listener(h http.Handler) *http.Server {
	return &http.Server{Handler: h, ReadHeaderTimeout: s.patience.header, ReadTimeout: s.patience.read, WriteTimeout: s.patience.write, IdleTimeout: s.patience.idle,
		MaxHeaderBytes: maxHeader, ErrorLog: slog.NewLogLogger(s.o.Log.Handler(), slog.LevelWarn)}
}

// drain waits for what is under way.
func (s *Server) drain(servers []*http.Server, background *sync.WaitGroup) {
	s.o.Log.Info("stopping: nothing new is taken, what is under way is finished")
	ctx, cancel := context.WithTimeout(context.Background(), drainFor)
	defer cancel()
	s.ready.Store(false)
	var all sync.WaitGroup
	for _, h := range servers {
		all.Go(func() {
			if err := h.Shutdown(ctx); err != nil {
				s.o.Log.Warn("requests were cut off at the end of the time to stop", "err", err)
				_ = h.Close() // the process ends with it
			}
		})
	}
	all.Wait()
	done := make(chan struct{})
	go func() {
		background.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-ctx.Done():
		s.o.Log.Warn("due work was cut off at the end of the time to stop; the next start repairs it")
	}
}

// health answers whether the server takes work: 200 when it does, 503 when it is
// on its way out or the database takes no writes.
func (s *Server) health(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	if !s.ready.Load() {
		w.WriteHeader(http.StatusServiceUnavailable)
		fmt.Fprintln(w, "stopping")
		return
	}
	if err := s.o.DB.Healthy(); err != nil {
		s.o.Log.Error("the database is not healthy", "err", err)
		w.WriteHeader(http.StatusServiceUnavailable)
		fmt.Fprintln(w, "the database takes no writes; the log says why")
		return
	}
	fmt.Fprintln(w, "ok")
}
