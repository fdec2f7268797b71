package commerce

import (
	"context"
	"time"

	"perennial/internal/account"
	"perennial/internal/db"
	"perennial/internal/event"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/recovery"
)

// CreateRecoveryPolicy makes a policy for failed payments.
type CreateRecoveryPolicy struct {
	Call
	Name  string
	Terms recovery.Terms
}

// CreateRecoveryPolicy makes a policy for failed payments. It is used by nothing until an
// account, a campaign or a product names it.
func (s *Service) CreateRecoveryPolicy(ctx context.Context, c CreateRecoveryPolicy) (recovery.Policy, error) {
	return update(ctx, s, c.Call, func(tx *db.Tx, a account.Account, now time.Time) (recovery.Policy, error) {
		made := recovery.Policy{ID: id.New[id.RecoveryPolicy](), Account: a.ID, Name: c.Name, Terms: c.Terms, CreatedAt: now, Version: 1}
		if err := made.Check(); err != nil {
			return made, err
		}
		n, err := recovery.CountPolicies(tx, a.ID)
		if err != nil {
			return made, err
		}
		if n >= recovery.MaxPolicies {
			return made, fault.New(fault.Conflict, "an account has at most %d recovery policies", recovery.MaxPolicies).WithCode("too_many_policies")
		}
		if err := recovery.InsertPolicy(tx, made); err != nil {
			return made, err
		}
		return made, event.Append(tx, a.ID, event.New(a.ID, now, c.Actor, event.RecoveryPolicyCreated, int64(made.ID), 0, event.Data(map[string]any{"name": made.Name})))
	})
}

// UpdateRecoveryPolicy changes a policy.
type UpdateRecoveryPolicy struct {
	Call
	Policy   id.RecoveryPolicy
	Name     *string
	Terms    func(before recovery.Terms) recovery.Terms // what they become; nil leaves them
	Archived *bool
}

// UpdateRecoveryPolicy changes a policy. Cases that are open follow it from their next
// failure on, reminders from each subscription's next period on.
func (s *Service) UpdateRecoveryPolicy(ctx context.Context, c UpdateRecoveryPolicy) (recovery.Policy, error) {
	return update(ctx, s, c.Call, func(tx *db.Tx, a account.Account, now time.Time) (recovery.Policy, error) {
		p, err := recovery.LoadPolicy(tx, a.ID, c.Policy)
		if err != nil {
			return p, err
		}
		set(&p.Name, c.Name)
		if c.Terms != nil {
			p.Terms = c.Terms(p.Terms)
		}
		set(&p.Archived, c.Archived)
		if err := p.Check(); err != nil {
			return p, err
		}
		if err := recovery.SavePolicy(tx, p); err != nil {
			return p, err
		}
		p.Version++
		return p, event.Append(tx, a.ID, event.New(a.ID, now, c.Actor, event.RecoveryPolicyUpdated, int64(p.ID), 0, event.Data(map[string]any{"name": p.Name, "archived": p.Archived})))
	})
}

// policyRefers refuses to name a policy that is not there, or archived; 0 names none.
func policyRefers(tx *db.Tx, a account.Account, policy id.RecoveryPolicy, field string) error {
	if policy == 0 {
		return nil
	}
	p, err := recovery.LoadPolicy(tx, a.ID, policy)
	if err != nil {
		return refersTo(err, field)
	}
	if p.Archived {
		return fault.BadField(field, "is archived")
	}
	return nil
}
