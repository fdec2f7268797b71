package notice

import (
	"embed"
	"fmt"
	"strings"

	"perennial/internal/locale"
)

//go:embed text/*.txt
var files embed.FS

// defaults are the texts that come with the program, for each language in the order
// of locale.Languages.
var defaults = func() []map[Kind]Text {
	var list []map[Kind]Text
	for _, tag := range locale.Languages() {
		b, err := files.ReadFile("text/" + tag.String() + ".txt")
		if err != nil {
			panic("notice: " + err.Error()) // a language without texts
		}
		list = append(list, parseTexts(string(b)))
	}
	return list
}()

// parseTexts reads "== kind", a line of subject, one of preheader, and the body, for
// each mail.
func parseTexts(s string) map[Kind]Text {
	found := map[Kind]Text{}
	for part := range strings.SplitSeq("\n"+s, "\n== ") {
		if strings.TrimSpace(part) == "" {
			continue
		}
		lines := strings.SplitN(part, "\n", 4)
		if len(lines) < 4 {
			panic(fmt.Sprintf("notice: the text of %q is not whole", lines[0]))
		}
		found[Kind(lines[0])] = Text{Subject: lines[1], Preheader: lines[2], Body: strings.TrimSpace(lines[3])}
	}
	return found
}

// Default is the text of a mail that comes with the program in a language, or in the
// first language where it speaks no other: mails to the team do not.
func Default(k Kind, l locale.Locale) (Text, locale.Locale) {
	if t, ok := defaults[l.Index][k]; ok {
		return t, l
	}
	return defaults[0][k], locale.For(locale.Languages()[0])
}
