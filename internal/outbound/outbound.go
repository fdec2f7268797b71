// Package outbound is the one way out: the HTTP client, and the dialer for what is
// not HTTP, for every address that somebody outside chose. It looks at the address a connection is really made to,
// after names were resolved, so neither a clever spelling nor a name that changes
// its answer reaches the inside of the operator's network.
//
// It does not own what is sent or how answers are judged.
package outbound

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"syscall"
	"time"
)

// The time an address has: to be resolved and connected, and for everything until
// the last byte of the answer is read.
const (
	ConnectTimeout = 5 * time.Second
	TotalTimeout   = 15 * time.Second
)

const maxAnswerHeader = 64 << 10

// Refused is the error of an address that may not be reached.
type Refused struct {
	Addr netip.Addr // as it was connected to
	Why  string     // what the range is for, for example "private network"
}

// Error names the address and the range.
func (r *Refused) Error() string {
	return fmt.Sprintf("%s is not allowed as a destination: %s", r.Addr, r.Why)
}

// special is every range that is not the open internet: the special-purpose
// registries of IPv4 and IPv6, the addresses that carry another one inside, and
// metadata services that live at public addresses.
var special = []struct {
	prefix netip.Prefix
	why    string
}{
	{netip.MustParsePrefix("0.0.0.0/8"), "this host"},
	{netip.MustParsePrefix("10.0.0.0/8"), "private network"},
	{netip.MustParsePrefix("100.64.0.0/10"), "carrier network"},
	{netip.MustParsePrefix("127.0.0.0/8"), "loopback"},
	{netip.MustParsePrefix("168.63.129.16/32"), "cloud metadata"},
	{netip.MustParsePrefix("169.254.0.0/16"), "link-local"},
	{netip.MustParsePrefix("172.16.0.0/12"), "private network"},
	{netip.MustParsePrefix("192.0.0.0/24"), "protocol assignment"},
	{netip.MustParsePrefix("192.0.2.0/24"), "documentation"},
	{netip.MustParsePrefix("192.31.196.0/24"), "name service sink"},
	{netip.MustParsePrefix("192.52.193.0/24"), "multicast relay"},
	{netip.MustParsePrefix("192.88.99.0/24"), "6to4 relay"},
	{netip.MustParsePrefix("192.168.0.0/16"), "private network"},
	{netip.MustParsePrefix("192.175.48.0/24"), "name service sink"},
	{netip.MustParsePrefix("198.18.0.0/15"), "benchmarking"},
	{netip.MustParsePrefix("198.51.100.0/24"), "documentation"},
	{netip.MustParsePrefix("203.0.113.0/24"), "documentation"},
	{netip.MustParsePrefix("224.0.0.0/4"), "multicast"},
	{netip.MustParsePrefix("240.0.0.0/4"), "reserved"},

	{netip.MustParsePrefix("::/128"), "unspecified"},
	{netip.MustParsePrefix("::1/128"), "loopback"},
	{netip.MustParsePrefix("::ffff:0:0/96"), "IPv4 inside IPv6"},
	{netip.MustParsePrefix("::ffff:0:0:0/96"), "IPv4 inside IPv6"},
	{netip.MustParsePrefix("::/96"), "IPv4 inside IPv6"},
	{netip.MustParsePrefix("64:ff9b::/96"), "IPv4 inside IPv6"},
	{netip.MustParsePrefix("64:ff9b:1::/48"), "IPv4 inside IPv6"},
	{netip.MustParsePrefix("100::/64"), "discard"},
	{netip.MustParsePrefix("100:0:0:1::/64"), "discard"},
	{netip.MustParsePrefix("2001::/32"), "Teredo tunnel"},
	{netip.MustParsePrefix("2001::/23"), "protocol assignment"},
	{netip.MustParsePrefix("2001:db8::/32"), "documentation"},
	{netip.MustParsePrefix("2002::/16"), "6to4 tunnel"},
	{netip.MustParsePrefix("2620:4f:8000::/48"), "name service sink"},
	{netip.MustParsePrefix("3fff::/20"), "documentation"},
	{netip.MustParsePrefix("5f00::/16"), "segment routing"},
	{netip.MustParsePrefix("fc00::/7"), "private network"},
	{netip.MustParsePrefix("fe80::/10"), "link-local"},
	{netip.MustParsePrefix("fec0::/10"), "private network"},
	{netip.MustParsePrefix("ff00::/8"), "multicast"},
}

// global is what has been handed out of IPv6; whatever lies outside is refused
// even where no registry names it yet.
var global = netip.MustParsePrefix("2000::/3")

// Check tells whether an address may be connected to: nil, or a *Refused. The
// ranges of allow are the operator's own exceptions and go first.
func Check(addr netip.Addr, allow []netip.Prefix) error {
	plain := addr.WithZone("") // a prefix holds no address that has a zone
	for _, p := range allow {
		if p.Contains(plain) {
			return nil
		}
	}
	for _, s := range special {
		if s.prefix.Contains(plain) {
			return &Refused{addr, s.why}
		}
	}
	if !addr.IsValid() || plain.Is6() && !global.Contains(plain) {
		return &Refused{addr, "not a public address"}
	}
	return nil
}

// Client makes the client. Allow are ranges that the operator lets it reach
// although they are special; empty is the rule. The client uses no proxy, follows
// no redirect (it returns the answer that asks for one), and keeps to the time
// limits above.
func Client(allow []netip.Prefix) *http.Client { return client(allow, net.DefaultResolver) }

// Dialer makes connections that are not HTTP, to addresses that pass Check.
func Dialer(allow []netip.Prefix) *net.Dialer { return dialer(allow, net.DefaultResolver) }

func dialer(allow []netip.Prefix, names *net.Resolver) *net.Dialer {
	return &net.Dialer{
		Timeout:  ConnectTimeout,
		Resolver: names,
		// It is called with the address of each attempt, names being resolved.
		ControlContext: func(_ context.Context, _, address string, _ syscall.RawConn) error {
			to, err := netip.ParseAddrPort(address)
			if err != nil {
				return fmt.Errorf("the address %q cannot be checked", address)
			}
			return Check(to.Addr(), allow)
		},
	}
}

func client(allow []netip.Prefix, names *net.Resolver) *http.Client {
	return &http.Client{
		Timeout: TotalTimeout,
		Transport: &http.Transport{
			Proxy:                  nil, // a proxy would be asked to reach what we may not
			DialContext:            dialer(allow, names).DialContext,
			ForceAttemptHTTP2:      true,
			TLSHandshakeTimeout:    ConnectTimeout,
			MaxResponseHeaderBytes: maxAnswerHeader,
			MaxIdleConns:           512,
			MaxIdleConnsPerHost:    32, // many merchants may share one host that receives for them
			IdleConnTimeout:        30 * time.Second,
			DisableCompression:     true, // what is read is bounded as it comes
		},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}
