// Perennial sells subscriptions and bills them. One program holds everything: the
// server, and the commands of whoever runs it. Each file of this package is one
// command; flags and environment are read here and nowhere else.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"

	"perennial/internal/fault"
)

// version is set by the linker.
var version = "development"

// The exit statuses of every command.
const (
	exitFailed = 1
	exitUsage  = 2
)

// commands are the commands and what they share.
type commands struct {
	Place place `embed:""`

	Serve     serve     `cmd:"" help:"Run the server."`
	Demo      demoRun   `cmd:"" help:"Make a sample business with three years of history and serve it."`
	Account   accounts  `cmd:"" help:"Make and list accounts."`
	OwnerLink ownerLink `cmd:"" help:"Print a fresh one-time link for the first owner."`
	Clock     clocks    `cmd:"" help:"Show clocks, and advance those of sandboxes."`
	Webhook   webhooks  `cmd:"" help:"Add and list webhooks."`
	Import    imports   `cmd:"" help:"Bring subscriptions from another system."`
	Reseal    reseal    `cmd:"" help:"Seal all secrets under the first key, so that older keys can be taken away."`
	Reconcile reconcile `cmd:"" help:"Compare the gateways' own books with payments and refunds."`
	Books     books     `cmd:"" help:"Prove that ledger, invoices, payments and gateways agree."`
	Metrics   measured  `cmd:"" help:"Show, explain and rebuild revenue metrics."`
	Preview   previews  `cmd:"" help:"Show what would be charged, with the arithmetic."`
	Scenario  scenarios `cmd:"" help:"Play stories about a business that are written as text."`
	Simulate  simulate  `cmd:"" help:"Let random merchants live for years and check the books at every step."`
	Doctor    doctor    `cmd:"" help:"Look for what keeps the server from running well."`
	Migrate   migrate   `cmd:"" help:"Bring the schema of the database up to date."`
	Version   shown     `cmd:"" help:"Print the version."`
}

// place is where the data is.
type place struct {
	Data     string `help:"Data folder: the database, the secret key and the admin socket are in it." default:"./data" env:"PERENNIAL_DATA" placeholder:"FOLDER"`
	Database string `help:"PostgreSQL database, postgres://…; SQLite in the data folder when left out." env:"PERENNIAL_DATABASE" placeholder:"URL"`
}

// terminal is where a command reads and writes.
type terminal struct {
	ctx      context.Context // ends when the process is asked to stop
	out, err io.Writer
	environ  []string
	known    []string // the environment variables that mean something
}

func main() {
	// What the program writes is its user's own: keys, customers, the admin socket.
	syscall.Umask(0o077)
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// A second signal ends the process at once.
	context.AfterFunc(ctx, stop)
	os.Exit(run(os.Args[1:], &terminal{ctx: ctx, out: os.Stdout, err: os.Stderr, environ: os.Environ()}))
}

// run runs a command line and returns the exit status.
func run(args []string, t *terminal) (status int) {
	var c commands
	exited := -1
	parser, err := kong.New(&c, kong.Name("perennial"), kong.Description("Subscription commerce that you host yourself."),
		kong.Writers(t.out, t.err),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, NoExpandSubcommands: true}), kong.Exit(func(code int) { exited = code }))
	if err != nil {
		fmt.Fprintln(t.err, "perennial:", err)
		return exitFailed
	}
	t.known = variables(parser.Model.Node)
	if len(args) == 0 {
		args = []string{"--help"}
	}
	parsed, err := parser.Parse(args)
	if exited >= 0 {
		return exited // help was shown
	}
	if err != nil {
		fmt.Fprintf(t.err, "perennial: %v; run: %s --help\n", err, asked(err))
		return exitUsage
	}
	if name := parsed.Selected().Name; name != "doctor" && name != "version" {
		if err := checkVariables(t.environ, t.known); err != nil {
			fmt.Fprintln(t.err, "perennial:", err)
			return exitUsage
		}
	}
	if flag := misplaced(parsed); flag != "" {
		fmt.Fprintf(t.err, "perennial: %s is not for %s, which has a store of its own and throws it away\n", flag, parsed.Selected().Name)
		return exitUsage
	}
	return ended(t, parsed.Run(t, &c.Place))
}

// misplaced is a flag of the place that was given to a command that has no place, "" for
// none: who names a database must not believe that it was used.
func misplaced(parsed *kong.Context) string {
	if name := parsed.Selected().Name; name != "scenario" && name != "simulate" {
		return ""
	}
	for _, p := range parsed.Path {
		if p.Flag != nil && (p.Flag.Name == "data" || p.Flag.Name == "database") {
			return "--" + p.Flag.Name
		}
	}
	return ""
}

// asked is the command whose help shows what is wrong.
func asked(err error) string {
	var parse *kong.ParseError
	if errors.As(err, &parse) && parse.Context != nil {
		if node := parse.Context.Selected(); node != nil {
			return node.FullPath()
		}
	}
	return "perennial"
}

// errFound ends a command that has said what it found; the status is that of a
// failure, and nothing more is printed.
var errFound = errors.New("found")

// ended prints an error in one line and returns the exit status.
func ended(t *terminal, err error) int {
	switch {
	case err == nil:
		return 0
	case errors.Is(err, errFound):
		return exitFailed
	case errors.Is(err, context.Canceled) && t.ctx.Err() != nil:
		fmt.Fprintln(t.err, "perennial: stopped")
		return exitFailed
	}
	fmt.Fprintln(t.err, "perennial:", oneLine(err))
	return exitFailed
}

// oneLine spells an error without line breaks and without empty causes.
func oneLine(err error) string {
	text := err.Error()
	var f *fault.Error
	if errors.As(err, &f) && f.Kind != fault.Internal && len(f.Fields) > 0 {
		parts := make([]string, len(f.Fields))
		for i, field := range f.Fields {
			parts[i] = strings.ReplaceAll(field.Name, "_", " ") + " " + field.Message
		}
		text = strings.Join(parts, "; ")
	}
	return strings.Join(strings.Fields(text), " ")
}
