package vies_test

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"

	"perennial/internal/fault"
	"perennial/internal/outbound"
	"perennial/internal/tax"
	"perennial/internal/vies"
)

// loopback lets the client reach the register of a test.
var loopback = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}

// register answers every question with a status and a body.
func register(t *testing.T, answer http.HandlerFunc) *vies.Client {
	t.Helper()
	s := httptest.NewServer(answer)
	t.Cleanup(s.Close)
	return vies.New(outbound.Client(loopback), s.URL, "test")
}

func saying(status int, body string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

func TestAnswers(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		status int
		body   string
		state  tax.IDState
		holder string
	}{
		"yes":               {200, `{"countryCode":"DE","vatNumber":"129273398","requestDate":"2026-01-05T10:00:00.000Z","valid":true,"requestIdentifier":"","name":"Example GmbH\nWerk","address":"---"}`, tax.Valid, "Example GmbH Werk"},
		"yes, name untold":  {200, `{"countryCode":"DE","vatNumber":"129273398","valid":true,"name":"---"}`, tax.Valid, ""},
		"yes, other form":   {200, `{"isValid":true,"userError":"VALID","name":"---"}`, tax.Valid, ""},
		"no":                {200, `{"countryCode":"DE","vatNumber":"129273398","valid":false,"name":"---"}`, tax.Invalid, ""},
		"no, other form":    {200, `{"isValid":false,"userError":"INVALID"}`, tax.Invalid, ""},
		"no such form":      {400, `{"actionSucceed":false,"errorWrappers":[{"error":"INVALID_INPUT"}]}`, tax.Invalid, ""},
		"member state":      {200, `{"actionSucceed":false,"errorWrappers":[{"error":"MS_UNAVAILABLE"}]}`, tax.Unavailable, ""},
		"member state, 400": {400, `{"actionSucceed":false,"errorWrappers":[{"error":"MS_UNAVAILABLE","message":"x"}]}`, tax.Unavailable, ""},
		"user error":        {200, `{"isValid":false,"userError":"MS_UNAVAILABLE"}`, tax.Unavailable, ""},
		"no beside outage":  {200, `{"valid":false,"userError":"MS_MAX_CONCURRENT_REQ"}`, tax.Unavailable, ""},
		"global limit":      {200, `{"valid":false,"userError":"GLOBAL_MAX_CONCURRENT_REQ"}`, tax.Unavailable, ""},
		"service":           {200, `{"valid":false,"userError":"SERVICE_UNAVAILABLE"}`, tax.Unavailable, ""},
		"time":              {200, `{"valid":false,"userError":"TIMEOUT"}`, tax.Unavailable, ""},
		"blocked":           {200, `{"valid":false,"userError":"IP_BLOCKED"}`, tax.Unavailable, ""},
		"a new word":        {200, `{"valid":true,"userError":"SOMETHING_NEW"}`, tax.Unavailable, ""},
		"contradiction":     {200, `{"valid":true,"userError":"INVALID"}`, tax.Unavailable, ""},
		"another number":    {200, `{"countryCode":"DE","vatNumber":"143454214","valid":true}`, tax.Unavailable, ""},
		"another country":   {200, `{"countryCode":"AT","vatNumber":"129273398","valid":false}`, tax.Unavailable, ""},
		"nothing":           {200, ``, tax.Unavailable, ""},
		"an empty object":   {200, `{}`, tax.Unavailable, ""},
		"a page":            {200, `<html>maintenance</html>`, tax.Unavailable, ""},
		"no as a text":      {200, `{"valid":"false"}`, tax.Unavailable, ""},
		"half":              {200, `{"countryCode":"DE","valid":fal`, tax.Unavailable, ""},
		"500":               {500, `{"valid":false}`, tax.Unavailable, ""},
		"503":               {503, ``, tax.Unavailable, ""},
		"400 and a no":      {400, `{"valid":false}`, tax.Unavailable, ""},
		"403":               {403, `{"valid":false}`, tax.Unavailable, ""},
		"too much":          {200, `{"valid":false,"address":"` + strings.Repeat("x", 70<<10) + `"}`, tax.Unavailable, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			state, holder, err := register(t, saying(c.status, c.body)).Check(t.Context(), "DE", "DE 129 273 398")
			if state != c.state || holder != c.holder {
				t.Errorf("got %q, %q; want %q, %q", state, holder, c.state, c.holder)
			}
			if unavailable := c.state == tax.Unavailable; fault.Is(err, fault.Unavailable) != unavailable || !unavailable && err != nil {
				t.Errorf("error: %v", err)
			}
		})
	}
}

func TestQuestion(t *testing.T) {
	t.Parallel()
	var asked atomic.Int64
	c := register(t, func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		var q map[string]string
		if err := json.NewDecoder(r.Body).Decode(&q); err != nil {
			t.Error(err)
		}
		if r.Method != http.MethodPost || r.URL.Path != "/check-vat-number" || r.Header.Get("Content-Type") != "application/json" {
			t.Errorf("%s %s %v", r.Method, r.URL, r.Header)
		}
		if len(q) != 2 || q["countryCode"] != "EL" || q["vatNumber"] != "094019245" {
			t.Errorf("asked %v", q)
		}
		saying(200, `{"countryCode":"EL","vatNumber":"094019245","valid":true,"name":"`+strings.Repeat("é", 300)+`"}`)(w, r)
	})
	state, holder, err := c.Check(t.Context(), "GR", "094019245")
	if err != nil || state != tax.Valid || holder != strings.Repeat("é", 100) {
		t.Errorf("got %q, %q, %v", state, holder, err)
	}
	for country, want := range map[string]tax.IDState{"US": tax.Unchecked, "JP": tax.Unchecked, "DE": tax.Invalid} {
		if state, _, err := c.Check(t.Context(), country, "123456789"); state != want || err != nil {
			t.Errorf("%s: %q, %v", country, state, err)
		}
	}
	if state, _, err := c.Check(t.Context(), "GB", "GB333289454"); state != tax.Unchecked || err != nil {
		t.Errorf("a British number: %q, %v", state, err)
	}
	if asked.Load() != 1 {
		t.Errorf("the register was asked %d times", asked.Load())
	}
}

// Every way in which a network fails is an outage.
func TestOutages(t *testing.T) {
	t.Parallel()
	outage := func(what string, ctx context.Context, c *vies.Client) {
		t.Helper()
		if state, _, err := c.Check(ctx, "DE", "DE129273398"); state != tax.Unavailable || err == nil {
			t.Errorf("%s: %q, %v", what, state, err)
		}
	}
	closed := httptest.NewServer(http.NotFoundHandler())
	closed.Close()
	outage("nobody listens", t.Context(), vies.New(outbound.Client(loopback), closed.URL, "test"))
	outage("an address that is not allowed", t.Context(), vies.New(outbound.Client(nil), closed.URL, "test"))
	outage("no address", t.Context(), vies.New(outbound.Client(nil), "::", "test"))
	outage("a connection that breaks", t.Context(), register(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "500")
		_, _ = io.WriteString(w, `{"valid":false}`)
		panic(http.ErrAbortHandler)
	}))
	outage("a redirect", t.Context(), register(t, func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/elsewhere", http.StatusFound)
	}))
	canceled, cancel := context.WithCancel(t.Context())
	c := register(t, func(_ http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // only then the server watches the connection
		cancel()                           // the asker goes away while the register thinks
		<-r.Context().Done()
	})
	outage("an asker who goes away", canceled, c)
}
