package notice

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/mail"
	"net/textproto"
	"strings"

	"perennial/internal/fault"
	"perennial/internal/id"
)

// BounceReport is a report of a mail server about mail that it took and could not deliver, or
// has not so far (RFC 3464).
type BounceReport struct {
	Mail       id.Delivery // that it is about, from the Message-ID of what came back; 0 when that does not say
	Recipients []Undelivered
}

// Undelivered is what a report says of one recipient.
type Undelivered struct {
	Address string
	Action  string // "failed", "delayed", "delivered", "relayed" or "expanded"
	Status  string // "5.1.1"
	Reason  string // what the server there said; at most 300 bytes
}

// Hard reports whether there is no such inbox: nothing sent there will ever arrive. A full
// inbox, a message that is not welcome, and whatever is tried again are not that.
func (u Undelivered) Hard() bool {
	if u.Action != "failed" {
		return false
	}
	switch {
	case strings.HasPrefix(u.Status, "5.1."), u.Status == "5.2.1":
		return u.Status != "5.1.8" && u.Status != "5.1.7" // those are about the sender
	case u.Status == "5.0.0", u.Status == "":
		for _, code := range []string{"550 ", "551 ", "553 "} { // servers without further codes
			if strings.HasPrefix(u.Reason, code) && !strings.HasPrefix(u.Reason[len(code):], "5.") {
				return true
			}
		}
	}
	return false
}

// What is read of a report at most.
const (
	maxBounceParts      = 20
	maxBounceRecipients = 100
	maxReason           = 300
)

var errNoReport = fault.BadField("message", "must be a delivery status notification: a multipart/report with a message/delivery-status")

// ParseBounce reads a report as it came by mail, with its header. What is none is
// fault.Invalid.
func ParseBounce(raw []byte) (BounceReport, error) {
	var b BounceReport
	m, err := mail.ReadMessage(bytes.NewReader(raw))
	if err != nil {
		return b, fault.BadField("message", "must be a whole mail, with its header")
	}
	kind, params, err := mime.ParseMediaType(m.Header.Get("Content-Type"))
	if err != nil || kind != "multipart/report" || params["boundary"] == "" {
		return b, errNoReport
	}
	parts := multipart.NewReader(m.Body, params["boundary"])
	for range maxBounceParts {
		p, err := parts.NextPart()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return BounceReport{}, errNoReport
		}
		if err := b.part(p); err != nil {
			return BounceReport{}, err
		}
	}
	if len(b.Recipients) == 0 {
		return BounceReport{}, errNoReport
	}
	return b, nil
}

// part reads one part of a report.
func (b *BounceReport) part(p *multipart.Part) error {
	kind, _, _ := mime.ParseMediaType(p.Header.Get("Content-Type"))
	r := textproto.NewReader(bufio.NewReader(p))
	switch kind {
	case "message/delivery-status", "message/global-delivery-status":
		for len(b.Recipients) < maxBounceRecipients {
			group, err := r.ReadMIMEHeader()
			if u, ok := recipientOf(group); ok {
				b.Recipients = append(b.Recipients, u)
			}
			if errors.Is(err, io.EOF) {
				return nil
			}
			if err != nil {
				return errNoReport
			}
		}
	case "message/rfc822", "text/rfc822-headers", "message/global", "message/global-headers":
		header, _ := r.ReadMIMEHeader() // as far as it came back
		name, _, _ := strings.Cut(strings.Trim(strings.TrimSpace(header.Get("Message-Id")), "<>"), "@")
		if of, err := id.Parse[id.Delivery](name); err == nil {
			b.Mail = of
		}
	}
	return nil
}

// recipientOf is one recipient's fields.
func recipientOf(group textproto.MIMEHeader) (Undelivered, bool) {
	address := typed(group.Get("Final-Recipient"))
	if original := typed(group.Get("Original-Recipient")); original != "" {
		address = original // what we wrote to, whatever it was rewritten to
	}
	u := Undelivered{Address: address, Action: strings.ToLower(strings.TrimSpace(group.Get("Action"))), Reason: typed(group.Get("Diagnostic-Code"))}
	u.Status, _, _ = strings.Cut(strings.TrimSpace(group.Get("Status")), " ")
	u.Reason = strings.ToValidUTF8(strings.Join(strings.Fields(u.Reason), " "), "")
	if len(u.Reason) > maxReason {
		u.Reason = strings.ToValidUTF8(u.Reason[:maxReason], "")
	}
	return u, u.Address != "" && u.Action != ""
}

// typed is the value of a field such as "rfc822; ada@example.com", without its type.
func typed(field string) string {
	_, value, ok := strings.Cut(field, ";")
	if !ok {
		return ""
	}
	return strings.Trim(strings.TrimSpace(value), "<>")
}
