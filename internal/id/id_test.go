package id_test

import (
	"encoding/json"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"perennial/internal/fault"
	"perennial/internal/id"
)

func TestSpelling(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		id   id.Customer
		want string
	}{
		{0, ""},
		{1, "cus_0000000000001"},
		{31, "cus_000000000000z"},
		{32, "cus_0000000000010"},
		{math.MaxInt64, "cus_7zzzzzzzzzzzz"},
	} {
		if got := c.id.String(); got != c.want {
			t.Errorf("identifier %d is spelt %q, want %q", int64(c.id), got, c.want)
		}
	}
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	for _, s := range []string{
		"", "cus", "cus_", "cus_0000000000000", "cus_000000000001", "cus_00000000000001", "inv_0000000000001",
		"CUS_0000000000001", "cus_000000000000I", "cus_000000000000i", "cus_000000000000l", "cus_000000000000o",
		"cus_000000000000u", "cus_8000000000000", "cus_zzzzzzzzzzzzz", " cus_0000000000001", "cus_0000000000001 ",
		"cus_00000000000\u0661", "cus_-000000000001", "cus-0000000000001",
	} {
		if v, err := id.Parse[id.Customer](s); !fault.Is(err, fault.NotFound) || v != 0 {
			t.Errorf("Parse(%q) = %d, %v; want 0 and not_found", s, int64(v), err)
		}
	}
}

func TestParseReadsEverySpelling(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		want := id.Invoice(rapid.Int64Range(1, math.MaxInt64).Draw(t, "id"))
		got, err := id.Parse[id.Invoice](want.String())
		if err != nil || got != want {
			t.Fatalf("%v came back as %v, %v", want, got, err)
		}
	})
}

func TestSpellingsSortAsNumbers(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		a := rapid.Int64Range(1, math.MaxInt64-1).Draw(t, "a")
		b := rapid.Int64Range(a+1, math.MaxInt64).Draw(t, "b")
		if id.Event(a).String() >= id.Event(b).String() {
			t.Fatalf("%v sorts behind %v", id.Event(a), id.Event(b))
		}
	})
}

func TestNewRises(t *testing.T) {
	t.Parallel()
	const workers, each = 8, 5_000
	lists := make([][]id.Order, workers)
	var wait sync.WaitGroup
	for w := range workers {
		wait.Go(func() {
			for range each {
				lists[w] = append(lists[w], id.New[id.Order]())
			}
			lists[w] = append(lists[w], id.NewList[id.Order](each)...)
		})
	}
	wait.Wait()
	seen := map[id.Order]bool{}
	for w, list := range lists {
		if !slices.IsSorted(list) {
			t.Errorf("worker %d saw identifiers fall", w)
		}
		for _, v := range list {
			if v <= 0 || seen[v] {
				t.Fatalf("identifier %d is not positive or was made twice", int64(v))
			}
			seen[v] = true
		}
	}
	if len(seen) != workers*each*2 {
		t.Errorf("made %d identifiers, want %d", len(seen), workers*each*2)
	}
}

// A list longer than the counter of one millisecond borrows from the next ones;
// identifiers made afterwards are still greater.
func TestListOutgrowsMillisecond(t *testing.T) {
	t.Parallel()
	list := id.NewList[id.Line](20_000)
	if next := id.New[id.Line](); next <= list[len(list)-1] || !slices.IsSorted(list) {
		t.Errorf("identifiers after a long list do not rise")
	}
	if got := id.NewList[id.Line](0); len(got) != 0 {
		t.Errorf("a list of none has %d", len(got))
	}
}

// The upper 41 bits are milliseconds since 2020, which is what lets rows sort by
// the time of their making.
func TestTimeLeads(t *testing.T) {
	t.Parallel()
	epoch := time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC)
	before := time.Since(epoch).Milliseconds()
	v := int64(id.New[id.Entry]()) >> 22
	if v < before {
		t.Errorf("made in millisecond %d, which is before %d", v, before)
	}
}

func TestJSON(t *testing.T) {
	t.Parallel()
	type row struct {
		Customer id.Customer `json:"customer"`
		Parent   id.Customer `json:"parent"`
	}
	in := row{Customer: 77}
	text, err := json.Marshal(in)
	if err != nil || string(text) != `{"customer":"cus_000000000002d","parent":""}` {
		t.Fatalf("marshals to %s, %v", text, err)
	}
	var out row
	if err := json.Unmarshal(text, &out); err != nil || out != in {
		t.Errorf("came back as %+v, %v", out, err)
	}
	if err := json.Unmarshal([]byte(`{"customer":"inv_000000000002d"}`), &out); err == nil {
		t.Error("an invoice's identifier was read as a customer's")
	}
}

func TestPrefixesAreUnique(t *testing.T) {
	t.Parallel()
	prefixes := []string{
		id.Prefix[id.Account](), id.Prefix[id.Member](), id.Prefix[id.APIKey](), id.Prefix[id.Campaign](),
		id.Prefix[id.Product](), id.Prefix[id.Price](), id.Prefix[id.Customer](), id.Prefix[id.Method](),
		id.Prefix[id.Payment](), id.Prefix[id.Refund](), id.Prefix[id.Subscription](), id.Prefix[id.Invoice](),
		id.Prefix[id.Line](), id.Prefix[id.Order](), id.Prefix[id.Entry](), id.Prefix[id.Event](),
		id.Prefix[id.Delivery](), id.Prefix[id.Endpoint](),
	}
	slices.Sort(prefixes)
	if len(slices.Compact(slices.Clone(prefixes))) != len(prefixes) {
		t.Errorf("two kinds share a prefix: %v", prefixes)
	}
	if id.Name[id.Method]() != "payment method" {
		t.Errorf("a payment method is called %q", id.Name[id.Method]())
	}
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"", "cus_0000000000001", "cus_7zzzzzzzzzzzz", "cus_8000000000000", "inv_0000000000001", "cus_\xff"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		v, err := id.Parse[id.Customer](s)
		switch {
		case err != nil && (v != 0 || !fault.Is(err, fault.NotFound)):
			t.Errorf("Parse(%q) refuses with %d, %v", s, int64(v), err)
		case err == nil && (v <= 0 || v.String() != s):
			t.Errorf("Parse(%q) = %d, spelt %q", s, int64(v), v)
		case err == nil && !strings.HasPrefix(s, "cus_"):
			t.Errorf("Parse took %q", s)
		}
	})
}
