package usage

import "testing"

// A key drawn at random may look like a card number; one that somebody wrote may not.
func TestKeysThatLookLikeCards(t *testing.T) {
	t.Parallel()
	for key, good := range map[string]bool{
		"4242424242424242": false, "4242-4242-4242-4242": false, "my card 4242424242424242": false, "order 4242424242424242": false,
		"a4242424242424242": true, "4242424242424242-4f": true, "c9bf9e57-1685-4c89-bafb-ff5af830be8a": true, "order-17": true, "": false, "tab\t": false,
	} {
		if goodKey(key) != good {
			t.Errorf("%q: taken is %v, want %v", key, !good, good)
		}
	}
}
