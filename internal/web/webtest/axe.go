package webtest

import (
	_ "embed" // the checker's source
	"fmt"
	"strings"
)

//go:embed axe.js
var axeSource string

type violation struct {
	ID, Impact, Help string
	Nodes            []struct{ Target, Summary string }
}

// Axe checks the page as it is with axe-core, every rule of WCAG 2.2 A and AA and
// the best practices, and fails the test for any violation of any impact.
func (b *Browser) Axe() {
	b.t.Helper()
	Eval[bool](b, axeSource+";true")
	found := Eval[[]violation](b, `axe.run(document, {resultTypes: ["violations"]}).then(r => r.violations.map(v => ({
		ID: v.id, Impact: v.impact || "", Help: v.help,
		Nodes: v.nodes.map(n => ({Target: n.target.flat().join(" "), Summary: n.failureSummary || ""}))})))`)
	if len(found) == 0 {
		return
	}
	var out strings.Builder
	fmt.Fprintf(&out, "%d accessibility violations at %s:", len(found), b.place())
	for _, v := range found {
		fmt.Fprintf(&out, "\n- %s (%s): %s", v.ID, v.Impact, v.Help)
		for i, n := range v.Nodes {
			if i == 5 {
				fmt.Fprintf(&out, "\n    and %d more", len(v.Nodes)-i)
				break
			}
			fmt.Fprintf(&out, "\n    %s\n      %s", n.Target, strings.ReplaceAll(n.Summary, "\n", "\n      "))
		}
	}
	b.t.Error(out.String())
}
