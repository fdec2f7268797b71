// Package params reads the parameters of a request wherever a client put them:
// the query, a urlencoded or multipart form with nested keys such as a[0][b] or
// a[][b], or a JSON body, on any method. All of it becomes one tree. The body
// wins over the query, and of equal names the last wins; the others are kept.
//
// Everything is bounded and checked on the way in: size, number of names, depth,
// length of names, valid UTF-8 and no NUL. Numbers stay as they were spelt and
// never pass through floating point.
package params

import (
	"bytes"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/url"
	"strings"
	"unicode/utf8"

	"perennial/internal/fault"
)

// The limits of one request.
const (
	MaxBody  = 1 << 20 // bytes of the body, where the caller sets no other limit
	MaxNames = 10_000  // names and list elements, in query and body together
	MaxDepth = 64      // groups and lists inside each other
	MaxName  = 256     // bytes of a name, in forms with its brackets
)

// Codes of refusals that doors answer with a status of their own.
const (
	CodeBodyTooLarge = "body_too_large"         // 413
	CodeMediaType    = "media_type_unsupported" // 415
)

func refuse(format string, args ...any) error { return fault.New(fault.Invalid, format, args...) }

// Read reads query and body of a request. limit is the largest body in bytes; 0
// means MaxBody. A larger body is refused with fault.Invalid and the code
// CodeBodyTooLarge, a body that is neither form nor JSON with CodeMediaType, and
// anything malformed with fault.Invalid. A body without a content type is JSON
// if it starts like JSON, else a form.
func Read(r *http.Request, limit int64) (*Values, error) {
	if limit <= 0 {
		limit = MaxBody
	}
	b := &builder{root: &node{kind: group}}
	if err := b.form(r.URL.RawQuery); err != nil {
		return nil, err
	}
	body, err := readBody(r, limit)
	if err != nil {
		return nil, err
	}
	query := b.root
	b.root = &node{kind: group}
	if err := b.body(body, r.Header.Get("Content-Type")); err != nil {
		return nil, err
	}
	if b.root.kind == array && len(query.names) == 0 {
		query = b.root
	} else {
		query.merge(b.root)
	}
	return &Values{node: query, fields: &fault.Fields{}}, nil
}

func readBody(r *http.Request, limit int64) ([]byte, error) {
	if r.Body == nil || r.Body == http.NoBody {
		return nil, nil
	}
	if encoding := r.Header.Get("Content-Encoding"); encoding != "" && !strings.EqualFold(encoding, "identity") {
		return nil, fault.New(fault.Invalid, "the body must be sent without a content encoding").WithCode(CodeMediaType)
	}
	body, err := io.ReadAll(http.MaxBytesReader(nil, r.Body, limit))
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return nil, fault.New(fault.Invalid, "the body is larger than %d bytes", limit).WithCode(CodeBodyTooLarge)
	}
	if err != nil {
		return nil, fault.Wrap(fault.Invalid, err, "the body could not be read to its end")
	}
	return body, nil
}

// builder fills a tree and counts what went in.
type builder struct {
	root  *node
	names int
}

func (b *builder) count() error {
	if b.names++; b.names > MaxNames {
		return refuse("more than %d names and list elements in one request", MaxNames)
	}
	return nil
}

func (b *builder) body(body []byte, contentType string) error {
	trimmed := bytes.TrimLeft(body, " \t\r\n")
	if len(trimmed) == 0 {
		return nil
	}
	if contentType == "" {
		if trimmed[0] == '{' || trimmed[0] == '[' {
			return b.json(body)
		}
		return b.form(string(body))
	}
	media, options, err := mime.ParseMediaType(contentType)
	switch {
	case err != nil:
	case media == "application/json", strings.HasPrefix(media, "application/") && strings.HasSuffix(media, "+json"):
		return b.json(body)
	case media == "application/x-www-form-urlencoded":
		return b.form(string(body))
	case media == "multipart/form-data" && options["boundary"] != "":
		return b.multipart(body, options["boundary"])
	}
	return fault.New(fault.Invalid, "the body must be a form or JSON, named by its content type").WithCode(CodeMediaType)
}

// form reads name=value pairs joined with "&".
func (b *builder) form(encoded string) error {
	for pair := range strings.SplitSeq(encoded, "&") {
		if pair == "" {
			continue
		}
		rawName, rawValue, _ := strings.Cut(pair, "=")
		name, err := url.QueryUnescape(rawName)
		if err != nil {
			return refuse("a name holds a broken %% escape")
		}
		if err := checkName(name); err != nil {
			return err
		}
		value, err := url.QueryUnescape(rawValue)
		if err != nil {
			return fault.BadField(name, "holds a broken %% escape")
		}
		if err := b.put(name, value); err != nil {
			return err
		}
	}
	return nil
}

// multipart reads the text parts of a multipart form. A file is refused: uploads
// have routes and limits of their own.
func (b *builder) multipart(body []byte, boundary string) error {
	parts := multipart.NewReader(bytes.NewReader(body), boundary)
	for {
		part, err := parts.NextRawPart()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fault.Wrap(fault.Invalid, err, "the multipart body is malformed")
		}
		name := part.FormName()
		if err := checkName(name); err != nil {
			return err
		}
		if part.FileName() != "" {
			return fault.BadField(name, "must not be a file")
		}
		value, err := io.ReadAll(part)
		if err != nil {
			return fault.Wrap(fault.Invalid, err, "the multipart body is malformed")
		}
		if err := b.put(name, string(value)); err != nil {
			return err
		}
	}
}

func checkName(name string) error {
	switch {
	case name == "":
		return refuse("a value has no name")
	case len(name) > MaxName:
		return refuse("a name is longer than %d bytes", MaxName)
	case !clean(name):
		return refuse("a name is not valid UTF-8 or holds a NUL")
	}
	return nil
}

// clean reports whether s is valid UTF-8 without NUL.
func clean(s string) bool { return utf8.ValidString(s) && strings.IndexByte(s, 0) < 0 }

// put stores one form value under its bracketed name.
func (b *builder) put(name, value string) error {
	if err := b.count(); err != nil {
		return err
	}
	if !clean(value) {
		return fault.BadField(name, "is not valid UTF-8 or holds a NUL")
	}
	path, err := splitName(name)
	if err != nil {
		return err
	}
	at := b.root
	for i, step := range path[:len(path)-1] {
		if step == "" {
			step = at.element(path[i+1:])
		}
		below := at.members[step]
		if below == nil {
			below = &node{kind: group}
			at.set(step, below)
		}
		if below.kind != group {
			return fault.BadField(name, "is given both as a value and as a group")
		}
		at = below
	}
	last := path[len(path)-1]
	if last == "" {
		last = at.element(nil)
	}
	if before := at.members[last]; before != nil && before.kind == group {
		return fault.BadField(name, "is given both as a value and as a group")
	}
	at.set(last, &node{kind: text, text: value})
	return nil
}

// element is the index that "[]" stands for: that of the last element while the
// rest of the path has no value there yet, else a new one.
func (n *node) element(rest []string) string {
	if n.next > 0 && len(rest) > 0 {
		last := itoa(n.next - 1)
		if at := n.members[last]; at != nil && at.kind == group && !at.has(rest) {
			return last
		}
	}
	return itoa(n.next)
}

// has reports whether a value stands at the path, or in the way of it. A path
// that ends in "[]" always has room.
func (n *node) has(path []string) bool {
	for _, step := range path {
		if n.kind != group {
			return true
		}
		if step == "" {
			return false
		}
		if n = n.members[step]; n == nil {
			return false
		}
	}
	return true
}

// splitName cuts "a[0][b]" into "a", "0", "b". A name whose brackets do not
// match is refused.
func splitName(name string) ([]string, error) {
	first := strings.IndexByte(name, '[')
	if first < 0 {
		return []string{name}, nil
	}
	if first == 0 || name[len(name)-1] != ']' {
		return nil, fault.BadField(name, "has brackets that do not match; write it like a[0][b]")
	}
	path := []string{name[:first]}
	for step := range strings.SplitSeq(name[first+1:len(name)-1], "][") {
		if strings.ContainsAny(step, "[]") {
			return nil, fault.BadField(name, "has brackets that do not match; write it like a[0][b]")
		}
		path = append(path, step)
	}
	if len(path) > MaxDepth {
		return nil, fault.BadField(name, "is nested deeper than %d levels", MaxDepth)
	}
	return path, nil
}
