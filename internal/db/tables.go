package db

// Tables is the kind of every table. Migration, checks and documentation read
// it: a table that is missing here, or whose keys do not fit its kind, fails the
// catalog test, because it could not be placed in a cluster sharded by merchant.
var Tables = []TableKind{
	{Name: "account", Kind: Root},
	{Name: "account_past", Kind: Merchant},
	{Name: "invoice_series", Kind: Merchant},
	{Name: "api_key", Kind: Directory, Key: "hash"},
	{Name: "login", Kind: Directory, Key: "email"},
	{Name: "membership", Kind: Directory, Key: "member_id"},
	{Name: "session", Kind: Directory, Key: "hash"},
	{Name: "owner_link", Kind: Directory, Key: "hash"},
	{Name: "checkout_link", Kind: Directory, Key: "slug"},
	{Name: "campaign", Kind: Merchant},
	{Name: "product", Kind: Merchant},
	{Name: "price", Kind: Merchant},
	{Name: "customer", Kind: Merchant},
	{Name: "customer_past", Kind: Merchant},
	{Name: "payment_method", Kind: Merchant},
	{Name: "subscription", Kind: Merchant},
	{Name: "orders", Kind: Merchant},
	{Name: "invoice", Kind: Merchant},
	{Name: "invoice_line", Kind: Merchant},
	{Name: "payment", Kind: Merchant},
	{Name: "refund", Kind: Merchant},
	{Name: "ledger_entry", Kind: Merchant},
	{Name: "event", Kind: Merchant},
	{Name: "endpoint", Kind: Merchant},
	{Name: "outbox", Kind: Merchant},
	{Name: "alias", Kind: Merchant},
	{Name: "idempotency", Kind: Merchant},
	{Name: "sandbox_card", Kind: Merchant},
	{Name: "sandbox_charge", Kind: Merchant},
	{Name: "sandbox_refund", Kind: Merchant},
}
