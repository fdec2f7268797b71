package sandbox

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"perennial/internal/clock"
	"perennial/internal/db"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/payment"
)

// What the sandbox does by itself is written down when it is charged, with the instant on
// the account's clock. It happens when somebody asks with that instant behind them:
// nothing runs in the background.

// newsKind is what happens by itself.
type newsKind string

const (
	settled       newsKind = "charge.settled"
	bounced       newsKind = "charge.failed"
	disputeOpened newsKind = "dispute.opened"
	disputeLost   newsKind = "dispute.lost"
	disputeWon    newsKind = "dispute.won"
	inquiryOpened newsKind = "inquiry.opened"
	inquiryClosed newsKind = "inquiry.closed"
	cardRenewed   newsKind = "card.renewed"
	cardClosed    newsKind = "card.closed"
)

// news is one thing that happens by itself.
type news struct {
	at      time.Time
	id      int64
	kind    newsKind
	subject string // the key of a charge, or a card's token
}

var newsTable = db.NewTable("sandbox_news", db.Int("account_id"), db.Int("at"), db.Int("id"), db.Text("kind"), db.Text("subject"), db.Bool("happened"))

func insertNews(tx *db.Tx, account id.Account, list []news) error {
	return tx.Insert(newsTable, len(list), func(i int, r *db.Row) {
		r.Int(int64(account))
		r.Time(list[i].at)
		r.Int(list[i].id)
		r.Text(string(list[i].kind))
		r.Text(list[i].subject)
		r.Bool(false)
	})
}

func readNews(tx *db.Tx, account id.Account, where string, args ...any) ([]news, error) {
	var list []news
	err := tx.Each(func(row db.Scan) error {
		var n news
		err := row(db.ScanTime(&n.at), &n.id, &n.kind, &n.subject)
		list = append(list, n)
		return err
	}, "select at, id, kind, subject from sandbox_news where account_id = $1 "+where, append([]any{account}, args...)...)
	return list, err
}

const (
	dueNews  = "and not happened and at <= $2 order by at, id limit 100"
	nextNews = "and subject = $2 and not happened order by at, id limit 1"
	pastNews = "and subject = $2 and happened order by at, id limit 100"
)

// catchUp lets everything happen that was to happen up to an instant.
func (g *Gateway) catchUp(ctx context.Context, account id.Account, now time.Time) error {
	if now.IsZero() {
		return nil
	}
	for {
		var due []news
		err := g.db.Read(ctx, func(tx *db.Tx) (err error) {
			due, err = readNews(tx, account, dueNews, clock.Micros(now))
			return err
		})
		if err != nil || len(due) == 0 {
			return err
		}
		err = g.db.Update(ctx, func(tx *db.Tx) error {
			for _, n := range due {
				if err := n.happen(tx, account); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
}

// happen writes one thing down as having happened.
func (n news) happen(tx *db.Tx, account id.Account) error {
	const settle = "update sandbox_charge set outcome = $3, code = $4 where account_id = $1 and key = $2 and outcome = 'processing'"
	var err error
	switch n.kind {
	case settled:
		_, err = tx.Exec(settle, account, n.subject, succeeded, "")
	case bounced:
		_, err = tx.Exec(settle, account, n.subject, declined, "insufficient_funds")
	}
	if err != nil {
		return err
	}
	_, err = tx.Exec("update sandbox_news set happened = $4 where account_id = $1 and at = $2 and id = $3", account, clock.Micros(n.at), n.id, true)
	return err
}

// notice is the word of something that happened. Its id sorts as it happened.
func (n news) notice() payment.Notice {
	out := payment.Notice{ID: fmt.Sprintf("%016x-%016x", clock.Micros(n.at), n.id), Type: string(n.kind), At: n.at}
	switch n.kind {
	case settled, bounced:
		out.Kind, out.Key, out.Reference = payment.ChargeNotice, n.subject, "ch_"+n.subject
	case cardRenewed, cardClosed:
		out.Kind, out.Reference = payment.MethodNotice, n.subject
	default:
		out.Kind, out.Reference = payment.DisputeNotice, "dp_"+n.subject
	}
	out.Body = string(wireNotice{out.ID, out.Kind, out.Type, clock.Micros(out.At), out.Key, out.Reference}.bytes())
	return out
}

// maxNotices is how many notices one reading of the list gives.
const maxNotices = 100

// Notices are what happened after the notice named, the oldest first.
func (g *Gateway) Notices(ctx context.Context, account id.Account, after string, now time.Time) ([]payment.Notice, string, error) {
	if err := g.wait(ctx); err != nil {
		return nil, after, err
	}
	if err := g.catchUp(ctx, account, now); err != nil {
		return nil, after, err
	}
	var at, last int64
	if after != "" {
		if _, err := fmt.Sscanf(after, "%016x-%016x", &at, &last); err != nil {
			return nil, after, fault.New(fault.Invalid, "the sandbox has no notice with that id")
		}
	}
	var list []news
	err := g.db.Read(ctx, func(tx *db.Tx) (err error) {
		list, err = readNews(tx, account, "and at >= $2 and (at > $2 or id > $3) and happened order by at, id limit $4", at, last, maxNotices)
		return err
	})
	told := make([]payment.Notice, len(list))
	for i, n := range list {
		told[i] = n.notice()
		after = told[i].ID
	}
	return told, after, err
}

// Dispute is a dispute as it stands.
func (g *Gateway) Dispute(ctx context.Context, account id.Account, reference string) (payment.Disputed, error) {
	if err := g.wait(ctx); err != nil {
		return payment.Disputed{}, err
	}
	key := ""
	if len(reference) > 3 && reference[:3] == "dp_" {
		key = reference[3:]
	}
	d := payment.Disputed{Reference: reference, ChargeKey: key, ChargeReference: "ch_" + key, Reason: "product_not_received"}
	err := g.db.Read(ctx, func(tx *db.Tx) error {
		past, err := readNews(tx, account, pastNews, key)
		if err != nil {
			return err
		}
		for _, n := range past {
			follow(&d, n)
		}
		if d.State == "" {
			return fault.New(fault.NotFound, "the sandbox has no dispute with that reference")
		}
		next, err := readNews(tx, account, nextNews, key)
		if err != nil {
			return err
		}
		if len(next) > 0 {
			d.News = next[0].at
		}
		return tx.One([]any{&d.Amount.Minor, &d.Amount.Currency}, "select amount, currency from sandbox_charge where account_id = $1 and key = $2", account, key)
	})
	return d, err
}

// follow lets what happened become of a dispute.
func follow(d *payment.Disputed, n news) {
	switch n.kind {
	case disputeOpened:
		d.State, d.OpenedAt, d.EvidenceBy = payment.NeedsResponse, n.at, n.at.Add(9*day)
	case inquiryOpened:
		d.State, d.OpenedAt = payment.Warning, n.at
	case disputeLost:
		d.State, d.ClosedAt = payment.Lost, n.at
	case disputeWon:
		d.State, d.ClosedAt = payment.Won, n.at
	case inquiryClosed:
		d.State, d.ClosedAt = payment.WarningClosed, n.at
	}
	if d.State.Ended() {
		d.EvidenceBy = time.Time{}
	}
}

// Instrument is a card as the networks know it now.
func (g *Gateway) Instrument(ctx context.Context, account id.Account, token string) (payment.Instrument, error) {
	if err := g.wait(ctx); err != nil {
		return payment.Instrument{}, err
	}
	gone := fault.New(fault.NotFound, "the sandbox has no such payment method any more")
	var i payment.Instrument
	err := g.db.Read(ctx, func(tx *db.Tx) error {
		var name string
		var saved time.Time
		err := tx.One([]any{&name, db.ScanTime(&saved)}, "select behaviour, created_at from sandbox_card where account_id = $1 and token = $2", account, token)
		if err != nil {
			return err
		}
		c, _ := lookUp(name)
		i = payment.Instrument{Token: token, Kind: "card", Brand: c.brand, LastFour: c.lastFour, Expires: expires(saved), Fingerprint: "fp_" + name}
		if c.kind != "" {
			i.Kind, i.Expires = c.kind, 0
		}
		past, err := readNews(tx, account, pastNews, token)
		if err != nil {
			return err
		}
		for _, n := range past {
			switch n.kind {
			case cardRenewed:
				i.LastFour, i.Expires = "7777", expires(n.at)
			case cardClosed:
				return gone
			}
		}
		return nil
	})
	return i, err
}

// bytes are a notice as it is sent.
func (n wireNotice) bytes() []byte {
	b, _ := json.Marshal(n) // texts and a number always marshal
	return b
}

type wireNotice struct {
	ID        string             `json:"id"`
	Kind      payment.NoticeKind `json:"kind"`
	Type      string             `json:"type"`
	At        int64              `json:"at"`
	Key       string             `json:"key,omitempty"`
	Reference string             `json:"reference,omitempty"`
}

// The headers of a notice that is sent.
const (
	TimeHeader      = "Sandbox-Time"      // seconds since 1970
	SignatureHeader = "Sandbox-Signature" // HMAC-SHA-256 of time, dot and body, in hex
)

// tolerance is how old a notice may be, and how far ahead the sender's clock.
const tolerance = 300 * time.Second

// Send is a notice as it is sent at an instant: its headers and its body.
func (g *Gateway) Send(n payment.Notice, now time.Time) (header map[string]string, body []byte) {
	body = []byte(n.Body)
	at := strconv.FormatInt(now.Unix(), 10)
	return map[string]string{TimeHeader: at, SignatureHeader: hex.EncodeToString(g.sign(at, body))}, body
}

func (g *Gateway) sign(at string, body []byte) []byte {
	h := hmac.New(sha256.New, []byte(g.o.Secret))
	h.Write([]byte(at + "."))
	h.Write(body)
	return h.Sum(nil)
}

// Read verifies a notice that was sent.
func (g *Gateway) Read(header func(string) string, body []byte, now time.Time) (payment.Notice, error) {
	refused := fault.New(fault.Invalid, "the notice is not signed by the sandbox, or is too old").WithCode("signature_invalid")
	at := header(TimeHeader)
	seconds, err := strconv.ParseInt(at, 10, 64)
	if err != nil || g.o.Secret == "" {
		return payment.Notice{}, refused
	}
	if age := now.Sub(time.Unix(seconds, 0)); age > tolerance || age < -tolerance {
		return payment.Notice{}, refused
	}
	signature, err := hex.DecodeString(header(SignatureHeader))
	if err != nil || !hmac.Equal(signature, g.sign(at, body)) {
		return payment.Notice{}, refused
	}
	var w wireNotice
	if err := json.Unmarshal(body, &w); err != nil || w.ID == "" {
		return payment.Notice{}, refused
	}
	return payment.Notice{ID: w.ID, Kind: w.Kind, Type: w.Type, At: time.UnixMicro(w.At).UTC(), Key: w.Key, Reference: w.Reference, Body: string(body)}, nil
}
