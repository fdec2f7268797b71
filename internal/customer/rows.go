package customer

import (
	"encoding/json"

	"perennial/internal/db"
	"perennial/internal/fault"
	"perennial/internal/id"
)

var table = db.NewTable("customer", db.Int("account_id"), db.Int("id"), db.Text("email"), db.Text("name"), db.Text("company"), db.Text("address"),
	db.Text("country"), db.Text("tax_id"), db.Text("region"), db.Text("postal_code"), db.Text("shipping"), db.Text("ip_country"), db.Text("tax_exempt"),
	db.Text("tax_id_state"), db.NullInt("tax_id_checked_at"), db.Text("language"), db.Text("metadata"), db.Text("first_name"), db.Text("last_name"),
	db.Text("phone"), db.Text("city"), db.Text("source"), db.Int("created_at"), db.Int("version"))

const columns = `id, email, name, company, address, country, tax_id, region, postal_code, shipping, ip_country, tax_exempt, tax_id_state, tax_id_checked_at,
	language, metadata, first_name, last_name, phone, city, source, created_at, updated_at, deleted_at, version`

func fill(r *db.Row, c *Customer) {
	r.Int(int64(c.Account))
	r.Int(int64(c.ID))
	r.Text(c.Email)
	r.Text(c.Buyer.Name)
	r.Text(c.Buyer.Company)
	r.Text(c.Buyer.Address)
	r.Text(c.Buyer.Country)
	r.Text(c.Buyer.TaxID)
	r.Text(c.Buyer.Region)
	r.Text(c.Buyer.PostalCode)
	r.Text(c.Taxing.Shipping.text())
	r.Text(c.Taxing.IPCountry)
	r.Text(c.Taxing.Exempt)
	r.Text(c.Taxing.IDState)
	r.Time(c.Taxing.CheckedAt)
	r.Text(c.Language)
	r.Text(metadataText(c.Metadata))
	r.Text(c.Contact.FirstName)
	r.Text(c.Contact.LastName)
	r.Text(c.Contact.Phone)
	r.Text(c.Buyer.City)
	r.Text(c.Source.text())
	r.Time(c.CreatedAt)
	r.Int(1)
}

// ErrEmailTaken refuses a second customer with one e-mail address.
var ErrEmailTaken = &fault.Error{Kind: fault.Conflict, Code: "email_taken", Message: "a customer with that e-mail address exists already",
	Fields: []fault.Field{{Name: "email", Message: "belongs to another customer"}}}

// Insert writes a new customer, or refuses with ErrEmailTaken.
func Insert(tx *db.Tx, c Customer) error {
	n, err := tx.InsertIgnore(table, 1, func(_ int, r *db.Row) { fill(r, &c) })
	if err == nil && n == 0 {
		return ErrEmailTaken
	}
	return err
}

// InsertAll writes new customers whose addresses are known to be free.
func InsertAll(tx *db.Tx, list []Customer) error {
	return tx.Insert(table, len(list), func(i int, r *db.Row) { fill(r, &list[i]) })
}

// Save writes the customer over the version that was loaded, and keeps the facts
// of that version for the documents that print them.
func Save(tx *db.Tx, before, c Customer) error {
	facts, err := json.Marshal(before.Printed())
	if err != nil {
		return err
	}
	if c.Email != before.Email && c.Email != "" && c.DeletedAt.IsZero() {
		var taken int64
		err := tx.One([]any{&taken}, "select count(*) from customer where account_id = $1 and email = $2 and email <> '' and deleted_at is null", c.Account, c.Email)
		if err != nil {
			return err
		}
		if taken > 0 {
			return ErrEmailTaken
		}
	}
	n, err := tx.Exec(`update customer set email = $4, name = $5, company = $6, address = $7, country = $8, tax_id = $9, language = $10, metadata = $11,
		region = $12, postal_code = $13, shipping = $14, ip_country = $15, tax_exempt = $16, tax_id_state = $17, tax_id_checked_at = $18,
		first_name = $19, last_name = $20, phone = $21, city = $22, source = $23, updated_at = $24, deleted_at = $25, version = version + 1 where account_id = $1 and id = $2 and version = $3`,
		c.Account, c.ID, before.Version, c.Email, c.Buyer.Name, c.Buyer.Company, c.Buyer.Address, c.Buyer.Country, c.Buyer.TaxID, c.Language, metadataText(c.Metadata),
		c.Buyer.Region, c.Buyer.PostalCode, c.Taxing.Shipping.text(), c.Taxing.IPCountry, c.Taxing.Exempt, c.Taxing.IDState, db.Time(c.Taxing.CheckedAt),
		c.Contact.FirstName, c.Contact.LastName, c.Contact.Phone, c.Buyer.City, c.Source.text(), db.Time(c.UpdatedAt), db.Time(c.DeletedAt))
	if db.IsUnique(err) {
		return ErrEmailTaken // the address was taken between the look and the write
	}
	if err != nil {
		return err
	}
	if n == 0 {
		return db.VersionConflict()
	}
	_, err = tx.Exec("insert into customer_past (account_id, customer_id, version, facts) values ($1, $2, $3, $4)", c.Account, c.ID, before.Version, string(facts))
	return err
}

func load(tx *db.Tx, account id.Account, where string, args ...any) ([]Customer, error) {
	var list []Customer
	err := tx.Each(func(row db.Scan) error {
		c := Customer{Account: account}
		var metadata, shipping, source string
		err := row(&c.ID, &c.Email, &c.Buyer.Name, &c.Buyer.Company, &c.Buyer.Address, &c.Buyer.Country, &c.Buyer.TaxID, &c.Buyer.Region, &c.Buyer.PostalCode,
			&shipping, &c.Taxing.IPCountry, &c.Taxing.Exempt, &c.Taxing.IDState, db.ScanTime(&c.Taxing.CheckedAt), &c.Language, &metadata,
			&c.Contact.FirstName, &c.Contact.LastName, &c.Contact.Phone, &c.Buyer.City, &source,
			db.ScanTime(&c.CreatedAt), db.ScanTime(&c.UpdatedAt), db.ScanTime(&c.DeletedAt), &c.Version)
		if err != nil {
			return err
		}
		if c.UpdatedAt.IsZero() {
			c.UpdatedAt = c.CreatedAt
		}
		if source != "" {
			if err := json.Unmarshal([]byte(source), &c.Source); err != nil {
				return err
			}
		}
		if shipping != "" {
			if err := json.Unmarshal([]byte(shipping), &c.Taxing.Shipping); err != nil {
				return err
			}
		}
		if metadata != "{}" {
			err = json.Unmarshal([]byte(metadata), &c.Metadata)
		}
		list = append(list, c)
		return err
	}, "select "+columns+" from customer where account_id = $1 "+where, append([]any{account}, args...)...)
	return list, err
}

func one(list []Customer, err error) (Customer, error) {
	if err != nil {
		return Customer{}, err
	}
	if len(list) == 0 {
		return Customer{}, fault.New(fault.NotFound, "there is no customer with that id")
	}
	return list[0], nil
}

// Load is one customer of the account, or NotFound.
func Load(tx *db.Tx, account id.Account, customer id.Customer) (Customer, error) {
	return one(load(tx, account, "and id = $2"+tx.Lock(), customer))
}

// ByEmail is the customer with that address, or NotFound.
func ByEmail(tx *db.Tx, account id.Account, email string) (Customer, error) {
	return one(load(tx, account, "and email = $2 and email <> '' and deleted_at is null", email))
}

// ByID are those of the customers that the account has.
func ByID(tx *db.Tx, account id.Account, ids []int64) (map[id.Customer]Customer, error) {
	list, err := load(tx, account, "and "+tx.AnyOf("id", 2), tx.List(ids))
	found := make(map[id.Customer]Customer, len(list))
	for _, c := range list {
		found[c.ID] = c
	}
	return found, err
}

// Versions are the versions of customers, all that a document needs to freeze them.
func Versions(tx *db.Tx, account id.Account, ids []int64) (map[id.Customer]int64, error) {
	found := make(map[id.Customer]int64, len(ids))
	err := tx.Each(func(row db.Scan) error {
		var customer id.Customer
		var version int64
		err := row(&customer, &version)
		found[customer] = version
		return err
	}, "select id, version from customer where account_id = $1 and "+tx.AnyOf("id", 2), account, tx.List(ids))
	return found, err
}

// EmailsTaken are those of the addresses that customers of the account have.
func EmailsTaken(tx *db.Tx, account id.Account, emails []string) (map[string]id.Customer, error) {
	taken := make(map[string]id.Customer)
	err := tx.Each(func(row db.Scan) error {
		var email string
		var customer id.Customer
		err := row(&email, &customer)
		taken[email] = customer
		return err
	}, "select email, id from customer where account_id = $1 and email <> '' and deleted_at is null and "+tx.AnyOf("email", 2), account, tx.ListText(emails))
	return taken, err
}

// List is the account's customers older than before, newest first; those whose
// address begins with email when it is not "".
func List(tx *db.Tx, account id.Account, email string, before id.Customer, limit int) ([]Customer, error) {
	last := int64(before)
	if last == 0 {
		last = 1<<63 - 1
	}
	if email != "" {
		return load(tx, account, "and email >= $2 and email < $3 and email <> '' and deleted_at is null and id < $4 order by id desc limit $5", email, email+"\U0010ffff", last, limit)
	}
	return load(tx, account, "and id < $2 and deleted_at is null order by id desc limit $3", last, limit)
}

// After is the ids of up to limit customers that came after one, oldest first, deleted ones
// too.
func After(tx *db.Tx, account id.Account, after id.Customer, limit int) ([]id.Customer, error) {
	var list []id.Customer
	err := tx.Each(func(row db.Scan) error {
		var c id.Customer
		err := row(&c)
		list = append(list, c)
		return err
	}, "select id from customer where account_id = $1 and id > $2 order by id limit $3", account, after, limit)
	return list, err
}

// PrintedAs is what documents issued under a version show of their buyer.
func PrintedAs(tx *db.Tx, c Customer, version int64) (Printed, error) {
	if version == c.Version {
		return c.Printed(), nil
	}
	var facts string
	err := tx.One([]any{&facts}, "select facts from customer_past where account_id = $1 and customer_id = $2 and version = $3", c.Account, c.ID, version)
	if err != nil {
		return Printed{}, err
	}
	var p Printed
	return p, json.Unmarshal([]byte(facts), &p)
}

// text is the address as it is kept.
func (a Address) text() string {
	if a == (Address{}) {
		return ""
	}
	b, _ := json.Marshal(a) // strings always marshal
	return string(b)
}

func (s Source) text() string {
	if s == (Source{}) {
		return ""
	}
	b, _ := json.Marshal(s) // strings always marshal
	return string(b)
}
