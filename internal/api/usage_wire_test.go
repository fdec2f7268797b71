package api

import (
	"cmp"
	"encoding/json"
	"reflect"
	"slices"
	"testing"

	"perennial/internal/commerce"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/usage"
)

// What the fast reading takes the thorough one reads alike.
func FuzzReadUsage(f *testing.F) {
	for _, body := range []string{
		`{"events":[{"subscription":"sub_0000000000001","meter":"mtr_0000000000001","units":"1.5","at":"2026-02-09T12:00:00Z","key":"a"}]}`,
		` { "events" : [ { "customer" : "cus_x" , "meter" : "calls" , "value" : "ada" , "key" : "" , "note" : "n" } , {} ] } `,
		`{"events":[{"key":"\u0041","meter":"a\"b"}]}`, `{"events":[]}`, `{"events":[{"units":1}]}`, `{"events":[5],"more":""}`, `[]`, `{"events":[{"units":"0.0000001","at":"1969-12-31T23:59:59Z"}]}`,
	} {
		f.Add([]byte(body))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		if checkBody(body) != nil {
			return
		}
		fast, taken := scanUsage(string(body))
		if !taken {
			return
		}
		thorough, err := treeOfUsage(body)
		if err != nil {
			t.Fatalf("%s was taken and is %v", body, err)
		}
		for _, list := range [][]commerce.UsageEvent{fast, thorough} {
			for i := range list {
				slices.SortFunc(list[i].Wrong, func(a, b fault.Field) int { return cmp.Compare(a.Name, b.Name) })
			}
		}
		if !reflect.DeepEqual(fast, thorough) {
			t.Errorf("%s\n%+v\n%+v", body, fast, thorough)
		}
	})
}

// What is written by hand is what the description's types would be.
func TestUsageResultsAreAsDescribed(t *testing.T) {
	t.Parallel()
	results := []commerce.UsageResult{
		{Outcome: commerce.UsageCounted, Record: usage.Record{Key: "a", Subscription: id.New[id.Subscription](), Meter: id.New[id.Meter](), Period: -1}},
		{Outcome: commerce.UsageRefused, Why: usage.TooLate, Record: usage.Record{Key: `b"\<é`, Subscription: id.New[id.Subscription](), Meter: id.New[id.Meter](), Period: 7}},
		{Outcome: commerce.UsageDuplicate, Why: usage.KeyReused, Record: usage.Record{Key: "c", Subscription: id.New[id.Subscription](), Meter: id.New[id.Meter](), Outcome: usage.Counted}},
		{Outcome: commerce.UsageInvalid, Fields: []fault.Field{{Name: "key", Message: `must "be"`}, {Name: "units", Message: "must be given"}}},
	}
	var read UsageResults
	text := appendResults(nil, results)
	if err := json.Unmarshal(text, &read); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	for i, r := range results {
		w := read.Results[i]
		if w.Key != r.Record.Key || w.Outcome != string(r.Outcome) || (w.Reason == nil) != (r.Why == "") || len(w.Errors) != len(r.Fields) {
			t.Errorf("%+v became %s", r, text)
		}
		if r.Outcome != commerce.UsageInvalid && (*w.Period != r.Record.Period || *w.Subscription != r.Record.Subscription.String() || *w.Meter != r.Record.Meter.String()) {
			t.Errorf("%+v became %s", r, text)
		}
	}
}
