package payment

// Class is what a decline means for trying again.
type Class string

// The classes of decline.
const (
	None         Class = ""             // no decline
	Later        Class = "later"        // may go through another day
	Technical    Class = "technical"    // failed on the way: may go through in minutes
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
// them; a gateway that has other names translates them into these. A code that is not
// here counts as Later.
var Codes = map[string]Code{
	// The money is not there today.
	"insufficient_funds":              {Later, "There was not enough money in the account."},
	"card_velocity_exceeded":          {Later, "The card reached its limit."},
	"withdrawal_count_exceeded":       {Later, "The card reached its limit."},
	"withdrawal_count_limit_exceeded": {Later, "The card reached its limit."},
	"charge_exceeded_source_limit":    {Later, "The payment was above the limit of the bank debit."},

	// The bank does not say why.
	"card_declined":                   {Later, "The bank declined the card without a reason."},
	"generic_decline":                 {Later, "The bank declined the card without a reason."},
	"do_not_honor":                    {Later, "The bank declined the card without a reason."},
	"call_issuer":                     {Later, "The bank wants the customer to call."},
	"refer_to_customer":               {Later, "The bank wants the customer to call."},
	"approve_with_id":                 {Later, "The bank could not approve the payment."},
	"no_action_taken":                 {Later, "The bank declined the card without a reason."},
	"try_again_later":                 {Later, "The bank asked to try again later."},
	"duplicate_transaction":           {Later, "The bank took it for a payment that it had seen already."},
	"merchant_blacklist":              {Later, "The payment was blocked by a rule of the payment service."},
	"not_permitted":                   {Later, "The bank does not permit the payment."},
	"service_not_allowed":             {Later, "The bank does not permit the payment."},
	"security_violation":              {Later, "The bank declined the card without a reason."},
	"payment_method_provider_decline": {Later, "The provider of the payment method declined."},
	"payment_method_customer_decline": {Later, "The customer declined the payment."},
	"not_paid":                        {Later, "The payment did not arrive."},
	"testmode_decline":                {Later, "A test card was used for a real payment."},

	// The bank does not say why either, but how long to wait: see Waits.
	"wait_1_hour":  {Later, "The bank asked to wait an hour."},
	"wait_1_day":   {Later, "The bank asked to wait a day."},
	"wait_2_days":  {Later, "The bank asked to wait 2 days."},
	"wait_4_days":  {Later, "The bank asked to wait 4 days."},
	"wait_6_days":  {Later, "The bank asked to wait 6 days."},
	"wait_8_days":  {Later, "The bank asked to wait 8 days."},
	"wait_10_days": {Later, "The bank asked to wait 10 days."},

	// Something failed on the way.
	"processing_error":                {Technical, "The bank could not process the payment just then."},
	"reenter_transaction":             {Technical, "The bank could not process the payment just then."},
	"never_arrived":                   {Technical, "The payment never reached the bank."},
	"issuer_not_available":            {Technical, "The bank could not be reached."},
	"payment_method_provider_timeout": {Technical, "The provider of the payment method could not be reached."},
	"could_not_process":               {Technical, "The bank could not process the payment just then."},
	"generic_could_not_process":       {Technical, "The bank could not process the payment just then."},

	// The details are wrong or no longer right.
	"expired_card":                      {NewDetails, "The card has expired."},
	"invalid_expiry_month":              {NewDetails, "The expiry date was wrong."},
	"invalid_expiry_year":               {NewDetails, "The expiry date was wrong."},
	"incorrect_cvc":                     {NewDetails, "The security code was wrong."},
	"invalid_cvc":                       {NewDetails, "The security code was wrong."},
	"incorrect_zip":                     {NewDetails, "The postal code was wrong."},
	"incorrect_address":                 {NewDetails, "The address was wrong."},
	"incorrect_pin":                     {NewDetails, "The PIN was wrong."},
	"invalid_pin":                       {NewDetails, "The PIN was wrong."},
	"pin_try_exceeded":                  {NewDetails, "The PIN was wrong too often."},
	"offline_pin_required":              {NewDetails, "The card asks for a PIN and cannot be used online."},
	"online_or_offline_pin_required":    {NewDetails, "The card asks for a PIN and cannot be used online."},
	"confirm_card_data":                 {NewDetails, "The bank does not recognise the details of the card."},
	"new_account_information_available": {NewDetails, "The card was replaced by a new one."},
	"card_not_supported":                {NewDetails, "The card cannot be used for this kind of payment."},
	"currency_not_supported":            {NewDetails, "The card cannot be used for this currency."},
	"payment_method_unusable":           {NewDetails, "The payment method can no longer be charged."},
	"no_payment_method":                 {NewDetails, "There is no payment method to charge."},
	"bank_account_closed":               {NewDetails, "The bank account was closed."},
	"account_closed":                    {NewDetails, "The bank account was closed."},
	"bank_account_invalid_details":      {NewDetails, "The details of the bank account were wrong."},
	"bank_account_unusable":             {NewDetails, "The bank account cannot be used for debits."},
	"bank_account_frozen":               {NewDetails, "The bank account is frozen."},
	"bank_account_restricted":           {NewDetails, "The bank account cannot be used for debits."},
	"bank_ownership_changed":            {NewDetails, "The bank account moved to another bank."},
	"branch_does_not_exist":             {NewDetails, "The details of the bank account were wrong."},
	"incorrect_account_holder_name":     {NewDetails, "The name of the account holder was wrong."},
	"incorrect_account_holder_address":  {NewDetails, "The address of the account holder was wrong."},
	"invalid_account_number":            {NewDetails, "The number of the bank account was wrong."},
	"no_account":                        {NewDetails, "There is no such bank account."},
	"sepa_unsupported_account":          {NewDetails, "The bank account cannot be used for SEPA debits."},
	"mandate_invalid":                   {NewDetails, "The customer's agreement to the debit is no longer valid."},

	// The customer has to confirm.
	"authentication_required": {Authenticate, "The bank wants the customer to confirm the payment."},
	"not_confirmed":           {Authenticate, "The customer did not confirm the payment."},

	// The networks forbid to try again.
	"lost_card":                        {Never, "The card was reported lost."},
	"stolen_card":                      {Never, "The card was reported stolen."},
	"pickup_card":                      {Never, "The card may not be used any more."},
	"restricted_card":                  {Never, "The card may not be used any more."},
	"incorrect_number":                 {Never, "The card number was wrong."},
	"invalid_number":                   {Never, "The card number was wrong."},
	"invalid_account":                  {Never, "The card or its account is not valid."},
	"fraudulent":                       {Never, "The payment was blocked as fraudulent."},
	"do_not_try_again":                 {Never, "The bank forbade to charge the card again."},
	"transaction_not_allowed":          {Never, "The bank does not allow such payments with the card."},
	"stop_payment_order":               {Never, "The customer told the bank to stop the payments."},
	"revocation_of_authorization":      {Never, "The customer took the permission to charge back."},
	"revocation_of_all_authorizations": {Never, "The customer took the permission to charge back."},
	"debit_not_authorized":             {Never, "The customer did not authorise the bank debit."},
	"debit_disputed":                   {Never, "The customer disputed the bank debit."},
	"recipient_deceased":               {Never, "The bank says that the account holder has died."},

	// The payment itself is not possible: the same sum is refused each time.
	"amount_too_small": {Never, "The amount is below what can be charged."},
	"amount_too_large": {Never, "The amount is above what can be charged."},
	"invalid_amount":   {Never, "The bank does not take the amount."},
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
