package link

import (
	"time"

	"perennial/internal/clock"
	"perennial/internal/db"
	"perennial/internal/fault"
	"perennial/internal/id"
)

var table = db.NewTable("link", db.Text("hash"), db.Int("id"), db.Int("account_id"), db.Text("purpose"), db.Int("customer_id"), db.Int("subject_id"),
	db.Int("expires_at"), db.NullInt("used_at"), db.NullInt("replaced_at"), db.Int("created_at"))

// Mint writes new links of one account, made at now. Older ones of the same purpose and
// subject that were not used are replaced by them, but for tokens to sign in: a customer may
// have several pages open.
func Mint(tx *db.Tx, account id.Account, list []Link, now time.Time) error {
	subjects, customers := map[Purpose][]int64{}, map[Purpose][]int64{}
	for _, l := range list {
		if l.Purpose.token() {
			continue
		}
		if l.Subject == 0 {
			customers[l.Purpose] = append(customers[l.Purpose], int64(l.Customer))
		} else {
			subjects[l.Purpose] = append(subjects[l.Purpose], l.Subject)
		}
	}
	for purpose, ids := range customers {
		_, err := tx.Exec(`update link set replaced_at = $3 where account_id = $1 and purpose = $2 and subject_id = 0 and `+tx.AnyOf("customer_id", 4)+
			" and used_at is null and replaced_at is null", account, purpose, clock.Micros(now), tx.List(ids))
		if err != nil {
			return err
		}
	}
	for purpose, ids := range subjects {
		_, err := tx.Exec(`update link set replaced_at = $3 where account_id = $1 and purpose = $2 and `+tx.AnyOf("subject_id", 4)+
			" and used_at is null and replaced_at is null", account, purpose, clock.Micros(now), tx.List(ids))
		if err != nil {
			return err
		}
	}
	return tx.Insert(table, len(list), func(i int, r *db.Row) {
		l := &list[i]
		r.Text(l.Hash)
		r.Int(int64(l.ID))
		r.Int(int64(l.Account))
		r.Text(string(l.Purpose))
		r.Int(int64(l.Customer))
		r.Int(l.Subject)
		r.Time(l.ExpiresAt)
		r.Time(l.UsedAt)
		r.Time(l.ReplacedAt)
		r.Time(l.CreatedAt)
	})
}

// Allow refuses to make a link because somebody asks for it, when many were made for the
// customer just before now.
func Allow(tx *db.Tx, account id.Account, customer id.Customer, now time.Time) error {
	var n int
	err := tx.One([]any{&n}, "select count(*) from link where account_id = $1 and customer_id = $2 and created_at > $3 and purpose <> $4 and purpose <> $5",
		account, customer, clock.Micros(now.Add(-AskedWithin)), SignIn, Browse)
	if err == nil && n >= AskedMost {
		return errTooMany()
	}
	return err
}

const columns = "id, account_id, purpose, customer_id, subject_id, hash, expires_at, used_at, replaced_at, created_at"

func load(tx *db.Tx, where string, args ...any) (Link, error) {
	var l Link
	err := tx.One([]any{&l.ID, &l.Account, &l.Purpose, &l.Customer, &l.Subject, &l.Hash, db.ScanTime(&l.ExpiresAt), db.ScanTime(&l.UsedAt),
		db.ScanTime(&l.ReplacedAt), db.ScanTime(&l.CreatedAt)}, "select "+columns+" from link where "+where, args...)
	return l, err
}

// BySecret is the link with that secret, whatever has become of it, or ErrUnknown. A token to
// sign in is no such link.
func BySecret(tx *db.Tx, secret string) (Link, error) {
	l, err := bySecret(tx, secret)
	if err == nil && l.Purpose.token() {
		return Link{}, ErrUnknown
	}
	return l, err
}

// Token is the token to sign in with that secret, whatever has become of it, or ErrUnknown.
func Token(tx *db.Tx, secret string) (Link, error) {
	l, err := bySecret(tx, secret)
	if err == nil && !l.Purpose.token() {
		return Link{}, ErrUnknown
	}
	return l, err
}

func bySecret(tx *db.Tx, secret string) (Link, error) {
	if len(secret) != secretLength {
		return Link{}, ErrUnknown
	}
	l, err := load(tx, "hash = $1", hash(secret))
	if fault.Is(err, fault.NotFound) {
		return Link{}, ErrUnknown
	}
	return l, err
}

// ByID is a link of the account, or NotFound.
func ByID(tx *db.Tx, account id.Account, link id.Link) (Link, error) {
	l, err := load(tx, "account_id = $1 and id = $2", account, link)
	if fault.Is(err, fault.NotFound) {
		return Link{}, fault.New(fault.NotFound, "there is no link with that id")
	}
	return l, err
}

// Use marks a link as used at now. It refuses one that does not work any more, also when
// somebody else uses it at the same moment.
func Use(tx *db.Tx, l Link, now time.Time) error {
	if err := l.Check(now); err != nil {
		return err
	}
	n, err := tx.Exec("update link set used_at = $2 where hash = $1 and used_at is null and replaced_at is null", l.Hash, clock.Micros(now))
	if err != nil || n == 1 {
		return err
	}
	again, err := load(tx, "hash = $1", l.Hash)
	if err != nil {
		return err
	}
	if err := again.Check(now); err != nil {
		return err
	}
	return db.VersionConflict()
}
