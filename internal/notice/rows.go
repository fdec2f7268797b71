package notice

import (
	"encoding/json"
	"time"

	"perennial/internal/db"
	"perennial/internal/fault"
	"perennial/internal/id"
)

// Settings is how an account mails where it says so.
type Settings struct {
	// Team is where mails to the team go; "" means the account's support address.
	Team string `json:"team,omitempty"`
	// Mails says how a mail differs from the rule: on, and copied to nobody.
	Mails map[Kind]Setting `json:"mails,omitempty"`

	Account id.Account `json:"-"`
	Version int64      `json:"-"` // 0 when the account never said anything
}

// Setting is how one mail differs from the rule.
type Setting struct {
	Off  bool   `json:"off,omitempty"`
	Copy string `json:"copy,omitempty"` // an address that gets a blind copy
}

// Off reports whether a mail is switched off.
func (s Settings) Off(k Kind) bool {
	m, _ := Of(k)
	return m.Must == "" && s.Mails[k].Off
}

// Set changes how one mail differs from the rule.
func (s *Settings) Set(k Kind, one Setting) error {
	m, ok := Of(k)
	if !ok {
		return fault.BadField("kind", "is not the name of a mail")
	}
	if one.Off && m.Must != "" {
		return fault.New(fault.Conflict, "this mail cannot be switched off: %s", lower(m.Must)).WithCode("mail_required")
	}
	if one.Copy != "" {
		if err := CheckAddress(one.Copy); err != nil {
			return fault.BadField("copy", "%s", fault.As(err).Message)
		}
	}
	mails := map[Kind]Setting{}
	for kind, was := range s.Mails {
		mails[kind] = was
	}
	mails[k] = one
	if one == (Setting{}) {
		delete(mails, k)
	}
	s.Mails = mails
	return nil
}

// LoadSettings is the account's settings.
func LoadSettings(tx *db.Tx, account id.Account) (Settings, error) {
	s := Settings{Account: account}
	err := tx.Each(func(row db.Scan) error {
		var text string
		if err := row(&text, &s.Version); err != nil {
			return err
		}
		return json.Unmarshal([]byte(text), &s)
	}, "select data, version from mail_setting where account_id = $1"+tx.Lock(), account)
	return s, err
}

var settingTable = db.NewTable("mail_setting", db.Int("account_id"), db.Text("data"), db.Int("version"))

// SaveSettings writes the settings over the version that was loaded.
func SaveSettings(tx *db.Tx, s Settings) error {
	if s.Team != "" {
		if err := CheckAddress(s.Team); err != nil {
			return fault.BadField("team", "%s", fault.As(err).Message)
		}
	}
	text, err := json.Marshal(s)
	if err != nil {
		return err
	}
	if s.Version == 0 {
		n, err := tx.InsertIgnore(settingTable, 1, func(_ int, r *db.Row) {
			r.Int(int64(s.Account))
			r.Text(string(text))
			r.Int(1)
		})
		return saved(int64(n), err)
	}
	return saved(tx.Exec("update mail_setting set data = $3, version = version + 1 where account_id = $1 and version = $2", s.Account, s.Version, string(text)))
}

func saved(n int64, err error) error {
	if err == nil && n == 0 {
		return db.VersionConflict()
	}
	return err
}

// Brands is the look of the account's mails, and what campaigns have otherwise. The
// account's own stands under campaign 0.
func Brands(tx *db.Tx, account id.Account) (map[id.Campaign]Brand, error) {
	found := map[id.Campaign]Brand{}
	err := tx.Each(func(row db.Scan) error {
		var campaign id.Campaign
		var text string
		if err := row(&campaign, &text); err != nil {
			return err
		}
		var b Brand
		err := json.Unmarshal([]byte(text), &b)
		found[campaign] = b
		return err
	}, "select campaign_id, data from mail_brand where account_id = $1 order by campaign_id", account)
	return found, err
}

// SetBrand writes a look whole; the last one to write wins.
func SetBrand(tx *db.Tx, account id.Account, campaign id.Campaign, b Brand) error {
	if err := b.Check(); err != nil {
		return err
	}
	text, err := json.Marshal(b)
	if err != nil {
		return err
	}
	_, err = tx.Exec(`insert into mail_brand (account_id, campaign_id, data, version) values ($1, $2, $3, 1)
		on conflict (account_id, campaign_id) do update set data = excluded.data, version = mail_brand.version + 1`, account, campaign, string(text))
	return err
}

// Own is a merchant's own text of a mail.
type Own struct {
	Kind     Kind
	Campaign id.Campaign // 0 for all that have none of their own
	Language string      // of locale.Languages
	Text
	UpdatedAt time.Time
}

// maxOwn bounds the texts of one account, which are read together.
const maxOwn = 1000

// Texts is every text of the account's own.
func Texts(tx *db.Tx, account id.Account) ([]Own, error) {
	var list []Own
	err := tx.Each(func(row db.Scan) error {
		var o Own
		err := row(&o.Kind, &o.Campaign, &o.Language, &o.Subject, &o.Preheader, &o.Body, db.ScanTime(&o.UpdatedAt))
		list = append(list, o)
		return err
	}, `select kind, campaign_id, language, subject, preheader, body, updated_at from mail_text where account_id = $1
		order by kind, campaign_id, language limit $2`, account, maxOwn)
	return list, err
}

// SetText writes a text of the account's own over what was there. The caller has
// checked it.
func SetText(tx *db.Tx, account id.Account, o Own) error {
	var n int
	if err := tx.One([]any{&n}, "select count(*) from mail_text where account_id = $1", account); err != nil {
		return err
	}
	if n >= maxOwn {
		return fault.New(fault.Conflict, "an account can have at most %d texts of its own; remove one first", maxOwn)
	}
	_, err := tx.Exec(`insert into mail_text (account_id, kind, campaign_id, language, subject, preheader, body, updated_at, version)
		values ($1, $2, $3, $4, $5, $6, $7, $8, 1)
		on conflict (account_id, kind, campaign_id, language) do update set subject = excluded.subject, preheader = excluded.preheader,
		body = excluded.body, updated_at = excluded.updated_at, version = mail_text.version + 1`,
		account, o.Kind, o.Campaign, o.Language, o.Subject, o.Preheader, o.Body, db.Time(o.UpdatedAt))
	return err
}

// RemoveText goes back to the text that comes with the program and tells whether there
// was another.
func RemoveText(tx *db.Tx, account id.Account, k Kind, campaign id.Campaign, language string) (bool, error) {
	n, err := tx.Exec("delete from mail_text where account_id = $1 and kind = $2 and campaign_id = $3 and language = $4", account, k, campaign, language)
	return n > 0, err
}

// Reason is why an address is not written to.
type Reason string

// The reasons.
const (
	Bounce    Reason = "bounce"    // there is no such inbox
	Complaint Reason = "complaint" // the receiver called a mail unwanted
	Manual    Reason = "manual"    // somebody decided it
)

// Known reports whether r is a reason.
func (r Reason) Known() bool { return r == Bounce || r == Complaint || r == Manual }

// Suppression is an address that is not written to.
type Suppression struct {
	ID      id.Suppression
	Account id.Account
	Address string // lower case
	Reason  Reason
	Since   time.Time
}

var suppressionTable = db.NewTable("mail_suppression", db.Int("account_id"), db.Int("id"), db.Text("address"), db.Text("reason"), db.Int("since"))

// Suppress enters an address and tells whether it was not there yet; the first reason
// stays.
func Suppress(tx *db.Tx, s Suppression) (bool, error) {
	made, err := tx.InsertNew(suppressionTable, 1, func(_ int, r *db.Row) {
		r.Int(int64(s.Account))
		r.Int(int64(s.ID))
		r.Text(s.Address)
		r.Text(string(s.Reason))
		r.Time(s.Since)
	})
	return len(made) > 0, err
}

// Release takes an address off the list; NotFound when it is not on it.
func Release(tx *db.Tx, account id.Account, s id.Suppression) (Suppression, error) {
	list, err := suppressions(tx, account, "and id = $2", s)
	if err == nil && len(list) == 0 {
		err = fault.New(fault.NotFound, "no address is suppressed under that id")
	}
	if err != nil {
		return Suppression{}, err
	}
	_, err = tx.Exec("delete from mail_suppression where account_id = $1 and id = $2", account, s)
	return list[0], err
}

func suppressions(tx *db.Tx, account id.Account, where string, args ...any) ([]Suppression, error) {
	var list []Suppression
	err := tx.Each(func(row db.Scan) error {
		s := Suppression{Account: account}
		err := row(&s.ID, &s.Address, &s.Reason, db.ScanTime(&s.Since))
		list = append(list, s)
		return err
	}, "select id, address, reason, since from mail_suppression where account_id = $1 "+where, append([]any{account}, args...)...)
	return list, err
}

// Suppressions is the list, the newest first; with an address, that one alone.
func Suppressions(tx *db.Tx, account id.Account, address string, before id.Suppression, limit int) ([]Suppression, error) {
	if before == 0 {
		before = 1<<63 - 1
	}
	if address != "" {
		return suppressions(tx, account, "and address = $2 and id < $3 order by id desc limit $4", address, before, limit)
	}
	return suppressions(tx, account, "and id < $2 order by id desc limit $3", before, limit)
}

// Suppressed is those of the addresses that are not written to.
func Suppressed(tx *db.Tx, account id.Account, addresses []string) (map[string]Reason, error) {
	list, err := suppressions(tx, account, "and "+tx.AnyOf("address", 2), tx.ListText(addresses))
	found := map[string]Reason{}
	for _, s := range list {
		found[s.Address] = s.Reason
	}
	return found, err
}

// Choose notes whether a customer gets the mails that need not be sent.
func Choose(tx *db.Tx, account id.Account, customer id.Customer, optional bool, now time.Time) error {
	if optional {
		_, err := tx.Exec("delete from mail_choice where account_id = $1 and customer_id = $2", account, customer)
		return err
	}
	_, err := tx.Exec("insert into mail_choice (account_id, customer_id, since) values ($1, $2, $3) on conflict (account_id, customer_id) do nothing", account, customer, db.Time(now))
	return err
}

// OnlyRequired is those of the customers who get only what must be sent.
func OnlyRequired(tx *db.Tx, account id.Account, customers []int64) (map[id.Customer]bool, error) {
	found := map[id.Customer]bool{}
	err := tx.Each(func(row db.Scan) error {
		var c id.Customer
		err := row(&c)
		found[c] = true
		return err
	}, "select customer_id from mail_choice where account_id = $1 and "+tx.AnyOf("customer_id", 2), account, tx.List(customers))
	return found, err
}
