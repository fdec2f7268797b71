package main

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"perennial/internal/db"
)

// TestMain lets this program be the process that B6 and B11 kill.
func TestMain(m *testing.M) {
	if os.Getenv(childVariable) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// The benchmarks themselves, small: they still run, and the audits that would void a
// run pass. What they measure here means nothing.
func TestBenchmarksStillRun(t *testing.T) {
	var out bytes.Buffer
	b := &bench{out: &out, houses: map[string]*house{}, metered: map[string]*meteredHouse{}, rounds: 1, due: 200, events: 500, hooks: 300, measured: 2000}
	if err := b.run(t.Context(), "", []string{"B1", "B2", "B3", "B4", "B5", "B6", "B7", "B8", "B11"}, []string{db.SQLite, db.PostgreSQL}); err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	for _, want := range []string{"B1 create customer, 8 clients, sqlite", "B2 read subscription, postgres", "B3 usage, 1 event, 64 clients, sqlite", "B4 usage, lists of 500, postgres", "B5 renewal run, sqlite", "B5 renewal run, postgres", "B6 renewal run killed 20 times, postgres", "B7 slow gateway, postgres", "B8 rebuild, sqlite", "B8 filter, postgres", "B11 webhooks, sqlite", "B11 beside bad endpoints, postgres"} {
		if !strings.Contains(out.String(), want+" ratio ") && !strings.Contains(out.String(), want+"  ") {
			t.Errorf("the report says nothing of %s:\n%s", want, out.String())
		}
	}
}
