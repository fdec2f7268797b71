package main

import (
	"context"
	"crypto/rand"
	"database/sql"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"github.com/dustin/go-humanize"

	"perennial/internal/admin"
	"perennial/internal/clock"
	"perennial/internal/db"
	"perennial/internal/fault"
	"perennial/internal/seal"
)

// doctor looks for what keeps the server from running well.
type doctor struct{}

// The findings of an examination.
const (
	good = "ok"
	warn = "warn"
	bad  = "fail"
)

// examination is the doctor at work.
type examination struct {
	t       *terminal
	p       *place
	running bool // a server answers on the data folder
	failed  bool
}

// note prints one finding; advice says what to do about it.
func (e *examination) note(finding, what, advice string) {
	e.failed = e.failed || finding == bad
	if advice != "" && finding != good {
		what += ": " + advice
	}
	fmt.Fprintf(e.t.out, "%-4s  %s\n", finding, what)
}

// Run prints one line for each finding; one that is bad is a failure.
func (doctor) Run(t *terminal, p *place) error {
	e := &examination{t: t, p: p}
	fmt.Fprintf(t.out, "      perennial %s\n", version)
	if err := checkVariables(t.environ, t.known); err != nil {
		e.note(bad, oneLine(err), "")
	} else {
		e.note(good, "environment: no unknown PERENNIAL_ variables", "")
	}
	e.socket()
	if e.folder() {
		e.space()
		e.disk()
		e.secretKey()
	}
	e.clock()
	e.files()
	e.database()
	if e.failed {
		return errFound
	}
	return nil
}

func (e *examination) socket() {
	client, err := admin.Dial(e.t.ctx, e.p.Data)
	switch {
	case err != nil:
		e.note(bad, "server: "+oneLine(err), "")
	case client == nil:
		if _, err := os.Stat(filepath.Join(e.p.Data, admin.SocketName)); err == nil {
			e.note(good, "server: none is running (an admin socket was left behind; the next start replaces it)", "")
		} else {
			e.note(good, "server: none is running on this data folder", "")
		}
	default:
		defer client.Close()
		var s admin.Status
		if err := client.Do(e.t.ctx, "status", admin.Empty{}, nil, &s, nil); err != nil {
			e.note(bad, "server: its admin socket is open, but it does not answer ("+oneLine(err)+")", "look at its log, restart it")
			return
		}
		e.running = true
		e.note(good, fmt.Sprintf("server: version %s runs as process %d and serves %s", s.Version, s.Process, s.Address), "")
		if s.Version != version {
			e.note(warn, "server: this program has version "+version, "restart the server when you have upgraded")
		}
	}
}

// folder reports whether the data folder can be examined further.
func (e *examination) folder() bool {
	info, err := os.Stat(e.p.Data)
	if os.IsNotExist(err) {
		e.note(warn, "data folder: "+e.p.Data+" does not exist", "the first start makes it")
		return false
	}
	if err != nil || !info.IsDir() {
		e.note(bad, "data folder: "+e.p.Data+" is no folder that can be read", "name another one by --data")
		return false
	}
	f, err := os.CreateTemp(e.p.Data, ".doctor-*")
	if err != nil {
		e.note(bad, "data folder: "+e.p.Data+" cannot be written", "give it to the user that runs the server: chown, chmod 700")
		return false
	}
	_ = f.Close() // it is empty
	_ = os.Remove(f.Name())
	if info.Mode().Perm()&0o077 != 0 {
		e.note(warn, "data folder: others than its owner may look into "+e.p.Data, "chmod 700 "+e.p.Data)
	} else {
		e.note(good, "data folder: "+e.p.Data+" can be written, by its owner only", "")
	}
	return true
}

// How much free space is too little, in bytes.
const (
	lowSpace  = 1 << 30
	leastFree = 256 << 20
)

func (e *examination) space() {
	var s syscall.Statfs_t
	if err := syscall.Statfs(e.p.Data, &s); err != nil {
		e.note(warn, "disk space: it cannot be found out", "look with df")
		return
	}
	free, whole := s.Bavail*uint64(s.Bsize), s.Blocks*uint64(s.Bsize)
	text := fmt.Sprintf("disk space: %s free of %s", humanize.IBytes(free), humanize.IBytes(whole))
	switch {
	case free < leastFree:
		e.note(bad, text, "make room before the database runs out of it")
	case free < lowSpace || free < whole/20:
		e.note(warn, text, "make room soon")
	default:
		e.note(good, text, "")
	}
}

// slowSync is from when on a disk holds a server back.
const slowSync = 20 * time.Millisecond

// disk measures how long the disk takes to keep a page.
func (e *examination) disk() {
	f, err := os.CreateTemp(e.p.Data, ".doctor-*")
	if err != nil {
		e.note(bad, "disk: a file cannot be made", "see the data folder")
		return
	}
	defer os.Remove(f.Name()) //nolint:errcheck // a temporary file
	defer f.Close()           //nolint:errcheck // see above
	page := make([]byte, 4096)
	_, _ = rand.Read(page) // never fails since Go 1.24
	var took []time.Duration
	c := clock.System{}
	for range 21 {
		began := c.Now()
		_, err := f.Write(page)
		if err == nil {
			err = f.Sync()
		}
		if err != nil {
			e.note(bad, "disk: a page cannot be kept ("+err.Error()+")", "look at the system's log; the disk may be full or failing")
			return
		}
		took = append(took, c.Now().Sub(began))
	}
	slices.Sort(took)
	median := took[len(took)/2]
	text := fmt.Sprintf("disk: keeps a page in %s", median.Round(10*time.Microsecond))
	if median > slowSync {
		e.note(warn, text, "a faster disk lets the server do more; network folders are not safe for SQLite")
	} else {
		e.note(good, text, "")
	}
}

func (e *examination) secretKey() {
	if e.t.lookUp(seal.Variable) != "" {
		if _, err := e.t.keys(e.p); err != nil {
			e.note(bad, "secret key: "+oneLine(err), "32 random bytes in base64")
		} else {
			e.note(good, "secret key: given by "+seal.Variable, "")
		}
		return
	}
	path := filepath.Join(e.p.Data, seal.File)
	if _, err := os.Stat(path); os.IsNotExist(err) {
		e.note(good, "secret key: none yet; the first start makes "+path, "")
		return
	}
	if _, err := seal.Open(e.p.Data); err != nil {
		e.note(bad, "secret key: "+oneLine(err), "")
		return
	}
	e.note(good, "secret key: "+path+" (keep a copy apart from the backups)", "")
}

// built is a day before which no right clock can be.
var built = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

func (e *examination) clock() {
	now := clock.System{}.Now()
	text := "clock: " + now.Format(time.RFC3339)
	if now.Before(built) || now.After(built.AddDate(30, 0, 0)) {
		e.note(bad, text+" cannot be right", "set the machine's clock; use NTP")
		return
	}
	e.note(good, text, "")
}

// fewFiles is how many open files are too few for a busy server.
const fewFiles = 4096

func (e *examination) files() {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		e.note(warn, "open files: the limit cannot be found out", "ulimit -n")
		return
	}
	text := fmt.Sprintf("open files: up to %d", limit.Cur)
	if limit.Cur < fewFiles {
		e.note(warn, text, "raise it (LimitNOFILE=65536 in systemd)")
		return
	}
	e.note(good, text, "")
}

func (e *examination) database() {
	pg, err := e.p.postgres()
	if err != nil {
		e.note(bad, "database: "+oneLine(err), "")
		return
	}
	if !pg {
		e.sqliteVersion()
	}
	pool, err := e.p.look()
	if err != nil {
		e.note(bad, "database: "+oneLine(err), "")
		return
	}
	if pool == nil {
		e.note(good, "database: none yet; the first start makes it", "")
		return
	}
	defer pool.Close() //nolint:errcheck // only read
	ctx, cancel := context.WithTimeout(e.t.ctx, 20*time.Second)
	defer cancel()
	if err := pool.PingContext(ctx); err != nil {
		e.note(bad, "database: it cannot be reached ("+oneLine(err)+")", "check the address, the server and its log")
		return
	}
	if pg {
		e.postgresSettings(ctx, pool)
	}
	e.schema(ctx, pool)
	e.asServed(ctx, pg)
}

func (e *examination) sqliteVersion() {
	pool, err := sql.Open("sqlite", ":memory:")
	if err != nil {
		e.note(bad, "SQLite: "+oneLine(err), "")
		return
	}
	defer pool.Close() //nolint:errcheck // nothing is in it
	var v string
	if err := pool.QueryRowContext(e.t.ctx, "select sqlite_version()").Scan(&v); err != nil {
		e.note(bad, "SQLite: "+oneLine(err), "")
		return
	}
	e.note(good, "SQLite: version "+v, "")
}

// oldPostgres is the oldest version that is supported.
const oldPostgres = 14

func (e *examination) postgresSettings(ctx context.Context, pool *sql.DB) {
	var number, conns int
	var shown, encoding, fsync, pages, commit string
	err := pool.QueryRowContext(ctx, `select current_setting('server_version_num')::int, current_setting('server_version'), current_setting('server_encoding'),
		current_setting('max_connections')::int, current_setting('fsync'), current_setting('full_page_writes'), current_setting('synchronous_commit')`).
		Scan(&number, &shown, &encoding, &conns, &fsync, &pages, &commit)
	if err != nil {
		e.note(bad, "PostgreSQL: its settings cannot be read ("+oneLine(err)+")", "check the rights of the user")
		return
	}
	check := func(ok bool, finding, text, advice string) {
		if ok {
			finding = good
		}
		e.note(finding, "PostgreSQL: "+text, advice)
	}
	check(number/10000 >= oldPostgres, bad, "version "+shown, fmt.Sprintf("version %d or newer is needed", oldPostgres))
	check(encoding == "UTF8", bad, "encoding "+encoding, "make the database with ENCODING 'UTF8'")
	check(conns >= 50, warn, fmt.Sprintf("max_connections %d", conns), "allow 50 or more")
	check(fsync == "on" && pages == "on", bad, "fsync "+fsync+", full_page_writes "+pages, "set both to on, or a power cut can lose payments")
	check(commit != "off", bad, "synchronous_commit "+commit, "set it to on, or a crash can lose acknowledged payments")
}

func (e *examination) schema(ctx context.Context, pool *sql.DB) {
	have, err := schemaOf(ctx, pool)
	if err != nil {
		e.note(bad, "schema: "+oneLine(err), "")
		return
	}
	known, err := knownVersion()
	if err != nil {
		e.note(bad, "schema: "+oneLine(err), "")
		return
	}
	text := fmt.Sprintf("schema: version %d, this program knows %d", have, known)
	switch {
	case have > known:
		e.note(bad, text, "run the newer program that wrote it")
	case have < known:
		e.note(warn, text, "the next start migrates it")
	default:
		e.note(good, text, "")
	}
}

// asServed opens the database exactly as the server does, which refuses settings
// that lose what was acknowledged.
func (e *examination) asServed(ctx context.Context, pg bool) {
	if e.running && !pg {
		e.note(good, "durability: checked by the running server when it started", "")
		return
	}
	d, err := db.Open(ctx, db.Options{URL: e.p.url(), MaxConns: 2})
	if err != nil {
		advice := ""
		if fault.Is(err, fault.Unavailable) && !pg {
			advice = "end the process that uses it, or look at its log"
		}
		e.note(bad, "database: "+oneLine(err), advice)
		return
	}
	defer d.Close() //nolint:errcheck // nothing was written
	e.note(good, "durability: every commit waits for the disk", "")
}
