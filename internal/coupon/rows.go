package coupon

import (
	"encoding/json"
	"slices"

	"perennial/internal/db"
	"perennial/internal/fault"
	"perennial/internal/id"
)

const columns = `id, code, name, kind, percent, amount, currency, applies_to, cycles, starts_on, ends_on, max_redemptions, max_per_customer,
	products, stackable, include_setup, state, redeemed, created_at, version, affiliate_id, include_shipping`

func codeTaken(code string) error {
	return fault.New(fault.Conflict, "there is a coupon with the code %s already", code).WithCode("coupon_code_taken")
}

var table = db.NewTable("coupon", db.Int("account_id"), db.Int("id"), db.Text("code"), db.Text("name"), db.Text("kind"), db.Text("percent"),
	db.Int("amount"), db.Text("currency"), db.Text("applies_to"), db.Int("cycles"), db.Text("starts_on"), db.Text("ends_on"),
	db.Int("max_redemptions"), db.Int("max_per_customer"), db.Text("products"), db.Bool("stackable"), db.Bool("include_setup"), db.Text("state"),
	db.Int("redeemed"), db.Int("created_at"), db.Int("version"), db.Int("affiliate_id"), db.Bool("include_shipping"))

// productList is the stored form of the products: "" for all of them.
func productList(list []id.Product) (string, error) {
	if len(list) == 0 {
		return "", nil
	}
	b, err := json.Marshal(list)
	return string(b), err
}

// Insert writes a new coupon that nobody redeemed. A code that another active coupon of
// the account has is refused with fault.Conflict and the code coupon_code_taken.
func Insert(tx *db.Tx, c Coupon) error {
	products, err := productList(c.Products)
	if err != nil {
		return err
	}
	inserted, err := tx.InsertNew(table, 1, func(_ int, r *db.Row) {
		r.Int(int64(c.Account))
		r.Int(int64(c.ID))
		r.Text(c.Code)
		r.Text(c.Name)
		r.Text(string(c.Kind))
		r.Text(c.Percent.String())
		r.Int(c.Amount.Minor)
		r.Text(string(c.Amount.Currency))
		r.Text(string(c.AppliesTo))
		r.Int(int64(c.Cycles))
		r.Text(c.StartsOn)
		r.Text(c.EndsOn)
		r.Int(c.MaxRedemptions)
		r.Int(c.MaxPerCustomer)
		r.Text(products)
		r.Bool(c.Stackable)
		r.Bool(c.IncludeSetup)
		r.Text(string(c.State))
		r.Int(0)
		r.Time(c.CreatedAt)
		r.Int(1)
		r.Int(int64(c.Affiliate))
		r.Bool(c.IncludeShipping)
	})
	if err == nil && len(inserted) == 0 {
		return codeTaken(c.Code)
	}
	return err
}

// Save writes all of a coupon but its redemptions, over the version that was loaded, or
// is a version conflict. A redemption does not change the version. A code that another
// coupon has is refused as by Insert.
func Save(tx *db.Tx, c Coupon) error {
	products, err := productList(c.Products)
	if err != nil {
		return err
	}
	n, err := tx.Exec(`update coupon set code = $4, name = $5, kind = $6, percent = $7, amount = $8, currency = $9, applies_to = $10, cycles = $11,
			starts_on = $12, ends_on = $13, max_redemptions = $14, max_per_customer = $15, products = $16, stackable = $17, include_setup = $18,
			state = $19, affiliate_id = $20, include_shipping = $21, version = version + 1
		where account_id = $1 and id = $2 and version = $3`, c.Account, c.ID, c.Version, c.Code, c.Name, c.Kind, c.Percent.String(), c.Amount.Minor,
		c.Amount.Currency, c.AppliesTo, c.Cycles, c.StartsOn, c.EndsOn, c.MaxRedemptions, c.MaxPerCustomer, products, c.Stackable, c.IncludeSetup, c.State, c.Affiliate, c.IncludeShipping)
	switch {
	case db.IsUnique(err):
		return codeTaken(c.Code)
	case err != nil:
		return err
	case n == 0:
		return db.VersionConflict()
	}
	return nil
}

func load(tx *db.Tx, account id.Account, where string, args ...any) ([]Coupon, error) {
	var list []Coupon
	err := tx.Each(func(row db.Scan) error {
		c := Coupon{Account: account}
		var percent, products string
		err := row(&c.ID, &c.Code, &c.Name, &c.Kind, &percent, &c.Amount.Minor, &c.Amount.Currency, &c.AppliesTo, &c.Cycles, &c.StartsOn, &c.EndsOn,
			&c.MaxRedemptions, &c.MaxPerCustomer, &products, &c.Stackable, &c.IncludeSetup, &c.State, &c.Redeemed, db.ScanTime(&c.CreatedAt), &c.Version, &c.Affiliate, &c.IncludeShipping)
		if err != nil {
			return err
		}
		if err := c.Percent.UnmarshalText([]byte(percent)); err != nil {
			return err
		}
		if products != "" {
			if err := json.Unmarshal([]byte(products), &c.Products); err != nil {
				return err
			}
		}
		list = append(list, c)
		return nil
	}, "select "+columns+" from coupon where account_id = $1 "+where, append([]any{account}, args...)...)
	return list, err
}

// Load is one coupon of the account, or NotFound.
func Load(tx *db.Tx, account id.Account, coupon id.Coupon) (Coupon, error) {
	list, err := load(tx, account, "and id = $2"+tx.Lock(), coupon)
	if err != nil {
		return Coupon{}, err
	}
	if len(list) == 0 {
		return Coupon{}, fault.New(fault.NotFound, "there is no coupon with that id")
	}
	return list[0], nil
}

// ByCodes are the coupons of the codes that a buyer typed, in their order. A text that
// is the code of no coupon of the account is refused with NotFound and the code
// coupon_unknown, and so are more than MaxStack, with Invalid and coupon_too_many,
// before anything is read.
func ByCodes(tx *db.Tx, account id.Account, typed []string) ([]Coupon, error) {
	if len(typed) == 0 {
		return nil, nil
	}
	if len(typed) > MaxStack {
		return nil, fault.New(fault.Invalid, "at most %d coupons can be combined", MaxStack).WithCode("coupon_too_many")
	}
	codes := make([]string, len(typed))
	for i, s := range typed {
		code, err := ParseCode(s)
		if err != nil {
			return nil, noSuchCode()
		}
		codes[i] = code
	}
	found, err := load(tx, account, "and "+tx.AnyOf("code", 2)+" order by state, id desc", tx.ListText(codes)) // of one code, the active one first
	if err != nil {
		return nil, err
	}
	list := make([]Coupon, 0, len(codes))
	for _, code := range codes {
		at := slices.IndexFunc(found, func(c Coupon) bool { return c.Code == code })
		if at < 0 {
			return nil, noSuchCode()
		}
		list = append(list, found[at])
	}
	return list, nil
}

func noSuchCode() error {
	return fault.New(fault.NotFound, "there is no coupon with that code").WithCode("coupon_unknown")
}

// ByCode is the coupon of a code that a buyer typed, or NotFound with the code
// coupon_unknown.
func ByCode(tx *db.Tx, account id.Account, typed string) (Coupon, error) {
	list, err := ByCodes(tx, account, []string{typed})
	if err != nil {
		return Coupon{}, err
	}
	return list[0], nil
}

// List are the account's coupons older than before, newest first; a before of zero
// begins at the newest.
func List(tx *db.Tx, account id.Account, before id.Coupon, limit int) ([]Coupon, error) {
	return load(tx, account, "and id < $2 order by id desc limit $3", newest(int64(before)), limit)
}

// newest is the end of a list for a page that begins at the newest.
func newest(before int64) int64 {
	if before == 0 {
		return 1<<63 - 1
	}
	return before
}

const redemptionColumns = "id, coupon_id, customer_id, order_id, subscription_id, state, at, returned_at"

func redemptions(tx *db.Tx, account id.Account, where string, args ...any) ([]Redemption, error) {
	var list []Redemption
	err := tx.Each(func(row db.Scan) error {
		r := Redemption{Account: account}
		err := row(&r.ID, &r.Coupon, &r.Customer, db.ScanNull(&r.Order), db.ScanNull(&r.Subscription), &r.State, db.ScanTime(&r.At), db.ScanTime(&r.ReturnedAt))
		list = append(list, r)
		return err
	}, "select "+redemptionColumns+" from coupon_redemption where account_id = $1 "+where, append([]any{account}, args...)...)
	return list, err
}

// OfCoupon are a coupon's redemptions older than before, newest first; a before of zero
// begins at the newest.
func OfCoupon(tx *db.Tx, account id.Account, coupon id.Coupon, before id.Entry, limit int) ([]Redemption, error) {
	return redemptions(tx, account, "and coupon_id = $2 and id < $3 order by id desc limit $4", coupon, newest(int64(before)), limit)
}

// OfOrder are the redemptions of an order, those given back too.
func OfOrder(tx *db.Tx, account id.Account, order id.Order) ([]Redemption, error) {
	return redemptions(tx, account, "and order_id = $2 order by id", order)
}

// Drifted are up to limit coupons whose counts are not those of their redemptions.
// There are none, unless rows were changed by hand. It reads the account's redemptions
// whole: it is for the proof of the books.
func Drifted(tx *db.Tx, account id.Account, limit int) ([]id.Coupon, error) {
	var list []id.Coupon
	err := tx.Each(func(row db.Scan) error {
		var c id.Coupon
		err := row(&c)
		list = append(list, c)
		return err
	}, `select coupon_id from (
			select id as coupon_id, redeemed as total, 0 as uses, 0 as counted from coupon where account_id = $1
			union all select coupon_id, 0, uses, 0 from coupon_customer where account_id = $1
			union all select coupon_id, 0, 0, 1 from coupon_redemption where account_id = $1 and state = 'redeemed'
		) as side group by coupon_id having sum(total) <> sum(counted) or sum(uses) <> sum(counted) order by coupon_id limit $2`, account, limit)
	return list, err
}

// After is the ids of up to limit coupons that came after one, oldest first.
func After(tx *db.Tx, account id.Account, after id.Coupon, limit int) ([]id.Coupon, error) {
	var list []id.Coupon
	err := tx.Each(func(row db.Scan) error {
		var v id.Coupon
		err := row(&v)
		list = append(list, v)
		return err
	}, "select id from coupon where account_id = $1 and id > $2 order by id limit $3", account, after, limit)
	return list, err
}
