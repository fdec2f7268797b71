package web

import (
	"strconv"
	"time"

	"github.com/a-h/templ"
)

// Column is one column of a DataTable.
type Column struct {
	Label      string // short; also the label in front of the value on cards
	HideLabel  bool   // the heading is for screen readers only
	Numeric    bool   // right-aligned, tabular figures
	Card       bool   // shown on narrow screens, where each row is a card
	SortHref   string // makes the heading a link
	Sorted     Sorting
	NoWrap     bool // keeps the value on one line
	Optional   bool // left out below 1,280 px
	AlignStart bool // with Numeric: figures but start-aligned
}

// Sorting is the order in which a table's column stands.
type Sorting string

// The orders of a column.
const (
	Unsorted   Sorting = ""
	Ascending  Sorting = "ascending"
	Descending Sorting = "descending"
)

// Row is one row of a DataTable.
type Row struct {
	Href  string            // opens the row from a real link around its first cell
	Cells []templ.Component // one for each column; nil shows "–", and nothing in Foot
}

// Table is a list. Caption names it for screen readers and names the scroll
// region.
type Table struct {
	ID      string // unique in the page
	Caption string
	Columns []Column
	Rows    []Row
	Foot    []Row           // sums, one row for each currency
	Empty   templ.Component // shown instead of a table without rows
	Inline  bool            // a short table inside a page: no border, no scroll height
}

// Filter is one control of a FilterBar.
type Filter struct {
	Name    string
	Label   string
	Value   string   // for text and dates
	Type    string   // "search", "text" or "date"; ignored when Options is set
	Options []Option // makes it a select; start with {"", "Any"}
	Hint    string   // placeholder of a text field
}

// Chip is an active filter with the address of the list without it.
type Chip struct {
	Label string
	Href  string
}

// FilterSet is a FilterBar: a GET form to Action.
type FilterSet struct {
	Action  string
	Fields  []Filter // the first is usually the search field
	Keep    []Option // hidden values that survive, such as sort (only Value and Label as name)
	Chips   []Chip
	Clear   string          // address without any filter
	Actions templ.Component // at the end of the bar, such as "Export CSV"
}

// Option is one choice of a select, of filters and of segments.
type Option struct {
	Value    string
	Label    string
	Selected bool
}

// PageOf is where a list stands: links and sentence for Pager.
type PageOf struct {
	Newer string // address; empty disables
	Older string
	Text  string // RangeText
	Sizes []Link // page sizes; the current one has no Href
}

// Empty is what stands where a list has nothing.
type Empty struct {
	Title   string
	Text    string
	Primary templ.Component
	Sample  *Link // "See it with sample data", sandbox only
	Chips   []Chip
	Clear   string // with Chips: the list without filters
}

// Day is a day of a Timeline.
type Day struct {
	Label   string // "Today", "5 Dec 2026"
	Entries []Entry
}

// Entry is one event of a Timeline.
type Entry struct {
	Icon   string
	Tone   Kind // empty is neutral
	At     time.Time
	Clock  string // the time of day in the account's zone: "14:03"
	Exact  string // title of the time; empty uses UTC
	Actor  string
	Text   string // one plain sentence
	Href   string // makes the sentence a link
	Amount string
	Detail templ.Component // opens below the sentence
}

// History is a Timeline.
type History struct {
	Label string // names the list for screen readers
	Days  []Day
	Older string // address of the next 50
}

// Input is everything a form control needs to be drawn. Problem marks it as
// wrong and ties the message to it.
type Input struct {
	Name         string
	Label        string
	Help         string
	Problem      string
	Value        string
	Type         string // of TextInput: "text" when empty; "email", "password", "date", "number", "url", "tel"
	Autocomplete string
	InputMode    string
	Placeholder  string // an example, never the label
	Optional     bool   // adds "(optional)" to the label
	Disabled     bool
	Reason       string // why it is disabled
	Autofocus    bool
	Rows         int              // of TextArea; 4 when 0
	MaxLength    int              // 0 for none
	Suffix       string           // unit behind the field, such as "days" or "%"
	HideLabel    bool             // keeps the label for screen readers only
	Width        string           // "short" (120 px), "medium" (240 px) or full
	Attrs        templ.Attributes // such as hx-get; never style or on…
}

func (in Input) id() string { return fieldID(in.Name) }

func (in Input) describedBy() string {
	ids := ""
	if in.Problem != "" {
		ids = in.id() + "-problem"
	}
	if in.Help != "" {
		ids = joined(ids, in.id()+"-help")
	}
	if in.Disabled && in.Reason != "" {
		ids = joined(ids, in.id()+"-reason")
	}
	return ids
}

func joined(a, b string) string {
	if a == "" {
		return b
	}
	return a + " " + b
}

// Choice is one card of RadioCards.
type Choice struct {
	Value    string
	Label    string
	Text     string // small text below
	End      string // at the end of the card, such as a price
	Selected bool
	Disabled bool
	Reason   string // why it cannot be chosen
}

// Variant is the weight of a button. A page has at most one Primary.
type Variant string

// The variants of a button.
const (
	Primary Variant = "primary"
	Plain   Variant = "plain"
	Danger  Variant = "danger"
	Quiet   Variant = "quiet" // text only, for rows and bars
)

func (v Variant) class() string {
	switch v {
	case Primary:
		return "btn btn-primary"
	case Danger:
		return "btn btn-error"
	case Quiet:
		return "btn btn-ghost"
	}
	return "btn btn-plain"
}

// Press is a button or link button in full.
type Press struct {
	Variant  Variant
	Label    string // verb and object: "Refund $29.00"
	Href     string // makes it a link
	Icon     string
	Name     string // of a submit button with a value
	Value    string
	Small    bool
	Wide     bool // as wide as its box
	Large    bool // 44 px, for buyers
	Disabled bool
	Reason   string // why it is disabled, shown beside it
	Busy     string // the label while the form is on its way: "Paying…"
	Opens    string // id of a dialog that it opens where JavaScript runs
	Action   string // formaction: posts the form elsewhere
	Attrs    templ.Attributes
}

// Sum is one line of an ArithmeticTable.
type Sum struct {
	Label   string
	Formula string // "30.00 × 16/31 days"
	Exact   string // "15.4838…"
	Rounded string // "−$15.48"
	Total   bool   // a heavier line with a rule above
}

// Confirmation is a page or dialog before money moves or something ends.
type Confirmation struct {
	Action       string // receives the POST
	OperationKey string // sent as operation_key: the same key never acts twice
	Verb         string // the button: "Refund $29.00"
	Busy         string // while on its way: "Refunding…"
	Danger       bool
	Changes      []Fact // what changes, old and new
	Sums         []Sum  // the amounts and how they were computed
	When         string // when it takes effect, with zone
	Sends        string // which mails and webhooks go out
	Undo         string // what can be undone until when
	CancelHref   string
	CancelLabel  string // "Go back" when empty
	Problems     []Problem
	Hidden       []Option // more hidden fields: Label is the name
}

// Stat is one tile.
type Stat struct {
	Label  string
	Value  string // short form: "€48.2k"
	Exact  string // title with the exact value
	Change string // "+€1,240 (+2.6 %)"
	Trend  Trend
	Note   string // "previous 30 days: €47.0k"
	Href   string // the explanation
	Spark  []int64
	Last   string // the sparkline's last value in words
}

// Trend is the direction of a change, with whether it is good.
type Trend string

// The trends of a Stat.
const (
	NoTrend  Trend = ""
	UpGood   Trend = "up-good"
	UpBad    Trend = "up-bad"
	DownGood Trend = "down-good"
	DownBad  Trend = "down-bad"
	Flat     Trend = "flat"
)

func (t Trend) icon() string {
	switch t {
	case UpGood, UpBad:
		return "up"
	case DownGood, DownBad:
		return "down"
	}
	return "flat"
}

// Tab is one of several views of the same thing; links, not widgets.
type Tab struct {
	Label   string
	Href    string
	Current bool
	Count   string
}

// Need is one matter of the list "Needs you".
type Need struct {
	Text  string
	Count int
	Age   string // age of the oldest
	Href  string
	Kind  Kind
}

// Job is long work as its page and fragment show it.
type Job struct {
	ID         string
	Phase      string // "Reading rows", one plain word group
	Done       int64
	Total      int64  // 0 when not known yet
	Rate       string // "1,200 a second"
	Remaining  string // "about 2 minutes"
	Failed     int64
	FailedHref string
	StopHref   string // receives a POST
	PollHref   string // answers with Progress alone for htmx
	State      JobState
	Result     string // one sentence when it has ended
	ResultLink *Link
}

// JobState says where a job stands.
type JobState string

// The states of a job.
const (
	JobRunning JobState = "running"
	JobDone    JobState = "done"
	JobStopped JobState = "stopped"
	JobFailed  JobState = "failed"
)

func (j Job) percent() int64 {
	if j.Total <= 0 {
		return 0
	}
	return min(100, j.Done*100/j.Total)
}

// announcement changes only at the start, at each tenth and at the end, so a
// screen reader hears ten sentences and not hundreds.
func (j Job) announcement() string {
	switch {
	case j.State != JobRunning:
		return j.Result
	case j.Total <= 0:
		return j.Phase
	}
	return j.Phase + ", " + CountText(j.percent()/10*10) + " percent"
}

func (j Job) kind() Kind {
	switch j.State {
	case JobDone:
		return Success
	case JobFailed:
		return Failure
	case JobStopped:
		return Warning
	}
	return Info
}

func filterType(t string) string {
	if t == "" {
		return "text"
	}
	return t
}

func (e Entry) title() string {
	if e.Exact != "" {
		return e.Exact
	}
	return exactText(e.At, nil)
}

// FieldID is the id of the control with a name, for Field and for links to it.
func FieldID(name string) string { return fieldID(name) }

func (in Input) rows() int {
	if in.Rows <= 0 {
		return 4
	}
	return in.Rows
}

// controlAttrs are the attributes that every control shares and that are left
// out when they have nothing to say.
func (in Input) controlAttrs() templ.Attributes {
	attrs := templ.Attributes{}
	for name, value := range map[string]string{"autocomplete": in.Autocomplete, "inputmode": in.InputMode,
		"placeholder": in.Placeholder, "aria-describedby": in.describedBy()} {
		if value != "" {
			attrs[name] = value
		}
	}
	if in.Problem != "" {
		attrs["aria-invalid"] = "true"
	}
	if in.MaxLength > 0 {
		attrs["maxlength"] = strconv.Itoa(in.MaxLength)
	}
	return attrs
}

func widthClass(width string) string {
	switch width {
	case "short":
		return "width-short"
	case "medium":
		return "width-medium"
	}
	return ""
}

func orDefault(s, fallback string) string {
	if s == "" {
		return fallback
	}
	return s
}

func (b Press) classes() string {
	class := b.Variant.class()
	if b.Small {
		class += " btn-sm"
	}
	if b.Large {
		class += " btn-large"
	}
	if b.Wide {
		class += " btn-wide"
	}
	return class
}

func (b Press) attributes() templ.Attributes {
	attrs := templ.Attributes{}
	for name, value := range map[string]string{"name": b.Name, "value": b.Value, "formaction": b.Action, "data-busy": b.Busy} {
		if value != "" {
			attrs[name] = value
		}
	}
	return attrs
}

func (c Confirmation) variant() Variant {
	if c.Danger {
		return Danger
	}
	return Primary
}

// consequences are the facts after the fields: when, what goes out, undo.
func (c Confirmation) consequences() []Fact {
	var out []Fact
	for _, f := range []Fact{{Term: "Takes effect", Text: c.When}, {Term: "Goes out", Text: c.Sends}, {Term: "Can be undone", Text: c.Undo}} {
		if f.Text != "" {
			out = append(out, f)
		}
	}
	return out
}

func (j Job) countText() string {
	if j.Total <= 0 {
		return CountText(j.Done) + " done"
	}
	return CountText(j.Done) + " of " + CountText(j.Total) + " (" + CountText(j.percent()) + " %)"
}

func (j Job) metaText() string {
	text := "You can leave this page; the work goes on."
	if j.Remaining != "" {
		text = j.Remaining + " left. " + text
	}
	if j.Rate != "" {
		text = j.Rate + ". " + text
	}
	return text
}

func (j Job) doneText() string {
	if j.Total <= 0 {
		return ""
	}
	return CountText(j.Done) + " of " + CountText(j.Total) + " done."
}
