package document

import (
	_ "embed" // the fonts
	"strings"
	"time"
	"unicode"

	"codeberg.org/go-pdf/fpdf"
	"golang.org/x/text/unicode/norm"
)

var (
	//go:embed font/NotoSans-Regular.ttf
	regular []byte
	//go:embed font/NotoSans-Bold.ttf
	bold []byte
)

// style is how a text looks. Sizes are in points.
type style struct {
	size  float64
	bold  bool
	muted bool
}

// Line height in relation to the size, and millimetres in a point.
const (
	leading = 1.38
	point   = 25.4 / 72
)

func (s style) height() float64 { return s.size * leading * point }

func (s style) scaled(by float64) style {
	s.size *= by
	return s
}

// canvas is a PDF with our fonts. All lengths are millimetres from the top left
// corner of the page; y is the top of a line of text, not its baseline.
type canvas struct {
	pdf           *fpdf.Fpdf
	width, height float64
	left, right   float64
	top, bottom   float64
}

// newCanvas begins a paper of the size used in a country.
func newCanvas(country string, created time.Time) *canvas {
	size := "A4"
	switch country {
	case "US", "CA", "MX", "CL", "CO", "CR", "DO", "GT", "HN", "NI", "PA", "PH", "PR", "SV", "VE":
		size = "Letter"
	}
	pdf := fpdf.New("P", "mm", size, "")
	pdf.AddUTF8FontFromBytes("sans", "", regular)
	pdf.AddUTF8FontFromBytes("sans", "B", bold)
	// What would differ between two runs: the order of fonts and the time of day.
	pdf.SetCatalogSort(true)
	pdf.SetCreationDate(created.UTC())
	pdf.SetModificationDate(created.UTC())
	pdf.SetDisplayMode("default", "default") // anything else writes an open action
	pdf.SetAutoPageBreak(false, 0)
	pdf.SetCellMargin(0)
	w, h := pdf.GetPageSize()
	return &canvas{pdf: pdf, width: w, height: h, left: 20, right: w - 20, top: 18, bottom: h - 24}
}

func (c *canvas) use(s style) {
	weight := ""
	if s.bold {
		weight = "B"
	}
	c.pdf.SetFont("sans", weight, s.size)
	if s.muted {
		c.pdf.SetTextColor(92, 100, 98)
	} else {
		c.pdf.SetTextColor(24, 32, 30)
	}
}

// measure is the width of a text on one line.
func (c *canvas) measure(text string, s style) float64 {
	c.use(s)
	return c.pdf.GetStringWidth(printable(text))
}

// wrap breaks a text into lines of at most width; words longer than a line are
// broken anywhere.
func (c *canvas) wrap(text string, s style, width float64) []string {
	c.use(s)
	return c.pdf.SplitText(printable(text), width)
}

// write puts a line of text at x.
func (c *canvas) write(x, y float64, text string, s style) {
	c.use(s)
	// The baseline lies where the letters look centred in the height of the line.
	c.pdf.Text(x, y+s.height()*0.5+s.size*point*0.357, printable(text))
}

// writeRight puts a line of text so that it ends at x.
func (c *canvas) writeRight(x, y float64, text string, s style) {
	c.write(x-c.measure(text, s), y, text, s)
}

// rule draws a hairline; a strong one closes a sum.
func (c *canvas) rule(x1, x2, y float64, strong bool) {
	c.pdf.SetLineWidth(0.15)
	c.pdf.SetDrawColor(200, 206, 204)
	if strong {
		c.pdf.SetLineWidth(0.25)
		c.pdf.SetDrawColor(24, 32, 30)
	}
	c.pdf.Line(x1, y, x2, y)
}

// stamp writes a pale text across the page, under everything written later.
func (c *canvas) stamp(text string) {
	s := style{size: 60, bold: true}
	s.size *= c.width * 0.95 / c.measure(text, s)
	w := c.measure(text, s)
	c.pdf.SetTextColor(228, 231, 230)
	c.pdf.TransformBegin()
	c.pdf.TransformRotate(52, c.width/2, c.height/2)
	c.pdf.Text((c.width-w)/2, c.height/2+s.size*point*0.357, printable(text))
	c.pdf.TransformEnd()
}

// seal writes a short word into a frame whose right upper corner is at x and y.
func (c *canvas) seal(x, y float64, text string) {
	s := style{size: 13, bold: true}
	w := c.measure(text, s)
	c.write(x-w-3, y+1.5, text, s)
	c.pdf.SetLineWidth(0.5)
	c.pdf.SetDrawColor(24, 32, 30)
	c.pdf.Rect(x-w-6, y, w+6, s.height()+3, "D")
}

// stack is text set line by line.
type stack []struct {
	text string
	style
}

// add appends a text, wrapped to width; an empty one adds nothing.
func (c *canvas) add(to stack, text string, s style, width float64) stack {
	if strings.TrimSpace(text) == "" {
		return to
	}
	for _, line := range c.wrap(text, s, width) {
		to = append(to, struct {
			text string
			style
		}{line, s})
	}
	return to
}

func (s stack) height() float64 {
	h := 0.0
	for _, line := range s {
		h += line.style.height()
	}
	return h
}

// writeStack puts lines under one another and returns where they end.
func (c *canvas) writeStack(x, y float64, s stack) float64 {
	for _, line := range s {
		c.write(x, y, line.text, line.style)
		y += line.style.height()
	}
	return y
}

// printable is a text in the form that the fonts can show: composed letters, the
// spaces they have, nothing invisible. A letter that they lack becomes the
// replacement sign, because a blank would go unnoticed.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\u2212': // minus sign, missing in the fonts
			return '-'
		case r == ' ' || r == '\u00a0' || r == '\u202f':
			return r
		case unicode.Is(unicode.Zs, r):
			return ' '
		case unicode.In(r, unicode.Cf, unicode.Variation_Selector):
			return -1
		case !unicode.Is(covered, r):
			return unicode.ReplacementChar
		}
		return r
	}, norm.NFC.String(text))
}

// covered are the ranges to which the fonts were cut; font/README.md has the
// same list.
var covered = &unicode.RangeTable{
	R16: []unicode.Range16{
		{0x0020, 0x007e, 1}, {0x00a0, 0x024f, 1}, {0x0259, 0x0259, 1}, {0x02bb, 0x02bc, 1}, {0x02c6, 0x02c7, 1}, {0x02d8, 0x02dd, 1},
		{0x0300, 0x0304, 1}, {0x0306, 0x030c, 1}, {0x0370, 0x03ff, 1}, {0x0400, 0x052f, 1}, {0x1e00, 0x1eff, 1}, {0x1f00, 0x1fff, 1},
		{0x2010, 0x2027, 1}, {0x202f, 0x202f, 1}, {0x2030, 0x203a, 1}, {0x2044, 0x2044, 1}, {0x20a0, 0x20bf, 1}, {0x2116, 0x2116, 1},
		{0x2122, 0x2122, 1}, {0x2190, 0x2193, 1}, {0xfffd, 0xfffd, 1},
	},
	LatinOffset: 1,
}
