package admin

import (
	"time"

	"perennial/internal/fault"
	"perennial/internal/id"
)

// Progress tells how far a command is.
type Progress struct {
	Done float64 `json:"done"` // from 0 to 1; below 0 when the end is not known
	Text string  `json:"text"` // for people
}

// Empty is the request of a command that needs nothing.
type Empty struct{}

// Status is what the running program tells of itself.
type Status struct {
	Version string `json:"version"`
	Process int    `json:"process"`
	Address string `json:"address"`
}

// NewAccount asks for an account.
type NewAccount struct {
	Name     string `json:"name"`
	Email    string `json:"email"`
	Sandbox  bool   `json:"sandbox"`
	Currency string `json:"currency"`
	Zone     string `json:"zone"`
	Country  string `json:"country"`
}

// CreatedAccount is a new account with its secrets, which are told once.
type CreatedAccount struct {
	Account id.Account        `json:"account"`
	APIKey  string            `json:"api_key"`
	Doors   map[string]Secret `json:"doors"` // by the name of the foreign API
}

// Secret is the credentials of one foreign API, by name.
type Secret map[string]string

// Account is one line of the list of accounts.
type Account struct {
	ID        id.Account `json:"id"`
	Name      string     `json:"name"`
	Mode      string     `json:"mode"`
	Currency  string     `json:"currency"`
	Zone      string     `json:"zone"`
	Email     string     `json:"email"`
	CreatedAt time.Time  `json:"created_at"`
}

// Resealed is how many secrets are sealed under another key than before.
type Resealed struct {
	Accounts  int `json:"accounts"`
	Endpoints int `json:"endpoints"` // webhooks, hooks and mail servers
	Gateways  int `json:"gateways"`
}

// OwnerLink is a fresh one-time link with which the first owner sets the server up.
type OwnerLink struct {
	Address string `json:"address"` // "" when somebody can sign in already
}

// Advance asks to move a sandbox's clock: To names an instant or a date in the
// account's zone, By an interval such as "31 days".
type Advance struct {
	Account id.Account `json:"account"`
	To      string     `json:"to,omitempty"`
	By      string     `json:"by,omitempty"`
}

// Advanced is what happened on the way.
type Advanced struct {
	From      time.Time `json:"from"`
	To        time.Time `json:"to"`
	Due       int       `json:"due"`
	Collected int       `json:"collected"`
	Declined  int       `json:"declined"`
	Unknown   int       `json:"unknown"`
	Ended     int       `json:"ended"`
}

// ClockOf asks for the clocks of one account, or of all when Account is 0.
type ClockOf struct {
	Account id.Account `json:"account,omitempty"`
}

// Clock is the time of one account.
type Clock struct {
	Account id.Account `json:"account"`
	Name    string     `json:"name"`
	Mode    string     `json:"mode"`
	Now     time.Time  `json:"now"`
	Zone    string     `json:"zone"`
	Target  *time.Time `json:"target,omitempty"` // where it is being advanced to
}

// Confirmed says whether live accounts were held.
type Confirmed struct {
	Held bool `json:"held"`
}

// BooksOf asks for the proof of one account's books, or of all when Account is 0.
type BooksOf struct {
	Account id.Account `json:"account,omitempty"`
}

// Books is what the proof of one account's books found.
type Books struct {
	Account     id.Account `json:"account"`
	Name        string     `json:"name"`
	Invoices    int64      `json:"invoices"`
	Payments    int64      `json:"payments"`
	Charges     int64      `json:"charges"`
	UnderWay    int64      `json:"under_way"`
	Balances    []string   `json:"balances"`
	Differences []string   `json:"differences"`
	More        int        `json:"more"`
}

// ReconcileOf asks to compare the gateways' own books with ours.
type ReconcileOf struct {
	Account id.Account `json:"account,omitempty"` // zero: all
	Since   time.Time  `json:"since"`             // zero: everything
}

// Reconciled is what the comparison of one account found.
type Reconciled struct {
	Account     id.Account `json:"account"`
	Name        string     `json:"name"`
	Records     int        `json:"records"`
	Foreign     int        `json:"foreign"`
	Differences []string   `json:"differences"`
	More        int        `json:"more"`
}

// Import asks to bring subscriptions from the file that follows.
type Import struct {
	Account      id.Account `json:"account"`
	Mapping      string     `json:"mapping"` // its text
	Size         int64      `json:"size"`    // of the file, for the progress
	DryRun       bool       `json:"dry_run"`
	AllOrNothing bool       `json:"all_or_nothing"`
}

// Imported is what came of an import.
type Imported struct {
	Rows     int          `json:"rows"`
	Made     int          `json:"made"`
	Known    int          `json:"known"`
	Problems []ImportLine `json:"problems"`
}

// ImportLine is one row that was not brought.
type ImportLine struct {
	Line    int    `json:"line"`
	Message string `json:"message"`
}

// frame is one line of an answer.
type frame struct {
	Progress *Progress `json:"progress,omitempty"`
	Result   any       `json:"result,omitempty"`
	Error    *refusal  `json:"error,omitempty"`
}

// refusal is a fault on its way.
type refusal struct {
	Kind    fault.Kind    `json:"kind"`
	Code    string        `json:"code,omitempty"`
	Message string        `json:"message"`
	Fields  []fault.Field `json:"fields,omitempty"`
}
