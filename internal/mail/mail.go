package mail

import (
	"context"
	"crypto/x509"
	"errors"
	"html"
	"io"
	"net"
	"net/netip"
	"net/textproto"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	gomail "github.com/wneessen/go-mail"

	"perennial/internal/clock"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/notice"
	"perennial/internal/outbound"
	"perennial/internal/outbox"
	"perennial/internal/seal"
)

// Options are what a Sender needs.
type Options struct {
	Server *Server // the installation's; nil when it has none, so that mails are kept
	Keys   *seal.Keys
	Clock  clock.Clock // the machine's
	// Base is the address under which people reach this installation.
	Base string
	// Link is the address of a secure link.
	Link func(ctx context.Context, account id.Account, link string) (string, error)
	// Allow are ranges that merchants' own servers may lie in although they are special.
	Allow []netip.Prefix
	Roots *x509.CertPool // who signs the certificates of servers; nil for the system's
}

// Sender sends mails. It is safe for concurrent use.
type Sender struct {
	o     Options
	allow []netip.Prefix
	roots *x509.CertPool
}

// New makes a Sender.
func New(o Options) *Sender { return &Sender{o: o, allow: o.Allow, roots: o.Roots} }

// Deliver makes one try: the Deliver of the outbox for endpoints of the kind
// outbox.Mail. A mail that has no way out is kept: accepted with status 0.
func (s *Sender) Deliver(ctx context.Context, e outbox.Endpoint, d outbox.Delivery) outbox.Answer {
	m, err := notice.ReadMessage(d.Body)
	if err != nil {
		return outbox.Answer{Verdict: outbox.Aborted, Failure: fault.As(err).Message}
	}
	server := s.o.Server
	if e.Secret != "" {
		if server, err = Unseal(s.o.Keys, e.Account, e.Secret); err != nil {
			return outbox.Answer{Verdict: outbox.Failed, Failure: "the settings of the account's mail server cannot be opened"}
		}
	}
	if m.Held || server == nil {
		return outbox.Answer{Verdict: outbox.Accepted}
	}
	if m, err = s.Reveal(ctx, e.Account, m); err != nil {
		return outbox.Answer{Verdict: outbox.Later, Failure: "an address in the mail cannot be made: " + fault.As(err).Message}
	}
	return s.Send(ctx, server, m, d.ID.String())
}

// Send sends one message now, under an id that a repeated try has, too.
func (s *Sender) Send(ctx context.Context, server *Server, m notice.Message, name string) outbox.Answer {
	msg, err := spell(server, m, name, m.To)
	if err != nil {
		return outbox.Answer{Verdict: outbox.Aborted, Failure: "the mail cannot be spelt: " + clean(err.Error())}
	}
	a := s.transmit(ctx, server, msg)
	if a.Verdict == outbox.Accepted && m.Copy != "" && m.Copy != m.To {
		if second, err := spell(server, m, name, m.Copy); err == nil {
			s.transmit(ctx, server, second) // a copy that fails is not worth the receiver's second mail
		}
	}
	return a
}

// transmit hands a message to the server and judges the answer.
func (s *Sender) transmit(ctx context.Context, server *Server, msg *gomail.Msg) outbox.Answer {
	ctx, cancel := context.WithTimeout(ctx, totalTimeout)
	defer cancel()
	c, err := s.client(server)
	if err != nil {
		return outbox.Answer{Verdict: outbox.Failed, Failure: clean(err.Error())}
	}
	session, err := c.DialToSMTPClientWithContext(ctx)
	if err != nil {
		return outbox.Answer{Verdict: outbox.Failed, Status: statusOf(err), Failure: reason(err)}
	}
	defer c.CloseWithSMTPClient(session) //nolint:errcheck // the mail is there or not, whatever is said in parting
	err = c.SendWithSMTPClient(session, msg)
	if err == nil || msg.IsDelivered() {
		return outbox.Answer{Verdict: outbox.Accepted, Status: 250}
	}
	return judge(err)
}

// judge tells what a refusal means.
func judge(err error) outbox.Answer {
	var refused *gomail.SendError
	if !errors.As(err, &refused) {
		return outbox.Answer{Verdict: outbox.Failed, Failure: reason(err)}
	}
	a := outbox.Answer{Verdict: outbox.Failed, Status: refused.ErrorCode(), Failure: clean(refused.Error())}
	class := a.Status / 100
	switch refused.Reason {
	case gomail.ErrSMTPRcptTo:
		switch {
		case class == 5 && gone(a.Status, refused.EnhancedStatusCode()):
			a.Verdict = outbox.Bounced
		case class == 5:
			a.Verdict = outbox.Aborted
		case class == 4 && a.Status != 421:
			a.Verdict = outbox.Later
		}
	case gomail.ErrSMTPData, gomail.ErrSMTPDataClose:
		switch {
		case class == 5:
			a.Verdict = outbox.Aborted
		case class == 4 && a.Status != 421:
			a.Verdict = outbox.Later
		}
	case gomail.ErrGetSender, gomail.ErrGetRcpts, gomail.ErrNoUnencoded:
		a.Verdict = outbox.Aborted
	}
	// The sender being refused, or the connection breaking off, concerns all mails alike.
	return a
}

// gone reports whether a refusal of a recipient says that there is no such inbox, and
// not that this sender or message is unwelcome.
func gone(status int, enhanced string) bool {
	if enhanced != "" {
		return strings.HasPrefix(enhanced, "5.1.") || enhanced == "5.2.1"
	}
	return status == 550 || status == 551 || status == 553
}

// spell is a message as it goes over the wire. All of it follows from its arguments.
func spell(server *Server, m notice.Message, name, to string) (*gomail.Msg, error) {
	host := domain(server.From)
	msg := gomail.NewMsg(gomail.WithNoDefaultUserAgent(), gomail.WithBoundary("perennial-"+name))
	if err := msg.FromFormat(clean(m.FromName), server.From); err != nil {
		return nil, err
	}
	if to == m.To {
		if err := msg.AddToFormat(clean(m.ToName), to); err != nil {
			return nil, err
		}
	} else { // a blind copy shows whom the mail is for
		msg.SetGenHeader("To", m.To)
		if err := msg.Bcc(to); err != nil {
			return nil, err
		}
	}
	if m.ReplyTo != "" {
		if err := msg.ReplyTo(m.ReplyTo); err != nil {
			return nil, err
		}
		if m.Optional {
			msg.SetListUnsubscribe("mailto:" + m.ReplyTo + "?subject=unsubscribe")
		}
	}
	msg.Subject(clean(m.Subject))
	msg.SetDateWithValue(time.Unix(m.At, 0).UTC())
	msg.SetMessageIDWithValue(name + "@" + host)
	msg.SetGenHeader("Auto-Submitted", "auto-generated")
	msg.SetBodyString(gomail.TypeTextPlain, m.Text)
	msg.AddAlternativeString(gomail.TypeTextHTML, m.HTML)
	return msg, nil
}

// clean is a text on one line without control characters.
func clean(s string) string {
	s = strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 || r == 0x2028 || r == 0x2029 || r == utf8.RuneError {
			return ' '
		}
		return r
	}, s)
	return strings.Join(strings.Fields(s), " ")
}

var (
	linkMarker      = regexp.MustCompile(regexp.QuoteMeta(notice.LinkMarker) + `[a-z0-9_]{1,40}`)
	dashboardMarker = regexp.MustCompile(regexp.QuoteMeta(notice.DashboardMarker) + `/[a-zA-Z0-9_/-]*`)
)

// Reveal puts addresses where a message has its markers: of its own link and of pages of the
// dashboard. Whatever else looks like a marker is somebody's text: a customer who calls
// themselves by the marker of another's link gets no link by it.
func (s *Sender) Reveal(ctx context.Context, account id.Account, m notice.Message) (notice.Message, error) {
	own, address := notice.LinkMarker+m.Link, ""
	if m.Link != "" && strings.Contains(m.Text+m.HTML, own) {
		var err error
		if address, err = s.o.Link(ctx, account, m.Link); err != nil {
			return m, err
		}
	}
	put := func(text string, escape func(string) string) string {
		text = linkMarker.ReplaceAllStringFunc(text, func(mark string) string {
			if mark != own || address == "" {
				return mark
			}
			return escape(address)
		})
		return dashboardMarker.ReplaceAllStringFunc(text, func(mark string) string {
			return escape(s.o.Base + strings.TrimPrefix(mark, notice.DashboardMarker))
		})
	}
	m.Text = put(m.Text, func(s string) string { return s })
	m.HTML = put(m.HTML, html.EscapeString)
	return m, nil
}

// statusOf is the code of an answer in an error, 0 when there is none.
func statusOf(err error) int {
	var answer *textproto.Error
	if errors.As(err, &answer) {
		return answer.Code
	}
	return 0
}

// reason is why a server could not be spoken to, for the merchant: without what the
// operator's network looks like.
func reason(err error) string {
	var refused *outbound.Refused
	var name *net.DNSError
	var op *net.OpError
	var netErr net.Error
	var answer *textproto.Error
	switch {
	case errors.As(err, &refused):
		return refused.Error()
	case errors.Is(err, errTooMuch):
		return errTooMuch.Error()
	case errors.As(err, &answer):
		return "the mail server answered " + strconv.Itoa(answer.Code) + ": " + clean(answer.Msg)
	case errors.As(err, &name):
		return "the name of the mail server cannot be resolved"
	case errors.As(err, &netErr) && netErr.Timeout():
		return "the mail server did not answer in time"
	case errors.As(err, &op) && op.Op == "dial":
		return "the mail server did not accept the connection"
	case errors.As(err, &op), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
		return "the connection to the mail server broke off"
	}
	return clean(err.Error())
}
