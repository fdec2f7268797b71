// Package seal keeps secrets at rest useless to whoever has the data alone. A
// sealed secret is AES-256-GCM under a key that is never in the database, and it
// opens only for the account and the purpose it was sealed for: copied into
// another merchant's row it is noise.
//
// The key is 32 random bytes in base64. It comes from the operator, or lives in a
// file beside the data that the first start makes. Several keys may be given, one
// a line or separated by commas: the first seals, all of them open, so that a key
// can be replaced while the old one is still needed.
package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"perennial/internal/id"
)

// Variable is the environment variable in which an operator may give the keys.
const Variable = "PERENNIAL_SECRET_KEY"

// File is the name of the key file in the data folder.
const File = "secret.key"

const (
	version  = "s1"
	keyBytes = 32
	maxFile  = 16 << 10
)

// Keys are the keys that seal and open secrets. They are safe for concurrent use.
type Keys struct {
	current *key
	all     map[string]*key
}

type key struct {
	id     string // names the key without telling it: the beginning of its hash
	aead   cipher.AEAD
	derive []byte // the key of Derive: one key never serves two ends
}

// ErrUnseal says that a secret cannot be opened: sealed under a key that is not
// here, for another account or purpose, or changed.
var ErrUnseal = errors.New("seal: the secret cannot be opened with the keys of this installation")

// Open reads the key file in the folder dir, and makes it when there is none. It
// refuses a file that others than its owner may read.
func Open(dir string) (*Keys, error) {
	path := filepath.Join(dir, File)
	text, err := read(path)
	if errors.Is(err, fs.ErrNotExist) {
		if err := create(dir, path); err != nil {
			return nil, fmt.Errorf("seal: the key file cannot be made: %w", err)
		}
		text, err = read(path) // when two processes start at once, both read the one that won
	}
	if err != nil {
		return nil, fmt.Errorf("seal: %w", err)
	}
	k, err := Parse(text)
	if err != nil {
		return nil, fmt.Errorf("%w (in %s)", err, path)
	}
	return k, nil
}

func read(path string) (string, error) {
	f, err := os.Open(path) //nolint:gosec // the operator's data folder
	if err != nil {
		return "", err
	}
	defer f.Close() //nolint:errcheck // only read
	info, err := f.Stat()
	if err != nil {
		return "", err
	}
	if info.Mode().Perm()&0o077 != 0 {
		return "", fmt.Errorf("%s may be read by others than its owner; run: chmod 600 %s", path, path)
	}
	if info.Size() > maxFile {
		return "", fmt.Errorf("%s is too long for a key file", path)
	}
	b := make([]byte, info.Size())
	n, err := f.ReadAt(b, 0)
	if n < len(b) {
		return "", err
	}
	return string(b), nil
}

// create makes the key file whole or not at all, and never over another one.
func create(dir, path string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	tmp, err := os.CreateTemp(dir, File+".*") // with mode 0600
	if err != nil {
		return err
	}
	defer os.Remove(tmp.Name()) //nolint:errcheck // a second name of the file, or a leftover
	_, err = tmp.WriteString(New() + "\n")
	if err == nil {
		err = tmp.Sync()
	}
	if closed := tmp.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return err
	}
	if err := os.Link(tmp.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	folder, err := os.Open(dir) //nolint:gosec // the operator's data folder
	if err != nil {
		return err
	}
	defer folder.Close() //nolint:errcheck // only synced
	return folder.Sync()
}

// New is the text of a new random key.
func New() string {
	b := make([]byte, keyBytes)
	_, _ = rand.Read(b) // never fails since Go 1.24
	return base64.StdEncoding.EncodeToString(b)
}

// Fresh is a new random key that nobody else has: what is sealed with it opens only as
// long as it is in memory.
func Fresh() *Keys {
	k, err := Parse(New())
	if err != nil {
		panic("seal: " + err.Error()) // a new key always parses
	}
	return k
}

// Parse reads keys from text: base64 of 32 bytes each, separated by commas or
// white space, the one that seals first.
func Parse(text string) (*Keys, error) {
	k := &Keys{all: map[string]*key{}}
	words := strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' || r == '\n' || r == '\r' || r == '\t' })
	for i, word := range words {
		raw, err := base64.StdEncoding.DecodeString(word)
		if err != nil || len(raw) != keyBytes {
			return nil, fmt.Errorf("seal: secret key number %d is not base64 of %d bytes", i+1, keyBytes)
		}
		one, err := newKey(raw)
		if err != nil {
			return nil, err
		}
		if k.current == nil {
			k.current = one
		}
		k.all[one.id] = one
	}
	if k.current == nil {
		return nil, errors.New("seal: there is no secret key")
	}
	return k, nil
}

func newKey(raw []byte) (*key, error) {
	block, err := aes.NewCipher(raw)
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCMWithRandomNonce(block)
	if err != nil {
		return nil, err
	}
	sum := sha256.Sum256(append([]byte("perennial secret key id\x00"), raw...))
	derive := hmac.New(sha256.New, raw)
	derive.Write([]byte("perennial derived secrets"))
	return &key{id: hex.EncodeToString(sum[:6]), aead: aead, derive: derive.Sum(nil)}, nil
}

// Derive is a secret of 32 bytes that belongs to an account and a purpose, one for each
// key, that of the key that seals now first. It need not be kept anywhere: asked for
// again it is the same, and who has the data alone cannot make it.
func (k *Keys) Derive(account id.Account, purpose string) [][]byte {
	list := [][]byte{k.current.derived(account, purpose)}
	for _, other := range k.all {
		if other != k.current {
			list = append(list, other.derived(account, purpose))
		}
	}
	return list
}

func (k *key) derived(account id.Account, purpose string) []byte {
	mac := hmac.New(sha256.New, k.derive)
	mac.Write(bound(k.id, account, purpose))
	return mac.Sum(nil)
}

// Seal encrypts a secret for an account and a purpose, a fixed word of whoever
// keeps the secret. The result is printable text without spaces that differs each
// time.
func (k *Keys) Seal(account id.Account, purpose string, plain []byte) string {
	box := k.current.aead.Seal(nil, nil, plain, bound(k.current.id, account, purpose)) //nolint:gosec // no nonce is passed: this cipher makes a random one each time
	return version + "." + k.current.id + "." + base64.RawURLEncoding.EncodeToString(box)
}

// Unseal opens what Seal made for the same account and purpose; else ErrUnseal.
func (k *Keys) Unseal(account id.Account, purpose, sealed string) ([]byte, error) {
	parts := strings.Split(sealed, ".")
	if len(parts) != 3 || parts[0] != version {
		return nil, ErrUnseal
	}
	one, ok := k.all[parts[1]]
	if !ok {
		return nil, ErrUnseal
	}
	box, err := base64.RawURLEncoding.Strict().DecodeString(parts[2])
	if err != nil {
		return nil, ErrUnseal
	}
	plain, err := one.aead.Open(nil, nil, box, bound(one.id, account, purpose))
	if err != nil {
		return nil, ErrUnseal
	}
	return plain, nil
}

// Again is a sealed secret under the key that seals now, so that its own key can be taken
// away: as it is when that is its key, else opened and sealed anew. "" stays "".
func (k *Keys) Again(account id.Account, purpose, sealed string) (string, error) {
	if sealed == "" || strings.HasPrefix(sealed, version+"."+k.current.id+".") {
		return sealed, nil
	}
	plain, err := k.Unseal(account, purpose, sealed)
	if err != nil {
		return "", err
	}
	return k.Seal(account, purpose, plain), nil
}

// bound is what the ciphertext is tied to. The purpose comes last, so that no two
// different triples spell the same bytes.
func bound(keyID string, account id.Account, purpose string) []byte {
	b := binary.BigEndian.AppendUint64([]byte(version+"\x00"+keyID+"\x00"), uint64(account))
	return append(b, purpose...)
}
