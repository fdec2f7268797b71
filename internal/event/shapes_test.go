package event_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"strconv"
	"testing"

	"perennial/internal/event"
	"perennial/internal/id"
)

// Every kind that the package names has a shape, and a sample that fits it.
func TestEveryKindHasAShape(t *testing.T) {
	t.Parallel()
	file, err := parser.ParseFile(token.NewFileSet(), "event.go", nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	found := 0
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok || len(spec.Values) != 1 {
			return true
		}
		if named, ok := spec.Type.(*ast.Ident); !ok || named.Name != "Kind" {
			return true
		}
		word, err := strconv.Unquote(spec.Values[0].(*ast.BasicLit).Value)
		if err != nil {
			t.Fatal(err)
		}
		found++
		if _, ok := event.Shapes[event.Kind(word)]; !ok {
			t.Errorf("%s has no shape: say in shapes.go what its events tell", word)
		}
		return true
	})
	if found < 70 {
		t.Errorf("only %d kinds were found", found)
	}
	for _, kind := range event.Kinds() {
		shape := event.Shapes[kind]
		if err := event.Check(shape.Sample(id.Account(1), kind, start)); err != nil {
			t.Errorf("the sample: %v", err)
		}
		if shape.Text == "" || len(shape.Schema(kind)) == 0 {
			t.Errorf("%s is not described", kind)
		}
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	for data, good := range map[string]bool{
		`{"number":"A-1","amount":5,"currency":"EUR"}`:             true,
		`{"number":"A-1","amount":5}`:                              false,
		`{"number":"A-1","amount":"5","currency":"EUR"}`:           false,
		`{"number":"A-1","amount":5.5,"currency":"EUR"}`:           false,
		`{"number":"A-1","amount":5,"currency":"euro"}`:            false,
		`{"number":"A-1","amount":5,"currency":"EUR","more":true}`: false,
		`{"number":null,"amount":5,"currency":"EUR"}`:              false,
		`[]`: false, `null`: false, `{`: false,
	} {
		if err := event.Check(event.Event{Kind: event.InvoiceIssued, Data: data}); (err == nil) != good {
			t.Errorf("%s: %v", data, err)
		}
	}
	if err := event.Check(event.Event{Kind: "nothing.happened", Data: "{}"}); err == nil {
		t.Error("a kind without a shape passed")
	}
}
