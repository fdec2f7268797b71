package api

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"html/template"
	"net/http"
	"slices"
	"strings"

	"github.com/danielgtaylor/huma/v2"
)

//go:embed docs.html
var docsHTML string

//go:embed docs.css
var docsCSS []byte

// describe serves the description of the API: for programs, and as one page that
// needs nothing from elsewhere. Both are made once, here.
func (a *API) describe() {
	spec, err := json.MarshalIndent(a.huma.OpenAPI(), "", "  ")
	if err != nil {
		panic("api: " + err.Error())
	}
	var page bytes.Buffer
	t := template.Must(template.New("docs").Parse(docsHTML))
	if err := t.Execute(&page, docsOf(a.huma.OpenAPI())); err != nil {
		panic("api: " + err.Error())
	}
	serve := func(path, contentType string, body []byte) {
		a.mux.Get(path, func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", contentType)
			w.Header().Set("Cache-Control", "public, max-age=300")
			w.Header().Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'")
			w.Header().Set("X-Content-Type-Options", "nosniff")
			_, _ = w.Write(body)
		})
	}
	serve("/v1/openapi.json", "application/json", spec)
	serve("/v1/docs", "text/html; charset=utf-8", page.Bytes())
	serve("/v1/docs.css", "text/css; charset=utf-8", docsCSS)
}

type docsPage struct {
	Title, Version, Text string
	Groups               []docsGroup
}

type docsGroup struct {
	Name, Anchor string
	Operations   []docsOperation
}

type docsOperation struct {
	ID, Method, Path, Summary, Text string
	Parameters                      []docsField
	Body                            []docsField
	Answer                          []docsField
	Curl                            string
}

type docsField struct {
	Name, In, Type, Text string
	Required             bool
}

// docsOf is the page's view of the description: operations by tag, in the order in
// which they were registered.
func docsOf(spec *huma.OpenAPI) docsPage {
	page := docsPage{Title: spec.Info.Title, Version: spec.Info.Version, Text: spec.Info.Description}
	order := []string{"Account", "Catalog", "Customers", "Questions", "Sales", "Subscriptions", "Usage", "Coupons", "Affiliates", "Licences", "Leads", "Invoices", "Payments", "Gateways", "Recovery", "Metrics", "Mails", "Taxes", "Events", "Clock", "Webhooks", "Hooks"}
	groups := map[string][]docsOperation{}
	paths := make([]string, 0, len(spec.Paths))
	for path := range spec.Paths {
		paths = append(paths, path)
	}
	slices.Sort(paths)
	for _, path := range paths {
		item := spec.Paths[path]
		for _, op := range []*huma.Operation{item.Get, item.Post, item.Patch, item.Delete} {
			if op != nil {
				groups[op.Tags[0]] = append(groups[op.Tags[0]], docsOperationOf(spec, op))
			}
		}
	}
	for _, name := range order {
		page.Groups = append(page.Groups, docsGroup{name, strings.ToLower(name), groups[name]})
	}
	return page
}

func docsOperationOf(spec *huma.OpenAPI, op *huma.Operation) docsOperation {
	d := docsOperation{ID: op.OperationID, Method: op.Method, Path: op.Path, Summary: op.Summary, Text: op.Description}
	for _, p := range op.Parameters {
		d.Parameters = append(d.Parameters, docsField{p.Name, p.In, docsType(spec, p.Schema), p.Description, p.Required})
	}
	curl := "curl -H \"Authorization: Bearer $KEY\""
	if op.RequestBody != nil {
		schema := op.RequestBody.Content["application/json"].Schema
		d.Body = docsFields(spec, schema)
		curl += " \\\n  -H \"Content-Type: application/json\" -d '" + docsExample(spec, schema, 0) + "'"
	}
	if op.Method != http.MethodGet {
		curl += " \\\n  -X " + op.Method
	}
	d.Curl = curl + " \\\n  https://perennial.example" + op.Path
	for _, status := range []string{"200", "201"} {
		if answer := op.Responses[status]; answer != nil && answer.Content["application/json"] != nil {
			d.Answer = docsFields(spec, answer.Content["application/json"].Schema)
		}
	}
	return d
}

func resolve(spec *huma.OpenAPI, s *huma.Schema) *huma.Schema {
	if s != nil && s.Ref != "" {
		return spec.Components.Schemas.SchemaFromRef(s.Ref)
	}
	return s
}

func docsFields(spec *huma.OpenAPI, s *huma.Schema) []docsField {
	s = resolve(spec, s)
	if s == nil {
		return nil
	}
	names := make([]string, 0, len(s.Properties))
	for name := range s.Properties {
		names = append(names, name)
	}
	slices.Sort(names)
	var fields []docsField
	for _, name := range names {
		p := s.Properties[name]
		text := p.Description
		if inner := resolve(spec, p); text == "" && inner != nil {
			text = inner.Description
		}
		fields = append(fields, docsField{Name: name, Type: docsType(spec, p), Text: text, Required: slices.Contains(s.Required, name)})
	}
	return fields
}

func docsType(spec *huma.OpenAPI, s *huma.Schema) string {
	full := resolve(spec, s)
	switch {
	case full == nil:
		return "any"
	case full.Type == "array":
		return "list of " + docsType(spec, full.Items)
	case len(full.Enum) > 0:
		words := make([]string, 0, len(full.Enum))
		for _, e := range full.Enum {
			if word, ok := e.(string); ok {
				words = append(words, word)
			}
		}
		return strings.Join(words, " | ")
	case full.Type == "object" && full.Properties["currency"] != nil && full.Properties["amount"] != nil && len(full.Properties) == 2:
		return "amount and currency"
	case full.Type == "" && len(full.Properties) == 0:
		return "any"
	case full.Format != "":
		return full.Type + ", " + full.Format
	}
	return full.Type
}

// docsExample is a small body with the required fields.
func docsExample(spec *huma.OpenAPI, s *huma.Schema, depth int) string {
	s = resolve(spec, s)
	if s == nil || depth > 3 {
		return "{}"
	}
	names := slices.Clone(s.Required)
	slices.Sort(names)
	parts := make([]string, 0, len(names))
	for _, name := range names {
		p := s.Properties[name]
		value := `"…"`
		if full := resolve(spec, p); full != nil {
			switch {
			case len(full.Examples) > 0:
				b, _ := json.Marshal(full.Examples[0])
				value = string(b)
			case len(full.Enum) > 0:
				b, _ := json.Marshal(full.Enum[0])
				value = string(b)
			case full.Type == "integer":
				value = "1"
			case full.Type == "boolean":
				value = "true"
			case full.Type == "object":
				value = docsExample(spec, full, depth+1)
			}
		}
		parts = append(parts, `"`+name+`": `+value)
	}
	return "{" + strings.Join(parts, ", ") + "}"
}
