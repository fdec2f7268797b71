package web

import (
	"net/http"
	"strings"

	"perennial/internal/id"
)

// clickCookie begins the names of the cookies in which a browser remembers by whose links it
// came: one for each campaign, so that each lives as long as its programme says.
const clickCookie = "aff_"

// maxRemembered is how many clicks on links of one campaign a browser remembers: the first
// one, and the last ones.
const maxRemembered = 8

// maxClicks is how many clicks are read of a request.
const maxClicks = 50

// RememberClick lets the browser remember a click on a link of an affiliate for so many days.
func RememberClick(w http.ResponseWriter, r *http.Request, campaign id.Campaign, click id.Click, days int, secure bool) {
	name := clickCookie + campaign.String()
	var list []string
	if c, err := r.Cookie(name); err == nil {
		for _, v := range clicksIn(c.Value) {
			list = append(list, v.String())
		}
	}
	if list = append(list, click.String()); len(list) > maxRemembered {
		list = append(list[:1:1], list[len(list)-maxRemembered+1:]...)
	}
	http.SetCookie(w, &http.Cookie{Name: name, Value: strings.Join(list, "."), Path: "/", MaxAge: days * 24 * 60 * 60, HttpOnly: true, // #nosec G124 -- no secret; Secure whenever the connection is
		Secure: secure || r.TLS != nil, SameSite: http.SameSiteLaxMode})
}

// Clicks are the clicks on links of affiliates that the browser remembers, of all campaigns.
func Clicks(r *http.Request) []id.Click {
	var list []id.Click
	for _, c := range r.Cookies() {
		if strings.HasPrefix(c.Name, clickCookie) {
			list = append(list, clicksIn(c.Value)...)
		}
	}
	if len(list) > maxClicks {
		list = list[:maxClicks]
	}
	return list
}

func clicksIn(value string) []id.Click {
	var list []id.Click
	for text := range strings.SplitSeq(value, ".") {
		if v, err := id.Parse[id.Click](text); err == nil {
			list = append(list, v)
		}
		if len(list) == maxClicks {
			break
		}
	}
	return list
}
