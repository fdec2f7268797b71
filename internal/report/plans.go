package report

import (
	"context"

	"perennial/internal/catalog"
	"perennial/internal/db"
	"perennial/internal/fault"
	"perennial/internal/id"
)

// Plan is a line of prices: what is sold as one plan, whatever it cost over time.
type Plan struct {
	Product catalog.Product
	Price   catalog.Price // that is sold today, or was last
	First   catalog.Price // that names the line
	Next    id.Price      // the line that follows after the last payment; 0 for none
}

// Plans are those of the lines of prices that the account has, by their first prices.
func (r *Reader) Plans(ctx context.Context, acc id.Account, ids []id.Price) (map[id.Price]Plan, error) {
	return view(ctx, r, func(tx *db.Tx) (map[id.Price]Plan, error) {
		out := make(map[id.Price]Plan, len(ids))
		var products []int64
		for _, of := range ids {
			line, err := catalog.LinePrices(tx, acc, of)
			if fault.Is(err, fault.NotFound) {
				continue
			}
			if err != nil {
				return nil, err
			}
			p := Plan{Price: line[0], First: line[len(line)-1]}
			if next := p.Price.Terms.NextPrice; next != 0 {
				named, err := catalog.LoadPrice(tx, acc, next)
				if err != nil {
					return nil, err
				}
				p.Next = named.Plan()
			}
			out[of] = p
			products = append(products, int64(p.Price.Product))
		}
		found, err := catalog.ProductsByID(tx, acc, products)
		for of, p := range out {
			p.Product = found[p.Price.Product]
			out[of] = p
		}
		return out, err
	})
}

// PlansOf are the lines of prices of products, by product, the oldest first.
func (r *Reader) PlansOf(ctx context.Context, acc id.Account, products []id.Product) (map[id.Product][]id.Price, error) {
	return view(ctx, r, func(tx *db.Tx) (map[id.Product][]id.Price, error) {
		out := make(map[id.Product][]id.Price, len(products))
		for _, of := range products {
			list, err := catalog.Prices(tx, acc, of, 0, maxPrices)
			if err != nil {
				return nil, err
			}
			for i := len(list) - 1; i >= 0; i-- {
				if list[i].Line == 0 {
					out[of] = append(out[of], list[i].ID)
				}
			}
		}
		return out, nil
	})
}
