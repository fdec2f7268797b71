package api_test

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"perennial/internal/account"
)

// many makes more than two pages of everything that there are lists of, and
// returns an id of each kind.
func (w *world) many(rows int) map[string]string {
	w.Helper()
	all := w.everything(w.key, "x")
	const clients = 8
	var done sync.WaitGroup
	make := func(path, body string) reply {
		got := w.send(w.key, "POST", path, body)
		if got.status != 201 {
			w.Errorf("POST %s: %d %s", path, got.status, got.raw)
		}
		return got
	}
	once := w.call(201, "POST", "/v1/prices", `{"product":"`+all["prd"]+`","amount":500,"currency":"USD"}`).text("id")
	keyed := w.call(201, "POST", "/v1/products", `{"name":"pro","campaign":"`+all["cam"]+`","settings":{"licenses":{"count":100}}}`).text("id")
	keyed = w.call(201, "POST", "/v1/prices", `{"product":"`+keyed+`","amount":500,"currency":"USD"}`).text("id")
	for c := range clients {
		done.Go(func() {
			for i := c; i < rows; i += clients {
				make("/v1/campaigns", `{"name":"c"}`)
				make("/v1/products", `{"name":"p"}`)
				make("/v1/prices", `{"product":"`+all["prd"]+`","amount":1,"currency":"USD"}`)
				make("/v1/customers", fmt.Sprintf(`{"email":"page%d@example.com"}`, i))
				make("/v1/subscriptions", `{"customer":"`+all["cus"]+`","price":"`+all["prc"]+`","payment_method":"`+all["pm"]+`"}`)
				sold := make("/v1/orders", `{"customer":"`+all["cus"]+`","price":"`+once+`","payment_method":"`+all["pm"]+`","coupons":["x-1"]}`)
				paid, _ := sold.body["payment_data"].(map[string]any)
				make("/v1/refunds", fmt.Sprintf(`{"payment":"%v","amount":1}`, paid["id"]))
			}
		})
	}
	// These are of one thing each, and would only wait for each other.
	done.Go(func() {
		for range rows {
			make("/v1/subscriptions/"+all["sub"]+"/items", `{"description":"i","amount":1}`)
			make("/v1/customers/"+all["cus"]+"/credit", `{"amount":1,"currency":"USD"}`)
		}
	})
	done.Go(func() {
		for i := range rows {
			make("/v1/meters", fmt.Sprintf(`{"code":"page-%d","name":"m"}`, i))
			w.call(200, "POST", "/v1/subscriptions/"+all["sub"]+"/usage", fmt.Sprintf(`{"meter":"calls","units":"1","key":"page%05d"}`, i))
		}
	})
	done.Go(func() {
		for i := range rows {
			make("/v1/invoices/"+all["inv"]+"/credit-notes", `{"amount":1,"reason":"goodwill"}`)
			make("/v1/coupons", fmt.Sprintf(`{"code":"C-%d","kind":"percent","percent":"5","applies_to":"all"}`, i))
			make("/v1/tax-profiles", `{"name":"t","kind":"manual"}`)
			make("/v1/webhook-endpoints/"+all["end"]+"/replays", `{"what":"failed"}`)
			make("/v1/shipping-rules", `{"name":"s","kind":"in_place","amount":1}`)
			make("/v1/suppressions", fmt.Sprintf(`{"address":"gone%d@example.com"}`, i))
		}
	})
	done.Go(func() {
		make("/v1/orders", `{"customer":"`+all["cus"]+`","price":"`+keyed+`","quantity":3,"payment_method":"`+all["pm"]+`"}`)
		for i := range rows {
			who := make("/v1/affiliates", fmt.Sprintf(`{"email":"a%d@partners.example","name":"A"}`, i)).text("id")
			w.call(200, "POST", "/v1/campaigns/"+all["cam"]+"/affiliates", `{"affiliate":"`+who+`"}`)
			make("/v1/affiliates/"+all["aff2"]+"/commissions", `{"amount":100,"currency":"USD","note":"bonus"}`)
			make("/v1/payouts", `{"currency":"USD"}`)
			make("/v1/leads", fmt.Sprintf(`{"email":"lead%d@example.com","price":"%s"}`, i, all["prc"]))
		}
	})
	done.Go(func() {
		for range rows {
			make("/v1/orders", `{"customer":"`+all["cus"]+`","price":"`+once+`","payment_method":"`+all["pm"]+`","referred":{"affiliate":"`+all["aff"]+`"}}`)
		}
	})
	done.Go(func() {
		price := w.feeOfPause(w.key, "page")
		w.unpaid(w.key, price, all["cus"], rows)
		for range rows {
			make("/v1/recovery-policies", `{"name":"r"}`)
		}
	})
	done.Go(func() {
		for range rows {
			w.told(w.key, all, "page")
			w.disputed(w.key, all, "page")
		}
	})
	done.Go(func() {
		for range rows {
			w.call(200, "POST", "/v1/subscriptions/"+all["sub"]+"/change", `{"quantity":2,"when":"period_end"}`)
			w.call(200, "DELETE", "/v1/subscriptions/"+all["sub"]+"/change", "")
		}
	})
	done.Wait()
	w.written(w.key)
	return all
}

// pages reads a list to its end and returns the ids by which it is ordered: its
// own, those of the events that deliveries tell of, or the keys of usage.
func (w *world) pages(path, query string, limit int) []string {
	w.Helper()
	var seen []string
	cursor, order := "", "id"
	if strings.HasSuffix(path, "/deliveries") && path != "/v1/deliveries" {
		order = "event"
	}
	if strings.HasSuffix(path, "/usage") {
		order = "key"
	}
	if strings.HasPrefix(path, "/v1/campaigns/") && strings.HasSuffix(path, "/affiliates") {
		order = "affiliate"
	}
	for range 10_000 {
		page := w.call(200, "GET", fmt.Sprintf("%s?limit=%d%s%s", path, limit, query, cursor), "")
		rows := page.data()
		for _, r := range rows {
			seen = append(seen, r[order].(string))
		}
		more, _ := page.body["has_more"].(bool)
		if more != (page.body["next_cursor"] != nil) || more && len(rows) != limit {
			w.Errorf("%s: a page of %d has_more %v next_cursor %v", path, len(rows), more, page.body["next_cursor"])
		}
		if !more {
			return seen
		}
		cursor = "&cursor=" + page.text("next_cursor")
	}
	w.Fatalf("%s never ends", path)
	return nil
}

// Every list that is paged holds each row exactly once, newest first, whatever the
// size of its pages and with every filter; and takes no cursor but its own.
func TestEveryListIsPaged(t *testing.T) {
	onBoth(t, func(w *world) {
		const rows = 205
		all := w.many(rows)
		filters := map[string][]string{
			"/v1/prices":                            {"&product=" + all["prd"]},
			"/v1/customers":                         {"&email=page"},
			"/v1/orders":                            {"&customer=" + all["cus"]},
			"/v1/subscriptions":                     {"&customer=" + all["cus"], "&state=active", "&customer=" + all["cus"] + "&state=active&expand=customer"},
			"/v1/invoices":                          {"&customer=" + all["cus"], "&state=paid", "&customer=" + all["cus"] + "&state=paid"},
			"/v1/commissions":                       {"&affiliate=" + all["aff2"]},
			"/v1/payouts":                           {"&affiliate=" + all["aff2"]},
			"/v1/referrals":                         {"&affiliate=" + all["aff"]},
			"/v1/campaigns/{id}/affiliates":         {"&standing=approved"},
			"/v1/credit-notes":                      {"&customer=" + all["cus"]},
			"/v1/recovery-cases":                    {"&customer=" + all["cus"], "&state=open", "&customer=" + all["cus"] + "&state=open"},
			"/v1/mails":                             {"&customer=" + all["cus"]},
			"/v1/events":                            {"&customer=" + all["cus"], "&type=customer.created", "&type=invoice.paid&customer=" + all["cus"]},
			"/v1/webhook-endpoints/{id}/deliveries": {"&state=waiting", "&since=2020-01-01T00:00:00Z&type=customer.created"},
			"/v1/deliveries":                        {"&state=waiting", "&since=2020-01-01T00:00:00Z&type=customer.created"},
		}
		cursors := map[string]string{}
		w.spec().each(func(method, path string, op specOperation) {
			if !slices.ContainsFunc(op.Parameters, func(p specParam) bool { return p.Name == "cursor" }) {
				return
			}
			real := idOf(path, func(kind string) string { return all[kind] })
			cursors[real] = w.call(200, method, real+"?limit=1", "").text("next_cursor")
			for _, query := range append([]string{""}, filters[path]...) {
				wide, narrow := w.pages(real, query, 100), w.pages(real, query, 61)
				if len(wide) < rows || !slices.Equal(wide, narrow) {
					w.Errorf("%s%s: %d rows in wide pages, %d in narrow ones, want the same and at least %d", path, query, len(wide), len(narrow), rows)
				}
				sorted := slices.Clone(wide)
				slices.Sort(sorted)
				slices.Reverse(sorted)
				if !slices.Equal(sorted, wide) || len(slices.Compact(sorted)) != len(wide) {
					w.Errorf("%s%s: rows come twice or out of order", path, query)
				}
			}
		})
		if len(cursors) < 21 {
			w.Errorf("only %d lists are paged", len(cursors))
		}
		for path := range cursors {
			for other, cursor := range cursors {
				if got := w.request(w.key, "GET", path+"?cursor="+cursor, ""); other != path {
					w.refusedNaming("query.cursor", got)
				}
			}
			for _, limit := range []string{"0", "101", "-1", "abc", "9223372036854775808"} {
				w.refusedNaming("query.limit", w.request(w.key, "GET", path+"?limit="+limit, ""))
			}
			w.refusedNaming("query.cursor", w.request(w.key, "GET", path+"?cursor=garbage", ""))
		}
	})
}

func (w *world) refusedNaming(place string, got reply) {
	w.Helper()
	w.refusedAt(place, place, got)
}

// The place in a list of deliveries is a delivery: one that is not there, or not the
// asker's, is no place.
func TestCursorOfNoDelivery(t *testing.T) {
	onBoth(t, func(w *world) {
		all := w.everything(w.key, "x")
		cursor := w.call(200, "GET", "/v1/webhook-endpoints/"+all["end"]+"/deliveries?limit=1", "").text("next_cursor")
		_, rival := w.newAccount("Rival", account.Sandbox)
		own := w.everything(rival, "own")
		path := "/v1/webhook-endpoints/" + own["end"] + "/deliveries?cursor="
		unknown := base64.RawURLEncoding.EncodeToString([]byte("dlv:\x00\x00\x00\x00\x00\x00\x00\x01"))
		foreign, none := w.request(rival, "GET", path+cursor, ""), w.request(rival, "GET", path+unknown, "")
		w.refusedNaming("query.cursor", none)
		if foreign.raw != none.raw {
			w.Errorf("a foreign place is answered %s, an unknown one %s", foreign.raw, none.raw)
		}
	})
}
