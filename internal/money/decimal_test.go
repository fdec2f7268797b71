package money_test

import (
	"math"
	"math/big"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"perennial/internal/fault"
	"perennial/internal/money"
)

var anyDecimal = rapid.Custom(func(t *rapid.T) money.Decimal {
	digits := rapid.StringMatching(`-?[0-9]{1,6}(\.[0-9]{1,12})?`)
	long := rapid.StringMatching(`-?[0-9]{6}\.[0-9]{12}|-?[0-9]{18}`)
	d, err := money.ParseDecimal(rapid.OneOf(digits, long).Draw(t, "decimal"))
	if err != nil {
		t.Fatal(err)
	}
	return d
})

func rat(d money.Decimal) *big.Rat {
	r, ok := new(big.Rat).SetString(d.String())
	if !ok {
		panic("not a number: " + d.String())
	}
	return r
}

// holds reports whether a Decimal can hold r: 18 digits, 12 of them decimals.
func holds(r *big.Rat) bool {
	text := strings.TrimRight(r.FloatString(12), "0")
	text = strings.TrimLeft(strings.ReplaceAll(strings.TrimPrefix(text, "-"), ".", ""), "0")
	return len(text) <= 18 || r.IsInt() && len(strings.TrimPrefix(r.RatString(), "-")) <= 18
}

func TestDecimalAddSub(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		a, b := anyDecimal.Draw(t, "a"), anyDecimal.Draw(t, "b")
		for name, c := range map[string]struct {
			op   func(money.Decimal) (money.Decimal, error)
			want *big.Rat
		}{
			"+": {a.Add, new(big.Rat).Add(rat(a), rat(b))},
			"-": {a.Sub, new(big.Rat).Sub(rat(a), rat(b))},
		} {
			got, err := c.op(b)
			if !holds(c.want) {
				if !fault.Is(err, fault.Invalid) || fault.As(err).Code != "number_too_long" {
					t.Fatalf("%v %s %v is %v, %v; want a refusal", a, name, b, got, err)
				}
				continue
			}
			if err != nil || rat(got).Cmp(c.want) != 0 {
				t.Fatalf("%v %s %v is %v, %v; want %v", a, name, b, got, err, c.want)
			}
			if again, err := money.ParseDecimal(got.String()); err != nil || again != got {
				t.Fatalf("%v is not in its one form: %v, %v", got, again, err)
			}
		}
	})
}

func TestDecimalLimits(t *testing.T) {
	t.Parallel()
	most := decimal(t, "999999999999999999")
	if got, err := most.Add(decimal(t, "1")); !fault.Is(err, fault.Invalid) || !got.IsZero() {
		t.Errorf("one more than the most is %v, %v", got, err)
	}
	if got, err := most.Sub(decimal(t, "0.1")); !fault.Is(err, fault.Invalid) || !got.IsZero() {
		t.Errorf("a decimal beside 18 digits is %v, %v", got, err)
	}
	if got, err := most.Sub(most); err != nil || got != (money.Decimal{}) {
		t.Errorf("the most less itself is %v, %v", got, err)
	}
}

func decimal(t testing.TB, s string) money.Decimal {
	t.Helper()
	d, err := money.ParseDecimal(s)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func TestDecimalBlocks(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		d    string
		size int64
		want int64
	}{
		{"0", 10, 0}, {"1", 10, 1}, {"10", 10, 1}, {"10.0001", 10, 2}, {"0.000000000001", 1, 1}, {"11", 10, 2}, {"99", 1, 99},
		{"999999999999999999", 1, 999999999999999999}, {"999999.999999999999", 1000000, 1},
		{"999999999999999999", math.MaxInt64, 1},
	} {
		if got, err := decimal(t, c.d).Blocks(c.size); err != nil || got != c.want {
			t.Errorf("%s is %d blocks of %d, %v; want %d", c.d, got, c.size, err, c.want)
		}
	}
	if n, err := decimal(t, "5").Blocks(0); !fault.Is(err, fault.Invalid) || n != 0 {
		t.Errorf("blocks of nothing: %d, %v", n, err)
	}
	if n, err := decimal(t, "-5").Blocks(1); !fault.Is(err, fault.Invalid) || n != 0 {
		t.Errorf("blocks of a negative number: %d, %v", n, err)
	}
	rapid.Check(t, func(t *rapid.T) {
		d, size := anyDecimal.Draw(t, "d"), rapid.Int64Range(1, 1_000_000_000_000).Draw(t, "size")
		if d.Sign() < 0 {
			t.Skip()
		}
		n, err := d.Blocks(size)
		if err != nil {
			t.Fatal(err)
		}
		end := new(big.Rat).SetInt(new(big.Int).Mul(big.NewInt(n), big.NewInt(size)))
		before := new(big.Rat).Sub(end, new(big.Rat).SetInt64(size))
		if end.Cmp(rat(d)) < 0 || n > 0 && before.Cmp(rat(d)) >= 0 {
			t.Fatalf("%v is said to begin %d blocks of %d", d, n, size)
		}
	})
}
