package outbox

import (
	"encoding/json"
	"time"

	"perennial/internal/clock"
	"perennial/internal/db"
	"perennial/internal/fault"
	"perennial/internal/id"
)

var endpointTable = db.NewTable("endpoint", db.Int("account_id"), db.Int("id"), db.Text("kind"), db.Text("address"), db.Text("secret"),
	db.Text("old_secret"), db.NullInt("old_secret_until"), db.Text("events"), db.Text("state"), db.NullInt("failing_since"), db.Text("failure"),
	db.Int("created_at"), db.Int("version"), db.Text("headers"), db.Int("in_flight"), db.Int("failures"), db.Text("dialect"), db.Text("settings"))

const endpointColumns = "account_id, id, kind, address, secret, old_secret, old_secret_until, events, state, failing_since, failure, created_at, version, headers, in_flight, failures, dialect, settings"

func scanEndpoint(row db.Scan, list *[]Endpoint) error {
	var e Endpoint
	var events, headers, settings string
	err := row(&e.Account, &e.ID, &e.Kind, &e.Address, &e.Secret, &e.OldSecret, db.ScanTime(&e.OldSecretUntil), &events, &e.State,
		db.ScanTime(&e.FailingSince), &e.Failure, db.ScanTime(&e.CreatedAt), &e.Version, &headers, &e.InFlight, &e.Failures, &e.Dialect, &settings)
	e.Events = parseFilter(events)
	if err == nil && headers != "" {
		err = json.Unmarshal([]byte(headers), &e.Headers)
	}
	if err == nil && settings != "" {
		err = json.Unmarshal([]byte(settings), &e.Settings)
	}
	*list = append(*list, e)
	return err
}

// headersText is the stored form of the extra headers.
func headersText(list []Header) (string, error) {
	if len(list) == 0 {
		return "", nil
	}
	b, err := json.Marshal(list)
	return string(b), err
}

// check refuses what an endpoint cannot be set to.
func (e Endpoint) check() error {
	if err := e.Events.Check(); err != nil {
		return err
	}
	if e.InFlight < 1 || e.InFlight > MaxInFlight {
		return fault.BadField("in_flight", "must be from 1 to %d", MaxInFlight)
	}
	if e.Dialect == "" && e.Settings.text() != "" {
		return fault.BadField("dialect", "must be another system's for an endpoint that is told of some products alone, or tried otherwise")
	}
	if len(e.Settings.Products) > MaxScope || len(e.Settings.Campaigns) > MaxScope {
		return fault.BadField("products", "can be at most %d, and so can campaigns", MaxScope)
	}
	if len(e.Headers) > MaxHeaders {
		return fault.BadField("headers", "can be at most %d", MaxHeaders)
	}
	return nil
}

// most is how many endpoints of a kind an account may have.
var most = map[Kind]int{Webhook: MaxEndpoints, Hook: MaxHooks}

// InsertEndpoint writes a new endpoint. A webhook beyond MaxEndpoints is refused
// with Conflict, a hook beyond MaxHooks too, and so is a filter that Check refuses.
func InsertEndpoint(tx *db.Tx, e Endpoint) error {
	headers, err := headersText(e.Headers)
	if err != nil {
		return err
	}
	if err := e.check(); err != nil {
		return err
	}
	if limit, ok := most[e.Kind]; ok {
		var n int
		if err := tx.One([]any{&n}, "select count(*) from endpoint where account_id = $1 and kind = $2", e.Account, e.Kind); err != nil {
			return err
		}
		if n >= limit {
			return fault.New(fault.Conflict, "an account can have at most %d endpoints of this kind; remove one first", limit)
		}
	}
	return tx.Insert(endpointTable, 1, func(_ int, r *db.Row) {
		r.Int(int64(e.Account))
		r.Int(int64(e.ID))
		r.Text(string(e.Kind))
		r.Text(e.Address)
		r.Text(e.Secret)
		r.Text(e.OldSecret)
		r.Time(e.OldSecretUntil)
		r.Text(e.Events.text())
		r.Text(string(e.State))
		r.Time(e.FailingSince)
		r.Text(e.Failure)
		r.Time(e.CreatedAt)
		r.Int(e.Version)
		r.Text(headers)
		r.Int(int64(e.InFlight))
		r.Int(int64(e.Failures))
		r.Text(e.Dialect)
		r.Text(e.Settings.text())
	})
}

// LoadWebhook is one endpoint that a merchant or a service made; NotFound when the
// account has none with that id, and for its built-in one.
func LoadWebhook(tx *db.Tx, account id.Account, endpoint id.Endpoint) (Endpoint, error) {
	e, err := LoadEndpoint(tx, account, endpoint)
	if err == nil && e.Kind == Mail {
		return Endpoint{}, fault.New(fault.NotFound, "there is no webhook endpoint with that id")
	}
	return e, err
}

// MailEndpoint is the account's built-in endpoint for mails.
func MailEndpoint(tx *db.Tx, account id.Account) (Endpoint, error) {
	e, err := LoadEndpoint(tx, account, MailEndpointOf(account))
	if fault.Is(err, fault.NotFound) {
		return e, fault.New(fault.Internal, "the account has no endpoint for mails")
	}
	return e, err
}

// LoadEndpoint is one endpoint of any kind; NotFound when the account has none with
// that id.
func LoadEndpoint(tx *db.Tx, account id.Account, endpoint id.Endpoint) (Endpoint, error) {
	var list []Endpoint
	err := tx.Each(func(row db.Scan) error { return scanEndpoint(row, &list) },
		"select "+endpointColumns+" from endpoint where account_id = $1 and id = $2"+tx.Lock(), account, endpoint)
	if err != nil {
		return Endpoint{}, err
	}
	if len(list) == 0 {
		return Endpoint{}, fault.New(fault.NotFound, "there is no webhook endpoint with that id")
	}
	return list[0], nil
}

// Endpoints is every webhook and hook of the account, oldest first; they are at most
// MaxEndpoints and MaxHooks.
func Endpoints(tx *db.Tx, account id.Account) ([]Endpoint, error) {
	var list []Endpoint
	err := tx.Each(func(row db.Scan) error { return scanEndpoint(row, &list) },
		"select "+endpointColumns+" from endpoint where account_id = $1 and kind <> 'mail' order by id", account)
	return list, err
}

// SaveEndpoint writes the endpoint over the version that was loaded.
func SaveEndpoint(tx *db.Tx, e *Endpoint) error {
	headers, err := headersText(e.Headers)
	if err != nil {
		return err
	}
	if err := e.check(); err != nil {
		return err
	}
	n, err := tx.Exec(`update endpoint set address = $4, secret = $5, old_secret = $6, old_secret_until = $7, events = $8, state = $9,
		failing_since = $10, failure = $11, headers = $12, in_flight = $13, failures = $14, settings = $15, version = version + 1 where account_id = $1 and id = $2 and version = $3`,
		e.Account, e.ID, e.Version, e.Address, e.Secret, e.OldSecret, db.Time(e.OldSecretUntil), e.Events.text(), e.State,
		db.Time(e.FailingSince), e.Failure, headers, e.InFlight, e.Failures, e.Settings.text())
	if err != nil {
		return err
	}
	if n == 0 {
		return db.VersionConflict()
	}
	e.Version++
	return nil
}

// RemoveEndpoint deletes a webhook or hook and gives up what it is still owed; its part
// of the delivery log stays. NotFound when there is none with that id.
func RemoveEndpoint(tx *db.Tx, account id.Account, endpoint id.Endpoint, now time.Time) error {
	n, err := tx.Exec("delete from endpoint where account_id = $1 and id = $2 and kind <> 'mail'", account, endpoint)
	if err != nil {
		return err
	}
	if n == 0 {
		return fault.New(fault.NotFound, "there is no webhook endpoint with that id")
	}
	_, err = tx.Exec(`update outbox set state = 'dead', settled_at = $3, failure = 'the endpoint was removed', version = version + 1
		where account_id = $1 and endpoint_id = $2 and state = 'waiting'`, account, endpoint, clock.Micros(now))
	return err
}

// GiveUp gives up up to limit deliveries that wait for an endpoint, and tells how many they
// were: whoever enables it again may not want what is old.
func GiveUp(tx *db.Tx, account id.Account, endpoint id.Endpoint, now time.Time, limit int) (int64, error) {
	return tx.Exec(`update outbox set state = 'dead', settled_at = $3, failure = 'it was dropped when the endpoint was enabled again', version = version + 1
		where account_id = $1 and id in (select id from outbox where account_id = $1 and endpoint_id = $2 and state = 'waiting' order by next_at, id limit $4)`,
		account, endpoint, clock.Micros(now), limit)
}
