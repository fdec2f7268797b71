package recovery

import (
	"fmt"
	"time"
)

// Class is what a decline means for trying again: the classes of the package payment,
// and their spelling.
type Class string

// The classes of decline.
const (
	Later        Class = "later"
	Technical    Class = "technical"
	NewDetails   Class = "new_details"
	Authenticate Class = "authenticate"
	Never        Class = "never"
)

// chargeable reports whether a method that was declined with the class may be charged
// again without anything new.
func (c Class) chargeable() bool { return c == Later || c == Technical }

// Ask is what the customer is asked for.
type Ask string

// What a customer can be asked for.
const (
	AskNothing Ask = ""
	AskMethod  Ask = "update_method"   // another payment method, or new details of this one
	AskConfirm Ask = "confirm_payment" // to confirm the charge with their bank
)

// Failure is a try that failed, or a step that passed without one.
type Failure struct {
	At     time.Time
	Zone   *time.Location // of the account
	Passed int            // steps of the schedule that came before this failure: 0 for the first
	Class  Class
	Words  string        // why the charge was declined, as a sentence
	Quick  int           // technical declines in a row, this one included
	Wait   time.Duration // the least that the card network asks to wait; 0 when it says nothing
	// Declines are those of the same card and amount within CapWindow, this one included.
	Declines []time.Time
}

// Decision is what follows a failure.
type Decision struct {
	Next    time.Time // when the next step comes; zero after the last
	Charge  bool      // the next step charges; else it only passes, because a charge cannot help
	Quick   bool      // the next try is soon and counts as no step
	Clipped bool      // a limit of the card networks moved the try or left it out
	Final   Final     // after the last step; "" while the schedule goes on
	Mail    bool      // the customer is told now
	Ask     Ask       // what they are asked for
	Why     string    // in words: why then, or why not
}

// quickDelays is when a charge is tried again that failed for technical reasons. These
// are no steps: the customer has done nothing wrong and hears nothing.
var quickDelays = []time.Duration{15 * time.Minute, time.Hour, 4 * time.Hour}

// mostMoved is how far a limit of the networks may put a try off; beyond, it is left out.
const mostMoved = 7 * 24 * time.Hour

// Next decides what follows a failure.
func (p Policy) Next(f Failure) Decision {
	caps := Caps{Most: p.MaxDeclines, Declines: f.Declines}
	if f.Class == Technical && f.Quick >= 1 && f.Quick <= len(quickDelays) {
		at := f.At.Add(max(quickDelays[f.Quick-1], f.Wait))
		if free, why := caps.Earliest(at); why == "" && free.Equal(at) {
			return Decision{Next: at, Charge: true, Quick: true, Why: "The bank could not be reached or did not work; the charge is tried again soon, and the customer is not told."}
		}
	}
	d := Decision{Ask: asked(f.Class), Mail: p.mails(f.Passed)}
	if f.Passed >= len(p.Steps) {
		d.Final = p.Final
		d.Mail = d.Mail && p.Final == KeepUnpaid // an end and a pause have mails of their own
		d.Why = "That was the last try: " + p.Final.Words() + "."
		return d
	}
	step := p.Steps[f.Passed]
	d.Next = step.after(f.At, zoneOf(f.Zone))
	if !f.Class.chargeable() {
		d.Why = waits(f) + " The schedule goes on meanwhile."
		return d
	}
	d.Charge = true
	p.choose(&d, step, f, caps)
	return d
}

// choose sets the date of a try and says why it is that one.
func (p Policy) choose(d *Decision, step Step, f Failure, caps Caps) {
	d.Why = fmt.Sprintf("%s after the failure, as the policy says.", step.Words())
	if asked := f.At.Add(f.Wait); asked.After(d.Next) {
		d.Next = asked
		d.Why = "The card network asks to wait until then."
	}
	if p.Smart && step.Unit != Hours {
		if moved, why := smart(d.Next, zoneOf(f.Zone)); why != "" {
			d.Next, d.Why = moved, sentence(why)
		}
	}
	free, why := caps.Earliest(d.Next)
	switch {
	case why == "":
	case free.Sub(d.Next) > mostMoved:
		d.Charge, d.Clipped = false, true
		d.Why = sentence(why) + " This try is left out."
	default:
		d.Next, d.Clipped = free, true
		d.Why = sentence(why) + " The try was put off."
	}
}

// mails reports whether the customer is told of the failure after so many steps.
func (p Policy) mails(passed int) bool {
	if passed == 0 {
		return p.MailFirst
	}
	return passed <= len(p.Steps) && p.Steps[passed-1].Mail
}

func asked(c Class) Ask {
	switch c {
	case Authenticate:
		return AskConfirm
	default:
		return AskMethod
	}
}

// waits says what a schedule waits for that cannot charge.
func waits(f Failure) string {
	words := f.Words
	if words == "" {
		words = "The charge was declined."
	}
	switch f.Class {
	case Never:
		return words + " Card networks forbid to charge it again; another payment method is asked for."
	case Authenticate:
		return words + " To try again unasked would be declined again."
	default:
		return words + " To try again with the same details would be declined again; new ones are asked for."
	}
}

func sentence(s string) string {
	if s == "" {
		return ""
	}
	return string(s[0]-'a'+'A') + s[1:] + "."
}

func zoneOf(z *time.Location) *time.Location {
	if z == nil {
		return time.UTC
	}
	return z
}

// Blocked says why the schedule may not charge a method at an instant, "" when it may.
// Last is the class of the method's last decline of the invoice, "" when it has none:
// another method, or one whose details are new.
func Blocked(last Class, words string, caps Caps, at time.Time) string {
	if last != "" && !last.chargeable() {
		return waits(Failure{Class: last, Words: words})
	}
	return Forbidden(last, words, caps, at)
}

// Forbidden says which rule of the card networks forbids to charge a method at an
// instant, also when somebody asks for it by hand; "" when none does.
func Forbidden(last Class, words string, caps Caps, at time.Time) string {
	if last == Never {
		return words + " Card networks forbid to charge it again."
	}
	if free, why := caps.Earliest(at); why != "" {
		return sentence(why) + " The next one may be on " + free.UTC().Format("2 January 15:04") + " UTC."
	}
	return ""
}

// Planned is one try of a policy as it would be, or its end.
type Planned struct {
	At   time.Time
	Step int // 1 for the first step; 0 for the failure that begins it all
	Decision
}

// Plan is what a policy would do about a charge that failed at an instant and whose every
// try fails with the class: the failure itself, each step, and the end last.
func (p Policy) Plan(at time.Time, zone *time.Location, class Class) []Planned {
	var list []Planned
	declines := []time.Time{at}
	for passed := 0; ; passed++ {
		d := p.Next(Failure{At: at, Zone: zone, Passed: passed, Class: class, Quick: len(quickDelays) + 1, Declines: declines})
		list = append(list, Planned{At: at, Step: passed, Decision: d})
		if d.Final != "" {
			return list
		}
		at = d.Next
		if d.Charge {
			declines = append(declines, at)
		}
	}
}
