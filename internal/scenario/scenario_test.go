package scenario_test

import (
	"bytes"
	"context"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

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
		came := make([]error, len(files))
		var all errgroup.Group
		all.SetLimit(atOnce)
		for i, name := range files {
			all.Go(func() error {
				text, err := os.Open(name)
				if err == nil {
					_, err = scenario.Run(context.Background(), stage, text)
					_ = text.Close()
				}
				came[i] = err
				return nil
			})
		}
		_ = all.Wait() // what came of each is told below
		for i, name := range files {
			t.Run(strings.TrimPrefix(name, "../../test/scenario/"), func(t *testing.T) {
				if came[i] != nil {
					t.Error(came[i])
				}
			})
		}
	})
}

// atOnce is how many stories are played at one time: they wait for the store more than
// they compute.
const atOnce = 12

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

// Every story that the pages of the documentation name is there.
func TestNamedStoriesExist(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../../docs/money-and-time.md")
	if err != nil {
		t.Fatal(err)
	}
	named := 0
	for _, row := range strings.Split(string(page), "\n") {
		if !strings.HasPrefix(row, "| `") {
			continue
		}
		for _, word := range regexp.MustCompile("`([a-z]+/[a-z0-9-]+)`").FindAllStringSubmatch(row, -1) {
			named++
			if _, err := os.Stat("../../test/scenario/" + word[1] + ".scenario"); err != nil {
				t.Errorf("%s is not there", word[1])
			}
		}
	}
	if named < 30 {
		t.Errorf("the page names %d stories", named)
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
		"a price that cannot be":     {"at 2026-01-31\nprice basic ten once\n", `line 2: price basic ten once: "ten" is no amount`},
		"an unknown price option":    {begin + "price other 5.00 once colour red\n", `line 4: price other 5.00 once colour red: "colour red" is not understood`},
		"a price that is unknown":    {begin + "ada buys other\n", `line 4: ada buys other: no price is called "other"`},
		"a subscription not named":   {begin + "ada subscribes to basic\nada/second cancels now\n", `line 5: ada/second cancels now: no subscription of ada is called "second"`},
		"a quotation without end":    {begin + "ada subscribes to basic note \"hello\n", `line 4: ada subscribes to basic note "hello: a quotation mark is not closed`},
		"another line":               {begin + "ada subscribes to basic\nexpect ada invoice paid 10.00\nexpect ada subscribed\nexpect ada line 1 \"basic\" 10.00 discount 1.00\n", `line 7: expect ada line 1 "basic" 10.00 discount 1.00: it is "basic" 10.00 x 1 discount 0.00 tax 0.00`},
		"another charge date":        {begin + "ada subscribes to basic\nexpect ada next charge 2026-03-01\n", "line 5: expect ada next charge 2026-03-01: it is 2026-02-28 00:00"},
		"another credit":             {begin + "expect ada credit 1.00\n", "line 4: expect ada credit 1.00: it is 0.00"},
		"another preview":            {begin + "ada subscribes to basic\nexpect preview ada changes x 2: due 10.01\n", `line 5: expect preview ada changes x 2: due 10.01: due is "10.00"`},
		"a line not understood":      {begin + "refused internal: ada buys other\n", `line 4: refused internal: ada buys other: no price is called "other"`},
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

// Whatever a line holds, it is read or refused with the line's number.
func FuzzLine(f *testing.F) {
	for _, line := range []string{"zone Europe/Berlin currency EUR tax 0.19", `zone "" currency ""`, "proration", `tax "`, "country DE # Germany", "currency EUR currency XXX"} {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line string) {
		line, _, _ = strings.Cut(line, "\n")
		_, err := scenario.Run(context.Background(), scenario.Stage{}, strings.NewReader("account "+line+"\nada dances\n"))
		if err == nil || !strings.HasPrefix(err.Error(), "line 1: ") && !strings.HasPrefix(err.Error(), "line 2: ada dances: a story begins with") {
			t.Errorf("it came out as %v", err)
		}
	})
}
