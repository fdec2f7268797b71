package payment

// Class is what a decline means for trying again.
type Class string

// The classes of decline.
const (
	None         Class = ""             // no decline
	Later        Class = "later"        // may go through another day
	NewDetails   Class = "new_details"  // not without new card details
	Authenticate Class = "authenticate" // not without the customer confirming with their bank
	Never        Class = "never"        // the networks forbid to try again
)

// Code is a reason for a decline: what it means, and its words for people.
type Code struct {
	Class Class
	Words string
}

// Codes are the reasons for a decline, under the names that card gateways use for
// them. A code that is not here counts as Later.
var Codes = map[string]Code{
	"card_declined":             {Later, "The bank declined the card without a reason."},
	"insufficient_funds":        {Later, "There was not enough money on the card."},
	"processing_error":          {Later, "The bank could not process the card just then."},
	"try_again_later":           {Later, "The bank asked to try again later."},
	"withdrawal_count_exceeded": {Later, "The card reached its limit."},
	"expired_card":              {NewDetails, "The card has expired."},
	"incorrect_cvc":             {NewDetails, "The security code was wrong."},
	"incorrect_number":          {NewDetails, "The card number was wrong."},
	"authentication_required":   {Authenticate, "The bank wants the customer to confirm the payment."},
	"lost_card":                 {Never, "The card was reported lost."},
	"stolen_card":               {Never, "The card was reported stolen."},
	"pickup_card":               {Never, "The card may not be used any more."},
	"fraudulent":                {Never, "The payment was blocked as fraudulent."},
	"no_payment_method":         {NewDetails, "There is no payment method to charge."},
}

// ClassOf is the class of a decline code.
func ClassOf(code string) Class {
	if code == "" {
		return None
	}
	if c, ok := Codes[code]; ok {
		return c.Class
	}
	return Later
}

// Words is a decline code in words for people.
func Words(code string) string {
	if c, ok := Codes[code]; ok {
		return c.Words
	}
	return "The bank declined the card."
}
