package dashboard

// billingPages are the routes of what is done to subscriptions, invoices, credit notes
// and customers beyond the plain pages.
func billingPages() map[string]page {
	const subs, account = "/app/{account}/subscriptions/{id}", "/app/{account}/"
	list := map[string]page{
		"GET " + subs + "/change":                         {subscriptions, (*visit).changeForm},
		"POST " + subs + "/change":                        {subscriptions, (*visit).change},
		"POST " + subs + "/undo-change":                   {subscriptions, (*visit).undoChange},
		"POST " + subs + "/undo-pause":                    {subscriptions, (*visit).undoPause},
		"POST " + subs + "/items/{item}/remove":           {subscriptions, (*visit).removeItem},
		"POST " + subs + "/coupons/{coupon}/remove":       {subscriptions, (*visit).removeCoupon},
		"GET " + account + "credit-notes":                 {see, (*visit).creditNotes},
		"GET " + account + "credit-notes/{id}":            {see, (*visit).creditNote},
		"POST " + account + "customers/{id}/check-tax-id": {subscriptions, (*visit).checkTaxID},
	}
	for _, a := range []action[detail]{pauseAction, unpauseAction, skipAction, moveAction, reactivateAction, couponAction, itemAction, cancelAction} {
		a.routes(list, subs, subscriptions)
	}
	creditNoteAction.routes(list, account+"invoices/{id}", refunds)
	giveUpAction.routes(list, account+"invoices/{id}", refunds)
	creditAction.routes(list, account+"customers/{id}", refunds)
	prepaidAction.routes(list, account+"customers/{id}", refunds)
	return list
}
