package stripe_test

import (
	"os"
	"slices"
	"strings"
	"testing"

	"perennial/internal/gateway/stripe"
)

// The list of events that merchants copy is the one that is read.
func TestChecklistNamesTheEvents(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../../docs/gateways.md")
	if err != nil {
		t.Fatal(err)
	}
	var named []string
	for word := range strings.FieldsSeq(string(text)) {
		for _, begin := range []string{"payment_intent.", "charge.", "refund.", "payment_method."} {
			if strings.HasPrefix(word, begin) {
				named = append(named, word)
			}
		}
	}
	slices.Sort(named)
	want := slices.Sorted(slices.Values(stripe.Events))
	if !slices.Equal(named, want) {
		t.Errorf("docs/gateways.md names %v, the gateway reads %v", named, want)
	}
}
