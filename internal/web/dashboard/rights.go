package dashboard

import "perennial/internal/account"

// right is what a member may do in an account.
type right string

// The rights, in the words of the page that refuses them.
const (
	see           right = "see customers and money"
	subscriptions right = "change customers and subscriptions"
	refunds       right = "refund and void"
	products      right = "change the catalog"
	taxes         right = "change taxes and billing settings"
	keys          right = "manage API keys"
	mailing       right = "change e-mails"
	promoting     right = "manage affiliates"
)

// grantors says who has a right, for the page that refuses it.
var grantors = map[right]string{
	see:           "Any owner or admin",
	subscriptions: "An owner, admin, or someone in finance or support",
	refunds:       "An owner, admin, or someone in finance or support",
	products:      "An owner or admin",
	taxes:         "An owner, admin, or someone in finance",
	keys:          "An owner, admin or developer",
	mailing:       "An owner or admin",
	promoting:     "An owner, admin, or someone in finance",
}

// may reports whether a role has a right. A developer works in the sandbox only.
func may(role account.Role, r right, mode account.Mode) bool {
	switch role {
	case account.Owner, account.Admin:
		return true
	case account.Finance, account.Support:
		return r == see || r == subscriptions || r == refunds || (r == taxes || r == promoting) && role == account.Finance
	case account.Developer:
		return r == keys || r == see || mode == account.Sandbox && r != products && r != taxes && r != mailing && r != promoting
	case account.Analyst:
		return r == see
	}
	return false
}
