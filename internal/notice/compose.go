package notice

import (
	"html"
	"strings"
	"unicode/utf8"

	"perennial/internal/locale"
)

// Row is one line of the facts of a mail.
type Row struct{ Label, Value string }

// Values are what the placeholders of one mail stand for, written in its language, and
// the rows of its summary.
type Values struct {
	Text map[string]string
	Rows []Row
}

// Composed is a mail before it is addressed.
type Composed struct {
	Subject string
	Text    string
	HTML    string
}

// Compose makes a mail from a text. The text has been checked; one that is refused all
// the same is an error.
func (m Mail) Compose(t Text, v Values, b Brand, l locale.Locale) (Composed, error) {
	c, err := m.compile(t)
	if err != nil {
		return Composed{}, err
	}
	return compose(c, v, b, l), nil
}

func compose(c compiled, v Values, b Brand, l locale.Locale) Composed {
	w := writer{values: v, brand: b, locale: l, words: spoken[l.Index]}
	subject := oneLine(w.words1(c.subject))
	if subject == "" {
		subject = oneLine(b.Name)
	}
	blocks := w.kept(c.blocks)
	return Composed{Subject: subject, Text: w.plain(blocks), HTML: w.page(subject, oneLine(w.words1(c.preheader)), blocks)}
}

// oneLine is a text without line breaks and other control characters, for a header.
func oneLine(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 || r == 0x2028 || r == 0x2029 || r == utf8.RuneError {
			return ' '
		}
		return r
	}, s)
	return strings.Join(strings.FieldsFunc(s, func(r rune) bool { return r == ' ' }), " ")
}

// writer makes both parts of one mail.
type writer struct {
	values Values
	brand  Brand
	locale locale.Locale
	words  words
}

func (w writer) value(name string) string { return strings.TrimSpace(w.values.Text[name]) }

// words1 is spans without marks.
func (w writer) words1(spans []span) string {
	var b strings.Builder
	for _, s := range spans {
		if s.value != "" {
			b.WriteString(w.value(s.value))
		} else {
			b.WriteString(s.text)
		}
	}
	return b.String()
}

// empty reports whether spans name a value that is not there.
func (w writer) empty(spans ...span) bool {
	for _, s := range spans {
		if s.value != "" && w.value(s.value) == "" || s.link != nil && w.empty(*s.link) || w.empty(s.inside...) {
			return true
		}
	}
	return false
}

// kept are the blocks that have something to say, with the summary spelt out.
func (w writer) kept(blocks []block) []block {
	var out []block
	for _, b := range blocks {
		if b.kind == summary {
			for _, r := range w.values.Rows {
				if strings.TrimSpace(r.Value) != "" {
					out = append(out, block{kind: row, label: []span{{text: r.Label}}, text: []span{{text: r.Value}}})
				}
			}
			continue
		}
		if w.empty(b.text...) || w.empty(b.label...) || w.empty(b.to) {
			continue
		}
		out = append(out, b)
	}
	return out
}

// plain is the text part.
func (w writer) plain(blocks []block) string {
	var b strings.Builder
	last := rule
	for i, bl := range blocks {
		if i > 0 && !(bl.kind == last && (bl.kind == item || bl.kind == row)) {
			b.WriteByte('\n')
		}
		last = bl.kind
		switch bl.kind {
		case rule:
			b.WriteString(strings.Repeat("-", 40))
		case item:
			b.WriteString("- " + w.inPlain(bl.text))
		case row:
			b.WriteString(w.inPlain(bl.label) + ": " + strings.ReplaceAll(w.inPlain(bl.text), "\n", "\n  "))
		case button:
			b.WriteString(w.inPlain(bl.label) + ":\n" + w.address(bl.to))
		default:
			b.WriteString(w.inPlain(bl.text))
		}
		b.WriteByte('\n')
	}
	b.WriteString("\n-- \n" + w.brand.Name + "\n")
	for _, s := range []string{w.brand.Footer, w.brand.Legal} {
		if s != "" {
			b.WriteString(s + "\n")
		}
	}
	return b.String()
}

func (w writer) address(s span) string {
	if s.value != "" {
		return w.value(s.value)
	}
	return s.text
}

func (w writer) inPlain(spans []span) string {
	var b strings.Builder
	for _, s := range spans {
		switch {
		case s.link != nil:
			label, to := w.inPlain(s.inside), w.address(*s.link)
			b.WriteString(label)
			if to = strings.TrimPrefix(to, "mailto:"); to != label {
				b.WriteString(" (" + to + ")")
			}
		case s.value != "":
			b.WriteString(w.value(s.value))
		default:
			b.WriteString(s.text)
		}
	}
	return b.String()
}

func (w writer) inHTML(spans []span) string {
	var b strings.Builder
	for _, s := range spans {
		if s.strong {
			b.WriteString("<strong>")
		}
		switch {
		case s.link != nil:
			b.WriteString(`<a href="` + html.EscapeString(w.address(*s.link)) + `">` + w.inHTML(s.inside) + "</a>")
		case isLink(s.value):
			to := html.EscapeString(w.value(s.value))
			b.WriteString(`<a href="` + to + `">` + to + "</a>")
		case s.value == "cancel.how" && w.brand.Manage != "": // the one value that leads somewhere the merchant named
			to := html.EscapeString(w.brand.Manage)
			b.WriteString(strings.ReplaceAll(escape(w.value(s.value)), to, `<a href="`+to+`">`+to+"</a>"))
		case s.value != "":
			b.WriteString(escape(w.value(s.value)))
		default:
			b.WriteString(escape(s.text))
		}
		if s.strong {
			b.WriteString("</strong>")
		}
	}
	return b.String()
}

// escape is a value as HTML, its lines kept apart.
func escape(s string) string {
	return strings.ReplaceAll(html.EscapeString(s), "\n", "<br>")
}
