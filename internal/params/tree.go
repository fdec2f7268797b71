package params

import (
	"strconv"
)

// kind of a node: what the client wrote at that place.
type kind uint8

const (
	null   kind = iota
	text        // a form value or a JSON string
	number      // a JSON number, kept as it was spelt
	truth       // a JSON true or false, kept as it was spelt
	group       // members under names
	array       // members under "0", "1", … from a JSON array or from a[]
)

// node is one place of the tree.
type node struct {
	kind    kind
	text    string // text, number, truth
	names   []string
	members map[string]*node
	next    int   // the index that the next a[] gets
	earlier *node // what was given under the same name before
}

// set puts a member under a name. A member of that name becomes its earlier one.
func (n *node) set(name string, member *node) {
	if n.members == nil {
		n.members = map[string]*node{}
	}
	before, known := n.members[name]
	if known {
		member.earlier = before
	} else {
		n.names = append(n.names, name)
	}
	n.members[name] = member
	if i, ok := index(name); ok && i >= n.next {
		n.next = i + 1
	}
}

// index reads a name that numbers a list element: ASCII digits without a leading
// zero, at most nine.
func index(name string) (int, bool) {
	if name == "" || len(name) > 9 || (name[0] == '0' && name != "0") {
		return 0, false
	}
	for i := range len(name) {
		if name[i] < '0' || name[i] > '9' {
			return 0, false
		}
	}
	i, err := strconv.Atoi(name)
	return i, err == nil
}

// isList reports whether n can be read as a list: every name is an index.
func (n *node) isList() bool {
	if n.kind == array {
		return true
	}
	for _, name := range n.names {
		if _, ok := index(name); !ok {
			return false
		}
	}
	return n.kind == group
}

// merge puts the members of later into n; later ones win.
func (n *node) merge(later *node) {
	for _, name := range later.names {
		oldest := later.members[name]
		for oldest.earlier != nil {
			oldest = oldest.earlier
		}
		if before := n.members[name]; before != nil {
			oldest.earlier = before
			n.members[name] = later.members[name]
			continue
		}
		n.set(name, later.members[name])
	}
}
