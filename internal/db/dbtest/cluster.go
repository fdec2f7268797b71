package dbtest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	_ "github.com/jackc/pgx/v5/stdlib" // the driver

	"perennial/internal/db"
)

const missing = "PostgreSQL server programs (initdb, postgres) are needed by this test: " +
	"sudo apt-get install postgresql, or name a server by PERENNIAL_TEST_POSTGRES=postgres://…"

// startLimit is how long a new cluster may take to answer.
const startLimit = time.Minute

// server is where test databases are made.
type server struct {
	base  url.URL
	admin *sql.DB
}

// The write end of the pipe that keeps the cluster alive. It closes when this
// process ends, however it ends, and the watchdog at the other end stops the cluster.
//
//nolint:unused // it is kept so that the collector does not close it
var lifeline *os.File

var theServer = sync.OnceValues(func() (*server, error) {
	text := os.Getenv("PERENNIAL_TEST_POSTGRES")
	if text == "" {
		var err error
		if text, err = startCluster(); err != nil {
			return nil, err
		}
	}
	base, err := url.Parse(text)
	if err != nil {
		return nil, err
	}
	s := &server{base: *base}
	if s.admin, err = sql.Open("pgx", text); err != nil {
		return nil, err
	}
	s.admin.SetMaxIdleConns(2)
	return s, s.await()
})

func (s *server) await() error {
	ctx, cancel := context.WithTimeout(context.Background(), startLimit)
	defer cancel()
	for {
		err := s.admin.PingContext(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("PostgreSQL does not answer: %w", err)
		case <-time.After(50 * time.Millisecond):
		}
	}
}

// url names one database of the server.
func (s *server) url(name string) string {
	u := s.base
	u.Path = "/" + name
	return u.String()
}

// watchdog runs the server until its input ends, then removes every trace.
const watchdog = `"$1" -D "$2/data" -k "$2" -c listen_addresses= -c max_connections=300 -c shared_buffers=64MB ` +
	`-c synchronous_commit=on -c fsync="$3" -c log_min_messages=fatal >"$2/log" 2>&1 &
pid=$!
read -r _
kill -QUIT $pid 2>/dev/null
wait $pid
rm -rf "$2"`

func startCluster() (string, error) {
	initdb, postgres := program("initdb"), program("postgres")
	if initdb == "" || postgres == "" {
		return "", errors.New(missing)
	}
	dir, err := os.MkdirTemp("", "perennial-pg-")
	if err != nil {
		return "", err
	}
	attr := &syscall.SysProcAttr{Setpgid: true} // an interrupt of the tests must not reach it first
	if os.Geteuid() == 0 {
		if attr.Credential, err = unprivileged(dir); err != nil {
			return "", err
		}
	}
	run := func(name string, args ...string) *exec.Cmd {
		c := exec.CommandContext(context.Background(), name, args...) //nolint:gosec // programs of the system
		c.Dir, c.SysProcAttr = dir, attr
		c.Env = append(os.Environ(), "LC_ALL=C")
		return c
	}
	out, err := run(initdb, "-D", filepath.Join(dir, "data"), "-U", "postgres", "--auth=trust", "--locale=C",
		"--encoding=UTF8", "--no-sync").CombinedOutput()
	if err != nil {
		os.RemoveAll(dir) //nolint:errcheck // a temporary folder
		return "", fmt.Errorf("initdb: %w: %s", err, out)
	}
	fsync := "on"
	if os.Getenv("PERENNIAL_TEST_FSYNC") == "off" {
		fsync = "off"
	}
	dog := run("sh", "-c", watchdog, "sh", postgres, dir, fsync)
	r, w, err := os.Pipe()
	if err != nil {
		return "", err
	}
	dog.Stdin, lifeline = r, w
	if err := dog.Start(); err != nil {
		return "", err
	}
	r.Close() //nolint:errcheck // the watchdog has its own
	u := url.URL{Scheme: "postgres", User: url.User("postgres"), Path: "/postgres", RawQuery: url.Values{"host": {dir}}.Encode()}
	return u.String(), nil
}

// program finds a program of the PostgreSQL server, which Debian keeps off the path.
func program(name string) string {
	if p, err := exec.LookPath(name); err == nil {
		return p
	}
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/" + name) // the pattern is well-formed
	if len(found) == 0 {
		return ""
	}
	return found[len(found)-1]
}

// unprivileged gives dir to the user postgres: the server refuses to run as root.
func unprivileged(dir string) (*syscall.Credential, error) {
	u, err := user.Lookup("postgres")
	if err != nil {
		return nil, fmt.Errorf("%s (%w)", missing, err)
	}
	uid, err := strconv.ParseUint(u.Uid, 10, 32)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.ParseUint(u.Gid, 10, 32)
	if err != nil {
		return nil, err
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, os.Chown(dir, int(uid), int(gid))
}

// template is the name of a database with the schema of the program. It is made
// once for each version of the schema, and kept on a server that is shared.
var template = sync.OnceValues(func() (string, error) {
	s, err := theServer()
	if err != nil {
		return "", err
	}
	print, err := fingerprint(db.Migrations())
	if err != nil {
		return "", err
	}
	name := "perennial_template_" + print
	ctx := context.Background()
	conn, err := s.admin.Conn(ctx)
	if err != nil {
		return "", err
	}
	defer conn.Close() //nolint:errcheck // ends the lock as well
	// Another test process may be making it on the same server.
	if _, err := conn.ExecContext(ctx, "select pg_advisory_lock(7361)"); err != nil {
		return "", err
	}
	defer conn.ExecContext(ctx, "select pg_advisory_unlock(7361)") //nolint:errcheck // the connection ends next
	var there bool
	err = conn.QueryRowContext(ctx, "select exists (select 1 from pg_database where datname = $1)", name).Scan(&there)
	if err != nil || there {
		return name, err
	}
	raw := name + "_raw"
	for _, q := range []string{"drop database if exists " + raw + " with (force)", create(raw, "template0")} {
		if _, err := conn.ExecContext(ctx, q); err != nil {
			return "", err
		}
	}
	if err := migrate(s.url(raw)); err != nil {
		return "", err
	}
	_, err = conn.ExecContext(ctx, "alter database "+raw+" rename to "+name)
	return name, err
})

func create(name, template string) string {
	q := "create database " + name + " template " + template
	if template == "template0" {
		q += " encoding 'UTF8' lc_collate 'C' lc_ctype 'C'"
	}
	return q
}

var number atomic.Int64

// newPostgres makes a database for one test and gives its URL.
func newPostgres(t testing.TB, schema fs.FS) string {
	t.Helper()
	s, err := theServer()
	if err != nil {
		t.Fatal(err)
	}
	from := "template0"
	if schema == nil {
		if from, err = template(); err != nil {
			t.Fatalf("the schema: %v", err)
		}
	}
	name := fmt.Sprintf("perennial_test_%d_%d", os.Getpid(), number.Add(1))
	ctx := context.Background()
	for try := 1; ; try++ {
		_, err = s.admin.ExecContext(ctx, create(name, from))
		var e *pgconn.PgError
		if errors.As(err, &e) && e.Code == "55006" && try < 20 { // somebody else copies it at this moment
			<-time.After(100 * time.Millisecond)
			continue
		}
		break
	}
	if err != nil {
		t.Fatalf("create database: %v", err)
	}
	t.Cleanup(func() {
		if _, err := s.admin.ExecContext(ctx, "drop database "+name+" with (force)"); err != nil {
			t.Errorf("drop database: %v", err)
		}
	})
	return s.url(name)
}
