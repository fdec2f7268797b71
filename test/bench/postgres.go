package main

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"
)

// cluster is a PostgreSQL server of this run, with its default durability: a commit
// is answered after its log is on the disk.
type cluster struct {
	dir    string
	server *exec.Cmd
}

// startCluster makes and starts a server in dir. It listens on a socket only.
func startCluster(ctx context.Context, dir string) (*cluster, error) {
	programs, _ := filepath.Glob("/usr/lib/postgresql/*/bin") // Debian keeps them off the path; the pattern is well-formed
	bin := ""
	if len(programs) > 0 {
		bin = programs[len(programs)-1]
	} else if p, err := exec.LookPath("initdb"); err == nil {
		bin = filepath.Dir(p)
	} else {
		return nil, errors.New("the PostgreSQL server programs (initdb, postgres) are missing: run scripts/install-test-tools")
	}
	if err := os.Mkdir(dir, 0o700); err != nil {
		return nil, err
	}
	attr := &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGQUIT}
	if os.Geteuid() == 0 { // the server refuses to run as root
		u, err := user.Lookup("postgres")
		if err != nil {
			return nil, err
		}
		uid, _ := strconv.Atoi(u.Uid)
		gid, _ := strconv.Atoi(u.Gid)
		attr.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
		if err := os.Chown(dir, uid, gid); err != nil {
			return nil, err
		}
		if err := os.Chmod(filepath.Dir(dir), 0o711); err != nil { // so that it reaches its own folder
			return nil, err
		}
	}
	run := func(name string, args ...string) *exec.Cmd {
		c := exec.Command(filepath.Join(bin, name), args...)
		c.Dir, c.SysProcAttr = dir, attr
		c.Env = append(os.Environ(), "LC_ALL=C")
		return c
	}
	data := filepath.Join(dir, "data")
	out, err := run("initdb", "-D", data, "-U", "postgres", "--auth=trust", "--locale=C", "--encoding=UTF8", "--no-sync").CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("initdb: %w: %s", err, out)
	}
	c := &cluster{dir: dir, server: run("postgres", "-D", data, "-k", dir, "-c", "listen_addresses=", "-c", "shared_buffers=1GB",
		"-c", "max_wal_size=4GB", "-c", "checkpoint_timeout=30min", "-c", "log_min_messages=fatal")}
	if err := c.server.Start(); err != nil {
		return nil, err
	}
	for try := 0; ; try++ {
		conn, err := pgx.Connect(ctx, c.url("postgres"))
		if err == nil {
			return c, conn.Close(ctx)
		}
		if try == 300 {
			c.stop()
			return nil, fmt.Errorf("PostgreSQL does not answer: %w", err)
		}
		time.Sleep(100 * time.Millisecond)
	}
}

func (c *cluster) url(database string) string {
	u := url.URL{Scheme: "postgres", User: url.User("postgres"), Path: "/" + database, RawQuery: url.Values{"host": {c.dir}}.Encode()}
	return u.String()
}

func (c *cluster) stop() {
	_ = c.server.Process.Signal(syscall.SIGINT) // it may have ended
	_ = c.server.Wait()
}

func (c *cluster) pid() int { return c.server.Process.Pid }

// admin runs statements that stand outside of a transaction.
func (c *cluster) admin(ctx context.Context, statements ...string) error {
	conn, err := pgx.Connect(ctx, c.url("postgres"))
	if err != nil {
		return err
	}
	defer conn.Close(ctx) //nolint:errcheck // nothing is pending on it
	for _, q := range statements {
		if _, err := conn.Exec(ctx, q); err != nil {
			return fmt.Errorf("%s: %w", q, err)
		}
	}
	return nil
}

// copyOf makes a database from a template, with what follows from it on the disk
// already, so that nobody pays for it later.
func (c *cluster) copyOf(ctx context.Context, name, template string) error {
	return c.admin(ctx, "drop database if exists "+name+" with (force)", "create database "+name+" template "+template, "checkpoint")
}
