package api

import (
	"context"
	"net/http"
	"time"

	"perennial/internal/account"
	"perennial/internal/commerce"
	"perennial/internal/fault"
	"perennial/internal/id"
)

// WidgetWire is a widget on the wire.
type WidgetWire struct {
	ID        string    `json:"id"`
	Code      string    `json:"code" doc:"What is pasted into the pages of the site; everybody may know it."`
	Name      string    `json:"name"`
	Plans     []string  `json:"plans" doc:"The prices that it shows, in this order; empty for all that are on sale."`
	Sites     []string  `json:"sites" doc:"The origins of the sites that may show it in a frame."`
	CreatedAt time.Time `json:"created_at"`
}

func widgetOf(w account.Widget) WidgetWire {
	out := WidgetWire{w.ID.String(), w.Code, w.Name, []string{}, append([]string{}, w.Sites...), w.CreatedAt}
	for _, p := range w.Plans {
		out.Plans = append(out.Plans, p.String())
	}
	return out
}

func (a *API) widgetRoutes() {
	read(a, operation{id: "list-widgets", path: "/v1/widgets", tag: "Account", summary: "What sites of the merchant show of ours"},
		func(ctx context.Context, c caller, _ *none) (list[WidgetWire], error) {
			rows, err := a.r.Widgets(ctx, c.account.ID)
			return paged(Page{Limit: len(rows)}, "wdg", rows, nil, widgetOf), err
		})
	type newWidget struct {
		Body struct {
			Name  string   `json:"name" minLength:"1" maxLength:"80"`
			Code  string   `json:"code,omitempty" minLength:"3" maxLength:"64" doc:"The code that is pasted into sites already, such as a UUID or the name of a subdomain; left out, one is made. Letters, digits and -."`
			Plans []string `json:"plans,omitempty" maxItems:"20" doc:"Prices to show, in this order; left out, all that are on sale."`
			Sites []string `json:"sites,omitempty" maxItems:"20" example:"[\"https://example.com\"]" doc:"Origins of the sites that may show it in a frame; left out, none may, and it is a page of its own."`
		}
	}
	write(a, operation{id: "create-widget", path: "/v1/widgets", tag: "Account", summary: "Make a widget for a site",
		text: "A widget shows plans, and the log-in of customers, in a frame on a site of the merchant."},
		func(ctx context.Context, call commerce.Call, in *newWidget) (account.Widget, error) {
			c := commerce.CreateWidget{Call: call, Code: in.Body.Code, Name: in.Body.Name, Sites: in.Body.Sites}
			for _, text := range in.Body.Plans {
				p, err := id.Parse[id.Price](text)
				if err != nil {
					return account.Widget{}, fault.BadField("plans", "must be ids of prices")
				}
				c.Plans = append(c.Plans, p)
			}
			return a.s.CreateWidget(ctx, c)
		}, widgetOf)
	write(a, operation{id: "remove-widget", path: "/v1/widgets/{id}/remove", status: http.StatusOK, tag: "Account", summary: "End a widget", text: "Where its code is pasted, nothing is shown from then on."},
		func(ctx context.Context, call commerce.Call, in *ByID) (removed, error) {
			v, err := id.Parse[id.Widget](in.ID)
			if err != nil {
				return removed{}, err
			}
			done := removed{in.ID, true}
			return done, a.s.RemoveWidget(ctx, commerce.RemoveWidget{Call: withoutAnswer(call, done), Widget: v})
		}, func(r removed) removed { return r })
}
