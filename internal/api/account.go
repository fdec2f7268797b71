package api

import (
	"context"
	"net/http"

	"perennial/internal/account"
	"perennial/internal/commerce"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/money"
)

// ByID is the id in the path.
type ByID struct {
	ID string `path:"id" maxLength:"40"`
}

type none struct{}

// accountBody is what can be changed of an account.
type accountBody struct {
	Body struct {
		Name      *string `json:"name,omitempty" maxLength:"120"`
		Email     *string `json:"email,omitempty" maxLength:"254"`
		Currency  *string `json:"currency,omitempty" maxLength:"3"`
		Zone      *string `json:"zone,omitempty" maxLength:"64"`
		LegalName *string `json:"legal_name,omitempty" maxLength:"200"`
		Address   *string `json:"address,omitempty" maxLength:"500"`
		Country   *string `json:"country,omitempty" maxLength:"2"`
		TaxID     *string `json:"tax_id,omitempty" maxLength:"40"`
		TaxName   *string `json:"tax_name,omitempty" maxLength:"40"`
		TaxRate   *string `json:"tax_rate,omitempty" maxLength:"20" example:"0.19"`

		Proration  *string `json:"proration,omitempty" maxLength:"40" example:"day" doc:"The policy for changes of terms, one of GET /v1/proration-policies; empty goes back to the default."`
		TaxProfile *string `json:"tax_profile,omitempty" maxLength:"40" doc:"What new sales are taxed by; empty goes back to tax_rate."`
		Recovery   *string `json:"recovery_policy,omitempty" maxLength:"40" doc:"For failed payments; empty goes back to the standard one."`

		DisputeEnds *bool `json:"dispute_ends,omitempty" doc:"End a subscription when a payment of it is disputed."`
	}
}

func (a *API) accountRoutes() {
	read(a, operation{id: "get-account", path: "/v1/account", tag: "Account", summary: "The account of the key"},
		func(ctx context.Context, c caller, _ *none) (Account, error) {
			acc, now, err := a.r.Account(ctx, c.account.ID)
			return accountOf(acc, now), err
		})
	write(a, operation{id: "update-account", method: http.MethodPatch, status: http.StatusOK, path: "/v1/account", tag: "Account", summary: "Change the account",
		text: "Documents that were issued keep what they said."},
		func(ctx context.Context, call commerce.Call, in *accountBody) (account.Account, error) {
			b := in.Body
			u := commerce.UpdateAccount{Call: call, Name: b.Name, Email: b.Email, Zone: b.Zone, LegalName: b.LegalName, Address: b.Address, Country: b.Country, TaxID: b.TaxID, TaxName: b.TaxName, Proration: b.Proration,
				DisputeEnds: b.DisputeEnds}
			var f fault.Fields
			if b.Currency != nil {
				c, err := money.ParseCurrency(*b.Currency)
				f.Add("currency", err)
				u.Currency = &c
			}
			if b.TaxRate != nil {
				rate, err := money.ParseRate(*b.TaxRate)
				f.Add("tax_rate", err)
				u.TaxRate = &rate
			}
			if b.TaxProfile != nil {
				profile := refer[id.TaxProfile](&f, "tax_profile", *b.TaxProfile)
				u.TaxProfile = &profile
			}
			if b.Recovery != nil {
				policy := refer[id.RecoveryPolicy](&f, "recovery_policy", *b.Recovery)
				u.Recovery = &policy
			}
			if err := f.Err(); err != nil {
				return account.Account{}, err
			}
			return a.s.UpdateAccount(ctx, u)
		}, func(acc account.Account) Account { return accountOf(acc, acc.Now(a.o.Clock.Now())) })
	read(a, operation{id: "list-api-keys", path: "/v1/api-keys", tag: "Account", summary: "The API keys, without their secrets"},
		func(ctx context.Context, c caller, _ *none) (list[KeyWire], error) {
			keys, err := a.r.APIKeys(ctx, c.account.ID)
			return paged(Page{Limit: len(keys)}, "key", keys, nil, keyOf), err
		})
	type newKey struct {
		Body struct {
			Name string `json:"name" minLength:"1" maxLength:"80"`
		}
	}
	type createdKey struct {
		KeyWire
		Secret *string `json:"secret" doc:"Shown only now; null in a repeated answer."`
	}
	write(a, operation{id: "create-api-key", path: "/v1/api-keys", tag: "Account", summary: "Make another API key", text: "Its secret is in this answer and nowhere else: repeated with its Idempotency-Key, the request is answered with a secret of null. Whose first answer was lost revokes the key and makes another.",
		kept: func(result any) any { return createdKey{keyOf(result.(commerce.CreatedAPIKey).Key), nil} }},
		func(ctx context.Context, call commerce.Call, in *newKey) (commerce.CreatedAPIKey, error) {
			return a.s.CreateAPIKey(ctx, commerce.CreateAPIKey{Call: call, Name: in.Body.Name})
		}, func(k commerce.CreatedAPIKey) createdKey { return createdKey{keyOf(k.Key), &k.Secret} })
	write(a, operation{id: "revoke-api-key", path: "/v1/api-keys/{id}/revoke", status: http.StatusOK, tag: "Account", summary: "Make an API key useless"},
		func(ctx context.Context, call commerce.Call, in *ByID) (revoked, error) {
			key, err := id.Parse[id.APIKey](in.ID)
			if err != nil {
				return revoked{}, err
			}
			return revoked{in.ID, true}, a.s.RevokeAPIKey(ctx, commerce.RevokeAPIKey{Call: withoutAnswer(call, revoked{in.ID, true}), Key: key})
		}, func(r revoked) revoked { return r })
}

type revoked struct {
	ID      string `json:"id"`
	Revoked bool   `json:"revoked"`
}

// withoutAnswer keeps a fixed answer for a story that has no result of its own.
func withoutAnswer[W any](call commerce.Call, w W) commerce.Call {
	if call.Once == nil {
		return call
	}
	once := *call.Once
	once.Answer = func(_ any, refusal error) (int, string) {
		if refusal != nil {
			p := problemOf(refusal)
			return p.Status, string(p.text())
		}
		return http.StatusOK, string(encode(w))
	}
	call.Once = &once
	return call
}
