package document

// column is one row of figures down the table, set flush right.
type column struct {
	label string
	cell  func(Line) string
	x     float64 // right edge
}

const (
	gap      = 6.0  // between two columns
	textMin  = 60.0 // least width of the description
	rowSpace = 1.9  // above and below the text of a row

	detailIndent = 3.0
)

// arrange chooses the columns that have something to say, makes each as wide as
// its widest figure, and returns the size of figures at which they fit.
func (l *layout) arrange(cells [][]string) (width float64, figures style) {
	for _, size := range []float64{9, 8, 7, 6, 5} {
		figures = style{size: size}
		x := l.right
		for i := len(l.columns) - 1; i >= 0; i-- {
			widest := l.measure(l.columns[i].label, smallStyle)
			for _, row := range cells {
				widest = max(widest, l.measure(row[i], figures))
			}
			l.columns[i].x = x
			x -= widest + gap
		}
		width = x - l.left
		if width >= textMin {
			break
		}
	}
	return max(width, textMin), figures
}

func (l *layout) chooseColumns() {
	var quantity, discount bool
	for _, line := range l.paper.Lines {
		quantity = quantity || !line.Quantity.IsZero()
		discount = discount || !line.Discount.IsZero()
	}
	w := l.words
	if quantity {
		l.columns = append(l.columns, column{label: w.Quantity, cell: l.quantity}, column{label: w.UnitPrice, cell: l.unitPrice})
	}
	if discount {
		l.columns = append(l.columns, column{label: w.Discount, cell: func(n Line) string {
			if n.Discount.IsZero() {
				return ""
			}
			return l.amount(n.Discount.Neg())
		}})
	}
	if len(l.paper.Taxes) > 0 {
		l.columns = append(l.columns, column{label: w.TaxRate, cell: func(n Line) string { return w.rate(n.TaxRate) }})
	}
	l.columns = append(l.columns, column{label: w.Amount, cell: func(n Line) string { return l.amount(n.Amount) }})
}

// rows are the lines of the table. A line is one block, and each of its details
// another, so that a long arithmetic can go on to the next page; the first detail
// stays with its line.
func (l *layout) rows() []block {
	l.chooseColumns()
	cells := make([][]string, len(l.paper.Lines))
	for i, line := range l.paper.Lines {
		for _, c := range l.columns {
			cells[i] = append(cells[i], c.cell(line))
		}
	}
	width, figures := l.arrange(cells)
	var blocks []block
	for i, line := range l.paper.Lines {
		blocks = append(blocks, l.line(line, cells[i], width, figures)...)
		blocks[len(blocks)-1].closes(l, i == len(cells)-1)
	}
	return blocks
}

// line are the blocks of one line.
func (l *layout) line(line Line, cells []string, width float64, figures style) []block {
	text := l.add(nil, line.Description, textStyle, width)
	text = l.add(text, l.words.span(line.Period), smallStyle, width)
	blocks := []block{{height: rowSpace + text.height(), row: true, draw: func(y float64) {
		l.writeStack(l.left, y+rowSpace, text)
		shift := (textStyle.height() - figures.height()) / 2
		for j, c := range l.columns {
			l.writeRight(c.x, y+rowSpace+shift, cells[j], figures)
		}
	}}}
	for _, d := range line.Details {
		detail := l.add(nil, d, smallStyle, width-detailIndent)
		if len(detail) == 0 {
			continue
		}
		blocks[0].keep = true
		blocks = append(blocks, block{height: detail.height(), row: true, detail: true, draw: func(y float64) { l.writeStack(l.left+detailIndent, y, detail) }})
	}
	return blocks
}

// closes puts space and a hairline below the last block of a line.
func (b *block) closes(l *layout, last bool) {
	draw, height := b.draw, b.height+rowSpace
	b.height, b.keep = height, b.keep || last
	b.draw = func(y float64) {
		draw(y)
		l.rule(l.left, l.right, y+height, last)
	}
}

func (l *layout) tableHead() block {
	height := smallStyle.height() + 1.6
	return block{height: height, row: true, draw: func(y float64) {
		l.write(l.left, y, l.words.Description, smallStyle)
		for _, c := range l.columns {
			l.writeRight(c.x, y, c.label, smallStyle)
		}
		l.rule(l.left, l.right, y+height, true)
	}}
}

// pairs are labels with a value beside each.
type pairs struct {
	l      *layout
	labels []stack
	values []stack
	indent float64
	space  float64
}

func (p *pairs) add(label string, value string, ls, vs style, width float64) {
	if value == "" {
		return
	}
	p.labels = append(p.labels, p.l.add(nil, label, ls, p.indent-3))
	p.values = append(p.values, p.l.add(nil, value, vs, width))
}

func (p *pairs) rowHeight(i int) float64 {
	return max(p.labels[i].height(), p.values[i].height()) + p.space
}

func (p *pairs) height() float64 {
	h := 0.0
	for i := range p.labels {
		h += p.rowHeight(i)
	}
	return h
}

func (p *pairs) draw(x, y float64) {
	for i := range p.labels {
		p.l.writeStack(x, y, p.labels[i])
		p.l.writeStack(x+p.indent, y, p.values[i])
		y += p.rowHeight(i)
	}
}

// factPairs sets number and days, at the top of the first page.
func (l *layout) factPairs(s, label style, width float64) *pairs {
	p := &pairs{l: l, space: 0.6}
	facts := l.facts()
	for _, f := range facts {
		p.indent = max(p.indent, l.measure(f.Name, label)+5)
	}
	for i, f := range facts {
		value := s
		value.bold = i == 0
		p.add(f.Name, f.Value, label, value, width-p.indent)
	}
	return p
}

// sum is one row of the totals as it is set.
type sum struct {
	label  stack
	value  string
	style  style
	strong bool // a rule above it
}

func (s sum) height() float64 {
	h := max(s.label.height(), s.style.height()) + 1
	if s.strong {
		h += 3
	}
	return h
}

// sums are the tax summary on the left and the totals on the right, together.
func (l *layout) sums() block {
	const space, width = 5, 82
	list := l.sumRows(width)
	height := 0.0
	for _, s := range list {
		height += s.height()
	}
	taxes, taxHeight := l.taxes(l.right - width - 10)
	return block{height: space + max(height, taxHeight) + 8, draw: func(y float64) {
		y += space
		taxes(y)
		x := l.right - width
		for _, s := range list {
			top := y
			if s.strong {
				l.rule(x, l.right, y+1, false)
				top += 3
			}
			l.writeStack(x, top, s.label)
			l.writeRight(l.right, top, s.value, s.style)
			y += s.height()
		}
	}}
}

func (l *layout) sumRows(width float64) []sum {
	var list []sum
	for i, r := range l.totals() {
		s := sum{value: r.value, style: textStyle}
		switch r.weight {
		case mutedRow:
			s.style = mutedStyle
		case totalRow:
			s.style, s.strong = strongStyle, i > 0
		case dueRow:
			s.style, s.strong = totalStyle, true
		}
		s.label = l.add(nil, r.label, s.style, width-l.measure(r.value, s.style)-4)
		list = append(list, s)
	}
	return list
}

// taxes is the summary for each rate, ending at right. Many rates with long
// names are set smaller, so that totals never outgrow a page.
func (l *layout) taxes(right float64) (draw func(y float64), height float64) {
	if len(l.paper.Taxes) == 0 {
		return func(float64) {}, 0
	}
	for _, size := range []float64{8, 6.5, 5} {
		draw, height = l.taxesSized(right, style{size: size, muted: true})
		if height < 100 {
			break
		}
	}
	return draw, height
}

func (l *layout) taxesSized(right float64, s style) (draw func(y float64), height float64) {
	taxWidth := l.measure(l.words.Tax, smallStyle)
	baseWidth := l.measure(l.words.Base, smallStyle)
	for _, t := range l.paper.Taxes {
		taxWidth = max(taxWidth, l.measure(l.amount(t.Tax), s))
		baseWidth = max(baseWidth, l.measure(l.amount(t.Base), s))
	}
	middle := right - taxWidth - 5
	names := make([]stack, len(l.paper.Taxes))
	height = smallStyle.height() + 2
	for i, t := range l.paper.Taxes {
		names[i] = l.add(nil, joined(Field{t.Name, l.words.rate(t.Rate)}), s, middle-baseWidth-5-l.left)
		height += names[i].height() + 0.8
	}
	return func(y float64) {
		l.write(l.left, y, l.words.TaxRate, smallStyle)
		l.writeRight(middle, y, l.words.Base, smallStyle)
		l.writeRight(right, y, l.words.Tax, smallStyle)
		y += smallStyle.height() + 1
		l.rule(l.left, right, y, false)
		y++
		for i, t := range l.paper.Taxes {
			l.writeStack(l.left, y, names[i])
			l.writeRight(middle, y, l.amount(t.Base), s)
			l.writeRight(right, y, l.amount(t.Tax), s)
			y += names[i].height() + 0.8
		}
	}, height
}

// remarks are the legal words and what the buyer should know, one block each.
func (l *layout) remarks() []block {
	var blocks []block
	full := l.right - l.left
	for _, n := range l.sentences() {
		if text := l.add(nil, n, metaStyle, full); len(text) > 0 {
			blocks = append(blocks, block{height: text.height() + 2, draw: func(y float64) { l.writeStack(l.left, y, text) }})
		}
	}
	const indent = 38
	for _, s := range l.sections() {
		p := &pairs{l: l, indent: indent, space: 0.4}
		label := s.label
		for _, v := range s.values {
			p.add(label, v, mutedStyle, metaStyle, full-indent)
			label = ""
		}
		blocks = append(blocks, block{height: p.height() + 1.2, draw: func(y float64) { p.draw(l.left, y) }})
	}
	return blocks
}
