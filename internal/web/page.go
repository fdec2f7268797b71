// Package web is the ground of every page a person sees: layouts, components,
// style sheets, scripts and the rules for headers and preferences. Components
// take texts that are ready to show and links that are ready to follow; they
// know nothing of customers, invoices or subscriptions. Every component works
// without JavaScript; app.js and htmx only make it quicker.
package web

import (
	"github.com/a-h/templ"
)

// Page is everything the dashboard layout shows around the content of one page.
type Page struct {
	Title  string // also the one h1 of the page; the browser title adds the account
	Lang   string // BCP 47 tag; empty means "en"
	Header Header // status, facts, id and actions beside the title
	Crumbs []Link // the way from the top to this page, without the page itself

	AccountName string // the account whose data is shown
	AccountHref string // its home, for example "/app/acc_1"
	Sandbox     bool   // marks the page as a sandbox in every place
	Clock       string // sandbox only: the account's own time in words
	ClockHref   string // sandbox only: the page that moves the clock

	Accounts []AccountLink // the accounts to switch between; fewer than two hide the switcher

	Nav         []NavGroup
	MemberName  string // the person signed in
	MemberEmail string
	ProfileHref string // the person's own page; empty hides the entry
	LogoutHref  string // receives a POST
	HelpHref    string // same place on every page
	SearchHref  string // GET with the parameter q; empty hides the search field
	Query       string // what was searched for
	New         []Link // entries of the "New" menu; empty hides it
	Jobs        int    // running jobs; 0 hides the counter
	JobsHref    string
	NeedsYou    int // open matters; 0 hides the counter
	NeedsHref   string

	Preferences Preferences // PreferencesOf(r)
	Path        string      // this page's path and query: where a preference change returns
	Notice      *Message    // the outcome of the action that led here
	Refresh     int         // without JavaScript the page reloads after so many seconds; 0 never
	Narrow      bool        // forms and texts: the content is 640 px wide
}

// AccountLink is an account that the member can switch to.
type AccountLink struct {
	Name    string
	Sandbox bool
	Href    string
}

func (a AccountLink) mode() string {
	if a.Sandbox {
		return "Sandbox"
	}
	return "Live"
}

// Link is a text that leads somewhere.
type Link struct {
	Label string
	Href  string
}

// NavGroup is a group of the left navigation. A group with one entry and no
// label stands as a plain link; a labelled group folds.
type NavGroup struct {
	Label string
	Icon  string // a name of Icon
	Items []NavItem
}

// NavItem is one page of the left navigation.
type NavItem struct {
	Label   string
	Href    string
	Icon    string // for entries of a group without a label
	Current bool   // the page shown, or the section it belongs to
	Key     string // "c" makes "g c" go there; empty for none
	Count   int    // 0 shows nothing
}

func (g NavGroup) current() bool {
	for _, item := range g.Items {
		if item.Current {
			return true
		}
	}
	return false
}

// Header is what stands beside a page's title.
type Header struct {
	Status  string // a word of Status; empty for none
	Lead    string // one sentence below the title
	Facts   []Fact // up to four key facts
	ID      string // shown with a copy button
	Primary templ.Component
	More    []Action // the overflow menu
}

// Fact is one term with its value, for definition lists and key facts.
type Fact struct {
	Term  string
	Text  string          // used when Value is nil; empty reads as "none"
	Value templ.Component // any component instead of Text
	Note  string          // small text below
}

// Action is an entry of a menu: a link, or a button that posts.
type Action struct {
	Label  string
	Href   string
	Post   bool // sends a POST to Href instead of following it
	Danger bool
}

// Message is an outcome told on top of a page.
type Message struct {
	Kind  Kind
	Title string
	Text  string
	Link  *Link
}

// Kind is the tone of a notice.
type Kind string

// The tones of a notice. Each has its own icon; none speaks by colour alone.
const (
	Info    Kind = "info"
	Success Kind = "success"
	Warning Kind = "warning"
	Failure Kind = "error"
)

// PublicPage is what the layouts for buyers, subscribers and people signing in
// show around the content.
type PublicPage struct {
	Title       string // also the one h1, drawn by the layout
	HideTitle   bool   // keeps the h1 for screen readers only
	Lang        string // BCP 47 tag; empty means "en"
	Brand       string // the merchant's name; the layout for signing in shows Perennial when empty
	BrandHref   string
	Test        bool   // adds the bar "Test mode: no money moves"
	Lead        string // one sentence below the title
	Wide        bool   // 1,040 px instead of 560 px
	Footer      []Link
	Preferences Preferences
	Notice      *Message
	Refresh     int // without JavaScript the page reloads after so many seconds; 0 never
}

func langOf(tag string) string {
	if tag == "" {
		return "en"
	}
	return tag
}

// direction is the writing direction of a language.
func direction(tag string) string {
	if len(tag) >= 2 {
		switch tag[:2] {
		case "ar", "fa", "he", "ur", "ps", "sd", "yi":
			return "rtl"
		}
	}
	return "ltr"
}

func (p Page) browserTitle() string {
	title := p.Title
	if p.AccountName != "" {
		title += " · " + p.AccountName
	}
	if p.Sandbox {
		title = "Sandbox: " + title
	}
	return title
}

func (p PublicPage) browserTitle() string {
	title := p.Title
	if p.Brand != "" && p.Brand != p.Title {
		title += " · " + p.Brand
	}
	if p.Test {
		title = "Test: " + title
	}
	return title
}

func favicon(sandbox bool) string {
	if sandbox {
		return AssetPath("favicon-sandbox.svg")
	}
	return AssetPath("favicon.svg")
}

func initials(name string) string {
	out, word := []rune{}, true
	for _, r := range name {
		if r == ' ' || r == '-' || r == '.' {
			word = true
			continue
		}
		if word && len(out) < 2 {
			out = append(out, r)
		}
		word = false
	}
	return string(out)
}

func colorScheme(theme string) string {
	switch theme {
	case "perennial":
		return "light"
	case "perennial-dark":
		return "dark"
	}
	return "light dark"
}
