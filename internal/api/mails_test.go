package api_test

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestMails(t *testing.T) {
	onBoth(t, func(w *world) {
		s := newTranscript(w)
		p := w.shop(w.key, "")
		w.call(200, "PATCH", "/v1/customers/"+p.customer, `{"language":"de"}`)
		s.send("a look", "POST", "/v1/branding", `{"name":"Tea House","colour":"#336699","manage":"https://tea.example/account","legal":"Tea House Ltd\n1 Leaf Lane"}`)
		s.send("a look that cannot be", "POST", "/v1/branding", `{"colour":"red","logo":"http://example.com","reply_to":"a@b, c@d"}`)
		s.send("the look", "GET", "/v1/branding", "")
		s.send("what a receipt says", "GET", "/v1/mail-templates/receipt?language=de", "")
		s.send("a text of our own", "POST", "/v1/mail-templates/receipt", `{"language":"de","subject":"Danke, {{ customer.first_name }}","body":"{{ amount }} sind da.\n\n{{ summary }}\n\n{{ cancel.how }}"}`, withKey("t1"))
		s.send("one that cannot be made", "POST", "/v1/mail-templates/receipt", `{"language":"de","subject":"Danke","body":"Zeile eins\n\nHallo {{ custmer.name }}"}`)
		s.send("one that leaves out what it must say", "POST", "/v1/mail-templates/receipt", `{"language":"xx","subject":"Danke","body":"Danke"}`)
		s.send("one in no language", "POST", "/v1/mail-templates/receipt", `{"language":"tlh","subject":"x","body":"{{ cancel.how }}"}`)
		s.send("no such mail", "GET", "/v1/mail-templates/love_letter", "")
		s.send("tried with sample facts", "POST", "/v1/mail-templates/paused/preview", `{"language":"fr","subject":"{{ plan.name }}","body":"<b>{{ customer.name }}</b>\n\n{{ summary }}"}`)
		s.send("a receipt must be sent", "PATCH", "/v1/mail-settings", `{"kind":"receipt","enabled":false}`)
		s.send("a pause need not be told", "PATCH", "/v1/mail-settings", `{"kind":"paused","enabled":false,"copy":"archive@example.com","team":"team@example.com"}`)
		s.send("settings", "GET", "/v1/mail-settings", "")
		w.call(201, "POST", "/v1/orders", `{"customer":"`+p.customer+`","price":"`+p.monthly+`","payment_method":"`+p.card+`"}`)
		w.written(w.key)
		mails := s.send("what was written", "GET", "/v1/mails", "")
		first := mails.data()[0]["id"].(string)
		s.send("one mail", "GET", "/v1/mails/"+first, "")
		s.send("to nobody", "GET", "/v1/mails?customer=cus_0000000000001", "")
		s.send("resend", "POST", "/v1/mails/"+first+"/resend", "", withKey("r1"))
		stopped := s.send("somebody complained", "POST", "/v1/suppressions", `{"address":"ADA@example.com","reason":"complaint"}`).text("id")
		s.send("no address", "POST", "/v1/suppressions", `{"address":"ada@example.com\r\nbcc: x@example.com"}`)
		s.send("the list", "GET", "/v1/suppressions?address=ada@example.com", "")
		s.send("nothing is sent there", "POST", "/v1/mails/"+first+"/resend", "")
		s.send("released", "POST", "/v1/suppressions/"+stopped+"/remove", "", withKey("s1"))
		s.send("released already", "POST", "/v1/suppressions/"+stopped+"/remove", "")
		s.send("only what must be", "POST", "/v1/customers/"+p.customer+"/mails", `{"optional":false}`)
		s.send("the first text again", "POST", "/v1/mail-templates/receipt/remove", `{"language":"de"}`)
		s.send("there is no other", "POST", "/v1/mail-templates/receipt/remove", `{"language":"de"}`)
		golden(w, "mails.golden", s.b.String())
	})
}

// A mail server's report stops an address when there is no such inbox, and when it is about
// a mail of the account and its own recipient.
func TestBounces(t *testing.T) {
	onBoth(t, func(w *world) {
		p := w.shop(w.key, "")
		w.call(201, "POST", "/v1/orders", `{"customer":"`+p.customer+`","price":"`+p.monthly+`","payment_method":"`+p.card+`"}`)
		w.written(w.key)
		sent := w.call(200, "GET", "/v1/mails", "").data()[0]
		mail, to := sent["id"].(string), sent["recipient"].(string)
		hand := func(status int, of, who, code string) reply {
			w.Helper()
			message, err := json.Marshal("Content-Type: multipart/report; boundary=b\r\n\r\n--b\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.example.net\r\n\r\n" +
				"Final-Recipient: rfc822; " + who + "\r\nAction: failed\r\nStatus: " + code + "\r\n\r\n--b\r\nContent-Type: text/rfc822-headers\r\n\r\nMessage-ID: <" + of + "@example.com>\r\n\r\n--b--\r\n")
			if err != nil {
				t.Fatal(err)
			}
			return w.call(status, "POST", "/v1/mail-bounces", `{"message":`+string(message)+`}`)
		}
		stopped := func(want int) {
			w.Helper()
			if got := len(w.call(200, "GET", "/v1/suppressions", "").data()); got != want {
				t.Errorf("%d addresses are stopped, want %d", got, want)
			}
		}
		hand(422, "dlv_00000000000010", to, "5.1.1")
		hand(201, mail, to, "5.2.2")
		hand(201, mail, "somebody-else@example.com", "5.1.1")
		w.call(422, "POST", "/v1/mail-bounces", `{"message":"Subject: Hello\r\n\r\nno report"}`)
		stopped(0)
		for range 2 {
			noted := hand(201, mail, strings.ToUpper(to), "5.1.1").body["recipients"].([]any)[0].(map[string]any)
			if noted["suppressed"] != true {
				t.Errorf("%+v", noted)
			}
		}
		stopped(1)
		if n := len(w.call(200, "GET", "/v1/events?type=mail.bounced", "").data()); n != 1 {
			t.Errorf("told %d times", n)
		}
	})
}
