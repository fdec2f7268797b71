package paywhirl_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// pair is one parameter: its value is a text, a whole number, a truth value, nil, or a list
// of groups.
type pair struct {
	name  string
	value any
}

// group is parameters in the order in which a program names them.
type group []pair

// client is one way to put parameters on the wire, as the published libraries do it.
type client struct {
	name string
	key  string // the name of the header that holds the key
	// encode gives what follows the path, the content type and the body.
	encode func(method string, g group) (query, contentType, body string)
}

const formType = "application/x-www-form-urlencoded"

// The four official libraries, and three others with habits of their own.
var (
	php = client{"PHP", "api-key", func(method string, g group) (string, string, string) {
		form := pairs(g, phpValue, func(name, inside string, i int) string { return fmt.Sprintf("%s[%d][%s]", name, i, inside) }, true)
		switch method {
		case "GET":
			return "?" + form, "", "" // also without parameters
		case "DELETE":
			return "", "", ""
		}
		return "", formType, form
	}}
	node = client{"Node", "api-key", func(method string, g group) (string, string, string) {
		form := strings.ReplaceAll(pairs(g, words, func(name, _ string, _ int) string { return name }, false), "+", "%20")
		switch {
		case method == "GET" && form == "":
			return "", "", ""
		case method == "GET":
			return "?" + form, "", ""
		case nested(g):
			return "", "application/json", object(g)
		}
		return "", formType + ";charset=UTF-8", form
	}}
	python = client{"Python", "api-key", func(method string, g group) (string, string, string) {
		if method != "GET" {
			return "", "application/json", object(g)
		}
		if form := pairs(g, words, nil, false); form != "" {
			return "?" + form, "", ""
		}
		return "", "", ""
	}}
	ruby = client{"Ruby", "Api-Key", func(method string, g group) (string, string, string) {
		g = slices.Clone(g)
		slices.SortFunc(g, func(a, b pair) int { return strings.Compare(a.name, b.name) })
		form := pairs(g, words, func(name, inside string, _ int) string { return name + "[][" + inside + "]" }, false)
		for _, p := range g {
			if p.value == nil {
				form = strings.ReplaceAll("&"+form+"&", "&"+p.name+"=&", "&"+p.name+"&")
				form = strings.Trim(form, "&")
			}
		}
		switch {
		case method == "GET" && form != "":
			return "?" + form, "", ""
		case method == "GET", method == "DELETE":
			return "", "", ""
		}
		return "", formType, form
	}}
	paywhirljs = client{"paywhirljs", "api_key", func(_ string, g group) (string, string, string) {
		return "/", "application/json", object(g) // a slash at the end, and a body on GET
	}}
	rwreynolds = client{"rwreynolds", "api_key", func(_ string, g group) (string, string, string) {
		return "?" + pairs(g, words, nil, false), "", "" // also on POST
	}}
)

var official = []client{php, node, python, ruby}

// path is what the client asks for when its documentation says path.
func (c client) path(path string) string {
	if c.name == rwreynolds.name {
		return "/" + path
	}
	return path
}

func nested(g group) bool {
	return slices.ContainsFunc(g, func(p pair) bool { _, ok := p.value.([]group); return ok })
}

func words(v any) (string, bool) {
	if v == nil {
		return "", true
	}
	return fmt.Sprint(v), true
}

func phpValue(v any) (string, bool) {
	switch v {
	case nil:
		return "", false
	case true:
		return "1", true
	case false:
		return "0", true
	}
	return fmt.Sprint(v), true
}

// pairs is a form. inside names the fields of the groups in a list.
func pairs(g group, spell func(any) (string, bool), inside func(name, field string, i int) string, escapeName bool) string {
	var list []string
	put := func(name string, v any) {
		if s, ok := spell(v); ok {
			if escapeName {
				name = url.QueryEscape(name)
			}
			list = append(list, name+"="+url.QueryEscape(s))
		}
	}
	for _, p := range g {
		groups, ok := p.value.([]group)
		if !ok {
			put(p.name, p.value)
			continue
		}
		for i, each := range groups {
			for _, q := range each {
				put(inside(p.name, q.name, i), q.value)
			}
		}
	}
	return strings.Join(list, "&")
}

// object is JSON in the order of the program, as the libraries write it.
func object(g group) string {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, p := range g {
		if i > 0 {
			b.WriteString(", ")
		}
		name, _ := json.Marshal(p.name)
		b.Write(name)
		b.WriteString(": ")
		if groups, ok := p.value.([]group); ok {
			b.WriteByte('[')
			for j, each := range groups {
				if j > 0 {
					b.WriteString(", ")
				}
				b.WriteString(object(each))
			}
			b.WriteByte(']')
			continue
		}
		value, _ := json.Marshal(p.value)
		b.Write(value)
	}
	b.WriteByte('}')
	return b.String()
}
