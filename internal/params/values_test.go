package params_test

import (
	"fmt"
	"strings"
	"testing"

	"perennial/internal/fault"
	"perennial/internal/params"
)

func TestGetters(t *testing.T) {
	t.Parallel()
	v := read(t, "", jsonType, `{"s":"x","n":12,"t":true,"z":null,"e":"","l":["a",2,false],"m":{"k":"v"},"o":{},"f":[]}`)
	if v.Text("s") != "x" || v.Text("n") != "12" || v.Text("t") != "true" || v.Text("z") != "" || v.Text("absent") != "" {
		t.Error("a text is wrong")
	}
	if v.Int("n", 1, 12) != 12 || v.Int("z", 1, 2) != 0 || v.Int("e", 1, 2) != 0 || v.Int("absent", 1, 2) != 0 {
		t.Error("a number is wrong")
	}
	if !v.Bool("t") || v.Bool("z") || v.Bool("e") || v.Bool("absent") {
		t.Error("a truth value is wrong")
	}
	if v.Decimal("n") != "12" || v.Decimal("e") != "" {
		t.Error("a decimal is wrong")
	}
	if got := strings.Join(v.All("l"), ","); got != "a,2,false" {
		t.Errorf("the list of texts is %s", got)
	}
	if v.Map("m").Text("k") != "v" || len(v.Map("o").Names()) != 0 || len(v.Map("absent").Names()) != 0 || len(v.Map("f").Names()) != 0 {
		t.Error("a group is wrong")
	}
	if list := v.List("l"); len(list) != 3 || list[1].Int("", 0, 5) != 2 || list[2].Path("") != "l.2" {
		t.Error("a list is wrong")
	}
	if len(v.List("f")) != 0 || len(v.List("o")) != 0 || len(v.List("z")) != 0 || len(v.List("absent")) != 0 || len(v.List("e")) != 0 {
		t.Error("an empty list is wrong")
	}
	if !v.Has("e") || v.Has("z") || !v.IsNull("z") || !v.Given("z") || v.Given("absent") || v.IsNull("absent") {
		t.Error("presence is wrong")
	}
	if err := v.Err(); err != nil {
		t.Errorf("all is right, yet %v", err)
	}
}

func TestTruthWords(t *testing.T) {
	t.Parallel()
	for word, want := range map[string]bool{"true": true, "TRUE": true, "1": true, "Yes": true, "on": true, "false": false, "0": false, "no": false, "Off": false} {
		v := read(t, "a="+word, "", "")
		if v.Bool("a") != want || v.Err() != nil {
			t.Errorf("%s is %v, %v", word, !want, v.Err())
		}
	}
}

// One answer names everything that is wrong, each by its path from the root.
func TestFaultsAreCollected(t *testing.T) {
	t.Parallel()
	v := read(t, "", jsonType, `{"n":"12x","big":99,"t":"maybe","d":"1,000","s":{"a":1},"l":"x","m":[1],"long":"äää","items":[{"quantity":0},{"quantity":"1.5"},7],"plus":"+1","arab":"\u0661","minus":"-"}`)
	v.Int("n", 0, 10)
	v.Int("big", 0, 10)
	v.Bool("t")
	v.Decimal("d")
	v.Text("s")
	v.List("l")
	v.Map("m")
	if got := v.TextMax("long", 3); got != "äää" {
		t.Errorf("three characters came as %q", got)
	}
	v.TextMax("long", 2)
	items := v.List("items")
	for _, item := range items {
		if item.Int("quantity", 1, 5) != 0 {
			t.Error("a wrong quantity was read")
		}
	}
	items[2].Map("price")
	items[2].Bad("", "must be a group of values")
	v.Int("plus", 0, 9)
	v.Int("arab", 0, 9)
	v.Decimal("minus")
	v.Require("big", "name", "items")
	v.Add("currency", fault.New(fault.Invalid, "is unknown"))
	v.Add("fine", nil)
	want := []string{"n", "big", "t", "d", "s", "l", "m", "long", "items.0.quantity", "items.1.quantity", "items.2", "plus", "arab", "minus", "name", "currency"}
	var got []string
	for _, f := range fault.As(v.Err()).Fields {
		got = append(got, f.Name)
	}
	if !fault.Is(v.Err(), fault.Invalid) || fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("noted %v, want %v", got, want)
	}
}

func TestRequire(t *testing.T) {
	t.Parallel()
	v := read(t, "empty=&zero=0", jsonType, `{"no":null,"list":[]}`)
	v.Require("empty", "zero", "no", "list", "absent")
	if got := v.Err().Error(); got != "the request is not valid: empty is required; no is required; absent is required" {
		t.Error(got)
	}
}

func TestRootArray(t *testing.T) {
	t.Parallel()
	v := read(t, "", jsonType, `[{"a":1},{"a":"x"}]`)
	list := v.List("")
	if len(list) != 2 || list[0].Int("a", 0, 5) != 1 {
		t.Fatalf("the root holds %d elements", len(list))
	}
	list[1].Int("a", 0, 5)
	if got := v.Err().Error(); !strings.Contains(got, ": 1.a must be a whole number") {
		t.Error(got)
	}
}

func TestListOrder(t *testing.T) {
	t.Parallel()
	v := read(t, "a[10]=k&a[2]=c&a[0]=a", "", "")
	var got string
	for _, element := range v.List("a") {
		got += element.Text("")
	}
	if got != "ack" {
		t.Errorf("the elements come as %s", got)
	}
	v = read(t, "a[0]=x&a[k]=y", "", "")
	if v.List("a") != nil || v.Err() == nil {
		t.Error("a group with a name was read as a list")
	}
}

func ExampleRead() {
	r := request("POST", "", "application/x-www-form-urlencoded", "email=ada&items[0][quantity]=two")
	v, err := params.Read(r, 0)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(v.Text("email"))
	for _, item := range v.List("items") {
		item.Int("quantity", 1, 1000)
	}
	fmt.Println(v.Err())
	// Output:
	// ada
	// the request is not valid: items.0.quantity must be a whole number
}

func TestPut(t *testing.T) {
	t.Parallel()
	v := read(t, "a=1&b[c]=2", "", "")
	v.Put("a", "3")
	v.Put("d", "4")
	if v.Text("a") != "3" || v.Text("d") != "4" || strings.Join(v.All("a"), ",") != "1,3" || v.Map("b").Text("c") != "2" || v.Err() != nil {
		t.Errorf("the tree is %s, %v", outline(v), v.Err())
	}
}
