package paykickstart

// Space, HashOf and the ids are for tests outside of the package.
var (
	Space = space
	Spell = spellID
)

// Number is the number behind an id.
func Number(prefix, text string) int64 { return numberOfID(prefix, text) }

// Paths are the addresses of the door.
func Paths() []string {
	var list []string
	for _, r := range (&Door{}).routes() {
		list = append(list, r.path)
	}
	return list
}
