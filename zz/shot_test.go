package zz

import (
	"os"
	"strings"
	"testing"

	"perennial/internal/web/webtest"
)

func TestMain(m *testing.M) { webtest.Main(m) }

func TestShots(t *testing.T) {
	base, out := os.Getenv("BASE"), os.Getenv("OUT")
	b := webtest.Open(t)
	b.Goto(base + "/login")
	b.Fill("E-mail", os.Getenv("U"))
	b.Fill("Password", os.Getenv("P"))
	b.Click("Log in")
	b.WaitFor("nav")
	for _, p := range strings.Fields(os.Getenv("PAGES")) {
		name, path, _ := strings.Cut(p, "=")
		for _, m := range []struct {
			s    string
			w    int
			dark bool
		}{{"wl", 1280, false}, {"nd", 390, true}} {
			b.Viewport(m.w, 900, m.dark)
			b.Goto(base + path)
			b.Screenshot(out + "/" + name + "-" + m.s + ".png")
		}
	}
}
