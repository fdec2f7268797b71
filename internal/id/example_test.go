package id_test

import (
	"fmt"

	"perennial/internal/id"
)

func ExampleParse() {
	customer, err := id.Parse[id.Customer]("cus_000000000002d")
	fmt.Println(int64(customer), err)

	_, err = id.Parse[id.Invoice]("cus_000000000002d")
	fmt.Println(err)
	// Output:
	// 77 <nil>
	// there is no invoice with that id
}
