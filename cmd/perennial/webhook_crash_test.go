package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"sync"
	"syscall"
	"testing"

	"perennial/internal/commerce"
	"perennial/internal/db"
	"perennial/internal/event"
	"perennial/internal/outbox"
	"perennial/internal/seal"
	"perennial/internal/webhook"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

// inbox is a receiver that verifies and counts what it gets.
type inbox struct {
	*httptest.Server
	secret string
	mu     sync.Mutex
	bodies map[string][]string // by the id of the message
	bad    int
}

func newInbox(t *testing.T) *inbox {
	t.Helper()
	in := &inbox{secret: webhook.NewSecret(), bodies: map[string][]string{}}
	wh, err := standardwebhooks.NewWebhook(in.secret)
	if err != nil {
		t.Fatal(err)
	}
	in.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err == nil {
			err = wh.Verify(body, r.Header)
		}
		in.mu.Lock()
		defer in.mu.Unlock()
		if err != nil {
			in.bad++
		}
		name := r.Header.Get("Webhook-Id")
		in.bodies[name] = append(in.bodies[name], string(body))
		w.WriteHeader(http.StatusNoContent)
	}))
	t.Cleanup(in.Close)
	return in
}

func (in *inbox) messages() int {
	in.mu.Lock()
	defer in.mu.Unlock()
	return len(in.bodies)
}

// A server that is killed while it delivers loses nothing: the next one delivers the rest,
// at most one in a hundred twice because of each kill, each time the same bytes, all verified by the reference
// library of the scheme.
func TestKilledWhileDelivering(t *testing.T) {
	t.Parallel()
	b := newBusiness(t, db.SQLite)
	const receivers, events = 6, 2500
	keys, err := seal.Open(b.place.Data)
	if err != nil {
		t.Fatal(err)
	}
	h := b.open(t)
	call := commerce.Call{Account: b.account, Actor: event.Clock}
	var inboxes []*inbox
	for range receivers {
		in := newInbox(t)
		inboxes = append(inboxes, in)
		_, err := h.service.CreateEndpoint(t.Context(), commerce.CreateEndpoint{Call: call, Address: in.URL, Events: outbox.Filter{"product.updated"},
			Secret: webhook.SealSecret(keys, b.account, in.secret), InFlight: 2})
		if err != nil {
			t.Fatal(err)
		}
	}
	list := make([]event.Event, events)
	for i := range list {
		list[i] = event.New(b.account, h.clock.Now(), event.Clock, event.ProductUpdated, 1, 0, `{"name":"Paper"}`)
	}
	if err := h.db.Update(t.Context(), func(tx *db.Tx) error { return event.Append(tx, b.account, list...) }); err != nil {
		t.Fatal(err)
	}
	if err := h.close(); err != nil {
		t.Fatal(err)
	}
	arrived := func() (n int) {
		for _, in := range inboxes {
			n += in.messages()
		}
		return n
	}
	variables := append([]string{"PERENNIAL_ALLOW_PRIVATE_WEBHOOKS=127.0.0.0/8"}, b.variables...)
	const all = receivers * events
	kills := []int{all / 4, all / 2}
	for _, share := range kills {
		p := serveOn(t, b.place.Data, variables...)
		until(t, "some were delivered", func() bool { return arrived() >= share })
		p.end(t, syscall.SIGKILL)
		if n := arrived(); n == all {
			t.Fatalf("all %d were delivered before the kill", n)
		}
	}
	p := serveOn(t, b.place.Data, variables...)
	until(t, "all were delivered", func() bool { return arrived() == all })
	until(t, "all answers are stored", func() bool {
		return b.count(t, "select count(*) from outbox where account_id = $1 and state <> 'delivered'") == 0
	})
	p.end(t, syscall.SIGTERM)
	twice := 0
	for i, in := range inboxes {
		if in.bad != 0 {
			t.Errorf("receiver %d: %d did not verify", i, in.bad)
		}
		for _, bodies := range in.bodies {
			twice += len(bodies) - 1
			for _, body := range bodies {
				if body != bodies[0] {
					t.Errorf("%s and %s were sent under one id", bodies[0], body)
				}
			}
		}
	}
	t.Logf("%d of %d were sent twice over two kills", twice, all)
	if twice > len(kills)*all/100 {
		t.Errorf("%d of %d were sent twice", twice, all)
	}
}
