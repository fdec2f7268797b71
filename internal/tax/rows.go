package tax

import (
	"perennial/internal/db"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/money"
)

var profileTable = db.NewTable("tax_profile", db.Int("account_id"), db.Int("id"), db.Text("name"), db.Text("kind"), db.Bool("inclusive"), db.Bool("shipping_taxed"),
	db.Text("seller_country"), db.Text("seller_region"), db.Text("state"), db.Int("created_at"), db.Int("version"))

const profileColumns = "id, name, kind, inclusive, shipping_taxed, seller_country, seller_region, state, created_at, version"

// Insert writes new profiles. The caller has checked them.
func Insert(tx *db.Tx, list []Profile) error {
	return tx.Insert(profileTable, len(list), func(i int, r *db.Row) {
		p := &list[i]
		r.Int(int64(p.Account))
		r.Int(int64(p.ID))
		r.Text(p.Name)
		r.Text(string(p.Kind))
		r.Bool(p.Inclusive)
		r.Bool(p.ShippingTaxed)
		r.Text(p.SellerCountry)
		r.Text(p.SellerRegion)
		r.Text(string(p.State))
		r.Time(p.CreatedAt)
		r.Int(1)
		p.Version = 1
	})
}

// Save writes a profile over the version that was loaded, raises its version, or is a
// version conflict. Its kind is never changed: rules were checked for it.
func Save(tx *db.Tx, p *Profile) error {
	n, err := tx.Exec(`update tax_profile set name = $4, inclusive = $5, shipping_taxed = $6, seller_country = $7, seller_region = $8, state = $9, version = version + 1
		where account_id = $1 and id = $2 and version = $3`,
		p.Account, p.ID, p.Version, p.Name, p.Inclusive, p.ShippingTaxed, p.SellerCountry, p.SellerRegion, string(p.State))
	return raised(n, err, &p.Version)
}

// raised settles a save: it raises the version in memory, or is a version conflict.
func raised(n int64, err error, version *int64) error {
	if err != nil {
		return err
	}
	if n == 0 {
		return db.VersionConflict()
	}
	*version++
	return nil
}

func profiles(tx *db.Tx, account id.Account, where string, args ...any) ([]Profile, error) {
	var list []Profile
	err := tx.Each(func(row db.Scan) error {
		p := Profile{Account: account}
		err := row(&p.ID, &p.Name, &p.Kind, &p.Inclusive, &p.ShippingTaxed, &p.SellerCountry, &p.SellerRegion, &p.State, db.ScanTime(&p.CreatedAt), &p.Version)
		list = append(list, p)
		return err
	}, "select "+profileColumns+" from tax_profile where account_id = $1 "+where, append([]any{account}, args...)...)
	return list, err
}

// Load is one profile of the account, or NotFound.
func Load(tx *db.Tx, account id.Account, profile id.TaxProfile) (Profile, error) {
	list, err := profiles(tx, account, "and id = $2"+tx.Lock(), profile)
	if err == nil && len(list) == 0 {
		return Profile{}, fault.New(fault.NotFound, "there is no tax profile with that id")
	}
	if err != nil {
		return Profile{}, err
	}
	return list[0], nil
}

// ProfilesByID are those of the profiles that the account has.
func ProfilesByID(tx *db.Tx, account id.Account, ids []int64) (map[id.TaxProfile]Profile, error) {
	list, err := profiles(tx, account, "and "+tx.AnyOf("id", 2), tx.List(ids))
	found := make(map[id.TaxProfile]Profile, len(list))
	for _, p := range list {
		found[p.ID] = p
	}
	return found, err
}

// List is the account's profiles older than before (0 for all), newest first.
func List(tx *db.Tx, account id.Account, before id.TaxProfile, limit int) ([]Profile, error) {
	return profiles(tx, account, "and id < $2 order by id desc limit $3", oldest(int64(before)), limit)
}

// oldest is the end of a list for a page that begins at the newest.
func oldest(before int64) int64 {
	if before == 0 {
		return 1<<63 - 1
	}
	return before
}

var ruleTable = db.NewTable("tax_rule", db.Int("account_id"), db.Int("profile_id"), db.Int("id"), db.Text("name"), db.Text("country"), db.Text("region"),
	db.Text("postal_code"), db.Text("rate"), db.NullInt("from_at"), db.NullInt("to_at"), db.Int("created_at"))

// ReplaceRules makes rules, in the spelling of Normal, the only ones of a profile. It
// refuses what CheckRules refuses, and raises the profile's version over the one that
// was loaded, so that two replacements at once are a version conflict and never a
// mixture. Account and Profile of the rules are set here.
func ReplaceRules(tx *db.Tx, p *Profile, rules []Rule) error {
	if err := CheckRules(*p, rules); err != nil {
		return err
	}
	n, err := tx.Exec("update tax_profile set version = version + 1 where account_id = $1 and id = $2 and version = $3", p.Account, p.ID, p.Version)
	if err := raised(n, err, &p.Version); err != nil {
		return err
	}
	if _, err := tx.Exec("delete from tax_rule where account_id = $1 and profile_id = $2", p.Account, p.ID); err != nil {
		return err
	}
	return tx.Insert(ruleTable, len(rules), func(i int, row *db.Row) {
		r := &rules[i]
		r.Account, r.Profile = p.Account, p.ID
		row.Int(int64(r.Account))
		row.Int(int64(r.Profile))
		row.Int(int64(r.ID))
		row.Text(r.Name)
		row.Text(r.Country)
		row.Text(r.Region)
		row.Text(r.PostalCode)
		row.Text(r.Rate.String())
		row.Time(r.From)
		row.Time(r.To)
		row.Time(r.CreatedAt)
	})
}

// RulesOf are all rules of profiles of the account, past and future ones too, by
// profile and in the order in which they were made.
func RulesOf(tx *db.Tx, account id.Account, profiles []int64) (map[id.TaxProfile][]Rule, error) {
	found := map[id.TaxProfile][]Rule{}
	err := tx.Each(func(row db.Scan) error {
		r := Rule{Account: account}
		var rate string
		err := row(&r.Profile, &r.ID, &r.Name, &r.Country, &r.Region, &r.PostalCode, &rate, db.ScanTime(&r.From), db.ScanTime(&r.To), db.ScanTime(&r.CreatedAt))
		if err != nil {
			return err
		}
		r.Rate, err = money.ParseRate(rate)
		found[r.Profile] = append(found[r.Profile], r)
		return err
	}, `select profile_id, id, name, country, region, postal_code, rate, from_at, to_at, created_at from tax_rule
		where account_id = $1 and `+tx.AnyOf("profile_id", 2)+` order by profile_id, id`, account, tx.List(profiles))
	return found, err
}

var shippingTable = db.NewTable("shipping_rule", db.Int("account_id"), db.Int("id"), db.Text("name"), db.Text("kind"), db.Int("amount"), db.Text("currency"),
	db.Text("country"), db.Text("region"), db.Text("postal_code"), db.Int("least"), db.Int("most"), db.Text("state"), db.Int("created_at"), db.Int("version"))

const shippingColumns = "id, name, kind, amount, currency, country, region, postal_code, least, most, state, created_at, version"

// InsertShipping writes new shipping rules. The caller has checked them.
func InsertShipping(tx *db.Tx, list []ShippingRule) error {
	return tx.Insert(shippingTable, len(list), func(i int, row *db.Row) {
		r := &list[i]
		row.Int(int64(r.Account))
		row.Int(int64(r.ID))
		row.Text(r.Name)
		row.Text(string(r.Kind))
		row.Int(r.Amount.Minor)
		row.Text(string(r.Amount.Currency))
		row.Text(r.Place.Country)
		row.Text(r.Place.Region)
		row.Text(r.Place.PostalCode)
		row.Int(r.Least.Minor)
		row.Int(r.Most.Minor)
		row.Text(string(r.State))
		row.Time(r.CreatedAt)
		row.Int(1)
		r.Version = 1
	})
}

// SaveShipping writes a shipping rule over the version that was loaded, raises its
// version, or is a version conflict. What was charged before stays on its invoices.
func SaveShipping(tx *db.Tx, r *ShippingRule) error {
	n, err := tx.Exec(`update shipping_rule set name = $4, kind = $5, amount = $6, currency = $7, country = $8, region = $9, postal_code = $10, least = $11, most = $12,
		state = $13, version = version + 1 where account_id = $1 and id = $2 and version = $3`,
		r.Account, r.ID, r.Version, r.Name, string(r.Kind), r.Amount.Minor, string(r.Amount.Currency), r.Place.Country, r.Place.Region, r.Place.PostalCode,
		r.Least.Minor, r.Most.Minor, string(r.State))
	return raised(n, err, &r.Version)
}

func shippingRules(tx *db.Tx, account id.Account, where string, args ...any) ([]ShippingRule, error) {
	var list []ShippingRule
	err := tx.Each(func(row db.Scan) error {
		r := ShippingRule{Account: account}
		err := row(&r.ID, &r.Name, &r.Kind, &r.Amount.Minor, &r.Amount.Currency, &r.Place.Country, &r.Place.Region, &r.Place.PostalCode,
			&r.Least.Minor, &r.Most.Minor, &r.State, db.ScanTime(&r.CreatedAt), &r.Version)
		r.Least.Currency, r.Most.Currency = r.Amount.Currency, r.Amount.Currency
		list = append(list, r)
		return err
	}, "select "+shippingColumns+" from shipping_rule where account_id = $1 "+where, append([]any{account}, args...)...)
	return list, err
}

// LoadShipping is one shipping rule of the account, or NotFound.
func LoadShipping(tx *db.Tx, account id.Account, rule id.ShippingRule) (ShippingRule, error) {
	list, err := shippingRules(tx, account, "and id = $2"+tx.Lock(), rule)
	if err == nil && len(list) == 0 {
		return ShippingRule{}, fault.New(fault.NotFound, "there is no shipping rule with that id")
	}
	if err != nil {
		return ShippingRule{}, err
	}
	return list[0], nil
}

// ListShipping is the account's shipping rules older than before (0 for all), active
// and archived, newest first.
func ListShipping(tx *db.Tx, account id.Account, before id.ShippingRule, limit int) ([]ShippingRule, error) {
	return shippingRules(tx, account, "and id < $2 order by id desc limit $3", oldest(int64(before)), limit)
}

// ShippingRules are the account's active shipping rules, all that Shipping needs.
func ShippingRules(tx *db.Tx, account id.Account) ([]ShippingRule, error) {
	return shippingRules(tx, account, "and state = $2 order by id", string(Active))
}
