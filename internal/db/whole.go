package db

// ReadsWhole tells the database that what follows in the transaction compares whole tables.
// PostgreSQL counts the rows of a table only now and then; where much was written since, it
// takes a table for small and compares each of its rows with each of another's.
func (t *Tx) ReadsWhole() error {
	if !t.pg {
		return nil
	}
	return t.Each(func(Scan) error { return nil }, "select set_config('enable_nestloop', 'off', true)")
}
