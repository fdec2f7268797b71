package profitwell

import (
	"testing"

	"pgregory.net/rapid"

	"perennial/internal/money"
)

// TestIDs says that ids are read as they are spelt, and nothing else is.
func TestIDs(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		v := rapid.Int64Min(1).Draw(t, "id")
		if got := unspell(userPrefix, spell(userPrefix, v)); got != v {
			t.Fatalf("%d came back as %d", v, got)
		}
		if got := unspell(subscriptionPrefix, spell(userPrefix, v)); got != 0 {
			t.Fatalf("a user is a subscription: %d", got)
		}
	})
	for _, s := range []string{"", "pwu_", "pwu_zzzzzzzzzzzz", "pwu_0000000000001", "pwu_00000000000-", "00000000000001"} {
		if got := unspell(userPrefix, s); got != 0 {
			t.Errorf("%q is %d", s, got)
		}
	}
}

// TestCents says that amounts come back as they were sent, whatever decimals the currency has.
func TestCents(t *testing.T) {
	t.Parallel()
	for _, c := range []money.Currency{"EUR", "JPY", "KWD"} {
		for _, cents := range []int64{0, 100, 12300} {
			minor, ok := minorOf(cents, c)
			if back := centsOf(money.Amount{Minor: minor, Currency: c}); !ok || back != cents {
				t.Errorf("%d of %s come back as %d", cents, c, back)
			}
		}
	}
	if _, ok := minorOf(150, "JPY"); ok {
		t.Error("half a yen is taken")
	}
}

// FuzzInstant says that what is read as an instant is one that can be kept.
func FuzzInstant(f *testing.F) {
	for _, s := range []string{"1514764800", "2026-05-20", "2026-05-20 10:00:00", "2026-05-20T10:00:00.123Z", "0", "-5", "99999999999999999999", "2026-02-30", "1514764800.5", "+1514764800", "20260520"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if at, ok := parseInstant(s); ok && (at.Year() < 1 || at.Year() > 9999) {
			t.Errorf("%q is %s", s, at)
		}
	})
}
