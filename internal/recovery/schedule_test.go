package recovery

import (
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"perennial/internal/period"
)

func mustZone(t interface{ Fatal(...any) }, name string) *time.Location {
	zone, err := period.LoadZone(name)
	if err != nil {
		t.Fatal(err)
	}
	return zone
}

func instant(t interface{ Fatal(...any) }, s string, zone *time.Location) time.Time {
	at, err := time.ParseInLocation("2006-01-02 15:04", s, zone)
	if err != nil {
		t.Fatal(err)
	}
	return at.UTC()
}

func TestSmartDates(t *testing.T) {
	t.Parallel()
	zone := mustZone(t, "Europe/Berlin")
	for _, c := range []struct{ at, want, why string }{
		{"2026-02-28 14:00", "2026-03-02 09:00", "moved from Saturday 28 February to Monday 2 March: banks book little at weekends, and fewer charges go through"},
		{"2026-03-07 14:00", "2026-03-09 09:00", "moved from Saturday 7 March to Monday 9 March: banks book little at weekends, and fewer charges go through"},
		{"2026-03-08 23:30", "2026-03-09 09:00", "moved from Sunday 8 March to Monday 9 March: banks book little at weekends, and fewer charges go through"},
		{"2026-03-10 08:00", "2026-03-10 08:00", ""}, // a Tuesday
		{"2026-03-11 08:00", "2026-03-13 09:00", "moved from Wednesday 11 March to Friday 13 March: wages are often paid on Fridays"},
		{"2026-03-13 22:00", "2026-03-13 22:00", ""}, // a Friday already
		{"2026-03-14 10:00", "2026-03-16 09:00", "moved from Saturday 14 March to Monday 16 March: banks book little at weekends, and fewer charges go through"}, // the 15th is a Sunday
		{"2026-04-12 10:00", "2026-04-15 09:00", "moved from Sunday 12 April to Wednesday 15 April: wages are often paid on the 15th"},
		{"2026-03-29 10:00", "2026-03-31 09:00", "moved from Sunday 29 March to Tuesday 31 March: wages are often paid on the last working day of a month"},
		{"2026-05-30 10:00", "2026-06-01 09:00", "moved from Saturday 30 May to Monday 1 June: wages are often paid on the 1st"},
		{"2026-04-01 03:00", "2026-04-01 03:00", ""},
	} {
		got, why := smart(instant(t, c.at, zone), zone)
		if want := instant(t, c.want, zone); !got.Equal(want) || why != c.why {
			t.Errorf("%s: %s %q, want %s %q", c.at, got.In(zone).Format("2006-01-02 15:04"), why, c.want, c.why)
		}
	}
}

func TestWhatFollowsEachClass(t *testing.T) {
	t.Parallel()
	at := instant(t, "2026-03-02 10:00", time.UTC) // a Monday
	p := Standard()
	p.Smart = false
	for _, c := range []struct {
		class  Class
		passed int
		quick  int
		charge bool
		soon   bool
		ask    Ask
		final  Final
		next   time.Duration
	}{
		{Later, 0, 0, true, false, AskMethod, "", 24 * time.Hour},
		{Later, 1, 0, true, false, AskMethod, "", 72 * time.Hour},
		{Later, 3, 0, false, false, AskMethod, Cancel, 0},
		{Never, 0, 0, false, false, AskMethod, "", 24 * time.Hour},
		{NewDetails, 0, 0, false, false, AskMethod, "", 24 * time.Hour},
		{Authenticate, 0, 0, false, false, AskConfirm, "", 24 * time.Hour},
		{Authenticate, 3, 0, false, false, AskConfirm, Cancel, 0},
		{Technical, 0, 1, true, true, AskNothing, "", 15 * time.Minute},
		{Technical, 0, 2, true, true, AskNothing, "", time.Hour},
		{Technical, 0, 3, true, true, AskNothing, "", 4 * time.Hour},
		{Technical, 0, 4, true, false, AskMethod, "", 24 * time.Hour}, // the machine is ill: a failure like others
		{Technical, 3, 1, true, true, AskNothing, "", 15 * time.Minute},
	} {
		d := p.Next(Failure{At: at, Passed: c.passed, Class: c.class, Quick: c.quick, Declines: []time.Time{at}})
		if d.Charge != c.charge || d.Quick != c.soon || d.Ask != c.ask || d.Final != c.final || d.Why == "" {
			t.Errorf("%s after %d: %+v", c.class, c.passed, d)
		}
		if c.final == "" && !d.Next.Equal(at.Add(c.next)) {
			t.Errorf("%s after %d: next %s, want after %s", c.class, c.passed, d.Next, c.next)
		}
	}
}

func TestMailsFollowTheSwitches(t *testing.T) {
	t.Parallel()
	p := Standard()
	p.MailFirst, p.Steps[1].Mail, p.Final = false, false, KeepUnpaid
	var mails []bool
	for _, planned := range p.Plan(instant(t, "2026-03-02 10:00", time.UTC), time.UTC, Later) {
		mails = append(mails, planned.Mail)
	}
	if want := []bool{false, true, false, true}; !slices.Equal(mails, want) {
		t.Errorf("mails %v, want %v", mails, want)
	}
}

func TestAdviceOfTheNetworkIsWaitedFor(t *testing.T) {
	t.Parallel()
	at := instant(t, "2026-03-02 10:00", time.UTC)
	p := Standard()
	p.Smart = false
	d := p.Next(Failure{At: at, Class: Later, Wait: 10 * 24 * time.Hour, Declines: []time.Time{at}})
	if !d.Next.Equal(at.Add(10 * 24 * time.Hour)) {
		t.Errorf("next %s", d.Next)
	}
	d = p.Next(Failure{At: at, Class: Later, Wait: time.Hour, Declines: []time.Time{at}})
	if !d.Next.Equal(at.Add(24 * time.Hour)) {
		t.Errorf("next %s", d.Next)
	}
}

func TestLimitsClip(t *testing.T) {
	t.Parallel()
	at := instant(t, "2026-03-02 10:00", time.UTC)
	p := Standard()
	p.Smart = false
	var ten []time.Time
	for i := range 10 {
		ten = append(ten, at.Add(-time.Duration(i)*time.Minute))
	}
	p.Steps[0] = Step{Delay: 1, Unit: Hours}
	d := p.Next(Failure{At: at, Class: Later, Declines: ten})
	if want := ten[9].Add(24 * time.Hour); !d.Clipped || !d.Charge || !d.Next.Equal(want) || !strings.Contains(d.Why, "10 declines") {
		t.Errorf("%+v, want %s", d, want)
	}
	fifteen := append(ten, at.Add(-2*24*time.Hour), at.Add(-3*24*time.Hour), at.Add(-3*24*time.Hour), at.Add(-4*24*time.Hour), at.Add(-4*24*time.Hour))
	d = p.Next(Failure{At: at, Class: Later, Declines: fifteen})
	if d.Charge || !d.Clipped || !strings.Contains(d.Why, "15 declines") {
		t.Errorf("%+v", d)
	}
	p.MaxDeclines = 99 // a row that somebody edited: still no more than the networks allow
	if got := (Caps{Most: p.MaxDeclines}).most(); got != MostDeclines {
		t.Errorf("limit %d", got)
	}
}

var classes = []Class{Later, Technical, NewDetails, Authenticate, Never}

func drawPolicy(t *rapid.T) Policy {
	p := Standard()
	p.Smart = rapid.Bool().Draw(t, "smart")
	p.MaxDeclines = rapid.IntRange(1, MostDeclines).Draw(t, "most")
	p.Final = rapid.SampledFrom([]Final{Cancel, CancelSilent, Pause, KeepUnpaid}).Draw(t, "final")
	p.Steps = rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Step {
		u := rapid.SampledFrom([]Unit{Hours, Days, Weeks}).Draw(t, "unit")
		return Step{Delay: rapid.IntRange(1, map[Unit]int{Hours: 72, Days: 10, Weeks: 1}[u]).Draw(t, "delay"), Unit: u, Mail: rapid.Bool().Draw(t, "mail")}
	}), 1, MaxSteps).Draw(t, "steps")
	return p
}

// Whatever the policy, the time zone and what the bank answers: a schedule ends after its
// steps, never goes back in time, charges only what may be charged, and stays within the
// limits of the networks.
func TestSchedulesKeepWhatTheyPromise(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		p := drawPolicy(t)
		if err := p.Check(); err != nil {
			t.Fatal(err)
		}
		zone := mustZone(t, rapid.SampledFrom([]string{"UTC", "Europe/Berlin", "America/New_York", "Pacific/Apia", "Australia/Lord_Howe"}).Draw(t, "zone"))
		at := time.Unix(rapid.Int64Range(1_300_000_000, 2_000_000_000).Draw(t, "at"), 0).UTC()
		declines := []time.Time{at}
		for range rapid.IntRange(0, 30).Draw(t, "earlier") { // of other subscriptions with the same card and amount
			declines = append(declines, at.Add(-time.Duration(rapid.Int64Range(0, int64(capWindow)-1).Draw(t, "ago"))))
		}
		passed, quick := 0, 0
		for range 10 * (MaxSteps + 1) {
			class := rapid.SampledFrom(classes).Draw(t, "class")
			if class == Technical {
				quick++
			} else {
				quick = 0
			}
			d := p.Next(Failure{At: at, Zone: zone, Passed: passed, Class: class, Quick: quick, Declines: declines})
			if d.Why == "" {
				t.Fatal("no reason")
			}
			if d.Final != "" {
				if passed != len(p.Steps) || !d.Next.IsZero() {
					t.Fatalf("ended after %d of %d steps: %+v", passed, len(p.Steps), d)
				}
				return
			}
			if !d.Next.After(at) || d.Next.Sub(at) > 61*24*time.Hour+8*24*time.Hour {
				t.Fatalf("from %s to %s", at, d.Next)
			}
			if !d.Quick {
				passed++
			}
			if d.Charge {
				if !class.chargeable() {
					t.Fatalf("%s is charged again", class)
				}
				checkCaps(t, Caps{Most: p.MaxDeclines}.most(), append(declines, d.Next), d.Next)
				if p.Smart && !d.Quick && !d.Clipped && p.Steps[passed-1].Unit != Hours && weekend(d.Next.In(zone)) {
					t.Fatalf("a smart try on %s", d.Next.In(zone))
				}
				declines = append(declines, d.Next)
			} else {
				quick = 0
			}
			at = d.Next
		}
		t.Fatal("the schedule does not end")
	})
}

// checkCaps counts by hand what the limits allow.
func checkCaps(t *rapid.T, most int, declines []time.Time, at time.Time) {
	day, month := 0, 0
	for _, d := range declines {
		if d.After(at.Add(-24*time.Hour)) && !d.After(at) {
			day++
		}
		if d.After(at.Add(-30*24*time.Hour)) && !d.After(at) {
			month++
		}
	}
	if day > 10 || month > most || month > 20 {
		t.Fatalf("%d declines in a day, %d in a month of at most %d", day, month, most)
	}
}

func TestWhatIsNeverChargedByHand(t *testing.T) {
	t.Parallel()
	at := instant(t, "2026-03-02 10:00", time.UTC)
	many := make([]time.Time, DefaultDeclines)
	for i := range many {
		many[i] = at.Add(-time.Duration(i+1) * 25 * time.Hour)
	}
	for _, c := range []struct {
		last    Class
		caps    Caps
		hand    bool
		blocked bool
	}{
		{"", Caps{}, false, false},
		{Later, Caps{}, false, false},
		{NewDetails, Caps{}, false, true},
		{Authenticate, Caps{}, false, true},
		{Never, Caps{}, true, true},
		{Later, Caps{Declines: many}, true, true},
		{Later, Caps{Most: MostDeclines, Declines: many}, false, false},
	} {
		if got := Forbidden(c.last, "", c.caps, at) != ""; got != c.hand {
			t.Errorf("%+v: forbidden by hand %v", c, got)
		}
		if got := Blocked(c.last, "", c.caps, at) != ""; got != c.blocked {
			t.Errorf("%+v: blocked %v", c, got)
		}
	}
}

func TestPoliciesThatCannotBe(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*Policy){
		"name":          func(p *Policy) { p.Name = " " },
		"steps":         func(p *Policy) { p.Steps = nil },
		"steps.0.delay": func(p *Policy) { p.Steps[0].Delay = 61 },
		"steps.1.unit":  func(p *Policy) { p.Steps[1].Unit = "year" },
		"final":         func(p *Policy) { p.Final = "explode" },
		"access":        func(p *Policy) { p.Access = "" },
		"max_declines":  func(p *Policy) { p.MaxDeclines = 21 },
		"remind_days":   func(p *Policy) { p.RemindDays = -1 },
	} {
		p := Standard()
		change(&p)
		err := p.Check()
		if err == nil || !strings.Contains(err.Error(), name+" ") {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := Standard().Check(); err != nil {
		t.Error(err)
	}
	long := Standard()
	long.Steps = []Step{{Delay: 8, Unit: Weeks}, {Delay: 8, Unit: Weeks}}
	if long.Check() == nil {
		t.Error("112 days were accepted")
	}
}
