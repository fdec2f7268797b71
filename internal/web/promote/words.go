package promote

import (
	"strings"

	"golang.org/x/text/language"
)

// english is the language of these pages.
var english = language.English

// paragraphs are the lines of a text that are not empty.
func paragraphs(text string) []string {
	var list []string
	for line := range strings.SplitSeq(text, "\n") {
		if line = strings.TrimSpace(line); line != "" {
			list = append(list, line)
		}
	}
	return list
}
