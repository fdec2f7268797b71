package metrics

import "perennial/internal/money"

// Unit is what the number of a Value counts.
type Unit string

// The units.
const (
	Money   Unit = "money"   // minor units of the account's currency
	Count   Unit = "count"   // customers
	Percent Unit = "percent" // hundredths of a percent
	Ratio   Unit = "ratio"   // hundredths
	Days    Unit = "days"    // hundredths of a day
)

// Value is one figure. One that is not Known has no meaning, because it would be divided
// by nothing.
type Value struct {
	N     int64
	Known bool
}

// Span is which lines a metric sums.
type Span string

// The spans.
const (
	InPeriod    Span = "flow"          // those of the period; periods can be added up
	AtStart     Span = "start"         // all before the period
	AtEnd       Span = "balance"       // all up to its end
	MonthToDate Span = "month_to_date" // those of the month up to the end of the period
	Derived     Span = "derived"       // computed from others
)

// Weights say how often each kind counts.
type Weights struct {
	Amount, Count [Kinds]int64
}

// Of is what lines that are summed in a cell come to.
func (w *Weights) Of(c *Cell) (n int64) {
	for k := range Kinds {
		n += w.Amount[k]*c.Amount[k] + w.Count[k]*c.Count[k]
	}
	return n
}

// Metric is the definition of one series of figures.
type Metric struct {
	Name    string
	Unit    Unit
	Span    Span
	Text    string   // the definition in one sentence
	Weights Weights  // of all but derived ones
	Inputs  []string // of derived ones
	derive  func(s Set, v func(name string) int64) Value
}

func amounts(kinds ...Kind) (w Weights) {
	for _, k := range kinds {
		w.Amount[k] = 1
	}
	return w
}

func counts(kinds ...Kind) (w Weights) {
	for _, k := range kinds {
		w.Count[k] = 1
	}
	return w
}

func paying() Weights {
	w := counts(New, Back, Moved)
	w.Count[Churned], w.Count[Delinquent] = -1, -1
	return w
}

func trialing() Weights {
	w := counts(TrialStarted)
	w.Count[TrialPaid], w.Count[TrialLost] = -1, -1
	return w
}

var revenue = amounts(New, Back, Upgraded, Downgraded, Churned, Delinquent, Moved)

// Metrics are all metrics, in the order in which they are shown.
func Metrics() []Metric { return all }

// MetricOf is the metric of a name.
func MetricOf(name string) (Metric, bool) {
	i, known := named[name]
	if !known {
		return Metric{}, false
	}
	return all[i], true
}

var named = func() map[string]int {
	places := map[string]int{}
	for i, m := range all {
		places[m.Name] = i
	}
	return places
}()

var all = append(append(revenueMetrics, customerMetrics...), rateMetrics...)

var revenueMetrics = []Metric{
	{Name: "recurring_revenue", Unit: Money, Span: AtEnd, Weights: revenue, Text: "What paying customers bring by the month at the end of the period, after discounts and without tax."},
	{Name: "existing_recurring_revenue", Unit: Money, Span: AtStart, Weights: revenue, Text: "What they brought by the month at its start."},
	{Name: "new_recurring_revenue", Unit: Money, Span: InPeriod, Weights: amounts(New), Text: "Of customers who had never paid before."},
	{Name: "reactivated_recurring_revenue", Unit: Money, Span: InPeriod, Weights: amounts(Back), Text: "Of customers who had left and pay again."},
	{Name: "upgraded_recurring_revenue", Unit: Money, Span: InPeriod, Weights: amounts(Upgraded), Text: "What customers who stayed bring more, or brought to a longer term."},
	{Name: "downgraded_recurring_revenue", Unit: Money, Span: InPeriod, Weights: amounts(Downgraded), Text: "What customers who stayed bring less, or brought to a shorter term; below zero."},
	{Name: "churned_recurring_revenue", Unit: Money, Span: InPeriod, Weights: amounts(Churned, Delinquent), Text: "Of customers who left; below zero."},
	{Name: "churned_recurring_revenue_cancellations", Unit: Money, Span: InPeriod, Weights: amounts(Churned), Text: "Of those who wanted to leave; below zero."},
	{Name: "churned_recurring_revenue_delinquent", Unit: Money, Span: InPeriod, Weights: amounts(Delinquent), Text: "Of those who did not pay until recovery gave up; below zero."},
	{Name: "plan_changed_recurring_revenue", Unit: Money, Span: InPeriod, Weights: amounts(Moved), Text: "What moved between this plan or segment and others; nothing for the company."},
	{Name: "converted_recurring_revenue", Unit: Money, Span: InPeriod, Weights: amounts(TrialPaid), Text: "Of customers who pay after a trial; part of new or reactivated revenue."},
	{Name: "future_churn_mrr", Unit: Money, Span: AtEnd, Weights: amounts(Future), Text: "Of customers whose end is fixed and has not come."},
	{Name: "cumulative_net_new_mrr", Unit: Money, Span: MonthToDate, Weights: revenue, Text: "How the recurring revenue changed since the month began, reactivations included."},
}

var customerMetrics = []Metric{
	{Name: "active_customers", Unit: Count, Span: AtEnd, Weights: paying(), Text: "Paying customers at the end of the period; those on trial or at nothing do not pay."},
	{Name: "existing_customers", Unit: Count, Span: AtStart, Weights: paying(), Text: "Paying customers at its start."},
	{Name: "new_customers", Unit: Count, Span: InPeriod, Weights: counts(New), Text: "Who had never paid before."},
	{Name: "reactivated_customers", Unit: Count, Span: InPeriod, Weights: counts(Back), Text: "Who had left and pay again."},
	{Name: "upgraded_customers", Unit: Count, Span: InPeriod, Weights: counts(Upgraded), Text: "Whose change over the period is an upgrade."},
	{Name: "downgraded_customers", Unit: Count, Span: InPeriod, Weights: counts(Downgraded), Text: "Whose change over the period is a downgrade."},
	{Name: "churned_customers", Unit: Count, Span: InPeriod, Weights: counts(Churned, Delinquent), Text: "Who left."},
	{Name: "churned_customers_cancellations", Unit: Count, Span: InPeriod, Weights: counts(Churned), Text: "Who wanted to leave."},
	{Name: "churned_customers_delinquent", Unit: Count, Span: InPeriod, Weights: counts(Delinquent), Text: "Who did not pay until recovery gave up."},
	{Name: "plan_changed_customers", Unit: Count, Span: InPeriod, Weights: counts(Moved), Text: "Who came to this plan or segment from others, less those who went to others."},
	{Name: "active_trialing_customers", Unit: Count, Span: AtEnd, Weights: trialing(), Text: "On trial at the end of the period."},
	{Name: "existing_trialing_customers", Unit: Count, Span: AtStart, Weights: trialing(), Text: "On trial at its start."},
	{Name: "new_trialing_customers", Unit: Count, Span: InPeriod, Weights: counts(TrialStarted), Text: "Who began a trial."},
	{Name: "churned_trialing_customers", Unit: Count, Span: InPeriod, Weights: counts(TrialLost), Text: "Whose trial ended without a payment."},
	{Name: "converted_customers", Unit: Count, Span: InPeriod, Weights: counts(TrialPaid), Text: "Who pay after a trial."},
	{Name: "cumulative_new_trialing_customers", Unit: Count, Span: MonthToDate, Weights: counts(TrialStarted), Text: "Who began a trial since the month began."},
}

// part is how much of a whole something is, scaled, rounded half up; not known of nothing.
func part(n, of, scale int64) Value {
	if of == 0 {
		return Value{}
	}
	if of < 0 {
		n, of = -n, -of
	}
	a, err := money.Amount{Minor: n}.MulRatio(scale, of, money.HalfUp)
	return Value{a.Minor, err == nil}
}

// Part is how much of a whole something is, in hundredths of a percent.
func Part(n, of int64) Value { return part(n, of, percent) }

const (
	percent = 10_000 // hundredths of a percent in one
	ratio   = 100
)

func share(name string, unit Unit, scale int64, of, whole, text string, sign int64) Metric {
	return Metric{Name: name, Unit: unit, Span: Derived, Text: text, Inputs: []string{of, whole},
		derive: func(_ Set, v func(string) int64) Value { return part(sign*v(of), v(whole), scale) }}
}

const trialSeconds = "trial_seconds"

var rateMetrics = []Metric{
	share("average_revenue_per_user", Money, 1, "recurring_revenue", "active_customers", "Recurring revenue for each paying customer.", 1),
	{Name: "lifetime_value", Unit: Money, Span: Derived, Inputs: []string{"average_revenue_per_user", "revenue_retention_rate"},
		Text: "Mean revenue per customer of the last six months, divided by the mean share of revenue that a month loses, which counts as half a percent at least; of fewer than two whole months not known."},
	share("customers_churn_rate", Percent, percent, "churned_customers", "existing_customers", "Customers who left, of those at the start.", 1),
	share("customers_churn_cancellations_rate", Percent, percent, "churned_customers_cancellations", "existing_customers", "Customers who wanted to leave, of those at the start.", 1),
	share("customers_churn_delinquent_rate", Percent, percent, "churned_customers_delinquent", "existing_customers", "Customers who did not pay, of those at the start.", 1),
	{Name: "revenue_churn_rate", Unit: Percent, Span: Derived, Inputs: []string{"churned_recurring_revenue", "downgraded_recurring_revenue", "existing_recurring_revenue"},
		Text: "Revenue that left, of that at the start; by ChartMogul's definitions with downgrades.",
		derive: func(s Set, v func(string) int64) Value {
			lost := v("churned_recurring_revenue")
			if s == ChartMogul {
				lost += v("downgraded_recurring_revenue")
			}
			return part(-lost, v("existing_recurring_revenue"), percent)
		}},
	share("revenue_churn_cancellations_rate", Percent, percent, "churned_recurring_revenue_cancellations", "existing_recurring_revenue", "Revenue of those who wanted to leave, of that at the start.", -1),
	share("revenue_churn_delinquent_rate", Percent, percent, "churned_recurring_revenue_delinquent", "existing_recurring_revenue", "Revenue of those who did not pay, of that at the start.", -1),
	{Name: "customers_retention_rate", Unit: Percent, Span: Derived, Inputs: []string{"existing_customers", "churned_customers"}, Text: "Customers of the start who stayed.",
		derive: func(_ Set, v func(string) int64) Value {
			return part(v("existing_customers")-v("churned_customers"), v("existing_customers"), percent)
		}},
	{Name: "revenue_retention_rate", Unit: Percent, Span: Derived, Text: "What customers who had paid before bring at the end, of what they brought at the start: upgrades, downgrades, those who left and those who came back.",
		Inputs: []string{"existing_recurring_revenue", "reactivated_recurring_revenue", "upgraded_recurring_revenue", "downgraded_recurring_revenue", "churned_recurring_revenue"},
		derive: func(_ Set, v func(string) int64) Value {
			existing := v("existing_recurring_revenue")
			return part(existing+v("reactivated_recurring_revenue")+v("upgraded_recurring_revenue")+v("downgraded_recurring_revenue")+v("churned_recurring_revenue"), existing, percent)
		}},
	share("upgrade_rate", Percent, percent, "upgraded_recurring_revenue", "existing_recurring_revenue", "Upgrades, of the revenue at the start.", 1),
	share("downgrade_rate", Percent, percent, "downgraded_recurring_revenue", "existing_recurring_revenue", "Downgrades, of the revenue at the start.", -1),
	share("plan_change_rate", Percent, percent, "plan_changed_recurring_revenue", "existing_recurring_revenue", "What moved here from other plans, of the revenue at the start.", 1),
	{Name: "growth_rate", Unit: Percent, Span: Derived, Inputs: []string{"recurring_revenue", "existing_recurring_revenue"}, Text: "Growth of the recurring revenue, of that at the start.",
		derive: func(_ Set, v func(string) int64) Value {
			return part(v("recurring_revenue")-v("existing_recurring_revenue"), v("existing_recurring_revenue"), percent)
		}},
	{Name: "saas_quick_ratio", Unit: Ratio, Span: Derived, Text: "New and upgraded revenue for each unit that was downgraded or left; by ChartMogul's definitions with reactivated revenue.",
		Inputs: []string{"new_recurring_revenue", "reactivated_recurring_revenue", "upgraded_recurring_revenue", "downgraded_recurring_revenue", "churned_recurring_revenue"},
		derive: func(s Set, v func(string) int64) Value {
			won := v("new_recurring_revenue") + v("upgraded_recurring_revenue")
			if s == ChartMogul {
				won += v("reactivated_recurring_revenue")
			}
			return part(won, -v("downgraded_recurring_revenue")-v("churned_recurring_revenue"), ratio)
		}},
	{Name: "customer_conversion_rate", Unit: Percent, Span: Derived, Inputs: []string{"converted_customers", "existing_trialing_customers", "new_trialing_customers"}, Text: "Customers who pay after a trial, of those who were on one in the period.",
		derive: func(_ Set, v func(string) int64) Value {
			return part(v("converted_customers"), v("existing_trialing_customers")+v("new_trialing_customers"), percent)
		}},
	{Name: trialSeconds, Unit: Count, Span: InPeriod, Weights: amounts(TrialTime), Text: "Seconds from the beginning of a trial to its payment, of all who paid after one."},
	{Name: "trial_conversion_time", Unit: Days, Span: Derived, Inputs: []string{trialSeconds, "converted_customers"}, Text: "Mean days from the beginning of a trial to the payment.",
		derive: func(_ Set, v func(string) int64) Value {
			return part(v(trialSeconds), v("converted_customers")*daySeconds, ratio)
		}},
}
