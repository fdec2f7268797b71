package web_test

import (
	"math"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// colour is a linear sRGB colour.
type colour struct{ r, g, b float64 }

// fromOKLCH turns lightness, chroma and hue into linear sRGB, cut to the gamut as
// a browser with an sRGB screen does.
func fromOKLCH(lightness, chroma, hue float64) colour {
	a, b := chroma*math.Cos(hue*math.Pi/180), chroma*math.Sin(hue*math.Pi/180)
	cube := func(v float64) float64 { return v * v * v }
	l := cube(lightness + 0.3963377774*a + 0.2158037573*b)
	m := cube(lightness - 0.1055613458*a - 0.0638541728*b)
	s := cube(lightness - 0.0894841775*a - 1.2914855480*b)
	cut := func(v float64) float64 { return min(1, max(0, v)) }
	return colour{
		cut(4.0767416621*l - 3.3077115913*m + 0.2309699292*s),
		cut(-1.2684380046*l + 2.6097574011*m - 0.3413193965*s),
		cut(-0.0041960863*l - 0.7034186147*m + 1.7076147010*s),
	}
}

func (c colour) luminance() float64 { return 0.2126*c.r + 0.7152*c.g + 0.0722*c.b }

func contrast(a, b colour) float64 {
	x, y := a.luminance(), b.luminance()
	return (max(x, y) + 0.05) / (min(x, y) + 0.05)
}

var (
	themeBlock = regexp.MustCompile(`(?s)@plugin "daisyui/theme" \{(.*?)\n\}`)
	themeName  = regexp.MustCompile(`name: "([^"]+)"`)
	themeToken = regexp.MustCompile(`--([a-z0-9-]+): oklch\(([0-9.]+) ([0-9.]+) ([0-9.]+)\)`)
)

func themes(t *testing.T) map[string]map[string]colour {
	t.Helper()
	source, err := os.ReadFile("style/theme.css")
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]map[string]colour{}
	for _, block := range themeBlock.FindAllStringSubmatch(string(source), -1) {
		tokens := map[string]colour{}
		for _, m := range themeToken.FindAllStringSubmatch(block[1], -1) {
			var v [3]float64
			for i := range v {
				if v[i], err = strconv.ParseFloat(m[i+2], 64); err != nil {
					t.Fatal(err)
				}
			}
			tokens[strings.TrimPrefix(m[1], "color-")] = fromOKLCH(v[0], v[1], v[2])
		}
		out[themeName.FindStringSubmatch(block[1])[1]] = tokens
	}
	return out
}

// Every pair of colours that components put on each other reaches its bar: text
// 4.5, borders and drawn shapes 3.
func TestContrastOfAllTokenPairs(t *testing.T) {
	t.Parallel()
	all := themes(t)
	if len(all) != 2 {
		t.Fatalf("found %d themes, want perennial and perennial-dark", len(all))
	}
	grounds := []string{"base-100", "base-200", "base-300"}
	texts := []string{"base-content", "muted", "primary", "secondary", "accent", "info", "success", "warning-text", "error"}
	shapes := []string{"series-new", "series-reactivated", "series-expansion", "series-contraction", "series-churned"}
	for name, tokens := range all {
		check := func(fore, back string, bar float64) {
			f, okF := tokens[fore]
			b, okB := tokens[back]
			if !okF || !okB {
				t.Errorf("%s: no token %s or %s", name, fore, back)
				return
			}
			if got := contrast(f, b); got < bar {
				t.Errorf("%s: %s on %s has %.2f, needs %.1f", name, fore, back, got, bar)
			}
		}
		for _, back := range grounds {
			for _, fore := range texts {
				check(fore, back, 4.5)
			}
			check("control-border", back, 3)
		}
		for _, fore := range shapes {
			check(fore, "base-100", 3)
		}
		for _, role := range []string{"primary", "secondary", "accent", "neutral", "info", "success", "warning", "error"} {
			check(role+"-content", role, 4.5)
		}
	}
}
