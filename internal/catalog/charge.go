package catalog

import (
	"perennial/internal/money"
)

// Model says how a quantity becomes an amount.
type Model string

// The models.
const (
	PerUnit   Model = "per_unit"  // Unit for each piece
	Flat      Model = "flat"      // Unit, whatever the quantity
	Volume    Model = "volume"    // all pieces at the price of the tier that the quantity lies in
	Graduated Model = "graduated" // each piece at the price of the tier that it lies in
	Package   Model = "package"   // Unit for each block that is begun
)

// Charge turns a quantity into an amount.
type Charge struct {
	Model   Model         `json:"model"`
	Unit    money.Decimal `json:"unit,omitzero"`     // major units of the currency
	Block   int64         `json:"block,omitempty"`   // pieces in a block, package only
	Tiers   []Tier        `json:"tiers,omitempty"`   // ascending; volume and graduated only
	Minimum int64         `json:"minimum,omitempty"` // minor units: the least that a period costs
}

// Tier is the price of the pieces up to a quantity.
type Tier struct {
	UpTo *money.Decimal `json:"up_to,omitempty"` // inclusive; nil only for the last tier, which has no end
	Unit money.Decimal  `json:"unit,omitzero"`
	Flat int64          `json:"flat,omitempty"` // minor units, added once when the tier is reached
}

// Part is one step of the arithmetic of a charge.
type Part struct {
	Quantity money.Decimal `json:"quantity"`
	Unit     money.Decimal `json:"unit"`
	Flat     int64         `json:"flat,omitempty"`
	Amount   int64         `json:"amount"` // minor units, rounded
}
