package account

import (
	"encoding/json"
	"time"

	"perennial/internal/clock"
	"perennial/internal/db"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/money"
)

var accountTable = db.NewTable("account", db.Int("id"), db.Text("name"), db.Text("mode"), db.Text("currency"), db.Text("zone"), db.Text("email"),
	db.Text("legal_name"), db.Text("address"), db.Text("country"), db.Text("tax_id"), db.Text("tax_name"), db.Text("tax_rate"), db.Int("profile"), db.Int("clock_offset"),
	db.NullInt("clock_target"), db.Text("settings"), db.Int("created_at"), db.Int("version"))

const accountColumns = `id, name, mode, currency, zone, email, legal_name, address, country, tax_id, tax_name, tax_rate, profile, clock_offset, clock_target, settings, created_at, version`

func scanAccount(row db.Scan, a *Account) error {
	var offset int64
	var rate, settings string
	err := row(&a.ID, &a.Name, &a.Mode, &a.Currency, &a.Zone, &a.Email, &a.Seller.LegalName, &a.Seller.Address, &a.Seller.Country, &a.Seller.TaxID,
		&a.Tax.Name, &rate, &a.Profile, &offset, db.ScanTime(&a.ClockTarget), &settings, db.ScanTime(&a.CreatedAt), &a.Version)
	if err != nil {
		return err
	}
	if settings != "" {
		if err := json.Unmarshal([]byte(settings), &a.Settings); err != nil {
			return err
		}
	}
	a.ClockOffset = time.Duration(offset) * time.Microsecond
	a.Tax.Rate, err = money.ParseRate(rate)
	return err
}

// Insert writes a new account.
func Insert(tx *db.Tx, a Account) error {
	return tx.Insert(accountTable, 1, func(_ int, r *db.Row) {
		r.Int(int64(a.ID))
		r.Text(a.Name)
		r.Text(string(a.Mode))
		r.Text(string(a.Currency))
		r.Text(a.Zone)
		r.Text(a.Email)
		r.Text(a.Seller.LegalName)
		r.Text(a.Seller.Address)
		r.Text(a.Seller.Country)
		r.Text(a.Seller.TaxID)
		r.Text(a.Tax.Name)
		r.Text(a.Tax.Rate.String())
		r.Int(a.Profile)
		r.Int(a.ClockOffset.Microseconds())
		r.Time(a.ClockTarget)
		r.Text(a.Settings.text())
		r.Time(a.CreatedAt)
		r.Int(a.Version)
	})
}

// Load is an account; NotFound when there is none with that id.
func Load(tx *db.Tx, account id.Account) (Account, error) {
	return load(tx, "select "+accountColumns+" from account where id = $1"+tx.Lock(), account)
}

func load(tx *db.Tx, query string, args ...any) (Account, error) {
	var list []Account
	err := tx.Each(func(row db.Scan) error {
		var a Account
		err := scanAccount(row, &a)
		list = append(list, a)
		return err
	}, query, args...)
	if err != nil {
		return Account{}, err
	}
	if len(list) == 0 {
		return Account{}, fault.New(fault.NotFound, "there is no account with that id")
	}
	return list[0], nil
}

// All is every account, oldest first: for the operator, and for the scheduler
// that looks for work.
func All(tx *db.Tx) ([]Account, error) {
	var list []Account
	err := tx.Each(func(row db.Scan) error {
		var a Account
		err := scanAccount(row, &a)
		list = append(list, a)
		return err
	}, "select "+accountColumns+" from account order by id")
	return list, err
}

// Save writes the account over the version that was loaded, and keeps what was
// printed before when that changed.
func Save(tx *db.Tx, before Account, a *Account) error {
	if before.Printed() != a.Printed() {
		facts, err := json.Marshal(before.Printed())
		if err != nil {
			return err
		}
		_, err = tx.Exec("insert into account_past (account_id, profile, facts) values ($1, $2, $3)", a.ID, before.Profile, string(facts))
		if err != nil {
			return err
		}
		a.Profile = before.Profile + 1
	}
	n, err := tx.Exec(`update account set name = $3, currency = $4, zone = $5, email = $6, legal_name = $7, address = $8, country = $9, tax_id = $10,
		profile = $11, clock_offset = $12, clock_target = $13, tax_name = $14, tax_rate = $15, settings = $16, version = version + 1 where id = $1 and version = $2`,
		a.ID, before.Version, a.Name, string(a.Currency), a.Zone, a.Email, a.Seller.LegalName, a.Seller.Address, a.Seller.Country, a.Seller.TaxID,
		a.Profile, a.ClockOffset.Microseconds(), db.Time(a.ClockTarget), a.Tax.Name, a.Tax.Rate.String(), a.Settings.text())
	if err != nil {
		return err
	}
	if n == 0 {
		return db.VersionConflict()
	}
	a.Version = before.Version + 1
	return nil
}

// PrintedAs is what documents issued under a profile show of their issuer.
func PrintedAs(tx *db.Tx, a Account, profile int64) (Printed, error) {
	if profile == a.Profile {
		return a.Printed(), nil
	}
	var facts string
	err := tx.One([]any{&facts}, "select facts from account_past where account_id = $1 and profile = $2", a.ID, profile)
	if err != nil {
		return Printed{}, err
	}
	var p Printed
	return p, json.Unmarshal([]byte(facts), &p)
}

// InsertAPIKey writes a new key under the hash of its secret.
func InsertAPIKey(tx *db.Tx, k APIKey, secret string) error {
	_, err := tx.Exec("insert into api_key (hash, id, account_id, name, hint, created_at, revoked_at) values ($1, $2, $3, $4, $5, $6, null)",
		Hash(secret), k.ID, k.Account, k.Name, k.Hint, clock.Micros(k.CreatedAt))
	return err
}

// APIKeyBySecret is the key whose secret this is, and its account. Unknown and
// revoked keys are refused with ErrKey.
func APIKeyBySecret(tx *db.Tx, secret string) (APIKey, Account, error) {
	var k APIKey
	err := tx.One([]any{&k.ID, &k.Account, &k.Name, &k.Hint, db.ScanTime(&k.CreatedAt), db.ScanTime(&k.RevokedAt)},
		"select id, account_id, name, hint, created_at, revoked_at from api_key where hash = $1", Hash(secret))
	if fault.Is(err, fault.NotFound) || err == nil && !k.RevokedAt.IsZero() {
		return APIKey{}, Account{}, ErrKey
	}
	if err != nil {
		return APIKey{}, Account{}, err
	}
	a, err := Load(tx, k.Account)
	return k, a, err
}

// APIKeys are an account's keys, oldest first.
func APIKeys(tx *db.Tx, account id.Account) ([]APIKey, error) {
	var list []APIKey
	err := tx.Each(func(row db.Scan) error {
		k := APIKey{Account: account}
		err := row(&k.ID, &k.Name, &k.Hint, db.ScanTime(&k.CreatedAt), db.ScanTime(&k.RevokedAt))
		list = append(list, k)
		return err
	}, "select id, name, hint, created_at, revoked_at from api_key where account_id = $1 order by id", account)
	return list, err
}

// RevokeAPIKey makes a key useless from the next request on; NotFound when the
// account has no such key in use.
func RevokeAPIKey(tx *db.Tx, account id.Account, key id.APIKey, now time.Time) error {
	n, err := tx.Exec("update api_key set revoked_at = $3 where account_id = $1 and id = $2 and revoked_at is null", account, key, clock.Micros(now))
	if err == nil && n == 0 {
		return fault.New(fault.NotFound, "there is no API key with that id in use")
	}
	return err
}

// LoginByEmail is the person with that address; NotFound when there is none.
func LoginByEmail(tx *db.Tx, email string) (Login, error) {
	l := Login{Email: email}
	err := tx.One([]any{&l.Member, &l.Name, &l.Password, db.ScanTime(&l.CreatedAt), &l.Version},
		"select member_id, name, password, created_at, version from login where email = $1", email)
	return l, err
}

// LoginByMember is a person by their id; NotFound when there is none.
func LoginByMember(tx *db.Tx, member id.Member) (Login, error) {
	l := Login{Member: member}
	err := tx.One([]any{&l.Email, &l.Name, &l.Password, db.ScanTime(&l.CreatedAt), &l.Version},
		"select email, name, password, created_at, version from login where member_id = $1", member)
	return l, err
}

// InsertLogin writes a new person; a Conflict when the address is taken.
func InsertLogin(tx *db.Tx, l Login) error {
	n, err := tx.Exec(`insert into login (email, member_id, name, password, created_at, version) values ($1, $2, $3, $4, $5, 1)
		on conflict (email) do nothing`, l.Email, l.Member, l.Name, l.Password, clock.Micros(l.CreatedAt))
	if err == nil && n == 0 {
		return fault.New(fault.Conflict, "somebody signs in with that e-mail address already")
	}
	return err
}

// InsertMembership puts a person into an account's team; doing it twice changes
// nothing.
func InsertMembership(tx *db.Tx, m Membership) error {
	_, err := tx.Exec(`insert into membership (member_id, account_id, email, name, role, created_at) values ($1, $2, $3, $4, $5, $6)
		on conflict (member_id, account_id) do nothing`, m.Member, m.Account, m.Email, m.Name, string(m.Role), clock.Micros(m.CreatedAt))
	return err
}

// Memberships are the accounts that a person may open, oldest first.
func Memberships(tx *db.Tx, member id.Member) ([]Membership, error) {
	return memberships(tx, "member_id = $1 order by account_id", member)
}

// Team is the people of an account.
func Team(tx *db.Tx, account id.Account) ([]Membership, error) {
	return memberships(tx, "account_id = $1 order by member_id", account)
}

func memberships(tx *db.Tx, where string, arg any) ([]Membership, error) {
	var list []Membership
	err := tx.Each(func(row db.Scan) error {
		var m Membership
		err := row(&m.Member, &m.Account, &m.Email, &m.Name, &m.Role, db.ScanTime(&m.CreatedAt))
		list = append(list, m)
		return err
	}, "select member_id, account_id, email, name, role, created_at from membership where "+where, arg)
	return list, err
}

// HasMembers reports whether anybody can sign in yet.
func HasMembers(tx *db.Tx) (bool, error) {
	var n int64
	err := tx.One([]any{&n}, "select count(*) from (select 1 as one from login limit 1) as somebody")
	return n > 0, err
}

// InsertSession writes a new session.
func InsertSession(tx *db.Tx, s Session) error {
	_, err := tx.Exec("insert into session (hash, member_id, created_at, seen_at) values ($1, $2, $3, $4)",
		s.Hash, s.Member, clock.Micros(s.CreatedAt), clock.Micros(s.SeenAt))
	return err
}

// SessionBySecret is the session whose secret this is; NotFound when there is none.
func SessionBySecret(tx *db.Tx, secret string) (Session, error) {
	s := Session{Hash: Hash(secret)}
	err := tx.One([]any{&s.Member, db.ScanTime(&s.CreatedAt), db.ScanTime(&s.SeenAt)},
		"select member_id, created_at, seen_at from session where hash = $1", s.Hash)
	return s, err
}

// TouchSession notes that a session was used.
func TouchSession(tx *db.Tx, s Session, now time.Time) error {
	_, err := tx.Exec("update session set seen_at = $2 where hash = $1", s.Hash, clock.Micros(now))
	return err
}

// DeleteSession ends a session.
func DeleteSession(tx *db.Tx, s Session) error {
	_, err := tx.Exec("delete from session where hash = $1", s.Hash)
	return err
}

// InsertOwnerLink writes the hash of a one-time owner link.
func InsertOwnerLink(tx *db.Tx, secret string, now time.Time) error {
	_, err := tx.Exec("insert into owner_link (hash, created_at, used_at) values ($1, $2, null)", Hash(secret), clock.Micros(now))
	return err
}

// OwnerLinkWorks reports whether a one-time owner link can be used.
func OwnerLinkWorks(tx *db.Tx, secret string, now time.Time) (bool, error) {
	var createdAt time.Time
	err := tx.One([]any{db.ScanTime(&createdAt)}, "select created_at from owner_link where hash = $1 and used_at is null", Hash(secret))
	if fault.Is(err, fault.NotFound) {
		return false, nil
	}
	return err == nil && now.Sub(createdAt) < OwnerLinkLife, err
}

// SpendOwnerLink uses a one-time owner link up; false when it was used before.
func SpendOwnerLink(tx *db.Tx, secret string, now time.Time) (bool, error) {
	n, err := tx.Exec("update owner_link set used_at = $2 where hash = $1 and used_at is null and created_at > $3",
		Hash(secret), clock.Micros(now), clock.Micros(now.Add(-OwnerLinkLife)))
	return n == 1, err
}

// text is the settings as they are kept.
func (s Settings) text() string {
	if s == (Settings{}) {
		return ""
	}
	b, _ := json.Marshal(s) // strings and numbers always marshal
	return string(b)
}
