package paywhirl

import (
	"context"

	"perennial/internal/account"
	"perennial/internal/alias"
	"perennial/internal/params"
)

// maxPage is how many rows a page has, at most and by default.
const maxPage = 100

// page says which numbers of a list are asked for.
type page struct {
	after, before int64 // 0 is no bound
	limit         int
	ascending     bool
}

// pageOf reads the paging words of version 2.
func pageOf(v *params.Values) page {
	p := page{after: numberOf(v, "after_id"), before: numberOf(v, "before_id"), limit: int(v.Int("limit", 1, maxPage))}
	if p.limit == 0 {
		p.limit = maxPage
	}
	switch v.Text("order_direction") {
	case "asc", "ASC":
		p.ascending = true
	case "", "desc", "DESC":
	default:
		v.Bad("order_direction", "must be asc or desc")
	}
	switch v.Text("order_key") {
	case "", "id", "created_at": // the order of creation, both
	default:
		v.Bad("order_key", "must be id or created_at")
	}
	return p
}

// maxUnpaged is how many rows a list has that is not paged.
const maxUnpaged = 5_000

// scanned is how many rows are looked at at once for a page whose rows are picked.
const scanned = 200

// listed is a page of the things of a kind. show gives those of them that are to be seen, in
// the same order; the page is filled up with what follows.
func listed[T any](ctx context.Context, d *Door, c *caller, kind string, p page, show func(list []alias.Numbered) ([]T, error)) ([]T, error) {
	if inOrder[kind] {
		if err := d.s.NumberNew(ctx, c.account.ID, string(account.PayWhirl), kind); err != nil {
			return nil, err
		}
	}
	out := []T{}
	at, ahead := p.before, min(scanned, p.limit+1)
	if p.ascending {
		at = p.after
	}
	for {
		list, err := d.numbered(ctx, c, kind, p.ascending, at, ahead)
		if err != nil || len(list) == 0 {
			return out, err
		}
		at = list[len(list)-1].Number
		whole := len(list) == ahead
		inside := p.inside(list)
		whole = whole && len(inside) == len(list)
		shown, err := show(inside)
		if err != nil {
			return nil, err
		}
		out = append(out, shown...)
		if len(out) >= p.limit {
			return out[:p.limit], nil
		}
		if !whole {
			return out, nil
		}
		ahead = scanned
	}
}

func (d *Door) numbered(ctx context.Context, c *caller, kind string, ascending bool, at int64, limit int) ([]alias.Numbered, error) {
	if ascending {
		return d.r.NumberedAfter(ctx, c.space(kind), at, limit)
	}
	return d.r.NumberedBefore(ctx, c.space(kind), at, limit)
}

// inside leaves out what lies beyond the far bound.
func (p page) inside(list []alias.Numbered) []alias.Numbered {
	for i, n := range list {
		if p.ascending && p.before != 0 && n.Number >= p.before || !p.ascending && n.Number <= p.after {
			return list[:i]
		}
	}
	return list
}
