package mail

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"

	gomail "github.com/wneessen/go-mail"

	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/notice"
	"perennial/internal/outbound"
	"perennial/internal/outbox"
	"perennial/internal/seal"
)

// Mode is how a connection to a mail server is protected.
type Mode string

// The modes.
const (
	StartTLS Mode = "starttls" // TLS begins on the plain connection, or nothing is sent
	Implicit Mode = "implicit" // TLS from the first byte
	Plain    Mode = "none"     // none at all: for a server on this machine
)

// Server is a mail server and how it is used.
type Server struct {
	Host     string `json:"host"`
	Port     int    `json:"port"`
	User     string `json:"user,omitempty"`
	Password string `json:"password,omitempty"`
	From     string `json:"from"` // the address that mails come from
	TLS      Mode   `json:"tls"`

	// Trusted is the operator's own server, which may be inside of the network.
	Trusted bool `json:"-"`
}

// Limits of a try, well inside of the lease of an outbox batch.
const (
	connectTimeout = 10 * time.Second
	totalTimeout   = 25 * time.Second
)

// purpose binds the sealed settings of merchants' own servers.
const purpose = "mail server"

// Check refuses settings that cannot work, and fills in what was left out.
func (s *Server) Check() error {
	var f fault.Fields
	s.Host = strings.TrimSpace(s.Host)
	if s.TLS == "" {
		s.TLS = StartTLS
	}
	if s.Port == 0 {
		s.Port = map[Mode]int{StartTLS: 587, Implicit: 465, Plain: 25}[s.TLS]
	}
	f.Check(s.Host != "" && len(s.Host) <= 253 && !strings.ContainsFunc(s.Host, func(r rune) bool { return r <= ' ' || r >= 0x7f || strings.ContainsRune("/@?#\\\"<>", r) }),
		"host", "must be the name or address of a mail server, for example smtp.example.com")
	f.Check(s.Port > 0 && s.Port < 65536, "port", "must be from 1 to 65535")
	f.Check(s.TLS == StartTLS || s.TLS == Implicit || s.TLS == Plain, "tls", "must be starttls, implicit or none")
	f.Check(s.TLS != Plain || s.Trusted && s.loopback(), "tls", "none is for a server on this machine alone")
	f.Check(len(s.User) <= 200 && len(s.Password) <= 1000 && !strings.ContainsAny(s.User+s.Password, "\r\n\x00"), "user", "is too long or holds control characters")
	f.Check(s.User != "" || s.Password == "", "user", "must be given with a password")
	f.Add("from", notice.CheckAddress(s.From))
	if ip, err := netip.ParseAddr(s.Host); err == nil && !s.Trusted {
		if err := outbound.Check(ip, nil); err != nil {
			f.Bad("host", "cannot be used: %s", err)
		}
	}
	return f.Err()
}

func (s *Server) loopback() bool {
	ip, err := netip.ParseAddr(s.Host)
	return s.Host == "localhost" || err == nil && ip.IsLoopback()
}

// Address is the server as it is shown, without secrets.
func (s *Server) Address() string { return net.JoinHostPort(s.Host, strconv.Itoa(s.Port)) }

// Seal is the stored form of a merchant's own server.
func (s *Server) Seal(keys *seal.Keys, account id.Account) (string, error) {
	b, err := json.Marshal(s) // #nosec G117 -- what is made is sealed at once
	if err != nil {
		return "", err
	}
	return keys.Seal(account, purpose, b), nil
}

// Reseal seals a merchant's own server under the key that seals now, as seal.Keys.Again
// does.
func Reseal(keys *seal.Keys, e *outbox.Endpoint) (err error) {
	e.Secret, err = keys.Again(e.Account, purpose, e.Secret)
	return err
}

// Unseal reads the stored form of a merchant's own server.
func Unseal(keys *seal.Keys, account id.Account, sealed string) (*Server, error) {
	b, err := keys.Unseal(account, purpose, sealed)
	if err != nil {
		return nil, err
	}
	var s Server
	if err := json.Unmarshal(b, &s); err != nil {
		return nil, err
	}
	return &s, s.Check()
}

// maxHeard bounds what a server may say in one connection, in bytes. Whatever it says is
// gathered until its answer is whole, and an answer need not end.
const maxHeard = 1 << 20

var errTooMuch = errors.New("the mail server says too much")

// bounded is a connection that ends at an instant, whatever deadlines it is given, and when
// it has brought too much.
type bounded struct {
	net.Conn
	until time.Time
	heard int
}

// Read refuses to go on when too much was read.
func (b *bounded) Read(p []byte) (int, error) {
	if b.heard > maxHeard {
		return 0, errTooMuch
	}
	n, err := b.Conn.Read(p)
	b.heard += n
	return n, err
}

func (b *bounded) clamp(t time.Time) time.Time {
	if t.IsZero() || t.After(b.until) {
		return b.until
	}
	return t
}

func (b *bounded) SetDeadline(t time.Time) error      { return b.Conn.SetDeadline(b.clamp(t)) }
func (b *bounded) SetReadDeadline(t time.Time) error  { return b.Conn.SetReadDeadline(b.clamp(t)) }
func (b *bounded) SetWriteDeadline(t time.Time) error { return b.Conn.SetWriteDeadline(b.clamp(t)) }

// client is a connection to be: whoever dials it has until an instant for everything.
func (s *Sender) client(server *Server) (*gomail.Client, error) {
	until := s.o.Clock.Now().Add(totalTimeout)
	config := &tls.Config{ServerName: server.Host, MinVersion: tls.VersionTLS12, RootCAs: s.roots}
	dialer := &net.Dialer{Timeout: connectTimeout}
	if !server.Trusted {
		dialer = outbound.Dialer(s.allow)
	}
	dial := func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dialer.DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		if to, ok := conn.RemoteAddr().(*net.TCPAddr); server.TLS == Plain && !(ok && to.IP.IsLoopback()) {
			_ = conn.Close()
			return nil, fmt.Errorf("the server is not on this machine, so it is not spoken to without TLS")
		}
		conn = &bounded{Conn: conn, until: until}
		if server.TLS == Implicit {
			conn = tls.Client(conn, config)
		}
		return conn, nil
	}
	options := []gomail.Option{gomail.WithPort(server.Port), gomail.WithTimeout(totalTimeout), gomail.WithTLSConfig(config), gomail.WithDialContextFunc(dial),
		gomail.WithHELO(domain(server.From)), gomail.WithoutNoop()}
	switch server.TLS {
	case StartTLS:
		options = append(options, gomail.WithTLSPolicy(gomail.TLSMandatory))
	case Implicit:
		options = append(options, gomail.WithSSL())
	default:
		options = append(options, gomail.WithTLSPolicy(gomail.NoTLS))
	}
	if server.User != "" {
		options = append(options, gomail.WithSMTPAuth(gomail.SMTPAuthAutoDiscover), gomail.WithUsername(server.User), gomail.WithPassword(server.Password))
	}
	return gomail.NewClient(server.Host, options...)
}

// Try connects to a server, signs in and leaves. The error says what is wrong, in
// words for people.
func (s *Sender) Try(ctx context.Context, server *Server) error {
	if err := server.Check(); err != nil {
		return err
	}
	c, err := s.client(server)
	if err != nil {
		return err
	}
	session, err := c.DialToSMTPClientWithContext(ctx)
	if err != nil {
		return fault.New(fault.Unavailable, "%s", reason(err))
	}
	_ = c.CloseWithSMTPClient(session) // it has said all that was asked
	return nil
}

// domain is what stands behind the @ of an address.
func domain(address string) string {
	_, host, ok := strings.Cut(address, "@")
	if !ok {
		return "localhost"
	}
	return host
}
