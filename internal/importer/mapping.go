// Package importer reads files that another system wrote and hands what they say
// to commerce in batches. A mapping file says which column means what. The package
// decides nothing about subscriptions: it turns text into values, or into one
// problem for the line.
package importer

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strings"

	"perennial/internal/account"
	"perennial/internal/fault"
)

// Mapping says from what each part of a subscription is taken. Its text is a line
// for each part, "part = template"; a template is text in which {Column} stands
// for that column's value. Lines that begin with # are comments.
type Mapping struct {
	parts   map[string]template
	columns []string // that any template names
}

// parts is what a mapping can say, and what each is for.
var parts = map[string]string{
	"id":       "the subscription's name in the other system (required)",
	"customer": "the customer's name in the other system; the id when it is left out",
	"email":    "the customer's e-mail address",
	"name":     "the customer's name; the customer when there is neither name nor company nor email",
	"company":  "the customer's company",
	"country":  "two capital letters",
	"product":  "the product's name (required)",
	"amount":   "the price of one piece and one period, for example 12.34 (required)",
	"currency": "for example USD; the account's when it is left out",
	"interval": "day, week, month, year, or 3 months and so on; month when it is left out",
	"quantity": "a whole number; 1 when it is left out",
	"started":  "a date, 2026-01-31, or an age, 14 months ago (required)",
	"canceled": "yes or no (also true/false, 1/0); no when it is left out",
	"numbers":  "paywhirl when id and customer are PayWhirl's numbers, by which its clients go on knowing them",
	"method":   "the payment gateway's token for the card; none when it is left out",
}

const (
	maxMapping = 64 << 10 // bytes
	maxColumn  = 200
)

type piece struct {
	text   string
	column bool
}

type template []piece

// ParseMapping reads a mapping. Unknown parts, missing required ones and broken
// templates are refused with the number of the line.
func ParseMapping(r io.Reader) (*Mapping, error) {
	m := &Mapping{parts: map[string]template{}}
	lines := bufio.NewScanner(io.LimitReader(r, maxMapping+1))
	read := 0
	for n := 1; lines.Scan(); n++ {
		if read += len(lines.Text()) + 1; read > maxMapping {
			return nil, fault.New(fault.Invalid, "the mapping is larger than %d bytes", maxMapping)
		}
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		part, text, ok := strings.Cut(line, "=")
		part, text = strings.TrimSpace(part), strings.TrimSpace(text)
		if !ok {
			return nil, fault.New(fault.Invalid, "line %d of the mapping is not of the form part = template", n)
		}
		if _, known := parts[part]; !known {
			return nil, fault.New(fault.Invalid, "line %d of the mapping: there is no part %q; the parts are %s", n, part, strings.Join(partNames(), ", "))
		}
		if _, twice := m.parts[part]; twice {
			return nil, fault.New(fault.Invalid, "line %d of the mapping: %s is given twice", n, part)
		}
		t, err := parseTemplate(text)
		if err != nil {
			return nil, fault.New(fault.Invalid, "line %d of the mapping: %s", n, err)
		}
		m.parts[part] = t
		for _, p := range t {
			if p.column && !slices.Contains(m.columns, p.text) {
				m.columns = append(m.columns, p.text)
			}
		}
	}
	if err := lines.Err(); err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "the mapping cannot be read")
	}
	if t, given := m.parts["numbers"]; given && (len(t) != 1 || t[0] != piece{text: string(account.PayWhirl)}) {
		return nil, fault.New(fault.Invalid, "numbers of the mapping must be %s", account.PayWhirl)
	}
	for _, required := range []string{"id", "product", "amount", "started"} {
		if _, ok := m.parts[required]; !ok {
			return nil, fault.New(fault.Invalid, "the mapping must say what %q is taken from: %s", required, parts[required])
		}
	}
	return m, nil
}

// numbers is the system whose numbers the ids are; "" for none.
func (m *Mapping) numbers() account.Dialect {
	if _, given := m.parts["numbers"]; given {
		return account.PayWhirl
	}
	return ""
}

func partNames() []string {
	names := make([]string, 0, len(parts))
	for name := range parts {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func parseTemplate(text string) (template, error) {
	var t template
	for text != "" {
		open := strings.IndexByte(text, '{')
		if open < 0 {
			return append(t, piece{text: text}), nil
		}
		if open > 0 {
			t = append(t, piece{text: text[:open]})
		}
		end := strings.IndexByte(text[open:], '}')
		if end < 0 {
			return nil, fmt.Errorf("a { is not closed")
		}
		column := text[open+1 : open+end]
		if column == "" || len(column) > maxColumn {
			return nil, fmt.Errorf("{} must name a column")
		}
		t = append(t, piece{text: column, column: true})
		text = text[open+end+1:]
	}
	return t, nil
}

// bind finds the mapping's columns in a file's header.
func (m *Mapping) bind(header []string) (map[string]int, error) {
	at := make(map[string]int, len(m.columns))
	for _, column := range m.columns {
		i := slices.Index(header, column)
		if i < 0 {
			return nil, fault.New(fault.Invalid, "the file has no column %q; its columns are %s", column, strings.Join(header, ", "))
		}
		at[column] = i
	}
	return at, nil
}

// value is a part of one record, trimmed; ok is false when the mapping leaves it out.
func (m *Mapping) value(part string, record []string, at map[string]int) (string, bool) {
	t, ok := m.parts[part]
	if !ok {
		return "", false
	}
	var b strings.Builder
	for _, p := range t {
		if p.column {
			b.WriteString(strings.TrimSpace(record[at[p.text]]))
		} else {
			b.WriteString(p.text)
		}
	}
	return strings.TrimSpace(b.String()), true
}
