package seal

import (
	"bytes"
	"encoding/base64"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"perennial/internal/id"
)

func open(t *testing.T, text string) *Keys {
	t.Helper()
	k, err := Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestRoundTrip(t *testing.T) {
	t.Parallel()
	k := open(t, New())
	rapid.Check(t, func(t *rapid.T) {
		account := id.Account(rapid.Int64Min(1).Draw(t, "account"))
		purpose := rapid.String().Draw(t, "purpose")
		plain := rapid.SliceOf(rapid.Byte()).Draw(t, "plain")
		sealed := k.Seal(account, purpose, plain)
		if again := k.Seal(account, purpose, plain); again == sealed {
			t.Fatal("sealing twice gave the same text")
		}
		got, err := k.Unseal(account, purpose, sealed)
		if err != nil || !bytes.Equal(got, plain) {
			t.Fatalf("got %q, %v", got, err)
		}
		if len(plain) > 7 && strings.Contains(sealed, base64.RawURLEncoding.EncodeToString(plain)) {
			t.Fatal("the sealed text shows the secret")
		}
		if _, err := k.Unseal(account+1, purpose, sealed); !errors.Is(err, ErrUnseal) {
			t.Fatalf("another account: %v", err)
		}
		if _, err := k.Unseal(account, purpose+"x", sealed); !errors.Is(err, ErrUnseal) {
			t.Fatalf("another purpose: %v", err)
		}
	})
}

func TestEveryChangedCharacterIsRefused(t *testing.T) {
	t.Parallel()
	k := open(t, New())
	sealed := k.Seal(7, "webhook", []byte("a secret"))
	for i := range sealed {
		b := []byte(sealed)
		b[i] = 'A'
		if sealed[i] == 'A' {
			b[i] = 'B'
		}
		if _, err := k.Unseal(7, "webhook", string(b)); !errors.Is(err, ErrUnseal) {
			t.Errorf("character %d changed: %v", i, err)
		}
	}
	for _, bad := range []string{"", ".", "..", "s1", "s1..", sealed[:len(sealed)-1], sealed + "A", sealed + "."} {
		if _, err := k.Unseal(7, "webhook", bad); !errors.Is(err, ErrUnseal) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestKeyReplacement(t *testing.T) {
	t.Parallel()
	oldText, newText := New(), New()
	old := open(t, oldText)
	sealed := old.Seal(7, "webhook", []byte("a secret"))
	both := open(t, newText+"\n"+oldText+"\n")
	if got, err := both.Unseal(7, "webhook", sealed); err != nil || string(got) != "a secret" {
		t.Fatalf("%q, %v", got, err)
	}
	again, err := both.Again(7, "webhook", sealed)
	if err != nil || again == sealed {
		t.Fatalf("sealed again it is %q, %v", again, err)
	}
	if same, err := both.Again(7, "webhook", again); err != nil || same != again {
		t.Errorf("what the first key sealed is sealed again: %q, %v", same, err)
	}
	if none, err := both.Again(7, "webhook", ""); err != nil || none != "" {
		t.Errorf("nothing, sealed again: %q, %v", none, err)
	}
	if _, err := both.Again(7, "another", sealed); !errors.Is(err, ErrUnseal) {
		t.Errorf("another purpose: %v", err)
	}
	if _, err := old.Unseal(7, "webhook", again); !errors.Is(err, ErrUnseal) {
		t.Errorf("the old key opens what the new one sealed: %v", err)
	}
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	short := base64.StdEncoding.EncodeToString(make([]byte, 31))
	for _, text := range []string{"", " ,\n", "secret", short, New() + "," + short} {
		_, err := Parse(text)
		if err == nil {
			t.Errorf("%q was taken for keys", text)
		} else if text != "" && strings.Contains(err.Error(), short) {
			t.Errorf("the refusal shows the key: %v", err)
		}
	}
}

func TestFile(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "data")
	const starts = 8
	keys := make([]*Keys, starts)
	var wg sync.WaitGroup
	for i := range starts {
		wg.Go(func() {
			k, err := Open(dir)
			if err != nil {
				t.Error(err)
			}
			keys[i] = k
		})
	}
	wg.Wait()
	if t.Failed() {
		return
	}
	sealed := keys[0].Seal(7, "webhook", []byte("a secret"))
	for i, k := range keys {
		if _, err := k.Unseal(7, "webhook", sealed); err != nil {
			t.Errorf("start %d has another key: %v", i, err)
		}
	}
	path := filepath.Join(dir, File)
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Fatalf("%v, %v", info, err)
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 1 {
		t.Fatalf("beside the key file: %v, %v", left, err)
	}
	if err := os.Chmod(path, 0o640); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir); err == nil || !strings.Contains(err.Error(), "chmod 600") {
		t.Errorf("a readable key file was accepted: %v", err)
	}
	if err := errors.Join(os.Chmod(path, 0o600), os.WriteFile(path, []byte("torn"), 0o600)); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir); err == nil {
		t.Error("a broken key file was accepted")
	}
}

func TestDerivedSecrets(t *testing.T) {
	t.Parallel()
	first, second := New(), New()
	one, err := Parse(first)
	if err != nil {
		t.Fatal(err)
	}
	list := one.Derive(7, "link 1")
	if len(list) != 1 || len(list[0]) != 32 {
		t.Fatalf("%d secrets", len(list))
	}
	if again := one.Derive(7, "link 1"); !bytes.Equal(again[0], list[0]) {
		t.Error("asked for again it differs")
	}
	for _, other := range [][][]byte{one.Derive(8, "link 1"), one.Derive(7, "link 2")} {
		if bytes.Equal(other[0], list[0]) {
			t.Error("another account or purpose has the same secret")
		}
	}
	both, err := Parse(second + "," + first) // the key was replaced; the old one still opens
	if err != nil {
		t.Fatal(err)
	}
	now := both.Derive(7, "link 1")
	if len(now) != 2 || bytes.Equal(now[0], list[0]) || !bytes.Equal(now[1], list[0]) {
		t.Error("the secrets of a replaced key are lost, or come first")
	}
}
