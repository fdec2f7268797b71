package affiliate

import (
	"encoding/json"

	"perennial/internal/clock"
	"perennial/internal/db"
	"perennial/internal/fault"
	"perennial/internal/id"
)

func taken(field string) error {
	return &fault.Error{Kind: fault.Conflict, Code: "affiliate_" + field + "_taken", Message: "there is an affiliate with that " + field + " already",
		Fields: []fault.Field{{Name: field, Message: "belongs to another affiliate"}}}
}

// facts is what stands as JSON with an affiliate.
type facts struct {
	Company  string `json:"company,omitempty"`
	Phone    string `json:"phone,omitempty"`
	Address  string `json:"address,omitempty"`
	Country  string `json:"country,omitempty"`
	PayPal   string `json:"paypal,omitempty"`
	Payee    Payee  `json:"payee,omitzero"`
	Notify   string `json:"notify,omitempty"`
	JoinedIP string `json:"joined_ip,omitempty"`
}

func (a Affiliate) text() string {
	b, _ := json.Marshal(facts{a.Company, a.Phone, a.Address, a.Country, a.PayPal, a.Payee, a.Notify, a.JoinedIP}) // strings always marshal
	return string(b)
}

// free refuses an e-mail address or code that another affiliate has.
func free(tx *db.Tx, a Affiliate) error {
	other, err := affiliates(tx, a.Account, "and email = $2", a.Email)
	if err == nil && len(other) > 0 && other[0].ID != a.ID {
		return taken("email")
	}
	if err != nil {
		return err
	}
	other, err = affiliates(tx, a.Account, "and code = $2", a.Code)
	if err == nil && len(other) > 0 && other[0].ID != a.ID {
		return taken("code")
	}
	return err
}

// Insert writes a new affiliate; an address or code that is taken is a Conflict.
func Insert(tx *db.Tx, a Affiliate) error {
	if err := free(tx, a); err != nil {
		return err
	}
	_, err := tx.Exec("insert into affiliate (account_id, id, email, code, name, facts, state, created_at, version) values ($1, $2, $3, $4, $5, $6, $7, $8, 1)",
		a.Account, a.ID, a.Email, a.Code, a.Name, a.text(), a.State, clock.Micros(a.CreatedAt))
	if db.IsUnique(err) {
		return taken("email")
	}
	return err
}

// Save writes an affiliate over the version that was loaded.
func Save(tx *db.Tx, a Affiliate) error {
	if err := free(tx, a); err != nil {
		return err
	}
	n, err := tx.Exec("update affiliate set email = $4, code = $5, name = $6, facts = $7, state = $8, version = version + 1 where account_id = $1 and id = $2 and version = $3",
		a.Account, a.ID, a.Version, a.Email, a.Code, a.Name, a.text(), a.State)
	if db.IsUnique(err) {
		return taken("email")
	}
	return saved(n, err)
}

func saved(n int64, err error) error {
	if err == nil && n == 0 {
		return db.VersionConflict()
	}
	return err
}

func affiliates(tx *db.Tx, account id.Account, where string, args ...any) ([]Affiliate, error) {
	var list []Affiliate
	err := tx.Each(func(row db.Scan) error {
		a := Affiliate{Account: account}
		var f facts
		var text string
		err := row(&a.ID, &a.Email, &a.Code, &a.Name, &text, &a.State, db.ScanTime(&a.CreatedAt), &a.Version)
		if err == nil {
			err = json.Unmarshal([]byte(text), &f)
		}
		a.Company, a.Phone, a.Address, a.Country, a.PayPal, a.Payee, a.Notify, a.JoinedIP = f.Company, f.Phone, f.Address, f.Country, f.PayPal, f.Payee, f.Notify, f.JoinedIP
		list = append(list, a)
		return err
	}, "select id, email, code, name, facts, state, created_at, version from affiliate where account_id = $1 "+where, append([]any{account}, args...)...)
	return list, err
}

func first[T any](list []T, err error, missing string) (T, error) {
	var none T
	if err != nil {
		return none, err
	}
	if len(list) == 0 {
		return none, fault.New(fault.NotFound, "there is no %s with that id", missing)
	}
	return list[0], nil
}

// Load is one affiliate of the account, or NotFound.
func Load(tx *db.Tx, account id.Account, a id.Affiliate) (Affiliate, error) {
	list, err := affiliates(tx, account, "and id = $2"+tx.Lock(), a)
	return first(list, err, "affiliate")
}

// ByEmail is the affiliate with that address, or NotFound.
func ByEmail(tx *db.Tx, account id.Account, email string) (Affiliate, error) {
	list, err := affiliates(tx, account, "and email = $2", email)
	return first(list, err, "affiliate")
}

// ByCode is the affiliate with that code in links, or NotFound.
func ByCode(tx *db.Tx, account id.Account, code string) (Affiliate, error) {
	list, err := affiliates(tx, account, "and code = $2", code)
	return first(list, err, "affiliate")
}

// ByID are those of the affiliates that the account has.
func ByID(tx *db.Tx, account id.Account, ids []int64) (map[id.Affiliate]Affiliate, error) {
	list, err := affiliates(tx, account, "and "+tx.AnyOf("id", 2), tx.List(ids))
	found := make(map[id.Affiliate]Affiliate, len(list))
	for _, a := range list {
		found[a.ID] = a
	}
	return found, err
}

func oldest(before int64) int64 {
	if before == 0 {
		return 1<<63 - 1
	}
	return before
}

// List is the account's affiliates older than before, newest first.
func List(tx *db.Tx, account id.Account, before id.Affiliate, limit int) ([]Affiliate, error) {
	return affiliates(tx, account, "and id < $2 order by id desc limit $3", oldest(int64(before)), limit)
}

// PutProgram writes a programme, new or over the version that was loaded. A slug that is
// taken is a Conflict.
func PutProgram(tx *db.Tx, p Program) error {
	terms, err := json.Marshal(p.Terms)
	if err != nil {
		return err
	}
	if err := claimSlug(tx, p); err != nil {
		return err
	}
	if p.Version == 0 {
		_, err := tx.Exec("insert into affiliate_program (account_id, campaign_id, slug, landing, intro, terms, is_open, created_at, version) values ($1, $2, $3, $4, $5, $6, $7, $8, 1)",
			p.Account, p.Campaign, p.Slug, p.Landing, p.Intro, string(terms), p.Open, clock.Micros(p.CreatedAt))
		return err
	}
	return saved(tx.Exec("update affiliate_program set slug = $4, landing = $5, intro = $6, terms = $7, is_open = $8, version = version + 1 where account_id = $1 and campaign_id = $2 and version = $3",
		p.Account, p.Campaign, p.Version, p.Slug, p.Landing, p.Intro, string(terms), p.Open))
}

// claimSlug makes the slug the programme's. Slugs that it had before stay its own, so
// that links on the web go on working.
func claimSlug(tx *db.Tx, p Program) error {
	_, err := tx.Exec("insert into affiliate_slug (slug, account_id, campaign_id) values ($1, $2, $3) on conflict (slug) do nothing", p.Slug, p.Account, p.Campaign)
	if err != nil {
		return err
	}
	var account id.Account
	var campaign id.Campaign
	if err := tx.One([]any{&account, &campaign}, "select account_id, campaign_id from affiliate_slug where slug = $1", p.Slug); err != nil {
		return err
	}
	if account != p.Account || campaign != p.Campaign {
		return &fault.Error{Kind: fault.Conflict, Code: "slug_taken", Message: "that slug is taken", Fields: []fault.Field{{Name: "slug", Message: "is taken"}}}
	}
	return nil
}

func programs(tx *db.Tx, account id.Account, where string, args ...any) ([]Program, error) {
	var list []Program
	err := tx.Each(func(row db.Scan) error {
		p := Program{Account: account}
		var terms string
		err := row(&p.Campaign, &p.Slug, &p.Landing, &p.Intro, &terms, &p.Open, db.ScanTime(&p.CreatedAt), &p.Version)
		if err == nil {
			err = json.Unmarshal([]byte(terms), &p.Terms)
		}
		list = append(list, p)
		return err
	}, "select campaign_id, slug, landing, intro, terms, is_open, created_at, version from affiliate_program where account_id = $1 "+where, append([]any{account}, args...)...)
	return list, err
}

// LoadProgram is a campaign's programme, or NotFound.
func LoadProgram(tx *db.Tx, account id.Account, campaign id.Campaign) (Program, error) {
	list, err := programs(tx, account, "and campaign_id = $2"+tx.Lock(), campaign)
	return first(list, err, "affiliate programme")
}

// Programs are the account's programmes.
func Programs(tx *db.Tx, account id.Account) ([]Program, error) {
	return programs(tx, account, "and campaign_id > $2 order by campaign_id", 0)
}

// ProgramBySlug is whose programme has a slug, or NotFound.
func ProgramBySlug(tx *db.Tx, slug string) (Program, error) {
	var account id.Account
	var campaign id.Campaign
	if err := tx.One([]any{&account, &campaign}, "select account_id, campaign_id from affiliate_slug where slug = $1", slug); err != nil {
		return Program{}, err
	}
	return LoadProgram(tx, account, campaign)
}

// PutMembership writes a membership, new or over the version that was loaded.
func PutMembership(tx *db.Tx, m Membership) error {
	own, err := json.Marshal(m.Own)
	if err != nil {
		return err
	}
	if m.Version == 0 {
		_, err := tx.Exec(`insert into affiliate_membership (account_id, campaign_id, affiliate_id, standing, recruiter_id, own, asked_at, decided_at, version)
			values ($1, $2, $3, $4, $5, $6, $7, $8, 1)`, m.Account, m.Campaign, m.Affiliate, m.Standing, m.Recruiter, string(own), clock.Micros(m.AskedAt), db.Time(m.DecidedAt))
		return err
	}
	return saved(tx.Exec(`update affiliate_membership set standing = $5, recruiter_id = $6, own = $7, decided_at = $8, version = version + 1
		where account_id = $1 and campaign_id = $2 and affiliate_id = $3 and version = $4`,
		m.Account, m.Campaign, m.Affiliate, m.Version, m.Standing, m.Recruiter, string(own), db.Time(m.DecidedAt)))
}

func memberships(tx *db.Tx, account id.Account, where string, args ...any) ([]Membership, error) {
	var list []Membership
	err := tx.Each(func(row db.Scan) error {
		m := Membership{Account: account}
		var own string
		err := row(&m.Campaign, &m.Affiliate, &m.Standing, &m.Recruiter, &own, db.ScanTime(&m.AskedAt), db.ScanTime(&m.DecidedAt), &m.Version)
		if err == nil {
			err = json.Unmarshal([]byte(own), &m.Own)
		}
		list = append(list, m)
		return err
	}, "select campaign_id, affiliate_id, standing, recruiter_id, own, asked_at, decided_at, version from affiliate_membership where account_id = $1 "+where, append([]any{account}, args...)...)
	return list, err
}

// LoadMembership is an affiliate's place in a programme, or NotFound.
func LoadMembership(tx *db.Tx, account id.Account, campaign id.Campaign, a id.Affiliate) (Membership, error) {
	list, err := memberships(tx, account, "and campaign_id = $2 and affiliate_id = $3"+tx.Lock(), campaign, a)
	return first(list, err, "affiliate of this campaign")
}

// Members are those who promote a campaign or asked to, older than before by id, newest
// first; standing "" is all.
func Members(tx *db.Tx, account id.Account, campaign id.Campaign, standing Standing, before id.Affiliate, limit int) ([]Membership, error) {
	if standing == Pending {
		return memberships(tx, account, "and campaign_id = $2 and standing = 'pending' and affiliate_id < $3 order by affiliate_id desc limit $4", campaign, oldest(int64(before)), limit)
	}
	return memberships(tx, account, "and campaign_id = $2 and ($3 = '' or standing = $3) and affiliate_id < $4 order by affiliate_id desc limit $5", campaign, standing, oldest(int64(before)), limit)
}

// MembershipsOf are the programmes of an affiliate.
func MembershipsOf(tx *db.Tx, account id.Account, a id.Affiliate) ([]Membership, error) {
	return memberships(tx, account, "and affiliate_id = $2 order by campaign_id", a)
}

// InsertClick writes a click.
func InsertClick(tx *db.Tx, c Click) error {
	_, err := tx.Exec(`insert into affiliate_click (account_id, id, campaign_id, affiliate_id, tracking_id, landing, ip, source, at) values ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
		c.Account, c.ID, c.Campaign, c.Affiliate, c.TrackingID, c.Landing, c.IP, c.Source, clock.Micros(c.At))
	return err
}

// Clicks are those of the clicks that the account has.
func Clicks(tx *db.Tx, account id.Account, ids []int64) ([]Click, error) {
	var list []Click
	err := tx.Each(func(row db.Scan) error {
		c := Click{Account: account}
		err := row(&c.ID, &c.Campaign, &c.Affiliate, &c.TrackingID, &c.Landing, &c.IP, &c.Source, db.ScanTime(&c.At))
		list = append(list, c)
		return err
	}, "select id, campaign_id, affiliate_id, tracking_id, landing, ip, source, at from affiliate_click where account_id = $1 and "+tx.AnyOf("id", 2), account, tx.List(ids))
	return list, err
}
