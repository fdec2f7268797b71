package fault_test

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"perennial/internal/fault"
)

func TestKindNames(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	for k := fault.Internal; k <= fault.Unknown; k++ {
		if seen[k.String()] || k.String() == "" {
			t.Errorf("kind %d is called %q", k, k)
		}
		seen[k.String()] = true
	}
	if got := (fault.Unknown + 1).String(); got != "internal" {
		t.Errorf("a kind outside the set is called %q", got)
	}
}

func TestKindOf(t *testing.T) {
	t.Parallel()
	declined := fault.New(fault.Declined, "the card was declined")
	for _, c := range []struct {
		err  error
		want fault.Kind
	}{
		{declined, fault.Declined},
		{fmt.Errorf("collecting: %w", declined), fault.Declined},
		{errors.Join(context.Canceled, declined), fault.Declined},
		{fault.Wrap(fault.Unavailable, declined, "later"), fault.Unavailable},
		{context.Canceled, fault.Internal},
	} {
		if got := fault.KindOf(c.err); got != c.want {
			t.Errorf("kind of %v is %v, want %v", c.err, got, c.want)
		}
	}
	if fault.Is(nil, fault.Internal) {
		t.Error("no error is an internal one")
	}
	if !fault.Is(context.Canceled, fault.Internal) {
		t.Error("a foreign error is not internal")
	}
}

func TestAsSaysNothingOfTheInside(t *testing.T) {
	t.Parallel()
	inside := errors.New("password=hunter2")
	e := fault.As(inside)
	if e.Kind != fault.Internal || e.Message != "something went wrong on our side" || !errors.Is(e, inside) {
		t.Errorf("a foreign error became %+v", e)
	}
	known := fault.New(fault.NotFound, "gone")
	if fault.As(fmt.Errorf("reading: %w", known)) != known {
		t.Error("a refusal inside an error was not found")
	}
}

func TestErrorText(t *testing.T) {
	t.Parallel()
	e := fault.BadField("items.0.quantity", "must be at least %d", 1)
	if got := e.Error(); got != "the request is not valid: items.0.quantity must be at least 1" {
		t.Errorf("reads %q", got)
	}
	if got := fault.Wrap(fault.Unavailable, errors.New("disk full"), "try later").Error(); got != "try later: disk full" {
		t.Errorf("reads %q", got)
	}
}

func TestWithCodeCopies(t *testing.T) {
	t.Parallel()
	plain := fault.New(fault.Declined, "no")
	if coded := plain.WithCode("card_declined"); coded.Code != "card_declined" || plain.Code != "" {
		t.Errorf("codes are %q and %q", coded.Code, plain.Code)
	}
}

func TestFields(t *testing.T) {
	t.Parallel()
	var f fault.Fields
	if f.Err() != nil {
		t.Error("nothing noted is a refusal")
	}
	f.Check(true, "a", "fine")
	f.Add("b", nil)
	if err := f.Err(); err != nil {
		t.Errorf("nothing wrong gives %v", err)
	}
	f.Check(false, "a", "must be %s", "right")
	f.Add("b", fault.New(fault.Invalid, "must be a currency"))
	f.Add("c", fmt.Errorf("outer: %w", fault.BadField("d", "is odd")))
	f.Add("e", errors.New("secret"))
	err := f.Err()
	if !fault.Is(err, fault.Invalid) {
		t.Fatalf("kind is %v", fault.KindOf(err))
	}
	want := []fault.Field{{"a", "must be right"}, {"b", "must be a currency"}, {"d", "is odd"}, {"e", "something went wrong on our side"}}
	got := fault.As(err).Fields
	if fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("noted %v, want %v", got, want)
	}
}
