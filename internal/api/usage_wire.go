package api

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"perennial/internal/commerce"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/money"
)

// Usage is read and written by hand. The body has been looked at already (checkBody):
// it is one JSON value without a name that comes twice, null or broken text. Nearly
// every body holds plain texts only and is read by scanUsage in one pass; any other is
// read by treeOfUsage, which also says what is wrong. Both give the same events.

// decodeEvents reads the body of a list of usage. A body of another form is refused; an
// event that holds something unreadable says so in Wrong.
func decodeEvents(body []byte) ([]commerce.UsageEvent, error) {
	if events, ok := scanUsage(string(body)); ok {
		return events, nil
	}
	return treeOfUsage(body)
}

// decodeEvent reads the body of one piece of usage.
func decodeEvent(body []byte) (commerce.UsageEvent, error) {
	s := scanner{text: string(body)}
	var r reading
	if s.event(&r) && s.ended() && r.noSubject() {
		return r.done(), nil
	}
	var tree any
	if err := json.Unmarshal(body, &tree); err != nil {
		return commerce.UsageEvent{}, fault.New(fault.Invalid, "must be one JSON value")
	}
	r = reading{}
	var f fault.Fields
	r.tree(&f, "", tree)
	if r.event.Subscription != 0 || r.bad("subscription") {
		f.Bad("subscription", "is not a field of this request")
	}
	if r.event.Customer != 0 || r.bad("customer") {
		f.Bad("customer", "is not a field of this request")
	}
	return r.done(), f.Err()
}

// reading is one event while it is read.
type reading struct {
	event                    commerce.UsageEvent
	meter, units, value, key bool // were given
	about                    bool // subscription or customer was given
}

// set reads one field. It reports whether there is such a field.
func (r *reading) set(name, text string) bool {
	e := &r.event
	var err error
	switch name {
	case "subscription":
		r.about = true
		e.Subscription, err = id.Parse[id.Subscription](text)
	case "customer":
		r.about = true
		e.Customer, err = id.Parse[id.Customer](text)
	case "meter":
		r.meter = true
		if strings.HasPrefix(text, "mtr_") {
			e.Meter, err = id.Parse[id.Meter](text)
		} else if e.Code = text; text == "" {
			err = fault.New(fault.Invalid, "must be given")
		}
	case "units":
		r.units = true
		if e.Units, err = money.ParseDecimal(text); err == nil {
			if _, exact := e.Units.Micros(); !exact {
				err = fault.New(fault.Invalid, "must have at most six decimals")
			}
		}
	case "value":
		r.value, e.Value = true, text
	case "at":
		at, ok := readInstant(text)
		if e.At = at; !ok {
			err = fault.New(fault.Invalid, "must be an instant of RFC 3339 from 1970 on, for example 2026-01-31T10:00:00Z")
		}
	case "key":
		r.key, e.Key = true, text
	case "note":
		e.Note = text
	default:
		return false
	}
	if err != nil {
		message := fault.As(err).Message
		if fault.Is(err, fault.NotFound) {
			message = "names nothing in this account"
		}
		e.Wrong = append(e.Wrong, fault.Field{Name: name, Message: message})
	}
	return true
}

// done is the event, with what is missing noted.
func (r *reading) done() commerce.UsageEvent {
	e := &r.event
	if !r.meter {
		e.Wrong = append(e.Wrong, fault.Field{Name: "meter", Message: "must be given"})
	}
	if !r.key {
		e.Wrong = append(e.Wrong, fault.Field{Name: "key", Message: "must be given"})
	}
	if !r.units && !r.value {
		e.Wrong = append(e.Wrong, fault.Field{Name: "units", Message: "must be given; or value, for a meter that counts different values"})
	}
	return *e
}

func (r *reading) noSubject() bool { return !r.about }

func (r *reading) bad(name string) bool {
	for _, f := range r.event.Wrong {
		if f.Name == name {
			return true
		}
	}
	return false
}

// readInstant reads an instant between 1970 and 2199, cut to microseconds.
func readInstant(text string) (time.Time, bool) {
	t, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return time.Time{}, false
	}
	t = t.UTC().Truncate(time.Microsecond)
	return t, t.Year() >= 1970 && t.Year() < 2200
}

// scanner reads well-formed JSON that holds nothing but plain texts.
type scanner struct {
	text string
	at   int
}

// next skips white space and takes c when it is next.
func (s *scanner) next(c byte) bool {
	for s.at < len(s.text) {
		switch b := s.text[s.at]; b {
		case ' ', '\t', '\n', '\r':
			s.at++
		default:
			if b != c {
				return false
			}
			s.at++
			return true
		}
	}
	return false
}

// ended reports whether nothing but white space is left.
func (s *scanner) ended() bool { return strings.Trim(s.text[s.at:], " \t\n\r") == "" }

// plain takes a text without escapes.
func (s *scanner) plain() (string, bool) {
	if !s.next('"') {
		return "", false
	}
	n := strings.IndexByte(s.text[s.at:], '"')
	if n < 0 {
		return "", false
	}
	text := s.text[s.at : s.at+n]
	if strings.IndexByte(text, '\\') >= 0 {
		return "", false
	}
	s.at += n + 1
	return text, true
}

// event takes an object with plain texts under the names of an event.
func (s *scanner) event(r *reading) bool {
	if !s.next('{') {
		return false
	}
	for first := true; !s.next('}'); first = false {
		if !first && !s.next(',') {
			return false
		}
		name, ok := s.plain()
		if !ok || !s.next(':') {
			return false
		}
		value, ok := s.plain()
		if !ok || !r.set(name, value) {
			return false
		}
	}
	return true
}

// scanUsage reads a list of usage; false when it is not of the plain form.
func scanUsage(text string) ([]commerce.UsageEvent, bool) {
	s := scanner{text: text}
	if !s.next('{') {
		return nil, false
	}
	if name, ok := s.plain(); !ok || name != "events" || !s.next(':') || !s.next('[') {
		return nil, false
	}
	list := make([]commerce.UsageEvent, 0, min(commerce.MaxUsageEvents, len(text)/80+1))
	for !s.next(']') {
		if len(list) > 0 && !s.next(',') || len(list) == commerce.MaxUsageEvents {
			return nil, false
		}
		var r reading
		if !s.event(&r) {
			return nil, false
		}
		list = append(list, r.done())
	}
	return list, len(list) > 0 && s.next('}') && s.ended()
}

// treeOfUsage reads a list of usage of any form.
func treeOfUsage(body []byte) ([]commerce.UsageEvent, error) {
	var tree any
	if err := json.Unmarshal(body, &tree); err != nil {
		return nil, fault.New(fault.Invalid, "must be one JSON value")
	}
	object, ok := tree.(map[string]any)
	if !ok {
		return nil, fault.BadField("events", "must be a list in an object")
	}
	var f fault.Fields
	for name := range object {
		f.Check(name == "events", name, "is not a field of this request")
	}
	list, ok := object["events"].([]any)
	f.Check(ok && len(list) >= 1 && len(list) <= commerce.MaxUsageEvents, "events", "must be a list of 1 to %d events", commerce.MaxUsageEvents)
	if err := f.Err(); err != nil {
		return nil, err
	}
	events := make([]commerce.UsageEvent, len(list))
	for i, v := range list {
		var r reading
		r.tree(&f, "events."+strconv.Itoa(i), v)
		events[i] = r.done()
	}
	return events, f.Err()
}

// tree reads an event of any form; what no event has is noted under its place.
func (r *reading) tree(f *fault.Fields, place string, v any) {
	object, ok := v.(map[string]any)
	if !ok {
		if place == "" {
			place = "key"
		}
		f.Bad(place, "must be an object")
		return
	}
	if place != "" {
		place += "."
	}
	for name, v := range object {
		if text, ok := v.(string); !ok {
			f.Bad(place+name, "must be text")
		} else if !r.set(name, text) {
			f.Bad(place+name, "is not a field of this request")
		}
	}
}

// appendResults writes the results of a list.
func appendResults(b []byte, results []commerce.UsageResult) []byte {
	b = append(b, `{"results":[`...)
	for i := range results {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendResult(b, &results[i])
	}
	return append(b, "]}\n"...)
}

// appendResult writes one result, as UsageResult describes it.
func appendResult(b []byte, r *commerce.UsageResult) []byte {
	u := &r.Record
	b = appendText(append(b, `{"key":`...), u.Key)
	b = append(append(append(b, `,"outcome":"`...), r.Outcome...), '"')
	b = appendWord(append(b, `,"reason":`...), string(r.Why))
	if r.Outcome == commerce.UsageInvalid {
		b = append(b, `,"subscription":null,"meter":null,"period":null,"at":null,"errors":[`...)
		for i, f := range r.Fields {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendText(append(b, `{"location":`...), f.Name)
			b = append(appendText(append(b, `,"message":`...), f.Message), '}')
		}
		return append(b, "]}"...)
	}
	if r.Outcome == commerce.UsageDuplicate {
		b = appendWord(append(b, `,"first":`...), string(u.Outcome))
	}
	b = appendWord(append(b, `,"subscription":`...), u.Subscription.String())
	b = appendWord(append(b, `,"meter":`...), u.Meter.String())
	b = strconv.AppendInt(append(b, `,"period":`...), int64(u.Period), 10)
	b = u.At.AppendFormat(append(b, `,"at":"`...), time.RFC3339Nano)
	return append(b, `"}`...)
}

// appendWord writes a word of ours, or null for none.
func appendWord(b []byte, s string) []byte {
	if s == "" {
		return append(b, "null"...)
	}
	return append(append(append(b, '"'), s...), '"')
}

// appendText writes a text of anybody's.
func appendText(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			text, _ := json.Marshal(s) // a string always marshals
			return append(b, text...)
		}
	}
	return append(append(append(b, '"'), s...), '"')
}
