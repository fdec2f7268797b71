package main

import (
	"fmt"
	"net"
	"net/http"
	"net/url"
	"path/filepath"
	"sync"
	"syscall"
	"testing"
	"time"

	"perennial/internal/db"
)

// line is a connection to PostgreSQL that can fail between its ends, as networks do.
type line struct {
	address string // of the socket that it leads to
	url     string // of the database, reached by it
	l       net.Listener

	mu    sync.Mutex
	open  map[net.Conn]bool
	dead  bool          // new connections are refused
	stall chan struct{} // nil: bytes pass; else they wait until it is closed
	slow  time.Duration // that each piece of data takes longer
}

// newLine leads to the database of a URL whose server listens on a socket.
func newLine(t *testing.T, database string) *line {
	t.Helper()
	u, err := url.Parse(database)
	if err != nil {
		t.Fatal(err)
	}
	q := u.Query()
	n := &line{address: filepath.Join(q.Get("host"), ".s.PGSQL.5432"), open: map[net.Conn]bool{}}
	here := filepath.Dir(folder(t))
	if n.l, err = net.Listen("unix", filepath.Join(here, ".s.PGSQL.5432")); err != nil {
		t.Fatal(err)
	}
	q.Set("host", here)
	u.RawQuery = q.Encode()
	n.url = u.String()
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			c, err := n.l.Accept()
			if err != nil {
				return
			}
			serving.Go(func() { n.serve(c) })
		}
	})
	t.Cleanup(func() {
		n.l.Close()
		n.heal()
		n.cut()
		serving.Wait()
	})
	return n
}

func (n *line) serve(near net.Conn) {
	defer near.Close()
	n.mu.Lock()
	dead := n.dead
	n.mu.Unlock()
	if dead {
		return
	}
	far, err := net.Dial("unix", n.address)
	if err != nil {
		return
	}
	defer far.Close()
	n.mu.Lock()
	n.open[near], n.open[far] = true, true
	n.mu.Unlock()
	var both sync.WaitGroup
	both.Go(func() { n.pass(far, near) })
	both.Go(func() { n.pass(near, far) })
	both.Wait()
	n.mu.Lock()
	delete(n.open, near)
	delete(n.open, far)
	n.mu.Unlock()
}

// pass carries bytes one way until either end closes.
func (n *line) pass(to, from net.Conn) {
	defer to.Close()
	defer from.Close()
	b := make([]byte, 16<<10)
	for {
		k, err := from.Read(b)
		if k > 0 {
			n.mu.Lock()
			stall, slow := n.stall, n.slow
			n.mu.Unlock()
			if stall != nil {
				<-stall
			}
			if slow > 0 {
				<-time.After(slow)
			}
			if _, err := to.Write(b[:k]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// silence lets nothing through any more, while both ends believe to be connected.
func (n *line) silence() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.stall = make(chan struct{})
}

// cut breaks every connection.
func (n *line) cut() {
	n.mu.Lock()
	defer n.mu.Unlock()
	for c := range n.open {
		c.Close()
	}
}

// refuse breaks every connection and takes no new one.
func (n *line) refuse() {
	n.mu.Lock()
	n.dead = true
	n.mu.Unlock()
	n.cut()
}

// heal makes it a good line again.
func (n *line) heal() {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.dead, n.slow = false, 0
	if n.stall != nil {
		close(n.stall)
		n.stall = nil
	}
}

func (n *line) delay(by time.Duration) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.slow = by
}

// due makes everything of the next month due at once, for whichever server looks first.
func (b *business) due(t *testing.T) {
	t.Helper()
	month := (31 * 24 * time.Hour).Microseconds()
	if _, err := b.look.ExecContext(t.Context(), fmt.Sprintf("update account set clock_offset = clock_offset + %d where id = $1", month), int64(b.account)); err != nil {
		t.Fatal(err)
	}
}

// node starts a server of the business with a data folder of its own.
func (b *business) node(t *testing.T, database string) *process {
	t.Helper()
	return serveOn(t, folder(t), "PERENNIAL_DATABASE="+database, "PERENNIAL_SANDBOX_LATENCY=150ms")
}

func (b *business) done(t *testing.T) bool {
	t.Helper()
	return b.count(t, paidPayments) == 2*sold && b.count(t, "select count(*) from subscription where account_id = $1 and lease_until > 0") == 0
}

// Two servers on one database share a run; one is killed in the middle of it, and the
// other finishes what it left.
func TestTwoServersShareARun(t *testing.T) {
	t.Parallel()
	b := newBusiness(t, db.PostgreSQL)
	first, second := b.node(t, b.place.Database), b.node(t, b.place.Database)
	b.due(t)
	until(t, "charges that are not settled", func() bool { return b.count(t, charges) > b.count(t, paidPayments) })
	if status := first.end(t, syscall.SIGKILL); status != -1 {
		t.Fatalf("the server ended by itself with %d", status)
	}
	until(t, "the end of the run", func() bool { return b.done(t) })
	if status := second.end(t, syscall.SIGTERM); status != 0 {
		t.Errorf("SIGTERM ends it with %d", status)
	}
	b.prove(t)
}

// A server that the network cuts off from the database in the middle of a run loses
// its leases to another one. What it hears from the gateway meanwhile it cannot write,
// and when it is back it writes nothing over what the other one did.
func TestServerThatIsCutOff(t *testing.T) {
	t.Parallel()
	b := newBusiness(t, db.PostgreSQL)
	wire := newLine(t, b.place.Database)
	lost := b.node(t, wire.url)
	b.due(t)
	until(t, "payments that are under way", func() bool { return b.count(t, pendingPayments) > 0 })
	wire.silence()
	other := b.node(t, b.place.Database)
	until(t, "the end of the run", func() bool { return b.done(t) })
	b.prove(t)
	wire.heal()
	until(t, "the server is back", func() bool { return healthy(lost) })
	for _, p := range []*process{lost, other} {
		if status := p.end(t, syscall.SIGTERM); status != 0 {
			t.Errorf("SIGTERM ends it with %d", status)
		}
	}
	b.prove(t)
}

// The line to the database breaks again and again, is refused, and is slow: the run
// ends as if nothing had been.
func TestBrokenLineToTheDatabase(t *testing.T) {
	t.Parallel()
	b := newBusiness(t, db.PostgreSQL)
	wire := newLine(t, b.place.Database)
	p := b.node(t, wire.url)
	b.due(t)
	for _, share := range []int64{1, 4, 8, 12, 16} {
		until(t, "progress", func() bool { return b.count(t, charges) >= sold+sold*share/20 || b.count(t, paidPayments) == 2*sold })
		wire.cut()
	}
	wire.refuse()
	until(t, "the server says that it has no database", func() bool { return !healthy(p) })
	wire.heal()
	wire.delay(20 * time.Millisecond)
	until(t, "the end of the run", func() bool { return b.done(t) })
	wire.heal()
	if status := p.end(t, syscall.SIGTERM); status != 0 {
		t.Errorf("SIGTERM ends it with %d", status)
	}
	b.prove(t)
}

func healthy(p *process) bool {
	res, err := http.Get(p.address + "/healthz")
	if err != nil {
		return false
	}
	res.Body.Close()
	return res.StatusCode == http.StatusOK
}
