package server

import (
	"net"
	"net/http"
	"strings"

	"github.com/go-chi/chi/v5"
	"github.com/go-chi/chi/v5/middleware"
)

// Handler is every address that the outside can reach: the product, and beside it the doors
// for clients of other systems, which have ideas of their own about paths.
func (s *Server) Handler() http.Handler {
	product := s.product()
	type mounted struct {
		Compat
		served http.Handler
	}
	var compat []mounted
	for _, c := range s.o.Compat {
		compat = append(compat, mounted{c, s.foreign(c.Door)})
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for _, c := range compat {
			switch {
			case c.Host != "" && strings.EqualFold(hostOf(r), c.Host):
				c.served.ServeHTTP(w, r)
				return
			case r.URL.Path == c.Prefix || strings.HasPrefix(r.URL.Path, c.Prefix+"/"):
				http.StripPrefix(c.Prefix, c.served).ServeHTTP(w, r)
				return
			}
		}
		product.ServeHTTP(w, r)
	})
}

// hostOf is the name under which a request came, without its port.
func hostOf(r *http.Request) string {
	if host, _, err := net.SplitHostPort(r.Host); err == nil {
		return host
	}
	return r.Host
}

// foreign is a door for clients of another system with what every door has around it. Paths
// go through as they are: its clients double slashes and follow no redirect.
func (s *Server) foreign(door http.Handler) http.Handler {
	return s.traced(s.guarded(s.awake(s.roomy(door))))
}

// product is our own pages and programs' addresses.
func (s *Server) product() http.Handler {
	r := chi.NewRouter()
	r.Use(s.traced, s.guarded, bounded, middleware.GetHead)
	r.NotFound(missing)
	r.MethodNotAllowed(wrongMethod)

	// For whoever watches over the server.
	r.Get("/healthz", s.health)

	r.Group(func(r chi.Router) {
		r.Use(s.awake)

		// For payment gateways. Authenticated by the signature of what they send. What they
		// tell is taken as long as there is any room.
		mount(r, s.o.Doors.Hooks, "/hooks/*")
	})
	r.Group(func(r chi.Router) {
		r.Use(s.awake, s.roomy)

		// For programs. Authenticated by key, never by cookie.
		mount(r, s.o.Doors.API, "/v1", "/v1/*")

		// For people, in a browser. Forms are taken from our own pages only.
		r.Group(func(r chi.Router) {
			r.Use(fromHere)
			mount(r, s.o.Doors.Dashboard, "/setup", "/login", "/logout", "/preferences", "/app", "/app/*")
			mount(r, s.o.Doors.Checkout, "/c/*", "/o/*")
			mount(r, s.o.Doors.Portal, "/pay/*")
			mount(r, s.o.Doors.Promote, "/a/*", "/affiliates", "/affiliates/*")
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
