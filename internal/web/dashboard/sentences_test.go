package dashboard

import (
	"go/ast"
	"go/parser"
	"go/token"
	"strconv"
	"strings"
	"testing"
	"time"

	"perennial/internal/event"
	"perennial/internal/id"
)

// kinds are all kinds of events, read from where they are declared.
func kinds(t *testing.T) []event.Kind {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), "../../event/event.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var list []event.Kind
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if kind, ok := spec.Type.(*ast.Ident); ok && kind.Name == "Kind" {
			text, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
			if err != nil {
				t.Fatal(err)
			}
			list = append(list, event.Kind(text))
		}
		return true
	})
	if len(list) < 60 {
		t.Fatalf("only %d kinds of events were found", len(list))
	}
	return list
}

// Every kind of event is told as a sentence of its own, whatever facts it has.
func TestEveryEventIsTold(t *testing.T) {
	t.Parallel()
	v := &visit{zone: time.UTC}
	for _, kind := range kinds(t) {
		told, ok := tellingOf(kind)
		if !ok || told.icon == "" {
			t.Errorf("%s is not told", kind)
			continue
		}
		for _, data := range []string{`{}`, `{"name":"Tea","code":"declined","number":"A-1","amount":100,"currency":"EUR","reason":"goodwill","at":"2026-01-31T10:00:00Z","collect":true,"tax_id_state":""}`} {
			e := event.Event{ID: id.New[id.Event](), At: time.Unix(0, 0), Kind: kind, Subject: 1, Data: data}
			text := told.say(v, factsOf(e))
			if text == "" || strings.Contains(text, string(kind)) || strings.Contains(text, "%!") || strings.Contains(text, "0001") {
				t.Errorf("%s with %s is told as %q", kind, data, text)
			}
		}
	}
}
