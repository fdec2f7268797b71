package api_test

import (
	"encoding/json"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/go-chi/chi/v5"

	"perennial/internal/db"
)

// spec is what tests read of the description of the API. It is read from the served
// document alone, with code of its own: what is documented is what is tested.
type spec struct {
	Paths      map[string]map[string]specOperation `json:"paths"`
	Components struct {
		Schemas   map[string]*specSchema   `json:"schemas"`
		Responses map[string]*specResponse `json:"responses"`
	} `json:"components"`
}

type specOperation struct {
	ID         string      `json:"operationId"`
	Summary    string      `json:"summary"`
	Tags       []string    `json:"tags"`
	Parameters []specParam `json:"parameters"`
	Body       *struct {
		Content map[string]specMedia `json:"content"`
	} `json:"requestBody"`
	Responses map[string]*specResponse `json:"responses"`
}

type specParam struct {
	Name, In string
	Schema   *specSchema `json:"schema"`
}

type specMedia struct {
	Schema *specSchema `json:"schema"`
}

type specResponse struct {
	Ref         string               `json:"$ref"`
	Description string               `json:"description"`
	Content     map[string]specMedia `json:"content"`
}

type specSchema struct {
	Ref        string                 `json:"$ref"`
	Type       any                    `json:"type"` // a word, or a list of words
	Format     string                 `json:"format"`
	Properties map[string]*specSchema `json:"properties"`
	Required   []string               `json:"required"`
	Items      *specSchema            `json:"items"`
	Minimum    *float64               `json:"minimum"`
	Enum       []any                  `json:"enum"`
	More       any                    `json:"additionalProperties"` // false, or a schema
}

var (
	readSpec sync.Once
	theSpec  spec
)

// spec is the served description, which is the same in every world.
func (w *world) spec() *spec {
	w.Helper()
	readSpec.Do(func() { w.ok(json.Unmarshal([]byte(w.send("", "GET", "/v1/openapi.json", "").raw), &theSpec)) })
	return &theSpec
}

func (s *spec) schema(x *specSchema) *specSchema {
	for x != nil && x.Ref != "" {
		x = s.Components.Schemas[strings.TrimPrefix(x.Ref, "#/components/schemas/")]
	}
	return x
}

func (s *spec) response(x *specResponse) *specResponse {
	if x != nil && x.Ref != "" {
		return s.Components.Responses[strings.TrimPrefix(x.Ref, "#/components/responses/")]
	}
	return x
}

// body is the schema of an operation's body, nil when it has none.
func (s *spec) body(op specOperation) *specSchema {
	if op.Body == nil {
		return nil
	}
	return s.schema(op.Body.Content["application/json"].Schema)
}

// each calls fn for every operation, in a fixed order.
func (s *spec) each(fn func(method, path string, op specOperation)) {
	for _, path := range slices.Sorted(maps.Keys(s.Paths)) {
		for _, method := range slices.Sorted(maps.Keys(s.Paths[path])) {
			fn(strings.ToUpper(method), path, s.Paths[path][method])
		}
	}
}

// types are the words of a schema's type.
func (x *specSchema) types() []string {
	switch v := x.Type.(type) {
	case string:
		return []string{v}
	case []any:
		var words []string
		for _, w := range v {
			words = append(words, w.(string))
		}
		return words
	}
	return nil
}

// check tells how a value differs from its schema; "" when it does not.
func (s *spec) check(at string, x *specSchema, v any) string {
	x = s.schema(x)
	if x == nil {
		return ""
	}
	kind := map[bool]string{true: "null"}[v == nil]
	switch n := v.(type) {
	case string:
		kind = "string"
	case bool:
		kind = "boolean"
	case json.Number:
		kind = "integer"
		if strings.ContainsAny(n.String(), ".eE") {
			kind = "number"
		}
	case []any:
		kind = "array"
	case map[string]any:
		kind = "object"
	}
	if types := x.types(); len(types) > 0 && !slices.Contains(types, kind) {
		return fmt.Sprintf("%s is %s and not %v", at, kind, types)
	}
	if len(x.Enum) > 0 && v != nil && !slices.Contains(x.Enum, v) {
		return fmt.Sprintf("%s is %v and not one of %v", at, v, x.Enum)
	}
	switch n := v.(type) {
	case []any:
		for i, e := range n {
			if wrong := s.check(at+"."+strconv.Itoa(i), x.Items, e); wrong != "" {
				return wrong
			}
		}
	case map[string]any:
		for _, name := range x.Required {
			if _, ok := n[name]; !ok {
				return at + " lacks " + name
			}
		}
		for name, e := range n {
			p, known := x.Properties[name]
			if !known && x.More == false {
				return at + "." + name + " is not described"
			}
			if wrong := s.check(at+"."+name, p, e); wrong != "" {
				return wrong
			}
		}
	}
	return ""
}

// described proves that an answer is one that the description promises.
func (w *world) described(method, path string, got reply) {
	w.Helper()
	s := w.spec()
	path, _, _ = strings.Cut(path, "?")
	route := chi.NewRouteContext()
	pattern := w.h.Routes().Find(route, method, path)
	op, known := s.Paths[pattern][strings.ToLower(method)]
	if !known {
		return // not a route of the API
	}
	r := s.response(op.Responses[strconv.Itoa(got.status)])
	if r == nil {
		w.Errorf("%s %s answers %d, which is not described: %s", method, pattern, got.status, got.raw)
		return
	}
	media, known := r.Content[got.header.Get("Content-Type")]
	if !known {
		w.Errorf("%s %s answers %d as %q, which is not described", method, pattern, got.status, got.header.Get("Content-Type"))
		return
	}
	if !strings.HasSuffix(got.header.Get("Content-Type"), "json") {
		return
	}
	d := json.NewDecoder(strings.NewReader(got.raw))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		w.Errorf("%s %s answers no JSON: %v", method, pattern, err)
		return
	}
	if wrong := s.check("answer", media.Schema, v); wrong != "" {
		w.Errorf("%s %s answers %d otherwise than described: %s", method, pattern, got.status, wrong)
	}
}

func TestDescription(t *testing.T) {
	t.Parallel()
	w := newWorld(t, db.SQLite)
	got := w.callAs("", 200, "GET", "/v1/openapi.json", "")
	golden(t, "openapi.json", got.raw)
	s := w.spec()
	ids := map[string]string{}
	s.each(func(method, path string, op specOperation) {
		route := method + " " + path
		if op.Summary == "" || op.ID == "" || len(op.Tags) != 1 {
			t.Errorf("%s has no summary, name or group", route)
		}
		if other := ids[op.ID]; other != "" {
			t.Errorf("%s and %s are both called %s", route, other, op.ID)
		}
		ids[op.ID] = route
		good := false
		for status, r := range op.Responses {
			r = s.response(r)
			if r == nil || r.Description == "" || len(r.Content) == 0 {
				t.Errorf("%s: what %s answers is not described", route, status)
				continue
			}
			good = good || status[0] == '2'
			for kind, media := range r.Content {
				if s.schema(media.Schema) == nil {
					t.Errorf("%s: %s %s has no schema", route, status, kind)
				}
			}
		}
		if !good {
			t.Errorf("%s: no good answer is described", route)
		}
	})
	// The document and the routes are the same list.
	err := chi.Walk(w.h.Routes(), func(method, route string, _ http.Handler, _ ...func(http.Handler) http.Handler) error {
		if _, ok := s.Paths[route][strings.ToLower(method)]; !ok && !slices.Contains(keyless, route) {
			t.Errorf("%s %s is served and not described", method, route)
		}
		return nil
	})
	w.ok(err)
}

// keyless are the routes that need no key.
var keyless = []string{"/v1/openapi.json", "/v1/docs", "/v1/docs.css"}

var (
	anchor = regexp.MustCompile(`href="#([^"]+)"`)
	void   = regexp.MustCompile(`<(meta|link|br|hr|img|input)\b([^>]*)>`)
)

func TestDocumentationPage(t *testing.T) {
	t.Parallel()
	w := newWorld(t, db.SQLite)
	page := w.callAs("", 200, "GET", "/v1/docs", "")
	if csp := page.header.Get("Content-Security-Policy"); csp != "default-src 'none'; style-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'" {
		t.Errorf("the page's policy is %q", csp)
	}
	ids := map[string]bool{}
	d := xml.NewDecoder(strings.NewReader(void.ReplaceAllString(page.raw, "<$1$2/>")))
	d.Entity = xml.HTMLEntity
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		w.ok(err) // a tag is not closed, or an attribute not quoted
		tag, ok := token.(xml.StartElement)
		if !ok {
			continue
		}
		if slices.Contains([]string{"script", "style", "iframe", "object", "embed", "form", "base"}, tag.Name.Local) {
			t.Errorf("the page holds a %s", tag.Name.Local)
		}
		for _, a := range tag.Attr {
			switch {
			case strings.HasPrefix(a.Name.Local, "on"), a.Name.Local == "style":
				t.Errorf("a %s has %s, which its policy forbids", tag.Name.Local, a.Name.Local)
			case a.Name.Local == "id" && ids[a.Value]:
				t.Errorf("two things are called %s", a.Value)
			case a.Name.Local == "id":
				ids[a.Value] = true
			case (a.Name.Local == "href" || a.Name.Local == "src") && !strings.HasPrefix(a.Value, "/v1/") && !strings.HasPrefix(a.Value, "#"):
				t.Errorf("the page needs %s", a.Value)
			}
		}
	}
	for _, link := range anchor.FindAllStringSubmatch(page.raw, -1) {
		if !ids[link[1]] {
			t.Errorf("a link leads to #%s, which is not there", link[1])
		}
	}
	w.spec().each(func(method, path string, op specOperation) {
		if !ids[op.ID] {
			t.Errorf("%s %s is not on the page", method, path)
		}
	})
	css := w.callAs("", 200, "GET", "/v1/docs.css", "")
	if strings.Contains(css.raw, "url(") || strings.Contains(css.raw, "@import") {
		t.Error("the style needs something from elsewhere")
	}
}
