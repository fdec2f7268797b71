package commerce

import (
	"context"
	"time"

	"perennial/internal/account"
	"perennial/internal/affiliate"
	"perennial/internal/db"
	"perennial/internal/event"
	"perennial/internal/id"
)

// AddMaterial gives affiliates of a campaign something to promote it with.
type AddMaterial struct {
	Call
	Campaign id.Campaign
	Kind     string // one of affiliate.MaterialKinds
	Title    string
	Body     string // a text, or an address of a page or picture
}

// AddMaterial gives affiliates of a campaign something to promote it with.
func (s *Service) AddMaterial(ctx context.Context, c AddMaterial) (affiliate.Material, error) {
	return update(ctx, s, c.Call, func(tx *db.Tx, a account.Account, now time.Time) (affiliate.Material, error) {
		m := affiliate.Material{ID: id.New[id.Material](), Account: a.ID, Campaign: c.Campaign, Kind: c.Kind, Title: c.Title, Body: c.Body, CreatedAt: now}
		if _, err := affiliate.LoadProgram(tx, a.ID, c.Campaign); err != nil {
			return m, err
		}
		if err := m.Check(); err != nil {
			return m, err
		}
		if err := affiliate.InsertMaterial(tx, m); err != nil {
			return m, err
		}
		return m, event.Append(tx, a.ID, event.New(a.ID, now, c.Actor, event.MaterialAdded, int64(m.ID), 0, event.Data(map[string]any{"campaign": m.Campaign, "title": m.Title})))
	})
}

// RemoveMaterial takes promo material out of use.
type RemoveMaterial struct {
	Call
	Material id.Material
}

// RemoveMaterial takes promo material out of use.
func (s *Service) RemoveMaterial(ctx context.Context, c RemoveMaterial) error {
	_, err := update(ctx, s, c.Call, func(tx *db.Tx, a account.Account, now time.Time) (struct{}, error) {
		if err := affiliate.ArchiveMaterial(tx, a.ID, c.Material); err != nil {
			return struct{}{}, err
		}
		return struct{}{}, event.Append(tx, a.ID, event.New(a.ID, now, c.Actor, event.MaterialRemoved, int64(c.Material), 0, event.Data(map[string]any{})))
	})
	return err
}
