package report

import (
	"context"

	"perennial/internal/alias"
	"perennial/internal/db"
)

// Numbers is the numbers of those of the names that have one; see alias.Space.
func (r *Reader) Numbers(ctx context.Context, s alias.Space, names []string) (map[string]int64, error) {
	return view(ctx, r, func(tx *db.Tx) (map[string]int64, error) { return s.Numbers(tx, names) })
}

// Named is the names of those of the numbers that stand for something.
func (r *Reader) Named(ctx context.Context, s alias.Space, numbers []int64) (map[int64]string, error) {
	return view(ctx, r, func(tx *db.Tx) (map[int64]string, error) { return s.Names(tx, numbers) })
}

// NumberedAfter is up to limit of the things with greater numbers than after, the lowest
// first.
func (r *Reader) NumberedAfter(ctx context.Context, s alias.Space, after int64, limit int) ([]alias.Numbered, error) {
	return view(ctx, r, func(tx *db.Tx) ([]alias.Numbered, error) { return s.After(tx, after, limit) })
}

// NumberedBefore is up to limit of the things with lower numbers than before, the greatest
// first; 0 means from the greatest of all.
func (r *Reader) NumberedBefore(ctx context.Context, s alias.Space, before int64, limit int) ([]alias.Numbered, error) {
	return view(ctx, r, func(tx *db.Tx) ([]alias.Numbered, error) { return s.Before(tx, before, limit) })
}
