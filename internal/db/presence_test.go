package db_test

import (
	"testing"

	"perennial/internal/db"
	"perennial/internal/db/dbtest"
)

// A process that starts is told whether others are there, so that it knows whether
// what is leased belongs to somebody.
func TestPresenceTellsWhoIsAlone(t *testing.T) {
	t.Parallel()
	o := dbtest.Options(t, dbtest.New(t, db.PostgreSQL))
	enter := func(want bool) *db.Presence {
		t.Helper()
		d, err := db.Open(t.Context(), o)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { d.Close() })
		p, alone, err := d.Enter(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(p.Leave)
		if alone != want {
			t.Errorf("alone: got %t, want %t", alone, want)
		}
		return p
	}
	first := enter(true)
	if err := first.Share(t.Context()); err != nil {
		t.Fatal(err)
	}
	second := enter(false)
	first.Leave()
	third := enter(false)
	second.Leave()
	third.Leave()
	enter(true)
}

// While one process is alone nobody enters, so that what it takes over is not taken
// over twice.
func TestNobodyEntersBesideOneThatIsAlone(t *testing.T) {
	t.Parallel()
	o := dbtest.Options(t, dbtest.New(t, db.PostgreSQL))
	d, err := db.Open(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	p, _, err := d.Enter(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer p.Leave()
	entered := make(chan bool)
	go func() {
		other, alone, err := d.Enter(t.Context())
		if err != nil {
			t.Error(err)
			close(entered)
			return
		}
		other.Leave()
		entered <- alone
	}()
	select {
	case <-entered:
		t.Fatal("another process entered")
	default:
	}
	if err := p.Share(t.Context()); err != nil {
		t.Fatal(err)
	}
	if <-entered {
		t.Error("the second process believes to be alone")
	}
}
