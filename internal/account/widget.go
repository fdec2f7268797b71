package account

import (
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"perennial/internal/clock"
	"perennial/internal/db"
	"perennial/internal/fault"
	"perennial/internal/id"
)

// Limits on what a merchant may set up.
const (
	MaxWidgets     = 50 // of one account
	MaxWidgetPlans = 20 // of one widget
	MaxWidgetSites = 20 // of one widget
)

// Widget is what a merchant's site shows of ours in a frame: plans to choose from, and the
// customers' log-in. It is found by its code, which everybody may know: it stands in the
// pages of the site.
type Widget struct {
	ID        id.Widget
	Account   id.Account
	Code      string     // unique over all accounts
	Name      string     // for the team
	Plans     []id.Price // those that are shown, in this order; empty for all that are on sale
	Sites     []string   // the origins of the sites that may show it, such as https://example.com
	CreatedAt time.Time
}

var widgetForm = regexp.MustCompile(`^[A-Za-z0-9-]{3,64}$`)

// NewWidget makes a widget. An empty code is made up; a given one is what is pasted into
// sites already.
func NewWidget(account id.Account, code, name string, plans []id.Price, sites []string, now time.Time) (Widget, error) {
	w := Widget{ID: id.New[id.Widget](), Account: account, Code: code, Name: name, Plans: plans, CreatedAt: now}
	var f fault.Fields
	f.Add("name", CheckName(name, 80))
	f.Check(code == "" || widgetForm.MatchString(code), "code", "must be 3 to 64 letters, digits and -")
	f.Check(len(plans) <= MaxWidgetPlans, "plans", "can be at most %d", MaxWidgetPlans)
	f.Check(len(sites) <= MaxWidgetSites, "sites", "can be at most %d", MaxWidgetSites)
	for _, s := range sites {
		origin, ok := parseOrigin(s)
		f.Check(ok, "sites", "%.100q must be the origin of a site, such as https://example.com", s)
		if ok && !slices.Contains(w.Sites, origin) {
			w.Sites = append(w.Sites, origin)
		}
	}
	if w.Code == "" {
		w.Code = "wdg-" + RandomText(28)
	}
	return w, f.Err()
}

// parseOrigin reads an origin: scheme, host and port, nothing else. Only a machine's own
// addresses go without TLS.
func parseOrigin(s string) (string, bool) {
	u, err := url.Parse(s)
	if err != nil || len(s) > 200 || u.Host == "" || u.User != nil || u.RawQuery != "" || u.Fragment != "" || strings.Trim(u.Path, "/") != "" {
		return "", false
	}
	host := u.Hostname()
	local := host == "localhost" || host == "127.0.0.1"
	if u.Scheme != "https" && (u.Scheme != "http" || !local) || !hostForm.MatchString(host) {
		return "", false
	}
	return u.Scheme + "://" + strings.ToLower(u.Host), true
}

var hostForm = regexp.MustCompile(`^[A-Za-z0-9.-]+$`)

// InsertWidget writes a new widget; a Conflict when its code is in use, or the account has
// MaxWidgets.
func InsertWidget(tx *db.Tx, w Widget) error {
	var n int
	if err := tx.One([]any{&n}, "select count(*) from widget where account_id = $1", w.Account); err != nil {
		return err
	}
	if n >= MaxWidgets {
		return fault.New(fault.Conflict, "an account can have at most %d widgets; remove one first", MaxWidgets)
	}
	plans := make([]string, len(w.Plans))
	for i, p := range w.Plans {
		plans[i] = p.String()
	}
	_, err := tx.Exec("insert into widget (code, id, account_id, name, plans, sites, created_at) values ($1, $2, $3, $4, $5, $6, $7)",
		w.Code, w.ID, w.Account, w.Name, strings.Join(plans, " "), strings.Join(w.Sites, " "), clock.Micros(w.CreatedAt))
	if db.IsUnique(err) {
		return &fault.Error{Kind: fault.Conflict, Code: "code_taken", Message: "that code is in use already", Fields: []fault.Field{{Name: "code", Message: "is in use already"}}}
	}
	return err
}

const widgetColumns = "code, id, account_id, name, plans, sites, created_at"

func scanWidget(row db.Scan, list *[]Widget) error {
	var w Widget
	var plans, sites string
	if err := row(&w.Code, &w.ID, &w.Account, &w.Name, &plans, &sites, db.ScanTime(&w.CreatedAt)); err != nil {
		return err
	}
	for _, text := range strings.Fields(plans) {
		p, err := id.Parse[id.Price](text)
		if err != nil {
			return err
		}
		w.Plans = append(w.Plans, p)
	}
	w.Sites = strings.Fields(sites)
	*list = append(*list, w)
	return nil
}

// WidgetByCode is the widget with a code; NotFound when there is none.
func WidgetByCode(tx *db.Tx, code string) (Widget, error) {
	return oneWidget(tx, "select "+widgetColumns+" from widget where code = $1", code)
}

func oneWidget(tx *db.Tx, query string, args ...any) (Widget, error) {
	var list []Widget
	err := tx.Each(func(row db.Scan) error { return scanWidget(row, &list) }, query, args...)
	if err == nil && len(list) == 0 {
		err = fault.New(fault.NotFound, "there is no widget with that id")
	}
	if err != nil {
		return Widget{}, err
	}
	return list[0], nil
}

// Widgets are an account's widgets, oldest first.
func Widgets(tx *db.Tx, account id.Account) ([]Widget, error) {
	var list []Widget
	err := tx.Each(func(row db.Scan) error { return scanWidget(row, &list) }, "select "+widgetColumns+" from widget where account_id = $1 order by id", account)
	return list, err
}

// RemoveWidget ends a widget, whose code is free then; NotFound when the account has none
// with that id.
func RemoveWidget(tx *db.Tx, account id.Account, widget id.Widget) error {
	n, err := tx.Exec("delete from widget where account_id = $1 and id = $2", account, widget)
	if err == nil && n == 0 {
		return fault.New(fault.NotFound, "there is no widget with that id")
	}
	return err
}
