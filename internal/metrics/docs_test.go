package metrics_test

import (
	"os"
	"strings"
	"testing"

	"perennial/internal/metrics"
)

// TestDocs keeps the table of the documentation equal to the definitions.
func TestDocs(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/metrics.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range metrics.Metrics() {
		if !strings.Contains(string(text), "| `"+m.Name+"` | ") || !strings.Contains(string(text), " | "+m.Text+" |\n") {
			t.Errorf("docs/metrics.md does not tell of %s as it is", m.Name)
		}
	}
	for _, s := range metrics.Sets() {
		if !strings.Contains(string(text), "`"+s.String()+"`") {
			t.Errorf("docs/metrics.md does not tell of the set %s", s)
		}
	}
}
