package dashboard

import (
	"strings"
	"testing"

	"perennial/internal/money"
	"perennial/internal/subscription"
)

func TestExactShare(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		of, left, whole int64
		currency        string
		want            string
	}{
		{3000, 16, 31, "EUR", "15.4838…"}, {2000, 14, 28, "EUR", ""}, {1, 1, 3, "EUR", "0.0033…"}, {1, 1, 8, "EUR", "0.0012…"},
		{100, 1, 3, "JPY", "33.3333…"}, {1000, 1, 16, "KWD", "0.0625"}, {5, 0, 7, "EUR", ""}, {5, 1, 0, "EUR", ""},
	} {
		if got := exactShare(c.of, c.left, c.whole, money.Currency(c.currency)); got != c.want {
			t.Errorf("%d × %d/%d %s: %q, want %q", c.of, c.left, c.whole, c.currency, got, c.want)
		}
	}
}

// Every named policy is told in words that do not lean on another policy's.
func TestPoliciesStandAlone(t *testing.T) {
	t.Parallel()
	for _, p := range subscription.Presets() {
		says := policySays(p.Proration)
		if strings.Contains(says, "Like ") || says == "" || policyLabels[p.Name] == "" {
			t.Errorf("%s is told as %q, labelled %q", p.Name, says, policyLabels[p.Name])
		}
	}
}
