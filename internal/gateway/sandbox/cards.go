package sandbox

import (
	"strconv"
	"strings"
	"time"

	"perennial/internal/fault"
)

const day = 24 * time.Hour

// behaviour is what a card does when it is charged.
type behaviour struct {
	code   string // of the decline; "" for none
	after  int64  // charges that go through before that; counted only when above 0
	silent silent
	refund string // why every refund of it is refused; "" for none

	debit   bool        // of a bank account: settled or, with code, refused after some days
	confirm bool        // the customer must confirm; without one it is declined
	then    string      // the test token whose behaviour it has once it was confirmed
	later   []happening // what comes of a charge by itself
}

// happening is what comes of a charge by itself, some time later on the account's clock.
type happening struct {
	kind newsKind
	in   time.Duration
}

// silent says which charges are never answered.
type silent uint8

const (
	answers silent = iota
	taken          // the charge is recorded, only the answer is lost
	missed         // the first sending is lost; a second under the same key arrives
	mute           // nobody ever says what became of it
)

// card is what a test token stands for.
type card struct {
	kind     string // "" for a card
	brand    string
	lastFour string
	behaviour
}

// cards are the test tokens. The names are those that Stripe uses where it has one;
// the others begin a word of our own after "tok_".
var cards = map[string]card{
	"tok_visa":            {brand: "visa", lastFour: "4242"},
	"tok_visa_debit":      {brand: "visa", lastFour: "5556"},
	"tok_mastercard":      {brand: "mastercard", lastFour: "4444"},
	"tok_amex":            {brand: "amex", lastFour: "0005"},
	"tok_discover":        {brand: "discover", lastFour: "1117"},
	"tok_jcb":             {brand: "jcb", lastFour: "0505"},
	"tok_chargeDeclined":  declining("0002", "card_declined"),
	"tok_refundFail":      {brand: "visa", lastFour: "5126", behaviour: behaviour{refund: "expired_or_canceled_card"}},
	"tok_timeout_charged": {brand: "visa", lastFour: "1001", behaviour: behaviour{silent: taken}},

	"tok_chargeDeclinedInsufficientFunds":     declining("9995", "insufficient_funds"),
	"tok_chargeDeclinedExpiredCard":           declining("0069", "expired_card"),
	"tok_chargeDeclinedIncorrectCvc":          declining("0127", "incorrect_cvc"),
	"tok_chargeDeclinedProcessingError":       declining("0119", "processing_error"),
	"tok_chargeDeclinedLostCard":              declining("9987", "lost_card"),
	"tok_chargeDeclinedStolenCard":            declining("9979", "stolen_card"),
	"tok_chargeDeclinedFraudulent":            declining("0019", "fraudulent"),
	"tok_chargeDeclinedVelocityLimitExceeded": declining("6975", "withdrawal_count_exceeded"),
	"tok_chargeCustomerFail":                  declining("0341", "card_declined"),
	"tok_threeDSecure2Required":               declining("3155", "authentication_required"),

	"tok_debit":      {kind: "sepa_debit", lastFour: "3000", behaviour: behaviour{debit: true, later: []happening{{settled, 3 * day}}}},
	"tok_debitFails": {kind: "sepa_debit", lastFour: "3001", behaviour: behaviour{debit: true, code: "insufficient_funds", later: []happening{{bounced, 3 * day}}}},

	"tok_confirm":       {brand: "visa", lastFour: "0446", behaviour: behaviour{confirm: true, then: "tok_visa"}},
	"tok_confirmAlways": {brand: "visa", lastFour: "3184", behaviour: behaviour{confirm: true}},

	"tok_createDispute":        {brand: "visa", lastFour: "0259", behaviour: behaviour{later: []happening{{disputeOpened, 2 * day}, {disputeLost, 12 * day}}}},
	"tok_createDisputeWon":     {brand: "visa", lastFour: "2685", behaviour: behaviour{later: []happening{{disputeOpened, 2 * day}, {disputeWon, 12 * day}}}},
	"tok_createDisputeInquiry": {brand: "visa", lastFour: "1976", behaviour: behaviour{later: []happening{{inquiryOpened, 2 * day}, {inquiryClosed, 12 * day}}}},
	"tok_networkUpdates":       {brand: "visa", lastFour: "3001", behaviour: behaviour{later: []happening{{cardRenewed, day}}}},
	"tok_networkCloses":        {brand: "visa", lastFour: "3002", behaviour: behaviour{later: []happening{{cardClosed, day}}}},

	"tok_neverAnswers":          {brand: "visa", lastFour: "1004", behaviour: behaviour{silent: mute}},
	"tok_timeout_not_charged":   {brand: "visa", lastFour: "1002", behaviour: behaviour{silent: missed}},
	"tok_unknown_then_declined": {brand: "visa", lastFour: "1003", behaviour: behaviour{silent: taken, code: "card_declined"}},
}

func declining(lastFour, code string) card {
	return card{brand: "visa", lastFour: lastFour, behaviour: behaviour{code: code}}
}

// declineAfter begins the tokens of cards that stop working: the number of charges
// that go through follows.
const declineAfter = "tok_declineAfter_"

// maxAfter is the largest number that may follow declineAfter.
const maxAfter = 1_000_000

// lookUp is the card of a test token. Stripe spells some declines with "visa" and
// without; both are known.
func lookUp(token string) (card, bool) {
	if rest, ok := strings.CutPrefix(token, "tok_visa_charge"); ok {
		token = "tok_charge" + rest
	}
	if rest, ok := strings.CutPrefix(token, declineAfter); ok {
		n, err := strconv.ParseInt(rest, 10, 64)
		if err != nil || n < 0 || n > maxAfter || rest != strconv.FormatInt(n, 10) {
			return card{}, false
		}
		c := declining("2001", "card_declined")
		c.after = n
		return c, true
	}
	c, ok := cards[token]
	return c, ok
}

// unknownToken does not repeat the token: it may be a card number by mistake.
func unknownToken() error {
	return fault.New(fault.Declined, "the sandbox knows no such test token: use tok_visa or tok_mastercard for a card that works, tok_chargeDeclined or "+
		"tok_chargeDeclinedInsufficientFunds for one that does not, tok_declineAfter_3 for one that stops working; docs/sandbox.md lists them all").
		WithCode("unknown_token")
}

var numbers = map[string]string{
	"4242424242424242": "tok_visa",
	"4012888888881881": "tok_visa",
	"4000056655665556": "tok_visa_debit",
	"5555555555554444": "tok_mastercard",
	"2223003122003222": "tok_mastercard",
	"378282246310005":  "tok_amex",
	"371449635398431":  "tok_amex",
	"6011111111111117": "tok_discover",
	"3566002020360505": "tok_jcb",
	"4000000000000002": "tok_chargeDeclined",
	"4000000000009995": "tok_chargeDeclinedInsufficientFunds",
	"4000000000009987": "tok_chargeDeclinedLostCard",
	"4000000000009979": "tok_chargeDeclinedStolenCard",
	"4000000000000069": "tok_chargeDeclinedExpiredCard",
	"4000000000000127": "tok_chargeDeclinedIncorrectCvc",
	"4000000000000119": "tok_chargeDeclinedProcessingError",
	"4000000000006975": "tok_chargeDeclinedVelocityLimitExceeded",
	"4100000000000019": "tok_chargeDeclinedFraudulent",
	"4000000000000341": "tok_chargeCustomerFail",
	"4000000000005126": "tok_refundFail",
	"4000002500003155": "tok_threeDSecure2Required",
	"4000002760003184": "tok_confirmAlways",
	"4000003800000446": "tok_confirm",
	"4000000000000259": "tok_createDispute",
	"4000000000001976": "tok_createDisputeInquiry",
}

// TokenForNumber is the test token of one of the well-known test card numbers, for
// a form that plays the gateway's part in the browser. Spaces and dashes in the
// number do not matter. Ok is false for every other number; the caller neither
// stores nor logs it.
func TokenForNumber(number string) (token string, ok bool) {
	if len(number) > 40 {
		return "", false
	}
	token, ok = numbers[strings.NewReplacer(" ", "", "-", "").Replace(number)]
	return token, ok
}
