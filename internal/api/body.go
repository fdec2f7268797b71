package api

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"strings"

	"github.com/go-json-experiment/json/jsontext"

	"perennial/internal/cardnumber"
)

// checkBody refuses a body that is not one JSON value, or that holds what no
// operation should see: a name twice in one object (decoders disagree on which
// counts), null (nothing here can be nothing, and to ignore it would hide a
// mistake), a number that is not whole, the character zero, a card number however
// it is spelt, or too many levels. It looks at every value before anything else does.
func checkBody(body []byte) *problem {
	d := jsontext.NewDecoder(bytes.NewReader(body))
	for ended := false; ; ended = d.StackDepth() == 0 {
		token, err := d.ReadToken()
		switch {
		case errors.Is(err, io.EOF) && ended:
			return nil
		case errors.Is(err, jsontext.ErrDuplicateName):
			return wrongAt(d, err, http.StatusUnprocessableEntity, "invalid", "is given twice")
		case err != nil || ended:
			return wrongAt(d, err, http.StatusBadRequest, "invalid", "must be one JSON value in UTF-8")
		case d.StackDepth() > maxDepth:
			return &problem{Status: http.StatusBadRequest, Code: "too_deep", Detail: "the body must not be nested deeper than 64",
				Errors: []problemField{{"body", "must not be nested deeper than 64"}}}
		}
		text := token.String()
		switch kind := token.Kind(); {
		case kind == 'n':
			return wrongAt(d, nil, http.StatusUnprocessableEntity, "invalid", "must not be null; leave out what is not given")
		case kind != '"' && kind != '0':
		case strings.ContainsRune(text, 0):
			return wrongAt(d, nil, http.StatusUnprocessableEntity, "invalid", "must not hold the character zero")
		case cardnumber.In(text) && !usageKey(d):
			p := wrongAt(d, nil, http.StatusUnprocessableEntity, "card_number_refused", "must not hold a card number")
			p.Detail = "the request holds a card number; send the payment gateway's token for it"
			return p
		case kind == '0' && strings.ContainsAny(text, ".eE"):
			return wrongAt(d, nil, http.StatusUnprocessableEntity, "invalid", "must be a whole number, without a point or an exponent")
		}
	}
}

// usageKey reports whether the decoder stands at the key of a usage event. Senders draw
// keys at random, and one among many looks like a card number by chance: each is
// looked at with its event, so that the others of the list count.
func usageKey(d *jsontext.Decoder) bool {
	at := string(d.StackPointer())
	return strings.HasPrefix(at, "/events/") && strings.HasSuffix(at, "/key") && strings.Count(at, "/") == 3
}

// wrongAt is the refusal of the value at which the decoder stands. A place whose
// name could itself be what is wrong is not repeated.
func wrongAt(d *jsontext.Decoder, err error, status int, code, message string) *problem {
	at := d.StackPointer()
	var syntax *jsontext.SyntacticError
	if errors.As(err, &syntax) {
		at = syntax.JSONPointer
	}
	location := "body"
	for name := range at.Tokens() {
		if location += "." + name; len(location) > 200 || strings.ContainsRune(name, 0) || cardnumber.In(name) {
			location = "body"
			break
		}
	}
	return &problem{Status: status, Code: code, Detail: "the request is not valid", Errors: []problemField{{location, message}}}
}
