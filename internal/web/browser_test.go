package web_test

import (
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/chromedp/chromedp/kb"

	"perennial/internal/web"
	"perennial/internal/web/webtest"
)

func TestMain(m *testing.M) { webtest.Main(m) }

var galleryPages = []string{"home", "list", "empty", "detail", "form", "confirm", "job", "checkout", "thanks", "signin"}

// Every component, in both themes and on both widths, is free of accessibility
// violations and never wider than the screen. With GALLERY=dir the pictures are
// kept there for people to look at.
func TestGalleryIsAccessible(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(gallery())
	t.Cleanup(server.Close)
	for _, look := range []struct {
		name  string
		width int
		dark  bool
	}{{"light-1280", 1280, false}, {"dark-1280", 1280, true}, {"light-360", 360, false}, {"dark-360", 360, true}} {
		t.Run(look.name, func(t *testing.T) {
			t.Parallel()
			b := webtest.Open(t)
			b.Viewport(look.width, 800, look.dark)
			for _, name := range galleryPages {
				b.Goto(server.URL + "/" + name)
				b.WaitFor("main")
				if wide := webtest.Eval[int](b, `document.documentElement.scrollWidth`); wide > look.width {
					t.Errorf("%s is %d px wide on a screen of %d px", name, wide, look.width)
				}
				if n := webtest.Eval[int](b, `document.querySelectorAll("h1").length`); n != 1 {
					t.Errorf("%s has %d h1", name, n)
				}
				b.Axe()
				if dir := os.Getenv("GALLERY"); dir != "" {
					b.Screenshot(filepath.Join(dir, name+"-"+look.name+".png"))
				}
			}
		})
	}
}

// Right to left, nothing leaves the screen and the checker stays content.
func TestGalleryReadsRightToLeft(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(gallery())
	t.Cleanup(server.Close)
	b := webtest.Open(t)
	for _, width := range []int{360, 1280} {
		b.Viewport(width, 800, false)
		for _, name := range []string{"home", "list", "detail", "form"} {
			b.Goto(server.URL + "/" + name + "?lang=ar")
			b.WaitFor(`html[dir="rtl"] main`)
			if wide := webtest.Eval[int](b, `document.documentElement.scrollWidth`); wide > width {
				t.Errorf("%s is %d px wide on a screen of %d px", name, wide, width)
			}
			b.Axe()
			if dir := os.Getenv("GALLERY"); dir != "" {
				b.Screenshot(filepath.Join(dir, name+"-rtl.png"))
			}
		}
	}
}

func TestKeysMenusAndPreferences(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(gallery())
	t.Cleanup(server.Close)
	b := webtest.Open(t)
	b.Goto(server.URL + "/home")

	b.Press("/")
	if id := webtest.Eval[string](b, `document.activeElement.id`); id != "search" {
		t.Errorf("/ moved the focus to %q", id)
	}
	webtest.Eval[bool](b, `(document.activeElement.blur(), true)`)
	b.Press("?")
	b.WaitFor("#shortcuts")
	b.Press(kb.Escape)
	b.WaitGone("#shortcuts")
	b.Press("g")
	b.Press("c")
	b.WaitPath("/list")

	b.Click("Mara Lindqvist, menu")
	b.WaitFor(".menu-panel-wide")
	if dir := os.Getenv("GALLERY"); dir != "" {
		b.Screenshot(filepath.Join(dir, "menu.png"))
	}
	b.Click("Dark")
	b.WaitFor(`[data-theme="perennial-dark"]`)
	b.Press(kb.Escape)
	b.WaitGone(".menu-panel-wide")
	b.Goto(server.URL + "/detail")
	b.WaitFor(`html[data-theme="perennial-dark"]`)
	b.Axe()

	b.Follow("Ines Okafor")
	b.WaitPath("/list")
	b.Click(".row-link td:nth-child(4)")
	b.WaitPath("/detail")
}

func TestWrongFormTakesTheFocusAndKeepsIt(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(gallery())
	t.Cleanup(server.Close)
	b := webtest.Open(t)
	b.Expect(422)
	b.Goto(server.URL + "/form")
	b.Fill("Name", "Studio")
	b.Choose("Billed", "Every year")
	b.Follow("Create product")
	if !webtest.Eval[bool](b, `document.activeElement.matches(".error-summary")`) {
		t.Error("the error summary did not take the focus")
	}
	b.Click("Give the product a name")
	if id := webtest.Eval[string](b, `document.activeElement.id`); id != web.FieldID("name") {
		t.Errorf("the link of the summary moved the focus to %q", id)
	}
}

func TestJobFollowsItselfAndIsAnnounced(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(gallery())
	t.Cleanup(server.Close)
	b := webtest.Open(t)
	b.Goto(server.URL + "/job?poll")
	b.WaitText("All rows are in")
	if said := b.Text("#live-polite"); said != "All rows are in" {
		t.Errorf("the live region says %q", said)
	}
}

func TestPagesWorkWithoutScripts(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(gallery())
	t.Cleanup(server.Close)
	b := webtest.Open(t)
	b.NoScript()
	b.Goto(server.URL + "/list")
	b.Click("Mara Lindqvist, menu")
	b.Click("Compact")
	b.WaitFor(`html[data-density="compact"]`)
	if at := webtest.Eval[string](b, `location.pathname`); at != "/list" {
		t.Errorf("the preference led to %s", at)
	}
	b.Viewport(360, 740, false)
	b.Click("Menu")
	b.Click(".sidenav a[href='/detail']")
	b.WaitPath("/detail")
	b.Click("Facts")
	b.WaitFor(".detail-boxes .box")
	b.Goto(server.URL + "/job")
	if !strings.Contains(webtest.Eval[string](b, `document.head.innerHTML`), `http-equiv="refresh" content="5"`) {
		t.Error("the job page does not refresh itself without scripts")
	}
}
