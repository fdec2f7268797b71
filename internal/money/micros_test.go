package money_test

import (
	"testing"

	"pgregory.net/rapid"

	"perennial/internal/money"
)

func TestMicros(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int64{"0": 0, "1": 1_000_000, "-1.5": -1_500_000, "0.000001": 1, "999999999999.999999": 999_999_999_999_999_999} {
		d, err := money.ParseDecimal(text)
		if err != nil {
			t.Fatal(err)
		}
		if got, exact := d.Micros(); got != want || !exact {
			t.Errorf("%s: %d, %t", text, got, exact)
		}
	}
	for _, text := range []string{"0.0000001", "1000000000000", "-1000000000000", "999999999999999999"} {
		d, err := money.ParseDecimal(text)
		if err != nil {
			t.Fatal(err)
		}
		if got, exact := d.Micros(); exact {
			t.Errorf("%s: %d", text, got)
		}
	}
	if _, err := money.DecimalOfMicros(1_000_000_000_000_000_001); err == nil {
		t.Error("19 digits were taken")
	}
}

func TestMicrosAndBack(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.Int64Range(-999_999_999_999_999_999, 999_999_999_999_999_999).Draw(t, "micros")
		d, err := money.DecimalOfMicros(n)
		if err != nil {
			t.Fatal(err)
		}
		if got, exact := d.Micros(); got != n || !exact {
			t.Fatalf("%d became %s and %d", n, d, got)
		}
	})
}
