package api

import (
	"context"
	"net/http"
	"strconv"
	"time"

	"perennial/internal/catalog"
	"perennial/internal/commerce"
	"perennial/internal/fault"
	"perennial/internal/id"
	"perennial/internal/lead"
	"perennial/internal/license"
)

// LicenseTerms is how a product issues licences. It is the same in requests and in answers.
type LicenseTerms struct {
	Count       int  `json:"count" minimum:"1" maximum:"100" doc:"Keys for each piece that is bought."`
	Uploaded    bool `json:"uploaded,omitempty" doc:"Taken from the keys that were uploaded, instead of made up."`
	UntilCancel bool `json:"until_cancel,omitempty" doc:"A licence holds no longer than its subscription."`
	UntilRefund bool `json:"until_refund,omitempty" doc:"A licence ends when all that was paid for it is given back."`
}

func (t *LicenseTerms) put(s *catalog.Settings) {
	if t != nil {
		s.Licenses = license.Terms(*t).Text()
	}
}

func licenseTermsOf(s catalog.Settings) *LicenseTerms {
	t, err := license.ReadTerms(s.Licenses)
	if err != nil || t == (license.Terms{}) {
		return nil
	}
	out := LicenseTerms(t)
	return &out
}

// LicenseWire is a licence on the wire.
type LicenseWire struct {
	ID           string     `json:"id"`
	Key          string     `json:"key" example:"7QK2-9XPM-44TD-VW8R"`
	Customer     string     `json:"customer"`
	Product      string     `json:"product"`
	Order        string     `json:"order"`
	Subscription *string    `json:"subscription"`
	Enabled      bool       `json:"enabled" doc:"By you."`
	Valid        bool       `json:"valid" doc:"It is enabled, and what the product's settings ask of subscription and payment holds."`
	GUID         *string    `json:"guid" doc:"The one place where it is active; null: nowhere."`
	ActivatedAt  *time.Time `json:"activated_at"`
	CreatedAt    time.Time  `json:"created_at"`
}

func licenseOf(l commerce.LicenseDone) LicenseWire {
	return LicenseWire{l.ID.String(), l.Key, l.Customer.String(), l.Product.String(), l.Order.String(), textOf(l.Subscription.String()), l.Enabled, l.Valid, textOf(l.GUID), timeOf(l.ActivatedAt), l.CreatedAt}
}

func (a *API) licenseRoutes() {
	type filter struct {
		Page
		Key string `query:"key" maxLength:"64" doc:"Only the one with that key, in any case."`
	}
	read(a, operation{id: "list-licenses", path: "/v1/licenses", tag: "Licences", summary: "The licences"},
		func(ctx context.Context, c caller, in *filter) (list[LicenseWire], error) {
			from, err := before[id.License](in.Page, "lic")
			if err != nil {
				return list[LicenseWire]{}, err
			}
			rows, err := a.licenses(ctx, c, in.Key, from, in.Limit+1)
			return paged(in.Page, "lic", rows, func(l commerce.LicenseDone) int64 { return int64(l.ID) }, licenseOf), err
		})
	read(a, operation{id: "list-customer-licenses", path: "/v1/customers/{id}/licenses", tag: "Licences", summary: "The licences of a customer", text: "Oldest first, at most 10,000."},
		func(ctx context.Context, c caller, in *ByID) (list[LicenseWire], error) {
			v, err := id.Parse[id.Customer](in.ID)
			if err != nil {
				return list[LicenseWire]{}, err
			}
			rows, err := a.s.LicensesOf(ctx, c.account.ID, v)
			return paged(Page{Limit: len(rows)}, "lic", rows, nil, licenseOf), err
		})
	read(a, operation{id: "get-license", path: "/v1/licenses/{id}", tag: "Licences", summary: "One licence"},
		func(ctx context.Context, c caller, in *ByID) (LicenseWire, error) {
			v, err := id.Parse[id.License](in.ID)
			if err != nil {
				return LicenseWire{}, err
			}
			l, err := a.s.License(ctx, c.account.ID, v)
			return licenseOf(l), err
		})
	type licensePlace struct {
		ByID
		Body struct {
			GUID string `json:"guid" minLength:"1" maxLength:"200" doc:"Of the place where it is used: a machine, a site."`
		}
	}
	keyed := func(ctx context.Context, call commerce.Call, text string, do func(key string) (commerce.LicenseDone, error)) (commerce.LicenseDone, error) {
		v, err := id.Parse[id.License](text)
		if err != nil {
			return commerce.LicenseDone{}, err
		}
		l, err := a.s.License(ctx, call.Account, v)
		if err != nil {
			return l, err
		}
		return do(l.Key)
	}
	write(a, operation{id: "activate-license", path: "/v1/licenses/{id}/activate", status: http.StatusOK, tag: "Licences", summary: "Tie a licence to the one place where it is used",
		text: "In the same place it may be activated again. Active elsewhere, or not valid, it is refused."},
		func(ctx context.Context, call commerce.Call, in *licensePlace) (commerce.LicenseDone, error) {
			return keyed(ctx, call, in.ID, func(key string) (commerce.LicenseDone, error) {
				return a.s.ActivateLicense(ctx, commerce.ActivateLicense{Call: call, Key: key, GUID: in.Body.GUID})
			})
		}, licenseOf)
	for _, o := range []struct {
		name, summary string
		run           func(ctx context.Context, call commerce.Call, key string) (commerce.LicenseDone, error)
	}{
		{"clear", "Free a licence from where it is used", func(ctx context.Context, call commerce.Call, key string) (commerce.LicenseDone, error) {
			return a.s.ClearLicense(ctx, commerce.ClearLicense{Call: call, Key: key})
		}},
		{"enable", "Enable a licence", func(ctx context.Context, call commerce.Call, key string) (commerce.LicenseDone, error) {
			return a.s.EnableLicense(ctx, commerce.EnableLicense{Call: call, Key: key})
		}},
		{"disable", "Disable a licence", func(ctx context.Context, call commerce.Call, key string) (commerce.LicenseDone, error) {
			return a.s.EnableLicense(ctx, commerce.EnableLicense{Call: call, Key: key, Disable: true})
		}},
	} {
		write(a, operation{id: o.name + "-license", path: "/v1/licenses/{id}/" + o.name, status: http.StatusOK, tag: "Licences", summary: o.summary},
			func(ctx context.Context, call commerce.Call, in *ByID) (commerce.LicenseDone, error) {
				return keyed(ctx, call, in.ID, func(key string) (commerce.LicenseDone, error) { return o.run(ctx, call, key) })
			}, licenseOf)
	}
	a.keyRoutes()
	a.leadRoutes()
}

// licenses are a page of them, or the one with a key.
func (a *API) licenses(ctx context.Context, c caller, key string, from id.License, limit int) ([]commerce.LicenseDone, error) {
	if key == "" {
		return a.s.Licenses(ctx, c.account.ID, from, limit)
	}
	found, err := a.s.LicenseByKey(ctx, c.account.ID, key)
	if fault.Is(err, fault.NotFound) || err == nil && from != 0 && found.ID >= from {
		return nil, nil
	}
	return []commerce.LicenseDone{found}, renamedFields(err, map[string]string{"license_key": "query.key"})
}

// keyRoutes are those of the keys that wait to be issued.
func (a *API) keyRoutes() {
	type keysLeft struct {
		Product string `json:"product"`
		Left    int64  `json:"left" doc:"Uploaded keys that were not issued yet."`
	}
	read(a, operation{id: "count-license-keys", path: "/v1/products/{id}/license-keys", tag: "Licences", summary: "How many uploaded keys of a product are left"},
		func(ctx context.Context, c caller, in *ByID) (keysLeft, error) {
			v, err := id.Parse[id.Product](in.ID)
			if err != nil {
				return keysLeft{}, err
			}
			n, err := a.r.LicenseKeysLeft(ctx, c.account.ID, v)
			return keysLeft{in.ID, n}, err
		})
	type keysUpload struct {
		ByID
		Body struct {
			Keys []string `json:"keys" minItems:"1" maxItems:"10000" doc:"6 to 64 letters, digits, dots, dashes and underscores each. Those that are there are left out."`
		}
	}
	type uploadedKeys struct {
		Added int `json:"added" doc:"How many were new."`
	}
	write(a, operation{id: "upload-license-keys", path: "/v1/products/{id}/license-keys", tag: "Licences", summary: "Add to the keys that a product issues"},
		func(ctx context.Context, call commerce.Call, in *keysUpload) (int, error) {
			v, err := id.Parse[id.Product](in.ID)
			if err != nil {
				return 0, err
			}
			return a.s.UploadLicenses(ctx, commerce.UploadLicenses{Call: call, Product: v, Keys: in.Body.Keys})
		}, func(n int) uploadedKeys { return uploadedKeys{n} })
}

// LeadWire is somebody who began to buy, on the wire.
type LeadWire struct {
	ID          string     `json:"id"`
	Email       string     `json:"email"`
	Name        string     `json:"name"`
	Campaign    string     `json:"campaign"`
	Product     string     `json:"product" doc:"That they looked at last."`
	Price       string     `json:"price"`
	Affiliate   *string    `json:"affiliate" doc:"By whose link they came."`
	TrackingID  string     `json:"tracking_id"`
	State       string     `json:"state" enum:"open,bought,abandoned" doc:"abandoned: nothing was seen of them for a while."`
	Looks       int        `json:"looks" doc:"How often they were seen."`
	StartedAt   time.Time  `json:"started_at"`
	SeenAt      time.Time  `json:"seen_at"`
	ConfirmedAt *time.Time `json:"confirmed_at"`
	BoughtAt    *time.Time `json:"bought_at"`
	Order       *string    `json:"order"`
}

func leadOf(l lead.Lead) LeadWire {
	return LeadWire{l.ID.String(), l.Email, l.Name, l.Campaign.String(), l.Product.String(), l.Price.String(), textOf(l.Affiliate.String()), l.TrackingID, string(l.State), l.Looks,
		l.StartedAt, l.SeenAt, timeOf(l.ConfirmedAt), timeOf(l.BoughtAt), textOf(l.Order.String())}
}

func (a *API) leadRoutes() {
	read(a, operation{id: "list-leads", path: "/v1/leads", tag: "Leads", summary: "Who began to buy"},
		func(ctx context.Context, c caller, in *Page) (list[LeadWire], error) {
			from, err := before[id.Lead](*in, "led")
			if err != nil {
				return list[LeadWire]{}, err
			}
			rows, err := a.r.Leads(ctx, c.account.ID, from, in.Limit+1)
			return paged(*in, "led", rows, func(l lead.Lead) int64 { return int64(l.ID) }, leadOf), err
		})
	read(a, operation{id: "get-lead", path: "/v1/leads/{id}", tag: "Leads", summary: "One lead"},
		func(ctx context.Context, c caller, in *ByID) (LeadWire, error) {
			v, err := id.Parse[id.Lead](in.ID)
			if err != nil {
				return LeadWire{}, err
			}
			l, err := a.r.Lead(ctx, c.account.ID, v)
			return leadOf(l), err
		})
	type leadSeen struct {
		Body struct {
			Email  string   `json:"email" minLength:"1" maxLength:"254"`
			Name   string   `json:"name,omitempty" maxLength:"200"`
			Price  string   `json:"price" maxLength:"40" doc:"That they look at."`
			Clicks []string `json:"clicks,omitempty" maxItems:"50" doc:"On links of affiliates, that their browser remembers."`
		}
	}
	write(a, operation{id: "see-lead", path: "/v1/leads", tag: "Leads", summary: "Note that somebody who gave their address looks at a price", text: "Their open lead of the campaign is seen again, or one opens."},
		func(ctx context.Context, call commerce.Call, in *leadSeen) (lead.Lead, error) {
			var f fault.Fields
			see := commerce.SeeLead{Call: call, Email: in.Body.Email, Name: in.Body.Name, Price: mustRefer[id.Price](&f, "price", in.Body.Price)}
			see.Referred.Clicks = readClicks(&f, "clicks", in.Body.Clicks)
			if err := f.Err(); err != nil {
				return lead.Lead{}, err
			}
			return a.s.SeeLead(ctx, see)
		}, leadOf)
	write(a, operation{id: "confirm-lead", path: "/v1/leads/{id}/confirm", status: http.StatusOK, tag: "Leads", summary: "Note that a lead confirmed their address", text: "Saying it again changes nothing."},
		func(ctx context.Context, call commerce.Call, in *ByID) (lead.Lead, error) {
			v, err := id.Parse[id.Lead](in.ID)
			if err != nil {
				return lead.Lead{}, err
			}
			found, err := a.r.Lead(ctx, call.Account, v)
			if err != nil {
				return found, err
			}
			return a.s.ConfirmLead(ctx, commerce.ConfirmLead{Call: call, Lead: v, Campaign: found.Campaign})
		}, leadOf)
}

// readClicks are the clicks on affiliates' links that a browser remembered.
func readClicks(f *fault.Fields, at string, list []string) []id.Click {
	var out []id.Click
	for i, text := range list {
		v, err := id.Parse[id.Click](text)
		f.Check(err == nil, at+"."+strconv.Itoa(i), "is no click on a link of an affiliate")
		out = append(out, v)
	}
	return out
}
