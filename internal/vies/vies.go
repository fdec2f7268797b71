package vies

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"time"
	"unicode/utf8"

	"perennial/internal/fault"
	"perennial/internal/tax"
)

// Address is where the register answers, without the name of the question.
const Address = "https://ec.europa.eu/taxation_customs/vies/rest-api"

// Timeout is how long one question may take, the answer read.
const Timeout = 10 * time.Second

// Limits of an answer: what is read of it, and what is kept of a name.
const (
	maxAnswer = 64 << 10
	maxName   = 200
)

// Client asks the register. It is safe for concurrent use.
type Client struct {
	client *http.Client
	url    string
	agent  string
}

var _ tax.Checker = (*Client)(nil)

// New makes a Client that asks at an address (the constant, but for tests) with the
// client of package outbound, and calls itself by the program's version.
func New(client *http.Client, address, version string) *Client {
	return &Client{client: client, url: address + "/check-vat-number", agent: "Perennial/" + version}
}

// Check asks for one number; tax.Checker says what it answers. Numbers without the
// right form are Invalid and those of countries outside of the register Unchecked,
// both without asking.
func (c *Client) Check(ctx context.Context, country, id string) (tax.IDState, string, error) {
	normal, err := tax.CheckID(country, id)
	if err != nil {
		return tax.Invalid, "", nil
	}
	prefix, number, ok := tax.EUNumber(normal)
	if !ok {
		return tax.Unchecked, "", nil
	}
	a, err := c.ask(ctx, prefix, number)
	if err != nil {
		return tax.Unavailable, "", err
	}
	return a.verdict(prefix, number)
}

// answer is what the register sends. Of the fields that some of its versions leave
// out, none is needed for a yes or a no.
type answer struct {
	Country   string `json:"countryCode"`
	Number    string `json:"vatNumber"`
	Valid     *bool  `json:"valid"`
	IsValid   *bool  `json:"isValid"`
	UserError string `json:"userError"`
	Name      string `json:"name"`
	Succeeded *bool  `json:"actionSucceed"`
	Errors    []struct {
		Error string `json:"error"`
	} `json:"errorWrappers"`
}

func (c *Client) ask(ctx context.Context, prefix, number string) (answer, error) {
	ctx, cancel := context.WithTimeout(ctx, Timeout)
	defer cancel()
	question, err := json.Marshal(map[string]string{"countryCode": prefix, "vatNumber": number})
	if err != nil {
		return answer{}, err
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, c.url, bytes.NewReader(question))
	if err != nil {
		return answer{}, err
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", c.agent)
	res, err := c.client.Do(req)
	if err != nil {
		return answer{}, fault.Wrap(fault.Unavailable, err, "the register of VAT numbers is out of reach")
	}
	defer res.Body.Close()
	text, err := io.ReadAll(io.LimitReader(res.Body, maxAnswer+1))
	if err != nil {
		return answer{}, fault.Wrap(fault.Unavailable, err, "the register of VAT numbers broke off its answer")
	}
	// A refusal comes as 200 or as 400, with the same body.
	if res.StatusCode != http.StatusOK && res.StatusCode != http.StatusBadRequest {
		return answer{}, fault.New(fault.Unavailable, "the register of VAT numbers answered with status %d", res.StatusCode)
	}
	var a answer
	if len(text) > maxAnswer {
		return answer{}, fault.New(fault.Unavailable, "the register of VAT numbers sent too much")
	}
	if err := json.Unmarshal(text, &a); err != nil {
		return answer{}, fault.Wrap(fault.Unavailable, err, "the register of VAT numbers sent an answer that cannot be read")
	}
	if res.StatusCode != http.StatusOK && len(a.Errors) == 0 {
		return answer{}, fault.New(fault.Unavailable, "the register of VAT numbers answered with status %d", res.StatusCode)
	}
	return a, nil
}

// verdict reads a yes or a no, or says why there is none.
func (a answer) verdict(prefix, number string) (tax.IDState, string, error) {
	word := strings.ToUpper(a.UserError)
	if len(a.Errors) > 0 {
		word = strings.ToUpper(a.Errors[0].Error)
	}
	valid := a.Valid
	if valid == nil {
		valid = a.IsValid
	}
	refused := a.Succeeded != nil && !*a.Succeeded
	echoed := (a.Country == "" || strings.EqualFold(a.Country, prefix)) && (a.Number == "" || strings.EqualFold(a.Number, number))
	switch {
	case word == "INVALID_INPUT": // final: the member state has no numbers of this form
		return tax.Invalid, "", nil
	case !echoed:
		return tax.Unavailable, "", fault.New(fault.Unavailable, "the register of VAT numbers answered for another number")
	case refused || valid == nil || word != "" && word != "VALID" && word != "INVALID":
		return tax.Unavailable, "", fault.New(fault.Unavailable, "the register of VAT numbers gave no answer: %s", printable(word, 60))
	case *valid && word != "INVALID":
		return tax.Valid, name(a.Name), nil
	case !*valid && word != "VALID":
		return tax.Invalid, "", nil
	}
	return tax.Unavailable, "", fault.New(fault.Unavailable, "the register of VAT numbers contradicts itself")
}

// name is a holder's name as it may be kept; the register spells an untold one "---".
func name(s string) string {
	if s = printable(s, maxName); strings.Trim(s, "-") == "" {
		return ""
	}
	return s
}

// printable is s on one line and not longer than most bytes.
func printable(s string, most int) string {
	s = strings.ToValidUTF8(s, "")
	s = strings.Join(strings.FieldsFunc(s, func(r rune) bool { return r <= ' ' || r == 0x7f || r == 0x85 || r == 0x2028 || r == 0x2029 }), " ")
	for len(s) > most {
		_, size := utf8.DecodeLastRuneInString(s)
		s = s[:len(s)-size]
	}
	return s
}
