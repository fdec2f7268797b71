package account

import (
	"crypto/subtle"
	"regexp"
	"time"

	"perennial/internal/clock"
	"perennial/internal/db"
	"perennial/internal/fault"
	"perennial/internal/id"
)

// Dialect is the wire of another system that one of the doors speaks.
type Dialect string

// The dialects.
const (
	PayWhirl     Dialect = "paywhirl"
	PayKickstart Dialect = "paykickstart"
	ProfitWell   Dialect = "profitwell"
	// ProfitWellPublic is what pages of a shop show: its keys open only what is for browsers.
	ProfitWellPublic Dialect = "profitwell_public"
)

// Known reports whether d is a dialect.
func (d Dialect) Known() bool {
	return d == PayWhirl || d == PayKickstart || d == ProfitWell || d == ProfitWellPublic
}

// DoorKey is the credentials with which clients of another system come in: a key that
// names the account, and a secret where the dialect has one. Both may be those that the
// business used there, so that nothing has to be changed but an address.
type DoorKey struct {
	ID        id.DoorKey
	Account   id.Account
	Dialect   Dialect
	Name      string
	Hint      string // the beginning of the key, by which a person recognises it
	Secret    string // Hash of the secret; "" where the dialect has none
	CreatedAt time.Time
	RevokedAt time.Time // zero while it works
}

var doorKeyForm = regexp.MustCompile(`^[A-Za-z0-9_.-]{20,128}$`)

var shortDoorKeyForm = regexp.MustCompile(`^[A-Za-z0-9_.-]{10,128}$`)

// NewDoorKey makes credentials. Empty ones are made up in the form that the dialect's own
// system gives; given ones must be 20 to 128
// letters, digits, and any of _ . - and may be 10 or more where that system's own are.
func NewDoorKey(account id.Account, d Dialect, name, key, secret string, now time.Time) (k DoorKey, theKey, theSecret string, err error) {
	var f fault.Fields
	f.Check(d.Known(), "dialect", "must be paywhirl, paykickstart, profitwell or profitwell_public")
	form, least := doorKeyForm, 20
	if d == PayKickstart {
		form, least = shortDoorKeyForm, 10 // that system gives no longer ones
	}
	f.Check(key == "" || form.MatchString(key), "key", "must be %d to 128 letters, digits and any of _ . -", least)
	f.Check(secret == "" || doorKeyForm.MatchString(secret), "secret", "must be 20 to 128 letters, digits and any of _ . -")
	f.Check(secret == "" || secret != key, "secret", "must not be the key")
	f.Check(secret == "" || d == PayWhirl, "secret", "is for paywhirl only")
	if f.Err() != nil {
		return k, "", "", f.Err()
	}
	if key == "" {
		key = doorKeyPrefix[d] + RandomText(32)
	}
	if secret == "" && d == PayWhirl {
		secret = "pwpsk_" + RandomText(32)
	}
	k = DoorKey{ID: id.New[id.DoorKey](), Account: account, Dialect: d, Name: name, Hint: key[:len(doorKeyPrefix[d])+4], CreatedAt: now}
	if secret != "" {
		k.Secret = Hash(secret)
	}
	return k, key, secret, nil
}

var doorKeyPrefix = map[Dialect]string{PayWhirl: "pwpk_", PayKickstart: "", ProfitWell: "", ProfitWellPublic: ""}

// Opens reports whether the secret is the key's.
func (k DoorKey) Opens(secret string) bool {
	return k.Secret != "" && subtle.ConstantTimeCompare([]byte(k.Secret), []byte(Hash(secret))) == 1
}

// ErrDoorKey refuses credentials, in the same words whatever is wrong with them.
var ErrDoorKey = fault.New(fault.Unauthorized, "the credentials are missing, unknown or revoked")

// InsertDoorKey writes new credentials under the hash of their key; a Conflict when the key
// is in use already.
func InsertDoorKey(tx *db.Tx, k DoorKey, key string) error {
	_, err := tx.Exec(`insert into door_key (hash, id, account_id, dialect, name, hint, secret, created_at, revoked_at) values ($1, $2, $3, $4, $5, $6, $7, $8, null)`,
		doorHash(k.Dialect, key), k.ID, k.Account, k.Dialect, k.Name, k.Hint, k.Secret, clock.Micros(k.CreatedAt))
	if db.IsUnique(err) {
		return &fault.Error{Kind: fault.Conflict, Code: "key_taken", Message: "that key is in use already", Fields: []fault.Field{{Name: "key", Message: "is in use already"}}}
	}
	return err
}

// doorHash keeps the keys of dialects apart.
func doorHash(d Dialect, key string) string { return Hash(string(d) + "\x00" + key) }

// DoorKeyByKey is the credentials with that key, and their account. Unknown and revoked
// ones are refused with ErrDoorKey.
func DoorKeyByKey(tx *db.Tx, d Dialect, key string) (DoorKey, Account, error) {
	k := DoorKey{Dialect: d}
	err := tx.One([]any{&k.ID, &k.Account, &k.Name, &k.Hint, &k.Secret, db.ScanTime(&k.CreatedAt), db.ScanTime(&k.RevokedAt)},
		"select id, account_id, name, hint, secret, created_at, revoked_at from door_key where hash = $1", doorHash(d, key))
	if fault.Is(err, fault.NotFound) || err == nil && !k.RevokedAt.IsZero() {
		return DoorKey{}, Account{}, ErrDoorKey
	}
	if err != nil {
		return DoorKey{}, Account{}, err
	}
	a, err := Load(tx, k.Account)
	return k, a, err
}

// DoorKeys are an account's credentials of doors, oldest first.
func DoorKeys(tx *db.Tx, account id.Account) ([]DoorKey, error) {
	var list []DoorKey
	err := tx.Each(func(row db.Scan) error {
		k := DoorKey{Account: account}
		err := row(&k.ID, &k.Dialect, &k.Name, &k.Hint, &k.Secret, db.ScanTime(&k.CreatedAt), db.ScanTime(&k.RevokedAt))
		list = append(list, k)
		return err
	}, "select id, dialect, name, hint, secret, created_at, revoked_at from door_key where account_id = $1 order by id", account)
	return list, err
}

// RevokeDoorKey makes credentials useless from the next request on; NotFound when the
// account has no such ones in use.
func RevokeDoorKey(tx *db.Tx, account id.Account, key id.DoorKey, now time.Time) error {
	n, err := tx.Exec("update door_key set revoked_at = $3 where account_id = $1 and id = $2 and revoked_at is null", account, key, clock.Micros(now))
	if err == nil && n == 0 {
		return fault.New(fault.NotFound, "there is no door key with that id in use")
	}
	return err
}
