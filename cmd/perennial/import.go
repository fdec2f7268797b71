package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	"perennial/internal/admin"
	"perennial/internal/commerce"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/importer"
)

// imports brings data from other systems.
type imports struct {
	Subscriptions importSubscriptions `cmd:"" help:"Bring subscriptions from a CSV file."`
}

type importSubscriptions struct {
	File         string     `arg:"" help:"CSV file with a heading line, in UTF-8."`
	Map          string     `help:"Mapping file: which column is what." required:"" placeholder:"FILE"`
	Account      id.Account `help:"Account to bring them into; may be left out when there is one only." placeholder:"ACCOUNT"`
	DryRun       bool       `help:"Check and count, and write nothing."`
	AllOrNothing bool       `help:"Bring nothing when one row is wrong."`
	JSON         bool       `help:"Print JSON." name:"json"`
}

// Run brings a file. Rows that were not brought are a failure.
func (c *importSubscriptions) Run(t *terminal, p *place) error {
	mapping, err := os.ReadFile(c.Map)
	if err != nil {
		return fault.Wrap(fault.Invalid, err, "the mapping cannot be read")
	}
	file, err := os.Open(c.File)
	if err != nil {
		return fault.Wrap(fault.Invalid, err, "the file cannot be read")
	}
	defer file.Close() //nolint:errcheck // only read
	info, err := file.Stat()
	if err != nil {
		return err
	}
	if c.Account == 0 {
		if c.Account, err = t.onlyAccount(p); err != nil {
			return err
		}
	}
	var done admin.Imported
	in := admin.Import{Account: c.Account, Mapping: string(mapping), Size: info.Size(), DryRun: c.DryRun, AllOrNothing: c.AllOrNothing}
	if err := t.do(p, "import/subscriptions", in, file, &done); err != nil {
		return err
	}
	return c.tell(t, done)
}

// tell prints what came of an import.
func (c *importSubscriptions) tell(t *terminal, done admin.Imported) error {
	if c.JSON {
		if err := printJSON(t.out, done); err != nil {
			return err
		}
	} else {
		for _, p := range done.Problems {
			fmt.Fprintf(t.err, "%s:%d: %s\n", c.File, p.Line, p.Message)
		}
		made := "made"
		if c.DryRun {
			made = "would be made"
		}
		fmt.Fprintf(t.out, "%d rows: %d subscriptions %s, %d known already, %d not brought.\n", done.Rows, done.Made, made, done.Known, len(done.Problems))
	}
	if len(done.Problems) > 0 {
		return errFound
	}
	return nil
}

// onlyAccount is the one account that there is.
func (t *terminal) onlyAccount(p *place) (id.Account, error) {
	var list []admin.Account
	if err := t.do(p, "account/list", admin.Empty{}, nil, &list); err != nil {
		return 0, err
	}
	switch len(list) {
	case 0:
		return 0, fault.New(fault.NotFound, "there is no account yet; make one: perennial account create --name NAME --email ADDRESS --sandbox")
	case 1:
		return list[0].ID, nil
	}
	names := make([]string, len(list))
	for i, a := range list {
		names[i] = a.ID.String()
	}
	return 0, fault.New(fault.Invalid, "there are several accounts: name one of %s by --account", strings.Join(names, ", "))
}

// importSubscriptions is the importer behind the operator's command. The file is
// put aside first, because it may be read twice.
func (h *house) importSubscriptions(ctx context.Context, call commerce.Call, i admin.Import, file io.Reader, progress func(admin.Progress)) (admin.Imported, error) {
	mapping, err := importer.ParseMapping(strings.NewReader(i.Mapping))
	if err != nil {
		return admin.Imported{}, err
	}
	a, now, err := h.reader.Account(ctx, i.Account)
	if err != nil {
		return admin.Imported{}, err
	}
	aside, err := os.CreateTemp("", "perennial-import-*.csv")
	if err != nil {
		return admin.Imported{}, fault.Wrap(fault.Unavailable, err, "the file cannot be put aside")
	}
	defer os.Remove(aside.Name()) //nolint:errcheck // a temporary file
	defer aside.Close()           //nolint:errcheck // only read from here on
	size, err := io.Copy(aside, io.LimitReader(file, importer.MaxFile+1))
	if err != nil {
		return admin.Imported{}, fault.Wrap(fault.Unavailable, err, "the file cannot be put aside")
	}
	if size > importer.MaxFile {
		return admin.Imported{}, fault.New(fault.Invalid, "the file is larger than %d bytes; split it", int64(importer.MaxFile))
	}
	tell := func(p importer.Progress) {
		progress(admin.Progress{Done: min(1, float64(p.Bytes)/float64(max(1, size))), Text: fmt.Sprintf("%s: %d rows", p.Phase, p.Rows)})
	}
	got, err := importer.Subscriptions(ctx, h.service, importer.Import{Call: call, Account: a, Now: now, Mapping: mapping, DryRun: i.DryRun,
		AllOrNothing: i.AllOrNothing, Progress: tell, Open: func() (io.ReadCloser, error) { return os.Open(aside.Name()) }})
	done := admin.Imported{Rows: got.Rows, Made: got.Made, Known: got.Known, Problems: []admin.ImportLine{}}
	for _, p := range got.Problems {
		done.Problems = append(done.Problems, admin.ImportLine{Line: p.Line, Message: p.Message})
	}
	return done, err
}
