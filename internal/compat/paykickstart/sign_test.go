package paykickstart

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// TestSignatures proves both signatures on known examples.
func TestSignatures(t *testing.T) {
	t.Parallel()
	const secret = "demo-secret"
	r := record{{"amount", "9.99"}, {"billing_city", ""}, {"buyer_email", "ada@example.com"}, {"campaign_id", "215"}, {"event", "sales"}, {"invoice_id", "PK-PTEST0001"},
		{"is_rebill", "0"}, {"mode", "test"}, {"product_id", "2354"}, {"product_name", "Demo plan"}, {"tax_amount", "0.00"}, {"transaction_id", "PK-TTEST0001"},
		{"licenses", "AAAA-BBBB-CCCC-DDDD, EEEE-FFFF-GGGG-HHHH"}}
	got := signed(secret, r, latin1)
	if last := got[len(got)-2:]; !slices.Equal(last, record{{"hash", "1b28c337e04973b28bce242f30b02352b9bcaeed"}, {"verification_code", "6c4972fbacd2d628964f1884c391a29df52843db"}}) {
		t.Errorf("the signatures are %v", last)
	}
	for _, c := range []struct {
		name    string
		charset charset
		want    string
	}{
		{"Zoë", utf8, "66db10a9de1e9319af528dc40e71463e60d9a237"},
		{"Zoë", latin1, "72d8a6b48c1e3bdb2c3f45fd6a633dd1e8db59e8"},
		{"Чехов", latin1, "647c4297ea8656e30998efdcd83d32adc0f43de7"},
	} {
		if got := hashOf(secret, record{{"amount", "9.99"}, {"buyer_first_name", c.name}, {"event", "sales"}}, c.charset); got != c.want {
			t.Errorf("%s in charset %d is signed %s", c.name, c.charset, got)
		}
	}
}

// TestPlain proves that text in ASCII keeps its letters, and both charsets sign it alike.
func TestPlain(t *testing.T) {
	t.Parallel()
	for from, want := range map[string]string{"Zoë Novák": "Zoe Novak", "Straße": "Strasse", "Øystein Łukasz": "Oystein Lukasz", "Ngô Thị": "Ngo Thi", "Чехов": "?????", "naïve – “so”": "naive - \"so\""} {
		if got := (record{{"a", from}}).plain()[0].value; got != want {
			t.Errorf("%s becomes %s, want %s", from, got, want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		r := record{{"a", rapid.String().Draw(t, "a")}, {"b", rapid.String().Draw(t, "b")}}.plain()
		if hashOf("s", r, utf8) != hashOf("s", r, latin1) || strings.ContainsFunc(r[0].value+r[1].value, func(c rune) bool { return c > 0x7f }) {
			t.Fatalf("%q is signed in two ways", r)
		}
	})
}
