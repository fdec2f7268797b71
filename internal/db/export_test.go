package db

import "time"

// Sound is the test of the library's version.
var Sound = sound

// CacheSize is how many statements a SQLite connection keeps.
const CacheSize = cacheSize

// SetGroupBudget lets closures of one group run for so long. It is called before
// the first Update.
func SetGroupBudget(d *DB, budget time.Duration) { d.store.(*liteStore).w.budget = budget }

// Waiting is how many closures wait for the writer.
func Waiting(d *DB) int {
	q := d.store.(*liteStore).w.queue
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.interactive) + len(q.background)
}

// SetPatience is how long background work lets others go first.
func SetPatience(d *DB, patience time.Duration) {
	q := d.store.(*liteStore).w.queue
	q.mu.Lock()
	defer q.mu.Unlock()
	q.patience = patience
}
