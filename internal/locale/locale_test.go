package locale_test

import (
	"testing"
	"time"

	"golang.org/x/text/language"

	"perennial/internal/locale"
)

func TestDays(t *testing.T) {
	t.Parallel()
	day := time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)
	for tag, want := range map[string]string{
		"": "1 May 2026", "en": "1 May 2026", "en-US": "May 1, 2026", "de": "1. Mai 2026", "de-AT": "1. Mai 2026", "fr": "1er mai 2026",
		"es": "1 de mayo de 2026", "el": "1 Μαΐου 2026", "bg": "1 май 2026 г.", "ja": "1 May 2026", "no tag": "1 May 2026",
	} {
		got := locale.Named(tag).Day(day)
		if plain := plainSpaces(got); plain != want {
			t.Errorf("%q: %q, want %q", tag, plain, want)
		}
	}
	en := locale.Named("en")
	if got := plainSpaces(en.Span(day, day.AddDate(0, 1, 0))); got != "1 May 2026 – 1 June 2026" {
		t.Error(got)
	}
	if en.Span(time.Time{}, day) != "" {
		t.Error("a stretch without beginning is written")
	}
}

func TestEveryLanguageIsFound(t *testing.T) {
	t.Parallel()
	for i, tag := range locale.Languages() {
		l := locale.For(tag)
		if l.Index != i || l.Language() != tag || l.Tag != tag {
			t.Errorf("%v: %+v", tag, l)
		}
		for m := time.January; m <= time.December; m++ {
			if l.Day(time.Date(2026, m, 2, 0, 0, 0, 0, time.UTC)) == "" {
				t.Errorf("%v has no name for %v", tag, m)
			}
		}
	}
	if l := locale.For(language.Japanese); l.Index != 0 || l.Tag != language.English {
		t.Errorf("what is not spoken: %+v", l)
	}
	if l := locale.Named("de-CH"); l.Tag.String() != "de-CH" {
		t.Errorf("the region is lost: %+v", l)
	}
}

func plainSpaces(s string) string {
	out := []rune(s)
	for i, r := range out {
		if r == 0xa0 {
			out[i] = ' '
		}
	}
	return string(out)
}
