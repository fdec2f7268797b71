package notice

import (
	"html"
	"strings"
)

// style is the whole style of a mail: one column that works without images and in the
// dark. Readers that ignore it still show a plain page.
const style = `body{margin:0;padding:16px;background:#f5f7f6;color:#1c2320;font:16px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,sans-serif}` +
	`.m{max-width:560px;margin:0 auto;padding:24px;background:#fff;border-radius:10px}` +
	`h1{margin:0 0 20px;font-size:18px}h2{margin:24px 0 8px;font-size:18px}p,ul{margin:0 0 16px}ul{padding:0 0 0 20px}a{color:#0f6b47}` +
	`table{width:100%;margin:0 0 16px;border-collapse:collapse}th,td{padding:6px 0;border-bottom:1px solid #dfe5e2;text-align:left;vertical-align:top}` +
	`[dir=rtl] th,[dir=rtl] td{text-align:right}th{padding-right:16px;color:#56605b;font-weight:400;width:40%}hr{margin:24px 0;border:0;border-top:1px solid #dfe5e2}` +
	`.f{max-width:560px;margin:16px auto 0;color:#56605b;font-size:13px}.f p{margin:0 0 8px}` +
	`@media (prefers-color-scheme:dark){body{background:#161a18;color:#e6ebe8}.m{background:#1f2422}th,.f{color:#a8b3ad}th,td,hr{border-color:#3a423e}a{color:#5fd3a2}}`

// page is the HTML part.
func (w writer) page(subject, preheader string, blocks []block) string {
	var b strings.Builder
	b.Grow(4096)
	lang := w.locale.Language().String()
	b.WriteString(`<!doctype html><html lang="` + html.EscapeString(lang) + `" dir="ltr"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1"><meta name="color-scheme" content="light dark"><title>` +
		html.EscapeString(subject) + `</title><style>` + style + `</style></head><body>`)
	if preheader != "" {
		b.WriteString(`<div hidden style="display:none;max-height:0;overflow:hidden">` + html.EscapeString(preheader) + `</div>`)
	}
	background, foreground := w.brand.colours()
	b.WriteString(`<main class="m" style="border-top:4px solid ` + background + `">`)
	name := html.EscapeString(w.brand.Name)
	if w.brand.Logo != "" {
		name = `<img src="` + html.EscapeString(w.brand.Logo) + `" alt="` + name + `" height="40" style="height:40px;border:0">`
	}
	b.WriteString("<h1>" + name + "</h1>")
	for i, bl := range blocks {
		follows := i > 0 && blocks[i-1].kind == bl.kind
		ends := i+1 == len(blocks) || blocks[i+1].kind != bl.kind
		switch bl.kind {
		case heading:
			b.WriteString("<h2>" + w.inHTML(bl.text) + "</h2>")
		case item:
			b.WriteString(only(!follows, "<ul>") + "<li>" + w.inHTML(bl.text) + "</li>" + only(ends, "</ul>"))
		case row:
			b.WriteString(only(!follows, "<table>") + `<tr><th scope="row">` + w.inHTML(bl.label) + "</th><td>" + w.inHTML(bl.text) + "</td></tr>" + only(ends, "</table>"))
		case button:
			b.WriteString(`<p><a href="` + html.EscapeString(w.address(bl.to)) + `" style="display:inline-block;padding:10px 18px;border-radius:6px;background:` + background +
				`;color:` + foreground + `;font-weight:600;text-decoration:none">` + w.inHTML(bl.label) + "</a></p>")
		case rule:
			b.WriteString("<hr>")
		default:
			b.WriteString("<p>" + w.inHTML(bl.text) + "</p>")
		}
	}
	b.WriteString(`</main><footer class="f">`)
	for _, s := range []string{w.brand.Footer, w.brand.Legal} {
		if s != "" {
			b.WriteString("<p>" + escape(s) + "</p>")
		}
	}
	b.WriteString("</footer></body></html>")
	return b.String()
}

func only(when bool, s string) string {
	if when {
		return s
	}
	return ""
}
