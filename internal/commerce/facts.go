package commerce

import (
	"strconv"
	"time"
)

// facts spell an event's data as event.Data does, for the events that every renewal
// writes: there the encoder of maps cost more than all the arithmetic. The caller
// names the fields in alphabetical order, the order of that encoder.
type facts struct{ b []byte }

func newFacts() facts { return facts{append(make([]byte, 0, 176), '{')} }

func (f facts) name(field string) facts {
	if len(f.b) > 1 {
		f.b = append(f.b, ',')
	}
	f.b = append(append(append(f.b, '"'), field...), '"', ':')
	return f
}

// whole adds a whole number.
func (f facts) whole(field string, v int64) facts {
	f = f.name(field)
	f.b = strconv.AppendInt(f.b, v, 10)
	return f
}

// word adds a text that needs no escapes: an identifier, a code, an invoice number.
func (f facts) word(field, v string) facts {
	f = f.name(field)
	f.b = append(append(append(f.b, '"'), v...), '"')
	return f
}

// instant adds an instant.
func (f facts) instant(field string, at time.Time) facts {
	f = f.name(field)
	f.b = append(at.AppendFormat(append(f.b, '"'), time.RFC3339Nano), '"')
	return f
}

// text is the JSON object.
func (f facts) text() string { return string(append(f.b, '}')) }
