package document

import (
	"fmt"
	"io"

	"perennial/internal/fault"
)

// The sizes of type on the paper.
var (
	titleStyle  = style{size: 21, bold: true}
	keyStyle    = style{size: 11.5}
	nameStyle   = style{size: 11, bold: true}
	textStyle   = style{size: 9}
	strongStyle = style{size: 9, bold: true}
	smallStyle  = style{size: 7.5, muted: true}
	metaStyle   = style{size: 8.5}
	mutedStyle  = style{size: 8.5, muted: true}
	totalStyle  = style{size: 10.5, bold: true}
)

// layout places a paper. Everything is measured into blocks first and drawn
// afterwards, so the number of pages is known when the first is written.
type layout struct {
	*canvas
	content
	columns []column
}

func newLayout(p Paper) *layout {
	country := p.Buyer.Country
	if country == "" {
		country = p.Seller.Country
	}
	return &layout{canvas: newCanvas(country, p.Issued), content: contentOf(p)}
}

// block is what must stay together on a page.
type block struct {
	height float64
	row    bool // belongs to the table, whose head is repeated above it
	detail bool // goes on with the line above it
	keep   bool // must not be parted from the block behind it
	draw   func(y float64)
}

// WritePDF writes the paper. What cannot be printed truthfully is refused with
// an Invalid fault that names the fields, and nothing is written.
func (p Paper) WritePDF(w io.Writer) error {
	if err := p.check(); err != nil {
		return err
	}
	l := newLayout(p)
	title := l.title()
	l.pdf.SetTitle(title, true)
	l.pdf.SetAuthor(p.Seller.Name, true)
	l.pdf.SetProducer("Perennial", true)
	l.pdf.SetLang(l.words.tag.String())

	head := l.head()
	pages := l.paginate(head.height)
	for i, page := range pages {
		l.pdf.AddPage()
		if p.Sample {
			l.stamp(l.words.sample(p.Kind))
		}
		if i == 0 {
			head.draw(l.top)
		} else {
			l.write(l.left, l.top, title+", "+l.words.Continued, smallStyle)
		}
		for _, b := range page {
			b.draw(b.y)
		}
		l.foot(i+1, len(pages))
	}
	if err := l.pdf.Output(w); err != nil {
		return fault.Wrap(fault.Internal, err, "the document could not be written")
	}
	return nil
}

// placed is a block and where it begins on its page.
type placed struct {
	block
	y float64
}

// paginate fills pages with the blocks below the head of the first page.
func (l *layout) paginate(head float64) [][]placed {
	blocks := l.rows()
	blocks = append(blocks, l.sums())
	blocks = append(blocks, l.remarks()...)
	tableHead := l.tableHead()

	pages := [][]placed{nil}
	y := l.top + head
	inTable := false
	place := func(b block) {
		last := len(pages) - 1
		pages[last] = append(pages[last], placed{b, y})
		y += b.height
	}
	for i, b := range blocks {
		need := b.height
		if b.row && !inTable {
			need += tableHead.height + rowSpace
		}
		for j := i; blocks[j].keep && j+1 < len(blocks); j++ {
			need += blocks[j+1].height
		}
		// A page that holds nothing yet takes the block whatever its height.
		if y+need > l.bottom && (len(pages) == 1 || len(pages[len(pages)-1]) > 0) {
			pages = append(pages, nil)
			y = l.top + 8
			inTable = false
		}
		if b.row && !inTable {
			place(tableHead)
			inTable = true
			if b.detail {
				y += rowSpace // which the line itself brings along
			}
		}
		place(b)
	}
	return pages
}

// head is the top of the first page. Long names and addresses are set smaller
// until there is room for lines below them.
func (l *layout) head() block {
	var b block
	for _, scale := range []float64{1, 0.85, 0.7, 0.55, 0.4} {
		b = l.headScaled(scale)
		if b.height < l.height*0.5 {
			break
		}
	}
	return b
}

func (l *layout) headScaled(scale float64) block {
	p, w := l.paper, l.words
	const rightColumn = 86
	x := l.right - rightColumn
	leftColumn := x - l.left - 10

	name := l.add(nil, p.Seller.Name, nameStyle.scaled(scale), leftColumn)
	seller := l.party(p.Seller, mutedStyle.scaled(scale), rightColumn)

	buyer := l.add(nil, l.addressee(), smallStyle.scaled(scale), leftColumn)
	first, second := p.Buyer.Company, p.Buyer.Name
	if first == "" {
		first, second = second, ""
	}
	buyer = l.add(buyer, first, strongStyle.scaled(scale), leftColumn)
	buyer = l.add(buyer, second, textStyle.scaled(scale), leftColumn)
	buyer = append(buyer, l.party(p.Buyer, textStyle.scaled(scale), leftColumn)...)
	if p.Buyer.Name == "" && p.Buyer.Company == "" && len(p.Buyer.Address) == 0 {
		buyer = nil
	}

	facts := l.factPairs(metaStyle.scaled(scale), mutedStyle.scaled(scale), rightColumn)
	title := l.add(nil, w.title(p.Kind), titleStyle, l.right-l.left)
	stamp := w.stamp(p.Stamp)
	title = l.add(title, l.keyLine(), keyStyle, l.right-l.left)

	// The buyer's address stands where an envelope has its window.
	buyerTop := max(29, max(name.height(), seller.height())+9*scale)
	titleTop := buyerTop + max(34*scale, max(buyer.height(), facts.height())+12*scale)
	return block{height: titleTop + title.height() + 7, draw: func(y float64) {
		l.writeStack(l.left, y, name)
		l.writeStack(x, y, seller)
		l.writeStack(l.left, y+buyerTop, buyer)
		facts.draw(x, y+buyerTop)
		l.writeStack(l.left, y+titleTop, title)
		if stamp != "" {
			l.seal(l.right, y+titleTop, stamp)
		}
	}}
}

// party is the address, the tax ids and the registration of one side, and for
// the seller where questions go.
func (l *layout) party(p Party, s style, width float64) stack {
	var out stack
	for _, line := range p.Address {
		out = l.add(out, line, s, width)
	}
	for _, id := range p.TaxIDs {
		out = l.add(out, joined(id), s, width)
	}
	return l.add(out, p.Registration, s, width)
}

// foot is the last line of every page.
func (l *layout) foot(page, pages int) {
	y := l.height - 15
	l.rule(l.left, l.right, y-2, false)
	number := fmt.Sprintf(l.words.Page, page, pages)
	l.writeRight(l.right, y, number, smallStyle)
	line := l.paper.Number + " · " + l.paper.Seller.Name
	if l.paper.Sample {
		line = l.words.sample(l.paper.Kind) + " · " + line
	}
	names := l.wrap(line, smallStyle, l.right-l.left-l.measure(number, smallStyle)-10)
	l.write(l.left, y, names[0], smallStyle)
}
