package api

import (
	"context"
	"encoding/base64"
	"encoding/binary"
	"net/http"
	"reflect"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	"perennial/internal/commerce"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/money"
	"perennial/internal/report"
	"perennial/internal/usage"
)

// UsageEventBody is one piece of usage as it is sent. The form of one event and of a
// list is read by decodeEvents, and described by these types.
type UsageEventBody struct {
	Subscription string    `json:"subscription,omitempty" maxLength:"40" doc:"Whose usage it is; or customer."`
	Customer     string    `json:"customer,omitempty" maxLength:"40" doc:"Who has exactly one running subscription that is billed by the meter."`
	Meter        string    `json:"meter" maxLength:"64" example:"api-calls" doc:"The id of the meter, or its code."`
	Units        string    `json:"units,omitempty" maxLength:"40" example:"1.5" doc:"A decimal number with at most six decimals; below zero gives back. Left out for a meter that counts different values."`
	Value        string    `json:"value,omitempty" maxLength:"255" doc:"What a meter that counts different values tells apart."`
	At           time.Time `json:"at,omitempty" doc:"When it was used; left out: now."`
	Key          string    `json:"key" maxLength:"255" doc:"By which a repetition is known, with the UTC day of at: repeat both. 1 to 255 printable ASCII characters."`
	Note         string    `json:"note,omitempty" maxLength:"500"`
}

// UsageOfOneBody is a piece of usage of the subscription that the address names.
type UsageOfOneBody struct {
	Meter string    `json:"meter" maxLength:"64" example:"api-calls" doc:"The id of the meter, or its code."`
	Units string    `json:"units,omitempty" maxLength:"40" example:"1.5" doc:"A decimal number with at most six decimals; below zero gives back. Left out for a meter that counts different values."`
	Value string    `json:"value,omitempty" maxLength:"255" doc:"What a meter that counts different values tells apart."`
	At    time.Time `json:"at,omitempty" doc:"When it was used; left out: now."`
	Key   string    `json:"key" maxLength:"255" doc:"By which a repetition is known, with the UTC day of at: repeat both. 1 to 255 printable ASCII characters."`
	Note  string    `json:"note,omitempty" maxLength:"500"`
}

// UsageBody is a list of usage.
type UsageBody struct {
	Events []UsageEventBody `json:"events" minItems:"1" maxItems:"500"`
}

// UsageResult is what became of one event.
type UsageResult struct {
	Key          string         `json:"key"`
	Outcome      string         `json:"outcome" enum:"counted,late_counted,refused,duplicate,invalid" doc:"late_counted: in the present period, because its own has been billed. refused: kept but not counted. duplicate: recorded before. invalid: kept nowhere."`
	Reason       *string        `json:"reason" enum:"before_start,after_end,in_future,too_late,period_closed,archived_meter,negative_not_allowed,counter_full,key_reused" doc:"Of a refused one, and of a duplicate that says something else than the first."`
	First        *string        `json:"first,omitempty" enum:"counted,late_counted,refused" doc:"Of a duplicate: what became of the first."`
	Subscription *string        `json:"subscription"`
	Meter        *string        `json:"meter"`
	Period       *int           `json:"period" doc:"In which it counts."`
	At           *time.Time     `json:"at"`
	Errors       []problemField `json:"errors,omitempty" doc:"Of an invalid one: the wrong fields."`
}

// UsageResults are the results of a list, in its order.
type UsageResults struct {
	Results []UsageResult `json:"results"`
}

// rawInput is a request whose body is read by the operation itself.
type rawInput struct {
	RawBody []byte `contentType:"application/json"`
}

type rawInputOf struct {
	ByID
	RawBody []byte `contentType:"application/json"`
}

// recordUsage registers a route that records usage. Its body is read and its answer
// written by hand: usage comes in such numbers that describing each event to itself
// costs more than storing it.
func recordUsage[I, W, B any](a *API, o operation, run func(ctx context.Context, call commerce.Call, in *I) ([]commerce.UsageResult, error), render func([]byte, []commerce.UsageResult) []byte) {
	o.method, o.status = http.MethodPost, http.StatusOK
	op := a.describeOp(o, reflect.TypeFor[W]())
	op.SkipValidateBody = true
	schema := a.huma.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[B](), true, o.id+"Request")
	huma.Register(a.huma, op, func(ctx context.Context, in *I) (*answer, error) {
		who := callerOf(ctx)
		call := who.call()
		if who.once != nil {
			call.Once = &commerce.Once{Request: *who.once, Answer: func(result any, refusal error) (int, string) {
				if refusal != nil {
					p := problemOf(refusal)
					return p.Status, string(p.text())
				}
				return o.status, string(render(nil, result.([]commerce.UsageResult)))
			}}
		}
		results, err := run(ctx, call, in)
		if before, ok := commerce.IsReplayed(err); ok {
			out := answered(before.Status, []byte(before.Body))
			out.Replayed = "true"
			return out, nil
		}
		if err != nil {
			return a.refused(ctx, err), nil
		}
		return answered(o.status, render(make([]byte, 0, 64+256*len(results)), results)), nil
	})
	for _, m := range a.huma.OpenAPI().Paths[o.path].Post.RequestBody.Content {
		m.Schema = schema
	}
}

func (a *API) usageRoutes() {
	a.meterRoutes()
	recordUsage[rawInput, UsageResults, UsageBody](a, operation{id: "record-usage", path: "/v1/usage", tag: "Usage", summary: "Record usage, up to 500 events",
		text: "Each event gets its own result, in the order of the request; what one is does not matter to the others, but a list without any valid event is refused. An event is known by its subscription, its key and the UTC day of its instant: sent again it is answered as a duplicate and counts once."},
		func(ctx context.Context, call commerce.Call, in *rawInput) ([]commerce.UsageResult, error) {
			events, err := decodeEvents(in.RawBody)
			if err != nil {
				return nil, err
			}
			results, err := a.s.RecordUsage(ctx, commerce.RecordUsage{Call: call, Events: events})
			if err == nil {
				err = allInvalid(results)
			}
			return results, err
		}, appendResults)
	recordUsage[rawInputOf, UsageResult, UsageOfOneBody](a, operation{id: "record-usage-of-subscription", path: "/v1/subscriptions/{id}/usage", tag: "Usage", summary: "Record one piece of usage of a subscription",
		text: "The answer says whether it was counted: a refused one is kept, so that the question why can be answered."},
		func(ctx context.Context, call commerce.Call, in *rawInputOf) ([]commerce.UsageResult, error) {
			sub, err := id.Parse[id.Subscription](in.ID)
			if err != nil {
				return nil, err
			}
			event, err := decodeEvent(in.RawBody)
			if err != nil {
				return nil, err
			}
			event.Subscription = sub
			if len(event.Wrong) > 0 {
				return nil, wrongEvent(event.Wrong)
			}
			return a.recordOne(ctx, call, event)
		}, func(b []byte, results []commerce.UsageResult) []byte {
			return append(appendResult(b, &results[0]), '\n')
		})
	a.usageReads()
}

// recordOne records a single event: one that is invalid refuses the request.
func (a *API) recordOne(ctx context.Context, call commerce.Call, event commerce.UsageEvent) ([]commerce.UsageResult, error) {
	results, err := a.s.RecordUsage(ctx, commerce.RecordUsage{Call: call, Events: []commerce.UsageEvent{event}})
	if err != nil || results[0].Outcome != commerce.UsageInvalid {
		return results, err
	}
	for _, f := range results[0].Fields {
		if f.Name == "subscription" {
			return nil, fault.New(fault.NotFound, "there is no subscription with that id")
		}
	}
	return nil, wrongEvent(results[0].Fields)
}

// allInvalid refuses a list in which no event was valid.
func allInvalid(results []commerce.UsageResult) error {
	var f []fault.Field
	for i, r := range results {
		if r.Outcome != commerce.UsageInvalid {
			return nil
		}
		for _, field := range r.Fields {
			f = append(f, fault.Field{Name: "events." + strconv.Itoa(i) + "." + field.Name, Message: field.Message})
		}
	}
	return wrongEvent(f)
}

func wrongEvent(fields []fault.Field) error {
	return &fault.Error{Kind: fault.Invalid, Message: "the request is not valid", Fields: fields}
}

// Meter is a meter.
type Meter struct {
	ID           string    `json:"id"`
	Code         string    `json:"code" doc:"By which usage names it."`
	Name         string    `json:"name"`
	Unit         string    `json:"unit" example:"GB"`
	Aggregation  string    `json:"aggregation" enum:"sum,max,last,unique"`
	GraceSeconds int64     `json:"grace_seconds" doc:"How long after its end a period is billed, so that late usage counts."`
	Late         string    `json:"late" enum:"next_period,refuse" doc:"What becomes of usage whose period has been billed."`
	Prepaid      bool      `json:"prepaid" doc:"It draws on the customer's prepaid units."`
	State        string    `json:"state" enum:"active,archived"`
	CreatedAt    time.Time `json:"created_at"`
}

func meterOf(m usage.Meter) Meter {
	return Meter{m.ID.String(), m.Code, m.Name, m.Unit, string(m.Aggregation), int64(m.Grace / time.Second), string(m.Late), m.Prepaid, string(m.State), m.CreatedAt}
}

func (a *API) meterRoutes() {
	read(a, operation{id: "list-meters", path: "/v1/meters", tag: "Usage", summary: "The meters"},
		func(ctx context.Context, c caller, in *Page) (list[Meter], error) {
			from, err := before[id.Meter](*in, "mtr")
			if err != nil {
				return list[Meter]{}, err
			}
			rows, err := a.r.Meters(ctx, c.account.ID, from, in.Limit+1)
			return paged(*in, "mtr", rows, func(m usage.Meter) int64 { return int64(m.ID) }, meterOf), err
		})
	read(a, operation{id: "get-meter", path: "/v1/meters/{id}", tag: "Usage", summary: "One meter"},
		func(ctx context.Context, c caller, in *ByID) (Meter, error) {
			v, err := id.Parse[id.Meter](in.ID)
			if err != nil {
				return Meter{}, err
			}
			m, err := a.r.Meter(ctx, c.account.ID, v)
			return meterOf(m), err
		})
	type newMeter struct {
		Body struct {
			Code         string `json:"code" maxLength:"64" doc:"1 to 64 of a to z, 0 to 9, _ and -; it never changes."`
			Name         string `json:"name" maxLength:"200"`
			Unit         string `json:"unit,omitempty" maxLength:"40"`
			Aggregation  string `json:"aggregation,omitempty" enum:"sum,max,last,unique" doc:"sum when it is left out; it never changes."`
			GraceSeconds int64  `json:"grace_seconds,omitempty" minimum:"0" maximum:"2678400"`
			Late         string `json:"late,omitempty" enum:"next_period,refuse" doc:"next_period when it is left out."`
			Prepaid      bool   `json:"prepaid,omitempty" doc:"It draws on the customer's prepaid units; it never changes."`
		}
	}
	write(a, operation{id: "create-meter", path: "/v1/meters", tag: "Usage", summary: "Make a meter"},
		func(ctx context.Context, call commerce.Call, in *newMeter) (usage.Meter, error) {
			b := in.Body
			return a.s.CreateMeter(ctx, commerce.CreateMeter{Call: call, Code: b.Code, Name: b.Name, Unit: b.Unit, Aggregation: usage.Aggregation(b.Aggregation),
				Grace: time.Duration(b.GraceSeconds) * time.Second, Late: usage.Late(b.Late), Prepaid: b.Prepaid})
		}, meterOf)
	type meterChange struct {
		ByID
		Body struct {
			Name         *string `json:"name,omitempty" maxLength:"200"`
			Unit         *string `json:"unit,omitempty" maxLength:"40"`
			GraceSeconds *int64  `json:"grace_seconds,omitempty" minimum:"0" maximum:"2678400" doc:"Of subscriptions that are sold from now on."`
			Late         *string `json:"late,omitempty" enum:"next_period,refuse"`
			State        *string `json:"state,omitempty" enum:"active,archived"`
		}
	}
	write(a, operation{id: "update-meter", method: http.MethodPatch, path: "/v1/meters/{id}", status: http.StatusOK, tag: "Usage", summary: "Change a meter"},
		func(ctx context.Context, call commerce.Call, in *meterChange) (usage.Meter, error) {
			v, err := id.Parse[id.Meter](in.ID)
			if err != nil {
				return usage.Meter{}, err
			}
			b := in.Body
			c := commerce.UpdateMeter{Call: call, Meter: v, Name: b.Name, Unit: b.Unit, Late: (*usage.Late)(b.Late), State: (*usage.State)(b.State)}
			if b.GraceSeconds != nil {
				grace := time.Duration(*b.GraceSeconds) * time.Second
				c.Grace = &grace
			}
			return a.s.UpdateMeter(ctx, c)
		}, meterOf)
}

// UsageRecord is a record as it is kept.
type UsageRecord struct {
	Key        string    `json:"key"`
	Meter      string    `json:"meter"`
	At         time.Time `json:"at"`
	Units      *string   `json:"units" example:"1.5"`
	Value      *string   `json:"value"`
	Note       string    `json:"note"`
	Period     int       `json:"period" doc:"In which it counts."`
	Outcome    string    `json:"outcome" enum:"counted,late_counted,refused"`
	Reason     *string   `json:"reason" doc:"Why it was not counted."`
	ReceivedAt time.Time `json:"received_at"`
}

// UsageCounter is what a meter counted in a period.
type UsageCounter struct {
	Meter       string     `json:"meter"`
	Code        string     `json:"code"`
	Name        string     `json:"name"`
	Unit        string     `json:"unit"`
	Aggregation string     `json:"aggregation" enum:"sum,max,last,unique"`
	Period      int        `json:"period"`
	Value       string     `json:"value" example:"1042.5"`
	Events      int64      `json:"events" doc:"How many records made it."`
	LastAt      *time.Time `json:"last_at"`
	BilledAt    *time.Time `json:"billed_at" doc:"When its invoice was made; nothing counts in it any more."`
}

// UsagePage is one page of a subscription's usage.
type UsagePage struct {
	Data       []UsageRecord  `json:"data" doc:"The latest day first, within a day by key, downward."`
	HasMore    bool           `json:"has_more"`
	NextCursor *string        `json:"next_cursor" doc:"For the next page; null on the last."`
	Counters   []UsageCounter `json:"counters" doc:"Of the present period, of the two before it and of later ones."`
}

func recordOf(r usage.Record) UsageRecord {
	w := UsageRecord{Key: r.Key, Meter: r.Meter.String(), At: r.At, Value: textOf(r.Value), Note: r.Note, Period: r.Period, Outcome: string(r.Outcome),
		Reason: textOf(string(r.Why)), ReceivedAt: r.ReceivedAt}
	if r.Value == "" {
		w.Units = textOf(unitsText(r.Units))
	}
	return w
}

// unitsText is millionths as a plain decimal.
func unitsText(micros int64) string {
	d, err := money.DecimalOfMicros(micros)
	if err != nil {
		return strconv.FormatInt(micros/usage.Micro, 10) // cannot be: counters are limited
	}
	return d.String()
}

func (a *API) usageReads() {
	type query struct {
		ByID
		Limit  int    `query:"limit" default:"20" minimum:"1" maximum:"100" doc:"How many to answer."`
		Cursor string `query:"cursor" maxLength:"400" doc:"next_cursor of the page before."`
		From   string `query:"from" maxLength:"40" format:"date-time" doc:"Only usage from this instant on; left out: of the last 31 days. At most 92 days are looked at."`
		To     string `query:"to" maxLength:"40" format:"date-time" doc:"Only usage before this instant."`
		Key    string `query:"key" maxLength:"255" doc:"Only the records with that key: why was it counted, or not."`
	}
	read(a, operation{id: "get-usage", path: "/v1/subscriptions/{id}/usage", tag: "Usage", summary: "What a subscription used"},
		func(ctx context.Context, c caller, in *query) (UsagePage, error) {
			var f fault.Fields
			sub, err := id.Parse[id.Subscription](in.ID)
			if err != nil {
				return UsagePage{}, err
			}
			q := report.UsageQuery{Subscription: sub, Key: in.Key, Limit: in.Limit + 1}
			q.After, err = placeOf(in.Cursor)
			f.Add("query.cursor", err)
			q.To, err = instantOf(in.To, c.account.Now(a.o.Clock.Now()).Add(usage.FutureTolerance))
			f.Add("query.to", err)
			q.From, err = instantOf(in.From, q.To.AddDate(0, 0, -31))
			f.Add("query.from", err)
			if err := f.Err(); err != nil {
				return UsagePage{}, err
			}
			v, err := a.r.Usage(ctx, c.account.ID, q)
			return usagePage(v, in.Limit), err
		})
}

func usagePage(v report.UsageView, limit int) UsagePage {
	page := UsagePage{Data: []UsageRecord{}, Counters: []UsageCounter{}}
	if len(v.Records) > limit {
		v.Records = v.Records[:limit]
		next := placeText(v.Records[limit-1].KeyOf())
		page.HasMore, page.NextCursor = true, &next
	}
	for _, r := range v.Records {
		page.Data = append(page.Data, recordOf(r))
	}
	for _, c := range v.Counters {
		w := UsageCounter{Meter: c.Meter.String(), Aggregation: string(c.Aggregation), Period: c.Period, Value: unitsText(c.Value), Events: c.Events,
			LastAt: timeOf(c.LastAt), BilledAt: timeOf(c.ClosedAt)}
		if m := v.Meters[c.Meter]; m != nil {
			w.Code, w.Name, w.Unit, w.Aggregation = m.Code, m.Name, m.Unit, string(m.Aggregation)
		}
		page.Counters = append(page.Counters, w)
	}
	return page
}

// instantOf reads an instant of a query.
func instantOf(text string, otherwise time.Time) (time.Time, error) {
	if text == "" {
		return otherwise, nil
	}
	t, ok := readInstant(text)
	if !ok {
		return otherwise, fault.New(fault.Invalid, "must be an instant of RFC 3339, for example 2026-01-31T10:00:00Z")
	}
	return t, nil
}

// placeText is a place in a list of usage as a cursor.
func placeText(k usage.RecordKey) string {
	b := binary.BigEndian.AppendUint64([]byte("use:"), uint64(k.Day)) // #nosec G115 -- read back the same way
	return base64.RawURLEncoding.EncodeToString(append(b, k.Key...))
}

func placeOf(cursor string) (usage.RecordKey, error) {
	if cursor == "" {
		return usage.RecordKey{}, nil
	}
	raw, err := base64.RawURLEncoding.DecodeString(cursor)
	rest, ok := strings.CutPrefix(string(raw), "use:")
	if err != nil || !ok || len(rest) < 9 || strings.ContainsFunc(rest[8:], func(c rune) bool { return c < ' ' || c > '~' }) {
		return usage.RecordKey{}, fault.New(fault.Invalid, "must be next_cursor of a page of this list")
	}
	return usage.RecordKey{Day: int64(binary.BigEndian.Uint64([]byte(rest))), Key: rest[8:]}, nil // #nosec G115 -- a wrong one only leads to another page
}
