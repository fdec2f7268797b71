// Package tax says which taxes a sale carries, how much they are, and what sending
// something costs.
//
// It owns: tax profiles and their rules, the choice of rates for a buyer (Resolve),
// their arithmetic on a line (Apply), the form of tax numbers (CheckID) and what an
// online check of one may change (IDState), shipping rules (Shipping).
//
// It does not own: which profile a product or a subscription has, what a document
// prints, the service that checks numbers (package vies). It gives no legal advice:
// rates that are built in are a start, and a merchant's own rules override them.
//
// # Rules
//
// A rule names a place: a country, in it a region, in it a postal code or the
// beginning of one ("787*"). More specific wins: postal code, then the longer
// beginning, then region, then country. Of two that are equal in that, the one that
// names a region too wins. A rule without a country is for buyers whose place is not
// known and, in a manual or us_canada profile, for places that no other rule fits.
// A rule holds from From (included) to To (excluded); without them for ever. Two
// rules of a profile that would tie are refused when they are written, so every
// instant has one answer.
//
// # Schemes
//
// Manual has the merchant's rules alone, and one of them applies. The place is where
// the buyer is billed, for goods where they are sent to, for services where the
// seller is.
//
// us_canada may have several taxes on one line (GST and PST; state and city). Rules
// of one name compete, rules of different names add up. A seller in Canada has the
// rates of the provinces built in (see canada.go): a rule of the merchant replaces
// the built-in tax of the same name in that place (rate 0 switches it off), and a
// rule with another name that names Canada replaces all that are built in there.
// Where the postal code is known and the province is not, the code tells it.
// United States rates are never built in: they depend on county and city and on
// where the seller is registered.
//
// eu_vat follows the rules of the European Union:
//
//   - Digital services are taxed where a private buyer lives (Directive 2006/112/EC,
//     Article 58). Two pieces of evidence that do not contradict tell where (Regulation
//     282/2011, Articles 24b and 24f): the countries of billing address, internet
//     address, card and shipping address. The country that most pieces name wins, the
//     billing country when as many name another. With fewer than two,
//     Decision.EvidenceOK is false, and the tax is that of the billing country, else
//     of the internet address, the card, the shipping address. When nothing is known
//     the seller's country counts.
//   - A buyer in the seller's country is charged, with a tax number or without.
//   - A buyer in another member state with a valid VAT number of a member state that
//     is not the seller's owes the tax himself: reverse charge (Article 196), and the
//     document must say so (Article 226). For goods the same case is an exempt supply
//     inside the Union (Article 138).
//   - Without a valid number the rate of the buyer's country is charged.
//   - A buyer outside of the Union is not charged, unless a rule of the merchant names
//     the country.
//   - Goods are taxed where they are sent to, services where the seller is, and
//     services for a buyer with a valid number of another member state by reverse
//     charge; a service for a business (Buyer.Company) that is billed outside of the
//     Union is not charged (Articles 33, 44 and 45).
//   - Monaco counts as France and the Isle of Man as the United Kingdom (Article 7);
//     areas of member states that lie outside of the VAT area, such as the Canary
//     Islands, are told by postal code and count as outside (Article 6). For goods,
//     Northern Ireland (postal codes BT) counts as a member state, XI.
//
// A price that holds its tax stays as it is when no tax is charged: the buyer pays the
// same, and all of it is net.
//
// The thresholds below which a small seller may tax at home, and reduced rates, are
// for the merchant to express as rules.
//
// # Tax numbers and outages
//
// CheckID looks at form and check digits alone and needs no network. The online check
// (Checker) may be out of reach, and an outage never means "invalid" and never means
// "valid": a number that was once seen valid stays valid through it, a number that
// was never seen valid is charged tax until a check answers. IDState.After is that
// rule.
//
// # Arithmetic
//
// All taxes on a line are computed together, at the sum of their rates, and rounded
// half up once, as docs/money-and-time.md says; inclusive prices hold the tax, so net
// and tax always sum to the price. Several taxes then share that one sum in the
// proportion of their rates (money.Amount.Allocate), so that the parts sum to it.
//
// # Shipping
//
// A shipping rule charges an amount for buyers in a place, for buyers not in a place,
// or for orders whose total is in a range. Of the rules about places one applies, the
// most specific; a rule "in" goes before every rule "not in". Every rule whose range
// holds the total applies besides.
package tax
