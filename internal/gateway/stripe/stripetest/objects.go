package stripetest

import (
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

type customer struct {
	object
	Email string `json:"email,omitempty"`
	Name  string `json:"name,omitempty"`
}

// Card is how a method behaves.
type Card struct {
	Type        string // "card" when empty; "sepa_debit", "us_bank_account"
	Brand       string // "visa" when empty
	LastFour    string // "4242" when empty
	Decline     string // decline_code of every charge; "" for none
	Advice      string // network_advice_code with it
	Confirm     bool   // the customer has to confirm each charge, and the setup
	Fingerprint string
}

type method struct {
	object
	Type     string         `json:"type"`
	Customer any            `json:"customer"`
	Card     map[string]any `json:"card,omitempty"`
	SEPA     map[string]any `json:"sepa_debit,omitempty"`
	ACH      map[string]any `json:"us_bank_account,omitempty"`

	behaviour Card
	customer  string
}

type intent struct {
	object
	Amount           int64          `json:"amount"`
	AmountReceived   int64          `json:"amount_received"`
	Currency         string         `json:"currency"`
	Customer         string         `json:"customer,omitempty"`
	PaymentMethod    string         `json:"payment_method,omitempty"`
	Status           string         `json:"status"`
	ClientSecret     string         `json:"client_secret"`
	LastPaymentError map[string]any `json:"last_payment_error"`
	NextAction       map[string]any `json:"next_action"`
	LatestCharge     string         `json:"latest_charge,omitempty"`
	SetupFutureUsage string         `json:"setup_future_usage,omitempty"`

	// Form is what was sent, for tests that look at it.
	form url.Values
}

type setup struct {
	object
	Customer       string         `json:"customer"`
	PaymentMethod  any            `json:"payment_method"`
	Status         string         `json:"status"`
	ClientSecret   string         `json:"client_secret"`
	LastSetupError map[string]any `json:"last_setup_error"`

	method *method
}

type charge struct {
	object
	Amount         int64  `json:"amount"`
	AmountCaptured int64  `json:"amount_captured"`
	AmountRefunded int64  `json:"amount_refunded"`
	Currency       string `json:"currency"`
	Status         string `json:"status"`
	Captured       bool   `json:"captured"`
	Paid           bool   `json:"paid"`
	PaymentIntent  string `json:"payment_intent,omitempty"`
}

type refund struct {
	object
	Amount        int64  `json:"amount"`
	Currency      string `json:"currency"`
	Status        string `json:"status"`
	PaymentIntent string `json:"payment_intent"`
	Charge        string `json:"charge"`
	FailureReason string `json:"failure_reason,omitempty"`
}

type dispute struct {
	object
	Amount          int64          `json:"amount"`
	Currency        string         `json:"currency"`
	Status          string         `json:"status"`
	Reason          string         `json:"reason"`
	Charge          string         `json:"charge"`
	PaymentIntent   any            `json:"payment_intent"`
	EvidenceDetails map[string]any `json:"evidence_details"`
}

type event struct {
	object
	Type string         `json:"type"`
	Data map[string]any `json:"data"`
}

// Method makes a method as Stripe's script does in a browser, and tells its name.
func (s *Stripe) Method(c Card) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if c.Type == "" {
		c.Type = "card"
	}
	if c.Brand == "" {
		c.Brand = "visa"
	}
	if c.LastFour == "" {
		c.LastFour = "4242"
	}
	if c.Fingerprint == "" {
		c.Fingerprint = "fp" + c.LastFour
	}
	m := &method{object: s.object("payment_method", "pm", nil), Type: c.Type, behaviour: c}
	switch c.Type {
	case "sepa_debit":
		m.SEPA = map[string]any{"last4": c.LastFour, "country": "DE", "fingerprint": c.Fingerprint, "bank_code": "37040044"}
	case "us_bank_account":
		m.ACH = map[string]any{"last4": c.LastFour, "bank_name": "TEST BANK", "fingerprint": c.Fingerprint}
	default:
		m.Card = map[string]any{"brand": c.Brand, "last4": c.LastFour, "exp_month": 12, "exp_year": s.clock.Now().Year() + 4, "country": "US", "fingerprint": c.Fingerprint}
	}
	s.methods[m.ID] = m
	return m.ID
}

var routes = []struct {
	method string
	path   *regexp.Regexp
	do     func(s *Stripe, id string, q url.Values) any
}{
	{"POST", regexp.MustCompile(`^/v1/customers$`), (*Stripe).makeCustomer},
	{"GET", regexp.MustCompile(`^/v1/payment_methods/([^/]+)$`), (*Stripe).getMethod},
	{"POST", regexp.MustCompile(`^/v1/setup_intents$`), (*Stripe).makeSetup},
	{"GET", regexp.MustCompile(`^/v1/setup_intents/([^/]+)$`), func(s *Stripe, id string, _ url.Values) any { return found(s.setups, id, "setup_intent") }},
	{"POST", regexp.MustCompile(`^/v1/payment_intents$`), (*Stripe).makeIntent},
	{"GET", regexp.MustCompile(`^/v1/payment_intents/search$`), (*Stripe).search},
	{"GET", regexp.MustCompile(`^/v1/payment_intents/([^/]+)$`), func(s *Stripe, id string, _ url.Values) any { return foundIn(s.intents, id, "intent") }},
	{"POST", regexp.MustCompile(`^/v1/payment_intents/([^/]+)/cancel$`), (*Stripe).cancelIntent},
	{"GET", regexp.MustCompile(`^/v1/payment_intents$`), func(s *Stripe, _ string, q url.Values) any {
		return s.intents.page(q, func(i *intent) bool { return q.Get("customer") == "" || i.Customer == q.Get("customer") })
	}},
	{"GET", regexp.MustCompile(`^/v1/charges$`), func(s *Stripe, _ string, q url.Values) any {
		return s.charges.page(q, func(*charge) bool { return true })
	}},
	{"POST", regexp.MustCompile(`^/v1/refunds$`), (*Stripe).makeRefund},
	{"GET", regexp.MustCompile(`^/v1/refunds/([^/]+)$`), func(s *Stripe, id string, _ url.Values) any { return foundIn(s.refunds, id, "refund") }},
	{"GET", regexp.MustCompile(`^/v1/refunds$`), func(s *Stripe, _ string, q url.Values) any {
		return s.refunds.page(q, func(r *refund) bool {
			return q.Get("payment_intent") == "" || r.PaymentIntent == q.Get("payment_intent")
		})
	}},
	{"GET", regexp.MustCompile(`^/v1/disputes/([^/]+)$`), func(s *Stripe, id string, _ url.Values) any { return found(s.disputes, id, "dispute") }},
	{"GET", regexp.MustCompile(`^/v1/events$`), func(s *Stripe, _ string, q url.Values) any {
		return s.events.page(q, func(e *event) bool { return types(q)[e.Type] })
	}},
}

// types are those of a query for events.
func types(q url.Values) map[string]bool {
	out := map[string]bool{}
	for k, v := range q {
		if strings.HasPrefix(k, "types[") {
			out[v[0]] = true
		}
	}
	return out
}

// obey does what a request asks; the lock is held.
func (s *Stripe) obey(method, path string, q url.Values) any {
	for _, r := range routes {
		if m := r.path.FindStringSubmatch(path); m != nil && r.method == method {
			id := ""
			if len(m) > 1 {
				id = m[1]
			}
			return r.do(s, id, q)
		}
	}
	return refuse(http.StatusNotFound, "", "", "Unrecognized request URL ("+method+": "+path+")")
}

func found[T any](all map[string]*T, id, what string) any {
	if o := all[id]; o != nil {
		return o
	}
	return refuse(http.StatusNotFound, "resource_missing", what, "No such "+what)
}

func foundIn[T interface{ meta() *object }](all list[T], id, what string) any {
	if o, ok := all.find(id); ok {
		return o
	}
	return refuse(http.StatusNotFound, "resource_missing", what, "No such "+what)
}

func (s *Stripe) makeCustomer(_ string, q url.Values) any {
	c := &customer{object: s.object("customer", "cus", q), Email: q.Get("email"), Name: q.Get("name")}
	c.ID = strings.Replace(c.ID, "cus_", "cus_T", 1)
	s.customers[c.ID] = c
	return c
}

func (s *Stripe) getMethod(id string, q url.Values) any {
	m := s.methods[id]
	if m == nil {
		return refuse(http.StatusNotFound, "resource_missing", "payment_method", "No such PaymentMethod")
	}
	return m.told(s, q.Get("expand[0]") == "customer")
}

// told is a method as it is told: with its customer's name or the customer in full.
func (m *method) told(s *Stripe, full bool) *method {
	c := *m
	switch {
	case m.customer != "" && full:
		c.Customer = s.customers[m.customer]
	case m.customer != "":
		c.Customer = m.customer
	}
	return &c
}

// usable is the method of a request, for the customer that it names.
func (s *Stripe) usable(q url.Values) (*method, any) {
	m := s.methods[q.Get("payment_method")]
	switch {
	case m == nil:
		return nil, refuse(http.StatusBadRequest, "resource_missing", "payment_method", "No such PaymentMethod: '"+q.Get("payment_method")+"'")
	case s.customers[q.Get("customer")] == nil:
		return nil, refuse(http.StatusBadRequest, "resource_missing", "customer", "No such customer")
	case m.customer != "" && m.customer != q.Get("customer"):
		return nil, refuse(http.StatusBadRequest, "", "payment_method", "The PaymentMethod does not belong to the Customer")
	}
	return m, nil
}

func (s *Stripe) makeSetup(_ string, q url.Values) any {
	m, bad := s.usable(q)
	if bad != nil {
		return bad
	}
	i := &setup{object: s.object("setup_intent", "seti", q), Customer: q.Get("customer"), method: m}
	i.ID = strings.ReplaceAll(i.ID, "seti_", "seti_S")
	i.ClientSecret = i.ID + "_secret_canary"
	s.setups[i.ID] = i
	switch {
	case m.behaviour.Confirm:
		i.Status = "requires_action"
	case m.behaviour.Decline != "" && m.behaviour.Decline != "authentication_required":
		i.Status = "requires_payment_method"
		e := cardError(m.behaviour)
		e["setup_intent"] = i
		return problem{status: http.StatusPaymentRequired, Error: e}
	default:
		s.setUp(i)
	}
	return i
}

func (s *Stripe) setUp(i *setup) {
	i.Status, i.method.customer = "succeeded", i.Customer
	i.PaymentMethod = i.method.told(s, false)
}

func cardError(c Card) map[string]any {
	code := "card_declined"
	switch c.Decline {
	case "authentication_required", "expired_card", "incorrect_cvc", "processing_error":
		code = c.Decline
	}
	e := map[string]any{"type": "card_error", "code": code, "decline_code": c.Decline, "message": "Your card was declined."}
	if c.Advice != "" {
		e["network_advice_code"] = c.Advice
	}
	return e
}

func (s *Stripe) makeIntent(_ string, q url.Values) any {
	amount, err := strconv.ParseInt(q.Get("amount"), 10, 64)
	if err != nil || amount <= 0 {
		return refuse(http.StatusBadRequest, "parameter_invalid_integer", "amount", "Invalid integer")
	}
	if amount < 50 {
		return refuse(http.StatusBadRequest, "amount_too_small", "amount", "Amount must be at least 50 cents")
	}
	m, bad := s.usable(q)
	if bad != nil {
		return bad
	}
	i := &intent{object: s.object("payment_intent", "pi", q), Amount: amount, Currency: q.Get("currency"), Customer: q.Get("customer"), PaymentMethod: m.ID,
		SetupFutureUsage: q.Get("setup_future_usage"), form: q}
	i.ClientSecret = i.ID + "_secret_canary"
	s.intents = append(s.intents, i)
	off := q.Get("off_session") == "true"
	switch c := m.behaviour; {
	case c.Confirm && off:
		c.Decline = "authentication_required"
		return s.decline(i, c)
	case c.Decline != "":
		return s.decline(i, c)
	case c.Confirm:
		i.Status, i.NextAction = "requires_action", map[string]any{"type": "use_stripe_sdk"}
		s.happen("payment_intent.requires_action", i)
	default:
		s.collect(i)
	}
	return i
}

// collect takes the money of an intent, at once or, from a bank account, later.
func (s *Stripe) collect(i *intent) {
	m := s.methods[i.PaymentMethod]
	if m.customer == "" && i.SetupFutureUsage != "" {
		m.customer = i.Customer
	}
	c := &charge{object: object{ID: s.name("ch"), Object: "charge", Created: s.now(), Metadata: i.Metadata}, Amount: i.Amount, Currency: i.Currency, PaymentIntent: i.ID}
	s.charges = append(s.charges, c)
	i.LatestCharge, i.NextAction, i.LastPaymentError = c.ID, nil, nil
	if m.Type != "card" {
		i.Status, c.Status = "processing", "pending"
		s.happen("payment_intent.processing", i)
		return
	}
	s.succeed(i, c)
}

func (s *Stripe) succeed(i *intent, c *charge) {
	i.Status, i.AmountReceived = "succeeded", i.Amount
	c.Status, c.Captured, c.Paid, c.AmountCaptured = "succeeded", true, true, i.Amount
	s.happen("payment_intent.succeeded", i)
}

func (s *Stripe) decline(i *intent, card Card) problem {
	s.fail(i, card)
	e := cardError(card)
	shown := *i
	e["payment_intent"] = &shown
	return problem{status: http.StatusPaymentRequired, Error: e}
}

func (s *Stripe) fail(i *intent, card Card) {
	i.Status, i.LastPaymentError, i.NextAction = "requires_payment_method", cardError(card), nil
	s.happen("payment_intent.payment_failed", i)
}

func (s *Stripe) cancelIntent(id string, _ url.Values) any {
	i, ok := s.intents.find(id)
	if !ok {
		return refuse(http.StatusNotFound, "resource_missing", "intent", "No such payment_intent")
	}
	if i.Status == "succeeded" || i.Status == "canceled" || i.Status == "processing" {
		return refuse(http.StatusBadRequest, "payment_intent_unexpected_state", "", "You cannot cancel this PaymentIntent")
	}
	i.Status, i.NextAction = "canceled", nil
	s.happen("payment_intent.canceled", i)
	return i
}

var queryPart = regexp.MustCompile(`^metadata\['([a-z_]+)'\]:'([A-Za-z0-9_-]+)'$`)

func (s *Stripe) search(_ string, q url.Values) any {
	want := map[string]string{}
	for part := range strings.SplitSeq(q.Get("query"), " AND ") {
		m := queryPart.FindStringSubmatch(part)
		if m == nil {
			return refuse(http.StatusBadRequest, "", "query", "We were unable to parse your search query")
		}
		want[m[1]] = m[2]
	}
	hits := []*intent{}
	for _, i := range s.intents[:max(0, len(s.intents)-s.unindexed)] {
		fits := true
		for k, v := range want {
			fits = fits && i.Metadata[k] == v
		}
		if fits {
			hits = append(hits, i)
		}
	}
	return map[string]any{"object": "search_result", "data": hits, "has_more": false, "url": "/v1/payment_intents/search"}
}

func (s *Stripe) makeRefund(_ string, q url.Values) any {
	amount, err := strconv.ParseInt(q.Get("amount"), 10, 64)
	i, ok := s.intents.find(q.Get("payment_intent"))
	if err != nil || !ok {
		return refuse(http.StatusNotFound, "resource_missing", "payment_intent", "No such payment_intent")
	}
	c, ok := s.charges.find(i.LatestCharge)
	switch {
	case !ok || i.Status != "succeeded":
		return refuse(http.StatusBadRequest, "payment_intent_unexpected_state", "", "This PaymentIntent does not have a successful charge to refund.")
	case c.AmountRefunded == c.Amount:
		return refuse(http.StatusBadRequest, "charge_already_refunded", "", "Charge has already been refunded.")
	case amount > c.Amount-c.AmountRefunded:
		return refuse(http.StatusBadRequest, "", "amount", "Refund amount is greater than unrefunded amount on charge")
	}
	c.AmountRefunded += amount
	r := &refund{object: s.object("refund", "re", q), Amount: amount, Currency: i.Currency, Status: "succeeded", PaymentIntent: i.ID, Charge: c.ID}
	if s.methods[i.PaymentMethod].Type != "card" {
		r.Status = "pending"
	}
	s.refunds = append(s.refunds, r)
	s.happen("refund.created", r)
	return r
}

// happen writes an event; the object is told as it is now.
func (s *Stripe) happen(kind string, o any) {
	s.events = append(s.events, &event{object: s.object("event", "evt", nil), Type: kind, Data: map[string]any{"object": snapshot(o)}})
}

// snapshot copies an object, so that later changes do not reach into the past.
func snapshot(o any) any {
	switch o := o.(type) {
	case *intent:
		c := *o
		return &c
	case *refund:
		c := *o
		return &c
	case *dispute:
		c := *o
		return &c
	case *method:
		c := *o
		return &c
	}
	return o
}

// Intents are how many intents there are, and Charged how many charges went through.
func (s *Stripe) Intents() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.intents)
}

// Charged is how many charges went through.
func (s *Stripe) Charged() (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.charges {
		if c.Status == "succeeded" {
			n++
		}
	}
	return n
}

// Sent is the form that an intent was made with.
func (s *Stripe) Sent(intentID string) url.Values {
	s.mu.Lock()
	defer s.mu.Unlock()
	if i, ok := s.intents.find(intentID); ok {
		return i.form
	}
	return nil
}

// Newest is the name of the newest intent.
func (s *Stripe) Newest() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.intents) == 0 {
		return ""
	}
	return s.intents[len(s.intents)-1].ID
}

// Customers are the names of all customers.
func (s *Stripe) Customers() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	names := []string{}
	for id := range s.customers {
		names = append(names, id)
	}
	slices.Sort(names)
	return names
}
