package mail

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"io"
	"math/big"
	"net"
	"net/mail"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/emersion/go-sasl"
	"github.com/emersion/go-smtp"

	"perennial/internal/clock"
	"perennial/internal/id"
	"perennial/internal/notice"
	"perennial/internal/outbox"
	"perennial/internal/seal"
)

// post is a real SMTP server that a test tells how to behave.
type post struct {
	mu       sync.Mutex
	got      []received
	rcpt     func(to string) error
	data     func() error // after the message was read
	mail     func() error
	hang     chan struct{} // a session waits for it
	drop     bool          // the connection is cut in the middle of a message
	signedIn string

	server Server
	roots  *x509.CertPool
}

type received struct{ from, to, data string }

type session struct {
	*post
	conn     *smtp.Conn
	from, to string
}

func (p *post) NewSession(c *smtp.Conn) (smtp.Session, error) { return &session{post: p, conn: c}, nil }
func (s *session) Reset()                                     {}
func (s *session) Logout() error                              { return nil }
func (s *session) AuthMechanisms() []string                   { return []string{sasl.Plain} }

func (s *session) Auth(string) (sasl.Server, error) {
	return sasl.NewPlainServer(func(_, user, password string) error {
		if user != "postmaster" || password != "secret" {
			return errors.New("wrong")
		}
		s.mu.Lock()
		defer s.mu.Unlock()
		s.signedIn = user
		return nil
	}), nil
}

func (s *session) Mail(from string, _ *smtp.MailOptions) error {
	if s.hang != nil {
		<-s.hang
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.from = from
	if s.mail != nil {
		return s.mail()
	}
	return nil
}

func (s *session) Rcpt(to string, _ *smtp.RcptOptions) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.to = to
	if s.rcpt != nil {
		return s.rcpt(to)
	}
	return nil
}

func (s *session) Data(r io.Reader) error {
	if s.drop {
		_, _ = io.CopyN(io.Discard, r, 10)
		return s.conn.Conn().Close()
	}
	b, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.got = append(s.got, received{s.from, s.to, string(b)})
	if s.data != nil {
		return s.data()
	}
	return nil
}

// newPost begins a server with TLS by STARTTLS, from the first byte, or not at all.
func newPost(t *testing.T, mode Mode, withTLS bool) *post {
	t.Helper()
	p := &post{}
	cert, roots := certificate(t)
	p.roots = roots
	s := smtp.NewServer(p)
	s.Domain, s.AllowInsecureAuth = "localhost", true
	config := &tls.Config{Certificates: []tls.Certificate{cert}}
	if withTLS {
		s.TLSConfig = config
	}
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	port := l.Addr().(*net.TCPAddr).Port
	if mode == Implicit {
		l = tls.NewListener(l, config)
	}
	go func() { _ = s.Serve(l) }()
	t.Cleanup(func() { _ = s.Close() })
	p.server = Server{Host: "localhost", Port: port, From: "billing@shop.example", TLS: mode, Trusted: true}
	return p
}

func certificate(t *testing.T) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "localhost"}, DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Unix(0, 0), NotAfter: time.Unix(1<<34, 0), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(parsed)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, roots
}

func (p *post) sender() *Sender {
	return New(Options{Server: &p.server, Clock: clock.System{}, Roots: p.roots, Base: "https://billing.example.com", Keys: keys(),
		Link: func(_ context.Context, _ id.Account, link string) (string, error) {
			return "https://billing.example.com/l/" + link + "?a=1&b=2", nil
		}})
}

var keys = sync.OnceValue(func() *seal.Keys {
	k, err := seal.Parse(seal.New())
	if err != nil {
		panic(err)
	}
	return k
})

func delivery(m notice.Message) outbox.Delivery {
	return outbox.Delivery{ID: 77, Account: 5, Body: m.Body()}
}

func message() notice.Message {
	return notice.Message{Kind: notice.Receipt, To: "ada@example.com", ToName: "Ada Example", FromName: "Tea House", ReplyTo: "help@shop.example", Subject: "Zahlungsbeleg €29 – Größe",
		Text: "Hello\n\nLink: " + notice.LinkMarker + "lnk_01\nApp: " + notice.DashboardMarker + "/app/acc_1\n.\nfrom here", HTML: `<a href="` + notice.LinkMarker + `lnk_01">x</a>`,
		Link: "lnk_01", At: 1_800_000_000}
}

func (p *post) deliver(t *testing.T, m notice.Message) outbox.Answer {
	t.Helper()
	return p.sender().Deliver(t.Context(), outbox.Endpoint{Account: 5}, delivery(m))
}

// A mail arrives with the headers that were written, in both parts, with the addresses
// put in; every try sends the same bytes.
func TestDeliver(t *testing.T) {
	t.Parallel()
	for _, mode := range []Mode{StartTLS, Implicit, Plain} {
		t.Run(string(mode), func(t *testing.T) {
			t.Parallel()
			p := newPost(t, mode, mode == StartTLS)
			for range 2 {
				if a := p.deliver(t, message()); a.Verdict != outbox.Accepted || a.Status != 250 {
					t.Fatalf("%+v", a)
				}
			}
			if len(p.got) != 2 || p.got[0].data != p.got[1].data {
				t.Fatalf("%d arrived, the same: %v", len(p.got), len(p.got) == 2 && p.got[0].data == p.got[1].data)
			}
			got, err := mail.ReadMessage(strings.NewReader(p.got[0].data))
			if err != nil {
				t.Fatal(err)
			}
			for name, want := range map[string]string{"From": `"Tea House" <billing@shop.example>`, "To": `"Ada Example" <ada@example.com>`, "Reply-To": "<help@shop.example>",
				"Auto-Submitted": "auto-generated", "Message-Id": "<" + delivery(message()).ID.String() + "@shop.example>", "Date": "Fri, 15 Jan 2027 08:00:00 +0000", "List-Unsubscribe": ""} {
				if h := got.Header.Get(name); h != want {
					t.Errorf("%s: %q", name, h)
				}
			}
			for _, want := range []string{"multipart/alternative", "https://billing.example.com/l/lnk_01?a=3D1&b=3D2", "/l/lnk_01?a=3D1&amp;b=3D2", "https://billing.example.com/app/acc_1"} {
				if !strings.Contains(strings.ReplaceAll(p.got[0].data, "=\r\n", ""), want) {
					t.Errorf("%q is missing in\n%s", want, p.got[0].data)
				}
			}
			if p.got[0].from != "billing@shop.example" || p.got[0].to != "ada@example.com" {
				t.Errorf("%+v", p.got[0])
			}
		})
	}
}

// Without TLS nothing is sent to a server that should have it, and no password told.
func TestTLSIsRequired(t *testing.T) {
	t.Parallel()
	p := newPost(t, StartTLS, false)
	p.server.User, p.server.Password = "postmaster", "secret"
	if a := p.deliver(t, message()); a.Verdict != outbox.Failed || len(p.got) != 0 || p.signedIn != "" {
		t.Errorf("%+v, signed in as %q", a, p.signedIn)
	}
	stranger := newPost(t, StartTLS, true)
	stranger.roots = x509.NewCertPool()
	if a := stranger.deliver(t, message()); a.Verdict != outbox.Failed || len(stranger.got) != 0 {
		t.Errorf("a certificate of nobody's: %+v", a)
	}
	for _, s := range []Server{{Host: "mail.example.com", From: "a@example.com", TLS: Plain, Trusted: true}, {Host: "localhost", From: "a@example.com", TLS: Plain},
		{Host: "10.0.0.1", From: "a@example.com"}, {Host: "a b", From: "a@example.com"}, {Host: "h", From: "no address"}, {Host: "h", From: "a@example.com", Port: 70000}, {Host: "h", From: "a@example.com", Password: "x"}} {
		if s.Check() == nil {
			t.Errorf("%+v is taken", s)
		}
	}
}

// A merchant's own server may not lie inside of the operator's network, whatever its
// name says.
func TestOwnServerIsOutside(t *testing.T) {
	t.Parallel()
	p := newPost(t, StartTLS, true)
	own := p.server
	own.Trusted = false
	sealed, err := own.Seal(keys(), 5)
	if err != nil {
		t.Fatal(err)
	}
	a := p.sender().Deliver(t.Context(), outbox.Endpoint{Account: 5, Secret: sealed}, delivery(message()))
	if a.Verdict != outbox.Failed || !strings.Contains(a.Failure, "not allowed as a destination") || len(p.got) != 0 {
		t.Errorf("%+v", a)
	}
	if a := p.sender().Deliver(t.Context(), outbox.Endpoint{Account: 6, Secret: sealed}, delivery(message())); a.Verdict != outbox.Failed || !strings.Contains(a.Failure, "cannot be opened") {
		t.Errorf("another account's settings: %+v", a)
	}
}

func TestSignIn(t *testing.T) {
	t.Parallel()
	p := newPost(t, StartTLS, true)
	p.server.User, p.server.Password = "postmaster", "secret"
	if a := p.deliver(t, message()); a.Verdict != outbox.Accepted || p.signedIn != "postmaster" {
		t.Errorf("%+v as %q", a, p.signedIn)
	}
	if err := p.sender().Try(t.Context(), &p.server); err != nil {
		t.Error(err)
	}
	p.server.Password = "wrong"
	if a := p.deliver(t, message()); a.Verdict != outbox.Failed || a.Status == 0 {
		t.Errorf("%+v", a)
	}
	if err := p.sender().Try(t.Context(), &p.server); err == nil || strings.Contains(err.Error(), "secret") {
		t.Error(err)
	}
}

func smtpError(code int, a, b, c int) error {
	return &smtp.SMTPError{Code: code, EnhancedCode: smtp.EnhancedCode{a, b, c}, Message: "because"}
}

// What each answer of a server means for the mail.
func TestVerdicts(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		act  func(p *post)
		want outbox.Verdict
	}{
		"no such inbox":           {func(p *post) { p.rcpt = func(string) error { return smtpError(550, 5, 1, 1) } }, outbox.Bounced},
		"inbox closed":            {func(p *post) { p.rcpt = func(string) error { return smtpError(550, 5, 2, 1) } }, outbox.Bounced},
		"unwelcome by policy":     {func(p *post) { p.rcpt = func(string) error { return smtpError(550, 5, 7, 1) } }, outbox.Aborted},
		"inbox full":              {func(p *post) { p.rcpt = func(string) error { return smtpError(452, 4, 2, 2) } }, outbox.Later},
		"greylisted":              {func(p *post) { p.rcpt = func(string) error { return smtpError(451, 4, 7, 1) } }, outbox.Later},
		"message refused":         {func(p *post) { p.data = func() error { return smtpError(554, 5, 6, 0) } }, outbox.Aborted},
		"message refused for now": {func(p *post) { p.data = func() error { return smtpError(451, 4, 3, 0) } }, outbox.Later},
		"sender refused":          {func(p *post) { p.mail = func() error { return smtpError(550, 5, 7, 1) } }, outbox.Failed},
		"server goes away":        {func(p *post) { p.rcpt = func(string) error { return smtpError(421, 4, 3, 2) } }, outbox.Failed},
		"cut in the middle":       {func(p *post) { p.drop = true }, outbox.Failed},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := newPost(t, StartTLS, true)
			c.act(p)
			if a := p.deliver(t, message()); a.Verdict != c.want || a.Failure == "" || strings.ContainsAny(a.Failure, "\r\n") {
				t.Errorf("%+v, want %d", a, c.want)
			}
		})
	}
}

func TestNobodyThere(t *testing.T) {
	t.Parallel()
	p := newPost(t, StartTLS, true)
	p.server.Port = 1
	if a := p.deliver(t, message()); a.Verdict != outbox.Failed || a.Failure != "the mail server did not accept the connection" {
		t.Errorf("%+v", a)
	}
}

// A server that says nothing is left alone when the time is over.
func TestHangingServer(t *testing.T) {
	t.Parallel()
	p := newPost(t, StartTLS, true)
	p.hang = make(chan struct{})
	t.Cleanup(func() { close(p.hang) })
	s := p.sender()
	s.o.Clock = clock.NewManual(clock.System{}.Now().Add(-totalTimeout + 300*time.Millisecond)) // most of the time is over
	if a := s.Deliver(t.Context(), outbox.Endpoint{Account: 5}, delivery(message())); a.Verdict != outbox.Failed {
		t.Errorf("%+v", a)
	}
}

// A mail tells the address of its own link. Ids can be guessed: who writes the marker of
// another's link where their name stands gets none by it.
func TestNobodyElsesLink(t *testing.T) {
	t.Parallel()
	p := newPost(t, StartTLS, true)
	for _, own := range []string{"lnk_01", ""} {
		m := message()
		m.Link = own
		m.Text += "\nHello " + notice.LinkMarker + "lnk_02, " + notice.LinkMarker + "lnk_011"
		m.HTML += "<p>Hello " + notice.LinkMarker + "lnk_02</p>"
		got, err := p.sender().Reveal(t.Context(), 5, m)
		if err != nil {
			t.Fatal(err)
		}
		for text, known := range map[string]bool{"/l/lnk_01?": own != "", "/l/lnk_02": false, "/l/lnk_011": false, notice.LinkMarker + "lnk_02": true} {
			if strings.Contains(got.Text+got.HTML, text) != known {
				t.Errorf("of the link %q, %q is there: %v\n%s", own, text, !known, got.Text)
			}
		}
	}
}

// A server whose answer does not end is left alone before it fills the memory.
func TestServerWithoutEnd(t *testing.T) {
	t.Parallel()
	p := newPost(t, Plain, false)
	l, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go func() {
		line := []byte("220-" + strings.Repeat("x", 60_000) + "\r\n")
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			for err == nil {
				_, err = c.Write(line)
			}
			_ = c.Close()
		}
	}()
	p.server.Port = l.Addr().(*net.TCPAddr).Port
	if a := p.deliver(t, message()); a.Verdict != outbox.Failed || a.Failure != errTooMuch.Error() {
		t.Errorf("%+v", a)
	}
}

// What has no way out is kept.
func TestKept(t *testing.T) {
	t.Parallel()
	p := newPost(t, StartTLS, true)
	held := message()
	held.Held = true
	if a := p.deliver(t, held); a.Verdict != outbox.Accepted || a.Status != 0 || len(p.got) != 0 {
		t.Errorf("a sandbox's: %+v, %d sent", a, len(p.got))
	}
	s := New(Options{Clock: clock.System{}})
	if a := s.Deliver(t.Context(), outbox.Endpoint{}, delivery(message())); a.Verdict != outbox.Accepted || a.Status != 0 {
		t.Errorf("without a server: %+v", a)
	}
	if a := s.Deliver(t.Context(), outbox.Endpoint{}, outbox.Delivery{Body: "no mail"}); a.Verdict != outbox.Aborted {
		t.Errorf("what is no mail: %+v", a)
	}
}

// S10: whatever names and subjects hold, the mail has the headers, the receivers and
// the body that we wrote.
func TestNobodyAddsHeaders(t *testing.T) {
	t.Parallel()
	p := newPost(t, StartTLS, true)
	for _, nasty := range []string{"x\r\nBcc: eve@example.com", "x\nX-Evil: 1", "x\rX-Evil: 1", "x\u2028X-Evil: 1", "x\u2029X-Evil: 1", "x\x00y", "\"quoted\", eve@example.com", "a, b <eve@example.com>", "\u0085X-Evil: 1",
		"=?utf-8?q?=0d=0aX-Evil:_1?=", strings.Repeat("long ", 100)} {
		m := message()
		m.ToName, m.FromName, m.Subject = nasty, nasty, nasty
		m.Text, m.HTML = "plain\r\n.\r\nMAIL FROM:<eve@example.com>", "<p>x</p>"
		m.Optional = true
		before := len(p.got)
		if a := p.deliver(t, m); a.Verdict != outbox.Accepted {
			t.Fatalf("%q: %+v", nasty, a)
		}
		if len(p.got) != before+1 {
			t.Fatalf("%q: %d mails", nasty, len(p.got)-before)
		}
		got, err := mail.ReadMessage(strings.NewReader(p.got[before].data))
		if err != nil {
			t.Fatal(err)
		}
		want := map[string]bool{"Auto-Submitted": true, "Content-Type": true, "Date": true, "From": true, "List-Unsubscribe": true, "Message-Id": true, "Mime-Version": true, "Reply-To": true, "Subject": true, "To": true}
		for name, values := range got.Header {
			if !want[name] || len(values) != 1 {
				t.Errorf("%q: header %s %v", nasty, name, values)
			}
		}
		for _, name := range []string{"To", "From"} {
			if list, err := got.Header.AddressList(name); err != nil || len(list) != 1 {
				t.Errorf("%q: %s is %v, %v", nasty, name, list, err)
			}
		}
		if p.got[before].to != "ada@example.com" {
			t.Errorf("%q went to %s", nasty, p.got[before].to)
		}
	}
	for _, to := range []string{"ada@example.com, eve@example.com", "ada@example.com\r\nRCPT TO:<eve@example.com>", "", "Ada <ada@example.com>>"} {
		m := message()
		m.To = to
		if a := p.deliver(t, m); a.Verdict != outbox.Aborted {
			t.Errorf("%q: %+v", to, a)
		}
	}
}

// A blind copy arrives beside the mail and does not show in it; one that is refused
// costs the receiver nothing.
func TestCopy(t *testing.T) {
	t.Parallel()
	p := newPost(t, StartTLS, true)
	m := message()
	m.Copy = "archive@shop.example"
	if a := p.deliver(t, m); a.Verdict != outbox.Accepted || len(p.got) != 2 {
		t.Fatalf("%+v, %d mails", a, len(p.got))
	}
	for i, to := range []string{"ada@example.com", "archive@shop.example"} {
		if p.got[i].to != to || strings.Contains(p.got[i].data, "archive@") {
			t.Errorf("%+v", p.got[i])
		}
	}
	p.rcpt = func(to string) error {
		if to == m.Copy {
			return smtpError(550, 5, 1, 1)
		}
		return nil
	}
	if a := p.deliver(t, m); a.Verdict != outbox.Accepted || len(p.got) != 3 {
		t.Errorf("%+v, %d mails", a, len(p.got))
	}
}
