package commerce

import (
	"context"
	"time"

	"perennial/internal/account"
	"perennial/internal/catalog"
	"perennial/internal/db"
	"perennial/internal/event"
	"perennial/internal/id"
)

// CreateWidget makes a widget for a merchant's own site.
type CreateWidget struct {
	Call
	Code  string // "" makes a new one
	Name  string
	Plans []id.Price // lines of prices, or prices of them; empty for all that are on sale
	Sites []string
}

// CreateWidget makes a widget for a merchant's own site.
func (s *Service) CreateWidget(ctx context.Context, c CreateWidget) (account.Widget, error) {
	return update(ctx, s, c.Call, func(tx *db.Tx, a account.Account, now time.Time) (account.Widget, error) {
		w, err := account.NewWidget(a.ID, c.Code, c.Name, nil, c.Sites, s.clock.Now())
		if err != nil {
			return w, err
		}
		for _, p := range c.Plans {
			price, err := catalog.LoadPrice(tx, a.ID, p)
			if err != nil {
				return w, refersTo(err, "plans")
			}
			w.Plans = append(w.Plans, price.Plan())
		}
		if err := account.InsertWidget(tx, w); err != nil {
			return w, err
		}
		return w, event.Append(tx, a.ID, event.New(a.ID, now, c.Actor, event.WidgetCreated, int64(w.ID), 0, event.Data(map[string]any{"name": w.Name, "code": w.Code})))
	})
}

// RemoveWidget ends a widget.
type RemoveWidget struct {
	Call
	Widget id.Widget
}

// RemoveWidget ends a widget: where its code is pasted, nothing is shown from then on.
func (s *Service) RemoveWidget(ctx context.Context, c RemoveWidget) error {
	_, err := update(ctx, s, c.Call, func(tx *db.Tx, a account.Account, now time.Time) (struct{}, error) {
		if err := account.RemoveWidget(tx, a.ID, c.Widget); err != nil {
			return struct{}{}, err
		}
		return struct{}{}, event.Append(tx, a.ID, event.New(a.ID, now, c.Actor, event.WidgetRemoved, int64(c.Widget), 0, event.Data(map[string]any{})))
	})
	return err
}
