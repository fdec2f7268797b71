package params_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"perennial/internal/fault"
	"perennial/internal/params"
)

const (
	formType = "application/x-www-form-urlencoded"
	jsonType = "application/json"
)

func request(method, query, contentType, body string) *http.Request {
	r := httptest.NewRequest(method, "/", strings.NewReader(body))
	r.URL.RawQuery = query
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	return r
}

func read(t *testing.T, query, contentType, body string) *params.Values {
	t.Helper()
	v, err := params.Read(request("POST", query, contentType, body), 0)
	if err != nil {
		t.Fatalf("query %q, body %q: %v", query, body, err)
	}
	return v
}

// outline writes a tree in one line, for comparisons.
func outline(v *params.Values) string {
	names := v.Names()
	if len(names) == 0 {
		return v.Text("")
	}
	parts := make([]string, len(names))
	for i, name := range names {
		switch {
		case v.IsNull(name):
			parts[i] = name + "=null"
		case len(v.All(name)) > 0 && !strings.Contains(fmt.Sprint(v.Err()), name):
			parts[i] = name + "=" + strings.Join(v.All(name), "|")
		default:
			parts[i] = name + "{" + outline(v.Map(name)) + "}"
		}
	}
	return strings.Join(parts, " ")
}

func TestPlacesGiveTheSameTree(t *testing.T) {
	t.Parallel()
	var multi bytes.Buffer
	w := multipart.NewWriter(&multi)
	for _, pair := range [][2]string{{"email", "a@b.c"}, {"items[0][price]", "prc_1"}, {"items[0][quantity]", "2"}, {"items[1][price]", "prc_2"}, {"live", "true"}} {
		if err := w.WriteField(pair[0], pair[1]); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	indexed := "email=a%40b.c&items[0][price]=prc_1&items[0][quantity]=2&items%5B1%5D%5Bprice%5D=prc_2&live=true"
	pushed := "email=a%40b.c&items[][price]=prc_1&items[][quantity]=2&items[][price]=prc_2&live=true"
	object := `{"email":"a@b.c","items":[{"price":"prc_1","quantity":2},{"price":"prc_2"}],"live":true}`
	for _, c := range []struct{ name, method, query, contentType, body string }{
		{"query", "GET", indexed, "", ""},
		{"form", "POST", "", formType, indexed},
		{"form with charset", "PUT", "", formType + "; charset=utf-8", pushed},
		{"form without a type", "POST", "", "", pushed},
		{"multipart", "POST", "", w.FormDataContentType(), multi.String()},
		{"JSON", "POST", "", jsonType, object},
		{"JSON on GET", "GET", "", jsonType, object},
		{"JSON on DELETE", "DELETE", "", "application/vnd.api+json", object},
		{"JSON without a type", "PATCH", "", "", " \n" + object},
		{"both", "POST", "email=a@b.c&live=0", formType, "live=true&items[][price]=prc_1&items[0][quantity]=2&items[1][price]=prc_2"},
	} {
		v, err := params.Read(request(c.method, c.query, c.contentType, c.body), 0)
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		items := v.List("items")
		if v.Text("email") != "a@b.c" || !v.Bool("live") || len(items) != 2 || items[0].Text("price") != "prc_1" ||
			items[0].Int("quantity", 1, 10) != 2 || items[1].Text("price") != "prc_2" || items[1].Has("quantity") || v.Err() != nil {
			t.Errorf("%s gives %s, %v", c.name, outline(v), v.Err())
		}
	}
}

func TestForms(t *testing.T) {
	t.Parallel()
	for form, want := range map[string]string{
		"":                              "",
		"&&a=1&":                        "a=1",
		"a":                             "a=",
		"a=b=c":                         "a=b=c",
		"a=1&a=2":                       "a=1|2",
		"a.b=1":                         "a.b=1",
		"a+b=c+d":                       "a b=c d",
		"a=1;b=2":                       "a=1;b=2",
		"a[b][c]=1&a[b][d]=2":           "a{b{c=1 d=2}}",
		"a[]=1&a[]=2":                   "a=1|2",
		"a[2]=x&a[0]=y&a[]=z":           "a=y|x|z",
		"a[][]=1&a[][]=2":               "a{0=1|2}",
		"a[][b]=1&a[][b]=2&a[][c]=3":    "a{0{b=1} 1{b=2 c=3}}",
		"a[][b][c]=1&a[][b][d]=2":       "a{0{b{c=1 d=2}}}",
		"a[01]=x":                       "a{01=x}",
		"a[999999999][b]=1":             "a{999999999{b=1}}",
		"name=%E2%82%AC&x=%F0%9F%92%B6": "name=€ x=💶",
	} {
		if got := outline(read(t, "", formType, form)); got != want {
			t.Errorf("%q gives %q, want %q", form, got, want)
		}
		if got := outline(read(t, form, "", "")); got != want {
			t.Errorf("query %q gives %q, want %q", form, got, want)
		}
	}
}

func TestBodyWinsOverQuery(t *testing.T) {
	t.Parallel()
	v := read(t, "a=1&a=2&b=3&c[x]=4", jsonType, `{"a":5,"a":6,"c":"whole"}`)
	if v.Text("a") != "6" || strings.Join(v.All("a"), ",") != "1,2,5,6" {
		t.Errorf("a is %q of %v", v.Text("a"), v.All("a"))
	}
	if v.Text("b") != "3" || v.Text("c") != "whole" || v.Err() != nil {
		t.Errorf("b is %q, c is %q, %v", v.Text("b"), v.Text("c"), v.Err())
	}
}

func TestNumbersStayExact(t *testing.T) {
	t.Parallel()
	v := read(t, "", jsonType, `{"a":9007199254740993,"b":0.1000000000000000055511151231257827,"c":-9223372036854775808,"d":1e2,"e":1.0,"f":9223372036854775808}`)
	if got := v.Int("a", 0, 1<<62); got != 1<<53+1 {
		t.Errorf("2^53+1 came as %d", got)
	}
	if got := v.Decimal("b"); got != "0.1000000000000000055511151231257827" {
		t.Errorf("b came as %s", got)
	}
	if got := v.Int("c", -1<<63, 0); got != -1<<63 {
		t.Errorf("c came as %d", got)
	}
	if v.Err() != nil {
		t.Error(v.Err())
	}
	for _, name := range []string{"d", "e", "f"} {
		if got := v.Int(name, -1<<63, 1<<63-1); got != 0 {
			t.Errorf("%s came as %d", name, got)
		}
	}
	v.Decimal("d")
	if n := len(fault.As(v.Err()).Fields); n != 4 {
		t.Errorf("%d wrong numbers were noted: %v", n, v.Err())
	}
}

func TestMalformed(t *testing.T) {
	t.Parallel()
	deepForm := "a" + strings.Repeat("[b]", params.MaxDepth) + "=1"
	deepJSON := strings.Repeat(`{"a":`, params.MaxDepth+1) + "1" + strings.Repeat("}", params.MaxDepth+1)
	for _, c := range []struct{ name, query, contentType, body, want string }{
		{"broken escape in a value", "a=%zz", "", "", "a holds a broken % escape"},
		{"broken escape in a name", "%=1", "", "", "broken % escape"},
		{"no name", "=1", "", "", "no name"},
		{"NUL in a value", "a=%00", "", "", "a is not valid UTF-8"},
		{"NUL in a name", "a%00=1", "", "", "not valid UTF-8"},
		{"not UTF-8", "a=%ff", "", "", "a is not valid UTF-8"},
		{"over-long UTF-8", "a=%C0%80", "", "", "a is not valid UTF-8"},
		{"surrogate", "a=%ED%A0%80", "", "", "a is not valid UTF-8"},
		{"open bracket", "a[b=1", "", "", "brackets"},
		{"nothing before brackets", "[a]=1", "", "", "brackets"},
		{"text after brackets", "a[b]c=1", "", "", "brackets"},
		{"text between brackets", "a[b]c[d]=1", "", "", "brackets"},
		{"brackets in brackets", "a[[b]]=1", "", "", "brackets"},
		{"value, then group", "a=1&a[b]=2", "", "", "a[b] is given both"},
		{"group, then value", "a[b]=2&a=1", "", "", "a is given both"},
		{"deep form", deepForm, "", "", "deeper than 64"},
		{"long name", strings.Repeat("n", params.MaxName+1) + "=1", "", "", "longer than 256"},
		{"many names", strings.Repeat("a&", params.MaxNames+1), "", "", "more than 10000"},
		{"many names in both", strings.Repeat("a&", params.MaxNames), formType, "b=1", "more than 10000"},
		{"deep JSON", "", jsonType, deepJSON, "deeper than 64"},
		{"deeper JSON than any stack", "", jsonType, strings.Repeat("[", 200_000), "deeper than 64"},
		{"many elements", "", jsonType, "[" + strings.Repeat("1,", params.MaxNames) + "1]", "more than 10000"},
		{"cut JSON", "", jsonType, `{"a":`, "malformed"},
		{"two JSON values", "", jsonType, `{} {}`, "end after its first value"},
		{"JSON scalar", "", jsonType, `5`, "an object or an array"},
		{"JSON null", "", jsonType, `null`, "an object or an array"},
		{"JSON not UTF-8", "", jsonType, "{\"a\":\"\xff\"}", "malformed"},
		{"JSON half a surrogate", "", jsonType, `{"a":"\ud800"}`, "malformed"},
		{"JSON NUL", "", jsonType, `{"a":{"b":"\u0000"}}`, "a.b holds a NUL"},
		{"JSON NUL in a name", "", jsonType, `{"\u0000":1}`, "NUL"},
		{"JSON empty name", "", jsonType, `{"":1}`, "no name"},
		{"JSON long name", "", jsonType, `{"` + strings.Repeat("n", params.MaxName+1) + `":1}`, "longer than 256"},
		{"JSON bad number", "", jsonType, `{"a":01}`, "malformed"},
		{"JSON NaN", "", jsonType, `{"a":NaN}`, "malformed"},
		{"JSON trailing comma", "", jsonType, `{"a":1,}`, "malformed"},
		{"JSON comment", "", jsonType, `{/*x*/"a":1}`, "malformed"},
		{"BOM", "", jsonType, "\ufeff{}", "malformed"},
		{"multipart cut", "", "multipart/form-data; boundary=x", "--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1", "multipart"},
	} {
		v, err := params.Read(request("POST", c.query, c.contentType, c.body), 0)
		if !fault.Is(err, fault.Invalid) || v != nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s gives %v; want a refusal that says %q", c.name, err, c.want)
		}
	}
}

func TestLimits(t *testing.T) {
	t.Parallel()
	exact := `{"a":"` + strings.Repeat("x", 100-8) + `"}`
	if _, err := params.Read(request("POST", "", jsonType, exact), 100); err != nil {
		t.Errorf("a body of exactly the limit: %v", err)
	}
	for name, r := range map[string]*http.Request{
		"one byte more":     request("POST", "", jsonType, exact+" "),
		"of unknown length": httptest.NewRequest("POST", "/", io.MultiReader(strings.NewReader(exact), strings.NewReader(" "))),
	} {
		_, err := params.Read(r, 100)
		if !fault.Is(err, fault.Invalid) || fault.As(err).Code != params.CodeBodyTooLarge {
			t.Errorf("a body %s: %v", name, err)
		}
	}
	_, err := params.Read(request("POST", "", formType, strings.Repeat("x", params.MaxBody+1)), 0)
	if fault.As(err).Code != params.CodeBodyTooLarge {
		t.Errorf("a body beyond the default: %v", err)
	}
	nested := "a" + strings.Repeat("[b]", params.MaxDepth-1) + "=1"
	if _, err := params.FromQuery(nested); err != nil {
		t.Errorf("a name of the greatest depth: %v", err)
	}
	if _, err := params.FromQuery(strings.Repeat("a&", params.MaxNames)); err != nil {
		t.Errorf("as many names as allowed: %v", err)
	}
	if _, err := params.FromQuery(strings.Repeat("n", params.MaxName)); err != nil {
		t.Errorf("a name of the greatest length: %v", err)
	}
}

func TestMediaTypes(t *testing.T) {
	t.Parallel()
	for _, contentType := range []string{"text/plain", "text/html", "application/xml", "application/octet-stream", "nonsense", "multipart/form-data", "multipart/mixed; boundary=x", "json", "text/json+json"} {
		_, err := params.Read(request("POST", "", contentType, `{"a":1}`), 0)
		if !fault.Is(err, fault.Invalid) || fault.As(err).Code != params.CodeMediaType {
			t.Errorf("%s: %v", contentType, err)
		}
	}
	if _, err := params.Read(request("POST", "a=1", "text/plain", ""), 0); err != nil {
		t.Errorf("no body needs no type: %v", err)
	}
	r := request("POST", "", jsonType, "{}")
	r.Header.Set("Content-Encoding", "gzip")
	if _, err := params.Read(r, 0); fault.As(err).Code != params.CodeMediaType {
		t.Errorf("a compressed body: %v", err)
	}
}

func TestFilesAreRefused(t *testing.T) {
	t.Parallel()
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	if _, err := w.CreateFormFile("avatar", "a.png"); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	_, err := params.Read(request("POST", "", w.FormDataContentType(), body.String()), 0)
	if !fault.Is(err, fault.Invalid) || !strings.Contains(err.Error(), "avatar must not be a file") {
		t.Errorf("a file gives %v", err)
	}
}

type broken struct{}

func (broken) Read([]byte) (int, error) { return 0, errors.New("connection reset") }

func TestBodyThatBreaks(t *testing.T) {
	t.Parallel()
	r := httptest.NewRequest("POST", "/", broken{})
	if _, err := params.Read(r, 0); !fault.Is(err, fault.Invalid) {
		t.Errorf("a broken connection gives %v", err)
	}
}

func FuzzRead(f *testing.F) {
	for _, c := range [][3]string{
		{"a=1&a[b]=2", "", ""},
		{"a[][b]=1&a[][b]=2&a[0][c]=3&a[x]=1", formType, "b=%E2%82%AC"},
		{"q=1", jsonType, `{"a":[1,{"b":null,"c":"\u20ac"}],"a":1e400}`},
		{"", "", "[1,2,[3]]"},
		{"", "multipart/form-data; boundary=x", "--x\r\nContent-Disposition: form-data; name=\"a[]\"\r\n\r\n1\r\n--x--\r\n"},
		{"%", jsonType, "\xff"},
	} {
		f.Add(c[0], c[1], c[2])
	}
	f.Fuzz(func(t *testing.T, query, contentType, body string) {
		v, err := params.Read(request("POST", query, contentType, body), 1<<16)
		if err != nil {
			if !fault.Is(err, fault.Invalid) || v != nil {
				t.Errorf("refused with %v", err)
			}
			return
		}
		walk(t, v, 0)
		if err := v.Err(); err != nil && !fault.Is(err, fault.Invalid) {
			t.Errorf("reading notes %v", err)
		}
	})
}

// walk reads every place of a tree in every way.
func walk(t *testing.T, v *params.Values, depth int) {
	if depth > params.MaxDepth {
		t.Fatalf("the tree is deeper than %d", params.MaxDepth)
	}
	for _, name := range v.Names() {
		if !v.Given(name) || v.Has(name) == v.IsNull(name) || len(name) > params.MaxName || strings.ContainsRune(name, 0) {
			t.Errorf("%q is neither there nor null, or should not be", name)
		}
		if strings.ContainsRune(v.Text(name), 0) || strings.ToValidUTF8(v.Text(name), "") != v.Text(name) {
			t.Errorf("%q holds unclean text", name)
		}
		if n := v.Int(name, -5, 5); n < -5 || n > 5 {
			t.Errorf("%q is %d", name, n)
		}
		v.Bool(name)
		v.Decimal(name)
		v.All(name)
		v.List(name)
		walk(t, v.Map(name), depth+1)
	}
}
