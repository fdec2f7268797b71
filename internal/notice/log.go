package notice

import (
	"encoding/json"
	"time"

	"perennial/internal/db"
	"perennial/internal/fault"
	"perennial/internal/id"
)

// Entry is a line of the log: what was written to whom. What became of it is the
// delivery's, which has the same id.
type Entry struct {
	ID        id.Delivery
	Account   id.Account
	Event     id.Event
	Kind      Kind
	Customer  id.Customer // 0 for the team
	Recipient string      // "" when there was no address
	Subject   string      // "" when it could not be written
	Language  string
	At        time.Time // of the event, on the account's clock
}

var logTable = db.NewTable("mail", db.Int("account_id"), db.Int("id"), db.Int("event_id"), db.Text("kind"), db.NullInt("customer_id"),
	db.Text("recipient"), db.Text("subject"), db.Text("language"), db.Int("at"))

// Log writes lines of the log, each over an older one of the same delivery.
func Log(tx *db.Tx, account id.Account, list []Entry) error {
	if len(list) == 0 {
		return nil
	}
	ids := make([]int64, len(list))
	for i, e := range list {
		ids[i] = int64(e.ID)
	}
	if _, err := tx.Exec("delete from mail where account_id = $1 and "+tx.AnyOf("id", 2), account, tx.List(ids)); err != nil {
		return err
	}
	return tx.Insert(logTable, len(list), func(i int, r *db.Row) {
		e := &list[i]
		r.Int(int64(e.Account))
		r.Int(int64(e.ID))
		r.Int(int64(e.Event))
		r.Text(string(e.Kind))
		r.NullInt(int64(e.Customer), e.Customer != 0)
		r.Text(e.Recipient)
		r.Text(e.Subject)
		r.Text(e.Language)
		r.Time(e.At)
	})
}

func entries(tx *db.Tx, account id.Account, where string, args ...any) ([]Entry, error) {
	var list []Entry
	err := tx.Each(func(row db.Scan) error {
		e := Entry{Account: account}
		err := row(&e.ID, &e.Event, &e.Kind, db.ScanNull(&e.Customer), &e.Recipient, &e.Subject, &e.Language, db.ScanTime(&e.At))
		list = append(list, e)
		return err
	}, "select id, event_id, kind, customer_id, recipient, subject, language, at from mail where account_id = $1 "+where, append([]any{account}, args...)...)
	return list, err
}

// EntriesByID is the lines of deliveries, as far as there are any.
func EntriesByID(tx *db.Tx, account id.Account, ids []int64) (map[id.Delivery]Entry, error) {
	list, err := entries(tx, account, "and "+tx.AnyOf("id", 2), tx.List(ids))
	found := make(map[id.Delivery]Entry, len(list))
	for _, e := range list {
		found[e.ID] = e
	}
	return found, err
}

// Entries is the log, the newest first: of one customer, or all of it.
func Entries(tx *db.Tx, account id.Account, customer id.Customer, before id.Delivery, limit int) ([]Entry, error) {
	if before == 0 {
		before = 1<<63 - 1
	}
	if customer != 0 {
		return entries(tx, account, "and customer_id = $2 and id < $3 order by id desc limit $4", customer, before, limit)
	}
	return entries(tx, account, "and id < $2 order by id desc limit $3", before, limit)
}

// LoadEntry is one line; NotFound when there is none for that delivery.
func LoadEntry(tx *db.Tx, account id.Account, delivery id.Delivery) (Entry, error) {
	list, err := entries(tx, account, "and id = $2", delivery)
	if err == nil && len(list) == 0 {
		err = fault.New(fault.NotFound, "there is no mail with that id")
	}
	if err != nil {
		return Entry{}, err
	}
	return list[0], nil
}

// Message is a whole mail as it is stored: the body of a delivery.
type Message struct {
	Kind     Kind   `json:"kind"`
	To       string `json:"to"`
	ToName   string `json:"to_name,omitempty"`
	FromName string `json:"from_name,omitempty"`
	ReplyTo  string `json:"reply_to,omitempty"`
	Copy     string `json:"copy,omitempty"` // gets a blind copy
	Subject  string `json:"subject"`
	Text     string `json:"text"`
	HTML     string `json:"html"`
	Link     string `json:"link,omitempty"` // the id of the secure link whose address is put where LinkMarker names it
	At       int64  `json:"at"`             // of the event, in seconds since 1970: the Date of every try
	// Held says that the mail is never sent: it is a sandbox's.
	Held bool `json:"held,omitempty"`
	// Optional says that the receiver may switch mails of this kind off.
	Optional bool `json:"optional,omitempty"`
}

// Body is the stored form.
func (m Message) Body() string {
	b, err := json.Marshal(m)
	if err != nil {
		panic("notice: " + err.Error()) // texts and numbers always marshal
	}
	return string(b)
}

// ReadMessage reads the stored form.
func ReadMessage(body string) (Message, error) {
	var m Message
	if err := json.Unmarshal([]byte(body), &m); err != nil {
		return m, fault.Wrap(fault.Internal, err, "the stored mail cannot be read")
	}
	return m, nil
}
