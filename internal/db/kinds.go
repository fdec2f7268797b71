package db

// Kind says where the rows of a table live when the data is sharded by merchant.
type Kind uint8

// The kinds of tables.
const (
	Root        Kind = iota + 1 // the merchant account itself: sharded by its own id
	Merchant                    // owned by one merchant: account_id leads every key
	Directory                   // unique over all merchants: sharded by the value that is looked up
	Reference                   // small and the same everywhere: copied to every node
	Coordinator                 // kept on one node only
)

// TableKind is the kind of one table.
type TableKind struct {
	Name string
	Kind Kind
	Key  string // of a Directory: the column that is looked up; else ""
}
