package notice_test

import (
	"strings"
	"testing"

	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/notice"
)

// ours is the mail that the reports are about.
var ours = id.New[id.Delivery]()

// report is a delivery status notification about one recipient.
func report(fields string) string {
	return strings.ReplaceAll(`From: mailer-daemon@mx.example.net
To: bounces@green-press.example
Subject: Undelivered Mail Returned to Sender
MIME-Version: 1.0
Content-Type: multipart/report; report-type=delivery-status; boundary="b1"

--b1
Content-Type: text/plain

It could not be delivered.

--b1
Content-Type: message/delivery-status

Reporting-MTA: dns; mx.example.net

`+fields+`

--b1
Content-Type: text/rfc822-headers

From: Green Press <billing@green-press.example>
Message-ID: <`+ours.String()+`@green-press.example>
Subject: Receipt

--b1--
`, "\n", "\r\n")
}

func TestParseBounce(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		fields string
		hard   bool
	}{
		"no such inbox":         {"Final-Recipient: rfc822; ada@example.com\nAction: failed\nStatus: 5.1.1\nDiagnostic-Code: smtp; 550 5.1.1 no such user", true},
		"switched off":          {"Final-Recipient: rfc822;ada@example.com\nAction: Failed\nStatus: 5.2.1", true},
		"only the old code":     {"Final-Recipient: rfc822; ada@example.com\nAction: failed\nStatus: 5.0.0\nDiagnostic-Code: smtp; 550 unknown user", true},
		"rewritten":             {"Original-Recipient: rfc822; ada@example.com\nFinal-Recipient: rfc822; box7@inside.example\nAction: failed\nStatus: 5.1.1", true},
		"full":                  {"Final-Recipient: rfc822; ada@example.com\nAction: failed\nStatus: 5.2.2\nDiagnostic-Code: smtp; 552 5.2.2 over quota", false},
		"not welcome":           {"Final-Recipient: rfc822; ada@example.com\nAction: failed\nStatus: 5.7.1\nDiagnostic-Code: smtp; 550 5.7.1 spam", false},
		"not welcome, unclear":  {"Final-Recipient: rfc822; ada@example.com\nAction: failed\nStatus: 5.0.0\nDiagnostic-Code: smtp; 550 5.7.1 spam", false},
		"the sender is unknown": {"Final-Recipient: rfc822; ada@example.com\nAction: failed\nStatus: 5.1.8", false},
		"late":                  {"Final-Recipient: rfc822; ada@example.com\nAction: delayed\nStatus: 4.4.1", false},
		"tried for too long":    {"Final-Recipient: rfc822; ada@example.com\nAction: failed\nStatus: 4.4.7", false},
	} {
		b, err := notice.ParseBounce([]byte(report(c.fields)))
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if len(b.Recipients) != 1 || b.Recipients[0].Address != "ada@example.com" || b.Recipients[0].Hard() != c.hard || b.Mail != ours {
			t.Errorf("%s: %+v", name, b)
		}
	}
	for name, raw := range map[string]string{
		"nothing":      "",
		"no mail":      "hello",
		"a usual mail": "From: ada@example.com\r\nContent-Type: text/plain\r\n\r\nHello",
		"cut off":      report("Final-Recipient: rfc822; ada@example.com\nAction: failed\nStatus: 5.1.1")[:300],
		"of nobody":    report("Action: failed\nStatus: 5.1.1"),
	} {
		if b, err := notice.ParseBounce([]byte(raw)); !fault.Is(err, fault.Invalid) {
			t.Errorf("%s: %+v, %v", name, b, err)
		}
	}
}

func FuzzParseBounce(f *testing.F) {
	f.Add([]byte(report("Final-Recipient: rfc822; ada@example.com\nAction: failed\nStatus: 5.1.1")))
	f.Add([]byte("Content-Type: multipart/report; boundary=x\r\n\r\n--x\r\nContent-Type: message/delivery-status\r\n\r\n\r\n"))
	f.Fuzz(func(t *testing.T, raw []byte) {
		b, err := notice.ParseBounce(raw)
		if err != nil {
			if !fault.Is(err, fault.Invalid) {
				t.Errorf("%v", err)
			}
			return
		}
		if len(b.Recipients) == 0 {
			t.Error("a report about nobody")
		}
		for _, u := range b.Recipients {
			if u.Hard() && u.Action != "failed" || len(u.Reason) > 300 {
				t.Errorf("%+v", u)
			}
		}
	})
}
