package api_test

import (
	"net/url"
	"strings"
	"testing"
)

// hostile are texts that mean something to databases, file systems, terminals and pages.
var hostile = []string{`' or 1=1 --`, `'; drop table customer; --`, `" or ""="`, `%`, `_`, `\`, `%' escape '\`, `$1`, `?`, `1)) union select hash from api_key --`, `../../etc/passwd`,
	`<script>alert(1)</script>`, "a\r\nX-Injected: 1", "\x1b[31m", "\x00", "\xff\xfe", strings.Repeat("a", 5000), `null`, `-1`, `9223372036854775808`, `{{7*7}}`, `cus_0000000000001' --`,
	"4242 4242 4242 4242", "٣", "\u202e"}

// Every query parameter and every id of a path takes hostile text without a failure,
// and without more rows than it names.
func TestHostileQueries(t *testing.T) {
	onBoth(t, func(w *world) {
		w.everything(w.key, "x")
		before := w.rows()
		w.spec().each(func(method, path string, op specOperation) {
			if strings.Contains(path, "{id}") {
				for _, text := range hostile {
					w.answersOnly(method, idOf(path, func(string) string { return url.PathEscape(text) }), bases[op.ID], 400, 404, 414, 422)
				}
			}
			if method != "GET" || strings.Contains(path, "{id}") {
				return
			}
			path = strings.ReplaceAll(path, "{kind}", "receipt")
			for _, p := range append(op.Parameters, specParam{Name: "surprise", In: "query"}) {
				for _, text := range hostile {
					got := w.answersOnly(method, path+"?"+p.Name+"="+url.QueryEscape(text), "", 200, 400, 414, 422)
					if rows := got.data(); len(rows) > 0 {
						w.Errorf("%s?%s=%.30q finds %d rows", path, p.Name, text, len(rows))
					}
				}
			}
			w.answersOnly(method, path+"?%zz", "", 400)
			w.answersOnly(method, path+"?a;b", "", 400, 422)
		})
		if diff := differing(before, w.rows()); diff != "" {
			w.Errorf("reading stored something: %s", diff)
		}
		w.holdsNoCard()
	})
}

// answersOnly checks that a request is answered with one of the statuses, in the
// shape of the API, with headers of its own only.
func (w *world) answersOnly(method, path, body string, statuses ...int) reply {
	w.Helper()
	got := w.request(w.key, method, path, body)
	for _, s := range statuses {
		if got.status == s && got.header.Get("X-Injected") == "" {
			return got
		}
	}
	w.Errorf("%s %.100s: %d %.300s", method, path, got.status, got.raw)
	return got
}

// What is part of a pattern elsewhere is plain text in the filter by address.
func TestFilterByAddressIsPlainText(t *testing.T) {
	onBoth(t, func(w *world) {
		for _, email := range []string{"a_b@example.com", "axb@example.com", "100%sure@example.com"} {
			w.call(201, "POST", "/v1/customers", `{"email":"`+email+`"}`)
		}
		for filter, want := range map[string]int{"a_b": 1, "a": 2, "100%": 1, "100%25": 0, "%": 0, "_": 0, "A": 2, "axb@example.com": 1, "axb@example.comm": 0} {
			if got := w.call(200, "GET", "/v1/customers?email="+url.QueryEscape(filter), "").data(); len(got) != want {
				w.Errorf("email=%s finds %d, want %d", filter, len(got), want)
			}
		}
	})
}
