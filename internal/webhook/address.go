package webhook

import (
	"net/netip"
	"net/url"
	"strconv"
	"strings"

	"perennial/internal/fault"
	"perennial/internal/outbound"
)

// MaxAddress is the length of an address in bytes.
const MaxAddress = 2000

// CheckAddress refuses what can never be delivered to: an address that is not an
// https URL with a host, holds a password, spells an IP address in a disguise, or
// names a range that outbound refuses. Names are not resolved: where they lead is
// checked at every connection. Inside of the operator's allow ranges, given as a
// plain IP address, http will do.
func CheckAddress(address string, allow []netip.Prefix) error {
	bad := func(format string, args ...any) error { return fault.BadField("url", format, args...) }
	if len(address) > MaxAddress {
		return bad("can have at most %d characters", MaxAddress)
	}
	u, err := url.Parse(address)
	if err != nil || u.Opaque != "" || u.Hostname() == "" {
		return bad("must be a full address such as \"https://example.com/webhooks\"")
	}
	switch {
	case u.Scheme != "https" && u.Scheme != "http":
		return bad("must begin with \"https://\"")
	case u.User != nil:
		return bad("cannot hold a user name or password; deliveries are signed instead")
	case u.Fragment != "":
		return bad("cannot hold a fragment (\"#…\")")
	}
	if port := u.Port(); port != "" {
		if n, err := strconv.Atoi(port); err != nil || n < 1 || n > 65535 {
			return bad("has an impossible port")
		}
	}
	host := u.Hostname()
	if ip, err := netip.ParseAddr(host); err == nil {
		if err := outbound.Check(ip, allow); err != nil {
			return bad("cannot be used: %s", err)
		}
		if u.Scheme == "http" && !within(ip, allow) {
			return bad("must begin with \"https://\"")
		}
		return nil
	}
	if !hostName(host) {
		return bad("has a host that is neither a name in ASCII letters, digits and hyphens nor an IP address")
	}
	if u.Scheme == "http" {
		return bad("must begin with \"https://\"")
	}
	return nil
}

func within(ip netip.Addr, allow []netip.Prefix) bool {
	for _, p := range allow {
		if p.Contains(ip.WithZone("")) {
			return true
		}
	}
	return false
}

// hostName reports whether s is a name. A last label that is a number would be
// taken for an IP address by some resolvers ("2130706433", "127.1", "0x7f.0.0.1").
func hostName(s string) bool {
	s = strings.TrimSuffix(s, ".")
	if len(s) > 253 {
		return false
	}
	labels := strings.Split(s, ".")
	for _, l := range labels {
		if l == "" || len(l) > 63 || l[0] == '-' || l[len(l)-1] == '-' {
			return false
		}
		for i := 0; i < len(l); i++ {
			c := l[i] | 0x20
			if (l[i] < '0' || l[i] > '9') && (c < 'a' || c > 'z') && l[i] != '-' && l[i] != '_' {
				return false
			}
		}
	}
	last := strings.ToLower(labels[len(labels)-1])
	if strings.HasPrefix(last, "0x") {
		return false
	}
	return strings.Trim(last, "0123456789") != ""
}
