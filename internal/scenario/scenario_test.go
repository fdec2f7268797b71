package scenario_test

import (
	"bytes"
	"context"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"perennial/internal/clock"
	"perennial/internal/commerce"
	"perennial/internal/db"
	"perennial/internal/db/dbtest"
	"perennial/internal/gateway/sandbox"
	"perennial/internal/payment"
	"perennial/internal/report"
	"perennial/internal/scenario"
)

func stage(d *db.DB) scenario.Stage {
	machine := clock.NewManual(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC))
	gateways := map[string]payment.Gateway{commerce.SandboxGateway: sandbox.New(d, machine, sandbox.Options{})}
	return scenario.Stage{Service: commerce.New(d, machine, gateways, nil, slog.New(slog.DiscardHandler)), Reader: report.New(d, machine), Gateways: gateways}
}

// stories are the files of the repository's stories.
func stories(t *testing.T) []string {
	t.Helper()
	var files []string
	err := filepath.WalkDir("../../test/scenario", func(path string, entry fs.DirEntry, err error) error {
		if err == nil && filepath.Ext(path) == ".scenario" {
			files = append(files, path)
		}
		return err
	})
	if err != nil || len(files) < 130 {
		t.Fatalf("found %d stories: %v", len(files), err)
	}
	return files
}

// Every story of the repository comes out as written, on both engines. They share one
// store: each has an account of its own.
func TestStories(t *testing.T) {
	t.Parallel()
	files := stories(t)
	dbtest.Engines(t, func(t *testing.T, open func() *db.DB) {
		stage := stage(open())
		for _, name := range files {
			t.Run(strings.TrimPrefix(name, "../../test/scenario/"), func(t *testing.T) {
				t.Parallel()
				text, err := os.Open(name)
				if err != nil {
					t.Fatal(err)
				}
				defer func() { _ = text.Close() }()
				if _, err := scenario.Run(context.Background(), stage, text); err != nil {
					t.Error(err)
				}
			})
		}
	})
}

// Every story says in its first line what it is about.
func TestStoriesBeginWithAComment(t *testing.T) {
	t.Parallel()
	for _, name := range stories(t) {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.HasPrefix(text, []byte("# ")) || len(text) < 80 {
			t.Errorf("%s does not begin with a comment", name)
		}
	}
}

// A story that does not come out as written fails with the line and what happened.
func TestFailuresNameTheLine(t *testing.T) {
	t.Parallel()
	const begin = "at 2026-01-31\nprice basic 10.00 every month\ncustomer ada with tok_visa\n"
	for name, c := range map[string]struct{ text, want string }{
		"something else happened":    {begin + "ada subscribes to basic\nexpect ada renewed\n", "line 5: expect ada renewed: it did not happen; what did: ada invoice paid 10.00; ada subscribed"},
		"more happened":              {begin + "ada subscribes to basic\nexpect ada subscribed\nat 2026-02-01\n", "line 6: at 2026-02-01: before it, this happened too and was not expected: ada invoice paid 10.00"},
		"more happened, at the end":  {begin + "ada subscribes to basic\nexpect ada subscribed\n", "at the end: before it, this happened too and was not expected: ada invoice paid 10.00"},
		"not refused":                {begin + "refused card_declined: ada subscribes to basic\n", "line 4: refused card_declined: ada subscribes to basic: it was not refused"},
		"refused otherwise":          {begin + "refused conflict: ada buys basic x 0\n", "line 4"},
		"unknown word":               {begin + "ada dances\n", "line 4: ada dances: what ada does is not understood"},
		"nobody":                     {begin + "eve cancels now\n", `line 4: eve cancels now: nobody is called "eve"`},
		"nothing expected":           {begin + "ada subscribes to basic\nexpect nothing\n", "line 5: expect nothing: this happened: ada invoice paid 10.00; ada subscribed"},
		"no beginning":               {"customer ada\n", "line 1: customer ada: a story begins with a line such as: at 2026-01-31"},
		"back in time":               {begin + "at 2026-01-30\n", "line 4: at 2026-01-30"},
		"a line without end":         {strings.Repeat("x", 5000), "line 1"},
		"an unknown option":          {"account colour red\n", `line 1: account colour red: "colour red" is not understood`},
		"a state that is not so":     {begin + "ada subscribes to basic\nexpect ada is canceled\n", "line 5: expect ada is canceled: it is active"},
		"a price that cannot be":     {"at 2026-01-31\nprice basic 10.001 once\n", "line 2"},
		"a date that cannot be":      {"at 2026-02-30\n", "line 1: at 2026-02-30: must be a date such as 2026-01-31"},
		"a refusal of what is right": {begin + "refused conflict: price other 5.00 once\n", "line 4: refused conflict: price other 5.00 once: it was not refused"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := scenario.Run(context.Background(), stage(dbtest.New(t, db.SQLite)), strings.NewReader(c.text))
			if err == nil || !strings.HasPrefix(err.Error(), c.want) {
				t.Errorf("got %v\nwant %s…", err, c.want)
			}
		})
	}
}
