package cardnumber_test

import (
	"testing"

	"perennial/internal/cardnumber"
)

func TestIn(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"4242424242424242":                   true,
		"4242 4242 4242 4242":                true,
		"4242-4242-4242-4242":                true,
		"my card is 378282246310005, thanks": true,
		"5555555555554444 and more":          true,
		"6011111111111117":                   true,
		"2223003122003222":                   true,
		"4000.0025.0000.3155":                true,
		"4000/0025/0000/3155":                true,
		"4000‑0025‑0000‑3155":                true, // non-breaking hyphens
		"\uff14\uff10\uff10\uff10\uff10\uff10\uff12\uff15\uff10\uff10\uff10\uff10\uff13\uff11\uff15\uff15": true, // full-width digits
		"4000\u200b0025\u200b0000\u200b3155": true, // separated by what cannot be seen
		"30569309025904":                     true,
		"3566002020360505":                   true,
		"6200000000000005":                   true,
		"4222222222222":                      false, // out of use, and telephone numbers look like it
		"x4000056655665556x":                 true,
		"4242424242424241":                   false, // bad sum
		"424242424242":                       false, // too short
		"42424242424242424242":               false, // too long
		"0000000000000000":                   false, // no network
		"1042424242424242":                   false,
		"4242  4242  4242  4242":             false, // not one number
		"+49 170 1234567":                    false,
		"cus_01k8x4w0zq2r3":                  false,
		"":                                   false,
	} {
		if got := cardnumber.In(text); got != want {
			t.Errorf("In(%q) = %v, want %v", text, got, want)
		}
	}
}

func TestMask(t *testing.T) {
	t.Parallel()
	const text = "4242 4242 4242 4242, then 378282246310005!"
	if got, want := cardnumber.Mask(text), "(card …4242), then (card …0005)!"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := cardnumber.Mask("nothing here"); got != "nothing here" {
		t.Errorf("got %q", got)
	}
}

func FuzzMask(f *testing.F) {
	f.Add("4242 4242 4242 4242")
	f.Add("a378282246310005-5")
	f.Fuzz(func(t *testing.T, text string) {
		masked := cardnumber.Mask(text)
		if cardnumber.In(masked) {
			t.Errorf("%q masked is %q", text, masked)
		}
		if !cardnumber.In(text) && masked != text {
			t.Errorf("%q holds none and became %q", text, masked)
		}
	})
}
