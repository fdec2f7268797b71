package outbound

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"sync/atomic"
	"testing"

	"pgregory.net/rapid"
)

func TestCheck(t *testing.T) {
	t.Parallel()
	refused := []string{
		// The edges of every IPv4 range.
		"0.0.0.0", "0.255.255.255", "10.0.0.0", "10.255.255.255", "100.64.0.0", "100.127.255.255", "127.0.0.1", "127.255.255.255",
		"169.254.0.0", "169.254.169.254", "169.254.170.2", "172.16.0.0", "172.31.255.255", "192.0.0.0", "192.0.0.192", "192.0.2.1",
		"192.31.196.1", "192.52.193.1", "192.88.99.1", "192.168.0.0", "192.168.255.255", "192.175.48.1", "198.18.0.0", "198.19.255.255",
		"198.51.100.1", "203.0.113.255", "224.0.0.0", "239.255.255.255", "240.0.0.0", "255.255.255.255",
		// Metadata services.
		"100.100.100.200", "168.63.129.16", "fd00:ec2::254", "fd20:ce::254", "fd00:c1::a9fe:a9fe",
		// IPv4 inside of IPv6, even a public one.
		"::ffff:127.0.0.1", "::ffff:8.8.8.8", "::ffff:0:127.0.0.1", "::127.0.0.1", "::8.8.8.8", "64:ff9b::a9fe:a9fe", "64:ff9b::8.8.8.8",
		"64:ff9b:1::7f00:1", "2002:7f00:1::", "2001:0:7f00:1::",
		"::", "::1", "100::1", "100:0:0:1::1", "2001:2::1", "2001:10::1", "2001:20::1", "2001:db8::1", "2620:4f:8000::1", "3fff::1",
		"5f00::1", "fc00::", "fdff::1", "fe80::1", "fe80::1%eth0", "febf::1", "fec0::1", "ff02::1", "ff0e::1",
		// Nothing that was handed out.
		"4000::1", "8000::1", "::2:0:0:1", "1::",
	}
	for _, s := range refused {
		var r *Refused
		if err := Check(netip.MustParseAddr(s), nil); !errors.As(err, &r) || r.Why == "" {
			t.Errorf("%s: %v", s, err)
		}
	}
	public := []string{"1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255", "128.0.0.0",
		"168.63.129.15", "168.63.129.17", "169.253.255.255", "169.255.0.0", "172.15.255.255", "172.32.0.0", "192.0.1.0", "192.167.255.255",
		"192.169.0.0", "198.17.255.255", "198.20.0.0", "223.255.255.255", "2606:4700::1111", "2001:4860:4860::8888", "2a00:1450::1",
		"2001:200::1", "2003::1", "2400::1"}
	for _, s := range public {
		if err := Check(netip.MustParseAddr(s), nil); err != nil {
			t.Errorf("%s: %v", s, err)
		}
	}
	if err := Check(netip.Addr{}, nil); err == nil {
		t.Error("no address at all was allowed")
	}
}

func TestAllowance(t *testing.T) {
	t.Parallel()
	allow := []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16"), netip.MustParsePrefix("fd12::/32")}
	for s, want := range map[string]bool{"10.1.2.3": true, "10.2.0.1": false, "::ffff:10.1.2.3": false, "127.0.0.1": false,
		"fd12::1": true, "fd12::1%eth0": true, "fd13::1": false, "8.8.8.8": true} {
		if err := Check(netip.MustParseAddr(s), allow); (err == nil) != want {
			t.Errorf("%s: %v", s, err)
		}
	}
}

// Whatever the standard library thinks is not global unicast or is private is
// refused here too.
func TestCheckIsStricterThanTheStandardLibrary(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		b := rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "address")
		a, _ := netip.AddrFromSlice(b)
		if rapid.Bool().Draw(t, "four") {
			a, _ = netip.AddrFromSlice(b[:4])
		}
		if Check(a, nil) == nil && (!a.IsGlobalUnicast() || a.IsPrivate()) {
			t.Fatalf("%s was allowed", a)
		}
	})
}

// names is a resolver whose answers the test makes, asked over loopback.
func names(t *testing.T, answer func(v6 bool) []netip.Addr) *net.Resolver {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	t.Cleanup(func() {
		_ = conn.Close()
		<-done
	})
	go func() {
		defer close(done)
		buf := make([]byte, 1500)
		for {
			n, from, err := conn.ReadFrom(buf)
			if err != nil {
				return
			}
			if out := reply(buf[:n], answer); out != nil {
				_, _ = conn.WriteTo(out, from)
			}
		}
	}()
	return &net.Resolver{PreferGo: true, StrictErrors: false, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "udp", conn.LocalAddr().String())
	}}
}

// reply answers a DNS query with the addresses of its type.
func reply(query []byte, answer func(v6 bool) []netip.Addr) []byte {
	end := 12
	for end < len(query) && query[end] != 0 {
		end += int(query[end]) + 1
	}
	end += 5 // the root label, type and class
	if end > len(query) {
		return nil
	}
	kind := binary.BigEndian.Uint16(query[end-4:])
	var list []netip.Addr
	if kind == 1 || kind == 28 {
		for _, a := range answer(kind == 28) {
			if a.Is6() == (kind == 28) {
				list = append(list, a)
			}
		}
	}
	out := append([]byte{}, query[:end]...)
	copy(out[2:12], []byte{0x81, 0x80, 0, 1, 0, byte(len(list)), 0, 0, 0, 0})
	for _, a := range list {
		out = append(out, 0xc0, 12)
		out = binary.BigEndian.AppendUint16(out, kind)
		out = append(out, 0, 1, 0, 0, 0, 0)
		out = binary.BigEndian.AppendUint16(out, uint16(len(a.AsSlice())))
		out = append(out, a.AsSlice()...)
	}
	return out
}

// canary counts who reaches it.
func canary(t *testing.T, address string) (port int, hits *atomic.Int64) {
	t.Helper()
	hits = new(atomic.Int64)
	l, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatalf("this machine cannot listen on %s: %v", address, err)
	}
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { hits.Add(1) }))
	_ = s.Listener.Close()
	s.Listener = l
	s.Start()
	t.Cleanup(s.Close)
	return l.Addr().(*net.TCPAddr).Port, hits
}

func get(t *testing.T, c *http.Client, url string) error {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	res, err := c.Do(req)
	if err != nil {
		return err
	}
	return res.Body.Close()
}

// Every spelling of an inside address that is known to have fooled somebody, with
// a resolver that takes each name for loopback, as some take numbers for addresses.
func TestNoSpellingReachesInside(t *testing.T) {
	t.Parallel()
	port, hits := canary(t, "127.0.0.1:0")
	resolver := names(t, func(v6 bool) []netip.Addr {
		if v6 {
			return []netip.Addr{netip.MustParseAddr("::1"), netip.MustParseAddr("::ffff:127.0.0.1")}
		}
		return []netip.Addr{netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("10.0.0.1")}
	})
	c := client(nil, resolver)
	hosts := []string{
		"127.0.0.1", "127.1", "127.0.1", "127.0.0.1.", "127.255.255.254", "2130706433", "017700000001", "0177.0.0.1", "0x7f000001",
		"0x7f.0.0.1", "0x7f.1", "127.0.0.0x1", "0", "0.0.0.0", "localhost", "LOCALHOST", "localhost.", "sub.localhost", "name.example",
		"127.0.0.1.name.example", "①②⑦.⓪.⓪.①", "127。0。0。1", "１２７.0.0.1", "user@127.0.0.1", "public.example:80@127.0.0.1",
		"[::]", "[::1]", "[0:0:0:0:0:0:0:1]", "[0000::0001]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::ffff:0:127.0.0.1]",
		"[::127.0.0.1]", "[64:ff9b::127.0.0.1]", "[64:ff9b:1::7f00:1]", "[2002:7f00:1::]", "[2001:0:7f00:1::1]", "[fe80::1]",
		"[fe80::1%25lo]", "[::1%25lo]", "[fd00:ec2::254]", "[fd20:ce::254]", "[ff02::1]", "169.254.169.254", "100.100.100.200",
		"168.63.129.16", "192.0.0.192", "10.0.0.1", "172.16.0.1", "192.168.0.1", "100.64.0.1", "224.0.0.1", "255.255.255.255",
	}
	for _, h := range hosts {
		if err := get(t, c, fmt.Sprintf("http://%s:%d/", h, port)); err == nil {
			t.Errorf("%s was reached", h)
		}
	}
	if n := hits.Load(); n != 0 {
		t.Fatalf("the canary was hit %d times", n)
	}
	// The same client with an allowance gets there, by number and by name.
	c = client([]netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}, resolver)
	for _, h := range []string{"127.0.0.1", "name.example"} {
		if err := get(t, c, fmt.Sprintf("http://%s:%d/", h, port)); err != nil {
			t.Errorf("positive control %s: %v", h, err)
		}
	}
	if n := hits.Load(); n != 2 {
		t.Errorf("the positive control hit the canary %d times", n)
	}
}

// A name that leads to an allowed address first and inside afterwards.
func TestRebinding(t *testing.T) {
	t.Parallel()
	port, hits := canary(t, "127.0.0.1:0")
	_, welcome := canary(t, fmt.Sprintf("127.0.0.2:%d", port))
	var to atomic.Value
	to.Store(netip.MustParseAddr("127.0.0.2"))
	c := client([]netip.Prefix{netip.MustParsePrefix("127.0.0.2/32")},
		names(t, func(bool) []netip.Addr { return []netip.Addr{to.Load().(netip.Addr)} }))
	url := fmt.Sprintf("http://name.example:%d/", port)
	if err := get(t, c, url); err != nil {
		t.Fatal(err)
	}
	c.CloseIdleConnections()
	to.Store(netip.MustParseAddr("127.0.0.1"))
	var r *Refused
	if err := get(t, c, url); !errors.As(err, &r) {
		t.Errorf("got %v", err)
	}
	if welcome.Load() != 1 || hits.Load() != 0 {
		t.Errorf("allowed %d times, canary %d times", welcome.Load(), hits.Load())
	}
}

func TestRedirectIsReturned(t *testing.T) {
	t.Parallel()
	port, hits := canary(t, "127.0.0.1:0")
	s := httptest.NewServer(http.RedirectHandler(fmt.Sprintf("http://127.0.0.1:%d/", port), http.StatusTemporaryRedirect))
	t.Cleanup(s.Close)
	c := Client([]netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")})
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, s.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	res, err := c.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	if res.StatusCode != http.StatusTemporaryRedirect || hits.Load() != 0 {
		t.Errorf("status %d, canary %d", res.StatusCode, hits.Load())
	}
}

// A proxy would go to the inside on our behalf. It cannot be parallel: it sets
// the environment.
func TestProxyVariablesAreIgnored(t *testing.T) {
	proxied := new(atomic.Int64)
	proxy := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { proxied.Add(1) }))
	t.Cleanup(proxy.Close)
	t.Setenv("HTTP_PROXY", proxy.URL)
	t.Setenv("http_proxy", proxy.URL)
	if p := Client(nil).Transport.(*http.Transport).Proxy; p != nil {
		t.Error("the client has a proxy")
	}
	resolver := names(t, func(bool) []netip.Addr { return []netip.Addr{netip.MustParseAddr("10.0.0.1")} })
	var r *Refused
	if err := get(t, client(nil, resolver), "http://name.example/"); !errors.As(err, &r) || proxied.Load() != 0 {
		t.Errorf("got %v, proxy %d", err, proxied.Load())
	}
}
