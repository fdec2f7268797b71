package profitwell

import _ "embed"

// browserScript is what pages of shops load: it tells who uses the product and answers the
// calls that pages make.
//
//go:embed profitwell.js
var browserScript string
