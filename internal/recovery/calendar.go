package recovery

import (
	"time"

	"perennial/internal/period"
)

// How far a try is moved towards a payday, in days, and the hour at which a moved try
// happens: wages are booked by then.
const (
	reachPayday = 3
	reachFriday = 2
	moveToHour  = 9
)

// payday is why money is likely to be on an account on a day, "" when it is not.
func payday(day time.Time) string {
	if weekend(day) {
		return ""
	}
	switch {
	case day.Day() == 1:
		return "wages are often paid on the 1st"
	case day.Day() == 15:
		return "wages are often paid on the 15th"
	case lastWorkingDay(day):
		return "wages are often paid on the last working day of a month"
	}
	return ""
}

func weekend(day time.Time) bool {
	return day.Weekday() == time.Saturday || day.Weekday() == time.Sunday
}

// lastWorkingDay reports whether no working day of the month comes after day.
func lastWorkingDay(day time.Time) bool {
	for next := day.AddDate(0, 0, 1); next.Month() == day.Month(); next = next.AddDate(0, 0, 1) {
		if !weekend(next) {
			return false
		}
	}
	return true
}

// smart moves an instant off weekends and towards paydays. A Friday stays; else it goes to a 1st, a 15th or a last
// working day within 3 days; else to a Friday within 2; else off a weekend to Monday, each
// time to nine in the morning. It never moves anything back. The reason is "" when nothing
// moved.
func smart(at time.Time, zone *time.Location) (time.Time, string) {
	local := at.In(zone)
	day := time.Date(local.Year(), local.Month(), local.Day(), 0, 0, 0, 0, time.UTC) // only its date is looked at
	move := func(days int, why string) (time.Time, string) {
		if days == 0 {
			return at, ""
		}
		to := day.AddDate(0, 0, days)
		moved := period.Midnight(to.Format(time.DateOnly), zone)
		moved = atHour(moved, moveToHour, zone)
		if !moved.After(at) { // a calendar without that hour
			return at, ""
		}
		return moved, "moved from " + day.Format("Monday 2 January") + " to " + to.Format("Monday 2 January") + ": " + why
	}
	if day.Weekday() == time.Friday { // as good as any
		return at, ""
	}
	for n := range reachPayday + 1 {
		if why := payday(day.AddDate(0, 0, n)); why != "" {
			return move(n, why)
		}
	}
	for n := range reachFriday + 1 {
		if day.AddDate(0, 0, n).Weekday() == time.Friday {
			return move(n, "wages are often paid on Fridays")
		}
	}
	switch day.Weekday() {
	case time.Saturday:
		return move(2, "banks book little at weekends, and fewer charges go through")
	case time.Sunday:
		return move(1, "banks book little at weekends, and fewer charges go through")
	}
	return at, ""
}

// atHour is the instant of a full hour on the day that begins at midnight.
func atHour(midnight time.Time, hour int, zone *time.Location) time.Time {
	local := midnight.In(zone)
	return time.Date(local.Year(), local.Month(), local.Day(), hour, 0, 0, 0, zone).UTC()
}
