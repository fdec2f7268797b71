package params

import (
	"bytes"
	"errors"
	"io"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"

	"perennial/internal/fault"
)

func itoa(i int) string { return strconv.Itoa(i) }

// json reads a JSON object or array as the root. Text that is not valid UTF-8 is
// refused by the decoder, and so are broken surrogates and anything after the
// value.
func (b *builder) json(body []byte) error {
	d := jsontext.NewDecoder(bytes.NewReader(body), jsontext.AllowDuplicateNames(true))
	root, err := b.value(d, "", 0)
	if err != nil {
		return err
	}
	if _, err := d.ReadToken(); !errors.Is(err, io.EOF) {
		return refuse("the JSON body must end after its first value")
	}
	if root.kind != group && root.kind != array {
		return refuse("the JSON body must be an object or an array")
	}
	b.root = root
	return nil
}

func malformed(d *jsontext.Decoder, err error) error {
	return fault.Wrap(fault.Invalid, err, "the JSON body is malformed near byte %d", d.InputOffset())
}

// value reads the next value; path names it in refusals.
func (b *builder) value(d *jsontext.Decoder, path string, depth int) (*node, error) {
	token, err := d.ReadToken()
	if err != nil {
		return nil, malformed(d, err)
	}
	switch token.Kind() {
	case 'n':
		return &node{kind: null}, nil
	case 't', 'f':
		return &node{kind: truth, text: token.String()}, nil
	case '0':
		return &node{kind: number, text: token.String()}, nil
	case '"':
		s := token.String()
		if !clean(s) {
			return nil, fault.BadField(path, "holds a NUL")
		}
		return &node{kind: text, text: s}, nil
	}
	if depth == MaxDepth {
		return nil, fault.BadField(path, "is nested deeper than %d levels", MaxDepth)
	}
	if token.Kind() == '[' {
		return b.elements(d, path, depth)
	}
	return b.object(d, path, depth)
}

func (b *builder) object(d *jsontext.Decoder, path string, depth int) (*node, error) {
	n := &node{kind: group}
	for d.PeekKind() != '}' {
		token, err := d.ReadToken()
		if err != nil {
			return nil, malformed(d, err)
		}
		name := token.String()
		if err := checkName(name); err != nil {
			return nil, err
		}
		if err := b.count(); err != nil {
			return nil, err
		}
		member, err := b.value(d, join(path, name), depth+1)
		if err != nil {
			return nil, err
		}
		n.set(name, member)
	}
	if _, err := d.ReadToken(); err != nil {
		return nil, malformed(d, err)
	}
	return n, nil
}

func (b *builder) elements(d *jsontext.Decoder, path string, depth int) (*node, error) {
	n := &node{kind: array}
	for d.PeekKind() != ']' {
		if err := b.count(); err != nil {
			return nil, err
		}
		name := itoa(n.next)
		member, err := b.value(d, join(path, name), depth+1)
		if err != nil {
			return nil, err
		}
		n.set(name, member)
	}
	if _, err := d.ReadToken(); err != nil {
		return nil, malformed(d, err)
	}
	return n, nil
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}
