package api_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"perennial/internal/account"
)

func TestUsage(t *testing.T) {
	onBoth(t, func(w *world) {
		p := w.shop(w.key, "")
		sub := w.call(201, "POST", "/v1/subscriptions", `{"customer":"`+p.customer+`","price":"`+p.monthly+`","payment_method":"`+p.card+`"}`).text("id")
		w.clock.Set(start.Add(36 * time.Hour))
		s := newTranscript(w)
		meter := s.send("make a meter", "POST", "/v1/meters", `{"code":"api-calls","name":"API calls","unit":"calls"}`).text("id")
		s.send("the code is taken", "POST", "/v1/meters", `{"code":"api-calls","name":"Again"}`)
		s.send("wrong", "POST", "/v1/meters", `{"code":"API","name":"","aggregation":"max","prepaid":true}`)
		s.send("change it", "PATCH", "/v1/meters/"+meter, `{"name":"Calls","grace_seconds":3600,"late":"refuse"}`)
		s.send("what never changes", "PATCH", "/v1/meters/"+meter, `{"code":"other"}`)
		w.call(201, "POST", "/v1/meters", `{"code":"people","name":"People","aggregation":"unique"}`)
		s.send("all meters", "GET", "/v1/meters?limit=1", "")
		usage := "/v1/subscriptions/" + sub + "/usage"
		s.send("one", "POST", usage, `{"meter":"api-calls","units":"1.5","at":"2026-02-01T10:00:00Z","key":"a","note":"nightly job"}`)
		s.send("the same again", "POST", usage, `{"meter":"api-calls","units":"1.5","at":"2026-02-01T10:00:00Z","key":"a"}`)
		s.send("the same key for something else", "POST", usage, `{"meter":"api-calls","units":"2","at":"2026-02-01T11:00:00Z","key":"a"}`)
		s.send("before it began", "POST", usage, `{"meter":"api-calls","units":"1","at":"2026-01-01T00:00:00Z","key":"b"}`)
		s.send("a different value", "POST", usage, `{"meter":"people","value":"ada","key":"c"}`)
		s.send("wrong", "POST", usage, `{"meter":"people","units":"x","at":"yesterday","key":""}`)
		s.send("of another form", "POST", usage, `{"meter":"people","units":1,"key":"d","customer":"`+p.customer+`"}`)
		s.send("an unknown meter", "POST", usage, `{"meter":"nothing","units":"1","key":"d"}`)
		s.send("of nothing", "POST", "/v1/subscriptions/sub_0000000000001/usage", `{"meter":"api-calls","units":"1","key":"d"}`)
		list := `{"events":[{"subscription":"` + sub + `","meter":"` + meter + `","units":"40","at":"2026-02-01T12:00:00Z","key":"e"},
			{"subscription":"` + sub + `","meter":"api-calls","units":"-1.25","at":"2026-02-01T12:00:00Z","key":"f"},
			{"subscription":"` + sub + `","meter":"api-calls","units":"40","at":"2026-02-01T12:00:00Z","key":"e"},
			{"customer":"` + p.customer + `","meter":"api-calls","units":"1","key":"g"},
			{"subscription":"sub_0000000000001","meter":"api-calls","units":"1.2345678","key":"h"},
			{"subscription":"` + sub + `","meter":"api-calls","units":"1","at":"2026-03-01T12:00:00Z","key":"i"}]}`
		s.send("a list", "POST", "/v1/usage", list, withKey("list"))
		s.send("the same request", "POST", "/v1/usage", list, withKey("list"))
		s.send("the same list", "POST", "/v1/usage", list)
		s.send("a list without a valid event", "POST", "/v1/usage", `{"events":[{"meter":"api-calls","units":"1","key":"j"}]}`)
		s.send("a list of another form", "POST", "/v1/usage", `{"events":[{"key":5,"surprise":"x"},7],"more":1}`)
		s.send("no list", "POST", "/v1/usage", `{"events":[]}`)
		s.send("what was used", "GET", usage+"?limit=2", "")
		s.send("why was it not counted", "GET", usage+"?key=b&from=2025-12-20T00:00:00Z", "")
		s.send("wrong", "GET", usage+"?from=yesterday&cursor=x", "")
		golden(w, "usage.golden", s.b.String())
	})
}

// A list holds each record once, whatever the size of its pages, over several days.
func TestUsageIsPaged(t *testing.T) {
	onBoth(t, func(w *world) {
		p := w.shop(w.key, "")
		sub := w.call(201, "POST", "/v1/subscriptions", `{"customer":"`+p.customer+`","price":"`+p.monthly+`","payment_method":"`+p.card+`"}`).text("id")
		w.call(201, "POST", "/v1/meters", `{"code":"calls","name":"Calls"}`)
		w.clock.Set(start.AddDate(0, 0, 21))
		const records = 250
		var events []string
		for i := range records {
			at := start.Add(time.Duration(1+i*2) * time.Hour)
			events = append(events, fmt.Sprintf(`{"subscription":%q,"meter":"calls","units":"1","at":%q,"key":"%x"}`, sub, at.Format(time.RFC3339), i*2654435761%4294967296))
		}
		w.call(200, "POST", "/v1/usage", `{"events":[`+strings.Join(events, ",")+`]}`)
		for _, limit := range []int{100, 7} {
			seen := map[string]bool{}
			last := ""
			cursor := ""
			for {
				page := w.call(200, "GET", fmt.Sprintf("/v1/subscriptions/%s/usage?limit=%d%s", sub, limit, cursor), "")
				for _, r := range page.data() {
					place := r["at"].(string)[:10] + r["key"].(string)
					if seen[place] || last != "" && place >= last {
						w.Errorf("%s comes after %s", place, last)
					}
					seen[place], last = true, place
				}
				if page.body["next_cursor"] == nil {
					break
				}
				cursor = "&cursor=" + page.text("next_cursor")
			}
			if len(seen) != records {
				w.Errorf("pages of %d hold %d records, want %d", limit, len(seen), records)
			}
		}
	})
}

// An id of another account in a list is answered as one that names nothing, and the
// usage there does not change.
func TestUsageIsolation(t *testing.T) {
	onBoth(t, func(w *world) {
		p := w.shop(w.key, "")
		sub := w.call(201, "POST", "/v1/subscriptions", `{"customer":"`+p.customer+`","price":"`+p.monthly+`","payment_method":"`+p.card+`"}`).text("id")
		meter := w.call(201, "POST", "/v1/meters", `{"code":"calls","name":"Calls"}`).text("id")
		w.call(200, "POST", "/v1/subscriptions/"+sub+"/usage", `{"meter":"calls","units":"1","key":"own"}`)
		before := w.call(200, "GET", "/v1/subscriptions/"+sub+"/usage", "").raw
		_, rival := w.newAccount("Rival", account.Sandbox)
		q := w.shop(rival, "own")
		other := w.callAs(rival, 201, "POST", "/v1/subscriptions", `{"customer":"`+q.customer+`","price":"`+q.monthly+`","payment_method":"`+q.card+`"}`).text("id")
		w.callAs(rival, 201, "POST", "/v1/meters", `{"code":"calls","name":"Calls"}`)
		ask := func(sub, customer, meter string) string {
			subject := `"subscription":"` + sub + `"`
			if customer != "" {
				subject = `"customer":"` + customer + `"`
			}
			return w.callAs(rival, 200, "POST", "/v1/usage", `{"events":[{"subscription":"`+other+`","meter":"calls","units":"1","at":"2026-01-31T10:00:00Z","key":"good"},{`+
				subject+`,"meter":"`+meter+`","units":"1","key":"own"}]}`).raw
		}
		ask(other, "", "calls") // so that the good one is a duplicate from now on
		for _, c := range [][2]string{{ask(sub, "", "calls"), ask("sub_0000000000001", "", "calls")}, {ask("", p.customer, "calls"), ask("", "cus_0000000000001", "calls")},
			{ask(other, "", meter), ask(other, "", "mtr_0000000000001")}} {
			if c[0] != c[1] || !strings.Contains(c[0], `"invalid"`) {
				w.Errorf("a foreign id is answered\n%s, an unknown one\n%s", c[0], c[1])
			}
		}
		if after := w.call(200, "GET", "/v1/subscriptions/"+sub+"/usage", "").raw; after != before {
			w.Errorf("the other account's usage changed:\n%s\n%s", before, after)
		}
	})
}
