package notice

import (
	"net/url"
	"slices"
	"strings"
	"unicode/utf8"

	"perennial/internal/cardnumber"
	"perennial/internal/fault"
)

// Text is the source of a mail: a subject, the line that an inbox shows behind it, and
// a body in a few marks:
//
//	# Heading
//	A paragraph, whose lines
//	are joined, with **strong words** and [a link](https://example.com).
//
//	- an item of a list
//	| Label | a value in a table of facts
//	[[Label of a button]]({{ action.link }})
//	---
//	{{ summary }}
//
// {{ name }} stands for a value. Nothing else is known and nothing is evaluated: HTML
// is text. A paragraph, item, row or button that names a value which is empty is left
// out, so that a text needs no conditions.
type Text struct {
	Subject   string `json:"subject"`
	Preheader string `json:"preheader"`
	Body      string `json:"body"`
}

// Limits of a text, in bytes.
const (
	MaxSubject = 200
	MaxBody    = 20_000
	maxBlocks  = 200
)

type blockKind uint8

const (
	paragraph blockKind = iota
	heading
	item
	row
	button
	rule
	summary
)

// block is one block of a body.
type block struct {
	kind  blockKind
	label []span // of a row or button
	text  []span
	to    span // of a button
}

// span is a stretch of a line: words, a value, or a link.
type span struct {
	text   string
	value  string // the name of a placeholder; "" for words
	strong bool
	link   *span  // where it leads, words or a value; nil for none
	inside []span // of a link
}

// compiled is a text whose every placeholder is known.
type compiled struct {
	subject, preheader []span
	blocks             []block
}

// compiler reads one source and knows where it is.
type compiler struct {
	known []string
	used  map[string]bool
	field string
	bad   fault.Fields
}

// Check refuses a text that the mail cannot be made from, and says where.
func (m Mail) Check(t Text) error {
	_, err := m.compile(t)
	return err
}

func (m Mail) compile(t Text) (compiled, error) {
	c := &compiler{known: m.Placeholders(), used: map[string]bool{}}
	var out compiled
	c.limit("subject", t.Subject, MaxSubject, false)
	c.limit("preheader", t.Preheader, MaxSubject, false)
	c.limit("body", t.Body, MaxBody, true)
	c.bad.Check(strings.TrimSpace(t.Subject) != "", "subject", "must not be empty")
	c.bad.Check(strings.TrimSpace(t.Body) != "", "body", "must not be empty")
	if err := c.bad.Err(); err != nil {
		return out, err
	}
	out.subject = c.head("subject", t.Subject)
	out.preheader = c.head("preheader", t.Preheader)
	c.field = "body"
	out.blocks = c.body(t.Body)
	for _, need := range m.Needs {
		if !c.used[need] {
			c.bad.Bad("body", "must hold {{ %s }}: %s", need, lower(m.Must))
		}
	}
	return out, c.bad.Err()
}

func lower(s string) string {
	if s == "" {
		return "the mail says nothing without it"
	}
	return strings.TrimSuffix(strings.ToLower(s[:1])+s[1:], ".")
}

func (c *compiler) limit(field, s string, most int, lines bool) {
	c.bad.Check(len(s) <= most, field, "must be at most %d bytes", most)
	c.bad.Check(plain(s, lines), field, "must be plain text without control characters")
	c.bad.Check(!cardnumber.In(s), field, "must not hold a card number")
}

// plain reports whether s is text without control characters; line feeds are let
// through where a text has lines.
func plain(s string, lines bool) bool {
	return utf8.ValidString(s) && !strings.ContainsFunc(s, func(r rune) bool {
		return r < ' ' && !(lines && (r == '\n' || r == '\t')) || r >= 0x7f && r < 0xa0 || r == 0x2028 || r == 0x2029
	})
}

// wrong notes what is wrong at a place, counted from 1 in characters: what stands
// before it is given from the beginning of a line on.
func (c *compiler) wrong(line int, before, format string, args ...any) {
	line += strings.Count(before, "\n")
	before = before[strings.LastIndexByte(before, '\n')+1:]
	c.bad.Bad(c.field, "line %d, character %d: "+format, append([]any{line, utf8.RuneCountInString(before) + 1}, args...)...)
}

// head reads a line that knows no marks but placeholders.
func (c *compiler) head(field, s string) []span {
	c.field = field
	var out []span
	for at := 0; at < len(s); {
		open := strings.Index(s[at:], "{{")
		if open < 0 {
			return append(out, span{text: s[at:]})
		}
		if open > 0 {
			out = append(out, span{text: s[at : at+open]})
		}
		name, size := c.placeholder(s[at+open:], 1, s[:at+open])
		if size == 0 {
			return out
		}
		if isLink(name) || name == "summary" || name == "cancel.how" || name == "bank.instructions" {
			c.wrong(1, s[:at+open], "{{ %s }} stands in the body alone", name)
		}
		out = append(out, span{value: name})
		at += open + size
	}
	return out
}

// placeholder reads "{{ name }}" at the beginning of s and tells its length, 0 when it
// is none.
func (c *compiler) placeholder(s string, line int, before string) (string, int) {
	end := strings.Index(s, "}}")
	if end < 0 || strings.Contains(s[:end], "\n") {
		c.wrong(line, before, "a placeholder begins with {{ and does not end with }}")
		return "", 0
	}
	name := strings.TrimSpace(s[2:end])
	if !slices.Contains(c.known, name) {
		c.wrong(line, before, "{{ %.40s }} is not known here; known are %s", name, strings.Join(c.known, ", "))
		return "", 0
	}
	c.used[name] = true
	return name, end + 2
}

// isLink reports whether the value of a placeholder is an address.
func isLink(name string) bool { return strings.HasSuffix(name, ".link") }

func (c *compiler) body(s string) []block {
	var out []block
	var lines []string // of the paragraph that is being read
	first := 0
	flush := func() {
		if len(lines) > 0 {
			out = append(out, block{kind: paragraph, text: c.inline(strings.Join(lines, "\n"), first, false)})
		}
		lines = nil
	}
	for i, line := range strings.Split(s, "\n") {
		n, text := i+1, strings.TrimSpace(line)
		if b, ok := c.mark(text, n); ok {
			flush()
			out = append(out, b)
			continue
		}
		if text == "" {
			flush()
			continue
		}
		if len(lines) == 0 {
			first = n
		}
		lines = append(lines, text)
	}
	flush()
	if len(out) > maxBlocks {
		c.bad.Bad("body", "can have at most %d paragraphs, items and rows", maxBlocks)
	}
	return out
}

// mark reads a line that is a block by itself.
func (c *compiler) mark(s string, line int) (block, bool) {
	switch {
	case s == "---":
		return block{kind: rule}, true
	case strings.HasPrefix(s, "# "):
		return block{kind: heading, text: c.inline(s[2:], line, false)}, true
	case strings.HasPrefix(s, "- "):
		return block{kind: item, text: c.inline(s[2:], line, false)}, true
	case strings.HasPrefix(s, "| "):
		label, value, ok := strings.Cut(s[2:], "|")
		if !ok {
			c.wrong(line, "", "a row of facts is spelt | Label | value")
		}
		return block{kind: row, label: c.inline(strings.TrimSpace(label), line, true), text: c.inline(strings.TrimSpace(value), line, false)}, true
	case strings.HasPrefix(s, "[["):
		label, rest, ok := strings.Cut(s[2:], "]](")
		target, tail, closed := cutTarget(rest)
		if !ok || !closed || tail != "" {
			c.wrong(line, "", "a button is spelt [[Label]](address) on a line of its own")
			return block{kind: rule}, true
		}
		return block{kind: button, label: c.inline(label, line, true), to: c.target(target, line, s[:2]+label+"]](")}, true
	case strings.HasPrefix(s, "{{") && strings.HasSuffix(s, "}}") && strings.TrimSpace(s[2:len(s)-2]) == "summary":
		c.placeholder(s, line, "")
		return block{kind: summary}, true
	}
	return block{}, false
}

// cutTarget splits at the bracket that closes an address.
func cutTarget(s string) (target, rest string, closed bool) {
	return strings.Cut(s, ")")
}

// target is where a link or button leads: a web or mail address, or a value that is
// one.
func (c *compiler) target(s string, line int, before string) span {
	s = strings.TrimSpace(s)
	if strings.HasPrefix(s, "{{") {
		name, size := c.placeholder(s, line, before)
		if size == 0 {
			return span{}
		}
		if size != len(s) || !isLink(name) {
			c.wrong(line, before, "an address is one placeholder that ends with .link, or is written out")
		}
		return span{value: name}
	}
	if !webAddress(s) && !(strings.HasPrefix(s, "mailto:") && len(s) > len("mailto:")) {
		c.wrong(line, before, "a link leads to an address that begins with https:// or mailto:")
	}
	return span{text: s}
}

// webAddress reports whether s is an https address.
func webAddress(s string) bool {
	u, err := url.Parse(s)
	return err == nil && u.Scheme == "https" && u.Hostname() != "" && u.User == nil && len(s) <= 2000 && !strings.ContainsAny(s, " \"'<>`\\")
}

// inline reads placeholders, **strong words** and [links](address).
func (c *compiler) inline(s string, line int, inLink bool) []span {
	var out []span
	strong, from := false, 0
	words := func(to int) {
		if to > from {
			out = append(out, span{text: strings.ReplaceAll(s[from:to], "\n", " "), strong: strong})
		}
	}
	for at := 0; at < len(s); {
		rest := s[at:]
		switch {
		case strings.HasPrefix(rest, "{{"):
			words(at)
			name, size := c.placeholder(rest, line, s[:at])
			if size == 0 {
				return out
			}
			if isLink(name) && inLink || name == "summary" {
				c.wrong(line, s[:at], "{{ %s }} cannot stand here", name)
			}
			out = append(out, span{value: name, strong: strong})
			at += size
			from = at
		case strings.HasPrefix(rest, "**"):
			words(at)
			strong = !strong
			at += 2
			from = at
		case rest[0] == '[' && !inLink:
			label, after, ok := strings.Cut(rest[1:], "](")
			target, _, closed := cutTarget(after)
			if !ok || !closed || strings.Contains(label, "[") {
				at++
				continue
			}
			words(at)
			to := c.target(target, line, s[:at])
			out = append(out, span{strong: strong, link: &to, inside: c.inline(label, line, true)})
			at += 1 + len(label) + 2 + len(target) + 1
			from = at
		default:
			at++
		}
	}
	words(len(s))
	if strong {
		c.wrong(line, s, "strong words begin with ** and do not end with **")
	}
	return out
}
