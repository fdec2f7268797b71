// Package webhook delivers events to the HTTP addresses of merchants, signed by
// the Standard Webhooks scheme, so that receivers verify them with libraries that
// exist for every language.
//
// It does not own when a delivery is tried (the outbox) nor which addresses may
// be reached (outbound).
package webhook

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"perennial/internal/clock"
	"perennial/internal/event"
	"perennial/internal/id"
	"perennial/internal/outbound"
	"perennial/internal/outbox"
	"perennial/internal/seal"
)

// How many bytes of an answer's body are read, so that its connection can be used
// again, and how many of them are repeated in the words of a failure.
const (
	maxRead    = 64 << 10
	MaxFailure = 1024
)

// purpose binds the sealed secrets of endpoints.
const purpose = "webhook secret"

const (
	secretPrefix = "whsec_"
	secretBytes  = 32
)

// NewSecret makes a signing secret in the form in which receivers keep it:
// "whsec_" and base64. It is shown once.
func NewSecret() string {
	b := make([]byte, secretBytes)
	_, _ = rand.Read(b) // never fails since Go 1.24
	return secretPrefix + base64.StdEncoding.EncodeToString(b)
}

// SealSecret is the stored form of a secret.
func SealSecret(keys *seal.Keys, account id.Account, secret string) string {
	return keys.Seal(account, purpose, []byte(secret))
}

// Sign is the webhook-signature of a message for one secret. The signed text is
// the message's id, the second of this try and the body, joined by dots.
func Sign(secret, message string, at time.Time, body string) (string, error) {
	raw, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, secretPrefix))
	if err != nil {
		return "", errors.New("webhook: the signing secret is not base64")
	}
	mac := hmac.New(sha256.New, raw)
	_, _ = io.WriteString(mac, message+"."+strconv.FormatInt(at.Unix(), 10)+"."+body) // a hash never fails
	return "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil)), nil
}

// Body spells an event as the JSON that receivers get. It depends on the event
// alone, so every endpoint gets the same.
func Body(e event.Event) (string, error) {
	b, err := json.Marshal(struct {
		ID        id.Event        `json:"id"`
		Type      event.Kind      `json:"type"`
		CreatedAt time.Time       `json:"created_at"`
		Account   id.Account      `json:"account"`
		Subject   string          `json:"subject"`
		Sequence  int64           `json:"sequence"`
		Customer  string          `json:"customer,omitempty"`
		Data      json.RawMessage `json:"data"`
	}{e.ID, e.Kind, e.At.UTC(), e.Account, e.SubjectID(), e.Sequence, e.Customer.String(), json.RawMessage(e.Data)})
	return string(b), err
}

// Sender delivers. It is safe for concurrent use.
type Sender struct {
	client *http.Client
	keys   *seal.Keys
	clock  clock.Clock
	agent  string
	speaks map[string]outbox.Dialect
}

// NewSender makes a Sender that sends with the client of package outbound and
// calls itself by the program's version. Endpoints may speak the dialects, by their names,
// besides our own.
func NewSender(client *http.Client, keys *seal.Keys, c clock.Clock, version string, dialects map[string]outbox.Dialect) *Sender {
	return &Sender{client: client, keys: keys, clock: c, agent: "Perennial/" + version, speaks: dialects}
}

// Secrets are the unsealed secrets with which an endpoint's deliveries are signed at an
// instant, the newest first.
func Secrets(keys *seal.Keys, e outbox.Endpoint, now time.Time) ([]string, error) {
	var list []string
	for _, sealed := range e.Secrets(now) {
		secret, err := keys.Unseal(e.Account, purpose, sealed)
		if err != nil {
			return nil, err
		}
		list = append(list, string(secret))
	}
	return list, nil
}

// Deliver makes one try. Only an answer of 2xx takes the delivery; 410 ends all
// deliveries to the endpoint; the header "webhook-delivery: abort-message" ends
// this one.
func (s *Sender) Deliver(ctx context.Context, e outbox.Endpoint, d outbox.Delivery) outbox.Answer {
	now := s.clock.Now()
	req, shown, err := s.request(ctx, e, d, now)
	if err != nil {
		return outbox.Answer{Verdict: outbox.Failed, Failure: err.Error()}
	}
	a := s.exchange(req, now)
	if a.Verdict == outbox.Failed && s.speaks[e.Dialect].Once && !e.Settings.Retry {
		a.Verdict = outbox.Aborted // a replay tries it again
	}
	a.Request, a.Took = shown, s.clock.Now().Sub(now)
	return a
}

// exchange sends one request and judges what comes back.
func (s *Sender) exchange(req *http.Request, now time.Time) outbox.Answer {
	res, err := s.client.Do(req)
	if err != nil {
		return outbox.Answer{Verdict: outbox.Failed, Failure: reason(err)}
	}
	// The rest of a long answer is not waited for: closing drops the connection.
	defer res.Body.Close()
	read, _ := io.ReadAll(io.LimitReader(res.Body, maxRead)) // the status decides, however the body ends
	text := read[:min(len(read), MaxFailure)]
	a := outbox.Answer{Verdict: outbox.Failed, Status: res.StatusCode, RetryAfter: retryAfter(res.Header.Get("Retry-After"), now),
		Said: outbox.Printable(string(read[:min(len(read), outbox.MaxSaid)]))}
	switch {
	case res.StatusCode >= 200 && res.StatusCode < 300:
		a.Verdict = outbox.Accepted
	case res.StatusCode == http.StatusGone:
		a.Verdict, a.Failure = outbox.Gone, describe(res.StatusCode, text)
	case res.StatusCode >= 300 && res.StatusCode < 400:
		a.Failure = describe(res.StatusCode, nil) + "; redirects are not followed"
	default:
		a.Failure = describe(res.StatusCode, text)
	}
	if a.Verdict == outbox.Failed && strings.EqualFold(strings.TrimSpace(res.Header.Get("Webhook-Delivery")), "abort-message") {
		a.Verdict = outbox.Aborted
	}
	return a
}

// request makes the request of one try, and its headers as they are shown: those that
// the merchant added are named, their values are not.
func (s *Sender) request(ctx context.Context, e outbox.Endpoint, d outbox.Delivery, now time.Time) (req *http.Request, shown string, err error) {
	message := d.Message()
	secrets, err := Secrets(s.keys, e, now)
	if err != nil {
		return nil, "", err
	}
	var signatures []string
	for _, secret := range secrets {
		signature, err := Sign(secret, message, now, d.Body)
		if err != nil && e.Dialect != "" {
			break // the receiver's own secret from the other system, which has a signature of its own
		}
		if err != nil {
			return nil, "", err
		}
		signatures = append(signatures, signature)
	}
	own := [][2]string{{"Content-Type", "application/json"}, {"User-Agent", s.agent}, {"Webhook-Id", message},
		{"Webhook-Timestamp", strconv.FormatInt(now.Unix(), 10)}}
	if len(signatures) > 0 {
		own = append(own, [2]string{"Webhook-Signature", strings.Join(signatures, " ")})
	}
	if e.Dialect != "" {
		speaks, ok := s.speaks[e.Dialect]
		if !ok {
			return nil, "", errors.New("nothing here speaks the dialect of the endpoint")
		}
		own[0][1] = speaks.ContentType
		if speaks.Sign != nil {
			own = append(own, speaks.Sign(secrets, message, now, d.Body)...)
		}
	}
	req, err = http.NewRequestWithContext(ctx, http.MethodPost, e.Address, strings.NewReader(d.Body))
	if err != nil {
		return nil, "", errors.New("the address of the endpoint is not valid")
	}
	var text strings.Builder
	set := func(name, value, show string) {
		req.Header.Set(name, value)
		text.WriteString(name + ": " + show + "\n")
	}
	for _, h := range e.Headers {
		value, err := s.keys.Unseal(e.Account, headerPurpose+h.Name, h.Value)
		if err != nil {
			return nil, "", err
		}
		set(h.Name, string(value), "••••")
	}
	for _, h := range own {
		set(h[0], h[1], h[1])
	}
	return req, text.String(), nil
}

// reason is why no answer came, for the merchant: without the address, which may
// hold a password, and without what the operator's network looks like.
func reason(err error) string {
	var refused *outbound.Refused
	var name *net.DNSError
	var op *net.OpError
	var netErr net.Error
	switch {
	case errors.As(err, &refused):
		return refused.Error()
	case errors.As(err, &name):
		return "the host name cannot be resolved"
	case errors.As(err, &op) && op.Op == "dial" && op.Timeout():
		return fmt.Sprintf("no connection within %d seconds", int(outbound.ConnectTimeout.Seconds()))
	case errors.As(err, &op) && op.Op == "dial":
		return "the connection was not accepted"
	case errors.As(err, &netErr) && netErr.Timeout():
		return fmt.Sprintf("no answer within %d seconds", int(outbound.TotalTimeout.Seconds()))
	case errors.As(err, &op):
		return "the connection broke off"
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return "the connection broke off"
	}
	if strings.Contains(err.Error(), "tls:") || strings.Contains(err.Error(), "x509:") {
		return "a secure connection could not be made: the certificate or the protocol was refused"
	}
	return "no proper answer came"
}

// describe is a refusal with the beginning of its body as printable text.
func describe(status int, body []byte) string {
	text := strings.TrimSpace(strconv.Itoa(status) + " " + http.StatusText(status))
	said := strings.TrimSpace(outbox.Printable(string(body)))
	if said == "" {
		return text
	}
	return text + ": " + said
}

// retryAfter reads seconds or a date; what is neither, or past, asks for nothing.
func retryAfter(value string, now time.Time) time.Duration {
	if value == "" {
		return 0
	}
	if n, err := strconv.ParseUint(value, 10, 31); err == nil {
		return time.Duration(n) * time.Second
	}
	at, err := http.ParseTime(value)
	if err != nil {
		return 0
	}
	return max(0, at.Sub(now))
}
