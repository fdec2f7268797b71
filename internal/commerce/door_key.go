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

// CreateDoorKey makes credentials for clients of another system.
type CreateDoorKey struct {
	Call
	Dialect account.Dialect
	Name    string
	// Key and Secret are those that the business used there; "" makes new ones.
	Key    string
	Secret string
}

// CreatedDoorKey is new credentials, which are shown once.
type CreatedDoorKey struct {
	DoorKey account.DoorKey
	Key     string
	Secret  string
}

// CreateDoorKey makes credentials for clients of another system.
func (s *Service) CreateDoorKey(ctx context.Context, c CreateDoorKey) (CreatedDoorKey, error) {
	if err := account.CheckName(c.Name, 80); err != nil {
		return CreatedDoorKey{}, fault.BadField("name", "%s", fault.As(err).Message)
	}
	return update(ctx, s, c.Call, func(tx *db.Tx, a account.Account, now time.Time) (CreatedDoorKey, error) {
		k, key, secret, err := account.NewDoorKey(a.ID, c.Dialect, c.Name, c.Key, c.Secret, s.clock.Now())
		if err != nil {
			return CreatedDoorKey{}, err
		}
		if err := account.InsertDoorKey(tx, k, key); err != nil {
			return CreatedDoorKey{}, err
		}
		return CreatedDoorKey{k, key, secret}, event.Append(tx, a.ID, event.New(a.ID, now, c.Actor, event.DoorKeyCreated, int64(k.ID), 0,
			event.Data(map[string]any{"dialect": k.Dialect, "name": k.Name, "hint": k.Hint})))
	})
}

// RevokeDoorKey makes credentials of a door useless.
type RevokeDoorKey struct {
	Call
	DoorKey id.DoorKey
}

// RevokeDoorKey makes credentials of a door useless from the next request on.
func (s *Service) RevokeDoorKey(ctx context.Context, c RevokeDoorKey) error {
	_, err := update(ctx, s, c.Call, func(tx *db.Tx, a account.Account, now time.Time) (struct{}, error) {
		list, err := account.DoorKeys(tx, a.ID)
		if err != nil {
			return struct{}{}, err
		}
		var dialect account.Dialect
		for _, k := range list {
			if k.ID == c.DoorKey {
				dialect = k.Dialect
			}
		}
		if err := account.RevokeDoorKey(tx, a.ID, c.DoorKey, s.clock.Now()); err != nil {
			return struct{}{}, err
		}
		return struct{}{}, event.Append(tx, a.ID, event.New(a.ID, now, c.Actor, event.DoorKeyRevoked, int64(c.DoorKey), 0, event.Data(map[string]any{"dialect": dialect})))
	})
	return err
}

// OpenDoor is the credentials and the account behind a key and its secret, or
// account.ErrDoorKey. secret is ignored by dialects that have none.
func (s *Service) OpenDoor(ctx context.Context, dialect account.Dialect, key, secret string) (account.DoorKey, account.Account, error) {
	var k account.DoorKey
	var a account.Account
	if key == "" || len(key) > 128 || len(secret) > 128 {
		return k, a, account.ErrDoorKey
	}
	err := s.db.Read(ctx, func(tx *db.Tx) (err error) {
		k, a, err = account.DoorKeyByKey(tx, dialect, key)
		return err
	})
	if err == nil && k.Secret != "" && !k.Opens(secret) {
		return account.DoorKey{}, account.Account{}, account.ErrDoorKey
	}
	return k, a, err
}
