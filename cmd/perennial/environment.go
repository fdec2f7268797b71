package main

import (
	"slices"
	"strings"

	"github.com/alecthomas/kong"

	"perennial/internal/fault"
	"perennial/internal/seal"
)

// envPrefix begins the name of every environment variable of the program.
const envPrefix = "PERENNIAL"

// variables are the environment variables that mean something: one for each flag,
// and the secret key, which is never a flag because others could read it there.
func variables(n *kong.Node) []string {
	list := []string{seal.Variable, "PERENNIAL_TEST_POSTGRES"} // the second is for developers, and means nothing here
	for _, flag := range n.Flags {
		list = append(list, flag.Envs...)
	}
	for _, child := range n.Children {
		list = append(list, variables(child)...)
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// checkVariables refuses a variable with our prefix that means nothing: a
// misspelt setting must not be a silent one.
func checkVariables(environ, known []string) error {
	for _, pair := range environ {
		name, _, _ := strings.Cut(pair, "=")
		if strings.HasPrefix(name, envPrefix+"_") && !slices.Contains(known, name) {
			return fault.New(fault.Invalid, "the environment variable %s means nothing: unset it or correct its name; known are %s", name, strings.Join(known, ", "))
		}
	}
	return nil
}

// lookUp is the value of an environment variable.
func (t *terminal) lookUp(name string) string {
	for _, pair := range t.environ {
		if value, ok := strings.CutPrefix(pair, name+"="); ok {
			return value
		}
	}
	return ""
}
