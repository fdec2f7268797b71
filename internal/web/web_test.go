package web_test

import (
	"compress/gzip"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	"perennial/internal/fault"
	"perennial/internal/web"
)

func get(t *testing.T, h http.Handler, path string, headers ...string) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequest(http.MethodGet, path, nil)
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}

func TestAssetsAreImmutableTypedAndCompressed(t *testing.T) {
	t.Parallel()
	for name, kind := range map[string]string{"dashboard.css": "text/css; charset=utf-8", "public.css": "text/css; charset=utf-8",
		"app.js": "text/javascript; charset=utf-8", "htmx.js": "text/javascript; charset=utf-8", "favicon.svg": "image/svg+xml", "favicon-sandbox.svg": "image/svg+xml"} {
		path := web.AssetPath(name)
		plain, packed := get(t, web.Assets(), path), get(t, web.Assets(), path, "Accept-Encoding", "br, gzip")
		if plain.Code != 200 || plain.Header().Get("Content-Type") != kind || !strings.Contains(plain.Header().Get("Cache-Control"), "immutable") {
			t.Errorf("%s: %d %v", name, plain.Code, plain.Header())
		}
		body := packed.Body.String()
		if packed.Header().Get("Content-Encoding") == "gzip" {
			zr, err := gzip.NewReader(packed.Body)
			if err != nil {
				t.Fatal(err)
			}
			unpacked, err := io.ReadAll(zr)
			if err != nil {
				t.Fatal(err)
			}
			body = string(unpacked)
		}
		if body != plain.Body.String() {
			t.Errorf("%s: the compressed form differs", name)
		}
		if w := get(t, web.Assets(), strings.Replace(path, "/assets/", "/assets/0", 1)); w.Code != 404 {
			t.Errorf("%s: an old hash answers %d", name, w.Code)
		}
	}
}

// A first page stays below its budget: 100 KB for the dashboard, 60 KB for a
// checkout, compressed, with everything it links to.
func TestFirstPageStaysWithinItsBudget(t *testing.T) {
	t.Parallel()
	linked := regexp.MustCompile(`(?:href|src)="(/assets/[^"]+)"`)
	for path, budget := range map[string]int{"/home": 100_000, "/list": 100_000, "/checkout": 60_000, "/signin": 60_000} {
		page := get(t, gallery(), path)
		var buf strings.Builder
		zw := gzip.NewWriter(&buf)
		if _, err := zw.Write(page.Body.Bytes()); err != nil {
			t.Fatal(err)
		}
		if err := zw.Close(); err != nil {
			t.Fatal(err)
		}
		total := buf.Len()
		for _, m := range linked.FindAllStringSubmatch(page.Body.String(), -1) {
			total += get(t, web.Assets(), m[1], "Accept-Encoding", "gzip").Body.Len()
		}
		if total > budget {
			t.Errorf("%s transfers %d bytes, budget %d", path, total, budget)
		}
	}
	if size := get(t, web.Assets(), web.AssetPath("app.js")).Body.Len(); size > 8<<10 {
		t.Errorf("app.js has %d bytes, budget 8 KB", size)
	}
}

func TestPagesCarryThePolicyAndNoInlineCode(t *testing.T) {
	t.Parallel()
	inline := regexp.MustCompile(`<script[^>]*>[^<]|<style|\sstyle=|\son[a-z]+=`)
	for _, name := range galleryPages {
		w := get(t, gallery(), "/"+name)
		h := w.Header()
		if !strings.Contains(h.Get("Content-Security-Policy"), "frame-ancestors 'none'") || h.Get("Cache-Control") != "no-store" || h.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: %v", name, h)
		}
		if found := inline.FindString(w.Body.String()); found != "" {
			t.Errorf("%s holds inline code: %q", name, found)
		}
	}
}

func TestPreferencesAreKeptAndReturnHome(t *testing.T) {
	t.Parallel()
	post := func(cookie string, form url.Values) *http.Response {
		r := httptest.NewRequest(http.MethodPost, "/preferences", strings.NewReader(form.Encode()))
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		r.Header.Set("Cookie", cookie)
		w := httptest.NewRecorder()
		web.PreferencesHandler().ServeHTTP(w, r)
		return w.Result()
	}
	first := post("", url.Values{"theme": {"dark"}, "return": {"/list?q=a"}})
	if first.StatusCode != http.StatusSeeOther || first.Header.Get("Location") != "/list?q=a" {
		t.Errorf("%d to %q", first.StatusCode, first.Header.Get("Location"))
	}
	kept := first.Cookies()[0]
	if !kept.HttpOnly {
		t.Error("scripts can read the cookie")
	}
	second := post(kept.Name+"="+kept.Value, url.Values{"density": {"compact"}, "shortcuts": {"off"}}).Cookies()[0]
	r := httptest.NewRequest(http.MethodGet, "/", nil)
	r.AddCookie(second)
	if p := web.PreferencesOf(r); p != (web.Preferences{Theme: "perennial-dark", Compact: true}) {
		t.Errorf("preferences are %+v", p)
	}
	for _, away := range []string{"https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)", "relative", "/%2F/evil"} {
		at := post("", url.Values{"return": {away}}).Header.Get("Location")
		if u, err := url.Parse(at); err != nil || u.Host != "" || !strings.HasPrefix(at, "/") || strings.HasPrefix(at, "//") {
			t.Errorf("return to %q leads to %q", away, at)
		}
	}
}

func TestFragmentsAreToldFromPages(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		headers []string
		want    bool
	}{{nil, false}, {[]string{"HX-Request", "true"}, true}, {[]string{"HX-Request", "true", "HX-Boosted", "true"}, false},
		{[]string{"HX-Request", "true", "HX-Request-Type", "full"}, false}, {[]string{"HX-Request", "true", "HX-History-Restore-Request", "true"}, false}} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		for i := 0; i+1 < len(c.headers); i += 2 {
			r.Header.Set(c.headers[i], c.headers[i+1])
		}
		if got := web.IsFragment(r); got != c.want {
			t.Errorf("%v: %v", c.headers, got)
		}
	}
}

func TestTextsForPeople(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 12, 5, 14, 3, 0, 0, time.UTC)
	for got, want := range map[string]string{
		web.CountText(8214): "8,214", web.CountText(-1234567): "−1,234,567", web.CountText(999): "999",
		web.RangeText(1, 50, 8214, false): "1–50 of 8,214", web.RangeText(51, 100, 10000, true): "51–100 of 10,000+",
		web.RangeText(1, 0, 0, false): "0", web.RangeText(1, 25, -1, false): "1–25",
		web.RelativeText(now.Add(-2*time.Hour), now, nil):          "2 hours ago",
		web.RelativeText(now.Add(24*time.Hour), now, nil):          "in 1 day",
		web.RelativeText(now.Add(-30*24*time.Hour), now, nil):      "5 Nov 2026",
		web.DateTimeText(now, mustZone("America/New_York")):        "5 Dec 2026, 09:03",
		web.DateText(time.Time{}, nil):                             "",
		web.FieldID("items.0.price"):                               "f-items-0-price",
		web.Problems(errors.New("secret of the store"))[0].Message: "Something went wrong on our side",
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	problems := web.Problems(fault.BadField("price", "must be an amount"))
	if web.ProblemOf(problems, "price") != "Must be an amount" || web.ProblemOf(problems, "name") != "" {
		t.Errorf("problems are %+v", problems)
	}
}
