package importer

import (
	"context"
	"encoding/csv"
	"errors"
	"io"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"perennial/internal/account"
	"perennial/internal/commerce"
	"perennial/internal/customer"
	"perennial/internal/fault"
	"perennial/internal/money"
	"perennial/internal/period"
)

// Limits of a file.
const (
	MaxFile   = 2 << 30   // bytes
	maxRecord = 64 << 10  // bytes
	maxName   = 200       // bytes of a name in the other system
	maxShown  = 1_000_000 // problems that are remembered
)

// Import is one file to bring.
type Import struct {
	Call         commerce.Call
	Account      account.Account
	Now          time.Time // on the account's clock
	Mapping      *Mapping
	DryRun       bool
	AllOrNothing bool // one bad row, and nothing is brought
	// Open gives the file from its beginning; it is called once for each pass.
	Open func() (io.ReadCloser, error)
	// Progress, when set, hears of every batch.
	Progress func(Progress)
}

// Progress is how far an import is.
type Progress struct {
	Phase string // "checking" or "importing"
	Rows  int    // read so far
	Bytes int64  // of the file, so far
}

// Summary is what came of an import.
type Summary struct {
	Rows     int // records in the file
	Made     int
	Known    int // brought by an earlier import
	Problems []commerce.ImportProblem
}

// Subscriptions brings every subscription that the file describes. Bad rows are
// problems with their line numbers, and the good ones are brought all the same,
// unless AllOrNothing asks for a pass that only checks first. Importing a file
// again changes nothing.
func Subscriptions(ctx context.Context, s *commerce.Service, i Import) (Summary, error) {
	if i.AllOrNothing && !i.DryRun {
		checked, err := i.pass(ctx, s, "checking", true)
		if err != nil || len(checked.Problems) > 0 {
			checked.Made = 0
			return checked, err
		}
	}
	phase := "importing"
	if i.DryRun {
		phase = "checking"
	}
	return i.pass(ctx, s, phase, i.DryRun)
}

// counting counts the bytes that were read.
type counting struct {
	r io.Reader
	n int64
}

func (c *counting) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	if c.n > MaxFile {
		return n, fault.New(fault.Invalid, "the file is larger than %d bytes", int64(MaxFile))
	}
	return n, err
}

// pass reads the file once and hands its rows to commerce in batches.
func (i Import) pass(ctx context.Context, s *commerce.Service, phase string, dry bool) (Summary, error) {
	var sum Summary
	file, err := i.Open()
	if err != nil {
		return sum, err
	}
	defer func() { _ = file.Close() }()
	count := &counting{r: file}
	records := csv.NewReader(count)
	records.ReuseRecord = true
	header, err := records.Read()
	if err != nil {
		return sum, fault.Wrap(fault.Invalid, err, "the file has no header line that can be read as CSV")
	}
	header[0] = strings.TrimPrefix(header[0], "\ufeff")
	at, err := i.Mapping.bind(header)
	if err != nil {
		return sum, err
	}
	seen := map[string]int{} // ids of this file, and their lines
	batch := make([]commerce.ImportRow, 0, commerce.MaxImport)
	flush := func() error {
		done, err := s.Import(ctx, commerce.Import{Call: i.Call, Rows: batch, DryRun: dry, Numbers: i.Mapping.numbers()})
		if err != nil {
			return err
		}
		sum.Made += done.Made
		sum.Known += done.Known
		sum.Problems = append(sum.Problems, done.Problems...)
		batch = batch[:0]
		if i.Progress != nil {
			i.Progress(Progress{Phase: phase, Rows: sum.Rows, Bytes: count.n})
		}
		return nil
	}
	for {
		record, err := records.Read()
		if errors.Is(err, io.EOF) {
			return sum, flush()
		}
		line, problem, err := badRecord(records, record, err)
		if err != nil {
			return sum, err
		}
		sum.Rows++
		if problem == nil {
			var row commerce.ImportRow
			if row, problem = i.row(record, at); problem == nil {
				if first, twice := seen[row.ID]; twice {
					problem = fault.New(fault.Invalid, "id %s stands in line %d already", strconv.Quote(row.ID), first)
				} else {
					seen[row.ID] = line
					row.Line = line
					batch = append(batch, row)
				}
			}
		}
		if problem != nil && len(sum.Problems) < maxShown {
			sum.Problems = append(sum.Problems, commerce.ImportProblem{Line: line, Message: fault.As(problem).Error()})
		}
		if len(batch) == commerce.MaxImport {
			if err := flush(); err != nil {
				return sum, err
			}
		}
	}
}

// badRecord is the line of a record, and what is wrong with its form; err is what
// ends the import.
func badRecord(records *csv.Reader, record []string, failed error) (line int, problem, err error) {
	var parse *csv.ParseError
	switch {
	case errors.As(failed, &parse):
		return parse.StartLine, fault.New(fault.Invalid, "is not CSV of the header's form: %v", parse.Err), nil
	case failed != nil:
		return 0, nil, failed
	}
	line, _ = records.FieldPos(0)
	size := 0
	for _, field := range record {
		size += len(field)
		if !utf8.ValidString(field) || strings.ContainsRune(field, 0) {
			return line, fault.New(fault.Invalid, "is not UTF-8 text"), nil
		}
	}
	if size > maxRecord {
		return line, fault.New(fault.Invalid, "is larger than %d bytes", maxRecord), nil
	}
	return line, nil, nil
}

// row turns a record into values.
func (i Import) row(record []string, at map[string]int) (commerce.ImportRow, error) {
	var f fault.Fields
	get := func(part, otherwise string) string {
		if v, ok := i.Mapping.value(part, record, at); ok {
			return v
		}
		return otherwise
	}
	r := commerce.ImportRow{ID: get("id", ""), Email: strings.ToLower(get("email", "")), Product: get("product", ""), Token: get("method", ""),
		Buyer: customer.Buyer{Name: get("name", ""), Company: get("company", ""), Country: get("country", "")}}
	r.Customer = get("customer", r.ID)
	if r.Email == "" && r.Buyer.Name == "" && r.Buyer.Company == "" {
		r.Buyer.Name = r.Customer
	}
	f.Check(r.ID != "" && len(r.ID) <= maxName, "id", "must be 1 to %d bytes", maxName)
	f.Check(r.Customer != "" && len(r.Customer) <= maxName, "customer", "must be 1 to %d bytes", maxName)
	f.Check(r.Product != "", "product", "must not be empty")
	currency, err := money.ParseCurrency(get("currency", string(i.Account.Currency)))
	f.Add("currency", err)
	if err == nil {
		r.Unit, err = money.ParseMajor(get("amount", ""), currency)
		f.Add("amount", err)
	}
	r.Interval, err = period.ParseInterval(get("interval", "month"))
	f.Add("interval", err)
	r.Quantity, err = strconv.ParseInt(get("quantity", "1"), 10, 64)
	f.Check(err == nil && r.Quantity >= 1 && r.Quantity <= 1_000_000, "quantity", "must be a whole number from 1 to 1000000")
	r.Started, err = i.started(get("started", ""))
	f.Add("started", err)
	r.Canceled, err = yes(get("canceled", "no"))
	f.Add("canceled", err)
	return r, f.Err()
}

// started reads a date in the account's zone, or an age before the day of the import.
func (i Import) started(text string) (time.Time, error) {
	zone := i.Account.Location()
	if age, ok := strings.CutSuffix(text, " ago"); ok {
		return ago(age, i.Now, zone)
	}
	day, err := period.ParseDate(text, zone)
	if err != nil {
		return time.Time{}, fault.New(fault.Invalid, "must be a date such as 2026-01-31, or an age such as 14 months ago")
	}
	return day, nil
}

func ago(age string, now time.Time, zone *time.Location) (time.Time, error) {
	number, unit, _ := strings.Cut(strings.TrimSpace(age), " ")
	n, err := strconv.Atoi(number)
	if err != nil || n < 0 || n > 2400 {
		return time.Time{}, fault.New(fault.Invalid, "must be an age such as 14 months ago, at most 2400")
	}
	u, err := period.ParseUnit(strings.TrimSuffix(unit, "s"))
	if err != nil {
		return time.Time{}, fault.New(fault.Invalid, "must be an age in days, weeks, months or years, such as 14 months ago")
	}
	local := now.In(zone)
	today := time.Date(local.Year(), local.Month(), local.Day(), 0, 0, 0, 0, zone)
	return period.Anchor{Start: today, Zone: zone}.Boundary(period.Interval{Unit: u, Count: 1}, -n), nil
}

func yes(text string) (bool, error) {
	switch strings.ToLower(text) {
	case "yes", "true", "1", "canceled", "cancelled":
		return true, nil
	case "no", "false", "0", "active", "":
		return false, nil
	}
	return false, fault.New(fault.Invalid, "must be yes or no")
}
