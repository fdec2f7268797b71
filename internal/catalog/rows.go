package catalog

import (
	"encoding/json"
	"time"

	"perennial/internal/clock"
	"perennial/internal/db"
	"perennial/internal/fault"
	"perennial/internal/id"
)

const (
	campaignColumns = "id, name, recovery_policy_id, gateway_id, state, created_at, version"
	productColumns  = "id, campaign_id, name, description, sku, image, metadata, settings, state, created_at, version"
	priceColumns    = "id, product_id, line_id, name, amount, currency, interval_unit, interval_count, trial_days, setup_fee, max_quantity, terms, state, created_at, version"
)

func one[T any](list []T, err error, missing string) (T, error) {
	var none T
	if err != nil {
		return none, err
	}
	if len(list) == 0 {
		return none, fault.New(fault.NotFound, "there is no %s with that id", missing)
	}
	return list[0], nil
}

// oldest is the end of a list for a page that begins at the newest.
func oldest(before int64) int64 {
	if before == 0 {
		return 1<<63 - 1
	}
	return before
}

// InsertCampaign writes a new campaign.
func InsertCampaign(tx *db.Tx, c Campaign) error {
	_, err := tx.Exec("insert into campaign (account_id, id, name, recovery_policy_id, gateway_id, state, created_at, version) values ($1, $2, $3, $4, $5, $6, $7, 1)",
		c.Account, c.ID, c.Name, db.Null(c.Recovery), c.Gateway, c.State, clock.Micros(c.CreatedAt))
	return err
}

// SaveCampaign writes a campaign over the version that was loaded.
func SaveCampaign(tx *db.Tx, c Campaign) error {
	return saved(tx.Exec("update campaign set name = $4, state = $5, recovery_policy_id = $6, gateway_id = $7, version = version + 1 where account_id = $1 and id = $2 and version = $3",
		c.Account, c.ID, c.Version, c.Name, c.State, db.Null(c.Recovery), c.Gateway))
}

func saved(n int64, err error) error {
	if err == nil && n == 0 {
		return db.VersionConflict()
	}
	return err
}

func campaigns(tx *db.Tx, account id.Account, where string, args ...any) ([]Campaign, error) {
	var list []Campaign
	err := tx.Each(func(row db.Scan) error {
		c := Campaign{Account: account}
		err := row(&c.ID, &c.Name, db.ScanNull(&c.Recovery), &c.Gateway, &c.State, db.ScanTime(&c.CreatedAt), &c.Version)
		list = append(list, c)
		return err
	}, "select "+campaignColumns+" from campaign where account_id = $1 "+where, append([]any{account}, args...)...)
	return list, err
}

// LoadCampaign is one campaign of the account, or NotFound.
func LoadCampaign(tx *db.Tx, account id.Account, campaign id.Campaign) (Campaign, error) {
	list, err := campaigns(tx, account, "and id = $2"+tx.Lock(), campaign)
	return one(list, err, "campaign")
}

// CampaignsByID are those of the campaigns that the account has.
func CampaignsByID(tx *db.Tx, account id.Account, ids []int64) (map[id.Campaign]Campaign, error) {
	list, err := campaigns(tx, account, "and "+tx.AnyOf("id", 2), tx.List(ids))
	found := make(map[id.Campaign]Campaign, len(list))
	for _, c := range list {
		found[c.ID] = c
	}
	return found, err
}

// Campaigns are the account's campaigns older than before, newest first.
func Campaigns(tx *db.Tx, account id.Account, before id.Campaign, limit int) ([]Campaign, error) {
	return campaigns(tx, account, "and id < $2 order by id desc limit $3", oldest(int64(before)), limit)
}

// InsertProduct writes a new product.
func InsertProduct(tx *db.Tx, p Product) error {
	_, err := tx.Exec("insert into product (account_id, id, campaign_id, name, description, sku, image, metadata, settings, state, created_at, version) values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, 1)",
		p.Account, p.ID, p.Campaign, p.Name, p.Description, p.SKU, p.Image, p.Metadata, p.Settings.text(), p.State, clock.Micros(p.CreatedAt))
	return err
}

// SaveProduct writes a product over the version that was loaded.
func SaveProduct(tx *db.Tx, p Product) error {
	return saved(tx.Exec(`update product set name = $4, description = $5, state = $6, settings = $7, sku = $8, image = $9, metadata = $10, version = version + 1
		where account_id = $1 and id = $2 and version = $3`, p.Account, p.ID, p.Version, p.Name, p.Description, p.State, p.Settings.text(), p.SKU, p.Image, p.Metadata))
}

func products(tx *db.Tx, account id.Account, where string, args ...any) ([]Product, error) {
	var list []Product
	err := tx.Each(func(row db.Scan) error {
		p := Product{Account: account}
		var settings string
		err := row(&p.ID, &p.Campaign, &p.Name, &p.Description, &p.SKU, &p.Image, &p.Metadata, &settings, &p.State, db.ScanTime(&p.CreatedAt), &p.Version)
		if err == nil && settings != "" {
			err = json.Unmarshal([]byte(settings), &p.Settings)
		}
		list = append(list, p)
		return err
	}, "select "+productColumns+" from product where account_id = $1 "+where, append([]any{account}, args...)...)
	return list, err
}

// LoadProduct is one product of the account, or NotFound.
func LoadProduct(tx *db.Tx, account id.Account, product id.Product) (Product, error) {
	list, err := products(tx, account, "and id = $2"+tx.Lock(), product)
	return one(list, err, "product")
}

// Products are the account's products older than before, newest first.
func Products(tx *db.Tx, account id.Account, before id.Product, limit int) ([]Product, error) {
	return products(tx, account, "and id < $2 order by id desc limit $3", oldest(int64(before)), limit)
}

// ProductsByID are those of the products that the account has.
func ProductsByID(tx *db.Tx, account id.Account, ids []int64) (map[id.Product]Product, error) {
	list, err := products(tx, account, "and "+tx.AnyOf("id", 2), tx.List(ids))
	found := make(map[id.Product]Product, len(list))
	for _, p := range list {
		found[p.ID] = p
	}
	return found, err
}

var priceTable = db.NewTable("price", db.Int("account_id"), db.Int("id"), db.Int("product_id"), db.Int("line_id"), db.Text("name"), db.Int("amount"), db.Text("currency"),
	db.Text("interval_unit"), db.Int("interval_count"), db.Int("trial_days"), db.Int("setup_fee"), db.Int("max_quantity"), db.Text("terms"), db.Text("state"),
	db.Int("created_at"), db.Int("version"))

// InsertPrice writes a new price.
func InsertPrice(tx *db.Tx, p Price) error {
	return tx.Insert(priceTable, 1, func(_ int, r *db.Row) {
		r.Int(int64(p.Account))
		r.Int(int64(p.ID))
		r.Int(int64(p.Product))
		r.Int(int64(p.Line))
		r.Text(p.Name)
		r.Int(p.Amount.Minor)
		r.Text(string(p.Amount.Currency))
		r.Text(p.Interval.Unit.String())
		r.Int(int64(p.Interval.Count))
		r.Int(int64(p.TrialDays))
		r.Int(p.SetupFee.Minor)
		r.Int(p.MaxQuantity)
		r.Text(p.Terms.text())
		r.Text(string(p.State))
		r.Time(p.CreatedAt)
		r.Int(1)
	})
}

// SavePrice writes what may change of a price over the version that was loaded.
func SavePrice(tx *db.Tx, p Price) error {
	return saved(tx.Exec(`update price set name = $4, max_quantity = $5, state = $6, version = version + 1
		where account_id = $1 and id = $2 and version = $3`, p.Account, p.ID, p.Version, p.Name, p.MaxQuantity, p.State))
}

func prices(tx *db.Tx, account id.Account, where string, args ...any) ([]Price, error) {
	var list []Price
	err := tx.Each(func(row db.Scan) error {
		p := Price{Account: account}
		var unit, terms string
		err := row(&p.ID, &p.Product, &p.Line, &p.Name, &p.Amount.Minor, &p.Amount.Currency, &unit, &p.Interval.Count, &p.TrialDays,
			&p.SetupFee.Minor, &p.MaxQuantity, &terms, &p.State, db.ScanTime(&p.CreatedAt), &p.Version)
		if err != nil {
			return err
		}
		p.SetupFee.Currency = p.Amount.Currency
		if terms != "" {
			if err := json.Unmarshal([]byte(terms), &p.Terms); err != nil {
				return err
			}
		}
		err = p.Interval.Unit.UnmarshalText([]byte(unit))
		list = append(list, p)
		return err
	}, "select "+priceColumns+" from price where account_id = $1 "+where, append([]any{account}, args...)...)
	return list, err
}

// LoadPrice is one price of the account, or NotFound.
func LoadPrice(tx *db.Tx, account id.Account, price id.Price) (Price, error) {
	list, err := prices(tx, account, "and id = $2"+tx.Lock(), price)
	return one(list, err, "price")
}

// LinePrices are all prices of a line, the newest first: what a plan costs and cost.
func LinePrices(tx *db.Tx, account id.Account, plan id.Price) ([]Price, error) {
	later, err := prices(tx, account, "and line_id = $2 and line_id <> 0 order by id desc", plan)
	if err != nil {
		return nil, err
	}
	first, err := prices(tx, account, "and id = $2", plan)
	if err != nil || len(first) == 0 || first[0].Line != 0 {
		return nil, errOr(err, fault.New(fault.NotFound, "there is no plan with that id"))
	}
	return append(later, first[0]), nil
}

func errOr(err, other error) error {
	if err != nil {
		return err
	}
	return other
}

// PlansAfter is the ids of up to limit first prices of lines that came after one, oldest
// first.
func PlansAfter(tx *db.Tx, account id.Account, after id.Price, limit int) ([]id.Price, error) {
	var list []id.Price
	err := tx.Each(func(row db.Scan) error {
		var p id.Price
		err := row(&p)
		list = append(list, p)
		return err
	}, "select id from price where account_id = $1 and id > $2 and line_id = 0 order by id limit $3", account, after, limit)
	return list, err
}

// PricesByID are those of the prices that the account has.
func PricesByID(tx *db.Tx, account id.Account, ids []int64) (map[id.Price]Price, error) {
	list, err := prices(tx, account, "and "+tx.AnyOf("id", 2), tx.List(ids))
	found := make(map[id.Price]Price, len(list))
	for _, p := range list {
		found[p.ID] = p
	}
	return found, err
}

// Prices are the account's prices older than before, newest first; of one product
// when product is not 0.
func Prices(tx *db.Tx, account id.Account, product id.Product, before id.Price, limit int) ([]Price, error) {
	if product != 0 {
		return prices(tx, account, "and product_id = $2 and id < $3 order by id desc limit $4", product, oldest(int64(before)), limit)
	}
	return prices(tx, account, "and id < $2 order by id desc limit $3", oldest(int64(before)), limit)
}

// Link is the public address of a product's checkout.
type Link struct {
	Slug      string
	Account   id.Account
	Product   id.Product
	CreatedAt time.Time
}

// InsertLink writes a new checkout link; a Conflict when the slug is taken.
func InsertLink(tx *db.Tx, l Link) error {
	n, err := tx.Exec(`insert into checkout_link (slug, account_id, product_id, created_at) values ($1, $2, $3, $4) on conflict (slug) do nothing`,
		l.Slug, l.Account, l.Product, clock.Micros(l.CreatedAt))
	if err == nil && n == 0 {
		return fault.New(fault.Conflict, "that checkout address is taken")
	}
	return err
}

// LinkBySlug is the checkout link with that slug, or NotFound.
func LinkBySlug(tx *db.Tx, slug string) (Link, error) {
	l := Link{Slug: slug}
	err := tx.One([]any{&l.Account, &l.Product, db.ScanTime(&l.CreatedAt)},
		"select account_id, product_id, created_at from checkout_link where slug = $1", slug)
	return l, err
}

// Links are the checkout links of a product, oldest first.
func Links(tx *db.Tx, account id.Account, product id.Product) ([]Link, error) {
	var list []Link
	err := tx.Each(func(row db.Scan) error {
		l := Link{Account: account, Product: product}
		err := row(&l.Slug, db.ScanTime(&l.CreatedAt))
		list = append(list, l)
		return err
	}, "select slug, created_at from checkout_link where account_id = $1 and product_id = $2 order by created_at, slug", account, product)
	return list, err
}
