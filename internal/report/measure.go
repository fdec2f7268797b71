package report

import (
	"strings"
	"time"

	"perennial/internal/affiliate"
	"perennial/internal/catalog"
	"perennial/internal/coupon"
	"perennial/internal/db"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/metrics"
)

// MeasureText is a Measure as people and programs write it. Empty fields narrow nothing.
type MeasureText struct {
	Set      string // profitwell, chartmogul, stripe or baremetrics; "" is the first
	Grain    string // month or day; "" is month
	From, To string // 2026-05 or 2026-05-31
	Plan     string // an id of a price, the first of its line, or of a plan that was pushed
	Campaign string
	Coupon   string
	Interval string // "month", "3 months"
	Currency string
	Country  string
	Source   string

	Affiliate string // who brought the customers
	Trait     string // a category, a colon and a word
}

// In is the question about one period, a month or a day; "" is the running month.
func (t MeasureText) In(period string) MeasureText {
	if t.Grain, t.From, t.To = "month", "", period; len(period) > len("2026-05") {
		t.Grain = "day"
	}
	return t
}

// Measure reads the text. What is wrong is named as the fields are, in small letters.
func (t MeasureText) Measure() (Measure, error) {
	var wrong fault.Fields
	m := Measure{Grain: metrics.ByMonth, Filter: metrics.Filter{Interval: t.Interval, Currency: strings.ToUpper(t.Currency), Traits: map[string]string{}}}
	var err error
	m.Set, err = metrics.ParseSet(t.Set)
	wrong.Add("set", err)
	switch t.Grain {
	case "", "month":
	case "day":
		m.Grain = metrics.ByDay
	default:
		wrong.Check(false, "grain", "must be month or day")
	}
	m.From, err = periodText(t.From)
	wrong.Add("from", err)
	m.To, err = periodText(t.To)
	wrong.Add("to", err)
	t.things(&m.Filter, &wrong)
	for category, word := range map[string]string{metrics.Country: strings.ToUpper(t.Country), metrics.Source: t.Source, metrics.Affiliate: t.Affiliate} {
		if word != "" {
			m.Filter.Traits[category] = word
		}
	}
	if t.Trait != "" {
		category, word, ok := strings.Cut(t.Trait, ":")
		wrong.Check(ok && category != "" && word != "", "trait", "must be a category, a colon and a word")
		m.Filter.Traits[category] = word
	}
	return m, wrong.Err()
}

// things reads the ids of the text.
func (t MeasureText) things(f *metrics.Filter, wrong *fault.Fields) {
	if t.Plan != "" {
		price, err := id.Parse[id.Price](t.Plan)
		if f.Plan = int64(price); err != nil {
			f.Plan = refer[id.MetricPlan](wrong, "plan", t.Plan)
		}
	}
	f.Campaign = refer[id.Campaign](wrong, "campaign", t.Campaign)
	f.Coupon = refer[id.Coupon](wrong, "coupon", t.Coupon)
	refer[id.Affiliate](wrong, "affiliate", t.Affiliate)
}

// nameless is said of an id that leads nowhere.
const nameless = "names nothing in this account"

func refer[I id.Identifier](wrong *fault.Fields, field, text string) int64 {
	if text == "" {
		return 0
	}
	v, err := id.Parse[I](text)
	wrong.Check(err == nil, field, nameless)
	return int64(v)
}

// periodText reads a month or a day, as noon of its first day; zero for none.
func periodText(text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{time.DateOnly, "2006-01"} {
		if t, err := time.Parse(layout, text); err == nil && t.Year() >= 1970 && t.Year() < 2200 {
			return t.Add(12 * time.Hour), nil
		}
	}
	return time.Time{}, fault.New(fault.Invalid, "must be a month such as 2026-05, or a day such as 2026-05-31")
}

// knows refuses a filter that names what the account has not.
func knows(tx *db.Tx, acc id.Account, f metrics.Filter) error {
	var wrong fault.Fields
	if f.Plan != 0 {
		names, _, err := namesOfPlans(tx, acc, []int64{f.Plan})
		if err != nil {
			return err
		}
		_, known := names[f.Plan]
		wrong.Check(known, "plan", nameless)
	}
	if f.Campaign != 0 {
		found, err := catalog.CampaignsByID(tx, acc, []int64{f.Campaign})
		if err != nil {
			return err
		}
		wrong.Check(len(found) > 0, "campaign", nameless)
	}
	if f.Coupon != 0 {
		_, err := coupon.Load(tx, acc, id.Coupon(f.Coupon))
		if err != nil && !fault.Is(err, fault.NotFound) {
			return err
		}
		wrong.Check(err == nil, "coupon", nameless)
	}
	if text := f.Traits[metrics.Affiliate]; text != "" {
		a, err := id.Parse[id.Affiliate](text)
		if err == nil {
			_, err = affiliate.Load(tx, acc, a)
		}
		if err != nil && !fault.Is(err, fault.NotFound) && !fault.Is(err, fault.Invalid) {
			return err
		}
		wrong.Check(err == nil, "affiliate", nameless)
	}
	return wrong.Err()
}
