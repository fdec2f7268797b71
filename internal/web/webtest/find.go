package webtest

import (
	"encoding/json"
	"fmt"

	"github.com/chromedp/chromedp"
)

// finders are defined in the page before each look-up. A name is a CSS selector
// when it starts with one of # . [ or ends in a selector sign; otherwise it is
// what a person reads: the text of a control or the label of a field.
const finders = `
const clean = s => (s || "").replace(/\s+/g, " ").trim();
const seen = e => e.checkVisibility({visibilityProperty: true}) && e.getClientRects().length > 0;
const bySelector = s => /^[#.\[]|[>\[#]/.test(s) ? [...document.querySelectorAll(s)] : null;
const controls = name => {
  const direct = bySelector(name);
  if (direct) return direct.filter(seen);
  const all = [...document.querySelectorAll("button, a[href], summary, [role=button], input[type=submit], label")].filter(seen);
  const text = e => clean(e.value && e.type === "submit" ? e.value : e.getAttribute("aria-label") || e.innerText || e.textContent);
  const rank = e => e.matches("button, [role=button], input") ? 0 : e.matches("a") ? 1 : 2;
  const exact = all.filter(e => text(e) === name || clean(e.textContent) === name);
  return (exact.length ? exact : all.filter(e => text(e).includes(name))).sort((a, b) => rank(a) - rank(b));
};
const fields = name => {
  const direct = bySelector(name);
  if (direct) return direct;
  const labelled = [...document.querySelectorAll("label")].filter(l => l.control);
  const plain = l => clean([...l.childNodes].filter(n => !(n.classList && n.classList.contains("field-optional"))).map(n => n.textContent).join(""));
  const exact = labelled.filter(l => plain(l) === name).map(l => l.control);
  const loose = labelled.filter(l => plain(l).includes(name)).map(l => l.control);
  const named = [...document.querySelectorAll("input, select, textarea")].filter(e => e.getAttribute("aria-label") === name || e.name === name);
  return [...exact, ...named, ...loose];
};
`

func inPage(body string, args ...any) string {
	encoded := make([]any, len(args))
	for i, a := range args {
		text, err := json.Marshal(a)
		if err != nil {
			panic(err) // only strings come here
		}
		encoded[i] = string(text)
	}
	return "(() => {" + finders + fmt.Sprintf(body, encoded...) + "})()"
}

type spot struct {
	X, Y    float64
	Covered string
}

// Click presses a button, link, summary or label with the mouse, named by its
// text ("Refund $29.00") or by a selector. It waits until the control is there,
// can be pressed and is not covered by anything. It does not wait for what
// follows: use WaitPath, WaitFor or WaitText.
func (b *Browser) Click(name string) {
	b.t.Helper()
	at := until[spot](b, fmt.Sprintf("control %q", name), inPage(`
		const e = controls(%s).find(e => !e.disabled);
		if (!e) return null;
		e.scrollIntoView({block: "center", inline: "center", behavior: "instant"});
		const r = e.getClientRects()[0], x = r.left + r.width / 2, y = r.top + r.height / 2;
		const top = document.elementFromPoint(x, y);
		const own = top && (e.contains(top) || top.contains(e) || e.control === top || (top.closest("label") || {}).control === e);
		return own ? {X: x, Y: y, Covered: ""} : null;`, name))
	b.do("press "+name, chromedp.MouseClickXY(at.X, at.Y))
}

// Follow is Click on a link or button that leads to another page; it returns
// when that page has loaded.
func (b *Browser) Follow(name string) {
	b.t.Helper()
	mark := Eval[float64](b, `performance.timeOrigin`)
	b.Click(name)
	until[bool](b, fmt.Sprintf("page behind %q", name),
		fmt.Sprintf(`(performance.timeOrigin !== %v && document.readyState === "complete") || null`, mark))
}

// Fill types into the field with a label, name or selector, replacing what is
// there. Date and number fields are set as their picker would.
func (b *Browser) Fill(name, text string) {
	b.t.Helper()
	kind := until[string](b, fmt.Sprintf("field %q", name), inPage(`
		const e = fields(%s).find(e => !e.disabled && seen(e));
		if (!e) return null;
		e.focus();
		if (["date", "time", "datetime-local", "month", "number", "color", "range"].includes(e.type)) {
			e.value = %s;
			e.dispatchEvent(new Event("input", {bubbles: true}));
			e.dispatchEvent(new Event("change", {bubbles: true}));
			return "set";
		}
		e.select();
		if (%[2]s === "") { e.value = ""; e.dispatchEvent(new Event("input", {bubbles: true})); return "set"; }
		return "type";`, name, text))
	if kind == "type" {
		b.insert(text)
		Eval[bool](b, `(document.activeElement.dispatchEvent(new Event("change", {bubbles: true})), true)`)
	}
}

// Choose selects the option with a text or value in the list with a label, or
// the radio button or checkbox with that label when option is empty.
func (b *Browser) Choose(name, option string) {
	b.t.Helper()
	if option == "" {
		b.Click(name)
		return
	}
	until[bool](b, fmt.Sprintf("option %q of %q", option, name), inPage(`
		const e = fields(%s).find(e => e.tagName === "SELECT" && !e.disabled);
		const o = e && [...e.options].find(o => clean(o.text) === %s || o.value === %[2]s);
		if (!o) return null;
		e.focus();
		e.value = o.value;
		e.dispatchEvent(new Event("input", {bubbles: true}));
		e.dispatchEvent(new Event("change", {bubbles: true}));
		return true;`, name, option))
}
