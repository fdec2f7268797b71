package dashboard

import (
	"fmt"

	"perennial/internal/event"
	"perennial/internal/web"
)

// gatewayTellings tell what gateways said, and what was set about them.
var gatewayTellings = map[event.Kind]telling{
	event.PaymentMismatch: {"warning", web.Failure, func(_ *visit, f facts) string {
		if words := mismatchWords[f.text("reason")]; words != "" {
			return words
		}
		return "What the gateway says of a payment does not fit what was asked for"
	}},
	event.PaymentMarked: {"pencil", "", func(_ *visit, f facts) string {
		if f.yes("paid") {
			return "Somebody noted that a payment had arrived"
		}
		return "Somebody noted that a payment did not arrive"
	}},
	event.RefundMarked: {"pencil", "", func(_ *visit, f facts) string {
		if f.yes("given") {
			return "Somebody noted that a refund had arrived"
		}
		return "Somebody noted that a refund did not arrive"
	}},
	event.MethodUpdated:  {"card", "", named("The card network renewed a payment method: %s", "method")},
	event.DisputeUpdated: {"warning", web.Warning, says("A dispute moved on")},
	event.DisputeClosed:  {"check-circle", web.Success, says("The bank asked about a payment and went no further")},
	event.GatewayCreated: {"plug", "", named("Gateway account %s was added", "name")},
	event.GatewayUpdated: {"plug", "", named("Gateway account %s was changed", "name")},
	event.GatewayRotated: {"key", web.Warning, says("The signing secret of a gateway account was replaced")},
	event.GatewayFailing: {"plug", web.Failure, named("Gateway account %s has not answered for half an hour", "name")},
	event.GatewayWorking: {"plug", web.Success, named("Gateway account %s answers again", "name")},
	event.GatewayReconciled: {"document", "", func(_ *visit, f facts) string {
		if n := f.number("differences"); n > 0 {
			return fmt.Sprintf("The gateways' books were compared with ours: %d differences", n)
		}
		return "The gateways' books were compared with ours and agree"
	}},
	event.RefundUnresolved: {"question", web.Failure, says("It is not known what became of a refund; somebody has to look")},
}

var mismatchWords = map[string]string{
	"amount_differs":           "The gateway moved another amount than was asked for; nothing was booked",
	"unknown_payment":          "A gateway told of a payment that this account does not have",
	"paid_after_decline":       "A gateway took money for a payment that counts as declined here",
	"given_after_refusal":      "A gateway gave back money of a refund that counts as failed here",
	"refund_failed_afterwards": "A refund that counts as given here did not arrive, and the money is at the gateway again",
}
