package params

import (
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"perennial/internal/fault"
)

// MaxText is the longest text, in characters, that Text returns.
const MaxText = 10_000

// Values is the tree of a request or a part of it. Its getters give the zero
// value for a name that is absent or null (and Int, Bool and Decimal for empty
// text, which is what an empty form field sends), note a wrong value under its
// dotted path, and go on: Err then names all that is wrong at once. It is not
// safe for concurrent use.
type Values struct {
	node   *node
	path   string
	fields *fault.Fields
}

// FromQuery reads values from an encoded query alone, under the same rules as Read.
func FromQuery(encoded string) (*Values, error) {
	b := &builder{root: &node{kind: group}}
	if err := b.form(encoded); err != nil {
		return nil, err
	}
	return &Values{node: b.root, fields: &fault.Fields{}}, nil
}

// Err is nil, or the fault.Invalid refusal of everything noted so far anywhere
// in the tree.
func (v *Values) Err() error { return v.fields.Err() }

// Bad notes that the value under a name is wrong. An empty name means v itself.
func (v *Values) Bad(name, format string, args ...any) {
	v.fields.Bad(v.Path(name), format, args...)
}

// Check notes the name as wrong when ok is false.
func (v *Values) Check(ok bool, name, format string, args ...any) {
	if !ok {
		v.Bad(name, format, args...)
	}
}

// Add notes an error, if there is one, under a name. An error that names fields
// of its own is noted under those.
func (v *Values) Add(name string, err error) { v.fields.Add(v.Path(name), err) }

// Path is the dotted path of a name from the root, for example
// "items.0.quantity". It is v's own path for an empty name.
func (v *Values) Path(name string) string {
	if name == "" {
		return v.path
	}
	return join(v.path, name)
}

// Put gives a name a text, as if it had been sent last.
func (v *Values) Put(name, s string) { v.node.set(name, &node{kind: text, text: s}) }

// Names lists the names in the order in which they first came.
func (v *Values) Names() []string { return slices.Clone(v.node.names) }

// Given reports whether a name was sent, be it as null.
func (v *Values) Given(name string) bool { return v.node.members[name] != nil }

// Has reports whether a name was sent and is not null.
func (v *Values) Has(name string) bool { return v.find(name) != nil }

// IsNull reports whether a name was sent as JSON null.
func (v *Values) IsNull(name string) bool { return v.Given(name) && !v.Has(name) }

// Require notes every name that is absent, null or empty text.
func (v *Values) Require(names ...string) {
	for _, name := range names {
		n := v.find(name)
		v.Check(n != nil && (n.kind != text || n.text != ""), name, "is required")
	}
}

// find is the place under a name, or nil when it is absent or null. The empty
// name is v itself.
func (v *Values) find(name string) *node {
	if name == "" {
		return v.node
	}
	if n := v.node.members[name]; n != nil && n.kind != null {
		return n
	}
	return nil
}

// scalar is the single value under a name; ok is false when there is none or,
// noted, when it is a group or a list.
func (v *Values) scalar(name string) (s string, ok bool) {
	n := v.find(name)
	if n == nil {
		return "", false
	}
	if n.kind == group || n.kind == array {
		v.Bad(name, "must be a single value")
		return "", false
	}
	return n.text, true
}

// Text is a text, at most MaxText characters. JSON numbers and truth values read
// as they were spelt.
func (v *Values) Text(name string) string { return v.TextMax(name, MaxText) }

// TextMax is a text of at most a number of characters.
func (v *Values) TextMax(name string, most int) string {
	s, ok := v.scalar(name)
	if ok && utf8.RuneCountInString(s) > most {
		v.Bad(name, "must be at most %d characters", most)
		return ""
	}
	return s
}

// All is every text that was given under a name, in order: what came before the
// last one that wins, and the elements of a list of texts.
func (v *Values) All(name string) []string {
	var list []string
	for n := v.node.members[name]; n != nil; n = n.earlier {
		switch n.kind {
		case text, number, truth:
			list = append(list, n.text)
		case array, group:
			if !n.isList() {
				continue
			}
			members := n.elements()
			for _, member := range slices.Backward(members) {
				if m := n.members[member]; m.kind == text || m.kind == number || m.kind == truth {
					list = append(list, m.text)
				}
			}
		}
	}
	slices.Reverse(list)
	return list
}

// Int is a whole number from least to most: ASCII digits with an optional minus
// sign, as JSON number or as text. 2^53 and more come through exactly; fractions
// and exponents are refused.
func (v *Values) Int(name string, least, most int64) int64 {
	s, ok := v.scalar(name)
	if !ok || s == "" {
		return 0
	}
	digits := strings.TrimPrefix(s, "-")
	n, err := strconv.ParseInt(s, 10, 64)
	switch {
	case strings.Trim(digits, "0123456789") != "" || digits == "":
		v.Bad(name, "must be a whole number")
	case err != nil || n < least || n > most:
		v.Bad(name, "must be from %d to %d", least, most)
	default:
		return n
	}
	return 0
}

// Bool is a truth value: true, 1, yes, on or false, 0, no, off in any case.
// Empty text is false.
func (v *Values) Bool(name string) bool {
	s, ok := v.scalar(name)
	if !ok {
		return false
	}
	switch strings.ToLower(s) {
	case "true", "1", "yes", "on":
		return true
	case "false", "0", "no", "off", "":
		return false
	}
	v.Bad(name, "must be true or false")
	return false
}

// Decimal is a plain decimal number as text, for example "-12.50", of at most 40
// characters, as JSON number or as text. Exponents and separators are refused.
// Package money turns it into an amount or a rate.
func (v *Values) Decimal(name string) string {
	s, ok := v.scalar(name)
	if !ok || s == "" {
		return ""
	}
	whole, fraction, point := strings.Cut(strings.TrimPrefix(s, "-"), ".")
	if len(s) > 40 || whole == "" || (point && fraction == "") || strings.Trim(whole+fraction, "0123456789") != "" {
		v.Bad(name, "must be a plain decimal number such as 12.50")
		return ""
	}
	return s
}

// Map is the group under a name; an empty one when it is absent.
func (v *Values) Map(name string) *Values {
	n := v.find(name)
	if n != nil && n.kind != group && (n.kind != array || len(n.names) > 0) {
		v.Bad(name, "must be a group of values")
		n = nil
	}
	return v.below(name, n)
}

// List is the elements of the list under a name, in the order of their indexes;
// none when it is absent. The empty name reads v itself, for a JSON array as
// root. An element that is a single value is read with the empty name.
func (v *Values) List(name string) []*Values {
	n := v.find(name)
	if n == nil || (n.kind == text && n.text == "") {
		return nil
	}
	if !n.isList() {
		v.Bad(name, "must be a list")
		return nil
	}
	names := n.elements()
	list := make([]*Values, len(names))
	whole := v.below(name, n)
	for i, element := range names {
		list[i] = whole.below(element, n.members[element])
	}
	return list
}

func (v *Values) below(name string, n *node) *Values {
	if n == nil {
		n = &node{kind: group}
	}
	return &Values{node: n, path: v.Path(name), fields: v.fields}
}

// elements lists the names of a list by their indexes.
func (n *node) elements() []string {
	names := slices.Clone(n.names)
	slices.SortFunc(names, func(a, b string) int {
		i, _ := index(a)
		j, _ := index(b)
		return i - j
	})
	return names
}
