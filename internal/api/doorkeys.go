package api

import (
	"context"
	"net/http"
	"time"

	"perennial/internal/account"
	"perennial/internal/commerce"
	"perennial/internal/id"
)

// DoorKeyWire is credentials of clients of another system on the wire, without what they
// are opened with. It is exported because only then are the fields of forms that hold it
// described.
type DoorKeyWire struct {
	ID        string     `json:"id"`
	Dialect   string     `json:"dialect" enum:"paywhirl,paykickstart,profitwell,profitwell_public" doc:"The system whose clients come in with it."`
	Name      string     `json:"name"`
	Hint      string     `json:"hint" doc:"The beginning of the key, to recognise it by."`
	CreatedAt time.Time  `json:"created_at"`
	RevokedAt *time.Time `json:"revoked_at"`
}

func doorKeyOf(k account.DoorKey) DoorKeyWire {
	return DoorKeyWire{k.ID.String(), string(k.Dialect), k.Name, k.Hint, k.CreatedAt, timeOf(k.RevokedAt)}
}

func (a *API) doorKeyRoutes() {
	read(a, operation{id: "list-door-keys", path: "/v1/door-keys", tag: "Account", summary: "The credentials of clients of other systems, without their secrets"},
		func(ctx context.Context, c caller, _ *none) (list[DoorKeyWire], error) {
			keys, err := a.r.DoorKeys(ctx, c.account.ID)
			return paged(Page{Limit: len(keys)}, "dky", keys, nil, doorKeyOf), err
		})
	type newDoorKey struct {
		Body struct {
			Dialect string `json:"dialect" enum:"paywhirl,paykickstart,profitwell,profitwell_public" doc:"The system that the clients were written for."`
			Name    string `json:"name" minLength:"1" maxLength:"80"`
			Key     string `json:"key,omitempty" minLength:"10" maxLength:"128" doc:"The key that the clients hold already; left out, one is made. 20 or more letters, digits and any of _ . - (10 or more of paykickstart)."`
			Secret  string `json:"secret,omitempty" minLength:"20" maxLength:"128" doc:"The same for the secret, of paywhirl only."`
		}
	}
	type createdDoorKey struct {
		DoorKeyWire
		Key    *string `json:"key" doc:"Shown only now; null in a repeated answer."`
		Secret *string `json:"secret" doc:"The same; null, too, where the system knows no secrets."`
	}
	write(a, operation{id: "create-door-key", path: "/v1/door-keys", tag: "Account", summary: "Let clients of another system in",
		text: "They come in with a key, and a secret where their system has one. Both are in this answer and nowhere else: repeated with its Idempotency-Key, the request is answered with null for them.",
		kept: func(result any) any {
			return createdDoorKey{doorKeyOf(result.(commerce.CreatedDoorKey).DoorKey), nil, nil}
		}},
		func(ctx context.Context, call commerce.Call, in *newDoorKey) (commerce.CreatedDoorKey, error) {
			b := in.Body
			return a.s.CreateDoorKey(ctx, commerce.CreateDoorKey{Call: call, Dialect: account.Dialect(b.Dialect), Name: b.Name, Key: b.Key, Secret: b.Secret})
		}, func(k commerce.CreatedDoorKey) createdDoorKey {
			return createdDoorKey{doorKeyOf(k.DoorKey), &k.Key, textOf(k.Secret)}
		})
	write(a, operation{id: "revoke-door-key", path: "/v1/door-keys/{id}/revoke", status: http.StatusOK, tag: "Account", summary: "Shut clients of another system out", text: "From the next request on."},
		func(ctx context.Context, call commerce.Call, in *ByID) (revoked, error) {
			key, err := id.Parse[id.DoorKey](in.ID)
			if err != nil {
				return revoked{}, err
			}
			return revoked{in.ID, true}, a.s.RevokeDoorKey(ctx, commerce.RevokeDoorKey{Call: withoutAnswer(call, revoked{in.ID, true}), DoorKey: key})
		}, func(r revoked) revoked { return r })
	type doorNumber struct {
		Body struct {
			Dialect string `json:"dialect" enum:"paykickstart,paywhirl" doc:"The system that the clients were written for."`
			Kind    string `json:"kind" enum:"campaign,product,coupon,affiliate,account,customer,plan,subscription,payment,payment_method" doc:"PayKickstart's are campaign, product, coupon and affiliate; PayWhirl's the others and coupon. A plan is the first price of its line."`
			Thing   string `json:"thing" minLength:"1" maxLength:"40" doc:"Its id here."`
			Number  int64  `json:"number,omitempty" minimum:"1" maximum:"4503599627370496" doc:"The one that it had there; left out, the one that it has, or the next."`
		}
	}
	type numbered struct {
		Thing  string `json:"thing"`
		Number int64  `json:"number"`
	}
	write(a, operation{id: "settle-door-number", path: "/v1/door-numbers", status: http.StatusOK, tag: "Account", summary: "By which number clients of another system know a thing", unkept: true,
		text: "Tells it, and settles it when there is none yet: with the number that the thing had there, so that scripts which name it go on unchanged. It never changes again. Clients of PayWhirl that ask for a list, and its webhooks, number what has none: settle before them."},
		func(ctx context.Context, call commerce.Call, in *doorNumber) (numbered, error) {
			b := in.Body
			n := numbered{Thing: b.Thing}
			var err error
			call.Once = nil // asked again it tells the same
			n.Number, err = a.s.NumberThing(ctx, commerce.NumberThing{Call: call, Dialect: account.Dialect(b.Dialect), Kind: b.Kind, Thing: b.Thing, Number: b.Number})
			return n, err
		}, func(n numbered) numbered { return n })
}
