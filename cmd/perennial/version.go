package main

import (
	"fmt"
	"runtime"
)

// shown prints the version.
type shown struct{}

// Run prints the version.
func (shown) Run(t *terminal) error {
	fmt.Fprintf(t.out, "perennial %s (%s, %s/%s)\n", version, runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return nil
}
