package server

import (
	"net/http"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"
)

// Handler is the whole product: every address that the outside can reach.
func (s *Server) Handler() http.Handler {
	r := chi.NewRouter()
	r.Use(s.traced, s.guarded, bounded, middleware.GetHead)
	r.NotFound(missing)
	r.MethodNotAllowed(wrongMethod)

	// For whoever watches over the server.
	r.Get("/healthz", s.health)

	r.Group(func(r chi.Router) {
		r.Use(s.awake)

		// For programs. Authenticated by key, never by cookie.
		mount(r, s.o.Doors.API, "/v1", "/v1/*")

		// For payment gateways. Authenticated by the signature of what they send.
		mount(r, s.o.Doors.Hooks, "/hooks/*")

		// For people, in a browser. Forms are taken from our own pages only.
		r.Group(func(r chi.Router) {
			r.Use(fromHere)
			mount(r, s.o.Doors.Dashboard, "/setup", "/login", "/logout", "/preferences", "/app", "/app/*")
			mount(r, s.o.Doors.Checkout, "/c/*", "/o/*")
			mount(r, s.o.Doors.Portal, "/pay/*")
			mount(r, s.o.Doors.Assets, "/assets/*")
			r.Get("/", func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/app", http.StatusSeeOther) })
		})
	})
	return r
}

// mount gives a door its addresses. It sees each as it was asked for.
func mount(r chi.Router, door http.Handler, addresses ...string) {
	if door == nil {
		return
	}
	for _, a := range addresses {
		r.Handle(a, door)
	}
}
