package payment

import "time"

// Mastercard is what the advice codes of Mastercard mean, in the words of Codes and
// Waits. A gateway that passes an advice on answers with the word, unless its own reason
// says more: an advice forbids or delays, it does not explain.
var Mastercard = map[string]string{
	"01": "new_account_information_available",
	"02": "try_again_later",
	"03": "do_not_try_again",
	"21": "revocation_of_authorization",
	"24": "wait_1_hour",
	"25": "wait_1_day",
	"26": "wait_2_days",
	"27": "wait_4_days",
	"28": "wait_6_days",
	"29": "wait_8_days",
	"30": "wait_10_days",
}

// Waits is the least that a card network asks to wait before a charge is tried again.
// What is not here may be tried when the merchant likes.
var Waits = map[string]time.Duration{
	"wait_1_hour":  time.Hour,
	"wait_1_day":   24 * time.Hour,
	"wait_2_days":  2 * 24 * time.Hour,
	"wait_4_days":  4 * 24 * time.Hour,
	"wait_6_days":  6 * 24 * time.Hour,
	"wait_8_days":  8 * 24 * time.Hour,
	"wait_10_days": 10 * 24 * time.Hour,
}
