package webtest

import (
	"context"
	"net/http"

	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
)

// Cookies are those that the browser would send to the page it is on, so that a
// test can ask for something with the browser's session.
func (b *Browser) Cookies() []*http.Cookie {
	b.t.Helper()
	var list []*http.Cookie
	b.do("read the cookies", chromedp.Func(func(ctx context.Context, _ *chromedp.Target) error {
		found, err := chromedp.Call(ctx, network.GetCookies, network.GetCookiesParams{})
		if err != nil {
			return err
		}
		for _, c := range found.Cookies {
			list = append(list, &http.Cookie{Name: c.Name, Value: c.Value})
		}
		return nil
	}))
	return list
}
