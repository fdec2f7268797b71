package payment_test

import (
	"strings"
	"testing"

	"perennial/internal/payment"
)

func TestAdviceHasWords(t *testing.T) {
	t.Parallel()
	for advice, code := range payment.Mastercard {
		if _, ok := payment.Codes[code]; !ok {
			t.Errorf("advice %s: %s has no words", advice, code)
		}
	}
	for code, wait := range payment.Waits {
		if wait <= 0 || payment.ClassOf(code) != payment.Later {
			t.Errorf("%s: wait %s, class %s", code, wait, payment.ClassOf(code))
		}
	}
}

func TestCodesAreComplete(t *testing.T) {
	t.Parallel()
	for code, c := range payment.Codes {
		switch c.Class {
		case payment.Later, payment.Technical, payment.NewDetails, payment.Authenticate, payment.Never:
		default:
			t.Errorf("%s has the class %q", code, c.Class)
		}
		if !strings.HasSuffix(c.Words, ".") || c.Words != payment.Words(code) || payment.ClassOf(code) != c.Class {
			t.Errorf("%s: %+v", code, c)
		}
	}
	for code, want := range map[string]payment.Class{"": payment.None, "never_seen_before": payment.Later, "lost_card": payment.Never, "incorrect_number": payment.Never,
		"revocation_of_authorization": payment.Never, "expired_card": payment.NewDetails, "authentication_required": payment.Authenticate, "insufficient_funds": payment.Later} {
		if got := payment.ClassOf(code); got != want {
			t.Errorf("%q: got %q, want %q", code, got, want)
		}
	}
}
