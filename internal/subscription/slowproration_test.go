package subscription_test

import (
	"math/big"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"perennial/internal/money"
	"perennial/internal/period"
	"perennial/internal/subscription"
)

// This file computes proration a second time, slowly and without a formula: a
// period is walked piece by piece (each second, minute or day of it), each piece has a
// price, and what is left costs the sum of the pieces that are left. It shares no
// arithmetic with proration.go and span.go, and both must agree on random histories.

// piece is one second, minute or day of a period.
type piece struct {
	weight int64     // its worth beside the others
	end    time.Time // of a second or minute: when it is used up
	date   string    // of a day: its date, which sorts as text
}

// dayOf is the local date of an instant.
func dayOf(t time.Time, zone *time.Location) string { return t.In(zone).Format(time.DateOnly) }

func nextDate(date string) string {
	t, err := time.Parse(time.DateOnly, date)
	if err != nil {
		panic(err)
	}
	return t.AddDate(0, 0, 1).Format(time.DateOnly)
}

// walk cuts a period into its pieces. months is how many months it has where each
// counts thirty days, else 0.
func walk(g period.Granularity, span period.Span, months int64, zone *time.Location) []piece {
	var list []piece
	step := time.Second
	switch g {
	case period.ByMinute:
		step = time.Minute
		fallthrough
	case period.BySecond:
		for end := span.From.Add(step); !end.After(span.To); end = end.Add(step) {
			list = append(list, piece{weight: 1, end: end})
		}
		return list
	}
	for date := dayOf(span.From, zone); date < dayOf(span.To, zone); date = nextDate(date) {
		list = append(list, piece{weight: 1, date: date})
	}
	if len(list) == 0 { // it begins and ends on one date, and is that day
		return []piece{{weight: 1, date: dayOf(span.From, zone)}}
	}
	if g == period.ByThirtyDays && months > 0 {
		days := int64(len(list))
		for i := 30 * months; i < days; i++ {
			list[i].weight = 0 // a 31st day costs nothing
		}
		if days < 30*months {
			list[days-1].weight += 30*months - days // the end of February catches up
		}
	}
	return list
}

// slowLeft is the pieces that are left at an instant.
func slowLeft(p subscription.Proration, list []piece, span period.Span, at time.Time, zone *time.Location) []piece {
	switch {
	case !at.Before(span.To):
		return nil
	case at.Before(span.From):
		return list
	}
	change := dayOf(at, zone)
	var left []piece
	for _, one := range list {
		used := one.date < change || one.date == change && p.ChangeDay == subscription.OldTerms
		if one.date == "" {
			used = !one.end.After(at)
		}
		if !used {
			left = append(left, one)
		}
	}
	return left
}

func weight(list []piece) (sum int64) {
	for _, one := range list {
		sum += one.weight
	}
	return sum
}

// slowPrice adds up what the pieces of part cost when whole costs an amount, and rounds
// half up. Pieces of a whole that weighs nothing cost nothing.
func slowPrice(amount int64, part, whole []piece) int64 {
	all, sum := weight(whole), new(big.Rat)
	if all == 0 {
		return 0
	}
	each := new(big.Rat).SetFrac64(amount, all)
	for _, one := range part {
		for range one.weight {
			sum.Add(sum, each)
		}
	}
	sum.Add(sum, big.NewRat(1, 2))
	return new(big.Int).Div(sum.Num(), sum.Denom()).Int64()
}

// The zones of the tests: both edges of the day, half hours, DST on both hemispheres
// and at midnight, a day that was skipped, and none.
var zones = []string{"UTC", "Europe/Berlin", "America/New_York", "America/Sao_Paulo", "Pacific/Tongatapu", "Pacific/Kiritimati", "Pacific/Pago_Pago",
	"Pacific/Apia", "Australia/Lord_Howe", "Asia/Kathmandu", "Africa/Casablanca"}

// Instants near which calendars do what they seldom do.
var edges = []string{"2026-03-29T01:00:00Z", "2026-10-25T01:00:00Z", "2026-03-08T07:00:00Z", "2018-11-04T03:00:00Z", "2011-12-30T10:00:00Z",
	"2028-02-29T00:00:00Z", "2027-02-28T12:00:00Z", "2026-01-31T12:00:00Z", "2027-08-31T10:30:00Z", "2026-12-31T11:00:00Z", "2026-04-05T15:30:00Z"}

var anyMoment = rapid.Custom(func(t *rapid.T) time.Time {
	at, err := time.Parse(time.RFC3339, rapid.SampledFrom(edges).Draw(t, "near"))
	if err != nil {
		t.Fatal(err)
	}
	if rapid.Bool().Draw(t, "beside") {
		at = at.Add(time.Duration(rapid.IntRange(-60, 60).Draw(t, "hours")) * time.Hour)
	}
	return at.Add(time.Duration(rapid.SampledFrom([]int64{0, 1, 999_999, 30_000_000, 59_999_999, 3_599_000_000}).Draw(t, "µs")) * time.Microsecond)
})

// spread draws from 0 up to and without limit, and as often high as low.
func spread(limit int64) *rapid.Generator[int64] {
	return rapid.Map(rapid.Uint64(), func(n uint64) int64 { return int64(n * 0x9e3779b97f4a7c15 % uint64(limit)) })
}

// anyPrice is in minor units.
var anyPrice = rapid.OneOf(rapid.Int64Range(0, 20), spread(100_001))

// world is a period and a policy to prorate it by.
type world struct {
	policy subscription.Proration
	zone   *time.Location
	iv     period.Interval // none for a period that was moved
	span   period.Span
	pieces []piece
}

var anyWorld = rapid.Custom(func(t *rapid.T) world {
	z, err := period.LoadZone(rapid.SampledFrom(zones).Draw(t, "zone"))
	if err != nil {
		t.Fatal(err)
	}
	w := world{zone: z}
	w.policy.Granularity = rapid.SampledFrom([]period.Granularity{period.BySecond, period.ByMinute, period.ByDay, period.ByThirtyDays}).Draw(t, "granularity")
	anchor := period.Anchor{Start: anyMoment.Draw(t, "start"), Zone: z}
	intervals := []string{"day", "week", "10 days", "month", "3 months", "year"}
	switch w.policy.Granularity {
	case period.BySecond: // scaled down, so that it can be walked
		length := time.Duration(rapid.Int64Range(1_000_000, 2_000_000_000).Draw(t, "length")) * time.Microsecond
		w.span = period.Span{From: anchor.Start, To: anchor.Start.Add(length)}
		w.pieces = walk(w.policy.Granularity, w.span, 0, z)
		return w
	case period.ByMinute:
		intervals = []string{"day", "2 days"}
	case period.ByThirtyDays:
		intervals = []string{"month", "month", "3 months", "year", "week"}
		fallthrough
	default:
		w.policy.ChangeDay = rapid.SampledFrom([]subscription.DayOwner{subscription.NewTerms, subscription.OldTerms}).Draw(t, "change day")
	}
	if w.iv, err = period.ParseInterval(rapid.SampledFrom(intervals).Draw(t, "every")); err != nil {
		t.Fatal(err)
	}
	w.span = anchor.Period(w.iv, rapid.IntRange(0, 3).Draw(t, "period"))
	if w.span.IsEmpty() {
		t.Skip("a day that the zone skipped")
	}
	var months int64
	if w.iv.Unit >= period.Month {
		months, _ = w.iv.Months()
	}
	if rapid.IntRange(0, 4).Draw(t, "moved") == 0 {
		w.span.To = w.span.To.Add(time.Duration(rapid.IntRange(1, 200).Draw(t, "by hours")) * time.Hour)
		w.iv, months = period.Interval{}, 0
	}
	if w.zone.String() == "Pacific/Apia" && dayOf(w.span.To, z) == "2011-12-31" {
		months = 0 // its end moved off the day that was skipped, which is not for this test
		w.iv = period.Interval{}
	}
	w.pieces = walk(w.policy.Granularity, w.span, months, z)
	return w
})

// changes are instants in order, some of them equal, at the edges and outside.
func (w world) changes(t *rapid.T) []time.Time {
	length := w.span.To.Sub(w.span.From)
	var list []time.Time
	for range rapid.IntRange(1, 5).Draw(t, "changes") {
		at := w.span.From.Add(time.Duration(spread(int64(length)).Draw(t, "at"))).Truncate(time.Microsecond)
		switch rapid.IntRange(0, 11).Draw(t, "where") {
		case 0:
			at = w.span.From
		case 1:
			at = w.span.To
		case 2:
			at = w.span.To.Add(-time.Microsecond)
		case 3:
			at = w.span.From.Add(-time.Microsecond)
		case 4:
			at = w.span.To.Add(time.Hour)
		}
		list = append(list, at)
		if rapid.Bool().Draw(t, "again") {
			list = append(list, at)
		}
	}
	slices.SortFunc(list, time.Time.Compare)
	return list
}

func (w world) left(at time.Time) subscription.Share {
	return w.policy.Left(w.span, w.iv, at, w.zone)
}

// The share that is left is the pieces that are left, at every instant.
func TestLeftAgreesWithTheWalk(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		w := anyWorld.Draw(t, "world")
		before := weight(w.pieces)
		for _, at := range w.changes(t) {
			got := w.left(at)
			left := weight(slowLeft(w.policy, w.pieces, w.span, at, w.zone))
			if got.Left != left || got.Whole != weight(w.pieces) {
				t.Fatalf("%v of %v at %v: %v, the walk leaves %d of %d", w.policy.Granularity, w.span, at, got, left, weight(w.pieces))
			}
			if got.Left > before {
				t.Fatalf("%v is left at %v, but less was before", got, at)
			}
			before = got.Left
		}
	})
}

// A history of changes inside one period, settled at once by ratios and by the walk.
// The line of the day before is credited, the new terms are charged for the rest.
func TestHistoriesAgreeWithTheWalk(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		w := anyWorld.Draw(t, "world")
		line := subscription.Line{Price: usd(anyPrice.Draw(t, "price"))}
		line.Paid = line.Price
		discounted(t, &line)
		slowShare := w.pieces // what the line was charged for
		for _, at := range w.changes(t) {
			left, slow := w.left(at), slowLeft(w.policy, w.pieces, w.span, at, w.zone)
			price := usd(anyPrice.Draw(t, "price"))
			got, err := w.policy.Settle(line, left, price, left, rapid.Bool().Draw(t, "up"))
			if err != nil {
				t.Fatal(err)
			}
			if want := slowPrice(price.Minor, slow, w.pieces); got.Charge.Amount != usd(want) {
				t.Fatalf("charge at %v: %v, the walk says %d", at, got.Charge, want)
			}
			charged := slowPrice(line.Price.Minor, slowShare, w.pieces)
			want := slowPrice(line.Price.Minor, slow, w.pieces)
			if line.Paid.Minor < charged {
				want = slowPrice(line.Paid.Minor, slow, slowShare)
			}
			if want = min(want, line.Paid.Minor-line.Credited.Minor); got.Credit.Amount != usd(want) {
				t.Fatalf("credit at %v: %v, the walk says %d; the line %+v", at, got.Credit, want, line)
			}
			line = subscription.Line{Price: price, Share: left, Paid: got.Charge.Amount}
			discounted(t, &line)
			slowShare = slow
		}
	})
}

// discounted takes something off what was paid for some lines, and gives something back
// of others.
func discounted(t *rapid.T, line *subscription.Line) {
	switch rapid.IntRange(0, 3).Draw(t, "line") {
	case 0:
		line.Paid.Minor = spread(line.Paid.Minor+1).Draw(t, "paid")
	case 1:
		line.Credited = usd(spread(line.Paid.Minor+1).Draw(t, "credited"))
	}
}

// Credits of one line, taken at any instants one after the other, are never negative and
// never sum to more than was paid; with what was used they are all of it.
func TestCreditsNeverExceedWhatWasPaid(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		w := anyWorld.Draw(t, "world")
		line := subscription.Line{Price: usd(anyPrice.Draw(t, "price"))}
		line.Paid = usd(spread(line.Price.Minor+1).Draw(t, "paid"))
		for _, at := range w.changes(t) {
			credit, err := w.policy.Credit(line, w.left(at))
			if err != nil {
				t.Fatal(err)
			}
			if credit.Amount.Sign() < 0 || line.Credited.Minor+credit.Amount.Minor > line.Paid.Minor {
				t.Fatalf("%v is credited of %+v", credit, line)
			}
			line.Credited = usd(line.Credited.Minor + credit.Amount.Minor)
		}
		// By price, what was paid does not matter, but what was charged is the most.
		byPrice := w.policy
		byPrice.CreditFrom = subscription.FromPrice
		line.Credited = money.Amount{}
		for _, at := range w.changes(t) {
			credit, err := byPrice.Credit(line, w.left(at))
			if err != nil {
				t.Fatal(err)
			}
			if line.Credited = usd(line.Credited.Minor + credit.Amount.Minor); credit.Amount.Sign() < 0 || line.Credited.Cmp(line.Price) > 0 {
				t.Fatalf("%v is credited of %+v, by price", credit, line)
			}
		}
	})
}

// A change to the same terms comes to nothing, and so do a change and its reverse at one
// instant, at whatever point of whatever history of paid lines.
func TestReverseNetsToZero(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		w := anyWorld.Draw(t, "world")
		line := subscription.Line{Price: usd(anyPrice.Draw(t, "price"))}
		line.Paid = line.Price
		settle := func(line subscription.Line, price money.Amount, left subscription.Share) (money.Amount, subscription.Line) {
			s, err := w.policy.Settle(line, left, price, left, price.Cmp(line.Price) > 0)
			if err != nil {
				t.Fatal(err)
			}
			net, err := s.Net()
			if err != nil {
				t.Fatal(err)
			}
			return net, subscription.Line{Price: price, Share: left, Paid: s.Charge.Amount}
		}
		for _, at := range w.changes(t) {
			left := w.left(at)
			if net, _ := settle(line, line.Price, left); !net.IsZero() {
				t.Fatalf("the same terms cost %v at %v", net, at)
			}
			price := usd(anyPrice.Draw(t, "price"))
			forth, changed := settle(line, price, left)
			back, _ := settle(changed, line.Price, left)
			if forth != back.Neg() {
				t.Fatalf("there costs %v, and back gives %v at %v", forth, back, at)
			}
			line = changed
		}
	})
}

// However a period is cut, the uses of its parts sum to the price: nothing is lost or
// won by rounding when the terms stay the same.
func TestPartsOfAPeriodSumToItsPrice(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		w := anyWorld.Draw(t, "world")
		price := usd(anyPrice.Draw(t, "price"))
		line, used := subscription.Line{Price: price, Paid: price}, int64(0)
		for _, at := range w.changes(t) {
			left := w.left(at)
			s, err := w.policy.Settle(line, left, price, left, false)
			if err != nil {
				t.Fatal(err)
			}
			part := line.Paid.Minor - s.Credit.Amount.Minor
			if part < 0 {
				t.Fatalf("a part costs %d at %v", part, at)
			}
			used += part
			line = subscription.Line{Price: price, Share: left, Paid: s.Charge.Amount}
		}
		if used+line.Paid.Minor != price.Minor {
			t.Fatalf("the parts sum to %d and %d, not to %v", used, line.Paid.Minor, price)
		}
	})
}

// Terms that were charged any part of a price for any part of a period, whose end may
// have been moved since: what was charged lies evenly over the pieces from its beginning to
// the end, and the pieces that are left are unused.
func TestUnusedAgreesWithTheWalk(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		w := anyWorld.Draw(t, "world")
		c := subscription.Charged{Whole: w.span, From: w.span.From, Change: rapid.Bool().Draw(t, "by a change")}
		begun := w.policy
		if c.Change {
			c.From = w.changes(t)[0]
		} else {
			begun.ChangeDay = subscription.NewTerms
		}
		switch rapid.IntRange(0, 2).Draw(t, "charged") {
		case 0:
			c.Share = subscription.WholePeriod()
		case 1:
			whole := 1 + spread(100_000).Draw(t, "whole")
			c.Share = subscription.Share{Left: 1 + spread(whole).Draw(t, "part"), Whole: whole, Unit: rapid.SampledFrom([]string{"seconds", "minutes", "days"}).Draw(t, "unit")}
		case 2:
			c.Share = begun.Left(w.span, w.iv, c.From, w.zone)
		}
		pieces := slowLeft(begun, w.pieces, w.span, c.From, w.zone)
		for _, at := range w.changes(t) {
			charged, left := w.policy.Unused(c, w.iv, at, w.zone)
			if charged.Whole != left.Whole || left.Left > charged.Left || left.Left < 0 {
				t.Fatalf("of %+v, charged %v, left %v", c, charged, left)
			}
			if ratio(charged).Cmp(ratio(c.Share)) != 0 {
				t.Fatalf("%v was charged, not %v", c.Share, charged)
			}
			rest := weight(slowLeft(w.policy, w.pieces, w.span, at, w.zone))
			want := new(big.Rat)
			switch all := weight(pieces); {
			case c.Change && !at.After(c.From): // nothing of it is used
				want = ratio(c.Share)
			case all > 0:
				want.Mul(ratio(c.Share), big.NewRat(min(rest, all), all))
			}
			if ratio(left).Cmp(want) != 0 {
				t.Fatalf("of %+v, %v is left at %v; the walk says %v", c, left, at, want)
			}
		}
	})
}

func ratio(s subscription.Share) *big.Rat { return big.NewRat(s.Left, s.Whole) }

// However often a share is taken of a share, what is charged and what is given back stay
// parts of one whole that JSON can hold.
func TestUnusedStaysExactNumbers(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		w := anyWorld.Draw(t, "world")
		c := subscription.Charged{Whole: w.span, From: w.span.From, Share: subscription.WholePeriod()}
		for i, at := range w.changes(t) {
			if at.Before(w.span.From) {
				continue
			}
			charged, left := w.policy.Unused(c, w.iv, at, w.zone)
			if left.Whole > 1_000_000_000_000_000 || left.Whole != charged.Whole || left.Left < 0 || left.Left > charged.Left {
				t.Fatalf("of %+v, charged %v, left %v", c, charged, left)
			}
			moved := w.span.To.Add(time.Duration(i+1) * 7777777 * time.Microsecond)
			c = subscription.Charged{Share: left, Whole: period.Span{From: w.span.From, To: moved}, From: at, Change: true}
		}
	})
}
