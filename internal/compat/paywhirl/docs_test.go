package paywhirl

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// The table of the documentation has each route once and nothing else, says what works, and
// names every topic of webhooks.
func TestDocumentation(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../../docs/compat/paywhirl.md")
	if err != nil {
		t.Fatal(err)
	}
	var listed []string
	row := regexp.MustCompile("(?m)^\\| `([A-Z]+) (/[^`]*)` \\| ([^|]*) \\|[^|]*\\| ([^|]*) \\|$")
	for _, m := range row.FindAllStringSubmatch(string(text), -1) {
		listed = append(listed, m[1]+" "+m[2])
		if m[3] != "works" || m[4] == "" {
			t.Errorf("%s %s: %q, from %q", m[1], m[2], m[3], m[4])
		}
	}
	var served []string
	for _, r := range New(nil, nil, Options{}).table {
		served = append(served, r.method+" "+r.pattern)
	}
	slices.Sort(listed)
	slices.Sort(served)
	for _, r := range served {
		if !slices.Contains(listed, r) {
			t.Errorf("%s is served and not in the table", r)
		}
	}
	for i, r := range listed {
		if !slices.Contains(served, r) {
			t.Errorf("%s is in the table and not served", r)
		}
		if i > 0 && listed[i-1] == r {
			t.Errorf("%s is in the table twice", r)
		}
	}
	if strings.Contains(strings.ToLower(string(text)), "stub") {
		t.Error("something is a stub")
	}
	for _, topic := range topicsV2() {
		if !strings.Contains(string(text), "`"+topic.Name+"`") {
			t.Errorf("the topic %s is not described", topic.Name)
		}
	}
	for _, topic := range topicsV1() {
		group := topic.Name[:strings.LastIndex(topic.Name, ".")] + ".*"
		if !strings.Contains(string(text), "`"+topic.Name+"`") && !strings.Contains(string(text), "`"+group+"`") {
			t.Errorf("the topic %s of version 1 is not described", topic.Name)
		}
	}
}
