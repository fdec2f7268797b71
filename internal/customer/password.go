package customer

import (
	"crypto/subtle"
	"regexp"
	"time"

	"github.com/alexedwards/argon2id"
	"golang.org/x/crypto/bcrypt"

	"perennial/internal/clock"
	"perennial/internal/db"
	"perennial/internal/fault"
	"perennial/internal/id"
)

// Password is the stored form of a customer's password for the portal: argon2id, or the
// bcrypt hash that came along from another system.
type Password string

// The cost of a password, as for members of a team: 19 MiB, two passes, one lane.
var passwordCost = &argon2id.Params{Memory: 19 * 1024, Iterations: 2, Parallelism: 1, SaltLength: 16, KeyLength: 32}

// hashing bounds how many passwords are worked on at once, and with them the memory.
var hashing = make(chan struct{}, 4)

// MinPassword and MaxPassword bound the length of a password in bytes.
const (
	MinPassword = 6
	MaxPassword = 72 // what bcrypt reads, so that a hash that came along means the same
)

// maxBcryptCost keeps a hash that somebody sends from costing seconds: 12 is a quarter of one.
const maxBcryptCost = 12

var bcryptForm = regexp.MustCompile(`^\$2[aby]\$[0-9]{2}\$[./A-Za-z0-9]{53}$`)

// CheckPassword refuses what NewPassword would, without its cost.
func CheckPassword(password string) error {
	if bcryptForm.MatchString(password) {
		cost, err := bcrypt.Cost([]byte(password))
		if err != nil || cost > maxBcryptCost {
			return fault.BadField("password", "is a bcrypt hash of a cost above %d", maxBcryptCost)
		}
		return nil
	}
	if len(password) < MinPassword || len(password) > MaxPassword {
		return fault.BadField("password", "must have %d to %d bytes", MinPassword, MaxPassword)
	}
	return nil
}

// NewPassword is the stored form of a password, or of its bcrypt hash, which stays as it is.
func NewPassword(password string) (Password, error) {
	if err := CheckPassword(password); err != nil || bcryptForm.MatchString(password) {
		return Password(password), err
	}
	hashing <- struct{}{}
	defer func() { <-hashing }()
	hash, err := argon2id.CreateHash(password, passwordCost)
	return Password(hash), err
}

// nobody is a password that no one has: an unknown customer costs as much time as a wrong
// password.
const nobody = "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$3Jr0lmqBrCWQ0cJ7mVpWDkkSxB1VcQGCXlr9gXn7p8c"

// Fits compares a password with its stored form. A bcrypt hash fits when it is the very
// hash that is stored. "" stands for a customer without a password, whom nothing fits.
func (p Password) Fits(password string) bool {
	if bcryptForm.MatchString(password) {
		return p != "" && subtle.ConstantTimeCompare([]byte(password), []byte(p)) == 1
	}
	if len(password) > MaxPassword {
		return false
	}
	hashing <- struct{}{}
	defer func() { <-hashing }()
	if bcryptForm.MatchString(string(p)) {
		return bcrypt.CompareHashAndPassword([]byte(p), []byte(password)) == nil
	}
	stored := string(p)
	if stored == "" {
		stored = nobody
	}
	fits, err := argon2id.ComparePasswordAndHash(password, stored)
	return err == nil && fits && p != ""
}

// SetPassword keeps a customer's password in the place of an earlier one.
func SetPassword(tx *db.Tx, account id.Account, customer id.Customer, p Password, now time.Time) error {
	_, err := tx.Exec(`insert into customer_password (account_id, customer_id, hash, set_at) values ($1, $2, $3, $4)
		on conflict (account_id, customer_id) do update set hash = excluded.hash, set_at = excluded.set_at`, account, customer, string(p), clock.Micros(now))
	return err
}

// RemovePassword leaves the customer without one.
func RemovePassword(tx *db.Tx, account id.Account, customer id.Customer) error {
	_, err := tx.Exec("delete from customer_password where account_id = $1 and customer_id = $2", account, customer)
	return err
}

// PasswordOf is a customer's password, "" when there is none.
func PasswordOf(tx *db.Tx, account id.Account, customer id.Customer) (Password, error) {
	var p Password
	err := tx.One([]any{&p}, "select hash from customer_password where account_id = $1 and customer_id = $2", account, customer)
	if fault.Is(err, fault.NotFound) {
		return "", nil
	}
	return p, err
}
