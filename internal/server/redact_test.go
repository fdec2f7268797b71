package server

import (
	"bytes"
	"encoding/json"
	"errors"
	"log/slog"
	"net/url"
	"strings"
	"testing"

	"perennial/internal/account"
	"perennial/internal/id"
)

func TestLoggedAddress(t *testing.T) {
	t.Parallel()
	sub := id.New[id.Subscription]().String()
	for _, c := range []struct{ address, want string }{
		{"/", "/"},
		{"/healthz", "/healthz"},
		{"/v1/customers?limit=20&state=active", "/v1/customers?limit=20&state=active"},
		{"/v1/payment_methods", "/v1/payment_methods"},
		{"/v1/subscriptions/" + sub + "/cancel", "/v1/subscriptions/" + sub + "/cancel"},
		{"/v1/events?after=2026-01-31T10:00:00Z", "/v1/events?after=2026-01-31T10:00:00Z"},
		{"/setup?token=" + account.RandomText(40), "/setup?token=*"},
		{"/o/" + account.RandomText(16), "/o/*"},
		{"/login?password=hunter", "/login?password=*"},
		{"/v1/customers?limit=4242424242424242", "/v1/customers?limit=*"},
		{"/v1/customers?q=Ada%40example.com&" + account.RandomText(20), "/v1/customers?q=*&*"},
		{"/a%0d%0aSet-Cookie:x", "/*"},
		{"/v1//customers/", "/v1//customers/"},
	} {
		u, err := url.Parse(c.address)
		if err != nil {
			t.Fatal(err)
		}
		if got := loggedAddress(u); got != c.want {
			t.Errorf("%s is logged as %s, want %s", c.address, got, c.want)
		}
	}
}

func TestRedact(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ text, want string }{
		{"open /var/lib/perennial/data2/perennial.db: no such file", "open /var/lib/perennial/data2/perennial.db: no such file"},
		{"period 3 of sub_0sazwpqtrpr00 is due", "period 3 of sub_0sazwpqtrpr00 is due"},
		{"connect postgres://ada:pa$$w0rd@db.example:5432/shop failed", "connect postgres://*@db.example:5432/shop failed"},
		{"Authorization: Bearer abc.def-123", "Authorization: *"},
		{`{"password":"two words"}`, `{"password":*}`},
		{"card 4242 4242 4242 4242 was refused", "card (card …4242) was refused"},
	} {
		if got := Redact(c.text); got != c.want {
			t.Errorf("%q becomes %q, want %q", c.text, got, c.want)
		}
	}
}

// secrets are one of each kind, made from the seed.
func secrets(seed string) []string {
	hash := account.Hash(seed)
	_, secret := account.NewAPIKey(1, account.Sandbox, "x", account.Account{}.CreatedAt)
	return []string{secret, "whsec_" + hash, "perennial_live_" + hash[:32], "4242424242424242", "4000 0566 5566 5556", "378282246310005"}
}

func FuzzNothingSecretIsLogged(f *testing.F) {
	f.Add("/v1/customers", "limit=20", "before ", " after", uint8(0))
	f.Add("/login/", "password=", "password=", "&x", uint8(3))
	f.Add("", "a=b&", "postgres://x:", "@y", uint8(5))
	f.Fuzz(func(t *testing.T, path, query, before, after string, which uint8) {
		list := secrets(path + query)
		secret := list[int(which)%len(list)]
		for _, u := range []*url.URL{
			{Path: path + "/" + secret, RawQuery: query},
			{Path: "/" + secret + "/" + path, RawQuery: query},
			{Path: path, RawQuery: query + "&" + secret},
			{Path: path, RawQuery: query + "&limit=" + secret},
			{Path: path, RawQuery: query + "&" + url.QueryEscape(secret) + "=1"},
			{Path: path, RawQuery: query + "&password=correct"},
		} {
			if got := loggedAddress(u); strings.Contains(got, secret) || strings.Contains(got, "correct") && !strings.Contains(path+query, "correct") {
				t.Errorf("%q %q is logged as %q, with %q", u.Path, u.RawQuery, got, secret)
			}
		}
		// Digits that stand beside a card number make another number of it.
		text := before + " of " + secret + ", " + after
		if got := Redact(text); strings.Contains(got, secret) {
			t.Errorf("%q is told as %q, with %q", text, got, secret)
		}
	})
}

// Whatever is logged stays one line of JSON, and passes the filter.
func TestLogCannotBeForged(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	log := NewLog(&b)
	_, secret := account.NewAPIKey(1, account.Live, "x", account.Account{}.CreatedAt)
	log.Error("a\n{\"level\":\"ERROR\"}\x1b[31m"+secret, "err", errors.New("with "+secret), "text", "and\r\n"+secret, slog.Group("group", "inner", secret), "list", []string{secret})
	if n := strings.Count(b.String(), "\n"); n != 1 {
		t.Errorf("%d lines", n)
	}
	if strings.Contains(b.String(), secret) || strings.ContainsAny(b.String(), "\x1b\r") {
		t.Errorf("logged: %s", b.String())
	}
	var line map[string]any
	if err := json.Unmarshal(b.Bytes(), &line); err != nil {
		t.Error(err)
	}
}
