package main

import (
	"cmp"
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"net/http"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"perennial/internal/db"
)

// The floor of B3 and B4: the same rows under the same key, and a counter, by the
// fastest plain means. Embedded it is net/http over SQLite with group commit; on
// PostgreSQL four connections insert 500 rows a transaction, without HTTP.
const usageSchema = `
create table usage_record (account_id {int} not null, day {int} not null, subscription_id {int} not null, key text not null, meter_id {int} not null, at {int} not null,
	units {int} not null, value text not null, note text not null, period {int} not null, outcome text not null, why text not null, received_at {int} not null,
	primary key (account_id, day, subscription_id, key)){rowless};
create table usage_counter (account_id {int} not null, subscription_id {int} not null, meter_id {int} not null, period {int} not null, value {int} not null,
	events {int} not null, last_at {int} not null, primary key (account_id, subscription_id, meter_id, period)){rowless};
`

func usageTables(integer, rowless string) string {
	return strings.NewReplacer("{int}", integer, "{rowless}", rowless).Replace(usageSchema)
}

const (
	bareAccount = 1 << 60 // as wide as the product's ids
	bareRecord  = "insert into usage_record values (1152921504606846976, ?, ?, ?, 1152921504606846977, ?, ?, '', '', 0, 'counted', '', ?) on conflict do nothing"
	bareCounter = `insert into usage_counter values (1152921504606846976, ?, 1152921504606846977, 0, ?, ?, ?) on conflict do update set value = usage_counter.value + excluded.value,
		events = usage_counter.events + excluded.events, last_at = max(usage_counter.last_at, excluded.last_at)`
)

// bareUsage is the bare server.
type bareUsage struct {
	write           *sql.DB
	writer          *sql.Conn
	record, counter *sql.Stmt
	subs            map[string]int64
	work            chan *bareWrite
	done            sync.WaitGroup
}

type bareEvent struct {
	Subscription string    `json:"subscription"`
	Meter        string    `json:"meter"`
	Units        string    `json:"units"`
	At           time.Time `json:"at"`
	Key          string    `json:"key"`
	Outcome      string    `json:"outcome"`
	sub, units   int64
}

type bareWrite struct {
	events   []bareEvent
	answered chan error
}

func openBareUsage(ctx context.Context, path string, fresh bool) (*bareUsage, error) {
	s := &bareUsage{work: make(chan *bareWrite, 1024), subs: map[string]int64{}}
	var err error
	if s.write, err = sql.Open("sqlite", "file:"+path+liteSettings); err != nil {
		return nil, err
	}
	s.write.SetMaxOpenConns(1)
	if s.writer, err = s.write.Conn(ctx); err != nil {
		return nil, err
	}
	if fresh {
		if _, err := s.writer.ExecContext(ctx, usageTables("integer", " without rowid, strict")); err != nil {
			return nil, err
		}
	}
	if s.record, err = s.writer.PrepareContext(ctx, bareRecord); err != nil {
		return nil, err
	}
	if s.counter, err = s.writer.PrepareContext(ctx, bareCounter); err != nil {
		return nil, err
	}
	s.done.Go(s.loop)
	return s, nil
}

func (s *bareUsage) close() {
	close(s.work)
	s.done.Wait()
	s.record.Close()  //nolint:errcheck // nothing is running
	s.counter.Close() //nolint:errcheck // nothing is running
	s.writer.Close()  //nolint:errcheck // audited before
	s.write.Close()   //nolint:errcheck // audited before
}

// loop is the writer: it commits what has come while the last commit was under way.
func (s *bareUsage) loop() {
	ctx := context.Background()
	var group []*bareWrite
	for first := range s.work {
		group = append(group[:0], first)
		_, err := s.writer.ExecContext(ctx, "begin immediate")
		for n := 0; err == nil && n < len(group); n++ {
			if err = s.store(ctx, group[n].events); n == len(group)-1 && len(group) < 1000 {
				select {
				case w, ok := <-s.work:
					if ok {
						group = append(group, w)
					}
				default:
				}
			}
		}
		if err == nil {
			_, err = s.writer.ExecContext(ctx, "commit")
		}
		for _, w := range group {
			w.answered <- err
		}
	}
}

type bareCount struct{ value, events, last int64 }

func (s *bareUsage) store(ctx context.Context, events []bareEvent) error {
	counts := make(map[int64]bareCount, len(events))
	for i := range events {
		e := &events[i]
		at := e.At.UnixMicro()
		done, err := s.record.ExecContext(ctx, at/86_400_000_000, e.sub, e.Key, at, e.units, at)
		if err != nil {
			return err
		}
		e.Outcome = "duplicate"
		if n, _ := done.RowsAffected(); n == 1 {
			e.Outcome = "counted"
			c := counts[e.sub]
			counts[e.sub] = bareCount{c.value + e.units, c.events + 1, max(c.last, at)}
		}
	}
	for sub, c := range counts {
		if _, err := s.counter.ExecContext(ctx, sub, c.value, c.events, c.last); err != nil {
			return err
		}
	}
	return nil
}

func (s *bareUsage) keep(events []bareEvent) error {
	for i := range events {
		units, err := strconv.ParseFloat(events[i].Units, 64)
		if err != nil {
			return err
		}
		events[i].units, events[i].sub = int64(units*1e6), s.subs[events[i].Subscription]
	}
	w := &bareWrite{events, make(chan error, 1)}
	s.work <- w
	return <-w.answered
}

func (s *bareUsage) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /usage", func(w http.ResponseWriter, r *http.Request) {
		events := make([]bareEvent, 1)
		err := json.NewDecoder(r.Body).Decode(&events[0])
		if err == nil {
			err = s.keep(events)
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		storeAnswer(w, http.StatusOK, events[0])
	})
	mux.HandleFunc("POST /usage/batch", func(w http.ResponseWriter, r *http.Request) {
		var body struct {
			Events []bareEvent `json:"events"`
		}
		err := json.NewDecoder(r.Body).Decode(&body)
		if err == nil {
			err = s.keep(body.Events)
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		storeAnswer(w, http.StatusOK, body)
	})
	return mux
}

// usageFloor makes the floor of one engine ready and returns what runs it.
func (b *bench) usageFloor(ctx context.Context, engine string) (func(context.Context, usageLoad, usageShape) (figures, error), error) {
	if engine == db.PostgreSQL {
		return b.pgUsageFloor(ctx)
	}
	return b.liteUsageFloor(ctx)
}

func (b *bench) liteUsageFloor(ctx context.Context) (func(context.Context, usageLoad, usageShape) (figures, error), error) {
	template, run := filepath.Join(b.dir, "bare-usage.db"), filepath.Join(b.dir, "bare-usage-run.db")
	if !b.bareMade {
		s, err := openBareUsage(ctx, template, true)
		if err != nil {
			return nil, err
		}
		const batch = 5000
		for from := 0; from < b.events && err == nil; from += batch {
			events := make([]bareEvent, min(batch, b.events-from))
			for i := range events {
				v := sampleOf(from+i, b.events)
				events[i] = bareEvent{At: v.at, Key: v.key, sub: bareAccount + int64(v.sub)<<20, units: usageUnits}
			}
			w := &bareWrite{events, make(chan error, 1)}
			s.work <- w
			err = <-w.answered
		}
		s.close()
		if err != nil {
			return nil, err
		}
		b.bareMade = true
	}
	names := b.metered[db.SQLite].subs
	return func(ctx context.Context, l usageLoad, shape usageShape) (figures, error) {
		if err := copyFile(run, template); err != nil {
			return figures{}, err
		}
		s, err := openBareUsage(ctx, run, false)
		if err != nil {
			return figures{}, err
		}
		for i, name := range names {
			s.subs[name.String()] = bareAccount + int64(i)<<20
		}
		base, stop, err := serving(s.handler())
		if err != nil {
			return figures{}, err
		}
		path := "/usage/batch"
		if l.batch == 1 {
			path = "/usage"
		}
		var twice atomic.Int64
		end := b.profile(fmt.Sprintf("floor-usage-%d", l.batch))
		f, err := l.send(ctx, newCaller(base, "", l.clients), func(int) string { return path }, nil, &twice)
		end()
		stop()
		if err == nil {
			var n, events, value int64
			err = s.writer.QueryRowContext(ctx, "select (select count(*) from usage_record), (select sum(events) from usage_counter), (select sum(value) from usage_counter)").Scan(&n, &events, &value)
			if want := int64(l.stored+l.events) - twice.Load(); err == nil && (n != want || events != want || value != want*usageUnits) {
				err = fmt.Errorf("the floor holds %d rows, counters of %d and %d, expected %d", n, events, value, want)
			}
		}
		s.close()
		return f, err
	}, nil
}

// pgUsageFloor is pg-ingest: four connections, 500 rows a transaction through unnest,
// and their counters.
func (b *bench) pgUsageFloor(ctx context.Context) (func(context.Context, usageLoad, usageShape) (figures, error), error) {
	const connections, batch = 4, 500
	c, err := b.postgres(ctx)
	if err != nil {
		return nil, err
	}
	if !b.barePGMade {
		if err := c.admin(ctx, "create database bare_template"); err != nil {
			return nil, err
		}
		conn, err := pgx.Connect(ctx, c.url("bare_template"))
		if err != nil {
			return nil, err
		}
		if _, err := conn.Exec(ctx, usageTables("bigint", "")); err != nil {
			return nil, err
		}
		for from := 0; from < b.events; from += batch {
			if err := bareBatch(ctx, conn, min(batch, b.events-from), func(i int) sample { return sampleOf(from+i, b.events) }); err != nil {
				return nil, err
			}
		}
		if err := conn.Close(ctx); err != nil {
			return nil, err
		}
		b.barePGMade = true
	}
	return func(ctx context.Context, l usageLoad, _ usageShape) (figures, error) {
		if err := c.copyOf(ctx, "bare_run", "bare_template"); err != nil {
			return figures{}, err
		}
		conns := make([]*pgx.Conn, connections)
		for i := range conns {
			if conns[i], err = pgx.Connect(ctx, c.url("bare_run")); err != nil {
				return figures{}, err
			}
			defer conns[i].Close(ctx) //nolint:errcheck // audited before
		}
		f, err := watch(l.events, []int{c.pid()}, func() error {
			group, ctx := errgroup.WithContext(ctx)
			for k, conn := range conns {
				group.Go(func() error {
					for from := k * batch; from < l.events; from += connections * batch {
						err := bareBatch(ctx, conn, min(batch, l.events-from), func(i int) sample {
							n, _ := numbered(from+i, l.stored)
							return sampleOf(n, l.stored)
						})
						if err != nil {
							return err
						}
					}
					return nil
				})
			}
			return group.Wait()
		})
		if err != nil {
			return f, err
		}
		var n, events int64
		err = conns[0].QueryRow(ctx, "select (select count(*) from usage_record), (select sum(events) from usage_counter)").Scan(&n, &events)
		if want := int64(l.stored + l.events - again(l.events)); err == nil && (n != want || events != want) {
			err = fmt.Errorf("the floor holds %d rows and counters of %d, expected %d", n, events, want)
		}
		return f, err
	}, nil
}

// bareBatch inserts n rows and counts those that were new.
func bareBatch(ctx context.Context, conn *pgx.Conn, n int, of func(i int) sample) error {
	list := make([]sample, n)
	for i := range list {
		list[i] = of(i)
	}
	slices.SortFunc(list, func(a, b sample) int { // so that two batches wait for each other and never in a circle
		return cmp.Or(cmp.Compare(a.at.Unix()/86_400, b.at.Unix()/86_400), cmp.Compare(a.sub, b.sub), cmp.Compare(a.key, b.key))
	})
	days, subs, keys, ats := make([]int64, n), make([]int64, n), make([]string, n), make([]int64, n)
	for i, s := range list {
		days[i], subs[i], keys[i], ats[i] = s.at.Unix()/86_400, bareAccount+int64(s.sub)<<20, s.key, s.at.UnixMicro()
	}
	tx, err := conn.Begin(ctx)
	if err != nil {
		return err
	}
	defer tx.Rollback(ctx) //nolint:errcheck // after Commit it does nothing
	rows, err := tx.Query(ctx, `insert into usage_record select 1152921504606846976, u.*, 1500000, '', '', 0, 'counted', '', 0 from (select d, s, k, 1152921504606846977, a from unnest($1::bigint[], $2::bigint[], $3::text[], $4::bigint[]) as v(d, s, k, a)) u
		on conflict do nothing returning subscription_id`, days, subs, keys, ats)
	if err != nil {
		return err
	}
	stored, err := pgx.CollectRows(rows, pgx.RowTo[int64])
	if err != nil {
		return err
	}
	counts := map[int64]int64{}
	for _, s := range stored {
		counts[s]++
	}
	subs, days = subs[:0], days[:0]
	for s := range counts {
		subs = append(subs, s)
	}
	slices.Sort(subs)
	for _, s := range subs {
		days = append(days, counts[s])
	}
	_, err = tx.Exec(ctx, `insert into usage_counter select 1152921504606846976, s, 1152921504606846977, 0, n * 1500000, n, 0 from unnest($1::bigint[], $2::bigint[]) as u(s, n)
		on conflict (account_id, subscription_id, meter_id, period) do update set value = usage_counter.value + excluded.value, events = usage_counter.events + excluded.events`, subs, days)
	if err != nil {
		return err
	}
	return tx.Commit(ctx)
}
