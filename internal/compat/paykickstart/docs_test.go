package paykickstart_test

import (
	"os"
	"regexp"
	"slices"
	"testing"

	"perennial/internal/compat/paykickstart"
)

// TestDocs keeps the table of addresses for users equal to what is served.
func TestDocs(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../../docs/compat/paykickstart.md")
	if err != nil {
		t.Fatal(err)
	}
	var told []string
	for _, row := range regexp.MustCompile("(?m)^\\| `(/[a-z/-]+)` \\| works \\|").FindAllSubmatch(text, -1) {
		told = append(told, string(row[1]))
	}
	if served := paykickstart.Paths(); !slices.Equal(told, served) {
		t.Errorf("told are %v\nserved are %v", told, served)
	}
	var events []string
	for _, name := range regexp.MustCompile("(?m)^\\| (`[a-z-]+`(?:, `[a-z-]+`)*) \\|").FindAllSubmatch(text, -1) {
		for _, one := range regexp.MustCompile("[a-z-]+").FindAll(name[1], -1) {
			events = append(events, string(one))
		}
	}
	var sent []string
	for _, topic := range paykickstart.Webhooks(nil, nil, paykickstart.Options{}, nil)[0].Topics {
		sent = append(sent, topic.Name)
	}
	slices.Sort(events)
	slices.Sort(sent)
	if !slices.Equal(events, sent) {
		t.Errorf("told are the events %v\nsent are %v", events, sent)
	}
}
