package main

import (
	"fmt"
	"io"
	"os"

	"github.com/schollz/progressbar/v3"
	"golang.org/x/term"

	"perennial/internal/admin"
)

// progress shows how far long work is: a bar on a terminal, else a line for each
// tenth.
type progress struct {
	w     io.Writer
	bar   *progressbar.ProgressBar
	isTTY bool
	tenth int
	text  string
}

// parts is how finely a bar moves.
const parts = 1000

func newProgress(w io.Writer) *progress {
	f, ok := w.(*os.File)
	return &progress{w: w, isTTY: ok && term.IsTerminal(int(f.Fd())), tenth: -1}
}

func (p *progress) show(now admin.Progress) {
	if p.isTTY {
		if p.bar == nil {
			p.bar = progressbar.NewOptions64(parts, progressbar.OptionSetWriter(p.w), progressbar.OptionClearOnFinish(),
				progressbar.OptionSetWidth(30), progressbar.OptionSetPredictTime(true))
		}
		p.bar.Describe(now.Text)
		_ = p.bar.Set64(int64(max(now.Done, 0) * parts)) // a bar that cannot be drawn is no reason to stop
		return
	}
	if now.Done < 0 {
		if now.Text != p.text {
			fmt.Fprintln(p.w, now.Text)
		}
	} else if tenth := int(now.Done * 10); tenth > p.tenth {
		p.tenth = tenth
		fmt.Fprintf(p.w, "%3d %%  %s\n", tenth*10, now.Text)
	}
	p.text = now.Text
}

// end takes the bar away.
func (p *progress) end(bool) {
	if p.bar != nil {
		_ = p.bar.Finish() // see show
		_ = p.bar.Clear()
	}
}
