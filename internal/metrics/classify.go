package metrics

// classify appends what brought a customer from what they paid for to what they pay for.
// Existed says that they had paid before.
func (d *Deriver) classify(out []Line, from, to []slot, existed bool) []Line {
	switch {
	case len(from) == 0:
		kind := New
		if existed {
			kind = Back
		}
		for _, s := range to {
			out = append(out, Line{Kind: kind, Terms: s.terms, Amount: s.value, Hold: 1})
		}
		return out
	case len(to) == 0:
		for _, s := range from {
			out = append(out, Line{Kind: d.lost, Terms: s.terms, Amount: -s.value, Hold: -1})
		}
		return out
	case len(from) == 1 && len(to) == 1 && from[0] == to[0]:
		return out
	}
	return d.changed(out, from, to)
}

// changed appends what a customer changed who pays before and after. What left some terms
// and arrived at others has moved, in the order of the terms; the rest is an upgrade or a
// downgrade of the terms at which it happened.
func (d *Deriver) changed(out []Line, from, to []slot) []Line {
	kind, change := d.direction(from, to)
	var won, lost int64
	both(from, to, func(_, was, is int64) {
		won, lost = won+max(is-was, 0), lost+max(was-is, 0)
	})
	won, lost = min(won, lost), min(won, lost) // what moves
	first := len(out)
	var at, most int64 // the terms at which most of the change happened
	both(from, to, func(terms, was, is int64) {
		diff := is - was
		var moved int64
		if diff > 0 {
			moved = min(diff, won)
			won -= moved
		} else {
			moved = -min(-diff, lost)
			lost += moved
		}
		hold := int8(sign(is) - sign(was)) // #nosec G115 -- -1 to 1
		if moved != 0 || hold != 0 {
			out = append(out, Line{Kind: Moved, Terms: terms, Amount: moved, Hold: hold})
		}
		if rest := diff - moved; rest != 0 {
			out = append(out, Line{Kind: kind, Terms: terms, Amount: rest})
			if size := max(rest, -rest); size > most {
				at, most = terms, size
			}
		}
	})
	switch {
	case most > 0:
		same(out[first:], &Line{Kind: kind, Terms: at}).Count = 1
	case change: // only the term became another
		out = append(out, Line{Kind: kind, Terms: to[0].terms, Count: 1})
	}
	return out
}

// direction is whether a change counts as an upgrade, and whether it is one at all when
// the amounts are the same.
func (d *Deriver) direction(from, to []slot) (kind Kind, change bool) {
	if d.rules.byTerm {
		switch c := d.longest(to).compare(d.longest(from)); {
		case c > 0:
			return Upgraded, true
		case c < 0:
			return Downgraded, true
		}
	}
	if sum(to) >= sum(from) {
		return Upgraded, false
	}
	return Downgraded, false
}

// term is a length in months, as a ratio.
type term struct{ months, of int64 }

func (t term) compare(u term) int {
	switch a, b := t.months*u.of, u.months*t.of; {
	case a > b:
		return 1
	case a < b:
		return -1
	}
	return 0
}

// longest is the longest term of what a customer holds.
func (d *Deriver) longest(list []slot) term {
	most := term{0, 1}
	for _, s := range list {
		months, of := d.length(s.terms)
		if t := (term{months, of}); t.compare(most) > 0 {
			most = t
		}
	}
	return most
}
