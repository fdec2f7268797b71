package api

import (
	"encoding/base64"
	"encoding/binary"
	"strings"

	"perennial/internal/fault"
	"perennial/internal/id"
)

// Page is the part of a list that is asked for.
type Page struct {
	Limit  int    `query:"limit" default:"20" minimum:"1" maximum:"100" doc:"How many to answer."`
	Cursor string `query:"cursor" maxLength:"64" doc:"next_cursor of the page before."`
}

// list is one page of a list.
type list[W any] struct {
	Data       []W     `json:"data"`
	HasMore    bool    `json:"has_more"`
	NextCursor *string `json:"next_cursor" doc:"For the next page; null on the last."`
}

// before is the id that a cursor holds, 0 when there is none. A cursor of another
// kind of list is refused.
func before[I interface{ ~int64 }](p Page, kind string) (I, error) {
	if p.Cursor == "" {
		return 0, nil
	}
	raw, err := base64.RawURLEncoding.DecodeString(p.Cursor)
	rest, ok := strings.CutPrefix(string(raw), kind+":")
	if err != nil || !ok || len(rest) != 8 {
		return 0, fault.BadField("query.cursor", "must be next_cursor of a page of this list")
	}
	v := int64(binary.BigEndian.Uint64([]byte(rest))) // #nosec G115 -- a wrong one only leads to another page
	if v <= 0 {
		return 0, fault.BadField("query.cursor", "must be next_cursor of a page of this list")
	}
	return I(v), nil
}

// paged makes a page of the rows that were read, of which there is one more than
// asked for when there are more.
func paged[R, W any](p Page, kind string, rows []R, idOf func(R) int64, render func(R) W) list[W] {
	out := list[W]{Data: []W{}}
	if len(rows) > p.Limit {
		rows = rows[:p.Limit]
		out.HasMore = true
		b := binary.BigEndian.AppendUint64([]byte(kind+":"), uint64(idOf(rows[len(rows)-1]))) // #nosec G115 -- ids are positive
		next := base64.RawURLEncoding.EncodeToString(b)
		out.NextCursor = &next
	}
	for _, r := range rows {
		out.Data = append(out.Data, render(r))
	}
	return out
}

// parse reads an id that a body or query refers to; "" is none.
func parse[I id.Identifier](field, text string) (I, error) {
	var none I
	if text == "" {
		return none, nil
	}
	v, err := id.Parse[I](text)
	if err != nil {
		return none, fault.BadField(field, "names nothing in this account")
	}
	return v, nil
}

// refersTo turns "not found" of something that a body only refers to into a wrong field.
func refersTo(err error, field string) error {
	if fault.Is(err, fault.NotFound) {
		return fault.BadField(field, "names nothing in this account")
	}
	return err
}

// within reads the id in a path and the place in the list that it leads to.
func within[I, R id.Identifier](of ByID, p Page, kind string) (I, R, error) {
	thing, err := id.Parse[I](of.ID)
	if err != nil {
		return thing, 0, err
	}
	from, err := before[R](p, kind)
	return thing, from, err
}
