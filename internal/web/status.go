package web

// tone is how a status looks: the colour class and the icon.
type tone struct{ class, icon string }

// statuses maps each status word to its looks. A word that is not here shows
// neutral with a ring, so a new word is never invisible.
var statuses = map[string]tone{
	"Active":       {"tone-success", "check-circle"},
	"Paid":         {"tone-success", "check-circle"},
	"Succeeded":    {"tone-success", "check-circle"},
	"Recovered":    {"tone-success", "check-circle"},
	"Published":    {"tone-success", "check-circle"},
	"Delivered":    {"tone-success", "check-circle"},
	"Sent":         {"tone-success", "check-circle"},
	"Kept":         {"tone-info", "mail"},
	"Waiting":      {"tone-info", "clock"},
	"Off":          {"tone-neutral", "stop"},
	"Trial":        {"tone-accent", "hourglass"},
	"Past due":     {"tone-warning", "warning"},
	"Partly paid":  {"tone-warning", "half"},
	"Disputed":     {"tone-error", "flag"},
	"Unknown":      {"tone-warning", "question"},
	"Pending":      {"tone-info", "clock"},
	"Scheduled":    {"tone-info", "clock"},
	"Open":         {"tone-info", "ring"},
	"Running":      {"tone-info", "clock"},
	"Paused":       {"tone-neutral", "pause"},
	"Cancelling":   {"tone-warning", "ending"},
	"Ended":        {"tone-neutral", "stop"},
	"Cancelled":    {"tone-neutral", "stop"},
	"Draft":        {"tone-neutral", "pencil"},
	"Retired":      {"tone-neutral", "stop"},
	"Refunded":     {"tone-neutral", "undo"},
	"Void":         {"tone-neutral", "void"},
	"Failed":       {"tone-error", "x-circle"},
	"Declined":     {"tone-error", "x-circle"},
	"Uncollected":  {"tone-error", "x-circle"},
	"Lead":         {"tone-neutral", "ring"},
	"Needs action": {"tone-warning", "warning"},
}

func statusTone(word string) tone {
	if t, ok := statuses[word]; ok {
		return t
	}
	return tone{"tone-neutral", "ring"}
}

func (k Kind) icon() string {
	switch k {
	case Success:
		return "check-circle"
	case Warning:
		return "warning"
	case Failure:
		return "x-circle"
	}
	return "info"
}

// word is the tone said to a screen reader before the notice.
func (k Kind) word() string {
	switch k {
	case Success:
		return "Done"
	case Warning:
		return "Warning"
	case Failure:
		return "Error"
	}
	return "Note"
}

// role makes failures assertive and everything else polite.
func (k Kind) role() string {
	if k == Failure {
		return "alert"
	}
	return "status"
}
