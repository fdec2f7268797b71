package outbox

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"perennial/internal/fault"
	"perennial/internal/id"
)

// Dialect is how receivers are told that were written for another system: its words for
// what happened, its bodies and its signatures.
type Dialect struct {
	Name string // by which an endpoint names it: lower-case letters, digits, _
	// Topics are its words for what it tells, in the order in which people are shown them.
	Topics []Topic
	// ContentType is that of its bodies.
	ContentType string
	// Compose spells the bodies of deliveries of one endpoint, one Rendering each. It is
	// called before the deliveries are claimed and outside of any transaction, so that it
	// may read and give numbers; the claim stores what it made, once, and every try sends
	// that. What is composed and not stored, because a process died or another was quicker,
	// was sent to nobody. An error leaves all of them due; what is wrong with one is said
	// in its Rendering.
	Compose func(ctx context.Context, e Endpoint, list []Delivery) ([]Rendering, error)
	// Sign are the headers that its receivers know a genuine request by, name and value,
	// besides those of every webhook; nil for none. secrets are unsealed, the newest first.
	Sign func(secrets []string, message string, at time.Time, body string) [][2]string
	// Once says that a delivery is tried once and no more, unless the endpoint's settings
	// ask for retries: its receivers were not written to be told twice.
	Once bool
}

// Settings are what an endpoint that speaks a dialect is told of, and how often.
type Settings struct {
	// Products and Campaigns are those of which it is told; none of either: all.
	Products  []id.Product  `json:"products,omitempty"`
	Campaigns []id.Campaign `json:"campaigns,omitempty"`
	// Retry tries again what failed, also where the dialect does not.
	Retry bool `json:"retry,omitempty"`
}

// MaxScope is how many products, and how many campaigns, the settings of an endpoint may name.
const MaxScope = 100

// Covers reports whether an endpoint with the settings is told of a product of a campaign.
// What belongs to no product is told to endpoints that name none.
func (s Settings) Covers(product id.Product, campaign id.Campaign) bool {
	return len(s.Products) == 0 && len(s.Campaigns) == 0 || slices.Contains(s.Products, product) || slices.Contains(s.Campaigns, campaign)
}

// text is the stored form.
func (s Settings) text() string {
	if len(s.Products) == 0 && len(s.Campaigns) == 0 && !s.Retry {
		return ""
	}
	b, _ := json.Marshal(s) // ids and flags always marshal
	return string(b)
}

// Topic is a word of a dialect and the kinds of events that it tells of.
type Topic struct {
	Name  string
	Kinds []string
}

// TestTopic is the topic of a test, in every dialect.
const TestTopic = "test"

// Filter is the filter of an endpoint that wants those topics of the dialect; none wants
// all. A word that is no topic is refused.
func (d Dialect) Filter(topics []string) (Filter, error) {
	for _, t := range topics {
		if !slices.ContainsFunc(d.Topics, func(k Topic) bool { return k.Name == t }) {
			return nil, fault.BadField("events", "%.80q is no topic of %s; its topics are %s", t, d.Name, strings.Join(d.names(), ", "))
		}
	}
	var f Filter
	for _, t := range d.Topics {
		if len(topics) > 0 && !slices.Contains(topics, t.Name) {
			continue
		}
		for _, kind := range t.Kinds {
			f = append(f, t.Name+"="+kind)
		}
	}
	return f, nil
}

func (d Dialect) names() []string {
	list := make([]string, len(d.Topics))
	for i, t := range d.Topics {
		list[i] = t.Name
	}
	return list
}

// Told is the words under which an endpoint with the filter is told of an event of that
// kind, one delivery for each: "" in our own dialect; none when it is not wanted.
func (f Filter) Told(kind string) []string {
	if len(f) == 0 {
		return ours
	}
	var list []string
	for _, w := range f {
		if topic, of, foreign := strings.Cut(w, "="); foreign {
			if of == kind && !slices.Contains(list, topic) {
				list = append(list, topic)
			}
			continue
		}
		if group, isGroup := strings.CutSuffix(w, "*"); w == kind || isGroup && strings.HasPrefix(kind, group) {
			return ours
		}
	}
	return list
}

// ours is what our own dialect calls everything.
var ours = []string{""}

// Words are what the filter names: kinds and groups, or the topics of a dialect.
func (f Filter) Words() []string {
	list := []string{}
	for _, w := range f {
		if topic, _, foreign := strings.Cut(w, "="); foreign {
			w = topic
		}
		if !slices.Contains(list, w) {
			list = append(list, w)
		}
	}
	return list
}
