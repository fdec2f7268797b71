package api_test

import (
	"encoding/base64"
	"fmt"
	"slices"
	"sync"
	"testing"

	"perennial/internal/db"
)

// Over a thousand rows, pages hold each exactly once, newest first, while new ones
// come.
func TestPaging(t *testing.T) {
	onBoth(t, func(w *world) {
		const rows, clients = 1005, 15
		var all sync.WaitGroup
		for c := range clients {
			all.Go(func() {
				for i := range rows / clients {
					if got := w.send(w.key, "POST", "/v1/customers", fmt.Sprintf(`{"name":"%d/%d"}`, c, i)); got.status != 201 {
						w.Errorf("%d %s", got.status, got.raw)
					}
				}
			})
		}
		all.Wait()
		var seen []string
		address := "/v1/customers?limit=37"
		for {
			page := w.call(200, "GET", address, "")
			for _, c := range page.data() {
				seen = append(seen, c["id"].(string))
			}
			if more := page.body["has_more"].(bool); !more {
				if page.body["next_cursor"] != nil {
					w.Error("the last page has a cursor")
				}
				break
			}
			address = "/v1/customers?limit=37&cursor=" + page.text("next_cursor")
			w.call(201, "POST", "/v1/customers", `{"name":"came later"}`)
		}
		if len(seen) != rows {
			w.Errorf("%d of %d rows", len(seen), rows)
		}
		if !slices.IsSortedFunc(seen, func(a, b string) int {
			if a > b {
				return -1
			}
			return 1
		}) {
			w.Error("rows come twice or out of order")
		}
	})
}

func TestPagesThatAreRefused(t *testing.T) {
	t.Parallel()
	w := newWorld(t, db.SQLite)
	w.call(201, "POST", "/v1/campaigns", `{"name":"a"}`)
	w.call(201, "POST", "/v1/campaigns", `{"name":"b"}`)
	foreign := w.call(200, "GET", "/v1/campaigns?limit=1", "").text("next_cursor")
	encode := func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }
	for _, query := range []string{"limit=0", "limit=101", "limit=-1", "limit=ten", "limit=1e1", "limit=99999999999999999999", "limit=%D9%A1",
		"cursor=x", "cursor=" + foreign, "cursor=" + encode("cus:1234567"), "cursor=" + encode("cus:\xff2345678"), "cursor=" + encode("cus:\x00\x00\x00\x00\x00\x00\x00\x00"), "cursor=%00",
		"cursor=" + foreign + foreign + foreign + foreign + foreign, "sort=name", "limit=5&limit=6", "limit=5;x"} {
		got := w.request(w.key, "GET", "/v1/customers?"+query, "")
		if got.status != 422 && got.status != 400 || got.text("code") == "" {
			w.Errorf("%s: %d %s", query, got.status, got.raw)
		}
	}
}
