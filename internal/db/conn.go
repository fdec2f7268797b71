package db

import (
	"container/list"
	"context"
	"database/sql"
	"database/sql/driver"
)

// cacheSize is how many statements a SQLite connection keeps prepared.
const cacheSize = 256

// conn is a SQLite connection with its prepared statements. It serves one
// goroutine at a time.
type conn struct {
	c     *sql.Conn
	stmts map[string]*list.Element
	used  *list.List // of *prepared, the least recently used last
}

type prepared struct {
	text string
	st   *sql.Stmt
}

func newConn(ctx context.Context, pool *sql.DB) (*conn, error) {
	c, err := pool.Conn(ctx)
	if err != nil {
		return nil, err
	}
	return &conn{c, map[string]*list.Element{}, list.New()}, nil
}

// stmt is the prepared form of q. It is prepared without the caller's context,
// which may end before the statement is used again.
func (c *conn) stmt(q string) (*sql.Stmt, error) {
	if e, ok := c.stmts[q]; ok {
		c.used.MoveToFront(e)
		return e.Value.(*prepared).st, nil
	}
	st, err := c.c.PrepareContext(context.Background(), q)
	if err != nil {
		return nil, err
	}
	c.stmts[q] = c.used.PushFront(&prepared{q, st})
	if c.used.Len() > cacheSize {
		old := c.used.Remove(c.used.Back()).(*prepared)
		delete(c.stmts, old.text)
		old.st.Close() //nolint:errcheck // it is not running
	}
	return st, nil
}

// ExecContext runs a statement.
func (c *conn) ExecContext(ctx context.Context, q string, args ...any) (sql.Result, error) {
	st, err := c.stmt(q)
	if err != nil {
		return nil, err
	}
	return st.ExecContext(ctx, args...)
}

// QueryContext runs a statement that returns rows.
func (c *conn) QueryContext(ctx context.Context, q string, args ...any) (*sql.Rows, error) {
	st, err := c.stmt(q)
	if err != nil {
		return nil, err
	}
	return st.QueryContext(ctx, args...)
}

// command runs a statement that controls the transaction; nobody can cancel it.
func (c *conn) command(q string) error {
	_, err := c.ExecContext(context.Background(), q)
	return err
}

// forget closes the prepared statements. One that is left open would keep the
// connection, and a lock that it holds, alive for ever.
func (c *conn) forget() {
	for e := c.used.Front(); e != nil; e = e.Next() {
		e.Value.(*prepared).st.Close() //nolint:errcheck // the connection ends with it
	}
	c.stmts, c.used = map[string]*list.Element{}, list.New()
}

// close gives the connection back to its pool.
func (c *conn) close() {
	c.forget()
	c.c.Close() //nolint:errcheck // it goes back to the pool, which closes it
}

// drop ends a connection that cannot be trusted any more. The order matters:
// statements first, then the transaction, then the connection.
func (c *conn) drop() {
	c.forget()
	_, _ = c.c.ExecContext(context.Background(), "rollback")  // there may be none
	_ = c.c.Raw(func(any) error { return driver.ErrBadConn }) // the pool must not use it again
	_ = c.c.Close()                                           // reports the same ErrBadConn
}
