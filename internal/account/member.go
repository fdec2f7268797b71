package account

import (
	"time"

	"github.com/alexedwards/argon2id"

	"perennial/internal/fault"
	"perennial/internal/id"
)

// Role is what a member may do in an account.
type Role string

// The roles of a team.
const (
	Owner     Role = "owner"
	Admin     Role = "admin"
	Finance   Role = "finance"
	Support   Role = "support"
	Analyst   Role = "analyst" // reads only
	Developer Role = "developer"
)

// Login is how a person signs in, and what name is shown for them.
type Login struct {
	Email     string
	Member    id.Member
	Name      string
	Password  string // argon2id
	CreatedAt time.Time
	Version   int64
}

// Membership is a person's place in one account's team.
type Membership struct {
	Member    id.Member
	Account   id.Account
	Email     string
	Name      string
	Role      Role
	CreatedAt time.Time
}

// Session is a signed-in browser.
type Session struct {
	Hash      string // of its secret
	Member    id.Member
	CreatedAt time.Time
	SeenAt    time.Time
}

// How long a session lives, in the machine's time: unused, and at all.
const (
	SessionIdle = 12 * time.Hour
	SessionLife = 14 * 24 * time.Hour
)

// Alive reports whether the session may still be used.
func (s Session) Alive(now time.Time) bool {
	return now.Sub(s.SeenAt) < SessionIdle && now.Sub(s.CreatedAt) < SessionLife
}

// NewSession makes a session and its secret.
func NewSession(member id.Member, now time.Time) (Session, string) {
	secret := RandomText(40)
	return Session{Hash: Hash(secret), Member: member, CreatedAt: now, SeenAt: now}, secret
}

// OwnerLinkLife is how long the one-time owner link works.
const OwnerLinkLife = 24 * time.Hour

// The cost of a password: 19 MiB, two passes, one lane, the least that OWASP
// recommends for argon2id; about 30 ms of one core. Hashing runs at most four at
// a time (see hashing), so that signing in cannot exhaust the memory.
var passwordCost = &argon2id.Params{Memory: 19 * 1024, Iterations: 2, Parallelism: 1, SaltLength: 16, KeyLength: 32}

var hashing = make(chan struct{}, 4)

// MinPassword and MaxPassword bound the length of a password in bytes.
const (
	MinPassword = 10
	MaxPassword = 256
)

// HashPassword is the stored form of a password.
func HashPassword(password string) (string, error) {
	if len(password) < MinPassword {
		return "", fault.BadField("password", "must have at least %d characters", MinPassword)
	}
	if len(password) > MaxPassword {
		return "", fault.BadField("password", "must have at most %d characters", MaxPassword)
	}
	hashing <- struct{}{}
	defer func() { <-hashing }()
	return argon2id.CreateHash(password, passwordCost)
}

// nobody is a password that no one has: an unknown address costs as much time as
// a wrong password, so that the answer does not tell who exists.
const nobody = "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$3Jr0lmqBrCWQ0cJ7mVpWDkkSxB1VcQGCXlr9gXn7p8c"

// PasswordFits compares a password with its stored form; "" stands for a person
// who does not exist and never fits.
func PasswordFits(password, stored string) bool {
	if len(password) > MaxPassword {
		return false
	}
	known := stored != ""
	if !known {
		stored = nobody
	}
	hashing <- struct{}{}
	defer func() { <-hashing }()
	fits, err := argon2id.ComparePasswordAndHash(password, stored)
	return err == nil && fits && known
}
