package profitwell

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/metrics"
	"perennial/internal/money"
	"perennial/internal/params"
	"perennial/internal/period"
	"perennial/internal/report"
)

// The ids of users and subscriptions are these words and twelve letters and digits.
const (
	userPrefix         = "pwu_"
	subscriptionPrefix = "pws_"
	idLetters          = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	idLength           = 12
)

// spell is an id as these clients know it; "" for none.
func spell(prefix string, v int64) string {
	if v == 0 {
		return ""
	}
	b := make([]byte, idLength)
	for i := idLength - 1; i >= 0; i-- {
		b[i] = idLetters[v%int64(len(idLetters))]
		v /= int64(len(idLetters))
	}
	return prefix + string(b)
}

// unspell reads such an id; 0 when it is none.
func unspell(prefix, s string) int64 {
	rest, ok := strings.CutPrefix(s, prefix)
	if !ok || len(rest) != idLength {
		return 0
	}
	v := int64(0)
	for _, r := range rest {
		digit := strings.IndexRune(idLetters, r)
		if digit < 0 || v > (1<<63-1-int64(digit))/int64(len(idLetters)) {
			return 0
		}
		v = v*int64(len(idLetters)) + int64(digit)
	}
	return v
}

func spellUser(u id.MetricUser) string { return spell(userPrefix, int64(u)) }

func spellSubscription(s id.MetricSubscription) string { return spell(subscriptionPrefix, int64(s)) }

// spellCustomer is the id of a measured customer: that of our own customers is ours.
func spellCustomer(who int64, pushed bool) string {
	if pushed {
		return spellUser(id.MetricUser(who))
	}
	return id.Customer(who).String()
}

// centsOf are hundredths of the unit of a currency, whatever decimals it has.
func centsOf(a money.Amount) int64 {
	switch a.Currency.Digits() {
	case 0:
		return a.Minor * 100
	case 3:
		return (a.Minor + 5) / 10
	}
	return a.Minor
}

// minorOf are the minor units of a currency in hundredths of its unit; ok is false when they
// are no whole number of them.
func minorOf(cents int64, c money.Currency) (minor int64, ok bool) {
	switch c.Digits() {
	case 0:
		return cents / 100, cents%100 == 0
	case 3:
		return cents * 10, true
	}
	return cents, true
}

// number is the value of a figure: a number with a point, but for those that count; null
// when it is not known.
func number(v metrics.Value, m metrics.Metric, in money.Currency) any {
	if !v.Known {
		return nil
	}
	s := v.Plain(m.Unit, in)
	if m.Unit == metrics.Count {
		return json.Number(s)
	}
	if whole, decimals, ok := strings.Cut(s, "."); ok {
		if decimals = strings.TrimRight(decimals, "0"); decimals == "" {
			decimals = "0"
		}
		return json.Number(whole + "." + decimals)
	}
	return json.Number(s + ".0")
}

// stamp is an instant to the second; null when there is none.
func stamp(t time.Time) *string {
	if t.IsZero() {
		return nil
	}
	s := t.UTC().Format("2006-01-02T15:04:05Z")
	return &s
}

// text is null for a text that is not there.
func text(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

var forms = []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999", "2006-01-02 15:04:05.999999999Z07:00", "2006-01-02 15:04:05.999999999", "2006-01-02T15:04", "2006-01-02 15:04",
	time.DateOnly, "2006/01/02", "2006-01", "20060102T150405Z", time.RFC1123, time.RFC1123Z}

// lastSecond is the end of the year 9999.
const lastSecond = 253402300799

// parseInstant reads an instant: seconds since 1970, or one of many forms, in UTC where they
// name no zone.
func parseInstant(s string) (time.Time, bool) {
	s = strings.TrimSpace(s)
	if n, err := strconv.ParseInt(s, 10, 64); err == nil && len(s) > 8 || err == nil && n == 0 {
		return time.Unix(n, 0).UTC(), n >= 0 && n <= lastSecond && s[0] != '+'
	}
	if whole, part, ok := strings.Cut(s, "."); ok && len(whole) > 8 && strings.Trim(part, "0123456789") == "" {
		return parseInstant(whole)
	}
	for _, form := range forms {
		if t, err := time.Parse(form, s); err == nil {
			return t.UTC(), t.Year() >= 1 && t.Year() <= 9999
		}
	}
	return time.Time{}, false
}

// instantOf is an instant that was sent; zero when it is absent or wrong.
func instantOf(v *params.Values, name string) time.Time {
	s := v.Text(name)
	if s == "" {
		return time.Time{}
	}
	t, ok := parseInstant(s)
	if !ok {
		v.Bad(name, "must be a valid timestamp")
		return time.Time{}
	}
	return t
}

// intervalOf is month or year, in any letter case.
func intervalOf(v *params.Values, name string) period.Interval {
	switch s := v.Text(name); strings.ToLower(s) {
	case "month":
		return period.Interval{Unit: period.Month, Count: 1}
	case "year":
		return period.Interval{Unit: period.Year, Count: 1}
	case "":
	default:
		v.Bad(name, "%q is not a valid choice", s)
	}
	return period.Interval{}
}

// spellInterval is the word of an interval.
func spellInterval(i period.Interval) string {
	if i == (period.Interval{Unit: period.Year, Count: 1}) {
		return "year"
	}
	return "month"
}

// currencyOf is the code of a currency in any letter case; US dollars when it is absent.
func currencyOf(v *params.Values, name string) money.Currency {
	s := v.Text(name)
	if s == "" {
		return "USD"
	}
	c, err := money.ParseCurrency(strings.ToUpper(s))
	if err != nil {
		v.Bad(name, "%q is not a valid choice", s)
	}
	return c
}

// subscription is the object of a subscription from an instant on.
type subscription struct {
	UserID            string         `json:"user_id"`
	UserAlias         *string        `json:"user_alias"`
	SubscriptionID    string         `json:"subscription_id"`
	SubscriptionAlias *string        `json:"subscription_alias"`
	Email             string         `json:"email"`
	PlanID            string         `json:"plan_id"`
	PlanInterval      string         `json:"plan_interval"`
	PlanCurrency      string         `json:"plan_currency"`
	Status            string         `json:"status"`
	Value             int64          `json:"value"`
	EffectiveDate     int64          `json:"effective_date"`
	Meta              map[string]any `json:"meta"`
}

// updateOf is one of the updates of a user.
func updateOf(u metrics.User, p report.PushedUpdate) subscription {
	out := subscription{UserID: spellUser(u.ID), UserAlias: text(u.Alias), SubscriptionID: spellSubscription(p.Subscription.ID), SubscriptionAlias: text(p.Subscription.Alias),
		Email: u.Email, PlanID: p.Plan, PlanInterval: spellInterval(p.Terms.Interval), PlanCurrency: strings.ToLower(string(p.Terms.Currency)),
		Status: statusOf(p.Fact), Value: centsOf(money.Amount{Minor: p.Value, Currency: p.Terms.Currency}), EffectiveDate: p.Fact.Time().Unix(), Meta: map[string]any{}}
	if p.Subscription.Provider != "" {
		out.Meta["data_provider_user_id"] = p.Subscription.Provider
	}
	if kind, churned := strings.CutPrefix(out.Status, "churned_"); churned {
		out.Meta["churn_type"] = kind
	}
	return out
}

func statusOf(f metrics.Fact) string {
	switch {
	case f.Cause == metrics.Ended:
		return string(report.Left)
	case f.Cause == metrics.EndedUnpaid:
		return string(report.LeftUnpaid)
	case f.Flags&metrics.OnTrial != 0:
		return string(report.Trying)
	}
	return string(report.Paying)
}

// wrongValue refuses an amount that the currency has not.
func wrongValue(name string) error {
	return fault.BadField(name, "must be whole units of a currency that has no smaller ones")
}
