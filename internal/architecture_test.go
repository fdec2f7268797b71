package internal_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// The import rule: words -> ground -> nouns -> verbs -> doors -> main. A package
// imports only earlier rings. A new package is entered here, in its ring; the
// linter (.golangci.yml, depguard) holds the same rule for editors.
var rings = []ring{
	{name: "words", inside: true, packages: []string{"money", "period", "clock", "id", "fault", "params", "cardnumber", "locale"}},
	{name: "ground", inside: true, packages: []string{
		"db", "event", "outbox", "alias", "idempotency", "seal", "outbound",
	}},
	{name: "nouns", packages: []string{
		"account", "catalog", "customer", "payment", "subscription", "invoice", "order", "ledger",
		"tax", "coupon", "credit", "usage", "recovery", "link", "notice", "question", "affiliate", "license", "lead", "metrics",
	}},
	{name: "verbs", packages: []string{"commerce", "report"}},
	{name: "doors", packages: []string{
		"api", "admin", "importer", "demo", "scenario", "simulation", "document", "mail", "webhook", "vies",
		"web", "web/*", "compat/*", "gateway/*", "integration/*",
	}},
	{name: "main", inside: true, packages: []string{"server", "cmd/*"}},
}

// ring is a set of packages that may import the rings before it.
type ring struct {
	name     string
	inside   bool // its packages may import each other
	packages []string
}

// The doors that may import db: each plays an outside company and keeps books of
// its own.
var ownBooks = []string{"gateway/sandbox"}

// advice says, for each ring, what to do instead of importing a neighbour.
var advice = map[string]string{
	"nouns": "a noun never imports a noun: refer to it by its typed id from internal/id, and put what joins two nouns into internal/commerce",
	"verbs": "commerce changes and report reads: what both need is a rule of a noun",
	"doors": "a door never imports a sibling: what two doors share is a verb (commerce, report) or a word",
}

const (
	module     = "perennial"
	mostLines  = 700
	clockOwner = module + "/internal/clock"
)

// pkg is what the rules look at.
type pkg struct {
	path    string   // import path
	imports []string // of its program files, not of its tests
	files   []file   // with its tests
}

type file struct {
	name string
	text []byte
}

func (f file) test() bool { return strings.HasSuffix(f.name, "_test.go") }

func TestArchitecture(t *testing.T) {
	t.Parallel()
	list := packages(t)
	if len(list) < 10 {
		t.Fatalf("only %d packages were found", len(list))
	}
	for _, v := range violations(list) {
		t.Error(v)
	}
}

// violations lists every breach of a rule, in words that say what to do.
func violations(list []pkg) []string {
	var out []string
	for _, p := range list {
		out = append(out, importBreaches(p)...)
		for _, f := range p.files {
			out = append(out, lengthBreach(f)...)
			if !f.test() && asksClockItself(p.path) {
				out = append(out, clockBreaches(f)...)
			}
		}
	}
	return out
}

// place is a package's name in the table and its ring. Tools for tests, which
// live below test/ or are named …test, stand outside of the rings.
func place(importPath string) (name string, ringAt int, outside bool) {
	name, ok := strings.CutPrefix(importPath, module+"/internal/")
	if !ok {
		name, ok = strings.CutPrefix(importPath, module+"/")
		if !ok || strings.HasPrefix(name, "test/") || name == "internal" {
			return name, -1, true
		}
	}
	if strings.HasSuffix(name, "test") {
		return name, -1, true
	}
	for i, r := range rings {
		for _, pattern := range r.packages {
			if matched, err := path.Match(pattern, name); err == nil && matched {
				return name, i, false
			}
		}
	}
	return name, -1, false
}

func importBreaches(p pkg) []string {
	name, at, outside := place(p.path)
	if outside {
		return nil
	}
	if at < 0 {
		return []string{fmt.Sprintf("%s stands in no ring: enter it in the table of internal/architecture_test.go and in depguard of .golangci.yml", p.path)}
	}
	var out []string
	for _, imported := range p.imports {
		if !strings.HasPrefix(imported, module+"/") {
			continue
		}
		if why := refuse(name, at, imported); why != "" {
			out = append(out, fmt.Sprintf("%s imports %s: %s", p.path, imported, why))
		}
	}
	return out
}

// refuse says why a package may not import another, or nothing when it may.
func refuse(name string, at int, imported string) string {
	other, otherAt, outside := place(imported)
	switch {
	case outside:
		return "only tests may import a package made for tests"
	case otherAt < 0:
		return "it stands in no ring"
	case otherAt > at:
		return fmt.Sprintf("%s come before %s: turn the dependency round, or pass the value in", rings[at].name, rings[otherAt].name)
	case rings[at].name == "doors" && other == "db" && !slices.Contains(ownBooks, name):
		return "a door never reads or writes rows: call a story of internal/commerce or a read of internal/report"
	case otherAt < at || rings[at].inside:
		return ""
	case rings[at].name == "doors" && other == "web" && strings.HasPrefix(name, "web/"):
		return "" // the pages share one renderer
	}
	return advice[rings[at].name]
}

func lengthBreach(f file) []string {
	n := bytes.Count(f.text, []byte("\n"))
	if n <= mostLines || generated(f.text) {
		return nil
	}
	return []string{fmt.Sprintf("%s has %d lines, at most %d are read with pleasure: split it by what it is about", f.name, n, mostLines)}
}

func generated(text []byte) bool {
	first, _, _ := bytes.Cut(text, []byte("\n"))
	return bytes.HasPrefix(first, []byte("// Code generated ")) && bytes.HasSuffix(bytes.TrimSpace(first), []byte("DO NOT EDIT."))
}

// asksClockItself reports packages that must be told the time.
func asksClockItself(importPath string) bool {
	_, _, outside := place(importPath)
	return !outside && importPath != clockOwner && !strings.HasPrefix(importPath, module+"/cmd/")
}

func clockBreaches(f file) []string {
	set := token.NewFileSet()
	tree, err := parser.ParseFile(set, f.name, f.text, parser.SkipObjectResolution)
	if err != nil {
		return []string{err.Error()}
	}
	timeName := ""
	for _, i := range tree.Imports {
		if importPath, err := strconv.Unquote(i.Path.Value); err == nil && importPath == "time" {
			timeName = "time"
			if i.Name != nil {
				timeName = i.Name.Name
			}
		}
	}
	var out []string
	ast.Inspect(tree, func(n ast.Node) bool {
		sel, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		x, ok := sel.X.(*ast.Ident)
		if ok && timeName != "" && x.Name == timeName && slices.Contains([]string{"Now", "Since", "Until"}, sel.Sel.Name) {
			out = append(out, fmt.Sprintf("%s reads the machine's clock (time.%s): take now as an argument, or ask a clock.Clock", set.Position(sel.Pos()), sel.Sel.Name))
		}
		return true
	})
	return out
}

// packages reads every package of the module.
func packages(t *testing.T) []pkg {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "go", "list", "-e", "-json=ImportPath,Dir,Imports,GoFiles,TestGoFiles,XTestGoFiles", "./...")
	cmd.Dir = ".."
	cmd.Stderr = os.Stderr
	answer, err := cmd.Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var list []pkg
	for decoder := json.NewDecoder(bytes.NewReader(answer)); ; {
		var p struct {
			ImportPath, Dir                             string
			Imports, GoFiles, TestGoFiles, XTestGoFiles []string
		}
		err := decoder.Decode(&p)
		if errors.Is(err, io.EOF) {
			return list
		}
		if err != nil {
			t.Fatal(err)
		}
		found := pkg{path: p.ImportPath, imports: p.Imports}
		for _, name := range slices.Concat(p.GoFiles, p.TestGoFiles, p.XTestGoFiles) {
			name = filepath.Join(p.Dir, name)
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			found.files = append(found.files, file{name, text})
		}
		list = append(list, found)
	}
}

// Planted breaches prove that each rule can fail.
func TestBreachesAreFound(t *testing.T) {
	t.Parallel()
	source := func(name, text string) []file { return []file{{name, []byte(text)}} }
	in := func(name string) string { return module + "/internal/" + name }
	for _, c := range []struct {
		name string
		pkg  pkg
		want string // part of the only breach; empty for none
	}{
		{"noun imports noun", pkg{path: in("invoice"), imports: []string{in("customer")}}, "typed id from internal/id"},
		{"noun imports ground", pkg{path: in("invoice"), imports: []string{in("db"), in("money"), "fmt"}}, ""},
		{"word imports ground", pkg{path: in("money"), imports: []string{in("db")}}, "words come before ground"},
		{"word imports word", pkg{path: in("money"), imports: []string{in("fault")}}, ""},
		{"ground imports noun", pkg{path: in("outbox"), imports: []string{in("account")}}, "ground come before nouns"},
		{"verb imports door", pkg{path: in("commerce"), imports: []string{in("gateway/sandbox")}}, "verbs come before doors"},
		{"verb imports verb", pkg{path: in("commerce"), imports: []string{in("report")}}, "commerce changes and report reads"},
		{"door imports db", pkg{path: in("api"), imports: []string{in("db")}}, "never reads or writes rows"},
		{"page imports db", pkg{path: in("web/dashboard"), imports: []string{in("db")}}, "never reads or writes rows"},
		{"sandbox imports db", pkg{path: in("gateway/sandbox"), imports: []string{in("db")}}, ""},
		{"door imports sibling", pkg{path: in("api"), imports: []string{in("document")}}, "never imports a sibling"},
		{"pages import web", pkg{path: in("web/checkout"), imports: []string{in("web")}}, ""},
		{"page imports page", pkg{path: in("web/checkout"), imports: []string{in("web/dashboard")}}, "never imports a sibling"},
		{"web imports page", pkg{path: in("web"), imports: []string{in("web/dashboard")}}, "never imports a sibling"},
		{"door imports main", pkg{path: in("api"), imports: []string{in("server")}}, "doors come before main"},
		{"command imports all", pkg{path: module + "/cmd/perennial", imports: []string{in("server"), in("db"), in("api")}}, ""},
		{"program imports test tool", pkg{path: in("event"), imports: []string{in("db/dbtest")}}, "only tests may import"},
		{"test tool imports ground", pkg{path: in("db/dbtest"), imports: []string{in("db")}}, ""},
		{"unknown package", pkg{path: in("utils")}, "stands in no ring"},
		{"unknown import", pkg{path: in("api"), imports: []string{in("helpers")}}, "it stands in no ring"},
		{"time.Now", pkg{path: in("commerce"), files: source("a.go", "package a\nimport \"time\"\nvar x = time.Now()\n")}, "a.go:3:9 reads the machine's clock"},
		{"time.Now renamed", pkg{path: in("db"), files: source("a.go", "package a\nimport t \"time\"\nvar f = t.Since\n")}, "reads the machine's clock"},
		{"time.Now in a test", pkg{path: in("db"), files: source("a_test.go", "package a\nimport \"time\"\nvar x = time.Now()\n")}, ""},
		{"time.Now in clock", pkg{path: in("clock"), files: source("a.go", "package a\nimport \"time\"\nvar x = time.Now()\n")}, ""},
		{"other Now", pkg{path: in("db"), files: source("a.go", "package a\nvar x = clock.Now()\n")}, ""},
		{"long file", pkg{path: in("db"), files: source("a_test.go", strings.Repeat("//\n", mostLines+1))}, "split it"},
		{"long generated file", pkg{path: in("web"), files: source("a_test.go", "// Code generated by templ - DO NOT EDIT.\n"+strings.Repeat("//\n", mostLines+1))}, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got := violations([]pkg{c.pkg})
			if c.want == "" {
				if len(got) > 0 {
					t.Fatalf("found %q, want nothing", got)
				}
				return
			}
			if len(got) != 1 || !strings.Contains(got[0], c.want) {
				t.Fatalf("found %q, want one breach with %q", got, c.want)
			}
		})
	}
}
