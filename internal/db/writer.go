package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"perennial/internal/clock"
	"perennial/internal/fault"
)

const (
	groupBudget = 5 * time.Millisecond // closures run for so long before a commit
	groupLimit  = 1000                 // and are at most so many
	beginTries  = 3                    // each waits for another process as long as busy_timeout says
	idleAfter   = time.Second          // then a large log is folded into the file
	largeLog    = 16 << 20             // bytes
	probeEvery  = 250 * time.Millisecond
)

// writer owns the only writing connection of a SQLite database. Its goroutine
// runs many closures in one transaction, so that they share the wait for the
// disk: it takes whatever has come while the last commit was under way, and
// waits for nobody.
type writer struct {
	s     *liteStore
	pool  *sql.DB
	conn  *conn
	queue *queue

	group   []*request // these succeeded and wait for COMMIT
	open    bool       // a transaction is open
	began   time.Time
	count   int
	budget  time.Duration // of one group
	written bool          // since the log was last looked at

	sick    atomic.Pointer[failure] // nil when writes are taken
	id      atomic.Int64            // of the goroutine
	stopped chan struct{}
}

type failure struct{ err error }

func startWriter(ctx context.Context, s *liteStore) (*writer, error) {
	pool, err := sql.Open("sqlite", s.dsn(writerPragmas))
	if err != nil {
		return nil, err
	}
	pool.SetMaxOpenConns(1)
	w := &writer{s: s, pool: pool, queue: newQueue(), budget: groupBudget, stopped: make(chan struct{})}
	if err := w.connect(ctx); err != nil {
		pool.Close() //nolint:errcheck // the first error is the one to tell
		return nil, err
	}
	go w.loop()
	return w, nil
}

func (w *writer) connect(ctx context.Context) error {
	c, err := newConn(ctx, w.pool)
	if err != nil {
		return fault.Wrap(fault.Unavailable, err, "the database file cannot be opened")
	}
	if err := verifyLite(ctx, c.c); err != nil {
		c.drop()
		return err
	}
	w.conn = c
	return nil
}

// stop serves what waits, then ends the goroutine and closes the connection.
func (w *writer) stop() error {
	w.queue.close()
	<-w.stopped
	if w.conn != nil {
		w.conn.close()
	}
	return w.pool.Close()
}

func (w *writer) health() error {
	if f := w.sick.Load(); f != nil {
		return fault.Wrap(fault.Unavailable, f.err, "the disk of the database fails")
	}
	return nil
}

// write hands one closure to the writer and waits for its answer.
func (s *liteStore) write(ctx context.Context, j job) error {
	w := s.w
	if testing.Testing() && w.id.Load() == goroutine() {
		return errNested
	}
	r := newRequest(ctx, j)
	if err := w.queue.push(r); err != nil {
		return err
	}
	// A closure that begins an Update with a context from outside waits for
	// itself. Finding the goroutine is too dear for every call.
	watch := time.NewTimer(time.Second)
	defer watch.Stop()
	for answered := false; !answered; {
		select {
		case <-r.done:
			answered = true
		case <-watch.C:
			if w.id.Load() == goroutine() && r.withdraw() {
				return errNested
			}
		case <-ctx.Done():
			if r.withdraw() {
				return stopped(ctx)
			}
			<-r.done // it was taken, so it may be stored: the answer counts
			answered = true
		}
	}
	switch {
	case r.panic != nil:
		panic(fmt.Sprintf("%v\n\nin a transaction:\n%s", r.panic.value, r.panic.stack))
	case r.exited:
		runtime.Goexit()
	}
	return r.err
}

// goroutine is the number of the current goroutine.
func goroutine() int64 {
	var b [32]byte
	text, _, _ := strings.Cut(strings.TrimPrefix(string(b[:runtime.Stack(b[:], false)]), "goroutine "), " ")
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return -1
	}
	return n
}

// loop serves until the queue is closed and empty. A closure that exits its
// goroutine takes the loop with it; the next one goes on with the open group.
func (w *writer) loop() {
	w.id.Store(goroutine())
	ended := false
	defer func() {
		if ended {
			close(w.stopped)
		} else {
			go w.loop()
		}
	}()
	for {
		if w.open {
			w.fill()
			w.commit()
		}
		if w.sick.Load() != nil && !w.queue.isClosed() {
			w.nurse()
			continue
		}
		r := w.queue.pop()
		switch {
		case r != nil:
			w.start(r)
		case w.queue.isClosed():
			ended = true
			return
		default:
			w.rest()
		}
	}
}

// rest waits for work. When none comes and the log is large it is folded into
// the file, which only the writer can do without being in anybody's way.
func (w *writer) rest() {
	var idle <-chan time.Time
	if w.written {
		timer := time.NewTimer(idleAfter)
		defer timer.Stop()
		idle = timer.C
	}
	select {
	case <-w.queue.wake:
	case <-idle:
		w.written = false
		if info, err := os.Stat(w.s.path + "-wal"); err == nil && info.Size() > largeLog {
			w.fold()
		}
	}
}

// fold copies the log into the file and cuts it, unless a reader is in the way.
func (w *writer) fold() {
	for _, q := range []string{"pragma busy_timeout = 100", "pragma wal_checkpoint(truncate)", "pragma busy_timeout = 5000"} {
		if err := w.conn.command(q); fatalLite(err) {
			w.fail(err)
			return
		}
	}
}

// start begins a group with its first closure.
func (w *writer) start(r *request) {
	if err := w.begin(); err != nil {
		if fatalLite(err) {
			w.fail(err)
		}
		r.answer(err)
		return
	}
	w.open, w.began, w.count = true, clock.System{}.Now(), 0
	w.do(r)
}

// begin begins a transaction. A lock held by another process is no closure's
// fault and is tried again.
func (w *writer) begin() error {
	if err := w.s.o.Faults.Hit(FaultBegin); err != nil {
		return err
	}
	if w.conn == nil {
		return fault.New(fault.Unavailable, "the database takes no writes")
	}
	var err error
	for range beginTries {
		err = w.conn.command("begin immediate")
		if liteCode(err)&0xff != 5 {
			break
		}
	}
	if err != nil {
		return fault.Wrap(fault.Unavailable, err, "the database takes no writes")
	}
	return nil
}

// fill runs the closures that have come meanwhile.
func (w *writer) fill() {
	for w.open && w.count < groupLimit && w.running() < w.budget {
		r := w.queue.pop()
		if r == nil {
			return
		}
		w.do(r)
	}
}

func (w *writer) running() time.Duration { return clock.System{}.Now().Sub(w.began) }

// do runs one closure under a savepoint. What it refuses is answered at once:
// nothing of it waits for the disk.
func (w *writer) do(r *request) {
	w.count++
	if err := w.conn.command("savepoint one"); err != nil {
		w.lose(err, r)
		return
	}
	// An interrupt would undo every neighbour, so nobody can cancel a closure.
	tx := &Tx{ctx: inside(context.WithoutCancel(r.ctx)), run: w.conn, o: w.s.o, num: r.num, locking: r.locking}
	finished := false
	defer func() { // it runs also when the closure exits the goroutine
		if !finished {
			r.exited = true
			w.settle(r, tx, errors.New("db: the closure ended its goroutine"))
		}
	}()
	err := w.call(r, tx)
	finished = true
	w.settle(r, tx, tx.verdict(err))
}

// call runs the closure and catches a panic, which its caller gets back.
func (w *writer) call(r *request, tx *Tx) (err error) {
	defer func() {
		if v := recover(); v != nil {
			r.panic = caught(v)
			err = errors.New("db: the closure panicked")
		}
	}()
	return r.fn(tx)
}

// settle keeps or undoes what one closure did.
func (w *writer) settle(r *request, tx *Tx, err error) {
	if tx.fatal {
		w.lose(tx.err, r)
		return
	}
	if err != nil {
		for _, q := range []string{"rollback to one", "release one"} {
			if e := w.conn.command(q); e != nil {
				w.lose(e, r)
				return
			}
		}
		r.answer(err)
		return
	}
	if e := w.conn.command("release one"); e != nil {
		w.lose(e, r)
		return
	}
	w.group = append(w.group, r)
}

// commit makes the group durable and answers it.
func (w *writer) commit() {
	if !w.open {
		return
	}
	if len(w.group) == 0 {
		w.undo(nil)
		return
	}
	if err := w.s.o.Faults.Hit(FaultBeforeCommit); err != nil {
		w.undo(err)
		return
	}
	w.written = true
	if err := w.conn.command("commit"); err != nil {
		if code := liteCode(err) & 0xff; code == 19 || code == 5 {
			w.undo(describe(err, "commit")) // the transaction is still open
			return
		}
		w.lose(err, nil)
		return
	}
	w.open = false
	if err := w.s.o.Faults.Hit(FaultAfterCommit); err != nil {
		w.answer(unknown(err))
		return
	}
	w.answer(nil)
}

func (w *writer) answer(err error) {
	for i, r := range w.group {
		r.answer(err)
		w.group[i] = nil
	}
	w.group = w.group[:0]
}

// undo ends the transaction without storing anything.
func (w *writer) undo(err error) {
	if e := w.conn.command("rollback"); e != nil {
		w.lose(e, nil)
		return
	}
	w.open = false
	w.answer(err)
}

// lose ends a group whose outcome is not known: the connection is dropped, and
// everybody in the group, and current, is told so.
func (w *writer) lose(cause error, current *request) {
	w.open = false
	w.fail(cause)
	err := unknown(cause)
	w.answer(err)
	if current != nil {
		current.answer(err)
	}
}

// fail stops taking writes and drops the connection. A failed write to the disk
// is never simply tried again.
func (w *writer) fail(cause error) {
	w.sick.Store(&failure{cause})
	if w.conn != nil {
		w.conn.drop()
		w.conn = nil
	}
}

// nurse tries whether the disk takes writes again, and until it does refuses at
// once what comes.
func (w *writer) nurse() {
	err := w.probe()
	if err == nil {
		w.sick.Store(nil)
		return
	}
	w.fail(err)
	timer := time.NewTimer(probeEvery)
	defer timer.Stop()
	for !w.queue.isClosed() {
		for r := w.queue.pop(); r != nil; r = w.queue.pop() {
			r.answer(w.health())
		}
		select {
		case <-w.queue.wake:
		case <-timer.C:
			return
		}
	}
}

// probe makes a new connection and writes. The log is folded into the file
// first, so that nothing rests on pages whose writing has failed.
func (w *writer) probe() error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := w.connect(ctx); err != nil {
		return err
	}
	w.fold()
	if w.conn == nil {
		return w.sick.Load().err
	}
	var version int32
	if err := w.conn.c.QueryRowContext(ctx, "pragma user_version").Scan(&version); err != nil {
		return err
	}
	// The number means nothing to anybody; setting it is a write of one page.
	return w.conn.command("pragma user_version = " + strconv.Itoa(int(version+1)&0xffff))
}
