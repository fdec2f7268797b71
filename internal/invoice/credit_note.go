package invoice

import (
	"fmt"
	"time"

	"perennial/internal/db"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/money"
)

// CreditNote takes back part or all of an issued invoice: a document of its own, with
// a number of its own. What it takes back is refunded, goes to the customer's credit
// balance, or reduces what is owed.
type CreditNote struct {
	ID        id.CreditNote
	Account   id.Account
	Invoice   id.Invoice
	Customer  id.Customer
	Series    string
	Number    int64
	Reason    CreditReason
	Note      string // the merchant's own words, at most MaxNote bytes
	Net       money.Amount
	Tax       money.Amount
	Total     money.Amount // above zero; ToRefund + ToBalance + ToOwed
	ToRefund  int64        // minor units
	ToBalance int64
	ToOwed    int64
	Refund    id.Refund // that gave ToRefund back; 0 for none
	Seller    int64     // the account's profile, for printing
	Buyer     int64     // the customer's version, for printing
	CreatedAt time.Time
}

// CreditReason is why a credit note was written.
type CreditReason string

// The reasons.
const (
	ForRefund   CreditReason = "refund"   // money went back
	ForUnused   CreditReason = "unused"   // a period was left or changed before its end
	ForGoodwill CreditReason = "goodwill" // the merchant chose to
	ForError    CreditReason = "error"    // the invoice charged too much
)

// Label is the credit note's number as printed.
func (c CreditNote) Label() string { return fmt.Sprintf("%s-%06d", c.Series, c.Number) }

// CreditLine is one line of a credit note: part or all of a line of its invoice.
type CreditLine struct {
	Account     id.Account
	CreditNote  id.CreditNote
	Position    int // from 1
	Invoice     id.Invoice
	Line        int // its position on the invoice
	Description string
	Amount      money.Amount // without tax, above or at zero
	Rate        money.Rate
	TaxName     string
	Tax         money.Amount
	Details     Details
}

// Taken is what credit notes took back of each line of an invoice so far, by position.
type Taken map[int]TakenBack

// TakenBack is what credit notes took back of one line so far.
type TakenBack struct {
	Net, Tax int64 // minor units
}

// Portion is how much of a line a credit note takes back.
type Portion struct {
	Line int   // position on the invoice
	Net  int64 // minor units without tax
	// Tax is that of Net in minor units; nil takes it in the proportion of the line, as
	// does a line of which something was taken before.
	Tax     *int64
	Details Details
}

// Take makes the lines of a credit note. The tax of each is in the proportion of its
// line, so that taking a line in parts takes exactly its tax, unless the portion says what
// it is. A portion that is more than what is left of its line is refused.
func (v Invoice) Take(lines []Line, before Taken, portions []Portion) ([]CreditLine, error) {
	var list []CreditLine
	for _, p := range portions {
		i := p.Line - 1
		if i < 0 || i >= len(lines) {
			return nil, fault.BadField("lines", "names line %d, which the invoice does not have", p.Line)
		}
		l, had := lines[i], before[p.Line]
		if p.Net < 0 || p.Net > l.Amount.Minor-had.Net {
			return nil, fault.BadField("lines", "takes %d of line %d, of which %d is left", p.Net, p.Line, l.Amount.Minor-had.Net)
		}
		tax := l.Tax.Minor - had.Tax // of the rest
		switch {
		case p.Tax != nil && had == (TakenBack{}):
			tax = max(min(*p.Tax, tax), 0)
		case p.Net < l.Amount.Minor-had.Net:
			upTo, err := l.Tax.MulRatio(had.Net+p.Net, l.Amount.Minor, money.HalfUp)
			if err != nil {
				return nil, err
			}
			tax = max(min(upTo.Minor-had.Tax, tax), 0)
		}
		if p.Net == 0 && tax == 0 {
			continue
		}
		c := l.Amount.Currency
		list = append(list, CreditLine{Account: v.Account, Invoice: v.ID, Line: p.Line, Position: len(list) + 1, Description: l.Description,
			Amount: money.Amount{Minor: p.Net, Currency: c}, Rate: l.Rate, TaxName: l.TaxName, Tax: money.Amount{Minor: tax, Currency: c}, Details: p.Details})
	}
	return list, nil
}

// TakeTotal makes the lines of a credit note of a total, tax included: each line gives
// in the proportion of what is left of it. More than what is left is refused.
func (v Invoice) TakeTotal(lines []Line, before Taken, total int64) ([]CreditLine, error) {
	var weights []int64
	var left int64
	for _, l := range lines {
		rest := l.Amount.Minor + l.Tax.Minor - before[l.Position].Net - before[l.Position].Tax
		weights = append(weights, rest)
		left += rest
	}
	if total <= 0 || total > left {
		return nil, fault.BadField("amount", "must be 1 to the %d minor units that are left of the invoice", left)
	}
	parts, err := money.Amount{Minor: total, Currency: v.Total.Currency}.Allocate(weights)
	if err != nil {
		return nil, err
	}
	var list []CreditLine
	for i, l := range lines {
		gross := parts[i].Minor
		if gross == 0 {
			continue
		}
		had := before[l.Position]
		restTax, restNet := l.Tax.Minor-had.Tax, l.Amount.Minor-had.Net
		tax := restTax
		if gross < restTax+restNet {
			share, err := l.Tax.MulRatio(had.Net+had.Tax+gross, l.Amount.Minor+l.Tax.Minor, money.HalfUp)
			if err != nil {
				return nil, err
			}
			tax = max(min(share.Minor-had.Tax, restTax, gross), gross-restNet, 0)
		}
		c := l.Amount.Currency
		list = append(list, CreditLine{Account: v.Account, Invoice: v.ID, Line: l.Position, Position: len(list) + 1, Description: l.Description,
			Amount: money.Amount{Minor: gross - tax, Currency: c}, Rate: l.Rate, TaxName: l.TaxName, Tax: money.Amount{Minor: tax, Currency: c}})
	}
	return list, nil
}

// Fill puts lines on the credit note: their places, and the sums.
func (c *CreditNote) Fill(lines []CreditLine) error {
	if len(lines) == 0 {
		return fault.New(fault.Conflict, "nothing is left to take back").WithCode("nothing_to_credit")
	}
	cur := lines[0].Amount.Currency
	c.Net, c.Tax = money.Zero(cur), money.Zero(cur)
	var err error
	for i := range lines {
		lines[i].CreditNote, lines[i].Position = c.ID, i+1
		if c.Net, err = c.Net.Add(lines[i].Amount); err != nil {
			return err
		}
		if c.Tax, err = c.Tax.Add(lines[i].Tax); err != nil {
			return err
		}
	}
	c.Total, err = c.Net.Add(c.Tax)
	return err
}

// InsertCreditNotes writes new credit notes with their lines.
func InsertCreditNotes(tx *db.Tx, list []CreditNote, lines []CreditLine) error {
	for _, c := range list {
		var refund any
		if c.Refund != 0 {
			refund = int64(c.Refund)
		}
		_, err := tx.Exec(`insert into credit_note (account_id, id, invoice_id, customer_id, series, number, reason, note, currency, net, tax, total, to_refund, to_balance, to_owed,
			refund_id, seller_profile, buyer_version, created_at) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)`,
			c.Account, c.ID, c.Invoice, c.Customer, c.Series, c.Number, string(c.Reason), c.Note, string(c.Total.Currency), c.Net.Minor, c.Tax.Minor, c.Total.Minor,
			c.ToRefund, c.ToBalance, c.ToOwed, refund, c.Seller, c.Buyer, db.Time(c.CreatedAt))
		if err != nil {
			return err
		}
	}
	return tx.Insert(creditLineTable, len(lines), func(i int, r *db.Row) {
		l := &lines[i]
		r.Int(int64(l.Account))
		r.Int(int64(l.CreditNote))
		r.Int(int64(l.Position))
		r.Int(int64(l.Invoice))
		r.Int(int64(l.Line))
		r.Text(l.Description)
		r.Int(l.Amount.Minor)
		r.Text(l.Rate.String())
		r.Text(l.TaxName)
		r.Int(l.Tax.Minor)
		r.Text(l.Details.text())
	})
}

var creditLineTable = db.NewTable("credit_note_line", db.Int("account_id"), db.Int("credit_note_id"), db.Int("position"), db.Int("invoice_id"), db.Int("line"),
	db.Text("description"), db.Int("amount"), db.Text("tax_rate"), db.Text("tax_name"), db.Int("tax"), db.Text("details"))

func creditNotes(tx *db.Tx, account id.Account, where string, args ...any) ([]CreditNote, error) {
	var list []CreditNote
	err := tx.Each(func(row db.Scan) error {
		c := CreditNote{Account: account}
		err := row(&c.ID, &c.Invoice, &c.Customer, &c.Series, &c.Number, &c.Reason, &c.Note, &c.Total.Currency, &c.Net.Minor, &c.Tax.Minor, &c.Total.Minor,
			&c.ToRefund, &c.ToBalance, &c.ToOwed, db.ScanNull(&c.Refund), &c.Seller, &c.Buyer, db.ScanTime(&c.CreatedAt))
		c.Net.Currency, c.Tax.Currency = c.Total.Currency, c.Total.Currency
		list = append(list, c)
		return err
	}, `select id, invoice_id, customer_id, series, number, reason, note, currency, net, tax, total, to_refund, to_balance, to_owed, refund_id, seller_profile, buyer_version, created_at
		from credit_note where account_id = $1 `+where, append([]any{account}, args...)...)
	return list, err
}

// LoadCreditNote is one credit note of the account, or NotFound.
func LoadCreditNote(tx *db.Tx, account id.Account, note id.CreditNote) (CreditNote, error) {
	list, err := creditNotes(tx, account, "and id = $2", note)
	if err == nil && len(list) == 0 {
		return CreditNote{}, fault.New(fault.NotFound, "there is no credit note with that id")
	}
	if err != nil {
		return CreditNote{}, err
	}
	return list[0], nil
}

// CreditNotesOf are the credit notes of an invoice, oldest first.
func CreditNotesOf(tx *db.Tx, account id.Account, invoice id.Invoice) ([]CreditNote, error) {
	return creditNotes(tx, account, "and invoice_id = $2 order by id", invoice)
}

// CreditNotes are the account's credit notes older than before, newest first; of one
// customer when customer is not 0.
func CreditNotes(tx *db.Tx, account id.Account, customer id.Customer, before id.CreditNote, limit int) ([]CreditNote, error) {
	last := int64(before)
	if last == 0 {
		last = 1<<63 - 1
	}
	if customer != 0 {
		return creditNotes(tx, account, "and customer_id = $2 and id < $3 order by id desc limit $4", customer, last, limit)
	}
	return creditNotes(tx, account, "and id < $2 order by id desc limit $3", last, limit)
}

// CreditLines are the lines of a credit note, in order.
func CreditLines(tx *db.Tx, c CreditNote) ([]CreditLine, error) {
	var list []CreditLine
	err := tx.Each(func(row db.Scan) error {
		l := CreditLine{Account: c.Account, CreditNote: c.ID}
		var rate, details string
		err := row(&l.Position, &l.Invoice, &l.Line, &l.Description, &l.Amount.Minor, &rate, &l.TaxName, &l.Tax.Minor, &details)
		if err != nil {
			return err
		}
		if l.Details, err = readDetails(details); err != nil {
			return err
		}
		l.Amount.Currency, l.Tax.Currency = c.Total.Currency, c.Total.Currency
		l.Rate, err = money.ParseRate(rate)
		list = append(list, l)
		return err
	}, `select position, invoice_id, line, description, amount, tax_rate, tax_name, tax, details from credit_note_line
		where account_id = $1 and credit_note_id = $2 order by position`, c.Account, c.ID)
	return list, err
}

// TakenOf is what credit notes took back of each line of invoices so far.
func TakenOf(tx *db.Tx, account id.Account, invoices []int64) (map[id.Invoice]Taken, error) {
	found := map[id.Invoice]Taken{}
	err := tx.Each(func(row db.Scan) error {
		var inv id.Invoice
		var line int
		var sum TakenBack
		err := row(&inv, &line, &sum.Net, &sum.Tax)
		if found[inv] == nil {
			found[inv] = Taken{}
		}
		found[inv][line] = sum
		return err
	}, `select invoice_id, line, cast(sum(amount) as bigint), cast(sum(tax) as bigint) from credit_note_line
		where account_id = $1 and `+tx.AnyOf("invoice_id", 2)+" group by invoice_id, line", account, tx.List(invoices))
	return found, err
}

// AddCredited notes what a credit note took back of its invoice, over the version that
// was loaded.
func AddCredited(tx *db.Tx, v Invoice, c CreditNote) error {
	n, err := tx.Exec("update invoice set credited = credited + $4, reduced = reduced + $5, version = version + 1 where account_id = $1 and id = $2 and version = $3 and credited + $4 <= total",
		v.Account, v.ID, v.Version, c.Total.Minor, c.ToOwed)
	if err == nil && n == 0 {
		return db.VersionConflict()
	}
	return err
}
