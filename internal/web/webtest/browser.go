// Package webtest drives a real browser in tests of pages: one headless Chromium
// for each test process, one isolated tab for each test. A tab notes every
// failed request, console error, breach of the content policy and request to
// another host, and fails its test for them. Nothing here sleeps; every wait is
// for a condition with a limit.
package webtest

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// limit is how long a condition may take. It is generous because the machine
// may be shared; a passing test never comes near it.
const limit = 30 * time.Second

// chromium is the one browser of the process.
var chromium struct {
	once sync.Once
	ctx  context.Context
	stop func()
	err  error
}

// Main runs the tests of a package and stops the browser afterwards:
// func TestMain(m *testing.M) { webtest.Main(m) }.
func Main(m *testing.M) {
	code := m.Run()
	if chromium.stop != nil {
		chromium.stop()
	}
	os.Exit(code)
}

func start() {
	path := ""
	for _, name := range []string{"chromium", "chromium-browser", "google-chrome", "chrome"} {
		if found, err := exec.LookPath(name); err == nil {
			path = found
			break
		}
	}
	if path == "" {
		chromium.err = fmt.Errorf("the browser tests need Chromium; install it with: apt-get install chromium")
		return
	}
	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.DisableGPU,
		chromedp.Flag("disable-quic", true), chromedp.Flag("disable-component-update", true),
		chromedp.Flag("hide-scrollbars", true), chromedp.Flag("force-color-profile", "srgb"),
		chromedp.Flag("host-resolver-rules", "MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost"),
		chromedp.Env("LANG=en_US.UTF-8", "TZ=UTC"))
	allocator, stopAllocator := chromedp.NewExecAllocator(context.Background(), options...)
	ctx, stopBrowser := chromedp.NewContext(allocator)
	chromium.ctx, chromium.stop = ctx, func() { stopBrowser(); stopAllocator() }
	if err := chromedp.Do(ctx); err != nil {
		chromium.stop()
		chromium.err = fmt.Errorf("the browser at %s does not start: %w", path, err)
	}
}

// Browser is one tab with its own cookies. Its methods fail the test on the
// spot when something does not come true.
type Browser struct {
	t   testing.TB
	ctx context.Context

	mu       sync.Mutex
	host     string         // host and port of the first page
	others   []string       // hosts that the tab may talk to besides
	allowed  map[int64]bool // status codes a test provokes on purpose
	problems []string
}

// Open gives a new tab of 1280 by 800 pixels in light colours. It closes with
// the test, which fails then for everything that went wrong in the tab. Without
// Chromium the test fails; it never skips.
func Open(t testing.TB) *Browser {
	t.Helper()
	chromium.once.Do(start)
	if chromium.err != nil {
		t.Fatal(chromium.err)
	}
	b := &Browser{t: t, allowed: map[int64]bool{}}
	ctx, cancel := chromedp.NewContext(chromium.ctx, chromedp.WithNewBrowserContext(), chromedp.WithListener(b.hear))
	b.ctx = ctx
	t.Cleanup(func() {
		cancel()
		b.mu.Lock()
		defer b.mu.Unlock()
		for _, p := range b.problems {
			t.Error("in the browser: " + p)
		}
	})
	// The first action ties the tab to its context, so it has no limit of its own.
	if err := chromedp.Do(ctx, chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
		if _, err := chromedp.Call(ctx, network.Enable, network.EnableParams{}); err != nil {
			return err
		}
		_, err := chromedp.Call(ctx, log.Enable, cdp.Empty{})
		return err
	})); err != nil {
		t.Fatalf("open a tab: %v", err)
	}
	b.Viewport(1280, 800, false)
	return b
}

func (b *Browser) problem(format string, args ...any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if text := fmt.Sprintf(format, args...); !slices.Contains(b.problems, text) {
		b.problems = append(b.problems, text)
	}
}

// hear notes what goes wrong in the tab. It runs on the tab's own goroutine.
func (b *Browser) hear(event any) {
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		u, err := url.Parse(e.Request.URL)
		if err != nil || u.Scheme == "data" || u.Scheme == "about" {
			return
		}
		b.mu.Lock()
		foreign := b.host != "" && u.Host != b.host && !slices.Contains(b.others, u.Host)
		b.mu.Unlock()
		if foreign {
			b.problem("request to another host: %s", e.Request.URL)
		}
	case *network.EventResponseReceived:
		b.mu.Lock()
		expected := b.allowed[e.Response.Status]
		b.mu.Unlock()
		if e.Response.Status >= 400 && !expected {
			b.problem("%s answered %d", e.Response.URL, e.Response.Status)
		}
	case *network.EventLoadingFailed:
		if !e.Canceled && e.ErrorText != "net::ERR_ABORTED" {
			b.problem("a request failed: %s %s", e.ErrorText, e.BlockedReason)
		}
	case *runtime.EventConsoleAPICalled:
		if e.Type == "error" || e.Type == "warning" {
			var words []string
			for _, a := range e.Args {
				words = append(words, strings.Trim(string(a.Value)+" "+a.Description, " \""))
			}
			b.problem("console %s: %s", e.Type, strings.Join(words, " "))
		}
	case *runtime.EventExceptionThrown:
		text := e.ExceptionDetails.Text
		if x := e.ExceptionDetails.Exception; x != nil {
			text += " " + x.Description
		}
		b.problem("exception: %s", text)
	case *log.EventEntryAdded:
		// Failed answers are told above, with the choice to expect them.
		if e.Entry.Level == "error" && e.Entry.Source != "network" {
			b.problem("%s: %s (%s)", e.Entry.Source, e.Entry.Text, e.Entry.URL)
		}
	}
}

// Expect lets answers with a status code of 400 or more pass without failing
// the test.
func (b *Browser) Expect(status int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.allowed[int64(status)] = true
}

// AllowHost lets the tab talk to the host and port of an address, too.
func (b *Browser) AllowHost(address string) {
	u, err := url.Parse(address)
	if err != nil {
		b.t.Fatal(err)
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.others = append(b.others, u.Host)
}

// Forget takes back what went wrong so far, for a test that provokes it.
func (b *Browser) Forget() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.problems = nil
}

func (b *Browser) do(what string, steps ...chromedp.Action[chromedp.Void]) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, limit)
	defer cancel()
	if err := chromedp.Do(ctx, steps...); err != nil {
		b.t.Fatalf("%s: %v", what, err)
	}
}

// Goto opens an address and waits until the page has loaded. The host of the
// first address is the only one the tab may talk to.
func (b *Browser) Goto(address string) {
	b.t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		b.t.Fatal(err)
	}
	b.mu.Lock()
	if b.host == "" {
		b.host = u.Host
	}
	b.mu.Unlock()
	b.do("open "+address, chromedp.Navigate(address))
}

// Viewport sets the size in CSS pixels and the colours the system prefers.
func (b *Browser) Viewport(width, height int, dark bool) {
	b.t.Helper()
	scheme := "light"
	if dark {
		scheme = "dark"
	}
	b.do("set the viewport", chromedp.EmulateViewport(int64(width), int64(height)),
		chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
			_, err := chromedp.Call(ctx, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{
				Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme},
					{Name: "prefers-reduced-motion", Value: "reduce"}}})
			return err
		}))
}

// NoScript switches JavaScript of pages off for every page opened from now on.
func (b *Browser) NoScript() {
	b.t.Helper()
	b.do("switch scripts off", chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
		_, err := chromedp.Call(ctx, emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: true})
		return err
	}))
}

// Eval computes a JavaScript expression in the page; promises are awaited.
func Eval[T any](b *Browser, expression string) T {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, limit)
	defer cancel()
	v, err := chromedp.Run(ctx, chromedp.Evaluate[T](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		b.t.Fatalf("evaluate %.80s: %v", expression, err)
	}
	return v
}

// until waits for an expression to give a value that is not null. A page that is
// being replaced meanwhile counts as "not yet".
func until[T any](b *Browser, what, expression string) T {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, limit)
	defer cancel()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		v, err := chromedp.Run(ctx, chromedp.Evaluate[*T](expression))
		if err == nil && v != nil {
			return *v
		}
		select {
		case <-ctx.Done():
			b.t.Fatalf("%s did not come true at %s (last error: %v)\n%s", what, b.place(), err, b.pageText())
		case <-tick.C:
		}
	}
}

func (b *Browser) place() string {
	ctx, cancel := context.WithTimeout(b.ctx, limit)
	defer cancel()
	at, err := chromedp.Run(ctx, chromedp.Location())
	if err != nil {
		return "unknown page"
	}
	return at
}

func (b *Browser) pageText() string {
	ctx, cancel := context.WithTimeout(b.ctx, limit)
	defer cancel()
	text, err := chromedp.Run(ctx, chromedp.Evaluate[string](`document.body ? document.body.innerText.slice(0, 1500) : ""`))
	if err != nil {
		return ""
	}
	return text
}

// WaitFor waits until a selector matches a visible element.
func (b *Browser) WaitFor(selector string) {
	b.t.Helper()
	until[bool](b, "visible "+selector, fmt.Sprintf(`[...document.querySelectorAll(%q)].some(e => e.checkVisibility()) || null`, selector))
}

// WaitGone waits until a selector matches no visible element.
func (b *Browser) WaitGone(selector string) {
	b.t.Helper()
	until[bool](b, "absence of "+selector, fmt.Sprintf(`![...document.querySelectorAll(%q)].some(e => e.checkVisibility()) || null`, selector))
}

// WaitText waits until the page shows a text; runs of spaces count as one.
func (b *Browser) WaitText(text string) {
	b.t.Helper()
	until[bool](b, fmt.Sprintf("text %q", text),
		fmt.Sprintf(`(document.body && document.body.innerText.replace(/\s+/g, " ").includes(%q)) || null`, text))
}

// WaitPath waits until the address has a path and query, and the page has loaded.
func (b *Browser) WaitPath(path string) {
	b.t.Helper()
	until[bool](b, "address "+path,
		fmt.Sprintf(`(document.readyState === "complete" && location.pathname + location.search === %q) || null`, path))
}

// Text is the visible text of the first element a selector matches; it waits
// for the element.
func (b *Browser) Text(selector string) string {
	b.t.Helper()
	return until[string](b, "element "+selector, fmt.Sprintf(`document.querySelector(%q)?.innerText.replace(/\s+/g, " ").trim() ?? null`, selector))
}

// Screenshot writes the whole page as PNG.
func (b *Browser) Screenshot(path string) {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.ctx, limit)
	defer cancel()
	png, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
	if err != nil {
		b.t.Fatalf("screenshot: %v", err)
	}
	if err := os.WriteFile(path, png, 0o600); err != nil {
		b.t.Fatal(err)
	}
}

// Press sends a key or keys to whatever has the focus, for example "/", "g" or
// one of the constants of chromedp/kb.
func (b *Browser) Press(keys string) {
	b.t.Helper()
	b.do("press "+keys, chromedp.KeyEvent(keys))
}

// Tab moves the focus by the keyboard.
func (b *Browser) Tab() {
	b.t.Helper()
	b.do("press Tab", chromedp.KeyEvent(kb.Tab))
}

func (b *Browser) insert(text string) {
	b.t.Helper()
	b.do("type", chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
		_, err := chromedp.Call(ctx, input.InsertText, input.InsertTextParams{Text: text})
		return err
	}))
}
