package dashboard

import (
	"encoding/csv"
	"errors"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"perennial/internal/fault"
	"perennial/internal/tax"
	"perennial/internal/web"
)

// maxLineProblems is how many wrong lines of a pasted table are told at once.
const maxLineProblems = 20

func (v *visit) importTaxRules() {
	if t, ok := v.loadTaxProfile(); ok {
		v.showImport(t, http.StatusOK, filled{Values: url.Values{"how": {"add"}}})
	}
}

func (v *visit) showImport(t taxView, status int, f filled) {
	p := v.page("Paste rules")
	p.Narrow, p.Crumbs = true, v.taxCrumbs(t.Profile)
	web.Render(v.w, v.r, status, importPage(v.at("settings", "tax", t.ID.String()), p, len(t.Rules), f))
}

func (v *visit) saveTaxRules() {
	t, ok := v.loadTaxProfile()
	if !ok || !v.form() {
		return
	}
	f := filled{Values: v.r.PostForm}
	f.Set("rules", strings.ReplaceAll(f.Get("rules"), "\r\n", "\n"))
	if f.Get("how") == "replace" {
		t.Rules = nil
	}
	more, lines, err := v.pasted(f.Get("rules"))
	rules, refused := checkMore(t, more)
	if err == nil {
		err = byLine(refused, len(t.Rules), lines)
	}
	v.submit(f, "", err, v.toTax(t, "rules-added"), v.keepRules(t, rules), func(status int, f filled) { v.showImport(t, status, f) })
}

// columns of a pasted table, in their order when it has no heading.
var ruleColumns = []string{"name", "country", "region", "postal", "rate", "from", "to"}

// pasted reads rules from a table with commas, semicolons or tabs between its columns,
// and tells for each the line that it stood on.
func (v *visit) pasted(text string) (rules []tax.Rule, lines []int, err error) {
	var bad fault.Fields
	problems := 0
	wrong := func(line int, message string) {
		if problems++; problems <= maxLineProblems {
			bad.Bad("rules", "Line %d: %s.", line, message)
		}
	}
	r := csv.NewReader(strings.NewReader(text))
	r.Comma, r.FieldsPerRecord = separator(text), -1
	r.TrimLeadingSpace = r.Comma != '\t' // an empty column would be trimmed with it
	for {
		row, err := r.Read()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			var where *csv.ParseError
			if errors.As(err, &where) {
				wrong(where.StartLine, "a quotation mark is missing or stands in the wrong place")
			}
			break
		}
		line, _ := r.FieldPos(0)
		if len(rules) == 0 && line == 1 && strings.EqualFold(strings.TrimSpace(row[0]), ruleColumns[0]) {
			continue // the heading
		}
		rule, problem := v.pastedRule(row)
		if problem != "" {
			wrong(line, problem)
			continue
		}
		if len(rules) == tax.MaxRules {
			wrong(line, "there are more than "+web.CountText(tax.MaxRules)+" rules")
			break
		}
		rules, lines = append(rules, rule), append(lines, line)
	}
	if problems > maxLineProblems {
		bad.Bad("rules", "%s more are wrong.", counted(problems-maxLineProblems, "line"))
	}
	bad.Check(len(rules) > 0 || problems > 0, "rules", "There is no line with a rule.")
	return rules, lines, bad.Err()
}

// separator is what stands between the columns of the first line.
func separator(text string) rune {
	first, _, _ := strings.Cut(text, "\n")
	best, most := ',', 0
	for _, r := range []rune{',', ';', '\t'} {
		if n := strings.Count(first, string(r)); n > most {
			best, most = r, n
		}
	}
	return best
}

// pastedRule reads a line, or says what is wrong with it.
func (v *visit) pastedRule(row []string) (tax.Rule, string) {
	if len(row) < 5 || len(row) > len(ruleColumns) {
		return tax.Rule{}, "has " + counted(len(row), "column") + "; it must have name, country, region, postal and rate, and may have from and to"
	}
	cell := func(i int) string {
		if i >= len(row) {
			return ""
		}
		return strings.TrimSpace(row[i])
	}
	r := tax.Rule{Name: cell(0), Country: cell(1), Region: cell(2), PostalCode: cell(3)}
	var err error
	if r.Rate, err = percentOf(cell(4)); err != nil {
		return r, "the rate must be a number in per cent, such as 19 or 7.25"
	}
	if r.From, err = v.midnight(cell(5)); err != nil {
		return r, "the first day must be a day such as 2026-12-31"
	}
	if r.To, err = v.midnight(cell(6)); err != nil {
		return r, "the day after the last must be a day such as 2026-12-31"
	}
	r = r.Normal()
	if err := r.Check(); err != nil {
		field := fault.As(err).Fields[0]
		return r, ruleWords[field.Name] + " " + field.Message
	}
	return r, ""
}

var ruleWords = map[string]string{"name": "the name", "country": "the country", "region": "the region", "postal_code": "the postal code", "rate": "the rate", "from": "the first day", "to": "the day after the last"}

// byLine says the refusals of a set of rules by the lines on which its new ones stood,
// those after the first skip.
func byLine(err error, skip int, lines []int) error {
	if err == nil {
		return nil
	}
	var bad fault.Fields
	for _, field := range fault.As(err).Fields {
		_, number, _ := strings.Cut(field.Name, ".")
		number, _, _ = strings.Cut(number, ".")
		n, err := strconv.Atoi(number)
		if err != nil || n < skip || n-skip >= len(lines) {
			bad.Bad("rules", "%s.", field.Message)
			continue
		}
		bad.Bad("rules", "Line %d: another rule holds in the same place and time; give them days that do not overlap.", lines[n-skip])
	}
	return bad.Err()
}
