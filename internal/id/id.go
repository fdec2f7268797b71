// Package id makes and spells the identifiers of everything that a merchant can
// name. An identifier is a positive 63-bit integer that rises with time, made by
// the program itself, so that bulk inserts need no round trip and no sequence is
// shared between nodes. Its public spelling is a prefix and 13 characters of
// Crockford's base 32, for example "cus_01k8x4w0zq2r3". Each kind is a Go type of its own:
// a customer's identifier cannot be passed where a subscription's is meant.
package id

import (
	"crypto/rand"
	"encoding/binary"
	"strings"
	"sync"
	"time"

	"perennial/internal/clock"
	"perennial/internal/fault"
)

// Kind is what an identifier identifies.
type Kind interface{ prefix() string }

// ID is an identifier of kind K. Zero means none.
type ID[K Kind] int64

type (
	account        struct{}
	member         struct{}
	apiKey         struct{}
	campaign       struct{}
	product        struct{}
	price          struct{}
	customer       struct{}
	method         struct{}
	payment        struct{}
	refund         struct{}
	subscription   struct{}
	invoice        struct{}
	line           struct{}
	order          struct{}
	entry          struct{}
	event          struct{}
	delivery       struct{}
	replay         struct{}
	endpoint       struct{}
	meter          struct{}
	coupon         struct{}
	taxProfile     struct{}
	taxRule        struct{}
	shippingRule   struct{}
	change         struct{}
	creditNote     struct{}
	item           struct{}
	suppression    struct{}
	recoveryPolicy struct{}
	recoveryCase   struct{}
	link           struct{}
	gatewayAcc     struct{}
	gatewayNote    struct{}
	dispute        struct{}
	place          struct{}
	question       struct{}
	doorKey        struct{}
	widget         struct{}
	affiliate      struct{}
	click          struct{}
	referral       struct{}
	commission     struct{}
	payout         struct{}
	lead           struct{}
	license        struct{}
	material       struct{}
	metricUser     struct{}
	metricSub      struct{}
	metricPlan     struct{}
	metricTerms    struct{}
	fact           struct{}
)

func (account) prefix() string        { return "acc" }
func (member) prefix() string         { return "mem" }
func (apiKey) prefix() string         { return "key" }
func (campaign) prefix() string       { return "cam" }
func (product) prefix() string        { return "prd" }
func (price) prefix() string          { return "prc" }
func (customer) prefix() string       { return "cus" }
func (method) prefix() string         { return "pm" }
func (payment) prefix() string        { return "pay" }
func (refund) prefix() string         { return "ref" }
func (subscription) prefix() string   { return "sub" }
func (invoice) prefix() string        { return "inv" }
func (line) prefix() string           { return "lin" }
func (order) prefix() string          { return "ord" }
func (entry) prefix() string          { return "ent" }
func (event) prefix() string          { return "evt" }
func (delivery) prefix() string       { return "dlv" }
func (replay) prefix() string         { return "rpl" }
func (endpoint) prefix() string       { return "end" }
func (meter) prefix() string          { return "mtr" }
func (coupon) prefix() string         { return "cpn" }
func (taxProfile) prefix() string     { return "txp" }
func (taxRule) prefix() string        { return "txr" }
func (shippingRule) prefix() string   { return "shp" }
func (change) prefix() string         { return "chg" }
func (creditNote) prefix() string     { return "crn" }
func (item) prefix() string           { return "itm" }
func (suppression) prefix() string    { return "sup" }
func (recoveryPolicy) prefix() string { return "rpo" }
func (recoveryCase) prefix() string   { return "rec" }
func (link) prefix() string           { return "lnk" }
func (gatewayAcc) prefix() string     { return "gw" }
func (gatewayNote) prefix() string    { return "gwn" }
func (dispute) prefix() string        { return "dsp" }
func (place) prefix() string          { return "adr" }
func (question) prefix() string       { return "que" }
func (doorKey) prefix() string        { return "dky" }
func (widget) prefix() string         { return "wdg" }
func (affiliate) prefix() string      { return "aff" }
func (click) prefix() string          { return "clk" }
func (referral) prefix() string       { return "rfl" }
func (commission) prefix() string     { return "com" }
func (payout) prefix() string         { return "pyo" }
func (lead) prefix() string           { return "led" }
func (license) prefix() string        { return "lic" }
func (material) prefix() string       { return "mat" }
func (metricUser) prefix() string     { return "mus" }
func (metricSub) prefix() string      { return "msb" }
func (metricPlan) prefix() string     { return "mpl" }
func (metricTerms) prefix() string    { return "mtm" }
func (fact) prefix() string           { return "fct" }

// The kinds of identifiers.
type (
	Account        = ID[account]
	Member         = ID[member]
	APIKey         = ID[apiKey]
	Campaign       = ID[campaign]
	Product        = ID[product]
	Price          = ID[price]
	Customer       = ID[customer]
	Method         = ID[method] // a payment method
	Payment        = ID[payment]
	Refund         = ID[refund]
	Subscription   = ID[subscription]
	Invoice        = ID[invoice]
	Line           = ID[line] // an invoice line
	Order          = ID[order]
	Entry          = ID[entry] // a ledger entry
	Event          = ID[event]
	Delivery       = ID[delivery] // an outbox delivery
	Replay         = ID[replay]   // a replay of many deliveries
	Endpoint       = ID[endpoint] // a webhook endpoint
	Meter          = ID[meter]    // what usage is counted by
	Coupon         = ID[coupon]
	TaxProfile     = ID[taxProfile]
	TaxRule        = ID[taxRule]
	ShippingRule   = ID[shippingRule]
	Change         = ID[change] // a change of a subscription's terms
	CreditNote     = ID[creditNote]
	Item           = ID[item]        // an amount that waits for the next invoice
	Suppression    = ID[suppression] // an e-mail address that is not written to
	RecoveryPolicy = ID[recoveryPolicy]
	RecoveryCase   = ID[recoveryCase] // an unpaid renewal on its way to be recovered or lost
	Link           = ID[link]         // a secure link of a customer
	GatewayAccount = ID[gatewayAcc]   // a merchant's account at a payment gateway
	GatewayNotice  = ID[gatewayNote]  // what a gateway told
	Dispute        = ID[dispute]
	Place          = ID[place] // a further address of a customer
	Question       = ID[question]
	DoorKey        = ID[doorKey] // credentials of a door that speaks another system's wire
	Widget         = ID[widget]  // what a merchant's site shows of ours in a frame
	Affiliate      = ID[affiliate]
	Click          = ID[click]    // on an affiliate's link
	Referral       = ID[referral] // a sale that an affiliate brought
	Commission     = ID[commission]
	Payout         = ID[payout] // of commissions
	Lead           = ID[lead]   // somebody who began to buy
	License        = ID[license]
	Material       = ID[material] // what affiliates promote with

	MetricUser         = ID[metricUser]  // who is measured without being a customer here
	MetricSubscription = ID[metricSub]   // what is measured without being billed here
	MetricPlan         = ID[metricPlan]  // what such a one is subscribed to
	MetricTerms        = ID[metricTerms] // a combination of plan, interval, currency and coupon that is measured
	Fact               = ID[fact]        // of the metrics
)

// Crockford's alphabet in lower case: no i, l, o, u.
const alphabet = "0123456789abcdefghjkmnpqrstvwxyz"

const digits = 13 // 13 x 5 = 65 bits hold 63

// String is the public spelling; the zero identifier is spelt "".
func (i ID[K]) String() string {
	if i == 0 {
		return ""
	}
	var k K
	p := k.prefix()
	b := make([]byte, len(p)+1+digits)
	copy(b, p)
	b[len(p)] = '_'
	v := uint64(i)
	for n := len(b) - 1; n > len(p); n-- {
		b[n] = alphabet[v&31]
		v >>= 5
	}
	return string(b)
}

// MarshalText is the public spelling.
func (i ID[K]) MarshalText() ([]byte, error) { return []byte(i.String()), nil }

// UnmarshalText reads the public spelling; empty text is the zero identifier.
func (i *ID[K]) UnmarshalText(text []byte) error {
	if len(text) == 0 {
		*i = 0
		return nil
	}
	v, err := Parse[ID[K]](string(text))
	*i = v
	return err
}

func (ID[K]) prefix() string {
	var k K
	return k.prefix()
}

// Identifier is any of the identifier types: Customer, Invoice and so on.
type Identifier interface {
	~int64
	prefix() string
}

// Prefix is the word before the underscore: Prefix[id.Customer]() is "cus".
func Prefix[I Identifier]() string {
	var i I
	return i.prefix()
}

// Parse reads a public spelling. A text of another kind or shape is refused with
// NotFound: an identifier that cannot exist names nothing. The type asked for
// decides: id.Parse[id.Customer](s).
func Parse[I Identifier](s string) (I, error) {
	rest, ok := strings.CutPrefix(s, Prefix[I]()+"_")
	if !ok || len(rest) != digits {
		return 0, fault.New(fault.NotFound, "there is no %s with that id", Name[I]())
	}
	var v uint64
	for n := 0; n < digits; n++ {
		d := strings.IndexByte(alphabet, rest[n])
		if d < 0 || (n == 0 && d > 7) { // the first of 13 digits holds 3 bits of 63
			return 0, fault.New(fault.NotFound, "there is no %s with that id", Name[I]())
		}
		v = v<<5 | uint64(d)
	}
	if v == 0 {
		return 0, fault.New(fault.NotFound, "there is no %s with that id", Name[I]())
	}
	return I(v), nil
}

var names = map[string]string{"acc": "account", "mem": "team member", "key": "API key", "cam": "campaign",
	"prd": "product", "prc": "price", "cus": "customer", "pm": "payment method", "pay": "payment", "ref": "refund",
	"sub": "subscription", "inv": "invoice", "lin": "invoice line", "ord": "order", "ent": "ledger entry",
	"evt": "event", "dlv": "delivery", "rpl": "replay", "end": "webhook endpoint",
	"mtr": "meter", "cpn": "coupon", "txp": "tax profile", "txr": "tax rule", "shp": "shipping rule", "chg": "change of terms",
	"crn": "credit note", "itm": "waiting amount", "sup": "suppressed address",
	"rpo": "recovery policy", "rec": "recovery case", "lnk": "link",
	"gw": "gateway account", "gwn": "notice of a gateway", "dsp": "dispute",
	"adr": "address", "que": "question", "dky": "door key",
	"aff": "affiliate", "clk": "click", "rfl": "referral", "com": "commission", "pyo": "payout", "led": "lead", "lic": "licence", "mat": "promo material",
	"mus": "measured user", "msb": "measured subscription", "mpl": "measured plan", "mtm": "measured terms", "fct": "fact"}

// Name is the word for people: Name[id.Customer]() is "customer".
func Name[I Identifier]() string { return names[Prefix[I]()] }

// The layout of an identifier: 41 bits of milliseconds since 2020 (enough until
// 2089), 9 bits that differ between processes, 13 bits that count inside the
// millisecond. A process that needs more than 8,192 in one millisecond borrows
// from the next.
const (
	countBits = 13
	nodeBits  = 9
)

var epoch = time.Date(2020, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli()

type maker struct {
	mu   sync.Mutex
	node int64
	last int64 // milliseconds << countBits | count
}

var process = newMaker()

func newMaker() *maker {
	var b [2]byte
	_, _ = rand.Read(b[:]) // never fails since Go 1.24
	return &maker{node: int64(binary.BigEndian.Uint16(b[:])) & (1<<nodeBits - 1)}
}

// reserve returns the first of n consecutive ticks, all later than any before.
func (m *maker) reserve(n int, milli int64) int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	first := (milli - epoch) << countBits
	if first <= m.last {
		first = m.last + 1
	}
	m.last = first + int64(n) - 1
	return first
}

func (m *maker) spell(tick int64) int64 {
	return tick>>countBits<<(countBits+nodeBits) | m.node<<countBits | tick&(1<<countBits-1)
}

// New makes an identifier of the type asked for, greater than all that this
// process made before: id.New[id.Customer]().
func New[I interface{ ~int64 }]() I {
	return I(process.spell(process.reserve(1, clock.System{}.Now().UnixMilli())))
}

// NewList makes n rising identifiers with one reservation.
func NewList[I interface{ ~int64 }](n int) []I {
	list := make([]I, n)
	first := process.reserve(n, clock.System{}.Now().UnixMilli())
	for i := range list {
		list[i] = I(process.spell(first + int64(i)))
	}
	return list
}

// Earlier is an identifier made that much before another, as a place in their order.
func Earlier(v int64, by time.Duration) int64 {
	return v - by.Milliseconds()<<(countBits+nodeBits)
}
