package recovery

import (
	"encoding/json"

	"perennial/internal/clock"
	"perennial/internal/db"
	"perennial/internal/fault"
	"perennial/internal/id"
)

const policyColumns = "id, name, terms, archived, created_at, version"

func (t Terms) text() string {
	b, _ := json.Marshal(t) // plain values always marshal
	return string(b)
}

// InsertPolicy writes a new policy.
func InsertPolicy(tx *db.Tx, p Policy) error {
	_, err := tx.Exec("insert into recovery_policy (account_id, id, name, terms, archived, created_at, version) values ($1, $2, $3, $4, $5, $6, 1)",
		p.Account, p.ID, p.Name, p.text(), p.Archived, clock.Micros(p.CreatedAt))
	return err
}

// SavePolicy writes a policy over the version that was loaded.
func SavePolicy(tx *db.Tx, p Policy) error {
	n, err := tx.Exec(`update recovery_policy set name = $4, terms = $5, archived = $6, version = version + 1
		where account_id = $1 and id = $2 and version = $3`, p.Account, p.ID, p.Version, p.Name, p.text(), p.Archived)
	if err == nil && n == 0 {
		return db.VersionConflict()
	}
	return err
}

func policies(tx *db.Tx, account id.Account, where string, args ...any) ([]Policy, error) {
	var list []Policy
	err := tx.Each(func(row db.Scan) error {
		p := Policy{Account: account}
		var terms string
		if err := row(&p.ID, &p.Name, &terms, &p.Archived, db.ScanTime(&p.CreatedAt), &p.Version); err != nil {
			return err
		}
		err := json.Unmarshal([]byte(terms), &p.Terms)
		list = append(list, p)
		return err
	}, "select "+policyColumns+" from recovery_policy where account_id = $1 "+where, append([]any{account}, args...)...)
	return list, err
}

// LoadPolicy is one policy of the account, or NotFound.
func LoadPolicy(tx *db.Tx, account id.Account, policy id.RecoveryPolicy) (Policy, error) {
	list, err := policies(tx, account, "and id = $2"+tx.Lock(), policy)
	if err == nil && len(list) == 0 {
		return Policy{}, fault.New(fault.NotFound, "there is no recovery policy with that id")
	}
	if err != nil {
		return Policy{}, err
	}
	return list[0], nil
}

// MaxPolicies is how many policies an account may have.
const MaxPolicies = 500

// Policies are the account's policies older than before, newest first.
func Policies(tx *db.Tx, account id.Account, before id.RecoveryPolicy, limit int) ([]Policy, error) {
	last := int64(before)
	if last == 0 {
		last = 1<<63 - 1
	}
	return policies(tx, account, "and id < $2 order by id desc limit $3", last, limit)
}

// CountPolicies is how many policies the account has.
func CountPolicies(tx *db.Tx, account id.Account) (int, error) {
	var n int
	err := tx.One([]any{&n}, "select count(*) from recovery_policy where account_id = $1", account)
	return n, err
}
