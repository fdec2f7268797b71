package recovery

import (
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/period"
)

// Unit is what a delay is counted in.
type Unit string

// The units of a delay. Days and weeks are those of the account's calendar: a try stays
// at its time of day over a change of clocks.
const (
	Hours Unit = "hour"
	Days  Unit = "day"
	Weeks Unit = "week"
)

// Step is one stage of a policy: a delay, then a try.
type Step struct {
	Delay int  `json:"delay"` // counted from the failure before, 1 up to 72 hours, 60 days or 8 weeks
	Unit  Unit `json:"unit"`
	Mail  bool `json:"mail"` // the customer is told when this try fails, too
}

// after is the instant that the step's delay leads to.
func (s Step) after(at time.Time, zone *time.Location) time.Time {
	switch s.Unit {
	case Hours:
		return at.Add(time.Duration(s.Delay) * time.Hour)
	case Weeks:
		return calendarDays(at, 7*s.Delay, zone)
	default:
		return calendarDays(at, s.Delay, zone)
	}
}

func calendarDays(at time.Time, n int, zone *time.Location) time.Time {
	return period.Anchor{Start: at, Zone: zone}.Boundary(period.Interval{Unit: period.Day, Count: n}, 1)
}

// Words is the delay for people: "3 days".
func (s Step) Words() string {
	if s.Delay == 1 {
		return "1 " + string(s.Unit)
	}
	return fmt.Sprintf("%d %ss", s.Delay, s.Unit)
}

// Final is what happens when the last try failed.
type Final string

// The final actions.
const (
	Cancel       Final = "cancel"
	CancelSilent Final = "cancel_silent" // without telling anybody outside: the event is only kept
	Pause        Final = "pause"         // until the invoice is paid, or somebody ends it
	KeepUnpaid   Final = "keep_unpaid"   // past due without further tries, until somebody pays
)

// Known reports whether f is a final action.
func (f Final) Known() bool {
	return f == Cancel || f == CancelSilent || f == Pause || f == KeepUnpaid
}

// Words is the final action for people, after "then".
func (f Final) Words() string {
	switch f {
	case Cancel:
		return "the subscription ends"
	case CancelSilent:
		return "the subscription ends, and nobody outside is told"
	case Pause:
		return "the subscription is paused until it is paid"
	case KeepUnpaid:
		return "the subscription stays unpaid until somebody pays"
	}
	return ""
}

// Access says what a customer may use while a payment is being recovered.
type Access string

// The kinds of access.
const (
	UntilEnd    Access = "until_end"     // everything, until the final action
	StopAtFirst Access = "stop_at_first" // nothing from the first failure on
)

// Known reports whether a is a kind of access.
func (a Access) Known() bool { return a == UntilEnd || a == StopAtFirst }

// Policy is how failed payments are recovered.
type Policy struct {
	ID      id.RecoveryPolicy // 0 for Standard
	Account id.Account
	Name    string
	Terms
	Archived  bool
	CreatedAt time.Time
	Version   int64
}

// Terms is what a policy says.
type Terms struct {
	Steps     []Step `json:"steps"`
	MailFirst bool   `json:"mail_first"` // the customer is told of the first failure
	// Smart moves tries that are days apart off weekends and towards paydays.
	Smart  bool   `json:"smart"`
	Final  Final  `json:"final"`
	Access Access `json:"access"`
	// MaxDeclines is how many declines of one card and amount there may be in 30 days,
	// 1 to MostDeclines.
	MaxDeclines int `json:"max_declines"`
	// RemindDays is how many days before a renewal the customer is told of it; 0: only
	// where the card networks ask for it.
	RemindDays int `json:"remind_days"`
	// RemindYearly tells a customer once a year what they are subscribed to, what it
	// costs and how to end it.
	RemindYearly bool `json:"remind_yearly"`
}

// Limits of a policy.
const (
	MaxSteps      = 8
	MaxRemindDays = 60
	maxDays       = 90 // of all steps together
)

// Standard is the policy of an account that has not chosen another.
func Standard() Policy {
	return Policy{Name: "Standard", Terms: Terms{
		Steps:     []Step{{Delay: 1, Unit: Days, Mail: true}, {Delay: 3, Unit: Days, Mail: true}, {Delay: 5, Unit: Days, Mail: true}},
		MailFirst: true, Smart: true, Final: Cancel, Access: UntilEnd, MaxDeclines: DefaultDeclines,
	}}
}

// Check refuses a policy that cannot be.
func (p Policy) Check() error {
	var f fault.Fields
	switch {
	case strings.TrimSpace(p.Name) == "":
		f.Bad("name", "must not be empty")
	case len(p.Name) > 120 || !utf8.ValidString(p.Name) || strings.ContainsFunc(p.Name, func(r rune) bool { return r < ' ' || r == 0x7f || r == 0x2028 || r == 0x2029 }):
		f.Bad("name", "must be at most 120 bytes of plain text")
	}
	f.Check(len(p.Steps) >= 1 && len(p.Steps) <= MaxSteps, "steps", "must be 1 to %d", MaxSteps)
	if len(p.Steps) <= MaxSteps {
		p.checkSteps(&f)
	}
	f.Check(p.Final.Known(), "final", "must be cancel, cancel_silent, pause or keep_unpaid")
	f.Check(p.Access.Known(), "access", "must be until_end or stop_at_first")
	f.Check(p.MaxDeclines >= 1 && p.MaxDeclines <= MostDeclines, "max_declines", "must be 1 to %d", MostDeclines)
	f.Check(p.RemindDays >= 0 && p.RemindDays <= MaxRemindDays, "remind_days", "must be 0 to %d", MaxRemindDays)
	return f.Err()
}

func (p Policy) checkSteps(f *fault.Fields) {
	most := map[Unit]int{Hours: 72, Days: 60, Weeks: 8}
	hours := 0
	for i, s := range p.Steps {
		field := fmt.Sprintf("steps.%d.", i)
		limit, known := most[s.Unit]
		f.Check(known, field+"unit", "must be hour, day or week")
		if known {
			f.Check(s.Delay >= 1 && s.Delay <= limit, field+"delay", "must be 1 to %d %ss", limit, s.Unit)
			hours += min(max(s.Delay, 0), limit) * map[Unit]int{Hours: 1, Days: 24, Weeks: 168}[s.Unit]
		}
	}
	f.Check(hours <= maxDays*24, "steps", "must be at most %d days together", maxDays)
}
