package commerce

import (
	"context"
	"errors"
	"strconv"
	"time"

	"golang.org/x/sync/errgroup"

	"perennial/internal/account"
	"perennial/internal/alias"
	"perennial/internal/catalog"
	"perennial/internal/customer"
	"perennial/internal/db"
	"perennial/internal/event"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/money"
	"perennial/internal/payment"
	"perennial/internal/period"
	"perennial/internal/subscription"
)

// ImportRow is one subscription that began elsewhere.
type ImportRow struct {
	Line     int    // of the file, for messages
	ID       string // the subscription's name elsewhere, 1 to 200 bytes
	Customer string // the customer's name elsewhere, 1 to 200 bytes
	Email    string
	Buyer    customer.Buyer
	Product  string // by name; made when the account has none of that name
	Unit     money.Amount
	Quantity int64
	Interval period.Interval
	Started  time.Time // boundary 0; the period that holds now counts as paid elsewhere
	Canceled bool      // it had ended elsewhere
	Token    string    // of the account's gateway, to charge renewals with; "" for none
}

// Import brings subscriptions that began elsewhere.
type Import struct {
	Call
	Rows   []ImportRow // at most MaxImport
	DryRun bool        // check and count, and write nothing
	// Numbers says that the names of customers and subscriptions are the numbers by which
	// that system's clients know them, and shall go on knowing them; "" for plain names.
	Numbers account.Dialect
}

// MaxImport is the most rows of one Import.
const MaxImport = 500

// ImportProblem is one row that was not brought.
type ImportProblem struct {
	Line    int
	Message string
}

// Imported is what came of an import.
type Imported struct {
	Made     int // new subscriptions
	Known    int // rows that an earlier import brought
	Problems []ImportProblem
}

// dialect is under which the names of imported things are remembered.
const dialect = "import"

// savesAtOnce is how many payment methods of an import are saved at one time.
const savesAtOnce = 64

// importing is what one import loads and writes.
type importing struct {
	a         account.Account
	now       time.Time
	by        event.Actor
	customers map[string]int64 // by their names elsewhere
	prices    map[string]catalog.Price
	saved     map[int]instrument // by place in Rows

	numbers map[string]*numbering // of customers and subscriptions, when they are kept

	newCustomers []customer.Customer
	newMethods   []payment.Method
	newSubs      []subscription.Subscription
	aliases      map[string][]alias.Pair
	events       []event.Event
}

// numbering is the numbers of one kind of thing that an import keeps.
type numbering struct {
	alias.Space
	taken map[int64]string // what those of the rows stand for already
	list  []alias.Numbered
}

// keepNumbers makes the import keep the numbers that its rows have as names.
func (w *importing) keepNumbers(tx *db.Tx, c Import) error {
	switch c.Numbers {
	case "":
		return nil
	case account.PayWhirl:
	default:
		return fault.BadField("numbers", "must be paywhirl")
	}
	w.numbers = map[string]*numbering{}
	for kind, of := range map[string]func(ImportRow) string{NumberCustomers: func(r ImportRow) string { return r.Customer }, NumberSubscriptions: func(r ImportRow) string { return r.ID }} {
		n := &numbering{Space: alias.Space{Account: w.a.ID, Dialect: string(c.Numbers), Kind: kind}}
		var list []int64
		for _, name := range c.names(of) {
			if number, err := parseNumber(name); err == nil {
				list = append(list, number)
			}
		}
		var err error
		if n.taken, err = n.Names(tx, list); err != nil {
			return err
		}
		w.numbers[kind] = n
	}
	return nil
}

func parseNumber(text string) (int64, error) {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 1 || n > alias.MaxNumber || strconv.FormatInt(n, 10) != text {
		return 0, fault.New(fault.Invalid, "must be the number that the other system has for it, from 1 up")
	}
	return n, nil
}

// fits refuses a name that shall be kept as a number and cannot.
func (w *importing) fits(kind, field, name string) error {
	kept := w.numbers[kind]
	if kept == nil {
		return nil
	}
	n, err := parseNumber(name)
	if err != nil {
		return fault.BadField(field, "%s", err)
	}
	if kept.taken[n] != "" {
		return fault.BadField(field, "is a number that stands for something else already")
	}
	return nil
}

// keep keeps the number of a thing whose name fits.
func (w *importing) keep(kind, name, ours string) {
	if kept := w.numbers[kind]; kept != nil {
		n, _ := parseNumber(name) // it fits
		kept.list = append(kept.list, alias.Numbered{Number: n, Name: ours})
	}
}

// Import brings subscriptions that began elsewhere, in one transaction. A row that
// was brought before is left alone, so that a file can be imported again; a row
// that cannot be brought is a problem and does not keep the others.
func (s *Service) Import(ctx context.Context, c Import) (Imported, error) {
	if len(c.Rows) > MaxImport {
		return Imported{}, fault.New(fault.Invalid, "at most %d rows at a time", MaxImport)
	}
	var done Imported
	known, err := s.imported(ctx, c)
	if err != nil {
		return done, err
	}
	saved, err := s.saveAll(ctx, c, known)
	if err != nil {
		return done, err
	}
	err = s.db.Background(ctx, func(tx *db.Tx) error {
		done = Imported{}
		a, err := account.Load(tx, c.Account)
		if err != nil {
			return err
		}
		w := &importing{a: a, now: a.Now(s.clock.Now()), by: c.Actor, prices: map[string]catalog.Price{}, saved: saved, aliases: map[string][]alias.Pair{}}
		if err := w.bring(tx, c, &done); err != nil {
			return err
		}
		if c.DryRun {
			return errDryRun
		}
		return w.write(tx)
	})
	if errors.Is(err, errDryRun) {
		err = nil
	}
	return done, err
}

// errDryRun undoes a transaction that was only meant to tell what it would do.
var errDryRun = errors.New("dry run")

func (c Import) names(of func(ImportRow) string) []string {
	list := make([]string, len(c.Rows))
	for i, r := range c.Rows {
		list[i] = of(r)
	}
	return list
}

// imported are the rows that an earlier import brought.
func (s *Service) imported(ctx context.Context, c Import) (map[string]int64, error) {
	var known map[string]int64
	err := s.db.View(ctx, func(tx *db.Tx) (err error) {
		known, err = alias.Find(tx, c.Account, dialect, "subscription", c.names(func(r ImportRow) string { return r.ID }))
		return err
	})
	return known, err
}

// saveAll saves the payment methods of the rows that are new.
func (s *Service) saveAll(ctx context.Context, c Import, known map[string]int64) (map[int]instrument, error) {
	list := make([]instrument, len(c.Rows))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(savesAtOnce)
	for i, r := range c.Rows {
		if _, brought := known[r.ID]; brought || r.Token == "" || r.Canceled || c.DryRun {
			continue
		}
		group.Go(func() (err error) {
			list[i], err = s.save(ctx, c.Account, saving{token: r.Token})
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	saved := map[int]instrument{}
	for i, m := range list {
		if m.Token != "" {
			saved[i] = m
		}
	}
	return saved, nil
}

// bring decides every row.
func (w *importing) bring(tx *db.Tx, c Import, done *Imported) error {
	known, err := alias.Find(tx, w.a.ID, dialect, "subscription", c.names(func(r ImportRow) string { return r.ID }))
	if err != nil {
		return err
	}
	if err := w.keepNumbers(tx, c); err != nil {
		return err
	}
	if w.customers, err = alias.Find(tx, w.a.ID, dialect, "customer", c.names(func(r ImportRow) string { return r.Customer })); err != nil {
		return err
	}
	taken, err := customer.EmailsTaken(tx, w.a.ID, c.names(func(r ImportRow) string { return r.Email }))
	if err != nil {
		return err
	}
	for i, r := range c.Rows {
		if _, brought := known[r.ID]; brought {
			done.Known++
			continue
		}
		known[r.ID] = 0
		err := w.row(tx, i, r, taken)
		if fault.KindOf(err) == fault.Internal && err != nil {
			return err
		}
		if err != nil {
			done.Problems = append(done.Problems, ImportProblem{r.Line, fault.As(err).Error()})
			continue
		}
		done.Made++
	}
	return nil
}

// row decides one row.
func (w *importing) row(tx *db.Tx, i int, r ImportRow, taken map[string]id.Customer) error {
	if r.Started.After(w.now) {
		return fault.BadField("started", "must not be in the future")
	}
	if _, err := r.Unit.Times(r.Quantity); err != nil || r.Unit.Minor < 0 || r.Quantity < 1 {
		return fault.BadField("amount", "must be 0 or more and not too large with its quantity")
	}
	if err := w.fits(NumberSubscriptions, "id", r.ID); err != nil {
		return err
	}
	price, err := w.price(tx, r)
	if err != nil {
		return err
	}
	owner, seen := w.customers[r.Customer]
	if !seen {
		if err := w.fits(NumberCustomers, "customer", r.Customer); err != nil {
			return err
		}
		if _, used := taken[r.Email]; used && r.Email != "" {
			return customer.ErrEmailTaken
		}
		made := customer.Customer{ID: id.New[id.Customer](), Account: w.a.ID, Email: r.Email, Buyer: r.Buyer, CreatedAt: w.now, Version: 1}
		if err := checkCustomer(&made); err != nil {
			return err
		}
		w.keep(NumberCustomers, r.Customer, made.ID.String())
		owner = int64(made.ID)
		w.customers[r.Customer] = owner
		taken[r.Email] = made.ID
		w.newCustomers = append(w.newCustomers, made)
		w.aliases["customer"] = append(w.aliases["customer"], alias.Pair{Theirs: r.Customer, Ours: owner})
		w.events = append(w.events, event.New(w.a.ID, w.now, w.by, event.CustomerImported, owner, made.ID, event.Data(map[string]any{"theirs": r.Customer})))
	}
	buyer := id.Customer(owner)
	var method id.Method
	if m, ok := w.saved[i]; ok {
		method = id.New[id.Method]()
		brought := payment.Method{ID: method, Account: w.a.ID, Customer: buyer, Gateway: m.gateway, Instrument: m.Instrument, State: payment.Usable, CreatedAt: w.now}
		brought.NoticeAt = brought.NextExpiry(w.now, w.a.Location()).At
		w.newMethods = append(w.newMethods, brought)
	}
	terms := subscription.Terms{Product: price.Product, Price: price.ID, UnitAmount: r.Unit, Quantity: r.Quantity, Interval: r.Interval, Zone: w.a.Zone}
	sub := subscription.Bring(id.New[id.Subscription](), w.a.ID, buyer, method, terms, r.Started, w.now)
	w.keep(NumberSubscriptions, r.ID, sub.ID.String())
	if r.Canceled {
		sub.End(w.now, subscription.Imported)
	}
	w.newSubs = append(w.newSubs, sub)
	w.aliases["subscription"] = append(w.aliases["subscription"], alias.Pair{Theirs: r.ID, Ours: int64(sub.ID)})
	w.events = append(w.events, event.New(w.a.ID, w.now, w.by, event.SubscriptionImported, int64(sub.ID), buyer,
		event.Data(map[string]any{"theirs": r.ID, "state": sub.State, "amount": r.Unit.Minor, "currency": r.Unit.Currency, "started": r.Started})))
	return nil
}

// price is the price under which imported subscriptions of a product stand. They
// keep their own amounts, so it costs nothing itself and is not for sale.
func (w *importing) price(tx *db.Tx, r ImportRow) (catalog.Price, error) {
	key := string(r.Unit.Currency) + " " + r.Interval.String() + " " + r.Product
	if p, ok := w.prices[key]; ok {
		return p, nil
	}
	known, err := alias.Find(tx, w.a.ID, dialect, "price", []string{key})
	if err != nil {
		return catalog.Price{}, err
	}
	if ours, ok := known[key]; ok {
		p, err := catalog.LoadPrice(tx, w.a.ID, id.Price(ours))
		w.prices[key] = p
		return p, err
	}
	product, err := w.product(tx, r.Product)
	if err != nil {
		return catalog.Price{}, err
	}
	p := catalog.Price{ID: id.New[id.Price](), Account: w.a.ID, Product: product, Name: "Imported, each at its own price", Amount: money.Zero(r.Unit.Currency),
		Interval: r.Interval, SetupFee: money.Zero(r.Unit.Currency), MaxQuantity: catalog.MaxQuantity, State: catalog.Archived, CreatedAt: w.now}
	if err := p.Check(); err != nil {
		return p, err
	}
	w.prices[key] = p
	w.events = append(w.events, event.New(w.a.ID, w.now, w.by, event.PriceCreated, int64(p.ID), 0, event.Data(map[string]any{"product": product})))
	if err := catalog.InsertPrice(tx, p); err != nil {
		return p, err
	}
	return p, alias.Keep(tx, w.a.ID, dialect, "price", []alias.Pair{{Theirs: key, Ours: int64(p.ID)}})
}

// product is the imported product of that name.
func (w *importing) product(tx *db.Tx, name string) (id.Product, error) {
	known, err := alias.Find(tx, w.a.ID, dialect, "product", []string{name})
	if err != nil {
		return 0, err
	}
	if ours, ok := known[name]; ok {
		return id.Product(ours), nil
	}
	campaign, err := firstCampaign(tx, w.a, w.now, w.by)
	if err != nil {
		return 0, err
	}
	p := catalog.Product{ID: id.New[id.Product](), Account: w.a.ID, Campaign: campaign, Name: name, State: catalog.Active, CreatedAt: w.now}
	if err := p.Check(); err != nil {
		return 0, err
	}
	if err := catalog.InsertProduct(tx, p); err != nil {
		return 0, err
	}
	w.events = append(w.events, event.New(w.a.ID, w.now, w.by, event.ProductCreated, int64(p.ID), 0, event.Data(map[string]any{"name": name})))
	return p.ID, alias.Keep(tx, w.a.ID, dialect, "product", []alias.Pair{{Theirs: name, Ours: int64(p.ID)}})
}

// write puts down what was decided.
func (w *importing) write(tx *db.Tx) error {
	if err := customer.InsertAll(tx, w.newCustomers); err != nil {
		return err
	}
	if err := payment.InsertMethods(tx, w.newMethods); err != nil {
		return err
	}
	if err := subscription.Insert(tx, w.newSubs); err != nil {
		return err
	}
	for _, kind := range []string{"customer", "subscription"} {
		if err := alias.Keep(tx, w.a.ID, dialect, kind, w.aliases[kind]); err != nil {
			return err
		}
	}
	for _, n := range w.numbers {
		if len(n.list) == 0 {
			continue
		}
		if err := n.Bring(tx, n.list); err != nil {
			return err
		}
	}
	return event.Append(tx, w.a.ID, w.events...)
}
