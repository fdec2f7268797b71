package metrics

import (
	"time"

	"perennial/internal/db"
	"perennial/internal/fault"
	"perennial/internal/id"
)

// User is somebody who is measured here and billed elsewhere.
type User struct {
	ID        id.MetricUser
	Account   id.Account
	Alias     string // the pushing system's own name, unique; "" for none
	Email     string // as it is shown; need not be an address, nor unique
	Name      string
	Excluded  bool
	CreatedAt time.Time
	UpdatedAt time.Time
	Version   int64
}

// Subscription is something that a User is measured for.
type Subscription struct {
	ID        id.MetricSubscription
	Account   id.Account
	User      id.MetricUser
	Alias     string // the pushing system's own name, unique; "" for none
	Email     string // that was given with it
	Provider  string // the id of the user at the system that bills them, as it was given; "" for none
	CreatedAt time.Time
}

// PushedPlan is a plan that subscriptions are measured by and nobody sells here.
type PushedPlan struct {
	ID        id.MetricPlan
	Account   id.Account
	Code      string // the pushing system's own id of it, unique
	Name      string
	Listed    bool // somebody made it, not only a subscription that names it
	CreatedAt time.Time
	Version   int64
}

var (
	userTable = db.NewTable("metric_user", db.Int("account_id"), db.Int("id"), db.Text("code"), db.Text("email"), db.Text("name"), db.Bool("excluded"),
		db.Int("created_at"), db.Int("updated_at"), db.Int("version"))
	subscriptionTable = db.NewTable("metric_subscription", db.Int("account_id"), db.Int("id"), db.Int("user_id"), db.Text("code"), db.Text("email"), db.Text("provider"),
		db.Int("created_at"))
	planTable = db.NewTable("metric_plan", db.Int("account_id"), db.Int("id"), db.Text("code"), db.Text("name"), db.Bool("listed"), db.Int("created_at"), db.Int("version"))
)

// InsertUser writes a new user. An alias that is taken is fault.Conflict.
func InsertUser(tx *db.Tx, u User) error {
	n, err := tx.InsertIgnore(userTable, 1, func(_ int, r *db.Row) {
		r.Int(int64(u.Account))
		r.Int(int64(u.ID))
		r.Text(u.Alias)
		r.Text(u.Email)
		r.Text(u.Name)
		r.Bool(u.Excluded)
		r.Time(u.CreatedAt)
		r.Time(u.UpdatedAt)
		r.Int(1)
	})
	if err == nil && n == 0 {
		err = db.VersionConflict() // somebody made the same one at the same time
	}
	return err
}

// SaveUser writes a user over the version that was loaded.
func SaveUser(tx *db.Tx, u *User) error {
	lost, err := tx.Update(userTable, []string{"code", "email", "name", "excluded", "updated_at"}, 1, func(_ int, r *db.Row) {
		r.Int(int64(u.Account))
		r.Int(int64(u.ID))
		r.Int(u.Version)
		r.Text(u.Alias)
		r.Text(u.Email)
		r.Text(u.Name)
		r.Bool(u.Excluded)
		r.Time(u.UpdatedAt)
	})
	if err == nil && len(lost) > 0 {
		err = db.VersionConflict()
	}
	u.Version++
	return err
}

func users(tx *db.Tx, acc id.Account, where string, args ...any) ([]User, error) {
	var list []User
	err := tx.Each(func(row db.Scan) error {
		u := User{Account: acc}
		err := row(&u.ID, &u.Alias, &u.Email, &u.Name, &u.Excluded, db.ScanTime(&u.CreatedAt), db.ScanTime(&u.UpdatedAt), &u.Version)
		list = append(list, u)
		return err
	}, "select id, code, email, name, excluded, created_at, updated_at, version from metric_user where account_id = $1 and "+where, append([]any{acc}, args...)...)
	return list, err
}

// UsersByID are those of the users that the account has.
func UsersByID(tx *db.Tx, acc id.Account, ids []int64) (map[id.MetricUser]User, error) {
	list, err := users(tx, acc, tx.AnyOf("id", 2), tx.List(ids))
	found := make(map[id.MetricUser]User, len(list))
	for _, u := range list {
		found[u.ID] = u
	}
	return found, err
}

// FindUser is the user of an id or, where that is 0, an alias; fault.NotFound when there is
// none.
func FindUser(tx *db.Tx, acc id.Account, user id.MetricUser, alias string) (User, error) {
	where, arg := "id = $2", any(user)
	if user == 0 {
		where, arg = "code = $2 and code <> ''", any(alias)
	}
	list, err := users(tx, acc, where, arg)
	if err == nil && len(list) == 0 {
		return User{}, fault.New(fault.NotFound, "there is no such user")
	}
	if err != nil {
		return User{}, err
	}
	return list[0], nil
}

// RemoveUser removes a user and their subscriptions; what was measured of them is left out
// by a fact.
func RemoveUser(tx *db.Tx, u User) error {
	if _, err := tx.Exec("delete from metric_subscription where account_id = $1 and user_id = $2", u.Account, u.ID); err != nil {
		return err
	}
	_, err := tx.Exec("delete from metric_user where account_id = $1 and id = $2", u.Account, u.ID)
	return err
}

// InsertSubscription writes a new subscription.
func InsertSubscription(tx *db.Tx, s Subscription) error {
	n, err := tx.InsertIgnore(subscriptionTable, 1, func(_ int, r *db.Row) {
		r.Int(int64(s.Account))
		r.Int(int64(s.ID))
		r.Int(int64(s.User))
		r.Text(s.Alias)
		r.Text(s.Email)
		r.Text(s.Provider)
		r.Time(s.CreatedAt)
	})
	if err == nil && n == 0 {
		err = db.VersionConflict()
	}
	return err
}

func subscriptions(tx *db.Tx, acc id.Account, where string, args ...any) ([]Subscription, error) {
	var list []Subscription
	err := tx.Each(func(row db.Scan) error {
		s := Subscription{Account: acc}
		err := row(&s.ID, &s.User, &s.Alias, &s.Email, &s.Provider, db.ScanTime(&s.CreatedAt))
		list = append(list, s)
		return err
	}, "select id, user_id, code, email, provider, created_at from metric_subscription where account_id = $1 and "+where, append([]any{acc}, args...)...)
	return list, err
}

// FindSubscription is the subscription of an id or, where that is 0, an alias;
// fault.NotFound when there is none.
func FindSubscription(tx *db.Tx, acc id.Account, sub id.MetricSubscription, alias string) (Subscription, error) {
	where, arg := "id = $2", any(sub)
	if sub == 0 {
		where, arg = "code = $2 and code <> ''", any(alias)
	}
	list, err := subscriptions(tx, acc, where, arg)
	if err == nil && len(list) == 0 {
		return Subscription{}, fault.New(fault.NotFound, "there is no such subscription")
	}
	if err != nil {
		return Subscription{}, err
	}
	return list[0], nil
}

func plans(tx *db.Tx, acc id.Account, where string, args ...any) ([]PushedPlan, error) {
	var list []PushedPlan
	err := tx.Each(func(row db.Scan) error {
		p := PushedPlan{Account: acc}
		err := row(&p.ID, &p.Code, &p.Name, &p.Listed, db.ScanTime(&p.CreatedAt), &p.Version)
		list = append(list, p)
		return err
	}, "select id, code, name, listed, created_at, version from metric_plan where account_id = $1 and "+where, append([]any{acc}, args...)...)
	return list, err
}

// PlansByID are those of the plans that were pushed.
func PlansByID(tx *db.Tx, acc id.Account, ids []int64) (map[id.MetricPlan]PushedPlan, error) {
	list, err := plans(tx, acc, tx.AnyOf("id", 2), tx.List(ids))
	found := make(map[id.MetricPlan]PushedPlan, len(list))
	for _, p := range list {
		found[p.ID] = p
	}
	return found, err
}

// PushedPlans are the plans that somebody made, after one, oldest first.
func PushedPlans(tx *db.Tx, acc id.Account, after id.MetricPlan, limit int) ([]PushedPlan, error) {
	return plans(tx, acc, "id > $2 and listed = $3 order by id limit $4", after, true, limit)
}

// FindPlan is the plan of a code; fault.NotFound when there is none.
func FindPlan(tx *db.Tx, acc id.Account, code string) (PushedPlan, error) {
	list, err := plans(tx, acc, "code = $2", code)
	if err == nil && len(list) == 0 {
		return PushedPlan{}, fault.New(fault.NotFound, "there is no such plan")
	}
	if err != nil {
		return PushedPlan{}, err
	}
	return list[0], nil
}

// InsertPlan writes a new plan.
func InsertPlan(tx *db.Tx, p PushedPlan) error {
	n, err := tx.InsertIgnore(planTable, 1, func(_ int, r *db.Row) {
		r.Int(int64(p.Account))
		r.Int(int64(p.ID))
		r.Text(p.Code)
		r.Text(p.Name)
		r.Bool(p.Listed)
		r.Time(p.CreatedAt)
		r.Int(1)
	})
	if err == nil && n == 0 {
		err = db.VersionConflict()
	}
	return err
}

// SavePlan writes a plan over the version that was loaded.
func SavePlan(tx *db.Tx, p *PushedPlan) error {
	lost, err := tx.Update(planTable, []string{"name", "listed"}, 1, func(_ int, r *db.Row) {
		r.Int(int64(p.Account))
		r.Int(int64(p.ID))
		r.Int(p.Version)
		r.Text(p.Name)
		r.Bool(p.Listed)
	})
	if err == nil && len(lost) > 0 {
		err = db.VersionConflict()
	}
	p.Version++
	return err
}

// AnonymiseSubscriptions puts another address in the place of what was given with the
// subscriptions of a user, and takes the id at another system away.
func AnonymiseSubscriptions(tx *db.Tx, u User, email string) error {
	_, err := tx.Exec("update metric_subscription set email = $3, provider = '' where account_id = $1 and user_id = $2", u.Account, u.ID, email)
	return err
}
