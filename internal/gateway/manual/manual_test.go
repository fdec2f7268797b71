package manual_test

import (
	"testing"

	"perennial/internal/gateway/gatewaytest"
	"perennial/internal/gateway/manual"
	"perennial/internal/id"
	"perennial/internal/payment"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	gatewaytest.Conform(t, func(*testing.T) gatewaytest.Bank {
		return gatewaytest.Bank{Gateway: manual.Gateway{}, Account: id.New[id.Account](), ByHand: true, Good: func() string { return manual.BankTransfer }}
	})
}

func TestWaysToPay(t *testing.T) {
	t.Parallel()
	for _, token := range []string{manual.BankTransfer, manual.Cheque, manual.Other} {
		saved, err := manual.Gateway{}.Save(t.Context(), payment.SaveRequest{Token: token})
		if err != nil || saved.Token != token || saved.Kind != token || saved.Step != nil {
			t.Errorf("%s: got %+v, %v", token, saved, err)
		}
	}
	if payment.Words("not_paid") == payment.Words("unheard of") {
		t.Error("giving up has no words of its own")
	}
}
