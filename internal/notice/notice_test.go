package notice

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"golang.org/x/text/language"

	"perennial/internal/event"
	"perennial/internal/fault"
	"perennial/internal/locale"
)

var noon = time.Date(2026, 5, 4, 12, 0, 0, 0, time.UTC)

func brand() Brand {
	return Brand{Name: "Tea House", FromName: "Tea House", ReplyTo: "help@example.com", Colour: "#336699", Legal: "Tea House Ltd\n1 Leaf Lane"}
}

// Every mail has a text that can be made, in every language that customers are written
// in, and says in it what it must.
func TestEveryMailInEveryLanguage(t *testing.T) {
	t.Parallel()
	for _, tag := range locale.Languages() {
		l := locale.For(tag)
		for _, m := range Mails {
			text, ok := defaults[l.Index][m.Kind]
			if !ok {
				if !m.Team {
					t.Errorf("%s in %v has no text", m.Kind, tag)
				}
				continue
			}
			if err := m.Check(text); err != nil {
				t.Errorf("%s in %v: %v", m.Kind, tag, fault.As(err).Fields)
				continue
			}
			facts := Sample(m, noon, "EUR")
			facts.MerchantName, facts.MerchantEmail = "Tea House", "help@example.com"
			got, err := m.Compose(text, m.Values(facts, brand(), l), brand(), l)
			if err != nil {
				t.Fatal(err)
			}
			for _, part := range []string{got.Subject, got.Text, got.HTML} {
				if strings.Contains(part, "{{") || strings.Contains(part, "%!") || strings.Contains(part, "**") || strings.TrimSpace(part) == "" {
					t.Errorf("%s in %v: %s", m.Kind, tag, part)
				}
			}
			if n := len([]rune(got.Subject)); n > 70 {
				t.Errorf("%s in %v: the subject has %d characters: %s", m.Kind, tag, n, got.Subject)
			}
			if len(got.HTML) > 8<<10 {
				t.Errorf("%s in %v: %d bytes of HTML", m.Kind, tag, len(got.HTML))
			}
			if !strings.Contains(got.HTML, `lang="`+tag.String()+`"`) {
				t.Errorf("%s in %v does not name its language", m.Kind, tag)
			}
			if strings.Contains(text.Body, "action.link") && !strings.Contains(got.Text, LinkMarker) {
				t.Errorf("%s in %v has no link", m.Kind, tag)
			}
		}
	}
}

// An empty fact takes its paragraph, row or button with it.
func TestEmptyValuesDropTheirBlock(t *testing.T) {
	t.Parallel()
	m, _ := Of(PaymentFailed)
	f := Sample(m, noon, "EUR")
	f.Link, f.NextTry, f.Invoice = "", time.Time{}, ""
	l := locale.Named("en")
	text, _ := Default(PaymentFailed, l)
	got, err := m.Compose(text, m.Values(f, brand(), l), brand(), l)
	if err != nil {
		t.Fatal(err)
	}
	for _, not := range []string{"We try again", "Update payment details", "Invoice"} {
		if strings.Contains(got.Text, not) || strings.Contains(got.HTML, not) {
			t.Errorf("%q stands in\n%s", not, got.Text)
		}
	}
	if !strings.Contains(got.Text, "Example plan") {
		t.Error(got.Text)
	}
}

func TestEveryLanguageHasEveryWord(t *testing.T) {
	t.Parallel()
	if len(spoken) != len(locale.Languages()) {
		t.Fatalf("%d languages", len(spoken))
	}
	for i, w := range spoken {
		v := reflect.ValueOf(w)
		for n := range v.NumField() {
			if v.Field(n).IsZero() {
				t.Errorf("%v has no %s", locale.Languages()[i], v.Type().Field(n).Name)
			}
		}
	}
}

// An event causes at most one mail, so one endpoint is enough: where several mails
// name the same event, they are to the same side and its facts choose between them.
func TestOneEventOneMail(t *testing.T) {
	t.Parallel()
	team := map[event.Kind]bool{}
	for _, m := range Mails {
		for _, e := range m.Events {
			if before, seen := team[e]; seen && before != m.Team {
				t.Errorf("%s causes mails to the team and to customers", e)
			}
			team[e] = m.Team
		}
	}
	if f := Wanted(func(Kind) bool { return true }); f.Check() != nil || !f.Wants(string(event.InvoicePaid)) || f.Wants(string(event.SubscriptionPaused)) {
		t.Errorf("%v: %v", f, f.Check())
	}
	if err := Wanted(func(Kind) bool { return false }).Check(); err != nil {
		t.Error(err)
	}
}

// What a text may not hold is refused with the place where it stands.
func TestCheckSaysWhere(t *testing.T) {
	t.Parallel()
	m, _ := Of(Receipt)
	good := Text{Subject: "s", Body: "{{ cancel.how }}"}
	for _, c := range []struct {
		change func(*Text)
		field  string
		words  string
	}{
		{func(x *Text) { x.Body += "\n\nHello {{ custmer.name }}" }, "body", "line 3, character 7"},
		{func(x *Text) { x.Body += "\n{{ 1 + 1 }}" }, "body", "is not known"},
		{func(x *Text) { x.Body += "\n{{ greeting" }, "body", "line 2, character 1"},
		{func(x *Text) { x.Body += "\n[x](javascript:alert)" }, "body", "https://"},
		{func(x *Text) { x.Body += "\n[x](http://example.com)" }, "body", "https://"},
		{func(x *Text) { x.Body += "\n[[Go](https://example.com)" }, "body", "button"},
		{func(x *Text) { x.Body += "\n| only a label" }, "body", "row"},
		{func(x *Text) { x.Body += "\n**strong" }, "body", "**"},
		{func(x *Text) { x.Body = "nothing" }, "body", "{{ cancel.how }}"},
		{func(x *Text) { x.Body = "" }, "body", "empty"},
		{func(x *Text) { x.Subject = "" }, "subject", "empty"},
		{func(x *Text) { x.Subject = "a\r\nBcc: b@example.com" }, "subject", "control"},
		{func(x *Text) { x.Subject = "a\u2028b" }, "subject", "control"},
		{func(x *Text) { x.Subject = "{{ cancel.how }}" }, "subject", "body alone"},
		{func(x *Text) { x.Preheader = strings.Repeat("x", 201) }, "preheader", "200"},
		{func(x *Text) { x.Body += "\n4242 4242 4242 4242" }, "body", "card number"},
	} {
		text := good
		c.change(&text)
		err := m.Check(text)
		if err == nil {
			t.Errorf("%+v is taken", text)
			continue
		}
		fields := fault.As(err).Fields
		if len(fields) == 0 || fields[0].Name != c.field || !strings.Contains(fields[0].Message, c.words) {
			t.Errorf("%+v: %+v", text, fields)
		}
	}
	if err := m.Check(good); err != nil {
		t.Error(err)
	}
}

// S12 and S10: what comes from outside is text in HTML and stays on its line in a
// header.
func TestValuesAreEscapedWhereTheyStand(t *testing.T) {
	t.Parallel()
	m, _ := Of(Receipt)
	l := locale.Named("en")
	nasty := "<script>alert(1)</script>\"'&\r\nBcc: eve@example.com\u2028x\x00"
	f := Sample(m, noon, "EUR")
	f.CustomerName, f.Plan, f.Invoice = nasty, nasty, nasty
	b := brand()
	b.Name, b.Footer = "<b>&", "<i>\nfooter"
	got, err := m.Compose(Text{Subject: "{{ customer.name }} {{ plan.name }}", Body: "<b>x</b> {{ customer.name }} [{{ plan.name }}](https://example.com/?a=1&b=2)\n\n| {{ plan.name }} | {{ invoice.number }}\n{{ cancel.how }}"},
		m.Values(f, b, l), b, l)
	if err != nil {
		t.Fatal(err)
	}
	if strings.ContainsAny(got.Subject, "\r\n\x00\u2028") {
		t.Errorf("%q", got.Subject)
	}
	for _, raw := range []string{"<script", "<b>", "<i>"} {
		if strings.Contains(got.HTML, raw) {
			t.Errorf("%q stands in the HTML", raw)
		}
	}
	if !strings.Contains(got.HTML, `href="https://example.com/?a=1&amp;b=2"`) {
		t.Error(got.HTML)
	}
}

func TestBrand(t *testing.T) {
	t.Parallel()
	for _, b := range []Brand{{Name: "a\nb"}, {Colour: "red"}, {Logo: "http://example.com/x.png"}, {Logo: "https://a b"}, {ReplyTo: "a@b, c@d"}, {ReplyTo: "A <a@b.c>"},
		{ReplyTo: "a@b.c\r\nBcc: x@y.z"}, {FromName: "x\u2028y"}, {Manage: "javascript:x"}, {Footer: "a\x00"}} {
		if b.Check() == nil {
			t.Errorf("%+v is taken", b)
		}
	}
	if err := brand().Check(); err != nil {
		t.Error(err)
	}
	for colour, want := range map[string]string{"#000000": "#ffffff", "#ffffff": "#000000", "#ffdd00": "#000000", "#003366": "#ffffff", "": "#ffffff"} {
		if _, got := (Brand{Colour: colour}).colours(); got != want {
			t.Errorf("on %s stands %s", colour, got)
		}
	}
	over := Brand{Colour: "#111111"}.Over(brand())
	if over.Colour != "#111111" || over.Name != "Tea House" {
		t.Errorf("%+v", over)
	}
}

// FuzzText proves that no text breaks the compiler, and that what it takes can be made
// without a mark of a placeholder left.
func FuzzText(f *testing.F) {
	for _, texts := range defaults {
		for _, text := range texts {
			f.Add(text.Subject, text.Body)
		}
	}
	f.Add("[", "[a](b)[[c]](d)|{{}}**")
	m, _ := Of(Welcome)
	l := locale.For(language.German)
	v := m.Values(Sample(m, noon, "EUR"), brand(), l)
	f.Fuzz(func(t *testing.T, subject, body string) {
		text := Text{Subject: subject, Body: body}
		if m.Check(text) != nil {
			return
		}
		got, err := m.Compose(text, v, brand(), l)
		if err != nil || strings.ContainsAny(got.Subject, "\r\n") || strings.Contains(got.HTML, "<script") {
			t.Errorf("%q: %v", got, err)
		}
	})
}
