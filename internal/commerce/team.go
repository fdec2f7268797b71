package commerce

import (
	"context"
	"time"

	"perennial/internal/account"
	"perennial/internal/db"
	"perennial/internal/event"
	"perennial/internal/fault"
	"perennial/internal/id"
)

// OwnerLink makes the secret of a one-time link with which the first owner sets
// the server up. Whether anybody can sign in already is told too; then there is
// no link.
func (s *Service) OwnerLink(ctx context.Context) (secret string, needed bool, err error) {
	secret = account.RandomText(40)
	err = s.db.Update(ctx, func(tx *db.Tx) error {
		taken, err := account.HasMembers(tx)
		if err != nil || taken {
			needed = false
			return err
		}
		needed = true
		return account.InsertOwnerLink(tx, secret, s.clock.Now())
	})
	if !needed {
		secret = ""
	}
	return secret, needed, err
}

// OwnerLinkWorks reports whether a one-time owner link can be used.
func (s *Service) OwnerLinkWorks(ctx context.Context, secret string) (bool, error) {
	var works bool
	err := s.db.View(ctx, func(tx *db.Tx) (err error) {
		works, err = account.OwnerLinkWorks(tx, secret, s.clock.Now())
		return err
	})
	return works, err
}

// SetUp is the first owner's form: who they are, and the business.
type SetUp struct {
	Link     string // the secret of the one-time owner link
	Name     string
	Email    string
	Password string
	Company  CreateAccount // name, currency, zone, country; made live and as a sandbox
}

// SetUpDone is what the first owner gets.
type SetUpDone struct {
	Member  id.Member
	Sandbox id.Account // where to begin
	Session string     // its secret
}

// SetUp spends a one-time owner link: it makes the owner, and a live and a sandbox
// account, or joins every account that exists already. A link that was used or is
// older than account.OwnerLinkLife is refused.
func (s *Service) SetUp(ctx context.Context, c SetUp) (SetUpDone, error) {
	var f fault.Fields
	f.Add("name", account.CheckName(c.Name, 120))
	email, err := account.ParseEmail(c.Email)
	f.Add("email", err)
	password, err := account.HashPassword(c.Password)
	f.Add("password", err)
	if err := f.Err(); err != nil {
		return SetUpDone{}, err
	}
	by := event.Actor{Kind: event.ByMember, Name: c.Name}
	owner := account.Login{Email: email, Member: id.New[id.Member](), Name: c.Name, Password: password, CreatedAt: s.clock.Now()}
	session, secret := account.NewSession(owner.Member, s.clock.Now())
	var existing []account.Account
	err = s.db.Update(ctx, func(tx *db.Tx) error {
		spent, err := account.SpendOwnerLink(tx, c.Link, s.clock.Now())
		if err != nil {
			return err
		}
		if !spent {
			return fault.New(fault.Forbidden, "this link was used or is too old; start the server again for a new one").WithCode("owner_link_spent")
		}
		if existing, err = account.All(tx); err != nil {
			return err
		}
		if len(existing) == 0 {
			if err := checkCompany(c.Company); err != nil {
				return err
			}
		}
		if err := account.InsertLogin(tx, owner); err != nil {
			return err
		}
		return account.InsertSession(tx, session)
	})
	if err != nil {
		return SetUpDone{}, err
	}
	done := SetUpDone{Member: owner.Member, Session: secret}
	for _, a := range existing {
		if err := s.join(ctx, a, owner.Member, by); err != nil {
			return done, err
		}
		if a.Mode == account.Sandbox || done.Sandbox == 0 {
			done.Sandbox = a.ID
		}
	}
	if len(existing) > 0 {
		return done, nil
	}
	for _, mode := range []account.Mode{account.Live, account.Sandbox} {
		made := c.Company
		made.Actor, made.Mode, made.Owner, made.Email = by, mode, owner.Member, email
		created, err := s.CreateAccount(ctx, made)
		if err != nil {
			return done, err
		}
		done.Sandbox = created.Account.ID
	}
	return done, nil
}

// checkCompany refuses, before anything is written, a company that CreateAccount
// would refuse.
func checkCompany(c CreateAccount) error {
	a := account.Account{Name: c.Name, Mode: account.Sandbox, Currency: c.Currency, Zone: c.Zone, Email: "owner@example.com",
		Seller: account.Seller{Country: c.Country}, Tax: account.Tax{Name: "Tax"}}
	return a.Check()
}

func (s *Service) join(ctx context.Context, a account.Account, member id.Member, by event.Actor) error {
	return s.db.Update(ctx, func(tx *db.Tx) error {
		now := a.Now(s.clock.Now())
		if err := joinAs(tx, a, member, account.Owner, now); err != nil {
			return err
		}
		return event.Append(tx, a.ID, event.New(a.ID, now, by, event.MemberAdded, int64(member), 0, event.Data(map[string]any{"role": account.Owner})))
	})
}

func joinAs(tx *db.Tx, a account.Account, member id.Member, role account.Role, now time.Time) error {
	login, err := account.LoginByMember(tx, member)
	if err != nil {
		return err
	}
	return account.InsertMembership(tx, account.Membership{Member: member, Account: a.ID, Email: login.Email, Name: login.Name, Role: role, CreatedAt: now})
}

// errSignIn refuses a sign-in in the same words whatever was wrong.
var errSignIn = fault.New(fault.Unauthorized, "the e-mail address or the password is wrong")

// SignIn checks a password and opens a session, whose secret it returns. An unknown
// address and a wrong password are refused alike and take equally long.
func (s *Service) SignIn(ctx context.Context, email, password string) (string, error) {
	var login account.Login
	if parsed, err := account.ParseEmail(email); err == nil {
		err := s.db.View(ctx, func(tx *db.Tx) (err error) {
			login, err = account.LoginByEmail(tx, parsed)
			return err
		})
		if err != nil && !fault.Is(err, fault.NotFound) {
			return "", err
		}
	}
	if !account.PasswordFits(password, login.Password) {
		return "", errSignIn
	}
	session, secret := account.NewSession(login.Member, s.clock.Now())
	err := s.db.Update(ctx, func(tx *db.Tx) error { return account.InsertSession(tx, session) })
	return secret, err
}

// SignedIn is who a session belongs to.
type SignedIn struct {
	Member   id.Member
	Name     string
	Email    string
	Accounts []account.Membership
}

// touchAfter is how old the last note of a session's use may be.
const touchAfter = 5 * time.Minute

// SessionOf is who a session belongs to, from its secret. An ended or outdated
// session is fault.Unauthorized.
func (s *Service) SessionOf(ctx context.Context, secret string) (SignedIn, error) {
	var who SignedIn
	var session account.Session
	now := s.clock.Now()
	err := s.db.Read(ctx, func(tx *db.Tx) error {
		var err error
		session, err = account.SessionBySecret(tx, secret)
		if fault.Is(err, fault.NotFound) || err == nil && !session.Alive(now) {
			return fault.New(fault.Unauthorized, "sign in to go on")
		}
		if err != nil {
			return err
		}
		who.Member = session.Member
		if who.Accounts, err = account.Memberships(tx, session.Member); err != nil {
			return err
		}
		login, err := account.LoginByMember(tx, session.Member)
		who.Name, who.Email = login.Name, login.Email
		return err
	})
	if err != nil {
		return who, err
	}
	if now.Sub(session.SeenAt) > touchAfter {
		err = s.db.Update(ctx, func(tx *db.Tx) error { return account.TouchSession(tx, session, now) })
	}
	return who, err
}

// SignOut ends a session.
func (s *Service) SignOut(ctx context.Context, secret string) error {
	return s.db.Update(ctx, func(tx *db.Tx) error {
		return account.DeleteSession(tx, account.Session{Hash: account.Hash(secret)})
	})
}
