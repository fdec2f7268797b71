package customer

import (
	"encoding/json"
	"time"

	"perennial/internal/cardnumber"
	"perennial/internal/clock"
	"perennial/internal/db"
	"perennial/internal/fault"
	"perennial/internal/id"
)

// Place is a further address of a customer: of a second household, or of somebody who is
// given something.
type Place struct {
	ID        id.Place
	Account   id.Account
	Customer  id.Customer
	Facts     PlaceFacts
	CreatedAt time.Time
	UpdatedAt time.Time
	DeletedAt time.Time // zero while it is there
	Version   int64
}

// PlaceFacts are who lives there, and where that is.
type PlaceFacts struct {
	FirstName  string `json:"first_name,omitempty"`
	LastName   string `json:"last_name,omitempty"`
	Phone      string `json:"phone,omitempty"`
	Lines      string `json:"lines,omitempty"` // separated by \n
	City       string `json:"city,omitempty"`
	Region     string `json:"region,omitempty"`
	PostalCode string `json:"postal_code,omitempty"`
	Country    string `json:"country,omitempty"` // ISO 3166-1 alpha-2
	Metadata   string `json:"metadata,omitempty"`
}

// MaxPlaces is how many further addresses a customer may have.
const MaxPlaces = 100

// Check refuses a place that cannot be.
func (p PlaceFacts) Check() error {
	var f fault.Fields
	for _, c := range []struct {
		field, s string
		most     int
		lines    bool
	}{{"first_name", p.FirstName, maxName, false}, {"last_name", p.LastName, maxName, false}, {"address", p.Lines, maxAddress, true}, {"city", p.City, 100, false},
		{"region", p.Region, 60, false}, {"postal_code", p.PostalCode, 20, false}, {"metadata", p.Metadata, 2000, true}, {"phone", p.Phone, maxPhone, false}} {
		f.Check(len(c.s) <= c.most && plain(c.s, c.lines), c.field, "must be plain text of at most %d bytes", c.most)
		f.Check(!cardnumber.In(c.s), c.field, "must not hold a card number")
	}
	f.Check(p.Country == "" || isCountry(p.Country), "country", "must be two capital letters of ISO 3166, for example DE")
	return f.Err()
}

func (p PlaceFacts) text() string {
	b, _ := json.Marshal(p) // strings always marshal
	return string(b)
}

// InsertPlace writes a new place; too many are refused.
func InsertPlace(tx *db.Tx, p Place) error {
	var n int64
	if err := tx.One([]any{&n}, "select count(*) from customer_address where account_id = $1 and customer_id = $2", p.Account, p.Customer); err != nil {
		return err
	}
	if n >= MaxPlaces {
		return fault.New(fault.Conflict, "a customer can have at most %d further addresses", MaxPlaces).WithCode("too_many_addresses")
	}
	_, err := tx.Exec("insert into customer_address (account_id, id, customer_id, facts, created_at, updated_at, deleted_at, version) values ($1, $2, $3, $4, $5, $5, null, 1)",
		p.Account, p.ID, p.Customer, p.Facts.text(), clock.Micros(p.CreatedAt))
	return err
}

// SavePlace writes a place over the version that was loaded.
func SavePlace(tx *db.Tx, p Place) error {
	n, err := tx.Exec(`update customer_address set facts = $4, updated_at = $5, deleted_at = $6, version = version + 1 where account_id = $1 and id = $2 and version = $3`,
		p.Account, p.ID, p.Version, p.Facts.text(), clock.Micros(p.UpdatedAt), db.Time(p.DeletedAt))
	if err == nil && n == 0 {
		return db.VersionConflict()
	}
	return err
}

func places(tx *db.Tx, account id.Account, where string, args ...any) ([]Place, error) {
	var list []Place
	err := tx.Each(func(row db.Scan) error {
		p := Place{Account: account}
		var facts string
		err := row(&p.ID, &p.Customer, &facts, db.ScanTime(&p.CreatedAt), db.ScanTime(&p.UpdatedAt), db.ScanTime(&p.DeletedAt), &p.Version)
		if err == nil {
			err = json.Unmarshal([]byte(facts), &p.Facts)
		}
		list = append(list, p)
		return err
	}, "select id, customer_id, facts, created_at, updated_at, deleted_at, version from customer_address where account_id = $1 "+where, append([]any{account}, args...)...)
	return list, err
}

// LoadPlace is one further address, also a deleted one, or NotFound.
func LoadPlace(tx *db.Tx, account id.Account, place id.Place) (Place, error) {
	list, err := places(tx, account, "and id = $2"+tx.Lock(), place)
	if err == nil && len(list) == 0 {
		return Place{}, fault.New(fault.NotFound, "there is no address with that id")
	}
	if err != nil {
		return Place{}, err
	}
	return list[0], nil
}

// EveryPlace is what a customer ever had of further addresses, those that were taken away
// too, oldest first.
func EveryPlace(tx *db.Tx, account id.Account, customer id.Customer) ([]Place, error) {
	return places(tx, account, "and customer_id = $2 order by id", customer)
}

// Places are a customer's further addresses that are there, oldest first.
func Places(tx *db.Tx, account id.Account, customer id.Customer) ([]Place, error) {
	return places(tx, account, "and customer_id = $2 and deleted_at is null order by id", customer)
}
