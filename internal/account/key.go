package account

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"hash/crc32"
	"strings"
	"time"

	"perennial/internal/fault"
	"perennial/internal/id"
)

// APIKey is a bearer key of an account. Its secret is shown once and kept only as
// a hash.
type APIKey struct {
	ID        id.APIKey
	Account   id.Account
	Name      string
	Hint      string // the beginning of the secret, by which a person recognises it
	CreatedAt time.Time
	RevokedAt time.Time // zero while it works
}

// A secret is a prefix that scanners can find and that tells live from sandbox,
// 160 random bits, and a checksum that lets a mistyped key be refused unasked.
const (
	livePrefix    = "perennial_live_"
	sandboxPrefix = "perennial_test_"
)

const secretAlphabet = "0123456789abcdefghjkmnpqrstvwxyz"

// RandomText is n characters of five random bits each, fit for addresses.
func RandomText(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails since Go 1.24
	for i := range b {
		b[i] = secretAlphabet[b[i]&31]
	}
	return string(b)
}

// NewAPIKey makes a key and its secret.
func NewAPIKey(account id.Account, mode Mode, name string, now time.Time) (APIKey, string) {
	prefix := livePrefix
	if mode == Sandbox {
		prefix = sandboxPrefix
	}
	body := prefix + RandomText(32)
	secret := body + checksum(body)
	return APIKey{ID: id.New[id.APIKey](), Account: account, Name: name, Hint: secret[:len(prefix)+4], CreatedAt: now}, secret
}

func checksum(body string) string {
	sum := crc32.ChecksumIEEE([]byte(body))
	b := make([]byte, 6)
	for i := range b {
		b[i] = secretAlphabet[sum&31]
		sum >>= 5
	}
	return string(b)
}

// LooksLikeKey reports whether s has the form and checksum of a key's secret.
func LooksLikeKey(s string) bool {
	if len(s) != len(livePrefix)+38 || !strings.HasPrefix(s, livePrefix) && !strings.HasPrefix(s, sandboxPrefix) {
		return false
	}
	return checksum(s[:len(s)-6]) == s[len(s)-6:]
}

// Hash is the stored form of a secret with at least 128 random bits.
func Hash(secret string) string {
	sum := sha256.Sum256([]byte(secret))
	return hex.EncodeToString(sum[:])
}

// ErrKey refuses a key, in the same words whatever is wrong with it.
var ErrKey = fault.New(fault.Unauthorized, "the API key is missing, unknown or revoked")
