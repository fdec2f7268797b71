// Package gatewaytest says in checks what every payment.Gateway promises. A gateway
// passes it over the real thing, or over a double of it that behaves as its
// documentation says. What a gateway cannot do is left out of the Bank, and skipped
// by name.
package gatewaytest
