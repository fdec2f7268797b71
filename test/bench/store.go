package main

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"net/http"
	"runtime"
	"strconv"
	"sync"
	"time"
)

// http-store is the floor of B1 and B2: net/http over embedded SQLite, with the
// product's settings and group commit, and no rule, key or check.

const storeSchema = `
create table if not exists customer (account_id integer not null, id integer not null, email text not null, name text not null, country text not null, metadata text not null, created_at integer not null, version integer not null, primary key (account_id, id)) strict;
create unique index if not exists customer_email on customer (account_id, email);
create table if not exists event (account_id integer not null, id integer not null, at integer not null, kind text not null, subject_id integer not null, actor text not null, data text not null, primary key (account_id, id)) strict;
create table if not exists outbox (account_id integer not null, id integer not null, endpoint_id integer not null, event_id integer not null, state text not null, attempts integer not null, next_at integer not null, primary key (account_id, id)) strict;
create index if not exists outbox_due on outbox (account_id, endpoint_id, next_at, id);
`

type storeCustomer struct {
	ID        int64             `json:"id"`
	Email     string            `json:"email"`
	Name      string            `json:"name"`
	Country   string            `json:"country"`
	Metadata  map[string]string `json:"metadata"`
	CreatedAt time.Time         `json:"created_at"`
}

// store is the bare server.
type store struct {
	write, read *sql.DB
	writer      *sql.Conn
	next        int64 // the last id, of the writer alone
	work        chan *storeWrite
	done        sync.WaitGroup

	insert, event, outbox, get, list *sql.Stmt
}

type storeWrite struct {
	c        storeCustomer
	answered chan error
}

func openStore(ctx context.Context, path string) (*store, error) {
	s := &store{work: make(chan *storeWrite, 1024)}
	var err error
	if s.write, err = sql.Open("sqlite", "file:"+path+liteSettings); err != nil {
		return nil, err
	}
	s.write.SetMaxOpenConns(1)
	if s.writer, err = s.write.Conn(ctx); err != nil {
		return nil, err
	}
	n := 4 * runtime.GOMAXPROCS(0)
	if s.read, err = sql.Open("sqlite", "file:"+path+"?_pragma=query_only(1)&_pragma=cache_size(-16384)"); err != nil {
		return nil, err
	}
	s.read.SetMaxOpenConns(n)
	s.read.SetMaxIdleConns(n)
	if _, err := s.writer.ExecContext(ctx, storeSchema); err != nil {
		return nil, err
	}
	for _, p := range []struct {
		to   **sql.Stmt
		text string
	}{
		{&s.insert, "insert into customer values (1, ?, ?, ?, ?, ?, ?, 1)"},
		{&s.event, "insert into event values (1, ?, ?, 'customer.created', ?, 'bench', ?)"},
		{&s.outbox, "insert into outbox values (1, ?, 1, ?, 'waiting', 0, 0)"},
	} {
		if *p.to, err = s.writer.PrepareContext(ctx, p.text); err != nil {
			return nil, err
		}
	}
	if s.get, err = s.read.PrepareContext(ctx, "select id, email, name, country, metadata, created_at from customer where account_id = 1 and id = ?"); err != nil {
		return nil, err
	}
	if s.list, err = s.read.PrepareContext(ctx, "select id, email, name, country, metadata, created_at from customer where account_id = 1 and id < ? order by id desc limit 20"); err != nil {
		return nil, err
	}
	s.done.Go(s.loop)
	return s, nil
}

// openStoreAgain opens a store that holds customers already.
func openStoreAgain(ctx context.Context, path string, customers int) (*store, error) {
	s, err := openStore(ctx, path)
	if err == nil {
		s.next = int64(customers)
	}
	return s, err
}

func (s *store) close() {
	close(s.work)
	s.done.Wait()
	for _, st := range []*sql.Stmt{s.insert, s.event, s.outbox, s.get, s.list} {
		st.Close() //nolint:errcheck // nothing is running
	}
	// The last connection folds the log into the file, and a reader could not.
	s.read.Close()   //nolint:errcheck // only read
	s.writer.Close() //nolint:errcheck // audited before
	s.write.Close()  //nolint:errcheck // audited before
}

// fill inserts n customers in large transactions.
func (s *store) fill(ctx context.Context, n int) error {
	tx, err := s.writer.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback() //nolint:errcheck // after Commit it does nothing
	insert := tx.StmtContext(ctx, s.insert)
	for i := range n {
		s.next++
		if _, err := insert.ExecContext(ctx, s.next, fmt.Sprintf("buyer%d@example.com", i), fmt.Sprintf("Buyer %d", i), "DE", "{}", started.UnixMicro()); err != nil {
			return err
		}
	}
	return tx.Commit()
}

// loop is the writer: it commits what has come while the last commit was under way.
func (s *store) loop() {
	ctx := context.Background()
	var group []*storeWrite
	for first := range s.work {
		group = append(group[:0], first)
		_, err := s.writer.ExecContext(ctx, "begin immediate")
		for n := 0; err == nil; n++ {
			if n == len(group) {
				select {
				case w, ok := <-s.work:
					if ok {
						group = append(group, w)
						break
					}
				default:
				}
				if n == len(group) {
					break
				}
			}
			err = s.store(ctx, &group[n].c)
		}
		if err == nil {
			_, err = s.writer.ExecContext(ctx, "commit")
		}
		for _, w := range group {
			w.answered <- err
		}
	}
}

func (s *store) store(ctx context.Context, c *storeCustomer) error {
	s.next++
	c.ID = s.next
	facts, err := json.Marshal(map[string]string{"email": c.Email, "name": c.Name})
	if err != nil {
		return err
	}
	metadata, err := json.Marshal(c.Metadata)
	if err != nil {
		return err
	}
	at := c.CreatedAt.UnixMicro()
	if _, err := s.insert.ExecContext(ctx, c.ID, c.Email, c.Name, c.Country, string(metadata), at); err != nil {
		return err
	}
	if _, err := s.event.ExecContext(ctx, c.ID, at, c.ID, string(facts)); err != nil {
		return err
	}
	_, err = s.outbox.ExecContext(ctx, c.ID, c.ID)
	return err
}

func (s *store) handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /customer", func(w http.ResponseWriter, r *http.Request) {
		wr := &storeWrite{answered: make(chan error, 1)}
		if err := json.NewDecoder(r.Body).Decode(&wr.c); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		wr.c.CreatedAt = time.Now().UTC()
		s.work <- wr
		if err := <-wr.answered; err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		storeAnswer(w, http.StatusCreated, wr.c)
	})
	mux.HandleFunc("GET /customer", func(w http.ResponseWriter, r *http.Request) {
		found, err := s.customers(r, s.get, "id")
		if err != nil || len(found) != 1 {
			http.Error(w, fmt.Sprint(len(found), " rows ", err), http.StatusInternalServerError)
			return
		}
		storeAnswer(w, http.StatusOK, found[0])
	})
	mux.HandleFunc("GET /customers", func(w http.ResponseWriter, r *http.Request) {
		found, err := s.customers(r, s.list, "before")
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		storeAnswer(w, http.StatusOK, found)
	})
	return mux
}

func (s *store) customers(r *http.Request, st *sql.Stmt, parameter string) ([]storeCustomer, error) {
	v, err := strconv.ParseInt(r.URL.Query().Get(parameter), 10, 64)
	if err != nil {
		return nil, err
	}
	rows, err := st.QueryContext(r.Context(), v)
	if err != nil {
		return nil, err
	}
	defer rows.Close() //nolint:errcheck // Err is read below
	var list []storeCustomer
	for rows.Next() {
		var c storeCustomer
		var metadata string
		var at int64
		if err := rows.Scan(&c.ID, &c.Email, &c.Name, &c.Country, &metadata, &at); err != nil {
			return nil, err
		}
		c.CreatedAt = time.UnixMicro(at).UTC()
		if err := json.Unmarshal([]byte(metadata), &c.Metadata); err != nil {
			return nil, err
		}
		list = append(list, c)
	}
	return list, rows.Err()
}

func storeAnswer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v) // the client reads its answer or fails
}

// audit counts what the store holds.
func (s *store) audit(ctx context.Context, customers, written int) error {
	for table, want := range map[string]int{"customer": customers + written, "event": written, "outbox": written} {
		var n int
		if err := s.read.QueryRowContext(ctx, "select count(*) from "+table).Scan(&n); err != nil {
			return err
		}
		if n != want {
			return fmt.Errorf("the floor's %s holds %d rows, expected %d", table, n, want)
		}
	}
	return nil
}
