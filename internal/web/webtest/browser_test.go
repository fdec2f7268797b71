package webtest

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
)

func TestMain(m *testing.M) { Main(m) }

// recorder is a test whose failures are read instead of failing.
type recorder struct {
	testing.TB
	mu       sync.Mutex
	failures []string
	cleanups []func()
}

func (r *recorder) Error(args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, a := range args {
		if s, ok := a.(string); ok {
			r.failures = append(r.failures, s)
		}
	}
}

func (r *recorder) Cleanup(f func()) { r.cleanups = append(r.cleanups, f) }

func (r *recorder) finish() string {
	for _, f := range r.cleanups {
		f()
	}
	return strings.Join(r.failures, "\n")
}

// A tab tells everything that a page must not do.
func TestTabTellsWhatGoesWrong(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/":
			w.Header().Set("Content-Type", "text/html")
			w.Header().Set("Content-Security-Policy", "default-src 'self'; img-src *")
			_, _ = w.Write([]byte(`<!DOCTYPE html><html lang="en"><title>Wrong</title><script>alert(1)</script>
				<script src="/wrong.js"></script><img src="/missing.png" alt=""><img src="http://elsewhere.example/a.png" alt="">
				<main><h1>Wrong</h1><input></main>`))
		case "/wrong.js":
			w.Header().Set("Content-Type", "text/javascript")
			_, _ = w.Write([]byte(`console.error("broken part"); throw new Error("thrown part")`))
		default:
			http.NotFound(w, r)
		}
	}))
	t.Cleanup(server.Close)
	r := &recorder{TB: t}
	b := Open(r)
	b.Goto(server.URL)
	b.WaitFor("input")
	b.Axe()
	told := r.finish()
	for _, want := range []string{"Content Security Policy", "broken part", "thrown part", "/missing.png answered 404", "another host: http://elsewhere.example", "label (critical)"} {
		if !strings.Contains(told, want) {
			t.Errorf("%q is not told in:\n%s", want, told)
		}
	}
}

// A tab without faults tells nothing, and finds controls by what people read.
func TestTabFindsByWords(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/favicon.ico" {
			w.WriteHeader(http.StatusNoContent)
			return
		}
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write([]byte(`<!DOCTYPE html><html lang="en"><title>Right</title><main><h1>Right</h1><p id="got">` + r.FormValue("name") + "/" + r.FormValue("size") + `</p>
			<form method="post"><label for="n">Name <span class="field-optional">(optional)</span></label><input id="n" name="name" value="old">
			<label for="s">Size</label><select id="s" name="size"><option>small<option>large</select><button>Save it</button></form></main>`))
	}))
	t.Cleanup(server.Close)
	b := Open(t)
	b.Goto(server.URL)
	b.Fill("Name", "new")
	b.Choose("Size", "large")
	b.Follow("Save it")
	if got := b.Text("#got"); got != "new/large" {
		t.Errorf("the form sent %q", got)
	}
}
