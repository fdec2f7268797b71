package commerce

import (
	"sync"
	"time"

	"perennial/internal/account"
)

// keyring remembers for a moment which keys were good, because every request of a
// program asks. A key that this process revokes is forgotten at once; one that
// another process revokes is refused after keyTrust at the latest.
type keyring struct {
	mu   sync.Mutex
	good map[string]goodKey // by the hash of the secret
}

type goodKey struct {
	key     account.APIKey
	account account.Account
	until   time.Time
}

const (
	keyTrust = time.Second
	maxGood  = 10_000 // keys; then all are forgotten
)

// known is the key with that hash, if it was good a moment ago.
func (k *keyring) known(hash string, now time.Time) (goodKey, bool) {
	k.mu.Lock()
	defer k.mu.Unlock()
	g, ok := k.good[hash]
	if !ok || !now.Before(g.until) || now.Before(g.until.Add(-keyTrust)) { // a clock that was set back proves nothing
		return goodKey{}, false
	}
	return g, true
}

// keep remembers a good key.
func (k *keyring) keep(hash string, key account.APIKey, a account.Account, now time.Time) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.good == nil || len(k.good) >= maxGood {
		k.good = map[string]goodKey{}
	}
	k.good[hash] = goodKey{key, a, now.Add(keyTrust)}
}

// forget drops every key.
func (k *keyring) forget() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.good = nil
}
