package affiliate

import (
	"slices"
	"strings"
	"time"

	"perennial/internal/clock"
	"perennial/internal/db"
	"perennial/internal/fault"
	"perennial/internal/id"
)

// Material is something that affiliates promote with: a text, a mail, a picture's address.
type Material struct {
	ID        id.Material
	Account   id.Account
	Campaign  id.Campaign
	Kind      string // "link", "email", "banner" or "text"
	Title     string
	Body      string // a text, or an address of a picture
	CreatedAt time.Time
	Archived  bool
}

// MaterialKinds are the kinds of promo material.
var MaterialKinds = []string{"link", "email", "banner", "text"}

// MaxMaterial is how long the body of promo material may be, in bytes.
const MaxMaterial = 5_000

// Check refuses promo material that cannot be.
func (m Material) Check() error {
	var f fault.Fields
	f.Check(slices.Contains(MaterialKinds, m.Kind), "kind", "must be link, email, banner or text")
	f.Check(strings.TrimSpace(m.Title) != "" && len(m.Title) <= maxName && plain(m.Title, false), "title", "must be plain text of 1 to %d bytes", maxName)
	f.Check(m.Body != "" && len(m.Body) <= MaxMaterial && plain(m.Body, true), "body", "must be plain text of 1 to %d bytes", MaxMaterial)
	f.Check(m.Kind != "banner" && m.Kind != "link" || isAddress(m.Body), "body", "must be an http or https address")
	return f.Err()
}

// InsertMaterial writes promo material.
func InsertMaterial(tx *db.Tx, m Material) error {
	_, err := tx.Exec("insert into affiliate_material (account_id, id, campaign_id, kind, title, body, created_at, archived) values ($1, $2, $3, $4, $5, $6, $7, $8)",
		m.Account, m.ID, m.Campaign, m.Kind, m.Title, m.Body, clock.Micros(m.CreatedAt), m.Archived)
	return err
}

// Materials are a campaign's promo material that is in use, newest first, at most 500.
func Materials(tx *db.Tx, account id.Account, campaign id.Campaign) ([]Material, error) {
	var list []Material
	err := tx.Each(func(row db.Scan) error {
		m := Material{Account: account, Campaign: campaign}
		err := row(&m.ID, &m.Kind, &m.Title, &m.Body, db.ScanTime(&m.CreatedAt), &m.Archived)
		list = append(list, m)
		return err
	}, "select id, kind, title, body, created_at, archived from affiliate_material where account_id = $1 and campaign_id = $2 and not archived order by id desc limit 500", account, campaign)
	return list, err
}

// ArchiveMaterial takes promo material out of use.
func ArchiveMaterial(tx *db.Tx, account id.Account, m id.Material) error {
	n, err := tx.Exec("update affiliate_material set archived = $3 where account_id = $1 and id = $2 and not archived", account, m, true)
	if err == nil && n == 0 {
		_, err = first[Material](nil, nil, "promo material")
	}
	return err
}
