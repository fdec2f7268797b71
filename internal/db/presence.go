package db

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"

	"perennial/internal/fault"
)

// presenceKey is the advisory lock of PostgreSQL by which processes on one database
// see each other. It is per database; the number is "perennia" in ASCII.
const presenceKey = 0x706572656e6e6961

// presenceCheck is how often a process looks whether it can still be seen.
const presenceCheck = 10 * time.Second

// Presence is this process, as the other ones on the same database see it. It is a
// hint: whoever takes a living process for a dead one ends leases early, and what two
// then do at one time is still done once, because it rests on versions and keys.
type Presence struct {
	conf *pgx.ConnConfig // nil on SQLite, which no other process can have open
	conn *pgx.Conn       // nil while the connection is lost
}

// Enter announces this process. Alone reports that no other one is there: whatever
// was leased is left over from processes that have died, and until Share no other
// process enters. It waits for one that is alone to share.
func (d *DB) Enter(ctx context.Context) (p *Presence, alone bool, err error) {
	pg, ok := d.store.(*pgStore)
	if !ok {
		return &Presence{}, true, nil
	}
	p = &Presence{conf: pg.conf}
	if err := p.connect(ctx); err != nil {
		return nil, false, err
	}
	err = p.conn.QueryRow(ctx, "select pg_try_advisory_lock($1)", int64(presenceKey)).Scan(&alone)
	if err == nil && !alone {
		_, err = p.conn.Exec(ctx, "select pg_advisory_lock_shared($1)", int64(presenceKey))
	}
	if err != nil {
		p.Leave()
		return nil, false, fault.Wrap(fault.Unavailable, err, "the database cannot be reached")
	}
	return p, alone, nil
}

func (p *Presence) connect(ctx context.Context) (err error) {
	if p.conn, err = pgx.ConnectConfig(ctx, p.conf.Copy()); err != nil {
		p.conn = nil
		return fault.Wrap(fault.Unavailable, err, "the database cannot be reached")
	}
	return nil
}

// Share lets other processes enter.
func (p *Presence) Share(ctx context.Context) error {
	if p.conn == nil {
		return nil
	}
	if _, err := p.conn.Exec(ctx, "select pg_advisory_lock_shared($1)", int64(presenceKey)); err != nil {
		return fault.Wrap(fault.Unavailable, err, "the database cannot be reached")
	}
	if _, err := p.conn.Exec(ctx, "select pg_advisory_unlock($1)", int64(presenceKey)); err != nil {
		return fault.Wrap(fault.Unavailable, err, "the database cannot be reached")
	}
	return nil
}

// Keep keeps this process to be seen until ctx ends: it announces it again when the
// connection was lost.
func (p *Presence) Keep(ctx context.Context) {
	defer p.Leave()
	if p.conf == nil {
		<-ctx.Done()
		return
	}
	tick := time.NewTicker(presenceCheck)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			p.look(ctx)
		}
	}
}

// look makes one check. It never waits for longer than until the next one.
func (p *Presence) look(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, presenceCheck)
	defer cancel()
	if p.conn != nil && p.conn.Ping(ctx) == nil {
		return
	}
	p.Leave()
	if p.connect(ctx) != nil {
		return // the next check tries again
	}
	if _, err := p.conn.Exec(ctx, "select pg_advisory_lock_shared($1)", int64(presenceKey)); err != nil {
		p.Leave()
	}
}

// Leave ends the announcement. A process that dies leaves by itself.
func (p *Presence) Leave() {
	if p.conn == nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	_, _ = p.conn.Exec(ctx, "select pg_advisory_unlock_all()") // at once; else when the server sees that the session is gone
	_ = p.conn.Close(ctx)
	p.conn = nil
}
